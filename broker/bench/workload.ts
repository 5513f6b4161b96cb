import { cpuSeconds, type Figures, say } from './processes';
import type { Target } from './targets';

/** Something that is done to each target in turn. */
export interface Workload {
  readonly name: string;
  readonly targets: readonly Target[];
  /** The figure that counts. */
  readonly figure: 'recordsPerSecond' | 'transactionsPerSecond' | 'p50Micros' | 'p99Micros' | 'ms';
  run(target: Target, round: number): Promise<Figures>;
}

/** A line of the table: the medians of its rounds. */
export interface Result {
  readonly name: string;
  readonly figure: Workload['figure'] | 'bytes' | 'bytesPerSecond' | 'times';
  readonly values: ReadonlyMap<Target['name'], number>;
  readonly cpuSeconds?: ReadonlyMap<Target['name'], number>;
}

export interface Flags {
  readonly rounds: number;
  /** Of the records that are sent: 1 is the whole. */
  readonly scale: number;
  readonly only: string | undefined;
  readonly withApache: boolean;
}

export function isWanted({ only }: Flags, name: string): boolean {
  return only === undefined || name.includes(only);
}

/** Runs every round on every target in turn; the first round warms up and does not count. */
export async function measure(flags: Flags, workload: Workload): Promise<Result[]> {
  const { name, figure } = workload;
  if (!isWanted(flags, name)) return [];
  const values = new Map<Target['name'], number[]>();
  const cpus = new Map<Target['name'], number[]>();
  for (let round = 0; round <= flags.rounds; round++) {
    for (const target of workload.targets) {
      const pids = target.brokers.map((broker) => broker.process.pid!);
      const before = pids.map(cpuSeconds);
      const figures = await workload.run(target, round);
      // One that was killed in the course of it does not count.
      const isSame = target.brokers.every((broker, i) => broker.process.pid === pids[i]);
      const cpu = isSame ? pids.reduce((sum, pid, i) => sum + cpuSeconds(pid) - before[i], 0) : NaN;
      say(`${name}, ${target.name}: ${figures[figure]} ${figure}, CPU ${cpu.toFixed(2)} s`);
      if (round === 0) continue;
      values.set(target.name, [...(values.get(target.name) ?? []), figures[figure]]);
      if (isSame) cpus.set(target.name, [...(cpus.get(target.name) ?? []), cpu]);
    }
  }
  return [{ name, figure, values: medians(values), cpuSeconds: medians(cpus) }];
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}

function medians<K>(lists: ReadonlyMap<K, readonly number[]>): Map<K, number> {
  return new Map([...lists].map(([key, list]) => [key, median(list)]));
}
