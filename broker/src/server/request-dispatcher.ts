import type { Logger } from '../logging/logger';
import type { IncomingRequest } from '../network/incoming-request';
import { ApiKey, apis } from '../protocol/api-keys';
import { ProtocolError } from '../protocol/errors';
import { decodeRequest, encodeResponse, type ParsedRequestHeader } from '../protocol/headers';
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

  dispatch(broker: BrokerContext, incoming: IncomingRequest): void {
    const { context, body } = incoming;
    const { header } = context;
    const handler = this.#handlers.get(header.apiKey);
    if (!handler) {
      incoming.disconnect(`API key ${header.apiKey} is not handled by this broker`);
      return;
    }
    let isAnswered = false;
    const respond = (response: InputOf<MessageSchema> | Disconnect | undefined): void => {
      if (isAnswered) {
        this.#logger.error(`The handler of ${handler.api.name} v${header.apiVersion} answered twice.`);
        return;
      }
      isAnswered = true;
      if (response === undefined) incoming.respondNothing();
      else if (response instanceof Disconnect) incoming.disconnect(response.reason);
      else {
        incoming.respond(encodeResponse(handler.api, responseVersion(header), header.correlationId, response));
      }
    };
    const fail = (error: unknown): void => {
      this.#logger.error(`Handling ${handler.api.name} v${header.apiVersion} failed unexpectedly.`, { error });
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
      const running = handler.handle(broker, request, context, respond);
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
