import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { defaultCleanerConfig } from '../../../broker/src/log/cleaner-config';
import {
  baseOffset,
  deleteHorizonMs,
  hasDeleteHorizon,
  isControlBatch,
  lastOffset,
  recordCount,
} from '../../../broker/src/records/batch-header';
import { buildBatch } from '../../../broker/src/records/build-batch';
import { CompressionType } from '../../../broker/src/records/compression-type';
import { ControlRecordType } from '../../../broker/src/records/control-records';
import { buildLegacySet } from '../../../broker/src/records/legacy-records';
import { readRecordSet } from '../../../broker/src/records/read-records';
import { noHeaders } from '../../../broker/src/records/record';
import { Bed, kv, quiet } from './cleaner-bed';
import { append, bytesOf, readBytes, readRecordsFrom, topicPartition } from './support';

const day = 86_400_000;

describe('compaction', () => {
  it('keeps the last record of each key, with its offset, timestamp and headers', async () => {
    await using bed = await Bed.open();
    await bed.add([kv('a', '1'), kv('b', '1'), kv('a', '2')]);
    await bed.add([kv('c', '1'), { ...kv('b', '2'), headers: [{ key: 'h', value: Buffer.from('x') }] }]);
    await bed.add([kv('a', '3')]);
    expect(await bed.clean()).toBe(true);
    expect(await bed.records()).toEqual(['c=1@3', 'b=2@4', 'a=3@5']);
    const [, b] = await readRecordsFrom(bed.log);
    expect(b).toMatchObject({ timestamp: bed.clock.now, headers: [{ key: 'h', value: Buffer.from('x') }] });
    expect(bed.log.logEndOffset).toBe(6);
    expect(bed.log.logStartOffset).toBe(0);
    // What was removed leaves holes: a fetch gets the next batch there is.
    expect(lastOffset(await readBytes(bed.log, 0, 1), 0)).toBe(4);
    expect(await bed.clean()).toBe(false);
  });

  it('leaves alone what is appended to, what is above the high watermark, and topics that are not compacted', async () => {
    await using bed = await Bed.open();
    await bed.add([kv('a', '1'), kv('a', '2')]);
    expect(await bed.manager.cleaner!.cleanFilthiest()).toBe(false);
    await append(bed.log, buildBatch({ records: [kv('a', '3')] }));
    await bed.log.roll();
    await append(bed.log, buildBatch({ records: [kv('a', '4')] }));
    bed.log.updateHighWatermark(2);
    expect(await bed.manager.cleaner!.cleanFilthiest()).toBe(false);
    bed.log.updateHighWatermark(4);
    bed.log.config = { ...bed.log.config, cleanupCompact: false };
    expect(await bed.manager.cleaner!.cleanFilthiest()).toBe(false);
    bed.log.config = { ...bed.log.config, cleanupCompact: true };
    expect(await bed.manager.cleaner!.cleanFilthiest()).toBe(true);
    expect(await bed.records()).toEqual(['a=3@2', 'a=4@3']);
  });

  it('begins only at min.cleanable.dirty.ratio, or when max.compaction.lag.ms has passed', async () => {
    await using bed = await Bed.open({ minCleanableDirtyRatio: 0.5, maxCompactionLagMs: day });
    for (let i = 0; i < 10; i++) await bed.add([kv(`key ${i}`, 'x'.repeat(100))]);
    expect(await bed.clean()).toBe(true);
    await bed.add([kv('key 0', 'y')]);
    expect(await bed.clean()).toBe(false);
    bed.clock.now += day + 1;
    expect(await bed.clean()).toBe(true);
    expect((await bed.records()).at(-1)).toBe('key 0=y@10');
    expect(await bed.records()).toHaveLength(10);
  });

  it('leaves records younger than min.compaction.lag.ms', async () => {
    await using bed = await Bed.open({ minCompactionLagMs: 1000, minCleanableDirtyRatio: 0 });
    await bed.add([kv('a', '1'), kv('a', '2')]);
    await bed.log.roll();
    bed.clock.now += 600;
    await bed.add([kv('a', '3'), kv('b', '1')]);
    bed.clock.now += 600;
    expect(await bed.clean()).toBe(true);
    expect(await bed.records()).toEqual(['a=2@1', 'a=3@2', 'b=1@3']);
    expect(bed.manager.cleaner!.cleanedUpTo(bed.log)).toBe(2);
  });

  it('keeps tombstones for delete.retention.ms from their first cleaning on', async () => {
    await using bed = await Bed.open({ deleteRetentionMs: day, minCleanableDirtyRatio: 0 });
    await bed.add([kv('a', '1'), kv('b', '1'), kv('c', '1')]);
    const before = bed.clock.now;
    await bed.add([kv('a', null), kv('b', '2')]);
    expect(await bed.clean()).toBe(true);
    expect(await bed.records()).toEqual(['c=1@2', 'a=null@3', 'b=2@4']);
    const horizons = (await bed.batches()).map((batch) =>
      hasDeleteHorizon(batch, 0) ? deleteHorizonMs(batch, 0) : -1,
    );
    expect(horizons).toEqual([-1, before + day]);
    const [, tombstone] = await readRecordsFrom(bed.log);
    expect(tombstone.timestamp).toBe(before);
    bed.clock.now += day - 1;
    await bed.add([kv('d', '1')]);
    expect(await bed.clean()).toBe(true);
    expect(await bed.records()).toEqual(['c=1@2', 'a=null@3', 'b=2@4', 'd=1@5']);
    bed.clock.now += 1;
    await bed.add([kv('d', '2')]);
    expect(await bed.clean()).toBe(true);
    expect(await bed.records()).toEqual(['c=1@2', 'b=2@4', 'd=2@6']);
    expect((await readRecordsFrom(bed.log)).map(({ timestamp }) => timestamp)).toEqual([before, before, bed.clock.now]);
  });

  it.each(Object.entries(CompressionType))('compacts batches of codec %s', async (_, compression) => {
    await using bed = await Bed.open();
    for (let round = 0; round < 5; round++) {
      const records = Array.from({ length: 40 }, (_, i) =>
        kv(`key ${(i * 7 + round) % 60}`, `value ${round} `.repeat(9)),
      );
      await bed.add(records, { compression });
    }
    const last = new Map((await readRecordsFrom(bed.log)).map(({ key, offset }) => [key!.toString(), offset]));
    expect(await bed.clean()).toBe(true);
    const left = await readRecordsFrom(bed.log);
    expect(left.map(({ key, offset }) => [key!.toString(), offset])).toEqual([...last].sort(([, a], [, b]) => a - b));
    expect(left.every(({ value }) => /^(value \d ){9}$/.test(value!.toString()))).toBe(true);
  });

  it('compacts messages of formats 0 and 1, alone and compressed', async () => {
    await using bed = await Bed.open();
    let offset = 0;
    for (const magic of [0, 1] as const) {
      for (const compression of [CompressionType.NONE, CompressionType.GZIP, CompressionType.LZ4]) {
        const records = ['a', 'b', `${magic}.${compression}`].map((key) => ({
          offset: offset++,
          timestamp: magic === 0 ? -1 : bed.clock.now,
          key: Buffer.from(key),
          value: Buffer.from(String(offset)),
          headers: noHeaders,
        }));
        const set = buildLegacySet(records, { magic, compression, timestampType: 0 });
        await append(bed.log, set, { origin: 'replication' });
      }
    }
    bed.log.updateHighWatermark(bed.log.logEndOffset);
    expect(await bed.clean()).toBe(true);
    expect(await bed.records()).toEqual([
      '0.0=3@2',
      '0.1=6@5',
      '0.3=9@8',
      '1.0=12@11',
      '1.1=15@14',
      'a=16@15',
      'b=17@16',
      '1.3=18@17',
    ]);
  });

  it('drops aborted records at once, and markers once nothing of their transaction is left', async () => {
    await using bed = await Bed.open({ deleteRetentionMs: day, minCleanableDirtyRatio: 0 });
    const producer = (producerId: number, baseSequence: number) => {
      return { producerId, producerEpoch: 0, baseSequence, transactional: true };
    };
    await bed.add([kv('a', 'before')]);
    await bed.add([kv('a', 'aborted'), kv('b', 'aborted')], producer(1, 0));
    await bed.add([kv('c', 'committed')], producer(2, 0));
    await bed.mark(ControlRecordType.ABORT, 1);
    await bed.mark(ControlRecordType.COMMIT, 2);
    await bed.add([kv('d', 'open')], producer(1, 2));
    expect(await bed.clean()).toBe(false);
    await bed.mark(ControlRecordType.COMMIT, 1);
    expect(await bed.clean()).toBe(true);
    const shown = async () =>
      (await bed.batches()).map((batch) => {
        const kind = isControlBatch(batch, 0) ? 'marker' : 'data';
        return `${kind} ${baseOffset(batch, 0)}-${lastOffset(batch, 0)}: ${recordCount(batch, 0)}`;
      });
    expect(await shown()).toEqual([
      'data 0-0: 1',
      'data 3-3: 1',
      'marker 4-4: 1',
      'marker 5-5: 1',
      'data 6-6: 1',
      'marker 7-7: 1',
    ]);
    const found = await bed.log.read(0, 10_000, 'txnCommitted', true);
    expect(found.abortedTransactions).toEqual([{ producerId: 1, firstOffset: 1 }]);
    found.ranges.forEach((range) => range.release());
    // The abort marker gets its horizon with the cleaning that finds nothing of the transaction any more.
    await bed.add([kv('c', 'newer'), kv('d', 'newer')]);
    expect(await bed.clean()).toBe(true);
    const marker = (await bed.batches()).find((batch) => baseOffset(batch, 0) === 4)!;
    expect(deleteHorizonMs(marker, 0)).toBe(bed.clock.now + day);
    // Their producers' last batches stay, empty.
    expect(await shown()).toEqual([
      'data 0-0: 1',
      'data 3-3: 0',
      'marker 4-4: 1',
      'marker 5-5: 1',
      'data 6-6: 0',
      'marker 7-7: 1',
      'data 8-9: 2',
    ]);
    bed.clock.now += day;
    await bed.add([kv('e', '1')]);
    expect(await bed.clean()).toBe(true);
    expect(await shown()).not.toContain('marker 4-4: 1');
    expect(await bed.records()).toEqual(expect.arrayContaining(['a=before@0', 'c=newer@8', 'd=newer@9']));
  });

  it('keeps sequences of idempotent producers over a restart', async () => {
    await using bed = await Bed.open();
    const producer = (baseSequence: number) => ({ producerId: 9, producerEpoch: 0, baseSequence });
    await bed.add([kv('a', '1'), kv('a', '2')], producer(0));
    await bed.add([kv('a', '3')]);
    expect(await bed.clean()).toBe(true);
    await bed.manager.shutdown();
    for (const name of readdirSync(bed.root.join('topic-0'))) {
      if (name.endsWith('.snapshot')) writeFileSync(bed.root.join('topic-0', name), 'not one');
    }
    await bed.reopen();
    expect([...bed.log.activeProducers()].map((entry) => [entry.producerId, entry.lastSequence])).toEqual([[9, 1]]);
    await expect(bed.add([kv('b', '1')], producer(5))).rejects.toThrow(/sequence/);
    await bed.add([kv('b', '1')], producer(2));
  });

  it('puts small segments together, within segment.bytes', async () => {
    await using bed = await Bed.open({ segmentBytes: 2000 });
    for (let i = 0; i < 40; i++) await bed.add([kv(`key ${i % 5}`, 'x'.repeat(200))]);
    expect(bed.log.numberOfSegments).toBeGreaterThan(5);
    expect(await bed.clean()).toBe(true);
    expect(await bed.records()).toHaveLength(5);
    bed.log.config = { ...bed.log.config, minCleanableDirtyRatio: 0 };
    await bed.add([kv('key 0', 'y')]);
    expect(await bed.clean()).toBe(true);
    expect(bed.log.numberOfSegments).toBe(2);
    for (const { size } of bed.log.segments) expect(size).toBeLessThanOrEqual(2000);
    expect(await bed.records()).toHaveLength(5);
  });

  it('takes only as many keys at once as its buffer has room for', async () => {
    const cleaner = { ...quiet, dedupeBufferSize: 24 * 13, ioBufferLoadFactor: 1 };
    await using bed = await Bed.open({ minCleanableDirtyRatio: 0 }, { cleaner });
    for (let i = 0; i < 25; i++) await bed.add([kv(`key ${i % 13}`, String(i))]);
    await bed.log.roll();
    const steps: number[] = [];
    while (await bed.manager.cleaner!.cleanFilthiest()) steps.push(bed.manager.cleaner!.cleanedUpTo(bed.log)!);
    expect(steps).toEqual([10, 20, 25]);
    expect((await bed.records()).map((record) => record.replace(/@.*/, ''))).toEqual(
      Array.from({ length: 13 }, (_, i) => `key ${(i + 12) % 13}=${i + 12}`),
    );
  });

  it('goes on where its checkpoint says, and from the start when that cannot be', async () => {
    await using bed = await Bed.open({ minCleanableDirtyRatio: 0 });
    await bed.add([kv('a', '1'), kv('a', '2')]);
    expect(await bed.clean()).toBe(true);
    const checkpoint = bed.root.join('cleaner-offset-checkpoint');
    expect(readFileSync(checkpoint, 'utf8')).toBe('0\n1\ntopic 0 2\n');
    await bed.manager.shutdown();
    await bed.reopen({ minCleanableDirtyRatio: 0 });
    expect(await bed.manager.cleaner!.cleanFilthiest()).toBe(false);
    await bed.manager.shutdown();
    writeFileSync(checkpoint, '0\n1\ntopic 0 200\n');
    await bed.reopen({ minCleanableDirtyRatio: 0 });
    expect(await bed.manager.cleaner!.cleanFilthiest()).toBe(true);
    expect(bed.logger.lines.join('\n')).toContain('its checkpoint is not one of its offsets (200)');
    expect(readFileSync(checkpoint, 'utf8')).toBe('0\n1\ntopic 0 2\n');
    await bed.manager.shutdown();
    writeFileSync(checkpoint, 'what?');
    await bed.reopen({ minCleanableDirtyRatio: 0 });
    expect(bed.logger.lines.join('\n')).toContain('Logs are cleaned from their beginning');
  });

  it('forgets what it cleaned of a log that is truncated or deleted', async () => {
    await using bed = await Bed.open({ minCleanableDirtyRatio: 0 });
    for (let i = 0; i < 10; i++) await bed.add([kv(`key ${i % 3}`, String(i))]);
    expect(await bed.clean()).toBe(true);
    await bed.log.truncateTo(8);
    const checkpoint = bed.root.join('cleaner-offset-checkpoint');
    expect(readFileSync(checkpoint, 'utf8')).toBe('0\n1\ntopic 0 8\n');
    await bed.manager.delete(topicPartition);
    expect(readFileSync(checkpoint, 'utf8')).toBe('0\n0\n');
  });

  it('leaves a log alone that it cannot read, and says so; the records stay as they are', async () => {
    await using bed = await Bed.open();
    await bed.add([kv('a', '1'), kv('a', '2')]);
    await bed.log.roll();
    const path = bed.root.join('topic-0', '00000000000000000000.log');
    const bytes = readFileSync(path);
    bytes[bytes.length - 2] ^= 1;
    writeFileSync(path, bytes);
    expect(await bed.manager.cleaner!.cleanFilthiest()).toBe(true);
    expect(bed.logger.lines.join('\n')).toMatch(/topic-0 cannot be cleaned.*CRC of the batch at byte 0 of .*0\.log/);
    expect(bed.manager.cleaner!.uncleanableLogs).toEqual([bed.log]);
    expect(readFileSync(path).equals(bytes)).toBe(true);
    expect(readdirSync(bed.root.join('topic-0')).filter((name) => name.endsWith('.cleaned'))).toEqual([]);
    expect(await bed.manager.cleaner!.cleanFilthiest()).toBe(false);
    expect(bed.manager.liveLogDirs).toHaveLength(1);
  });

  it('lets a reader end that holds what was replaced, and removes it after file.delete.delay.ms', async () => {
    await using bed = await Bed.open();
    await bed.add([kv('a', '1'), kv('a', '2')]);
    const held = await bed.log.read(0, 10_000, 'logEnd', true);
    expect(await bed.clean()).toBe(true);
    const deleted = bed.root.join('topic-0', '00000000000000000000.log.deleted');
    expect(existsSync(deleted)).toBe(true);
    bed.clock.advance(60_000);
    const records = [...readRecordSet(await bytesOf(held.ranges))];
    expect(records.map(({ value }) => value!.toString())).toEqual(['1', '2']);
    await expect.poll(() => existsSync(deleted)).toBe(false);
  });

  it('runs by itself, deletes by retention too with compact,delete, and keeps to its rate', async () => {
    const cleaner = { ...defaultCleanerConfig, backoffMs: 1000, ioMaxBytesPerSecond: 1_000_000 };
    const config = { cleanupDelete: true, retentionMs: day, minCleanableDirtyRatio: 0 };
    await using bed = await Bed.open(config, { cleaner });
    const settlesTo = (records: readonly string[]) =>
      expect
        .poll(async () => {
          bed.clock.advance(1000);
          await new Promise((resolve) => setImmediate(resolve));
          return bed.records();
        })
        .toEqual(records);
    await bed.add([kv('old', '1'), kv('old', '2')]);
    await bed.log.roll();
    await settlesTo(['old=2@1']);
    bed.clock.now += day - 5000;
    await bed.add([kv('a', '1'), kv('a', '2')]);
    await settlesTo(['a=1@2', 'a=2@3']);
    await bed.log.roll();
    await settlesTo(['a=2@3']);
  });
});
