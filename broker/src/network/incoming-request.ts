import type { SecurityProtocol } from '../config/end-point';
import type { Chunk } from '../protocol/codec';
import type { ParsedRequestHeader } from '../protocol/headers';
import type { KafkaPrincipal } from './kafka-principal';

/** Where a request comes from, and its header. */
export interface RequestContext {
  /** Kafka's `localHost:localPort-remoteHost:remotePort-index`. */
  readonly connectionId: string;
  readonly listenerName: string;
  readonly securityProtocol: SecurityProtocol;
  readonly principal: KafkaPrincipal;
  /** The client's address, without port. */
  readonly clientHost: string;
  readonly header: ParsedRequestHeader;
}

/** What lives as long as the client's connection. */
export interface Channel {
  readonly id: string;
  readonly listenerName: string;
  /** ANONYMOUS until an authentication sets another one; requests that come later carry it. */
  principal: KafkaPrincipal;
  /** Answers go nowhere any more. */
  readonly disconnected: boolean;
}

/**
 * A request that is to be answered, with exactly one call of `respond` or `respondNothing`: the next request of the
 * connection waits for it. A handler may answer before it returns or any time later, also when the client has gone.
 */
export interface IncomingRequest {
  readonly context: RequestContext;
  readonly channel: Channel;
  /**
   * The frame without its length prefix, header included: `decodeRequest(api, context.header, body)`. The body of a
   * Produce is used again after the answer, so what is kept of it must be copied; that of any other request is not, and
   * slices of it may be kept.
   */
  readonly body: Buffer;
  /** Before the answer: the body is not used again before `until` resolves. */
  keepBody?(until: Promise<void>): void;
  /**
   * Sends a whole frame (`encodeResponse`). The chunks belong to the connection from here on: file ranges are released
   * by it, each once, whatever happens.
   */
  respond(chunks: readonly Chunk[]): void;
  /** There is no answer (Produce with acks=0); the next request may come. */
  respondNothing(): void;
  /** Closes the connection instead of an answer; `reason` completes the log line "Closed the connection … : reason". */
  disconnect(reason: string): void;
}
