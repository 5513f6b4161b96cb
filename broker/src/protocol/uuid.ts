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
  let bits = 0;
  let held = 0;
  let at = position;
  const end = position + 16;
  for (let i = 0; i < 22; i++) {
    const code = value.charCodeAt(i);
    const digit = code < 128 ? digits[code] : 255;
    if (digit === 255) throw new ProtocolError(`${field}: ${value} is not base64url`);
    bits = (bits << 6) | digit;
    held += 6;
    if (held >= 8 && at < end) {
      held -= 8;
      buffer[at++] = bits >>> held;
    }
  }
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
