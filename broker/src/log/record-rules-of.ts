import { TimestampType } from '../records/batch-header';
import { DEFAULT_MAX_DECOMPRESSED_BYTES } from '../records/compression';
import { compressionByName, CompressionType } from '../records/compression-type';
import type { RecordRules } from '../records/record-rules';
import type { LogConfig } from './log-config';

/**
 * What a batch may unpack to: well beyond what producers put into one, and little enough that a few bytes which unpack
 * to very many do not hold up the event loop for long.
 */
function mostUnpackedBytes(maxMessageBytes: number): number {
  return Math.min(DEFAULT_MAX_DECOMPRESSED_BYTES, Math.max(16 * 1024 * 1024, 16 * maxMessageBytes));
}

/** What a topic's configuration asks of records, as the validation wants it. */
export function recordRulesOf(config: LogConfig): RecordRules {
  const { compressionType } = config;
  const levels = {
    gzip: config.compressionGzipLevel,
    lz4: config.compressionLz4Level,
    zstd: config.compressionZstdLevel,
  } as const;
  const level = compressionType in levels ? levels[compressionType as keyof typeof levels] : undefined;
  return {
    compacted: config.cleanupCompact,
    timestampType:
      config.messageTimestampType === 'LogAppendTime' ? TimestampType.LOG_APPEND_TIME : TimestampType.CREATE_TIME,
    timestampBeforeMaxMs: config.messageTimestampBeforeMaxMs,
    timestampAfterMaxMs: config.messageTimestampAfterMaxMs,
    maxMessageBytes: config.maxMessageBytes,
    maxDecompressedBytes: mostUnpackedBytes(config.maxMessageBytes),
    compression:
      compressionType === 'producer' ? 'producer' : (compressionByName(compressionType) ?? CompressionType.NONE),
    ...(level === undefined ? {} : { compressionLevel: level }),
  };
}
