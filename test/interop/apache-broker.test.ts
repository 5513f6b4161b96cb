import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatProperties } from '../../broker/src/config/properties';
import { kafkaClustersOf } from '../../lib/tool/kafka-manifests';
import { listenersOf, localAddress, localProperties } from '../../lib/tool/local-properties';
import { readManifests } from '../../lib/tool/manifest';
import {
  freePort,
  output,
  peers as peersDirectory,
  reachable,
  root,
  Running,
  startApacheBroker,
  startOdradek,
  temporaryDirectory,
  writeProperties,
} from './harness';
import { contents, mixedLoad, recordsIn, smallSegments, topicsIn } from './mixed-load';
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

async function startOurs(properties: string): Promise<Running> {
  const broker = startOdradek('broker', properties);
  await broker.printed(/serves clients/);
  return broker;
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

describe('Apache Kafka 3.9 and this broker take turns on a log directory and a ZooKeeper', () => {
  const directory = temporaryDirectory();
  const properties = path.join(directory.path, 'server.properties');
  let zookeeper: Running;
  let bootstrap: string;
  let broker: Running | undefined;
  let known: Map<string, string>;

  beforeAll(async () => {
    const zookeeperPort = await freePort();
    zookeeper = await startZooKeeper(directory.path, zookeeperPort);
    bootstrap = `127.0.0.1:${await freePort()}`;
    writeProperties(properties, {
      'broker.id': '1',
      listeners: `PLAINTEXT://${bootstrap}`,
      'log.dirs': [1, 2].map((n) => path.join(directory.path, `logs-${n}`)).join(','),
      'zookeeper.connect': `127.0.0.1:${zookeeperPort}/kafka`,
      'zookeeper.session.timeout.ms': '6000',
      'offsets.topic.replication.factor': '1',
      'offsets.topic.num.partitions': '3',
      'transaction.state.log.replication.factor': '1',
      'transaction.state.log.min.isr': '1',
      'group.initial.rebalance.delay.ms': '0',
      ...smallSegments,
    });
  });
  afterAll(async () => {
    await broker?.stop('SIGKILL');
    await zookeeper.stop('SIGKILL');
    directory[Symbol.dispose]();
  });

  const stop = async () => {
    await broker?.stop('SIGTERM');
    broker = undefined;
  };
  /** Apache's broker serves clients before its controller has told it of the topics. */
  const startApache = async (): Promise<Running> => {
    const started = await startApacheBroker(properties);
    const topics = async () => (await output('kcat', ['-b', bootstrap, '-L'])).match(/^ {2}topic "/gm)?.length;
    await expect.poll(topics, { timeout: 30_000 }).toBe(topicsIn(known) + 1);
    return started;
  };
  /** All that was there is as it was. */
  const check = async (who: string) => {
    const found = await contents(tools, bootstrap);
    for (const [what, value] of known) expect([what, found.get(what)]).toEqual([what, value]);
    console.log(
      `${who}: ${recordsIn(known)} records in ${topicsIn(known)} topics; topics, offsets and groups are as they were`,
    );
  };

  it("Apache's finds everything that this broker left after a clean stop", async () => {
    broker = await startOurs(properties);
    await mixedLoad(tools, bootstrap, 1);
    known = await contents(tools, bootstrap);
    await stop();
    broker = await startApache();
    await check("Apache's broker on our files");
    expect(broker.log).not.toMatch(
      /\b(WARN|ERROR)\b.*(LogLoader|UnifiedLog|LogManager|ProducerState|LogSegment|Group)/,
    );
    expect(broker.log).not.toMatch(/Recovering unflushed segment/);
  });

  it("this broker finds everything that Apache's left after a clean stop", async () => {
    await mixedLoad(tools, bootstrap, 2);
    known = await contents(tools, bootstrap);
    await stop();
    broker = await startOurs(properties);
    await check("our broker on Apache's files");
    expect(broker.log).not.toMatch(/\b(WARN|ERROR)\b/);
    await stop();
  });

  it('an idempotent producer and a group go on through all of it, nothing is lost or there twice', async () => {
    await stop();
    broker = await startOurs(properties);
    const to = ['--bootstrap-server', bootstrap, '--topic', 'through'];
    await tools.output('topics', [...to, '--create', '--partitions', '1']);
    known.set('records of through', '0');
    const program = path.join(peersDirectory, 'kafka');
    const config = path.join(directory.path, 'client.properties');
    writeProperties(config, {
      'enable.idempotence': 'true',
      retries: '2147483647',
      'reconnect.backoff.max.ms': '200',
      'retry.backoff.ms': '50',
    });
    await using producer = new Running(program, [
      ...['3.9', 'verifiable-producer', ...to, '--acks', '-1', '--throughput', '500', '--producer.config', config],
    ]);
    await using consumer = new Running(program, [
      ...['3.9', 'verifiable-consumer', ...to, '--group-id', 'through', '--reset-policy', 'earliest', '--verbose'],
    ]);
    const turns: string[] = [];
    for (const [end, start] of [
      ['SIGTERM', startApache],
      ['SIGTERM', () => startOurs(properties)],
      ['SIGKILL', () => startOurs(properties)],
      ['SIGTERM', startApache],
      ['SIGTERM', () => startOurs(properties)],
    ] as const) {
      const acked = producer.log.match(/producer_send_success/g)?.length ?? 0;
      await producer.printed(new RegExp(`"value":"${acked + 500}"`));
      await broker.stop(end);
      broker = await start();
      turns.push(end);
    }
    await producer.stop('SIGTERM');
    const acknowledged = [...producer.log.matchAll(/"producer_send_success".*"value":"(\d+)"/g)].map(
      ([, value]) => value,
    );
    const read = await output('kcat', ['-b', bootstrap, '-C', '-t', 'through', '-o', 'beginning', '-e', '-q']);
    const values = read.trimEnd().split('\n');
    expect(values).toEqual(values.map((_, at) => String(at)));
    expect(values.length).toBeGreaterThanOrEqual(acknowledged.length);
    expect(producer.log).not.toContain('producer_send_error');
    await consumer.printed(new RegExp(`"value":"${values.length - 1}"`));
    await consumer.stop('SIGTERM');
    console.log(
      `${turns.length} changes of broker: ${acknowledged.length} acknowledged, ${values.length} there, each once and in order`,
    );
    const describe = ['--bootstrap-server', bootstrap, '--describe', '--group', 'through'];
    const group = await tools.output('consumer-groups', describe);
    expect(group).toMatch(new RegExp(`^through +through +0 +${values.length} +${values.length} +0 `, 'm'));
    await stop();
  });
});
