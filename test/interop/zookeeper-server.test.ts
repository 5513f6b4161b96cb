import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { nodeIo } from '../../broker/src/io/node/index';
import { silentLogger } from '../../broker/src/logging/logger';
import { MultiRequest, MultiResponse, type MultiOp } from '../../broker/src/zookeeper/multi';
import {
  AddWatchMode,
  AddWatchRequest,
  Create2Response,
  CreateRequest,
  CreateResponse,
  CreateTTLRequest,
  creatorAllAcl,
  DeleteRequest,
  ExistsRequest,
  ExistsResponse,
  GetACLRequest,
  GetACLResponse,
  GetAllChildrenNumberRequest,
  GetAllChildrenNumberResponse,
  GetChildren2Response,
  GetChildrenRequest,
  GetDataRequest,
  GetDataResponse,
  GetEphemeralsRequest,
  GetEphemeralsResponse,
  openAcl,
  OpCode,
  readAcl,
  SetACLRequest,
  SetACLResponse,
  SetDataRequest,
  SetDataResponse,
  type Acl,
  type Stat,
} from '../../broker/src/zookeeper/requests';
import { ZooKeeperServer, type ZooKeeperServerOptions } from '../../broker/src/zookeeper/server/zookeeper-server';
import { RawClient, word } from '../broker/zookeeper/server/raw-client';

const io = nodeIo();
const peers = join(__dirname, '../peers');
const root = mkdtempSync(join(tmpdir(), 'odradek-zookeeper-interop-'));
let directories = 0;
const directory = () => join(root, String(++directories));
const cleanups: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean();
});
afterAll(() => rmSync(root, { recursive: true }));

async function start(options: ZooKeeperServerOptions): Promise<ZooKeeperServer> {
  const server = await ZooKeeperServer.start(io, silentLogger, { maxClientCnxns: 0, ...options });
  cleanups.push(() => server.close());
  return server;
}

async function freePort(): Promise<number> {
  const listening = await io.network.listen({ host: '127.0.0.1', port: 0 }, (socket) => socket.destroy());
  await listening.close();
  return listening.port;
}

/** A program with what it says; the server under test runs in this process, so nothing may block. */
class Program {
  output = '';
  readonly exited: Promise<number | null>;
  private readonly child: ChildProcessWithoutNullStreams;
  private heard = () => {};

  constructor(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
    this.child = spawn(command, args, { env: { ...process.env, ...env } });
    const hear = (bytes: Buffer) => {
      this.output += bytes.toString();
      this.heard();
    };
    this.child.stdout.on('data', hear);
    this.child.stderr.on('data', hear);
    this.child.stdin.on('error', () => {});
    this.exited = new Promise((resolve) =>
      this.child.on('close', (code) => {
        resolve(code);
        this.heard();
      }),
    );
    cleanups.push(() => this.stop('SIGKILL'));
  }

  say(text: string): void {
    this.child.stdin.write(text);
  }

  end(text = ''): void {
    this.child.stdin.end(text);
  }

  async until(pattern: RegExp): Promise<void> {
    while (!pattern.test(this.output)) {
      if (this.child.exitCode !== null) throw new Error(`it ended before saying ${pattern}:\n${this.output}`);
      await new Promise<void>((resolve) => (this.heard = resolve));
    }
  }

  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill(signal);
    await this.exited;
  }
}

async function run(command: string, args: readonly string[], input = ''): Promise<string> {
  const program = new Program(command, args);
  program.end(input);
  const code = await program.exited;
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}:\n${program.output}`);
  return program.output;
}

const kafka = (...args: string[]) => run(join(peers, 'kafka'), args);

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => io.clock.timer(100, () => resolve(undefined)));
}

/** Apache ZooKeeper 3.8.4. */
async function startApache(dataDir: string): Promise<{ port: number; program: Program }> {
  const port = await freePort();
  mkdirSync(dataDir, { recursive: true });
  const file = join(root, `zoo-${port}.cfg`);
  writeFileSync(
    file,
    `tickTime=1000\ndataDir=${dataDir}\nclientPort=${port}\nclientPortAddress=127.0.0.1\nadmin.enableServer=false\n` +
      `4lw.commands.whitelist=*\nmaxClientCnxns=0\n`,
  );
  const jvm =
    '-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Dzookeeper.admin.enableServer=false -Dzookeeper.extendedTypesEnabled=true';
  const program = new Program(join(peers, 'kafka'), ['3.9', 'zookeeper', file], { KAFKA_JVM: jvm });
  await until(async () => (await word(port, 'srvr').catch(() => '')).includes('Mode: '));
  return { port, program };
}

async function dump(port: number): Promise<string[]> {
  const jars = join(process.env.PEERS_LIB ?? join(homedir(), '.cache', 'odradek-peers'), '3.9', '*');
  const text = await run('java', ['-cp', jars, join(peers, 'ZkDump.java'), `127.0.0.1:${port}`]);
  return text.split('\n').filter((line) => line.startsWith('{'));
}

// What every run says otherwise.
function normalized(output: string): string[] {
  return output
    .split('\n')
    .filter((line) => line !== '' && !/^Connecting to|log4j|version: |^\s+at /.test(line))
    .map((line) =>
      line
        .replace(/^((?:c|m|p)Zxid) = .*/, '$1')
        .replace(/^(ctime|mtime) = .*/, '$1')
        .replace(/(ephemeralOwner) = 0x[0-9a-f]{2,}/, '$1 = session')
        .replace(/\[(.*)\]/, (_, list: string) => `[${list.split(', ').toSorted().join(', ')}]`),
    );
}

const script = `
create /a hello
create -s /a/s- x
create -s /a/s- y
create -e /a/e z
create -e -s /a/es- z
create -c /container
create -c /container/c
create -t 60000 /ttl t
create -t 60000 -s /ttl- t
create /a again
create /no/way x
create /a/e/child x
create a x
ls /
ls -s /a
ls -R /a
ls -w /a
get -s /a
get -w /a
stat /a/e
stat -w /none
set -s /a world
set -v 7 /a no
create /none now
getAcl -s /a
addauth digest u:p
create /secret d auth:u:p:cdrwa
getAcl -s /secret
create /ip d ip:127.0.0.0/8:cdrwa
setAcl -s /a world:anyone:r
setAcl -v 9 /ip world:anyone:r
set /a x
delete /a/s-0000000000
delete -v 5 /ip
getAllChildrenNumber /
getAllChildrenNumber /a
getEphemerals
getEphemerals /a
sync /a
addWatch -m PERSISTENT /ip
addWatch -m PERSISTENT_RECURSIVE /container
set /ip 1
set /ip 2
create /container/c/d x
removewatches /ip
removewatches /nothing
setquota -n 5 /ip
listquota /ip
create /ip/x abc
listquota /ip
delquota -n /ip
get /zookeeper/config
reconfig -remove 1
whoami
deleteall /container
delete /a
delete /ttl
ls /
quit
`;

describe("Apache's zkCli", () => {
  it('3.8.4 is answered as by Apache ZooKeeper', async () => {
    const ours = await start({});
    const apache = await startApache(directory());
    const cli = (port: number) =>
      run(join(peers, 'kafka'), ['3.9', 'zookeeper-shell', '-server', `127.0.0.1:${port}`], script);
    const [us, them] = [normalized(await cli(ours.port)), normalized(await cli(apache.port))];
    // ZooKeeper's reconfig is disabled unless it is asked for; then a single server answers as ours.
    const reconfig = (line: string) => line.replace(/.*Reconfig.*/, 'KeeperErrorCode = Unimplemented');
    // The client prints events from a thread of its own.
    const isEvent = (line: string) => /^WATCHER::|^WatchedEvent/.test(line);
    expect(us.filter((line) => !isEvent(line))).toEqual(them.filter((line) => !isEvent(line)).map(reconfig));
    expect(us.filter(isEvent)).toEqual(them.filter(isEvent));
    expect(us.length).toBeGreaterThan(100);
  });

  it('3.5.7 works', async () => {
    const { port } = await start({});
    const output = await run(
      join(peers, 'kafka'),
      ['2.4', 'zookeeper-shell', '-server', `127.0.0.1:${port}`],
      'create /a hello\ncreate -e -s /a/x y\nget -s /a\nls /\nset /a world\nget /a\ndeleteall /a\nls /\nquit\n',
    );
    for (const line of ['Created /a', 'Created /a/x0000000000', 'hello', 'world', '[zookeeper]', 'numChildren = 1']) {
      expect(output).toContain(line);
    }
  });
});

describe('Apache ZooKeeper 3.8.4', () => {
  it('answers every request as we do', async () => {
    const ours = await start({});
    const apache = await startApache(directory());
    const clients = [await RawClient.connect(ours.port), await RawClient.connect(apache.port)];
    const watchers = [await RawClient.connect(ours.port), await RawClient.connect(apache.port)];
    for (const watcher of watchers) {
      await watcher.request(OpCode.addWatch, AddWatchRequest, { path: '/', mode: AddWatchMode.persistentRecursive });
    }
    const ask = (seed: number) => Promise.all(clients.map((client) => request(client, new Picks(seed))));
    let errors = 0;
    for (let i = 0; i < 3000; i++) {
      const [us, them] = await ask(i);
      expect(us, `request ${i}`).toEqual(them);
      if (us!.err !== 0) errors++;
    }
    expect(errors).toBeGreaterThan(500);
    expect(errors).toBeLessThan(2500);
    const told = ({ events }: RawClient) => events.map(({ type, state, path }) => `${type} ${state} ${path}`);
    for (const [us, them] of [clients, watchers]) {
      expect(told(us!)).toEqual(told(them!));
      expect(us!.events.length).toBeGreaterThan(50);
    }
  });

  it('goes on with our directory, and we with its', async () => {
    const dataDir = directory();
    const first = await start({ dataDir, snapCount: 500, tickTime: 1000 });
    const client = await RawClient.connect(first.port, { timeOut: 20_000 });
    for (let i = 0; i < 1200; i++) await request(client, new Picks(i, false));
    await client.create('/kept', 'x', 1);
    const before = await dump(first.port);
    expect(before.length).toBeGreaterThan(20);
    await first.close();

    rmSync(join(dataDir, '.lock'), { force: true });
    const apache = await startApache(dataDir);
    expect(await dump(apache.port)).toEqual(before);
    // The session lives on, with the password that we gave it.
    const { sessionId, passwd } = client.session;
    const attached = await RawClient.connect(apache.port, { sessionId, passwd });
    expect(attached.session.sessionId).toBe(sessionId);
    for (let i = 5000; i < 6000; i++) await request(attached, new Picks(i, false));
    await attached.create('/kept-too', 'x', 1);
    const between = await dump(apache.port);
    await apache.program.stop('SIGKILL');

    const last = await start({ dataDir });
    expect(await dump(last.port)).toEqual(between);
    const again = await RawClient.connect(last.port, { sessionId, passwd });
    expect((await again.exists('/kept')).ephemeralOwner).toBe(sessionId);
    expect((await again.exists('/kept-too')).ephemeralOwner).toBe(sessionId);
  });
});

it('kazoo creates, watches, locks, elects and keeps its session over a restart', async () => {
  const dataDir = directory();
  const options = { dataDir, tickTime: 1000 };
  const first = await start(options);
  const python = (await run(join(peers, 'install-python'), [])).trim().split('\n').at(-1)!;
  const program = new Program(python, [join(__dirname, 'zookeeper-server-kazoo.py'), `127.0.0.1:${first.port}`]);
  await program.until(/^restart$/m);
  const { port } = first;
  await first.close();
  await start({ ...options, port });
  program.end('\n');
  await program.exited;
  expect(program.output).toMatch(/^ok$/m);
});

describe('Apache Kafka', () => {
  let server: ZooKeeperServer;
  let broker: Program;
  let bootstrap: string;
  const data = directory();

  beforeAll(async () => {
    server = await ZooKeeperServer.start(io, silentLogger, { dataDir: join(data, 'zk'), tickTime: 1000 });
    const port = await freePort();
    bootstrap = `127.0.0.1:${port}`;
    const file = join(data, 'server.properties');
    writeFileSync(
      file,
      `broker.id=1\nlisteners=PLAINTEXT://${bootstrap}\nlog.dirs=${join(data, 'kafka')}\n` +
        `zookeeper.connect=${server.connectString}/chroot\nzookeeper.session.timeout.ms=4000\n` +
        `offsets.topic.replication.factor=1\noffsets.topic.num.partitions=1\n` +
        `log.cleaner.dedupe.buffer.size=16777216\ngroup.initial.rebalance.delay.ms=0\n`,
    );
    broker = new Program(join(peers, 'kafka'), ['3.9', 'server', file]);
    cleanups.length = 0;
    await broker.until(/\[KafkaServer id=1\] started/);
  });

  afterAll(async () => {
    await broker.stop('SIGKILL');
    await server.close();
  });

  it('3.9 runs on it: topics, produce, consume', async () => {
    await kafka(
      '3.9',
      'topics',
      '--bootstrap-server',
      bootstrap,
      '--create',
      '--topic',
      'numbers',
      '--partitions',
      '3',
    );
    await run(
      'kcat',
      ['-b', bootstrap, '-t', 'numbers', '-P'],
      Array.from({ length: 100 }, (_, i) => `${i}\n`).join(''),
    );
    const read = await run('kcat', ['-b', bootstrap, '-t', 'numbers', '-C', '-e', '-q']);
    expect(
      read
        .trim()
        .split('\n')
        .map(Number)
        .toSorted((a, b) => a - b),
    ).toEqual(Array.from({ length: 100 }, (_, i) => i));
    await kafka('3.9', 'topics', '--bootstrap-server', bootstrap, '--delete', '--topic', 'numbers');
  });

  it("2.4's kafka-topics --zookeeper works", async () => {
    const at = ['--zookeeper', `${server.connectString}/chroot`];
    await kafka('2.4', 'topics', ...at, '--create', '--topic', 'old', '--partitions', '2', '--replication-factor', '1');
    expect(await kafka('2.4', 'topics', ...at, '--list')).toMatch(/^old$/m);
    expect(await kafka('2.4', 'topics', ...at, '--describe', '--topic', 'old')).toMatch(/PartitionCount: 2/);
  });

  it('has its registration taken away when it is killed', async () => {
    const client = await RawClient.connect(server.port);
    const registered = async () => (await client.children('/chroot/brokers/ids')).children;
    expect(await registered()).toEqual(['1']);
    await broker.stop('SIGKILL');
    await until(async () => (await registered()).length === 0);
    await expect(client.exists('/chroot/controller')).rejects.toThrow('-101');
  });
});

/** Choices from a seed: the same for both servers. */
class Picks {
  constructor(
    private seed: number,
    private readonly mayForbid = true,
  ) {
    this.seed = Math.imul(seed + 1, 0x9e3779b1) >>> 0;
  }

  below(bound: number): number {
    this.seed ^= this.seed << 13;
    this.seed ^= this.seed >>> 17;
    this.seed ^= this.seed << 5;
    return (this.seed >>> 0) % bound;
  }

  of<T>(values: readonly T[]): T {
    return values[this.below(values.length)]!;
  }

  path(): string {
    if (this.below(25) === 0)
      return this.of(['', 'a', '/a/', '//a', '/a/../b', '/a\0', '/a/./b', '/a\u0001', '/zookeeper', '/']);
    const depth = 1 + this.below(3);
    return Array.from({ length: depth }, () => `/${this.of(['a', 'b', 'c'])}`).join('');
  }

  data(): Buffer | null {
    return this.below(8) === 0 ? null : Buffer.from('x'.repeat(this.below(20)));
  }

  acl(): readonly Acl[] {
    const rare = this.mayForbid ? this.below(30) : 9;
    if (rare === 0) return [];
    if (rare === 1) return creatorAllAcl;
    if (rare === 2) return [...readAcl, ...readAcl, { perms: 31, id: { scheme: 'ip', id: '127.0.0.1/16' } }];
    if (rare === 3) return [{ perms: 31, id: { scheme: 'digest', id: 'x' } }];
    if (rare === 4) return [{ perms: 1, id: { scheme: 'ip', id: '10.0.0.1' } }];
    return openAcl;
  }

  version(): number {
    return this.of([-1, -1, -1, 0, 1, 2]);
  }
}

type Answer = { err: number; body?: unknown };

// Zxids, times and session ids differ.
function comparable(stat: Stat) {
  const { version, cversion, aversion, ephemeralOwner, dataLength, numChildren } = stat;
  return { version, cversion, aversion, ephemeral: ephemeralOwner !== 0n, dataLength, numChildren };
}

async function request(client: RawClient, pick: Picks): Promise<Answer> {
  const path = pick.path();
  const watch = pick.below(3) === 0;
  switch (pick.below(16)) {
    case 0:
    case 1:
    case 2: {
      const type = pick.of([OpCode.create, OpCode.create2, OpCode.createContainer]);
      const flags = type === OpCode.createContainer ? 4 : pick.of([0, 0, 0, 1, 2, 3, 9]);
      const value = { path, data: pick.data(), acl: pick.acl(), flags };
      const { err, body } = await client.request(type, CreateRequest, value);
      if (err !== 0) return { err };
      if (type === OpCode.create) return { err, body: CreateResponse.read(body) };
      const created = Create2Response.read(body);
      return { err, body: { path: created.path, stat: comparable(created.stat) } };
    }
    case 3: {
      const ttl = BigInt(pick.of([-1, 0, 1_000_000]));
      const value = { path, data: pick.data(), acl: openAcl, flags: pick.of([5, 6]), ttl };
      const { err, body } = await client.request(OpCode.createTTL, CreateTTLRequest, value);
      return err !== 0 ? { err } : { err, body: Create2Response.read(body).path };
    }
    case 4:
    case 5: {
      const { err } = await client.request(OpCode.delete, DeleteRequest, { path, version: pick.version() });
      return { err };
    }
    case 6:
    case 7: {
      const value = { path, data: pick.data(), version: pick.version() };
      const { err, body } = await client.request(OpCode.setData, SetDataRequest, value);
      return err !== 0 ? { err } : { err, body: comparable(SetDataResponse.read(body).stat) };
    }
    case 8: {
      const { err, body } = await client.request(OpCode.getData, GetDataRequest, { path, watch });
      if (err !== 0) return { err };
      const { data, stat } = GetDataResponse.read(body);
      return { err, body: { data: data?.toString() ?? null, stat: comparable(stat) } };
    }
    case 9: {
      const { err, body } = await client.request(OpCode.exists, ExistsRequest, { path, watch });
      return err !== 0 ? { err } : { err, body: comparable(ExistsResponse.read(body).stat) };
    }
    case 10: {
      const { err, body } = await client.request(OpCode.getChildren2, GetChildrenRequest, { path, watch });
      if (err !== 0) return { err };
      const { children, stat } = GetChildren2Response.read(body);
      return { err, body: { children: [...children].sort(), stat: comparable(stat) } };
    }
    case 11: {
      const { err, body } = await client.request(OpCode.getACL, GetACLRequest, { path });
      if (err !== 0) return { err };
      const { acl, stat } = GetACLResponse.read(body);
      return { err, body: { acl, stat: comparable(stat) } };
    }
    case 12: {
      // Seldom: a list that forbids is there to stay.
      const acl = pick.below(4) === 0 ? pick.acl() : openAcl;
      const { err, body } = await client.request(OpCode.setACL, SetACLRequest, { path, acl, version: pick.version() });
      return err !== 0 ? { err } : { err, body: comparable(SetACLResponse.read(body).stat) };
    }
    case 13: {
      const { err, body } = await client.request(OpCode.getAllChildrenNumber, GetAllChildrenNumberRequest, { path });
      return err !== 0 ? { err } : { err, body: GetAllChildrenNumberResponse.read(body) };
    }
    case 14: {
      const { err, body } = await client.request(OpCode.getEphemerals, GetEphemeralsRequest, { prefixPath: path });
      return err !== 0 ? { err } : { err, body: [...GetEphemeralsResponse.read(body).ephemerals].sort() };
    }
    default: {
      const ops = Array.from({ length: pick.below(4) }, (): MultiOp => {
        const at = pick.path();
        const version = pick.version();
        switch (pick.below(5)) {
          case 0:
          case 1: {
            const type = pick.of([OpCode.create, OpCode.create2]);
            return { type, request: { path: at, data: pick.data(), acl: openAcl, flags: pick.below(4) } };
          }
          case 2:
            return { type: OpCode.delete, request: { path: at, version } };
          case 3:
            return { type: OpCode.check, request: { path: at, version } };
          default:
            return { type: OpCode.setData, request: { path: at, data: pick.data(), version } };
        }
      });
      const { err, body } = await client.request(OpCode.multi, MultiRequest, ops);
      if (err !== 0) return { err };
      const results = MultiResponse.read(body).map(({ type, response }) =>
        response !== null && 'stat' in response
          ? { type, ...response, stat: comparable(response.stat) }
          : { type, response },
      );
      return { err, body: results };
    }
  }
}
