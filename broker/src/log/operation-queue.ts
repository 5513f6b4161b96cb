/**
 * Has the changes of a log happen one after the other. Most are done in the turn that they come in; while one takes
 * longer (a segment is being rolled), those behind it wait in order.
 */
export class OperationQueue {
  #held = false;
  #waiting: { readonly run: () => Promise<void> | undefined; readonly bytes: number }[] = [];
  #next = 0;
  #waitingBytes = 0;

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

  /** Runs when everything before it is done: `run` returns a promise, which must not reject, when it takes longer. */
  push(run: () => Promise<void> | undefined, bytes = 0): void {
    this.#waiting.push({ run, bytes });
    this.#waitingBytes += bytes;
    this.#drain();
  }

  /** An operation with a result, alone. */
  exclusive<T>(work: () => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.push(() => work().then(resolve, reject));
    });
  }

  #drain(): void {
    while (!this.#held && this.#next < this.#waiting.length) {
      const { run, bytes } = this.#waiting[this.#next++];
      if (this.#next === this.#waiting.length) {
        this.#waiting = [];
        this.#next = 0;
      }
      this.#waitingBytes -= bytes;
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
