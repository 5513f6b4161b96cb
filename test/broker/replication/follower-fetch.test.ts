import { describe, expect, it } from 'vitest';
import { errorName } from '../../../broker/src/protocol/errors';
import { releaseFetch } from '../../../broker/src/replication/fetch';
import { rackAwareReplicaSelector } from '../../../broker/src/replication/replica-selector';
import { ReplicationQuota } from '../../../broker/src/replication/replication-quota';
import { TestDirectory } from '../log/support';
import { ReplicaBed } from './replica-bed';

const three = [0, 1, 2];

describe('A Fetch of a follower', () => {
  it('is for replicas in the right epoch only', async () => {
    using directory = new TestDirectory();
    const bed = await ReplicaBed.open(directory);
    await bed.role({ leaderEpoch: 3, isr: three, replicas: three });
    expect((await bed.follow(1, 0, {}, { currentLeaderEpoch: 2 })).error).toBe('FENCED_LEADER_EPOCH');
    expect((await bed.follow(1, 0, {}, { currentLeaderEpoch: 4 })).error).toBe('UNKNOWN_LEADER_EPOCH');
    expect((await bed.follow(7, 0, {}, { currentLeaderEpoch: 3 })).error).toBe('UNKNOWN_LEADER_EPOCH');
    expect((await bed.follow(7, 0)).error).toBe('NOT_LEADER_OR_FOLLOWER');
    expect((await bed.follow(1, 1)).error).toBe('OFFSET_OUT_OF_RANGE');
    expect((await bed.follow(1, 0, {}, { currentLeaderEpoch: 3 })).error).toBe('NONE');
    // What was refused told nothing.
    expect(bed.partition.remoteReplicas.map(({ logEndOffset }) => logEndOffset)).toEqual([0, -1]);
    await bed.role({ leader: 1, leaderEpoch: 4, isr: three, replicas: three });
    expect((await bed.follow(2, 0)).error).toBe('NOT_LEADER_OR_FOLLOWER');
    await bed.close();
  });

  it('of an earlier life of the broker counts no more', async () => {
    using directory = new TestDirectory();
    const bed = await ReplicaBed.open(directory);
    await bed.role({ isr: [0, 1], replicas: three });
    await bed.append('a');
    expect((await bed.follow(1, 0, { replicaEpoch: 20n })).error).toBe('NONE');
    expect((await bed.follow(1, 1, { replicaEpoch: 10n })).error).toBe('NOT_LEADER_OR_FOLLOWER');
    expect(bed.log.highWatermark).toBe(0);
    expect((await bed.follow(1, 1, { replicaEpoch: 21n })).error).toBe('NONE');
    expect(bed.log.highWatermark).toBe(1);
    await bed.close();
  });

  it('says where its history parts from the leader’s', async () => {
    using directory = new TestDirectory();
    const bed = await ReplicaBed.open(directory);
    await bed.role({ leaderEpoch: 1, isr: three, replicas: three });
    for (const value of ['a', 'b', 'c']) await bed.append(value);
    await bed.role({ leaderEpoch: 4, isr: three, replicas: three });
    await bed.append('d');
    const ask = async (fetchOffset: number, lastFetchedEpoch: number) => {
      const answer = await bed.follow(1, fetchOffset, { maxWaitMs: 30_000, minBytes: 1 }, { lastFetchedEpoch });
      return answer.error === 'NONE' ? answer.divergingEpoch : answer.error;
    };
    // Epoch 1 ended at 3.
    expect(await ask(5, 1)).toEqual({ epoch: 1, endOffset: 3 });
    // Nothing of epoch 2 or 3 is here.
    expect(await ask(3, 3)).toEqual({ epoch: 1, endOffset: 3 });
    expect(await ask(9, 4)).toEqual({ epoch: 4, endOffset: 4 });
    expect(await ask(9, 5)).toBe('OFFSET_OUT_OF_RANGE');
    expect(bed.partition.replica(1)?.logEndOffset).toBe(-1);
    expect(await ask(3, 1)).toBeUndefined();
    expect(bed.partition.replica(1)?.logEndOffset).toBe(3);
    bed.log.updateHighWatermark(2);
    bed.log.maybeIncrementLogStartOffset(2);
    expect(await ask(1, 1)).toBe('OFFSET_OUT_OF_RANGE');
    await bed.close();
  });

  it('waits for records, and a consumer beside it for the high watermark', async () => {
    using directory = new TestDirectory();
    const bed = await ReplicaBed.open(directory);
    await bed.role({ isr: [0, 1], replicas: [0, 1] });
    await bed.append('a');
    // There are bytes beyond the high watermark already: none will come when it moves.
    const consumer = bed.fetch({ maxWaitMs: 30_000, minBytes: 1 });
    const follower = bed.fetch({ replicaId: 1, isolation: 'logEnd', maxWaitMs: 30_000, minBytes: 1 }, 1);
    expect(bed.replicas.waiting.fetches).toBe(1);
    const [read] = await consumer;
    releaseFetch([read]);
    expect([read.data?.sizeInBytes, read.highWatermark]).toEqual([bed.log.sizeInBytes, 1]);
    await bed.append('b');
    const [sent] = await follower;
    releaseFetch([sent]);
    expect(sent.data!.sizeInBytes).toBeGreaterThan(0);
    await bed.close();
  });

  it('counts for a consumer that wants much only what the high watermark has passed', async () => {
    using directory = new TestDirectory();
    const bed = await ReplicaBed.open(directory);
    await bed.role({ isr: [0, 1], replicas: [0, 1] });
    await bed.append('a');
    await bed.follow(1, 1);
    const size = bed.log.sizeInBytes;
    const consumer = bed.fetch({ maxWaitMs: 30_000, minBytes: 2 * size }, 1);
    for (const value of ['b', 'c', 'd']) await bed.append(value);
    expect(bed.replicas.waiting.fetches).toBe(1);
    await bed.follow(1, 2);
    expect(bed.replicas.waiting.fetches).toBe(1);
    await bed.follow(1, 3);
    const results = await consumer;
    releaseFetch(results);
    expect(results[0].data?.sizeInBytes).toBe(2 * size);
    await bed.close();
  });

  it('is answered as soon as the leader leads in another epoch', async () => {
    using directory = new TestDirectory();
    const bed = await ReplicaBed.open(directory);
    await bed.role({ isr: [0, 1], replicas: [0, 1] });
    const waiting = bed.fetch({ replicaId: 1, isolation: 'logEnd', maxWaitMs: 30_000, minBytes: 1 }, 0, 1, {
      currentLeaderEpoch: 0,
    });
    await bed.role({ leaderEpoch: 1, isr: [0, 1], replicas: [0, 1] });
    expect(errorName((await waiting)[0].errorCode)).toBe('FENCED_LEADER_EPOCH');
    await bed.close();
  });
});

describe('A throttled follower', () => {
  it('gets nothing above the rate, unless it is in the ISR', async () => {
    using directory = new TestDirectory();
    const clock = { monotonicMs: () => bed.clock.now } as ConstructorParameters<typeof ReplicationQuota>[0];
    const leaderQuota = new ReplicationQuota(clock, { samples: 11, windowMs: 1000 });
    const bed = await ReplicaBed.open(directory, 1, { leaderQuota });
    await bed.role({ isr: [0, 1], replicas: three });
    for (let i = 0; i < 10; i++) await bed.append('x'.repeat(1000));
    leaderQuota.markThrottled('t', 'all');
    leaderQuota.bytesPerSecond = 100;
    const bytesFor = async (id: number) => (await bed.follow(id, 0)).data!.sizeInBytes;
    const all = bed.log.sizeInBytes;
    expect(await bytesFor(2)).toBe(all);
    expect(await bytesFor(2)).toBe(0);
    expect(await bytesFor(1)).toBe(all);
    // Nothing new for it either while it waits.
    const waiting = bed.fetch({ replicaId: 2, isolation: 'logEnd', maxWaitMs: 500, minBytes: 1 }, 0);
    await bed.append('y');
    expect(bed.replicas.waiting.fetches).toBe(1);
    bed.clock.advance(500);
    expect((await waiting)[0].data?.sizeInBytes).toBe(0);
    bed.clock.advance(60_000);
    expect(await bytesFor(2)).toBe(bed.log.sizeInBytes);
    leaderQuota.removeThrottle('t');
    expect(await bytesFor(2)).toBe(bed.log.sizeInBytes);
    await bed.close();
  });
});

describe('A consumer', () => {
  const client = (rackId: string) => ({
    fetchOnlyLeader: false,
    clientMetadata: { rackId, clientId: 'c', listenerName: 'PLAINTEXT' },
  });

  it('is sent to the replica in its rack that is in sync and has the offset', async () => {
    using directory = new TestDirectory();
    const bed = await ReplicaBed.open(directory, 1, { replicaSelector: rackAwareReplicaSelector });
    await bed.role({ isr: [0, 1], replicas: three });
    await bed.append('a');
    await bed.follow(1, 1);
    const preferred = async (rackId: string, offset = 0) => {
      const [result] = await bed.fetch({ ...client(rackId), maxWaitMs: 30_000, minBytes: 0 }, offset);
      releaseFetch([result]);
      expect(result.data === undefined).toBe(result.preferredReadReplica !== undefined);
      return result.preferredReadReplica;
    };
    expect(await preferred('r1')).toBe(1);
    expect(await preferred('r0')).toBeUndefined();
    expect(await preferred('')).toBeUndefined();
    expect(await preferred('elsewhere')).toBeUndefined();
    // Not in sync.
    expect(await preferred('r2')).toBeUndefined();
    await bed.append('b');
    await bed.append('c');
    expect(await preferred('r1', 2)).toBeUndefined();
    bed.live(0, 2);
    expect(await preferred('r1')).toBeUndefined();
    await bed.close();
  });

  it('of an old version is sent nowhere, and reads from leaders only', async () => {
    using directory = new TestDirectory();
    const bed = await ReplicaBed.open(directory, 1, { replicaSelector: rackAwareReplicaSelector });
    await bed.role({ isr: [0, 1], replicas: three });
    await bed.append('a');
    await bed.follow(1, 1);
    const [result] = await bed.fetch();
    releaseFetch([result]);
    expect([result.preferredReadReplica, result.data!.sizeInBytes > 0]).toEqual([undefined, true]);
    await bed.role({ leader: 1, leaderEpoch: 1, isr: [0, 1], replicas: three });
    expect(errorName((await bed.fetch())[0].errorCode)).toBe('NOT_LEADER_OR_FOLLOWER');
    const [read] = await bed.fetch(client('r0'));
    releaseFetch([read]);
    expect([read.data!.sizeInBytes > 0, read.highWatermark]).toEqual([true, 1]);
    await bed.close();
  });

  it('waits at a follower for its high watermark', async () => {
    using directory = new TestDirectory();
    const bed = await ReplicaBed.open(directory);
    await bed.role({ isr: [0, 1], replicas: three });
    await bed.append('a');
    await bed.role({ leader: 1, leaderEpoch: 1, isr: [0, 1], replicas: three });
    const waiting = bed.fetch({ ...client('r0'), maxWaitMs: 30_000, minBytes: 1 });
    expect(bed.replicas.waiting.fetches).toBe(1);
    bed.log.updateHighWatermark(1);
    bed.replicas.followerAppended(bed.partition);
    const results = await waiting;
    releaseFetch(results);
    expect(results[0].data!.sizeInBytes).toBe(bed.log.sizeInBytes);
    await bed.close();
  });
});

describe('Deleted records', () => {
  it('are gone for good when the live followers have let go of them', async () => {
    using directory = new TestDirectory();
    const bed = await ReplicaBed.open(directory);
    await bed.role({ isr: [0, 1], replicas: three });
    bed.live(0, 1);
    for (const value of ['a', 'b', 'c']) await bed.append(value);
    await bed.follow(1, 3);
    const remove = (offset: number, timeoutMs = 30_000) =>
      new Promise((resolve) =>
        bed.replicas.deleteRecords(timeoutMs, [{ topic: 't', partition: 0, offset }], ([{ errorCode, lowWatermark }]) =>
          resolve([errorName(errorCode), lowWatermark]),
        ),
      );
    expect(await remove(4)).toEqual(['OFFSET_OUT_OF_RANGE', -1]);
    const removed = remove(2);
    expect([bed.log.logStartOffset, bed.replicas.waiting.deletions]).toEqual([2, 1]);
    await bed.follow(1, 3, {}, { logStartOffset: 1 });
    expect(bed.replicas.waiting.deletions).toBe(1);
    await bed.follow(1, 3, {}, { logStartOffset: 2 });
    expect(await removed).toEqual(['NONE', 2]);
    const late = remove(-1, 100);
    bed.clock.advance(100);
    expect(await late).toEqual(['REQUEST_TIMED_OUT', -1]);
    await bed.close();
  });
});
