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
  /** Aborted transactions that were not reached yet, by first offset. */
  readonly upcoming: readonly AbortedTxn[];
  readonly committed: ReadonlySet<number>;
  readonly aborted: ReadonlyMap<number, OngoingAbort>;
}

export function cleanedTransactionsOf(aborted: readonly AbortedTxn[]): CleanedTransactionsState {
  const upcoming = [...aborted].sort((a, b) => a.firstOffset - b.firstOffset);
  return { upcoming, committed: new Set(), aborted: new Map() };
}

/**
 * Follows the transactions of a log while it is read batch by batch: which batches belong to aborted ones, and which
 * markers have no batch left before them (Kafka's CleanedTransactionMetadata).
 */
export class CleanedTransactions {
  readonly #upcoming: readonly AbortedTxn[];
  #next = 0;
  readonly #committed: Set<number>;
  readonly #aborted: Map<number, OngoingAbort>;

  /** `retained` hears of each aborted transaction whose marker must stay. */
  constructor(
    state: CleanedTransactionsState,
    readonly retained: (txn: AbortedTxn) => void = () => {},
  ) {
    this.#upcoming = state.upcoming;
    this.#committed = new Set(state.committed);
    this.#aborted = new Map(state.aborted);
  }

  get state(): CleanedTransactionsState {
    return { upcoming: this.#upcoming.slice(this.#next), committed: this.#committed, aborted: this.#aborted };
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
    for (; this.#next < this.#upcoming.length && this.#upcoming[this.#next].firstOffset <= offset; this.#next++) {
      const txn = this.#upcoming[this.#next];
      if (!this.#aborted.has(txn.producerId)) {
        this.#aborted.set(txn.producerId, { txn, observed: false });
      }
    }
  }
}

/** Whether the batch is the last that its producer wrote: kept, if need be empty, to know it by. */
export interface LastRecord {
  /** -1: none, the last that it wrote is a marker. */
  readonly lastDataOffset: number;
  readonly producerEpoch: number;
}
