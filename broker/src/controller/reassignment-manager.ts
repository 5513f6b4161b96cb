import type { Logger } from '../logging/logger';
import { ErrorCode } from '../protocol/errors';
import { noLeader } from '../replication/metadata-cache';
import { isKeeperException } from '../zookeeper/keeper-exception';
import type { KafkaZkClient } from '../zookeeper/kafka-zk-client';
import { KeeperCode } from '../zookeeper/requests';
import { ControllerMovedException } from '../zookeeper/zk-operations';
import { ReassignPartitionsZNode, type Reassignment } from '../zookeeper/znodes/admin';
import { TopicPartitionStateZNode, type TopicPartition } from '../zookeeper/znodes/partition-state';
import type { ReplicaAssignment } from '../zookeeper/znodes/topic';
import { ZnodeError } from '../zookeeper/znodes/znode-error';
import {
  assigned,
  isBeingReassigned,
  isSameAssignment,
  originReplicas,
  reassignTo,
  targetReplicas,
} from './assignment-changes';
import type { ControllerBrokerRequestBatch } from './controller-broker-request-batch';
import type { ControlledPartition, ControlledTopic, ControllerContext, Replica } from './controller-context';
import { describe, type PartitionStateMachine } from './partition-state-machine';
import { StateChangeFailedException, type PartitionStates, type StateUpdate } from './partition-states';
import type { ReplicaStateMachine } from './replica-state-machine';
import type { TopicDeletionManager } from './topic-deletion-manager';

export interface ReassignmentOptions {
  readonly newBatch: () => ControllerBrokerRequestBatch;
  /** inter.broker.protocol.version 2.7 and newer: leaders change their ISR through the controller. */
  readonly alterPartitionSupported: boolean;
  /** Tells all brokers of partitions. */
  readonly sendUpdateMetadata: (partitions: readonly ControlledPartition[]) => void;
  /** The state znode of a partition under reassignment has changed. */
  readonly isrChanged: (partition: ControlledPartition) => void;
  /** /admin/reassign_partitions was deleted by this controller: look whether it is there again. */
  readonly zkReassignmentDone: () => void;
}

/** An error of a partition in an answer. */
export interface ApiError {
  readonly code: ErrorCode;
  readonly message: string | null;
}

/** A reassignment, or `null` to cancel the one that is under way. */
export interface RequestedReassignment extends TopicPartition {
  readonly replicas: readonly number[] | null;
}

type Started = readonly { readonly partition: ControlledPartition; readonly assignment: ReplicaAssignment }[];

/**
 * Moves partitions to other replicas (KIP-455), in the steps of KafkaController.onPartitionReassignment:
 * U (the union of old and new replicas is written to the topic's znode), A (new replicas are started, and catch up), and
 * when all of the target are in the ISR, B (a leader of the target, old replicas out of the ISR and deleted, the target
 * alone in the znode). What is in the znode lets the next controller go on at any point.
 */
export class ReassignmentManager {
  constructor(
    private readonly logger: Logger,
    private readonly zk: KafkaZkClient,
    private readonly context: ControllerContext,
    private readonly states: PartitionStates,
    private readonly replicas: ReplicaStateMachine,
    private readonly partitions: PartitionStateMachine,
    private readonly deletion: TopicDeletionManager,
    private readonly options: ReassignmentOptions,
  ) {}

  close(): void {
    for (const partition of this.context.partitionsBeingReassigned) this.#unwatch(partition);
  }

  /** Asked for through AlterPartitionReassignments. The answer has every partition, in the order asked for. */
  async alter(requested: readonly RequestedReassignment[]): Promise<(TopicPartition & { readonly error: ApiError })[]> {
    const errors = new Map<RequestedReassignment, ApiError>();
    const started = new Map<ControlledPartition, RequestedReassignment>();
    const assignments: { readonly partition: ControlledPartition; readonly assignment: ReplicaAssignment }[] = [];
    for (const each of requested) {
      const partition = this.context.partition(each.topic, each.partition);
      const error = this.#refusal(each, partition);
      if (error) {
        errors.set(each, error);
      } else {
        started.set(partition!, each);
        assignments.push({ partition: partition!, assignment: reassignedTo(partition!.assignment, each.replicas)! });
      }
    }
    // The latest one counts, whichever way it was asked for.
    await this.#removeFromZkReassignment(({ topic, partition }) => {
      const controlled = this.context.partition(topic, partition);
      return controlled !== undefined && started.has(controlled);
    });
    for (const [partition, error] of await this.#trigger(assignments)) errors.set(started.get(partition)!, error);
    return requested.map((each) => ({ topic: each.topic, partition: each.partition, error: errors.get(each) ?? none }));
  }

  /** Asked for by an old tool through /admin/reassign_partitions. Gives the partitions that are on their way. */
  async processZkReassignment(): Promise<Set<ControlledPartition>> {
    if (!(await this.zk.pathExists(ReassignPartitionsZNode.path))) return new Set();
    const requested = await this.#zkReassignments();
    const failed = new Set<string>();
    const assignments: { readonly partition: ControlledPartition; readonly assignment: ReplicaAssignment }[] = [];
    for (const { topic, partition: index, replicas } of requested) {
      const partition = this.context.partition(topic, index);
      if (!partition || replicas.length === 0 || new Set(replicas).size !== replicas.length) {
        const reason = partition ? `its replicas [${replicas.join(',')}] are none, or not distinct` : 'it is not there';
        this.logger.warn(`${topic}-${index} is not reassigned as ${ReassignPartitionsZNode.path} wants: ${reason}.`);
        failed.add(`${topic}-${index}`);
      } else {
        assignments.push({ partition, assignment: reassignTo(partition.assignment, replicas) });
      }
    }
    const errors = await this.#trigger(assignments);
    for (const [partition, { message }] of errors) {
      this.logger.warn(`${partition} is not reassigned as ${ReassignPartitionsZNode.path} wants: ${message}`);
      failed.add(String(partition));
    }
    if (failed.size > 0) {
      await this.#removeFromZkReassignment(({ topic, partition }) => failed.has(`${topic}-${partition}`));
    }
    return new Set(assignments.map(({ partition }) => partition).filter((partition) => !errors.has(partition)));
  }

  /** Those under way that meet a condition go on: a broker has come, or this controller. */
  async resume(condition: (partition: ControlledPartition) => boolean): Promise<void> {
    const resumed = [...this.context.partitionsBeingReassigned].filter(condition);
    if (resumed.length === 0) return;
    this.logger.info(`Reassignments are resumed: ${resumed.join(', ')}.`);
    await this.#start(resumed.map((partition) => ({ partition, assignment: partition.assignment })));
  }

  /** The ISR of partitions has changed: reassignments may be complete. */
  async maybeComplete(partitions: readonly ControlledPartition[]): Promise<void> {
    const reassigned = partitions.filter((partition) => this.context.partitionsBeingReassigned.has(partition));
    const complete = await this.#complete(
      reassigned.map((partition) => ({ partition, assignment: partition.assignment })),
    );
    if (complete.size === 0) return;
    await this.#start([...complete].map((partition) => ({ partition, assignment: partition.assignment })));
  }

  #refusal({ replicas }: RequestedReassignment, partition: ControlledPartition | undefined): ApiError | undefined {
    const assignment = partition?.assignment ?? assigned([]);
    if (replicas !== null) {
      const refused = (message: string): ApiError => ({ code: ErrorCode.INVALID_REPLICA_ASSIGNMENT, message });
      if (replicas.length === 0) return refused('Empty replica list specified in partition reassignment.');
      if (new Set(replicas).size !== replicas.length) {
        return refused(`Duplicate replica ids in partition reassignment replica list: ${replicas.join(', ')}`);
      }
      if (replicas.some((id) => id < 0)) return refused(`Invalid broker id in replica list: ${replicas.join(', ')}`);
      const { addingReplicas } = reassignTo(assignment, replicas);
      if (!addingReplicas.every((id) => this.context.isLive(id))) {
        return refused(
          `Replica assignment has brokers that are not alive. Replica list: ${addingReplicas.join(', ')}, live broker list: ${this.context.liveBrokerIds.join(', ')}`,
        );
      }
    } else if (!isBeingReassigned(assignment)) {
      return { code: ErrorCode.NO_REASSIGNMENT_IN_PROGRESS, message: null };
    }
    if (!partition || this.context.isQueuedForDeletion(partition.topic)) return doesNotExist;
    return undefined;
  }

  /** Gives the errors of those that could not be started. */
  async #trigger(started: Started): Promise<Map<ControlledPartition, ApiError>> {
    const errors = new Map<ControlledPartition, ApiError>();
    const wanted = started.filter(({ partition }) => {
      if (!this.context.isQueuedForDeletion(partition.topic)) return true;
      errors.set(partition, doesNotExist);
      return false;
    });
    const losing = await this.#losing(wanted);
    for (const partition of losing) {
      const isr = partition.leadership!.isr.join(',');
      const message = `Only the replicas [${isr}] of ${partition} have every record, and none of them would be left. Let another one catch up first, or have it elected uncleanly.`;
      errors.set(partition, { code: ErrorCode.INVALID_REPLICA_ASSIGNMENT, message });
    }
    const safe = wanted.filter(({ partition }) => !losing.has(partition));
    if (safe.length === 0) return errors;
    for (const [partition, error] of await this.#start(safe)) {
      this.logger.error(`The reassignment of ${partition} could not be done.`, { error });
      errors.set(partition, { code: ErrorCode.UNKNOWN_SERVER_ERROR, message: null });
    }
    return errors;
  }

  /**
   * Those that would lose acknowledged records: the replicas that an earlier reassignment has added, and this one does
   * not want, are deleted at once, and they are all of the ISR. A KRaft controller refuses the same.
   */
  async #losing(started: Started): Promise<Set<ControlledPartition>> {
    const stopping = started.filter(({ partition, assignment }) =>
      partition.assignment.replicas.some((id) => !assignment.replicas.includes(id)),
    );
    await this.states.refresh(stopping.map(({ partition }) => partition));
    const isLosing = ({ partition, assignment }: Started[number]): boolean => {
      const isr = partition.leadership?.isr ?? [];
      return isr.length > 0 && !isr.some((id) => assignment.replicas.includes(id));
    };
    return new Set(stopping.filter(isLosing).map(({ partition }) => partition));
  }

  async #start(reassigned: Started): Promise<Map<ControlledPartition, Error>> {
    const errors = new Map<ControlledPartition, Error>();
    this.deletion.markIneligible(
      new Set(reassigned.map(({ partition }) => partition.topic)),
      'partitions of it are being reassigned',
    );
    const updated = await this.#updateAssignments(reassigned, errors);
    await this.#initialize(updated);
    const complete = await this.#complete(updated);
    await this.#catchUp(
      updated.filter(({ partition }) => !complete.has(partition)),
      errors,
    );
    await this.#finish(
      updated.filter(({ partition }) => complete.has(partition)),
      errors,
    );
    return errors;
  }

  /** U: in ZooKeeper, then in memory; replicas that an earlier reassignment added and this one does not want go. */
  async #updateAssignments(reassigned: Started, errors: Map<ControlledPartition, Error>): Promise<Started> {
    const changed = reassigned.filter(
      ({ partition, assignment }) => !isSameAssignment(partition.assignment, assignment),
    );
    await this.#writeAssignments(changed, errors);
    const unneeded: Replica[] = [];
    for (const { partition, assignment } of changed) {
      if (errors.has(partition)) continue;
      const before = partition.assignment;
      partition.assignment = assignment;
      this.logger.info(
        `${partition} is reassigned from [${originReplicas(assignment).join(',')}] to [${targetReplicas(assignment).join(',')}].`,
      );
      for (const brokerId of before.replicas) {
        if (!assignment.replicas.includes(brokerId)) unneeded.push({ partition, brokerId });
      }
    }
    await this.#stopRemoved(unneeded);
    const updated = reassigned.filter(({ partition }) => !errors.has(partition));
    for (const { partition } of updated) {
      this.#watch(partition);
      this.context.partitionsBeingReassigned.add(partition);
    }
    return updated;
  }

  /** A: every replica learns of the new assignment, and the new ones begin to follow. */
  async #catchUp(reassigned: Started, errors: Map<ControlledPartition, Error>): Promise<void> {
    const led = reassigned.filter(({ partition }) => partition.leadership);
    await this.#updateLeaderEpochs(led, errors);
    await this.#electMissing(led);
    this.#startAdded(reassigned);
  }

  /** Those that have never had a leader have nothing to move: a new replica may lead at once. */
  async #initialize(reassigned: Started): Promise<void> {
    const fresh = reassigned.filter(({ partition }) => !partition.leadership);
    if (fresh.length === 0) return;
    this.#startAdded(fresh);
    await this.partitions.triggerOnlineStateChange(fresh.map(({ partition }) => partition));
  }

  #startAdded(reassigned: Started): void {
    this.replicas.toNew(
      reassigned.flatMap(({ partition, assignment: { addingReplicas } }) =>
        addingReplicas
          .filter((brokerId) => !partition.replicaStatus.has(brokerId))
          .map((brokerId) => ({ partition, brokerId })),
      ),
    );
  }

  /** B */
  async #finish(complete: Started, errors: Map<ControlledPartition, Error>): Promise<void> {
    if (complete.length === 0) return;
    this.replicas.toOnline(
      complete.flatMap(({ partition, assignment: { addingReplicas } }) =>
        addingReplicas.map((brokerId) => ({ partition, brokerId })),
      ),
    );
    const done = complete.map(({ partition, assignment }) => {
      partition.assignment = assigned(targetReplicas(assignment));
      return { partition, assignment: partition.assignment, removing: assignment.removingReplicas };
    });
    await this.#moveLeaders(done, errors);
    await this.#stopRemoved(
      done.flatMap(({ partition, removing }) => removing.map((brokerId) => ({ partition, brokerId }))),
    );
    await this.#electMissing(done);
    await this.#writeAssignments(done, errors);
    await this.#removeFromZkReassignment(({ topic, partition: index, replicas }) => {
      const partition = this.context.partition(topic, index);
      const finished = partition && done.find((each) => each.partition === partition)?.assignment;
      return finished !== undefined && isSameAssignment(finished, assigned(replicas));
    });
    for (const { partition, assignment } of done) {
      this.#unwatch(partition);
      this.context.partitionsBeingReassigned.delete(partition);
      this.logger.info(`The reassignment of ${partition} to [${assignment.replicas.join(',')}] is complete.`);
    }
    this.options.sendUpdateMetadata(done.map(({ partition }) => partition));
    await this.deletion.resumeFor(done.map(({ partition }) => partition.topic));
  }

  async #moveLeaders(done: Started, errors: Map<ControlledPartition, Error>): Promise<void> {
    const canStay = ({ partition, assignment: { replicas } }: Started[number]): boolean => {
      const leader = partition.leadership?.leader ?? -1;
      return replicas.includes(leader) && this.context.isReplicaOnline(leader, partition);
    };
    const moved = done.filter((each) => !canStay(each)).map(({ partition }) => partition);
    for (const partition of moved) {
      this.logger.info(
        `Leader ${partition.leadership?.leader} of ${partition} is not alive or not in its new replicas [${partition.assignment.replicas.join(',')}]: another is elected.`,
      );
    }
    if (moved.length > 0) await this.partitions.toOnline(moved, { name: 'reassign' });
    await this.#updateLeaderEpochs(
      done.filter(canStay).filter(({ partition }) => !moved.includes(partition)),
      errors,
    );
  }

  /** Where the leader was one of the replicas that have been stopped. */
  async #electMissing(reassigned: Started): Promise<void> {
    const leaderless = reassigned
      .map(({ partition }) => partition)
      .filter(({ leadership }) => leadership?.leader === noLeader);
    if (leaderless.length === 0) return;
    this.partitions.toOffline(leaderless);
    await this.partitions.toOnline(leaderless, { name: 'offline', allowUnclean: false });
  }

  async #stopRemoved(removed: readonly Replica[]): Promise<void> {
    if (removed.length === 0) return;
    await this.replicas.toOffline(removed);
    this.replicas.toDeletionStarted(removed);
    // As in Kafka nobody waits for it: a broker that is away keeps its copy.
    this.replicas.toDeletionSuccessful(removed);
    this.replicas.toNonExistent(removed);
  }

  /** Raises the leader epoch, so that replicas take the new assignment; leader and ISR stay. */
  async #updateLeaderEpochs(reassigned: Started, errors: Map<ControlledPartition, Error>): Promise<void> {
    if (reassigned.length === 0) return;
    const batch = this.options.newBatch();
    const assignments = new Map(reassigned.map(({ partition, assignment }) => [partition, assignment]));
    let left = [...assignments.keys()];
    while (left.length > 0) {
      const states = await this.states.read(left);
      const updates: StateUpdate[] = [];
      left.forEach((partition, i) => {
        const state = states[i];
        if (state === undefined) {
          errors.set(partition, new StateChangeFailedException(`${partition} has no state in ZooKeeper`));
        } else if (state instanceof Error) {
          errors.set(partition, state);
        } else {
          const { partitionEpoch } = state;
          updates.push({ partition, state: { ...state, leaderEpoch: state.leaderEpoch + 1 }, partitionEpoch });
        }
      });
      const { finished, failed, retry } = await this.states.update(updates);
      for (const { partition, leadership } of finished) {
        const assignment = assignments.get(partition)!;
        batch.addLeaderAndIsr(originReplicas(assignment), partition, false, assignment);
        // New replicas may be put into any log directory that works.
        batch.addLeaderAndIsr(assignment.addingReplicas, partition, true, assignment);
        this.logger.info(`${partition} has a new leader epoch for its reassignment: ${describe(leadership)}.`);
      }
      for (const { partition, error } of failed) errors.set(partition, error);
      left = [...retry];
    }
    batch.send();
  }

  /** Those whose whole target is in the ISR, as ZooKeeper has it. */
  async #complete(reassigned: Started): Promise<Set<ControlledPartition>> {
    const moving = reassigned.filter(({ assignment }) => isBeingReassigned(assignment));
    const states = await this.states.read(moving.map(({ partition }) => partition));
    const isComplete = ({ assignment }: Started[number], i: number): boolean => {
      const state = states[i];
      return state !== undefined && !(state instanceof Error)
        ? targetReplicas(assignment).every((id) => state.isr.includes(id))
        : false;
    };
    const complete = new Set(moving.filter(isComplete).map(({ partition }) => partition));
    for (const { partition, assignment } of reassigned) if (!isBeingReassigned(assignment)) complete.add(partition);
    return complete;
  }

  /** One write a topic. */
  async #writeAssignments(written: Started, errors: Map<ControlledPartition, Error>): Promise<void> {
    for (const [topic, changed] of Map.groupBy(written, ({ partition }) => partition.topic)) {
      try {
        await this.#writeAssignmentOf(topic, changed);
      } catch (error) {
        if (error instanceof ControllerMovedException || !(error instanceof Error)) throw error;
        for (const { partition } of changed) errors.set(partition, error);
      }
    }
  }

  async #writeAssignmentOf(topic: ControlledTopic, changed: Started): Promise<void> {
    for (;;) {
      const found = await this.zk.getVersionedTopicAssignment(topic.name);
      if (!found) throw new StateChangeFailedException(`topic ${topic.name} is not in ZooKeeper`);
      // It may have grown, and this controller will hear of that only later.
      const partitions = new Map(found.assignment.partitions);
      for (const { index, assignment } of topic.partitions.values()) partitions.set(index, assignment);
      for (const { partition, assignment } of changed) partitions.set(partition.index, assignment);
      const assignment = { topicId: topic.topicId, partitions };
      try {
        await this.zk.setTopicAssignment(topic.name, assignment, this.context.epochZkVersion, found.zkVersion);
        return;
      } catch (error) {
        if (!isKeeperException(error, KeeperCode.BADVERSION)) throw error;
      }
    }
  }

  async #removeFromZkReassignment(remove: (reassignment: Reassignment) => boolean): Promise<void> {
    if (!(await this.zk.pathExists(ReassignPartitionsZNode.path))) return;
    const all = await this.#zkReassignments();
    const left = all.filter((each) => !remove(each));
    if (left.length === 0) {
      await this.zk.deletePartitionReassignments(this.context.epochZkVersion);
      this.logger.info(`${ReassignPartitionsZNode.path} is done, and deleted.`);
      this.options.zkReassignmentDone();
    } else if (left.length < all.length) {
      await this.zk.setOrCreatePartitionReassignments(left, this.context.epochZkVersion);
    }
  }

  /** What cannot be read asks for nothing. */
  async #zkReassignments(): Promise<readonly Reassignment[]> {
    try {
      return await this.zk.getPartitionReassignments();
    } catch (error) {
      if (!(error instanceof ZnodeError)) throw error;
      this.logger.warn(`A reassignment is ignored: ${error.message}`);
      return [];
    }
  }

  #watch(partition: ControlledPartition): void {
    if (this.options.alterPartitionSupported) return;
    const path = statePath(partition);
    this.zk.handlers.registerNode({ path, handleDataChange: () => this.options.isrChanged(partition) });
  }

  #unwatch(partition: ControlledPartition): void {
    if (!this.options.alterPartitionSupported) this.zk.handlers.unregisterNode(statePath(partition));
  }
}

const none: ApiError = { code: ErrorCode.NONE, message: null };
const doesNotExist: ApiError = {
  code: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
  message: 'The partition does not exist.',
};

function reassignedTo(assignment: ReplicaAssignment, replicas: readonly number[] | null): ReplicaAssignment {
  return reassignTo(assignment, replicas ?? originReplicas(assignment));
}

function statePath({ topic, index }: ControlledPartition): string {
  return TopicPartitionStateZNode.path({ topic: topic.name, partition: index });
}
