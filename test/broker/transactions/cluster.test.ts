import { describe, expect, onTestFinished, test } from 'vitest';
import { startCluster, type TestCluster } from '../../../broker/src/testing/cluster';
import { Apis } from '../../../broker/src/protocol/api-keys';
import { errorName } from '../../../broker/src/protocol/errors';
import { BrokerClient } from '../server/broker-client';
import { persist, TransactionalClient } from './transactional-client';

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

describe('every version of the requests', () => {
  test('is answered, and old ones with errors that old clients know', async () => {
    const cluster = await started(1);
    const client = clientOf(cluster, 'old');
    await createTopic(client, 'data', 2);
    await client.init();
    const coordinator = await client.coordinator();
    const groups = await client.coordinator(0, 'group');
    const fenced = { ...client.who, producerEpoch: 7 };
    const topics = [{ name: 'data', partitions: [0, 1] }];
    const partitions = [{ partitionIndex: 0, committedOffset: 3, committedMetadata: '' }];
    const seen = new Map<string, string[]>();
    const note = (what: string, errorCode: number) => seen.set(what, [...(seen.get(what) ?? []), errorName(errorCode)]);
    for (let version = 0; version <= 5; version++) {
      const init = { transactionalId: `old-${version}`, transactionTimeoutMs: 60_000 };
      note('init', (await persist(() => coordinator.send(Apis.InitProducerId, version, init))).errorCode);
      if (version >= 3) {
        const other = { ...init, producerId: 999_999, producerEpoch: 3 };
        note('init fenced', (await coordinator.send(Apis.InitProducerId, version, other)).errorCode);
      }
    }
    for (let version = 0; version <= 3; version++) {
      const add = (producerEpoch: number) =>
        coordinator.send(Apis.AddPartitionsToTxn, version, {
          v3AndBelowTransactionalId: client.transactionalId,
          v3AndBelowProducerId: client.producerId,
          v3AndBelowProducerEpoch: producerEpoch,
          v3AndBelowTopics: topics,
        });
      for (const [what, epoch] of [
        ['add', client.producerEpoch],
        ['add fenced', 7],
      ] as const) {
        const { resultsByTopicV3AndBelow: results } = await add(epoch);
        expect(results[0].resultsByPartition.map(({ partitionIndex }) => partitionIndex)).toEqual([0, 1]);
        note(what, results[0].resultsByPartition[1].partitionErrorCode);
      }
    }
    for (let version = 0; version <= 4; version++) {
      const offsets = (who: typeof fenced) =>
        coordinator.send(Apis.AddOffsetsToTxn, version, { ...who, groupId: 'group' });
      note('offsets', (await offsets(client.who)).errorCode);
      note('offsets fenced', (await offsets(fenced)).errorCode);
      const commit = { ...client.who, groupId: 'group', topics: [{ name: 'data', partitions }] };
      const committed = await persist(
        async () => (await groups.send(Apis.TxnOffsetCommit, version, commit)).topics[0].partitions[0],
      );
      note('commit', committed.errorCode);
      note('end fenced', (await coordinator.send(Apis.EndTxn, version, { ...fenced, committed: true })).errorCode);
    }
    const [older, newer] = ['INVALID_PRODUCER_EPOCH', 'PRODUCER_FENCED'];
    expect(Object.fromEntries(seen)).toEqual({
      init: Array<string>(6).fill('NONE'),
      'init fenced': [older, newer, newer],
      add: Array<string>(4).fill('NONE'),
      'add fenced': [older, older, newer, newer],
      offsets: Array<string>(5).fill('NONE'),
      'offsets fenced': [older, older, newer, newer, newer],
      commit: Array<string>(5).fill('NONE'),
      'end fenced': [older, older, newer, newer, newer],
    });
    for (let version = 0; version <= 4; version++) {
      expect(await client.addPartitions('data', 0)).toBe('NONE');
      const ended = await persist(() => coordinator.send(Apis.EndTxn, version, { ...client.who, committed: true }));
      expect(errorName(ended.errorCode)).toBe('NONE');
      await client.becomes('CompleteCommit');
    }
    expect(await client.fetchOffset('group', 'data', 0)).toEqual({ error: 'NONE', offset: 3 });
  });

  test('leaders ask about several transactions at once, and partitions are added all or none', async () => {
    const cluster = await started(1);
    const [first, second] = ['first', 'second'].map((id) => clientOf(cluster, id));
    await createTopic(first, 'data', 2);
    await first.init();
    await second.init();
    expect(await first.addPartitions('data', 0)).toBe('NONE');
    const coordinator = await first.coordinator();
    for (const version of [4, 5]) {
      const { errorCode, resultsByTransaction } = await coordinator.send(Apis.AddPartitionsToTxn, version, {
        transactions: [
          { ...first.who, verifyOnly: true, topics: [{ name: 'data', partitions: [0, 1] }] },
          { ...second.who, verifyOnly: false, topics: [{ name: 'data', partitions: [0, 9] }] },
          { ...second.who, transactionalId: 'none', verifyOnly: true, topics: [{ name: 'data', partitions: [0] }] },
        ],
      });
      expect(errorName(errorCode)).toBe('NONE');
      const told = resultsByTransaction.map(({ transactionalId, topicResults: [{ resultsByPartition }] }) => [
        transactionalId,
        ...resultsByPartition.map(({ partitionErrorCode }) => errorName(partitionErrorCode)),
      ]);
      expect(told).toEqual([
        ['first', 'NONE', 'TRANSACTION_ABORTABLE'],
        ['second', 'OPERATION_NOT_ATTEMPTED', 'UNKNOWN_TOPIC_OR_PARTITION'],
        ['none', 'INVALID_PRODUCER_ID_MAPPING'],
      ]);
    }
    expect((await second.describe()).transactionState).toBe('Empty');
  });

  test('producers are described by every replica of what they write to', async () => {
    const cluster = await started(3);
    const client = clientOf(cluster, 'described');
    await createTopic(client, 'data', 1, 3);
    await client.init();
    await client.produce('data', 0, 'a', 'b');
    const describe = async (bootstrapServers: string) => {
      using broker = await BrokerClient.connect(bootstrapServers);
      const { topics } = await broker.send(Apis.DescribeProducers, 0, {
        topics: [
          { name: 'data', partitionIndexes: [0, 1] },
          { name: 'none', partitionIndexes: [0] },
          { name: '..', partitionIndexes: [0] },
        ],
      });
      return topics;
    };
    const [topics, ...others] = await Promise.all(cluster.bootstrapServers.split(',').map(describe));
    expect(others).toEqual([topics, topics]);
    expect(topics.flatMap(({ partitions }) => partitions.map(({ errorCode }) => errorName(errorCode)))).toEqual([
      'NONE',
      'UNKNOWN_TOPIC_OR_PARTITION',
      'UNKNOWN_TOPIC_OR_PARTITION',
      'INVALID_TOPIC_EXCEPTION',
    ]);
    const { producerId, producerEpoch } = client;
    expect(topics[0].partitions[0].activeProducers).toMatchObject([
      { producerId, producerEpoch, lastSequence: 1, coordinatorEpoch: -1, currentTxnStartOffset: 0 },
    ]);
  });
});
