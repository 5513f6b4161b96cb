import { dirname } from 'node:path';
import type { FileLock, Files, FileStat, OpenFile, OpenMode, Volume } from '../../../broker/src/io/files';
import { type Disk, DirectoryNode, FileNode, systemError } from './disk';
import { ProcessEnded, type SimulatedProcess } from './simulated-process';

/** How long operations take in the mean, milliseconds. */
const cachedMs = 0.05;
const syncMs = 3;

/** The end of a process that is to come in the middle of one of its changes of files. */
export interface PlannedEnd {
  /** So many changes are still done; the one after them is done in part, and then `end` is called. */
  changesLeft: number;
  readonly end: () => void;
}

/** The disk of its host, as a process sees it. */
export class SimulatedFiles implements Files {
  readonly threads = 16;
  /** Asynchronous operations under way. */
  pending = 0;
  plannedEnd: PlannedEnd | undefined;
  readonly #locks = new Set<FileNode>();
  readonly #replacing = new Map<string, Promise<void>>();

  constructor(
    readonly process: SimulatedProcess,
    readonly disk: Disk,
  ) {}

  open(path: string, mode: OpenMode): Promise<OpenFile> {
    return this.operation('open', path, cachedMs, () => {
      const found = this.disk.find(path);
      if (found?.kind === 'directory') throw systemError('EISDIR', 'open', path);
      if (found !== undefined && mode === 'create') throw systemError('EEXIST', 'open', path);
      if (found !== undefined) return new SimulatedFile(this, path, found, mode !== 'read');
      if (mode === 'read') throw systemError('ENOENT', 'open', path);
      return new SimulatedFile(this, path, this.#createFile(path), true);
    });
  }

  readFile(path: string): Promise<Buffer> {
    return this.operation('readFile', path, cachedMs, () => Buffer.from(this.#file(path, 'readFile').cached.view()));
  }

  async replaceFile(path: string, data: Uint8Array): Promise<void> {
    const before = this.#replacing.get(path);
    const replacing = (before ?? Promise.resolve()).catch(() => {}).then(() => this.#replace(path, data));
    this.#replacing.set(path, replacing);
    try {
      await replacing;
    } finally {
      if (this.#replacing.get(path) === replacing) this.#replacing.delete(path);
    }
  }

  stat(path: string): Promise<FileStat | undefined> {
    return this.operation('stat', path, cachedMs, () => {
      const node = this.disk.find(path);
      if (node === undefined) return undefined;
      return { kind: node.kind, size: node.kind === 'file' ? node.size : 4096, mtimeMs: node.mtimeMs };
    });
  }

  list(path: string): Promise<string[]> {
    return this.operation('list', path, cachedMs, () => [...this.#directory(path, 'list').entries.keys()].sort());
  }

  async makeDirectory(path: string): Promise<void> {
    const exists = await this.operation('makeDirectory', path, cachedMs, () => {
      const found = this.disk.find(path);
      if (found?.kind === 'file') throw systemError('EEXIST', 'makeDirectory', path);
      return found !== undefined || path === '/' || path === '.';
    });
    if (exists) return;
    await this.makeDirectory(dirname(path));
    await this.operation('makeDirectory', path, cachedMs, () => {
      const { directory, name } = this.disk.parent(path, 'makeDirectory');
      if (!directory.entries.has(name)) {
        this.#change(() => this.disk.link(directory, name, new DirectoryNode()));
      }
    });
  }

  rename(from: string, to: string): Promise<void> {
    return this.operation('rename', from, cachedMs, () => this.#change(() => this.disk.rename(from, to)));
  }

  setModified(path: string, mtimeMs: number): Promise<void> {
    return this.operation('setModified', path, cachedMs, () => {
      this.#file(path, 'setModified').mtimeMs = mtimeMs;
    });
  }

  remove(path: string): Promise<void> {
    return this.operation('remove', path, cachedMs, () => this.#remove(path));
  }

  async removeDirectory(path: string): Promise<void> {
    const entries = await this.operation('removeDirectory', path, cachedMs, () => {
      const node = this.disk.find(path);
      return node?.kind === 'directory' ? [...node.entries] : [];
    });
    for (const [name, node] of entries) {
      await (node.kind === 'directory' ? this.removeDirectory(`${path}/${name}`) : this.remove(`${path}/${name}`));
    }
    await this.operation('removeDirectory', path, cachedMs, () => {
      const node = this.disk.find(path);
      if (node?.kind === 'directory' && node.entries.size > 0) throw systemError('ENOTEMPTY', 'removeDirectory', path);
      this.#remove(path);
    });
  }

  async syncDirectory(path: string): Promise<void> {
    let done!: () => void;
    await this.operation('syncDirectory', path, cachedMs, () => {
      done = this.disk.beginSyncDirectory(this.#directory(path, 'syncDirectory'));
    });
    await this.operation('syncDirectory', path, syncMs, done, 'end');
  }

  lock(path: string): Promise<FileLock | undefined> {
    return this.operation('lock', path, cachedMs, () => {
      const found = this.disk.find(path);
      if (found?.kind === 'directory') throw systemError('EISDIR', 'lock', path);
      const node = found ?? this.#createFile(path);
      if (node.lockedBy !== undefined) return undefined;
      node.lockedBy = this.process;
      this.#locks.add(node);
      return { release: () => this.operation('unlock', path, cachedMs, () => this.#unlock(node)) };
    });
  }

  volume(path: string): Promise<Volume> {
    const { disk } = this;
    return this.operation('volume', path, cachedMs, () => {
      const totalBytes = Number.isFinite(disk.capacityBytes) ? disk.capacityBytes : 2 ** 40;
      return { totalBytes, freeBytes: Math.max(0, totalBytes - disk.usedBytes), isRemote: disk.isRemote };
    });
  }

  /** The kernel gives back what the process held. */
  processEnded(): void {
    for (const node of this.#locks) if (node.lockedBy === this.process) node.lockedBy = undefined;
    this.#locks.clear();
  }

  /**
   * An operation of the thread pool: it is done at some moment between the call and its completion, and takes its time.
   * `moment` fixes it.
   */
  operation<T>(name: string, path: string, meanMs: number, work: () => T, moment?: 'end'): Promise<T> {
    const { process, disk } = this;
    // Nothing of an ended process settles: its code just stands still.
    if (process.ended) return new Promise(() => {});
    this.pending++;
    return new Promise<T>((resolve, reject) => {
      let outcome: (() => void) | undefined;
      const act = (): void => {
        try {
          const code = disk.faults.error?.(name, path);
          if (code !== undefined) throw systemError(code, name, path);
          const result = work();
          outcome = () => resolve(result);
        } catch (error) {
          if (!process.ended) outcome = () => reject(error as Error);
        }
      };
      const delayMs = disk.random.exponential(meanMs) * disk.faults.slowness;
      const early = moment !== 'end' && disk.random.chance(0.5);
      disk.whenAnswering(() => {
        if (early && !process.ended) act();
        disk.scheduler.after(delayMs, name, () => {
          disk.whenAnswering(() => {
            if (process.ended) return;
            if (outcome === undefined) act();
            process.enter('io', name, () => {
              this.pending--;
              outcome?.();
            });
          });
        });
      });
    });
  }

  /** Writes through to the page cache. Throws what the disk says. */
  write(node: FileNode, buffers: readonly Uint8Array[], position: number, path: string): void {
    let length = 0;
    for (const { byteLength } of buffers) length += byteLength;
    const bytes = Buffer.alloc(length);
    let at = 0;
    for (const buffer of buffers) {
      bytes.set(buffer, at);
      at += buffer.byteLength;
    }
    this.#change(
      () => this.disk.write(node, bytes, position, path),
      () => {
        const part = this.disk.random.below(length + 1);
        if (part > 0) this.disk.write(node, bytes.subarray(0, part), position, path);
      },
    );
  }

  truncate(node: FileNode, length: number): void {
    this.#change(() => this.disk.truncate(node, length));
  }

  /** One change of the disk. When the process is to end in it, it is done wholly, in `part`, or not at all. */
  #change(whole: () => void, part: () => void = () => {}): void {
    if (this.process.ended) throw new ProcessEnded('the process has ended');
    const planned = this.plannedEnd;
    if (planned === undefined || planned.changesLeft-- > 0) {
      whole();
      return;
    }
    this.plannedEnd = undefined;
    const fate = this.disk.random.below(3);
    if (fate === 0) whole();
    else if (fate === 1) part();
    planned.end();
    throw new ProcessEnded('the process ended in the middle of a change of its files');
  }

  #createFile(path: string): FileNode {
    const { directory, name } = this.disk.parent(path, 'open');
    const node = new FileNode();
    node.mtimeMs = this.disk.wallMs();
    this.#change(() => this.disk.link(directory, name, node));
    return node;
  }

  #remove(path: string): void {
    const found = this.disk.find(path);
    if (found === undefined) return;
    const { directory, name } = this.disk.parent(path, 'remove');
    this.#change(() => this.disk.unlink(directory, name));
  }

  #file(path: string, operation: string): FileNode {
    const node = this.disk.find(path);
    if (node === undefined) throw systemError('ENOENT', operation, path);
    if (node.kind !== 'file') throw systemError('EISDIR', operation, path);
    return node;
  }

  #directory(path: string, operation: string): DirectoryNode {
    const node = this.disk.find(path);
    if (node === undefined) throw systemError('ENOENT', operation, path);
    if (node.kind !== 'directory') throw systemError('ENOTDIR', operation, path);
    return node;
  }

  #unlock(node: FileNode): void {
    if (node.lockedBy === this.process) node.lockedBy = undefined;
    this.#locks.delete(node);
  }

  async #replace(path: string, data: Uint8Array): Promise<void> {
    const temporary = `${path}.tmp`;
    const file = await this.open(temporary, 'write');
    try {
      await file.truncate(0);
      await file.write([data], 0);
      await file.sync();
    } finally {
      await file.close();
    }
    await this.rename(temporary, path);
    await this.syncDirectory(dirname(path));
  }
}

class SimulatedFile implements OpenFile {
  readonly isPrompt = true;
  readonly hangs = false;
  #closed = false;
  #pending = 0;
  #whenIdle: (() => void) | undefined;

  constructor(
    readonly files: SimulatedFiles,
    readonly path: string,
    readonly node: FileNode,
    readonly writable: boolean,
  ) {}

  writeSync(buffers: readonly Uint8Array[], position: number): void {
    this.#check('write', true);
    const code = this.files.disk.faults.error?.('writeSync', this.path);
    if (code !== undefined) throw systemError(code, 'write', this.path);
    this.files.write(this.node, buffers, position, this.path);
  }

  async write(buffers: readonly Uint8Array[], position: number): Promise<void> {
    this.#check('write', true);
    await this.#operation('write', () => this.files.write(this.node, buffers, position, this.path));
  }

  readSync(target: Uint8Array, offset: number, length: number, position: number): number {
    this.#check('read');
    const code = this.files.disk.faults.error?.('readSync', this.path);
    if (code !== undefined) throw systemError(code, 'read', this.path);
    return this.node.cached.copyTo(target, offset, length, position);
  }

  async read(target: Uint8Array, offset: number, length: number, position: number): Promise<number> {
    this.#check('read');
    return this.#operation('read', () => {
      // A read may give less than there is.
      const { random } = this.files.disk;
      const most = length > 1 && random.chance(0.05) ? random.between(1, length) : length;
      return this.node.cached.copyTo(target, offset, most, position);
    });
  }

  async size(): Promise<number> {
    this.#check('fstat');
    return this.#operation('size', () => this.node.size);
  }

  async truncate(length: number): Promise<void> {
    this.#check('ftruncate', true);
    await this.#operation('truncate', () => this.files.truncate(this.node, length));
  }

  async sync(): Promise<void> {
    this.#check('fdatasync');
    // One that fails leaves the pages dirty. (A kernel may take them for clean: nobody but a rewrite mends that.)
    await this.#operation('sync', this.node.beginSync(), syncMs);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#pending > 0) await new Promise<void>((idle) => (this.#whenIdle = idle));
    await this.files.operation('close', this.path, cachedMs, () => {});
  }

  async #operation<T>(name: string, work: () => T, meanMs = cachedMs): Promise<T> {
    this.#pending++;
    try {
      return await this.files.operation(name, this.path, meanMs, work, meanMs === syncMs ? 'end' : undefined);
    } finally {
      if (--this.#pending === 0) this.#whenIdle?.();
    }
  }

  #check(syscall: string, toWrite = false): void {
    if (this.files.process.ended) throw new ProcessEnded('the process has ended');
    if (this.#closed || (toWrite && !this.writable)) {
      throw Object.assign(new Error(`EBADF: file is closed, ${syscall} '${this.path}'`), {
        code: 'EBADF',
        path: this.path,
        syscall,
      });
    }
  }
}
