import type { Logger } from '../logging/logger';

/**
 * What a controller has to do, one after the other (Kafka's ControllerEventManager): no event sees the state of
 * another half done. An event that fails is logged, and the next one runs.
 */
export class ControllerEventQueue {
  readonly #logger: Logger;
  #tail: Promise<void> = Promise.resolve();
  /** Names of events that wait, so that the same notification is not handled twice in a row. */
  readonly #waiting = new Set<string>();
  #isClosed = false;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** `name` tells events apart: one that waits already stands for the new one too. */
  put(name: string, run: () => Promise<void>): void {
    if (this.#isClosed || this.#waiting.has(name)) return;
    this.#waiting.add(name);
    this.#tail = this.#tail.then(async () => {
      this.#waiting.delete(name);
      if (this.#isClosed) return;
      try {
        await run();
      } catch (error) {
        if (!this.#isClosed) this.#logger.error(`The controller could not handle ${name}.`, { error });
      }
    });
  }

  /** Drops what waits; resolves when what runs is done. */
  close(): Promise<void> {
    this.#isClosed = true;
    return this.#tail;
  }
}
