import { TimestampType } from '../records/batch-header';
import { compressionByName, CompressionType } from '../records/compression-type';
import type { RecordRules } from '../records/record-rules';
import type { LogConfig } from './log-config';

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
    compression:
      compressionType === 'producer' ? 'producer' : (compressionByName(compressionType) ?? CompressionType.NONE),
    ...(level === undefined ? {} : { compressionLevel: level }),
  };
}
