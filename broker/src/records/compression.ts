/**
 * Kafka's codecs over whole buffers, synchronous. What is unpacked is bounded by the caller: a batch of a megabyte may
 * claim, and zstd may really hold, gigabytes.
 */
import { constants, gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync, type ZstdOptions } from 'node:zlib';
import { CompressionType } from './compression-type';
import { DecompressionError, tooLarge } from './decompression-error';
import { compressLz4Frame, decompressLz4Frame } from './lz4-frame';
import { OutputBuffer } from './output-buffer';
import { compressSnappy, decompressSnappy } from './snappy-framing';

/** What one batch may unpack to where the caller says nothing else. Kafka streams and has no such limit. */
export const DEFAULT_MAX_DECOMPRESSED_BYTES = 128 * 1024 * 1024;

export interface CompressOptions {
  /**
   * compression.gzip.level (1–9, -1: default) or compression.zstd.level (-131072–22, default 3). The LZ4 library has
   * one level, its fast one, which is what Kafka's default uses; snappy has none.
   */
  readonly level?: number;
  /** Format that the result goes into: messages of format 0 have LZ4 frames of their own kind. */
  readonly magic?: number;
}

export function compress(type: CompressionType, bytes: Buffer, options: CompressOptions = {}): Buffer {
  switch (type) {
    case CompressionType.NONE:
      return bytes;
    case CompressionType.GZIP:
      return gzipSync(bytes, { level: options.level ?? constants.Z_DEFAULT_COMPRESSION });
    case CompressionType.SNAPPY:
      return compressSnappy(bytes);
    case CompressionType.LZ4:
      return compressLz4Frame(bytes, options.magic === 0);
    case CompressionType.ZSTD:
      return zstdCompressSync(bytes, {
        params: { [constants.ZSTD_c_compressionLevel]: options.level ?? constants.ZSTD_CLEVEL_DEFAULT },
      });
  }
}

/**
 * At most `limit` bytes; throws DecompressionError for more and for bytes that the codec did not write. CompressionType
 * NONE gives back the same buffer. `magic` is that of the batch or message the bytes come from.
 */
export function decompress(
  type: CompressionType,
  bytes: Buffer,
  limit = DEFAULT_MAX_DECOMPRESSED_BYTES,
  magic = 2,
): Buffer {
  switch (type) {
    case CompressionType.NONE:
      return bytes;
    case CompressionType.GZIP:
      return unzip('gzip', limit, () => gunzipSync(bytes, { maxOutputLength: limit, chunkSize: chunkSize(bytes) }));
    case CompressionType.SNAPPY:
      return decompressSnappy(bytes, limit);
    case CompressionType.LZ4:
      return decompressLz4Frame(bytes, limit, magic === 0);
    case CompressionType.ZSTD:
      return decompressZstd(bytes, limit);
  }
}

/**
 * Node gives back the first of several zstd frames, where zstd's own tools and Kafka go on. Each costs a context: their
 * number is bounded.
 */
const maxZstdFrames = 1024;

function decompressZstd(bytes: Buffer, limit: number): Buffer {
  const first = zstdFrame(bytes, limit, limit, chunkSize(bytes));
  let at = first.engine.bytesWritten;
  if (at >= bytes.length) return first.buffer;
  const out = new OutputBuffer('zstd', first.buffer.length * 2, limit);
  out.append(first.buffer);
  for (let frames = 1; at < bytes.length; frames++) {
    if (frames >= maxZstdFrames) throw new DecompressionError(`zstd: more than ${maxZstdFrames} frames`);
    if (out.room === 0) throw tooLarge('zstd', limit);
    const frame = zstdFrame(bytes.subarray(at), out.room, limit, minChunk);
    if (frame.engine.bytesWritten === 0) throw new DecompressionError('zstd: bytes after the last frame');
    out.append(frame.buffer);
    at += frame.engine.bytesWritten;
  }
  return out.finish();
}

interface Unzipped {
  readonly buffer: Buffer;
  /** bytesWritten: how much of the input was used. */
  readonly engine: { readonly bytesWritten: number };
}

function zstdFrame(bytes: Buffer, room: number, limit: number, chunk: number): Unzipped {
  const options: ZstdOptions = { maxOutputLength: room, chunkSize: chunk, info: true };
  // With info, Node answers with an object that its type declarations do not know.
  return unzip('zstd', limit, () => zstdDecompressSync(bytes, options)) as unknown as Unzipped;
}

function unzip<T>(codec: string, limit: number, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(codec, limit);
    throw new DecompressionError(`${codec}: ${(error as Error).message}`);
  }
}

const minChunk = 16 * 1024;

/** zlib fills chunks of this size and joins them: one that fits all saves the copy. */
function chunkSize(bytes: Buffer): number {
  return Math.min(Math.max(bytes.length * 4, minChunk), 4 * 1024 * 1024);
}
