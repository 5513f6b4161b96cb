import { readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startCluster, type TestCluster } from '../../broker/src/testing';
import { until } from './cluster-zookeeper';
import { installApache, output, temporaryDirectory } from './harness';
import { ApacheTools } from './tool-runner';

const directory = temporaryDirectory();
const [first, second] = ['first', 'second'].map((name) => path.join(directory.path, name));
let tools: ApacheTools;
let cluster: TestCluster;

interface LogDirs {
  readonly brokers: readonly {
    readonly logDirs: readonly {
      readonly logDir: string;
      readonly partitions: readonly { partition: string; size: number; offsetLag: number; isFuture: boolean }[];
    }[];
  }[];
}

beforeAll(async () => {
  installApache('3.9');
  tools = new ApacheTools('3.9');
  cluster = await startCluster({ config: { 'log.dirs': `${first},${second}` } });
});
afterAll(async () => {
  await cluster?.close();
  await tools?.[Symbol.asyncDispose]();
  directory[Symbol.dispose]();
});

const tool = (name: string, ...args: readonly string[]): Promise<string> =>
  tools.output(name, ['--bootstrap-server', cluster.bootstrapServers, ...args]);

/** Where the topic's one partition lies: `first`, or `second, future`. */
async function places(topic: string): Promise<string[]> {
  const text = await tool('log-dirs', '--describe', '--topic-list', topic);
  const { brokers } = JSON.parse(text.slice(text.indexOf('{'))) as LogDirs;
  return brokers[0].logDirs.flatMap(({ logDir, partitions }) =>
    partitions.map(({ isFuture }) => `${path.basename(logDir)}${isFuture ? ', future' : ''}`),
  );
}

function planOf(topic: string, logDir: string): string {
  const file = path.join(directory.path, `${topic}-${path.basename(logDir)}.json`);
  const partitions = [{ topic, partition: 0, replicas: [0], log_dirs: [logDir] }];
  writeFileSync(file, JSON.stringify({ version: 1, partitions }));
  return file;
}

const reassign = (plan: string, ...args: readonly string[]): Promise<string> =>
  tool('reassign-partitions', '--reassignment-json-file', plan, ...args);

/** More than is copied at a time, 1 MiB. */
const numbers = (from: number, to: number): string =>
  Array.from({ length: to - from }, (_, i) => `${from + i} ${'x'.repeat(1000)}\n`).join('');

async function numbersIn(topic: string): Promise<number[]> {
  const text = await output('kcat', ['-b', cluster.bootstrapServers, '-C', '-t', topic, '-e', '-q']);
  return text.split('\n').slice(0, -1).map(parseFloat);
}

const produce = (topic: string, from: number, to: number): Promise<string> =>
  output('kcat', ['-b', cluster.bootstrapServers, '-P', '-t', topic, '-X', 'acks=all'], { input: numbers(from, to) });

describe("Apache's kafka-reassign-partitions", () => {
  it('moves a replica to another log directory, throttled, while records come, and verifies it', async () => {
    await tool('topics', '--create', '--topic', 'moving');
    await produce('moving', 0, 5000);
    const [from] = await places('moving');
    const to = from === 'first' ? second : first;
    const plan = planOf('moving', to);
    const started = await reassign(plan, '--execute', '--replica-alter-log-dirs-throttle', '100000');
    expect(started).toContain(`Successfully started moving log directory to ${to} for replica moving-0 with broker 0`);
    await until('a copy under way', async () => (await places('moving')).includes(`${path.basename(to)}, future`));
    await produce('moving', 5000, 6000);
    expect(await reassign(plan, '--verify', '--preserve-throttles')).toContain(
      `Reassignment of replica moving-0-0 is still in progress.`,
    );
    // Another throttle, for what is under way.
    await reassign(plan, '--execute', '--additional', '--replica-alter-log-dirs-throttle', '100000000');
    await until('the move done', async () => {
      const verified = await reassign(plan, '--verify');
      return verified.includes('Reassignment of replica moving-0-0 completed successfully.') && verified;
    });
    expect(await places('moving')).toEqual([path.basename(to)]);
    expect(await tool('configs', '--describe', '--entity-type', 'brokers', '--entity-name', '0')).not.toContain(
      'replica.alter.log.dirs.io.max.bytes.per.second',
    );
    await produce('moving', 6000, 7000);
    expect(await numbersIn('moving')).toEqual(Array.from({ length: 7000 }, (_, i) => i));
    expect(readdirSync(path.join(directory.path, from)).filter((name) => name.startsWith('moving-0.'))).toEqual([]);
    console.log(`moved 6,000 records from ${from} to ${path.basename(to)}; 7,000 are there`);
  });

  it('takes a move back that is under way', async () => {
    await tool('topics', '--create', '--topic', 'staying');
    await produce('staying', 0, 3000);
    const [from] = await places('staying');
    const [here, there] = from === 'first' ? [first, second] : [second, first];
    const away = planOf('staying', there);
    await reassign(away, '--execute', '--replica-alter-log-dirs-throttle', '1000');
    await until('a copy under way', async () => (await places('staying')).includes(`${path.basename(there)}, future`));
    const back = planOf('staying', here);
    await reassign(back, '--execute', '--additional');
    await until('the copy gone', async () => (await places('staying')).length === 1);
    expect(await reassign(back, '--verify')).toContain('Reassignment of replica staying-0-0 completed successfully.');
    expect(await places('staying')).toEqual([from]);
    expect(await numbersIn('staying')).toEqual(Array.from({ length: 3000 }, (_, i) => i));
  });
});
