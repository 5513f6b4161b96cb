import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Apis } from '../../broker/src/protocol/api-keys';
import { ErrorCode } from '../../broker/src/protocol/errors';
import { startCluster, type TestCluster } from '../../broker/src/testing';
import { batchOf, nameOf } from '../broker/server/broker-client';
import { RetryingClient, soon } from '../broker/server/retrying-client';

const topic = 'ledger';

describe('docs/cluster.md tells what is lost', () => {
  let directory: string;
  let cluster: TestCluster;
  let client: RetryingClient;
  let last: number;
  let others: number[];

  /** Two brokers shut down; the ISR is the last one alone, which takes `alone` records with acks=1. */
  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'odradek-lost-'));
    cluster = await startCluster({ brokers: 3, directory, config: { 'min.insync.replicas': 2 } });
    client = new RetryingClient(cluster);
    await client.createTopic(topic, 1);
    await client.allInSync(topic);
    for (const value of ['all 1', 'all 2']) await client.produce(topic, () => batchOf(value));
    last = await client.leader(topic);
    others = [0, 1, 2].filter((id) => id !== last);
    for (const id of others) await cluster.stop(id);
    await soon(async () => (await client.partition(topic))?.isrNodes).toEqual([last]);
    await client.withBroker(last, async (open) => {
      expect(nameOf(await open.produce(topic, batchOf('refused')))).toBe('NOT_ENOUGH_REPLICAS');
      expect(nameOf(await open.produce(topic, batchOf('alone'), { acks: 1 }))).toBe('NONE');
    });
    await cluster.kill(last);
    for (const id of others) await cluster.restart(id);
    await soon(async () => (await client.metadata(topic)).brokers.length).toBe(2);
  });

  afterEach(async () => {
    await cluster.close();
    rmSync(directory, { recursive: true });
  });

  const logOf = (id: number): string => {
    const [name] = readdirSync(directory);
    return join(directory, name, `broker-${id}`, `${topic}-0`, '00000000000000000000.log');
  };

  /** The last one is back, and all have what it says. */
  async function lastIsBack(): Promise<string[]> {
    await cluster.restart(last);
    await client.allInSync(topic);
    const values = await client.read(topic);
    const bytes = [0, 1, 2].map((id) => readFileSync(logOf(id)).toString('hex'));
    expect(new Set(bytes).size).toBe(1);
    return values;
  }

  it('when the last of the ISR was killed: nothing, and it is waited for', async () => {
    await soon(async () => {
      const { leaderId, isrNodes, errorCode } = (await client.partition(topic))!;
      return { leaderId, isrNodes, errorCode };
    }).toEqual({ leaderId: -1, isrNodes: [last], errorCode: ErrorCode.LEADER_NOT_AVAILABLE });
    expect(await lastIsBack()).toEqual(['all 1', 'all 2', 'alone']);
  });

  it('when it lost its power: what it had not flushed, also of what all had acknowledged', async () => {
    const whole = readFileSync(logOf(last)).length;
    // Three batches of one record; the first one had reached the disk.
    truncateSync(logOf(last), batchOf('all 1').length);
    expect(readFileSync(logOf(last)).length).toBeLessThan(whole);
    expect(await lastIsBack()).toEqual(['all 1']);
  });

  it('when another one is elected that was not in sync: what came after it had left', async () => {
    const { controllerId } = await client.metadata(topic);
    const answer = await client.withBroker(controllerId, (open) =>
      open.send(Apis.IncrementalAlterConfigs, 1, {
        resources: [
          {
            resourceType: 2,
            resourceName: topic,
            configs: [{ name: 'unclean.leader.election.enable', configOperation: 0, value: 'true' }],
          },
        ],
        validateOnly: false,
      }),
    );
    expect(nameOf(answer.responses[0])).toBe('NONE');
    expect(others).toContain(await client.leader(topic));
    expect(await client.read(topic)).toEqual(['all 1', 'all 2']);
    expect(await lastIsBack()).toEqual(['all 1', 'all 2']);
  });
});
