import type { Clock } from '../io/clock';

/** Somebody who waits for memory. */
export interface MemoryWaiter {
  waitsForMemory: boolean;
  memoryFreed(): void;
}

/**
 * queued.max.request.bytes: how much memory requests take that arrive or are handled. As in Kafka, a new request may
 * start while anything is left, so it is passed by at most what those take that have started.
 */
export class RequestMemory {
  readonly #clock: Clock;
  readonly #limit: number;
  #used = 0;
  #waking = false;
  #waiting: MemoryWaiter[] = [];

  /** `limit` in bytes; 0 and less: none, as Kafka's -1. */
  constructor(clock: Clock, limit: number) {
    this.#clock = clock;
    this.#limit = limit > 0 ? limit : Infinity;
  }

  get usedBytes(): number {
    return this.#used;
  }

  get exhausted(): boolean {
    return this.#used >= this.#limit;
  }

  take(bytes: number): void {
    this.#used += bytes;
  }

  give(bytes: number): void {
    this.#used -= bytes;
    if (this.#waiting.length > 0 && !this.exhausted && !this.#waking) {
      this.#waking = true;
      this.#clock.defer(() => this.#wake());
    }
  }

  /** Calls `memoryFreed` on a later turn of the event loop, when something is left, in the order of asking. */
  wait(waiter: MemoryWaiter): void {
    if (!waiter.waitsForMemory) {
      waiter.waitsForMemory = true;
      this.#waiting.push(waiter);
    }
  }

  /** The waiter has gone. */
  forget(waiter: MemoryWaiter): void {
    if (waiter.waitsForMemory) {
      waiter.waitsForMemory = false;
      this.#waiting = this.#waiting.filter((other) => other !== waiter);
    }
  }

  #wake(): void {
    this.#waking = false;
    while (this.#waiting.length > 0 && !this.exhausted) {
      const waiter = this.#waiting.shift() as MemoryWaiter;
      waiter.waitsForMemory = false;
      waiter.memoryFreed();
    }
  }
}
