import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Apis } from '../../../broker/src/protocol/api-keys';
import { errorName } from '../../../broker/src/protocol/errors';
import { startCluster, type TestCluster } from '../../../broker/src/testing';
import { TransactionalClient } from '../transactions/transactional-client';
import { outputOf, runCommand } from './run-command';

let cluster: TestCluster;
let client: TransactionalClient;

beforeAll(async () => {
  const config = { 'transaction.partition.verification.enable': false };
  cluster = await startCluster({ brokers: 2, config });
  client = new TransactionalClient(() => cluster.bootstrapServers, 'copier');
  const controller = await client.controller();
  const { topics } = await controller.send(Apis.CreateTopics, 7, {
    topics: [{ name: 'data', numPartitions: 2, replicationFactor: 2, assignments: [], configs: [] }],
    timeoutMs: 30_000,
    validateOnly: false,
  });
  expect(errorName(topics[0].errorCode)).toBe('NONE');
  await client.init();
});
afterAll(async () => {
  client[Symbol.dispose]();
  await cluster.close();
});

const transactions = (...args: readonly string[]): Promise<string> =>
  outputOf('kafka-transactions', ['--bootstrap-server', cluster.bootstrapServers, ...args]);

/** The rows below the headers, without the padding. */
async function rows(...args: readonly string[]): Promise<string[]> {
  const [, ...lines] = (await transactions(...args)).trimEnd().split('\n');
  return lines.map((line) => line.replaceAll(/ *\t/g, ' ').trim());
}

const ids = () => `${client.producerId} ${client.producerEpoch}`;

describe('kafka-transactions', () => {
  test('lists and describes', async () => {
    expect(await transactions('list')).toMatch(
      /^TransactionalId\tCoordinator\tProducerId\tTransactionState\t\ncopier /,
    );
    expect(await rows('list')).toEqual([expect.stringMatching(/^copier [01] \d+ Empty$/)]);
    expect(await rows('describe', '--transactional-id', 'copier')).toEqual([
      expect.stringMatching(new RegExp(`^[01] copier ${ids()} Empty 60000 None None$`)),
    ]);
    await client.produce('data', 1, 'a', 'b');
    expect(await rows('list', '--duration-filter', '3600000')).toEqual([]);
    expect(await rows('describe', '--transactional-id', 'copier')).toEqual([
      expect.stringMatching(new RegExp(`^[01] copier ${ids()} Ongoing 60000 \\d{13} \\d+ data-1$`)),
    ]);
    expect(await client.end(true)).toBe('NONE');
    await client.becomes('CompleteCommit');
    expect(await rows('list')).toEqual([expect.stringMatching(/^copier [01] \d+ CompleteCommit$/)]);
    const missing = await runCommand('kafka-transactions', [
      ...['--bootstrap-server', cluster.bootstrapServers, 'describe', '--transactional-id', 'none'],
    ]);
    expect(missing).toMatchObject({ code: 1, stderr: expect.stringContaining('TRANSACTIONAL_ID_NOT_FOUND') });
  });

  test('finds a transaction that hangs on any replica, and ends it', async () => {
    // Nobody has told the coordinator of it.
    expect(await client.write('data', 0, 'left')).toBe('NONE');
    const hanging = [expect.stringMatching(new RegExp(`^data 0 ${ids()} -1 0 1700000000000 \\d+$`))];
    expect(await rows('find-hanging', '--topic', 'data')).toEqual(hanging);
    expect(await rows('find-hanging', '--topic', 'data', '--partition', '0')).toEqual(hanging);
    expect(await rows('find-hanging', '--topic', 'data', '--partition', '1')).toEqual([]);
    for (const broker of ['0', '1']) expect(await rows('find-hanging', '--broker-id', broker)).toEqual(hanging);
    const producers = ['describe-producers', '--topic', 'data', '--partition', '0'];
    expect(await rows(...producers)).toEqual([`${ids()} -1 0 1700000000000 0`]);
    const partition = ['--topic', 'data', '--partition', '0'];
    expect(await transactions('abort', ...partition, '--start-offset', '0')).toBe('');
    expect(await rows('find-hanging', '--topic', 'data')).toEqual([]);
    expect(await rows(...producers)).toEqual([expect.stringMatching(/^\d+ \d+ 0 0 \d{13} None$/)]);
    expect(await client.read('data', 0, 0)).toEqual(['left']);
    expect(await client.read('data', 0)).toEqual([]);
  });

  test.each([
    [['frobnicate'], /frobnicate is none of list, describe, describe-producers, find-hanging, abort/],
    [['describe'], /Missing required argument "\[transactional-id\]"/],
    [['find-hanging'], /find-hanging needs --topic or --broker-id/],
    [['find-hanging', '--broker-id', '0', '--partition', '1'], /--partition needs --topic/],
    [['describe-producers', '--topic', 'data'], /Missing required argument "\[partition\]"/],
    [['abort', '--topic', 'data', '--partition', '0'], /abort needs --start-offset, or --producer-id/],
    [
      ['abort', '--topic', 'data', '--partition', '0', '--start-offset', '77'],
      /Could not find any open transactions starting at offset 77 on partition data-0/,
    ],
    [['abort', '--topic', 'data', '--partition', '9', '--start-offset', '0'], /data has no partition 9|UNKNOWN_TOPIC/],
  ])('refuses %j', async (args, message) => {
    const { code, stderr } = await runCommand('kafka-transactions', [
      ...['--bootstrap-server', cluster.bootstrapServers],
      ...args,
    ]);
    expect(code).toBe(1);
    expect(stderr).toMatch(message);
  });
});
