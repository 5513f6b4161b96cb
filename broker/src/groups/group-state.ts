/**
 * The states of a group, by the names that tools show (Kafka's GroupState).
 * - `Empty`: no members. It stays for its offsets, or because it only commits offsets.
 * - `PreparingRebalance`: members gather; their JoinGroups wait.
 * - `CompletingRebalance`: the members have their generation and wait for the leader's assignment.
 * - `Stable`: everybody has an assignment.
 * - `Dead`: deleted, expired, or moved to another coordinator. Final.
 */
export const GroupState = {
  EMPTY: 'Empty',
  PREPARING_REBALANCE: 'PreparingRebalance',
  COMPLETING_REBALANCE: 'CompletingRebalance',
  STABLE: 'Stable',
  DEAD: 'Dead',
} as const;
export type GroupState = (typeof GroupState)[keyof typeof GroupState];

const previous: Readonly<Record<GroupState, readonly GroupState[]>> = {
  Empty: ['PreparingRebalance'],
  PreparingRebalance: ['Stable', 'CompletingRebalance', 'Empty'],
  CompletingRebalance: ['PreparingRebalance'],
  Stable: ['CompletingRebalance'],
  Dead: ['Stable', 'PreparingRebalance', 'CompletingRebalance', 'Empty', 'Dead'],
};

export function canTransition(from: GroupState, to: GroupState): boolean {
  return previous[to].includes(from);
}
