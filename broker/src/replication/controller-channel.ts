import type { Api } from '../protocol/api-keys';
import type { InputOf, MessageOf } from '../protocol/schema';

export interface ControllerRequestOptions {
  /** How long the request may be tried, milliseconds from now. @default for ever, until the channel is closed */
  readonly deadlineMs?: number;
  /** The newest version to use, where what is sent does not fit into a newer one. @default the newest that both know */
  readonly maxVersion?: number;
}

/**
 * A broker's way to the active controller, whoever that is (Kafka's NodeToControllerChannelManager). Disconnections and
 * NOT_CONTROLLER are tried again, with the controller that there is then.
 */
export interface ControllerChannel {
  /**
   * Sends with the newest version that both ends know. `input` may depend on the version.
   * Rejects when the deadline is over, the channel is closed, or the controller has no version that fits.
   */
  send<A extends Api>(
    api: A,
    input: InputOf<A['request']> | ((version: number) => InputOf<A['request']>),
    options?: ControllerRequestOptions,
  ): Promise<MessageOf<A['response']>>;
}
