import { describe, expect, it } from 'vitest';
import { BrokerConfig } from '../../../broker/src/config/broker-config';
import { decodeMessage, encodeToBuffer } from '../../../broker/src/protocol/codec';
import { ErrorCode } from '../../../broker/src/protocol/errors';
import { UpdateMetadataRequest } from '../../../broker/src/protocol/messages/update-metadata';
import type { InputOf } from '../../../broker/src/protocol/schema';
import { zeroUuid } from '../../../broker/src/protocol/uuid';
import { leaderDuringDelete, MetadataCache } from '../../../broker/src/replication/metadata-cache';
import type { AutoCreatedTopic } from '../../../broker/src/server/auto-topic-creation';
import type { BrokerContext } from '../../../broker/src/server/broker-context';
import { describeCluster } from '../../../broker/src/server/handlers/describe-cluster';
import { metadata } from '../../../broker/src/server/handlers/metadata';
import { AdminBed, until } from './admin-bed';
import { callHandler, versionsOf } from './call-handler';

const ordersId = 'AAAAAAAAAAAAAAAAAAAAAQ';
const offsetsId = 'AAAAAAAAAAAAAAAAAAAAAg';
const unknownId = 'AAAAAAAAAAAAAAAAAAAAAw';

interface PartitionInput {
  readonly leader: number;
  readonly replicas: readonly number[];
  readonly isr?: readonly number[];
  readonly offline?: readonly number[];
}

function topicState(topicName: string, topicId: string, partitions: readonly PartitionInput[]) {
  return {
    topicName,
    topicId,
    partitionStates: partitions.map(({ leader, replicas, isr = replicas, offline = [] }, partitionIndex) => ({
      partitionIndex,
      controllerEpoch: 1,
      leader,
      leaderEpoch: 5,
      isr,
      zkVersion: 0,
      replicas,
      offlineReplicas: offline,
    })),
  };
}

function liveBroker(id: number, listeners: readonly string[], rack: string | null = null) {
  return {
    id,
    rack,
    endpoints: listeners.map((listener) => ({
      listener,
      host: `${listener.toLowerCase()}-${id}`,
      port: 9000 + id,
      securityProtocol: 0,
    })),
  };
}

function update(cache: MetadataCache, request: Partial<InputOf<typeof UpdateMetadataRequest>>): void {
  const all = { controllerId: 1, controllerEpoch: 1, topicStates: [], liveBrokers: [], ...request };
  cache.update(decodeMessage(UpdateMetadataRequest, 8, encodeToBuffer(UpdateMetadataRequest, 8, all)));
}

/** Three brokers, of which the third has no EXTERNAL listener; `orders` with three partitions, and __consumer_offsets. */
function cluster({ properties = {} as Record<string, string>, controllerId = 1 } = {}) {
  const cache = new MetadataCache();
  update(cache, {
    controllerId,
    liveBrokers: [
      liveBroker(1, ['INTERNAL', 'EXTERNAL'], 'north'),
      liveBroker(2, ['INTERNAL', 'EXTERNAL']),
      liveBroker(3, ['INTERNAL']),
    ],
    topicStates: [
      topicState('orders', ordersId, [
        { leader: 1, replicas: [1, 2] },
        { leader: 3, replicas: [3, 2], isr: [3] },
        { leader: -1, replicas: [4, 1], isr: [4], offline: [4] },
      ]),
      topicState('__consumer_offsets', offsetsId, [{ leader: 2, replicas: [2] }]),
    ],
  });
  const created: string[][] = [];
  const broker = {
    clusterId: 'the-cluster',
    brokerId: 1,
    config: BrokerConfig.from(new Map(Object.entries({ 'zookeeper.connect': 'here', ...properties }))).config,
    metadata: cache,
    autoTopicCreation: {
      create(names: readonly string[]): Promise<AutoCreatedTopic[]> {
        created.push([...names]);
        return Promise.resolve(names.map((name) => ({ name, errorCode: ErrorCode.LEADER_NOT_AVAILABLE })));
      },
    },
  } as unknown as BrokerContext;
  return { broker, cache, created };
}

const named = (...names: string[]) => names.map((name) => ({ name, topicId: zeroUuid }));
const withIds = (...ids: string[]) => ids.map((topicId) => ({ name: null, topicId }));

describe('Metadata', () => {
  it.each(versionsOf(metadata))('of every topic, in version %i', async (version) => {
    const { broker } = cluster();
    const all = version === 0 ? [] : null;
    const response = await callHandler(metadata, broker, version, { topics: all }, 'INTERNAL');
    expect(response.brokers.map(({ nodeId, host, port }) => [nodeId, host, port])).toEqual([
      [1, 'internal-1', 9001],
      [2, 'internal-2', 9002],
      [3, 'internal-3', 9003],
    ]);
    expect(response.brokers[0].rack).toBe(version >= 1 ? 'north' : null);
    expect(response.clusterId).toBe(version >= 2 ? 'the-cluster' : null);
    expect(response.controllerId).toBe(version >= 1 ? 1 : -1);
    expect(response.topics.map(({ name, errorCode }) => [name, errorCode])).toEqual([
      ['orders', 0],
      ['__consumer_offsets', 0],
    ]);
    expect(response.topics.map(({ isInternal }) => isInternal)).toEqual([false, version >= 1]);
    expect(response.topics[0].topicId).toBe(version >= 10 ? ordersId : zeroUuid);
    const [first, second, third] = response.topics[0].partitions;
    expect(first).toEqual({
      errorCode: 0,
      partitionIndex: 0,
      leaderId: 1,
      leaderEpoch: version >= 7 ? 5 : -1,
      replicaNodes: [1, 2],
      isrNodes: [1, 2],
      offlineReplicas: [],
    });
    expect(second).toMatchObject({ errorCode: 0, leaderId: 3, replicaNodes: [3, 2], isrNodes: [3] });
    expect(third).toMatchObject({
      errorCode: ErrorCode.LEADER_NOT_AVAILABLE,
      leaderId: -1,
      replicaNodes: version === 0 ? [1] : [4, 1],
      isrNodes: version === 0 ? [] : [4],
      offlineReplicas: version >= 5 ? [4] : [],
    });
  });

  it('names no topic for an empty list, from version 1 on', async () => {
    const { broker } = cluster();
    expect((await callHandler(metadata, broker, 1, { topics: [] })).topics).toEqual([]);
  });

  it('shows brokers as the listener of the connection has them', async () => {
    const { broker } = cluster();
    const ask = (version: number) => callHandler(metadata, broker, version, { topics: named('orders') }, 'EXTERNAL');
    const response = await ask(12);
    expect(response.brokers.map(({ nodeId, host }) => [nodeId, host])).toEqual([
      [1, 'external-1'],
      [2, 'external-2'],
    ]);
    // The leader of partition 1 is there, but not for clients of this listener.
    const second = response.topics[0].partitions[1];
    expect(second).toMatchObject({ errorCode: ErrorCode.LISTENER_NOT_FOUND, leaderId: -1, replicaNodes: [3, 2] });
    expect((await ask(6)).topics[0].partitions[1].errorCode).toBe(ErrorCode.LISTENER_NOT_FOUND);
    expect((await ask(5)).topics[0].partitions[1].errorCode).toBe(ErrorCode.LEADER_NOT_AVAILABLE);
  });

  it('says in version 0 that replicas cannot be reached', async () => {
    const { broker, cache } = cluster();
    update(cache, {
      liveBrokers: [liveBroker(1, ['EXTERNAL']), liveBroker(3, ['INTERNAL'])],
      topicStates: [
        topicState('wide', unknownId, [
          { leader: 1, replicas: [1, 3] },
          { leader: 1, replicas: [1, 2], isr: [1], offline: [2] },
        ]),
      ],
    });
    const ask = (version: number) => callHandler(metadata, broker, version, { topics: named('wide') }, 'EXTERNAL');
    expect((await ask(0)).topics[0].partitions).toMatchObject([
      { errorCode: ErrorCode.REPLICA_NOT_AVAILABLE, leaderId: 1, replicaNodes: [1], isrNodes: [1] },
      { errorCode: ErrorCode.REPLICA_NOT_AVAILABLE, leaderId: 1, replicaNodes: [1], isrNodes: [1] },
    ]);
    expect((await ask(1)).topics[0].partitions).toMatchObject([
      { errorCode: 0, replicaNodes: [1, 3], isrNodes: [1, 3] },
      { errorCode: 0, replicaNodes: [1, 2], isrNodes: [1] },
    ]);
  });

  it('of named topics, each once', async () => {
    const { broker } = cluster();
    const topics = named('__consumer_offsets', 'orders', '__consumer_offsets');
    const response = await callHandler(metadata, broker, 12, { topics });
    expect(response.topics.map(({ name }) => name)).toEqual(['__consumer_offsets', 'orders']);
  });

  it('of topics by their ids', async () => {
    const { broker } = cluster();
    const response = await callHandler(metadata, broker, 12, { topics: withIds(unknownId, ordersId, ordersId) });
    expect(response.topics.map(({ name, topicId, errorCode }) => [name, topicId, errorCode])).toEqual([
      [null, unknownId, ErrorCode.UNKNOWN_TOPIC_ID],
      ['orders', ordersId, 0],
    ]);
  });

  it('forgets a deleted topic and its id', async () => {
    const { broker, cache } = cluster();
    const gone = [0, 1, 2].map(() => ({ leader: leaderDuringDelete, replicas: [] }));
    update(cache, { topicStates: [topicState('orders', ordersId, gone)] });
    const byId = await callHandler(metadata, broker, 12, { topics: withIds(ordersId) });
    expect(byId.topics).toMatchObject([{ errorCode: ErrorCode.UNKNOWN_TOPIC_ID }]);
    const byName = await callHandler(metadata, broker, 12, { topics: named('orders'), allowAutoTopicCreation: false });
    expect(byName.topics).toMatchObject([{ name: 'orders', errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION }]);
  });

  it.each([10, 11])('refuses ids in version %i, and topics without a name', async (version) => {
    const { broker } = cluster();
    for (const topics of [withIds(ordersId), [{ name: 'orders', topicId: ordersId }], withIds(zeroUuid)]) {
      const response = await callHandler(metadata, broker, version, { topics });
      expect(response.topics).toMatchObject([{ name: topics[0].name ?? '', errorCode: ErrorCode.INVALID_REQUEST }]);
    }
  });

  it('refuses a topic with neither name nor id in version 12', async () => {
    const { broker } = cluster();
    const response = await callHandler(metadata, broker, 12, { topics: withIds(zeroUuid) });
    expect(response.topics).toMatchObject([{ errorCode: ErrorCode.INVALID_REQUEST }]);
  });

  it('creates topics that are not there, where broker and client want it', async () => {
    for (const [properties, allowAutoTopicCreation, creates] of [
      [{}, true, true],
      [{}, false, false],
      [{ 'auto.create.topics.enable': 'false' }, true, false],
    ] as const) {
      const { broker, created } = cluster({ properties });
      const topics = named('orders', 'new', 'in/valid');
      const response = await callHandler(metadata, broker, 12, { topics, allowAutoTopicCreation });
      expect(created).toEqual(creates ? [['new', 'in/valid']] : []);
      expect(response.topics.map(({ name, errorCode }) => [name, errorCode])).toEqual([
        ['orders', 0],
        ['new', creates ? ErrorCode.LEADER_NOT_AVAILABLE : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
        ['in/valid', creates ? ErrorCode.LEADER_NOT_AVAILABLE : ErrorCode.INVALID_TOPIC_EXCEPTION],
      ]);
      expect(response.topics[1]).toMatchObject({ partitions: [], topicId: zeroUuid });
    }
  });

  it('creates topics for clients that cannot say whether they want it', async () => {
    const { broker, created } = cluster();
    await callHandler(metadata, broker, 3, { topics: named('new') });
    expect(created).toEqual([['new']]);
  });

  it('tells what a client may do only when asked', async () => {
    const { broker } = cluster();
    const topics = named('orders');
    const none = -2147483648;
    for (const version of [8, 9, 10, 11, 12]) {
      const quiet = await callHandler(metadata, broker, version, { topics });
      expect([quiet.clusterAuthorizedOperations, quiet.topics[0].topicAuthorizedOperations]).toEqual([none, none]);
      const told = await callHandler(metadata, broker, version, {
        topics,
        includeTopicAuthorizedOperations: true,
        ...(version <= 10 ? { includeClusterAuthorizedOperations: true } : {}),
      });
      // The bits of Kafka's AclOperation codes: 3 to 8, 10, 11 of a topic; 5, 7 to 12 of the cluster.
      expect(told.topics[0].topicAuthorizedOperations).toBe(0b1101_1111_1000);
      expect(told.clusterAuthorizedOperations).toBe(version <= 10 ? 0b1_1111_1010_0000 : none);
    }
  });

  it('has no controller while nobody is one', async () => {
    const { broker } = cluster({ controllerId: -1 });
    expect((await callHandler(metadata, broker, 12, { topics: [] })).controllerId).toBe(-1);
  });

  it('shows a topic that it creates as soon as the controller has done its part', async () => {
    await using bed = await AdminBed.start({ properties: { 'num.partitions': '2' } });
    const ask = async () => (await callHandler(metadata, bed.broker, 12, { topics: named('fresh') })).topics[0];
    expect(await ask()).toMatchObject({ errorCode: ErrorCode.LEADER_NOT_AVAILABLE, partitions: [] });
    await until(() => bed.metadata.topic('fresh') !== undefined);
    const fresh = await ask();
    expect(fresh).toMatchObject({ errorCode: 0, name: 'fresh' });
    expect(fresh.partitions).toMatchObject([{ leaderId: 0 }, { leaderId: 0 }]);
    expect(fresh.topicId).toBe((await bed.zk.getTopicAssignment('fresh'))!.topicId);
  });

  it('says that there are too few brokers for a topic', async () => {
    await using bed = await AdminBed.start({ properties: { 'default.replication.factor': '2' } });
    const response = await callHandler(metadata, bed.broker, 12, { topics: named('wide') });
    expect(response.topics).toMatchObject([{ name: 'wide', errorCode: ErrorCode.INVALID_REPLICATION_FACTOR }]);
  });
});

describe('DescribeCluster', () => {
  it.each(versionsOf(describeCluster))('in version %i', async (version) => {
    const { broker } = cluster();
    const request = { includeClusterAuthorizedOperations: false };
    expect(await callHandler(describeCluster, broker, version, request, 'EXTERNAL')).toEqual({
      throttleTimeMs: 0,
      errorCode: 0,
      errorMessage: null,
      endpointType: 1,
      clusterId: 'the-cluster',
      controllerId: 1,
      brokers: [
        { brokerId: 1, host: 'external-1', port: 9001, rack: 'north' },
        { brokerId: 2, host: 'external-2', port: 9002, rack: null },
      ],
      clusterAuthorizedOperations: -2147483648,
    });
  });

  it('names no controller that the client cannot reach', async () => {
    const { broker } = cluster({ controllerId: 3 });
    const request = { includeClusterAuthorizedOperations: true };
    const external = await callHandler(describeCluster, broker, 1, request, 'EXTERNAL');
    expect(external).toMatchObject({ controllerId: -1, clusterAuthorizedOperations: 0b1_1111_1010_0000 });
    expect((await callHandler(describeCluster, broker, 1, request, 'INTERNAL')).controllerId).toBe(3);
  });

  it('knows no endpoints of controllers', async () => {
    const { broker } = cluster();
    const ask = (endpointType: number) =>
      callHandler(describeCluster, broker, 1, { includeClusterAuthorizedOperations: false, endpointType });
    expect(await ask(2)).toMatchObject({
      errorCode: ErrorCode.MISMATCHED_ENDPOINT_TYPE,
      errorMessage: 'The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type CONTROLLER',
    });
    expect(await ask(7)).toMatchObject({
      errorCode: ErrorCode.UNSUPPORTED_ENDPOINT_TYPE,
      errorMessage: 'Unsupported endpoint type 7',
    });
  });
});
