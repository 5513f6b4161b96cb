import type { Timer } from '../io/clock';
import type { Io } from '../io/io';
import type { Socket, TlsOptions } from '../io/network';
import type { Logger } from '../logging/logger';
import type { ServerAddress } from './connect-string';
import { DigestMd5Client, SaslException, type SaslCredentials } from './digest-md5';
import { FrameDecoder } from './frame-decoder';
import { encodeRecord, JuteReader, JuteWriter } from './jute';
import { KeeperException } from './keeper-exception';
import {
  AuthPacket,
  ConnectRequest,
  ConnectResponse,
  GetSASLRequest,
  KeeperCode,
  keeperCodeName,
  OpCode,
  ReplyHeader,
  RequestHeader,
  SetSASLResponse,
  SetWatchesRequest,
  WatcherEvent,
  Xid,
} from './requests';

/**
 * - `connecting`: no session yet.
 * - `connected`: requests are sent.
 * - `disconnected`: there is a session, and the client looks for a server to go on with it.
 * - `expired`, `authFailed`, `closed`: the end of this session.
 */
export type SessionState = 'connecting' | 'connected' | 'disconnected' | 'expired' | 'authFailed' | 'closed';

/** Credentials of a scheme; for `digest`: `user:password`. */
export interface AuthInfo {
  readonly scheme: string;
  readonly auth: Buffer;
}

export interface SessionOptions {
  readonly servers: readonly ServerAddress[];
  /** Asked of the server, which has the last word. */
  readonly sessionTimeoutMs: number;
  readonly auth: readonly AuthInfo[];
  /** Who logs in by SASL, before anything else is sent. */
  readonly sasl?: SaslCredentials;
  /** Connections are over TLS. */
  readonly tls?: TlsOptions;
  /** Requests sent and not answered; more wait their turn. */
  readonly maxInFlightRequests: number;
  /** jute.maxbuffer: the longest frame, either way. */
  readonly juteMaxBuffer: number;
}

/** What a session tells its owner, in the order in which the server said it. */
export interface SessionHandler {
  state(state: SessionState): void;
  notification(event: WatcherEvent): void;
  /** The requests that set the watches of this session again. */
  watchesToRestore(lastZxid: bigint): SetWatchesRequest[];
  /** `deadlineMs` has passed without a sign from a server. */
  deadlinePassed(): void;
}

/** What becomes of a request: exactly one of the two is called. */
export interface Reply {
  /** `err` is the reply's code; the body is there when it is 0 (and for a multi). */
  done(err: number, body: JuteReader): void;
  failed(error: KeeperException): void;
}

interface Call extends Reply {
  readonly xid: number;
  readonly frame: Buffer;
  readonly path: string | undefined;
  sentAtMs: number;
}

/** What becomes of added credentials. */
export interface AuthReply {
  done(): void;
  failed(error: KeeperException): void;
}

interface PendingAuth {
  readonly info: AuthInfo;
  readonly reply: AuthReply | undefined;
  sentAtMs: number;
}

interface SaslExchange {
  readonly client: DigestMd5Client;
  readonly xid: number;
  readonly sentAtMs: number;
}

// Requests that wait for their turn: a bound that only an error of the caller reaches.
const maxWaiting = 1_000_000;
const maxRetryDelayMs = 1000;
// Above this a server that has ZooKeeper's default jute.maxbuffer closes the connection without a word.
const serverDefaultMaxBuffer = 0xfffff;

/** A connection from its TCP handshake to its end. */
class Connection {
  readonly decoder: FrameDecoder;
  /**
   * What the server has taken so far: nothing, the session (a SASL login is under way), the login (credentials may be
   * on their way), and all, so that requests are sent.
   */
  stage: 'new' | 'attached' | 'loggedIn' | 'established' = 'new';
  sasl: SaslExchange | undefined;
  lastHeardMs: number;
  lastSentMs: number;
  readTimeoutMs = Infinity;
  pingIntervalMs = Infinity;
  inFlight: Call[] = [];
  readonly pingsSentMs: number[] = [];
  readonly auths: PendingAuth[] = [];
  timer: Timer | undefined;
  overdue = false;

  constructor(
    readonly socket: Socket,
    readonly server: string,
    juteMaxBuffer: number,
    readonly connectedAtMs: number,
    readonly ended: (reason: string) => void,
  ) {
    this.decoder = new FrameDecoder(juteMaxBuffer);
    this.lastHeardMs = connectedAtMs;
    this.lastSentMs = connectedAtMs;
  }
}

/** One ZooKeeper session over as many connections as it takes. */
export class ZooKeeperSession {
  private current: SessionState = 'connecting';
  private id = 0n;
  private password: Buffer = Buffer.alloc(16);
  private zxid = 0n;
  private timeoutMs: number;
  private heardBaseMs = -Infinity;
  private xid = 0;
  private closing = false;
  private connection: Connection | undefined;
  private waiting: Call[] = [];
  private readonly auth: AuthInfo[];
  private readonly authsToTell: PendingAuth[] = [];
  private deadlineTimer: Timer | undefined;
  private stopRetryDelay: (() => void) | undefined;
  private reason = 'no server has been tried yet';
  private refusal = '';
  // Replies and events of one read are told in order: see deliver().
  private readonly deliveries: { readonly event: boolean; readonly run: () => void }[] = [];
  private repliesThisTurn = false;

  constructor(
    private readonly io: Io,
    private readonly log: Logger,
    private readonly options: SessionOptions,
    private readonly handler: SessionHandler,
  ) {
    this.timeoutMs = options.sessionTimeoutMs;
    this.auth = [...options.auth];
  }

  start(): void {
    void this.keepConnected();
  }

  get state(): SessionState {
    return this.current;
  }

  /** 0n before the first connection. */
  get sessionId(): bigint {
    return this.id;
  }

  get sessionPassword(): Buffer {
    return this.password;
  }

  get connectedTo(): string | undefined {
    return this.connection?.stage === 'established' ? this.connection.server : undefined;
  }

  get lastZxid(): bigint {
    return this.zxid;
  }

  /** As the server granted it; before that, as it is asked for. */
  get negotiatedTimeoutMs(): number {
    return this.timeoutMs;
  }

  /** What it was given and what was added. */
  get credentials(): readonly AuthInfo[] {
    return this.auth;
  }

  /** Why there is no connection. */
  get lastFailure(): string {
    return this.reason;
  }

  /**
   * Monotonic time before which no server lets this session expire: the server's count began no earlier than when the
   * last request that it answered was sent. -Infinity without a session.
   */
  get deadlineMs(): number {
    return this.heardBaseMs + this.timeoutMs;
  }

  /** `body` is the request without its header. */
  submit(opCode: OpCode, body: Buffer, path: string | undefined, reply: Reply): void {
    if (this.closing || this.isOver()) return reply.failed(this.overError(path));
    const connection = this.connection;
    if (connection?.stage !== 'established') {
      return reply.failed(new KeeperException(KeeperCode.CONNECTIONLOSS, path, this.lossMessage(path)));
    }
    if (body.length + 8 > this.options.juteMaxBuffer) {
      return reply.failed(
        new KeeperException(
          KeeperCode.MARSHALLINGERROR,
          path,
          `a request for ${path} has ${body.length} bytes: at most ${this.options.juteMaxBuffer - 8} ` +
            '(jute.maxbuffer) can be sent',
        ),
      );
    }
    if (this.waiting.length >= maxWaiting) {
      return reply.failed(
        new KeeperException(
          KeeperCode.SYSTEMERROR,
          path,
          `${maxWaiting} requests wait for ZooKeeper already: this one for ${path} is refused`,
        ),
      );
    }
    const xid = this.nextXid();
    this.waiting.push(this.call(xid, opCode, body, path, reply));
    this.sendWaiting(connection);
  }

  /** Adds credentials, for this connection and those that follow; it is done when a server has taken them. */
  addAuth(info: AuthInfo, reply: AuthReply): void {
    if (this.closing || this.isOver()) return reply.failed(this.overError(undefined));
    this.auth.push(info);
    const pending: PendingAuth = { info, reply, sentAtMs: 0 };
    const connection = this.connection;
    if (connection?.stage === 'loggedIn' || connection?.stage === 'established') this.sendAuth(connection, pending);
    else this.authsToTell.push(pending);
  }

  /**
   * Ends the session on the server, when there is a connection, so that its ephemeral nodes go at once; without one
   * the server ends it after its timeout.
   */
  async close(): Promise<void> {
    if (this.closing || this.isOver()) return;
    this.closing = true;
    const connection = this.connection;
    this.failWaiting((path) => this.overError(path));
    if (connection?.stage === 'established') {
      await new Promise<void>((resolve) => {
        const call = this.call(this.nextXid(), OpCode.closeSession, Buffer.alloc(0), undefined, {
          done: () => resolve(),
          failed: () => resolve(),
        });
        this.send(connection, call);
      });
    } else if (this.id !== 0n) {
      this.log.warn(
        `ZooKeeper session ${hex(this.id)} is left without a connection: its ephemeral nodes stay until the server ` +
          `ends it, ${this.timeoutMs} ms after it last heard of it.`,
      );
    }
    this.finish('closed');
  }

  private async keepConnected(): Promise<void> {
    const servers = shuffled(this.options.servers, (bound) => this.io.random.below(bound));
    let failures = 0;
    for (let next = 0; !this.closing && !this.isOver(); next = (next + 1) % servers.length) {
      // Every server gets a try before the first pause; then the pauses grow, and differ between clients.
      if (failures >= servers.length) {
        const most = Math.min(maxRetryDelayMs, 50 * 2 ** Math.min(failures - servers.length, 10));
        await this.retryDelay(most / 2 + this.io.random.below(Math.ceil(most / 2)));
        if (this.closing || this.isOver()) return;
      }
      const wasEstablished = await this.connectTo(servers[next]!);
      failures = wasEstablished ? 0 : failures + 1;
    }
  }

  private retryDelay(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.io.clock.timer(delayMs, resolve);
      this.stopRetryDelay = () => {
        timer.cancel();
        resolve();
      };
    });
  }

  /** Resolves when the connection has ended: was it ever established? */
  private async connectTo(address: ServerAddress): Promise<boolean> {
    const server = `${address.host}:${address.port}`;
    // Each server gets its share of the session, as in Apache's client: a dead one must not use it up.
    const timeoutMs = Math.max(this.timeoutMs / this.options.servers.length, 100);
    const startedMs = this.io.clock.monotonicMs();
    let socket: Socket;
    try {
      const { host, port } = address;
      socket = await this.io.network.connect({ host, port, timeoutMs, tls: this.options.tls });
    } catch (error) {
      this.reason = `${server}: ${error instanceof Error ? error.message : String(error)}`;
      this.log.debug(`ZooKeeper server ${server} cannot be reached.`, { error });
      return false;
    }
    if (this.closing || this.isOver()) {
      socket.destroy();
      return false;
    }
    return await new Promise<boolean>((resolve) => {
      const nowMs = this.io.clock.monotonicMs();
      const connection = new Connection(socket, server, this.options.juteMaxBuffer, nowMs, (reason) => {
        this.reason = `${server}: ${reason}`;
        resolve(connection.stage === 'established');
      });
      this.connection = connection;
      socket.handle({
        data: (bytes) => this.received(connection, bytes),
        drained: () => {},
        ended: () => this.lose(connection, 'the server has closed the connection'),
        closed: (error) => this.lose(connection, error?.message ?? 'the connection was closed'),
      });
      connection.timer = this.io.clock.timer(startedMs + timeoutMs - nowMs, () =>
        this.lose(connection, `the server has not answered within ${Math.round(timeoutMs)} ms`),
      );
      const to = new JuteWriter();
      ConnectRequest.write(to, {
        protocolVersion: 0,
        lastZxidSeen: this.zxid,
        timeOut: this.options.sessionTimeoutMs,
        sessionId: this.id,
        passwd: this.password,
        readOnly: false,
      });
      socket.write([to.frame()]);
    });
  }

  private received(connection: Connection, bytes: Buffer): void {
    if (this.connection !== connection) return;
    connection.lastHeardMs = this.io.clock.monotonicMs();
    try {
      connection.decoder.push(bytes, (frame) => {
        if (connection.stage !== 'new') this.replied(connection, frame);
        else this.attached(connection, ConnectResponse.read(new JuteReader(frame)));
        return this.connection === connection;
      });
    } catch (error) {
      this.lose(connection, `what the server sent is not valid: ${error instanceof Error ? error.message : error}`);
    }
  }

  /** The server has answered the connect request. */
  private attached(connection: Connection, response: ConnectResponse): void {
    if (response.timeOut <= 0) {
      this.log.warn(`ZooKeeper session ${hex(this.id)} has expired: ${connection.server} does not know it any more.`);
      return this.finish('expired');
    }
    if (this.id !== 0n && response.sessionId !== this.id) {
      return this.lose(connection, `the server has answered with session ${hex(response.sessionId)}`);
    }
    if (response.readOnly) {
      return this.lose(connection, 'the server is read-only: it has lost the others');
    }
    connection.stage = 'attached';
    this.id = response.sessionId;
    this.password = Buffer.from(response.passwd ?? Buffer.alloc(16));
    this.timeoutMs = response.timeOut;
    this.heard(connection.connectedAtMs);
    const { sasl } = this.options;
    if (sasl === undefined) return this.sendCredentials(connection);
    const client = new DigestMd5Client(sasl, this.io.random.bytes(24).toString('base64'));
    this.sendSasl(connection, client, Buffer.alloc(0));
  }

  private sendSasl(connection: Connection, client: DigestMd5Client, token: Buffer): void {
    const xid = this.nextXid();
    const to = new JuteWriter();
    RequestHeader.write(to, { xid, type: OpCode.sasl });
    GetSASLRequest.write(to, { token });
    connection.sasl = { client, xid, sentAtMs: this.io.clock.monotonicMs() };
    this.write(connection, to.frame());
  }

  private saslReplied(connection: Connection, { client, sentAtMs }: SaslExchange, err: number, from: JuteReader): void {
    connection.sasl = undefined;
    if (err !== KeeperCode.OK) return this.refused(connection, `the SASL login fails with ${keeperCodeName(err)}`);
    this.heard(sentAtMs);
    const { token } = SetSASLResponse.read(from);
    if (token === null) {
      // Apache's server says so little when it meets an error of its own.
      const why = client.isAnswering
        ? 'the server breaks the SASL login off; it may not know the user, which its log tells'
        : 'the server has no SASL login, which this client is to use';
      return this.refused(connection, why);
    }
    let next: Buffer | undefined;
    try {
      next = client.evaluate(token);
    } catch (error) {
      if (!(error instanceof SaslException)) throw error;
      return this.refused(connection, `the SASL login fails: ${error.message}`);
    }
    if (next === undefined) this.sendCredentials(connection);
    else this.sendSasl(connection, client, next);
  }

  private sendCredentials(connection: Connection): void {
    connection.stage = 'loggedIn';
    for (const info of this.auth) {
      const known = this.authsToTell.findIndex((pending) => pending.info === info);
      const [pending] = known === -1 ? [undefined] : this.authsToTell.splice(known, 1);
      this.sendAuth(connection, pending ?? { info, reply: undefined, sentAtMs: 0 });
    }
    if (connection.auths.length === 0) this.establish(connection);
  }

  private establish(connection: Connection): void {
    connection.stage = 'established';
    connection.readTimeoutMs = (this.timeoutMs * 2) / 3;
    connection.pingIntervalMs = this.timeoutMs / 3;
    connection.timer?.cancel();
    this.log.info(
      `ZooKeeper session ${hex(this.id)} is connected to ${connection.server}, its timeout is ${this.timeoutMs} ms.`,
    );
    // Watches go first: what a listener sends next must not be answered before them.
    for (const watches of this.handler.watchesToRestore(this.zxid)) {
      const body = encodeRecord(SetWatchesRequest, watches);
      this.send(
        connection,
        this.call(Xid.setWatches, OpCode.setWatches, body, undefined, {
          done: (err) => {
            if (err !== KeeperCode.OK) {
              this.lose(connection, `the server does not take the watches again: ${keeperCodeName(err)}`);
            }
          },
          failed: () => {},
        }),
      );
    }
    this.watchTime(connection);
    this.enter('connected');
  }

  private sendAuth(connection: Connection, pending: PendingAuth): void {
    const to = new JuteWriter();
    RequestHeader.write(to, { xid: Xid.auth, type: OpCode.auth });
    AuthPacket.write(to, { type: 0, scheme: pending.info.scheme, auth: pending.info.auth });
    pending.sentAtMs = this.io.clock.monotonicMs();
    connection.auths.push(pending);
    this.write(connection, to.frame());
  }

  private replied(connection: Connection, frame: Buffer): void {
    const from = new JuteReader(frame);
    const header = ReplyHeader.read(from);
    const { sasl } = connection;
    if (sasl?.xid === header.xid) return this.saslReplied(connection, sasl, header.err, from);
    if (header.err === KeeperCode.SESSIONCLOSEDREQUIRESASLAUTH) {
      return this.refused(connection, 'the server wants every client to log in');
    }
    switch (header.xid) {
      case Xid.notification: {
        const event = WatcherEvent.read(from);
        return this.deliver(true, () => this.handler.notification(event));
      }
      case Xid.ping: {
        const sentAtMs = connection.pingsSentMs.shift();
        if (sentAtMs === undefined) return this.lose(connection, 'the server answers a ping that was not sent');
        return this.heard(sentAtMs);
      }
      case Xid.auth:
        return this.authReplied(connection, header.err);
    }
    const call = connection.inFlight[0];
    if (call === undefined || call.xid !== header.xid) {
      const expected = call === undefined ? 'none is outstanding' : `${call.xid} is the next`;
      return this.lose(connection, `the server answers request ${header.xid}, but ${expected}`);
    }
    // It is still in flight: it fails with the session, or with the connection, which is another server's now.
    if (header.err === KeeperCode.SESSIONEXPIRED) {
      this.log.warn(`ZooKeeper session ${hex(this.id)} has expired: ${connection.server} says so.`);
      return this.finish('expired');
    }
    if (header.err === KeeperCode.SESSIONMOVED) return this.lose(connection, 'the session has moved to another server');
    connection.inFlight.shift();
    if (header.zxid > 0n) this.zxid = header.zxid;
    this.heard(call.sentAtMs);
    this.deliver(false, () => call.done(header.err, from));
    this.sendWaiting(connection);
  }

  private authReplied(connection: Connection, err: number): void {
    const pending = connection.auths[0];
    if (pending === undefined) return this.lose(connection, 'the server answers credentials that were not sent');
    if (err !== KeeperCode.OK) {
      return this.refused(
        connection,
        `the credentials of scheme ${pending.info.scheme} fail with ${keeperCodeName(err)}`,
      );
    }
    connection.auths.shift();
    this.heard(pending.sentAtMs);
    const reply = pending.reply;
    if (reply !== undefined) this.deliver(false, () => reply.done());
    if (connection.stage === 'loggedIn' && connection.auths.length === 0) this.establish(connection);
  }

  private refused(connection: Connection, why: string): void {
    this.refusal = `${connection.server}: ${why}`;
    this.log.error(`ZooKeeper server ${connection.server} refuses this client: ${why}. The session ends.`);
    this.finish('authFailed');
  }

  /**
   * Tells a reply or an event. Who awaits a reply runs only after this turn of the loop; an event that came after it
   * must not overtake it, nor a later reply the event.
   */
  private deliver(event: boolean, run: () => void): void {
    if (this.deliveries.length > 0 || (event && this.repliesThisTurn)) {
      this.deliveries.push({ event, run });
      return;
    }
    run();
    if (!event) this.replyTold();
  }

  private replyTold(): void {
    if (this.repliesThisTurn) return;
    this.repliesThisTurn = true;
    this.io.clock.defer(() => {
      this.repliesThisTurn = false;
      while (this.deliveries.length > 0 && !(this.deliveries[0]!.event && this.repliesThisTurn)) {
        const delivery = this.deliveries.shift()!;
        delivery.run();
        if (!delivery.event) this.replyTold();
      }
    });
  }

  private call(xid: number, opCode: OpCode, body: Buffer, path: string | undefined, reply: Reply): Call {
    const to = new JuteWriter(body.length + 12);
    RequestHeader.write(to, { xid, type: opCode });
    to.raw(body);
    return {
      xid,
      frame: to.frame(),
      path,
      sentAtMs: 0,
      done: (err, from) => reply.done(err, from),
      failed: (error) => reply.failed(error),
    };
  }

  private nextXid(): number {
    this.xid = this.xid >= 0x7fffffff ? 1 : this.xid + 1;
    return this.xid;
  }

  private sendWaiting(connection: Connection): void {
    let sent = 0;
    while (
      this.connection === connection &&
      connection.inFlight.length < this.options.maxInFlightRequests &&
      sent < this.waiting.length
    ) {
      this.send(connection, this.waiting[sent++]!);
    }
    if (sent > 0) this.waiting.splice(0, sent);
  }

  private send(connection: Connection, call: Call): void {
    call.sentAtMs = this.io.clock.monotonicMs();
    connection.inFlight.push(call);
    this.write(connection, call.frame);
  }

  private write(connection: Connection, frame: Buffer): void {
    connection.lastSentMs = this.io.clock.monotonicMs();
    connection.socket.write([frame]);
  }

  /** A request sent at `sentAtMs` was answered: the session lived then. */
  private heard(sentAtMs: number): void {
    if (sentAtMs > this.heardBaseMs) this.heardBaseMs = sentAtMs;
    if (this.deadlineTimer === undefined) this.watchDeadline();
  }

  private watchDeadline(): void {
    this.deadlineTimer = this.io.clock.timer(this.deadlineMs - this.io.clock.monotonicMs(), () => {
      this.deadlineTimer = undefined;
      if (this.closing || this.isOver()) return;
      if (this.io.clock.monotonicMs() < this.deadlineMs) return this.watchDeadline();
      this.log.warn(
        `ZooKeeper session ${hex(this.id)} may be gone: no server has answered for its timeout of ` +
          `${this.timeoutMs} ms.`,
      );
      this.handler.deadlinePassed();
    });
  }

  /** Pings when nothing was sent for a third of the session timeout; gives up when nothing was heard for two. */
  private watchTime(connection: Connection): void {
    if (this.connection !== connection) return;
    const nowMs = this.io.clock.monotonicMs();
    if (nowMs - connection.lastHeardMs >= connection.readTimeoutMs) {
      if (connection.overdue) {
        return this.lose(connection, `nothing was heard for ${Math.round(nowMs - connection.lastHeardMs)} ms`);
      }
      // It may be this process that stood still: what has arrived meanwhile is read first.
      connection.overdue = true;
      return this.io.clock.defer(() => this.watchTime(connection));
    }
    connection.overdue = false;
    if (nowMs - connection.lastSentMs >= connection.pingIntervalMs) {
      const to = new JuteWriter(16);
      RequestHeader.write(to, { xid: Xid.ping, type: OpCode.ping });
      connection.pingsSentMs.push(nowMs);
      this.write(connection, to.frame());
    }
    const nextMs = Math.min(
      connection.lastHeardMs + connection.readTimeoutMs,
      connection.lastSentMs + connection.pingIntervalMs,
    );
    // A millisecond more, so that a timer's rounding does not wake it early.
    connection.timer = this.io.clock.timer(nextMs - nowMs + 1, () => this.watchTime(connection));
  }

  /** The connection is of no use any more: what is outstanding fails, and another is looked for. */
  private lose(connection: Connection, reason: string): void {
    if (this.connection !== connection) return;
    this.reason = `${connection.server}: ${reason}`;
    if (!this.closing) this.warnOfLoss(connection, reason);
    this.drop(connection, reason);
    if (this.closing || this.isOver()) return;
    this.failWaiting((path) => new KeeperException(KeeperCode.CONNECTIONLOSS, path, this.lossMessage(path)));
    if (connection.stage === 'established') this.enter('disconnected');
  }

  private warnOfLoss(connection: Connection, reason: string): void {
    const session = this.id === 0n ? 'No ZooKeeper session yet' : `ZooKeeper session ${hex(this.id)}`;
    this.log.warn(`${session}: the connection to ${connection.server} is lost: ${reason}. Another is looked for.`);
    const large = connection.inFlight.find((call) => call.frame.length - 4 > serverDefaultMaxBuffer);
    if (large !== undefined) {
      this.log.error(
        `A request of ${large.frame.length - 4} bytes for ${large.path} was outstanding: a ZooKeeper server closes ` +
          `the connection on more than its jute.maxbuffer (${serverDefaultMaxBuffer} by default). Raise it there.`,
      );
    }
  }

  private drop(connection: Connection, reason: string): void {
    this.connection = undefined;
    connection.timer?.cancel();
    connection.socket.destroy();
    const inFlight = connection.inFlight;
    connection.inFlight = [];
    this.authsToTell.push(...connection.auths.filter((pending) => pending.reply !== undefined));
    for (const call of inFlight) {
      this.deliver(false, () =>
        call.failed(
          this.isOver() && this.current !== 'closed'
            ? this.overError(call.path)
            : new KeeperException(KeeperCode.CONNECTIONLOSS, call.path, this.lossMessage(call.path)),
        ),
      );
    }
    connection.ended(reason);
  }

  private failWaiting(error: (path: string | undefined) => KeeperException): void {
    const waiting = this.waiting;
    this.waiting = [];
    for (const call of waiting) this.deliver(false, () => call.failed(error(call.path)));
  }

  private finish(state: 'expired' | 'authFailed' | 'closed'): void {
    if (this.isOver()) return;
    const connection = this.connection;
    this.current = state;
    this.deadlineTimer?.cancel();
    this.stopRetryDelay?.();
    if (connection !== undefined) this.drop(connection, state);
    this.failWaiting((path) => this.overError(path));
    const auths = this.authsToTell.splice(0);
    for (const { reply } of auths) this.deliver(false, () => reply?.failed(this.overError(undefined)));
    this.handler.state(state);
  }

  private enter(state: SessionState): void {
    this.current = state;
    this.handler.state(state);
  }

  private isOver(): boolean {
    return this.current === 'expired' || this.current === 'authFailed' || this.current === 'closed';
  }

  /** Why nothing more is done in this session, which is over. */
  overError(path: string | undefined): KeeperException {
    const at = path === undefined ? '' : ` for ${path}`;
    if (this.current === 'authFailed') {
      const message = `AUTHFAILED${at}: ZooKeeper refuses this client: ${this.refusal}`;
      return new KeeperException(KeeperCode.AUTHFAILED, path, message);
    }
    const why = this.current === 'expired' ? `session ${hex(this.id)} has expired` : 'the client is closed';
    return new KeeperException(KeeperCode.SESSIONEXPIRED, path, `SESSIONEXPIRED${at}: ${why}`);
  }

  private lossMessage(path: string | undefined): string {
    return `CONNECTIONLOSS${path === undefined ? '' : ` for ${path}`}: ${this.reason}`;
  }
}

function hex(sessionId: bigint): string {
  return `0x${BigInt.asUintN(64, sessionId).toString(16)}`;
}

function shuffled<T>(values: readonly T[], below: (bound: number) => number): T[] {
  const all = [...values];
  for (let i = all.length - 1; i > 0; i--) {
    const j = below(i + 1);
    [all[i], all[j]] = [all[j]!, all[i]!];
  }
  return all;
}
