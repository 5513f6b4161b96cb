import { describe, expect, it } from 'vitest';
import { Apis } from '../../../broker/src/protocol/api-keys';
import { startCluster, type TestCluster, type TestClusterOptions } from '../../../broker/src/testing';
import { readRecordsFrom } from '../log/support';
import { batchOf, BrokerClient, nameOf } from '../server/broker-client';

const topic = 't';
/** How long something may take that is under way, milliseconds. */
const patienceMs = 20_000;

/** Three brokers, and a client of each that lives. */
class Bed implements AsyncDisposable {
  readonly #clients = new Map<number, BrokerClient>();

  private constructor(readonly cluster: TestCluster) {}

  static async start(config: TestClusterOptions['config'] = {}): Promise<Bed> {
    const bed = new Bed(
      await startCluster({ brokers: 3, config: { 'auto.leader.rebalance.enable': false, ...config } }),
    );
    await bed.#createTopic();
    return bed;
  }

  async #createTopic(): Promise<void> {
    for (let id = 0; id < 3; id++) {
      const { topics } = await (
        await this.client(id)
      ).send(Apis.CreateTopics, 7, {
        topics: [
          {
            name: topic,
            numPartitions: 1,
            replicationFactor: 3,
            assignments: [],
            configs: [{ name: 'min.insync.replicas', value: '2' }],
          },
        ],
        timeoutMs: 30_000,
        validateOnly: false,
      });
      // Only the controller makes topics.
      if (nameOf(topics[0]) !== 'NOT_CONTROLLER') {
        expect(nameOf(topics[0])).toBe('NONE');
        return;
      }
    }
    throw new Error('no broker is the controller');
  }

  async client(id: number): Promise<BrokerClient> {
    let client = this.#clients.get(id);
    if (!client) {
      client = await BrokerClient.connect(this.cluster.brokers[id].bootstrapServers);
      this.#clients.set(id, client);
    }
    return client;
  }

  partition(id: number) {
    return this.cluster.brokers[id].replicas.partition(topic, 0);
  }

  /** The broker that leads, of those given, once it has that many in sync. */
  leader(of: readonly number[], inSync: number): Promise<number> {
    return eventually(() =>
      of.find((id) => {
        const partition = this.partition(id);
        return partition?.isLeader && partition.isr.length === inSync;
      }),
    );
  }

  async produce(id: number, value: string, acks = -1): Promise<string> {
    return nameOf(await (await this.client(id)).produce(topic, batchOf(value), { acks }));
  }

  async stop(id: number, controlled: boolean): Promise<void> {
    this.#clients.get(id)?.[Symbol.dispose]();
    this.#clients.delete(id);
    await this.cluster.brokers[id].close({ controlled });
  }

  async values(id: number): Promise<(string | undefined)[]> {
    return (await readRecordsFrom(this.partition(id)!.log)).map(({ value }) => value?.toString());
  }

  /** The records of all replicas, once all have as many and know them to be committed. */
  async agreed(ids: readonly number[]): Promise<(string | undefined)[]> {
    await eventually(() => {
      const logs = ids.map((id) => this.partition(id)?.log);
      const end = logs[0]?.logEndOffset;
      return logs.every((log) => log?.logEndOffset === end && log?.highWatermark === end);
    });
    const [first, ...others] = await Promise.all(ids.map((id) => this.values(id)));
    for (const other of others) expect(other).toEqual(first);
    const epochs = ids.map((id) => this.partition(id)!.log.leaderEpochs);
    for (const each of epochs) expect(each).toEqual(epochs[0]);
    return first;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients.values()) client[Symbol.dispose]();
    await this.cluster.close();
  }
}

async function eventually<T>(look: () => T | undefined | false): Promise<T> {
  const began = performance.now();
  for (;;) {
    const found = look();
    if (found !== undefined && found !== false) return found;
    if (performance.now() - began > patienceMs) throw new Error(`not so after ${patienceMs} ms: ${look}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

describe.each([
  ['through the controller', {}],
  ['in ZooKeeper', { 'inter.broker.protocol.version': '2.6' }],
] as const)('Three brokers that change the ISR %s', (_, config) => {
  it('keep what was acknowledged while they come and go', { timeout: 60_000 }, async () => {
    await using bed = await Bed.start({ ...config, 'replica.lag.time.max.ms': 2000 });
    const all = [0, 1, 2];
    const acknowledged: string[] = [];
    const produce = async (id: number, value: string): Promise<void> => {
      expect(await bed.produce(id, value)).toBe('NONE');
      acknowledged.push(value);
    };
    let leader = await bed.leader(all, 3);
    for (let i = 0; i < 20; i++) await produce(leader, `first ${i}`);
    expect(await bed.agreed(all)).toEqual(acknowledged);

    // A follower goes without a word, and what is written meanwhile it has not.
    const gone = (leader + 1) % 3;
    await bed.stop(gone, false);
    const left = all.filter((id) => id !== gone);
    await bed.leader(left, 2);
    for (let i = 0; i < 20; i++) await produce(leader, `second ${i}`);

    // The leader goes, too: the last one leads and takes nothing that would be with it alone.
    await bed.stop(leader, false);
    const [last] = left.filter((id) => id !== leader);
    await bed.leader([last], 1);
    expect(await bed.produce(last, 'refused')).toBe('NOT_ENOUGH_REPLICAS');
    expect(await bed.produce(last, 'taken', 1)).toBe('NONE');
    acknowledged.push('taken');

    for (const id of [gone, leader]) await bed.cluster.restart(id);
    leader = await bed.leader(all, 3);
    expect(leader).toBe(last);
    for (let i = 0; i < 20; i++) await produce(leader, `third ${i}`);
    expect(await bed.agreed(all)).toEqual(acknowledged);

    // In order: the leadership is handed over, and nothing waits.
    await bed.stop(leader, true);
    const next = await bed.leader(
      all.filter((id) => id !== leader),
      2,
    );
    await produce(next, 'fourth');
    await bed.cluster.restart(leader);
    await bed.leader(all, 3);
    expect(await bed.agreed(all)).toEqual(acknowledged);
  });
});
