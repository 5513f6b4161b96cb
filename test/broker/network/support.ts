import * as net from 'node:net';
import type { LogFields, Logger } from '../../../broker/src/logging/logger';
import { nodeIo } from '../../../broker/src/io/node';
import { SocketServer, type SocketServerOptions } from '../../../broker/src/network/socket-server';

const cleanups: (() => unknown)[] = [];

/** Undoes what the helpers here made, the last first. */
export async function tidy(): Promise<void> {
  for (const cleanup of cleanups.splice(0).reverse()) {
    await cleanup();
  }
}

export function later(cleanup: () => unknown): void {
  cleanups.push(cleanup);
}

/** A logger that keeps its lines, as `LEVEL message`. */
export function recordingLogger(): { logger: Logger; lines: string[]; line: (part: string) => Promise<string> } {
  const lines: string[] = [];
  const waiting: { part: string; resolve: (line: string) => void }[] = [];
  const log = (level: string) => (message: string, _fields?: LogFields) => {
    const line = `${level} ${message}`;
    lines.push(line);
    for (const { part, resolve } of waiting) {
      if (line.includes(part)) resolve(line);
    }
  };
  const logger: Logger = {
    debug: log('DEBUG'),
    info: log('INFO'),
    warn: log('WARN'),
    error: log('ERROR'),
    child: () => logger,
  };
  /** The first line with this in it, when it comes. */
  const line = (part: string): Promise<string> => {
    const there = lines.find((each) => each.includes(part));
    return there === undefined ? new Promise((resolve) => waiting.push({ part, resolve })) : Promise.resolve(there);
  };
  return { logger, lines, line };
}

export const endPoint = {
  listenerName: 'PLAINTEXT',
  host: '127.0.0.1',
  port: 0,
  securityProtocol: 'PLAINTEXT',
} as const;

export async function startServer(options: Partial<SocketServerOptions> & Pick<SocketServerOptions, 'handle'>) {
  const log = recordingLogger();
  const server = new SocketServer(nodeIo(), log.logger, { endPoints: [endPoint], supports: () => true, ...options });
  await server.listen();
  later(() => server.close());
  return { server, port: server.listening('PLAINTEXT')?.port ?? 0, ...log };
}

/** A request whose body, after a header with client id "test", is `body`. */
export function frameOf(apiKey: number, apiVersion: number, correlationId: number, body = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(4 + 8 + 2 + 4);
  head.writeInt32BE(head.length - 4 + body.length, 0);
  head.writeInt16BE(apiKey, 4);
  head.writeInt16BE(apiVersion, 6);
  head.writeInt32BE(correlationId, 8);
  head.writeInt16BE(4, 12);
  head.write('test', 14);
  return Buffer.concat([head, body]);
}

/** A client that only knows bytes. */
export class RawClient {
  readonly socket: net.Socket;
  readonly closed: Promise<void>;
  /** Whether the other side has ended. */
  isClosed = false;
  #received: Buffer = Buffer.alloc(0);
  #parts: Buffer[] = [];
  #length = 0;
  #wanted: { length: number; resolve: (bytes: Buffer) => void; reject: (error: Error) => void } | undefined;

  constructor(socket: net.Socket) {
    this.socket = socket;
    later(() => socket.destroy());
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      this.#parts.push(bytes);
      this.#length += bytes.length;
      this.#deliver();
    });
    this.closed = new Promise((resolve) =>
      socket.on('close', () => {
        this.isClosed = true;
        this.#wanted?.reject(new Error(`closed with ${this.#length} of ${this.#wanted.length} bytes received`));
        resolve();
      }),
    );
  }

  static connect(port: number, options: Partial<net.TcpNetConnectOpts> = {}): Promise<RawClient> {
    return new Promise((resolve, reject) => {
      const socket = net.connect({ port, host: '127.0.0.1', noDelay: true, ...options });
      socket.once('error', reject);
      socket.once('connect', () => resolve(new RawClient(socket)));
    });
  }

  send(bytes: Buffer): void {
    this.socket.write(bytes);
  }

  /** The next `length` bytes. */
  read(length: number): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      this.#wanted = { length, resolve, reject };
      this.#deliver();
      if (this.#wanted !== undefined && this.isClosed) reject(new Error('closed'));
    });
  }

  /** The next frame, without its length prefix. */
  async readFrame(): Promise<Buffer> {
    return this.read((await this.read(4)).readInt32BE(0));
  }

  #deliver(): void {
    const wanted = this.#wanted;
    if (wanted === undefined || this.#length < wanted.length) return;
    this.#received = Buffer.concat(this.#parts);
    this.#wanted = undefined;
    this.#parts = [this.#received.subarray(wanted.length)];
    this.#length -= wanted.length;
    wanted.resolve(this.#received.subarray(0, wanted.length));
  }
}
