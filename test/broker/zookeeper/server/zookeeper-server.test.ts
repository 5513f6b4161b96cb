import { afterEach, describe, expect, it } from 'vitest';
import { nodeIo } from '../../../../broker/src/io/node/index';
import { silentLogger } from '../../../../broker/src/logging/logger';
import { MultiReadRequest, MultiResponse } from '../../../../broker/src/zookeeper/multi';
import {
  AddWatchMode,
  AddWatchRequest,
  AuthPacket,
  CheckVersionRequest,
  CheckWatchesRequest,
  Create2Response,
  CreateMode,
  creatorAllAcl,
  CreateRequest,
  CreateTTLRequest,
  DeleteContainerRequest,
  EventType,
  GetACLRequest,
  GetACLResponse,
  GetAllChildrenNumberRequest,
  GetAllChildrenNumberResponse,
  GetDataRequest,
  GetSASLRequest,
  GetEphemeralsRequest,
  GetEphemeralsResponse,
  KeeperCode,
  openAcl,
  OpCode,
  Perms,
  readAcl,
  ReconfigRequest,
  RemoveWatchesRequest,
  RequestHeader,
  SetACLRequest,
  SetACLResponse,
  SetWatches2Request,
  SetWatchesRequest,
  SyncRequest,
  SyncResponse,
  WatcherType,
  WhoAmIResponse,
  type Acl,
} from '../../../../broker/src/zookeeper/requests';
import { ZooKeeperServer, type ZooKeeperServerOptions } from '../../../../broker/src/zookeeper/server/zookeeper-server';
import { checkOk, ok, RawClient, word } from './raw-client';

const io = nodeIo();
const open: { close(): Promise<void> }[] = [];

afterEach(async () => {
  for (const server of open.splice(0)) await server.close();
});

async function start(options: ZooKeeperServerOptions = {}): Promise<ZooKeeperServer> {
  const server = await ZooKeeperServer.start(io, silentLogger, options);
  open.push(server);
  return server;
}

async function started(options: ZooKeeperServerOptions = {}): Promise<{ server: ZooKeeperServer; client: RawClient }> {
  const server = await start(options);
  return { server, client: await RawClient.connect(server.port) };
}

const result = (err: number) => expect.objectContaining({ err });

describe('znodes', () => {
  it('creates, reads, changes and deletes', async () => {
    const { client } = await started();
    expect(await client.create('/a', 'one')).toBe('/a');
    const before = await client.getData('/a');
    expect(before).toMatchObject({
      data: 'one',
      stat: { version: 0, dataLength: 3, numChildren: 0, ephemeralOwner: 0n },
    });
    expect(before.stat.czxid).toBe(before.stat.mzxid);
    expect(before.stat.pzxid).toBe(before.stat.czxid);
    const after = await client.setData('/a', 'three', 0);
    expect(after).toMatchObject({ version: 1, dataLength: 5, czxid: before.stat.czxid });
    expect(after.mzxid).toBeGreaterThan(before.stat.mzxid);
    await client.delete('/a', 1);
    await expect(client.exists('/a')).rejects.toEqual(result(KeeperCode.NONODE));
  });

  it('keeps null data apart from empty data', async () => {
    const { client } = await started();
    await client.create('/null', null);
    await client.create('/empty', '');
    expect((await client.getData('/null')).data).toBeNull();
    expect((await client.getData('/empty')).data).toBe('');
  });

  it('counts the changes of the children, with deletions', async () => {
    const { client } = await started();
    await client.create('/p');
    await client.create('/p/a');
    await client.create('/p/b');
    await client.delete('/p/a');
    const { children, stat } = await client.children('/p');
    expect(children).toEqual(['b']);
    expect(stat).toMatchObject({ cversion: 3, numChildren: 1, version: 0 });
    expect(stat.pzxid).toBeGreaterThan(stat.mzxid);
  });

  it('numbers sequential names by the children ever created, also below a path that ends with a slash', async () => {
    const { client } = await started();
    await client.create('/p');
    await client.create('/p/plain');
    expect(await client.create('/p/s-', '', CreateMode.persistentSequential)).toBe('/p/s-0000000001');
    await client.delete('/p/s-0000000001');
    expect(await client.create('/p/', '', CreateMode.ephemeralSequential)).toBe('/p/0000000002');
  });

  it('answers with the codes of ZooKeeper', async () => {
    const { client } = await started();
    await client.create('/a', 'x');
    await client.create('/a/b');
    await client.create('/e', '', CreateMode.ephemeral);
    await expect(client.create('/a')).rejects.toEqual(result(KeeperCode.NODEEXISTS));
    await expect(client.create('/no/b')).rejects.toEqual(result(KeeperCode.NONODE));
    await expect(client.create('/e/b')).rejects.toEqual(result(KeeperCode.NOCHILDRENFOREPHEMERALS));
    await expect(client.create('/n', '', 7)).rejects.toEqual(result(KeeperCode.BADARGUMENTS));
    await expect(client.create('/n', '', 0, [])).rejects.toEqual(result(KeeperCode.INVALIDACL));
    await expect(client.delete('/a')).rejects.toEqual(result(KeeperCode.NOTEMPTY));
    await expect(client.delete('/a/b', 3)).rejects.toEqual(result(KeeperCode.BADVERSION));
    await expect(client.delete('/no')).rejects.toEqual(result(KeeperCode.NONODE));
    for (const path of ['/', '/zookeeper', '/zookeeper/quota', '/zookeeper/config', 'a', '']) {
      await expect(client.delete(path), path).rejects.toEqual(result(KeeperCode.BADARGUMENTS));
    }
    await expect(client.setData('/a', 'y', 5)).rejects.toEqual(result(KeeperCode.BADVERSION));
    await expect(client.setData('/no', 'y')).rejects.toEqual(result(KeeperCode.NONODE));
    await expect(client.getData('/no')).rejects.toEqual(result(KeeperCode.NONODE));
    await expect(client.children('/no')).rejects.toEqual(result(KeeperCode.NONODE));
    await expect(client.exists('/a\0')).rejects.toEqual(result(KeeperCode.BADARGUMENTS));
    for (const path of [
      'x',
      '',
      '//x',
      '/x/',
      '/./x',
      '/a/..',
      '/a//b',
      '/a\u0001',
      '/a\ue000',
      '/a\ufffe',
      '/a\u0085',
    ]) {
      await expect(client.create(path), path).rejects.toBeInstanceOf(Error);
      await expect(client.setData(path, ''), path).rejects.toEqual(result(KeeperCode.BADARGUMENTS));
    }
    expect(await client.create('/a/...')).toBe('/a/...');
    expect(await client.create('/ä/'.slice(0, -1))).toBe('/ä');
  });

  it('knows what is below a path, and whose ephemerals there are', async () => {
    const { client, server } = await started();
    const other = await RawClient.connect(server.port);
    await client.create('/a');
    await client.create('/a/b');
    await client.create('/a/b/c', '', CreateMode.ephemeral);
    await client.create('/z', '', CreateMode.ephemeral);
    await other.create('/a/other', '', CreateMode.ephemeral);
    const count = async (path: string) =>
      ok(
        await client.request(OpCode.getAllChildrenNumber, GetAllChildrenNumberRequest, { path }),
        GetAllChildrenNumberResponse,
      ).totalNumber;
    expect(await count('/a')).toBe(3);
    expect(await count('/')).toBe(8);
    const ephemerals = async (prefixPath: string) =>
      ok(await client.request(OpCode.getEphemerals, GetEphemeralsRequest, { prefixPath }), GetEphemeralsResponse)
        .ephemerals;
    expect(await ephemerals('/')).toEqual(['/a/b/c', '/z']);
    expect(await ephemerals('/a')).toEqual(['/a/b/c']);
    expect((await client.getData('/z')).stat.ephemeralOwner).toBe(client.session.sessionId);
  });

  it('answers sync, check, ping and reconfig', async () => {
    const { client } = await started();
    await client.create('/a');
    expect(ok(await client.request(OpCode.sync, SyncRequest, { path: '/a' }), SyncResponse).path).toBe('/a');
    checkOk(await client.request(OpCode.check, CheckVersionRequest, { path: '/a', version: 0 }));
    expect(await client.request(OpCode.check, CheckVersionRequest, { path: '/a', version: 1 })).toEqual(
      result(KeeperCode.BADVERSION),
    );
    expect(await client.request(OpCode.ping, undefined, undefined, -2)).toMatchObject({ xid: -2, err: 0 });
    const change = { joiningServers: '', leavingServers: '', newMembers: '', curConfigId: -1n };
    expect(await client.request(OpCode.reconfig, ReconfigRequest, change)).toEqual(result(KeeperCode.UNIMPLEMENTED));
    expect((await client.getData('/a')).data).toBe('');
  });
});

describe('containers and times to live', () => {
  const createTtl = async (
    client: RawClient,
    path: string,
    ttl: bigint,
    flags: number = CreateMode.persistentWithTTL,
  ) =>
    ok(
      await client.request(OpCode.createTTL, CreateTTLRequest, { path, data: null, acl: openAcl, flags, ttl }),
      Create2Response,
    );

  it('removes a container when its last child is gone, not before it had one', async () => {
    const { client } = await started({ containerCheckIntervalMs: 20 });
    for (const path of ['/used', '/unused']) {
      const value = { path, data: null, acl: openAcl, flags: CreateMode.container };
      const { stat } = ok(await client.request(OpCode.createContainer, CreateRequest, value), Create2Response);
      expect(stat.ephemeralOwner).toBe(0n);
    }
    await client.create('/used/child');
    await client.getData('/used', true);
    await client.delete('/used/child');
    await until(() => client.events.some((event) => event.type === EventType.nodeDeleted && event.path === '/used'));
    expect((await client.children('/')).children).toEqual(['zookeeper', 'unused']);
  });

  it('removes a znode whose time is over and that has no children', async () => {
    const { client } = await started({ containerCheckIntervalMs: 20 });
    await createTtl(client, '/parent', 1n);
    await client.create('/parent/child');
    expect((await createTtl(client, '/t-', 1n, CreateMode.persistentSequentialWithTTL)).path).toBe('/t-0000000001');
    await createTtl(client, '/long', 0xffffffffffn);
    await client.exists('/t-0000000001', true).catch(() => {});
    await until(async () => !(await client.children('/')).children.includes('t-0000000001'));
    expect((await client.children('/')).children).toEqual(['zookeeper', 'parent', 'long']);
  });

  it('refuses times that are none', async () => {
    const { client } = await started();
    for (const ttl of [0n, -1n, 0x10000000000n]) {
      await expect(createTtl(client, '/t', ttl)).rejects.toEqual(result(KeeperCode.BADARGUMENTS));
    }
    await expect(createTtl(client, '/t', 5n, CreateMode.persistent)).rejects.toEqual(result(KeeperCode.BADARGUMENTS));
    await expect(client.create('/t', '', CreateMode.persistentWithTTL)).rejects.toEqual(
      result(KeeperCode.BADARGUMENTS),
    );
    await client.create('/plain');
    expect(await client.request(OpCode.deleteContainer, DeleteContainerRequest, { path: '/plain' })).toEqual(
      result(KeeperCode.BADVERSION),
    );
  });
});

describe('sessions', () => {
  it('negotiates the timeout between 2 and 20 ticks', async () => {
    const { port } = await start({ tickTime: 500 });
    const timeOf = async (timeOut: number) => (await RawClient.connect(port, { timeOut })).session.timeOut;
    expect([await timeOf(1), await timeOf(5000), await timeOf(1e9)]).toEqual([1000, 5000, 10_000]);
  });

  it('lets a client attach again with its password, and takes the ephemerals away with closeSession', async () => {
    const { server, client } = await started();
    await client.create('/e', '', CreateMode.ephemeral);
    const { sessionId, passwd } = client.session;
    const again = await RawClient.connect(server.port, { sessionId, passwd });
    expect(again.session.sessionId).toBe(sessionId);
    await client.closed;
    const watcher = await RawClient.connect(server.port);
    await watcher.getData('/e', true);
    await again.closeSession();
    await watcher.request(OpCode.ping);
    expect(watcher.events).toEqual([{ type: EventType.nodeDeleted, state: 3, path: '/e' }]);
    expect((await RawClient.connect(server.port, { sessionId, passwd })).session).toMatchObject({
      sessionId: 0n,
      timeOut: 0,
    });
  });

  it('refuses a wrong password without touching the session', async () => {
    const { server, client } = await started();
    const { sessionId } = client.session;
    const thief = await RawClient.connect(server.port, { sessionId, passwd: Buffer.alloc(16, 7) });
    expect(thief.session).toMatchObject({ sessionId: 0n, timeOut: 0 });
    await thief.closed;
    expect(await client.create('/still-there')).toBe('/still-there');
  });

  it('expires a session of which nothing is heard, and keeps one that pings', async () => {
    const server = await start({ tickTime: 50 });
    const silent = await RawClient.connect(server.port, { timeOut: 100 });
    await silent.create('/silent', '', CreateMode.ephemeral);
    const alive = await RawClient.connect(server.port, { timeOut: 1000 });
    await alive.create('/alive', '', CreateMode.ephemeral);
    await alive.exists('/silent', true);
    await until(async () => {
      await alive.request(OpCode.ping);
      return alive.events.length > 0;
    });
    await silent.closed;
    expect((await alive.children('/')).children).toEqual(['zookeeper', 'alive']);
  });

  it('expires a session at once when asked', async () => {
    const { server, client } = await started();
    const other = await RawClient.connect(server.port);
    await client.create('/e', '', CreateMode.ephemeral);
    server.expireSession(client.session.sessionId);
    await client.closed;
    expect((await other.children('/')).children).toEqual(['zookeeper']);
  });

  it('gives every session an id of its own', async () => {
    const { port } = await start({ maxClientCnxns: 0 });
    const clients = await Promise.all(Array.from({ length: 100 }, () => RawClient.connect(port)));
    expect(new Set(clients.map(({ session }) => session.sessionId)).size).toBe(100);
  });

  it('closes a client that has seen more than there is', async () => {
    const { port } = await start();
    await expect(RawClient.connect(port, { lastZxidSeen: 99n })).rejects.toThrow('closed');
  });

  it('speaks with clients that know no read-only servers', async () => {
    const { port } = await start();
    const client = await RawClient.open(port);
    const answer = await client.handshake((to) => {
      to.int(0);
      to.long(0n);
      to.int(10_000);
      to.long(0n);
      to.buffer(null);
    });
    // int, int, long, 16 bytes with their length, and no boolean.
    expect(answer).toHaveLength(36);
    expect(await client.create('/a')).toBe('/a');
  });
});

describe('watches', () => {
  it('tells once of data, existence and children, before later replies', async () => {
    const { server, client } = await started();
    const other = await RawClient.connect(server.port);
    await client.create('/a');
    await client.getData('/a', true);
    await client.exists('/new', true).catch(() => {});
    await client.children('/', true);
    client.order.length = 0;
    await other.setData('/a', '1');
    await other.setData('/a', '2');
    await other.create('/new');
    await other.create('/newer');
    await client.getData('/a');
    expect(client.order.slice(0, 3)).toEqual(['3:/a', '1:/new', '4:/']);
    expect(client.order).toHaveLength(4);
  });

  it('tells who watches a deleted znode both ways only once, then the parent', async () => {
    const { client } = await started();
    await client.create('/a');
    await client.create('/a/b');
    await client.getData('/a/b', true);
    await client.children('/a/b', true);
    await client.children('/a', true);
    await client.delete('/a/b');
    expect(client.order.slice(-3)).toEqual(['2:/a/b', '4:/a', expect.any(Number)]);
  });

  it('keeps persistent watches, and recursive ones see what is below but no children events', async () => {
    const { client } = await started();
    const add = async (path: string, mode: number) =>
      checkOk(await client.request(OpCode.addWatch, AddWatchRequest, { path, mode }));
    await client.create('/p');
    await client.create('/r');
    await add('/p', AddWatchMode.persistent);
    await add('/r', AddWatchMode.persistentRecursive);
    await client.create('/p/x');
    await client.setData('/p', '1');
    await client.setData('/p', '2');
    await client.create('/r/x');
    await client.create('/r/x/y');
    await client.setData('/r/x/y', '1');
    await client.delete('/r/x/y');
    await client.create('/rest');
    expect(client.events.map(({ type, path }) => `${type}:${path}`)).toEqual([
      '4:/p',
      '3:/p',
      '3:/p',
      '1:/r/x',
      '1:/r/x/y',
      '3:/r/x/y',
      '2:/r/x/y',
    ]);
    expect(await client.request(OpCode.addWatch, AddWatchRequest, { path: '/p', mode: 2 })).toEqual(
      result(KeeperCode.MARSHALLINGERROR),
    );
  });

  it('removes and checks watches by type', async () => {
    const { client } = await started();
    await client.create('/a');
    await client.getData('/a', true);
    await client.children('/a', true);
    const check = async (type: number) =>
      (await client.request(OpCode.checkWatches, CheckWatchesRequest, { path: '/a', type })).err;
    const remove = async (type: number) =>
      (await client.request(OpCode.removeWatches, RemoveWatchesRequest, { path: '/a', type })).err;
    expect(await check(WatcherType.any)).toBe(KeeperCode.OK);
    expect(await remove(WatcherType.data)).toBe(KeeperCode.OK);
    expect(await check(WatcherType.data)).toBe(KeeperCode.NOWATCHER);
    expect(await check(WatcherType.children)).toBe(KeeperCode.OK);
    expect(await remove(WatcherType.any)).toBe(KeeperCode.OK);
    expect(await remove(WatcherType.any)).toBe(KeeperCode.NOWATCHER);
    await client.setData('/a', 'x');
    expect(client.events).toEqual([]);
  });

  it('catches up with what happened after a zxid, and re-arms the rest', async () => {
    const { client, server } = await started();
    await client.create('/same');
    await client.create('/changed');
    await client.create('/gone');
    await client.create('/grown');
    const { zxid } = await client.request(OpCode.ping);
    await client.setData('/changed', 'x');
    await client.delete('/gone');
    await client.create('/grown/x');
    await client.create('/new');
    const again = await RawClient.connect(server.port);
    checkOk(
      await again.request(
        OpCode.setWatches2,
        SetWatches2Request,
        {
          relativeZxid: zxid,
          dataWatches: ['/same', '/changed', '/gone'],
          existWatches: ['/new', '/never'],
          childWatches: ['/same', '/grown', '/gone'],
          persistentWatches: ['/p'],
          persistentRecursiveWatches: ['/r'],
        },
        -8,
      ),
    );
    expect(again.order).toEqual(['3:/changed', '2:/gone', '1:/new', '4:/grown', '2:/gone', -8]);
    again.order.length = 0;
    await client.setData('/same', 'x');
    await client.create('/same/x');
    await client.create('/never');
    await client.create('/p');
    await client.create('/r');
    await client.create('/r/x');
    await again.request(OpCode.ping);
    expect(again.order.slice(0, -1)).toEqual(['3:/same', '4:/same', '1:/never', '1:/p', '1:/r', '1:/r/x']);
    const old = { relativeZxid: zxid, dataWatches: ['/changed'], existWatches: [], childWatches: [] };
    checkOk(await client.request(OpCode.setWatches, SetWatchesRequest, old));
    expect(client.events).toHaveLength(1);
  });

  it('forgets the watches of a connection that is gone', async () => {
    const { server, client } = await started({ fourLetterWords: ['*'] });
    const other = await RawClient.connect(server.port);
    await other.children('/', true);
    expect(await word(server.port, 'mntr')).toContain('zk_watch_count\t1\n');
    await other.cut();
    await until(async () => (await word(server.port, 'mntr')).includes('zk_watch_count\t0\n'));
    await client.create('/a');
  });

  it('tells nobody of a znode that he may not read', async () => {
    const { server, client } = await started();
    const other = await RawClient.connect(server.port);
    await authenticate(client, 'digest', 'u:p');
    await other.exists('/secret', true).catch(() => {});
    await other.exists('/public', true).catch(() => {});
    await client.create('/secret', '', 0, creatorAllAcl);
    await client.create('/public');
    await other.request(OpCode.ping);
    expect(other.events.map(({ path }) => path)).toEqual(['/public']);
  });
});

describe('access control', () => {
  it('holds permissions for digest users', async () => {
    const { server, client } = await started();
    const other = await RawClient.connect(server.port);
    await authenticate(client, 'digest', 'user:secret');
    await client.create('/mine', 'x', 0, creatorAllAcl);
    const { acl } = ok(await client.request(OpCode.getACL, GetACLRequest, { path: '/mine' }), GetACLResponse);
    expect(acl).toEqual([{ perms: Perms.all, id: { scheme: 'digest', id: expect.stringMatching(/^user:.{28}$/) } }]);
    await expect(other.getData('/mine')).rejects.toEqual(result(KeeperCode.NOAUTH));
    await expect(other.exists('/mine')).rejects.toEqual(result(KeeperCode.NOAUTH));
    await expect(other.setData('/mine', 'y')).rejects.toEqual(result(KeeperCode.NOAUTH));
    await expect(other.create('/mine/x')).rejects.toEqual(result(KeeperCode.NOAUTH));
    await expect(other.children('/mine')).rejects.toEqual(result(KeeperCode.NOAUTH));
    await client.create('/mine/x');
    await expect(other.delete('/mine/x')).rejects.toEqual(result(KeeperCode.NOAUTH));
    await authenticate(other, 'digest', 'user:wrong');
    await expect(other.getData('/mine')).rejects.toEqual(result(KeeperCode.NOAUTH));
    await authenticate(other, 'digest', 'user:secret');
    expect((await other.getData('/mine')).data).toBe('x');
  });

  it('knows the hash of ZooKeeper', async () => {
    const { client } = await started();
    await authenticate(client, 'digest', 'super:admin');
    await client.create('/a', '', 0, creatorAllAcl);
    const { acl } = ok(await client.request(OpCode.getACL, GetACLRequest, { path: '/a' }), GetACLResponse);
    expect(acl[0]!.id.id).toBe('super:xQJmxLMiHGwaqBvst5y6rkB6HQs=');
  });

  it('hides hashes from those who may not administer', async () => {
    const { server, client } = await started();
    const other = await RawClient.connect(server.port);
    await client.create('/a', '', 0, [
      ...readAcl,
      { perms: Perms.all, id: { scheme: 'digest', id: 'user:hash' } },
      { perms: Perms.admin, id: { scheme: 'ip', id: '10.0.0.0/8' } },
    ]);
    const { acl } = ok(await other.request(OpCode.getACL, GetACLRequest, { path: '/a' }), GetACLResponse);
    expect(acl.map(({ id }) => id.id)).toEqual(['anyone', 'user:x', '10.0.0.0/8']);
  });

  it('matches addresses and networks', async () => {
    const { client } = await started();
    const ip = (id: string): Acl[] => [{ perms: Perms.all, id: { scheme: 'ip', id } }];
    for (const [id, err] of [
      ['127.0.0.1', KeeperCode.OK],
      ['127.0.0.0/8', KeeperCode.OK],
      ['0.0.0.0/0', KeeperCode.OK],
      ['127.0.0.2', KeeperCode.NOAUTH],
      ['128.0.0.0/1', KeeperCode.NOAUTH],
    ] as const) {
      const path = await client.create('/n', '', CreateMode.persistentSequential, ip(id));
      expect((await client.request(OpCode.getData, GetDataRequest, { path, watch: false })).err, id).toBe(err);
    }
    for (const id of ['127.0.0', '127.0.0.256', '127.0.0.1/33', 'localhost', '::1', '127.0.0.1/']) {
      await expect(client.create('/bad', '', 0, ip(id)), id).rejects.toEqual(result(KeeperCode.INVALIDACL));
    }
  });

  it('refuses lists that say nothing', async () => {
    const { client } = await started();
    const entry = (scheme: string, id: string): Acl[] => [{ perms: Perms.all, id: { scheme, id } }];
    for (const acl of [
      entry('auth', ''),
      entry('world', 'me'),
      entry('digest', 'user'),
      entry('sasl', 'kafka'),
      entry('', ''),
    ]) {
      await expect(client.create('/bad', '', 0, acl), JSON.stringify(acl)).rejects.toEqual(
        result(KeeperCode.INVALIDACL),
      );
    }
  });

  it('changes a list by its own version', async () => {
    const { client } = await started();
    await client.create('/a');
    const set = (version: number) =>
      client.request(OpCode.setACL, SetACLRequest, { path: '/a', acl: readAcl, version });
    expect(await set(1)).toEqual(result(KeeperCode.BADVERSION));
    expect(ok(await set(0), SetACLResponse).stat).toMatchObject({ aversion: 1, version: 0 });
    expect(await set(1)).toEqual(result(KeeperCode.NOAUTH));
    await expect(client.setData('/a', 'x')).rejects.toEqual(result(KeeperCode.NOAUTH));
  });

  it('says who one is', async () => {
    const { client } = await started();
    await authenticate(client, 'digest', 'me:x');
    expect(ok(await client.request(OpCode.whoAmI), WhoAmIResponse).clientInfo).toEqual([
      { authScheme: 'ip', user: '127.0.0.1' },
      { authScheme: 'digest', user: 'me' },
    ]);
  });

  it('closes the connection of a scheme that it does not know', async () => {
    const { client } = await started();
    const value = { type: 0, scheme: 'kerberos', auth: Buffer.alloc(0) };
    expect(await client.request(OpCode.auth, AuthPacket, value, -4)).toEqual(result(KeeperCode.AUTHFAILED));
    await client.closed;
  });

  it('has no SASL', async () => {
    const { client } = await started();
    expect(await client.request(OpCode.sasl, GetSASLRequest, { token: Buffer.alloc(0) })).toEqual(
      result(KeeperCode.AUTHFAILED),
    );
    await client.closed;
  });
});

describe('multi', () => {
  const create = (path: string, flags: number = CreateMode.persistent) =>
    ({ type: OpCode.create, request: { path, data: Buffer.from(path), acl: openAcl, flags } }) as const;

  it('does all operations at one zxid, each on what those before it left', async () => {
    const { client } = await started();
    const results = await client.multi([
      create('/m'),
      create('/m/s-', CreateMode.persistentSequential),
      create('/m/s-', CreateMode.persistentSequential),
      { type: OpCode.setData, request: { path: '/m', data: Buffer.from('1'), version: 0 } },
      { type: OpCode.check, request: { path: '/m', version: 1 } },
      { type: OpCode.delete, request: { path: '/m/s-0000000000', version: 0 } },
      { type: OpCode.create2, request: { path: '/m/two', data: null, acl: openAcl, flags: 0 } },
    ]);
    expect(results.map(({ type }) => type)).toEqual([1, 1, 1, 5, 13, 2, 15]);
    expect(results[2]).toMatchObject({ response: { path: '/m/s-0000000001' } });
    const { children, stat } = await client.children('/m');
    expect(children).toEqual(['s-0000000001', 'two']);
    expect(stat).toMatchObject({ version: 1, cversion: 4 });
    expect((await client.exists('/m/two')).czxid).toBe(stat.czxid);
  });

  it('does nothing when one fails, and says which', async () => {
    const { client } = await started();
    await client.create('/a');
    await client.children('/', true);
    const results = await client.multi([
      create('/b'),
      { type: OpCode.delete, request: { path: '/a', version: 9 } },
      create('/c'),
    ]);
    expect(results).toEqual([
      { type: OpCode.error, response: { err: KeeperCode.OK } },
      { type: OpCode.error, response: { err: KeeperCode.BADVERSION } },
      { type: OpCode.error, response: { err: KeeperCode.RUNTIMEINCONSISTENCY } },
    ]);
    expect((await client.children('/')).children).toEqual(['zookeeper', 'a']);
    expect(client.events).toEqual([]);
    expect(await client.create('/s-', '', CreateMode.persistentSequential)).toBe('/s-0000000001');
  });

  it('deletes and creates the same path', async () => {
    const { client } = await started();
    await client.create('/a', 'old');
    await client.multi([{ type: OpCode.delete, request: { path: '/a', version: 0 } }, create('/a')]);
    expect((await client.getData('/a')).data).toBe('/a');
    await expect(
      client.multi([create('/p'), create('/p/x'), { type: OpCode.delete, request: { path: '/p', version: -1 } }]),
    ).resolves.toMatchObject([{}, {}, { response: { err: KeeperCode.NOTEMPTY } }]);
  });

  it('takes no operation', async () => {
    const { client } = await started();
    expect(await client.multi([])).toEqual([]);
  });

  it('reads several, each with its own result', async () => {
    const { client } = await started();
    await client.create('/a', 'x');
    const reply = await client.request(OpCode.multiRead, MultiReadRequest, [
      { type: OpCode.getData, request: { path: '/a', watch: false } },
      { type: OpCode.getData, request: { path: '/no', watch: false } },
      { type: OpCode.getChildren, request: { path: '/', watch: false } },
    ]);
    expect(ok(reply, MultiResponse)).toMatchObject([
      { type: OpCode.getData, response: { data: Buffer.from('x') } },
      { type: OpCode.error, response: { err: KeeperCode.NONODE } },
      { type: OpCode.getChildren, response: { children: ['zookeeper', 'a'] } },
    ]);
  });

  it('bounds what a multiRead gathers', async () => {
    const { client } = await started({ juteMaxBuffer: 10_000 });
    await client.create('/a', 'x'.repeat(9000));
    const read = { type: OpCode.getData, request: { path: '/a', watch: false } } as const;
    const reply = await client.request(
      OpCode.multiRead,
      MultiReadRequest,
      Array.from({ length: 5 }, () => read),
    );
    expect(reply).toEqual(result(KeeperCode.MARSHALLINGERROR));
  });
});

describe('connections', () => {
  it('answers pipelined requests in order, with one write for all of them', async () => {
    const { client } = await started();
    const replies = await Promise.all([
      client.create('/a', '0'),
      ...Array.from({ length: 500 }, (_, i) => client.setData('/a', String(i), i)),
      client.getData('/a'),
    ]);
    expect(replies.at(-1)).toMatchObject({ data: '499', stat: { version: 500 } });
    expect(client.order).toEqual(Array.from({ length: 502 }, (_, i) => i + 1));
  });

  it('takes frames in any pieces', async () => {
    const { port } = await start();
    const client = await RawClient.connect(port);
    const frames: Buffer[] = [];
    const { sendBytes } = client;
    client.sendBytes = (bytes) => void frames.push(Buffer.from(bytes));
    const replies = Promise.all([client.create('/a', 'x'.repeat(3000)), client.getData('/a'), client.exists('/a')]);
    const all = Buffer.concat(frames);
    for (let at = 0; at < all.length;) {
      const length = 1 + ((at * 7) % 211);
      sendBytes.call(client, all.subarray(at, at + length));
      at += length;
      await new Promise((resolve) => io.clock.defer(() => resolve(undefined)));
    }
    expect((await replies)[1].data).toBe('x'.repeat(3000));
  });

  it('stores up to jute.maxbuffer and closes what claims more', async () => {
    const { port } = await start({ juteMaxBuffer: 1000 });
    const client = await RawClient.connect(port);
    await client.create('/a', 'x'.repeat(900));
    expect((await client.getData('/a')).data).toHaveLength(900);
    await expect(client.setData('/a', 'x'.repeat(1000))).rejects.toThrow('closed');
    await client.closed;
  });

  it.each([
    ['2 GB', Buffer.from([0x7f, 0xff, 0xff, 0xff, 1, 2, 3])],
    ['a negative length', Buffer.from([0xff, 0xff, 0xff, 0xff])],
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
    ['a short connect request', Buffer.from([0, 0, 0, 4, 0, 0, 0, 0])],
    ['an empty frame', Buffer.from([0, 0, 0, 0])],
  ])('closes a connection that begins with %s', async (_, bytes) => {
    const server = await start();
    const client = await RawClient.open(server.port);
    client.sendBytes(bytes);
    await client.closed;
    await (await RawClient.connect(server.port)).create('/alive');
  });

  it('answers a body that it cannot read and goes on, closes a request of an unknown type', async () => {
    const { client } = await started();
    expect(await client.request(OpCode.getData)).toEqual(result(KeeperCode.MARSHALLINGERROR));
    expect(await client.request(OpCode.multi)).toEqual(result(KeeperCode.MARSHALLINGERROR));
    await client.create('/a');
    expect(await client.request(77)).toEqual(result(KeeperCode.UNIMPLEMENTED));
    await client.closed;
  });

  it('closes a request without a header', async () => {
    const { client } = await started();
    client.sendFrame((to) => to.int(1));
    await client.closed;
  });

  it('lives through random bytes', async () => {
    const { server, client } = await started({ maxClientCnxns: 0 });
    let seed = 42;
    const random = (bound: number) => (seed = (Math.imul(seed, 1103515245) + 12345) >>> 0) % bound;
    for (let round = 0; round < 200; round++) {
      const fuzzer = round % 2 === 0 ? await RawClient.open(server.port) : await RawClient.connect(server.port);
      for (let frame = 0; frame < 20 && !fuzzer.isClosed; frame++) {
        const body = Buffer.from(Array.from({ length: random(60) }, () => random(256)));
        const type = [1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 13, 14, 15, 17, 18, 19, 20, 21, 22, 100, 101, 103, 105, 106][
          random(24)
        ]!;
        fuzzer.sendFrame((to) => {
          if (round % 2 === 1) RequestHeader.write(to, { xid: frame, type });
          to.raw(body);
        });
      }
      if (round % 20 === 0) await client.exists('/');
      await fuzzer.cut();
    }
    expect(await client.create('/alive')).toBe('/alive');
  });

  it('limits connections from one address', async () => {
    const { port } = await start({ maxClientCnxns: 2 });
    const first = await RawClient.connect(port);
    await RawClient.connect(port);
    const third = await RawClient.open(port);
    await third.closed;
    await first.cut();
    await until(async () => !(await RawClient.open(port)).isClosed);
  });

  it('stops reading from a client that does not read, and goes on when it does', async () => {
    const { server, client } = await started();
    await client.create('/big', 'x'.repeat(500_000));
    client.pause();
    const reads = Array.from({ length: 200 }, () => client.getData('/big'));
    const other = await RawClient.connect(server.port);
    for (let i = 0; i < 50; i++) await other.exists('/big');
    const cons = await word(server.port, 'cons');
    expect(cons).toMatch(/\[0\]\(/);
    client.resume();
    for (const { data } of await Promise.all(reads)) expect(data).toHaveLength(500_000);
  });
});

describe('four-letter words', () => {
  it('answers what monitoring asks', async () => {
    const { server, client } = await started({ fourLetterWords: ['*'] });
    await client.create('/e', 'x', CreateMode.ephemeral);
    await client.getData('/e', true);
    const id = `0x${client.session.sessionId.toString(16)}`;
    const ask = (text: string) => word(server.port, text);
    expect(await ask('ruok')).toBe('imok');
    expect(await ask('ruok\n')).toBe('imok');
    expect(await ask('isro')).toBe('rw');
    expect(await ask('srvr\r\n')).toMatch(
      /^Zookeeper version: 3\.8\.4-\S+\nLatency min\/avg\/max: \d+\/[\d.]+\/\d+\nReceived: \d+\nSent: \d+\nConnections: 2\nOutstanding: 0\nZxid: 0x2\nMode: standalone\nNode count: 6\n$/,
    );
    expect(await ask('stats')).toMatch(/\nClients:\n \/127\.0\.0\.1:\d+\[1\]\(queued=0,recved=\d+,sent=\d+\)\n/);
    expect(await ask('mntr')).toMatch(/^zk_version\t3\.8\.4-\S+\nzk_server_state\tstandalone\n(zk_\w+\t[\w.]+\n)+$/);
    expect(await ask('cons')).toContain(`sid=${id},lop=GETD,est=`);
    expect(await ask('conf')).toContain(`clientPort=${server.port}\n`);
    expect(await ask('envi')).toMatch(/^Environment:\nzookeeper\.version=3\.8\.4/);
    expect(await ask('dump')).toContain(`${id}:\n\t/e\n`);
    expect(await ask('wchs')).toBe('1 connections watching 1 paths\nTotal watches:1\n');
    expect(await ask('wchp')).toBe(`/e\n\t${id}\n\n`);
    expect(await ask('wchc')).toBe(`${id}\n\t/e\n\n`);
    expect(await ask('dirs')).toBe('datadir_size: 0\nlogdir_size: 0\n');
    expect(await ask('crst')).toBe('Connection stats reset.\n');
    expect(await ask('srst')).toBe('Server stats reset.\n');
  });

  it('keeps to the whitelist, but for srvr', async () => {
    const { port } = await start({ fourLetterWords: ['ruok'] });
    expect(await word(port, 'ruok')).toBe('imok');
    expect(await word(port, 'stat')).toBe('stat is not executed because it is not in the whitelist.\n');
    expect(await word(port, 'srvr')).toContain('standalone');
  });
});

it('says that the port is taken', async () => {
  const { port } = await start();
  await expect(ZooKeeperServer.start(io, silentLogger, { port })).rejects.toThrow('EADDRINUSE');
});

async function authenticate(client: RawClient, scheme: string, auth: string): Promise<void> {
  checkOk(await client.request(OpCode.auth, AuthPacket, { type: 0, scheme, auth: Buffer.from(auth) }, -4));
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => io.clock.timer(5, () => resolve(undefined)));
}
