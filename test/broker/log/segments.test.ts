import {
  appendFileSync,
  cpSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { nodeIo } from '../../../broker/src/io/node';
import { IndexCache } from '../../../broker/src/log/index-cache';
import type { Log } from '../../../broker/src/log/log';
import { UnexpectedAppendOffsetError, type LogAppendInfo } from '../../../broker/src/log/log-append';
import type { LogConfig } from '../../../broker/src/log/log-config';
import type { LogManager } from '../../../broker/src/log/log-manager';
import { segmentPath } from '../../../broker/src/log/segment-files';
import { ErrorCode } from '../../../broker/src/protocol/errors';
import { setBaseOffset, setPartitionLeaderEpoch } from '../../../broker/src/records/batch-header';
import { buildEndTransactionMarker, ControlRecordType } from '../../../broker/src/records/control-records';
import { faultyFiles, type Faults } from './faulty-files';
import {
  append,
  batchOf,
  bytesOf,
  ioWith,
  ManualClock,
  openManager,
  readBytes,
  readRecordsFrom,
  recordingLogger,
  TestDirectory,
  topicPartition,
  valuesOf,
} from './support';

interface Bench {
  readonly directory: TestDirectory;
  readonly manager: LogManager;
  readonly log: Log;
  readonly clock: ManualClock;
  readonly faults: Faults;
}

async function withLog(config: Partial<LogConfig>, work: (bench: Bench) => Promise<void>): Promise<void> {
  using directory = new TestDirectory();
  const clock = new ManualClock();
  const faults: Faults = {};
  const io = { ...ioWith(clock), files: faultyFiles(nodeIo().files, faults) };
  const manager = await openManager(directory.path, { io, config, maxWaitingBytes: 1000 });
  try {
    await work({ directory, manager, log: await manager.getOrCreate(topicPartition), clock, faults });
  } finally {
    await manager.shutdown();
  }
}

const filesOf = ({ directory }: Pick<Bench, 'directory'>) => readdirSync(directory.join('topic-0'));
const segmentsOf = (bench: Bench) =>
  filesOf(bench)
    .filter((name) => name.endsWith('.log'))
    .map((name) => parseInt(name, 10));

/** As a leader sends it to a follower. */
function replicated(offset: number, values: readonly string[], epoch = 0): Buffer {
  const bytes = batchOf(values);
  setBaseOffset(bytes, 0, offset);
  setPartitionLeaderEpoch(bytes, 0, epoch);
  return bytes;
}

describe('a segment ends', () => {
  const size = batchOf(['x']).length;

  it('when the next batch would make it larger than segment.bytes', () =>
    withLog({ segmentBytes: 3 * size }, async (bench) => {
      for (let index = 0; index < 7; index++) {
        await append(bench.log, batchOf(['x']));
      }
      expect(segmentsOf(bench)).toEqual([0, 3, 6]);
      expect(statSync(segmentPath(bench.log.path, 0, '.log')).size).toBe(3 * size);
      await expect(append(bench.log, batchOf(['x'.repeat(3 * size)]))).rejects.toMatchObject({
        code: ErrorCode.RECORD_LIST_TOO_LARGE,
      });
    }));

  it('when its records span segment.ms', () =>
    withLog({ segmentMs: 1000 }, async (bench) => {
      for (const timestamp of [5000, 6000, 6001, 6500, 7002]) {
        await append(bench.log, batchOf(['x'], {}, timestamp));
      }
      expect(segmentsOf(bench)).toEqual([0, 2, 4]);
    }));

  it('when it is older than segment.ms and its records have no timestamps', () =>
    withLog({ segmentMs: 1000 }, async (bench) => {
      await append(bench.log, batchOf(['x'], {}, -1));
      bench.clock.advance(1000);
      await append(bench.log, batchOf(['x'], {}, -1));
      bench.clock.advance(1);
      await append(bench.log, batchOf(['x'], {}, -1));
      expect(segmentsOf(bench)).toEqual([0, 2]);
    }));

  it('up to segment.jitter.ms earlier', () =>
    withLog({ segmentMs: 1000, segmentJitterMs: 1000 }, async (bench) => {
      for (let timestamp = 1; timestamp < 40_000; timestamp += 10) {
        await append(bench.log, batchOf(['x'], {}, timestamp));
      }
      // Without jitter it would be 40.
      expect(segmentsOf(bench).length).toBeGreaterThan(50);
    }));

  it('when its index is full', () =>
    withLog({ segmentIndexBytes: 24, indexIntervalBytes: 1 }, async (bench) => {
      for (let index = 0; index < 9; index++) {
        await append(bench.log, batchOf(['x'], {}, 1000 + index));
      }
      // The first batch has no entry; of 24 bytes a time index may hold one entry (it keeps room for the last).
      expect(segmentsOf(bench)).toEqual([0, 2, 4, 6, 8]);
    }));

  it('when an offset would be too far from its base', () =>
    withLog({}, async (bench) => {
      await append(bench.log, replicated(0, ['x']), { origin: 'replication' });
      await append(bench.log, replicated(0x7fffffff, ['x']), { origin: 'replication' });
      await append(bench.log, replicated(0x80000000, ['x']), { origin: 'replication' });
      expect(segmentsOf(bench)).toEqual([0, 0x80000000]);
      expect(valuesOf(await readRecordsFrom(bench.log))).toHaveLength(3);
    }));
});

describe('preallocation', () => {
  const config = { segmentBytes: 1000, preallocate: true };
  const sizes = (directory: string) =>
    readdirSync(directory)
      .filter((name) => name.endsWith('.log'))
      .sort()
      .map((name) => statSync(join(directory, name)).size);

  it('gives a segment its full size at once, and what is left over back when it ends', () =>
    withLog(config, async ({ directory, log, manager }) => {
      expect(sizes(directory.join('topic-0'))).toEqual([1000]);
      for (const value of ['a', 'b', 'c']) await append(log, batchOf([value.repeat(300)]));
      const [first] = log.segments;
      expect(sizes(directory.join('topic-0'))).toEqual([first.size, 1000]);
      expect(log.sizeInBytes).toBeLessThan(1200);
      expect(valuesOf(await readRecordsFrom(log)).map((value) => value[0])).toEqual(['a', 'b', 'c']);
      await manager.shutdown();
      expect(sizes(directory.join('topic-0'))).toEqual([first.size, log.sizeInBytes - first.size]);
    }));

  it('leaves zeros behind the records after a crash, which recovery cuts off', () =>
    withLog(config, async ({ directory, log }) => {
      for (const value of ['a', 'b', 'c']) await append(log, batchOf([value.repeat(300)]));
      using crashed = new TestDirectory();
      cpSync(directory.path, crashed.path, { recursive: true });
      const manager = await openManager(crashed.path, { config });
      const recovered = manager.get(topicPartition)!;
      expect(valuesOf(await readRecordsFrom(recovered)).map((value) => value[0])).toEqual(['a', 'b', 'c']);
      expect(recovered.sizeInBytes).toBe(log.sizeInBytes);
      await append(recovered, batchOf(['d']));
      expect(recovered.logEndOffset).toBe(4);
      await manager.shutdown();
    }));
});

describe('while a segment is being rolled', () => {
  it('appends wait in order, and no more than maxWaitingBytes', () =>
    withLog({ segmentBytes: 200 }, async ({ log, faults }) => {
      let release!: () => void;
      const released = new Promise<void>((resolve) => (release = resolve));
      faults.hold = (operation, path) => (operation === 'open' && path.endsWith('.log') ? released : undefined);
      const answers: (number | string)[] = [];
      for (let index = 0; index < 20; index++) {
        log.append(batchOf([`v${index}`]), { origin: 'client', leaderEpoch: 0 }, (error, info) =>
          answers.push(error === undefined ? info!.firstOffset : error.message.replace(/\d+/, 'N')),
        );
      }
      const taken = answers.filter((answer) => typeof answer === 'number').length;
      const refused = answers.slice(taken);
      expect(taken).toBe(2);
      expect(refused.length).toBeGreaterThan(0);
      expect(new Set(refused)).toEqual(new Set(['N bytes wait to be appended to topic-0: its disk is too slow']));
      expect(log.logEndOffset).toBe(taken);
      release();
      await log.flush();
      const last = await append(log, batchOf(['last']));
      expect(last.firstOffset).toBe(20 - refused.length);
      expect(answers.filter((answer) => typeof answer === 'number')).toEqual(
        Array.from({ length: last.firstOffset }, (_, index) => index),
      );
      expect(valuesOf(await readRecordsFrom(log))).toEqual([
        ...Array.from({ length: last.firstOffset }, (_, index) => `v${index}`),
        'last',
      ]);
    }));

  it('a disk that is full fails them all, and takes the directory offline', async () => {
    using directory = new TestDirectory();
    const faults: Faults = {};
    const io = { ...nodeIo(), files: faultyFiles(nodeIo().files, faults) };
    const offline: string[] = [];
    const manager = await openManager(directory.path, {
      io,
      config: { segmentBytes: 200 },
      onOffline: (dir, partitions, error) => offline.push(`${dir} ${partitions.length} ${error.message.slice(0, 6)}`),
    });
    const log = await manager.getOrCreate(topicPartition);
    faults.error = (operation, path) => (operation === 'open' && path.endsWith('.log') ? 'ENOSPC' : undefined);
    const appends = Array.from({ length: 5 }, (_, index) => append(log, batchOf([`v${index}`])));
    const codes = (await Promise.allSettled(appends)).map((result) =>
      result.status === 'fulfilled' ? 0 : (result.reason as { code: number }).code,
    );
    const failed = ErrorCode.KAFKA_STORAGE_ERROR;
    expect(codes).toEqual([0, 0, failed, failed, failed]);
    expect(offline).toEqual([`${directory.path} 1 ENOSPC`]);
    expect(manager.get(topicPartition)).toBeUndefined();
    expect(manager.liveLogDirs).toEqual([]);
    expect(() => log.read(0, 100, 'logEnd', true)).toThrow(expect.objectContaining({ code: failed }));
    await expect(append(log, batchOf(['x']))).rejects.toMatchObject({ code: failed });
    await expect(manager.getOrCreate({ topic: 'other', partition: 0 })).rejects.toMatchObject({ code: failed });
    await manager.shutdown();
    expect(readdirSync(directory.path)).not.toContain('.kafka_cleanshutdown');
  });

  it.each(['EIO', 'ESTALE', 'EDQUOT'])('%s of a write takes the directory offline', async (code) => {
    using directory = new TestDirectory();
    const faults: Faults = {};
    const io = { ...nodeIo(), files: faultyFiles(nodeIo().files, faults) };
    const manager = await openManager(directory.path, { io });
    const log = await manager.getOrCreate(topicPartition);
    faults.error = (operation) => (operation === 'writeSync' ? code : undefined);
    await expect(append(log, batchOf(['x']))).rejects.toMatchObject({ code: ErrorCode.KAFKA_STORAGE_ERROR });
    expect(manager.offlineLogDirs).toEqual([directory.path]);
    expect(log.logEndOffset).toBe(0);
    await manager.shutdown();
  });
});

describe('reading', () => {
  it('is done in the same turn for what was just written, and asks the disk for the rest', () =>
    withLog({}, async ({ directory, manager, log }) => {
      await append(log, batchOf(['a']));
      const data = log.read(0, 1024, 'logEnd', true);
      expect(data).not.toBeInstanceOf(Promise);
      const { ranges } = await data;
      expect(ranges.map(({ hot }) => hot)).toEqual([true]);
      ranges[0].release();
      await manager.shutdown();
      const again = await openManager(directory.path);
      const cold = again.get(topicPartition)!.read(0, 1024, 'logEnd', true);
      expect(cold).toBeInstanceOf(Promise);
      const range = (await cold).ranges[0];
      expect(range.hot).toBe(false);
      range.release();
      await again.shutdown();
    }));

  it('stops being hot when enough was appended elsewhere', async () => {
    using directory = new TestDirectory();
    const manager = await openManager(directory.path, { hotBytes: 10_000 });
    const [one, other] = [
      await manager.getOrCreate({ topic: 'one', partition: 0 }),
      await manager.getOrCreate({ topic: 'other', partition: 0 }),
    ];
    await append(one, batchOf(['a']));
    await append(other, batchOf(['x'.repeat(9000)]));
    expect(one.read(0, 10, 'logEnd', false)).not.toBeInstanceOf(Promise);
    await append(other, batchOf(['x'.repeat(9000)]));
    const read = one.read(0, 10, 'logEnd', false);
    expect(read).toBeInstanceOf(Promise);
    for (const range of [...(await read).ranges]) {
      range.release();
    }
    await manager.shutdown();
  });

  it('goes up to the high watermark for consumers, and to the end for followers', () =>
    withLog({ segmentBytes: 300 }, async ({ log }) => {
      for (let index = 0; index < 10; index++) {
        await append(log, batchOf([`${index}`]));
      }
      for (let highWatermark = 0; highWatermark <= 10; highWatermark++) {
        log.updateHighWatermark(highWatermark);
        const values = valuesOf(await readRecordsFrom(log, 0, 'highWatermark'));
        expect(values).toEqual(Array.from({ length: highWatermark }, (_, index) => `${index}`));
      }
      log.updateHighWatermark(3);
      expect(valuesOf(await readRecordsFrom(log))).toHaveLength(10);
      expect(await log.read(7, 100, 'highWatermark', true)).toMatchObject({ ranges: [], sizeInBytes: 0 });
    }));

  it('gives whole batches up to the limit, and the first one in any case when asked', () =>
    withLog({}, async ({ log }) => {
      const size = batchOf(['x']).length;
      await append(log, batchOf(['x']));
      await append(log, batchOf(['x']));
      expect((await readBytes(log, 0, 1)).length).toBe(size);
      expect((await readBytes(log, 0, 2 * size)).length).toBe(2 * size);
      const cut = await log.read(0, 10, 'logEnd', false);
      expect(cut).toMatchObject({ sizeInBytes: 10, firstEntryIncomplete: true });
      expect((await bytesOf(cut.ranges)).length).toBe(10);
      expect(await log.read(0, 0, 'logEnd', false)).toMatchObject({ ranges: [], firstEntryIncomplete: true });
    }));

  it.each([-1, 3, 1000])('offset %d is out of range', (offset) =>
    withLog({}, async ({ log }) => {
      await append(log, batchOf(['a', 'b']));
      expect(() => log.read(offset, 100, 'logEnd', true)).toThrow(
        expect.objectContaining({ code: ErrorCode.OFFSET_OUT_OF_RANGE }),
      );
    }),
  );

  it('at the end finds nothing', () =>
    withLog({}, async ({ log }) => {
      await append(log, batchOf(['a', 'b']));
      expect(await log.read(2, 100, 'logEnd', true)).toMatchObject({
        ranges: [],
        fetchOffset: { messageOffset: 2, segmentBaseOffset: 0 },
      });
    }));
});

describe('deletion', () => {
  const size = batchOf(['x']).length;

  async function fill({ log, clock }: Bench, count: number): Promise<void> {
    for (let index = 0; index < count; index++) {
      await append(log, batchOf(['x'], {}, clock.now));
      clock.advance(10);
    }
    log.updateHighWatermark(log.logEndOffset);
  }

  it('by size keeps at least retention.bytes', () =>
    withLog({ segmentBytes: 2 * size, retentionBytes: 5 * size }, async (bench) => {
      await fill(bench, 10);
      expect(await bench.log.deleteOldSegments()).toBe(2);
      expect(segmentsOf(bench)).toEqual([4, 6, 8]);
      expect(bench.log.logStartOffset).toBe(4);
      expect(bench.log.sizeInBytes).toBe(6 * size);
    }));

  it('by time goes by the newest record of a segment, and may empty the log', () =>
    withLog({ segmentBytes: 2 * size, retentionMs: 50 }, async (bench) => {
      await fill(bench, 10);
      expect(await bench.log.deleteOldSegments()).toBe(2);
      expect(bench.log.logStartOffset).toBe(4);
      bench.clock.advance(1000);
      expect(await bench.log.deleteOldSegments()).toBe(3);
      expect(segmentsOf(bench)).toEqual([10]);
      expect(bench.log).toMatchObject({ logStartOffset: 10, logEndOffset: 10 });
      expect((await append(bench.log, batchOf(['x']))).firstOffset).toBe(10);
    }));

  it('keeps a segment that is appended to while the ages are looked up', () =>
    withLog({ segmentBytes: 4 * size, retentionMs: 50 }, async (bench) => {
      await fill(bench, 2);
      bench.clock.advance(1000);
      const retention = bench.log.deleteOldSegments();
      await append(bench.log, batchOf(['fresh'], {}, bench.clock.wallMs()));
      bench.log.updateHighWatermark(3);
      expect(await retention).toBe(0);
      expect(bench.log).toMatchObject({ logStartOffset: 0, logEndOffset: 3 });
    }));

  it('goes by the file when records have no timestamp, and stops at the high watermark', () =>
    withLog({ segmentBytes: 2 * size, retentionMs: 50 }, async ({ log, clock }) => {
      for (let index = 0; index < 6; index++) {
        await append(log, batchOf(['x'], {}, -1));
      }
      log.updateHighWatermark(3);
      clock.advance(51);
      expect(await log.deleteOldSegments()).toBe(1);
      expect(log.logStartOffset).toBe(2);
    }));

  it('removes what lies before the log start offset, whatever the policy', () =>
    withLog({ segmentBytes: 2 * size, cleanupDelete: false, cleanupCompact: false }, async (bench) => {
      await fill(bench, 6);
      expect(bench.log.maybeIncrementLogStartOffset(3)).toBe(true);
      expect(bench.log.maybeIncrementLogStartOffset(3)).toBe(false);
      expect(() => bench.log.maybeIncrementLogStartOffset(7)).toThrow(/high watermark is 6/);
      expect(await bench.log.deleteOldSegments()).toBe(1);
      expect(segmentsOf(bench)).toEqual([2, 4]);
      expect(bench.log.logStartOffset).toBe(3);
      await bench.manager.checkpointLogStartOffsets();
      expect(readFileSync(bench.directory.join('log-start-offset-checkpoint'), 'utf8')).toBe('0\n1\ntopic 0 3\n');
    }));

  it('renames first, and removes after file.delete.delay.ms', () =>
    withLog({ segmentBytes: 2 * size, retentionBytes: 0, fileDeleteDelayMs: 60_000 }, async (bench) => {
      await fill(bench, 4);
      await bench.log.deleteOldSegments();
      const deleted = () => filesOf(bench).filter((name) => name.endsWith('.deleted'));
      expect(deleted()).toContain('00000000000000000000.log.deleted');
      expect(deleted()).toContain('00000000000000000000.timeindex.deleted');
      bench.clock.advance(59_000);
      expect(deleted().length).toBeGreaterThan(0);
      bench.clock.advance(1_000);
      await expect.poll(deleted).toEqual([]);
    }));

  it('waits for readers, who go on reading', () =>
    withLog({ segmentBytes: 2 * size, retentionBytes: 0 }, async (bench) => {
      await fill(bench, 4);
      const { ranges } = await bench.log.read(0, 1024, 'logEnd', true);
      await bench.log.deleteOldSegments();
      bench.clock.advance(1);
      const deleted = () => filesOf(bench).filter((name) => name === '00000000000000000000.log.deleted');
      await bench.log.flush();
      expect(deleted()).toHaveLength(1);
      expect((await bytesOf(ranges)).length).toBe(2 * size);
      await expect.poll(deleted).toEqual([]);
    }));
});

describe('a segment that is removed under a reader', () => {
  const size = batchOf(['x']).length;

  /** Cold segments of two batches; opening the first one is held until `release`. */
  async function reading(work: (log: Log, release: () => void) => Promise<void>): Promise<void> {
    using directory = new TestDirectory();
    const config = { segmentBytes: 2 * size };
    let manager = await openManager(directory.path, { config });
    for (let index = 0; index < 8; index++) {
      await append(await manager.getOrCreate(topicPartition), batchOf([`${index}`], {}, 1000 + index));
    }
    await manager.shutdown();
    let release!: () => void;
    const held = new Promise<void>((resolve) => (release = resolve));
    const faults: Faults = {};
    const io = { ...nodeIo(), files: faultyFiles(nodeIo().files, faults) };
    manager = await openManager(directory.path, { io, config });
    faults.hold = (operation, path) =>
      operation === 'open' && path.endsWith('/00000000000000000000.log') ? held : undefined;
    const log = manager.get(topicPartition)!;
    log.updateHighWatermark(8);
    await work(log, release);
    expect(manager.offlineLogDirs).toEqual([]);
    expect(valuesOf(await readRecordsFrom(log))).toEqual(['4', '5', '6', '7']);
    await manager.shutdown();
  }

  async function removeFirstTwo(log: Log): Promise<void> {
    log.maybeIncrementLogStartOffset(4);
    expect(await log.deleteOldSegments()).toBe(2);
  }

  it.each(['logEnd', 'txnCommitted'] as const)('is out of range (%s), and no failure of the disk', (isolation) =>
    reading(async (log, release) => {
      const read = Promise.resolve(log.read(0, 100, isolation, true));
      await removeFirstTwo(log);
      release();
      await expect(read).rejects.toMatchObject({ code: ErrorCode.OFFSET_OUT_OF_RANGE });
    }),
  );

  it.each([
    ['read', '.log'],
    ['stat', '.txnindex'],
    ['readFile', '.txnindex'],
  ])('takes what was aborted in it away with it: who waits for a %s of its %s shows nothing', async (held, suffix) => {
    using directory = new TestDirectory();
    const config = { segmentBytes: 500 };
    let manager = await openManager(directory.path, { config });
    let log = await manager.getOrCreate(topicPartition);
    const who = { producerId: 7, producerEpoch: 0 };
    await append(log, batchOf(['aborted'], { ...who, baseSequence: 0, transactional: true }));
    const end = { ...who, type: ControlRecordType.ABORT, coordinatorEpoch: 0, timestamp: 1000 };
    await append(log, buildEndTransactionMarker(end), { origin: 'coordinator' });
    await log.roll();
    await append(log, batchOf(['other']));
    await manager.shutdown();
    const faults: Faults = {};
    const io = { ...nodeIo(), files: faultyFiles(nodeIo().files, faults) };
    manager = await openManager(directory.path, { io, config });
    log = manager.get(topicPartition)!;
    log.updateHighWatermark(3);
    const reached = Promise.withResolvers<void>();
    const hold = Promise.withResolvers<void>();
    faults.hold = (operation, path) => {
      if (operation !== held || !path.endsWith(`/00000000000000000000${suffix}`)) return undefined;
      // Whoever removes the segment goes on.
      faults.hold = undefined;
      reached.resolve();
      return hold.promise;
    };
    const read = Promise.resolve(log.read(0, 1000, 'txnCommitted', true));
    await reached.promise;
    log.maybeIncrementLogStartOffset(2);
    expect(await log.deleteOldSegments()).toBe(1);
    hold.resolve();
    await expect(read).rejects.toMatchObject({ code: ErrorCode.OFFSET_OUT_OF_RANGE });
    expect(manager.offlineLogDirs).toEqual([]);
    expect(filesOf({ directory })).not.toContain('00000000000000000000.index');
    await manager.shutdown();
  });

  it('is passed over by a lookup by time', () =>
    reading(async (log, release) => {
      const lookup = log.fetchOffsetByTimestamp(1001);
      await removeFirstTwo(log);
      release();
      expect((await lookup)?.offset).toBe(4);
    }));
});

it('the largest timestamp is found where Kafka finds it, be it below the low watermark', () =>
  withLog({}, async ({ log }) => {
    for (const timestamp of [1000, 3000, 2000, 3000]) await append(log, batchOf(['value'], {}, timestamp));
    const largest = () => log.fetchOffsetByTimestamp(-3);
    expect(await largest()).toMatchObject({ timestamp: 3000, offset: 1 });
    log.updateHighWatermark(4);
    log.maybeIncrementLogStartOffset(2);
    expect(await largest()).toMatchObject({ timestamp: 3000, offset: 1 });
    expect((await log.fetchOffsetByTimestamp(3000))?.offset).toBe(3);
  }));

describe('a follower', () => {
  const follow = (log: Log, bytes: Buffer): Promise<LogAppendInfo> => append(log, bytes, { origin: 'replication' });

  it('takes several batches at once, with gaps, and their leader epochs', () =>
    withLog({ indexIntervalBytes: 1 }, async ({ log }) => {
      const info = await follow(log, Buffer.concat([replicated(0, ['a', 'b'], 1), replicated(7, ['c'], 3)]));
      expect(info).toMatchObject({ firstOffset: 0, lastOffset: 7, records: 3 });
      expect(log.leaderEpochs).toEqual([
        { epoch: 1, startOffset: 0 },
        { epoch: 3, startOffset: 7 },
      ]);
      expect(log.endOffsetForEpoch(1)).toEqual({ leaderEpoch: 1, endOffset: 7 });
      expect(log.endOffsetForEpoch(2)).toEqual({ leaderEpoch: 1, endOffset: 7 });
      expect(log.endOffsetForEpoch(3)).toEqual({ leaderEpoch: 3, endOffset: 8 });
      expect(log.endOffsetForEpoch(0)).toEqual({ leaderEpoch: 0, endOffset: 0 });
      expect(log.endOffsetForEpoch(4)).toBeUndefined();
      expect((await readRecordsFrom(log)).map(({ offset }) => offset)).toEqual([0, 1, 7]);
      expect((await readRecordsFrom(log, 3)).map(({ offset }) => offset)).toEqual([7]);
    }));

  it('refuses what it has already, and may start anew', () =>
    withLog({}, async ({ log }) => {
      await follow(log, replicated(10, ['a', 'b']));
      await expect(follow(log, replicated(11, ['x']))).rejects.toBeInstanceOf(UnexpectedAppendOffsetError);
      await log.truncateFullyAndStartAt(5);
      expect(log).toMatchObject({ logStartOffset: 5, logEndOffset: 5, highWatermark: 5 });
      await follow(log, replicated(5, ['c']));
      expect(valuesOf(await readRecordsFrom(log))).toEqual(['c']);
    }));

  it('cuts off a batch that came in part, and refuses a corrupt one', () =>
    withLog({}, async ({ log }) => {
      const next = replicated(1, ['b']);
      await follow(log, Buffer.concat([replicated(0, ['a']), next.subarray(0, 40)]));
      expect(log.logEndOffset).toBe(1);
      next[next.length - 1] ^= 1;
      await expect(follow(log, next)).rejects.toMatchObject({ code: ErrorCode.CORRUPT_MESSAGE });
      expect(log.logEndOffset).toBe(1);
    }));

  it('forgets leader epochs that were truncated', () =>
    withLog({ segmentBytes: 200 }, async ({ log }) => {
      for (let index = 0; index < 8; index++) {
        await follow(log, replicated(index, ['x'], index));
      }
      expect(await log.truncateTo(3)).toBe(true);
      expect(await log.truncateTo(3)).toBe(false);
      expect(log.latestEpoch).toBe(2);
      expect(log.logEndOffset).toBe(3);
      await follow(log, replicated(3, ['y'], 9));
      expect(valuesOf(await readRecordsFrom(log))).toEqual(['x', 'x', 'x', 'y']);
    }));
});

describe('flushing', () => {
  it('happens after flush.messages, before the answer', () =>
    withLog({ flushMessages: 3 }, async ({ log }) => {
      await append(log, batchOf(['a', 'b']));
      expect(log.recoveryPoint).toBe(0);
      await append(log, batchOf(['c']));
      expect(log.recoveryPoint).toBe(3);
    }));

  it('happens after flush.ms', () =>
    withLog({ flushMs: 100 }, async ({ manager, log, clock }) => {
      await append(log, batchOf(['a', 'b']));
      clock.advance(99);
      await manager.flushDirtyLogs();
      expect(log.recoveryPoint).toBe(0);
      clock.advance(1);
      await manager.flushDirtyLogs();
      expect(log.recoveryPoint).toBe(2);
    }));

  it('of a rolled segment happens in the background, and moves the recovery point', () =>
    withLog({}, async ({ log }) => {
      await append(log, batchOf(['a', 'b']));
      await log.roll();
      await append(log, batchOf(['c']));
      await expect.poll(() => log.recoveryPoint).toBe(2);
    }));
});

describe('indexes that are damaged', () => {
  const config = { segmentBytes: 4000, indexIntervalBytes: 200 };

  it.each(['missing', 'torn', 'longer by zeros', 'no order'])(
    '%s: are made anew, and answers are right',
    async (how) => {
      using directory = new TestDirectory();
      let manager = await openManager(directory.path, { config });
      let log = await manager.getOrCreate(topicPartition);
      for (let index = 0; index < 200; index++) {
        await append(log, batchOf([`${index}`], {}, 1000 + index));
      }
      expect(log.numberOfSegments).toBeGreaterThan(2);
      await manager.shutdown();
      const path = directory.join('topic-0');
      for (const name of readdirSync(path).filter((file) => /\.(time)?index$/.test(file))) {
        const file = `${path}/${name}`;
        if (how === 'missing') {
          rmSync(file);
        } else if (how === 'torn') {
          truncateSync(file, Math.max(0, statSync(file).size - 5));
        } else if (how === 'longer by zeros') {
          appendFileSync(file, Buffer.alloc(2400));
        } else if (statSync(file).size > 24) {
          const bytes = readFileSync(file);
          const entry = name.endsWith('.timeindex') ? 12 : 8;
          bytes.copy(bytes, entry, 0, entry);
          writeFileSync(file, bytes);
        }
      }
      const logger = recordingLogger();
      manager = await openManager(directory.path, { config, logger });
      log = manager.get(topicPartition)!;
      for (let offset = 0; offset < 200; offset++) {
        expect((await readBytes(log, offset, 1)).readUInt32BE(4)).toBe(offset);
        expect((await log.fetchOffsetByTimestamp(1000 + offset))?.offset).toBe(offset);
      }
      expect(logger.lines.some((line) => /made anew/.test(line))).toBe(true);
      await append(log, batchOf(['more'], {}, 5000));
      expect((await log.fetchOffsetByTimestamp(5000))?.offset).toBe(200);
      await manager.shutdown();
      for (const name of readdirSync(path).filter((file) => file.endsWith('.index') || file.endsWith('.timeindex'))) {
        expect(statSync(`${path}/${name}`).size % (name.endsWith('.timeindex') ? 12 : 8)).toBe(0);
      }
    },
  );

  it('an entry that points to another batch is noticed when it is used', async () => {
    using directory = new TestDirectory();
    let manager = await openManager(directory.path, { config });
    let log = await manager.getOrCreate(topicPartition);
    for (let index = 0; index < 200; index++) {
      await append(log, batchOf([`${index}`]));
    }
    await manager.shutdown();
    const file = segmentPath(directory.join('topic-0'), 0, '.index');
    const bytes = readFileSync(file);
    // The second entry points one batch too far: to where the offset behind its own begins.
    bytes.writeUInt32BE(bytes.readUInt32BE(12) + 72, 12);
    writeFileSync(file, bytes);
    const logger = recordingLogger();
    manager = await openManager(directory.path, { config, logger });
    log = manager.get(topicPartition)!;
    for (let offset = 0; offset < 200; offset++) {
      expect((await readBytes(log, offset, 1)).readUInt32BE(4)).toBe(offset);
    }
    expect(logger.lines.filter((line) => /made anew/.test(line))).toHaveLength(1);
    await manager.shutdown();
  });

  it('take a bounded amount of memory, and those used last stay', () => {
    const cache = new IndexCache(100);
    const evicted: string[] = [];
    const holder = (name: string) => ({ evict: () => void evicted.push(name) });
    const [a, b, c] = [holder('a'), holder('b'), holder('c')];
    cache.used(a, 40);
    cache.used(b, 40);
    cache.used(a, 40);
    cache.used(c, 40);
    expect(evicted).toEqual(['b']);
    cache.used(c, 90);
    expect(evicted).toEqual(['b', 'a']);
    expect(cache.bytes).toBe(90);
    cache.used(a, 200);
    expect(evicted).toEqual(['b', 'a', 'c']);
    cache.forget(a);
    expect(cache.bytes).toBe(0);
  });

  it('are read again when they were evicted', async () => {
    using directory = new TestDirectory();
    const manager = await openManager(directory.path, { config, indexCacheBytes: 1, hotBytes: 0 });
    const log = await manager.getOrCreate(topicPartition);
    for (let index = 0; index < 300; index++) {
      await append(log, batchOf([`${index}`]));
    }
    for (let offset = 0; offset < 300; offset += 7) {
      expect((await readBytes(log, offset, 1)).readUInt32BE(4)).toBe(offset);
    }
    await manager.shutdown();
  });
});
