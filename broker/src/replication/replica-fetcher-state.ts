import { zeroUuid } from '../protocol/uuid';
import { partitionName } from '../log/topic-partition';
import type { FetchPartition } from './fetch-session-handler';
import type { FollowerPartition } from './replica-fetcher-options';

/**
 * What a fetcher does for a partition (Kafka's ReplicaState).
 * - `initial`: to be looked at once the leader's versions are known.
 * - `truncating`: where the follower's history parts from the leader's is to be found out first.
 * - `fetching`
 * - `outOfRange`: the leader's log does not have the offset; its start and end are to be asked for.
 */
export type ReplicaState = 'initial' | 'truncating' | 'fetching' | 'outOfRange';

/** A partition in a fetcher (Kafka's PartitionFetchState), for one leader epoch. */
export class PartitionFetchState<P extends FollowerPartition = FollowerPartition> {
  readonly key: string;
  readonly leaderEpoch: number;
  state: ReplicaState = 'initial';
  fetchOffset = 0;
  /** Epoch of the last record before `fetchOffset`. */
  lastFetchedEpoch: number | undefined;
  /** Records behind the leader's high watermark; `undefined` until the leader has answered. */
  lag: number | undefined;
  /** Monotonic time until which it is left alone after an error. */
  delayedUntilMs: number | undefined;
  /** Something is being written to its log; never rejects. */
  busy: Promise<void> | undefined;
  /** Others go on without it while it is busy. */
  isLate = false;
  /** Taken out of its fetcher, or failed: nothing more is to be done to it. */
  isRemoved = false;
  /** Its history is known to be the leader's up to `fetchOffset`. */
  isVerified = false;
  /** The leader has answered well: it knows of its role. */
  isServed = false;
  /** How often the leader was asked again soon, because it had not heard of its role yet. */
  quickRetries = 0;
  /** The error that was last logged, and when: the same one is not logged each time. */
  loggedError = 0;
  loggedErrorMs = -Infinity;

  constructor(readonly partition: P) {
    this.key = partitionName(partition);
    this.leaderEpoch = partition.leaderEpoch;
  }

  get topicId(): string {
    return this.partition.topicId ?? zeroUuid;
  }

  get isDelayed(): boolean {
    return this.delayedUntilMs !== undefined;
  }

  get isReadyForFetch(): boolean {
    return this.state === 'fetching' && !this.isDelayed && this.busy === undefined && !this.isRemoved;
  }

  get isReplicaInSync(): boolean {
    return this.lag !== undefined && this.lag <= 0;
  }

  /** The role that this was made for is still the partition's. */
  get isCurrent(): boolean {
    const { partition } = this;
    return !this.isRemoved && !partition.isLeader && !partition.isOffline && partition.leaderEpoch === this.leaderEpoch;
  }

  /** What the log has below the offset is the leader's, as far as is known. */
  fetchFrom(offset: number): void {
    this.state = 'fetching';
    this.fetchOffset = offset;
    this.lastFetchedEpoch = this.partition.log.latestEpoch;
  }

  request(maxBytes: number): FetchPartition {
    const { topic, partition, log } = this.partition;
    return {
      topic,
      partition,
      topicId: this.topicId,
      currentLeaderEpoch: this.leaderEpoch,
      fetchOffset: this.fetchOffset,
      lastFetchedEpoch: this.lastFetchedEpoch ?? -1,
      logStartOffset: log.logStartOffset,
      maxBytes,
    };
  }

  /** Whether the leader was asked, in `requested`, for what is next now. */
  isAnsweredBy(requested: FetchPartition): boolean {
    return (
      this.isReadyForFetch &&
      requested.fetchOffset === this.fetchOffset &&
      requested.currentLeaderEpoch === this.leaderEpoch &&
      // A topic may be given its id while it is asked for by name.
      (requested.topicId === this.topicId || requested.topicId === zeroUuid)
    );
  }
}
