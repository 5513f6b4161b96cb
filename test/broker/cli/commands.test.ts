import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startCluster, type TestCluster } from '../../../broker/src/testing';
import { outputOf, runCommand, startCommand } from './run-command';

let cluster: TestCluster;
let directory: string;
/** `--bootstrap-server` of the cluster. */
let to: string[];

beforeAll(async () => {
  cluster = await startCluster();
  to = ['--bootstrap-server', cluster.bootstrapServers];
  directory = mkdtempSync(join(tmpdir(), 'odradek-cli-'));
});
afterAll(async () => {
  await cluster.close();
  rmSync(directory, { recursive: true, force: true });
});

async function createTopic(topic: string, ...options: string[]): Promise<void> {
  await outputOf('kafka-topics', [...to, '--create', '--topic', topic, ...options]);
}

async function produce(topic: string, lines: readonly string[], ...options: string[]): Promise<void> {
  await outputOf(
    'kafka-console-producer',
    [...to, '--topic', topic, ...options],
    lines.map((line) => `${line}\n`).join(''),
  );
}

function consume(topic: string, count: number, ...options: string[]): Promise<string> {
  const what = ['--topic', topic, '--from-beginning', '--max-messages', String(count)];
  return outputOf('kafka-console-consumer', [...to, ...what, ...options]);
}

describe('topics', () => {
  test('are created, listed, described, altered and deleted', async () => {
    expect(
      await outputOf('kafka-topics.sh', [
        ...to,
        '--create',
        '--topic',
        'orders',
        '--partitions',
        '2',
        '--config',
        'retention.ms=1000',
      ]),
    ).toBe('Created topic orders.\n');
    expect(await outputOf('kafka-topics', [...to, '--list', '--topic', 'ord.*'])).toBe('orders\n');
    await outputOf('kafka-topics', [...to, '--alter', '--topic', 'orders', '--partitions', '3']);
    const described = await outputOf('kafka-topics', [...to, '--describe', '--topic', 'orders']);
    expect(described.replace(/TopicId: \S+/, 'TopicId: ID')).toBe(
      [
        'Topic: orders\tTopicId: ID\tPartitionCount: 3\tReplicationFactor: 1\tConfigs: retention.ms=1000,file.delete.delay.ms=0\n',
        ...[0, 1, 2].map(
          (n) => `\tTopic: orders\tPartition: ${n}\tLeader: 0\tReplicas: 0\tIsr: 0\tElr: N/A\tLastKnownElr: N/A\n`,
        ),
      ].join(''),
    );
    expect(await outputOf('kafka-topics', [...to, '--delete', '--topic', 'orders'])).toBe('');
    expect(await outputOf('kafka-topics', [...to, '--list', '--topic', 'orders'])).toBe('\n');
  });

  test('on ZooKeeper, as kafka-topics of Kafka 2.4', async () => {
    const zookeeper = ['--zookeeper', cluster.zookeeperConnect];
    expect(
      await outputOf('kafka-topics', [
        ...zookeeper,
        '--create',
        '--topic',
        'test1',
        '--partitions',
        '1',
        '--replication-factor',
        '1',
      ]),
    ).toBe('Created topic test1.\n');
    expect(await outputOf('kafka-topics', [...zookeeper, '--list', '--topic', 'test1'])).toBe('test1\n');
    expect(
      await outputOf('kafka-topics', [...zookeeper, '--alter', '--topic', 'test1', '--config', 'retention.ms=7']),
    ).toContain('Updated config for topic test1.\n');
    expect(await outputOf('kafka-topics', [...zookeeper, '--describe', '--topic', 'test1'])).toMatch(
      /^Topic: test1\tPartitionCount: 1\tReplicationFactor: 1\tConfigs: retention\.ms=7\n\tTopic: test1\tPartition: 0\t/,
    );
    expect(await outputOf('kafka-topics', [...zookeeper, '--delete', '--topic', 'test1'])).toBe(
      'Topic test1 is marked for deletion.\nNote: This will have no impact if delete.topic.enable is not set to true.\n',
    );
  });

  test.each([
    [['--create', '--topic', 'twice'], "Topic 'twice' already exists."],
    [
      ['--create', '--topic', 'rf', '--replication-factor', '3'],
      'Replication factor: 3 larger than available brokers: 1.',
    ],
    [['--create', '--topic', 'parts', '--partitions', '0'], 'The partitions must be greater than 0'],
    [['--describe', '--topic', 'nope'], "Topic 'nope' does not exist as expected"],
    [['--alter', '--topic', 'twice', '--partitions', '1'], 'Topic already has 1 partition'],
  ])('%j fails as in Kafka', async (args, message) => {
    if (args[0] === '--create')
      await runCommand('kafka-topics', [...to, '--create', '--topic', 'twice', '--if-not-exists']);
    const { code, stdout } = await runCommand('kafka-topics', [...to, ...args]);
    expect(stdout).toContain(`Error while executing topic command : ${message}`);
    expect(code).toBe(1);
  });

  test.each([
    [['--list', '--create'], 'Command must include exactly one action'],
    [['--create'], 'Missing required argument "[topic]"'],
    [['--list', '--partitions', '3'], '--partitions is for --create and --alter, not for --list'],
    [['--alter', '--topic', 'x', '--config', 'a=b'], 'kafka-configs'],
  ])('%j is a wrong command line', async (args, message) => {
    const { code, stderr } = await runCommand('kafka-topics', [...to, ...args]);
    expect(stderr).toContain(message);
    expect(stderr).toContain("'kafka-topics --help' shows what is accepted.");
    expect(code).toBe(1);
  });

  test('without a server, and with one that is not there', async () => {
    expect((await runCommand('kafka-topics', ['--list'])).stderr).toContain('--bootstrap-server must be specified');
    const patience = join(directory, 'patience.properties');
    writeFileSync(patience, 'default.api.timeout.ms=150\n');
    const { code, stdout, stderr } = await runCommand('kafka-topics', [
      '--list',
      '--bootstrap-server',
      '127.0.0.1:1',
      '--command-config',
      patience,
    ]);
    expect(code).toBe(1);
    expect(stdout).toMatch(/given up after 150 ms: No connection to 127\.0\.0\.1:1/);
    expect(stderr).toMatch(/^WARN No connection to 127\.0\.0\.1:1 .*; trying again\.\n$/);
  });
});

describe('records', () => {
  test('go in and come out in order, and the topic is created by the first of them', async () => {
    const lines = Array.from({ length: 1000 }, (_, i) => String(i + 1));
    const shown = await outputOf(
      'kafka-console-producer',
      ['--broker-list', cluster.bootstrapServers, '--topic', 'numbers', '--request-required-acks', '1'],
      lines.join('\n'),
    );
    expect(shown).toBe('');
    const { code, stdout, stderr } = await runCommand('kafka-console-consumer.sh', [
      ...to,
      ...['--topic', 'numbers', '--from-beginning', '--max-messages', '1000'],
    ]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: 'Processed a total of 1000 messages\n' });
    expect(stdout).toBe(`${lines.join('\n')}\n`);
  });

  test('keep keys, headers, nulls and bytes that are no text', async () => {
    await createTopic('shapes');
    const properties = ['parse.key=true', 'parse.headers=true', 'null.marker=NIL'].flatMap((each) => [
      '--property',
      each,
    ]);
    await produce('shapes', ['a:1,a:2\tk\tv', 'NIL\tNIL\tNIL', 'b:\t\t'], ...properties);
    const prints = ['print.key=true', 'print.headers=true', 'print.offset=true'].flatMap((each) => [
      '--property',
      each,
    ]);
    expect(await consume('shapes', 3, ...prints)).toBe(
      'Offset:0\ta:1,a:2\tk\tv\nOffset:1\tNO_HEADERS\tnull\tnull\nOffset:2\tb:\t\t\n',
    );
  });

  test.each(['none', 'gzip', 'snappy', 'lz4', 'zstd'])('pass %s', async (codec) => {
    await createTopic(`codec-${codec}`);
    await produce(`codec-${codec}`, ['x'.repeat(5000), 'y'], '--compression-codec', codec);
    expect(await consume(`codec-${codec}`, 2)).toBe(`${'x'.repeat(5000)}\ny\n`);
  });

  test('go to the partition of their key, to one that is named, or to each in turn', async () => {
    await createTopic('spread', '--partitions', '3');
    // The Java client sends 21 and foobar to the first of three partitions, the long one to the last.
    await produce(
      'spread',
      ['21:a', 'foobar:b', 'a-little-bit-long-string:c'],
      '--property',
      'parse.key=true',
      '--property',
      'key.separator=:',
    );
    const partitionOf = async (partition: string, count: number) =>
      outputOf('kafka-console-consumer', [
        ...to,
        ...['--topic', 'spread', '--partition', partition, '--offset', 'earliest', '--max-messages', String(count)],
      ]);
    expect(await partitionOf('0', 2)).toBe('a\nb\n');
    expect(await partitionOf('2', 1)).toBe('c\n');
    await produce('spread', ['d', 'e'], '--partition', '1', '--sync');
    expect(await partitionOf('1', 2)).toBe('d\ne\n');
    await produce('spread', ['1', '2', '3'], '--partitioner', 'round-robin');
    expect(await outputOf('kafka-get-offsets', [...to, '--topic', 'spread'])).toBe(
      'spread:0:3\nspread:1:3\nspread:2:2\n',
    );
    const { code, stderr } = await runCommand(
      'kafka-console-producer',
      [...to, '--topic', 'spread', '--partition', '3'],
      'x\n',
    );
    expect({ code, stderr }).toEqual({ code: 1, stderr: '--partition 3: topic spread has the partitions 0 to 2\n' });
  });

  test('that are too large are told, and the others are delivered', async () => {
    await createTopic('limited', '--config', 'max.message.bytes=2000');
    const { code, stderr } = await runCommand(
      'kafka-console-producer',
      [...to, '--topic', 'limited'],
      `a\n${'x'.repeat(5000)}\nb\n`,
    );
    expect(stderr).toMatch(/^ERROR a record could not be sent to topic limited: MESSAGE_TOO_LARGE/);
    expect(code).toBe(1);
    expect(await consume('limited', 2)).toBe('a\nb\n');
  });

  test('a line without its key ends the command, after what came before it', async () => {
    await createTopic('keyed');
    const { code, stderr } = await runCommand(
      'kafka-console-producer',
      [...to, '--topic', 'keyed', '--property', 'parse.key=true'],
      'k\tv\nx\n',
    );
    expect(stderr).toContain("No key separator found on line number 2: 'x'");
    expect(code).toBe(1);
    expect(await consume('keyed', 1)).toBe('v\n');
  });

  test('a topic that is never there is waited for so long', async () => {
    const { code, stderr } = await runCommand(
      'kafka-console-producer',
      [...to, '--topic', 'bad name', '--max-block-ms', '100'],
      'x\n',
    );
    expect(stderr).toMatch(/bad name/);
    expect(code).toBe(1);
  });

  test('--timeout-ms ends where nothing comes', async () => {
    await createTopic('silent');
    const { code, stdout, stderr } = await runCommand('kafka-console-consumer', [
      ...to,
      '--topic',
      'silent',
      '--timeout-ms',
      '100',
    ]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
    expect(stderr).toBe('ERROR No message for 100 ms: ending.\nProcessed a total of 0 messages\n');
  });

  test('a consumer that is told to stop says how many it has read', async () => {
    await createTopic('stopped');
    await produce('stopped', ['a', 'b']);
    const consumer = startCommand('kafka-console-consumer', [...to, '--topic', 'stopped', '--from-beginning']);
    while (consumer.stdout.text !== 'a\nb\n') await new Promise((resolve) => setTimeout(resolve, 5));
    consumer.stop();
    expect(await consumer.ended).toEqual({ code: 0, stdout: 'a\nb\n', stderr: 'Processed a total of 2 messages\n' });
  });

  test('--include reads every topic that matches', async () => {
    await createTopic('in-1');
    await createTopic('in-2');
    await produce('in-1', ['a']);
    await produce('in-2', ['b']);
    const shown = await outputOf('kafka-console-consumer', [
      ...to,
      '--include',
      'in-.*',
      '--from-beginning',
      '--max-messages',
      '2',
    ]);
    expect(shown.split('\n').sort()).toEqual(['', 'a', 'b']);
  });
});

describe('groups', () => {
  test('go on where they were, are described, reset and deleted', async () => {
    await createTopic('events', '--partitions', '2');
    await produce('events', ['a', 'b', 'c', 'd'], '--partition', '1');
    expect(await consume('events', 3, '--group', 'g')).toBe('a\nb\nc\n');
    expect(await consume('events', 1, '--group', 'g')).toBe('d\n');
    expect(await outputOf('kafka-consumer-groups', [...to, '--list', '--state'])).toMatch(/^g +Empty +$/m);
    const { stdout, stderr } = await runCommand('kafka-consumer-groups', [...to, '--describe', '--group', 'g']);
    expect(stdout).toMatch(/^g +events +1 +4 +4 +0 +- +- +-$/m);
    expect(stderr).toBe("\nConsumer group 'g' has no active members.\n");

    const reset = ['--reset-offsets', '--group', 'g', '--topic', 'events:1'];
    expect(await outputOf('kafka-consumer-groups', [...to, ...reset, '--shift-by', '-2', '--dry-run'])).toMatch(
      /^g +events +1 +2 +$/m,
    );
    expect(await outputOf('kafka-consumer-groups', [...to, ...reset, '--to-offset', '100', '--export'])).toBe(
      'events,1,4\n',
    );
    await outputOf('kafka-consumer-groups', [...to, ...reset, '--to-offset', '1', '--execute']);
    expect(await consume('events', 3, '--group', 'g')).toBe('b\nc\nd\n');
    const plan = join(directory, 'plan.csv');
    writeFileSync(plan, 'events,1,3\n');
    await outputOf('kafka-consumer-groups', [
      ...to,
      '--reset-offsets',
      '--group',
      'g',
      '--from-file',
      plan,
      '--execute',
    ]);
    expect(await consume('events', 1, '--group', 'g')).toBe('d\n');

    expect(
      await outputOf('kafka-consumer-groups', [...to, '--delete-offsets', '--group', 'g', '--topic', 'events:1']),
    ).toMatch(/^events +1 +Successful +$/m);
    expect(await outputOf('kafka-consumer-groups', [...to, '--delete', '--group', 'g'])).toBe(
      "Deletion of requested consumer groups ('g') was successful.\n",
    );
    const gone = await runCommand('kafka-consumer-groups', [...to, '--describe', '--group', 'g']);
    expect(gone).toMatchObject({ code: 1, stdout: "\nError: Consumer group 'g' does not exist.\n" });
  });

  test('share partitions between members, and members are described', async () => {
    await createTopic('shared', '--partitions', '2');
    const start = () => startCommand('kafka-console-consumer', [...to, '--topic', 'shared', '--group', 'pair']);
    const members = [start(), start()];
    const describe = async () =>
      (await runCommand('kafka-consumer-groups', [...to, '--describe', '--group', 'pair', '--members', '--verbose']))
        .stdout;
    let described = '';
    while ((described.match(/ 1 +\([01]\)$/gm) ?? []).length < 2) described = await describe();
    expect(described).toMatch(/^GROUP +CONSUMER-ID +HOST +CLIENT-ID +#PARTITIONS +ASSIGNMENT$/m);
    const busy = await runCommand('kafka-consumer-groups', [...to, '--delete', '--group', 'pair']);
    expect(busy.stdout).toContain("* Group 'pair' could not be deleted due to: NON_EMPTY_GROUP");
    expect(busy.code).toBe(1);
    const moved = await runCommand('kafka-consumer-groups', [
      ...to,
      '--reset-offsets',
      '--group',
      'pair',
      '--topic',
      'shared',
      '--to-earliest',
      '--execute',
    ]);
    expect(moved.stdout).toContain(
      "Assignments can only be reset if the group 'pair' is inactive, but the current state is Stable.",
    );
    for (const member of members) member.stop();
    for (const member of members) expect((await member.ended).code).toBe(0);
  });
});

describe('configuration', () => {
  test('of a topic', async () => {
    await createTopic('tuned');
    const topic = [...to, '--entity-type', 'topics', '--entity-name', 'tuned'];
    expect(
      await outputOf('kafka-configs', [
        ...topic,
        '--alter',
        '--add-config',
        'retention.ms=5,cleanup.policy=[compact,delete]',
      ]),
    ).toBe('Completed updating config for topic tuned.\n');
    expect(await outputOf('kafka-configs', [...topic, '--describe'])).toBe(
      [
        'Dynamic configs for topic tuned are:',
        '  cleanup.policy=compact,delete sensitive=false synonyms={DYNAMIC_TOPIC_CONFIG:cleanup.policy=compact,delete, DEFAULT_CONFIG:log.cleanup.policy=delete}',
        '  retention.ms=5 sensitive=false synonyms={DYNAMIC_TOPIC_CONFIG:retention.ms=5}',
        '',
      ].join('\n'),
    );
    await outputOf('kafka-configs', [
      ...to,
      '--topic',
      'tuned',
      '--alter',
      '--delete-config',
      'retention.ms,cleanup.policy',
    ]);
    expect(await outputOf('kafka-configs', [...to, '--topic', 'tuned', '--describe'])).toBe(
      'Dynamic configs for topic tuned are:\n',
    );
    const again = await runCommand('kafka-configs', [...topic, '--alter', '--delete-config', 'retention.ms']);
    expect(again).toMatchObject({ code: 1, stderr: 'Invalid config(s): retention.ms\n' });
  });

  test('of brokers', async () => {
    const all = await outputOf('kafka-configs', [...to, '--broker', '0', '--describe', '--all']);
    expect(all).toMatch(/^All configs for broker 0 are:\n/);
    expect(all).toMatch(/^ {2}num\.partitions=1 sensitive=false synonyms=\{.*DEFAULT_CONFIG:num\.partitions=1\}$/m);
  });
});

test('log directories, and records that are deleted', async () => {
  await createTopic('dropped');
  await produce('dropped', ['a', 'b', 'c']);
  const described = await outputOf('kafka-log-dirs', [...to, '--describe', '--topic-list', 'dropped']);
  const [, , json = ''] = described.split('\n');
  expect(JSON.parse(json)).toMatchObject({
    version: 1,
    brokers: [
      {
        broker: 0,
        logDirs: [{ error: null, partitions: [{ partition: 'dropped-0', offsetLag: 0, isFuture: false }] }],
      },
    ],
  });
  const file = join(directory, 'delete.json');
  writeFileSync(file, JSON.stringify({ partitions: [{ topic: 'dropped', partition: 0, offset: 2 }], version: 1 }));
  expect(await outputOf('kafka-delete-records', [...to, '--offset-json-file', file])).toBe(
    'Executing records delete operation\nRecords delete operation completed:\npartition: dropped-0\tlow_watermark: 2\n',
  );
  expect(await outputOf('kafka-get-offsets', [...to, '--topic', 'dropped', '--time', 'earliest'])).toBe(
    'dropped:0:2\n',
  );
  writeFileSync(file, '{"partitions":[{"topic":"dropped"}]}');
  expect((await runCommand('kafka-delete-records', [...to, '--offset-json-file', file])).stderr).toContain(
    'is not {"topic":TEXT',
  );
});

test('versions of requests', async () => {
  const shown = await outputOf('kafka-broker-api-versions', to);
  expect(shown).toMatch(/^127\.0\.0\.1:\d+ \(id: 0 rack: null\) -> \(\n\tProduce\(0\): 0 to 11 \[usable: 11\],\n/);
  expect(shown).toMatch(/\n\)\n$/);
});

describe('zookeeper-shell', () => {
  const connected = 'WATCHER::\n\nWatchedEvent state:SyncConnected type:None path:null\n';

  test('runs one command', async () => {
    const server = cluster.zookeeperConnect;
    const created = await runCommand('zookeeper-shell', [server, 'create', '/foo', 'bar']);
    expect(created).toEqual({ code: 0, stdout: `Connecting to ${server}\n\n${connected}`, stderr: 'Created /foo\n' });
    expect(await outputOf('zookeeper-shell.sh', [server, 'get', '/foo'])).toBe(
      `Connecting to ${server}\n\n${connected}bar\n`,
    );
    expect(await outputOf('zkCli.sh', ['-server', `${server}/brokers`, 'ls', '/ids'])).toMatch(/\n\[0\]\n$/);
    const missing = await runCommand('zookeeper-shell', [server, 'get', '/nope']);
    expect(missing).toMatchObject({ code: 1, stderr: 'Node does not exist: /nope\n' });
  });

  test('runs commands of standard input, containers and nodes with a time to live included', async () => {
    const script = [
      'create /shell',
      'create -e -s /shell/e- "two words"',
      'create -c /shell/container',
      'create -t 60000 /shell/ttl x',
      'ls -w /shell',
      'rmr /shell/ttl',
      'get /shell/e-0000000000',
      'set -v 7 /shell x',
      'setAcl /shell/container world:anyone:r',
      'getAcl /shell/container',
      'ls -R /shell',
      'nonsense',
      'deleteall /shell',
      'quit',
      'ls /never',
    ];
    const { code, stdout, stderr } = await runCommand(
      'zkCli',
      ['-server', cluster.zookeeperConnect],
      script.join('\n'),
    );
    expect(code).toBe(0);
    expect(stdout.split(connected)[1]).toBe(
      [
        '[container, e-0000000000, ttl]',
        '',
        'WATCHER::',
        '',
        'WatchedEvent state:SyncConnected type:NodeChildrenChanged path:/shell',
        'two words',
        "'world,'anyone",
        ': r',
        '/shell',
        '/shell/container',
        '/shell/e-0000000000',
        '',
        'WATCHER::',
        '',
        'WatchedEvent state:Closed type:None path:null',
        '',
      ].join('\n'),
    );
    expect(stderr).toContain('Created /shell/ttl\n');
    expect(stderr).toContain('version No is not valid : /shell\n');
    expect(stderr).toContain('Command not found: Command not found nonsense\n');
    expect(stderr).not.toContain('/never');
  });
});

describe('reconcile', () => {
  const file = () => join(directory, 'topics.json');
  const once = (...options: string[]) =>
    runCommand('odradek', ['reconcile', ...to, '--file', file(), '--once', '--log-level', 'off', ...options]);
  const write = (...topics: object[]) => writeFileSync(file(), JSON.stringify({ topics }));
  const describeTopic = async (topic: string) =>
    (await runCommand('kafka-topics', [...to, '--describe', '--topic', topic])).stdout;

  test('makes topics what the file says, and deletes only what it made itself', async () => {
    await createTopic('theirs');
    write(
      { name: 'made', partitions: 2, config: { 'retention.ms': '1' }, deletionPolicy: 'delete' },
      { name: 'kept', partitions: 1, deletionPolicy: 'retain' },
      { name: 'theirs', config: { 'retention.ms': 2 }, deletionPolicy: 'delete' },
    );
    expect((await once('--dry-run')).code).toBe(0);
    expect(await describeTopic('made')).toContain('does not exist');
    expect((await once()).code).toBe(0);
    expect(await describeTopic('made')).toMatch(/PartitionCount: 2\t.*Configs: retention\.ms=1,/);
    expect(await describeTopic('theirs')).toMatch(/Configs: retention\.ms=2,/);

    await outputOf('kafka-configs', [...to, '--topic', 'made', '--alter', '--add-config', 'segment.ms=99']);
    write({ name: 'made', partitions: 3, config: { 'cleanup.policy': 'compact' }, deletionPolicy: 'delete' });
    expect((await once()).code).toBe(0);
    // What the file had and has no more is set back; what somebody else set stays.
    const altered = await describeTopic('made');
    expect(altered).toMatch(/PartitionCount: 3\t/);
    expect(altered).toContain('cleanup.policy=compact');
    expect(altered).toContain('segment.ms=99');
    expect(altered).not.toContain('retention.ms');

    write();
    expect((await once()).code).toBe(0);
    expect(await describeTopic('made')).toContain('does not exist');
    expect(await describeTopic('kept')).toContain('Topic: kept');
    expect(await describeTopic('theirs')).toContain('Topic: theirs');
  });

  test('leaves a topic alone that somebody made again under the same name', async () => {
    write({ name: 'again', partitions: 1, deletionPolicy: 'delete' });
    await once();
    await outputOf('kafka-topics', [...to, '--delete', '--topic', 'again']);
    await createTopic('again');
    write();
    expect((await once()).code).toBe(0);
    expect(await describeTopic('again')).toContain('Topic: again');
  });

  test('a topic that cannot be made does not keep the others from it, and the exit code says so', async () => {
    write({ name: 'impossible', partitions: 1, replicationFactor: 3 }, { name: 'possible', partitions: 1 });
    expect((await once()).code).toBe(1);
    expect(await describeTopic('possible')).toContain('Topic: possible');
  });

  test('follows the file until it is told to stop', async () => {
    write({ name: 'first', partitions: 1 });
    const running = startCommand('odradek', [
      'reconcile',
      ...to,
      '--file',
      file(),
      '--interval',
      '100ms',
      '--log-level',
      'off',
    ]);
    const appears = async (topic: string) => {
      while (!(await describeTopic(topic)).includes(`Topic: ${topic}`))
        await new Promise((resolve) => setTimeout(resolve, 20));
    };
    await appears('first');
    writeFileSync(file(), 'not JSON');
    write({ name: 'second', partitions: 1 });
    await appears('second');
    running.stop();
    expect((await running.ended).code).toBe(0);
  });

  test('a file that is wrong is an error that names what', async () => {
    write({ name: 'x', partitions: 'many' });
    expect(await once()).toMatchObject({
      code: 1,
      stderr: 'topics[0].partitions is "many": accepted is a whole number from 1 to 100000\n',
    });
  });
});

describe('the program itself', () => {
  test('lists its commands, and knows a mistyped one', async () => {
    const { code, stdout } = await runCommand('odradek', ['--help']);
    expect(code).toBe(0);
    for (const name of ['broker', 'dev', 'topics', 'produce', 'consume', 'reconcile', 'zookeeper-shell']) {
      expect(stdout).toMatch(new RegExp(`^ {2}${name} +[A-Z]`, 'm'));
    }
    expect((await runCommand('odradek', ['topic'])).stderr).toContain(
      "odradek has no command 'topic' (did you mean topics?)",
    );
    expect((await runCommand('odradek', [])).code).toBe(1);
  });

  test('explains every command, with an example', async () => {
    const { stdout } = await runCommand('odradek', ['--help']);
    const names = [...stdout.matchAll(/^ {2}([a-z][a-z-]+) {2,}/gm)].map(([, name = '']) => name);
    expect(names.length).toBeGreaterThan(15);
    for (const name of names) {
      const help = await outputOf('odradek', [name, '--help']);
      expect(help).toMatch(new RegExp(`^Usage: odradek ${name}`));
      expect(help).toMatch(/^Examples?:\n {2}\S/m);
    }
  });

  test('has a version, by every name', async () => {
    expect(await outputOf('kafka-topics', ['--version'])).toMatch(/^\d+\.\d+\.\d+ /);
    expect(await outputOf('odradek', ['--version'])).toBe(await outputOf('kafka-topics', ['--version']));
    expect(await outputOf('odradek', ['topics', '--version'])).toBe(await outputOf('odradek', ['--version']));
  });
});
