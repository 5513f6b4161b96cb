import { afterEach, describe, expect, it } from 'vitest';
import { nodeIo } from '../../../broker/src/io/node/index';
import { silentLogger } from '../../../broker/src/logging/logger';
import { ZooKeeperClient, type ZooKeeperClientOptions } from '../../../broker/src/zookeeper/client';
import { CreateMode, creatorAllAcl, EventType, KeeperCode } from '../../../broker/src/zookeeper/requests';
import { ZooKeeperServer, type ZooKeeperServerOptions } from '../../../broker/src/zookeeper/server/zookeeper-server';
import { saslSuite } from './sasl-suite';

const io = nodeIo();
const login = { username: 'kafka', password: 'se"cr\\et' };
const saslUsers = new Map([[login.username, login.password]]);
const cleanups: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean();
});

async function started(options: ZooKeeperServerOptions): Promise<ZooKeeperServer> {
  const server = await ZooKeeperServer.start(io, silentLogger, {
    tickTime: 100,
    maxSessionTimeout: 60_000,
    ...options,
  });
  cleanups.push(() => server.close());
  return server;
}

function client(server: ZooKeeperServer, options: Partial<ZooKeeperClientOptions> = {}): ZooKeeperClient {
  const made = new ZooKeeperClient(io, silentLogger, {
    connectString: server.connectString,
    sessionTimeoutMs: 10_000,
    connectionTimeoutMs: 10_000,
    ...options,
  });
  cleanups.push(() => made.close());
  return made;
}

describe('logins to the embedded server', () => {
  let server: Promise<ZooKeeperServer> | undefined;
  let connectString = '';

  it('are there when it has users', async () => {
    server = ZooKeeperServer.start(io, silentLogger, { tickTime: 100, maxSessionTimeout: 60_000, saslUsers });
    connectString = (await server).connectString;
  });

  saslSuite(() => connectString, login);

  it('end with it', async () => {
    await (await server!).close();
  });
});

describe('a server that wants a login', () => {
  it('serves who logs in, and tells the others so once', async () => {
    const server = await started({ saslUsers, enforcedSchemes: ['sasl'] });
    const known = client(server, { sasl: login });
    await known.connect();
    await known.create('/a', null, { acl: creatorAllAcl });
    const anonymous = client(server);
    await anonymous.connect();
    await expect(anonymous.getData('/a')).rejects.toMatchObject({
      code: KeeperCode.AUTHFAILED,
      message: expect.stringContaining('the server wants every client to log in') as string,
    });
    expect(anonymous.state).toBe('authFailed');
    const wrong = client(server, { sasl: { ...login, password: 'x' } });
    await expect(wrong.connect()).rejects.toMatchObject({ code: KeeperCode.AUTHFAILED });
  });

  it('does not start without users', async () => {
    await expect(started({ enforcedSchemes: ['sasl'] })).rejects.toThrow('a JAAS file with a section Server has them');
  });

  it('is told the login again on every connection, before anything else', async () => {
    const server = await started({ saslUsers, enforcedSchemes: ['sasl'] });
    const known = client(server, { sasl: login });
    await known.connect();
    const { sessionId } = known;
    await known.create('/a', null, { acl: creatorAllAcl });
    await known.create('/e', null, { mode: CreateMode.ephemeral, acl: creatorAllAcl });
    const changed = new Promise((resolve) => void known.getData('/a', resolve));
    await known.sync('/');
    for (let i = 0; i < 3; i++) {
      const lost = new Promise<void>((resolve) => {
        const stop = known.onState((state) => {
          if (state !== 'disconnected') return;
          stop();
          resolve();
        });
      });
      server.disconnectClients();
      await lost;
      expect((await known.retryUntilConnected(() => known.getData('/e'))).stat.ephemeralOwner).toBe(sessionId);
    }
    await known.setData('/a', Buffer.from('x'));
    expect(await changed).toEqual({ type: EventType.nodeDataChanged, path: '/a' });
  });
});

it('a client with a login refuses a server without', async () => {
  const server = await started({});
  const made = client(server, { sasl: login });
  await expect(made.connect()).rejects.toMatchObject({ code: KeeperCode.AUTHFAILED });
});
