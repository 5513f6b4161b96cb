/**
 * The LZ4 frame format (v1.5.1) as Kafka reads and writes it, over native raw blocks:
 *
 *   uint32 LE magic 0x184D2204
 *   FLG       bits 7-6 version 01, 5 blocks independent (required), 4 block checksums, 3 content size, 2 content
 *             checksum, 1-0 zero
 *   BD        bits 6-4 largest block: 4 = 64 KiB, 5 = 256 KiB, 6 = 1 MiB, 7 = 4 MiB; others zero
 *   [8 bytes content size]
 *   HC        second byte of XXH32 over FLG … content size
 *   blocks    uint32 LE size (top bit: stored, not compressed), bytes, [uint32 LE XXH32 of the bytes]
 *   uint32 LE 0, [uint32 LE content checksum]
 *
 * Kafka writes 64 KiB blocks without checksums, and so does this. In messages of format 0, clients computed HC over
 * the magic too (KAFKA-3160): there it is written that way and not checked.
 */
import { compressSync, uncompressSync } from 'lz4-napi';
import { DecompressionError, tooLarge } from './decompression-error';
import { OutputBuffer } from './output-buffer';
import { xxhash32 } from './xxhash32';

const frameMagic = 0x184d2204;
const blockSize = 64 * 1024;
const stored = 0x80000000;
const headerSize = 7;
/** No LZ4 block unpacks to more than this many times its size. */
const largestRatio = 255;

const header = frameHeader(false);
const brokenHeader = frameHeader(true);

function frameHeader(brokenChecksum: boolean): Buffer {
  const bytes = Buffer.alloc(headerSize);
  bytes.writeUInt32LE(frameMagic, 0);
  bytes[4] = 0x60;
  bytes[5] = 0x40;
  bytes[6] = xxhash32(bytes, brokenChecksum ? 0 : 4, 6) >>> 8;
  return bytes;
}

/** `brokenChecksum`: for a message of format 0. */
export function compressLz4Frame(bytes: Buffer, brokenChecksum = false): Buffer {
  // Every block at its worst is stored as it is: so much, and never more, is needed.
  const blocks = Math.ceil(bytes.length / blockSize);
  const out = Buffer.allocUnsafe(headerSize + blocks * 4 + bytes.length + 4);
  (brokenChecksum ? brokenHeader : header).copy(out);
  let at = headerSize;
  for (let from = 0; from < bytes.length; from += blockSize) {
    const block = bytes.subarray(from, Math.min(from + blockSize, bytes.length));
    // The library puts the uncompressed size in 4 bytes before the block.
    const packed = compressSync(block);
    const size = packed.length - 4;
    if (size < block.length) {
      out.writeUInt32LE(size, at);
      packed.copy(out, at + 4, 4);
      at += 4 + size;
    } else {
      out.writeUInt32LE((block.length | stored) >>> 0, at);
      block.copy(out, at + 4);
      at += 4 + block.length;
    }
  }
  out.writeUInt32LE(0, at);
  return out.subarray(0, at + 4);
}

/** Grows with the largest block seen: at most 4 MiB. */
let scratch = Buffer.alloc(0);

/** Throws DecompressionError. */
export function decompressLz4Frame(bytes: Buffer, limit: number, ignoreHeaderChecksum = false): Buffer {
  if (bytes.length < headerSize) throw cutShort();
  if (bytes.readUInt32LE(0) !== frameMagic) throw new DecompressionError('lz4: not an LZ4 frame');
  const flags = bytes[4];
  const descriptor = bytes[5];
  if ((flags & 0x03) !== 0) throw new DecompressionError('lz4: reserved bits are set in the frame header');
  if (flags >>> 6 !== 1) throw new DecompressionError(`lz4: frame version ${flags >>> 6}, where 1 is known`);
  if ((flags & 0x20) === 0) throw new DecompressionError('lz4: blocks that depend on each other are not supported');
  const largest = descriptor >>> 4;
  if ((descriptor & 0x0f) !== 0 || largest < 4 || largest > 7) {
    throw new DecompressionError(`lz4: block size ${largest} is none of 4 to 7, or reserved bits are set`);
  }
  const maxBlock = 1 << (2 * largest + 8);
  const hasBlockChecksum = (flags & 0x10) !== 0;
  let at = (flags & 0x08) !== 0 ? 14 : 6;
  if (at >= bytes.length) throw cutShort();
  if (!ignoreHeaderChecksum && bytes[at] !== ((xxhash32(bytes, 4, at) >>> 8) & 0xff)) {
    throw new DecompressionError('lz4: checksum of the frame header does not agree');
  }
  at++;

  const out = new OutputBuffer('lz4', bytes.length * 4, limit);
  for (;;) {
    if (bytes.length - at < 4) throw cutShort();
    const field = bytes.readUInt32LE(at);
    at += 4;
    const size = field & ~stored;
    // Kafka does not check the content's checksum either; the batch has its own.
    if (size === 0) return out.finish();
    if (size > maxBlock) throw new DecompressionError(`lz4: block of ${size} bytes, where ${maxBlock} is the largest`);
    if (bytes.length - at < size) throw cutShort();
    if (field >= stored) out.append(bytes.subarray(at, at + size));
    else out.append(unpackBlock(bytes, at, size, Math.min(maxBlock, size * largestRatio), out.room, limit));
    if (hasBlockChecksum) {
      if (bytes.length - at - size < 4) throw cutShort();
      if (xxhash32(bytes, at, at + size) !== bytes.readUInt32LE(at + size)) {
        throw new DecompressionError('lz4: checksum of a block does not agree');
      }
      at += 4;
    }
    at += size;
  }
}

/** The library wants the room for the block in 4 bytes before it, and allocates that much. */
function unpackBlock(bytes: Buffer, at: number, size: number, most: number, room: number, limit: number): Buffer {
  if (scratch.length < size + 4) scratch = Buffer.allocUnsafe(size + 4);
  scratch.writeUInt32LE(Math.min(most, room), 0);
  bytes.copy(scratch, 4, at, at + size);
  try {
    return uncompressSync(scratch.subarray(0, size + 4));
  } catch (error) {
    if (room < most) throw tooLarge('lz4', limit);
    throw new DecompressionError(`lz4: ${(error as Error).message}`);
  }
}

function cutShort(): DecompressionError {
  return new DecompressionError('lz4: the frame is cut short');
}
