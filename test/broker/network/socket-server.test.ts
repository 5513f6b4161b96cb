import * as fc from 'fast-check';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import type { OpenFile } from '../../../broker/src/io/files';
import { nodeIo } from '../../../broker/src/io/node';
import type { IncomingRequest } from '../../../broker/src/network/incoming-request';
import { SocketServer } from '../../../broker/src/network/socket-server';
import { CountedRange } from './fake-io';
import { endPoint, frameOf, later, RawClient, recordingLogger, startServer, tidy } from './support';

afterEach(tidy);

const MiB = 1024 * 1024;

/** The request's own frame, as an answer. */
function echo(request: IncomingRequest): Buffer[] {
  const prefix = Buffer.alloc(4);
  prefix.writeInt32BE(request.body.length);
  return [prefix, Buffer.from(request.body)];
}

/** A file of `size` bytes that do not repeat soon. */
async function dataFile(size: number): Promise<{ file: OpenFile; content: Buffer; path: string }> {
  const directory = mkdtempSync(join(tmpdir(), 'odradek-network-'));
  later(() => rmSync(directory, { recursive: true }));
  const content = Buffer.alloc(size);
  for (let at = 0; at + 4 <= size; at += 4) content.writeInt32LE((at * 2654435761) | 0, at);
  const path = join(directory, '0.log');
  writeFileSync(path, content);
  const file = await nodeIo().files.open(path, 'read');
  later(() => file.close());
  return { file, content, path };
}

test('requests are answered in order, however they are cut on their way and whenever they are answered', async () => {
  const { port, server } = await startServer({
    handle: (request) => {
      if (request.body.length % 2 === 0) request.respond(echo(request));
      else setImmediate(() => request.respond(echo(request)));
    },
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.constantFrom(0, 1), fc.oneof(fc.nat(50), fc.nat(150_000))), { minLength: 1, maxLength: 8 }),
      fc.array(fc.integer({ min: 1, max: 100_000 }), { minLength: 1, maxLength: 4 }),
      async (specified, cuts) => {
        const client = await RawClient.connect(port);
        const stream = Buffer.concat(
          specified.map(([apiKey, length], index) => frameOf(apiKey, 4, index, Buffer.alloc(length, index))),
        );
        const answers = client.read(stream.length);
        for (let start = 0, cut = 0; start < stream.length; cut++) {
          const end = start + cuts[cut % cuts.length];
          client.send(stream.subarray(start, end));
          start = end;
          if (cut < 20) await new Promise(setImmediate);
        }
        expect((await answers).equals(stream)).toBe(true);
        client.socket.destroy();
      },
    ),
    { numRuns: 40 },
  );
  expect(server.usage).toMatchObject({ pooledBytes: 0, requestBytes: 0 });
});

test('hundreds of connections that claim 100 MB each and send little get nothing for it', async () => {
  const { port, server } = await startServer({
    socketListenBacklogSize: 1024,
    handle: (request) => request.respond(echo(request)),
  });
  const head = Buffer.alloc(8);
  head.writeInt32BE(100_000_000);
  const clients = await Promise.all(Array.from({ length: 300 }, () => RawClient.connect(port)));
  clients.forEach((client) => client.send(head));
  // Another client's answer comes after the server has seen all of them.
  const witness = await RawClient.connect(port);
  while (server.usage.requestBytes < 300 * 4096) {
    witness.send(frameOf(3, 1, 1));
    await witness.readFrame();
  }
  expect(server.usage.requestBytes).toBe(300 * 4096);
  clients.forEach((client) => client.socket.destroy());
  while (server.usage.connections > 1) {
    witness.send(frameOf(3, 1, 1));
    await witness.readFrame();
  }
  expect(server.usage.requestBytes).toBe(0);
});

test('a frame over the limit closes the connection with a line that names the client, the size and the limit', async () => {
  const { port, line } = await startServer({ handle: () => {}, socketRequestMaxBytes: 1000 });
  const client = await RawClient.connect(port);
  const head = Buffer.alloc(4);
  head.writeInt32BE(2147483647);
  client.send(head);
  await client.closed;
  expect(await line('Closed the connection')).toBe(
    'WARN Closed the connection from 127.0.0.1 to PLAINTEXT: a frame of 2147483647 bytes is larger than socket.request.max.bytes=1000.',
  );
});

test('500 clients that ask for 50 MB and do not read cost little; those that read get every byte', async () => {
  const { file, content } = await dataFile(50 * MiB);
  const ranges: CountedRange[] = [];
  const { port, server } = await startServer({
    socketListenBacklogSize: 1024,
    handle: (request) => {
      const { correlationId } = request.context.header;
      const range = new CountedRange(file, 0, 50 * MiB, correlationId % 2 === 0);
      ranges.push(range);
      request.respond([range]);
    },
  });
  const stalled = await Promise.all(
    Array.from({ length: 500 }, async (_, id) => {
      const client = await RawClient.connect(port);
      client.socket.pause();
      client.send(frameOf(1, 4, id));
      return client;
    }),
  );
  for (const id of [0, 1]) {
    const reader = await RawClient.connect(port);
    reader.send(frameOf(1, 4, id));
    expect((await reader.read(50 * MiB)).equals(content)).toBe(true);
    reader.socket.destroy();
  }
  while (ranges.length < 502) await new Promise(setImmediate);
  expect(server.usage.connections).toBeGreaterThanOrEqual(500);
  expect(server.usage.pooledBytes).toBeGreaterThan(0);
  expect(server.usage.pooledBytes).toBeLessThanOrEqual(64 * MiB);
  stalled.forEach((client) => client.socket.destroy());
  await server.close();
  expect(ranges.every(({ releases }) => releases === 1)).toBe(true);
  expect(server.usage).toEqual({ connections: 0, waitingConnections: 0, pooledBytes: 0, requestBytes: 0 });
});

test.each([true, false])('a file that is cut under its reader closes the connection (hot: %s)', async (hot) => {
  const { file, path } = await dataFile(4 * MiB);
  const range = new CountedRange(file, 0, 4 * MiB, hot);
  const { port, line } = await startServer({
    handle: (request) => {
      truncateSync(path, MiB);
      request.respond([range]);
    },
  });
  const client = await RawClient.connect(port);
  client.send(frameOf(1, 4, 1));
  await client.closed;
  expect(await line('Closed the connection')).toContain(`0.log at ${MiB} ends before the ${3 * MiB} bytes`);
  expect(range.releases).toBe(1);
});

test('a client that sends all and ends its side gets all its answers', async () => {
  const { port } = await startServer({ handle: (request) => setImmediate(() => request.respond(echo(request))) });
  const client = await RawClient.connect(port, { allowHalfOpen: true });
  const stream = Buffer.concat([1, 2, 3].map((id) => frameOf(3, 1, id)));
  client.socket.end(stream);
  expect(await client.read(stream.length)).toEqual(stream);
  await client.closed;
});

test('a small request is answered beside bulk producers', async () => {
  let bulkBytes = 0;
  const { port } = await startServer({
    handle: (request) => {
      if (request.context.header.apiKey === 0) bulkBytes += request.body.length;
      request.respond(request.context.header.apiKey === 0 ? [Buffer.alloc(4)] : echo(request));
    },
  });
  const block = Buffer.concat([frameOf(0, 3, 1, Buffer.alloc(MiB))]);
  const producers = await Promise.all([1, 2, 3, 4].map(() => RawClient.connect(port)));
  let stop = false;
  for (const { socket } of producers) {
    const more = () => {
      while (!stop && socket.write(block));
    };
    socket.on('drain', more);
    more();
  }
  const small = await RawClient.connect(port);
  const waits: number[] = [];
  for (let id = 0; id < 50; id++) {
    const before = bulkBytes;
    small.send(frameOf(3, 1, id));
    expect((await small.readFrame()).readInt32BE(4)).toBe(id);
    waits.push(bulkBytes - before);
  }
  stop = true;
  expect(bulkBytes).toBeGreaterThan(0);
  // In bytes that were handled between asking and being answered: some turns, of 1 MiB and a request or so a producer.
  waits.sort((a, b) => a - b);
  expect(waits[25]).toBeLessThan(8 * MiB);
});

test('a listener that cannot listen says which and why, and the others are let go', async () => {
  const { port } = await startServer({ handle: () => {} });
  const io = nodeIo();
  const options = (listeners: { listenerName: string; host: string; port: number }[]) => ({
    endPoints: listeners.map((each) => ({ ...each, securityProtocol: 'PLAINTEXT' as const })),
    supports: () => true,
    handle: () => {},
  });
  const free = await io.network.listen({ host: '127.0.0.1', port: 0 }, () => {});
  await free.close();
  const server = new SocketServer(
    io,
    recordingLogger().logger,
    options([
      { listenerName: 'FIRST', host: '127.0.0.1', port: free.port },
      { listenerName: 'SECOND', host: '127.0.0.1', port },
    ]),
  );
  await expect(server.listen()).rejects.toThrow(
    `Listener SECOND cannot listen on 127.0.0.1:${port}: listen EADDRINUSE`,
  );
  const again = new SocketServer(io, recordingLogger().logger, options([{ ...endPoint, port: free.port }]));
  await again.listen();
  await again.close();
});
