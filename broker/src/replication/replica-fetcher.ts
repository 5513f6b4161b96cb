import type { Io } from '../io/io';
import type { Logger } from '../logging/logger';
import type { BufferPool } from '../network/buffer-pool';
import { ErrorCode } from '../protocol/errors';
import type { FetchResponse } from '../protocol/messages/fetch';
import { FetchSessionHandler } from './fetch-session-handler';
import { FetchAnswers } from './replica-fetcher-answers';
import { PartitionErrorLog } from './replica-fetcher-error-log';
import { PartitionFailures } from './replica-fetcher-failures';
import { LeaderClosedError, RemoteLeaderEndPoint } from './replica-fetcher-leader';
import type { FollowerPartition, LeaderEndpoint, ReplicaFetcherOptions } from './replica-fetcher-options';
import { LeaderOutage } from './replica-fetcher-outage';
import { FetcherPartitions } from './replica-fetcher-partitions';
import { FetcherPause } from './replica-fetcher-pause';
import { FetchPositions } from './replica-fetcher-positions';
import type { PartitionFetchState } from './replica-fetcher-state';

/** What a fetcher tells its manager. */
export interface FetcherOwner {
  /** A partition cannot be followed until the controller gives it a new role. */
  failed(key: string): void;
  /** Nothing has been left to fetch for a while. */
  idle(): void;
}

/** How long the other partitions wait for one whose disk is slow, before they go on without it. */
const slowDiskMs = 100;

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
  readonly #pause: FetcherPause;
  readonly #partitions: FetcherPartitions<P>;
  readonly #positions: FetchPositions<P>;
  readonly #answers: FetchAnswers<P>;
  readonly #outage: LeaderOutage;
  readonly #running: Promise<void>;
  #isClosed = false;
  #badSessions = 0;

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
    const session = this.#session;
    this.#pause = new FetcherPause(io.clock);
    const partitions = new FetcherPartitions(io.clock, options, session, this.#pause);
    this.#partitions = partitions;
    const errors = new PartitionErrorLog(logger, leader.id, () => io.clock.monotonicMs());
    const failures = new PartitionFailures(logger, partitions, errors, (key) => owner.failed(key));
    const positions = new FetchPositions({
      ...{ logger, session, partitions, failures, errors, endpoint: this.#endpoint },
      leaderAnswered: () => this.#outage.answered(),
      leaderFailed: (error) => this.#leaderFailed(error),
    });
    this.#positions = positions;
    this.#answers = new FetchAnswers({ logger, options, session, partitions, positions, failures, errors });
    this.#outage = new LeaderOutage(io.clock, logger, leader, options.fetchBackoffMs);
    this.#running = this.#run();
  }

  /** The largest number of records that a partition is behind. */
  get maxLag(): number {
    let largest = 0;
    for (const { lag } of this.#partitions.values()) if (lag !== undefined && lag > largest) largest = lag;
    return largest;
  }

  states(): Iterable<PartitionFetchState<P>> {
    return this.#partitions.values();
  }

  state(key: string): PartitionFetchState<P> | undefined {
    return this.#partitions.get(key);
  }

  /** `after`: something is still being written to the partition's log, for another fetcher. */
  add(partition: P, after: Promise<void> | undefined): void {
    this.#partitions.add(partition, after);
  }

  /** Nothing new is begun for the partition; resolves when nothing is being written to its log any more. */
  remove(key: string): Promise<void> | undefined {
    const state = this.#partitions.get(key);
    if (state === undefined) return undefined;
    this.#partitions.takeOut(state);
    this.#pause.wake();
    return state.busy;
  }

  /** Closes the connection, and resolves when nothing is being written any more. */
  async shutdown(): Promise<void> {
    this.#isClosed = true;
    this.#endpoint.close();
    this.#pause.close();
    await Promise.all(this.#partitions.takeAllOut());
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
        this.#partitions.delayAll();
        await this.#pause.wait(this.#options.fetchBackoffMs);
      }
    }
  }

  async #step(): Promise<void> {
    const partitions = this.#partitions;
    if (partitions.size === 0) {
      await this.#pause.wait(Math.max(1000, this.#options.fetchBackoffMs));
      if (partitions.size === 0 && !this.#isClosed) this.#owner.idle();
      return;
    }
    partitions.endDelays();
    if (!partitions.hasWork) {
      await this.#pause.wait(partitions.untilDelaysEnd);
      return;
    }
    if (!this.#endpoint.isConnected && !(await this.#connect())) return;
    if (partitions.attention.size > 0) {
      this.#positions.begin();
      await this.#positions.askForEpochs();
      await this.#positions.askForOffsets();
      await this.#letSlowDisksBe();
      if (this.#isClosed || partitions.inState('truncating').length > 0) return;
    }
    partitions.throttle();
    partitions.checkRequests();
    const request = this.#endpoint.isConnected ? this.#session.next() : undefined;
    if (request === undefined) {
      await this.#pause.wait(partitions.untilDelaysEnd);
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
    this.#outage.answered();
    const problem = this.#session.handleResponse(response, version);
    if (problem === undefined) {
      this.#badSessions = 0;
      this.#answers.process(response, version, release);
      await this.#letSlowDisksBe();
    } else {
      release();
      await this.#sessionFailed(problem, response);
    }
    if (response.throttleTimeMs > 0 && !this.#isClosed) await this.#pause.sleep(response.throttleTimeMs);
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
      for (const state of this.#partitions.values()) {
        if (state.state === 'fetching' && !state.isVerified && state.busy === undefined) {
          state.state = 'initial';
          this.#partitions.attend(state);
        }
      }
    }
    return true;
  }

  #leaderFailed(error: unknown): void {
    if (this.#isClosed || error instanceof LeaderClosedError) return;
    this.#endpoint.disconnect();
    this.#session.beginAnew();
    this.#outage.failed(error, this.#partitions.size);
    this.#partitions.delayAll();
  }

  async #sessionFailed(problem: string, response: FetchResponse): Promise<void> {
    this.#logger.info(`Broker ${this.leader.id} could not go on with the fetch session: ${problem}; another is begun.`);
    // Once is usual (the leader has dropped the session); a leader that says so again and again must not be hurried.
    if (response.errorCode === ErrorCode.FETCH_SESSION_TOPIC_ID_ERROR || ++this.#badSessions > 1) {
      this.#partitions.delayAll();
      await this.#pause.wait(this.#options.fetchBackoffMs);
    }
  }

  /**
   * Waits a little for what is being written; partitions whose disk takes longer are left out of the next requests, and
   * are not waited for again.
   */
  async #letSlowDisksBe(): Promise<void> {
    const { clock } = this.#io;
    const end = clock.monotonicMs() + slowDiskMs;
    while (!this.#isClosed) {
      let left = Infinity;
      if (!this.#answers.areTooMany) {
        left = end - clock.monotonicMs();
        if (left <= 0 || !this.#partitions.isWriting) break;
      }
      await this.#pause.waitAnew(left);
    }
    this.#partitions.leaveOutLate();
  }
}
