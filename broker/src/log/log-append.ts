import { ErrorCode, KafkaError } from '../protocol/errors';
import type { VerificationGuard } from './verification-state-entry';

/**
 * Who appends, which decides how much is checked (Kafka's AppendOrigin).
 * - `client`: everything, sequences and duplicates included.
 * - `coordinator`: group and transaction coordinators (control batches are allowed, sequences are not checked).
 * - `replication`: the leader has checked; offsets and leader epochs are taken from the batches.
 */
export type AppendOrigin = 'client' | 'coordinator' | 'replication';

export interface AppendOptions {
  readonly origin: AppendOrigin;
  /** Epoch of this leader, stamped into the batches. Not looked at for `replication`. */
  readonly leaderEpoch: number;
  /** What a transactional batch was let through with, where that is asked for (transaction.partition.verification.enable). */
  readonly verificationGuard?: VerificationGuard;
}

/** What an append did. */
export interface LogAppendInfo {
  /** First and last offset of what was appended; of the original batch when it was a duplicate. */
  readonly firstOffset: number;
  readonly lastOffset: number;
  /** Wall time given to the records when the topic says LogAppendTime, or -1. */
  readonly logAppendTimeMs: number;
  readonly maxTimestamp: number;
  readonly logStartOffset: number;
  /** Bytes written; 0 for a duplicate. */
  readonly bytes: number;
  /** Records in the batches, as their headers say; -1 where formats 0 and 1 came from a leader. */
  readonly records: number;
  /** The producer had sent this batch before: nothing was written. */
  readonly duplicate: boolean;
}

/**
 * Exactly one of the two is given; a `RecordValidationError` lists the records at fault. Called in the same turn when the log
 * is idle, later when appends are waiting.
 */
export type AppendCallback = (error: KafkaError | undefined, info: LogAppendInfo | undefined) => void;

/**
 * A follower was sent offsets that it has already (Kafka's UnexpectedAppendOffsetException). With an empty log it may
 * start anew at `firstOffset`: the leader's log start offset lies inside of a batch.
 */
export class UnexpectedAppendOffsetError extends KafkaError {
  override readonly name = 'UnexpectedAppendOffsetError';

  constructor(
    message: string,
    readonly firstOffset: number,
    readonly lastOffset: number,
  ) {
    super(ErrorCode.UNKNOWN_SERVER_ERROR, message);
  }
}
