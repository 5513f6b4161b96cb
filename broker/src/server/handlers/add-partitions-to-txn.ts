import type { TopicPartition } from '../../log/topic-partition';
import { Apis } from '../../protocol/api-keys';
import { ErrorCode } from '../../protocol/errors';
import type { AddPartitionsToTxnRequest } from '../../protocol/messages/add-partitions-to-txn';
import type { TransactionalProducer } from '../../transactions/transaction-coordinator';
import { apiHandler } from '../api-handler';
import type { BrokerContext } from '../broker-context';
import { fencedError } from '../transaction-errors';

type Topics = AddPartitionsToTxnRequest['v3AndBelowTopics'];

/**
 * Kafka's handleAddPartitionsToTxnRequest. Up to version 3 a client's, of one transaction; from 4 on other brokers', of
 * several, which add partitions or ask about them.
 */
export const addPartitionsToTxn = apiHandler(Apis.AddPartitionsToTxn, async (broker, request, context, respond) => {
  const { apiVersion } = context.header;
  if (apiVersion < 4) {
    const producer = {
      transactionalId: request.v3AndBelowTransactionalId,
      producerId: request.v3AndBelowProducerId,
      producerEpoch: request.v3AndBelowProducerEpoch,
    };
    const topics = request.v3AndBelowTopics;
    const errors = await addOrVerify(broker, producer, topics, false, apiVersion >= 2);
    respond({ throttleTimeMs: 0, resultsByTopicV3AndBelow: results(topics, errors) });
    return;
  }
  const resultsByTransaction = await Promise.all(
    request.transactions.map(async ({ topics, verifyOnly, ...producer }) => ({
      transactionalId: producer.transactionalId,
      topicResults: results(topics, await addOrVerify(broker, producer, topics, verifyOnly, true)),
    })),
  );
  respond({ throttleTimeMs: 0, errorCode: ErrorCode.NONE, resultsByTransaction });
});

/** Errors in the order of the partitions. */
async function addOrVerify(
  broker: BrokerContext,
  producer: TransactionalProducer,
  topics: Topics,
  verifyOnly: boolean,
  knowsFenced: boolean,
): Promise<ErrorCode[]> {
  const partitions: TopicPartition[] = topics.flatMap(({ name, partitions: indexes }) =>
    indexes.map((partition) => ({ topic: name, partition })),
  );
  const isUnknown = partitions.map(({ topic, partition }) => broker.metadata.partition(topic, partition) === undefined);
  if (isUnknown.includes(true)) {
    // All or nothing.
    return isUnknown.map((unknown) =>
      unknown ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION : ErrorCode.OPERATION_NOT_ATTEMPTED,
    );
  }
  const { transactionalId, producerId, producerEpoch } = producer;
  const who = { transactionalId, producerId, producerEpoch };
  if (verifyOnly) return broker.transactions.verifyPartitions(who, partitions);
  const error = fencedError(await broker.transactions.addPartitions(who, partitions), knowsFenced);
  return partitions.map(() => error);
}

function results(topics: Topics, errors: readonly ErrorCode[]) {
  let next = 0;
  return topics.map(({ name, partitions }) => ({
    name,
    resultsByPartition: partitions.map((partitionIndex) => ({ partitionIndex, partitionErrorCode: errors[next++] })),
  }));
}
