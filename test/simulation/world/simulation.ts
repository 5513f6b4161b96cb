import { Apis } from '../../../broker/src/protocol/api-keys';
import { ErrorCode, errorName } from '../../../broker/src/protocol/errors';
import { readRecords } from '../../../broker/src/records/read-records';
import { ClusterChecks } from '../checks/cluster-checks';
import { Violation } from '../checks/violation';
import { checkZooKeeperHistory, type HistorySummary } from '../checks/zookeeper-history';
import { Scheduler } from '../io/scheduler';
import { SimulatedHost } from '../io/simulated-host';
import { ProcessEnded } from '../io/simulated-process';
import { SimulatedNetwork } from '../io/simulated-network';
import { BrokerNode, brokerPort } from './broker-node';
import { ClusterClient } from './cluster-client';
import { Consumer } from './consumer';
import { Faults } from './faults';
import { Ledger } from './ledger';
import type { SimulationOptions } from './options';
import { Producer } from './producer';
import { Trace } from './trace';
import { zookeeperDirectory, ZooKeeperNode, zookeeperPort } from './zookeeper-node';

/** What a run came to. */
export interface SimulationResult {
  readonly options: SimulationOptions;
  readonly violation: string | undefined;
  readonly traceHash: string;
  readonly trace: readonly string[];
  readonly events: number;
  readonly simulatedMs: number;
  readonly sent: number;
  readonly acknowledged: number;
  readonly read: number;
  /** Acknowledged records that were lost in a way that is allowed, and how often that came about. */
  readonly lost: number;
  readonly lossEvents: number;
  readonly elections: number;
  /** How often which fault has struck. */
  readonly faults: Readonly<Record<string, number>>;
  readonly history: HistorySummary | undefined;
}

export interface RunSettings {
  /** Lines of the processes in the trace, from this level on. */
  readonly logLevel?: 'debug' | 'info' | 'warn' | 'error';
  /** Properties of the brokers that differ: what proves that a checker can fail. */
  readonly properties?: Readonly<Record<string, string>>;
  /** Changes the world before it starts. */
  readonly prepare?: (simulation: Simulation) => void;
}

const topic = 't';
const clientAddresses = ['10.0.2.1', '10.0.2.2'];
/** Between two looks at all partitions. */
const checkEveryEvents = 40;

/** One seed from its beginning to its end. Never rejects. */
export async function simulate(options: SimulationOptions, settings: RunSettings = {}): Promise<SimulationResult> {
  const simulation = new Simulation(options, settings);
  const rejected = (error: unknown): void => simulation.fail(error);
  process.on('unhandledRejection', rejected);
  process.on('uncaughtException', rejected);
  try {
    return await simulation.run();
  } finally {
    process.off('unhandledRejection', rejected);
    process.off('uncaughtException', rejected);
  }
}

export class Simulation {
  readonly scheduler: Scheduler;
  readonly network: SimulatedNetwork;
  readonly trace: Trace;
  readonly zookeeper: ZooKeeperNode;
  readonly brokers: readonly BrokerNode[];
  readonly ledger: Ledger;
  readonly checks: ClusterChecks;
  readonly #partitions: number;
  readonly #producers: Producer[] = [];
  readonly #consumers: Consumer[] = [];
  #elections = 0;
  #faults: Faults | undefined;
  #areProducersStopped = false;
  #violation: string | undefined;

  constructor(
    readonly options: SimulationOptions,
    readonly settings: RunSettings,
  ) {
    const scheduler = new Scheduler(options.seed);
    this.scheduler = scheduler;
    this.network = new SimulatedNetwork(scheduler);
    this.trace = new Trace(scheduler, settings.logLevel, (line) => this.fail(new Violation(line)));
    this.ledger = new Ledger(this.lossIsAllowed);
    const random = scheduler.random.fork();
    this.#partitions = random.between(1, 3);
    const zookeeperHost = new SimulatedHost(scheduler, this.network, '10.0.1.1');
    this.zookeeper = new ZooKeeperNode(zookeeperHost, this.trace.logger('zookeeper'), (error) =>
      this.fail(new Violation(`ZooKeeper does not start: ${String(error)}`)),
    );
    const common = commonProperties(options, random.fork());
    this.brokers = Array.from({ length: options.brokers }, (_, id) => {
      const host = new SimulatedHost(scheduler, this.network, `10.0.0.${id + 1}`);
      host.disk.isRemote = options.remoteDisks === 'all' || (options.remoteDisks === 'some' && id % 2 === 0);
      const properties = new Map(
        Object.entries({
          ...common,
          'broker.id': String(id),
          listeners: `PLAINTEXT://${host.address}:${brokerPort}`,
          'log.dirs': '/logs',
          'zookeeper.connect': `${zookeeperHost.address}:${zookeeperPort}`,
          ...settings.properties,
        }),
      );
      return new BrokerNode(id, host, properties, this.trace.logger(`broker ${id}`), (node, why) => {
        this.trace.add(`broker ${node.id} ${why}`);
        // As what runs it would: it is started again.
        scheduler.after(200 + scheduler.random.exponential(1000), 'restart', () => node.start());
      });
    });
    this.checks = new ClusterChecks(
      options,
      this.brokers,
      this.zookeeper,
      this.ledger,
      (partition, from, records, why) => this.#lost(partition, from, records, why),
      (partition, epoch, leader) => {
        this.#elections++;
        this.trace.add(`broker ${leader} leads ${partition} in epoch ${epoch}`);
      },
    );
  }

  get lossIsAllowed(): boolean {
    return this.options.powerLoss && !this.options.flushEveryMessage;
  }

  /** The first thing that must not be ends the run. */
  fail(error: unknown): void {
    // What is left of the turn in which a process ended is nobody's fault.
    if (this.#violation !== undefined || error instanceof ProcessEnded) return;
    this.#violation =
      error instanceof Violation
        ? error.message
        : error instanceof Error
          ? (error.stack ?? error.message)
          : String(error);
    this.trace.add(`VIOLATION ${this.#violation}`);
    this.scheduler.stop();
  }

  async run(): Promise<SimulationResult> {
    let history: HistorySummary | undefined;
    try {
      this.settings.prepare?.(this);
      history = await this.#run();
    } catch (error) {
      this.fail(error);
    }
    let acknowledged = 0;
    for (const records of this.ledger.acknowledged.values()) acknowledged += records.size;
    const { scheduler, trace, ledger, options } = this;
    return {
      options,
      violation: this.#violation,
      traceHash: scheduler.traceHash,
      trace: trace.lines,
      events: scheduler.eventsRun,
      simulatedMs: scheduler.nowMs,
      sent: ledger.sent,
      acknowledged,
      read: ledger.reads,
      lost: ledger.lost,
      lossEvents: ledger.lossEvents,
      elections: this.#elections,
      faults: this.#faults?.struck ?? {},
      history,
    };
  }

  async #run(): Promise<HistorySummary | undefined> {
    const { scheduler, options } = this;
    this.zookeeper.start();
    for (const node of this.brokers) node.start();
    let events = 0;
    scheduler.afterEvent = () => {
      if (++events % checkEveryEvents === 0) this.checks.check();
    };
    if (!(await this.#until(60_000, () => this.brokers.every(({ isRunning }) => isRunning)))) {
      return this.#giveUp('the brokers do not start');
    }
    let isCreated = false;
    const admin = this.#client('admin', 0);
    this.#createTopic(admin).then(
      () => (isCreated = true),
      (error: unknown) => this.fail(error),
    );
    if (!(await this.#until(60_000, () => isCreated))) return this.#giveUp('the topic cannot be created');
    this.trace.add(`topic ${topic} with ${this.#partitions} partitions is there`);
    this.#startClients();
    const faults = (this.#faults = new Faults({ ...this, clientAddresses, lastLook: () => this.#lastLook() }, options));
    faults.start();
    await scheduler.run(scheduler.nowMs + options.faultsMs);
    if (this.#violation !== undefined) return undefined;
    faults.stop();
    const healedBy = scheduler.nowMs + options.healMs;
    if (!(await this.#until(healedBy - scheduler.nowMs, () => this.#isWhole()))) {
      return this.#giveUp(
        `the cluster is not whole ${options.healMs} ms after the last fault: ${this.#whatIsMissing()}`,
      );
    }
    this.trace.add('the cluster is whole');
    this.#areProducersStopped = true;
    for (const producer of this.#producers) producer.stop();
    if (!(await this.#until(options.healMs, () => this.#producers.every(({ isDone }) => isDone)))) {
      return this.#giveUp(`producers do not get their records acknowledged: ${this.#whatIsMissing()}`);
    }
    if (!(await this.#until(options.healMs, () => this.#isRead() && this.#isReplicated()))) {
      return this.#giveUp(`consumers do not read everything: ${this.#whatIsMissing()}`);
    }
    for (const consumer of this.#consumers) consumer.stop();
    // What was open ends, or it is a leak.
    await scheduler.run(scheduler.nowMs + 5000);
    if (this.#violation !== undefined) return undefined;
    this.checks.check();
    this.#checkContents();
    this.#checkLeaks();
    return checkZooKeeperHistory(this.zookeeper.host.disk, zookeeperDirectory);
  }

  /** Runs until it holds; it is looked at after every hundredth part of a second. */
  async #until(limitMs: number, holds: () => boolean): Promise<boolean> {
    const { scheduler } = this;
    let nextMs = 0;
    const done = await scheduler.run(scheduler.nowMs + limitMs, () => {
      if (scheduler.nowMs < nextMs) return false;
      nextMs = scheduler.nowMs + 10;
      return holds();
    });
    return done && this.#violation === undefined;
  }

  #giveUp(why: string): undefined {
    this.fail(new Violation(why));
    return undefined;
  }

  // --- clients

  #client(name: string, address: number): ClusterClient {
    const { network, scheduler } = this;
    const host =
      network.hosts.get(clientAddresses[address]) ?? new SimulatedHost(scheduler, network, clientAddresses[address]);
    const bootstrap = this.brokers.map((node) => ({ host: node.host.address, port: brokerPort }));
    return new ClusterClient({ io: host.start(name).io, name, bootstrap });
  }

  async #createTopic(client: ClusterClient): Promise<void> {
    for (;;) {
      try {
        await client.refresh([]);
        const { topics } = await client.send(client.controllerId, Apis.CreateTopics, 7, {
          topics: [
            {
              name: topic,
              numPartitions: this.#partitions,
              replicationFactor: Math.min(3, this.options.brokers),
              assignments: [],
              configs: [],
            },
          ],
          timeoutMs: 5000,
          validateOnly: false,
        });
        const errorCode = topics[0].errorCode as ErrorCode;
        if (errorCode === ErrorCode.NONE || errorCode === ErrorCode.TOPIC_ALREADY_EXISTS) return;
        this.trace.add(`the topic is not created: ${errorName(errorCode)} ${topics[0].errorMessage}`);
      } catch (error) {
        this.trace.add(`the topic is not created: ${String(error)}`);
      }
      await client.sleep(200);
    }
  }

  #startClients(): void {
    const failed = (error: unknown): void => this.fail(error);
    const random = this.scheduler.random.fork();
    const kinds = [
      { name: 'idempotent', acks: -1, idempotent: true, maxInFlight: 1 },
      { name: 'pipelined', acks: -1, idempotent: true, maxInFlight: random.between(2, 5) },
      { name: 'plain', acks: -1, idempotent: false, maxInFlight: 1 },
      { name: 'leader-only', acks: 1, idempotent: false, maxInFlight: 1 },
    ] as const;
    kinds.forEach((kind, index) => {
      const producer = new Producer(
        this.#client(kind.name, index % 2),
        { ...kind, topic, partitions: this.#partitions, pauseMs: 20 + random.below(600) },
        this.ledger,
        () => this.scheduler.nowMs,
        // A snapshot of the producer state has the last batch alone, as in Kafka: who sends the one before it again, after
        // its broker was started again, is not known.
        this.lossIsAllowed || kind.maxInFlight > 1,
        failed,
      );
      this.#producers.push(producer);
      producer.start();
    });
    const consumers = random.between(1, 2);
    for (let index = 0; index < consumers; index++) {
      const client = this.#client(`consumer-${index}`, index);
      const lossIsAllowed = (): boolean => this.lossIsAllowed;
      const { ledger } = this;
      const consumer = new Consumer(
        client,
        `consumer-${index}`,
        topic,
        this.#partitions,
        ledger,
        lossIsAllowed,
        failed,
      );
      this.#consumers.push(consumer);
      consumer.start();
    }
  }

  #lastLook(): void {
    try {
      this.checks.check();
    } catch (error) {
      this.fail(error);
    }
  }

  #lost(partition: string, from: number, records: number, why: string): void {
    this.trace.add(`lost ${partition} from offset ${from}: ${records} records, ${why}`);
    this.ledger.loseFrom(partition, from, this.scheduler.nowMs);
    const index = Number(partition.slice(partition.lastIndexOf('-') + 1));
    for (const consumer of this.#consumers) consumer.rewind(index, from);
  }

  // --- the end

  /** All brokers serve, every partition has a leader and all its replicas in the ISR, and all brokers know that. */
  #isWhole(): boolean {
    return this.#whatIsMissing() === '';
  }

  #whatIsMissing(): string {
    const missing: string[] = [];
    const replication = Math.min(3, this.options.brokers);
    for (const { id, isServing } of this.brokers) {
      if (!isServing) missing.push(`broker ${id} does not serve`);
    }
    for (let index = 0; index < this.#partitions; index++) {
      const held = this.brokers.map(({ broker }) => broker?.replicas.partition(topic, index));
      const leaders = held.filter((partition) => partition?.isLeader);
      if (leaders.length !== 1) missing.push(`${topic}-${index} has ${leaders.length} leaders`);
      for (const leader of leaders) {
        if (leader!.isr.length !== replication)
          missing.push(`${topic}-${index} has the ISR [${leader!.isr.join(',')}]`);
      }
    }
    this.#producers.forEach(({ isDone, options }) => {
      if (!isDone && this.#areProducersStopped) missing.push(`${options.name} waits`);
    });
    return missing.join('; ');
  }

  #isRead(): boolean {
    for (let index = 0; index < this.#partitions; index++) {
      for (const { broker } of this.brokers) {
        const partition = broker?.replicas.partition(topic, index);
        if (!partition?.isLeader) continue;
        if (partition.log.highWatermark !== partition.log.logEndOffset) return false;
        if (this.#consumers.some(({ positions }) => positions[index] < partition.log.logEndOffset)) return false;
      }
    }
    return this.#isWhole();
  }

  #isReplicated(): boolean {
    for (let index = 0; index < this.#partitions; index++) {
      const held = this.brokers.map(({ broker }) => broker?.replicas.partition(topic, index)).filter((one) => one);
      if (new Set(held.map((partition) => partition!.log.logEndOffset)).size !== 1) return false;
      if (new Set(held.map((partition) => partition!.log.highWatermark)).size !== 1) return false;
    }
    return true;
  }

  /** Against what the clients were told: nothing acknowledged is missing, nothing is twice, everything is in order. */
  #checkContents(): void {
    for (let index = 0; index < this.#partitions; index++) {
      const name = `${topic}-${index}`;
      const values = new Map<number, string>();
      for (const { bytes } of this.checks.logOf(name).batches) {
        for (const { offset, value } of readRecords(bytes, 0)) values.set(offset, String(value));
      }
      for (const { offset, value } of this.ledger.acknowledged.get(name)?.values() ?? []) {
        const found = values.get(offset);
        if (found !== value) {
          throw new Violation(
            `${name}: ${value} was acknowledged at offset ${offset}, where there is ${found} in the end`,
          );
        }
      }
      this.#checkIdempotence(name, values.values());
    }
  }

  /** Each idempotent producer has numbered its records: they are there once, in order, and without holes. */
  #checkIdempotence(name: string, values: Iterable<string>): void {
    for (const { options, forgotten } of this.#producers) {
      if (!options.idempotent || forgotten > 0) continue;
      let next = 0;
      for (const value of values) {
        const [producer, , number] = value.split(':');
        if (producer !== options.name) continue;
        if (Number(number) === next) {
          next++;
        } else if (!this.lossIsAllowed) {
          throw new Violation(`${name}: record ${number} of ${producer} comes where record ${next} is due`);
        } else {
          next = Number(number) + 1;
        }
      }
    }
  }

  #checkLeaks(): void {
    for (const { id, process, broker } of this.brokers) {
      if (process === undefined || broker === undefined) throw new Violation(`broker ${id} has ended in peace`);
      const { clock, files, network, jobs } = process;
      const counts = {
        timers: clock.pending.size,
        'file operations': files.pending,
        connections: network.sockets.size,
        'connections under way': network.connecting,
        jobs: jobs.running,
        'waiting produces': broker.replicas.waiting.produces,
        'waiting fetches': broker.replicas.waiting.fetches,
      };
      const most: typeof counts = {
        timers: 150,
        'file operations': 8,
        connections: 60,
        'connections under way': 4,
        jobs: 0,
        'waiting produces': 0,
        'waiting fetches': 40,
      };
      for (const [what, count] of Object.entries(counts)) {
        if (count > most[what as keyof typeof counts]) {
          throw new Violation(`broker ${id} is at rest and has ${count} ${what}`);
        }
      }
    }
  }
}

/** Small segments, short timeouts: what takes days elsewhere happens in seconds. */
function commonProperties(
  { brokers, flushEveryMessage }: SimulationOptions,
  random: { between(low: number, high: number): number; chance(probability: number): boolean },
): Record<string, string> {
  return {
    'zookeeper.session.timeout.ms': String(random.between(1500, 4000)),
    'zookeeper.connection.timeout.ms': '20000',
    'default.replication.factor': String(Math.min(3, brokers)),
    'min.insync.replicas': String(Math.min(2, brokers)),
    'log.segment.bytes': String(random.between(2000, 40_000)),
    'log.index.interval.bytes': String(random.between(100, 4096)),
    'log.roll.ms': '604800000',
    'log.retention.ms': '-1',
    'log.retention.check.interval.ms': '5000',
    'log.flush.offset.checkpoint.interval.ms': String(random.between(500, 5000)),
    'log.flush.start.offset.checkpoint.interval.ms': '3000',
    'replica.high.watermark.checkpoint.interval.ms': String(random.between(300, 5000)),
    'replica.lag.time.max.ms': String(random.between(1000, 3500)),
    'replica.fetch.wait.max.ms': String(random.between(200, 500)),
    'replica.socket.timeout.ms': '5000',
    'controller.socket.timeout.ms': '5000',
    'num.replica.fetchers': String(random.chance(0.7) ? 1 : random.between(2, 3)),
    'leader.imbalance.check.interval.seconds': '3',
    'offsets.topic.replication.factor': String(Math.min(3, brokers)),
    'offsets.topic.num.partitions': '1',
    ...(flushEveryMessage ? { 'log.flush.interval.messages': '1' } : {}),
  };
}
