import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BrokerConfig } from '../../../broker/src/config/broker-config';
import type { Io } from '../../../broker/src/io/io';
import { nodeIo } from '../../../broker/src/io/node';
import { silentLogger, type Logger } from '../../../broker/src/logging/logger';
import { Broker, type BrokerOptions } from '../../../broker/src/server/broker';
import { KafkaZkClient } from '../../../broker/src/zookeeper/kafka-zk-client';
import { ZooKeeperServer, type ZooKeeperServerOptions } from '../../../broker/src/zookeeper/server/zookeeper-server';

export interface StartOptions extends Partial<Omit<BrokerOptions, 'config'>> {
  readonly io?: Io;
  readonly logger?: Logger;
  readonly properties?: Readonly<Record<string, string | number | boolean>>;
}

/** A ZooKeeper, a directory, and brokers that a test starts and stops on them. All goes with the bed. */
export class BrokerBed implements AsyncDisposable {
  readonly directory = mkdtempSync(join(tmpdir(), 'odradek-broker-'));
  readonly #io = nodeIo();
  readonly #undo: (() => Promise<unknown>)[] = [];
  #zookeeper: ZooKeeperServer | undefined;
  #zookeeperPort = 0;

  /** Sessions may be short, so that a test need not wait long for the end of one. */
  static async start(options: ZooKeeperServerOptions = {}): Promise<BrokerBed> {
    const bed = new BrokerBed();
    await bed.startZooKeeper(options);
    return bed;
  }

  get zookeeperConnect(): string {
    return `127.0.0.1:${this.#zookeeperPort}`;
  }

  join(...names: readonly string[]): string {
    return join(this.directory, ...names);
  }

  /** Started again it has the same port and, being on disk, the same data. */
  async startZooKeeper(options: ZooKeeperServerOptions = {}): Promise<void> {
    const dataDir = this.join('zookeeper');
    const zookeeper = await ZooKeeperServer.start(this.#io, silentLogger, {
      tickTime: 100,
      maxSessionTimeout: 60_000,
      dataDir,
      forceSync: false,
      port: this.#zookeeperPort,
      ...options,
    });
    this.#zookeeper = zookeeper;
    this.#zookeeperPort = zookeeper.port;
    this.#undo.push(() => zookeeper.close());
  }

  async stopZooKeeper(): Promise<void> {
    await this.#zookeeper?.close();
  }

  /** A client with a session of its own. */
  async zk(sessionTimeoutMs = 30_000): Promise<KafkaZkClient> {
    const connectString = this.zookeeperConnect;
    const zk = new KafkaZkClient(this.#io, silentLogger, {
      connectString,
      sessionTimeoutMs,
      connectionTimeoutMs: 30_000,
    });
    this.#undo.push(() => zk.close());
    await zk.connect();
    return zk;
  }

  /** A broker of its own directory; what a start leaves behind is closed with the bed. */
  async startBroker({
    io = this.#io,
    logger = silentLogger,
    properties = {},
    ...rest
  }: StartOptions = {}): Promise<Broker> {
    const all = {
      'broker.id': 0,
      listeners: 'PLAINTEXT://127.0.0.1:0',
      'log.dirs': this.join('logs'),
      'zookeeper.connect': this.zookeeperConnect,
      'zookeeper.session.timeout.ms': 30_000,
      'offsets.topic.replication.factor': 1,
      'offsets.topic.num.partitions': 1,
      ...properties,
    };
    const { config } = BrokerConfig.from(new Map(Object.entries(all).map(([key, value]) => [key, String(value)])));
    const broker = await Broker.start(io, logger, { config, processMetrics: false, ...rest });
    this.#undo.push(() => broker.close());
    return broker;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const undo of this.#undo.splice(0).reverse()) await undo();
    rmSync(this.directory, { recursive: true, force: true });
  }
}
