import { describe, expect, it } from 'vitest';
import { LeaderRecoveryState } from '../../../broker/src/zookeeper/znodes/partition-state';
import { seededRandom } from '../../seeded-random';
import { ControllerBed } from './controller-bed';

const ids = [1, 2, 3, 4];

/** Everything at once, to a controller that is itself replaced now and then. */
async function disturb(bed: ControllerBed, random: (below: number) => number, steps: number): Promise<void> {
  const up = new Set(ids);
  const resumes: (() => void)[] = [];
  const unanswered: Promise<unknown>[] = [];
  const topics = new Set<string>();
  let made = 0;
  const any = <T>(of: readonly T[]): T => of[random(of.length)];
  const some = (): number[] => ids.toSorted(() => random(3) - 1).slice(0, 1 + random(3));
  const create = async (): Promise<void> => {
    const name = `t${made++}`;
    topics.add(name);
    const each = () => ({ replicas: some(), addingReplicas: [], removingReplicas: [] });
    const partitions = new Map(Array.from({ length: 1 + random(4) }, (_, i) => [i, each()]));
    await bed.zk.createTopicAssignment(name, { topicId: bed.io.random.bytes(16).toString('base64url'), partitions });
  };
  await create();
  for (let step = 0; step < steps; step++) {
    const topic = topics.size > 0 ? any([...topics]) : undefined;
    const what = random(13);
    if (what === 0 && up.size > 2) {
      const id = any([...up]);
      up.delete(id);
      await bed.stopBroker(id);
    } else if (what === 1 && up.size < ids.length) {
      const id = any(ids.filter((each) => !up.has(each)));
      up.add(id);
      await bed.startBroker(id);
      // Not waited for: it may be one that hangs.
      unanswered.push(bed.startController(id));
    } else if (what === 2) {
      resumes.push(bed.broker(any(ids)).hang());
    } else if (what === 3) {
      for (const resume of resumes.splice(0)) resume();
    } else if (what === 4) {
      bed.broker(any(ids)).loseNext(1 + random(3));
    } else if (what === 5) {
      await create();
    } else if (what === 6 && topic !== undefined && topics.size > 1) {
      topics.delete(topic);
      await bed.zk.createDeleteTopicPath(topic).catch(() => undefined);
    } else if (what === 7) {
      await bed.zk.delete('/controller');
    } else if (what === 8) {
      await bed.controller.controlledShutdown({ brokerId: any([...up]), brokerEpoch: -1n });
    } else if (what === 9 && topic !== undefined) {
      await bed.reassign(topic, random(4) === 0 ? null : some());
    } else if (what === 10) {
      // Answered when the controller's own broker has heard of it, which may hang.
      unanswered.push(bed.controller.electLeaders({ electionType: 0, timeoutMs: 0, topicPartitions: null }, 2));
    } else if (what === 11) {
      await bed.expireSession(any([...up]));
    } else if (topic !== undefined) {
      const state = await bed.state(topic);
      if (state && state.leader > 0) {
        const isr = random(2) === 0 ? [state.leader] : [...new Set([state.leader, ...some()])];
        await bed.alterPartition(topic, { ...state, isr, partition: 0 });
      }
    }
  }
  for (const resume of resumes) resume();
  await Promise.all(unanswered);
  // Shutting down brokers go, so that all are brokers as any other in the end.
  for (const id of ids) {
    if (up.has(id)) await bed.stopBroker(id);
  }
  for (const id of ids) {
    await bed.startBroker(id);
    await bed.startController(id);
  }
}

describe('A cluster after everything has happened to it', () => {
  it.each([1, 2, 3, 4, 5, 6])(
    'has leaders, and every broker knows what ZooKeeper has (seed %i)',
    { timeout: 60_000 },
    async (seed) => {
      await using bed = await ControllerBed.start(ids);
      for (const id of ids.slice(1)) await bed.startController(id);
      const random = seededRandom(seed);
      await disturb(bed, (below) => Math.floor(random() * below), 60);
      await expect.poll(() => bed.controller.isActive, { timeout: 10_000 }).toBe(true);

      // Leaders take their followers in, until nothing is left to do; then all agree.
      await expect
        .poll(
          async () => {
            if (!bed.controller.isActive) return 'no controller';
            for (const topic of await bed.zk.getTopics()) {
              const assignment = await bed.zk.getTopicAssignment(topic);
              for (const [partition, { replicas }] of assignment?.partitions ?? []) {
                const state = await bed.state(topic, partition);
                if (!state || state.leader < 0) continue;
                await bed.alterPartition(topic, {
                  ...state,
                  isr: [...new Set([state.leader, ...replicas])],
                  leaderRecoveryState: LeaderRecoveryState.RECOVERED,
                  partition,
                });
              }
            }
            return await disagreement(bed);
          },
          { timeout: 30_000, interval: 50 },
        )
        .toBe('');
      expect(
        bed.logger.lines.filter(
          (line) => /cannot become|could not handle/.test(line) && !line.includes('the client is closed'),
        ),
      ).toEqual([]);
    },
  );
});

/** What is not as it has to be in the end, in words. */
async function disagreement(bed: ControllerBed): Promise<string> {
  const deletions = await bed.zk.getTopicDeletions();
  if (deletions.length > 0) return `being deleted: ${deletions.join()}`;
  const topics = await bed.zk.getTopics();
  const { topics: reassigned } = await bed.controller.listPartitionReassignments({ timeoutMs: 0, topics: null });
  if (reassigned.length > 0) return `being reassigned: ${reassigned.map(({ name }) => name).join()}`;
  for (const topic of topics) {
    const { topicId, partitions } = (await bed.zk.getTopicAssignment(topic))!;
    for (const [partition, { replicas }] of partitions) {
      const name = `${topic}-${partition}`;
      const state = await bed.state(topic, partition);
      if (!state || !replicas.includes(state.leader)) return `${name} is led by ${state?.leader}`;
      if (state.isr.toSorted().join() !== replicas.toSorted().join())
        return `the ISR of ${name} is ${state.isr.join()}`;
      for (const id of ids) {
        const { metadata, replicas: held } = bed.broker(id);
        if (metadata.topic(topic)?.topicId !== topicId) return `broker ${id} knows another topic ${topic}`;
        const known = metadata.partition(topic, partition);
        if (known?.leaderEpoch !== state.leaderEpoch || known.leader !== state.leader) return `broker ${id}: ${name}`;
        if (known.isr.join() !== state.isr.join() || known.offlineReplicas.length > 0)
          return `broker ${id}: ${name} ISR`;
        const role = held.get(name);
        if (!replicas.includes(id)) continue;
        if (role?.leaderEpoch !== state.leaderEpoch) return `broker ${id} has ${name} in epoch ${role?.leaderEpoch}`;
        if (role.replicas.join() !== replicas.join()) return `broker ${id} has ${name} with ${role.replicas.join()}`;
      }
    }
  }
  for (const id of ids) {
    const more = [...bed.broker(id).metadata.topics.keys()].filter((topic) => !topics.includes(topic));
    if (more.length > 0) return `broker ${id} still knows ${more.join()}`;
  }
  return '';
}
