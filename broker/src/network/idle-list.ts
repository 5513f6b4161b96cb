/** A connection in the order of its last activity. */
export interface IdleEntry<E> {
  lastActiveMs: number;
  moreIdle: E | undefined;
  lessIdle: E | undefined;
}

/** Connections, the longest idle first. An activity costs some assignments: it happens at each read. */
export class IdleList<E extends IdleEntry<E>> {
  #oldest: E | undefined;
  #newest: E | undefined;

  get oldest(): E | undefined {
    return this.#oldest;
  }

  add(entry: E, nowMs: number): void {
    entry.lastActiveMs = nowMs;
    entry.moreIdle = this.#newest;
    entry.lessIdle = undefined;
    if (this.#newest === undefined) {
      this.#oldest = entry;
    } else {
      this.#newest.lessIdle = entry;
    }
    this.#newest = entry;
  }

  touch(entry: E, nowMs: number): void {
    if (entry === this.#newest) {
      entry.lastActiveMs = nowMs;
    } else if (entry.lessIdle !== undefined) {
      this.remove(entry);
      this.add(entry, nowMs);
    }
  }

  /** An entry that is not in the list is no error. */
  remove(entry: E): void {
    const { moreIdle, lessIdle } = entry;
    if (moreIdle === undefined && lessIdle === undefined && entry !== this.#oldest) {
      return;
    }
    if (moreIdle === undefined) {
      this.#oldest = lessIdle;
    } else {
      moreIdle.lessIdle = lessIdle;
    }
    if (lessIdle === undefined) {
      this.#newest = moreIdle;
    } else {
      lessIdle.moreIdle = moreIdle;
    }
    entry.moreIdle = undefined;
    entry.lessIdle = undefined;
  }
}
