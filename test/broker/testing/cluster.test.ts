import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { startCluster } from '../../../broker/src/testing';
import { BrokerClient, valuesOf } from '../server/broker-client';
import { recordingLogger } from '../server/recording-logger';

it('A cluster is there, answers, and goes with its files', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'odradek-testing-'));
  const cluster = await startCluster({ directory });
  expect(cluster.bootstrapServers).toMatch(/^127\.0\.0\.1:\d+$/);
  expect(cluster.clusterId).toMatch(/^[\w-]{22}$/);
  using client = await BrokerClient.connect(cluster.bootstrapServers);
  // Leaders are there when CreateTopics answers: no try again.
  await client.createTopic('t', 3);
  await client.produceValues('t', 'x');
  expect(valuesOf(await client.fetch('t', 0))).toEqual(['x']);
  expect(readdirSync(directory)).toHaveLength(1);
  await Promise.all([cluster.close(), cluster.close()]);
  expect(readdirSync(directory)).toEqual([]);
  rmSync(directory, { recursive: true });
});

it('Clusters do not meet', async () => {
  await using a = await startCluster();
  await using b = await startCluster();
  expect(a.bootstrapServers).not.toBe(b.bootstrapServers);
  expect(a.clusterId).not.toBe(b.clusterId);
});

it('More brokers than are served, and keys that are wrong, are errors', async () => {
  await expect(startCluster({ brokers: 3 })).rejects.toThrow('brokers: 3; accepted is 1');
  await expect(startCluster({ config: { 'num.partitions': 'many' } })).rejects.toThrow('num.partitions');
});

it('Warnings are of the keys that the caller set', async () => {
  const logger = recordingLogger('warn');
  await using cluster = await startCluster({ logger, config: { 'log.retention.hour': 3 } });
  expect(cluster.brokers).toHaveLength(1);
  expect(logger.lines).toEqual([
    'log.retention.hour is no key of Kafka 3.9 and has no effect. Did you mean log.retention.hours?',
  ]);
});

it('A start that fails leaves nothing behind', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'odradek-testing-'));
  await using cluster = await startCluster();
  const port = Number(cluster.bootstrapServers.split(':')[1]);
  await expect(startCluster({ directory, port })).rejects.toThrow('EADDRINUSE');
  expect(readdirSync(directory)).toEqual([]);
  rmSync(directory, { recursive: true });
  expect(existsSync(directory)).toBe(false);
});
