import type { Scheduler } from './scheduler';
import { Disk } from './disk';
import type { SimulatedNetwork } from './simulated-network';
import { SimulatedProcess } from './simulated-process';

/** What wall clocks show, more or less, when a simulation begins. */
export const simulationEpochMs = 1_700_000_000_000;

/** A machine: an address, a disk, a clock, and the processes that run on it. */
export class SimulatedHost {
  readonly disk: Disk;
  wallOffsetMs: number;
  monotonicOffsetMs: number;
  isUp = true;
  readonly processes = new Set<SimulatedProcess>();
  readonly #whenUp: (() => void)[] = [];

  constructor(
    readonly scheduler: Scheduler,
    readonly network: SimulatedNetwork,
    readonly address: string,
  ) {
    this.disk = new Disk(scheduler, scheduler.random.fork(), () => scheduler.nowMs + this.wallOffsetMs);
    this.wallOffsetMs = simulationEpochMs + scheduler.random.between(-50, 50);
    this.monotonicOffsetMs = scheduler.random.below(1_000_000_000);
    network.add(this);
  }

  start(name: string): SimulatedProcess {
    if (!this.isUp) throw new Error(`Host ${this.address} is down: ${name} cannot be started on it.`);
    const process = new SimulatedProcess(this, name);
    this.processes.add(process);
    process.atEnd(() => this.processes.delete(process));
    return process;
  }

  /** Pulls the plug: what was not flushed is lost, wholly, partly, or torn. */
  losePower(): void {
    this.isUp = false;
    for (const process of [...this.processes]) process.vanish();
    this.disk.losePower();
  }

  /** Switches it on again; its monotonic clock starts anew. */
  powerUp(): void {
    if (this.isUp) return;
    this.isUp = true;
    this.monotonicOffsetMs = this.scheduler.random.below(1000) - this.scheduler.nowMs;
    for (const run of this.#whenUp.splice(0)) run();
  }

  /** Calls back when it is up. */
  whenUp(run: () => void): void {
    if (this.isUp) run();
    else this.#whenUp.push(run);
  }
}
