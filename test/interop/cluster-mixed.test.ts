import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Cluster, type Kind } from './cluster';
import { kinds, seconds } from './cluster-kinds';
import { account, Load, readAll, Reader, told } from './cluster-load';
import { Ensemble, ZooKeeperShell } from './cluster-zookeeper';
import { installApache, output, temporaryDirectory } from './harness';
import { ApacheTools } from './tool-runner';

const former: readonly Kind[] = ['apache', 'apache', 'apache'];
const directory = temporaryDirectory();
let ensemble: Ensemble;
let tools: ApacheTools;
let shell: ZooKeeperShell;

beforeAll(async () => {
  installApache('3.9');
  tools = new ApacheTools('3.9');
  ensemble = await Ensemble.start(directory.path);
  shell = new ZooKeeperShell(ensemble.connectString);
});

afterAll(async () => {
  await shell?.[Symbol.asyncDispose]();
  await ensemble?.[Symbol.asyncDispose]();
  await tools?.[Symbol.asyncDispose]();
  directory[Symbol.dispose]();
});

/** The cluster has every broker lead a partition that the others follow, and takes administration from each kind. */
async function prove(cluster: Cluster, round: string): Promise<string> {
  const tool = (name: string, ...args: readonly string[]) =>
    tools.output(name, ['--bootstrap-server', cluster.bootstrap, ...args]);
  await tool('leader-election', '--election-type', 'preferred', '--all-topic-partitions');
  for (const partition of [0, 1, 2]) {
    await cluster.untilState('its preferred leader', 'carried', partition, ({ leader }) => leader === partition + 1);
  }
  const controllers: string[] = [];
  for (const kind of new Set(cluster.brokers.map((broker) => broker.kind))) {
    const controller = cluster.brokers.find((broker) => broker.kind === kind)!;
    await cluster.makeController(controller, shell);
    controllers.push(`${controller.id} (${kind})`);
    const topic = `under-${kind}-${round}`;
    await tool('topics', '--create', '--topic', topic, '--replica-assignment', '1:2:3,2:3:1,3:1:2');
    await cluster.inSync(topic);
    const lines = Array.from({ length: 30 }, (_, i) => `${i}`);
    const produce = ['-b', cluster.bootstrap, '-P', '-t', topic, '-X', 'acks=all', '-X', 'enable.idempotence=true'];
    await output('kcat', produce, { input: lines.map((line) => `${line}\n`).join('') });
    // One partition more, a configuration, and the end of a topic.
    const four = '1:2:3,2:3:1,3:1:2,1:3:2';
    await tool('topics', '--alter', '--topic', topic, '--partitions', '4', '--replica-assignment', four);
    await cluster.inSync(topic);
    const settings = [
      '--entity-type',
      'topics',
      '--entity-name',
      topic,
      '--alter',
      '--add-config',
      'retention.ms=7200000',
    ];
    await tool('configs', ...settings);
    const values = (await readAll(cluster, topic)).map(({ value }) => Number(value)).sort((a, b) => a - b);
    expect(values).toEqual(lines.map(Number));
    await tool('topics', '--delete', '--topic', topic);
    await cluster.untilGone(topic);
  }
  return `controllers ${controllers.join(', ')}`;
}

describe(`Apache Kafka's brokers beside ${kinds.join(', ')}`, () => {
  it(
    'are replaced one by one, and come back, while a producer and a consumer go on',
    { timeout: 420_000 },
    async () => {
      const options = { kinds: former, ensemble, directory: directory.path, name: 'rolling' };
      await using cluster = await Cluster.start(options);
      const create = ['--create', '--topic', 'carried', '--replica-assignment', '1:2:3,2:3:1,3:1:2'];
      await tools.output('topics', ['--bootstrap-server', cluster.bootstrap, ...create]);
      await cluster.inSync('carried');
      await using load = await Load.start(cluster, 'carried', { directory: directory.path, throughput: 300 });
      await using reader = new Reader(cluster, 'carried', 'carried-readers');
      const started = performance.now();
      let round = 0;
      for (const [there, targets] of [
        ['there', kinds],
        ['back', former],
      ] as const) {
        for (const broker of cluster.brokers) {
          const kind = targets[broker.id - 1];
          await broker.stop();
          broker.kind = kind;
          await broker.start();
          await cluster.allHere();
          await cluster.inSync();
          await load.more(100);
          const proof = await prove(cluster, String(++round));
          console.log(
            `${there}, broker ${broker.id} is ${kind}: ${cluster.kinds}; ${proof}; every broker leads and follows; ` +
              `${load.acknowledged.size} acknowledged, ${load.errors.length} errors`,
          );
        }
      }
      await load.more(100);
      await reader.catchUp(load);
      await load.stop();
      const counted = account(load, await readAll(cluster, 'carried'));
      let size = 0;
      for (const partition of [0, 1, 2]) size += await cluster.sameLogs('carried', partition);
      console.log(
        `3 apache -> ${kinds.join(', ')} -> 3 apache in ${seconds(performance.now() - started)}: ${told(counted)}; the ` +
          `consumer read ${reader.places.size}; the replicas agree in all of their ${size} bytes; longest pause between two acknowledgements ${seconds(load.longestPauseMs)}`,
      );
      expect(load.errors).toEqual([]);
      expect(counted).toMatchObject({ lost: 0, duplicated: 0, moved: 0, refused: 0 });
      expect(reader.places.size).toBe(counted.read);
    },
  );
});
