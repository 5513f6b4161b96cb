import { describe, expect, it } from 'vitest';
import { ErrorCode } from '../../../broker/src/protocol/errors';
import { endSession } from '../zookeeper/end-session';
import { ControllerBed } from './controller-bed';

describe('The controller', () => {
  it('is another broker when the first one fails, with a higher epoch and everything that was', async () => {
    await using bed = await ControllerBed.start([1, 2, 3]);
    await bed.startController(2);
    await bed.startController(3);
    expect([...bed.controllers.values()].map(({ isActive }) => isActive)).toEqual([true, false, false]);
    await bed.createTopic('t', [1, 2, 3]);
    await bed.stopBroker(1);
    await bed.untilLeadership('t', '2/2,3');
    const active = bed.controller;
    expect(active.epoch).toBe(2);
    expect((await bed.zk.getController())?.brokerId).toBe(active.activeControllerId);
    await expect.poll(() => new Set([...bed.controllers.values()].map((each) => each.activeControllerId)).size).toBe(1);
    await bed.createTopic('u', [3, 2]);
    await expect.poll(() => bed.broker(2).metadata.partition('u', 0)?.leader).toBe(3);
    expect(bed.broker(2).sent.at(-1)?.controllerEpoch).toBe(2);
  });

  it('that another one has replaced writes nothing more, and tells nobody anything', async () => {
    await using bed = await ControllerBed.start([1, 2, 3]);
    await bed.startController(2);
    await bed.createTopic('t', [1, 2, 3]);
    const old = bed.controllers.get(1)!;
    // It does not hear of it: as when it was paused.
    bed.broker(1).zk.handlers.unregisterNode('/controller');
    await bed.zk.delete('/controller');
    await expect.poll(() => bed.controllers.get(2)!.isActive).toBe(true);
    expect(old.isActive).toBe(true);
    const before = await bed.state('t');
    const lines = bed.logger.lines.length;
    const response = await old.alterPartition(
      {
        brokerId: 1,
        brokerEpoch: bed.broker(1).epoch,
        topics: [
          {
            topicName: 't',
            topicId: '',
            partitions: [
              {
                partitionIndex: 0,
                leaderEpoch: before!.leaderEpoch,
                partitionEpoch: before!.partitionEpoch,
                newIsr: [1, 2],
                newIsrWithEpochs: [],
                leaderRecoveryState: 0,
              },
            ],
          },
        ],
      },
      1,
    );
    expect(response.errorCode).toBe(ErrorCode.NOT_CONTROLLER);
    expect(await bed.state('t')).toEqual(before);
    expect(old.isActive).toBe(false);
    expect(bed.logger.lines.slice(lines).join('\n')).toMatch(/Broker 1 is the controller no more \(epoch 1\).*epoch/);
    await expect.poll(() => old.activeControllerId).toBe(2);
  });

  it('stops at the deadline of its session, in the middle of what it does', async () => {
    await using bed = await ControllerBed.start([1, 2]);
    await bed.createTopic('t', [1, 2]);
    const controller = bed.controllers.get(1)!;
    await endSession(bed.io, bed.connectString, bed.broker(1).zk.client);
    const answered = controller.electLeaders({ electionType: 0, timeoutMs: 0, topicPartitions: null }, 2);
    await expect.poll(() => bed.logger.lines.join('\n')).toContain('Broker 1 is the controller no more (epoch 1)');
    await answered;
    await expect.poll(() => controller.epoch).toBe(2);
    await bed.createTopic('u', [2, 1]);
  });

  it('takes the office again when its session lives on, and its connection, though the deadline has passed', async () => {
    await using bed = await ControllerBed.start([1]);
    const controller = bed.controllers.get(1)!;
    // As after a pause, when what the server has answered meanwhile is read after the timer.
    bed.broker(1).zk.handlers['tellStates']((handler) => handler.onSessionDeadline?.());
    expect(controller.isActive).toBe(false);
    await expect.poll(() => controller.isActive && controller.epoch).toBe(2);
    await bed.createTopic('t', [1]);
  });

  it('takes out of the ISR who was started again while there was no controller', async () => {
    await using bed = await ControllerBed.start([1, 2, 3]);
    await bed.createTopic('t', [2, 3]);
    await bed.stopBroker(1);
    await bed.stopBroker(2);
    await bed.startBroker(2);
    await bed.startController(3);
    await bed.untilLeadership('t', '3/3');
    // It goes on, as a follower.
    await expect.poll(() => bed.broker(2).replicas.get('t-0')).toMatchObject({ leader: 3, isr: [3] });
  });

  it('has a leader that was started again lead in a new epoch, if nobody in the ISR is better', async () => {
    await using bed = await ControllerBed.start([1, 2, 3]);
    await bed.createTopic('t', [2, 3]);
    await bed.stopBroker(1);
    for (const id of [2, 3]) {
      await bed.stopBroker(id);
      await bed.startBroker(id);
      bed.broker(id).replicas.clear();
    }
    const from = bed.broker(2).sent.length;
    await bed.startController(3);
    expect(await bed.state('t')).toMatchObject({ leader: 2, leaderEpoch: 1, isr: [2, 3] });
    await expect.poll(() => bed.broker(3).replicas.get('t-0')).toMatchObject({ leader: 2, leaderEpoch: 1 });
    await expect
      .poll(() =>
        bed
          .broker(2)
          .sent.slice(from)
          .map(({ api }) => api),
      )
      .toContain('LeaderAndIsr');
    expect(bed.broker(2).replicas.get('t-0')?.leaderEpoch).toBe(1);
  });

  it('answers NOT_CONTROLLER to everything when it is another one', async () => {
    await using bed = await ControllerBed.start([1, 2]);
    const idle = await bed.startController(2);
    const of = { brokerId: 2, brokerEpoch: bed.broker(2).epoch };
    expect((await idle.alterPartition({ ...of, topics: [] }, 3)).errorCode).toBe(ErrorCode.NOT_CONTROLLER);
    expect((await idle.allocateProducerIds(of)).errorCode).toBe(ErrorCode.NOT_CONTROLLER);
    expect((await idle.controlledShutdown(of)).errorCode).toBe(ErrorCode.STALE_CONTROLLER_EPOCH);
    expect((await idle.listPartitionReassignments({ timeoutMs: 0, topics: null })).errorCode).toBe(
      ErrorCode.NOT_CONTROLLER,
    );
    expect((await idle.alterPartitionReassignments({ timeoutMs: 0, topics: [] })).errorCode).toBe(
      ErrorCode.NOT_CONTROLLER,
    );
    const { replicaElectionResults } = await idle.electLeaders(
      { electionType: 0, timeoutMs: 0, topicPartitions: [{ topic: 't', partitions: [0] }] },
      1,
    );
    expect(replicaElectionResults[0].partitionResult[0].errorCode).toBe(ErrorCode.NOT_CONTROLLER);
    await idle.shutdown();
    expect((await idle.allocateProducerIds(of)).errorCode).toBe(ErrorCode.NOT_CONTROLLER);
  });

  it('writes what Kafka writes', async () => {
    await using bed = await ControllerBed.start([1, 2]);
    await bed.createTopic('t', [1, 2]);
    const text = async (path: string) => (await bed.zk.get(path))?.data?.toString();
    expect(await text('/feature')).toBe('{"features":{},"version":2,"status":1}');
    expect(await text('/controller_epoch')).toBe('1');
    expect(await text('/controller')).toMatch(
      /^\{"version":2,"brokerid":1,"timestamp":"\d+","kraftControllerEpoch":-1\}$/,
    );
    expect(await text('/brokers/topics/t/partitions/0/state')).toBe(
      '{"controller_epoch":1,"leader":1,"version":1,"leader_epoch":0,"isr":[1,2]}',
    );
    expect((await bed.zk.get('/brokers/topics/t/partitions/0'))?.data).toBeNull();
    await bed.reassign('t', [2, 1]);
    expect(await text('/brokers/topics/t')).toMatch(
      /^\{"partitions":\{"0":\[2,1\]\},"topic_id":"[\w-]{22}","adding_replicas":\{\},"removing_replicas":\{\},"version":3\}$/,
    );
  });

  it('of an older inter-broker version disables features', async () => {
    await using bed = await ControllerBed.start([1], { interBrokerProtocolVersion: '2.6' });
    const data = (await bed.zk.get('/feature'))?.data?.toString();
    expect(data).toBe('{"features":{},"version":1,"status":0}');
    await bed.controllers.get(1)!.shutdown();
    await bed.startController(1);
    expect((await bed.zk.getFeatures())?.status).toBe(1);
  });
});
