/**
 * Checksums of record batches: CRC-32C (Castagnoli) for format 2, CRC-32 (IEEE) for formats 0 and 1. Both native:
 * 4–6 GB/s, where JavaScript would be the slowest part of an append.
 */
import { crc32 as nativeCrc32, crc32c as nativeCrc32c } from '@node-rs/crc32';

/** Unsigned CRC-32C of bytes [start, end). */
export function crc32c(bytes: Buffer, start = 0, end = bytes.length): number {
  return nativeCrc32c(bytes.subarray(start, end));
}

/** Unsigned CRC-32 of bytes [start, end). */
export function crc32(bytes: Buffer, start = 0, end = bytes.length): number {
  return nativeCrc32(bytes.subarray(start, end));
}
