import { randomInt } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { Exchange } from './exchange';

const usage = `npm run exchange -- [options]

Apache Kafka 3.9 and this broker in turn on one server.properties, one ZooKeeper and the same two log directories: stopped
and killed, either by the other, under Java clients, kcat and kafka-python. After every change everything acknowledged is
read back and every answer compared, and kafka-dump-log looks at every file. Takes what test/peers/install lays out (Java),
and kcat and Python.

  --turns N          changes beyond the first four, drawn from the seed (0)
  --seed S           of what is drawn (random)
  --zookeeper KIND   embedded, or apache: three servers of Apache ZooKeeper (embedded)
  --directory DIR    where to work; it is kept (a temporary one, kept after a failure)
  --help             this text
`;

function fail(message: string): never {
  process.stderr.write(`${message}\n\n${usage}`);
  process.exit(2);
}

function natural(name: string, value: string): number {
  const number = Number(value);
  if (!/^\d+$/.test(value) || !Number.isSafeInteger(number)) fail(`--${name} ${value}: a whole number is accepted`);
  return number;
}

const flags = {
  turns: { type: 'string', default: '0' },
  seed: { type: 'string' },
  zookeeper: { type: 'string', default: 'embedded' },
  directory: { type: 'string' },
  help: { type: 'boolean', default: false },
} as const;

function parse(): ReturnType<typeof parseArgs<{ options: typeof flags }>>['values'] {
  try {
    return parseArgs({ options: flags }).values;
  } catch (error) {
    return fail((error as Error).message);
  }
}

async function main(): Promise<void> {
  const { turns, seed, zookeeper, directory, help } = parse();
  if (help) return void process.stdout.write(usage);
  if (zookeeper !== 'embedded' && zookeeper !== 'apache') fail(`--zookeeper ${zookeeper}: embedded or apache`);
  const [moreTurns, drawn] = [natural('turns', turns), seed === undefined ? randomInt(2 ** 31) : natural('seed', seed)];
  if (directory !== undefined) mkdirSync(directory, { recursive: true });
  const work = directory ? path.resolve(directory) : mkdtempSync(path.join(tmpdir(), 'odradek-exchange-'));
  const report = (line: string): void => void process.stdout.write(`${line}\n`);
  report(`seed ${drawn}, ${work}`);
  const faults = await Exchange.run({ directory: work, seed: drawn, moreTurns, zookeeper, report });
  for (const fault of faults.slice(0, 200)) report(`FAULT ${fault}`);
  report(faults.length === 0 ? 'no fault' : `${faults.length} faults; seed ${drawn}, ${work}`);
  if (faults.length === 0 && directory === undefined) rmSync(work, { recursive: true, force: true });
  process.exitCode = faults.length === 0 ? 0 : 1;
}

main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
