import { once } from 'node:events';
import net from 'node:net';

/** A connection that sends any bytes, and hears the frames of answers. */
export class RawConnection implements Disposable {
  readonly #socket: net.Socket;
  #received = Buffer.alloc(0);
  #frames: Buffer[] = [];
  #waiting: (() => void)[] = [];
  isClosed = false;

  private constructor(socket: net.Socket) {
    this.#socket = socket;
    socket.on('data', (bytes) => {
      this.#received = this.#received.length === 0 ? bytes : Buffer.concat([this.#received, bytes]);
      let at = 0;
      while (this.#received.length - at >= 4) {
        const end = at + 4 + this.#received.readInt32BE(at);
        if (this.#received.length < end) break;
        this.#frames.push(this.#received.subarray(at + 4, end));
        at = end;
      }
      this.#received = this.#received.subarray(at);
      this.#wake();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.isClosed = true;
      this.#wake();
    });
  }

  static async connect(bootstrapServers: string): Promise<RawConnection> {
    const [host, port] = bootstrapServers.split(':');
    const socket = net.connect({ host, port: Number(port), noDelay: true });
    await once(socket, 'connect');
    return new RawConnection(socket);
  }

  send(...buffers: readonly Buffer[]): void {
    for (const buffer of buffers) if (!this.#socket.destroyed) this.#socket.write(buffer);
  }

  /** Sends nothing more. */
  end(): void {
    this.#socket.end();
  }

  /** The next answer, without its length; `undefined` when the broker has closed the connection. */
  async next(): Promise<Buffer | undefined> {
    while (this.#frames.length === 0 && !this.isClosed) await new Promise<void>((wake) => this.#waiting.push(wake));
    return this.#frames.shift();
  }

  /** Answers that have come and were not asked for. */
  take(): Buffer[] {
    return this.#frames.splice(0);
  }

  async closed(): Promise<void> {
    while (!this.isClosed) await new Promise<void>((wake) => this.#waiting.push(wake));
  }

  /** Resolves when something has come, or the connection has gone. */
  heard(): Promise<void> {
    return new Promise((wake) => this.#waiting.push(wake));
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}

/** Bytes with their length before them. */
export function framed(body: Buffer, claimed = body.length): Buffer {
  const frame = Buffer.alloc(4 + body.length);
  frame.writeInt32BE(claimed, 0);
  body.copy(frame, 4);
  return frame;
}

/** A request's header up to version 1, and what follows. */
export function rawRequest(apiKey: number, apiVersion: number, correlationId: number, body = Buffer.alloc(0)): Buffer {
  const header = Buffer.alloc(10);
  header.writeInt16BE(apiKey, 0);
  header.writeInt16BE(apiVersion, 2);
  header.writeInt32BE(correlationId, 4);
  // No client id.
  header.writeInt16BE(-1, 8);
  return Buffer.concat([header, body]);
}
