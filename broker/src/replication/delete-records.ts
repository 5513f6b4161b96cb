import { ErrorCode } from '../protocol/errors';
import type { Partition } from './partition';
import { DelayedOperation } from './purgatory';

/** Records of one partition are to go. */
export interface RecordsDeletion {
  readonly topic: string;
  readonly partition: number;
  /** The first offset that stays, -1: the high watermark. */
  readonly offset: number;
}

export interface RecordsDeletionResult {
  errorCode: ErrorCode;
  /** The smallest log start offset of the replicas, -1 with an error. */
  lowWatermark: number;
}

/** The offset that stands for the high watermark. */
export const upToHighWatermark = -1;

/** A partition whose log start offset has moved on its leader. */
export interface PendingDeletion {
  readonly partition: Partition;
  /** What all live replicas are to begin at. */
  readonly requiredOffset: number;
  readonly result: RecordsDeletionResult;
}

/** A DeleteRecords that waits until every live replica has moved its log start offset (Kafka's DelayedDeleteRecords). */
export class DelayedDeleteRecords extends DelayedOperation {
  readonly #pending: Set<PendingDeletion>;
  readonly #done: () => void;

  constructor(timeoutMs: number, pending: Iterable<PendingDeletion>, done: () => void) {
    super(timeoutMs);
    this.#pending = new Set(pending);
    this.#done = done;
  }

  override tryComplete(): boolean {
    for (const deletion of this.#pending) {
      const { partition, requiredOffset, result } = deletion;
      if (partition.isOffline) result.errorCode = ErrorCode.KAFKA_STORAGE_ERROR;
      else if (!partition.isLeader) result.errorCode = ErrorCode.NOT_LEADER_OR_FOLLOWER;
      else if (partition.lowWatermark < requiredOffset) continue;
      result.lowWatermark = result.errorCode === ErrorCode.NONE ? partition.lowWatermark : -1;
      this.#pending.delete(deletion);
    }
    return this.#pending.size === 0 && this.complete();
  }

  protected override onComplete(): void {
    for (const { result } of this.#pending) {
      result.errorCode = ErrorCode.REQUEST_TIMED_OUT;
      result.lowWatermark = -1;
    }
    this.#done();
  }
}
