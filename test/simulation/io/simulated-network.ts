import type { HttpHandler } from '../../../broker/src/io/http';
import type {
  ConnectOptions,
  HttpListenOptions,
  Listening,
  ListenOptions,
  Network,
  Socket,
} from '../../../broker/src/io/network';
import type { Scheduler } from './scheduler';
import type { SeededRandom } from './seeded-random';
import type { SimulatedHost } from './simulated-host';
import type { SimulatedProcess } from './simulated-process';
import { connectionOf, type SimulatedSocket } from './simulated-socket';

/** The way from one host to another. */
export class Link {
  blocked = false;
  /** Everything takes so many times as long. */
  slowness = 1;
  #stalled: (() => void)[] = [];

  constructor(
    readonly scheduler: Scheduler,
    readonly random: SeededRandom,
    readonly meanMs: number,
  ) {}

  /** How long the next segment is on its way: now and then one is lost and sent again. */
  latencyMs(): number {
    const { random } = this;
    const lost = random.chance(0.002) ? 200 : 0;
    return (this.meanMs * 0.5 + random.exponential(this.meanMs * 0.5) + lost) * this.slowness;
  }

  /** Calls `run` at once, or, when nothing gets through, some time after it does again. */
  pass(run: () => void): void {
    if (this.blocked) this.#stalled.push(run);
    else run();
  }

  unblock(): void {
    this.blocked = false;
    for (const run of this.#stalled.splice(0)) {
      this.scheduler.after(this.random.real() * 400, 'retransmission', () => this.pass(run));
    }
  }
}

interface Listener {
  readonly process: SimulatedProcess;
  readonly accept: (socket: Socket) => void;
}

export function networkError(code: string, what: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${what} ${code} (simulated)`), { code, syscall: what.split(' ')[0] });
}

/** All hosts and what is between them. */
export class SimulatedNetwork {
  readonly random: SeededRandom;
  readonly hosts = new Map<string, SimulatedHost>();
  /** Both ends of every connection, oldest first. */
  readonly sockets = new Set<SimulatedSocket>();
  readonly #links = new Map<string, Link>();
  readonly #listeners = new Map<string, Listener>();
  #nextPort = 32768;

  constructor(readonly scheduler: Scheduler) {
    this.random = scheduler.random.fork();
  }

  add(host: SimulatedHost): void {
    this.hosts.set(host.address, host);
  }

  link(from: string, to: string): Link {
    const key = `${from}>${to}`;
    let link = this.#links.get(key);
    if (link === undefined) {
      const meanMs = from === to ? 0.02 : 0.1 + this.random.exponential(0.4);
      link = new Link(this.scheduler, this.random.fork(), meanMs);
      this.#links.set(key, link);
    }
    return link;
  }

  block(from: string, to: string): void {
    this.link(from, to).blocked = true;
  }

  unblock(from: string, to: string): void {
    this.link(from, to).unblock();
  }

  /** Everything gets through everywhere, at its usual pace. */
  heal(): void {
    for (const link of this.#links.values()) {
      link.slowness = 1;
      if (link.blocked) link.unblock();
    }
  }

  listen(process: SimulatedProcess, address: string, port: number, accept: (socket: Socket) => void): number {
    const actual = port === 0 ? this.port() : port;
    const key = `${address}:${actual}`;
    if (this.#listeners.has(key)) throw networkError('EADDRINUSE', `listen ${key}`);
    this.#listeners.set(key, { process, accept });
    return actual;
  }

  unlisten(process: SimulatedProcess, port?: number): void {
    for (const [key, listener] of this.#listeners) {
      if (listener.process === process && (port === undefined || key.endsWith(`:${port}`))) this.#listeners.delete(key);
    }
  }

  /** What listens there, if anything does. */
  listener(address: string, port: number): Listener | undefined {
    return this.#listeners.get(`${address}:${port}`);
  }

  port(): number {
    return this.#nextPort++;
  }
}

/** The network, as a process sees it. */
export class ProcessNetwork implements Network {
  readonly sockets = new Set<SimulatedSocket>();
  /** Handlers of http endpoints, by port: nobody calls them but a test. */
  readonly http = new Map<number, HttpHandler>();
  connecting = 0;

  constructor(
    readonly process: SimulatedProcess,
    readonly network: SimulatedNetwork,
  ) {}

  async listen(options: ListenOptions, accept: (socket: Socket) => void): Promise<Listening> {
    if (this.process.ended) return new Promise(() => {});
    const { address } = this.process.host;
    const port = this.network.listen(this.process, address, options.port, accept);
    return {
      host: options.host === '' ? '0.0.0.0' : options.host,
      port,
      close: async () => this.network.unlisten(this.process, port),
    };
  }

  connect(options: ConnectOptions): Promise<Socket> {
    const { process, network } = this;
    if (process.ended) return new Promise(() => {});
    const from = process.host.address;
    const to = /^(127\.|localhost$|0\.0\.0\.0$)/.test(options.host) ? from : options.host;
    const where = `${options.host}:${options.port}`;
    const [there, back] = [network.link(from, to), network.link(to, from)];
    this.connecting++;
    return new Promise((resolve, reject) => {
      let isOver = false;
      const settle = (run: () => void): void => {
        if (isOver) return;
        isOver = true;
        timeout.cancel();
        process.enter('io', 'connect', () => {
          this.connecting--;
          run();
        });
      };
      const timeout = network.scheduler.after(Math.max(0, options.timeoutMs), 'connect timeout', () =>
        settle(() => reject(networkError('ETIMEDOUT', `connect ${where}`))),
      );
      const host = network.hosts.get(to);
      if (host === undefined) {
        network.scheduler.after(1, 'connect', () =>
          settle(() => reject(networkError('ENOTFOUND', `connect ${where}`))),
        );
        return;
      }
      const synArrives = (): void => {
        if (isOver || process.ended) return;
        const listener = network.listener(to, options.port);
        const connection = listener && connectionOf(network, this, listener.process.network, options.port);
        if (listener !== undefined && connection !== undefined) {
          listener.process.enter('io', 'accept', () => {
            if (connection.server.isClosed) return;
            listener.accept(connection.server);
          });
        }
        network.scheduler.after(back.latencyMs(), 'connect', () =>
          back.pass(() => {
            if (process.ended) return;
            if (connection === undefined) settle(() => reject(networkError('ECONNREFUSED', `connect ${where}`)));
            else if (isOver) connection.client.abort();
            else settle(() => resolve(connection.client));
          }),
        );
      };
      network.scheduler.after(there.latencyMs(), 'connect', () => there.pass(() => host.whenUp(synArrives)));
    });
  }

  async serveHttp(options: HttpListenOptions, handler: HttpHandler): Promise<Listening> {
    const listening = await this.listen(options, (socket) => socket.destroy());
    this.http.set(listening.port, handler);
    return listening;
  }

  hostname(): string {
    return this.process.host.address;
  }

  processKilled(): void {
    this.network.unlisten(this.process);
    for (const socket of [...this.sockets]) socket.kernelClose();
  }

  processVanished(): void {
    this.network.unlisten(this.process);
    for (const socket of [...this.sockets]) socket.vanish();
  }
}
