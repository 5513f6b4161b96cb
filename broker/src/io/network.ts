import type { HttpHandler } from './http';

/** TLS versions by Java's names, which Node has, too. */
export type TlsVersion = 'TLSv1' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3';

/** TLS material, PEM. */
export interface TlsOptions {
  readonly key?: string | Buffer;
  readonly cert?: string | Buffer;
  readonly ca?: string | Buffer;
  /** PKCS #12: key and certificates in place of `key` and `cert`. */
  readonly pfx?: Buffer;
  /** Of `key` or `pfx`. */
  readonly passphrase?: string;
  readonly minVersion?: TlsVersion;
  readonly maxVersion?: TlsVersion;
  /** Of OpenSSL, separated by colons. */
  readonly ciphers?: string;
  /** Server: ask for a client certificate; client: check the server's. */
  readonly verifyPeer: boolean;
  /** Client: name that the server's certificate must have (empty: none). */
  readonly serverName?: string;
}

/** What a socket tells its owner. Set before the first turn of the loop after it was handed over. */
export interface SocketHandler {
  /**
   * Bytes that arrived. They lie in a receive buffer that is used again after this call returns: what is kept must be
   * copied.
   */
  data(bytes: Buffer): void;
  /** After `write` returned false: everything is with the kernel. */
  drained(): void;
  /** The peer has ended its side; nothing more will arrive. Writing still works: the owner ends its own side. */
  ended(): void;
  /** Once, last; `error` when it was not an orderly close. */
  closed(error?: Error): void;
}

/** A connected stream socket (TCP, no Nagle delay; or TLS over it). */
export interface Socket {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
  handle(handler: SocketHandler): void;
  /**
   * Sends the buffers in order. True: the kernel has taken everything, the buffers are the caller's again. False: they
   * belong to the socket until `sent` is called (or the socket closed), and `drained` follows when nothing is pending.
   */
  write(buffers: readonly Uint8Array[], sent?: () => void): boolean;
  /** Bytes handed to `write` that the kernel has not taken yet. */
  readonly pendingBytes: number;
  /** Stops and restarts reading: while paused what arrives waits in the kernel. */
  pause(): void;
  resume(): void;
  /** Sends what is pending, then closes. */
  end(): void;
  /** Sends what is pending, then ends this side. What the peer sends still arrives; closed when it has ended its side. */
  endWriting(): void;
  /** Closes at once. */
  destroy(): void;
}

/** A listening socket. */
export interface Listening {
  readonly host: string;
  readonly port: number;
  /** Takes no new connections; those that were accepted stay. */
  close(): Promise<void>;
}

export interface ListenOptions {
  /** Address or name; empty: every address of this machine. */
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  readonly tls?: TlsOptions;
  readonly backlog?: number;
  /** A connection that could not be accepted: no file descriptors, a failed TLS handshake. Listening goes on. */
  readonly acceptFailed?: (error: Error) => void;
}

export interface ConnectOptions {
  readonly host: string;
  readonly port: number;
  readonly timeoutMs: number;
  readonly tls?: TlsOptions;
}

export interface HttpListenOptions {
  readonly host: string;
  readonly port: number;
}

export interface Network {
  /** Rejects with the system's error (EADDRINUSE, EACCES, EADDRNOTAVAIL) when it cannot. */
  listen(options: ListenOptions, accept: (socket: Socket) => void): Promise<Listening>;
  /** Rejects with the system's error (ECONNREFUSED, ENOTFOUND, …), or ETIMEDOUT after `timeoutMs`. */
  connect(options: ConnectOptions): Promise<Socket>;
  /** A small http server, for probes and metrics. A handler that throws is answered with 500. */
  serveHttp(options: HttpListenOptions, handler: HttpHandler): Promise<Listening>;
  /** This machine's name, as others would call it. */
  hostname(): string;
}
