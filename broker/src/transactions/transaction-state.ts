/** Where a transactional id is, by the names that DescribeTransactions shows (Kafka's TransactionState). */
export const TransactionState = {
  /** No transaction has begun since the producer was initialized. */
  EMPTY: 'Empty',
  ONGOING: 'Ongoing',
  /** It is decided and written down; the markers are on their way to the partitions. */
  PREPARE_COMMIT: 'PrepareCommit',
  PREPARE_ABORT: 'PrepareAbort',
  /** Every partition has its marker. */
  COMPLETE_COMMIT: 'CompleteCommit',
  COMPLETE_ABORT: 'CompleteAbort',
  /** It has expired and is about to be forgotten. Never written. */
  DEAD: 'Dead',
  /** A new producer fences the one whose transaction is open: it becomes PREPARE_ABORT. Never written. */
  PREPARE_EPOCH_FENCE: 'PrepareEpochFence',
} as const;
export type TransactionState = (typeof TransactionState)[keyof typeof TransactionState];

const { EMPTY, ONGOING, PREPARE_COMMIT, PREPARE_ABORT, COMPLETE_COMMIT, COMPLETE_ABORT, DEAD, PREPARE_EPOCH_FENCE } =
  TransactionState;

/** A state's place is its number in __transaction_state. */
const byId: readonly TransactionState[] = [
  EMPTY,
  ONGOING,
  PREPARE_COMMIT,
  PREPARE_ABORT,
  COMPLETE_COMMIT,
  COMPLETE_ABORT,
  DEAD,
  PREPARE_EPOCH_FENCE,
];

/** From where each state may be entered. */
const previous: Readonly<Record<TransactionState, readonly TransactionState[]>> = {
  [EMPTY]: [EMPTY, COMPLETE_COMMIT, COMPLETE_ABORT],
  [ONGOING]: [ONGOING, EMPTY, COMPLETE_COMMIT, COMPLETE_ABORT],
  [PREPARE_COMMIT]: [ONGOING],
  [PREPARE_ABORT]: [ONGOING, PREPARE_EPOCH_FENCE],
  [COMPLETE_COMMIT]: [PREPARE_COMMIT],
  [COMPLETE_ABORT]: [PREPARE_ABORT],
  [DEAD]: [EMPTY, COMPLETE_ABORT, COMPLETE_COMMIT],
  [PREPARE_EPOCH_FENCE]: [ONGOING],
};

export function isTransition(from: TransactionState, to: TransactionState): boolean {
  return previous[to].includes(from);
}

export function stateId(state: TransactionState): number {
  return byId.indexOf(state);
}

/** `undefined`: no state has that number. */
export function stateOfId(id: number): TransactionState | undefined {
  return byId[id];
}

/** `undefined`: no state has that name. */
export function stateOfName(name: string): TransactionState | undefined {
  return byId.find((state) => state === name);
}

/** Whether an id may be forgotten in this state, when it has not been used for long. */
export function isExpirationAllowed(state: TransactionState): boolean {
  return state === EMPTY || state === COMPLETE_COMMIT || state === COMPLETE_ABORT;
}
