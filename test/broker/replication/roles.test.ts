import { mkdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { errorName } from '../../../broker/src/protocol/errors';
import { releaseFetch } from '../../../broker/src/replication/fetch';
import { TestDirectory } from '../log/support';
import { ReplicaBed, settle } from './replica-bed';

const two = [0, 1];

describe('A role', () => {
  it('that is held already is refused, and changes nothing', async () => {
    using directory = new TestDirectory();
    const bed = await ReplicaBed.open(directory);
    expect(await bed.role({ isr: two, replicas: two })).toBe('NONE');
    expect(await bed.role({ isr: [0], replicas: two })).toBe('STALE_CONTROLLER_EPOCH');
    expect(bed.partition.isr).toEqual(two);
    await bed.close();
  });

  it('is passed over when the partition epoch is older than what AlterPartition gave', async () => {
    using directory = new TestDirectory();
    const bed = await ReplicaBed.open(directory);
    await bed.role({ isr: [0], replicas: two, partitionEpoch: 7 });
    await bed.follow(1, 0);
    await bed.alterPartitions.accept();
    expect(bed.partition.partitionEpoch).toBe(8);
    expect(await bed.role({ leaderEpoch: 1, isr: [0], replicas: two, partitionEpoch: 7 })).toBe('NONE');
    expect([bed.partition.leaderEpoch, bed.partition.isr]).toEqual([0, two]);
    await bed.close();
  });

  it('moves the fetchers along', async () => {
    using directory = new TestDirectory();
    const bed = await ReplicaBed.open(directory);
    await bed.role({ leader: 1, isr: two, replicas: two });
    await bed.role({ leader: 2, leaderEpoch: 1, isr: [0, 2], replicas: [0, 2] });
    await bed.role({ leaderEpoch: 2, isr: [0], replicas: two });
    await bed.role({ leader: -1, leaderEpoch: 3, isr: [1], replicas: two });
    await bed.role({ leader: 1, leaderEpoch: 4, isr: [1], replicas: two });
    await bed.stop(4, false);
    expect(bed.fetchers.calls).toEqual([
      'remove t-0',
      'add t-0 of 1@b1:9092 in 0',
      'remove t-0',
      'add t-0 of 2@b2:9092 in 1',
      'remove t-0',
      'remove t-0',
      'remove t-0',
      'add t-0 of 1@b1:9092 in 4',
      'remove t-0',
    ]);
    await bed.close();
    expect(bed.fetchers.calls.at(-1)).toBe('shutdown');
    expect(bed.alterPartitions.isClosed).toBe(true);
  });

  it('as follower is not begun by a broker that is about to go and not in the ISR: it would only ask to be let in', async () => {
    using directory = new TestDirectory();
    const bed = await ReplicaBed.open(directory);
    await bed.role({ isr: two, replicas: two });
    bed.replicas.handOver();
    await bed.role({ leader: 1, leaderEpoch: 1, isr: [1], replicas: two });
    expect(bed.fetchers.calls).toEqual(['remove t-0', 'remove t-0']);
    // Where it is in the ISR still, acknowledgements wait for it.
    await bed.role({ leader: 1, leaderEpoch: 2, isr: two, replicas: two });
    expect(bed.fetchers.calls.at(-1)).toBe('add t-0 of 1@b1:9092 in 2');
    await bed.close();
  });

  it('of a leader is not taken before the fetchers have written their last', async () => {
    using directory = new TestDirectory();
    const bed = await ReplicaBed.open(directory);
    await bed.role({ leader: 1, isr: two, replicas: two });
    let removed!: () => void;
    bed.fetchers.removing = new Promise((resolve) => (removed = resolve));
    const role = bed.role({ leaderEpoch: 1, isr: [0], replicas: two });
    await settle();
    expect(bed.partition.isLeader).toBe(false);
    removed();
    expect(await role).toBe('NONE');
    expect(bed.partition.isLeader).toBe(true);
    await bed.close();
  });

  it('of a follower waits for the address of its leader', async () => {
    using directory = new TestDirectory();
    const bed = await ReplicaBed.open(directory);
    bed.live(0);
    const liveLeaders = [{ brokerId: 1, hostName: 'named', port: 1 }];
    await bed.role({ leader: 1, isr: two, replicas: two, liveLeaders });
    expect(bed.fetchers.calls.at(-1)).toBe('add t-0 of 1@named:1 in 0');
    await bed.role({ leader: 1, leaderEpoch: 1, isr: two, replicas: two });
    expect(bed.fetchers.calls.at(-1)).toBe('remove t-0');
    bed.live(0, 2);
    expect(bed.fetchers.calls.at(-1)).toBe('remove t-0');
    bed.live(0, 1);
    expect(bed.fetchers.calls.at(-1)).toBe('add t-0 of 1@b1:9092 in 1');
    bed.live(0, 1);
    expect(bed.fetchers.calls.filter((call) => call.startsWith('add'))).toHaveLength(2);
    await bed.close();
  });

  it('tells who asked for it when it begins and when it ends, not with every epoch', async () => {
    using directory = new TestDirectory();
    const bed = await ReplicaBed.open(directory);
    const heard: string[] = [];
    bed.replicas.onLeadership({
      becameLeader: ({ leaderEpoch }) => heard.push(`leader in ${leaderEpoch}`),
      resigned: (_, leaderEpoch) => heard.push(`resigned in ${leaderEpoch}`),
    });
    await bed.role({ isr: two, replicas: two });
    await bed.role({ leaderEpoch: 1, isr: two, replicas: two });
    await bed.role({ leader: 1, leaderEpoch: 2, isr: two, replicas: two });
    await bed.role({ leader: 1, leaderEpoch: 3, isr: two, replicas: two });
    await bed.role({ leaderEpoch: 4, isr: two, replicas: two });
    await bed.stop(-2, true);
    expect(heard).toEqual(['leader in 0', 'resigned in 2', 'leader in 4', 'resigned in -2']);
    await bed.close();
  });

  it('begins a leader epoch in the log, with or without records', async () => {
    using directory = new TestDirectory();
    const bed = await ReplicaBed.open(directory);
    await bed.role({ leaderEpoch: 2 });
    await bed.append('a');
    await bed.role({ leaderEpoch: 5 });
    expect(bed.log.leaderEpochs).toEqual([
      { epoch: 2, startOffset: 0 },
      { epoch: 5, startOffset: 1 },
    ]);
    await bed.close();
  });

  it('begins after the appends that wait, and those that wait when it ends are refused', async () => {
    using directory = new TestDirectory();
    const bed = await ReplicaBed.open(directory);
    await bed.role({ leaderEpoch: 0 });
    await bed.append('a');
    const { log } = bed;
    // A new segment takes files: what comes meanwhile waits, and the change of the role in its turn.
    const rolling = log.roll();
    const before = bed.append('b');
    const role = bed.role({ leaderEpoch: 3 });
    await Promise.all([rolling, role]);
    expect((await before).errorCode).toBe(0);
    expect(log.leaderEpochs.map(({ epoch, startOffset }) => [epoch, startOffset])).toEqual([
      [0, 0],
      [3, 2],
    ]);
    await bed.append('c');
    const again = log.roll();
    const late = bed.append('d');
    await bed.role({ leader: 1, leaderEpoch: 4, isr: two, replicas: two });
    await again;
    expect(errorName((await late).errorCode)).toBe('NOT_LEADER_OR_FOLLOWER');
    expect([log.logEndOffset, log.latestEpoch]).toEqual([3, 3]);
    await bed.close();
  });
});

describe('StopReplica', () => {
  it('without deletion keeps the log and its high watermark', async () => {
    using directory = new TestDirectory();
    const bed = await ReplicaBed.open(directory);
    await bed.role();
    for (const value of ['a', 'b', 'c']) await bed.append(value);
    await bed.role({ leader: 1, leaderEpoch: 1, isr: two, replicas: two });
    expect(await bed.stop(1, false)).toBe('NONE');
    await bed.role({ leader: 1, leaderEpoch: 2, isr: two, replicas: two });
    expect([bed.log.highWatermark, bed.log.logEndOffset]).toEqual([3, 3]);
    await bed.close();
  });

  it('without deletion leaves the role as it is, and those who follow it', async () => {
    using directory = new TestDirectory();
    const bed = await ReplicaBed.open(directory);
    const told: string[] = [];
    bed.replicas.onLeadership({
      becameLeader: ({ leaderEpoch }) => told.push(`leader in ${leaderEpoch}`),
      resigned: (_, leaderEpoch) => told.push(`resigned in ${leaderEpoch}`),
    });
    await bed.role();
    expect(await bed.stop(0, false)).toBe('NONE');
    expect([bed.partition.isLeader, told]).toEqual([true, ['leader in 0']]);
    expect(await bed.stop(0, true)).toBe('NONE');
    expect(told).toEqual(['leader in 0', 'resigned in 0']);
    await bed.close();
  });

  it('with deletion takes the log away, and a partition of the same name begins empty', async () => {
    using directory = new TestDirectory();
    const bed = await ReplicaBed.open(directory);
    await bed.role();
    await bed.append('a');
    const { partition } = bed;
    expect(await bed.stop(-2, true)).toBe('NONE');
    expect([partition.isGone, bed.replicas.counts.partitions]).toEqual([true, 0]);
    // Who holds on to the old one hears that it is no more.
    expect(() => partition.requireReplica(-1)).toThrow('NOT_LEADER_OR_FOLLOWER');
    expect(await bed.role({ topicId: 'bbcdefghijklmnopqrstuA' })).toBe('NONE');
    expect(bed.log.logEndOffset).toBe(0);
    await bed.close();
  });

  it('deletes what it holds no role in', async () => {
    using directory = new TestDirectory();
    const first = await ReplicaBed.open(directory);
    await first.role();
    await first.close();
    const second = await ReplicaBed.open(directory);
    expect(second.logManager.size).toBe(1);
    expect(await second.stop(-2, true)).toBe('NONE');
    expect(second.logManager.size).toBe(0);
    await second.close();
  });
});

describe('The high watermark of a follower', () => {
  it('is that of the checkpoint after a restart, not the end of its log', async () => {
    using directory = new TestDirectory();
    const first = await ReplicaBed.open(directory);
    await first.role({ isr: two, replicas: two });
    for (const value of ['a', 'b', 'c']) await first.append(value);
    await first.follow(1, 2);
    await first.close();
    const second = await ReplicaBed.open(directory);
    await second.role({ leader: 1, leaderEpoch: 1, isr: two, replicas: two });
    expect([second.log.highWatermark, second.log.logEndOffset]).toEqual([2, 3]);
    await second.close();
  });
});

describe('A log directory that failed', () => {
  it('costs its replicas for good, and the controller is told once', async () => {
    using directory = new TestDirectory();
    let told = 0;
    const bed = await ReplicaBed.open(directory, 1, { logDirFailed: () => told++ });
    await bed.role({ isr: two, replicas: two });
    const produced = bed.append('a', -1);
    const fetched = bed.fetch({ maxWaitMs: 30_000, minBytes: 1 });
    const { log } = bed;
    bed.logManager.failDirectory(directory.path, Object.assign(new Error('EIO'), { code: 'EIO' }));
    expect(told).toBe(1);
    expect(errorName((await produced).errorCode)).toBe('KAFKA_STORAGE_ERROR');
    const results = await fetched;
    releaseFetch(results);
    expect(errorName(results[0].errorCode)).toBe('KAFKA_STORAGE_ERROR');
    expect(await bed.role({ leaderEpoch: 1, isr: two, replicas: two })).toBe('KAFKA_STORAGE_ERROR');
    expect(await bed.stop(1, false)).toBe('KAFKA_STORAGE_ERROR');
    expect(bed.fetchers.calls).toContain('remove t-0');
    expect([log.isClosed, bed.replicas.counts.offlineReplicas, bed.replicas.counts.leaders]).toEqual([true, 1, 0]);
    await bed.close();
  });

  it('before this start keeps a replica that may be in it from being made anew', async () => {
    using directory = new TestDirectory();
    const [a, b] = [directory.join('a'), directory.join('b')];
    for (const path of [a, b]) mkdirSync(path);
    const bed = await ReplicaBed.open(directory, 1, { logDirs: [a, b] });
    bed.logManager.failDirectory(a, Object.assign(new Error('EIO'), { code: 'EIO' }));
    expect(await bed.role({ isr: two, replicas: two })).toBe('KAFKA_STORAGE_ERROR');
    expect(await bed.role({ isr: two, replicas: two, partition: 1, isNew: true })).toBe('NONE');
    expect(errorName((await bed.append('a')).errorCode)).toBe('KAFKA_STORAGE_ERROR');
    expect(bed.replicas.counts).toMatchObject({ offlineReplicas: 1, leaders: 1 });
    await bed.close();
  });
});
