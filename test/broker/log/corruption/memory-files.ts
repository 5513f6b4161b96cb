import { basename, dirname } from 'node:path';
import type { FileLock, Files, FileStat, OpenFile, OpenMode, Volume } from '../../../../broker/src/io/files';

/** What is at a path: bytes (a larger buffer may hold them), or a directory. */
interface Entry {
  bytes: Buffer | undefined;
  size: number;
  mtimeMs: number;
  /** The bytes belong to another file system, too: they are copied before they are written. */
  shared: boolean;
}

/** A file system in memory: a copy of it costs next to nothing, so that thousands can be damaged. */
export class MemoryFiles implements Files {
  readonly #entries: Map<string, Entry>;
  /** Called before a file gets another name: what a crash would leave. */
  onRename: (from: string, to: string) => void = () => {};

  readonly threads = 16;

  constructor(entries = new Map<string, Entry>([['/', directoryEntry()]])) {
    this.#entries = entries;
  }

  clone(): MemoryFiles {
    const entries = new Map<string, Entry>();
    for (const [path, entry] of this.#entries) {
      entry.shared = true;
      entries.set(path, { ...entry });
    }
    return new MemoryFiles(entries);
  }

  /** Paths of all files, in order. */
  paths(): string[] {
    return [...this.#entries].flatMap(([path, { bytes }]) => (bytes === undefined ? [] : [path])).sort();
  }

  content(path: string): Buffer {
    const { bytes, size } = this.#file(path);
    return bytes.subarray(0, size);
  }

  put(path: string, bytes: Buffer): void {
    this.#entries.set(path, { bytes, size: bytes.length, mtimeMs: startMs, shared: true });
  }

  putDirectory(path: string): void {
    this.#entries.set(path, directoryEntry());
  }

  drop(path: string): void {
    this.#entries.delete(path);
  }

  async open(path: string, mode: OpenMode): Promise<OpenFile> {
    let entry = this.#entries.get(path);
    if (entry === undefined) {
      if (mode === 'read' || this.#entries.get(dirname(path))?.bytes !== undefined) throw failure('ENOENT', path);
      if (!this.#entries.has(dirname(path))) throw failure('ENOENT', path);
      entry = { bytes: Buffer.alloc(0), size: 0, mtimeMs: startMs, shared: false };
      this.#entries.set(path, entry);
    } else if (mode === 'create') {
      throw failure('EEXIST', path);
    }
    if (entry.bytes === undefined) throw failure('EISDIR', path);
    return new MemoryFile(path, entry as Entry & { bytes: Buffer });
  }

  async readFile(path: string): Promise<Buffer> {
    return Buffer.from(this.content(path));
  }

  async replaceFile(path: string, data: Uint8Array): Promise<void> {
    if (!this.#entries.has(dirname(path))) throw failure('ENOENT', path);
    const there = this.#entries.get(path);
    if (there !== undefined && there.bytes === undefined) throw failure('EISDIR', path);
    this.put(path, Buffer.from(data));
  }

  async stat(path: string): Promise<FileStat | undefined> {
    const entry = this.#entries.get(path);
    if (entry === undefined) return undefined;
    return { kind: entry.bytes === undefined ? 'directory' : 'file', size: entry.size, mtimeMs: entry.mtimeMs };
  }

  async list(path: string): Promise<string[]> {
    const entry = this.#entries.get(path);
    if (entry === undefined || entry.bytes !== undefined) throw failure(entry ? 'ENOTDIR' : 'ENOENT', path);
    const inside = (name: string) => name !== path && dirname(name) === path;
    return [...this.#entries.keys()]
      .filter(inside)
      .map((name) => basename(name))
      .sort();
  }

  async makeDirectory(path: string): Promise<void> {
    const there = this.#entries.get(path);
    if (there !== undefined && there.bytes === undefined) return;
    if (there !== undefined) throw failure('EEXIST', path);
    await this.makeDirectory(dirname(path));
    this.putDirectory(path);
  }

  async rename(from: string, to: string): Promise<void> {
    const entry = this.#entries.get(from);
    if (entry === undefined) throw failure('ENOENT', from);
    this.onRename(from, to);
    for (const [path, each] of [...this.#entries]) {
      if (path !== from && !path.startsWith(`${from}/`)) continue;
      this.#entries.delete(path);
      this.#entries.set(to + path.slice(from.length), each);
    }
  }

  async setModified(path: string, mtimeMs: number): Promise<void> {
    this.#file(path).mtimeMs = mtimeMs;
  }

  async remove(path: string): Promise<void> {
    const entry = this.#entries.get(path);
    if (entry !== undefined && entry.bytes === undefined) throw failure('EISDIR', path);
    this.#entries.delete(path);
  }

  async removeDirectory(path: string): Promise<void> {
    for (const name of [...this.#entries.keys()]) {
      if (name === path || name.startsWith(`${path}/`)) this.#entries.delete(name);
    }
  }

  async syncDirectory(path: string): Promise<void> {
    if (!this.#entries.has(path)) throw failure('ENOENT', path);
  }

  async lock(): Promise<FileLock> {
    return { release: async () => {} };
  }

  async volume(): Promise<Volume> {
    return { totalBytes: 2 ** 40, freeBytes: 2 ** 39, isRemote: false };
  }

  #file(path: string): Entry & { bytes: Buffer } {
    const entry = this.#entries.get(path);
    if (entry === undefined) throw failure('ENOENT', path);
    if (entry.bytes === undefined) throw failure('EISDIR', path);
    return entry as Entry & { bytes: Buffer };
  }
}

/** The time at which everything was written. */
export const startMs = 1_700_000_000_000;

function directoryEntry(): Entry {
  return { bytes: undefined, size: 4096, mtimeMs: startMs, shared: false };
}

function failure(code: string, path: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: '${path}'`), { code, path });
}

class MemoryFile implements OpenFile {
  readonly isPrompt = true;
  readonly hangs = false;

  constructor(
    readonly path: string,
    readonly entry: Entry & { bytes: Buffer },
  ) {}

  writeSync(buffers: readonly Uint8Array[], position: number): void {
    let at = position;
    for (const each of buffers) {
      this.#reserve(at + each.length);
      this.entry.bytes.set(each, at);
      at += each.length;
      this.entry.size = Math.max(this.entry.size, at);
    }
  }

  async write(buffers: readonly Uint8Array[], position: number): Promise<void> {
    this.writeSync(buffers, position);
  }

  readSync(target: Uint8Array, offset: number, length: number, position: number): number {
    const { bytes, size } = this.entry;
    if (position >= size) return 0;
    const count = Math.min(length, size - position);
    target.set(bytes.subarray(position, position + count), offset);
    return count;
  }

  async read(target: Uint8Array, offset: number, length: number, position: number): Promise<number> {
    return this.readSync(target, offset, length, position);
  }

  async size(): Promise<number> {
    return this.entry.size;
  }

  async truncate(length: number): Promise<void> {
    this.#reserve(length);
    // What is cut off does not come back when the file grows again.
    this.entry.bytes.fill(0, Math.min(length, this.entry.size));
    this.entry.size = length;
  }

  async sync(): Promise<void> {}

  async close(): Promise<void> {}

  /** Makes room, in bytes that are this file's own. */
  #reserve(length: number): void {
    const { bytes, size, shared } = this.entry;
    if (!shared && length <= bytes.length) return;
    if (length > 64 * 1024 * 1024) throw failure('EFBIG', this.path);
    const own = Buffer.alloc(Math.max(length, 2 * size, 256));
    bytes.copy(own, 0, 0, size);
    this.entry.bytes = own;
    this.entry.shared = false;
  }
}
