import {
  TimestampType,
  baseOffset,
  baseTimestamp,
  magicOf,
  maxTimestamp,
  nextBatchSize,
  recordCount,
  timestampTypeOf,
} from './batch-header';
import { DEFAULT_MAX_DECOMPRESSED_BYTES } from './compression';
import { unpackedRecords } from './decompress-batch';
import { readLegacyMessages } from './legacy-records';
import { type LogRecord, type RecordHeader, noHeaders } from './record';
import { invalidRecord } from './record-errors';
import { VarintReader } from './varint';

/**
 * The records of the batch (format 2) or message (formats 0 and 1) at `at`, which must be complete. Keys and values are
 * slices. Throws, as it comes to it, INVALID_RECORD for what does not hold together and MESSAGE_TOO_LARGE for a batch
 * that unpacks to more than `limit` bytes. The CRC is not checked: see isValidBatch().
 */
export function* readRecords(
  bytes: Buffer,
  at = 0,
  limit = DEFAULT_MAX_DECOMPRESSED_BYTES,
): Generator<LogRecord, void, undefined> {
  if (magicOf(bytes, at) < 2) {
    yield* readLegacyMessages(bytes, at, limit, false);
    return;
  }
  const count = recordCount(bytes, at);
  if (count < 0) throw invalidRecord(`a batch says that it has ${count} records`);
  if (count === 0) return;
  const records = unpackedRecords(bytes, at, limit);
  const firstOffset = baseOffset(bytes, at);
  const firstTimestamp = baseTimestamp(bytes, at);
  const appendTime = timestampTypeOf(bytes, at) === TimestampType.LOG_APPEND_TIME ? maxTimestamp(bytes, at) : undefined;
  const reader = new VarintReader(records, 0, records.length);
  for (let index = 0; index < count; index++) {
    yield readRecord(reader, index, firstOffset, firstTimestamp, appendTime);
  }
  if (reader.at !== records.length) throw invalidRecord(`bytes are left over behind the ${count} records of a batch`);
}

/** All records of all complete batches; a batch cut short at the end is left out. */
export function* readRecordSet(
  bytes: Buffer,
  limit = DEFAULT_MAX_DECOMPRESSED_BYTES,
): Generator<LogRecord, void, undefined> {
  for (let at = 0, size = 0; (size = nextBatchSize(bytes, at, bytes.length)) > 0; at += size) {
    yield* readRecords(bytes, at, limit);
  }
}

function readRecord(
  reader: VarintReader,
  index: number,
  firstOffset: number,
  firstTimestamp: number,
  appendTime: number | undefined,
): LogRecord {
  reader.end = reader.bytes.length;
  const length = reader.varint();
  if (reader.failed || length < 0 || length > reader.end - reader.at) {
    throw invalidRecord(`record ${index} reaches beyond its batch`);
  }
  const end = reader.at + length;
  reader.end = end;
  reader.at++;
  const timestampDelta = reader.varlong();
  const offsetDelta = reader.varint();
  const key = sized(reader);
  const value = sized(reader);
  const headerCount = reader.varint();
  if (headerCount < 0 || headerCount > end - reader.at) reader.failed = true;
  let headers = noHeaders;
  if (!reader.failed && headerCount > 0) {
    const list: RecordHeader[] = [];
    for (let i = 0; i < headerCount && !reader.failed; i++) {
      const headerKey = sized(reader);
      if (headerKey === null) throw invalidRecord(`record ${index} has a header without a key`);
      list.push({ key: headerKey.toString('utf8'), value: sized(reader) });
    }
    headers = list;
  }
  if (reader.failed || reader.at !== end) throw invalidRecord(`record ${index}: its fields do not fill its length`);
  const timestamp = appendTime ?? firstTimestamp + timestampDelta;
  return { offset: firstOffset + offsetDelta, timestamp, key, value, headers };
}

function sized(reader: VarintReader): Buffer | null {
  const size = reader.varint();
  if (size < 0) return null;
  const start = reader.at;
  if (size > reader.end - start) {
    reader.failed = true;
    return null;
  }
  reader.at += size;
  return reader.bytes.subarray(start, start + size);
}
