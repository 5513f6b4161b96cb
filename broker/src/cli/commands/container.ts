import { brokerKeyNames } from '../../config/broker-values';
import { environmentProperties } from '../../config/environment';
import { defineCommand } from '../command';
import type { CliContext } from '../context';
import { text } from '../options';
import { hostAndPort } from '../serve/host-and-port';
import { runBroker } from '../serve/run-broker';
import { logOptions, serverLog } from '../serve/server-log';
import { startZooKeeper } from '../serve/start-zookeeper';
import { zooKeeperClientLogin, zooKeeperServerUsers } from '../zookeeper/java-login';
import { configOf } from './broker';

/** What the image starts: a broker by KAFKA_… variables. */
export const container = defineCommand({
  summary: 'Run a broker by its KAFKA_… variables, with a ZooKeeper of its own if none is named.',
  options: {
    directory: text('directory', 'Where all data is kept.', { fallback: '/var/lib/odradek' }),
    http: text('host:port', 'Where /live, /ready and /metrics are.', { fallback: '0.0.0.0:9404' }),
    ...logOptions,
  },
  examples: ['%', 'KAFKA_ZOOKEEPER_CONNECT=zookeeper:2181 KAFKA_NUM_PARTITIONS=3 %'],
  notes:
    'KAFKA_LOG_RETENTION_HOURS sets log.retention.hours: a dot is _, an underscore is __, a hyphen is ___.\n' +
    'Without KAFKA_ZOOKEEPER_CONNECT the ZooKeeper inside listens on port 2181, and the replication factors are 1.',
  async run({ options }, context) {
    const logger = serverLog(options);
    const http = hostAndPort('--http', options.http);
    const given = environmentProperties(context.env, brokerKeyNames);
    const isAlone = !given.has('zookeeper.connect');
    const advertisedHost = isAlone ? 'localhost' : context.io.network.hostname();
    const properties = new Map<string, string>([
      ['log.dirs', `${options.directory}/kafka-logs`],
      ['zookeeper.connect', '127.0.0.1:2181'],
      ...(isAlone ? alone : []),
      // Who says where to listen says where to be found, too.
      ...(given.has('listeners') || given.has('advertised.listeners')
        ? []
        : ([
            ['listeners', 'PLAINTEXT://0.0.0.0:9092'],
            ['advertised.listeners', `PLAINTEXT://${advertisedHost}:9092`],
          ] as const)),
      ...given,
    ]);
    const { config, warnings } = configOf('The environment (KAFKA_…)', properties);
    const zookeeper = isAlone
      ? await startZooKeeper(context, logger, {
          host: '0.0.0.0',
          port: 2181,
          dataDir: `${options.directory}/zookeeper`,
          maxClientCnxns: 0,
          // The broker beside it logs in by the same file.
          saslUsers: (await zooKeeperServerUsers(context)) ?? (await ownLogin(context)),
        })
      : undefined;
    try {
      return await runBroker(context, logger, { config, warnings, waitForZooKeeper: true, http });
    } finally {
      await zookeeper?.close();
    }
  },
});

async function ownLogin(context: CliContext): Promise<ReadonlyMap<string, string> | undefined> {
  const login = await zooKeeperClientLogin(context);
  return login && new Map([[login.username, login.password]]);
}

/** What a cluster of one broker cannot have otherwise. */
const alone: readonly (readonly [string, string])[] = [
  ['broker.id', '0'],
  ['offsets.topic.replication.factor', '1'],
  ['transaction.state.log.replication.factor', '1'],
  ['transaction.state.log.min.isr', '1'],
];
