/**
 * Messages of formats 0 and 1 (layout: batch-header.ts), as clients before 0.11 send and fetch them and as log
 * directories of old clusters still hold them. No format 2 in here.
 */
import { ErrorCode, KafkaError } from '../protocol/errors';
import {
  HEADER_SIZE_UP_TO_MAGIC,
  LOG_OVERHEAD,
  MIN_MESSAGE_SIZE,
  NO_TIMESTAMP,
  TimestampType,
  baseOffset,
  batchSize,
  computeCrc,
  magicOf,
  maxTimestamp,
  storedCrc,
  timestampTypeOf,
} from './batch-header';
import { compress } from './compression';
import { CompressionType } from './compression-type';
import { crc32 } from './crc32c';
import { unpack } from './decompress-batch';
import { readInt64, writeInt64 } from './int64';
import { type LogRecord, noHeaders } from './record';
import { corruptMessage, invalidRecord } from './record-errors';

const attributesAt = 17;
const timestampAt = 18;
const codecMask = 0x07;
const logAppendTimeMask = 0x08;

/**
 * Conversion makes an object of every message: more than this in one set, or one batch, is refused. A set of 1 MiB holds
 * 40,000 at most, but one that is compressed may unpack to millions of empty ones.
 */
export const MAX_CONVERTED_RECORDS = 250_000;

export function boundMessages(count: number): void {
  if (count > MAX_CONVERTED_RECORDS) {
    throw new KafkaError(
      ErrorCode.MESSAGE_TOO_LARGE,
      `more than the ${MAX_CONVERTED_RECORDS} records that are converted to another message format at once`,
    );
  }
}

/** Where the key length stands. */
function bodyAt(magic: number): number {
  return magic === 0 ? 18 : 26;
}

/** A message as it stands, and what its own bytes say. */
export interface LegacyMessage extends LogRecord {
  readonly magic: number;
  readonly compression: number;
}

/** Fields of one message whose size and CRC are known to be good; INVALID_RECORD when its lengths do not agree. */
function readMessage(bytes: Buffer, at: number, size: number, offset: number, timestamp: number): LegacyMessage {
  const magic = magicOf(bytes, at);
  const end = at + size;
  let position = at + bodyAt(magic);
  const key = sized(bytes, position, end);
  position += 4 + (key?.length ?? 0);
  const value = sized(bytes, position, end);
  if (position + 4 + (value?.length ?? 0) !== end) {
    throw invalidRecord(`message at offset ${offset}: key and value do not fill its ${size} bytes`);
  }
  return {
    offset,
    timestamp,
    key,
    value,
    headers: noHeaders,
    magic,
    compression: bytes[at + attributesAt] & codecMask,
  };
}

function sized(bytes: Buffer, at: number, end: number): Buffer | null {
  if (end - at < 4) throw invalidRecord('a message ends before the length of its key or value');
  const length = bytes.readInt32BE(at);
  if (length < 0) return null;
  if (length > end - at - 4) throw invalidRecord(`a key or value of ${length} bytes reaches beyond its message`);
  return bytes.subarray(at + 4, at + 4 + length);
}

/**
 * The messages in the message (or wrapper) at `at`, in order, with absolute offsets. `checkCrc`: of the messages inside
 * a wrapper, too (CORRUPT_MESSAGE). Throws INVALID_RECORD for what cannot be, MESSAGE_TOO_LARGE for a wrapper that
 * unpacks to more than `limit` bytes. A message cut short at the wrapper's end is dropped, as Kafka does.
 */
export function readLegacyMessages(bytes: Buffer, at: number, limit: number, checkCrc: boolean): LegacyMessage[] {
  const magic = magicOf(bytes, at);
  const outer = readMessage(bytes, at, batchSize(bytes, at), baseOffset(bytes, at), maxTimestamp(bytes, at));
  if (outer.compression === CompressionType.NONE) return [outer];
  if (outer.compression === CompressionType.ZSTD) throw invalidRecord(`zstd in a message of format ${magic}`);
  if (outer.value === null) throw invalidRecord('a compressed message without a value');

  const inner = unpack(outer.value, outer.compression as CompressionType, limit, magic);
  const fixedTimestamp = timestampTypeOf(bytes, at) === TimestampType.LOG_APPEND_TIME ? outer.timestamp : undefined;
  const messages: LegacyMessage[] = [];
  let position = 0;
  while (inner.length - position >= LOG_OVERHEAD) {
    const size = inner.readInt32BE(position + 8) + LOG_OVERHEAD;
    if (size < LOG_OVERHEAD + MIN_MESSAGE_SIZE) {
      throw corruptMessage(`a message inside a compressed one has ${size - LOG_OVERHEAD} bytes, less than the minimum`);
    }
    if (inner.length - position < Math.max(size, HEADER_SIZE_UP_TO_MAGIC)) break;
    messages.push(readInner(inner, position, size, magic, fixedTimestamp, checkCrc));
    boundMessages(messages.length);
    position += size;
  }
  if (messages.length === 0) throw invalidRecord('a compressed message with no messages inside');
  return magic === 1 ? withAbsoluteOffsets(messages, outer.offset) : messages;
}

function readInner(
  inner: Buffer,
  at: number,
  size: number,
  wrapperMagic: number,
  fixedTimestamp: number | undefined,
  checkCrc: boolean,
): LegacyMessage {
  const magic = magicOf(inner, at);
  if (magic !== wrapperMagic) {
    throw invalidRecord(`a message of format ${magic} inside a compressed one of format ${wrapperMagic}`);
  }
  if (checkCrc && storedCrc(inner, at) !== computeCrc(inner, at, size)) {
    throw corruptMessage(`a message inside a compressed one is corrupt: its CRC does not agree`);
  }
  const own = magic === 0 ? NO_TIMESTAMP : readInt64(inner, at + timestampAt);
  const message = readMessage(inner, at, size, readInt64(inner, at), fixedTimestamp ?? own);
  if (message.compression !== CompressionType.NONE) throw invalidRecord('a compressed message inside a compressed one');
  return message;
}

/** Format 1 counts from the first message; the wrapper has the offset of the last. Some librdkafka left it at 0. */
function withAbsoluteOffsets(messages: LegacyMessage[], wrapperOffset: number): LegacyMessage[] {
  const lastInner = messages[messages.length - 1].offset;
  if (wrapperOffset !== 0 && wrapperOffset < lastInner) {
    throw invalidRecord(
      `offset ${wrapperOffset} of a compressed message is less than ${lastInner}, that of its last one`,
    );
  }
  const base = wrapperOffset === 0 ? 0 : wrapperOffset - lastInner;
  return base === 0 ? messages : messages.map((message) => ({ ...message, offset: message.offset + base }));
}

export interface LegacySetOptions {
  readonly magic: 0 | 1;
  readonly compression: CompressionType;
  readonly level?: number;
  readonly timestampType: TimestampType;
}

/**
 * A message set of format 0 or 1: one message a record or, compressed, one wrapper around all. Headers have no place in
 * these formats and are left out. Takes no zstd.
 */
export function buildLegacySet(records: readonly LogRecord[], options: LegacySetOptions): Buffer {
  const compressed = options.compression !== CompressionType.NONE;
  if (records.length === 0) return Buffer.alloc(0);
  const overhead = bodyAt(options.magic) + 8;
  let size = 0;
  for (const record of records) size += overhead + (record.key?.length ?? 0) + (record.value?.length ?? 0);
  const set = Buffer.allocUnsafe(size);
  const relativeTo = compressed && options.magic === 1 ? records[0].offset : 0;
  let at = 0;
  let largest = NO_TIMESTAMP;
  for (const record of records) {
    at = writeMessage(set, at, record, record.offset - relativeTo, CompressionType.NONE, options);
    largest = Math.max(largest, record.timestamp);
  }
  if (!compressed) return set;

  const value = compress(options.compression, set, options);
  const wrapper = Buffer.allocUnsafe(overhead + value.length);
  const last = records[records.length - 1].offset;
  const record: LogRecord = { offset: last, timestamp: largest, key: null, value, headers: noHeaders };
  writeMessage(wrapper, 0, record, last, options.compression, options);
  return wrapper;
}

function writeMessage(
  bytes: Buffer,
  at: number,
  record: LogRecord,
  offset: number,
  compression: CompressionType,
  options: LegacySetOptions,
): number {
  let position = at + bodyAt(options.magic);
  position = writeSized(bytes, position, record.key);
  position = writeSized(bytes, position, record.value);
  writeInt64(bytes, offset, at);
  bytes.writeInt32BE(position - at - LOG_OVERHEAD, at + 8);
  bytes[at + 16] = options.magic;
  bytes[at + attributesAt] = compression;
  if (options.magic === 1) {
    if (options.timestampType === TimestampType.LOG_APPEND_TIME) bytes[at + attributesAt] |= logAppendTimeMask;
    writeInt64(bytes, record.timestamp, at + timestampAt);
  }
  bytes.writeUInt32BE(crc32(bytes, at + 16, position), at + 12);
  return position;
}

function writeSized(bytes: Buffer, at: number, value: Buffer | null): number {
  if (value === null) return bytes.writeInt32BE(-1, at);
  at = bytes.writeInt32BE(value.length, at);
  return at + value.copy(bytes, at);
}
