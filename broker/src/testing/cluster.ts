import { BrokerConfig } from '../config/broker-config';
import { nodeIo } from '../io/node';
import type { Io } from '../io/io';
import { type Logger, silentLogger } from '../logging/logger';
import { Broker } from '../server/broker';
import { ZooKeeperServer } from '../zookeeper/server/zookeeper-server';

export interface TestClusterOptions {
  /** Brokers. One is what there is until they replicate. @default 1 */
  readonly brokers?: number;
  /** Keys of server.properties that differ from what a test wants. */
  readonly config?: Readonly<Record<string, string | number | boolean>>;
  /** First broker's port, the next ones have the next; 0: free ones. @default 0 */
  readonly port?: number;
  /** @default nothing is logged */
  readonly logger?: Logger;
  /** Directory for the log directories, made anew inside it. @default the system's temporary directory */
  readonly directory?: string;
}

/** A running cluster. `await using` closes it and removes its files. */
export interface TestCluster extends AsyncDisposable {
  /** host:port of every broker, comma-separated. */
  readonly bootstrapServers: string;
  /** host:port of the ZooKeeper. */
  readonly zookeeperConnect: string;
  readonly clusterId: string;
  readonly brokers: readonly Broker[];
  close(): Promise<void>;
}

/** What a test wants otherwise than Kafka's defaults: small internal topics, no waiting, nothing flushed for safety. */
const testDefaults: Readonly<Record<string, string>> = {
  'offsets.topic.replication.factor': '1',
  'offsets.topic.num.partitions': '1',
  'transaction.state.log.replication.factor': '1',
  'transaction.state.log.min.isr': '1',
  'transaction.state.log.num.partitions': '1',
  'group.initial.rebalance.delay.ms': '0',
  'log.segment.delete.delay.ms': '0',
};

/**
 * Starts a cluster on 127.0.0.1; resolves when it answers (a few tens of milliseconds).
 * @throws RangeError for a number of brokers that is not served
 */
export async function startCluster(options: TestClusterOptions = {}): Promise<TestCluster> {
  const count = options.brokers ?? 1;
  if (count !== 1) {
    throw new RangeError(`brokers: ${count}; accepted is 1: brokers do not replicate yet`);
  }
  const io = nodeIo();
  const logger = options.logger ?? silentLogger;
  const directory = `${options.directory ?? process.env.TMPDIR ?? '/tmp'}/odradek-${io.random.bytes(8).toString('hex')}`;
  const undo: (() => Promise<unknown>)[] = [() => io.files.removeDirectory(directory)];
  const close = async (): Promise<void> => {
    for (const stop of undo.splice(0).reverse()) await stop();
  };
  try {
    await io.files.makeDirectory(directory);
    const zookeeper = await ZooKeeperServer.start(io, logger);
    undo.push(() => zookeeper.close());
    const zookeeperConnect = `127.0.0.1:${zookeeper.port}`;
    const broker = await startBroker(io, logger, 0, directory, zookeeperConnect, options);
    undo.push(() => broker.close());
    return {
      bootstrapServers: broker.bootstrapServers,
      zookeeperConnect,
      clusterId: broker.clusterId,
      brokers: [broker],
      close,
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function startBroker(
  io: Io,
  logger: Logger,
  id: number,
  directory: string,
  zookeeperConnect: string,
  options: TestClusterOptions,
): Promise<Broker> {
  const port = options.port ? options.port + id : 0;
  const properties = new Map(
    Object.entries({
      'broker.id': String(id),
      listeners: `PLAINTEXT://127.0.0.1:${port}`,
      'log.dirs': `${directory}/broker-${id}`,
      'zookeeper.connect': zookeeperConnect,
      ...testDefaults,
    }),
  );
  const overrides = new Map(Object.entries(options.config ?? {}).map(([key, value]) => [key, String(value)]));
  const { config, warnings } = BrokerConfig.from(properties, overrides);
  // Our own keys are no news to the caller.
  for (const { key, message } of warnings) if (overrides.has(key)) logger.warn(message);
  return Broker.start(io, logger, { config, processMetrics: false });
}
