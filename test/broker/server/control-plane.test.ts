import { describe, expect, it } from 'vitest';
import type { UpdateMetadataInput } from '../../../broker/src/controller/broker-channel';
import { MetadataCache } from '../../../broker/src/replication/metadata-cache';
import type { ReplicaManager } from '../../../broker/src/replication/replica-manager';
import { ControlPlane, localBrokerChannel } from '../../../broker/src/server/control-plane';
import { recordingLogger } from './recording-logger';

const ids = { old: 'AAAAAAAAAAAAAAAAAAAAAQ', fresh: 'AAAAAAAAAAAAAAAAAAAAAg' };

/** A control plane without replicas, in a cluster whose topics are as a test says. */
function plane(life: { epoch: bigint; topics: readonly string[] }) {
  const metadata = new MetadataCache();
  const forgotten: string[] = [];
  const deleted: string[] = [];
  const controlPlane = new ControlPlane(recordingLogger(), {
    replicas: { isStaleController: () => false } as unknown as ReplicaManager,
    metadata,
    dynamicConfig: { ensureTopics: () => Promise.resolve(), forgetTopics: (topics) => forgotten.push(...topics) },
    brokerEpoch: () => life.epoch,
    existingTopics: () => Promise.resolve(life.topics),
    partitionsDeleted: (partitions) =>
      deleted.push(...partitions.map(({ topic, partition }) => `${topic}-${partition}`)),
  });
  const channel = localBrokerChannel(controlPlane);
  const update = (controllerEpoch: number, ...topics: readonly (readonly [string, string, number?])[]) =>
    channel.updateMetadata({
      controllerId: 1,
      controllerEpoch,
      brokerEpoch: life.epoch,
      liveBrokers: [],
      topicStates: topics.map(([topicName, topicId, partitions = 1]) => ({
        topicName,
        topicId,
        partitionStates: Array.from({ length: partitions }, (_, partitionIndex) => ({ ...state, partitionIndex })),
      })),
    });
  return { metadata, forgotten, deleted, update, known: () => [...metadata.topics.keys()] };
}

const state: NonNullable<NonNullable<UpdateMetadataInput['topicStates']>[number]['partitionStates']>[number] = {
  partitionIndex: 0,
  controllerEpoch: 1,
  leader: 1,
  leaderEpoch: 0,
  isr: [1],
  zkVersion: 0,
  replicas: [1],
};

describe('UpdateMetadata', () => {
  it('lets go of topics that were deleted before a new controller began', async () => {
    const life = { epoch: 5n, topics: ['kept', 'gone'] };
    const { update, known, forgotten, deleted } = plane(life);
    await update(1, ['kept', ids.old], ['gone', ids.fresh]);
    life.topics = ['kept', 'later'];
    await update(1);
    expect(known()).toEqual(['kept', 'gone']);
    await update(2, ['later', ids.fresh]);
    await expect.poll(known).toEqual(['kept', 'later']);
    expect(forgotten).toEqual(['gone']);
    expect(deleted).toEqual(['gone-0']);
  });

  it('lets go of topics that were deleted while this broker had no session', async () => {
    const life = { epoch: 5n, topics: ['gone'] };
    const { update, known } = plane(life);
    await update(1, ['gone', ids.old]);
    life.topics = [];
    life.epoch = 6n;
    await update(1);
    await expect.poll(known).toEqual([]);
  });

  it('of a topic that was created anew leaves nothing of the former one', async () => {
    const { update, metadata } = plane({ epoch: 5n, topics: ['t'] });
    await update(1, ['t', ids.old, 3]);
    await update(1, ['t', ids.fresh]);
    expect(metadata.topic('t')?.partitions.size).toBe(1);
    expect(metadata.topicName(ids.old)).toBeUndefined();
  });

  it('keeps a topic that was created anew while it was looked for', async () => {
    const life = { epoch: 5n, topics: ['t'] };
    const { update, known, metadata } = plane(life);
    await update(1, ['t', ids.old]);
    life.topics = [];
    const first = update(2);
    await update(2, ['t', ids.fresh]);
    await first;
    for (let i = 0; i < 10; i++) await Promise.resolve();
    expect(known()).toEqual(['t']);
    expect(metadata.topicName(ids.fresh)).toBe('t');
  });
});
