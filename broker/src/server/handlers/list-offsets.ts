import { Apis } from '../../protocol/api-keys';
import { ErrorCode, KafkaError } from '../../protocol/errors';
import type { ListOffsetsRequest } from '../../protocol/messages/list-offsets';
import { ListOffsetsTimestamp } from '../../log/timestamp-and-offset';
import { readableEnd } from '../../replication/fetch';
import { apiHandler } from '../api-handler';
import type { BrokerContext } from '../broker-context';

type Wanted = ListOffsetsRequest['topics'][number]['partitions'][number];

/** Smallest version that knows a special timestamp. */
const sinceVersion = new Map<number, number>([
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
            if (!(error instanceof KafkaError)) throw error;
            return { partitionIndex, errorCode: error.code };
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
  const partition = broker.replicas.leader(topic, wanted.partitionIndex, wanted.currentLeaderEpoch);
  const { log } = partition;
  // A time beyond what a number holds is a time in the far future: there is no record of it.
  const timestamp = Number(wanted.timestamp);
  if ((sinceVersion.get(timestamp) ?? 0) > apiVersion || timestamp < ListOffsetsTimestamp.LATEST_TIERED) {
    throw new KafkaError(ErrorCode.UNSUPPORTED_VERSION);
  }
  const isConsumer = request.replicaId === -1;
  const isolation = !isConsumer ? 'logEnd' : request.isolationLevel === 1 ? 'txnCommitted' : 'highWatermark';
  const end = readableEnd(partition, isolation);
  if (apiVersion === 0) {
    const offsets = await log.legacyFetchOffsetsBefore(timestamp, wanted.maxNumOffsets);
    return { oldStyleOffsets: offsets.map((offset) => Math.min(offset, end)).slice(0, wanted.maxNumOffsets) };
  }
  const withEpoch = (leaderEpoch: number | undefined) => (apiVersion >= 4 ? { leaderEpoch: leaderEpoch ?? -1 } : {});
  if (timestamp === ListOffsetsTimestamp.LATEST) return { timestamp: -1n, offset: end, ...withEpoch(log.latestEpoch) };
  const found = await log.fetchOffsetByTimestamp(timestamp);
  const isVisible =
    found !== undefined && (found.offset < end || timestamp === ListOffsetsTimestamp.EARLIEST || found.offset === -1);
  if (!isVisible) return { timestamp: -1n, offset: -1 };
  return { timestamp: BigInt(found.timestamp), offset: found.offset, ...withEpoch(found.leaderEpoch) };
}
