import path from 'node:path';
import { Apis } from '../../../broker/src/protocol/api-keys';
import { ErrorCode, errorName } from '../../../broker/src/protocol/errors';
import { buildBatch } from '../../../broker/src/records/build-batch';
import { CompressionType } from '../../../broker/src/records/compression-type';
import { BrokerClient } from '../../broker/server/broker-client';
import type { Kind } from '../cluster';
import { until } from '../cluster-zookeeper';
import { output, pythonInterpreter } from '../harness';
import { type Book, plain, type Line, type Outcome } from './book';
import type { JavaPeer, Polled } from './java-peer';
import { deletedDirectories, partitionDirectory } from './log-files';
import { transactionTimeoutMs } from './storm';

const codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;
const stored = ['uncompressed', 'gzip', 'snappy', 'lz4', 'zstd'] as const;
/** Records with few keys, of which cleaning keeps the newest. */
export const compacted = new Set(['compacted', 'both']);
/** Written to while brokers change: not compared question by question. */
export const restless = ['flow', 'transactions-flow', 'held'];
/** Of a topic that loses its oldest segments. */
export const agedBytes = 12_000;
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

export interface WorkloadOptions {
  readonly bootstrap: string;
  readonly logDirs: readonly string[];
  readonly java: JavaPeer;
  /** What is acknowledged is written into it. */
  readonly book: Book;
  /** What is wrong is added. */
  readonly faults: string[];
  readonly random: () => number;
}

/** What every broker of an exchange is given to do in its turn: some of everything, by every client. */
export class Workload {
  readonly topics = new Set<string>();
  readonly groups = new Set(['members', 'of-transactions', 'python']);
  round = 0;
  /** Times to ask for: some of records, and some between. */
  timestamps: number[] = [];
  /** Of the transaction that begins under one broker and ends under the next. */
  #spanning: Outcome = plain;
  #member: Polled | undefined;
  #repeated: Repeated | undefined;
  #kind: Kind = 'odradek';
  readonly #bootstrap: string;
  readonly #logDirs: readonly string[];
  readonly #java: JavaPeer;
  readonly #book: Book;
  readonly #faults: string[];

  constructor(private readonly options: WorkloadOptions) {
    const { bootstrap, logDirs, java, book, faults } = options;
    this.#bootstrap = bootstrap;
    this.#logDirs = logDirs;
    this.#java = java;
    this.#book = book;
    this.#faults = faults;
  }

  #below(bound: number): number {
    return Math.floor(this.options.random() * bound);
  }

  async connected<T>(use: (client: BrokerClient) => Promise<T>): Promise<T> {
    using client = await BrokerClient.connect(this.#bootstrap);
    return await use(client);
  }

  async create(name: string, partitions = 1, configs: Readonly<Record<string, string>> = {}): Promise<void> {
    await this.connected((client) => client.createTopic(name, partitions, configs));
    this.topics.add(name);
  }

  async prepare(): Promise<void> {
    for (const codec of codecs) await this.create(codec, 2);
    for (const codec of stored) {
      const time = codec === 'gzip' || codec === 'uncompressed' ? 'LogAppendTime' : 'CreateTime';
      await this.create(`stored-${codec}`, 1, { 'compression.type': codec, 'message.timestamp.type': time });
    }
    await this.create('compacted', 2, { 'cleanup.policy': 'compact', ...cleaning });
    await this.create('both', 1, { 'cleanup.policy': 'compact,delete', 'retention.bytes': '30000', ...cleaning });
    await this.create('aged', 1, { 'segment.bytes': '4000', 'retention.bytes': String(agedBytes) });
    for (const name of ['old', 'odd', 'lowered', 'moving', 'python', 'members', 'repeated']) await this.create(name);
    await this.create('in-transactions', 3);
    for (const name of restless) await this.create(name, 3);
    await this.ready();
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
    this.#repeated = await this.connected(async (client) => {
      const { errorCode, ...who } = await client.send(Apis.InitProducerId, 4, {
        transactionalId: null,
        transactionTimeoutMs: 1000,
      });
      if (errorCode !== ErrorCode.NONE) throw new Error(`InitProducerId: ${errorName(errorCode)}`);
      return { ...who, nextSequence: 0, batches: [] };
    });
  }

  /** Resolves when the broker leads everything that it has a replica of, and coordinates. */
  async ready(): Promise<void> {
    await until('every partition led', () =>
      this.connected(async (client) => {
        const { topics } = await client.send(Apis.Metadata, 12, { topics: null });
        const led = topics.filter(({ errorCode, partitions }) => {
          return errorCode === ErrorCode.NONE && partitions.every(({ leaderId }) => leaderId === 1);
        });
        const names = new Set(led.map(({ name }) => name));
        return [...this.topics].every((name) => names.has(name));
      }),
    );
  }

  /** Some of everything, by every client. */
  async write(kind: Kind): Promise<void> {
    this.#kind = kind;
    const round = ++this.round;
    const tag = `${round} ${this.#kind}`;
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
    this.#member = await this.pollMember(40);
    if (this.round === 2) await this.#readOld();
    this.timestamps = this.#drawTimestamps();
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
        await java.commitOffset(id, 'of-transactions', id === 'commits' ? 'none' : 'gzip', this.round * 10 + again);
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
    await java.commitOffset('spans', 'of-transactions', 'zstd', this.round);
    for (const id of ['commits', 'aborts', 'spans']) await this.ended(id);
  }

  /** What was decided is done everywhere. */
  async ended(transactionalId: string): Promise<void> {
    await until(`${transactionalId} ended`, () =>
      this.connected(async (client) => {
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
    const answer = await this.connected((client) =>
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
    const { results } = await this.connected((client) =>
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
    await this.connected(async (client) => {
      const known = producer.batches.slice(-5);
      for (const [i, { bytes, offset }] of known.entries()) {
        const { errorCode, baseOffset } = await client.produce('repeated', Buffer.from(bytes));
        if (errorCode === ErrorCode.NONE && baseOffset === offset) continue;
        // Snapshots hold the last batch of a producer alone.
        const isForgotten = errorCode === ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER && i < known.length - 1;
        const what = `${errorName(errorCode)} ${baseOffset}`;
        if (!isForgotten) this.#faults.push(`a batch at ${offset}, sent again to ${this.#kind}: ${what}`);
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
        this.#faults.push(`a sequence left out: ${errorName(errorCode)} of ${this.#kind}`);
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
    const { errorCode, baseOffset } = await this.connected((client) => client.produce('odd', bytes));
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
    const group = `kcat-${this.round}`;
    await output('kcat', `-b ${this.#bootstrap} -X auto.offset.reset=earliest -q -e -G ${group} odd old`.split(' '));
    this.groups.add(group);
    const [last, before] = [`kcat-${this.round - 1}`, `kcat-${this.round - 2}`];
    await this.connected(async (client) => {
      if (this.groups.has(last)) {
        const { errorCode } = await client.send(Apis.OffsetDelete, 0, {
          groupId: last,
          topics: [{ name: 'old', partitions: [{ partitionIndex: 0 }] }],
        });
        if (errorCode !== ErrorCode.NONE) this.#faults.push(`OffsetDelete of ${last}: ${errorName(errorCode)}`);
      }
      if (this.groups.has(before)) {
        const { results } = await client.send(Apis.DeleteGroups, 2, { groupsNames: [before] });
        const { errorCode } = results[0];
        if (errorCode !== ErrorCode.NONE) this.#faults.push(`DeleteGroups of ${before}: ${errorName(errorCode)}`);
      }
    });
  }

  /** The group's member reads so many records; it is the member that it was. */
  async pollMember(wanted: number): Promise<Polled> {
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
  async doom(): Promise<void> {
    const name = `doomed-${this.round}`;
    await this.connected(async (client) => {
      await client.createTopic(name, 2);
      await until('something written', async () => {
        const { errorCode } = await client.produce(name, buildBatch({ records: [{ value: 'gone' }] }));
        return errorCode === ErrorCode.NONE;
      });
      await client.deleteTopic(name);
    });
    await until('deleted directories', () => deletedDirectories(this.#logDirs).length > 0, { everyMs: 5 });
  }
}
