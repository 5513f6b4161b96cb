/** What `--describe` shows of a topic and its partitions, wherever it was read. */
export interface DescribedTopic {
  readonly name: string;
  /** Absent where the source does not know it. */
  readonly topicId?: string | undefined;
  readonly replicationFactor: number;
  /** Those that differ from the default. */
  readonly configs: readonly (readonly [string, string | null])[];
  readonly minInsyncReplicas: number;
  readonly markedForDeletion: boolean;
  readonly partitions: readonly DescribedPartition[];
}

export interface DescribedPartition {
  readonly partition: number;
  /** -1: none. */
  readonly leader: number;
  readonly replicas: readonly number[];
  readonly isr: readonly number[];
  readonly reassignment?: { readonly adding: readonly number[]; readonly removing: readonly number[] } | undefined;
}

/** Which partitions and topics are asked for; none set: everything. */
export interface DescribeSelection {
  readonly underReplicatedPartitions: boolean;
  readonly unavailablePartitions: boolean;
  readonly underMinIsrPartitions: boolean;
  readonly atMinIsrPartitions: boolean;
  readonly topicsWithOverrides: boolean;
}

export interface DescribeStyle {
  /** Kafka 3.9 ends each partition with its eligible leader replicas, which a ZooKeeper cluster does not have. */
  readonly eligibleLeaders: boolean;
}

/** The lines that kafka-topics prints, in its order. */
export function* describeLines(
  topic: DescribedTopic,
  selection: DescribeSelection,
  liveBrokers: ReadonlySet<number>,
  style: DescribeStyle,
): Generator<string> {
  const { underReplicatedPartitions, unavailablePartitions, underMinIsrPartitions, atMinIsrPartitions } = selection;
  const whole = !underReplicatedPartitions && !unavailablePartitions && !underMinIsrPartitions && !atMinIsrPartitions;
  if (whole && (!selection.topicsWithOverrides || topic.configs.length > 0)) yield topicLine(topic);
  if (selection.topicsWithOverrides) return;
  for (const partition of topic.partitions) {
    const factor = partition.replicas.length - (partition.reassignment?.adding.length ?? 0);
    const hasLeader = partition.leader >= 0;
    if (
      whole ||
      (underReplicatedPartitions && factor > partition.isr.length) ||
      (unavailablePartitions && !(hasLeader && liveBrokers.has(partition.leader))) ||
      (underMinIsrPartitions && !(hasLeader && partition.isr.length >= topic.minInsyncReplicas)) ||
      (atMinIsrPartitions && partition.isr.length === topic.minInsyncReplicas)
    ) {
      yield partitionLine(topic, partition, style);
    }
  }
}

const deletion = '\tMarkedForDeletion: true';

function topicLine(topic: DescribedTopic): string {
  const { name, topicId, replicationFactor, configs, partitions, markedForDeletion } = topic;
  return [
    `Topic: ${name}`,
    topicId === undefined ? '' : `\tTopicId: ${topicId}`,
    `\tPartitionCount: ${partitions.length}\tReplicationFactor: ${replicationFactor}`,
    `\tConfigs: ${configs.map(([key, value]) => `${key}=${value}`).join(',')}`,
    markedForDeletion ? deletion : '',
  ].join('');
}

function partitionLine(topic: DescribedTopic, partition: DescribedPartition, style: DescribeStyle): string {
  const { leader, replicas, isr, reassignment } = partition;
  return [
    `\tTopic: ${topic.name}\tPartition: ${partition.partition}\tLeader: ${leader < 0 ? 'none' : leader}`,
    `\tReplicas: ${replicas.join(',')}\tIsr: ${isr.join(',')}`,
    reassignment === undefined
      ? ''
      : `\tAdding Replicas: ${reassignment.adding.join(',')}\tRemoving Replicas: ${reassignment.removing.join(',')}`,
    style.eligibleLeaders ? '\tElr: N/A\tLastKnownElr: N/A' : '',
    topic.markedForDeletion ? deletion : '',
  ].join('');
}
