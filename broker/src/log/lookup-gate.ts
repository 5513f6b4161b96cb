import type { MaybePromise } from './maybe-promise';

/** Who opens files of a log by their names, and who gives them other names, do not meet. */
export class LookupGate {
  /** Files are getting other names: whoever looks something up in them waits for it. */
  #closed: Promise<void> | undefined;
  /** Lookups under way, and who waits for them. */
  #lookups = 0;
  #whenNone: (() => void) | undefined;

  /** Work that opens files by name; it waits while they get other ones. In the same turn when neither has to wait. */
  lookup<T>(work: () => MaybePromise<T>): MaybePromise<T> {
    if (this.#closed !== undefined) {
      return this.#closed.then(() => this.lookup(work));
    }
    this.#lookups++;
    const done = () => {
      if (--this.#lookups === 0) {
        this.#whenNone?.();
      }
    };
    let result: MaybePromise<T>;
    try {
      result = work();
    } catch (error) {
      done();
      throw error;
    }
    if (result instanceof Promise) {
      return result.finally(done);
    }
    done();
    return result;
  }

  /** Work that gives files other names, when no lookup is under way; those that come meanwhile wait. Not twice at once. */
  async withoutLookups(work: () => Promise<void>): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#closed = promise;
    try {
      await this.none();
      await work();
    } finally {
      this.#closed = undefined;
      resolve();
    }
  }

  /** Resolves when no file is looked for by its name any more. */
  async none(): Promise<void> {
    while (this.#lookups > 0) {
      await new Promise<void>((resolve) => (this.#whenNone = resolve));
    }
    this.#whenNone = undefined;
  }
}
