import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Io } from '../../../broker/src/io/io';
import type { Job, Jobs } from '../../../broker/src/io/jobs';
import { InProcessJobs } from '../../../broker/src/io/node/jobs';
import { defaultCleanerConfig, mostKeysIn, slotsFor } from '../../../broker/src/log/cleaner-config';
import { offsetMapEntryBytes } from '../../../broker/src/log/offset-map';
import { OffsetMapPool } from '../../../broker/src/log/offset-map-pool';
import { buildBatch } from '../../../broker/src/records/build-batch';
import { CompressionType } from '../../../broker/src/records/compression-type';
import { Bed, kv, quiet } from './cleaner-bed';
import { faultyFiles, type Faults } from './faulty-files';
import { append, ioWith, ManualClock, openManager, TestDirectory } from './support';

const day = 86_400_000;

/** Its files fail or hang as the test says, those of the jobs too. */
function faultyIo(faults: Faults): (clock: ManualClock) => Io {
  return (clock) => {
    const io = ioWith(clock);
    const files = faultyFiles(io.files, faults);
    return { ...io, files, jobs: new InProcessJobs(files) };
  };
}

/** Hears what goes into each job. */
function heardJobs(heard: (input: unknown) => void): (clock: ManualClock) => Io {
  return (clock) => {
    const io = ioWith(clock);
    const jobs: Jobs = {
      run: <In, Out>(job: Job<In, Out>, input: In): Promise<Out> => {
        heard(input);
        return io.jobs.run(job, input);
      },
      close: () => io.jobs.close(),
    };
    return { ...io, jobs };
  };
}

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
}

describe('the log cleaner', () => {
  it('has the segment that is appended to end with max.compaction.lag.ms, where a topic is compacted', async () => {
    const segments = async (cleanupCompact: boolean): Promise<number> => {
      await using bed = await Bed.open({ cleanupCompact, maxCompactionLagMs: 1000, segmentMs: 5000 });
      await bed.add([kv('a', '1')]);
      bed.clock.now += 1001;
      await bed.add([kv('a', '2')]);
      return bed.log.numberOfSegments;
    };
    expect(await segments(true)).toBe(2);
    expect(await segments(false)).toBe(1);
  });

  it.each(['ENOSPC', 'EDQUOT', 'EMFILE'])(
    'leaves a log as it is when its copy cannot be written (%s), and tries again, at longer and longer intervals',
    async (code) => {
      let isFull = true;
      const operation = code === 'EMFILE' ? 'open' : 'writeSync';
      const error = (name: string, path: string) =>
        isFull && name === operation && path.endsWith('.log.cleaned') ? code : undefined;
      await using bed = await Bed.open({}, { makeIo: faultyIo({ error }) });
      await bed.add([kv('a', '1'), kv('a', '2')]);
      await bed.log.roll();
      const path = bed.root.join('topic-0', '00000000000000000000.log');
      const before = readFileSync(path);
      const { cleaner } = bed.manager;
      const tries = () => bed.logger.lines.filter((line) => line.includes('could not be cleaned and is as it was'));
      expect(await cleaner!.cleanFilthiest()).toBe(true);
      expect(tries()).toEqual([expect.stringMatching(new RegExp(`topic-0 .*the next try is in 15 s: .*${code}`))]);
      expect(await cleaner!.cleanFilthiest()).toBe(false);
      bed.clock.now += 15_000;
      expect(await cleaner!.cleanFilthiest()).toBe(true);
      expect(tries()[1]).toContain('the next try is in 30 s');
      expect([bed.manager.liveLogDirs.length, cleaner!.uncleanableLogs]).toEqual([1, []]);
      expect(readFileSync(path).equals(before)).toBe(true);
      expect(readdirSync(bed.root.join('topic-0')).filter((name) => name.endsWith('.cleaned'))).toEqual([]);
      isFull = false;
      bed.clock.now += 30_000;
      expect(await cleaner!.cleanFilthiest()).toBe(true);
      expect(await bed.records()).toEqual(['a=2@1']);
    },
  );

  it('removes what was replaced also when this process is out of file handles just then', async () => {
    const error = (name: string) => (name === 'setModified' ? 'EMFILE' : undefined);
    await using bed = await Bed.open({}, { makeIo: faultyIo({ error }) });
    await bed.add([kv('a', '1'), kv('a', '2')]);
    expect(await bed.clean()).toBe(true);
    const deleted = () => readdirSync(bed.root.join('topic-0')).filter((name) => name.endsWith('.deleted'));
    expect(deleted().length).toBeGreaterThan(0);
    await turns(20);
    bed.clock.advance(60_000);
    await expect.poll(deleted).toEqual([]);
  });

  it('does retention in the logs that it cleans, and nobody else: a cleaning would begin anew each time', async () => {
    await using bed = await Bed.open({ cleanupDelete: true, retentionMs: day });
    await bed.add([kv('a', '1')]);
    await bed.log.roll();
    bed.clock.now += day + 1;
    expect(await bed.manager.deleteOldSegments()).toBe(0);
    bed.log.config = { ...bed.log.config, cleanupCompact: false };
    expect(await bed.manager.deleteOldSegments()).toBe(1);
  });

  it('gives up the cleaning of a topic that is not compacted any more', async () => {
    let begun = () => {};
    let goOn = () => {};
    const isBegun = new Promise<void>((resolve) => (begun = resolve));
    const mayGoOn = new Promise<void>((resolve) => (goOn = resolve));
    const hold = (name: string, path: string) => {
      if (name !== 'open' || !path.endsWith('.log.cleaned')) return undefined;
      begun();
      return mayGoOn;
    };
    await using bed = await Bed.open({}, { makeIo: faultyIo({ hold }) });
    await bed.add([kv('a', '1'), kv('a', '2')]);
    await bed.log.roll();
    const cleaning = bed.manager.cleaner!.cleanFilthiest();
    await isBegun;
    bed.manager.updateConfig('topic', { ...bed.log.config, cleanupCompact: false, cleanupDelete: true });
    goOn();
    await cleaning;
    expect(await bed.records()).toEqual(['a=1@0', 'a=2@1']);
    expect(bed.manager.cleaner!.cares(bed.log)).toBe(false);
  });

  it('has other work done in between while it looks at hundreds of logs', async () => {
    using root = new TestDirectory();
    const config = { cleanupCompact: true };
    const manager = await openManager(root.path, { io: ioWith(new ManualClock()), config, cleaner: quiet });
    await Promise.all(Array.from({ length: 300 }, (_, partition) => manager.getOrCreate({ topic: 'many', partition })));
    let others = 0;
    let isOver = false;
    const other = () => {
      others++;
      if (!isOver) setImmediate(other);
    };
    setImmediate(other);
    expect(await manager.cleaner!.cleanFilthiest()).toBe(false);
    isOver = true;
    expect(others).toBeGreaterThanOrEqual(8);
    await manager.shutdown();
  });

  it('does not copy what it knows of producers and transactions for each of its jobs', async () => {
    let largest = 0;
    const heard = (input: unknown) => {
      const text = JSON.stringify(input, (_, value: unknown) => (value instanceof Map ? [...value] : value));
      largest = Math.max(largest, text.length);
    };
    await using bed = await Bed.open({}, { makeIo: heardJobs(heard) });
    for (let producerId = 0; producerId < 500; producerId++) {
      await bed.add([kv('a', '1')], { producerId, producerEpoch: 0, baseSequence: 0 });
    }
    expect(await bed.clean()).toBe(true);
    expect(largest).toBeGreaterThan(0);
    expect(largest).toBeLessThan(2000);
    expect(await bed.records()).toEqual(['a=1@499']);
    // Each of them is still known.
    expect(await bed.batches()).toHaveLength(500);
  });

  it('uses the memory of its offset map again', async () => {
    const memories = new Set<SharedArrayBuffer>();
    const heard = (input: unknown) => {
      const { map } = input as { readonly map: SharedArrayBuffer | { readonly memory: SharedArrayBuffer } };
      memories.add(map instanceof SharedArrayBuffer ? map : map.memory);
    };
    const config = { minCleanableDirtyRatio: 0 };
    await using bed = await Bed.open(config, {
      makeIo: heardJobs(heard),
      cleaner: { ...quiet, dedupeBufferSize: 2400 },
    });
    for (let round = 0; round < 3; round++) {
      await bed.add([kv('a', String(round)), kv(`b${round}`, '')]);
      expect(await bed.clean()).toBe(true);
    }
    expect([...memories].map(({ byteLength }) => byteLength)).toEqual([2400]);
    expect(await bed.records()).toEqual(['b0=@1', 'b1=@3', 'a=2@4', 'b2=@5']);
  });

  it('lends no more memory for offset maps than there is, and some for each directory while others hang', () => {
    const pool = new OffsetMapPool();
    const [a, b, c] = [{}, {}, {}];
    pool.configure({ ...defaultCleanerConfig, threads: 2, dedupeBufferSize: 16_000 }, 3);
    const [a1, a2] = [pool.take(a)!, pool.take(a)!];
    expect([a1.buffer.byteLength, a2.buffer.byteLength]).toEqual([7000, 7000]);
    const b1 = pool.take(b)!;
    expect(b1.buffer.byteLength).toBe(1000);
    expect(pool.take(b)).toBeUndefined();
    const c1 = pool.take(c)!;
    expect([c1.buffer.byteLength, pool.allocatedBytes]).toEqual([1000, 16_000]);
    pool.give(a1);
    expect(pool.take(b)!.buffer).toBe(a1.buffer);
    // With another division, nothing new is made before there is room for it.
    pool.configure({ ...defaultCleanerConfig, threads: 1, dedupeBufferSize: 16_000 }, 1);
    for (const memory of [a2, b1, c1]) {
      expect(pool.take(a)).toBeUndefined();
      pool.give(memory);
    }
    expect(pool.allocatedBytes).toBe(7000);
  });

  it('goes on in other directories, with its only thread, while one hangs, and cleans there when it answers', async () => {
    using root = new TestDirectory();
    const clock = new ManualClock();
    const logDirs = [root.join('a'), root.join('b')];
    let hangs: Promise<void> | undefined;
    let answer = () => {};
    const hold = (_: string, path: string) => (path.startsWith(logDirs[0]) ? hangs : undefined);
    const manager = await openManager('', {
      io: faultyIo({ hold })(clock),
      logDirs,
      config: { cleanupCompact: true, cleanupDelete: false, minCleanableDirtyRatio: 0 },
      cleaner: { ...defaultCleanerConfig, threads: 1, dedupeBufferSize: 24_000, backoffMs: 100 },
    });
    const logs = await Promise.all([0, 1].map((partition) => manager.getOrCreate({ topic: 'topic', partition })));
    logs.sort((one, other) => one.logDir.localeCompare(other.logDir));
    const add = async (which: number) => {
      const log = logs[which];
      await append(log, buildBatch({ records: [kv('a', '1'), kv('a', '2')] }));
      log.updateHighWatermark(log.logEndOffset);
      await log.roll();
    };
    const cleaned = (which: number) => manager.cleaner!.cleanedUpTo(logs[which]) ?? 0;
    await add(0);
    hangs = new Promise((resolve) => (answer = resolve));
    const poll = (which: number, offset: number) =>
      expect
        .poll(() => {
          clock.advance(500);
          return cleaned(which);
        })
        .toBe(offset);
    // Its thread is in the first directory.
    for (let i = 0; i < 3; i++) {
      clock.advance(100);
      await turns(10);
    }
    await add(1);
    await poll(1, 2);
    await add(1);
    await poll(1, 4);
    expect(cleaned(0)).toBe(0);
    hangs = undefined;
    answer();
    await poll(0, 2);
    await manager.shutdown();
  });

  it('keeps a batch that unpacks to more than it takes into memory, and the tombstones behind it', async () => {
    await using bed = await Bed.open({ deleteRetentionMs: 0, minCleanableDirtyRatio: 0 });
    await bed.add([kv('a', '1'), kv('b', '1')]);
    const huge = { key: 'a', value: Buffer.alloc(129 * 1024 * 1024) };
    const batch = buildBatch({ records: [huge], compression: CompressionType.ZSTD, baseOffset: 2 });
    await append(bed.log, batch, { origin: 'replication' });
    bed.log.updateHighWatermark(3);
    await bed.add([kv('a', null), kv('b', null), kv('c', '1'), kv('c', '2')]);
    for (let round = 0; round < 2; round++) {
      expect(await bed.clean()).toBe(true);
      bed.clock.now += 1000;
      await bed.add([kv('d', String(round))]);
    }
    expect(bed.manager.cleaner!.uncleanableLogs).toEqual([]);
    expect(bed.logger.lines.join('\n')).toContain('1 batches of topic-0 unpack to more than is taken into memory');
    const all = await bed.batches();
    expect(all.some((bytes) => bytes.equals(batch))).toBe(true);
    expect(await bed.recordsFrom(3)).toEqual(['a=null@3', 'b=null@4', 'c=2@6', 'd=0@7', 'd=1@8']);
  });
});

it('An offset map that takes as many keys as its memory has room for lies within it', () => {
  for (const ioBufferLoadFactor of [0.05, 0.3, 0.7, 0.9, 1]) {
    const config = { ...defaultCleanerConfig, ioBufferLoadFactor };
    for (let entries = 20; entries < 20_000; entries++) {
      const bytes = entries * offsetMapEntryBytes;
      const slots = slotsFor(mostKeysIn(bytes, config), config);
      if ((slots + 1) * offsetMapEntryBytes > bytes && ioBufferLoadFactor * entries > 4) {
        expect.fail(`${slots} slots of ${bytes} bytes with load factor ${ioBufferLoadFactor}`);
      }
    }
  }
});
