import { describe, expect, it } from 'vitest';
import type { FetchData } from '../../../broker/src/log/fetch-data';
import { errorName } from '../../../broker/src/protocol/errors';
import type { PartitionFetchResult } from '../../../broker/src/replication/fetch';
import { TestDirectory } from '../log/support';
import { ReplicaBed } from './replica-bed';

describe('A role', () => {
  it('older than the one that is held is refused, by leader or by controller epoch', async () => {
    using directory = new TestDirectory();
    const bed = await ReplicaBed.open(directory);
    expect(await bed.role({ leaderEpoch: 5, controllerEpoch: 3 })).toBe('NONE');
    expect(await bed.role({ leaderEpoch: 4, controllerEpoch: 3 })).toBe('STALE_CONTROLLER_EPOCH');
    expect(await bed.role({ leaderEpoch: 6, controllerEpoch: 2 })).toBe('STALE_CONTROLLER_EPOCH');
    expect(await bed.stop(-2, true, 2)).toBe('STALE_CONTROLLER_EPOCH');
    expect(await bed.stop(4, true, 3)).toBe('FENCED_LEADER_EPOCH');
    expect(bed.replicas.partition('t', 0)?.leaderEpoch).toBe(5);
    await bed.close();
  });

  it('for a topic of another id, or of other brokers, is refused', async () => {
    using directory = new TestDirectory();
    const bed = await ReplicaBed.open(directory);
    expect(await bed.role()).toBe('NONE');
    expect(await bed.role({ leaderEpoch: 1, topicId: 'bbcdefghijklmnopqrstuA' })).toBe('INCONSISTENT_TOPIC_ID');
    expect(await bed.role({ leaderEpoch: 1, replicas: [1, 2] })).toBe('UNKNOWN_TOPIC_OR_PARTITION');
    await bed.close();
  });

  it('that ends answers who waits', async () => {
    using directory = new TestDirectory();
    const bed = await ReplicaBed.open(directory);
    await bed.role({ isr: [0, 1], replicas: [0, 1] });
    const produced = bed.append('x', -1);
    const fetched = bed.fetch({ maxWaitMs: 30_000, minBytes: 1 });
    expect(bed.replicas.waiting).toEqual({ fetches: 1, produces: 1, deletions: 0 });
    expect(await bed.role({ leader: 1, leaderEpoch: 1, isr: [0, 1], replicas: [0, 1] })).toBe('NONE');
    expect(errorName((await produced).errorCode)).toBe('NOT_LEADER_OR_FOLLOWER');
    expect(errorName((await fetched)[0].errorCode)).toBe('NOT_LEADER_OR_FOLLOWER');
    expect(bed.replicas.waiting).toEqual({ fetches: 0, produces: 0, deletions: 0 });
    await bed.close();
  });
});

describe('An append', () => {
  it('wants min.insync.replicas, but no more than there are replicas', async () => {
    using directory = new TestDirectory();
    const bed = await ReplicaBed.open(directory, 2);
    await bed.role({ isr: [0], replicas: [0, 1] });
    expect(errorName((await bed.append('x', -1)).errorCode)).toBe('NOT_ENOUGH_REPLICAS');
    expect(errorName((await bed.append('x', 1)).errorCode)).toBe('NONE');
    await bed.role({ leaderEpoch: 1, isr: [0], replicas: [0] });
    expect(errorName((await bed.append('x', -1)).errorCode)).toBe('NONE');
    await bed.close();
  });

  it('that the ISR does not take in time is REQUEST_TIMED_OUT, and is in the log', async () => {
    using directory = new TestDirectory();
    const bed = await ReplicaBed.open(directory);
    await bed.role({ isr: [0, 1], replicas: [0, 1] });
    const appended = bed.append('x', -1, 5);
    bed.clock.advance(5);
    const { errorCode, baseOffset } = await appended;
    expect([errorName(errorCode), baseOffset, bed.log.logEndOffset]).toEqual(['REQUEST_TIMED_OUT', 0, 1]);
    await bed.close();
  });

  it('is seen by readers before those of the same request are done whose disk is slow', async () => {
    using directory = new TestDirectory();
    const bed = await ReplicaBed.open(directory);
    await bed.role();
    await bed.role({ partition: 1 });
    const { promise, resolve } = Promise.withResolvers<void>();
    const held = bed.replicas.partition('t', 1)!.log.between(() => promise);
    const produced = bed.appendTo([0, 1], -1);
    expect(bed.log.highWatermark).toBe(1);
    resolve();
    await held;
    expect((await produced).map(({ errorCode }) => errorName(errorCode))).toEqual(['NONE', 'NONE']);
    await bed.close();
  });

  it('of an earlier term is not acknowledged by what others have written at its offset', async () => {
    using directory = new TestDirectory();
    const bed = await ReplicaBed.open(directory);
    const two = { isr: [0, 1], replicas: [0, 1] };
    await bed.role(two);
    await bed.role({ partition: 1 });
    const { promise, resolve } = Promise.withResolvers<void>();
    const held = bed.replicas.partition('t', 1)!.log.between(() => promise);
    const produced = bed.appendTo([0, 1], -1);
    expect([bed.log.logEndOffset, bed.log.highWatermark]).toEqual([1, 0]);
    await bed.role({ ...two, leader: 1, leaderEpoch: 1 });
    await bed.log.truncateTo(0);
    await bed.role({ leaderEpoch: 2, isr: [0], replicas: [0, 1] });
    await bed.append('another');
    expect(bed.log.highWatermark).toBe(1);
    resolve();
    await held;
    expect((await produced).map(({ errorCode }) => errorName(errorCode))).toEqual(['NOT_LEADER_OR_FOLLOWER', 'NONE']);
    await bed.close();
  });

  it('races with the deletion of its partition, and both are answered', async () => {
    using directory = new TestDirectory();
    const bed = await ReplicaBed.open(directory);
    await bed.role();
    const appends = Array.from({ length: 20 }, (_, i) => bed.append(`${i}`, -1));
    const stopped = bed.stop(-2, true);
    const late = Array.from({ length: 20 }, (_, i) => bed.append(`${i}`, -1));
    expect(await stopped).toBe('NONE');
    const after = await bed.append('after', -1);
    for (const result of await Promise.all([...appends, ...late])) {
      expect(['NONE', 'NOT_LEADER_OR_FOLLOWER', 'UNKNOWN_TOPIC_OR_PARTITION', 'KAFKA_STORAGE_ERROR']).toContain(
        errorName(result.errorCode),
      );
    }
    expect(errorName(after.errorCode)).toBe('UNKNOWN_TOPIC_OR_PARTITION');
    expect(bed.replicas.waiting).toEqual({ fetches: 0, produces: 0, deletions: 0 });
    await bed.close();
  });
});

describe('The high watermark', () => {
  it('is that of the log after a clean restart, and after one that was not', async () => {
    using directory = new TestDirectory();
    const first = await ReplicaBed.open(directory);
    await first.role();
    for (const value of ['a', 'b', 'c']) await first.append(value);
    await first.close();
    const second = await ReplicaBed.open(directory);
    await second.role();
    expect([second.log.highWatermark, second.log.logEndOffset]).toEqual([3, 3]);
    await second.append('d');
    // As after a kill: nothing is closed, the checkpoint says 3.
    await second.replicas.shutdown();
    for (const log of second.logManager.all()) log.abandon();
    await second.logManager.shutdown();
    const third = await ReplicaBed.open(directory);
    await third.role();
    expect([third.log.highWatermark, third.log.logEndOffset]).toEqual([4, 4]);
    await third.close();
  });

  it('is not beyond what the ISR is known to have', async () => {
    using directory = new TestDirectory();
    const bed = await ReplicaBed.open(directory);
    await bed.role({ isr: [0, 1], replicas: [0, 1] });
    await bed.append('x');
    expect([bed.log.highWatermark, bed.log.logEndOffset]).toEqual([0, 1]);
    const [result] = await bed.fetch();
    expect(result.data?.sizeInBytes).toBe(0);
    await bed.close();
  });
});

describe('The ranges of a fetch', () => {
  it('are released once, whatever becomes of the fetch', async () => {
    using directory = new TestDirectory();
    const bed = await ReplicaBed.open(directory);
    await bed.role();
    await bed.append('x'.repeat(1000));
    let open = 0;
    const read = bed.log.read.bind(bed.log);
    const counted = (data: FetchData): FetchData => ({
      ...data,
      ranges: data.ranges.map((range) => {
        open++;
        let isReleased = false;
        const release = (): void => {
          expect(isReleased).toBe(false);
          isReleased = true;
          open--;
          range.release();
        };
        return { ...range, release };
      }),
    });
    bed.log.read = (...args) => {
      const data = read(...args);
      return data instanceof Promise ? data.then(counted) : counted(data);
    };
    const releaseAll = (results: readonly PartitionFetchResult[]): void => {
      for (const { data } of results) for (const range of data?.ranges ?? []) range.release();
    };
    releaseAll(await bed.fetch());
    expect(open).toBe(0);
    // Only the first fits; the cut ones are let go of.
    const several = await bed.fetch({ maxBytes: 1200 }, 0, 3);
    expect(several.map(({ data }) => (data?.sizeInBytes ?? 0) > 0)).toEqual([true, false, false]);
    expect(open).toBe(1);
    releaseAll(several);
    // What was found and was too little is not held while it waits.
    const waiting = bed.fetch({ maxWaitMs: 30_000, minBytes: 1500 });
    expect(open).toBe(0);
    await bed.append('y'.repeat(1000));
    releaseAll(await waiting);
    expect(open).toBe(0);
    await bed.close();
  });
});
