/** The records of __transaction_state, as Kafka 3.9 writes them (transaction.version 0). */
import type { TopicPartition } from '../log/topic-partition';
import { ProtocolError } from '../protocol/errors';
import { TransactionLogKey, TransactionLogValue } from '../protocol/internal/transaction-log';
import { decodeVersioned, encodeVersioned, versionOf } from '../protocol/internal/versioned-record';
import type { RecordInput } from '../records/build-batch';
import {
  noProducerEpoch,
  noProducerId,
  partitionsOf,
  TransactionMetadata,
  type TxnTransitMetadata,
} from './transaction-metadata';
import { stateId, stateOfId, TransactionState } from './transaction-state';

const keyVersion = 0;
const valueVersion = 0;

export function transactionRecord(transactionalId: string, to: TxnTransitMetadata, timestamp: number): RecordInput {
  return {
    key: encodeVersioned(TransactionLogKey, keyVersion, { transactionalId }),
    value: encodeVersioned(TransactionLogValue, valueVersion, {
      producerId: to.producerId,
      producerEpoch: to.producerEpoch,
      transactionTimeoutMs: to.txnTimeoutMs,
      transactionStatus: stateId(to.txnState),
      transactionPartitions:
        to.txnState === TransactionState.EMPTY
          ? null
          : byTopic(to.topicPartitions.values()).map(([topic, partitionIds]) => ({ topic, partitionIds })),
      transactionLastUpdateTimestampMs: to.txnLastUpdateTimestamp,
      transactionStartTimestampMs: to.txnStartTimestamp,
    }),
    timestamp,
  };
}

export function transactionTombstone(transactionalId: string, timestamp: number): RecordInput {
  return { key: encodeVersioned(TransactionLogKey, keyVersion, { transactionalId }), value: null, timestamp };
}

/** The transactional id; `undefined` for a kind of record that is not known here. @throws ProtocolError */
export function readTransactionKey(key: Buffer): string | undefined {
  const version = versionOf(key);
  if (version < TransactionLogKey.minVersion || version > TransactionLogKey.maxVersion) return undefined;
  return decodeVersioned(TransactionLogKey, key).transactionalId;
}

/** @throws ProtocolError */
export function readTransactionValue(transactionalId: string, value: Buffer): TransactionMetadata {
  const read = decodeVersioned(TransactionLogValue, value);
  const state = stateOfId(read.transactionStatus);
  if (state === undefined) throw new ProtocolError(`transaction status ${read.transactionStatus} is unknown`);
  const metadata = new TransactionMetadata(
    transactionalId,
    read.producerId,
    read.transactionTimeoutMs,
    read.transactionLastUpdateTimestampMs,
  );
  metadata.producerEpoch = read.producerEpoch;
  // Not written before transaction.version 2: after a move of the coordinator a retried InitProducerId is fenced.
  metadata.lastProducerId = noProducerId;
  metadata.lastProducerEpoch = noProducerEpoch;
  metadata.state = state;
  metadata.txnStartTimestamp = read.transactionStartTimestampMs;
  if (state !== TransactionState.EMPTY) {
    for (const { topic, partitionIds } of read.transactionPartitions ?? []) {
      metadata.addPartitions(partitionsOf(partitionIds.map((partition) => ({ topic, partition }))));
    }
  }
  return metadata;
}

/** Partitions under their topics, both in the order in which they come. */
export function byTopic(partitions: Iterable<TopicPartition>): [string, number[]][] {
  const topics = new Map<string, number[]>();
  for (const { topic, partition } of partitions) {
    const indexes = topics.get(topic);
    if (indexes) indexes.push(partition);
    else topics.set(topic, [partition]);
  }
  return [...topics];
}
