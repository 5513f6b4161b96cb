import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Apis } from '../../broker/src/protocol/api-keys';
import { errorName } from '../../broker/src/protocol/errors';
import { buildBatch } from '../../broker/src/records/build-batch';
import { outputOf } from '../broker/cli/run-command';
import { BrokerClient } from '../broker/server/broker-client';
import { until } from './cluster-zookeeper';
import { apache, installApache, output, pythonInterpreter, root, run, temporaryDirectory } from './harness';
import { JavaProgram } from './java-program';
import { command, compare, startPeers, type Peer, type Peers } from './side-by-side';
import { ApacheTools } from './tool-runner';

const directory = temporaryDirectory();
let tools: ApacheTools;
let peers: Peers;

beforeAll(async () => {
  installApache('3.9', '2.4');
  tools = new ApacheTools('3.9');
  peers = await startPeers(directory.path, {
    'transaction.max.timeout.ms': '60000',
    'transaction.abort.timed.out.transaction.cleanup.interval.ms': '200',
    'auto.create.topics.enable': 'false',
  });
});

afterAll(async () => {
  await peers?.[Symbol.asyncDispose]();
  await tools?.[Symbol.asyncDispose]();
  directory[Symbol.dispose]();
});

/** Both peers: what is asked of ours is asked of Apache's. */
const ofBoth = <T>(ask: (peer: Peer) => Promise<T>): Promise<[T, T]> =>
  Promise.all([ask(peers.ours), ask(peers.apache)]);

describe('a Java client', () => {
  it('finds in every kind of transaction what it finds with Apache Kafka', async () => {
    const program = new JavaProgram('TransactionsPeer', directory.path);
    const [ours, apache] = await ofBoth((peer) =>
      output('java', program.arguments(peer.bootstrap), { timeoutMs: 150_000 }),
    );
    expect(ours).toBe(apache);
    expect(ours).toContain('committed: [0:a0, 1:a1, 2:a2, 3:a3, 4:a4, 12:c0, 13:c1, end 15] [0:b, end 2]');
    expect(ours).toContain('fenced commit: ProducerFencedException');
    console.log(`a Java client, the same with both brokers:\n${ours}`);
  });
});

/** Writes something of a transaction that no coordinator knows of. */
async function writeHanging(bootstrap: string): Promise<void> {
  using client = await BrokerClient.connect(bootstrap);
  const records = buildBatch({
    records: [{ value: 'left', timestamp: 1_700_000_000_000 }],
    producerId: 4000,
    producerEpoch: 7,
    baseSequence: 0,
    transactional: true,
  });
  const topicData = [{ name: 'hung', partitionData: [{ index: 0, records }] }];
  await until('the transaction hangs', async () => {
    const { responses } = await client.send(Apis.Produce, 11, {
      transactionalId: 'hanging',
      acks: -1,
      timeoutMs: 10_000,
      topicData,
    });
    const error = errorName(responses[0].partitionResponses[0].errorCode);
    // Verification is switched off by and by.
    if (error !== 'NONE' && error !== 'TRANSACTION_ABORTABLE' && error !== 'NOT_ENOUGH_REPLICAS')
      throw new Error(error);
    return error === 'NONE';
  });
}

describe('kafka-transactions', () => {
  it('describes and lists as with Apache Kafka', async () => {
    await compare(tools, peers, 'transactions', [
      command('transactions --bootstrap-server BOOTSTRAP list', {
        unordered: true,
        prints: /^committer\s+0\s+0\s+CompleteCommit/m,
      }),
      command('transactions --bootstrap-server BOOTSTRAP list --duration-filter 3600000', { unordered: true }),
      command('transactions --bootstrap-server BOOTSTRAP describe --transactional-id committer', {
        prints: /CompleteCommit/,
      }),
      command('transactions --bootstrap-server BOOTSTRAP describe --transactional-id clumsy'),
      command('transactions --bootstrap-server BOOTSTRAP describe --transactional-id none', { words: true }),
      command('transactions --bootstrap-server BOOTSTRAP describe-producers --topic data --partition 0', {
        prints: /^\d+\s+0\s+0\s+\d+\s+\d{13}\s+None/m,
        unordered: true,
      }),
      command('transactions --bootstrap-server BOOTSTRAP find-hanging --broker-id 0', { prints: /^Topic/ }),
      command('transactions --bootstrap-server BOOTSTRAP abort --topic data --partition 0 --start-offset 3', {
        words: true,
      }),
    ]);
  });

  it.each([
    ['list'],
    ['list', '--duration-filter', '1'],
    ['describe', '--transactional-id', 'committer'],
    ['describe-producers', '--topic', 'data', '--partition', '0'],
    ['find-hanging', '--broker-id', '0'],
  ])('prints for %s what our command of that name prints', async (...args) => {
    const { bootstrap } = peers.ours;
    const all = ['--bootstrap-server', bootstrap, ...args];
    // Durations pass; hash tables have orders of their own.
    const settled = (text: string): string[] =>
      text
        .split('\n')
        .map((line) => line.replace(/(\b1[6-9]\d{11}\s+)\d{4,}\b */, '$1DURATION'))
        .sort();
    const theirs = settled(await tools.output('transactions', all));
    expect(settled(await outputOf('kafka-transactions', all))).toEqual(theirs);
    expect(theirs.length).toBeGreaterThan(1);
  });

  it('finds a hanging transaction and ends it', async () => {
    const verification = 'configs --entity-type brokers --entity-default --alter --add-config';
    await compare(tools, peers, 'before', [
      command('topics --create --topic hung'),
      command(`${verification} transaction.partition.verification.enable=false`),
    ]);
    await ofBoth(({ bootstrap }) => writeHanging(bootstrap));
    await compare(tools, peers, 'a hanging transaction', [
      command('transactions --bootstrap-server BOOTSTRAP describe-producers --topic hung --partition 0', {
        prints: /^4000\s+7\s+-1\s+0\s/m,
      }),
      command('transactions --bootstrap-server BOOTSTRAP find-hanging --broker-id 0', {
        prints: /^hung\s+0\s+4000\s+7\s/m,
      }),
      command('transactions --bootstrap-server BOOTSTRAP find-hanging --topic hung', {
        prints: /^hung\s+0\s+4000\s+7\s/m,
      }),
      command('transactions --bootstrap-server BOOTSTRAP abort --topic hung --partition 0 --start-offset 0'),
      command('transactions --bootstrap-server BOOTSTRAP find-hanging --topic hung'),
      command('transactions --bootstrap-server BOOTSTRAP abort --topic hung --partition 0 --start-offset 0', {
        words: true,
      }),
      command(`${verification} transaction.partition.verification.enable=true`),
      command('get-offsets --topic hung', { prints: /^hung:0:2$/m }),
    ]);
    const read = await ofBoth(({ bootstrap }) => kcatRead(bootstrap, 'hung'));
    expect(read).toEqual(['', '']);
  });
});

const kcatRead = (bootstrap: string, topic: string): Promise<string> =>
  output('kcat', [...['-b', bootstrap, '-C', '-t', topic, '-p', '0', '-o', 'beginning', '-e', '-q', '-f', '%o:%s ']]);

/** librdkafka writes all that kcat reads in one transaction. */
async function kcatWrite(bootstrap: string, ...values: readonly string[]): Promise<void> {
  const args = ['-b', bootstrap, '-P', '-t', 'data', '-p', '0', '-X', 'transactional.id=kcat'];
  const { status, stderr } = await run('kcat', args, { input: values.map((value) => `${value}\n`).join('') });
  expect(stderr).not.toMatch(/error|fail/i);
  expect(status).toBe(0);
}

const pythonProducer = `
import sys
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.structs import OffsetAndMetadata
producer = KafkaProducer(bootstrap_servers=sys.argv[1], transactional_id='python')
producer.init_transactions()
for outcome in ('commit', 'abort', 'commit'):
    producer.begin_transaction()
    for i in range(3):
        producer.send('python', value=f'{outcome} {i}'.encode(), partition=0)
    # Its abort stumbles over what has not been sent.
    producer.flush()
    producer.send_offsets_to_transaction({TopicPartition('data', 0): OffsetAndMetadata(5, '', -1)}, 'python-group')
    getattr(producer, f'{outcome}_transaction')()
producer.close()
consumer = KafkaConsumer(bootstrap_servers=sys.argv[1], group_id='python-group', isolation_level='read_committed',
                         enable_auto_commit=False, auto_offset_reset='earliest', consumer_timeout_ms=2000)
print(consumer.committed(TopicPartition('data', 0)))
consumer.assign([TopicPartition('python', 0)])
for record in consumer:
    print(record.offset, record.value.decode())
`;

describe('other clients', () => {
  it('Apache’s copier of 2.4 copies a partition, and has its aborts left out', async () => {
    const { bootstrap } = peers.ours;
    await compare(tools, peers, 'before', [
      command('topics --create --topic copied'),
      command('topics --create --topic copies'),
    ]);
    const values = Array.from({ length: 200 }, (_, i) => `${i}\n`).join('');
    await output('kcat', ['-b', bootstrap, '-P', '-t', 'copied'], { input: values });
    const { status, stdout, stderr } = await apache(
      '2.4',
      'txn-copier',
      ...['--broker-list', bootstrap, '--input-topic', 'copied', '--input-partition', '0', '--output-topic', 'copies'],
      ...['--consumer-group', 'copiers', '--transactional-id', 'copier-2.4', '--transaction-size', '10'],
      '--enable-random-aborts',
    );
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toContain('"remaining":0');
    const copies = await kcatRead(bootstrap, 'copies');
    expect(copies.replaceAll(/\d+:/g, '').replaceAll(' ', '\n')).toBe(values);
  });

  it('librdkafka writes a transaction, and reads what is committed', async () => {
    const before = await kcatRead(peers.ours.bootstrap, 'data');
    await kcatWrite(peers.ours.bootstrap, 'one', 'two', 'three');
    await kcatWrite(peers.ours.bootstrap, 'four');
    const after = await kcatRead(peers.ours.bootstrap, 'data');
    expect(after.slice(before.length).replaceAll(/\d+:/g, '')).toBe('one two three four ');
  });

  it('kafka-python commits, aborts, and writes offsets in its transactions', async () => {
    await compare(tools, peers, 'before', [command('topics --create --topic python')]);
    const text = await output(pythonInterpreter(), ['-c', pythonProducer, peers.ours.bootstrap], {
      timeoutMs: 120_000,
    });
    expect(text.split('\n')).toEqual([
      '5',
      ...['0 commit 0', '1 commit 1', '2 commit 2', '8 commit 0', '9 commit 1', '10 commit 2', ''],
    ]);
  });
});

/** The files of a partition whose names end so. */
function filesOf({ logDir }: Peer, partition: string, ending: string): string[] {
  const inDirectory = path.join(logDir, partition);
  return readdirSync(inDirectory)
    .filter((file) => file.endsWith(ending))
    .sort()
    .map((file) => path.join(inDirectory, file));
}

describe('the files', () => {
  const odradek = path.join(root, 'broker/bin/odradek.js');
  const dump = (peer: Peer, ...args: readonly string[]): Promise<string> =>
    tools.output('dump-log', args).then((text) => text.replaceAll(peer.logDir, 'LOGDIR'));

  it('of __transaction_state are read by Apache’s dump tool, and by ours as by it', async () => {
    const files = filesOf(peers.ours, '__transaction_state-0', '.log').join(',');
    const args = ['--transaction-log-decoder', '--files', files];
    const { status, stdout, stderr } = await tools.call('dump-log', args);
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).not.toMatch(/isvalid: false|Unknown|exception/i);
    expect(stdout).toMatch(/transactionalId=committer.*state=CompleteCommit/);
    expect(stdout).toMatch(/state=Ongoing,partitions=\[data-0\]/);
    // Kafka shows the partitions of a transaction in the order of a hash.
    const inOrder = (text: string): string =>
      text.replaceAll(/partitions=\[(.*?)\]/g, (_, list: string) => `partitions=[${list.split(',').sort().join()}]`);
    const own = execFileSync(process.execPath, [odradek, 'dump-log', ...args], { encoding: 'utf8' });
    expect(inOrder(own)).toBe(inOrder(stdout));
  });

  it('of __transaction_state hold what Apache Kafka’s hold after the same transactions', async () => {
    const states = async (peer: Peer): Promise<string[]> => {
      const text = await dump(
        peer,
        '--transaction-log-decoder',
        '--files',
        filesOf(peer, '__transaction_state-0', '.log')[0],
      );
      const lines = text.split('\n').filter((line) => /transactionalId=(?!kcat|python|copier-2.4)/.test(line));
      return lines.map((line) =>
        line
          .replace(/^.*key: /, '')
          .replace(/partitions=\[(.*?)\]/, (_, list: string) => `partitions=[${list.split(',').sort().join()}]`)
          .replaceAll(/Timestamp=\d+/g, 'Timestamp=T')
          .replace(/producerId:\d+|producerId=\d+/g, 'producerId=P'),
      );
    };
    const [ours, apache] = await ofBoth(states);
    expect(ours.length).toBeGreaterThan(50);
    // What the client adds to a transaction in one request or in two is a matter of time.
    const settled = (lines: readonly string[]): string[] => lines.filter((line) => !line.includes('state=Ongoing'));
    expect(settled(ours).sort()).toEqual(settled(apache).sort());
  });

  it.each(['data-0', 'small-0', 'input-0', 'hung-0'])(
    'of %s name the aborted transactions that Apache Kafka’s name',
    async (name) => {
      const aborted = async (peer: Peer): Promise<string[]> => {
        const text = await dump(peer, '--files', filesOf(peer, name, '.txnindex').join(','));
        return text.split('\n').map((line) => line.replace(/producerId: \d+/, 'producerId: P'));
      };
      const [ours, apache] = await ofBoth(aborted);
      expect(ours).toEqual(apache);
      expect(ours.join('\n')).toMatch(/firstOffset: \d+/);
      expect(existsSync(filesOf(peers.ours, name, '.txnindex')[0])).toBe(true);
    },
  );
});
