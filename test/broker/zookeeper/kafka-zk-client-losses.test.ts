import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { nodeIo } from '../../../broker/src/io/node/index';
import { silentLogger } from '../../../broker/src/logging/logger';
import { KafkaZkClient, type ControllerEpoch } from '../../../broker/src/zookeeper/kafka-zk-client';
import { ZooKeeperServer } from '../../../broker/src/zookeeper/server/zookeeper-server';
import { ControllerMovedException } from '../../../broker/src/zookeeper/zk-operations';
import { ControllerZNode } from '../../../broker/src/zookeeper/znodes/controller';

const io = nodeIo();
let server: ZooKeeperServer;
let roots = 0;

beforeAll(async () => {
  server = await ZooKeeperServer.start(io, silentLogger, { tickTime: 100, maxSessionTimeout: 60_000 });
});
afterAll(() => server.close());

async function brokers(count: number): Promise<KafkaZkClient[]> {
  const connectString = `${server.connectString}/losses-${roots++}`;
  const options = { connectString, sessionTimeoutMs: 20_000, connectionTimeoutMs: 20_000 };
  const all = Array.from({ length: count }, () => new KafkaZkClient(io, silentLogger, options));
  for (const zk of all) await zk.connect();
  await all[0]!.createTopLevelPaths();
  return all;
}

/** Cuts every connection, each time after so many turns of the loop. */
async function cutAfter(turns: readonly number[]): Promise<void> {
  for (const count of turns) {
    for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
    server.disconnectClients();
  }
}

const cuts = fc.array(fc.integer({ min: 0, max: 6 }), { maxLength: 3 });

it('who has become the controller knows it, and nobody else thinks so, over any losses of the connection', async () => {
  const all = await brokers(3);
  const epochs = new Set<number>();
  await fc.assert(
    fc.asyncProperty(cuts, async (turns) => {
      const elections = all.map((zk, brokerId) =>
        zk.registerControllerAndIncrementControllerEpoch(brokerId).catch((error: unknown) => {
          if (error instanceof ControllerMovedException) return undefined;
          throw error;
        }),
      );
      const [won] = await Promise.all([Promise.all(elections), cutAfter(turns)]);
      const winners = won.flatMap((epoch, brokerId): { epoch: ControllerEpoch; brokerId: number }[] =>
        epoch === undefined ? [] : [{ epoch, brokerId }],
      );
      const found = await all[0]!.get(ControllerZNode.path);
      expect(winners).toHaveLength(1);
      const [{ epoch, brokerId }] = winners as [(typeof winners)[0]];
      expect(found?.stat.ephemeralOwner).toBe(all[brokerId]!.client.sessionId);
      expect(await all[0]!.getControllerEpoch()).toEqual(epoch);
      expect(epochs.has(epoch.epoch)).toBe(false);
      epochs.add(epoch.epoch);
      // Of the one before, nothing is taken any more.
      const stale = all[brokerId]!.deleteController(epoch.zkVersion - 1);
      await expect(stale).rejects.toBeInstanceOf(ControllerMovedException);
      await Promise.all([all[brokerId]!.deleteController(epoch.zkVersion), cutAfter(turns)]);
      expect(await all[0]!.get(ControllerZNode.path)).toBeUndefined();
    }),
    { numRuns: 25 },
  );
  await Promise.all(all.map((zk) => zk.close()));
});

it('a broker is registered once, by its own session, over any losses of the connection', async () => {
  await fc.assert(
    fc.asyncProperty(cuts, async (turns) => {
      const [zk] = (await brokers(1)) as [KafkaZkClient];
      const broker = { id: 1, endPoints: [], rack: null, features: new Map(), jmxPort: -1, timestampMs: 0 };
      const [epoch] = await Promise.all([zk.registerBroker(broker), cutAfter(turns)]);
      const found = await zk.get('/brokers/ids/1');
      expect(found?.stat).toMatchObject({ ephemeralOwner: zk.client.sessionId, czxid: epoch, version: 1 });
      await zk.close();
    }),
    { numRuns: 25 },
  );
});

it('blocks of producer ids and broker ids are given out once, over any losses of the connection', async () => {
  const all = await brokers(2);
  const firsts = new Set<number>();
  const ids = new Set<number>();
  await fc.assert(
    fc.asyncProperty(cuts, async (turns) => {
      const asked = all.map(async (zk, brokerId) => {
        const { firstProducerId } = await zk.allocateProducerIdBlock(brokerId);
        expect(firsts.has(firstProducerId)).toBe(false);
        firsts.add(firstProducerId);
        const id = await zk.generateBrokerSequenceId();
        expect(ids.has(id)).toBe(false);
        ids.add(id);
      });
      await Promise.all([...asked, cutAfter(turns)]);
    }),
    { numRuns: 25 },
  );
  await Promise.all(all.map((zk) => zk.close()));
});
