import { basename, dirname, join, resolve } from 'node:path';
import type { Files, OpenFile } from '../../io/files';
import { parseProducerSnapshot } from '../../log/producer-snapshot';
import { firstSequenceOf } from '../../log/producer-state-entry';
import {
  findOffsetEntry,
  offsetEntryBytes,
  offsetEntryOffset,
  offsetEntryPosition,
  offsetIndexDefect,
  timeEntryBytes,
  timeEntryOffset,
  timeEntryTimestamp,
  timeIndexDefect,
  withoutZeroTail,
} from '../../log/sparse-index';
import { txnEntryBytes } from '../../log/transaction-index';
import {
  baseOffset,
  baseSequence,
  compressionOf,
  deleteHorizonMs,
  hasDeleteHorizon,
  incrementSequence,
  isControlBatch,
  isTransactional,
  isValidBatch,
  lastOffset,
  lastSequence,
  magicOf,
  maxTimestamp,
  partitionLeaderEpoch,
  producerEpoch,
  producerId,
  recordCount,
  storedCrc,
  TimestampType,
  timestampTypeOf,
} from '../../records/batch-header';
import { ControlRecordType, controlRecordType, markerCoordinatorEpoch } from '../../records/control-records';
import { readInt64 } from '../../records/int64';
import { readRecords } from '../../records/read-records';
import type { LogRecord } from '../../records/record';
import { CommandError, messageOf } from '../cli-error';
import type { MessageParser } from './message-parsers';
import { readSegment, type SegmentBatch } from './segment-reader';

export interface DumpOptions {
  readonly printDataLog: boolean;
  readonly deepIteration: boolean;
  readonly skipRecordMetadata: boolean;
  readonly indexSanityCheck: boolean;
  readonly verifyIndexOnly: boolean;
  /** Of a log, how many bytes are looked at. */
  readonly maxBytes: number;
  readonly parser: MessageParser;
}

/** What is wrong with what was dumped; told at the end, as Kafka does. */
export class DumpFindings {
  readonly #indexMismatches = new Map<string, string[]>();
  readonly #timeMismatches = new Map<string, string[]>();
  readonly #outOfOrder = new Map<string, string[]>();
  readonly #notFound = new Map<string, string[]>();
  readonly #nonConsecutive = new Map<string, string[]>();

  indexMismatch(file: string, indexed: number, logged: number): void {
    add(this.#indexMismatches, file, `  Index offset: ${indexed}, log offset: ${logged}`);
  }

  timeMismatch(file: string, indexed: number, logged: number): void {
    add(this.#timeMismatches, file, `  Index timestamp: ${indexed}, log timestamp: ${logged}`);
  }

  outOfOrder(file: string, indexed: number, previous: number): void {
    add(this.#outOfOrder, file, `  Index timestamp: ${indexed}, Previously indexed timestamp: ${previous}`);
  }

  offsetNotFound(file: string, indexed: number, found: number): void {
    add(this.#notFound, file, `Indexed offset: ${indexed}, found log offset: ${found}`);
  }

  nonConsecutive(file: string, first: number, second: number): void {
    add(this.#nonConsecutive, file, `  ${first} is followed by ${second}`);
  }

  /** Kafka tells some of them last first. */
  *lines(): Generator<string> {
    yield* titled(lastFirst(this.#indexMismatches), (file) => `Mismatches in :${file}`);
    yield* titled(this.#timeMismatches, (file) => `Found timestamp mismatch in :${file}`);
    yield* titled(this.#outOfOrder, (file) => `Found out of order timestamp in :${file}`);
    yield* titled(this.#notFound, () => 'The following indexed offsets are not found in the log.');
    yield* titled(lastFirst(this.#nonConsecutive), (file) => `Non-consecutive offsets in ${file}`);
  }

  /** Gaps between offsets are no fault: compaction makes them. */
  get isFaulty(): boolean {
    return [this.#indexMismatches, this.#timeMismatches, this.#outOfOrder, this.#notFound].some(({ size }) => size > 0);
  }
}

function add(findings: Map<string, string[]>, file: string, line: string): void {
  const lines = findings.get(file);
  if (lines === undefined) findings.set(file, [line]);
  else lines.push(line);
}

function lastFirst(findings: ReadonlyMap<string, readonly string[]>): ReadonlyMap<string, readonly string[]> {
  return new Map([...findings].map(([file, lines]) => [file, lines.toReversed()]));
}

function* titled(findings: ReadonlyMap<string, readonly string[]>, title: (file: string) => string): Generator<string> {
  for (const [file, lines] of findings) {
    yield title(resolve(file));
    yield* lines;
  }
}

/** Shows files of a log directory as Kafka's DumpLogSegments does, and compares indexes with their logs. */
export class SegmentDump {
  readonly findings = new DumpFindings();
  readonly #files: Files;
  readonly #options: DumpOptions;
  readonly #out: (line: string) => void;
  readonly #err: (line: string) => void;

  constructor(files: Files, options: DumpOptions, out: (line: string) => void, err: (line: string) => void) {
    this.#files = files;
    this.#options = options;
    this.#out = out;
    this.#err = err;
  }

  async dump(file: string): Promise<void> {
    this.#out(`Dumping ${file}`);
    const suffix = file.slice(file.lastIndexOf('.'));
    switch (suffix) {
      case '.log':
        return this.#dumpLog(file);
      case '.index':
        return this.#dumpIndex(file);
      case '.timeindex':
        return this.#dumpTimeIndex(file);
      case '.snapshot':
        return this.#dumpSnapshot(file);
      case '.txnindex':
        return this.#dumpTxnIndex(file);
      default:
        this.#err(`Ignoring unknown file ${file}`);
    }
  }

  async #dumpLog(path: string): Promise<void> {
    const { deepIteration, maxBytes } = this.#options;
    this.#out(`Log starting offset: ${baseOffsetOf(path)}`);
    await this.#withFile(path, async (file) => {
      const size = await file.size();
      let validBytes = 0;
      let previous = -1;
      for await (const batch of readSegment(file, 0, Math.min(size, maxBytes))) {
        this.#out(batchLine(batch));
        if (deepIteration) {
          for (const record of readRecords(batch.bytes, batch.at)) {
            if (previous !== -1 && record.offset !== previous + 1) {
              this.findings.nonConsecutive(path, previous, record.offset);
            }
            previous = record.offset;
            this.#out(this.#recordLine(batch, record));
          }
        }
        validBytes += batch.size;
      }
      const trailing = Math.min(size, maxBytes) - validBytes;
      if (trailing > 0 && maxBytes === Infinity) {
        this.#out(`Found ${trailing} invalid bytes at the end of ${basename(path)}`);
      }
    });
  }

  #recordLine({ bytes, at }: SegmentBatch, record: LogRecord): string {
    const { skipRecordMetadata, printDataLog, parser } = this.#options;
    const isControl = isControlBatch(bytes, at);
    let line = '|';
    if (!skipRecordMetadata) {
      const type = timestampTypeNames[timestampTypeOf(bytes, at)];
      line += ` offset: ${record.offset} ${type}: ${record.timestamp}`;
      line += ` keySize: ${record.key?.length ?? -1} valueSize: ${record.value?.length ?? -1}`;
      if (magicOf(bytes, at) >= 2) {
        const first = baseSequence(bytes, at);
        // A cleaned batch has holes.
        const sequence = first === -1 ? -1 : incrementSequence(first, record.offset - baseOffset(bytes, at));
        line += ` sequence: ${sequence} headerKeys: [${record.headers.map(({ key }) => key).join(',')}]`;
      }
      if (isControl) line += controlText(record);
    }
    if (!printDataLog || isControl) return line;
    const { key, value } = parser(record);
    if (key !== undefined) line += ` key: ${key}`;
    if (value !== undefined) line += ` payload: ${value}`;
    return line;
  }

  async #dumpIndex(path: string): Promise<void> {
    const base = baseOffsetOf(path);
    const entries = await this.#read(path);
    const count = Math.floor(entries.length / offsetEntryBytes);
    if (count === 0) {
      this.#out(`${path} is empty.`);
      return;
    }
    const { indexSanityCheck, verifyIndexOnly } = this.#options;
    await this.#withFile(logOf(path), async (log) => {
      const size = await log.size();
      if (indexSanityCheck) {
        this.#sane(path, offsetIndexDefect(withoutZeroTail(entries, offsetEntryBytes), size));
        return;
      }
      for (let i = 0; i < count; i++) {
        const offset = base + offsetEntryOffset(entries, i);
        const position = offsetEntryPosition(entries, i);
        // Preallocated, and not cut after a crash.
        if (offset === base && i > 0) return;
        const first = await firstBatch(log, position, size);
        const found = first === undefined ? -1 : lastOffset(first.bytes, first.at);
        if (found !== offset) this.findings.indexMismatch(path, offset, found);
        if (!verifyIndexOnly) this.#out(`offset: ${offset} position: ${position}`);
      }
    });
  }

  async #dumpTimeIndex(path: string): Promise<void> {
    const base = baseOffsetOf(path);
    const entries = await this.#read(path);
    const { indexSanityCheck, verifyIndexOnly } = this.#options;
    if (indexSanityCheck) {
      this.#sane(path, timeIndexDefect(withoutZeroTail(entries, timeEntryBytes)));
      return;
    }
    const indexPath = path.replace(/\.timeindex$/, '.index');
    const hasIndex = (await this.#files.stat(indexPath)) !== undefined;
    const raw = hasIndex ? await this.#read(indexPath) : Buffer.alloc(0);
    const offsets = withoutZeroTail(raw, offsetEntryBytes);
    await this.#withFile(logOf(path), async (log) => {
      const size = await log.size();
      let previous = -1;
      for (let i = 0; i < Math.floor(entries.length / timeEntryBytes); i++) {
        const offset = base + timeEntryOffset(entries, i);
        const timestamp = timeEntryTimestamp(entries, i);
        if (offset === base && i > 0) return;
        const nearest = findOffsetEntry(offsets, Math.floor(offsets.length / offsetEntryBytes), offset - base);
        const position = nearest < 0 ? 0 : offsetEntryPosition(offsets, nearest);
        await this.#checkTimeEntry(path, log, size, { offset, timestamp, position, previous });
        if (!verifyIndexOnly) this.#out(`timestamp: ${timestamp} offset: ${offset}`);
        previous = timestamp;
      }
    });
  }

  async #checkTimeEntry(
    path: string,
    log: OpenFile,
    size: number,
    entry: {
      readonly offset: number;
      readonly timestamp: number;
      readonly position: number;
      readonly previous: number;
    },
  ): Promise<void> {
    const { offset, timestamp, position, previous } = entry;
    for await (const { bytes, at } of readSegment(log, position, size)) {
      const last = lastOffset(bytes, at);
      if (last < offset) continue;
      if (last !== offset) {
        this.findings.offsetNotFound(path, offset, last);
        return;
      }
      let latest = -1;
      for (const record of readRecords(bytes, at)) latest = Math.max(latest, record.timestamp);
      if (latest !== timestamp) this.findings.timeMismatch(path, timestamp, latest);
      if (previous >= timestamp) this.findings.outOfOrder(path, timestamp, previous);
      return;
    }
    this.findings.offsetNotFound(path, offset, -1);
  }

  async #dumpSnapshot(path: string): Promise<void> {
    const bytes = await this.#read(path);
    let entries;
    try {
      entries = parseProducerSnapshot(bytes);
    } catch (error) {
      this.#err(`Snapshot ${path} is corrupt: ${messageOf(error)}`);
      return;
    }
    for (const entry of entries) {
      const { currentTxnFirstOffset, lastBatch } = entry;
      const first = currentTxnFirstOffset === -1 ? 'OptionalLong.empty' : `OptionalLong[${currentTxnFirstOffset}]`;
      let line =
        `producerId: ${entry.producerId} producerEpoch: ${entry.producerEpoch} ` +
        `coordinatorEpoch: ${entry.coordinatorEpoch} currentTxnFirstOffset: ${first} lastTimestamp: ${entry.lastTimestamp} `;
      if (lastBatch !== undefined) {
        line +=
          `firstSequence: ${firstSequenceOf(lastBatch)} lastSequence: ${lastBatch.lastSequence} ` +
          `lastOffset: ${lastBatch.lastOffset} offsetDelta: ${lastBatch.offsetDelta} timestamp: ${lastBatch.timestamp}`;
      }
      this.#out(line);
    }
  }

  async #dumpTxnIndex(path: string): Promise<void> {
    const entries = await this.#read(path);
    for (let at = 0; at + txnEntryBytes <= entries.length; at += txnEntryBytes) {
      const long = (offset: number) => readInt64(entries, at + offset);
      this.#out(
        `version: ${entries.readInt16BE(at)} producerId: ${long(2)} firstOffset: ${long(10)} ` +
          `lastOffset: ${long(18)} lastStableOffset: ${long(26)}`,
      );
    }
  }

  #sane(path: string, defect: string | undefined): void {
    if (defect !== undefined) throw new CommandError(`${path} failed the sanity check: ${defect}`);
    this.#out(`${path} passed sanity check.`);
  }

  async #read(path: string): Promise<Buffer> {
    try {
      return await this.#files.readFile(path);
    } catch (error) {
      throw new CommandError(`${path} cannot be read: ${messageOf(error)}`);
    }
  }

  async #withFile(path: string, use: (file: OpenFile) => Promise<void>): Promise<void> {
    let file: OpenFile;
    try {
      file = await this.#files.open(path, 'read');
    } catch (error) {
      throw new CommandError(`${path} cannot be read: ${messageOf(error)}`);
    }
    try {
      await use(file);
    } catch (error) {
      throw error instanceof CommandError ? error : new CommandError(`${path}: ${messageOf(error)}`);
    } finally {
      await file.close();
    }
  }
}

/** The name of a segment's file says it. */
function baseOffsetOf(path: string): number {
  const offset = Number(basename(path).split('.')[0]);
  if (Number.isSafeInteger(offset)) return offset;
  throw new CommandError(
    `${path}: the name of a segment's file is its first offset, 00000000000000000000.log for instance`,
  );
}

function logOf(path: string): string {
  return join(dirname(path), `${basename(path).split('.')[0]}.log`);
}

async function firstBatch(log: OpenFile, position: number, size: number): Promise<SegmentBatch | undefined> {
  for await (const batch of readSegment(log, position, size)) return batch;
  return undefined;
}

const timestampTypeNames: Readonly<Record<TimestampType, string>> = {
  [TimestampType.NO_TIMESTAMP_TYPE]: 'NoTimestampType',
  [TimestampType.CREATE_TIME]: 'CreateTime',
  [TimestampType.LOG_APPEND_TIME]: 'LogAppendTime',
};

const codecNames = ['none', 'gzip', 'snappy', 'lz4', 'zstd'];

function batchLine({ bytes, at, size, position }: SegmentBatch): string {
  const magic = magicOf(bytes, at);
  const horizon = hasDeleteHorizon(bytes, at) ? `OptionalLong[${deleteHorizonMs(bytes, at)}]` : 'OptionalLong.empty';
  const head =
    magic < 2
      ? `offset: ${lastOffset(bytes, at)}`
      : `baseOffset: ${baseOffset(bytes, at)} lastOffset: ${lastOffset(bytes, at)} count: ${recordCount(bytes, at)} ` +
        `baseSequence: ${baseSequence(bytes, at)} lastSequence: ${lastSequence(bytes, at)} ` +
        `producerId: ${producerId(bytes, at)} producerEpoch: ${producerEpoch(bytes, at)} ` +
        `partitionLeaderEpoch: ${partitionLeaderEpoch(bytes, at)} isTransactional: ${isTransactional(bytes, at)} ` +
        `isControl: ${isControlBatch(bytes, at)} deleteHorizonMs: ${horizon}`;
  const codec = compressionOf(bytes, at);
  return (
    `${head} position: ${position} ${timestampTypeNames[timestampTypeOf(bytes, at)]}: ${maxTimestamp(bytes, at)} ` +
    `size: ${size} magic: ${magic} compresscodec: ${codecNames[codec] ?? codec} crc: ${storedCrc(bytes, at)} ` +
    `isvalid: ${isValidBatch(bytes, at, size)}`
  );
}

function controlText({ key, value }: LogRecord): string {
  switch (controlRecordType(key)) {
    case ControlRecordType.ABORT:
      return ` endTxnMarker: ABORT coordinatorEpoch: ${markerCoordinatorEpoch(value)}`;
    case ControlRecordType.COMMIT:
      return ` endTxnMarker: COMMIT coordinatorEpoch: ${markerCoordinatorEpoch(value)}`;
    default:
      return ` controlType: UNKNOWN(${key?.readInt16BE(2)})`;
  }
}
