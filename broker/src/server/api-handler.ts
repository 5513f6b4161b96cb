import type { Channel, RequestContext } from '../network/incoming-request';
import type { Api } from '../protocol/api-keys';
import type { InputOf, MessageOf } from '../protocol/schema';
import type { BrokerContext } from './broker-context';

/** In place of a response: the connection is closed, for this reason. */
export class Disconnect {
  constructor(readonly reason: string) {}
}

/**
 * Answers a request; `undefined`: there is no answer (Produce with acks=0). Exactly once. Until `inUse` resolves, the
 * request's bytes are still needed.
 */
export type Respond<A extends Api> = (
  response: InputOf<A['response']> | Disconnect | undefined,
  inUse?: Promise<void>,
) => void;

/**
 * What this broker does with one API key. A handler answers in the same turn when it can. It turns what is wrong with
 * the request into the response's error codes; what it throws besides is a fault of the broker, and ends the connection.
 */
export interface ApiHandler<A extends Api = Api> {
  readonly api: A;
  /** Whether it is answered while the broker starts: what the start itself waits for. */
  readonly beforeStart: boolean;
  handle(
    broker: BrokerContext,
    request: MessageOf<A['request']>,
    context: RequestContext,
    respond: Respond<A>,
    channel?: Channel,
  ): void | Promise<void>;
}

export function apiHandler<A extends Api>(
  api: A,
  handle: ApiHandler<A>['handle'],
  { beforeStart = false }: { readonly beforeStart?: boolean } = {},
): ApiHandler<A> {
  return { api, beforeStart, handle };
}
