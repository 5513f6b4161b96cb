import { describe, expect, onTestFinished, test } from 'vitest';
import { startCluster, type TestCluster } from '../../../broker/src/testing/cluster';
import { Apis } from '../../../broker/src/protocol/api-keys';
import { errorName } from '../../../broker/src/protocol/errors';
import { TransactionalClient } from './transactional-client';

function clientOf(cluster: TestCluster, transactionalId: string): TransactionalClient {
  const client = new TransactionalClient(() => cluster.bootstrapServers, transactionalId);
  onTestFinished(() => client[Symbol.dispose]());
  return client;
}

async function started(brokers: number, config: Readonly<Record<string, string | number | boolean>> = {}) {
  const cluster = await startCluster({ brokers, config });
  onTestFinished(() => cluster.close());
  return cluster;
}

async function createTopic(client: TransactionalClient, name: string, partitions = 1, replicationFactor = 1) {
  const { topics } = await (
    await client.controller()
  ).send(Apis.CreateTopics, 7, {
    topics: [{ name, numPartitions: partitions, replicationFactor, assignments: [], configs: [] }],
    timeoutMs: 30_000,
    validateOnly: false,
  });
  expect(errorName(topics[0].errorCode)).toBe('NONE');
}

describe.each([1, 3])('in a cluster of %i brokers', (brokers) => {
  test('what is committed is read, what is aborted is not, and what is open is waited for', async () => {
    const cluster = await started(brokers);
    const client = clientOf(cluster, 'committer');
    await createTopic(client, 'data', 3, brokers);
    await client.init();
    await client.produce('data', 0, 'a', 'b');
    await client.produce('data', 1, 'c');
    expect(await client.read('data', 0)).toEqual([]);
    expect(await client.read('data', 0, 0)).toEqual(['a', 'b']);
    expect(await client.end(true)).toBe('NONE');
    await client.becomes('CompleteCommit');
    expect(await client.read('data', 0)).toEqual(['a', 'b']);
    expect(await client.read('data', 1)).toEqual(['c']);

    await client.produce('data', 0, 'x');
    expect(await client.end(false)).toBe('NONE');
    await client.becomes('CompleteAbort');
    await client.produce('data', 0, 'd');
    expect(await client.end(true)).toBe('NONE');
    await client.becomes('CompleteCommit');
    expect(await client.read('data', 0)).toEqual(['a', 'b', 'd']);
    expect(await client.read('data', 0, 0)).toEqual(['a', 'b', 'x', 'd']);
  });

  test('offsets count when their transaction is committed', async () => {
    const cluster = await started(brokers);
    const client = clientOf(cluster, 'copier');
    await createTopic(client, 'input', 1, brokers);
    await client.init();
    expect(await client.commitOffset('group', 'input', 0, 5)).toBe('NONE');
    expect(await client.fetchOffset('group', 'input', 0)).toEqual({ error: 'UNSTABLE_OFFSET_COMMIT', offset: -1 });
    expect(await client.fetchOffset('group', 'input', 0, false)).toEqual({ error: 'NONE', offset: -1 });
    expect(await client.end(true)).toBe('NONE');
    await client.becomes('CompleteCommit');
    expect(await client.fetchOffset('group', 'input', 0)).toEqual({ error: 'NONE', offset: 5 });
    expect(await client.commitOffset('group', 'input', 0, 9)).toBe('NONE');
    expect(await client.end(false)).toBe('NONE');
    await client.becomes('CompleteAbort');
    expect(await client.fetchOffset('group', 'input', 0)).toEqual({ error: 'NONE', offset: 5 });
  });

  test('a second producer fences the first and aborts what it left open', async () => {
    const cluster = await started(brokers);
    const first = clientOf(cluster, 'shared');
    await createTopic(first, 'data', 1, brokers);
    await first.init();
    await first.produce('data', 0, 'lost');
    const second = clientOf(cluster, 'shared');
    await second.init();
    expect(second.producerId).toBe(first.producerId);
    expect(second.producerEpoch).toBe(first.producerEpoch + 2);
    expect(await first.write('data', 0, 'late')).toBe('INVALID_PRODUCER_EPOCH');
    expect(await first.addPartitions('data', 0)).toBe('PRODUCER_FENCED');
    expect(await first.end(true)).toBe('PRODUCER_FENCED');
    await second.produce('data', 0, 'kept');
    expect(await second.end(true)).toBe('NONE');
    await second.becomes('CompleteCommit');
    expect(await second.read('data', 0)).toEqual(['kept']);
  });

  test('nothing is written of a transaction that the coordinator does not know to be open there', async () => {
    const cluster = await started(brokers);
    const client = clientOf(cluster, 'hasty');
    await createTopic(client, 'data', 2, brokers);
    await client.init();
    expect(await client.write('data', 0, 'early')).toBe('TRANSACTION_ABORTABLE');
    await client.produce('data', 1, 'a');
    const batch = client.batch('data', 0, 'other');
    expect(errorName((await client.writeOnce('data', 0, batch, 10)).errorCode)).toBe('INVALID_TXN_STATE');
    expect(await client.end(false)).toBe('NONE');
    await client.becomes('CompleteAbort');
    expect(await client.read('data', 0, 0)).toEqual([]);
  });

  test('a transaction that its producer leaves open is aborted after its timeout', async () => {
    const cluster = await started(brokers, { 'transaction.abort.timed.out.transaction.cleanup.interval.ms': 20 });
    const client = clientOf(cluster, 'sleeper');
    await createTopic(client, 'data', 1, brokers);
    await client.init(1_500);
    await client.produce('data', 0, 'a');
    await client.becomes('CompleteAbort');
    expect(await client.read('data', 0)).toEqual([]);
    expect(await client.addPartitions('data', 0)).toBe('PRODUCER_FENCED');
  });
});

test('a coordinator that takes over goes on where the other was', async () => {
  const cluster = await started(3);
  const client = clientOf(cluster, 'moved');
  await createTopic(client, 'data', 3, 3);
  await client.init();
  for (let round = 0; round < 3; round++) {
    for (const index of [0, 1, 2]) await client.produce('data', index, `${round}`);
    await cluster.restart(round);
    expect(await client.end(round !== 1)).toBe('NONE');
    await client.becomes(round === 1 ? 'CompleteAbort' : 'CompleteCommit');
  }
  for (const index of [0, 1, 2]) expect(await client.read('data', index)).toEqual(['0', '2']);
});
