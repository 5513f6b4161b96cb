import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { nodeIo } from '../../broker/src/io/node/index';
import { silentLogger } from '../../broker/src/logging/logger';
import { ZooKeeperClient } from '../../broker/src/zookeeper/client';
import { freePort, installApache, output, peers, Running } from './harness';

/** Who the ensemble knows. */
export const login = { username: 'kafka', password: 'se"cr\\et' };

export interface Certificates {
  /** PEM: the authority; a key and its certificate, which names localhost and not 127.0.0.1. */
  readonly authority: string;
  readonly pem: string;
  /** PKCS #12 of the same, with the password `changeit`. */
  readonly pkcs12: string;
  /** PEM of an authority that nobody trusts. */
  readonly otherAuthority: string;
}

/** Makes certificates by openssl. */
export async function makeCertificates(directory: string): Promise<Certificates> {
  mkdirSync(directory, { recursive: true });
  const file = (name: string): string => path.join(directory, name);
  const openssl = (...args: string[]): Promise<string> => output('openssl', args, { cwd: directory });
  for (const name of ['authority', 'other']) {
    await openssl(
      ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', `/CN=${name}`],
      ...['-keyout', `${name}.key`, '-out', `${name}.pem`],
    );
  }
  await openssl(
    'req',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-subj',
    '/CN=kafka',
    '-keyout',
    'kafka.key',
    '-out',
    'kafka.csr',
  );
  writeFileSync(file('names'), 'subjectAltName=DNS:localhost\n');
  await openssl(
    ...['x509', '-req', '-in', 'kafka.csr', '-CA', 'authority.pem', '-CAkey', 'authority.key', '-CAcreateserial'],
    ...['-days', '2', '-extfile', 'names', '-out', 'kafka.crt'],
  );
  await openssl(
    ...[
      'pkcs12',
      '-export',
      '-in',
      'kafka.crt',
      '-inkey',
      'kafka.key',
      '-passout',
      'pass:changeit',
      '-out',
      'kafka.p12',
    ],
  );
  writeFileSync(
    file('kafka.pem'),
    (await output('cat', [file('kafka.key')])) + (await output('cat', [file('kafka.crt')])),
  );
  return {
    authority: file('authority.pem'),
    pem: file('kafka.pem'),
    pkcs12: file('kafka.p12'),
    otherAuthority: file('other.pem'),
  };
}

/** A JAAS file as the manifests have it, for servers and clients. */
export function writeJaasFile(file: string): void {
  const quoted = `"${login.password.replaceAll(/["\\]/g, '\\$&')}"`;
  const digest = 'org.apache.zookeeper.server.auth.DigestLoginModule required';
  writeFileSync(
    file,
    `Server { ${digest} user_${login.username}=${quoted}; };\n` +
      `Client { ${digest} username="${login.username}" password=${quoted}; };\n`,
  );
}

/** One server of an ensemble, as a process. */
export class EnsembleServer {
  private process: Running | undefined;

  constructor(
    readonly port: number,
    readonly tlsPort: number,
    private readonly config: string,
    private readonly jaas: string,
  ) {}

  get connectString(): string {
    return `127.0.0.1:${this.port}`;
  }

  launch(): void {
    const jvm = `-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Djava.security.auth.login.config=${this.jaas}`;
    this.process = new Running(path.join(peers, 'kafka'), ['3.9', 'zookeeper', this.config], {
      env: { KAFKA_JVM: jvm },
    });
  }

  signal(signal: NodeJS.Signals): void {
    process.kill(this.process!.pid, signal);
  }

  async kill(): Promise<void> {
    await this.process?.stop('SIGKILL');
  }

  get log(): string {
    return this.process?.log ?? '';
  }

  /** leader or follower; undefined while it is neither. */
  async mode(): Promise<string | undefined> {
    const srvr = await fourLetterWord(this.port, 'srvr');
    return /^Mode: (\w+)$/m.exec(srvr)?.[1];
  }
}

async function fourLetterWord(port: number, word: string): Promise<string> {
  const { network } = nodeIo();
  try {
    const socket = await network.connect({ host: '127.0.0.1', port, timeoutMs: 2000 });
    return await new Promise((resolve) => {
      let text = '';
      const giveUp = setTimeout(() => socket.destroy(), 2000);
      socket.handle({
        data: (bytes) => void (text += bytes.toString()),
        drained: () => {},
        ended: () => socket.end(),
        closed: () => {
          clearTimeout(giveUp);
          resolve(text);
        },
      });
      socket.write([Buffer.from(word)]);
    });
  } catch {
    return '';
  }
}

/** Three servers of Apache ZooKeeper 3.8.4 on loopback, with SASL DIGEST-MD5 and TLS; who does not log in is served, too. */
export class ZooKeeperEnsemble implements AsyncDisposable {
  private constructor(
    readonly servers: readonly EnsembleServer[],
    readonly jaas: string,
    readonly certificates: Certificates,
  ) {}

  static async start(directory: string, size = 3): Promise<ZooKeeperEnsemble> {
    installApache('3.9');
    const certificates = await makeCertificates(path.join(directory, 'certificates'));
    const jaas = path.join(directory, 'jaas.conf');
    writeJaasFile(jaas);
    const ids = Array.from({ length: size }, (_, i) => i + 1);
    const members: string[] = [];
    for (const id of ids) members.push(`server.${id}=127.0.0.1:${await freePort()}:${await freePort()}`);
    const servers: EnsembleServer[] = [];
    for (const id of ids) {
      const data = path.join(directory, `zookeeper-${id}`);
      mkdirSync(data, { recursive: true });
      writeFileSync(path.join(data, 'myid'), `${id}\n`);
      const [port, tlsPort] = [await freePort(), await freePort()];
      const config = path.join(data, 'zoo.cfg');
      writeFileSync(
        config,
        [
          ...['tickTime=500', 'initLimit=40', 'syncLimit=6', `dataDir=${data}`, 'maxClientCnxns=0', ...members],
          ...[`clientPort=${port}`, 'clientPortAddress=127.0.0.1', `secureClientPort=${tlsPort}`],
          ...['serverCnxnFactory=org.apache.zookeeper.server.NettyServerCnxnFactory', '4lw.commands.whitelist=*'],
          'authProvider.sasl=org.apache.zookeeper.server.auth.SASLAuthenticationProvider',
          'authProvider.x509=org.apache.zookeeper.server.auth.X509AuthenticationProvider',
          ...[`ssl.keyStore.location=${certificates.pem}`, `ssl.trustStore.location=${certificates.authority}`],
          ...['ssl.clientAuth=want', 'ssl.hostnameVerification=false', 'admin.enableServer=false', ''],
        ].join('\n'),
      );
      servers.push(new EnsembleServer(port, tlsPort, config, jaas));
    }
    const ensemble = new ZooKeeperEnsemble(servers, jaas, certificates);
    await ensemble.launch();
    return ensemble;
  }

  get connectString(): string {
    return this.servers.map(({ connectString }) => connectString).join(',');
  }

  /** KAFKA_OPTS that log in. */
  get kafkaOpts(): string {
    return `-Djava.security.auth.login.config=${this.jaas}`;
  }

  /** Starts the servers that do not run and waits until each takes a session. */
  async launch(...servers: readonly EnsembleServer[]): Promise<void> {
    const which = servers.length === 0 ? this.servers : servers;
    for (const server of which) server.launch();
    await Promise.all(which.map((server) => served(server)));
  }

  async leader(): Promise<EnsembleServer> {
    for (;;) {
      const modes = await Promise.all(this.servers.map((server) => server.mode()));
      const leader = this.servers[modes.indexOf('leader')];
      if (leader !== undefined) return leader;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.servers.map((server) => server.kill()));
  }
}

async function served(server: EnsembleServer): Promise<void> {
  const options = { connectString: server.connectString, sessionTimeoutMs: 10_000, connectionTimeoutMs: 60_000 };
  const client = new ZooKeeperClient(nodeIo(), silentLogger, options);
  try {
    await client.connect();
    await client.sync('/');
  } catch (error) {
    throw new Error(`${String(error)}\n${server.log}`, { cause: error });
  } finally {
    await client.close();
  }
}
