import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { nodeIo } from '../../broker/src/io/node';
import { silentLogger } from '../../broker/src/logging/logger';
import { ZooKeeperServer } from '../../broker/src/zookeeper/server/zookeeper-server';
import { outputOf, runCommand, type Ran } from '../broker/cli/run-command';
import { freePort, peers, run, startApacheBroker, temporaryDirectory, writeProperties, type Running } from './harness';
import { ApacheTools } from './tool-runner';

// Our commands beside Apache Kafka's own, on an Apache Kafka 3.9 broker: the same command lines, the same output.
let directory: ReturnType<typeof temporaryDirectory>;
let zookeeper: ZooKeeperServer;
let broker: Running;
let tools: ApacheTools;
let to: string[];

beforeAll(async () => {
  directory = temporaryDirectory();
  zookeeper = await ZooKeeperServer.start(nodeIo(), silentLogger);
  const bootstrap = `127.0.0.1:${await freePort()}`;
  const logDir = path.join(directory.path, 'logs');
  mkdirSync(logDir);
  const file = path.join(directory.path, 'server.properties');
  writeProperties(file, {
    'broker.id': '0',
    listeners: `PLAINTEXT://${bootstrap}`,
    'log.dirs': logDir,
    'zookeeper.connect': zookeeper.connectString,
    'offsets.topic.replication.factor': '1',
    'offsets.topic.num.partitions': '1',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'transaction.state.log.num.partitions': '1',
    'group.initial.rebalance.delay.ms': '0',
  });
  broker = await startApacheBroker(file);
  tools = new ApacheTools('3.9');
  to = ['--bootstrap-server', bootstrap];
});

afterAll(async () => {
  await tools?.[Symbol.asyncDispose]();
  await broker?.stop('SIGKILL');
  await zookeeper?.close();
  directory?.[Symbol.dispose]();
});

/** Names of our commands by those of test/peers/kafka. */
const ourNames: Readonly<Record<string, string>> = {
  topics: 'kafka-topics',
  configs: 'kafka-configs',
  'console-consumer': 'kafka-console-consumer',
  'console-producer': 'kafka-console-producer',
  'consumer-groups': 'kafka-consumer-groups',
  'get-offsets': 'kafka-get-offsets',
  'log-dirs': 'kafka-log-dirs',
  'broker-api-versions': 'kafka-broker-api-versions',
};

interface Pair {
  readonly ours: Ran;
  readonly theirs: { readonly status: number | null; readonly stdout: string; readonly stderr: string };
}

async function both(tool: string, args: readonly string[]): Promise<Pair> {
  const ours = await runCommand(ourNames[tool]!, [...to, ...args]);
  return { ours, theirs: await tools.call(tool, [...to, ...args]) };
}

const sorted = (text: string) => text.trimEnd().split('\n').sort();
const asJson = (text: string) =>
  JSON.stringify(JSON.parse(text.split('\n').find((line) => line.startsWith('{'))!), (key, value: unknown) =>
    key === 'partitions' ? JSON.stringify([...(value as object[])].map((each) => JSON.stringify(each)).sort()) : value,
  );

async function produce(topic: string, input: string, ...options: string[]): Promise<void> {
  await outputOf('kafka-console-producer', [...to, '--topic', topic, ...options], input);
}

describe('the same state, the same words', () => {
  beforeAll(async () => {
    await outputOf('kafka-topics', [
      ...to,
      '--create',
      '--topic',
      'seen',
      '--partitions',
      '3',
      '--config',
      'retention.ms=900000000',
    ]);
    await outputOf('kafka-topics', [...to, '--create', '--topic', 'plain', '--replica-assignment', '0,0']);
    await produce(
      'seen',
      Array.from({ length: 50 }, (_, i) => `k${i}\tv${i}\n`).join(''),
      '--property',
      'parse.key=true',
    );
    await outputOf('kafka-console-consumer', [
      ...to,
      '--topic',
      'seen',
      '--from-beginning',
      '--max-messages',
      '50',
      '--group',
      'readers',
    ]);
  });

  test.each([
    ['topics', ['--list']],
    ['topics', ['--list', '--exclude-internal']],
    ['topics', ['--describe', '--topic', 'seen']],
    ['topics', ['--describe', '--topics-with-overrides', '--topic', 'seen|plain']],
    ['topics', ['--describe', '--unavailable-partitions']],
    ['topics', ['--describe', '--at-min-isr-partitions', '--topic', 'seen']],
    ['configs', ['--topic', 'seen', '--describe']],
    ['configs', ['--entity-type', 'topics', '--entity-name', 'seen', '--describe', '--all']],
    ['configs', ['--entity-type', 'brokers', '--describe']],
    ['configs', ['--broker', '0', '--describe', '--all']],
    ['consumer-groups', ['--list']],
    ['consumer-groups', ['--list', '--state']],
    ['consumer-groups', ['--list', '--state', 'Stable']],
    ['consumer-groups', ['--describe', '--group', 'readers', '--state']],
    ['get-offsets', []],
    ['get-offsets', ['--topic', 'seen', '--time', 'earliest']],
    ['get-offsets', ['--topic-partitions', 'seen:1-,plain:0', '--time', '-2']],
  ])('%s %j', async (tool, args) => {
    const { ours, theirs } = await both(tool, args);
    expect(ours.stdout).toBe(theirs.stdout);
    expect(ours.code).toBe(theirs.status);
  });

  test.each([
    ['topics', ['--describe']],
    ['consumer-groups', ['--describe', '--group', 'readers']],
    ['consumer-groups', ['--describe', '--all-groups', '--offsets']],
    ['console-consumer', ['--topic', 'seen', '--from-beginning', '--max-messages', '50']],
  ])('%s %j, whose order is that of a hash table there', async (tool, args) => {
    const { ours, theirs } = await both(tool, args);
    expect(sorted(ours.stdout)).toEqual(sorted(theirs.stdout));
    expect(ours.code).toBe(theirs.status);
  });

  test('log directories', async () => {
    const { ours, theirs } = await both('log-dirs', ['--describe', '--topic-list', 'seen,plain']);
    expect(asJson(ours.stdout)).toBe(asJson(theirs.stdout));
    expect(ours.stdout.split('\n').slice(0, 2)).toEqual(theirs.stdout.split('\n').slice(0, 2));
  });

  test('every version that a broker of ZooKeeper mode has', async () => {
    const { ours, theirs } = await both('broker-api-versions', []);
    const supported = (text: string) =>
      text
        .split('\n')
        .filter((line) => line.includes('[usable: '))
        .map((line) => line.replace(/,$/, ''));
    expect(supported(ours.stdout)).toEqual(supported(theirs.stdout));
    expect(supported(ours.stdout).length).toBeGreaterThan(50);
  });
});

describe('mistakes', () => {
  test.each([
    ['topics', ['--create', '--topic', 'seen']],
    ['topics', ['--create', '--topic', 'new', '--replication-factor', '3']],
    ['topics', ['--create', '--topic', 'new', '--config', 'no.such.key=1']],
    ['topics', ['--create', '--topic', 'bad name']],
    ['topics', ['--alter', '--topic', 'seen', '--partitions', '1']],
    ['topics', ['--alter', '--topic', 'nope', '--partitions', '1', '--if-exists']],
  ])('%s %j', async (tool, args) => {
    const { ours, theirs } = await both(tool, args);
    expect(ours.stdout).toBe(theirs.stdout);
    expect(ours.code).toBe(theirs.status);
  });

  test.each([
    ['configs', ['--topic', 'seen', '--alter', '--delete-config', 'segment.ms']],
    ['configs', ['--entity-type', 'topics', '--alter', '--add-config', 'a=b']],
  ])('%s %j on standard error', async (tool, args) => {
    const { ours, theirs } = await both(tool, args);
    expect(ours.stderr.split('\n')[0]).toBe(theirs.stderr.split('\n')[0]);
    expect([ours.code, theirs.status]).toEqual([1, 1]);
  });
});

describe('what one writes, the other reads', () => {
  const prints = ['key', 'headers', 'timestamp', 'partition', 'offset'].flatMap((each) => [
    '--property',
    `print.${each}=true`,
  ]);
  const input = 'h1:v1,h1:v2\tk1\tv1\nh:\tk2\tNULL\r\nx:NULL\tk3\t\n';
  const parsed = ['parse.key=true', 'parse.headers=true', 'null.marker=NULL'].flatMap((each) => ['--property', each]);

  test('records of our producer, in every codec', async () => {
    for (const codec of ['none', 'gzip', 'snappy', 'lz4', 'zstd']) {
      const topic = `ours-${codec}`;
      await outputOf('kafka-topics', [...to, '--create', '--topic', topic]);
      await produce(topic, input, ...parsed, '--compression-codec', codec);
      const { ours, theirs } = await both('console-consumer', [
        '--topic',
        topic,
        '--from-beginning',
        '--max-messages',
        '3',
        ...prints,
      ]);
      expect(ours.stdout).toBe(theirs.stdout);
      expect(ours.stdout.replace(/CreateTime:\d+/g, 'CreateTime:T')).toBe(
        [
          'CreateTime:T\tPartition:0\tOffset:0\th1:v1,h1:v2\tk1\tv1',
          'CreateTime:T\tPartition:0\tOffset:1\th:\tk2\tnull',
          'CreateTime:T\tPartition:0\tOffset:2\tx:null\tk3\t',
          '',
        ].join('\n'),
      );
    }
  });

  test('records of their producer, in every codec, with the broker’s timestamps too', async () => {
    for (const codec of ['none', 'gzip', 'snappy', 'lz4', 'zstd']) {
      const topic = `theirs-${codec}`;
      await outputOf('kafka-topics', [
        ...to,
        '--create',
        '--topic',
        topic,
        '--config',
        'message.timestamp.type=LogAppendTime',
      ]);
      const args = [...to, '--topic', topic, ...parsed, '--compression-codec', codec];
      await tools.output('console-producer', args, { input });
      const { ours, theirs } = await both('console-consumer', [
        '--topic',
        topic,
        '--from-beginning',
        '--max-messages',
        '3',
        ...prints,
      ]);
      expect(ours.stdout).toBe(theirs.stdout);
      expect(ours.stdout).toMatch(/^LogAppendTime:\d+\t/);
    }
  });

  test('keys go to the same partitions', async () => {
    const keys = Array.from({ length: 200 }, (_, i) => `key-${'x'.repeat(i % 7)}${i}\tv\n`).join('');
    for (const name of ['keys-ours', 'keys-theirs']) {
      await outputOf('kafka-topics', [...to, '--create', '--topic', name, '--partitions', '7']);
    }
    await produce('keys-ours', keys, '--property', 'parse.key=true');
    const args = [...to, '--topic', 'keys-theirs', '--property', 'parse.key=true'];
    await tools.output('console-producer', args, { input: keys });
    const placed = async (topic: string) =>
      sorted(
        await outputOf('kafka-console-consumer', [
          ...to,
          ...['--topic', topic, '--from-beginning', '--max-messages', '200'],
          ...['--property', 'print.partition=true', '--property', 'print.key=true'],
        ]),
      );
    expect(await placed('keys-ours')).toEqual(await placed('keys-theirs'));
  });

  test('offsets of a group, either way', async () => {
    await outputOf('kafka-topics', [...to, '--create', '--topic', 'steps']);
    await produce('steps', '1\n2\n3\n4\n');
    const take = ['--topic', 'steps', '--group', 'walkers', '--max-messages', '1', '--from-beginning'];
    expect(await outputOf('kafka-console-consumer', [...to, ...take])).toBe('1\n');
    expect(await tools.output('console-consumer', [...to, ...take])).toBe('2\n');
    expect(await outputOf('kafka-console-consumer', [...to, ...take])).toBe('3\n');
    await tools.output('consumer-groups', [
      ...to,
      '--reset-offsets',
      '--group',
      'walkers',
      '--topic',
      'steps',
      '--to-earliest',
      '--execute',
    ]);
    expect(await outputOf('kafka-console-consumer', [...to, ...take])).toBe('1\n');
    await outputOf('kafka-consumer-groups', [
      ...to,
      '--reset-offsets',
      '--group',
      'walkers',
      '--topic',
      'steps',
      '--to-offset',
      '3',
      '--execute',
    ]);
    expect(await tools.output('console-consumer', [...to, ...take])).toBe('4\n');
  });

  test('configuration, set by one and removed by the other', async () => {
    await outputOf('kafka-topics', [...to, '--create', '--topic', 'tuned']);
    await outputOf('kafka-configs', [
      ...to,
      '--topic',
      'tuned',
      '--alter',
      '--add-config',
      'retention.ms=77,cleanup.policy=[compact,delete]',
    ]);
    expect(await tools.output('topics', [...to, '--describe', '--topic', 'tuned'])).toMatch(
      /Configs: cleanup\.policy=compact,delete,retention\.ms=77\n/,
    );
    await tools.output('configs', [...to, '--topic', 'tuned', '--alter', '--delete-config', 'retention.ms']);
    expect(await outputOf('kafka-configs', [...to, '--topic', 'tuned', '--describe'])).not.toContain('retention.ms');
  });

  test('reconciled topics are there for Kafka’s tools', async () => {
    const file = path.join(directory.path, 'topics.json');
    const once = () => outputOf('odradek', ['reconcile', ...to, '--file', file, '--once', '--log-level', 'off']);
    writeFileSync(
      file,
      JSON.stringify({
        topics: [{ name: 'declared', partitions: 2, config: { 'retention.ms': 5 }, deletionPolicy: 'delete' }],
      }),
    );
    await once();
    expect(await tools.output('topics', [...to, '--describe', '--topic', 'declared'])).toMatch(
      /PartitionCount: 2\t.*retention\.ms=5\n/,
    );
    writeFileSync(file, '{"topics":[]}');
    await once();
    expect((await tools.call('topics', [...to, '--describe', '--topic', 'declared'])).status).toBe(1);
  });
});

describe('straight on ZooKeeper', () => {
  let old: ApacheTools;
  beforeAll(() => {
    old = new ApacheTools('2.4');
  });
  afterAll(() => old[Symbol.asyncDispose]());

  test('topics that the controller of Kafka 3.9 takes up, shown as by the tools of 2.4', async () => {
    const zk = ['--zookeeper', zookeeper.connectString];
    const create = (topic: string) => [
      '--create',
      '--topic',
      topic,
      '--partitions',
      '2',
      '--replication-factor',
      '1',
      '--config',
      'retention.ms=9',
    ];
    expect(await outputOf('kafka-topics', [...zk, ...create('zk-ours')])).toBe('Created topic zk-ours.\n');
    await old.output('topics', [...zk, ...create('zk-theirs')]);
    await expect
      .poll(async () => (await tools.call('topics', [...to, '--describe', '--topic', 'zk-ours'])).stdout, {
        timeout: 20_000,
      })
      .toMatch(/Partition: 1\tLeader: 0/);
    for (const args of [['--list'], ['--describe', '--topic', 'zk-.*']]) {
      expect(await outputOf('kafka-topics', [...zk, ...args])).toBe(await old.output('topics', [...zk, ...args]));
    }
    const alter = (topic: string) => ['--alter', '--topic', topic, '--partitions', '3'];
    expect(await outputOf('kafka-topics', [...zk, ...alter('zk-ours')])).toBe(
      await old.output('topics', [...zk, ...alter('zk-theirs')]),
    );
    const configure = [
      '--entity-type',
      'topics',
      '--entity-name',
      'zk-ours',
      '--alter',
      '--add-config',
      'segment.ms=8',
    ];
    expect(await outputOf('kafka-configs', [...zk, ...configure])).toBe(
      "Completed Updating config for entity: topic 'zk-ours'.\n",
    );
    const described = ['--entity-type', 'topics', '--entity-name', 'zk-ours', '--describe'];
    expect(await outputOf('kafka-configs', [...zk, ...described])).toBe(
      await old.output('configs', [...zk, ...described]),
    );
    expect(await outputOf('kafka-topics', [...zk, '--delete', '--topic', 'zk-ours'])).toContain(
      'Topic zk-ours is marked for deletion.',
    );
    await expect
      .poll(async () => (await tools.call('topics', [...to, '--list'])).stdout, { timeout: 20_000 })
      .not.toContain('zk-ours');
  });

  test('a session of the shell, beside Apache’s', async () => {
    const script = (root: string) =>
      [
        `create ${root} "two words"`,
        `get ${root}`,
        `create ${root}/a`,
        `create -e ${root}/e x`,
        `create -s ${root}/s- y`,
        `create -c ${root}/c`,
        `ls ${root}`,
        `ls -R ${root}`,
        `create ${root} again`,
        `create ${root}/x/y z`,
        `set ${root} new`,
        `set -v 7 ${root} newer`,
        `get ${root}`,
        `getAcl ${root}`,
        `setAcl ${root}/a world:anyone:cdrwa`,
        `setAcl ${root}/a bad`,
        `delete ${root}`,
        'create noslash',
        `get ${root}/nope`,
        `sync ${root}`,
        `getAllChildrenNumber ${root}`,
        `deleteall ${root}`,
        'printwatches',
        'quit',
        '',
      ].join('\n');
    const shell = path.join(peers, 'kafka');
    const theirs = await run(shell, ['3.9', 'zookeeper-shell', '-server', zookeeper.connectString], {
      input: script('/one'),
    });
    const ours = await runCommand('zkCli', ['-server', zookeeper.connectString], script('/two'));
    expect(ours.stdout.replaceAll('/two', '/one')).toBe(theirs.stdout);
    const errors = theirs.stderr.split('\n').filter((line) => !/^\[/.test(line) && !/^\tat /.test(line));
    expect(ours.stderr.replaceAll('/two', '/one').split('\n')).toEqual(errors);
  });
});

test('files that this broker wrote are dumped as by Kafka', async () => {
  const log = path.join(directory.path, 'logs', 'seen-0', '00000000000000000000.log');
  expect(readFileSync(log).length).toBeGreaterThan(0);
  const args = ['--files', log, '--print-data-log'];
  expect(await outputOf('kafka-dump-log', args)).toBe(await tools.output('dump-log', args));
});
