import type { Clock, Timer } from '../io/clock';
import { Limiter } from './limiter';

/** What is usual: a short operation (a name, a read, an append), or one that may have a lot to do (an fsync). */
export type OperationKind = 'short' | 'long';

/** After how long a disk is taken to be slow, and to hang, milliseconds. */
const patience = {
  short: { slowMs: 300, hangsMs: 1_000 },
  long: { slowMs: 1_000, hangsMs: 10_000 },
} as const;

/** So long after a slow operation the next one is expected to be slow too, milliseconds. */
const slowForMs = 2_000;
/** How often it is looked at whether something hangs, milliseconds. */
const checkMs = 500;
const tellAgainMs = 10_000;

/** Hears when a directory does not answer, again every ten seconds, and when it does again; times in milliseconds. */
export interface HangListener {
  hangs(forMs: number): void;
  answers(afterMs: number): void;
}

interface Operation {
  readonly sinceMs: number;
}

/**
 * The asynchronous operations of one log directory: so many at once that a directory that hangs takes its share of the
 * threads and no more, appends apart from all others, and never all of the others long ones, so that neither an append
 * nor a read waits for the flush of another. How long they take tells whether the disk is slow.
 */
export class DirectoryOperations {
  /** What is on another machine answers when it likes. */
  isRemote = false;
  readonly #clock: Clock;
  readonly #listener: HangListener;
  readonly #limiters: { readonly appends: Limiter; readonly others: Limiter; readonly long: Limiter };
  /** In the order in which they began. */
  readonly #underWay: Readonly<Record<OperationKind, Set<Operation>>> = { short: new Set(), long: new Set() };
  #slowUntilMs = -Infinity;
  #check: Timer | undefined;
  /** It was late at the last look: only the next one counts, since this process may have stood still itself. */
  #suspect: Operation | undefined;
  #hangsSinceMs: number | undefined;
  #toldMs = 0;

  /** @param threads how many of the pool's threads it may take, 2 at least */
  constructor(clock: Clock, threads: number, listener: HangListener) {
    this.#clock = clock;
    this.#listener = listener;
    const appends = Math.max(1, Math.floor(threads / 2));
    const others = Math.max(1, threads - appends);
    this.#limiters = {
      appends: new Limiter(appends),
      others: new Limiter(others),
      long: new Limiter(others > 2 ? others - 1 : others),
    };
  }

  /** Whether a call that blocks is likely to return at once. */
  get isPrompt(): boolean {
    const { short, long } = this.#underWay;
    if (this.isRemote) return false;
    if (short.size === 0 && long.size === 0 && this.#slowUntilMs === -Infinity) return true;
    if (this.#clock.monotonicMs() < this.#slowUntilMs) return false;
    this.#slowUntilMs = -Infinity;
    return this.#ageOf('short') < patience.short.slowMs && this.#ageOf('long') < patience.long.slowMs;
  }

  /** Whether it does not answer: who asks it something will wait for who knows how long. */
  get hangs(): boolean {
    return this.#hangsSinceMs !== undefined && this.#late() !== undefined;
  }

  /** How many are with the system, and how many wait for their turn. */
  get counts(): { readonly underWay: number; readonly waiting: number } {
    const { short, long } = this.#underWay;
    const waiting = Object.values(this.#limiters).reduce((sum, limiter) => sum + limiter.waiting, 0);
    return { underWay: short.size + long.size, waiting };
  }

  run<T>(work: () => Promise<T>, kind: OperationKind, isAppend = false): Promise<T> {
    const { appends, others, long } = this.#limiters;
    if (isAppend) return appends.run(() => this.#timed(work, kind));
    const inTurn = () => others.run(() => this.#timed(work, kind));
    return kind === 'long' ? long.run(inTurn) : inTurn();
  }

  async #timed<T>(work: () => Promise<T>, kind: OperationKind): Promise<T> {
    const operation = { sinceMs: this.#clock.monotonicMs() };
    this.#underWay[kind].add(operation);
    this.#check ??= this.#clock.timer(checkMs, () => this.#look());
    try {
      return await work();
    } finally {
      this.#underWay[kind].delete(operation);
      const now = this.#clock.monotonicMs();
      if (now - operation.sinceMs >= patience[kind].slowMs) this.#slowUntilMs = now + slowForMs;
    }
  }

  /** Nobody is told of anything any more. */
  close(): void {
    this.#check?.cancel();
  }

  #oldest(kind: OperationKind): Operation | undefined {
    for (const operation of this.#underWay[kind]) return operation;
    return undefined;
  }

  #ageOf(kind: OperationKind): number {
    const oldest = this.#oldest(kind);
    return oldest === undefined ? 0 : this.#clock.monotonicMs() - oldest.sinceMs;
  }

  /** The operation that should have been done long ago, if there is one. */
  #late(): Operation | undefined {
    if (this.#ageOf('short') >= patience.short.hangsMs) return this.#oldest('short');
    return this.#ageOf('long') >= patience.long.hangsMs ? this.#oldest('long') : undefined;
  }

  #look(): void {
    const now = this.#clock.monotonicMs();
    const late = this.#late();
    if (late === undefined) {
      if (this.#hangsSinceMs !== undefined) this.#listener.answers(now - this.#hangsSinceMs);
      this.#hangsSinceMs = undefined;
    } else if (this.#hangsSinceMs !== undefined) {
      if (now - this.#toldMs >= tellAgainMs) {
        this.#toldMs = now;
        this.#listener.hangs(now - this.#hangsSinceMs);
      }
    } else if (late === this.#suspect) {
      this.#hangsSinceMs = late.sinceMs;
      this.#toldMs = now;
      this.#listener.hangs(now - late.sinceMs);
    }
    this.#suspect = late;
    const { short, long } = this.#underWay;
    const goesOn = short.size > 0 || long.size > 0 || this.#hangsSinceMs !== undefined;
    this.#check = goesOn ? this.#clock.timer(checkMs, () => this.#look()) : undefined;
  }
}
