/**
 * Benchmarks: each workload runs in turn against this broker, against the bare limit (a Node server that discards what
 * it is sent) and, where Java and Apache Kafka's jars are, against Apache Kafka 3.9. Figures of one run are compared as
 * ratios only: machines differ, and are noisy.
 *
 *   npm run bench [-- --rounds N] [--quick] [--no-apache] [--only NAME] [--part single|cluster]
 */
import { parseArgs } from 'node:util';
import { benchSingleBroker } from './single-broker';
import { table } from './table';
import { kinds, startZooKeeper } from './targets';
import { benchThreeBrokers } from './three-brokers';
import type { Flags, Result } from './workload';

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
  if (part !== undefined && part !== 'single' && part !== 'cluster') {
    throw new Error(`--part ${part}: accepted are single and cluster`);
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
  if (part !== 'cluster') results.push(...(await benchSingleBroker(flags, compared, zookeeperPort)));
  if (part !== 'single') results.push(...(await benchThreeBrokers(flags, compared, zookeeperPort)));
  console.log(table(results));
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    console.error(error);
    process.exit(1);
  },
);
