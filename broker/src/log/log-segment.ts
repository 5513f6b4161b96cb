import { join } from 'node:path';
import type { FileRange, OpenFile } from '../io/files';
import {
  baseOffset as batchBaseOffset,
  batchSize,
  isValidBatch,
  lastOffset as batchLastOffset,
  maxTimestamp as batchMaxTimestamp,
  wideMaxTimestamp,
} from '../records/batch-header';
import type { BatchPlace } from './batch-place';
import { headerDefect, readFully, scanBatches, type BatchVisitor } from './batch-scanner';
import { CorruptSegmentError } from './corrupt-segment-error';
import { HotMarks } from './hot-tail';
import type { MaxTimestamp } from './index-builder';
import { storageError } from './log-directory';
import { LookAhead } from './look-ahead';
import { filenamePrefix, Suffix } from './log-file-names';
import { chain, type MaybePromise } from './maybe-promise';
import { SegmentIndexes, type SegmentContext } from './segment-indexes';
import type { AbortedTxn } from './transaction-index';

/** What one read takes of the file while it looks for a batch from the index entry before it. */
const searchBytes = 16 * 1024;
const scratch = Buffer.allocUnsafe(searchBytes);
/** Up to where the search needs to see of a batch's header. */
const searchedHeaderBytes = 27;
const largestRelativeOffset = 0x7fffffff;
const suffixes = [Suffix.LOG, Suffix.OFFSET_INDEX, Suffix.TIME_INDEX, Suffix.TXN_INDEX];

/**
 * A piece of a log: `<base offset>.log` and its indexes (Kafka's LogSegment). The last segment of a log is open for
 * appending; the others are opened when they are first read.
 */
export class LogSegment {
  readonly #indexes: SegmentIndexes;
  readonly #hot: HotMarks;
  readonly #ahead = new LookAhead();
  #file: OpenFile | undefined;
  #opening: Promise<OpenFile> | undefined;
  #readOnly = false;
  #active = false;
  #closed = false;
  #isPreallocated = false;
  #readers = 0;
  #whenUnread: (() => void)[] = [];

  private constructor(
    readonly context: SegmentContext,
    readonly baseOffset: number,
    /** Bytes of the `.log` file. */
    public size: number,
    public lastModifiedMs: number,
    /** When this segment was made or opened by this process, wall time: it rolls by that when it has no timestamps. */
    public createdMs: number,
  ) {
    this.#indexes = new SegmentIndexes(this);
    this.#hot = new HotMarks(context.hotTail);
  }

  /** A new segment with empty files, open for appending. Files that an earlier one left are removed first. */
  static async create(context: SegmentContext, baseOffset: number, wallMs: number): Promise<LogSegment> {
    const segment = new LogSegment(context, baseOffset, 0, wallMs, wallMs);
    try {
      await segment.#createFiles();
    } catch (error) {
      await segment.#closeFiles();
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') {
        throw error;
      }
      const { directory, logger } = context;
      logger.warn(`Files of a segment with base offset ${baseOffset} were left in ${directory}: removed.`);
      await segment.removeFiles('');
      try {
        await segment.#createFiles();
      } catch (failure) {
        await segment.#closeFiles();
        throw failure;
      }
    }
    segment.#active = true;
    return segment;
  }

  async #createFiles(): Promise<void> {
    this.#file = await this.context.files.open(this.path(Suffix.LOG), 'create');
    if (this.context.preallocatedBytes > 0) {
      await this.#file.truncate(this.context.preallocatedBytes);
      this.#isPreallocated = true;
    }
    await this.#indexes.create();
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
    await this.#indexes.openForAppend();
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
    this.#writable().writeSync([records], this.size);
    this.appended(records, numBatches, largestOffset, maxTimestamp, offsetOfMaxTimestamp, wallMs);
  }

  /** Whether `append` does not have everybody wait for the disk; where it does, see `write`. */
  get isPrompt(): boolean {
    return this.#writable().isPrompt;
  }

  /** Writes batches at the end. They do not belong to the segment before `appended`. */
  async write(records: Buffer): Promise<void> {
    if (this.#indexes.isToBeSpilled) await this.#indexes.spill();
    await this.#writable().write([records], this.size);
  }

  /** The batches have been written at the end: indexes them. */
  appended(
    records: Buffer,
    numBatches: number,
    largestOffset: number,
    maxTimestamp: number,
    offsetOfMaxTimestamp: number,
    wallMs: number,
  ): void {
    const position = this.size;
    this.#hot.appending(position, records.length);
    this.size = position + records.length;
    this.lastModifiedMs = wallMs;
    if (numBatches === 1) {
      const wide = maxTimestamp > Number.MAX_SAFE_INTEGER ? wideMaxTimestamp(records, 0) : undefined;
      this.#indexes.add(position, largestOffset, maxTimestamp, offsetOfMaxTimestamp, wide);
      return;
    }
    for (let at = 0; at < records.length; at += batchSize(records, at)) {
      const last = batchLastOffset(records, at);
      this.#indexes.add(position + at, last, batchMaxTimestamp(records, at), last, wideMaxTimestamp(records, at));
    }
  }

  /** The end markers of aborted transactions were appended. */
  appendAbortedTxns(added: readonly AbortedTxn[]): Promise<void> {
    return this.#indexes.appendAbortedTxns(added);
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
      this.#indexes.isFull ||
      maxOffset - this.baseOffset > largestRelativeOffset
    );
  }

  /** By the timestamps of its records when it has any, otherwise by its age. */
  timeWaitedForRoll(wallMs: number, timestamp: number): number {
    const first = this.#indexes.firstBatchTimestamp;
    return first >= 0 ? timestamp - first : wallMs - this.createdMs;
  }

  /** Ends the indexes; nothing will be appended any more. */
  async becomeInactive(): Promise<void> {
    this.#active = false;
    await this.#indexes.becomeInactive();
  }

  /** Gives back what was preallocated and not written. */
  async trim(): Promise<void> {
    if (this.#isPreallocated) {
      const file = this.#writable();
      await file.truncate(this.size);
      // With the next segment behind it nobody would look for what a loss of power brings back.
      await file.sync();
      this.#isPreallocated = false;
    }
  }

  /** Data and indexes on stable storage. */
  async flush(): Promise<void> {
    const file = await this.openedFile();
    await file.sync();
    await this.#indexes.sync();
  }

  /** After `becomeInactive`, when it was flushed. */
  async closeIndexes(): Promise<void> {
    if (!this.#active) {
      await this.#indexes.closeFiles();
    }
  }

  /**
   * Cuts the segment, which is open for appending, before the batch that holds `offset`, on the disk, too: once there is
   * another segment behind it, nobody looks for what may have come back. Returns how many bytes went.
   */
  async truncateTo(offset: number, wallMs: number): Promise<number> {
    const place = await this.translateOffset(offset);
    this.#ahead.clear();
    const size = place?.position ?? this.size;
    const removed = this.size - size;
    await this.#indexes.truncateTo(offset);
    if (removed > 0) {
      await this.#writable().truncate(size);
      await this.#writable().sync();
      this.#isPreallocated = false;
      this.size = size;
    }
    if (size === 0) {
      this.createdMs = wallMs;
    }
    this.#hot.clear();
    this.#ahead.clear();
    await this.#indexes.truncated();
    return removed;
  }

  // --- reading ---

  /** Whether what lies from `position` on was just written: it can be read without blocking. */
  isHot(position: number): boolean {
    return this.#file !== undefined && this.#hot.isHot(position) && this.#file.isPrompt;
  }

  openedFile(): MaybePromise<OpenFile> {
    return this.#file ?? this.#openToRead();
  }

  /** A range to be sent. The caller's `release` lets the file be closed and removed. */
  range(file: OpenFile, position: number, length: number): FileRange {
    this.retain();
    let released = false;
    const release = () => {
      if (!released) {
        released = true;
        this.release();
      }
    };
    return { file, position, length, hot: this.isHot(position), release };
  }

  /** The files stay open until as many `release`s as `retain`s. */
  retain(): void {
    this.#readers++;
  }

  release(): void {
    if (--this.#readers === 0) {
      const waiting = this.#whenUnread;
      this.#whenUnread = [];
      for (const resume of waiting) {
        resume();
      }
    }
  }

  /** Resolves when nobody reads. */
  async unread(): Promise<void> {
    while (this.#readers > 0) {
      await new Promise<void>((resolve) => this.#whenUnread.push(resolve));
    }
  }

  /**
   * A reader was given what lies before `position`, and will come back for what is there: which batch that is can be found
   * while the disk gives him the other.
   */
  lookAhead(position: number): void {
    if (position < this.size && this.#file !== undefined && !this.#closed) {
      this.retain();
      this.#ahead.look(() => this.#findAt(position).finally(() => this.release()));
    }
  }

  /** The batch that the byte at `position` is in, when the index leads close to it. */
  async #findAt(position: number): Promise<BatchPlace | undefined> {
    const entry = this.#indexes.entryBefore(position);
    const file = this.#file;
    if (entry === undefined || file === undefined) return undefined;
    const bytes = Buffer.allocUnsafe(Math.min(searchBytes, this.size - entry.position));
    const count = await file.read(bytes, 0, bytes.length, entry.position);
    let { from } = entry;
    for (let at = 0; at + searchedHeaderBytes <= count; at += batchSize(bytes, at)) {
      const place = entry.position + at;
      const [base, last] = [batchBaseOffset(bytes, at), batchLastOffset(bytes, at)];
      const isWrong = base < from || last < base || (at === 0 && last > entry.to);
      if (isWrong || headerDefect(bytes, at, count - at, this.size - place) !== undefined) return undefined;
      const size = batchSize(bytes, at);
      if (place + size > position) return { position: place, size, baseOffset: base, lastOffset: last };
      from = last + 1;
    }
    return undefined;
  }

  /** The batch that holds `offset`, or the first one behind it; `undefined` when there is none. */
  translateOffset(offset: number): MaybePromise<BatchPlace | undefined> {
    const ahead = this.#ahead.placeOf(offset);
    if (ahead !== undefined) return ahead;
    return chain(this.#indexes.positionFloor(offset), (from) =>
      chain(this.openedFile(), (file) => this.#findBatch(file, from, offset)),
    );
  }

  #findBatch(file: OpenFile, from: number, offset: number): MaybePromise<BatchPlace | undefined> {
    let position = from;
    while (position < this.size && this.isHot(position)) {
      const count = file.readSync(scratch, 0, Math.min(searchBytes, this.size - position), position);
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
    if (this.#ahead.isLooking) {
      await this.#ahead.looked();
      const ahead = this.#ahead.placeOf(offset);
      if (ahead !== undefined) return ahead;
    }
    const bytes = Buffer.allocUnsafe(Math.min(searchBytes, this.size - position));
    try {
      while (position < this.size) {
        const length = Math.min(bytes.length, this.size - position);
        let count = await file.read(bytes, 0, length, position);
        // A read may give less than there is.
        while (count > 0 && count < Math.min(searchedHeaderBytes, length)) {
          const more = await file.read(bytes, count, length - count, position + count);
          if (more === 0) break;
          count += more;
        }
        const found = this.#searchChunk(bytes, count, position, offset, from);
        if (typeof found !== 'number') {
          return found;
        }
        position = found;
      }
    } catch (error) {
      if (!(error instanceof CorruptSegmentError) || from === 0) {
        throw error;
      }
      // The index pointed to a place that no batch begins at, or one that is too late.
      await this.#indexes.replaceWrong(error.message);
      const again = await this.#indexes.positionFloor(offset);
      if (again === from) {
        throw error;
      }
      return this.#findBatchCold(file, again, 0, offset);
    }
    return undefined;
  }

  /** The batch that was looked for, or the position where the next chunk begins. `from`: where the index pointed to. */
  #searchChunk(bytes: Buffer, count: number, position: number, offset: number, from: number): BatchPlace | number {
    let at = 0;
    while (at < count) {
      const left = this.size - position - at;
      if (count - at < Math.min(searchedHeaderBytes, left)) {
        if (at === 0) {
          throw storageError(`${this.path(Suffix.LOG)} is shorter than its ${this.size} bytes`);
        }
        break;
      }
      const defect = headerDefect(bytes, at, count - at, left);
      if (defect !== undefined) {
        throw this.#corrupt(position + at, defect);
      }
      const base = batchBaseOffset(bytes, at);
      if (position + at === from && from > 0 && base > offset) {
        throw new CorruptSegmentError(
          this.path(Suffix.LOG),
          `the batch at byte ${from} begins at offset ${base}, above ${offset}`,
        );
      }
      const last = batchLastOffset(bytes, at);
      const size = batchSize(bytes, at);
      if (last >= offset) {
        return { position: position + at, size, baseOffset: base, lastOffset: last };
      }
      at += size;
    }
    if (count === 0) {
      throw storageError(`${this.path(Suffix.LOG)} is shorter than its ${this.size} bytes`);
    }
    return position + at;
  }

  /** The largest timestamp; -1 when there is none. */
  maxTimestamp(): MaybePromise<MaxTimestamp> {
    return this.#indexes.maxTimestamp();
  }

  /** What retention by time goes by: the largest timestamp, or when the file was last written. */
  async largestTimestamp(): Promise<number> {
    const { timestamp } = await this.maxTimestamp();
    return timestamp >= 0 ? timestamp : this.lastModifiedMs;
  }

  /** Timestamp of the first batch, -1 without one. */
  loadFirstBatchTimestamp(): Promise<number> {
    return this.#indexes.loadFirstBatchTimestamp();
  }

  /** The first batch that reaches `timestamp` and does not end before `startingOffset`. */
  async findBatchByTimestamp(timestamp: number, startingOffset: number): Promise<BatchPlace | undefined> {
    let floor = await this.#indexes.timeFloor(timestamp);
    const wrong = floor && (await this.#timeEntryDefect(floor));
    if (wrong !== undefined) {
      await this.#indexes.replaceWrong(wrong);
      // One that is appended to is read from its beginning.
      floor = this.#active ? undefined : await this.#indexes.timeFloor(timestamp);
    }
    const from = await this.#indexes.positionFloor(Math.max(floor?.offset ?? this.baseOffset, startingOffset));
    let found: BatchPlace | undefined;
    const visit: BatchVisitor = (bytes, at, size, position) => {
      const lastOffset = batchLastOffset(bytes, at);
      if (batchMaxTimestamp(bytes, at) >= timestamp && lastOffset >= startingOffset) {
        found = { position, size, baseOffset: batchBaseOffset(bytes, at), lastOffset };
        return false;
      }
      return true;
    };
    let { end, defect } = await scanBatches(await this.openedFile(), from, this.size, visit);
    if (defect !== undefined && end === from && from > 0) {
      await this.#indexes.replaceWrong(`at byte ${from} of ${this.path(Suffix.LOG)} is no batch: ${defect}`);
      ({ end, defect } = await scanBatches(await this.openedFile(), 0, this.size, visit));
    }
    if (defect !== undefined) throw this.#corrupt(end, defect);
    return found;
  }

  /** Why an entry of the time index cannot be right: the batch that it stands for says something else. */
  async #timeEntryDefect({ timestamp, offset }: MaxTimestamp): Promise<string | undefined> {
    const path = this.path(Suffix.TIME_INDEX);
    const place = await this.translateOffset(offset);
    if (place === undefined || place.baseOffset > offset) return `${path}: there is no batch with offset ${offset}`;
    const header = Buffer.allocUnsafe(Math.min(place.size, searchBytes));
    if (!(await readFully(await this.openedFile(), header, place.position))) return undefined;
    const actual = batchMaxTimestamp(header, 0);
    return actual === timestamp ? undefined : `${path}: offset ${offset} has timestamp ${actual}, not ${timestamp}`;
  }

  #corrupt(position: number, defect: string): CorruptSegmentError {
    return new CorruptSegmentError(this.path(Suffix.LOG), `at byte ${position} is no batch: ${defect}`);
  }

  /** The whole batch in memory. */
  async readBatch(place: BatchPlace): Promise<Buffer> {
    const bytes = Buffer.allocUnsafe(Math.min(place.size, this.size - place.position));
    if (!(await readFully(await this.openedFile(), bytes, place.position))) {
      throw storageError(`${this.path(Suffix.LOG)} is shorter than its ${this.size} bytes`);
    }
    if (!isValidBatch(bytes, 0, bytes.length))
      throw this.#corrupt(place.position, 'its CRC does not agree with its content');
    return bytes;
  }

  /** Bound of the offsets in `length` bytes from `position`, by the index; `undefined`: up to the segment's end. */
  offsetUpperBound(position: number, length: number): Promise<number | undefined> {
    return this.#indexes.offsetUpperBound(position, length);
  }

  /** Content of the transaction index; fails once the segment is removed. */
  txnEntries(): MaybePromise<Buffer> {
    return this.#indexes.txnEntries();
  }

  // --- files ---

  /**
   * Gives the files another suffix (`.deleted`). They are closed before, as NFS wants it, unless somebody reads: he goes
   * on reading.
   */
  async rename(toSuffix: string): Promise<void> {
    const closing = this.abandon();
    if (this.#readers === 0) {
      await closing;
    } else {
      closing.catch(() => {});
      await this.#indexes.closeFiles();
    }
    for (const suffix of suffixes) {
      const path = this.path(suffix);
      if (suffix === Suffix.LOG || (await this.context.files.stat(path)) !== undefined) {
        await this.context.files.rename(path, path + toSuffix);
      }
    }
  }

  /** Removes the files, with the suffix that `rename` gave them. */
  async removeFiles(suffix: string): Promise<void> {
    for (const kind of suffixes) {
      await this.context.files.remove(this.path(kind) + suffix);
    }
  }

  /** Closes the files, complete indexes included. A reader that still holds a range gets an error. */
  async close(): Promise<void> {
    if (this.#active) {
      await this.becomeInactive();
      await this.trim();
    }
    this.#indexes.dropCached();
    this.#closed = true;
    await this.#closeFiles();
  }

  /** Closes the files when nobody reads them any more, and writes nothing: it was deleted, or its directory failed. */
  async abandon(): Promise<void> {
    this.#active = false;
    this.#indexes.abandon();
    await this.unread();
    this.#closed = true;
    await this.#closeFiles();
  }

  async #closeFiles(): Promise<void> {
    await this.#opening?.catch(() => {});
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
    await this.#indexes.closeFiles();
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
