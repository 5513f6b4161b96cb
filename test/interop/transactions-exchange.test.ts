import { afterAll, beforeAll, expect, it } from 'vitest';
import { Apis } from '../../broker/src/protocol/api-keys';
import { errorName } from '../../broker/src/protocol/errors';
import { TransactionalClient } from '../broker/transactions/transactional-client';
import { Cluster, type Kind } from './cluster';
import { Ensemble, until } from './cluster-zookeeper';
import { installApache, temporaryDirectory } from './harness';

const directory = temporaryDirectory();
let ensemble: Ensemble;

beforeAll(async () => {
  installApache('3.9');
  ensemble = await Ensemble.start(directory.path, 'embedded');
});

afterAll(async () => {
  await ensemble?.[Symbol.asyncDispose]();
  directory[Symbol.dispose]();
});

const single = {
  'default.replication.factor': '1',
  'min.insync.replicas': '1',
  'offsets.topic.replication.factor': '1',
  'transaction.state.log.replication.factor': '1',
  'transaction.state.log.min.isr': '1',
};

/** How one broker ends, and which one goes on with its directory. */
const turns: readonly (readonly ['stop' | 'kill', Kind])[] = [
  ['stop', 'apache'],
  ['stop', 'odradek'],
  ['kill', 'apache'],
  ['kill', 'odradek'],
  ['stop', 'apache'],
  ['kill', 'odradek'],
];

it('transactions go on while Apache Kafka and this broker take turns on a log directory', async () => {
  const options = { kinds: ['odradek' as const], ensemble, directory: directory.path, name: 'exchange' };
  await using cluster = await Cluster.start({ ...options, properties: single });
  const broker = cluster.broker(1);
  using client = new TransactionalClient(() => cluster.bootstrap, 'exchanged');
  await (
    await client.controller()
  ).send(Apis.CreateTopics, 7, {
    topics: [{ name: 'data', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }],
    timeoutMs: 30_000,
    validateOnly: false,
  });
  await client.init();
  const committed: string[] = [];
  const all: string[] = [];
  let offset = -1;

  const write = async (value: string) => {
    await client.produce('data', 0, value);
    all.push(value);
  };
  const end = async (isCommit: boolean, value: string) => {
    expect(await client.end(isCommit)).toBe('NONE');
    await client.becomes(isCommit ? 'CompleteCommit' : 'CompleteAbort');
    if (isCommit) committed.push(value);
  };
  const check = async () => {
    expect(await client.read('data')).toEqual(committed);
    expect(await client.read('data', 0, 0)).toEqual(all);
  };

  for (const [turn, [how, kind]] of turns.entries()) {
    const at = `turn ${turn}, ${how} and then ${kind}`;
    for (const [what, isCommit] of [
      ['committed', true],
      ['aborted', false],
    ] as const) {
      await write(`${turn} ${what}`);
      await end(isCommit, `${turn} ${what}`);
    }
    await check();
    await write(`${turn} open`);
    expect(await client.commitOffset('group', 'data', 0, turn * 10)).toBe('NONE');

    await broker[how]();
    broker.kind = kind;
    await broker.start();
    await until(`${at}: it leads`, async () => {
      const { errorCode, transactionState } = await client.describe();
      if (errorName(errorCode) !== 'NONE') return false;
      expect(transactionState).toBe('Ongoing');
      return (await client.fetchOffset('group', 'data', 0)).error !== 'NOT_COORDINATOR';
    });
    await until(`${at}: it serves the partition`, async () => (await client.read('data')).length > 0);
    await check();
    const pending = await until(`${at}: the group is there`, async () => {
      const found = await client.fetchOffset('group', 'data', 0);
      return found.error !== 'COORDINATOR_LOAD_IN_PROGRESS' && found;
    });
    expect(pending, at).toEqual({ error: 'UNSTABLE_OFFSET_COMMIT', offset: -1 });

    const isCommit = turn % 2 === 0;
    await write(`${turn} open still`);
    await end(isCommit, `${turn} open`);
    if (isCommit) {
      committed.push(`${turn} open still`);
      offset = turn * 10;
    }
    await check();
    expect(await client.fetchOffset('group', 'data', 0), at).toEqual({ error: 'NONE', offset });
    console.log(`${at}: ${committed.length} of ${all.length} records are committed, as they were`);
  }
});
