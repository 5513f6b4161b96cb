import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Apis } from '../../../broker/src/protocol/api-keys';
import { buildBatch } from '../../../broker/src/records/build-batch';
import { CompressionType } from '../../../broker/src/records/compression-type';
import { readRecordSet } from '../../../broker/src/records/read-records';
import { startCluster, type TestCluster } from '../../../broker/src/testing';
import { batchOf, batchOfBytes, BrokerClient, fetchRequest, nameOf, valuesOf } from './broker-client';

let cluster: TestCluster;
let client: BrokerClient;

beforeAll(async () => {
  cluster = await startCluster({ config: { 'auto.create.topics.enable': false } });
  client = await BrokerClient.connect(cluster.bootstrapServers);
});
afterAll(async () => {
  client[Symbol.dispose]();
  await cluster.close();
});

const everyVersion = Array.from({ length: Apis.Fetch.maxVersion + 1 }, (_, version) => version);

/** Asks for one partition by name or by id, as the version does. */
async function fetchBy(version: number, topic: { name: string; id: string }, fetchOffset: number, partition = 0) {
  const { responses, ...rest } = await client.send(Apis.Fetch, version, {
    maxWaitMs: 0,
    minBytes: 0,
    topics: [
      {
        topic: topic.name,
        topicId: topic.id,
        partitions: [{ partition, fetchOffset, partitionMaxBytes: 1 << 20 }],
      },
    ],
    forgottenTopicsData: [],
  });
  return { ...rest, topic: responses[0], partition: responses[0].partitions[0] };
}

function everyValueOf(records: Buffer | null): string[] {
  return records === null ? [] : [...readRecordSet(records)].map(({ value }) => String(value));
}

describe('Fetch', () => {
  it.each(everyVersion)('v%i reads from every offset, in the format of its time', async (version) => {
    const name = `fetch-v${version}`;
    const topic = { name, id: await client.createTopic(name) };
    await client.produceValues(name, 'a', 'b');
    await client.produceValues(name, 'c');
    const all = await fetchBy(version, topic, 0);
    expect(version >= 13 ? all.topic.topicId : all.topic.topic).toBe(version >= 13 ? topic.id : name);
    expect(nameOf(all.partition)).toBe('NONE');
    expect(all.partition.highWatermark).toBe(3);
    expect(all.partition.lastStableOffset).toBe(version >= 4 ? 3 : -1);
    expect(all.partition.logStartOffset).toBe(version >= 5 ? 0 : -1);
    expect(all.partition.records![16]).toBe(version <= 1 ? 0 : version <= 3 ? 1 : 2);
    expect(everyValueOf(all.partition.records)).toEqual(['a', 'b', 'c']);
    expect(everyValueOf((await fetchBy(version, topic, 2)).partition.records)).toEqual(['c']);
    const end = await fetchBy(version, topic, 3);
    expect([nameOf(end.partition), end.partition.records?.length ?? 0]).toEqual(['NONE', 0]);
  });

  it.each(everyVersion)('v%i says what is wrong with a partition', async (version) => {
    const name = `wrong-v${version}`;
    const topic = { name, id: await client.createTopic(name) };
    const beyond = await fetchBy(version, topic, 1);
    expect(nameOf(beyond.partition)).toBe('OFFSET_OUT_OF_RANGE');
    expect([beyond.partition.highWatermark, beyond.partition.records?.length ?? 0]).toEqual([-1, 0]);
    expect(nameOf((await fetchBy(version, topic, -5)).partition)).toBe('OFFSET_OUT_OF_RANGE');
    expect(nameOf((await fetchBy(version, topic, 0, 1)).partition)).toBe('UNKNOWN_TOPIC_OR_PARTITION');
    const nowhere = { name: 'nowhere', id: 'abcdefghijklmnopqrstuA' };
    const unknown = version >= 13 ? 'UNKNOWN_TOPIC_ID' : 'UNKNOWN_TOPIC_OR_PARTITION';
    expect(nameOf((await fetchBy(version, nowhere, 0)).partition)).toBe(unknown);
  });

  it('knows the leader epochs that its client may believe in', async () => {
    await client.createTopic('epochs');
    const fetchIn = async (currentLeaderEpoch: number) => {
      const request = fetchRequest('epochs', 0, {});
      const topics = [
        { ...request.topics[0], partitions: [{ ...request.topics[0].partitions[0], currentLeaderEpoch }] },
      ];
      const { responses } = await client.send(Apis.Fetch, 12, { ...request, topics });
      return nameOf(responses[0].partitions[0]);
    };
    expect(await fetchIn(-1)).toBe('NONE');
    expect(await fetchIn(0)).toBe('NONE');
    expect(await fetchIn(1)).toBe('UNKNOWN_LEADER_EPOCH');
  });

  it('v1 to v3 converts every codec but zstd', async () => {
    await client.createTopic('codecs');
    const codecs = [CompressionType.NONE, CompressionType.GZIP, CompressionType.SNAPPY, CompressionType.LZ4];
    for (const compression of codecs) {
      await client.produce('codecs', buildBatch({ records: [{ value: `codec ${compression}` }], compression }));
    }
    for (const version of [0, 1, 2, 3]) {
      const { records } = await client.fetch('codecs', 0, { version });
      expect(everyValueOf(records)).toEqual(codecs.map((codec) => `codec ${codec}`));
    }
    await client.produce('codecs', buildBatch({ records: [{ value: 'z' }], compression: CompressionType.ZSTD }));
    expect(nameOf(await client.fetch('codecs', 4, { version: 3 }))).toBe('UNSUPPORTED_COMPRESSION_TYPE');
    expect(nameOf(await client.fetch('codecs', 0, { version: 4 }))).toBe('NONE');
    await client.createTopic('zstd-topic', 1, { 'compression.type': 'zstd' });
    await client.produceValues('zstd-topic', 'z');
    expect(nameOf(await client.fetch('zstd-topic', 0, { version: 9 }))).toBe('UNSUPPORTED_COMPRESSION_TYPE');
    expect(valuesOf(await client.fetch('zstd-topic', 0, { version: 10 }))).toEqual(['z']);
  });

  it('does not convert what message.downconversion.enable=false forbids', async () => {
    await client.createTopic('no-conversion', 1, { 'message.downconversion.enable': false });
    await client.produceValues('no-conversion', 'x');
    expect(nameOf(await client.fetch('no-conversion', 0, { version: 3 }))).toBe('UNSUPPORTED_VERSION');
    expect(valuesOf(await client.fetch('no-conversion', 0, { version: 4 }))).toEqual(['x']);
  });

  it('shows no more than what is stable to a read-committed consumer, and no aborted transactions', async () => {
    await client.createTopic('committed');
    await client.produceValues('committed', 'x');
    const { abortedTransactions, lastStableOffset } = await client.fetch('committed', 0, { isolationLevel: 1 });
    expect([abortedTransactions, lastStableOffset]).toEqual([[], 1]);
    expect((await client.fetch('committed', 0)).abortedTransactions).toBeNull();
  });
});

describe('The size of a fetch', () => {
  it('is at least the first batch, from version 3 on', async () => {
    await client.createTopic('large');
    const batch = batchOfBytes(10_000);
    await client.produce('large', batch);
    await client.produce('large', batch);
    const { records } = await client.fetch('large', 0, { version: 3, maxBytes: 1, partitionMaxBytes: 1 });
    expect(records!.length).toBeGreaterThan(10_000);
    expect([...readRecordSet(records!)]).toHaveLength(1);
    const whole = await client.fetch('large', 0, { maxBytes: 100, partitionMaxBytes: 100 });
    expect(whole.records!.length).toBe(batch.length);
    const zero = await client.fetch('large', 0, { maxBytes: 0, partitionMaxBytes: 0 });
    expect(zero.records!.length).toBe(batch.length);
  });

  it('is a hard limit up to version 2: the batch is cut, and the consumer has to ask for more', async () => {
    const { records, ...rest } = await client.fetch('large', 0, { version: 2, partitionMaxBytes: 1000 });
    expect(nameOf(rest)).toBe('NONE');
    expect(records!.length).toBeGreaterThan(0);
    expect([...readRecordSet(records!)]).toHaveLength(0);
  });

  it('of what has to be converted is bounded too, and what that leaves out is not cut', async () => {
    await client.createTopic('old', 2);
    const batch = batchOfBytes(900_000);
    for (let i = 0; i < 10; i++) await client.produce('old', batch);
    await client.produce('old', batch, { index: 1 });
    for (const version of [0, 1, 2, 3]) {
      const { responses } = await client.send(Apis.Fetch, version, {
        maxWaitMs: 0,
        minBytes: 0,
        topics: [
          {
            topic: 'old',
            partitions: [0, 1].map((partition) => ({ partition, fetchOffset: 0, partitionMaxBytes: 20_000_000 })),
          },
        ],
        forgottenTopicsData: [],
      });
      const [first, second] = responses[0].partitions;
      expect([...readRecordSet(first.records!)]).toHaveLength(9);
      expect([nameOf(second), second.records?.length ?? 0, second.highWatermark]).toEqual(['NONE', 0, 1]);
    }
  });

  it('leaves out partitions whose first batch does not fit, and cuts none at its beginning', async () => {
    await client.createTopic('several', 4);
    for (let index = 0; index < 4; index++) {
      await client.produce('several', batchOfBytes(10_000), { index });
    }
    const size = batchOfBytes(10_000).length;
    const lengths = async (maxBytes: number, partitionMaxBytes: number) => {
      const { responses } = await client.send(Apis.Fetch, 11, {
        maxWaitMs: 0,
        minBytes: 0,
        maxBytes,
        topics: [
          {
            topic: 'several',
            partitions: [0, 1, 2, 3].map((partition) => ({ partition, fetchOffset: 0, partitionMaxBytes })),
          },
        ],
        forgottenTopicsData: [],
      });
      return responses[0].partitions.map(({ records }) => records?.length ?? 0);
    };
    // The first in any case, then what fits as a whole.
    expect(await lengths(1, 1 << 20)).toEqual([size, 0, 0, 0]);
    expect(await lengths(size + 5_000, 1 << 20)).toEqual([size, 0, 0, 0]);
    expect(await lengths(2 * size + 5_000, 1 << 20)).toEqual([size, size, 0, 0]);
    expect(await lengths(1 << 20, 100)).toEqual([size, 0, 0, 0]);
    expect(await lengths(1 << 20, size)).toEqual([size, size, size, size]);
  });

  it('is at most fetch.max.bytes', async () => {
    await client.createTopic('bounded');
    for (let i = 0; i < 3; i++) await client.produce('bounded', batchOfBytes(900_000));
    await using small = await startCluster({ config: { 'fetch.max.bytes': 1024 } });
    using other = await BrokerClient.connect(small.bootstrapServers);
    await other.createTopic('bounded');
    for (let i = 0; i < 5; i++) await other.produce('bounded', batchOfBytes(600));
    expect((await other.fetch('bounded', 0)).records!.length).toBe(1024);
    expect((await client.fetch('bounded', 0, { maxBytes: 1 << 24, partitionMaxBytes: 1 << 24 })).records!.length).toBe(
      3 * batchOfBytes(900_000).length,
    );
  });
});

describe('A fetch that waits', () => {
  it('is answered when min.bytes are there', async () => {
    await client.createTopic('waiting');
    using consumer = await BrokerClient.connect(cluster.bootstrapServers);
    const size = batchOf('x').length;
    let isAnswered = false;
    const fetched = consumer.fetch('waiting', 0, { maxWaitMs: 25_000, minBytes: 3 * size }).then((answer) => {
      isAnswered = true;
      return answer;
    });
    for (let i = 0; i < 2; i++) await client.produceValues('waiting', 'x');
    // Whatever the broker had to say of two batches is said by the time that it has answered another request.
    await client.fetch('waiting', 0);
    expect(isAnswered).toBe(false);
    await client.produceValues('waiting', 'x');
    expect(valuesOf(await fetched)).toEqual(['x', 'x', 'x']);
  });

  it('is answered when its time is over, with what there is', async () => {
    await client.createTopic('in-vain');
    await client.produceValues('in-vain', 'x');
    const started = performance.now();
    const answer = await client.fetch('in-vain', 0, { maxWaitMs: 60, minBytes: 1000 });
    expect(performance.now() - started).toBeGreaterThanOrEqual(59);
    expect(valuesOf(answer)).toEqual(['x']);
  });

  it('is answered when its topic goes', async () => {
    await client.createTopic('going');
    using consumer = await BrokerClient.connect(cluster.bootstrapServers);
    const fetched = consumer.fetch('going', 0, { maxWaitMs: 25_000, minBytes: 1 });
    await client.fetch('going', 0);
    await client.deleteTopic('going');
    expect(nameOf(await fetched)).toMatch(/^(NOT_LEADER_OR_FOLLOWER|UNKNOWN_TOPIC_OR_PARTITION)$/);
  });

  it('is answered at once where something is wrong', async () => {
    await client.createTopic('fine');
    const { responses } = await client.send(Apis.Fetch, 11, {
      maxWaitMs: 25_000,
      minBytes: 1,
      topics: [
        { topic: 'fine', partitions: [{ partition: 0, fetchOffset: 17, partitionMaxBytes: 1000 }] },
        { topic: 'waiting', partitions: [{ partition: 0, fetchOffset: 3, partitionMaxBytes: 1000 }] },
      ],
      forgottenTopicsData: [],
    });
    expect(responses.map(({ partitions }) => nameOf(partitions[0]))).toEqual(['OFFSET_OUT_OF_RANGE', 'NONE']);
  });

  it('does not return at once for a partition that nobody knows, unless there is no other', async () => {
    const mixed = (maxWaitMs: number, ...topics: string[]) =>
      client.send(Apis.Fetch, 11, {
        maxWaitMs,
        minBytes: 1,
        topics: topics.map((topic) => ({
          topic,
          partitions: [{ partition: 0, fetchOffset: topic === 'waiting' ? 3 : 0, partitionMaxBytes: 1000 }],
        })),
        forgottenTopicsData: [],
      });
    const started = performance.now();
    const { responses } = await mixed(60, 'nowhere', 'waiting');
    expect(performance.now() - started).toBeGreaterThanOrEqual(59);
    expect(responses.map(({ partitions }) => nameOf(partitions[0]))).toEqual(['UNKNOWN_TOPIC_OR_PARTITION', 'NONE']);
    const alone = await mixed(25_000, 'nowhere');
    expect(nameOf(alone.responses[0].partitions[0])).toBe('UNKNOWN_TOPIC_OR_PARTITION');
  });

  it('of nothing is answered at once', async () => {
    const answer = await client.send(Apis.Fetch, 11, {
      maxWaitMs: 25_000,
      minBytes: 1,
      topics: [],
      forgottenTopicsData: [],
    });
    expect([nameOf(answer), answer.responses]).toEqual(['NONE', []]);
  });
});
