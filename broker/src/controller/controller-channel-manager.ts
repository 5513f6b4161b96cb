import type { Timer } from '../io/clock';
import type { Io } from '../io/io';
import type { Logger } from '../logging/logger';
import type { ClientConnection } from '../network/client-connection';
import { ProtocolError } from '../protocol/errors';
import type { BrokerInfo, EndPoint } from '../zookeeper/znodes/broker-id';
import type { BrokerChannel } from './broker-channel';
import type { ControlRequest } from './control-request';
import type { ControlRequestVersions } from './control-request-versions';
import { NetworkBrokerChannel } from './network-broker-channel';

export interface ControllerChannelOptions {
  /** Listener on which brokers are told: control.plane.listener.name, else inter.broker.listener.name. */
  readonly listenerName: string;
  readonly versions: ControlRequestVersions;
  /** The way to a broker that is in this process. `undefined`: it is connected to. */
  readonly channel: (brokerId: number) => BrokerChannel | undefined;
  /** Connects to a broker's listener, authenticated where that is needed; versions are negotiated here. */
  readonly connect: (endPoint: EndPoint, brokerId: number) => Promise<ClientConnection>;
}

/** How long a broker that could not be told is left alone, milliseconds: the first time, and at most. */
const backoffMs = 100;
const maxBackoffMs = 1_000;

/**
 * A controller's ways to the live brokers (ControllerChannelManager): an ordered queue each, one request at a time,
 * sent again until the broker has answered or is gone. Nobody waits for a broker: what it answers comes as an event.
 */
export class ControllerChannelManager {
  readonly #io: Io;
  readonly #logger: Logger;
  readonly #options: ControllerChannelOptions;
  readonly #senders = new Map<number, RequestSender>();

  constructor(io: Io, logger: Logger, options: ControllerChannelOptions) {
    this.#io = io;
    this.#logger = logger;
    this.#options = options;
  }

  /** A broker has come, or (after `removeBroker`) come back in another life. */
  addBroker(broker: BrokerInfo): void {
    if (this.#senders.has(broker.id)) return;
    this.#senders.set(broker.id, new RequestSender(this.#io, this.#logger, this.#options, broker));
  }

  /** What was not sent is dropped. */
  removeBroker(brokerId: number): void {
    this.#senders.get(brokerId)?.close();
    this.#senders.delete(brokerId);
  }

  /** Its listeners have changed: the next connection goes there. */
  updateBroker(broker: BrokerInfo): void {
    this.#senders.get(broker.id)?.update(broker);
  }

  send(brokerId: number, request: ControlRequest): void {
    const sender = this.#senders.get(brokerId);
    if (sender) sender.put(request);
    else this.#logger.warn(`${request.name} is not sent to broker ${brokerId}, which is gone.`);
  }

  /** Requests that wait for a broker, the one that it has not answered included. */
  queueSize(brokerId: number): number {
    return this.#senders.get(brokerId)?.size ?? 0;
  }

  /** Resolves when a broker has answered everything that it has been sent so far, or is gone. */
  flushed(brokerId: number): Promise<void> {
    return this.#senders.get(brokerId)?.flushed() ?? Promise.resolve();
  }

  close(): void {
    for (const id of [...this.#senders.keys()]) this.removeBroker(id);
  }
}

/** One life of one broker. */
class RequestSender {
  readonly #io: Io;
  readonly #logger: Logger;
  readonly #options: ControllerChannelOptions;
  #broker: BrokerInfo;
  readonly #queue: ControlRequest[] = [];
  #isSending = false;
  #isClosed = false;
  #connection: ClientConnection | undefined;
  /** Since it could not be told something: it is said once. */
  #isFailing = false;
  #pause: { readonly timer: Timer; readonly end: () => void } | undefined;
  readonly #flushed: (() => void)[] = [];

  constructor(io: Io, logger: Logger, options: ControllerChannelOptions, broker: BrokerInfo) {
    this.#io = io;
    this.#logger = logger;
    this.#options = options;
    this.#broker = broker;
  }

  get size(): number {
    return this.#queue.length + (this.#isSending ? 1 : 0);
  }

  update(broker: BrokerInfo): void {
    this.#broker = broker;
  }

  put(request: ControlRequest): void {
    if (this.#isClosed || this.#mergeIntoWaiting(request)) return;
    this.#queue.push(request);
    if (!this.#isSending) void this.#run();
  }

  flushed(): Promise<void> {
    if (this.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#flushed.push(resolve));
  }

  close(): void {
    this.#isClosed = true;
    this.#queue.length = 0;
    this.#connection?.close();
    this.#pause?.end();
    for (const tell of this.#flushed.splice(0)) tell();
  }

  /**
   * Requests may be merged over those of another kind as long as these know of the same brokers: a follower must have
   * heard of a leader's broker before it is told to follow it. A StopReplica keeps its place.
   */
  #mergeIntoWaiting(request: ControlRequest): boolean {
    for (let i = this.#queue.length - 1; i >= 0; i--) {
      const waiting = this.#queue[i];
      if (waiting.name === 'StopReplica') return false;
      if (waiting.name === request.name) return waiting.merge(request);
      if (waiting.brokersVersion !== request.brokersVersion) return false;
    }
    return false;
  }

  async #run(): Promise<void> {
    this.#isSending = true;
    // What one event sends is all here before the first of it goes.
    await Promise.resolve();
    for (let request = this.#queue.shift(); request; request = this.#queue.shift()) {
      await this.#deliver(request);
      if (this.#isClosed) break;
    }
    this.#isSending = false;
    for (const tell of this.#flushed.splice(0)) tell();
  }

  async #deliver(request: ControlRequest): Promise<void> {
    for (let waitMs = backoffMs; !this.#isClosed; waitMs = Math.min(2 * waitMs, maxBackoffMs)) {
      try {
        const channel = await this.#channel();
        if (this.#isClosed) return;
        await request.send(channel);
        if (this.#isFailing) this.#logger.info(`Broker ${this.#broker.id} answers the controller again.`);
        this.#isFailing = false;
        return;
      } catch (error) {
        if (this.#isClosed) return;
        if (error instanceof ProtocolError) {
          this.#logger.error(`${request.name} cannot be sent to broker ${this.#broker.id}: it is left out.`, { error });
          return;
        }
        if (!this.#isFailing) {
          this.#logger.warn(
            `Broker ${this.#broker.id} could not be told ${request.name}: it is tried again as long as it is registered.`,
            { error },
          );
        }
        this.#isFailing = true;
        this.#connection?.close();
        this.#connection = undefined;
        await this.#wait(waitMs);
      }
    }
  }

  async #channel(): Promise<BrokerChannel> {
    const { listenerName, versions, connect } = this.#options;
    const { id, endPoints } = this.#broker;
    const local = this.#options.channel(id);
    if (local) return local;
    if (!this.#connection || this.#connection.isClosed) {
      const endPoint = endPoints.find((each) => each.listenerName === listenerName);
      if (!endPoint) {
        const names = endPoints.map((each) => each.listenerName).join(', ');
        throw new Error(`broker ${id} has no listener ${listenerName}, it has ${names}`);
      }
      const connection = await connect(endPoint, id);
      if (this.#isClosed) {
        connection.close();
        throw new Error(`broker ${id} is gone`);
      }
      this.#connection = connection;
      await connection.negotiate();
      this.#logger.info(`The controller is connected to broker ${id} at ${endPoint.host}:${endPoint.port}.`);
    }
    return new NetworkBrokerChannel(this.#connection, versions);
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        timer.cancel();
        this.#pause = undefined;
        resolve();
      };
      const timer = this.#io.clock.timer(ms, end);
      this.#pause = { timer, end };
    });
  }
}
