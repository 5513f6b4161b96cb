import {
  NO_PARTITION_LEADER_EPOCH,
  NO_PRODUCER_EPOCH,
  NO_PRODUCER_ID,
  NO_SEQUENCE,
  NO_TIMESTAMP,
  RECORD_BATCH_OVERHEAD,
  TimestampType,
  writeBatchHeader,
} from './batch-header';
import { compress } from './compression';
import { CompressionType } from './compression-type';
import type { RecordHeader } from './record';
import { sizeOfVarint, sizeOfVarlong, writeVarint, writeVarlong } from './varint';

/** A record to be written; strings are written as UTF-8. */
export interface RecordInput {
  readonly key?: Buffer | string | null;
  readonly value?: Buffer | string | null;
  readonly headers?: readonly RecordHeader[];
  /** Milliseconds, default -1 (none). */
  readonly timestamp?: number;
  /** Absolute; default: one after the record before. Records may leave gaps (a compacted batch does). */
  readonly offset?: number;
}

export interface BatchInput {
  readonly records: readonly RecordInput[];
  /** Default 0, as a producer sends it. */
  readonly baseOffset?: number;
  /** Default that of the last record: a compacted batch keeps the one it had. */
  readonly lastOffset?: number;
  readonly compression?: CompressionType;
  readonly level?: number;
  readonly producerId?: number;
  readonly producerEpoch?: number;
  readonly baseSequence?: number;
  readonly transactional?: boolean;
  readonly control?: boolean;
  readonly partitionLeaderEpoch?: number;
  /** Given: timestamp type LogAppendTime with this time. */
  readonly logAppendTime?: number;
  /** Given: stands in for the base timestamp, as the cleaner leaves it (KIP-534). */
  readonly deleteHorizonMs?: number;
  /** Default the largest of the records; an empty batch that a cleaner retains keeps the one it had. */
  readonly maxTimestamp?: number;
}

/** A format-2 batch with its CRC. Without records (what compaction leaves to keep a sequence) `lastOffset` is needed. */
export function buildBatch(input: BatchInput): Buffer {
  const baseOffset = input.baseOffset ?? 0;
  const compression = input.compression ?? CompressionType.NONE;
  const first = input.records.length > 0 ? (input.records[0].timestamp ?? NO_TIMESTAMP) : NO_TIMESTAMP;
  const baseTimestamp = input.deleteHorizonMs ?? first;

  const prepared = input.records.map((record) => ({
    key: bytesOf(record.key),
    value: bytesOf(record.value),
    headers: (record.headers ?? []).map((header) => ({ key: Buffer.from(header.key), value: header.value })),
    timestampDelta: (record.timestamp ?? NO_TIMESTAMP) - baseTimestamp,
    size: 0,
    offsetDelta: 0,
  }));
  let nextOffset = baseOffset;
  let maxTimestamp = NO_TIMESTAMP;
  let size = 0;
  prepared.forEach((record, index) => {
    const offset = input.records[index].offset ?? nextOffset;
    record.offsetDelta = offset - baseOffset;
    if (offset < nextOffset || record.offsetDelta > 0x7fffffff) {
      throw new RangeError(`offset ${offset} of record ${index} is not in ${nextOffset} … ${baseOffset + 0x7fffffff}`);
    }
    nextOffset = offset + 1;
    maxTimestamp = Math.max(maxTimestamp, record.timestampDelta + baseTimestamp);
    record.size = bodySize(record);
    size += sizeOfVarint(record.size) + record.size;
  });
  const lastOffset = input.lastOffset ?? nextOffset - 1;

  let batch: Buffer;
  if (compression === CompressionType.NONE || prepared.length === 0) {
    batch = Buffer.allocUnsafe(RECORD_BATCH_OVERHEAD + size);
    writeRecords(batch, RECORD_BATCH_OVERHEAD, prepared);
  } else {
    const records = Buffer.allocUnsafe(size);
    writeRecords(records, 0, prepared);
    const packed = compress(compression, records, input);
    batch = Buffer.allocUnsafe(RECORD_BATCH_OVERHEAD + packed.length);
    packed.copy(batch, RECORD_BATCH_OVERHEAD);
  }
  writeBatchHeader(batch, 0, batch.length, {
    baseOffset,
    partitionLeaderEpoch: input.partitionLeaderEpoch ?? NO_PARTITION_LEADER_EPOCH,
    compression: prepared.length === 0 ? CompressionType.NONE : compression,
    timestampType: input.logAppendTime === undefined ? TimestampType.CREATE_TIME : TimestampType.LOG_APPEND_TIME,
    transactional: input.transactional ?? false,
    control: input.control ?? false,
    deleteHorizon: input.deleteHorizonMs !== undefined,
    lastOffsetDelta: lastOffset - baseOffset,
    baseTimestamp,
    maxTimestamp: input.logAppendTime ?? input.maxTimestamp ?? maxTimestamp,
    producerId: input.producerId ?? NO_PRODUCER_ID,
    producerEpoch: input.producerEpoch ?? NO_PRODUCER_EPOCH,
    baseSequence: input.baseSequence ?? NO_SEQUENCE,
    recordCount: prepared.length,
  });
  return batch;
}

interface PreparedRecord {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly { readonly key: Buffer; readonly value: Buffer | null }[];
  readonly timestampDelta: number;
  offsetDelta: number;
  size: number;
}

function bytesOf(value: Buffer | string | null | undefined): Buffer | null {
  if (value === null || value === undefined) return null;
  return typeof value === 'string' ? Buffer.from(value) : value;
}

function bodySize(record: PreparedRecord): number {
  let size = 1 + sizeOfVarlong(record.timestampDelta) + sizeOfVarint(record.offsetDelta);
  size += sizedLength(record.key) + sizedLength(record.value) + sizeOfVarint(record.headers.length);
  for (const header of record.headers) size += sizedLength(header.key) + sizedLength(header.value);
  return size;
}

function sizedLength(value: Buffer | null): number {
  return value === null ? 1 : sizeOfVarint(value.length) + value.length;
}

function writeRecords(bytes: Buffer, at: number, records: readonly PreparedRecord[]): void {
  for (const record of records) {
    at = writeVarint(bytes, record.size, at);
    bytes[at++] = 0;
    at = writeVarlong(bytes, record.timestampDelta, at);
    at = writeVarint(bytes, record.offsetDelta, at);
    at = writeSized(bytes, at, record.key);
    at = writeSized(bytes, at, record.value);
    at = writeVarint(bytes, record.headers.length, at);
    for (const header of record.headers) {
      at = writeSized(bytes, at, header.key);
      at = writeSized(bytes, at, header.value);
    }
  }
}

function writeSized(bytes: Buffer, at: number, value: Buffer | null): number {
  if (value === null) return writeVarint(bytes, -1, at);
  at = writeVarint(bytes, value.length, at);
  return at + value.copy(bytes, at);
}
