import { join } from 'node:path';
import type { Files, FileRange, OpenFile } from '../io/files';
import type { Logger } from '../logging/logger';
import {
  baseOffset as batchBaseOffset,
  batchSize,
  lastOffset as batchLastOffset,
  maxTimestamp as batchMaxTimestamp,
} from '../records/batch-header';
import { ErrorCode, KafkaError } from '../protocol/errors';
import { writeInt64 } from '../records/int64';
import { headerDefect, readFully, scanBatches } from './batch-scanner';
import { HotMarks, type HotTail } from './hot-tail';
import { buildIndexes, type MaxTimestamp } from './index-builder';
import type { Evictable, IndexCache } from './index-cache';
import { IndexFile } from './index-file';
import { storageError } from './log-directory';
import { filenamePrefix, Suffix } from './log-file-names';
import { chain, type MaybePromise } from './maybe-promise';
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
} from './sparse-index';
import { formatAbortedTxn, txnBytesBelow, type AbortedTxn } from './transaction-index';

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
}

/** Where a batch lies in a segment's file. */
export interface BatchPlace {
  readonly position: number;
  readonly size: number;
  readonly baseOffset: number;
  readonly lastOffset: number;
}

/** What one read takes of the file while it looks for a batch from the index entry before it. */
const searchBytes = 16 * 1024;
const scratch = Buffer.allocUnsafe(searchBytes);
/** Indexes up to this size are checked entry by entry when their segment is opened for appending. */
const checkedWholeBytes = 64 * 1024;
const largestRelativeOffset = 0x7fffffff;

/**
 * A piece of a log: `<base offset>.log` and its indexes (Kafka's LogSegment). The last segment of a log is open for
 * appending; the others are opened when they are first read, and their indexes are read into the index cache when a
 * lookup needs them.
 */
export class LogSegment implements Evictable {
  #file: OpenFile | undefined;
  #opening: Promise<OpenFile> | undefined;
  #readOnly = false;
  #offsetIndex: IndexFile | undefined;
  #timeIndex: IndexFile | undefined;
  #active = false;
  #cachedOffsets: Buffer | undefined;
  #cachedTimes: Buffer | undefined;
  #cachedTxns: Buffer | undefined;
  #max: MaxTimestamp | undefined;
  #lastIndexedTimestamp = -1;
  #lastIndexedPosition = 0;
  #firstBatchTimestamp: number | undefined;
  #readers = 0;
  #whenUnread: (() => void)[] = [];
  #closed = false;
  readonly #hot: HotMarks;

  private constructor(
    readonly context: SegmentContext,
    readonly baseOffset: number,
    /** Bytes of the `.log` file. */
    public size: number,
    public lastModifiedMs: number,
    /** When this segment was made or opened by this process, wall time: it rolls by that when it has no timestamps. */
    public createdMs: number,
  ) {
    this.#hot = new HotMarks(context.hotTail);
  }

  /** A new segment with empty files, open for appending. Files that an earlier one left are removed first. */
  static async create(context: SegmentContext, baseOffset: number, wallMs: number): Promise<LogSegment> {
    const segment = new LogSegment(context, baseOffset, 0, wallMs, wallMs);
    segment.#max = { timestamp: -1, offset: baseOffset };
    try {
      await segment.#createFiles();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') {
        throw error;
      }
      context.logger.warn(
        `Files of a segment with base offset ${baseOffset} were left in ${context.directory}: removed.`,
      );
      await segment.#closeFiles();
      for (const suffix of [Suffix.LOG, Suffix.OFFSET_INDEX, Suffix.TIME_INDEX, Suffix.TXN_INDEX]) {
        await context.files.remove(segment.path(suffix));
      }
      await segment.#createFiles();
    }
    segment.#active = true;
    return segment;
  }

  /** A segment that is on disk, not opened yet. */
  static found(
    context: SegmentContext,
    baseOffset: number,
    size: number,
    lastModifiedMs: number,
    wallMs: number,
  ): LogSegment {
    return new LogSegment(context, baseOffset, size, lastModifiedMs, wallMs);
  }

  get isActive(): boolean {
    return this.#active;
  }

  path(suffix: string): string {
    return join(this.context.directory, filenamePrefix(this.baseOffset) + suffix);
  }

  // --- appending ---

  /** Opens the files for appending; indexes that cannot be right are made anew from the log. */
  async openForAppend(): Promise<void> {
    await this.#openToWrite();
    await this.closeIndexes();
    const offsets = await this.#countIfSane(Suffix.OFFSET_INDEX, offsetEntryBytes, (entries) =>
      offsetIndexDefect(entries, this.size),
    );
    const times = await this.#countIfSane(Suffix.TIME_INDEX, timeEntryBytes, timeIndexDefect);
    await this.#loadFirstBatchTimestamp();
    const sane = offsets !== undefined && times !== undefined && !this.#lacksTimes(times);
    if (!sane) {
      await this.#rebuildIndexes();
    }
    const { files, directory } = this.context;
    const name = (suffix: string) => filenamePrefix(this.baseOffset) + suffix;
    const sizeOf = async (suffix: string) => (await files.stat(this.path(suffix)))?.size ?? 0;
    const offsetCount = sane ? offsets : (await sizeOf(Suffix.OFFSET_INDEX)) / offsetEntryBytes;
    const timeCount = sane ? times : (await sizeOf(Suffix.TIME_INDEX)) / timeEntryBytes;
    this.#offsetIndex = await IndexFile.open(
      files,
      directory,
      name(Suffix.OFFSET_INDEX),
      offsetEntryBytes,
      offsetCount,
    );
    this.#timeIndex = await IndexFile.open(files, directory, name(Suffix.TIME_INDEX), timeEntryBytes, timeCount);
    const max = await this.maxTimestamp();
    this.#lastIndexedTimestamp = max.timestamp;
    this.#lastIndexedPosition = this.size;
    await this.txnEntries();
    this.#active = true;
  }

  /**
   * Writes batches at the end, in one system call, and indexes them. `numBatches`, `largestOffset`, `maxTimestamp` and
   * `offsetOfMaxTimestamp` are those of the whole.
   */
  append(
    records: Buffer,
    numBatches: number,
    largestOffset: number,
    maxTimestamp: number,
    offsetOfMaxTimestamp: number,
    wallMs: number,
  ): void {
    const position = this.size;
    this.#writable().writeSync([records], position);
    this.#hot.appending(position, records.length);
    if (position === 0) {
      this.#firstBatchTimestamp = numBatches === 1 ? maxTimestamp : batchMaxTimestamp(records, 0);
    }
    this.size = position + records.length;
    this.lastModifiedMs = wallMs;
    if (numBatches === 1) {
      this.#index(position, largestOffset, maxTimestamp, offsetOfMaxTimestamp);
      return;
    }
    for (let at = 0; at < records.length; at += batchSize(records, at)) {
      const last = batchLastOffset(records, at);
      this.#index(position + at, last, batchMaxTimestamp(records, at), last);
    }
  }

  #index(position: number, lastOffset: number, timestamp: number, offsetOfTimestamp: number): void {
    if (this.#max === undefined || timestamp > this.#max.timestamp) {
      this.#max = { timestamp, offset: offsetOfTimestamp };
    }
    if (position - this.#lastIndexedPosition > this.context.indexIntervalBytes) {
      this.#lastIndexedPosition = position;
      this.#offsetIndex?.append((bytes, at) => {
        bytes.writeUInt32BE(lastOffset - this.baseOffset, at);
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
        writeInt64(bytes, max.timestamp, at);
        bytes.writeUInt32BE(max.offset - this.baseOffset, at + 8);
      });
    }
  }

  /** The end marker of an aborted transaction was appended. */
  async appendAbortedTxn(txn: AbortedTxn): Promise<void> {
    const before = this.#cachedTxns ?? Buffer.alloc(0);
    const entry = formatAbortedTxn(txn);
    this.#cachedTxns = Buffer.concat([before, entry]);
    const file = await this.context.files.open(this.path(Suffix.TXN_INDEX), 'write');
    try {
      await file.write([entry], before.length);
    } finally {
      await file.close();
    }
  }

  /** Kafka's LogSegment.shouldRoll. */
  shouldRoll(
    bytes: number,
    maxTimestamp: number,
    maxOffset: number,
    limits: { readonly segmentBytes: number; readonly segmentMs: number },
    wallMs: number,
  ): boolean {
    return (
      this.size > limits.segmentBytes - bytes ||
      (this.size > 0 && this.timeWaitedForRoll(wallMs, maxTimestamp) > limits.segmentMs) ||
      this.#indexIsFull() ||
      maxOffset - this.baseOffset > largestRelativeOffset
    );
  }

  /** By the timestamps of its records when it has any, otherwise by its age. */
  timeWaitedForRoll(wallMs: number, timestamp: number): number {
    const first = this.#firstBatchTimestamp ?? -1;
    return first >= 0 ? timestamp - first : wallMs - this.createdMs;
  }

  #indexIsFull(): boolean {
    const { segmentIndexBytes } = this.context;
    const offsets = this.#offsetIndex?.count ?? 0;
    const times = this.#timeIndex?.count ?? 0;
    return (
      offsets >= Math.floor(segmentIndexBytes / offsetEntryBytes) ||
      times >= Math.floor(segmentIndexBytes / timeEntryBytes) - 1
    );
  }

  /** Ends the indexes with the largest timestamp; nothing will be appended any more. */
  becomeInactive(): void {
    this.#appendTimeEntry();
    this.#offsetIndex?.writePending();
    this.#timeIndex?.writePending();
    this.#active = false;
  }

  /** Data and indexes on stable storage. */
  async flush(): Promise<void> {
    const file = await this.openedFile();
    await file.sync();
    await this.#offsetIndex?.sync();
    await this.#timeIndex?.sync();
    if (this.#cachedTxns !== undefined && this.#cachedTxns.length > 0) {
      await syncFile(this.context.files, this.path(Suffix.TXN_INDEX));
    }
  }

  /** Cuts the segment, which is open for appending, before `offset`. Returns how many bytes went. */
  async truncateTo(offset: number, wallMs: number): Promise<number> {
    const place = await this.translateOffset(offset);
    const file = this.#writable();
    const size = place?.position ?? this.size;
    const removed = this.size - size;
    await this.#truncateIndexes(offset);
    if (removed > 0) {
      await file.truncate(size);
      this.size = size;
    }
    if (size === 0) {
      this.createdMs = wallMs;
      this.#firstBatchTimestamp = undefined;
    }
    this.#hot.clear();
    this.#lastIndexedPosition = size;
    await this.#readLargestTimestamp();
    return removed;
  }

  async #truncateIndexes(offset: number): Promise<void> {
    const relative = offset - this.baseOffset;
    const offsets = await this.#offsetIndex!.readAll();
    const times = await this.#timeIndex!.readAll();
    this.#dropCached();
    let offsetCount = findOffsetEntry(offsets, offsets.length / offsetEntryBytes, relative - 1) + 1;
    offsetCount = Math.max(0, offsetCount);
    let timeCount = times.length / timeEntryBytes;
    while (timeCount > 0 && timeEntryOffset(times, timeCount - 1) >= relative) {
      timeCount--;
    }
    await this.#offsetIndex!.truncate(offsetCount);
    await this.#timeIndex!.truncate(timeCount);
    this.#lastIndexedTimestamp = timeCount > 0 ? timeEntryTimestamp(times, timeCount - 1) : -1;
    this.#max =
      timeCount > 0
        ? { timestamp: this.#lastIndexedTimestamp, offset: this.baseOffset + timeEntryOffset(times, timeCount - 1) }
        : { timestamp: -1, offset: this.baseOffset };
    const txns = await this.txnEntries();
    const txnBytes = txnBytesBelow(txns, offset);
    if (txnBytes < txns.length) {
      this.#cachedTxns = txns.subarray(0, txnBytes);
      const file = await this.context.files.open(this.path(Suffix.TXN_INDEX), 'write');
      try {
        await file.truncate(txnBytes);
      } finally {
        await file.close();
      }
    }
  }

  /** The batches behind the last time index entry may have a larger timestamp than it. */
  async #readLargestTimestamp(): Promise<void> {
    const max = this.#max!;
    const from = await this.#positionFloor(max.offset);
    await scanBatches(this.#writable(), from, this.size, (bytes, at) => {
      const timestamp = batchMaxTimestamp(bytes, at);
      if (timestamp > this.#max!.timestamp) {
        this.#max = { timestamp, offset: batchLastOffset(bytes, at) };
      }
    });
  }

  /** The index of a segment that is closed ends with its largest timestamp: it is empty only when there is none. */
  #lacksTimes(count: number): boolean {
    return count === 0 && (this.#firstBatchTimestamp ?? -1) >= 0;
  }

  async #loadFirstBatchTimestamp(): Promise<void> {
    if (this.size > 0 && this.#firstBatchTimestamp === undefined) {
      await scanBatches(
        await this.openedFile(),
        0,
        this.size,
        (bytes, at) => {
          this.#firstBatchTimestamp = batchMaxTimestamp(bytes, at);
          return false;
        },
        { bufferBytes: 0 },
      );
    }
  }

  // --- reading ---

  /** Whether what lies from `position` on was just written: it can be read without blocking. */
  isHot(position: number): boolean {
    return this.#file !== undefined && this.#hot.isHot(position);
  }

  openedFile(): MaybePromise<OpenFile> {
    return this.#file ?? this.#openToRead();
  }

  /** A range to be sent. The caller's `release` lets the file be closed and removed. */
  range(file: OpenFile, position: number, length: number): FileRange {
    this.#readers++;
    let released = false;
    return {
      file,
      position,
      length,
      hot: this.isHot(position),
      release: () => {
        if (!released) {
          released = true;
          this.#release();
        }
      },
    };
  }

  #release(): void {
    if (--this.#readers === 0) {
      const waiting = this.#whenUnread;
      this.#whenUnread = [];
      for (const resume of waiting) {
        resume();
      }
    }
  }

  /** Resolves when no range of this segment is held. */
  async unread(): Promise<void> {
    while (this.#readers > 0) {
      await new Promise<void>((resolve) => this.#whenUnread.push(resolve));
    }
  }

  /** The batch that holds `offset`, or the first one behind it; `undefined` when there is none. */
  translateOffset(offset: number): MaybePromise<BatchPlace | undefined> {
    return chain(this.#positionFloor(offset), (from) =>
      chain(this.openedFile(), (file) => this.#findBatch(file, from, offset)),
    );
  }

  /** The offset behind the last batch. */
  async readNextOffset(): Promise<number> {
    const entries = await this.#allOffsetEntries();
    const count = entries.length / offsetEntryBytes;
    const from = count > 0 ? offsetEntryPosition(entries, count - 1) : 0;
    let next = this.baseOffset;
    const file = await this.openedFile();
    const { defect } = await scanBatches(file, from, this.size, (bytes, at) => {
      next = batchLastOffset(bytes, at) + 1;
    });
    if (next === this.baseOffset && from > 0 && defect !== undefined) {
      throw storageError(`${this.path(Suffix.LOG)} is not readable from byte ${from} on: ${defect}`);
    }
    return next;
  }

  /** The position of the last index entry at or before `offset`, 0 without one. */
  #positionFloor(offset: number): MaybePromise<number> {
    const relative = offset - this.baseOffset;
    const index = this.#offsetIndex;
    if (this.size <= this.context.indexIntervalBytes) {
      return 0;
    }
    if (index !== undefined) {
      const memory = index.memory;
      const count = memory.length / offsetEntryBytes;
      if (index.firstInMemory === 0 || (count > 0 && offsetEntryOffset(memory, 0) <= relative)) {
        return positionOf(memory, findOffsetEntry(memory, count, relative));
      }
      const cached = this.#cachedOffsets;
      if (cached !== undefined) {
        const cachedCount = cached.length / offsetEntryBytes;
        const reaches = cachedCount > 0 && offsetEntryOffset(cached, cachedCount - 1) > relative;
        if (reaches || cachedCount >= index.firstInMemory) {
          this.#usedCache();
          return positionOf(cached, findOffsetEntry(cached, cachedCount, relative));
        }
      }
    } else if (this.#cachedOffsets !== undefined) {
      const cached = this.#cachedOffsets;
      this.#usedCache();
      return positionOf(cached, findOffsetEntry(cached, cached.length / offsetEntryBytes, relative));
    }
    return this.#allOffsetEntries().then((entries) =>
      positionOf(entries, findOffsetEntry(entries, entries.length / offsetEntryBytes, relative)),
    );
  }

  #findBatch(file: OpenFile, from: number, offset: number): MaybePromise<BatchPlace | undefined> {
    let position = from;
    while (position < this.size && this.isHot(position)) {
      const length = Math.min(searchBytes, this.size - position);
      const count = file.readSync(scratch, 0, length, position);
      const found = this.#searchChunk(scratch, count, position, offset, from);
      if (typeof found !== 'number') {
        return found;
      }
      position = found;
    }
    return position >= this.size ? undefined : this.#findBatchCold(file, position, from, offset);
  }

  async #findBatchCold(
    file: OpenFile,
    position: number,
    from: number,
    offset: number,
  ): Promise<BatchPlace | undefined> {
    const bytes = Buffer.allocUnsafe(Math.min(searchBytes, this.size - position));
    try {
      while (position < this.size) {
        const count = await file.read(bytes, 0, Math.min(bytes.length, this.size - position), position);
        const found = this.#searchChunk(bytes, count, position, offset, from);
        if (typeof found !== 'number') {
          return found;
        }
        position = found;
      }
    } catch (error) {
      if (!(error instanceof WrongIndexError) || from === 0) {
        throw error;
      }
      // The index pointed to a place that no batch begins at, or one that is too late.
      await this.#replaceWrongIndexes(error.message);
      const entries = await this.#allOffsetEntries();
      const again = positionOf(
        entries,
        findOffsetEntry(entries, entries.length / offsetEntryBytes, offset - this.baseOffset),
      );
      return again === from ? Promise.reject(error) : this.#findBatchCold(file, again, 0, offset);
    }
    return undefined;
  }

  /** The batch that was looked for, or the position where the next chunk begins. */
  #searchChunk(bytes: Buffer, count: number, position: number, offset: number, from: number): BatchPlace | number {
    let at = 0;
    for (;;) {
      if (count - at < 27) {
        if (at > 0 && position + at < this.size) {
          return position + at;
        }
        if (count - at < Math.min(27, this.size - position - at)) {
          throw storageError(`${this.path(Suffix.LOG)} is shorter than its ${this.size} bytes`);
        }
      }
      const defect = headerDefect(bytes, at, count - at, this.size - position - at);
      if (defect !== undefined) {
        throw new WrongIndexError(`at byte ${position + at} of ${this.path(Suffix.LOG)} is no batch: ${defect}`);
      }
      const base = batchBaseOffset(bytes, at);
      const last = batchLastOffset(bytes, at);
      const size = batchSize(bytes, at);
      if (position + at === from && from > 0 && base > offset) {
        throw new WrongIndexError(`the batch at byte ${from} begins at offset ${base}, above ${offset}`);
      }
      if (last >= offset) {
        return { position: position + at, size, baseOffset: base, lastOffset: last };
      }
      at += size;
      if (at >= count) {
        return position + at;
      }
    }
  }

  // --- timestamps ---

  /** The largest timestamp; -1 when there is none. */
  maxTimestamp(): MaybePromise<MaxTimestamp> {
    if (this.#max !== undefined) {
      return this.#max;
    }
    return this.#readMaxTimestamp();
  }

  async #readMaxTimestamp(): Promise<MaxTimestamp> {
    const path = this.path(Suffix.TIME_INDEX);
    const size = (await this.context.files.stat(path))?.size ?? 0;
    let last: Buffer | undefined;
    if (size > 0 && size % timeEntryBytes === 0) {
      last = await readEnd(this.context.files, path, size, timeEntryBytes);
    }
    if (last === undefined || last.every((byte) => byte === 0)) {
      const entries = await this.#allTimeEntries();
      last = entries.length === 0 ? undefined : entries.subarray(entries.length - timeEntryBytes);
    }
    this.#max ??= {
      timestamp: last === undefined ? -1 : timeEntryTimestamp(last, 0),
      offset: this.baseOffset + (last === undefined ? 0 : timeEntryOffset(last, 0)),
    };
    return this.#max;
  }

  /** What retention by time goes by: the largest timestamp, or when the file was last written. */
  async largestTimestamp(): Promise<number> {
    const { timestamp } = await this.maxTimestamp();
    return timestamp >= 0 ? timestamp : this.lastModifiedMs;
  }

  /** The first batch that reaches `timestamp` and does not end before `startingOffset`. */
  async findBatchByTimestamp(timestamp: number, startingOffset: number): Promise<BatchPlace | undefined> {
    const entries = await this.#allTimeEntries();
    const index = findTimeEntry(entries, entries.length / timeEntryBytes, timestamp);
    const indexed = this.baseOffset + (index < 0 ? 0 : timeEntryOffset(entries, index));
    const from = await this.#positionFloor(Math.max(indexed, startingOffset));
    let found: BatchPlace | undefined;
    await scanBatches(await this.openedFile(), from, this.size, (bytes, at, size, position) => {
      const lastOffset = batchLastOffset(bytes, at);
      if (batchMaxTimestamp(bytes, at) >= timestamp && lastOffset >= startingOffset) {
        found = { position, size, baseOffset: batchBaseOffset(bytes, at), lastOffset };
        return false;
      }
      return true;
    });
    return found;
  }

  /** The whole batch in memory. */
  async readBatch(place: BatchPlace): Promise<Buffer> {
    const bytes = Buffer.allocUnsafe(Math.min(place.size, this.size - place.position));
    if (!(await readFully(await this.openedFile(), bytes, place.position))) {
      throw storageError(`${this.path(Suffix.LOG)} is shorter than its ${this.size} bytes`);
    }
    return bytes;
  }

  /** Bound of the offsets in `length` bytes from `position`, by the index; `undefined`: up to the segment's end. */
  async offsetUpperBound(position: number, length: number): Promise<number | undefined> {
    const end = position + length;
    if (end >= this.size) {
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
    return found < 0 ? undefined : this.baseOffset + offsetEntryOffset(entries, found);
  }

  /** Content of the transaction index. */
  async txnEntries(): Promise<Buffer> {
    if (this.#cachedTxns === undefined) {
      const path = this.path(Suffix.TXN_INDEX);
      const there = await this.context.files.stat(path);
      this.#cachedTxns = there === undefined ? Buffer.alloc(0) : await this.context.files.readFile(path);
      this.#usedCache();
    }
    return this.#cachedTxns;
  }

  // --- indexes ---

  /** Memory that can be had again from the files. */
  evict(): void {
    this.#cachedOffsets = undefined;
    this.#cachedTimes = undefined;
    if (!this.#active) {
      this.#cachedTxns = undefined;
    }
  }

  #usedCache(): void {
    const bytes =
      (this.#cachedOffsets?.length ?? 0) + (this.#cachedTimes?.length ?? 0) + (this.#cachedTxns?.length ?? 0);
    if (bytes > 0) {
      this.context.indexCache.used(this, bytes);
    }
  }

  #dropCached(): void {
    this.#cachedOffsets = undefined;
    this.#cachedTimes = undefined;
    this.context.indexCache.forget(this);
  }

  async #allOffsetEntries(): Promise<Buffer> {
    if (this.#active && this.#offsetIndex !== undefined) {
      const entries = await this.#offsetIndex.readAll();
      const defect = offsetIndexDefect(entries, this.size);
      this.#cachedOffsets = defect === undefined ? entries : await this.#rebuiltInMemory(defect);
    } else {
      this.#cachedOffsets ??= await this.#readIndex(Suffix.OFFSET_INDEX, offsetEntryBytes, (entries) =>
        offsetIndexDefect(entries, this.size),
      );
    }
    const entries = this.#cachedOffsets;
    this.#usedCache();
    return entries;
  }

  async #allTimeEntries(): Promise<Buffer> {
    if (this.#active && this.#timeIndex !== undefined) {
      return this.#timeIndex.readAll();
    }
    if (this.#cachedTimes === undefined) {
      this.#cachedTimes = await this.#readIndex(Suffix.TIME_INDEX, timeEntryBytes, timeIndexDefect);
      if (this.#cachedTimes.length === 0) {
        await this.#loadFirstBatchTimestamp();
        if (this.#lacksTimes(0)) {
          await this.#replaceWrongIndexes(`${this.path(Suffix.TIME_INDEX)}: it is empty`);
          this.#cachedTimes = await this.context.files.readFile(this.path(Suffix.TIME_INDEX));
        }
      }
    }
    const entries = this.#cachedTimes;
    this.#usedCache();
    return entries;
  }

  async #readIndex(suffix: string, entryBytes: number, defectOf: (entries: Buffer) => string | undefined) {
    const path = this.path(suffix);
    const there = await this.context.files.stat(path);
    const bytes =
      there === undefined ? undefined : withoutZeroTail(await this.context.files.readFile(path), entryBytes);
    const defect = bytes === undefined ? 'it is missing' : defectOf(bytes);
    if (bytes !== undefined && defect === undefined) {
      return bytes;
    }
    await this.#replaceWrongIndexes(`${path}: ${defect}`);
    return this.context.files.readFile(path);
  }

  async #replaceWrongIndexes(why: string): Promise<void> {
    this.#dropCached();
    if (this.#active) {
      this.#cachedOffsets = await this.#rebuiltInMemory(why);
      return;
    }
    this.context.logger.warn(`An index is made anew from its segment: ${why}.`);
    await this.#rebuildIndexes();
  }

  /** While the segment is appended to, its index file stays as it is; it is made anew when that is over. */
  async #rebuiltInMemory(why: string): Promise<Buffer> {
    this.context.logger.warn(`An index is wrong, and its segment is read instead: ${why}.`);
    const { baseOffset, context } = this;
    return (await buildIndexes(this.#writable(), this.size, baseOffset, context.indexIntervalBytes, false))
      .offsetEntries;
  }

  async #rebuildIndexes(): Promise<void> {
    const { files, indexIntervalBytes } = this.context;
    const file = await this.openedFile();
    const built = await buildIndexes(file, this.size, this.baseOffset, indexIntervalBytes, false);
    await files.replaceFile(this.path(Suffix.OFFSET_INDEX), built.offsetEntries);
    await files.replaceFile(this.path(Suffix.TIME_INDEX), built.timeEntries);
    this.#max = built.maxTimestamp;
  }

  /** How many entries an index file has; `undefined` when it is missing or cannot be right. */
  async #countIfSane(
    suffix: string,
    entryBytes: number,
    defectOf: (entries: Buffer) => string | undefined,
  ): Promise<number | undefined> {
    const path = this.path(suffix);
    const size = (await this.context.files.stat(path))?.size;
    if (size === undefined || size % entryBytes !== 0) {
      const why = size === undefined ? 'it is missing' : `its ${size} bytes are no multiple of ${entryBytes}`;
      this.context.logger.warn(`An index is made anew from its segment: ${path}: ${why}.`);
      return undefined;
    }
    if (size === 0) {
      return 0;
    }
    const large = size > checkedWholeBytes;
    const last = large ? await readEnd(this.context.files, path, size, entryBytes) : undefined;
    if (last !== undefined && !last.every((byte) => byte === 0)) {
      return size / entryBytes;
    }
    const entries = withoutZeroTail(await this.context.files.readFile(path), entryBytes);
    const defect = defectOf(entries);
    if (defect !== undefined) {
      this.context.logger.warn(`An index is made anew from its segment: ${path}: ${defect}.`);
      return undefined;
    }
    return entries.length / entryBytes;
  }

  // --- files ---

  /**
   * Gives the files another suffix (`.deleted`). They are closed before, as NFS wants it, unless a reader has one: that
   * one goes on reading.
   */
  async rename(toSuffix: string): Promise<void> {
    this.#active = false;
    this.#dropCached();
    await (this.#readers === 0 ? this.abandon() : this.closeIndexes());
    for (const suffix of [Suffix.LOG, Suffix.OFFSET_INDEX, Suffix.TIME_INDEX, Suffix.TXN_INDEX]) {
      const path = this.path(suffix);
      if (suffix === Suffix.LOG || (await this.context.files.stat(path)) !== undefined) {
        await this.context.files.rename(path, path + toSuffix);
      }
    }
  }

  /** Removes the files, with the suffix that `rename` gave them. */
  async removeFiles(suffix: string): Promise<void> {
    for (const kind of [Suffix.LOG, Suffix.OFFSET_INDEX, Suffix.TIME_INDEX, Suffix.TXN_INDEX]) {
      await this.context.files.remove(this.path(kind) + suffix);
    }
  }

  /** Closes the files, complete indexes included. A reader that still holds a range gets an error. */
  async close(): Promise<void> {
    if (this.#active) {
      this.becomeInactive();
    }
    this.#dropCached();
    this.#closed = true;
    await this.#closeFiles();
  }

  /** Closes the files when nobody reads them any more, and writes nothing: it was deleted, or its directory failed. */
  async abandon(): Promise<void> {
    this.#active = false;
    this.#dropCached();
    await this.unread();
    this.#closed = true;
    await this.#closeFiles();
  }

  async #closeFiles(): Promise<void> {
    await this.#opening?.catch(() => {});
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
    await this.closeIndexes();
  }

  /** Closes the index files that were appended to; lookups read them into the cache from then on. */
  async closeIndexes(): Promise<void> {
    const [offsetIndex, timeIndex] = [this.#offsetIndex, this.#timeIndex];
    this.#offsetIndex = undefined;
    this.#timeIndex = undefined;
    await offsetIndex?.close();
    await timeIndex?.close();
  }

  async #createFiles(): Promise<void> {
    const { files, directory } = this.context;
    const prefix = filenamePrefix(this.baseOffset);
    this.#file = await files.open(this.path(Suffix.LOG), 'create');
    this.#offsetIndex = await IndexFile.create(files, directory, prefix + Suffix.OFFSET_INDEX, offsetEntryBytes);
    this.#timeIndex = await IndexFile.create(files, directory, prefix + Suffix.TIME_INDEX, timeEntryBytes);
  }

  #writable(): OpenFile {
    if (this.#file === undefined) {
      throw storageError(`${this.path(Suffix.LOG)} is not open`);
    }
    return this.#file;
  }

  /** A handle that only reads is replaced; the ranges that were read from it keep it until they are released. */
  async #openToWrite(): Promise<void> {
    await this.#opening;
    const file = this.#file;
    if (file === undefined || this.#readOnly) {
      this.#file = await this.context.files.open(this.path(Suffix.LOG), 'write');
      this.#readOnly = false;
      void this.unread().then(() => file?.close());
    }
  }

  #openToRead(): Promise<OpenFile> {
    if (this.#closed) {
      throw storageError(`${this.path(Suffix.LOG)} is closed`);
    }
    this.#opening ??= this.context.files
      .open(this.path(Suffix.LOG), 'read')
      .then((file) => {
        this.#file = file;
        this.#readOnly = true;
        return file;
      })
      .finally(() => {
        this.#opening = undefined;
      });
    return this.#opening;
  }
}

/** A place in the log that an index pointed to does not hold what the index said; or the log itself is corrupt. */
class WrongIndexError extends KafkaError {
  constructor(message: string) {
    super(ErrorCode.CORRUPT_MESSAGE, message);
  }
}

function positionOf(entries: Buffer, index: number): number {
  return index < 0 ? 0 : offsetEntryPosition(entries, index);
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

async function syncFile(files: Files, path: string): Promise<void> {
  const file = await files.open(path, 'write');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
