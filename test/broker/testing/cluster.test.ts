import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { startCluster } from '../../../broker/src/testing';
import { Apis } from '../../../broker/src/protocol/api-keys';
import { zeroUuid } from '../../../broker/src/protocol/uuid';
import { BrokerClient, valuesOf } from '../server/broker-client';
import { recordingLogger } from '../server/recording-logger';

/** What is waited for comes soon; on a machine that does other things too, it may take its time. */
const soon = <T>(look: () => Promise<T>) => expect.poll(look, { timeout: 20_000 });

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

it('Numbers of brokers that are none, and keys that are wrong, are errors', async () => {
  for (const brokers of [0, -1, 1.5, 101, NaN]) {
    await expect(startCluster({ brokers })).rejects.toThrow(`brokers: ${brokers}; accepted is a whole number`);
  }
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

it('Three brokers are one cluster, and any of them comes and goes', async () => {
  const warnings = recordingLogger('warn', 'error');
  await using cluster = await startCluster({ brokers: 3, logger: warnings });
  expect(warnings.lines).toEqual([]);
  expect(cluster.bootstrapServers.split(',')).toHaveLength(3);
  expect(new Set(cluster.brokers.map(({ clusterId }) => clusterId)).size).toBe(1);
  const leadersOf = async (server: string) => {
    using client = await BrokerClient.connect(server);
    const { topics, brokers } = await client.send(Apis.Metadata, 12, { topics: null });
    const [{ partitions = [] } = {}] = topics.filter(({ name }) => name === 't');
    return { brokers: brokers.length, leaders: new Set(partitions.map(({ leaderId }) => leaderId)), partitions };
  };
  const [first, second, third] = cluster.brokers.map(({ bootstrapServers }) => bootstrapServers) as [
    string,
    string,
    string,
  ];
  // A topic that somebody asks for has three replicas of each partition.
  using client = await BrokerClient.connect(first);
  await client.send(Apis.Metadata, 12, { topics: [{ topicId: zeroUuid, name: 't' }], allowAutoTopicCreation: true });
  await soon(async () => (await leadersOf(third)).partitions.map(({ isrNodes }) => isrNodes.length)).toEqual([3]);
  await cluster.stop(2);
  await soon(async () => (await leadersOf(first)).leaders.has(2)).toBe(false);
  expect((await leadersOf(second)).leaders).not.toContain(-1);
  const again = await cluster.restart(2);
  expect(again.bootstrapServers).toBe(third);
  expect(cluster.brokers[2]).toBe(again);
  await soon(async () => (await leadersOf(first)).brokers).toBe(3);
  await cluster.kill(2);
  await soon(async () => (await leadersOf(first)).brokers).toBe(2);
  await Promise.all([cluster.kill(2), cluster.stop(2)]);
  await cluster.restart(2);
  await soon(async () => (await leadersOf(first)).brokers).toBe(3);
  await cluster.kill(0);
  for (const what of ['stop', 'kill', 'restart'] as const) {
    await expect(cluster[what](3)).rejects.toThrow(`${what}: there is no broker 3; accepted is 0 to 2`);
  }
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
