import { compile, type Figures, json } from './processes';
import { createTopic, type Kind, startCluster, type Target } from './targets';
import { type Flags, measure, type Result } from './workload';

const size = 100;

/** Transactions of librdkafka producers: each waits for the end of one before it begins the next. */
export async function benchTransactions(
  flags: Flags,
  kinds: readonly Kind[],
  zookeeperPort: number,
): Promise<Result[]> {
  const rdkafka = compile('rdkafka', '-lrdkafka');
  const results: Result[] = [];
  for (const brokers of [1, 3]) {
    const targets: Target[] = [];
    for (const kind of kinds) {
      targets.push(
        await startCluster(kind, brokers, zookeeperPort, `${kind}-transactions-${brokers}`, {
          'offsets.topic.replication.factor': brokers,
          'transaction.state.log.replication.factor': brokers,
          'transaction.state.log.min.isr': Math.min(brokers, 2),
          'transaction.state.log.num.partitions': brokers,
          'min.insync.replicas': Math.min(brokers, 2),
        }),
      );
    }
    for (const [producers, records, transactions] of [
      [1, 1, 400],
      [1, 10, 400],
      [1, 100, 400],
      [10, 10, 200],
    ] as const) {
      const of = `transactions of ${records} ${records === 1 ? 'record' : 'records'}`;
      const by = producers === 1 ? '' : `, ${producers} producers`;
      results.push(
        ...(await measure(flags, {
          name: `${of}${by}${brokers === 1 ? '' : `, ${brokers} brokers`}`,
          targets,
          figure: 'transactionsPerSecond',
          run: async (target, round) => {
            const topic = `of-${records}-by-${producers}-${round}`;
            await createTopic(target, topic, 1, brokers);
            const each = Array.from({ length: producers }, (_, i) => {
              // With replicas each takes several times as long.
              const wanted = brokers === 1 ? transactions : transactions / 4;
              const count = Math.max(10, Math.round(wanted * flags.scale));
              return json(rdkafka, 'transactions', target.address, topic, `${topic}-${i}`, count, records, size);
            });
            return total(await Promise.all(each));
          },
        })),
      );
    }
    for (const { brokers: started } of targets) for (const broker of started) broker.process.kill('SIGKILL');
  }
  return results;
}

/** What producers came to that ran at the same time. */
function total(each: readonly Figures[]): Figures {
  return { transactionsPerSecond: each.reduce((sum, figures) => sum + figures.transactionsPerSecond, 0) };
}
