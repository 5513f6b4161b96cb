import type { Files, OpenFile } from '../io/files';
import type { Job } from '../io/jobs';
import { ErrorCode, KafkaError } from '../protocol/errors';
import {
  hasProducerId,
  isControlBatch,
  isValidBatch,
  lastOffset,
  magicOf,
  producerEpoch,
  producerId,
  recordCount,
} from '../records/batch-header';
import {
  deleteHorizonOf,
  emptyBatchOf,
  filterBatch,
  type BatchFilterOptions,
  type FilteredBatch,
} from './batch-filter';
import { scanBatches, type BatchVisitor } from './batch-scanner';
import { CleanedTransactions, type CleanedTransactionsState } from './cleaned-transactions';
import { buildIndexes } from './index-builder';
import { LastRecords } from './last-records';
import { Suffix } from './log-file-names';
import { OffsetMap, type OffsetMapPlace } from './offset-map';
import { segmentPath } from './segment-files';
import { formatAbortedTxn } from './transaction-index';

/** A segment that is read. */
export interface SourceSegment {
  readonly baseOffset: number;
  readonly size: number;
  /** Where the next one begins. */
  readonly nextOffset: number;
}

/** Where a job goes on. */
export interface SourcePosition {
  readonly segment: number;
  readonly position: number;
}

export interface MapOffsetsInput {
  readonly directory: string;
  /** Dirty segments. */
  readonly segments: readonly SourceSegment[];
  readonly from: SourcePosition;
  /** Records before it are clean. */
  readonly startOffset: number;
  /** Cleared by the first job. */
  readonly map: OffsetMapPlace;
  readonly isFirst: boolean;
  /** How many keys are taken at most: log.cleaner.io.buffer.load.factor. */
  readonly mostKeys: number;
  readonly transactions: CleanedTransactionsState;
  readonly readBytes: number;
  /** About so much is read in one job, so that whoever runs them may stop or rest in between. */
  readonly sliceBytes: number;
}

export interface MapOffsetsResult {
  /** `undefined`: everything was read, or the map is full. */
  readonly next: SourcePosition | undefined;
  readonly transactions: CleanedTransactionsState;
  readonly bytesRead: number;
}

/** A segment that cannot be compacted: its log has to be looked at by a human. */
export class UncleanableError extends Error {
  override readonly name = 'UncleanableError';
}

/** Notes the last offset of every key in the dirty part of a log, as far as the map goes (Kafka's Cleaner.buildOffsetMap). */
export const mapOffsetsJob: Job<MapOffsetsInput, MapOffsetsResult> = {
  name: 'map-offsets',
  module: __filename,
  run: mapOffsets,
};

async function mapOffsets(files: Files, input: MapOffsetsInput): Promise<MapOffsetsResult> {
  const { directory, segments, startOffset, mostKeys } = input;
  const map = new OffsetMap(input.map);
  if (input.isFirst) map.clear();
  const transactions = new CleanedTransactions(input.transactions);
  let { segment, position } = input.from;
  let bytesRead = 0;
  let isFull = false;
  const note = (offset: number, bytes: Buffer, start: number, end: number): boolean => {
    if (isFull || start < 0 || offset < startOffset) {
      return false;
    }
    if (map.size >= mostKeys) {
      isFull = true;
    } else {
      map.put(bytes, start, end, offset);
    }
    return false;
  };
  const options = { retain: note, newDeleteHorizonMs: 0, isMarkerOfEmptyTxn: false };
  for (; segment < segments.length; segment++, position = 0) {
    const source = segments[segment];
    const done = await readBatches(files, directory, source, position, input.readBytes, (bytes, at, size) => {
      if (bytesRead >= input.sliceBytes) {
        return false;
      }
      bytesRead += size;
      if (isControlBatch(bytes, at)) {
        transactions.onControlBatch(bytes, at);
      } else if (!transactions.onBatch(bytes, at)) {
        filterUnlessTooLarge(bytes, at, size, options);
      }
      const last = lastOffset(bytes, at);
      if (!isFull && last >= startOffset) {
        map.latestOffset = last;
      }
      return !isFull;
    });
    if (isFull) {
      return { next: undefined, transactions: transactions.state, bytesRead };
    }
    if (done < source.size) {
      return { next: { segment, position: done }, transactions: transactions.state, bytesRead };
    }
    map.latestOffset = source.nextOffset - 1;
  }
  return { next: undefined, transactions: transactions.state, bytesRead };
}

/**
 * `undefined` for a batch that unpacks to more than is taken into memory, which another broker may have let through. It
 * stays as it is, and what it says of its keys is not known: so none of the tombstones behind it may go.
 */
function filterUnlessTooLarge(
  bytes: Buffer,
  at: number,
  size: number,
  options: BatchFilterOptions,
): FilteredBatch | undefined {
  try {
    return filterBatch(bytes, at, size, options);
  } catch (error) {
    if (error instanceof KafkaError && error.code === ErrorCode.MESSAGE_TOO_LARGE) return undefined;
    throw error;
  }
}

export interface CleanSegmentsInput {
  readonly directory: string;
  /** They become one, with the base offset of the first. */
  readonly segments: readonly (SourceSegment & { readonly retainLegacyDeletes: boolean })[];
  readonly from: SourcePosition;
  /** Bytes that earlier jobs have written. */
  readonly written: number;
  readonly map: OffsetMapPlace;
  readonly transactions: CleanedTransactionsState;
  /** LastRecords of all producers that are known. */
  readonly lastRecords: SharedArrayBuffer;
  /** Whether batches before were too large to be looked into. */
  readonly isBehindUnread: boolean;
  readonly nowMs: number;
  readonly deleteRetentionMs: number;
  readonly indexIntervalBytes: number;
  readonly readBytes: number;
  readonly sliceBytes: number;
}

export interface CleanSegmentsResult {
  /** `undefined`: the segment is finished and on the disk, with its indexes, under names that end with `.cleaned`. */
  readonly next: SourcePosition | undefined;
  readonly written: number;
  readonly transactions: CleanedTransactionsState;
  readonly bytesRead: number;
  readonly recordsRead: number;
  readonly recordsWritten: number;
  /** Records without a key, which cannot be in a compacted log and are dropped. */
  readonly invalidRecords: number;
  /** Batches that were too large to be looked into. */
  readonly unreadBatches: number;
}

/** Copies what is still needed of some segments into a new one (Kafka's Cleaner.cleanSegments). */
export const cleanSegmentsJob: Job<CleanSegmentsInput, CleanSegmentsResult> = {
  name: 'clean-segments',
  module: __filename,
  run: (files, input) => new SegmentCleaner(files, input).run(),
};

class SegmentCleaner {
  readonly #files: Files;
  readonly #input: CleanSegmentsInput;
  readonly #map: OffsetMap;
  readonly #transactions: CleanedTransactions;
  readonly #lastRecords: LastRecords;
  readonly #aborted: Buffer[] = [];
  readonly #out: Buffer;
  #pending = 0;
  #written: number;
  #bytesRead = 0;
  #recordsRead = 0;
  #recordsWritten = 0;
  #invalidRecords = 0;
  #unreadBatches = 0;
  #dropsRecords = false;
  #retainLegacyDeletes = false;
  #horizonMs: number | undefined;
  #magic = 2;
  #file!: OpenFile;

  constructor(files: Files, input: CleanSegmentsInput) {
    this.#files = files;
    this.#input = input;
    this.#map = new OffsetMap(input.map);
    this.#transactions = new CleanedTransactions(input.transactions, (txn) =>
      this.#aborted.push(formatAbortedTxn(txn)),
    );
    this.#lastRecords = new LastRecords(input.lastRecords);
    this.#out = Buffer.allocUnsafe(input.readBytes);
    this.#written = input.written;
  }

  async run(): Promise<CleanSegmentsResult> {
    const { directory, segments, from } = this.#input;
    this.#file = await this.#files.open(this.#path(Suffix.LOG), 'write');
    try {
      if (from.segment === 0 && from.position === 0) {
        // A cleaning that was given up may have left them.
        await this.#file.truncate(0);
        await this.#files.remove(this.#path(Suffix.TXN_INDEX));
      }
      let next: SourcePosition | undefined;
      let { position } = from;
      for (let index = from.segment; index < segments.length && next === undefined; index++, position = 0) {
        const source = segments[index];
        this.#retainLegacyDeletes = source.retainLegacyDeletes;
        const done = await readBatches(
          this.#files,
          directory,
          source,
          position,
          this.#input.readBytes,
          (bytes, at, size) => this.#clean(bytes, at, size),
        );
        next = done < source.size ? { segment: index, position: done } : undefined;
      }
      this.#write();
      await this.#writeTxnIndex();
      if (next === undefined) {
        await this.#finish();
      }
      return {
        next,
        written: this.#written,
        transactions: this.#transactions.state,
        bytesRead: this.#bytesRead,
        recordsRead: this.#recordsRead,
        recordsWritten: this.#recordsWritten,
        invalidRecords: this.#invalidRecords,
        unreadBatches: this.#unreadBatches,
      };
    } finally {
      await this.#file.close();
    }
  }

  #path(suffix: string): string {
    return segmentPath(this.#input.directory, this.#input.segments[0].baseOffset, suffix + Suffix.CLEANED);
  }

  #clean(bytes: Buffer, at: number, size: number): boolean {
    const { sliceBytes, nowMs, deleteRetentionMs } = this.#input;
    if (this.#bytesRead >= sliceBytes) {
      return false;
    }
    this.#bytesRead += size;
    const isControl = isControlBatch(bytes, at);
    const canDiscard = isControl ? this.#transactions.onControlBatch(bytes, at) : this.#transactions.onBatch(bytes, at);
    this.#horizonMs = deleteHorizonOf(bytes, at);
    this.#dropsRecords = isControl
      ? canDiscard && this.#horizonMs !== undefined && this.#horizonMs <= nowMs
      : canDiscard;
    const tellsOfProducer = hasProducerId(bytes, at) && this.#isLastOfProducer(bytes, at, isControl);
    if (this.#dropsRecords) {
      this.#recordsRead += Math.max(0, recordCount(bytes, at));
    } else if (isControl && recordCount(bytes, at) === 0) {
      // Cleaned already: it stays only for its producer.
    } else {
      this.#magic = magicOf(bytes, at);
      const filtered = filterUnlessTooLarge(bytes, at, size, {
        retain: isControl ? retainAll : this.#retain,
        newDeleteHorizonMs: nowMs + deleteRetentionMs,
        isMarkerOfEmptyTxn: isControl && canDiscard,
      });
      if (filtered === undefined) {
        this.#unreadBatches++;
        this.#append(bytes.subarray(at, at + size));
        return true;
      }
      this.#recordsRead += filtered.read;
      this.#recordsWritten += filtered.retained;
      if (filtered.bytes !== undefined) {
        this.#append(filtered.bytes);
        return true;
      }
    }
    if (tellsOfProducer) {
      this.#append(emptyBatchOf(bytes, at));
    }
    return true;
  }

  /**
   * The last data of a producer has its last sequence, and the last marker of one that has no data left its last epoch:
   * without them, it would not be known any more.
   */
  #isLastOfProducer(bytes: Buffer, at: number, isControl: boolean): boolean {
    const last = this.#lastRecords.get(producerId(bytes, at));
    if (last === undefined) {
      return false;
    }
    return last.lastDataOffset >= 0
      ? lastOffset(bytes, at) === last.lastDataOffset
      : isControl && producerEpoch(bytes, at) === last.producerEpoch;
  }

  readonly #retain = (offset: number, bytes: Buffer, start: number, end: number, hasValue: boolean): boolean => {
    if (offset > this.#map.latestOffset) {
      return true;
    }
    if (start < 0) {
      this.#invalidRecords++;
      return false;
    }
    if (offset < this.#map.get(bytes, start, end)) {
      return false;
    }
    if (hasValue || this.#unreadBatches > 0 || this.#input.isBehindUnread) {
      return true;
    }
    return this.#magic < 2
      ? this.#retainLegacyDeletes
      : this.#horizonMs === undefined || this.#input.nowMs < this.#horizonMs;
  };

  #append(batch: Buffer): void {
    if (this.#pending + batch.length > this.#out.length) {
      this.#write();
    }
    if (batch.length > this.#out.length) {
      this.#file.writeSync([batch], this.#written);
      this.#written += batch.length;
    } else {
      this.#pending += batch.copy(this.#out, this.#pending);
    }
  }

  #write(): void {
    if (this.#pending > 0) {
      this.#file.writeSync([this.#out.subarray(0, this.#pending)], this.#written);
      this.#written += this.#pending;
      this.#pending = 0;
    }
  }

  async #writeTxnIndex(): Promise<void> {
    if (this.#aborted.length > 0) {
      await this.#withFile(Suffix.TXN_INDEX, async (file) => {
        await file.write(this.#aborted, await file.size());
        await file.sync();
      });
    }
  }

  async #finish(): Promise<void> {
    const { segments, indexIntervalBytes } = this.#input;
    const built = await buildIndexes(this.#file, this.#written, segments[0].baseOffset, indexIntervalBytes, false);
    if (built.scan.end !== this.#written) {
      throw new UncleanableError(
        `${this.#path(Suffix.LOG)} came out wrong at byte ${built.scan.end}: ${built.scan.defect}`,
      );
    }
    await this.#file.sync();
    for (const [suffix, entries] of [
      [Suffix.OFFSET_INDEX, built.offsetEntries],
      [Suffix.TIME_INDEX, built.timeEntries],
    ] as const) {
      await this.#withFile(suffix, async (file) => {
        await file.truncate(0);
        await file.write([entries], 0);
        await file.sync();
      });
    }
  }

  async #withFile(suffix: string, work: (file: OpenFile) => Promise<void>): Promise<void> {
    const file = await this.#files.open(this.#path(suffix), 'write');
    try {
      await work(file);
    } finally {
      await file.close();
    }
  }
}

function retainAll(): boolean {
  return true;
}

/**
 * Reads the batches of a segment from `position` on, each checked, until `visit` says false; returns where that was.
 * What is corrupt must not get a new checksum: it ends the cleaning.
 */
async function readBatches(
  files: Files,
  directory: string,
  source: SourceSegment,
  position: number,
  readBytes: number,
  visit: BatchVisitor,
): Promise<number> {
  const path = segmentPath(directory, source.baseOffset, Suffix.LOG);
  const file = await files.open(path, 'read');
  try {
    let where = position;
    const checked: BatchVisitor = (bytes, at, size, batchPosition) => {
      where = batchPosition;
      if (!isValidBatch(bytes, at, size)) {
        throw new UncleanableError(`the CRC of the batch at byte ${batchPosition} of ${path} does not agree`);
      }
      const last = lastOffset(bytes, at);
      if (last < source.baseOffset || last >= source.nextOffset) {
        const bounds = `offsets ${source.baseOffset} up to ${source.nextOffset}`;
        throw new UncleanableError(
          `the batch at byte ${batchPosition} of ${path}, which has ${bounds}, ends at ${last}`,
        );
      }
      return visit(bytes, at, size, batchPosition);
    };
    const options = { bufferBytes: readBytes, wholeBatches: true };
    const { end, defect } = await scanBatches(file, position, source.size, checked, options).catch((error: unknown) => {
      if (error instanceof KafkaError) {
        throw new UncleanableError(`the batch at byte ${where} of ${path} cannot be read: ${error.message}`);
      }
      throw error;
    });
    if (defect !== undefined) {
      throw new UncleanableError(`at byte ${end} of ${path} is no batch: ${defect}`);
    }
    return end;
  } finally {
    await file.close();
  }
}
