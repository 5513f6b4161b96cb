import type { FileLock, Files, FileStat, OpenFile, OpenMode } from '../io/files';
import type { Limiter } from './limiter';

/**
 * The files of one log directory: what does not come from the page cache waits for its turn, so that a directory that
 * hangs takes only so many threads of the pool, and the others go on.
 */
export class LimitedFiles implements Files {
  constructor(
    readonly files: Files,
    readonly limiter: Limiter,
  ) {}

  async open(path: string, mode: OpenMode): Promise<OpenFile> {
    return new LimitedFile(await this.limiter.run(() => this.files.open(path, mode)), this.limiter);
  }

  readFile(path: string): Promise<Buffer> {
    return this.limiter.run(() => this.files.readFile(path));
  }

  replaceFile(path: string, data: Uint8Array): Promise<void> {
    return this.limiter.run(() => this.files.replaceFile(path, data));
  }

  stat(path: string): Promise<FileStat | undefined> {
    return this.limiter.run(() => this.files.stat(path));
  }

  list(path: string): Promise<string[]> {
    return this.limiter.run(() => this.files.list(path));
  }

  makeDirectory(path: string): Promise<void> {
    return this.limiter.run(() => this.files.makeDirectory(path));
  }

  rename(from: string, to: string): Promise<void> {
    return this.limiter.run(() => this.files.rename(from, to));
  }

  setModified(path: string, mtimeMs: number): Promise<void> {
    return this.limiter.run(() => this.files.setModified(path, mtimeMs));
  }

  remove(path: string): Promise<void> {
    return this.limiter.run(() => this.files.remove(path));
  }

  removeDirectory(path: string): Promise<void> {
    return this.limiter.run(() => this.files.removeDirectory(path));
  }

  syncDirectory(path: string): Promise<void> {
    return this.limiter.run(() => this.files.syncDirectory(path));
  }

  lock(path: string): Promise<FileLock | undefined> {
    return this.limiter.run(() => this.files.lock(path));
  }

  volume(path: string): Promise<{ readonly totalBytes: number; readonly freeBytes: number }> {
    return this.limiter.run(() => this.files.volume(path));
  }
}

class LimitedFile implements OpenFile {
  constructor(
    readonly file: OpenFile,
    readonly limiter: Limiter,
  ) {}

  get path(): string {
    return this.file.path;
  }

  writeSync(buffers: readonly Uint8Array[], position: number): void {
    this.file.writeSync(buffers, position);
  }

  readSync(target: Uint8Array, offset: number, length: number, position: number): number {
    return this.file.readSync(target, offset, length, position);
  }

  write(buffers: readonly Uint8Array[], position: number): Promise<void> {
    return this.limiter.run(() => this.file.write(buffers, position));
  }

  read(target: Uint8Array, offset: number, length: number, position: number): Promise<number> {
    return this.limiter.run(() => this.file.read(target, offset, length, position));
  }

  size(): Promise<number> {
    return this.limiter.run(() => this.file.size());
  }

  truncate(length: number): Promise<void> {
    return this.limiter.run(() => this.file.truncate(length));
  }

  sync(): Promise<void> {
    return this.limiter.run(() => this.file.sync());
  }

  close(): Promise<void> {
    return this.limiter.run(() => this.file.close());
  }
}
