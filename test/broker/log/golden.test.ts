import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Log } from '../../../broker/src/log/log';
import type { LogManager } from '../../../broker/src/log/log-manager';
import { baseOffset, batchSize, lastOffset } from '../../../broker/src/records/batch-header';
import { openManager, readBytes, readRecordsFrom, recordingLogger, TestDirectory, unpackGolden } from './support';

interface DumpedRecord {
  readonly offset: number;
  readonly timestamp: number;
}

const dump = gunzipSync(readFileSync(join(__dirname, '../../fixtures/logdir-3.9.dump.txt.gz'))).toString('utf8');

/** Records by partition, and index entries by file, as Kafka's own tool printed them. */
function parseDump() {
  const records = new Map<string, DumpedRecord[]>();
  const indexes = new Map<string, string[]>();
  let file = '';
  for (const line of dump.split('\n')) {
    file = /^Dumping kafka1\/(.*)$/.exec(line)?.[1] ?? file;
    const partition = file.split('/')[0];
    const record = /^\| offset: (\d+) (?:Create|LogAppend)Time: (-?\d+)/.exec(line);
    if (record !== null) {
      const list = records.get(partition) ?? [];
      list.push({ offset: Number(record[1]), timestamp: Number(record[2]) });
      records.set(partition, list);
    }
    if (/^(offset|timestamp): /.test(line)) {
      indexes.set(file, [...(indexes.get(file) ?? []), line]);
    }
  }
  return { records, indexes };
}

const { records: dumped } = parseDump();

function partitionOf(name: string) {
  const dash = name.lastIndexOf('-');
  return { topic: name.slice(0, dash), partition: Number(name.slice(dash + 1)) };
}

describe('a log directory that Apache Kafka 3.9 wrote', () => {
  const directory = new TestDirectory();
  const logger = recordingLogger();
  let manager: LogManager;

  const logOf = (name: string): Log => manager.get(partitionOf(name))!;

  beforeAll(async () => {
    manager = await openManager(unpackGolden(directory, 'logdir-3.9.tar.gz'), { logger });
  });

  afterAll(async () => {
    await manager.shutdown();
    directory[Symbol.dispose]();
  });

  it('opens without a complaint', () => {
    expect(manager.brokerId).toBe(1);
    expect(manager.clusterId).toBe('FgwW7G-cQDaaoD6K32mWyQ');
    expect([...manager.all()]).toHaveLength(25);
    expect(logger.lines).toEqual([expect.stringMatching(/^Loaded 25 logs in .* ms\.$/)]);
  });

  it('has the offsets of its checkpoints and file names', () => {
    const offsets = (name: string) => {
      const { logStartOffset, logEndOffset, highWatermark, recoveryPoint } = logOf(name);
      return { logStartOffset, logEndOffset, highWatermark, recoveryPoint };
    };
    expect(offsets('segments-0')).toEqual({
      logStartOffset: 0,
      logEndOffset: 600,
      highWatermark: 600,
      recoveryPoint: 600,
    });
    expect(offsets('deleted-0')).toEqual({
      logStartOffset: 123,
      logEndOffset: 200,
      highWatermark: 200,
      recoveryPoint: 200,
    });
    expect(offsets('compacted-0')).toMatchObject({ logStartOffset: 0, logEndOffset: 42 });
    expect(offsets('__consumer_offsets-0')).toMatchObject({ logStartOffset: 0, logEndOffset: 0 });
    expect(logOf('segments-0').topicId).toBe('L_SSrBYeR2WGwzmRaOsn_A');
    expect(logOf('segments-0').numberOfSegments).toBe(5);
    expect(logOf('segments-0').latestEpoch).toBe(0);
    expect(logOf('deleted-0').leaderEpochs).toEqual([{ epoch: 0, startOffset: 123 }]);
  });

  it.each([...dumped.keys()])('reads the records of %s as Kafka dumped them', async (name) => {
    const log = logOf(name);
    const expected = dumped.get(name)!.filter(({ offset }) => offset >= log.logStartOffset);
    const found = await readRecordsFrom(log, log.logStartOffset, 'logEnd', 700);
    expect(found.map(({ offset, timestamp }) => ({ offset, timestamp }))).toEqual(expected);
  });

  it('begins a read with the batch that holds the offset, from every offset', async () => {
    for (const name of ['segments-0', 'compacted-0', 'plain-0']) {
      const log = logOf(name);
      for (let offset = log.logStartOffset; offset < log.logEndOffset; offset++) {
        const bytes = await readBytes(log, offset, 1);
        const next = dumped.get(name)!.find((record) => record.offset >= offset)!.offset;
        expect(bytes.length).toBe(batchSize(bytes, 0));
        expect(baseOffset(bytes, 0)).toBeLessThanOrEqual(next);
        expect(lastOffset(bytes, 0)).toBeGreaterThanOrEqual(next);
      }
    }
  });

  it('finds the first record at or after every timestamp', async () => {
    for (const name of ['segments-0', 'plain-0', 'gzip-0', 'compacted-0', 'deleted-0', 'appendtime-0', 'oldmagic-0']) {
      const log = logOf(name);
      const records = dumped.get(name)!.filter(({ offset }) => offset >= log.logStartOffset);
      const timestamps = new Set(records.flatMap(({ timestamp }) => [timestamp - 1, timestamp, timestamp + 1]));
      for (const timestamp of timestamps) {
        if (timestamp < 0) {
          continue;
        }
        const expected = records.find((record) => record.timestamp >= timestamp);
        const found = await log.fetchOffsetByTimestamp(timestamp);
        expect({ name, timestamp, found: found && { offset: found.offset, timestamp: found.timestamp } }).toEqual({
          name,
          timestamp,
          found: expected,
        });
      }
    }
  });

  it('answers the special timestamps', async () => {
    const log = logOf('deleted-0');
    expect(await log.fetchOffsetByTimestamp(-1)).toEqual({ timestamp: -1, offset: 200, leaderEpoch: 0 });
    expect(await log.fetchOffsetByTimestamp(-2)).toEqual({ timestamp: -1, offset: 123, leaderEpoch: 0 });
    expect(await log.fetchOffsetByTimestamp(-4)).toEqual({ timestamp: -1, offset: 123, leaderEpoch: 0 });
    expect(await log.fetchOffsetByTimestamp(-3)).toEqual({
      timestamp: 1_700_000_000_199,
      offset: 199,
      leaderEpoch: 0,
    });
    expect(await logOf('plain-0').fetchOffsetByTimestamp(-3)).toMatchObject({ timestamp: 1_700_000_000_022 });
    expect(log.legacyFetchOffsetsBefore(-1, 10)).toEqual([200, 180, 150, 123]);
    expect(log.legacyFetchOffsetsBefore(-2, 10)).toEqual([123]);
  });

  it('knows the transactions: where the open one begins, and which were aborted', async () => {
    expect(logOf('out-0').lastStableOffset).toBe(2);
    const txn = logOf('txn-0');
    expect(txn.lastStableOffset).toBe(28);
    const abortedFrom = async (offset: number, maxBytes = 1024 * 1024) => {
      const { ranges, abortedTransactions } = await txn.read(offset, maxBytes, 'txnCommitted', true);
      ranges.forEach((range) => range.release());
      return abortedTransactions;
    };
    // The first segment ends at offset 5.
    expect(await abortedFrom(0)).toEqual([]);
    expect(await abortedFrom(12)).toEqual([
      { producerId: 1, firstOffset: 16 },
      { producerId: 3, firstOffset: 21 },
    ]);
    expect(await abortedFrom(27)).toEqual([]);
    expect(await abortedFrom(5)).toEqual([
      { producerId: 1, firstOffset: 6 },
      { producerId: 1, firstOffset: 16 },
      { producerId: 3, firstOffset: 21 },
    ]);
    expect([...logOf('idem-0').activeProducers()]).toEqual([
      expect.objectContaining({ producerEpoch: 0, lastSequence: 49, lastDataOffset: 49 }),
    ]);
  });
});

describe('the same directory after kill -9', () => {
  it('is recovered from its segments', async () => {
    using directory = new TestDirectory();
    const path = unpackGolden(directory, 'logdir-3.9-killed.tar.gz');
    const logger = recordingLogger();
    const manager = await openManager(path, { logger });
    expect(logger.lines[0]).toMatch(/^Recovering 25 logs in /);
    expect(logger.lines.filter((line) => /Corruption|cut off/.test(line))).toEqual([]);
    const log = manager.get(partitionOf('segments-0'))!;
    expect(log.numberOfSegments).toBe(26);
    const records = await readRecordsFrom(log);
    expect(records.map(({ offset }) => offset)).toEqual(Array.from({ length: log.logEndOffset }, (_, i) => i));
    expect(log.logEndOffset).toBeGreaterThan(3506);
    for (const [name, expected] of dumped) {
      const { logStartOffset } = manager.get(partitionOf(name))!;
      const found = await readRecordsFrom(manager.get(partitionOf(name))!);
      const common = expected.filter(({ offset }) => offset >= logStartOffset).map(({ offset }) => offset);
      expect(found.slice(0, common.length).map(({ offset }) => offset)).toEqual(common);
    }
    await manager.shutdown();

    const again = recordingLogger();
    const reopened = await openManager(path, { logger: again });
    expect(again.lines).toEqual([expect.stringMatching(/^Loaded 25 logs in /)]);
    await reopened.shutdown();
  });
});
