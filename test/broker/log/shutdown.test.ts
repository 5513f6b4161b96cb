import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nodeIo } from '../../../broker/src/io/node';
import type { LogManager } from '../../../broker/src/log/log-manager';
import { ErrorCode } from '../../../broker/src/protocol/errors';
import { busyFiles, faultyFiles, type Faults } from './faulty-files';
import { append, batchOf, ioWith, ManualClock, openManager, TestDirectory } from './support';

const storageError = { code: ErrorCode.KAFKA_STORAGE_ERROR };
const patienceMs = 15_000;

describe('The shutdown of two log directories', () => {
  let directory: TestDirectory;
  let a: string;
  let b: string;
  let clock: ManualClock;
  let faults: Faults;
  let manager: LogManager;
  const disk = busyFiles(nodeIo().files);

  /** Partition 0 is in the first one, partition 1 in the second one. */
  const open = () =>
    openManager(directory.path, {
      io: { ...ioWith(clock), files: faultyFiles(disk.files, faults) },
      logDirs: [a, b],
      shutdownPatienceMs: patienceMs,
      flushRecoveryOffsetCheckpointMs: Infinity,
      flushStartOffsetCheckpointMs: Infinity,
      retentionCheckMs: Infinity,
      producerIdExpirationCheckMs: Infinity,
    });

  const partition = (index: number) => ({ topic: 't', partition: index });

  beforeEach(async () => {
    directory = new TestDirectory();
    [a, b] = [directory.join('a'), directory.join('b')];
    for (const path of [a, b]) mkdirSync(path);
    clock = new ManualClock();
    faults = {};
    manager = await open();
    for (const [index, path] of [a, b].entries()) {
      manager.preferLogDir(partition(index), path);
      const log = await manager.getOrCreate(partition(index));
      for (let i = 0; i < 10; i++) await append(log, batchOf([`${i}`]));
      log.updateHighWatermark(10);
      log.maybeIncrementLogStartOffset(5);
    }
  });

  afterEach(() => directory[Symbol.dispose]());

  /** Until nothing goes on but what is held back: time passes for that alone. */
  const turns = async () => {
    for (let idle = 0; idle < 20; idle = disk.isBusy() ? 0 : idle + 1) {
      await new Promise((resolve) => setImmediate(resolve));
    }
  };

  /** Lets the time pass, and says whether the work has ended by then. */
  async function endsWithin(ms: number, work: Promise<unknown>): Promise<boolean> {
    let isDone = false;
    void work.finally(() => (isDone = true)).catch(() => {});
    await turns();
    for (let i = 0; i < ms / 500 && !isDone; i++) {
      clock.advance(500);
      await turns();
    }
    return isDone;
  }

  /** Operations of that kind in the first directory wait until `resolve`. */
  function hang(which: (operation: string, path: string) => boolean): { resolve(): void } {
    const { promise, resolve } = Promise.withResolvers<void>();
    faults.hold = (operation, path) => (path.startsWith(a) && which(operation, path) ? promise : undefined);
    return { resolve };
  }

  const isClean = (path: string) => existsSync(`${path}/.kafka_cleanshutdown`);

  it('of which one answers after its patience does not call that one clean, and keeps its offsets', async () => {
    await manager.checkpointLogStartOffsets();
    await manager.checkpointHighWatermarks();
    const held = hang((operation) => operation === 'sync');
    const down = manager.shutdown();
    expect(await endsWithin(60_000, down)).toBe(true);
    expect([isClean(a), isClean(b)]).toEqual([false, true]);
    held.resolve();
    await turns();
    expect(isClean(a)).toBe(false);
    expect(readFileSync(`${a}/log-start-offset-checkpoint`, 'utf8')).toBe('0\n1\nt 0 5\n');
    expect(readFileSync(`${a}/replication-offset-checkpoint`, 'utf8')).toBe('0\n1\nt 0 10\n');
    // The lock was given back, although the answer came late.
    manager = await open();
    for (const index of [0, 1]) {
      const log = manager.get(partition(index))!;
      expect([log.logStartOffset, log.highWatermark, log.logEndOffset]).toEqual([5, 10, 10]);
    }
    await manager.shutdown();
  });

  it('waits anew for one that has answered since it was last waited for', async () => {
    const held = hang((operation) => operation === 'sync');
    const flushing = manager.get(partition(0))!.flush();
    expect(await manager.unlessStuck(() => endsWithin(60_000, flushing))).toBe(false);
    held.resolve();
    await flushing;
    await append(manager.get(partition(0))!, batchOf(['10']));
    const heldAgain = hang((operation) => operation === 'sync');
    const down = manager.shutdown();
    expect(await endsWithin(5_000, down)).toBe(false);
    heldAgain.resolve();
    await endsWithin(60_000, down);
    expect([isClean(a), isClean(b)]).toEqual([true, true]);
    expect(readFileSync(`${a}/log-start-offset-checkpoint`, 'utf8')).toBe('0\n1\nt 0 5\n');
  });

  it('ends when one has failed and does not answer besides', async () => {
    const held = hang((operation) => operation === 'makeDirectory');
    manager.preferLogDir(partition(2), a);
    const making = manager.getOrCreate(partition(2)).catch((error: unknown) => error);
    await turns();
    manager.failDirectory(a, Object.assign(new Error('EIO: test'), { code: 'EIO' }));
    const down = manager.shutdown();
    expect(await endsWithin(60_000, down)).toBe(true);
    expect([isClean(a), isClean(b)]).toEqual([false, true]);
    held.resolve();
    expect(await making).toMatchObject(storageError);
    clock.advance(1_000);
    await turns();
    manager = await open();
    expect(manager.get(partition(0))!.logEndOffset).toBe(10);
    await manager.shutdown();
  });

  it('makes no logs any more: an empty one would take the place of what is there', async () => {
    await manager.shutdown();
    await expect(manager.getOrCreate(partition(0))).rejects.toMatchObject(storageError);
    await expect(manager.createFuture(partition(0), b)).rejects.toMatchObject(storageError);
    await expect(manager.delete(partition(0))).rejects.toMatchObject(storageError);
    manager = await open();
    expect(manager.get(partition(0))!.logEndOffset).toBe(10);
    await manager.shutdown();
  });

  it.each(['log-start-offset', 'recovery-point-offset', 'replication-offset'])(
    'does not call one clean whose %s-checkpoint could not be written',
    async (name) => {
      // Too many open files: no failure of the disk.
      faults.error = (operation, path) => {
        return operation === 'replaceFile' && path === `${a}/${name}-checkpoint` ? 'EMFILE' : undefined;
      };
      await manager.shutdown();
      expect([isClean(a), isClean(b)]).toEqual([false, true]);
    },
  );
});
