import type { Logger } from '../logging/logger';
import { ErrorCode, KafkaError } from '../protocol/errors';
import type { Log } from './log';
import { LogDirError } from './log-dirs';
import { partitionName } from './topic-partition';

/** How logs are taken away, in the background. */
export interface LogRemoval {
  remove(log: Log): Promise<void>;
  /** `by` has taken the place of `log`. */
  removeReplaced(log: Log, by: Log): Promise<void>;
}

/**
 * Finds, at start, partitions that two log directories have, since the process ended while they were moved from one to
 * the other, and decides which log counts. Kafka does not start on them.
 */
export class InterruptedMoves {
  readonly #again: { readonly log: Log; readonly isFuture: boolean }[] = [];

  /**
   * @param logs the logs of the partitions, by name
   * @param futures the copies that go on being made, by name
   */
  constructor(
    readonly logger: Logger,
    readonly logs: Map<string, Log>,
    readonly futures: Map<string, Log>,
    readonly removal: LogRemoval,
  ) {}

  /** Takes over what a directory has. Of a partition that another one has, too, nothing is decided yet. */
  add(logs: readonly Log[], futures: readonly Log[]): void {
    this.#add(logs, this.logs, false);
    this.#add(futures, this.futures, true);
  }

  #add(found: readonly Log[], known: Map<string, Log>, isFuture: boolean): void {
    for (const log of found) {
      const name = partitionName(log.topicPartition);
      if (known.has(name)) this.#again.push({ log, isFuture });
      else known.set(name, log);
    }
  }

  /**
   * Decides, once all directories are there. One that fails meanwhile is offline, as always. Throws LogDirError when it
   * cannot be known which of two logs is the newer one.
   */
  async settle(): Promise<void> {
    for (const { log, isFuture } of this.#again) {
      try {
        await (isFuture ? this.#settleFutures(log) : this.#settleMove(log));
      } catch (error) {
        if (!(error instanceof KafkaError) || error.code !== ErrorCode.KAFKA_STORAGE_ERROR) throw error;
        const name = partitionName(log.topicPartition);
        this.logger.error(`What a move of ${name} has left cannot be removed.`, { error });
      }
    }
  }

  /** A move took the place of another one, whose copy came back with a loss of power. */
  async #settleFutures(one: Log): Promise<void> {
    const name = partitionName(one.topicPartition);
    const other = this.futures.get(name);
    if (other === undefined) return; // gone with its directory; a move can be asked for again
    const [kept, gone] = isAhead(one, other) ? [one, other] : [other, one];
    this.futures.set(name, kept);
    this.logger.warn(
      `${name} has two copies on their way to other directories: ${kept.path}, which ends at ${kept.logEndOffset}, is ` +
        `kept, and ${gone.path}, which ends at ${gone.logEndOffset}, is deleted.`,
    );
    await this.removal.remove(gone);
  }

  /** A move ended with the process, after the copy had its name and before the old log was gone. */
  async #settleMove(one: Log): Promise<void> {
    const name = partitionName(one.topicPartition);
    const other = this.logs.get(name);
    if (other === undefined) {
      if (one.directory.failure === undefined) this.logs.set(name, one);
      return;
    }
    const moved = [await one.hasMoved(), await other.hasMoved()];
    if (moved[0] === moved[1]) {
      throw new LogDirError(
        `partition ${name} is in two log directories, ${one.logDir} and ${other.logDir}. ` +
          'Find out which is the older one (its segments end earlier), and remove that.',
      );
    }
    const [to, from] = moved[0] ? [one, other] : [other, one];
    // When the new directory failed in that moment, the old log has gone on.
    const [newer, older] = isAhead(from, to) ? [from, to] : [to, from];
    this.logger.warn(
      `${name} was being moved from ${from.logDir} to ${to.logDir}: the log in ${newer.logDir}, which ends at ` +
        `${newer.logEndOffset}, is kept, and the one in ${older.logDir}, which ends at ${older.logEndOffset}, is deleted.`,
    );
    this.logs.set(name, newer);
    // The older one has been told of a deletion of records that the other one has missed.
    const start = Math.min(older.logStartOffset, newer.highWatermark);
    if (start > newer.logStartOffset) newer.maybeIncrementLogStartOffset(start);
    await this.removal.removeReplaced(older, newer);
  }
}

function isAhead(one: Log, other: Log): boolean {
  const [epoch, otherEpoch] = [one.latestEpoch ?? -1, other.latestEpoch ?? -1];
  return epoch === otherEpoch ? one.logEndOffset > other.logEndOffset : epoch > otherEpoch;
}
