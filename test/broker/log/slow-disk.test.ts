import { copyFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import type { Volume } from '../../../broker/src/io/files';
import { nodeIo } from '../../../broker/src/io/node';
import type { Log } from '../../../broker/src/log/log';
import type { LogConfig } from '../../../broker/src/log/log-config';
import type { LogManager } from '../../../broker/src/log/log-manager';
import { ErrorCode } from '../../../broker/src/protocol/errors';
import { silentLogger, type Logger } from '../../../broker/src/logging/logger';
import { faultyFiles, type Faults } from './faulty-files';
import {
  append,
  batchOf,
  ioWith,
  ManualClock,
  openManager,
  readRecordsFrom,
  TestDirectory,
  topicPartition,
  valuesOf,
} from './support';

const storageError = { code: ErrorCode.KAFKA_STORAGE_ERROR };

/** A log on a volume of the network, and the operations that were asked of its files. */
interface Bench {
  readonly directory: TestDirectory;
  readonly manager: LogManager;
  readonly log: Log;
  readonly faults: Faults;
  readonly blocking: string[];
}

async function onRemoteVolume(config: Partial<LogConfig>, work: (bench: Bench) => Promise<void>): Promise<void> {
  using directory = new TestDirectory();
  const blocking: string[] = [];
  const faults: Faults = {};
  const watched: Faults = {
    error: (operation, path) => {
      if (operation.endsWith('Sync')) blocking.push(`${operation} ${path}`);
      return faults.error?.(operation, path);
    },
    hold: (operation, path) => faults.hold?.(operation, path),
  };
  const { files } = nodeIo();
  const remote = new Proxy(faultyFiles(files, watched), {
    get(target, name) {
      if (name === 'threads') return 32;
      return name === 'volume'
        ? async (path: string): Promise<Volume> => ({ ...(await files.volume(path)), isRemote: true })
        : (Reflect.get(target, name) as unknown);
    },
  });
  const manager = await openManager(directory.path, { io: { ...nodeIo(), files: remote }, config });
  try {
    await work({ directory, manager, log: await manager.getOrCreate(topicPartition), faults, blocking });
  } finally {
    await manager.shutdown();
  }
}

/** Holds the first operation of that name back. */
function holdOne(faults: Faults, name: string): { readonly reached: Promise<void>; readonly release: () => void } {
  const reached = Promise.withResolvers<void>();
  const held = Promise.withResolvers<void>();
  let isFirst = true;
  faults.hold = (operation, path) => {
    if (operation !== name || !path.endsWith('.log') || !isFirst) return undefined;
    isFirst = false;
    reached.resolve();
    return held.promise;
  };
  return { reached: reached.promise, release: held.resolve };
}

it('Nothing on a volume of the network is asked in a way that has others wait', () =>
  onRemoteVolume({ indexIntervalBytes: 0, segmentBytes: 20_000 }, async ({ log, blocking }) => {
    const values = Array.from({ length: 3000 }, (_, i) => `${i}`);
    for (const value of values) await append(log, batchOf([value]));
    log.updateHighWatermark(log.logEndOffset);
    expect(valuesOf(await readRecordsFrom(log))).toEqual(values);
    expect((await log.fetchOffsetByTimestamp(0))?.offset).toBe(0);
    await log.truncateTo(1500);
    await append(log, batchOf(['next']));
    await log.close();
    expect(blocking).toEqual([]);
  }));

it('The index of a large segment on such a volume has every entry', () =>
  onRemoteVolume({ indexIntervalBytes: 0 }, async ({ log }) => {
    const values = Array.from({ length: 4000 }, (_, i) => `${i}`);
    await Promise.all(values.map((value) => append(log, batchOf([value]))));
    log.updateHighWatermark(log.logEndOffset);
    for (const offset of [0, 1, 1023, 1024, 1500, 2047, 2048, 3998, 3999]) {
      const [record] = await readRecordsFrom(log, offset);
      expect(valuesOf([record])).toEqual([`${offset}`]);
    }
  }));

it('What is being written is not there yet, and what comes meanwhile is written behind it', () =>
  onRemoteVolume({}, async ({ log, faults }) => {
    await append(log, batchOf(['a']));
    const { reached, release } = holdOne(faults, 'write');
    const answers: string[] = [];
    const appended = ['b', 'c', 'd'].map((value) => append(log, batchOf([value])).then(() => answers.push(value)));
    await reached;
    expect([log.logEndOffset, log.sizeInBytes > 0, answers]).toEqual([1, true, []]);
    expect(log.logEndOffsetMetadata.relativePositionInSegment).toBe(log.sizeInBytes);
    log.updateHighWatermark(10);
    expect(valuesOf(await readRecordsFrom(log))).toEqual(['a']);
    release();
    await Promise.all(appended);
    expect(answers).toEqual(['b', 'c', 'd']);
    log.updateHighWatermark(10);
    expect(valuesOf(await readRecordsFrom(log))).toEqual(['a', 'b', 'c', 'd']);
  }));

it('A batch that is sent again while it is being written is there once', () =>
  onRemoteVolume({}, async ({ log, faults }) => {
    const batch = () => batchOf(['a'], { producerId: 4, producerEpoch: 0, baseSequence: 0 });
    const { reached, release } = holdOne(faults, 'write');
    const first = append(log, batch());
    const again = append(log, batch());
    await reached;
    release();
    expect((await first).firstOffset).toBe(0);
    expect(await again).toMatchObject({ firstOffset: 0, duplicate: true });
    log.updateHighWatermark(1);
    expect(valuesOf(await readRecordsFrom(log))).toEqual(['a']);
  }));

it('An append that has not begun can be taken back; one that has cannot', () =>
  onRemoteVolume({}, async ({ log, faults }) => {
    const { reached, release } = holdOne(faults, 'write');
    const answers: string[] = [];
    const options = { origin: 'client', leaderEpoch: 0 } as const;
    log.append(batchOf(['a']), options, () => answers.push('a'));
    const takeBack = log.append(batchOf(['b']), options, () => answers.push('b'));
    const last = append(log, batchOf(['c']));
    await reached;
    expect(takeBack?.()).toBe(true);
    expect(takeBack?.()).toBe(false);
    release();
    await last;
    expect(answers).toEqual(['a']);
    log.updateHighWatermark(2);
    expect(valuesOf(await readRecordsFrom(log))).toEqual(['a', 'c']);
    expect(log.directory.waiting.bytes).toBe(0);
  }));

it.each(['EIO', 'ENOSPC'])('%s of such a write takes the directory offline, and what waits is refused', (code) =>
  onRemoteVolume({}, async ({ log, faults, manager, directory }) => {
    await append(log, batchOf(['a']));
    faults.error = (operation, path) => (operation === 'write' && path.endsWith('.log') ? code : undefined);
    const refused = await Promise.allSettled(['b', 'c'].map((value) => append(log, batchOf([value]))));
    expect(refused.map((each) => each.status === 'rejected' && (each.reason as { code: number }).code)).toEqual([
      storageError.code,
      storageError.code,
    ]);
    expect(manager.offlineLogDirs).toEqual([directory.path]);
    expect(log.logEndOffset).toBe(1);
  }),
);

it('A read does not wait for the flushes of other logs', () =>
  onRemoteVolume({}, async ({ log, manager, faults }) => {
    await append(log, batchOf(['a']));
    log.updateHighWatermark(1);
    const disk = Promise.withResolvers<void>();
    const others = await Promise.all(
      Array.from({ length: 12 }, (_, i) => manager.getOrCreate({ topic: 'other', partition: i })),
    );
    for (const other of others) await append(other, batchOf(['b']));
    faults.hold = (operation) => (operation === 'sync' ? disk.promise : undefined);
    const flushed = others.map((other) => other.flush());
    expect(valuesOf(await readRecordsFrom(log))).toEqual(['a']);
    disk.resolve();
    await Promise.all(flushed);
  }));

it('An append that comes to its file when the directory has failed is refused for that', () =>
  onRemoteVolume({}, async ({ log, manager, faults }) => {
    const other = await manager.getOrCreate({ topic: 'other', partition: 0 });
    await append(other, batchOf(['a']));
    const { reached, release } = holdOne(faults, 'write');
    const late = append(log, batchOf(['a']));
    await reached;
    faults.error = (operation, path) => (operation === 'sync' && path.includes('other-0') ? 'EIO' : undefined);
    await expect(other.flush()).rejects.toMatchObject(storageError);
    // Its file is closed by now.
    release();
    await expect(late).rejects.toMatchObject(storageError);
  }));

it('What waits is bounded', () =>
  onRemoteVolume({}, async ({ log, faults }) => {
    const { reached, release } = holdOne(faults, 'write');
    const big = () => batchOf(['x'.repeat(1_000_000)]);
    const first = append(log, big());
    await reached;
    const waiting = Array.from({ length: 70 }, () => append(log, big()).catch((error: { code: number }) => error.code));
    expect(await waiting.at(-1)).toBe(ErrorCode.REQUEST_TIMED_OUT);
    release();
    await first;
    expect((await Promise.all(waiting)).filter((each) => each === ErrorCode.REQUEST_TIMED_OUT).length).toBeLessThan(10);
  }));

it('Appends go on while it is made sure that segments can be exchanged', () =>
  onRemoteVolume({}, async ({ log, faults, directory }) => {
    for (const value of ['a', 'b', 'c']) {
      await append(log, batchOf([value]));
      await log.roll();
    }
    await log.flush();
    const [first] = log.segments;
    for (const suffix of ['.log', '.index', '.timeindex']) {
      const file = directory.join('topic-0', `00000000000000000000${suffix}`);
      copyFileSync(file, `${file}.cleaned`);
    }
    const reached = Promise.withResolvers<void>();
    const held = Promise.withResolvers<void>();
    faults.hold = (operation, path) => {
      if (operation !== 'replaceFile' || !path.endsWith('recovery-point-offset-checkpoint')) return undefined;
      reached.resolve();
      return held.promise;
    };
    const replaced = log.replaceSegments(first.size, [first], log.truncations);
    await reached.promise;
    await append(log, batchOf(['d']));
    held.resolve();
    expect(await replaced).toBe(true);
    log.updateHighWatermark(4);
    expect(valuesOf(await readRecordsFrom(log))).toEqual(['a', 'b', 'c', 'd']);
  }));

it('A local disk that is slow at the moment is asked as one on the network, and tells so', async () => {
  using directory = new TestDirectory();
  const clock = new ManualClock();
  const faults: Faults = {};
  const lines: string[] = [];
  const tell = (level: string) => (message: string) => {
    if (message.startsWith('Log directory')) lines.push(`${level} ${message}`);
  };
  const logger: Logger = { ...silentLogger, warn: tell('warn'), info: tell('info'), child: () => logger };
  const io = { ...ioWith(clock), files: faultyFiles(nodeIo().files, faults) };
  const manager = await openManager(directory.path, { io, logger });
  const log = await manager.getOrCreate(topicPartition);
  let writes = 0;
  const held = Promise.withResolvers<void>();
  faults.hold = (operation) => {
    if (operation === 'write') writes++;
    return operation === 'sync' ? held.promise : undefined;
  };
  await append(log, batchOf(['a']));
  const flushing = log.flush();
  await append(log, batchOf(['b']));
  expect(writes).toBe(0);
  clock.advance(1_500);
  await append(log, batchOf(['c']));
  expect(writes).toBe(1);
  for (let i = 0; i < 45; i++) clock.advance(500);
  expect(log.directory.hangs).toBe(true);
  expect(lines).toEqual([
    expect.stringMatching(
      /^warn Log directory .* has not answered for 1[01] s: \d operations are with it, 0 more and appends of 0 bytes wait\. /,
    ),
    expect.stringMatching(/^warn Log directory .* has not answered for 2[01] s: /),
  ]);
  held.resolve();
  await flushing;
  clock.advance(1_000);
  expect(log.directory.hangs).toBe(false);
  expect(lines.at(-1)).toMatch(/^info Log directory .* answers again, after 2\d s\.$/);
  clock.advance(10_000);
  await append(log, batchOf(['d']));
  expect(writes).toBe(1);
  await manager.shutdown();
});
