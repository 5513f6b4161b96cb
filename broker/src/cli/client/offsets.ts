import { partitionName, type TopicPartition } from '../../log/topic-partition';
import { Apis } from '../../protocol/api-keys';
import { ErrorCode, errorName, KafkaError } from '../../protocol/errors';
import { throwIfError, type ClusterClient } from './cluster-client';

/** Timestamps with a meaning of their own in ListOffsets. */
export const OffsetSpec = { latest: -1n, earliest: -2n, maxTimestamp: -3n } as const;

export interface ListedOffset extends TopicPartition {
  /** -1: none, as where no record is as young as the timestamp. */
  readonly offset: number;
  readonly timestamp: bigint;
}

/**
 * The offsets of a timestamp in each partition, in their order, each asked of the partition's leader.
 * @param timestamp milliseconds, or an OffsetSpec
 */
export function listOffsets(
  cluster: ClusterClient,
  partitions: readonly TopicPartition[],
  timestamp: bigint,
  isolationLevel = 0,
): Promise<ListedOffset[]> {
  if (partitions.length === 0) return Promise.resolve([]);
  return cluster.retrying('ListOffsets', async () => {
    const found = new Map<string, ListedOffset>();
    const leaders = await partitionsByLeader(cluster, partitions);
    await Promise.all(
      [...leaders].map(async ([leader, led]) => {
        const connection = await cluster.connectionTo({ broker: leader });
        const version = Math.max(1, connection.versionOf(Apis.ListOffsets));
        const topics = [...byTopic(led)].map(([name, numbers]) => ({
          name,
          partitions: numbers.map((partitionIndex) => ({ partitionIndex, timestamp })),
        }));
        const response = await connection.send(Apis.ListOffsets, version, { replicaId: -1, isolationLevel, topics });
        for (const { name, partitions } of response.topics) {
          for (const { partitionIndex, errorCode, offset, timestamp } of partitions) {
            const partition = { topic: name, partition: partitionIndex };
            throwIfError(errorCode, `${partitionName(partition)}: ${errorName(errorCode)}`);
            found.set(partitionName(partition), { ...partition, offset, timestamp });
          }
        }
      }),
    );
    return partitions.map((partition) => {
      const listed = found.get(partitionName(partition));
      if (listed !== undefined) return listed;
      throw new KafkaError(
        ErrorCode.LEADER_NOT_AVAILABLE,
        `${partitionName(partition)}: its leader says nothing of it`,
      );
    });
  });
}

/** @throws KafkaError for a partition that is not there or has no leader */
export async function partitionsByLeader<P extends TopicPartition>(
  cluster: ClusterClient,
  partitions: readonly P[],
): Promise<Map<number, P[]>> {
  const { topics } = await cluster.metadata([...new Set(partitions.map(({ topic }) => topic))]);
  const leaders = new Map<string, number>();
  for (const { name, errorCode, partitions } of topics) {
    throwIfError(errorCode, `${name}: ${errorName(errorCode)}`);
    for (const { partitionIndex, leaderId } of partitions) {
      leaders.set(partitionName({ topic: name ?? '', partition: partitionIndex }), leaderId);
    }
  }
  const byLeader = new Map<number, P[]>();
  for (const partition of partitions) {
    const leader = leaders.get(partitionName(partition));
    if (leader === undefined) {
      const what = `${partition.topic} has no partition ${partition.partition}`;
      throw new KafkaError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, what);
    }
    throwIfError(leader < 0 ? ErrorCode.LEADER_NOT_AVAILABLE : 0, `${partitionName(partition)} has no leader`);
    const led = byLeader.get(leader);
    if (led === undefined) byLeader.set(leader, [partition]);
    else led.push(partition);
  }
  return byLeader;
}

/** Partition numbers by topic, in the order of their first appearance. */
export function byTopic(partitions: Iterable<TopicPartition>): Map<string, number[]> {
  const grouped = new Map<string, number[]>();
  for (const { topic, partition } of partitions) {
    const numbers = grouped.get(topic);
    if (numbers === undefined) grouped.set(topic, [partition]);
    else numbers.push(partition);
  }
  return grouped;
}

/** A group's committed offsets, by partitionName; partitions without one are left out. */
export function committedOffsets(
  cluster: ClusterClient,
  group: string,
  requireStable = false,
): Promise<Map<string, TopicPartition & { readonly offset: number }>> {
  return cluster.retrying('OffsetFetch', async () => {
    const connection = await cluster.connectionTo({ group });
    const version = connection.versionOf(Apis.OffsetFetch);
    const isBatched = version >= 8;
    const response = await connection.send(Apis.OffsetFetch, version, {
      groupId: isBatched ? '' : group,
      topics: isBatched ? [] : null,
      groups: isBatched ? [{ groupId: group, topics: null }] : [],
      requireStable: requireStable && version >= 7,
    });
    const { errorCode, topics } = isBatched ? response.groups[0]! : response;
    throwIfError(errorCode);
    const committed = new Map<string, TopicPartition & { readonly offset: number }>();
    for (const { name, partitions } of topics) {
      for (const { partitionIndex, committedOffset, errorCode } of partitions) {
        throwIfError(errorCode);
        const partition = { topic: name, partition: partitionIndex };
        if (committedOffset >= 0) committed.set(partitionName(partition), { ...partition, offset: committedOffset });
      }
    }
    return committed;
  });
}
