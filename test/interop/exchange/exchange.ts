import { mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { Apis } from '../../../broker/src/protocol/api-keys';
import { ErrorCode, errorName } from '../../../broker/src/protocol/errors';
import { buildBatch } from '../../../broker/src/records/build-batch';
import { CompressionType } from '../../../broker/src/records/compression-type';
import { BrokerClient } from '../../broker/server/broker-client';
import { TransactionalClient } from '../../broker/transactions/transactional-client';
import { seededRandom } from '../../seeded-random';
import { ClusterBroker, type Kind } from '../cluster';
import { Ensemble, ownPort, pause, until } from '../cluster-zookeeper';
import { installApache, output, pythonInterpreter, writeProperties } from '../harness';
import { ApacheTools } from '../tool-runner';
import { Book, plain, type Kept, type Line, type Outcome } from './book';
import { differences, Questions, type View } from './broker-view';
import { JavaPeer, type Polled } from './java-peer';
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

const codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;
const stored = ['uncompressed', 'gzip', 'snappy', 'lz4', 'zstd'] as const;
/** Records with few keys, of which cleaning keeps the newest. */
const compacted = new Set(['compacted', 'both']);
/** Written to while brokers change: not compared question by question. */
const restless = ['flow', 'transactions-flow', 'held'];
/** As long as brokers allow: nothing is to time out here. */
const transactionTimeoutMs = 900_000;
/** Of a topic that loses its oldest segments. */
const agedBytes = 12_000;
const cleaning = { 'segment.bytes': '6000', 'min.cleanable.dirty.ratio': '0.01', 'delete.retention.ms': '100' };

const python = `
import sys
from kafka import KafkaConsumer, KafkaProducer
from kafka.structs import TopicPartition
bootstrap, tag, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
producer = KafkaProducer(bootstrap_servers=bootstrap, acks='all', compression_type='gzip')
sent = [(n, producer.send('python', key=b'key%d' % n, value=b'%s %d' % (tag.encode(), n), partition=0)) for n in range(count)]
for n, answer in sent:
    at = answer.get(60)
    print('sent', at.topic, at.partition, at.offset, at.timestamp, 'key%d' % n, '%s %d' % (tag, n), '', sep='\\t')
producer.close()
consumer = KafkaConsumer(bootstrap_servers=bootstrap, group_id='python', enable_auto_commit=False,
                         auto_offset_reset='earliest', consumer_timeout_ms=30000)
consumer.subscribe(['python'])
read = 0
for record in consumer:
    read += 1
    if record.offset == at.offset:
        break
consumer.commit()
print('read', read)
consumer.close()
`;

/** The raw side of an idempotent producer: what it sends, it can send again. */
interface Repeated {
  readonly producerId: number;
  readonly producerEpoch: number;
  nextSequence: number;
  readonly batches: { readonly bytes: Buffer; readonly offset: number }[];
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
  /** Of the transaction that begins under one broker and ends under the next. */
  #spanning: Outcome = plain;
  readonly #groups = new Set(['members', 'of-transactions', 'python']);
  readonly #faults: string[] = [];
  readonly #topics = new Set<string>();
  #ensemble!: Ensemble;
  #broker!: ClusterBroker;
  #away!: ClusterBroker;
  #java!: JavaPeer;
  #tools!: ApacheTools;
  #logDirs: string[] = [];
  #round = 0;
  #member: Polled | undefined;
  #repeated: Repeated | undefined;
  #held: TransactionalClient[] = [];
  #timestamps: number[] = [];
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
      changes.push({
        end: exchange.#random() < 0.5 ? 'stop' : 'kill',
        next: exchange.#random() < 0.6 ? 'apache' : 'odradek',
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

  async #connected<T>(use: (client: BrokerClient) => Promise<T>): Promise<T> {
    using client = await BrokerClient.connect(this.#bootstrap);
    return await use(client);
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
    await this.#topicsAndClients();
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

  async #create(name: string, partitions = 1, configs: Readonly<Record<string, string>> = {}): Promise<void> {
    await this.#connected((client) => client.createTopic(name, partitions, configs));
    this.#topics.add(name);
  }

  async #topicsAndClients(): Promise<void> {
    for (const codec of codecs) await this.#create(codec, 2);
    for (const codec of stored) {
      const time = codec === 'gzip' || codec === 'uncompressed' ? 'LogAppendTime' : 'CreateTime';
      await this.#create(`stored-${codec}`, 1, { 'compression.type': codec, 'message.timestamp.type': time });
    }
    await this.#create('compacted', 2, { 'cleanup.policy': 'compact', ...cleaning });
    await this.#create('both', 1, { 'cleanup.policy': 'compact,delete', 'retention.bytes': '30000', ...cleaning });
    await this.#create('aged', 1, { 'segment.bytes': '4000', 'retention.bytes': String(agedBytes) });
    for (const name of ['old', 'odd', 'lowered', 'moving', 'python', 'members', 'repeated']) await this.#create(name);
    await this.#create('in-transactions', 3);
    for (const name of restless) await this.#create(name, 3);
    await this.#ready();
    for (const codec of codecs) {
      await this.#java.producer(codec, { 'compression.type': codec });
      await this.#java.producer(`plain-${codec}`, { 'compression.type': codec, 'enable.idempotence': 'false' });
    }
    await this.#java.producer('flow', { 'compression.type': 'lz4', 'batch.size': '1000' });
    for (const id of ['commits', 'aborts', 'spans', 'transactions-flow']) {
      await this.#java.producer(id, {
        'transactional.id': id,
        'compression.type': 'snappy',
        'transaction.timeout.ms': String(transactionTimeoutMs),
      });
    }
    await this.#java.join('members', 'members');
    this.#repeated = await this.#connected(async (client) => {
      const { errorCode, ...who } = await client.send(Apis.InitProducerId, 4, {
        transactionalId: null,
        transactionTimeoutMs: 1000,
      });
      if (errorCode !== ErrorCode.NONE) throw new Error(`InitProducerId: ${errorName(errorCode)}`);
      return { ...who, nextSequence: 0, batches: [] };
    });
  }

  /**
   * Two transactions of which a partition is led by a broker that is away: they are decided, and their markers cannot all
   * be written until it is back.
   */
  async #hold(): Promise<void> {
    await this.#away.start();
    await this.#connected(async (client) => {
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
    await this.#write();
    await this.#settle();
    await this.#readAll();
    const before = await this.#stable();
    this.#faults.push(...this.#againstFiles(before).map((fault) => `${kind}, round ${this.#round}: ${fault}`));
    await this.#java.flow('flow', 'flow', 3, 'plain');
    await this.#java.flow('transactions-flow', 'transactions-flow', 3, 'transactions');
    let storm: Storm | undefined;
    if (end === 'kill') {
      await this.#create(`storm-${turn}`, 3);
      storm = await Storm.begin(this.#bootstrap, `storm-${turn}`);
      await this.#doom();
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
    await this.#ready();
    const now = await this.#look();
    this.#faults.push(...differences(before, now).map((difference) => `${at}: ${difference}`));
    await this.#halt();
    if (storm) await this.#calm(storm);
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
  }

  #sinceStart(): number {
    return Math.round((performance.now() - this.#started) / 1000);
  }

  /** Resolves when the broker leads everything that it has a replica of, and coordinates. */
  async #ready(): Promise<void> {
    await until('every partition led', () =>
      this.#connected(async (client) => {
        const { topics } = await client.send(Apis.Metadata, 12, { topics: null });
        const led = topics.filter(({ errorCode, partitions }) => {
          return errorCode === ErrorCode.NONE && partitions.every(({ leaderId }) => leaderId === 1);
        });
        const names = new Set(led.map(({ name }) => name));
        return [...this.#topics].every((name) => names.has(name));
      }),
    );
  }

  async #look(): Promise<View> {
    const options = {
      topics: [...this.#topics].filter((name) => !restless.includes(name) && !name.startsWith('storm')),
      groups: [...this.#groups].sort(),
      isTransactionStable: (id: string) => ['commits', 'aborts', 'spans'].includes(id),
      timestamps: this.#timestamps,
      compacted,
    };
    return until('answers', () => Questions.ask(this.#bootstrap, options), { everyMs: 200, timeoutMs: 30_000 });
  }

  /** Retention has nothing left to do, either: what the broker answers stays as it is. */
  async #stable(): Promise<View> {
    for (let view = await this.#look(); ;) {
      await pause(700);
      const next = await this.#look();
      if (differences(view, next).length === 0) return next;
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

  /** Some of everything, by every client. */
  async #write(): Promise<void> {
    const round = ++this.#round;
    const tag = `${round} ${this.#broker.kind}`;
    const java = this.#java;
    const count = 60 + this.#below(60);
    for (const codec of codecs) {
      this.#book.add(await java.send({ producer: codec, topic: codec, count, tag }));
      await this.#kcat(codec, 1, `-z ${codec} -X enable.idempotence=true -H codec=${codec}`, 80, tag, codec);
    }
    for (const codec of stored) {
      const producer = this.#below(2) === 0 ? 'plain-none' : 'zstd';
      this.#book.add(await java.send({ producer, topic: `stored-${codec}`, count: 50, tag }));
    }
    for (const [version, codec] of [
      ['0.9.0.1', 'gzip'],
      ['0.9.0.1', 'none'],
      ['0.10.0.0', 'snappy'],
      ['0.10.0.0', 'none'],
    ]) {
      const fallback = `-z ${codec} -X api.version.request=false -X broker.version.fallback=${version}`;
      await this.#kcat('old', 0, fallback, 30, `${tag} ${version}`);
    }
    await this.#compact(tag);
    this.#book.add(await java.send({ producer: 'none', topic: 'aged', count: 150, tag }));
    this.#book.add(await java.send({ producer: 'lz4', topic: 'moving', count, tag }));
    this.#book.add(await java.send({ producer: 'zstd', topic: 'members', count: 40, tag }));
    await this.#transact(tag);
    await this.#byPython(tag);
    await this.#lower(tag);
    await this.#move();
    await this.#repeat();
    await this.#oddities();
    await this.#byGroups();
    this.#member = await this.#pollMember(40);
    if (this.#round === 2) await this.#readOld();
    this.#timestamps = this.#drawTimestamps();
  }

  /** Writes to the end of a partition that nobody else writes to. */
  async #kcat(
    topic: string,
    partition: number,
    options: string,
    count: number,
    tag: string,
    header?: string,
  ): Promise<void> {
    const at = `${topic}-${partition}`;
    const from = this.#book.lastOffset(at) + 1;
    const value = (i: number): string => `${tag} kcat ${i} ${'z'.repeat((i * 31) % 120)}`;
    const input = Array.from({ length: count }, (_, i) => `key${i % 11}:${value(i)}\n`).join('');
    const args = `-b ${this.#bootstrap} -P -t ${topic} -p ${partition} -K : -X batch.num.messages=20 ${options}`;
    await output('kcat', args.split(' '), { input });
    const headers = header === undefined ? '' : `codec=${header}`;
    const lines = Array.from({ length: count }, (_, i): Line => {
      const key = `key${i % 11}`;
      return { topic, partition, offset: from + i, timestamp: undefined, key, value: value(i), headers };
    });
    this.#book.add(lines);
  }

  /** Many records of few keys, tombstones among them: segments to clean, and some to come. */
  async #compact(tag: string): Promise<void> {
    for (const [partition, producer] of [
      [0, 'gzip'],
      [1, 'plain-none'],
    ] as const) {
      const few = { keys: 20 + this.#below(20), tombstones: 9, partition, producer };
      this.#book.add(await this.#java.send({ ...few, topic: 'compacted', count: 250, tag }));
    }
    this.#book.add(
      await this.#java.send({ producer: 'snappy', topic: 'both', count: 250, tag, keys: 40, tombstones: 7 }),
    );
  }

  async #transact(tag: string): Promise<void> {
    const java = this.#java;
    const outcomes: [string, Outcome, 'commit' | 'abort'][] = [
      ['commits', { state: 'committed' }, 'commit'],
      ['aborts', { state: 'aborted' }, 'abort'],
    ];
    for (let again = 0; again < 2; again++) {
      for (const [id] of outcomes) await java.begin(id);
      for (const [id, outcome] of outcomes) {
        for (let partition = 0; partition < 3; partition++) {
          const sent = { producer: id, topic: 'in-transactions', partition, count: 5 + this.#below(10), tag };
          this.#book.add(await java.send(sent), outcome);
        }
        await java.commitOffset(id, 'of-transactions', id === 'commits' ? 'none' : 'gzip', this.#round * 10 + again);
      }
      for (const [id, , how] of outcomes) await java.end(id, how);
    }
    // One that began under the broker before, and ends here; and one that ends under the next.
    const begun = this.#spanning;
    const more = { producer: 'spans', topic: 'in-transactions', partition: 1, count: 6, tag };
    if (begun.state === 'open') {
      this.#book.add(await java.send(more), begun);
      const how = this.#below(2) === 0 ? 'commit' : 'abort';
      await java.end('spans', how);
      begun.state = how === 'commit' ? 'committed' : 'aborted';
    }
    this.#spanning = { state: 'open' };
    await java.begin('spans');
    this.#book.add(await java.send(more), this.#spanning);
    await java.commitOffset('spans', 'of-transactions', 'zstd', this.#round);
    for (const id of ['commits', 'aborts', 'spans']) await this.#ended(id);
  }

  /** What was decided is done everywhere. */
  async #ended(transactionalId: string): Promise<void> {
    await until(`${transactionalId} ended`, () =>
      this.#connected(async (client) => {
        const { transactionStates } = await client.send(Apis.DescribeTransactions, 0, {
          transactionalIds: [transactionalId],
        });
        return !transactionStates[0].transactionState.startsWith('Prepare');
      }),
    );
  }

  async #byPython(tag: string): Promise<void> {
    const text = await output(pythonInterpreter(), ['-c', python, this.#bootstrap, `${tag} python`, '30']);
    const lines: Line[] = [];
    for (const line of text.trimEnd().split('\n')) {
      const [what, topic, partition, offset, timestamp, key, value] = line.split('\t');
      if (what === 'sent') {
        lines.push({
          ...{ topic, partition: Number(partition), offset: Number(offset), timestamp: Number(timestamp) },
          ...{ key, value, headers: '' },
        });
      } else if (line !== 'read 30')
        this.#faults.push(`${tag}: the group of kafka-python goes on where it was: ${line}`);
    }
    this.#book.add(lines);
  }

  async #lower(tag: string): Promise<void> {
    this.#book.add(await this.#java.send({ producer: 'none', topic: 'lowered', count: 300, tag }));
    const offset = this.#book.lastOffset('lowered-0') - 100 - this.#below(100);
    const answer = await this.#connected((client) =>
      client.send(Apis.DeleteRecords, 2, {
        topics: [{ name: 'lowered', partitions: [{ partitionIndex: 0, offset }] }],
        timeoutMs: 30_000,
      }),
    );
    const { errorCode, lowWatermark } = answer.topics[0].partitions[0];
    if (errorCode !== ErrorCode.NONE || lowWatermark !== offset) {
      this.#faults.push(`${tag}: DeleteRecords to ${offset}: ${errorName(errorCode)}, ${lowWatermark}`);
    }
  }

  async #move(): Promise<void> {
    const from = path.dirname(partitionDirectory(this.#logDirs, 'moving-0'));
    const to = this.#logDirs.find((logDir) => logDir !== from)!;
    const { results } = await this.#connected((client) =>
      client.send(Apis.AlterReplicaLogDirs, 2, {
        dirs: [{ path: to, topics: [{ name: 'moving', partitions: [0] }] }],
      }),
    );
    const { errorCode } = results[0].partitions[0];
    if (errorCode !== ErrorCode.NONE) throw new Error(`AlterReplicaLogDirs: ${errorName(errorCode)}`);
    await until('the replica moved', () => partitionDirectory(this.#logDirs, 'moving-0').startsWith(to));
  }

  /** Sends what was sent under the last broker again: it is known; then goes on, and leaves a sequence out. */
  async #repeat(): Promise<void> {
    const producer = this.#repeated!;
    const { producerId, producerEpoch } = producer;
    const timestamp = Date.now();
    const batchAt = (baseSequence: number): [Buffer, string[]] => {
      const values = [0, 1, 2].map((i) => `sequence ${baseSequence + i}`);
      const records = values.map((value) => ({ value, timestamp }));
      return [buildBatch({ records, producerId, producerEpoch, baseSequence }), values];
    };
    await this.#connected(async (client) => {
      const known = producer.batches.slice(-5);
      for (const [i, { bytes, offset }] of known.entries()) {
        const { errorCode, baseOffset } = await client.produce('repeated', Buffer.from(bytes));
        if (errorCode === ErrorCode.NONE && baseOffset === offset) continue;
        // Snapshots hold the last batch of a producer alone.
        const isForgotten = errorCode === ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER && i < known.length - 1;
        const what = `${errorName(errorCode)} ${baseOffset}`;
        if (!isForgotten) this.#faults.push(`a batch at ${offset}, sent again to ${this.#broker.kind}: ${what}`);
      }
      for (let i = 0; i < 7; i++) {
        const [bytes, values] = batchAt(producer.nextSequence);
        const { errorCode, baseOffset } = await client.produce('repeated', Buffer.from(bytes));
        if (errorCode !== ErrorCode.NONE) throw new Error(`repeated: ${errorName(errorCode)}`);
        producer.batches.push({ bytes, offset: baseOffset });
        producer.nextSequence += 3;
        this.#book.add(
          values.map((value, at) => ({
            ...{ topic: 'repeated', partition: 0, offset: baseOffset + at, timestamp },
            ...{ key: '-', value, headers: '' },
          })),
        );
      }
      const { errorCode } = await client.produce('repeated', batchAt(producer.nextSequence + 3)[0]);
      if (errorCode !== ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER) {
        this.#faults.push(`a sequence left out: ${errorName(errorCode)} of ${this.#broker.kind}`);
      }
    });
  }

  /** What records may be without, and more than one index interval in one. */
  async #oddities(): Promise<void> {
    const timestamp = Date.now();
    const records = [
      { key: null, value: null, timestamp },
      { key: '', value: '', timestamp: timestamp - 1 },
      {
        key: 'key',
        value: null,
        headers: [
          { key: '', value: Buffer.from('twice') },
          { key: '', value: null },
        ],
        timestamp,
      },
      { key: 'ключ', value: '値', timestamp: 1 },
      { key: null, value: 'x'.repeat(25_000), timestamp },
    ];
    const bytes = buildBatch({ records, compression: CompressionType.LZ4 });
    const { errorCode, baseOffset } = await this.#connected((client) => client.produce('odd', bytes));
    if (errorCode !== ErrorCode.NONE) throw new Error(`odd: ${errorName(errorCode)}`);
    this.#book.add(
      records.map(({ key, value, headers, timestamp: at }, i) => ({
        ...{ topic: 'odd', partition: 0, offset: baseOffset + i, timestamp: at, key: key ?? '-', value: value ?? '-' },
        headers: (headers ?? []).map((header) => `${header.key}=${header.value?.toString() ?? '-'}`).join(','),
      })),
    );
  }

  /** A group of each round, which loses its offsets in the next one, and is deleted then. */
  async #byGroups(): Promise<void> {
    const group = `kcat-${this.#round}`;
    await output('kcat', `-b ${this.#bootstrap} -X auto.offset.reset=earliest -q -e -G ${group} odd old`.split(' '));
    this.#groups.add(group);
    const [last, before] = [`kcat-${this.#round - 1}`, `kcat-${this.#round - 2}`];
    await this.#connected(async (client) => {
      if (this.#groups.has(last)) {
        const { errorCode } = await client.send(Apis.OffsetDelete, 0, {
          groupId: last,
          topics: [{ name: 'old', partitions: [{ partitionIndex: 0 }] }],
        });
        if (errorCode !== ErrorCode.NONE) this.#faults.push(`OffsetDelete of ${last}: ${errorName(errorCode)}`);
      }
      if (this.#groups.has(before)) {
        const { results } = await client.send(Apis.DeleteGroups, 2, { groupsNames: [before] });
        const { errorCode } = results[0];
        if (errorCode !== ErrorCode.NONE) this.#faults.push(`DeleteGroups of ${before}: ${errorName(errorCode)}`);
      }
    });
  }

  /** The group's member reads so many records; it is the member that it was. */
  async #pollMember(wanted: number): Promise<Polled> {
    const polled = await this.#java.poll('members');
    const was = this.#member;
    const is = `${polled.memberId} in generation ${polled.generation}, assigned ${polled.assignments} times`;
    if (was && (was.memberId !== polled.memberId || was.generation !== polled.generation || polled.assignments !== 1)) {
      this.#faults.push(`the group's member was ${was.memberId} in generation ${was.generation}, is ${is}`);
    }
    if (polled.records.length !== wanted) this.#faults.push(`${is}: read ${polled.records.length} records`);
    return polled;
  }

  /** Consumers of before 0.11 get the records in their format. */
  async #readOld(): Promise<void> {
    for (const version of ['0.9.0.1', '0.10.0.0']) {
      const options = `-q -e -o beginning -X api.version.request=false -X broker.version.fallback=${version}`;
      const text = await output('kcat', `-b ${this.#bootstrap} -C -t gzip -p 1 ${options}`.split(' '));
      const read = text.trimEnd().split('\n').length;
      const wanted = this.#book.lastOffset('gzip-1') + 1;
      if (read !== wanted) this.#faults.push(`a consumer of ${version} read ${read} of ${wanted} records`);
    }
  }

  #drawTimestamps(): number[] {
    const known = ['none-0', 'compacted-0', 'in-transactions-1', 'old-0'].flatMap((partition) => {
      const all = this.#book.timestamps(partition);
      return all.length === 0 ? [] : [all[this.#below(all.length)], all[this.#below(all.length)] + 1];
    });
    return [0, ...known];
  }

  /** A topic is deleted, and the broker is killed before the files are. */
  async #doom(): Promise<void> {
    const name = `doomed-${this.#round}`;
    await this.#connected(async (client) => {
      await client.createTopic(name, 2);
      await until('something written', async () => {
        const { errorCode } = await client.produce(name, buildBatch({ records: [{ value: 'gone' }] }));
        return errorCode === ErrorCode.NONE;
      });
      await client.deleteTopic(name);
    });
    await until('deleted directories', () => deletedDirectories(this.#logDirs).length > 0, { everyMs: 5 });
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
    return this.#connected(async (client) => {
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
    const topics = [...this.#topics].filter((name) => name !== 'held');
    const all = await this.#java.read('read_uncommitted', topics);
    const committed = await this.#java.read('read_committed', topics);
    const starts = await this.#starts(topics);
    const keptOf = (partition: string): Kept => {
      const startOffset = starts.get(partition) ?? 0;
      const isCompacted = compacted.has(partition.slice(0, -2));
      return { startOffset, cleanedTo: isCompacted ? (this.#cleaned.get(partition) ?? 0) : undefined };
    };
    const { faults, ...counts } = this.#book.faults(all, committed, keptOf);
    this.#faults.push(...faults.map((fault) => `${this.#broker.kind}, round ${this.#round}: ${fault}`));
    return counts;
  }

  /** The writers that went on through the change stop. */
  async #halt(): Promise<void> {
    for (const name of ['flow', 'transactions-flow']) {
      for (const { outcome, records } of await this.#java.halt(name)) {
        this.#book.add(records, { state: outcome === 'sent' ? 'plain' : outcome });
      }
    }
    await this.#ended('transactions-flow');
  }

  async #calm(storm: Storm): Promise<void> {
    const written = await storm.settle();
    storm[Symbol.dispose]();
    if (this.#skippedMarkers(storm.topic)) this.#topics.delete(storm.topic);
    else this.#book.add(written, { state: 'committed' });
  }

  /**
   * Apache's coordinator may load a decided transaction before its broker has heard of the partitions, takes them for
   * deleted then, and leaves their markers out.
   */
  #skippedMarkers(topic: string): boolean {
    return this.#broker.lines(new RegExp(`find leader endpoint for partitions .*${topic}-`)).length > 0;
  }

  async #goesOn(at: string): Promise<void> {
    this.#member = await this.#pollMember(0);
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

/** Transactions that are all decided at the moment of a kill. */
class Storm implements Disposable {
  readonly #clients: TransactionalClient[] = [];
  readonly #written: Line[] = [];

  private constructor(readonly topic: string) {}

  static async begin(bootstrap: string, topic: string): Promise<Storm> {
    const storm = new Storm(topic);
    for (let i = 0; i < 8; i++) {
      const client = new TransactionalClient(() => bootstrap, `${topic}-${i}`);
      storm.#clients.push(client);
      await client.init(transactionTimeoutMs);
      await client.addPartitions(topic, 0, 1, 2);
      for (let partition = 0; partition < 3; partition++) {
        const value = client.transactionalId;
        const bytes = client.batch(topic, partition, value);
        const { errorCode, baseOffset: offset } = await client.writeOnce(topic, partition, bytes);
        if (errorCode !== ErrorCode.NONE) throw new Error(`${value}: ${errorName(errorCode)}`);
        const timestamp = 1_700_000_000_000;
        storm.#written.push({ topic, partition, offset, timestamp, key: '-', value, headers: '' });
      }
    }
    return storm;
  }

  /** All of them are to be decided; resolves after `ms`, wherever that has come to by then. */
  async decide(ms: number): Promise<void> {
    for (const client of this.#clients) client.end(true).catch(() => undefined);
    await pause(ms);
  }

  /** Those that were not decided yet are, too. Resolves with the records of all when they are committed. */
  async settle(): Promise<readonly Line[]> {
    for (const client of this.#clients) {
      await until(`${client.transactionalId} decided`, async () => (await client.end(true)) === 'NONE');
      await client.becomes('CompleteCommit');
    }
    return this.#written;
  }

  [Symbol.dispose](): void {
    for (const client of this.#clients) client[Symbol.dispose]();
  }
}
