import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { DocumentCommands } from '../docs/commands';
import { blocksOf, documents } from '../docs/documents';
import {
  freePort,
  installApache,
  output,
  reachable,
  type Running,
  startApacheBroker,
  startOdradek,
  temporaryDirectory,
  writeProperties,
} from './harness';

const used = documents.filter((document) => blocksOf(document).some(({ use }) => use === 'interop'));

describe('the commands with tools of others in', () => {
  it.each(used)('%s do what they say', async (document) => {
    await using commands = await DocumentCommands.begin();
    for (const block of blocksOf(document).filter(({ use }) => use === 'interop')) await commands.try(block);
    await commands.end();
  });
});

describe('one server.properties, one log directory, one ZooKeeper', () => {
  beforeAll(() => installApache('3.9'));

  it.each(['SIGTERM', 'SIGKILL'] as const)(
    'serve Apache Kafka and this broker in turn, changed by %s',
    async (signal) => {
      using directory = temporaryDirectory();
      const [port, zookeeperPort] = [await freePort(), await freePort()];
      const bootstrap = `127.0.0.1:${port}`;
      const properties = path.join(directory.path, 'server.properties');
      writeProperties(properties, {
        'broker.id': '1',
        listeners: `PLAINTEXT://${bootstrap}`,
        'log.dirs': path.join(directory.path, 'logs'),
        'zookeeper.connect': `127.0.0.1:${zookeeperPort}/kafka`,
        'zookeeper.session.timeout.ms': '6000',
        'offsets.topic.replication.factor': '1',
        'offsets.topic.num.partitions': '3',
        'transaction.state.log.replication.factor': '1',
        'transaction.state.log.min.isr': '1',
        'group.initial.rebalance.delay.ms': '0',
      });
      const data = path.join(directory.path, 'zookeeper');
      await using zookeeper = startOdradek('zookeeper', '--port', String(zookeeperPort), '--data-dir', data);
      await reachable(zookeeperPort, zookeeper);

      const ours = async (): Promise<Running> => {
        const broker = startOdradek('broker', properties);
        await broker.printed(/serves clients/, 60_000);
        return broker;
      };
      // Apache's broker ends where its registration is still there; after a kill it has to wait for its session to end.
      const sessionGone = (): Promise<unknown> =>
        signal === 'SIGKILL' ? zookeeper.printed(/Expiring session[^]*$/) : Promise.resolve();
      const written: string[] = [];
      for (const [turn, start] of [
        () => startApacheBroker(properties),
        ours,
        () => startApacheBroker(properties),
        ours,
      ].entries()) {
        zookeeper.log = '';
        await using broker = await start();
        const lines = Array.from({ length: 100 }, (_, i) => `turn ${turn}, line ${i}`);
        await output('kcat', ['-b', bootstrap, '-P', '-t', 'lines', '-z', 'lz4'], { input: lines.join('\n') });
        written.push(...lines);
        const all = await output('kcat', ['-b', bootstrap, '-C', '-t', 'lines', '-o', 'beginning', '-e', '-q']);
        expect(all.trimEnd().split('\n')).toEqual(written);
        // The group goes on where it was under the other broker.
        const group = ['-b', bootstrap, '-G', 'readers', '-X', 'auto.offset.reset=earliest', '-e', '-q', 'lines'];
        const read = await output('kcat', group);
        expect(read.trimEnd().split('\n')).toEqual(lines);
        await broker.stop(signal);
        await sessionGone();
      }
    },
  );
});
