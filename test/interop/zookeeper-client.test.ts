import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Listening, Socket } from '../../broker/src/io/network';
import { nodeIo } from '../../broker/src/io/node/index';
import { silentLogger } from '../../broker/src/logging/logger';
import { ZooKeeperClient } from '../../broker/src/zookeeper/client';
import { KafkaZkClient } from '../../broker/src/zookeeper/kafka-zk-client';
import { CreateMode, EventType, KeeperCode } from '../../broker/src/zookeeper/requests';
import type { SessionState } from '../../broker/src/zookeeper/session';
import { clientSuite } from '../broker/zookeeper/client-suite';
import { kafkaZkClientSuite } from '../broker/zookeeper/kafka-zk-client-suite';

const io = nodeIo();
const directory = mkdtempSync(join(tmpdir(), 'odradek-zookeeper-client-'));

afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** Apache ZooKeeper: 3.8.4 with the jars of Kafka 3.9, 3.5.7 with those of 2.4. */
class ApacheZooKeeper {
  private process: ChildProcess | undefined;
  private readonly config: string;

  private constructor(
    private readonly version: string,
    readonly port: number,
  ) {
    const data = join(directory, `${version}-${port}`);
    mkdirSync(data);
    this.config = join(data, 'zoo.cfg');
    const lines = ['tickTime=500', `dataDir=${data}`, `clientPort=${port}`, 'clientPortAddress=127.0.0.1'];
    writeFileSync(this.config, [...lines, 'admin.enableServer=false', 'maxClientCnxns=0', ''].join('\n'));
  }

  static async start(version: string): Promise<ApacheZooKeeper> {
    const listening = await io.network.listen({ host: '127.0.0.1', port: 0 }, (socket) => socket.destroy());
    await listening.close();
    const server = new ApacheZooKeeper(version, listening.port);
    await server.start();
    return server;
  }

  get connectString(): string {
    return `127.0.0.1:${this.port}`;
  }

  async start(): Promise<void> {
    this.process = spawn(join(__dirname, '../peers/kafka'), [this.version, 'zookeeper', this.config], {
      stdio: 'ignore',
    });
    const options = { connectString: this.connectString, sessionTimeoutMs: 20_000, connectionTimeoutMs: 60_000 };
    const client = new ZooKeeperClient(io, silentLogger, options);
    await client.connect();
    await client.close();
  }

  signal(signal: NodeJS.Signals): void {
    this.process?.kill(signal);
  }

  async stop(): Promise<void> {
    const running = this.process;
    if (running === undefined || running.exitCode !== null || running.signalCode !== null) return;
    const exited = new Promise((resolve) => running.once('exit', resolve));
    running.kill('SIGCONT');
    running.kill('SIGTERM');
    await exited;
  }
}

/** A way to a server that can be cut. */
class Line {
  private readonly sockets = new Set<Socket>();
  private listening!: Listening;
  private cut = false;

  static async to(port: number): Promise<Line> {
    const line = new Line();
    line.listening = await io.network.listen({ host: '127.0.0.1', port: 0 }, (near) => {
      if (line.cut) return near.destroy();
      const early: Buffer[] = [];
      let far: Socket | undefined;
      line.sockets.add(near);
      near.handle({
        data: (bytes) => {
          const copy = Buffer.from(bytes);
          if (far === undefined) early.push(copy);
          else far.write([copy]);
        },
        drained: () => {},
        ended: () => near.end(),
        closed: () => far?.destroy(),
      });
      io.network.connect({ host: '127.0.0.1', port, timeoutMs: 10_000 }).then(
        (socket) => {
          far = socket;
          line.sockets.add(far);
          far.handle({
            data: (bytes) => void near.write([Buffer.from(bytes)]),
            drained: () => {},
            ended: () => socket.end(),
            closed: () => near.destroy(),
          });
          if (early.length > 0) far.write(early);
        },
        () => near.destroy(),
      );
    });
    return line;
  }

  get connectString(): string {
    return `127.0.0.1:${this.listening.port}`;
  }

  break(): void {
    this.cut = true;
    for (const socket of this.sockets) socket.destroy();
    this.sockets.clear();
  }

  mend(): void {
    this.cut = false;
  }

  async close(): Promise<void> {
    this.break();
    await this.listening.close();
  }
}

function stateOf(client: ZooKeeperClient, ...wanted: SessionState[]): Promise<SessionState> {
  if (wanted.includes(client.state)) return Promise.resolve(client.state);
  return new Promise((resolve) => client.onState((state) => wanted.includes(state) && resolve(state)));
}

describe.each([
  ['3.8.4', '3.9', true],
  ['3.5.7', '2.4', false],
] as const)('Apache ZooKeeper %s', (_, version, multiRead) => {
  let server: ApacheZooKeeper;
  beforeAll(async () => {
    server = await ApacheZooKeeper.start(version);
  });
  afterAll(() => server?.stop());

  describe('with the client', () => clientSuite(() => server.connectString, { multiRead }));
  describe('with KafkaZkClient', () => kafkaZkClientSuite(() => server.connectString));
});

describe('when Apache ZooKeeper 3.8.4 fails', () => {
  const cleanups: (() => Promise<unknown>)[] = [];
  let server: ApacheZooKeeper;

  beforeAll(async () => {
    server = await ApacheZooKeeper.start('3.9');
  });
  afterEach(async () => {
    for (const clean of cleanups.splice(0).reverse()) await clean();
  });
  afterAll(() => server?.stop());

  async function connected(connectString: string, sessionTimeoutMs = 3000): Promise<ZooKeeperClient> {
    const options = { connectString, sessionTimeoutMs, connectionTimeoutMs: 30_000 };
    const client = new ZooKeeperClient(io, silentLogger, options);
    cleanups.push(() => client.close());
    await client.connect();
    return client;
  }

  async function line(): Promise<Line> {
    const made = await Line.to(server.port);
    cleanups.push(() => made.close());
    return made;
  }

  it('a session and its watches outlive a restart of the server', async () => {
    const client = await connected(server.connectString, 20_000);
    const { sessionId } = client;
    await client.create('/restart', Buffer.from('0'));
    await client.create('/restart-e', null, { mode: CreateMode.ephemeral });
    const told = new Promise((resolve) => void client.getData('/restart', resolve));
    const created = new Promise((resolve) => void client.exists('/restart-new', resolve));
    await client.sync('/');
    await server.stop();
    await stateOf(client, 'disconnected');
    await expect(client.getData('/restart')).rejects.toMatchObject({ code: KeeperCode.CONNECTIONLOSS });
    const waiting = client.retryUntilConnected(() => client.getData('/restart'));
    await server.start();
    expect((await waiting).data).toEqual(Buffer.from('0'));
    expect(client.sessionId).toBe(sessionId);
    expect((await client.exists('/restart-e'))?.ephemeralOwner).toBe(sessionId);
    const other = await connected(server.connectString);
    await other.setData('/restart', Buffer.from('1'));
    await other.create('/restart-new', null);
    expect(await told).toEqual({ type: EventType.nodeDataChanged, path: '/restart' });
    expect(await created).toEqual({ type: EventType.nodeCreated, path: '/restart-new' });
  });

  it('what happened while the line was cut is told when it is mended', async () => {
    const cut = await line();
    const other = await connected(server.connectString, 20_000);
    await other.create('/cut', null);
    await other.create('/cut/child', null);
    const client = await connected(`${cut.connectString}/cut`, 20_000);
    const events = Promise.all([
      new Promise((resolve) => void client.getData('/child', resolve)),
      new Promise((resolve) => void client.getChildren('/', resolve)),
      new Promise((resolve) => void client.exists('/new', resolve)),
      new Promise((resolve) => void client.exists('/child', resolve)),
    ]);
    await client.sync('/');
    cut.break();
    await stateOf(client, 'disconnected');
    await other.setData('/cut/child', Buffer.from('x'));
    await other.create('/cut/new', null);
    cut.mend();
    expect(await events).toEqual([
      { type: EventType.nodeDataChanged, path: '/child' },
      { type: EventType.nodeChildrenChanged, path: '/' },
      { type: EventType.nodeCreated, path: '/new' },
      { type: EventType.nodeDataChanged, path: '/child' },
    ]);
    expect(client.state).toBe('connected');
  });

  it('the deadline passes before anyone else sees the session gone, which then is told as expired', async () => {
    const cut = await line();
    const client = await connected(cut.connectString, 2000);
    const other = await connected(server.connectString, 20_000);
    const order: string[] = [];
    client.onSessionDeadline(() => order.push('deadline'));
    await client.create('/held', null, { mode: CreateMode.ephemeral });
    const gone = new Promise<void>((resolve) => void other.exists('/held', () => resolve()));
    await other.sync('/');
    cut.break();
    await gone;
    order.push('gone');
    expect(order).toEqual(['deadline', 'gone']);
    cut.mend();
    expect(await stateOf(client, 'expired')).toBe('expired');
    client.reconnectAsNewSession();
    await client.waitUntilConnected();
    expect(await client.exists('/held')).toBeUndefined();
  });

  it('a server that hangs is noticed, though its connection stays', async () => {
    const client = await connected(server.connectString, 2000);
    let deadlines = 0;
    const passed = new Promise<void>((resolve) =>
      client.onSessionDeadline(() => {
        deadlines++;
        resolve();
      }),
    );
    const reading = client.retryUntilConnected(() => client.getChildren('/'));
    await reading;
    const startMs = io.clock.monotonicMs();
    server.signal('SIGSTOP');
    await stateOf(client, 'disconnected');
    expect(deadlines).toBe(0);
    expect(io.clock.monotonicMs() - startMs).toBeLessThan(client.negotiatedTimeoutMs);
    await passed;
    server.signal('SIGCONT');
    const after = await stateOf(client, 'connected', 'expired');
    if (after === 'expired') client.reconnectAsNewSession();
    await client.waitUntilConnected();
    await client.getChildren('/');
  });

  it('a broker that was killed is registered again when its old session has ended', async () => {
    const cut = await line();
    const options = { sessionTimeoutMs: 2000, connectionTimeoutMs: 30_000 };
    const killed = new KafkaZkClient(io, silentLogger, { ...options, connectString: `${cut.connectString}/again` });
    await killed.connect();
    await killed.createTopLevelPaths();
    const broker = { id: 1, endPoints: [], rack: null, features: new Map(), jmxPort: -1, timestampMs: 0 };
    const first = await killed.registerBroker(broker);
    cut.break();
    const again = new KafkaZkClient(io, silentLogger, { ...options, connectString: `${server.connectString}/again` });
    cleanups.push(() => again.close());
    cleanups.push(() => killed.close());
    await again.connect();
    expect(await again.registerBroker(broker)).toBeGreaterThan(first);
  });

  it('a request above its jute.maxbuffer costs the connection, not the session', async () => {
    const client = await connected(server.connectString, 20_000);
    const { sessionId } = client;
    await client.create('/big', null);
    await expect(client.setData('/big', Buffer.alloc(1_500_000))).rejects.toMatchObject({
      code: KeeperCode.CONNECTIONLOSS,
    });
    await client.waitUntilConnected();
    expect(client.sessionId).toBe(sessionId);
    expect((await client.getData('/big')).data).toBeNull();
  });
});
