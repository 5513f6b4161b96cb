import type { BrokerConfig } from '../config/broker-config';
import type { CompressionType } from '../records/compression-type';

/** Where version 0 of OffsetCommit and OffsetFetch keeps offsets: /consumers/GROUP/offsets/TOPIC/PARTITION in ZooKeeper. */
export interface LegacyOffsets {
  /** `undefined`: none was committed. */
  get(group: string, topic: string, partition: number): Promise<number | undefined>;
  set(group: string, topic: string, partition: number, offset: number): Promise<void>;
}

/** Times in milliseconds, sizes in bytes; the comment is the key of server.properties. */
export interface GroupCoordinatorOptions {
  /** group.min.session.timeout.ms */
  readonly minSessionTimeoutMs: number;
  /** group.max.session.timeout.ms */
  readonly maxSessionTimeoutMs: number;
  /** group.max.size */
  readonly maxSize: number;
  /** group.initial.rebalance.delay.ms */
  readonly initialRebalanceDelayMs: number;
  /** offset.metadata.max.bytes */
  readonly offsetMetadataMaxBytes: number;
  /** offsets.load.buffer.size */
  readonly offsetsLoadBufferSize: number;
  /** offsets.topic.compression.codec */
  readonly offsetsTopicCompression: CompressionType;
  /** offsets.retention.minutes, in milliseconds */
  readonly offsetsRetentionMs: number;
  /** offsets.retention.check.interval.ms */
  readonly offsetsRetentionCheckIntervalMs: number;
  /** offsets.commit.timeout.ms */
  readonly offsetsCommitTimeoutMs: number;
  /** Absent: version 0 of OffsetCommit and OffsetFetch is answered with UNSUPPORTED_VERSION. */
  readonly legacyOffsets?: LegacyOffsets;
}

export function groupCoordinatorOptions(config: BrokerConfig, legacyOffsets?: LegacyOffsets): GroupCoordinatorOptions {
  return {
    minSessionTimeoutMs: config.get('group.min.session.timeout.ms'),
    maxSessionTimeoutMs: config.get('group.max.session.timeout.ms'),
    maxSize: config.get('group.max.size'),
    initialRebalanceDelayMs: config.get('group.initial.rebalance.delay.ms'),
    offsetMetadataMaxBytes: config.get('offset.metadata.max.bytes'),
    offsetsLoadBufferSize: config.get('offsets.load.buffer.size'),
    // The configuration takes no other.
    offsetsTopicCompression: config.get('offsets.topic.compression.codec') as CompressionType,
    offsetsRetentionMs: config.get('offsets.retention.minutes') * 60_000,
    offsetsRetentionCheckIntervalMs: config.get('offsets.retention.check.interval.ms'),
    offsetsCommitTimeoutMs: config.get('offsets.commit.timeout.ms'),
    legacyOffsets,
  };
}
