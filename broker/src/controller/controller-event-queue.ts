import type { Logger } from '../logging/logger';

interface Event {
  readonly name: string;
  run(): Promise<void>;
  /** Instead of `run`, when the queue is closed. */
  closed?(): void;
}

/**
 * What a controller has to do, one after the other (Kafka's ControllerEventManager): no event sees the state of
 * another half done. An event that fails is logged, and the next one runs.
 */
export class ControllerEventQueue {
  readonly #logger: Logger;
  readonly #queue: Event[] = [];
  /** Names of notifications that wait: the same one is not handled twice in a row. */
  readonly #waiting = new Set<string>();
  #running: Promise<void> | undefined;
  #isClosed = false;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Something has changed. `name` tells notifications apart: one that waits already stands for the new one too. */
  put(name: string, run: () => Promise<void>): void {
    if (this.#waiting.has(name)) return;
    this.#waiting.add(name);
    this.#add({
      name,
      run: () => {
        this.#waiting.delete(name);
        return run();
      },
    });
  }

  /** An event of its own, however many of its name wait: somebody has sent something. */
  add(name: string, run: () => Promise<void>): void {
    this.#add({ name, run });
  }

  /** The same, for what is answered; `closed` is the answer when nothing is handled any more. */
  ask<T>(name: string, run: () => Promise<T>, closed: () => T): Promise<T> {
    if (this.#isClosed) return Promise.resolve(closed());
    return new Promise((resolve, reject) => {
      this.#add({ name, run: () => run().then(resolve, reject), closed: () => resolve(closed()) });
    });
  }

  /** What waits is not done any more; resolves when what runs is done. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#running;
  }

  #add(event: Event): void {
    this.#queue.push(event);
    this.#running ??= this.#run();
  }

  async #run(): Promise<void> {
    // The caller goes on first: what it puts in the same step comes before anything is done.
    await Promise.resolve();
    for (let event = this.#queue.shift(); event; event = this.#queue.shift()) {
      if (this.#isClosed) {
        event.closed?.();
        continue;
      }
      try {
        await event.run();
      } catch (error) {
        if (!this.#isClosed) this.#logger.error(`The controller could not handle ${event.name}.`, { error });
      }
    }
    this.#running = undefined;
  }
}
