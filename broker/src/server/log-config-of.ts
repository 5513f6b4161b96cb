import type { BrokerValues } from '../config/broker-values';
import { LogConfig as TopicConfig } from '../config/log-config';
import type { LogConfig } from '../log/log-config';

/** What the log wants to know of a topic's configuration: what the topic sets, over what its broker has. */
export function logConfigOf(broker: BrokerValues, overrides?: ReadonlyMap<string, string>): LogConfig {
  return logConfigOfTopic(TopicConfig.from(broker, overrides));
}

/** The same, of a configuration that was put together already. */
export function logConfigOfTopic(topic: TopicConfig): LogConfig {
  return {
    segmentBytes: topic.segmentBytes,
    segmentMs: bounded(topic.segmentMs),
    segmentJitterMs: bounded(topic.segmentJitterMs),
    segmentIndexBytes: topic.segmentIndexBytes,
    indexIntervalBytes: topic.indexIntervalBytes,
    flushMessages: bounded(topic.flushMessages),
    flushMs: bounded(topic.flushMs),
    retentionBytes: bounded(topic.retentionBytes),
    retentionMs: bounded(topic.retentionMs),
    fileDeleteDelayMs: bounded(topic.fileDeleteDelayMs),
    maxMessageBytes: topic.maxMessageBytes,
    cleanupCompact: topic.cleanupCompact,
    cleanupDelete: topic.cleanupDelete,
    deleteRetentionMs: bounded(topic.deleteRetentionMs),
    minCompactionLagMs: bounded(topic.minCompactionLagMs),
    maxCompactionLagMs: bounded(topic.maxCompactionLagMs),
    minCleanableDirtyRatio: topic.minCleanableDirtyRatio,
    preallocate: topic.preallocate,
    compressionType: topic.compressionType,
    compressionGzipLevel: topic.compressionGzipLevel,
    compressionLz4Level: topic.compressionLz4Level,
    compressionZstdLevel: topic.compressionZstdLevel,
    messageTimestampType: topic.messageTimestampType,
    messageTimestampBeforeMaxMs: unlessNone(topic.messageTimestampBeforeMaxMs),
    messageTimestampAfterMaxMs: unlessNone(topic.messageTimestampAfterMaxMs),
  };
}

// A Java long that means "no bound" is no safe integer: it becomes the greatest one.
function bounded(value: number): number {
  return Math.min(value, Number.MAX_SAFE_INTEGER);
}

// Of timestamps the greatest safe integer would be one: somebody may count nanoseconds.
function unlessNone(value: number): number {
  return value > Number.MAX_SAFE_INTEGER ? Infinity : value;
}
