import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import net from 'node:net';
import { ownPort } from './cluster-zookeeper';

/** Who is at an end of a line: a broker, ZooKeeper, or somebody else (a client). */
export type End = number | 'zookeeper' | 'client';

interface Connection {
  readonly from: End;
  readonly to: End;
  readonly near: net.Socket;
  readonly far: net.Socket;
}

/**
 * The lines between brokers, and from brokers to ZooKeeper: each is a port that leads to another one. Who has opened a
 * connection is found by the process that owns it, so that a line can be cut in one direction.
 */
export class Lines implements AsyncDisposable {
  readonly #connections = new Set<Connection>();
  readonly #servers: net.Server[] = [];
  readonly #cut = new Set<string>();
  readonly #silent = new Set<string>();

  /** `pids`: the brokers' processes at this moment, by id. */
  constructor(private readonly pids: () => ReadonlyMap<number, number>) {}

  /** A port that leads to the one of `to`. */
  async lead(to: End, port: number): Promise<number> {
    const own = await ownPort();
    const server = net.createServer({ pauseOnConnect: true }, (near) => this.#accept(near, to, own, port));
    this.#servers.push(server);
    await new Promise<void>((resolve, reject) => {
      server.on('error', reject);
      server.listen(own, '127.0.0.1', resolve);
    });
    return own;
  }

  /** Connections from one to the other are closed, and refused until `mend`. */
  cut(from: End, to: End): void {
    this.#cut.add(`${from}>${to}`);
    for (const { near, far } of this.#between(from, to)) {
      near.destroy();
      far.destroy();
    }
  }

  /** Connections from one to the other stay, also new ones, but nothing comes through until `mend`. */
  silence(from: End, to: End): void {
    this.#silent.add(`${from}>${to}`);
    this.hold(from, to);
  }

  /** What is on its way from one to the other on the connections of now waits until `mend`; new connections are free. */
  hold(from: End, to: End): void {
    for (const { near, far } of this.#between(from, to)) {
      near.pause();
      far.pause();
    }
  }

  mend(from: End, to: End): void {
    this.#cut.delete(`${from}>${to}`);
    this.#silent.delete(`${from}>${to}`);
    for (const { near, far } of this.#between(from, to)) {
      near.resume();
      far.resume();
    }
  }

  mendAll(): void {
    this.#cut.clear();
    this.#silent.clear();
    for (const { near, far } of this.#connections) {
      near.resume();
      far.resume();
    }
  }

  #between(from: End, to: End): Connection[] {
    return [...this.#connections].filter((connection) => connection.from === from && connection.to === to);
  }

  #accept(near: net.Socket, to: End, own: number, port: number): void {
    const from = this.#ownerOf(near.remotePort ?? 0, own);
    const line = `${from}>${to}`;
    near.on('error', () => undefined);
    if (this.#cut.has(line)) return void near.destroy();
    const far = net.connect(port, '127.0.0.1');
    const connection = { from, to, near, far };
    this.#connections.add(connection);
    for (const [one, other] of [
      [near, far],
      [far, near],
    ]) {
      one.setNoDelay(true);
      one.on('error', () => undefined);
      one.on('data', (bytes) => {
        if (other.write(bytes)) return;
        one.pause();
        other.once('drain', () => {
          if (!this.#silent.has(line)) one.resume();
        });
      });
      one.on('end', () => other.end());
      one.on('close', () => {
        other.destroy();
        this.#connections.delete(connection);
      });
    }
    if (this.#silent.has(line)) {
      near.pause();
      far.pause();
    } else {
      near.resume();
    }
  }

  #ownerOf(remotePort: number, own: number): End {
    const inode = inodeOf(remotePort, own);
    for (const [id, pid] of this.pids()) {
      try {
        const files = `/proc/${pid}/fd`;
        if (readdirSync(files).some((file) => linkOf(`${files}/${file}`) === `socket:[${inode}]`)) return id;
      } catch {
        // it has ended
      }
    }
    return 'client';
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { near, far } of this.#connections) {
      near.destroy();
      far.destroy();
    }
    await Promise.all(this.#servers.map((server) => new Promise((resolve) => server.close(resolve))));
  }
}

function linkOf(file: string): string {
  try {
    return readlinkSync(file);
  } catch {
    return '';
  }
}

/** The inode of the socket on `localPort` that is connected to `remotePort`; from Linux's tables. */
function inodeOf(localPort: number, remotePort: number): string | undefined {
  const hex = (port: number): string => port.toString(16).toUpperCase().padStart(4, '0');
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    for (const line of readFileSync(table, 'utf8').split('\n')) {
      const [, local, remote, , , , , , , inode] = line.trim().split(/\s+/);
      if (local?.endsWith(`:${hex(localPort)}`) && remote?.endsWith(`:${hex(remotePort)}`)) return inode;
    }
  }
  return undefined;
}
