import { describe, expect, it } from 'vitest';
import type { KafkaController } from '../../../broker/src/controller/kafka-controller';
import { ErrorCode } from '../../../broker/src/protocol/errors';
import { ControllerZNode } from '../../../broker/src/zookeeper/znodes/controller';
import { FeatureZNodeStatus } from '../../../broker/src/zookeeper/znodes/feature';
import { ControllerBed } from './controller-bed';

/** A question to the controller that is answered when a test says so: everything behind it waits. */
class Gate {
  readonly asked: Promise<void>;
  #tellAsked!: () => void;
  open!: () => void;
  readonly #opened = new Promise<void>((resolve) => (this.open = resolve));

  constructor() {
    this.asked = new Promise((resolve) => (this.#tellAsked = resolve));
  }

  async pass(): Promise<void> {
    this.#tellAsked();
    await this.#opened;
  }
}

async function assignment(bed: ControllerBed, topic = 't', partition = 0) {
  return (await bed.zk.getTopicAssignment(topic))?.partitions.get(partition);
}

describe('A reassignment that is cancelled or replaced', () => {
  it('does not delete the only replicas that have every record', async () => {
    await using bed = await ControllerBed.start([5, 1, 2, 3, 4]);
    await bed.createTopic('t', [1, 2]);
    await bed.reassign('t', [3, 4]);
    // One of the new replicas has caught up, and then both old ones fail.
    expect((await bed.alterIsr('t', [1, 2, 3])).errorCode).toBe(ErrorCode.NONE);
    await bed.stopBroker(1);
    await bed.stopBroker(2);
    await bed.untilLeadership('t', '3/3');
    await bed.settled();
    expect(await bed.reassign('t', null)).toBe(ErrorCode.INVALID_REPLICA_ASSIGNMENT);
    expect(await bed.reassign('t', [4])).toBe(ErrorCode.INVALID_REPLICA_ASSIGNMENT);
    expect(bed.broker(3).deleted).toEqual([]);
    expect(await bed.leadership('t')).toBe('3/3');
    expect(await bed.reassign('t', [3])).toBe(ErrorCode.NONE);
    expect(await assignment(bed)).toEqual({ replicas: [3], addingReplicas: [], removingReplicas: [] });
  });
});

describe('A reassignment that is replaced', () => {
  it('leaves the partition a leader when the one that it had is stopped', async () => {
    await using bed = await ControllerBed.start([5, 1, 2, 3, 4, 6]);
    await bed.createTopic('t', [1, 2]);
    await bed.reassign('t', [3, 4]);
    expect((await bed.alterIsr('t', [1, 2, 3])).errorCode).toBe(ErrorCode.NONE);
    const topicPartitions = [{ topic: 't', partitions: [0] }];
    await bed.controller.electLeaders({ electionType: 0, timeoutMs: 0, topicPartitions }, 2);
    await bed.untilLeadership('t', '3/1,2,3');
    expect(await bed.reassign('t', [5, 6])).toBe(ErrorCode.NONE);
    expect(await bed.leadership('t')).toBe('1/1,2');
    const { leaderEpoch } = (await bed.state('t'))!;
    for (const id of [1, 2, 5, 6]) {
      await expect.poll(() => bed.broker(id).replicas.get('t-0')).toMatchObject({ leader: 1, leaderEpoch });
    }
  });
});

describe('A reassignment of a partition that has never had a leader', () => {
  it('gives it one of the new replicas, which is watched over as any other', async () => {
    await using bed = await ControllerBed.start([1, 2]);
    const partitions = new Map([[0, { replicas: [3], addingReplicas: [], removingReplicas: [] }]]);
    await bed.zk.createTopicAssignment('t', { topicId: 'AAAAAAAAAAAAAAAAAAAAAQ', partitions });
    await expect.poll(() => bed.logger.lines.join('\n')).toContain('t-0 stays without a leader');
    expect(await bed.reassign('t', [2, 1])).toBe(ErrorCode.NONE);
    expect(await bed.leadership('t')).toBe('2/2,1');
    expect(await assignment(bed)).toEqual({ replicas: [2, 1], addingReplicas: [], removingReplicas: [] });
    await expect.poll(() => bed.broker(1).replicas.get('t-0')).toMatchObject({ leader: 2, replicas: [2, 1] });
    await bed.stopBroker(2);
    await bed.untilLeadership('t', '1/1');
    expect(bed.logger.lines.filter((line) => line.includes('cannot become'))).toEqual([]);
  });

  it('waits for one that is alive', async () => {
    await using bed = await ControllerBed.start([1]);
    const partitions = new Map([[0, { replicas: [3], addingReplicas: [], removingReplicas: [] }]]);
    await bed.zk.createTopicAssignment('t', { topicId: 'AAAAAAAAAAAAAAAAAAAAAQ', partitions });
    await expect.poll(() => bed.logger.lines.join('\n')).toContain('t-0 stays without a leader');
    await bed.zk.setOrCreatePartitionReassignments([{ topic: 't', partition: 0, replicas: [2] }], -1);
    await expect.poll(() => assignment(bed)).toEqual({ replicas: [2, 3], addingReplicas: [2], removingReplicas: [3] });
    await bed.startBroker(2);
    await bed.untilLeadership('t', '2/2');
    await expect.poll(() => assignment(bed)).toEqual({ replicas: [2], addingReplicas: [], removingReplicas: [] });
    expect(bed.logger.lines.filter((line) => line.includes('cannot become'))).toEqual([]);
  });
});

describe('What the controller has begun', () => {
  it('is done all the same when a part of it fails at first', async () => {
    let failures = 0;
    await using bed = await ControllerBed.start([1, 2, 3], {
      uncleanLeaderElection: () => (failures++ === 0 ? Promise.reject(new Error('not now')) : Promise.resolve(false)),
    });
    await bed.createTopic('lone', [2]);
    await bed.createTopic('t', [2, 3]);
    await bed.stopBroker(2);
    await bed.untilLeadership('t', '3/3');
    expect(failures).toBeGreaterThan(0);
  });

  it('is begun anew when it fails as a whole: a broker goes, and comes back', async () => {
    await using bed = await ControllerBed.start([1, 2, 3]);
    await bed.createTopic('t', [2, 3]);
    await bed.createTopic('lone', [2]);
    const { zk } = bed.broker(1);
    const read = zk.getPartitionState.bind(zk);
    const failNextRead = (): (() => boolean) => {
      let isFailed = false;
      zk.getPartitionState = (partition) => {
        if (isFailed) return read(partition);
        isFailed = true;
        return Promise.reject(new Error('not now'));
      };
      return () => isFailed;
    };
    const failedFirst = failNextRead();
    await bed.stopBroker(2);
    await bed.untilLeadership('t', '3/3');
    await bed.untilLeadership('lone', '-1/2');
    expect(failedFirst()).toBe(true);

    await bed.settled();
    const failedThen = failNextRead();
    await bed.startBroker(2);
    await bed.untilLeadership('lone', '2/2');
    await expect.poll(() => bed.broker(2).replicas.get('t-0')?.leader).toBe(3);
    expect(failedThen()).toBe(true);
  });
});

describe('An answer of a broker', () => {
  it('that has come back meanwhile says nothing of its log directories now', async () => {
    await using bed = await ControllerBed.start([1, 2, 3]);
    await bed.createTopic('t', [3, 2]);
    const broker = bed.broker(3);
    const gate = new Gate();
    const take = broker.leaderAndIsr.bind(broker);
    broker.leaderAndIsr = async (request) => {
      broker.leaderAndIsr = take;
      broker.leaderAndIsrErrors.set('t-0', ErrorCode.KAFKA_STORAGE_ERROR);
      const answer = await take(request);
      broker.leaderAndIsrErrors.clear();
      await gate.pass();
      return answer;
    };
    await bed.zk.propagateLogDirEvent(3);
    await gate.asked;
    await bed.stopBroker(3);
    await bed.untilLeadership('t', '2/2');
    await bed.startBroker(3);
    const toThisLife = () => broker.sent.filter(({ brokerEpoch }) => brokerEpoch === broker.epoch);
    await expect.poll(() => toThisLife().some(({ api }) => api === 'LeaderAndIsr')).toBe(true);
    gate.open();
    await bed.settled();
    expect((await bed.alterIsr('t', [2, 3])).errorCode).toBe(ErrorCode.NONE);
    await expect.poll(() => bed.broker(1).metadata.partition('t', 0)?.isr).toEqual([2, 3]);
    expect(bed.broker(1).metadata.partition('t', 0)?.offlineReplicas).toEqual([]);
    expect(toThisLife().filter(({ api }) => api === 'StopReplica')).toEqual([]);
  });
});

describe('A notification', () => {
  it('that cannot be read does not hide the others', async () => {
    await using bed = await ControllerBed.start([1, 2]);
    await bed.createTopic('t', [1, 2]);
    const { zk } = bed.broker(1);
    const read = zk.getLogDirEventNotifications.bind(zk);
    zk.getLogDirEventNotifications = async () => {
      zk.getLogDirEventNotifications = read;
      await bed.zk.propagateLogDirEvent(2);
      return await read();
    };
    const sent = bed.broker(2).sent.length;
    await bed.zk.createSequentialPersistentPath('/log_dir_event_notification/log_dir_event_', Buffer.from('broker 2'));
    await expect.poll(() => bed.zk.getLogDirEventNotifications()).toEqual([]);
    await bed.settled();
    await expect
      .poll(() =>
        bed
          .broker(2)
          .sent.slice(sent)
          .map(({ api }) => api),
      )
      .toContain('LeaderAndIsr');
  });
});

describe('A deletion that is asked for', () => {
  it('of a topic that is created while a controller takes its office is done', async () => {
    await using bed = await ControllerBed.start([1, 2]);
    await bed.startController(2);
    const { zk } = bed.broker(2);
    const read = zk.getTopicDeletions.bind(zk);
    zk.getTopicDeletions = async () => {
      zk.getTopicDeletions = read;
      const partitions = new Map([[0, { replicas: [2], addingReplicas: [], removingReplicas: [] }]]);
      await bed.zk.createTopicAssignment('fresh', { topicId: 'AAAAAAAAAAAAAAAAAAAAAQ', partitions });
      await bed.zk.createDeleteTopicPath('fresh');
      return await read();
    };
    await bed.stopBroker(1);
    await expect.poll(() => bed.broker(2).deleted, { timeout: 10_000 }).toEqual(['fresh-0']);
    await expect.poll(() => bed.zk.getTopics()).toEqual([]);
    expect(await bed.zk.getTopicDeletions()).toEqual([]);
  });
});

describe('The office', () => {
  it('is taken though the reply to its first write is lost', async () => {
    await using bed = await ControllerBed.start([1, 2]);
    await bed.startController(2);
    await bed.zk.delete('/feature');
    const { zk } = bed.broker(2);
    const create = zk.createFeatures.bind(zk);
    zk.createFeatures = async (features, epochZkVersion) => {
      await create(features, epochZkVersion);
      await create(features, epochZkVersion);
    };
    await bed.stopBroker(1);
    await expect.poll(() => bed.controllers.get(2)!.isActive, { timeout: 10_000 }).toBe(true);
    await bed.createTopic('t', [2]);
    expect(bed.controllers.get(2)!.epoch).toBe(2);
  });

  it.each<[string, (controller: KafkaController, epoch: bigint) => Promise<{ readonly errorCode?: number }>]>([
    [
      'a block of producer ids',
      (controller, brokerEpoch) => controller.allocateProducerIds({ brokerId: 1, brokerEpoch }),
    ],
    [
      'a feature',
      (controller) =>
        controller.updateFeatures(
          {
            timeoutMs: 1000,
            validateOnly: false,
            featureUpdates: [{ feature: 'f', maxVersionLevel: 0, upgradeType: 2, allowDowngrade: false }],
          },
          1,
        ),
    ],
  ])('that was lost, unnoticed, gives out nothing: %s', async (_what, ask) => {
    await using bed = await ControllerBed.start([1, 2]);
    await bed.startController(2);
    const first = bed.controllers.get(1)!;
    bed.broker(1).zk.handlers.unregisterNode(ControllerZNode.path);
    await bed.zk.delete(ControllerZNode.path);
    await expect.poll(() => bed.controllers.get(2)!.isActive).toBe(true);
    const features = { status: FeatureZNodeStatus.enabled, features: new Map([['f', 3]]) };
    await bed.zk.updateFeatures(features);
    const block = (await bed.zk.get('/latest_producer_id_block'))?.data;
    expect((await ask(first, bed.broker(1).epoch)).errorCode).toBe(ErrorCode.NOT_CONTROLLER);
    expect((await bed.zk.get('/latest_producer_id_block'))?.data).toEqual(block);
    expect(await bed.zk.getFeatures()).toMatchObject(features);
    expect(first.isActive).toBe(false);
  });

  it('of another broker is not deleted by the one that had it before', async () => {
    await using bed = await ControllerBed.start([1, 2]);
    const first = bed.controllers.get(1)!;
    const { zk } = bed.broker(1);
    // Its session seems to be over, and lives on: it finds /controller with its own name, and puts it away.
    const remove = zk.delete.bind(zk);
    let isMoved = false;
    zk.delete = async (path, ...versions) => {
      if (path === ControllerZNode.path && !isMoved) {
        isMoved = true;
        await bed.zk.delete(path);
        await bed.startController(2);
      }
      return await remove(path, ...versions);
    };
    const handlers = zk.handlers as unknown as {
      nodes: Map<string, { handleDeletion?(): void }>;
      tellStates(tell: (handler: { onSessionDeadline?(): void }) => void): void;
    };
    handlers.tellStates((handler) => handler.onSessionDeadline?.());
    expect(first.isActive).toBe(false);
    handlers.nodes.get(ControllerZNode.path)!.handleDeletion?.();
    await expect.poll(() => isMoved).toBe(true);
    await expect.poll(() => first.activeControllerId).toBe(2);
    expect(bed.controllers.get(2)!.isActive).toBe(true);
    expect((await bed.zk.getControllerEpoch())?.epoch).toBe(2);
  });
});

describe('A topic that grows', () => {
  it('keeps its new partitions when the controller writes its assignment before it has heard of them', async () => {
    const gate = new Gate();
    await using bed = await ControllerBed.start([1, 2, 3], {
      uncleanLeaderElection: () => gate.pass().then(() => false),
    });
    await bed.createTopic('t', [1, 3]);
    await bed.createTopic('lone', [2]);
    await bed.stopBroker(2);
    await gate.asked;
    const reassigned = bed.reassign('t', [3, 1]);
    const { topicId, partitions } = (await bed.zk.getTopicAssignment('t'))!;
    const added = { replicas: [1, 3], addingReplicas: [], removingReplicas: [] };
    await bed.zk.setTopicAssignment('t', { topicId, partitions: new Map([...partitions, [1, added]]) });
    gate.open();
    expect(await reassigned).toBe(ErrorCode.NONE);
    expect((await assignment(bed))?.replicas).toEqual([3, 1]);
    await bed.untilLeadership('t', '1/1,3', 1);
  });
});
