import type { FileRange } from '../io/files';
import { ErrorCode, KafkaError } from '../protocol/errors';
import { CorruptSegmentError } from './corrupt-segment-error';
import type { AbortedTransaction, FetchData } from './fetch-data';
import { Suffix } from './log-file-names';
import { messageOffsetOnly, type LogOffsetMetadata } from './log-offset-metadata';
import type { BatchPlace } from './batch-place';
import type { LogSegment } from './log-segment';
import { chain, type MaybePromise } from './maybe-promise';
import type { SegmentList } from './segment-list';
import { collectAborted, type AbortedTxn } from './transaction-index';

/** Where a log begins and ends now. */
export interface LogBounds {
  readonly logStartOffset: number;
  readonly logEndOffset: number;
  readonly logEndOffsetMetadata: LogOffsetMetadata;
}

/** Finds what is to be sent for a fetch (the reading half of Kafka's LocalLog). */
export class LogReader {
  constructor(
    /** For messages: `topic-0`. */
    readonly name: string,
    readonly segments: SegmentList,
    readonly bounds: LogBounds,
    /** The place of an offset was looked up: whoever keeps the offset need not do it again. */
    readonly learned: (known: LogOffsetMetadata, exact: LogOffsetMetadata) => void,
    /** A segment has nothing from `offset` on, and the next one begins at `next`. */
    readonly missing: (segment: LogSegment, offset: number, next: number) => void,
  ) {}

  /** `limit`: where the reader may see up to. `committed`: with the aborted transactions. */
  read(
    offset: number,
    maxBytes: number,
    limit: LogOffsetMetadata,
    committed: boolean,
    minOneMessage: boolean,
  ): MaybePromise<FetchData> {
    const { name, segments } = this;
    const { logStartOffset, logEndOffset, logEndOffsetMetadata } = this.bounds;
    if (offset < logStartOffset || offset > logEndOffset) {
      throw new KafkaError(
        ErrorCode.OFFSET_OUT_OF_RANGE,
        `offset ${offset} of ${name} was asked for, which has ${logStartOffset} to ${logEndOffset}`,
      );
    }
    if (offset === logEndOffset) {
      return emptyFetch(logEndOffsetMetadata, committed);
    }
    if (offset >= limit.messageOffset) {
      return emptyFetch(offset === limit.messageOffset ? limit : messageOffsetOnly(offset), committed);
    }
    const index = Math.max(0, segments.floorIndex(offset));
    return this.#readFrom(index, offset, maxBytes, limit, committed, minOneMessage);
  }

  #readFrom(
    index: number,
    offset: number,
    maxBytes: number,
    limit: LogOffsetMetadata,
    committed: boolean,
    minOneMessage: boolean,
  ): MaybePromise<FetchData> {
    const { segments } = this;
    const segment = segments.all[index];
    if (segment === undefined) {
      return emptyFetch(this.bounds.logEndOffsetMetadata, committed);
    }
    const next = segments.all[index + 1];
    const end = next?.baseOffset ?? this.bounds.logEndOffset;
    const read = this.#whileHeld(segment, () =>
      chain(segment.translateOffset(offset), (place) =>
        place === undefined
          ? undefined
          : chain(this.#limitPosition(segment, next, limit), (to) =>
              this.#rangeOf(segment, within(segment, place, end), offset, to, maxBytes, minOneMessage),
            ),
      ),
    );
    // Without a batch from here on, everything up to the next segment was compacted away.
    return chain(read, (data) => {
      if (data === undefined) {
        const following = segments.all.indexOf(segment) + 1;
        if (following < segments.all.length) this.missing(segment, offset, segments.all[following].baseOffset);
        return this.#readFrom(following, offset, maxBytes, limit, committed, minOneMessage);
      }
      return committed ? this.#withAborted(segment, offset, data) : data;
    });
  }

  #rangeOf(
    segment: LogSegment,
    place: BatchPlace,
    offset: number,
    end: number,
    maxBytes: number,
    minOneMessage: boolean,
  ): MaybePromise<FetchData> {
    return chain(segment.openedFile(), (file) => {
      const { position, size } = place;
      const wanted = minOneMessage ? Math.max(maxBytes, size) : maxBytes;
      const length = Math.max(0, Math.min(end - position, wanted));
      const ranges: FileRange[] = length > 0 ? [segment.range(file, position, length)] : [];
      if (length > size && !ranges[0].hot) segment.lookAhead(position + length);
      return {
        fetchOffset: {
          messageOffset: offset,
          segmentBaseOffset: segment.baseOffset,
          relativePositionInSegment: position,
        },
        ranges,
        sizeInBytes: length,
        firstEntryIncomplete: wanted < size,
        abortedTransactions: undefined,
      };
    });
  }

  /** Up to which position of the segment a reader may read. */
  #limitPosition(segment: LogSegment, next: LogSegment | undefined, limit: LogOffsetMetadata): MaybePromise<number> {
    const { messageOffset, segmentBaseOffset, relativePositionInSegment } = limit;
    if (segmentBaseOffset === segment.baseOffset) {
      return relativePositionInSegment;
    }
    if (segmentBaseOffset > segment.baseOffset || messageOffset >= this.bounds.logEndOffset) {
      return segment.size;
    }
    if (next !== undefined && messageOffset >= next.baseOffset) {
      return segment.size;
    }
    return chain(segment.translateOffset(messageOffset), (place) => {
      if (place === undefined) {
        return segment.size;
      }
      const exact = { messageOffset, segmentBaseOffset: segment.baseOffset, relativePositionInSegment: place.position };
      this.learned(limit, exact);
      return place.position;
    });
  }

  /**
   * Keeps the segment's files open meanwhile. When the segment is deleted or truncated away under the reader, its files
   * have other names: that is no failure of the disk, the records are gone.
   */
  #whileHeld<T>(
    segment: LogSegment,
    work: () => MaybePromise<T>,
    whenRemoved: ErrorCode = ErrorCode.OFFSET_OUT_OF_RANGE,
  ): MaybePromise<T> {
    segment.retain();
    let result: MaybePromise<T>;
    try {
      result = work();
    } catch (error) {
      segment.release();
      throw error;
    }
    if (!(result instanceof Promise)) {
      segment.release();
      return result;
    }
    return result
      .catch((error: unknown) => {
        throw this.segments.all.includes(segment) ? error : this.#removedError(segment, whenRemoved);
      })
      .finally(() => segment.release());
  }

  #removedError({ baseOffset }: LogSegment, code: ErrorCode = ErrorCode.OFFSET_OUT_OF_RANGE): KafkaError {
    return new KafkaError(code, `segment ${baseOffset} of ${this.name} was removed while it was being read`);
  }

  /** `data` was found in `segment`. */
  async #withAborted(segment: LogSegment, offset: number, data: FetchData): Promise<FetchData> {
    if (data.sizeInBytes === 0) {
      return { ...data, abortedTransactions: [] };
    }
    try {
      return { ...data, abortedTransactions: await this.#abortedTransactions(segment, offset, data) };
    } catch (error) {
      for (const range of data.ranges) {
        range.release();
      }
      throw error;
    }
  }

  async #abortedTransactions(first: LogSegment, offset: number, data: FetchData): Promise<AbortedTransaction[]> {
    const { segments } = this;
    const index = segments.floorIndex(first.baseOffset);
    if (segments.all[index] !== first) {
      // Its own list is gone: without it, what was aborted would be shown.
      throw this.#removedError(first);
    }
    const following = segments.all.slice(index);
    const position = data.fetchOffset.relativePositionInSegment;
    const inSegment = await this.#whileHeld(first, () => first.offsetUpperBound(position, data.sizeInBytes));
    const upperBound = inSegment ?? following[1]?.baseOffset ?? this.bounds.logEndOffset;
    const found: AbortedTxn[] = [];
    for (const segment of following) {
      // The offset that was asked for is there still when a truncation takes a later segment: to be asked for again.
      const whenRemoved = segment === first ? ErrorCode.OFFSET_OUT_OF_RANGE : ErrorCode.KAFKA_STORAGE_ERROR;
      const entries = this.#whileHeld(segment, () => segment.txnEntries(), whenRemoved);
      if (collectAborted(entries instanceof Promise ? await entries : entries, offset, upperBound, found)) {
        break;
      }
    }
    return found.map(({ producerId, firstOffset }) => ({ producerId, firstOffset }));
  }
}

/** Where a batch says that it begins has no checksum: it cannot be behind what comes next. */
function within(segment: LogSegment, place: BatchPlace, end: number): BatchPlace {
  if (place.lastOffset < end) return place;
  const { position, baseOffset, lastOffset } = place;
  throw new CorruptSegmentError(
    segment.path(Suffix.LOG),
    `the batch at byte ${position} has offsets ${baseOffset} to ${lastOffset}, and the segment ends before ${end}`,
  );
}

function emptyFetch(fetchOffset: LogOffsetMetadata, committed: boolean): FetchData {
  const abortedTransactions = committed ? [] : undefined;
  return { fetchOffset, ranges: [], sizeInBytes: 0, firstEntryIncomplete: false, abortedTransactions };
}
