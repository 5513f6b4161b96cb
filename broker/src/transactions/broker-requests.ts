import type { Api } from '../protocol/api-keys';
import type { InputOf, MessageOf } from '../protocol/schema';

/** The way to the brokers of the cluster, this one included. */
export interface BrokerRequests {
  /**
   * Sends to a live broker, in the newest version that both ends know, at most `atMost`. Rejects when the broker cannot
   * be reached or does not answer, and with an UnsupportedVersionError when it has no version of `atLeast` or newer.
   */
  send<A extends Api>(
    brokerId: number,
    api: A,
    input: InputOf<A['request']>,
    versions?: { readonly atLeast?: number; readonly atMost?: number },
  ): Promise<MessageOf<A['response']>>;
}
