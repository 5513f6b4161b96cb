import { ListOffsetsTimestamp } from '../log/timestamp-and-offset';
import type { Logger } from '../logging/logger';
import { ErrorCode } from '../protocol/errors';
import type { FetchSessionHandler } from './fetch-session-handler';
import { asKafkaError } from './replica-fetcher-append';
import type { PartitionErrorLog } from './replica-fetcher-error-log';
import type { PartitionFailures } from './replica-fetcher-failures';
import type { LeaderOffset, RemoteLeaderEndPoint } from './replica-fetcher-leader';
import type { FollowerPartition } from './replica-fetcher-options';
import type { FetcherPartitions } from './replica-fetcher-partitions';
import type { PartitionFetchState } from './replica-fetcher-state';
import { type TruncationOffset, truncationOffset } from './replica-fetcher-truncation';

/** What positions need of their fetcher. */
export interface PositionsContext<P extends FollowerPartition> {
  readonly logger: Logger;
  readonly endpoint: RemoteLeaderEndPoint;
  readonly session: FetchSessionHandler;
  readonly partitions: FetcherPartitions<P>;
  readonly failures: PartitionFailures<P>;
  readonly errors: PartitionErrorLog;
  /** A question was answered. */
  leaderAnswered(): void;
  /** A question was not answered. */
  leaderFailed(error: unknown): void;
}

/**
 * Finds out where partitions are to be fetched from, and cuts their logs there: where the follower's history parts from
 * the leader's, or where the leader's log begins and ends (the truncating half of Kafka's AbstractFetcherThread).
 */
export class FetchPositions<P extends FollowerPartition> {
  readonly #context: PositionsContext<P>;

  constructor(context: PositionsContext<P>) {
    this.#context = context;
  }

  /** Decides of new partitions whether their history is to be looked into first. */
  begin(): void {
    const { partitions, endpoint } = this.#context;
    for (const state of [...partitions.attention]) {
      if (state.state !== 'initial' || state.isDelayed || state.busy !== undefined) continue;
      const { log } = state.partition;
      if (endpoint.truncatesOnFetch && log.latestEpoch !== undefined) {
        state.fetchFrom(log.logEndOffset);
      } else {
        state.state = 'truncating';
        state.fetchOffset = log.highWatermark;
      }
      partitions.settle(state);
    }
  }

  /** Where the leader's log and this one part: by epochs, or, where there are none, at the high watermark. */
  async askForEpochs(): Promise<void> {
    const { partitions, endpoint, failures, errors } = this.#context;
    const questions: (PartitionQuestion<P> & { readonly leaderEpoch: number })[] = [];
    for (const state of partitions.inState('truncating')) {
      const leaderEpoch = state.partition.log.latestEpoch;
      if (leaderEpoch !== undefined && endpoint.knowsLeaderEpochs) {
        questions.push({ ...questionOf(state), leaderEpoch });
      } else {
        const why = 'no leader epoch is known, and above its high watermark it may differ from the leader';
        this.truncate(state, { offset: state.fetchOffset, completed: true, why });
      }
    }
    if (questions.length === 0) return;
    let answers: LeaderOffset[];
    try {
      answers = await endpoint.epochEndOffsets(questions);
    } catch (error) {
      this.#context.leaderFailed(error);
      return;
    }
    this.#context.leaderAnswered();
    questions.forEach(({ state }, i) => {
      if (state.state !== 'truncating' || state.busy !== undefined || !state.isCurrent) return;
      const answer = answers[i];
      if (answer.errorCode === ErrorCode.NONE) {
        this.truncate(state, truncationOffset(state.partition.log, answer, state.fetchOffset));
      } else {
        failures.answered(state, answer.errorCode);
      }
    });
    errors.flush();
  }

  /** The leader's log does not have the offset: it ends before it, or begins after it. */
  async askForOffsets(): Promise<void> {
    const { partitions, endpoint, failures, errors } = this.#context;
    const lost = partitions.inState('outOfRange').map(questionOf);
    if (lost.length === 0 || !endpoint.isConnected) return;
    const isStill = ({ state }: PartitionQuestion<P>) =>
      state.state === 'outOfRange' && !state.isDelayed && state.busy === undefined && state.isCurrent;
    try {
      const behind: PartitionQuestion<P>[] = [];
      const ends = await endpoint.listOffsets(lost, ListOffsetsTimestamp.LATEST);
      lost.forEach((question, i) => {
        const { state } = question;
        const end = ends[i];
        if (!isStill(question)) return;
        if (end.errorCode !== ErrorCode.NONE) {
          failures.answered(state, end.errorCode);
        } else if (end.offset < state.partition.log.logEndOffset) {
          state.lag = 0;
          const why = `the leader's log ends at ${end.offset}`;
          this.truncate(state, { offset: end.offset, completed: true, why });
        } else {
          state.lag = end.offset - state.partition.log.logEndOffset;
          behind.push(question);
        }
      });
      if (behind.length > 0) {
        const starts = await endpoint.listOffsets(behind, ListOffsetsTimestamp.EARLIEST);
        behind.forEach((question, i) => {
          if (isStill(question)) this.#startAt(question.state, starts[i]);
        });
      }
    } catch (error) {
      this.#context.leaderFailed(error);
      return;
    }
    this.#context.leaderAnswered();
    errors.flush();
  }

  #startAt(state: PartitionFetchState<P>, start: LeaderOffset): void {
    const { logger, partitions, failures } = this.#context;
    const { log } = state.partition;
    if (start.errorCode !== ErrorCode.NONE) {
      failures.answered(state, start.errorCode);
    } else if (start.offset > log.logEndOffset) {
      logger.warn(
        `The log of ${state.key} ends at ${log.logEndOffset}, and the leader's begins at ${start.offset}: all of it is ` +
          `dropped, and it starts there.`,
      );
      this.#cut(state, () => log.truncateFullyAndStartAt(start.offset), start.offset, 'fetching');
    } else {
      logger.info(
        `Offset ${state.fetchOffset} of ${state.key} was out of the leader's range, which it is not any more: fetching ` +
          `goes on at ${log.logEndOffset}.`,
      );
      state.fetchFrom(log.logEndOffset);
      partitions.delay(state);
    }
  }

  /** Cuts the log there; it is fetched from there on, or the leader is asked once more. */
  truncate(state: PartitionFetchState<P>, { offset, completed, why }: TruncationOffset): void {
    const { logger, endpoint } = this.#context;
    const { log } = state.partition;
    if (offset < log.logEndOffset) {
      logger.info(`The log of ${state.key} is cut from ${log.logEndOffset} to ${offset}: ${why}.`);
      if (offset < log.highWatermark) {
        logger.warn(`The log of ${state.key} is cut at ${offset}, below its high watermark ${log.highWatermark}.`);
      }
    }
    const next = completed || endpoint.truncatesOnFetch ? 'fetching' : 'truncating';
    this.#cut(state, () => log.truncateTo(offset), offset, next);
  }

  #cut(
    state: PartitionFetchState<P>,
    cut: () => Promise<unknown>,
    offset: number,
    next: 'fetching' | 'truncating',
  ): void {
    const { session, partitions, failures } = this.#context;
    session.forget(state.key);
    const { fetchOffset, lastFetchedEpoch, state: before } = state;
    const done = cut().then(
      () => {
        state.fetchFrom(offset);
        // A leader that sends this again and again for nothing must not be hurried.
        const isSame = state.fetchOffset === fetchOffset && state.lastFetchedEpoch === lastFetchedEpoch;
        if (isSame && before === 'fetching') partitions.delay(state);
        state.state = next;
        if (next === 'fetching') state.isVerified = true;
      },
      (error: unknown) => failures.writing(state, asKafkaError(error), 'Cutting'),
    );
    partitions.hold(state, done);
  }
}

interface PartitionQuestion<P extends FollowerPartition> {
  readonly topic: string;
  readonly partition: number;
  readonly currentLeaderEpoch: number;
  readonly state: PartitionFetchState<P>;
}

function questionOf<P extends FollowerPartition>(state: PartitionFetchState<P>): PartitionQuestion<P> {
  const { topic, partition } = state.partition;
  return { topic, partition, currentLeaderEpoch: state.leaderEpoch, state };
}
