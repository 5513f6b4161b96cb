import type { FileRange } from '../io/files';

/** What the ranges hold, up to `size` bytes in all, less where a file ends before; they are released. */
export async function readRanges(ranges: readonly FileRange[], size: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(size);
  let filled = 0;
  try {
    for (const { file, position, length } of ranges) {
      const end = filled + length;
      for (let from = position; filled < end;) {
        const read = await file.read(bytes, filled, end - filled, from);
        if (read === 0) return bytes.subarray(0, filled);
        filled += read;
        from += read;
      }
    }
  } finally {
    for (const range of ranges) range.release();
  }
  return bytes.subarray(0, filled);
}
