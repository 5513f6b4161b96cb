/** The servers that are compared. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { directory, freePort, pause, residentBytes, root, type Running, say, start } from './processes';

export type Kind = 'odradek' | 'apache';

/** A server under load, or several that are one cluster. */
export interface Target {
  readonly name: Kind | 'bare';
  /** bootstrap.servers */
  readonly address: string;
  readonly brokers: readonly Broker[];
}

export interface Broker {
  readonly id: number;
  readonly address: string;
  readonly file: string;
  process: Running;
  /** From its start to the first answer to Metadata, milliseconds. */
  readonly startMs: number;
  readonly idleBytes: number;
}

/** One Metadata v1 for no topic in particular: true when an answer came. */
function answersMetadata(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1', () => {
      const request = Buffer.from([0, 0, 0, 14, 0, 3, 0, 1, 0, 0, 0, 1, 0xff, 0xff, 0, 0, 0, 0]);
      socket.write(request);
    });
    socket.setTimeout(2000, () => socket.destroy());
    socket.once('data', () => {
      resolve(true);
      socket.destroy();
    });
    socket.once('error', () => resolve(false));
    socket.once('close', () => resolve(false));
  });
}

async function untilAnswering(port: number, child: Running, startedAt: number): Promise<number> {
  for (;;) {
    if (child.exitCode !== null) throw new Error(`the server ended:\n${child.log}`);
    if (await answersMetadata(port)) return performance.now() - startedAt;
    if (performance.now() - startedAt > 60_000) throw new Error(`no answer within a minute:\n${child.log}`);
    await pause(2);
  }
}

/** This project's ZooKeeper server; returns its port. */
export async function startZooKeeper(): Promise<number> {
  const port = await freePort();
  const data = path.join(directory, `zookeeper-${port}`);
  const odradek = path.join(root, 'broker/bin/odradek.js');
  start(process.execPath, [odradek, 'zookeeper', '--port', String(port), '--data-dir', data]);
  const since = performance.now();
  const isUp = (): Promise<boolean> =>
    new Promise((resolve) => {
      const socket = net.connect(port, '127.0.0.1', () => {
        socket.destroy();
        resolve(true);
      });
      socket.on('error', () => resolve(false));
    });
  while (!(await isUp())) {
    if (performance.now() - since > 20_000) throw new Error('ZooKeeper did not start');
    await pause(50);
  }
  return port;
}

export function startServer(kind: Kind, file: string): Running {
  return kind === 'odradek'
    ? start(process.execPath, [path.join(root, 'broker/bin/odradek.js'), 'broker', file])
    : start(path.join(root, 'test/peers/kafka'), ['3.9', 'server', file], { KAFKA_HEAP: '-Xms1G -Xmx1G' });
}

export interface BrokerSettings {
  readonly id: number;
  /** host:port/chroot */
  readonly zookeeper: string;
  readonly properties: Readonly<Record<string, string | number>>;
}

export async function startBroker(kind: Kind, settings: BrokerSettings): Promise<Broker> {
  const { id, zookeeper, properties } = settings;
  const port = await freePort();
  const address = `127.0.0.1:${port}`;
  const name = `${zookeeper.split('/')[1]}-${id}`;
  const file = path.join(directory, `${name}.properties`);
  const all = {
    'broker.id': id,
    listeners: `PLAINTEXT://${address}`,
    'log.dirs': path.join(directory, `${name}-logs`),
    'zookeeper.connect': zookeeper,
    'offsets.topic.num.partitions': 1,
    'group.initial.rebalance.delay.ms': 0,
    'log.retention.check.interval.ms': 86_400_000,
    ...properties,
  };
  fs.writeFileSync(
    file,
    Object.entries(all)
      .map(([key, value]) => `${key}=${value}\n`)
      .join(''),
  );
  const startedAt = performance.now();
  const child = startServer(kind, file);
  const startMs = await untilAnswering(port, child, startedAt);
  await pause(1000);
  return { id, address, file, process: child, startMs, idleBytes: residentBytes(child.pid!) };
}

/** Stops it in order and starts it again; resolves when it answers. */
export async function restartBroker(kind: Kind, broker: Broker): Promise<void> {
  const ended = new Promise((resolve) => broker.process.on('exit', resolve));
  broker.process.kill('SIGTERM');
  await ended;
  const startedAt = performance.now();
  broker.process = startServer(kind, broker.file);
  await untilAnswering(Number(broker.address.split(':')[1]), broker.process, startedAt);
}

/** The kinds of broker that this machine has. */
export function kinds(withApache: boolean): readonly Kind[] {
  if (!withApache) return ['odradek'];
  try {
    execFileSync(path.join(root, 'test/peers/install'), ['3.9'], { stdio: ['ignore', 'ignore', 'inherit'] });
    return ['odradek', 'apache'];
  } catch (error) {
    say(`without Apache Kafka: ${(error as Error).message.split('\n')[0]}`);
    return ['odradek'];
  }
}

/** A cluster on a chroot of its own. */
export async function startCluster(
  kind: Kind,
  brokers: number,
  zookeeperPort: number,
  chroot: string,
  properties: BrokerSettings['properties'],
): Promise<Target> {
  say(`starting ${brokers === 1 ? 'a broker' : `${brokers} brokers`} of ${kind}`);
  const started: Broker[] = [];
  for (let id = 0; id < brokers; id++) {
    started.push(await startBroker(kind, { id, zookeeper: `127.0.0.1:${zookeeperPort}/${chroot}`, properties }));
  }
  return { name: kind, address: started.map(({ address }) => address).join(','), brokers: started };
}

/** Returns when every partition has a leader. */
export async function createTopic(target: Target, topic: string, partitions: number, replicas = 1): Promise<void> {
  const { Kafka, logLevel } = await import('kafkajs');
  const brokers = target.address.split(',');
  const admin = new Kafka({ brokers, requestTimeout: 90_000, logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  await admin.createTopics({
    topics: [{ topic, numPartitions: partitions, replicationFactor: replicas }],
    waitForLeaders: true,
    timeout: 60_000,
  });
  await admin.disconnect();
}
