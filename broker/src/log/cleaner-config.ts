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

/** Keys that an offset map of so many bytes can take in one go, and the slots that it needs for `keys` of them. */
export function mostKeysIn(bytes: number, config: CleanerConfig): number {
  // Two slots more than the keys need, one for what the division is rounded up by, one for what the product is.
  return Math.max(1, Math.floor((Math.floor(bytes / offsetMapEntryBytes) - 4) * loadFactor(config)));
}

export function slotsFor(keys: number, config: CleanerConfig): number {
  return Math.ceil(keys / loadFactor(config)) + 2;
}

function loadFactor({ ioBufferLoadFactor }: CleanerConfig): number {
  return Math.min(1, Math.max(0.05, ioBufferLoadFactor));
}
