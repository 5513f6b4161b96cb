import { afterAll, describe, expect, it } from 'vitest';
import type { Files, OpenFile } from '../../../../broker/src/io/files';
import type { Io } from '../../../../broker/src/io/io';
import type { Network } from '../../../../broker/src/io/network';
import { nodeIo } from '../../../../broker/src/io/node/index';
import { silentLogger } from '../../../../broker/src/logging/logger';
import { CreateMode } from '../../../../broker/src/zookeeper/requests';
import { ZooKeeperServer } from '../../../../broker/src/zookeeper/server/zookeeper-server';
import { Directories } from './harness';
import { RawClient } from './raw-client';

const directories = new Directories();
afterAll(() => directories.remove());

/** Files whose logs sync when the test says so, and whose writes fail when it says so. */
function heldIo() {
  const real = nodeIo();
  const state = { syncs: 0, hold: false, fail: false, release: () => {} };
  const wrap = (file: OpenFile): OpenFile =>
    new Proxy(file, {
      get(target, name: keyof OpenFile) {
        if (name === 'sync') {
          return async () => {
            state.syncs++;
            if (state.hold) await new Promise<void>((resolve) => (state.release = resolve));
            await target.sync();
          };
        }
        if (name === 'writeSync' && state.fail) {
          return () => {
            throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
          };
        }
        const value = target[name] as unknown;
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  const files: Files = new Proxy(real.files, {
    get(target, name: keyof Files) {
      if (name === 'open') {
        return async (...args: Parameters<Files['open']>) => {
          const file = await target.open(...args);
          return /\/log\.[0-9a-f]+$/.test(args[0]) ? wrap(file) : file;
        };
      }
      return (target[name] as (...args: unknown[]) => unknown).bind(target);
    },
  });
  return { io: { ...real, files } satisfies Io, state };
}

/** Counts what comes over accepted connections. */
function countingNetwork(real: Network) {
  const taken = { bytes: 0 };
  const network: Network = {
    connect: (options) => real.connect(options),
    serveHttp: (options, handler) => real.serveHttp(options, handler),
    hostname: () => real.hostname(),
    listen: (options, accept) =>
      real.listen(options, (socket) => {
        const handle = socket.handle.bind(socket);
        socket.handle = (handler) =>
          handle({
            data: (bytes) => {
              taken.bytes += bytes.length;
              handler.data(bytes);
            },
            drained: () => handler.drained(),
            ended: () => handler.ended(),
            closed: (error) => handler.closed(error),
          });
        accept(socket);
      }),
  };
  return { network, taken };
}

const turn = () => new Promise<void>((resolve) => nodeIo().clock.timer(20, resolve));

describe('with forceSync', () => {
  it('tells nobody of a change before it is on stable storage', async () => {
    const { io, state } = heldIo();
    const server = await ZooKeeperServer.start(io, silentLogger, { dataDir: directories.next() });
    const writer = await RawClient.connect(server.port);
    const reader = await RawClient.connect(server.port);
    await reader.exists('/a', true).catch(() => {});
    state.hold = true;
    let written = false;
    let seen = false;
    const write = writer.create('/a', 'x').then(() => (written = true));
    await turn();
    const read = reader.getData('/a').then(() => (seen = true));
    await turn();
    expect([written, seen, reader.events.length]).toEqual([false, false, 0]);
    state.hold = false;
    state.release();
    await Promise.all([write, read]);
    expect(reader.events).toHaveLength(1);
    await server.close();
  });

  it('syncs once for all that came in a turn', async () => {
    const { io, state } = heldIo();
    const server = await ZooKeeperServer.start(io, silentLogger, { dataDir: directories.next() });
    const client = await RawClient.connect(server.port);
    await client.create('/a');
    const before = state.syncs;
    await Promise.all(Array.from({ length: 1000 }, (_, i) => client.setData('/a', String(i))));
    expect(state.syncs - before).toBeLessThan(50);
    await server.close();
  });

  it('stops when the log cannot be written, without having told of what is lost', async () => {
    const { io, state } = heldIo();
    const dataDir = directories.next();
    let failed: (error: Error) => void = () => {};
    const failure = new Promise<Error>((resolve) => (failed = resolve));
    const server = await ZooKeeperServer.start(io, silentLogger, { dataDir, onFailure: (error) => failed(error) });
    const client = await RawClient.connect(server.port);
    await client.create('/a', 'x');
    state.fail = true;
    await expect(client.create('/b')).rejects.toThrow('closed');
    expect((await failure).message).toContain('ENOSPC');
    const again = await ZooKeeperServer.start(nodeIo(), silentLogger, { dataDir });
    const reader = await RawClient.connect(again.port);
    expect((await reader.children('/')).children.toSorted()).toEqual(['a', 'zookeeper']);
    await again.close();
  });

  it('reads no more than it can keep while the disk hangs', async () => {
    const { io, state } = heldIo();
    const { network, taken } = countingNetwork(io.network);
    const server = await ZooKeeperServer.start({ ...io, network }, silentLogger, { dataDir: directories.next() });
    const client = await RawClient.connect(server.port);
    await client.create('/a');
    state.hold = true;
    const data = 'x'.repeat(900_000);
    const writes = Array.from({ length: 80 }, () => client.setData('/a', data));
    // Until it takes no more; without a limit that were all.
    for (let still = 0, before = -1; still < 5; await turn()) {
      still = taken.bytes === before && before > 1_000_000 ? still + 1 : 0;
      before = taken.bytes;
    }
    expect(taken.bytes).toBeLessThan(40_000_000);
    state.hold = false;
    state.release();
    expect((await Promise.all(writes)).at(-1)!.version).toBe(80);
    await server.close();
  });
});

it.each([true, false])('keeps sessions and their ephemerals over a restart (forceSync %s)', async (forceSync) => {
  const dataDir = directories.next();
  const first = await ZooKeeperServer.start(nodeIo(), silentLogger, { dataDir, forceSync });
  const client = await RawClient.connect(first.port);
  await client.create('/e', 'x', CreateMode.ephemeral);
  await first.close();
  const second = await ZooKeeperServer.start(nodeIo(), silentLogger, { dataDir, forceSync });
  const { sessionId, passwd } = client.session;
  const again = await RawClient.connect(second.port, { sessionId, passwd });
  expect(again.session).toMatchObject({ sessionId, timeOut: 10_000 });
  expect((await again.getData('/e')).stat.ephemeralOwner).toBe(sessionId);
  const other = await RawClient.connect(second.port);
  expect(other.session.sessionId).toBeGreaterThan(sessionId);
  await again.closeSession();
  await expect(other.exists('/e')).rejects.toThrow('-101');
  await second.close();
});

it('expires a session of before a restart whose client does not come back', async () => {
  const dataDir = directories.next();
  const first = await ZooKeeperServer.start(nodeIo(), silentLogger, { dataDir, tickTime: 50 });
  const client = await RawClient.connect(first.port, { timeOut: 100 });
  await client.create('/e', 'x', CreateMode.ephemeral);
  await first.close();
  const second = await ZooKeeperServer.start(nodeIo(), silentLogger, { dataDir, tickTime: 50 });
  const other = await RawClient.connect(second.port, { timeOut: 1000 });
  const { children } = await other.children('/', true);
  while (children.includes('e') && other.events.length === 0) await other.children('/');
  expect((await other.children('/')).children).toEqual(['zookeeper']);
  await second.close();
});
