import type { Log } from '../../log/log';
import { Apis } from '../../protocol/api-keys';
import { ErrorCode } from '../../protocol/errors';
import { apiHandler } from '../api-handler';
import type { BrokerContext } from '../broker-context';

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
      const volume = await logManager.volumeOf(logDir);
      return {
        errorCode: ErrorCode.NONE as ErrorCode,
        logDir,
        topics: [...(byDirectory.get(logDir) ?? [])].map(([name, logs]) => ({
          name,
          partitions: logs.map((log) => ({
            partitionIndex: log.topicPartition.partition,
            partitionSize: log.sizeInBytes,
            offsetLag: offsetLagOf(broker, log),
            isFutureKey: isFuture(broker, log),
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

function isFuture(broker: BrokerContext, log: Log): boolean {
  return broker.replicas.logManager.future(log.topicPartition) === log;
}

/** What a copy lacks of the log that it is made of; -1: this broker has no role in the partition. */
function offsetLagOf(broker: BrokerContext, log: Log): number {
  const { topic, partition: index } = log.topicPartition;
  const partition = broker.replicas.partition(topic, index);
  if (!partition || partition.isOffline) return -1;
  const current = partition.log;
  return isFuture(broker, log)
    ? current.logEndOffset - log.logEndOffset
    : Math.max(current.highWatermark - log.logEndOffset, 0);
}
