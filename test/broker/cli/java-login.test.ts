import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CommandError } from '../../../broker/src/cli/cli-error';
import { zooKeeperClientLogin, zooKeeperServerUsers } from '../../../broker/src/cli/zookeeper/java-login';
import { nodeIo } from '../../../broker/src/io/node';

const io = nodeIo();
const key = 'java.security.auth.login.config';
let directory: string;
let file: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'odradek-login-'));
  file = join(directory, 'jaas.conf');
  const digest = 'org.apache.zookeeper.server.auth.DigestLoginModule required';
  writeFileSync(
    file,
    `Client { ${digest} username="kafka" password="\${secret}"; };\n` +
      `Other { ${digest} username="other" password="y"; };\nServer { ${digest} user_kafka="x"; };\n`,
  );
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

describe('the login of Java options', () => {
  it.each(['', 'file:', 'file://', '='])('is that of the file which KAFKA_OPTS names (%s)', async (prefix) => {
    const env = { KAFKA_OPTS: `-Xmx1g  -D${key}=${prefix}${file} -Dsecret=s=1` };
    expect(await zooKeeperClientLogin({ io, env })).toEqual({ username: 'kafka', password: 's=1' });
  });

  it('is nobody without a file', async () => {
    expect(await zooKeeperClientLogin({ io, env: {} })).toBeUndefined();
    expect(await zooKeeperClientLogin({ io, env: { KAFKA_OPTS: '-Dx=y' } })).toBeUndefined();
    expect(await zooKeeperServerUsers({ io, env: {} })).toBeUndefined();
  });

  it('is another by the last of the options, in ZooKeeper’s own variable as well', async () => {
    const env = {
      KAFKA_OPTS: `-D${key}=/nowhere`,
      CLIENT_JVMFLAGS: `-D${key}=${file} -Dzookeeper.sasl.clientconfig=Other -Dsecret=x`,
      SERVER_JVMFLAGS: `-D${key}=${file} -Dsecret=x`,
    };
    expect((await zooKeeperClientLogin({ io, env }))?.username).toBe('other');
    expect(await zooKeeperServerUsers({ io, env })).toEqual(new Map([['kafka', 'x']]));
  });

  it('is told from a file that cannot be used', async () => {
    const login = (options: string) => zooKeeperClientLogin({ io, env: { KAFKA_OPTS: options } });
    await expect(login(`-D${key}=/nowhere`)).rejects.toThrow(`KAFKA_OPTS: -D${key}=/nowhere cannot be read: ENOENT`);
    await expect(login(`-D${key}=${file}`)).rejects.toThrow(
      `${file} is not a JAAS configuration: line 1: the system property secret in the option password is not set`,
    );
    await expect(login(`-D${key}=${file}`)).rejects.toBeInstanceOf(CommandError);
    await expect(login(`-D${key}=${file} -Dsecret=x -Dzookeeper.sasl.client=false`)).rejects.toThrow(
      'zookeeper.sasl.client=false forbids to log in',
    );
  });
});
