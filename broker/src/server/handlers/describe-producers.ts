import { Apis } from '../../protocol/api-keys';
import { ErrorCode, KafkaError } from '../../protocol/errors';
import type { InputOf } from '../../protocol/schema';
import { apiHandler } from '../api-handler';
import type { BrokerContext } from '../broker-context';
import { topicNameProblem } from '../topic-name';

type Described = NonNullable<
  NonNullable<InputOf<typeof Apis.DescribeProducers.response>['topics']>[number]['partitions']
>[number];

/**
 * Kafka's handleDescribeProducersRequest: who writes to partitions, and in which transactions, as this broker's replicas
 * know it. Followers answer, too.
 */
export const describeProducers = apiHandler(Apis.DescribeProducers, (broker, { topics }, _context, respond) => {
  respond({
    throttleTimeMs: 0,
    topics: topics.map(({ name, partitionIndexes }) => {
      const error = topicError(broker, name);
      const partitions = partitionIndexes.map((index) =>
        error ? failed(index, error) : describe(broker, name, index),
      );
      return { name, partitions };
    }),
  });
});

function topicError(broker: BrokerContext, name: string): KafkaError | undefined {
  const problem = topicNameProblem(name);
  if (problem !== undefined) {
    return new KafkaError(ErrorCode.INVALID_TOPIC_EXCEPTION, `Topic name is invalid: ${problem}`);
  }
  return broker.metadata.topic(name) ? undefined : new KafkaError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
}

function describe(broker: BrokerContext, topic: string, partitionIndex: number): Described {
  const partition = broker.replicas.partitionOrError(topic, partitionIndex);
  if (partition instanceof KafkaError) return failed(partitionIndex, partition);
  return {
    partitionIndex,
    errorCode: ErrorCode.NONE,
    errorMessage: null,
    activeProducers: [...partition.log.activeProducers()].map((producer) => ({
      producerId: producer.producerId,
      producerEpoch: producer.producerEpoch,
      lastSequence: producer.lastSequence,
      lastTimestamp: BigInt(producer.lastTimestamp),
      coordinatorEpoch: producer.coordinatorEpoch,
      currentTxnStartOffset: producer.currentTxnFirstOffset,
    })),
  };
}

function failed(partitionIndex: number, { code, message }: KafkaError): Described {
  return { partitionIndex, errorCode: code, errorMessage: message, activeProducers: [] };
}
