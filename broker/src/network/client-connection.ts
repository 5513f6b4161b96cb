import type { Timer } from '../io/clock';
import type { Io } from '../io/io';
import type { Socket, SocketHandler, TlsOptions } from '../io/network';
import { type Api, Apis, ApiKey } from '../protocol/api-keys';
import { toBuffer } from '../protocol/codec';
import { ErrorCode, errorName } from '../protocol/errors';
import { decodeResponse, encodeRequest, responseCorrelationId } from '../protocol/headers';
import type { InputOf, MessageOf } from '../protocol/schema';
import type { BufferPool } from './buffer-pool';
import { type Frame, FrameAssembler } from './frame-assembler';

export interface ClientConnectionOptions {
  readonly host: string;
  readonly port: number;
  readonly clientId: string | null;
  /** @default 30000 */
  readonly connectTimeoutMs?: number;
  /** How long an answer may take. @default 30000 */
  readonly requestTimeoutMs?: number;
  /** A longer answer closes the connection. @default 209715200 */
  readonly maxResponseBytes?: number;
  readonly tls?: TlsOptions;
  /** Where the memory of responses comes from; each one is to be given back with `release`. */
  readonly pool?: BufferPool;
}

/** The connection is gone, and every request that had no answer with it; whether the broker acted on them is open. */
export class DisconnectedError extends Error {
  override readonly name: string = 'DisconnectedError';
}

/** The broker has no version of an API that we know, or the other way round. */
export class UnsupportedVersionError extends Error {
  override readonly name = 'UnsupportedVersionError';
}

interface Outstanding {
  readonly api: Api;
  readonly version: number;
  readonly correlationId: number;
  readonly timer: Timer;
  resolve(response: unknown): void;
  reject(error: Error): void;
}

interface VersionRange {
  readonly minVersion: number;
  readonly maxVersion: number;
}

/**
 * A client's connection to one broker: requests by schema, any number of them on the way, answered in the order of
 * sending. Whatever goes wrong with it (an answer that is late, too long, unreadable, or out of order) closes it, and
 * rejects every outstanding request with a DisconnectedError that says why.
 */
export class ClientConnection implements SocketHandler {
  readonly host: string;
  readonly port: number;
  /** Resolves when the connection is closed, with the reason. */
  readonly whenClosed: Promise<DisconnectedError>;
  readonly #io: Io;
  readonly #socket: Socket;
  readonly #options: ClientConnectionOptions;
  readonly #assembler: FrameAssembler;
  /** By response: the memory that its byte fields are slices of. */
  readonly #backings = new WeakMap<object, Buffer>();
  #outstanding: Outstanding[] = [];
  #versions: ReadonlyMap<number, VersionRange> | undefined;
  #nextCorrelationId = 0;
  #failure: DisconnectedError | undefined;
  #tellClosed!: (reason: DisconnectedError) => void;

  private constructor(io: Io, socket: Socket, options: ClientConnectionOptions) {
    this.host = options.host;
    this.port = options.port;
    this.#io = io;
    this.#socket = socket;
    this.#options = options;
    this.#assembler = new FrameAssembler({
      largest: options.maxResponseBytes ?? 209715200,
      limitName: 'the longest response',
      ...(options.pool === undefined ? {} : { pool: options.pool, poolsAll: true }),
    });
    this.whenClosed = new Promise((resolve) => (this.#tellClosed = resolve));
    socket.handle(this);
  }

  /** Connects, and asks for nothing yet. Rejects with the system's error. */
  static async connect(io: Io, options: ClientConnectionOptions): Promise<ClientConnection> {
    const { host, port, tls, connectTimeoutMs = 30_000 } = options;
    const socket = await io.network.connect({
      host,
      port,
      timeoutMs: connectTimeoutMs,
      ...(tls === undefined ? {} : { tls }),
    });
    return new ClientConnection(io, socket, options);
  }

  /** Requests without an answer. */
  get inFlight(): number {
    return this.#outstanding.length;
  }

  /** Bytes of requests that the kernel has not taken. */
  get pendingBytes(): number {
    return this.#socket.pendingBytes;
  }

  get isClosed(): boolean {
    return this.#failure !== undefined;
  }

  /** The address at this end. */
  get localAddress(): string {
    return this.#socket.localAddress;
  }

  /**
   * Sends a request and gives its response. An input that the version cannot carry rejects with a ProtocolError and
   * leaves the connection as it is. Byte fields of the request must not change until it is answered.
   */
  send<A extends Api>(
    api: A,
    version: number,
    input: InputOf<A['request']>,
    timeoutMs = this.#options.requestTimeoutMs ?? 30_000,
  ): Promise<MessageOf<A['response']>> {
    return new Promise((resolve, reject) => {
      const correlationId = this.#write(api, version, input);
      const timer = this.#io.clock.timer(timeoutMs, () =>
        this.#fail(`${api.name} was not answered in ${timeoutMs} ms`),
      );
      const settle = resolve as (response: unknown) => void;
      this.#outstanding.push({ api, version, correlationId, timer, resolve: settle, reject });
    });
  }

  /** Sends a request that has no answer: Produce with acks=0. */
  sendOneWay<A extends Api>(api: A, version: number, input: InputOf<A['request']>): void {
    this.#write(api, version, input);
  }

  /**
   * Asks the broker which versions it has; `versionOf` knows them from then on.
   * Rejects with an UnsupportedVersionError if it has none of ApiVersions itself that we know.
   */
  async negotiate(): Promise<ReadonlyMap<number, VersionRange>> {
    const api = Apis.ApiVersions;
    const software = { clientSoftwareName: 'odradek', clientSoftwareVersion: '0.1.0' };
    let response = await this.send(api, api.maxVersion, software);
    if (response.errorCode === ErrorCode.UNSUPPORTED_VERSION) {
      const theirs = response.apiKeys.find(({ apiKey }) => apiKey === ApiKey.ApiVersions)?.maxVersion ?? 0;
      response = await this.send(api, Math.max(0, Math.min(theirs, api.maxVersion)), software);
    }
    if (response.errorCode !== ErrorCode.NONE) {
      const error = new UnsupportedVersionError(
        `${this.host}:${this.port} answered ApiVersions with ${errorName(response.errorCode)}.`,
      );
      throw error;
    }
    this.#versions = new Map(response.apiKeys.map((each) => [each.apiKey, each]));
    return this.#versions;
  }

  /**
   * The newest version of an API that both ends have, at most `atMost`. Before `negotiate` it is our newest.
   * @throws UnsupportedVersionError
   */
  versionOf(api: Api, atMost = Infinity): number {
    if (this.#versions === undefined) {
      return Math.min(api.maxVersion, atMost);
    }
    const theirs = this.#versions.get(api.key);
    const version = Math.min(api.maxVersion, atMost, theirs?.maxVersion ?? -1);
    if (theirs === undefined || version < Math.max(api.minVersion, theirs.minVersion)) {
      const they = theirs === undefined ? 'none' : `versions ${theirs.minVersion} to ${theirs.maxVersion}`;
      const ours = `${api.minVersion} to ${Math.min(api.maxVersion, atMost)}`;
      throw new UnsupportedVersionError(`${this.host}:${this.port} has ${they} of ${api.name}; needed is ${ours}.`);
    }
    return version;
  }

  /** With a pool: nobody looks at the response's bytes any more. Without one, or a second time, it does nothing. */
  release(response: object): void {
    const backing = this.#backings.get(response);
    if (backing === undefined) return;
    this.#backings.delete(response);
    this.#options.pool?.release(backing);
  }

  /** Closes at once; outstanding requests reject. */
  close(): void {
    this.#fail('it was closed on this side');
  }

  // SocketHandler

  data(bytes: Buffer): void {
    try {
      let offset = 0;
      while (offset < bytes.length && this.#failure === undefined) {
        offset = this.#assembler.feed(bytes, offset);
        if (this.#assembler.complete) {
          this.#answer(this.#assembler.take());
        }
      }
    } catch (error) {
      this.#fail(error instanceof Error ? error.message : String(error));
    }
  }

  drained(): void {}

  ended(): void {
    this.#fail('the broker closed it');
  }

  closed(error?: Error): void {
    this.#fail(error === undefined ? 'the broker closed it' : error.message);
  }

  #write<A extends Api>(api: A, version: number, input: InputOf<A['request']>): number {
    if (this.#failure !== undefined) {
      throw this.#failure;
    }
    const correlationId = this.#nextCorrelationId;
    const chunks = encodeRequest(api, version, correlationId, this.#options.clientId, input);
    const buffers = chunks.every((chunk) => Buffer.isBuffer(chunk)) ? chunks : [toBuffer(api.name, chunks)];
    this.#nextCorrelationId = correlationId === 0x7fffffff ? 0 : correlationId + 1;
    this.#socket.write(buffers);
    return correlationId;
  }

  #answer({ body: frame, backing }: Frame): void {
    const outstanding = this.#outstanding[0];
    const correlationId = responseCorrelationId(frame);
    if (outstanding?.correlationId !== correlationId) {
      const awaited = outstanding === undefined ? 'no request is outstanding' : `${outstanding.correlationId} is next`;
      this.#fail(`it answered request ${correlationId}, and ${awaited}`);
      return;
    }
    const { api, timer } = outstanding;
    const response: object = decodeResponse(api, answerVersion(outstanding, frame), frame);
    if (backing !== undefined) this.#backings.set(response, backing);
    this.#outstanding.shift();
    timer.cancel();
    outstanding.resolve(response);
  }

  #fail(reason: string): void {
    if (this.#failure !== undefined) {
      return;
    }
    const failure = new DisconnectedError(`The connection to ${this.host}:${this.port} is closed: ${reason}.`);
    this.#failure = failure;
    this.#assembler.abandon();
    this.#socket.destroy();
    for (const { timer, reject } of this.#outstanding.splice(0)) {
      timer.cancel();
      reject(failure);
    }
    this.#tellClosed(failure);
  }
}

/** A broker that does not have a version of ApiVersions says so in version 0. */
function answerVersion({ api, version }: Outstanding, frame: Buffer): number {
  const refused =
    api.key === ApiKey.ApiVersions && frame.length >= 6 && frame.readInt16BE(4) === ErrorCode.UNSUPPORTED_VERSION;
  return refused ? 0 : version;
}

/** Asks the broker for its versions; a connection on which that fails is closed. */
export async function negotiateOrClose<C extends Pick<ClientConnection, 'negotiate' | 'close'>>(
  connection: C,
): Promise<C> {
  try {
    await connection.negotiate();
    return connection;
  } catch (error) {
    connection.close();
    throw error;
  }
}
