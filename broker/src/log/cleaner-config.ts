import { offsetMapEntryBytes } from './offset-map';

/** log.cleaner.* of the broker (Kafka's CleanerConfig). */
export interface CleanerConfig {
  readonly threads: number;
  /** Memory for the offset maps of all threads. */
  readonly dedupeBufferSize: number;
  /** How full an offset map may become. */
  readonly ioBufferLoadFactor: number;
  /** Memory for the buffers that all threads read and write with. */
  readonly ioBufferSize: number;
  readonly ioMaxBytesPerSecond: number;
  readonly backoffMs: number;
}

export const defaultCleanerConfig: CleanerConfig = {
  threads: 1,
  dedupeBufferSize: 128 * 1024 * 1024,
  ioBufferLoadFactor: 0.9,
  ioBufferSize: 512 * 1024,
  ioMaxBytesPerSecond: Infinity,
  backoffMs: 15_000,
};

/** Keys that an offset map of so many bytes can take in one go. */
export function mostKeysIn(bytes: number, config: CleanerConfig): number {
  const entries = Math.floor(bytes / offsetMapEntryBytes);
  const keys = Math.floor((entries - 3) * loadFactor(config));
  // The quotient of the product may be rounded up to more than it was made of.
  return Math.max(1, slotsFor(keys, config) < entries ? keys : keys - 1);
}

/** The slots that an offset map needs for `keys` keys; it has an entry more for its counters. */
export function slotsFor(keys: number, config: CleanerConfig): number {
  return Math.ceil(keys / loadFactor(config)) + 2;
}

function loadFactor({ ioBufferLoadFactor }: CleanerConfig): number {
  return Math.min(1, Math.max(0.05, ioBufferLoadFactor));
}
