import { tooLarge } from './decompression-error';

/** Grows as blocks are unpacked into it, never past its limit and never by what the input claims. */
export class OutputBuffer {
  private bytes: Buffer;
  private used = 0;

  constructor(
    private readonly codec: string,
    sizeHint: number,
    private readonly limit: number,
  ) {
    this.bytes = Buffer.allocUnsafe(Math.min(sizeHint, limit));
  }

  append(block: Buffer): void {
    const needed = this.used + block.length;
    if (needed > this.limit) throw tooLarge(this.codec, this.limit);
    if (needed > this.bytes.length) {
      const grown = Buffer.allocUnsafe(Math.min(this.limit, Math.max(needed, this.bytes.length * 2)));
      this.bytes.copy(grown, 0, 0, this.used);
      this.bytes = grown;
    }
    block.copy(this.bytes, this.used);
    this.used = needed;
  }

  /** Bytes that may still come. */
  get room(): number {
    return this.limit - this.used;
  }

  finish(): Buffer {
    return this.bytes.subarray(0, this.used);
  }
}
