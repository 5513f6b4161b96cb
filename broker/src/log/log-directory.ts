import { join } from 'node:path';
import { ErrorCode, KafkaError } from '../protocol/errors';
import type { Files } from '../io/files';
import { LimitedFiles } from './limited-files';
import { Limiter } from './limiter';

/**
 * One entry of log.dirs. A failure of the file system there takes it offline for good: Kafka does so at any
 * IOException (ENOSPC, EIO, ESTALE, EDQUOT, …), since nothing that was not synchronised can be relied on any more.
 */
export class LogDirectory {
  #failure: Error | undefined;
  /** Fewer operations at once than the thread pool has threads, so that others get a turn when the disk hangs. */
  readonly files: Files;

  constructor(
    readonly path: string,
    files: Files,
    readonly onFailure: (directory: LogDirectory, error: Error) => void,
    concurrency = 4,
  ) {
    this.files = new LimitedFiles(files, new Limiter(concurrency));
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
