import { nodeIo } from '../src/io/node';
import { silentLogger } from '../src/logging/logger';
import { ClientConnection } from '../src/network/client-connection';
import { Apis } from '../src/protocol/api-keys';
import { ErrorCode } from '../src/protocol/errors';
import { buildBatch } from '../src/records/build-batch';
import { KafkaZkClient } from '../src/zookeeper/kafka-zk-client';
import { benchControllerFailover } from './controller-failover';
import { compile, json, kill, pause, say } from './processes';
import { createTopic, type Kind, startCluster, startServer, type Target } from './targets';
import { type Flags, isWanted, measure, type Result } from './workload';

const io = nodeIo();

const clusterProperties = {
  'default.replication.factor': 3,
  'min.insync.replicas': 2,
  'offsets.topic.replication.factor': 3,
  'zookeeper.session.timeout.ms': 6000,
};

/** Three brokers of each kind: replication, failover, the controller's work. */
export async function benchThreeBrokers(
  flags: Flags,
  kinds: readonly Kind[],
  zookeeperPort: number,
): Promise<Result[]> {
  const { scale } = flags;
  const rdkafka = compile('rdkafka', '-lrdkafka');
  const targets: Target[] = [];
  const chroots = new Map<Target, string>();
  for (const kind of kinds) {
    const target = await startCluster(kind, 3, zookeeperPort, `${kind}-three`, clusterProperties);
    targets.push(target);
    chroots.set(target, `127.0.0.1:${zookeeperPort}/${kind}-three`);
  }
  const results: Result[] = [];
  const produce = (target: Target, topic: string, records: number, size: number, perBatch: number) =>
    json(rdkafka, 'produce', target.address, topic, Math.round(records * scale), size, -1, perBatch);
  for (const [size, perBatch, records] of [
    [100, 10_000, 2_000_000],
    [1024, 900, 300_000],
    [100, 100, 1_000_000],
  ] as const) {
    results.push(
      ...(await measure(flags, {
        name: `acks=all, RF 3, min ISR 2: ${size} B, ${perBatch} records a batch`,
        targets,
        figure: 'recordsPerSecond',
        run: async (target, round) => {
          const topic = `replicated-${size}-${perBatch}-${round}`;
          await createTopic(target, topic, 1, 3);
          return produce(target, topic, records, size, perBatch);
        },
      })),
    );
  }
  for (const [what, figure] of [
    ['p50', 'p50Micros'],
    ['p99', 'p99Micros'],
  ] as const) {
    results.push(
      ...(await measure(flags, {
        name: `latency acks=all, RF 3 ${what}`,
        targets,
        figure,
        run: (target) => json(rdkafka, 'latency', target.address, 'latency', Math.round(5_000 * scale), 100, -1),
      })),
    );
  }
  const [ours] = targets;
  results.push(
    ...(await measure(flags, {
      name: 'acks=all with one follower (bare limit: without)',
      targets: [ours, { ...ours, name: 'bare' }],
      figure: 'recordsPerSecond',
      run: async (target, round) => {
        const topic = `followers-${target.name}-${round}`;
        await createTopic(target, topic, 1, target.name === 'bare' ? 1 : 2);
        // Without a follower min ISR 2 could not be met: as many copies as there are count.
        return produce(target, topic, 2_000_000, 100, 10_000);
      },
    })),
    ...(await measure(flags, {
      name: 'a topic of 1,000 partitions, RF 3, until all have leaders',
      targets,
      figure: 'ms',
      run: async (target, round) => ({ ms: await timeTopicCreation(target, `wide-${round}`, 1000) }),
    })),
    ...(await measure(flags, {
      name: 'kill -9 of a leader: from the end of its session to the next acknowledged record',
      targets,
      figure: 'ms',
      run: async (target, round) => ({ ms: await timeFailover(target, chroots.get(target)!, `failover-${round}`) }),
    })),
  );
  for (const { brokers } of targets) for (const broker of brokers) broker.process.kill('SIGKILL');
  const failover = 'controller failover, 10,000 partitions, until every broker is told';
  if (isWanted(flags, failover)) {
    results.push(...(await benchControllerFailover(flags, kinds, zookeeperPort, failover)));
  }
  say('the clusters are done');
  return results;
}

function connect(address: string): Promise<ClientConnection> {
  const [host, port] = address.split(':');
  return ClientConnection.connect(io, { host, port: Number(port), clientId: 'bench', requestTimeoutMs: 60_000 });
}

interface Seen {
  readonly controllerId: number;
  readonly leaders: readonly number[];
}

/** What a broker says of a topic. */
async function metadata(connection: ClientConnection, topic: string): Promise<Seen> {
  const { controllerId, topics } = await connection.send(Apis.Metadata, 8, {
    topics: [{ name: topic }],
    allowAutoTopicCreation: false,
  });
  return { controllerId, leaders: topics[0].partitions.map(({ leaderId }) => leaderId) };
}

async function timeTopicCreation(target: Target, topic: string, partitions: number): Promise<number> {
  const connections = await Promise.all(target.brokers.map(({ address }) => connect(address)));
  try {
    const { controllerId } = await metadata(connections[0], 'no-such-topic');
    const controller = connections[target.brokers.findIndex(({ id }) => id === controllerId)];
    const startedAt = performance.now();
    const { topics } = await controller.send(Apis.CreateTopics, 5, {
      topics: [{ name: topic, numPartitions: partitions, replicationFactor: 3, assignments: [], configs: [] }],
      timeoutMs: 60_000,
    });
    if (topics[0].errorCode !== ErrorCode.NONE) throw new Error(`${target.name}: ${topics[0].errorMessage}`);
    for (const connection of connections) {
      for (;;) {
        const { leaders } = await metadata(connection, topic);
        if (leaders.length === partitions && leaders.every((leader) => leader >= 0)) break;
        await pause(5);
      }
    }
    return performance.now() - startedAt;
  } finally {
    for (const connection of connections) connection.close();
  }
}

/** Kills the leader, and starts it again afterwards. */
async function timeFailover(target: Target, zookeeper: string, topic: string): Promise<number> {
  await createTopic(target, topic, 1, 3);
  const { brokers } = target;
  const connections = await Promise.all(brokers.map(({ address }) => connect(address)));
  const zk = new KafkaZkClient(io, silentLogger, {
    connectString: zookeeper,
    sessionTimeoutMs: 30_000,
    connectionTimeoutMs: 10_000,
  });
  await zk.connect();
  try {
    const before = (await metadata(connections[0], topic)).leaders[0];
    const survivors = brokers.map((_, i) => i).filter((i) => brokers[i].id !== before);
    const killed = brokers.find(({ id }) => id === before)!;
    if (!(await isAcknowledged(connections[brokers.indexOf(killed)], topic))) throw new Error('the leader refuses');
    await kill(killed.process);
    while ((await zk.getBrokerIds()).includes(before)) await pause(2);
    const startedAt = performance.now();
    let ms = 0;
    while (ms === 0) {
      const [leader] = (await metadata(connections[survivors[0]], topic)).leaders;
      const at = survivors.find((i) => brokers[i].id === leader);
      if (at !== undefined && (await isAcknowledged(connections[at], topic))) ms = performance.now() - startedAt;
      else if (performance.now() - startedAt > 60_000) throw new Error(`${target.name}: no leader within a minute`);
      else await pause(1);
    }
    killed.process = startServer(target.name as Kind, killed.file);
    const isr = async (): Promise<number> => (await zk.getPartitionState({ topic, partition: 0 }))?.isr.length ?? 0;
    while ((await isr()) < 3) await pause(50);
    // The controller gives leaderships back now and then: not in the middle of the next round.
    await pause(1000);
    return ms;
  } finally {
    await zk.close();
    for (const connection of connections) connection.close();
  }
}

async function isAcknowledged(connection: ClientConnection, topic: string): Promise<boolean> {
  const records = buildBatch({ records: [{ key: null, value: Buffer.from('x'), timestamp: Date.now(), headers: [] }] });
  const { responses } = await connection.send(Apis.Produce, 8, {
    transactionalId: null,
    acks: -1,
    timeoutMs: 10_000,
    topicData: [{ name: topic, partitionData: [{ index: 0, records }] }],
  });
  return responses[0].partitionResponses[0].errorCode === ErrorCode.NONE;
}
