import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Apis } from '../../../broker/src/protocol/api-keys';
import { errorName } from '../../../broker/src/protocol/errors';
import { TimestampType, writeCrc } from '../../../broker/src/records/batch-header';
import { buildBatch } from '../../../broker/src/records/build-batch';
import { CompressionType } from '../../../broker/src/records/compression-type';
import { buildLegacySet } from '../../../broker/src/records/legacy-records';
import { startCluster, type TestCluster } from '../../../broker/src/testing';
import { batchOf, batchOfBytes, BrokerClient, nameOf, valuesOf } from './broker-client';

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

const everyVersion = Array.from({ length: Apis.Produce.maxVersion + 1 }, (_, version) => version);

function recordsFor(version: number, value: string): Buffer {
  const magic = version < 2 ? 0 : version < 3 ? 1 : 2;
  if (magic === 2) return batchOf(value);
  const record = {
    offset: 0,
    timestamp: 1_700_000_000_000,
    key: null,
    value: Buffer.from(value),
    headers: [],
    sequence: -1,
  };
  const timestampType = magic === 0 ? TimestampType.NO_TIMESTAMP_TYPE : TimestampType.CREATE_TIME;
  return buildLegacySet([record], { magic, compression: CompressionType.NONE, timestampType });
}

describe('Produce', () => {
  it.each(everyVersion)('v%i appends, and says where', async (version) => {
    const topic = `produce-v${version}`;
    await client.createTopic(topic);
    for (const acks of [1, -1]) {
      const value = `acks=${acks}`;
      const answer = await client.produce(topic, recordsFor(version, value), { version, acks });
      expect(nameOf(answer)).toBe('NONE');
      expect(answer.baseOffset).toBe(acks === 1 ? 0 : 1);
      // Not of a topic with LogAppendTime.
      expect(answer.logAppendTimeMs).toBe(-1);
      expect(answer.logStartOffset).toBe(version >= 5 ? 0 : -1);
    }
    expect(valuesOf(await client.fetch(topic, 0))).toEqual(['acks=1', 'acks=-1']);
  });

  it.each(everyVersion)('v%i answers every partition of a request for itself', async (version) => {
    const topic = `mixed-v${version}`;
    await client.createTopic(topic, 3);
    const corrupt = recordsFor(version, 'corrupt');
    corrupt[corrupt.length - 1] ^= 1;
    const { responses } = await client.send(Apis.Produce, version, {
      acks: -1,
      timeoutMs: 1000,
      topicData: [
        {
          name: topic,
          partitionData: [
            { index: 0, records: recordsFor(version, 'good') },
            { index: 1, records: corrupt },
            { index: 2, records: null },
            { index: 3, records: recordsFor(version, 'beyond') },
          ],
        },
        { name: 'nowhere', partitionData: [{ index: 0, records: recordsFor(version, 'nowhere') }] },
      ],
    });
    expect(
      responses.map(({ name, partitionResponses }) => [name, ...partitionResponses.map((each) => nameOf(each))]),
    ).toEqual([
      [topic, 'NONE', 'CORRUPT_MESSAGE', 'INVALID_RECORD', 'UNKNOWN_TOPIC_OR_PARTITION'],
      ['nowhere', 'UNKNOWN_TOPIC_OR_PARTITION'],
    ]);
    expect(responses[0].partitionResponses.map(({ baseOffset }) => baseOffset)).toEqual([0, -1, -1, -1]);
    expect(await client.listOffset(topic, -1)).toBe(1);
  });

  it.each(everyVersion)('v%i without topics is answered', async (version) => {
    expect((await client.send(Apis.Produce, version, { acks: 1, timeoutMs: 0, topicData: [] })).responses).toEqual([]);
  });

  it.each(everyVersion)('v%i with acks that there are not is refused, and nothing appended', async (version) => {
    const topic = `acks-v${version}`;
    await client.createTopic(topic);
    for (const acks of [2, -2, 32767]) {
      const answer = await client.produce(topic, recordsFor(version, 'x'), { version, acks });
      expect(nameOf(answer)).toBe('INVALID_REQUIRED_ACKS');
    }
    expect(await client.listOffset(topic, -1)).toBe(0);
  });

  it('takes a partition once in a request', async () => {
    await client.createTopic('twice');
    const partition = { index: 0, records: batchOf('once') };
    const { responses } = await client.send(Apis.Produce, 9, {
      acks: 1,
      timeoutMs: 1000,
      topicData: [{ name: 'twice', partitionData: [partition, { index: 0, records: batchOf('again') }] }],
    });
    expect(responses[0].partitionResponses.map(({ errorCode }) => errorName(errorCode))).toEqual([
      'NONE',
      'INVALID_REQUEST',
    ]);
    expect(valuesOf(await client.fetch('twice', 0))).toEqual(['once']);
  });

  it('with acks=0 is not answered, and the next request is', async () => {
    await client.createTopic('acks-0');
    client.connection.sendOneWay(Apis.Produce, 9, {
      acks: 0,
      timeoutMs: 0,
      topicData: [{ name: 'acks-0', partitionData: [{ index: 0, records: batchOf('quiet') }] }],
    });
    expect(valuesOf(await client.fetch('acks-0', 0))).toEqual(['quiet']);
  });

  it('with acks=0 that is refused closes the connection: the producer has to look for the leader', async () => {
    using other = await BrokerClient.connect(cluster.bootstrapServers);
    other.connection.sendOneWay(Apis.Produce, 9, {
      acks: 0,
      timeoutMs: 0,
      topicData: [{ name: 'nowhere', partitionData: [{ index: 0, records: batchOf('x') }] }],
    });
    expect((await other.connection.whenClosed).message).toMatch(/closed/);
  });

  it('with a wrong CRC is CORRUPT_MESSAGE, wherever the damage is', async () => {
    await client.createTopic('crc');
    const good = batchOf('a', 'b', 'c');
    // The base offset and the leader epoch are the broker's to set: they are outside the CRC.
    for (let at = 17; at < good.length; at += 5) {
      const bad = Buffer.from(good);
      bad[at] ^= 0x40;
      expect(nameOf(await client.produce('crc', bad)), `byte ${at}`).toBe('CORRUPT_MESSAGE');
    }
    expect(await client.listOffset('crc', -1)).toBe(0);
  });

  it('with a true CRC over a lying record count is INVALID_RECORD', async () => {
    await client.createTopic('lying');
    for (const count of [0, 1, 2, 4, 1_000_000, -1]) {
      const bad = batchOf('a', 'b', 'c');
      bad.writeInt32BE(count, 57);
      writeCrc(bad, 0, bad.length);
      expect(nameOf(await client.produce('lying', bad)), `${count} records`).toBe('INVALID_RECORD');
    }
    expect(await client.listOffset('lying', -1)).toBe(0);
  });

  it('over max.message.bytes is MESSAGE_TOO_LARGE', async () => {
    await client.createTopic('small', 1, { 'max.message.bytes': 1000 });
    const overhead = batchOfBytes(800).length - 800;
    expect(nameOf(await client.produce('small', batchOfBytes(1000 - overhead)))).toBe('NONE');
    const { errorCode, errorMessage, baseOffset } = await client.produce('small', batchOfBytes(1001 - overhead));
    expect(errorName(errorCode as never)).toBe('MESSAGE_TOO_LARGE');
    expect(errorMessage).toContain('1000');
    expect(baseOffset).toBe(-1);
    expect(await client.listOffset('small', -1)).toBe(1);
  });

  it('over segment.bytes is RECORD_LIST_TOO_LARGE', async () => {
    await client.createTopic('segments', 1, { 'segment.bytes': 1024, 'max.message.bytes': 1_000_000 });
    expect(nameOf(await client.produce('segments', batchOfBytes(5000)))).toBe('RECORD_LIST_TOO_LARGE');
  });

  it('takes one batch of format 2 from version 3 on', async () => {
    await client.createTopic('one-batch');
    const two = Buffer.concat([batchOf('a'), batchOf('b')]);
    expect(nameOf(await client.produce('one-batch', two, { version: 3 }))).toBe('INVALID_RECORD');
    expect(nameOf(await client.produce('one-batch', Buffer.alloc(0), { version: 3 }))).toBe('INVALID_RECORD');
    expect(nameOf(await client.produce('one-batch', recordsFor(2, 'old'), { version: 3 }))).toBe('INVALID_RECORD');
    expect(await client.listOffset('one-batch', -1)).toBe(0);
  });

  it('takes zstd from version 7 on', async () => {
    await client.createTopic('zstd');
    const zstd = buildBatch({ records: [{ value: 'z'.repeat(100) }], compression: CompressionType.ZSTD });
    expect(nameOf(await client.produce('zstd', zstd, { version: 6 }))).toBe('UNSUPPORTED_COMPRESSION_TYPE');
    expect(nameOf(await client.produce('zstd', zstd, { version: 7 }))).toBe('NONE');
  });

  it('of control batches is INVALID_RECORD, of transactions without an id not authorized', async () => {
    await client.createTopic('control');
    const producer = { producerId: 7, producerEpoch: 0, baseSequence: 0 };
    const control = buildBatch({ records: [{ key: Buffer.alloc(4), value: 'x' }], control: true });
    const transactional = buildBatch({ records: [{ value: 'x' }], transactional: true, ...producer });
    expect(nameOf(await client.produce('control', control))).toBe('INVALID_RECORD');
    expect(nameOf(await client.produce('control', transactional))).toBe('TRANSACTIONAL_ID_AUTHORIZATION_FAILED');
    expect(await client.listOffset('control', -1)).toBe(0);
  });

  it('of a null key into a compacted topic names the record', async () => {
    await client.createTopic('compacted', 1, { 'cleanup.policy': 'compact' });
    const records = buildBatch({ records: [{ key: 'k', value: 'v' }, { value: 'keyless' }] });
    const { errorCode, recordErrors, errorMessage } = await client.produce('compacted', records);
    expect(errorName(errorCode as never)).toBe('INVALID_RECORD');
    expect(recordErrors.map(({ batchIndex }) => batchIndex)).toEqual([1]);
    expect(errorMessage).toBeTruthy();
  });

  it('to an internal topic is for the admin client only', async () => {
    await client.groupCoordinatorIsThere();
    const keyed = buildBatch({ records: [{ key: Buffer.from([0, 99]), value: 'v' }] });
    expect(nameOf(await client.produce('__consumer_offsets', keyed))).toBe('INVALID_TOPIC_EXCEPTION');
    using admin = await BrokerClient.connect(cluster.bootstrapServers, '__admin_client');
    expect(nameOf(await admin.produce('__consumer_offsets', keyed))).toBe('NONE');
  });

  it('stamps the records of a topic with LogAppendTime', async () => {
    await client.createTopic('stamped', 1, { 'message.timestamp.type': 'LogAppendTime' });
    const before = Date.now();
    const { logAppendTimeMs } = await client.produce('stamped', batchOf('x'));
    expect(logAppendTimeMs).toBeGreaterThanOrEqual(before);
    expect(logAppendTimeMs).toBeLessThanOrEqual(Date.now());
  });
});

describe('An idempotent producer', () => {
  const batchAt = (producerId: number, baseSequence: number, producerEpoch = 0) =>
    buildBatch({ records: [{ value: `${baseSequence}` }], producerId, producerEpoch, baseSequence });

  it.each(Array.from({ length: Apis.InitProducerId.maxVersion + 1 }, (_, version) => version))(
    'gets an id of its own by InitProducerId v%i',
    async (version) => {
      const ask = () =>
        client.send(Apis.InitProducerId, version, { transactionalId: null, transactionTimeoutMs: 60_000 });
      const [first, second] = [await ask(), await ask()];
      expect([nameOf(first), first.producerEpoch]).toEqual(['NONE', 0]);
      expect(second.producerId).toBe(first.producerId + 1);
      const empty = await client.send(Apis.InitProducerId, version, { transactionalId: '', transactionTimeoutMs: 1 });
      expect([nameOf(empty), empty.producerId, empty.producerEpoch]).toEqual(['INVALID_REQUEST', -1, -1]);
    },
  );

  it('has an id and an epoch, or neither', async () => {
    for (const half of [
      { producerId: 5, producerEpoch: -1 },
      { producerId: -1, producerEpoch: 5 },
    ]) {
      const input = { transactionalId: null, transactionTimeoutMs: 1, ...half };
      expect(nameOf(await client.send(Apis.InitProducerId, 3, input))).toBe('INVALID_REQUEST');
    }
  });

  it('that sends a batch again is told where it is, and it is there once', async () => {
    await client.createTopic('idempotent');
    for (let sequence = 0; sequence < 5; sequence++) {
      expect((await client.produce('idempotent', batchAt(1000, sequence))).baseOffset).toBe(sequence);
    }
    for (let sequence = 0; sequence < 5; sequence++) {
      const again = await client.produce('idempotent', batchAt(1000, sequence));
      expect([nameOf(again), again.baseOffset]).toEqual(['NONE', sequence]);
    }
    expect(await client.listOffset('idempotent', -1)).toBe(5);
    expect(nameOf(await client.produce('idempotent', batchAt(1000, 7)))).toBe('OUT_OF_ORDER_SEQUENCE_NUMBER');
    expect(nameOf(await client.produce('idempotent', batchAt(1000, 0, 1)))).toBe('NONE');
    expect(nameOf(await client.produce('idempotent', batchAt(1000, 5)))).toBe('INVALID_PRODUCER_EPOCH');
    expect(await client.listOffset('idempotent', -1)).toBe(6);
  });
});
