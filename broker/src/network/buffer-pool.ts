/** The smallest buffers that are kept for reuse: powers of two, of so many bits. */
const smallestBits = 12;

/**
 * Buffers that are used again: without it every large frame would be fresh memory, which the kernel has to fill with
 * zeros page by page. What is out is counted; what is kept is bounded.
 */
export class BufferPool {
  readonly #free: Buffer[][];
  readonly #mostFreeBytes: number;
  readonly #largestBits: number;
  #freeBytes = 0;
  #usedBytes = 0;

  /** `largestBits`: buffers up to this power of two are kept. */
  constructor(mostFreeBytes: number, largestBits = 21) {
    this.#mostFreeBytes = mostFreeBytes;
    this.#largestBits = largestBits;
    this.#free = Array.from({ length: largestBits - smallestBits + 1 }, () => []);
  }

  /** Bytes that were acquired and not released. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** Bytes that are kept for the next acquire. */
  get freeBytes(): number {
    return this.#freeBytes;
  }

  /** A buffer of at least `length` bytes, with anything in it. */
  acquire(length: number): Buffer {
    const bits = Math.max(smallestBits, 32 - Math.clz32(Math.max(length, 1) - 1));
    if (bits > this.#largestBits) {
      this.#usedBytes += length;
      return Buffer.allocUnsafeSlow(length);
    }
    const size = 2 ** bits;
    this.#usedBytes += size;
    const kept = this.#free[bits - smallestBits].pop();
    if (kept === undefined) {
      return Buffer.allocUnsafeSlow(size);
    }
    this.#freeBytes -= size;
    return kept;
  }

  /** Takes back a buffer that `acquire` gave, as a whole; nobody may look at it any more. */
  release(buffer: Buffer): void {
    const size = buffer.length;
    this.#usedBytes -= size;
    if (size <= 2 ** this.#largestBits && this.#freeBytes + size <= this.#mostFreeBytes) {
      this.#freeBytes += size;
      this.#free[31 - Math.clz32(size) - smallestBits].push(buffer);
    }
  }
}
