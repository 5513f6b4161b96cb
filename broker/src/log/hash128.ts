/** The result of the last `hash128`, four times 32 bits. */
export const hashed = new Int32Array(4);

const c1 = 0x239b961b;
const c2 = 0xab0e9789 | 0;
const c3 = 0x38b34ae5;
const c4 = 0xa1e38b93 | 0;

/**
 * MurmurHash3 (x86, 128 bits) of bytes [start, end), into `hashed`: about 100 ns for a short key, where a call of a
 * cryptographic hash takes a microsecond and more. Two keys of a log meet with a probability of 2^-128; who does not know
 * the seed cannot make them.
 */
export function hash128(bytes: Uint8Array, start: number, end: number, seed: number): void {
  const length = end - start;
  let h1 = seed | 0;
  let h2 = h1;
  let h3 = h1;
  let h4 = h1;
  let at = start;
  for (const lastBlock = end - 16; at <= lastBlock; at += 16) {
    h1 ^= scrambled(word(bytes, at), c1, 15, c2);
    h1 = (Math.imul(rotated(h1, 19) + h2, 5) + 0x561ccd1b) | 0;
    h2 ^= scrambled(word(bytes, at + 4), c2, 16, c3);
    h2 = (Math.imul(rotated(h2, 17) + h3, 5) + 0x0bcaa747) | 0;
    h3 ^= scrambled(word(bytes, at + 8), c3, 17, c4);
    h3 = (Math.imul(rotated(h3, 15) + h4, 5) + 0x96cd1c35) | 0;
    h4 ^= scrambled(word(bytes, at + 12), c4, 18, c1);
    h4 = (Math.imul(rotated(h4, 13) + h1, 5) + 0x32ac3b17) | 0;
  }
  const left = end - at;
  if (left > 12) h4 ^= scrambled(partOfWord(bytes, at + 12, end), c4, 18, c1);
  if (left > 8) h3 ^= scrambled(partOfWord(bytes, at + 8, end), c3, 17, c4);
  if (left > 4) h2 ^= scrambled(partOfWord(bytes, at + 4, end), c2, 16, c3);
  if (left > 0) h1 ^= scrambled(partOfWord(bytes, at, end), c1, 15, c2);
  h1 ^= length;
  h2 ^= length;
  h3 ^= length;
  h4 ^= length;
  h1 = (h1 + h2 + h3 + h4) | 0;
  h2 = (h2 + h1) | 0;
  h3 = (h3 + h1) | 0;
  h4 = (h4 + h1) | 0;
  h1 = mixed(h1);
  h2 = mixed(h2);
  h3 = mixed(h3);
  h4 = mixed(h4);
  h1 = (h1 + h2 + h3 + h4) | 0;
  hashed[0] = h1;
  hashed[1] = h2 + h1;
  hashed[2] = h3 + h1;
  hashed[3] = h4 + h1;
}

function word(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
}

/** Up to four bytes that there are before `end`. */
function partOfWord(bytes: Uint8Array, at: number, end: number): number {
  let value = 0;
  for (let i = Math.min(3, end - at - 1); i >= 0; i--) {
    value = (value << 8) | bytes[at + i];
  }
  return value;
}

function rotated(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}

function scrambled(value: number, first: number, bits: number, second: number): number {
  return Math.imul(rotated(Math.imul(value, first), bits), second);
}

function mixed(value: number): number {
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return value ^ (value >>> 16);
}
