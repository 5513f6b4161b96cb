/**
 * Benchmarks: each workload runs in turn against this broker, against the bare limit (a Node server that discards what
 * it is sent) and, where Java and Apache Kafka's jars are, against Apache Kafka 3.9. Figures of one run are compared as
 * ratios only: machines differ, and are noisy.
 *
 *   npm run bench [-- --rounds N] [--quick] [--no-apache] [--only NAME] [--part single|cluster|transactions|log]
 */
import { parseArgs } from 'node:util';
import { benchLog } from './log';
import { benchSingleBroker } from './single-broker';
import { table } from './table';
import { kinds, startZooKeeper } from './targets';
import { benchThreeBrokers } from './three-brokers';
import { benchTransactions } from './transactions';
import type { Flags, Result } from './workload';

const parts = [
  { name: 'single', bench: benchSingleBroker },
  { name: 'cluster', bench: benchThreeBrokers },
  { name: 'transactions', bench: benchTransactions },
  { name: 'log', bench: benchLog },
] as const;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '3' },
      quick: { type: 'boolean', default: false },
      'no-apache': { type: 'boolean', default: false },
      only: { type: 'string' },
      part: { type: 'string' },
    },
  });
  const { part } = values;
  const chosen = parts.filter(({ name }) => part === undefined || part === name);
  if (chosen.length === 0) {
    throw new Error(`--part ${part}: accepted are ${parts.map(({ name }) => name).join(', ')}`);
  }
  const flags: Flags = {
    rounds: Number(values.rounds),
    scale: values.quick ? 0.1 : 1,
    only: values.only,
    withApache: !values['no-apache'],
  };
  const compared = kinds(flags.withApache);
  const zookeeperPort = await startZooKeeper();
  const results: Result[] = [];
  for (const { bench } of chosen) results.push(...(await bench(flags, compared, zookeeperPort)));
  console.log(table(results));
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    console.error(error);
    process.exit(1);
  },
);
