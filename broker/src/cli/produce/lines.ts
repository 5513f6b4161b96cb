const lf = 0x0a;
const cr = 0x0d;

/**
 * The lines of a byte stream, without their ends (LF, CR LF or CR, as Java reads them); a last line needs no end.
 * Bytes are not looked into: what is no text passes as it is.
 */
export async function* readLines(chunks: AsyncIterable<Uint8Array | string>): AsyncGenerator<Buffer, void, undefined> {
  let begun: Buffer[] = [];
  let endedByCr = false;
  for await (const chunk of chunks) {
    const bytes =
      typeof chunk === 'string' ? Buffer.from(chunk) : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    let start = endedByCr && bytes[0] === lf ? 1 : 0;
    if (bytes.length > 0) endedByCr = false;
    for (let at = start; at < bytes.length; at++) {
      const byte = bytes[at];
      if (byte !== lf && byte !== cr) continue;
      const rest = bytes.subarray(start, at);
      yield begun.length === 0 ? rest : Buffer.concat([...begun, rest]);
      begun = [];
      start = at + 1;
      if (byte !== cr) continue;
      if (start === bytes.length) endedByCr = true;
      else if (bytes[start] === lf) start = ++at + 1;
    }
    if (start < bytes.length) begun.push(bytes.subarray(start));
  }
  if (begun.length > 0) yield Buffer.concat(begun);
}
