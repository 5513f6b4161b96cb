import type { Logger } from '../logging/logger';
import { ErrorCode, errorName, type KafkaError } from '../protocol/errors';
import type { PartitionErrorLog } from './replica-fetcher-error-log';
import type { FollowerPartition } from './replica-fetcher-options';
import type { FetcherPartitions } from './replica-fetcher-partitions';
import type { PartitionFetchState } from './replica-fetcher-state';

/**
 * A new role is told to leader and followers at the same time. A follower that was first asks again soon, and soon
 * again: whoever produces to a new topic waits for it.
 */
const firstQuickRetryMs = 20;
const quickRetries = 5;

/** What follows when something goes wrong for a partition: it is tried again, or given up until it has another role. */
export class PartitionFailures<P extends FollowerPartition> {
  readonly #logger: Logger;
  readonly #partitions: FetcherPartitions<P>;
  readonly #errors: PartitionErrorLog;
  readonly #failed: (key: string) => void;

  /** @param failed hears of those that are given up */
  constructor(
    logger: Logger,
    partitions: FetcherPartitions<P>,
    errors: PartitionErrorLog,
    failed: (key: string) => void,
  ) {
    this.#logger = logger;
    this.#partitions = partitions;
    this.#errors = errors;
    this.#failed = failed;
  }

  /** The leader has answered with an error, to a request of `requestEpoch`. */
  answered(state: PartitionFetchState<P>, errorCode: number, requestEpoch = state.leaderEpoch): void {
    if (isNotToldYet(errorCode) && !state.isServed && state.quickRetries < quickRetries) {
      this.#partitions.delay(state, firstQuickRetryMs * 2 ** state.quickRetries++);
      return;
    }
    this.#errors.add(state, errorCode);
    if (errorCode === ErrorCode.FENCED_LEADER_EPOCH && requestEpoch === state.leaderEpoch) {
      // The controller has told the leader already, and will tell this broker.
      this.giveUp(state);
    } else {
      this.#partitions.delay(state);
    }
  }

  /** Its log could not be changed. */
  writing(state: PartitionFetchState<P>, error: KafkaError, doing: string): void {
    const text = `${doing} ${state.key} at offset ${state.fetchOffset} failed: ${error.message}`;
    switch (error.code) {
      case ErrorCode.CORRUPT_MESSAGE:
      case ErrorCode.INVALID_RECORD:
      case ErrorCode.REQUEST_TIMED_OUT:
        // Records may have come damaged, and a slow disk may be faster later.
        this.#errors.addText(state, error.code, `${text}; it is tried again.`);
        // What came before the damage may have been appended.
        if (state.state === 'fetching') state.fetchFrom(state.partition.log.logEndOffset);
        this.#partitions.delay(state);
        return;
    }
    if (state.isRemoved) return;
    this.#logger.error(`${text}; it is not followed until the controller gives it a role again.`, {
      code: errorName(error.code),
    });
    this.giveUp(state);
  }

  giveUp(state: PartitionFetchState<P>): void {
    if (state.isRemoved) return;
    this.#partitions.takeOut(state);
    this.#failed(state.key);
  }
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
