import { describe, expect, it } from 'vitest';
import { ErrorCode } from '../../../broker/src/protocol/errors';
import type { JoinGroupResult } from '../../../broker/src/groups/group-results';
import { protocol, rebalanceTimeoutMs, sessionTimeoutMs, TestBed } from './support';

/** A stable group of the static members `leader` and `follower`. */
async function staticGroup(): Promise<{ bed: TestBed; leader: JoinGroupResult; follower: JoinGroupResult }> {
  const bed = await TestBed.start();
  const joins = ['leader', 'follower'].map((groupInstanceId) => bed.join({ groupInstanceId }));
  bed.advance(100);
  const [leader, follower] = bed.stabilize(joins.map(({ value }) => value));
  return { bed, leader, follower };
}

function lastGroupRecord(bed: TestBed): unknown {
  return bed.replicas.records(bed.partitionOf('group')).at(-1);
}

describe('static members (KIP-345)', () => {
  it('get their member id with their membership, named for the instance', async () => {
    const { leader, follower } = await staticGroup();
    expect(leader.memberId).toMatch(/^leader-[0-9a-f-]{36}$/);
    expect(leader.members.map(({ groupInstanceId }) => groupInstanceId)).toEqual(['leader', 'follower']);
    expect(follower.leader).toBe(leader.memberId);
  });

  it('take their place back after a restart without a rebalance, and the new member id is written', async () => {
    const { bed, leader, follower } = await staticGroup();
    const back = bed.join({ groupInstanceId: 'follower' }).value;
    expect(back).toMatchObject({
      errorCode: ErrorCode.NONE,
      generationId: 1,
      leader: leader.memberId,
      protocolType: 'consumer',
      protocolName: 'range',
      members: [],
      skipAssignment: false,
    });
    expect(back.memberId).not.toBe(follower.memberId);
    expect(bed.state()).toBe('Stable');
    expect(lastGroupRecord(bed)).toMatchObject({
      value: {
        generation: 1,
        members: [
          { memberId: leader.memberId, groupInstanceId: 'leader' },
          { memberId: back.memberId, groupInstanceId: 'follower' },
        ],
      },
    });
    // It has the assignment that it had.
    expect(bed.sync({ ...back, groupInstanceId: 'follower' }).value.assignment.toString()).toBe(
      `of ${follower.memberId}`,
    );
    expect(bed.heartbeat(back, 'follower')).toBe(ErrorCode.NONE);
    expect(bed.heartbeat(follower, 'follower')).toBe(ErrorCode.FENCED_INSTANCE_ID);
    expect(bed.heartbeat(follower)).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
  });

  it('lead on after a restart, leaving the assignment alone (version 9)', async () => {
    const { bed, follower } = await staticGroup();
    const back = bed.join({ groupInstanceId: 'leader' }).value;
    expect(back).toMatchObject({ errorCode: ErrorCode.NONE, leader: back.memberId, skipAssignment: true });
    expect(back.members.map(({ groupInstanceId }) => groupInstanceId).sort()).toEqual(['follower', 'leader']);
    const rejoin = bed.join({ memberId: back.memberId, groupInstanceId: 'leader' });
    bed.join({ memberId: follower.memberId, groupInstanceId: 'follower' });
    expect(rejoin.value).toMatchObject({ generationId: 2, leader: back.memberId });
  });

  it('are told of the old leader where they cannot skip the assignment (before version 9)', async () => {
    const { bed, leader } = await staticGroup();
    const back = bed.join({ groupInstanceId: 'leader', supportsSkippingAssignment: false }).value;
    expect(back).toMatchObject({ leader: leader.memberId, members: [], skipAssignment: false });
    expect(back.memberId).not.toBe(leader.memberId);
  });

  it('cause a rebalance when the restart changes the protocol', async () => {
    const bed = await TestBed.start();
    const both = [protocol('range'), protocol('sticky')];
    const joins = ['a', 'b'].map((groupInstanceId) => bed.join({ groupInstanceId, protocols: both }));
    bed.advance(100);
    const [first] = bed.stabilize(joins.map(({ value }) => value));
    const back = bed.join({ groupInstanceId: 'b', protocols: [protocol('sticky')] });
    expect(back.isPending).toBe(true);
    expect(bed.state()).toBe('PreparingRebalance');
    bed.join({ memberId: first.memberId, groupInstanceId: 'a', protocols: both });
    expect(back.value).toMatchObject({ generationId: 2, protocolName: 'sticky' });
  });

  it('keep the old member id when the new one cannot be written', async () => {
    const { bed, leader, follower } = await staticGroup();
    bed.replicas.isSlow = true;
    const back = bed.join({ groupInstanceId: 'follower', protocols: [protocol('range', 'new')] });
    expect(back.isPending).toBe(true);
    bed.replicas.replicate(ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND);
    expect(back.value).toMatchObject({
      errorCode: ErrorCode.COORDINATOR_NOT_AVAILABLE,
      memberId: '',
      generationId: 1,
      leader: leader.memberId,
    });
    expect(bed.heartbeat(follower, 'follower')).toBe(ErrorCode.NONE);
    const described = bed.coordinator.describeGroup('group').members.find((one) => one.groupInstanceId === 'follower');
    expect(described).toMatchObject({ memberId: follower.memberId, memberMetadata: Buffer.from('range') });
  });

  it('are answered by what overtakes the writing of their new member id', async () => {
    const { bed, leader } = await staticGroup();
    bed.replicas.isSlow = true;
    const fenced = bed.join({ groupInstanceId: 'follower' });
    const back = bed.join({ groupInstanceId: 'follower' });
    expect(fenced.value.errorCode).toBe(ErrorCode.FENCED_INSTANCE_ID);
    const rejoin = bed.join({ memberId: leader.memberId, groupInstanceId: 'leader' });
    // A rebalance of everybody, and both were waiting for one.
    expect(back.value.generationId).toBe(2);
    expect(rejoin.value.generationId).toBe(2);
    bed.replicas.replicate();
    expect(bed.state()).toBe('CompletingRebalance');
  });

  it('are answered when the coordinator moves while the new member id is written', async () => {
    const { bed } = await staticGroup();
    bed.replicas.isSlow = true;
    const back = bed.join({ groupInstanceId: 'follower' });
    bed.replicas.resign(bed.partitionOf('group'));
    expect(back.value.errorCode).toBe(ErrorCode.NOT_COORDINATOR);
    bed.replicas.replicate();
  });

  it('count their session anew when a slow write outlasted it', async () => {
    const { bed } = await staticGroup();
    bed.replicas.isSlow = true;
    const back = bed.join({ groupInstanceId: 'follower' });
    for (let i = 0; i < 4; i++) {
      bed.advance(sessionTimeoutMs / 2);
      const leader = bed.coordinator.describeGroup('group').members.find((one) => one.groupInstanceId === 'leader')!;
      bed.heartbeat({ memberId: leader.memberId, generationId: 1 }, 'leader');
    }
    bed.replicas.replicate();
    expect(back.value.errorCode).toBe(ErrorCode.NONE);
    bed.advance(sessionTimeoutMs);
    expect(bed.coordinator.describeGroup('group').members).toHaveLength(0);
  });

  it('are fenced when another has their instance id', async () => {
    const { bed, leader } = await staticGroup();
    const stranger = { memberId: 'stranger', generationId: 1 };
    const instance = 'leader';
    expect(bed.join({ memberId: 'stranger', groupInstanceId: instance }).value.errorCode).toBe(
      ErrorCode.FENCED_INSTANCE_ID,
    );
    expect(bed.sync({ ...stranger, groupInstanceId: instance }).value.errorCode).toBe(ErrorCode.FENCED_INSTANCE_ID);
    expect(bed.heartbeat(stranger, instance)).toBe(ErrorCode.FENCED_INSTANCE_ID);
    expect(bed.leave('stranger', instance)).toBe(ErrorCode.FENCED_INSTANCE_ID);
    expect(bed.commit({ ...stranger, groupInstanceId: instance }).value).toEqual([ErrorCode.FENCED_INSTANCE_ID]);
    const { memberId } = leader;
    expect(bed.join({ memberId, groupInstanceId: 'nobody' }).value.errorCode).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    expect(bed.commit({ memberId, groupInstanceId: instance, generationId: 1 }).value).toEqual([ErrorCode.NONE]);
  });

  it('fence who waits under their instance id', async () => {
    const bed = await TestBed.start();
    const first = bed.join({ groupInstanceId: 'one' });
    const second = bed.join({ groupInstanceId: 'one' });
    expect(first.value.errorCode).toBe(ErrorCode.FENCED_INSTANCE_ID);
    bed.advance(50);
    expect(second.value).toMatchObject({ generationId: 1, leader: second.value.memberId });
    expect(second.value.members).toHaveLength(1);
    // Now in the middle of a SyncGroup.
    const joins = [bed.join({ memberId: second.value.memberId, groupInstanceId: 'one' }), bed.join()];
    expect(joins[1].isPending).toBe(true);
    const rejoin = bed.join({ memberId: second.value.memberId, groupInstanceId: 'one' });
    const waiting = bed.sync(joins[1].value);
    expect(waiting.isPending).toBe(true);
    const replacing = bed.join({ groupInstanceId: 'one' });
    expect(waiting.value.errorCode).toBe(ErrorCode.REBALANCE_IN_PROGRESS);
    expect(replacing.isPending).toBe(true);
    expect(rejoin.value.generationId).toBe(2);
    expect(bed.state()).toBe('PreparingRebalance');
  });

  it('are not removed when they miss a rebalance, only when their session ends', async () => {
    const bed = await TestBed.start();
    const long = { sessionTimeoutMs: 2000 };
    const joins = ['a', 'b'].map((groupInstanceId) => bed.join({ ...long, groupInstanceId }));
    bed.advance(100);
    const [first, second] = bed.stabilize(joins.map(({ value }) => value));
    const rejoin = bed.join({ ...long, memberId: first.memberId, groupInstanceId: 'a' });
    bed.advance(rebalanceTimeoutMs);
    expect(rejoin.value).toMatchObject({ generationId: 2 });
    expect(rejoin.value.members).toHaveLength(2);
    expect(bed.heartbeat({ ...second, generationId: 2 }, 'b')).toBe(ErrorCode.NONE);
  });

  it('hold a rebalance up when only static members are left and none comes', async () => {
    const bed = await TestBed.start();
    const long = { sessionTimeoutMs: 1000 };
    const joins = [bed.join({ ...long, groupInstanceId: 'a' }), bed.join({ ...long, groupInstanceId: 'b' })];
    bed.advance(100);
    const [first] = bed.stabilize(joins.map(({ value }) => value));
    expect(bed.leave('', 'b')).toBe(ErrorCode.NONE);
    for (let i = 0; i < 3; i++) {
      bed.advance(rebalanceTimeoutMs);
      expect(bed.state()).toBe('PreparingRebalance');
    }
    const rejoin = bed.join({ ...long, memberId: first.memberId, groupInstanceId: 'a' });
    expect(rejoin.value.generationId).toBe(2);
  });

  it('are removed by a tool that knows their instance id alone', async () => {
    const { bed, follower } = await staticGroup();
    expect(bed.leave('', 'nobody')).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    expect(bed.leave('')).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    expect(bed.leave('', 'follower')).toBe(ErrorCode.NONE);
    expect(bed.state()).toBe('PreparingRebalance');
    expect(bed.heartbeat(follower, 'follower')).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
  });

  it('keep their place over a change of coordinator', async () => {
    const { bed, leader, follower } = await staticGroup();
    for (const index of [0, 1]) bed.replicas.resign(index);
    for (const index of [0, 1]) bed.replicas.elect(index, 2);
    await bed.settle();
    expect(bed.heartbeat(leader, 'leader')).toBe(ErrorCode.NONE);
    const back = bed.join({ groupInstanceId: 'follower' }).value;
    expect(back).toMatchObject({ generationId: 1, leader: leader.memberId });
    expect(bed.heartbeat(follower, 'follower')).toBe(ErrorCode.FENCED_INSTANCE_ID);
  });
});
