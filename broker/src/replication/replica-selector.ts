/** What is known of a consumer when a replica is chosen for it. */
export interface ClientMetadata {
  /** client.rack, empty: it does not say. */
  readonly rackId: string;
  readonly clientId: string | null;
  readonly listenerName: string;
}

/** A replica that a consumer could read from. */
export interface ReplicaView {
  readonly brokerId: number;
  /** Whether the broker lives and has the consumer's listener: others cannot be chosen. */
  readonly isReachable: boolean;
  readonly rack: string | null;
  readonly logEndOffset: number;
  readonly timeSinceLastCaughtUpMs: number;
}

/** Chooses the replica that a consumer reads from (KIP-392; replica.selector.class). */
export interface ReplicaSelector {
  /** `replicas` has the leader, too; `undefined` is the leader. */
  select(client: ClientMetadata, replicas: readonly ReplicaView[], leader: ReplicaView): ReplicaView | undefined;
}

/** In the consumer's rack: the leader if it is there, else who has most (Kafka's RackAwareReplicaSelector). */
export const rackAwareReplicaSelector: ReplicaSelector = {
  select({ rackId }, replicas, leader) {
    if (rackId === '' || leader.rack === rackId) return leader;
    let best: ReplicaView | undefined;
    for (const replica of replicas) {
      if (replica.rack === rackId && (!best || isAhead(replica, best))) best = replica;
    }
    return best ?? leader;
  },
};

function isAhead(one: ReplicaView, other: ReplicaView): boolean {
  if (one.logEndOffset !== other.logEndOffset) return one.logEndOffset > other.logEndOffset;
  if (one.timeSinceLastCaughtUpMs !== other.timeSinceLastCaughtUpMs) {
    return one.timeSinceLastCaughtUpMs < other.timeSinceLastCaughtUpMs;
  }
  return one.brokerId > other.brokerId;
}

export const rackAwareReplicaSelectorClass = 'org.apache.kafka.common.replica.RackAwareReplicaSelector';

/** The selector that replica.selector.class names; `undefined` when consumers read from the leader. */
export function replicaSelectorOf(className: string | null): ReplicaSelector | undefined {
  return className === rackAwareReplicaSelectorClass ? rackAwareReplicaSelector : undefined;
}
