import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Lines } from './cluster-lines';
import { ownPort, until, type Ensemble, type ZooKeeperShell } from './cluster-zookeeper';
import { output, peers, root, Running, writeProperties, type Properties } from './harness';

export type Kind = 'odradek' | 'apache';

export interface ClusterOptions {
  /** One broker each, with the ids 1, 2, 3, … */
  readonly kinds: readonly Kind[];
  readonly ensemble: Ensemble;
  readonly directory: string;
  /** A chroot in the ensemble; the brokers' directories are named for it, too. */
  readonly name: string;
  readonly properties?: Properties;
  /** Brokers reach each other, and ZooKeeper, over `Lines`. */
  readonly lines?: boolean;
  /** Broker 1 is started first, and is the controller. */
  readonly oneByOne?: boolean;
}

const common: Properties = {
  'zookeeper.session.timeout.ms': '6000',
  'default.replication.factor': '3',
  'min.insync.replicas': '2',
  'offsets.topic.replication.factor': '3',
  'offsets.topic.num.partitions': '3',
  'transaction.state.log.replication.factor': '3',
  'transaction.state.log.min.isr': '2',
  'transaction.state.log.num.partitions': '3',
  'group.initial.rebalance.delay.ms': '0',
  'auto.create.topics.enable': 'false',
  // Elections are asked for where a test wants them.
  'auto.leader.rebalance.enable': 'false',
  'log.cleaner.dedupe.buffer.size': '16777216',
  'num.network.threads': '2',
  'num.io.threads': '4',
};

/** A broker's process, of either kind, on one server.properties and one log directory. */
export class ClusterBroker {
  /** What every process of this broker has printed. */
  #former = '';
  #running: Running | undefined;
  /** The last one was killed: its registration outlives it. */
  #wasKilled = false;

  constructor(
    readonly id: number,
    public kind: Kind,
    readonly port: number,
    readonly logDir: string,
    readonly propertiesFile: string,
    private readonly registered: () => Promise<boolean>,
  ) {}

  get bootstrap(): string {
    return `127.0.0.1:${this.port}`;
  }

  get isRunning(): boolean {
    return this.#running !== undefined;
  }

  get pid(): number {
    if (!this.#running) throw new Error(`broker ${this.id} does not run`);
    return this.#running.pid;
  }

  get log(): string {
    return this.#former + (this.#running?.log ?? '');
  }

  /** The lines of the log that match, after a length that it had. */
  lines(pattern: RegExp, after = 0): string[] {
    return this.log
      .slice(after)
      .split('\n')
      .filter((line) => pattern.test(line));
  }

  /** Resolves when it serves clients. Apache's broker does not start while a former one's registration is there. */
  async start(): Promise<void> {
    if (this.#running) throw new Error(`broker ${this.id} runs already`);
    if (this.kind === 'apache' && this.#wasKilled) {
      await until(`the registration of broker ${this.id} gone`, async () => !(await this.registered()));
    }
    this.#running = this.#spawn();
    try {
      await this.#running.printed(
        this.kind === 'apache' ? /\[KafkaServer id=\d+\] started/ : /serves clients/,
        120_000,
      );
    } catch (error) {
      await this.#end('SIGKILL');
      throw error;
    }
  }

  #spawn(): Running {
    if (this.kind === 'odradek') {
      return new Running(process.execPath, [path.join(root, 'broker/bin/odradek.js'), 'broker', this.propertiesFile]);
    }
    const jvm = '-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xshare:auto -Djava.awt.headless=true';
    const env = { KAFKA_HEAP: '-Xmx512M', KAFKA_JVM: jvm };
    return new Running(path.join(peers, 'kafka'), ['3.9', 'server', this.propertiesFile], { env });
  }

  async #end(signal: NodeJS.Signals): Promise<number | null> {
    const running = this.#running;
    if (!running) return null;
    const status = await running.stop(signal, 120_000);
    this.#former += running.log;
    this.#running = undefined;
    return status;
  }

  /** Ends it with a controlled shutdown. */
  async stop(): Promise<number | null> {
    this.#wasKilled = false;
    return this.#end('SIGTERM');
  }

  /** kill -9 */
  async kill(): Promise<void> {
    this.#wasKilled = true;
    await this.#end('SIGKILL');
  }

  pause(): void {
    process.kill(this.pid, 'SIGSTOP');
  }

  continue(): void {
    process.kill(this.pid, 'SIGCONT');
  }
}

/** A partition as brokers tell it in Metadata. */
export interface PartitionMetadata {
  readonly partition: number;
  /** -1: none. */
  readonly leader: number;
  readonly replicas: readonly number[];
  readonly isr: readonly number[];
}

/** A partition as its znode has it. */
export interface PartitionState {
  readonly leader: number;
  readonly leader_epoch: number;
  readonly isr: readonly number[];
  readonly controller_epoch: number;
}

interface KcatMetadata {
  readonly controllerid: number;
  readonly topics: readonly {
    readonly topic: string;
    readonly partitions: readonly {
      readonly partition: number;
      readonly leader: number;
      readonly replicas: readonly { readonly id: number }[];
      readonly isrs: readonly { readonly id: number }[];
    }[];
  }[];
}

/** Brokers of either kind as processes of their own, on one ZooKeeper. `CLUSTER_LOGS=DIRECTORY` keeps what they print. */
export class Cluster implements AsyncDisposable {
  readonly brokers: ClusterBroker[] = [];
  readonly lines: Lines | undefined;
  readonly zookeeperConnect: string;

  private constructor(
    readonly ensemble: Ensemble,
    readonly chroot: string,
    lines: boolean,
  ) {
    this.zookeeperConnect = `${ensemble.connectString}${chroot}`;
    const pids = () => new Map(this.running.map((broker) => [broker.id, broker.pid]));
    if (lines) this.lines = new Lines(pids);
  }

  static async start(options: ClusterOptions): Promise<Cluster> {
    const cluster = new Cluster(options.ensemble, `/${options.name}`, options.lines === true);
    try {
      let zookeeper = cluster.zookeeperConnect;
      if (cluster.lines) {
        const ports: number[] = [];
        for (const port of options.ensemble.ports) ports.push(await cluster.lines.lead('zookeeper', port));
        zookeeper = `${ports.map((port) => `127.0.0.1:${port}`).join(',')}${cluster.chroot}`;
      }
      for (const [i, kind] of options.kinds.entries()) {
        const id = i + 1;
        const port = await ownPort();
        const directory = path.join(options.directory, `${options.name}-${id}`);
        const logDir = path.join(directory, 'logs');
        mkdirSync(logDir, { recursive: true });
        const file = path.join(directory, 'server.properties');
        writeProperties(file, {
          ...common,
          'broker.id': String(id),
          'broker.rack': `rack-${id}`,
          'log.dirs': logDir,
          'zookeeper.connect': zookeeper,
          ...(await cluster.#listeners(id, port)),
          ...options.properties,
        });
        const registered = async () =>
          (await options.ensemble.read(`${cluster.chroot}/brokers/ids/${id}`)) !== undefined;
        cluster.brokers.push(new ClusterBroker(id, kind, port, logDir, file, registered));
      }
      // The first to come becomes the controller.
      if (options.oneByOne) for (const broker of cluster.brokers) await broker.start();
      else await Promise.all(cluster.brokers.map((broker) => broker.start()));
      await cluster.allHere();
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
    return cluster;
  }

  async #listeners(id: number, port: number): Promise<Properties> {
    if (!this.lines) return { listeners: `PLAINTEXT://127.0.0.1:${port}` };
    const own = await ownPort();
    const line = await this.lines.lead(id, own);
    return {
      listeners: `PLAINTEXT://127.0.0.1:${port},REPLICATION://127.0.0.1:${own}`,
      'advertised.listeners': `PLAINTEXT://127.0.0.1:${port},REPLICATION://127.0.0.1:${line}`,
      'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,REPLICATION:PLAINTEXT',
      'inter.broker.listener.name': 'REPLICATION',
    };
  }

  get bootstrap(): string {
    return this.brokers.map((broker) => broker.bootstrap).join(',');
  }

  get running(): ClusterBroker[] {
    return this.brokers.filter((broker) => broker.isRunning);
  }

  get kinds(): string {
    const counts = new Map<Kind, number>();
    for (const { kind } of this.brokers) counts.set(kind, (counts.get(kind) ?? 0) + 1);
    return [...counts].map(([kind, count]) => `${count} ${kind}`).join(' + ');
  }

  broker(id: number): ClusterBroker {
    const found = this.brokers.find((broker) => broker.id === id);
    if (!found) throw new Error(`there is no broker ${id}`);
    return found;
  }

  others(...than: readonly ClusterBroker[]): ClusterBroker[] {
    return this.brokers.filter((broker) => !than.includes(broker));
  }

  /** Metadata as one broker tells it, by topic. */
  async metadata(
    of: ClusterBroker = this.running[0],
    topic?: string,
  ): Promise<{ readonly controller: number; readonly topics: ReadonlyMap<string, readonly PartitionMetadata[]> }> {
    const args = ['-b', of.bootstrap, '-L', '-J', '-m', '10', ...(topic === undefined ? [] : ['-t', topic])];
    const all = JSON.parse(await output('kcat', args)) as KcatMetadata;
    const ids = (replicas: readonly { readonly id: number }[]): number[] => replicas.map(({ id }) => id);
    const topics = all.topics.map(({ topic: name, partitions }) => {
      const described = partitions.map(({ partition, leader, replicas, isrs }) => {
        return { partition, leader, replicas: ids(replicas), isr: ids(isrs) };
      });
      return [name, described.sort((a, b) => a.partition - b.partition)] as const;
    });
    return { controller: all.controllerid, topics: new Map(topics) };
  }

  /** The partition's state in ZooKeeper. */
  async state(topic: string, partition = 0): Promise<PartitionState | undefined> {
    const znode = await this.ensemble.read(`${this.chroot}/brokers/topics/${topic}/partitions/${partition}/state`);
    return znode && (JSON.parse(znode.data) as PartitionState);
  }

  /** Resolves with the state when it is as wanted, in ZooKeeper. */
  untilState(
    what: string,
    topic: string,
    partition: number,
    wanted: (state: PartitionState) => boolean,
    timeoutMs = 60_000,
  ): Promise<PartitionState> {
    return until(
      `${what} (${topic}-${partition})`,
      async () => {
        const state = await this.state(topic, partition);
        return state && wanted(state) ? state : undefined;
      },
      { timeoutMs },
    );
  }

  /** Resolves when the ISR of every partition of the topics (all where none is given) is whole. */
  async inSync(...topics: readonly string[]): Promise<void> {
    const zookeeper = this.ensemble;
    const wanted = topics.length > 0 ? topics : ((await zookeeper.children(`${this.chroot}/brokers/topics`)) ?? []);
    for (const topic of wanted) {
      await until(
        `every replica of ${topic} in the ISR`,
        async () => {
          const znode = await zookeeper.read(`${this.chroot}/brokers/topics/${topic}`);
          if (!znode) return undefined;
          const { partitions } = JSON.parse(znode.data) as { partitions: Record<string, readonly number[]> };
          for (const [partition, replicas] of Object.entries(partitions)) {
            const state = await this.state(topic, Number(partition));
            if (!state || state.leader < 0 || state.isr.length !== replicas.length) return undefined;
          }
          return true;
        },
        { timeoutMs: 90_000 },
      );
    }
  }

  /** Resolves with what a broker tells of a topic's first partition when that is as wanted. */
  untilTold(
    of: ClusterBroker,
    topic: string,
    wanted: (partition: PartitionMetadata) => boolean,
  ): Promise<PartitionMetadata> {
    return until(`broker ${of.id} has heard of ${topic}`, async () => {
      const partition = (await this.metadata(of, topic)).topics.get(topic)?.[0];
      return partition && wanted(partition) && partition;
    });
  }

  /** Resolves when every running broker is registered and knows the others and the controller. */
  async allHere(): Promise<void> {
    for (const broker of this.running) {
      await until(`broker ${broker.id} knows the cluster`, async () => {
        const text = await output('kcat', ['-b', broker.bootstrap, '-L', '-m', '5']);
        return this.running.every(({ id }) => text.includes(`broker ${id} at`)) && text.includes('(controller)');
      });
    }
  }

  /** Who is the controller, by its znode. */
  controller(): Promise<ClusterBroker> {
    return until('a controller', async () => {
      const znode = await this.ensemble.read(`${this.chroot}/controller`);
      return znode && this.broker((JSON.parse(znode.data) as { brokerid: number }).brokerid);
    });
  }

  async controllerEpoch(): Promise<number> {
    return Number((await this.ensemble.read(`${this.chroot}/controller_epoch`))?.data);
  }

  /** Resolves when a controller of this epoch or a later one was elected. */
  async untilEpoch(epoch: number): Promise<void> {
    await until(`controller epoch ${epoch}`, async () => (await this.controllerEpoch()) >= epoch);
    await this.controller();
  }

  /**
   * Has a broker become the controller: /controller is deleted while all others stand still. Where they ran they would
   * race for it, and the nimbler kind would win nearly always.
   */
  async makeController(wanted: ClusterBroker, shell: ZooKeeperShell): Promise<void> {
    if ((await this.controller()) === wanted) return;
    const epoch = await this.controllerEpoch();
    const others = this.running.filter((broker) => broker !== wanted);
    for (const other of others) other.pause();
    try {
      await shell.run(`delete ${this.chroot}/controller`);
      await this.untilEpoch(epoch + 1);
    } finally {
      for (const other of others) other.continue();
    }
    const elected = await this.controller();
    if (elected !== wanted) throw new Error(`broker ${elected.id} became the controller, not ${wanted.id}`);
    await this.untilControllerKnown(wanted);
  }

  /** Resolves when the word of this controller has reached every running broker. */
  async untilControllerKnown(controller: ClusterBroker): Promise<void> {
    for (const broker of this.running) {
      await until(`broker ${broker.id} knows that ${controller.id} is the controller`, async () => {
        return (await this.metadata(broker)).controller === controller.id;
      });
    }
  }

  /** Resolves with its size when all replicas of a partition have the same log, byte for byte. Nobody writes to it. */
  sameLogs(topic: string, partition: number): Promise<number> {
    return until(
      `the same log of ${topic}-${partition} at every replica`,
      () => {
        const logs = this.brokers.flatMap(({ logDir }) => {
          const replica = path.join(logDir, `${topic}-${partition}`);
          if (!existsSync(replica)) return [];
          const segments = readdirSync(replica).filter((file) => file.endsWith('.log'));
          return [Buffer.concat(segments.sort().map((file) => readFileSync(path.join(replica, file))))];
        });
        return logs.every((log) => log.equals(logs[0])) && logs[0].length;
      },
      { timeoutMs: 30_000, everyMs: 200 },
    );
  }

  /** Resolves when a topic is deleted. */
  async untilGone(topic: string): Promise<void> {
    await until(`${topic} gone`, async () => {
      const topics = await this.ensemble.children(`${this.chroot}/brokers/topics`);
      const marked = await this.ensemble.children(`${this.chroot}/admin/delete_topics`);
      return !topics?.includes(topic) && !marked?.includes(topic);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.running.map((broker) => broker.kill()));
    const kept = process.env.CLUSTER_LOGS;
    if (kept) {
      mkdirSync(kept, { recursive: true });
      for (const { id, kind, log } of this.brokers) {
        writeFileSync(path.join(kept, `${this.chroot.slice(1)}-${id}-${kind}.log`), log);
      }
    }
    await this.lines?.[Symbol.asyncDispose]();
  }
}
