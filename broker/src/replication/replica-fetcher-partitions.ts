import type { Clock } from '../io/clock';
import { partitionName } from '../log/topic-partition';
import type { FetchSessionHandler } from './fetch-session-handler';
import type { FollowerPartition, ReplicaFetcherOptions } from './replica-fetcher-options';
import type { FetcherPause } from './replica-fetcher-pause';
import { PartitionFetchState } from './replica-fetcher-state';

/** How often it is looked at whether what requests say of partitions has changed by itself. */
const requestCheckMs = 500;

/**
 * The partitions of a fetcher (Kafka's PartitionStates, and its delays): which of them are in the next request, which
 * have to be looked at before, and which are left alone for a while.
 */
export class FetcherPartitions<P extends FollowerPartition> {
  readonly #clock: Clock;
  readonly #options: ReplicaFetcherOptions<P>;
  readonly #session: FetchSessionHandler;
  readonly #pause: FetcherPause;
  readonly #states = new Map<string, PartitionFetchState<P>>();
  /** Those that are not just being fetched: what a step has to look at. */
  readonly #attention = new Set<PartitionFetchState<P>>();
  /** Left out of requests by the quota. */
  readonly #throttled = new Set<PartitionFetchState<P>>();
  #requestsCheckedMs = 0;

  constructor(clock: Clock, options: ReplicaFetcherOptions<P>, session: FetchSessionHandler, pause: FetcherPause) {
    this.#clock = clock;
    this.#options = options;
    this.#session = session;
    this.#pause = pause;
  }

  get size(): number {
    return this.#states.size;
  }

  values(): Iterable<PartitionFetchState<P>> {
    return this.#states.values();
  }

  get(key: string): PartitionFetchState<P> | undefined {
    return this.#states.get(key);
  }

  /** Those that need something else than the next request. */
  get attention(): ReadonlySet<PartitionFetchState<P>> {
    return this.#attention;
  }

  /** Those of `attention` in a state of which something is to be asked now. */
  inState(wanted: 'truncating' | 'outOfRange'): PartitionFetchState<P>[] {
    const chosen: PartitionFetchState<P>[] = [];
    for (const state of this.#attention) {
      if (state.state !== wanted || state.isDelayed || state.busy !== undefined) continue;
      if (state.isCurrent) chosen.push(state);
      else this.delay(state);
    }
    return chosen;
  }

  /** Whether anything may be done now, by asking the leader. */
  get hasWork(): boolean {
    if (this.#session.size > 0 || this.#throttled.size > 0) return true;
    for (const state of this.#attention) if (!state.isDelayed && state.busy === undefined) return true;
    return false;
  }

  // --- they come and go ---

  /** `after`: something is still being written to the partition's log, for another fetcher. */
  add(partition: P, after: Promise<void> | undefined): void {
    const key = partitionName(partition);
    const old = this.#states.get(key);
    if (old !== undefined) {
      if (old.leaderEpoch === partition.leaderEpoch && old.partition === partition) return;
      this.takeOut(old);
    }
    const state = new PartitionFetchState(partition);
    this.#states.set(key, state);
    this.#attention.add(state);
    const writing = old?.busy ?? after;
    if (writing !== undefined) this.hold(state, writing);
    this.#pause.wake();
  }

  takeOut(state: PartitionFetchState<P>): void {
    state.isRemoved = true;
    this.#states.delete(state.key);
    this.#attention.delete(state);
    this.#throttled.delete(state);
    this.#session.forget(state.key);
  }

  /** Takes all of them out; returns what is still being written. */
  takeAllOut(): Promise<void>[] {
    const writing: Promise<void>[] = [];
    for (const state of [...this.#states.values()]) {
      this.takeOut(state);
      if (state.busy !== undefined) writing.push(state.busy);
    }
    return writing;
  }

  // --- when what is done ---

  attend(state: PartitionFetchState<P>): void {
    if (!state.isRemoved) this.#attention.add(state);
  }

  /** Leaves it alone for replica.fetch.backoff.ms. */
  delay(state: PartitionFetchState<P>, atMostMs = Infinity): void {
    if (state.isRemoved || state.isDelayed) return;
    state.delayedUntilMs = this.#clock.monotonicMs() + Math.min(this.#options.fetchBackoffMs, atMostMs);
    this.#session.forget(state.key);
    this.attend(state);
  }

  delayAll(): void {
    for (const state of this.#states.values()) this.delay(state);
  }

  endDelays(): void {
    const now = this.#clock.monotonicMs();
    for (const state of this.#attention) {
      if (state.delayedUntilMs === undefined || state.delayedUntilMs > now) continue;
      state.delayedUntilMs = undefined;
      this.settle(state);
    }
  }

  /** Milliseconds. */
  get untilDelaysEnd(): number {
    const now = this.#clock.monotonicMs();
    let first = this.#throttled.size > 0 ? now + this.#options.fetchBackoffMs : Infinity;
    for (const { delayedUntilMs } of this.#attention) first = Math.min(first, delayedUntilMs ?? Infinity);
    return first - now;
  }

  /** After anything has happened to it: it is in the next request, or it needs attention. */
  settle(state: PartitionFetchState<P>): void {
    if (state.isRemoved) return;
    if (state.isReadyForFetch) {
      this.#attention.delete(state);
      this.#session.want(state.key, state.request(this.#options.fetchMaxBytes));
    } else {
      this.#attention.add(state);
    }
  }

  /** Nothing else is done for it until what is being written is written. */
  hold(state: PartitionFetchState<P>, writing: Promise<void>): void {
    this.#attention.add(state);
    const busy: Promise<void> = writing.then(() => {
      if (state.busy === busy) {
        state.busy = undefined;
        state.isLate = false;
      }
      this.settle(state);
      this.#pause.wake();
    });
    state.busy = busy;
  }

  /** Whether others wait for something that is being written. */
  get isWriting(): boolean {
    for (const { busy, isLate, partition } of this.#attention) {
      if (busy !== undefined && !isLate && !partition.log.directory.hangs) return true;
    }
    return false;
  }

  /** Those that are being written are waited for no more: they are left out of requests until they are done. */
  leaveOutLate(): void {
    for (const state of this.#attention) {
      if (state.busy === undefined || state.isLate) continue;
      state.isLate = true;
      this.#session.forget(state.key);
    }
  }

  /** Throttled partitions that are behind are left out while the quota is exceeded; those in sync would leave the ISR. */
  throttle(): void {
    const { quota } = this.#options;
    if (quota === undefined) return;
    const isExceeded = quota.isQuotaExceeded();
    if (!isExceeded && this.#throttled.size === 0) return;
    for (const state of this.#states.values()) {
      if (!state.isReadyForFetch) continue;
      if (isExceeded && !state.isReplicaInSync && quota.isThrottled(state.partition)) {
        this.#throttled.add(state);
        this.#session.forget(state.key);
      } else if (this.#throttled.delete(state)) {
        this.settle(state);
      }
    }
  }

  /** Retention moves log start offsets too, and a topic may be given its id later: the leader has to know. */
  checkRequests(): void {
    const now = this.#clock.monotonicMs();
    if (now - this.#requestsCheckedMs < requestCheckMs) return;
    this.#requestsCheckedMs = now;
    for (const state of this.#states.values()) {
      const wanted = this.#session.wanted(state.key);
      if (wanted === undefined) continue;
      const isOld = wanted.logStartOffset !== state.partition.log.logStartOffset || wanted.topicId !== state.topicId;
      if (isOld) this.settle(state);
    }
  }
}
