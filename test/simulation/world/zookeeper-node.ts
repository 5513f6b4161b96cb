import type { Logger } from '../../../broker/src/logging/logger';
import { ZooKeeperServer } from '../../../broker/src/zookeeper/server/zookeeper-server';
import { BrokerIdZNode } from '../../../broker/src/zookeeper/znodes/broker-id';
import type { SimulatedHost } from '../io/simulated-host';
import type { SimulatedProcess } from '../io/simulated-process';

export const zookeeperPort = 2181;
export const zookeeperDirectory = '/zookeeper';

/** A host with a ZooKeeper server that is started again whenever it has ended. */
export class ZooKeeperNode {
  process: SimulatedProcess | undefined;
  server: ZooKeeperServer | undefined;

  constructor(
    readonly host: SimulatedHost,
    readonly logger: Logger,
    /** A start that failed. */
    readonly failed: (error: unknown) => void,
  ) {}

  /** The epoch of a broker's registration; undefined where there is none. Only while the server runs. */
  brokerEpoch(id: number): bigint | undefined {
    return this.server?.['database'].tree.node(BrokerIdZNode.path(id))?.czxid;
  }

  start(): void {
    if (this.process !== undefined || !this.host.isUp) return;
    const process = this.host.start('zookeeper');
    this.process = process;
    process.atEnd(() => {
      this.process = undefined;
      this.server = undefined;
    });
    ZooKeeperServer.start(process.io, this.logger, {
      host: '0.0.0.0',
      port: zookeeperPort,
      dataDir: zookeeperDirectory,
      tickTime: 500,
      minSessionTimeout: 1000,
      maxSessionTimeout: 60_000,
      maxClientCnxns: 0,
      // No snapshot: the whole history is looked at in the end.
      snapCount: 1_000_000,
      onFailure: () => this.process?.kill(),
    }).then(
      (server) => {
        if (this.process === process) this.server = server;
      },
      (error: unknown) => {
        if (process.ended) return;
        process.kill();
        this.failed(error);
      },
    );
  }
}
