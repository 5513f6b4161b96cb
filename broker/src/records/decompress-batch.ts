import { ErrorCode, KafkaError } from '../protocol/errors';
import { batchSize, compressionOf, RECORD_BATCH_OVERHEAD } from './batch-header';
import { decompress, DEFAULT_MAX_DECOMPRESSED_BYTES } from './compression';
import { CompressionType, isCompressionType } from './compression-type';
import { DecompressionError } from './decompression-error';
import { invalidRecord } from './record-errors';

/**
 * The records of a format-2 batch, unpacked: a slice of the batch where it is not compressed. Throws
 * UNSUPPORTED_COMPRESSION_TYPE for a codec number that is none, MESSAGE_TOO_LARGE for more than `limit` bytes and
 * INVALID_RECORD for bytes that the codec did not write.
 */
export function unpackedRecords(bytes: Buffer, at: number, limit = DEFAULT_MAX_DECOMPRESSED_BYTES): Buffer {
  return unpack(bytes.subarray(at + RECORD_BATCH_OVERHEAD, at + batchSize(bytes, at)), compressionOf(bytes, at), limit);
}

/** As unpackedRecords(), for any compressed part of a batch or message of format `magic`. */
export function unpack(packed: Buffer, type: CompressionType, limit: number, magic = 2): Buffer {
  if (type === CompressionType.NONE) return packed;
  requireCompressionType(type);
  try {
    return decompress(type, packed, limit, magic);
  } catch (error) {
    if (!(error instanceof DecompressionError)) throw error;
    if (error.tooLarge) throw new KafkaError(ErrorCode.MESSAGE_TOO_LARGE, error.message);
    throw invalidRecord(error.message);
  }
}

export function requireCompressionType(type: number): void {
  if (!isCompressionType(type)) {
    throw new KafkaError(
      ErrorCode.UNSUPPORTED_COMPRESSION_TYPE,
      `compression type ${type} in the attributes of a batch, where 0 (none) to 4 (zstd) are known`,
    );
  }
}
