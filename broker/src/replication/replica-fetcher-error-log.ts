import type { Logger } from '../logging/logger';
import { ErrorCode, errorName } from '../protocol/errors';
import type { PartitionFetchState } from './replica-fetcher-state';

/** An error that stays is told of again after so long. */
const againMs = 60_000;
/** How many partitions a line names. */
const namedPartitions = 10;

/**
 * Log lines for what a leader answers for single partitions: one a kind of error and answer, and none for what was said
 * of a partition already in the last minute.
 */
export class PartitionErrorLog {
  readonly #logger: Logger;
  readonly #leaderId: number;
  readonly #now: () => number;
  readonly #collected = new Map<number, string[]>();

  constructor(logger: Logger, leaderId: number, monotonicMs: () => number) {
    this.#logger = logger;
    this.#leaderId = leaderId;
    this.#now = monotonicMs;
  }

  add(state: PartitionFetchState, errorCode: number): void {
    if (!this.#isNew(state, errorCode)) return;
    const known = this.#collected.get(errorCode);
    if (known === undefined) this.#collected.set(errorCode, [state.key]);
    else known.push(state.key);
  }

  addText(state: PartitionFetchState, errorCode: number, text: string): void {
    if (this.#isNew(state, errorCode)) this.#logger.error(text);
  }

  /** The partition is well: its next error is a new one. */
  clear(state: PartitionFetchState): void {
    state.loggedError = ErrorCode.NONE;
  }

  #isNew(state: PartitionFetchState, errorCode: number): boolean {
    const now = this.#now();
    if (state.loggedError === errorCode && now - state.loggedErrorMs < againMs) return false;
    state.loggedError = errorCode;
    state.loggedErrorMs = now;
    return true;
  }

  /** Writes the lines for what was added. */
  flush(): void {
    if (this.#collected.size === 0) return;
    for (const [errorCode, keys] of this.#collected) {
      const more = keys.length > namedPartitions ? ` and ${keys.length - namedPartitions} more` : '';
      const partitions = `${keys.slice(0, namedPartitions).join(', ')}${more}`;
      const message = `Broker ${this.#leaderId} answered ${errorName(errorCode)} for ${partitions}: ${meaning(errorCode)}`;
      switch (errorCode) {
        case ErrorCode.UNKNOWN_LEADER_EPOCH:
        case ErrorCode.NOT_LEADER_OR_FOLLOWER:
          this.#logger.debug(message);
          break;
        case ErrorCode.FENCED_LEADER_EPOCH:
          this.#logger.info(message);
          break;
        case ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
        case ErrorCode.UNKNOWN_TOPIC_ID:
        case ErrorCode.INCONSISTENT_TOPIC_ID:
          this.#logger.warn(message);
          break;
        default:
          this.#logger.error(message);
      }
    }
    this.#collected.clear();
  }
}

function meaning(errorCode: number): string {
  switch (errorCode) {
    case ErrorCode.UNKNOWN_LEADER_EPOCH:
      return 'it has not heard of the new leader epoch yet.';
    case ErrorCode.NOT_LEADER_OR_FOLLOWER:
      return 'it does not lead them, or not yet.';
    case ErrorCode.FENCED_LEADER_EPOCH:
      return 'there is a newer leader epoch, of which the controller will tell this broker.';
    case ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
    case ErrorCode.UNKNOWN_TOPIC_ID:
    case ErrorCode.INCONSISTENT_TOPIC_ID:
      return 'this passes when they are being created or deleted.';
    case ErrorCode.OFFSET_MOVED_TO_TIERED_STORAGE:
      return 'this broker cannot read from remote storage, where the leader has moved the records; it cannot follow them.';
    default:
      return 'they are tried again.';
  }
}
