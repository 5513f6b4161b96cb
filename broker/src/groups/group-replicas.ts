import type { FetchData, FetchIsolation } from '../log/fetch-data';
import type { TopicPartition } from '../log/topic-partition';
import type { AppendDone, AppendParams, PartitionAppend } from '../replication/append';

/** A partition of __consumer_offsets that this broker leads: what is loaded from it. */
export interface OffsetsPartition extends TopicPartition {
  readonly leaderEpoch: number;
  readonly log: {
    readonly logStartOffset: number;
    readonly logEndOffset: number;
    read(
      offset: number,
      maxBytes: number,
      isolation: FetchIsolation,
      minOneMessage: boolean,
    ): FetchData | Promise<FetchData>;
  };
}

export interface OffsetsLeadership {
  becameLeader(partition: OffsetsPartition): void;
  resigned(of: TopicPartition, leaderEpoch: number): void;
}

/** What the group coordinator needs of the ReplicaManager. */
export interface GroupReplicas {
  append(params: AppendParams, appends: readonly PartitionAppend[], done: AppendDone): void;
  onLeadership(listener: OffsetsLeadership): void;
}

/** What it needs of the MetadataCache: how many partitions __consumer_offsets has. */
export interface GroupTopics {
  topic(name: string): { readonly partitions: ReadonlyMap<number, unknown> } | undefined;
}
