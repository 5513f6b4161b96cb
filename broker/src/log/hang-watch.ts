import type { Clock } from '../io/clock';

/** An operation that takes longer is one of a disk that hangs. */
const patienceMs = 10_000;

/** Notices that the file system of a log directory does not answer, so that nobody waits for it who has other work. */
export class HangWatch {
  #overdue = 0;
  readonly #left = new Set<() => void>();

  constructor(readonly clock: Clock) {}

  /** Whether an operation is under way that should have ended long ago. */
  get hangs(): boolean {
    return this.#overdue > 0;
  }

  /** Runs one operation, or a few that take no time on a disk that answers. */
  async during<T>(operation: () => Promise<T>): Promise<T> {
    let isOverdue = false;
    const timer = this.clock.timer(patienceMs, () => {
      isOverdue = true;
      this.#overdue++;
      for (const leave of [...this.#left]) leave();
    });
    try {
      return await operation();
    } finally {
      timer.cancel();
      if (isOverdue) this.#overdue--;
    }
  }

  /** What `work` comes to; `undefined` as soon as an operation here hangs, while `work` goes on. */
  async unlessHangs<T>(work: Promise<T>): Promise<T | undefined> {
    let leave = (): void => {};
    const hangs = new Promise<undefined>((resolve) => (leave = () => resolve(undefined)));
    this.#left.add(leave);
    if (this.hangs) leave();
    try {
      return await Promise.race([work, hangs]);
    } finally {
      this.#left.delete(leave);
    }
  }
}
