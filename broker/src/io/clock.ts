/** A pending timer. `cancel` may be called any number of times, also after it has fired. */
export interface Timer {
  cancel(): void;
}

/** Time and deferral. Wall time is for timestamps; every timeout uses monotonic time. */
export interface Clock {
  /** Milliseconds since the epoch, an integer. It may jump. */
  wallMs(): number;
  /** Milliseconds from an arbitrary start, fractional, never going back. */
  monotonicMs(): number;
  /**
   * Calls `fire` once, after `delayMs` milliseconds (0 and less: on a later turn of the loop; no upper bound,
   * Infinity never fires). Timers do not keep the process alive.
   */
  timer(delayMs: number, fire: () => void): Timer;
  /** Calls `run` on a later turn of the event loop, after pending input and output. */
  defer(run: () => void): void;
}

/** Settles as `work` does, or with `instead` when that takes longer than `ms` milliseconds. */
export function atMost<T, U>(clock: Clock, ms: number, work: Promise<T>, instead: U): Promise<T | U> {
  return new Promise((resolve, reject) => {
    const timer = clock.timer(ms, () => resolve(instead));
    work.then(resolve, reject).finally(() => timer.cancel());
  });
}

/** Resolves after `delayMs` milliseconds. */
export function sleep(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => clock.timer(delayMs, resolve));
}
