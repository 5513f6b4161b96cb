import { join } from 'node:path';
import type { Files, OpenFile } from '../io/files';

/** Entries kept in memory before the older half is only in the file. */
const mostInMemory = 1024;
const leastAllocated = 32;

/**
 * An index file that is being appended to. Its last entries are in memory (1024, where the disk is prompt or `spill` is
 * called in time) and reach the file in groups, so that an entry costs no system call of its own: what a crash loses is
 * rebuilt from the log. Memory is taken with the first entry, so an idle partition has none.
 */
export class IndexFile {
  #file: OpenFile;
  #count: number;
  /** Entries that the file has. */
  #written: number;
  /** Entries [#firstInMemory, #count). */
  #memory: Buffer = Buffer.alloc(0);
  #firstInMemory: number;
  /** What is being written. */
  #writing: Promise<void> | undefined;

  private constructor(
    readonly entryBytes: number,
    file: OpenFile,
    count: number,
  ) {
    this.#file = file;
    this.#count = count;
    this.#written = count;
    this.#firstInMemory = count;
  }

  static async create(files: Files, directory: string, name: string, entryBytes: number): Promise<IndexFile> {
    return new IndexFile(entryBytes, await files.open(join(directory, name), 'create'), 0);
  }

  /** Goes on after the first `count` entries of a file of `size` bytes; what it has behind them is cut. */
  static async open(
    files: Files,
    directory: string,
    name: string,
    entryBytes: number,
    count: number,
    size: number,
  ): Promise<IndexFile> {
    const file = await files.open(join(directory, name), 'write');
    if (size !== count * entryBytes) {
      await file.truncate(count * entryBytes).catch(async (error: unknown) => {
        await file.close().catch(() => {});
        throw error;
      });
    }
    return new IndexFile(entryBytes, file, count);
  }

  get count(): number {
    return this.#count;
  }

  get firstInMemory(): number {
    return this.#firstInMemory;
  }

  /** The entries in memory, as they lie in the file. Not to be kept. */
  get memory(): Buffer {
    return this.#memory.subarray(0, (this.#count - this.#firstInMemory) * this.entryBytes);
  }

  /** Room for one more entry, which the caller fills in: (bytes, at). */
  append(fill: (bytes: Buffer, at: number) => void): void {
    if (this.isToBeSpilled && this.#file.isPrompt) {
      this.#writePendingSync();
      this.#forgetOlderHalf();
    }
    const at = (this.#count - this.#firstInMemory) * this.entryBytes;
    if (at === this.#memory.length) {
      const larger = Buffer.alloc(Math.max(at * 2, leastAllocated * this.entryBytes));
      this.#memory.copy(larger);
      this.#memory = larger;
    }
    fill(this.#memory, at);
    this.#count++;
  }

  /** Whether so much is in memory that `spill` is to be called, where the disk is not prompt. */
  get isToBeSpilled(): boolean {
    return this.#count - this.#firstInMemory >= mostInMemory;
  }

  /** Leaves in memory what has to be there. */
  async spill(): Promise<void> {
    await this.writePending();
    while (this.isToBeSpilled) this.#forgetOlderHalf();
  }

  /** Puts what the file does not have yet into it (page cache). */
  async writePending(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
    if (this.#written === this.#count) return;
    const count = this.#count;
    // A copy: the memory moves on meanwhile.
    const bytes = Buffer.from(this.#pending);
    const writing = this.#file.write([bytes], this.#written * this.entryBytes);
    const settled = writing.catch(() => {});
    this.#writing = settled;
    try {
      await writing;
      this.#written = Math.max(this.#written, count);
    } finally {
      this.#writing = undefined;
    }
  }

  #writePendingSync(): void {
    if (this.#written < this.#count) {
      this.#file.writeSync([this.#pending], this.#written * this.entryBytes);
      this.#written = this.#count;
    }
  }

  get #pending(): Buffer {
    return this.memory.subarray((this.#written - this.#firstInMemory) * this.entryBytes);
  }

  /** All entries of the file as one buffer. */
  async readAll(): Promise<Buffer> {
    await this.writePending();
    const bytes = Buffer.allocUnsafe(this.#written * this.entryBytes);
    let at = 0;
    while (at < bytes.length) {
      const count = await this.#file.read(bytes, at, bytes.length - at, at);
      if (count === 0) {
        break;
      }
      at += count;
    }
    return bytes.subarray(0, at);
  }

  /** Keeps the first `count` entries. */
  async truncate(count: number): Promise<void> {
    if (count < this.#count) {
      await this.writePending();
      await this.#file.truncate(count * this.entryBytes);
      this.#count = count;
      this.#written = count;
      this.#memory = Buffer.alloc(0);
      this.#firstInMemory = count;
    }
  }

  async sync(): Promise<void> {
    await this.writePending();
    await this.#file.sync();
  }

  /** Closes without writing what is pending. */
  close(): Promise<void> {
    return this.#file.close();
  }

  #forgetOlderHalf(): void {
    const half = mostInMemory / 2;
    this.#memory.copyWithin(0, half * this.entryBytes);
    this.#firstInMemory += half;
  }
}
