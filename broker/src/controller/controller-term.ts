import { isAtLeastVersion } from '../config/metadata-version';
import type { Timer } from '../io/clock';
import type { Io } from '../io/io';
import type { Logger } from '../logging/logger';
import type { KafkaZkClient } from '../zookeeper/kafka-zk-client';
import { ZnodeError } from '../zookeeper/znodes/znode-error';
import type { BrokerChannel } from './broker-channel';
import { controlRequestVersions } from './control-request-versions';
import { ControllerBrokerRequestBatch, type ControlAnswers } from './controller-broker-request-batch';
import { ControllerChannelManager, type ControllerChannelOptions } from './controller-channel-manager';
import type { ControlledPartition, ControllerContext } from './controller-context';

export interface ControllerTermOptions {
  readonly brokerId: number;
  /** inter.broker.listener.name: where brokers reach each other. */
  readonly interBrokerListenerName: string;
  /** control.plane.listener.name: where the controller reaches brokers. @default interBrokerListenerName */
  readonly controlPlaneListenerName?: string;
  /** inter.broker.protocol.version @default 3.9-IV0 */
  readonly interBrokerProtocolVersion?: string;
  /** auto.leader.rebalance.enable @default true */
  readonly autoLeaderRebalanceEnable?: boolean;
  /** leader.imbalance.check.interval.seconds @default 300 */
  readonly leaderImbalanceCheckIntervalSeconds?: number;
  /** leader.imbalance.per.broker.percentage @default 10 */
  readonly leaderImbalancePerBrokerPercentage?: number;
  /** The way to a broker that is in this process: this very one. `undefined`: it is connected to. */
  readonly channel: (brokerId: number) => BrokerChannel | undefined;
  /** Connects to another broker's listener, authenticated where that is needed. */
  readonly connect: ControllerChannelOptions['connect'];
}

/** How a controller in office puts off what it has to do: while it is in office, one after the other. */
export interface ControllerEvents {
  /** One that waits already stands for the new one; one that fails is tried again. */
  put(name: string, run: () => Promise<void>): void;
  add(name: string, run: () => Promise<void>): void;
  /** A broker knows of a newer controller. */
  doubted(): void;
}

/** What all parts of a controller share from its election to its resignation. Nothing of it goes on after `end`. */
export class ControllerTerm {
  readonly channels: ControllerChannelManager;
  readonly #interBrokerProtocolVersion: string;
  readonly #timers = new Map<string, Timer>();
  readonly #nodes = new Set<string>();
  readonly #parents = new Set<string>();

  constructor(
    private readonly io: Io,
    readonly logger: Logger,
    readonly zk: KafkaZkClient,
    readonly options: ControllerTermOptions,
    readonly context: ControllerContext,
    readonly events: ControllerEvents,
    private readonly answers: () => ControlAnswers,
  ) {
    this.#interBrokerProtocolVersion = options.interBrokerProtocolVersion ?? '3.9-IV0';
    this.channels = new ControllerChannelManager(io, logger, {
      listenerName: options.controlPlaneListenerName ?? options.interBrokerListenerName,
      versions: controlRequestVersions(this.#interBrokerProtocolVersion),
      channel: options.channel,
      connect: options.connect,
    });
  }

  get random(): Io['random'] {
    return this.io.random;
  }

  /** @param reason why the term is over */
  end(reason: string): void {
    this.context.end(reason);
    for (const path of this.#nodes) this.zk.handlers.unregisterNode(path);
    for (const path of this.#parents) this.zk.handlers.unregisterChildren(path);
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
    this.channels.close();
  }

  isAtLeast(version: string): boolean {
    return isAtLeastVersion(this.#interBrokerProtocolVersion, version);
  }

  // ZooKeeper

  registerChildren(path: string, handleChildChange: () => void): void {
    this.context.checkInOffice();
    this.#parents.add(path);
    this.zk.handlers.registerChildren({ path, handleChildChange });
  }

  registerNode(path: string, handler: { handleCreation?(): void; handleDataChange?(): void }): void {
    this.context.checkInOffice();
    this.#nodes.add(path);
    this.zk.handlers.registerNode({ path, ...handler });
  }

  unregisterNode(path: string): void {
    this.#nodes.delete(path);
    this.zk.handlers.unregisterNode(path);
  }

  /** `undefined` for a znode that holds something else than it should; it is left alone. */
  async readable<T>(read: Promise<T>): Promise<T | undefined> {
    try {
      return await read;
    } catch (error) {
      if (!(error instanceof ZnodeError)) throw error;
      this.logger.error(`A znode cannot be read, and what it is about is left out: ${error.message}`);
      return undefined;
    }
  }

  /** What those say that can be read. */
  async readableOf<T>(names: readonly string[], read: (name: string) => Promise<readonly T[]>): Promise<T[]> {
    const found = await Promise.all(names.map((name) => this.readable(read(name))));
    return found.flatMap((each) => each ?? []);
  }

  // Brokers

  newBatch(): ControllerBrokerRequestBatch {
    return new ControllerBrokerRequestBatch(this.logger, this.context, {
      channels: this.channels,
      interBrokerListenerName: this.options.interBrokerListenerName,
      answers: this.answers(),
    });
  }

  /** @param brokerIds @default all */
  updateMetadata(
    partitions: readonly ControlledPartition[],
    brokerIds: readonly number[] = this.context.liveOrShuttingDownBrokerIds,
  ): void {
    const batch = this.newBatch();
    batch.addUpdateMetadata(brokerIds, partitions);
    batch.send();
  }

  // Time

  /** One that waits already stands for the new one. */
  later(name: string, delayMs: number, run: () => Promise<void>): void {
    if (this.#timers.has(name) || this.context.isOver) return;
    const timer = this.io.clock.timer(delayMs, () => {
      this.#timers.delete(name);
      this.events.put(name, run);
    });
    this.#timers.set(name, timer);
  }
}
