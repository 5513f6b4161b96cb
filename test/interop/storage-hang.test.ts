import { readdirSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { account, Load, Reader, readAll } from './cluster-load';
import { pause, until } from './cluster-zookeeper';
import {
  type BrokerProcess,
  freePort,
  installApache,
  output,
  root,
  run,
  startBrokerProcess,
  temporaryDirectory,
} from './harness';
import { lineOf } from '../docs/commands';
import { blocksOf } from '../docs/documents';
import { PassthroughMount } from './passthrough-mount';

const hangSeconds = Number(process.env.HANG_SECONDS ?? '15');

const directory = temporaryDirectory();
let mount: PassthroughMount;
let broker: BrokerProcess;
let http: string;

beforeAll(async () => {
  installApache('3.9');
  mount = await PassthroughMount.mount(directory.path, 'hanging');
  http = `127.0.0.1:${await freePort()}`;
  const properties = { 'log.dirs': `${path.join(directory.path, 'local')},${mount.path}` };
  broker = await startBrokerProcess(directory.path, properties, ['--http', http]);
  // The first goes into the first directory, the next one into the other.
  for (const topic of ['steady', 'stuck']) await odradek('topics', '--create', '--topic', topic);
  expect(readdirSync(path.join(directory.path, 'local'))).toContain('steady-0');
  expect(readdirSync(mount.source)).toContain('stuck-0');
});

afterAll(async () => {
  mount?.answer();
  await broker?.[Symbol.asyncDispose]();
  await mount?.[Symbol.asyncDispose]();
  directory[Symbol.dispose]();
});

function odradek(command: string, ...args: readonly string[]): Promise<string> {
  return output(process.execPath, [
    path.join(root, 'broker/bin/odradek.js'),
    command,
    '--bootstrap-server',
    broker.bootstrap,
    ...args,
  ]);
}

/** Asks again and again until it is stopped; what the slowest answer took. */
class Probe {
  slowestMs = 0;
  answers = 0;
  #isOver = false;
  readonly #running: Promise<void>;

  constructor(url: string) {
    this.#running = (async () => {
      while (!this.#isOver) {
        const asked = performance.now();
        const response = await fetch(url, { signal: AbortSignal.timeout(30_000) });
        expect(response.status).toBe(200);
        await response.text();
        this.slowestMs = Math.max(this.slowestMs, performance.now() - asked);
        this.answers++;
        await pause(100);
      }
    })();
    this.#running.catch(() => undefined);
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#running;
  }
}

describe('A log directory that hangs', () => {
  it(`for ${hangSeconds} s: the other one goes on, and nothing acknowledged is lost or twice`, async () => {
    const options = { directory: directory.path, throughput: 200 };
    await using steady = await Load.start(broker, 'steady', options);
    const producer = { 'request.timeout.ms': '5000', 'delivery.timeout.ms': '600000' };
    await using stuck = await Load.start(broker, 'stuck', { ...options, producer });
    await using steadyReader = new Reader(broker, 'steady');
    await using stuckReader = new Reader(broker, 'stuck');
    await steadyReader.catchUp(steady);
    await stuckReader.catchUp(stuck);
    const probes = ['live', 'metrics'].map((name) => new Probe(`http://${http}/${name}`));
    const { length: logged } = broker.broker.log;
    const before = { steady: steady.acknowledged.size, stuck: stuck.acknowledged.size };
    steady.longestPauseMs = 0;

    mount.hang();
    const hung = performance.now();
    // What a producer sees that does not try again, and a consumer that begins now.
    const once = await run('kcat', kcat('-P', '-t', 'stuck', '-X', 'request.timeout.ms=2000', '-X', 'retries=0'), {
      input: 'once\n',
    });
    expect(once.stderr).toContain('Broker: Request timed out');
    const waiting = await run('timeout', ['2', 'kcat', ...kcat('-C', '-t', 'stuck', '-o', 'beginning', '-e', '-q')]);
    expect(waiting).toMatchObject({ status: 124, stdout: '', stderr: '' });
    // What is on both: the one's records come.
    const both = await run('timeout', [
      '3',
      'kcat',
      ...kcat('-C', '-t', 'steady', '-o', 'beginning', '-c', '50', '-q'),
    ]);
    expect(both.stdout.split('\n')).toHaveLength(51);
    const dirs = performance.now();
    expect(await odradek('log-dirs', '--describe')).toContain('stuck-0');
    const dirsMs = performance.now() - dirs;
    await odradek('topics', '--create', '--topic', 'new', '--partitions', '4');
    expect(readdirSync(mount.source).filter((name) => name.startsWith('new'))).toEqual([]);
    await pause(Math.max(0, hangSeconds * 1000 - (performance.now() - hung)));
    const during = { steady: steady.acknowledged.size, stuck: stuck.acknowledged.size };
    const pauseMs = steady.longestPauseMs;
    const said = broker.broker.log.slice(logged);
    mount.answer();
    const hungMs = performance.now() - hung;

    const backMs = await stuck.more(100);
    for (const probe of probes) await probe.stop();
    await steady.stop();
    await stuck.stop();
    await steadyReader.catchUp(steady);
    await stuckReader.catchUp(stuck);
    const accounts = {
      steady: account(steady, await readAll(broker, 'steady')),
      // What was sent once and not acknowledged may be there.
      stuck: account(
        stuck,
        (await readAll(broker, 'stuck')).filter(({ value }) => value !== 'once'),
      ),
    };
    console.log(
      [
        `hung for ${(hungMs / 1000).toFixed(1)} s; acknowledged meanwhile: ${during.steady - before.steady} on the other directory, ${during.stuck - before.stuck} on the hanging one`,
        `longest pause between two acknowledgements on the other directory: ${pauseMs.toFixed(0)} ms`,
        `slowest answers: /live ${probes[0].slowestMs.toFixed(0)} ms, /metrics ${probes[1].slowestMs.toFixed(0)} ms (${probes[0].answers + probes[1].answers} asked); log-dirs ${dirsMs.toFixed(0)} ms with the start of the command`,
        `first 100 acknowledgements after it answered: ${backMs.toFixed(0)} ms`,
        `a producer without retries: ${once.stderr.trim()}`,
        ...said.split('\n').filter((line) => line.includes('Log directory')),
        JSON.stringify(accounts),
      ].join('\n'),
    );
    expect(during.steady - before.steady).toBeGreaterThan(hangSeconds * 100);
    expect(pauseMs).toBeLessThan(2000);
    expect(probes.map(({ slowestMs }) => slowestMs < 2000)).toEqual([true, true]);
    const told = blocksOf('docs/operations.md').find(({ use, argument }) => use === 'log' && argument === 'hang');
    for (const line of told!.code.split('\n')) expect(broker.broker.log.slice(logged)).toMatch(lineOf(line));
    expect(said).not.toMatch(/ZooKeeper session|Closed the connection/);
    expect(accounts.steady).toMatchObject({ lost: 0, duplicated: 0, moved: 0 });
    expect(accounts.stuck).toMatchObject({ lost: 0, duplicated: 0, moved: 0 });
    expect(stuck.errors).toEqual([]);
  });

  it('does not keep the broker from stopping: the other directory is shut down in order', async () => {
    await produce('steady', 'a');
    await produce('stuck', 'a');
    const counts = await sizes();
    const { length: logged } = broker.broker.log;
    mount.hang();
    void run('kcat', kcat('-P', '-t', 'stuck', '-X', 'message.timeout.ms=3000'), { input: 'b\n' });
    await until('the line', () => /has not answered/.test(broker.broker.log.slice(logged)));
    const asked = performance.now();
    const status = await broker.broker.stop('SIGTERM', 60_000);
    const tookMs = performance.now() - asked;
    expect(broker.broker.log).toMatch(
      /Log directory .*hanging does not answer: it is not shut down in order, and its logs will be recovered at the next start\./,
    );
    // Of SIGKILL: a thread that waits for a disk cannot be ended otherwise.
    expect(status).toBe(null);
    expect(tookMs).toBeLessThan(45_000);
    expect(readdirSync(path.join(directory.path, 'local'))).toContain('.kafka_cleanshutdown');
    expect(readdirSync(mount.source)).not.toContain('.kafka_cleanshutdown');
    mount.answer();
    await broker.restart('SIGKILL');
    const after = await sizes();
    expect(after.steady).toBe(counts.steady);
    expect(after.stuck).toBeGreaterThanOrEqual(counts.stuck);
    console.log(
      `SIGTERM while it hangs: ended after ${(tookMs / 1000).toFixed(1)} s; ${JSON.stringify({ counts, after })}`,
    );
  });
});

const kcat = (...args: readonly string[]): string[] => ['-b', broker.bootstrap, ...args];

const produce = (topic: string, value: string): Promise<string> =>
  output('kcat', kcat('-P', '-t', topic), { input: `${value}\n` });

async function sizes(): Promise<{ readonly steady: number; readonly stuck: number }> {
  const read = await until('both topics', async () => ({
    steady: (await readAll(broker, 'steady')).length,
    stuck: (await readAll(broker, 'stuck')).length,
  }));
  return read;
}
