import type { Logger } from '../logging/logger';
import { ControllerMovedException } from '../zookeeper/zk-operations';
import {
  replicasOf,
  ReplicaStatus,
  type ControlledPartition,
  type ControlledTopic,
  type ControllerContext,
  type Replica,
} from './controller-context';
import type { PartitionStateMachine } from './partition-state-machine';
import type { ReplicaStateMachine } from './replica-state-machine';

export interface TopicDeletionOptions {
  /** delete.topic.enable */
  readonly deleteTopicEnable: boolean;
  /** Deletes a topic's znodes, configuration, and its entry in /admin/delete_topics. */
  readonly deleteTopic: (topic: ControlledTopic) => Promise<void>;
  /** Deletes entries in /admin/delete_topics. */
  readonly deleteTopicDeletions: (topics: readonly string[]) => Promise<void>;
  /** Tells all brokers of partitions. */
  readonly sendUpdateMetadata: (partitions: readonly ControlledPartition[]) => void;
  /** Deletion of these has failed on brokers that are alive: `retry` is to be called later. */
  readonly retryLater: (topics: readonly ControlledTopic[]) => void;
}

const { OfflineReplica, ReplicaDeletionStarted, ReplicaDeletionSuccessful, ReplicaDeletionIneligible } = ReplicaStatus;

/**
 * Deletes topics (Kafka's TopicDeletionManager): brokers forget them, all replicas are deleted, then the znodes. A
 * topic with a replica that is away, or with a reassignment under way, is ineligible: it waits for that to change.
 */
export class TopicDeletionManager {
  constructor(
    private readonly logger: Logger,
    private readonly context: ControllerContext,
    private readonly replicas: ReplicaStateMachine,
    private readonly partitions: PartitionStateMachine,
    private readonly options: TopicDeletionOptions,
  ) {}

  /** What was asked for before this controller's term. */
  async initialize(topics: readonly ControlledTopic[], ineligible: ReadonlySet<ControlledTopic>): Promise<void> {
    if (!this.options.deleteTopicEnable) {
      await this.#refuse(topics);
      return;
    }
    for (const topic of topics) {
      this.context.topicsToBeDeleted.add(topic);
      if (ineligible.has(topic)) this.context.topicsIneligibleForDeletion.add(topic);
    }
  }

  async tryTopicDeletion(): Promise<void> {
    await this.#resume([...this.context.topicsToBeDeleted]);
  }

  async enqueue(topics: readonly ControlledTopic[]): Promise<void> {
    if (!this.options.deleteTopicEnable) {
      await this.#refuse(topics);
      return;
    }
    const fresh = topics.filter((topic) => !this.context.topicsToBeDeleted.has(topic));
    if (fresh.length === 0) return;
    this.logger.info(`Deletion of topics was asked for: ${names(fresh)}.`);
    for (const topic of fresh) {
      this.context.topicsToBeDeleted.add(topic);
      if (this.#isReassigned(topic)) {
        this.markIneligible([topic], 'one of its partitions is being reassigned');
      }
    }
    await this.#resume(fresh);
  }

  /** What kept these from being deleted may be over. */
  async resumeFor(topics: Iterable<ControlledTopic>): Promise<void> {
    const resumed = [...new Set(topics)].filter((topic) => this.context.topicsToBeDeleted.has(topic));
    for (const topic of resumed) {
      if (!this.#isReassigned(topic)) this.context.topicsIneligibleForDeletion.delete(topic);
    }
    await this.#resume(resumed);
  }

  /** After a failure on brokers that are alive: those whose replicas are all alive are tried again. */
  async retry(topics: readonly ControlledTopic[]): Promise<void> {
    await this.resumeFor(
      topics.filter((topic) =>
        replicasOf(topic.partitions.values()).every(({ partition, brokerId }) =>
          this.context.isReplicaOnline(brokerId, partition),
        ),
      ),
    );
  }

  /** Topics that are not to be deleted are left as they are. */
  markIneligible(topics: Iterable<ControlledTopic>, reason: string): void {
    const halted = [...topics].filter((topic) => this.context.topicsToBeDeleted.has(topic));
    for (const topic of halted) this.context.topicsIneligibleForDeletion.add(topic);
    if (halted.length > 0) this.logger.info(`Deletion of topics waits, because ${reason}: ${names(halted)}.`);
  }

  /** Replicas could not be deleted, or their brokers have gone. */
  async failReplicaDeletion(replicas: readonly Replica[]): Promise<void> {
    const failed = replicas.filter(({ partition }) => this.context.isQueuedForDeletion(partition.topic));
    if (failed.length === 0) return;
    this.replicas.toDeletionIneligible(
      failed.filter(({ partition, brokerId }) => {
        const status = partition.replicaStatus.get(brokerId);
        return status === OfflineReplica || status === ReplicaDeletionStarted;
      }),
    );
    const topics = [...new Set(failed.map(({ partition }) => partition.topic))];
    this.markIneligible(topics, 'not all replicas could be deleted');
    await this.#resume(topics);
    this.options.retryLater(topics);
  }

  async completeReplicaDeletion(replicas: readonly Replica[]): Promise<void> {
    const deleted = replicas.filter(({ partition }) => this.context.isQueuedForDeletion(partition.topic));
    this.replicas.toDeletionSuccessful(deleted);
    await this.#resume([...new Set(deleted.map(({ partition }) => partition.topic))]);
  }

  #isReassigned(topic: ControlledTopic): boolean {
    return [...topic.partitions.values()].some((each) => this.context.partitionsBeingReassigned.has(each));
  }

  async #refuse(topics: readonly ControlledTopic[]): Promise<void> {
    if (topics.length === 0) return;
    this.logger.warn(`Topics are not deleted, delete.topic.enable is false: ${names(topics)}.`);
    await this.options.deleteTopicDeletions(topics.map(({ name }) => name));
  }

  async #resume(topics: readonly ControlledTopic[]): Promise<void> {
    const toRetry: Replica[] = [];
    const toDelete: ControlledTopic[] = [];
    for (const topic of topics) {
      const replicas = replicasOf(topic.partitions.values());
      const statuses = new Set(replicas.map(({ partition, brokerId }) => partition.replicaStatus.get(brokerId)));
      const isStarted = statuses.has(ReplicaDeletionStarted);
      if ([...statuses].every((status) => status === ReplicaDeletionSuccessful)) {
        await this.#complete(topic, replicas);
        continue;
      }
      if (!isStarted && statuses.has(ReplicaDeletionIneligible)) {
        toRetry.push(
          ...replicas.filter(
            ({ partition, brokerId }) => partition.replicaStatus.get(brokerId) === ReplicaDeletionIneligible,
          ),
        );
      }
      if (!isStarted && !this.context.topicsIneligibleForDeletion.has(topic)) toDelete.push(topic);
    }
    if (toRetry.length > 0) await this.replicas.toOffline(toRetry);
    if (toDelete.length > 0) await this.#delete(toDelete);
  }

  async #complete(topic: ControlledTopic, replicas: readonly Replica[]): Promise<void> {
    this.replicas.toNonExistent(replicas);
    try {
      await this.options.deleteTopic(topic);
    } catch (error) {
      if (error instanceof ControllerMovedException) throw error;
      this.logger.error(`The znodes of topic ${topic.name} could not be deleted: it is tried again.`, { error });
      this.options.retryLater([topic]);
      return;
    }
    this.context.removeTopic(topic);
    this.logger.info(`Topic ${topic.name} is deleted.`);
  }

  async #delete(topics: readonly ControlledTopic[]): Promise<void> {
    this.logger.info(`Deletion of topics begins: ${names(topics)}.`);
    const unseen = topics.filter((topic) => !this.context.topicsWithDeletionStarted.has(topic));
    const partitions = unseen.flatMap((topic) => [...topic.partitions.values()]);
    this.partitions.toOffline(partitions);
    this.partitions.toNonExistent(partitions);
    for (const topic of unseen) this.context.topicsWithDeletionStarted.add(topic);

    // Brokers stop serving them.
    this.options.sendUpdateMetadata(topics.flatMap((topic) => [...topic.partitions.values()]));

    const dead: Replica[] = [];
    const alive: Replica[] = [];
    for (const replica of replicasOf(topics.flatMap((topic) => [...topic.partitions.values()]))) {
      const { partition, brokerId } = replica;
      const status = partition.replicaStatus.get(brokerId);
      if (status === ReplicaDeletionSuccessful) continue;
      (this.context.isReplicaOnline(brokerId, partition) ? alive : dead).push(replica);
    }
    // One that was never seen to go away (the topic is as new as that) goes now.
    await this.replicas.toOffline(
      dead.filter(({ partition, brokerId }) => partition.replicaStatus.get(brokerId) !== OfflineReplica),
    );
    this.replicas.toDeletionIneligible(dead);
    await this.replicas.toOffline(alive);
    const isOffline = ({ partition, brokerId }: Replica): boolean =>
      partition.replicaStatus.get(brokerId) === OfflineReplica;
    this.replicas.toDeletionStarted(alive.filter(isOffline));
    const left = alive.filter((replica) => !isOffline(replica));
    // ZooKeeper did not take the state of these.
    if (left.length > 0) this.options.retryLater([...new Set(left.map(({ partition }) => partition.topic))]);
    if (dead.length > 0) {
      this.markIneligible(new Set(dead.map(({ partition }) => partition.topic)), 'brokers with replicas are away');
    }
  }
}

function names(topics: readonly ControlledTopic[]): string {
  return topics.map(({ name }) => name).join(', ');
}
