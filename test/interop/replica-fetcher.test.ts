import { mkdirSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nodeIo } from '../../broker/src/io/node';
import { defaultLogConfig } from '../../broker/src/log/log-config';
import type { LogManager } from '../../broker/src/log/log-manager';
import { silentLogger } from '../../broker/src/logging/logger';
import { ClientConnection } from '../../broker/src/network/client-connection';
import { Apis } from '../../broker/src/protocol/api-keys';
import { ReplicaFetcherManager } from '../../broker/src/replication/replica-fetcher-manager';
import { ZooKeeperServer } from '../../broker/src/zookeeper/server/zookeeper-server';
import { append, batchOf, openManager } from '../broker/log/support';
import { Follower } from '../broker/replication/follower-bed';
import { freePort, type Running, startApacheBroker, temporaryDirectory, writeProperties } from './harness';
import { ApacheTools } from './tool-runner';

const io = nodeIo();
const directory = temporaryDirectory();
let tools: ApacheTools;
let zookeeper: ZooKeeperServer;
let broker: Running;
let port: number;

beforeAll(async () => {
  tools = new ApacheTools('3.9');
  zookeeper = await ZooKeeperServer.start(io, silentLogger);
  port = await freePort();
  mkdirSync(path.join(directory.path, 'apache'));
  const file = path.join(directory.path, 'apache.properties');
  writeProperties(file, {
    'broker.id': '0',
    listeners: `PLAINTEXT://127.0.0.1:${port}`,
    'log.dirs': path.join(directory.path, 'apache'),
    'zookeeper.connect': `127.0.0.1:${zookeeper.port}`,
  });
  broker = await startApacheBroker(file);
});

afterAll(async () => {
  await tools[Symbol.asyncDispose]();
  await broker[Symbol.asyncDispose]();
  await zookeeper.close();
  directory[Symbol.dispose]();
});

async function call(tool: string, args: readonly string[], input?: string): Promise<string> {
  const server = tool === 'producer-perf' ? [] : ['--bootstrap-server', `127.0.0.1:${port}`];
  const { status, stdout, stderr } = await tools.call(tool, [...server, ...args], input === undefined ? {} : { input });
  expect([status, stderr]).toEqual([0, '']);
  return stdout;
}

const produce = (topic: string, records: number, codec: string) =>
  call('producer-perf', [
    ...['--topic', topic, '--num-records', String(records), '--record-size', '100', '--throughput', '-1'],
    ...['--producer-props', `bootstrap.servers=127.0.0.1:${port}`, `compression.type=${codec}`],
  ]);

async function until(condition: () => boolean, what: string): Promise<void> {
  for (const deadline = performance.now() + 60_000; !condition();) {
    if (performance.now() > deadline) throw new Error(`it did not happen: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Broker 9, of which Apache's broker knows by the assignment of replicas only. */
async function follower(name: string, topic: string, interBrokerProtocolVersion: string, partitions = 3) {
  const connect = (clientId: string) =>
    ClientConnection.connect(io, { host: '127.0.0.1', port, clientId, connectTimeoutMs: 10_000 });
  const client = await connect('test');
  await client.negotiate();
  const version = client.versionOf(Apis.Metadata);
  const metadata = await client.send(Apis.Metadata, version, { topics: [{ name: topic }] });
  client.close();
  const { topicId } = metadata.topics[0];
  const config = { ...defaultLogConfig, segmentBytes: 400_000 };
  mkdirSync(path.join(directory.path, name));
  const logs: LogManager = await openManager(path.join(directory.path, name), { config });
  const fetchers = new ReplicaFetcherManager<Follower>(io, silentLogger, {
    brokerId: 9,
    brokerEpoch: () => -1n,
    numFetchers: 2,
    fetchWaitMaxMs: 100,
    fetchMinBytes: 1,
    fetchMaxBytes: 1_048_576,
    fetchResponseMaxBytes: 10_485_760,
    fetchBackoffMs: 100,
    socketTimeoutMs: 30_000,
    interBrokerProtocolVersion,
    connect: (_, clientId) => connect(clientId),
    followerAppended: () => {},
  });
  const replicas: Follower[] = [];
  for (let partition = 0; partition < partitions; partition++) {
    const log = await logs.getOrCreate({ topic, partition }, topicId);
    replicas.push(new Follower(topic, partition, topicId, log, 0));
  }
  const leader = { id: 0, host: '127.0.0.1', port };
  return {
    replicas,
    fetchers,
    follow: () => fetchers.add(replicas.map((partition) => ({ partition, leader }))),
    async stop() {
      await fetchers.shutdown();
      await logs.shutdown();
    },
  };
}

function apacheLog(topic: string, partition: number): Buffer {
  const of = path.join(directory.path, 'apache', `${topic}-${partition}`);
  const segments = readdirSync(of).filter((file) => file.endsWith('.log'));
  return Buffer.concat(segments.sort().map((file) => readFileSync(path.join(of, file))));
}

function ourLog({ log }: Follower): Buffer {
  const segments = readdirSync(log.path).filter((file) => file.endsWith('.log'));
  return Buffer.concat(segments.sort().map((file) => readFileSync(path.join(log.path, file))));
}

describe.each([
  ['3.9', 17],
  ['3.4', 13],
  ['2.6', 11],
])('A follower of an Apache broker, at inter.broker.protocol.version %s', (version) => {
  it('has its records byte by byte, and cuts what the leader has not', async () => {
    const topic = `followed-${version}`;
    await call('topics', ['--create', '--topic', topic, '--replica-assignment', '0:9,0:9,0:9']);
    await produce(topic, 30_000, 'lz4');
    const ours = await follower(`ours-${version}`, topic, version);
    try {
      ours.follow();
      const same = () => ours.replicas.every((each) => ourLog(each).equals(apacheLog(topic, each.partition)));
      await until(same, 'having the same bytes');
      expect(ours.replicas.reduce((sum, { log }) => sum + log.logEndOffset, 0)).toBe(30_000);

      // While it is being fetched, in a session.
      await produce(topic, 20_000, 'none');
      await until(same, 'having the same bytes again');
      expect(ours.replicas.reduce((sum, { log }) => sum + log.logEndOffset, 0)).toBe(50_000);
      await until(() => ours.fetchers.maxLag === 0, 'catching up');
      expect(ours.fetchers.failedPartitions).toEqual([]);

      await ours.fetchers.remove(ours.replicas);
      for (const { log } of ours.replicas) await append(log, batchOf(['never acknowledged', 'nor this']));
      expect(same()).toBe(false);
      ours.follow();
      await until(same, 'cutting what the leader does not have');
    } finally {
      await ours.stop();
    }
  });
});
