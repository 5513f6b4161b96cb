import { readFileSync, rmSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { writeCrc } from '../../../broker/src/records/batch-header';
import { timeIndexDefect } from '../../../broker/src/log/sparse-index';
import { append, batchOf, openManager, readBytes, TestDirectory, topicPartition } from './support';

/** A batch of one record with this timestamp. */
function at(timestamp: bigint): Buffer {
  const bytes = batchOf(['a']);
  bytes.writeBigInt64BE(timestamp, 27);
  bytes.writeBigInt64BE(timestamp, 35);
  writeCrc(bytes, 0, bytes.length);
  return bytes;
}

const timestamps = [1_700_000_000_000_000_001n, 1_700_000_000_000_000_002n, 1_700_000_000_000_001_003n, 2n ** 63n - 1n];

describe('Timestamps in nanoseconds, which a number does not hold', () => {
  it('stay as they were sent, in the log and in its index, also when that is made anew', async () => {
    using directory = new TestDirectory();
    const config = { indexIntervalBytes: 0, segmentMs: Infinity };
    const manager = await openManager(directory.path, { config });
    const log = await manager.getOrCreate(topicPartition);
    for (const timestamp of timestamps) await append(log, at(timestamp));
    const sent = await readBytes(log, 0);
    for (const [i, timestamp] of timestamps.entries()) {
      const { length } = at(timestamp);
      expect([sent.readBigInt64BE(i * length + 27), sent.readBigInt64BE(i * length + 35)]).toEqual([
        timestamp,
        timestamp,
      ]);
    }
    expect((await log.fetchOffsetByTimestamp(1_700_000_000_000))?.offset).toBe(0);
    expect((await log.fetchOffsetByTimestamp(1.8e18))?.offset).toBe(3);
    await manager.shutdown();
    const path = directory.join('topic-0', '00000000000000000000.timeindex');
    const entries = (): bigint[] => {
      const bytes = readFileSync(path);
      return Array.from({ length: bytes.length / 12 }, (_, i) => bytes.readBigInt64BE(i * 12));
    };
    const indexed = entries();
    expect(indexed.at(-1)).toBe(2n ** 63n - 1n);
    for (const timestamp of indexed) expect(timestamps).toContain(timestamp);
    rmSync(directory.join('.kafka_cleanshutdown'));
    const again = await openManager(directory.path, { config });
    expect(entries()).toEqual(indexed);
    await again.shutdown();
  });

  it('may lie closer together in an index than numbers do', () => {
    const bytes = Buffer.alloc(24);
    bytes.writeBigInt64BE(timestamps[0], 0);
    bytes.writeBigInt64BE(timestamps[1], 12);
    bytes.writeInt32BE(1, 20);
    expect(timeIndexDefect(bytes)).toBeUndefined();
    bytes.writeBigInt64BE(timestamps[0], 12);
    expect(timeIndexDefect(bytes)).toMatch(/entry 1/);
  });
});
