import { expect, test } from 'vitest';
import { silentLogger } from '../../broker/src/logging/logger';
import { OpCode } from '../../broker/src/zookeeper/requests';
import { Database } from '../../broker/src/zookeeper/server/database';
import { Scheduler } from './io/scheduler';
import { SimulatedHost } from './io/simulated-host';
import { SimulatedNetwork } from './io/simulated-network';

test('what a ZooKeeper has shown after it was killed outlives a loss of power', async () => {
  for (let seed = 0; seed < 40; seed++) {
    const scheduler = new Scheduler(seed);
    const host = new SimulatedHost(scheduler, new SimulatedNetwork(scheduler), '10.0.0.1');
    const open = async (): Promise<Database> => {
      const { files } = host.start('zookeeper').io;
      let opened: Database | undefined;
      const options = { dataDir: '/data', forceSync: true, snapCount: 1000 };
      void Database.open(files, silentLogger, options).then((database) => (opened = database));
      await scheduler.run(scheduler.nowMs + 10_000, () => opened !== undefined);
      return opened!;
    };
    const first = await open();
    const create = (path: string): void => {
      const zxid = first.nextZxid();
      const header = { clientId: 1n, cxid: 0, zxid, time: 0, type: OpCode.create };
      const data = Buffer.from(path);
      first.commit(header, { type: OpCode.create, path, data, acl: [], ephemeral: false, parentCVersion: -1 });
    };
    create('/flushed');
    let isFlushed = false;
    void first.flush()?.then(() => (isFlushed = true));
    await scheduler.run(scheduler.nowMs + 10_000, () => isFlushed);
    create('/written');
    void first.flush();
    for (const process of [...host.processes]) process.kill();
    const shown = (await open()).tree.node('/written');
    expect(shown).toBeDefined();
    host.losePower();
    host.powerUp();
    const { tree } = await open();
    expect([seed, tree.node('/flushed')?.data, tree.node('/written')?.data]).toEqual([
      seed,
      Buffer.from('/flushed'),
      Buffer.from('/written'),
    ]);
  }
});
