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
import { CommittedReader } from './committed-reader';
import type { SimulationOptions } from './options';
import { Producer } from './producer';
import { TransactionLedger } from './transaction-ledger';
import { TransactionalProducer } from './transactional-producer';
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
  /** Transactions by what became of them, and producers that were replaced. */
  readonly committed: number;
  readonly aborted: number;
  readonly inDoubt: number;
  readonly fenced: number;
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
/** What transactions are written to. */
const transactionalTopic = 'x';
const transactionalPartitions = 2;
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
  readonly #transactions = new TransactionLedger();
  readonly #transactionalProducers: TransactionalProducer[] = [];
  readonly #committedReaders: CommittedReader[] = [];
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

  /** Those that are written to, with their numbers of partitions. */
  get #topics(): ReadonlyMap<string, number> {
    const all = new Map([[topic, this.#partitions]]);
    if (this.options.transactions) all.set(transactionalTopic, transactionalPartitions);
    return all;
  }

  *#eachPartition(): Generator<{ readonly name: string; readonly index: number }> {
    for (const [name, partitions] of this.#topics) {
      for (let index = 0; index < partitions; index++) yield { name, index };
    }
  }

  /** What a coordinator has lost, it does not tell anybody. */
  get #hasLost(): boolean {
    return this.ledger.lossEvents > 0;
  }

  /** A coordinator that has lost a newer epoch may not end what it knows of, as in Kafka. */
  #mayHang(producer: Producer | TransactionalProducer): boolean {
    return producer instanceof TransactionalProducer && this.#hasLost;
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
      committed: this.#transactions.count('committed'),
      aborted: this.#transactions.count('aborted'),
      inDoubt: this.#transactions.count('in doubt'),
      fenced: this.#transactions.fenced,
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
    const producers = [...this.#producers, ...this.#transactionalProducers];
    for (const producer of producers) producer.stop();
    if (!(await this.#until(options.healMs, () => producers.every((one) => one.isDone || this.#mayHang(one))))) {
      return this.#giveUp(`producers do not get their records acknowledged: ${this.#whatIsMissing()}`);
    }
    // One that was not there reads what the logs have kept of transactions.
    if (options.transactions) this.#startReader('late reader');
    if (!(await this.#until(options.healMs, () => this.#isRead() && this.#isReplicated()))) {
      return this.#giveUp(`consumers do not read everything: ${this.#whatIsMissing()}; ${this.#whatIsUnread()}`);
    }
    if (options.transactions && !this.#hasLost) await this.#checkTransactions();
    for (const consumer of [...this.#consumers, ...this.#committedReaders]) consumer.stop();
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
        const replicationFactor = Math.min(3, this.options.brokers);
        const { topics } = await client.send(client.controllerId, Apis.CreateTopics, 7, {
          topics: [...this.#topics].map(([name, numPartitions]) => ({
            name,
            numPartitions,
            replicationFactor,
            assignments: [],
            configs: [],
          })),
          timeoutMs: 5000,
          validateOnly: false,
        });
        const isThere = (errorCode: number): boolean =>
          errorCode === ErrorCode.NONE || errorCode === ErrorCode.TOPIC_ALREADY_EXISTS;
        const failed = topics.filter(({ errorCode }) => !isThere(errorCode));
        if (failed.length === 0) return;
        const [{ errorCode, errorMessage }] = failed;
        this.trace.add(`the topic is not created: ${errorName(errorCode as ErrorCode)} ${errorMessage}`);
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
    if (this.options.transactions) this.#startTransactions(random.fork());
  }

  #startTransactions(random: { between(low: number, high: number): number }): void {
    for (let index = 0; index < 2; index++) {
      const transactionalId = `tx${index}`;
      const options = {
        transactionalId,
        topic: transactionalTopic,
        partitions: transactionalPartitions,
        groupId: `group of ${transactionalId}`,
        timeoutMs: random.between(2000, 10_000),
        pauseMs: random.between(20, 400),
      };
      const producer = new TransactionalProducer(
        this.#client(transactionalId, index),
        options,
        this.ledger,
        this.#transactions,
        () => this.scheduler.nowMs,
        () => this.lossIsAllowed,
        (error) => this.fail(error),
        (line) => this.trace.add(line),
      );
      this.#transactionalProducers.push(producer);
      producer.start();
    }
    this.#startReader('reader');
  }

  #startReader(name: string): void {
    const reader = new CommittedReader(
      this.#client(name, 1),
      name,
      transactionalTopic,
      transactionalPartitions,
      () => this.lossIsAllowed,
      (error) => this.fail(error),
    );
    this.#committedReaders.push(reader);
    reader.start();
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
    const at = partition.lastIndexOf('-');
    const index = Number(partition.slice(at + 1));
    for (const consumer of [...this.#consumers, ...this.#committedReaders]) {
      if (consumer.topic === partition.slice(0, at)) consumer.rewind(index, from);
    }
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
    for (const { name, index } of this.#eachPartition()) {
      const held = this.brokers.map(({ broker }) => broker?.replicas.partition(name, index));
      const leaders = held.filter((partition) => partition?.isLeader);
      if (leaders.length !== 1) missing.push(`${name}-${index} has ${leaders.length} leaders`);
      for (const leader of leaders) {
        if (leader!.isr.length !== replication) missing.push(`${name}-${index} has the ISR [${leader!.isr.join(',')}]`);
      }
    }
    if (this.#areProducersStopped) {
      for (const { isDone, options } of this.#producers) if (!isDone) missing.push(`${options.name} waits`);
      for (const producer of this.#transactionalProducers) {
        if (!producer.isDone && !this.#mayHang(producer)) missing.push(`${producer.options.transactionalId} waits`);
      }
    }
    return missing.join('; ');
  }

  #isRead(): boolean {
    return this.#whatIsUnread() === '' && this.#isWhole();
  }

  #whatIsUnread(): string {
    const unread: string[] = [];
    for (const { name, index } of this.#eachPartition()) {
      for (const { broker } of this.brokers) {
        const partition = broker?.replicas.partition(name, index);
        if (!partition?.isLeader) continue;
        const { highWatermark, lastStableOffset, logEndOffset } = partition.log;
        const where = `${name}-${index}, which ends at ${logEndOffset}`;
        if (highWatermark !== logEndOffset) unread.push(`${where}, has its high watermark at ${highWatermark}`);
        for (const { topic: read, positions, name: who } of this.#consumers) {
          if (read === name && positions[index] < logEndOffset)
            unread.push(`${who} is at ${positions[index]} of ${where}`);
        }
        // Whoever ended its transactions may have lost that they were open.
        if (this.#hasLost) continue;
        if (lastStableOffset !== logEndOffset) unread.push(`${where}, is stable up to ${lastStableOffset}`);
        for (const { topic: read, positions, name: who } of this.#committedReaders) {
          if (read === name && positions[index] < logEndOffset)
            unread.push(`${who} is at ${positions[index]} of ${where}`);
        }
      }
    }
    return unread.join('; ');
  }

  #isReplicated(): boolean {
    for (const { name, index } of this.#eachPartition()) {
      const held = this.brokers.map(({ broker }) => broker?.replicas.partition(name, index)).filter((one) => one);
      if (new Set(held.map((partition) => partition!.log.logEndOffset)).size !== 1) return false;
      if (new Set(held.map((partition) => partition!.log.highWatermark)).size !== 1) return false;
    }
    return true;
  }

  async #checkTransactions(): Promise<void> {
    for (const reader of this.#committedReaders) this.#transactions.check(reader);
    for (const { options, client } of this.#transactionalProducers) {
      const { transactionalId, groupId } = options;
      let committed: number | undefined;
      const ask = async (): Promise<void> => {
        while (committed === undefined) {
          committed = await committedOffset(client, groupId);
          if (committed === undefined) await client.sleep(100);
        }
      };
      ask().catch((error: unknown) => this.fail(error));
      if (!(await this.#until(this.options.healMs, () => committed !== undefined))) {
        this.#giveUp(`the offset of ${groupId} cannot be had: a transaction with it hangs`);
        return;
      }
      const possible = this.#transactions.possibleOffsets(transactionalId);
      if (!possible.includes(committed!)) {
        throw new Violation(`${groupId} has the offset ${committed}, where ${possible.join(' or ')} was committed`);
      }
    }
  }

  /** Against what the clients were told: nothing acknowledged is missing, nothing is twice, everything is in order. */
  #checkContents(): void {
    for (const { name: of, index } of this.#eachPartition()) {
      const name = `${of}-${index}`;
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
      if (of === topic) this.#checkIdempotence(name, values.values());
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

/** Of partition 0 of what transactions are written to, once no transaction holds it back; -1: none was committed. */
async function committedOffset(client: ClusterClient, groupId: string): Promise<number | undefined> {
  try {
    await client.refresh([transactionalTopic]);
    const [any] = client.brokers;
    const found = await client.send(any, Apis.FindCoordinator, 3, { key: groupId, keyType: 0 });
    if (found.errorCode !== ErrorCode.NONE) return undefined;
    const { errorCode, topics } = await client.send(found.nodeId, Apis.OffsetFetch, 7, {
      groupId,
      topics: [{ name: transactionalTopic, partitionIndexes: [0] }],
      requireStable: true,
    });
    if (errorCode !== ErrorCode.NONE || topics[0].partitions[0].errorCode !== ErrorCode.NONE) return undefined;
    return topics[0].partitions[0].committedOffset;
  } catch {
    return undefined;
  }
}

/** Small segments, short timeouts: what takes days elsewhere happens in seconds. */
function commonProperties(
  { brokers, flushEveryMessage, transactions }: SimulationOptions,
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
    ...(transactions ? transactionProperties(brokers) : {}),
    ...(flushEveryMessage ? { 'log.flush.interval.messages': '1' } : {}),
  };
}

function transactionProperties(brokers: number): Record<string, string> {
  return {
    'transaction.state.log.replication.factor': String(Math.min(3, brokers)),
    'transaction.state.log.min.isr': String(Math.min(2, brokers)),
    'transaction.state.log.num.partitions': '2',
    'transaction.state.log.segment.bytes': '5000',
    'offsets.topic.segment.bytes': '5000',
    'transaction.abort.timed.out.transaction.cleanup.interval.ms': '500',
    // Replicas are compared batch by batch.
    'log.cleaner.enable': 'false',
  };
}
