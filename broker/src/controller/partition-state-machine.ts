import type { Logger } from '../logging/logger';
import { LeaderRecoveryState, type VersionedPartitionState } from '../zookeeper/znodes/partition-state';
import type { ControllerBrokerRequestBatch } from './controller-broker-request-batch';
import { PartitionStatus, type ControlledPartition, type ControllerContext } from './controller-context';
import {
  electForControlledShutdown,
  electForOffline,
  electForReassignment,
  electPreferred,
  type ElectionResult,
  type ElectionStrategy,
} from './election';
import { StateChangeFailedException, type PartitionStates, type StateUpdate } from './partition-states';

export interface PartitionStateMachineOptions {
  readonly newBatch: () => ControllerBrokerRequestBatch;
  /** unclean.leader.election.enable of a topic, now. */
  readonly uncleanLeaderElection: (topic: string) => Promise<boolean>;
  /** inter.broker.protocol.version 3.2 and newer: a leader that was elected out of the ISR is marked as recovering. */
  readonly leaderRecoverySupported: boolean;
  /** A state could not be written: elections are to be tried again later. */
  readonly failed: () => void;
}

/** The outcome of a partition's election: its new leadership, or why there is none. */
export type Elections = Map<ControlledPartition, VersionedPartitionState | Error>;

const { NewPartition, OnlinePartition, OfflinePartition, NonExistentPartition } = PartitionStatus;

const validPrevious: Readonly<Record<PartitionStatus, readonly PartitionStatus[]>> = {
  NonExistentPartition: [OfflinePartition],
  NewPartition: [NonExistentPartition],
  OnlinePartition: [NewPartition, OnlinePartition, OfflinePartition],
  OfflinePartition: [NewPartition, OnlinePartition, OfflinePartition],
};

/**
 * Moves partitions through their life (Kafka's ZkPartitionStateMachine): a partition becomes online by getting a
 * leader, which is written to ZooKeeper before anybody is told.
 */
export class PartitionStateMachine {
  constructor(
    private readonly logger: Logger,
    private readonly context: ControllerContext,
    private readonly states: PartitionStates,
    private readonly options: PartitionStateMachineOptions,
  ) {}

  /** Where partitions are when a controller begins. */
  initialize(): void {
    for (const partition of this.context.partitions()) {
      const { leadership } = partition;
      if (!leadership) partition.status = NewPartition;
      else if (this.context.isReplicaOnline(leadership.leader, partition)) partition.status = OnlinePartition;
      else partition.status = OfflinePartition;
    }
  }

  /** Elects leaders for partitions (all, or those given) that have none; not for those that are being deleted. */
  async triggerOnlineStateChange(partitions?: Iterable<ControlledPartition>): Promise<Elections> {
    const without = this.context
      .partitionsInStatus([OfflinePartition, NewPartition], partitions)
      .filter(({ topic }) => !this.context.isBeingDeleted(topic));
    return await this.toOnline(without, { name: 'offline', allowUnclean: false });
  }

  toNew(partitions: readonly ControlledPartition[]): void {
    this.#set(partitions, NewPartition);
  }

  toOffline(partitions: readonly ControlledPartition[]): void {
    this.#set(partitions, OfflinePartition);
  }

  toNonExistent(partitions: readonly ControlledPartition[]): void {
    this.#set(partitions, NonExistentPartition);
  }

  /** Gives new partitions their first leader, and elects another for the others. Gives the outcome of the elections. */
  async toOnline(partitions: readonly ControlledPartition[], strategy: ElectionStrategy): Promise<Elections> {
    const valid = partitions.filter((partition) => this.#isValid(partition, OnlinePartition));
    const fresh = valid.filter(({ status }) => status === NewPartition);
    const old = valid.filter(({ status }) => status !== NewPartition);
    const batch = this.options.newBatch();
    if (fresh.length > 0) await this.#initializeLeaders(fresh, batch);
    const elections: Elections = new Map();
    if (old.length > 0) await this.#elect(old, strategy, elections, batch);
    batch.send();
    return elections;
  }

  #set(partitions: readonly ControlledPartition[], status: PartitionStatus): void {
    for (const partition of partitions) if (this.#isValid(partition, status)) partition.status = status;
  }

  #isValid(partition: ControlledPartition, target: PartitionStatus): boolean {
    if (validPrevious[target].includes(partition.status)) return true;
    this.logger.error(
      `Partition ${partition} cannot become ${target} from ${partition.status}, only from ${validPrevious[target].join(', ')}.`,
    );
    return false;
  }

  async #initializeLeaders(
    partitions: readonly ControlledPartition[],
    batch: ControllerBrokerRequestBatch,
  ): Promise<void> {
    const created = partitions.flatMap((partition) => {
      const { replicas } = partition.assignment;
      const live = replicas.filter((id) => this.context.isReplicaOnline(id, partition));
      if (live.length === 0) {
        this.logger.warn(`${partition} stays without a leader: none of its replicas [${replicas.join(',')}] is alive.`);
        return [];
      }
      const state = {
        leader: live[0],
        leaderEpoch: 0,
        isr: live,
        leaderRecoveryState: LeaderRecoveryState.RECOVERED,
        controllerEpoch: this.context.epoch,
      };
      return [{ partition, state }];
    });
    if (created.length === 0) return;
    const failed = new Map((await this.states.create(created)).map(({ partition, error }) => [partition, error]));
    for (const { partition } of created) {
      const error = failed.get(partition);
      const { leadership } = partition;
      if (!leadership) {
        this.#logFailure(partition, error);
        this.options.failed();
      } else if (this.context.isReplicaOnline(leadership.leader, partition)) {
        partition.status = OnlinePartition;
        batch.addLeaderAndIsr(leadership.isr, partition, true);
        this.logger.debug(`${partition} is new: ${describe(leadership)}.`);
      } else {
        // It has had a state all along.
        partition.status = OfflinePartition;
        this.options.failed();
      }
    }
    this.logger.info(`${created.length - failed.size} new partitions have their first leader.`);
  }

  async #elect(
    partitions: readonly ControlledPartition[],
    strategy: ElectionStrategy,
    elections: Elections,
    batch: ControllerBrokerRequestBatch,
  ): Promise<void> {
    const unclean = new Map<string, Promise<boolean>>();
    let left = partitions;
    while (left.length > 0) {
      const states = await this.states.read(left);
      const updates: (StateUpdate & { readonly recipients: readonly number[] })[] = [];
      for (const [i, partition] of left.entries()) {
        const state = states[i];
        if (state === undefined) {
          this.#fail(elections, partition, new StateChangeFailedException(`${partition} has no state in ZooKeeper`));
        } else if (state instanceof Error) {
          this.#fail(elections, partition, state);
        } else {
          const result = await this.#electOne(partition, state, strategy, unclean).catch(asError);
          if (result instanceof Error) {
            // Its topic's configuration cannot be read: the others have their elections all the same.
            this.#fail(elections, partition, result);
            this.options.failed();
            continue;
          }
          const { state: elected, recipients } = result;
          if (elected) {
            updates.push({ partition, state: elected, partitionEpoch: state.partitionEpoch, recipients });
          } else {
            const reason = `no replica of ${partition} can be its leader (${strategy.name} election; replicas [${partition.assignment.replicas.join(',')}], ISR [${state.isr.join(',')}])`;
            this.#fail(elections, partition, new StateChangeFailedException(reason));
          }
        }
      }
      const { failed, retry } = await this.states.update(updates);
      for (const { partition, error } of failed) {
        this.#fail(elections, partition, error);
        this.options.failed();
      }
      const again = new Set(retry);
      for (const { partition, recipients } of updates) {
        const { leadership } = partition;
        if (again.has(partition) || elections.has(partition) || !leadership) continue;
        batch.addLeaderAndIsr(recipients, partition, false);
        this.logger.info(`${partition} has a leader by ${strategy.name} election: ${describe(leadership)}.`);
        partition.status = OnlinePartition;
        elections.set(partition, leadership);
      }
      left = retry;
    }
  }

  async #electOne(
    partition: ControlledPartition,
    state: VersionedPartitionState,
    strategy: ElectionStrategy,
    uncleanTopics: Map<string, Promise<boolean>>,
  ): Promise<ElectionResult> {
    switch (strategy.name) {
      case 'offline': {
        const hasLive = state.isr.some((id) => this.context.isReplicaOnline(id, partition));
        const unclean = !hasLive && (strategy.allowUnclean || (await this.#isUncleanAllowed(partition, uncleanTopics)));
        const result = electForOffline(this.context, partition, state, unclean, this.options.leaderRecoverySupported);
        if (unclean && result.state) {
          this.logger.warn(
            `${partition} is led by ${result.state.leader}, which was not in the ISR [${state.isr.join(',')}]: records may be lost.`,
          );
        }
        return result;
      }
      case 'reassign':
        return electForReassignment(this.context, partition, state);
      case 'preferred':
        return electPreferred(this.context, partition, state);
      case 'controlled-shutdown':
        return electForControlledShutdown(this.context, partition, state);
    }
  }

  async #isUncleanAllowed({ topic }: ControlledPartition, known: Map<string, Promise<boolean>>): Promise<boolean> {
    let allowed = known.get(topic.name);
    if (!allowed) {
      allowed = this.options.uncleanLeaderElection(topic.name);
      known.set(topic.name, allowed);
    }
    return await allowed;
  }

  #fail(elections: Elections, partition: ControlledPartition, error: Error): void {
    elections.set(partition, error);
    this.#logFailure(partition, error);
  }

  #logFailure(partition: ControlledPartition, error: Error | undefined): void {
    if (error instanceof StateChangeFailedException) {
      this.logger.warn(`${partition} stays ${partition.status}: ${error.message}.`);
    } else {
      this.logger.error(`The state of ${partition} could not be written: it stays ${partition.status} for now.`, {
        error,
      });
    }
  }
}

export function describe({ leader, leaderEpoch, isr, partitionEpoch }: VersionedPartitionState): string {
  return `leader ${leader}, leader epoch ${leaderEpoch}, ISR [${isr.join(',')}], partition epoch ${partitionEpoch}`;
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
