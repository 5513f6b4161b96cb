import { describe, expect, it } from 'vitest';
import { ErrorCode } from '../../../broker/src/protocol/errors';
import { ControllerBed } from './controller-bed';

async function assignment(bed: ControllerBed, topic = 't', partition = 0) {
  return (await bed.zk.getTopicAssignment(topic))?.partitions.get(partition);
}

describe('A reassignment', () => {
  it('adds the new replicas, waits for them, and takes the old ones away', async () => {
    await using bed = await ControllerBed.start([1, 2, 3, 4]);
    await bed.createTopic('t', [1, 2], [1, 2]);
    expect(await bed.reassign('t', [3, 4])).toBe(ErrorCode.NONE);
    expect(await assignment(bed)).toEqual({
      replicas: [3, 4, 1, 2],
      addingReplicas: [3, 4],
      removingReplicas: [1, 2],
    });
    await expect
      .poll(() => bed.broker(3).replicas.get('t-0'))
      .toMatchObject({
        leader: 1,
        isNew: true,
        replicas: [3, 4, 1, 2],
        addingReplicas: [3, 4],
        removingReplicas: [1, 2],
      });
    expect(await bed.controller.listPartitionReassignments({ timeoutMs: 0, topics: null })).toMatchObject({
      topics: [
        {
          name: 't',
          partitions: [{ partitionIndex: 0, replicas: [3, 4, 1, 2], addingReplicas: [3, 4], removingReplicas: [1, 2] }],
        },
      ],
    });
    // One has caught up, then the other.
    expect((await bed.alterIsr('t', [1, 2, 3])).errorCode).toBe(ErrorCode.NONE);
    expect((await assignment(bed))?.addingReplicas).toEqual([3, 4]);
    expect((await bed.alterIsr('t', [1, 2, 3, 4])).errorCode).toBe(ErrorCode.NONE);
    await expect.poll(() => assignment(bed)).toEqual({ replicas: [3, 4], addingReplicas: [], removingReplicas: [] });
    expect(await bed.leadership('t')).toBe('3/3,4');
    expect(await bed.leadership('t', 1)).toBe('1/1,2');
    for (const id of [1, 2]) {
      await expect.poll(() => bed.broker(id).deleted).toEqual(['t-0']);
      // Stopped and deleted with the leader epoch that says so.
      const stops = bed.broker(id).sent.filter(({ api }) => api === 'StopReplica');
      expect(stops.flatMap(({ partitions }) => partitions).at(-1)).toMatch(/^t-0:delete \d+$/);
    }
    await expect.poll(() => bed.broker(2).metadata.partition('t', 0)?.replicas).toEqual([3, 4]);
    const listed = await bed.controller.listPartitionReassignments({ timeoutMs: 0, topics: null });
    expect(listed.topics).toEqual([]);
    expect(bed.logger.lines.join('\n')).toContain('The reassignment of t-0 to [3,4] is complete.');
  });

  it('keeps the leader when it is one of the target', async () => {
    await using bed = await ControllerBed.start([1, 2, 3]);
    await bed.createTopic('t', [1, 2]);
    await bed.reassign('t', [3, 1]);
    await bed.alterIsr('t', [1, 2, 3]);
    await expect.poll(async () => (await assignment(bed))?.replicas).toEqual([3, 1]);
    await expect.poll(() => bed.leadership('t')).toBe('1/1,3');
  });

  it('of the order alone is done at once', async () => {
    await using bed = await ControllerBed.start([1, 2, 3]);
    await bed.createTopic('t', [1, 2, 3]);
    expect(await bed.reassign('t', [3, 2, 1])).toBe(ErrorCode.NONE);
    expect(await assignment(bed)).toEqual({ replicas: [3, 2, 1], addingReplicas: [], removingReplicas: [] });
    await expect.poll(() => bed.broker(2).metadata.partition('t', 0)?.replicas).toEqual([3, 2, 1]);
  });

  it('can be cancelled, and replaced by another', async () => {
    await using bed = await ControllerBed.start([1, 2, 3, 4]);
    await bed.createTopic('t', [1, 2]);
    expect(await bed.reassign('t', null)).toBe(ErrorCode.NO_REASSIGNMENT_IN_PROGRESS);
    await bed.reassign('t', [1, 3]);
    await expect.poll(() => bed.broker(3).replicas.has('t-0')).toBe(true);
    expect(await bed.reassign('t', [1, 4])).toBe(ErrorCode.NONE);
    expect(await assignment(bed)).toEqual({ replicas: [1, 4, 2], addingReplicas: [4], removingReplicas: [2] });
    await expect.poll(() => bed.broker(3).deleted).toEqual(['t-0']);
    expect(await bed.reassign('t', null)).toBe(ErrorCode.NONE);
    expect(await assignment(bed)).toEqual({ replicas: [1, 2], addingReplicas: [], removingReplicas: [] });
    await expect.poll(() => bed.broker(4).deleted).toEqual(['t-0']);
    expect(await bed.leadership('t')).toBe('1/1,2');
  });

  it('is refused for brokers that are not there, replicas that are none, and partitions that do not exist', async () => {
    await using bed = await ControllerBed.start([1, 2]);
    await bed.createTopic('t', [1, 2]);
    for (const replicas of [[], [1, 1], [1, -1], [1, 9]]) {
      expect(await bed.reassign('t', replicas)).toBe(ErrorCode.INVALID_REPLICA_ASSIGNMENT);
    }
    expect(await bed.reassign('t', [1], 7)).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    expect(await bed.reassign('none', null)).toBe(ErrorCode.NO_REASSIGNMENT_IN_PROGRESS);
  });

  it('goes on when another broker has become the controller', async () => {
    await using bed = await ControllerBed.start([1, 2, 3]);
    await bed.startController(2);
    await bed.createTopic('t', [1, 2]);
    await bed.reassign('t', [2, 3]);
    await bed.stopBroker(1);
    await expect.poll(() => bed.controllers.get(2)!.isActive).toBe(true);
    await bed.untilLeadership('t', '2/2');
    expect(await assignment(bed)).toEqual({ replicas: [2, 3, 1], addingReplicas: [3], removingReplicas: [1] });
    await bed.settled();
    expect((await bed.alterIsr('t', [2, 3])).errorCode).toBe(ErrorCode.NONE);
    await expect.poll(() => assignment(bed)).toEqual({ replicas: [2, 3], addingReplicas: [], removingReplicas: [] });
  });

  it('is taken from /admin/reassign_partitions, which is deleted when it is done', async () => {
    await using bed = await ControllerBed.start([1, 2, 3]);
    await bed.createTopic('t', [1, 2], [1, 2]);
    const path = '/admin/reassign_partitions';
    for (const replicas of [
      [1, 3],
      [2, 3],
    ]) {
      await bed.zk.setOrCreatePartitionReassignments(
        [
          { topic: 't', partition: 0, replicas },
          { topic: 'none', partition: 0, replicas: [1] },
        ],
        -1,
      );
      await expect.poll(async () => (await assignment(bed))?.replicas.slice(0, 2)).toEqual(replicas);
      // What cannot be done is taken out at once.
      await expect
        .poll(async () => (await bed.zk.getPartitionReassignments()).map(({ topic }) => topic))
        .toEqual(['t']);
      await bed.alterIsr('t', [...new Set([(await bed.state('t'))!.leader, ...replicas])]);
      await expect.poll(async () => await bed.zk.pathExists(path)).toBe(false);
      await expect.poll(async () => (await assignment(bed))?.replicas).toEqual(replicas);
    }
  });

  it('completes by the ISR in ZooKeeper under an older inter-broker version', async () => {
    await using bed = await ControllerBed.start([1, 2, 3], { interBrokerProtocolVersion: '2.6' });
    await bed.createTopic('t', [1, 2]);
    await bed.reassign('t', [1, 3]);
    const state = (await bed.state('t'))!;
    const { partitionEpoch } = state;
    await bed.zk.setPartitionStates(
      [{ topic: 't', partition: 0, state: { ...state, isr: [1, 2, 3] }, partitionEpoch }],
      -1,
    );
    await expect.poll(() => assignment(bed)).toEqual({ replicas: [1, 3], addingReplicas: [], removingReplicas: [] });
  });

  it('of many partitions of a topic writes its znode once a phase', async () => {
    await using bed = await ControllerBed.start([1, 2, 3]);
    const replicas = Array.from({ length: 50 }, () => [1, 2]);
    await bed.createTopic('t', ...replicas);
    const response = await bed.controller.alterPartitionReassignments({
      timeoutMs: 1000,
      topics: [{ name: 't', partitions: replicas.map((_, i) => ({ partitionIndex: i, replicas: [1, 3] })) }],
    });
    expect(response.responses[0].partitions.map(({ errorCode }) => errorCode)).toEqual(replicas.map(() => 0));
    const stat = (await bed.zk.get('/brokers/topics/t'))!.stat;
    expect(stat.version).toBe(1);
    await expect.poll(() => bed.broker(3).replicas.size).toBe(50);
  });
});
