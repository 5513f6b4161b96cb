import type { Io } from '../io/io';
import { partitionName, type TopicPartition } from '../log/topic-partition';
import type { Logger } from '../logging/logger';
import { BufferPool } from '../network/buffer-pool';
import { javaStringHash } from '../protocol/java-string-hash';
import { type FetcherOwner, ReplicaFetcher } from './replica-fetcher';
import type { FollowerPartition, LeaderEndpoint, ReplicaFetcherOptions } from './replica-fetcher-options';
import type { ReplicaState } from './replica-fetcher-state';

export type {
  FollowerPartition,
  FollowerQuota,
  LeaderConnection,
  LeaderEndpoint,
  ReplicaFetcherOptions,
} from './replica-fetcher-options';

/** Memory of answers that is kept for the next ones, bytes. */
const mostFreeBytes = 64 * 1024 * 1024;

/** How far a partition is that is being fetched. */
export interface FetchProgress {
  readonly leaderId: number;
  readonly leaderEpoch: number;
  readonly state: ReplicaState;
  readonly isDelayed: boolean;
  /** Its log is being written to, or cut. */
  readonly isBusy: boolean;
  readonly fetchOffset: number;
  /** Records behind the leader's high watermark; `undefined` until the leader has answered. */
  readonly lag: number | undefined;
}

/**
 * The follower side of replication: which fetcher follows which partition (Kafka's ReplicaFetcherManager). Each leader has
 * num.replica.fetchers of them at most, made when they are needed and closed when they have had nothing to do for a while.
 */
export class ReplicaFetcherManager<P extends FollowerPartition = FollowerPartition> {
  readonly #io: Io;
  readonly #logger: Logger;
  readonly #options: ReplicaFetcherOptions<P>;
  readonly #fetchers = new Map<string, ReplicaFetcher<P>>();
  /** By partition. */
  readonly #assigned = new Map<string, ReplicaFetcher<P>>();
  readonly #failed = new Set<string>();
  /** Writing that goes on for partitions that were taken away, by partition. */
  readonly #settling = new Map<string, Promise<void>>();
  readonly #closing = new Set<Promise<void>>();
  /** Answers lie in it, up to 16 MiB each. */
  readonly #pool = new BufferPool(mostFreeBytes, 24);
  #numFetchers: number;
  #isClosed = false;

  constructor(io: Io, logger: Logger, options: ReplicaFetcherOptions<P>) {
    this.#io = io;
    this.#logger = logger.child('ReplicaFetcherManager');
    this.#options = options;
    this.#numFetchers = options.numFetchers;
  }

  /** Partitions that are followed. */
  get partitionCount(): number {
    return this.#assigned.size;
  }

  get fetcherCount(): number {
    return this.#fetchers.size;
  }

  /** Partitions that cannot be followed until the controller gives them a new role: a failed disk, a fenced epoch. */
  get failedPartitions(): readonly string[] {
    return [...this.#failed];
  }

  /** The largest number of records that a partition is behind its leader's high watermark. */
  get maxLag(): number {
    let largest = 0;
    for (const fetcher of this.#fetchers.values()) largest = Math.max(largest, fetcher.maxLag);
    return largest;
  }

  progress(of: TopicPartition): FetchProgress | undefined {
    const key = partitionName(of);
    const fetcher = this.#assigned.get(key);
    const state = fetcher?.state(key);
    if (fetcher === undefined || state === undefined) return undefined;
    const { leaderEpoch, isDelayed, fetchOffset, lag } = state;
    const isBusy = state.busy !== undefined;
    return { leaderId: fetcher.leader.id, leaderEpoch, state: state.state, isDelayed, isBusy, fetchOffset, lag };
  }

  /**
   * Follows the leader of each partition, in the leader epoch that the partition has now. One that is followed already, in
   * another epoch or from another broker, is taken over; what is the same goes on.
   */
  add(partitions: readonly { readonly partition: P; readonly leader: LeaderEndpoint }[]): void {
    if (this.#isClosed) return;
    const counts = new Map<number, number>();
    for (const { partition, leader } of partitions) {
      const key = partitionName(partition);
      this.#failed.delete(key);
      const fetcher = this.#fetcherOf(leader, partition);
      const old = this.#assigned.get(key);
      if (old !== undefined && old !== fetcher) this.#takeFrom(old, key);
      this.#assigned.set(key, fetcher);
      fetcher.add(partition, this.#settling.get(key));
      counts.set(leader.id, (counts.get(leader.id) ?? 0) + 1);
    }
    for (const [id, count] of counts) this.#logger.info(`Broker ${id} is now followed for ${count} partitions.`);
  }

  /** Follows them no more. Resolves when nothing is being written to their logs any more. */
  async remove(partitions: Iterable<TopicPartition>): Promise<void> {
    const writing: Promise<void>[] = [];
    let removed = 0;
    for (const partition of partitions) {
      const key = partitionName(partition);
      this.#failed.delete(key);
      const fetcher = this.#assigned.get(key);
      if (fetcher !== undefined) {
        this.#assigned.delete(key);
        this.#takeFrom(fetcher, key);
        removed++;
      }
      const settling = this.#settling.get(key);
      if (settling !== undefined) writing.push(settling);
    }
    if (removed > 0) this.#logger.info(`${removed} partitions are not followed any more.`);
    await Promise.all(writing);
  }

  /** num.replica.fetchers has changed: partitions move to the fetcher that they belong to now. */
  resize(numFetchers: number): void {
    if (numFetchers === this.#numFetchers) return;
    this.#logger.info(`num.replica.fetchers changes from ${this.#numFetchers} to ${numFetchers}.`);
    this.#numFetchers = numFetchers;
    const all = [...this.#fetchers.values()].flatMap((fetcher) =>
      [...fetcher.states()].map(({ partition }) => ({ partition, leader: fetcher.leader })),
    );
    this.add(all);
  }

  async shutdown(): Promise<void> {
    this.#isClosed = true;
    for (const [name, fetcher] of this.#fetchers) this.#close(name, fetcher);
    this.#assigned.clear();
    await Promise.all([...this.#closing, ...this.#settling.values()]);
  }

  #takeFrom(fetcher: ReplicaFetcher<P>, key: string): void {
    const writing = fetcher.remove(key);
    if (writing === undefined) return;
    const settling: Promise<void> = Promise.all([writing, this.#settling.get(key)]).then(() => {
      if (this.#settling.get(key) === settling) this.#settling.delete(key);
    });
    this.#settling.set(key, settling);
  }

  #fetcherOf(leader: LeaderEndpoint, partition: TopicPartition): ReplicaFetcher<P> {
    const fetcherId = fetcherIdOf(partition, this.#numFetchers);
    const name = `${leader.id}-${fetcherId}`;
    const known = this.#fetchers.get(name);
    if (known !== undefined) {
      if (known.leader.host === leader.host && known.leader.port === leader.port) return known;
      // The broker listens elsewhere now, for all of its partitions.
      this.#fetchers.delete(name);
    }
    const owner: FetcherOwner = {
      failed: (key) => {
        if (this.#assigned.get(key) !== fetcher) return;
        this.#assigned.delete(key);
        this.#failed.add(key);
      },
      idle: () => this.#close(name, fetcher),
    };
    const logger = this.#logger.child(`ReplicaFetcher-${fetcherId}-${leader.id}`);
    const fetcher: ReplicaFetcher<P> = new ReplicaFetcher(
      this.#io,
      logger,
      leader,
      fetcherId,
      this.#options,
      owner,
      this.#pool,
    );
    this.#fetchers.set(name, fetcher);
    if (known !== undefined) this.#moveAll(name, known, fetcher);
    return fetcher;
  }

  #moveAll(name: string, from: ReplicaFetcher<P>, to: ReplicaFetcher<P>): void {
    for (const { key, partition } of [...from.states()]) {
      this.#takeFrom(from, key);
      this.#assigned.set(key, to);
      to.add(partition, this.#settling.get(key));
    }
    this.#close(name, from);
  }

  #close(name: string, fetcher: ReplicaFetcher<P>): void {
    if (this.#fetchers.get(name) === fetcher) this.#fetchers.delete(name);
    const closing: Promise<void> = fetcher.shutdown().finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }
}

/** Which of a leader's fetchers a partition belongs to; the same as in Kafka. */
export function fetcherIdOf({ topic, partition }: TopicPartition, numFetchers: number): number {
  const hash = (Math.imul(31, javaStringHash(topic)) + partition) | 0;
  return (hash === -0x80000000 ? 0 : Math.abs(hash)) % numFetchers;
}
