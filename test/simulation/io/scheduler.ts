import { SeededRandom } from './seeded-random';

export interface ScheduledEvent {
  cancel(): void;
}

class Event implements ScheduledEvent {
  run: (() => void) | undefined;

  constructor(
    readonly atUs: number,
    readonly order: number,
    readonly label: string,
    run: () => void,
  ) {
    this.run = run;
  }

  cancel(): void {
    this.run = undefined;
  }
}

/** Undocumented, and there since Node's first years: runs all microtasks and ticks that are due, in this very turn. */
const drainMicrotasks = (process as unknown as { _tickCallback: () => void })._tickCallback;

/** How many events are run in one turn of the real event loop. */
const eventsATurn = 2000;

/**
 * Simulated time. Events run one after the other in the order of their times (in the order of scheduling where those are
 * equal), and between two of them all promises settle that can. Nothing waits for real time. What has happened goes into
 * a hash: two runs of the same seed have the same.
 */
export class Scheduler {
  readonly random: SeededRandom;
  /** Microseconds since the simulation began, an integer. */
  nowUs = 0;
  eventsRun = 0;
  /** Called after every event, when everything has settled. */
  afterEvent: (() => void) | undefined;
  readonly #heap: Event[] = [];
  /** Of labels, of which there are few. */
  readonly #labels = new Map<string, number>();
  #scheduled = 0;
  #hash = 0x811c9dc5;
  #stopped = false;
  #failure: unknown;

  constructor(readonly seed: number) {
    this.random = new SeededRandom(seed);
  }

  get nowMs(): number {
    return this.nowUs / 1000;
  }

  /** Events that are still to come. */
  get pending(): number {
    return this.#heap.length;
  }

  /** Of everything that has happened so far. */
  get traceHash(): string {
    return (this.#hash >>> 0).toString(16).padStart(8, '0');
  }

  /** Adds to the hash. */
  note(value: number): void {
    this.#hash = Math.imul(this.#hash ^ value, 0x01000193);
    this.#hash ^= this.#hash >>> 15;
  }

  noteText(text: string): void {
    for (let i = 0; i < text.length; i++) this.note(text.charCodeAt(i));
  }

  noteBytes(bytes: Uint8Array): void {
    this.note(bytes.length);
    for (const byte of bytes) this.note(byte);
  }

  /** Calls `run` in `delayMs` milliseconds. */
  after(delayMs: number, label: string, run: () => void): ScheduledEvent {
    const event = new Event(this.nowUs + Math.max(0, Math.ceil(delayMs * 1000)), this.#scheduled++, label, run);
    this.#push(event);
    return event;
  }

  /** Ends `run` after the event under way. */
  stop(failure?: unknown): void {
    this.#stopped = true;
    this.#failure ??= failure;
  }

  /** Runs events up to a time, or until `done`. Rejects with what an event threw. Returns whether `done` said so. */
  run(untilMs: number, done: () => boolean = () => false): Promise<boolean> {
    const untilUs = untilMs * 1000;
    this.#stopped = false;
    return new Promise((resolve, reject) => {
      const turn = (): void => {
        try {
          for (let i = 0; i < eventsATurn; i++) {
            drainMicrotasks();
            if (this.#failure !== undefined) throw this.#failure;
            if (done()) {
              resolve(true);
              return;
            }
            if (this.#stopped || !this.#step(untilUs)) {
              if (!this.#stopped) this.nowUs = Math.max(this.nowUs, untilUs);
              resolve(false);
              return;
            }
          }
        } catch (error) {
          this.#failure = undefined;
          reject(error instanceof Error ? error : new Error(String(error)));
          return;
        }
        setImmediate(turn);
      };
      // Out of the microtask that this may be called from: inside of one, none can be drained.
      setImmediate(turn);
    });
  }

  #step(untilUs: number): boolean {
    for (;;) {
      const event = this.#heap[0];
      if (event === undefined || event.atUs > untilUs) return false;
      this.#pop();
      const { run } = event;
      if (run === undefined) continue;
      event.run = undefined;
      this.nowUs = event.atUs;
      this.eventsRun++;
      this.note(event.atUs);
      this.note(this.#labelHash(event.label));
      run();
      drainMicrotasks();
      this.afterEvent?.();
      return true;
    }
  }

  #labelHash(label: string): number {
    let hash = this.#labels.get(label);
    if (hash === undefined) {
      hash = 0;
      for (let i = 0; i < label.length; i++) hash = (Math.imul(hash, 31) + label.charCodeAt(i)) | 0;
      this.#labels.set(label, hash);
    }
    return hash;
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!before(event, heap[parent])) break;
      heap[at] = heap[parent];
      at = parent;
    }
    heap[at] = event;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1], heap[child])) child++;
      if (!before(heap[child], last)) break;
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = last;
  }
}

function before(one: Event, other: Event): boolean {
  return one.atUs < other.atUs || (one.atUs === other.atUs && one.order < other.order);
}
