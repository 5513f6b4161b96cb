import type { Files, OpenFile } from '../io/files';
import type { Logger } from '../logging/logger';
import {
  maxTimestamp as batchMaxTimestamp,
  lastOffset as batchLastOffset,
  wideMaxTimestamp,
} from '../records/batch-header';
import { readFully, scanBatches } from './batch-scanner';
import type { HotTail } from './hot-tail';
import { buildIndexes, type MaxTimestamp } from './index-builder';
import type { Evictable, IndexCache } from './index-cache';
import { IndexFile } from './index-file';
import { storageError } from './log-directory';
import { filenamePrefix, Suffix } from './log-file-names';
import type { MaybePromise } from './maybe-promise';
import {
  findOffsetEntry,
  findPositionEntry,
  findTimeEntry,
  offsetEntryBytes,
  offsetEntryOffset,
  offsetEntryPosition,
  offsetIndexDefect,
  timeEntryBytes,
  timeEntryOffset,
  timeEntryTimestamp,
  timeIndexDefect,
  withoutZeroTail,
  writeTimeEntryTimestamp,
} from './sparse-index';
import { txnBytesBelow, TxnEntries, type AbortedTxn } from './transaction-index';

/** What the segments of one log share. */
export interface SegmentContext {
  readonly files: Files;
  readonly logger: Logger;
  readonly indexCache: IndexCache;
  readonly hotTail: HotTail;
  /** The partition's directory; it changes when the partition is deleted. */
  directory: string;
  indexIntervalBytes: number;
  segmentIndexBytes: number;
  /** What the file of a new segment is made as large as; 0: it grows as it is written. */
  preallocatedBytes: number;
}

/** The segment that indexes belong to. */
export interface IndexedSegment {
  readonly context: SegmentContext;
  readonly baseOffset: number;
  /** Bytes of its log. */
  readonly size: number;
  path(suffix: string): string;
  openedFile(): MaybePromise<OpenFile>;
}

/** What an index file has, and its size in bytes: more when there is something behind the entries. */
interface CountOfEntries {
  readonly count: number;
  readonly size: number;
}

/** Indexes up to this size are checked entry by entry when their segment is opened for appending. */
const checkedWholeBytes = 64 * 1024;

/**
 * Offset, time and transaction index of one segment. Of the segment that is appended to, the last entries are in memory
 * (see IndexFile). What a lookup needs besides is read as a whole into the index cache, and checked: an index that is
 * missing, or that contradicts itself or the log, is made anew from the log, with a log line.
 */
export class SegmentIndexes implements Evictable {
  readonly #segment: IndexedSegment;
  #offsetIndex: IndexFile | undefined;
  #timeIndex: IndexFile | undefined;
  #active = false;
  #cachedOffsets: Buffer | undefined;
  #cachedTimes: Buffer | undefined;
  #txns: TxnEntries | undefined;
  /** The transaction index may have what is not on stable storage. */
  #txnsUnsynced = true;
  /** Writes of the transaction index that are under way. */
  #txnWrites = 0;
  /** The segment's files go, or have gone, to other names. */
  #abandoned = false;
  #max: MaxTimestamp | undefined;
  #lastIndexedTimestamp = -1;
  #lastIndexedPosition = 0;
  #firstBatchTimestamp: number | undefined;

  constructor(segment: IndexedSegment) {
    this.#segment = segment;
  }

  /** Timestamp of the first batch, -1 without one; known for the segment that is appended to. */
  get firstBatchTimestamp(): number {
    return this.#firstBatchTimestamp ?? -1;
  }

  // --- appending ---

  /** Makes empty files; rejects with EEXIST when there are any. */
  async create(): Promise<void> {
    const { files, directory } = this.#segment.context;
    this.#offsetIndex = await IndexFile.create(files, directory, this.#name(Suffix.OFFSET_INDEX), offsetEntryBytes);
    this.#timeIndex = await IndexFile.create(files, directory, this.#name(Suffix.TIME_INDEX), timeEntryBytes);
    this.#max = { timestamp: -1, offset: this.#segment.baseOffset };
    this.#txns = new TxnEntries(Buffer.alloc(0));
    this.#active = true;
  }

  async openForAppend(): Promise<void> {
    await this.closeFiles();
    const { files, directory } = this.#segment.context;
    const [offsets, times] = await this.#saneCounts();
    const open = (suffix: string, entryBytes: number, { count, size }: CountOfEntries) =>
      IndexFile.open(files, directory, this.#name(suffix), entryBytes, count, size);
    this.#offsetIndex = await open(Suffix.OFFSET_INDEX, offsetEntryBytes, offsets);
    this.#timeIndex = await open(Suffix.TIME_INDEX, timeEntryBytes, times);
    this.#lastIndexedTimestamp = (await this.maxTimestamp()).timestamp;
    this.#lastIndexedPosition = this.#segment.size;
    this.#active = true;
    await this.txnEntries();
  }

  /** How many entries both indexes have that can be relied on; they are made anew when they cannot. */
  async #saneCounts(): Promise<readonly [CountOfEntries, CountOfEntries]> {
    const { size } = this.#segment;
    const offsets = await this.#countIfSane(Suffix.OFFSET_INDEX, offsetEntryBytes, (entries) =>
      offsetIndexDefect(entries, size),
    );
    const times = await this.#countIfSane(Suffix.TIME_INDEX, timeEntryBytes, timeIndexDefect);
    await this.loadFirstBatchTimestamp();
    if (offsets !== undefined && times !== undefined && !this.#lacksTimes(times.count)) {
      return [offsets, times];
    }
    await this.#rebuild();
    const { files } = this.#segment.context;
    const countOf = async (suffix: string, entryBytes: number): Promise<CountOfEntries> => {
      const size = (await files.stat(this.#segment.path(suffix)))?.size ?? 0;
      return { count: size / entryBytes, size };
    };
    return [await countOf(Suffix.OFFSET_INDEX, offsetEntryBytes), await countOf(Suffix.TIME_INDEX, timeEntryBytes)];
  }

  /** A batch was written at `position`. It gets an entry when it is far enough from the last one that has. */
  add(position: number, lastOffset: number, timestamp: number, offsetOfTimestamp: number, wide?: bigint): void {
    if (position === 0) {
      this.#firstBatchTimestamp = timestamp;
    }
    if (this.#max === undefined || timestamp > this.#max.timestamp) {
      this.#max = { timestamp, wide, offset: offsetOfTimestamp };
    }
    const { baseOffset, context } = this.#segment;
    if (position - this.#lastIndexedPosition > context.indexIntervalBytes) {
      this.#lastIndexedPosition = position;
      this.#offsetIndex?.append((bytes, at) => {
        bytes.writeUInt32BE(lastOffset - baseOffset, at);
        bytes.writeUInt32BE(position, at + 4);
      });
      this.#appendTimeEntry();
    }
  }

  #appendTimeEntry(): void {
    const max = this.#max;
    if (max !== undefined && max.timestamp > this.#lastIndexedTimestamp) {
      this.#lastIndexedTimestamp = max.timestamp;
      this.#timeIndex?.append((bytes, at) => {
        writeTimeEntryTimestamp(bytes, max, at);
        bytes.writeUInt32BE(max.offset - this.#segment.baseOffset, at + 8);
      });
    }
  }

  /** The end markers of aborted transactions were appended. */
  async appendAbortedTxns(added: readonly AbortedTxn[]): Promise<void> {
    if (this.#txns === undefined) {
      await this.txnEntries();
    }
    const position = this.#txns!.length;
    const bytes = this.#txns!.append(added);
    this.#txnWrites++;
    try {
      await this.#withTxnFile((file) => file.write([bytes], position));
    } finally {
      this.#txnWrites--;
      this.#txnsUnsynced = true;
    }
  }

  async #withTxnFile(work: (file: OpenFile) => Promise<void>): Promise<void> {
    const file = await this.#segment.context.files.open(this.#segment.path(Suffix.TXN_INDEX), 'write');
    try {
      await work(file);
    } finally {
      await file.close();
    }
  }

  /** An index has no room for another entry (and, that of times, for the last one). */
  get isFull(): boolean {
    const { segmentIndexBytes } = this.#segment.context;
    const offsets = this.#offsetIndex?.count ?? 0;
    const times = this.#timeIndex?.count ?? 0;
    return (
      offsets >= Math.floor(segmentIndexBytes / offsetEntryBytes) ||
      times >= Math.floor(segmentIndexBytes / timeEntryBytes) - 1
    );
  }

  /** Nothing will be appended any more: the index of times ends with the largest timestamp. */
  async becomeInactive(): Promise<void> {
    this.#appendTimeEntry();
    this.#active = false;
    this.#usedCache();
    await this.#offsetIndex?.writePending();
    await this.#timeIndex?.writePending();
  }

  /** Whether `spill` is to be called before more is added: where the disk is not prompt, `add` does not write. */
  get isToBeSpilled(): boolean {
    return (this.#offsetIndex?.isToBeSpilled ?? false) || (this.#timeIndex?.isToBeSpilled ?? false);
  }

  async spill(): Promise<void> {
    await this.#offsetIndex?.spill();
    await this.#timeIndex?.spill();
  }

  async sync(): Promise<void> {
    await this.#offsetIndex?.sync();
    await this.#timeIndex?.sync();
    if (!this.#txnsUnsynced || this.#txns?.length === 0) {
      return;
    }
    this.#txnsUnsynced = false;
    try {
      const { files } = this.#segment.context;
      if (this.#txns !== undefined || (await files.stat(this.#segment.path(Suffix.TXN_INDEX))) !== undefined) {
        await this.#withTxnFile((file) => file.sync());
      }
    } catch (error) {
      this.#txnsUnsynced = true;
      throw error;
    }
  }

  /** Drops the entries of `offset` and behind; `afterwards`, with the log cut too, call `truncated`. */
  async truncateTo(offset: number): Promise<void> {
    const { baseOffset } = this.#segment;
    const relative = offset - baseOffset;
    const offsets = await this.#offsetIndex!.readAll();
    const times = await this.#timeIndex!.readAll();
    this.dropCached();
    let timeCount = times.length / timeEntryBytes;
    while (timeCount > 0 && timeEntryOffset(times, timeCount - 1) >= relative) {
      timeCount--;
    }
    await this.#offsetIndex!.truncate(findOffsetEntry(offsets, offsets.length / offsetEntryBytes, relative - 1) + 1);
    await this.#timeIndex!.truncate(timeCount);
    this.#max = lastTimeEntry(times.subarray(0, timeCount * timeEntryBytes), baseOffset);
    this.#lastIndexedTimestamp = this.#max.timestamp;
    const txns = await this.txnEntries();
    const txnBytes = txnBytesBelow(txns, offset);
    if (txnBytes < txns.length) {
      // A copy: readers have what was there.
      this.#txns = new TxnEntries(Buffer.from(txns.subarray(0, txnBytes)));
      this.#txnsUnsynced = true;
      await this.#withTxnFile((file) => file.truncate(txnBytes));
    }
  }

  /** The log was cut: the batches behind the last entry may have a larger timestamp than it. */
  async truncated(): Promise<void> {
    const { size } = this.#segment;
    this.#lastIndexedPosition = size;
    if (size === 0) {
      this.#firstBatchTimestamp = undefined;
    }
    const from = await this.positionFloor(this.#max!.offset);
    await scanBatches(await this.#segment.openedFile(), from, size, (bytes, at) => {
      const timestamp = batchMaxTimestamp(bytes, at);
      if (timestamp > this.#max!.timestamp) {
        this.#max = { timestamp, wide: wideMaxTimestamp(bytes, at), offset: batchLastOffset(bytes, at) };
      }
    });
  }

  // --- lookups ---

  /** The position of the last entry at or before `offset`, 0 without one. */
  positionFloor(offset: number): MaybePromise<number> {
    const relative = offset - this.#segment.baseOffset;
    if (this.#segment.size <= this.#segment.context.indexIntervalBytes) {
      return 0;
    }
    const entries = this.#entriesAt(relative);
    return entries !== undefined
      ? positionFloorIn(entries, relative)
      : this.#allOffsetEntries().then((all) => positionFloorIn(all, relative));
  }

  /** Entries in memory among which the one for this relative offset is, if it is. */
  #entriesAt(relative: number): Buffer | undefined {
    const index = this.#offsetIndex;
    const cached = this.#cachedOffsets;
    if (index === undefined) {
      this.#usedCache();
      return cached;
    }
    const { memory } = index;
    if (index.firstInMemory === 0 || (memory.length > 0 && offsetEntryOffset(memory, 0) <= relative)) {
      return memory;
    }
    const count = cached === undefined ? 0 : cached.length / offsetEntryBytes;
    if (cached !== undefined && count > 0) {
      if (count >= index.firstInMemory || offsetEntryOffset(cached, count - 1) > relative) {
        this.#usedCache();
        return cached;
      }
    }
    return undefined;
  }

  /**
   * The last entry at or before `position`, as far as what is in memory tells: its batch has offsets between the two,
   * `from` and `to` included.
   */
  entryBefore(position: number): { position: number; from: number; to: number } | undefined {
    for (const entries of [this.#offsetIndex?.memory, this.#cachedOffsets]) {
      const count = (entries?.length ?? 0) / offsetEntryBytes;
      if (entries === undefined || count === 0 || offsetEntryPosition(entries, 0) > position) continue;
      const next = findPositionEntry(entries, count, position + 1);
      // Behind the last one that was cached there may be others.
      if (next < 0 && entries === this.#cachedOffsets && this.#offsetIndex !== undefined) continue;
      const entry = (next < 0 ? count : next) - 1;
      const { baseOffset } = this.#segment;
      return {
        position: offsetEntryPosition(entries, entry),
        from: baseOffset + (entry > 0 ? offsetEntryOffset(entries, entry - 1) + 1 : 0),
        to: baseOffset + offsetEntryOffset(entries, entry),
      };
    }
    return undefined;
  }

  /** Bound of the offsets in `length` bytes from `position`; `undefined`: up to the segment's end. */
  async offsetUpperBound(position: number, length: number): Promise<number | undefined> {
    const end = position + length;
    if (end >= this.#segment.size) {
      return undefined;
    }
    const index = this.#offsetIndex;
    const memory = index?.memory;
    const inMemory =
      memory !== undefined &&
      memory.length > 0 &&
      (index?.firstInMemory === 0 || offsetEntryPosition(memory, 0) <= end);
    const entries = inMemory ? memory : await this.#allOffsetEntries();
    const found = findPositionEntry(entries, entries.length / offsetEntryBytes, end);
    return found < 0 ? undefined : this.#segment.baseOffset + offsetEntryOffset(entries, found);
  }

  /** The last entry that is not above `timestamp`: batches that reach it are not before its offset. */
  async timeFloor(timestamp: number): Promise<MaxTimestamp | undefined> {
    const entries = await this.#allTimeEntries();
    const index = findTimeEntry(entries, entries.length / timeEntryBytes, timestamp);
    if (index < 0) return undefined;
    const offset = this.#segment.baseOffset + timeEntryOffset(entries, index);
    return { timestamp: timeEntryTimestamp(entries, index), offset };
  }

  /** The largest timestamp of the segment; -1 when there is none. */
  maxTimestamp(): MaybePromise<MaxTimestamp> {
    return this.#max ?? this.#readMaxTimestamp();
  }

  async #readMaxTimestamp(): Promise<MaxTimestamp> {
    const { baseOffset, context } = this.#segment;
    const path = this.#segment.path(Suffix.TIME_INDEX);
    const size = (await context.files.stat(path))?.size ?? 0;
    const whole = size > 0 && size % timeEntryBytes === 0;
    let last = whole ? await readEnd(context.files, path, size, timeEntryBytes) : undefined;
    if (last === undefined || last.every((byte) => byte === 0)) {
      last = await this.#allTimeEntries();
    }
    this.#max ??= lastTimeEntry(last, baseOffset);
    return this.#max;
  }

  /** Content of the transaction index. Throws, or rejects, once the segment is abandoned: it would look like none. */
  txnEntries(): MaybePromise<Buffer> {
    this.#checkNotAbandoned();
    if (this.#txns !== undefined) {
      this.#usedCache();
      return this.#txns.all;
    }
    return this.#readTxnEntries();
  }

  async #readTxnEntries(): Promise<Buffer> {
    const { files } = this.#segment.context;
    const path = this.#segment.path(Suffix.TXN_INDEX);
    const there = await files.stat(path);
    const read = there === undefined ? Buffer.alloc(0) : await files.readFile(path);
    this.#checkNotAbandoned();
    // A transaction may have been aborted meanwhile, which the file did not have yet.
    this.#txns ??= new TxnEntries(read);
    this.#usedCache();
    return this.#txns.all;
  }

  // --- the cache ---

  evict(): void {
    this.#cachedOffsets = undefined;
    this.#cachedTimes = undefined;
    if (!this.#active && this.#txnWrites === 0) {
      this.#txns = undefined;
    }
  }

  #usedCache(): void {
    const offsets = this.#cachedOffsets?.length ?? 0;
    const txns = this.#active ? 0 : (this.#txns?.length ?? 0);
    const bytes = offsets + (this.#cachedTimes?.length ?? 0) + txns;
    if (bytes > 0) {
      this.#segment.context.indexCache.used(this, bytes);
    }
  }

  dropCached(): void {
    this.#cachedOffsets = undefined;
    this.#cachedTimes = undefined;
    this.#segment.context.indexCache.forget(this);
  }

  /** The files get other names, and nothing may be looked for, or made anew, under those that they had. */
  abandon(): void {
    this.#abandoned = true;
    this.dropCached();
    this.#txns = undefined;
  }

  #checkNotAbandoned(): void {
    if (this.#abandoned) {
      throw storageError(`${this.#segment.path(Suffix.LOG)} was removed`);
    }
  }

  async #allOffsetEntries(): Promise<Buffer> {
    const defectOf = (entries: Buffer) => offsetIndexDefect(entries, this.#segment.size);
    let entries = this.#cachedOffsets;
    if (this.#active && this.#offsetIndex !== undefined) {
      entries = await this.#offsetIndex.readAll();
      const defect = defectOf(entries);
      if (defect !== undefined) {
        entries = await this.#rebuiltInMemory(defect);
      }
    }
    entries ??= await this.#readIndex(Suffix.OFFSET_INDEX, offsetEntryBytes, defectOf);
    this.#cachedOffsets = entries;
    this.#usedCache();
    return entries;
  }

  async #allTimeEntries(): Promise<Buffer> {
    if (this.#active && this.#timeIndex !== undefined) {
      return this.#timeIndex.readAll();
    }
    let entries = this.#cachedTimes ?? (await this.#readIndex(Suffix.TIME_INDEX, timeEntryBytes, timeIndexDefect));
    if (entries.length === 0) {
      await this.loadFirstBatchTimestamp();
      if (this.#lacksTimes(0)) {
        const path = this.#segment.path(Suffix.TIME_INDEX);
        await this.replaceWrong(`${path}: it is empty`);
        entries = await this.#segment.context.files.readFile(path);
      }
    }
    this.#cachedTimes = entries;
    this.#usedCache();
    return entries;
  }

  async #readIndex(
    suffix: string,
    entryBytes: number,
    defectOf: (entries: Buffer) => string | undefined,
  ): Promise<Buffer> {
    const path = this.#segment.path(suffix);
    const { files } = this.#segment.context;
    const there = await files.stat(path);
    const bytes = there === undefined ? undefined : await files.readFile(path);
    let defect = bytes === undefined ? 'it is missing' : defectOf(bytes);
    // What is still preallocated of an index is cut off when its segment is not appended to any more.
    if (bytes !== undefined && withoutZeroTail(bytes, entryBytes).length < bytes.length) {
      defect ??= 'it ends with zeros';
    }
    if (bytes !== undefined && defect === undefined) {
      return bytes;
    }
    await this.replaceWrong(`${path}: ${defect}`);
    return files.readFile(path);
  }

  // --- making them anew ---

  /** An index was found to be wrong. That of the segment that is appended to is only read differently for now. */
  async replaceWrong(why: string): Promise<void> {
    this.#checkNotAbandoned();
    this.dropCached();
    if (this.#active) {
      this.#cachedOffsets = await this.#rebuiltInMemory(why);
      return;
    }
    this.#segment.context.logger.warn(`An index is made anew from its segment: ${why}.`);
    await this.#rebuild();
  }

  async #rebuiltInMemory(why: string): Promise<Buffer> {
    this.#segment.context.logger.warn(`An index is wrong, and its segment is read instead: ${why}.`);
    return (await this.#built()).offsetEntries;
  }

  async #rebuild(): Promise<void> {
    const { files } = this.#segment.context;
    const { offsetEntries, timeEntries, maxTimestamp } = await this.#built();
    await files.replaceFile(this.#segment.path(Suffix.OFFSET_INDEX), offsetEntries);
    await files.replaceFile(this.#segment.path(Suffix.TIME_INDEX), timeEntries);
    this.#max = maxTimestamp;
  }

  async #built(): ReturnType<typeof buildIndexes> {
    const { baseOffset, context, size } = this.#segment;
    return buildIndexes(await this.#segment.openedFile(), size, baseOffset, context.indexIntervalBytes, false);
  }

  /** How many entries an index file has; `undefined` when it is missing or cannot be right. */
  async #countIfSane(
    suffix: string,
    entryBytes: number,
    defectOf: (entries: Buffer) => string | undefined,
  ): Promise<CountOfEntries | undefined> {
    const path = this.#segment.path(suffix);
    const { files, logger } = this.#segment.context;
    const size = (await files.stat(path))?.size;
    let defect: string | undefined;
    let count = 0;
    if (size === undefined || size % entryBytes !== 0) {
      defect = size === undefined ? 'it is missing' : `its ${size} bytes are no multiple of ${entryBytes}`;
    } else if (size > checkedWholeBytes && (await readEnd(files, path, size, entryBytes)).some((byte) => byte !== 0)) {
      count = size / entryBytes;
    } else if (size > 0) {
      const entries = withoutZeroTail(await files.readFile(path), entryBytes);
      defect = defectOf(entries);
      count = entries.length / entryBytes;
      if (suffix === Suffix.TIME_INDEX && defect === undefined && count > 0) {
        this.#max ??= lastTimeEntry(entries, this.#segment.baseOffset);
      }
    }
    if (defect !== undefined) {
      logger.warn(`An index is made anew from its segment: ${path}: ${defect}.`);
    }
    return defect === undefined ? { count, size: size! } : undefined;
  }

  /** The index of a segment that is closed ends with its largest timestamp: it is empty only when there is none. */
  #lacksTimes(count: number): boolean {
    return count === 0 && this.firstBatchTimestamp >= 0;
  }

  async loadFirstBatchTimestamp(): Promise<number> {
    if (this.#segment.size > 0 && this.#firstBatchTimestamp === undefined) {
      const first = (bytes: Buffer, at: number) => {
        this.#firstBatchTimestamp = batchMaxTimestamp(bytes, at);
        return false;
      };
      await scanBatches(await this.#segment.openedFile(), 0, this.#segment.size, first, { bufferBytes: 0 });
    }
    return this.firstBatchTimestamp;
  }

  /** Closes the files that were appended to, without writing; lookups read them into the cache from then on. */
  async closeFiles(): Promise<void> {
    const [offsetIndex, timeIndex] = [this.#offsetIndex, this.#timeIndex];
    this.#offsetIndex = undefined;
    this.#timeIndex = undefined;
    this.#active = false;
    await offsetIndex?.close();
    await timeIndex?.close();
  }

  #name(suffix: string): string {
    return filenamePrefix(this.#segment.baseOffset) + suffix;
  }
}

function positionFloorIn(entries: Buffer, relativeOffset: number): number {
  const index = findOffsetEntry(entries, entries.length / offsetEntryBytes, relativeOffset);
  return index < 0 ? 0 : offsetEntryPosition(entries, index);
}

function lastTimeEntry(entries: Buffer, baseOffset: number): MaxTimestamp {
  const last = entries.length / timeEntryBytes - 1;
  return last < 0
    ? { timestamp: -1, offset: baseOffset }
    : { timestamp: timeEntryTimestamp(entries, last), offset: baseOffset + timeEntryOffset(entries, last) };
}

async function readEnd(files: Files, path: string, size: number, length: number): Promise<Buffer> {
  const file = await files.open(path, 'read');
  try {
    const bytes = Buffer.alloc(length);
    await readFully(file, bytes, size - length);
    return bytes;
  } finally {
    await file.close();
  }
}
