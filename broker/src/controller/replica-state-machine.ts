import type { Logger } from '../logging/logger';
import { noLeader } from '../replication/metadata-cache';
import { withoutReplica } from './assignment-changes';
import type { ControllerBrokerRequestBatch } from './controller-broker-request-batch';
import {
  replicasOf,
  ReplicaStatus,
  type ControlledPartition,
  type ControllerContext,
  type Replica,
} from './controller-context';
import type { PartitionStates, StateUpdate } from './partition-states';

const {
  NonExistentReplica,
  NewReplica,
  OnlineReplica,
  OfflineReplica,
  ReplicaDeletionStarted,
  ReplicaDeletionSuccessful,
  ReplicaDeletionIneligible,
} = ReplicaStatus;

const validPrevious: Readonly<Record<ReplicaStatus, readonly ReplicaStatus[]>> = {
  NonExistentReplica: [ReplicaDeletionSuccessful],
  NewReplica: [NonExistentReplica],
  OnlineReplica: [NewReplica, OnlineReplica, OfflineReplica, ReplicaDeletionIneligible],
  OfflineReplica: [NewReplica, OnlineReplica, OfflineReplica, ReplicaDeletionIneligible],
  ReplicaDeletionStarted: [OfflineReplica],
  ReplicaDeletionSuccessful: [ReplicaDeletionStarted],
  ReplicaDeletionIneligible: [OfflineReplica, ReplicaDeletionStarted],
};

/** Moves replicas through their life, and tells their brokers (Kafka's ZkReplicaStateMachine). */
export class ReplicaStateMachine {
  constructor(
    private readonly logger: Logger,
    private readonly context: ControllerContext,
    private readonly states: PartitionStates,
    private readonly newBatch: () => ControllerBrokerRequestBatch,
  ) {}

  /** Where replicas are when a controller begins; tells all that are alive what they are. */
  async startup(): Promise<void> {
    const online: Replica[] = [];
    const offline: Replica[] = [];
    for (const replica of replicasOf(this.context.partitions())) {
      const isOnline = this.context.isReplicaOnline(replica.brokerId, replica.partition);
      // To be on the safe side: a replica of a broker that is away may not have been deleted.
      replica.partition.replicaStatus.set(replica.brokerId, isOnline ? OnlineReplica : ReplicaDeletionIneligible);
      (isOnline ? online : offline).push(replica);
    }
    this.toOnline(online);
    await this.toOffline(offline);
  }

  /** Starts replicas that are being added. */
  toNew(replicas: readonly Replica[]): void {
    const batch = this.newBatch();
    for (const { partition, brokerId } of this.#valid(replicas, NewReplica)) {
      if (partition.leadership?.leader === brokerId) {
        this.logger.error(`Replica ${brokerId} of ${partition} leads it, and cannot be new.`);
        continue;
      }
      batch.addLeaderAndIsr([brokerId], partition, true);
      partition.replicaStatus.set(brokerId, NewReplica);
    }
    batch.send();
  }

  toOnline(replicas: readonly Replica[]): void {
    const batch = this.newBatch();
    for (const { partition, brokerId } of this.#valid(replicas, OnlineReplica)) {
      if (partition.replicaStatus.get(brokerId) === NewReplica) {
        const { assignment } = partition;
        if (!assignment.replicas.includes(brokerId)) {
          this.logger.error(`Replica ${brokerId} of ${partition} is not one of [${assignment.replicas.join(',')}].`);
          partition.assignment = { ...assignment, replicas: [...assignment.replicas, brokerId] };
        }
      } else {
        batch.addLeaderAndIsr([brokerId], partition, false);
      }
      partition.replicaStatus.set(brokerId, OnlineReplica);
    }
    batch.send();
  }

  /** Stops replicas and takes them out of the ISR, of which the others are told. */
  async toOffline(replicas: readonly Replica[]): Promise<void> {
    const valid = this.#valid(replicas, OfflineReplica);
    if (valid.length === 0) return;
    const batch = this.newBatch();
    for (const [brokerId, held] of [...Map.groupBy(valid, (replica) => replica.brokerId)].sort(([a], [b]) => a - b)) {
      const partitions = held.map(({ partition }) => partition);
      for (const partition of partitions) batch.addStopReplica([brokerId], partition, false);
      const removed = await this.#removeFromIsr(
        brokerId,
        partitions.filter(({ leadership }) => leadership),
      );
      for (const partition of removed) {
        if (!this.context.isBeingDeleted(partition.topic)) {
          const recipients = partition.assignment.replicas.filter((id) => id !== brokerId);
          batch.addLeaderAndIsr(recipients, partition, false);
        }
        partition.replicaStatus.set(brokerId, OfflineReplica);
      }
      for (const partition of partitions) {
        if (partition.leadership) continue;
        batch.addUpdateMetadata(this.context.liveOrShuttingDownBrokerIds, []);
        partition.replicaStatus.set(brokerId, OfflineReplica);
      }
    }
    batch.send();
  }

  /** Has replicas deleted; the broker's answer decides what comes next. */
  toDeletionStarted(replicas: readonly Replica[]): void {
    const batch = this.newBatch();
    for (const { partition, brokerId } of this.#valid(replicas, ReplicaDeletionStarted)) {
      partition.replicaStatus.set(brokerId, ReplicaDeletionStarted);
      batch.addStopReplica([brokerId], partition, true);
    }
    batch.send();
  }

  toDeletionIneligible(replicas: readonly Replica[]): void {
    this.#set(replicas, ReplicaDeletionIneligible);
  }

  toDeletionSuccessful(replicas: readonly Replica[]): void {
    this.#set(replicas, ReplicaDeletionSuccessful);
  }

  /** Forgets replicas that were deleted, in the assignment too. */
  toNonExistent(replicas: readonly Replica[]): void {
    for (const { partition, brokerId } of this.#valid(replicas, NonExistentReplica)) {
      partition.assignment = withoutReplica(partition.assignment, brokerId);
      partition.replicaStatus.delete(brokerId);
    }
  }

  #set(replicas: readonly Replica[], target: ReplicaStatus): void {
    for (const { partition, brokerId } of this.#valid(replicas, target)) partition.replicaStatus.set(brokerId, target);
  }

  #valid(replicas: readonly Replica[], target: ReplicaStatus): Replica[] {
    return replicas.filter(({ partition, brokerId }) => {
      const current = partition.replicaStatus.get(brokerId) ?? NonExistentReplica;
      if (validPrevious[target].includes(current)) return true;
      this.logger.error(
        `Replica ${brokerId} of ${partition} cannot become ${target} from ${current}, only from ${validPrevious[target].join(', ')}.`,
      );
      return false;
    });
  }

  /** Gives the partitions whose ISR does not have the replica (any more); those that failed are logged. */
  async #removeFromIsr(brokerId: number, partitions: readonly ControlledPartition[]): Promise<ControlledPartition[]> {
    const done: ControlledPartition[] = [];
    let left = partitions;
    while (left.length > 0) {
      const states = await this.states.read(left);
      const updates: StateUpdate[] = [];
      for (const [i, partition] of left.entries()) {
        const state = states[i];
        if (state === undefined || state instanceof Error) {
          if (state === undefined && this.context.isQueuedForDeletion(partition.topic)) continue;
          const reason = state?.message ?? 'it has no state in ZooKeeper';
          this.logger.warn(`Replica ${brokerId} of ${partition} cannot be taken out of the ISR: ${reason}.`);
        } else if (!state.isr.includes(brokerId)) {
          partition.leadership = { ...state, controllerEpoch: this.context.epoch };
          done.push(partition);
        } else {
          // The last one stays: only it, or an unclean election, can lead again.
          const isr = state.isr.length === 1 ? state.isr : state.isr.filter((id) => id !== brokerId);
          const leader = state.leader === brokerId ? noLeader : state.leader;
          const leaderEpoch = state.leaderEpoch + 1;
          updates.push({
            partition,
            state: { ...state, leader, leaderEpoch, isr },
            partitionEpoch: state.partitionEpoch,
          });
        }
      }
      const { finished, failed, retry } = await this.states.update(updates);
      for (const { partition } of finished) done.push(partition);
      for (const { partition, error } of failed) {
        this.logger.error(`Replica ${brokerId} of ${partition} could not be taken out of the ISR.`, { error });
      }
      left = retry;
    }
    return done;
  }
}
