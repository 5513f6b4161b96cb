import { readFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { nodeIo } from '../../broker/src/io/node/index';
import type { TlsOptions } from '../../broker/src/io/network';
import { silentLogger } from '../../broker/src/logging/logger';
import { ZooKeeperClient, type ZooKeeperClientOptions } from '../../broker/src/zookeeper/client';
import { CreateMode, creatorAllAcl, EventType, KeeperCode, Perms } from '../../broker/src/zookeeper/requests';
import type { SessionState } from '../../broker/src/zookeeper/session';
import { clientSuite } from '../broker/zookeeper/client-suite';
import { kafkaZkClientSuite } from '../broker/zookeeper/kafka-zk-client-suite';
import { saslSuite } from '../broker/zookeeper/sasl-suite';
import { temporaryDirectory } from './harness';
import { login, ZooKeeperEnsemble, type EnsembleServer } from './zookeeper-ensemble';

const io = nodeIo();
const directory = temporaryDirectory();
let ensemble: ZooKeeperEnsemble;
const clients: ZooKeeperClient[] = [];

beforeAll(async () => {
  ensemble = await ZooKeeperEnsemble.start(directory.path);
});
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
});
afterAll(async () => {
  await ensemble?.[Symbol.asyncDispose]();
  directory[Symbol.dispose]();
});

function client(options: Partial<ZooKeeperClientOptions> = {}): ZooKeeperClient {
  const made = new ZooKeeperClient(io, silentLogger, {
    connectString: ensemble.connectString,
    sessionTimeoutMs: 6000,
    connectionTimeoutMs: 20_000,
    ...options,
  });
  clients.push(made);
  return made;
}

async function connected(options: Partial<ZooKeeperClientOptions> = {}): Promise<ZooKeeperClient> {
  const made = client(options);
  await made.connect();
  return made;
}

function stateOf(client: ZooKeeperClient, ...wanted: SessionState[]): Promise<SessionState> {
  if (wanted.includes(client.state)) return Promise.resolve(client.state);
  return new Promise((resolve) => client.onState((state) => wanted.includes(state) && resolve(state)));
}

/** Which server a client is connected to, by what the servers know. */
function serverOf(client: ZooKeeperClient): EnsembleServer {
  return ensemble.servers.find(({ connectString }) => connectString === client.connectedTo)!;
}

// Of one server each: what one client has written, another one reads at once.
describe.each([
  ['a follower', false],
  ['the leader', true],
])('an ensemble of Apache ZooKeeper 3.8.4, by %s', (_, leads) => {
  let server: EnsembleServer;
  beforeAll(async () => {
    const leader = await ensemble.leader();
    server = leads ? leader : ensemble.servers.find((each) => each !== leader)!;
  });

  describe('with the client', () => clientSuite(() => server.connectString));
  describe('with KafkaZkClient', () => kafkaZkClientSuite(() => server.connectString));
  describe('with logins', () => saslSuite(() => server.connectString, login));
});

describe('TLS to Apache ZooKeeper 3.8.4', () => {
  let ca: Buffer;
  const at = (host: string): string => `${host}:${ensemble.servers[0]!.tlsPort}`;
  beforeAll(async () => {
    ca = await readFile(ensemble.certificates.authority);
  });

  it.each(['PEM', 'PKCS12'])('knows a client by its certificate (%s)', async (type) => {
    const { pem, pkcs12 } = ensemble.certificates;
    const own: Partial<TlsOptions> =
      type === 'PEM'
        ? { key: await readFile(pem), cert: await readFile(pem) }
        : { pfx: await readFile(pkcs12), passphrase: 'changeit' };
    const known = await connected({ connectString: at('localhost'), tls: { ca, verifyPeer: true, ...own } });
    await known.create(`/tls-${type}`, null, { acl: creatorAllAcl });
    expect((await known.getACL(`/tls-${type}`)).acl).toEqual([
      { perms: Perms.all, id: { scheme: 'x509', id: 'CN=kafka' } },
    ]);
    const unknown = await connected({ connectString: at('localhost'), tls: { ca, verifyPeer: true } });
    await expect(unknown.getData(`/tls-${type}`)).rejects.toMatchObject({ code: KeeperCode.NOAUTH });
  });

  it('checks whose certificate it is, unless it is told not to', async () => {
    const failure = async (tls: TlsOptions): Promise<string> => {
      const made = client({ connectString: at('127.0.0.1'), tls, connectionTimeoutMs: 2000 });
      return made.connect().then(
        () => 'connected',
        (error: unknown) => String(error),
      );
    };
    expect(await failure({ ca, verifyPeer: true })).toMatch(/does not match certificate's altnames/);
    expect(await failure({ ca, verifyPeer: true, serverName: '' })).toBe('connected');
    const other = await readFile(ensemble.certificates.otherAuthority);
    expect(await failure({ ca: other, verifyPeer: true, serverName: '' })).toMatch(/unable to verify|self.signed/i);
  });
});

describe('when servers of the ensemble fail', () => {
  it('a session and its watches go over to another server when the leader is killed', async () => {
    const writer = await connected();
    await writer.create('/lead', Buffer.from('0'));
    await writer.create('/lead-e', null, { mode: CreateMode.ephemeral });
    const leader = await ensemble.leader();
    const client = await connected({ connectString: inOrder(leader), sessionTimeoutMs: 10_000 });
    const { sessionId } = client;
    await client.sync('/');
    const changed = new Promise((resolve) => void client.getData('/lead', resolve));
    const created = new Promise((resolve) => void client.exists('/lead-new', resolve));
    await client.sync('/');
    const deadlines: number[] = [];
    client.onSessionDeadline(() => deadlines.push(io.clock.monotonicMs()));
    await leader.kill();
    await writer.retryUntilConnected(() => writer.setData('/lead', Buffer.from('1')));
    await writer.retryUntilConnected(() => writer.create('/lead-new', null)).catch(() => undefined);
    expect(await changed).toEqual({ type: EventType.nodeDataChanged, path: '/lead' });
    expect(await created).toEqual({ type: EventType.nodeCreated, path: '/lead-new' });
    expect(client.sessionId).toBe(sessionId);
    expect(deadlines).toEqual([]);
    await client.retryUntilConnected(() => client.sync('/'));
    expect((await client.exists('/lead-e'))?.ephemeralOwner).toBe(writer.sessionId);
    await ensemble.launch(leader);
  });

  it('a client leaves a server that hangs for another within its session', async () => {
    const client = await connected();
    const { sessionId } = client;
    await client.create('/hang', null, { mode: CreateMode.ephemeral });
    const hanging = serverOf(client);
    let deadlinePassed = false;
    client.onSessionDeadline(() => (deadlinePassed = true));
    hanging.signal('SIGSTOP');
    try {
      await stateOf(client, 'disconnected');
      await client.waitUntilConnected();
      expect(client.state).toBe('connected');
      expect(client.sessionId).toBe(sessionId);
      expect(serverOf(client)).not.toBe(hanging);
      await client.retryUntilConnected(() => client.sync('/'));
      expect((await client.exists('/hang'))?.ephemeralOwner).toBe(sessionId);
      expect(deadlinePassed).toBe(false);
    } finally {
      hanging.signal('SIGCONT');
    }
    await ensemble.leader();
  });

  it('a session outlives all servers for longer than its timeout, but nobody relies on it meanwhile', async () => {
    const client = await connected({ sessionTimeoutMs: 2000 });
    const { sessionId } = client;
    await client.create('/all', null, { mode: CreateMode.ephemeral });
    const told = new Promise<void>((resolve) => client.onSessionDeadline(resolve));
    const waiting = client.retryUntilConnected(() => client.exists('/all'));
    expect((await waiting)?.ephemeralOwner).toBe(sessionId);
    await Promise.all(ensemble.servers.map((server) => server.kill()));
    const reading = client.retryUntilConnected(() => client.exists('/all'));
    await told;
    expect(client.sessionDeadlineMs).toBeLessThanOrEqual(io.clock.monotonicMs());
    expect(client.state).toBe('disconnected');
    await ensemble.launch();
    // Servers that come back give every session they know its whole timeout again.
    expect((await reading)?.ephemeralOwner).toBe(sessionId);
    expect(client.sessionId).toBe(sessionId);
    expect(client.sessionDeadlineMs).toBeGreaterThan(io.clock.monotonicMs());
  });
});

/** All servers, so that a client that tries them in order may begin with any. */
function inOrder(first: EnsembleServer): string {
  return [first, ...ensemble.servers.filter((server) => server !== first)].map((each) => each.connectString).join(',');
}
