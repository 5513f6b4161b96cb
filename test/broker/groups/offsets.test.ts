import { describe, expect, it } from 'vitest';
import { ErrorCode } from '../../../broker/src/protocol/errors';
import { CompressionType } from '../../../broker/src/records/compression-type';
import { baseSequence, compressionOf } from '../../../broker/src/records/batch-header';
import { sessionTimeoutMs, startMs, subscription, TestBed } from './support';

const day = 24 * 60 * 60 * 1000;

function written(bed: TestBed, groupId = 'group'): unknown[] {
  return bed.replicas.records(bed.partitionOf(groupId));
}

describe('OffsetCommit', () => {
  it('stores offsets of who is in no group', async () => {
    const bed = await TestBed.start();
    expect(bed.commit({}, { 'topic-0': 7, 'topic-2': 8, 'with-dash-1': 9 }).value).toEqual([0, 0, 0]);
    expect(bed.offsets()).toEqual({ 'topic-0': 7, 'topic-2': 8, 'with-dash-1': 9 });
    expect(bed.state()).toBe('Empty');
    expect(written(bed)[2]).toEqual({
      key: { kind: 'offset', group: 'group', topic: 'with-dash', partition: 1 },
      value: { offset: 9, leaderEpoch: -1, metadata: '', commitTimestamp: startMs, expireTimestamp: undefined },
    });
    expect(bed.replicas.appended.at(-1)).toEqual({
      origin: 'coordinator',
      requiredAcks: -1,
      timeoutMs: 5000,
      internalTopicsAllowed: true,
    });
  });

  it('takes the empty group id, for old clients', async () => {
    const bed = await TestBed.start();
    expect(bed.commit({ groupId: '' }).value).toEqual([ErrorCode.NONE]);
    expect(bed.offsets('')).toEqual({ 'topic-0': 7 });
    expect(bed.coordinator.describeGroup('').groupState).toBe('Empty');
    expect(bed.coordinator.deleteGroup('')).toBe(ErrorCode.NONE);
  });

  it('refuses who is not who it says', async () => {
    const bed = await TestBed.start();
    expect(bed.commit({ generationId: 3, memberId: 'm' }).value).toEqual([ErrorCode.ILLEGAL_GENERATION]);
    const [{ memberId }] = bed.stableGroup();
    expect(bed.commit().value).toEqual([ErrorCode.UNKNOWN_MEMBER_ID]);
    expect(bed.commit({ memberId: 'other', generationId: 1 }).value).toEqual([ErrorCode.UNKNOWN_MEMBER_ID]);
    expect(bed.commit({ memberId, generationId: 2 }).value).toEqual([ErrorCode.ILLEGAL_GENERATION]);
    expect(bed.commit({ memberId, generationId: -1 }).value).toEqual([ErrorCode.ILLEGAL_GENERATION]);
    expect(bed.commit({ memberId, generationId: 1 }).value).toEqual([ErrorCode.NONE]);
    bed.leave(memberId);
    expect(bed.commit({ memberId, generationId: 1 }).value).toEqual([ErrorCode.UNKNOWN_MEMBER_ID]);
    expect(bed.commit().value).toEqual([ErrorCode.NONE]);
  });

  it('takes commits of the old generation while members gather, none while the leader assigns', async () => {
    const bed = await TestBed.start();
    const [member] = bed.stableGroup();
    const { memberId } = member;
    const newcomer = bed.join();
    expect(bed.commit({ memberId, generationId: 1 }).value).toEqual([ErrorCode.NONE]);
    bed.join({ memberId });
    expect(newcomer.value.generationId).toBe(2);
    expect(bed.commit({ memberId, generationId: 2 }).value).toEqual([ErrorCode.REBALANCE_IN_PROGRESS]);
  });

  it('refuses metadata that is too long, and stores the rest', async () => {
    const bed = await TestBed.start();
    expect(bed.commit({}, { 'topic-0': 1 }, { metadata: 'x'.repeat(17) }).value).toEqual([
      ErrorCode.OFFSET_METADATA_TOO_LARGE,
    ]);
    expect(bed.coordinator.listGroups([], []).groups).toEqual([]);
    const long = {
      offset: 1,
      leaderEpoch: 3,
      metadata: 'x'.repeat(16),
      commitTimestamp: 5,
      expireTimestamp: undefined,
    };
    const errors = bed.commit({
      offsets: [
        { topic: 't', partition: 0, offset: { ...long, metadata: 'x'.repeat(17) } },
        { topic: 't', partition: 1, offset: long },
      ],
    });
    expect(errors.value).toEqual([ErrorCode.OFFSET_METADATA_TOO_LARGE, ErrorCode.NONE]);
    expect(bed.coordinator.fetchOffsets('group', false, null).topics).toEqual([
      {
        name: 't',
        partitions: [
          { partitionIndex: 1, committedOffset: 1, committedLeaderEpoch: 3, metadata: 'x'.repeat(16), errorCode: 0 },
        ],
      },
    ]);
  });

  it('writes version 1 with an expiry where the client gave a retention time', async () => {
    const bed = await TestBed.start();
    bed.commit({}, { 'topic-0': 1 }, { expireTimestamp: startMs + 10 });
    expect(written(bed)).toMatchObject([{ value: { offset: 1, expireTimestamp: startMs + 10 } }]);
  });

  it('compresses as offsets.topic.compression.codec says', async () => {
    const bed = await TestBed.start({ offsetsTopicCompression: CompressionType.ZSTD });
    bed.commit();
    const [batch] = bed.replicas.log(bed.partitionOf('group')).batches;
    expect(compressionOf(batch, 0)).toBe(CompressionType.ZSTD);
    expect(baseSequence(batch, 0)).toBe(0);
    expect(written(bed)).toMatchObject([{ value: { offset: 7 } }]);
  });

  it('lets an offset count when the replicas have it', async () => {
    const bed = await TestBed.start();
    bed.commit();
    bed.replicas.isSlow = true;
    const commit = bed.commit({}, { 'topic-0': 8 });
    expect(commit.isPending).toBe(true);
    expect(bed.offsets()).toEqual({ 'topic-0': 7 });
    const stable = (partition: number) =>
      bed.coordinator.fetchOffsets('group', true, [{ name: 'topic', partitionIndexes: [partition] }]).topics[0]
        .partitions[0];
    expect(stable(0)).toMatchObject({ committedOffset: -1, errorCode: ErrorCode.UNSTABLE_OFFSET_COMMIT });
    expect(stable(1)).toMatchObject({ committedOffset: -1, errorCode: ErrorCode.NONE });
    bed.replicas.replicate();
    expect(commit.value).toEqual([ErrorCode.NONE]);
    expect(stable(0)).toMatchObject({ committedOffset: 8, errorCode: ErrorCode.NONE });
  });

  it.each([
    [ErrorCode.NOT_ENOUGH_REPLICAS, ErrorCode.COORDINATOR_NOT_AVAILABLE],
    [ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, ErrorCode.COORDINATOR_NOT_AVAILABLE],
    [ErrorCode.NOT_LEADER_OR_FOLLOWER, ErrorCode.NOT_COORDINATOR],
    [ErrorCode.KAFKA_STORAGE_ERROR, ErrorCode.NOT_COORDINATOR],
    [ErrorCode.MESSAGE_TOO_LARGE, ErrorCode.INVALID_COMMIT_OFFSET_SIZE],
    [ErrorCode.REQUEST_TIMED_OUT, ErrorCode.REQUEST_TIMED_OUT],
  ])('answers the append error %i with %i, and keeps the old offset', async (refusal, expected) => {
    const bed = await TestBed.start();
    bed.commit();
    bed.replicas.isSlow = true;
    const commit = bed.commit({}, { 'topic-0': 8 });
    bed.replicas.replicate(refusal);
    expect(commit.value).toEqual([expected]);
    expect(bed.offsets()).toEqual({ 'topic-0': 7 });
    const [{ partitions }] = bed.coordinator.fetchOffsets('group', true, null).topics;
    expect(partitions[0].errorCode).toBe(ErrorCode.NONE);
  });

  it('keeps the later of two commits that overlap', async () => {
    const bed = await TestBed.start();
    bed.replicas.isSlow = true;
    const commits = [bed.commit({}, { 'topic-0': 1 }), bed.commit({}, { 'topic-0': 2 })];
    bed.replicas.replicate();
    expect(commits.map(({ value }) => value)).toEqual([[0], [0]]);
    expect(bed.offsets()).toEqual({ 'topic-0': 2 });
    expect(bed.coordinator.fetchOffsets('group', true, null).topics[0].partitions[0].errorCode).toBe(0);
  });

  it('forgets a commit whose coordinator has moved meanwhile, but answers it', async () => {
    const bed = await TestBed.start();
    bed.replicas.isSlow = true;
    const commit = bed.commit();
    const index = bed.partitionOf('group');
    bed.replicas.resign(index);
    bed.replicas.replicate(ErrorCode.NOT_LEADER_OR_FOLLOWER);
    expect(commit.value).toEqual([ErrorCode.NOT_COORDINATOR]);
    expect(bed.commit().value).toEqual([ErrorCode.NOT_COORDINATOR]);
  });
});

describe('OffsetFetch', () => {
  it('answers what is asked for, in that order, -1 where nothing is', async () => {
    const bed = await TestBed.start();
    const asked = [{ name: 'topic', partitionIndexes: [1, 0] }];
    const none = { committedOffset: -1, committedLeaderEpoch: -1, metadata: '', errorCode: 0 };
    expect(bed.coordinator.fetchOffsets('unknown', false, asked)).toEqual({
      errorCode: ErrorCode.NONE,
      topics: [
        {
          name: 'topic',
          partitions: [
            { ...none, partitionIndex: 1 },
            { ...none, partitionIndex: 0 },
          ],
        },
      ],
    });
    expect(bed.coordinator.fetchOffsets('unknown', false, null).topics).toEqual([]);
    bed.commit({}, { 'topic-0': 5 }, { metadata: 'm' });
    expect(bed.coordinator.fetchOffsets('group', false, asked).topics[0].partitions).toEqual([
      { ...none, partitionIndex: 1 },
      { ...none, partitionIndex: 0, committedOffset: 5, metadata: 'm' },
    ]);
  });

  it('says where the group is not', async () => {
    const bed = await TestBed.bare();
    expect(bed.coordinator.fetchOffsets('group', false, null).errorCode).toBe(ErrorCode.COORDINATOR_NOT_AVAILABLE);
    bed.coordinator.start();
    expect(bed.coordinator.fetchOffsets('group', false, null).errorCode).toBe(ErrorCode.NOT_COORDINATOR);
    bed.replicas.elect(bed.partitionOf('group'));
    expect(bed.coordinator.fetchOffsets('group', false, null).errorCode).toBe(ErrorCode.COORDINATOR_LOAD_IN_PROGRESS);
    await bed.settle();
    expect(bed.coordinator.fetchOffsets('group', false, null).errorCode).toBe(ErrorCode.NONE);
  });
});

describe('OffsetDelete', () => {
  it('deletes offsets of an empty group, and the group with the last', async () => {
    const bed = await TestBed.start();
    bed.commit({}, { 'topic-0': 1, 'topic-1': 2 });
    const all = [0, 1, 2].map((partition) => ({ topic: 'topic', partition }));
    expect(bed.coordinator.deleteOffsets('group', all.slice(0, 1))).toEqual({ errorCode: 0, errors: [0] });
    expect(bed.offsets()).toEqual({ 'topic-1': 2 });
    expect(written(bed).at(-1)).toEqual({
      key: { kind: 'offset', group: 'group', topic: 'topic', partition: 0 },
      value: null,
    });
    expect(bed.coordinator.deleteOffsets('group', all)).toEqual({ errorCode: 0, errors: [0, 0, 0] });
    expect(bed.state()).toBe('Dead');
    expect(bed.coordinator.deleteOffsets('group', all).errorCode).toBe(ErrorCode.GROUP_ID_NOT_FOUND);
    expect(bed.coordinator.deleteOffsets('', all).errorCode).toBe(ErrorCode.INVALID_GROUP_ID);
    // The group itself was never written.
    expect(written(bed)).toHaveLength(4);
  });

  it('keeps those of topics that a consumer group reads', async () => {
    const bed = await TestBed.start();
    const [{ memberId }] = bed.stableGroup(1, { protocols: [subscription(['read'])] });
    bed.commit({ memberId, generationId: 1 }, { 'read-0': 1, 'other-0': 2 });
    expect(
      bed.coordinator.deleteOffsets('group', [
        { topic: 'read', partition: 0 },
        { topic: 'other', partition: 0 },
      ]),
    ).toEqual({ errorCode: 0, errors: [ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC, ErrorCode.NONE] });
    expect(bed.offsets()).toEqual({ 'read-0': 1 });
    expect(bed.state()).toBe('Stable');
  });

  it('keeps those of a group that it cannot look into', async () => {
    const bed = await TestBed.start();
    bed.stableGroup(1, { protocolType: 'connect' });
    const partitions = [{ topic: 'topic', partition: 0 }];
    expect(bed.coordinator.deleteOffsets('group', partitions)).toEqual({
      errorCode: ErrorCode.NON_EMPTY_GROUP,
      errors: [],
    });
    const other = await TestBed.start();
    other.stableGroup(1);
    expect(other.coordinator.deleteOffsets('group', partitions).errors).toEqual([ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC]);
  });

  it('follows the deletion of topics', async () => {
    const bed = await TestBed.start();
    bed.commit({}, { 'gone-0': 1, 'gone-1': 2, 'topic-0': 3 });
    bed.commit({ groupId: 'other' }, { 'gone-0': 1 });
    bed.coordinator.partitionsDeleted([
      { topic: 'gone', partition: 0 },
      { topic: 'gone', partition: 1 },
    ]);
    expect(bed.offsets()).toEqual({ 'topic-0': 3 });
    expect(bed.state('other')).toBe('Dead');
  });

  it('does not bring back what was deleted while it was being written', async () => {
    const bed = await TestBed.start();
    bed.commit({}, { 'topic-1': 1 });
    bed.replicas.isSlow = true;
    const commit = bed.commit();
    bed.coordinator.partitionsDeleted([{ topic: 'topic', partition: 0 }]);
    bed.replicas.replicate();
    expect(commit.value).toEqual([ErrorCode.NONE]);
    expect(bed.offsets()).toEqual({ 'topic-1': 1 });
    expect(written(bed).at(-1)).toMatchObject({ key: { topic: 'topic', partition: 0 }, value: null });
  });
});

describe('expiry of offsets (KIP-211)', () => {
  const week = 7 * day;

  it('counts from the last commit where there is no group', async () => {
    const bed = await TestBed.start();
    bed.commit({}, { 'topic-0': 1, 'topic-1': 1 });
    bed.clock.now += day;
    bed.commit({}, { 'topic-1': 2 });
    bed.clock.now = startMs + week - 1;
    await expire(bed);
    expect(bed.offsets()).toEqual({ 'topic-0': 1, 'topic-1': 2 });
    bed.clock.now = startMs + week;
    await expire(bed);
    expect(bed.offsets()).toEqual({ 'topic-1': 2 });
    expect(written(bed).at(-1)).toEqual({
      key: { kind: 'offset', group: 'group', topic: 'topic', partition: 0 },
      value: null,
    });
    bed.clock.now = startMs + week + day;
    await expire(bed);
    expect(bed.state()).toBe('Dead');
    expect(bed.coordinator.stats()).toMatchObject({ expiredOffsets: 2, offsets: 0 });
  });

  it('counts from when the group became empty, and removes the group', async () => {
    const bed = await TestBed.start();
    const [{ memberId }] = bed.stableGroup(1, { sessionTimeoutMs: 600_000 });
    bed.commit({ memberId, generationId: 1 });
    bed.clock.now += 3 * day;
    bed.leave(memberId);
    const emptyMs = bed.clock.now;
    bed.clock.now = emptyMs + week - 1;
    await expire(bed);
    expect(bed.offsets()).toEqual({ 'topic-0': 7 });
    bed.clock.now = emptyMs + week;
    await expire(bed);
    expect(bed.state()).toBe('Dead');
    expect(written(bed).slice(-2)).toEqual([
      { key: { kind: 'offset', group: 'group', topic: 'topic', partition: 0 }, value: null },
      { key: { kind: 'group', group: 'group' }, value: null },
    ]);
    expect(bed.replicas.appended.at(-1)).toMatchObject({ requiredAcks: 0, origin: 'coordinator' });
  });

  it('takes from a group in use only what it does not read', async () => {
    const bed = await TestBed.start();
    const long = { sessionTimeoutMs: 600_000, rebalanceTimeoutMs: 2 * week, protocols: [subscription(['read'])] };
    const [member] = bed.stableGroup(1, long);
    const { memberId, generationId } = member;
    bed.commit({ memberId, generationId }, { 'read-0': 1, 'left-0': 2 });
    bed.clock.now += week;
    bed.heartbeat(member);
    await expire(bed);
    expect(bed.offsets()).toEqual({ 'read-0': 1 });
    // Nothing goes while its members gather.
    bed.commit({ memberId, generationId }, { 'left-0': 2 });
    bed.join(long);
    bed.clock.now += week;
    bed.heartbeat(member);
    await expire(bed);
    expect(bed.state()).toBe('PreparingRebalance');
    expect(bed.offsets()).toEqual({ 'read-0': 1, 'left-0': 2 });
  });

  it('takes nothing from a group whose subscriptions cannot be read', async () => {
    const bed = await TestBed.start();
    const [member] = bed.stableGroup(1, { sessionTimeoutMs: 600_000 });
    bed.commit(member, { 'left-0': 2 });
    bed.clock.now += week;
    bed.heartbeat(member);
    await expire(bed);
    expect(bed.offsets()).toEqual({ 'left-0': 2 });
  });

  it('heeds an expiry that came with the commit', async () => {
    const bed = await TestBed.start();
    bed.commit({}, { 'topic-0': 1 }, { expireTimestamp: startMs + 10 });
    bed.commit({}, { 'topic-1': 1 }, { expireTimestamp: startMs + 30 * day });
    bed.clock.now += 10;
    await expire(bed);
    expect(bed.offsets()).toEqual({ 'topic-1': 1 });
    bed.clock.now += 2 * week;
    await expire(bed);
    expect(bed.offsets()).toEqual({ 'topic-1': 1 });
  });

  it('waits for a commit under way', async () => {
    const bed = await TestBed.start();
    bed.commit();
    bed.clock.now += week;
    bed.replicas.isSlow = true;
    const commit = bed.commit({}, { 'topic-0': 8 });
    await expire(bed);
    bed.replicas.replicate();
    expect(commit.value).toEqual([ErrorCode.NONE]);
    expect(bed.offsets()).toEqual({ 'topic-0': 8 });
    expect(written(bed).at(-1)).toMatchObject({ value: { offset: 8 } });
  });

  it('writes many tombstones in batches that a topic takes', async () => {
    const bed = await TestBed.start();
    bed.commit({}, Object.fromEntries(Array.from({ length: 2500 }, (_, i) => [`topic-${i}`, i])));
    const { batches } = bed.replicas.log(bed.partitionOf('group'));
    expect(bed.coordinator.deleteGroup('group')).toBe(ErrorCode.NONE);
    expect(batches).toHaveLength(1 + 3);
    expect(written(bed)).toHaveLength(5000);
  });

  it('looks every offsets.retention.check.interval.ms', async () => {
    const bed = await TestBed.start({ offsetsRetentionMs: 1000, offsetsRetentionCheckIntervalMs: 5000 });
    bed.commit();
    bed.advance(4999);
    await bed.settle();
    expect(bed.offsets()).toEqual({ 'topic-0': 7 });
    bed.advance(1);
    await bed.settle();
    expect(bed.offsets()).toEqual({});
    bed.commit();
    bed.advance(5000);
    await bed.settle();
    expect(bed.offsets()).toEqual({});
    await bed.coordinator.shutdown();
  });

  it('does not remove a group that has given out a member id', async () => {
    const bed = await TestBed.start({ maxSessionTimeoutMs: week });
    const { memberId } = bed.join({ requireKnownMemberId: true, sessionTimeoutMs: week }).value;
    await expire(bed);
    const join = bed.join({ memberId });
    bed.advance(50);
    expect(join.value.errorCode).toBe(ErrorCode.NONE);
  });
});

/** Lets timers fire that the clock, set forward by hand, has passed, and looks for expired offsets. */
async function expire(bed: TestBed): Promise<void> {
  bed.advance(0);
  await bed.settle();
  await bed.coordinator.cleanupExpiredOffsets();
}

describe('ListGroups, DescribeGroups, DeleteGroups', () => {
  it('lists groups by state and type', async () => {
    const bed = await TestBed.start();
    bed.stableGroup();
    bed.commit({ groupId: 'simple' });
    const ids = (states: string[], types: string[]): string[] =>
      bed.coordinator.listGroups(states, types).groups.map(({ groupId }) => groupId);
    expect(ids([], []).sort()).toEqual(['group', 'simple']);
    expect(ids(['stable'], [])).toEqual(['group']);
    expect(ids(['Empty', 'Dead'], ['Classic'])).toEqual(['simple']);
    expect(ids([], ['consumer'])).toEqual([]);
    expect(ids(['nonsense'], [])).toEqual([]);
    expect(bed.coordinator.listGroups(['Stable'], []).groups).toEqual([
      { groupId: 'group', protocolType: 'consumer', groupState: 'Stable', groupType: 'classic' },
    ]);
    expect(bed.coordinator.stats()).toMatchObject({
      groups: { Stable: 1, Empty: 1, Dead: 0 },
      offsets: 1,
      committedOffsets: 1,
      completedRebalances: 1,
    });
  });

  it('describes subscriptions and assignments of stable groups', async () => {
    const bed = await TestBed.start();
    const [{ memberId }] = bed.stableGroup(1, { groupInstanceId: 'static' });
    const member = { memberId, groupInstanceId: 'static', clientId: 'client', clientHost: '/127.0.0.1' };
    expect(bed.coordinator.describeGroup('group')).toEqual({
      errorCode: ErrorCode.NONE,
      groupId: 'group',
      groupState: 'Stable',
      protocolType: 'consumer',
      protocolData: 'range',
      members: [{ ...member, memberMetadata: Buffer.from('range'), memberAssignment: Buffer.from(`of ${memberId}`) }],
    });
    bed.join();
    const nothing = Buffer.alloc(0);
    expect(bed.coordinator.describeGroup('group')).toMatchObject({
      groupState: 'PreparingRebalance',
      protocolData: '',
      members: [{ ...member, memberMetadata: nothing, memberAssignment: nothing }, {}],
    });
    expect(bed.coordinator.describeGroup('nothing')).toMatchObject({ errorCode: 0, groupState: 'Dead', members: [] });
  });

  it('deletes groups without members', async () => {
    const bed = await TestBed.start();
    const [{ memberId }] = bed.stableGroup(1, { sessionTimeoutMs });
    bed.commit({ memberId, generationId: 1 });
    expect(bed.coordinator.deleteGroup('group')).toBe(ErrorCode.NON_EMPTY_GROUP);
    bed.leave(memberId);
    expect(bed.coordinator.deleteGroup('group')).toBe(ErrorCode.NONE);
    expect(written(bed).slice(-2)).toMatchObject([
      { key: { kind: 'offset' }, value: null },
      { key: { kind: 'group' }, value: null },
    ]);
    expect(bed.coordinator.deleteGroup('group')).toBe(ErrorCode.GROUP_ID_NOT_FOUND);
    expect(bed.offsets()).toEqual({});
    // The name is free.
    const join = bed.join();
    bed.advance(50);
    expect(join.value.generationId).toBe(1);
  });
});

describe('transactional commits', () => {
  it('count when their transaction is committed', async () => {
    const bed = await TestBed.start();
    const index = bed.partitionOf('group');
    bed.commit({}, { 'topic-0': 1 });
    expect(bed.commitTransactional(9, { 'topic-0': 5, 'topic-1': 6 }).value).toEqual([0, 0]);
    expect(bed.offsets()).toEqual({ 'topic-0': 1 });
    const stable = bed.coordinator.fetchOffsets('group', true, [{ name: 'topic', partitionIndexes: [1] }]);
    expect(stable.topics[0].partitions[0].errorCode).toBe(ErrorCode.UNSTABLE_OFFSET_COMMIT);
    bed.coordinator.onTransactionCompleted(8, [index], true);
    bed.coordinator.onTransactionCompleted(9, [1 - index], true);
    expect(bed.offsets()).toEqual({ 'topic-0': 1 });
    bed.coordinator.onTransactionCompleted(9, [index], true);
    expect(bed.offsets()).toEqual({ 'topic-0': 5, 'topic-1': 6 });
  });

  it('never were when it is aborted, or their append failed', async () => {
    const bed = await TestBed.start();
    const index = bed.partitionOf('group');
    bed.commitTransactional(9);
    bed.coordinator.onTransactionCompleted(9, [index], false);
    bed.replicas.refusal = ErrorCode.NOT_ENOUGH_REPLICAS;
    expect(bed.commitTransactional(9).value).toEqual([ErrorCode.COORDINATOR_NOT_AVAILABLE]);
    bed.replicas.refusal = undefined;
    bed.coordinator.onTransactionCompleted(9, [index], true);
    expect(bed.offsets()).toEqual({});
    expect(bed.commitTransactional(9, undefined, { groupId: '' }).value).toEqual([ErrorCode.INVALID_GROUP_ID]);
  });

  it('do not undo a later plain commit', async () => {
    const bed = await TestBed.start();
    bed.commitTransactional(9, { 'topic-0': 5 });
    bed.commit({}, { 'topic-0': 6 });
    bed.coordinator.onTransactionCompleted(9, [bed.partitionOf('group')], true);
    expect(bed.offsets()).toEqual({ 'topic-0': 6 });
  });
});
