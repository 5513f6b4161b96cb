import type { Log } from '../log/log';
import type { FetchData } from '../log/fetch-data';
import type { Logger } from '../logging/logger';
import { ErrorCode, KafkaError } from '../protocol/errors';
import type { Partition } from './partition';
import { appendAsFollower, followWatermarks } from './replica-fetcher-append';
import { truncationOffset } from './replica-fetcher-truncation';

/**
 * The copy of a partition's log into another log directory of this broker, from where the log is now (what Kafka's
 * ReplicaAlterLogDirsThread does for one partition over its LocalLeaderEndPoint).
 */
export class FutureReplicaCopy {
  readonly #partition: Partition;
  readonly #logger: Logger;
  readonly #maxBytes: number;
  /** The log that the copy was compared with, and how often it had been cut then. */
  #comparedWith: Log | undefined;
  #truncations = 0;
  /** Whether the last step has copied all that there was when it began. */
  hasReachedEnd = false;

  /** @param maxBytes what is read at a time, more only where one batch is larger */
  constructor(partition: Partition, logger: Logger, maxBytes: number) {
    this.#partition = partition;
    this.#logger = logger;
    this.#maxBytes = maxBytes;
  }

  /**
   * Copies what is next. Returns how many bytes; 0: the copy has all that the log has, or one of them is gone, or the log
   * was cut meanwhile.
   */
  async step(): Promise<number> {
    const { log, futureLog } = this.#partition;
    this.hasReachedEnd = false;
    if (futureLog === undefined) return 0;
    const { logEndOffset } = log;
    // It can have more only when the log was cut.
    if (futureLog.logEndOffset > logEndOffset) this.#comparedWith = undefined;
    await this.#truncate(log, futureLog);
    if (futureLog.logEndOffset < log.logStartOffset) {
      this.#logger.info(
        `The log of ${this.#name} begins at ${log.logStartOffset}, and its copy ends at ${futureLog.logEndOffset}: the copy begins there anew.`,
      );
      await futureLog.truncateFullyAndStartAt(log.logStartOffset);
    }
    let bytes = 0;
    const { logEndOffset: end } = log;
    if (futureLog.logEndOffset < end) {
      const records = await contentOf(await log.read(futureLog.logEndOffset, this.#maxBytes, 'logEnd', true));
      // What was cut off while it was being read may have become anything.
      if (!this.#isComparedWith(log) || this.#partition.futureLog !== futureLog) return 0;
      // The last records of the log were compacted away.
      if (records.length === 0) await futureLog.skipTo(end);
      else bytes = await this.#append(futureLog, log.logStartOffset, records);
    }
    followWatermarks(futureLog, log.highWatermark, log.logStartOffset);
    this.hasReachedEnd = futureLog.logEndOffset >= logEndOffset && this.#isComparedWith(log);
    return bytes;
  }

  /** Whether the copy has what the log has; nothing may be appended to the log meanwhile. */
  get isComplete(): boolean {
    const { log, futureLog } = this.#partition;
    return futureLog?.logEndOffset === log.logEndOffset && this.#isComparedWith(log);
  }

  get #name(): string {
    return `${this.#partition.topic}-${this.#partition.partition}`;
  }

  #isComparedWith(log: Log): boolean {
    return this.#comparedWith === log && this.#truncations === log.truncations;
  }

  /**
   * Cuts the copy to where the two have the same history. That is found out by leader epochs: the log may have been cut
   * while this broker was down.
   */
  async #truncate(log: Log, futureLog: Log): Promise<void> {
    while (!this.#isComparedWith(log)) {
      const { truncations } = log;
      const latest = futureLog.latestEpoch;
      const end = latest === undefined ? undefined : log.endOffsetForEpoch(latest);
      const answer = { leaderEpoch: end?.leaderEpoch ?? -1, offset: end?.endOffset ?? -1 };
      const fallback = Math.min(futureLog.highWatermark, log.logEndOffset);
      const { offset, completed, why } = truncationOffset(futureLog, answer, fallback);
      const isCut = offset < futureLog.logEndOffset;
      if (isCut) {
        this.#logger.info(`The copy of ${this.#name} is cut from ${futureLog.logEndOffset} to ${offset}: ${why}.`);
        await futureLog.truncateTo(offset);
      }
      // Below what was cut off another epoch is the last one.
      if (isCut && (!completed || end === undefined)) continue;
      this.#comparedWith = log;
      this.#truncations = truncations;
    }
  }

  #append(futureLog: Log, logStartOffset: number, records: Buffer): Promise<number> {
    return new Promise((resolve, reject) => {
      const { leaderEpoch } = this.#partition;
      appendAsFollower(this.#logger, futureLog, leaderEpoch, logStartOffset, records, (error, info) => {
        if (error !== undefined) reject(error);
        else resolve(info?.bytes ?? 0);
      });
    });
  }
}

async function contentOf(data: FetchData): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(data.sizeInBytes);
  let at = 0;
  try {
    for (const { file, position, length } of data.ranges) {
      for (let done = 0; done < length;) {
        const count = await file.read(bytes, at, length - done, position + done);
        if (count === 0) throw new KafkaError(ErrorCode.KAFKA_STORAGE_ERROR, `${file.path} ends early`);
        at += count;
        done += count;
      }
    }
  } finally {
    for (const range of data.ranges) range.release();
  }
  return bytes;
}
