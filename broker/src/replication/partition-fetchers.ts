import type { TopicPartition } from '../log/topic-partition';
import type { Partition } from './partition';
import type { LeaderEndpoint } from './replica-fetcher-options';

/** A partition that this broker follows, and whom. */
export interface FollowedPartition {
  readonly partition: Partition;
  readonly leader: LeaderEndpoint;
}

/** What the ReplicaManager asks of the ReplicaFetcherManager. */
export interface PartitionFetchers {
  /** Begins to fetch from the leader, from where the log ends now. What was fetched from another leader is removed first. */
  add(partitions: readonly FollowedPartition[]): void;
  /** Resolves when nothing of them is fetched or written any more. */
  remove(partitions: Iterable<TopicPartition>): Promise<void>;
  shutdown(): Promise<void>;
}

/** For a broker that follows nobody. */
export const noFetchers: PartitionFetchers = {
  add: () => undefined,
  remove: () => Promise.resolve(),
  shutdown: () => Promise.resolve(),
};
