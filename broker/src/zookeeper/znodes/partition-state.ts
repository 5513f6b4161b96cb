import { JsonReader } from './json-reader';
import { jsonBytes, JsonObject, type JsonValue } from './json-writer';
import { TopicZNode } from './topic';

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

/** LeaderRecoveryState: whether the leader was elected out of the ISR and has not recovered yet. */
export const LeaderRecoveryState = { RECOVERED: 0, RECOVERING: 1 } as const;
export type LeaderRecoveryState = (typeof LeaderRecoveryState)[keyof typeof LeaderRecoveryState];

/** What the state znode of a partition holds. Its version in ZooKeeper is the partition epoch. */
export interface PartitionState {
  /** -1: none. */
  readonly leader: number;
  readonly leaderEpoch: number;
  readonly isr: readonly number[];
  readonly leaderRecoveryState: LeaderRecoveryState;
  /** Epoch of the controller that wrote it. */
  readonly controllerEpoch: number;
}

/** A state as it was read. */
export interface VersionedPartitionState extends PartitionState {
  /** The znode's version: what a conditional write must give. */
  readonly partitionEpoch: number;
  /** The transaction that wrote it (mzxid), where it was read and not written: a broker epoch is one, too. */
  readonly writtenZxid?: bigint;
}

/** /brokers/topics/T/partitions */
export const TopicPartitionsZNode = {
  path: (topic: string): string => `${TopicZNode.path(topic)}/partitions`,
} as const;

/** /brokers/topics/T/partitions/P */
export const TopicPartitionZNode = {
  path: ({ topic, partition }: TopicPartition): string => `${TopicPartitionsZNode.path(topic)}/${partition}`,
} as const;

/** /brokers/topics/T/partitions/P/state: version 1 of the JSON. */
export const TopicPartitionStateZNode = {
  path: (partition: TopicPartition): string => `${TopicPartitionZNode.path(partition)}/state`,

  encode(state: PartitionState): Buffer {
    const entries: (readonly [string, JsonValue])[] = [
      ['controller_epoch', state.controllerEpoch],
      ['leader', state.leader],
      ['version', 1],
    ];
    if (state.leaderRecoveryState !== LeaderRecoveryState.RECOVERED) {
      entries.push(['leader_recovery_state', state.leaderRecoveryState]);
    }
    entries.push(['leader_epoch', state.leaderEpoch], ['isr', state.isr]);
    return jsonBytes(new JsonObject(entries));
  },

  decode(partition: TopicPartition, data: Buffer | null, partitionEpoch: number): VersionedPartitionState {
    const json = JsonReader.parse(TopicPartitionStateZNode.path(partition), data);
    return {
      leader: json.field('leader').int(),
      leaderEpoch: json.field('leader_epoch').int(),
      isr: json.field('isr').ints(),
      leaderRecoveryState: (json.optional('leader_recovery_state')?.int(0, 1) ?? 0) as LeaderRecoveryState,
      controllerEpoch: json.field('controller_epoch').int(),
      partitionEpoch,
    };
  },
} as const;
