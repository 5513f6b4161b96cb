import type { Clock, Timer } from '../io/clock';

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

  /** Whether nobody waits for the outcome any more: then there is no need to wait for the time. */
  get isAbandoned(): boolean {
    return false;
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

/** How long an operation may wait before it is looked at whether anybody still wants it, milliseconds. */
const abandonedCheckMs = 10_000;

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
    const stopTimer = this.#expireLater(operation);
    this.#waiting++;
    operation.whenReleased(() => {
      this.#waiting--;
      stopTimer();
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

  /** A client says how long it waits, and may be gone long before: what it left behind goes soon. */
  #expireLater(operation: DelayedOperation): () => void {
    const deadlineMs = this.#clock.monotonicMs() + operation.delayMs;
    const wait = (): Timer => {
      const leftMs = deadlineMs - this.#clock.monotonicMs();
      return this.#clock.timer(Math.min(leftMs, abandonedCheckMs), () => {
        if (operation.isAbandoned || this.#clock.monotonicMs() >= deadlineMs) operation.expire();
        else timer = wait();
      });
    };
    let timer = wait();
    return () => timer.cancel();
  }

  #unwatch(key: Key, operation: DelayedOperation): void {
    const watching = this.#watchers.get(key);
    if (!watching) return;
    watching.delete(operation);
    if (watching.size === 0) this.#watchers.delete(key);
  }
}
