import { expect, onTestFinished, test } from 'vitest';
import { Apis } from '../../../broker/src/protocol/api-keys';
import { errorName } from '../../../broker/src/protocol/errors';
import { buildBatch } from '../../../broker/src/records/build-batch';
import { startCluster } from '../../../broker/src/testing/cluster';
import { BrokerClient } from './broker-client';

test('compacted topics and __consumer_offsets shrink while they are used; a topic may become one', async () => {
  const config = {
    'log.cleaner.backoff.ms': 50,
    'log.cleaner.min.cleanable.ratio': 0.01,
    'offsets.topic.segment.bytes': 4000,
    'offsets.topic.num.partitions': 1,
  };
  const cluster = await startCluster({ brokers: 1, config });
  onTestFinished(() => cluster.close());
  using client = await BrokerClient.connect(cluster.bootstrapServers);
  await client.createTopic('data', 1, { 'segment.bytes': 4000 });
  await client.groupCoordinatorIsThere();
  const write = async (round: number) => {
    const records = Array.from({ length: 10 }, (_, key) => ({
      key: `key ${key}`,
      value: `${round}:${'x'.repeat(50)}`,
    }));
    expect(errorName((await client.produce('data', buildBatch({ records }))).errorCode)).toBe('NONE');
  };
  const commit = async (offset: number) => {
    const partitions = [{ partitionIndex: 0, committedOffset: offset, committedMetadata: 'm'.repeat(100) }];
    const { topics } = await client.send(Apis.OffsetCommit, 8, {
      groupId: 'group',
      generationIdOrMemberEpoch: -1,
      memberId: '',
      topics: [{ name: 'data', partitions }],
    });
    expect(errorName(topics[0].partitions[0].errorCode)).toBe('NONE');
  };
  const sizeOf = async (topic: string): Promise<number> => {
    const { results } = await client.send(Apis.DescribeLogDirs, 4, { topics: [{ topic, partitions: [0] }] });
    return results[0].topics[0].partitions[0].partitionSize;
  };
  for (let round = 0; round < 60; round++) {
    await write(round);
    await commit(round);
  }
  expect(await sizeOf('data')).toBeGreaterThan(30_000);
  await expect.poll(() => sizeOf('__consumer_offsets'), { timeout: 20_000 }).toBeLessThan(6000);
  await client.send(Apis.IncrementalAlterConfigs, 1, {
    resources: [
      {
        resourceType: 2,
        resourceName: 'data',
        configs: [{ name: 'cleanup.policy', configOperation: 0, value: 'compact' }],
      },
    ],
    validateOnly: false,
  });
  await expect.poll(() => sizeOf('data'), { timeout: 20_000 }).toBeLessThan(6000);
  const { groups } = await client.send(Apis.OffsetFetch, 8, {
    groups: [{ groupId: 'group', topics: [{ name: 'data', partitionIndexes: [0] }] }],
    requireStable: false,
  });
  expect(groups[0].topics[0].partitions[0].committedOffset).toBe(59);
}, 60_000);
