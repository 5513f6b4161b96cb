import type { Clock } from '../io/clock';

/** Holds work to a rate: whoever has done some rests until it is within it. */
export class Throttle {
  readonly #clock: Clock;
  #paidUntilMs: number;

  constructor(
    clock: Clock,
    /** Infinity: no bound. */
    public perSecond: number,
  ) {
    this.#clock = clock;
    this.#paidUntilMs = clock.monotonicMs();
  }

  /** So much that work of that size can be looked at every 300 ms. */
  get slice(): number {
    return this.perSecond * 0.3;
  }

  /** Returns how many milliseconds to rest now. */
  did(amount: number): number {
    const now = this.#clock.monotonicMs();
    this.#paidUntilMs = Math.max(now, this.#paidUntilMs) + (amount / this.perSecond) * 1000;
    return this.#paidUntilMs - now;
  }
}
