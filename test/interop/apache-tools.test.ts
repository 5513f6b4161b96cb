import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { command, compare, startPeers, type Peers, type Step } from './side-by-side';
import { handlers } from '../../broker/src/server/handlers';
import { peers as peersDirectory, Running, temporaryDirectory } from './harness';
import { ApacheTools } from './tool-runner';

const codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd'];
const keyed = (count: number, separator = '\t'): string =>
  Array.from({ length: count }, (_, i) => `key${i}${separator}value ${i} ${'x'.repeat(i % 50)}\n`).join('');
const withHeaders = (count: number): string =>
  Array.from({ length: count }, (_, i) => `h1:a,h2:b${i}\tkey${i}\tvalue ${i} ${'ü'.repeat(i % 50)}\n`).join('');

const notYet = (api: string) => ({ why: `${api} is not served yet`, ours: new RegExp(`not support ${api}`) });

const topics: readonly Step[] = [
  command('topics --create --topic t1 --partitions 3 --config retention.ms=100000 --config cleanup.policy=compact'),
  command('topics --create --topic t1', { prints: /already exists/ }),
  command('topics --create --topic t1 --if-not-exists'),
  command('topics --create --topic t2 --replication-factor 2', {
    prints: /Replication factor: 2 larger than available brokers: 1/,
  }),
  command('topics --create --topic t2 --partitions 0'),
  command('topics --create --topic', { args: ['t 2'] }),
  command('topics --create --topic ..'),
  command(`topics --create --topic ${'x'.repeat(250)}`),
  command('topics --create --topic t2 --config retention.ms=abc'),
  command('topics --create --topic t2 --config nonsense=abc'),
  command('topics --create --topic t2 --config min.insync.replicas=0'),
  command('topics --create --topic t2 --replica-assignment 0,0'),
  command('topics --create --topic t3 --replica-assignment 0:0,0'),
  command('topics --create --topic a.b'),
  command('topics --create --topic a_b'),
  command('topics --list', { prints: /^a\.b$/m }),
  command('topics --describe'),
  command('topics --describe --topic t1', {
    prints: /PartitionCount: 3.*cleanup\.policy=compact,retention\.ms=100000/,
  }),
  command('topics --describe --topic t.*'),
  command('topics --describe --topic none'),
  command('topics --describe --topic none --if-exists'),
  command('topics --describe --topics-with-overrides'),
  command('topics --describe --under-replicated-partitions'),
  command('topics --describe --unavailable-partitions'),
  command('topics --describe --at-min-isr-partitions'),
  command('topics --describe --under-min-isr-partitions'),
  command('topics --alter --topic t1 --partitions 5'),
  command('topics --alter --topic t1 --partitions 2'),
  command('topics --alter --topic t1 --partitions 5'),
  command('topics --alter --topic t1 --partitions 7 --replica-assignment 0,0,0,0,0,0,0'),
  command('topics --alter --topic t1 --partitions 8 --replica-assignment 0,0,0,0,0,0,0,3'),
  command('topics --alter --topic none --partitions 5'),
  command('topics --delete --topic a.b'),
  command('topics --delete --topic a.b'),
  command('topics --delete --topic none --if-exists'),
  command('topics --list --exclude-internal', { prints: /^t1\nt2$/m }),
];

const topicConfigs: readonly Step[] = [
  command('configs --entity-type topics --entity-name t1 --describe'),
  command('configs --entity-type topics --entity-name t1 --describe --all', { prints: /segment\.bytes=1073741824/ }),
  command('configs --entity-type topics --describe', { unordered: true }),
  command('configs --entity-type topics --entity-name none --describe', { words: true }),
  command('configs --entity-type topics --entity-name t1 --alter --add-config retention.ms=5,max.message.bytes=1000'),
  command('configs --entity-type topics --entity-name t1 --alter --add-config retention.ms=x', { words: true }),
  command('configs --entity-type topics --entity-name t1 --alter --add-config nonsense=x', { words: true }),
  command('configs --entity-type topics --entity-name t1 --alter --add-config cleanup.policy=[compact,delete]'),
  command('configs --entity-type topics --entity-name t1 --alter --add-config cleanup.policy=nope', { words: true }),
  command('configs --entity-type topics --entity-name t1 --alter --add-config segment.bytes=3', { words: true }),
  command('configs --entity-type topics --entity-name t1 --alter --delete-config retention.ms'),
  command('configs --entity-type topics --entity-name t1 --alter --delete-config flush.ms'),
  command('configs --entity-type topics --entity-name none --alter --add-config retention.ms=5', { words: true }),
  command('configs --entity-type topics --entity-name t1 --describe', { prints: /max\.message\.bytes=1000/ }),
  command('console-producer --topic t1', { input: `${'x'.repeat(2000)}\n`, words: true }),
];

const brokerConfigs: readonly Step[] = [
  command('configs --entity-type brokers --entity-name 0 --describe'),
  command(
    'configs --entity-type brokers --entity-name 0 --alter --add-config log.retention.ms=77777,message.max.bytes=999',
  ),
  command('topics --create --topic small'),
  command('configs --entity-type topics --entity-name small --describe --all', { prints: /max\.message\.bytes=999 / }),
  command('console-producer --topic small', { input: `${'x'.repeat(2000)}\n`, words: true }),
  command('configs --entity-type brokers --entity-name 0 --alter --add-config broker.id=3', { words: true }),
  command('configs --entity-type brokers --entity-name 0 --alter --add-config num.io.threads=1000', { words: true }),
  command('configs --entity-type brokers --entity-name 0 --alter --add-config log.retention.ms=x', { words: true }),
  command('configs --entity-type brokers --entity-default --alter --add-config log.retention.ms=8,num.io.threads=9'),
  command('configs --entity-type brokers --entity-default --describe'),
  command('configs --entity-type brokers --entity-name 0 --describe', { prints: /DYNAMIC_DEFAULT_BROKER_CONFIG/ }),
  command('configs --entity-type brokers --describe'),
  command('configs --entity-type brokers --entity-name 0 --alter --delete-config log.retention.ms,message.max.bytes'),
  command('configs --entity-type topics --entity-name small --describe --all', { prints: / retention\.ms=8 / }),
  command('configs --entity-type brokers --entity-default --alter --delete-config log.retention.ms,num.io.threads'),
  command('configs --entity-type brokers --entity-name 0 --describe'),
  command('configs --entity-type broker-loggers --entity-name 0 --describe', {
    differs: {
      why: 'the loggers are those of a Java program',
      ours: /^0\nDynamic configs for broker-logger 0 are:\n$/,
    },
  }),
  command('configs --entity-type clients --entity-default --describe', { differs: notYet('DESCRIBE_CLIENT_QUOTAS') }),
];

const everyCodec: readonly Step[] = codecs.flatMap((codec) => [
  command(`topics --create --topic by-${codec} --config message.timestamp.type=LogAppendTime`),
  command(`topics --create --topic as-${codec} --config compression.type=${codec === 'none' ? 'uncompressed' : codec}`),
  command(`console-producer --topic by-${codec} --compression-codec ${codec}`, {
    args: ['--property', 'parse.key=true', '--property', 'parse.headers=true'],
    input: withHeaders(200),
  }),
  command('console-producer --compression-codec gzip', {
    args: ['--topic', `as-${codec}`, '--property', 'parse.key=true'],
    input: keyed(100),
  }),
  ...['by', 'as'].map((prefix) =>
    command(`console-consumer --topic ${prefix}-${codec} --from-beginning --group codecs`, {
      args: ['key', 'headers', 'partition', 'offset', 'timestamp']
        .flatMap((what) => ['--property', `print.${what}=${what !== 'timestamp' || prefix === 'by'}`])
        .concat('--max-messages', prefix === 'by' ? '200' : '100'),
      prints:
        prefix === 'by' ? /LogAppendTime:.*\th1:a,h2:b149\tkey149\tvalue 149 ü{49}\n/ : /\tkey49\tvalue 49 x{49}\n/,
    }),
  ),
]);

const records: readonly Step[] = [
  command('topics --create --topic plain'),
  command(
    'console-producer --topic plain --producer-property enable.idempotence=true --request-required-acks -1 --sync',
    {
      input: 'a\nb\n',
    },
  ),
  command('console-producer --topic plain --producer-property enable.idempotence=false --request-required-acks 0', {
    input: 'c\nd\n',
  }),
  command('console-producer --topic plain --producer-property enable.idempotence=false --request-required-acks 1', {
    args: ['--property', 'null.marker=NUL'],
    input: 'NUL\ne\n',
  }),
  command('console-producer --topic plain --producer-property linger.ms=0 --producer-property batch.size=0', {
    input: keyed(30),
  }),
  command('console-consumer --topic plain --partition 0 --offset 1 --max-messages 35 --property print.offset=true', {
    prints: /Offset:0\ta|Offset:4\tnull\n/,
  }),
  command('console-consumer --topic plain --partition 0 --offset latest --timeout-ms 300'),
  command('console-consumer --topic plain --partition 0 --offset 99999 --max-messages 1 --property print.offset=true', {
    args: ['--consumer-property', 'auto.offset.reset=earliest'],
  }),
  command('console-consumer --include by-.*z.* --from-beginning --group include --max-messages 600', {
    args: ['--isolation-level', 'read_committed'],
    unordered: true,
  }),
  command('console-producer --topic created-by-producing', { input: 'made\n' }),
  command('console-consumer --topic created-by-producing --group made --from-beginning --max-messages 1', {
    prints: /^made\n$/,
  }),
  command('verifiable-producer --bootstrap-server BOOTSTRAP --topic verified3 --max-messages 100 --repeating-keys 10', {
    prints: /"sent":100,"acked":100/,
  }),
  command(
    'verifiable-consumer --bootstrap-server BOOTSTRAP --topic verified3 --group-id verified3 --max-messages 100',
    {
      args: ['--reset-policy', 'earliest'],
      prints: /"count":100,.*"maxOffset":99/,
    },
  ),
];

const groups: readonly Step[] = [
  command('topics --create --topic multi --partitions 3'),
  command('console-producer --topic multi --property parse.key=true', { input: keyed(60) }),
  command('console-consumer --topic multi --from-beginning --group g1 --max-messages 60', { unordered: true }),
  command('console-consumer --topic multi --from-beginning --group g2 --max-messages 20', { unordered: true }),
  command('consumer-groups --list', { unordered: true, prints: /^g1$/m }),
  command('consumer-groups --list --state', { unordered: true }),
  command('consumer-groups --list --state Stable'),
  command('consumer-groups --list --type classic', { unordered: true }),
  command('consumer-groups --describe --group g1', { prints: /^g1 +multi +2 +17 +17 +0 /m }),
  command('consumer-groups --describe --group g1 --state'),
  command('consumer-groups --describe --group g1 --members --verbose'),
  command('consumer-groups --describe --all-groups', { unordered: true }),
  command('consumer-groups --describe --group none'),
  command('consumer-groups --group g1 --reset-offsets --to-earliest --topic multi --dry-run', { unordered: true }),
  command('consumer-groups --group g1 --reset-offsets --to-earliest --topic multi:1 --execute'),
  command('consumer-groups --group g1 --reset-offsets --shift-by -3 --all-topics --execute', { unordered: true }),
  command('consumer-groups --group g1 --reset-offsets --to-offset 7 --topic multi:0,2 --execute', { unordered: true }),
  command('consumer-groups --group g1 --reset-offsets --to-latest --topic multi:2 --export --dry-run'),
  command('consumer-groups --group g1 --reset-offsets --to-datetime 2020-01-01T00:00:00.000 --topic multi --execute', {
    unordered: true,
  }),
  command('consumer-groups --group g1 --reset-offsets --by-duration PT0S --topic multi --execute', { unordered: true }),
  command('consumer-groups --group new --reset-offsets --to-earliest --topic multi --execute', { unordered: true }),
  command('consumer-groups --describe --group g1', { unordered: true }),
  command('consumer-groups --describe --group new', { unordered: true }),
  command('consumer-groups --delete-offsets --group g1 --topic multi:0'),
  command('consumer-groups --delete-offsets --group g1 --topic none', { words: true }),
  command('consumer-groups --delete-offsets --group none --topic multi', { words: true }),
  command('consumer-groups --describe --group g1', { unordered: true }),
  command('consumer-groups --delete --group g1 --group none', { unordered: true }),
  command('consumer-groups --list', { unordered: true }),
];

const offsets: readonly Step[] = [
  command('get-offsets', { prints: /^by-zstd:0:200$/m }),
  command('get-offsets --topic multi --time -1'),
  command('get-offsets --topic multi --time -2'),
  command('console-producer --topic plain', { input: 'the last\n' }),
  command('get-offsets --topic plain --time -3', { prints: /^plain:0:36$/m }),
  command('get-offsets --topic plain --time earliest-local'),
  command('get-offsets --topic plain --time latest-tiered'),
  command('get-offsets --topic-partitions multi:0-2,by-.*:0 --time 1'),
  command('get-offsets --topic multi --time 99999999999999'),
  command('get-offsets --topic none'),
  command('delete-records --offset-json-file', {
    file: '{"partitions":[{"topic":"by-gzip","partition":0,"offset":50},{"topic":"by-lz4","partition":0,"offset":-1}],"version":1}',
    prints: /by-gzip-0\tlow_watermark: 50\n/,
  }),
  command('delete-records --offset-json-file', {
    file: '{"partitions":[{"topic":"by-zstd","partition":0,"offset":5000}],"version":1}',
  }),
  command('get-offsets --topic by-.* --time -2', { prints: /by-gzip:0:50\nby-lz4:0:200\n/ }),
  command(
    'console-consumer --topic by-gzip --from-beginning --max-messages 2 --property print.offset=true --group low',
    {
      prints: /^Offset:50\t/,
    },
  ),
  command('topics --describe --topic __consumer_offsets'),
  command('topics --describe --exclude-internal'),
  command('cluster cluster-id', { differs: { why: 'each has its own id', ours: /Cluster ID: [\w-]{22}/ } }),
  command('log-dirs --describe --broker-list 4'),
  command('leader-election --election-type preferred --all-topic-partitions'),
  command('reassign-partitions --list'),
];

const older = (line: string, rest: Parameters<typeof command>[1] = {}): Step =>
  command(line.replace(/^\S+/, '$& --zookeeper ZOOKEEPER'), rest);
const producer = (line: string, input: string): Step =>
  command(`console-producer --broker-list BOOTSTRAP ${line}`, { input });

const throughZooKeeper: readonly Step[] = [
  older('topics --create --topic z1 --partitions 3 --replication-factor 1 --config retention.ms=100000'),
  older('topics --create --topic z1 --partitions 3 --replication-factor 1', { prints: /already exists/ }),
  older('topics --create --topic z1 --partitions 3 --replication-factor 1 --if-not-exists'),
  older('topics --create --topic z2 --partitions 3 --replication-factor 2', {
    prints: /larger than available brokers: 1/,
  }),
  older('topics --create --topic z2 --replica-assignment 0,0'),
  older('topics --create --partitions 3 --replication-factor 1 --topic', { args: ['z 3'] }),
  older('topics --create --topic z.4 --partitions 1 --replication-factor 1'),
  older('topics --list', { prints: /^z\.4\nz1\nz2\n$/ }),
  older('topics --describe'),
  older('topics --describe --topic z1', { prints: /PartitionCount: 3.*Configs: retention\.ms=100000/ }),
  older('topics --describe --topic none'),
  older('topics --alter --topic z1 --partitions 5'),
  older('topics --alter --topic z1 --partitions 2'),
  older('topics --alter --topic z1 --config max.message.bytes=7777'),
  older('topics --alter --topic z1 --delete-config retention.ms'),
  older('topics --describe --topics-with-overrides', { prints: /z1.*Configs: max\.message\.bytes=7777/ }),
  older('topics --describe --under-replicated-partitions'),
  older('topics --describe --unavailable-partitions'),
  // What was made through ZooKeeper is there for clients, with an id that the controller gave it.
  producer('--topic z1 --property parse.key=true', keyed(50)),
  command('console-consumer --topic z1 --from-beginning --group zg --max-messages 50', { unordered: true }),
  older('topics --delete --topic z.4'),
  older('topics --delete --topic none'),
  older('configs --entity-type topics --entity-name z1 --describe'),
  older('configs --entity-type topics --entity-name z1 --alter --add-config retention.ms=5,cleanup.policy=compact'),
  older('configs --entity-type topics --entity-name z1 --alter --delete-config retention.ms'),
  older('configs --entity-type topics --entity-name none --alter --add-config retention.ms=5', { words: true }),
  older('configs --entity-type topics --describe', { prints: /z1.*cleanup\.policy=compact/ }),
  older('configs --entity-type clients --entity-name c1 --alter --add-config consumer_byte_rate=1000'),
  older('configs --entity-type clients --describe'),
];

const olderClient: readonly Step[] = [
  command('topics --describe --topic z1', { prints: /PartitionCount: 5.*cleanup\.policy=compact/ }),
  command('topics --create --topic b1 --partitions 2 --replication-factor 1 --config retention.ms=100000'),
  command('topics --create --topic b2'),
  command('topics --create --topic b1 --partitions 2 --replication-factor 1', {
    words: true,
    prints: /already exists/,
  }),
  command('topics --create --topic b3 --partitions 2 --replication-factor 3'),
  command('topics --describe --topic b1'),
  command('topics --alter --topic b1 --partitions 4'),
  command('topics --describe --topic b1', { prints: /PartitionCount: 4/ }),
  command('topics --delete --topic b2'),
  command('topics --list', { prints: /^__consumer_offsets\nb1\nz1\nz2\n$/ }),
  ...codecs.flatMap((codec) => [
    producer(`--topic b-${codec} --compression-codec ${codec} --property parse.key=true`, keyed(100)),
    command(`console-consumer --topic b-${codec} --from-beginning --group codecs --max-messages 100`, {
      args: ['--property', 'print.key=true'],
      prints: /^key49\tvalue 49 x{49}$/m,
    }),
  ]),
  producer('--topic b-none --producer-property enable.idempotence=true --request-required-acks -1', 'a\nb\n'),
  command('configs --entity-type brokers --entity-name 0 --alter --add-config log.retention.ms=777777'),
  command('configs --entity-type brokers --entity-name 0 --describe', { prints: /log\.retention\.ms=777777/ }),
  command('configs --entity-type brokers --entity-name 0 --alter --delete-config log.retention.ms'),
  command('consumer-groups --list', { unordered: true }),
  command('consumer-groups --describe --group zg', { unordered: true, prints: /^zg +z1 +4 +16 +16 +0 /m }),
  command('consumer-groups --describe --group zg --state'),
  command('consumer-groups --describe --group zg --members --verbose'),
  command('consumer-groups --group zg --reset-offsets --to-earliest --topic z1 --execute', { unordered: true }),
  command('consumer-groups --group zg --reset-offsets --shift-by 3 --topic z1:0 --execute'),
  command('consumer-groups --describe --group zg', { unordered: true }),
  command('consumer-groups --delete-offsets --group zg --topic z1:0'),
  command('consumer-groups --delete --group zg'),
  command('consumer-groups --list', { unordered: true }),
  command('get-offsets --broker-list BOOTSTRAP --topic b-none --time -1', { prints: /^b-none:0:102$/m }),
  command('get-offsets --broker-list BOOTSTRAP --topic b-none --time -2'),
  command('delete-records --offset-json-file', {
    file: '{"partitions":[{"topic":"b-gzip","partition":0,"offset":50}],"version":1}',
    prints: /b-gzip-0\tlow_watermark: 50\n/,
  }),
  command('verifiable-producer --broker-list BOOTSTRAP --topic verified --max-messages 20', { prints: /"acked":20/ }),
  command('verifiable-consumer --broker-list BOOTSTRAP --topic verified --group-id verified --max-messages 20', {
    args: ['--reset-policy', 'earliest', '--group-instance-id', 'static'],
    prints: /"count":20,.*"maxOffset":19/,
  }),
];

const whileItReads: readonly Step[] = [
  command('consumer-groups --describe --group live --members --verbose', { prints: / 3 +\(0,1,2\)/ }),
  command('consumer-groups --describe --group live --state', { prints: /range +Stable +1$/m }),
  command('consumer-groups --list --state stable', { prints: /^live +Stable/m }),
  command('consumer-groups --describe --group live', { unordered: true }),
  command('consumer-groups --group live --reset-offsets --to-earliest --topic live --execute', { words: true }),
  command('consumer-groups --delete --group live', { prints: /GroupNotEmptyException/ }),
  command('consumer-groups --delete-offsets --group live --topic live', { words: true, prints: /GroupSubscribed/ }),
];

describe('the tools of Apache Kafka are answered as by Apache Kafka 3.9', () => {
  const directory = temporaryDirectory();
  let peers: Peers;
  const running: ApacheTools[] = [];
  const toolsOf = (version: '3.9' | '2.4'): ApacheTools => {
    const already = running.find((tools) => tools.version === version);
    if (already) return already;
    const started = new ApacheTools(version);
    running.push(started);
    return started;
  };
  beforeAll(async () => {
    peers = await startPeers(directory.path);
  });
  afterAll(async () => {
    for (const tools of running) await tools[Symbol.asyncDispose]();
    await peers[Symbol.asyncDispose]();
    directory[Symbol.dispose]();
  });
  const same = (version: '3.9' | '2.4', title: string, steps: readonly Step[]) =>
    it(`${version}: ${title}`, () => compare(toolsOf(version), peers, title, steps));

  same('2.4', 'kafka-topics and kafka-configs --zookeeper', throughZooKeeper);
  same('2.4', 'the Java client', olderClient);
  same('3.9', 'kafka-topics', topics);
  same('3.9', 'kafka-configs of topics', topicConfigs);
  same('3.9', 'kafka-configs of brokers', brokerConfigs);
  same('3.9', 'console-producer to console-consumer, every codec', everyCodec);
  same('3.9', 'producers and consumers', records);
  same('3.9', 'kafka-consumer-groups', groups);
  same('3.9', 'offsets, deletion of records and the rest', offsets);

  it('3.9: kafka-consumer-groups while a consumer reads', async () => {
    const tools = toolsOf('3.9');
    const both = [peers.ours, peers.apache];
    for (const { bootstrap } of both) {
      await tools.output('topics', `--bootstrap-server ${bootstrap} --create --topic live --partitions 3`.split(' '));
    }
    const consumers = both.map(
      ({ bootstrap }) =>
        new Running(path.join(peersDirectory, 'kafka'), [
          ...'3.9 verifiable-consumer --topic live --group-id live --bootstrap-server'.split(' '),
          bootstrap,
        ]),
    );
    try {
      for (const consumer of consumers) await consumer.printed(/partitions_assigned/);
      await compare(tools, peers, 'groups with members', whileItReads);
    } finally {
      for (const consumer of consumers) await consumer.stop('SIGKILL');
    }
  });

  it('3.9: kafka-log-dirs tells the sizes of the files, kafka-broker-api-versions what is served', async () => {
    const tools = toolsOf('3.9');
    const { bootstrap, logDir } = peers.ours;
    const text = await tools.output('log-dirs', ['--bootstrap-server', bootstrap, '--describe']);
    const { brokers } = JSON.parse(text.slice(text.indexOf('{'))) as LogDirs;
    expect(brokers.map(({ broker, logDirs }) => [broker, logDirs.map((each) => [each.logDir, each.error])])).toEqual([
      [0, [[logDir, null]]],
    ]);
    const told = brokers[0].logDirs[0].partitions.map(({ partition, size }) => `${partition} ${size}`);
    const found = readdirSync(logDir)
      .filter((name) => /-\d+$/.test(name))
      .map((name) => `${name} ${sizeOfLogs(path.join(logDir, name))}`);
    expect(told.sort()).toEqual(found.sort());

    const versions = await tools.output('broker-api-versions', ['--bootstrap-server', bootstrap]);
    const served = versions.match(/\[usable: \d+\]/g)!;
    expect(served).toHaveLength(handlers.length);
    console.log(`log-dirs: ${told.length} partitions, sizes as on disk; ${served.length} API keys usable`);
  });

  it('3.9: end-to-end latency, producer and consumer performance', async () => {
    const tools = toolsOf('3.9');
    const { bootstrap } = peers.ours;
    await tools.output('topics', ['--bootstrap-server', bootstrap, '--create', '--topic', 'perf', '--partitions', '3']);
    const produced = await tools.output('producer-perf', [
      ...'--topic perf --num-records 200000 --record-size 100 --throughput -1 --producer-props acks=1'.split(' '),
      ...['linger.ms=5', `bootstrap.servers=${bootstrap}`],
    ]);
    expect(produced).toMatch(/^200000 records sent/m);
    const consumed = await tools.output('consumer-perf', [
      ...['--bootstrap-server', bootstrap, '--topic', 'perf', '--messages', '200000', '--timeout', '20000'],
    ]);
    const [, , megabytes, , count] = consumed.trim().split('\n').at(-1)!.split(', ');
    expect([count, megabytes]).toEqual(['200000', '19.0735']);
    const latency = await tools.output('e2e-latency', [bootstrap, 'latency', '500', '1', '100']);
    expect(latency).toMatch(/Percentiles: 50th = \d+, 99th = \d+/);
    console.log([produced, consumed, latency].map((text) => text.trim().split('\n').slice(-2).join('\n')).join('\n'));
  });
});

interface LogDirs {
  readonly brokers: readonly {
    readonly broker: number;
    readonly logDirs: readonly {
      readonly logDir: string;
      readonly error: string | null;
      readonly partitions: readonly { readonly partition: string; readonly size: number }[];
    }[];
  }[];
}

function sizeOfLogs(directory: string): number {
  const logs = readdirSync(directory).filter((name) => name.endsWith('.log'));
  return logs.reduce((sum, name) => sum + statSync(path.join(directory, name)).size, 0);
}
