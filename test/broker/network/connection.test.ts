import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { IncomingRequest } from '../../../broker/src/network/incoming-request';
import { SocketServer, type SocketServerOptions } from '../../../broker/src/network/socket-server';
import { byteAt, CountedRange, fakeFile, FakeIo, FakeSocket } from './fake-io';
import { frameOf, recordingLogger } from './support';

const port = 9092;
const KiB = 1024;
const MiB = 1024 * KiB;

async function serve(options: Partial<SocketServerOptions> = {}) {
  const io = new FakeIo();
  const log = recordingLogger();
  const requests: IncomingRequest[] = [];
  const server = new SocketServer(io, log.logger, {
    endPoints: [{ listenerName: 'PLAINTEXT', host: 'broker', port, securityProtocol: 'PLAINTEXT' }],
    supports: () => true,
    handle: (request) => requests.push(request),
    ...options,
  });
  await server.listen();
  return { io, server, requests, ...log };
}

/** Lets promises and closed sockets settle. */
async function settle(): Promise<void> {
  for (let round = 0; round < 50; round++) await Promise.resolve();
}

const answer = (byte: number, length = 1) => Buffer.alloc(length, byte);

describe('requests', () => {
  test('carry where they come from and their header', async () => {
    const { io, requests } = await serve();
    const socket = io.connect(port);
    socket.receive(frameOf(3, 8, 77, Buffer.from('body')));
    io.connect(port, new FakeSocket('10.0.0.3', 4)).receive(frameOf(18, 99, 78, Buffer.alloc(1)));
    expect(requests[0].context).toEqual({
      connectionId: '10.0.0.1:9092-10.0.0.2:50000-0',
      listenerName: 'PLAINTEXT',
      securityProtocol: 'PLAINTEXT',
      principal: { principalType: 'User', name: 'ANONYMOUS' },
      clientHost: '10.0.0.2',
      header: {
        apiKey: 3,
        apiVersion: 8,
        correlationId: 77,
        clientId: 'test',
        bodyOffset: expect.any(Number) as number,
      },
    });
    expect(requests[0].body).toEqual(frameOf(3, 8, 77, Buffer.from('body')).subarray(4));
    expect(requests[1].context).toMatchObject({
      connectionId: '10.0.0.1:9092-10.0.0.3:4-1',
      header: { apiKey: 18, apiVersion: 99, correlationId: 78 },
    });
  });

  test('of one connection come one at a time, and are answered in order', async () => {
    const { io, requests } = await serve();
    const socket = io.connect(port);
    socket.receive(Buffer.concat([1, 2, 3].map((id) => frameOf(3, 1, id))));
    expect(requests.length).toBe(1);
    expect(socket.paused).toBe(true);
    requests[0].respond([answer(1)]);
    expect(requests.length).toBe(2);
    expect(socket.paused).toBe(true);
    requests[1].respondNothing();
    requests[2].respond([answer(3), answer(4)]);
    expect(socket.paused).toBe(false);
    expect(socket.sent).toEqual(Buffer.from([1, 3, 4]));
    expect(requests.map(({ context }) => context.header.correlationId)).toEqual([1, 2, 3]);
  });

  test('whose socket is idle while one is handled do not pause it', async () => {
    const { io, requests } = await serve();
    const socket = io.connect(port);
    socket.receive(frameOf(3, 1, 1));
    expect(socket.paused).toBe(false);
    requests[0].respond([answer(1)]);
    expect(socket.paused).toBe(false);
  });

  test('that are small and answered at once are answered in one write', async () => {
    const { io } = await serve({
      handle: (request) => request.respond([answer(request.context.header.correlationId)]),
    });
    const socket = io.connect(port);
    socket.receive(Buffer.concat([1, 2, 3].map((id) => frameOf(3, 1, id))));
    expect(socket.sent).toEqual(Buffer.from([1, 2, 3]));
    expect(socket.writes).toBe(1);
  });

  test('wait until the answer before them is with the kernel', async () => {
    const { io, requests } = await serve();
    const socket = io.connect(port);
    socket.kernelRoom = 5;
    socket.receive(Buffer.concat([frameOf(3, 1, 1), frameOf(3, 1, 2)]));
    requests[0].respond([answer(1, 10)]);
    expect(requests.length).toBe(1);
    socket.makeRoom(4);
    expect(requests.length).toBe(1);
    socket.makeRoom(1);
    expect(requests.length).toBe(2);
  });

  test('keep their body until they are answered, and others may keep slices of it longer', async () => {
    const { io, requests } = await serve();
    const sockets = [io.connect(port), io.connect(port)];
    const bodies = [Buffer.alloc(5000, 1), Buffer.alloc(5000, 2)];
    sockets.forEach((socket, index) => socket.receive(frameOf(index, 3, 1, bodies[index])));
    io.connect(port).receive(frameOf(0, 3, 1, Buffer.alloc(5000, 3)));
    const tails = requests.map(({ body }) => body.subarray(body.length - 5000));
    expect(tails.slice(0, 2)).toEqual(bodies);
    requests[1].respondNothing();
    for (let fill = 4; fill < 20; fill++) io.connect(port).receive(frameOf(0, 3, 1, Buffer.alloc(5000, fill)));
    expect(tails.slice(0, 2)).toEqual(bodies);
  });

  test('are answered once', async () => {
    const { io, requests } = await serve();
    io.connect(port).receive(frameOf(3, 1, 7));
    const range = new CountedRange(fakeFile(), 0, 10, true);
    requests[0].respondNothing();
    expect(() => requests[0].respond([range])).toThrow('Request 7 of Metadata was answered twice.');
    expect(range.releases).toBe(1);
  });

  test('of a peer that has ended its side are all answered before ours is ended', async () => {
    const { io, requests } = await serve();
    const socket = io.connect(port);
    socket.receive(Buffer.concat([frameOf(3, 1, 1), frameOf(3, 1, 2)]));
    socket.peerEnds();
    requests[0].respond([answer(1)]);
    expect(socket.destroyed).toBe(false);
    requests[1].respond([answer(2)]);
    expect(socket.sent).toEqual(Buffer.from([1, 2]));
    expect(socket.endedBySelf).toBe(true);
  });

  test('take the principal that the connection has then', async () => {
    const { io, requests } = await serve();
    const socket = io.connect(port);
    socket.receive(frameOf(36, 1, 1));
    requests[0].channel.principal = { principalType: 'User', name: 'alice' };
    requests[0].respond([answer(1)]);
    socket.receive(frameOf(3, 1, 2));
    expect(requests[1].context.principal).toEqual({ principalType: 'User', name: 'alice' });
  });
});

describe('a connection is closed, with a line that says why, for', () => {
  const refused = async (bytes: Buffer, reason: string, options: Partial<SocketServerOptions> = {}) => {
    const { io, lines, requests, server } = await serve(options);
    const socket = io.connect(port);
    socket.receive(bytes);
    expect(socket.destroyed).toBe(true);
    expect(lines).toContain(`WARN Closed the connection from 10.0.0.2 to PLAINTEXT: ${reason}.`);
    await settle();
    expect(server.usage).toEqual({ connections: 0, waitingConnections: 0, pooledBytes: 0, requestBytes: 0 });
    expect(server.metrics.invalidRequests).toBe(1);
    return requests;
  };
  const sized = (size: number) => {
    const bytes = Buffer.alloc(20);
    bytes.writeInt32BE(size);
    return bytes;
  };

  test('a request over the limit', () =>
    refused(sized(1001), 'a frame of 1001 bytes is larger than socket.request.max.bytes=1000', {
      socketRequestMaxBytes: 1000,
    }));
  test('a request of 2 GiB', () =>
    refused(sized(2147483647), 'a frame of 2147483647 bytes is larger than socket.request.max.bytes=104857600'));
  test('a negative size', () =>
    refused(sized(-5), 'a frame of -5 bytes; accepted is 0 to socket.request.max.bytes=104857600'));
  test('an empty frame', () => refused(Buffer.alloc(4), 'RequestHeader: a request of 0 bytes'));
  test('an unknown API', () => refused(frameOf(999, 0, 1), 'RequestHeader.requestApiKey: 999 is unknown'));
  test('an unknown version', () =>
    refused(frameOf(3, 99, 1), 'RequestHeader.requestApiVersion: Metadata has versions 0 to 12, not 99'));
  test('a version that the broker does not serve', () =>
    refused(frameOf(3, 8, 1), 'Metadata of version 8 is not supported', {
      supports: (_key, version) => version < 8,
    }));
  test('what comes before it is handled', async () => {
    const requests = await refused(
      Buffer.concat([frameOf(3, 1, 1), frameOf(999, 1, 2)]),
      'RequestHeader.requestApiKey: 999 is unknown',
      { handle: (request) => request.respond([answer(1)]) },
    );
    expect(requests).toEqual([]);
  });

  test('a handler that throws, and the server goes on', async () => {
    let fails = true;
    const { io, lines } = await serve({
      handle: (request) => {
        if (fails) throw new Error('broken');
        request.respond([answer(1)]);
      },
    });
    const socket = io.connect(port);
    socket.receive(frameOf(3, 1, 1));
    expect(socket.destroyed).toBe(true);
    expect(lines).toContain('ERROR The handler of Metadata failed.');
    fails = false;
    const next = io.connect(port);
    next.receive(frameOf(3, 1, 1));
    expect(next.sent).toEqual(answer(1));
  });

  test('a handler that says so', async () => {
    const { io, requests, lines, server } = await serve();
    const socket = io.connect(port);
    socket.receive(frameOf(0, 3, 1, Buffer.alloc(9000)));
    requests[0].disconnect('not authenticated');
    expect(socket.destroyed).toBe(true);
    expect(lines).toContain('WARN Closed the connection from 10.0.0.2 to PLAINTEXT: not authenticated.');
    await settle();
    expect(server.usage).toMatchObject({ connections: 0, pooledBytes: 0, requestBytes: 0 });
  });
});

test('random bytes close connections and nothing else', async () => {
  const { io, server, requests } = await serve({
    handle: (request) => {
      requests.push(request);
      request.respond([answer(1)]);
    },
  });
  // Half of them look like a request at first.
  const plausible = fc
    .tuple(fc.integer({ min: -1, max: 60 }), fc.integer({ min: -1, max: 72 }), fc.integer({ min: -1, max: 20 }))
    .map(([size, apiKey, version]) => {
      const head = Buffer.alloc(8);
      head.writeInt32BE(size);
      head.writeInt16BE(apiKey, 4);
      head.writeInt16BE(version, 6);
      return head;
    });
  const noise = fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes));
  await fc.assert(
    fc.asyncProperty(fc.array(fc.oneof(plausible, noise), { maxLength: 20 }), async (pieces) => {
      const socket = io.connect(port);
      for (const piece of pieces) {
        socket.receive(piece);
        while (io.clock.turn());
      }
      socket.peerResets();
      await settle();
      expect(server.usage).toEqual({ connections: 0, waitingConnections: 0, pooledBytes: 0, requestBytes: 0 });
    }),
    { numRuns: 2000 },
  );
  expect(requests.length).toBeGreaterThan(0);
  const socket = io.connect(port);
  socket.receive(frameOf(3, 1, 1));
  expect(socket.sent).toEqual(answer(1));
});

test('a flood of refused connections does not flood the log', async () => {
  const { io, lines } = await serve();
  for (let index = 0; index < 1000; index++) io.connect(port).receive(frameOf(999, 0, 1));
  expect(lines.length).toBeLessThan(1300);
  expect(lines.filter((line) => line.startsWith('WARN')).length).toBeLessThanOrEqual(200);
  io.clock.advance(10_000);
  io.connect(port).receive(frameOf(999, 0, 1));
  expect(lines).toContainEqual(expect.stringMatching(/^WARN 8\d\d lines like these were left out/));
});

describe('answers from files', () => {
  const request = async (options: Partial<SocketServerOptions> = {}) => {
    const all = await serve(options);
    const socket = all.io.connect(port);
    socket.receive(frameOf(1, 4, 1));
    return { ...all, socket, respond: all.requests[0].respond.bind(all.requests[0]) };
  };
  const finish = async (io: FakeIo) => {
    for (let round = 0; round < 100; round++) {
      await settle();
      io.clock.turn();
    }
  };

  test('are sent in order, hot and cold, between bytes in memory, whatever the kernel takes', async () => {
    const chunk = fc.oneof(
      fc.nat(300).map((length) => ({ kind: 'memory' as const, length })),
      fc
        .tuple(fc.constantFrom('hot' as const, 'cold' as const), fc.nat(400_000))
        .map(([kind, length]) => ({ kind, length })),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(chunk, { maxLength: 8 }),
        // Room for a byte now and then, but not for millions of turns.
        fc.array(fc.integer({ min: 1, max: 500_000 }), { maxLength: 4 }).map((rooms) => [...rooms, 200_000]),
        fc.integer({ min: 1000, max: 100_000 }),
        async (specified, rooms, mostARead) => {
          const { io, socket, respond, server, requests } = await request();
          const file = fakeFile({ mostARead });
          const chunks = specified.map(({ kind, length }, index) =>
            kind === 'memory' ? answer(index, length) : new CountedRange(file, index * 1000, length, kind === 'hot'),
          );
          const expected = Buffer.concat(chunks.map((each) => (Buffer.isBuffer(each) ? each : each.bytes)));
          socket.kernelRoom = rooms[0];
          respond(chunks);
          for (let turn = 1; socket.sent.length < expected.length; turn++) {
            await settle();
            io.clock.turn();
            expect(server.usage.pooledBytes).toBeLessThanOrEqual(MiB);
            socket.makeRoom(rooms[turn % rooms.length]);
          }
          await finish(io);
          expect(socket.sent.equals(expected)).toBe(true);
          for (const each of chunks) if (!Buffer.isBuffer(each)) expect(each.releases).toBe(1);
          expect(server.usage.pooledBytes).toBe(0);
          socket.receive(frameOf(3, 1, 2));
          expect(requests.length).toBe(2);
        },
      ),
      { numRuns: 60 },
    );
  });

  test('release every range once when the client goes, at whatever point', async () => {
    for (let steps = 0; steps < 12; steps++) {
      const { io, socket, respond, server } = await request();
      socket.kernelRoom = 100_000;
      const ranges = [true, false, true, false].map((hot) => new CountedRange(fakeFile(), 0, 300_000, hot));
      respond([answer(1), ...ranges]);
      for (let step = 0; step < steps; step++) {
        if (step % 2 === 0) socket.makeRoom(150_000);
        else await Promise.resolve();
      }
      socket.peerResets();
      await finish(io);
      expect(ranges.map(({ releases }) => releases)).toEqual([1, 1, 1, 1]);
      expect(server.usage).toMatchObject({ connections: 0, pooledBytes: 0 });
    }
  });

  test('wait for a disk that is busy', async () => {
    const { io, socket, respond } = await request();
    const disk = Promise.withResolvers<void>();
    respond([new CountedRange(fakeFile({ answers: disk.promise }), 0, 10, false)]);
    await settle();
    io.clock.advance(60_000);
    expect(socket.destroyed).toBe(false);
    disk.resolve();
    await finish(io);
    expect(socket.sent.length).toBe(10);
    io.clock.advance(60_000);
    expect(socket.destroyed).toBe(false);
  });

  test('are cut off where the disk hangs', async () => {
    const { io, respond, socket, lines } = await request();
    const disk = Promise.withResolvers<void>();
    const range = new CountedRange(fakeFile({ answers: disk.promise, hangs: true }), 0, 10, false);
    respond([range]);
    await settle();
    io.clock.advance(10_000);
    expect(socket.destroyed).toBe(true);
    expect(lines.join()).toContain('/data/t-0/0.log was not read in 10000 ms: its disk hangs');
    disk.resolve();
    await finish(io);
    expect(range.releases).toBe(1);
  });

  test('release every range once when the client has gone before', async () => {
    const { socket, respond, requests } = await request();
    socket.peerResets();
    const early = new CountedRange(fakeFile(), 0, 10, true);
    expect(requests[0].channel.disconnected).toBe(false);
    await settle();
    expect(requests[0].channel.disconnected).toBe(true);
    respond([early]);
    expect(early.releases).toBe(1);
  });

  test.each([
    [
      'hot, too short',
      true,
      { size: 500_000 },
      '/data/t-0/0.log at 500000 ends before the 100000 bytes that were to be sent',
    ],
    [
      'cold, too short',
      false,
      { size: 500_000 },
      '/data/t-0/0.log at 500000 ends before the 100000 bytes that were to be sent',
    ],
    ['hot, unreadable', true, { failsAt: 10 }, '/data/t-0/0.log at 0 cannot be read: EIO: read'],
    ['cold, unreadable', false, { failsAt: 10 }, '/data/t-0/0.log at 0 cannot be read: EIO: read'],
  ])('of a file that is %s close the connection and release', async (_name, hot, options, reason) => {
    const { io, socket, respond, lines, server } = await request();
    const ranges = [0, 1, 2].map(() => new CountedRange(fakeFile({ mostARead: 65536, ...options }), 0, 600_000, hot));
    respond([answer(1), ...ranges]);
    await finish(io);
    expect(lines).toContain(`WARN Closed the connection from 10.0.0.2 to PLAINTEXT: ${reason}.`);
    expect(socket.destroyed).toBe(true);
    expect(ranges.map(({ releases }) => releases)).toEqual([1, 1, 1]);
    expect(server.usage).toMatchObject({ connections: 0, pooledBytes: 0 });
  });

  test('for 500 readers that do not read cost little memory, and each of them gets all when it reads again', async () => {
    const { io, server } = await serve({
      handle: (incoming) => {
        const hot = incoming.context.header.correlationId % 2 === 0;
        const range = new CountedRange(file, 0, 50 * MiB, hot);
        ranges.push(range);
        incoming.respond([answer(1), range]);
      },
    });
    // The bytes themselves do not matter here.
    const file = { ...fakeFile(), readSync: (_target: Uint8Array, _offset: number, length: number) => length };
    file.read = async (target, offset, length) => file.readSync(target, offset, length);
    const ranges: CountedRange[] = [];
    const sockets = Array.from({ length: 500 }, () => io.connect(port));
    for (const [index, socket] of sockets.entries()) {
      socket.kernelRoom = 100_000;
      socket.receive(frameOf(1, 4, index));
    }
    await finish(io);
    expect(sockets.every(({ pendingBytes }) => pendingBytes > 0)).toBe(true);
    expect(server.usage.pooledBytes).toBeLessThanOrEqual(64 * MiB);
    for (const socket of [sockets[0], sockets[499]]) {
      socket.kernelRoom = 0;
      while (!ranges[sockets.indexOf(socket)].releases || socket.pendingBytes > 0) {
        socket.makeRoom(MiB);
        await settle();
        io.clock.turn();
      }
      expect(socket.sent.length).toBe(1 + 50 * MiB);
    }
    for (const socket of sockets) socket.peerResets();
    await finish(io);
    expect(ranges.every(({ releases }) => releases === 1)).toBe(true);
    expect(server.usage.pooledBytes).toBe(0);
  });
});

describe('a fair share', () => {
  test('of a turn is what a connection may send', async () => {
    const { io, requests } = await serve();
    const bulk = io.connect(port);
    bulk.receive(frameOf(1, 4, 1));
    requests[0].respond([new CountedRange(fakeFile(), 0, 5 * MiB, true)]);
    const first = bulk.sent.length;
    expect(first).toBeGreaterThanOrEqual(MiB);
    expect(first).toBeLessThan(2 * MiB);
    io.connect(port).receive(frameOf(3, 1, 1));
    expect(requests.length).toBe(2);
    expect(bulk.sent.length).toBe(first);
    io.clock.turn();
    expect(bulk.sent.length).toBeLessThan(first + 2 * MiB);
    while (io.clock.turn());
    expect(bulk.sent.length).toBe(5 * MiB);
    expect(bulk.sent[3_000_000]).toBe(byteAt(3_000_000));
  });

  test('of a turn is what a connection may have received: it is paused until the turn ends', async () => {
    let handled = 0;
    const { io } = await serve({
      handle: (request) => {
        handled += request.body.length;
        request.respond([answer(1)]);
      },
    });
    const stream = Buffer.concat(Array.from({ length: 64 }, (_, id) => frameOf(0, 3, id, Buffer.alloc(100_000))));
    // As libuv reads: until the socket is paused.
    const readAll = (socket: FakeSocket, from: number): number => {
      while (!socket.paused && from < stream.length) {
        socket.receive(stream.subarray(from, from + 64 * KiB));
        from += 64 * KiB;
      }
      return from;
    };
    const bulk = io.connect(port);
    expect(readAll(bulk, 0)).toBe(MiB);
    expect(handled).toBeLessThanOrEqual(MiB);
    io.clock.turn();
    expect(bulk.paused).toBe(false);
    // With 20 of them, each gets the least share.
    const others = Array.from({ length: 20 }, () => io.connect(port));
    others.forEach((socket) => readAll(socket, 0));
    io.clock.turn();
    const before = handled;
    for (const socket of others) expect(readAll(socket, 2 * MiB) - 2 * MiB).toBe(64 * KiB);
    expect(handled - before).toBeLessThanOrEqual(21 * 100_000);
  });

  test('of a turn is so many small requests; the rest waits in order, and is not lost', async () => {
    const handled: number[] = [];
    const { io } = await serve({
      handle: (request) => {
        handled.push(request.context.header.correlationId);
        request.respond([answer(1)]);
      },
    });
    const socket = io.connect(port);
    socket.receive(Buffer.concat(Array.from({ length: 2000 }, (_, id) => frameOf(3, 1, id))));
    expect(handled.length).toBeGreaterThan(10);
    expect(handled.length).toBeLessThan(300);
    expect(socket.paused).toBe(true);
    const first = handled.length;
    io.clock.turn();
    expect(handled.length).toBeLessThan(first + 300);
    while (io.clock.turn());
    expect(handled).toEqual(Array.from({ length: 2000 }, (_, id) => id));
    expect(socket.sent.length).toBe(2000);
    expect(socket.paused).toBe(false);
  });

  test('does not cost a lone small request a turn of the loop', async () => {
    const { io, requests } = await serve();
    io.connect(port).receive(frameOf(3, 1, 1));
    requests[0].respond([answer(1, 1000)]);
    expect(io.clock.turn()).toBe(false);
  });
});

test('requests wait when those before them have taken queued.max.request.bytes', async () => {
  const { io, requests, server } = await serve({ queuedMaxRequestBytes: 30_000 });
  const sockets = Array.from({ length: 5 }, () => io.connect(port));
  for (const socket of sockets) socket.receive(frameOf(0, 3, 1, Buffer.alloc(16_000)));
  expect(requests.length).toBe(2);
  expect(server.usage.requestBytes).toBe(2 * 16_384);
  expect(sockets.map(({ paused }) => paused)).toEqual([false, false, true, true, true]);
  sockets[2].peerResets();
  await settle();
  requests[0].respondNothing();
  requests[1].respondNothing();
  expect(requests.length).toBe(2);
  io.clock.turn();
  expect(requests.length).toBe(4);
  requests[2].respondNothing();
  requests[3].respondNothing();
  expect(sockets.slice(3).map(({ paused }) => paused)).toEqual([false, false]);
  expect(server.usage).toMatchObject({ requestBytes: 0, pooledBytes: 0 });
});

describe('limits', () => {
  test('connections.max.idle.ms closes the longest idle first, and none that we owe an answer', async () => {
    const { io, requests, lines, server } = await serve({ connectionsMaxIdleMs: 1000 });
    const [idle, active, busy] = [1, 2, 3].map((last) => io.connect(port, new FakeSocket(`10.0.0.${last}`)));
    io.clock.advance(600);
    active.receive(frameOf(3, 1, 1));
    requests[0].respond([answer(1)]);
    busy.receive(frameOf(3, 1, 2));
    io.clock.advance(399);
    expect(idle.destroyed).toBe(false);
    io.clock.advance(1);
    expect(idle.destroyed).toBe(true);
    expect(lines.at(-1)).toBe(
      'INFO Closed the connection from 10.0.0.1 to PLAINTEXT: idle for 1000 ms, connections.max.idle.ms=1000.',
    );
    io.clock.advance(599);
    expect(active.destroyed).toBe(false);
    io.clock.advance(1);
    expect(active.destroyed).toBe(true);
    io.clock.advance(10_000);
    expect(busy.destroyed).toBe(false);
    requests[1].respond([answer(1)]);
    io.clock.advance(999);
    expect(busy.destroyed).toBe(false);
    io.clock.advance(1);
    expect(busy.destroyed).toBe(true);
    await settle();
    expect(server.usage.connections).toBe(0);
    expect(server.metrics.ofListener('PLAINTEXT').expiredConnectionsKilledCount).toBe(3);
  });

  test('a client that does not take its answer is idle', async () => {
    const { io, requests } = await serve({ connectionsMaxIdleMs: 1000 });
    const socket = io.connect(port);
    socket.kernelRoom = 1000;
    socket.receive(frameOf(1, 4, 1));
    const range = new CountedRange(fakeFile(), 0, 600_000, true);
    requests[0].respond([range]);
    io.clock.advance(900);
    socket.makeRoom(600_000 - 1000 - 1);
    io.clock.advance(900);
    expect(socket.destroyed).toBe(false);
    io.clock.advance(100);
    expect(socket.destroyed).toBe(true);
    await settle();
    expect(range.releases).toBe(1);
  });

  test('max.connections.per.ip, with its overrides, refuses what is too many', async () => {
    const { io, lines } = await serve({
      maxConnectionsPerIp: 2,
      maxConnectionsPerIpOverrides: new Map([['10.0.0.9', 1]]),
    });
    const [first, second, third] = [1, 2, 3].map(() => io.connect(port));
    expect([first, second, third].map(({ destroyed }) => destroyed)).toEqual([false, false, true]);
    expect(lines.at(-1)).toBe('INFO Rejected a connection from 10.0.0.2 to PLAINTEXT: it has 2 connections already.');
    const other = io.connect(port, new FakeSocket('10.0.0.9'));
    expect(other.destroyed).toBe(false);
    expect(io.connect(port, new FakeSocket('10.0.0.9')).destroyed).toBe(true);
    first.peerResets();
    await settle();
    expect(io.connect(port).destroyed).toBe(false);
  });

  test('max.connections lets the next ones wait, a few of them', async () => {
    const { io, server } = await serve({ maxConnections: 2, socketListenBacklogSize: 1 });
    const [first, , third, fourth] = [1, 2, 3, 4].map(() => io.connect(port));
    expect(third.opened).toBe(false);
    expect(third.destroyed).toBe(false);
    expect(fourth.destroyed).toBe(true);
    expect(server.usage).toMatchObject({ connections: 2, waitingConnections: 1 });
    first.peerResets();
    await settle();
    expect(third.opened).toBe(true);
    expect(server.usage).toMatchObject({ connections: 2, waitingConnections: 0 });
  });

  test('max.connections does not keep other brokers out', async () => {
    const { io } = await serve({
      maxConnections: 2,
      interBrokerListenerName: 'REPLICATION',
      endPoints: [
        { listenerName: 'PLAINTEXT', host: null, port, securityProtocol: 'PLAINTEXT' },
        { listenerName: 'REPLICATION', host: null, port: 9093, securityProtocol: 'PLAINTEXT' },
      ],
    });
    const [client, newer] = [io.connect(port), io.connect(port)];
    const broker = io.connect(9093);
    expect([client, newer, broker].map(({ destroyed }) => destroyed)).toEqual([true, false, false]);
    expect(broker.opened).toBe(true);
    await settle();
    const another = io.connect(9093);
    expect(newer.destroyed).toBe(true);
    expect(another.opened).toBe(true);
    await settle();
    expect(io.connect(9093).opened).toBe(false);
  });
});

test('metrics count requests, bytes and connections', async () => {
  const { io, server, requests } = await serve();
  const socket = io.connect(port);
  const bytes = frameOf(3, 1, 1);
  socket.receive(bytes);
  io.clock.advance(3);
  requests[0].respond([answer(1, 10)]);
  expect(server.metrics.ofApi(3)).toMatchObject({ count: 1, totalTimeMs: 3 });
  expect(server.metrics.ofListener('PLAINTEXT')).toMatchObject({
    incomingByteTotal: bytes.length,
    outgoingByteTotal: 10,
    connectionCount: 1,
    connectionCreationTotal: 1,
    connectionCloseTotal: 0,
  });
  const closing = server.close();
  await settle();
  expect(socket).toMatchObject({ endedBySelf: true, destroyed: false });
  // This peer does not end its side.
  io.clock.advance(500);
  await closing;
  expect(socket.destroyed).toBe(true);
  expect(server.metrics.ofListener('PLAINTEXT')).toMatchObject({ connectionCount: 0, connectionCloseTotal: 1 });
});
