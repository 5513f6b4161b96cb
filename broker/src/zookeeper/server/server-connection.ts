import type { Timer } from '../../io/clock';
import type { Socket, SocketHandler } from '../../io/network';
import { DigestMd5Server, SaslException } from '../digest-md5';
import { encodeRecord, JuteError, JuteReader, JuteWriter } from '../jute';
import {
  AuthPacket,
  ConnectRequest,
  GetSASLRequest,
  KeeperCode,
  KeeperState,
  OpCode,
  Perms,
  ReplyHeader,
  SetSASLResponse,
  WatcherEvent,
  Xid,
  type Acl,
  type EventType,
  type Id,
} from '../requests';
import { allows, digestId } from './authorization';
import { operationNames, type ClientConnection } from './request-processor';
import { PacketStats } from './server-stats';
import { hex } from './zxid-file-name';

/** The SASL logins of a server. */
export interface SaslLogins {
  passwordOf(username: string): string | undefined;
  /** Random, for one login. */
  nonce(): string;
}

/** What a connection needs of its server. */
export interface ConnectionHost {
  readonly juteMaxBuffer: number;
  /** Undefined: there are none. */
  readonly sasl: SaslLogins | undefined;
  /** One of these schemes has to be authenticated by before anything is asked; none: nothing has to. */
  readonly enforcedSchemes: readonly string[];
  nowMs(): number;
  wallMs(): number;
  timer(delayMs: number, fire: () => void): Timer;
  /** Something is to be sent at the end of this turn. */
  dirty(connection: ServerConnection): void;
  /** Too much waits for the disk: connections stop reading until `resumeReading`. */
  readonly overloaded: boolean;
  /** The answer to a four-letter word, undefined when the bytes are none. */
  fourLetterWord(word: Buffer): Promise<string> | undefined;
  /** Opens or re-attaches a session; see ZooKeeperServer. */
  connect(connection: ServerConnection, request: ConnectRequest, isOldClient: boolean): void;
  /** Does a request and gives its reply's frame. */
  process(connection: ServerConnection, xid: number, type: number, request: JuteReader): Buffer;
  touch(connection: ServerConnection): boolean;
  lastZxid(): bigint;
  readonly stats: PacketStats;
  closed(connection: ServerConnection): void;
  warn(message: string): void;
}

// Unsent bytes from which on no further request is read, and from which on a client that does not read is let go.
const readLimit = 1024 * 1024;
const closeLimit = 64 * 1024 * 1024;

// How long a connection may be there without a session.
const sessionlessMs = 10_000;

const firstCarry = 4096;
const notificationZxid = -1n;

// Operations that a client may send (Request.isValid); the others get Unimplemented and a closed connection.
const knownTypes: ReadonlySet<number> = new Set<number>(operationNames.keys());

/**
 * A client's connection (ServerCnxn): cuts frames out of what arrives, in place, and gathers what is to be sent. What
 * was gathered is taken with `seal` at the end of a turn and sent with `deliver` when the log is flushed.
 */
export class ServerConnection implements ClientConnection, SocketHandler {
  sessionId = 0n;
  sessionTimeout = 0;
  readonly ids: Id[];
  readonly remote: string;
  readonly stats = new PacketStats();
  readonly establishedMs: number;
  lastOperation = 'NA';
  lastXid = -1;
  lastZxid = 0n;
  lastResponseMs = 0;
  lastLatencyMs = 0;

  private initialized = false;
  private saslLogin: DigestMd5Server | undefined;
  private isAnswering = false;
  private finished = false;
  private sessionless: Timer;
  // What arrived and was not handled yet: part of a frame, or frames while reading is stopped.
  private carry = Buffer.alloc(0);
  private carryStart = 0;
  private carryEnd = 0;
  private paused = false;
  private outgoing: Buffer[] = [];
  private unsent = 0;
  private requests = 0;
  private receivedAt = 0;
  private endAfter = false;

  constructor(
    private readonly host: ConnectionHost,
    private readonly socket: Socket,
  ) {
    this.ids = [{ scheme: 'ip', id: socket.remoteAddress }];
    this.remote = `/${socket.remoteAddress}:${socket.remotePort}`;
    this.establishedMs = host.wallMs();
    this.sessionless = host.timer(sessionlessMs, () => {
      if (!this.initialized) this.close();
    });
    socket.handle(this);
  }

  get saslIsKnown(): boolean {
    return this.host.sasl !== undefined;
  }

  get remoteAddress(): string {
    return this.socket.remoteAddress;
  }

  /** Replies that wait for the log or the socket. */
  get queued(): number {
    return this.requests;
  }

  get isReading(): boolean {
    return !this.paused;
  }

  // --- what arrives

  data(bytes: Buffer): void {
    if (this.finished || this.isAnswering) return;
    if (this.requests === 0) this.receivedAt = this.host.nowMs();
    if (this.carryEnd > this.carryStart || this.paused) {
      this.append(bytes);
      this.handleCarry();
      return;
    }
    const at = this.handle(bytes, 0, bytes.length);
    if (at < bytes.length && !this.finished) this.append(bytes.subarray(at));
  }

  /** Goes on reading if nothing stands against it any more. */
  resumeReading(): void {
    if (!this.paused || this.finished || this.isBlocked()) return;
    this.paused = false;
    this.handleCarry();
    if (!this.paused && !this.finished) this.socket.resume();
  }

  private handleCarry(): void {
    if (this.paused) return;
    this.carryStart = this.handle(this.carry, this.carryStart, this.carryEnd);
    if (this.carryStart < this.carryEnd) return;
    this.carryStart = this.carryEnd = 0;
    if (this.carry.length > 16 * firstCarry) this.carry = Buffer.alloc(0);
  }

  private append(bytes: Buffer): void {
    const held = this.carryEnd - this.carryStart;
    if (this.carryEnd + bytes.length > this.carry.length) {
      const needed = held + bytes.length;
      // Never more than twice what has arrived, whatever length is claimed.
      const target = needed > this.carry.length ? Buffer.allocUnsafeSlow(Math.max(firstCarry, 2 * needed)) : this.carry;
      this.carry.copy(target, 0, this.carryStart, this.carryEnd);
      this.carry = target;
      this.carryStart = 0;
      this.carryEnd = held;
    }
    bytes.copy(this.carry, this.carryEnd);
    this.carryEnd += bytes.length;
  }

  // Handles the whole frames between `at` and `end`; returns where it stopped.
  private handle(bytes: Buffer, at: number, end: number): number {
    while (end - at >= 4 && !this.finished && !this.endAfter) {
      if (this.isBlocked()) {
        this.paused = true;
        this.socket.pause();
        return at;
      }
      if (!this.initialized && this.answerWord(bytes.subarray(at, at + 4))) return end;
      const length = bytes.readInt32BE(at);
      if (length < 0 || length > this.host.juteMaxBuffer) {
        this.refuse(`a frame claims ${length} bytes: 0 to ${this.host.juteMaxBuffer} (jute.maxbuffer) are valid`);
        return end;
      }
      if (end - at - 4 < length) return at;
      const frame = bytes.subarray(at + 4, at + 4 + length);
      at += 4 + length;
      this.stats.received++;
      this.host.stats.received++;
      try {
        if (this.initialized) this.handleRequest(frame);
        else this.handleConnect(frame);
      } catch (error) {
        if (!(error instanceof JuteError)) throw error;
        this.refuse(error.message);
      }
    }
    return this.finished || this.endAfter ? end : at;
  }

  private isBlocked(): boolean {
    return this.unsent + this.socket.pendingBytes > readLimit || this.host.overloaded;
  }

  // A four-letter word is not a frame: its answer is text, and the connection is closed.
  private answerWord(first: Buffer): boolean {
    const answer = this.host.fourLetterWord(first);
    if (answer === undefined) return false;
    this.isAnswering = true;
    this.stats.received++;
    this.host.stats.received++;
    void answer.then(
      (text) => {
        if (this.finished) return;
        this.outgoing.push(Buffer.from(text, 'utf8'));
        this.endAfter = true;
        this.host.dirty(this);
      },
      () => this.close(),
    );
    return true;
  }

  private handleConnect(frame: Buffer): void {
    const from = new JuteReader(frame);
    const request = ConnectRequest.read(from);
    this.initialized = true;
    this.sessionless.cancel();
    // Clients before 3.4 neither send nor expect the last field.
    const withoutReadOnly = 4 + 8 + 4 + 8 + 4 + (request.passwd?.length ?? 0);
    this.host.connect(this, request, frame.length <= withoutReadOnly);
  }

  private handleRequest(frame: Buffer): void {
    const from = new JuteReader(frame);
    const xid = from.int();
    const type = from.int();
    this.requests++;
    if (type === OpCode.auth) return this.authenticate(xid, from);
    if (type === OpCode.sasl) return this.logIn(xid, GetSASLRequest.read(from).token ?? Buffer.alloc(0));
    if (!this.mayAsk()) {
      this.host.warn(
        `${this.describe()} asks without having authenticated by ${this.host.enforcedSchemes.join(' or ')}: closing it.`,
      );
      this.send(replyHeader(xid, 0n, KeeperCode.SESSIONCLOSEDREQUIRESASLAUTH));
      return this.endAfterSending();
    }
    if (!this.host.touch(this)) return this.close();
    if (!knownTypes.has(type)) {
      this.host.warn(`${this.describe()} sent a request of type ${type}, which ZooKeeper does not know: closing it.`);
      this.send(replyHeader(xid, this.host.lastZxid(), KeeperCode.UNIMPLEMENTED));
      return this.endAfterSending();
    }
    const reply = this.host.process(this, xid, type, from);
    this.lastOperation = operationNames.get(type)!;
    if (type !== OpCode.ping) this.lastXid = xid;
    this.lastZxid = this.host.lastZxid();
    this.send(reply);
    if (type === OpCode.closeSession) this.endAfterSending();
  }

  private authenticate(xid: number, from: JuteReader): void {
    const { scheme, auth } = AuthPacket.read(from);
    if (scheme === 'digest') this.addId(digestId(auth ?? Buffer.alloc(0)));
    if (scheme === 'digest' || scheme === 'ip') {
      this.send(replyHeader(xid, 0n, KeeperCode.OK));
      return;
    }
    this.host.warn(`${this.describe()} wants to authenticate by ${scheme}: only digest and ip are known; closing it.`);
    this.send(replyHeader(xid, 0n, KeeperCode.AUTHFAILED));
    this.endAfterSending();
  }

  private mayAsk(): boolean {
    const schemes = this.host.enforcedSchemes;
    return schemes.length === 0 || this.ids.some(({ scheme }) => schemes.includes(scheme));
  }

  private logIn(xid: number, token: Buffer): void {
    const { sasl, enforcedSchemes } = this.host;
    const answer = (err: number, token: Buffer | null): void => {
      const to = new JuteWriter(128);
      ReplyHeader.write(to, { xid, zxid: 0n, err });
      SetSASLResponse.write(to, { token });
      this.send(to.frame());
    };
    try {
      if (sasl === undefined) throw new SaslException('this server has no SASL logins');
      this.saslLogin ??= new DigestMd5Server((username) => sasl.passwordOf(username), sasl.nonce());
      const next = this.saslLogin.evaluate(token);
      if (this.saslLogin.username !== undefined) this.addId({ scheme: 'sasl', id: this.saslLogin.username });
      answer(KeeperCode.OK, next);
    } catch (error) {
      if (!(error instanceof SaslException)) throw error;
      this.host.warn(`${this.describe()} cannot log in by SASL: ${error.message}; closing it.`);
      const isEnforced = enforcedSchemes.includes('sasl');
      answer(isEnforced ? KeeperCode.SESSIONCLOSEDREQUIRESASLAUTH : KeeperCode.AUTHFAILED, null);
      this.endAfterSending();
    }
  }

  private addId(id: Id): void {
    if (!this.ids.some((own) => own.scheme === id.scheme && own.id === id.id)) this.ids.push(id);
  }

  private refuse(why: string): void {
    this.host.warn(`Closing ${this.describe()}: ${why}.`);
    this.close();
  }

  // --- what is sent

  process(type: EventType, path: string, acl: readonly Acl[]): void {
    // Who may not read a znode is not told of its changes.
    if (allows(acl, Perms.read, this.ids)) this.send(notification(type, path));
  }

  /** Sends a frame when the log is flushed. */
  send(frame: Buffer): void {
    // Beyond the limit the connection is closed when its turn to send comes.
    if (this.finished || this.endAfter || this.unsent > closeLimit) return;
    this.outgoing.push(frame);
    this.unsent += frame.length;
    this.stats.sent++;
    this.host.stats.sent++;
    this.host.dirty(this);
  }

  /** Closes the connection after what was sent. */
  endAfterSending(): void {
    this.endAfter = true;
    this.host.dirty(this);
  }

  /** Takes what was gathered; `deliver` sends it. */
  seal(): () => void {
    const buffers = this.outgoing;
    const { requests, receivedAt, endAfter } = this;
    const bytes = this.unsent;
    this.outgoing = [];
    this.requests = 0;
    return () => this.deliver(buffers, bytes, requests, receivedAt, endAfter);
  }

  private deliver(buffers: readonly Buffer[], bytes: number, requests: number, receivedAt: number, end: boolean): void {
    if (this.finished) return;
    if (requests > 0) {
      const latency = Math.max(0, Math.round(this.host.nowMs() - receivedAt));
      this.stats.answered(requests, latency);
      this.host.stats.answered(requests, latency);
      this.lastLatencyMs = latency;
      this.lastResponseMs = this.host.wallMs();
    }
    const waiting = this.unsent + this.socket.pendingBytes;
    if (waiting > closeLimit) return this.refuse(`it does not read, and ${waiting} bytes wait for it`);
    this.socket.write(buffers);
    this.unsent -= Math.min(this.unsent, bytes);
    if (end) this.finish(() => this.endSocket());
    else this.resumeReading();
  }

  drained(): void {
    this.resumeReading();
  }

  ended(): void {
    // Whoever sends a word may say no more and still wait for the answer.
    if (!this.isAnswering) this.close();
  }

  closed(): void {
    this.finish(() => {});
    this.sessionless.cancel();
  }

  /** Closes the connection at once; what was not sent is lost. The session stays. */
  close(): void {
    this.finish(() => this.socket.destroy());
  }

  describe(): string {
    return `connection ${this.remote}${this.sessionId === 0n ? '' : ` of session ${hex(this.sessionId)}`}`;
  }

  private endSocket(): void {
    // A peer that reads nothing does not keep the socket.
    this.sessionless = this.host.timer(sessionlessMs, () => this.socket.destroy());
    this.socket.end();
  }

  private finish(end: () => void): void {
    if (this.finished) return;
    this.finished = true;
    this.sessionless.cancel();
    this.outgoing = [];
    this.carry = Buffer.alloc(0);
    this.carryStart = this.carryEnd = 0;
    this.host.closed(this);
    end();
  }
}

function replyHeader(xid: number, zxid: bigint, err: number): Buffer {
  const to = new JuteWriter(20);
  ReplyHeader.write(to, { xid, zxid, err });
  return to.frame();
}

const notificationHeader = encodeRecord(ReplyHeader, { xid: Xid.notification, zxid: notificationZxid, err: 0 });

function notification(type: EventType, path: string): Buffer {
  const to = new JuteWriter(64);
  to.raw(notificationHeader);
  WatcherEvent.write(to, { type, state: KeeperState.syncConnected, path });
  return to.frame();
}
