import { ErrorCode, KafkaError } from '../protocol/errors';
import {
  baseOffset,
  baseSequence,
  batchSize,
  hasProducerId,
  isControlBatch,
  isTransactional,
  lastSequence,
  producerEpoch,
  producerId,
} from '../records/batch-header';
import type { AppendOrigin } from './log-append';
import type { CompletedTxn, ProducerAppendInfo } from './producer-append-info';
import type { BatchMetadata } from './producer-state-entry';
import type { ProducerStateManager } from './producer-state-manager';
import type { VerificationGuard } from './verification-state-entry';

export interface CheckedProducers {
  /** The batch that a client sends again: nothing is to be written. */
  readonly duplicate: BatchMetadata | undefined;
  /** What is to be remembered once the batches are written. */
  readonly updates: Iterable<ProducerAppendInfo>;
  /** Transactions that the batches end. */
  readonly completed: readonly CompletedTxn[];
}

/** Whether what a producer writes belongs to an open transaction has to be known before it is written (KIP-890). */
export interface RequiredVerification {
  /** What the append was let through with. */
  readonly guard: VerificationGuard | undefined;
}

/**
 * Checks batches that are about to be appended against what is known of their producers. Throws
 * OUT_OF_ORDER_SEQUENCE_NUMBER, INVALID_PRODUCER_EPOCH, INVALID_TXN_STATE, TRANSACTION_COORDINATOR_FENCED; nothing is
 * remembered yet. `position`: where the first batch will lie in the segment. `verification`: undefined when nothing has
 * to be known of transactions.
 */
export function checkProducers(
  producers: ProducerStateManager,
  records: Buffer,
  origin: AppendOrigin,
  segmentBaseOffset: number,
  position: number,
  verification?: RequiredVerification,
): CheckedProducers {
  const updates = new Map<number, ProducerAppendInfo>();
  const completed: CompletedTxn[] = [];
  for (let at = 0; at < records.length; at += batchSize(records, at)) {
    if (!hasProducerId(records, at)) {
      continue;
    }
    const id = producerId(records, at);
    if (origin === 'client') {
      const [first, last] = [baseSequence(records, at), lastSequence(records, at)];
      const duplicate = producers.entry(id)?.findDuplicate(producerEpoch(records, at), first, last);
      if (duplicate !== undefined) {
        return { duplicate, updates: [], completed: [] };
      }
    }
    if (verification !== undefined && origin !== 'replication' && isTransactional(records, at)) {
      requireVerified(producers, id, isControlBatch(records, at), verification);
    }
    let update = updates.get(id);
    if (update === undefined) {
      update = producers.prepareUpdate(id, origin);
      updates.set(id, update);
    }
    const ended = update.append(records, at, {
      messageOffset: baseOffset(records, at),
      segmentBaseOffset,
      relativePositionInSegment: position + at,
    });
    if (ended !== undefined) {
      completed.push(ended);
    }
  }
  return { duplicate: undefined, updates: updates.values(), completed };
}

/** A transaction that is open in the partition is known to the coordinator; its end may always be written. */
function requireVerified(
  producers: ProducerStateManager,
  producerId: number,
  isControl: boolean,
  { guard }: RequiredVerification,
): void {
  if (isControl || (producers.entry(producerId)?.currentTxnFirstOffset ?? -1) >= 0) {
    return;
  }
  if (guard === undefined || producers.verification(producerId)?.guard !== guard) {
    throw new KafkaError(ErrorCode.INVALID_TXN_STATE, 'Record was not part of an ongoing transaction');
  }
}
