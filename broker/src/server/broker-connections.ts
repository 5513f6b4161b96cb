import type { BrokerConfig } from '../config/broker-config';
import type { Io } from '../io/io';
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
 */
export type ConnectToBroker = (
  node: Pick<BrokerNode, 'host' | 'port'>,
  clientId: string,
  requestTimeoutMs: number,
) => Promise<ClientConnection>;

export function brokerConnections(io: Io, config: BrokerConfig): ConnectToBroker {
  return ({ host, port }, clientId, requestTimeoutMs) =>
    ClientConnection.connect(io, {
      host,
      port,
      clientId,
      requestTimeoutMs,
      connectTimeoutMs: config.get('socket.connection.setup.timeout.ms'),
    });
}
