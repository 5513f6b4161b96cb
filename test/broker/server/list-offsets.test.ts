import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Apis } from '../../../broker/src/protocol/api-keys';
import { buildBatch } from '../../../broker/src/records/build-batch';
import { startCluster, type TestCluster } from '../../../broker/src/testing';
import { BrokerClient, nameOf } from './broker-client';

let cluster: TestCluster;
let client: BrokerClient;

const at = (timestamp: number) => buildBatch({ records: [{ value: `${timestamp}`, timestamp }] });

beforeAll(async () => {
  cluster = await startCluster({ config: { 'auto.create.topics.enable': false } });
  client = await BrokerClient.connect(cluster.bootstrapServers);
  await client.createTopic('timed');
  // The times go up and down; each is a batch of its own but the last two.
  for (const timestamp of [1000, 3000, 2000]) await client.produce('timed', at(timestamp));
  const last = buildBatch({
    records: [
      { value: '3000', timestamp: 3000 },
      { value: '5000', timestamp: 5000 },
    ],
  });
  await client.produce('timed', last);
  await client.createTopic('empty');
});
afterAll(async () => {
  client[Symbol.dispose]();
  await cluster.close();
});

const everyVersion = Array.from({ length: Apis.ListOffsets.maxVersion }, (_, i) => i + 1);

async function ask(version: number, timestamp: bigint, name = 'timed', more: { currentLeaderEpoch?: number } = {}) {
  const { topics } = await client.send(Apis.ListOffsets, version, {
    replicaId: -1,
    topics: [{ name, partitions: [{ partitionIndex: 0, timestamp, ...more }] }],
  });
  return topics[0].partitions[0];
}

describe('ListOffsets', () => {
  it.each(everyVersion)('v%i finds the first offset at a time or later, and what it is', async (version) => {
    const found = async (timestamp: bigint) => {
      const { offset, timestamp: of, leaderEpoch, errorCode } = await ask(version, timestamp);
      expect(errorCode).toBe(0);
      // From version 4 on.
      expect(leaderEpoch).toBe(version >= 4 && offset >= 0 ? 0 : -1);
      return [offset, of];
    };
    expect(await found(0n)).toEqual([0, 1000n]);
    expect(await found(1000n)).toEqual([0, 1000n]);
    expect(await found(1001n)).toEqual([1, 3000n]);
    expect(await found(3000n)).toEqual([1, 3000n]);
    expect(await found(3001n)).toEqual([4, 5000n]);
    expect(await found(5001n)).toEqual([-1, -1n]);
    expect(await found(2n ** 63n - 1n)).toEqual([-1, -1n]);
    expect(await found(-1n)).toEqual([5, -1n]);
    expect(await found(-2n)).toEqual([0, -1n]);
  });

  it.each([
    ['the record with the largest timestamp', -3n, 7, [4, 5000n]],
    ['the earliest local offset', -4n, 8, [0, -1n]],
    ['the latest tiered offset', -5n, 9, [-1, -1n]],
  ] as const)('has %s (%s) from version %i on', async (_, timestamp, since, expected) => {
    for (const version of everyVersion) {
      const { offset, timestamp: of, ...rest } = await ask(version, timestamp);
      if (version < since) expect(nameOf(rest)).toBe('UNSUPPORTED_VERSION');
      else expect([nameOf(rest), offset, of]).toEqual(['NONE', ...expected]);
    }
  });

  it.each(everyVersion)('v%i refuses other negative times', async (version) => {
    for (const timestamp of [-6n, -100n, -(2n ** 63n)]) {
      const { offset, ...rest } = await ask(version, timestamp);
      expect([nameOf(rest), offset]).toEqual(['UNSUPPORTED_VERSION', -1]);
      // Whatever the partition is.
      expect(nameOf(await ask(version, timestamp, 'nowhere'))).toBe('UNSUPPORTED_VERSION');
    }
  });

  it('of an empty partition has a beginning and an end, and nothing between', async () => {
    const offsets = [];
    for (const timestamp of [-1n, -2n, -3n, -4n, -5n, 0n]) offsets.push((await ask(9, timestamp, 'empty')).offset);
    expect(offsets).toEqual([0, 0, -1, 0, -1, -1]);
  });

  it('v0 lists offsets from the newest down', async () => {
    const list = async (timestamp: bigint, maxNumOffsets: number, name = 'timed') => {
      const { topics } = await client.send(Apis.ListOffsets, 0, {
        replicaId: -1,
        topics: [{ name, partitions: [{ partitionIndex: 0, timestamp, maxNumOffsets }] }],
      });
      const { oldStyleOffsets, ...rest } = topics[0].partitions[0];
      return [nameOf(rest), ...oldStyleOffsets];
    };
    expect(await list(-1n, 10)).toEqual(['NONE', 5, 0]);
    expect(await list(-1n, 1)).toEqual(['NONE', 5]);
    expect(await list(-1n, 0)).toEqual(['NONE']);
    expect(await list(-1n, -1)).toEqual(['NONE']);
    expect(await list(-2n, 10)).toEqual(['NONE', 0]);
    expect(await list(1n, 10)).toEqual(['NONE']);
    expect(await list(-3n, 10)).toEqual(['UNSUPPORTED_VERSION']);
    expect(await list(-1n, 10, 'nowhere')).toEqual(['UNKNOWN_TOPIC_OR_PARTITION']);
    expect(await list(-1n, 10, 'empty')).toEqual(['NONE', 0]);
  });

  it('refuses a partition that is asked for twice, and answers the others', async () => {
    const partition = (partitionIndex: number) => ({ partitionIndex, timestamp: -1n });
    await client.createTopic('twice', 2);
    const { topics } = await client.send(Apis.ListOffsets, 5, {
      replicaId: -1,
      topics: [{ name: 'twice', partitions: [partition(0), partition(1), partition(0)] }],
    });
    expect(topics[0].partitions.map((each) => nameOf(each))).toEqual(['INVALID_REQUEST', 'NONE', 'INVALID_REQUEST']);
  });

  it('knows the leader epochs that its client may believe in', async () => {
    expect(nameOf(await ask(4, -1n, 'timed', { currentLeaderEpoch: 0 }))).toBe('NONE');
    expect(nameOf(await ask(4, -1n, 'timed', { currentLeaderEpoch: 1 }))).toBe('UNKNOWN_LEADER_EPOCH');
  });

  it('of a partition that nobody knows', async () => {
    expect(nameOf(await ask(1, -1n, 'nowhere'))).toBe('UNKNOWN_TOPIC_OR_PARTITION');
  });
});

describe('DeleteRecords', () => {
  const versions = Array.from({ length: Apis.DeleteRecords.maxVersion + 1 }, (_, version) => version);

  async function deleteBefore(name: string, offset: number, version = 2, partitionIndex = 0) {
    const { topics } = await client.send(Apis.DeleteRecords, version, {
      topics: [{ name, partitions: [{ partitionIndex, offset }] }],
      timeoutMs: 1000,
    });
    const { lowWatermark, ...rest } = topics[0].partitions[0];
    return [nameOf(rest), lowWatermark];
  }

  it.each(versions)('v%i moves the start of the log', async (version) => {
    const topic = `deleted-v${version}`;
    await client.createTopic(topic);
    await client.produceValues(topic, 'a', 'b', 'c');
    expect(await deleteBefore(topic, 2, version)).toEqual(['NONE', 2]);
    expect(await client.listOffset(topic, -2)).toBe(2);
    expect(nameOf(await client.fetch(topic, 1))).toBe('OFFSET_OUT_OF_RANGE');
    // It never moves back.
    expect(await deleteBefore(topic, 1, version)).toEqual(['NONE', 2]);
    expect(await deleteBefore(topic, 4, version)).toEqual(['OFFSET_OUT_OF_RANGE', -1]);
    expect(await deleteBefore(topic, -2, version)).toEqual(['OFFSET_OUT_OF_RANGE', -1]);
    expect(await deleteBefore(topic, -1, version)).toEqual(['NONE', 3]);
    expect(await deleteBefore(topic, 0, version, 1)).toEqual(['UNKNOWN_TOPIC_OR_PARTITION', -1]);
  });

  it('is for topics that delete', async () => {
    await client.createTopic('compacted', 1, { 'cleanup.policy': 'compact' });
    expect(await deleteBefore('compacted', 0)).toEqual(['POLICY_VIOLATION', -1]);
    await client.createTopic('both', 1, { 'cleanup.policy': 'compact,delete' });
    expect(await deleteBefore('both', 0)).toEqual(['NONE', 0]);
    expect(await deleteBefore('__consumer_offsets', 0)).toEqual(['INVALID_TOPIC_EXCEPTION', -1]);
  });
});

describe('OffsetForLeaderEpoch', () => {
  const versions = Array.from({ length: Apis.OffsetForLeaderEpoch.maxVersion + 1 }, (_, version) => version);

  it.each(versions)('v%i says where an epoch ended', async (version) => {
    const end = async (topic: string, leaderEpoch: number, currentLeaderEpoch = -1) => {
      const { topics } = await client.send(Apis.OffsetForLeaderEpoch, version, {
        topics: [
          {
            topic,
            partitions: [{ partition: 0, leaderEpoch, ...(version >= 2 ? { currentLeaderEpoch } : {}) }],
          },
        ],
      });
      const { endOffset, leaderEpoch: of, ...rest } = topics[0].partitions[0];
      return [nameOf(rest), of, endOffset];
    };
    expect(await end('timed', 0)).toEqual(['NONE', version >= 1 ? 0 : -1, 5]);
    expect(await end('timed', 1)).toEqual(['NONE', -1, -1]);
    expect(await end('timed', -1)).toEqual(['NONE', -1, -1]);
    expect(await end('nowhere', 0)).toEqual(['UNKNOWN_TOPIC_OR_PARTITION', -1, -1]);
    if (version >= 2) expect(await end('timed', 0, 1)).toEqual(['UNKNOWN_LEADER_EPOCH', -1, -1]);
  });
});
