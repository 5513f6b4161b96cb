import type { Clock, Timer } from '../../../broker/src/io/clock';
import type { Io } from '../../../broker/src/io/io';
import type { Listening, Socket } from '../../../broker/src/io/network';
import { nodeIo } from '../../../broker/src/io/node/index';
import { FrameDecoder } from '../../../broker/src/zookeeper/frame-decoder';
import { JuteReader, JuteWriter, type JuteType } from '../../../broker/src/zookeeper/jute';
import {
  ConnectRequest,
  ConnectResponse,
  ReplyHeader,
  RequestHeader,
  WatcherEvent,
  Xid,
} from '../../../broker/src/zookeeper/requests';

/** A clock whose time passes only when a test says so; deferral is real. */
export class ManualClock implements Clock {
  private now = 1000;
  private timers: { atMs: number; fire: () => void }[] = [];

  wallMs(): number {
    return Math.floor(this.now);
  }

  monotonicMs(): number {
    return this.now;
  }

  timer(delayMs: number, fire: () => void): Timer {
    const timer = { atMs: this.now + Math.max(0, delayMs), fire };
    this.timers.push(timer);
    return { cancel: () => void (this.timers = this.timers.filter((other) => other !== timer)) };
  }

  defer(run: () => void): void {
    setImmediate(run);
  }

  /** Fires what falls due, in order. */
  advance(ms: number): void {
    const end = this.now + ms;
    for (;;) {
      const next = this.timers.filter((timer) => timer.atMs <= end).sort((a, b) => a.atMs - b.atMs)[0];
      if (next === undefined) break;
      this.timers = this.timers.filter((timer) => timer !== next);
      this.now = Math.max(this.now, next.atMs);
      next.fire();
    }
    this.now = end;
  }

  /** Passes time without firing anything, as when the process stood still. */
  jump(ms: number): void {
    this.now += ms;
  }
}

/** Real sockets, manual time. */
export function manualIo(): { readonly io: Io; readonly clock: ManualClock } {
  const clock = new ManualClock();
  return { io: { ...nodeIo(), clock }, clock };
}

/** A queue that can be waited on. */
class Arrivals<T> {
  private readonly here: T[] = [];
  private readonly waiting: ((value: T) => void)[] = [];

  put(value: T): void {
    const waiting = this.waiting.shift();
    if (waiting === undefined) this.here.push(value);
    else waiting(value);
  }

  next(): Promise<T> {
    return this.here.length > 0 ? Promise.resolve(this.here.shift()!) : new Promise((take) => this.waiting.push(take));
  }

  get count(): number {
    return this.here.length;
  }
}

export interface FakeRequest {
  readonly xid: number;
  readonly type: number;
  read<T>(type: JuteType<T>): T;
}

/** A connection as the server sees it: a test says what is answered. */
export class FakeConnection {
  private readonly frames = new Arrivals<Buffer>();
  private readonly end = new Arrivals<void>();

  constructor(private readonly socket: Socket) {
    const decoder = new FrameDecoder();
    socket.handle({
      data: (bytes) => decoder.push(bytes, (frame) => this.frames.put(Buffer.from(frame))),
      drained: () => {},
      ended: () => socket.end(),
      closed: () => this.end.put(),
    });
  }

  /** How many frames have come that nobody has looked at. */
  get unread(): number {
    return this.frames.count;
  }

  async connectRequest(): Promise<ConnectRequest> {
    return ConnectRequest.read(new JuteReader(await this.frames.next()));
  }

  /** Takes the session. */
  async accept(response: Partial<ConnectResponse> = {}): Promise<ConnectRequest> {
    const request = await this.connectRequest();
    const to = new JuteWriter();
    ConnectResponse.write(to, {
      protocolVersion: 0,
      timeOut: 6000,
      sessionId: 0x1234_5678_9abc_def0n,
      passwd: Buffer.alloc(16, 9),
      readOnly: false,
      ...response,
    });
    this.socket.write([to.frame()]);
    return request;
  }

  async request(): Promise<FakeRequest> {
    const from = new JuteReader(await this.frames.next());
    const { xid, type } = RequestHeader.read(from);
    return { xid, type, read: (body) => body.read(from) };
  }

  static reply<T>(xid: number, zxid: bigint, err: number, type?: JuteType<T>, value?: T): Buffer {
    const to = new JuteWriter();
    ReplyHeader.write(to, { xid, zxid, err });
    if (type !== undefined) type.write(to, value as T);
    return to.frame();
  }

  static event(type: number, path: string): Buffer {
    return FakeConnection.reply(Xid.notification, -1n, 0, WatcherEvent, { type, state: 3, path });
  }

  send(...frames: readonly Buffer[]): void {
    this.socket.write(frames);
  }

  reply<T>(xid: number, zxid: bigint, err: number, type?: JuteType<T>, value?: T): void {
    this.send(FakeConnection.reply(xid, zxid, err, type, value));
  }

  /** Resolves when the client has closed it. */
  closed(): Promise<void> {
    return this.end.next();
  }

  destroy(): void {
    this.socket.destroy();
  }
}

/** Listens on loopback and gives out its connections. */
export class FakeServer {
  private readonly arrivals = new Arrivals<FakeConnection>();
  private readonly connections: FakeConnection[] = [];
  private listening!: Listening;

  static async start(io: Io): Promise<FakeServer> {
    const server = new FakeServer();
    server.listening = await io.network.listen({ host: '127.0.0.1', port: 0 }, (socket) => {
      const connection = new FakeConnection(socket);
      server.connections.push(connection);
      server.arrivals.put(connection);
    });
    return server;
  }

  get connectString(): string {
    return `127.0.0.1:${this.listening.port}`;
  }

  connection(): Promise<FakeConnection> {
    return this.arrivals.next();
  }

  async close(): Promise<void> {
    for (const connection of this.connections) connection.destroy();
    await this.listening.close();
  }
}
