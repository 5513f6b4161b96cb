import { JuteError } from './jute';

/** ZooKeeper's default of jute.maxbuffer. */
export const defaultJuteMaxBuffer = 0xfffff;

// What is allocated for a frame before its bytes arrive.
const firstAllocation = 64 * 1024;

/**
 * Cuts a stream of bytes into frames: an int length, then that many bytes. What is held is never more than twice what
 * has arrived (and a first 64 KiB), whatever length is claimed.
 */
export class FrameDecoder {
  private readonly header = Buffer.alloc(4);
  private headerBytes = 0;
  private frame: Buffer | undefined;
  private frameLength = 0;
  private frameBytes = 0;

  /** `maxBytes`: jute.maxbuffer, the longest frame taken. */
  constructor(private readonly maxBytes: number = defaultJuteMaxBuffer) {}

  /** The first bytes of a frame whose length is incomplete or invalid (a four-letter word, for one). */
  get pendingHeader(): Buffer {
    return this.header.subarray(0, this.headerBytes);
  }

  /**
   * Gives every complete frame, without its length, to `frame`, which owns it. `frame` returns false to stop (the
   * connection was closed): the rest of `bytes` is dropped. Throws JuteError for a length that is negative or above
   * the maximum; nothing can be read after it.
   */
  push(bytes: Uint8Array, frame: (bytes: Buffer) => boolean | void): void {
    let at = 0;
    for (;;) {
      if (this.frame === undefined) {
        while (this.headerBytes < 4 && at < bytes.length) this.header[this.headerBytes++] = bytes[at++]!;
        if (this.headerBytes < 4) return;
        const length = this.header.readInt32BE(0);
        if (length < 0 || length > this.maxBytes) {
          throw new JuteError(`a frame claims ${length} bytes: 0 to ${this.maxBytes} (jute.maxbuffer) are valid`);
        }
        this.frameLength = length;
        this.frameBytes = 0;
        this.frame = Buffer.allocUnsafeSlow(Math.min(length, firstAllocation));
      }
      const length = Math.min(this.frameLength - this.frameBytes, bytes.length - at);
      this.append(bytes.subarray(at, at + length));
      at += length;
      if (this.frameBytes < this.frameLength) return;
      const complete = this.frame;
      this.frame = undefined;
      this.headerBytes = 0;
      if (frame(complete) === false) return;
    }
  }

  private append(bytes: Uint8Array): void {
    let frame = this.frame!;
    const end = this.frameBytes + bytes.length;
    if (end > frame.length) {
      const larger = Buffer.allocUnsafeSlow(Math.min(this.frameLength, Math.max(end, frame.length * 2)));
      frame.copy(larger, 0, 0, this.frameBytes);
      this.frame = frame = larger;
    }
    frame.set(bytes, this.frameBytes);
    this.frameBytes = end;
  }
}
