/**
 * Big-endian int64 fields as JavaScript numbers. Exact up to 2^53; a value beyond that (a client may put nanoseconds
 * into a timestamp) is read rounded, never refused, so what a batch carries stays in its bytes and is not rewritten.
 */
const twoTo32 = 2 ** 32;
const twoTo63 = 2 ** 63;

export function readInt64(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at) * twoTo32 + bytes.readUInt32BE(at + 4);
}

/** Writes an integer; what is beyond int64 (a rounded Long.MAX_VALUE) is written as the nearest int64. */
export function writeInt64(bytes: Buffer, value: number, at: number): void {
  if (value >= twoTo63) {
    bytes.writeInt32BE(0x7fffffff, at);
    bytes.writeUInt32BE(0xffffffff, at + 4);
    return;
  }
  const high = Math.max(Math.floor(value / twoTo32), -0x80000000);
  bytes.writeInt32BE(high, at);
  bytes.writeUInt32BE((value - high * twoTo32) >>> 0, at + 4);
}
