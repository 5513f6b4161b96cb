import { describeOptions } from '../world/options';
import type { Report } from './workers';

const progressMs = 30_000;

const nothing = {
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
};
type Sums = typeof nothing;

/** Adds up what seeds came to, and prints: failures at once, progress now and then, and the totals in the end. */
export class Totals {
  seeds = 0;
  violations = 0;
  #printedMs: number;
  readonly #failed: number[] = [];
  readonly #faults = new Map<string, number>();
  readonly #sums = { ...nothing };

  constructor(
    readonly startedMs: number,
    readonly replayArguments: string,
  ) {
    this.#printedMs = startedMs;
  }

  add(report: Report): void {
    this.seeds++;
    for (const key of Object.keys(this.#sums) as (keyof Sums)[]) this.#sums[key] += report[key];
    for (const [name, count] of Object.entries(report.faults)) {
      this.#faults.set(name, (this.#faults.get(name) ?? 0) + count);
    }
    if (report.violation !== undefined) this.#addFailure(report);
    const now = performance.now();
    if (now - this.#printedMs < progressMs) return;
    this.#printedMs = now;
    console.log(`  ${this.seeds} seeds in ${this.#seconds} s, ${this.violations} violations`);
  }

  #addFailure({ options, traceHash, trace }: Report): void {
    this.violations++;
    const { seed } = options;
    this.#failed.push(seed);
    console.log(
      `\n${describeOptions(options)}, trace ${traceHash}:\n${trace.join('\n')}\n` +
        `Again: npm run simulate -- --seed ${seed}${this.replayArguments} --log info\n`,
    );
  }

  print(): void {
    const { events, simulatedMs, sent, acknowledged, read, lost, lossEvents, elections, ...transactions } = this.#sums;
    const faults = [...this.#faults].sort(([one], [other]) => (one < other ? -1 : 1));
    const failed = this.#failed.sort((one, other) => one - other);
    console.log(
      [
        `${this.seeds} seeds in ${this.#seconds} s; ${(simulatedMs / 3_600_000).toFixed(1)} simulated hours, ${events} events.`,
        `Faults: ${faults.map(([name, count]) => `${name} ${count}`).join(', ')}.`,
        `${elections} leaders; ${sent} records sent, ${acknowledged} acknowledged with acks=all, ${read} read.`,
        `Transactions: ${transactions.committed} committed, ${transactions.aborted} aborted, ${transactions.inDoubt} in doubt; ${transactions.fenced} producers fenced.`,
        `Lost with the power of the last replica that had them, unflushed: ${lost} records, ${lossEvents} times.`,
        `Violations: ${this.violations}${failed.length > 0 ? ` (seeds ${failed.join(', ')})` : ''}.`,
      ].join('\n'),
    );
  }

  get #seconds(): string {
    return ((performance.now() - this.startedMs) / 1000).toFixed(0);
  }
}
