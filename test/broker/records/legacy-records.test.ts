import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { errorName, KafkaError } from '../../../broker/src/protocol/errors';
import * as header from '../../../broker/src/records/batch-header';
import { TimestampType } from '../../../broker/src/records/batch-header';
import { buildBatch } from '../../../broker/src/records/build-batch';
import { compress } from '../../../broker/src/records/compression';
import { CompressionType, compressionByName } from '../../../broker/src/records/compression-type';
import { crc32 } from '../../../broker/src/records/crc32c';
import { downConvert, fetchTakesZstd, magicForFetch, overflowMessage } from '../../../broker/src/records/down-convert';
import { buildLegacySet, MAX_CONVERTED_RECORDS } from '../../../broker/src/records/legacy-records';
import { readRecords, readRecordSet } from '../../../broker/src/records/read-records';
import type { LogRecord } from '../../../broker/src/records/record';
import { RecordValidationError } from '../../../broker/src/records/record-errors';
import { validateAndAssignOffsets } from '../../../broker/src/records/validate-records';
import { walkBatches } from '../../../broker/src/records/walk-batches';
import golden from './legacy-sets.json';
import { anyBatch, assignment, now, rules } from './produce-batches';

const appendTime = 1_700_000_009_999;

/** What MemoryRecordsBuilder of Apache Kafka 3.9 was given for every set in legacy-sets.json. */
function goldenRecords(magic: number, timestampType: TimestampType): LogRecord[] {
  const time = (own: number) =>
    magic === 0 ? -1 : timestampType === TimestampType.LOG_APPEND_TIME ? appendTime : 1_700_000_000_000 + own;
  const bytes = (text: string | null) => (text === null ? null : Buffer.from(text));
  const record = (offset: number, own: number, key: string | null, value: string | null): LogRecord => ({
    offset,
    timestamp: time(own),
    key: bytes(key),
    value: bytes(value),
    headers: [],
  });
  return [
    record(40, 0, 'key', 'a value'),
    record(41, 5, null, 'no key'),
    record(43, 3, 'no value', null),
    record(44, 4, '', 'again and again and again and again and again and again'),
  ];
}

function plain(record: LogRecord): LogRecord {
  const { offset, timestamp, key, value, headers } = record;
  return { offset, timestamp, key, value, headers };
}

const sets = golden.map((set) => ({
  magic: set.magic as 0 | 1,
  compression: compressionByName(set.codec)!,
  timestampType: set.timestampType === 'CreateTime' ? TimestampType.CREATE_TIME : TimestampType.LOG_APPEND_TIME,
  bytes: () => Buffer.from(set.bytes, 'base64'),
  name: `format ${set.magic}, ${set.codec}, ${set.timestampType}`,
}));

describe.each(sets)("Kafka's message set of $name", ({ magic, compression, timestampType, bytes }) => {
  const expected = goldenRecords(magic, timestampType);

  it('is read', () => {
    expect([...readRecordSet(bytes())].map(plain)).toEqual(expected);
    const walk = walkBatches(bytes(), (at, size) => {
      expect(header.magicOf(bytes(), at)).toBe(magic);
      expect(header.compressionOf(bytes(), at)).toBe(compression);
      expect(header.isValidBatch(bytes(), at, size)).toBe(true);
    });
    expect(walk.batches).toBe(compression === CompressionType.NONE ? 4 : 1);
    expect(walk.truncated).toBe(false);
  });

  it('is written', () => {
    const set = buildLegacySet(expected, { magic, compression, timestampType });
    expect([...readRecordSet(set)].map(plain)).toEqual(expected);
    // Compressors differ between libraries; what they pack may not.
    if (compression === CompressionType.NONE) expect(set.equals(bytes())).toBe(true);
  });

  it('never crashes when a byte of it is changed', () => {
    fc.assert(
      fc.property(fc.nat(bytes().length - 1), fc.integer({ min: 1, max: 255 }), fc.boolean(), (at, flip, repair) => {
        const set = bytes();
        set[at] ^= flip;
        const size = Math.min(set.readInt32BE(8) + 12, set.length);
        if (repair && size > 16) set.writeUInt32BE(crc32(set, 16, size), 12);
        try {
          const info = validateAndAssignOffsets(set, rules(), assignment);
          expect([...readRecordSet(info.records)]).toHaveLength(info.numRecords);
        } catch (error) {
          expect(error).toBeInstanceOf(KafkaError);
        }
      }),
      { numRuns: 300 },
    );
  });
});

// A producer may not claim the append time; see below.
const producible = sets.filter((set) => set.timestampType === TimestampType.CREATE_TIME);

describe.each(producible)("Kafka's message set of $name, produced", ({ magic, compression, timestampType, bytes }) => {
  it('becomes one batch of format 2', () => {
    const expected = goldenRecords(magic, timestampType);

    const set = bytes();
    const info = validateAndAssignOffsets(set, rules(), assignment);
    expect(info).toMatchObject({ numBatches: 1, numRecords: 4, firstOffset: 1000, lastOffset: 1003, rebuilt: true });
    expect(info.sourceCompression).toBe(compression);
    expect(info.maxTimestamp).toBe(magic === 0 ? -1 : 1_700_000_000_005);
    expect(info.shallowOffsetOfMaxTimestamp).toBe(magic === 0 ? -1 : 1003);
    expect(header.magicOf(info.records, 0)).toBe(2);
    expect(header.compressionOf(info.records, 0)).toBe(compression);
    expect(header.partitionLeaderEpoch(info.records, 0)).toBe(7);
    expect(header.isValidBatch(info.records, 0, info.records.length)).toBe(true);
    expect([...readRecords(info.records)]).toEqual(
      expected.map((record, index) => ({ ...record, offset: 1000 + index })),
    );
  });
});

function refusal(records: Buffer, changes = {}): KafkaError {
  try {
    validateAndAssignOffsets(records, rules(changes), assignment);
  } catch (error) {
    if (error instanceof KafkaError) return error;
    throw error;
  }
  throw new Error('the set was accepted');
}

describe('a produced message set', () => {
  const options = { magic: 1, compression: CompressionType.NONE, timestampType: TimestampType.CREATE_TIME } as const;
  const records = goldenRecords(1, TimestampType.CREATE_TIME);
  const code = (error: KafkaError) => errorName(error.code);

  /** A message around any value, with a CRC that agrees. */
  function wrapper(magic: 0 | 1, codec: number, value: Buffer | null): Buffer {
    const [message] = [{ offset: 0, timestamp: now, key: null, value, headers: [] }];
    const set = buildLegacySet([message], { ...options, magic });
    set[17] |= codec;
    set.writeUInt32BE(crc32(set, 16), 12);
    return set;
  }

  it('is refused with a CRC that does not agree, outside and inside', () => {
    const outside = buildLegacySet(records, options);
    outside[outside.length - 1] ^= 1;
    expect(code(refusal(outside))).toBe('CORRUPT_MESSAGE');
    const inner = buildLegacySet(records, options);
    inner[inner.length - 1] ^= 1;
    expect(code(refusal(wrapper(1, 1, compress(CompressionType.GZIP, inner))))).toBe('CORRUPT_MESSAGE');
  });

  it.each([
    ['a compressed message in a compressed one', () => gzipped(1, wrapper(1, 1, Buffer.from('x')))],
    ['a message of another format inside', () => gzipped(1, buildLegacySet(records, { ...options, magic: 0 }))],
    ['a compressed message without a value', () => wrapper(1, 1, null)],
    ['a compressed message with nothing inside', () => gzipped(1, Buffer.alloc(0))],
    ['zstd', () => wrapper(1, 4, compress(CompressionType.ZSTD, buildLegacySet(records, options)))],
    ['what gzip did not write', () => wrapper(1, 1, Buffer.from('not gzip'))],
    [
      'two compressed messages',
      () => Buffer.concat([gzipped(1, wrapper(1, 0, null)), gzipped(1, wrapper(1, 0, null))]),
    ],
    ['messages of two formats', () => Buffer.concat([wrapper(0, 0, null), wrapper(1, 0, null)])],
    ['a message and a batch', () => Buffer.concat([wrapper(1, 0, null), buildBatch({ records: [{ value: 'x' }] })])],
  ])('is refused with %s', (_name, make) => {
    expect(code(refusal(make()))).toBe('INVALID_RECORD');
  });

  function gzipped(magic: 0 | 1, inner: Buffer): Buffer {
    return wrapper(magic, 1, compress(CompressionType.GZIP, inner));
  }

  it('is refused with a codec that is none', () => {
    expect(code(refusal(wrapper(1, 6, Buffer.from('x'))))).toBe('UNSUPPORTED_COMPRESSION_TYPE');
  });

  it('is refused with a negative timestamp, or one that claims to be the append time', () => {
    expect(code(refusal(buildLegacySet([{ ...records[0], timestamp: -2 }], options)))).toBe('INVALID_TIMESTAMP');
    const claims = buildLegacySet(records, { ...options, timestampType: TimestampType.LOG_APPEND_TIME });
    expect(code(refusal(claims, { timestampType: TimestampType.LOG_APPEND_TIME }))).toBe('INVALID_TIMESTAMP');
  });

  it('is bounded in what it unpacks to', () => {
    const inner = buildLegacySet([{ ...records[0], value: Buffer.alloc(100_000) }], options);
    expect(code(refusal(gzipped(1, inner), { maxDecompressedBytes: 50_000 }))).toBe('MESSAGE_TOO_LARGE');
  });

  it('is bounded in how many messages it holds', () => {
    const tiny = buildLegacySet([{ ...records[0], key: null, value: null }], options);
    const many = Buffer.alloc(tiny.length * (MAX_CONVERTED_RECORDS + 1), tiny);
    expect(code(refusal(gzipped(1, many)))).toBe('MESSAGE_TOO_LARGE');
    expect(code(refusal(many))).toBe('MESSAGE_TOO_LARGE');
  });

  it('is refused by a compacted topic where a key is missing', () => {
    const error = refusal(buildLegacySet(records, options), { compacted: true }) as RecordValidationError;
    expect(error).toBeInstanceOf(RecordValidationError);
    expect(error.recordErrors.map((each) => each.batchIndex)).toEqual([1]);
  });

  it('may have relative offsets and a wrapper at 0, as some librdkafka sent it', () => {
    const set = buildLegacySet(records, { ...options, compression: CompressionType.SNAPPY });
    header.setBaseOffset(set, 0, 0);
    expect([...readRecords(set)].map((record) => record.offset)).toEqual([0, 1, 3, 4]);
    header.setBaseOffset(set, 0, 2);
    expect(() => [...readRecords(set)]).toThrow(/offset 2/);
  });

  it("is stored in the topic's codec and with its append time", () => {
    const changes = { compression: CompressionType.ZSTD, timestampType: TimestampType.LOG_APPEND_TIME };
    const info = validateAndAssignOffsets(buildLegacySet(records, options), rules(changes), assignment);
    expect(info).toMatchObject({ maxTimestamp: now, logAppendTime: now });
    expect(header.compressionOf(info.records, 0)).toBe(CompressionType.ZSTD);
    expect([...readRecords(info.records)].map((record) => record.timestamp)).toEqual([now, now, now, now]);
  });
});

describe('down-conversion', () => {
  it('keeps offset, timestamp, key and value of every record and the codec', () => {
    fc.assert(
      fc.property(anyBatch, fc.constantFrom(0 as const, 1 as const), (input, magic) => {
        fc.pre(input.compression !== CompressionType.ZSTD);
        const batch = buildBatch({ ...input, baseOffset: 500 });
        const { records, recordsConverted } = downConvert(batch, magic, 0);
        expect(recordsConverted).toBe(input.records.length);
        expect([...readRecordSet(records)].map(plain)).toEqual(
          [...readRecords(batch)].map((record) => ({
            ...record,
            headers: [],
            timestamp: magic === 0 ? -1 : record.timestamp,
          })),
        );
        walkBatches(records, (at, size) => {
          expect(header.magicOf(records, at)).toBe(magic);
          expect(header.compressionOf(records, at)).toBe(input.compression);
          expect(header.isValidBatch(records, at, size)).toBe(true);
        });
      }),
      { numRuns: 100 },
    );
  });

  it('leaves out what comes before the offset asked for, unless it is compressed with the rest', () => {
    const records = [0, 1, 2, 3].map((i) => ({ value: `v${i}`, timestamp: now }));
    const offsets = (compression: CompressionType, from: number) =>
      [...readRecordSet(downConvert(buildBatch({ records, compression }), 1, from).records)].map(
        (record) => record.offset,
      );
    expect(offsets(CompressionType.NONE, 2)).toEqual([2, 3]);
    expect(offsets(CompressionType.GZIP, 2)).toEqual([0, 1, 2, 3]);
  });

  it('leaves control batches out and copies what is old already', () => {
    const old = buildLegacySet(goldenRecords(0, TimestampType.CREATE_TIME), {
      magic: 0,
      compression: CompressionType.NONE,
      timestampType: TimestampType.CREATE_TIME,
    });
    const control = buildBatch({ records: [{ value: 'x' }], control: true, baseOffset: 45 });
    const all = Buffer.concat([old, control]);
    expect(downConvert(all, 1, 0)).toEqual({ records: old, recordsConverted: 0 });
    expect(downConvert(control, 0, 0).records).toHaveLength(0);
    expect(walkBatches(overflowMessage())).toEqual({ batches: 0, validBytes: 0, truncated: true });
  });

  it('keeps the append time', () => {
    const batch = buildBatch({ records: [{ value: 'x', timestamp: 5 }], logAppendTime: now });
    const { records } = downConvert(batch, 1, 0);
    expect(header.timestampTypeOf(records, 0)).toBe(TimestampType.LOG_APPEND_TIME);
    expect(header.maxTimestamp(records, 0)).toBe(now);
  });

  it('refuses a batch of more records than are converted at once', () => {
    const batch = buildBatch({ records: Array.from({ length: MAX_CONVERTED_RECORDS + 1 }, () => ({})) });
    expect(() => downConvert(batch, 1, 0)).toThrow(/250000/);
  });

  it('begins no further batch when what there is has unpacked to as much as is to be sent', () => {
    const value = 'x'.repeat(100_000);
    const batch = (baseOffset: number) =>
      buildBatch({ records: [{ value }, { value }], compression: CompressionType.GZIP, baseOffset });
    const batches = Buffer.concat([batch(0), batch(2), batch(4)]);
    const budget = { bytes: 300_000 };
    const { records, recordsConverted } = downConvert(batches, 1, 0, budget);
    expect([recordsConverted, budget.bytes < 0]).toEqual([4, true]);
    expect([...readRecordSet(records)].map(({ offset }) => offset)).toEqual([0, 1, 2, 3]);
    expect(downConvert(batches, 1, 0, budget).records).toHaveLength(0);
  });

  it('refuses zstd', () => {
    const batch = buildBatch({ records: [{ value: 'x' }], compression: CompressionType.ZSTD });
    expect(() => downConvert(batch, 1, 0)).toThrow(/zstd/);
    expect([9, 10].map(fetchTakesZstd)).toEqual([false, true]);
  });

  it('is for Fetch before version 4', () => {
    expect([0, 1, 2, 3, 4, 17].map(magicForFetch)).toEqual([0, 0, 1, 1, 2, 2]);
  });
});
