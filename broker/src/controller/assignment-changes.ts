import type { ReplicaAssignment } from '../zookeeper/znodes/topic';

/**
 * How an assignment changes while a partition is reassigned (Kafka's ReplicaAssignment): `replicas` holds the target
 * first and then those that go; what comes and what goes is marked.
 */

export function assigned(replicas: readonly number[]): ReplicaAssignment {
  return { replicas, addingReplicas: [], removingReplicas: [] };
}

export function isBeingReassigned({ addingReplicas, removingReplicas }: ReplicaAssignment): boolean {
  return addingReplicas.length > 0 || removingReplicas.length > 0;
}

/** Before the reassignment (not necessarily in the order of then). */
export function originReplicas({ replicas, addingReplicas }: ReplicaAssignment): number[] {
  return replicas.filter((id) => !addingReplicas.includes(id));
}

/** After the reassignment. */
export function targetReplicas({ replicas, removingReplicas }: ReplicaAssignment): number[] {
  return replicas.filter((id) => !removingReplicas.includes(id));
}

/** Towards `target`, whatever reassignment is under way. */
export function reassignTo(assignment: ReplicaAssignment, target: readonly number[]): ReplicaAssignment {
  const origin = originReplicas(assignment);
  const replicas = [...new Set([...target, ...origin])];
  return {
    replicas,
    addingReplicas: replicas.filter((id) => !origin.includes(id)),
    removingReplicas: replicas.filter((id) => !target.includes(id)),
  };
}

export function withoutReplica(assignment: ReplicaAssignment, replica: number): ReplicaAssignment {
  const without = (replicas: readonly number[]): number[] => replicas.filter((id) => id !== replica);
  return {
    replicas: without(assignment.replicas),
    addingReplicas: without(assignment.addingReplicas),
    removingReplicas: without(assignment.removingReplicas),
  };
}

export function isSameAssignment(a: ReplicaAssignment, b: ReplicaAssignment): boolean {
  const same = (one: readonly number[], other: readonly number[]): boolean =>
    one.length === other.length && one.every((id, i) => id === other[i]);
  return (
    same(a.replicas, b.replicas) &&
    same(a.addingReplicas, b.addingReplicas) &&
    same(a.removingReplicas, b.removingReplicas)
  );
}
