import type { Clock } from '../io/clock';
import type { Socket, SocketHandler } from '../io/network';
import type { Logger } from '../logging/logger';
import type { ListenerMetrics, NetworkMetrics } from '../metrics/network-metrics';
import { ApiKey, apis } from '../protocol/api-keys';
import type { Chunk } from '../protocol/codec';
import { parseRequestHeader, type ParsedRequestHeader } from '../protocol/headers';
import type { EndPoint } from '../config/end-point';
import type { BufferPool } from './buffer-pool';
import type { FairShare } from './fair-share';
import { type Frame, FrameAssembler, InvalidReceiveError } from './frame-assembler';
import type { Channel, IncomingRequest, RequestContext } from './incoming-request';
import { anonymous, type KafkaPrincipal } from './kafka-principal';
import type { MemoryWaiter, RequestMemory } from './request-memory';
import { releaseChunks, ResponseSender, type SenderOwner } from './response-sender';

/** What all connections of a server have in common. */
export interface ConnectionServices {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly pool: BufferPool;
  readonly memory: RequestMemory;
  readonly share: FairShare;
  readonly metrics: NetworkMetrics;
  readonly socketRequestMaxBytes: number;
  readonly supports: (apiKey: number, apiVersion: number) => boolean;
  readonly handle: (request: IncomingRequest) => void;
  /** Something was received or sent. */
  active(connection: Connection): void;
  closed(connection: Connection, error: Error | undefined): void;
}

/**
 * A request costs at least as much of the connection's share as this many bytes do: a share is some tens of them, or
 * 64 KiB of bulk.
 */
const leastRequestCost = 4096;
/** What is received in one go and is smaller cannot starve anybody, and is not counted. */
const countedBytes = 16 * 1024;

/**
 * One client's connection: frames in, one request at a time to the handler, answers out in order (Kafka's muted
 * channel). While a request is with the handler, or its answer on the way, at most one receive buffer of later bytes is
 * kept, and the socket is paused.
 */
export class Connection implements Channel, SocketHandler, SenderOwner, MemoryWaiter {
  readonly id: string;
  readonly endPoint: EndPoint;
  readonly remoteHost: string;
  principal: KafkaPrincipal = anonymous;
  readonly #services: ConnectionServices;
  readonly #socket: Socket;
  readonly #metrics: ListenerMetrics;
  readonly #assembler: FrameAssembler;
  readonly #sender: ResponseSender;
  #inFlight: PendingRequest | undefined;
  /** Received and not looked at. */
  #pending: Buffer | undefined;
  #paused = false;
  /** Requests are being taken out of received bytes further up the stack. */
  #processing = false;
  /** The peer has ended its side. */
  #ended = false;
  /** We have ended it, or are about to. */
  #closing = false;
  /** No more requests are taken: what is on its way is sent, then we end our side. */
  #finishing = false;
  // ShareHolder
  shareTurn = 0;
  spent = 0;
  waitsForTurn = false;
  // MemoryWaiter
  waitsForMemory = false;
  // IdleList
  lastActiveMs = 0;
  moreIdle: Connection | undefined = undefined;
  lessIdle: Connection | undefined = undefined;

  constructor(services: ConnectionServices, socket: Socket, endPoint: EndPoint, index: number) {
    const { localAddress, localPort, remoteAddress, remotePort } = socket;
    this.id = `${localAddress}:${localPort}-${remoteAddress}:${remotePort}-${index}`;
    this.endPoint = endPoint;
    this.remoteHost = remoteAddress;
    this.#services = services;
    this.#socket = socket;
    this.#metrics = services.metrics.ofListener(endPoint.listenerName);
    this.#assembler = new FrameAssembler({
      pool: services.pool,
      memory: services.memory,
      largest: services.socketRequestMaxBytes,
      limitName: 'socket.request.max.bytes',
    });
    this.#sender = new ResponseSender(socket, services.pool, services.share, this.#metrics, this, services.clock);
  }

  get listenerName(): string {
    return this.endPoint.listenerName;
  }

  get disconnected(): boolean {
    return this.#closing;
  }

  /** Whether a request is with the handler. */
  get busy(): boolean {
    return this.#inFlight !== undefined;
  }

  /** Starts reading. */
  open(): void {
    this.#socket.handle(this);
  }

  /** Closes at once, with a line in the log; `reason` completes it. */
  disconnect(reason: string, level: 'debug' | 'info' | 'warn' = 'warn'): void {
    if (this.#closing) {
      return;
    }
    const { listenerName, id, principal } = this;
    this.#services.logger[level](`Closed the connection from ${this.remoteHost} to ${listenerName}: ${reason}.`, {
      connectionId: id,
      principal: `${principal.principalType}:${principal.name}`,
    });
    // What was answered before this reaches the client: as if each answer had been on its way before the next request.
    this.#closing = true;
    this.#sender.pump();
    this.destroy();
  }

  /** Closes at once, without a word. */
  destroy(): void {
    this.#closing = true;
    this.#sender.stop();
    this.#socket.destroy();
  }

  /**
   * Takes no more requests, and ends this side when what was answered is sent. What still arrives is thrown away: a
   * socket that is closed with bytes unread resets the connection, and a peer that is sending just then does not come to
   * read its answers any more (an idempotent producer would send again what is in the log already). The answer to a
   * request that is still with the handler goes nowhere.
   */
  finish(): void {
    if (this.#closing || this.#finishing) {
      return;
    }
    this.#finishing = true;
    this.#pending = undefined;
    if (this.#inFlight !== undefined || this.#sender.idle) {
      this.#endWriting();
    }
  }

  #endWriting(): void {
    this.#closing = true;
    this.#sender.stop();
    if (this.#paused) {
      this.#socket.resume();
    }
    if (this.#ended) {
      this.#socket.end();
    } else {
      this.#socket.endWriting();
    }
  }

  // What the socket says.

  data(bytes: Buffer): void {
    if (this.#closing || this.#finishing) {
      return;
    }
    const { share } = this.#services;
    this.#services.active(this);
    this.#metrics.incomingByteTotal += bytes.length;
    if (bytes.length >= countedBytes) {
      share.spend(this, bytes.length);
    }
    if (this.#pending !== undefined) {
      // A socket that was paused may still hand out what it had decrypted.
      this.#pending = Buffer.concat([this.#pending, bytes]);
      return;
    }
    const end = this.#process(bytes);
    if (this.#closing) {
      return;
    }
    if (end < bytes.length) {
      this.#pending = Buffer.from(bytes.subarray(end));
      this.#pause();
      this.#waitForWhatIsMissing();
    } else if (!share.has(this)) {
      this.#pause();
      share.wait(this);
    }
  }

  drained(): void {
    this.#services.active(this);
    if (!this.#closing) {
      this.#sender.drained();
    }
  }

  ended(): void {
    this.#ended = true;
    this.#endIfDone();
  }

  closed(error?: Error): void {
    this.#closing = true;
    this.#pending = undefined;
    this.#assembler.abandon();
    this.#sender.close();
    this.#services.memory.forget(this);
    this.#services.closed(this, error);
  }

  // What the sender, the share and the memory say.

  responseSent(): void {
    this.#continue();
  }

  sendFailed(reason: string): void {
    this.disconnect(reason);
  }

  nextTurn(): void {
    if (this.#closing) {
      return;
    }
    if (this.#sender.idle) {
      this.#continue();
    } else {
      this.#sender.resume();
    }
  }

  memoryFreed(): void {
    this.#continue();
  }

  /** For the request alone: its answer, if it has one; `frame` is free. */
  answered(request: PendingRequest, chunks: readonly Chunk[] | undefined): void {
    const { pool, memory, metrics, clock } = this.#services;
    const { frame, bodyInUse } = request;
    const { backing } = frame;
    if (backing !== undefined) {
      if (bodyInUse === undefined) pool.release(backing);
      else void bodyInUse.then(() => pool.release(backing));
    }
    memory.give(frame.memory);
    metrics.ofApi(request.context.header.apiKey).answered(clock.monotonicMs() - request.arrivedMs);
    this.#inFlight = undefined;
    this.#services.active(this);
    if (chunks !== undefined) {
      this.#sender.enqueue(chunks);
    }
    if (this.#closing || this.#processing) {
      return;
    }
    if (this.#sender.pump()) {
      this.#continue();
    }
  }

  /** Takes requests out of received bytes, as far as they may be taken now; returns where it stopped. */
  #process(bytes: Buffer): number {
    const { share } = this.#services;
    let offset = 0;
    let requests = 0;
    this.#processing = true;
    while (offset < bytes.length && this.#mayTake()) {
      try {
        offset = this.#assembler.feed(bytes, offset);
      } catch (error) {
        if (!(error instanceof InvalidReceiveError)) {
          throw error;
        }
        this.#services.metrics.invalidRequests++;
        this.disconnect(error.message);
        break;
      }
      if (this.#assembler.complete) {
        const frame = this.#assembler.take();
        // One request cannot starve anybody, and counting costs a turn of the loop.
        if (requests++ > 0 && frame.body.length < leastRequestCost) {
          share.spend(this, leastRequestCost - frame.body.length);
        }
        this.#dispatch(frame);
        if (!this.#closing && !this.#sender.mayDelay) {
          this.#sender.pump();
        }
      }
    }
    this.#processing = false;
    if (!this.#closing) {
      this.#sender.pump();
    }
    return offset;
  }

  /** Whether the next request may start, or the one that has started may go on. */
  #mayTake(): boolean {
    const { share, memory } = this.#services;
    return (
      !this.#closing &&
      this.#inFlight === undefined &&
      this.#sender.mayDelay &&
      share.has(this) &&
      (this.#assembler.started || !memory.exhausted)
    );
  }

  /** Has itself called when what nobody else calls for is there. */
  #waitForWhatIsMissing(): void {
    const { share, memory } = this.#services;
    if (!share.has(this)) {
      share.wait(this);
    } else if (!this.#assembler.started && memory.exhausted) {
      memory.wait(this);
    }
  }

  /** Goes on with what is pending, then with reading. */
  #continue(): void {
    if (this.#closing || this.#processing) {
      return;
    }
    if (this.#finishing) {
      this.#endWriting();
      return;
    }
    const bytes = this.#pending;
    if (bytes !== undefined) {
      this.#pending = undefined;
      const end = this.#process(bytes);
      if (this.#closing) {
        return;
      }
      if (end < bytes.length) {
        this.#pending = bytes.subarray(end);
      }
    }
    if (this.#pending !== undefined || !this.#mayTake()) {
      this.#waitForWhatIsMissing();
      return;
    }
    if (this.#paused) {
      this.#paused = false;
      this.#socket.resume();
    }
    this.#endIfDone();
  }

  #pause(): void {
    if (!this.#paused) {
      this.#paused = true;
      this.#socket.pause();
    }
  }

  /** The peer has ended its side, and everything that it asked is answered. */
  #endIfDone(): void {
    if (
      this.#ended &&
      !this.#closing &&
      this.#inFlight === undefined &&
      this.#pending === undefined &&
      this.#sender.idle
    ) {
      this.#closing = true;
      this.#socket.end();
    }
  }

  #dispatch(frame: Frame): void {
    const { logger, supports, handle, clock } = this.#services;
    let header: ParsedRequestHeader;
    try {
      header = parseRequestHeader(frame.body);
    } catch (error) {
      this.#refuse(frame, error instanceof Error ? error.message : String(error));
      return;
    }
    const { apiKey, apiVersion } = header;
    // An ApiVersions of any version is answered: it is how a client finds out.
    if (apiKey !== ApiKey.ApiVersions && !supports(apiKey, apiVersion)) {
      this.#refuse(frame, `${apis.get(apiKey)?.name ?? apiKey} of version ${apiVersion} is not supported`);
      return;
    }
    const { listenerName, securityProtocol } = this.endPoint;
    const context: RequestContext = {
      connectionId: this.id,
      listenerName,
      securityProtocol,
      principal: this.principal,
      clientHost: this.remoteHost,
      header,
    };
    const request = new PendingRequest(this, context, frame, clock.monotonicMs());
    this.#inFlight = request;
    try {
      handle(request);
    } catch (error) {
      logger.error(`The handler of ${apis.get(apiKey)?.name ?? apiKey} failed.`, { error, connectionId: this.id });
      if (!request.isAnswered) {
        request.disconnect('its request could not be handled');
      }
    }
  }

  #refuse(frame: Frame, reason: string): void {
    const { pool, memory, metrics } = this.#services;
    metrics.invalidRequests++;
    if (frame.backing !== undefined) {
      pool.release(frame.backing);
    }
    memory.give(frame.memory);
    this.disconnect(reason);
  }
}

class PendingRequest implements IncomingRequest {
  readonly context: RequestContext;
  readonly channel: Connection;
  readonly frame: Frame;
  readonly arrivedMs: number;
  isAnswered = false;
  bodyInUse: Promise<void> | undefined;

  constructor(connection: Connection, context: RequestContext, frame: Frame, arrivedMs: number) {
    this.channel = connection;
    this.context = context;
    this.frame = frame;
    this.arrivedMs = arrivedMs;
  }

  get body(): Buffer {
    return this.frame.body;
  }

  keepBody(until: Promise<void>): void {
    this.bodyInUse = until;
  }

  respond(chunks: readonly Chunk[]): void {
    this.#answerOnce(chunks);
    this.channel.answered(this, chunks);
  }

  respondNothing(): void {
    this.#answerOnce([]);
    this.channel.answered(this, undefined);
  }

  disconnect(reason: string): void {
    this.#answerOnce([]);
    this.channel.disconnect(reason);
    this.channel.answered(this, undefined);
  }

  #answerOnce(chunks: readonly Chunk[]): void {
    if (!this.isAnswered) {
      this.isAnswered = true;
      return;
    }
    releaseChunks(chunks);
    const { apiKey, correlationId } = this.context.header;
    throw new Error(`Request ${correlationId} of ${apis.get(apiKey)?.name ?? apiKey} was answered twice.`);
  }
}
