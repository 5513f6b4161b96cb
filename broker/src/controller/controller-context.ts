import { ControllerMovedException } from '../zookeeper/zk-operations';
import type { BrokerInfo } from '../zookeeper/znodes/broker-id';
import type { VersionedPartitionState } from '../zookeeper/znodes/partition-state';
import type { ReplicaAssignment } from '../zookeeper/znodes/topic';

export interface LiveBroker {
  readonly info: BrokerInfo;
  /** czxid of the registration: tells a broker's lives apart. */
  readonly epoch: bigint;
}

/** Where a partition is in its life (PartitionStateMachine). */
export const PartitionStatus = {
  NonExistentPartition: 'NonExistentPartition',
  /** Has replicas, and no leader yet. */
  NewPartition: 'NewPartition',
  OnlinePartition: 'OnlinePartition',
  /** Its leader is gone. */
  OfflinePartition: 'OfflinePartition',
} as const;
export type PartitionStatus = (typeof PartitionStatus)[keyof typeof PartitionStatus];

/** Where a replica is in its life (ReplicaStateMachine). */
export const ReplicaStatus = {
  NonExistentReplica: 'NonExistentReplica',
  NewReplica: 'NewReplica',
  OnlineReplica: 'OnlineReplica',
  OfflineReplica: 'OfflineReplica',
  ReplicaDeletionStarted: 'ReplicaDeletionStarted',
  ReplicaDeletionSuccessful: 'ReplicaDeletionSuccessful',
  ReplicaDeletionIneligible: 'ReplicaDeletionIneligible',
} as const;
export type ReplicaStatus = (typeof ReplicaStatus)[keyof typeof ReplicaStatus];

export interface ControlledTopic {
  readonly name: string;
  /** null: the cluster does not give ids (inter.broker.protocol.version below 2.8). */
  readonly topicId: string | null;
  readonly partitions: Map<number, ControlledPartition>;
}

/** A partition as the controller sees it. */
export class ControlledPartition {
  status: PartitionStatus = PartitionStatus.NonExistentPartition;
  /** By broker id. */
  readonly replicaStatus = new Map<number, ReplicaStatus>();
  /** As it was last read from or written to ZooKeeper; `undefined`: not yet there, the partition is new. */
  leadership: VersionedPartitionState | undefined;

  constructor(
    readonly topic: ControlledTopic,
    readonly index: number,
    public assignment: ReplicaAssignment,
  ) {}

  toString(): string {
    return `${this.topic.name}-${this.index}`;
  }
}

/** A replica of a partition on a broker. */
export interface Replica {
  readonly partition: ControlledPartition;
  readonly brokerId: number;
}

/** StopReplica: the leader epoch of a topic that is being deleted (LeaderAndIsr.EpochDuringDelete). */
export const epochDuringDelete = -2;
/** A partition without a state has no epoch (LeaderAndIsr.NoEpoch). */
const noEpoch = -1;

/** What a controller knows in its term: all that ZooKeeper said, and what it has decided since (ControllerContext). */
export class ControllerContext {
  /** Those that are registered, those that shut down included. By ascending id. */
  readonly brokers = new Map<number, LiveBroker>();
  /** Raised with every change of `brokers`. */
  brokersVersion = 0;
  readonly shuttingDownBrokerIds = new Set<number>();
  readonly topics = new Map<string, ControlledTopic>();
  readonly topicsById = new Map<string, ControlledTopic>();
  readonly partitionsBeingReassigned = new Set<ControlledPartition>();
  /** Replicas whose broker has lost the log directory that they were in. */
  readonly replicasOnOfflineDirs = new Map<number, Set<ControlledPartition>>();
  /** Topics whose deletion was asked for and is not done. */
  readonly topicsToBeDeleted = new Set<ControlledTopic>();
  readonly topicsWithDeletionStarted = new Set<ControlledTopic>();
  readonly topicsIneligibleForDeletion = new Set<ControlledTopic>();
  #over: string | undefined;

  constructor(
    readonly controllerId: number,
    /** The controller epoch. */
    readonly epoch: number,
    private readonly knownEpochZkVersion: number,
  ) {}

  /**
   * Version of /controller_epoch, which every write checks.
   * @throws ControllerMovedException when the term is over: what still runs must not write any more
   */
  get epochZkVersion(): number {
    this.checkInOffice();
    return this.knownEpochZkVersion;
  }

  get isOver(): boolean {
    return this.#over !== undefined;
  }

  checkInOffice(): void {
    if (this.#over !== undefined)
      throw new ControllerMovedException(`the term of this controller is over: ${this.#over}`);
  }

  end(reason: string): void {
    this.#over ??= reason;
  }

  // Brokers

  setBroker(info: BrokerInfo, epoch: bigint): void {
    const isKnown = this.brokers.has(info.id);
    this.brokers.set(info.id, { info, epoch });
    this.brokersVersion++;
    if (isKnown) return;
    const sorted = [...this.brokers].sort(([a], [b]) => a - b);
    this.brokers.clear();
    for (const [id, broker] of sorted) this.brokers.set(id, broker);
  }

  removeBroker(id: number): void {
    this.brokers.delete(id);
    this.brokersVersion++;
  }

  /** Registered, and not about to shut down. */
  isLive(brokerId: number): boolean {
    return this.brokers.has(brokerId) && !this.shuttingDownBrokerIds.has(brokerId);
  }

  get liveBrokerIds(): number[] {
    return [...this.brokers.keys()].filter((id) => !this.shuttingDownBrokerIds.has(id));
  }

  get liveOrShuttingDownBrokerIds(): number[] {
    return [...this.brokers.keys()];
  }

  isReplicaOnline(brokerId: number, partition: ControlledPartition, includeShuttingDown = false): boolean {
    const isOnline = includeShuttingDown ? this.brokers.has(brokerId) : this.isLive(brokerId);
    return isOnline && this.replicasOnOfflineDirs.get(brokerId)?.has(partition) !== true;
  }

  // Topics

  addTopic(name: string, topicId: string | null): ControlledTopic {
    const topic: ControlledTopic = { name, topicId, partitions: new Map() };
    this.topics.set(name, topic);
    if (topicId !== null) this.topicsById.set(topicId, topic);
    return topic;
  }

  addPartition(topic: ControlledTopic, index: number, assignment: ReplicaAssignment): ControlledPartition {
    const partition = new ControlledPartition(topic, index, assignment);
    topic.partitions.set(index, partition);
    return partition;
  }

  removeTopic(topic: ControlledTopic): void {
    this.topicsToBeDeleted.delete(topic);
    this.topicsWithDeletionStarted.delete(topic);
    this.topicsIneligibleForDeletion.delete(topic);
    this.topics.delete(topic.name);
    if (topic.topicId !== null) this.topicsById.delete(topic.topicId);
    for (const partition of topic.partitions.values()) {
      this.partitionsBeingReassigned.delete(partition);
      for (const held of this.replicasOnOfflineDirs.values()) held.delete(partition);
    }
  }

  partition(topic: string, index: number): ControlledPartition | undefined {
    return this.topics.get(topic)?.partitions.get(index);
  }

  *partitions(): Generator<ControlledPartition> {
    for (const topic of this.topics.values()) yield* topic.partitions.values();
  }

  isQueuedForDeletion(topic: ControlledTopic): boolean {
    return this.topicsToBeDeleted.has(topic);
  }

  /**
   * Its deletion is under way, and no leaders are elected for it any more. One that waits for a reassignment needs them:
   * without a leader no new replica could catch up, and both would wait for ever.
   */
  isBeingDeleted(topic: ControlledTopic): boolean {
    if (!this.topicsToBeDeleted.has(topic)) return false;
    return this.topicsWithDeletionStarted.has(topic) || !this.topicsIneligibleForDeletion.has(topic);
  }

  // Partitions and replicas

  partitionsInStatus(
    statuses: readonly PartitionStatus[],
    partitions: Iterable<ControlledPartition> = this.partitions(),
  ): ControlledPartition[] {
    return [...partitions].filter(({ status }) => statuses.includes(status));
  }

  partitionsWithLeadership(): ControlledPartition[] {
    return [...this.partitions()].filter(({ leadership }) => leadership);
  }

  partitionsWithOfflineLeader(): ControlledPartition[] {
    return this.partitionsWithLeadership().filter(
      (partition) =>
        !this.isBeingDeleted(partition.topic) && !this.isReplicaOnline(partition.leadership!.leader, partition),
    );
  }

  partitionsOnBroker(brokerId: number): ControlledPartition[] {
    return [...this.partitions()].filter(({ assignment }) => assignment.replicas.includes(brokerId));
  }

  replicasOnBrokers(brokerIds: readonly number[]): Replica[] {
    return brokerIds.flatMap((brokerId) =>
      this.partitionsOnBroker(brokerId).map((partition) => ({ partition, brokerId })),
    );
  }

  /** -2 while its topic is to be deleted, which overrides every epoch. */
  leaderEpoch(partition: ControlledPartition): number {
    if (this.isQueuedForDeletion(partition.topic)) return epochDuringDelete;
    return partition.leadership?.leaderEpoch ?? noEpoch;
  }
}

export function replicasOf(partitions: Iterable<ControlledPartition>): Replica[] {
  return [...partitions].flatMap((partition) =>
    partition.assignment.replicas.map((brokerId) => ({ partition, brokerId })),
  );
}
