import type { Socket, SocketHandler } from '../../../broker/src/io/network';
import { type Link, networkError, type ProcessNetwork, type SimulatedNetwork } from './simulated-network';

type Segment = { readonly kind: 'data'; bytes: Buffer } | { readonly kind: 'end' } | { readonly kind: 'reset' };

interface Flying {
  readonly segment: Segment;
  readonly atMs: number;
}

interface Unsent {
  bytes: Uint8Array;
  readonly sent: (() => void) | undefined;
}

/** What one read takes at most, as in production. */
const receiveBufferSize = 64 * 1024;

/** A new connection between two processes. */
export function connectionOf(
  network: SimulatedNetwork,
  client: ProcessNetwork,
  server: ProcessNetwork,
  port: number,
): { readonly client: SimulatedSocket; readonly server: SimulatedSocket } {
  // Small windows and large ones: back-pressure should not be rare.
  const window = 2 ** network.random.between(12, 18);
  const clientPort = network.port();
  const [here, there] = [client.process.host.address, server.process.host.address];
  const clientSocket = new SimulatedSocket(network, client, window, here, clientPort, there, port);
  const serverSocket = new SimulatedSocket(network, server, window, there, port, here, clientPort);
  clientSocket.connectTo(serverSocket);
  serverSocket.connectTo(clientSocket);
  return { client: clientSocket, server: serverSocket };
}

/**
 * One end of a connection. What is written goes to the kernel as far as the window allows, byte by byte in order; the
 * peer gets it in pieces of any size. The rules are TCP's: a closed end answers with a reset, a paused one is not told of
 * anything, a host that vanished says nothing.
 */
export class SimulatedSocket implements Socket {
  #peer!: SimulatedSocket;
  readonly #there: Link;
  #handler: SocketHandler | undefined;
  #paused = false;
  /** open; closed: by this side or a reset; vanished: with its host. */
  #state: 'open' | 'closed' | 'vanished' = 'open';
  // Sending
  #unsent: Unsent[] = [];
  #unsentBytes = 0;
  #blocked = false;
  #endWanted: 'no' | 'writing' | 'both' = 'no';
  #endSent = false;
  readonly #flying: Flying[] = [];
  #lastArrivalMs = 0;
  #isFlightScheduled = false;
  /** With the kernels and not read by the peer. */
  #inWindow = 0;
  // Receiving
  #arrived: Segment[] = [];
  #isReadScheduled = false;
  #hasSeenEnd = false;

  constructor(
    readonly network: SimulatedNetwork,
    readonly owner: ProcessNetwork,
    readonly window: number,
    readonly localAddress: string,
    readonly localPort: number,
    readonly remoteAddress: string,
    readonly remotePort: number,
  ) {
    this.#there = network.link(localAddress, remoteAddress);
    network.sockets.add(this);
    owner.sockets.add(this);
  }

  connectTo(peer: SimulatedSocket): void {
    this.#peer = peer;
  }

  get peer(): SimulatedSocket {
    return this.#peer;
  }

  get isClosed(): boolean {
    return this.#state !== 'open';
  }

  get pendingBytes(): number {
    return this.#unsentBytes;
  }

  handle(handler: SocketHandler): void {
    const isFirst = this.#handler === undefined;
    this.#handler = handler;
    if (!isFirst) return;
    if (this.isClosed) this.#defer('closed', () => handler.closed());
    else this.#scheduleRead();
  }

  write(buffers: readonly Uint8Array[], sent?: () => void): boolean {
    if (this.isClosed || this.#endWanted !== 'no') return true;
    if (this.#arrived.some(({ kind }) => kind === 'reset')) {
      this.#closeWith(networkError('EPIPE', 'write'));
      return true;
    }
    const last = buffers.length - 1;
    if (last < 0 && sent !== undefined) this.#defer('sent', sent);
    for (let i = 0; i <= last; i++) {
      this.#unsent.push({ bytes: buffers[i], sent: i === last ? sent : undefined });
      this.#unsentBytes += buffers[i].byteLength;
    }
    this.#send();
    if (this.#unsent.length === 0) return true;
    this.#blocked = true;
    return false;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#scheduleRead();
  }

  end(): void {
    if (this.isClosed) return;
    this.#endWanted = 'both';
    this.#endIfSent();
  }

  endWriting(): void {
    if (this.isClosed || this.#endWanted !== 'no') return;
    this.#endWanted = 'writing';
    this.#endIfSent();
  }

  destroy(): void {
    if (this.isClosed) return;
    this.kernelClose();
    this.#tellClosed();
  }

  // --- what happens to it

  /** Both ends are told that the connection is broken: by something on the way. */
  cut(): void {
    for (const end of [this, this.#peer]) {
      if (!end.isClosed) end.#closeWith(networkError('ECONNRESET', 'read'));
    }
  }

  /** Never got to its owner. */
  abort(): void {
    if (!this.isClosed) this.kernelClose();
  }

  /** The kernel closes it for a process that is not there any more, or that wants it closed. */
  kernelClose(): void {
    if (this.#state !== 'open') return;
    this.#close('closed');
    const hasUnread = this.#arrived.some(({ kind }) => kind === 'data');
    this.#arrived = [];
    if (hasUnread) this.#fly({ kind: 'reset' });
    else if (!this.#endSent) this.#fly({ kind: 'end' });
  }

  vanish(): void {
    if (this.#state === 'open') this.#close('vanished');
  }

  // --- sending

  #send(): void {
    while (this.#unsent.length > 0 && this.#inWindow < this.window) {
      const first = this.#unsent[0];
      const count = Math.min(first.bytes.byteLength, this.window - this.#inWindow);
      if (count > 0) {
        // The kernel copies: from now on the bytes are the caller's again.
        this.#fly({ kind: 'data', bytes: Buffer.from(first.bytes.subarray(0, count)) });
        this.#inWindow += count;
        this.#unsentBytes -= count;
        first.bytes = first.bytes.subarray(count);
      }
      if (first.bytes.byteLength > 0) break;
      this.#unsent.shift();
      if (first.sent !== undefined) this.#defer('sent', first.sent);
    }
    if (this.#unsent.length > 0) return;
    if (this.#blocked) {
      this.#blocked = false;
      this.#defer('drained', () => {
        if (!this.isClosed && this.#unsent.length === 0) this.#handler?.drained();
      });
    }
    this.#endIfSent();
  }

  #endIfSent(): void {
    if (this.isClosed || this.#endWanted === 'no' || this.#unsent.length > 0) return;
    if (this.#endWanted === 'both') {
      this.kernelClose();
      this.#tellClosed();
      return;
    }
    if (!this.#endSent) {
      this.#endSent = true;
      this.#fly({ kind: 'end' });
    }
    this.#closeIfBothEnded();
  }

  #closeIfBothEnded(): void {
    if (!this.isClosed && this.#endSent && this.#hasSeenEnd) {
      this.#close('closed');
      this.#tellClosed();
    }
  }

  #fly(segment: Segment): void {
    const { scheduler } = this.network;
    this.#lastArrivalMs = Math.max(this.#lastArrivalMs, scheduler.nowMs + this.#there.latencyMs());
    this.#flying.push({ segment, atMs: this.#lastArrivalMs });
    this.#scheduleFlight();
  }

  #scheduleFlight(): void {
    if (this.#isFlightScheduled || this.#flying.length === 0) return;
    this.#isFlightScheduled = true;
    const { scheduler } = this.network;
    scheduler.after(this.#flying[0].atMs - scheduler.nowMs, 'segment', () => {
      this.#there.pass(() => {
        const host = this.#peer.owner.process.host;
        const arrive = (): void => {
          this.#isFlightScheduled = false;
          const flown = this.#flying.shift();
          if (flown !== undefined) this.#peer.#arrive(flown.segment);
          this.#scheduleFlight();
        };
        if (host.isUp) arrive();
        else host.whenUp(arrive);
      });
    });
  }

  // --- receiving

  #arrive(segment: Segment): void {
    if (this.isClosed) {
      // Nobody is there: the sender hears it.
      if (segment.kind === 'data' || (segment.kind === 'end' && this.#state === 'vanished'))
        this.#fly({ kind: 'reset' });
      return;
    }
    if (segment.kind === 'data') {
      this.network.scheduler.note(segment.bytes.length);
      const last = this.#arrived.at(-1);
      if (last?.kind === 'data' && last.bytes.length + segment.bytes.length <= receiveBufferSize) {
        last.bytes = Buffer.concat([last.bytes, segment.bytes]);
      } else {
        this.#arrived.push(segment);
      }
    } else {
      if (segment.kind === 'reset') this.#arrived = [];
      this.#arrived.push(segment);
    }
    this.#scheduleRead();
  }

  #scheduleRead(): void {
    if (this.#isReadScheduled || this.#paused || this.isClosed || this.#arrived.length === 0 || !this.#handler) return;
    this.#isReadScheduled = true;
    this.owner.process.after(0, 'io', 'read', () => {
      this.#isReadScheduled = false;
      this.#read();
    });
  }

  #read(): void {
    if (this.#paused || this.isClosed || this.#handler === undefined) return;
    const first = this.#arrived[0];
    if (first === undefined) return;
    if (first.kind === 'data') {
      const { random } = this.network;
      let { bytes } = first;
      if (bytes.length > 1 && random.chance(0.1)) {
        const count = random.between(1, bytes.length - 1);
        first.bytes = bytes.subarray(count);
        bytes = bytes.subarray(0, count);
      } else {
        this.#arrived.shift();
      }
      const received = Buffer.from(bytes);
      this.#handler.data(received);
      // It was lent for the call: whoever kept it shall notice.
      received.fill(0xa5);
      this.#peer.#acknowledged(bytes.length);
    } else {
      this.#arrived.shift();
      if (first.kind === 'reset') {
        this.#closeWith(networkError('ECONNRESET', 'read'));
        return;
      }
      this.#hasSeenEnd = true;
      this.#handler.ended();
      this.#closeIfBothEnded();
    }
    this.#scheduleRead();
  }

  /** The peer has read so much: there is room for more, once that is known here. */
  #acknowledged(count: number): void {
    const link = this.#peer.#there;
    const told = (): void => {
      this.#inWindow -= count;
      if (this.#state === 'open' && this.#unsent.length > 0) this.#send();
    };
    if (!link.blocked && this.#unsent.length === 0) {
      told();
      return;
    }
    this.network.scheduler.after(link.latencyMs(), 'acknowledgement', () => link.pass(told));
  }

  // --- closing

  #closeWith(error: Error): void {
    this.#close('closed');
    this.#arrived = [];
    this.#tellClosed(error);
  }

  #close(state: 'closed' | 'vanished'): void {
    this.#state = state;
    this.#unsent = [];
    this.#unsentBytes = 0;
    this.network.sockets.delete(this);
    this.owner.sockets.delete(this);
  }

  #tellClosed(error?: Error): void {
    this.#defer('closed', () => this.#handler?.closed(error));
  }

  #defer(label: string, run: () => void): void {
    this.owner.process.after(0, 'io', label, run);
  }
}
