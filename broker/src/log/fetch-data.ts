import type { FileRange } from '../io/files';
import type { LogOffsetMetadata } from './log-offset-metadata';

/** Up to where a reader may see: the log's end (followers), the high watermark, the last stable offset. */
export type FetchIsolation = 'logEnd' | 'highWatermark' | 'txnCommitted';

/** An aborted transaction, as Fetch tells it to a read-committed consumer. */
export interface AbortedTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
}

/** What a read found. Every range must be released exactly once. */
export interface FetchData {
  /** Where the read began: the offset asked for, and its place. */
  readonly fetchOffset: LogOffsetMetadata;
  /** Whole batches from the one that holds the offset; the last may be cut by the byte limit. */
  readonly ranges: readonly FileRange[];
  readonly sizeInBytes: number;
  /** The first batch did not fit and is cut. */
  readonly firstEntryIncomplete: boolean;
  /** With `txnCommitted`; `undefined` otherwise. */
  readonly abortedTransactions: readonly AbortedTransaction[] | undefined;
}
