import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { nodeIo } from '../../../broker/src/io/node';
import { LogDirError } from '../../../broker/src/log/log-dirs';
import { LogManager } from '../../../broker/src/log/log-manager';
import { MetaPropertiesError } from '../../../broker/src/log/meta-properties';
import { formatAbortedTxn } from '../../../broker/src/log/transaction-index';
import { ErrorCode } from '../../../broker/src/protocol/errors';
import { silentLogger } from '../../../broker/src/logging/logger';
import { faultyFiles, type Faults } from './faulty-files';
import {
  append,
  batchOf,
  ioWith,
  ManualClock,
  openManager,
  readRecordsFrom,
  recordingLogger,
  testConfig,
  TestDirectory,
  topicPartition,
  valuesOf,
} from './support';

const topicId = 'L_SSrBYeR2WGwzmRaOsn_A';
const partition = (topic: string, number = 0) => ({ topic, partition: number });

describe('log directories', () => {
  it('are made, locked, and written as Kafka writes them', async () => {
    using directory = new TestDirectory();
    const path = directory.join('data', 'logs');
    const manager = await openManager(path);
    expect(manager.brokerId).toBeUndefined();
    await manager.writeMetaProperties(7, 'cluster-of-seven');
    const log = await manager.getOrCreate(topicPartition, topicId);
    await append(log, batchOf(['a', 'b', 'c']), { leaderEpoch: 4 });
    log.updateHighWatermark(2);
    await expect(openManager(path)).rejects.toThrow(LogDirError);
    await manager.shutdown(25);

    const read = (...names: string[]) => readFileSync(join(path, ...names), 'utf8');
    expect(readdirSync(path).sort()).toEqual([
      '.kafka_cleanshutdown',
      '.lock',
      'log-start-offset-checkpoint',
      'meta.properties',
      'recovery-point-offset-checkpoint',
      'replication-offset-checkpoint',
      'topic-0',
    ]);
    expect(read('.kafka_cleanshutdown')).toBe('{"version":0,"brokerEpoch":25}');
    expect(read('meta.properties')).toMatch(
      /^#\n#.* UTC \d{4}\nbroker.id=7\nversion=0\ncluster.id=cluster-of-seven\n$/,
    );
    expect(read('recovery-point-offset-checkpoint')).toBe('0\n1\ntopic 0 3\n');
    expect(read('log-start-offset-checkpoint')).toBe('0\n0\n');
    expect(read('replication-offset-checkpoint')).toBe('0\n1\ntopic 0 2\n');
    expect(readdirSync(join(path, 'topic-0')).sort()).toEqual([
      '00000000000000000000.index',
      '00000000000000000000.log',
      '00000000000000000000.timeindex',
      '00000000000000000003.snapshot',
      'leader-epoch-checkpoint',
      'partition.metadata',
    ]);
    expect(read('topic-0', 'leader-epoch-checkpoint')).toBe('0\n1\n4 0\n');
    expect(read('topic-0', 'partition.metadata')).toBe(`version: 0\ntopic_id: ${topicId}`);

    const again = await openManager(path);
    expect(again.brokerId).toBe(7);
    expect(again.clusterId).toBe('cluster-of-seven');
    expect(existsSync(join(path, '.kafka_cleanshutdown'))).toBe(false);
    expect(again.get(topicPartition)).toMatchObject({
      logEndOffset: 3,
      highWatermark: 2,
      recoveryPoint: 3,
      topicId,
      latestEpoch: 4,
    });
    await expect(again.writeMetaProperties(8, 'cluster-of-seven')).rejects.toThrow(/broker.id 7.*is 8/);
    await expect(again.writeMetaProperties(7, 'other')).rejects.toThrow(MetaPropertiesError);
    await again.writeMetaProperties(7, 'cluster-of-seven');
    await again.shutdown();
  });

  it('that contradict each other are refused', async () => {
    using directory = new TestDirectory();
    for (const [name, id] of [
      ['one', 1],
      ['two', 2],
    ]) {
      mkdirSync(directory.join(String(name)));
      writeFileSync(directory.join(String(name), 'meta.properties'), `version=0\nbroker.id=${id}\ncluster.id=x\n`);
    }
    const logDirs = [directory.join('one'), directory.join('two')];
    await expect(openManager('', { logDirs })).rejects.toThrow(/broker.id is 1 in .*one and 2 in .*two/);
    await expect(openManager('', { logDirs: [logDirs[0], logDirs[0]] })).rejects.toThrow(/twice/);
    // Nothing stays locked.
    await (await openManager(logDirs[0])).shutdown();
  });

  it('that cannot be used are offline; with none left there is no start', async () => {
    using directory = new TestDirectory();
    writeFileSync(directory.join('file'), '');
    const offline: string[] = [];
    const logDirs = [directory.join('file'), directory.join('good')];
    const logger = recordingLogger();
    const manager = await openManager('', { logDirs, logger, onOffline: (dir) => offline.push(dir) });
    expect(offline).toEqual([directory.join('file')]);
    expect(logger.lines[0]).toMatch(/^A log directory cannot be used and is offline: .*file: /);
    expect(logger.lines.filter((line) => line.includes('file'))).toHaveLength(1);
    expect(manager.liveLogDirs).toEqual([directory.join('good')]);
    await manager.shutdown();
    const silent = recordingLogger();
    const opened = openManager(directory.join('file'), { logger: silent });
    await expect(opened).rejects.toThrow(/no log directory can be used.*file/);
    // Who starts tells it: once is enough.
    expect(silent.lines).toEqual([]);
  });

  it('get new partitions where there are fewest', async () => {
    using directory = new TestDirectory();
    const logDirs = ['a', 'b', 'c'].map((name) => directory.join(name));
    const manager = await openManager('', { logDirs });
    for (let index = 0; index < 6; index++) {
      await manager.getOrCreate(partition('topic', index));
    }
    const counts = () => logDirs.map((dir) => readdirSync(dir).filter((name) => /^topic-\d$/.test(name)).length);
    expect(counts()).toEqual([2, 2, 2]);
    await manager.delete(partition('topic', 1));
    const log = await manager.getOrCreate(partition('topic', 7));
    expect(log.logDir).toBe(directory.join('b'));
    await manager.shutdown();
  });

  it('that fails leaves the others, and the next partition goes there', async () => {
    using directory = new TestDirectory();
    const logDirs = ['a', 'b'].map((name) => directory.join(name));
    const faults: Faults = {};
    const io = { ...nodeIo(), files: faultyFiles(nodeIo().files, faults) };
    const offline: string[] = [];
    const manager = await openManager('', {
      io,
      logDirs,
      onOffline: (dir, partitions) => offline.push(`${dir}: ${partitions.map(({ topic }) => topic).join()}`),
    });
    const one = await manager.getOrCreate(partition('one'));
    const two = await manager.getOrCreate(partition('two'));
    expect([one.logDir, two.logDir]).toEqual(logDirs);
    faults.error = (_, path) => (path.startsWith(logDirs[0]) ? 'EIO' : undefined);
    const three = await manager.getOrCreate(partition('three'));
    expect(three.logDir).toBe(logDirs[1]);
    expect(offline).toEqual([`${logDirs[0]}: one`]);
    expect(manager.get(partition('one'))).toBeUndefined();
    expect((await append(two, batchOf(['x']))).firstOffset).toBe(0);
    await manager.checkpointHighWatermarks();
    await manager.shutdown();
    expect(existsSync(join(logDirs[0], '.kafka_cleanshutdown'))).toBe(false);
    expect(existsSync(join(logDirs[1], '.kafka_cleanshutdown'))).toBe(true);
  });

  it('with the same partition in two of them are refused', async () => {
    using directory = new TestDirectory();
    const logDirs = ['a', 'b'].map((name) => directory.join(name));
    for (const dir of logDirs) {
      const manager = await openManager(dir);
      await manager.getOrCreate(topicPartition);
      await manager.shutdown();
    }
    await expect(openManager('', { logDirs })).rejects.toThrow(/partition topic-0 is in two log directories/);
  });

  it('with files that do not belong there are loaded, with a line about them', async () => {
    using directory = new TestDirectory();
    const manager = await openManager(directory.path);
    await manager.getOrCreate(topicPartition);
    await manager.shutdown();
    mkdirSync(directory.join('lost+found'));
    mkdirSync(directory.join('not a partition'));
    writeFileSync(directory.join('notes.txt'), 'x');
    writeFileSync(directory.join('topic-0', '.nfs0000'), 'x');
    writeFileSync(directory.join('topic-0', 'x.snapshot'), 'x');
    writeFileSync(directory.join('recovery-point-offset-checkpoint'), 'garbage');
    const logger = recordingLogger();
    const again = await openManager(directory.path, { logger });
    expect([...again.all()]).toHaveLength(1);
    expect(logger.lines.filter((line) => !line.startsWith('Loaded'))).toEqual([
      expect.stringMatching(/^Directory not a partition in .* is left alone: its name is not that of a partition/),
      expect.stringMatching(
        /^A checkpoint is taken to be empty: .*recovery-point-offset-checkpoint: line 1 is "garbage"/,
      ),
    ]);
    await again.shutdown();
  });
});

describe('a partition', () => {
  it('is made once, however many ask', async () => {
    using directory = new TestDirectory();
    const manager = await openManager(directory.path);
    const logs = await Promise.all(Array.from({ length: 5 }, () => manager.getOrCreate(topicPartition, topicId)));
    expect(new Set(logs).size).toBe(1);
    await expect(manager.getOrCreate(topicPartition, 'AAAAAAAAAAAAAAAAAAAAAA')).rejects.toMatchObject({
      code: ErrorCode.INCONSISTENT_TOPIC_ID,
    });
    await manager.shutdown();
  });

  it('that is deleted is gone at once, may be made anew, and leaves the disk later', async () => {
    using directory = new TestDirectory();
    const clock = new ManualClock();
    const config = { fileDeleteDelayMs: 60_000 };
    const manager = await openManager(directory.path, { io: ioWith(clock), config });
    const old = await manager.getOrCreate(topicPartition);
    await append(old, batchOf(['old']));
    const { ranges } = await old.read(0, 100, 'logEnd', true);
    await manager.delete(topicPartition);
    await manager.delete(topicPartition);
    expect(manager.get(topicPartition)).toBeUndefined();
    expect(readFileSync(directory.join('recovery-point-offset-checkpoint'), 'utf8')).toBe('0\n0\n');
    await expect(append(old, batchOf(['x']))).rejects.toMatchObject({ code: ErrorCode.KAFKA_STORAGE_ERROR });

    const log = await manager.getOrCreate(topicPartition);
    expect(log.logEndOffset).toBe(0);
    await append(log, batchOf(['new']));
    expect(valuesOf(await readRecordsFrom(log))).toEqual(['new']);
    const deleted = () => readdirSync(directory.path).filter((name) => name.endsWith('-delete'));
    expect(deleted()).toEqual([expect.stringMatching(/^topic-0\.[0-9a-f]{32}-delete$/)]);
    clock.advance(60_000);
    ranges[0].release();
    await expect.poll(deleted).toEqual([]);
    await manager.shutdown();
  });

  it('that was being deleted at the last stop is removed after the next start', async () => {
    using directory = new TestDirectory();
    const clock = new ManualClock();
    const config = { fileDeleteDelayMs: 60_000 };
    let manager = await openManager(directory.path, { io: ioWith(clock), config });
    await manager.getOrCreate(topicPartition);
    await manager.delete(topicPartition);
    await manager.shutdown();
    manager = await openManager(directory.path, { io: ioWith(clock), config });
    expect([...manager.all()]).toEqual([]);
    expect(readdirSync(directory.path).filter((name) => name.endsWith('-delete'))).toHaveLength(1);
    clock.advance(60_000);
    await expect.poll(() => readdirSync(directory.path).filter((name) => name.endsWith('-delete'))).toEqual([]);
    await manager.shutdown();
  });

  it('gets the configuration of its topic, also later', async () => {
    using directory = new TestDirectory();
    const topicConfig = (topic: string) => ({ ...testConfig, segmentBytes: topic === 'small' ? 100 : 1000 });
    const manager = await openManager(directory.path, { topicConfig });
    const [small, large] = [
      await manager.getOrCreate(partition('small')),
      await manager.getOrCreate(partition('large')),
    ];
    expect([small.config.segmentBytes, large.config.segmentBytes]).toEqual([100, 1000]);
    manager.updateConfig('small', { ...testConfig, messageTimestampType: 'LogAppendTime' });
    expect((await append(small, batchOf(['x']))).logAppendTimeMs).toBeGreaterThan(1_700_000_000_000);
    expect((await append(large, batchOf(['x']))).logAppendTimeMs).toBe(-1);
    await manager.shutdown();
  });
});

describe('from time to time', () => {
  it('retention, checkpoints and expiry happen', async () => {
    using directory = new TestDirectory();
    const clock = new ManualClock();
    const manager = await openManager(directory.path, {
      io: ioWith(clock),
      config: { retentionMs: 1000 },
      retentionCheckMs: 5000,
      flushRecoveryOffsetCheckpointMs: 700,
      producerIdExpirationMs: 2000,
      producerIdExpirationCheckMs: 3000,
    });
    const log = await manager.getOrCreate(topicPartition);
    await append(log, batchOf(['a'], { producerId: 1, producerEpoch: 0, baseSequence: 0 }, clock.now));
    log.updateHighWatermark(1);
    await log.flush();
    clock.advance(700);
    const checkpoint = directory.join('recovery-point-offset-checkpoint');
    await expect.poll(() => existsSync(checkpoint) && readFileSync(checkpoint, 'utf8')).toBe('0\n1\ntopic 0 1\n');
    expect(log.producerIdCount).toBe(1);
    clock.advance(2300);
    expect(log.producerIdCount).toBe(0);
    expect(log.logStartOffset).toBe(0);
    clock.advance(2000);
    await expect.poll(() => log.logStartOffset).toBe(1);
    await manager.shutdown();
  });
});

describe('the high watermark', () => {
  it('is written at once when a log is cut below it: after a kill it would lie over what came since', async () => {
    using directory = new TestDirectory();
    const manager = await openManager(directory.path);
    const log = await manager.getOrCreate(topicPartition);
    for (const value of ['a', 'b', 'c']) await append(log, batchOf([value]));
    log.updateHighWatermark(3);
    await manager.checkpointHighWatermarks();
    const checkpoint = () => readFileSync(directory.join('replication-offset-checkpoint'), 'utf8');
    expect(checkpoint()).toBe('0\n1\ntopic 0 3\n');
    await log.truncateTo(1);
    expect(checkpoint()).toBe('0\n1\ntopic 0 1\n');
    await log.truncateFullyAndStartAt(0);
    expect(checkpoint()).toBe('0\n1\ntopic 0 0\n');
    await manager.shutdown();
  });
});

describe('the recovery point', () => {
  it('is written at once when a log is cut below it', async () => {
    using directory = new TestDirectory();
    const manager = await openManager(directory.path);
    const log = await manager.getOrCreate(topicPartition);
    await append(log, batchOf(['a']));
    await append(log, batchOf(['b']));
    await log.flush();
    await manager.checkpointLogRecoveryOffsets();
    const checkpoint = () => readFileSync(directory.join('recovery-point-offset-checkpoint'), 'utf8');
    expect(checkpoint()).toBe('0\n1\ntopic 0 2\n');
    await log.truncateTo(1);
    expect(checkpoint()).toBe('0\n1\ntopic 0 1\n');
    expect(log.recoveryPoint).toBe(1);
    await append(log, batchOf(['c']));
    await append(log, batchOf(['d']));
    await log.truncateTo(2);
    expect(log.recoveryPoint).toBe(1);
    await log.truncateFullyAndStartAt(0);
    expect(checkpoint()).toBe('0\n1\ntopic 0 0\n');
    await manager.shutdown();
  });

  it('is written after a recovery that cut below it', async () => {
    using directory = new TestDirectory();
    const manager = await openManager(directory.path);
    const log = await manager.getOrCreate(topicPartition);
    await append(log, batchOf(['a']));
    await append(log, batchOf(['b']));
    await manager.shutdown();
    rmSync(directory.join('.kafka_cleanshutdown'));
    const file = directory.join('topic-0', '00000000000000000000.log');
    writeFileSync(file, readFileSync(file).subarray(0, -1));
    const again = await openManager(directory.path);
    expect(readFileSync(directory.join('recovery-point-offset-checkpoint'), 'utf8')).toBe('0\n1\ntopic 0 1\n');
    await again.shutdown();
  });
});

describe('what a crash interrupted', () => {
  const config = { segmentBytes: 300 };

  async function threeSegments(directory: TestDirectory): Promise<string> {
    const manager = await openManager(directory.path, { config });
    const log = await manager.getOrCreate(topicPartition);
    for (let index = 0; index < 10; index++) {
      await append(log, batchOf([`${index}`]));
    }
    expect(log.numberOfSegments).toBe(3);
    await manager.shutdown();
    return directory.join('topic-0');
  }

  async function reopened(directory: TestDirectory): Promise<string[]> {
    const manager = await openManager(directory.path, { config });
    const values = valuesOf(await readRecordsFrom(manager.get(topicPartition)!));
    await manager.shutdown();
    return values;
  }

  const all = Array.from({ length: 10 }, (_, index) => `${index}`);
  const base = (offset: number) => String(offset).padStart(20, '0');

  it('.deleted and .cleaned files go', async () => {
    using directory = new TestDirectory();
    const path = await threeSegments(directory);
    copyFileSync(join(path, `${base(0)}.log`), join(path, `${base(0)}.log.deleted`));
    copyFileSync(join(path, `${base(0)}.log`), join(path, `${base(0)}.log.cleaned`));
    copyFileSync(join(path, `${base(0)}.log`), join(path, `${base(4)}.log.swap`));
    writeFileSync(join(path, `${base(2)}.index`), 'an index without a segment');
    expect(await reopened(directory)).toEqual(all);
    expect(readdirSync(path).filter((name) => /deleted|cleaned|swap|0002\.index/.test(name))).toEqual([]);
  });

  it('.swap files take the place of what they stand for', async () => {
    using directory = new TestDirectory();
    const path = await threeSegments(directory);
    const segments = readdirSync(path).filter((name) => name.endsWith('.log'));
    // A compaction has joined the first two segments and dropped a record.
    const batchBytes = statSync(join(path, segments[0])).size / 4;
    const first = readFileSync(join(path, segments[0]));
    const second = readFileSync(join(path, segments[1]));
    writeFileSync(join(path, `${segments[0]}.swap`), Buffer.concat([first.subarray(batchBytes), second]));
    for (const suffix of ['index', 'timeindex']) {
      renameSync(join(path, `${base(0)}.${suffix}`), join(path, `${base(0)}.${suffix}.swap`));
    }
    expect(await reopened(directory)).toEqual(all.slice(1));
    expect(readdirSync(path).filter((name) => name.endsWith('.log'))).toEqual([segments[0], segments[2]]);
  });

  it('.swap files of a segment of which nothing is left take the place of what they stand for', async () => {
    using directory = new TestDirectory();
    const path = await threeSegments(directory);
    for (const suffix of ['log', 'index', 'timeindex']) writeFileSync(join(path, `${base(0)}.${suffix}.swap`), '');
    const aborted = { producerId: 1, firstOffset: 0, lastOffset: 1, lastStableOffset: 2 };
    writeFileSync(join(path, `${base(0)}.txnindex`), formatAbortedTxn(aborted));
    expect(await reopened(directory)).toEqual(all.slice(4));
    expect(readdirSync(path)).not.toContain(`${base(0)}.txnindex`);
  });

  it('a log whose files are gone begins at its start offset', async () => {
    using directory = new TestDirectory();
    const path = await threeSegments(directory);
    writeFileSync(directory.join('log-start-offset-checkpoint'), '0\n1\ntopic 0 9\n');
    for (const name of readdirSync(path).filter((file) => !file.startsWith(base(0)))) {
      rmSync(join(path, name));
    }
    const manager = await openManager(directory.path, { config });
    const log = manager.get(topicPartition)!;
    expect(log).toMatchObject({ logStartOffset: 9, logEndOffset: 9 });
    expect((await append(log, batchOf(['x']))).firstOffset).toBe(9);
    await manager.shutdown();
  });

  it('a last segment that is another one is not gone on from', async () => {
    using directory = new TestDirectory();
    const path = await threeSegments(directory);
    writeFileSync(join(path, `${base(8)}.log`), readFileSync(join(path, `${base(0)}.log`)));
    const manager = await openManager(directory.path, { config });
    expect(manager.get(topicPartition)!.logEndOffset).toBe(8);
    expect(valuesOf(await readRecordsFrom(manager.get(topicPartition)!))).toEqual(all.slice(0, 8));
    await manager.shutdown();
  });

  it('recovery says what it does, and how far it is', async () => {
    using directory = new TestDirectory();
    const path = await threeSegments(directory);
    rmSync(directory.join('.kafka_cleanshutdown'));
    rmSync(directory.join('recovery-point-offset-checkpoint'));
    const file = join(path, `${base(4)}.log`);
    const bytes = readFileSync(file);
    bytes[bytes.length - 1] ^= 1;
    writeFileSync(file, bytes);
    const logger = recordingLogger();
    const manager = await openManager(directory.path, { config, logger });
    expect(logger.lines).toEqual([
      expect.stringMatching(/^There is no .*recovery-point-offset-checkpoint, or it is empty/),
      expect.stringMatching(/^Recovering 1 logs in .*: the broker was not shut down in order/),
      expect.stringMatching(/^Recovering topic-0: segment 0 of \d+ bytes, 0 of 3 done\.$/),
      expect.stringMatching(/^Recovering topic-0: segment 4 of \d+ bytes, 1 of 3 done\.$/),
      expect.stringMatching(/^Corruption in segment 4 of topic-0 \(its CRC .*\): \d+ bytes cut off, .* offset 7\.$/),
      expect.stringMatching(/^Removing segment 8 of topic-0/),
      expect.stringMatching(/^Loaded 1 logs in .* ms\.$/),
    ]);
    expect(valuesOf(await readRecordsFrom(manager.get(topicPartition)!))).toEqual(all.slice(0, 7));
    await manager.shutdown();
  });
});

describe('a manager that cannot start', () => {
  it('leaves no lock', async () => {
    using directory = new TestDirectory();
    writeFileSync(directory.join('meta.properties'), 'version=1\n');
    const open = () =>
      LogManager.open(nodeIo(), silentLogger, { logDirs: [directory.path], defaultConfig: testConfig });
    await expect(open()).rejects.toThrow(MetaPropertiesError);
    rmSync(directory.join('meta.properties'));
    await (await open()).shutdown();
  });
});
