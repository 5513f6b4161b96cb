import type { Timer } from '../io/clock';
import type { Io } from '../io/io';
import type { Logger } from '../logging/logger';
import { KafkaError } from '../protocol/errors';
import type { CleanerConfig } from './cleaner-config';
import { Abandoned, Cleaning } from './cleaning';
import type { Log } from './log';
import { isSystemError, type LogDirectory } from './log-directory';
import { logToClean, type LogToClean } from './log-to-clean';
import { OffsetCheckpoint, OffsetCheckpointName } from './offset-checkpoint';
import { Throttle } from './throttle';
import { partitionName } from './topic-partition';

export interface LogCleanerOptions {
  readonly config: CleanerConfig;
  /** All logs; those with cleanup.policy compact are cleaned. */
  readonly logs: () => Iterable<Log>;
}

/**
 * Keeps the last record of each key in logs with cleanup.policy compact (Kafka's LogCleaner and LogCleanerManager): the
 * log that has the largest share of uncleaned bytes first. Which keys are in its dirty part is noted in a map; then its
 * segments are copied without the records that a later one of the same key replaces, without aborted transactions, and
 * without tombstones and markers whose time is over. The copying is done in jobs; a copy takes its segments' place when
 * it is on the disk. cleaner-offset-checkpoint says up to where each log is clean.
 */
export class LogCleaner {
  readonly #io: Io;
  readonly #logger: Logger;
  readonly #logs: () => Iterable<Log>;
  readonly #throttle: Throttle;
  readonly #checkpoints = new Map<LogDirectory, OffsetCheckpoint>();
  /** Up to where the logs are clean, by directory and partition name. */
  readonly #cleaned = new Map<LogDirectory, Map<string, number>>();
  /** Logs that are being cleaned, or whose old segments are being deleted. */
  readonly #inProgress = new Map<Log, Promise<void>>();
  readonly #uncleanable = new Set<Log>();
  readonly #forgotten = new Set<Log>();
  readonly #resting = new Set<() => void>();
  readonly #threads = new Set<Promise<void>>();
  #config: CleanerConfig;
  #running = 0;
  #maxDirtyRatio = 0;
  #lastRunMs: number;
  #stopped = false;

  constructor(io: Io, logger: Logger, { config, logs }: LogCleanerOptions) {
    this.#io = io;
    this.#logger = logger;
    this.#config = config;
    this.#logs = logs;
    this.#lastRunMs = io.clock.monotonicMs();
    this.#throttle = new Throttle(io.clock, config.ioMaxBytesPerSecond);
  }

  /** Takes over the directory's checkpoint, before logs of it are cleaned. */
  async addDirectory(directory: LogDirectory): Promise<void> {
    const checkpoint = new OffsetCheckpoint(directory.files, directory.path, OffsetCheckpointName.CLEANER_OFFSET);
    this.#checkpoints.set(directory, checkpoint);
    try {
      this.#cleaned.set(directory, await checkpoint.read());
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error;
      this.#logger.warn(`Logs are cleaned from their beginning: ${error.message}.`);
      this.#cleaned.set(directory, new Map());
    }
  }

  /** Begins to clean, as many logs at once as there are threads. */
  start(): void {
    while (!this.#stopped && this.#running < this.#config.threads) {
      this.#running++;
      const thread: Promise<void> = this.#work().finally(() => {
        this.#running--;
        this.#threads.delete(thread);
      });
      this.#threads.add(thread);
    }
  }

  /** The configuration has changed; cleanings under way go on as they began. */
  reconfigure(config: CleanerConfig): void {
    this.#config = config;
    this.#throttle.perSecond = config.ioMaxBytesPerSecond;
    this.#wake();
    this.start();
  }

  /** Gives up what is under way. */
  async shutdown(): Promise<void> {
    this.#stopped = true;
    this.#wake();
    await Promise.all(this.#threads);
  }

  /** Up to where the log is clean; `undefined`: nothing is known of it. */
  cleanedUpTo(log: Log): number | undefined {
    return this.#cleaned.get(log.directory)?.get(partitionName(log.topicPartition));
  }

  /** Logs that could not be cleaned and are left alone until the next start. */
  get uncleanableLogs(): readonly Log[] {
    return [...this.#uncleanable].filter(({ isClosed }) => !isClosed);
  }

  /** Share of the log that needs it most which is not clean, as of the last look. */
  get maxDirtyRatio(): number {
    return this.#maxDirtyRatio;
  }

  get msSinceLastRun(): number {
    return this.#io.clock.monotonicMs() - this.#lastRunMs;
  }

  /** Whether this log is cleaned, retention included. */
  cares(log: Log): boolean {
    return this.#inProgress.has(log) || (log.config.cleanupCompact && !this.#uncleanable.has(log));
  }

  /** `log` is gone, and `logs` does not have it any more: waits until nothing is written into its directory. */
  async forget(log: Log): Promise<void> {
    this.#forgotten.add(log);
    this.#wake();
    await this.#inProgress.get(log);
    this.#forgotten.delete(log);
    this.#uncleanable.delete(log);
    const cleaned = this.#cleaned.get(log.directory);
    if (cleaned?.delete(partitionName(log.topicPartition)) === true) {
      await this.#write(log.directory);
    }
  }

  /** The log is left alone until it is resumed, replaced or forgotten; resolves when nothing is being done to it. */
  async pause(log: Log): Promise<void> {
    this.#forgotten.add(log);
    this.#wake();
    await this.#inProgress.get(log);
  }

  resume(log: Log): void {
    this.#forgotten.delete(log);
  }

  /** `log`, in another directory, is in the place of `former`, and as clean. */
  async replaced(former: Log, log: Log): Promise<void> {
    const offset = this.cleanedUpTo(former);
    if (offset !== undefined) {
      this.#cleaned.get(log.directory)?.set(partitionName(log.topicPartition), offset);
      await this.#write(log.directory);
    }
    await this.forget(former);
  }

  /** The log is being cut at `offset`. */
  async truncated(log: Log, offset: number): Promise<void> {
    const cleaned = this.#cleaned.get(log.directory);
    const name = partitionName(log.topicPartition);
    if ((cleaned?.get(name) ?? -1) > offset) {
      cleaned!.set(name, offset);
      await this.#write(log.directory);
    }
  }

  async #write(directory: LogDirectory): Promise<void> {
    const offsets = [...this.#logs()].flatMap((log) => {
      const offset = log.directory === directory ? this.cleanedUpTo(log) : undefined;
      return offset === undefined ? [] : [{ topicPartition: log.topicPartition, offset }];
    });
    try {
      await this.#checkpoints.get(directory)?.write(offsets);
    } catch (error) {
      this.#logger.error(`A checkpoint of ${directory.path} cannot be written.`, {
        error: directory.failed(error, 'writing a checkpoint'),
      });
    }
  }

  // --- what a thread does ---

  async #work(): Promise<void> {
    while (!this.#stopped && this.#running <= this.#config.threads) {
      let didClean = false;
      try {
        didClean = await this.cleanFilthiest();
        await this.#deleteOldSegments();
      } catch (error) {
        this.#logger.error('Cleaning logs failed; it goes on after a rest.', { error });
      }
      if (!didClean) {
        await this.#rest(this.#config.backoffMs);
      }
    }
  }

  #rest(ms: number): Promise<void> {
    if (this.#stopped) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = () => {
        timer.cancel();
        this.#resting.delete(wake);
        resolve();
      };
      const timer: Timer = this.#io.clock.timer(ms, wake);
      this.#resting.add(wake);
    });
  }

  #wake(): void {
    for (const wake of [...this.#resting]) wake();
  }

  /** Retention in compacted logs, which must not meet with their cleaning. */
  async #deleteOldSegments(): Promise<void> {
    for (const log of [...this.#logs()]) {
      if (!this.#stopped && log.config.cleanupCompact && !log.isClosed && this.#mayBegin(log)) {
        await this.#exclusively(log, async () => {
          await log.deleteOldSegments().catch((error: unknown) => {
            if (!log.isClosed) {
              this.#logger.error(`Retention of ${partitionName(log.topicPartition)} failed.`, { error });
            }
          });
        });
      }
    }
  }

  #mayBegin(log: Log): boolean {
    return (
      !this.#inProgress.has(log) &&
      !this.#uncleanable.has(log) &&
      !this.#forgotten.has(log) &&
      log.directory.failure === undefined
    );
  }

  async #exclusively(log: Log, work: () => Promise<void>): Promise<void> {
    const running = work();
    const settled = running.catch(() => {});
    this.#inProgress.set(log, settled);
    try {
      await running;
    } finally {
      this.#inProgress.delete(log);
    }
  }

  /** Cleans the log that needs it most; returns whether there was one. */
  async cleanFilthiest(): Promise<boolean> {
    const wallMs = this.#io.clock.wallMs();
    this.#lastRunMs = this.#io.clock.monotonicMs();
    let maxDirtyRatio = 0;
    let filthiest: LogToClean | undefined;
    const wrong: LogToClean[] = [];
    for (const log of [...this.#logs()]) {
      if (!log.config.cleanupCompact || log.isClosed || !this.#mayBegin(log)) {
        continue;
      }
      const candidate = await logToClean(log, this.cleanedUpTo(log), wallMs).catch((error: unknown) => {
        this.#failed(log, error, 'finding out what there is to clean');
        return undefined;
      });
      if (candidate === undefined) continue;
      if (candidate.isCheckpointWrong) wrong.push(candidate);
      maxDirtyRatio = Math.max(maxDirtyRatio, candidate.cleanableRatio);
      const isDirty =
        candidate.cleanableBytes > 0 &&
        (candidate.needsCompactionNow || candidate.cleanableRatio > log.config.minCleanableDirtyRatio);
      if (isDirty && (filthiest === undefined || candidate.cleanableRatio > filthiest.cleanableRatio)) {
        filthiest = candidate;
      }
    }
    this.#maxDirtyRatio = maxDirtyRatio;
    for (const { log, firstDirtyOffset } of wrong) {
      await this.#cleanedTo(log, firstDirtyOffset, 'its checkpoint is not one of its offsets');
    }
    const chosen = filthiest;
    // Another thread may have been faster while this one looked.
    if (chosen === undefined || this.#stopped || chosen.log.isClosed || !this.#mayBegin(chosen.log)) {
      return false;
    }
    await this.#exclusively(chosen.log, () => this.#clean(chosen));
    return true;
  }

  async #cleanedTo(log: Log, offset: number, why?: string): Promise<void> {
    const name = partitionName(log.topicPartition);
    if (why !== undefined && !(log.config.cleanupDelete && (this.cleanedUpTo(log) ?? 0) < offset)) {
      this.#logger.warn(`${name} is cleaned from offset ${offset} on: ${why} (${this.cleanedUpTo(log)}).`);
    }
    this.#cleaned.get(log.directory)?.set(name, offset);
    await this.#write(log.directory);
  }

  async #clean(toClean: LogToClean): Promise<void> {
    const { log, firstDirtyOffset } = toClean;
    const name = partitionName(log.topicPartition);
    const began = this.#io.clock.monotonicMs();
    try {
      const isOver = () => this.#stopped || this.#forgotten.has(log);
      const rest = (ms: number) => this.#rest(ms);
      const context = { io: this.#io, config: this.#config, throttle: this.#throttle, isOver, rest };
      const cleaning = new Cleaning(context, toClean);
      const end = await cleaning.run();
      if (log.isClosed || this.#forgotten.has(log)) return;
      await this.#cleanedTo(log, end);
      const seconds = (this.#io.clock.monotonicMs() - began) / 1000;
      const { bytesRead, bytesWritten, recordsRead, recordsWritten, invalidRecords } = cleaning.stats;
      this.#logger.info(
        `Cleaned ${name} from offset ${firstDirtyOffset} to ${end} in ${seconds.toFixed(1)} s: ` +
          `${recordsWritten} of ${recordsRead} records and ${bytesWritten} of ${bytesRead} bytes stay; ` +
          `the offset map was filled to ${Math.round(cleaning.mapUtilization * 100)} %.`,
      );
      if (invalidRecords > 0) {
        this.#logger.warn(`${invalidRecords} records without a key were dropped from ${name}, which is compacted.`);
      }
    } catch (error) {
      if (!(error instanceof Abandoned)) {
        this.#failed(log, error, `cleaning ${name}`);
      }
    }
  }

  #failed(log: Log, error: unknown, doing: string): void {
    if (log.isClosed || this.#stopped || this.#forgotten.has(log)) {
      return;
    }
    const name = partitionName(log.topicPartition);
    if (isSystemError(error)) {
      log.directory.failed(error, doing);
      return;
    }
    this.#uncleanable.add(log);
    this.#logger.error(`${name} cannot be cleaned and is left as it is until the next start: ${String(error)}.`, {
      error,
    });
  }
}
