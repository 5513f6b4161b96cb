import type { Socket as NetSocket } from 'node:net';
import type { Socket, SocketHandler } from '../network';

/** `::ffff:10.0.0.1`, as a dual-stack listener names an IPv4 peer, without its prefix. */
function plainAddress(address: string | undefined): string {
  return (address ?? '').replace(/^::ffff:(?=\d+\.)/i, '');
}

/**
 * A net.Socket or tls.TLSSocket behind our interface. The socket comes paused, with half-open connections allowed;
 * reading starts with the handler.
 */
export class NodeSocket implements Socket {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
  readonly #socket: NetSocket;
  #handler: SocketHandler | undefined;
  #error: Error | undefined;
  #closed = false;
  #blocked = false;

  constructor(socket: NetSocket) {
    this.#socket = socket;
    this.remoteAddress = plainAddress(socket.remoteAddress);
    this.remotePort = socket.remotePort ?? 0;
    this.localAddress = plainAddress(socket.localAddress);
    this.localPort = socket.localPort ?? 0;
    socket.on('error', (error) => {
      this.#error ??= error;
    });
    socket.on('end', () => {
      this.#handler?.ended();
    });
    socket.on('close', () => {
      this.#closed = true;
      this.#handler?.closed(this.#error);
    });
  }

  get pendingBytes(): number {
    return this.#socket.writableLength;
  }

  handle(handler: SocketHandler): void {
    const first = this.#handler === undefined;
    this.#handler = handler;
    if (!first) {
      return;
    }
    if (this.#closed) {
      // It went away before it was taken over.
      process.nextTick(() => handler.closed(this.#error));
      return;
    }
    this.#socket.resume();
  }

  /** Bytes from the kernel; false stops reading (see `onread` of net.Socket). */
  received(bytes: Buffer): void {
    this.#handler?.data(bytes);
  }

  write(buffers: readonly Uint8Array[], sent?: () => void): boolean {
    const socket = this.#socket;
    if (buffers.length === 0) {
      if (sent !== undefined) {
        process.nextTick(sent);
      }
      return socket.writableLength === 0;
    }
    const last = buffers.length - 1;
    if (last > 0) {
      socket.cork();
      for (let index = 0; index < last; index++) {
        socket.write(buffers[index]);
      }
    }
    socket.write(buffers[last], sent === undefined ? this.#written : (error) => this.#writtenAll(error, sent));
    if (last > 0) {
      socket.uncork();
    }
    if (socket.writableLength === 0) {
      return true;
    }
    this.#blocked = true;
    return false;
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  end(): void {
    // It does not wait for the peer's side: a peer that never ends it would keep the connection.
    this.#socket.destroySoon();
  }

  endWriting(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  readonly #written = (): void => {
    if (this.#blocked && this.#socket.writableLength === 0) {
      this.#blocked = false;
      if (!this.#socket.destroyed) {
        this.#handler?.drained();
      }
    }
  };

  #writtenAll(error: Error | null | undefined, sent: () => void): void {
    if (!error) {
      sent();
    }
    this.#written();
  }
}
