import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Apis } from '../../../broker/src/protocol/api-keys';
import { decodeMessage } from '../../../broker/src/protocol/codec';
import { ApiVersionsResponse } from '../../../broker/src/protocol/messages/api-versions';
import { startCluster, type TestCluster } from '../../../broker/src/testing';
import { BrokerClient, nameOf, valuesOf } from './broker-client';
import { framed, RawConnection, rawRequest } from './raw-connection';
import { recordingLogger } from './recording-logger';

const logger = recordingLogger('info', 'warn', 'error');
let cluster: TestCluster;

beforeAll(async () => {
  cluster = await startCluster({ logger, config: { 'socket.request.max.bytes': 1_000_000 } });
});
afterAll(() => cluster.close());

/** The connection is closed without an answer, with a line that says why, and others are served. */
async function expectRefused(frame: Buffer, why: RegExp): Promise<void> {
  logger.lines.length = 0;
  using connection = await RawConnection.connect(cluster.bootstrapServers);
  connection.send(frame);
  expect(await connection.next()).toBeUndefined();
  expect(logger.lines.filter((line) => line.startsWith('Closed the connection'))).toEqual([expect.stringMatching(why)]);
  using other = await BrokerClient.connect(cluster.bootstrapServers);
  expect(nameOf(await other.send(Apis.ApiVersions, 3, { clientSoftwareName: 'x', clientSoftwareVersion: '1' }))).toBe(
    'NONE',
  );
}

describe('A frame', () => {
  it('of a claimed 2 GB is refused before its memory is', async () => {
    const before = process.memoryUsage();
    await expectRefused(
      framed(rawRequest(3, 0, 1), 2_147_483_647),
      /a frame of 2147483647 bytes is larger than socket.request.max.bytes=1000000/,
    );
    expect(process.memoryUsage().arrayBuffers - before.arrayBuffers).toBeLessThan(100_000_000);
  });

  it('of a negative length is refused', () =>
    expectRefused(framed(rawRequest(3, 0, 1), -1), /a frame of -1 bytes; accepted is 0 to/));

  it('that is too large by one byte is refused, and the largest is not', async () => {
    await expectRefused(framed(rawRequest(3, 0, 1), 1_000_001), /a frame of 1000001 bytes is larger/);
    using connection = await RawConnection.connect(cluster.bootstrapServers);
    const body = Buffer.alloc(1_000_000 - 10);
    connection.send(framed(rawRequest(18, 0, 7, body)));
    expect((await connection.next())?.readInt32BE(0)).toBe(7);
  });

  it('that is cut short is forgotten with its connection', async () => {
    for (const length of [1, 3, 4, 5, 6, 9, 13]) {
      using connection = await RawConnection.connect(cluster.bootstrapServers);
      connection.send(framed(rawRequest(3, 0, 1, Buffer.alloc(4))).subarray(0, length));
      connection.end();
      expect(await connection.next()).toBeUndefined();
    }
  });

  it.each([0, 1, 2, 7])('of %i bytes is no request', (length) =>
    expectRefused(framed(Buffer.alloc(length)), new RegExp(`a request of ${length} bytes`)),
  );

  it('of an unknown API is refused', async () => {
    await expectRefused(framed(rawRequest(999, 0, 1)), /requestApiKey: 999 is unknown/);
    await expectRefused(framed(rawRequest(-1, 0, 1)), /requestApiKey: -1 is unknown/);
  });

  it('of an API that this broker does not have is refused', () =>
    expectRefused(framed(rawRequest(55, 0, 1, Buffer.alloc(50))), /55/));

  it('with another request inside is refused', () =>
    expectRefused(framed(rawRequest(58, 0, 1, Buffer.from([0, 1, 0, 1, 0]))), /requests are not forwarded/));

  it('of an unknown version is refused', async () => {
    await expectRefused(framed(rawRequest(1, 18, 1)), /Fetch has versions 0 to 17, not 18/);
    await expectRefused(framed(rawRequest(3, -1, 1)), /Metadata has versions 0 to 12, not -1/);
  });

  it('whose body is not what its header says is refused', async () => {
    // Metadata v0 with a million topics, and none of them there.
    const body = Buffer.alloc(4);
    body.writeInt32BE(1_000_000_000);
    await expectRefused(framed(rawRequest(3, 0, 1, body)), /the request cannot be read: .*1000000000/);
    await expectRefused(framed(rawRequest(3, 0, 1)), /the request cannot be read/);
  });

  it('that is no request leaves the answers to those before it', async () => {
    using connection = await RawConnection.connect(cluster.bootstrapServers);
    const good = [1, 2, 3].map((id) => framed(rawRequest(18, 0, id)));
    connection.send(Buffer.concat([...good, framed(rawRequest(999, 0, 4)), framed(rawRequest(18, 0, 5))]));
    for (const id of [1, 2, 3]) expect((await connection.next())?.readInt32BE(0)).toBe(id);
    expect(await connection.next()).toBeUndefined();
  });

  it('of text in another protocol is refused', () =>
    expectRefused(Buffer.from('GET / HTTP/1.1\r\nHost: broker\r\n\r\n'), /a frame of 1195725856 bytes is larger/));
});

describe('ApiVersions', () => {
  it.each([4, 5, 100, 32767, -1])('v%i', async (version) => {
    using connection = await RawConnection.connect(cluster.bootstrapServers);
    connection.send(framed(Buffer.concat([rawRequest(18, version, 5), Buffer.from([0, 2, 0x61, 2, 0x62, 0])])));
    const answer = await connection.next();
    expect(answer?.readInt32BE(0)).toBe(5);
    if (version === 4) return;
    const { errorCode, apiKeys } = decodeMessage(ApiVersionsResponse, 0, answer!, 4);
    expect(nameOf({ errorCode })).toBe('UNSUPPORTED_VERSION');
    expect(apiKeys.map(({ apiKey, minVersion, maxVersion }) => [apiKey, minVersion, maxVersion])).toEqual([[18, 0, 4]]);
    // The connection stays: the client asks again.
    connection.send(framed(rawRequest(18, 0, 6)));
    expect((await connection.next())?.readInt32BE(0)).toBe(6);
  });

  it('wants to know the software’s name', async () => {
    using client = await BrokerClient.connect(cluster.bootstrapServers);
    for (const [clientSoftwareName, clientSoftwareVersion] of [
      ['', '1'],
      ['librdkafka', ''],
      ['-x', '1'],
      ['a b', '1'],
      ['x', '1.'],
      ['x'.repeat(100) + '!', '1'],
    ]) {
      const answer = await client.send(Apis.ApiVersions, 3, { clientSoftwareName, clientSoftwareVersion });
      expect([nameOf(answer), answer.apiKeys]).toEqual(['INVALID_REQUEST', []]);
    }
    const answer = await client.send(Apis.ApiVersions, 3, {
      clientSoftwareName: 'apache-kafka-java',
      clientSoftwareVersion: '3.9.0-rc.1',
    });
    expect(nameOf(answer)).toBe('NONE');
    const fetch = answer.apiKeys.find(({ apiKey }) => apiKey === 1);
    expect([fetch?.minVersion, fetch?.maxVersion]).toEqual([0, 17]);
  });
});

describe('A replication factor', () => {
  it('larger than the live brokers is refused with the numbers', async () => {
    using client = await BrokerClient.connect(cluster.bootstrapServers);
    const { topics } = await client.send(Apis.CreateTopics, 7, {
      topics: [{ name: 'three', numPartitions: 1, replicationFactor: 3, assignments: [], configs: [] }],
      timeoutMs: 1000,
    });
    expect(nameOf(topics[0])).toBe('INVALID_REPLICATION_FACTOR');
    expect(topics[0].errorMessage).toMatch(/3.*1/);
    expect(logger.lines.join()).not.toContain('failed unexpectedly');
  });
});

describe('A client that asks without reading', () => {
  it('is answered in order when it reads, and holds up nobody', async () => {
    using client = await BrokerClient.connect(cluster.bootstrapServers);
    await client.createTopic('pipelined');
    await client.produceValues('pipelined', 'x');
    using connection = await RawConnection.connect(cluster.bootstrapServers);
    const requests = Array.from({ length: 1000 }, (_, i) => framed(rawRequest(18, 0, i)));
    connection.send(Buffer.concat(requests));
    expect(valuesOf(await client.fetch('pipelined', 0))).toEqual(['x']);
    for (let i = 0; i < 1000; i++) expect((await connection.next())?.readInt32BE(0)).toBe(i);
  });
});
