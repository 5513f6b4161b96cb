import { afterEach, describe, expect, test } from 'vitest';
import { nodeIo } from '../../../broker/src/io/node';
import {
  ClientConnection,
  type ClientConnectionOptions,
  DisconnectedError,
  UnsupportedVersionError,
} from '../../../broker/src/network/client-connection';
import { BufferPool } from '../../../broker/src/network/buffer-pool';
import type { IncomingRequest } from '../../../broker/src/network/incoming-request';
import { Apis } from '../../../broker/src/protocol/api-keys';
import { ErrorCode } from '../../../broker/src/protocol/errors';
import { decodeRequest, encodeResponse } from '../../../broker/src/protocol/headers';
import { later, startServer, tidy } from './support';

afterEach(tidy);

async function connect(handle: (request: IncomingRequest) => void, options: Partial<ClientConnectionOptions> = {}) {
  const { port, server } = await startServer({ handle });
  const client = await ClientConnection.connect(nodeIo(), { host: '127.0.0.1', port, clientId: 'me', ...options });
  later(() => client.close());
  return { client, server };
}

/** Answers FindCoordinator with the key that was asked for as host. */
function findCoordinator(request: IncomingRequest): void {
  const { header } = request.context;
  const api = Apis.FindCoordinator;
  const { key } = decodeRequest(api, header, request.body);
  const body = { errorCode: 0, nodeId: 1, host: key, port: 2 };
  request.respond(encodeResponse(api, header.apiVersion, header.correlationId, body));
}

test.each([0, 3])('requests on the way are answered each with its own response (version %i)', async (version) => {
  const clientIds = new Set<string | null>();
  const { client } = await connect((request) => {
    clientIds.add(request.context.header.clientId);
    findCoordinator(request);
  });
  const keys = Array.from({ length: 300 }, (_, index) => `group-${index}`);
  const responses = keys.map((key) => client.send(Apis.FindCoordinator, version, { key, keyType: 0 }));
  expect(client.inFlight).toBe(300);
  expect((await Promise.all(responses)).map(({ host }) => host)).toEqual(keys);
  expect([...clientIds]).toEqual(['me']);
  expect(client.inFlight).toBe(0);
});

test('with a pool a response lies in its memory until it is released', async () => {
  const pool = new BufferPool(1024 * 1024);
  const { client } = await connect(findCoordinator, { pool });
  const key = 'k'.repeat(5000);
  const response = await client.send(Apis.FindCoordinator, 0, { key, keyType: 0 });
  expect([response.host, pool.usedBytes > 5000, pool.freeBytes]).toEqual([key, true, 0]);
  client.release(response);
  client.release(response);
  expect([pool.usedBytes, pool.freeBytes]).toEqual([0, 8192]);
  const short = await client.send(Apis.FindCoordinator, 0, { key: 'k', keyType: 0 });
  client.release(short);
  expect([short.host, pool.usedBytes]).toEqual(['k', 0]);
});

test('a request that cannot be encoded rejects alone', async () => {
  const { client } = await connect(findCoordinator);
  await expect(client.send(Apis.FindCoordinator, 0, { key: 7 as unknown as string, keyType: 0 })).rejects.toThrow(
    /key/,
  );
  expect((await client.send(Apis.FindCoordinator, 0, { key: 'k', keyType: 0 })).host).toBe('k');
});

test('a one-way request has no answer, and the next one has its own', async () => {
  const seen: number[] = [];
  const { client } = await connect((request) => {
    seen.push(request.context.header.apiKey);
    if (request.context.header.apiKey === 0) request.respondNothing();
    else findCoordinator(request);
  });
  client.sendOneWay(Apis.Produce, 3, { transactionalId: null, acks: 0, timeoutMs: 1, topicData: [] });
  expect((await client.send(Apis.FindCoordinator, 0, { key: 'k', keyType: 0 })).host).toBe('k');
  expect(seen).toEqual([0, 10]);
});

describe('whatever goes wrong closes the connection and rejects all that is outstanding:', () => {
  const fails = async (
    handle: (request: IncomingRequest) => void,
    reason: string | RegExp,
    options: Partial<ClientConnectionOptions> = {},
  ) => {
    const { client } = await connect(handle, options);
    const requests = ['a', 'b'].map((key) => client.send(Apis.FindCoordinator, 0, { key, keyType: 0 }));
    const results = await Promise.allSettled(requests);
    for (const result of results) {
      expect(result).toMatchObject({ status: 'rejected' });
      const error = (result as PromiseRejectedResult).reason as Error;
      expect(error).toBeInstanceOf(DisconnectedError);
      expect(error.message).toMatch(reason);
    }
    expect(client.isClosed).toBe(true);
    expect((await client.whenClosed).message).toMatch(reason);
    await expect(client.send(Apis.FindCoordinator, 0, { key: 'c', keyType: 0 })).rejects.toThrow(reason);
  };
  const frame = (...bytes: number[]) => Buffer.from([0, 0, 0, bytes.length, ...bytes]);

  test('no answer in time', () =>
    fails(() => {}, 'FindCoordinator was not answered in 20 ms', { requestTimeoutMs: 20 }));
  test('the broker closes', () => fails((request) => request.disconnect('no'), /the broker closed it|ECONNRESET/));
  test('another request is answered', () =>
    fails((request) => request.respond([frame(0, 0, 0, 9)]), 'it answered request 9, and 0 is next'));
  test('an answer that cannot be read', () =>
    fails((request) => request.respond([frame(0, 0, 0, 0, 1)]), /FindCoordinatorResponse/));
  test('an answer without a header', () => fails((request) => request.respond([frame(0)]), /ResponseHeader/));
  test('an answer that is too long', () =>
    fails(
      (request) => request.respond([frame(...Buffer.alloc(101))]),
      'a frame of 101 bytes is larger than the longest response=100',
      {
        maxResponseBytes: 100,
      },
    ));
});

test('close on this side rejects what is outstanding', async () => {
  const { client } = await connect(() => {});
  const request = client.send(Apis.FindCoordinator, 0, { key: 'a', keyType: 0 });
  client.close();
  await expect(request).rejects.toThrow('it was closed on this side');
});

describe('versions', () => {
  const supported = (highestApiVersions: number) => (request: IncomingRequest) => {
    const { apiVersion, correlationId } = request.context.header;
    const known = apiVersion <= highestApiVersions;
    const apiKeys = [
      { apiKey: 18, minVersion: 0, maxVersion: highestApiVersions },
      { apiKey: 3, minVersion: 4, maxVersion: 7 },
      { apiKey: 1, minVersion: 40, maxVersion: 50 },
    ];
    const errorCode = known ? ErrorCode.NONE : ErrorCode.UNSUPPORTED_VERSION;
    request.respond(encodeResponse(Apis.ApiVersions, known ? apiVersion : 0, correlationId, { errorCode, apiKeys }));
  };

  test.each([0, 2, 3, 4])(
    'are the newest that both have, also when the broker has ApiVersions up to %i',
    async (highest) => {
      const { client } = await connect(supported(highest));
      expect(client.versionOf(Apis.Metadata)).toBe(Apis.Metadata.maxVersion);
      await client.negotiate();
      expect(client.versionOf(Apis.Metadata)).toBe(7);
      expect(client.versionOf(Apis.Metadata, 5)).toBe(5);
      expect(() => client.versionOf(Apis.Metadata, 3)).toThrow(UnsupportedVersionError);
      expect(() => client.versionOf(Apis.Fetch)).toThrow(/has versions 40 to 50 of Fetch; needed is 0 to/);
      expect(() => client.versionOf(Apis.Produce)).toThrow(/has none of Produce/);
    },
  );
});
