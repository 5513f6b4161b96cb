import { expect, it } from 'vitest';
import { MetricsRegistry } from '../../../broker/src/metrics/metrics-registry';
import { addBrokerMetrics, type MeasuredParts } from '../../../broker/src/server/broker-metrics';
import { TestBed } from '../transactions/support';

it('says what the transactions of a broker wait for', async () => {
  const bed = await TestBed.start();
  bed.others.isImmediate = false;
  await bed.end('ending', await bed.begin('ending', 0, 1));
  await bed.begin('open', 2);
  const registry = new MetricsRegistry();
  const late: number[] = [];
  addBrokerMetrics(registry, {
    replicas: {
      logManager: {},
      counts: {},
      isrCounts: {},
      waiting: {},
      partitionsWithLateTransactions: (lateAfterMs: number) => late.push(lateAfterMs),
    },
    fetchers: { failedPartitions: [] },
    controller: { figures: {} },
    transactions: bed.coordinator,
    transactionMaxTimeoutMs: 900_000,
  } as unknown as MeasuredParts);
  const text = await registry.text();
  expect(text).toContain('kafka_server_replicamanager_partitionswithlatetransactionscount 1\n');
  expect(late).toEqual([1_200_000]);
  expect(text).toContain('kafka_coordinator_transaction_transactionmarkerchannelmanager_pendingtransactions 1\n');
  const ids = 'kafka_coordinator_transaction_transactionstatemanager_transactionalids';
  expect(text).toContain(`${ids}{state="PrepareCommit"} 1\n`);
  expect(text).toContain(`${ids}{state="Ongoing"} 1\n`);
});
