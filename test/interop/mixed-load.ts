import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { Kafka, logLevel } from 'kafkajs';
import { output, temporaryDirectory } from './harness';
import type { ApacheTools } from './tool-runner';

export const codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;

/** Keys of a broker with which a small load fills several segments with indexes to speak of. */
export const smallSegments = {
  'log.segment.bytes': '200000',
  'log.index.interval.bytes': '1000',
  'offsets.topic.segment.bytes': '3000',
} as const;

// What no codec makes much smaller.
const noise = createHash('sha512').update('noise').digest('base64');

function lines(count: number, tag: string): string {
  return Array.from({ length: count }, (_, i) => `key${i % 97}:${tag} ${i} ${noise.slice(i % 50, i)}\n`).join('');
}

/**
 * Gives a broker some of everything that clients write today: every codec, codecs changed by the broker, both kinds of
 * timestamps, null and empty keys and values, headers, idempotent and old producers, a compacted topic, a low watermark
 * that was moved, and groups that read, were reset, lost offsets and were deleted. `round` makes the topics' names.
 */
export async function mixedLoad(tools: ApacheTools, bootstrap: string, round: number): Promise<void> {
  const server = ['--bootstrap-server', bootstrap];
  const kcat = (args: string, input = '') => output('kcat', ['-b', bootstrap, ...args.split(' ')], { input });
  const topic = (name: string) => `${name}-${round}`;
  const create = (name: string, ...rest: readonly string[]) =>
    tools.output('topics', [...server, '--create', '--topic', topic(name), ...rest]);
  const withConfig = (...configs: readonly string[]) => configs.flatMap((config) => ['--config', config]);

  for (const codec of codecs) {
    await create(`kcat-${codec}`, '--partitions', '2', ...withConfig('segment.bytes=20000'));
    const text = lines(2500, codec);
    await kcat(`-P -t ${topic(`kcat-${codec}`)} -K : -z ${codec} -X batch.num.messages=40 -H h=${codec}`, text);
  }
  for (const codec of ['gzip', 'snappy', 'lz4', 'zstd', 'uncompressed']) {
    await create(`broker-${codec}`, ...withConfig(`compression.type=${codec}`, 'message.timestamp.type=LogAppendTime'));
    const text = lines(600, codec);
    await kcat(`-P -t ${topic(`broker-${codec}`)} -K : -z zstd -X batch.num.messages=30`, text);
  }
  await create('compacted', ...withConfig('cleanup.policy=compact'));
  await kcat(
    `-P -t ${topic('compacted')} -K : -X enable.idempotence=true -X batch.num.messages=100`,
    lines(1500, 'compacted'),
  );
  await kcat(`-P -t ${topic('compacted')} -K : -Z`, 'key1:\nkey2:\n');

  // Produce 0 to 2 with records of formats 0 and 1.
  await create('old');
  for (const [version, codec] of [
    ['0.9.0.1', 'none'],
    ['0.9.0.1', 'gzip'],
    ['0.10.0.0', 'snappy'],
    ['0.10.0.0', 'none'],
  ]) {
    const fallback = `-X api.version.request=false -X broker.version.fallback=${version}`;
    await kcat(`-P -t ${topic('old')} -K : -z ${codec} -X batch.num.messages=20 ${fallback}`, lines(200, version));
  }

  // The Java producer is idempotent unless told otherwise.
  await create('java', '--partitions', '3');
  for (const [value, codec] of codecs.entries()) {
    const to = ['--topic', topic('java'), '--max-messages', '400', '--value-prefix', String(value)];
    await tools.output('verifiable-producer', [...server, ...to, '--repeating-keys', '10']);
    await tools.output('console-producer', [...server, '--topic', topic('java'), '--compression-codec', codec], {
      input: lines(100, codec),
    });
  }

  const kafka = new Kafka({ brokers: [bootstrap], logLevel: logLevel.NOTHING });
  const producer = kafka.producer();
  await producer.connect();
  await create('odd');
  await producer.send({
    topic: topic('odd'),
    messages: [
      { key: null, value: null },
      { key: '', value: '' },
      { key: 'key', value: null, headers: { empty: '', bytes: Buffer.from([0, 255]), twice: ['a', 'b'] } },
      { key: 'ключ', value: '値', timestamp: '1' },
      { key: null, value: 'x'.repeat(120_000) },
    ],
  });
  await producer.disconnect();

  await create('lowered');
  await kcat(`-P -t ${topic('lowered')} -X batch.num.messages=10`, lines(3000, 'lowered'));
  using directory = temporaryDirectory();
  const file = path.join(directory.path, 'offsets.json');
  writeFileSync(
    file,
    JSON.stringify({ partitions: [{ topic: topic('lowered'), partition: 0, offset: 2222 }], version: 1 }),
  );
  await tools.output('delete-records', [...server, '--offset-json-file', file]);

  const read = (group: string, name: string, count: number) =>
    tools.output('console-consumer', [
      ...[...server, '--topic', topic(name), '--group', `${group}-${round}`, '--from-beginning'],
      ...['--max-messages', String(count), '--property', 'print.value=false'],
    ]);
  await read('readers', 'kcat-zstd', 2500);
  await read('readers', 'java', 1000);
  await read('gone', 'odd', 5);
  await kcat(`-X auto.offset.reset=earliest -q -e -G kcat-${round} ${topic('kcat-lz4')} ${topic('old')}`);
  const groups = (...args: readonly string[]) => tools.output('consumer-groups', [...server, ...args]);
  const readers = ['--group', `readers-${round}`];
  await groups(...readers, '--reset-offsets', '--shift-by', '-7', '--topic', topic('kcat-zstd'), '--execute');
  await groups(...readers, '--delete-offsets', '--topic', `${topic('java')}:0`);
  await groups('--group', `made-${round}`, '--reset-offsets', '--to-earliest', '--topic', topic('odd'), '--execute');
  await groups('--delete', '--group', `gone-${round}`);
}

/** All that a broker tells of topics, configuration, offsets and groups, and all records: two brokers have to agree. */
export async function contents(tools: ApacheTools, bootstrap: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  const sorted = (text: string): string => text.split('\n').sort().join('\n');
  for (const command of [
    'topics --describe',
    'configs --entity-type topics --describe',
    'configs --entity-type brokers --entity-default --describe',
    'get-offsets --time -1',
    'get-offsets --time -2',
    'get-offsets --time -3',
    'consumer-groups --describe --all-groups',
    'consumer-groups --describe --all-groups --state',
  ]) {
    const [tool, ...args] = command.split(' ');
    const text = await tools.output(tool, [...args, '--bootstrap-server', bootstrap]);
    // The topic of the offsets is written to when a group loses its last member, and when one goes.
    const lasting = text.split('\n').filter((line) => !line.startsWith('__consumer_offsets:'));
    found.set(command, sorted(lasting.join('\n')).replaceAll(bootstrap, 'BOOTSTRAP').replace(/ +/g, ' '));
  }
  const topics = (await tools.output('topics', ['--bootstrap-server', bootstrap, '--list'])).trim().split('\n');
  for (const topic of topics.filter((name) => !name.startsWith('__'))) {
    const format = ['-f', '%p\t%o\t%T\t%K %k\t%S %s\t%h\n'];
    const text = await output('kcat', [
      ...['-b', bootstrap, '-C', '-t', topic, '-o', 'beginning', '-e', '-q', '-X', 'fetch.wait.max.ms=10', ...format],
    ]);
    const all = text.trimEnd().split('\n').sort();
    const digest = createHash('sha256').update(all.join('\n')).digest('hex');
    found.set(`records of ${topic}`, `${text === '' ? 0 : all.length} ${digest}`);
  }
  return found;
}

/** The values of a topic each: how many records, and their digest. */
function ofTopics(found: ReadonlyMap<string, string>): string[] {
  return [...found].flatMap(([what, value]) => (what.startsWith('records of ') ? [value] : []));
}

export function topicsIn(found: ReadonlyMap<string, string>): number {
  return ofTopics(found).length;
}

export function recordsIn(found: ReadonlyMap<string, string>): number {
  return ofTopics(found).reduce((sum, value) => sum + Number(value.split(' ')[0]), 0);
}
