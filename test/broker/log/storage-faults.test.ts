import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { OpenMode } from '../../../broker/src/io/files';
import { nodeIo } from '../../../broker/src/io/node';
import { IndexFile } from '../../../broker/src/log/index-file';
import type { Log } from '../../../broker/src/log/log';
import type { LogConfig } from '../../../broker/src/log/log-config';
import type { LogManager } from '../../../broker/src/log/log-manager';
import { OperationQueue } from '../../../broker/src/log/operation-queue';
import { ErrorCode } from '../../../broker/src/protocol/errors';
import { buildEndTransactionMarker, ControlRecordType } from '../../../broker/src/records/control-records';
import { countedFiles, faultyFiles, filesWith, type Faults } from './faulty-files';
import { append, batchOf, openManager, readRecordsFrom, TestDirectory, topicPartition, valuesOf } from './support';

const storageError = { code: ErrorCode.KAFKA_STORAGE_ERROR };

interface Bench {
  readonly directory: TestDirectory;
  readonly manager: LogManager;
  readonly log: Log;
  readonly faults: Faults;
}

async function withLog(config: Partial<LogConfig>, work: (bench: Bench) => Promise<void>): Promise<void> {
  using directory = new TestDirectory();
  const faults: Faults = {};
  const io = { ...nodeIo(), files: faultyFiles(nodeIo().files, faults) };
  const manager = await openManager(directory.path, { io, config });
  try {
    await work({ directory, manager, log: await manager.getOrCreate(topicPartition), faults });
  } finally {
    await manager.shutdown();
  }
}

it('A directory that could not be synchronised is so by the next flush', () =>
  withLog({}, async ({ log, faults }) => {
    await append(log, batchOf(['a']));
    let syncs = 0;
    faults.error = (operation) => {
      // Too many open files: no failure of the disk.
      return operation === 'syncDirectory' && ++syncs === 1 ? 'EMFILE' : undefined;
    };
    await expect(log.flush()).rejects.toThrow('EMFILE');
    expect(log.recoveryPoint).toBe(0);
    await log.flush();
    // Once more the directory itself, then the one that it is in.
    expect(syncs).toBe(3);
    expect(log.recoveryPoint).toBe(1);
  }));

it('A flush that waits for another one synchronises the directory that the other one could not', () =>
  withLog({}, async ({ log, faults }) => {
    await append(log, batchOf(['a']));
    await log.flush();
    await log.roll();
    let syncs = 0;
    faults.error = (operation) => (operation === 'syncDirectory' && ++syncs === 1 ? 'EMFILE' : undefined);
    const [first, second] = await Promise.allSettled([log.flush(), log.flush()]);
    expect([first.status, second.status, syncs]).toEqual(['rejected', 'fulfilled', 2]);
  }));

it('An index that cannot be cut when it is opened is closed', async () => {
  using directory = new TestDirectory();
  writeFileSync(directory.join('0.index'), Buffer.alloc(24));
  const counted = countedFiles(nodeIo().files);
  const files = faultyFiles(counted.files, { error: (operation) => (operation === 'truncate' ? 'EIO' : undefined) });
  await expect(IndexFile.open(files, directory.path, '0.index', 8, 1, 24)).rejects.toThrow('EIO');
  expect(counted.open()).toEqual([]);
});

it('An index that cannot be written takes the directory offline: the next append would get the same offsets', () =>
  withLog({ indexIntervalBytes: 0 }, async ({ manager, log, faults, directory }) => {
    // EBADF is no failure of the disk.
    faults.error = (operation, path) => (operation === 'writeSync' && path.endsWith('.index') ? 'EBADF' : undefined);
    let refusal: unknown;
    for (let i = 0; i < 2000 && refusal === undefined; i++) {
      await append(log, batchOf(['a'])).catch((error: unknown) => (refusal = error));
    }
    expect(refusal).toMatchObject(storageError);
    expect(manager.offlineLogDirs).toEqual([directory.path]);
  }));

it('Nothing counts as flushed whose leader epoch is not written, and the next flush writes it', () =>
  withLog({}, async ({ log, faults }) => {
    faults.error = (operation, path) =>
      operation === 'replaceFile' && path.endsWith('leader-epoch-checkpoint') ? 'EMFILE' : undefined;
    log.assignEpochStartOffset(7, 0);
    await append(log, batchOf(['a']), { leaderEpoch: 7 });
    await expect(log.flush()).rejects.toMatchObject(storageError);
    expect(log.recoveryPoint).toBe(0);
    delete faults.error;
    await log.flush();
    expect(log.recoveryPoint).toBe(1);
    expect(readFileSync(`${log.path}/leader-epoch-checkpoint`, 'utf8')).toBe('0\n1\n7 0\n');
  }));

it.each(['EIO', 'EMFILE'])('%s of a transaction index takes the directory offline', (code) =>
  withLog({}, async ({ manager, log, faults, directory }) => {
    await append(log, batchOf(['a'], { producerId: 4, producerEpoch: 0, baseSequence: 0, transactional: true }));
    faults.error = (operation, path) => (operation === 'open' && path.endsWith('.txnindex') ? code : undefined);
    const marker = buildEndTransactionMarker({
      type: ControlRecordType.ABORT,
      producerId: 4,
      producerEpoch: 0,
      coordinatorEpoch: 0,
      timestamp: 0,
    });
    await expect(append(log, marker, { origin: 'coordinator' })).rejects.toMatchObject(storageError);
    expect(manager.offlineLogDirs).toEqual([directory.path]);
  }),
);

it('A transaction that is aborted while a reader looks for earlier ones is not forgotten', async () => {
  using directory = new TestDirectory();
  const { files } = nodeIo();
  const looked = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  const stat: typeof files.stat = async (path) => {
    const found = await files.stat(path);
    if (path.endsWith('.txnindex')) {
      looked.resolve();
      await released.promise;
    }
    return found;
  };
  const manager = await openManager(directory.path, { io: { ...nodeIo(), files: filesWith(files, { stat }) } });
  const log = await manager.getOrCreate(topicPartition);
  await append(log, batchOf(['plain']));
  log.updateHighWatermark(1);
  const aborted = async () => {
    const { ranges, abortedTransactions } = await log.read(0, 1024, 'txnCommitted', true);
    ranges.forEach((range) => range.release());
    return abortedTransactions;
  };
  const early = aborted();
  await Promise.race([looked.promise, early]);
  for (const producerId of [4, 5]) {
    await append(log, batchOf(['a'], { producerId, producerEpoch: 0, baseSequence: 0, transactional: true }));
    const marker = { type: ControlRecordType.ABORT, producerId, producerEpoch: 0, coordinatorEpoch: 0, timestamp: 0 };
    await append(log, buildEndTransactionMarker(marker), { origin: 'coordinator' });
    released.resolve();
    await early;
  }
  log.updateHighWatermark(log.logEndOffset);
  expect(await aborted()).toEqual([
    { producerId: 4, firstOffset: 1 },
    { producerId: 5, firstOffset: 3 },
  ]);
  expect(readFileSync(`${log.path}/00000000000000000000.txnindex`)).toHaveLength(68);
  await manager.shutdown();
});

it('A truncation counts anew when it has waited: who looked meanwhile has seen what is cut off', () =>
  withLog({}, async ({ log, faults }) => {
    await append(log, batchOf(['a']));
    await append(log, batchOf(['b']));
    const { promise, resolve } = Promise.withResolvers<void>();
    const reached = Promise.withResolvers<void>();
    faults.hold = (operation) => {
      if (operation !== 'sync') return undefined;
      reached.resolve();
      return promise;
    };
    const flushing = log.flush();
    await reached.promise;
    const cutting = log.truncateTo(1);
    await new Promise((next) => setImmediate(next));
    const seen = { truncations: log.truncations, logEndOffset: log.logEndOffset };
    expect(seen.logEndOffset).toBe(2);
    resolve();
    await Promise.all([flushing, cutting]);
    expect(log.logEndOffset).toBe(1);
    expect(log.truncations).toBeGreaterThan(seen.truncations);
    expect(log.recoveryPoint).toBeLessThanOrEqual(1);
  }));

it('A duplicate is acknowledged when what it repeats is on the disk', () =>
  withLog({ flushMessages: 1 }, async ({ log, faults }) => {
    const batch = () => batchOf(['a'], { producerId: 4, producerEpoch: 0, baseSequence: 0 });
    const { promise, resolve } = Promise.withResolvers<void>();
    faults.hold = (operation) => (operation === 'sync' ? promise : undefined);
    const answers: string[] = [];
    const first = append(log, batch()).then(() => answers.push('first'));
    const second = append(log, batch()).then(() => answers.push('second'));
    await new Promise((next) => setImmediate(next));
    expect(answers).toEqual([]);
    resolve();
    await Promise.all([first, second]);
    expect(answers).toHaveLength(2);
    expect(valuesOf(await readRecordsFrom(log))).toEqual(['a']);
  }));

it('A leader epoch that comes at any moment of the writing of another is written', async () => {
  using directory = new TestDirectory();
  const { files } = nodeIo();
  let written = (): void => {};
  const replaceFile: typeof files.replaceFile = async (path, data) => {
    await files.replaceFile(path, data);
    if (path.endsWith('leader-epoch-checkpoint')) written();
  };
  const manager = await openManager(directory.path, { io: { ...nodeIo(), files: filesWith(files, { replaceFile }) } });
  const log = await manager.getOrCreate(topicPartition);
  const last = () =>
    readFileSync(directory.join('topic-0', 'leader-epoch-checkpoint'), 'utf8').trim().split('\n').at(-1);
  for (let depth = 0; depth < 25; depth++) {
    const first = 2 * depth + 1;
    const second = new Promise<void>((resolve) => {
      written = () => {
        written = () => {};
        void (async () => {
          for (let turn = 0; turn < depth; turn++) await undefined;
          log.assignEpochStartOffset(first + 1, 0);
          resolve();
        })();
      };
    });
    log.assignEpochStartOffset(first, 0);
    await second;
    await expect.poll(last, { interval: 1 }).toBe(`${first + 1} 0`);
  }
  await manager.shutdown();
});

it('An append that waited for a new segment is refused when its directory has failed meanwhile', () =>
  withLog({ segmentBytes: 200 }, async ({ manager, log, faults, directory }) => {
    await append(log, batchOf(['a']));
    const { promise, resolve } = Promise.withResolvers<void>();
    const reached = Promise.withResolvers<void>();
    faults.hold = (operation, path) => {
      if (operation !== 'open' || !path.endsWith('.log')) return undefined;
      reached.resolve();
      return promise;
    };
    const waiting = append(log, batchOf(['b'.repeat(100)]));
    waiting.catch(() => {});
    await reached.promise;
    manager.failDirectory(directory.path, Object.assign(new Error('EIO: it hangs'), { code: 'EIO' }));
    resolve();
    await expect(waiting).rejects.toMatchObject(storageError);
    expect(log.logEndOffset).toBe(1);
  }));

it('The mark of a clean shutdown is gone for good before anything is written', async () => {
  using directory = new TestDirectory();
  await (await openManager(directory.path)).shutdown();
  const operations: string[] = [];
  const faults: Faults = {
    error: (operation, path) => {
      const isMark = operation === 'remove' && path.endsWith('.kafka_cleanshutdown');
      if (isMark || (operation === 'syncDirectory' && path === directory.path)) operations.push(operation);
      return undefined;
    },
  };
  const io = { ...nodeIo(), files: faultyFiles(nodeIo().files, faults) };
  const manager = await openManager(directory.path, { io });
  const at = operations.indexOf('remove');
  expect(operations.slice(at, at + 2)).toEqual(['remove', 'syncDirectory']);
  await manager.shutdown();
});

it('An operation that rejects does not keep those behind it, nor end the process', async () => {
  const queue = new OperationQueue();
  queue.hold(Promise.reject(new Error('told elsewhere')));
  expect(await queue.exclusive(() => Promise.resolve('next'))).toBe('next');
});

it('The late removal of an empty segment leaves a newer one of the same name', () =>
  withLog({}, async ({ log, faults, directory }) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    let held = 0;
    faults.hold = (operation, path) =>
      operation === 'remove' && path.includes('00000000000000000000.log') && held++ === 0 ? promise : undefined;
    // Too far from the base of the empty segment: there is a new one.
    const bytes = batchOf(['far']);
    bytes.writeBigInt64BE(3_000_000_000n, 0);
    await append(log, bytes, { origin: 'replication' });
    await expect.poll(() => held, { interval: 1 }).toBe(1);
    await log.truncateFullyAndStartAt(0);
    await append(log, batchOf(['again']));
    resolve();
    await log.flush();
    await log.close();
    const { length } = readFileSync(directory.join('topic-0', '00000000000000000000.log'));
    expect(length).toBeGreaterThan(0);
  }));

describe('A directory that fails leaves no file open', () => {
  const eio = Object.assign(new Error('EIO: it hangs'), { code: 'EIO' });

  /** `during` runs once, when an operation of this name asks for a path that ends so, and after it has been done. */
  async function failing(
    which: { readonly operation: 'open' | 'readFile'; readonly suffix: string; readonly fails: boolean },
    work: (manager: () => Promise<LogManager>, arm: (during: () => void) => void) => Promise<void>,
  ): Promise<void> {
    using directory = new TestDirectory();
    const counted = countedFiles(nodeIo().files);
    let armed: (() => void) | undefined;
    const files = filesWith(counted.files, {
      [which.operation]: async (path: string, mode: OpenMode) => {
        const during = path.endsWith(which.suffix) ? armed : undefined;
        if (during !== undefined) armed = undefined;
        if (which.fails && during !== undefined) {
          // The other logs are open already.
          const logs = () => counted.open().filter((name) => name.endsWith('.log')).length;
          await expect.poll(logs, { interval: 1 }).toBe(2);
          throw eio;
        }
        const result: unknown = await counted.files[which.operation](path, mode);
        during?.();
        return result;
      },
    });
    const config = { segmentBytes: 200 };
    const open = () => openManager(directory.path, { io: { ...nodeIo(), files }, config });
    await work(open, (during) => (armed = during));
    await expect.poll(() => counted.open().filter((path) => !path.endsWith('.lock')), { interval: 1 }).toEqual([]);
  }

  it('while a segment is rolled', () =>
    failing({ operation: 'open', suffix: '1.log', fails: false }, async (open, arm) => {
      const manager = await open();
      const log = await manager.getOrCreate(topicPartition);
      await append(log, batchOf(['a']));
      arm(() => manager.failDirectory(log.logDir, eio));
      await expect(append(log, batchOf(['b'.repeat(100)]))).rejects.toMatchObject(storageError);
      await manager.shutdown();
    }));

  it('while a log is made', () =>
    failing({ operation: 'open', suffix: '0.timeindex', fails: false }, async (open, arm) => {
      const manager = await open();
      arm(() => manager.failDirectory(manager.liveLogDirs[0], eio));
      await expect(manager.getOrCreate(topicPartition)).rejects.toMatchObject(storageError);
      expect(manager.get(topicPartition)).toBeUndefined();
      await manager.shutdown();
    }));

  it('while logs are loaded', () =>
    failing({ operation: 'readFile', suffix: 'topic-1/leader-epoch-checkpoint', fails: true }, async (open, arm) => {
      const first = await open();
      for (const partition of [0, 1, 2]) {
        await append(await first.getOrCreate({ topic: 'topic', partition }), batchOf(['a']));
      }
      await first.shutdown();
      arm(() => {});
      const manager = await open();
      expect([manager.liveLogDirs, manager.size]).toEqual([[], 0]);
      await manager.shutdown();
    }));
});
