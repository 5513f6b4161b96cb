import type { Scheduler } from './scheduler';
import type { SeededRandom } from './seeded-random';

/** A change of a file that is in the page cache and not on the disk. */
type FileChange =
  | { readonly kind: 'write'; readonly position: number; readonly bytes: Buffer }
  | { readonly kind: 'truncate'; readonly length: number };

/** A growing array of bytes. */
class Bytes {
  #bytes: Buffer = Buffer.alloc(0);
  length = 0;

  write(bytes: Uint8Array, position: number): void {
    this.#reserve(position + bytes.length);
    this.#bytes.set(bytes, position);
    this.length = Math.max(this.length, position + bytes.length);
  }

  truncate(length: number): void {
    if (length < this.length) this.#bytes.fill(0, length, this.length);
    else this.#reserve(length);
    this.length = length;
  }

  apply(change: FileChange): void {
    if (change.kind === 'write') this.write(change.bytes, change.position);
    else this.truncate(change.length);
  }

  copyTo(target: Uint8Array, offset: number, length: number, position: number): number {
    const count = Math.max(0, Math.min(length, this.length - position));
    target.set(this.#bytes.subarray(position, position + count), offset);
    return count;
  }

  view(): Buffer {
    return this.#bytes.subarray(0, this.length);
  }

  clone(): Bytes {
    const clone = new Bytes();
    clone.write(this.view(), 0);
    return clone;
  }

  #reserve(length: number): void {
    if (length <= this.#bytes.length) return;
    const grown = Buffer.alloc(Math.max(length, 2 * this.#bytes.length, 256));
    grown.set(this.view());
    this.#bytes = grown;
  }
}

export class FileNode {
  readonly kind = 'file';
  mtimeMs = 0;
  /** Who holds its lock. */
  lockedBy: object | undefined;
  cached = new Bytes();
  #durable = new Bytes();
  #changes: FileChange[] = [];

  get size(): number {
    return this.cached.length;
  }

  /** Bytes that would survive a loss of power for certain; for tests and checkers. */
  get durable(): Buffer {
    return this.#durable.view();
  }

  write(bytes: Buffer, position: number): void {
    const change = { kind: 'write', position, bytes } as const;
    this.cached.apply(change);
    this.#changes.push(change);
  }

  truncate(length: number): void {
    const change = { kind: 'truncate', length } as const;
    this.cached.apply(change);
    this.#changes.push(change);
  }

  /** What is to be made durable by an fsync that begins now: called when it is done. */
  beginSync(): () => void {
    const covered = [...this.#changes];
    return () => {
      // Another fsync may have taken a part of them, a loss of power all.
      for (const change of covered) {
        if (this.#changes[0] !== change) continue;
        this.#durable.apply(change);
        this.#changes.shift();
      }
    };
  }

  losePower(random: SeededRandom): void {
    const changes = this.#changes;
    const kept = this.#durable.clone();
    const fate = random.below(8);
    if (changes.length > 0) {
      if (fate < 3) {
        // All of it is lost.
      } else if (fate < 4) {
        for (const change of changes) kept.apply(change);
      } else if (fate < 7) {
        const whole = random.below(changes.length);
        for (let i = 0; i < whole; i++) kept.apply(changes[i]);
        tear(kept, changes[whole], random);
      } else {
        // Pages go to the disk in any order.
        for (const change of changes) {
          if (random.chance(0.5)) kept.apply(change);
          else if (random.chance(0.3)) tear(kept, change, random);
        }
      }
    }
    this.#changes = [];
    this.#durable = kept;
    this.cached = kept.clone();
    this.lockedBy = undefined;
  }
}

function tear(target: Bytes, change: FileChange, random: SeededRandom): void {
  if (change.kind === 'write') {
    const count = random.below(change.bytes.length + 1);
    if (count > 0) target.write(change.bytes.subarray(0, count), change.position);
  }
}

export class DirectoryNode {
  readonly kind = 'directory';
  mtimeMs = 0;
  entries = new Map<string, Node>();
  durableEntries = new Map<string, Node>();
}

export type Node = FileNode | DirectoryNode;

/** A change of directories that is not on the disk yet. */
interface NameChange {
  readonly directories: readonly DirectoryNode[];
  apply(): void;
}

/** What a disk does wrong at the moment. */
export interface DiskFaults {
  /** The code of the error that an operation fails with, if any. */
  error?: (operation: string, path: string) => string | undefined;
  /** Operations do not return until it is false again. */
  hangs: boolean;
  /** Everything takes so many times as long. */
  slowness: number;
}

export function systemError(code: string, operation: string, path: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: simulated, ${operation} '${path}'`), { code, syscall: operation, path });
}

/**
 * The file system of a host, as it is in memory and as it is on the disk. The strictest reading of POSIX: a file's fsync
 * makes its data and its size durable and not its name; a name is durable when its directory was synced. What was not
 * synced is there after a loss of power, or not, or torn; the names of one directory change in order.
 */
export class Disk {
  readonly faults: DiskFaults = { hangs: false, slowness: 1 };
  capacityBytes = Infinity;
  /** Whether it is one on the network, which nobody writes to but asynchronously. */
  isRemote = false;
  usedBytes = 0;
  readonly #root = new DirectoryNode();
  #names: NameChange[] = [];
  #whenAnswering: (() => void)[] = [];

  constructor(
    readonly scheduler: Scheduler,
    readonly random: SeededRandom,
    readonly wallMs: () => number,
  ) {}

  // --- names

  find(path: string): Node | undefined {
    let node: Node | undefined = this.#root;
    for (const name of namesOf(path)) {
      if (node?.kind !== 'directory') return undefined;
      node = node.entries.get(name);
    }
    return node;
  }

  /** The directory that holds `path`, and its name there. */
  parent(path: string, operation: string): { readonly directory: DirectoryNode; readonly name: string } {
    const names = namesOf(path);
    const name = names.pop();
    const directory = this.find(`/${names.join('/')}`);
    if (name === undefined || directory === undefined) throw systemError('ENOENT', operation, path);
    if (directory.kind !== 'directory') throw systemError('ENOTDIR', operation, path);
    return { directory, name };
  }

  link(directory: DirectoryNode, name: string, node: Node): void {
    directory.entries.set(name, node);
    directory.mtimeMs = this.wallMs();
    this.#names.push({ directories: [directory], apply: () => void directory.durableEntries.set(name, node) });
  }

  unlink(directory: DirectoryNode, name: string): void {
    const node = directory.entries.get(name);
    if (node?.kind === 'file') this.usedBytes -= node.size;
    directory.entries.delete(name);
    directory.mtimeMs = this.wallMs();
    this.#names.push({ directories: [directory], apply: () => void directory.durableEntries.delete(name) });
  }

  rename(from: string, to: string): void {
    const source = this.parent(from, 'rename');
    const target = this.parent(to, 'rename');
    const node = source.directory.entries.get(source.name);
    if (node === undefined) throw systemError('ENOENT', 'rename', from);
    const replaced = target.directory.entries.get(target.name);
    if (replaced === node) return;
    if (replaced?.kind === 'directory' && (node.kind === 'file' || replaced.entries.size > 0)) {
      throw systemError(node.kind === 'file' ? 'EISDIR' : 'ENOTEMPTY', 'rename', to);
    }
    if (replaced?.kind === 'file' && node.kind === 'directory') throw systemError('ENOTDIR', 'rename', to);
    if (replaced?.kind === 'file') this.usedBytes -= replaced.size;
    source.directory.entries.delete(source.name);
    target.directory.entries.set(target.name, node);
    const directories =
      source.directory === target.directory ? [source.directory] : [source.directory, target.directory];
    this.#names.push({
      directories,
      apply: () => {
        source.directory.durableEntries.delete(source.name);
        target.directory.durableEntries.set(target.name, node);
      },
    });
  }

  /** See FileNode.beginSync. */
  beginSyncDirectory(directory: DirectoryNode): () => void {
    const covered = new Set(this.#names.filter(({ directories }) => directories.includes(directory)));
    return () => {
      this.#names = this.#names.filter((change) => {
        if (!covered.has(change)) return true;
        change.apply();
        return false;
      });
    };
  }

  // --- contents

  /** Throws ENOSPC, after as much as there was room for. */
  write(node: FileNode, bytes: Buffer, position: number, path: string): void {
    const growth = Math.max(0, position + bytes.length - node.size);
    const room = this.capacityBytes - this.usedBytes;
    if (growth > room) {
      const fits = Math.max(0, bytes.length - (growth - Math.max(0, room)));
      if (fits > 0) this.#written(node, bytes.subarray(0, fits), position);
      throw systemError('ENOSPC', 'write', path);
    }
    this.#written(node, bytes, position);
  }

  truncate(node: FileNode, length: number): void {
    this.usedBytes += length - node.size;
    node.truncate(length);
    node.mtimeMs = this.wallMs();
  }

  #written(node: FileNode, bytes: Buffer, position: number): void {
    const before = node.size;
    node.write(bytes, position);
    this.usedBytes += node.size - before;
    node.mtimeMs = this.wallMs();
  }

  // --- faults

  hang(): void {
    this.faults.hangs = true;
  }

  answer(): void {
    this.faults.hangs = false;
    for (const run of this.#whenAnswering.splice(0)) run();
  }

  /** Calls back at once, or when it does not hang any more. */
  whenAnswering(run: () => void): void {
    if (this.faults.hangs) this.#whenAnswering.push(run);
    else run();
  }

  losePower(): void {
    const { random } = this;
    // A journal keeps the order over all directories; others keep it for each of them.
    const perDirectory = new Map<DirectoryNode, boolean>();
    const journalled = random.chance(0.5);
    let goesOn = true;
    const all = random.chance(0.2);
    for (const change of this.#names) {
      if (!all && journalled) goesOn &&= random.chance(0.8);
      else if (!all) {
        goesOn = change.directories.every((directory) => perDirectory.get(directory) ?? true) && random.chance(0.7);
      }
      for (const directory of change.directories) perDirectory.set(directory, goesOn);
      if (goesOn) change.apply();
    }
    this.#names = [];
    this.usedBytes = 0;
    this.#lose(this.#root);
    this.faults.hangs = false;
    this.#whenAnswering = [];
  }

  #lose(node: Node): void {
    if (node.kind === 'file') {
      node.losePower(this.random);
      this.usedBytes += node.size;
      return;
    }
    node.entries = new Map(node.durableEntries);
    for (const entry of node.entries.values()) this.#lose(entry);
  }
}

function namesOf(path: string): string[] {
  const names: string[] = [];
  for (const name of path.split('/')) {
    if (name === '..') names.pop();
    else if (name !== '' && name !== '.') names.push(name);
  }
  return names;
}
