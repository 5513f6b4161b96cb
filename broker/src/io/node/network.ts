import * as net from 'node:net';
import { hostname } from 'node:os';
import * as tls from 'node:tls';
import type { HttpHandler } from '../http';
import type {
  ConnectOptions,
  HttpListenOptions,
  Listening,
  ListenOptions,
  Network,
  Socket,
  TlsOptions,
} from '../network';
import { serveHttp } from './http-server';
import { NodeSocket } from './socket';

/** How much one read takes at most. */
const receiveBufferSize = 64 * 1024;

/** A TLS handshake that takes longer is given up. */
const handshakeTimeoutMs = 30_000;

/**
 * The parts of net.Socket that Node has and does not document: a connection that a server accepted is only read into
 * a buffer of ours (`onread`) when its handle gets a new Socket.
 */
interface AcceptedSocket {
  _handle: object | null;
}
interface AdoptOptions extends Omit<net.SocketConstructorOpts, 'handle'> {
  readonly handle: object;
  readonly pauseOnCreate: boolean;
  readonly onread: net.OnReadOpts;
}

export class NodeNetwork implements Network {
  /** Every connection reads into this one: what arrives is consumed before the next read. */
  readonly #receiveBuffer = Buffer.allocUnsafeSlow(receiveBufferSize);

  listen(options: ListenOptions, accept: (socket: Socket) => void): Promise<Listening> {
    // Keep-alive is on as in Kafka, so that a peer that vanished is noticed by the kernel.
    const common = { allowHalfOpen: true, pauseOnConnect: true, noDelay: true, keepAlive: true };
    if (options.tls === undefined) {
      const server = net.createServer(common, (socket) => accept(this.#adopt(socket)));
      return listening(server, options);
    }
    const { verifyPeer } = options.tls;
    const server = tls.createServer({
      ...common,
      // The TLS socket has to read for its handshake; it is paused when it is handed over.
      pauseOnConnect: false,
      ...keys(options.tls),
      requestCert: verifyPeer,
      rejectUnauthorized: verifyPeer,
      handshakeTimeout: handshakeTimeoutMs,
    });
    server.on('secureConnection', (socket) => accept(overTls(socket)));
    server.on('tlsClientError', (error) => options.acceptFailed?.(error));
    return listening(server, options);
  }

  connect(options: ConnectOptions): Promise<Socket> {
    return new Promise((resolve, reject) => {
      const plain = { host: options.host, port: options.port, allowHalfOpen: true, noDelay: true, keepAlive: true };
      let connected: NodeSocket | undefined;
      const socket =
        options.tls === undefined
          ? net.connect({
              ...plain,
              onread: { buffer: this.#receiveBuffer, callback: this.#receiver(() => connected) },
            })
          : tls.connect({ ...plain, ...keys(options.tls), ...identity(options.host, options.tls) });
      const timeout = setTimeout(
        () => socket.destroy(connectTimeout(options)),
        Math.min(Math.max(0, options.timeoutMs), 2 ** 31 - 1),
      );
      const failed = (error?: Error) => {
        clearTimeout(timeout);
        reject(error ?? new Error(`Connection to ${options.host}:${options.port} was closed before it was made.`));
      };
      socket.once('error', failed);
      socket.once('close', failed);
      if (socket instanceof tls.TLSSocket) {
        socket.once('secureConnect', () => {
          clearTimeout(timeout);
          const made = overTls(socket);
          socket.off('error', failed).off('close', failed);
          resolve(made);
        });
      } else {
        socket.pause();
        socket.once('connect', () => {
          clearTimeout(timeout);
          connected = new NodeSocket(socket);
          socket.off('error', failed).off('close', failed);
          resolve(connected);
        });
      }
    });
  }

  serveHttp(options: HttpListenOptions, handler: HttpHandler): Promise<Listening> {
    return serveHttp(options, handler);
  }

  hostname(): string {
    return hostname();
  }

  /** Puts the handle of an accepted connection, which has read nothing yet, under a socket that reads into our buffer. */
  #adopt(accepted: net.Socket): Socket {
    const shell = accepted as unknown as AcceptedSocket;
    const handle = shell._handle;
    if (handle === null) {
      // The peer was quicker; there is nothing to read.
      return new NodeSocket(accepted);
    }
    shell._handle = null;
    let adopted: NodeSocket | undefined = undefined;
    const options: AdoptOptions = {
      handle,
      pauseOnCreate: true,
      allowHalfOpen: true,
      readable: true,
      writable: true,
      onread: { buffer: this.#receiveBuffer, callback: this.#receiver(() => adopted) },
    };
    adopted = new NodeSocket(new net.Socket(options as net.SocketConstructorOpts));
    return adopted;
  }

  #receiver(socket: () => NodeSocket | undefined): (length: number, buffer: Uint8Array) => boolean {
    const bytes = this.#receiveBuffer;
    return (length) => {
      socket()?.received(bytes.subarray(0, length));
      return true;
    };
  }
}

function overTls(socket: tls.TLSSocket): NodeSocket {
  socket.pause();
  const ours = new NodeSocket(socket);
  socket.on('data', (bytes: Buffer) => ours.received(bytes));
  socket.pause();
  return ours;
}

function keys({
  key,
  cert,
  ca,
  pfx,
  passphrase,
  minVersion,
  maxVersion,
  ciphers,
}: TlsOptions): tls.SecureContextOptions {
  return { key, cert, ca, pfx, passphrase, minVersion, maxVersion, ciphers };
}

function identity(host: string, options: TlsOptions): tls.ConnectionOptions {
  const name = options.serverName ?? host;
  return {
    rejectUnauthorized: options.verifyPeer,
    // Server name indication takes no addresses.
    ...(name === '' || net.isIP(name) !== 0 ? {} : { servername: name }),
    checkServerIdentity: (_host, certificate) => (name === '' ? undefined : tls.checkServerIdentity(name, certificate)),
  };
}

function connectTimeout({ host, port, timeoutMs }: ConnectOptions): NodeJS.ErrnoException {
  const error = new Error(`connect ETIMEDOUT ${host}:${port} (no answer in ${timeoutMs} ms)`);
  return Object.assign(error, { code: 'ETIMEDOUT', syscall: 'connect' });
}

function listening(server: net.Server, options: ListenOptions): Promise<Listening> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    const where = options.host === '' ? { port: options.port } : { port: options.port, host: options.host };
    server.listen({ ...where, ...(options.backlog === undefined ? {} : { backlog: options.backlog }) }, () => {
      server.off('error', reject);
      server.on('error', (error) => options.acceptFailed?.(error));
      const { address, port } = server.address() as net.AddressInfo;
      resolve({
        host: address,
        port,
        async close() {
          // The port is free at once; the callback would wait for every connection.
          server.close();
        },
      });
    });
  });
}
