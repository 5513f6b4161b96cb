import { Apis } from '../../protocol/api-keys';
import { ErrorCode, KafkaError } from '../../protocol/errors';
import type { ListOffsetsRequest } from '../../protocol/messages/list-offsets';
import type { Log } from '../../log/log';
import { ListOffsetsTimestamp } from '../../log/timestamp-and-offset';
import { readableEnd } from '../../replication/fetch';
import type { Partition } from '../../replication/partition';
import { apiHandler } from '../api-handler';
import type { BrokerContext } from '../broker-context';

type Wanted = ListOffsetsRequest['topics'][number]['partitions'][number];

/** Smallest version that knows a special timestamp. */
const sinceVersion = new Map<number, number>([
  [ListOffsetsTimestamp.LATEST, 0],
  [ListOffsetsTimestamp.EARLIEST, 0],
  [ListOffsetsTimestamp.MAX_TIMESTAMP, 7],
  [ListOffsetsTimestamp.EARLIEST_LOCAL, 8],
  [ListOffsetsTimestamp.LATEST_TIERED, 9],
]);

/** Kafka's handleListOffsetRequest. */
export const listOffsets = apiHandler(Apis.ListOffsets, async (broker, request, context, respond) => {
  const { apiVersion } = context.header;
  const asked = new Set<string>();
  const twice = new Set<string>();
  for (const { name, partitions } of request.topics) {
    for (const { partitionIndex } of partitions) {
      const key = `${name}-${partitionIndex}`;
      if (asked.has(key)) twice.add(key);
      asked.add(key);
    }
  }
  const topics = await Promise.all(
    request.topics.map(async ({ name, partitions }) => ({
      name,
      partitions: await Promise.all(
        partitions.map(async (wanted) => {
          const { partitionIndex } = wanted;
          try {
            if (apiVersion > 0 && twice.has(`${name}-${partitionIndex}`))
              throw new KafkaError(ErrorCode.INVALID_REQUEST);
            return {
              partitionIndex,
              errorCode: ErrorCode.NONE,
              ...(await offsetOf(broker, request, apiVersion, name, wanted)),
            };
          } catch (error) {
            if (error instanceof KafkaError) return { partitionIndex, errorCode: errorOf(error, apiVersion) };
            broker.logger.error(`Looking for an offset of ${name}-${partitionIndex} failed unexpectedly.`, { error });
            return { partitionIndex, errorCode: ErrorCode.UNKNOWN_SERVER_ERROR };
          }
        }),
      ),
    })),
  );
  respond({ topics });
});

async function offsetOf(
  broker: BrokerContext,
  request: ListOffsetsRequest,
  apiVersion: number,
  topic: string,
  wanted: Wanted,
): Promise<{ oldStyleOffsets?: number[]; timestamp?: bigint; offset?: number; leaderEpoch?: number }> {
  // A time beyond what a number holds is a time in the far future: there is no record of it.
  const timestamp = Number(wanted.timestamp);
  if (timestamp < 0 && apiVersion < (sinceVersion.get(timestamp) ?? Infinity)) {
    throw new KafkaError(ErrorCode.UNSUPPORTED_VERSION);
  }
  const partition = replicaFor(broker, request.replicaId, topic, wanted);
  const { log } = partition;
  const isConsumer = request.replicaId === -1;
  if (apiVersion === 0) {
    const offsets = await log.legacyFetchOffsetsBefore(timestamp, Math.max(0, wanted.maxNumOffsets));
    const { highWatermark } = log;
    const isAbove = (offset: number): boolean => isConsumer && offset > highWatermark;
    const visible = offsets.filter((offset) => !isAbove(offset));
    return { oldStyleOffsets: offsets.some(isAbove) ? [highWatermark, ...visible] : visible };
  }
  const withEpoch = (leaderEpoch: number | undefined) => (apiVersion >= 4 ? { leaderEpoch: leaderEpoch ?? -1 } : {});
  const end = readableEnd(
    partition,
    !isConsumer ? 'logEnd' : request.isolationLevel === 1 ? 'txnCommitted' : 'highWatermark',
  );
  // A new leader does not know yet what of the last epoch is committed.
  const isLagging = isConsumer && partition.leaderEpochStartOffset > log.highWatermark;
  if (timestamp === ListOffsetsTimestamp.LATEST) {
    if (isLagging) throw new KafkaError(ErrorCode.OFFSET_NOT_AVAILABLE);
    return { timestamp: -1n, offset: end, ...withEpoch(partition.leaderEpoch) };
  }
  const isEarliest = timestamp === ListOffsetsTimestamp.EARLIEST || timestamp === ListOffsetsTimestamp.EARLIEST_LOCAL;
  const look = () => log.fetchOffsetByTimestamp(timestamp);
  const found = await (isEarliest ? look() : lookedUp(broker, log, look));
  if (found !== undefined && (isEarliest || found.offset < end)) {
    return { timestamp: int64Of(found.timestamp), offset: found.offset, ...withEpoch(found.leaderEpoch) };
  }
  if (isLagging) throw new KafkaError(ErrorCode.OFFSET_NOT_AVAILABLE);
  return { timestamp: -1n, offset: -1 };
}

/** Reads files. Where the disk hangs the client is to ask again. */
async function lookedUp<T>(broker: BrokerContext, { directory }: Log, look: () => Promise<T>): Promise<T> {
  const result = await broker.replicas.offsetLookups.run(async () => {
    if (directory.hangs) return undefined;
    return directory.unlessHanging(look().then((found) => ({ found })));
  });
  if (result === undefined) {
    throw new KafkaError(ErrorCode.REQUEST_TIMED_OUT, `log directory ${directory.path} does not answer`);
  }
  return result.found;
}

/** The replica id of tools that ask a broker for what it has itself (ListOffsetsRequest.DEBUGGING_REPLICA_ID). */
const debuggingReplicaId = -2;

function replicaFor(broker: BrokerContext, replicaId: number, topic: string, wanted: Wanted): Partition {
  const { partitionIndex, currentLeaderEpoch } = wanted;
  if (replicaId !== debuggingReplicaId) return broker.replicas.leader(topic, partitionIndex, currentLeaderEpoch);
  const partition = broker.replicas.partitionOrError(topic, partitionIndex);
  if (partition instanceof KafkaError) throw partition;
  partition.requireReplica(currentLeaderEpoch);
  return partition;
}

/** Clients before version 5 know no OFFSET_NOT_AVAILABLE. */
function errorOf({ code }: KafkaError, apiVersion: number): ErrorCode {
  return code === ErrorCode.OFFSET_NOT_AVAILABLE && apiVersion < 5 ? ErrorCode.LEADER_NOT_AVAILABLE : code;
}

/** A timestamp is rounded where a number does not hold it exactly, the largest one beyond what the field holds. */
function int64Of(timestamp: number): bigint {
  return timestamp >= 2 ** 63 ? 2n ** 63n - 1n : BigInt(timestamp);
}
