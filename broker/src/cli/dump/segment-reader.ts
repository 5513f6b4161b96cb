import type { OpenFile } from '../../io/files';
import { HEADER_SIZE_UP_TO_MAGIC, LOG_OVERHEAD, MIN_MESSAGE_SIZE, nextBatchSize } from '../../records/batch-header';

/** A batch or format-0/1 message in a segment. `bytes` is valid until the next one is read. */
export interface SegmentBatch {
  readonly bytes: Buffer;
  readonly at: number;
  readonly size: number;
  /** Where it begins in the file. */
  readonly position: number;
}

const windowBytes = 1024 * 1024;

/**
 * The complete batches of a segment from `start` to `end`, through a window that is as large as its largest batch.
 * Throws CORRUPT_MESSAGE for a header that cannot be.
 */
export async function* readSegment(file: OpenFile, start: number, end: number): AsyncGenerator<SegmentBatch> {
  let window = Buffer.alloc(0);
  let windowStart = start;
  let position = start;
  const load = async (atLeast: number): Promise<number> => {
    if (windowStart + window.length - position >= atLeast) return atLeast;
    const length = Math.min(Math.max(atLeast, windowBytes), end - position);
    const bytes = Buffer.allocUnsafe(length);
    let filled = 0;
    while (filled < length) {
      const count = await file.read(bytes, filled, length - filled, position + filled);
      if (count === 0) break;
      filled += count;
    }
    window = bytes.subarray(0, filled);
    windowStart = position;
    return Math.min(filled, atLeast);
  };
  for (;;) {
    if ((await load(HEADER_SIZE_UP_TO_MAGIC)) < LOG_OVERHEAD) return;
    const at = position - windowStart;
    const size = window.readInt32BE(at + 8) + LOG_OVERHEAD;
    // For lengths that cannot be, this throws.
    if (size < LOG_OVERHEAD + MIN_MESSAGE_SIZE) nextBatchSize(window, at, window.length);
    if (size > end - position || (await load(size)) < size) return;
    const batchAt = position - windowStart;
    if (nextBatchSize(window, batchAt, batchAt + size) === 0) return;
    yield { bytes: window, at: batchAt, size, position };
    position += size;
  }
}
