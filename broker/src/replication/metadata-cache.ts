import type { UpdateMetadataRequest } from '../protocol/messages/update-metadata';

/** Where a broker is reached on one listener. */
export interface BrokerEndpoint {
  readonly listener: string;
  readonly host: string;
  readonly port: number;
  /** Kafka's SecurityProtocol id: 0 PLAINTEXT, 1 SSL, 2 SASL_PLAINTEXT, 3 SASL_SSL. */
  readonly securityProtocol: number;
}

export interface LiveBroker {
  readonly id: number;
  readonly rack: string | null;
  /** By listener name. */
  readonly endpoints: ReadonlyMap<string, BrokerEndpoint>;
}

export interface PartitionMetadata {
  readonly leader: number;
  readonly leaderEpoch: number;
  readonly isr: readonly number[];
  readonly replicas: readonly number[];
  readonly offlineReplicas: readonly number[];
  /** Version of the partition's state in ZooKeeper. */
  readonly partitionEpoch: number;
}

export interface TopicMetadata {
  readonly name: string;
  readonly topicId: string;
  /** By partition index, in ascending order. */
  readonly partitions: ReadonlyMap<number, PartitionMetadata>;
}

interface MutableTopic extends TopicMetadata {
  topicId: string;
  partitions: Map<number, PartitionMetadata>;
}

/** The leader of a partition that is being deleted (LeaderAndIsr.LeaderDuringDelete). */
export const leaderDuringDelete = -2;
export const noLeader = -1;

/** Kafka's 16 zero bytes: a topic of before topic ids. */
const zeroUuid = 'AAAAAAAAAAAAAAAAAAAAAA';

/**
 * What the controller has told this broker about the cluster (Kafka's ZkMetadataCache): the answer to Metadata, and the
 * way from a topic's id to its name.
 */
export class MetadataCache {
  #controllerId: number | undefined;
  #brokers: ReadonlyMap<number, LiveBroker> = new Map();
  readonly #topics = new Map<string, MutableTopic>();
  readonly #namesById = new Map<string, string>();
  readonly #listeners: (() => void)[] = [];

  /** The controller that spoke last. */
  get controllerId(): number | undefined {
    return this.#controllerId;
  }

  get brokers(): ReadonlyMap<number, LiveBroker> {
    return this.#brokers;
  }

  get topics(): ReadonlyMap<string, TopicMetadata> {
    return this.#topics;
  }

  topic(name: string): TopicMetadata | undefined {
    return this.#topics.get(name);
  }

  partition(topic: string, index: number): PartitionMetadata | undefined {
    return this.#topics.get(topic)?.partitions.get(index);
  }

  topicName(topicId: string): string | undefined {
    return this.#namesById.get(topicId);
  }

  /** Calls back after every update: for those who wait until a topic or a leader is visible. */
  onUpdate(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /** Takes over what the request says; returns the partitions that it deleted. */
  update(request: UpdateMetadataRequest): { readonly topic: string; readonly partition: number }[] {
    const deleted: { topic: string; partition: number }[] = [];
    this.#controllerId = request.controllerId < 0 ? undefined : request.controllerId;
    this.#brokers = new Map(
      request.liveBrokers.map((broker) => [
        broker.id,
        { id: broker.id, rack: broker.rack, endpoints: new Map(broker.endpoints.map((end) => [end.listener, end])) },
      ]),
    );
    for (const { topicName, topicId, partitionStates } of request.topicStates) {
      for (const state of partitionStates) {
        if (state.leader === leaderDuringDelete) {
          if (this.#remove(topicName, state.partitionIndex)) {
            deleted.push({ topic: topicName, partition: state.partitionIndex });
          }
        } else {
          this.#set(topicName, topicId, state.partitionIndex, {
            leader: state.leader,
            leaderEpoch: state.leaderEpoch,
            isr: state.isr,
            replicas: state.replicas,
            offlineReplicas: state.offlineReplicas,
            partitionEpoch: state.zkVersion,
          });
        }
      }
    }
    for (const listener of this.#listeners) listener();
    return deleted;
  }

  /** Topics that the cluster has no more, and of whose deletion this broker was not told; returns their partitions. */
  forget(topics: Iterable<string>): { readonly topic: string; readonly partition: number }[] {
    const deleted: { topic: string; partition: number }[] = [];
    for (const name of topics) {
      for (const partition of [...(this.#topics.get(name)?.partitions.keys() ?? [])]) {
        if (this.#remove(name, partition)) deleted.push({ topic: name, partition });
      }
    }
    if (deleted.length > 0) for (const listener of this.#listeners) listener();
    return deleted;
  }

  #set(name: string, topicId: string, index: number, partition: PartitionMetadata): void {
    let topic = this.#topics.get(name);
    if (!topic) {
      topic = { name, topicId, partitions: new Map() };
      this.#topics.set(name, topic);
    }
    if (topic.topicId !== topicId) {
      // Deleted and created anew: the old id names nothing any more.
      this.#namesById.delete(topic.topicId);
      if (topic.topicId !== zeroUuid && topicId !== zeroUuid) topic.partitions = new Map();
      topic.topicId = topicId;
    }
    if (topicId !== zeroUuid) this.#namesById.set(topicId, name);
    const ascending = topic.partitions.has(index) || topic.partitions.size === index;
    topic.partitions.set(index, partition);
    if (!ascending) topic.partitions = new Map([...topic.partitions].sort(([a], [b]) => a - b));
  }

  #remove(name: string, index: number): boolean {
    const topic = this.#topics.get(name);
    if (!topic?.partitions.delete(index)) return false;
    if (topic.partitions.size === 0) {
      this.#topics.delete(name);
      this.#namesById.delete(topic.topicId);
    }
    return true;
  }
}
