// The largest prime below 2^16, and how many bytes can be summed before the sums must be reduced by it.
const modulus = 65521;
const stretch = 3800;

/** Adler-32, the checksum of ZooKeeper's logs and snapshots, over `from` to `to`; `value` is that of the bytes before. */
export function adler32(bytes: Uint8Array, from = 0, to = bytes.length, value = 1): number {
  let a = value & 0xffff;
  let b = value >>> 16;
  let at = from;
  while (at < to) {
    for (const end = Math.min(to, at + stretch); at < end; at++) {
      a += bytes[at]!;
      b += a;
    }
    a %= modulus;
    b %= modulus;
  }
  return ((b << 16) | a) >>> 0;
}
