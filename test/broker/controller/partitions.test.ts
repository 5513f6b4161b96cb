import { describe, expect, it } from 'vitest';
import { ErrorCode } from '../../../broker/src/protocol/errors';
import { LeaderRecoveryState } from '../../../broker/src/zookeeper/znodes/partition-state';
import { ControllerBed } from './controller-bed';

describe('Partitions', () => {
  it('of a new topic get their first live replica as leader, and all that are alive as ISR', async () => {
    await using bed = await ControllerBed.start([1, 2, 3]);
    await bed.createTopic('t', [2, 3], [3, 9], [1, 2, 3]);
    expect(await bed.leadership('t', 0)).toBe('2/2,3');
    expect(await bed.leadership('t', 1)).toBe('3/3');
    expect(await bed.leadership('t', 2)).toBe('1/1,2,3');
    await expect.poll(() => [...bed.broker(3).replicas.keys()].sort()).toEqual(['t-0', 't-1', 't-2']);
    expect([...bed.broker(1).replicas.keys()]).toEqual(['t-2']);
    expect(bed.broker(3).replicas.get('t-0')).toMatchObject({ leader: 2, leaderEpoch: 0, isr: [2, 3], isNew: true });
    await expect.poll(() => bed.broker(1).metadata.partition('t', 1)?.leader).toBe(3);
    expect(bed.broker(1).metadata.partition('t', 1)?.offlineReplicas).toEqual([9]);
    // Before the metadata, so that nobody is sent to a leader that does not know it.
    const { sent } = bed.broker(3);
    const first = sent.findIndex(({ partitions }) => partitions.length > 0);
    expect(sent[first].api).toBe('LeaderAndIsr');
    expect(sent[first].brokerEpoch).toBe(bed.broker(3).epoch);
  });

  it('lose a failed broker from leadership and ISR, of which those that live are told', async () => {
    await using bed = await ControllerBed.start([1, 2, 3]);
    await bed.createTopic('t', [2, 3, 1], [3, 2]);
    await bed.stopBroker(2);
    await bed.untilLeadership('t', '3/3,1', 0);
    await bed.untilLeadership('t', '3/3', 1);
    expect((await bed.state('t', 0))?.leaderEpoch).toBeGreaterThan(0);
    await expect.poll(() => bed.broker(3).replicas.get('t-0')?.leader).toBe(3);
    await expect.poll(() => bed.broker(1).metadata.brokers.has(2)).toBe(false);
    await expect.poll(() => bed.broker(1).metadata.partition('t', 0)?.offlineReplicas).toEqual([2]);
    // It comes back: it follows, and learns of everything.
    bed.broker(2).sent.length = 0;
    await bed.startBroker(2);
    await expect.poll(() => bed.broker(2).metadata.partition('t', 0)?.leader).toBe(3);
    await expect.poll(() => bed.broker(2).replicas.get('t-0')?.leader).toBe(3);
    expect(bed.broker(2).apis()[0]).toBe('UpdateMetadata');
    expect(await bed.leadership('t', 0)).toBe('3/3,1');
  });

  it('keep the last of the ISR, and wait for it; another one leads only where that is allowed', async () => {
    await using bed = await ControllerBed.start([1, 2, 3]);
    await bed.createTopic('safe', [2, 3]);
    await bed.createTopic('unclean', [2, 3]);
    for (const topic of ['safe', 'unclean']) {
      expect((await bed.alterIsr(topic, [2])).errorCode).toBe(ErrorCode.NONE);
    }
    bed.uncleanTopics.add('unclean');
    await bed.stopBroker(2);
    await bed.untilLeadership('safe', '-1/2');
    await bed.untilLeadership('unclean', '3/3');
    expect((await bed.state('unclean'))?.leaderRecoveryState).toBe(LeaderRecoveryState.RECOVERING);
    expect(bed.logger.lines.join('\n')).toContain('unclean-0 is led by 3, which was not in the ISR [2]');
    // Allowed later, while it waits.
    bed.uncleanTopics.add('safe');
    bed.controller.uncleanLeaderElectionEnabled('safe');
    await bed.untilLeadership('safe', '3/3');
    // The leader says that it has recovered.
    expect((await bed.alterIsr('safe', [3], 0, LeaderRecoveryState.RECOVERED)).errorCode).toBe(ErrorCode.NONE);
    expect((await bed.state('safe'))?.leaderRecoveryState).toBe(LeaderRecoveryState.RECOVERED);
  });

  it('come back with the last of the ISR', async () => {
    await using bed = await ControllerBed.start([1, 2, 3]);
    await bed.createTopic('t', [2, 3]);
    await bed.alterIsr('t', [2]);
    await bed.stopBroker(2);
    await bed.untilLeadership('t', '-1/2');
    await bed.startBroker(2);
    await bed.untilLeadership('t', '2/2');
    await expect.poll(() => bed.broker(2).replicas.get('t-0')?.leader).toBe(2);
  });

  it('are led anew when a broker was started again between two looks', async () => {
    await using bed = await ControllerBed.start([1, 2, 3]);
    await bed.createTopic('t', [2, 3]);
    const before = bed.broker(2).epoch;
    const { zk } = bed.broker(2);
    // The old registration goes and the new one comes in one step.
    const other = await bed.client();
    await other.delete('/brokers/ids/2');
    bed.broker(2).sent.length = 0;
    await bed.startBroker(2);
    await zk.close();
    await bed.untilLeadership('t', '3/3');
    await expect.poll(() => bed.broker(2).replicas.get('t-0')?.leader).toBe(3);
    expect(bed.broker(2).sent.filter(({ brokerEpoch }) => brokerEpoch <= before)).toEqual([]);
  });

  it('are told of while one broker hangs, and that one gets the newest when it goes on', async () => {
    await using bed = await ControllerBed.start([1, 2, 3]);
    await bed.createTopic('t', [1, 2, 3]);
    await bed.createTopic('u', [3, 2]);
    await expect.poll(() => bed.broker(3).replicas.size).toBe(2);
    const resume = bed.broker(3).hang();
    for (const isr of [[1, 2], [1], [1, 2], [1, 2, 3]]) {
      expect((await bed.alterIsr('t', isr)).errorCode).toBe(ErrorCode.NONE);
    }
    for (const topic of ['a', 'b', 'c', 'd', 'e']) await bed.createTopic(topic, [2, 3]);
    await expect.poll(() => bed.broker(2).metadata.partition('e', 0)?.leader).toBe(2);
    // However many: they are put together.
    expect(bed.controller.queueSize(3)).toBeLessThanOrEqual(3);
    resume();
    await expect.poll(() => bed.broker(3).metadata.partition('e', 0)?.leader).toBe(2);
    expect([...bed.broker(3).replicas.keys()].sort()).toEqual(['a-0', 'b-0', 'c-0', 'd-0', 'e-0', 't-0', 'u-0']);
    expect(bed.broker(3).metadata.partition('t', 0)?.isr).toEqual([1, 2, 3]);
  });

  it('are told of again when a connection breaks', async () => {
    await using bed = await ControllerBed.start([1, 2]);
    bed.broker(2).loseNext(3);
    await bed.createTopic('t', [2, 1]);
    await expect.poll(() => bed.broker(2).replicas.get('t-0')?.leader).toBe(2);
    await expect.poll(() => bed.broker(2).metadata.partition('t', 0)?.leader).toBe(2);
    expect(bed.logger.lines.filter((line) => line.includes('could not be told'))).toHaveLength(1);
    expect(bed.logger.lines.join('\n')).toContain('Broker 2 answers the controller again.');
  });

  it('are moved off a replica whose log directory has failed', async () => {
    await using bed = await ControllerBed.start([1, 2, 3]);
    await bed.createTopic('t', [2, 3], [2, 3]);
    await expect.poll(() => bed.broker(2).replicas.size).toBe(2);
    bed.broker(2).leaderAndIsrErrors.set('t-0', ErrorCode.KAFKA_STORAGE_ERROR);
    await bed.zk.propagateLogDirEvent(2);
    await bed.untilLeadership('t', '3/3', 0);
    expect(await bed.leadership('t', 1)).toBe('2/2,3');
    await expect.poll(() => bed.broker(1).metadata.partition('t', 0)?.offlineReplicas).toEqual([2]);
    await expect.poll(() => bed.zk.getLogDirEventNotifications()).toEqual([]);
  });

  it('change their ISR in ZooKeeper under an older inter-broker version, and a notification tells', async () => {
    await using bed = await ControllerBed.start([1, 2], { interBrokerProtocolVersion: '2.6' });
    await bed.createTopic('t', [1, 2]);
    const state = (await bed.state('t'))!;
    await bed.zk.setPartitionStates(
      [{ topic: 't', partition: 0, state: { ...state, isr: [1] }, partitionEpoch: 0 }],
      -1,
    );
    await bed.zk.propagateIsrChanges([{ topic: 't', partition: 0 }]);
    await expect.poll(() => bed.broker(2).metadata.partition('t', 0)?.isr).toEqual([1]);
    await expect.poll(() => bed.zk.getIsrChangeNotifications()).toEqual([]);
  });

  it('stay consistent when leaders write at the same time', async () => {
    await using bed = await ControllerBed.start([1, 2, 3], { interBrokerProtocolVersion: '2.6' });
    await bed.createTopic('t', [2, 3, 1]);
    // Not told of: the controller finds the version of the znode another one than it knows.
    const state = (await bed.state('t'))!;
    await bed.zk.setPartitionStates(
      [{ topic: 't', partition: 0, state: { ...state, isr: [2, 1] }, partitionEpoch: 0 }],
      -1,
    );
    await bed.stopBroker(2);
    await bed.untilLeadership('t', '1/1');
  });

  it('tell of brokers that listen elsewhere', async () => {
    await using bed = await ControllerBed.start([1, 2]);
    const found = (await bed.zk.getBroker(2))!;
    await bed.zk.updateBroker({ ...found, endPoints: [{ ...found.endPoints[0], port: 9999 }] });
    const { metadata } = bed.broker(1);
    await expect.poll(() => metadata.brokers.get(2)?.endpoints.get('PLAINTEXT')?.port).toBe(9999);
  });
});
