/**
 * Variable-length integers of record format 2: little-endian groups of 7 bits, the top bit says that more follow,
 * signed values in zigzag form (0, -1, 1, -2 … → 0, 1, 2, 3 …). A varint (int32) takes at most 5 bytes, a varlong
 * (int64) at most 10.
 */

export function sizeOfVarint(value: number): number {
  let raw = ((value << 1) ^ (value >> 31)) >>> 0;
  let size = 1;
  while (raw > 127) {
    raw >>>= 7;
    size++;
  }
  return size;
}

/** Writes an int32 and returns the position after it. */
export function writeVarint(bytes: Buffer, value: number, at: number): number {
  let raw = ((value << 1) ^ (value >> 31)) >>> 0;
  while (raw > 127) {
    bytes[at++] = (raw & 127) | 128;
    raw >>>= 7;
  }
  bytes[at++] = raw;
  return at;
}

const safeForDoubling = 2 ** 52;

export function sizeOfVarlong(value: number): number {
  if (value >= -safeForDoubling && value <= safeForDoubling) {
    let raw = value >= 0 ? value * 2 : -value * 2 - 1;
    let size = 1;
    while (raw > 127) {
      raw = Math.floor(raw / 128);
      size++;
    }
    return size;
  }
  let raw = zigzagOfLarge(value);
  let size = 1;
  while (raw > 127n) {
    raw >>= 7n;
    size++;
  }
  return size;
}

/** Writes an int64 given as an integer number and returns the position after it. */
export function writeVarlong(bytes: Buffer, value: number, at: number): number {
  if (value >= -safeForDoubling && value <= safeForDoubling) {
    let raw = value >= 0 ? value * 2 : -value * 2 - 1;
    while (raw > 127) {
      bytes[at++] = (raw % 128) | 128;
      raw = Math.floor(raw / 128);
    }
    bytes[at++] = raw;
    return at;
  }
  let raw = zigzagOfLarge(value);
  while (raw > 127n) {
    bytes[at++] = Number(raw & 127n) | 128;
    raw >>= 7n;
  }
  bytes[at++] = Number(raw);
  return at;
}

function zigzagOfLarge(value: number): bigint {
  const wide = BigInt.asIntN(64, BigInt(value));
  return BigInt.asUintN(64, (wide << 1n) ^ (wide >> 63n));
}

/** Longest encodings: a reader never looks at more bytes than these. */
export const maxVarintBytes = 5;
export const maxVarlongBytes = 10;

/**
 * Reads varints one after the other. It never reads past `end`: what is cut short or longer than the longest encoding
 * makes `failed` true (then values are 0), so that a caller checks once for a whole record instead of for every field.
 */
export class VarintReader {
  bytes: Buffer;
  at: number;
  end: number;
  failed = false;

  constructor(bytes: Buffer, at: number, end: number) {
    this.bytes = bytes;
    this.at = at;
    this.end = end;
  }

  varint(): number {
    const bytes = this.bytes;
    let raw = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      if (this.at >= this.end) break;
      const byte = bytes[this.at++];
      raw |= (byte & 127) << shift;
      if (byte < 128) return (raw >>> 1) ^ -(raw & 1);
    }
    this.failed = true;
    return 0;
  }

  /** Exact up to 2^53, rounded beyond. */
  varlong(): number {
    const bytes = this.bytes;
    let low = 0; // bits 0-27
    let middle = 0; // bits 28-55
    let high = 0; // bits 56-63
    for (let i = 0; i < maxVarlongBytes; i++) {
      if (this.at >= this.end) break;
      const byte = bytes[this.at++];
      const group = byte & 127;
      if (i < 4) low |= group << (7 * i);
      else if (i < 8) middle |= group << (7 * (i - 4));
      else high |= group << (7 * (i - 8));
      if (byte < 128) {
        const half = (low >>> 1) + middle * 0x8000000 + (high & 0xff) * 2 ** 55;
        return (low & 1) === 0 ? half : -half - 1;
      }
    }
    this.failed = true;
    return 0;
  }
}
