import type { Io } from '../io/io';
import type { Job } from '../io/jobs';
import { mostKeysIn, slotsFor, type CleanerConfig } from './cleaner-config';
import {
  cleanSegmentsJob,
  mapOffsetsJob,
  type CleanSegmentsInput,
  type CleanSegmentsResult,
  type MapOffsetsInput,
  type MapOffsetsResult,
  type SourcePosition,
} from './cleaner-jobs';
import { cleanedTransactionsOf, type CleanedTransactionsState } from './cleaned-transactions';
import type { Log } from './log';
import { Suffix } from './log-file-names';
import type { LogSegment } from './log-segment';
import { groupSegments, type LogToClean, type SegmentSizes } from './log-to-clean';
import { OffsetMap, type OffsetMapPlace } from './offset-map';
import { segmentPath } from './segment-files';
import type { Throttle } from './throttle';
import type { AbortedTxn } from './transaction-index';

/** What a cleaning did. */
export interface CleaningStats {
  readonly bytesRead: number;
  readonly bytesWritten: number;
  readonly recordsRead: number;
  readonly recordsWritten: number;
  readonly invalidRecords: number;
  /** Batches that unpack to more than is taken into memory. */
  readonly unreadBatches: number;
}

/** Bytes that one job reads at most before it is asked whether to go on. */
const mostBytesAJob = 32 * 1024 * 1024;
const leastBytesAJob = 64 * 1024;
const leastBufferBytes = 16 * 1024;

/** A cleaning was given up: its log was truncated, deleted or closed. It is begun again if there is still something to do. */
export class Abandoned extends Error {
  override readonly name = 'Abandoned';
}

/** What cleanings share with who runs them. */
export interface CleaningContext {
  readonly io: Io;
  readonly config: CleanerConfig;
  readonly throttle: Throttle;
  /** For the offset map. */
  readonly memory: SharedArrayBuffer;
  /** Runs something that waits for the log directory. */
  readonly during: <T>(operation: () => Promise<T>) => Promise<T>;
  /** Hears why a job does not begin. */
  readonly progress: (message: string) => void;
  /** Whether to give up. */
  readonly isOver: () => boolean;
  readonly rest: (ms: number) => Promise<void>;
}

/** The cleaning of one log, once (Kafka's Cleaner). */
export class Cleaning {
  readonly #context: CleaningContext;
  readonly #toClean: LogToClean;
  readonly #log: Log;
  readonly #truncations: number;
  readonly #nowMs: number;
  /** What is still to be read. */
  #sources: readonly LogSegment[] = [];
  mapUtilization = 0;
  stats: CleaningStats = {
    bytesRead: 0,
    bytesWritten: 0,
    recordsRead: 0,
    recordsWritten: 0,
    invalidRecords: 0,
    unreadBatches: 0,
  };

  constructor(context: CleaningContext, toClean: LogToClean) {
    this.#context = context;
    this.#toClean = toClean;
    this.#log = toClean.log;
    this.#truncations = toClean.truncations;
    this.#nowMs = context.io.clock.wallMs();
  }

  /** Returns the first offset that is not clean yet. */
  async run(): Promise<number> {
    const { firstUncleanableOffset, firstDirtyOffset } = this.#toClean;
    const log = this.#log;
    const segments = log.segments.filter(({ baseOffset }) => baseOffset < firstUncleanableOffset);
    this.#sources = segments;
    const lastClean = segments.findLast(({ baseOffset }) => baseOffset < firstDirtyOffset);
    const legacyHorizonMs = lastClean === undefined ? 0 : lastClean.lastModifiedMs - log.config.deleteRetentionMs;
    const map = await this.#mapOffsets(segments);
    const end = new OffsetMap(map).latestOffset + 1;
    const toClean = segments.filter(({ baseOffset }) => baseOffset < end);
    if (toClean.length === 0) {
      return end;
    }
    const sizes: SegmentSizes[] = [];
    for (const segment of toClean) {
      const offsetIndexBytes = await this.#sizeOf(segment, Suffix.OFFSET_INDEX);
      sizes.push({ segment, offsetIndexBytes, timeIndexBytes: await this.#sizeOf(segment, Suffix.TIME_INDEX) });
    }
    const { segmentBytes, segmentIndexBytes } = log.config;
    const upperBound = segments.at(toClean.length)?.baseOffset ?? firstUncleanableOffset;
    let transactions = cleanedTransactionsOf(await this.#aborted(toClean[0].baseOffset, upperBound));
    for (const group of groupSegments(sizes, segmentBytes, segmentIndexBytes, firstUncleanableOffset)) {
      try {
        transactions = await this.#cleanGroup(group, map, transactions, legacyHorizonMs);
      } catch (error) {
        await this.#removeCleaned(group[0]);
        throw error;
      }
    }
    return end;
  }

  async #sizeOf(segment: LogSegment, suffix: string): Promise<number> {
    const { files } = this.#log.directory;
    return (await this.#whileUnchanged(() => files.stat(segment.path(suffix))))?.size ?? 0;
  }

  #aborted(start: number, end: number): Promise<AbortedTxn[]> {
    return this.#whileUnchanged(() => this.#log.collectAbortedTransactions(start, end));
  }

  async #mapOffsets(segments: readonly LogSegment[]): Promise<OffsetMapPlace> {
    const { firstDirtyOffset, firstUncleanableOffset } = this.#toClean;
    const log = this.#log;
    const firstDirty = Math.max(
      0,
      segments.findLastIndex(({ baseOffset }) => baseOffset <= firstDirtyOffset),
    );
    const dirty = segments.slice(firstDirty).map(({ baseOffset, size }, index) => ({
      baseOffset,
      size,
      nextOffset: segments.at(firstDirty + index + 1)?.baseOffset ?? firstUncleanableOffset,
    }));
    const { config, io, memory } = this.#context;
    const mostKeys = Math.min(mostKeysIn(memory.byteLength, config), firstUncleanableOffset - firstDirtyOffset);
    const map: OffsetMapPlace = { memory, slots: slotsFor(mostKeys, config), seed: io.random.below(2 ** 32) };
    let transactions = cleanedTransactionsOf(await this.#aborted(firstDirtyOffset, firstUncleanableOffset));
    let isFirst = true;
    let next: SourcePosition | undefined = { segment: 0, position: 0 };
    while (next !== undefined) {
      const input: MapOffsetsInput = {
        directory: log.path,
        segments: dirty,
        from: next,
        startOffset: firstDirtyOffset,
        map,
        isFirst,
        mostKeys,
        transactions,
        readBytes: this.#bufferBytes,
        sliceBytes: this.#sliceBytes,
      };
      const result: MapOffsetsResult = await this.#run(mapOffsetsJob, input);
      ({ next, transactions } = result);
      isFirst = false;
      await this.#rest(result.bytesRead);
    }
    this.mapUtilization = new OffsetMap(map).size / mostKeys;
    return map;
  }

  async #cleanGroup(
    group: readonly LogSegment[],
    map: OffsetMapPlace,
    transactionsBefore: CleanedTransactionsState,
    legacyHorizonMs: number,
  ): Promise<CleanedTransactionsState> {
    const log = this.#log;
    const lastRecords = log.lastRecordsOfActiveProducers().memory;
    const all = log.segments;
    const segments = group.map(({ baseOffset, size, lastModifiedMs }) => ({
      baseOffset,
      size,
      // The one that is appended to is never cleaned: there is one behind each.
      nextOffset: all.find((segment) => segment.baseOffset > baseOffset)?.baseOffset ?? log.logEndOffset,
      retainLegacyDeletes: lastModifiedMs > legacyHorizonMs,
    }));
    let next: SourcePosition | undefined = { segment: 0, position: 0 };
    let written = 0;
    let transactions = transactionsBefore;
    while (next !== undefined) {
      const input: CleanSegmentsInput = {
        directory: log.path,
        segments,
        from: next,
        written,
        map,
        transactions,
        lastRecords,
        isBehindUnread: this.stats.unreadBatches > 0,
        nowMs: this.#nowMs,
        deleteRetentionMs: log.config.deleteRetentionMs,
        indexIntervalBytes: log.config.indexIntervalBytes,
        readBytes: this.#bufferBytes,
        sliceBytes: this.#sliceBytes,
      };
      const result: CleanSegmentsResult = await this.#run(cleanSegmentsJob, input);
      const { bytesRead, recordsRead, recordsWritten, invalidRecords } = result;
      this.stats = {
        bytesRead: this.stats.bytesRead + bytesRead,
        bytesWritten: this.stats.bytesWritten + result.written - written,
        recordsRead: this.stats.recordsRead + recordsRead,
        recordsWritten: this.stats.recordsWritten + recordsWritten,
        invalidRecords: this.stats.invalidRecords + invalidRecords,
        unreadBatches: this.stats.unreadBatches + result.unreadBatches,
      };
      await this.#rest(bytesRead + result.written - written);
      ({ next, written, transactions } = result);
    }
    const replaced = await this.#whileUnchanged(() => log.replaceSegments(written, group, this.#truncations));
    if (!replaced) {
      throw new Abandoned('the segments have changed');
    }
    this.#sources = this.#sources.filter((segment) => !group.includes(segment));
    return transactions;
  }

  #run<In, Out>(job: Job<In, Out>, input: In): Promise<Out> {
    const { io, progress } = this.#context;
    return this.#whileUnchanged(() => io.jobs.run(job, input, progress));
  }

  /** Does not go on with a log that is not what it was; a failure is none when that is why. */
  async #whileUnchanged<T>(work: () => Promise<T>): Promise<T> {
    this.#check();
    try {
      return await this.#context.during(work);
    } catch (error) {
      this.#check();
      throw error;
    }
  }

  #check(): void {
    const { segments, truncations, isClosed } = this.#log;
    const there = new Set(segments);
    const isGone = truncations !== this.#truncations || this.#sources.some((segment) => !there.has(segment));
    if (this.#context.isOver() || isClosed || isGone) {
      throw new Abandoned('the log has changed');
    }
  }

  #rest(bytes: number): Promise<void> {
    const ms = this.#context.throttle.did(bytes);
    return ms > 0 ? this.#context.rest(ms) : Promise.resolve();
  }

  async #removeCleaned({ baseOffset }: LogSegment): Promise<void> {
    if (this.#log.isClosed || this.#log.directory.failure !== undefined) {
      return; // they go with the directory, or at the next start
    }
    for (const suffix of [Suffix.LOG, Suffix.OFFSET_INDEX, Suffix.TIME_INDEX, Suffix.TXN_INDEX]) {
      // What cannot be removed now is at the next start. Why the cleaning failed is what matters.
      const path = segmentPath(this.#log.path, baseOffset, suffix + Suffix.CLEANED);
      await this.#log.directory.files.remove(path).catch(() => {});
    }
  }

  get #bufferBytes(): number {
    const each = Math.floor(this.#context.config.ioBufferSize / Math.max(1, this.#context.config.threads) / 2);
    return Math.max(leastBufferBytes, each);
  }

  get #sliceBytes(): number {
    return Math.round(Math.max(leastBytesAJob, Math.min(mostBytesAJob, this.#context.throttle.slice)));
  }
}
