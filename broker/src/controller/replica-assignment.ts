import type { Random } from '../io/random';
import { ErrorCode, KafkaError } from '../protocol/errors';

export interface BrokerRack {
  readonly id: number;
  /** Without a rack: null. */
  readonly rack: string | null;
}

/** Where an assignment begins; unset: at random places, so that topics do not all begin on the same broker. */
export interface AssignmentStart {
  /** Index of the broker (of the sorted list) that leads the first partition, and the first shift of its followers. */
  readonly startIndex?: number;
  /** Number of the first partition: a topic that grows goes on where it was. */
  readonly startPartition?: number;
}

/**
 * Spreads the replicas of partitions evenly over brokers (Kafka's AdminUtils.assignReplicasToBrokers). Leaders go round
 * the brokers; followers follow at a shift that grows with every round, so that the load of a failed broker spreads.
 * When every broker has a rack, replicas of a partition go to different racks first.
 *
 * @returns the brokers of each partition, the preferred leader first
 * @throws KafkaError INVALID_PARTITIONS, INVALID_REPLICATION_FACTOR
 */
export function assignReplicas(
  random: Random,
  brokers: readonly BrokerRack[],
  partitions: number,
  replicationFactor: number,
  start: AssignmentStart = {},
): number[][] {
  if (partitions <= 0) {
    throw new KafkaError(ErrorCode.INVALID_PARTITIONS, 'Number of partitions must be larger than 0.');
  }
  if (replicationFactor <= 0) {
    throw new KafkaError(ErrorCode.INVALID_REPLICATION_FACTOR, 'Replication factor must be larger than 0.');
  }
  if (replicationFactor > brokers.length) {
    throw new KafkaError(
      ErrorCode.INVALID_REPLICATION_FACTOR,
      `Replication factor: ${replicationFactor} larger than available brokers: ${brokers.length}.`,
    );
  }
  const racks = new Map<number, string>();
  for (const { id, rack } of brokers) if (rack !== null) racks.set(id, rack);
  const isRackAware = racks.size === brokers.length;
  const order = isRackAware ? alternateRacks(racks) : brokers.map(({ id }) => id).sort((a, b) => a - b);
  const startIndex = start.startIndex ?? random.below(order.length);
  const firstPartition = Math.max(0, start.startPartition ?? 0);
  let shift = start.startIndex ?? random.below(order.length);
  const assignment: number[][] = [];
  for (let partition = firstPartition; partition < firstPartition + partitions; partition++) {
    if (partition > 0 && partition % order.length === 0) shift++;
    const first = (partition + startIndex) % order.length;
    assignment.push(
      isRackAware
        ? rackAwareReplicas(order, racks, first, shift, replicationFactor)
        : shiftedReplicas(order, first, shift, replicationFactor),
    );
  }
  return assignment;
}

function shiftedReplicas(order: readonly number[], first: number, shift: number, replicationFactor: number): number[] {
  const replicas = [order[first]];
  for (let i = 0; i < replicationFactor - 1; i++) replicas.push(order[replicaIndex(first, shift, i, order.length)]);
  return replicas;
}

/** Skips a broker whose rack, or which itself, the partition already has, while other racks and brokers have none. */
function rackAwareReplicas(
  order: readonly number[],
  racks: ReadonlyMap<number, string>,
  first: number,
  shift: number,
  replicationFactor: number,
): number[] {
  const numRacks = new Set(racks.values()).size;
  const replicas = [order[first]];
  const usedRacks = new Set([racks.get(order[first])]);
  for (let i = 0, step = 0; i < replicationFactor - 1; step++) {
    const broker = order[replicaIndex(first, shift * numRacks, step, order.length)];
    const rack = racks.get(broker);
    if (usedRacks.has(rack) && usedRacks.size < numRacks) continue;
    if (replicas.includes(broker)) continue;
    replicas.push(broker);
    usedRacks.add(rack);
    i++;
  }
  return replicas;
}

/** Never the leader's own index. */
function replicaIndex(first: number, shift: number, replica: number, brokers: number): number {
  return (first + 1 + ((shift + replica) % (brokers - 1))) % brokers;
}

/** Brokers so ordered that neighbours are in different racks: the first of each rack, then the second of each, … */
function alternateRacks(racks: ReadonlyMap<number, string>): number[] {
  const byRack = new Map<string, number[]>();
  for (const [id, rack] of [...racks].sort(([a], [b]) => a - b)) byRack.set(rack, [...(byRack.get(rack) ?? []), id]);
  const queues = [...byRack].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, ids]) => ids);
  const order: number[] = [];
  for (let round = 0; order.length < racks.size; round++) {
    for (const ids of queues) if (round < ids.length) order.push(ids[round]);
  }
  return order;
}
