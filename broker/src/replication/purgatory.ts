import type { Clock } from '../io/clock';

/**
 * An operation that waits for a condition or its time (Kafka's DelayedOperation): a produce with acks=all, a fetch with
 * min.bytes, a join of a group. It completes exactly once, by `tryComplete` or by expiry.
 */
export abstract class DelayedOperation {
  #state: 'waiting' | 'completed' = 'waiting';
  #release: (() => void) | undefined;

  /** @param delayMs how long it may wait, milliseconds of monotonic time */
  constructor(readonly delayMs: number) {}

  get isCompleted(): boolean {
    return this.#state === 'completed';
  }

  /** Checks the condition and calls `complete()` when it holds; returns whether the operation is complete now. */
  abstract tryComplete(): boolean;

  /** Runs once, when the operation completes for either reason. */
  protected abstract onComplete(): void;

  /** Runs after `onComplete` when it was the time that ended it. */
  protected onExpiration(): void {}

  /** Completes the operation unless it is complete already; returns whether this call did. */
  complete(): boolean {
    if (this.#state === 'completed') return false;
    this.#state = 'completed';
    this.#release?.();
    this.#release = undefined;
    this.onComplete();
    return true;
  }

  /** For the purgatory: what to undo when the operation is complete. */
  whenReleased(release: () => void): void {
    this.#release = release;
  }

  /** For the purgatory: the time is over. */
  expire(): void {
    if (this.complete()) this.onExpiration();
  }
}

/**
 * Where operations wait, watched by keys (Kafka's DelayedOperationPurgatory). Whoever changes what a key stands for
 * calls `checkAndComplete(key)`. A completed operation leaves all its keys at once, so memory follows what waits.
 */
export class Purgatory<Key> {
  readonly #clock: Clock;
  readonly #watchers = new Map<Key, Set<DelayedOperation>>();
  #waiting = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Operations that wait. */
  get size(): number {
    return this.#waiting;
  }

  /** Keys that are watched. */
  get watchedKeys(): number {
    return this.#watchers.size;
  }

  /** Completes the operation now if it can be, else keeps it under the keys; returns whether it is complete. */
  tryCompleteElseWatch(operation: DelayedOperation, keys: readonly Key[]): boolean {
    if (operation.isCompleted || operation.tryComplete()) return true;
    const timer = this.#clock.timer(operation.delayMs, () => operation.expire());
    this.#waiting++;
    operation.whenReleased(() => {
      this.#waiting--;
      timer.cancel();
      for (const key of keys) this.#unwatch(key, operation);
    });
    for (const key of keys) {
      const watching = this.#watchers.get(key);
      if (watching) watching.add(operation);
      else this.#watchers.set(key, new Set([operation]));
    }
    // The condition may have come true through what `tryComplete` itself did (an append that completes a fetch).
    return operation.tryComplete();
  }

  /** Tries every operation under the key; returns how many completed. */
  checkAndComplete(key: Key): number {
    const watching = this.#watchers.get(key);
    if (!watching) return 0;
    let completed = 0;
    for (const operation of [...watching]) {
      if (!operation.isCompleted && operation.tryComplete()) completed++;
    }
    return completed;
  }

  /** Completes everything that waits, as if its time were over: at shutdown. */
  expireAll(): void {
    for (const watching of [...this.#watchers.values()]) for (const operation of [...watching]) operation.expire();
  }

  #unwatch(key: Key, operation: DelayedOperation): void {
    const watching = this.#watchers.get(key);
    if (!watching) return;
    watching.delete(operation);
    if (watching.size === 0) this.#watchers.delete(key);
  }
}
