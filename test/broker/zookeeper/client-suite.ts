import { afterEach, describe, expect, it } from 'vitest';
import { nodeIo } from '../../../broker/src/io/node/index';
import { silentLogger } from '../../../broker/src/logging/logger';
import { ZooKeeperClient, type ZooKeeperClientOptions } from '../../../broker/src/zookeeper/client';
import { KeeperException } from '../../../broker/src/zookeeper/keeper-exception';
import {
  checkOp,
  createOp,
  deleteOp,
  getChildrenOp,
  getDataOp,
  MultiException,
  setDataOp,
} from '../../../broker/src/zookeeper/multi-ops';
import {
  CreateMode,
  creatorAllAcl,
  EventType,
  KeeperCode,
  openAcl,
  Perms,
  readAcl,
} from '../../../broker/src/zookeeper/requests';
import type { SessionState } from '../../../broker/src/zookeeper/session';
import type { WatchedEvent } from '../../../broker/src/zookeeper/watches';
import { endSession } from './end-session';

const io = nodeIo();
// A suite may run several times on one server.
let roots = 0;

/** What the client does with a server that works: the same with ours and with Apache's (multiRead came with 3.6). */
export function clientSuite(connectString: () => string, { multiRead = true } = {}): void {
  const clients: ZooKeeperClient[] = [];

  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.close()));
  });

  /** A client; with the same root it sees the same znodes. */
  async function connected(
    root?: string,
    options: Partial<ZooKeeperClientOptions> = {},
  ): Promise<{ client: ZooKeeperClient; root: string }> {
    const chroot = root ?? `/suite-${process.pid}-${roots++}`;
    const client = new ZooKeeperClient(io, silentLogger, {
      connectString: `${connectString()}${chroot}`,
      sessionTimeoutMs: 20_000,
      connectionTimeoutMs: 20_000,
      ...options,
    });
    clients.push(client);
    await client.connect();
    if (options.auth === undefined) await client.createChroot();
    return { client, root: chroot };
  }

  function failure(operation: Promise<unknown>): Promise<unknown> {
    return operation.then(
      (value) => value,
      (error: unknown) => (error instanceof KeeperException ? { code: error.code, path: error.path } : error),
    );
  }

  function nextEvent(): { readonly watcher: (event: WatchedEvent) => void; readonly event: Promise<WatchedEvent> } {
    let watcher!: (event: WatchedEvent) => void;
    const event = new Promise<WatchedEvent>((resolve) => (watcher = resolve));
    return { watcher, event };
  }

  function stateOf(client: ZooKeeperClient, wanted: SessionState): Promise<void> {
    if (client.state === wanted) return Promise.resolve();
    return new Promise((resolve) => client.onState((state) => state === wanted && resolve()));
  }

  describe('znodes', () => {
    it('are created in every mode', async () => {
      const { client } = await connected();
      expect(await client.create('/a', Buffer.from('x'))).toBe('/a');
      expect(await client.create('/a/e', null, { mode: CreateMode.ephemeral })).toBe('/a/e');
      expect((await client.exists('/a/e'))?.ephemeralOwner).toBe(client.sessionId);
      expect(await client.create('/a/s-', null, { mode: CreateMode.persistentSequential })).toMatch(/^\/a\/s-\d{10}$/);
      expect(await client.create('/a/', null, { mode: CreateMode.ephemeralSequential })).toMatch(/^\/a\/\d{10}$/);
      const { path, stat } = await client.create2('/b', Buffer.from('four'));
      expect(path).toBe('/b');
      expect(stat).toMatchObject({ version: 0, ephemeralOwner: 0n, dataLength: 4, numChildren: 0 });
      expect(stat.czxid).toBe(stat.mzxid);
      expect(Math.abs(stat.ctime - Date.now())).toBeLessThan(3_600_000);
      expect(client.lastZxid).toBeGreaterThanOrEqual(stat.czxid);
    });

    it('tell no data from empty data', async () => {
      const { client } = await connected();
      await client.create('/null', null);
      await client.create('/empty', Buffer.alloc(0));
      expect((await client.getData('/null')).data).toBeNull();
      expect((await client.getData('/empty')).data).toEqual(Buffer.alloc(0));
    });

    it('are read, written and deleted at their version', async () => {
      const { client } = await connected();
      await client.create('/a', Buffer.from('0'));
      expect((await client.setData('/a', Buffer.from('1'), 0)).version).toBe(1);
      expect((await client.setData('/a', Buffer.from('2'))).version).toBe(2);
      const { data, stat } = await client.getData('/a');
      expect(data).toEqual(Buffer.from('2'));
      expect(stat).toEqual(await client.exists('/a'));
      await client.create('/a/b', null);
      await client.create('/a/c', null);
      expect([...(await client.getChildren('/a'))].sort()).toEqual(['b', 'c']);
      const children = await client.getChildren2('/a');
      expect([...children.children].sort()).toEqual(['b', 'c']);
      expect(children.stat).toMatchObject({ numChildren: 2, cversion: 2, version: 2 });
      await client.delete('/a/b', 0);
      await client.delete('/a/c');
      await client.delete('/a', 2);
      expect(await client.exists('/a')).toBeUndefined();
      await client.sync('/');
    });

    it('fail with the code and the path as the caller wrote it', async () => {
      const { client } = await connected();
      await client.create('/a', null);
      await client.create('/a/b', null);
      await client.create('/e', null, { mode: CreateMode.ephemeral });
      expect(await failure(client.create('/a', null))).toEqual({ code: KeeperCode.NODEEXISTS, path: '/a' });
      expect(await failure(client.create('/x/y', null))).toEqual({ code: KeeperCode.NONODE, path: '/x/y' });
      expect(await failure(client.getData('/x'))).toEqual({ code: KeeperCode.NONODE, path: '/x' });
      expect(await failure(client.getChildren('/x'))).toEqual({ code: KeeperCode.NONODE, path: '/x' });
      expect(await failure(client.delete('/a'))).toEqual({ code: KeeperCode.NOTEMPTY, path: '/a' });
      expect(await failure(client.delete('/a/b', 4))).toEqual({ code: KeeperCode.BADVERSION, path: '/a/b' });
      expect(await failure(client.setData('/a', null, 4))).toEqual({ code: KeeperCode.BADVERSION, path: '/a' });
      expect(await failure(client.create('/e/x', null))).toEqual({
        code: KeeperCode.NOCHILDRENFOREPHEMERALS,
        path: '/e/x',
      });
      expect(await failure(client.create('/acl', null, { acl: [] }))).toEqual({
        code: KeeperCode.INVALIDACL,
        path: '/acl',
      });
    });

    it('may be nearly as large as jute.maxbuffer', async () => {
      const { client } = await connected();
      const data = Buffer.alloc(1_000_000, 'ab');
      await client.create('/large', data);
      expect((await client.getData('/large')).data?.equals(data)).toBe(true);
    });

    it('are written in the order in which they were asked for, a thousand at once', async () => {
      const { client } = await connected();
      await client.create('/n', null);
      const stats = await Promise.all(
        Array.from({ length: 1000 }, (_, i) => client.setData('/n', Buffer.from(String(i)), i)),
      );
      expect(stats.map((stat) => stat.version)).toEqual(Array.from({ length: 1000 }, (_, i) => i + 1));
    });

    it('of a session go with it', async () => {
      const { client, root } = await connected();
      const { client: other } = await connected(root);
      await client.create('/e', null, { mode: CreateMode.ephemeral });
      const gone = nextEvent();
      await other.exists('/e', gone.watcher);
      await client.close();
      expect(await gone.event).toEqual({ type: EventType.nodeDeleted, path: '/e' });
    });
  });

  describe('access control', () => {
    it('is read and set at its version', async () => {
      const { client } = await connected();
      await client.create('/a', null);
      expect((await client.getACL('/a')).acl).toEqual(openAcl);
      const acl = [...openAcl, { perms: Perms.read, id: { scheme: 'ip', id: '10.0.0.1' } }];
      expect((await client.setACL('/a', acl, 0)).aversion).toBe(1);
      expect((await client.getACL('/a')).acl).toEqual(acl);
      expect(await failure(client.setACL('/a', openAcl, 0))).toEqual({ code: KeeperCode.BADVERSION, path: '/a' });
    });

    it('knows who has given a password, from the first or later', async () => {
      const { client: plain, root } = await connected();
      const auth = [{ scheme: 'digest', auth: Buffer.from('kafka:secret') }];
      const { client: known } = await connected(root, { auth });
      await known.create('/mine', Buffer.from('x'), { acl: [...creatorAllAcl, ...readAcl] });
      await known.create('/secret', Buffer.from('y'), { acl: creatorAllAcl });
      expect((await plain.getData('/mine')).data).toEqual(Buffer.from('x'));
      expect(await failure(plain.setData('/mine', null))).toEqual({ code: KeeperCode.NOAUTH, path: '/mine' });
      expect(await failure(plain.getData('/secret'))).toEqual({ code: KeeperCode.NOAUTH, path: '/secret' });
      await plain.addAuth('digest', 'kafka:secret');
      expect((await plain.getData('/secret')).data).toEqual(Buffer.from('y'));
    });

    it('ends the session on a scheme that the server does not have', async () => {
      const { client } = await connected();
      expect(await failure(client.addAuth('nonsense', 'x'))).toMatchObject({ code: KeeperCode.AUTHFAILED });
      expect(client.state).toBe('authFailed');
    });
  });

  describe('a multi', () => {
    it('does everything, and gives a result for each', async () => {
      const { client } = await connected();
      await client.create('/a', Buffer.from('0'));
      const [checked, created, sequential, set, deleted] = await client.multi([
        checkOp('/a', 0),
        createOp('/b', Buffer.from('1')),
        createOp('/b/s', null, { mode: CreateMode.persistentSequential }),
        setDataOp('/a', Buffer.from('2'), 0),
        deleteOp('/b/s0000000000'),
      ]);
      expect(checked).toBeNull();
      expect(created.path).toBe('/b');
      expect(sequential.path).toBe('/b/s0000000000');
      expect(set.stat).toMatchObject({ version: 1, dataLength: 1 });
      expect(deleted).toBeNull();
      expect(await client.getChildren('/b')).toEqual([]);
    });

    it('does nothing when an operation fails, and names it', async () => {
      const { client } = await connected();
      await client.create('/a', null);
      const multi = client.multi([createOp('/b', null), setDataOp('/a', null, 5), deleteOp('/nowhere')]);
      const error = await multi.then(
        () => undefined,
        (error: unknown) => error,
      );
      expect(error).toBeInstanceOf(MultiException);
      expect(error).toMatchObject({ code: KeeperCode.BADVERSION, index: 1, path: '/a' });
      expect(await client.exists('/b')).toBeUndefined();
      await expect(client.multi([checkOp('/nowhere', 0)])).rejects.toMatchObject({ code: KeeperCode.NONODE, index: 0 });
    });

    if (multiRead)
      it('that reads gives each its own outcome', async () => {
        const { client } = await connected();
        await client.create('/a', Buffer.from('x'));
        await client.create('/a/b', null);
        const [data, missing, children] = await client.multiRead([
          getDataOp('/a'),
          getDataOp('/x'),
          getChildrenOp('/a'),
        ]);
        expect(data).toMatchObject({ data: Buffer.from('x'), stat: { numChildren: 1 } });
        expect(missing).toMatchObject({ code: KeeperCode.NONODE, path: '/x' });
        expect(children).toEqual({ children: ['b'] });
      });
  });

  describe('watches', () => {
    it('tell of what was read, once', async () => {
      const { client, root } = await connected();
      const { client: other } = await connected(root);
      await client.create('/a', null);
      const [data, children, created, deleted] = [nextEvent(), nextEvent(), nextEvent(), nextEvent()];
      await client.getData('/a', data.watcher);
      await client.getChildren('/a', children.watcher);
      expect(await client.exists('/b', created.watcher)).toBeUndefined();
      await other.setData('/a', Buffer.from('x'));
      await other.create('/a/c', null);
      await other.create('/b', null);
      expect(await data.event).toEqual({ type: EventType.nodeDataChanged, path: '/a' });
      expect(await children.event).toEqual({ type: EventType.nodeChildrenChanged, path: '/a' });
      expect(await created.event).toEqual({ type: EventType.nodeCreated, path: '/b' });
      await client.exists('/b', deleted.watcher);
      await other.delete('/b');
      expect(await deleted.event).toEqual({ type: EventType.nodeDeleted, path: '/b' });
    });

    it('are told before what has changed can be read', async () => {
      const { client, root } = await connected();
      const { client: other } = await connected(root);
      await client.create('/a', Buffer.from('0'));
      for (let i = 1; i <= 50; i++) {
        let told = false;
        await client.getData('/a', () => (told = true));
        const writing = other.setData('/a', Buffer.from(String(i)));
        for (;;) {
          const { data } = await client.getData('/a');
          if (data?.toString() !== String(i)) continue;
          expect(told).toBe(true);
          break;
        }
        await writing;
      }
    });
  });

  describe('a session', () => {
    it('that has ended is noticed, and a new one can begin', async () => {
      const { client } = await connected();
      const old = client.sessionId;
      await client.create('/e', null, { mode: CreateMode.ephemeral });
      const expired = stateOf(client, 'expired');
      await endSession(io, connectString(), client);
      await expired;
      expect(await failure(client.getData('/e'))).toMatchObject({ code: KeeperCode.SESSIONEXPIRED });
      client.reconnectAsNewSession();
      await client.waitUntilConnected();
      expect(client.sessionId).not.toBe(old);
      expect(await client.exists('/e')).toBeUndefined();
    });

    it('has a deadline that requests move on', async () => {
      const { client } = await connected();
      const first = client.sessionDeadlineMs;
      expect(first - io.clock.monotonicMs()).toBeLessThanOrEqual(client.negotiatedTimeoutMs);
      const before = io.clock.monotonicMs();
      await client.exists('/');
      expect(client.sessionDeadlineMs).toBeGreaterThanOrEqual(before + client.negotiatedTimeoutMs);
    });
  });

  it('a chroot is made of several names, and znodes outside it are not seen', async () => {
    const deep = `/deep-${process.pid}-${roots++}`;
    const { client } = await connected(`${deep}/er/est`);
    await client.create('/a', null);
    expect(await client.getChildren('/')).toEqual(['a']);
    await client.createChroot();
    const { client: above } = await connected(deep);
    expect(await above.getChildren('/er/est')).toEqual(['a']);
  });
}
