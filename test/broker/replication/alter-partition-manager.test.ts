import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../../broker/src/logging/logger';
import { Apis } from '../../../broker/src/protocol/api-keys';
import { decodeMessage, encodeToBuffer } from '../../../broker/src/protocol/codec';
import { ErrorCode, errorName, KafkaError } from '../../../broker/src/protocol/errors';
import type {
  AlterPartitionRequest,
  AlterPartitionResponse,
} from '../../../broker/src/protocol/messages/alter-partition';
import type { InputOf } from '../../../broker/src/protocol/schema';
import {
  type AlterPartitionItem,
  DefaultAlterPartitionManager,
} from '../../../broker/src/replication/alter-partition-manager';
import type { ControllerChannel } from '../../../broker/src/replication/controller-channel';
import { ZkAlterPartitionManager } from '../../../broker/src/replication/zk-alter-partition-manager';
import { ManualClock } from '../log/support';
import { settle, topicId } from './replica-bed';

type ResponseInput = InputOf<typeof AlterPartitionResponse>;

/** A controller that the test answers for, at one version. */
class FakeController {
  readonly requests: AlterPartitionRequest[] = [];
  readonly #answers: { resolve(response: unknown): void; reject(error: Error): void }[] = [];
  readonly channel: ControllerChannel;

  constructor(newest = 3) {
    const send = (_: unknown, input: unknown, options: { readonly maxVersion?: number } = {}): Promise<never> => {
      const version = Math.min(newest, options.maxVersion ?? newest);
      const made = typeof input === 'function' ? (input as (version: number) => never)(version) : (input as never);
      const { request, response } = Apis.AlterPartition;
      // Through the codec: what the version has no field for must not be in it.
      this.requests.push(decodeMessage(request, version, encodeToBuffer(request, version, made)));
      return new Promise((resolve, reject) =>
        this.#answers.push({
          resolve: (answer) =>
            resolve(
              decodeMessage(response, version, encodeToBuffer(response, version, answer as ResponseInput)) as never,
            ),
          reject,
        }),
      );
    };
    this.channel = { send: send as ControllerChannel['send'] };
  }

  async answer(response: Partial<ResponseInput>): Promise<void> {
    this.#answers.shift()!.resolve({ throttleTimeMs: 0, errorCode: 0, topics: [], ...response });
    await settle();
  }

  async fail(error: Error): Promise<void> {
    this.#answers.shift()!.reject(error);
    await settle();
  }
}

function itemOf(partition: number, isr = [0, 1], changes: Partial<AlterPartitionItem> = {}): AlterPartitionItem {
  const leaderAndIsr = { leader: 0, leaderEpoch: 4, isr, leaderRecoveryState: 0, partitionEpoch: 9 };
  const brokerEpochs = isr.map((id) => BigInt(id * 10 - 1));
  return { topic: 't', partition, topicId, leaderAndIsr, brokerEpochs, controllerEpoch: 2, ...changes };
}

const taken = (partitionIndex: number, isr = [0, 1]) => ({
  partitionIndex,
  errorCode: 0,
  leaderId: 0,
  leaderEpoch: 4,
  isr,
  leaderRecoveryState: 0,
  partitionEpoch: 10,
});

const refusedWith = (partitionIndex: number, errorCode: ErrorCode) => ({ ...taken(partitionIndex), errorCode });

function managerOf(controller: FakeController, clock = new ManualClock()): DefaultAlterPartitionManager {
  return new DefaultAlterPartitionManager(clock, silentLogger, controller.channel, {
    brokerId: 0,
    brokerEpoch: () => 77n,
  });
}

/** What became of a proposal. */
async function outcome(submitted: Promise<{ readonly partitionEpoch: number }>): Promise<string> {
  return submitted.then(
    ({ partitionEpoch }) => `epoch ${partitionEpoch}`,
    (error: unknown) => (error instanceof KafkaError ? errorName(error.code) : String(error)),
  );
}

describe('Changes of the ISR by AlterPartition', () => {
  it('go one request at a time, all that came meanwhile in the next', async () => {
    const controller = new FakeController();
    const manager = managerOf(controller);
    const outcomes = [0, 1, 2].map((partition) => outcome(manager.submit(itemOf(partition))));
    expect(controller.requests).toHaveLength(1);
    await controller.answer({ topics: [{ topicId, partitions: [taken(0)] }] });
    expect(await outcomes[0]).toBe('epoch 10');
    expect(controller.requests[1].topics[0].partitions.map(({ partitionIndex }) => partitionIndex)).toEqual([1, 2]);
    await controller.answer({
      topics: [{ topicId, partitions: [taken(2), refusedWith(1, ErrorCode.INELIGIBLE_REPLICA)] }],
    });
    expect(await Promise.all(outcomes)).toEqual(['epoch 10', 'INELIGIBLE_REPLICA', 'epoch 10']);
    expect(controller.requests).toHaveLength(2);
  });

  it('are one of each partition', async () => {
    const controller = new FakeController();
    const manager = managerOf(controller);
    const first = outcome(manager.submit(itemOf(0)));
    expect(await outcome(manager.submit(itemOf(0, [0])))).toBe('OPERATION_NOT_ATTEMPTED');
    await controller.answer({ topics: [{ topicId, partitions: [taken(0)] }] });
    expect(await first).toBe('epoch 10');
    void manager.submit(itemOf(0, [0]));
    expect(controller.requests).toHaveLength(2);
  });

  it.each([3, 2, 1, 0])('are told in version %i', async (version) => {
    const controller = new FakeController(version);
    const manager = managerOf(controller);
    const submitted = outcome(manager.submit(itemOf(5)));
    const [{ brokerId, brokerEpoch, topics }] = controller.requests;
    const [{ partitions, ...topic }] = topics;
    expect([brokerId, brokerEpoch]).toEqual([0, 77n]);
    expect(version > 1 ? topic.topicId : topic.topicName).toBe(version > 1 ? topicId : 't');
    const isr = version === 3 ? partitions[0].newIsrWithEpochs : partitions[0].newIsr;
    expect(isr).toEqual(
      version === 3
        ? [
            { brokerId: 0, brokerEpoch: -1n },
            { brokerId: 1, brokerEpoch: 9n },
          ]
        : [0, 1],
    );
    expect(partitions[0]).toMatchObject({ partitionIndex: 5, leaderEpoch: 4, partitionEpoch: 9 });
    await controller.answer({ topics: [{ topicName: 't', topicId, partitions: [taken(5)] }] });
    expect(await submitted).toBe('epoch 10');
  });

  it('name topics that have no id, in the last version that has names', () => {
    const controller = new FakeController();
    void managerOf(controller).submit(itemOf(0, [0], { topicId: undefined }));
    expect(controller.requests[0].topics[0].topicName).toBe('t');
  });

  it('are sent again, a while after an answer that is no answer to them', async () => {
    const controller = new FakeController();
    const clock = new ManualClock();
    const manager = managerOf(controller, clock);
    const submitted = outcome(manager.submit(itemOf(0)));
    await controller.answer({ errorCode: ErrorCode.STALE_BROKER_EPOCH });
    void manager.submit(itemOf(1));
    expect(controller.requests).toHaveLength(1);
    clock.advance(50);
    expect(controller.requests[1].topics[0].partitions).toHaveLength(2);
    await controller.fail(new Error('no version fits'));
    clock.advance(50);
    await controller.answer({ topics: [{ topicId, partitions: [taken(1)] }] });
    clock.advance(50);
    expect(controller.requests[3].topics[0].partitions.map(({ partitionIndex }) => partitionIndex)).toEqual([0]);
    await controller.answer({ topics: [{ topicId, partitions: [taken(0)] }] });
    expect(await submitted).toBe('epoch 10');
    manager.close();
    void manager.submit(itemOf(2));
    clock.advance(1000);
    expect(controller.requests).toHaveLength(4);
  });
});

describe('Changes of the ISR in ZooKeeper', () => {
  const written: unknown[] = [];
  const told: string[][] = [];
  const zk = {
    updateLeaderAndIsr: (update: unknown) => {
      written.push(update);
      return Promise.resolve<number | undefined>(nextEpoch);
    },
    propagateIsrChanges: (partitions: Iterable<{ topic: string; partition: number }>) => {
      told.push([...partitions].map(({ topic, partition }) => `${topic}-${partition}`));
      return told.length === 1 ? Promise.reject(new Error('no connection')) : Promise.resolve();
    },
  };
  let nextEpoch: number | undefined = 10;

  it('are written where the version is the expected one, and told to the controller some time later', async () => {
    const clock = new ManualClock();
    const manager = new ZkAlterPartitionManager(clock, silentLogger, zk);
    const advance = async (ms: number) => {
      clock.advance(ms);
      await settle();
    };
    expect(await outcome(manager.submit(itemOf(0)))).toBe('epoch 10');
    expect(written).toEqual([
      {
        topic: 't',
        partition: 0,
        state: { leader: 0, leaderEpoch: 4, isr: [0, 1], leaderRecoveryState: 0, controllerEpoch: 2 },
        partitionEpoch: 9,
      },
    ]);
    nextEpoch = undefined;
    expect(await outcome(manager.submit(itemOf(1)))).toBe('INVALID_UPDATE_VERSION');
    nextEpoch = 11;
    await advance(2500);
    await outcome(manager.submit(itemOf(2)));
    await advance(2500);
    await advance(2500);
    expect(told).toEqual([]);
    await advance(2500);
    expect(told).toEqual([['t-0', 't-2']]);
    // It did not arrive.
    await advance(2500);
    expect(told).toEqual([
      ['t-0', 't-2'],
      ['t-0', 't-2'],
    ]);
    for (let i = 0; i < 40; i++) await advance(2500);
    expect(told).toHaveLength(2);
    manager.close();
  });
});
