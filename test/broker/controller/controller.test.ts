import { describe, expect, it, vi } from 'vitest';
import { nodeIo } from '../../../broker/src/io/node';
import { Apis } from '../../../broker/src/protocol/api-keys';
import { BrokerBed } from '../server/broker-bed';
import { batchOfBytes, BrokerClient, nameOf, valuesOf } from '../server/broker-client';
import { recordingLogger } from '../server/recording-logger';
import { endSession } from '../zookeeper/end-session';
import { KafkaZkClient } from '../../../broker/src/zookeeper/kafka-zk-client';

/** Brokers make their ZooKeeper clients themselves: this one is caught on its way. */
async function clientOf<T>(start: () => Promise<T>): Promise<readonly [T, KafkaZkClient]> {
  const connect = vi.spyOn(KafkaZkClient.prototype, 'connect');
  try {
    return [await start(), connect.mock.contexts[0] as KafkaZkClient];
  } finally {
    connect.mockRestore();
  }
}

describe('The controller', () => {
  it('whose office is deleted by hand is elected again, in the next epoch', async () => {
    await using bed = await BrokerBed.start();
    const broker = await bed.startBroker();
    const zk = await bed.zk();
    const before = (await zk.getControllerEpoch())!.epoch;
    await zk.delete('/controller');
    await expect.poll(async () => (await zk.getController())?.brokerId).toBe(0);
    expect((await zk.getControllerEpoch())!.epoch).toBeGreaterThan(before);
    using client = await BrokerClient.connect(broker.bootstrapServers);
    await client.createTopic('afterwards');
    expect(await client.produceValues('afterwards', 'x')).toBe(0);
  });

  it('registers and is elected again when its session has ended', async () => {
    await using bed = await BrokerBed.start();
    const [broker, own] = await clientOf(() => bed.startBroker());
    using client = await BrokerClient.connect(broker.bootstrapServers);
    await client.createTopic('kept');
    await client.produceValues('kept', 'before');
    const zk = await bed.zk();
    const { brokerEpoch } = (await zk.getBroker(0))!;
    await endSession(nodeIo(), bed.zookeeperConnect, own.client);
    // Leaders go on serving without ZooKeeper.
    await client.produceValues('kept', 'between');
    await expect.poll(async () => (await zk.getBroker(0))?.brokerEpoch ?? 0n).toBeGreaterThan(brokerEpoch);
    await expect.poll(async () => (await zk.getController())?.brokerId).toBe(0);
    await client.createTopic('new');
    expect(valuesOf(await client.fetch('kept', 0))).toEqual(['before', 'between']);
  });

  it('goes on when ZooKeeper was restarted, and records are taken meanwhile', async () => {
    await using bed = await BrokerBed.start();
    const broker = await bed.startBroker();
    using client = await BrokerClient.connect(broker.bootstrapServers);
    await client.createTopic('t');
    await bed.stopZooKeeper();
    await client.produceValues('t', 'without ZooKeeper');
    await bed.startZooKeeper();
    await client.createTopic('later');
    await client.deleteTopic('later');
    expect(valuesOf(await client.fetch('t', 0))).toEqual(['without ZooKeeper']);
  });

  it('takes its office again when the session that it had given up lives on', async () => {
    await using bed = await BrokerBed.start();
    const [broker, own] = await clientOf(() => bed.startBroker());
    const zk = await bed.zk();
    const before = (await zk.getControllerEpoch())!.epoch;
    // As when nobody was heard of for the session's timeout, and the server has kept it.
    const { handlers } = own;
    (handlers as unknown as { tellStates(tell: (handler: { onSessionDeadline?(): void }) => void): void }).tellStates(
      (handler) => handler.onSessionDeadline?.(),
    );
    await bed.stopZooKeeper();
    await bed.startZooKeeper();
    await expect.poll(async () => (await zk.getControllerEpoch())!.epoch).toBe(before + 1);
    using client = await BrokerClient.connect(broker.bootstrapServers);
    await client.createTopic('afterwards');
  });

  it('deletes a topic, makes one of the same name anew, and lets it grow', async () => {
    await using bed = await BrokerBed.start();
    const logger = recordingLogger('error');
    const broker = await bed.startBroker({ logger });
    using client = await BrokerClient.connect(broker.bootstrapServers);
    const ids = new Set<string>();
    for (let round = 0; round < 3; round++) {
      ids.add(await client.createTopic('again', 2));
      expect(await client.produceValues('again', `round ${round}`)).toBe(0);
      const { results } = await client.send(Apis.CreatePartitions, 3, {
        topics: [{ name: 'again', count: 4, assignments: null }],
        timeoutMs: 30_000,
        validateOnly: false,
      });
      expect(nameOf(results[0])).toBe('NONE');
      expect(nameOf(await client.produce('again', null, { index: 3 }))).toBe('INVALID_RECORD');
      await client.deleteTopic('again');
    }
    expect(ids.size).toBe(3);
    expect(logger.lines).toEqual([]);
  });

  it('serves topics that a tool writes into ZooKeeper, and gives them an id', async () => {
    await using bed = await BrokerBed.start();
    const broker = await bed.startBroker();
    const zk = await bed.zk();
    const partitions = new Map([[0, { replicas: [0], addingReplicas: [], removingReplicas: [] }]]);
    await zk.createTopicAssignment('by-tool', { topicId: null, partitions });
    using client = await BrokerClient.connect(broker.bootstrapServers);
    await expect.poll(async () => (await zk.getTopicAssignment('by-tool'))?.topicId).toMatch(/^[\w-]{22}$/);
    const { topicId } = (await zk.getTopicAssignment('by-tool'))!;
    await expect.poll(async () => nameOf(await client.produce('by-tool', batchOfBytes(1)))).toBe('NONE');
    // KAFKA-14190: kafka-topics of before topic ids writes the topic back without its own.
    partitions.set(1, { replicas: [0], addingReplicas: [], removingReplicas: [] });
    await zk.setTopicAssignment('by-tool', { topicId: null, partitions });
    await expect.poll(async () => (await zk.getTopicAssignment('by-tool'))?.topicId).toBe(topicId);
  });

  it('does not delete topics when delete.topic.enable is false', async () => {
    await using bed = await BrokerBed.start();
    const broker = await bed.startBroker({ properties: { 'delete.topic.enable': false } });
    using client = await BrokerClient.connect(broker.bootstrapServers);
    await client.createTopic('kept');
    const zk = await bed.zk();
    await zk.createDeleteTopicPath('kept');
    await expect.poll(() => zk.getTopicDeletions()).toEqual([]);
    expect(await client.produceValues('kept', 'x')).toBe(0);
  });
});
