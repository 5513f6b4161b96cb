import { nodeIo } from '../../../../broker/src/io/node/index';
import type { Socket } from '../../../../broker/src/io/network';
import { FrameDecoder } from '../../../../broker/src/zookeeper/frame-decoder';
import { decodeRecord, JuteReader, JuteWriter, type JuteType } from '../../../../broker/src/zookeeper/jute';
import { MultiRequest, MultiResponse, type MultiOp, type MultiOpResult } from '../../../../broker/src/zookeeper/multi';
import {
  ConnectRequest,
  ConnectResponse,
  Create2Response,
  CreateMode,
  CreateRequest,
  CreateResponse,
  DeleteRequest,
  ExistsRequest,
  ExistsResponse,
  GetChildren2Response,
  GetChildrenRequest,
  GetDataRequest,
  GetDataResponse,
  openAcl,
  OpCode,
  ReplyHeader,
  RequestHeader,
  SetDataRequest,
  SetDataResponse,
  WatcherEvent,
  type Acl,
  type Stat,
} from '../../../../broker/src/zookeeper/requests';

export interface Reply {
  readonly xid: number;
  readonly zxid: bigint;
  readonly err: number;
  readonly body: JuteReader;
}

const io = nodeIo();

/** The barest client of ZooKeeper's protocol: what a test sends is what goes out, in that order. */
export class RawClient {
  session: ConnectResponse = { protocolVersion: 0, timeOut: 0, sessionId: 0n, passwd: null, readOnly: false };
  readonly events: WatcherEvent[] = [];
  /** xids of replies and paths of events, as they came. */
  readonly order: (number | string)[] = [];
  readonly closed: Promise<void>;
  isClosed = false;
  private socket!: Socket;
  private nextXid = 1;
  private readonly waiting: ((reply: Reply) => void)[] = [];
  private readonly failing: ((error: Error) => void)[] = [];
  private firstFrame: ((frame: Buffer) => void) | undefined;
  private setClosed!: () => void;

  private constructor() {
    this.closed = new Promise((resolve) => (this.setClosed = resolve));
  }

  /** A connection without a session. */
  static async open(port: number): Promise<RawClient> {
    const client = new RawClient();
    client.socket = await io.network.connect({ host: '127.0.0.1', port, timeoutMs: 5000 });
    const frames = new FrameDecoder(16 * 1024 * 1024);
    client.socket.handle({
      data: (bytes) => frames.push(bytes, (frame) => client.received(frame)),
      drained() {},
      ended: () => client.socket.end(),
      closed: () => {
        client.isClosed = true;
        for (const fail of client.failing) fail(new Error('the connection was closed'));
        client.setClosed();
      },
    });
    return client;
  }

  static async connect(port: number, request: Partial<ConnectRequest> = {}): Promise<RawClient> {
    const client = await RawClient.open(port);
    const answer = await client.handshake((to) =>
      ConnectRequest.write(to, {
        protocolVersion: 0,
        lastZxidSeen: 0n,
        timeOut: 10_000,
        sessionId: 0n,
        passwd: Buffer.alloc(16),
        readOnly: false,
        ...request,
      }),
    );
    client.session = decodeRecord(ConnectResponse, answer);
    return client;
  }

  /** Sends the first frame and gives the first frame of the server. */
  handshake(write: (to: JuteWriter) => void): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      this.firstFrame = resolve;
      this.failing.push(reject);
      this.sendFrame(write);
    });
  }

  sendFrame(write: (to: JuteWriter) => void): void {
    const to = new JuteWriter();
    write(to);
    this.sendBytes(to.frame());
  }

  sendBytes(bytes: Buffer): void {
    this.socket.write([bytes]);
  }

  /** Sends a request; the reply comes in order. */
  request<T>(type: number, body?: JuteType<T>, value?: T, xid = this.nextXid++): Promise<Reply> {
    const reply = new Promise<Reply>((resolve, reject) => {
      this.waiting.push(resolve);
      this.failing.push(reject);
    });
    this.sendFrame((to) => {
      RequestHeader.write(to, { xid, type });
      body?.write(to, value as T);
    });
    return reply;
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  /** Cuts the connection; the session stays. */
  async cut(): Promise<void> {
    this.socket.destroy();
    await this.closed;
  }

  async closeSession(): Promise<void> {
    await this.request(OpCode.closeSession);
    await this.closed;
  }

  // --- the requests of most tests; each rejects with `code` NAME of the result if it is not OK

  async create(
    path: string,
    data: string | null = '',
    flags: number = CreateMode.persistent,
    acl: readonly Acl[] = openAcl,
  ) {
    const value = { path, data: data === null ? null : Buffer.from(data), acl, flags };
    return ok(await this.request(OpCode.create, CreateRequest, value), CreateResponse).path;
  }

  async create2(path: string, data = '', flags: number = CreateMode.persistent): Promise<Create2Response> {
    const value = { path, data: Buffer.from(data), acl: openAcl, flags };
    return ok(await this.request(OpCode.create2, CreateRequest, value), Create2Response);
  }

  async delete(path: string, version = -1): Promise<void> {
    checkOk(await this.request(OpCode.delete, DeleteRequest, { path, version }));
  }

  async setData(path: string, data: string, version = -1): Promise<Stat> {
    const value = { path, data: Buffer.from(data), version };
    return ok(await this.request(OpCode.setData, SetDataRequest, value), SetDataResponse).stat;
  }

  async getData(path: string, watch = false): Promise<{ data: string | null; stat: Stat }> {
    const { data, stat } = ok(await this.request(OpCode.getData, GetDataRequest, { path, watch }), GetDataResponse);
    return { data: data === null ? null : data.toString(), stat };
  }

  async exists(path: string, watch = false): Promise<Stat> {
    return ok(await this.request(OpCode.exists, ExistsRequest, { path, watch }), ExistsResponse).stat;
  }

  async children(path: string, watch = false): Promise<{ children: readonly string[]; stat: Stat }> {
    return ok(await this.request(OpCode.getChildren2, GetChildrenRequest, { path, watch }), GetChildren2Response);
  }

  async multi(ops: readonly MultiOp[]): Promise<readonly MultiOpResult[]> {
    return ok(await this.request(OpCode.multi, MultiRequest, ops), MultiResponse);
  }

  private received(frame: Buffer): void {
    if (this.firstFrame !== undefined) {
      this.firstFrame(frame);
      this.firstFrame = undefined;
      this.failing.shift();
      return;
    }
    const body = new JuteReader(frame);
    const header = ReplyHeader.read(body);
    if (header.xid === -1) {
      const event = WatcherEvent.read(body);
      this.events.push(event);
      this.order.push(`${event.type}:${event.path}`);
      return;
    }
    this.order.push(header.xid);
    this.failing.shift();
    this.waiting.shift()!({ ...header, body });
  }
}

/** A result that is not OK. */
export class ResultError extends Error {
  constructor(readonly err: number) {
    super(`result ${err}`);
  }
}

export function checkOk(reply: Reply): void {
  if (reply.err !== 0) throw new ResultError(reply.err);
}

export function ok<T>(reply: Reply, type: JuteType<T>): T {
  checkOk(reply);
  return type.read(reply.body);
}

/** Sends a four-letter word and gives the answer. */
export async function word(port: number, text: string): Promise<string> {
  const socket = await io.network.connect({ host: '127.0.0.1', port, timeoutMs: 5000 });
  return await new Promise((resolve, reject) => {
    let answer = '';
    socket.handle({
      data: (bytes) => (answer += bytes.toString()),
      drained() {},
      ended: () => socket.end(),
      closed: (error) => (error === undefined ? resolve(answer) : reject(error)),
    });
    socket.write([Buffer.from(text)]);
  });
}
