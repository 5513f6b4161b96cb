import { describe, expect, it } from 'vitest';
import { ErrorCode } from '../../../broker/src/protocol/errors';
import { ControllerBed } from './controller-bed';

async function isGone(bed: ControllerBed, topic: string): Promise<boolean> {
  const marked = await bed.zk.isTopicMarkedForDeletion(topic);
  return !marked && (await bed.zk.getTopicAssignment(topic)) === undefined;
}

describe('The deletion of a topic', () => {
  it('tells everybody, deletes all replicas, and then the znodes', async () => {
    await using bed = await ControllerBed.start([1, 2, 3]);
    await bed.createTopic('t', [1, 2], [2, 3]);
    await bed.zk.setEntityConfig('topics', 't', new Map([['retention.ms', '1000']]));
    await bed.zk.createDeleteTopicPath('t');
    await expect.poll(() => isGone(bed, 't')).toBe(true);
    expect((await bed.zk.getEntityConfig('topics', 't')).size).toBe(0);
    expect(bed.broker(1).deleted).toEqual(['t-0']);
    expect(bed.broker(2).deleted.toSorted()).toEqual(['t-0', 't-1']);
    expect(bed.broker(3).metadata.topic('t')).toBeUndefined();
    // Clients are told before the logs go; the epoch says that it is a deletion.
    const { sent } = bed.broker(3);
    const stopped = sent.findIndex(({ partitions }) => partitions.includes('t-1:delete -2'));
    const told = sent.findIndex(({ partitions }) => partitions.includes('t-1:leader -2'));
    expect(told).toBeGreaterThan(0);
    expect(stopped).toBeGreaterThan(told);
    await bed.createTopic('t', [3]);
    await expect.poll(() => bed.broker(1).metadata.partition('t', 0)?.leader).toBe(3);
  });

  it('waits for a broker that is away', async () => {
    await using bed = await ControllerBed.start([1, 2, 3]);
    await bed.createTopic('t', [1, 2]);
    await bed.createTopic('u', [1, 3]);
    await bed.stopBroker(2);
    await bed.untilLeadership('t', '1/1');
    await bed.zk.createDeleteTopicPath('t');
    await bed.zk.createDeleteTopicPath('u');
    await expect.poll(() => isGone(bed, 'u')).toBe(true);
    await expect.poll(() => bed.broker(1).metadata.topic('t')).toBeUndefined();
    expect(await isGone(bed, 't')).toBe(false);
    await bed.startBroker(2);
    await expect.poll(() => isGone(bed, 't')).toBe(true);
    expect(bed.broker(2).deleted).toEqual(['t-0']);
  });

  it('waits for a broker that fails in the middle of it', async () => {
    await using bed = await ControllerBed.start([1, 2]);
    await bed.createTopic('t', [1, 2]);
    await expect.poll(() => bed.broker(2).replicas.size).toBe(1);
    const resume = bed.broker(2).hang();
    await bed.zk.createDeleteTopicPath('t');
    await expect.poll(() => bed.broker(1).deleted).toEqual(['t-0']);
    await bed.stopBroker(2);
    await expect.poll(() => bed.broker(1).metadata.brokers.has(2)).toBe(false);
    resume();
    expect(await isGone(bed, 't')).toBe(false);
    await bed.startBroker(2);
    await expect.poll(() => isGone(bed, 't')).toBe(true);
  });

  it('waits for a reassignment', async () => {
    await using bed = await ControllerBed.start([1, 2, 3]);
    await bed.createTopic('t', [1, 2]);
    await bed.reassign('t', [1, 3]);
    await bed.zk.createDeleteTopicPath('t');
    await expect.poll(() => bed.logger.lines.join('\n')).toContain('one of its partitions is being reassigned: t.');
    expect(await bed.reassign('t', [2, 3])).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    expect(await isGone(bed, 't')).toBe(false);
    expect((await bed.alterIsr('t', [1, 2, 3])).errorCode).toBe(ErrorCode.NONE);
    await expect.poll(() => isGone(bed, 't')).toBe(true);
    expect(bed.broker(3).deleted).toEqual(['t-0']);
  });

  it('waits for a reassignment that has lost its leader, which comes back', async () => {
    await using bed = await ControllerBed.start([1, 2, 3]);
    await bed.createTopic('t', [2]);
    await bed.reassign('t', [3]);
    await bed.zk.createDeleteTopicPath('t');
    await expect.poll(() => bed.logger.lines.join('\n')).toContain('one of its partitions is being reassigned: t.');
    await bed.stopBroker(2);
    await bed.untilLeadership('t', '-1/2');
    await bed.startBroker(2);
    await bed.untilLeadership('t', '2/2');
    await bed.settled();
    expect((await bed.alterIsr('t', [2, 3])).errorCode).toBe(ErrorCode.NONE);
    await expect.poll(() => isGone(bed, 't')).toBe(true);
  });

  it('is tried again when a broker could not do it', async () => {
    await using bed = await ControllerBed.start([1, 2]);
    await bed.createTopic('t', [1, 2]);
    bed.broker(2).stopReplicaErrors.set('t-0', ErrorCode.UNKNOWN_SERVER_ERROR);
    await bed.zk.createDeleteTopicPath('t');
    await expect.poll(() => bed.logger.lines.join('\n')).toContain('Broker 2 could not delete its replica of t-0');
    bed.broker(2).stopReplicaErrors.clear();
    await expect.poll(() => isGone(bed, 't'), { timeout: 15_000 }).toBe(true);
  });

  it('goes on when another broker has become the controller', async () => {
    await using bed = await ControllerBed.start([1, 2, 3]);
    await bed.startController(2);
    await bed.createTopic('t', [2, 3]);
    await expect.poll(() => bed.broker(3).replicas.size).toBe(1);
    const resume = bed.broker(3).hang();
    await bed.zk.createDeleteTopicPath('t');
    await expect.poll(() => bed.broker(2).deleted).toEqual(['t-0']);
    await bed.stopBroker(1);
    resume();
    await expect.poll(() => isGone(bed, 't')).toBe(true);
  });

  it('of one that is not there is forgotten, and gets it no new partitions', async () => {
    await using bed = await ControllerBed.start([1, 2]);
    await bed.zk.createDeleteTopicPath('none');
    await expect.poll(() => bed.zk.getTopicDeletions()).toEqual([]);
    await bed.createTopic('t', [1, 2]);
    await bed.stopBroker(2);
    await bed.untilLeadership('t', '1/1');
    await bed.zk.createDeleteTopicPath('t');
    await expect.poll(() => bed.broker(1).metadata.topic('t')).toBeUndefined();
    const found = (await bed.zk.getTopicAssignment('t'))!;
    const more = { replicas: [1], addingReplicas: [], removingReplicas: [] };
    const grown = new Map([...found.partitions, [1, more] as const]);
    await bed.zk.setTopicAssignment('t', { ...found, partitions: grown });
    await expect.poll(async () => (await bed.zk.getTopicAssignment('t'))?.partitions.size).toBe(1);
  });
});
