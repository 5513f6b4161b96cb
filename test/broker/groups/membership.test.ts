import { describe, expect, it } from 'vitest';
import { ErrorCode } from '../../../broker/src/protocol/errors';
import { groupMetadataTopic } from '../../../broker/src/replication/internal-topics';
import { newMemberTimeoutMs, protocol, rebalanceTimeoutMs, sessionTimeoutMs, TestBed } from './support';

describe('JoinGroup of dynamic members', () => {
  it('refuses what no coordinator may take', async () => {
    const bed = await TestBed.start();
    expect(bed.join({ groupId: '' }).value.errorCode).toBe(ErrorCode.INVALID_GROUP_ID);
    expect(bed.join({ sessionTimeoutMs: 9 }).value.errorCode).toBe(ErrorCode.INVALID_SESSION_TIMEOUT);
    expect(bed.join({ sessionTimeoutMs: 600_001 }).value.errorCode).toBe(ErrorCode.INVALID_SESSION_TIMEOUT);
    expect(bed.join({ memberId: 'somebody' }).value.errorCode).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    expect(bed.join({ protocols: [] }).value.errorCode).toBe(ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
    expect(bed.join({ protocolType: '' }).value.errorCode).toBe(ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
    expect(bed.coordinator.listGroups([], []).groups).toEqual([]);
  });

  it('does nothing before it is started, after it is stopped, and for groups of other brokers', async () => {
    const bed = await TestBed.bare();
    expect(bed.join().value.errorCode).toBe(ErrorCode.COORDINATOR_NOT_AVAILABLE);
    expect(bed.coordinator.listGroups([], []).errorCode).toBe(ErrorCode.COORDINATOR_NOT_AVAILABLE);
    bed.coordinator.start();
    expect(bed.join().value.errorCode).toBe(ErrorCode.NOT_COORDINATOR);
    const running = await TestBed.start();
    const waiting = running.join();
    await running.coordinator.shutdown();
    expect(waiting.value.errorCode).toBe(ErrorCode.NOT_COORDINATOR);
    expect(running.join().value.errorCode).toBe(ErrorCode.COORDINATOR_NOT_AVAILABLE);
  });

  it('gives a lone member its generation after the initial delay, and makes it leader', async () => {
    const bed = await TestBed.start();
    const join = bed.join({ protocols: [protocol('range', 'mine')] });
    bed.advance(49);
    expect(join.isPending).toBe(true);
    expect(bed.state()).toBe('PreparingRebalance');
    bed.advance(1);
    const { memberId, ...result } = join.value;
    expect(memberId).toMatch(/^client-[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(result).toEqual({
      errorCode: ErrorCode.NONE,
      generationId: 1,
      protocolType: 'consumer',
      protocolName: 'range',
      leader: memberId,
      skipAssignment: false,
      members: [{ memberId, groupInstanceId: null, metadata: Buffer.from('mine') }],
    });
    expect(bed.state()).toBe('CompletingRebalance');
  });

  it('extends the initial delay while members come, up to the rebalance timeout', async () => {
    const bed = await TestBed.start();
    const timeouts = { rebalanceTimeoutMs: 120 };
    const first = bed.join(timeouts);
    bed.advance(40);
    const second = bed.join(timeouts);
    bed.advance(40);
    const third = bed.join(timeouts);
    bed.advance(39);
    expect(first.isPending).toBe(true);
    const fourth = bed.join(timeouts);
    bed.advance(1);
    for (const join of [first, second, third, fourth]) expect(join.value.generationId).toBe(1);
    expect(new Set([first, second, third, fourth].map(({ value }) => value.leader)).size).toBe(1);
    expect(first.value.members).toHaveLength(4);
    expect(second.value.members).toEqual([]);
  });

  it('lets a client without a member id come again with one (KIP-394)', async () => {
    const bed = await TestBed.start();
    const { errorCode, memberId, generationId } = bed.join({ requireKnownMemberId: true }).value;
    expect(errorCode).toBe(ErrorCode.MEMBER_ID_REQUIRED);
    expect(generationId).toBe(-1);
    expect(bed.state()).toBe('Empty');
    expect(bed.heartbeat({ memberId, generationId: 0 })).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    expect(bed.join({ memberId, groupInstanceId: 'static' }).value.errorCode).toBe(ErrorCode.UNKNOWN_SERVER_ERROR);
    const join = bed.join({ requireKnownMemberId: true, memberId });
    bed.advance(50);
    expect(join.value).toMatchObject({ errorCode: ErrorCode.NONE, memberId, leader: memberId });
    // Its time to come back does not matter any more.
    bed.stabilize([join.value]);
    for (let i = 0; i < 5; i++) {
      bed.advance(sessionTimeoutMs - 1);
      expect(bed.heartbeat(join.value)).toBe(ErrorCode.NONE);
    }
  });

  it('forgets a member id that is not used within the session timeout, and the group with it', async () => {
    const bed = await TestBed.start();
    const { memberId } = bed.join({ requireKnownMemberId: true }).value;
    bed.advance(sessionTimeoutMs);
    expect(bed.join({ requireKnownMemberId: true, memberId }).value.errorCode).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    expect(bed.state()).toBe('Dead');
  });

  it('has a rebalance wait for those who got a member id', async () => {
    const bed = await TestBed.start();
    const [leader] = bed.stableGroup();
    const pending = bed.join({ requireKnownMemberId: true }).value;
    const rejoin = bed.join({ memberId: leader.memberId });
    expect(rejoin.isPending).toBe(true);
    const join = bed.join({ memberId: pending.memberId });
    expect(rejoin.value).toMatchObject({ generationId: 2 });
    expect(join.value).toMatchObject({ generationId: 2, leader: leader.memberId });
  });

  it('goes on without a pending member that leaves, or does not come in time', async () => {
    const bed = await TestBed.start();
    const [leader] = bed.stableGroup(1, { rebalanceTimeoutMs: 60_000 });
    const leaving = bed.join({ requireKnownMemberId: true }).value;
    const first = bed.join({ memberId: leader.memberId, rebalanceTimeoutMs: 60_000 });
    expect(bed.leave(leaving.memberId)).toBe(ErrorCode.NONE);
    expect(first.value.generationId).toBe(2);
    bed.stabilize([first.value]);
    bed.join({ requireKnownMemberId: true });
    const second = bed.join({ memberId: leader.memberId, rebalanceTimeoutMs: 60_000 });
    bed.advance(sessionTimeoutMs - 1);
    expect(second.isPending).toBe(true);
    bed.advance(1);
    expect(second.value.generationId).toBe(3);
  });

  it('refuses a member whose protocols do not fit the group', async () => {
    const bed = await TestBed.start();
    bed.stableGroup(1, { protocols: [protocol('range'), protocol('roundrobin')] });
    expect(bed.join({ protocols: [protocol('sticky')] }).value.errorCode).toBe(ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
    expect(bed.join({ protocolType: 'connect' }).value.errorCode).toBe(ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
    expect(bed.state()).toBe('Stable');
  });

  it('chooses the protocol that most members like best', async () => {
    const bed = await TestBed.start();
    const liking = (...names: string[]) => bed.join({ protocols: names.map((name) => protocol(name)) });
    const joins = [liking('range', 'sticky', 'own'), liking('sticky', 'range'), liking('sticky', 'range', 'range')];
    bed.advance(100);
    expect(joins.map(({ value }) => value.protocolName)).toEqual(['sticky', 'sticky', 'sticky']);
  });

  it('turns members away above group.max.size, and lets them in when there is room', async () => {
    const bed = await TestBed.start({ maxSize: 2 });
    const joins = [bed.join(), bed.join(), bed.join()];
    expect(joins[2].value).toMatchObject({ errorCode: ErrorCode.GROUP_MAX_SIZE_REACHED, memberId: '' });
    bed.advance(100);
    const members = bed.stabilize([joins[0].value, joins[1].value]);
    expect(bed.join().value.errorCode).toBe(ErrorCode.GROUP_MAX_SIZE_REACHED);
    expect(bed.leave(members[1].memberId)).toBe(ErrorCode.NONE);
    const rejoin = bed.join({ memberId: members[0].memberId });
    expect(rejoin.value.generationId).toBe(2);
    bed.stabilize([rejoin.value]);
    expect(bed.join().isPending).toBe(true);
  });

  it('removes the last to rejoin when more members are there than there may be', async () => {
    const bed = await TestBed.start({ maxSize: 10 });
    const members = bed.stableGroup(3);
    Object.assign(bed.options, { maxSize: 2 });
    bed.replicas.resign(0);
    bed.replicas.resign(1);
    bed.replicas.elect(0, 2);
    bed.replicas.elect(1, 2);
    await bed.settle();
    expect(bed.state()).toBe('PreparingRebalance');
    const rejoins = members.map(({ memberId }) => bed.join({ memberId }));
    expect(rejoins[2].value.errorCode).toBe(ErrorCode.GROUP_MAX_SIZE_REACHED);
    expect(rejoins[0].value).toMatchObject({ errorCode: ErrorCode.NONE, generationId: 2 });
    expect(rejoins[1].value).toMatchObject({ errorCode: ErrorCode.NONE, generationId: 2 });
  });

  it('removes a new member whose client must have gone', async () => {
    const bed = await TestBed.start();
    const longest = { rebalanceTimeoutMs: newMemberTimeoutMs * 3, sessionTimeoutMs: newMemberTimeoutMs * 2 };
    const [leader] = bed.stableGroup(1, longest);
    const join = bed.join(longest);
    expect(bed.heartbeat(leader)).toBe(ErrorCode.REBALANCE_IN_PROGRESS);
    bed.advance(newMemberTimeoutMs - 1);
    expect(join.isPending).toBe(true);
    bed.advance(1);
    expect(join.value.errorCode).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    expect(bed.coordinator.describeGroup('group').members).toHaveLength(1);
  });

  it('answers every JoinGroup of a client that asks again', async () => {
    const bed = await TestBed.start();
    const members = bed.stableGroup(2);
    const first = bed.join({ memberId: members[0].memberId });
    const again = bed.join({ memberId: members[0].memberId });
    expect(first.value.errorCode).toBe(ErrorCode.REBALANCE_IN_PROGRESS);
    bed.join({ memberId: members[1].memberId });
    expect(again.value).toMatchObject({ errorCode: ErrorCode.NONE, generationId: 2 });
  });
});

describe('rebalances', () => {
  it('tells members by their heartbeats, and removes those who do not rejoin in time', async () => {
    const bed = await TestBed.start();
    const [leader, follower] = bed.stableGroup(2);
    const join = bed.join();
    expect(bed.state()).toBe('PreparingRebalance');
    expect(bed.heartbeat(follower)).toBe(ErrorCode.REBALANCE_IN_PROGRESS);
    expect(bed.sync(follower).value.errorCode).toBe(ErrorCode.REBALANCE_IN_PROGRESS);
    const rejoin = bed.join({ memberId: follower.memberId });
    bed.advance(rebalanceTimeoutMs - 1);
    expect(join.isPending).toBe(true);
    bed.advance(1);
    // The leader was the one that did not come.
    expect(join.value).toMatchObject({ generationId: 2, leader: follower.memberId });
    expect(rejoin.value.members.map(({ memberId }) => memberId)).toEqual([follower.memberId, join.value.memberId]);
    expect(bed.heartbeat(leader)).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    expect(bed.join({ memberId: leader.memberId }).value.errorCode).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
  });

  it('waits as long as the most patient member asks', async () => {
    const bed = await TestBed.start();
    const session = { sessionTimeoutMs: 5000 };
    bed.stableGroup(1, { ...session, rebalanceTimeoutMs: 1000 });
    const join = bed.join({ ...session, rebalanceTimeoutMs: 100 });
    bed.advance(999);
    expect(join.isPending).toBe(true);
    bed.advance(1);
    expect(join.value.generationId).toBe(2);
  });

  it('answers a follower that rejoins with the same subscription from the current generation', async () => {
    const bed = await TestBed.start();
    const [leader, follower] = bed.stableGroup(2);
    expect(bed.join({ memberId: follower.memberId }).value).toMatchObject({
      errorCode: ErrorCode.NONE,
      generationId: 1,
      members: [],
      leader: leader.memberId,
    });
    expect(bed.state()).toBe('Stable');
    const changed = bed.join({ memberId: follower.memberId, protocols: [protocol('range', 'changed')] });
    expect(changed.isPending).toBe(true);
    expect(bed.state()).toBe('PreparingRebalance');
  });

  it('rebalances when the leader rejoins a stable group', async () => {
    const bed = await TestBed.start();
    const [leader, follower] = bed.stableGroup(2);
    const rejoin = bed.join({ memberId: leader.memberId });
    expect(rejoin.isPending).toBe(true);
    bed.join({ memberId: follower.memberId });
    expect(rejoin.value.generationId).toBe(2);
  });

  it('repeats the generation to a member that asks while the leader assigns', async () => {
    const bed = await TestBed.start();
    const joins = [bed.join(), bed.join()];
    bed.advance(100);
    const [leader, follower] = joins.map(({ value }) => value);
    expect(bed.join({ memberId: leader.memberId }).value).toEqual(leader);
    expect(bed.join({ memberId: follower.memberId }).value).toEqual(follower);
    expect(bed.state()).toBe('CompletingRebalance');
    const changed = bed.join({ memberId: follower.memberId, protocols: [protocol('range', 'changed')] });
    expect(changed.isPending).toBe(true);
    expect(bed.state()).toBe('PreparingRebalance');
  });

  it('removes members that never ask for their assignment, and rebalances', async () => {
    const bed = await TestBed.start();
    const joins = [bed.join(), bed.join()];
    bed.advance(100);
    const [leader, follower] = joins.map(({ value }) => value);
    const sync = bed.sync(leader, { [leader.memberId]: 'mine', [follower.memberId]: 'yours' });
    expect(sync.value.errorCode).toBe(ErrorCode.NONE);
    // The follower sends heartbeats and no SyncGroup.
    bed.advance(rebalanceTimeoutMs - 1);
    expect(bed.heartbeat(follower)).toBe(ErrorCode.NONE);
    expect(bed.state()).toBe('Stable');
    bed.advance(1);
    expect(bed.state()).toBe('PreparingRebalance');
    expect(bed.heartbeat(follower)).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    expect(bed.heartbeat(leader)).toBe(ErrorCode.REBALANCE_IN_PROGRESS);
  });

  it('is empty when nobody asks for an assignment', async () => {
    const bed = await TestBed.start();
    const join = bed.join();
    bed.advance(50);
    bed.advance(rebalanceTimeoutMs);
    expect(bed.state()).toBe('Empty');
    expect(bed.heartbeat(join.value)).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
  });

  it('does not remove those who synced in time', async () => {
    const bed = await TestBed.start();
    const members = bed.stableGroup(3);
    bed.advance(rebalanceTimeoutMs);
    for (const member of members) expect(bed.heartbeat(member)).toBe(ErrorCode.NONE);
    expect(bed.state()).toBe('Stable');
  });

  it('survives a JoinGroup whose connection cannot take the answer', async () => {
    const bed = await TestBed.start();
    bed.coordinator.joinGroup(
      {
        groupId: 'group',
        memberId: '',
        groupInstanceId: null,
        requireKnownMemberId: false,
        supportsSkippingAssignment: false,
        clientId: 'broken',
        clientHost: '/127.0.0.1',
        rebalanceTimeoutMs,
        sessionTimeoutMs,
        protocolType: 'consumer',
        protocols: [protocol('range')],
        reason: null,
      },
      () => {
        throw new Error('gone');
      },
    );
    const join = bed.join();
    bed.advance(100);
    expect(join.value.errorCode).toBe(ErrorCode.NONE);
  });
});

describe('SyncGroup', () => {
  it('refuses what does not belong to the generation', async () => {
    const bed = await TestBed.start();
    expect(bed.sync({ memberId: 'm', generationId: 1 }).value.errorCode).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    expect(bed.sync({ memberId: 'm', generationId: 1 }, {}, { groupId: '' }).value.errorCode).toBe(
      ErrorCode.INVALID_GROUP_ID,
    );
    const [member] = bed.stableGroup();
    const { memberId } = member;
    expect(bed.sync({ memberId: 'other', generationId: 1 }).value.errorCode).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    expect(bed.sync({ memberId, generationId: 2 }).value.errorCode).toBe(ErrorCode.ILLEGAL_GENERATION);
    const named = (protocolType: string, protocolName: string) =>
      bed.sync(member, {}, { protocolType, protocolName }).value;
    expect(named('connect', 'range').errorCode).toBe(ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
    expect(named('consumer', 'sticky').errorCode).toBe(ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
    expect(named('consumer', 'range')).toEqual({
      errorCode: ErrorCode.NONE,
      protocolType: 'consumer',
      protocolName: 'range',
      assignment: Buffer.from(`of ${memberId}`),
    });
  });

  it('gives followers what the leader brings, whoever comes first', async () => {
    const bed = await TestBed.start();
    const joins = [bed.join(), bed.join(), bed.join()];
    bed.advance(150);
    const [leader, early, late] = joins.map(({ value }) => value);
    const waiting = bed.sync(early);
    expect(waiting.isPending).toBe(true);
    const leaders = bed.sync(leader, { [leader.memberId]: 'a', [early.memberId]: 'b', stranger: 'x' });
    expect(leaders.value.assignment.toString()).toBe('a');
    expect(waiting.value.assignment.toString()).toBe('b');
    // The leader forgot it.
    expect(bed.sync(late).value).toMatchObject({ errorCode: ErrorCode.NONE, assignment: Buffer.alloc(0) });
    expect(bed.state()).toBe('Stable');
  });

  it('waits until the group is written', async () => {
    const bed = await TestBed.start();
    const join = bed.join();
    bed.advance(50);
    bed.replicas.isSlow = true;
    const sync = bed.sync(join.value, { [join.value.memberId]: 'a' });
    expect(sync.isPending).toBe(true);
    expect(bed.state()).toBe('CompletingRebalance');
    expect(bed.replicas.appended.at(-1)).toEqual({
      origin: 'coordinator',
      requiredAcks: -1,
      timeoutMs: 5000,
      internalTopicsAllowed: true,
    });
    bed.replicas.replicate();
    expect(sync.value.errorCode).toBe(ErrorCode.NONE);
    expect(bed.state()).toBe('Stable');
  });

  it.each([
    [ErrorCode.NOT_ENOUGH_REPLICAS, ErrorCode.COORDINATOR_NOT_AVAILABLE],
    [ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND, ErrorCode.COORDINATOR_NOT_AVAILABLE],
    [ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, ErrorCode.COORDINATOR_NOT_AVAILABLE],
    [ErrorCode.NOT_LEADER_OR_FOLLOWER, ErrorCode.NOT_COORDINATOR],
    [ErrorCode.KAFKA_STORAGE_ERROR, ErrorCode.NOT_COORDINATOR],
    [ErrorCode.REQUEST_TIMED_OUT, ErrorCode.REBALANCE_IN_PROGRESS],
    [ErrorCode.MESSAGE_TOO_LARGE, ErrorCode.UNKNOWN_SERVER_ERROR],
    [ErrorCode.CORRUPT_MESSAGE, ErrorCode.CORRUPT_MESSAGE],
  ])('answers the append error %i with %i, and begins anew', async (refusal, expected) => {
    const bed = await TestBed.start();
    const joins = [bed.join(), bed.join()];
    bed.advance(100);
    const [leader, follower] = joins.map(({ value }) => value);
    const waiting = bed.sync(follower);
    bed.replicas.refusal = refusal;
    const sync = bed.sync(leader, { [leader.memberId]: 'a', [follower.memberId]: 'b' });
    expect(sync.value).toMatchObject({ errorCode: expected, protocolName: null, assignment: Buffer.alloc(0) });
    expect(waiting.value.errorCode).toBe(expected);
    expect(bed.state()).toBe('PreparingRebalance');
  });

  it('does not give out an assignment that a rebalance has overtaken', async () => {
    const bed = await TestBed.start();
    const join = bed.join();
    bed.advance(50);
    bed.replicas.isSlow = true;
    const sync = bed.sync(join.value, { [join.value.memberId]: 'a' });
    const newcomer = bed.join();
    expect(sync.value.errorCode).toBe(ErrorCode.REBALANCE_IN_PROGRESS);
    const rejoin = bed.join({ memberId: join.value.memberId });
    expect(newcomer.value.generationId).toBe(2);
    expect(bed.state()).toBe('CompletingRebalance');
    bed.replicas.replicate();
    expect(bed.state()).toBe('CompletingRebalance');
    const again = bed.sync(rejoin.value, { [join.value.memberId]: 'b' });
    bed.replicas.replicate();
    expect(again.value.assignment.toString()).toBe('b');
  });

  it('answers whoever waits when a member leaves before the assignment', async () => {
    const bed = await TestBed.start();
    const joins = [bed.join(), bed.join(), bed.join()];
    bed.advance(150);
    const [, staying, leaving] = joins.map(({ value }) => value);
    const syncs = [bed.sync(staying), bed.sync(leaving)];
    expect(bed.leave(leaving.memberId)).toBe(ErrorCode.NONE);
    expect(syncs[0].value.errorCode).toBe(ErrorCode.REBALANCE_IN_PROGRESS);
    expect(syncs[1].value.errorCode).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    expect(bed.state()).toBe('PreparingRebalance');
  });

  it('answers every SyncGroup of a client that asks again', async () => {
    const bed = await TestBed.start();
    const joins = [bed.join(), bed.join()];
    bed.advance(100);
    const [leader, follower] = joins.map(({ value }) => value);
    const first = bed.sync(follower);
    const again = bed.sync(follower);
    expect(first.value.errorCode).toBe(ErrorCode.REBALANCE_IN_PROGRESS);
    bed.sync(leader, { [follower.memberId]: 'b' });
    expect(again.value.assignment.toString()).toBe('b');
  });
});

describe('Heartbeat and sessions', () => {
  it('refuses what does not belong to the generation', async () => {
    const bed = await TestBed.start();
    expect(bed.heartbeat({ memberId: 'm', generationId: 1 }, null, '')).toBe(ErrorCode.INVALID_GROUP_ID);
    expect(bed.heartbeat({ memberId: 'm', generationId: 1 })).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    const [{ memberId }] = bed.stableGroup();
    expect(bed.heartbeat({ memberId: 'other', generationId: 1 })).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    expect(bed.heartbeat({ memberId, generationId: 2 })).toBe(ErrorCode.ILLEGAL_GENERATION);
    expect(bed.heartbeat({ memberId, generationId: 1 })).toBe(ErrorCode.NONE);
    expect(bed.heartbeat({ memberId, generationId: 1 }, 'instance')).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
  });

  it('keeps a member alive as long as its heartbeats come, to the millisecond', async () => {
    const bed = await TestBed.start();
    const [member] = bed.stableGroup();
    for (let i = 0; i < 10; i++) {
      bed.advance(sessionTimeoutMs - 1);
      expect(bed.heartbeat(member)).toBe(ErrorCode.NONE);
    }
    bed.advance(sessionTimeoutMs - 1);
    expect(bed.state()).toBe('Stable');
    bed.advance(1);
    expect(bed.state()).toBe('Empty');
    expect(bed.heartbeat(member)).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
  });

  it('takes a commit, a sync and heartbeats in every state as signs of life', async () => {
    const bed = await TestBed.start();
    const join = bed.join();
    bed.advance(50);
    // A heartbeat in CompletingRebalance.
    bed.advance(rebalanceTimeoutMs - 1);
    expect(bed.heartbeat(join.value)).toBe(ErrorCode.NONE);
    const [member] = bed.stabilize([join.value]);
    bed.advance(sessionTimeoutMs - 1);
    const { memberId, generationId } = member;
    expect(bed.commit({ memberId, generationId }).value).toEqual([ErrorCode.NONE]);
    bed.advance(sessionTimeoutMs - 1);
    expect(bed.sync(member).value.errorCode).toBe(ErrorCode.NONE);
    bed.advance(sessionTimeoutMs - 1);
    expect(bed.heartbeat(member)).toBe(ErrorCode.NONE);
  });

  it('does not expire who waits in a rebalance, and counts again from its end', async () => {
    const bed = await TestBed.start();
    const patient = { sessionTimeoutMs: 100, rebalanceTimeoutMs: 1000 };
    const [leader, follower] = bed.stableGroup(2, patient);
    const rejoin = bed.join({ ...patient, memberId: leader.memberId });
    for (let i = 0; i < 9; i++) {
      bed.advance(99);
      expect(bed.heartbeat(follower)).toBe(ErrorCode.REBALANCE_IN_PROGRESS);
    }
    expect(rejoin.isPending).toBe(true);
    const other = bed.join({ ...patient, memberId: follower.memberId });
    expect(rejoin.value.generationId).toBe(2);
    const waiting = bed.sync(other.value);
    bed.advance(99);
    expect(bed.heartbeat(rejoin.value)).toBe(ErrorCode.NONE);
    bed.advance(50);
    expect(waiting.isPending).toBe(true);
    bed.sync(rejoin.value, { [follower.memberId]: 'b' });
    expect(waiting.value.errorCode).toBe(ErrorCode.NONE);
    bed.advance(99);
    expect(bed.heartbeat(other.value)).toBe(ErrorCode.NONE);
  });

  it('goes on with a rebalance when the missing member expires', async () => {
    const bed = await TestBed.start();
    const patient = { sessionTimeoutMs: 100, rebalanceTimeoutMs: 60_000 };
    const [leader] = bed.stableGroup(2, patient);
    bed.advance(50);
    const rejoin = bed.join({ ...patient, memberId: leader.memberId });
    bed.advance(50);
    expect(rejoin.value).toMatchObject({ generationId: 2 });
    expect(rejoin.value.members).toHaveLength(1);
  });

  it('has one timer a member, however many heartbeats come', async () => {
    const bed = await TestBed.start();
    const [member] = bed.stableGroup();
    let timers = 0;
    const timer = bed.clock.timer.bind(bed.clock);
    bed.clock.timer = (delayMs, fire) => {
      timers++;
      return timer(delayMs, fire);
    };
    for (let i = 0; i < 1000; i++) bed.heartbeat(member);
    expect(timers).toBe(0);
  });
});

describe('LeaveGroup', () => {
  it('makes a group empty, and writes so', async () => {
    const bed = await TestBed.start();
    const [member] = bed.stableGroup();
    expect(bed.leave('other')).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    expect(bed.leave(member.memberId, null, 'no-group')).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    expect(bed.leave(member.memberId, null, '')).toBe(ErrorCode.INVALID_GROUP_ID);
    expect(bed.leave(member.memberId)).toBe(ErrorCode.NONE);
    expect(bed.state()).toBe('Empty');
    expect(bed.replicas.records(bed.partitionOf('group')).at(-1)).toEqual({
      key: { kind: 'group', group: 'group' },
      value: {
        protocolType: 'consumer',
        generation: 2,
        protocol: null,
        leader: null,
        currentStateTimestamp: bed.clock.now,
        members: [],
      },
    });
    expect(bed.leave(member.memberId)).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
  });

  it('takes several members at once, each with its own error', async () => {
    const bed = await TestBed.start();
    const [first, second, third] = bed.stableGroup(3);
    const leaving = [first.memberId, 'nobody', second.memberId].map((memberId) => ({
      memberId,
      groupInstanceId: null,
      reason: 'bye',
    }));
    const { errorCode, members } = bed.coordinator.leaveGroup('group', leaving);
    expect(errorCode).toBe(ErrorCode.NONE);
    expect(members.map((member) => member.errorCode)).toEqual([
      ErrorCode.NONE,
      ErrorCode.UNKNOWN_MEMBER_ID,
      ErrorCode.NONE,
    ]);
    const rejoin = bed.join({ memberId: third.memberId });
    expect(rejoin.value).toMatchObject({ generationId: 2, leader: third.memberId });
  });

  it('answers a JoinGroup that waits', async () => {
    const bed = await TestBed.start();
    const [leader] = bed.stableGroup(2);
    const rejoin = bed.join({ memberId: leader.memberId });
    expect(bed.leave(leader.memberId)).toBe(ErrorCode.NONE);
    expect(rejoin.value.errorCode).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
  });

  it('lets a group start again after it was empty, with the initial delay', async () => {
    const bed = await TestBed.start();
    const [member] = bed.stableGroup();
    bed.leave(member.memberId);
    const join = bed.join();
    bed.advance(49);
    expect(join.isPending).toBe(true);
    bed.advance(1);
    expect(join.value.generationId).toBe(3);
  });
});

describe('the records of a group', () => {
  it('hold its members with what they got', async () => {
    const bed = await TestBed.start();
    const members = bed.stableGroup(2, { clientId: 'c', clientHost: '/10.0.0.7' });
    const written = bed.replicas.records(bed.partitionOf('group'));
    expect(written).toEqual([
      {
        key: { kind: 'group', group: 'group' },
        value: {
          protocolType: 'consumer',
          generation: 1,
          protocol: 'range',
          leader: members[0].memberId,
          currentStateTimestamp: expect.any(Number) as number,
          members: members.map(({ memberId }) => ({
            memberId,
            groupInstanceId: null,
            clientId: 'c',
            clientHost: '/10.0.0.7',
            rebalanceTimeout: rebalanceTimeoutMs,
            sessionTimeout: sessionTimeoutMs,
            subscription: Buffer.from('range'),
            assignment: Buffer.from(`of ${memberId}`),
          })),
        },
      },
    ]);
  });

  it('go to the partition that Kafka puts the group in', async () => {
    const bed = await TestBed.start();
    expect(bed.partitionOf('group')).toBe(98629247 % 2);
    // Partitions that are added do not move groups.
    bed.setPartitions(10);
    expect(bed.partitionOf('group')).toBe(98629247 % 2);
    // A topic that is created anew does.
    bed.topics.delete(groupMetadataTopic);
    expect(bed.coordinator.partitionFor('group')).toBeUndefined();
    expect(bed.join().value.errorCode).toBe(ErrorCode.NOT_COORDINATOR);
    bed.setPartitions(10);
    expect(bed.coordinator.partitionFor('group')).toBeUndefined();
    await bed.settle();
    expect(bed.partitionOf('group')).toBe(98629247 % 10);
  });

  it('wait until it is known how many partitions there are, whatever the controller has told of', async () => {
    const bed = await TestBed.bare();
    bed.coordinator.start();
    bed.forgetTopic();
    bed.setPartitions(1);
    bed.partitionCount = 2;
    expect(bed.join().value.errorCode).toBe(ErrorCode.COORDINATOR_LOAD_IN_PROGRESS);
    expect(bed.coordinator.partitionFor('group')).toBeUndefined();
    await bed.settle();
    expect(bed.partitionOf('group')).toBe(98629247 % 2);
    expect(bed.join().value.errorCode).toBe(ErrorCode.NOT_COORDINATOR);
    bed.setPartitions(2);
    expect(bed.partitionOf('group')).toBe(98629247 % 2);
  });
});
