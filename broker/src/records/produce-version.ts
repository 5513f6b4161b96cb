import { ErrorCode, KafkaError } from '../protocol/errors';
import { compressionOf, magicOf, nextBatchSize } from './batch-header';
import { CompressionType } from './compression-type';
import { invalidRecord } from './record-errors';

/**
 * What a Produce request of a version may carry for a partition, checked before anything else (ProduceRequest's
 * validateRecords): exactly one batch of format 2 from version 3 on, zstd from version 7 on. Older requests are not
 * looked at: clients were careless then. Throws INVALID_RECORD, UNSUPPORTED_COMPRESSION_TYPE or CORRUPT_MESSAGE.
 */
export function validateProduceRecords(version: number, records: Buffer): void {
  if (version < 3) return;
  const size = nextBatchSize(records, 0, records.length);
  if (size === 0) throw invalidRecord(`Produce v${version} takes one record batch for a partition, not none`);
  if (magicOf(records, 0) !== 2) {
    throw invalidRecord(`Produce v${version} takes record batches of format 2, not ${magicOf(records, 0)}`);
  }
  if (version < 7 && compressionOf(records, 0) === CompressionType.ZSTD) {
    throw new KafkaError(
      ErrorCode.UNSUPPORTED_COMPRESSION_TYPE,
      `Produce v${version} takes no zstd: it came with version 7`,
    );
  }
  if (nextBatchSize(records, size, records.length) > 0) {
    throw invalidRecord(`Produce v${version} takes one record batch for a partition, not several`);
  }
}
