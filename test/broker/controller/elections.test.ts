import { describe, expect, it } from 'vitest';
import { errorName, ErrorCode } from '../../../broker/src/protocol/errors';
import { PreferredReplicaElectionZNode } from '../../../broker/src/zookeeper/znodes/admin';
import { ControllerBed } from './controller-bed';

const preferred = 0;
const unclean = 1;

async function elect(
  bed: ControllerBed,
  electionType: number,
  partitions: Readonly<Record<string, number[]>> | null,
  timeoutMs = 30_000,
) {
  const { replicaElectionResults } = await bed.controller.electLeaders(
    {
      electionType,
      timeoutMs,
      topicPartitions: partitions && Object.entries(partitions).map(([topic, each]) => ({ topic, partitions: each })),
    },
    2,
  );
  return replicaElectionResults.flatMap(({ topic, partitionResult }) =>
    partitionResult.map(({ partitionId, errorCode }) => `${topic}-${partitionId}: ${errorName(errorCode)}`),
  );
}

/** Its leaders are not the preferred ones: broker 2 was away. */
async function displaced(options = {}): Promise<ControllerBed> {
  const bed = await ControllerBed.start([1, 2, 3], options);
  await bed.createTopic('t', [2, 1], [3, 1]);
  await bed.stopBroker(2);
  await bed.untilLeadership('t', '1/1');
  await bed.startBroker(2);
  await expect.poll(() => bed.broker(2).replicas.get('t-0')?.leader).toBe(1);
  return bed;
}

describe('A preferred election', () => {
  it('gives the leadership back when the replica is in the ISR', async () => {
    await using bed = await displaced();
    expect(await elect(bed, preferred, { t: [0, 1, 9], none: [0] })).toEqual([
      't-0: PREFERRED_LEADER_NOT_AVAILABLE',
      't-1: ELECTION_NOT_NEEDED',
      't-9: UNKNOWN_TOPIC_OR_PARTITION',
      'none-0: UNKNOWN_TOPIC_OR_PARTITION',
    ]);
    await bed.alterIsr('t', [1, 2]);
    expect(await elect(bed, preferred, null)).toEqual(['t-0: NONE']);
    expect(await bed.leadership('t')).toBe('2/1,2');
    // The broker that was asked knows.
    expect(bed.broker(1).metadata.partition('t', 0)?.leader).toBe(2);
    await expect.poll(() => bed.broker(1).replicas.get('t-0')?.leader).toBe(2);
  });

  it('is answered in time when the broker that is asked does not hear of it', async () => {
    await using bed = await displaced();
    await bed.alterIsr('t', [1, 2]);
    const resume = bed.broker(1).hang();
    expect(await elect(bed, preferred, { t: [0, 1] }, 50)).toEqual([
      't-0: REQUEST_TIMED_OUT',
      't-1: ELECTION_NOT_NEEDED',
    ]);
    expect(await bed.leadership('t')).toBe('2/1,2');
    resume();
  });

  it('is taken from /admin/preferred_replica_election', async () => {
    await using bed = await displaced();
    await bed.alterIsr('t', [1, 2]);
    const { path } = PreferredReplicaElectionZNode;
    for (let round = 0; round < 2; round++) {
      const data = PreferredReplicaElectionZNode.encode([{ topic: 't', partition: 0 }]);
      await bed.zk.createRecursive(path, data);
      await expect.poll(() => bed.zk.pathExists(path)).toBe(false);
      await bed.untilLeadership('t', '2/1,2');
    }
  });

  it('is held by the controller itself when too many leaders are elsewhere', async () => {
    await using bed = await ControllerBed.start([1, 2], {
      autoLeaderRebalanceEnable: true,
      leaderImbalanceCheckIntervalSeconds: 1,
      leaderImbalancePerBrokerPercentage: 60,
    });
    await bed.createTopic('t', [1, 2], [1, 2]);
    // Half of the partitions that prefer broker 1 are elsewhere: that is allowed.
    const setLeader = async (partition: number): Promise<void> => {
      const state = (await bed.state('t', partition))!;
      const leaderEpoch = state.leaderEpoch + 1;
      const moved = { ...state, leader: 2, leaderEpoch };
      await bed.zk.setPartitionStates(
        [{ topic: 't', partition, state: moved, partitionEpoch: state.partitionEpoch }],
        -1,
      );
      await bed.zk.propagateIsrChanges([{ topic: 't', partition }]);
      await expect.poll(() => bed.broker(1).metadata.partition('t', partition)?.leaderEpoch).toBe(leaderEpoch);
    };
    await setLeader(0);
    await setLeader(1);
    await expect.poll(() => bed.leadership('t', 0), { timeout: 20_000 }).toBe('1/1,2');
    await expect.poll(() => bed.leadership('t', 1), { timeout: 20_000 }).toBe('1/1,2');
    expect(bed.logger.lines.join('\n')).toContain('Broker 1 does not lead 2 of 2 partitions that prefer it');
  });
});

describe('An unclean election', () => {
  it('is held where an administrator asks for it', async () => {
    await using bed = await ControllerBed.start([1, 2, 3]);
    await bed.createTopic('t', [2, 3], [1, 3]);
    await bed.alterIsr('t', [2]);
    await bed.stopBroker(2);
    await bed.untilLeadership('t', '-1/2');
    expect(await elect(bed, preferred, { t: [0] })).toEqual(['t-0: PREFERRED_LEADER_NOT_AVAILABLE']);
    expect(await elect(bed, unclean, { t: [0, 1] })).toEqual(['t-0: NONE', 't-1: ELECTION_NOT_NEEDED']);
    expect(await bed.leadership('t')).toBe('3/3');
    await bed.stopBroker(3);
    await bed.untilLeadership('t', '-1/3');
    expect(await elect(bed, unclean, { t: [0] })).toEqual(['t-0: ELIGIBLE_LEADERS_NOT_AVAILABLE']);
    expect(await elect(bed, 7, { t: [0] })).toEqual(['t-0: INVALID_REQUEST']);
  });
});

describe('A controlled shutdown', () => {
  it('moves leaders away and followers out of the ISR, and names what is left', async () => {
    await using bed = await ControllerBed.start([1, 2, 3]);
    // The second has nobody else, the fourth nobody in its ISR.
    await bed.createTopic('t', [2, 3], [2], [1, 2], [2, 3]);
    await bed.alterIsr('t', [2], 3);
    const shutdown = (brokerEpoch = bed.broker(2).epoch, brokerId = 2) =>
      bed.controller.controlledShutdown({ brokerId, brokerEpoch });
    expect((await shutdown(bed.broker(2).epoch - 1n)).errorCode).toBe(ErrorCode.STALE_BROKER_EPOCH);
    expect((await shutdown(-1n, 9)).errorCode).toBe(ErrorCode.BROKER_NOT_AVAILABLE);
    expect(await shutdown()).toEqual({
      errorCode: ErrorCode.NONE,
      remainingPartitions: [{ topicName: 't', partitionIndex: 3 }],
    });
    expect(await bed.leadership('t', 0)).toBe('3/3');
    expect(await bed.leadership('t', 1)).toBe('2/2');
    expect(await bed.leadership('t', 2)).toBe('1/1');
    expect(await bed.leadership('t', 3)).toBe('2/2');
    await expect.poll(() => bed.broker(2).replicas.get('t-0')?.leader).toBe(3);
    const stops = bed.broker(2).sent.flatMap(({ api, partitions }) => (api === 'StopReplica' ? partitions : []));
    expect([...new Set(stops)]).toEqual(['t-2:stop 0']);
    // It is told of what happens still, and gets no leaderships and no place in an ISR.
    await bed.createTopic('new', [2, 1]);
    expect(await bed.leadership('new')).toBe('1/1');
    await expect.poll(() => bed.broker(2).metadata.partition('new', 0)?.leader).toBe(1);
    expect((await bed.alterIsr('t', [1, 2], 2)).errorCode).toBe(ErrorCode.INELIGIBLE_REPLICA);
    // Asked again it says the same; when it has gone and is back it is a broker as any other.
    expect((await shutdown()).remainingPartitions).toHaveLength(1);
    await bed.stopBroker(2);
    await bed.untilLeadership('t', '-1/2', 3);
    await bed.startBroker(2);
    await bed.untilLeadership('t', '2/2', 3);
    expect((await bed.alterIsr('t', [1, 2], 2)).errorCode).toBe(ErrorCode.NONE);
  });
});
