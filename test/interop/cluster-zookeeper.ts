import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { nodeIo } from '../../broker/src/io/node';
import { silentLogger } from '../../broker/src/logging/logger';
import { ZooKeeperClient } from '../../broker/src/zookeeper/client';
import { isKeeperException } from '../../broker/src/zookeeper/keeper-exception';
import { KeeperCode } from '../../broker/src/zookeeper/requests';
import { freePort, peers, reachable, Running, startOdradek } from './harness';

const handedOut = new Set<number>();

/** A free port that was not given to anybody else in this process. */
export async function ownPort(): Promise<number> {
  for (;;) {
    const port = await freePort();
    if (handedOut.has(port)) continue;
    handedOut.add(port);
    return port;
  }
}

export const pause = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Asks again and again until the answer is there; what it asks may fail meanwhile. */
export async function until<T>(
  what: string,
  ask: () => Promise<T | undefined | false> | T | undefined | false,
  { timeoutMs = 60_000, everyMs = 50 } = {},
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  let last: unknown;
  for (;;) {
    try {
      const answer = await ask();
      if (answer !== undefined && answer !== false) return answer;
      last = undefined;
    } catch (error) {
      last = error;
    }
    if (performance.now() > deadline) {
      throw new Error(`${what}: not within ${timeoutMs} ms`, last === undefined ? undefined : { cause: last });
    }
    await pause(everyMs);
  }
}

/** A znode as it is read while one waits for it. */
export interface Znode {
  readonly data: string;
  readonly version: number;
}

/** The servers of a ZooKeeper: three of Apache ZooKeeper 3.8.4, or the embedded one. Their data outlive them. */
export class Ensemble implements AsyncDisposable {
  readonly servers: (Running | undefined)[] = [];
  #reader: ZooKeeperClient | undefined;

  private constructor(
    readonly kind: 'apache' | 'embedded',
    private readonly directory: string,
    readonly ports: readonly number[],
    private readonly quorumPorts: readonly (readonly [number, number])[],
  ) {}

  /** Resolves when a client gets a session. */
  static async start(directory: string, kind: 'apache' | 'embedded' = 'apache', size = 3): Promise<Ensemble> {
    const ports: number[] = [];
    const quorum: [number, number][] = [];
    for (let i = 0; i < (kind === 'apache' ? size : 1); i++) {
      ports.push(await ownPort());
      quorum.push([await ownPort(), await ownPort()]);
    }
    const ensemble = new Ensemble(kind, directory, ports, quorum);
    await ensemble.startAll();
    return ensemble;
  }

  get connectString(): string {
    return this.ports.map((port) => `127.0.0.1:${port}`).join(',');
  }

  async startAll(): Promise<void> {
    for (const i of this.ports.keys()) if (this.servers[i] === undefined) this.#start(i);
    for (const [i, port] of this.ports.entries()) await reachable(port, this.servers[i]);
    await until('a session of ZooKeeper', () => this.children('/'), { timeoutMs: 90_000 });
  }

  /** Starts one server of the ensemble again. */
  async startServer(index: number): Promise<void> {
    this.#start(index);
    await until(`server ${index} in the quorum`, async () => (await this.modeOf(index)) !== undefined);
  }

  #start(index: number): void {
    const data = path.join(this.directory, `zookeeper-${index}`);
    mkdirSync(data, { recursive: true });
    if (this.kind === 'embedded') {
      this.servers[index] = startOdradek('zookeeper', '--port', String(this.ports[index]), '--data-dir', data);
      return;
    }
    const config = path.join(data, 'zoo.cfg');
    writeFileSync(path.join(data, 'myid'), String(index + 1));
    const lines = [
      ...['tickTime=500', 'initLimit=40', 'syncLimit=20', `dataDir=${data}`, `clientPort=${this.ports[index]}`],
      ...['clientPortAddress=127.0.0.1', 'admin.enableServer=false', 'maxClientCnxns=0'],
      ...['4lw.commands.whitelist=*', 'standaloneEnabled=false', 'forceSync=no'],
      ...this.quorumPorts.map(([peer, election], i) => `server.${i + 1}=127.0.0.1:${peer}:${election}`),
    ];
    writeFileSync(config, `${lines.join('\n')}\n`);
    const small = '-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xshare:auto -Djava.awt.headless=true';
    const env = { KAFKA_HEAP: '-Xmx128M', KAFKA_JVM: `${small} -Dzookeeper.admin.enableServer=false` };
    this.servers[index] = new Running(path.join(peers, 'kafka'), ['3.9', 'zookeeper', config], { env });
  }

  /** What a server says of itself: leader, follower or standalone; undefined while it is in no quorum. */
  async modeOf(index: number): Promise<string | undefined> {
    return /^Mode: (\w+)/m.exec(await fourLetters(this.ports[index], 'srvr'))?.[1];
  }

  /** The index of the ensemble's leader. */
  leader(): Promise<number> {
    return until('a leader of ZooKeeper', async () => {
      for (const i of this.ports.keys()) {
        if (this.servers[i] === undefined) continue;
        const mode = await this.modeOf(i);
        if (mode === 'leader' || mode === 'standalone') return i;
      }
      return undefined;
    });
  }

  async stopServer(index: number, signal: NodeJS.Signals): Promise<void> {
    const server = this.servers[index];
    this.servers[index] = undefined;
    await server?.stop(signal);
  }

  async stopAll(signal: NodeJS.Signals): Promise<void> {
    await Promise.all(this.servers.map((_, i) => this.stopServer(i, signal)));
  }

  /** Undefined where there is no such znode. For waiting: what is shown is read with Apache's shell. */
  async read(znode: string): Promise<Znode | undefined> {
    try {
      const { data, stat } = await (await this.#client()).getData(znode);
      return { data: data?.toString() ?? '', version: stat.version };
    } catch (error) {
      if (isKeeperException(error, KeeperCode.NONODE)) return undefined;
      throw error;
    }
  }

  async children(znode: string): Promise<readonly string[] | undefined> {
    try {
      return await (await this.#client()).getChildren(znode);
    } catch (error) {
      if (isKeeperException(error, KeeperCode.NONODE)) return undefined;
      throw error;
    }
  }

  async #client(): Promise<ZooKeeperClient> {
    const known = this.#reader;
    if (known?.state === 'connected') return known;
    this.#reader = undefined;
    void known?.close().catch(() => undefined);
    const client = new ZooKeeperClient(nodeIo(), silentLogger, {
      connectString: this.connectString,
      sessionTimeoutMs: 10_000,
      connectionTimeoutMs: 5000,
    });
    try {
      await client.connect();
    } catch (error) {
      void client.close().catch(() => undefined);
      throw error;
    }
    this.#reader = client;
    return client;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    void this.#reader?.close().catch(() => undefined);
    await this.stopAll('SIGKILL');
  }
}

function fourLetters(port: number, command: string): Promise<string> {
  return new Promise((resolve) => {
    let answer = '';
    const socket = net.connect(port, '127.0.0.1', () => socket.write(command));
    socket.setEncoding('utf8').on('data', (text: string) => (answer += text));
    socket.setTimeout(2000, () => socket.destroy());
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(answer));
  });
}

/** A znode as zookeeper-shell prints it. */
export interface ShellZnode {
  /** `null` where it was created without data. */
  readonly data: string;
  readonly dataVersion: number;
  /** Changes of its children so far. */
  readonly cversion: number;
  readonly ephemeral: boolean;
}

/** Apache's zookeeper-shell, one process for many commands. */
export class ZooKeeperShell implements AsyncDisposable {
  readonly #child: ChildProcessWithoutNullStreams;
  #output = '';
  #heard: () => void = () => undefined;
  #commands = 0;
  #last: Promise<unknown> = Promise.resolve();

  constructor(connectString: string) {
    // The mark that ends an answer comes by standard error: over a pipe of its own it would overtake the answer.
    this.#child = spawn('sh', [
      ...['-c', 'exec "$0" "$@" 2>&1', path.join(peers, 'kafka')],
      ...['3.9', 'class', 'org.apache.zookeeper.ZooKeeperMainWithTlsSupportForKafka'],
      ...['-server', connectString],
    ]);
    const keep = (text: string): void => {
      this.#output += text;
      this.#heard();
    };
    this.#child.stdout.setEncoding('utf8').on('data', keep);
    this.#child.stderr.setEncoding('utf8').on('data', keep);
    this.#child.stdin.on('error', () => undefined);
  }

  /** What the shell prints for one command. */
  run(command: string, timeoutMs = 30_000): Promise<string> {
    const ran = this.#last.then(() => this.#run(command, timeoutMs));
    this.#last = ran.catch(() => undefined);
    return ran;
  }

  async #run(command: string, timeoutMs: number): Promise<string> {
    // The shell says nothing at a command's end: the complaint about a znode that is not there (or about a lost connection) says it.
    const mark = `/end-of-command-${++this.#commands}`;
    this.#output = '';
    this.#child.stdin.write(`${command}\nget ${mark}\n`);
    const deadline = performance.now() + timeoutMs;
    const end = new RegExp(`^.+ ${mark}$`, 'm');
    for (;;) {
      const found = end.exec(this.#output);
      if (found) return this.#output.slice(0, found.index).replace(/^.*(?:WATCHER::|WatchedEvent).*\n?/gm, '');
      const remaining = deadline - performance.now();
      if (remaining <= 0) throw new Error(`zookeeper-shell ${command}: no end of\n${this.#output}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, remaining);
        this.#heard = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  async get(znode: string): Promise<ShellZnode | undefined> {
    const text = await this.run(`get -s ${znode}`);
    const start = text.search(/^cZxid = 0x[0-9a-f]+$/m);
    if (start < 0) return undefined;
    const stat = new Map([...text.slice(start).matchAll(/^(\w+) = (.*)$/gm)].map(([, name, value]) => [name, value]));
    return {
      data: text.slice(0, start).trim(),
      dataVersion: Number(stat.get('dataVersion')),
      cversion: Number(stat.get('cversion')),
      ephemeral: stat.get('ephemeralOwner') !== '0x0',
    };
  }

  /** The paths of all znodes at and under one. */
  async tree(znode: string): Promise<string[]> {
    const text = await this.run(`ls -R ${znode}`);
    return text.split('\n').filter((line) => line.startsWith('/'));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#child.once('close', resolve));
    this.#child.kill('SIGKILL');
    await closed;
  }
}
