import type { Io } from '../io/io';
import type { Logger } from '../logging/logger';
import {
  type ClientConnection,
  DisconnectedError,
  negotiateOrClose,
  UnsupportedVersionError,
} from '../network/client-connection';
import type { Api } from '../protocol/api-keys';
import { ErrorCode, ProtocolError } from '../protocol/errors';
import type { InputOf, MessageOf } from '../protocol/schema';
import type { ControllerChannel, ControllerRequestOptions } from '../replication/controller-channel';
import type { BrokerNode } from './broker-connections';

export interface BrokerToControllerChannelOptions {
  readonly brokerId: number;
  /** The active controller, as far as this broker has been told. */
  readonly controller: () => BrokerNode | undefined;
  /** A new connection, authenticated where that is needed; versions are negotiated here. */
  readonly connect: (controller: BrokerNode) => Promise<ClientConnection>;
  /** Handles a request of this broker to itself. */
  readonly handleLocally: <A extends Api>(
    api: A,
    version: number,
    input: InputOf<A['request']>,
  ) => Promise<MessageOf<A['response']>>;
}

export interface OwnRequestOptions extends ControllerRequestOptions {
  /** Whether the caller tries again by himself: one attempt, which rejects with what went wrong. @default false */
  readonly once?: boolean;
}

/** The deadline of a request is over, or the channel was closed. */
export class ControllerUnavailableError extends Error {
  override readonly name = 'ControllerUnavailableError';
}

/** Pause before a request is tried again, milliseconds: at first, and at most. */
const retryMs = 50;
const maxRetryMs = 1_000;

/**
 * A broker's way to the active controller (Kafka's NodeToControllerChannelManager): one connection, which follows the
 * office. A controller that is this broker itself is asked without a connection.
 */
export class BrokerToControllerChannel implements ControllerChannel {
  readonly #io: Io;
  readonly #logger: Logger;
  readonly #options: BrokerToControllerChannelOptions;
  #link: { readonly node: BrokerNode; readonly connection: Promise<ClientConnection> } | undefined;
  #isClosed = false;
  /** Attempts that are given up when the channel is closed. */
  readonly #attempts = new Set<(error: Error) => void>();
  /** Those that wait before they try again; a new controller is no reason to wait on. */
  readonly #waiting = new Set<() => void>();

  constructor(io: Io, logger: Logger, options: BrokerToControllerChannelOptions) {
    this.#io = io;
    this.#logger = logger.child('BrokerToControllerChannel');
    this.#options = options;
  }

  async send<A extends Api>(
    api: A,
    input: InputOf<A['request']> | ((version: number) => InputOf<A['request']>),
    options: OwnRequestOptions = {},
  ): Promise<MessageOf<A['response']>> {
    const { deadlineMs = Infinity } = options;
    const { clock } = this.#io;
    const endMs = clock.monotonicMs() + deadlineMs;
    for (let pauseMs = retryMs; ; pauseMs = Math.min(2 * pauseMs, maxRetryMs)) {
      if (this.#isClosed) throw closedError(api);
      let why: string;
      try {
        const answer = await this.#until(endMs, api, this.#attempt(api, input, options.maxVersion));
        if (answer !== undefined && (options.once || !isNotController(answer))) return answer;
        why = answer === undefined ? 'no controller is known' : 'that broker is not the controller any more';
      } catch (error) {
        if (options.once || !isTemporary(error)) throw error;
        why = error instanceof Error ? error.message : String(error);
      }
      this.#logger.debug(`${api.name} is tried again: ${why}`);
      const leftMs = endMs - clock.monotonicMs();
      if (options.once || leftMs <= 0) throw unavailable(api, deadlineMs, why);
      await this.#pause(Math.min(pauseMs, leftMs));
    }
  }

  /** This broker has been told who the controller is: what a former one has not answered goes to the new one. */
  controllerChanged(): void {
    const controller = this.#options.controller();
    if (this.#link && controller && !isSame(this.#link.node, controller)) this.#drop(this.#link);
    if (controller) for (const resume of [...this.#waiting]) resume();
  }

  /** What was not answered rejects. */
  close(): void {
    this.#isClosed = true;
    if (this.#link) this.#drop(this.#link);
    const error = new ControllerUnavailableError('This broker does not ask the controller any more.');
    for (const giveUp of [...this.#attempts]) giveUp(error);
    for (const resume of [...this.#waiting]) resume();
  }

  /** `undefined` when nobody knows a controller. */
  async #attempt<A extends Api>(
    api: A,
    input: InputOf<A['request']> | ((version: number) => InputOf<A['request']>),
    maxVersion: number | undefined,
  ): Promise<MessageOf<A['response']> | undefined> {
    const node = this.#options.controller();
    if (!node) return undefined;
    const inputFor = typeof input === 'function' ? (input as (version: number) => InputOf<A['request']>) : () => input;
    if (node.id === this.#options.brokerId) {
      const version = Math.min(api.maxVersion, maxVersion ?? Infinity);
      return this.#options.handleLocally(api, version, inputFor(version));
    }
    const connection = await this.#connectionTo(node);
    const version = connection.versionOf(api, maxVersion);
    return connection.send(api, version, inputFor(version));
  }

  #connectionTo(node: BrokerNode): Promise<ClientConnection> {
    if (this.#link && isSame(this.#link.node, node)) return this.#link.connection;
    if (this.#link) this.#drop(this.#link);
    const connection = this.#open(node);
    const link = { node, connection };
    this.#link = link;
    const forget = (): void => {
      if (this.#link === link) this.#link = undefined;
    };
    connection.then((opened) => opened.whenClosed.then(forget), forget);
    return connection;
  }

  async #open(node: BrokerNode): Promise<ClientConnection> {
    return negotiateOrClose(await this.#options.connect(node));
  }

  #drop(link: { readonly connection: Promise<ClientConnection> }): void {
    if (this.#link === link) this.#link = undefined;
    link.connection.then(
      (connection) => connection.close(),
      () => undefined,
    );
  }

  /** Rejects at that time, or when the channel is closed. */
  #until<T>(endMs: number, api: Api, attempt: Promise<T>): Promise<T> {
    const { clock } = this.#io;
    const leftMs = Math.max(0, endMs - clock.monotonicMs());
    return new Promise((resolve, reject) => {
      const giveUp = (error: Error): void => {
        end();
        reject(error);
      };
      const timer =
        endMs === Infinity
          ? undefined
          : clock.timer(leftMs, () => giveUp(unavailable(api, leftMs, 'there was no answer')));
      const end = (): void => {
        timer?.cancel();
        this.#attempts.delete(giveUp);
      };
      this.#attempts.add(giveUp);
      attempt.finally(end).then(resolve, reject);
    });
  }

  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const resume = (): void => {
        timer.cancel();
        this.#waiting.delete(resume);
        resolve();
      };
      const timer = this.#io.clock.timer(delayMs, resume);
      this.#waiting.add(resume);
    });
  }
}

function isSame(a: BrokerNode, b: BrokerNode): boolean {
  return a.id === b.id && a.host === b.host && a.port === b.port;
}

function isNotController(answer: unknown): boolean {
  return (answer as { readonly errorCode?: number }).errorCode === ErrorCode.NOT_CONTROLLER;
}

/** Another attempt may go well. What cannot be encoded, or has no version, never will. */
function isTemporary(error: unknown): boolean {
  if (error instanceof ControllerUnavailableError || error instanceof ProtocolError) return false;
  if (error instanceof DisconnectedError) return true;
  // A broker that is being replaced by a newer release may have the version soon.
  return !(error instanceof UnsupportedVersionError);
}

function closedError(api: Api): Error {
  return new ControllerUnavailableError(`${api.name} is not sent: this broker does not ask the controller any more.`);
}

function unavailable(api: Api, deadlineMs: number, why: string): Error {
  return new ControllerUnavailableError(
    `${api.name} was not answered by the controller in ${Math.round(deadlineMs)} ms: ${why}`,
  );
}
