import { expect, it } from 'vitest';
import { brokerKeyNames, environmentProperties } from '../../../broker/src/config';

function keys(environment: Record<string, string>): Record<string, string> {
  return Object.fromEntries(environmentProperties(environment, brokerKeyNames));
}

it('turns variables into keys by the rules of Apache Kafka’s image', () => {
  expect(
    keys({
      KAFKA_LOG_RETENTION_HOURS: '5',
      KAFKA_ADVERTISED_LISTENERS: 'PLAINTEXT://h:1',
      KAFKA_A__B: 'underscore',
      KAFKA_A___B: 'hyphen',
      KAFKA_KAFKA_METRICS_POLLING_INTERVAL_SECS: '9',
      KAFKA_ZOOKEEPER_CLIENTCNXNSOCKET: 'x',
      KAFKA_BROKER_ID: '',
      PATH: '/bin',
      XKAFKA_LOG_DIR: 'no',
    }),
  ).toEqual({
    'log.retention.hours': '5',
    'advertised.listeners': 'PLAINTEXT://h:1',
    a_b: 'underscore',
    'a-b': 'hyphen',
    'kafka.metrics.polling.interval.secs': '9',
    'zookeeper.clientCnxnSocket': 'x',
    'broker.id': '',
  });
});

it('leaves out what scripts read', () => {
  const names = [
    'HEAP_OPTS',
    'OPTS',
    'LOG4J_OPTS',
    'JMX_OPTS',
    'JVM_PERFORMANCE_OPTS',
    'GC_LOG_OPTS',
    'VERSION',
    'JMX_PORT',
  ];
  expect(keys(Object.fromEntries(names.map((name) => [`KAFKA_${name}`, 'x'])))).toEqual({});
});

it('leaves out what service links put there', () => {
  expect(
    keys({
      KAFKA_PORT: '9092',
      KAFKA_SERVICE_HOST: '10.0.0.1',
      KAFKA_SERVICE_PORT: '9092',
      KAFKA_SERVICE_PORT_CLIENT: '9092',
      KAFKA_PORT_9092_TCP: 'tcp://10.0.0.1:9092',
      KAFKA_PORT_9092_TCP_ADDR: '10.0.0.1',
      KAFKA_PORT_9092_TCP_PORT: '9092',
      KAFKA_PORT_9092_TCP_PROTO: 'tcp',
      KAFKA_TEST_PORT: 'tcp://10.0.0.2:9092',
      KAFKA_TEST_SERVICE_HOST: '10.0.0.2',
      KAFKA_TEST_PORT_9092_TCP_ADDR: '10.0.0.2',
    }),
  ).toEqual({});
});

it('but keeps a key of older Kafka that looks alike, so that its user is told', () => {
  expect(keys({ KAFKA_ADVERTISED_PORT: '9092' })).toEqual({ 'advertised.port': '9092' });
});
