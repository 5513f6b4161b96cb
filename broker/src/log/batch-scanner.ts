import { crc32c as continuedCrc32c } from '@node-rs/crc32';
import type { OpenFile } from '../io/files';
import {
  HEADER_SIZE_UP_TO_MAGIC,
  LOG_OVERHEAD,
  MIN_MESSAGE_SIZE,
  RECORD_BATCH_OVERHEAD,
  batchSize,
  isValidBatch,
  magicOf,
  storedCrc,
} from '../records/batch-header';

/**
 * Called for each batch: it begins at `at` of `bytes`, and has `size` bytes in the file from `position` on. All of it is
 * in `bytes`, unless it is larger than the scan's buffer: then only its beginning is. `bytes` is used again. Returning
 * false ends the scan before this batch.
 */
export type BatchVisitor = (bytes: Buffer, at: number, size: number, position: number) => boolean | void;

export interface BatchScan {
  /** Where the last batch that was accepted ends. */
  readonly end: number;
  /** Why the bytes at `end` are no batch; `undefined` when the scan came to its end or was ended by the visitor. */
  readonly defect: string | undefined;
}

export interface BatchScanOptions {
  /** Check the CRC of every batch. */
  readonly checkCrc?: boolean;
  readonly bufferBytes?: number;
  /** Let the buffer grow as far as it takes to have every batch in it as a whole. */
  readonly wholeBatches?: boolean;
}

const defaultBufferBytes = 256 * 1024;
/** What a visitor may count on seeing of a batch that is larger than the buffer: its header and a control record. */
const leastVisible = 1024;

/** Goes over the batches of a file in [from, to). The memory that it takes does not depend on what the file says. */
export async function scanBatches(
  file: OpenFile,
  from: number,
  to: number,
  visit: BatchVisitor,
  { checkCrc = false, bufferBytes = defaultBufferBytes, wholeBatches = false }: BatchScanOptions = {},
): Promise<BatchScan> {
  let bytes = Buffer.allocUnsafe(Math.max(leastVisible, Math.min(bufferBytes, to - from)));
  let position = from;
  let bufferStart = from;
  let bufferEnd = from;
  while (position < to) {
    if (!holds(leastVisible) && !(await fill(leastVisible))) {
      return { end: position, defect: 'the file is shorter than it was' };
    }
    const at = position - bufferStart;
    const defect = headerDefect(bytes, at, bufferEnd - position, to - position);
    if (defect !== undefined) {
      return { end: position, defect };
    }
    const size = batchSize(bytes, at);
    if (wholeBatches && size > bytes.length) {
      const larger = Buffer.allocUnsafe(size);
      bytes.copy(larger, 0, at, bufferEnd - bufferStart);
      bytes = larger;
      bufferStart = position;
    }
    if (size <= bytes.length && !holds(size) && !(await fill(size))) {
      return { end: position, defect: 'the file is shorter than it was' };
    }
    const start = position - bufferStart;
    if (checkCrc) {
      const isValid = holds(size)
        ? isValidBatch(bytes, start, size)
        : await hasValidCrc(file, bytes, start, size, position);
      if (!isValid) return { end: position, defect: 'its CRC does not agree with its content' };
    }
    if (visit(bytes.subarray(0, bufferEnd - bufferStart), start, size, position) === false) {
      return { end: position, defect: undefined };
    }
    position += size;
  }
  return { end: position, defect: undefined };

  /** Whether the buffer holds `wanted` bytes from `position` on, or as many as there are up to `to`. */
  function holds(wanted: number): boolean {
    return position >= bufferStart && bufferEnd - position >= Math.min(wanted, to - position);
  }

  /** Has it hold them. */
  async function fill(wanted: number): Promise<boolean> {
    const needed = Math.min(wanted, to - position);
    if (position < bufferEnd) {
      bytes.copyWithin(0, position - bufferStart, bufferEnd - bufferStart);
      bufferStart = position;
    } else {
      bufferStart = position;
      bufferEnd = position;
    }
    while (bufferEnd - position < needed) {
      const length = Math.min(bytes.length - (bufferEnd - bufferStart), to - bufferEnd);
      const count = await file.read(bytes, bufferEnd - bufferStart, length, bufferEnd);
      if (count === 0) {
        return false;
      }
      bufferEnd += count;
    }
    return true;
  }
}

/** Why there is no whole batch at `at`, of which `visible` bytes are there and `left` are in the file. */
export function headerDefect(bytes: Buffer, at: number, visible: number, left: number): string | undefined {
  if (visible < HEADER_SIZE_UP_TO_MAGIC) {
    return `${left} bytes are left, less than the header of a batch`;
  }
  const length = bytes.readInt32BE(at + 8);
  const magic = magicOf(bytes, at);
  const least = magic === 2 ? RECORD_BATCH_OVERHEAD - LOG_OVERHEAD : MIN_MESSAGE_SIZE + (magic === 1 ? 8 : 0);
  if (magic > 2) {
    return `it has magic ${magic}, where 0, 1 and 2 are known`;
  }
  if (length < least) {
    return `it has length ${length}, less than the ${least} that magic ${magic} needs`;
  }
  if (length + LOG_OVERHEAD > left) {
    return `it has length ${length}, and ${left - LOG_OVERHEAD} bytes are left`;
  }
  return undefined;
}

const partBytes = 256 * 1024;

/** Of a batch that is larger than the buffer: part by part. (Messages of format 0 and 1 whole: they are old and few.) */
async function hasValidCrc(
  file: OpenFile,
  bytes: Buffer,
  at: number,
  size: number,
  position: number,
): Promise<boolean> {
  if (magicOf(bytes, at) < 2) {
    const whole = Buffer.allocUnsafe(size);
    return (await readFully(file, whole, position)) && isValidBatch(whole, 0, size);
  }
  const stored = storedCrc(bytes, at);
  const part = Buffer.allocUnsafe(partBytes);
  let crc = 0;
  for (let done = 21; done < size;) {
    const slice = part.subarray(0, Math.min(partBytes, size - done));
    if (!(await readFully(file, slice, position + done))) {
      return false;
    }
    crc = continuedCrc32c(slice, crc);
    done += slice.length;
  }
  return crc === stored;
}

/** Fills the target from the file; false when the file ends before. */
export async function readFully(file: OpenFile, target: Buffer, position: number): Promise<boolean> {
  let done = 0;
  while (done < target.length) {
    const count = await file.read(target, done, target.length - done, position + done);
    if (count === 0) {
      return false;
    }
    done += count;
  }
  return true;
}
