/**
 * Snappy as Kafka's clients write it: snappy-java's ("xerial") stream of raw blocks.
 *
 *   8 bytes  0x82 'SNAPPY' 0x00
 *   int32    version 1
 *   int32    lowest version that can read it, 1
 *   blocks   int32 size, raw snappy of at most 32 KiB
 *
 * librdkafka and others write one raw snappy block without any framing: both are read, the framing is written.
 * Integers are big-endian.
 */
import { compressSync, uncompressSync } from 'snappy';
import { DecompressionError, tooLarge } from './decompression-error';
import { OutputBuffer } from './output-buffer';

const streamHeader = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1]);
const magicSize = 8;
/** The first half of the magic read as a block size: streams may be put one behind the other. */
const magicAsSize = streamHeader.readInt32BE(0);
const blockSize = 32 * 1024;
/** Raw snappy at its best takes 3 bytes for 64. */
const largestRatio = 22;

export function compressSnappy(bytes: Buffer): Buffer {
  const blocks: Buffer[] = [];
  let size = streamHeader.length;
  for (let from = 0; from < bytes.length; from += blockSize) {
    const block = compressSync(bytes.subarray(from, Math.min(from + blockSize, bytes.length)));
    blocks.push(block);
    size += 4 + block.length;
  }
  const out = Buffer.allocUnsafe(size);
  let at = streamHeader.copy(out);
  for (const block of blocks) {
    at = out.writeInt32BE(block.length, at);
    at += block.copy(out, at);
  }
  return out;
}

/** Throws DecompressionError. */
export function decompressSnappy(bytes: Buffer, limit: number): Buffer {
  if (bytes.length < streamHeader.length || bytes.compare(streamHeader, 0, magicSize, 0, magicSize) !== 0) {
    return unpack(bytes, limit, limit);
  }
  const out = new OutputBuffer('snappy', bytes.length * 4, limit);
  let at: number = streamHeader.length;
  while (at < bytes.length) {
    if (bytes.length - at < 4) throw cutShort();
    const size = bytes.readInt32BE(at);
    if (size === magicAsSize && bytes.length - at >= streamHeader.length) {
      at += streamHeader.length;
      continue;
    }
    at += 4;
    if (size < 0) throw new DecompressionError(`snappy: block of ${size} bytes`);
    if (bytes.length - at < size) throw cutShort();
    out.append(unpack(bytes.subarray(at, at + size), out.room, limit));
    at += size;
  }
  return out.finish();
}

/** A raw block starts with its unpacked size, which the library would allocate unseen: it is checked first. */
function unpack(block: Buffer, room: number, limit: number): Buffer {
  let claimed = 0;
  let at = 0;
  for (; ; at++) {
    if (at >= block.length || at >= 5) throw cutShort();
    claimed += (block[at] & 127) * 2 ** (7 * at);
    if (block[at] < 128) break;
  }
  if (claimed > block.length * largestRatio) {
    throw new DecompressionError(`snappy: ${block.length} bytes claim to unpack to ${claimed}, which cannot be`);
  }
  if (claimed > room) throw tooLarge('snappy', limit);
  try {
    return uncompressSync(block, { asBuffer: true }) as Buffer;
  } catch (error) {
    throw new DecompressionError((error as Error).message);
  }
}

function cutShort(): DecompressionError {
  return new DecompressionError('snappy: the stream is cut short');
}
