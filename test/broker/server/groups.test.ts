import { describe, expect, it } from 'vitest';
import { BrokerConfig } from '../../../broker/src/config/broker-config';
import { groupCoordinatorOptions, type LegacyOffsets } from '../../../broker/src/groups/group-coordinator-options';
import { silentLogger, type Logger } from '../../../broker/src/logging/logger';
import { decodeMessage, encodeToBuffer } from '../../../broker/src/protocol/codec';
import { ErrorCode, KafkaError } from '../../../broker/src/protocol/errors';
import { UpdateMetadataRequest } from '../../../broker/src/protocol/messages/update-metadata';
import { zeroUuid } from '../../../broker/src/protocol/uuid';
import { groupMetadataTopic } from '../../../broker/src/replication/internal-topics';
import { leaderDuringDelete, MetadataCache } from '../../../broker/src/replication/metadata-cache';
import type { BrokerContext } from '../../../broker/src/server/broker-context';
import { deleteGroups } from '../../../broker/src/server/handlers/delete-groups';
import { describeGroups } from '../../../broker/src/server/handlers/describe-groups';
import { findCoordinator } from '../../../broker/src/server/handlers/find-coordinator';
import { heartbeat } from '../../../broker/src/server/handlers/heartbeat';
import { joinGroup } from '../../../broker/src/server/handlers/join-group';
import { leaveGroup } from '../../../broker/src/server/handlers/leave-group';
import { listGroups } from '../../../broker/src/server/handlers/list-groups';
import { offsetCommit } from '../../../broker/src/server/handlers/offset-commit';
import { offsetDelete } from '../../../broker/src/server/handlers/offset-delete';
import { offsetFetch } from '../../../broker/src/server/handlers/offset-fetch';
import { syncGroup } from '../../../broker/src/server/handlers/sync-group';
import { protocol, sessionTimeoutMs, startMs, TestBed } from '../groups/support';
import { callHandler, versionsOf } from './call-handler';

class FakeLegacyOffsets implements LegacyOffsets {
  readonly offsets = new Map<string, number>();
  failure: Error | undefined;

  async get(group: string, topic: string, partition: number): Promise<number | undefined> {
    await Promise.resolve();
    if (this.failure) throw this.failure;
    return this.offsets.get(`${group}/${topic}/${partition}`);
  }

  async set(group: string, topic: string, partition: number, offset: number): Promise<void> {
    await Promise.resolve();
    if (this.failure) throw this.failure;
    this.offsets.set(`${group}/${topic}/${partition}`, offset);
  }
}

interface Cluster {
  readonly bed: TestBed;
  readonly broker: BrokerContext;
  readonly created: string[][];
  readonly warnings: string[];
  creationError: ErrorCode;
  setTopic(name: string, leaders: readonly number[]): void;
}

/** A broker with a coordinator over fakes, and the topic `orders` with two partitions. */
async function cluster(legacyOffsets?: LegacyOffsets): Promise<Cluster> {
  const bed = await TestBed.start({ legacyOffsets });
  const metadata = new MetadataCache();
  const warnings: string[] = [];
  const logger: Logger = { ...silentLogger, warn: (message) => void warnings.push(message) };
  const created: string[][] = [];
  const { config } = BrokerConfig.from(new Map([['zookeeper.connect', 'here']]));
  const setTopic = (topicName: string, leaders: readonly number[]): void => {
    const request = {
      controllerId: 1,
      controllerEpoch: 1,
      topicStates: [
        {
          topicName,
          topicId: zeroUuid,
          partitionStates: leaders.map((leader, partitionIndex) => ({
            partitionIndex,
            controllerEpoch: 1,
            leader,
            leaderEpoch: 1,
            isr: [1],
            zkVersion: 0,
            replicas: [1],
            offlineReplicas: [],
          })),
        },
      ],
      liveBrokers: [1, 2].map((id) => ({
        id,
        rack: null,
        endpoints: [{ listener: 'PLAINTEXT', host: `broker-${id}`, port: 9090 + id, securityProtocol: 0 }],
      })),
    };
    metadata.update(decodeMessage(UpdateMetadataRequest, 8, encodeToBuffer(UpdateMetadataRequest, 8, request)));
  };
  setTopic('orders', [1, 1]);
  const all: Cluster = {
    bed,
    created,
    warnings,
    creationError: ErrorCode.LEADER_NOT_AVAILABLE,
    setTopic,
    broker: {
      io: { clock: bed.clock },
      logger,
      config,
      metadata,
      groups: bed.coordinator,
      autoTopicCreation: {
        create(names: readonly string[]) {
          created.push([...names]);
          return Promise.resolve(names.map((name) => ({ name, errorCode: all.creationError })));
        },
      },
    } as unknown as BrokerContext,
  };
  return all;
}

describe('FindCoordinator', () => {
  it.each(versionsOf(findCoordinator))(
    'names the leader of the partition of a group, in version %i',
    async (version) => {
      const { broker, setTopic } = await cluster();
      // `group` is in partition 1.
      setTopic(groupMetadataTopic, [1, 2]);
      const node = { nodeId: 2, host: 'broker-2', port: 9092, errorCode: ErrorCode.NONE };
      if (version < 4) {
        const response = await callHandler(findCoordinator, broker, version, { key: 'group' });
        expect(response).toMatchObject({ ...node, errorMessage: version >= 1 ? 'NONE' : '' });
        return;
      }
      const keys = { coordinatorKeys: ['group', 'group3'] };
      const { coordinators } = await callHandler(findCoordinator, broker, version, keys);
      expect(coordinators).toEqual([
        { key: 'group', errorMessage: '', ...node },
        { key: 'group3', errorMessage: '', ...node, nodeId: 1, host: 'broker-1', port: 9091 },
      ]);
    },
  );

  it('creates __consumer_offsets, once a request', async () => {
    const all = await cluster();
    const none = { nodeId: -1, host: '', port: -1, errorCode: ErrorCode.COORDINATOR_NOT_AVAILABLE };
    expect(await callHandler(findCoordinator, all.broker, 0, { key: 'group' })).toMatchObject(none);
    const batch = await callHandler(findCoordinator, all.broker, 4, { coordinatorKeys: ['a', 'b'] });
    expect(batch.coordinators).toMatchObject([none, none]);
    expect(all.created).toEqual([[groupMetadataTopic], [groupMetadataTopic]]);
    expect(all.warnings).toEqual([]);
  });

  it('says why it cannot be created, but not again and again', async () => {
    const all = await cluster();
    all.creationError = ErrorCode.INVALID_REPLICATION_FACTOR;
    for (let i = 0; i < 3; i++) await callHandler(findCoordinator, all.broker, 0, { key: 'group' });
    expect(all.warnings).toEqual([
      '__consumer_offsets cannot be created (INVALID_REPLICATION_FACTOR): groups have no coordinator until it can. There are 2 brokers, and offsets.topic.replication.factor is 3.',
    ]);
  });

  it('has none while the partition has no leader, or its leader no such listener', async () => {
    const { broker, setTopic, created } = await cluster();
    setTopic(groupMetadataTopic, [1, -1]);
    const find = async (key: string, listener: string) =>
      (await callHandler(findCoordinator, broker, 3, { key, keyType: 0 }, listener)).errorCode;
    expect(await find('group', 'PLAINTEXT')).toBe(ErrorCode.COORDINATOR_NOT_AVAILABLE);
    expect(await find('group3', 'PLAINTEXT')).toBe(ErrorCode.NONE);
    expect(await find('group3', 'OTHER')).toBe(ErrorCode.COORDINATOR_NOT_AVAILABLE);
    expect(created).toEqual([]);
  });

  it('refuses other coordinators', async () => {
    const { broker, created } = await cluster();
    const find = async (version: number, keyType: number) => {
      const request = version < 4 ? { key: 'k', keyType } : { coordinatorKeys: ['k'], keyType };
      const response = await callHandler(findCoordinator, broker, version, request);
      return version < 4 ? response.errorCode : response.coordinators[0].errorCode;
    };
    expect(await find(5, 2)).toBe(ErrorCode.INVALID_REQUEST);
    expect(await find(6, 2)).toBe(ErrorCode.COORDINATOR_NOT_AVAILABLE);
    expect(await find(6, 9)).toBe(ErrorCode.INVALID_REQUEST);
    expect(created).toEqual([]);
  });
});

describe('the way of a member', () => {
  const join = (version: number, memberId = '') => ({
    groupId: 'group',
    sessionTimeoutMs,
    ...(version >= 1 ? { rebalanceTimeoutMs: 250 } : {}),
    memberId,
    protocolType: 'consumer',
    protocols: [protocol('range', 'mine')],
  });

  it.each(versionsOf(joinGroup))('into the group and out, with JoinGroup %i', async (version) => {
    const { bed, broker } = await cluster();
    let memberId = '';
    if (version >= 4) {
      const refused = await callHandler(joinGroup, broker, version, join(version));
      expect(refused).toMatchObject({ errorCode: ErrorCode.MEMBER_ID_REQUIRED, generationId: -1, members: [] });
      expect(refused.protocolName).toBe(version >= 7 ? null : '');
      ({ memberId } = refused);
    }
    const joining = callHandler(joinGroup, broker, version, join(version, memberId));
    bed.advance(50);
    const joined = await joining;
    expect(joined).toMatchObject({
      errorCode: ErrorCode.NONE,
      generationId: 1,
      protocolType: version >= 7 ? 'consumer' : null,
      protocolName: 'range',
      leader: joined.memberId,
      members: [{ memberId: joined.memberId, metadata: Buffer.from('mine') }],
    });
    expect(joined.memberId).toMatch(/^test-/);
    const member = { groupId: 'group', memberId: joined.memberId, generationId: 1 };
    const syncVersion = Math.min(version, 5);
    const synced = await callHandler(syncGroup, broker, syncVersion, {
      ...member,
      ...(syncVersion >= 5 ? { protocolType: 'consumer', protocolName: 'range' } : {}),
      assignments: [{ memberId: joined.memberId, assignment: Buffer.from('assigned') }],
    });
    expect(synced).toMatchObject({
      errorCode: ErrorCode.NONE,
      protocolName: syncVersion >= 5 ? 'range' : null,
      assignment: Buffer.from('assigned'),
    });
    const beatVersion = Math.min(version, 4);
    expect((await callHandler(heartbeat, broker, beatVersion, member)).errorCode).toBe(ErrorCode.NONE);
    const described = await callHandler(describeGroups, broker, Math.min(version, 5), { groups: ['group'] });
    expect(described.groups[0]).toMatchObject({
      groupState: 'Stable',
      authorizedOperations: -2147483648,
      members: [{ clientId: 'test', clientHost: '/127.0.0.1', memberAssignment: Buffer.from('assigned') }],
    });
    const leaveVersion = Math.min(version, 5);
    const leaving =
      leaveVersion >= 3
        ? { members: [{ memberId: joined.memberId }, { memberId: 'x' }] }
        : { memberId: joined.memberId };
    const left = await callHandler(leaveGroup, broker, leaveVersion, { groupId: 'group', ...leaving });
    expect(left.errorCode).toBe(ErrorCode.NONE);
    expect(left.members.map(({ errorCode }) => errorCode)).toEqual(leaveVersion >= 3 ? [0, 25] : []);
    const again = await callHandler(leaveGroup, broker, Math.min(leaveVersion, 2), {
      groupId: 'group',
      memberId: joined.memberId,
    });
    expect(again.errorCode).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    const gone = await callHandler(leaveGroup, broker, leaveVersion, { groupId: '', ...leaving });
    expect(gone).toMatchObject({ errorCode: ErrorCode.INVALID_GROUP_ID, members: [] });
  });

  it('has the session timeout for both in JoinGroup 0', async () => {
    const { bed, broker } = await cluster();
    const first = callHandler(joinGroup, broker, 0, join(0));
    bed.advance(50);
    const joined = await first;
    bed.stabilize([joined as never]);
    let done = false;
    const second = callHandler(joinGroup, broker, 0, join(0)).then(() => (done = true));
    bed.heartbeat(joined);
    bed.advance(sessionTimeoutMs - 1);
    await bed.settle();
    expect(done).toBe(false);
    bed.advance(1);
    await second;
  });

  it('wants protocol type and name in SyncGroup 5', async () => {
    const { bed, broker } = await cluster();
    const [{ memberId }] = bed.stableGroup();
    const sync = { groupId: 'group', memberId, generationId: 1, assignments: [] };
    expect((await callHandler(syncGroup, broker, 5, sync)).errorCode).toBe(ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
    expect((await callHandler(syncGroup, broker, 4, sync)).errorCode).toBe(ErrorCode.NONE);
  });
});

describe('OffsetCommit and OffsetFetch', () => {
  const committed = { committedOffset: 7, committedMetadata: 'm' };

  it.each(versionsOf(offsetCommit).filter((version) => version > 0))('store and find, version %i', async (version) => {
    const { bed, broker } = await cluster();
    bed.clock.now = startMs;
    const response = await callHandler(offsetCommit, broker, version, {
      groupId: 'group',
      topics: [
        {
          name: 'orders',
          partitions: [
            { partitionIndex: 5, ...committed },
            { partitionIndex: 1, ...committed, ...(version >= 6 ? { committedLeaderEpoch: 3 } : {}) },
            { partitionIndex: 0, ...committed, committedMetadata: 'far too long to be kept' },
          ],
        },
        { name: 'nothing', partitions: [{ partitionIndex: 0, ...committed, committedMetadata: null }] },
      ],
    });
    const errors = (index: number) =>
      response.topics[index].partitions.map(({ partitionIndex, errorCode }) => [partitionIndex, errorCode]);
    expect(errors(0)).toEqual([
      [5, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
      [1, ErrorCode.NONE],
      [0, ErrorCode.OFFSET_METADATA_TOO_LARGE],
    ]);
    expect(errors(1)).toEqual([[0, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION]]);
    const topics = [{ name: 'orders', partitionIndexes: [1, 0] }];
    const found = await callHandler(
      offsetFetch,
      broker,
      version,
      version >= 8 ? { groups: [{ groupId: 'group', topics }] } : { groupId: 'group', topics },
    );
    const [group] = version >= 8 ? found.groups : [{ errorCode: found.errorCode, topics: found.topics }];
    expect(group.errorCode).toBe(ErrorCode.NONE);
    expect(group.topics).toEqual([
      {
        name: 'orders',
        partitions: [
          {
            partitionIndex: 1,
            committedOffset: 7,
            committedLeaderEpoch: version >= 6 ? 3 : -1,
            metadata: 'm',
            errorCode: ErrorCode.NONE,
          },
          { partitionIndex: 0, committedOffset: -1, committedLeaderEpoch: -1, metadata: '', errorCode: ErrorCode.NONE },
        ],
      },
    ]);
  });

  it('keeps the times that old clients give', async () => {
    const { bed, broker } = await cluster();
    const commit = (version: number, partitionIndex: number, more: { retentionTimeMs?: bigint }, time?: bigint) =>
      callHandler(offsetCommit, broker, version, {
        groupId: 'group',
        ...more,
        topics: [
          {
            name: 'orders',
            partitions: [
              {
                partitionIndex,
                committedOffset: 7,
                committedMetadata: null,
                ...(time ? { commitTimestamp: time } : {}),
              },
            ],
          },
        ],
      });
    await commit(1, 0, {}, 12345n);
    await commit(4, 1, { retentionTimeMs: 1000n });
    await commit(2, 0, { retentionTimeMs: 2n ** 63n - 1n });
    await commit(5, 1, {});
    const records = bed.replicas.records(bed.partitionOf('group')) as { value: Record<string, unknown> }[];
    expect(records.map(({ value }) => [value.commitTimestamp, value.expireTimestamp])).toEqual([
      [12345, undefined],
      [bed.clock.now, bed.clock.now + 1000],
      [bed.clock.now, Number.MAX_SAFE_INTEGER],
      [bed.clock.now, undefined],
    ]);
  });

  it('answers a commit that waits, though its topic goes meanwhile', async () => {
    const { bed, broker, setTopic } = await cluster();
    bed.replicas.isSlow = true;
    const topics = [{ name: 'orders', partitions: [0, 1].map((partitionIndex) => ({ partitionIndex, ...committed })) }];
    const commit = callHandler(offsetCommit, broker, 9, { groupId: 'group', topics });
    setTopic('orders', [leaderDuringDelete]);
    bed.replicas.replicate();
    expect((await commit).topics[0].partitions.map(({ errorCode }) => errorCode)).toEqual([0, 0]);
  });

  it('finds everything of several groups', async () => {
    const { bed, broker } = await cluster();
    bed.commit({ groupId: 'a' }, { 'x-0': 1 });
    bed.commit({ groupId: 'b' }, { 'y-3': 2 });
    const { groups } = await callHandler(offsetFetch, broker, 9, {
      groups: ['a', 'b', 'c'].map((groupId) => ({ groupId, topics: null })),
      requireStable: true,
    });
    expect(groups.map(({ topics }) => topics.map(({ name }) => name))).toEqual([['x'], ['y'], []]);
    const { topics } = await callHandler(offsetFetch, broker, 2, { groupId: 'b', topics: null });
    expect(topics).toMatchObject([{ name: 'y', partitions: [{ partitionIndex: 3, committedOffset: 2 }] }]);
  });

  it('says where the group is not, in the place that the version has for it', async () => {
    const { bed, broker } = await cluster();
    bed.replicas.resign(bed.partitionOf('group'));
    const topics = [{ name: 'orders', partitionIndexes: [0] }];
    const failed = { committedOffset: -1, errorCode: ErrorCode.NOT_COORDINATOR };
    const one = await callHandler(offsetFetch, broker, 1, { groupId: 'group', topics });
    expect(one.topics[0].partitions).toMatchObject([failed]);
    const five = await callHandler(offsetFetch, broker, 5, { groupId: 'group', topics });
    expect(five).toMatchObject({ errorCode: ErrorCode.NOT_COORDINATOR, topics: [] });
    const eight = await callHandler(offsetFetch, broker, 8, { groups: [{ groupId: 'group', topics }] });
    expect(eight.groups).toEqual([{ groupId: 'group', errorCode: ErrorCode.NOT_COORDINATOR, topics: [] }]);
  });

  it('keep offsets in ZooKeeper in version 0', async () => {
    const legacy = new FakeLegacyOffsets();
    const { broker, bed } = await cluster(legacy);
    const commit = (partitions: readonly number[], committedMetadata: string | null = null) =>
      callHandler(offsetCommit, broker, 0, {
        groupId: 'group',
        topics: [
          {
            name: 'orders',
            partitions: partitions.map((partitionIndex) => ({ partitionIndex, committedOffset: 9, committedMetadata })),
          },
        ],
      });
    const find = async () => {
      const topics = [{ name: 'orders', partitionIndexes: [0, 1, 2] }];
      const response = await callHandler(offsetFetch, broker, 0, { groupId: 'group', topics });
      return response.topics[0].partitions.map(({ committedOffset, errorCode }) => [committedOffset, errorCode]);
    };
    const unknown = [-1, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION];
    expect((await commit([1, 2])).topics[0].partitions.map(({ errorCode }) => errorCode)).toEqual([0, 3]);
    expect((await commit([0], 'far too long to be kept')).topics[0].partitions[0].errorCode).toBe(
      ErrorCode.OFFSET_METADATA_TOO_LARGE,
    );
    expect([...legacy.offsets]).toEqual([['group/orders/1', 9]]);
    expect(await find()).toEqual([unknown, [9, 0], unknown]);
    expect(bed.coordinator.listGroups([], []).groups).toEqual([]);
    legacy.failure = new KafkaError(ErrorCode.REQUEST_TIMED_OUT);
    expect((await commit([0])).topics[0].partitions[0].errorCode).toBe(ErrorCode.REQUEST_TIMED_OUT);
    legacy.failure = new Error('unforeseen');
    expect((await find())[0]).toEqual([-1, ErrorCode.UNKNOWN_SERVER_ERROR]);
  });

  it('have no version 0 without ZooKeeper', async () => {
    const { broker } = await cluster();
    const commit = await callHandler(offsetCommit, broker, 0, {
      groupId: 'group',
      topics: [{ name: 'orders', partitions: [{ partitionIndex: 0, ...committed }] }],
    });
    expect(commit.topics[0].partitions[0].errorCode).toBe(ErrorCode.UNSUPPORTED_VERSION);
    const topics = [{ name: 'orders', partitionIndexes: [0] }];
    const found = await callHandler(offsetFetch, broker, 0, { groupId: 'group', topics });
    expect(found.topics[0].partitions[0].errorCode).toBe(ErrorCode.UNSUPPORTED_VERSION);
  });
});

describe('administration of groups', () => {
  it.each(versionsOf(listGroups))('lists them, version %i', async (version) => {
    const { bed, broker } = await cluster();
    bed.stableGroup();
    bed.commit({ groupId: 'simple' });
    const { groups } = await callHandler(listGroups, broker, version, version >= 4 ? { statesFilter: ['Stable'] } : {});
    expect(groups.map(({ groupId }) => groupId)).toEqual(version >= 4 ? ['group'] : ['simple', 'group']);
    expect(groups.at(-1)).toEqual({
      groupId: 'group',
      protocolType: 'consumer',
      groupState: version >= 4 ? 'Stable' : '',
      groupType: version >= 5 ? 'classic' : '',
    });
    if (version < 5) return;
    expect((await callHandler(listGroups, broker, version, { typesFilter: ['consumer'] })).groups).toEqual([]);
  });

  it('tells what may be done with a group to who asks', async () => {
    const { broker, bed } = await cluster();
    bed.replicas.resign(bed.partitionOf('group'));
    const request = { groups: ['group3', 'group'], includeAuthorizedOperations: true };
    const { groups } = await callHandler(describeGroups, broker, 5, request);
    // READ, DELETE, DESCRIBE.
    expect(groups).toMatchObject([
      { groupId: 'group3', errorCode: ErrorCode.NONE, groupState: 'Dead', authorizedOperations: 0b101001000 },
      { groupId: 'group', errorCode: ErrorCode.NOT_COORDINATOR, groupState: '', authorizedOperations: -2147483648 },
    ]);
  });

  it.each(versionsOf(deleteGroups))('deletes them, version %i', async (version) => {
    const { bed, broker } = await cluster();
    bed.stableGroup();
    bed.commit({ groupId: 'simple' });
    const { results } = await callHandler(deleteGroups, broker, version, {
      groupsNames: ['simple', 'group', 'none', 'simple'],
    });
    expect(results).toEqual([
      { groupId: 'simple', errorCode: ErrorCode.NONE },
      { groupId: 'group', errorCode: ErrorCode.NON_EMPTY_GROUP },
      { groupId: 'none', errorCode: ErrorCode.GROUP_ID_NOT_FOUND },
    ]);
  });

  it('deletes offsets', async () => {
    const { bed, broker } = await cluster();
    bed.commit({}, { 'orders-0': 1, 'orders-1': 2 });
    const request = (groupId: string) => ({
      groupId,
      topics: [
        { name: 'nothing', partitions: [{ partitionIndex: 0 }] },
        { name: 'orders', partitions: [{ partitionIndex: 7 }, { partitionIndex: 1 }] },
      ],
    });
    const { errorCode, topics } = await callHandler(offsetDelete, broker, 0, request('group'));
    expect(errorCode).toBe(ErrorCode.NONE);
    expect(topics.map(({ partitions }) => partitions.map((partition) => partition.errorCode))).toEqual([[3], [3, 0]]);
    expect(bed.offsets()).toEqual({ 'orders-0': 1 });
    expect(await callHandler(offsetDelete, broker, 0, request('unknown'))).toMatchObject({
      errorCode: ErrorCode.GROUP_ID_NOT_FOUND,
      topics: [],
    });
  });
});

describe('the configuration of the coordinator', () => {
  const of = (properties: Record<string, string>) =>
    groupCoordinatorOptions(
      BrokerConfig.from(new Map(Object.entries({ 'zookeeper.connect': 'here', ...properties }))).config,
    );

  it('has the defaults of Kafka', () => {
    expect(of({})).toEqual({
      minSessionTimeoutMs: 6000,
      maxSessionTimeoutMs: 1_800_000,
      maxSize: 2_147_483_647,
      initialRebalanceDelayMs: 3000,
      offsetMetadataMaxBytes: 4096,
      offsetsLoadBufferSize: 5_242_880,
      offsetsTopicCompression: 0,
      offsetsRetentionMs: 7 * 24 * 60 * 60 * 1000,
      offsetsRetentionCheckIntervalMs: 600_000,
      offsetsCommitTimeoutMs: 5000,
    });
    expect(of({ 'offsets.topic.compression.codec': '4' }).offsetsTopicCompression).toBe(4);
  });
});
