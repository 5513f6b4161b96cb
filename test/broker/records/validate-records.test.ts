import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ErrorCode, errorName, KafkaError } from '../../../broker/src/protocol/errors';
import { newAppendInfo } from '../../../broker/src/records/append-info';
import * as header from '../../../broker/src/records/batch-header';
import { TimestampType } from '../../../broker/src/records/batch-header';
import { type BatchInput, buildBatch } from '../../../broker/src/records/build-batch';
import { CompressionType } from '../../../broker/src/records/compression-type';
import { buildEndTransactionMarker, ControlRecordType } from '../../../broker/src/records/control-records';
import { validateProduceRecords } from '../../../broker/src/records/produce-version';
import { readRecords } from '../../../broker/src/records/read-records';
import { RecordValidationError } from '../../../broker/src/records/record-errors';
import { MAX_RECORD_ERRORS, type RecordRules } from '../../../broker/src/records/record-rules';
import { AppendOrigin, validateAndAssignOffsets } from '../../../broker/src/records/validate-records';
import { writeVarint } from '../../../broker/src/records/varint';
import { allCodecs, anyBatch, assignment, now, rules } from './produce-batches';

function refusal(
  records: Buffer,
  topic: RecordRules = rules(),
  origin: AppendOrigin = AppendOrigin.CLIENT,
): KafkaError {
  const before = Buffer.from(records);
  try {
    validateAndAssignOffsets(records, topic, { ...assignment, origin });
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error;
    // A producer sends the same bytes again, and a log must find them untouched.
    expect(records.equals(before)).toBe(true);
    return error;
  }
  throw new Error('the batch was accepted');
}

function codeOf(error: KafkaError): string {
  return errorName(error.code);
}

const three: BatchInput = {
  records: [
    { key: 'a', value: 'one', timestamp: now - 20 },
    { key: 'b', value: 'two', timestamp: now },
    { key: null, value: 'three', timestamp: now - 10 },
  ],
};

/** A batch whose header was tampered with and whose CRC agrees with that. */
function tampered(input: BatchInput, tamper: (batch: Buffer) => void): Buffer {
  const batch = buildBatch(input);
  tamper(batch);
  header.writeCrc(batch, 0, batch.length);
  return batch;
}

/** A batch of records given as the bytes of each body, in the order of record format 2. */
function ofBodies(bodies: readonly number[][], count = bodies.length): Buffer {
  const records = bodies.map((body) => {
    const bytes = Buffer.alloc(5 + body.length);
    const at = writeVarint(bytes, body.length, 0);
    return bytes.fill(Buffer.from(body), at, at + body.length).subarray(0, at + body.length);
  });
  return ofBytes(Buffer.concat(records), count);
}

function ofBytes(records: Buffer, count: number, compression: CompressionType = CompressionType.NONE): Buffer {
  const batch = Buffer.concat([Buffer.alloc(header.RECORD_BATCH_OVERHEAD), records]);
  header.writeBatchHeader(batch, 0, batch.length, {
    baseOffset: 0,
    partitionLeaderEpoch: -1,
    compression,
    timestampType: TimestampType.CREATE_TIME,
    transactional: false,
    control: false,
    deleteHorizon: false,
    lastOffsetDelta: count - 1,
    baseTimestamp: now,
    maxTimestamp: now,
    producerId: -1,
    producerEpoch: -1,
    baseSequence: -1,
    recordCount: count,
  });
  return batch;
}

describe('an accepted batch', () => {
  it('is given offsets in place, and everything else stays as it came', () => {
    fc.assert(
      fc.property(anyBatch, (input) => {
        const batch = buildBatch(input);
        const sent = Buffer.from(batch);
        const before = [...readRecords(sent)];
        const info = validateAndAssignOffsets(batch, rules(), assignment);
        const count = input.records.length;
        const largest = Math.max(...input.records.map((record) => record.timestamp!));
        expect(info).toMatchObject({
          numBatches: 1,
          numRecords: count,
          firstOffset: 1000,
          lastOffset: 999 + count,
          maxTimestamp: largest,
          shallowOffsetOfMaxTimestamp: largest < 0 ? -1 : 999 + count,
          logAppendTime: -1,
          sourceCompression: input.compression,
          rebuilt: false,
          lastLeaderEpoch: 7,
          producerId: -1,
        });
        expect(info.records).toBe(batch);
        expect(header.isValidBatch(batch, 0, batch.length)).toBe(true);
        expect(header.baseOffset(batch, 0)).toBe(1000);
        expect(header.partitionLeaderEpoch(batch, 0)).toBe(7);
        expect(batch.subarray(16).equals(sent.subarray(16))).toBe(true);
        const after = [...readRecords(batch)];
        expect(after).toEqual(before.map((record) => ({ ...record, offset: record.offset + 1000 })));
      }),
      { numRuns: 200 },
    );
  });

  it('tells what the producer state needs', () => {
    const batch = buildBatch({
      ...three,
      producerId: 4001,
      producerEpoch: 3,
      baseSequence: 0x7ffffffe,
      transactional: true,
    });
    expect(validateAndAssignOffsets(batch, rules(), assignment)).toMatchObject({
      producerId: 4001,
      producerEpoch: 3,
      baseSequence: 0x7ffffffe,
      lastSequence: 0,
      transactional: true,
      control: false,
    });
  });

  it('fills the same info again without leaving anything behind', () => {
    const info = newAppendInfo();
    validateAndAssignOffsets(
      buildBatch({ ...three, producerId: 1, producerEpoch: 0, baseSequence: 0 }),
      rules(),
      assignment,
      info,
    );
    const batch = buildBatch({ records: [{ value: 'x' }] });
    expect(validateAndAssignOffsets(batch, rules(), assignment, info)).toBe(info);
    expect(info).toEqual(validateAndAssignOffsets(buildBatch({ records: [{ value: 'x' }] }), rules(), assignment));
  });

  it('loses a tail that is no whole batch', () => {
    const batch = buildBatch(three);
    const torn = Buffer.concat([batch, batch.subarray(0, 40)]);
    const info = validateAndAssignOffsets(torn, rules(), assignment);
    expect(info.records).toHaveLength(batch.length);
    expect(info.numRecords).toBe(3);
  });

  it('may be nothing at all, from an old client', () => {
    expect(validateAndAssignOffsets(Buffer.alloc(0), rules(), assignment)).toMatchObject({
      numBatches: 0,
      numRecords: 0,
    });
  });

  it('has its maximum timestamp set right where the producer lied', () => {
    for (const compression of allCodecs) {
      const batch = buildBatch({ ...three, compression, maxTimestamp: 5 });
      const info = validateAndAssignOffsets(batch, rules(), assignment);
      expect(info.maxTimestamp).toBe(now);
      expect(header.maxTimestamp(batch, 0)).toBe(now);
      expect(header.isValidBatch(batch, 0, batch.length)).toBe(true);
    }
  });

  it('keeps timestamps that no number holds', () => {
    const nanos = 1_700_000_000_123_456_789n;
    const batch = tampered(
      {
        records: [
          { value: 'a', timestamp: 0 },
          { value: 'b', timestamp: 5 },
        ],
      },
      (bytes) => {
        bytes.writeBigInt64BE(nanos, 27);
        bytes.writeBigInt64BE(nanos + 5n, 35);
      },
    );
    const info = validateAndAssignOffsets(batch, rules(), assignment);
    expect(batch.readBigInt64BE(35)).toBe(nanos + 5n);
    expect(info.maxTimestamp).toBe(Number(nanos + 5n));
  });
});

describe('LogAppendTime', () => {
  it.each(allCodecs)('is written into the header, CRC and all, codec %i', (compression) => {
    const batch = buildBatch({
      ...three,
      compression,
      producerId: 9,
      producerEpoch: 1,
      baseSequence: 0,
      transactional: true,
    });
    const info = validateAndAssignOffsets(batch, rules({ timestampType: TimestampType.LOG_APPEND_TIME }), assignment);
    expect(info).toMatchObject({
      maxTimestamp: now,
      logAppendTime: now,
      shallowOffsetOfMaxTimestamp: 1002,
      rebuilt: false,
    });
    expect(header.timestampTypeOf(batch, 0)).toBe(TimestampType.LOG_APPEND_TIME);
    expect(header.compressionOf(batch, 0)).toBe(compression);
    expect(header.isTransactional(batch, 0)).toBe(true);
    expect(header.isValidBatch(batch, 0, batch.length)).toBe(true);
    expect([...readRecords(batch)].map((record) => record.timestamp)).toEqual([now, now, now]);
  });

  it('does not bound the timestamps that the producer set', () => {
    const topic = rules({
      timestampType: TimestampType.LOG_APPEND_TIME,
      timestampBeforeMaxMs: 1,
      timestampAfterMaxMs: 1,
    });
    expect(validateAndAssignOffsets(buildBatch(three), topic, assignment).numRecords).toBe(3);
  });

  it('is not for a producer to claim', () => {
    const claimed = () => buildBatch({ ...three, logAppendTime: now });
    const error = refusal(claimed(), rules({ timestampType: TimestampType.LOG_APPEND_TIME })) as RecordValidationError;
    expect(codeOf(error)).toBe('INVALID_TIMESTAMP');
    expect(error.recordErrors.map((each) => each.batchIndex)).toEqual([0, 1, 2]);
    // Kafka lets it pass under CreateTime and takes the type away.
    const batch = claimed();
    validateAndAssignOffsets(batch, rules(), assignment);
    expect(header.timestampTypeOf(batch, 0)).toBe(TimestampType.CREATE_TIME);
    expect(header.isValidBatch(batch, 0, batch.length)).toBe(true);
  });
});

describe('CreateTime', () => {
  it.each(allCodecs)('is bounded before and after now, codec %i', (compression) => {
    const records = [-1001, 0, 501, -1000, 500, 1].map((shift) => ({ key: 'k', value: 'v', timestamp: now + shift }));
    const topic = rules({ timestampBeforeMaxMs: 1000, timestampAfterMaxMs: 500 });
    const error = refusal(buildBatch({ records, compression }), topic) as RecordValidationError;
    expect(codeOf(error)).toBe('INVALID_TIMESTAMP');
    expect(error.recordErrors.map((each) => each.batchIndex)).toEqual([0, 2]);
    expect(error.recordErrors[0].message).toContain(`${now - 1001}`);
    const fine = records.filter((_, index) => index !== 0 && index !== 2);
    expect(validateAndAssignOffsets(buildBatch({ records: fine, compression }), topic, assignment).numRecords).toBe(4);
  });

  it('does not bound records that have none', () => {
    const batch = buildBatch({ records: [{ value: 'x' }, { value: 'y' }] });
    const topic = rules({ timestampBeforeMaxMs: 0, timestampAfterMaxMs: 0 });
    expect(validateAndAssignOffsets(batch, topic, assignment)).toMatchObject({ maxTimestamp: -1 });
  });
});

describe('a compacted topic', () => {
  it.each(allCodecs)('refuses records without a key and says which, codec %i', (compression) => {
    const records = [0, 1, 2, 3].map((i) => ({ key: i % 2 === 0 ? `k${i}` : null, value: 'v', timestamp: now }));
    const error = refusal(buildBatch({ records, compression }), rules({ compacted: true })) as RecordValidationError;
    expect(error).toBeInstanceOf(RecordValidationError);
    expect(codeOf(error)).toBe('INVALID_RECORD');
    expect(error.recordErrors.map((each) => each.batchIndex)).toEqual([1, 3]);
  });

  it('takes an empty key, and a null value', () => {
    const batch = buildBatch({ records: [{ key: '', value: null, timestamp: now }] });
    expect(validateAndAssignOffsets(batch, rules({ compacted: true }), assignment).numRecords).toBe(1);
  });

  it('answers INVALID_TIMESTAMP where a record has that and another has no key', () => {
    const records = [
      { key: null, timestamp: now },
      { key: 'k', timestamp: 0 },
    ];
    const error = refusal(buildBatch({ records }), rules({ compacted: true, timestampBeforeMaxMs: 10 }));
    expect(codeOf(error)).toBe('INVALID_TIMESTAMP');
    expect((error as RecordValidationError).recordErrors).toHaveLength(2);
  });

  it('lists no more errors than the bound', () => {
    const records = Array.from({ length: MAX_RECORD_ERRORS * 3 }, () => ({ value: 'v', timestamp: now }));
    const error = refusal(buildBatch({ records }), rules({ compacted: true })) as RecordValidationError;
    expect(error.recordErrors).toHaveLength(MAX_RECORD_ERRORS);
  });
});

describe('a defect in the header', () => {
  const defects: [string, string, () => Buffer][] = [
    ['a bit of the records flipped', 'CORRUPT_MESSAGE', () => flipped(70)],
    ['a bit of the header flipped', 'CORRUPT_MESSAGE', () => flipped(45)],
    ['a bit of the CRC flipped', 'CORRUPT_MESSAGE', () => flipped(18)],
    ['magic 3', 'CORRUPT_MESSAGE', () => changed((batch) => (batch[16] = 3))],
    ['magic -1', 'CORRUPT_MESSAGE', () => changed((batch) => (batch[16] = 255))],
    ['a negative length', 'CORRUPT_MESSAGE', () => changed((batch) => batch.writeInt32BE(-5, 8))],
    ['a length of 13', 'CORRUPT_MESSAGE', () => changed((batch) => batch.writeInt32BE(13, 8))],
    ['a length less than the header', 'CORRUPT_MESSAGE', () => changed((batch) => batch.writeInt32BE(40, 8))],
    ['a base offset other than 0', 'INVALID_RECORD', () => buildBatch({ ...three, baseOffset: 1 })],
    ['a negative last offset delta', 'INVALID_RECORD', () => tampered(three, (batch) => batch.writeInt32BE(-1, 23))],
    ['a last offset delta too small', 'INVALID_RECORD', () => tampered(three, (batch) => batch.writeInt32BE(1, 23))],
    ['a last offset delta too large', 'INVALID_RECORD', () => buildBatch({ ...three, lastOffset: 3 })],
    ['a count of 0', 'INVALID_RECORD', () => tampered(three, (batch) => batch.writeInt32BE(0, 57))],
    ['a negative count', 'INVALID_RECORD', () => tampered(three, (batch) => batch.writeInt32BE(-1, 57))],
    ['fewer records than it says', 'INVALID_RECORD', () => counted(4)],
    ['more records than it says', 'INVALID_RECORD', () => counted(2)],
    ['2^31 - 1 records claimed', 'INVALID_RECORD', () => counted(0x7fffffff)],
    ['a control batch', 'INVALID_RECORD', () => buildBatch({ ...three, control: true })],
    [
      'a producer id without a sequence',
      'INVALID_RECORD',
      () => buildBatch({ ...three, producerId: 5, producerEpoch: 0 }),
    ],
    ['a transaction without a producer id', 'INVALID_RECORD', () => buildBatch({ ...three, transactional: true })],
    [
      'a producer id past 2^53',
      'INVALID_RECORD',
      () => tampered({ ...three, baseSequence: 0 }, (batch) => batch.writeBigInt64BE(2n ** 62n, 43)),
    ],
    ['codec 5', 'UNSUPPORTED_COMPRESSION_TYPE', () => tampered(three, (batch) => (batch[22] |= 5))],
    ['codec 7', 'UNSUPPORTED_COMPRESSION_TYPE', () => tampered(three, (batch) => (batch[22] |= 7))],
    ['a codec that it is not packed with', 'INVALID_RECORD', () => tampered(three, (batch) => (batch[22] |= 4))],
    ['two batches', 'INVALID_RECORD', () => Buffer.concat([buildBatch(three), buildBatch(three)])],
    ['two compressed batches', 'INVALID_RECORD', () => twice({ ...three, compression: CompressionType.LZ4 })],
    ['no records at all', 'INVALID_RECORD', () => buildBatch({ records: [], lastOffset: 0 })],
  ];

  function changed(change: (batch: Buffer) => void): Buffer {
    const batch = buildBatch(three);
    change(batch);
    return batch;
  }
  function flipped(at: number): Buffer {
    return changed((batch) => (batch[at] ^= 4));
  }
  function counted(count: number): Buffer {
    return tampered(three, (batch) => {
      batch.writeInt32BE(count - 1, 23);
      batch.writeInt32BE(count, 57);
    });
  }
  function twice(input: BatchInput): Buffer {
    return Buffer.concat([buildBatch(input), buildBatch(input)]);
  }

  it.each(defects)('%s: %s', (_name, code, make) => {
    expect(codeOf(refusal(make()))).toBe(code);
  });

  it.each(allCodecs)('lies about the count are found under codec %i', (compression) => {
    for (const count of [2, 4, 0x7fffffff]) {
      const batch = tampered({ ...three, compression }, (bytes) => {
        bytes.writeInt32BE(count - 1, 23);
        bytes.writeInt32BE(count, 57);
      });
      expect(codeOf(refusal(batch))).toBe('INVALID_RECORD');
    }
  });

  it('finds the size before anything else of the batch', () => {
    const batch = buildBatch({ records: [{ value: Buffer.alloc(1000) }] });
    expect(codeOf(refusal(batch, rules({ maxMessageBytes: batch.length - 1 })))).toBe('MESSAGE_TOO_LARGE');
    expect(validateAndAssignOffsets(batch, rules({ maxMessageBytes: batch.length }), assignment).numRecords).toBe(1);
    batch[100] ^= 1;
    expect(codeOf(refusal(batch, rules({ maxMessageBytes: 1000 })))).toBe('INVALID_RECORD'); // now at offset 1000
  });
});

describe('a defect in a record', () => {
  // attributes, timestamp delta, offset delta, key length, value length, header count
  const good = [0, 0, 0, 1, 1, 0];
  const defects: [string, Buffer][] = [
    ['a key longer than the record', ofBodies([[0, 0, 0, 20, 1, 0]])],
    ['a key of 2^31 - 1 bytes', ofBodies([[0, 0, 0, 0xfe, 0xff, 0xff, 0xff, 0x0f, 1, 0]])],
    ['a value longer than the record', ofBodies([[0, 0, 0, 1, 20, 0]])],
    ['a value of 2^31 - 1 bytes', ofBodies([[0, 0, 0, 1, 0xfe, 0xff, 0xff, 0xff, 0x0f, 0]])],
    ['bytes left over in the record', ofBodies([[...good, 9]])],
    ['a record of 5 bytes', ofBodies([[0, 0, 0, 1, 1], good.concat(good)])],
    ['more headers than bytes', ofBodies([[0, 0, 0, 1, 1, 100]])],
    ['a negative number of headers', ofBodies([[0, 0, 0, 1, 1, 1]])],
    ['a header without a key', ofBodies([[0, 0, 0, 1, 1, 2, 1, 1]])],
    ['a header key longer than the record', ofBodies([[0, 0, 0, 1, 1, 2, 60, 1]])],
    ['a header value longer than the record', ofBodies([[0, 0, 0, 1, 1, 2, 0, 60]])],
    ['a header cut short', ofBodies([[0, 0, 0, 1, 1, 4, 0, 1]])],
    ['a timestamp of 11 bytes', ofBodies([[0, ...Array<number>(10).fill(0x80), 0, 0, 1, 1, 0]])],
    ['an offset of 6 bytes', ofBodies([[0, 0, ...Array<number>(5).fill(0x80), 0, 1, 1, 0]])],
    ['a negative record length', ofBytes(Buffer.from([1, ...good]), 1)],
    ['a record length of 6 bytes', ofBytes(Buffer.from([0x80, 0x80, 0x80, 0x80, 0x80, 0, ...good]), 1)],
    ['a record longer than the batch', ofBytes(Buffer.from([40, ...good]), 1)],
    ['a record cut short', ofBytes(Buffer.from([12, 0, 0, 0]), 1)],
    ['bytes behind the last record', ofBytes(Buffer.from([12, ...good, 0]), 1)],
    ['nothing', ofBytes(Buffer.alloc(0), 1)],
  ];

  it('is not in the one they all come from', () => {
    expect(validateAndAssignOffsets(ofBodies([good]), rules(), assignment).numRecords).toBe(1);
  });

  it.each(defects)('%s', (_name, batch) => {
    expect(codeOf(refusal(batch))).toBe('INVALID_RECORD');
  });

  it('never crashes the walk: any bytes as records', () => {
    const pieces = fc.oneof(
      fc.uint8Array({ maxLength: 30 }),
      fc.constantFrom([12, ...good], [0xff, 0xff, 0xff, 0xff, 0x0f], [0x80], [0]).map((list) => Uint8Array.from(list)),
    );
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 6 }), fc.integer({ min: 1, max: 5 }), (parts, count) => {
        const batch = ofBytes(Buffer.concat(parts), count);
        try {
          const info = validateAndAssignOffsets(batch, rules(), assignment);
          expect([...readRecords(info.records)]).toHaveLength(count);
        } catch (error) {
          expect((error as KafkaError).code).toBe(ErrorCode.INVALID_RECORD);
          expect(() => [...readRecords(batch)]).toThrow(KafkaError);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe('damaged batches', () => {
  it('never do worse than an error, whatever bit is flipped and even if the CRC agrees', () => {
    fc.assert(
      fc.property(anyBatch, fc.nat(), fc.integer({ min: 1, max: 255 }), fc.boolean(), (input, where, flip, repair) => {
        const batch = buildBatch(input);
        batch[where % batch.length] ^= flip;
        if (repair && batch.readInt32BE(8) === batch.length - 12) header.writeCrc(batch, 0, batch.length);
        try {
          const info = validateAndAssignOffsets(batch, rules({ compacted: true }), assignment);
          if (info.numBatches > 0) {
            expect(header.isValidBatch(info.records, 0, info.records.length)).toBe(true);
            expect([...readRecords(info.records)]).toHaveLength(info.numRecords);
          }
        } catch (error) {
          expect(error).toBeInstanceOf(KafkaError);
          expect((error as KafkaError).code).not.toBe(ErrorCode.UNKNOWN_SERVER_ERROR);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it.each(allCodecs.slice(1))('a bomb under codec %i is refused at its limit', (compression) => {
    const batch = buildBatch({ records: [{ key: 'k', value: Buffer.alloc(900_000) }], compression });
    const error = refusal(batch, rules({ maxDecompressedBytes: 800_000 }));
    expect(codeOf(error)).toBe('MESSAGE_TOO_LARGE');
    expect(error.message).toContain('800000');
  });
});

describe('compression.type', () => {
  it('recompresses where the codec differs, and keeps the rest', () => {
    fc.assert(
      fc.property(
        anyBatch,
        fc.constantFrom(...allCodecs),
        fc.constantFrom(0, 1),
        (input, compression, timestampType) => {
          const batch = buildBatch({
            ...input,
            producerId: 12,
            producerEpoch: 1,
            baseSequence: 4,
            transactional: true,
          });
          const sent = [...readRecords(batch)];
          const topic = rules({ compression, timestampType, maxMessageBytes: 10_000_000 });
          const info = validateAndAssignOffsets(batch, topic, assignment);
          expect(info.rebuilt).toBe(input.compression !== compression);
          expect(header.compressionOf(info.records, 0)).toBe(compression);
          expect(header.isValidBatch(info.records, 0, info.records.length)).toBe(true);
          expect(header.timestampTypeOf(info.records, 0)).toBe(timestampType);
          expect(header.producerId(info.records, 0)).toBe(12);
          expect(header.baseSequence(info.records, 0)).toBe(4);
          expect(header.isTransactional(info.records, 0)).toBe(true);
          expect(header.partitionLeaderEpoch(info.records, 0)).toBe(7);
          expect([...readRecords(info.records)]).toEqual(
            sent.map((record) => ({
              ...record,
              offset: record.offset + 1000,
              timestamp: timestampType === TimestampType.LOG_APPEND_TIME ? now : record.timestamp,
            })),
          );
        },
      ),
      { numRuns: 100 },
    );
  });

  it('measures the batch again as it is stored', () => {
    const input = { records: [{ value: Buffer.alloc(5000) }], compression: CompressionType.GZIP };
    const error = refusal(buildBatch(input), rules({ compression: CompressionType.NONE, maxMessageBytes: 1000 }));
    expect(codeOf(error)).toBe('MESSAGE_TOO_LARGE');
  });
});

describe('offset deltas that lie', () => {
  it.each(allCodecs)('are put right, codec %i', (compression) => {
    const batch = buildBatch({
      records: [
        { value: 'a', offset: 0 },
        { value: 'b', offset: 5 },
        { value: 'c', offset: 9000 },
        { value: 'd', offset: 2_100_000 },
      ],
      lastOffset: 3,
      compression,
      producerId: 3,
      producerEpoch: 0,
      baseSequence: 0,
    });
    const info = validateAndAssignOffsets(batch, rules(), assignment);
    expect(info.rebuilt).toBe(true);
    expect([...readRecords(info.records)].map((record) => record.offset)).toEqual([1000, 1001, 1002, 1003]);
    expect(header.lastOffset(info.records, 0)).toBe(1003);
    expect(header.compressionOf(info.records, 0)).toBe(compression);
    expect(header.producerId(info.records, 0)).toBe(3);
    expect(header.isValidBatch(info.records, 0, info.records.length)).toBe(true);
  });

  it('are put right whatever the records hold', () => {
    fc.assert(
      fc.property(anyBatch, fc.array(fc.nat(3_000_000), { minLength: 30, maxLength: 30 }), (input, gaps) => {
        const plain = buildBatch(input);
        let offset = 0;
        const records = input.records.map((record, index) => ({ ...record, offset: (offset += gaps[index] + 1) }));
        const batch = buildBatch({ ...input, records, lastOffset: records.length - 1 });
        const info = validateAndAssignOffsets(batch, rules(), assignment);
        validateAndAssignOffsets(plain, rules(), assignment);
        expect(info.rebuilt).toBe(true);
        expect(info.records.equals(plain)).toBe(true);
      }),
      { numRuns: 100 },
    );
  });
});

describe('a coordinator', () => {
  it('appends markers, uncompressed whatever the topic says', () => {
    const marker = buildEndTransactionMarker({
      type: ControlRecordType.COMMIT,
      producerId: 77,
      producerEpoch: 2,
      coordinatorEpoch: 5,
      timestamp: now,
    });
    const topic = rules({ compression: CompressionType.ZSTD, compacted: true });
    const info = validateAndAssignOffsets(marker, topic, { ...assignment, origin: AppendOrigin.COORDINATOR });
    expect(info).toMatchObject({ control: true, transactional: true, producerId: 77, rebuilt: false, numRecords: 1 });
    header.setBaseOffset(marker, 0, 0);
    expect(codeOf(refusal(marker, topic, AppendOrigin.CLIENT))).toBe('INVALID_RECORD');
  });
});

describe('many records', () => {
  it('are walked whatever the width of their offset deltas', () => {
    const records = Array.from({ length: 1_100_000 }, () => ({ value: null }));
    const batch = buildBatch({ records });
    const info = validateAndAssignOffsets(batch, rules({ maxMessageBytes: 1e8 }), assignment);
    expect(info).toMatchObject({ numRecords: 1_100_000, rebuilt: false });
  });
});

describe('Produce versions', () => {
  const plain = buildBatch(three);
  const zstd = buildBatch({ ...three, compression: CompressionType.ZSTD });
  function answer(version: number, records: Buffer): string {
    try {
      validateProduceRecords(version, records);
      return 'accepted';
    } catch (error) {
      return codeOf(error as KafkaError);
    }
  }

  it('3 and later take exactly one batch of format 2', () => {
    expect(answer(3, plain)).toBe('accepted');
    expect(answer(11, Buffer.concat([plain, plain.subarray(0, 30)]))).toBe('accepted');
    expect(answer(3, Buffer.alloc(0))).toBe('INVALID_RECORD');
    expect(answer(3, plain.subarray(0, 60))).toBe('INVALID_RECORD');
    expect(answer(9, Buffer.concat([plain, plain]))).toBe('INVALID_RECORD');
    const old = Buffer.from(plain);
    old[16] = 1;
    expect(answer(3, old)).toBe('INVALID_RECORD');
    old[16] = 4;
    expect(answer(3, old)).toBe('CORRUPT_MESSAGE');
  });

  it('7 and later take zstd', () => {
    expect(answer(6, zstd)).toBe('UNSUPPORTED_COMPRESSION_TYPE');
    expect(answer(7, zstd)).toBe('accepted');
  });

  it('before 3 are not looked at', () => {
    expect(answer(2, Buffer.concat([plain, plain]))).toBe('accepted');
  });
});
