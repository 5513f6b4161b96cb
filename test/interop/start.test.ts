import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { output, root, run, Running, temporaryDirectory } from './harness';

const directory = temporaryDirectory();
const dataDir = path.join(directory.path, 'data');
const bin = path.join(root, 'node_modules/.bin');
// As npm runs a package's scripts, and a user's shell the commands.
const env = { PATH: `${bin}:${process.env.PATH}`, CDK8S_CHECK_UPGRADE: 'false' };

interface Started {
  readonly running: Running;
  readonly bootstrap: string;
  /** The commands to try, as they are printed. */
  readonly commands: readonly string[];
}

async function start(...options: readonly string[]): Promise<Started> {
  const running = new Running('npm', ['start', '--', '--data-dir', dataDir, '--port', '0', ...options], {
    cwd: root,
    env,
  });
  const [, addresses = ''] = await running.printed(/^Kafka answers at (\S+)$/m, 120_000);
  const [bootstrap = '', ...others] = addresses.split(',');
  expect(others).toHaveLength(2);
  await running.printed(/^Ctrl-C stops it/m);
  const commands = running.log.split('\n').flatMap((line) => (/^ {2}.*npx odradek /.test(line) ? [line.trim()] : []));
  return { running, bootstrap, commands };
}

/** The servers that were given files of a data directory, from /proc; the tool itself is given the directory. */
function serversOn(dataDirectory: string, file = ''): string[] {
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(`\0${dataDirectory}/${file}`);
    } catch {
      return false; // it has ended
    }
  });
}

function shell(command: string): Promise<string> {
  return output('sh', ['-c', command], { cwd: root, env });
}

afterAll(() => directory[Symbol.dispose]());

describe('npm start', () => {
  let started: Started;

  beforeAll(async () => {
    started = await start();
  });

  afterAll(async () => {
    await started.running.stop('SIGTERM');
  });

  it('says what is another value here than in the manifests', () => {
    const { log } = started.running;
    expect(log).toContain(`Data: ${dataDir}`);
    expect(log).toContain('server.properties of ConfigMap bigdata/kafka-config, as it is but for (kafka-0; the others');
    expect(log).toContain(`  listeners: INTERNAL://:9092 -> INTERNAL://${started.bootstrap}`);
    expect(log).not.toContain('replication.factor');
    expect(log).not.toMatch(/WARN|ERROR/);
    expect(log).toContain(`  log.dirs: /var/lib/kafka/data/log -> ${dataDir}/kafka-0/var/lib/kafka/data/log`);
  });

  it('prints three commands that work as they are printed', async () => {
    expect(started.commands).toHaveLength(3);
    const [produce, list, consume] = started.commands as [string, string, string];
    await shell(produce);
    expect(await shell(list)).toBe('greetings\n');
    expect(await shell(consume)).toBe('one\ntwo\nthree\n');
  });

  it('runs three brokers, with three replicas of what is produced', async () => {
    const list = await shell(`npx odradek topics --bootstrap-server ${started.bootstrap} --describe --topic greetings`);
    expect(list).toMatch(/ReplicationFactor: 3/);
    await expect
      .poll(() => shell(`npx odradek topics --bootstrap-server ${started.bootstrap} --describe --topic greetings`), {
        timeout: 60_000,
      })
      .toMatch(/Isr: \d,\d,\d/);
  });

  it('stops cleanly at SIGTERM, and the next start finds the data', async () => {
    expect(await started.running.stop('SIGTERM')).toBe(0);
    expect(started.running.log).toContain('Stopped. The data are in');
    started = await start();
    const [, list, consume] = started.commands as [string, string, string];
    expect(await shell(list)).toBe('greetings\n');
    expect(await shell(consume)).toBe('one\ntwo\nthree\n');
  });

  it('refuses a port and a directory that are in use', async () => {
    const port = started.bootstrap.split(':')[1]!;
    const tool = (...args: readonly string[]) =>
      run(process.execPath, ['bin/odradek-manifests.js', 'up', ...args], { cwd: root, env });
    const taken = await tool('--data-dir', path.join(directory.path, 'other'), '--port', port);
    expect(taken.status).toBe(1);
    expect(taken.stderr).toContain(`Port ${port} of 127.0.0.1 is taken. Give another one with --port`);
    const shared = await tool('--data-dir', dataDir, '--port', '0');
    expect(shared.status).toBe(1);
    expect(shared.stderr).toContain(`${dataDir} is in use by process`);
  });

  it('ends with the log of a broker that dies', async () => {
    const other = path.join(directory.path, 'one-dies');
    const arguments_ = ['bin/odradek-manifests.js', 'up', '--data-dir', other, '--port', '0'];
    await using tool = new Running(process.execPath, arguments_, { cwd: root, env });
    await tool.printed(/^Ctrl-C stops it/m, 60_000);
    const second = serversOn(other, 'kafka-1.properties');
    expect(second).toHaveLength(1);
    process.kill(Number(second[0]), 'SIGKILL');
    await tool.printed(/The broker kafka-1 ended \(SIGKILL\)\. The end of .*kafka-1\.log:/, 60_000);
    await vi.waitUntil(() => serversOn(other).length === 0, { timeout: 60_000 });
  });

  it('leaves no server behind when it is killed', async () => {
    const other = path.join(directory.path, 'killed');
    const arguments_ = ['bin/odradek-manifests.js', 'up', '--data-dir', other, '--port', '0'];
    await using tool = new Running(process.execPath, arguments_, { cwd: root, env });
    await tool.printed(/^Kafka answers at /m, 60_000);
    expect(serversOn(other)).toHaveLength(4);
    await tool.stop('SIGKILL');
    await vi.waitUntil(() => serversOn(other).length === 0, { timeout: 60_000 });
  });
});

describe('odradek-manifests diff', () => {
  it('finds the manifests in dist/ to be what the app gives', async () => {
    const tool = ['bin/odradek-manifests.js', 'diff'];
    const { status, stdout, stderr } = await run(process.execPath, tool, { cwd: root, env });
    expect(stderr + stdout).toMatch(/^\d+ objects, as in dist\.\n$/);
    expect(status).toBe(0);
  });
});
