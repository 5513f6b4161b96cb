import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { optionsOf, type SimulationOptions } from '../world/options';
import { simulate, type SimulationResult } from '../world/simulation';

/** What a worker says of a seed: the trace only as far as it is wanted. */
export interface Report extends Omit<SimulationResult, 'trace'> {
  readonly trace: readonly string[];
  /** Of real time. */
  readonly tookMs: number;
}

interface Order {
  readonly seed: number;
  readonly options: Partial<SimulationOptions>;
}

/** A seed takes a fraction of a second: one that takes so many seconds does not end at all. */
const mostSeconds = 120;
const traceLines = 60;

/** In a worker: seeds come in, reports go out. */
export function serveSeeds(): void {
  process.on('message', ({ seed, options }: Order) => {
    const started = performance.now();
    void simulate(optionsOf(seed, options)).then((result) => {
      const trace = result.violation === undefined ? [] : result.trace.slice(-traceLines);
      process.send?.({ ...result, trace, tookMs: performance.now() - started } satisfies Report);
    });
  });
  process.on('disconnect', () => process.exit());
}

/** Processes that run seeds, a seed at a time each. */
export class SimulationWorkers {
  constructor(
    readonly count: number,
    readonly options: Partial<SimulationOptions>,
  ) {}

  /** Settles when all have been run. A seed that does not end is reported as one that was violated. */
  async run(first: number, seeds: number, reported: (report: Report) => void): Promise<void> {
    let next = first;
    const take = (): number | undefined => (next < first + seeds ? next++ : undefined);
    await Promise.all(
      Array.from({ length: this.count }, async () => {
        let worker: ChildProcess | undefined;
        for (let seed = take(); seed !== undefined; seed = take()) {
          worker ??= fork(join(__dirname, '..', 'main.ts'), ['worker'], {
            execArgv: ['--max-semi-space-size=64', '-r', 'ts-node/register/transpile-only'],
          });
          const report = await this.#runOne(worker, seed);
          if (typeof report === 'string') {
            worker.kill('SIGKILL');
            worker = undefined;
            reported(failedReport(optionsOf(seed, this.options), report));
          } else reported(report);
        }
        worker?.disconnect();
      }),
    );
  }

  /** The report, or why there is none. */
  #runOne(worker: ChildProcess, seed: number): Promise<Report | string> {
    return new Promise((resolve) => {
      // Second by second: these processes may be stopped for a while, which counts as one.
      let seconds = 0;
      const timer = setInterval(() => {
        if (++seconds > mostSeconds) settle(`it has not ended after ${mostSeconds} s`);
      }, 1000);
      const ended = (code: number | null, signal: string | null): void =>
        settle(`its process ended with ${signal ?? `exit code ${code}`}`);
      const settle = (outcome: Report | string): void => {
        clearInterval(timer);
        worker.off('message', settle);
        worker.off('exit', ended);
        resolve(outcome);
      };
      worker.on('message', settle);
      worker.on('exit', ended);
      worker.send({ seed, options: this.options } satisfies Order);
    });
  }
}

function failedReport(options: SimulationOptions, why: string): Report {
  return {
    options,
    violation: why,
    traceHash: '?',
    trace: [why],
    events: 0,
    simulatedMs: 0,
    sent: 0,
    acknowledged: 0,
    read: 0,
    lost: 0,
    lossEvents: 0,
    elections: 0,
    committed: 0,
    aborted: 0,
    inDoubt: 0,
    fenced: 0,
    faults: {},
    history: undefined,
    tookMs: mostSeconds * 1000,
  };
}
