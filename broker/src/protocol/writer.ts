import type { FileRange } from '../io/files';
import { ProtocolError } from './errors';
import type { Records } from './schema';

/** What a connection sends: bytes in memory, or a part of a file. */
export type Chunk = Buffer | FileRange;

/** Messages are written one behind the other into slabs of this size; a larger message gets a buffer of its own. */
const slabSize = 32 * 1024;
/** Below this, copying bytes into the message is cheaper than sending them as a chunk of their own. */
const copyLimit = 1024;
const maxFrameLength = 0x7fffffff;

/**
 * Where messages are written to. One is shared by all encoding (it is synchronous): `begin`, then write at growing
 * positions of `buffer`, then `finish`. `buffer` is another one after everything that may grow it.
 */
export class Writer {
  buffer: Buffer = Buffer.allocUnsafeSlow(slabSize);
  private start = 0;
  private readonly attached: Chunk[] = [];
  private readonly attachedAt: number[] = [];
  private attachedLength = 0;

  /** The position to write at. */
  begin(): number {
    this.attached.length = 0;
    this.attachedAt.length = 0;
    this.attachedLength = 0;
    return this.start;
  }

  /** Makes room for `count` bytes at `position`. Positions stay what they are. */
  grow(position: number, count: number): Buffer {
    const needed = position + count;
    if (needed > maxFrameLength) throw new ProtocolError(`a message of more than ${maxFrameLength} bytes`);
    const size = Math.max(2 * this.buffer.length, needed);
    const larger = Buffer.allocUnsafeSlow(Math.min(size, maxFrameLength));
    this.buffer.copy(larger, this.start, this.start, position);
    this.buffer = larger;
    return larger;
  }

  /** How many bytes there are from `from` to `position`, attached chunks included (all of them lie behind `from`). */
  lengthFrom(from: number, position: number): number {
    return position - from + this.attachedLength;
  }

  finish(position: number): Chunk[] {
    const { buffer, start } = this;
    const chunks: Chunk[] = [];
    let from = start;
    for (let i = 0; i < this.attached.length; i++) {
      const at = this.attachedAt[i];
      if (at > from) chunks.push(buffer.subarray(from, at));
      chunks.push(this.attached[i]);
      from = at;
    }
    if (position > from || chunks.length === 0) chunks.push(buffer.subarray(from, position));
    this.attached.length = 0;
    this.attachedAt.length = 0;
    if (buffer.length > slabSize || slabSize - position < slabSize >> 3) {
      this.buffer = Buffer.allocUnsafeSlow(slabSize);
      this.start = 0;
    } else {
      this.start = position;
    }
    return chunks;
  }

  putVarint(position: number, value: number): number {
    let buffer = this.buffer;
    if (position + 5 > buffer.length) buffer = this.grow(position, 5);
    let rest = value;
    while (rest > 127) {
      buffer[position++] = (rest & 127) | 128;
      rest >>>= 7;
    }
    buffer[position++] = rest;
    return position;
  }

  /** Puts the size of a tagged value that was written from `start` to `position` before it, where one byte is left free. */
  putSizeBefore(start: number, position: number): number {
    const size = position - start;
    if (size < 128) {
      this.buffer[start - 1] = size;
      return position;
    }
    const extra = size < 1 << 14 ? 1 : size < 1 << 21 ? 2 : size < 1 << 28 ? 3 : 4;
    const buffer = position + extra > this.buffer.length ? this.grow(position, extra) : this.buffer;
    buffer.copyWithin(start + extra, start, position);
    this.putVarint(start - 1, size);
    return position + extra;
  }

  putString(position: number, value: string, compact: boolean, field: string): number {
    if (typeof value !== 'string') throw unencodable(field, value, 'a string');
    const count = value.length;
    let buffer = this.buffer;
    const most = 3 * count + 5;
    if (position + most > buffer.length) buffer = this.grow(position, most);
    if (count < 64) {
      let at = position + (compact ? 1 : 2);
      let i = 0;
      for (; i < count; i++) {
        const code = value.charCodeAt(i);
        if (code > 127) break;
        buffer[at++] = code;
      }
      if (i === count) {
        if (compact) {
          buffer[position] = count + 1;
        } else {
          buffer[position] = 0;
          buffer[position + 1] = count;
        }
        return at;
      }
    }
    const length = Buffer.byteLength(value, 'utf8');
    if (length > 32767) throw new ProtocolError(`${field}: a string of ${length} bytes; 32767 at most`);
    if (compact) {
      position = this.putVarint(position, length + 1);
    } else {
      buffer[position++] = length >>> 8;
      buffer[position++] = length;
    }
    return position + buffer.write(value, position, 'utf8');
  }

  putBytes(position: number, value: Uint8Array, compact: boolean, field: string): number {
    if (!(value instanceof Uint8Array)) throw unencodable(field, value, 'bytes');
    position = this.putLength(position, value.length, compact, field);
    return this.putChunk(position, value);
  }

  putRecords(position: number, value: Records, compact: boolean, field: string): number {
    if (value instanceof Uint8Array) return this.putBytes(position, value, compact, field);
    if (!Array.isArray(value)) {
      const range = value as FileRange;
      if (typeof range !== 'object' || typeof range.length !== 'number') throw unencodable(field, value, 'records');
      position = this.putLength(position, range.length, compact, field);
      return this.putChunk(position, range);
    }
    const parts = value as readonly Chunk[];
    let length = 0;
    for (let i = 0; i < parts.length; i++) length += parts[i].length;
    position = this.putLength(position, length, compact, field);
    for (let i = 0; i < parts.length; i++) position = this.putChunk(position, parts[i]);
    return position;
  }

  private putLength(position: number, length: number, compact: boolean, field: string): number {
    if (length >= maxFrameLength) throw new ProtocolError(`${field}: ${length} bytes`);
    if (compact) return this.putVarint(position, length + 1);
    let buffer = this.buffer;
    if (position + 4 > buffer.length) buffer = this.grow(position, 4);
    buffer[position] = length >>> 24;
    buffer[position + 1] = length >>> 16;
    buffer[position + 2] = length >>> 8;
    buffer[position + 3] = length;
    return position + 4;
  }

  private putChunk(position: number, chunk: Uint8Array | FileRange): number {
    const length = chunk.length;
    if (chunk instanceof Uint8Array) {
      if (length === 0) return position;
      if (length <= copyLimit) {
        let buffer = this.buffer;
        if (position + length > buffer.length) buffer = this.grow(position, length);
        buffer.set(chunk, position);
        return position + length;
      }
      this.attached.push(
        chunk instanceof Buffer ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength),
      );
    } else {
      this.attached.push(chunk);
    }
    this.attachedAt.push(position);
    this.attachedLength += length;
    return position;
  }
}

export function unencodable(field: string, value: unknown, wanted: string): ProtocolError {
  const shown = typeof value === 'object' && value !== null ? value.constructor?.name : String(value);
  return new ProtocolError(`${field}: ${shown} is not ${wanted}`);
}
