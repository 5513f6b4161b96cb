import { partitionName, type TopicPartition } from '../log/topic-partition';
import type { VerificationGuard } from '../log/verification-state-entry';
import { ErrorCode, errorName, KafkaError } from '../protocol/errors';
import {
  baseSequence,
  hasProducerId,
  isTransactional,
  magicOf,
  nextBatchSize,
  producerEpoch,
  producerId,
} from '../records/batch-header';
import {
  type AppendDone,
  type AppendParams,
  failedAppend,
  type PartitionAppend,
  type PartitionAppendResult,
} from '../replication/append';
import type { AddPartitionsToTxnManager } from './add-partitions-to-txn-manager';
import type { TransactionalProducer } from './transaction-coordinator';
import type { ProducerIdAndEpoch } from './transaction-metadata';

/** What is needed of the ReplicaManager. */
export interface VerifiedReplicas {
  append(params: AppendParams, appends: readonly PartitionAppend[], done: AppendDone): void;
  /** @throws KafkaError unless this broker leads the partition */
  leader(
    topic: string,
    index: number,
  ): {
    readonly log: {
      maybeStartTransactionVerification(
        producerId: number,
        sequence: number,
        epoch: number,
      ): VerificationGuard | undefined;
    };
  };
}

/** Where a producer is about to write, and its first sequence there (-1: it has none). */
export interface PartitionToVerify extends TopicPartition {
  readonly sequence: number;
}

/** Whether a partition may be written to, and what the write has to show. */
export interface Verified {
  readonly errorCode: ErrorCode;
  readonly guard: VerificationGuard | undefined;
}

/**
 * Lets nothing be written of a transaction that its coordinator does not know to be open in the partition: nobody would
 * end it there (KIP-890; ReplicaManager.handleProduceAppend).
 */
export class TransactionVerifier {
  readonly #replicas: VerifiedReplicas;
  readonly #manager: AddPartitionsToTxnManager;
  readonly #isEnabled: () => boolean;

  /** @param isEnabled transaction.partition.verification.enable, now */
  constructor(replicas: VerifiedReplicas, manager: AddPartitionsToTxnManager, isEnabled: () => boolean) {
    this.#replicas = replicas;
    this.#manager = manager;
    this.#isEnabled = isEnabled;
  }

  /**
   * Asks the coordinator about the partitions in which the transaction is not known to be open. `done` has a result for
   * each, by name, in the same turn when nothing has to be asked.
   *
   * @param knowsAbortable whether the client understands TRANSACTION_ABORTABLE
   */
  verify(
    producer: TransactionalProducer,
    partitions: readonly PartitionToVerify[],
    knowsAbortable: boolean,
    done: (results: ReadonlyMap<string, Verified>) => void,
  ): void {
    const results = new Map<string, Verified>();
    const asked: PartitionToVerify[] = [];
    for (const of of partitions) {
      const { errorCode, guard } = this.#start(producer, of);
      results.set(partitionName(of), { errorCode, guard });
      if (guard !== undefined) asked.push(of);
    }
    if (asked.length === 0) {
      done(results);
      return;
    }
    this.#manager.verify(producer, asked, knowsAbortable, (errors) => {
      for (const [name, errorCode] of errors) results.set(name, { errorCode, guard: undefined });
      done(results);
    });
  }

  #start(producer: ProducerIdAndEpoch, { topic, partition, sequence }: PartitionToVerify): Verified {
    if (!this.#isEnabled()) return { errorCode: ErrorCode.NONE, guard: undefined };
    try {
      const { log } = this.#replicas.leader(topic, partition);
      const guard = log.maybeStartTransactionVerification(producer.producerId, sequence, producer.producerEpoch);
      return { errorCode: ErrorCode.NONE, guard };
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error;
      return { errorCode: error.code, guard: undefined };
    }
  }

  /** ReplicaManager.append for what a client with a transactional id produces. */
  append(
    params: AppendParams,
    transactionalId: string,
    appends: readonly PartitionAppend[],
    knowsAbortable: boolean,
    done: AppendDone,
  ): void {
    let producer: TransactionalProducer | undefined;
    const partitions: PartitionToVerify[] = [];
    for (const { topic, partition, records } of appends) {
      const found = transactionalProducerOf(records);
      if (!found) continue;
      const isOther =
        producer && (producer.producerId !== found.producerId || producer.producerEpoch !== found.producerEpoch);
      if (isOther || found.isMixed) {
        const message = 'Transactional records contained more than one producer ID';
        done(appends.map(() => failedAppend(ErrorCode.INVALID_PRODUCER_ID_MAPPING, message)));
        return;
      }
      producer ??= { transactionalId, producerId: found.producerId, producerEpoch: found.producerEpoch };
      partitions.push({ topic, partition, sequence: found.sequence });
    }
    if (!producer) {
      this.#replicas.append(params, appends, done);
      return;
    }
    this.verify(producer, partitions, knowsAbortable, (verified) => this.#append(params, appends, verified, done));
  }

  #append(
    params: AppendParams,
    appends: readonly PartitionAppend[],
    verified: ReadonlyMap<string, Verified>,
    done: AppendDone,
  ): void {
    const refused: (PartitionAppendResult | undefined)[] = [];
    const allowed: PartitionAppend[] = [];
    for (const append of appends) {
      const { errorCode = ErrorCode.NONE, guard } = verified.get(partitionName(append)) ?? {};
      refused.push(errorCode === ErrorCode.NONE ? undefined : unverified(errorCode));
      if (errorCode === ErrorCode.NONE) {
        allowed.push(guard === undefined ? append : { ...append, verificationGuard: guard });
      }
    }
    this.#replicas.append(params, allowed, (appended, inUse) => {
      let next = 0;
      done(
        refused.map((error) => error ?? appended[next++]),
        inUse,
      );
    });
  }
}

interface FoundProducer extends ProducerIdAndEpoch {
  /** Of the first batch. */
  readonly sequence: number;
  /** There are transactional batches of other producers, too. */
  readonly isMixed: boolean;
}

/** Who has written the transactional batches, if there are any. What is wrong with a batch is for the append to say. */
function transactionalProducerOf(records: Buffer): FoundProducer | undefined {
  let found: FoundProducer | undefined;
  try {
    for (let at = 0, size = 0; (size = nextBatchSize(records, at, records.length)) > 0; at += size) {
      if (magicOf(records, at) < 2 || !hasProducerId(records, at) || !isTransactional(records, at)) continue;
      const id = producerId(records, at);
      const epoch = producerEpoch(records, at);
      if (!found) {
        const sequence = baseSequence(records, 0);
        found = { producerId: id, producerEpoch: epoch, sequence, isMixed: false };
      } else if (found.producerId !== id || found.producerEpoch !== epoch) {
        return { ...found, isMixed: true };
      }
    }
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error;
  }
  return found;
}

/** As producers know it: what may be tried again is an error that also old ones try again, without asking for metadata. */
function unverified(error: ErrorCode): PartitionAppendResult {
  switch (error) {
    case ErrorCode.INVALID_TXN_STATE:
      return failedAppend(error, 'Partition was not added to the transaction');
    case ErrorCode.CONCURRENT_TRANSACTIONS:
    case ErrorCode.NETWORK_EXCEPTION:
    case ErrorCode.COORDINATOR_LOAD_IN_PROGRESS:
    case ErrorCode.COORDINATOR_NOT_AVAILABLE:
    case ErrorCode.NOT_COORDINATOR:
      return failedAppend(
        ErrorCode.NOT_ENOUGH_REPLICAS,
        `Unable to verify the partition has been added to the transaction. Underlying error: ${errorName(error)}`,
      );
    default:
      return failedAppend(error);
  }
}
