/**
 * Short strings that come again and again (topics, groups, client ids) are made once: the same string object spares the
 * allocation, and its hash is known when it is looked up in a Map.
 */
const cacheSize = 4096;
const longestCached = 48;
const cache: string[] = new Array<string>(cacheSize).fill('');

/** The `length` bytes of UTF-8 at `position`; they must be there. Bytes that are not UTF-8 become U+FFFD, as in Java. */
export function readText(buffer: Buffer, position: number, length: number): string {
  if (length === 0) return '';
  const end = position + length;
  if (length > longestCached) return buffer.toString('utf8', position, end);
  let hash = length;
  for (let i = position; i < end; i++) {
    const byte = buffer[i];
    if (byte > 127) return buffer.toString('utf8', position, end);
    hash = (Math.imul(hash, 31) + byte) | 0;
  }
  const slot = (hash ^ (hash >>> 13)) & (cacheSize - 1);
  const cached = cache[slot];
  if (cached.length === length) {
    let i = 0;
    while (i < length && cached.charCodeAt(i) === buffer[position + i]) i++;
    if (i === length) return cached;
  }
  const made = buffer.toString('latin1', position, end);
  cache[slot] = made;
  return made;
}
