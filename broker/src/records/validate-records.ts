/**
 * What stands between a client's bytes and a partition: every batch is checked as Kafka 3.9 does it (UnifiedLog's
 * analyzeAndValidateRecords, then LogValidator), then gets its offsets. An ordinary batch is changed in place (base
 * offset and leader epoch, which no CRC covers); a new one is built only for another codec, for records whose offset
 * deltas are not 0, 1, 2 …, and for formats 0 and 1.
 *
 * Nothing is changed in the bytes before all checks have passed. Where Kafka answers UNKNOWN_SERVER_ERROR by accident,
 * this has a code that says more: INVALID_RECORD for a compressed part that its codec did not write,
 * UNSUPPORTED_COMPRESSION_TYPE for codecs 5 to 7. Beyond Kafka: MESSAGE_TOO_LARGE for a batch that unpacks to more than
 * the limit, INVALID_RECORD for a transactional batch without a producer id, and an uncompressed batch with offset
 * deltas that lie is renumbered, as Kafka does it with a compressed one.
 */
import { ErrorCode, KafkaError } from '../protocol/errors';
import { type AppendInfo, newAppendInfo, resetAppendInfo } from './append-info';
import * as header from './batch-header';
import { NO_TIMESTAMP, RECORD_BATCH_OVERHEAD, TimestampType } from './batch-header';
import { buildBatch } from './build-batch';
import { compress, DEFAULT_MAX_DECOMPRESSED_BYTES } from './compression';
import { CompressionType } from './compression-type';
import { requireCompressionType, unpackedRecords } from './decompress-batch';
import { type LegacyMessage, boundMessages, readLegacyMessages } from './legacy-records';
import { corruptMessage, invalidRecord } from './record-errors';
import { RecordChecks, type RecordRules, timestampOutOfRange } from './record-rules';
import { renumberRecords } from './renumber-records';
import { VarintReader } from './varint';
import { newRecordWalk, walkRecords } from './walk-records';

export const AppendOrigin = { CLIENT: 'client', COORDINATOR: 'coordinator' } as const;
export type AppendOrigin = (typeof AppendOrigin)[keyof typeof AppendOrigin];

export interface Assignment {
  /** Offset of the first record: the log's end. */
  readonly offset: number;
  readonly leaderEpoch: number;
  /** Wall clock in milliseconds: the append time, and what timestamps are measured against. */
  readonly now: number;
  readonly origin: AppendOrigin;
}

const walk = newRecordWalk();

/**
 * Validates what a leader is about to append and gives it offsets from `assignment.offset` on. Fills and returns
 * `info`; info.numBatches is 0 when there was nothing. Throws KafkaError (RecordValidationError where single records
 * are at fault), and then the bytes are as they were.
 */
export function validateAndAssignOffsets(
  records: Buffer,
  rules: RecordRules,
  assignment: Assignment,
  info: AppendInfo = newAppendInfo(),
): AppendInfo {
  resetAppendInfo(info);
  const validBytes = analyze(records, rules, assignment.origin, info);
  if (validBytes === 0) return info;
  const valid = validBytes === records.length ? records : records.subarray(0, validBytes);

  // Several messages of formats 0 and 1 may stand side by side; compressed ones and batches may not.
  const single = header.magicOf(valid, 0) >= 2 || info.sourceCompression !== CompressionType.NONE;
  if (single && info.numBatches > 1) throw invalidRecord(`${info.numBatches} record batches, where one is accepted`);
  const target = rules.compression === 'producer' ? info.sourceCompression : rules.compression;
  if (header.magicOf(valid, 0) >= 2) assignToBatch(valid, rules, target, assignment, info);
  else convertAndAssign(valid, rules, target, assignment, info);

  if (info.rebuilt && info.records.length > rules.maxMessageBytes) throw tooLarge(info.records.length, rules, 'stored');
  info.numBatches = 1;
  info.lastLeaderEpoch = assignment.leaderEpoch;
  if (rules.timestampType === TimestampType.LOG_APPEND_TIME) info.logAppendTime = assignment.now;
  return info;
}

/** Sizes, CRCs and codecs of all batches; returns how many bytes are whole batches. */
function analyze(records: Buffer, rules: RecordRules, origin: AppendOrigin, info: AppendInfo): number {
  let at = 0;
  for (let size = 0; (size = header.nextBatchSize(records, at, records.length)) > 0; at += size) {
    const magic = header.magicOf(records, at);
    if (magic >= 2 && origin === AppendOrigin.CLIENT && header.baseOffset(records, at) !== 0) {
      throw invalidRecord(`base offset ${header.baseOffset(records, at)} of a record batch to append, where 0 is due`);
    }
    if (size > rules.maxMessageBytes) throw tooLarge(size, rules, 'sent');
    if (!header.isValidBatch(records, at, size)) throw corrupt(records, at, size);
    const compression = header.compressionOf(records, at);
    if (compression !== CompressionType.NONE) {
      requireCompressionType(compression);
      info.sourceCompression = compression;
    }
    info.numBatches++;
  }
  return at;
}

function tooLarge(size: number, rules: RecordRules, how: string): KafkaError {
  return new KafkaError(
    ErrorCode.MESSAGE_TOO_LARGE,
    `a record batch of ${size} bytes as ${how}, where max.message.bytes is ${rules.maxMessageBytes}`,
  );
}

/** CORRUPT_MESSAGE for a complete batch that is not valid. */
export function corrupt(records: Buffer, at: number, size: number): KafkaError {
  if (header.magicOf(records, at) >= 2 && size < RECORD_BATCH_OVERHEAD) {
    return corruptMessage(`a record batch of ${size} bytes, less than its header of ${RECORD_BATCH_OVERHEAD}`);
  }
  return corruptMessage(
    `a record batch is corrupt: stored CRC ${header.storedCrc(records, at)}, ` +
      `computed ${header.computeCrc(records, at, size)}`,
  );
}

/** The one format-2 batch that `batch` is. */
function assignToBatch(
  batch: Buffer,
  rules: RecordRules,
  target: CompressionType,
  assignment: Assignment,
  info: AppendInfo,
): void {
  const count = header.recordCount(batch, 0);
  const producerId = header.producerId(batch, 0);
  const control = header.isControlBatch(batch, 0);
  const transactional = header.isTransactional(batch, 0);
  if (assignment.origin === AppendOrigin.CLIENT) checkClientBatch(batch, count, producerId, control, transactional);
  else if (count < 1) throw invalidRecord(`a record batch with ${count} records to append`);

  const source = header.compressionOf(batch, 0);
  const records = unpackedRecords(batch, 0, rules.maxDecompressedBytes);
  const start = source === CompressionType.NONE ? RECORD_BATCH_OVERHEAD : 0;
  if (start === 0) walkRecords(records, 0, records.length, count, walk);
  else walkRecords(batch, start, batch.length, count, walk);

  const sentType = header.timestampTypeOf(batch, 0);
  const base = header.baseTimestamp(batch, 0);
  const sentMax = header.maxTimestamp(batch, 0);
  const byAppendTime = sentType === TimestampType.LOG_APPEND_TIME;
  const smallest = byAppendTime ? sentMax : base + walk.minTimestampDelta;
  const largest = byAppendTime ? sentMax : base + walk.maxTimestampDelta;
  if (
    (rules.compacted && walk.hasNullKey) ||
    byAppendTime ||
    (rules.timestampType === TimestampType.CREATE_TIME && timestampOutOfRange(rules, assignment.now, smallest, largest))
  ) {
    checkEachRecord(records, count, rules, assignment.now, sentType, base, sentMax);
  }

  const maxTimestamp =
    rules.timestampType === TimestampType.LOG_APPEND_TIME ? assignment.now : Math.max(largest, NO_TIMESTAMP);
  // The coordinators' markers are not compressed for a topic's sake.
  const codec = control && source === CompressionType.NONE ? source : target;
  let out = batch;
  if (!walk.sequential) {
    const renumbered = renumberRecords(records, 0, records.length, count);
    out = recompressed(batch, renumbered, codec, rules.compressionLevel);
  } else if (codec !== source) {
    out = recompressed(batch, records, codec, rules.compressionLevel);
  }
  if (out !== batch) info.rebuilt = true;

  header.setBaseOffset(out, 0, assignment.offset);
  header.setPartitionLeaderEpoch(out, 0, assignment.leaderEpoch);
  if (
    header.timestampTypeOf(out, 0) !== rules.timestampType ||
    !sameTimestamp(header.maxTimestamp(out, 0), maxTimestamp)
  ) {
    header.setMaxTimestamp(out, 0, out.length, rules.timestampType, maxTimestamp);
  } else if (out !== batch) {
    header.writeCrc(out, 0, out.length);
  }

  info.records = out;
  info.numRecords = count;
  info.firstOffset = assignment.offset;
  info.lastOffset = assignment.offset + count - 1;
  info.maxTimestamp = maxTimestamp;
  info.shallowOffsetOfMaxTimestamp = maxTimestamp > NO_TIMESTAMP ? info.lastOffset : -1;
  info.producerId = producerId;
  info.producerEpoch = header.producerEpoch(batch, 0);
  info.baseSequence = header.baseSequence(batch, 0);
  info.lastSequence = header.lastSequence(batch, 0);
  info.transactional = transactional;
  info.control = control;
}

function checkClientBatch(
  batch: Buffer,
  count: number,
  producerId: number,
  control: boolean,
  transactional: boolean,
): void {
  const lastOffsetDelta = header.lastOffsetDelta(batch, 0);
  if (lastOffsetDelta < 0) throw invalidRecord(`last offset delta ${lastOffsetDelta} of a record batch`);
  if (count <= 0) throw invalidRecord(`a record batch says that it has ${count} records`);
  if (lastOffsetDelta !== count - 1) {
    throw invalidRecord(`last offset delta ${lastOffsetDelta} of a record batch that says it has ${count} records`);
  }
  if (control) throw invalidRecord('a control batch from a client');
  if (producerId > header.NO_PRODUCER_ID && header.baseSequence(batch, 0) < 0) {
    throw invalidRecord(`sequence ${header.baseSequence(batch, 0)} in a record batch of producer id ${producerId}`);
  }
  if (producerId > Number.MAX_SAFE_INTEGER)
    throw invalidRecord(`producer id ${producerId}, which no cluster gives out`);
  if (transactional && producerId <= header.NO_PRODUCER_ID) {
    throw invalidRecord('a transactional record batch without a producer id');
  }
}

/** Looks at every record for what the walk has seen somewhere; their lengths are known to be good. */
function checkEachRecord(
  records: Buffer,
  count: number,
  rules: RecordRules,
  now: number,
  sentType: TimestampType,
  base: number,
  sentMax: number,
): void {
  const checks = new RecordChecks(rules, now);
  const reader = new VarintReader(records, 0, records.length);
  for (let index = 0; index < count && !checks.full; index++) {
    const length = reader.varint();
    const end = reader.at + length;
    reader.at++;
    const timestamp = base + reader.varlong();
    reader.varint();
    const hasKey = reader.varint() >= 0;
    checks.check(index, hasKey, sentType === TimestampType.LOG_APPEND_TIME ? sentMax : timestamp, sentType);
    reader.at = end;
  }
  checks.finish();
}

/** Timestamps past 2^53 are rounded when read: they are the same when they are as near as rounding leaves them. */
function sameTimestamp(a: number, b: number): boolean {
  return a === b || (Math.abs(a) > Number.MAX_SAFE_INTEGER && Math.abs(a - b) <= Math.abs(a) * 2 ** -50);
}

/** The same header before records packed anew; the CRC is still to be written. */
function recompressed(batch: Buffer, records: Buffer, codec: CompressionType, level: number | undefined): Buffer {
  const packed = compress(codec, records, { level });
  const out = Buffer.allocUnsafe(RECORD_BATCH_OVERHEAD + packed.length);
  batch.copy(out, 0, 0, RECORD_BATCH_OVERHEAD);
  packed.copy(out, RECORD_BATCH_OVERHEAD);
  header.setCompression(out, 0, codec);
  header.setBatchSize(out, 0, out.length);
  return out;
}

/** Messages of format 0 or 1 become one batch of format 2. */
function convertAndAssign(
  set: Buffer,
  rules: RecordRules,
  target: CompressionType,
  assignment: Assignment,
  info: AppendInfo,
): void {
  const magic = header.magicOf(set, 0);
  const checks = new RecordChecks(rules, assignment.now);
  const messages: LegacyMessage[] = [];
  const limit = rules.maxDecompressedBytes ?? DEFAULT_MAX_DECOMPRESSED_BYTES;
  for (let at = 0; at < set.length; at += header.batchSize(set, at)) {
    if (header.magicOf(set, at) !== magic) {
      throw invalidRecord(`a message of format ${header.magicOf(set, at)} behind one of format ${magic}`);
    }
    const sentType = header.timestampTypeOf(set, at);
    for (const message of readLegacyMessages(set, at, limit, true)) {
      if (message.timestamp < NO_TIMESTAMP) {
        throw new KafkaError(ErrorCode.INVALID_TIMESTAMP, `timestamp ${message.timestamp} of a message is negative`);
      }
      if (!checks.full) checks.check(messages.length, message.key !== null, message.timestamp, sentType);
      messages.push(message);
    }
    boundMessages(messages.length);
  }
  checks.finish();

  const byAppendTime = rules.timestampType === TimestampType.LOG_APPEND_TIME;
  info.records = buildBatch({
    records: messages.map(({ key, value, timestamp }) => ({ key, value, timestamp })),
    baseOffset: assignment.offset,
    compression: target,
    level: rules.compressionLevel,
    partitionLeaderEpoch: assignment.leaderEpoch,
    logAppendTime: byAppendTime ? assignment.now : undefined,
  });
  info.rebuilt = true;
  info.numRecords = messages.length;
  info.firstOffset = assignment.offset;
  info.lastOffset = assignment.offset + messages.length - 1;
  info.maxTimestamp = header.maxTimestamp(info.records, 0);
  info.shallowOffsetOfMaxTimestamp = info.maxTimestamp > NO_TIMESTAMP ? info.lastOffset : -1;
}
