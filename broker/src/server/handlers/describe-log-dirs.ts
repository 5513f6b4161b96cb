import type { Log } from '../../log/log';
import { Apis } from '../../protocol/api-keys';
import { ErrorCode } from '../../protocol/errors';
import { apiHandler } from '../api-handler';

/** Kafka's handleDescribeLogDirsRequest: what lies in each of log.dirs. Sizes in bytes. */
export const describeLogDirs = apiHandler(Apis.DescribeLogDirs, async (broker, request, _context, respond) => {
  const { logManager } = broker.replicas;
  const wanted = request.topics && new Map(request.topics.map(({ topic, partitions }) => [topic, new Set(partitions)]));
  const byDirectory = new Map<string, Map<string, Log[]>>();
  for (const log of logManager.all()) {
    const { topic, partition } = log.topicPartition;
    if (wanted && !wanted.get(topic)?.has(partition)) continue;
    const byTopic = byDirectory.get(log.logDir) ?? new Map<string, Log[]>();
    byDirectory.set(log.logDir, byTopic);
    const logs = byTopic.get(topic) ?? [];
    byTopic.set(topic, logs);
    logs.push(log);
  }
  const live = await Promise.all(
    logManager.liveLogDirs.map(async (logDir) => {
      const volume = await broker.io.files.volume(logDir).catch(() => undefined);
      return {
        errorCode: ErrorCode.NONE as ErrorCode,
        logDir,
        topics: [...(byDirectory.get(logDir) ?? [])].map(([name, logs]) => ({
          name,
          partitions: logs.map((log) => ({
            partitionIndex: log.topicPartition.partition,
            partitionSize: log.sizeInBytes,
            offsetLag: Math.max(log.highWatermark - log.logEndOffset, 0),
            isFutureKey: false,
          })),
        })),
        totalBytes: BigInt(volume?.totalBytes ?? -1),
        usableBytes: BigInt(volume?.freeBytes ?? -1),
      };
    }),
  );
  const offline = logManager.offlineLogDirs.map((logDir) => ({
    errorCode: ErrorCode.KAFKA_STORAGE_ERROR,
    logDir,
    topics: [],
  }));
  respond({ throttleTimeMs: 0, errorCode: ErrorCode.NONE, results: [...live, ...offline] });
});
