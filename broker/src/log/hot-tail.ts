const markEveryBytes = 1024 * 1024;

/**
 * Counts what a broker has appended, over all its logs, so that a log can say which of its bytes were among the last:
 * those are in the page cache, and reading them does not block.
 */
export class HotTail {
  #appended = 0;

  /** `budgetBytes`: how much of what was last written is taken to be still in memory. */
  constructor(readonly budgetBytes: number) {}

  get appended(): number {
    return this.#appended;
  }

  add(bytes: number): void {
    this.#appended += bytes;
  }

  isHot(appendedBefore: number): boolean {
    return appendedBefore >= this.#appended - this.budgetBytes;
  }
}

/** Where the hot part of one file begins: a mark every MiB that was appended to it, forgotten as it gets cold. */
export class HotMarks {
  readonly #tail: HotTail;
  /** Pairs: position in the file, the broker's count when it was written. */
  #marks: number[] = [];

  constructor(tail: HotTail) {
    this.#tail = tail;
  }

  /** Before `bytes` are appended at `position`. */
  appending(position: number, bytes: number): void {
    const last = this.#marks.length;
    if (last === 0 || position - this.#marks[last - 2] >= markEveryBytes) {
      this.#marks.push(position, this.#tail.appended);
    }
    this.#tail.add(bytes);
  }

  isHot(position: number): boolean {
    let cold = 0;
    while (cold < this.#marks.length && !this.#tail.isHot(this.#marks[cold + 1])) {
      cold += 2;
    }
    if (cold > 0) {
      this.#marks.splice(0, cold);
    }
    return this.#marks.length > 0 && position >= this.#marks[0];
  }

  clear(): void {
    this.#marks = [];
  }
}
