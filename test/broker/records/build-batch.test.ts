import { describe, expect, it } from 'vitest';
import { KafkaError } from '../../../broker/src/protocol/errors';
import { analyzeReplicatedRecords } from '../../../broker/src/records/analyze-replicated';
import * as header from '../../../broker/src/records/batch-header';
import { buildBatch } from '../../../broker/src/records/build-batch';
import { CompressionType } from '../../../broker/src/records/compression-type';
import {
  buildEndTransactionMarker,
  ControlRecordType,
  controlRecordType,
  markerCoordinatorEpoch,
} from '../../../broker/src/records/control-records';
import { readRecords } from '../../../broker/src/records/read-records';
import { goldenLogs } from './golden-log-directory';

const now = 1_700_000_000_000;

describe('buildBatch', () => {
  it('writes a batch byte for byte as Kafka did', () => {
    const log = goldenLogs('logdir-3.9.tar.gz').get('kafka1/hdr-0/00000000000000000000.log')!;
    const records = [...readRecords(log)];
    expect(buildBatch({ records, partitionLeaderEpoch: 0 }).equals(log)).toBe(true);
  });

  it('rebuilds every uncompressed batch of the log directory byte for byte', () => {
    let compared = 0;
    for (const log of goldenLogs('logdir-3.9.tar.gz').values()) {
      for (let at = 0, size = 0; (size = header.nextBatchSize(log, at, log.length)) > 0; at += size) {
        if (header.compressionOf(log, at) !== CompressionType.NONE) continue;
        const appendTime = header.timestampTypeOf(log, at) === header.TimestampType.LOG_APPEND_TIME;
        if (appendTime) continue; // the records' own timestamps are not read back
        const built = buildBatch({
          records: [...readRecords(log, at)],
          baseOffset: header.baseOffset(log, at),
          lastOffset: header.lastOffset(log, at),
          producerId: header.producerId(log, at),
          producerEpoch: header.producerEpoch(log, at),
          baseSequence: header.baseSequence(log, at),
          transactional: header.isTransactional(log, at),
          control: header.isControlBatch(log, at),
          partitionLeaderEpoch: header.partitionLeaderEpoch(log, at),
          deleteHorizonMs: header.hasDeleteHorizon(log, at) ? header.deleteHorizonMs(log, at) : undefined,
        });
        expect(built.equals(log.subarray(at, at + size))).toBe(true);
        compared++;
      }
    }
    expect(compared).toBeGreaterThan(100);
  });

  it('keeps gaps and the end that compaction left', () => {
    const batch = buildBatch({
      baseOffset: 10,
      lastOffset: 19,
      records: [
        { key: 'a', offset: 12, timestamp: now },
        { key: 'b', offset: 17, timestamp: now + 1 },
      ],
      deleteHorizonMs: now + 500,
    });
    expect([...readRecords(batch)].map((record) => [record.offset, record.timestamp])).toEqual([
      [12, now],
      [17, now + 1],
    ]);
    expect(header.lastOffset(batch, 0)).toBe(19);
    expect(header.deleteHorizonMs(batch, 0)).toBe(now + 500);
  });

  it('may be empty, to keep a sequence', () => {
    const batch = buildBatch({
      baseOffset: 10,
      lastOffset: 19,
      records: [],
      producerId: 5,
      producerEpoch: 1,
      baseSequence: 3,
      maxTimestamp: now,
      compression: CompressionType.GZIP,
    });
    expect(batch).toHaveLength(61);
    expect([...readRecords(batch)]).toEqual([]);
    expect([header.lastSequence(batch, 0), header.maxTimestamp(batch, 0)]).toEqual([12, now]);
    expect(header.isValidBatch(batch, 0, 61)).toBe(true);
  });

  it('takes no offsets that fall or reach too far', () => {
    expect(() => buildBatch({ records: [{ offset: 5 }, { offset: 5 }] })).toThrow(RangeError);
    expect(() => buildBatch({ records: [{ offset: 2 ** 31 }] })).toThrow(RangeError);
    expect(() => buildBatch({ baseOffset: 3, records: [{ offset: 2 }] })).toThrow(RangeError);
  });
});

describe('end markers', () => {
  it('are read as they were built', () => {
    const batch = buildEndTransactionMarker({
      type: ControlRecordType.ABORT,
      producerId: 8,
      producerEpoch: 2,
      coordinatorEpoch: 31,
      timestamp: now,
    });
    const [record] = readRecords(batch);
    expect(controlRecordType(record.key)).toBe(ControlRecordType.ABORT);
    expect(markerCoordinatorEpoch(record.value)).toBe(31);
    expect(header.isControlBatch(batch, 0) && header.isTransactional(batch, 0)).toBe(true);
  });

  it('pass over types that are not known and refuse what is too short', () => {
    expect(controlRecordType(Buffer.from([0, 0, 0, 9]))).toBeUndefined();
    expect(() => controlRecordType(Buffer.from([0, 0, 0]))).toThrow(KafkaError);
    expect(() => controlRecordType(null)).toThrow(KafkaError);
    expect(() => controlRecordType(Buffer.from([255, 255, 0, 0]))).toThrow(/version -1/);
    expect(() => markerCoordinatorEpoch(Buffer.alloc(5))).toThrow(KafkaError);
  });
});

describe('sequences', () => {
  it('wrap at 2^31', () => {
    expect(header.incrementSequence(0x7fffffff, 1)).toBe(0);
    expect(header.incrementSequence(0x7ffffffe, 5)).toBe(3);
    expect(header.decrementSequence(3, 5)).toBe(0x7ffffffe);
    expect(header.decrementSequence(5, 3)).toBe(2);
  });
});

describe('records from a leader', () => {
  const first = buildBatch({
    records: [
      { value: 'a', timestamp: now + 9 },
      { value: 'b', timestamp: now },
    ],
    baseOffset: 100,
    partitionLeaderEpoch: 3,
  });
  const second = buildBatch({
    records: [{ value: 'c', timestamp: now + 5 }],
    baseOffset: 105,
    partitionLeaderEpoch: 4,
    compression: CompressionType.LZ4,
  });

  it('keep their offsets, and a torn tail is left out', () => {
    const info = analyzeReplicatedRecords(Buffer.concat([first, second, first.subarray(0, 50)]));
    expect(info).toMatchObject({
      numBatches: 2,
      numRecords: 3,
      firstOffset: 100,
      lastOffset: 105,
      lastLeaderEpoch: 4,
      maxTimestamp: now + 9,
      shallowOffsetOfMaxTimestamp: 101,
    });
    expect(info.records).toHaveLength(first.length + second.length);
  });

  it('are refused out of order and damaged', () => {
    expect(() => analyzeReplicatedRecords(Buffer.concat([second, first]))).toThrow(/offset 101 follows 105/);
    const damaged = Buffer.from(second);
    damaged[70] ^= 1;
    expect(() => analyzeReplicatedRecords(damaged)).toThrow(/corrupt/);
  });
});
