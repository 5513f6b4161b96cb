import { expect, it } from 'vitest';
import type { Volume } from '../../../broker/src/io/files';
import { nodeIo } from '../../../broker/src/io/node';
import { errorName } from '../../../broker/src/protocol/errors';
import type { PartitionAppendResult } from '../../../broker/src/replication/append';
import { releaseFetch } from '../../../broker/src/replication/fetch';
import { faultyFiles, type Faults } from '../log/faulty-files';
import { batchOf, readRecordsFrom, TestDirectory, valuesOf } from '../log/support';
import { ReplicaBed, settle } from './replica-bed';

interface Bench {
  readonly bed: ReplicaBed;
  /** From now on nothing that is asked of the directory of partition 1 is answered; returns how to end that. */
  readonly hang: () => () => void;
}

/** Partition 0 on a local disk, partition 1 on one of the network. */
async function onTwoDisks(work: (bench: Bench) => Promise<void>): Promise<void> {
  using directory = new TestDirectory();
  const [local, remote] = [directory.join('local'), directory.join('remote')];
  const faults: Faults = {};
  const { files } = nodeIo();
  const faulty = new Proxy(faultyFiles(files, faults), {
    get: (target, name) =>
      name === 'volume'
        ? async (path: string): Promise<Volume> => ({ ...(await files.volume(path)), isRemote: path === remote })
        : (Reflect.get(target, name) as unknown),
  });
  const bed = await ReplicaBed.open(directory, 1, { logDirs: [local, remote], files: faulty });
  for (const partition of [0, 1]) {
    await bed.role({ partition });
    expect(bed.replicas.partition('t', partition)!.log.logDir).toBe([local, remote][partition]);
  }
  const hang = () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    faults.hold = (_, path) => (path.startsWith(remote) ? promise : undefined);
    return () => {
      delete faults.hold;
      resolve();
    };
  };
  await work({ bed, hang });
  await bed.close();
}

/** Lets the time pass in which it is found out that a directory hangs. */
async function notice({ clock, replicas }: ReplicaBed): Promise<void> {
  for (let i = 0; i < 8; i++) {
    clock.advance(500);
    await settle();
  }
  expect(replicas.partition('t', 1)!.log.directory.hangs).toBe(true);
}

const idempotent = (sequence: number) =>
  batchOf([`${sequence}`], { producerId: 4, producerEpoch: 0, baseSequence: sequence });

function produce(bed: ReplicaBed, records: readonly Buffer[], timeoutMs: number, requiredAcks = 1) {
  let inUse: Promise<void> | undefined;
  const answered = new Promise<readonly PartitionAppendResult[]>((resolve) =>
    bed.replicas.append(
      { origin: 'client', requiredAcks, timeoutMs, internalTopicsAllowed: false },
      records.map((each, partition) => ({ topic: 't', partition, records: each })),
      (results, until) => {
        inUse = until;
        resolve(results);
      },
    ),
  );
  return { answered, inUse: () => inUse };
}

const errorsOf = (results: readonly PartitionAppendResult[]) => results.map(({ errorCode }) => errorName(errorCode));

it.each([1, -1])(
  'A produce (acks=%s) is answered in time where a disk hangs, and is there once when it is sent again',
  (acks) =>
    onTwoDisks(async ({ bed, hang }) => {
      const answer = hang();
      const first = produce(bed, [batchOf(['a']), idempotent(0)], 5_000, acks);
      await settle();
      expect(bed.log.highWatermark).toBe(1);
      bed.clock.advance(4_999);
      await settle();
      let isAnswered = false;
      void first.answered.then(() => (isAnswered = true));
      await settle();
      expect(isAnswered).toBe(false);
      bed.clock.advance(1);
      expect(errorsOf(await first.answered)).toEqual(['NONE', 'REQUEST_TIMED_OUT']);
      let isFree = false;
      void first.inUse()!.then(() => (isFree = true));
      const again = produce(bed, [batchOf(['b']), idempotent(0)], 5_000, acks);
      const next = produce(bed, [batchOf(['c']), idempotent(1)], 60_000, acks);
      bed.clock.advance(5_000);
      expect(errorsOf(await again.answered)).toEqual(['NONE', 'REQUEST_TIMED_OUT']);
      // It had not begun: nothing of it is needed any more.
      expect(again.inUse()).toBeUndefined();
      await settle();
      expect(isFree).toBe(false);
      answer();
      expect(errorsOf(await next.answered)).toEqual(['NONE', 'NONE']);
      await settle();
      expect(isFree).toBe(true);
      const last = await produce(bed, [batchOf(['d']), idempotent(0)], 5_000, acks).answered;
      expect(last[1]).toMatchObject({ errorCode: 0, baseOffset: 0 });
      const { log } = bed.replicas.partition('t', 1)!;
      expect([log.logEndOffset, log.highWatermark, log.directory.waiting.bytes]).toEqual([2, 2, 0]);
      expect(valuesOf(await readRecordsFrom(log))).toEqual(['0', '1']);
    }),
);

it('A fetch gives what lies on other disks, also when one begins to hang in the middle of it', () =>
  onTwoDisks(async ({ bed, hang }) => {
    await produce(bed, [batchOf(['a']), batchOf(['b'])], 5_000).answered;
    const wanted = [1, 0].map((index) => ({
      partition: bed.replicas.partitionOrError('t', index),
      ...{ fetchOffset: 0, maxBytes: 1 << 20, currentLeaderEpoch: -1, lastFetchedEpoch: -1, logStartOffset: -1 },
    }));
    const fetch = (maxWaitMs: number, minBytes: number) =>
      new Promise<readonly number[]>((resolve) =>
        bed.replicas.fetch(
          {
            ...{
              replicaId: -1,
              replicaEpoch: -1n,
              fetchOnlyLeader: true,
              clientMetadata: undefined,
              maxWaitMs,
              minBytes,
            },
            ...{ maxBytes: 1 << 20, isolation: 'highWatermark', hardMaxBytes: false, isAbandoned: () => false },
          },
          wanted,
          (results) => {
            expect(results.map(({ errorCode, highWatermark }) => [errorCode, highWatermark])).toEqual([
              [0, 1],
              [0, 1],
            ]);
            resolve(results.map(({ data }) => data!.sizeInBytes));
            releaseFetch(results);
          },
        ),
      );
    const size = batchOf(['a']).length;
    expect(await fetch(0, 1)).toEqual([size, size]);
    const answer = hang();
    const early = fetch(500, 1);
    await settle();
    await notice(bed);
    expect(await early).toEqual([0, size]);
    expect(await fetch(500, 1)).toEqual([0, size]);
    // With too little on the others it waits as for any data.
    const waiting = fetch(500, 1000);
    await settle();
    bed.clock.advance(500);
    expect(await waiting).toEqual([0, size]);
    answer();
    await settle();
    await expect.poll(() => fetch(0, 1)).toEqual([size, size]);
  }));

it('The controller need not wait for a disk that hangs; what it wants there is done when the disk answers', () =>
  onTwoDisks(async ({ bed, hang }) => {
    const answer = hang();
    const produced = produce(bed, [batchOf(['a']), batchOf(['b'])], 60_000);
    await settle();
    // One that comes before it is noticed is answered then.
    const early = bed.role({ partition: 1, leaderEpoch: 1 });
    await notice(bed);
    expect(await early).toBe('NONE');
    expect(await bed.role({ partition: 1, leaderEpoch: 2 })).toBe('NONE');
    expect(await bed.role({ leaderEpoch: 1 })).toBe('NONE');
    expect([bed.partition.leaderEpoch, bed.replicas.partition('t', 1)!.leaderEpoch]).toEqual([1, 0]);
    expect(await bed.replicas.alterReplicaLogDirs([{ topic: 't', partition: 0, logDir: 'nowhere' }])).toHaveLength(1);
    answer();
    expect(errorsOf(await produced.answered)).toEqual(['NONE', 'NONE']);
    await expect.poll(() => bed.replicas.partition('t', 1)!.leaderEpoch).toBe(2);
    expect(await bed.role({ partition: 1, leaderEpoch: 3 })).toBe('NONE');
    expect(bed.replicas.partition('t', 1)!.leaderEpoch).toBe(3);
  }));

it('A role in one request with that of a partition on a disk that hangs is taken at once', () =>
  onTwoDisks(async ({ bed, hang }) => {
    const answer = hang();
    const produced = produce(bed, [batchOf(['a']), batchOf(['b'])], 60_000);
    await settle();
    const [first, both] = [1, 2].map((leaderEpoch) =>
      bed.roles({ leader: 1, leaderEpoch, partition: 1 }, { leader: 1, leaderEpoch, partition: 0 }),
    );
    await settle();
    // The disk is not known to hang yet.
    expect(bed.partition.leaderEpoch).toBe(1);
    expect(bed.fetchers.calls.filter((call) => call.startsWith('add'))).toEqual(['add t-0 of 1@b1:9092 in 1']);
    await notice(bed);
    expect([await first, await both]).toEqual([
      ['NONE', 'NONE'],
      ['NONE', 'NONE'],
    ]);
    // And it is not held up by what was wanted of the other before.
    expect(bed.partition.leaderEpoch).toBe(2);
    expect(await bed.role({ leaderEpoch: 3 })).toBe('NONE');
    expect(bed.partition.isLeader).toBe(true);
    expect(bed.replicas.partition('t', 1)!.leaderEpoch).toBe(1);
    answer();
    await produced.answered;
    await expect.poll(() => bed.replicas.partition('t', 1)!.leaderEpoch).toBe(2);
    expect(bed.fetchers.calls.filter((call) => call.startsWith('add t-1'))).toEqual([
      'add t-1 of 1@b1:9092 in 1',
      'add t-1 of 1@b1:9092 in 2',
    ]);
  }));

it('The controller is told that a directory has failed, also when it hangs', () =>
  onTwoDisks(async ({ bed, hang }) => {
    const answer = hang();
    void produce(bed, [batchOf(['a']), batchOf(['b'])], 60_000);
    await notice(bed);
    expect(await bed.role({ partition: 1, leaderEpoch: 1 })).toBe('NONE');
    const { logDir } = bed.replicas.partition('t', 1)!.log;
    bed.logManager.failDirectory(logDir, Object.assign(new Error('EIO'), { code: 'EIO' }));
    expect(await bed.role({ partition: 1, leaderEpoch: 2 })).toBe('KAFKA_STORAGE_ERROR');
    answer();
    await settle();
  }));

it('What a follower asks for counts where a disk hangs', () =>
  onTwoDisks(async ({ bed, hang }) => {
    expect(await bed.role({ partition: 1, leaderEpoch: 1, isr: [0, 1], replicas: [0, 1] })).toBe('NONE');
    const partition = bed.replicas.partition('t', 1)!;
    await produce(bed, [batchOf(['a']), batchOf(['b'])], 5_000).answered;
    await produce(bed, [batchOf(['c']), batchOf(['d'])], 5_000).answered;
    const follow = (fetchOffset: number) => bed.follow(1, fetchOffset, {}, { partition });
    await follow(0);
    expect([partition.log.logEndOffset, partition.log.highWatermark]).toEqual([2, 0]);
    const answer = hang();
    void produce(bed, [batchOf(['e']), batchOf(['f'])], 60_000);
    await notice(bed);
    await follow(1);
    expect(partition.log.highWatermark).toBe(1);
    answer();
    await settle();
  }));

it('A move to a disk that begins to hang keeps nobody else waiting', () =>
  onTwoDisks(async ({ bed, hang }) => {
    expect(await bed.role({ partition: 2 })).toBe('NONE');
    const [{ logDir: local }, { logDir: remote }] = [0, 1].map((index) => bed.replicas.partition('t', index)!.log);
    expect(bed.replicas.partition('t', 2)!.log.logDir).toBe(local);
    const move = async (partition: number) =>
      (await bed.replicas.alterReplicaLogDirs([{ topic: 't', partition, logDir: remote }])).map(errorName);
    const answer = hang();
    const both = Promise.all([move(0), bed.role({ partition: 2, leaderEpoch: 1 })]);
    let isAnswered = false;
    void both.then(() => (isAnswered = true));
    // The local disk needs real time.
    while (!isAnswered) {
      bed.clock.advance(500);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(await both).toEqual([['KAFKA_STORAGE_ERROR'], 'NONE']);
    expect(bed.replicas.partition('t', 2)!.leaderEpoch).toBe(1);
    // That it hangs is known now.
    expect(await move(2)).toEqual(['KAFKA_STORAGE_ERROR']);
    answer();
    await expect.poll(() => (bed.partition.futureLog ?? bed.log).logDir).toBe(remote);
  }));

it('New partitions are made where a disk answers, and a shutdown does not wait for ever', () =>
  onTwoDisks(async ({ bed, hang }) => {
    hang();
    void produce(bed, [batchOf(['a']), batchOf(['b'])], 60_000);
    await notice(bed);
    for (const partition of [2, 3]) {
      expect(await bed.role({ partition })).toBe('NONE');
      expect(bed.replicas.partition('t', partition)!.log.logDir).toBe(bed.log.logDir);
    }
    let isClosed = false;
    void bed.close().then(() => (isClosed = true));
    // The local disk needs real time.
    for (let i = 0; !isClosed && i < 100; i++) {
      bed.clock.advance(500);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(isClosed).toBe(true);
    expect(await nodeIo().files.list(bed.log.logDir)).toContain('.kafka_cleanshutdown');
  }));
