import type { Timer } from '../../io/clock';
import type { Io } from '../../io/io';
import type { Listening, Socket } from '../../io/network';
import type { Logger } from '../../logging/logger';
import { defaultJuteMaxBuffer } from '../frame-decoder';
import { JuteWriter, type JuteReader } from '../jute';
import { OpCode, type ConnectRequest } from '../requests';
import { Database } from './database';
import { defaultWords, fourLetterWord, type ServerView } from './four-letter-words';
import { RequestProcessor } from './request-processor';
import { ServerConnection, type ConnectionHost } from './server-connection';
import { PacketStats } from './server-stats';
import { sessionPassword } from './session-password';
import { SessionTracker } from './session-tracker';
import { hex } from './zxid-file-name';

/** Names and defaults are those of zoo.cfg, unless said otherwise. */
export interface ZooKeeperServerOptions {
  /** Address to listen on (clientPortAddress). @default 127.0.0.1 */
  readonly host?: string;
  /** clientPort; 0: any free one. @default 0 */
  readonly port?: number;
  /**
   * Directory of snapshots and, without `dataLogDir`, transaction logs, in ZooKeeper's own format: a ZooKeeper can go on
   * with it. @default everything is in memory
   */
  readonly dataDir?: string;
  readonly dataLogDir?: string;
  /** Milliseconds. @default 3000 */
  readonly tickTime?: number;
  /** Bounds of a session's timeout in milliseconds. @default 2 and 20 ticks */
  readonly minSessionTimeout?: number;
  readonly maxSessionTimeout?: number;
  /** Connections from one address; 0: no limit. @default 60 */
  readonly maxClientCnxns?: number;
  /** Longest request in bytes (jute.maxbuffer). @default 1048575 */
  readonly juteMaxBuffer?: number;
  /** Transactions between two snapshots. @default 100000 */
  readonly snapCount?: number;
  /**
   * Whether changes are on stable storage before they are confirmed; false for clusters whose data may be lost with the
   * power. @default true
   */
  readonly forceSync?: boolean;
  /** Snapshots to keep, at least 3. @default 3 */
  readonly snapRetainCount?: number;
  /** Milliseconds between two purges of older snapshots and logs (zoo.cfg has hours); 0: never. @default 0 */
  readonly purgeIntervalMs?: number;
  /** Four-letter words that are answered, `*` for all (4lw.commands.whitelist). @default those that only show */
  readonly fourLetterWords?: readonly string[];
  /** Milliseconds between two searches for containers and znodes to remove. @default 60000 */
  readonly containerCheckIntervalMs?: number;
  /**
   * Passwords of the users that clients may log in as by SASL DIGEST-MD5 (the user_NAME options of a JAAS file's section
   * Server). @default nobody may, and znodes cannot belong to such users
   */
  readonly saslUsers?: ReadonlyMap<string, string>;
  /**
   * enforce.auth.schemes: a client has to authenticate by one of them (sasl, digest) before it asks for anything.
   * @default none: everyone may
   */
  readonly enforcedSchemes?: readonly string[];
  /** Called once when the server had to stop because its disk failed. */
  readonly onFailure?: (error: Error) => void;
}

// Bytes that may wait for the disk before nothing more is read.
const overloadBytes = 32 * 1024 * 1024;
const slowSyncMs = 1000;
const containersAtOnce = 10_000;
const serverId = 1;

/**
 * A ZooKeeper server of one node: the protocol, sessions, watches, access control and files of ZooKeeper 3.8. One
 * event loop does everything: a request is done when its bytes are there; its reply, and whatever came after it, is
 * sent when the log is flushed, which is done once for all requests of a turn.
 */
export class ZooKeeperServer {
  private readonly stats = new PacketStats();
  private readonly connections = new Set<ServerConnection>();
  private readonly bySession = new Map<bigint, ServerConnection>();
  private readonly byAddress = new Map<string, number>();
  private readonly sessions: SessionTracker;
  private readonly processor: RequestProcessor;
  private readonly startedMs: number;
  private readonly connectionHost: ConnectionHost;
  private readonly timers = new Set<Timer>();
  private listening: Listening | undefined;
  private dirty = new Set<ServerConnection>();
  private scheduled = false;
  private flushing: Promise<void> | undefined;
  private sawOverload = false;
  private state: 'running' | 'closing' | 'failed' = 'running';
  private closing: Promise<void> | undefined;

  private constructor(
    private readonly io: Io,
    private readonly logger: Logger,
    private readonly options: Required<
      Omit<ZooKeeperServerOptions, 'dataDir' | 'dataLogDir' | 'saslUsers' | 'onFailure'>
    > &
      Pick<ZooKeeperServerOptions, 'saslUsers' | 'onFailure'>,
    private readonly database: Database,
  ) {
    const { clock } = io;
    this.startedMs = clock.monotonicMs();
    this.sessions = new SessionTracker(clock, options.tickTime, serverId, (id) => this.expire(id));
    this.processor = new RequestProcessor(database, clock, logger, 4 * options.juteMaxBuffer);
    for (const [id, timeout] of database.sessions) this.sessions.restore(id, timeout);
    this.connectionHost = this.makeConnectionHost();
  }

  /**
   * Loads the files and listens. Rejects when the directory is in use or damaged, or the address cannot be listened on.
   */
  static async start(io: Io, logger: Logger, options: ZooKeeperServerOptions = {}): Promise<ZooKeeperServer> {
    const tickTime = options.tickTime ?? 3000;
    const all = {
      host: options.host ?? '127.0.0.1',
      port: options.port ?? 0,
      tickTime,
      minSessionTimeout: options.minSessionTimeout ?? 2 * tickTime,
      maxSessionTimeout: options.maxSessionTimeout ?? 20 * tickTime,
      maxClientCnxns: options.maxClientCnxns ?? 60,
      juteMaxBuffer: options.juteMaxBuffer ?? defaultJuteMaxBuffer,
      snapCount: options.snapCount ?? 100_000,
      forceSync: options.forceSync ?? true,
      snapRetainCount: Math.max(3, options.snapRetainCount ?? 3),
      purgeIntervalMs: options.purgeIntervalMs ?? 0,
      fourLetterWords: options.fourLetterWords ?? defaultWords,
      containerCheckIntervalMs: options.containerCheckIntervalMs ?? 60_000,
      saslUsers: options.saslUsers,
      enforcedSchemes: options.enforcedSchemes ?? [],
      onFailure: options.onFailure,
    };
    if (all.enforcedSchemes.includes('sasl') && all.saslUsers === undefined) {
      throw new Error(
        'Clients have to log in by SASL, but there is no user: a JAAS file with a section Server has them.',
      );
    }
    if (all.minSessionTimeout > all.maxSessionTimeout) {
      throw new Error(
        `minSessionTimeout ${all.minSessionTimeout} is above maxSessionTimeout ${all.maxSessionTimeout} (milliseconds).`,
      );
    }
    const { dataDir, dataLogDir } = options;
    const { forceSync, snapCount } = all;
    const database = await Database.open(io.files, logger, { dataDir, dataLogDir, forceSync, snapCount });
    const server = new ZooKeeperServer(io, logger, all, database);
    try {
      await server.listen();
    } catch (error) {
      await server.close();
      throw error;
    }
    return server;
  }

  get host(): string {
    return this.listening!.host;
  }

  get port(): number {
    return this.listening!.port;
  }

  /** `host:port`, as clients take it. */
  get connectString(): string {
    const { host, port } = this;
    const reachable = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
    return reachable.includes(':') ? `[${reachable}]:${port}` : `${reachable}:${port}`;
  }

  /** Expires a session now, as if its client had been silent for its timeout. */
  expireSession(id: bigint): void {
    if (this.sessions.has(id)) this.expire(id);
  }

  /** Cuts the connections of all clients; their sessions stay. */
  disconnectClients(): void {
    for (const connection of [...this.connections]) connection.close();
  }

  /** Sends what is to be sent and stops. Sessions live on in the files. */
  close(): Promise<void> {
    return (this.closing ??= this.stop());
  }

  private async stop(): Promise<void> {
    const failed = this.state === 'failed';
    this.state = 'closing';
    await this.listening?.close();
    this.sessions.close();
    for (const timer of this.timers) timer.cancel();
    await this.flushing?.catch(() => {});
    if (!failed) await this.flushLast();
    this.disconnectClients();
    await this.database.close();
    this.logger.info('ZooKeeper server stopped.');
  }

  private async flushLast(): Promise<void> {
    const deliveries = this.sealAll();
    try {
      await this.database.flush();
      for (const deliver of deliveries) deliver();
    } catch (error) {
      this.logger.error('The last transactions could not be written.', { error });
    }
  }

  private async listen(): Promise<void> {
    const { host, port, containerCheckIntervalMs, purgeIntervalMs, snapRetainCount } = this.options;
    this.listening = await this.io.network.listen({ host, port }, (socket) => this.accept(socket));
    this.every(containerCheckIntervalMs, () => {
      this.processor.reapContainers(containersAtOnce);
      this.schedule();
    });
    if (purgeIntervalMs > 0) {
      this.every(purgeIntervalMs, () => {
        this.database
          .purge(snapRetainCount)
          .catch((error: unknown) => this.logger.warn('Old snapshots and logs could not be purged.', { error }));
      });
    }
    this.logger.info(`ZooKeeper server listens on ${this.listening.host}:${this.listening.port}.`);
  }

  private every(intervalMs: number, run: () => void): void {
    let timer: Timer | undefined;
    const next = () => {
      if (timer !== undefined) this.timers.delete(timer);
      timer = this.io.clock.timer(intervalMs, () => {
        if (this.state !== 'running') return;
        run();
        next();
      });
      this.timers.add(timer);
    };
    next();
  }

  // --- connections

  private accept(socket: Socket): void {
    const { remoteAddress } = socket;
    const { maxClientCnxns } = this.options;
    const count = this.byAddress.get(remoteAddress) ?? 0;
    if (this.state !== 'running' || (maxClientCnxns > 0 && count >= maxClientCnxns)) {
      if (this.state === 'running') {
        this.logger.warn(`Too many connections from ${remoteAddress}: ${count}, maxClientCnxns is ${maxClientCnxns}.`);
      }
      socket.destroy();
      return;
    }
    this.byAddress.set(remoteAddress, count + 1);
    this.connections.add(new ServerConnection(this.connectionHost, socket));
  }

  private makeConnectionHost(): ConnectionHost {
    const { clock, random } = this.io;
    const { saslUsers, enforcedSchemes } = this.options;
    const overloaded = () => {
      const is = this.database.pendingBytes > overloadBytes;
      this.sawOverload ||= is;
      return is;
    };
    return {
      juteMaxBuffer: this.options.juteMaxBuffer,
      sasl: saslUsers && {
        passwordOf: (username) => saslUsers.get(username),
        nonce: () => random.bytes(24).toString('base64'),
      },
      enforcedSchemes,
      stats: this.stats,
      nowMs: () => clock.monotonicMs(),
      wallMs: () => clock.wallMs(),
      timer: (delayMs, fire) => clock.timer(delayMs, fire),
      get overloaded() {
        return overloaded();
      },
      dirty: (connection) => {
        this.dirty.add(connection);
        this.schedule();
      },
      fourLetterWord: (word) =>
        fourLetterWord(word.toString('latin1'), this.options.fourLetterWords, () => this.view()),
      connect: (connection, request, isOldClient) => this.connect(connection, request, isOldClient),
      process: (connection, xid, type, request) => this.process(connection, xid, type, request),
      touch: (connection) => this.sessions.touch(connection.sessionId, connection.sessionTimeout),
      lastZxid: () => this.database.tree.lastProcessedZxid,
      closed: (connection) => this.forget(connection),
      warn: (message) => this.logger.warn(message),
    };
  }

  private forget(connection: ServerConnection): void {
    if (!this.connections.delete(connection)) return;
    const count = this.byAddress.get(connection.remoteAddress)! - 1;
    if (count === 0) this.byAddress.delete(connection.remoteAddress);
    else this.byAddress.set(connection.remoteAddress, count);
    this.database.tree.removeWatcher(connection);
    this.dirty.delete(connection);
    if (this.bySession.get(connection.sessionId) === connection) this.bySession.delete(connection.sessionId);
  }

  // --- sessions

  private connect(connection: ServerConnection, request: ConnectRequest, isOldClient: boolean): void {
    const { lastProcessedZxid } = this.database.tree;
    if (request.lastZxidSeen > lastProcessedZxid) {
      this.logger.warn(
        `Closing ${connection.describe()}: it has seen zxid ${hex(request.lastZxidSeen)}, the last here is ` +
          `${hex(lastProcessedZxid)}. Was it connected to another server, or the data removed?`,
      );
      connection.close();
      return;
    }
    const { minSessionTimeout, maxSessionTimeout } = this.options;
    connection.sessionTimeout = Math.min(Math.max(request.timeOut, minSessionTimeout), maxSessionTimeout);
    const attached = request.sessionId === 0n ? this.openSession(connection) : this.reopenSession(connection, request);
    if (attached) {
      this.bySession.set(connection.sessionId, connection);
      connection.send(
        connectResponse(
          connection.sessionTimeout,
          connection.sessionId,
          sessionPassword(connection.sessionId),
          isOldClient,
        ),
      );
    } else {
      connection.send(connectResponse(0, 0n, Buffer.alloc(16), isOldClient));
      connection.endAfterSending();
    }
  }

  private openSession(connection: ServerConnection): boolean {
    connection.sessionId = this.sessions.create(connection.sessionTimeout);
    this.processor.createSession(connection.sessionId, connection.sessionTimeout);
    return true;
  }

  private reopenSession(connection: ServerConnection, { sessionId, passwd }: ConnectRequest): boolean {
    if (passwd === null || !passwd.equals(sessionPassword(sessionId))) {
      this.logger.warn(`A wrong password for session ${hex(sessionId)} came over ${connection.describe()}.`);
      return false;
    }
    if (!this.sessions.touch(sessionId, connection.sessionTimeout)) {
      this.logger.info(`Session ${hex(sessionId)} of ${connection.describe()} is not known: it has probably expired.`);
      return false;
    }
    this.bySession.get(sessionId)?.close();
    connection.sessionId = sessionId;
    return true;
  }

  private expire(id: bigint): void {
    this.logger.info(`Expiring session ${hex(id)}: nothing was heard from it for its timeout.`);
    this.sessions.remove(id);
    this.processor.closeSession(id, 0);
    this.bySession.get(id)?.close();
    this.schedule();
  }

  // --- requests

  private process(connection: ServerConnection, xid: number, type: number, request: JuteReader): Buffer {
    const reply = this.processor.process(connection, xid, type, request);
    if (type === OpCode.closeSession) this.sessions.remove(connection.sessionId);
    return reply;
  }

  private schedule(): void {
    if (this.scheduled || this.flushing !== undefined || this.state !== 'running') return;
    this.scheduled = true;
    this.io.clock.defer(() => {
      this.scheduled = false;
      if (this.state === 'running') this.endTurn();
    });
  }

  // Everything that was done is made durable, then everything that was answered is sent.
  private endTurn(): void {
    const deliveries = this.sealAll();
    let flushed: Promise<void> | undefined;
    try {
      flushed = this.database.flush();
    } catch (error) {
      this.fail(error);
      return;
    }
    if (flushed === undefined) {
      this.deliver(deliveries);
      return;
    }
    const startMs = this.io.clock.monotonicMs();
    this.flushing = flushed.then(
      () => {
        this.flushing = undefined;
        const tookMs = this.io.clock.monotonicMs() - startMs;
        if (tookMs > slowSyncMs) {
          this.logger.warn(`Writing the transaction log took ${Math.round(tookMs)} ms: clients waited for it.`);
        }
        this.deliver(deliveries);
        if (this.dirty.size > 0 || this.database.pendingBytes > 0) this.schedule();
      },
      (error: unknown) => {
        this.flushing = undefined;
        this.fail(error);
      },
    );
  }

  private sealAll(): (() => void)[] {
    const deliveries: (() => void)[] = [];
    for (const connection of this.dirty) deliveries.push(connection.seal());
    this.dirty.clear();
    return deliveries;
  }

  private deliver(deliveries: readonly (() => void)[]): void {
    for (const deliver of deliveries) deliver();
    if (!this.sawOverload) return;
    this.sawOverload = false;
    for (const connection of [...this.connections]) connection.resumeReading();
  }

  // What was applied is not on disk: nobody may be told of it.
  private fail(error: unknown): void {
    if (this.state !== 'running') return;
    this.state = 'failed';
    this.logger.error('The transaction log cannot be written: stopping, no client is told of what is not on disk.', {
      error,
    });
    this.disconnectClients();
    void this.close()
      .catch((closeError: unknown) => this.logger.error('Stopping failed.', { error: closeError }))
      .then(() => this.options.onFailure?.(error instanceof Error ? error : new Error(String(error))));
  }

  private view(): ServerView {
    const { clock, network } = this.io;
    return {
      database: this.database,
      sessions: this.sessions,
      connections: this.connections,
      stats: this.stats,
      hostname: network.hostname(),
      host: this.host,
      port: this.port,
      tickTime: this.options.tickTime,
      maxClientCnxns: this.options.maxClientCnxns,
      minSessionTimeout: this.options.minSessionTimeout,
      maxSessionTimeout: this.options.maxSessionTimeout,
      uptimeMs: clock.monotonicMs() - this.startedMs,
      wallMs: () => clock.wallMs(),
    };
  }
}

function connectResponse(timeOut: number, sessionId: bigint, passwd: Buffer, isOldClient: boolean): Buffer {
  const to = new JuteWriter(64);
  to.int(0);
  to.int(timeOut);
  to.long(sessionId);
  to.buffer(passwd);
  if (!isOldClient) to.bool(false);
  return to.frame();
}
