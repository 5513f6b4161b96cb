import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { until } from './cluster-zookeeper';
import {
  type BrokerProcess,
  output,
  pythonInterpreter,
  root,
  run,
  startBrokerProcess,
  temporaryDirectory,
} from './harness';
import { PassthroughMount } from './passthrough-mount';

const mebibyte = 1024 * 1024;
const recordBytes = 10_000;

let directory: ReturnType<typeof temporaryDirectory>;
let small: string;
let broker: BrokerProcess;

beforeEach(() => {
  directory = temporaryDirectory();
  small = path.join(directory.path, 'small');
  mkdirSync(small);
});

afterEach(async () => {
  await broker?.[Symbol.asyncDispose]();
  directory[Symbol.dispose]();
});

/** A file system in memory, of so many MiB. */
function mountSmall(size: number): Disposable {
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}m`, 'tmpfs', small]);
  return { [Symbol.dispose]: () => execFileSync('umount', ['-l', small]) };
}

async function start(logDirs: readonly string[]): Promise<void> {
  broker = await startBrokerProcess(directory.path, {
    'log.dirs': logDirs.join(','),
    'log.segment.bytes': String(4 * mebibyte),
    // It is the producer's write that meets what is broken.
    'replica.high.watermark.checkpoint.interval.ms': '3600000',
    'log.flush.offset.checkpoint.interval.ms': '3600000',
    'log.flush.start.offset.checkpoint.interval.ms': '3600000',
  });
}

async function createTopic(topic: string): Promise<void> {
  const program = path.join(root, 'broker/bin/odradek.js');
  await output(process.execPath, [
    program,
    'topics',
    '--bootstrap-server',
    broker.bootstrap,
    '--create',
    '--topic',
    topic,
  ]);
}

/** What kafka-python's producer was told: what is there, and how often which error. */
interface Produced {
  readonly acknowledged: readonly (readonly [number, number])[];
  readonly errors: Readonly<Record<string, number>>;
}

const producing = `
import json, sys
from kafka import KafkaProducer

servers, topic, first, count, size = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:6])
producer = KafkaProducer(bootstrap_servers=servers, acks='all', retries=0, enable_idempotence=False, linger_ms=5,
                         request_timeout_ms=3000, delivery_timeout_ms=4000, max_block_ms=2000)
acknowledged, errors = [], {}
for begin in range(first, first + count, 10):
    sent = []
    for number in range(begin, min(begin + 10, first + count)):
        if sum(errors.values()) > 2:
            break
        try:
            sent.append((number, producer.send(topic, b'%d ' % number + b'x' * size, partition=0)))
        except Exception as error:
            errors[type(error).__name__] = errors.get(type(error).__name__, 0) + 1
    for number, future in sent:
        try:
            acknowledged.append((number, future.get(10).offset))
        except Exception as error:
            errors[type(error).__name__] = errors.get(type(error).__name__, 0) + 1
    if sum(errors.values()) > 2:
        break
print(json.dumps({'acknowledged': acknowledged, 'errors': errors}))
`;

async function produce(topic: string, first: number, count: number): Promise<Produced> {
  const args = [broker.bootstrap, topic, first, count, recordBytes].map(String);
  return JSON.parse(await output(pythonInterpreter(), ['-c', producing, ...args], { timeoutMs: 120_000 })) as Produced;
}

/** Number to offset of everything in the topic; a number that is there twice fails. */
async function numbersIn(topic: string): Promise<Map<number, number>> {
  const args = ['-b', broker.bootstrap, '-C', '-t', topic, '-o', 'beginning', '-e', '-q', '-f', '%o %s\n'];
  const text = await output('kcat', args, { timeoutMs: 60_000 });
  const found = new Map<number, number>();
  for (const line of text.split('\n').slice(0, -1)) {
    const [offset, number] = line.split(' ', 2).map(Number);
    expect(found.has(number)).toBe(false);
    found.set(number, offset);
  }
  return found;
}

const consumer = (topic: string) =>
  run('timeout', ['4', 'kcat', '-b', broker.bootstrap, '-C', '-t', topic, '-o', 'beginning', '-e', '-q', '-f', '%o\n']);

/** Everything that was acknowledged is there, once, and where the producer was told. */
async function expectAll(topic: string, ...produced: readonly Produced[]): Promise<number> {
  const found = await numbersIn(topic);
  for (const [number, offset] of produced.flatMap(({ acknowledged }) => acknowledged)) {
    expect(found.get(number)).toBe(offset);
  }
  return found.size;
}

/** A producer fills or meets what is broken; the other directory goes on; `mend`, a restart, and all is there. */
async function failAndComeBack(broken: string, code: string, fail: () => void, mend: () => void): Promise<void> {
  await start([path.join(directory.path, 'local'), broken]);
  for (const topic of ['steady', 'failing']) await createTopic(topic);
  const before = await produce('failing', 0, 100);
  expect(before.errors).toEqual({});
  fail();
  const failed = await produce('failing', 100, 5000);
  expect(Object.keys(failed.errors)).toContain('KafkaStorageError');
  const line = `Log directory ${broken} failed and is offline until the broker is started again, with 1 partitions.`;
  await broker.broker.printed(new RegExp(line));
  const said = broker.broker.log.split('\n').filter((text) => /ERROR|WARN/.test(text));
  expect(said.join('\n')).toContain(code);
  const read = await consumer('failing');
  expect(read.status).not.toBe(0);
  const steady = await produce('steady', 0, 200);
  expect(steady.errors).toEqual({});
  await createTopic('new');
  expect(readdirSync(path.join(directory.path, 'local'))).toContain('new-0');
  mend();
  await broker.restart('SIGTERM');
  const recovered = /Recovering \d+ logs in .*/.exec(broker.broker.log)?.[0];
  expect(recovered).toContain(broken);
  const after = await until('the partition has a leader again', async () => {
    const produced = await produce('failing', 10_000, 100);
    return Object.keys(produced.errors).length === 0 && produced;
  });
  const records = await expectAll('failing', before, failed, after);
  expect(await expectAll('steady', steady)).toBe(200);
  const acknowledged = [before, failed, after].flatMap((each) => each.acknowledged).length;
  console.log(
    [
      `producer: ${JSON.stringify(failed.errors)} after ${failed.acknowledged.length} more acknowledged records`,
      `consumer (kcat): status ${read.status}, ${read.stdout.split('\n').length - 1} records, ${JSON.stringify(read.stderr.trim().split('\n').at(-1))}`,
      ...said.map((text) => `log: ${text.slice(0, 300)}`),
      `after the restart: ${acknowledged} acknowledged, ${records} there, lost 0, duplicated 0`,
    ].join('\n'),
  );
}

describe('A log directory', () => {
  it('that is full goes offline alone, and comes back with all that was acknowledged when there is room', async () => {
    using _ = mountSmall(16);
    await failAndComeBack(
      small,
      'ENOSPC',
      () => undefined,
      () => execFileSync('mount', ['-o', 'remount,size=128m', small]),
    );
  });

  it('that becomes read-only goes offline alone, and comes back with all that was acknowledged', async () => {
    await using mount = await PassthroughMount.mount(directory.path, 'broken');
    await failAndComeBack(
      mount.path,
      'EROFS',
      () => mount.becomeReadOnly(),
      () => mount.becomeWritable(),
    );
    await broker.broker.stop();
  });

  it('that is full and the only one ends the broker with exit code 1; it starts again when there is room', async () => {
    using _ = mountSmall(16);
    await start([small]);
    await createTopic('failing');
    const produced = await produce('failing', 0, 5000);
    expect(Object.keys(produced.errors).length).toBeGreaterThan(0);
    expect(produced.acknowledged.length).toBeGreaterThan(500);
    const status = await broker.broker.stop('SIGCONT', 30_000);
    expect(status).toBe(1);
    const why = /.*all log directories have failed, the last one is .*small: ENOSPC.*/.exec(broker.broker.log)?.[0];
    expect(why).toBeDefined();
    execFileSync('mount', ['-o', 'remount,size=128m', small]);
    await broker.restart('SIGTERM');
    const records = await until('all is there', () => expectAll('failing', produced));
    expect(statSync(path.join(small, 'failing-0')).isDirectory()).toBe(true);
    expect(readFileSync(path.join(small, 'meta.properties'), 'utf8')).toContain('broker.id=1');
    console.log(
      `exit code ${status}: ${why}\nproducer: ${JSON.stringify(produced.errors)}; ${produced.acknowledged.length} acknowledged, ${records} there after the restart`,
    );
  });
});
