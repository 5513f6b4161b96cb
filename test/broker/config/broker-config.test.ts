import { describe, expect, it } from 'vitest';
import { BrokerConfig, ConfigError, parseProperties, type ConfigWarning } from '../../../broker/src/config';

const minimal = { 'broker.id': '1', 'zookeeper.connect': 'localhost:2181' };

function from(properties: Record<string, string>, overrides: Record<string, string> = {}) {
  return BrokerConfig.from(new Map(Object.entries({ ...minimal, ...properties })), new Map(Object.entries(overrides)));
}

function errorOf(properties: Record<string, string>): ConfigError {
  try {
    from(properties);
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error('accepted');
}

function warningsOf(properties: Record<string, string>): readonly ConfigWarning[] {
  return from(properties).warnings;
}

describe('values', () => {
  it('are those written, trimmed, over the defaults', () => {
    const { config } = from({
      'num.partitions': ' 7 ',
      'broker.rack': ' a b ',
      'log.cleanup.policy': 'delete , compact',
    });
    expect(config.get('num.partitions')).toBe(7);
    expect(config.get('broker.rack')).toBe('a b');
    expect(config.get('log.cleanup.policy')).toEqual(['delete', 'compact']);
    expect(config.get('default.replication.factor')).toBe(1);
    expect(config.get('log.retention.ms')).toBeNull();
    expect(config.isSet('num.partitions')).toBe(true);
    expect(config.isSet('default.replication.factor')).toBe(false);
  });

  it('of longs keep their text where a number cannot hold them', () => {
    const { config } = from({ 'log.flush.interval.messages': '9223372036854775806' });
    expect(config.text('log.flush.interval.messages')).toBe('9223372036854775806');
    expect(config.get('log.flush.interval.messages')).toBeGreaterThan(9.2e18);
    expect(from({}).config.text('log.flush.interval.messages')).toBe('9223372036854775807');
  });

  it('are overridden by overrides', () => {
    expect(from({ 'broker.id': '3' }, { 'broker.id': '4' }).config.get('broker.id')).toBe(4);
  });

  it('of broker.id and node.id are one', () => {
    expect(from({}).config.get('node.id')).toBe(1);
    const { config } = BrokerConfig.from(parseProperties('node.id=7\nzookeeper.connect=h'));
    expect(config.get('broker.id')).toBe(7);
  });

  it('of synonyms: the finer unit wins', () => {
    const hours = { 'log.retention.hours': '1', 'log.roll.hours': '2', 'log.roll.jitter.hours': '1' };
    expect(from(hours).config.logRetentionMs).toBe(3_600_000);
    expect(from(hours).config.logRollMs).toBe(7_200_000);
    expect(from(hours).config.logRollJitterMs).toBe(3_600_000);
    expect(from({ ...hours, 'log.retention.minutes': '3' }).config.logRetentionMs).toBe(180_000);
    const ms = { 'log.retention.minutes': '3', 'log.retention.ms': '5', 'log.roll.ms': '6', 'log.roll.jitter.ms': '7' };
    expect(from({ ...hours, ...ms }).config.logRetentionMs).toBe(5);
    expect(from({ ...hours, ...ms }).config.logRollMs).toBe(6);
    expect(from({ ...hours, ...ms }).config.logRollJitterMs).toBe(7);
    expect(from({ 'log.retention.hours': '-3' }).config.logRetentionMs).toBe(-1);
  });

  it('that stand in for others', () => {
    const { config } = from({ 'zookeeper.session.timeout.ms': '5', 'log.flush.scheduler.interval.ms': '6' });
    expect(config.zookeeperConnectionTimeoutMs).toBe(5);
    expect(config.logFlushIntervalMs).toBe(6);
    expect(config.logDirs).toEqual(['/tmp/kafka-logs']);
    expect(from({ 'log.dirs': '/a, /b' }).config.logDirs).toEqual(['/a', '/b']);
    expect([...from({ 'max.connections.per.ip.overrides': '::1:5,h:6' }).config.maxConnectionsPerIpOverrides]).toEqual([
      ['::1', 5],
      ['h', 6],
    ]);
  });
});

describe('listeners', () => {
  it('are advertised as they are unless that is said', () => {
    const { config } = from({ listeners: 'PLAINTEXT://h:1' });
    expect(config.advertisedListeners).toEqual(config.listeners);
    expect(config.interBrokerListenerName).toBe('PLAINTEXT');
    expect(config.controlPlaneListenerName).toBeNull();
    const separate = from({ listeners: 'PLAINTEXT://0.0.0.0:1', 'advertised.listeners': 'PLAINTEXT://h:2' }).config;
    expect(separate.advertisedListeners.map(({ host, port }) => [host, port])).toEqual([['h', 2]]);
  });

  it.each<[Record<string, string>, RegExp]>([
    [{ listeners: 'PLAINTEXT://0.0.0.0:1' }, /nobody can connect to the address 0\.0\.0\.0/],
    [{ listeners: '' }, /there is no listener/],
    [
      { listeners: 'SSL://:1' },
      /the listener SSL is SSL, which is not supported yet by this broker; accepted is PLAINTEXT/,
    ],
    [{ listeners: 'PLAINTEXT://:1,SASL_PLAINTEXT://:2' }, /the listener SASL_PLAINTEXT is SASL_PLAINTEXT/],
    [{ 'security.inter.broker.protocol': 'SSL' }, /not supported yet by this broker; only PLAINTEXT is/],
    [
      { listeners: 'A://:1', 'listener.security.protocol.map': 'A:PLAINTEXT' },
      /brokers would talk over the listener PLAINTEXT/,
    ],
    [{ 'inter.broker.listener.name': 'X' }, /X is not in listener\.security\.protocol\.map/],
    [
      { 'inter.broker.listener.name': 'PLAINTEXT', 'security.inter.broker.protocol': 'PLAINTEXT' },
      /security\.inter\.broker\.protocol is set too/,
    ],
    [{ 'advertised.listeners': 'SSL://h:1' }, /SSL is no listener; accepted is one of PLAINTEXT/],
    [
      { 'listener.security.protocol.map': 'PLAINTEXT:TLS' },
      /TLS is no security protocol; accepted is one of PLAINTEXT, SSL/,
    ],
    [{ 'control.plane.listener.name': 'PLAINTEXT' }, /it is the listener between brokers/],
    [{ 'early.start.listeners': 'X' }, /X is no listener/],
  ])('%o are refused', (properties, message) => {
    expect(errorOf(properties).message).toMatch(message);
  });
});

describe('errors', () => {
  it('list every bad key with its value and what is accepted', () => {
    const { problems, message } = errorOf({
      'num.io.threads': '0',
      'num.partitions': 'many',
      'log.cleanup.policy': 'shrink',
      'replica.fetch.wait.max.ms': '40000',
      'log.retention.ms': '0',
    });
    expect(problems.map(({ key }) => key)).toEqual([
      'num.io.threads',
      'num.partitions',
      'log.cleanup.policy',
      'log.retention.ms',
      'replica.fetch.wait.max.ms',
      'replica.fetch.wait.max.ms',
    ]);
    expect(message).toBe(
      [
        '6 problems in the configuration:',
        '  num.io.threads=0: accepted is a 32-bit integer, 1 or more',
        '  num.partitions=many: accepted is a 32-bit integer, 1 or more',
        '  log.cleanup.policy=shrink: accepted is a list of compact, delete',
        '  log.retention.ms=0: accepted is 1 or more, or -1 for ever',
        '  replica.fetch.wait.max.ms=40000: accepted is at most replica.socket.timeout.ms, which is 30000',
        '  replica.fetch.wait.max.ms=40000: accepted is at most replica.lag.time.max.ms, which is 30000',
      ].join('\n'),
    );
  });

  it('of a single key are a single line', () => {
    expect(errorOf({ 'broker.id': 'x' }).message).toBe('broker.id=x: accepted is a 32-bit integer');
  });

  it('name a key that is missing', () => {
    expect(() => BrokerConfig.from(new Map([['broker.id', '1']]))).toThrow(/^zookeeper\.connect: missing; accepted is/);
  });

  it('show no password, and of a long value only its beginning', () => {
    expect(errorOf({ 'num.partitions': 'x'.repeat(10_000) }).message.length).toBeLessThan(300);
    const { message } = errorOf({ 'listener.name.plaintext.sasl.jaas.config': 'secret', 'broker.id': '-7' });
    expect(message).not.toContain('secret');
  });

  it.each<[Record<string, string>, RegExp]>([
    [{ 'process.roles': 'broker' }, /remove it and set zookeeper\.connect/],
    [{ 'controller.quorum.voters': '1@h:1' }, /this broker keeps its metadata in ZooKeeper/],
    [{ 'zookeeper.metadata.migration.enable': 'true' }, /let Apache Kafka brokers do the migration/],
    [{ 'remote.log.storage.system.enable': 'true' }, /remote storage is not supported/],
    [{ 'authorizer.class.name': 'kafka.security.authorizer.AclAuthorizer' }, /not supported yet by this broker/],
    [{ 'zookeeper.ssl.crl.enable': 'true' }, /was revoked; leave it false/],
    [{ 'node.id': '2' }, /differs from broker\.id, which is 1/],
    [{ 'config.providers': 'file' }, /config providers are not supported/],
    [{ 'broker.id': '1001' }, /accepted is -1, or from 0 to reserved\.broker\.max\.id, which is 1000/],
    [
      { 'listener.name.plaintext.max.connections': '-1' },
      /listener\.name\.plaintext\.max\.connections=-1: accepted is/,
    ],
  ])('refuse %o', (properties, message) => {
    expect(errorOf(properties).message).toMatch(message);
  });

  it('let refused keys be there with their defaults', () => {
    const defaults = { 'process.roles': '', 'zookeeper.ssl.crl.enable': ' FALSE ', 'authorizer.class.name': '' };
    expect(() => from(defaults)).not.toThrow();
  });

  it.each([
    [
      'principal.builder.class',
      'org.apache.kafka.common.security.authenticator.DefaultKafkaPrincipalBuilder',
      'com.x.Builder',
    ],
    ['replica.selector.class', 'org.apache.kafka.common.replica.RackAwareReplicaSelector', 'com.x.Selector'],
    [
      'metric.reporters',
      'org.apache.kafka.common.metrics.JmxReporter',
      'org.apache.kafka.common.metrics.JmxReporter,com.x.R',
    ],
  ])('let %s name a class of Kafka and no other', (key, known, foreign) => {
    expect(() => from({ [key]: known })).not.toThrow();
    expect(errorOf({ [key]: foreign }).message).toContain(`cannot load; accepted is ${known}`);
  });

  it('are found without throwing by who only writes the file', () => {
    const { problems, warnings } = BrokerConfig.check(
      new Map([
        ['num.partitions', '0'],
        ['port', '1'],
      ]),
    );
    expect(problems.map(({ key }) => key)).toEqual(['num.partitions', 'zookeeper.connect']);
    expect(warnings.map(({ key }) => key)).toEqual(['port']);
  });
});

describe('warnings', () => {
  it.each<[string, string, ConfigWarning['kind'], RegExp]>([
    ['log.retention.hour', '1', 'unknown', /Did you mean log\.retention\.hours\?/],
    ['my.plugin.secret', 'hush', 'unknown', /^my\.plugin\.secret is no key of Kafka 3\.9 and has no effect\.$/],
    ['retention.ms', '1', 'unknown', /is a key of topics .*log\.retention\.ms or log\.retention\.minutes/],
    ['port', '9092', 'removed', /use listeners=PLAINTEXT:\/\/HOST:PORT/],
    ['advertised.host.name', 'h', 'removed', /use advertised\.listeners/],
    ['replica.lag.max.messages', '4000', 'removed', /use replica\.lag\.time\.max\.ms/],
    ['zookeeper.sync.time.ms', '1', 'removed', /nothing replaces it/],
    ['num.io.threads', '8', 'without-effect', /one event loop/],
    ['delegation.token.master.key', 'k', 'deprecated', /use delegation\.token\.secret\.key/],
    ['listener.name.plaintext.max.connections', '5', 'without-effect', /keys of a single listener/],
  ])('say of %s=%s that it is %s', (key, value, kind, message) => {
    const found = warningsOf({ [key]: value }).filter((warning) => warning.kind === kind);
    expect(found).toHaveLength(1);
    expect(found[0]?.key).toBe(key);
    expect(found[0]?.message).toMatch(message);
    expect(found[0]?.message).not.toContain('hush');
  });

  it('are none for keys that act', () => {
    expect(warningsOf({ 'log.dirs': '/a', 'num.partitions': '3', 'offsets.topic.replication.factor': '1' })).toEqual(
      [],
    );
  });
});

describe('dynamic settings', () => {
  it('win over the file, those of the broker over those of the cluster, whatever their unit', () => {
    const { config } = from({ 'log.retention.ms': '1', 'num.partitions': '2' });
    config.updateDynamic('cluster', new Map([['log.retention.ms', '3600000']]));
    expect(config.logRetentionMs).toBe(3_600_000);
    config.updateDynamic('broker', new Map([['log.retention.ms', '7']]));
    expect(config.logRetentionMs).toBe(7);
    config.updateDynamic('broker', new Map());
    config.updateDynamic('cluster', new Map());
    expect(config.logRetentionMs).toBe(1);
    expect(config.dynamicProperties('cluster').size).toBe(0);
  });

  it('tell subscribers which keys changed, and only then', () => {
    const { config } = from({});
    const heard: string[][] = [];
    const stop = config.subscribe((changed) => heard.push([...changed]));
    config.updateDynamic('cluster', new Map([['log.segment.bytes', '1000']]));
    config.updateDynamic('cluster', new Map([['log.segment.bytes', '1000']]));
    config.updateDynamic('broker', new Map([['log.segment.bytes', '1000']]));
    stop();
    config.updateDynamic('cluster', new Map());
    expect(heard).toEqual([['log.segment.bytes']]);
  });

  it('that are no good are left out when they are there already', () => {
    const { config } = from({});
    const warnings = config.updateDynamic(
      'cluster',
      new Map([
        ['log.segment.bytes', '1000'],
        ['num.partitions', '9'],
        ['log.retention.bytes', 'x'],
        ['ssl.keystore.location', '/x'],
      ]),
    );
    expect(warnings.map(({ key }) => key)).toEqual(['num.partitions', 'log.retention.bytes', 'ssl.keystore.location']);
    expect(config.get('log.segment.bytes')).toBe(1000);
    expect(config.get('num.partitions')).toBe(1);
    expect(config.updateDynamic('cluster', new Map([['log.retention.ms', '0']]))).toHaveLength(1);
    expect(config.get('log.segment.bytes')).toBe(1000);
  });

  it.each<['cluster' | 'broker', Record<string, string>, RegExp]>([
    ['cluster', { 'num.partitions': '3' }, /num\.partitions=3: cannot change while the broker runs/],
    ['cluster', { 'sasl.enabled.mechanisms': 'PLAIN' }, /is a setting of one broker/],
    ['broker', { 'ssl.keystore.password': 'secret' }, /\[hidden\]: can change for one listener only/],
    ['cluster', { 'log.segment.bytes': '1' }, /accepted is a 32-bit integer, 14 or more/],
    ['cluster', { 'log.retention.ms': '0' }, /accepted is 1 or more, or -1 for ever/],
    ['cluster', { 'num.io.threads': '17' }, /accepted is from 4 to 16/],
    ['broker', { listeners: 'PLAINTEXT://:1' }, /set it in server\.properties and restart/],
  ])('for the %s of %o are refused before they are stored', (scope, settings, message) => {
    const { config } = from({});
    expect(() => config.validateDynamic(scope, new Map(Object.entries(settings)))).toThrow(message);
  });

  it('that are fine are accepted, and change nothing yet', () => {
    const { config } = from({});
    config.validateDynamic(
      'cluster',
      new Map([
        ['log.retention.ms', '5'],
        ['my.plugin.key', 'x'],
      ]),
    );
    config.validateDynamic(
      'broker',
      new Map([
        ['leader.replication.throttled.rate', '5'],
        ['listeners', 'PLAINTEXT://:9092'],
      ]),
    );
    expect(config.logRetentionMs).toBe(604_800_000);
  });
});

it('reads the server.properties that Kafka 3.9 ships for ZooKeeper', () => {
  const shipped = `
broker.id=0
#listeners=PLAINTEXT://:9092
num.network.threads=3
num.io.threads=8
socket.send.buffer.bytes=102400
socket.receive.buffer.bytes=102400
socket.request.max.bytes=104857600
log.dirs=/tmp/kafka-logs
num.partitions=1
num.recovery.threads.per.data.dir=1
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
log.retention.hours=168
log.retention.check.interval.ms=300000
zookeeper.connect=localhost:2181
zookeeper.connection.timeout.ms=18000
group.initial.rebalance.delay.ms=0
`;
  const { config, warnings } = BrokerConfig.from(parseProperties(shipped));
  expect(config.get('group.initial.rebalance.delay.ms')).toBe(0);
  expect(warnings.every(({ kind }) => kind === 'without-effect')).toBe(true);
});
