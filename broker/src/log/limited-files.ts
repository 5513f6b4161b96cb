import type { FileLock, Files, FileStat, OpenFile, OpenMode, Volume } from '../io/files';
import type { DirectoryOperations } from './directory-operations';

/**
 * The files of one log directory: what does not come from the page cache waits for its turn, so that a directory that
 * hangs takes only so many threads of the pool, and the others go on.
 */
export class LimitedFiles implements Files {
  constructor(
    readonly files: Files,
    readonly operations: DirectoryOperations,
  ) {}

  get threads(): number {
    return this.files.threads;
  }

  async open(path: string, mode: OpenMode): Promise<OpenFile> {
    return new LimitedFile(await this.operations.run(() => this.files.open(path, mode), 'short'), this.operations);
  }

  readFile(path: string): Promise<Buffer> {
    return this.operations.run(() => this.files.readFile(path), 'short');
  }

  replaceFile(path: string, data: Uint8Array): Promise<void> {
    return this.operations.run(() => this.files.replaceFile(path, data), 'long');
  }

  stat(path: string): Promise<FileStat | undefined> {
    return this.operations.run(() => this.files.stat(path), 'short');
  }

  list(path: string): Promise<string[]> {
    return this.operations.run(() => this.files.list(path), 'short');
  }

  makeDirectory(path: string): Promise<void> {
    return this.operations.run(() => this.files.makeDirectory(path), 'short');
  }

  rename(from: string, to: string): Promise<void> {
    return this.operations.run(() => this.files.rename(from, to), 'short');
  }

  setModified(path: string, mtimeMs: number): Promise<void> {
    return this.operations.run(() => this.files.setModified(path, mtimeMs), 'short');
  }

  remove(path: string): Promise<void> {
    return this.operations.run(() => this.files.remove(path), 'long');
  }

  removeDirectory(path: string): Promise<void> {
    return this.operations.run(() => this.files.removeDirectory(path), 'long');
  }

  syncDirectory(path: string): Promise<void> {
    return this.operations.run(() => this.files.syncDirectory(path), 'long');
  }

  lock(path: string): Promise<FileLock | undefined> {
    return this.operations.run(() => this.files.lock(path), 'short');
  }

  volume(path: string): Promise<Volume> {
    return this.operations.run(() => this.files.volume(path), 'short');
  }
}

class LimitedFile implements OpenFile {
  constructor(
    readonly file: OpenFile,
    readonly operations: DirectoryOperations,
  ) {}

  get path(): string {
    return this.file.path;
  }

  get isPrompt(): boolean {
    return this.file.isPrompt && this.operations.isPrompt;
  }

  get hangs(): boolean {
    return this.operations.hangs;
  }

  writeSync(buffers: readonly Uint8Array[], position: number): void {
    this.file.writeSync(buffers, position);
  }

  readSync(target: Uint8Array, offset: number, length: number, position: number): number {
    return this.file.readSync(target, offset, length, position);
  }

  write(buffers: readonly Uint8Array[], position: number): Promise<void> {
    return this.operations.run(() => this.file.write(buffers, position), 'short', true);
  }

  read(target: Uint8Array, offset: number, length: number, position: number): Promise<number> {
    return this.operations.run(() => this.file.read(target, offset, length, position), 'short');
  }

  size(): Promise<number> {
    return this.operations.run(() => this.file.size(), 'short');
  }

  truncate(length: number): Promise<void> {
    return this.operations.run(() => this.file.truncate(length), 'long');
  }

  sync(): Promise<void> {
    return this.operations.run(() => this.file.sync(), 'long');
  }

  close(): Promise<void> {
    return this.operations.run(() => this.file.close(), 'long');
  }
}
