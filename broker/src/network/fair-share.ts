import type { Clock } from '../io/clock';

/** Bytes that all connections together may move in one turn of the event loop, more or less. */
const turnBytes = 1024 * 1024;
/** What each may move however many there are. */
const leastShare = 64 * 1024;

/** One connection's account. */
export interface ShareHolder {
  /** For FairShare alone: the turn that `spent` belongs to. */
  shareTurn: number;
  spent: number;
  /** Whether it stands in the queue for the next turn. */
  waitsForTurn: boolean;
  /** The next turn has come. */
  nextTurn(): void;
}

/**
 * How much a connection may read, send and have handled before the event loop looks at the others: otherwise a bulk
 * producer starves a small request beside it. The busy connections of the turn before share what is good for one turn.
 */
export class FairShare {
  readonly #clock: Clock;
  #turn = 1;
  #ending = false;
  #busy = 0;
  #share = turnBytes;
  #waiting: ShareHolder[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Bytes that each may move in this turn. */
  get share(): number {
    return this.#share;
  }

  /** Counts work, in bytes; false: no more in this turn. */
  spend(holder: ShareHolder, bytes: number): boolean {
    this.#endTurnLater();
    if (holder.shareTurn !== this.#turn) {
      holder.shareTurn = this.#turn;
      holder.spent = 0;
      this.#busy++;
    }
    holder.spent += bytes;
    return holder.spent < this.#share;
  }

  /** Whether the holder may go on in this turn. */
  has(holder: ShareHolder): boolean {
    return holder.shareTurn !== this.#turn || holder.spent < this.#share;
  }

  /** Calls `nextTurn` when the turn is over, once however often it was asked. */
  wait(holder: ShareHolder): void {
    if (!holder.waitsForTurn) {
      holder.waitsForTurn = true;
      this.#waiting.push(holder);
      this.#endTurnLater();
    }
  }

  #endTurnLater(): void {
    if (!this.#ending) {
      this.#ending = true;
      this.#clock.defer(() => this.#endTurn());
    }
  }

  #endTurn(): void {
    this.#ending = false;
    this.#share = Math.max(leastShare, Math.floor(turnBytes / Math.max(1, this.#busy)));
    this.#busy = 0;
    this.#turn++;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const holder of waiting) {
      holder.waitsForTurn = false;
      holder.nextTurn();
    }
  }
}
