import { join } from 'node:path';
import { ErrorCode, KafkaError } from '../protocol/errors';
import { atMost, type Clock } from '../io/clock';
import type { Files } from '../io/files';
import type { Io } from '../io/io';
import type { Logger } from '../logging/logger';
import { DirectoryOperations } from './directory-operations';
import { LimitedFiles } from './limited-files';

/**
 * One entry of log.dirs. A failure of the file system there takes it offline for good: Kafka does so at any
 * IOException (ENOSPC, EIO, ESTALE, EDQUOT, …), since nothing that was not synchronised can be relied on any more.
 */
export class LogDirectory {
  #failure: Error | undefined;
  /**
   * Fewer operations at once than the thread pool has threads, so that others get a turn when the disk hangs. Its open
   * files are prompt unless the volume is remote or the disk is slow at the moment.
   */
  readonly files: Files;
  readonly #clock: Clock;
  readonly #operations: DirectoryOperations;
  /** Bytes of appends to logs in this directory that are not written yet. */
  readonly waiting: WaitingBytes = { bytes: 0 };

  /** @param threads of the pool, for this directory alone */
  constructor(
    readonly path: string,
    io: Io,
    logger: Logger,
    readonly onFailure: (directory: LogDirectory, error: Error) => void,
    threads = 8,
  ) {
    this.#clock = io.clock;
    this.#operations = new DirectoryOperations(io.clock, threads, {
      hangs: (forMs) => {
        const { underWay, waiting } = this.#operations.counts;
        logger.warn(
          `Log directory ${path} has not answered for ${seconds(forMs)}: ${underWay} operations are with it, ` +
            `${waiting} more and appends of ${this.waiting.bytes} bytes wait. The other directories go on.`,
        );
      },
      answers: (afterMs) => logger.info(`Log directory ${path} answers again, after ${seconds(afterMs)}.`),
    });
    this.files = new LimitedFiles(io.files, this.#operations);
  }

  /** Finds out on what it is, before files of it are opened. */
  async look(): Promise<void> {
    this.#operations.isRemote = (await this.files.volume(this.path)).isRemote;
  }

  get isRemote(): boolean {
    return this.#operations.isRemote;
  }

  /** Whether whoever asks it something now will wait for who knows how long. */
  get hangs(): boolean {
    return this.#operations.hangs;
  }

  /** Whether the synchronous calls of its files may be relied on to return at once. */
  get isPrompt(): boolean {
    return this.#operations.isPrompt;
  }

  /** What `work` resolves with; `undefined` when the directory hangs meanwhile, and it goes on without its caller. */
  async unlessHanging<T>(work: Promise<T>): Promise<T | undefined> {
    for (;;) {
      const result = await atMost<T, typeof notYet>(this.#clock, lookEveryMs, work, notYet);
      if (result !== notYet) return result;
      if (this.hangs) return undefined;
    }
  }

  /** No more lines in the log about hanging. */
  close(): void {
    this.#operations.close();
  }

  get failure(): Error | undefined {
    return this.#failure;
  }

  /** Throws KAFKA_STORAGE_ERROR once the directory has failed. */
  checkOnline(): void {
    if (this.#failure !== undefined) {
      throw storageError(`log directory ${this.path} is offline since: ${this.#failure.message}`);
    }
  }

  /**
   * What to tell the caller about an error that came up while `doing` something here. Errors of the system take the
   * directory offline and become KAFKA_STORAGE_ERROR; others stay as they are.
   */
  failed(error: unknown, doing: string): Error {
    if (!isSystemError(error)) {
      return error instanceof Error ? error : new Error(String(error));
    }
    return this.unusable(error, doing);
  }

  /** The same for an error of any kind, where what is on disk cannot be made right without loading it anew. */
  unusable(error: unknown, doing: string): Error {
    const failure = error instanceof Error ? error : new Error(String(error));
    if (this.#failure === undefined) {
      this.#failure = failure;
      this.onFailure(this, failure);
    }
    return storageError(`${doing} in log directory ${this.path} failed: ${failure.message}`);
  }

  join(...names: string[]): string {
    return join(this.path, ...names);
  }
}

const notYet = Symbol('not yet');
/** How often it is looked at whether a directory hangs for which somebody waits, milliseconds. */
const lookEveryMs = 500;

/** Bytes that wait, counted over all that share the object. */
export interface WaitingBytes {
  bytes: number;
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1000)} s`;
}

/** EBADF: a file that was closed here; EMFILE, ENFILE: this process or machine has too many open. */
const notOfTheDisk = ['EBADF', 'EMFILE', 'ENFILE'];

/** Errors of the file system (ENOSPC, EIO, ESTALE, …). */
export function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  return typeof code === 'string' && /^E[A-Z0-9]+$/.test(code) && !notOfTheDisk.includes(code);
}

export function storageError(message: string): KafkaError {
  return new KafkaError(ErrorCode.KAFKA_STORAGE_ERROR, message);
}
