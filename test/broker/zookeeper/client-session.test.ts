import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LogFields, Logger } from '../../../broker/src/logging/logger';
import {
  ZooKeeperClient,
  ZooKeeperClientTimeoutException,
  type ZooKeeperClientOptions,
} from '../../../broker/src/zookeeper/client';
import { KeeperException } from '../../../broker/src/zookeeper/keeper-exception';
import { MultiRequest, MultiResponse } from '../../../broker/src/zookeeper/multi';
import { checkOp, createOp, MultiException, setDataOp } from '../../../broker/src/zookeeper/multi-ops';
import {
  AuthPacket,
  EventType,
  GetChildrenRequest,
  GetChildrenResponse,
  GetDataRequest,
  GetDataResponse,
  KeeperCode,
  OpCode,
  SetWatchesRequest,
  Xid,
  type Stat,
} from '../../../broker/src/zookeeper/requests';
import type { SessionState } from '../../../broker/src/zookeeper/session';
import { FakeConnection, FakeServer, manualIo } from './fake-server';

const stat: Stat = {
  czxid: 1n,
  mzxid: 1n,
  ctime: 0,
  mtime: 0,
  version: 0,
  cversion: 0,
  aversion: 0,
  ephemeralOwner: 0n,
  dataLength: 0,
  numChildren: 0,
  pzxid: 1n,
};

const { io, clock } = manualIo();
let server: FakeServer;
const clients: ZooKeeperClient[] = [];

class CollectedLog implements Logger {
  readonly lines: string[] = [];
  debug(): void {}
  info(message: string, _fields?: LogFields): void {
    this.lines.push(`info ${message}`);
  }
  warn(message: string): void {
    this.lines.push(`warn ${message}`);
  }
  error(message: string): void {
    this.lines.push(`error ${message}`);
  }
  child(): Logger {
    return this;
  }
}

let log: CollectedLog;

beforeEach(async () => {
  server = await FakeServer.start(io);
  log = new CollectedLog();
});

afterEach(async () => {
  await server.close();
  for (const client of clients.splice(0)) {
    // Nobody answers the close any more.
    const closed = client.close();
    clock.advance(100_000);
    await turn();
    clock.advance(100_000);
    await closed;
  }
});

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function makeClient(options: Partial<ZooKeeperClientOptions> = {}): ZooKeeperClient {
  const client = new ZooKeeperClient(io, log, {
    connectString: server.connectString,
    sessionTimeoutMs: 6000,
    connectionTimeoutMs: 10_000,
    ...options,
  });
  clients.push(client);
  return client;
}

async function connected(
  options: Partial<ZooKeeperClientOptions> = {},
): Promise<{ client: ZooKeeperClient; connection: FakeConnection }> {
  const client = makeClient(options);
  const connecting = client.connect();
  const connection = await server.connection();
  await connection.accept();
  await connecting;
  return { client, connection };
}

function stateOf(client: ZooKeeperClient, wanted: SessionState): Promise<void> {
  if (client.state === wanted) return Promise.resolve();
  return new Promise((resolve) => {
    const stop = client.onState((state) => {
      if (state !== wanted) return;
      stop();
      resolve();
    });
  });
}

function codeOf(operation: Promise<unknown>): Promise<number | string> {
  return operation.then(
    () => 'done',
    (error: unknown) => (error instanceof KeeperException ? error.code : String(error)),
  );
}

/** The next connection of a client that waits a while before it tries again. */
async function nextConnection(): Promise<FakeConnection> {
  const coming = server.connection();
  let here = false;
  void coming.then(() => (here = true));
  while (!here) {
    clock.advance(10);
    await turn();
  }
  return await coming;
}

describe('a session', () => {
  it('begins with an empty id and password and takes what the server gives', async () => {
    const client = makeClient();
    const connecting = client.connect();
    const connection = await server.connection();
    expect(client.state).toBe('connecting');
    expect(client.sessionDeadlineMs).toBe(-Infinity);
    const request = await connection.accept({ timeOut: 4000 });
    await connecting;
    expect(request).toEqual({
      protocolVersion: 0,
      lastZxidSeen: 0n,
      timeOut: 6000,
      sessionId: 0n,
      passwd: Buffer.alloc(16),
      readOnly: false,
    });
    expect(client.state).toBe('connected');
    expect(client.sessionId).toBe(0x1234_5678_9abc_def0n);
    expect(client.negotiatedTimeoutMs).toBe(4000);
    expect(client.sessionDeadlineMs).toBe(clock.monotonicMs() + 4000);
  });

  it('pings after a third of its timeout, and lives on as long as pings are answered', async () => {
    const { client, connection } = await connected();
    for (let i = 0; i < 10; i++) {
      clock.advance(2001);
      const sentMs = clock.monotonicMs();
      expect(await connection.request()).toMatchObject({ xid: Xid.ping, type: OpCode.ping });
      connection.reply(Xid.ping, -1n, 0);
      while (client.sessionDeadlineMs < sentMs + 6000 - 5) await turn();
    }
    expect(client.state).toBe('connected');
  });

  it('notices a server that hangs after two thirds of its timeout, and goes on with its id elsewhere', async () => {
    const { client, connection } = await connected();
    const reading = codeOf(client.getData('/a'));
    const request = await connection.request();
    expect(request.type).toBe(OpCode.getData);
    const deadlineMs = client.sessionDeadlineMs;
    clock.advance(3900);
    await turn();
    expect(client.state).toBe('connected');
    clock.advance(200);
    expect(await reading).toBe(KeeperCode.CONNECTIONLOSS);
    expect(client.state).toBe('disconnected');
    expect(log.lines.join('\n')).toMatch(/is lost: nothing was heard for 4\d00 ms/);
    await connection.closed();
    const second = await nextConnection();
    const attach = await second.accept();
    expect(attach.sessionId).toBe(0x1234_5678_9abc_def0n);
    expect(attach.passwd).toEqual(Buffer.alloc(16, 9));
    await stateOf(client, 'connected');
    expect(client.sessionDeadlineMs).toBeGreaterThan(deadlineMs);
  });

  it('reads what has arrived before it blames the server for its own standstill', async () => {
    const { client, connection } = await connected();
    clock.jump(20_000);
    // The reply is in the socket when the timers come to run.
    const reading = client.getChildren('/a');
    const { xid } = await connection.request();
    connection.reply(xid, 5n, 0, GetChildrenResponse, { children: ['x'] });
    // Timers run before input is read, as on the machine's own clock.
    setTimeout(() => clock.advance(0));
    expect(await reading).toEqual(['x']);
    expect(client.state).toBe('connected');
  });

  it('tells when it may be gone, counting from the last request that was answered', async () => {
    const { client, connection } = await connected();
    const passed: number[] = [];
    client.onSessionDeadline(() => passed.push(clock.monotonicMs()));
    const startMs = clock.monotonicMs();
    clock.advance(1000);
    const reading = client.exists('/a');
    const { xid } = await connection.request();
    clock.advance(500);
    // An answer half a second later proves only that the session lived when the request was sent.
    connection.reply(xid, 1n, KeeperCode.NONODE);
    expect(await reading).toBeUndefined();
    expect(client.sessionDeadlineMs).toBe(startMs + 1000 + 6000);
    await server.close();
    clock.advance(5400);
    await turn();
    expect(passed).toEqual([]);
    clock.advance(200);
    expect(passed).toEqual([startMs + 7000]);
    clock.advance(10_000);
    expect(passed).toHaveLength(1);
  });

  it('has expired when a server says so; what waits fails, and a new session can begin', async () => {
    const { client, connection } = await connected();
    const states: SessionState[] = [];
    client.onState((state) => states.push(state));
    connection.reply(99, 0n, 0);
    await stateOf(client, 'disconnected');
    const second = await nextConnection();
    await second.accept({ timeOut: 0, sessionId: 0n });
    await stateOf(client, 'expired');
    expect(await codeOf(client.getData('/a'))).toBe(KeeperCode.SESSIONEXPIRED);
    expect(await codeOf(client.waitUntilConnected())).toBe(KeeperCode.SESSIONEXPIRED);
    client.reconnectAsNewSession();
    const third = await nextConnection();
    const request = await third.accept({ sessionId: 77n });
    expect(request).toMatchObject({ sessionId: 0n, lastZxidSeen: 0n, passwd: Buffer.alloc(16) });
    await client.waitUntilConnected();
    expect(client.sessionId).toBe(77n);
    expect(states).toEqual(['disconnected', 'expired', 'connected']);
  });

  it('has expired when a server answers a request so', async () => {
    const { client, connection } = await connected();
    const reads = ['/a', '/b'].map((path) => codeOf(client.getData(path)));
    const deadlineMs = client.sessionDeadlineMs;
    clock.advance(1000);
    const { xid } = await connection.request();
    connection.reply(xid, 1n, KeeperCode.SESSIONEXPIRED);
    expect(await Promise.all(reads)).toEqual([KeeperCode.SESSIONEXPIRED, KeeperCode.SESSIONEXPIRED]);
    expect(client.state).toBe('expired');
    expect(client.sessionDeadlineMs).toBe(deadlineMs);
  });

  it('that belongs to another server by now is looked for again, and what was asked fails with the connection', async () => {
    const { client, connection } = await connected();
    const writing = codeOf(client.setData('/a', null));
    const { xid } = await connection.request();
    connection.reply(xid, 1n, KeeperCode.SESSIONMOVED);
    expect(await writing).toBe(KeeperCode.CONNECTIONLOSS);
    await connection.closed();
    await (await nextConnection()).accept();
    await client.waitUntilConnected();
  });

  it('does not begin on a server that is read-only', async () => {
    const client = makeClient();
    client.start();
    const connection = await server.connection();
    await connection.accept({ readOnly: true });
    await connection.closed();
    expect(client.state).toBe('connecting');
    expect(log.lines.join('\n')).toContain('the server is read-only');
    await (await nextConnection()).accept();
    await client.waitUntilConnected();
  });

  it('is not told of by what is left of the one before', async () => {
    const { client, connection } = await connected();
    const events: string[] = [];
    const reading = client.getData('/a', () => events.push('old'));
    const { xid } = await connection.request();
    // The event stands behind the reply and is told a turn later: the session is over by then.
    connection.send(
      FakeConnection.reply(xid, 1n, 0, GetDataResponse, { data: null, stat }),
      FakeConnection.event(EventType.nodeDataChanged, '/a'),
      FakeConnection.reply(xid + 1, 1n, KeeperCode.SESSIONEXPIRED),
    );
    const second = codeOf(client.getChildren('/b'));
    await reading;
    expect(await second).toBe(KeeperCode.SESSIONEXPIRED);
    await stateOf(client, 'expired');
    client.reconnectAsNewSession();
    const next = await nextConnection();
    await next.accept({ sessionId: 7n });
    await client.waitUntilConnected();
    const again = client.getData('/a', () => events.push('new'));
    const request = await next.request();
    next.reply(request.xid, 2n, 0, GetDataResponse, { data: null, stat });
    await again;
    await turn();
    expect(events).toEqual(['old']);
    next.send(FakeConnection.event(EventType.nodeDataChanged, '/a'));
    while (events.length < 2) await turn();
    expect(events).toEqual(['old', 'new']);
  });

  it('begins anew only when it is over', async () => {
    const { client } = await connected();
    expect(() => client.reconnectAsNewSession()).toThrow('this one is connected');
  });

  it('is ended on the server by close, after what was asked before', async () => {
    const { client, connection } = await connected();
    const reading = client.getChildren('/a');
    const closing = client.close();
    const first = await connection.request();
    const second = await connection.request();
    expect(second.type).toBe(OpCode.closeSession);
    connection.reply(first.xid, 1n, 0, GetChildrenResponse, { children: [] });
    connection.reply(second.xid, 2n, 0);
    expect(await reading).toEqual([]);
    await closing;
    await connection.closed();
    expect(client.state).toBe('closed');
    expect(await codeOf(client.getChildren('/a'))).toBe(KeeperCode.SESSIONEXPIRED);
  });

  it('closes though the server hangs', async () => {
    const { client, connection } = await connected();
    const closing = client.close();
    expect((await connection.request()).type).toBe(OpCode.closeSession);
    clock.advance(4100);
    await closing;
    expect(client.state).toBe('closed');
  });
});

describe('connecting', () => {
  it('fails in time, naming the servers, the last failure and what to look at', async () => {
    const gone = await FakeServer.start(io);
    await gone.close();
    const client = makeClient({ connectString: gone.connectString });
    const connecting = client.connect().then(
      () => undefined,
      (error: unknown) => error as Error,
    );
    let over = false;
    void connecting.then(() => (over = true));
    while (!over) {
      clock.advance(50);
      await turn();
    }
    const error = await connecting;
    expect(error).toBeInstanceOf(ZooKeeperClientTimeoutException);
    expect(error?.message).toContain(
      `no ZooKeeper server of '${gone.connectString}' has taken a session within 10000 ms`,
    );
    expect(error?.message).toContain('ECONNREFUSED');
    expect(error?.message).toContain('check that one runs there');
  });

  it('goes to the next server when one is silent, in its share of the session timeout', async () => {
    const other = await FakeServer.start(io);
    try {
      const client = makeClient({ connectString: `${server.connectString},${other.connectString}` });
      const connecting = client.connect();
      const [first, second] = [server.connection(), other.connection()];
      const silent = await Promise.race([first, second]);
      await silent.connectRequest();
      clock.advance(3001);
      const [a, b] = await Promise.all([first, second]);
      await (a === silent ? b : a).accept();
      await connecting;
      await silent.closed();
    } finally {
      await other.close();
    }
  });

  it('does not take a session of another id', async () => {
    const { client, connection } = await connected();
    connection.destroy();
    await stateOf(client, 'disconnected');
    const second = await nextConnection();
    await second.accept({ sessionId: 5n });
    await second.closed();
    expect(client.state).toBe('disconnected');
    expect(log.lines.join('\n')).toContain('the server has answered with session 0x5');
  });

  it.each([
    ['a frame of 2 GB', Buffer.from('7fffffff00', 'hex'), 'a frame claims 2147483647 bytes'],
    ['HTTP', Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'), 'a frame claims'],
    ['a short answer', Buffer.from('0000000400000000', 'hex'), 'the record ends at byte 4'],
  ])('lives through %s', async (_, bytes, message) => {
    const client = makeClient();
    client.start();
    const connection = await server.connection();
    await connection.connectRequest();
    connection.send(bytes);
    await connection.closed();
    expect(log.lines.join('\n')).toContain(message);
    await (await nextConnection()).accept();
    await client.waitUntilConnected();
  });
});

describe('requests', () => {
  it('are pipelined up to the limit, and answered in order', async () => {
    const { client, connection } = await connected({ maxInFlightRequests: 2 });
    const done: string[] = [];
    const reads = ['a', 'b', 'c', 'd'].map((name) => client.getChildren(`/${name}`).then(() => done.push(name)));
    const [first, second] = [await connection.request(), await connection.request()];
    expect([first, second].map((request) => request.read(GetChildrenRequest).path)).toEqual(['/a', '/b']);
    for (let i = 0; i < 5; i++) await turn();
    expect(connection.unread).toBe(0);
    connection.reply(first.xid, 1n, 0, GetChildrenResponse, { children: [] });
    const third = await connection.request();
    expect(third.read(GetChildrenRequest).path).toBe('/c');
    for (const { xid } of [second, third]) connection.reply(xid, 1n, 0, GetChildrenResponse, { children: [] });
    const fourth = await connection.request();
    connection.reply(fourth.xid, 1n, 0, GetChildrenResponse, { children: [] });
    await Promise.all(reads);
    expect(done).toEqual(['a', 'b', 'c', 'd']);
  });

  it.each([
    ['another request', (xid: number) => xid + 1, /answers request \d+, but \d+ is the next/],
    ['a ping that was not sent', () => Xid.ping, /answers a ping that was not sent/],
    ['credentials that were not sent', () => Xid.auth, /answers credentials that were not sent/],
  ])('fail when the server answers %s', async (_, answered, message) => {
    const { client, connection } = await connected();
    const reads = [codeOf(client.getData('/a')), codeOf(client.getData('/b'))];
    const { xid } = await connection.request();
    connection.reply(answered(xid), 1n, 0);
    expect(await Promise.all(reads)).toEqual([KeeperCode.CONNECTIONLOSS, KeeperCode.CONNECTIONLOSS]);
    expect(log.lines.join('\n')).toMatch(message);
    await connection.closed();
  });

  it('fail at once without a connection, sent or not, and say why', async () => {
    const { client, connection } = await connected({ maxInFlightRequests: 1 });
    const reads = [client.getData('/a'), client.getData('/b')].map(codeOf);
    await connection.request();
    connection.destroy();
    expect(await Promise.all(reads)).toEqual([KeeperCode.CONNECTIONLOSS, KeeperCode.CONNECTIONLOSS]);
    await expect(client.setData('/c', null)).rejects.toThrow(/CONNECTIONLOSS for \/c: 127\.0\.0\.1:\d+: /);
  });

  it('are done again by retryUntilConnected until the outcome is known', async () => {
    const { client, connection } = await connected();
    const reading = client.retryUntilConnected(() => client.getChildren('/a'));
    await connection.request();
    connection.destroy();
    await stateOf(client, 'disconnected');
    const second = await nextConnection();
    await second.accept();
    const { xid } = await second.request();
    second.reply(xid, 1n, KeeperCode.NONODE);
    expect(await codeOf(reading)).toBe(KeeperCode.NONODE);
  });

  it('fail alone when the reply to one cannot be read', async () => {
    const { client, connection } = await connected();
    const reading = client.getData('/a');
    const { xid } = await connection.request();
    connection.reply(xid, 1n, 0);
    await expect(reading).rejects.toThrow('MARSHALLINGERROR for /a: the reply is not valid');
    expect(client.state).toBe('connected');
  });

  it('of invalid paths and above jute.maxbuffer are refused here', async () => {
    const { client, connection } = await connected({ juteMaxBuffer: 1000 });
    await expect(client.getData('a')).rejects.toThrow("the znode path 'a' does not begin with /");
    await expect(client.multi([setDataOp('/a/', null)])).rejects.toThrow('ends with /');
    await expect(client.setData('/a', Buffer.alloc(1000))).rejects.toThrow(/at most 992 \(jute.maxbuffer\)/);
    expect(connection.unread).toBe(0);
  });

  it('that a server may have found too long are named when it closes the connection', async () => {
    const { client, connection } = await connected();
    const writing = codeOf(client.setData('/big', Buffer.alloc(1_100_000)));
    await turn();
    connection.destroy();
    expect(await writing).toBe(KeeperCode.CONNECTIONLOSS);
    expect(log.lines.join('\n')).toMatch(
      /error A request of 11000\d\d bytes for \/big was outstanding: .*jute.maxbuffer/,
    );
  });

  it('stand under the chroot, and their results do not show it', async () => {
    const { client, connection } = await connected({ connectString: `${server.connectString}/kafka/one` });
    const reading = client.getData('/', () => {});
    const { xid, read } = await connection.request();
    expect(read(GetDataRequest)).toEqual({ path: '/kafka/one', watch: true });
    connection.reply(xid, 1n, 0, GetDataResponse, { data: null, stat });
    await reading;
    const doing = client.multi([createOp('/a', null), checkOp('/', 3)]);
    const multi = await connection.request();
    expect(multi.read(MultiRequest).map(({ request }) => request.path)).toEqual(['/kafka/one/a', '/kafka/one']);
    connection.reply(multi.xid, 1n, 0, MultiResponse, [
      { type: OpCode.create, response: { path: '/kafka/one/a' } },
      { type: OpCode.check, response: null },
    ]);
    const [created, checked] = await doing;
    expect(created.path).toBe('/a');
    expect(checked).toBeNull();
  });
});

describe('a multi that fails', () => {
  it('names the operation', async () => {
    const { client, connection } = await connected();
    const doing = client.multi([checkOp('/ok', 1), setDataOp('/b', null, 7), createOp('/c', null)]);
    const { xid } = await connection.request();
    connection.reply(
      xid,
      1n,
      0,
      MultiResponse,
      [KeeperCode.OK, KeeperCode.BADVERSION, KeeperCode.RUNTIMEINCONSISTENCY].map(
        (err) => ({ type: OpCode.error, response: { err } }) as const,
      ),
    );
    const error = await doing.then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(error).toBeInstanceOf(MultiException);
    expect(error).toMatchObject({ code: KeeperCode.BADVERSION, index: 1, path: '/b' });
    expect(String(error)).toContain(
      'BADVERSION for /b: setData at version 7, operation 2 of 3 in a multi, of which none was done',
    );
  });

  it.each([KeeperCode.THROTTLEDOP, KeeperCode.UNIMPLEMENTED])('as a whole (%d) says so', async (code) => {
    const { client, connection } = await connected();
    const doing = codeOf(client.multi([checkOp('/a', 1)]));
    const { xid } = await connection.request();
    connection.reply(xid, 1n, code);
    expect(await doing).toBe(code);
  });

  it('is not believed with another number of results', async () => {
    const { client, connection } = await connected();
    const doing = client.multi([checkOp('/a', 1)]);
    const { xid } = await connection.request();
    connection.reply(xid, 1n, 0, MultiResponse, []);
    await expect(doing).rejects.toThrow('1 operations were answered with 0 results');
  });
});

describe('watches', () => {
  const reading = async (client: ZooKeeperClient, connection: FakeConnection, events: string[]): Promise<void> => {
    const watcher = (name: string) => (event: { type: number; path: string }) =>
      void events.push(`${name} ${event.type} ${event.path}`);
    const data = client.getData('/data', watcher('data'));
    connection.reply((await connection.request()).xid, 40n, 0, GetDataResponse, { data: null, stat });
    await data;
    const none = client.exists('/none', watcher('exist'));
    connection.reply((await connection.request()).xid, 41n, KeeperCode.NONODE);
    await none;
    const child = client.getChildren('/data', watcher('child'));
    connection.reply((await connection.request()).xid, 42n, 0, GetChildrenResponse, { children: [] });
    await child;
    const unwatched = client.getData('/unwatched');
    connection.reply((await connection.request()).xid, 43n, 0, GetDataResponse, { data: null, stat });
    await unwatched;
    const missing = client.getData('/missing', watcher('missing')).catch(() => {});
    connection.reply((await connection.request()).xid, 0x1_0000_002cn, KeeperCode.NONODE);
    await missing;
  };

  it('are told once, by kind, inside the chroot', async () => {
    const { client, connection } = await connected({ connectString: `${server.connectString}/k` });
    const events: string[] = [];
    await reading(client, connection, events);
    connection.send(
      FakeConnection.event(EventType.nodeChildrenChanged, '/k/data'),
      FakeConnection.event(EventType.nodeDataChanged, '/k/data'),
      FakeConnection.event(EventType.nodeDataChanged, '/k/data'),
      FakeConnection.event(EventType.nodeCreated, '/k/none'),
      FakeConnection.event(EventType.nodeDeleted, '/k/unwatched'),
    );
    while (events.length < 3) await turn();
    await turn();
    expect(events).toEqual([
      `child ${EventType.nodeChildrenChanged} /data`,
      `data ${EventType.nodeDataChanged} /data`,
      `exist ${EventType.nodeCreated} /none`,
    ]);
  });

  it('are set again on the next connection before anything else, at the last zxid seen', async () => {
    const { client, connection } = await connected({ connectString: `${server.connectString}/k` });
    const events: string[] = [];
    await reading(client, connection, events);
    expect(client.lastZxid).toBe(0x1_0000_002cn);
    const again = stateOf(client, 'disconnected').then(() => stateOf(client, 'connected'));
    const more = again.then(() => client.getChildren('/more'));
    connection.destroy();
    await stateOf(client, 'disconnected');
    const second = await nextConnection();
    expect((await second.accept()).lastZxidSeen).toBe(0x1_0000_002cn);
    const { xid, type, read } = await second.request();
    expect({ xid, type }).toEqual({ xid: Xid.setWatches, type: OpCode.setWatches });
    expect(read(SetWatchesRequest)).toEqual({
      relativeZxid: 0x1_0000_002cn,
      dataWatches: ['/k/data'],
      existWatches: ['/k/none'],
      childWatches: ['/k/data'],
    });
    const next = await second.request();
    expect(next.type).toBe(OpCode.getChildren);
    // The server tells first what has happened meanwhile.
    second.send(
      FakeConnection.event(EventType.nodeDeleted, '/k/data'),
      FakeConnection.reply(Xid.setWatches, 50n, 0),
      FakeConnection.reply(next.xid, 50n, 0, GetChildrenResponse, { children: [] }),
    );
    await more;
    expect(events).toEqual([`data ${EventType.nodeDeleted} /data`, `child ${EventType.nodeDeleted} /data`]);
  });

  it('do not overtake the reply that set them, nor does a later reply overtake them', async () => {
    const { client, connection } = await connected();
    const order: string[] = [];
    const first = (async () => {
      await client.getData('/a', () => order.push('event'));
      await Promise.resolve();
      order.push('first reply');
    })();
    const second = client.getData('/a').then(() => order.push('second reply'));
    const [a, b] = [await connection.request(), await connection.request()];
    connection.send(
      FakeConnection.reply(a.xid, 1n, 0, GetDataResponse, { data: null, stat }),
      FakeConnection.event(EventType.nodeDataChanged, '/a'),
      FakeConnection.reply(b.xid, 2n, 0, GetDataResponse, { data: null, stat }),
    );
    await Promise.all([first, second]);
    expect(order).toEqual(['first reply', 'event', 'second reply']);
  });

  it('of many paths are set again in several requests', async () => {
    const { client, connection } = await connected({ maxInFlightRequests: 100 });
    const paths = Array.from({ length: 100 }, (_, i) => `/${'x'.repeat(5000)}${i}`);
    const reads = Promise.all(paths.map((path) => client.getData(path, () => {})));
    for (const _ of paths) {
      connection.reply((await connection.request()).xid, 1n, 0, GetDataResponse, { data: null, stat });
    }
    await reads;
    connection.destroy();
    await stateOf(client, 'disconnected');
    const second = await nextConnection();
    await second.accept();
    const set: string[] = [];
    let requests = 0;
    while (set.length < paths.length) {
      const request = await second.request();
      requests++;
      set.push(...request.read(SetWatchesRequest).dataWatches);
    }
    expect(requests).toBe(4);
    expect(new Set(set)).toEqual(new Set(paths));
  });

  it('go on when a watcher throws', async () => {
    const { client, connection } = await connected();
    const told: string[] = [];
    const reads = [
      client.getData('/a', () => {
        throw new Error('no');
      }),
      client.getData('/a', () => told.push('a')),
    ];
    for (const _ of reads) {
      connection.reply((await connection.request()).xid, 1n, 0, GetDataResponse, { data: null, stat });
    }
    await Promise.all(reads);
    connection.send(FakeConnection.event(EventType.nodeDataChanged, '/a'));
    while (told.length === 0) await turn();
    expect(log.lines.join('\n')).toContain('A listener to ZooKeeper has failed');
    expect(client.state).toBe('connected');
  });
});

describe('credentials', () => {
  const auth = [{ scheme: 'digest', auth: Buffer.from('u:p') }];

  it('go first, and the client is connected when they are taken', async () => {
    const client = makeClient({ auth });
    const connecting = client.connect();
    const connection = await server.connection();
    await connection.accept();
    const { xid, type, read } = await connection.request();
    expect({ xid, type }).toEqual({ xid: Xid.auth, type: OpCode.auth });
    expect(read(AuthPacket)).toEqual({ type: 0, scheme: 'digest', auth: Buffer.from('u:p') });
    expect(client.state).toBe('connecting');
    connection.reply(Xid.auth, -1n, 0);
    await connecting;
  });

  it('that are refused end the session', async () => {
    const client = makeClient({ auth });
    const connecting = codeOf(client.connect());
    const connection = await server.connection();
    await connection.accept();
    await connection.request();
    connection.reply(Xid.auth, -1n, KeeperCode.AUTHFAILED);
    expect(await connecting).toBe(KeeperCode.AUTHFAILED);
    expect(client.state).toBe('authFailed');
    expect(await codeOf(client.getData('/a'))).toBe(KeeperCode.AUTHFAILED);
    await connection.closed();
  });

  it('that are added are told to later connections, too, and to a later session', async () => {
    const { client, connection } = await connected();
    const adding = client.addAuth('digest', 'x:y');
    expect((await connection.request()).read(AuthPacket).auth).toEqual(Buffer.from('x:y'));
    connection.destroy();
    await stateOf(client, 'disconnected');
    const second = await nextConnection();
    await second.accept();
    await second.request();
    second.reply(Xid.auth, -1n, 0);
    await adding;
    second.destroy();
    await stateOf(client, 'disconnected');
    await (await nextConnection()).accept({ timeOut: 0, sessionId: 0n });
    await stateOf(client, 'expired');
    client.reconnectAsNewSession();
    const fourth = await nextConnection();
    await fourth.accept();
    expect((await fourth.request()).read(AuthPacket).auth).toEqual(Buffer.from('x:y'));
  });
});
