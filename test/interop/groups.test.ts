import { readdirSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startCluster, type TestCluster } from '../../broker/src/testing';
import { apache, installApache, output, pythonInterpreter, temporaryDirectory } from './harness';

const directory = temporaryDirectory();
let cluster: TestCluster;

beforeAll(async () => {
  installApache('3.9', '2.4');
  cluster = await startCluster({
    directory: directory.path,
    config: { 'num.partitions': 4, 'offsets.topic.num.partitions': 3 },
  });
  const lines = Array.from({ length: 100 }, (_, i) => `${i % 10}:value ${i}`).join('\n');
  await output('kcat', ['-P', '-b', cluster.bootstrapServers, '-t', 'orders', '-K:'], { input: `${lines}\n` });
});

afterAll(async () => {
  await cluster?.close();
  directory[Symbol.dispose]();
});

/** Two members of one group, in threads, one of which leaves. */
const twoMembers = `
import json, sys, threading, time
from kafka import KafkaConsumer, TopicPartition
bootstrap, group = sys.argv[1:3]
enough = threading.Event()
assigned = {}
def member(name, leaves):
    consumer = KafkaConsumer('orders', bootstrap_servers=bootstrap, group_id=group, client_id=name,
                             auto_offset_reset='earliest', enable_auto_commit=False, session_timeout_ms=6000,
                             heartbeat_interval_ms=200, metadata_max_age_ms=1000)
    deadline = time.time() + 60
    while time.time() < deadline:
        consumer.poll(timeout_ms=100)
        assigned[name] = sorted(p.partition for p in consumer.assignment())
        if leaves and enough.is_set():
            break
        if not leaves and enough.is_set() and len(assigned[name]) == 4:
            break
        if not enough.is_set() and all(len(assigned.get(n, [])) == 2 for n in ('first', 'second')):
            print(json.dumps(assigned['first'] + assigned['second']), flush=True)
            enough.set()
    if not leaves:
        consumer.seek_to_end()
        for p in consumer.assignment():
            consumer.position(p)
        consumer.commit()
        print(json.dumps(assigned[name]), flush=True)
        print(sum(consumer.committed(TopicPartition('orders', p)) for p in range(4)), flush=True)
    consumer.close()
threads = [threading.Thread(target=member, args=a) for a in (('first', True), ('second', False))]
for t in threads: t.start()
for t in threads: t.join()
`;

describe('kafka-python', () => {
  it('shares a topic between two members, and gives all of it to the one that stays', async () => {
    const printed = await output(pythonInterpreter(), ['-c', twoMembers, cluster.bootstrapServers, 'python-group'], {
      timeoutMs: 120_000,
    });
    const [both, alone, sum] = printed.trim().split('\n');
    expect((JSON.parse(both) as number[]).sort()).toEqual([0, 1, 2, 3]);
    expect(JSON.parse(alone)).toEqual([0, 1, 2, 3]);
    expect(Number(sum)).toBe(100);
  });
});

describe('kcat', () => {
  it('goes on where its group was', async () => {
    const read = async (count: number) =>
      (
        await output('kcat', [
          ...['-b', cluster.bootstrapServers, '-G', 'kcat-group', '-q', '-c', String(count)],
          ...['-X', 'auto.offset.reset=earliest', 'orders'],
        ])
      )
        .trim()
        .split('\n');
    const all = [...(await read(60)), ...(await read(40))];
    expect(all).toHaveLength(100);
    expect(new Set(all).size).toBe(100);
  });
});

/** What a tool of Apache Kafka that has to succeed prints. */
async function printed(version: '3.9' | '2.4', tool: string, ...args: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await apache(version, tool, ...args);
  if (status !== 0) throw new Error(`${version} ${tool} ${args.join(' ')} ended with ${status}\n${stdout}\n${stderr}`);
  return stdout;
}

describe.each(['3.9', '2.4'] as const)('the tools of Apache Kafka %s', (version) => {
  const groupId = `java-${version}`;
  const bootstrap = (): string[] => ['--bootstrap-server', cluster.bootstrapServers];
  const groups = (...args: string[]) => printed(version, 'consumer-groups', ...bootstrap(), ...args);

  it('consume as a static member of a group', async () => {
    const read = (count: number) =>
      printed(
        version,
        'console-consumer',
        ...[...bootstrap(), '--topic', 'orders', '--group', groupId, '--max-messages', String(count)],
        ...['--consumer-property', 'auto.offset.reset=earliest', '--timeout-ms', '30000'],
        ...['--consumer-property', 'group.instance.id=instance', '--consumer-property', 'session.timeout.ms=60000'],
      );
    const lines = `${await read(30)}${await read(70)}`.trim().split('\n');
    expect(new Set(lines).size).toBe(100);
    // A static member does not leave when it ends.
    expect(await groups('--describe', '--group', groupId, '--members')).toMatch(/instance/);
  });

  it('describe the group with its lag', async () => {
    const described = await groups('--describe', '--group', groupId);
    const rows = described.split('\n').filter((line) => line.includes('orders'));
    expect(rows).toHaveLength(4);
    const lag = rows.map((row) => Number(row.trim().split(/\s+/)[5]));
    expect(lag).toEqual([0, 0, 0, 0]);
    expect(await groups('--describe', '--group', groupId, '--state')).toMatch(/Stable +1/);
    expect(await groups('--list')).toContain(groupId);
  });

  it('reset and delete offsets, and delete the group', async () => {
    const simple = `simple-${version}`;
    const reset = ['--group', simple, '--topic', 'orders', '--reset-offsets', '--to-earliest', '--execute'];
    expect(await groups(...reset)).toMatch(/simple.* orders +\d +0/);
    expect(await groups('--describe', '--group', simple, '--state')).toMatch(/Empty +0/);
    if (version === '3.9') {
      expect(await groups('--list', '--state', 'Empty')).toContain(simple);
      await groups('--group', simple, '--delete-offsets', '--topic', 'orders:0');
      const rows = (await groups('--describe', '--group', simple)).split('\n').filter((row) => row.includes('orders'));
      expect(rows).toHaveLength(3);
    }
    // The group has a static member, which is still expected.
    const refused = await apache(version, 'consumer-groups', ...bootstrap(), '--delete', '--group', groupId);
    expect(`${refused.stdout}${refused.stderr}`).toMatch(/not empty/i);
    expect(await groups('--delete', '--group', simple)).toMatch(/successful/);
    expect(await groups('--list')).not.toContain(simple);
  });
});

it('writes __consumer_offsets as Kafka 3.9 reads it', async () => {
  const [home] = readdirSync(directory.path);
  const logs = readdirSync(path.join(directory.path, home), { recursive: true, encoding: 'utf8' })
    .filter((file) => /__consumer_offsets-\d+\/\d+\.log$/.test(file))
    .map((file) => path.join(directory.path, home, file));
  expect(logs).toHaveLength(3);
  const dump = await printed('3.9', 'dump-log', '--offsets-decoder', '--files', logs.join(','));
  const lines = dump.split('\n');
  const about = (key: string): string[] => lines.filter((line) => line.includes(key));
  const committed = about('"group":"kcat-group","topic":"orders","partition":0}');
  expect(committed.at(-1)).toContain('payload: {"version":"3","data":{"offset":20,"leaderEpoch":-1,"metadata":""');
  const [group] = about('"group":"java-3.9"}} payload: ');
  expect(group).toContain('"protocolType":"consumer","generation":1,"protocol":"range","leader":"instance-');
  expect(group).toContain('"groupInstanceId":"instance","clientId":"console-consumer","clientHost":"/127.0.0.1"');
  expect(group).toContain('"subscription":{"topics":["orders"]');
  expect(group).toContain('"assignedPartitions":[{"topic":"orders","partitions":[0,1,2,3]}]');
  expect(about('"group":"simple-3.9","topic":"orders","partition":0}').at(-1)).toContain('payload: <DELETE>');
  expect(about('isvalid: false')).toEqual([]);
});
