import type { Clock, Timer } from '../clock';

/** The longest delay that Node's timers take; longer ones fire at once. */
const longestDelayMs = 2 ** 31 - 1;

/**
 * A timer that never fires early by the monotonic clock (Node's own may, by up to a millisecond, because the event
 * loop counts whole ones) and that may be longer than 2^31 ms: both by waiting again for what is left.
 */
class NodeTimer implements Timer {
  readonly #deadlineMs: number;
  readonly #fire: () => void;
  #timeout: NodeJS.Timeout | undefined;

  constructor(delayMs: number, fire: () => void) {
    this.#deadlineMs = performance.now() + delayMs;
    this.#fire = fire;
    this.#wait(delayMs);
  }

  cancel(): void {
    clearTimeout(this.#timeout);
    this.#timeout = undefined;
  }

  #wait(delayMs: number): void {
    this.#timeout = setTimeout(() => this.#expired(), Math.min(Math.ceil(delayMs), longestDelayMs));
    this.#timeout.unref();
  }

  #expired(): void {
    const leftMs = this.#deadlineMs - performance.now();
    if (leftMs > 0) {
      this.#wait(leftMs);
    } else {
      this.#fire();
    }
  }
}

const never: Timer = { cancel() {} };

export class NodeClock implements Clock {
  wallMs(): number {
    return Date.now();
  }

  monotonicMs(): number {
    return performance.now();
  }

  timer(delayMs: number, fire: () => void): Timer {
    if (Number.isNaN(delayMs)) {
      throw new RangeError('A timer was asked for with a delay of NaN milliseconds.');
    }
    return delayMs === Infinity ? never : new NodeTimer(Math.max(0, delayMs), fire);
  }

  defer(run: () => void): void {
    setImmediate(run);
  }
}
