import type { BrokerInfo } from '../zookeeper/znodes/broker-id';
import type { PartitionState } from '../zookeeper/znodes/partition-state';
import type { ReplicaAssignment, TopicAssignment } from '../zookeeper/znodes/topic';

export interface LiveBroker {
  readonly info: BrokerInfo;
  /** czxid of the registration: tells a broker's lives apart. */
  readonly epoch: bigint;
}

/** A partition as the controller sees it. */
export interface ControlledPartition {
  readonly topic: string;
  readonly partition: number;
  assignment: ReplicaAssignment;
  /** As it stands in ZooKeeper; `undefined`: not yet there, the partition is new. */
  state: PartitionState | undefined;
  /** Version of the state's znode. */
  partitionEpoch: number;
}

export interface ControlledTopic {
  readonly name: string;
  readonly topicId: string;
  readonly partitions: Map<number, ControlledPartition>;
}

/** What the controller knows: all that ZooKeeper said, and what it has decided since (Kafka's ControllerContext). */
export class ControllerContext {
  epoch = 0;
  /** Version of /controller_epoch: every write checks it. */
  epochZkVersion = 0;
  readonly liveBrokers = new Map<number, LiveBroker>();
  readonly topics = new Map<string, ControlledTopic>();
  /** Topics whose deletion was asked for and is not done. */
  readonly topicsToBeDeleted = new Set<string>();

  isLive(brokerId: number): boolean {
    return this.liveBrokers.has(brokerId);
  }

  *partitions(): Iterable<ControlledPartition> {
    for (const topic of this.topics.values()) yield* topic.partitions.values();
  }

  addTopic(name: string, topicId: string, { partitions }: TopicAssignment): ControlledPartition[] {
    let topic = this.topics.get(name);
    if (!topic) {
      topic = { name, topicId, partitions: new Map() };
      this.topics.set(name, topic);
    }
    const added: ControlledPartition[] = [];
    for (const [partition, assignment] of partitions) {
      const known = topic.partitions.get(partition);
      if (known) {
        known.assignment = assignment;
      } else {
        const controlled = { topic: name, partition, assignment, state: undefined, partitionEpoch: -1 };
        topic.partitions.set(partition, controlled);
        added.push(controlled);
      }
    }
    return added;
  }

  reset(): void {
    this.epoch = 0;
    this.epochZkVersion = 0;
    this.liveBrokers.clear();
    this.topics.clear();
    this.topicsToBeDeleted.clear();
  }
}
