/** What a leader proposes for its partition, and what the controller says became of it (Kafka's LeaderAndIsr). */
export interface LeaderAndIsr {
  readonly leader: number;
  readonly leaderEpoch: number;
  readonly isr: readonly number[];
  /** 0: recovered, 1: recovering from an unclean election. */
  readonly leaderRecoveryState: number;
  readonly partitionEpoch: number;
}

/** The ISR as it is written down. */
export interface CommittedIsr {
  readonly kind: 'committed';
  readonly isr: readonly number[];
  readonly leaderRecoveryState: number;
}

/** A replica is to join; until that is known it counts for the high watermark. */
export interface PendingExpandIsr {
  readonly kind: 'expand';
  readonly added: number;
  readonly sent: LeaderAndIsr;
  readonly brokerEpochs: readonly bigint[];
  readonly lastCommitted: CommittedIsr;
}

/** Replicas are to leave; until that is known they count for the high watermark. */
export interface PendingShrinkIsr {
  readonly kind: 'shrink';
  readonly removed: readonly number[];
  readonly sent: LeaderAndIsr;
  readonly brokerEpochs: readonly bigint[];
  readonly lastCommitted: CommittedIsr;
}

export type PendingIsr = PendingExpandIsr | PendingShrinkIsr;

/** Kafka's PartitionState (KIP-497). */
export type IsrState = CommittedIsr | PendingIsr;

export function committed(isr: readonly number[], leaderRecoveryState: number): CommittedIsr {
  return { kind: 'committed', isr, leaderRecoveryState };
}

/** Replicas that are written down as in sync. */
export function isrOf(state: IsrState): readonly number[] {
  return state.kind === 'committed' ? state.isr : state.lastCommitted.isr;
}

/** All that may be in sync, whatever becomes of a proposal: acks=all and the high watermark wait for them. */
export function maximalIsrOf(state: IsrState): readonly number[] {
  return state.kind === 'expand' ? state.sent.isr : isrOf(state);
}
