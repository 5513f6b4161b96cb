import { BrokerConfig } from '../config/broker-config';
import { nodeIo } from '../io/node';
import type { Io } from '../io/io';
import { type LogFields, type Logger, silentLogger } from '../logging/logger';
import { Broker } from '../server/broker';
import { ZooKeeperServer } from '../zookeeper/server/zookeeper-server';
import { KillableIo } from './killable-io';

export interface TestClusterOptions {
  /** Brokers, with the ids 0, 1, … @default 1 */
  readonly brokers?: number;
  /** Keys of server.properties that differ from what a test wants; all brokers have them. */
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
  /** By id; the last one that ran, where one is stopped. */
  readonly brokers: readonly Broker[];
  /** Shuts a broker down in order: others have its leaderships when it is gone. */
  stop(brokerId: number): Promise<void>;
  /**
   * Ends a broker as kill -9 does, in the middle of whatever it does: its connections are cut, nothing is handed over,
   * flushed or answered. Its ZooKeeper session ends at once, as if its timeout had passed, so others take over soon.
   * Nothing can be asked of its object any more.
   */
  kill(brokerId: number): Promise<void>;
  /** Starts a broker again, on its port and its files; one that runs is shut down first. */
  restart(brokerId: number): Promise<Broker>;
  close(): Promise<void>;
}

const mostBrokers = 100;

type Level = Exclude<keyof Logger, 'child'>;

/** What a test wants otherwise than Kafka's defaults: small internal topics, no waiting, nothing flushed for safety. */
function testDefaults(brokers: number): Readonly<Record<string, string>> {
  const replicas = String(Math.min(brokers, 3));
  const minIsr = String(Math.min(brokers, 2));
  return {
    'default.replication.factor': replicas,
    'offsets.topic.replication.factor': replicas,
    'offsets.topic.num.partitions': '1',
    'transaction.state.log.replication.factor': replicas,
    'transaction.state.log.min.isr': minIsr,
    'transaction.state.log.num.partitions': '1',
    'group.initial.rebalance.delay.ms': '0',
    'log.segment.delete.delay.ms': '0',
    'controlled.shutdown.retry.backoff.ms': '100',
  };
}

/**
 * Starts a cluster on 127.0.0.1; resolves when it answers (a few tens of milliseconds), every broker knowing the others.
 * @throws RangeError for a number of brokers that is not served
 */
export async function startCluster(options: TestClusterOptions = {}): Promise<TestCluster> {
  const count = options.brokers ?? 1;
  if (!Number.isInteger(count) || count < 1 || count > mostBrokers) {
    throw new RangeError(`brokers: ${count}; accepted is a whole number from 1 to ${mostBrokers}`);
  }
  const cluster = new InProcessCluster(options, count);
  try {
    await cluster.start();
    return cluster;
  } catch (error) {
    await cluster.close();
    throw error;
  }
}

class InProcessCluster implements TestCluster {
  readonly brokers: Broker[] = [];
  /** Of the brokers, by id; a start has a new one. */
  readonly #lives: KillableIo[] = [];
  readonly #io = nodeIo();
  readonly #logger: Logger;
  readonly #directory: string;
  /** Of the brokers, by id: one that is started again has its port again. */
  readonly #ports: number[] = [];
  #zookeeper: ZooKeeperServer | undefined;
  #closing: Promise<void> | undefined;

  constructor(
    private readonly options: TestClusterOptions,
    private readonly count: number,
  ) {
    this.#logger = options.logger ?? silentLogger;
    const parent = options.directory ?? process.env.TMPDIR ?? '/tmp';
    this.#directory = `${parent}/odradek-${this.#io.random.bytes(8).toString('hex')}`;
  }

  get bootstrapServers(): string {
    return this.brokers.map(({ bootstrapServers }) => bootstrapServers).join(',');
  }

  get zookeeperConnect(): string {
    return `127.0.0.1:${this.#zookeeper?.port}`;
  }

  get clusterId(): string {
    return this.brokers[0].clusterId;
  }

  async start(): Promise<void> {
    await this.#io.files.makeDirectory(this.#directory);
    this.#zookeeper = await ZooKeeperServer.start(this.#io, this.#logger);
    const ids = Array.from({ length: this.count }, (_, id) => id);
    const started = await Promise.allSettled(ids.map((id) => this.#startBroker(id)));
    for (const each of started) if (each.status === 'fulfilled') this.brokers.push(each.value);
    for (const each of started) if (each.status === 'rejected') throw each.reason;
    // A topic that is created now is spread over all of them, whoever is asked.
    await Promise.all(this.brokers.map((broker) => broker.knowsBrokers(this.count)));
  }

  async stop(brokerId: number): Promise<void> {
    const broker = this.#broker('stop', brokerId);
    if (!this.#lives[brokerId].isKilled) await broker.close();
  }

  async kill(brokerId: number): Promise<void> {
    const { zooKeeperSessionId } = this.#broker('kill', brokerId);
    await this.#lives[brokerId].kill();
    this.#zookeeper?.expireSession(zooKeeperSessionId);
  }

  async restart(brokerId: number): Promise<Broker> {
    this.#broker('restart', brokerId);
    await this.stop(brokerId);
    const broker = await this.#startBroker(brokerId);
    this.brokers[brokerId] = broker;
    return broker;
  }

  close(): Promise<void> {
    this.#closing ??= this.#end();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** All at once, and nobody takes anything over: the cluster ends. */
  async #end(): Promise<void> {
    const running = this.brokers.filter((_, id) => !this.#lives[id].isKilled);
    await Promise.all(running.map((broker) => broker.close({ controlled: false })));
    await this.#zookeeper?.close();
    await this.#io.files.removeDirectory(this.#directory);
  }

  #broker(what: string, id: number): Broker {
    const broker = this.brokers[id];
    if (broker === undefined) {
      throw new RangeError(`${what}: there is no broker ${id}; accepted is 0 to ${this.count - 1}`);
    }
    return broker;
  }

  async #startBroker(id: number): Promise<Broker> {
    const life = new KillableIo(this.#io);
    this.#lives[id] = life;
    const broker = await startBroker(
      life,
      this.#loggerOf(life),
      {
        ...testDefaults(this.count),
        'broker.id': String(id),
        listeners: `PLAINTEXT://127.0.0.1:${this.#ports[id] ?? (this.options.port ? this.options.port + id : 0)}`,
        'log.dirs': `${this.#directory}/broker-${id}`,
        'zookeeper.connect': this.zookeeperConnect,
      },
      this.options.config,
      id === 0 && this.#ports[id] === undefined,
    );
    this.#ports[id] = Number(/:(\d+)/.exec(broker.bootstrapServers)?.[1]);
    return broker;
  }

  /** Brokers that end together warn of each other's end, which is no news then; one that is killed says nothing more. */
  #loggerOf(life: KillableIo): Logger {
    const heard = (logger: Logger): Logger => {
      const at = (level: Level) => (message: string, fields?: LogFields) => {
        if (life.isKilled) return;
        logger[level === 'warn' && this.#closing !== undefined ? 'info' : level](message, fields);
      };
      const child = (name: string): Logger => heard(logger.child(name));
      return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error'), child };
    };
    return heard(this.#logger);
  }
}

async function startBroker(
  io: Io,
  logger: Logger,
  own: Readonly<Record<string, string>>,
  given: TestClusterOptions['config'],
  isFirst: boolean,
): Promise<Broker> {
  const overrides = new Map(Object.entries(given ?? {}).map(([key, value]) => [key, String(value)]));
  const { config, warnings } = BrokerConfig.from(new Map(Object.entries(own)), overrides);
  // Our own keys are no news to the caller, and his own are one time.
  if (isFirst) for (const { key, message } of warnings) if (overrides.has(key)) logger.warn(message);
  return Broker.start(io, logger, { config, processMetrics: false });
}
