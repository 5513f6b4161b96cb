import { execFileSync, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';

export const root = path.resolve(__dirname, '../..');
export const peers = path.join(root, 'test/peers');

export interface Finished {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly input?: string | Buffer;
  readonly timeoutMs?: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

/** Runs a program to its end; a run that takes longer than `timeoutMs` is killed and rejects. */
export function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  const { input, timeoutMs = 60_000, env, cwd } = options;
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { env: { ...process.env, ...env }, cwd, stdio: ['pipe', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.stdin.on('error', () => undefined);
    child.stdin.end(input ?? '');
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`${command} ${args.join(' ')} took longer than ${timeoutMs} ms\n${stdout}\n${stderr}`));
    }, timeoutMs);
    child.on('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.on('close', (status) => {
      clearTimeout(timer);
      resolve({ status, stdout, stderr });
    });
  });
}

/** Runs a program that has to succeed; gives what it printed. */
export async function output(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const { status, stdout, stderr } = await run(command, args, options);
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status}\n${stdout}\n${stderr}`);
  return stdout;
}

/** A tool of Apache Kafka: `apache('3.9', 'topics', '--list', …)`. */
export function apache(version: '3.9' | '2.4', tool: string, ...args: readonly string[]): Promise<Finished> {
  return run(path.join(peers, 'kafka'), [version, tool, ...args], { timeoutMs: 120_000 });
}

let python: string | undefined;

/** The interpreter of the virtual environment that has kafka-python and kazoo. */
export function pythonInterpreter(): string {
  python ??= execFileSync(path.join(peers, 'install-python'), { encoding: 'utf8' }).trim();
  return python;
}

/** Makes sure that Apache Kafka's jars are there. */
export function installApache(...versions: readonly string[]): void {
  execFileSync(path.join(peers, 'install'), versions, { stdio: 'inherit' });
}

/** A directory that goes when it is disposed of. */
export function temporaryDirectory(): Disposable & { readonly path: string } {
  const directory = mkdtempSync(path.join(tmpdir(), 'odradek-interop-'));
  return { path: directory, [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }) };
}

const handedOut = new Set<number>();

/**
 * A port that nobody listens on at this moment. Not one of those that the system gives to whoever asks for any (from
 * 32768 on, connections that go out among them): it would soon be another's.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(16_384, 32_768);
    if (!handedOut.has(port) && (await isFree(port))) {
      handedOut.add(port);
      return port;
    }
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.on('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/** A program that runs until it is stopped. Its output is kept. */
export class Running implements AsyncDisposable {
  log = '';
  readonly #child: ReturnType<typeof spawn>;
  readonly #ended: Promise<number | null>;
  #waiting: (() => void)[] = [];
  #hasEnded = false;

  constructor(command: string, args: readonly string[], options: Pick<RunOptions, 'env' | 'cwd'> = {}) {
    this.#child = spawn(command, args, {
      env: { ...process.env, ...options.env },
      cwd: options.cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const keep = (text: string): void => {
      this.log += text;
      for (const check of this.#waiting.splice(0)) check();
    };
    this.#child.stdout!.setEncoding('utf8').on('data', keep);
    this.#child.stderr!.setEncoding('utf8').on('data', keep);
    this.#ended = new Promise((resolve) => {
      this.#child.on('close', (status) => {
        this.#hasEnded = true;
        keep('');
        resolve(status);
      });
    });
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** Resolves with the match when the output has it; rejects when the program ends first or after `timeoutMs`. */
  printed(pattern: RegExp, timeoutMs = 30_000): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${pattern} was not printed:\n${this.log}`)), timeoutMs);
      const check = (): void => {
        const match = pattern.exec(this.log);
        if (match) {
          clearTimeout(timer);
          resolve(match);
        } else if (this.#hasEnded) {
          clearTimeout(timer);
          reject(new Error(`the program ended before it printed ${pattern}:\n${this.log}`));
        } else {
          this.#waiting.push(check);
        }
      };
      check();
    });
  }

  /** Sends a signal; resolves with the exit status when the program has ended. */
  async stop(signal: NodeJS.Signals = 'SIGTERM', timeoutMs = 60_000): Promise<number | null> {
    if (!this.#hasEnded) this.#child.kill(signal);
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), timeoutMs);
    const status = await this.#ended;
    clearTimeout(timer);
    return status;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop('SIGKILL');
  }
}

const odradek = path.join(root, 'broker/bin/odradek.js');

/** Starts `odradek …`. */
export function startOdradek(...args: readonly string[]): Running {
  return new Running(process.execPath, [odradek, ...args]);
}

export interface BrokerProcess extends AsyncDisposable {
  readonly bootstrap: string;
  readonly zookeeper: string;
  readonly logDir: string;
  readonly propertiesFile: string;
  broker: Running;
  /** Ends the broker with a signal and starts it again on the same directory. */
  restart(signal: NodeJS.Signals): Promise<void>;
}

/** A broker and its ZooKeeper as processes of their own, with their data under `directory`. */
export async function startBrokerProcess(
  directory: string,
  properties: Readonly<Record<string, string>> = {},
  args: readonly string[] = [],
): Promise<BrokerProcess> {
  const zookeeperPort = await freePort();
  const port = await freePort();
  const zookeeper = startOdradek(
    'zookeeper',
    '--port',
    String(zookeeperPort),
    '--data-dir',
    path.join(directory, 'zookeeper'),
  );
  await reachable(zookeeperPort, zookeeper);
  const logDir = path.join(directory, 'logs');
  const propertiesFile = path.join(directory, 'server.properties');
  const all = {
    'broker.id': '1',
    listeners: `PLAINTEXT://127.0.0.1:${port}`,
    'log.dirs': logDir,
    'zookeeper.connect': `127.0.0.1:${zookeeperPort}`,
    'zookeeper.session.timeout.ms': '6000',
    'offsets.topic.replication.factor': '1',
    'offsets.topic.num.partitions': '5',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'group.initial.rebalance.delay.ms': '0',
    ...properties,
  };
  writeProperties(propertiesFile, all);
  const start = async (): Promise<Running> => {
    const broker = startOdradek('broker', propertiesFile, ...args);
    await broker.printed(/serves clients/);
    return broker;
  };
  const started: BrokerProcess = {
    bootstrap: `127.0.0.1:${port}`,
    zookeeper: `127.0.0.1:${zookeeperPort}`,
    logDir,
    propertiesFile,
    broker: await start(),
    async restart(signal) {
      await this.broker.stop(signal);
      this.broker = await start();
    },
    async [Symbol.asyncDispose]() {
      await this.broker.stop('SIGKILL');
      await zookeeper.stop('SIGKILL');
    },
  };
  return started;
}

export type Properties = Readonly<Record<string, string>>;

/** A server.properties of these keys, for either broker. */
export function writeProperties(file: string, properties: Properties): void {
  writeFileSync(
    file,
    Object.entries(properties)
      .map(([key, value]) => `${key}=${value}\n`)
      .join(''),
  );
}

/** Starts Apache Kafka 3.9 with a server.properties; resolves when it serves clients. Its cleaner gets little memory. */
export async function startApacheBroker(propertiesFile: string): Promise<Running> {
  const small = ['--override', 'log.cleaner.dedupe.buffer.size=16777216'];
  const broker = new Running(path.join(peers, 'kafka'), ['3.9', 'server', propertiesFile, ...small]);
  try {
    await broker.printed(/\[KafkaServer id=\d+\] started/, 60_000);
    // It serves clients before its controller has told it of any broker, and refuses to create a topic until then.
    const [, address] =
      /^listeners=\w+:\/\/([^,\s]+)/m.exec(readFileSync(propertiesFile, 'utf8').replaceAll('\\', '')) ?? [];
    const [, id] = /^(?:broker|node)\.id=(\d+)/m.exec(readFileSync(propertiesFile, 'utf8')) ?? [];
    const isKnown = new RegExp(`^ {2}broker ${id} at `, 'm');
    const deadline = performance.now() + 60_000;
    while (!isKnown.test((await run('kcat', ['-b', `${address}`, '-L'])).stdout)) {
      if (performance.now() > deadline) throw new Error(`${address} does not know broker ${id}\n${broker.log}`);
    }
  } catch (error) {
    await broker.stop('SIGKILL');
    throw error;
  }
  return broker;
}

/** Resolves when something listens on the port of 127.0.0.1. */
export async function reachable(port: number, owner?: Running, timeoutMs = 60_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const isThere = await new Promise<boolean>((resolve) => {
      const socket = net.connect(port, '127.0.0.1', () => {
        socket.destroy();
        resolve(true);
      });
      socket.on('error', () => resolve(false));
    });
    if (isThere) return;
    if (performance.now() > deadline) throw new Error(`nothing listens on port ${port}\n${owner?.log ?? ''}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
