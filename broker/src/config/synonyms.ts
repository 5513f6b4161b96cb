import type { BrokerKey } from './broker-keys';
import type { TopicKey } from './topic-keys';

/** The broker keys whose value a topic takes, the one that wins first (ServerTopicConfigSynonyms). */
export const topicSynonyms = {
  'segment.bytes': ['log.segment.bytes'],
  'segment.ms': ['log.roll.ms', 'log.roll.hours'],
  'segment.jitter.ms': ['log.roll.jitter.ms', 'log.roll.jitter.hours'],
  'segment.index.bytes': ['log.index.size.max.bytes'],
  'flush.messages': ['log.flush.interval.messages'],
  'flush.ms': ['log.flush.interval.ms', 'log.flush.scheduler.interval.ms'],
  'retention.bytes': ['log.retention.bytes'],
  'retention.ms': ['log.retention.ms', 'log.retention.minutes', 'log.retention.hours'],
  'max.message.bytes': ['message.max.bytes'],
  'index.interval.bytes': ['log.index.interval.bytes'],
  'delete.retention.ms': ['log.cleaner.delete.retention.ms'],
  'min.compaction.lag.ms': ['log.cleaner.min.compaction.lag.ms'],
  'max.compaction.lag.ms': ['log.cleaner.max.compaction.lag.ms'],
  'file.delete.delay.ms': ['log.segment.delete.delay.ms'],
  'min.cleanable.dirty.ratio': ['log.cleaner.min.cleanable.ratio'],
  'cleanup.policy': ['log.cleanup.policy'],
  'unclean.leader.election.enable': ['unclean.leader.election.enable'],
  'min.insync.replicas': ['min.insync.replicas'],
  'compression.type': ['compression.type'],
  'compression.gzip.level': ['compression.gzip.level'],
  'compression.lz4.level': ['compression.lz4.level'],
  'compression.zstd.level': ['compression.zstd.level'],
  preallocate: ['log.preallocate'],
  'message.format.version': ['log.message.format.version'],
  'message.timestamp.type': ['log.message.timestamp.type'],
  'message.timestamp.difference.max.ms': ['log.message.timestamp.difference.max.ms'],
  'message.timestamp.before.max.ms': ['log.message.timestamp.before.max.ms'],
  'message.timestamp.after.max.ms': ['log.message.timestamp.after.max.ms'],
  'leader.replication.throttled.replicas': [],
  'follower.replication.throttled.replicas': [],
  'message.downconversion.enable': ['log.message.downconversion.enable'],
  'remote.storage.enable': [],
  'local.retention.ms': ['log.local.retention.ms'],
  'local.retention.bytes': ['log.local.retention.bytes'],
  'remote.log.copy.disable': [],
  'remote.log.delete.on.disable': [],
} as const satisfies Readonly<Record<TopicKey, readonly BrokerKey[]>>;

// Keys that say the same in different units, the one that wins first.
const families: readonly (readonly BrokerKey[])[] = [
  topicSynonyms['segment.ms'],
  topicSynonyms['segment.jitter.ms'],
  topicSynonyms['retention.ms'],
];

/** "listener.name.NAME.KEY" overrides KEY for one listener. */
export interface ListenerKey {
  readonly listenerName: string;
  readonly baseKey: string;
}

// These are written as listener.name.NAME.MECHANISM.KEY.
const mechanismKeys: readonly string[] = [
  'sasl.jaas.config',
  'sasl.login.callback.handler.class',
  'sasl.login.class',
  'sasl.server.callback.handler.class',
  'connections.max.reauth.ms',
];

export function parseListenerKey(key: string): ListenerKey | undefined {
  const [, listenerName, rest] = /^listener\.name\.([^.]*)\.(.*)$/.exec(key) ?? [];
  if (listenerName === undefined || rest === undefined) return undefined;
  return { listenerName, baseKey: mechanismKeys.find((mechanismKey) => rest.endsWith(mechanismKey)) ?? rest };
}

/**
 * The keys under which a broker key's value may be found, the one that wins first
 * (DynamicBrokerConfig.brokerConfigSynonyms). `withBase`: a listener's key falls back to the key of all listeners.
 */
export function brokerSynonyms(key: string, { withBase = true } = {}): readonly string[] {
  // The scheduler's interval only stands in for log.flush.interval.ms, it is no other way to write it.
  if (key === 'log.flush.interval.ms') return topicSynonyms['flush.ms'];
  const family = families.find((members) => (members as readonly string[]).includes(key));
  if (family !== undefined) return family;
  const listenerKey = withBase ? parseListenerKey(key) : undefined;
  return listenerKey === undefined ? [key] : [key, listenerKey.baseKey];
}
