import { mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { Apis } from '../../../broker/src/protocol/api-keys';
import { ErrorCode, errorName } from '../../../broker/src/protocol/errors';
import { TransactionalClient } from '../../broker/transactions/transactional-client';
import { seededRandom } from '../../seeded-random';
import { ClusterBroker, type Kind } from '../cluster';
import { Ensemble, ownPort, pause, until } from '../cluster-zookeeper';
import { installApache, writeProperties } from '../harness';
import { ApacheTools } from '../tool-runner';
import { Book, type Kept } from './book';
import { differences, Questions, type View } from './broker-view';
import { JavaPeer } from './java-peer';
import { Storm, transactionTimeoutMs } from './storm';
import { agedBytes, compacted, restless, Workload } from './workload';
import { deletedDirectories, dumpAll, offsetsIn, partitionDirectory, segmentsOf } from './log-files';

export interface ExchangeOptions {
  /** Everything is written under it. */
  readonly directory: string;
  readonly seed: number;
  /** Changes beyond the four that every exchange has; how and to whom is drawn. */
  readonly moreTurns: number;
  readonly zookeeper: 'apache' | 'embedded';
  readonly report: (line: string) => void;
}

/** A change of broker: how the one ends, and who goes on with its directories. */
interface Change {
  readonly end: 'stop' | 'kill';
  readonly next: Kind;
}

/**
 * This broker and Apache Kafka 3.9 in turn on one server.properties, one ZooKeeper and the same two log directories,
 * under clients that live on. Everything acknowledged is in a book; after every change the next broker has to give all of
 * it back, and to answer what the last one answered.
 */
export class Exchange implements AsyncDisposable {
  readonly #random: () => number;
  readonly #book = new Book();
  readonly #used = new AsyncDisposableStack();
  readonly #faults: string[] = [];
  #ensemble!: Ensemble;
  #broker!: ClusterBroker;
  #away!: ClusterBroker;
  #java!: JavaPeer;
  #workload!: Workload;
  #tools!: ApacheTools;
  #logDirs: string[] = [];
  #held: TransactionalClient[] = [];
  #cleaned = new Map<string, number>();
  #started = 0;

  private constructor(private readonly options: ExchangeOptions) {
    this.#random = seededRandom(options.seed);
  }

  /** Runs it all; gives what went wrong. */
  static async run(options: ExchangeOptions): Promise<string[]> {
    await using exchange = new Exchange(options);
    await exchange.#begin();
    const changes: Change[] = [
      { end: 'stop', next: 'apache' },
      { end: 'stop', next: 'odradek' },
      { end: 'kill', next: 'apache' },
      { end: 'kill', next: 'odradek' },
    ];
    for (let i = 0; i < options.moreTurns; i++) {
      const { next: kind } = changes[changes.length - 1];
      const other = kind === 'odradek' ? 'apache' : 'odradek';
      changes.push({
        end: exchange.#random() < 0.5 ? 'stop' : 'kill',
        next: exchange.#random() < 0.8 ? other : kind,
      });
    }
    for (const [i, change] of changes.entries()) {
      await exchange.#turn(i + 1, change);
      if (exchange.#faults.length > 0) break;
    }
    if (exchange.#faults.length === 0) await exchange.#finish();
    return exchange.#faults;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#used.disposeAsync();
  }

  #below(bound: number): number {
    return Math.floor(this.#random() * bound);
  }

  get #bootstrap(): string {
    return this.#broker.bootstrap;
  }

  async #begin(): Promise<void> {
    const { directory, zookeeper } = this.options;
    installApache('3.9');
    this.#tools = this.#used.use(new ApacheTools('3.9'));
    this.#ensemble = this.#used.use(await Ensemble.start(directory, zookeeper));
    this.#logDirs = [1, 2].map((n) => path.join(directory, `logs-${n}`));
    this.#broker = await this.#define(1, this.#logDirs);
    this.#away = await this.#define(2, [path.join(directory, 'logs-of-2')]);
    this.#used.defer(async () => {
      await this.#broker.kill();
      await this.#away.kill();
    });
    await this.#broker.start();
    this.#started = performance.now();
    this.#java = this.#used.use(new JavaPeer(directory, this.#bootstrap));
    this.#workload = new Workload({
      ...{ bootstrap: this.#bootstrap, logDirs: this.#logDirs, java: this.#java },
      ...{ book: this.#book, faults: this.#faults, random: this.#random },
    });
    await this.#workload.prepare();
    await this.#hold();
  }

  async #define(id: number, logDirs: readonly string[]): Promise<ClusterBroker> {
    const directory = path.join(this.options.directory, `broker-${id}`);
    for (const each of [directory, ...logDirs]) mkdirSync(each, { recursive: true });
    const port = await ownPort();
    const file = path.join(directory, 'server.properties');
    writeProperties(file, {
      'broker.id': String(id),
      listeners: `PLAINTEXT://127.0.0.1:${port}`,
      'log.dirs': logDirs.join(','),
      'zookeeper.connect': `${this.#ensemble.connectString}/exchange`,
      'zookeeper.session.timeout.ms': '6000',
      'auto.create.topics.enable': 'false',
      'auto.leader.rebalance.enable': 'false',
      'offsets.topic.replication.factor': '1',
      'offsets.topic.num.partitions': '3',
      'offsets.topic.segment.bytes': '20000',
      'transaction.state.log.replication.factor': '1',
      'transaction.state.log.min.isr': '1',
      'transaction.state.log.num.partitions': '3',
      'transaction.state.log.segment.bytes': '20000',
      'group.initial.rebalance.delay.ms': '0',
      'log.segment.bytes': '30000',
      'log.index.interval.bytes': '500',
      'log.retention.ms': '-1',
      'log.index.size.max.bytes': '100000',
      'log.segment.delete.delay.ms': '2000',
      'log.retention.check.interval.ms': '500',
      'log.initial.task.delay.ms': '500',
      'log.cleaner.backoff.ms': '300',
      'log.cleaner.dedupe.buffer.size': '16777216',
      'log.flush.start.offset.checkpoint.interval.ms': '500',
      'num.network.threads': '2',
      'num.io.threads': '4',
    });
    const registered = async () => (await this.#ensemble.read(`/exchange/brokers/ids/${id}`)) !== undefined;
    return new ClusterBroker(id, 'odradek', port, logDirs[0], file, registered);
  }

  /**
   * Two transactions of which a partition is led by a broker that is away: they are decided, and their markers cannot all
   * be written until it is back.
   */
  async #hold(): Promise<void> {
    await this.#away.start();
    await this.#workload.connected(async (client) => {
      const partition = { partitionIndex: 0, brokerIds: [2] };
      const { topics } = await client.send(Apis.CreateTopics, 7, {
        topics: [{ name: 'away', numPartitions: -1, replicationFactor: -1, assignments: [partition], configs: [] }],
        timeoutMs: 30_000,
      });
      if (topics[0].errorCode !== ErrorCode.NONE) throw new Error(`away: ${errorName(topics[0].errorCode)}`);
    });
    for (const how of ['commit', 'abort'] as const) {
      const client = this.#used.use(new TransactionalClient(() => this.#bootstrap, `held-${how}`));
      await client.init(transactionTimeoutMs);
      await client.produce('held', 0, `held ${how}`);
      await client.produce('away', 0, `away ${how}`);
      this.#held.push(client);
    }
    await this.#away.kill();
    await until('broker 2 gone', async () => (await this.#ensemble.read('/exchange/brokers/ids/2')) === undefined);
    for (const client of this.#held) await client.end(client.transactionalId === 'held-commit');
  }

  async #turn(turn: number, { end, next }: Change): Promise<void> {
    const kind = this.#broker.kind;
    await this.#workload.write(kind);
    await this.#settle();
    await this.#readAll();
    const before = await this.#stable();
    this.#faults.push(...this.#againstFiles(before).map((fault) => `${kind}, round ${this.#workload.round}: ${fault}`));
    await this.#java.flow('flow', 'flow', 3, 'plain');
    await this.#java.flow('transactions-flow', 'transactions-flow', 3, 'transactions');
    let storm: Storm | undefined;
    if (end === 'kill') {
      await this.#workload.create(`storm-${turn}`, 3);
      storm = await Storm.begin(this.#bootstrap, `storm-${turn}`);
      await this.#workload.doom();
      await storm.decide(this.#below(8));
    }
    await this.#broker[end]();
    this.#checkLog(`turn ${turn}, ${kind} until its end`);
    const deleted = deletedDirectories(this.#logDirs).length;
    const preallocated = end === 'kill' && kind === 'apache';
    const dumped = await dumpAll(this.#tools, this.#logDirs, { sparse: compacted, preallocated });
    this.#faults.push(...dumped.faults.map((fault) => `after ${end} of ${kind}: ${fault}`));
    const prepared = [...dumped.transactions.values()].filter((state) => state.startsWith('Prepare')).length;

    this.#broker.kind = next;
    await this.#broker.start();
    const at = `turn ${turn}, ${kind} ${end === 'stop' ? 'stopped' : 'killed'}, ${next} started`;
    await this.#workload.ready();
    const now = await this.#look();
    this.#faults.push(...differences(before, now).map((difference) => `${at}: ${difference}`));
    await this.#halt();
    if (storm) await this.#calm(storm);
    const skipped = [...this.#workload.topics].filter((topic) => this.#skippedMarkers(topic));
    for (const topic of skipped) {
      this.#workload.topics.delete(topic);
      this.#book.forget(topic, 3);
    }
    await this.#goesOn(at);
    const read = await this.#readAll();
    await until('directories of deleted topics gone', () => deletedDirectories(this.#logDirs).length === 0);
    this.#checkLog(at);
    this.options.report(
      `${at}: ${read.records} of ${this.#book.records} acknowledged records read (${read.committed} committed, ` +
        `${read.aborted} aborted), ${now.size} answers as before, ${dumped.files} files with ${dumped.records} records ` +
        `dumped, ${dumped.lines} lines as ours, ${prepared} transactions prepared, ${deleted} deleted directories left, ` +
        `${this.#sinceStart()} s`,
    );
    if (skipped.length > 0)
      this.options.report(`  Apache's broker left out markers of ${skipped.join(', ')}: not looked at any more`);
  }

  #sinceStart(): number {
    return Math.round((performance.now() - this.#started) / 1000);
  }

  async #look(): Promise<View> {
    const options = {
      topics: [...this.#workload.topics].filter((name) => !restless.includes(name) && !name.startsWith('storm')),
      groups: [...this.#workload.groups].sort(),
      isTransactionStable: (id: string) => ['commits', 'aborts', 'spans'].includes(id),
      timestamps: this.#workload.timestamps,
      compacted,
    };
    return until('answers', () => Questions.ask(this.#bootstrap, options), { everyMs: 200, timeoutMs: 30_000 });
  }

  /** Retention has nothing left to do, either: what the broker answers stays as it is. */
  async #stable(): Promise<View> {
    let view = await this.#look();
    for (let tries = 0; ; tries++) {
      await pause(700);
      const next = await this.#look();
      const changes = differences(view, next);
      if (changes.length === 0) return next;
      if (tries === 60) throw new Error(`answers go on changing:\n${changes.join('\n')}`);
      view = next;
    }
  }

  /** Where what is answered is not what the files say. */
  #againstFiles(view: View): string[] {
    const faults: string[] = [];
    for (const [what, answer] of view) {
      const [, topic] = /^id of (.*)$/.exec(what) ?? [];
      if (topic !== undefined) {
        const file = path.join(partitionDirectory(this.#logDirs, `${topic}-0`), 'partition.metadata');
        const text = readFileSync(file, 'utf8').trimEnd();
        if (text !== `version: 0\ntopic_id: ${JSON.parse(answer)}`)
          faults.push(`${what}: ${answer}, in its file ${text}`);
      }
      const [, partition] = /^place of (\S+)$/.exec(what) ?? [];
      if (partition !== undefined) {
        const directory = partitionDirectory(this.#logDirs, partition);
        const logs = readdirSync(directory).filter((name) => name.endsWith('.log'));
        const size = logs.reduce((sum, name) => sum + statSync(path.join(directory, name)).size, 0);
        const wanted = JSON.stringify([path.dirname(directory), size, 0]);
        if (answer !== wanted) faults.push(`${what}: ${answer}, in fact ${wanted}`);
      }
    }
    return faults;
  }

  /** What brokers do by themselves is done: cleaning, retention, checkpoints. */
  async #settle(): Promise<void> {
    const cleanedTo = (): Map<string, number> => offsetsIn(this.#logDirs, 'cleaner-offset-checkpoint');
    const before = this.#cleaned;
    await until('everything cleaned', () => {
      const cleaned = cleanedTo();
      return ['compacted-0', 'compacted-1', 'both-0'].every((partition) => {
        const segments = segmentsOf(this.#logDirs, partition);
        return cleaned.get(partition) === segments[segments.length - 1];
      });
    });
    this.#cleaned = cleanedTo();
    for (const partition of ['compacted-0', 'compacted-1', 'both-0']) {
      const [was, is] = [before.get(partition) ?? 0, this.#cleaned.get(partition)!];
      if (is <= was) this.#faults.push(`${partition} was cleaned to ${was} before, and to ${is} now`);
    }
    await until('retention done', async () => {
      const directory = partitionDirectory(this.#logDirs, 'aged-0');
      const [first, ...rest] = readdirSync(directory)
        .filter((name) => name.endsWith('.log'))
        .sort()
        .map((name) => statSync(path.join(directory, name)).size);
      return rest.reduce((sum, size) => sum + size, 0) < agedBytes && first > 0;
    });
    await until('log start offsets written', async () => {
      const written = offsetsIn(this.#logDirs, 'log-start-offset-checkpoint');
      const starts = await this.#starts(['lowered', 'aged']);
      return written.get('lowered-0') === starts.get('lowered-0');
    });
  }

  async #starts(topics: readonly string[]): Promise<Map<string, number>> {
    return this.#workload.connected(async (client) => {
      const { topics: known } = await client.send(Apis.Metadata, 12, { topics: topics.map((name) => ({ name })) });
      const answer = await client.send(Apis.ListOffsets, 7, {
        replicaId: -1,
        isolationLevel: 0,
        topics: known.map(({ name, partitions }) => ({
          name: name!,
          partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, timestamp: -2n })),
        })),
      });
      return new Map(
        answer.topics.flatMap(({ name, partitions }) =>
          partitions.map(({ partitionIndex, offset }) => [`${name}-${partitionIndex}`, offset] as const),
        ),
      );
    });
  }

  /** Everything is read, and compared with the book. */
  async #readAll(): Promise<{ records: number; committed: number; aborted: number }> {
    const topics = [...this.#workload.topics].filter((name) => name !== 'held');
    const all = await this.#java.read('read_uncommitted', topics);
    const committed = await this.#java.read('read_committed', topics);
    const starts = await this.#starts(topics);
    const keptOf = (partition: string): Kept => {
      const startOffset = starts.get(partition) ?? 0;
      const isCompacted = compacted.has(partition.slice(0, -2));
      return { startOffset, cleanedTo: isCompacted ? (this.#cleaned.get(partition) ?? 0) : undefined };
    };
    const { faults, ...counts } = this.#book.faults(all, committed, keptOf);
    this.#faults.push(...faults.map((fault) => `${this.#broker.kind}, round ${this.#workload.round}: ${fault}`));
    return counts;
  }

  /** The writers that went on through the change stop. */
  async #halt(): Promise<void> {
    for (const name of ['flow', 'transactions-flow']) {
      for (const { outcome, records } of await this.#java.halt(name)) {
        if (!this.#workload.topics.has(name)) continue;
        this.#book.add(records, { state: outcome === 'sent' ? 'plain' : outcome });
      }
    }
    await this.#workload.ended('transactions-flow');
  }

  async #calm(storm: Storm): Promise<void> {
    this.#book.add(await storm.settle(), { state: 'committed' });
    storm[Symbol.dispose]();
  }

  /**
   * Apache's coordinator may load a decided transaction before its broker has heard of the partitions, takes them for
   * deleted then, and leaves their markers out: what became of their records nobody knows.
   */
  #skippedMarkers(topic: string): boolean {
    return this.#broker.lines(new RegExp(`find leader endpoint for partitions .*${topic}-`)).length > 0;
  }

  async #goesOn(at: string): Promise<void> {
    await this.#workload.pollMember(0);
    for (const client of this.#held) {
      const { transactionState } = await client.describe();
      const wanted = client.transactionalId === 'held-commit' ? 'Commit' : 'Abort';
      const states = this.#skippedMarkers('away') ? [`Prepare${wanted}`, `Complete${wanted}`] : [`Prepare${wanted}`];
      if (!states.includes(transactionState)) {
        this.#faults.push(`${at}: ${client.transactionalId} is ${transactionState}`);
      }
    }
  }

  /** What the broker says of its files, since the last look. */
  #checkLog(at: string): void {
    const files =
      /LogLoader|UnifiedLog|LogManager|ProducerState|LogSegment|LocalLog|Cleaner|Group(Metadata|Coordinator)/;
    const faults = this.#broker
      .lines(this.#broker.kind === 'apache' ? /\b(WARN|ERROR|FATAL)\b/ : /\b(WARN|ERROR)\b/, this.#seenLog)
      .filter((line) => this.#broker.kind === 'odradek' || files.test(line))
      .filter((line) => !this.#isExpected(line));
    this.#seenLog = this.#broker.log.length;
    this.#faults.push(...faults.map((line) => `${at}: ${line}`));
  }

  #seenLog = 0;

  #isExpected(line: string): boolean {
    return [
      // Tried on purpose.
      /append operation on partition repeated-0/,
      // The broker that leads it is away.
      /away-0 stays OfflinePartition/,
      // What a killed broker has left.
      /held by another ZooKeeper session/,
      // Apache's broker flushes a file of a replica whose move has just ended.
      /Failed to flush file .*-future\//,
    ].some((expected) => expected.test(line));
  }

  /** The broker that was away comes back: what was decided is done. */
  async #finish(): Promise<void> {
    await this.#away.start();
    for (const client of this.#held) {
      await client.becomes(client.transactionalId === 'held-commit' ? 'CompleteCommit' : 'CompleteAbort');
      const bootstrap = () => this.#bootstrap;
      using reader = new TransactionalClient(bootstrap, 'reader');
      for (const topic of this.#skippedMarkers('away') ? ['held'] : ['held', 'away']) {
        const [all, committed] = [await reader.read(topic, 0, 0), await reader.read(topic)];
        if (all.join() !== `${topic} commit,${topic} abort` || committed.join() !== `${topic} commit`) {
          this.#faults.push(`${topic}: ${all.join()}, and committed ${committed.join()}`);
        }
      }
    }
    await this.#away.stop();
    await this.#broker.stop();
    this.#checkLog('at the end');
    const dumped = await dumpAll(this.#tools, this.#logDirs, { sparse: compacted, preallocated: false });
    this.#faults.push(...dumped.faults.map((fault) => `at the end: ${fault}`));
    this.options.report(
      `at the end: ${this.#book.records} acknowledged records, none lost, none twice; ` +
        `${dumped.files} files without a complaint; ${this.#sinceStart()} s`,
    );
  }
}
