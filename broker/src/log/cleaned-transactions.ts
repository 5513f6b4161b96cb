import { isTransactional, lastOffset, producerId } from '../records/batch-header';
import { ControlRecordType, controlRecordType } from '../records/control-records';
import { readRecords } from '../records/read-records';
import type { AbortedTxn } from './transaction-index';

interface OngoingAbort {
  readonly txn: AbortedTxn;
  /** Whether a batch of it was come across. */
  observed: boolean;
}

/** Structured-cloneable: a cleaning goes on with it where another job ended. */
export interface CleanedTransactionsState {
  /** Aborted transactions by first offset, four numbers each: in shared memory, there may be many. */
  readonly all: SharedArrayBuffer;
  /** How many of them were reached. */
  readonly reached: number;
  readonly committed: ReadonlySet<number>;
  readonly aborted: ReadonlyMap<number, OngoingAbort>;
}

const doublesATxn = 4;

export function cleanedTransactionsOf(aborted: readonly AbortedTxn[]): CleanedTransactionsState {
  const all = new SharedArrayBuffer(aborted.length * doublesATxn * 8);
  const doubles = new Float64Array(all);
  const sorted = [...aborted].sort((a, b) => a.firstOffset - b.firstOffset);
  for (const [index, { producerId, firstOffset, lastOffset: last, lastStableOffset }] of sorted.entries()) {
    doubles.set([firstOffset, last, producerId, lastStableOffset], index * doublesATxn);
  }
  return { all, reached: 0, committed: new Set(), aborted: new Map() };
}

/**
 * Follows the transactions of a log while it is read batch by batch: which batches belong to aborted ones, and which
 * markers have no batch left before them (Kafka's CleanedTransactionMetadata).
 */
export class CleanedTransactions {
  readonly #all: SharedArrayBuffer;
  readonly #doubles: Float64Array;
  #reachedSoFar: number;
  readonly #committed: Set<number>;
  readonly #aborted: Map<number, OngoingAbort>;

  /** `retained` hears of each aborted transaction whose marker must stay. */
  constructor(
    state: CleanedTransactionsState,
    readonly retained: (txn: AbortedTxn) => void = () => {},
  ) {
    this.#all = state.all;
    this.#doubles = new Float64Array(state.all);
    this.#reachedSoFar = state.reached;
    this.#committed = new Set(state.committed);
    this.#aborted = new Map(state.aborted);
  }

  get state(): CleanedTransactionsState {
    return { all: this.#all, reached: this.#reachedSoFar, committed: this.#committed, aborted: this.#aborted };
  }

  /** A control batch; returns whether it can be dropped, once its delete horizon has passed. */
  onControlBatch(bytes: Buffer, at: number): boolean {
    this.#reached(lastOffset(bytes, at));
    const record = readRecords(bytes, at).next().value;
    if (record === undefined) {
      return true; // cleaned already
    }
    const producer = producerId(bytes, at);
    switch (controlRecordType(record.key)) {
      case ControlRecordType.ABORT: {
        const ongoing = this.#aborted.get(producer);
        this.#aborted.delete(producer);
        if (ongoing?.observed === true) {
          this.retained(ongoing.txn);
          return false;
        }
        return true;
      }
      case ControlRecordType.COMMIT:
        return !this.#committed.delete(producer);
      default:
        return false;
    }
  }

  /** A batch of data; returns whether it belongs to an aborted transaction. */
  onBatch(bytes: Buffer, at: number): boolean {
    this.#reached(lastOffset(bytes, at));
    if (!isTransactional(bytes, at)) {
      return false;
    }
    const producer = producerId(bytes, at);
    const ongoing = this.#aborted.get(producer);
    if (ongoing !== undefined) {
      ongoing.observed = true;
      return true;
    }
    this.#committed.add(producer);
    return false;
  }

  #reached(offset: number): void {
    const doubles = this.#doubles;
    for (;;) {
      const at = this.#reachedSoFar * doublesATxn;
      if (at >= doubles.length || doubles[at] > offset) return;
      this.#reachedSoFar++;
      const [firstOffset, last, producer, lastStableOffset] = doubles.subarray(at, at + doublesATxn);
      if (!this.#aborted.has(producer)) {
        const txn = { producerId: producer, firstOffset, lastOffset: last, lastStableOffset };
        this.#aborted.set(producer, { txn, observed: false });
      }
    }
  }
}
