import { appendFileSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { freePort, reachable, run, Running } from '../interop/harness';
import { lineOf } from './commands';
import { blocksOf, readDocument, root } from './documents';

const odradek = join(root, 'broker/bin/odradek.js');

function documented(name: string): string[] {
  const block = blocksOf('docs/operations.md').find(({ use, argument }) => use === 'log' && argument === name);
  if (block === undefined) throw new Error(`docs/operations.md has no log ${name}`);
  return block.code.split('\n');
}

/** The lines of the document stand in the log, in their order. */
function expectLines(log: string, lines: readonly string[]): void {
  let rest = log.split('\n');
  for (const line of lines) {
    const at = rest.findIndex((each) => lineOf(line).test(each));
    expect(at, `${line}\nis not in:\n${rest.join('\n')}`).toBeGreaterThanOrEqual(0);
    rest = rest.slice(at + 1);
  }
}

describe('docs/operations.md tells', { timeout: 120_000 }, () => {
  let directory: string;
  let zookeeper: Running;
  let address: string;
  let properties: string;

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'odradek-operations-'));
    const [port, zookeeperPort] = [await freePort(), await freePort()];
    address = `127.0.0.1:${port}`;
    properties = join(directory, 'server.properties');
    writeFileSync(
      properties,
      `broker.id=1\nlisteners=PLAINTEXT://${address}\nlog.dirs=${directory}/logs-a,${directory}/logs-b\n` +
        `zookeeper.connect=127.0.0.1:${zookeeperPort}\nzookeeper.session.timeout.ms=4000\n`,
    );
    const dataDir = join(directory, 'zookeeper');
    zookeeper = new Running(process.execPath, [
      odradek,
      'zookeeper',
      '--port',
      String(zookeeperPort),
      '--data-dir',
      dataDir,
    ]);
    await reachable(zookeeperPort, zookeeper);
  });

  afterEach(async () => {
    await zookeeper.stop('SIGKILL');
    rmSync(directory, { recursive: true, force: true });
  });

  const start = (...options: readonly string[]): Running =>
    new Running(process.execPath, [odradek, 'broker', properties, ...options]);

  /** Files may not grow beyond 1 MiB: appending fails as on a disk that is full. */
  const startOnSmallDisk = (): Running =>
    new Running('bash', [
      '-c',
      `trap '' XFSZ; ulimit -f 1024; exec ${process.execPath} ${odradek} broker ${properties}`,
    ]);

  const command = (input: string, ...args: readonly string[]) =>
    run(process.execPath, [odradek, ...args, '--bootstrap-server', address], { input });

  const create = async (topic: string): Promise<void> => {
    expect(await command('', 'topics', '--create', '--topic', topic, '--partitions', '1')).toMatchObject({ status: 0 });
  };

  it('what is logged after kill -9', async () => {
    await using first = start();
    await first.printed(/serves clients/);
    await create('orders');
    expect(await command('one\n', 'produce', '--topic', 'orders')).toMatchObject({ status: 0 });
    await first.stop('SIGKILL');
    const [logDir] = ['logs-a', 'logs-b'].filter((name) => existsSync(join(directory, name, 'orders-0')));
    const partition = join(directory, logDir, 'orders-0');
    const segment = readdirSync(partition).find((name) => name.endsWith('.log')) ?? '';
    appendFileSync(join(partition, segment), Buffer.alloc(100, 1));
    await using second = start();
    await second.printed(/serves clients/);
    expectLines(second.log, documented('recovery'));
    expectLines(second.log, documented('registration'));
    const read = ['--topic', 'orders', '--from-beginning', '--max-messages', '1'];
    expect(await command('', 'consume', ...read)).toMatchObject({ stdout: 'one\n' });
    expect(await second.stop('SIGTERM')).toBe(0);
    for (const name of ['logs-a', 'logs-b']) {
      expect(existsSync(join(directory, name, '.kafka_cleanshutdown'))).toBe(true);
    }
  });

  it('which metrics there are', async () => {
    const port = await freePort();
    await using broker = start('--http', `127.0.0.1:${port}`);
    await broker.printed(/serves clients/);
    await create('orders');
    const served = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    const named = [...readDocument('docs/operations.md').matchAll(/`((?:kafka|process|nodejs)_\w+)(?:\{(\w+)\})?`/g)];
    expect(named.length).toBeGreaterThan(5);
    for (const [, name, label] of named) {
      expect(served).toContain(`# TYPE ${name} `);
      if (label !== undefined) expect(served).toContain(`${name}{${label}="`);
    }
  });

  it('what is logged when ZooKeeper is away, and works all the same', async () => {
    await using broker = start();
    await broker.printed(/serves clients/);
    await create('orders');
    // The first of a block of producer ids.
    expect(await command('one\n', 'produce', '--topic', 'orders')).toMatchObject({ status: 0 });
    process.kill(zookeeper.pid, 'SIGSTOP');
    await broker.printed(/controller no more/);
    expect(await command('two\n', 'produce', '--topic', 'orders')).toMatchObject({ status: 0 });
    const read = ['--topic', 'orders', '--from-beginning', '--max-messages', '2'];
    expect(await command('', 'consume', ...read)).toMatchObject({ stdout: 'one\ntwo\n' });
    process.kill(zookeeper.pid, 'SIGCONT');
    await broker.printed(/controller no more[^]*elected as the controller/);
    expectLines(broker.log.replace(/^[^]*?elected as the controller/, ''), documented('away'));
    await create('more');
  });

  it('what is logged when disks fail, and ends with the last one', async () => {
    await using broker = startOnSmallDisk();
    await broker.printed(/serves clients/);
    const much = `${'x'.repeat(1000)}\n`.repeat(2000);
    const impatient = ['--message-send-max-retries', '0', '--request-required-acks', '1', '--batch-size', '500000'];
    await create('one');
    await create('other');
    expect(await command(much, 'produce', '--topic', 'one', ...impatient)).toMatchObject({ status: 1 });
    expectLines(broker.log, documented('offline'));
    await command('still here\n', 'produce', '--topic', 'other', ...impatient);
    expect(await command(much, 'produce', '--topic', 'other', ...impatient)).toMatchObject({ status: 1 });
    await broker.printed(/The broker cannot go on: all log directories have failed/);
    expect(await broker.stop('SIGCONT')).toBe(1);
  });
});
