import type { FetchData, FetchIsolation } from './fetch-data';
import type { AppendCallback, AppendOptions } from './log-append';
import type { LogConfig } from './log-config';
import type { LogOffsetMetadata } from './log-offset-metadata';
import type { TimestampAndOffset } from './timestamp-and-offset';
import type { TopicPartition } from './topic-partition';

/** A partition's log on this broker: Kafka's UnifiedLog. (Signatures; the body follows.) */
export declare class Log {
  readonly topicPartition: TopicPartition;
  /** 22-character base64url, or `undefined` when the partition has none yet. */
  readonly topicId: string | undefined;
  /** The log directory (`log.dirs` entry) that holds it. */
  readonly logDir: string;
  config: LogConfig;

  readonly logStartOffset: number;
  readonly logEndOffset: number;
  readonly logEndOffsetMetadata: LogOffsetMetadata;
  readonly highWatermark: number;
  readonly lastStableOffset: number;
  readonly recoveryPoint: number;
  readonly sizeInBytes: number;
  readonly numberOfSegments: number;

  /**
   * Appends record batches as a leader (offsets are assigned, in place) or, with origin `replication`, as a follower.
   * `bytes` belong to the log until `done`.
   */
  append(bytes: Buffer, options: AppendOptions, done: AppendCallback): void;

  /** Moves the high watermark anywhere between log start and log end; returns what it became. */
  updateHighWatermark(highWatermark: number | LogOffsetMetadata): number;
  /** Moves the high watermark forward only; returns the old one when it moved. */
  maybeIncrementHighWatermark(highWatermark: LogOffsetMetadata): LogOffsetMetadata | undefined;

  /**
   * A promise only when a disk has to be asked; throws (rejects with) KafkaError OFFSET_OUT_OF_RANGE,
   * KAFKA_STORAGE_ERROR.
   */
  read(
    offset: number,
    maxBytes: number,
    isolation: FetchIsolation,
    minOneMessage: boolean,
  ): FetchData | Promise<FetchData>;

  /** `undefined`: no such record. */
  fetchOffsetByTimestamp(timestamp: number): Promise<TimestampAndOffset | undefined>;
  /** ListOffsets v0. */
  legacyFetchOffsetsBefore(timestamp: number, maxOffsets: number): Promise<number[]>;

  readonly latestEpoch: number | undefined;
  /** Where `leaderEpoch` ended here (OffsetForLeaderEpoch); `undefined` when nothing is known. */
  endOffsetForEpoch(leaderEpoch: number): { leaderEpoch: number; endOffset: number } | undefined;
  /** Called when this broker becomes leader. */
  assignEpochStartOffset(leaderEpoch: number, startOffset: number): void;

  /** Returns whether anything was cut. */
  truncateTo(offset: number): Promise<boolean>;
  truncateFullyAndStartAt(offset: number, logStartOffset?: number): Promise<void>;
  /** DeleteRecords and the leader's log start offset; throws OFFSET_OUT_OF_RANGE above the high watermark. */
  maybeIncrementLogStartOffset(offset: number): boolean;
  /** Retention by time, size and log start offset; returns the number of segments deleted. */
  deleteOldSegments(): Promise<number>;

  roll(): Promise<void>;
  /** Everything below `logEndOffset` on stable storage, and the recovery point moved up to it. */
  flush(): Promise<void>;
}
