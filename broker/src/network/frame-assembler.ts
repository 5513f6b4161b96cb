import { ApiKey } from '../protocol/api-keys';
import type { BufferPool } from './buffer-pool';
import type { RequestMemory } from './request-memory';

/** A length prefix that is not acceptable; the message says why. */
export class InvalidReceiveError extends Error {
  override readonly name = 'InvalidReceiveError';
}

/** Below this a Produce is not worth the pool. */
const leastPooledBytes = 4096;
const firstCapacity = 4096;
/** As long as a frame's memory is below this, it may be many times what has arrived of it. */
const eagerCapacity = 2 * 1024 * 1024;
const eagerFactor = 32;

/** A whole frame, without its length prefix. */
export interface Frame {
  readonly body: Buffer;
  /** The pool's buffer that holds the body, if it is the pool's. */
  readonly backing: Buffer | undefined;
  /** What was taken from RequestMemory. */
  readonly memory: number;
}

export interface FrameAssemblerOptions {
  /** For frames that are Produce requests. */
  readonly pool?: BufferPool;
  /** For all frames: who takes them gives their backing back. */
  readonly poolsAll?: boolean;
  /** Where the memory of frames is counted. */
  readonly memory?: RequestMemory;
  /** The longest frame that is accepted, in bytes, and what sets this limit. */
  readonly largest: number;
  readonly limitName: string;
}

/**
 * Cuts what arrives on a connection into frames. Memory follows what has arrived, never what a length prefix claims:
 * up to 2 MiB it may be 32 times as much, so that usual frames are not moved, above that twice.
 *
 * Frames of Produce, the bulk of all bytes, lie in pooled buffers; all others are left to the garbage collector, so that
 * a handler may keep slices of them.
 */
export class FrameAssembler {
  readonly #pool: BufferPool | undefined;
  readonly #poolsAll: boolean;
  readonly #memory: RequestMemory | undefined;
  readonly #largest: number;
  readonly #limitName: string;
  /** The length prefix, and the API key behind it, when they come in pieces. */
  readonly #prefix = Buffer.alloc(6);
  #prefixLength = 0;
  #size = 0;
  #pooled = false;
  #buffer: Buffer | undefined;
  #capacity = 0;
  #length = 0;

  constructor({ pool, poolsAll = false, memory, largest, limitName }: FrameAssemblerOptions) {
    this.#pool = pool;
    this.#poolsAll = poolsAll;
    this.#memory = memory;
    this.#largest = largest;
    this.#limitName = limitName;
  }

  /** Whether memory is taken for a frame that has not arrived whole. */
  get started(): boolean {
    return this.#buffer !== undefined;
  }

  /** Whether a part of a frame is there, be it of its prefix. */
  get partial(): boolean {
    return this.#buffer !== undefined || this.#prefixLength > 0;
  }

  /** Whether `take` has something. */
  get complete(): boolean {
    return this.#buffer !== undefined && this.#length === this.#size;
  }

  /**
   * Consumes bytes up to the end of the frame at most; returns where it stopped.
   * @throws InvalidReceiveError
   */
  feed(bytes: Buffer, offset: number): number {
    if (this.#buffer === undefined) {
      if (this.#prefixLength === 0 && bytes.length - offset >= 6) {
        this.#size = this.#checked(bytes.readInt32BE(offset));
        this.#begin(bytes.readInt16BE(offset + 4), bytes.length - offset - 4);
        offset += 4;
      } else {
        offset = this.#feedPrefix(bytes, offset);
        if (this.#buffer === undefined) {
          return offset;
        }
      }
    }
    const end = Math.min(bytes.length, offset + this.#size - this.#length);
    const length = this.#length + end - offset;
    if (length > this.#capacity) {
      this.#grow(length);
    }
    bytes.copy(this.#buffer as Buffer, this.#length, offset, end);
    this.#length = length;
    return end;
  }

  /** The complete frame; the next one starts. */
  take(): Frame {
    const buffer = this.#buffer as Buffer;
    const body = buffer.length === this.#size ? buffer : buffer.subarray(0, this.#size);
    const frame = { body, backing: this.#pooled ? buffer : undefined, memory: this.#capacity };
    this.#reset();
    return frame;
  }

  /** Gives back what an incomplete frame holds. */
  abandon(): void {
    if (this.#buffer !== undefined) {
      if (this.#pooled) {
        this.#pool?.release(this.#buffer);
      }
      this.#memory?.give(this.#capacity);
    }
    this.#reset();
  }

  #reset(): void {
    this.#buffer = undefined;
    this.#capacity = 0;
    this.#length = 0;
    this.#prefixLength = 0;
  }

  #feedPrefix(bytes: Buffer, offset: number): number {
    const prefix = this.#prefix;
    while (offset < bytes.length) {
      prefix[this.#prefixLength++] = bytes[offset++];
      if (this.#prefixLength === 4) {
        this.#size = this.#checked(prefix.readInt32BE(0));
      }
      if (this.#prefixLength >= 4 && this.#prefixLength === Math.min(6, 4 + this.#size)) {
        const got = this.#prefixLength - 4;
        this.#begin(got === 2 ? prefix.readInt16BE(4) : -1, got + bytes.length - offset);
        prefix.copy(this.#buffer as unknown as Buffer, 0, 4, 4 + got);
        this.#length = got;
        return offset;
      }
    }
    return offset;
  }

  #checked(size: number): number {
    if (size < 0) {
      throw new InvalidReceiveError(`a frame of ${size} bytes; accepted is 0 to ${this.#limitName}=${this.#largest}`);
    }
    if (size > this.#largest) {
      throw new InvalidReceiveError(`a frame of ${size} bytes is larger than ${this.#limitName}=${this.#largest}`);
    }
    return size;
  }

  #begin(apiKey: number, arrived: number): void {
    const capacity = this.#capacityFor(arrived);
    const isWanted = this.#poolsAll || apiKey === ApiKey.Produce;
    this.#pooled = this.#pool !== undefined && isWanted && capacity >= leastPooledBytes;
    this.#buffer = this.#allocate(capacity);
    this.#length = 0;
  }

  #capacityFor(arrived: number): number {
    if (arrived >= this.#size) {
      return this.#size;
    }
    const eager = Math.min(eagerFactor * arrived, eagerCapacity);
    return Math.min(this.#size, Math.max(firstCapacity, eager, 2 * arrived));
  }

  #allocate(capacity: number): Buffer {
    const buffer = this.#pooled
      ? (this.#pool as BufferPool).acquire(capacity)
      : capacity < leastPooledBytes
        ? Buffer.allocUnsafe(capacity)
        : Buffer.allocUnsafeSlow(capacity);
    this.#memory?.take(buffer.length - this.#capacity);
    this.#capacity = buffer.length;
    return buffer;
  }

  #grow(length: number): void {
    const old = this.#buffer as Buffer;
    this.#buffer = this.#allocate(this.#capacityFor(length));
    old.copy(this.#buffer, 0, 0, this.#length);
    if (this.#pooled) {
      this.#pool?.release(old);
    }
  }
}
