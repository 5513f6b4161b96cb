import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatProperties } from '../../broker/src/config/properties';
import { kafkaClustersOf } from '../../lib/tool/kafka-manifests';
import { listenersOf, localAddress, localProperties } from '../../lib/tool/local-properties';
import { readManifests } from '../../lib/tool/manifest';
import type { Running } from './harness';
import { freePort, output, reachable, root, startApacheBroker, startOdradek, temporaryDirectory } from './harness';
import { ApacheTools } from './tool-runner';

let tools: ApacheTools;
beforeAll(() => {
  tools = new ApacheTools('3.9');
});
afterAll(() => tools[Symbol.asyncDispose]());

async function startZooKeeper(directory: string, port: number): Promise<Running> {
  const server = startOdradek('zookeeper', '--port', String(port), '--data-dir', path.join(directory, 'zookeeper'));
  await reachable(port, server);
  return server;
}

describe('Apache Kafka 3.9 starts on the server.properties of the manifests', () => {
  for (const chart of ['bigdata', 'sscp-test']) {
    it(`${chart}, as npm start changes it, on the embedded ZooKeeper`, async () => {
      using directory = temporaryDirectory();
      const [cluster] = kafkaClustersOf(readManifests(path.join(root, 'dist', `${chart}.k8s.yaml`)));
      const zookeeperPort = await freePort();
      await using zookeeper = await startZooKeeper(directory.path, zookeeperPort);
      await using brokers = new AsyncDisposableStack();
      const addresses: string[] = [];
      const starting = Array.from({ length: cluster.replicas }, async (_, ordinal) => {
        const ports = new Map<string, number>();
        for (const { listenerName } of listenersOf(cluster.properties)) ports.set(listenerName, await freePort());
        addresses.push(`${localAddress}:${[...ports.values()][0]}`);
        const places = { directory: path.join(directory.path, String(ordinal)), zookeeperPort, ports };
        const { properties, replacements } = localProperties(cluster, places, ordinal);
        const file = path.join(directory.path, `server-${ordinal}.properties`);
        writeFileSync(file, formatProperties(properties));

        const broker = brokers.use(await startApacheBroker(file));
        const kept = [...properties].filter(([key]) => !replacements.some((each) => each.key === key));
        for (const [key, value] of kept) expect(broker.log).toContain(`\t${key} = ${value}\n`);
        expect(broker.log).not.toMatch(/\] (ERROR|FATAL) /);
        return { kept, replacements };
      });
      await Promise.allSettled(starting);
      const [{ kept, replacements }] = await Promise.all(starting);

      const bootstrap = addresses.join(',');
      const known = async () => (await output('kcat', ['-b', bootstrap, '-L'])).match(/^ {2}broker /gm)?.length;
      await expect.poll(known, { timeout: 30_000 }).toBe(cluster.replicas);
      const lines = Array.from({ length: 100 }, (_, i) => `line ${i}\n`).join('');
      const to = ['--bootstrap-server', bootstrap, '--topic', 'made-by-producing'];
      await tools.output('console-producer', to, { input: lines });
      const read = ['--from-beginning', '--max-messages', '100', '--group', 'g'];
      expect((await tools.output('console-consumer', [...to, ...read])).split('\n').sort()).toEqual(
        lines.split('\n').sort(),
      );
      console.log(
        `${chart}: ${cluster.replicas} brokers of Apache Kafka have ${kept.length} keys as they are in the ConfigMap, ` +
          `${replacements.map(({ key }) => key).join(', ')} replaced; 100 records produced and consumed`,
      );
      expect(zookeeper.log).not.toMatch(/ERROR/);
    });
  }
});
