import type { Clock, Timer } from '../../../broker/src/io/clock';
import type { Io } from '../../../broker/src/io/io';
import type { SeededRandom } from './seeded-random';
import type { Scheduler } from './scheduler';
import type { SimulatedHost } from './simulated-host';
import { SimulatedFiles } from './simulated-files';
import { SimulatedJobs } from './simulated-jobs';
import { ProcessNetwork } from './simulated-network';

/** Thrown into code of a process that has just been ended in the middle of a system call. */
export class ProcessEnded extends Error {
  override readonly name = 'ProcessEnded';
}

type Kind = 'timer' | 'io';

interface Held {
  readonly kind: Kind;
  readonly label: string;
  readonly run: () => void;
}

/**
 * A process on a host: one life of it. Everything that happens to the code in it goes through `enter`: a paused process
 * gets it when it wakes up, an ended one never. Code that an ended process still has in a turn runs into the void: its
 * Io does nothing any more, and its promises never settle.
 */
export class SimulatedProcess {
  readonly random: SeededRandom;
  readonly clock: SimulatedClock;
  readonly files: SimulatedFiles;
  readonly network: ProcessNetwork;
  readonly jobs: SimulatedJobs;
  readonly io: Io;
  #state: 'running' | 'paused' | 'ended' = 'running';
  #held: Held[] = [];
  #draining = false;
  readonly #atEnd: (() => void)[] = [];

  constructor(
    readonly host: SimulatedHost,
    readonly name: string,
  ) {
    this.random = host.scheduler.random.fork();
    this.clock = new SimulatedClock(this);
    this.files = new SimulatedFiles(this, host.disk);
    this.network = new ProcessNetwork(this, host.network);
    this.jobs = new SimulatedJobs(this);
    const { clock, random, files, network, jobs } = this;
    this.io = { clock, random, files, network, jobs };
  }

  get scheduler(): Scheduler {
    return this.host.scheduler;
  }

  get ended(): boolean {
    return this.#state === 'ended';
  }

  get paused(): boolean {
    return this.#state === 'paused';
  }

  /** Hears when this process has ended, in whatever way. */
  atEnd(run: () => void): void {
    this.#atEnd.push(run);
  }

  /** Runs code of this process, now or when it is awake. */
  enter(kind: Kind, label: string, run: () => void): void {
    if (this.#state === 'ended') return;
    if (this.#state === 'running' && !this.#draining) {
      run();
      return;
    }
    this.#held.push({ kind, label, run });
  }

  after(delayMs: number, kind: Kind, label: string, run: () => void): { cancel(): void } {
    return this.scheduler.after(delayMs, label, () => this.enter(kind, label, run));
  }

  /** SIGSTOP, or a machine that stands still: nothing runs, while clocks go on. */
  pause(): void {
    if (this.#state === 'running') this.#state = 'paused';
  }

  /** What came meanwhile is told now: the timers first, the rest first, or as it came. */
  resume(): void {
    if (this.#state !== 'paused') return;
    this.#state = 'running';
    const order = this.random.below(3);
    if (order < 2) {
      const first: Kind = order === 0 ? 'timer' : 'io';
      this.#held = [
        ...this.#held.filter(({ kind }) => kind === first),
        ...this.#held.filter(({ kind }) => kind !== first),
      ];
    }
    if (this.#held.length > 0 && !this.#draining) {
      this.#draining = true;
      this.#drainNext();
    }
  }

  /** SIGKILL: the kernel closes its sockets and gives its locks back; the page cache stays. */
  kill(): void {
    if (this.ended) return;
    this.#end();
    this.network.processKilled();
    this.files.processEnded();
  }

  /** The machine is gone under it: nobody hears a word. */
  vanish(): void {
    if (this.ended) return;
    this.#end();
    this.network.processVanished();
    this.files.processEnded();
  }

  #end(): void {
    this.#state = 'ended';
    this.#held = [];
    for (const run of this.#atEnd) run();
  }

  #drainNext(): void {
    this.scheduler.after(0, 'wake', () => {
      if (this.#state === 'ended') return;
      if (this.#state === 'paused') {
        this.#draining = false;
        return;
      }
      const next = this.#held.shift();
      if (next === undefined) {
        this.#draining = false;
        return;
      }
      next.run();
      this.#drainNext();
    });
  }
}

class SimulatedTimer implements Timer {
  constructor(
    readonly clock: SimulatedClock,
    readonly event: { cancel(): void } | undefined,
    public fire: (() => void) | undefined,
  ) {}

  cancel(): void {
    this.fire = undefined;
    this.event?.cancel();
    this.clock.pending.delete(this);
  }
}

/** The clocks of a process. Monotonic time is the host's since it was switched on, wall time may be set. */
export class SimulatedClock implements Clock {
  /** Timers that have neither fired nor been cancelled. */
  readonly pending = new Set<Timer>();

  constructor(readonly process: SimulatedProcess) {}

  wallMs(): number {
    return Math.floor(this.process.scheduler.nowMs + this.process.host.wallOffsetMs);
  }

  monotonicMs(): number {
    return this.process.scheduler.nowMs + this.process.host.monotonicOffsetMs;
  }

  timer(delayMs: number, fire: () => void): Timer {
    if (Number.isNaN(delayMs)) throw new RangeError('A timer was asked for with a delay of NaN milliseconds.');
    if (delayMs === Infinity || this.process.ended) return { cancel() {} };
    // A microsecond more, so that no rounding has it fire early.
    const event = this.process.after(Math.max(0, delayMs) + 0.001, 'timer', 'timer', () => {
      this.pending.delete(timer);
      const { fire: run } = timer;
      timer.fire = undefined;
      run?.();
    });
    const timer: SimulatedTimer = new SimulatedTimer(this, event, fire);
    this.pending.add(timer);
    return timer;
  }

  defer(run: () => void): void {
    this.process.after(0.001, 'io', 'defer', run);
  }
}
