import type { Timer } from '../io/clock';
import type { Io } from '../io/io';
import { partitionName } from '../log/topic-partition';
import { ListOffsetsTimestamp } from '../log/timestamp-and-offset';
import type { Logger } from '../logging/logger';
import type { BufferPool } from '../network/buffer-pool';
import { ErrorCode, errorName, type KafkaError } from '../protocol/errors';
import type { FetchResponse } from '../protocol/messages/fetch';
import { type FetchPartition, FetchSessionHandler } from './fetch-session-handler';
import { appendAsFollower, asKafkaError, followWatermarks } from './replica-fetcher-append';
import { PartitionErrorLog } from './replica-fetcher-error-log';
import { LeaderClosedError, type LeaderOffset, RemoteLeaderEndPoint } from './replica-fetcher-leader';
import type { FollowerPartition, LeaderEndpoint, ReplicaFetcherOptions } from './replica-fetcher-options';
import { PartitionFetchState } from './replica-fetcher-state';
import { type TruncationOffset, truncationOffset } from './replica-fetcher-truncation';

type PartitionData = FetchResponse['responses'][number]['partitions'][number];

/** What a fetcher tells its manager. */
export interface FetcherOwner {
  /** A partition cannot be followed until the controller gives it a new role. */
  failed(key: string): void;
  /** Nothing has been left to fetch for a while. */
  idle(): void;
}

/** How long the other partitions wait for one whose disk is slow, before they go on without it. */
const slowDiskMs = 100;
/** Answers that slow disks hold in memory; beyond that everything waits. */
const maxHeldAnswers = 4;
/** A leader that is still away is told of again after so long. */
const stillAwayMs = 60_000;
/** How often it is looked at whether what requests say of partitions has changed by itself. */
const requestCheckMs = 500;
/**
 * A new role is told to leader and followers at the same time. A follower that was first asks again soon, and soon
 * again: whoever produces to a new topic waits for it.
 */
const firstQuickRetryMs = 20;
const quickRetries = 5;

/**
 * Follows one leader for some of its partitions, over one connection with one Fetch on the way (Kafka's
 * ReplicaFetcherThread). What an answer brings is appended in the turn that it comes in, and the next Fetch leaves with
 * it, unless a disk has to be waited for.
 */
export class ReplicaFetcher<P extends FollowerPartition> {
  readonly leader: LeaderEndpoint;
  readonly #io: Io;
  readonly #logger: Logger;
  readonly #options: ReplicaFetcherOptions<P>;
  readonly #owner: FetcherOwner;
  readonly #endpoint: RemoteLeaderEndPoint;
  readonly #session = new FetchSessionHandler();
  readonly #states = new Map<string, PartitionFetchState<P>>();
  /** Those that are not just being fetched: what a step has to look at. */
  readonly #attention = new Set<PartitionFetchState<P>>();
  /** Left out of requests by the quota. */
  readonly #throttled = new Set<PartitionFetchState<P>>();
  readonly #errors: PartitionErrorLog;
  readonly #running: Promise<void>;
  #isClosed = false;
  #wakeUp: (() => void) | undefined;
  #isWoken = false;
  #heldAnswers = 0;
  #badSessions = 0;
  #failedAttempts = 0;
  #failingSinceMs = 0;
  #toldMs = 0;
  #requestsCheckedMs = 0;
  #bytesIn = 0;

  constructor(
    io: Io,
    logger: Logger,
    leader: LeaderEndpoint,
    fetcherId: number,
    options: ReplicaFetcherOptions<P>,
    owner: FetcherOwner,
    pool: BufferPool,
  ) {
    this.leader = leader;
    this.#io = io;
    this.#logger = logger;
    this.#options = options;
    this.#owner = owner;
    this.#endpoint = new RemoteLeaderEndPoint(
      leader,
      `broker-${options.brokerId}-fetcher-${fetcherId}`,
      options as unknown as ReplicaFetcherOptions,
      pool,
    );
    this.#errors = new PartitionErrorLog(logger, leader.id, () => this.#now());
    this.#running = this.#run();
  }

  get partitionCount(): number {
    return this.#states.size;
  }

  /** Record bytes that were appended. */
  get bytesIn(): number {
    return this.#bytesIn;
  }

  get maxLag(): number {
    let largest = 0;
    for (const { lag } of this.#states.values()) if (lag !== undefined && lag > largest) largest = lag;
    return largest;
  }

  states(): Iterable<PartitionFetchState<P>> {
    return this.#states.values();
  }

  state(key: string): PartitionFetchState<P> | undefined {
    return this.#states.get(key);
  }

  // --- partitions come and go ---

  /** `after`: something is still being written to the partition's log, for another fetcher. */
  add(partition: P, after: Promise<void> | undefined): void {
    const key = partitionName(partition);
    const old = this.#states.get(key);
    if (old !== undefined) {
      if (old.leaderEpoch === partition.leaderEpoch && old.partition === partition) return;
      this.#takeOut(old);
    }
    const state = new PartitionFetchState(partition);
    this.#states.set(key, state);
    this.#attention.add(state);
    const writing = old?.busy ?? after;
    if (writing !== undefined) this.#hold(state, writing);
    this.#wake();
  }

  /** Nothing new is begun for the partition; resolves when nothing is being written to its log any more. */
  remove(key: string): Promise<void> | undefined {
    const state = this.#states.get(key);
    if (state === undefined) return undefined;
    this.#takeOut(state);
    this.#wake();
    return state.busy;
  }

  #takeOut(state: PartitionFetchState<P>): void {
    state.isRemoved = true;
    this.#states.delete(state.key);
    this.#attention.delete(state);
    this.#throttled.delete(state);
    this.#session.forget(state.key);
  }

  /** Closes the connection, and resolves when nothing is being written any more. */
  async shutdown(): Promise<void> {
    this.#isClosed = true;
    this.#endpoint.close();
    this.#wake();
    const writing: Promise<void>[] = [];
    for (const state of [...this.#states.values()]) {
      this.#takeOut(state);
      if (state.busy !== undefined) writing.push(state.busy);
    }
    await Promise.all(writing);
    await this.#running;
  }

  // --- the loop ---

  async #run(): Promise<void> {
    // Partitions are added in the turn that this is made in.
    await Promise.resolve();
    while (!this.#isClosed) {
      try {
        await this.#step();
      } catch (error) {
        if (this.#isClosed) break;
        this.#logger.error(`Following broker ${this.leader.id} failed unexpectedly; it is tried again.`, { error });
        this.#session.beginAnew();
        this.#delayAll();
        await this.#pause(this.#options.fetchBackoffMs);
      }
    }
  }

  async #step(): Promise<void> {
    if (this.#states.size === 0) {
      await this.#pause(Math.max(1000, this.#options.fetchBackoffMs));
      if (this.#states.size === 0 && !this.#isClosed) this.#owner.idle();
      return;
    }
    this.#endDelays();
    if (!this.#hasWork()) {
      await this.#pause(this.#untilDelaysEnd());
      return;
    }
    if (!this.#endpoint.isConnected && !(await this.#connect())) return;
    if (this.#attention.size > 0) {
      this.#begin();
      await this.#askForEpochs();
      await this.#askForOffsets();
      await this.#letSlowDisksBe();
      if (this.#isClosed || this.#inState('truncating').length > 0) return;
    }
    this.#throttle();
    this.#checkRequests();
    const request = this.#endpoint.isConnected ? this.#session.next() : undefined;
    if (request === undefined) {
      await this.#pause(this.#untilDelaysEnd());
      return;
    }
    const version = this.#endpoint.fetchVersion(request.usesTopicIds);
    let response: FetchResponse;
    let release: () => void;
    try {
      ({ response, release } = await this.#endpoint.fetch(request, version));
    } catch (error) {
      this.#leaderFailed(error);
      return;
    }
    this.#leaderAnswered();
    const problem = this.#session.handleResponse(response, version);
    if (problem === undefined) {
      this.#badSessions = 0;
      this.#process(response, version, release);
      await this.#letSlowDisksBe();
    } else {
      release();
      await this.#sessionFailed(problem, response);
    }
    if (response.throttleTimeMs > 0 && !this.#isClosed) await this.#pauseFor(response.throttleTimeMs);
  }

  async #connect(): Promise<boolean> {
    try {
      await this.#endpoint.connect();
    } catch (error) {
      this.#leaderFailed(error);
      return false;
    }
    this.#session.beginAnew();
    if (!this.#endpoint.truncatesOnFetch) {
      // Another leader than before, an older one: what would have been found out by fetching has to be asked for.
      for (const state of this.#states.values()) {
        if (state.state === 'fetching' && !state.isVerified && state.busy === undefined) {
          state.state = 'initial';
          this.#attend(state);
        }
      }
    }
    return true;
  }

  #leaderFailed(error: unknown): void {
    if (this.#isClosed || error instanceof LeaderClosedError) return;
    this.#endpoint.disconnect();
    this.#session.beginAnew();
    const { id, host, port } = this.leader;
    const now = this.#now();
    const why = error instanceof Error ? error.message : String(error);
    if (this.#failedAttempts++ === 0) {
      this.#failingSinceMs = this.#toldMs = now;
      this.#logger.warn(
        `Fetching from broker ${id} at ${host}:${port} failed: ${why} Its ${this.#states.size} partitions are tried ` +
          `again every ${this.#options.fetchBackoffMs} ms.`,
      );
    } else if (now - this.#toldMs >= stillAwayMs) {
      this.#toldMs = now;
      const seconds = Math.round((now - this.#failingSinceMs) / 1000);
      this.#logger.warn(
        `Broker ${id} at ${host}:${port} has not answered ${this.#failedAttempts} times in ${seconds} s: ${why}`,
      );
    }
    this.#delayAll();
  }

  #leaderAnswered(): void {
    if (this.#failedAttempts === 0) return;
    const seconds = Math.round((this.#now() - this.#failingSinceMs) / 1000);
    this.#logger.info(
      `Broker ${this.leader.id} answers again, after ${this.#failedAttempts} failures in ${seconds} s.`,
    );
    this.#failedAttempts = 0;
  }

  async #sessionFailed(problem: string, response: FetchResponse): Promise<void> {
    this.#logger.info(`Broker ${this.leader.id} could not go on with the fetch session: ${problem}; another is begun.`);
    // Once is usual (the leader has dropped the session); a leader that says so again and again must not be hurried.
    if (response.errorCode === ErrorCode.FETCH_SESSION_TOPIC_ID_ERROR || ++this.#badSessions > 1) {
      this.#delayAll();
      await this.#pause(this.#options.fetchBackoffMs);
    }
  }

  // --- when what is done ---

  #now(): number {
    return this.#io.clock.monotonicMs();
  }

  /** Whether anything may be done now, by asking the leader. */
  #hasWork(): boolean {
    if (this.#session.size > 0 || this.#throttled.size > 0) return true;
    for (const state of this.#attention) if (!state.isDelayed && state.busy === undefined) return true;
    return false;
  }

  #attend(state: PartitionFetchState<P>): void {
    if (!state.isRemoved) this.#attention.add(state);
  }

  #delay(state: PartitionFetchState<P>, atMostMs = Infinity): void {
    if (state.isRemoved || state.isDelayed) return;
    state.delayedUntilMs = this.#now() + Math.min(this.#options.fetchBackoffMs, atMostMs);
    this.#session.forget(state.key);
    this.#attend(state);
  }

  #delayAll(): void {
    for (const state of this.#states.values()) this.#delay(state);
  }

  #endDelays(): void {
    const now = this.#now();
    for (const state of this.#attention) {
      if (state.delayedUntilMs === undefined || state.delayedUntilMs > now) continue;
      state.delayedUntilMs = undefined;
      this.#settle(state);
    }
  }

  #untilDelaysEnd(): number {
    let first = this.#throttled.size > 0 ? this.#now() + this.#options.fetchBackoffMs : Infinity;
    for (const { delayedUntilMs } of this.#attention) first = Math.min(first, delayedUntilMs ?? Infinity);
    return first - this.#now();
  }

  /** After anything has happened to it: it is in the next request, or it needs attention. */
  #settle(state: PartitionFetchState<P>): void {
    if (state.isRemoved) return;
    if (state.isReadyForFetch) {
      this.#attention.delete(state);
      this.#session.want(state.key, state.request(this.#options.fetchMaxBytes));
    } else {
      this.#attention.add(state);
    }
  }

  /** Nothing else is done for it until what is being written is written. */
  #hold(state: PartitionFetchState<P>, writing: Promise<void>): void {
    this.#attention.add(state);
    const busy: Promise<void> = writing.then(() => {
      if (state.busy === busy) {
        state.busy = undefined;
        state.isLate = false;
      }
      this.#settle(state);
      this.#wake();
    });
    state.busy = busy;
  }

  #wake(): void {
    this.#isWoken = true;
    this.#wakeUp?.();
  }

  /** Until something happens, at most so long. */
  async #pause(ms: number): Promise<void> {
    if (this.#isClosed) return;
    if (!this.#isWoken) {
      let timer: Timer | undefined;
      await new Promise<void>((resolve) => {
        this.#wakeUp = resolve;
        timer = this.#io.clock.timer(ms, resolve);
      });
      timer?.cancel();
      this.#wakeUp = undefined;
    }
    this.#isWoken = false;
  }

  /** So long, unless it is shut down. */
  async #pauseFor(ms: number): Promise<void> {
    const end = this.#now() + ms;
    for (let left = ms; left > 0 && !this.#isClosed; left = end - this.#now()) {
      this.#isWoken = false;
      await this.#pause(left);
    }
    this.#isWoken = true;
  }

  /**
   * Waits a little for what is being written; partitions whose disk takes longer are left out of the next requests, and
   * are not waited for again.
   */
  async #letSlowDisksBe(): Promise<void> {
    const isWriting = () => {
      for (const { busy, isLate } of this.#attention) if (busy !== undefined && !isLate) return true;
      return false;
    };
    const end = this.#now() + slowDiskMs;
    while (!this.#isClosed) {
      let left = Infinity;
      if (this.#heldAnswers < maxHeldAnswers) {
        left = end - this.#now();
        if (left <= 0 || !isWriting()) break;
      }
      this.#isWoken = false;
      await this.#pause(left);
      this.#isWoken = true;
    }
    for (const state of this.#attention) {
      if (state.busy === undefined || state.isLate) continue;
      state.isLate = true;
      this.#session.forget(state.key);
    }
  }

  /** Throttled partitions that are behind are left out while the quota is exceeded; those in sync would leave the ISR. */
  #throttle(): void {
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
        this.#settle(state);
      }
    }
  }

  /** Retention moves log start offsets too, and a topic may be given its id later: the leader has to know. */
  #checkRequests(): void {
    const now = this.#now();
    if (now - this.#requestsCheckedMs < requestCheckMs) return;
    this.#requestsCheckedMs = now;
    for (const state of this.#states.values()) {
      const wanted = this.#session.wanted(state.key);
      if (wanted === undefined) continue;
      const isOld = wanted.logStartOffset !== state.partition.log.logStartOffset || wanted.topicId !== state.topicId;
      if (isOld) this.#settle(state);
    }
  }

  // --- before a partition is fetched ---

  /** Decides of new partitions whether their history is to be looked into first. */
  #begin(): void {
    for (const state of [...this.#attention]) {
      if (state.state !== 'initial' || state.isDelayed || state.busy !== undefined) continue;
      const { log } = state.partition;
      if (this.#endpoint.truncatesOnFetch && log.latestEpoch !== undefined) {
        state.state = 'fetching';
        state.fetchOffset = log.logEndOffset;
        state.lastFetchedEpoch = log.latestEpoch;
      } else {
        state.state = 'truncating';
        state.fetchOffset = log.highWatermark;
      }
      this.#settle(state);
    }
  }

  #inState(wanted: 'truncating' | 'outOfRange'): PartitionFetchState<P>[] {
    const chosen: PartitionFetchState<P>[] = [];
    for (const state of this.#attention) {
      if (state.state !== wanted || state.isDelayed || state.busy !== undefined) continue;
      if (state.isCurrent) chosen.push(state);
      else this.#delay(state);
    }
    return chosen;
  }

  /** Where the leader's log and this one part: by epochs, or, where there are none, at the high watermark. */
  async #askForEpochs(): Promise<void> {
    const questions: (PartitionQuestion<P> & { readonly leaderEpoch: number })[] = [];
    for (const state of this.#inState('truncating')) {
      const leaderEpoch = state.partition.log.latestEpoch;
      if (leaderEpoch !== undefined && this.#endpoint.knowsLeaderEpochs) {
        questions.push({ ...questionOf(state), leaderEpoch });
      } else {
        const why = 'no leader epoch is known, and above its high watermark it may differ from the leader';
        this.#truncate(state, { offset: state.fetchOffset, completed: true, why });
      }
    }
    if (questions.length === 0) return;
    let answers: LeaderOffset[];
    try {
      answers = await this.#endpoint.epochEndOffsets(questions);
    } catch (error) {
      this.#leaderFailed(error);
      return;
    }
    this.#leaderAnswered();
    questions.forEach(({ state }, i) => {
      if (state.state !== 'truncating' || state.busy !== undefined || !state.isCurrent) return;
      const answer = answers[i];
      if (answer.errorCode === ErrorCode.NONE) {
        this.#truncate(state, truncationOffset(state.partition.log, answer, state.fetchOffset));
      } else {
        this.#partitionFailed(state, answer.errorCode);
      }
    });
    this.#errors.flush();
  }

  /** The leader's log does not have the offset: it ends before it, or begins after it. */
  async #askForOffsets(): Promise<void> {
    const lost = this.#inState('outOfRange').map(questionOf);
    if (lost.length === 0 || !this.#endpoint.isConnected) return;
    const isStill = ({ state }: PartitionQuestion<P>) =>
      state.state === 'outOfRange' && !state.isDelayed && state.busy === undefined && state.isCurrent;
    try {
      const behind: PartitionQuestion<P>[] = [];
      const ends = await this.#endpoint.listOffsets(lost, ListOffsetsTimestamp.LATEST);
      lost.forEach((question, i) => {
        const { state } = question;
        const end = ends[i];
        if (!isStill(question)) return;
        if (end.errorCode !== ErrorCode.NONE) {
          this.#partitionFailed(state, end.errorCode);
        } else if (end.offset < state.partition.log.logEndOffset) {
          state.lag = 0;
          const why = `the leader's log ends at ${end.offset}`;
          this.#truncate(state, { offset: end.offset, completed: true, why });
        } else {
          state.lag = end.offset - state.partition.log.logEndOffset;
          behind.push(question);
        }
      });
      if (behind.length > 0) {
        const starts = await this.#endpoint.listOffsets(behind, ListOffsetsTimestamp.EARLIEST);
        behind.forEach((question, i) => {
          if (isStill(question)) this.#startAt(question.state, starts[i]);
        });
      }
    } catch (error) {
      this.#leaderFailed(error);
      return;
    }
    this.#leaderAnswered();
    this.#errors.flush();
  }

  #startAt(state: PartitionFetchState<P>, start: LeaderOffset): void {
    const { log } = state.partition;
    if (start.errorCode !== ErrorCode.NONE) {
      this.#partitionFailed(state, start.errorCode);
    } else if (start.offset > log.logEndOffset) {
      this.#logger.warn(
        `The log of ${state.key} ends at ${log.logEndOffset}, and the leader's begins at ${start.offset}: all of it is ` +
          `dropped, and it starts there.`,
      );
      this.#cut(state, () => log.truncateFullyAndStartAt(start.offset), start.offset, 'fetching');
    } else {
      this.#logger.info(
        `Offset ${state.fetchOffset} of ${state.key} was out of the leader's range, which it is not any more: fetching ` +
          `goes on at ${log.logEndOffset}.`,
      );
      this.#fetchFrom(state, log.logEndOffset);
      this.#delay(state);
    }
  }

  #truncate(state: PartitionFetchState<P>, { offset, completed, why }: TruncationOffset): void {
    const { log } = state.partition;
    if (offset < log.logEndOffset) {
      this.#logger.info(`The log of ${state.key} is cut from ${log.logEndOffset} to ${offset}: ${why}.`);
      if (offset < log.highWatermark) {
        this.#logger.warn(
          `The log of ${state.key} is cut at ${offset}, below its high watermark ${log.highWatermark}.`,
        );
      }
    }
    const next = completed || this.#endpoint.truncatesOnFetch ? 'fetching' : 'truncating';
    this.#cut(state, () => log.truncateTo(offset), offset, next, completed);
  }

  #cut(
    state: PartitionFetchState<P>,
    cut: () => Promise<unknown>,
    offset: number,
    next: 'fetching' | 'truncating',
    tellFutureReplica = false,
  ): void {
    this.#session.forget(state.key);
    const { fetchOffset, lastFetchedEpoch, state: before } = state;
    const done = cut().then(
      () => {
        this.#fetchFrom(state, offset);
        // A leader that sends this again and again for nothing must not be hurried.
        const isSame = state.fetchOffset === fetchOffset && state.lastFetchedEpoch === lastFetchedEpoch;
        if (isSame && before === 'fetching') this.#delay(state);
        state.state = next;
        if (next === 'fetching') state.isVerified = true;
        if (tellFutureReplica) this.#options.followerTruncated?.(state.partition, offset);
      },
      (error: unknown) => this.#writeFailed(state, asKafkaError(error), 'Cutting'),
    );
    this.#hold(state, done);
  }

  #fetchFrom(state: PartitionFetchState<P>, offset: number): void {
    state.state = 'fetching';
    state.fetchOffset = offset;
    state.lastFetchedEpoch = state.partition.log.latestEpoch;
  }

  // --- an answer ---

  #process(response: FetchResponse, version: number, release: () => void): void {
    const answer: Answer = { pending: 0, release };
    let isLost = false;
    for (const topic of response.responses) {
      const name = this.#session.topicName(topic, version);
      for (const data of topic.partitions) {
        const key = `${name}-${data.partitionIndex}`;
        const requested = this.#session.requested(key);
        const state = this.#states.get(key);
        // Some were removed, added anew, or cut since the request was sent: the leader must tell its news again.
        if (state === undefined || requested === undefined || !state.isAnsweredBy(requested)) {
          isLost = true;
        } else if (state.isCurrent) {
          this.#processPartition(state, requested, data, version, answer);
        } else {
          isLost = true;
          this.#delay(state);
        }
      }
    }
    if (isLost) this.#session.beginAnew();
    this.#errors.flush();
    if (answer.pending > 0) this.#heldAnswers++;
    else release();
  }

  #processPartition(
    state: PartitionFetchState<P>,
    requested: FetchPartition,
    data: PartitionData,
    version: number,
    answer: Answer,
  ): void {
    switch (data.errorCode) {
      case ErrorCode.NONE:
        if (version >= 12 && data.divergingEpoch.epoch >= 0) {
          const { epoch: leaderEpoch, endOffset: offset } = data.divergingEpoch;
          // The high watermark in this answer must not be taken before the cut, and a leader tells it once a session.
          this.#session.beginAnew();
          this.#truncate(state, truncationOffset(state.partition.log, { leaderEpoch, offset }, state.fetchOffset));
        } else {
          state.isVerified = true;
          state.isServed = true;
          this.#append(state, data, version, answer);
        }
        break;
      case ErrorCode.OFFSET_OUT_OF_RANGE:
        state.state = 'outOfRange';
        this.#session.forget(state.key);
        this.#attend(state);
        break;
      default:
        this.#partitionFailed(state, data.errorCode, requested.currentLeaderEpoch);
    }
  }

  #partitionFailed(state: PartitionFetchState<P>, errorCode: number, requestEpoch = state.leaderEpoch): void {
    if (isNotToldYet(errorCode) && !state.isServed && state.quickRetries < quickRetries) {
      this.#delay(state, firstQuickRetryMs * 2 ** state.quickRetries++);
      return;
    }
    this.#errors.add(state, errorCode);
    if (errorCode === ErrorCode.FENCED_LEADER_EPOCH && requestEpoch === state.leaderEpoch) {
      // The controller has told the leader already, and will tell this broker.
      this.#fail(state);
    } else {
      this.#delay(state);
    }
  }

  #append(state: PartitionFetchState<P>, data: PartitionData, version: number, answer: Answer): void {
    const { log } = state.partition;
    if (log.logEndOffset !== state.fetchOffset) {
      this.#logger.error(
        `The log of ${state.key} ends at ${log.logEndOffset}, and ${state.fetchOffset} was fetched: it is not followed ` +
          `until the controller gives it a role again.`,
      );
      this.#fail(state);
      return;
    }
    const { records } = data;
    if (records === null || records.length === 0) {
      this.#appended(state, data, 0);
      return;
    }
    let isDone = false;
    let resume: (() => void) | undefined;
    appendAsFollower(this.#logger, log, state.leaderEpoch, data.logStartOffset, records, (error, info) => {
      isDone = true;
      if (error !== undefined) {
        this.#writeFailed(state, error, 'Appending to');
      } else if (info !== undefined && info.bytes > 0) {
        this.#appended(state, data, info.bytes);
      } else {
        this.#nothingWhole(state, records, version);
      }
      resume?.();
    });
    if (isDone) return;
    answer.pending++;
    const writing = new Promise<void>((resolve) => {
      resume = () => {
        if (--answer.pending === 0) {
          this.#heldAnswers--;
          answer.release();
        }
        resolve();
      };
    });
    this.#hold(state, writing);
  }

  /** The log has what the leader sent. */
  #appended(state: PartitionFetchState<P>, data: PartitionData, bytes: number): void {
    const { partition } = state;
    const { log } = partition;
    this.#errors.clear(state);
    if (bytes > 0) {
      this.#bytesIn += bytes;
      state.fetchOffset = log.logEndOffset;
      state.lastFetchedEpoch = log.latestEpoch;
      const { quota } = this.#options;
      if (quota?.isThrottled(partition)) quota.record(bytes);
    }
    if (!state.isCurrent) {
      // Should it come back, it needs the watermarks that this answer had.
      this.#session.beginAnew();
      return;
    }
    state.lag = Math.max(0, data.highWatermark - state.fetchOffset);
    let moved: boolean;
    const logStartOffset = log.logStartOffset;
    try {
      moved = followWatermarks(log, data.highWatermark, data.logStartOffset);
    } catch (error) {
      this.#writeFailed(state, asKafkaError(error), 'Moving the log start offset of');
      return;
    }
    // A busy one is settled when it is not busy any more.
    if (state.busy === undefined && (bytes > 0 || log.logStartOffset !== logStartOffset)) this.#settle(state);
    if (moved || bytes > 0) this.#options.followerAppended(partition);
  }

  #nothingWhole(state: PartitionFetchState<P>, records: Buffer, version: number): void {
    const hint =
      version < 3
        ? `: it is larger than replica.fetch.max.bytes=${this.#options.fetchMaxBytes}, which has to be increased`
        : '';
    this.#errors.addText(
      state,
      ErrorCode.CORRUPT_MESSAGE,
      `The leader sent ${records.length} bytes without a whole batch of ${state.key} at offset ${state.fetchOffset}${hint}.`,
    );
    this.#delay(state);
  }

  #writeFailed(state: PartitionFetchState<P>, error: KafkaError, doing: string): void {
    const text = `${doing} ${state.key} at offset ${state.fetchOffset} failed: ${error.message}`;
    switch (error.code) {
      case ErrorCode.CORRUPT_MESSAGE:
      case ErrorCode.INVALID_RECORD:
      case ErrorCode.REQUEST_TIMED_OUT:
        // Records may have come damaged, and a slow disk may be faster later.
        this.#errors.addText(state, error.code, `${text}; it is tried again.`);
        // What came before the damage may have been appended.
        if (state.state === 'fetching') this.#fetchFrom(state, state.partition.log.logEndOffset);
        this.#delay(state);
        return;
    }
    if (state.isRemoved) return;
    this.#logger.error(`${text}; it is not followed until the controller gives it a role again.`, {
      code: errorName(error.code),
    });
    this.#fail(state);
  }

  #fail(state: PartitionFetchState<P>): void {
    if (state.isRemoved) return;
    this.#takeOut(state);
    this.#owner.failed(state.key);
  }
}

/** An answer whose records are in use until `pending` is 0. */
interface Answer {
  pending: number;
  /** Gives the memory of the answer back. */
  readonly release: () => void;
}

interface PartitionQuestion<P extends FollowerPartition> {
  readonly topic: string;
  readonly partition: number;
  readonly currentLeaderEpoch: number;
  readonly state: PartitionFetchState<P>;
}

/** What a leader answers that the controller has not told of its role yet. */
function isNotToldYet(errorCode: number): boolean {
  return (
    errorCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION ||
    errorCode === ErrorCode.UNKNOWN_TOPIC_ID ||
    errorCode === ErrorCode.NOT_LEADER_OR_FOLLOWER ||
    errorCode === ErrorCode.UNKNOWN_LEADER_EPOCH
  );
}

function questionOf<P extends FollowerPartition>(state: PartitionFetchState<P>): PartitionQuestion<P> {
  const { topic, partition } = state.partition;
  return { topic, partition, currentLeaderEpoch: state.leaderEpoch, state };
}
