import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Cluster, type Kind } from './cluster';
import { kinds } from './cluster-kinds';
import { Ensemble, until, ZooKeeperShell, type ShellZnode } from './cluster-zookeeper';
import { installApache, output, temporaryDirectory } from './harness';
import { ApacheTools } from './tool-runner';

const directory = temporaryDirectory();
let ensemble: Ensemble;
let tools: ApacheTools;
let old: ApacheTools;

beforeAll(async () => {
  installApache('3.9', '2.4');
  tools = new ApacheTools('3.9');
  old = new ApacheTools('2.4');
  ensemble = await Ensemble.start(directory.path);
});

afterAll(async () => {
  await ensemble?.[Symbol.asyncDispose]();
  await old?.[Symbol.asyncDispose]();
  await tools?.[Symbol.asyncDispose]();
  directory[Symbol.dispose]();
});

type Dump = ReadonlyMap<string, ShellZnode>;

/** All znodes of a cluster, as Apache's zookeeper-shell reads them, by their paths in its chroot. */
async function dump(shell: ZooKeeperShell, cluster: Cluster): Promise<Dump> {
  const found = new Map<string, ShellZnode>();
  for (const full of await shell.tree(cluster.chroot)) {
    const znode = await shell.get(full);
    if (znode) found.set(full.slice(cluster.chroot.length) || '/', znode);
  }
  return found;
}

/** What a cluster of some weeks has gone through; gives its znodes amid a reassignment, and at the end. */
async function work(kindsBrokers: readonly Kind[], name: string): Promise<readonly [Dump, Dump]> {
  await using shell = new ZooKeeperShell(ensemble.connectString);
  const options = { kinds: kindsBrokers, ensemble, directory: directory.path, name, oneByOne: true };
  await using cluster = await Cluster.start(options);
  const at = (): readonly string[] => [
    '--bootstrap-server',
    cluster.running.map(({ bootstrap }) => bootstrap).join(','),
  ];
  const zookeeper = ['--zookeeper', cluster.zookeeperConnect];
  const tool = (toolName: string, ...args: readonly string[]) => tools.output(toolName, [...at(), ...args]);
  const json = (content: object): string => {
    const file = path.join(directory.path, `${name}.json`);
    writeFileSync(file, JSON.stringify(content));
    return file;
  };

  await tool(
    'topics',
    '--create',
    '--topic',
    'orders',
    '--replica-assignment',
    '1:2:3,2:3:1,3:1:2',
    '--config',
    'retention.ms=3600000',
  );
  await cluster.inSync('orders');
  await old.output('topics', [
    ...zookeeper,
    '--create',
    '--topic',
    'with.dots_and-dashes',
    '--replica-assignment',
    '2:3,3:1',
  ]);
  await cluster.inSync('with.dots_and-dashes');
  await tool('topics', '--create', '--topic', 'moving', '--replica-assignment', '1:2');
  await tool('topics', '--create', '--topic', 'gone', '--replica-assignment', '3:2:1,1:2:3');
  await cluster.inSync();

  await tool(
    'topics',
    '--alter',
    '--topic',
    'orders',
    '--partitions',
    '4',
    '--replica-assignment',
    '1:2:3,2:3:1,3:1:2,3:2:1',
  );
  await until('the fourth partition', async () => (await cluster.state('orders', 3)) !== undefined);
  await cluster.inSync('orders');
  const configs = (...args: readonly string[]) => tool('configs', '--alter', ...args);
  await configs(
    '--entity-type',
    'topics',
    '--entity-name',
    'orders',
    '--add-config',
    'max.message.bytes=2000000,cleanup.policy=[compact,delete]',
  );
  await configs('--entity-type', 'topics', '--entity-name', 'orders', '--delete-config', 'retention.ms');
  await configs('--entity-type', 'brokers', '--entity-name', '2', '--add-config', 'log.cleaner.threads=2');
  await configs('--entity-type', 'brokers', '--entity-default', '--add-config', 'log.retention.ms=86400000');

  const lines = Array.from({ length: 100 }, (_, i) => `key${i}:value${i}\n`).join('');
  await output('kcat', ['-b', cluster.bootstrap, '-P', '-t', 'orders', '-K', ':', '-X', 'enable.idempotence=true'], {
    input: lines,
  });
  const group = ['-b', cluster.bootstrap, '-G', 'readers', '-X', 'auto.offset.reset=earliest', '-e', '-q', 'orders'];
  expect((await output('kcat', group)).trimEnd().split('\n')).toHaveLength(100);
  await cluster.inSync('__consumer_offsets');

  await tool('topics', '--delete', '--topic', 'gone');
  await cluster.untilGone('gone');

  // A replica moves, too slowly to be there soon: the first fetch takes 1 MiB, all more waits for the throttle.
  const bulk = `${'x'.repeat(9999)}\n`.repeat(400);
  await output('kcat', ['-b', cluster.bootstrap, '-P', '-t', 'moving', '-X', 'acks=all'], { input: bulk });
  const plan = { version: 1, partitions: [{ topic: 'moving', partition: 0, replicas: [3, 1] }] };
  await tool('reassign-partitions', '--reassignment-json-file', json(plan), '--execute', '--throttle', '10000');
  await cluster.untilState('the reassignment begun', 'moving', 0, (state) => state.leader_epoch > 0);
  const amid = await dump(shell, cluster);

  await cluster.broker(3).kill();
  for (const partition of [0, 1, 2, 3]) {
    await cluster.untilState('no broker 3', 'orders', partition, ({ isr, leader }) => !isr.includes(3) && leader !== 3);
  }
  await cluster.untilState('no broker 3', 'with.dots_and-dashes', 0, ({ isr }) => !isr.includes(3));
  await cluster.untilState('no broker 3', 'with.dots_and-dashes', 1, ({ leader }) => leader === 1);
  for (const partition of [0, 1, 2]) {
    await cluster.untilState('no broker 3', '__consumer_offsets', partition, ({ isr }) => !isr.includes(3));
  }
  await cluster.broker(3).start();
  await cluster.allHere();
  const fast = ['leader', 'follower'].map((role) => `${role}.replication.throttled.rate=100000000`).join(',');
  for (const { id } of cluster.brokers) {
    await configs('--entity-type', 'brokers', '--entity-name', String(id), '--add-config', fast);
  }
  // Each --verify that finds nothing under way clears the throttles: it is asked once, when every broker knows the end.
  for (const broker of cluster.brokers) {
    await cluster.untilTold(broker, 'moving', ({ replicas }) => replicas.length === 2);
  }
  expect(await tool('reassign-partitions', '--reassignment-json-file', json(plan), '--verify')).toContain(
    'is completed',
  );
  await cluster.inSync();
  await tool('leader-election', '--election-type', 'preferred', '--topic', 'orders', '--partition', '2');
  await cluster.untilState('its preferred leader', 'orders', 2, ({ leader }) => leader === 3);
  // The tools of before, which hand their wishes to the controller in ZooKeeper.
  await old.output('preferred-replica-election', zookeeper);
  await until('the election done', async () => {
    return !(await ensemble.children(`${cluster.chroot}/admin`))?.includes('preferred_replica_election');
  });
  await cluster.untilState('its preferred leader', 'orders', 3, ({ leader }) => leader === 3);
  const back = { version: 1, partitions: [{ topic: 'moving', partition: 0, replicas: [1, 2] }] };
  await old.output('reassign-partitions', [...zookeeper, '--reassignment-json-file', json(back), '--execute']);
  await until('the reassignment back done', async () => {
    return !(await ensemble.children(`${cluster.chroot}/admin`))?.includes('reassign_partitions');
  });
  await cluster.untilState(
    'the replicas back',
    'moving',
    0,
    ({ isr }) => isr.includes(1) && isr.includes(2) && !isr.includes(3),
  );
  await cluster.inSync();
  return [amid, await dump(shell, cluster)];
}

// What is drawn by lot: where the partitions of the offsets begin, who asked for producer ids first.
const drawn = /^\/brokers\/topics\/__consumer_offsets(\/partitions\/\d+\/state)?$/;

/** A znode without what has to differ from one cluster to the next: ports, times, generated ids. */
function masked(znodePath: string, znode: ShellZnode): object {
  const { data, dataVersion, cversion, ephemeral } = znode;
  const rest = { dataVersion, cversion, ephemeral };
  if (!data.startsWith('{')) return { data, ...rest };
  const content = JSON.parse(data) as Record<string, unknown>;
  for (const key of Object.keys(content)) {
    if (/^(timestamp|topic_id|id|port)$/.test(key)) content[key] = `a ${typeof content[key]}`;
    if (key === 'endpoints')
      content[key] = (content[key] as string[]).map((endpoint) => endpoint.replace(/\d+$/, 'PORT'));
    if (drawn.test(znodePath) && /^(leader|isr|partitions)$/.test(key)) content[key] = 'drawn';
    // A tool that changes several brokers asks each of them at once.
    if (key === 'entity_path') content[key] = (content[key] as string).replace(/^brokers\/\d$/, 'brokers/N');
    if (znodePath === '/latest_producer_id_block' && key === 'broker') content[key] = 'drawn';
  }
  const sorted = Object.fromEntries(Object.entries(content).sort(([a], [b]) => (a < b ? -1 : 1)));
  if (drawn.test(znodePath)) return { data: { ...sorted, leader_epoch: 'drawn' }, ephemeral };
  return { data: sorted, ...rest };
}

function shown(znodes: Dump): Record<string, object> {
  return Object.fromEntries([...znodes].map(([znodePath, znode]) => [znodePath, masked(znodePath, znode)]));
}

describe('after the same work', () => {
  it("the znodes are Apache Kafka's: the same paths, keys, values and versions", async () => {
    const theirs = await work(['apache', 'apache', 'apache'], 'apaches');
    const ours = await work(kinds, 'ours');
    for (const [i, when] of ['amid a reassignment', 'at the end'].entries()) {
      console.log(
        `${kinds.join(', ')} beside Apache Kafka 3.9, ${when}: ${ours[i].size} znodes, Apache's ${theirs[i].size}; e.g. ` +
          ['/brokers/topics/moving', '/brokers/topics/orders/partitions/2/state', '/controller']
            .map(
              (znode) =>
                `\n  ${znode}\n    ours     ${ours[i].get(znode)?.data}\n    Apache's ${theirs[i].get(znode)?.data}`,
            )
            .join(''),
      );
    }
    expect(shown(ours[0])).toEqual(shown(theirs[0]));
    expect(shown(ours[1])).toEqual(shown(theirs[1]));
    const keys = [...ours[1].values()].flatMap(({ data }) =>
      data.startsWith('{') ? Object.keys(JSON.parse(data)) : [],
    );
    console.log(
      `${ours[0].size} and ${ours[1].size} znodes with ${keys.length} keys: the same paths, keys, values and versions; ` +
        'not compared: ports, times, generated ids, and where the partitions of __consumer_offsets begin',
    );
  });
});
