import type { Logger } from '../logging/logger';
import type { Log } from './log';
import { type LogDirectory, storageError } from './log-directory';
import { OffsetCheckpoint, OffsetCheckpointName, type PartitionOffset } from './offset-checkpoint';

/**
 * The checkpoints of one log directory: what of its logs a start has to know before it reads them. Each write names all
 * logs that are in the directory, and returns why it could not be done, which the log tells, too.
 */
export class LogCheckpoints {
  readonly #recoveryPoints: OffsetCheckpoint;
  readonly #logStartOffsets: OffsetCheckpoint;
  readonly #highWatermarks: OffsetCheckpoint;
  #isClosed = false;

  /** @param logs of all directories */
  constructor(
    readonly directory: LogDirectory,
    readonly logger: Logger,
    readonly logs: () => Iterable<Log>,
  ) {
    const checkpoint = (name: string) => new OffsetCheckpoint(directory.files, directory.path, name);
    this.#recoveryPoints = checkpoint(OffsetCheckpointName.RECOVERY_POINT);
    this.#logStartOffsets = checkpoint(OffsetCheckpointName.LOG_START_OFFSET);
    this.#highWatermarks = checkpoint(OffsetCheckpointName.REPLICATION_OFFSET);
  }

  /** recovery-point-offset-checkpoint */
  writeRecoveryPoints(): Promise<Error | undefined> {
    return this.#write(this.#recoveryPoints, (log) => log.recoveryPoint);
  }

  /** log-start-offset-checkpoint: of the logs that do not start with their first segment. */
  writeLogStartOffsets(): Promise<Error | undefined> {
    return this.#write(this.#logStartOffsets, (log) =>
      log.logStartOffset > log.firstSegmentBaseOffset ? log.logStartOffset : undefined,
    );
  }

  /** replication-offset-checkpoint */
  writeHighWatermarks(): Promise<Error | undefined> {
    return this.#write(this.#highWatermarks, (log) => log.highWatermark);
  }

  /** All three; the first error. */
  async writeAll(): Promise<Error | undefined> {
    const [start, recovery] = [await this.writeLogStartOffsets(), await this.writeRecoveryPoints()];
    return start ?? recovery ?? this.writeHighWatermarks();
  }

  /** Nothing is written any more: the directory is given back. */
  close(): void {
    this.#isClosed = true;
  }

  async #write(checkpoint: OffsetCheckpoint, offsetOf: (log: Log) => number | undefined): Promise<Error | undefined> {
    if (this.#isClosed) return storageError(`the checkpoints of ${this.directory.path} are closed`);
    try {
      await checkpoint.write(this.#offsets(offsetOf));
      return undefined;
    } catch (error) {
      const failure = this.directory.failed(error, 'writing a checkpoint');
      this.logger.error(`A checkpoint of ${this.directory.path} cannot be written.`, { error: failure });
      return failure;
    }
  }

  #offsets(of: (log: Log) => number | undefined): PartitionOffset[] {
    const offsets: PartitionOffset[] = [];
    for (const log of this.logs()) {
      const offset = log.directory === this.directory ? of(log) : undefined;
      if (offset !== undefined) {
        offsets.push({ topicPartition: log.topicPartition, offset });
      }
    }
    return offsets;
  }
}
