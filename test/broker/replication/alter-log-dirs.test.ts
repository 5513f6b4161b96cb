import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { nodeIo } from '../../../broker/src/io/node';
import { errorName } from '../../../broker/src/protocol/errors';
import type { ReplicaManagerOptions } from '../../../broker/src/replication/replica-manager';
import { defaultCleanerConfig } from '../../../broker/src/log/cleaner-config';
import { buildBatch } from '../../../broker/src/records/build-batch';
import { readRecordSet } from '../../../broker/src/records/read-records';
import { append, batchOf, bytesOf, readRecordsFrom, recordingLogger, TestDirectory, valuesOf } from '../log/support';
import { busyFiles, faultyFiles, filesWith, type Faults } from '../log/faulty-files';
import { type BedLogs, ReplicaBed, settle } from './replica-bed';

const two = [0, 1];

/** A throttle that the test opens. */
class Gate {
  isShut = true;
  bytes = 0;

  isQuotaExceeded(): boolean {
    return this.isShut;
  }

  record(bytes: number): void {
    this.bytes += bytes;
  }
}

interface Bench {
  readonly bed: ReplicaBed;
  readonly a: string;
  readonly b: string;
}

/** Partition t-0 is in directory a. */
async function inTwoDirectories(
  directory: TestDirectory,
  options: Partial<ReplicaManagerOptions> & BedLogs = {},
  replicas: readonly number[] = [0],
): Promise<Bench> {
  const [a, b] = [directory.join('a'), directory.join('b')];
  for (const path of [a, b]) mkdirSync(path, { recursive: true });
  const bed = await ReplicaBed.open(directory, 1, { logDirs: [a, b], ...options });
  if (!bed.logManager.get({ topic: 't', partition: 0 })) {
    expect(await move(bed, a)).toBe('UNKNOWN_TOPIC_OR_PARTITION');
  }
  expect(await bed.role({ isr: replicas, replicas })).toBe('NONE');
  return { bed, a, b };
}

async function move(bed: ReplicaBed, logDir: string, partition = 0): Promise<string> {
  const [error] = await bed.replicas.alterReplicaLogDirs([{ topic: 't', partition, logDir }]);
  return errorName(error);
}

/** Until the partition is in the directory, and nothing of the move is left. */
function moved(bed: ReplicaBed, to: string, from: string): Promise<void> {
  return until(
    () => bed.log.logDir === to && !readdirSync(from).includes('t-0') && !existsSync(`${to}/t-0/.moved`),
    () => `it is in ${bed.log.logDir}; there are ${[...readdirSync(from), ...readdirSync(to)].join()}`,
  );
}

async function until(condition: () => boolean, what: () => string): Promise<void> {
  for (const deadline = performance.now() + 15_000; !condition();) {
    if (performance.now() > deadline) throw new Error(what());
    await sleep(1);
  }
}

/** The next operation of that kind waits until `resolve`. */
function holdOnce(
  faults: Faults,
  which: (operation: string, path: string) => boolean,
): { readonly reached: Promise<void>; resolve(): void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  const reached = Promise.withResolvers<void>();
  let isHeld = false;
  const { hold } = faults;
  faults.hold = (operation, path) => {
    if (isHeld || !which(operation, path)) return hold?.(operation, path);
    isHeld = true;
    reached.resolve();
    return promise;
  };
  return { reached: reached.promise, resolve };
}

async function valuesIn(bed: ReplicaBed): Promise<string[]> {
  return valuesOf(await readRecordsFrom(bed.log));
}

const futureIn = (path: string): string | undefined => readdirSync(path).find((name) => name.endsWith('-future'));

describe('A replica that moves to another log directory', () => {
  it('has all records there, the same high watermark and the same start, and stays there', async () => {
    using directory = new TestDirectory();
    const { bed, a, b } = await inTwoDirectories(directory);
    for (let i = 0; i < 20; i++) await bed.append(`${i}`);
    bed.log.maybeIncrementLogStartOffset(5);
    await bed.log.roll();
    await bed.append('20');
    expect(await move(bed, b)).toBe('NONE');
    await moved(bed, b, a);
    const values = Array.from({ length: 16 }, (_, i) => `${i + 5}`);
    expect(await valuesIn(bed)).toEqual(values);
    expect([bed.log.logStartOffset, bed.log.highWatermark, bed.log.logEndOffset]).toEqual([5, 21, 21]);
    expect([bed.partition.futureLog, existsSync(`${b}/t-0/.moved`)]).toEqual([undefined, false]);
    await bed.append('21');
    await bed.close();
    const again = await inTwoDirectories(directory);
    expect([again.bed.log.logDir, again.bed.log.highWatermark]).toEqual([b, 22]);
    expect(await valuesIn(again.bed)).toEqual([...values, '21']);
    await again.bed.close();
  });

  it('takes appends all the time, and answers each once', async () => {
    using directory = new TestDirectory();
    const { bed, a, b } = await inTwoDirectories(directory, {}, two);
    const sent: string[] = [];
    const produced: ReturnType<typeof bed.append>[] = [];
    const produce = (): void => {
      sent.push(`${sent.length}`);
      produced.push(bed.append(sent.at(-1)!, -1));
    };
    for (let i = 0; i < 50; i++) produce();
    expect(await move(bed, b)).toBe('NONE');
    for (let i = 0; bed.log.logDir !== b && i < 5000; i++) {
      produce();
      if (i % 3 === 0) await bed.follow(1, bed.log.logEndOffset);
      else await new Promise((resolve) => setImmediate(resolve));
    }
    await moved(bed, b, a);
    for (let i = 0; i < 50; i++) produce();
    await settle();
    await bed.follow(1, bed.log.logEndOffset);
    const results = await Promise.all(produced);
    expect(new Set(results.map(({ errorCode }) => errorName(errorCode)))).toEqual(new Set(['NONE']));
    expect(results.map(({ baseOffset }) => baseOffset)).toEqual(sent.map((_, i) => i));
    expect(await valuesIn(bed)).toEqual(sent);
    expect(bed.log.highWatermark).toBe(sent.length);
    await bed.close();
  });

  it('shows nothing above the high watermark, wherever that lies in its new segments', async () => {
    using directory = new TestDirectory();
    const { bed, a, b } = await inTwoDirectories(directory, {}, two);
    for (const value of ['a', 'b', 'c']) await bed.append(value);
    await bed.log.roll();
    for (const value of ['d', 'e']) await bed.append(value);
    await bed.follow(1, 4);
    expect(bed.log.highWatermark).toBe(4);
    const waiting = bed.fetch({ maxWaitMs: 30_000, minBytes: 1 }, 4);
    expect(await move(bed, b)).toBe('NONE');
    await moved(bed, b, a);
    expect(bed.log.highWatermark).toBe(4);
    const seen = async (): Promise<string[]> => valuesOf(await readRecordsFrom(bed.log, 0, 'highWatermark'));
    expect(await seen()).toEqual(['a', 'b', 'c', 'd']);
    await bed.append('f');
    await bed.follow(1, 5);
    expect(await seen()).toEqual(['a', 'b', 'c', 'd', 'e']);
    const [woken] = await waiting;
    await bytesOf(woken.data!.ranges);
    expect(errorName(woken.errorCode)).toBe('NONE');
    await bed.close();
  });

  it('is read all the time, by whoever asks', async () => {
    using directory = new TestDirectory();
    const { bed, a, b } = await inTwoDirectories(directory, { logs: { config: { segmentBytes: 1000 } } });
    let sent = 0;
    let isOver = false;
    const produce = async (): Promise<void> => {
      while (!isOver) {
        expect(errorName((await bed.append(`${sent++}`)).errorCode)).toBe('NONE');
        await sleep(0);
      }
    };
    /** Every record once, in order. */
    const consume = async (maxBytes: number): Promise<number> => {
      let next = 0;
      while (!isOver || next < sent) {
        const [{ errorCode, data }] = await bed.fetch({ maxBytes }, next);
        expect(errorName(errorCode)).toBe('NONE');
        for (const { offset, value } of readRecordSet(await bytesOf(data!.ranges))) {
          if (offset < next) continue;
          expect([offset, value?.toString()]).toEqual([next, `${next}`]);
          next++;
        }
        await sleep(0);
      }
      return next;
    };
    const asked = async (): Promise<void> => {
      while (!isOver) {
        expect((await bed.log.fetchOffsetByTimestamp(0))?.offset).toBe(0);
        await sleep(0);
      }
    };
    const working = [produce(), consume(100), consume(1 << 20), asked()];
    for (const [to, from] of [
      [b, a],
      [a, b],
      [b, a],
    ]) {
      await until(
        () => sent % 20 === 19,
        () => 'records',
      );
      expect(await move(bed, to)).toBe('NONE');
      await moved(bed, to, from);
    }
    isOver = true;
    const [, few, many] = await Promise.all(working);
    expect([few, many, bed.log.logEndOffset]).toEqual([sent, sent, sent]);
    await bed.close();
  });

  it('is not compacted meanwhile, and as clean as it was afterwards', async () => {
    using directory = new TestDirectory();
    const gate = new Gate();
    const cleaner = { ...defaultCleanerConfig, threads: 0 };
    const config = { cleanupCompact: true, cleanupDelete: false, minCleanableDirtyRatio: 0 };
    const { bed, a, b } = await inTwoDirectories(directory, {
      alterLogDirs: { quota: gate },
      logs: { cleaner, config },
    });
    const add = async (value: string): Promise<void> => {
      await append(bed.log, buildBatch({ records: [{ key: 'k', value }] }));
      bed.partition.maybeIncrementHighWatermark();
      await bed.log.roll();
    };
    const clean = (): Promise<boolean> => bed.logManager.cleaner!.cleanFilthiest();
    await add('1');
    await add('2');
    expect([await clean(), bed.logManager.cleaner!.cleanedUpTo(bed.log)]).toEqual([true, 2]);
    await move(bed, b);
    await add('3');
    expect(await clean()).toBe(false);
    await move(bed, a);
    expect([await clean(), bed.logManager.cleaner!.cleanedUpTo(bed.log)]).toEqual([true, 3]);
    await move(bed, b);
    await add('4');
    gate.isShut = false;
    bed.clock.advance(1000);
    await moved(bed, b, a);
    expect([bed.logManager.cleaner!.cleanedUpTo(bed.log), await valuesIn(bed)]).toEqual([3, ['3', '4']]);
    await bed.log.roll();
    expect([await clean(), await valuesIn(bed)]).toEqual([true, ['4']]);
    await bed.close();
  });

  it("keeps the leader's epoch in which nothing was written yet", async () => {
    using directory = new TestDirectory();
    const { bed, a, b } = await inTwoDirectories(directory);
    await bed.append('a');
    await bed.role({ leaderEpoch: 4 });
    await move(bed, b);
    await moved(bed, b, a);
    expect(bed.log.leaderEpochs).toEqual([
      { epoch: 0, startOffset: 0 },
      { epoch: 4, startOffset: 1 },
    ]);
    await bed.close();
  });

  it('is copied again from where the log was cut', async () => {
    using directory = new TestDirectory();
    const gate = new Gate();
    gate.isShut = false;
    const { bed, a, b } = await inTwoDirectories(directory, { alterLogDirs: { quota: gate, fetchMaxBytes: 1 } }, two);
    for (const value of ['a', 'b', 'c', 'd']) await bed.append(value);
    // It stops when it has something: once for each record.
    gate.record = (bytes) => (gate.isShut ||= bytes > 0);
    await move(bed, b);
    for (let copied = 1; copied <= 3; copied++) {
      await until(
        () => gate.isShut && bed.partition.futureLog?.logEndOffset === copied,
        () => `${copied} are to be copied`,
      );
      await settle();
      if (copied === 3) break;
      gate.isShut = false;
      bed.clock.advance(1000);
    }
    await bed.role({ leader: 1, leaderEpoch: 1, isr: two, replicas: two });
    await bed.log.truncateTo(2);
    await bed.role({ leaderEpoch: 2, isr: [0], replicas: two });
    for (const value of ['C', 'D', 'E']) await bed.append(value);
    gate.record = () => undefined;
    gate.isShut = false;
    bed.clock.advance(1000);
    await moved(bed, b, a);
    expect(await valuesIn(bed)).toEqual(['a', 'b', 'C', 'D', 'E']);
    await bed.close();
  });

  it('does not have appends wait for a directory that hangs at the last moment, and is moved afterwards', async () => {
    using directory = new TestDirectory();
    const faults: Faults = {};
    const disk = busyFiles(nodeIo().files);
    const { bed, a, b } = await inTwoDirectories(directory, { files: faultyFiles(disk.files, faults) });
    await bed.append('a');
    const { resolve, reached } = holdOnce(faults, (operation, path) => operation === 'rename' && /-future$/.test(path));
    await move(bed, b);
    await reached;
    const appended = bed.append('b');
    await settle();
    bed.clock.advance(5000);
    let isAppended = false;
    void appended.then(() => (isAppended = true));
    await until(
      () => isAppended,
      () => 'the append waits',
    );
    expect([errorName((await appended).errorCode), bed.log.logDir]).toEqual(['NONE', a]);
    resolve();
    while (bed.log.logDir !== b) {
      await settle();
      // Time that passes while a file is being written would have its directory hang.
      if (disk.isBusy()) await sleep(1);
      else bed.clock.advance(100);
    }
    await moved(bed, b, a);
    await bed.append('c');
    expect(await valuesIn(bed)).toEqual(['a', 'b', 'c']);
    await bed.close();
  });

  it('keeps what was deleted at the last moment deleted', async () => {
    using directory = new TestDirectory();
    const faults: Faults = {};
    const { bed, a, b } = await inTwoDirectories(directory, { files: faultyFiles(nodeIo().files, faults) });
    for (const value of ['a', 'b', 'c']) await bed.append(value);
    const { resolve, reached } = holdOnce(faults, (operation, path) => operation === 'rename' && /-future$/.test(path));
    await move(bed, b);
    await reached;
    bed.log.maybeIncrementLogStartOffset(2);
    resolve();
    await moved(bed, b, a);
    expect([bed.log.logStartOffset, await valuesIn(bed)]).toEqual([2, ['c']]);
    await bed.close();
  });

  it('gets its name when nobody looks for files by the former one', async () => {
    using directory = new TestDirectory();
    const faults: Faults = {};
    const { bed, a, b } = await inTwoDirectories(directory, {
      files: filesWith(faultyFiles(nodeIo().files, faults), { threads: 64 }),
      logs: { config: { segmentBytes: 200 } },
    });
    for (let i = 0; i < 10; i++) await bed.append(`${i}`);
    const flush = holdOnce(faults, (operation, path) => operation === 'sync' && /-future\/0*8\.log$/.test(path));
    await move(bed, b);
    await flush.reached;
    const index = holdOnce(faults, (operation, path) => operation === 'readFile' && /-future\/.*index$/.test(path));
    const looked = bed.partition.futureLog!.fetchOffsetByTimestamp(1);
    await index.reached;
    flush.resolve();
    // Time enough to get the name, if it did not wait.
    for (let i = 0; i < 300 && !existsSync(`${b}/t-0`); i++) await sleep(1);
    index.resolve();
    expect((await looked)?.offset).toBe(0);
    await moved(bed, b, a);
    expect(await valuesIn(bed)).toHaveLength(10);
    await bed.close();
  });

  it('ends where the last records were compacted away', async () => {
    using directory = new TestDirectory();
    const { bed, a, b } = await inTwoDirectories(directory);
    await bed.log.truncateFullyAndStartAt(5, 0);
    await move(bed, b);
    await moved(bed, b, a);
    expect([bed.log.logStartOffset, bed.log.logEndOffset]).toEqual([0, 5]);
    await bed.append('a');
    expect((await readRecordsFrom(bed.log)).map(({ offset }) => offset)).toEqual([5]);
    await bed.close();
  });

  it('waits while the quota is exceeded, and says how far it is', async () => {
    using directory = new TestDirectory();
    const gate = new Gate();
    const { bed, a, b } = await inTwoDirectories(directory, { alterLogDirs: { quota: gate } });
    await bed.append('a');
    const { sizeInBytes } = bed.log;
    await move(bed, b);
    for (let i = 0; i < 3; i++) {
      await settle();
      bed.clock.advance(1000);
    }
    expect([bed.partition.futureLog?.logEndOffset, futureIn(b)?.startsWith('t-0.')]).toEqual([0, true]);
    gate.isShut = false;
    bed.clock.advance(1000);
    await moved(bed, b, a);
    expect(gate.bytes).toBe(sizeInBytes);
    await bed.close();
  });

  it('stays where it is when that is asked for meanwhile, and goes elsewhere when that is', async () => {
    using directory = new TestDirectory();
    const gate = new Gate();
    const c = directory.join('c');
    mkdirSync(c);
    const [a, b] = [directory.join('a'), directory.join('b')];
    const { bed } = await inTwoDirectories(directory, { alterLogDirs: { quota: gate }, logDirs: [a, b, c] });
    await bed.append('a');
    await move(bed, b);
    expect(futureIn(b)).toBeDefined();
    expect(await move(bed, a)).toBe('NONE');
    expect([futureIn(b), bed.partition.futureLog]).toEqual([undefined, undefined]);
    await move(bed, b);
    expect(await move(bed, c)).toBe('NONE');
    expect([futureIn(b), futureIn(c) !== undefined]).toEqual([undefined, true]);
    gate.isShut = false;
    bed.clock.advance(1000);
    await moved(bed, c, a);
    expect(await valuesIn(bed)).toEqual(['a']);
    await bed.close();
  });

  describe('while the directory from where it came still has its log', () => {
    const open = async (directory: TestDirectory) => {
      const faults: Faults = {};
      const [a, b, c] = ['a', 'b', 'c'].map((name) => directory.join(name));
      const disk = busyFiles(nodeIo().files);
      // One operation that is held back has no other one wait.
      const files = filesWith(faultyFiles(disk.files, faults), { threads: 64 });
      const { bed } = await inTwoDirectories(directory, { logDirs: [a, b, c], files });
      for (let i = 0; i < 5; i++) await bed.append(`${i}`);
      /** Until nothing goes on but what is held back. */
      const quiet = async () => {
        for (let idle = 0; idle < 20; idle = disk.isBusy() ? 0 : idle + 1) {
          await new Promise((resolve) => setImmediate(resolve));
        }
      };
      return { bed, a, b, c, faults, quiet };
    };
    const values = ['0', '1', '2', '3', '4'];
    const offline = (bed: ReplicaBed) => bed.logManager.offlineLogDirs;

    it('goes nowhere else when that one hangs: the next start would find it twice', async () => {
      using directory = new TestDirectory();
      const { bed, a, b, c, faults, quiet } = await open(directory);
      const held = holdOnce(faults, (operation, path) => operation === 'rename' && path === `${a}/t-0`);
      expect(await move(bed, b)).toBe('NONE');
      await held.reached;
      let answer: string | undefined;
      void move(bed, c).then((error) => (answer = error));
      while (answer === undefined) {
        await quiet();
        bed.clock.advance(500);
      }
      expect(answer).toBe('KAFKA_STORAGE_ERROR');
      expect([existsSync(`${a}/t-0`), existsSync(`${b}/t-0/.moved`), futureIn(c)]).toEqual([true, true, undefined]);
      held.resolve();
      await moved(bed, b, a);
      expect(await move(bed, c)).toBe('NONE');
      await moved(bed, c, b);
      expect([await valuesIn(bed), offline(bed)]).toEqual([values, []]);
      await bed.close();
    });

    it('goes back when its former log is gone', async () => {
      using directory = new TestDirectory();
      const { bed, a, b, faults, quiet } = await open(directory);
      const held = holdOnce(faults, (operation, path) => {
        return operation === 'replaceFile' && path === `${b}/replication-offset-checkpoint` && bed.log.logDir === b;
      });
      expect(await move(bed, b)).toBe('NONE');
      await held.reached;
      const back = move(bed, a);
      await quiet();
      expect(futureIn(a)).toBeUndefined();
      held.resolve();
      expect(await back).toBe('NONE');
      await moved(bed, a, b);
      expect([await valuesIn(bed), offline(bed)]).toEqual([values, []]);
      await bed.close();
    });

    it('is not deleted, or made anew, before that log is gone: a crash would bring it back', async () => {
      using directory = new TestDirectory();
      const { bed, a, b, faults, quiet } = await open(directory);
      const held = holdOnce(faults, (operation, path) => operation === 'rename' && path === `${a}/t-0`);
      expect(await move(bed, b)).toBe('NONE');
      await held.reached;
      const of = { topic: 't', partition: 0 };
      const done: string[] = [];
      const deleting = bed.logManager.delete(of).then(() => done.push('deleted'));
      await quiet();
      const making = bed.logManager.getOrCreate(of).then(() => done.push('made'));
      await quiet();
      expect([done, existsSync(`${a}/t-0`), existsSync(`${b}/t-0`)]).toEqual([[], true, false]);
      held.resolve();
      await Promise.all([deleting, making]);
      expect([done, offline(bed)]).toEqual([['deleted', 'made'], []]);
      expect([a, b].filter((each) => existsSync(`${each}/t-0`))).toEqual([bed.logManager.get(of)!.logDir]);
      await bed.close();
    });

    it('is removed there when that is tried again', async () => {
      using directory = new TestDirectory();
      const { bed, a, b, c, faults } = await open(directory);
      // Too many open files: no failure of the disk.
      faults.error = (operation, path) => {
        return operation === 'replaceFile' && path === `${b}/log-start-offset-checkpoint` ? 'EMFILE' : undefined;
      };
      expect(await move(bed, b)).toBe('NONE');
      await until(
        () => bed.log.logDir === b,
        () => 'it is not moved',
      );
      expect(await move(bed, c)).toBe('KAFKA_STORAGE_ERROR');
      expect([existsSync(`${a}/t-0`), existsSync(`${b}/t-0/.moved`)]).toEqual([true, true]);
      faults.error = undefined;
      expect(await move(bed, c)).toBe('NONE');
      await moved(bed, c, b);
      expect([await valuesIn(bed), existsSync(`${a}/t-0`), offline(bed)]).toEqual([values, false, []]);
      await bed.close();
    });
  });

  it('goes with its copy when it is deleted', async () => {
    using directory = new TestDirectory();
    const { bed, a, b } = await inTwoDirectories(directory, { alterLogDirs: { quota: new Gate() } });
    await bed.append('a');
    await move(bed, b);
    expect(await bed.stop(-2, true)).toBe('NONE');
    expect([...readdirSync(a), ...readdirSync(b)].filter((name) => !/^t-0\..*-delete$/.test(name))).not.toContain(
      't-0',
    );
    expect(futureIn(b)).toBeUndefined();
    expect(bed.logManager.future({ topic: 't', partition: 0 })).toBeUndefined();
    await bed.close();
  });

  it('stays where it is when the new directory fails', async () => {
    using directory = new TestDirectory();
    const { bed, b } = await inTwoDirectories(directory, { alterLogDirs: { quota: new Gate() } });
    await bed.append('a');
    await move(bed, b);
    bed.logManager.failDirectory(b, Object.assign(new Error('EIO'), { code: 'EIO' }));
    await settle();
    expect([bed.partition.futureLog, bed.partition.isOffline]).toEqual([undefined, false]);
    await bed.append('b');
    expect(await valuesIn(bed)).toEqual(['a', 'b']);
    expect(await move(bed, b)).toBe('KAFKA_STORAGE_ERROR');
    await bed.close();
  });
});

describe('A move that the end of the process interrupted', () => {
  it('goes on with what was copied', async () => {
    using directory = new TestDirectory();
    const gate = new Gate();
    const first = await inTwoDirectories(directory, { alterLogDirs: { quota: gate, fetchMaxBytes: 1 } });
    for (const value of ['a', 'b', 'c']) await first.bed.append(value);
    gate.isShut = false;
    gate.record = (bytes) => (gate.isShut ||= bytes > 0);
    await move(first.bed, first.b);
    await until(
      () => first.bed.partition.futureLog?.logEndOffset === 1,
      () => 'one is to be copied',
    );
    await first.bed.close();
    const { bed, a, b } = await inTwoDirectories(directory);
    await moved(bed, b, a);
    expect(await valuesIn(bed)).toEqual(['a', 'b', 'c']);
    await bed.close();
  });

  it('is complete when only the old log was left to be deleted', async () => {
    using directory = new TestDirectory();
    const first = await inTwoDirectories(directory);
    await first.bed.append('a');
    await move(first.bed, first.b);
    await moved(first.bed, first.b, first.a);
    await first.bed.append('b');
    await first.bed.close();
    const old = readdirSync(first.a).find((name) => name.endsWith('-delete'));
    if (old !== undefined) renameSync(`${first.a}/${old}`, `${first.a}/t-0`);
    else mkdirSync(`${first.a}/t-0`);
    writeFileSync(`${first.b}/t-0/.moved`, '');
    const { bed, a, b } = await inTwoDirectories(directory);
    expect([bed.log.logDir, readdirSync(a).includes('t-0')]).toEqual([b, false]);
    expect(existsSync(`${b}/t-0/.moved`)).toBe(false);
    expect(await valuesIn(bed)).toEqual(['a', 'b']);
    await bed.close();
  });

  it('is undone when the new directory had failed in that moment, and the old log has gone on', async () => {
    using directory = new TestDirectory();
    const first = await inTwoDirectories(directory);
    await first.bed.append('a');
    await first.bed.append('b');
    await first.bed.close();
    mkdirSync(`${first.b}/t-0`);
    writeFileSync(`${first.b}/t-0/.moved`, '');
    const { bed, a, b } = await inTwoDirectories(directory);
    expect([bed.log.logDir, readdirSync(b).includes('t-0')]).toEqual([a, false]);
    expect(await valuesIn(bed)).toEqual(['a', 'b']);
    await bed.close();
  });

  it('goes on before anything is compacted that was not copied yet', async () => {
    using directory = new TestDirectory();
    const logs = {
      cleaner: { ...defaultCleanerConfig, threads: 0 },
      config: { cleanupCompact: true, cleanupDelete: false, minCleanableDirtyRatio: 0 },
    };
    const first = await inTwoDirectories(directory, { alterLogDirs: { quota: new Gate() }, logs });
    for (const value of ['1', '2']) await append(first.bed.log, buildBatch({ records: [{ key: 'k', value }] }));
    first.bed.log.updateHighWatermark(2);
    await first.bed.log.roll();
    await move(first.bed, first.b);
    await first.bed.close();
    const bed = await ReplicaBed.open(directory, 1, { logDirs: [first.a, first.b], logs });
    expect(await bed.logManager.cleaner!.cleanFilthiest()).toBe(false);
    await bed.close();
  });

  it('writes no checkpoint that lacks logs which are not loaded yet', async () => {
    using directory = new TestDirectory();
    const first = await inTwoDirectories(directory);
    for (let partition = 1; partition < 6; partition++) {
      await move(first.bed, first.b, partition);
      await first.bed.role({ partition });
    }
    await first.bed.appendTo([0, 1, 2, 3, 4, 5]);
    await move(first.bed, first.b);
    await moved(first.bed, first.b, first.a);
    await first.bed.close();
    mkdirSync(`${first.a}/t-0`);
    writeFileSync(`${first.b}/t-0/.moved`, '');
    const written: string[][] = [];
    const { files } = nodeIo();
    const replaceFile = (path: string, data: Uint8Array): Promise<void> => {
      const isNamed = /^b\/(recovery-point|replication)-offset-checkpoint$/.test(path.slice(directory.path.length + 1));
      if (isNamed) written.push(Buffer.from(data).toString().trim().split('\n').slice(2).sort());
      return files.replaceFile(path, data);
    };
    const bed = await ReplicaBed.open(directory, 1, {
      logDirs: [first.a, first.b],
      files: filesWith(files, { replaceFile }),
    });
    expect(written.length).toBeGreaterThan(1);
    for (const lines of written) expect(lines).toEqual([0, 1, 2, 3, 4, 5].map((partition) => `t ${partition} 1`));
    await bed.close();
  });

  it('keeps of two copies the one that has more, with a line about it', async () => {
    using directory = new TestDirectory();
    const logger = recordingLogger();
    const [a, b, c] = ['a', 'b', 'c'].map((name) => directory.join(name));
    mkdirSync(c);
    const first = await inTwoDirectories(directory, { alterLogDirs: { quota: new Gate() }, logDirs: [a, b, c] });
    await first.bed.append('a');
    await move(first.bed, c);
    await append(first.bed.partition.futureLog!, batchOf(['a']));
    await first.bed.close();
    mkdirSync(`${b}/t-0.0123456789abcdef0123456789abcdef-future`);
    const logs = { logger };
    const again = await inTwoDirectories(directory, { logDirs: [a, b, c], logs, alterLogDirs: { quota: new Gate() } });
    expect([again.bed.partition.futureLog?.logDir, futureIn(b), futureIn(c) === undefined]).toEqual([
      c,
      undefined,
      false,
    ]);
    expect(logger.lines.filter((line) => /t-0 has two copies/.test(line))).toHaveLength(1);
    await again.bed.close();
  });

  it('stops the start when it cannot be known which of two logs is the newer one', async () => {
    using directory = new TestDirectory();
    const first = await inTwoDirectories(directory);
    await first.bed.append('a');
    await first.bed.close();
    mkdirSync(`${first.b}/t-0`);
    await expect(inTwoDirectories(directory)).rejects.toThrow('partition t-0 is in two log directories');
    rmSync(`${first.b}/t-0`, { recursive: true });
    const { bed } = await inTwoDirectories(directory);
    await bed.close();
  });
});

describe('AlterReplicaLogDirs', () => {
  it('refuses directories that are no log directories or offline, and keeps in mind where a replica is to be made', async () => {
    using directory = new TestDirectory();
    const { bed, a, b } = await inTwoDirectories(directory);
    expect(await move(bed, directory.join('c'))).toBe('LOG_DIR_NOT_FOUND');
    expect(await move(bed, b, 1)).toBe('UNKNOWN_TOPIC_OR_PARTITION');
    expect(await move(bed, b, 2)).toBe('UNKNOWN_TOPIC_OR_PARTITION');
    for (const partition of [1, 2]) expect(await bed.role({ partition })).toBe('NONE');
    expect([1, 2].map((partition) => bed.replicas.partition('t', partition)?.log.logDir)).toEqual([b, b]);
    expect(await move(bed, a)).toBe('NONE');
    bed.logManager.failDirectory(b, Object.assign(new Error('EIO'), { code: 'EIO' }));
    expect(await move(bed, b)).toBe('KAFKA_STORAGE_ERROR');
    expect(await move(bed, a, 1)).toBe('KAFKA_STORAGE_ERROR');
    await bed.close();
  });

  it('moves as many partitions at once as there are threads, and all in the end', async () => {
    using directory = new TestDirectory();
    const { bed, a, b } = await inTwoDirectories(directory, { alterLogDirs: { threads: 2 } });
    for (let partition = 1; partition < 6; partition++) {
      await move(bed, a, partition);
      await bed.role({ partition });
    }
    await bed.appendTo([0, 1, 2, 3, 4, 5]);
    const moves = Array.from({ length: 6 }, (_, partition) => ({ topic: 't', partition, logDir: b }));
    expect(await bed.replicas.alterReplicaLogDirs(moves)).toEqual([0, 0, 0, 0, 0, 0]);
    await until(
      () => [...bed.replicas.partitions()].every(({ log }) => log.logDir === b),
      () => 'not all have moved',
    );
    expect([...bed.replicas.partitions()].map(({ log }) => [log.logDir, log.logEndOffset])).toEqual(
      Array.from({ length: 6 }, () => [b, 1]),
    );
    await bed.close();
  });
});
