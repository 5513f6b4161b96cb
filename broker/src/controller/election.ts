import { LeaderRecoveryState, type PartitionState } from '../zookeeper/znodes/partition-state';
import { targetReplicas } from './assignment-changes';
import type { ControlledPartition, ControllerContext } from './controller-context';

/** Why a leader is elected, which decides who can be it (Kafka's PartitionLeaderElectionStrategy). */
export type ElectionStrategy =
  /** The leader is gone. `allowUnclean`: whatever the topic's configuration says. */
  | { readonly name: 'offline'; readonly allowUnclean: boolean }
  | { readonly name: 'reassign' }
  | { readonly name: 'preferred' }
  | { readonly name: 'controlled-shutdown' };

export interface ElectionResult {
  /** The state with its new leader; the controller's epoch is still the old one. `undefined`: nobody can lead. */
  readonly state: PartitionState | undefined;
  /** Brokers that are told. */
  readonly recipients: readonly number[];
}

function newLeaderAndIsr(state: PartitionState, leader: number, isr: readonly number[]): PartitionState {
  return {
    leader,
    leaderEpoch: state.leaderEpoch + 1,
    isr,
    leaderRecoveryState: state.leaderRecoveryState,
    controllerEpoch: state.controllerEpoch,
  };
}

/**
 * The first replica that is alive and in the ISR; with `unclean`, otherwise any that is alive: it alone is the ISR
 * then, and (`withRecovery`) known to be recovering.
 */
export function electForOffline(
  context: ControllerContext,
  partition: ControlledPartition,
  state: PartitionState,
  unclean: boolean,
  withRecovery: boolean,
): ElectionResult {
  const live = partition.assignment.replicas.filter((id) => context.isReplicaOnline(id, partition));
  const clean = live.find((id) => state.isr.includes(id));
  if (clean !== undefined) {
    const isr = state.isr.filter((id) => context.isReplicaOnline(id, partition));
    return { state: newLeaderAndIsr(state, clean, isr), recipients: live };
  }
  const any = unclean ? live[0] : undefined;
  if (any === undefined) return { state: undefined, recipients: live };
  const elected = newLeaderAndIsr(state, any, [any]);
  return {
    state: withRecovery ? { ...elected, leaderRecoveryState: LeaderRecoveryState.RECOVERING } : elected,
    recipients: live,
  };
}

/** The first replica of the target that is alive and in the ISR. */
export function electForReassignment(
  context: ControllerContext,
  partition: ControlledPartition,
  state: PartitionState,
): ElectionResult {
  const target = targetReplicas(partition.assignment);
  const leader = target.find((id) => context.isReplicaOnline(id, partition) && state.isr.includes(id));
  return {
    state: leader === undefined ? undefined : newLeaderAndIsr(state, leader, state.isr),
    recipients: target,
  };
}

/** The preferred replica, if it is alive and in the ISR. */
export function electPreferred(
  context: ControllerContext,
  partition: ControlledPartition,
  state: PartitionState,
): ElectionResult {
  const { replicas } = partition.assignment;
  const canLead = canPreferredLead(context, partition, state);
  return { state: canLead ? newLeaderAndIsr(state, replicas[0], state.isr) : undefined, recipients: replicas };
}

export function canPreferredLead(
  context: ControllerContext,
  partition: ControlledPartition,
  state: PartitionState,
): boolean {
  const preferred = partition.assignment.replicas[0];
  return preferred !== undefined && context.isReplicaOnline(preferred, partition) && state.isr.includes(preferred);
}

/** The first replica that is alive, in the ISR, and not about to shut down; those that are leave the ISR. */
export function electForControlledShutdown(
  context: ControllerContext,
  partition: ControlledPartition,
  state: PartitionState,
): ElectionResult {
  const { shuttingDownBrokerIds } = context;
  const recipients = partition.assignment.replicas.filter((id) => context.isReplicaOnline(id, partition, true));
  const leader = recipients.find((id) => state.isr.includes(id) && !shuttingDownBrokerIds.has(id));
  if (leader === undefined) return { state: undefined, recipients };
  const isr = state.isr.filter((id) => !shuttingDownBrokerIds.has(id));
  return { state: newLeaderAndIsr(state, leader, isr), recipients };
}
