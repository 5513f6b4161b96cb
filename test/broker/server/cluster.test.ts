import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Apis } from '../../../broker/src/protocol/api-keys';
import { zeroUuid } from '../../../broker/src/protocol/uuid';
import { buildBatch } from '../../../broker/src/records/build-batch';
import { startCluster, type TestCluster } from '../../../broker/src/testing';
import { batchOf, BrokerClient, nameOf } from './broker-client';
import { recordingLogger } from './recording-logger';
import { pause, RetryingClient, soon } from './retrying-client';

/** What a producer retries by default. */
const retriable = [
  'NOT_LEADER_OR_FOLLOWER',
  'UNKNOWN_TOPIC_OR_PARTITION',
  'disconnected',
  'NOT_ENOUGH_REPLICAS',
  'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
];

describe('Three brokers', () => {
  const logger = recordingLogger('error');
  const directory = mkdtempSync(join(tmpdir(), 'odradek-three-'));
  let cluster: TestCluster;
  let client: RetryingClient;

  beforeAll(async () => {
    cluster = await startCluster({ brokers: 3, logger, directory, config: { 'min.insync.replicas': 2 } });
    client = new RetryingClient(cluster);
  });
  afterAll(async () => {
    await cluster.close();
    rmSync(directory, { recursive: true });
  });

  it('know each other, and one of them is the controller for all', async () => {
    const seen = await Promise.all(
      cluster.brokers.map(({ bootstrapServers }) =>
        BrokerClient.connect(bootstrapServers).then(async (each) => {
          using open = each;
          const { controllerId, brokers } = await open.send(Apis.Metadata, 12, { topics: [] });
          const described = await open.send(Apis.DescribeCluster, 1, {
            includeClusterAuthorizedOperations: false,
            endpointType: 1,
          });
          expect(described.controllerId).toBe(controllerId);
          expect(described.brokers.map(({ brokerId }) => brokerId).toSorted()).toEqual([0, 1, 2]);
          return [controllerId, ...brokers.map(({ nodeId }) => nodeId).toSorted()];
        }),
      ),
    );
    expect(new Set(seen.map((each) => each.join())).size).toBe(1);
    expect(seen[0].slice(1)).toEqual([0, 1, 2]);
  });

  it('answer NOT_CONTROLLER to what only the controller does', async () => {
    const { controllerId } = await client.metadata('none');
    const other = (controllerId + 1) % 3;
    using open = await BrokerClient.connect(cluster.brokers[other].bootstrapServers);
    const timeoutMs = 1000;
    const topic = { name: 'nowhere', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] };
    const answers = [
      (await open.send(Apis.CreateTopics, 7, { topics: [topic], timeoutMs, validateOnly: false })).topics[0],
      (await open.send(Apis.DeleteTopics, 6, { topics: [{ name: 'nowhere', topicId: zeroUuid }], timeoutMs }))
        .responses[0],
      (
        await open.send(Apis.CreatePartitions, 3, {
          topics: [{ name: 'nowhere', count: 2, assignments: null }],
          timeoutMs,
          validateOnly: false,
        })
      ).results[0],
      await open.send(Apis.AlterPartitionReassignments, 0, { timeoutMs, topics: [] }),
      await open.send(Apis.ListPartitionReassignments, 0, { timeoutMs, topics: null }),
      await open.send(Apis.AlterPartition, 3, { brokerId: other, topics: [] }),
      await open.send(Apis.AllocateProducerIds, 0, { brokerId: other }),
      await open.send(Apis.UpdateFeatures, 1, { timeoutMs, featureUpdates: [], validateOnly: true }),
      (
        await open.send(Apis.ElectLeaders, 2, {
          electionType: 0,
          topicPartitions: [{ topic: 'nowhere', partitions: [0] }],
          timeoutMs,
        })
      ).replicaElectionResults[0].partitionResult[0],
    ];
    expect(answers.map(nameOf)).toEqual(answers.map(() => 'NOT_CONTROLLER'));
    const shutdown = await open.send(Apis.ControlledShutdown, 3, { brokerId: other, brokerEpoch: 1n });
    expect(nameOf(shutdown)).toBe('STALE_CONTROLLER_EPOCH');
  });

  it('give every idempotent producer an id of its own, whichever is asked', async () => {
    const ids = await Promise.all(
      [0, 1, 2, 0, 1, 2].map((id) =>
        client.withBroker(id, async (open) => {
          const answer = await open.send(Apis.InitProducerId, 4, {
            transactionalId: null,
            transactionTimeoutMs: 60_000,
          });
          expect(nameOf(answer)).toBe('NONE');
          return answer.producerId;
        }),
      ),
    );
    expect(new Set(ids).size).toBe(6);
  });

  it('keep the same bytes, and take over from each other as they go and come back', async () => {
    await client.createTopic('relay', 1);
    const sent: string[] = [];
    const errors = new Set<string>();
    const send = async (count: number): Promise<void> => {
      for (let i = 0; i < count; i++) {
        const value = `v${sent.length}`;
        const result = await client.produce('relay', () => batchOf(value));
        sent.push(value);
        for (const error of result.errors) errors.add(error);
      }
    };
    await send(20);
    const ways = [
      (id: number) => cluster.stop(id),
      (id: number) => cluster.brokers[id].close({ controlled: false }),
      (id: number) => cluster.kill(id),
    ];
    for (const end of ways) {
      const leader = await client.leader('relay');
      const going = end(leader);
      await send(20);
      await going;
      expect(await client.leader('relay')).not.toBe(leader);
      await send(20);
      await cluster.restart(leader);
      await client.allInSync('relay');
    }
    const read = await client.read('relay');
    // A record may be there twice when the answer to it was lost, as without idempotence; none is missing.
    expect(read.filter((value, i) => value !== read[i - 1])).toEqual(sent);
    expect([...errors].filter((error) => !retriable.includes(error))).toEqual([]);
    expect(logsOf(directory, 'relay-0').size).toBe(1);
  });

  it('hand leaderships over before they go, so that nobody waits for a session to end', async () => {
    await client.createTopic('handed', 6);
    await client.allInSync('handed');
    const gone = 1;
    await cluster.stop(gone);
    const partitions = async () => (await client.metadata('handed')).topics[0].partitions;
    // The controller has done it before the broker is gone; the others hear of it by and by.
    await soon(async () =>
      (await partitions()).filter(({ leaderId, isrNodes }) => leaderId === gone || isrNodes.includes(gone)),
    ).toEqual([]);
    expect((await partitions()).map(({ errorCode }) => errorCode)).toEqual([0, 0, 0, 0, 0, 0]);
    await soon(async () => (await client.metadata('handed')).brokers.length).toBe(2);
    await soon(async () => (await partitions()).map(({ offlineReplicas }) => offlineReplicas)).toEqual([
      [gone],
      [gone],
      [gone],
      [gone],
      [gone],
      [gone],
    ]);
    await cluster.restart(gone);
    await client.allInSync('handed');
  });

  it('write what an idempotent producer repeats once, also where another leads by then', async () => {
    await client.createTopic('once', 1);
    const { producerId, producerEpoch } = await client.withBroker(0, (open) =>
      open.send(Apis.InitProducerId, 4, { transactionalId: null, transactionTimeoutMs: 60_000 }),
    );
    const batch = (sequence: number): Buffer =>
      buildBatch({ records: [{ value: `s${sequence}` }], producerId, producerEpoch, baseSequence: sequence });
    const offsets: number[] = [];
    for (let sequence = 0; sequence < 3; sequence++) {
      offsets.push((await client.produce('once', () => batch(sequence))).offset);
    }
    const leader = await client.leader('once');
    await cluster.stop(leader);
    // The answer to the last one was lost, say.
    expect((await client.produce('once', () => batch(2))).offset).toBe(offsets[2]);
    expect((await client.produce('once', () => batch(3))).offset).toBe(3);
    await cluster.restart(leader);
    await client.allInSync('once');
    expect(logsOf(directory, 'once-0').size).toBe(1);
  });

  it('refuse acks=all when too few replicas are left, and take acks=1', async () => {
    await client.createTopic('few', 1);
    await client.allInSync('few');
    const leader = await client.leader('few');
    const others = [0, 1, 2].filter((id) => id !== leader);
    for (const id of others) await cluster.stop(id);
    await soon(async () => (await client.partition('few'))?.isrNodes).toEqual([leader]);
    const { refused, taken } = await client.withBroker(leader, async (open) => ({
      refused: await open.produce('few', batchOf('all')),
      taken: await open.produce('few', batchOf('one'), { acks: 1 }),
    }));
    expect([nameOf(refused), nameOf(taken)]).toEqual(['NOT_ENOUGH_REPLICAS', 'NONE']);
    for (const id of others) await cluster.restart(id);
    await client.allInSync('few');
    await client.withBroker(await client.leader('few'), async (open) => {
      expect(nameOf(await open.produce('few', batchOf('all again')))).toBe('NONE');
    });
  });

  it('move a group to another coordinator, with what it has committed', async () => {
    const groupId = 'movers';
    const find = async (): Promise<number> => {
      for (;;) {
        for (const { bootstrapServers } of cluster.brokers) {
          const open = await BrokerClient.connect(bootstrapServers).catch(() => undefined);
          if (!open) continue;
          using connected = open;
          const { coordinators } = await connected.send(Apis.FindCoordinator, 4, {
            keyType: 0,
            coordinatorKeys: [groupId],
          });
          if (nameOf(coordinators[0]) === 'NONE') return coordinators[0].nodeId;
        }
        await pause();
      }
    };
    const committed = async (id: number): Promise<number | undefined> =>
      client.withBroker(id, async (open) => {
        const { groups } = await open.send(Apis.OffsetFetch, 8, {
          groups: [{ groupId, topics: null }],
          requireStable: false,
        });
        if (nameOf(groups[0]) !== 'NONE') return undefined;
        return groups[0].topics[0]?.partitions[0].committedOffset;
      });
    await client.createTopic('read', 1);
    const first = await find();
    await soon(() =>
      client.withBroker(first, async (open) => {
        const { topics } = await open.send(Apis.OffsetCommit, 8, {
          groupId,
          generationIdOrMemberEpoch: -1,
          memberId: '',
          groupInstanceId: null,
          topics: [{ name: 'read', partitions: [{ partitionIndex: 0, committedOffset: 7, committedMetadata: null }] }],
        });
        return nameOf(topics[0].partitions[0]);
      }),
    ).toBe('NONE');
    expect(await committed(first)).toBe(7);
    await cluster.stop(first);
    await soon(find).not.toBe(first);
    const second = await find();
    await soon(() => committed(second)).toBe(7);
    await cluster.restart(first);
  });

  it('have said nothing of errors', () => {
    expect(logger.lines).toEqual([]);
  });
});

/** The contents of a partition's first segment, on every broker. */
function logsOf(directory: string, partition: string): Set<string> {
  const [cluster] = readdirSync(directory);
  const logs = readdirSync(join(directory, cluster))
    .filter((name) => name.startsWith('broker-'))
    .map((broker) =>
      readFileSync(join(directory, cluster, broker, partition, '00000000000000000000.log')).toString('hex'),
    );
  expect(logs).toHaveLength(3);
  expect(logs[0]).not.toBe('');
  return new Set(logs);
}
