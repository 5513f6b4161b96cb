import type { Io } from '../../../../broker/src/io/io';
import { nodeIo } from '../../../../broker/src/io/node';
import { InProcessJobs } from '../../../../broker/src/io/node/jobs';
import { defaultCleanerConfig } from '../../../../broker/src/log/cleaner-config';
import type { Log } from '../../../../broker/src/log/log';
import type { AppendOptions } from '../../../../broker/src/log/log-append';
import type { LogConfig } from '../../../../broker/src/log/log-config';
import { LogManager } from '../../../../broker/src/log/log-manager';
import { silentLogger, type Logger } from '../../../../broker/src/logging/logger';
import { TimestampType } from '../../../../broker/src/records/batch-header';
import { buildBatch, type BatchInput, type RecordInput } from '../../../../broker/src/records/build-batch';
import { CompressionType } from '../../../../broker/src/records/compression-type';
import { buildEndTransactionMarker, ControlRecordType } from '../../../../broker/src/records/control-records';
import { buildLegacySet } from '../../../../broker/src/records/legacy-records';
import { readRecordSet } from '../../../../broker/src/records/read-records';
import type { LogRecord } from '../../../../broker/src/records/record';
import { seededRandom } from '../../../seeded-random';
import { append, ManualClock, testConfig } from '../support';
import { MemoryFiles, startMs } from './memory-files';

export const logDirs = ['/a', '/b'];
export const brokerId = 1;
export const clusterId = 'TtYpGmXWR2GjWAxo8DwTWQ';
export const topics = ['plain', 'compact', 'old', 'busy', 'empty'];

/** What a broker has left in its log directories, and how it ended. */
export interface State {
  readonly name: string;
  readonly files: MemoryFiles;
}

/** What a partition was given: each record by its offset, and the offsets that a read-committed consumer may see. */
export class Written {
  readonly records = new Map<number, string>();
  readonly committed = new Set<number>();
}

export function contentOf({ timestamp, key, value, headers }: LogRecord): string {
  const of = (bytes: Buffer | null) => bytes?.toString('latin1') ?? 'null';
  return [timestamp, of(key), of(value), ...headers.map(({ key: name, value: bytes }) => `${name}=${of(bytes)}`)].join(
    ' ',
  );
}

const small = { segmentBytes: 900, indexIntervalBytes: 100 };

export function configOf(topic: string): LogConfig {
  if (topic === 'busy') return { ...testConfig, indexIntervalBytes: 100 };
  const compact = topic === 'compact';
  return { ...testConfig, ...small, cleanupCompact: compact, cleanupDelete: !compact, minCleanableDirtyRatio: 0.01 };
}

export class Opened {
  readonly clock = new ManualClock();

  private constructor(readonly manager: LogManager) {}

  static async open(files: MemoryFiles, logger: Logger = silentLogger): Promise<Opened> {
    const clock = new ManualClock();
    clock.now = startMs;
    const draw = seededRandom(1);
    const below = (bound: number) => Math.floor(draw() * bound);
    const random = { below, bytes: (length: number) => Buffer.from(Array.from({ length }, () => below(256))) };
    const io: Io = {
      ...nodeIo(),
      clock,
      files,
      jobs: new InProcessJobs(files),
      random: { ...nodeIo().random, ...random },
    };
    const manager = await LogManager.open(io, logger, {
      logDirs,
      defaultConfig: configOf(''),
      topicConfig: configOf,
      producerIdExpirationMs: Number.MAX_SAFE_INTEGER,
      cleaner: { ...defaultCleanerConfig, threads: 0, dedupeBufferSize: 64 * 1024, ioBufferSize: 32 * 1024 },
      retentionCheckMs: 1e12,
      flushRecoveryOffsetCheckpointMs: 1e12,
      flushStartOffsetCheckpointMs: 1e12,
      producerIdExpirationCheckMs: 1e12,
    });
    await manager.writeMetaProperties(brokerId, clusterId);
    await manager.load();
    const opened = new Opened(manager);
    Object.assign(opened, { clock });
    return opened;
  }
}

/** Appends, and remembers. */
export class Writer {
  #sequences = new Map<number, number>();
  #open = new Map<number, number[]>();

  constructor(
    readonly log: Log,
    readonly written: Written,
  ) {}

  async add(records: readonly RecordInput[], input: Partial<BatchInput> = {}, options: Partial<AppendOptions> = {}) {
    const { producerId } = input;
    const baseSequence = producerId === undefined ? {} : { baseSequence: this.#sequences.get(producerId) ?? 0 };
    if (producerId !== undefined) this.#sequences.set(producerId, baseSequence.baseSequence! + records.length);
    const bytes = buildBatch({ records, producerEpoch: producerId === undefined ? -1 : 0, ...input, ...baseSequence });
    const { firstOffset } = await append(this.log, bytes, options);
    for (const [index, record] of [...readRecordSet(bytes)].entries()) {
      this.#note(firstOffset + index, record, input.transactional ? producerId : undefined);
    }
  }

  #note(offset: number, record: LogRecord, transactionOf: number | undefined): void {
    this.written.records.set(offset, contentOf(record));
    if (transactionOf === undefined) this.written.committed.add(offset);
    else this.#open.set(transactionOf, [...(this.#open.get(transactionOf) ?? []), offset]);
  }

  async end(producerId: number, type: 'COMMIT' | 'ABORT', leaderEpoch = 0) {
    const of = { producerId, producerEpoch: 0, coordinatorEpoch: 0, timestamp: startMs };
    const marker = buildEndTransactionMarker({ type: ControlRecordType[type], ...of });
    await append(this.log, marker, { origin: 'coordinator', leaderEpoch });
    if (type === 'COMMIT') for (const offset of this.#open.get(producerId) ?? []) this.written.committed.add(offset);
    this.#open.delete(producerId);
  }

  /** A message of format 0 or 1, as a follower gets it. */
  async addLegacy(magic: 0 | 1, compression: CompressionType, values: readonly string[]) {
    const first = this.log.logEndOffset;
    const records = values.map((value, index): LogRecord => {
      const timestamp = magic === 0 ? -1 : startMs + first + index;
      return { offset: first + index, timestamp, key: null, value: Buffer.from(value), headers: [] };
    });
    const bytes = buildLegacySet(records, { magic, compression, timestampType: TimestampType.CREATE_TIME });
    await append(this.log, bytes, { origin: 'replication' });
    for (const record of records) this.#note(record.offset, record, undefined);
  }
}

const codecs = [
  CompressionType.NONE,
  CompressionType.GZIP,
  CompressionType.SNAPPY,
  CompressionType.LZ4,
  CompressionType.ZSTD,
];

const codecOf = (i: number) => codecs[i % codecs.length];

function valuesOf(i: number): RecordInput[] {
  const headers = i % 3 === 0 ? [{ key: 'h', value: Buffer.from(`h${i}`) }] : [];
  return [
    { value: `a${i}`, timestamp: startMs + i * 10, headers },
    { key: `k${i}`, value: `b${i}`.repeat(9), timestamp: startMs + i * 10 + 5 },
  ];
}

/** One producer's transaction: the batches that it writes, and the one behind which it ends. */
interface Transaction {
  readonly producerId: number;
  readonly batches: readonly number[];
  readonly end?: readonly ['COMMIT' | 'ABORT', number];
}

const transactions: readonly Transaction[] = [
  { producerId: 6, batches: [3, 5], end: ['ABORT', 5] },
  { producerId: 7, batches: [7, 8], end: ['COMMIT', 9] },
  { producerId: 6, batches: [10], end: ['COMMIT', 11] },
  { producerId: 9, batches: [13, 15], end: ['ABORT', 15] },
  { producerId: 7, batches: [14], end: ['ABORT', 17] },
];

/** Batches of all codecs, idempotent, in transactions and neither, in several leader epochs. */
async function fill(writer: Writer, from: number, to: number): Promise<void> {
  for (let i = from; i < to; i++) {
    const leaderEpoch = Math.floor(i / 6);
    const transaction = transactions.find(({ batches }) => batches.includes(i));
    const idempotent = i % 4 === 0 ? { producerId: 5 } : {};
    const input = transaction ? { producerId: transaction.producerId, transactional: true } : idempotent;
    await writer.add(valuesOf(i), { compression: codecOf(i), ...input }, { leaderEpoch });
    for (const { producerId, end } of transactions) {
      if (end?.[1] === i) await writer.end(producerId, end[0], leaderEpoch);
    }
  }
}

/** The same few keys again and again, tombstones and an aborted transaction among them. */
async function fillCompacted(writer: Writer, from: number, to: number): Promise<void> {
  for (let i = from; i < to; i++) {
    const timestamp = startMs + i * 10;
    const records = [
      { key: `k${i % 5}`, value: `v${i}`.repeat(5), timestamp },
      { key: `k${(i * 7) % 11}`, value: i % 6 === 5 ? null : `w${i}`, timestamp: timestamp + 1 },
      { key: `only${i}`, value: `o${i}`, timestamp: timestamp + 2 },
    ];
    const inTransaction = i % 8 === 3;
    const input = inTransaction ? { producerId: 20 + i, transactional: true } : {};
    await writer.add(records, { compression: codecOf(i), ...input }, { leaderEpoch: 2 });
    if (inTransaction) await writer.end(20 + i, i % 16 === 3 ? 'ABORT' : 'COMMIT', 2);
  }
}

/** What brokers have left that ended in several ways, and what each partition was given. */
export async function makeStates(): Promise<{ states: State[]; written: ReadonlyMap<string, Written> }> {
  const states: State[] = [];
  const files = new MemoryFiles();
  const { manager } = await Opened.open(files);
  const written = new Map(topics.map((topic) => [`${topic}-0`, new Written()]));
  const writers = new Map<string, Writer>();
  for (const [index, topic] of topics.entries()) {
    const log = await manager.getOrCreate(
      { topic, partition: 0 },
      `L_SSrBYeR2WGwzmRaOsn_${'ABCDE'[index]}`,
      configOf(topic),
    );
    writers.set(topic, new Writer(log, written.get(`${topic}-0`)!));
  }
  const writer = (topic: string) => writers.get(topic)!;
  const commit = () => writers.forEach(({ log }) => log.updateHighWatermark(log.logEndOffset));

  await fill(writer('plain'), 0, 12);
  await fill(writer('busy'), 0, 12);
  await writer('old').addLegacy(0, CompressionType.NONE, ['m0', 'm1']);
  for (let i = 0; i < 6; i++)
    await writer('old').addLegacy(1, i % 2 ? CompressionType.GZIP : CompressionType.NONE, [
      `n${i}`.repeat(40),
      `p${i}`,
    ]);
  await fillCompacted(writer('compact'), 0, 24);
  await writer('compact').log.roll();
  commit();
  writer('plain').log.maybeIncrementLogStartOffset(3);
  await writer('plain').log.flush();
  await writer('compact').log.flush();
  await manager.checkpointLogRecoveryOffsets();
  await manager.checkpointLogStartOffsets();
  await manager.checkpointHighWatermarks();
  files.onRename = (from) => {
    const kind = /compact-0\/\d+\.log\.(cleaned|swap)$/.exec(from)?.[1];
    const name = `killed while ${kind === 'swap' ? 'a compacted segment took its place' : 'a compaction was ending'}`;
    if (kind !== undefined && !states.some((state) => state.name === name)) states.push({ name, files: files.clone() });
  };
  while (await manager.cleaner!.cleanFilthiest());
  files.onRename = () => {};
  await fillCompacted(writer('compact'), 24, 36);
  await fill(writer('plain'), 12, 22);
  // A transaction that stays open.
  await writer('plain').add(valuesOf(22), { producerId: 8, transactional: true }, { leaderEpoch: 3 });
  await writer('plain').add(valuesOf(23), {}, { leaderEpoch: 3 });
  await fill(writer('busy'), 12, 18);
  commit();
  states.push({ name: 'killed', files: files.clone() });
  const neverFlushed = files.clone();
  for (const dir of logDirs) neverFlushed.put(`${dir}/recovery-point-offset-checkpoint`, Buffer.from('0\n0\n'));
  states.push({ name: 'killed before anything was flushed', files: neverFlushed });
  await manager.shutdown(7);
  states.unshift({ name: 'shut down in order', files });
  for (const state of states) addOddities(state.files);
  return { states, written };
}

/** Directories and files that are none of a partition, or not one of this broker's any more. */
function addOddities(files: MemoryFiles): void {
  for (const name of [
    'plain-1.0123456789abcdef0123456789abcdef-delete',
    'plain-9.0123456789abcdef0123456789abcdef-stray',
    'lost+found',
    '-5',
    'nothing',
    'x-99999999999',
    'y-1x',
    '..data',
    'a-b-c',
    'käse-0x',
    'z-delete',
  ]) {
    files.putDirectory(`/a/${name}`);
    files.put(`/a/${name}/00000000000000000000.log`, Buffer.from('no batch at all, and long enough for a header'));
  }
  files.put('/a/plain-7', Buffer.from('a file with the name of a directory'));
  files.put('/b/.nfs0000000000000001', Buffer.from('left by NFS'));
  files.put('/b/compact-0/.nfs0000000000000002', Buffer.from('left by NFS'));
  files.put('/b/compact-0/readme.log', Buffer.from('no offset'));
  files.put('/b/compact-0/99999999999999999999.log', Buffer.from('no offset of a log'));
}
