/**
 * Where everything is in a record batch, read from (bytes, at) without an object per batch. All integers big-endian.
 *
 * Format 2 (magic 2), 61 bytes and then the records, compressed as one block:
 *
 *    0  int64  baseOffset
 *    8  int32  batchLength           bytes after this field
 *   12  int32  partitionLeaderEpoch
 *   16  int8   magic = 2
 *   17  uint32 crc                   CRC-32C of everything from attributes on
 *   21  int16  attributes            bits 0-2 codec, 3 LogAppendTime, 4 transactional, 5 control, 6 delete horizon
 *   23  int32  lastOffsetDelta
 *   27  int64  baseTimestamp         the delete horizon when bit 6 is set
 *   35  int64  maxTimestamp
 *   43  int64  producerId            -1: none
 *   51  int16  producerEpoch
 *   53  int32  baseSequence
 *   57  int32  recordCount
 *   61         records
 *
 * A record of format 2: varint length of what follows, int8 attributes (none used), varlong timestampDelta, varint
 * offsetDelta, varint key length (-1: null), key, varint value length (-1: null), value, varint header count, and for
 * each header varint key length, key (UTF-8), varint value length (-1: null), value.
 *
 * Formats 0 and 1 have no batch: each message stands alone, and a compressed message (the wrapper) holds a set of
 * messages as its value. Magic is at 16 in all three.
 *
 *    0  int64  offset                of a wrapper: that of its last message
 *    8  int32  messageSize           bytes after this field
 *   12  uint32 crc                   CRC-32 of everything from magic on
 *   16  int8   magic = 0 or 1
 *   17  int8   attributes            bits 0-2 codec, bit 3 LogAppendTime (format 1)
 *   18  int64  timestamp             format 1 alone; of a wrapper: the largest of its messages
 *    …  int32  key length (-1: null), key, int32 value length (-1: null), value
 *
 * Offsets in a wrapper are absolute in format 0, relative to its first message in format 1.
 *
 * The functions take either format and answer for formats 0 and 1 what Kafka's RecordBatch answers.
 */
import { ErrorCode, KafkaError } from '../protocol/errors';
import type { CompressionType } from './compression-type';
import { crc32, crc32c } from './crc32c';
import { readInt64, writeInt64 } from './int64';

export const NO_PRODUCER_ID = -1;
export const NO_PRODUCER_EPOCH = -1;
export const NO_SEQUENCE = -1;
export const NO_TIMESTAMP = -1;
export const NO_PARTITION_LEADER_EPOCH = -1;

/** Offset and length: what stands before the part that the length counts. */
export const LOG_OVERHEAD = 12;
/** Bytes needed to know size and magic. */
export const HEADER_SIZE_UP_TO_MAGIC = 17;
export const RECORD_BATCH_OVERHEAD = 61;
/** The smallest messageSize there is: a format-0 message with null key and null value. */
export const MIN_MESSAGE_SIZE = 14;

const LENGTH = 8;
const LEADER_EPOCH = 12;
const MAGIC = 16;
const CRC = 17;
const ATTRIBUTES = 21;
const LAST_OFFSET_DELTA = 23;
const BASE_TIMESTAMP = 27;
const MAX_TIMESTAMP = 35;
const PRODUCER_ID = 43;
const PRODUCER_EPOCH = 51;
const BASE_SEQUENCE = 53;
const RECORD_COUNT = 57;
const LEGACY_CRC = 12;
const LEGACY_ATTRIBUTES = 17;
const LEGACY_TIMESTAMP = 18;

const CODEC_MASK = 0x07;
const TIMESTAMP_TYPE_MASK = 0x08;
const TRANSACTIONAL_MASK = 0x10;
const CONTROL_MASK = 0x20;
const DELETE_HORIZON_MASK = 0x40;

export const TimestampType = { NO_TIMESTAMP_TYPE: -1, CREATE_TIME: 0, LOG_APPEND_TIME: 1 } as const;
export type TimestampType = (typeof TimestampType)[keyof typeof TimestampType];

/**
 * Size in bytes of the batch (or format 0/1 message) at `at`, header included; 0 when it is cut short by `end` or
 * nothing is left: that is how a fetch response and a torn log end. Throws CORRUPT_MESSAGE for a length or a magic
 * that cannot be (Kafka's ByteBufferLogInputStream).
 */
export function nextBatchSize(bytes: Buffer, at: number, end: number): number {
  const remaining = end - at;
  if (remaining < LOG_OVERHEAD) return 0;
  const length = bytes.readInt32BE(at + LENGTH);
  if (length < MIN_MESSAGE_SIZE) {
    throw new KafkaError(
      ErrorCode.CORRUPT_MESSAGE,
      `record batch at byte ${at} has length ${length}, less than the minimum of ${MIN_MESSAGE_SIZE}`,
    );
  }
  if (remaining < HEADER_SIZE_UP_TO_MAGIC) return 0;
  const magic = bytes.readInt8(at + MAGIC);
  if (magic < 0 || magic > 2) {
    throw new KafkaError(
      ErrorCode.CORRUPT_MESSAGE,
      `record batch at byte ${at} has magic ${magic}, where 0, 1 and 2 are known`,
    );
  }
  return remaining < length + LOG_OVERHEAD ? 0 : length + LOG_OVERHEAD;
}

export function magicOf(bytes: Buffer, at: number): number {
  return bytes[at + MAGIC];
}

/** As the length field has it; nextBatchSize() is for bytes that are not trusted yet. */
export function batchSize(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at + LENGTH) + LOG_OVERHEAD;
}

/** The first 8 bytes: base offset in format 2; in formats 0 and 1 the message's own (of a wrapper: its last) offset. */
export function baseOffset(bytes: Buffer, at: number): number {
  return readInt64(bytes, at);
}

export function lastOffset(bytes: Buffer, at: number): number {
  return magicOf(bytes, at) < 2 ? readInt64(bytes, at) : readInt64(bytes, at) + lastOffsetDelta(bytes, at);
}

/** Format 2 alone. */
export function lastOffsetDelta(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at + LAST_OFFSET_DELTA);
}

export function partitionLeaderEpoch(bytes: Buffer, at: number): number {
  return magicOf(bytes, at) < 2 ? NO_PARTITION_LEADER_EPOCH : bytes.readInt32BE(at + LEADER_EPOCH);
}

export function attributesOf(bytes: Buffer, at: number): number {
  return magicOf(bytes, at) < 2 ? bytes[at + LEGACY_ATTRIBUTES] : bytes[at + ATTRIBUTES + 1];
}

/** The codec's number as it stands: 5 to 7 are no codec, see isCompressionType(). */
export function compressionOf(bytes: Buffer, at: number): CompressionType {
  return (attributesOf(bytes, at) & CODEC_MASK) as CompressionType;
}

export function timestampTypeOf(bytes: Buffer, at: number): TimestampType {
  if (magicOf(bytes, at) === 0) return TimestampType.NO_TIMESTAMP_TYPE;
  return (attributesOf(bytes, at) & TIMESTAMP_TYPE_MASK) === 0
    ? TimestampType.CREATE_TIME
    : TimestampType.LOG_APPEND_TIME;
}

export function isTransactional(bytes: Buffer, at: number): boolean {
  return magicOf(bytes, at) >= 2 && (bytes[at + ATTRIBUTES + 1] & TRANSACTIONAL_MASK) !== 0;
}

export function isControlBatch(bytes: Buffer, at: number): boolean {
  return magicOf(bytes, at) >= 2 && (bytes[at + ATTRIBUTES + 1] & CONTROL_MASK) !== 0;
}

export function hasDeleteHorizon(bytes: Buffer, at: number): boolean {
  return magicOf(bytes, at) >= 2 && (bytes[at + ATTRIBUTES + 1] & DELETE_HORIZON_MASK) !== 0;
}

/** Milliseconds, or -1 where none is set (KIP-534). */
export function deleteHorizonMs(bytes: Buffer, at: number): number {
  return hasDeleteHorizon(bytes, at) ? readInt64(bytes, at + BASE_TIMESTAMP) : NO_TIMESTAMP;
}

/** What the records' timestamp deltas start from. Format 2 alone. */
export function baseTimestamp(bytes: Buffer, at: number): number {
  return readInt64(bytes, at + BASE_TIMESTAMP);
}

/** -1 where there is none (format 0). */
export function maxTimestamp(bytes: Buffer, at: number): number {
  const magic = magicOf(bytes, at);
  if (magic === 0) return NO_TIMESTAMP;
  return readInt64(bytes, magic === 1 ? at + LEGACY_TIMESTAMP : at + MAX_TIMESTAMP);
}

/** The same where a number does not hold it exactly (somebody counts nanoseconds), else `undefined`. */
export function wideMaxTimestamp(bytes: Buffer, at: number): bigint | undefined {
  if (maxTimestamp(bytes, at) <= Number.MAX_SAFE_INTEGER) return undefined;
  return bytes.readBigInt64BE(magicOf(bytes, at) === 1 ? at + LEGACY_TIMESTAMP : at + MAX_TIMESTAMP);
}

export function producerId(bytes: Buffer, at: number): number {
  return magicOf(bytes, at) < 2 ? NO_PRODUCER_ID : readInt64(bytes, at + PRODUCER_ID);
}

export function hasProducerId(bytes: Buffer, at: number): boolean {
  return producerId(bytes, at) > NO_PRODUCER_ID;
}

export function producerEpoch(bytes: Buffer, at: number): number {
  return magicOf(bytes, at) < 2 ? NO_PRODUCER_EPOCH : bytes.readInt16BE(at + PRODUCER_EPOCH);
}

export function baseSequence(bytes: Buffer, at: number): number {
  return magicOf(bytes, at) < 2 ? NO_SEQUENCE : bytes.readInt32BE(at + BASE_SEQUENCE);
}

export function lastSequence(bytes: Buffer, at: number): number {
  const first = baseSequence(bytes, at);
  return first === NO_SEQUENCE ? NO_SEQUENCE : incrementSequence(first, lastOffsetDelta(bytes, at));
}

/** Sequences wrap from 2^31 - 1 to 0. */
export function incrementSequence(sequence: number, increment: number): number {
  return sequence > 0x7fffffff - increment ? increment - (0x7fffffff - sequence) - 1 : sequence + increment;
}

export function decrementSequence(sequence: number, decrement: number): number {
  return sequence < decrement ? 0x7fffffff - (decrement - sequence) + 1 : sequence - decrement;
}

/** Format 2 alone: how many records the batch says it has. */
export function recordCount(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at + RECORD_COUNT);
}

export function storedCrc(bytes: Buffer, at: number): number {
  return bytes.readUInt32BE(at + (magicOf(bytes, at) < 2 ? LEGACY_CRC : CRC));
}

/** CRC of the batch of `size` bytes at `at`, as its format computes it. */
export function computeCrc(bytes: Buffer, at: number, size: number): number {
  return magicOf(bytes, at) < 2 ? crc32(bytes, at + MAGIC, at + size) : crc32c(bytes, at + ATTRIBUTES, at + size);
}

/** Whether a complete batch of `size` bytes is large enough for its format and its CRC agrees. */
export function isValidBatch(bytes: Buffer, at: number, size: number): boolean {
  const magic = magicOf(bytes, at);
  const smallest = magic >= 2 ? RECORD_BATCH_OVERHEAD : LOG_OVERHEAD + MIN_MESSAGE_SIZE + (magic === 1 ? 8 : 0);
  return size >= smallest && storedCrc(bytes, at) === computeCrc(bytes, at, size);
}

/** Outside the CRC in every format: patched in place. */
export function setBaseOffset(bytes: Buffer, at: number, offset: number): void {
  writeInt64(bytes, offset, at);
}

/** Format 2 alone; outside the CRC. */
export function setPartitionLeaderEpoch(bytes: Buffer, at: number, epoch: number): void {
  bytes.writeInt32BE(epoch, at + LEADER_EPOCH);
}

/** Format 2 alone: rewrites type and maximum in place, then the CRC, which covers both. */
export function setMaxTimestamp(
  bytes: Buffer,
  at: number,
  size: number,
  timestampType: TimestampType,
  timestamp: number,
): void {
  const flags = bytes[at + ATTRIBUTES + 1] & ~TIMESTAMP_TYPE_MASK & 0x7f;
  bytes.writeInt16BE(
    timestampType === TimestampType.LOG_APPEND_TIME ? flags | TIMESTAMP_TYPE_MASK : flags,
    at + ATTRIBUTES,
  );
  writeInt64(bytes, timestamp, at + MAX_TIMESTAMP);
  writeCrc(bytes, at, size);
}

export interface BatchHeader {
  readonly baseOffset: number;
  readonly partitionLeaderEpoch: number;
  readonly compression: CompressionType;
  readonly timestampType: TimestampType;
  readonly transactional: boolean;
  readonly control: boolean;
  readonly deleteHorizon: boolean;
  readonly lastOffsetDelta: number;
  readonly baseTimestamp: number;
  readonly maxTimestamp: number;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly recordCount: number;
}

/** Writes the 61 bytes of a format-2 header before records that already stand behind it, CRC included. */
export function writeBatchHeader(bytes: Buffer, at: number, size: number, header: BatchHeader): void {
  writeInt64(bytes, header.baseOffset, at);
  bytes.writeInt32BE(size - LOG_OVERHEAD, at + LENGTH);
  bytes.writeInt32BE(header.partitionLeaderEpoch, at + LEADER_EPOCH);
  bytes[at + MAGIC] = 2;
  let flags: number = header.compression;
  if (header.timestampType === TimestampType.LOG_APPEND_TIME) flags |= TIMESTAMP_TYPE_MASK;
  if (header.transactional) flags |= TRANSACTIONAL_MASK;
  if (header.control) flags |= CONTROL_MASK;
  if (header.deleteHorizon) flags |= DELETE_HORIZON_MASK;
  bytes.writeInt16BE(flags, at + ATTRIBUTES);
  bytes.writeInt32BE(header.lastOffsetDelta, at + LAST_OFFSET_DELTA);
  writeInt64(bytes, header.baseTimestamp, at + BASE_TIMESTAMP);
  writeInt64(bytes, header.maxTimestamp, at + MAX_TIMESTAMP);
  writeInt64(bytes, header.producerId, at + PRODUCER_ID);
  bytes.writeInt16BE(header.producerEpoch, at + PRODUCER_EPOCH);
  bytes.writeInt32BE(header.baseSequence, at + BASE_SEQUENCE);
  bytes.writeInt32BE(header.recordCount, at + RECORD_COUNT);
  writeCrc(bytes, at, size);
}

/** Format 2 alone: codec bits, for records that were compressed anew; the CRC follows with writeCrc(). */
export function setCompression(bytes: Buffer, at: number, compression: CompressionType): void {
  bytes[at + ATTRIBUTES + 1] = (bytes[at + ATTRIBUTES + 1] & ~CODEC_MASK) | compression;
}

/** Format 2 alone: size of the whole batch, header included. */
export function setBatchSize(bytes: Buffer, at: number, size: number): void {
  bytes.writeInt32BE(size - LOG_OVERHEAD, at + LENGTH);
}

/** Format 2 alone. */
export function writeCrc(bytes: Buffer, at: number, size: number): void {
  bytes.writeUInt32BE(crc32c(bytes, at + ATTRIBUTES, at + size), at + CRC);
}
