import { maxVarintBytes, sizeOfVarint, VarintReader, writeVarint } from './varint';

/**
 * The same records of format 2 with offset deltas 0, 1, 2 …; [at, end) has passed walkRecords(). Record by record from
 * one buffer into another: a batch may hold millions.
 */
export function renumberRecords(bytes: Buffer, at: number, end: number, count: number): Buffer {
  // Both the offset delta and, for it, the length of a record can grow to the longest varint.
  const out = Buffer.allocUnsafe(end - at + count * (2 * (maxVarintBytes - 1)));
  const reader = new VarintReader(bytes, at, end);
  let to = 0;
  for (let index = 0; index < count; index++) {
    const length = reader.varint();
    const start = reader.at;
    const recordEnd = start + length;
    reader.at++;
    reader.varlong();
    const deltaAt = reader.at;
    reader.varint();
    to = writeVarint(out, deltaAt - start + sizeOfVarint(index) + recordEnd - reader.at, to);
    to += bytes.copy(out, to, start, deltaAt);
    to = writeVarint(out, index, to);
    to += bytes.copy(out, to, reader.at, recordEnd);
    reader.at = recordEnd;
  }
  return out.subarray(0, to);
}
