import { Apis } from '../../protocol/api-keys';
import { ErrorCode, KafkaError } from '../../protocol/errors';
import { isInternalTopic } from '../../replication/internal-topics';
import { apiHandler } from '../api-handler';
import type { BrokerContext } from '../broker-context';

/** The offset of DeleteRecords that stands for the high watermark. */
const upToHighWatermark = -1;

/** Kafka's handleDeleteRecordsRequest: moves the log start offset up. */
export const deleteRecords = apiHandler(Apis.DeleteRecords, (broker, request, _context, respond) => {
  respond({
    throttleTimeMs: 0,
    topics: request.topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex, offset }) => {
        try {
          return { partitionIndex, lowWatermark: deleteBefore(broker, name, partitionIndex, offset), errorCode: 0 };
        } catch (error) {
          if (!(error instanceof KafkaError)) throw error;
          return { partitionIndex, lowWatermark: -1, errorCode: error.code };
        }
      }),
    })),
  });
});

function deleteBefore(broker: BrokerContext, topic: string, partition: number, offset: number): number {
  if (isInternalTopic(topic)) throw new KafkaError(ErrorCode.INVALID_TOPIC_EXCEPTION);
  const { log } = broker.replicas.leader(topic, partition);
  if (!log.config.cleanupDelete) {
    throw new KafkaError(
      ErrorCode.POLICY_VIOLATION,
      `Records of ${topic} cannot be deleted: its cleanup.policy has no delete`,
    );
  }
  const target = offset === upToHighWatermark ? log.highWatermark : offset;
  if (target < 0) throw new KafkaError(ErrorCode.OFFSET_OUT_OF_RANGE);
  log.maybeIncrementLogStartOffset(target);
  return log.logStartOffset;
}
