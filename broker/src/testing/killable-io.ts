import type { Clock, Timer } from '../io/clock';
import type { FileLock, Files, OpenFile, OpenMode } from '../io/files';
import type { HttpHandler } from '../io/http';
import type { Io } from '../io/io';
import type { Jobs } from '../io/jobs';
import { InProcessJobs } from '../io/node/jobs';
import type {
  ConnectOptions,
  HttpListenOptions,
  Listening,
  ListenOptions,
  Network,
  Socket,
  SocketHandler,
} from '../io/network';
import type { Random } from '../io/random';

/**
 * An Io whose user can be killed in the middle of whatever it does, as the system kills a process: its connections are
 * cut, its files closed as they are, its locks released. What it has handed to the system before is done; what it still
 * asks for is not, and its promises do not settle any more.
 */
export class KillableIo implements Io {
  readonly clock: Clock;
  readonly random: Random;
  readonly files: Files;
  readonly network: Network;
  readonly jobs: Jobs;
  readonly #life = new Life();

  constructor(io: Io) {
    this.clock = new KillableClock(io.clock, this.#life);
    this.random = io.random;
    this.files = new KillableFiles(io.files, this.#life);
    this.network = new KillableNetwork(io.network, this.#life);
    this.jobs = new InProcessJobs(this.files);
  }

  get isKilled(): boolean {
    return this.#life.isOver;
  }

  /** Resolves when nothing of it is under way any more: another may have its files and ports. */
  kill(): Promise<void> {
    return this.#life.end();
  }
}

/** What is held from the system, and what it was asked for. */
class Life {
  isOver = false;
  /** Sockets and timers: gone at once. */
  readonly #cut = new Set<() => void>();
  /** Files and locks: they go when nothing is under way any more. */
  readonly #closed = new Set<() => Promise<void>>();
  /** With the system: nobody can call it back. */
  readonly #underWay = new Set<Promise<void>>();

  /** @returns how to say that it has gone by itself */
  cutAtEnd(cut: () => void): () => void {
    if (this.isOver) cut();
    else this.#cut.add(cut);
    return () => this.#cut.delete(cut);
  }

  /** For what `ask` has got. @returns how to say that it has gone by itself */
  closeAtEnd(close: () => Promise<void>): () => void {
    this.#closed.add(close);
    return () => this.#closed.delete(close);
  }

  /** Asks the system for something; nobody hears of what comes after the end. */
  ask<T>(request: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.isOver) return;
      const asked = request()
        .then(
          (result) => {
            if (!this.isOver) resolve(result);
          },
          (error: unknown) => {
            if (!this.isOver) reject(error);
          },
        )
        .finally(() => this.#underWay.delete(asked));
      this.#underWay.add(asked);
    });
  }

  async end(): Promise<void> {
    if (this.isOver) return;
    this.isOver = true;
    for (const cut of this.#cut) cut();
    this.#cut.clear();
    await Promise.all(this.#underWay);
    await Promise.allSettled([...this.#closed].map((close) => close()));
    this.#closed.clear();
  }
}

class KillableClock implements Clock {
  constructor(
    private readonly clock: Clock,
    private readonly life: Life,
  ) {}

  wallMs(): number {
    return this.clock.wallMs();
  }

  monotonicMs(): number {
    return this.clock.monotonicMs();
  }

  timer(delayMs: number, fire: () => void): Timer {
    const timer = this.clock.timer(delayMs, () => {
      gone();
      if (!this.life.isOver) fire();
    });
    const gone = this.life.cutAtEnd(() => timer.cancel());
    return {
      cancel: () => {
        gone();
        timer.cancel();
      },
    };
  }

  defer(run: () => void): void {
    this.clock.defer(() => {
      if (!this.life.isOver) run();
    });
  }
}

class KillableFile implements OpenFile {
  readonly #gone: () => void;

  constructor(
    private readonly file: OpenFile,
    private readonly life: Life,
  ) {
    this.#gone = life.closeAtEnd(() => file.close());
  }

  get path(): string {
    return this.file.path;
  }

  get isPrompt(): boolean {
    return this.file.isPrompt;
  }

  get hangs(): boolean {
    return this.file.hangs;
  }

  writeSync(buffers: readonly Uint8Array[], position: number): void {
    if (!this.life.isOver) this.file.writeSync(buffers, position);
  }

  readSync(target: Uint8Array, offset: number, length: number, position: number): number {
    return this.life.isOver ? 0 : this.file.readSync(target, offset, length, position);
  }

  write(buffers: readonly Uint8Array[], position: number): Promise<void> {
    return this.life.ask(() => this.file.write(buffers, position));
  }

  read(target: Uint8Array, offset: number, length: number, position: number): Promise<number> {
    return this.life.ask(() => this.file.read(target, offset, length, position));
  }

  size(): Promise<number> {
    return this.life.ask(() => this.file.size());
  }

  truncate(length: number): Promise<void> {
    return this.life.ask(() => this.file.truncate(length));
  }

  sync(): Promise<void> {
    return this.life.ask(() => this.file.sync());
  }

  close(): Promise<void> {
    this.#gone();
    return this.life.ask(() => this.file.close());
  }
}

class KillableFiles implements Files {
  constructor(
    private readonly files: Files,
    private readonly life: Life,
  ) {}

  get threads(): number {
    return this.files.threads;
  }

  open(path: string, mode: OpenMode): Promise<OpenFile> {
    return this.life.ask(async () => new KillableFile(await this.files.open(path, mode), this.life));
  }

  lock(path: string): Promise<FileLock | undefined> {
    return this.life.ask(async () => {
      const lock = await this.files.lock(path);
      if (lock === undefined) return undefined;
      const gone = this.life.closeAtEnd(() => lock.release());
      return {
        release: () => {
          gone();
          return this.life.ask(() => lock.release());
        },
      };
    });
  }

  readFile(path: string): Promise<Buffer> {
    return this.life.ask(() => this.files.readFile(path));
  }

  replaceFile(path: string, data: Uint8Array): Promise<void> {
    return this.life.ask(() => this.files.replaceFile(path, data));
  }

  stat(path: string): ReturnType<Files['stat']> {
    return this.life.ask(() => this.files.stat(path));
  }

  list(path: string): Promise<string[]> {
    return this.life.ask(() => this.files.list(path));
  }

  makeDirectory(path: string): Promise<void> {
    return this.life.ask(() => this.files.makeDirectory(path));
  }

  rename(from: string, to: string): Promise<void> {
    return this.life.ask(() => this.files.rename(from, to));
  }

  setModified(path: string, mtimeMs: number): Promise<void> {
    return this.life.ask(() => this.files.setModified(path, mtimeMs));
  }

  remove(path: string): Promise<void> {
    return this.life.ask(() => this.files.remove(path));
  }

  removeDirectory(path: string): Promise<void> {
    return this.life.ask(() => this.files.removeDirectory(path));
  }

  syncDirectory(path: string): Promise<void> {
    return this.life.ask(() => this.files.syncDirectory(path));
  }

  volume(path: string): ReturnType<Files['volume']> {
    return this.life.ask(() => this.files.volume(path));
  }
}

class KillableSocket implements Socket {
  readonly #gone: () => void;

  constructor(
    private readonly socket: Socket,
    private readonly life: Life,
  ) {
    this.#gone = life.cutAtEnd(() => socket.destroy());
  }

  get remoteAddress(): string {
    return this.socket.remoteAddress;
  }

  get remotePort(): number {
    return this.socket.remotePort;
  }

  get localAddress(): string {
    return this.socket.localAddress;
  }

  get localPort(): number {
    return this.socket.localPort;
  }

  get pendingBytes(): number {
    return this.socket.pendingBytes;
  }

  handle(handler: SocketHandler): void {
    const { life } = this;
    this.socket.handle({
      data: (bytes) => {
        if (!life.isOver) handler.data(bytes);
      },
      drained: () => {
        if (!life.isOver) handler.drained();
      },
      ended: () => {
        if (!life.isOver) handler.ended();
      },
      closed: (error) => {
        this.#gone();
        if (!life.isOver) handler.closed(error);
      },
    });
  }

  write(buffers: readonly Uint8Array[], sent?: () => void): boolean {
    if (this.life.isOver) return false;
    const tell =
      sent &&
      (() => {
        if (!this.life.isOver) sent();
      });
    return this.socket.write(buffers, tell);
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  end(): void {
    this.socket.end();
  }

  endWriting(): void {
    this.socket.endWriting();
  }

  destroy(): void {
    this.socket.destroy();
  }
}

class KillableNetwork implements Network {
  constructor(
    private readonly network: Network,
    private readonly life: Life,
  ) {}

  listen(options: ListenOptions, accept: (socket: Socket) => void): Promise<Listening> {
    const taken = (socket: Socket): void => {
      if (this.life.isOver) socket.destroy();
      else accept(new KillableSocket(socket, this.life));
    };
    return this.life.ask(async () => this.#closable(await this.network.listen(options, taken)));
  }

  connect(options: ConnectOptions): Promise<Socket> {
    return this.life.ask(async () => new KillableSocket(await this.network.connect(options), this.life));
  }

  serveHttp(options: HttpListenOptions, handler: HttpHandler): Promise<Listening> {
    return this.life.ask(async () => this.#closable(await this.network.serveHttp(options, handler)));
  }

  hostname(): string {
    return this.network.hostname();
  }

  #closable(listening: Listening): Listening {
    const gone = this.life.cutAtEnd(() => void listening.close());
    const { host, port } = listening;
    return {
      host,
      port,
      close: () => {
        gone();
        return this.life.ask(() => listening.close());
      },
    };
  }
}
