import type { FileRange } from '../io/files';
import type { Logger } from '../logging/logger';
import type { Channel, IncomingRequest } from '../network/incoming-request';
import { anonymous } from '../network/kafka-principal';
import { type Api, ApiKey, apis } from '../protocol/api-keys';
import { ProtocolError } from '../protocol/errors';
import {
  decodeRequest,
  decodeResponse,
  encodeRequest,
  encodeResponse,
  type ParsedRequestHeader,
  parseRequestHeader,
} from '../protocol/headers';
import { type Chunk, toBuffer } from '../protocol/codec';
import type { InputOf, MessageOf, MessageSchema } from '../protocol/schema';
import { type ApiHandler, Disconnect } from './api-handler';
import type { BrokerContext, SupportedApi } from './broker-context';

/**
 * Gives each request to the handler of its API key and sends the answer (Kafka's KafkaApis.handle). A request that
 * cannot be read, and a handler that fails, cost the client its connection and nobody else anything.
 */
export class RequestDispatcher {
  readonly supportedApis: readonly SupportedApi[];
  readonly #handlers = new Map<number, ApiHandler>();
  readonly #logger: Logger;
  /** What came before `start`. */
  #early: (() => void)[] | undefined = [];

  constructor(logger: Logger, handlers: readonly ApiHandler[]) {
    this.#logger = logger.child('KafkaApis');
    for (const handler of handlers) this.#handlers.set(handler.api.key, handler);
    this.supportedApis = [...this.#handlers.values()]
      .map(({ api }) => ({ apiKey: api.key, minVersion: api.minVersion, maxVersion: api.maxVersion }))
      .sort((a, b) => a.apiKey - b.apiKey);
  }

  /** Whether the broker takes that version of that API key. */
  supports(apiKey: number, version: number): boolean {
    const api = this.#handlers.get(apiKey)?.api;
    return api !== undefined && version >= api.minVersion && version <= api.maxVersion;
  }

  /**
   * Handles what has come so far, and from now on everything at once. A connection waits with one request at most.
   * What the controller sends is not held up: the start waits for it.
   */
  start(): void {
    const early = this.#early ?? [];
    this.#early = undefined;
    for (const handle of early) handle();
  }

  dispatch(broker: BrokerContext, incoming: IncomingRequest): void {
    const handler = this.#handlers.get(incoming.context.header.apiKey);
    if (this.#early && !handler?.beforeStart) this.#early.push(() => this.#handle(broker, incoming));
    else this.#handle(broker, incoming);
  }

  /**
   * Has this broker itself as a client, without a connection: what it asks goes through the codec, as it would over one.
   * Rejects when the handler closes the connection.
   */
  handleLocally<A extends Api>(
    broker: BrokerContext,
    api: A,
    version: number,
    input: InputOf<A['request']>,
  ): Promise<MessageOf<A['response']>> {
    const { brokerId, config } = broker;
    const frame = toBuffer(api.name, encodeRequest(api, version, 0, String(brokerId), input));
    const body = frame.subarray(4);
    const channel: Channel = {
      id: `broker-${brokerId}`,
      listenerName: config.interBrokerListenerName,
      principal: anonymous,
      disconnected: false,
    };
    return new Promise((resolve, reject) => {
      this.#handle(broker, {
        body,
        channel,
        context: {
          connectionId: channel.id,
          listenerName: channel.listenerName,
          securityProtocol: config.interBrokerSecurityProtocol,
          principal: channel.principal,
          clientHost: '127.0.0.1',
          header: parseRequestHeader(body),
        },
        respond: (chunks) => {
          // Without the length, as a connection gives it.
          const answer = toBuffer(api.name, chunks).subarray(4);
          resolve(decodeResponse(api, version, answer) as MessageOf<A['response']>);
        },
        respondNothing: () => reject(new Error(`${api.name} has no answer`)),
        disconnect: (reason) => reject(new Error(reason)),
      });
    });
  }

  #handle(broker: BrokerContext, incoming: IncomingRequest): void {
    const { context, body } = incoming;
    const { header } = context;
    const handler = this.#handlers.get(header.apiKey);
    if (!handler) {
      incoming.disconnect(`API key ${header.apiKey} is not handled by this broker`);
      return;
    }
    let isAnswered = false;
    const respond = (response: InputOf<MessageSchema> | Disconnect | undefined, inUse?: Promise<void>): void => {
      if (isAnswered) {
        this.#logger.error(`The handler of ${handler.api.name} v${header.apiVersion} answered twice.`);
        return;
      }
      isAnswered = true;
      if (inUse !== undefined) incoming.keepBody?.(inUse);
      if (response === undefined) {
        incoming.respondNothing();
      } else if (response instanceof Disconnect) {
        incoming.disconnect(response.reason);
      } else {
        let frame: Chunk[];
        try {
          frame = encodeResponse(handler.api, responseVersion(header), header.correlationId, response);
        } catch (error) {
          // Whoever completes an answer may be in the middle of another client's request: it must not hear of this.
          releaseRanges(response);
          this.#logger.error(`The answer to ${handler.api.name} v${header.apiVersion} cannot be written.`, { error });
          incoming.disconnect(`the answer to ${handler.api.name} cannot be written`);
          return;
        }
        incoming.respond(frame);
      }
    };
    const fail = (error: unknown): void => {
      this.#logger.error(`Handling ${handler.api.name} v${header.apiVersion} failed unexpectedly.`, { error });
      if (isAnswered) return;
      isAnswered = true;
      incoming.disconnect(`handling ${handler.api.name} failed`);
    };
    let request: MessageOf<MessageSchema>;
    try {
      // What does not know its own version has a body that nobody could read; the handler looks at the header alone.
      request = isReadable(header) ? decodeRequest(handler.api, header, body) : {};
    } catch (error) {
      if (error instanceof ProtocolError) incoming.disconnect(`the request cannot be read: ${error.message}`);
      else fail(error);
      return;
    }
    try {
      const running = handler.handle(broker, request, context, respond, incoming.channel);
      if (running instanceof Promise) running.catch(fail);
    } catch (error) {
      fail(error);
    }
  }
}

function isReadable({ apiKey, apiVersion }: ParsedRequestHeader): boolean {
  return apiKey !== ApiKey.ApiVersions || (apiVersion >= 0 && apiVersion <= apis.get(apiKey)!.maxVersion);
}

/** ApiVersions of an unknown version is answered in version 0, with `UNSUPPORTED_VERSION` (35) inside. */
function responseVersion(header: ParsedRequestHeader): number {
  return isReadable(header) ? header.apiVersion : 0;
}

/** Lets go of the file ranges of an answer that is not sent: only Fetch has any, some levels down. */
function releaseRanges(part: unknown): void {
  if (typeof part !== 'object' || part === null || ArrayBuffer.isView(part)) return;
  if (isRange(part)) part.release();
  else for (const inner of Object.values(part)) releaseRanges(inner);
}

function isRange(part: object): part is FileRange {
  return 'release' in part;
}
