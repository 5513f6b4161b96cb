import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nodeIo } from '../../broker/src/io/node/index';
import { silentLogger } from '../../broker/src/logging/logger';
import { ZooKeeperClient } from '../../broker/src/zookeeper/client';
import { KeeperCode } from '../../broker/src/zookeeper/requests';
import { freePort, output, peers, root, run, Running, temporaryDirectory, writeProperties } from './harness';
import { login, ZooKeeperEnsemble, type EnsembleServer } from './zookeeper-ensemble';

const io = nodeIo();
const directory = temporaryDirectory();
const tool = path.join(peers, 'kafka');
const odradek = path.join(root, 'broker/bin/odradek.js');
const javaOptions = '-XX:+UseSerialGC -XX:TieredStopAtLevel=1';
let ensemble: ZooKeeperEnsemble;

beforeAll(async () => {
  ensemble = await ZooKeeperEnsemble.start(directory.path, 1);
});
afterAll(async () => {
  await ensemble?.[Symbol.asyncDispose]();
  directory[Symbol.dispose]();
});

interface Kind {
  readonly chroot: string;
  start(propertiesFile: string): Running;
  readonly started: RegExp;
}

const apacheKind: Kind = {
  chroot: '/of/apache',
  start: (file) =>
    new Running(tool, ['3.9', 'server', file, '--override', 'log.cleaner.dedupe.buffer.size=16777216'], {
      env: { KAFKA_JVM: `${javaOptions} ${ensemble.kafkaOpts}` },
    }),
  started: /\[KafkaServer id=\d+\] started/,
};

const ourKind: Kind = {
  chroot: '/of/odradek',
  start: (file) =>
    new Running(process.execPath, [odradek, 'broker', file], { env: { KAFKA_OPTS: ensemble.kafkaOpts } }),
  started: /serves clients/,
};

/** Starts a broker, has Apache's tools create a topic and configurations on it; gives every znode's ACL while it runs. */
async function aclsOf({ chroot, start, started }: Kind): Promise<ReadonlyMap<string, string>> {
  const port = await freePort();
  const file = path.join(directory.path, `${path.basename(chroot)}.properties`);
  writeProperties(file, {
    'broker.id': '1',
    listeners: `PLAINTEXT://127.0.0.1:${port}`,
    'log.dirs': path.join(directory.path, path.basename(chroot)),
    'zookeeper.connect': `${ensemble.connectString}${chroot}`,
    'zookeeper.set.acl': 'true',
    'offsets.topic.replication.factor': '1',
    'offsets.topic.num.partitions': '1',
  });
  await using broker = start(file);
  await broker.printed(started, 60_000);
  const bootstrap = ['--bootstrap-server', `127.0.0.1:${port}`];
  const config = ['--config', 'retention.ms=1000000'];
  await output(tool, ['3.9', 'topics', ...bootstrap, '--create', '--topic', 't', '--partitions', '2', ...config]);
  await output(
    tool,
    ['3.9', 'configs', ...bootstrap, '--alter', '--entity-type', 'brokers', '--entity-default'].concat([
      ...['--add-config', 'message.max.bytes=2000000'],
    ]),
  );
  const paths = await pathsBelow(chroot);
  const acls = await shellAcls(paths);
  return new Map(paths.map((znode, i) => [znode.slice(chroot.length) || '/', acls[i]!]));
}

async function pathsBelow(top: string): Promise<string[]> {
  const client = new ZooKeeperClient(io, silentLogger, {
    connectString: ensemble.connectString,
    sessionTimeoutMs: 10_000,
    connectionTimeoutMs: 10_000,
    sasl: login,
  });
  await client.connect();
  const found: string[] = [];
  const visit = async (at: string): Promise<void> => {
    found.push(at);
    for (const name of [...(await client.getChildren(at))].sort()) await visit(`${at}/${name}`);
  };
  await visit(top);
  await client.close();
  return found;
}

/** By Apache's zookeeper-shell, in one run: the answer to printwatches stands between the lists. */
async function shellAcls(paths: readonly string[]): Promise<string[]> {
  const input = paths.map((znode) => `getAcl ${znode}\nprintwatches\n`).join('');
  const printed = await output(tool, ['3.9', 'zookeeper-shell', '-server', ensemble.connectString], {
    input,
    env: { KAFKA_JVM: `${javaOptions} ${ensemble.kafkaOpts}` },
  });
  const lists = printed.split(/printwatches is \w+\n/).map((text) => {
    const lines = text.split('\n');
    return lines.filter((line, i) => line.startsWith("'") || lines[i - 1]?.startsWith("'")).join(' ');
  });
  expect(lists).toHaveLength(paths.length + 1);
  return lists.slice(0, -1);
}

describe('zookeeper.set.acl', () => {
  it("gives every znode the ACL that Apache Kafka's has, read by Apache's zookeeper-shell", async () => {
    const [theirs, ours] = [await aclsOf(apacheKind), await aclsOf(ourKind)];
    expect(theirs.get('/brokers/ids/1')).toBe("'sasl,'kafka : cdrwa 'world,'anyone : r");
    expect(theirs.get('/config/brokers/<default>')).toBe("'sasl,'kafka : cdrwa");
    // The znodes themselves are compared elsewhere.
    for (const [znode, acl] of ours) expect([znode, acl]).toEqual([znode, theirs.get(znode)]);
    expect(ours.size).toBeGreaterThan(30);
  });

  it('keeps out who has no login: tools by --zookeeper and the shell log in by KAFKA_OPTS as well', async () => {
    const shell = (env: Readonly<Record<string, string>>, ...words: readonly string[]) =>
      run(process.execPath, [odradek, 'zookeeper-shell', ensemble.connectString, ...words], { env });
    const known = { KAFKA_OPTS: ensemble.kafkaOpts };
    const secret = `${ourKind.chroot}/config/brokers/<default>`;
    expect((await shell(known, 'get', secret)).stdout).toContain('message.max.bytes');
    expect(await shell({ KAFKA_OPTS: '' }, 'get', secret)).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('Insufficient permission') as string,
    });
    const topics = (env: Readonly<Record<string, string>>, ...args: readonly string[]) =>
      run(process.execPath, [odradek, 'topics', '--zookeeper', `${ensemble.connectString}${ourKind.chroot}`, ...args], {
        env,
      });
    const create = ['--create', '--topic', 'by-tool', '--replica-assignment', '1'];
    const anonymous = await topics({ KAFKA_OPTS: '' }, ...create);
    expect(anonymous.status).toBe(1);
    expect(anonymous.stdout + anonymous.stderr).toMatch(/NOAUTH|NoAuth/);
    const created = await topics({ KAFKA_OPTS: ensemble.kafkaOpts }, ...create);
    expect(created.stdout + created.stderr).toContain('Created topic by-tool');
  });

  it('gives them to a certificate by TLS, which the shell takes as well', async () => {
    const [{ tlsPort }] = ensemble.servers as [EnsembleServer];
    const { authority, pkcs12 } = ensemble.certificates;
    const tls = {
      'zookeeper.ssl.client.enable': 'true',
      'zookeeper.clientCnxnSocket': 'org.apache.zookeeper.ClientCnxnSocketNetty',
      'zookeeper.ssl.keystore.location': pkcs12,
      'zookeeper.ssl.keystore.password': 'changeit',
      'zookeeper.ssl.truststore.location': authority,
    };
    const connect = `localhost:${tlsPort}/tls`;
    const file = path.join(directory.path, 'tls.properties');
    writeProperties(file, {
      'broker.id': '1',
      listeners: 'PLAINTEXT://127.0.0.1:0',
      'log.dirs': path.join(directory.path, 'tls'),
      'zookeeper.connect': connect,
      'zookeeper.set.acl': 'true',
      ...tls,
    });
    const env = { KAFKA_OPTS: '' };
    await using broker = new Running(process.execPath, [odradek, 'broker', file], { env });
    await broker.printed(/serves clients/, 60_000);
    const tlsFile = path.join(directory.path, 'zk-tls.properties');
    writeProperties(tlsFile, tls);
    const words = ['-server', connect, '-zk-tls-config-file', tlsFile, 'getAcl', '/config/brokers'];
    const { stdout } = await run(process.execPath, [odradek, 'zookeeper-shell', ...words], { env });
    expect(stdout).toContain("'x509,'CN=kafka\n: cdrwa\n");
    expect(stdout).not.toContain('world');
  });

  it("is served by the embedded ZooKeeper, to which Apache's shell logs in", async () => {
    const port = await freePort();
    const cfg = path.join(directory.path, 'embedded.cfg');
    writeFileSync(
      cfg,
      [
        ...[`dataDir=${path.join(directory.path, 'embedded')}`, `clientPort=${port}`, 'clientPortAddress=127.0.0.1'],
        'authProvider.sasl=org.apache.zookeeper.server.auth.SASLAuthenticationProvider',
        ...['enforce.auth.enabled=true', 'enforce.auth.schemes=sasl', ''],
      ].join('\n'),
    );
    const env = { KAFKA_OPTS: ensemble.kafkaOpts };
    await using server = new Running(process.execPath, [odradek, 'zookeeper', cfg], { env });
    await server.printed(/ZooKeeper is ready/);
    const shell = (jvm: string, ...words: readonly string[]) =>
      run(tool, ['3.9', 'zookeeper-shell', '-server', `127.0.0.1:${port}`, ...words], { env: { KAFKA_JVM: jvm } });
    const known = `${javaOptions} ${ensemble.kafkaOpts}`;
    expect(await shell(known, 'create', '/mine', 'x', 'auth::cdrwa')).toMatchObject({ status: 0 });
    expect((await shell(known, 'getAcl', '/mine')).stdout).toContain("'sasl,'kafka\n: cdrwa");
    expect((await shell(javaOptions, 'get', '/mine')).stderr).toMatch(
      /Session closed because client failed|AuthFailed/i,
    );
  });

  it('needs somebody to give the znodes to', async () => {
    const file = path.join(directory.path, 'nobody.properties');
    writeProperties(file, {
      'broker.id': '1',
      listeners: 'PLAINTEXT://127.0.0.1:0',
      'log.dirs': path.join(directory.path, 'nobody'),
      'zookeeper.connect': `${ensemble.connectString}/nobody`,
      'zookeeper.set.acl': 'true',
    });
    const { status, stdout, stderr } = await run(process.execPath, [odradek, 'broker', file], {
      env: { KAFKA_OPTS: '' },
    });
    expect(status).toBe(1);
    expect(stdout + stderr).toMatch(/zookeeper\.set\.acl is true, but nothing says who this broker is to ZooKeeper/);
    const client = new ZooKeeperClient(io, silentLogger, {
      connectString: ensemble.connectString,
      sessionTimeoutMs: 10_000,
      connectionTimeoutMs: 10_000,
    });
    await client.connect();
    await expect(client.getData('/nobody')).rejects.toMatchObject({ code: KeeperCode.NONODE });
    await client.close();
  });
});
