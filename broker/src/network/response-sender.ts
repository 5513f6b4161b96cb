import type { Clock, Timer } from '../io/clock';
import type { FileRange } from '../io/files';
import type { Socket } from '../io/network';
import type { ListenerMetrics } from '../metrics/network-metrics';
import type { Chunk } from '../protocol/codec';
import type { BufferPool } from './buffer-pool';
import type { FairShare, ShareHolder } from './fair-share';

/** How much is read from files for one write, as long as all connections together hold little. */
const pieceBytes = 256 * 1024;
/** What all connections may hold before pieces get smaller: many slow readers then cost little each. */
const relaxedBytes = 16 * 1024 * 1024;
const tightBytes = 48 * 1024 * 1024;

/** Responses that are that small may wait for the next ones of the same turn, to be written in one call. */
const mostDelayedBytes = 64 * 1024;

/**
 * How long the rest of an answer waits for a disk that hangs, milliseconds. Its client would wait for its own timeout otherwise, also
 * where the next fetch gives it what lies on other disks.
 */
const mostReadingMs = 10_000;

/** What the sender tells its connection. */
export interface SenderOwner extends ShareHolder {
  /** The kernel has taken everything, some time after `pump` could not give it all. */
  responseSent(): void;
  /** A file range could not be read: the peer was promised bytes that do not exist. */
  sendFailed(reason: string): void;
}

/**
 * Sends the responses of one connection as its socket drains. Bytes of files are read piece by piece into pooled
 * buffers, the next piece when the kernel has taken the last one. Every range is released once: when it is read, or when
 * the connection goes.
 */
export class ResponseSender {
  readonly #socket: Socket;
  readonly #metrics: Pick<ListenerMetrics, 'outgoingByteTotal'>;
  readonly #pool: BufferPool;
  readonly #share: FairShare;
  readonly #owner: SenderOwner;
  readonly #clock: Clock;
  #chunks: Chunk[] = [];
  #next = 0;
  /** How much of the range at `#next` is read. */
  #done = 0;
  #queuedBytes = 0;
  #queuedRanges = 0;
  /** The pooled buffer that the kernel has not taken yet. */
  #held: Buffer | undefined;
  #blocked = false;
  #reading = false;
  #stopped = false;

  constructor(
    socket: Socket,
    pool: BufferPool,
    share: FairShare,
    metrics: Pick<ListenerMetrics, 'outgoingByteTotal'>,
    owner: SenderOwner,
    clock: Clock,
  ) {
    this.#socket = socket;
    this.#metrics = metrics;
    this.#pool = pool;
    this.#share = share;
    this.#owner = owner;
    this.#clock = clock;
  }

  /** Nothing is to be sent, and the kernel has everything. */
  get idle(): boolean {
    return !this.#blocked && !this.#reading && this.#next === this.#chunks.length;
  }

  /** What is queued is little and in memory: it may wait for the end of the turn. */
  get mayDelay(): boolean {
    return !this.#blocked && this.#queuedRanges === 0 && this.#queuedBytes < mostDelayedBytes;
  }

  /** Bytes of pooled memory that the connection holds. */
  get heldBytes(): number {
    return this.#held?.length ?? 0;
  }

  enqueue(chunks: readonly Chunk[]): void {
    if (this.#stopped) {
      releaseChunks(chunks);
      return;
    }
    for (const chunk of chunks) {
      this.#chunks.push(chunk);
      this.#queuedBytes += chunk.length;
      if (!Buffer.isBuffer(chunk)) {
        this.#queuedRanges++;
      }
    }
  }

  /** Sends what can be sent now. True: nothing is left, and the kernel has everything. */
  pump(): boolean {
    if (this.#stopped || this.#blocked || this.#reading) {
      return false;
    }
    while (this.#next < this.#chunks.length) {
      // A small answer never waits for a turn.
      if (!this.mayDelay && !this.#share.has(this.#owner)) {
        this.#share.wait(this.#owner);
        return false;
      }
      if (!this.#sendPiece()) {
        return false;
      }
    }
    this.#chunks.length = 0;
    this.#next = 0;
    return true;
  }

  /** The socket's `drained`. */
  drained(): void {
    this.#blocked = false;
    this.#letGo();
    this.resume();
  }

  /** Goes on after a wait, and says when all is sent. */
  resume(): void {
    if (this.pump()) {
      this.#owner.responseSent();
    }
  }

  /** The socket is about to be closed: nothing more is written. */
  stop(): void {
    this.#stopped = true;
    if (!this.#reading) {
      this.#releaseRest();
    }
  }

  /** The socket is closed: it no longer looks at its buffers. */
  close(): void {
    this.stop();
    if (!this.#reading) {
      this.#letGo();
    }
  }

  /** Gathers a piece and writes it. False: the rest has to wait. */
  #sendPiece(): boolean {
    const buffers: Buffer[] = [];
    let gathered = 0;
    let used = 0;
    while (this.#next < this.#chunks.length && gathered < pieceBytes) {
      const chunk = this.#chunks[this.#next];
      if (Buffer.isBuffer(chunk)) {
        buffers.push(chunk);
        gathered += chunk.length;
        this.#next++;
        continue;
      }
      if (this.#done === chunk.length) {
        this.#finishRange(chunk);
        continue;
      }
      if (!chunk.hot || !chunk.file.isPrompt) {
        break;
      }
      this.#held ??= this.#pool.acquire(this.#pieceLength());
      const length = Math.min(chunk.length - this.#done, this.#held.length - used);
      if (length === 0) {
        break;
      }
      if (!this.#readHot(chunk, this.#held, used, length)) {
        return false;
      }
      buffers.push(this.#held.subarray(used, used + length));
      used += length;
      gathered += length;
    }
    if (buffers.length > 0) {
      return this.#write(buffers, gathered);
    }
    const chunk = this.#chunks[this.#next];
    if (chunk !== undefined) {
      void this.#readCold(chunk as FileRange);
      return false;
    }
    return true;
  }

  #write(buffers: Buffer[], length: number): boolean {
    this.#queuedBytes -= length;
    this.#metrics.outgoingByteTotal += length;
    const taken = this.#socket.write(mostlySmall(buffers, length) ? [Buffer.concat(buffers, length)] : buffers);
    // Small answers are not counted: one of them cannot starve anybody, and counting costs a turn of the loop.
    if (length >= 16 * 1024) {
      this.#share.spend(this.#owner, length);
    }
    if (taken) {
      this.#letGo();
      return true;
    }
    this.#blocked = true;
    return false;
  }

  #readHot(range: FileRange, target: Buffer, offset: number, length: number): boolean {
    try {
      let read = 0;
      while (read < length) {
        const got = range.file.readSync(target, offset + read, length - read, range.position + this.#done + read);
        if (got === 0) {
          this.#done += read;
          this.#fail(range, undefined);
          return false;
        }
        read += got;
      }
    } catch (error) {
      this.#fail(range, error);
      return false;
    }
    this.#advance(range, length);
    return true;
  }

  async #readCold(range: FileRange): Promise<void> {
    this.#reading = true;
    const target = this.#pool.acquire(Math.min(this.#pieceLength(), range.length - this.#done));
    this.#held = target;
    const length = Math.min(range.length - this.#done, target.length);
    let got = 0;
    let failure: unknown;
    let timer: Timer;
    const waitOn = (): void => {
      timer = this.#clock.timer(mostReadingMs, () => {
        if (this.#stopped) return;
        // A disk that is only busy gets to it.
        if (!range.file.hangs) return waitOn();
        this.stop();
        this.#owner.sendFailed(`${range.file.path} was not read in ${mostReadingMs} ms: its disk hangs`);
      });
    };
    waitOn();
    try {
      got = await range.file.read(target, 0, length, range.position + this.#done);
    } catch (error) {
      failure = error;
    }
    timer!.cancel();
    this.#reading = false;
    if (this.#stopped) {
      this.#letGo();
      this.#releaseRest();
    } else if (got === 0) {
      this.#fail(range, failure);
    } else {
      this.#advance(range, got);
      if (this.#write([target.subarray(0, got)], got)) {
        this.resume();
      }
    }
  }

  #advance(range: FileRange, length: number): void {
    this.#done += length;
    if (this.#done === range.length) {
      this.#finishRange(range);
    }
  }

  #finishRange(range: FileRange): void {
    this.#next++;
    this.#done = 0;
    this.#queuedRanges--;
    range.release();
  }

  #pieceLength(): number {
    let left = -this.#done;
    for (let index = this.#next; index < this.#chunks.length && left < pieceBytes; index++) {
      const chunk = this.#chunks[index];
      left += Buffer.isBuffer(chunk) ? 0 : chunk.length;
    }
    const used = this.#pool.usedBytes;
    return Math.min(left, used < relaxedBytes ? pieceBytes : used < tightBytes ? pieceBytes / 4 : pieceBytes / 16);
  }

  #fail(range: FileRange, error: unknown): void {
    const at = `${range.file.path} at ${range.position + this.#done}`;
    const missing = range.length - this.#done;
    // Nothing of what was gathered is with the socket yet.
    this.close();
    this.#owner.sendFailed(
      error === undefined
        ? `${at} ends before the ${missing} bytes that were to be sent`
        : `${at} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
    );
  }

  #letGo(): void {
    if (this.#held !== undefined) {
      this.#pool.release(this.#held);
      this.#held = undefined;
    }
  }

  #releaseRest(): void {
    const rest = this.#chunks.slice(this.#next);
    this.#chunks.length = 0;
    this.#next = 0;
    releaseChunks(rest);
  }
}

/** Many tiny answers cost less as one copy than as parts of a writev. */
function mostlySmall(buffers: readonly Buffer[], length: number): boolean {
  return buffers.length >= 8 && length < 512 * buffers.length;
}

/** Lets go of the file ranges of a response that is not sent. */
export function releaseChunks(chunks: readonly Chunk[]): void {
  for (const chunk of chunks) {
    if (!Buffer.isBuffer(chunk)) {
      chunk.release();
    }
  }
}
