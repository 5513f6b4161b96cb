import type { FetchData, FetchIsolation } from '../log/fetch-data';
import type { TopicPartition } from '../log/topic-partition';
import type { AppendDone, AppendParams, PartitionAppend } from './append';

/** A partition of an internal topic that this broker leads: what a coordinator loads from it. */
export interface CoordinatorPartition extends TopicPartition {
  readonly leaderEpoch: number;
  readonly log: {
    readonly logDir: string;
    readonly config: { readonly maxMessageBytes: number };
    readonly logStartOffset: number;
    readonly logEndOffset: number;
    /** All replicas of the ISR have what lies below it. */
    readonly highWatermark: number;
    read(
      offset: number,
      maxBytes: number,
      isolation: FetchIsolation,
      minOneMessage: boolean,
    ): FetchData | Promise<FetchData>;
  };
}

export interface CoordinatorLeadership {
  becameLeader(partition: CoordinatorPartition): void;
  resigned(of: TopicPartition, leaderEpoch: number): void;
}

/** What a coordinator needs of the ReplicaManager. */
export interface CoordinatorReplicas {
  append(params: AppendParams, appends: readonly PartitionAppend[], done: AppendDone): void;
  onLeadership(listener: CoordinatorLeadership): void;
}
