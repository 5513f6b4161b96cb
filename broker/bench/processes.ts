/** The programs of a benchmark: started, measured, ended with it. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';

export const root = path.resolve(__dirname, '../..');
export const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'odradek-bench-'));

const children = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
  fs.rmSync(directory, { recursive: true, force: true });
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(1));

/** Progress goes to standard error, the table alone to standard output. */
export function say(text: string): void {
  process.stderr.write(`bench: ${text}\n`);
}

/** `log` has the end of what it printed. */
export type Running = ChildProcess & { log: string };

export function start(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Running {
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  const started = Object.assign(child, { log: '' });
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (started.log = (started.log + text).slice(-100_000)));
  }
  children.add(child);
  child.on('exit', () => children.delete(child));
  return started;
}

export function kill(child: Running): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve();
    child.on('exit', () => resolve());
    child.kill('SIGKILL');
  });
}

/** What a client program printed. */
export type Figures = Readonly<Record<string, number>>;

/** Runs a client program; the last line that it prints is its figures. */
export function json(binary: string, ...args: (string | number)[]): Promise<Figures> {
  return new Promise((resolve, reject) => {
    const child = start(binary, args.map(String));
    child.on('close', (status) => {
      const line = child.log.trim().split('\n').at(-1) ?? '';
      if (status === 0) resolve(JSON.parse(line) as Figures);
      else reject(new Error(`${binary} ${args.join(' ')} ended with ${status}: ${child.log}`));
    });
  });
}

export function compile(name: string, ...libraries: string[]): string {
  const binary = path.join(directory, name);
  const source = path.join(__dirname, 'clients', `${name}.c`);
  try {
    execFileSync('gcc', ['-O2', '-o', binary, source, ...libraries], { stdio: ['ignore', 'ignore', 'pipe'] });
  } catch (error) {
    throw new Error(
      `${source} could not be compiled; on Debian: apt-get install gcc libc6-dev librdkafka-dev (${(error as Error).message})`,
    );
  }
  return binary;
}

export function cpuSeconds(pid: number): number {
  const fields = fs.readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

export function residentBytes(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) * 1024;
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = net.createServer().on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as net.AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
