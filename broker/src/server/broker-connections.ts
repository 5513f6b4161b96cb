import type { BrokerConfig } from '../config/broker-config';
import type { Io } from '../io/io';
import type { BufferPool } from '../network/buffer-pool';
import { ClientConnection } from '../network/client-connection';

/** A broker, and where it listens for other brokers. */
export interface BrokerNode {
  readonly id: number;
  readonly host: string;
  readonly port: number;
}

/**
 * Connects this broker to others; the client id is what their request logs and quotas see.
 * @param requestTimeoutMs how long an answer may take
 * @param pool where the memory of responses comes from, each of which is to be released then
 */
export type ConnectToBroker = (
  node: Pick<BrokerNode, 'host' | 'port'>,
  clientId: string,
  requestTimeoutMs: number,
  pool?: BufferPool,
) => Promise<ClientConnection>;

export function brokerConnections(io: Io, config: BrokerConfig): ConnectToBroker {
  return ({ host, port }, clientId, requestTimeoutMs, pool) =>
    ClientConnection.connect(io, {
      host,
      port,
      clientId,
      requestTimeoutMs,
      ...(pool === undefined ? {} : { pool }),
      connectTimeoutMs: config.get('socket.connection.setup.timeout.ms'),
    });
}
