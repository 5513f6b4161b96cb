import { logRetentionMs, logRollJitterMs, logRollMs } from './broker-rules';
import { brokerDefaults, type BrokerValues } from './broker-values';
import { formatJavaLong } from './java-number';
import type { ValueOf } from './key-definition';
import { resolveMetadataVersion, isAtLeastVersion } from './metadata-version';
import { parseDefault, parseValue, type ParsedValue } from './parse-value';
import { topicSynonyms } from './synonyms';
import { topicKeys, type TopicKey } from './topic-keys';

export type TopicValue<K extends TopicKey> = ValueOf<(typeof topicKeys)[K]>;

export function isTopicKey(key: string): key is TopicKey {
  return Object.hasOwn(topicKeys, key);
}

export const topicKeyNames = Object.keys(topicKeys) as readonly TopicKey[];

function long(value: number): ParsedValue {
  return { value, text: formatJavaLong(value) };
}

/** What a topic has of a broker's configuration where it sets nothing of its own (KafkaConfig.extractLogConfigMap). */
export function topicDefault(broker: BrokerValues, key: TopicKey): ParsedValue {
  switch (key) {
    case 'segment.ms':
      return long(logRollMs(broker));
    case 'segment.jitter.ms':
      return long(logRollJitterMs(broker));
    case 'retention.ms':
      return long(logRetentionMs(broker));
    case 'message.timestamp.before.max.ms':
      return newestBound(broker, 'log.message.timestamp.before.max.ms');
    case 'message.timestamp.after.max.ms':
      return newestBound(broker, 'log.message.timestamp.after.max.ms');
    case 'message.format.version': {
      // From 3.0 on the key is ignored, and the default stands for it.
      const ignored = isAtLeastVersion(broker.get('inter.broker.protocol.version'), '3.0-IV1');
      const version = ignored ? topicKeys[key].default : broker.get('log.message.format.version');
      const text = resolveMetadataVersion(version) ?? version;
      return { value: text, text };
    }
    default: {
      const synonym = topicSynonyms[key].find((candidate) => broker.get(candidate) !== null);
      if (synonym === undefined) return parseDefault(topicKeys[key]);
      return { value: broker.get(synonym), text: broker.text(synonym) };
    }
  }
}

// The deprecated bound, on both sides, counts where the newer one is not set.
function newestBound(
  broker: BrokerValues,
  key: 'log.message.timestamp.before.max.ms' | 'log.message.timestamp.after.max.ms',
): ParsedValue {
  const bounded = broker.text(key) !== brokerDefaults.get(key)?.text;
  const counting = bounded ? key : 'log.message.timestamp.difference.max.ms';
  return { value: broker.get(counting), text: broker.text(counting) };
}

/**
 * The configuration of one topic's logs, as Kafka's LogConfig: what the topic sets, over what its broker has. It is
 * fixed; when either changes, a new one is made. Longs without a bound are about 9.2e18: compare and add, and no more.
 */
export class LogConfig {
  readonly segmentBytes: number;
  readonly segmentMs: number;
  readonly segmentJitterMs: number;
  readonly segmentIndexBytes: number;
  readonly flushMessages: number;
  readonly flushMs: number;
  /** -1: no bound. */
  readonly retentionBytes: number;
  /** -1: for ever. */
  readonly retentionMs: number;
  readonly maxMessageBytes: number;
  readonly indexIntervalBytes: number;
  readonly deleteRetentionMs: number;
  readonly minCompactionLagMs: number;
  readonly maxCompactionLagMs: number;
  readonly fileDeleteDelayMs: number;
  readonly minCleanableDirtyRatio: number;
  /** cleanup.policy: either may be set, or both. */
  readonly cleanupCompact: boolean;
  readonly cleanupDelete: boolean;
  readonly uncleanLeaderElectionEnable: boolean;
  readonly minInsyncReplicas: number;
  readonly compressionType: 'producer' | 'uncompressed' | 'gzip' | 'snappy' | 'lz4' | 'zstd';
  readonly compressionGzipLevel: number;
  readonly compressionLz4Level: number;
  readonly compressionZstdLevel: number;
  readonly preallocate: boolean;
  readonly messageTimestampType: 'CreateTime' | 'LogAppendTime';
  readonly messageTimestampBeforeMaxMs: number;
  readonly messageTimestampAfterMaxMs: number;
  readonly messageDownconversionEnable: boolean;
  /** "partition:broker" each, or "*". */
  readonly leaderReplicationThrottledReplicas: readonly string[];
  readonly followerReplicationThrottledReplicas: readonly string[];

  readonly #values: ReadonlyMap<TopicKey, ParsedValue>;

  private constructor(
    /** What the topic itself sets, as it was written; unknown keys and unusable values too. */
    readonly overrides: ReadonlyMap<string, string>,
    values: ReadonlyMap<TopicKey, ParsedValue>,
  ) {
    this.#values = values;
    this.segmentBytes = this.get('segment.bytes');
    this.segmentMs = this.get('segment.ms');
    this.segmentJitterMs = this.get('segment.jitter.ms');
    this.segmentIndexBytes = this.get('segment.index.bytes');
    this.flushMessages = this.get('flush.messages');
    this.flushMs = this.get('flush.ms');
    this.retentionBytes = this.get('retention.bytes');
    this.retentionMs = this.get('retention.ms');
    this.maxMessageBytes = this.get('max.message.bytes');
    this.indexIntervalBytes = this.get('index.interval.bytes');
    this.deleteRetentionMs = this.get('delete.retention.ms');
    this.minCompactionLagMs = this.get('min.compaction.lag.ms');
    this.maxCompactionLagMs = this.get('max.compaction.lag.ms');
    this.fileDeleteDelayMs = this.get('file.delete.delay.ms');
    this.minCleanableDirtyRatio = this.get('min.cleanable.dirty.ratio');
    this.cleanupCompact = this.get('cleanup.policy').includes('compact');
    this.cleanupDelete = this.get('cleanup.policy').includes('delete');
    this.uncleanLeaderElectionEnable = this.get('unclean.leader.election.enable');
    this.minInsyncReplicas = this.get('min.insync.replicas');
    this.compressionType = this.get('compression.type') as LogConfig['compressionType'];
    this.compressionGzipLevel = this.get('compression.gzip.level');
    this.compressionLz4Level = this.get('compression.lz4.level');
    this.compressionZstdLevel = this.get('compression.zstd.level');
    this.preallocate = this.get('preallocate');
    this.messageTimestampType = this.get('message.timestamp.type') as LogConfig['messageTimestampType'];
    this.messageTimestampBeforeMaxMs = this.#timestampBound('message.timestamp.before.max.ms');
    this.messageTimestampAfterMaxMs = this.#timestampBound('message.timestamp.after.max.ms');
    this.messageDownconversionEnable = this.get('message.downconversion.enable');
    this.leaderReplicationThrottledReplicas = this.get('leader.replication.throttled.replicas');
    this.followerReplicationThrottledReplicas = this.get('follower.replication.throttled.replicas');
  }

  /**
   * @param overrides what the topic sets (/config/topics/TOPIC). A value that cannot be read counts as not set: it was
   * stored by someone who could, and a log must open. `validateTopicConfig` refuses such values before they are stored.
   */
  static from(broker: BrokerValues, overrides: ReadonlyMap<string, string> = new Map()): LogConfig {
    const values = new Map<TopicKey, ParsedValue>();
    for (const key of topicKeyNames) {
      const text = overrides.get(key);
      const own = text === undefined ? undefined : parseValue(topicKeys[key], text);
      values.set(key, own ?? topicDefault(broker, key));
    }
    return new LogConfig(overrides, values);
  }

  get<K extends TopicKey>(key: K): TopicValue<K> {
    return this.#parsed(key).value as TopicValue<K>;
  }

  /** The value as Kafka prints it, exact for every long. */
  text(key: TopicKey): string | null {
    return this.#parsed(key).text;
  }

  #parsed(key: TopicKey): ParsedValue {
    const parsed = this.#values.get(key);
    if (parsed === undefined) throw new Error(`No topic key of Kafka 3.9: ${key}`);
    return parsed;
  }

  #timestampBound(key: 'message.timestamp.before.max.ms' | 'message.timestamp.after.max.ms'): number {
    const bounded = this.text(key) !== topicKeys[key].default;
    return this.get(bounded ? key : 'message.timestamp.difference.max.ms');
  }
}
