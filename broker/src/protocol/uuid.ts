import { ProtocolError } from './errors';
import { unencodable } from './writer';

/** The uuid of 16 zero bytes: no topic has it. */
export const zeroUuid = 'AAAAAAAAAAAAAAAAAAAAAA';

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const digits = new Uint8Array(128).fill(255);
for (let i = 0; i < 64; i++) digits[alphabet.charCodeAt(i)] = i;

/** Writes the 16 bytes of a uuid at `position`; there must be room. */
export function writeUuid(buffer: Buffer, position: number, value: string, field: string): void {
  if (typeof value !== 'string' || value.length !== 22) throw unencodable(field, value, 'a uuid of 22 characters');
  // Five groups of four digits are three bytes each; the last two digits hold the sixteenth.
  let at = position;
  let invalid = 0;
  for (let i = 0; i < 20; i += 4) {
    const a = digitAt(value, i);
    const b = digitAt(value, i + 1);
    const c = digitAt(value, i + 2);
    const d = digitAt(value, i + 3);
    invalid |= a | b | c | d;
    buffer[at] = (a << 2) | (b >> 4);
    buffer[at + 1] = (b << 4) | (c >> 2);
    buffer[at + 2] = (c << 6) | d;
    at += 3;
  }
  const a = digitAt(value, 20);
  const b = digitAt(value, 21);
  buffer[at] = (a << 2) | (b >> 4);
  if ((invalid | a | b) > 63) throw new ProtocolError(`${field}: ${value} is not base64url`);
}

function digitAt(value: string, index: number): number {
  const code = value.charCodeAt(index);
  return code < 128 ? digits[code] : 255;
}

/** The same few topic ids come again and again: their text is kept, by the low bits of the id. */
const cacheSize = 1024;
const cachedWords = new Int32Array(cacheSize * 4);
const cachedTexts: string[] = new Array<string>(cacheSize).fill(zeroUuid);

/** Reads 16 bytes at `position`; they must be there. */
export function readUuid(buffer: Buffer, position: number): string {
  const a = word(buffer, position);
  const b = word(buffer, position + 4);
  const c = word(buffer, position + 8);
  const d = word(buffer, position + 12);
  const mixed = a ^ b ^ c ^ d;
  const slot = (mixed ^ (mixed >>> 16)) & (cacheSize - 1);
  const at = slot << 2;
  if (cachedWords[at] === a && cachedWords[at + 1] === b && cachedWords[at + 2] === c && cachedWords[at + 3] === d) {
    return cachedTexts[slot];
  }
  const text = buffer.toString('base64url', position, position + 16);
  cachedWords[at] = a;
  cachedWords[at + 1] = b;
  cachedWords[at + 2] = c;
  cachedWords[at + 3] = d;
  cachedTexts[slot] = text;
  return text;
}

function word(buffer: Buffer, at: number): number {
  return (buffer[at] << 24) | (buffer[at + 1] << 16) | (buffer[at + 2] << 8) | buffer[at + 3];
}
