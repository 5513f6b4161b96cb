import type { Io } from '../io/io';
import type { TlsOptions } from '../io/network';
import type { Logger } from '../logging/logger';
import { parseConnectString } from './connect-string';
import type { SaslCredentials } from './digest-md5';
import { encodeRecord, JuteError, type JuteReader, type JuteType } from './jute';
import { isKeeperException, KeeperException } from './keeper-exception';
import { MultiReadRequest, MultiRequest, MultiResponse, type MultiOp, type MultiReadOp } from './multi';
import { multiFailure, type MultiReadResult, type MultiResults } from './multi-ops';
import {
  anyVersion,
  Create2Response,
  CreateMode,
  CreateRequest,
  CreateResponse,
  DeleteRequest,
  ExistsRequest,
  ExistsResponse,
  GetACLRequest,
  GetACLResponse,
  GetChildren2Response,
  GetChildrenRequest,
  GetChildrenResponse,
  GetDataRequest,
  GetDataResponse,
  KeeperCode,
  keeperCodeName,
  OpCode,
  openAcl,
  SetACLRequest,
  SetACLResponse,
  SetDataRequest,
  SetDataResponse,
  SyncRequest,
  type Acl,
  type EventType,
  type Stat,
  type WatcherEvent,
} from './requests';
import { ZooKeeperSession, type AuthInfo, type SessionState } from './session';
import { WatchKind, Watches, type Watcher } from './watches';
import { pathProblem } from './znode-path';

export interface ZooKeeperClientOptions {
  /** `host:port,host:port/chroot`. */
  readonly connectString: string;
  /** Session timeout that is asked for; the server has the last word (`negotiatedTimeoutMs`). */
  readonly sessionTimeoutMs: number;
  /** How long `connect` waits for a server. */
  readonly connectionTimeoutMs: number;
  /** Credentials that every connection begins with. */
  readonly auth?: readonly AuthInfo[];
  /** Who logs in by SASL DIGEST-MD5, on every connection before anything else. @default nobody does */
  readonly sasl?: SaslCredentials;
  /** Connections are over TLS. @default they are plain */
  readonly tls?: TlsOptions;
  /** zookeeper.max.in.flight.requests: requests sent and not answered yet; more wait their turn. */
  readonly maxInFlightRequests?: number;
  /** jute.maxbuffer; the default is Kafka's for its client, 4 MiB. */
  readonly juteMaxBuffer?: number;
}

export interface CreateOptions {
  /** Persistent by default. */
  readonly mode?: CreateMode;
  /** world:anyone with every permission by default. */
  readonly acl?: readonly Acl[];
}

/** A znode's data (null: none was ever given) and Stat. */
export interface DataAndStat {
  readonly data: Buffer | null;
  readonly stat: Stat;
}

/** `connect` has found no server in time. */
export class ZooKeeperClientTimeoutException extends Error {
  override readonly name = 'ZooKeeperClientTimeoutException';
}

/**
 * A ZooKeeper client: one session at a time, requests pipelined and answered in order, one-shot watches that outlive
 * connections. Operations reject with KeeperException; while there is no connection with CONNECTIONLOSS, at once, and
 * so do those that were under way when it was lost (they may have been done, or not): `retryUntilConnected` is for the
 * ones that may be done twice. Paths are inside the chroot.
 */
export class ZooKeeperClient {
  private readonly chroot: string;
  private session: ZooKeeperSession;
  // Those of the session: what is still told of an earlier one must not take them.
  private watches!: Watches;
  private started = false;
  private readonly stateListeners = new Set<(state: SessionState) => void>();
  private readonly deadlineListeners = new Set<() => void>();
  private readonly connectString: string;

  /** Throws for a connect string that is not valid. Nothing is connected before `connect` or `start`. */
  constructor(
    private readonly io: Io,
    private readonly logger: Logger,
    private readonly options: ZooKeeperClientOptions,
  ) {
    this.connectString = options.connectString;
    this.chroot = parseConnectString(options.connectString).chroot;
    this.session = this.newSession(options.auth ?? []);
  }

  get state(): SessionState {
    return this.session.state;
  }

  /** 0n before the first connection of a session. */
  get sessionId(): bigint {
    return this.session.sessionId;
  }

  /** With the id, what a client needs to take this session over. */
  get sessionPassword(): Buffer {
    return this.session.sessionPassword;
  }

  get negotiatedTimeoutMs(): number {
    return this.session.negotiatedTimeoutMs;
  }

  /** `host:port` of the server that requests are sent to, as the connect string has it. */
  get connectedTo(): string | undefined {
    return this.session.connectedTo;
  }

  /** The last zxid that a reply came with. */
  get lastZxid(): bigint {
    return this.session.lastZxid;
  }

  /**
   * The monotonic time until which this session surely lives, whatever the servers do: after it another client may
   * have taken what this one held. -Infinity before the first connection.
   */
  get sessionDeadlineMs(): number {
    return this.session.deadlineMs;
  }

  /** Tells every change of state, as it happens. Returns how to stop it. */
  onState(listener: (state: SessionState) => void): () => void {
    this.stateListeners.add(listener);
    return () => this.stateListeners.delete(listener);
  }

  /**
   * Tells when `sessionDeadlineMs` has passed, once each time: who acts because of an ephemeral node of this session
   * stops now. A server may still know the session (then the state becomes connected again) or not (expired).
   */
  onSessionDeadline(listener: () => void): () => void {
    this.deadlineListeners.add(listener);
    return () => this.deadlineListeners.delete(listener);
  }

  /** Begins to connect, in the background and for as long as it takes. */
  start(): void {
    if (this.started) return;
    this.started = true;
    this.session.start();
  }

  /**
   * Connects and waits for it: rejects with ZooKeeperClientTimeoutException after connectionTimeoutMs (and goes on
   * trying until it is closed), or with KeeperException when the credentials are refused.
   */
  async connect(): Promise<void> {
    this.start();
    await this.waitUntilConnected(this.options.connectionTimeoutMs);
  }

  /** Waits for the state connected. Rejects when the session is over, or with the timeout. */
  waitUntilConnected(timeoutMs = Infinity): Promise<void> {
    return new Promise((resolve, reject) => {
      const check = (): boolean => {
        switch (this.state) {
          case 'connected':
            resolve();
            return true;
          case 'expired':
          case 'authFailed':
          case 'closed':
            reject(this.session.overError(undefined));
            return true;
          default:
            return false;
        }
      };
      if (check()) return;
      const stop = this.onState(() => {
        if (!check()) return;
        stop();
        timer.cancel();
      });
      const timer = this.io.clock.timer(timeoutMs, () => {
        stop();
        reject(
          new ZooKeeperClientTimeoutException(
            `no ZooKeeper server of '${this.connectString}' has taken a session within ${timeoutMs} ms ` +
              `(${this.session.lastFailure}): check that one runs there and can be reached`,
          ),
        );
      });
    });
  }

  /**
   * Does an operation until its outcome is known: on CONNECTIONLOSS it waits for a connection and does it again. The
   * first try may have been done all the same: a create may then fail with NODEEXISTS, a delete with NONODE, a write
   * that gives a version with BADVERSION.
   */
  async retryUntilConnected<T>(operation: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await operation();
      } catch (error) {
        if (!isKeeperException(error, KeeperCode.CONNECTIONLOSS)) throw error;
      }
      await this.waitUntilConnected();
    }
  }

  /**
   * Begins a new session after this one has expired (or its credentials were refused): watches and ephemeral nodes of
   * the old one are gone. The credentials that `addAuth` added go along.
   */
  reconnectAsNewSession(): void {
    if (this.state !== 'expired' && this.state !== 'authFailed') {
      throw new Error(`a new ZooKeeper session is begun after the old one has ended: this one is ${this.state}`);
    }
    this.session = this.newSession(this.session.credentials);
    this.started = true;
    this.session.start();
  }

  /** Ends the session, its ephemeral nodes with it, and the client. */
  async close(): Promise<void> {
    await this.session.close();
  }

  /** Creates the chroot and what is above it, when it is missing; `acl` is asked for by the path from the root. */
  async createChroot(acl: (path: string) => readonly Acl[] = () => openAcl): Promise<void> {
    if (this.chroot === '' || (await this.exists('/')) !== undefined) return;
    for (let end = this.chroot.indexOf('/', 1); ; end = this.chroot.indexOf('/', end + 1)) {
      const path = end === -1 ? this.chroot : this.chroot.slice(0, end);
      const request = { path, data: null, acl: acl(path), flags: CreateMode.persistent };
      try {
        await this.call(OpCode.create, CreateRequest, request, path, CreateResponse, () => {});
      } catch (error) {
        if (!isKeeperException(error, KeeperCode.NODEEXISTS)) throw error;
      }
      if (end === -1) return;
    }
  }

  /** Creates a znode; returns its path, which is longer than what was asked for when the mode is sequential. */
  async create(path: string, data: Buffer | null, options: CreateOptions = {}): Promise<string> {
    const request = this.createRequest(path, data, options);
    return this.call(OpCode.create, CreateRequest, request, path, CreateResponse, (response) =>
      this.clientPath(response.path),
    );
  }

  /** As `create`; returns the Stat, too. */
  async create2(path: string, data: Buffer | null, options: CreateOptions = {}): Promise<{ path: string; stat: Stat }> {
    const request = this.createRequest(path, data, options);
    return this.call(OpCode.create2, CreateRequest, request, path, Create2Response, (response) => ({
      path: this.clientPath(response.path),
      stat: response.stat,
    }));
  }

  async delete(path: string, version: number = anyVersion): Promise<void> {
    return this.call(OpCode.delete, DeleteRequest, { path: this.serverPath(path), version }, path, nothing, () => {});
  }

  /** The Stat, or undefined when nothing is there. The watcher hears of creation, of data, or of deletion. */
  async exists(path: string, watcher?: Watcher): Promise<Stat | undefined> {
    const request = { path: this.serverPath(path), watch: watcher !== undefined };
    const { watches } = this;
    return new Promise((resolve, reject) => {
      this.submit(OpCode.exists, encodeRecord(ExistsRequest, request), path, reject, (err, body) => {
        if (err === KeeperCode.NONODE) {
          if (watcher !== undefined) watches.add(WatchKind.exist, request.path, watcher);
          resolve(undefined);
          return;
        }
        if (err !== KeeperCode.OK) throw new KeeperException(err, path);
        const { stat } = ExistsResponse.read(body);
        if (watcher !== undefined) watches.add(WatchKind.data, request.path, watcher);
        resolve(stat);
      });
    });
  }

  async getData(path: string, watcher?: Watcher): Promise<DataAndStat> {
    const request = { path: this.serverPath(path), watch: watcher !== undefined };
    const { watches } = this;
    return this.call(OpCode.getData, GetDataRequest, request, path, GetDataResponse, (response) => {
      if (watcher !== undefined) watches.add(WatchKind.data, request.path, watcher);
      return response;
    });
  }

  /** Rejects with BADVERSION when the data's version is another. */
  async setData(path: string, data: Buffer | null, version: number = anyVersion): Promise<Stat> {
    const request = { path: this.serverPath(path), data, version };
    return this.call(OpCode.setData, SetDataRequest, request, path, SetDataResponse, (response) => response.stat);
  }

  /** Names of the children, in no order. */
  async getChildren(path: string, watcher?: Watcher): Promise<readonly string[]> {
    const request = { path: this.serverPath(path), watch: watcher !== undefined };
    const { watches } = this;
    return this.call(OpCode.getChildren, GetChildrenRequest, request, path, GetChildrenResponse, (response) => {
      if (watcher !== undefined) watches.add(WatchKind.child, request.path, watcher);
      return response.children;
    });
  }

  /** As `getChildren`; the Stat, too. */
  async getChildren2(path: string, watcher?: Watcher): Promise<GetChildren2Response> {
    const request = { path: this.serverPath(path), watch: watcher !== undefined };
    const { watches } = this;
    return this.call(OpCode.getChildren2, GetChildrenRequest, request, path, GetChildren2Response, (response) => {
      if (watcher !== undefined) watches.add(WatchKind.child, request.path, watcher);
      return response;
    });
  }

  async getACL(path: string): Promise<GetACLResponse> {
    const request = { path: this.serverPath(path) };
    return this.call(OpCode.getACL, GetACLRequest, request, path, GetACLResponse, (response) => response);
  }

  /** `aversion`: the ACL's version. */
  async setACL(path: string, acl: readonly Acl[], aversion: number = anyVersion): Promise<Stat> {
    const request = { path: this.serverPath(path), acl, version: aversion };
    return this.call(OpCode.setACL, SetACLRequest, request, path, SetACLResponse, (response) => response.stat);
  }

  /** Brings the server that this client is connected to up to what the leader has done when it is asked. */
  async sync(path: string): Promise<void> {
    return this.call(OpCode.sync, SyncRequest, { path: this.serverPath(path) }, path, nothing, () => {});
  }

  /**
   * Does all of the operations or none (multi-ops.ts makes them); the results stand in their order. Rejects with
   * MultiException, which names the operation that failed.
   */
  async multi<const Ops extends readonly MultiOp[]>(ops: Ops): Promise<MultiResults<Ops>> {
    const served = ops.map((op) => this.servedOp(op));
    const path = ops[0]?.request.path;
    const results = await this.callMulti(OpCode.multi, encodeRecord(MultiRequest, served), path, ops.length);
    const failure = multiFailure(ops, results);
    if (failure !== undefined) throw failure;
    return results.map((result) =>
      result.response !== null && 'path' in result.response
        ? { ...result.response, path: this.clientPath(result.response.path) }
        : result.response,
    ) as unknown as MultiResults<Ops>;
  }

  /** Reads of one moment. Each has its own outcome: a result, or the KeeperException. */
  async multiRead<const Ops extends readonly MultiReadOp[]>(
    ops: Ops,
  ): Promise<{ readonly [K in keyof Ops]: MultiReadResult<Ops[K]> }> {
    const served = ops.map(
      (op) => ({ type: op.type, request: { ...op.request, path: this.serverPath(op.request.path) } }) as MultiReadOp,
    );
    const path = ops[0]?.request.path;
    const results = await this.callMulti(OpCode.multiRead, encodeRecord(MultiReadRequest, served), path, ops.length);
    return results.map((result, i) =>
      result.type === OpCode.error ? new KeeperException(result.response.err, ops[i]!.request.path) : result.response,
    ) as unknown as { readonly [K in keyof Ops]: MultiReadResult<Ops[K]> };
  }

  /**
   * Adds credentials to this and every later connection; for scheme `digest`, `auth` is `user:password`. Resolves when
   * a server has taken them. When it refuses them the session ends (authFailed).
   */
  addAuth(scheme: string, auth: Buffer | string): Promise<void> {
    return new Promise((resolve, reject) =>
      this.session.addAuth({ scheme, auth: Buffer.from(auth) }, { done: resolve, failed: reject }),
    );
  }

  private newSession(auth: readonly AuthInfo[]): ZooKeeperSession {
    const watches = new Watches();
    this.watches = watches;
    return new ZooKeeperSession(
      this.io,
      this.logger,
      {
        servers: parseConnectString(this.connectString).servers,
        sessionTimeoutMs: this.options.sessionTimeoutMs,
        auth,
        sasl: this.options.sasl,
        tls: this.options.tls,
        maxInFlightRequests: this.options.maxInFlightRequests ?? 10,
        juteMaxBuffer: this.options.juteMaxBuffer ?? 4 * 1024 * 1024,
      },
      {
        state: (state) => this.tell(this.stateListeners, (listener) => listener(state)),
        notification: (event) => this.notified(watches, event),
        watchesToRestore: (lastZxid) => watches.toRestore(lastZxid),
        deadlinePassed: () => this.tell(this.deadlineListeners, (listener) => listener()),
      },
    );
  }

  private notified(watches: Watches, event: WatcherEvent): void {
    const path = this.clientPath(event.path);
    const watched = { type: event.type as EventType, path };
    this.tell(watches.take(event.type, event.path), (watcher) => watcher(watched));
  }

  private tell<T>(listeners: ReadonlySet<T>, call: (listener: T) => void): void {
    for (const listener of [...listeners]) {
      try {
        call(listener);
      } catch (error) {
        this.logger.error('A listener to ZooKeeper has failed: it misses this event.', { error });
      }
    }
  }

  private createRequest(path: string, data: Buffer | null, options: CreateOptions): CreateRequest {
    const mode = options.mode ?? CreateMode.persistent;
    return { path: this.serverPath(path, isSequential(mode)), data, acl: options.acl ?? openAcl, flags: mode };
  }

  private servedOp(op: MultiOp): MultiOp {
    const sequential = 'flags' in op.request && isSequential(op.request.flags);
    return { type: op.type, request: { ...op.request, path: this.serverPath(op.request.path, sequential) } } as MultiOp;
  }

  private call<Request, Response, Result>(
    opCode: OpCode,
    requestType: JuteType<Request>,
    request: Request,
    path: string,
    responseType: JuteType<Response>,
    result: (response: Response) => Result,
  ): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.submit(opCode, encodeRecord(requestType, request), path, reject, (err, body) => {
        if (err !== KeeperCode.OK) throw new KeeperException(err, path);
        resolve(result(responseType.read(body)));
      });
    });
  }

  private callMulti(opCode: OpCode, body: Buffer, path: string | undefined, count: number) {
    return new Promise<ReturnType<typeof MultiResponse.read>>((resolve, reject) => {
      this.submit(opCode, body, path, reject, (err, from) => {
        // A server that fails before the operations (no such session, say) sends no results.
        if (err !== KeeperCode.OK && from.remaining === 0) throw new KeeperException(err, path);
        const results = MultiResponse.read(from);
        if (results.length !== count) {
          throw new JuteError(`${count} operations were answered with ${results.length} results`);
        }
        resolve(results);
      });
    });
  }

  private submit(
    opCode: OpCode,
    body: Buffer,
    path: string | undefined,
    reject: (error: Error) => void,
    done: (err: number, body: JuteReader) => void,
  ): void {
    this.session.submit(opCode, body, path, {
      done: (err, from) => {
        try {
          done(err, from);
        } catch (error) {
          if (!(error instanceof JuteError)) return reject(error as Error);
          const what = `${keeperCodeName(KeeperCode.MARSHALLINGERROR)} for ${path}: the reply is not valid`;
          reject(new KeeperException(KeeperCode.MARSHALLINGERROR, path, `${what}: ${error.message}`));
        }
      },
      failed: reject,
    });
  }

  private serverPath(path: string, sequential = false): string {
    const problem = pathProblem(path, sequential);
    if (problem !== undefined) {
      throw new KeeperException(KeeperCode.BADARGUMENTS, path, `the znode path '${path}' ${problem}`);
    }
    if (this.chroot === '') return path;
    return path === '/' ? this.chroot : this.chroot + path;
  }

  private clientPath(path: string): string {
    if (this.chroot === '' || !path.startsWith(this.chroot)) return path;
    return path.length === this.chroot.length ? '/' : path.slice(this.chroot.length);
  }
}

const nothing: JuteType<void> = { minBytes: 0, write() {}, read() {} };

function isSequential(mode: number): boolean {
  return (
    mode === CreateMode.persistentSequential ||
    mode === CreateMode.ephemeralSequential ||
    mode === CreateMode.persistentSequentialWithTTL
  );
}
