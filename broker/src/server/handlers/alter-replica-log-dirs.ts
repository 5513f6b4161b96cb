import { Apis } from '../../protocol/api-keys';
import type { ErrorCode } from '../../protocol/errors';
import type { LogDirMove } from '../../replication/replica-manager';
import { apiHandler } from '../api-handler';

/** Kafka's handleAlterReplicaLogDirsRequest: replicas are to be in other log directories of this broker (KIP-113). */
export const alterReplicaLogDirs = apiHandler(Apis.AlterReplicaLogDirs, async (broker, request, _context, respond) => {
  // Of two directories for one partition the last one counts, as in Kafka.
  const moves = new Map<string, LogDirMove>();
  for (const { path, topics } of request.dirs) {
    for (const { name, partitions } of topics) {
      for (const partition of partitions) moves.set(`${name}-${partition}`, { topic: name, partition, logDir: path });
    }
  }
  const errors = await broker.replicas.alterReplicaLogDirs([...moves.values()]);
  const results = new Map<string, { partitionIndex: number; errorCode: ErrorCode }[]>();
  [...moves.values()].forEach(({ topic, partition }, i) => {
    const answered = results.get(topic) ?? [];
    results.set(topic, answered);
    answered.push({ partitionIndex: partition, errorCode: errors[i] });
  });
  respond({ throttleTimeMs: 0, results: [...results].map(([topicName, partitions]) => ({ topicName, partitions })) });
});
