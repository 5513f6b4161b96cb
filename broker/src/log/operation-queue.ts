import type { WaitingBytes } from './log-directory';

/** How many operations that have begun are kept before what waits is moved up. */
const mostBegun = 1024;

interface Waiting {
  run: () => Promise<void> | undefined;
  bytes: number;
}

/**
 * Has the changes of a log happen one after the other. Most are done in the turn that they come in; while one takes
 * longer (a segment is being rolled), those behind it wait in order.
 */
export class OperationQueue {
  #held = false;
  #waiting: Waiting[] = [];
  #next = 0;
  #waitingBytes = 0;
  readonly #all: WaitingBytes;

  /** @param all counts what waits here, too */
  constructor(all: WaitingBytes = { bytes: 0 }) {
    this.#all = all;
  }

  get idle(): boolean {
    return !this.#held && this.#next === this.#waiting.length;
  }

  /** What the operations hold that wait. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** Nothing else runs until this settles; a rejection is for the caller to tell of. */
  hold(until: Promise<void>): void {
    this.#held = true;
    const goOn = (): void => {
      this.#held = false;
      this.#drain();
    };
    // Who made the promise tells of a failure; here it would only end the process.
    until.then(goOn, goOn);
  }

  /**
   * Runs when everything before it is done: `run` returns a promise, which must not reject, when it takes longer.
   * @returns how to take it back: whether it had not begun yet, and never will
   */
  push(run: () => Promise<void> | undefined, bytes = 0): () => boolean {
    const waiting: Waiting = { run, bytes };
    this.#waiting.push(waiting);
    this.#count(bytes);
    this.#drain();
    return () => {
      if (waiting.run === begun) return false;
      waiting.run = begun;
      this.#count(-waiting.bytes);
      waiting.bytes = 0;
      return true;
    };
  }

  #count(bytes: number): void {
    this.#waitingBytes += bytes;
    this.#all.bytes += bytes;
  }

  /** An operation with a result, alone. */
  exclusive<T>(work: () => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.push(() => work().then(resolve, reject));
    });
  }

  #drain(): void {
    while (!this.#held && this.#next < this.#waiting.length) {
      const waiting = this.#waiting[this.#next++];
      const { run } = waiting;
      waiting.run = begun;
      // It may never run empty while several write to it.
      if (this.#next === this.#waiting.length || this.#next === mostBegun) {
        this.#waiting.splice(0, this.#next);
        this.#next = 0;
      }
      this.#count(-waiting.bytes);
      let longer: Promise<void> | undefined;
      this.#held = true;
      try {
        longer = run();
      } finally {
        this.#held = false;
      }
      if (longer !== undefined) {
        this.hold(longer);
      }
    }
  }
}

/** In the place of what has begun, or was taken back. */
function begun(): undefined {
  return undefined;
}
