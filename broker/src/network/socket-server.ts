import type { EndPoint, SecurityProtocol } from '../config/end-point';
import type { Timer } from '../io/clock';
import type { Io } from '../io/io';
import type { Listening, Socket, TlsOptions } from '../io/network';
import { limitedLogger } from '../logging/limited-logger';
import type { Logger } from '../logging/logger';
import { NetworkMetrics } from '../metrics/network-metrics';
import { BufferPool } from './buffer-pool';
import { Connection, type ConnectionServices } from './connection';
import { FairShare } from './fair-share';
import { IdleList } from './idle-list';
import type { IncomingRequest } from './incoming-request';
import { RequestMemory } from './request-memory';

/** Free buffers that are kept for the next requests and answers. */
const mostFreeBytes = 32 * 1024 * 1024;

/** Lines about connections: who connects only to be refused writes no more than this. */
const mostLines = { lines: 200, windowMs: 10_000 };

/** How long a peer has to take its last answers and to end its side when the server closes. */
const patienceAtCloseMs = 500;

/** Kafka's configuration keys of the same names, and what the broker does with a request. */
export interface SocketServerOptions {
  readonly endPoints: readonly EndPoint[];
  /** Its clients may push others out when max.connections is reached. */
  readonly interBrokerListenerName?: string;
  /** By listener name, for SSL and SASL_SSL. */
  readonly tls?: ReadonlyMap<string, TlsOptions>;
  /** @default 104857600 */
  readonly socketRequestMaxBytes?: number;
  /** @default 50 */
  readonly socketListenBacklogSize?: number;
  /** -1: none. @default -1 */
  readonly queuedMaxRequestBytes?: number;
  /** 0 and less: never. @default 600000 */
  readonly connectionsMaxIdleMs?: number;
  /** @default 2147483647 */
  readonly maxConnections?: number;
  /** @default 2147483647 */
  readonly maxConnectionsPerIp?: number;
  /** Addresses and their own limits. */
  readonly maxConnectionsPerIpOverrides?: ReadonlyMap<string, number>;
  readonly metrics?: NetworkMetrics;
  /** Whether the broker has a handler for this version; ApiVersions is handed on whatever its version. */
  supports(apiKey: number, apiVersion: number): boolean;
  /** Gets every request. What it throws closes the connection. */
  handle(request: IncomingRequest): void;
}

/** What the server holds now. */
export interface SocketServerUsage {
  readonly connections: number;
  /** Waiting for max.connections. */
  readonly waitingConnections: number;
  /** Pooled memory in use: large Produce frames, and file pieces that sockets have not taken. */
  readonly pooledBytes: number;
  /** Memory of requests that arrive or are handled (queued.max.request.bytes). */
  readonly requestBytes: number;
}

interface Waiting {
  readonly socket: Socket;
  readonly endPoint: EndPoint;
}

/** The broker's listeners, their connections, and the limits on them. */
export class SocketServer {
  readonly metrics: NetworkMetrics;
  readonly #io: Io;
  readonly #logger: Logger;
  readonly #options: SocketServerOptions;
  readonly #services: ConnectionServices;
  readonly #pool = new BufferPool(mostFreeBytes);
  readonly #memory: RequestMemory;
  readonly #listenings = new Map<string, Listening>();
  readonly #connections = new Set<Connection>();
  readonly #perIp = new Map<string, number>();
  readonly #idle = new IdleList<Connection>();
  readonly #maxIdleMs: number;
  readonly #maxConnections: number;
  /** Accepted, and not read from, until another connection goes; as Kafka leaves them in the backlog. */
  #waiting: Waiting[] = [];
  #idleTimer: Timer | undefined;
  #nextIndex = 0;
  #closing = false;
  #allClosed: (() => void) | undefined;

  constructor(io: Io, logger: Logger, options: SocketServerOptions) {
    this.#io = io;
    this.#logger = limitedLogger(logger.child('SocketServer'), {
      ...mostLines,
      monotonicMs: () => io.clock.monotonicMs(),
    });
    this.#options = options;
    this.metrics = options.metrics ?? new NetworkMetrics();
    const { connectionsMaxIdleMs = 600_000, maxConnections = 2147483647 } = options;
    this.#maxIdleMs = connectionsMaxIdleMs > 0 ? connectionsMaxIdleMs : Infinity;
    this.#maxConnections = maxConnections;
    this.#memory = new RequestMemory(io.clock, options.queuedMaxRequestBytes ?? -1);
    this.#services = {
      clock: io.clock,
      logger: this.#logger,
      pool: this.#pool,
      memory: this.#memory,
      share: new FairShare(io.clock),
      metrics: this.metrics,
      socketRequestMaxBytes: options.socketRequestMaxBytes ?? 104857600,
      supports: (apiKey, apiVersion) => options.supports(apiKey, apiVersion),
      handle: (request) => options.handle(request),
      active: (connection) => this.#idle.touch(connection, io.clock.monotonicMs()),
      closed: (connection, error) => this.#connectionClosed(connection, error),
    };
  }

  /** Binds every end point. If one cannot be bound none is, and the error says which and what the system says. */
  async listen(): Promise<void> {
    try {
      for (const endPoint of this.#options.endPoints) {
        await this.#listenOn(endPoint);
      }
    } catch (error) {
      await this.#closeListenings();
      throw error;
    }
  }

  /** Where a listener listens: the real port if 0 was asked for. */
  listening(listenerName: string): { readonly host: string; readonly port: number } | undefined {
    return this.#listenings.get(listenerName);
  }

  get usage(): SocketServerUsage {
    return {
      connections: this.#connections.size,
      waitingConnections: this.#waiting.length,
      pooledBytes: this.#pool.usedBytes,
      requestBytes: this.#memory.usedBytes,
    };
  }

  /**
   * Stops listening and ends every connection when what was answered is sent; requests that are still answered afterwards
   * are answered into the void. A peer that does not end its side soon is cut off.
   */
  async close(): Promise<void> {
    this.#closing = true;
    await this.#closeListenings();
    this.#idleTimer?.cancel();
    for (const { socket } of this.#waiting.splice(0)) {
      socket.destroy();
    }
    if (this.#connections.size > 0) {
      const allClosed = new Promise<void>((resolve) => (this.#allClosed = resolve));
      for (const connection of this.#connections) {
        connection.finish();
      }
      const cutOff = this.#io.clock.timer(patienceAtCloseMs, () => {
        for (const connection of this.#connections) {
          connection.destroy();
        }
      });
      await allClosed;
      cutOff.cancel();
    }
  }

  async #listenOn(endPoint: EndPoint): Promise<void> {
    const { listenerName, host, port, securityProtocol } = endPoint;
    const backlog = this.#options.socketListenBacklogSize ?? 50;
    const tls = this.#tlsOf(listenerName, securityProtocol);
    const acceptFailed = (error: Error) =>
      this.#logger.warn(`A connection to listener ${listenerName} could not be accepted: ${error.message}.`);
    try {
      const listening = await this.#io.network.listen(
        { host: host ?? '', port, backlog, acceptFailed, ...(tls === undefined ? {} : { tls }) },
        (socket) => this.#accept(socket, endPoint),
      );
      this.#listenings.set(listenerName, listening);
      this.#logger.info(`Listening on ${listening.host}:${listening.port} for ${listenerName} (${securityProtocol}).`);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new Error(`Listener ${listenerName} cannot listen on ${host ?? '(every address)'}:${port}: ${why}`, {
        cause: error,
      });
    }
  }

  #tlsOf(listenerName: string, securityProtocol: SecurityProtocol): TlsOptions | undefined {
    if (securityProtocol !== 'SSL' && securityProtocol !== 'SASL_SSL') {
      return undefined;
    }
    const tls = this.#options.tls?.get(listenerName);
    if (tls === undefined) {
      throw new Error(`Listener ${listenerName} is ${securityProtocol} and has no key and certificate.`);
    }
    return tls;
  }

  async #closeListenings(): Promise<void> {
    const listenings = [...this.#listenings.values()];
    this.#listenings.clear();
    await Promise.all(listenings.map((listening) => listening.close()));
  }

  #accept(socket: Socket, endPoint: EndPoint): void {
    const { listenerName } = endPoint;
    const ip = socket.remoteAddress;
    const limit = this.#options.maxConnectionsPerIpOverrides?.get(ip) ?? this.#options.maxConnectionsPerIp ?? Infinity;
    if (this.#closing) {
      socket.destroy();
      return;
    }
    if ((this.#perIp.get(ip) ?? 0) >= limit) {
      this.metrics.ofListener(listenerName).connectionRejectedTotal++;
      this.#logger.info(`Rejected a connection from ${ip} to ${listenerName}: it has ${limit} connections already.`);
      socket.destroy();
      return;
    }
    if (this.#connections.size < this.#maxConnections) {
      this.#open(socket, endPoint);
    } else if (listenerName === this.#options.interBrokerListenerName && this.#closeOneFor(listenerName)) {
      this.#open(socket, endPoint);
    } else if (this.#waiting.length < (this.#options.socketListenBacklogSize ?? 50)) {
      this.#waiting.push({ socket, endPoint });
    } else {
      this.metrics.ofListener(listenerName).connectionRejectedTotal++;
      this.#logger.info(
        `Rejected a connection from ${ip} to ${listenerName}: max.connections=${this.#maxConnections} is reached.`,
      );
      socket.destroy();
    }
  }

  /** Makes room for another broker: the longest idle connection of another listener goes. */
  #closeOneFor(listenerName: string): boolean {
    for (let other = this.#idle.oldest; other !== undefined; other = other.lessIdle) {
      if (other.listenerName !== listenerName && !other.disconnected) {
        other.disconnect(`max.connections=${this.#maxConnections} is reached and ${listenerName} needs one`, 'info');
        return true;
      }
    }
    return false;
  }

  #open(socket: Socket, endPoint: EndPoint): void {
    const connection = new Connection(this.#services, socket, endPoint, this.#nextIndex);
    this.#nextIndex = this.#nextIndex === 2147483647 ? 0 : this.#nextIndex + 1;
    this.#connections.add(connection);
    this.#perIp.set(connection.remoteHost, (this.#perIp.get(connection.remoteHost) ?? 0) + 1);
    this.#idle.add(connection, this.#io.clock.monotonicMs());
    this.#watchIdle();
    const metrics = this.metrics.ofListener(endPoint.listenerName);
    metrics.connectionCreationTotal++;
    metrics.connectionCount++;
    this.#logger.debug(`Accepted a connection from ${connection.remoteHost} to ${endPoint.listenerName}.`, {
      connectionId: connection.id,
    });
    connection.open();
  }

  #connectionClosed(connection: Connection, error: Error | undefined): void {
    this.#connections.delete(connection);
    this.#idle.remove(connection);
    const left = (this.#perIp.get(connection.remoteHost) ?? 0) - 1;
    if (left > 0) {
      this.#perIp.set(connection.remoteHost, left);
    } else {
      this.#perIp.delete(connection.remoteHost);
    }
    const metrics = this.metrics.ofListener(connection.listenerName);
    metrics.connectionCloseTotal++;
    metrics.connectionCount--;
    const why = error === undefined ? '' : `: ${error.message}`;
    this.#logger.debug(`Connection from ${connection.remoteHost} to ${connection.listenerName} closed${why}.`, {
      connectionId: connection.id,
    });
    if (this.#connections.size === 0) {
      this.#allClosed?.();
    }
    while (this.#waiting.length > 0 && this.#connections.size < this.#maxConnections) {
      const { socket, endPoint } = this.#waiting.shift() as Waiting;
      this.#accept(socket, endPoint);
    }
  }

  /** Keeps one timer, for the connection that is idle the longest. */
  #watchIdle(): void {
    const oldest = this.#idle.oldest;
    if (this.#idleTimer !== undefined || oldest === undefined || this.#maxIdleMs === Infinity) {
      return;
    }
    const { clock } = this.#io;
    this.#idleTimer = clock.timer(oldest.lastActiveMs + this.#maxIdleMs - clock.monotonicMs(), () => {
      this.#idleTimer = undefined;
      this.#closeIdle();
      if (!this.#closing) {
        this.#watchIdle();
      }
    });
  }

  #closeIdle(): void {
    const now = this.#io.clock.monotonicMs();
    for (;;) {
      const oldest = this.#idle.oldest;
      if (oldest === undefined || now - oldest.lastActiveMs < this.#maxIdleMs) {
        return;
      }
      if (oldest.busy) {
        // It waits for us, not we for it.
        this.#idle.touch(oldest, now);
        continue;
      }
      this.metrics.ofListener(oldest.listenerName).expiredConnectionsKilledCount++;
      this.#idle.remove(oldest);
      const idleMs = Math.round(now - oldest.lastActiveMs);
      oldest.disconnect(`idle for ${idleMs} ms, connections.max.idle.ms=${this.#maxIdleMs}`, 'info');
    }
  }
}
