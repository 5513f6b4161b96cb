import type { Clock, Timer } from '../io/clock';

/** Until when an append may wait for disks; and what is still with them when that is over. */
export class AppendDeadline {
  isOver = false;
  readonly #clock: Clock;
  readonly #begunMs: number;
  readonly #timer: Timer;
  #unsettled = 0;
  #allSettled: (() => void) | undefined;

  /** @param ms milliseconds from now on, after which `over` is called unless `end` is before */
  constructor(clock: Clock, ms: number, over: () => void) {
    this.#clock = clock;
    this.#begunMs = clock.monotonicMs();
    this.#timer = clock.timer(ms, () => {
      this.isOver = true;
      over();
    });
  }

  /** Nothing is waited for any more. Returns what is left of `ms` milliseconds from its beginning. */
  end(ms: number): number {
    this.#timer.cancel();
    return Math.max(0, ms - (this.#clock.monotonicMs() - this.#begunMs));
  }

  /** So many appends are still with a disk; resolves when `settled` was called for each, `undefined` without any. */
  unsettled(count: number): Promise<void> | undefined {
    this.#unsettled = count;
    return count === 0 ? undefined : new Promise((resolve) => (this.#allSettled = resolve));
  }

  settled(): void {
    if (--this.#unsettled === 0) this.#allSettled?.();
  }
}
