import type { Clock, Timer } from '../io/clock';

/** Where a fetcher waits: until something happens, or a time is over. */
export class FetcherPause {
  readonly #clock: Clock;
  #wakeUp: (() => void) | undefined;
  #isWoken = false;
  #isClosed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Something happened: the wait that is under way is over, or the next one is. */
  wake(): void {
    this.#isWoken = true;
    this.#wakeUp?.();
  }

  /** Nothing is waited for any more. */
  close(): void {
    this.#isClosed = true;
    this.wake();
  }

  /** Until something happens, or has happened since the last wait; at most so long. */
  async wait(ms: number): Promise<void> {
    if (this.#isClosed) return;
    if (!this.#isWoken) {
      let timer: Timer | undefined;
      await new Promise<void>((resolve) => {
        this.#wakeUp = resolve;
        timer = this.#clock.timer(ms, resolve);
      });
      timer?.cancel();
      this.#wakeUp = undefined;
    }
    this.#isWoken = false;
  }

  /** Until something else happens than has happened up to now, at most so long. The next `wait` will not take long. */
  async waitAnew(ms: number): Promise<void> {
    this.#isWoken = false;
    await this.wait(ms);
    this.#isWoken = true;
  }

  /** So long, whatever happens, unless it is closed. */
  async sleep(ms: number): Promise<void> {
    const end = this.#clock.monotonicMs() + ms;
    for (let left = ms; left > 0 && !this.#isClosed; left = end - this.#clock.monotonicMs()) await this.waitAnew(left);
    this.#isWoken = true;
  }
}
