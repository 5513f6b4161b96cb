import type { Timer } from '../io/clock';
import type { Io } from '../io/io';
import type { Logger } from '../logging/logger';
import { KafkaError } from '../protocol/errors';
import type { CleanerConfig } from './cleaner-config';
import { Abandoned, Cleaning } from './cleaning';
import { HangWatch } from './hang-watch';
import type { Log } from './log';
import { isSystemError, type LogDirectory } from './log-directory';
import { logToClean, type LogToClean } from './log-to-clean';
import { OffsetMapPool, type MapMemory } from './offset-map-pool';
import { OffsetCheckpoint, OffsetCheckpointName } from './offset-checkpoint';
import { Throttle } from './throttle';
import { partitionName } from './topic-partition';

export interface LogCleanerOptions {
  readonly config: CleanerConfig;
  /** All logs; those with cleanup.policy compact are cleaned. */
  readonly logs: () => Iterable<Log>;
}

/** A directory whose logs are cleaned. */
interface Place {
  readonly directory: LogDirectory;
  readonly checkpoint: OffsetCheckpoint;
  /** Up to where the logs are clean, by partition name. */
  readonly cleaned: Map<string, number>;
  readonly watch: HangWatch;
}

/** A log whose cleaning failed for a reason that may go. */
interface PutOff {
  readonly forMs: number;
  readonly untilMs: number;
}

const shortestPutOffMs = 15_000;
const longestPutOffMs = 10 * 60_000;

/** Want of space in a copy that is no part of the log yet, or of files, memory and threads of this process. */
const passing = ['ENOSPC', 'EDQUOT', 'EMFILE', 'ENFILE', 'EAGAIN', 'ENOMEM', 'EBADF'];

/** Logs that are looked at in one turn of the event loop. */
const logsATurn = 32;

/**
 * Keeps the last record of each key in logs with cleanup.policy compact (Kafka's LogCleaner and LogCleanerManager): the
 * log that has the largest share of uncleaned bytes first. Which keys are in its dirty part is noted in a map; then its
 * segments are copied without the records that a later one of the same key replaces, without aborted transactions, and
 * without tombstones and markers whose time is over. The copying is done in jobs; a copy takes its segments' place when
 * it is on the disk. cleaner-offset-checkpoint says up to where each log is clean.
 *
 * A directory that hangs holds up nobody else: whoever waits for it goes on with the logs of others, and comes back when
 * it answers again.
 */
export class LogCleaner {
  readonly #io: Io;
  readonly #logger: Logger;
  readonly #logs: () => Iterable<Log>;
  readonly #throttle: Throttle;
  readonly #maps = new OffsetMapPool();
  readonly #places = new Map<LogDirectory, Place>();
  /** Logs that are being cleaned, or whose old segments are being deleted. */
  readonly #inProgress = new Map<Log, Promise<void>>();
  readonly #uncleanable = new Set<Log>();
  readonly #forgotten = new Set<Log>();
  readonly #putOff = new WeakMap<Log, PutOff>();
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
    let cleaned = new Map<string, number>();
    try {
      cleaned = (await checkpoint.read()) ?? cleaned;
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error;
      this.#logger.warn(`Logs are cleaned from their beginning: ${error.message}.`);
    }
    this.#places.set(directory, { directory, checkpoint, cleaned, watch: new HangWatch(this.#io.clock) });
    this.#maps.configure(this.#config, this.#places.size);
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
    this.#maps.configure(config, this.#places.size);
    this.#throttle.perSecond = config.ioMaxBytesPerSecond;
    this.#wake();
    this.start();
  }

  /** Gives up what is under way. */
  async shutdown(): Promise<void> {
    this.#stopped = true;
    this.#wake();
    await Promise.all([...this.#threads, ...this.#inProgress.values()]);
  }

  /** Up to where the log is clean; `undefined`: nothing is known of it. */
  cleanedUpTo(log: Log): number | undefined {
    return this.#cleanedIn(log.directory)?.get(partitionName(log.topicPartition));
  }

  #cleanedIn(directory: LogDirectory): Map<string, number> | undefined {
    return this.#places.get(directory)?.cleaned;
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

  /** Whether this one of the logs is cleaned, retention included: another's would have its cleaning begin anew. */
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
    const cleaned = this.#cleanedIn(log.directory);
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
      this.#cleanedIn(log.directory)?.set(partitionName(log.topicPartition), offset);
      await this.#write(log.directory);
    }
    await this.forget(former);
  }

  /** The log is being cut at `offset`. */
  async truncated(log: Log, offset: number): Promise<void> {
    const cleaned = this.#cleanedIn(log.directory);
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
      await this.#places.get(directory)?.checkpoint.write(offsets);
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
    await this.#inEachPlace((place) => this.#deleteOldSegmentsIn(place));
  }

  async #deleteOldSegmentsIn({ directory, watch }: Place): Promise<void> {
    for await (const log of this.#logsIn(directory)) {
      if (!this.#mayBegin(log)) continue; // no more, since it was looked at
      await this.#exclusively(log, async () => {
        await watch
          .during(() => log.deleteOldSegments())
          .catch((error: unknown) => {
            if (!log.isClosed) {
              this.#logger.error(`Retention of ${partitionName(log.topicPartition)} failed.`, { error });
            }
          });
      });
    }
  }

  /** Does something in all directories that answer, at once; of those that hang meanwhile there is no result. */
  async #inEachPlace<T>(work: (place: Place) => Promise<T>): Promise<T[]> {
    const places = [...this.#places.values()].filter(({ watch }) => !watch.hangs);
    const results = await Promise.all(places.map((place) => place.watch.unlessHangs(work(place))));
    return results.filter((result) => result !== undefined);
  }

  /** The logs that may be cleaned now. Others get a turn in between. */
  async *#logsIn(directory: LogDirectory): AsyncGenerator<Log> {
    const logs = [...this.#logs()].filter((log) => log.directory === directory);
    for (const [index, log] of logs.entries()) {
      if (this.#stopped) return;
      if (index % logsATurn === logsATurn - 1) {
        await new Promise<void>((resolve) => this.#io.clock.defer(resolve));
      }
      if (log.config.cleanupCompact && !log.isClosed && this.#mayBegin(log)) yield log;
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
    this.#lastRunMs = this.#io.clock.monotonicMs();
    const found = await this.#inEachPlace((place) => this.#filthiestIn(place));
    this.#maxDirtyRatio = Math.max(0, ...found.map(({ maxDirtyRatio }) => maxDirtyRatio));
    let chosen: LogToClean | undefined;
    for (const { filthiest } of found) {
      if (filthiest !== undefined && filthiest.cleanableRatio > (chosen?.cleanableRatio ?? -1)) chosen = filthiest;
    }
    // Another thread may have been faster while this one looked.
    if (chosen === undefined || this.#stopped || chosen.log.isClosed || !this.#mayBegin(chosen.log)) {
      return false;
    }
    const { log } = chosen;
    const memory = this.#maps.take(log.directory);
    if (memory === undefined) return false;
    const toClean = chosen;
    const cleaning = this.#exclusively(log, () => this.#clean(toClean, memory)).finally(() => this.#maps.give(memory));
    await this.#places.get(log.directory)?.watch.unlessHangs(cleaning);
    return true;
  }

  async #filthiestIn({ directory, cleaned, watch }: Place): Promise<{
    readonly filthiest: LogToClean | undefined;
    readonly maxDirtyRatio: number;
  }> {
    const wallMs = this.#io.clock.wallMs();
    let maxDirtyRatio = 0;
    let filthiest: LogToClean | undefined;
    let isCheckpointWrong = false;
    for await (const log of this.#logsIn(directory)) {
      if ((this.#putOff.get(log)?.untilMs ?? 0) > this.#io.clock.monotonicMs()) continue;
      const candidate = await watch
        .during(() => logToClean(log, this.cleanedUpTo(log), wallMs))
        .catch((error: unknown) => {
          this.#failed(log, error, 'finding out what there is to clean');
          return undefined;
        });
      if (candidate === undefined) continue;
      if (candidate.isCheckpointWrong) {
        this.#warnOfCheckpoint(candidate);
        cleaned.set(partitionName(log.topicPartition), candidate.firstDirtyOffset);
        isCheckpointWrong = true;
      }
      maxDirtyRatio = Math.max(maxDirtyRatio, candidate.cleanableRatio);
      const isDirty =
        candidate.cleanableBytes > 0 &&
        (candidate.needsCompactionNow || candidate.cleanableRatio > log.config.minCleanableDirtyRatio);
      if (isDirty && (filthiest === undefined || candidate.cleanableRatio > filthiest.cleanableRatio)) {
        filthiest = candidate;
      }
    }
    if (isCheckpointWrong) await this.#write(directory);
    return { filthiest, maxDirtyRatio };
  }

  #warnOfCheckpoint({ log, firstDirtyOffset }: LogToClean): void {
    const checkpointed = this.cleanedUpTo(log) ?? 0;
    if (log.config.cleanupDelete && checkpointed < firstDirtyOffset) return; // retention was there
    this.#logger.warn(
      `${partitionName(log.topicPartition)} is cleaned from offset ${firstDirtyOffset} on: ` +
        `its checkpoint is not one of its offsets (${checkpointed}).`,
    );
  }

  async #cleanedTo(log: Log, offset: number): Promise<void> {
    this.#cleanedIn(log.directory)?.set(partitionName(log.topicPartition), offset);
    await this.#write(log.directory);
  }

  async #clean(toClean: LogToClean, memory: MapMemory): Promise<void> {
    const { log, firstDirtyOffset } = toClean;
    const { watch } = this.#places.get(log.directory)!;
    const name = partitionName(log.topicPartition);
    const began = this.#io.clock.monotonicMs();
    try {
      const cleaning = new Cleaning(
        {
          io: this.#io,
          config: this.#config,
          throttle: this.#throttle,
          memory: memory.buffer,
          during: (operation) => watch.during(operation),
          progress: (message) => this.#logger.warn(`The cleaning of ${name}: ${message}.`),
          isOver: () => this.#stopped || this.#forgotten.has(log) || !log.config.cleanupCompact,
          rest: (ms) => this.#rest(ms),
        },
        toClean,
      );
      const end = await cleaning.run();
      if (log.isClosed || this.#forgotten.has(log)) return;
      this.#putOff.delete(log);
      await this.#cleanedTo(log, end);
      const seconds = (this.#io.clock.monotonicMs() - began) / 1000;
      const { bytesRead, bytesWritten, recordsRead, recordsWritten, invalidRecords, unreadBatches } = cleaning.stats;
      this.#logger.info(
        `Cleaned ${name} from offset ${firstDirtyOffset} to ${end} in ${seconds.toFixed(1)} s: ` +
          `${recordsWritten} of ${recordsRead} records and ${bytesWritten} of ${bytesRead} bytes stay; ` +
          `the offset map was filled to ${Math.round(cleaning.mapUtilization * 100)} %.`,
      );
      if (unreadBatches > 0) {
        this.#logger.warn(
          `${unreadBatches} batches of ${name} unpack to more than is taken into memory: ` +
            'they stay as they are, and so do the tombstones behind them.',
        );
      }
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
    if (isPassing(error)) {
      const forMs = Math.min(longestPutOffMs, 2 * (this.#putOff.get(log)?.forMs ?? shortestPutOffMs / 2));
      this.#putOff.set(log, { forMs, untilMs: this.#io.clock.monotonicMs() + forMs });
      this.#logger.warn(
        `${name} could not be cleaned and is as it was; the next try is in ${forMs / 1000} s: ${String(error)}.`,
      );
      return;
    }
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

function isPassing(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code } = error as { readonly code?: unknown };
  if (typeof code === 'string' && (passing.includes(code) || code.startsWith('ERR_WORKER_'))) return true;
  return isPassing(error.cause);
}
