import type { BrokerConfig } from '../config/broker-config';
import type { LogConfig as TopicConfig } from '../config/log-config';
import type { Clock } from '../io/clock';
import { ReplicationQuota, throttledPartitions } from '../replication/replication-quota';

/** The throttles of replication on both sides and of moves between log directories, as the dynamic settings of brokers and topics have them (KIP-73). */
export class ReplicationThrottles {
  readonly leader: ReplicationQuota;
  readonly follower: ReplicationQuota;
  readonly alterLogDirs: ReplicationQuota;
  readonly #brokerId: number;

  constructor(clock: Clock, brokerId: number, config: BrokerConfig) {
    this.#brokerId = brokerId;
    const samples = config.get('replication.quota.window.num');
    const windowMs = config.get('replication.quota.window.size.seconds') * 1000;
    this.leader = new ReplicationQuota(clock, { samples, windowMs });
    this.follower = new ReplicationQuota(clock, { samples, windowMs });
    this.alterLogDirs = new ReplicationQuota(clock, {
      samples: config.get('alter.log.dirs.replication.quota.window.num'),
      windowMs: config.get('alter.log.dirs.replication.quota.window.size.seconds') * 1000,
    });
    const applyRates = (): void => {
      // Keys that are only ever set dynamically: they were checked when they came.
      const rate = (key: string): number => Number(config.properties.get(key) ?? Infinity);
      this.leader.bytesPerSecond = rate('leader.replication.throttled.rate');
      this.follower.bytesPerSecond = rate('follower.replication.throttled.rate');
      this.alterLogDirs.bytesPerSecond = rate('replica.alter.log.dirs.io.max.bytes.per.second');
    };
    applyRates();
    config.subscribe(applyRates);
  }

  topicConfigured(topic: string, config: TopicConfig): void {
    const { leaderReplicationThrottledReplicas, followerReplicationThrottledReplicas } = config;
    mark(this.leader, topic, throttledPartitions(leaderReplicationThrottledReplicas, this.#brokerId));
    mark(this.follower, topic, throttledPartitions(followerReplicationThrottledReplicas, this.#brokerId));
  }

  topicForgotten(topic: string): void {
    this.leader.removeThrottle(topic);
    this.follower.removeThrottle(topic);
  }
}

function mark(quota: ReplicationQuota, topic: string, partitions: 'all' | readonly number[]): void {
  if (partitions.length === 0) quota.removeThrottle(topic);
  else quota.markThrottled(topic, partitions);
}
