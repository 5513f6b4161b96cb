import { isKeeperException } from '../zookeeper/keeper-exception';
import { KeeperCode } from '../zookeeper/requests';
import { TopicZNode, type TopicAssignment } from '../zookeeper/znodes/topic';
import { replicasOf, type ControlledPartition, type ControlledTopic } from './controller-context';
import type { ControllerTerm } from './controller-term';
import type { PartitionStateMachine } from './partition-state-machine';
import type { ReplicaStateMachine } from './replica-state-machine';
import type { TopicDeletionManager } from './topic-deletion-manager';
import { newTopicId } from './topic-id';

/** Topics are created, grow, and are to be deleted: what follows from it. */
export class TopicChanges {
  /** Names of topics that are to be deleted as soon as they are known: they are too new, or cannot be read. */
  readonly #deletionsToCome = new Set<string>();

  constructor(
    private readonly term: ControllerTerm,
    private readonly replicas: ReplicaStateMachine,
    private readonly partitions: PartitionStateMachine,
    private readonly deletion: TopicDeletionManager,
  ) {}

  async changed(): Promise<void> {
    const names = new Set(await this.term.zk.getTopics());
    for (const topic of [...this.term.context.topics.values()]) {
      if (names.has(topic.name)) continue;
      this.term.logger.warn(`Topic ${topic.name} is not in ZooKeeper any more: it is forgotten.`);
      this.#forget(topic);
    }
    const fresh = await this.load([...names].filter((name) => !this.term.context.topics.has(name)));
    if (fresh.length === 0) return;
    const partitions = fresh.flatMap((topic) => [...topic.partitions.values()]);
    this.term.logger.info(
      `New topics: ${fresh.map(({ name }) => name).join(', ')}; they have ${partitions.length} partitions.`,
    );
    await this.#onNewPartitions(partitions);
    const areAskedFor = fresh.filter(({ name }) => this.#deletionsToCome.delete(name)).length > 0;
    if (areAskedFor) this.putDeletions();
  }

  /** Adds topics to the context; gives an id to those that old tools have made. */
  async load(names: readonly string[]): Promise<ControlledTopic[]> {
    const assignments = await Promise.all(
      names.map((name) => {
        // Before it is read, so that the read sets the watch: a topic whose znode is put right is read again.
        this.#watch(name);
        return this.term.readable(this.#identified(name));
      }),
    );
    const loaded: ControlledTopic[] = [];
    for (const [i, assignment] of assignments.entries()) {
      if (assignment === undefined) continue;
      const topic = this.term.context.addTopic(names[i], assignment.topicId);
      for (const [index, replicas] of assignment.partitions) this.term.context.addPartition(topic, index, replicas);
      loaded.push(topic);
    }
    return loaded;
  }

  /** A topic's assignment, with an id where the cluster gives them and it has none. */
  async #identified(name: string): Promise<TopicAssignment | undefined> {
    for (;;) {
      const found = await this.term.zk.getVersionedTopicAssignment(name);
      if (!found || found.assignment.topicId !== null || !this.term.isAtLeast('2.8-IV0')) return found?.assignment;
      const assignment = { ...found.assignment, topicId: newTopicId(this.term.random) };
      if (await this.#replaceAssignment(name, assignment, found.zkVersion)) return assignment;
    }
  }

  /** False when it is not the one any more that was read. */
  async #replaceAssignment(name: string, assignment: TopicAssignment, zkVersion: number): Promise<boolean> {
    try {
      await this.term.zk.setTopicAssignment(name, assignment, this.term.context.epochZkVersion, zkVersion);
      return true;
    } catch (error) {
      if (!isKeeperException(error, KeeperCode.BADVERSION)) throw error;
      return false;
    }
  }

  #watch(name: string): void {
    this.term.registerNode(TopicZNode.path(name), {
      handleDataChange: () => this.term.events.put(`PartitionModifications ${name}`, () => this.#modified(name)),
    });
  }

  #forget(topic: ControlledTopic): void {
    this.term.unregisterNode(TopicZNode.path(topic.name));
    this.term.context.removeTopic(topic);
  }

  async #modified(name: string): Promise<void> {
    const read = await this.term.readable(this.term.zk.getVersionedTopicAssignment(name));
    if (read === undefined) return;
    const found = read.assignment;
    const topic = this.term.context.topics.get(name);
    if (!topic) {
      // It could not be read until now.
      await this.changed();
      return;
    }
    const added = [...found.partitions].filter(([index]) => !topic.partitions.has(index));
    const isDeleted = this.term.context.isQueuedForDeletion(topic);
    const partitions = new Map([...topic.partitions].map(([index, { assignment }]) => [index, assignment]));
    if (!isDeleted) for (const [index, assignment] of added) partitions.set(index, assignment);
    if (isDeleted && added.length > 0) {
      this.term.logger.warn(`Topic ${name} gets no new partitions: it is being deleted.`);
    }
    // KAFKA-14190: kafka-topics of before topic ids writes the topic back without its own.
    const hasLostId = topic.topicId !== null && found.topicId !== topic.topicId;
    if ((isDeleted && added.length > 0) || hasLostId) {
      // Where somebody else has written meanwhile the watch tells, and it is looked at again.
      await this.#replaceAssignment(name, { topicId: topic.topicId, partitions }, read.zkVersion);
    }
    if (isDeleted || added.length === 0) return;
    this.term.logger.info(`Topic ${name} has ${added.length} new partitions.`);
    await this.#onNewPartitions(
      added.map(([index, assignment]) => this.term.context.addPartition(topic, index, assignment)),
    );
  }

  async #onNewPartitions(partitions: readonly ControlledPartition[]): Promise<void> {
    this.partitions.toNew(partitions);
    this.replicas.toNew(replicasOf(partitions));
    await this.partitions.toOnline(partitions, { name: 'offline', allowUnclean: false });
    this.replicas.toOnline(replicasOf(partitions));
  }

  async initializeDeletions(): Promise<void> {
    const { context } = this.term;
    const asked = await this.#topicsAskedToBeDeleted();
    const reassigned = new Set([...context.partitionsBeingReassigned].map(({ topic }) => topic));
    const ineligible = asked.filter(
      (topic) =>
        reassigned.has(topic) ||
        replicasOf(topic.partitions.values()).some((each) => !context.isReplicaOnline(each.brokerId, each.partition)),
    );
    await this.deletion.initialize(asked, new Set(ineligible));
  }

  async #topicsAskedToBeDeleted(): Promise<ControlledTopic[]> {
    const names = await this.term.zk.getTopicDeletions();
    const unknown = names.filter((name) => !this.term.context.topics.has(name));
    if (unknown.length > 0) {
      const there = new Set(await this.term.zk.getTopics());
      const missing = unknown.filter((name) => !there.has(name));
      if (missing.length > 0) {
        this.term.logger.warn(`Topics that are not there cannot be deleted: ${missing.join(', ')}.`);
        await this.term.zk.deleteTopicDeletions(missing, this.term.context.epochZkVersion);
      }
      for (const name of unknown) if (there.has(name)) this.#deletionsToCome.add(name);
    }
    return names.flatMap((name) => this.term.context.topics.get(name) ?? []);
  }

  putDeletions(): void {
    this.term.events.put('TopicDeletion', () => this.#deletionsAskedFor());
  }

  async #deletionsAskedFor(): Promise<void> {
    const names = await this.term.zk.getTopicDeletions();
    // One that was just created may not be known yet: its notification waits behind this one.
    if (names.some((name) => !this.term.context.topics.has(name))) await this.changed();
    await this.deletion.enqueue(await this.#topicsAskedToBeDeleted());
  }

  async deleteTopic(topic: ControlledTopic): Promise<void> {
    const ignoreMissing = (error: unknown): void => {
      if (!isKeeperException(error, KeeperCode.NONODE)) throw error;
    };
    const { epochZkVersion } = this.term.context;
    // Its own deletion is not a change to be told of: a topic of this name may be created at once.
    this.term.unregisterNode(TopicZNode.path(topic.name));
    await this.term.zk.deleteTopic(topic.name, epochZkVersion).catch(ignoreMissing);
    await this.term.zk.deleteTopicConfigs([topic.name], epochZkVersion).catch(ignoreMissing);
    await this.term.zk.deleteTopicDeletions([topic.name], epochZkVersion).catch(ignoreMissing);
  }
}
