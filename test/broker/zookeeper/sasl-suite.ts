import { afterEach, expect, it } from 'vitest';
import { nodeIo } from '../../../broker/src/io/node/index';
import { silentLogger } from '../../../broker/src/logging/logger';
import { ZooKeeperClient, type ZooKeeperClientOptions } from '../../../broker/src/zookeeper/client';
import type { SaslCredentials } from '../../../broker/src/zookeeper/digest-md5';
import { creatorAllAcl, KeeperCode, Perms, readAcl } from '../../../broker/src/zookeeper/requests';

const io = nodeIo();

/** What logins do on a server that knows one user and serves everyone: the same with ours and with Apache's. */
export function saslSuite(connectString: () => string, login: SaslCredentials): void {
  const clients: ZooKeeperClient[] = [];
  let names = 0;

  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.close()));
  });

  function client(options: Partial<ZooKeeperClientOptions> = {}): ZooKeeperClient {
    const made = new ZooKeeperClient(io, silentLogger, {
      connectString: connectString(),
      sessionTimeoutMs: 10_000,
      connectionTimeoutMs: 10_000,
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

  const newPath = (): string => `/sasl-${process.pid}-${names++}-${io.random.below(1_000_000)}`;

  it('a login owns what it creates', async () => {
    const path = newPath();
    const known = await connected({ sasl: login });
    await known.create(path, Buffer.from('x'), { acl: [...creatorAllAcl, ...readAcl] });
    await known.create(`${path}/secret`, null, { acl: creatorAllAcl });
    expect((await known.getACL(path)).acl).toEqual([
      { perms: Perms.all, id: { scheme: 'sasl', id: login.username } },
      { perms: Perms.read, id: { scheme: 'world', id: 'anyone' } },
    ]);
    const anonymous = await connected();
    expect((await anonymous.getData(path)).data).toEqual(Buffer.from('x'));
    await expect(anonymous.setData(path, null)).rejects.toMatchObject({ code: KeeperCode.NOAUTH });
    await expect(anonymous.getData(`${path}/secret`)).rejects.toMatchObject({ code: KeeperCode.NOAUTH });
    const again = await connected({ sasl: login });
    expect((await again.getData(`${path}/secret`)).data).toBeNull();
    await again.delete(`${path}/secret`);
    await again.delete(path);
  });

  it('a login goes along with other credentials', async () => {
    const path = newPath();
    const auth = [{ scheme: 'digest', auth: Buffer.from('me:x') }];
    const both = await connected({ sasl: login, auth });
    await both.create(path, null, { acl: creatorAllAcl });
    const { acl } = await both.getACL(path);
    expect(acl.map(({ id }) => id.scheme).sort()).toEqual(['digest', 'sasl']);
    await both.delete(path);
  });

  it.each([
    ['a wrong password', { username: login.username, password: 'wrong' }],
    ['an unknown user', { username: 'nobody', password: 'x' }],
  ])('%s ends the session, and says why', async (_, sasl) => {
    const made = client({ sasl });
    await expect(made.connect()).rejects.toMatchObject({
      code: KeeperCode.AUTHFAILED,
      message: expect.stringMatching(/refuses this client: .*SASL login/) as string,
    });
    expect(made.state).toBe('authFailed');
  });
}
