import type { Clock, Timer } from '../../../broker/src/io/clock';
import type { FileRange, OpenFile } from '../../../broker/src/io/files';
import type { Io } from '../../../broker/src/io/io';
import type { Listening, ListenOptions, Socket, SocketHandler } from '../../../broker/src/io/network';
import { nodeIo } from '../../../broker/src/io/node';

/** Time that passes when the test says so. */
export class FakeClock implements Clock {
  now = 0;
  #deferred: (() => void)[] = [];
  #timers: { at: number; fire: () => void }[] = [];

  wallMs(): number {
    return this.now;
  }

  monotonicMs(): number {
    return this.now;
  }

  timer(delayMs: number, fire: () => void): Timer {
    const timer = { at: this.now + Math.max(0, delayMs), fire };
    this.#timers.push(timer);
    return { cancel: () => (this.#timers = this.#timers.filter((other) => other !== timer)) };
  }

  defer(run: () => void): void {
    this.#deferred.push(run);
  }

  /** Ends a turn of the loop: runs what was deferred before. False if there was nothing. */
  turn(): boolean {
    const deferred = this.#deferred;
    this.#deferred = [];
    deferred.forEach((run) => run());
    return deferred.length > 0;
  }

  advance(ms: number): void {
    const end = this.now + ms;
    for (;;) {
      const due = this.#timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      this.#timers = this.#timers.filter((other) => other !== due);
      this.now = Math.max(this.now, due.at);
      due.fire();
    }
    this.now = end;
  }
}

/** The server's end of a connection; the test plays kernel and peer. */
export class FakeSocket implements Socket {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress = '10.0.0.1';
  readonly localPort = 9092;
  /** What the kernel still takes; Infinity: the peer reads all. */
  kernelRoom = Infinity;
  paused = false;
  destroyed = false;
  endedBySelf = false;
  writes = 0;
  #sent: Buffer[] = [];
  #held: Buffer[] = [];
  #handler: SocketHandler | undefined;
  #reset = false;

  constructor(remoteAddress = '10.0.0.2', remotePort = 50000) {
    this.remoteAddress = remoteAddress;
    this.remotePort = remotePort;
  }

  get opened(): boolean {
    return this.#handler !== undefined;
  }

  handle(handler: SocketHandler): void {
    this.#handler = handler;
  }

  get pendingBytes(): number {
    return this.#held.reduce((sum, { length }) => sum + length, 0);
  }

  /** Everything that the kernel has taken. */
  get sent(): Buffer {
    return (this.#sent = [Buffer.concat(this.#sent)])[0];
  }

  write(buffers: readonly Uint8Array[]): boolean {
    if (this.destroyed && !this.#reset) throw new Error('written to a closed socket');
    if (this.destroyed) return true;
    this.writes++;
    this.#held.push(...buffers.map((bytes) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)));
    this.#take();
    return this.#held.length === 0;
  }

  /** The peer reads so much that the kernel takes as many bytes more. */
  makeRoom(bytes: number): void {
    const blocked = this.#held.length > 0;
    this.kernelRoom += bytes;
    this.#take();
    if (blocked && this.#held.length === 0 && !this.destroyed) this.#handler?.drained();
  }

  #take(): void {
    while (this.#held.length > 0 && this.kernelRoom > 0) {
      const first = this.#held[0];
      const taken = Math.min(first.length, this.kernelRoom);
      this.#sent.push(Buffer.from(first.subarray(0, taken)));
      this.kernelRoom -= taken;
      if (taken === first.length) this.#held.shift();
      else this.#held[0] = first.subarray(taken);
    }
    while (this.#held[0]?.length === 0) this.#held.shift();
  }

  /** Bytes arrive, in a receive buffer that is overwritten afterwards. */
  receive(bytes: Buffer): void {
    if (this.destroyed) return;
    const shared = Buffer.from(bytes);
    this.#handler?.data(shared);
    shared.fill(0xee);
  }

  peerEnds(): void {
    this.#handler?.ended();
  }

  /** The peer is gone; this end learns it a little later. */
  peerResets(): void {
    this.#reset = true;
    this.destroy();
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
  }

  end(): void {
    this.endedBySelf = true;
    this.destroy();
  }

  endWriting(): void {
    this.endedBySelf = true;
  }

  destroy(): void {
    if (!this.destroyed) {
      this.destroyed = true;
      queueMicrotask(() => {
        this.#held = [];
        this.#handler?.closed();
      });
    }
  }
}

export class FakeIo implements Io {
  readonly clock = new FakeClock();
  readonly random = nodeIo().random;
  readonly files = nodeIo().files;
  readonly jobs = nodeIo().jobs;
  /** By port. */
  readonly accepts = new Map<number, (socket: Socket) => void>();
  readonly network = {
    listen: async (options: ListenOptions, accept: (socket: Socket) => void): Promise<Listening> => {
      this.accepts.set(options.port, accept);
      return { host: options.host, port: options.port, close: async () => {} };
    },
    connect: () => Promise.reject(new Error('not here')),
    serveHttp: () => Promise.reject(new Error('not here')),
    hostname: () => 'here',
  };

  connect(port: number, socket = new FakeSocket()): FakeSocket {
    this.accepts.get(port)?.(socket);
    return socket;
  }
}

const period = 65536;
const pattern = Buffer.from(Array.from({ length: period }, (_, index) => (index * 31 + (index >>> 8)) & 0xff));

/** The byte at a position of every fake file. */
export function byteAt(position: number): number {
  return pattern[position % period];
}

function fill(target: Uint8Array, offset: number, length: number, position: number): void {
  for (let done = 0; done < length;) {
    const from = (position + done) % period;
    done += pattern.copy(target, offset + done, from, Math.min(period, from + length - done));
  }
}

export interface FakeFileOptions {
  /** Where the file ends. */
  readonly size?: number;
  /** Reads that touch this position fail. */
  readonly failsAt?: number;
  /** The most that one read gives. */
  readonly mostARead?: number;
  /** Reads that do not block wait for it. */
  readonly answers?: Promise<void>;
  readonly hangs?: boolean;
}

/** A file whose bytes follow from their positions. */
export function fakeFile({
  size = Infinity,
  failsAt = Infinity,
  mostARead = Infinity,
  answers = Promise.resolve(),
  hangs = false,
}: FakeFileOptions = {}): OpenFile {
  const readSync = (target: Uint8Array, offset: number, length: number, position: number): number => {
    if (position + length > failsAt) throw Object.assign(new Error('EIO: read'), { code: 'EIO' });
    const got = Math.max(0, Math.min(length, size - position, mostARead));
    fill(target, offset, got, position);
    return got;
  };
  const unused = () => Promise.reject(new Error('unused'));
  return {
    path: '/data/t-0/0.log',
    isPrompt: true,
    hangs,
    readSync,
    read: async (...read) => {
      await answers;
      return readSync(...read);
    },
    writeSync() {
      throw new Error('unused');
    },
    write: unused,
    size: unused,
    truncate: unused,
    sync: unused,
    close: unused,
  };
}

/** A range that counts its releases. */
export class CountedRange implements FileRange {
  releases = 0;

  constructor(
    readonly file: OpenFile,
    readonly position: number,
    readonly length: number,
    readonly hot: boolean,
  ) {}

  release(): void {
    this.releases++;
  }

  /** What it should read as. */
  get bytes(): Buffer {
    const bytes = Buffer.alloc(this.length);
    fill(bytes, 0, this.length, this.position);
    return bytes;
  }
}
