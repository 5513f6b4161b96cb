import { Apis } from '../../protocol/api-keys';
import { apiHandler } from '../api-handler';

/** Kafka's handleDeleteRecordsRequest: moves the log start offset up, here and on the followers. */
export const deleteRecords = apiHandler(Apis.DeleteRecords, (broker, request, _context, respond) => {
  const deletions = request.topics.flatMap(({ name: topic, partitions }) =>
    partitions.map(({ partitionIndex: partition, offset }) => ({ topic, partition, offset })),
  );
  broker.replicas.deleteRecords(request.timeoutMs, deletions, (results) => {
    let next = 0;
    respond({
      throttleTimeMs: 0,
      topics: request.topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, ...results[next++] })),
      })),
    });
  });
});
