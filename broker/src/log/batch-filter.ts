import {
  baseOffset,
  baseSequence,
  baseTimestamp,
  compressionOf,
  deleteHorizonMs,
  hasDeleteHorizon,
  isControlBatch,
  isTransactional,
  lastOffset,
  lastOffsetDelta,
  magicOf,
  maxTimestamp,
  partitionLeaderEpoch,
  producerEpoch,
  producerId,
  RECORD_BATCH_OVERHEAD,
  recordCount,
  TimestampType,
  timestampTypeOf,
  writeBatchHeader,
  type BatchHeader,
} from '../records/batch-header';
import { buildBatch } from '../records/build-batch';
import { compress, DEFAULT_MAX_DECOMPRESSED_BYTES } from '../records/compression';
import { CompressionType } from '../records/compression-type';
import { unpackedRecords } from '../records/decompress-batch';
import { buildLegacySet, readLegacyMessages } from '../records/legacy-records';
import { invalidRecord } from '../records/record-errors';
import {
  maxVarintBytes,
  maxVarlongBytes,
  sizeOfVarlong,
  VarintReader,
  writeVarint,
  writeVarlong,
} from '../records/varint';

/** Whether a record stays: its offset, where its key lies (`start` is -1 without one), whether it has a value. */
export type RetainRecord = (offset: number, bytes: Buffer, start: number, end: number, hasValue: boolean) => boolean;

/** What is left of a batch. `undefined` bytes: nothing; the very bytes of the batch when nothing had to be changed. */
export interface FilteredBatch {
  readonly bytes: Buffer | undefined;
  readonly read: number;
  readonly retained: number;
}

export interface BatchFilterOptions {
  readonly retain: RetainRecord;
  /** What the delete horizon is to be, once there is something in the batch that will be dropped with time. */
  readonly newDeleteHorizonMs: number;
  /** It holds the marker of a transaction of which nothing else is left: it gets a delete horizon. */
  readonly isMarkerOfEmptyTxn: boolean;
}

/** Records [start, end) of the unpacked ones, one behind the other, that stay. */
let runs = new Float64Array(64);

/**
 * The batch of `size` bytes at `at`, whole, without the records that are not retained (Kafka's MemoryRecords.filterTo
 * for one batch). Offsets, producer and sequence stay as they were, so that what is known of producers can still be read
 * from it; with a first tombstone it gets a delete horizon (KIP-534), from which its timestamps then count. Throws
 * INVALID_RECORD and others for a batch that cannot be read.
 */
export function filterBatch(bytes: Buffer, at: number, size: number, options: BatchFilterOptions): FilteredBatch {
  if (magicOf(bytes, at) < 2) {
    return filterLegacy(bytes, at, size, options.retain);
  }
  const { retain, newDeleteHorizonMs, isMarkerOfEmptyTxn } = options;
  const records = unpackedRecords(bytes, at, DEFAULT_MAX_DECOMPRESSED_BYTES);
  const count = recordCount(bytes, at);
  const first = baseOffset(bytes, at);
  const lastDelta = lastOffsetDelta(bytes, at);
  const reader = new VarintReader(records, 0, records.length);
  let runCount = 0;
  let retained = 0;
  let retainedBytes = 0;
  let hasTombstone = false;
  let maxDelta = -Infinity;
  for (let index = 0; index < count; index++) {
    const start = reader.at;
    reader.end = records.length;
    const length = reader.varint();
    const end = reader.at + length;
    if (reader.failed || length < 6 || end > records.length) {
      throw invalidRecord(`record ${index} of the batch at offset ${first} reaches beyond it`);
    }
    reader.end = end;
    reader.at++;
    const timestampDelta = reader.varlong();
    const offsetDelta = reader.varint();
    const keyLength = reader.varint();
    const keyStart = reader.at;
    reader.at += Math.max(0, keyLength);
    const hasValue = reader.at < end && reader.varint() >= 0;
    if (reader.failed || reader.at > end || offsetDelta < 0 || offsetDelta > lastDelta) {
      throw invalidRecord(`record ${index} of the batch at offset ${first} does not hold together`);
    }
    if (retain(first + offsetDelta, records, keyLength < 0 ? -1 : keyStart, keyStart + keyLength, hasValue)) {
      retained++;
      retainedBytes += end - start;
      hasTombstone ||= !hasValue;
      if (timestampDelta > maxDelta) maxDelta = timestampDelta;
      if (runCount > 0 && runs[runCount - 1] === start) {
        runs[runCount - 1] = end;
      } else {
        if (runCount + 2 > runs.length) runs = grown(runs);
        runs[runCount++] = start;
        runs[runCount++] = end;
      }
    }
    reader.at = end;
  }
  if (reader.at !== records.length) {
    throw invalidRecord(`bytes are left over behind the ${count} records of the batch at offset ${first}`);
  }
  if (retained === 0) {
    return { bytes: undefined, read: count, retained };
  }
  const setsHorizon = (hasTombstone || isMarkerOfEmptyTxn) && !hasDeleteHorizon(bytes, at);
  if (retained === count && !setsHorizon) {
    return { bytes: bytes.subarray(at, at + size), read: count, retained };
  }
  const header = headerOf(bytes, at, retained);
  const isAppendTime = header.timestampType === TimestampType.LOG_APPEND_TIME;
  if (!isAppendTime) header.maxTimestamp = header.baseTimestamp + maxDelta;
  let kept: Buffer;
  if (setsHorizon) {
    header.deleteHorizon = true;
    const shift = header.baseTimestamp - newDeleteHorizonMs;
    header.baseTimestamp = newDeleteHorizonMs;
    kept = rebased(records, runCount, retained, retainedBytes, shift);
  } else {
    kept = copied(records, runCount, retainedBytes);
  }
  return { bytes: assembled(header, kept), read: count, retained };
}

type WritableHeader = { -readonly [K in keyof BatchHeader]: BatchHeader[K] };

function headerOf(bytes: Buffer, at: number, records: number): WritableHeader {
  return {
    baseOffset: baseOffset(bytes, at),
    partitionLeaderEpoch: partitionLeaderEpoch(bytes, at),
    compression: compressionOf(bytes, at),
    timestampType: timestampTypeOf(bytes, at),
    transactional: isTransactional(bytes, at),
    control: isControlBatch(bytes, at),
    deleteHorizon: hasDeleteHorizon(bytes, at),
    lastOffsetDelta: lastOffsetDelta(bytes, at),
    baseTimestamp: baseTimestamp(bytes, at),
    maxTimestamp: maxTimestamp(bytes, at),
    producerId: producerId(bytes, at),
    producerEpoch: producerEpoch(bytes, at),
    baseSequence: baseSequence(bytes, at),
    recordCount: records,
  };
}

function assembled(header: BatchHeader, records: Buffer): Buffer {
  const packed = header.compression === CompressionType.NONE ? records : compress(header.compression, records);
  const batch = Buffer.allocUnsafe(RECORD_BATCH_OVERHEAD + packed.length);
  packed.copy(batch, RECORD_BATCH_OVERHEAD);
  writeBatchHeader(batch, 0, batch.length, header);
  return batch;
}

function copied(records: Buffer, runCount: number, bytes: number): Buffer {
  const kept = Buffer.allocUnsafe(bytes);
  let to = 0;
  for (let run = 0; run < runCount; run += 2) {
    to += records.copy(kept, to, runs[run], runs[run + 1]);
  }
  return kept;
}

/** The records with `shift` added to their timestamp deltas. */
function rebased(records: Buffer, runCount: number, count: number, bytes: number, shift: number): Buffer {
  const kept = Buffer.allocUnsafe(bytes + count * (maxVarlongBytes + maxVarintBytes));
  const reader = new VarintReader(records, 0, records.length);
  let to = 0;
  for (let run = 0; run < runCount; run += 2) {
    reader.at = runs[run];
    while (reader.at < runs[run + 1]) {
      const length = reader.varint();
      const end = reader.at + length;
      const attributes = records[reader.at++];
      const delta = reader.varlong() + shift;
      to = writeVarint(kept, 1 + sizeOfVarlong(delta) + end - reader.at, to);
      kept[to++] = attributes;
      to = writeVarlong(kept, delta, to);
      to += records.copy(kept, to, reader.at, end);
      reader.at = end;
    }
  }
  return kept.subarray(0, to);
}

/** What stays of a batch that only tells of its producer: its header (DefaultRecordBatch.writeEmptyHeader). */
export function emptyBatchOf(bytes: Buffer, at: number): Buffer {
  return buildBatch({
    records: [],
    baseOffset: baseOffset(bytes, at),
    lastOffset: lastOffset(bytes, at),
    partitionLeaderEpoch: partitionLeaderEpoch(bytes, at),
    ...(timestampTypeOf(bytes, at) === TimestampType.LOG_APPEND_TIME
      ? { logAppendTime: maxTimestamp(bytes, at) }
      : { maxTimestamp: maxTimestamp(bytes, at) }),
    producerId: producerId(bytes, at),
    producerEpoch: producerEpoch(bytes, at),
    baseSequence: baseSequence(bytes, at),
    transactional: isTransactional(bytes, at),
    control: isControlBatch(bytes, at),
  });
}

/** When tombstones and empty markers of the batch may go; `undefined`: it was never cleaned with them. */
export function deleteHorizonOf(bytes: Buffer, at: number): number | undefined {
  return hasDeleteHorizon(bytes, at) ? deleteHorizonMs(bytes, at) : undefined;
}

function filterLegacy(bytes: Buffer, at: number, size: number, retain: RetainRecord): FilteredBatch {
  const magic = magicOf(bytes, at) as 0 | 1;
  const messages = readLegacyMessages(bytes, at, DEFAULT_MAX_DECOMPRESSED_BYTES, false);
  const kept = messages.filter(({ offset, key, value }) =>
    retain(offset, key ?? bytes, key === null ? -1 : 0, key?.length ?? 0, value !== null),
  );
  const result = { read: messages.length, retained: kept.length };
  if (kept.length === messages.length) {
    return { ...result, bytes: bytes.subarray(at, at + size) };
  }
  const compression = compressionOf(bytes, at);
  const timestampType = timestampTypeOf(bytes, at);
  return {
    ...result,
    bytes: kept.length === 0 ? undefined : buildLegacySet(kept, { magic, compression, timestampType }),
  };
}

function grown(array: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(array.length * 2);
  larger.set(array);
  return larger;
}
