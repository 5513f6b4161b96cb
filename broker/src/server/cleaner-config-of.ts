import type { BrokerValues } from '../config/broker-values';
import type { CleanerConfig } from '../log/cleaner-config';

/** log.cleaner.*, as they are now. */
export function cleanerConfigOf(broker: BrokerValues): CleanerConfig {
  return {
    threads: broker.get('log.cleaner.threads'),
    dedupeBufferSize: broker.get('log.cleaner.dedupe.buffer.size'),
    ioBufferLoadFactor: broker.get('log.cleaner.io.buffer.load.factor'),
    ioBufferSize: broker.get('log.cleaner.io.buffer.size'),
    ioMaxBytesPerSecond: broker.get('log.cleaner.io.max.bytes.per.second'),
    backoffMs: broker.get('log.cleaner.backoff.ms'),
  };
}
