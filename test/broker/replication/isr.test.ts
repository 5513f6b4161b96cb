import { describe, expect, it } from 'vitest';
import { errorName } from '../../../broker/src/protocol/errors';
import { TestDirectory } from '../log/support';
import { ReplicaBed, settle } from './replica-bed';

const three = [0, 1, 2];

async function leading(
  directory: TestDirectory,
  isr: readonly number[] = three,
  minInsyncReplicas = 1,
): Promise<ReplicaBed> {
  const bed = await ReplicaBed.open(directory, minInsyncReplicas);
  bed.replicas.start();
  expect(await bed.role({ isr, replicas: three })).toBe('NONE');
  return bed;
}

describe('The high watermark', () => {
  it('is the smallest log end offset of the ISR, and only moves up', async () => {
    using directory = new TestDirectory();
    const bed = await leading(directory);
    for (const value of ['a', 'b', 'c']) await bed.append(value);
    expect(bed.log.highWatermark).toBe(0);
    await bed.follow(1, 3);
    expect(bed.log.highWatermark).toBe(0);
    await bed.follow(2, 2);
    expect(bed.log.highWatermark).toBe(2);
    // A follower that begins anew does not take it back.
    await bed.follow(2, 0);
    expect(bed.log.highWatermark).toBe(2);
    await bed.follow(2, 3);
    expect(bed.log.highWatermark).toBe(3);
    await bed.close();
  });

  it('waits for a follower that is about to join, and not for one that is long behind or dead', async () => {
    using directory = new TestDirectory();
    const bed = await leading(directory, [0]);
    await bed.append('a');
    expect(bed.log.highWatermark).toBe(1);
    // Caught up now: it counts, although it is not in the ISR.
    bed.alterPartitions.submit = () => new Promise(() => undefined);
    await bed.follow(1, 1);
    await bed.append('b');
    expect(bed.log.highWatermark).toBe(1);
    await bed.role({ isr: [0], replicas: three, leaderEpoch: 1 });
    expect(bed.log.highWatermark).toBe(2);
    await bed.append('c');
    expect(bed.log.highWatermark).toBe(3);
    await bed.close();
  });

  it('does not wait for a caught-up follower that the controller takes for dead', async () => {
    using directory = new TestDirectory();
    const bed = await leading(directory, [0]);
    bed.live(0, 2);
    await bed.append('a');
    await bed.follow(1, 1);
    expect(bed.alterPartitions.proposed).toEqual([]);
    await bed.append('b');
    expect(bed.log.highWatermark).toBe(2);
    await bed.close();
  });

  it('goes on without a follower that was to join and went: when that is refused, and when the others fetch', async () => {
    using directory = new TestDirectory();
    const bed = await leading(directory, [0, 2]);
    await bed.append('a');
    await bed.follow(1, 0);
    expect(bed.alterPartitions.proposed).toEqual([[0, 2, 1]]);
    await bed.follow(2, 1);
    expect(bed.log.highWatermark).toBe(0);
    bed.live(0, 2);
    await bed.alterPartitions.refuse('INELIGIBLE_REPLICA');
    expect(bed.log.highWatermark).toBe(1);

    bed.live(0, 1, 2);
    await bed.append('b');
    await bed.follow(1, 1);
    await bed.alterPartitions.refuse('INELIGIBLE_REPLICA');
    await bed.follow(2, 2);
    expect(bed.log.highWatermark).toBe(1);
    bed.live(0, 2);
    await bed.follow(2, 2);
    expect(bed.log.highWatermark).toBe(2);
    await bed.close();
  });

  it('stays below min.insync.replicas', async () => {
    using directory = new TestDirectory();
    const bed = await leading(directory, [0], 2);
    await bed.append('a', 1);
    expect(bed.log.highWatermark).toBe(0);
    await bed.follow(1, 1);
    expect(bed.alterPartitions.proposed).toEqual([[0, 1]]);
    expect(bed.log.highWatermark).toBe(0);
    await bed.alterPartitions.accept();
    expect(bed.log.highWatermark).toBe(1);
    await bed.close();
  });

  it('is kept by a new leader until every in-sync follower has said what it has', async () => {
    using directory = new TestDirectory();
    const bed = await leading(directory);
    await bed.append('a');
    await bed.append('b');
    await bed.follow(1, 1);
    await bed.follow(2, 1);
    await bed.role({ leader: 1, leaderEpoch: 1, isr: three, replicas: three });
    await bed.role({ leaderEpoch: 2, isr: three, replicas: three });
    expect([bed.log.highWatermark, bed.partition.leaderEpochStartOffset]).toEqual([1, 2]);
    await bed.append('c');
    await bed.follow(1, 3);
    expect(bed.log.highWatermark).toBe(1);
    await bed.follow(2, 2);
    expect(bed.log.highWatermark).toBe(2);
    await bed.close();
  });
});

describe('The ISR', () => {
  it('loses who has not caught up for replica.lag.time.max.ms, when the controller agrees', async () => {
    using directory = new TestDirectory();
    const bed = await leading(directory);
    await bed.append('a');
    await bed.follow(1, 1);
    bed.clock.advance(15_000);
    await bed.follow(1, 1);
    bed.clock.advance(15_000);
    expect(bed.alterPartitions.proposed).toEqual([]);
    await bed.follow(1, 1);
    bed.clock.advance(15_000);
    expect(bed.alterPartitions.proposed).toEqual([[0, 1]]);
    // Until it is written down, the one that is to leave counts.
    expect(bed.partition.maximalIsr).toEqual(three);
    expect(bed.log.highWatermark).toBe(0);
    await bed.alterPartitions.accept();
    expect([bed.partition.isr, bed.partition.partitionEpoch, bed.log.highWatermark]).toEqual([[0, 1], 1, 1]);
    expect(bed.replicas.isrCounts).toEqual({ expanded: 0, shrunk: 1, failed: 0 });
    expect(bed.replicas.counts).toMatchObject({ leaders: 1, underReplicated: 1, underMinIsr: 0 });
    await bed.close();
  });

  it('keeps a follower that is never at the end of a busy log, and never far from it', async () => {
    using directory = new TestDirectory();
    const bed = await leading(directory, [0, 1]);
    for (let i = 0; i < 20; i++) {
      await bed.append(`${i}`);
      // It has what there was at its last fetch.
      await bed.follow(1, i);
      bed.clock.advance(10_000);
    }
    expect(bed.alterPartitions.proposed).toEqual([]);
    await bed.close();
  });

  it('keeps a follower that has everything, however long nothing is written', async () => {
    using directory = new TestDirectory();
    const bed = await leading(directory, [0, 1]);
    await bed.append('a');
    await bed.follow(1, 1);
    for (let i = 0; i < 10; i++) bed.clock.advance(15_000);
    expect(bed.alterPartitions.proposed).toEqual([]);
    await bed.close();
  });

  it('gets a follower back that has all that is committed, and counts it at once', async () => {
    using directory = new TestDirectory();
    const bed = await leading(directory, [0, 2]);
    await bed.append('a');
    await bed.append('b');
    await bed.follow(2, 1);
    expect(bed.log.highWatermark).toBe(1);
    await bed.follow(1, 0);
    expect(bed.alterPartitions.proposed).toEqual([]);
    await bed.follow(1, 1, { replicaEpoch: 12n });
    const [{ leaderAndIsr, brokerEpochs, controllerEpoch, topicId: id }] = bed.alterPartitions.items;
    expect(leaderAndIsr).toEqual({
      leader: 0,
      leaderEpoch: 0,
      isr: [0, 2, 1],
      leaderRecoveryState: 0,
      partitionEpoch: 0,
    });
    expect([brokerEpochs, controllerEpoch, id]).toEqual([[-1n, -1n, 12n], 1, bed.log.topicId]);
    await bed.follow(2, 2);
    expect([bed.partition.isr, bed.log.highWatermark]).toEqual([[0, 2], 1]);
    // One change at a time.
    await bed.follow(1, 2);
    expect(bed.alterPartitions.proposed).toEqual([[0, 2, 1]]);
    await bed.alterPartitions.accept();
    expect([bed.partition.isr, bed.log.highWatermark]).toEqual([[0, 2, 1], 2]);
    expect(bed.replicas.isrCounts.expanded).toBe(1);
    await bed.close();
  });

  it('gets nobody who has not reached the records of this leader epoch', async () => {
    using directory = new TestDirectory();
    const bed = await leading(directory, [0]);
    await bed.append('a');
    await bed.role({ leader: 1, leaderEpoch: 1, isr: [1], replicas: three });
    bed.log.updateHighWatermark(0);
    await bed.role({ leaderEpoch: 2, isr: [0, 1], replicas: three });
    expect([bed.log.highWatermark, bed.partition.leaderEpochStartOffset]).toEqual([0, 1]);
    await bed.follow(2, 0);
    expect(bed.alterPartitions.proposed).toEqual([]);
    await bed.follow(2, 1);
    expect(bed.alterPartitions.proposed).toEqual([[0, 1, 2]]);
    await bed.close();
  });

  it('stays as it was when the controller says that it changed nothing', async () => {
    using directory = new TestDirectory();
    const bed = await leading(directory, [0, 2]);
    await bed.follow(1, 0);
    await bed.alterPartitions.refuse('INELIGIBLE_REPLICA');
    expect([bed.partition.isrState.kind, bed.partition.maximalIsr]).toEqual(['committed', [0, 2]]);
    await bed.follow(1, 0);
    await bed.alterPartitions.refuse('OPERATION_NOT_ATTEMPTED');
    expect(bed.partition.maximalIsr).toEqual([0, 2]);
    expect([bed.alterPartitions.proposed.length, bed.replicas.isrCounts.failed]).toEqual([2, 2]);
    await bed.close();
  });

  it.each([
    'FENCED_LEADER_EPOCH',
    'INVALID_UPDATE_VERSION',
    'UNKNOWN_TOPIC_OR_PARTITION',
    'UNKNOWN_TOPIC_ID',
    'INVALID_REQUEST',
  ] as const)('is uncertain after %s until the controller gives a role', async (error) => {
    using directory = new TestDirectory();
    const bed = await leading(directory, [0, 2]);
    await bed.follow(1, 0);
    await bed.alterPartitions.refuse(error);
    await bed.follow(1, 0);
    expect([bed.alterPartitions.proposed.length, bed.partition.maximalIsr]).toEqual([1, [0, 2, 1]]);
    expect(await bed.role({ leaderEpoch: 1, isr: [0, 2], replicas: three })).toBe('NONE');
    expect(bed.partition.maximalIsr).toEqual([0, 2]);
    await bed.follow(1, 0);
    expect(bed.alterPartitions.proposed.length).toBe(2);
    await bed.close();
  });

  it('is proposed again after an error that nobody expects', async () => {
    using directory = new TestDirectory();
    const bed = await leading(directory, [0, 2]);
    await bed.follow(1, 0);
    await bed.alterPartitions.refuse('UNKNOWN_SERVER_ERROR');
    expect(bed.alterPartitions.proposed.length).toBe(1);
    bed.clock.advance(50);
    expect(bed.alterPartitions.proposed).toEqual([
      [0, 2, 1],
      [0, 2, 1],
    ]);
    await bed.alterPartitions.accept();
    expect(bed.partition.isr).toEqual([0, 2, 1]);
    await bed.close();
  });

  it('is not what an answer says that comes after a new role', async () => {
    using directory = new TestDirectory();
    const bed = await leading(directory, [0, 2]);
    await bed.follow(1, 0);
    await bed.role({ leaderEpoch: 1, partitionEpoch: 5, isr: [0], replicas: three });
    await bed.alterPartitions.accept();
    expect([bed.partition.isr, bed.partition.partitionEpoch]).toEqual([[0], 5]);
    await bed.close();
  });
});

describe('A produce with acks=all', () => {
  it('is answered when the whole ISR has it', async () => {
    using directory = new TestDirectory();
    const bed = await leading(directory);
    const produced = bed.append('a', -1);
    await bed.follow(1, 1);
    expect(bed.replicas.waiting.produces).toBe(1);
    await bed.follow(2, 1);
    expect(await produced).toMatchObject({ errorCode: 0, baseOffset: 0 });
    await bed.close();
  });

  it('waits for a follower that is joining, too', async () => {
    using directory = new TestDirectory();
    const bed = await leading(directory, [0, 1]);
    await bed.follow(2, 0);
    expect(bed.alterPartitions.proposed).toEqual([[0, 1, 2]]);
    const produced = bed.append('a', -1);
    await bed.follow(1, 1);
    expect(bed.replicas.waiting.produces).toBe(1);
    await bed.follow(2, 1);
    expect(await produced).toMatchObject({ errorCode: 0 });
    await bed.close();
  });

  it('is refused, and nothing is written, below min.insync.replicas', async () => {
    using directory = new TestDirectory();
    const bed = await leading(directory, [0], 2);
    expect(errorName((await bed.append('a', -1)).errorCode)).toBe('NOT_ENOUGH_REPLICAS');
    expect(bed.log.logEndOffset).toBe(0);
    await bed.close();
  });

  it('hears that the ISR became too small behind its back', async () => {
    using directory = new TestDirectory();
    const bed = await leading(directory, [0, 1], 2);
    const produced = bed.append('a', -1, 60_000);
    await bed.follow(1, 0);
    bed.clock.advance(15_000);
    bed.clock.advance(15_000);
    bed.clock.advance(15_000);
    expect(bed.alterPartitions.proposed).toEqual([[0]]);
    await bed.follow(1, 1);
    // The follower came just in time for the record, and too late for the ISR that is being written.
    expect(errorName((await produced).errorCode)).toBe('NONE');
    const late = bed.append('b', -1);
    await bed.alterPartitions.accept();
    expect(bed.partition.isr).toEqual([0]);
    await bed.follow(1, 2);
    expect(bed.alterPartitions.proposed).toEqual([[0], [0, 1]]);
    await bed.alterPartitions.accept();
    expect(errorName((await late).errorCode)).toBe('NONE');
    await bed.close();
  });

  it('times out where the high watermark cannot move for want of replicas', async () => {
    using directory = new TestDirectory();
    const bed = await leading(directory, [0, 1], 2);
    const produced = bed.append('a', -1, 60_000);
    for (let i = 0; i < 3; i++) bed.clock.advance(15_000);
    await bed.alterPartitions.accept();
    await settle();
    expect(bed.log.highWatermark).toBe(0);
    bed.clock.advance(15_000);
    expect(errorName((await produced).errorCode)).toBe('REQUEST_TIMED_OUT');
    await bed.close();
  });
});
