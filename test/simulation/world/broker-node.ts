import { BrokerConfig } from '../../../broker/src/config/broker-config';
import type { Logger } from '../../../broker/src/logging/logger';
import { Broker } from '../../../broker/src/server/broker';
import type { SimulatedHost } from '../io/simulated-host';
import type { SimulatedProcess } from '../io/simulated-process';

export const brokerPort = 9092;
export const logDirectory = '/logs';

/** A host with a broker. Whatever ends it, `ended` hears of it and may start it again. */
export class BrokerNode {
  process: SimulatedProcess | undefined;
  broker: Broker | undefined;
  /** When its host last lost its power, simulated milliseconds. */
  lastPowerLossMs = -1;
  /** When its process last ended, in whatever way. */
  lastEndMs = -1;
  /** When it was last seen without a registration, or with a new one. */
  lastUnregisteredMs = -1;
  #brokerEpoch: bigint | undefined;

  #isStopping = false;

  constructor(
    readonly id: number,
    readonly host: SimulatedHost,
    readonly properties: ReadonlyMap<string, string>,
    readonly logger: Logger,
    readonly ended: (node: BrokerNode, why: string) => void,
  ) {}

  get isRunning(): boolean {
    return this.broker !== undefined;
  }

  /** Running, and meant to go on. */
  get isServing(): boolean {
    return this.isRunning && !this.#isStopping;
  }

  start(): void {
    if (this.process !== undefined || !this.host.isUp) return;
    const process = this.host.start(`broker ${this.id}`);
    this.process = process;
    process.atEnd(() => {
      if (this.process !== process) return;
      this.process = undefined;
      this.broker = undefined;
      this.#isStopping = false;
      this.lastEndMs = process.scheduler.nowMs;
    });
    const { config } = BrokerConfig.from(this.properties);
    Broker.start(process.io, this.logger, { config, waitForZooKeeper: true, processMetrics: false }).then(
      (broker) => {
        if (process.ended) return;
        this.broker = broker;
        void broker.failed.then((error) => this.#exit(process, `failed: ${error.message}`));
      },
      (error: unknown) => this.#exit(process, `could not start: ${describe(error)}`),
    );
  }

  /** SIGTERM: it shuts down in order, and ends. */
  async stop(): Promise<void> {
    const { broker, process } = this;
    if (broker === undefined || process === undefined || this.#isStopping) return;
    this.#isStopping = true;
    await broker.close();
    this.#exit(process, 'was shut down');
  }

  /** What ZooKeeper has at the moment. */
  seeRegistration(brokerEpoch: bigint | undefined, nowMs: number): void {
    if (brokerEpoch === undefined || brokerEpoch !== this.#brokerEpoch) this.lastUnregisteredMs = nowMs;
    this.#brokerEpoch = brokerEpoch;
  }

  losePower(nowMs: number): void {
    this.lastPowerLossMs = nowMs;
    this.host.losePower();
  }

  #exit(process: SimulatedProcess, why: string): void {
    if (process.ended) return;
    process.kill();
    this.ended(this, why);
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
