import type { LeaderEpochCache } from './leader-epoch-cache';
import { formatLeaderEpochs, leaderEpochCheckpointName } from './leader-epoch-checkpoint';
import { storageError } from './log-directory';

/** Keeps leader-epoch-checkpoint as the cache is, in the background; changes that come meanwhile are written together. */
export class LeaderEpochWriter {
  /** The cache's version that the file has. */
  #written = 0;
  #writing: Promise<void> | undefined;

  /** @param inBackground runs what writes the file; it does not reject, and tells of failures */
  constructor(
    /** For messages: `topic-0`. */
    readonly name: string,
    readonly epochs: LeaderEpochCache,
    readonly replaceFile: (bytes: Buffer) => Promise<void>,
    readonly inBackground: (work: () => Promise<void>) => Promise<void>,
  ) {}

  /** The cache may have changed. */
  write(): void {
    if (this.#writing !== undefined || this.epochs.version === this.#written) {
      return;
    }
    this.#writing = this.inBackground(async () => {
      try {
        while (this.epochs.version !== this.#written) {
          const { version } = this.epochs;
          await this.replaceFile(formatLeaderEpochs(this.epochs.entries));
          this.#written = version;
        }
      } finally {
        // In the turn of the last look: a change that comes later begins anew.
        this.#writing = undefined;
      }
    });
  }

  /** Resolves when the file has what the cache has now. Recovery looks for epochs only behind the recovery point. */
  async written(): Promise<void> {
    const { version } = this.epochs;
    while (this.#written < version) {
      const before = this.#written;
      this.write();
      await this.#writing;
      if (this.#written === before) {
        throw storageError(`${leaderEpochCheckpointName} of ${this.name} could not be written`);
      }
    }
  }
}
