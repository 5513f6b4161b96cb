import type { Log } from '../log/log';
import type { TopicPartition } from '../log/topic-partition';
import { ErrorCode, KafkaError } from '../protocol/errors';
import type { LeaderAndIsrRequest } from '../protocol/messages/leader-and-isr';

export type PartitionState = LeaderAndIsrRequest['topicStates'][number]['partitionStates'][number];

/**
 * A partition that this broker holds a replica of (Kafka's Partition): its role, as the controller gave it, over its
 * log.
 */
export class Partition implements TopicPartition {
  leaderId = -1;
  leaderEpoch = -1;
  /** Version of the partition's state in ZooKeeper. */
  partitionEpoch = -1;
  controllerEpoch = -1;
  isr: readonly number[] = [];
  replicas: readonly number[] = [];
  /** Its log directory has failed. */
  isOffline = false;
  /** Where this broker's leadership began in the log; -1 while it does not lead. */
  leaderEpochStartOffset = -1;
  /** Bytes that were ever appended by this object: what waiting fetches count with. */
  appendedBytes = 0;

  constructor(
    readonly topic: string,
    readonly partition: number,
    readonly topicId: string | undefined,
    readonly localBrokerId: number,
    readonly log: Log,
  ) {}

  get isLeader(): boolean {
    return this.leaderId === this.localBrokerId && !this.isOffline;
  }

  /** Takes the role over; returns whether the leader epoch is a new one. */
  setState(state: PartitionState): boolean {
    const isNewEpoch = state.leaderEpoch > this.leaderEpoch;
    this.leaderId = state.leader;
    this.leaderEpoch = state.leaderEpoch;
    this.partitionEpoch = state.partitionEpoch;
    this.controllerEpoch = state.controllerEpoch;
    this.isr = state.isr;
    this.replicas = state.replicas;
    if (!this.isLeader) {
      this.leaderEpochStartOffset = -1;
    } else if (isNewEpoch) {
      this.leaderEpochStartOffset = this.log.logEndOffset;
      this.log.assignEpochStartOffset(state.leaderEpoch, this.log.logEndOffset);
    }
    return isNewEpoch;
  }

  /** @throws KafkaError unless this broker leads the partition in the epoch that the client believes in (-1: any) */
  requireLeader(currentLeaderEpoch: number): void {
    if (this.isOffline) throw new KafkaError(ErrorCode.KAFKA_STORAGE_ERROR);
    this.requireEpoch(currentLeaderEpoch);
    if (!this.isLeader) throw new KafkaError(ErrorCode.NOT_LEADER_OR_FOLLOWER);
  }

  requireEpoch(currentLeaderEpoch: number): void {
    if (currentLeaderEpoch === -1 || currentLeaderEpoch === this.leaderEpoch) return;
    throw new KafkaError(
      currentLeaderEpoch < this.leaderEpoch ? ErrorCode.FENCED_LEADER_EPOCH : ErrorCode.UNKNOWN_LEADER_EPOCH,
    );
  }

  /** Moves the high watermark up to what the whole ISR has; returns whether it moved. */
  maybeAdvanceHighWatermark(): boolean {
    if (!this.isLeader || this.isr.length > 1) return false;
    return this.log.maybeIncrementHighWatermark(this.log.logEndOffsetMetadata) !== undefined;
  }
}
