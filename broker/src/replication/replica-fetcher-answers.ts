import type { Logger } from '../logging/logger';
import { ErrorCode } from '../protocol/errors';
import type { FetchResponse } from '../protocol/messages/fetch';
import type { FetchPartition, FetchSessionHandler } from './fetch-session-handler';
import { appendAsFollower, asKafkaError, followWatermarks } from './replica-fetcher-append';
import type { PartitionErrorLog } from './replica-fetcher-error-log';
import type { PartitionFailures } from './replica-fetcher-failures';
import type { FollowerPartition, ReplicaFetcherOptions } from './replica-fetcher-options';
import type { FetcherPartitions } from './replica-fetcher-partitions';
import type { FetchPositions } from './replica-fetcher-positions';
import type { PartitionFetchState } from './replica-fetcher-state';
import { truncationOffset } from './replica-fetcher-truncation';

type PartitionData = FetchResponse['responses'][number]['partitions'][number];

/** Answers that slow disks hold in memory; beyond that everything waits. */
const maxHeldAnswers = 4;

/** What answers need of their fetcher. */
export interface AnswersContext<P extends FollowerPartition> {
  readonly logger: Logger;
  readonly options: ReplicaFetcherOptions<P>;
  readonly session: FetchSessionHandler;
  readonly partitions: FetcherPartitions<P>;
  readonly positions: FetchPositions<P>;
  readonly failures: PartitionFailures<P>;
  readonly errors: PartitionErrorLog;
}

/** An answer whose records are in use until `pending` is 0. */
interface Answer {
  pending: number;
  /** Gives the memory of the answer back. */
  readonly release: () => void;
}

/** Brings what the leader answers to Fetch into the logs (Kafka's processPartitionData). */
export class FetchAnswers<P extends FollowerPartition> {
  readonly #context: AnswersContext<P>;
  #held = 0;

  constructor(context: AnswersContext<P>) {
    this.#context = context;
  }

  /** Whether so much waits for slow disks that there must be no further request. */
  get areTooMany(): boolean {
    return this.#held >= maxHeldAnswers;
  }

  /** `release` is called when the records are not needed any more. */
  process(response: FetchResponse, version: number, release: () => void): void {
    const { session, partitions, errors } = this.#context;
    const answer: Answer = { pending: 0, release };
    let isLost = false;
    for (const topic of response.responses) {
      const name = session.topicName(topic, version);
      for (const data of topic.partitions) {
        const key = `${name}-${data.partitionIndex}`;
        const requested = session.requested(key);
        const state = partitions.get(key);
        // Some were removed, added anew, or cut since the request was sent: the leader must tell its news again.
        if (state === undefined || requested === undefined || !state.isAnsweredBy(requested)) {
          isLost = true;
        } else if (state.isCurrent) {
          this.#processPartition(state, requested, data, version, answer);
        } else {
          isLost = true;
          partitions.delay(state);
        }
      }
    }
    if (isLost) session.beginAnew();
    errors.flush();
    if (answer.pending > 0) this.#held++;
    else release();
  }

  #processPartition(
    state: PartitionFetchState<P>,
    requested: FetchPartition,
    data: PartitionData,
    version: number,
    answer: Answer,
  ): void {
    const { session, partitions, positions, failures } = this.#context;
    switch (data.errorCode) {
      case ErrorCode.NONE:
        if (version >= 12 && data.divergingEpoch.epoch >= 0) {
          const { epoch: leaderEpoch, endOffset: offset } = data.divergingEpoch;
          // The high watermark in this answer must not be taken before the cut, and a leader tells it once a session.
          session.beginAnew();
          positions.truncate(state, truncationOffset(state.partition.log, { leaderEpoch, offset }, state.fetchOffset));
        } else {
          state.isVerified = true;
          state.isServed = true;
          this.#append(state, data, version, answer);
        }
        break;
      case ErrorCode.OFFSET_OUT_OF_RANGE:
        state.state = 'outOfRange';
        session.forget(state.key);
        partitions.attend(state);
        break;
      default:
        failures.answered(state, data.errorCode, requested.currentLeaderEpoch);
    }
  }

  #append(state: PartitionFetchState<P>, data: PartitionData, version: number, answer: Answer): void {
    const { logger, partitions, failures } = this.#context;
    const { log } = state.partition;
    if (log.logEndOffset !== state.fetchOffset) {
      logger.error(
        `The log of ${state.key} ends at ${log.logEndOffset}, and ${state.fetchOffset} was fetched: it is not followed ` +
          `until the controller gives it a role again.`,
      );
      failures.giveUp(state);
      return;
    }
    const { records } = data;
    if (records === null || records.length === 0) {
      this.#appended(state, data, 0);
      return;
    }
    let isDone = false;
    let resume: (() => void) | undefined;
    // A disk that takes its time must not keep the memory of what others of the answer have.
    const { isPrompt } = log.directory;
    const own = isPrompt ? records : Buffer.from(records);
    appendAsFollower(logger, log, state.leaderEpoch, data.logStartOffset, own, (error, info) => {
      isDone = true;
      if (error !== undefined) {
        failures.writing(state, error, 'Appending to');
      } else if (info !== undefined && info.bytes > 0) {
        this.#appended(state, data, info.bytes);
      } else {
        this.#nothingWhole(state, records, version);
      }
      resume?.();
    });
    if (isDone) return;
    if (isPrompt) answer.pending++;
    const writing = new Promise<void>((resolve) => {
      resume = () => {
        if (isPrompt && --answer.pending === 0) {
          this.#held--;
          answer.release();
        }
        resolve();
      };
    });
    partitions.hold(state, writing);
  }

  /** The log has what the leader sent. */
  #appended(state: PartitionFetchState<P>, data: PartitionData, bytes: number): void {
    const { options, session, partitions, failures, errors } = this.#context;
    const { partition } = state;
    const { log } = partition;
    errors.clear(state);
    if (bytes > 0) {
      state.fetchOffset = log.logEndOffset;
      state.lastFetchedEpoch = log.latestEpoch;
      const { quota } = options;
      if (quota?.isThrottled(partition)) quota.record(bytes);
    }
    if (!state.isCurrent) {
      // Should it come back, it needs the watermarks that this answer had.
      session.beginAnew();
      return;
    }
    state.lag = Math.max(0, data.highWatermark - state.fetchOffset);
    let moved: boolean;
    const logStartOffset = log.logStartOffset;
    try {
      moved = followWatermarks(log, data.highWatermark, data.logStartOffset);
    } catch (error) {
      failures.writing(state, asKafkaError(error), 'Moving the log start offset of');
      return;
    }
    // A busy one is settled when it is not busy any more.
    if (state.busy === undefined && (bytes > 0 || log.logStartOffset !== logStartOffset)) partitions.settle(state);
    if (moved || bytes > 0) options.followerAppended(partition);
  }

  #nothingWhole(state: PartitionFetchState<P>, records: Buffer, version: number): void {
    const { options, partitions, errors } = this.#context;
    const hint =
      version < 3
        ? `: it is larger than replica.fetch.max.bytes=${options.fetchMaxBytes}, which has to be increased`
        : '';
    errors.addText(
      state,
      ErrorCode.CORRUPT_MESSAGE,
      `The leader sent ${records.length} bytes without a whole batch of ${state.key} at offset ${state.fetchOffset}${hint}.`,
    );
    partitions.delay(state);
  }
}
