import { randomInt } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { optionsOf, type SimulationOptions } from './world/options';
import { simulate, type RunSettings } from './world/simulation';
import { Totals } from './run/totals';
import { serveSeeds, SimulationWorkers } from './run/workers';

const usage = `npm run simulate -- [options]

Runs clusters of brokers, ZooKeeper and clients in simulated time, under faults, and checks what Kafka promises. A seed
decides everything that happens: one that fails is printed, and fails the same way again.

  --seeds N        run N seeds (100)
  --seed S         the first of them (random); without --seeds: run this one alone, and print what happened
  --log LEVEL      with one seed: also the processes' lines of this level (debug, info, warn, error) and above
  --brokers N      1, 3, 4 or 5 (mostly 3: the seed says)
  --mode MODE      kill, power or flush for all seeds, where they take turns otherwise: kill has processes killed, power
                   has machines lose their power, too, and flush is power with flush.messages=1
  --disks WHICH    none, some or all: whose disks are on the network (the seed says)
  --transactions W yes or no for all seeds: transactional producers and read_committed consumers, too (every other seed)
  --faults-ms N    how long faults come, in simulated milliseconds (10000)
  --without A,B    faults that are left out, by name
  --workers N      processes that run seeds (one a core)
  --help           this text
`;

const modes = ['kill', 'power', 'flush'];
const disksKinds = ['none', 'some', 'all'] as const;
const levels = ['debug', 'info', 'warn', 'error'] as const;

function fail(message: string): never {
  process.stderr.write(`${message}\n\n${usage}`);
  process.exit(2);
}

function integer(name: string, value: string, low: number, high: number): number {
  const number = Number(value);
  if (!Number.isInteger(number) || number < low || number > high) {
    fail(`--${name} ${value}: an integer from ${low} to ${high}.`);
  }
  return number;
}

const flags = {
  seeds: { type: 'string' },
  seed: { type: 'string' },
  log: { type: 'string' },
  brokers: { type: 'string' },
  mode: { type: 'string' },
  disks: { type: 'string' },
  transactions: { type: 'string' },
  'faults-ms': { type: 'string' },
  without: { type: 'string' },
  workers: { type: 'string' },
  help: { type: 'boolean', default: false },
} as const;

type Values = ReturnType<typeof parseArgs<{ options: typeof flags }>>['values'];

function parse(): Values {
  try {
    return parseArgs({ options: flags }).values;
  } catch (error) {
    return fail((error as Error).message);
  }
}

function optionsFrom({
  brokers,
  mode,
  disks,
  transactions,
  without,
  'faults-ms': faultsMs,
}: Values): Partial<SimulationOptions> {
  const remoteDisks = disksKinds.find((kind) => kind === disks);
  if (disks !== undefined && remoteDisks === undefined) fail(`--disks ${disks}: ${disksKinds.join(', ')}.`);
  if (mode !== undefined && !modes.includes(mode)) fail(`--mode ${mode}: ${modes.join(', ')}.`);
  if (transactions !== undefined && !['yes', 'no'].includes(transactions)) {
    fail(`--transactions ${transactions}: yes, no.`);
  }
  const count = brokers === undefined ? undefined : integer('brokers', brokers, 1, 5);
  if (count === 2) fail('--brokers 2: 1, 3, 4 or 5.');
  return {
    ...(count === undefined ? {} : { brokers: count }),
    ...(mode === undefined ? {} : { powerLoss: mode !== 'kill', flushEveryMessage: mode === 'flush' }),
    ...(remoteDisks === undefined ? {} : { remoteDisks }),
    ...(transactions === undefined ? {} : { transactions: transactions === 'yes' }),
    ...(without === undefined ? {} : { without: without.split(',') }),
    ...(faultsMs === undefined ? {} : { faultsMs: integer('faults-ms', faultsMs, 0, 86_400_000) }),
  };
}

function settingsFrom({ log }: Values): RunSettings {
  if (log === undefined) return {};
  return { logLevel: levels.find((level) => level === log) ?? fail(`--log ${log}: ${levels.join(', ')}.`) };
}

async function replay(seed: number, options: Partial<SimulationOptions>, settings: RunSettings): Promise<void> {
  const started = performance.now();
  const { trace, ...result } = await simulate(optionsOf(seed, options), settings);
  process.stdout.write(`${trace.join('\n')}\n`);
  console.log(result);
  console.log(`${((performance.now() - started) / 1000).toFixed(2)} s`);
  process.exitCode = result.violation === undefined ? 0 : 1;
}

async function runAll(seeds: number, first: number, workers: number, options: Partial<SimulationOptions>) {
  const started = performance.now();
  console.log(`Seeds ${first} to ${first + seeds - 1}, in ${workers} ${workers === 1 ? 'process' : 'processes'}.`);
  const totals = new Totals(started, replayArguments());
  await new SimulationWorkers(workers, options).run(first, seeds, (report) => totals.add(report));
  totals.print();
  process.exitCode = totals.violations === 0 ? 0 : 1;
}

/** What was given here and matters for a single seed, too. */
function replayArguments(): string {
  const given = parse();
  return (['brokers', 'mode', 'disks', 'transactions', 'faults-ms', 'without'] as const)
    .filter((name) => given[name] !== undefined)
    .map((name) => ` --${name} ${given[name]}`)
    .join('');
}

async function main(): Promise<void> {
  const values = parse();
  if (values.help) {
    process.stdout.write(usage);
    return;
  }
  const options = optionsFrom(values);
  const settings = settingsFrom(values);
  const { seeds, seed, workers } = values;
  const first = seed === undefined ? randomInt(1, 2 ** 31) : integer('seed', seed, 0, 2 ** 47);
  if (seeds === undefined && seed !== undefined) return replay(first, options, settings);
  const count = integer('seeds', seeds ?? '100', 1, 1e9);
  const most = workers === undefined ? availableParallelism() : integer('workers', workers, 1, 256);
  await runAll(count, first, Math.min(count, most), options);
}

if (process.send !== undefined && process.argv[2] === 'worker') serveSeeds();
else {
  main().catch((error: unknown) => {
    console.error(error);
    process.exitCode = 1;
  });
}
