import { ErrorCode, KafkaError } from '../protocol/errors';
import * as header from './batch-header';
import { DEFAULT_MAX_DECOMPRESSED_BYTES } from './compression';
import { CompressionType } from './compression-type';
import { requireCompressionType } from './decompress-batch';
import { boundMessages, buildLegacySet } from './legacy-records';
import { readRecords } from './read-records';
import type { LogRecord } from './record';

/** The newest record format that a Fetch version can carry. */
export function magicForFetch(version: number): 0 | 1 | 2 {
  if (version <= 1) return 0;
  return version <= 3 ? 1 : 2;
}

/**
 * zstd came with Fetch v10. Kafka answers UNSUPPORTED_COMPRESSION_TYPE for a partition whose compression.type is zstd
 * to anything older, and lets batches that a producer compressed so pass to versions 4–9.
 */
export function fetchTakesZstd(version: number): boolean {
  return version >= 10;
}

/** What a message of format 1 has besides key and value. */
const LOG_RECORD_BYTES = 34;

export interface DownConverted {
  readonly records: Buffer;
  readonly recordsConverted: number;
}

/**
 * Whole batches as messages of format 0 or 1 for an old consumer (Kafka's RecordsUtil.downConvert). Offsets and
 * codecs stay; headers are lost; control batches are left out, and so may be everything. Batches in the format asked
 * for or an older one are copied. `fetchOffset`: uncompressed records below it are left out. A batch is begun only while
 * `budget` has bytes left, of which it takes what it unpacks to: what was read may unpack to a thousand times as much,
 * and the consumer asks again from where the answer ends. Throws
 * UNSUPPORTED_COMPRESSION_TYPE for zstd, MESSAGE_TOO_LARGE for a batch of more than
 * MAX_CONVERTED_RECORDS, and as readRecords().
 */
export function downConvert(
  records: Buffer,
  toMagic: 0 | 1,
  fetchOffset: number,
  budget = { bytes: Infinity },
  limit = DEFAULT_MAX_DECOMPRESSED_BYTES,
): DownConverted {
  const parts: Buffer[] = [];
  let recordsConverted = 0;
  for (let at = 0, size = 0; (size = header.nextBatchSize(records, at, records.length)) > 0; at += size) {
    if (budget.bytes <= 0) break;
    if (header.isControlBatch(records, at)) continue;
    const compression = header.compressionOf(records, at);
    requireCompressionType(compression);
    if (compression === CompressionType.ZSTD) {
      throw new KafkaError(
        ErrorCode.UNSUPPORTED_COMPRESSION_TYPE,
        `a batch compressed with zstd cannot be converted to message format ${toMagic}`,
      );
    }
    if (header.magicOf(records, at) <= toMagic) {
      parts.push(records.subarray(at, at + size));
      budget.bytes -= size;
      continue;
    }
    boundMessages(header.recordCount(records, at));
    const compressed = compression !== CompressionType.NONE;
    const kept: LogRecord[] = [];
    for (const record of readRecords(records, at, limit)) {
      budget.bytes -= LOG_RECORD_BYTES + (record.key?.length ?? 0) + (record.value?.length ?? 0);
      if (compressed || record.offset >= fetchOffset) kept.push(record);
    }
    if (kept.length === 0) continue;
    recordsConverted += kept.length;
    const timestampType = header.timestampTypeOf(records, at);
    parts.push(buildLegacySet(kept, { magic: toMagic, compression, timestampType }));
  }
  return { records: Buffer.concat(parts), recordsConverted };
}

/**
 * What Kafka sends an old consumer where all of a read was left out (control batches alone): the head of a message at
 * offset -1 that is longer than what follows, so that the consumer sees a message cut short and not an end of the log.
 */
export function overflowMessage(): Buffer {
  const bytes = Buffer.alloc(header.LOG_OVERHEAD);
  header.setBaseOffset(bytes, 0, -1);
  bytes.writeInt32BE(header.RECORD_BATCH_OVERHEAD, 8);
  return bytes;
}
