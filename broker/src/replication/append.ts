import type { AppendOrigin } from '../log/log-append';
import type { VerificationGuard } from '../log/verification-state-entry';
import { ErrorCode } from '../protocol/errors';
import type { RecordError } from '../records/record-errors';
import type { Partition } from './partition';
import { DelayedOperation } from './purgatory';

/** Batches for one partition. They belong to the log until the append is answered. */
export interface PartitionAppend {
  readonly topic: string;
  readonly partition: number;
  readonly records: Buffer;
  /** What a transactional batch was let through with. */
  readonly verificationGuard?: VerificationGuard;
}

export interface AppendParams {
  readonly origin: Exclude<AppendOrigin, 'replication'>;
  /** 0 and 1: answered when the leader has it; -1: when the ISR has it. */
  readonly requiredAcks: number;
  /** How long to wait for the disk (a second at least) and for the ISR, milliseconds. */
  readonly timeoutMs: number;
  /** Only coordinators write to internal topics. */
  readonly internalTopicsAllowed: boolean;
}

export interface PartitionAppendResult {
  errorCode: ErrorCode;
  errorMessage: string | null;
  /** First and last offset, -1 when refused. */
  baseOffset: number;
  lastOffset: number;
  /** -1 unless the topic stamps its records. */
  logAppendTimeMs: number;
  logStartOffset: number;
  recordErrors: readonly RecordError[];
}

/**
 * `inUse` is there when the time was over before a disk had answered: until it resolves, records are still being written,
 * and nobody may use their memory for anything else.
 */
export type AppendDone = (results: readonly PartitionAppendResult[], inUse?: Promise<void>) => void;

export function failedAppend(
  errorCode: ErrorCode,
  errorMessage: string | null = null,
  recordErrors: readonly RecordError[] = [],
): PartitionAppendResult {
  return {
    errorCode,
    errorMessage,
    baseOffset: -1,
    lastOffset: -1,
    logAppendTimeMs: -1,
    logStartOffset: -1,
    recordErrors,
  };
}

/**
 * A produce with acks=all that waits until the high watermark has passed its records (Kafka's DelayedProduce). What
 * has become of one partition stays, whatever happens while the others are waited for.
 */
export class DelayedProduce extends DelayedOperation {
  readonly #pending: (Partition | undefined)[];
  readonly #terms: readonly number[];
  readonly #results: readonly PartitionAppendResult[];
  readonly #done: AppendDone;

  /**
   * @param partitions one a result; `undefined` where nothing was appended
   * @param terms in which each was appended to
   */
  constructor(
    timeoutMs: number,
    partitions: readonly (Partition | undefined)[],
    terms: readonly number[],
    results: readonly PartitionAppendResult[],
    done: AppendDone,
  ) {
    super(timeoutMs);
    this.#pending = [...partitions];
    this.#terms = terms;
    this.#results = results;
    this.#done = done;
  }

  override tryComplete(): boolean {
    let isPending = false;
    for (let i = 0; i < this.#results.length; i++) {
      const partition = this.#pending[i];
      if (!partition) continue;
      const result = this.#results[i];
      if (partition.isOffline) result.errorCode = ErrorCode.KAFKA_STORAGE_ERROR;
      // Another leader may have cut it off between two terms, and others have its offsets now.
      else if (!partition.isLeader || partition.term !== this.#terms[i])
        result.errorCode = ErrorCode.NOT_LEADER_OR_FOLLOWER;
      else if (partition.log.highWatermark <= result.lastOffset) {
        isPending = true;
        continue;
      } else if (!partition.hasEnoughReplicas) result.errorCode = ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND;
      this.#pending[i] = undefined;
    }
    return !isPending && this.complete();
  }

  protected override onComplete(): void {
    for (let i = 0; i < this.#results.length; i++) {
      if (this.#pending[i]) this.#results[i].errorCode = ErrorCode.REQUEST_TIMED_OUT;
    }
    this.#done(this.#results);
  }
}
