import { describe, expect, it } from 'vitest';
import { ErrorCode } from '../../../broker/src/protocol/errors';
import { ControllerBed } from './controller-bed';

describe('AlterPartition', () => {
  it('writes a new ISR, tells the leader its state, and everybody else', async () => {
    await using bed = await ControllerBed.start([1, 2, 3]);
    await bed.createTopic('t', [2, 3, 1]);
    const before = (await bed.state('t'))!;
    expect(await bed.alterIsr('t', [2, 3])).toMatchObject({
      errorCode: ErrorCode.NONE,
      leaderId: 2,
      leaderEpoch: before.leaderEpoch,
      isr: [2, 3],
      partitionEpoch: before.partitionEpoch + 1,
    });
    expect(await bed.state('t')).toMatchObject({ isr: [2, 3], leaderEpoch: before.leaderEpoch });
    await expect.poll(() => bed.broker(1).metadata.partition('t', 0)?.isr).toEqual([2, 3]);
  });

  it('is the same when it is sent again, and refused for another state', async () => {
    await using bed = await ControllerBed.start([1, 2, 3]);
    await bed.createTopic('t', [2, 3, 1]);
    const state = { ...(await bed.state('t'))!, partition: 0 };
    const smaller = { ...state, isr: [2, 3] };
    for (let i = 0; i < 2; i++) {
      expect(await bed.alterPartition('t', smaller)).toMatchObject({ errorCode: 0, partitionEpoch: 1 });
    }
    const answer = async (change: object, version = 3) =>
      (await bed.alterPartition('t', { ...state, isr: [2], partitionEpoch: 1, ...change }, version)).errorCode;
    expect(await answer({ partitionEpoch: 0 })).toBe(ErrorCode.INVALID_UPDATE_VERSION);
    expect(await answer({ partitionEpoch: 2 })).toBe(ErrorCode.NOT_CONTROLLER);
    expect(await answer({ leaderEpoch: state.leaderEpoch + 1 })).toBe(ErrorCode.NOT_CONTROLLER);
    expect(await answer({ leaderEpoch: state.leaderEpoch - 1 })).toBe(ErrorCode.FENCED_LEADER_EPOCH);
    expect(await answer({ isr: [] })).toBe(ErrorCode.INVALID_REQUEST);
    expect(await answer({ isr: [2, 9] })).toBe(ErrorCode.INVALID_REQUEST);
    expect(await answer({ leader: 3 })).toBe(ErrorCode.INVALID_REQUEST);
    expect(await answer({ leaderRecoveryState: 1 })).toBe(ErrorCode.INVALID_REQUEST);
    expect(await answer({ brokerEpoch: 1n })).toBe(ErrorCode.STALE_BROKER_EPOCH);
    expect(await answer({ partition: 5 })).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    expect(await bed.leadership('t')).toBe('2/2,3');
    // By name, before topic ids.
    expect(await answer({}, 1)).toBe(ErrorCode.NONE);
  });

  it('does not take in a replica whose broker is away, or that has caught up in an earlier life', async () => {
    await using bed = await ControllerBed.start([1, 2, 3]);
    await bed.createTopic('t', [2, 3]);
    const { epoch } = bed.broker(3);
    await bed.stopBroker(3);
    await bed.untilLeadership('t', '2/2');
    await bed.settled();
    expect((await bed.alterIsr('t', [2, 3])).errorCode).toBe(ErrorCode.INELIGIBLE_REPLICA);
    const state = { ...(await bed.state('t'))!, partition: 0, isr: [2, 3] };
    expect((await bed.alterPartition('t', state, 1)).errorCode).toBe(ErrorCode.OPERATION_NOT_ATTEMPTED);
    await bed.startBroker(3);
    await expect.poll(() => bed.broker(3).metadata.partition('t', 0)?.leader).toBe(2);
    const now = bed.broker(3).epoch;
    bed.broker(3).epoch = epoch;
    expect((await bed.alterIsr('t', [2, 3])).errorCode).toBe(ErrorCode.INELIGIBLE_REPLICA);
    bed.broker(3).epoch = now;
    expect((await bed.alterIsr('t', [2, 3])).errorCode).toBe(ErrorCode.NONE);
  });

  it('is done when it was written and ZooKeeper has not said so', async () => {
    await using bed = await ControllerBed.start([1, 2]);
    await bed.createTopic('t', [1, 2]);
    const { zk } = bed.broker(1);
    const write = zk.setPartitionStates.bind(zk);
    // What a client does whose connection broke before the reply.
    zk.setPartitionStates = async (updates, epochZkVersion) => {
      await write(updates, epochZkVersion);
      return await write(updates, epochZkVersion);
    };
    expect(await bed.alterIsr('t', [1])).toMatchObject({ errorCode: ErrorCode.NONE, isr: [1], partitionEpoch: 1 });
  });

  it('of a partition that is named twice is done once', async () => {
    await using bed = await ControllerBed.start([1, 2]);
    await bed.createTopic('t', [1, 2]);
    const { topicId } = (await bed.zk.getTopicAssignment('t'))!;
    const { leaderEpoch, partitionEpoch } = (await bed.state('t'))!;
    const newIsrWithEpochs = [{ brokerId: 1, brokerEpoch: bed.broker(1).epoch }];
    const partition = { partitionIndex: 0, leaderEpoch, newIsr: [], newIsrWithEpochs, leaderRecoveryState: 0 };
    const response = await bed.controller.alterPartition(
      {
        brokerId: 1,
        brokerEpoch: bed.broker(1).epoch,
        topics: [
          { topicName: '', topicId: topicId!, partitions: [1, 2].map(() => ({ ...partition, partitionEpoch })) },
        ],
      },
      3,
    );
    expect(response.topics?.[0].partitions?.map(({ errorCode }) => errorCode)).toEqual([
      ErrorCode.NONE,
      ErrorCode.INVALID_REQUEST,
    ]);
  });

  it('of an unknown topic id is answered so', async () => {
    await using bed = await ControllerBed.start([1]);
    const partition = { partitionIndex: 0, leaderEpoch: 0, newIsr: [], newIsrWithEpochs: [], partitionEpoch: 0 };
    const response = await bed.controller.alterPartition(
      {
        brokerId: 1,
        brokerEpoch: bed.broker(1).epoch,
        topics: [
          { topicName: '', topicId: 'AAAAAAAAAAAAAAAAAAAAAQ', partitions: [{ ...partition, leaderRecoveryState: 0 }] },
        ],
      },
      3,
    );
    expect(response.topics[0].partitions[0].errorCode).toBe(ErrorCode.UNKNOWN_TOPIC_ID);
  });
});

describe('AllocateProducerIds', () => {
  it('gives each broker blocks of its own', async () => {
    await using bed = await ControllerBed.start([1, 2]);
    const allocate = (brokerId: number, brokerEpoch = bed.broker(brokerId).epoch) =>
      bed.controller.allocateProducerIds({ brokerId, brokerEpoch });
    expect(await allocate(1)).toMatchObject({ errorCode: 0, producerIdStart: 0, producerIdLen: 1000 });
    expect(await allocate(2)).toMatchObject({ errorCode: 0, producerIdStart: 1000 });
    expect((await allocate(2, 7n)).errorCode).toBe(ErrorCode.STALE_BROKER_EPOCH);
    expect((await allocate(9, 7n)).errorCode).toBe(ErrorCode.BROKER_ID_NOT_REGISTERED);
  });
});

describe('UpdateFeatures', () => {
  it('finds no feature that brokers with ZooKeeper have', async () => {
    await using bed = await ControllerBed.start([1]);
    const update = (feature: string, maxVersionLevel: number, upgradeType: number) =>
      bed.controller.updateFeatures(
        {
          timeoutMs: 1000,
          validateOnly: false,
          featureUpdates: [{ feature, maxVersionLevel, upgradeType, allowDowngrade: false }],
        },
        1,
      );
    expect((await update('metadata.version', 20, 1)).results).toEqual([
      {
        feature: 'metadata.version',
        errorCode: ErrorCode.INVALID_REQUEST,
        errorMessage: 'Could not apply finalized feature update because the provided feature is not supported.',
      },
    ]);
    expect((await update('f', 0, 2)).results[0].errorMessage).toBe('Can not delete non-existing finalized feature.');
    await bed.zk.updateFeatures({ status: 1, features: new Map([['f', 3]]) });
    expect((await update('f', 0, 2)).results[0].errorCode).toBe(ErrorCode.NONE);
    expect((await bed.zk.getFeatures())?.features.size).toBe(0);
  });
});
