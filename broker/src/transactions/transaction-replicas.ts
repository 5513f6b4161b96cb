import type { FetchData, FetchIsolation } from '../log/fetch-data';
import type { TopicPartition } from '../log/topic-partition';
import type { AppendDone, AppendParams, PartitionAppend } from '../replication/append';

/** A partition of __transaction_state that this broker leads: what is loaded from it. */
export interface StatePartition extends TopicPartition {
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

export interface StateLeadership {
  becameLeader(partition: StatePartition): void;
  resigned(of: TopicPartition, leaderEpoch: number): void;
}

/** What the transaction coordinator needs of the ReplicaManager. */
export interface TransactionReplicas {
  append(params: AppendParams, appends: readonly PartitionAppend[], done: AppendDone): void;
  onLeadership(listener: StateLeadership): void;
}

/** What it needs of the MetadataCache: how many partitions __transaction_state has, and who leads what. */
export interface ClusterMetadata {
  /** Live brokers; none before the controller has told of the cluster. */
  readonly brokers: ReadonlyMap<number, unknown>;
  topic(name: string): { readonly partitions: ReadonlyMap<number, unknown> } | undefined;
  partition(topic: string, index: number): { readonly leader: number } | undefined;
}
