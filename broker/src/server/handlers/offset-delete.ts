import { Apis } from '../../protocol/api-keys';
import { ErrorCode } from '../../protocol/errors';
import { apiHandler } from '../api-handler';

/** Kafka's handleOffsetDeleteRequest. */
export const offsetDelete = apiHandler(Apis.OffsetDelete, (broker, request, _context, respond) => {
  const known: { topic: string; partition: number }[] = [];
  for (const { name: topic, partitions } of request.topics) {
    for (const { partitionIndex: partition } of partitions) {
      if (broker.metadata.partition(topic, partition)) known.push({ topic, partition });
    }
  }
  const { errorCode, errors } = broker.groups.deleteOffsets(request.groupId, known);
  if (errorCode !== ErrorCode.NONE) {
    respond({ throttleTimeMs: 0, errorCode, topics: [] });
    return;
  }
  let next = 0;
  respond({
    throttleTimeMs: 0,
    errorCode,
    topics: request.topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex }) => ({
        partitionIndex,
        errorCode: broker.metadata.partition(name, partitionIndex)
          ? errors[next++]
          : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
      })),
    })),
  });
});
