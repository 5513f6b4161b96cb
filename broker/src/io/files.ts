/** What `Files.stat` tells. */
export interface FileStat {
  readonly kind: 'file' | 'directory' | 'other';
  readonly size: number;
  /** Last modification, milliseconds since the epoch. */
  readonly mtimeMs: number;
}

/**
 * How a file is opened.
 * - `read`: it must exist; only reads.
 * - `write`: read and write, created if missing, kept if there.
 * - `create`: read and write, must not exist yet.
 */
export type OpenMode = 'read' | 'write' | 'create';

/**
 * An open file. Errors of the operating system come through as thrown or rejected `NodeJS.ErrnoException`s with
 * `code` (ENOSPC, EIO, ESTALE, EDQUOT, …), which the log turns into an offline directory.
 */
export interface OpenFile {
  readonly path: string;
  /**
   * Whether `writeSync` and `readSync` may be relied on to return at once, as of now. Where not (see LogDirectory), whoever
   * calls them has everybody wait for the disk.
   */
  readonly isPrompt: boolean;
  /** Whether the disk has not answered for so long that who waits for it had better not. */
  readonly hangs: boolean;
  /** Writes all the buffers one after the other from `position`, synchronously: it reaches the page cache, not the disk. */
  writeSync(buffers: readonly Uint8Array[], position: number): void;
  write(buffers: readonly Uint8Array[], position: number): Promise<void>;
  /** Reads up to `length` bytes at `position` into `target` from `offset`; returns how many (0 at the end of the file). */
  readSync(target: Uint8Array, offset: number, length: number, position: number): number;
  read(target: Uint8Array, offset: number, length: number, position: number): Promise<number>;
  size(): Promise<number>;
  truncate(length: number): Promise<void>;
  /** Data and the size on stable storage (fdatasync). */
  sync(): Promise<void>;
  close(): Promise<void>;
}

export interface Volume {
  readonly totalBytes: number;
  readonly freeBytes: number;
  /**
   * Whether another machine or another process has to answer for it (NFS, SMB, FUSE, …): then any call may take as long as
   * that likes, be it only to copy bytes into the page cache.
   */
  readonly isRemote: boolean;
}

/** A held lock. The lock goes with the process too. */
export interface FileLock {
  release(): Promise<void>;
}

/** The file system. Paths are absolute or relative to the working directory, as Node takes them. */
export interface Files {
  /** How many asynchronous operations can be carried out at once; what hangs takes one. */
  readonly threads: number;
  open(path: string, mode: OpenMode): Promise<OpenFile>;
  readFile(path: string): Promise<Buffer>;
  /**
   * Replaces the file as a whole and durably: temporary file beside it (`path + '.tmp'`), fsync, rename, fsync of the
   * directory. Readers see the old content or the new.
   */
  replaceFile(path: string, data: Uint8Array): Promise<void>;
  /** `undefined` when nothing is there. */
  stat(path: string): Promise<FileStat | undefined>;
  /** Names in a directory, sorted, without `.` and `..`. */
  list(path: string): Promise<string[]>;
  /** Makes the directory and its missing parents; one that is there is kept. */
  makeDirectory(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** Sets the time of a file's last modification. */
  setModified(path: string, mtimeMs: number): Promise<void>;
  /** Removes a file; a missing one is no error. */
  remove(path: string): Promise<void>;
  /** Removes a directory and everything in it; a missing one is no error. */
  removeDirectory(path: string): Promise<void>;
  /** fsync of a directory: makes creations, renames and removals in it durable. */
  syncDirectory(path: string): Promise<void>;
  /**
   * Takes the exclusive lock of a file (created if missing) against other processes, as Java's FileChannel.tryLock
   * does (fcntl), and against other holders in this process. `undefined` when somebody has it. Rejects with the code
   * ENOLCK where the file system has no locks.
   */
  lock(path: string): Promise<FileLock | undefined>;
  /** The volume that `path` is on. */
  volume(path: string): Promise<Volume>;
}

/**
 * Bytes of a file that are to be sent and are not in memory: a response holds ranges, and the connection reads them as
 * its socket drains. `hot` ranges were just written (the page cache has them) and are read synchronously, others
 * asynchronously. `release` must be called exactly once, sent or not: deletion of the file waits for it.
 */
export interface FileRange {
  readonly file: OpenFile;
  readonly position: number;
  readonly length: number;
  readonly hot: boolean;
  release(): void;
}
