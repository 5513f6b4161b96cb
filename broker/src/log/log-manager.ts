import { atMost, sleep, type Timer } from '../io/clock';
import type { FileLock, Volume } from '../io/files';
import type { Io } from '../io/io';
import type { Logger } from '../logging/logger';
import { ErrorCode, KafkaError } from '../protocol/errors';
import { cleanShutdownName, formatCleanShutdown } from './clean-shutdown-file';
import type { CleanerConfig } from './cleaner-config';
import { HotTail } from './hot-tail';
import { IndexCache } from './index-cache';
import { InterruptedMoves } from './interrupted-moves';
import { type LastCopy, Log, type LogEnvironment } from './log';
import { LogCheckpoints } from './log-checkpoints';
import { LogCleaner } from './log-cleaner';
import type { LogConfig } from './log-config';
import { eachLimited, loadLogDirectory, type LoadedDirectory } from './log-dir-loader';
import { LogDirError, lockDirectory, MetaPropertiesOfDirs } from './log-dirs';
import { isSystemError, LogDirectory, storageError } from './log-directory';
import { deletedDirectoryName, futureDirectoryName } from './partition-directory';
import { formatPartitionMetadata, partitionMetadataName } from './partition-metadata';
import { ReplacedLogs } from './replaced-logs';
import { partitionName, type TopicPartition } from './topic-partition';

export interface LogManagerOptions {
  /** log.dirs, absolute or relative to the working directory. */
  readonly logDirs: readonly string[];
  readonly defaultConfig: LogConfig;
  /** Configuration of a topic whose logs are found at start; by default `defaultConfig`. */
  readonly topicConfig?: (topic: string) => LogConfig;
  /** num.recovery.threads.per.data.dir */
  readonly recoveryThreadsPerDataDir?: number;
  /** log.flush.scheduler.interval.ms */
  readonly flushCheckMs?: number;
  /** log.flush.offset.checkpoint.interval.ms */
  readonly flushRecoveryOffsetCheckpointMs?: number;
  /** log.flush.start.offset.checkpoint.interval.ms */
  readonly flushStartOffsetCheckpointMs?: number;
  /** log.retention.check.interval.ms */
  readonly retentionCheckMs?: number;
  /** producer.id.expiration.ms */
  readonly producerIdExpirationMs?: number;
  /** transaction.partition.verification.enable, now @default false */
  readonly transactionVerificationEnabled?: () => boolean;
  /** producer.id.expiration.check.interval.ms */
  readonly producerIdExpirationCheckMs?: number;
  /** log.cleaner.*; `undefined`: logs are not compacted (log.cleaner.enable). */
  readonly cleaner?: CleanerConfig;
  /** What may be kept of the indexes of segments, over all logs. */
  readonly indexCacheBytes?: number;
  /** How much of what was appended last is taken to be in the page cache. */
  readonly hotBytes?: number;
  /** How long a directory that does not answer is waited for at a shutdown, milliseconds. */
  readonly shutdownPatienceMs?: number;
  /** Bytes of appends that may wait for one log. */
  readonly maxWaitingBytes?: number;
  /**
   * Once for each directory that fails; its logs are gone from the manager by then, those of `partitions` and the copies
   * of `futures` that were on their way into it. With `liveLogDirs` empty the broker has to stop.
   */
  readonly onOffline?: (
    logDir: string,
    partitions: readonly TopicPartition[],
    error: Error,
    futures: readonly TopicPartition[],
  ) => void;
}

const mebibyte = 1024 * 1024;
const closeConcurrency = 16;
/** What one log directory may take of the thread pool at most. */
const mostThreadsPerDir = 8;
/** How long others wait for a directory that may be about to hang, milliseconds. */
const slowDirectoryMs = 2_000;
/** How often it is looked at whether there is anything left to wait for, milliseconds. */
const patienceCheckMs = 500;

const defaults = {
  recoveryThreadsPerDataDir: 1,
  flushCheckMs: Infinity,
  flushRecoveryOffsetCheckpointMs: 60_000,
  flushStartOffsetCheckpointMs: 60_000,
  retentionCheckMs: 300_000,
  producerIdExpirationMs: 86_400_000,
  producerIdExpirationCheckMs: 600_000,
  indexCacheBytes: 64 * mebibyte,
  hotBytes: 256 * mebibyte,
  shutdownPatienceMs: 15_000,
  maxWaitingBytes: 64 * mebibyte,
  onOffline: () => {},
};

type Settings = typeof defaults & LogManagerOptions;

/**
 * Owner of all logs of a broker (Kafka's LogManager): finds them at start, makes and deletes them, and does what has to
 * be done from time to time.
 */
export class LogManager {
  readonly #io: Io;
  readonly #logger: Logger;
  readonly #settings: Settings;
  readonly #environment: LogEnvironment;
  readonly #directories: LogDirectory[] = [];
  readonly #locks = new Map<LogDirectory, FileLock>();
  readonly #withoutLock: string[] = [];
  readonly #checkpoints = new Map<LogDirectory, LogCheckpoints>();
  readonly #loaded = new Set<LogDirectory>();
  readonly #logs = new Map<string, Log>();
  /** Copies that are being made in other log directories. */
  readonly #futures = new Map<string, Log>();
  readonly #replaced = new ReplacedLogs((former, by) => this.#removeReplaced(former, by));
  /** Where partitions are to be that are not there yet. */
  readonly #preferred = new Map<string, string>();
  readonly #creating = new Map<string, Promise<Log>>();
  /** Where logs are being made: they count when the next directory is chosen. */
  readonly #placed = new Map<LogDirectory, number>();
  readonly #deleting = new Set<Promise<void>>();
  readonly #highWatermarks = new Map<string, number>();
  readonly #timers = new Set<Timer>();
  /** `undefined`: logs are not compacted. */
  readonly cleaner: LogCleaner | undefined;
  /** `undefined` until the directories are open: what fails before is told in one line there. */
  #meta: MetaPropertiesOfDirs | undefined;
  #stopped = false;
  #shutdown: Promise<void> | undefined;
  /** How long a shutdown has waited for those that hang, milliseconds. */
  readonly #waitedMs = new Map<LogDirectory, number>();

  private constructor(io: Io, logger: Logger, options: LogManagerOptions) {
    this.#io = io;
    this.#logger = logger;
    const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
    this.#settings = { ...defaults, ...given } as Settings;
    const { indexCacheBytes, hotBytes, producerIdExpirationMs, maxWaitingBytes } = this.#settings;
    const { cleaner: config } = this.#settings;
    this.cleaner = config && new LogCleaner(io, logger, { config, logs: () => this.#logs.values() });
    this.#environment = {
      io,
      logger,
      truncated: (log, offset) => this.cleaner?.truncated(log, offset) ?? Promise.resolve(),
      indexCache: new IndexCache(indexCacheBytes),
      hotTail: new HotTail(hotBytes),
      producerIdExpirationMs,
      transactionVerificationEnabled: options.transactionVerificationEnabled,
      maxWaitingBytes,
      checkpointRecoveryPoints: (directory) => orThrow(this.#checkpointsOf(directory).writeRecoveryPoints()),
      checkpointHighWatermarks: (directory) => orThrow(this.#checkpointsOf(directory).writeHighWatermarks()),
    };
  }

  /**
   * Makes the directories that are missing, locks them and reads their meta.properties. A directory that fails is
   * offline. Throws LogDirError when none is left or one is locked by another process, MetaPropertiesError when they do
   * not belong together.
   */
  static async open(io: Io, logger: Logger, options: LogManagerOptions): Promise<LogManager> {
    const manager = new LogManager(io, logger, options);
    try {
      await manager.#openDirectories();
      return manager;
    } catch (error) {
      await manager.#releaseLocks();
      throw error;
    }
  }

  async #openDirectories(): Promise<void> {
    const { logDirs } = this.#settings;
    const { threads } = this.#io.files;
    // A quarter is for others, whatever hangs: names to be resolved, jobs.
    const threadsPerDir = Math.max(2, Math.min(mostThreadsPerDir, Math.floor((threads * 3) / 4 / logDirs.length)));
    for (const [index, path] of logDirs.entries()) {
      if (logDirs.indexOf(path) !== index) {
        throw new LogDirError(`log.dirs has ${path} twice, where every directory may stand once`);
      }
      const directory = new LogDirectory(
        path,
        this.#io,
        this.#logger,
        (failed, error) => this.#onFailure(failed, error),
        threadsPerDir,
      );
      this.#directories.push(directory);
      try {
        const lock = await lockDirectory(directory.files, path);
        if (lock === undefined) this.#withoutLock.push(path);
        else this.#locks.set(directory, lock);
        await directory.look();
      } catch (error) {
        if (!isSystemError(error)) {
          throw error;
        }
        directory.failed(error, 'opening');
      }
      this.#checkpoints.set(directory, new LogCheckpoints(directory, this.#logger, () => this.all()));
    }
    const meta = await MetaPropertiesOfDirs.read(this.#live());
    const failed = this.#directories.flatMap(({ path, failure }) => (failure ? [`${path}: ${failure.message}`] : []));
    if (failed.length === this.#directories.length) {
      throw new LogDirError(`no log directory can be used (log.dirs): ${failed.join('; ')}`);
    }
    for (const what of failed) this.#logger.error(`A log directory cannot be used and is offline: ${what}`);
    this.#meta = meta;
  }

  /** broker.id and cluster.id that the directories belong to; `undefined` while they are new. */
  get brokerId(): number | undefined {
    return this.#meta?.brokerId;
  }

  get clusterId(): string | undefined {
    return this.#meta?.clusterId;
  }

  /** Directories on file systems that have no locks: nothing here keeps another broker out of them. */
  get directoriesWithoutLock(): readonly string[] {
    return this.#withoutLock;
  }

  /** Writes meta.properties where it is missing. Throws MetaPropertiesError when a directory belongs to another. */
  async writeMetaProperties(brokerId: number, clusterId: string): Promise<void> {
    await this.#meta!.write(this.#live(), brokerId, clusterId, this.#io.clock.wallMs());
  }

  // --- loading ---

  /**
   * Loads all logs and begins the periodic work. Throws LogDirError when a partition is in two directories, and gives
   * the locks back.
   */
  async load(): Promise<void> {
    try {
      await this.#loadDirectories();
    } catch (error) {
      this.#logs.clear();
      this.#futures.clear();
      // None of them is shut down in order.
      this.#loaded.clear();
      await this.#releaseLocks();
      throw error;
    }
    this.#startPeriodicWork();
    this.cleaner?.start();
  }

  async #loadDirectories(): Promise<void> {
    const { defaultConfig, topicConfig = () => defaultConfig, recoveryThreadsPerDataDir } = this.#settings;
    const { producerIdExpirationMs } = this.#settings;
    const options = { topicConfig, recoveryThreads: recoveryThreadsPerDataDir, producerIdExpirationMs };
    const loading = this.#live().map(async (directory) => {
      try {
        await this.cleaner?.addDirectory(directory);
        const loaded = await loadLogDirectory(this.#environment, directory, options);
        return { directory, loaded };
      } catch (error) {
        if (!isSystemError(error)) {
          throw error;
        }
        directory.failed(error, 'loading logs');
        return undefined;
      }
    });
    const outcomes = await Promise.allSettled(loading);
    const found = outcomes.map((outcome) => (outcome.status === 'fulfilled' ? outcome.value : undefined));
    try {
      for (const outcome of outcomes) {
        if (outcome.status === 'rejected') {
          throw outcome.reason;
        }
      }
      const moves = new InterruptedMoves(this.#logger, this.#logs, this.#futures, {
        remove: (log) => this.#renameAndRemove(log),
        removeReplaced: (log, by) => this.#replaced.add(log, by),
      });
      for (const one of found) {
        if (one !== undefined) this.#take(one.directory, one.loaded, moves);
      }
      // Checkpoints are written only when all logs are there: they name all of a directory.
      await moves.settle();
      for (const directory of this.#loaded) {
        // Recovery may have cut logs below their recovery points.
        if (directory.failure === undefined) await this.#checkpointsOf(directory).writeRecoveryPoints();
        if (directory.failure === undefined && this.#hasLowerHighWatermarks(directory)) {
          // With the next kill the old ones would make committed of whatever has come in the meantime.
          await this.#checkpointsOf(directory).writeHighWatermarks();
        }
      }
      for (const { topicPartition } of this.#futures.values()) await this.pauseCleaning(topicPartition);
    } catch (error) {
      for (const one of found) {
        for (const log of [...(one?.loaded.logs ?? []), ...(one?.loaded.futures ?? [])]) log.abandon();
      }
      throw error;
    }
  }

  #take(
    directory: LogDirectory,
    { logs, futures, highWatermarks, toRemove }: LoadedDirectory,
    moves: InterruptedMoves,
  ): void {
    for (const log of [...logs, ...futures]) {
      log.updateHighWatermark(highWatermarks.get(partitionName(log.topicPartition)) ?? log.logStartOffset);
    }
    moves.add(logs, futures);
    for (const [name, offset] of highWatermarks) {
      this.#highWatermarks.set(name, offset);
    }
    for (const path of toRemove) {
      this.#removeLater(directory, path, this.#settings.defaultConfig.fileDeleteDelayMs, () =>
        directory.files.removeDirectory(path),
      );
    }
    this.#loaded.add(directory);
  }

  /** Whether logs end before the high watermarks that they were checkpointed with. */
  #hasLowerHighWatermarks(directory: LogDirectory): boolean {
    return [...this.#logs].some(
      ([name, log]) => log.directory === directory && (this.#highWatermarks.get(name) ?? 0) > log.highWatermark,
    );
  }

  #startPeriodicWork(): void {
    const settings = this.#settings;
    // Each directory by itself: one that hangs has none of the others wait.
    for (const directory of this.#loaded) {
      const every = (ms: number, doing: string, work: (directory: LogDirectory) => Promise<unknown>): void =>
        this.#every(ms, doing, () => (directory.failure === undefined ? work(directory) : Promise.resolve()));
      every(settings.retentionCheckMs, 'retention', (each) => this.#deleteOldSegmentsOf(each));
      every(settings.flushCheckMs, 'flushing', (each) => this.#flushDirtyLogsOf(each));
      every(settings.flushRecoveryOffsetCheckpointMs, 'checkpointing', (each) =>
        this.#checkpointsOf(each).writeRecoveryPoints(),
      );
      every(settings.flushStartOffsetCheckpointMs, 'checkpointing', (each) =>
        this.#checkpointsOf(each).writeLogStartOffsets(),
      );
    }
    this.#every(settings.producerIdExpirationCheckMs, 'expiring producers', async () => {
      for (const log of this.all()) {
        log.removeExpiredProducers();
      }
    });
  }

  #every(intervalMs: number, doing: string, work: () => Promise<unknown>): void {
    const timer = this.#io.clock.timer(intervalMs, () => {
      this.#timers.delete(timer);
      void work()
        .catch((error: unknown) => this.#logger.error(`Periodic work on logs (${doing}) failed.`, { error }))
        .finally(() => {
          if (!this.#stopped) {
            this.#every(intervalMs, doing, work);
          }
        });
    });
    this.#timers.add(timer);
  }

  // --- logs ---

  get(of: TopicPartition): Log | undefined {
    return this.#logs.get(partitionName(of));
  }

  /** The copy that is being made in another log directory. */
  future(of: TopicPartition): Log | undefined {
    return this.#futures.get(partitionName(of));
  }

  /** Every partition's log, and then the copies in other directories. */
  *all(): IterableIterator<Log> {
    yield* this.#logs.values();
    yield* this.#futures.values();
  }

  get size(): number {
    return this.#logs.size;
  }

  /**
   * The log of the partition. When there is none it is made: in the directory that it is to be in, or in the one with the
   * fewest partitions, and in the next one when that fails. Throws KAFKA_STORAGE_ERROR when all failed, INCONSISTENT_TOPIC_ID when the one that is
   * there belongs to another topic.
   */
  async getOrCreate(of: TopicPartition, topicId?: string, config?: LogConfig): Promise<Log> {
    const name = partitionName(of);
    let log = this.#logs.get(name);
    if (log === undefined) {
      this.#checkOpen();
      let creating = this.#creating.get(name);
      if (creating === undefined) {
        creating = this.#create(of, topicId, config ?? this.#configOf(of.topic)).finally(() =>
          this.#creating.delete(name),
        );
        this.#creating.set(name, creating);
      }
      log = await creating;
    }
    if (topicId !== undefined) {
      await log.assignTopicId(topicId);
    }
    return log;
  }

  async #create(of: TopicPartition, topicId: string | undefined, config: LogConfig): Promise<Log> {
    await this.#replaced.gone(of);
    let failure: Error = storageError(`no log directory is left for ${partitionName(of)}`);
    const preferred = this.#preferred.get(partitionName(of));
    const candidates = this.#byPartitions().filter(({ path }) => preferred === undefined || path === preferred);
    for (const directory of candidates) {
      this.#placed.set(directory, (this.#placed.get(directory) ?? 0) + 1);
      try {
        const log = await this.#createIn(directory, partitionName(of), of, topicId, config);
        this.#logs.set(partitionName(of), log);
        this.#preferred.delete(partitionName(of));
        this.#logger.info(`Created the log of ${partitionName(of)} in ${directory.path}.`);
        return log;
      } catch (error) {
        failure = directory.failed(error, `making the log of ${partitionName(of)}`);
        if (directory.failure === undefined) {
          break;
        }
      } finally {
        this.#placed.set(directory, this.#placed.get(directory)! - 1);
      }
    }
    throw failure;
  }

  async #createIn(
    directory: LogDirectory,
    name: string,
    of: TopicPartition,
    topicId: string | undefined,
    config: LogConfig,
  ): Promise<Log> {
    const path = directory.join(name);
    await directory.files.makeDirectory(path);
    if (topicId !== undefined) {
      await directory.files.replaceFile(`${path}/${partitionMetadataName}`, formatPartitionMetadata(topicId));
    }
    const fresh = { segments: [], logStartOffset: 0, logEndOffset: 0, recoveryPoint: 0, hasSnapshot: false };
    const log = await Log.open(this.#environment, directory, path, of, topicId, config, {
      ...fresh,
      snapshots: [],
      leaderEpochs: [],
    });
    // While it was being made, the directory may have failed.
    if (directory.failure !== undefined) {
      log.abandon();
      throw directory.failure;
    }
    return log;
  }

  /** Live directories, the one with the fewest partitions first, those that hang last. */
  #byPartitions(): LogDirectory[] {
    const counts = new Map(this.#live().map((directory) => [directory, this.#placed.get(directory) ?? 0]));
    for (const { directory } of this.all()) {
      counts.set(directory, (counts.get(directory) ?? 0) + 1);
    }
    return [...counts]
      .sort(([one, a], [other, b]) => Number(one.hangs) - Number(other.hangs) || a - b)
      .map(([directory]) => directory);
  }

  #configOf(topic: string): LogConfig {
    return this.#settings.topicConfig?.(topic) ?? this.#settings.defaultConfig;
  }

  /** A topic's configuration has changed. */
  updateConfig(topic: string, config: LogConfig): void {
    for (const log of this.all()) {
      if (log.topicPartition.topic === topic) {
        log.config = config;
      }
    }
  }

  /**
   * Takes the partition away at once; its directory gets a name that ends with `-delete`, and is removed after
   * file.delete.delay.ms. Does nothing when there is no such log. Resolves when the directory from where it was moved does
   * not have it any more either: after a crash it would be there again.
   */
  async delete(of: TopicPartition): Promise<void> {
    this.#checkOpen();
    const name = partitionName(of);
    await this.#creating.get(name)?.catch(() => {});
    const log = this.#logs.get(name);
    if (log !== undefined) {
      this.#logs.delete(name);
      this.#highWatermarks.delete(name);
      await this.cleaner?.forget(log);
      await this.#renameAndRemove(log);
    }
    await this.#replaced.gone(of);
  }

  // --- moves between log directories ---

  /** Throws LOG_DIR_NOT_FOUND unless it is one of log.dirs, KAFKA_STORAGE_ERROR when it is offline. */
  requireLogDir(logDir: string): void {
    const directory = this.#directoryOf(logDir);
    directory.checkOnline();
    if (directory.hangs) throw storageError(`log directory ${logDir} does not answer`);
  }

  #directoryOf(logDir: string): LogDirectory {
    const directory = this.#directories.find(({ path }) => path === logDir);
    if (directory !== undefined) return directory;
    const dirs = this.#directories.map(({ path }) => path).join(', ');
    throw new KafkaError(ErrorCode.LOG_DIR_NOT_FOUND, `${logDir} is none of log.dirs: ${dirs}`);
  }

  /** A log that is made later is made there; for one that is there already it means nothing. */
  preferLogDir(of: TopicPartition, logDir: string): void {
    const name = partitionName(of);
    if (!this.#logs.has(name) && !this.#creating.has(name)) this.#preferred.set(name, logDir);
  }

  /**
   * Begins an empty copy of the partition's log in another log directory. Throws KAFKA_STORAGE_ERROR while any directory
   * is offline, since there may be such a copy in it, and while the one from where the last move was does not answer.
   */
  async createFuture(of: TopicPartition, logDir: string): Promise<Log> {
    this.#checkOpen();
    const name = partitionName(of);
    const log = this.#logs.get(name);
    const directory = this.#directoryOf(logDir);
    directory.checkOnline();
    if (log === undefined) throw storageError(`there is no log of ${name} to be moved`);
    if (this.offlineLogDirs.length > 0) {
      throw storageError(`nothing is moved while log directories are offline: ${this.offlineLogDirs.join(', ')}`);
    }
    await this.#replaced.goneUnlessHanging(of);
    // A marker of an earlier move, if the last process had not the time to remove it.
    await log.forgetMove();
    try {
      const folder = futureDirectoryName(of, this.#io.random);
      const future = await this.#createIn(directory, folder, of, log.topicId, log.config);
      this.#futures.set(name, future);
      await this.pauseCleaning(of);
      this.#logger.info(`Created ${future.path} for the move of ${name} from ${log.logDir}.`);
      return future;
    } catch (error) {
      throw directory.failed(error, `making a copy of the log of ${name}`);
    }
  }

  /** A log that is being copied stays as it is: what was compacted away in the middle of it would be there in the copy. */
  async pauseCleaning(of: TopicPartition): Promise<void> {
    const log = this.get(of);
    if (log !== undefined) await this.cleaner?.pause(log);
  }

  /** The move is given up. Does nothing when there is none. */
  async deleteFuture(of: TopicPartition): Promise<void> {
    const name = partitionName(of);
    const future = this.#futures.get(name);
    if (future === undefined) return;
    this.#futures.delete(name);
    const log = this.#logs.get(name);
    if (log !== undefined) this.cleaner?.resume(log);
    await this.#renameAndRemove(future);
  }

  /**
   * The copy takes the place of the partition's log; see Log.replaceBy. What is left of the old one is deleted in the
   * background, however long its disk takes. Returns whether it was done.
   */
  async replaceCurrentWithFuture(
    of: TopicPartition,
    lastCopy: LastCopy,
    replaced: (log: Log) => void,
  ): Promise<boolean> {
    const name = partitionName(of);
    const log = this.#logs.get(name);
    const future = this.#futures.get(name);
    if (log === undefined || future === undefined) return false;
    const isDone = await log.replaceBy(future, future.directory.join(name), lastCopy, () => {
      this.#futures.delete(name);
      this.#logs.set(name, future);
      replaced(future);
    });
    if (!isDone) return false;
    this.#logger.info(`${name} is in ${future.logDir} now, and not in ${log.logDir} any more.`);
    const removing: Promise<void> = this.#replaced
      .add(log, future)
      .catch((error: unknown) => {
        this.#logger.error(`What is left of ${name} in ${log.logDir} cannot be removed.`, { error });
      })
      .finally(() => this.#deleting.delete(removing));
    this.#deleting.add(removing);
    return true;
  }

  async #removeReplaced(log: Log, by: Log): Promise<void> {
    // Until they name the copy, a start would take it to begin with its first segment.
    await orThrow(this.#checkpointsOf(by.directory).writeAll());
    await this.cleaner?.replaced(log, by);
    // The marker is needed until the old name is gone for good.
    await this.#renameAndRemove(log);
    await by.forgetMove();
  }

  async #renameAndRemove(log: Log): Promise<void> {
    const { directory, topicPartition } = log;
    const path = directory.join(deletedDirectoryName(topicPartition, this.#io.random));
    await log.renameDirectory(path);
    this.#logger.info(
      `The log of ${partitionName(topicPartition)} was renamed to ${path} and is scheduled for deletion.`,
    );
    await this.#checkpoint(directory);
    this.#removeLater(directory, path, log.config.fileDeleteDelayMs, () => log.removeDirectory());
  }

  #removeLater(directory: LogDirectory, path: string, delayMs: number, remove: () => Promise<void>): void {
    const timer = this.#io.clock.timer(delayMs, () => {
      this.#timers.delete(timer);
      if (directory.failure !== undefined) {
        return;
      }
      const removing: Promise<void> = remove()
        .then(() => this.#logger.info(`Removed ${path}.`))
        .catch((error: unknown) => {
          this.#logger.error(`${path} cannot be removed.`, { error: directory.failed(error, `removing ${path}`) });
        })
        .finally(() => this.#deleting.delete(removing));
      this.#deleting.add(removing);
    });
    this.#timers.add(timer);
  }

  // --- periodic work ---

  /** Retention of every log but those that the cleaner cares for; returns how many segments went. */
  async deleteOldSegments(): Promise<number> {
    const deleted = await Promise.all(this.#live().map((directory) => this.#deleteOldSegmentsOf(directory)));
    return deleted.reduce((sum, each) => sum + each, 0);
  }

  async #deleteOldSegmentsOf(directory: LogDirectory): Promise<number> {
    let deleted = 0;
    const caredFor = new Set([...this.#logs.values()].filter((log) => this.cleaner?.cares(log)));
    for (const log of this.#logsOf(directory).filter((log) => !caredFor.has(log))) {
      if (!log.isClosed && directory.failure === undefined) {
        deleted += await log.deleteOldSegments().catch((error: unknown) => {
          if (!log.isClosed) this.#logger.error(`Retention of ${partitionName(log.topicPartition)} failed.`, { error });
          return 0;
        });
      }
    }
    return deleted;
  }

  /** Flushes the logs whose flush.ms has passed. */
  async flushDirtyLogs(): Promise<void> {
    await Promise.all(this.#live().map((directory) => this.#flushDirtyLogsOf(directory)));
  }

  #logsOf(directory: LogDirectory): Log[] {
    return [...this.all()].filter((log) => log.directory === directory);
  }

  async #flushDirtyLogsOf(directory: LogDirectory): Promise<void> {
    for (const log of this.#logsOf(directory)) {
      const waited = this.#io.clock.monotonicMs() - log.lastFlushMs;
      if (!log.isClosed && log.unflushedMessages > 0 && waited >= log.config.flushMs) {
        await log.flush().catch((error: unknown) => {
          this.#logger.error(`Flushing ${partitionName(log.topicPartition)} failed.`, { error });
        });
      }
    }
  }

  /** recovery-point-offset-checkpoint of every directory. */
  async checkpointLogRecoveryOffsets(): Promise<void> {
    await this.#eachLive((directory) => this.#checkpointsOf(directory).writeRecoveryPoints());
  }

  /** log-start-offset-checkpoint: of the logs that do not start with their first segment. */
  async checkpointLogStartOffsets(): Promise<void> {
    await this.#eachLive((directory) => this.#checkpointsOf(directory).writeLogStartOffsets());
  }

  /** replication-offset-checkpoint; replica.high.watermark.checkpoint.interval.ms is the caller's to keep. */
  async checkpointHighWatermarks(): Promise<void> {
    await this.#eachLive((directory) => this.#checkpointsOf(directory).writeHighWatermarks());
  }

  /** As replication-offset-checkpoint had it at start. A loaded log has taken it over already. */
  checkpointedHighWatermark(of: TopicPartition): number | undefined {
    return this.#highWatermarks.get(partitionName(of));
  }

  #checkpointsOf(directory: LogDirectory): LogCheckpoints {
    return this.#checkpoints.get(directory)!;
  }

  async #checkpoint(directory: LogDirectory): Promise<void> {
    await this.#checkpointsOf(directory).writeRecoveryPoints();
    await this.#checkpointsOf(directory).writeLogStartOffsets();
  }

  /** Those that hang are left out; one that begins to is waited for a little. */
  async #eachLive(work: (directory: LogDirectory) => Promise<unknown>): Promise<void> {
    const answering = [...this.#loaded].filter(({ failure, hangs }) => failure === undefined && !hangs);
    await Promise.all(answering.map((directory) => this.#atMost(directory, work(directory))));
  }

  /** Waits for what is done in a directory, unless that is slow and takes longer than others should wait. */
  async #atMost(directory: LogDirectory, work: Promise<unknown>): Promise<void> {
    const { clock } = this.#io;
    let isDone = false;
    const done = work.finally(() => (isDone = true));
    while (!isDone) {
      await atMost(clock, slowDirectoryMs, done, undefined);
      if (directory.hangs) return;
    }
  }

  // --- directories ---

  get liveLogDirs(): readonly string[] {
    return this.#live().map(({ path }) => path);
  }

  get offlineLogDirs(): readonly string[] {
    return this.#directories.filter(({ failure }) => failure !== undefined).map(({ path }) => path);
  }

  /** Waits for `work`, unless a directory hangs and it takes longer than others should wait; returns whether it is done. */
  async unlessHanging(work: Promise<unknown>): Promise<boolean> {
    const done = work.then(() => true);
    while (!(await atMost(this.#io.clock, slowDirectoryMs, done, false))) {
      if (this.#live().some(({ hangs }) => hangs)) return false;
    }
    return true;
  }

  /** Of what a directory is on; `undefined` when it does not answer soon. */
  async volumeOf(logDir: string): Promise<Volume | undefined> {
    const directory = this.#directoryOf(logDir);
    if (directory.hangs) return undefined;
    const asked = directory.files.volume(logDir).catch(() => undefined);
    return atMost(this.#io.clock, slowDirectoryMs, asked, undefined);
  }

  /** Takes a directory offline as a failing operation does. One that hangs stays online: it may answer at any moment. */
  failDirectory(logDir: string, error: NodeJS.ErrnoException): void {
    this.#directories.find(({ path }) => path === logDir)?.failed(error, 'an operation');
  }

  #live(): LogDirectory[] {
    return this.#directories.filter(({ failure }) => failure === undefined);
  }

  #onFailure(directory: LogDirectory, error: Error): void {
    const abandon = (logs: Map<string, Log>): TopicPartition[] => {
      const partitions: TopicPartition[] = [];
      for (const [name, log] of logs) {
        if (log.directory === directory) {
          partitions.push(log.topicPartition);
          logs.delete(name);
          log.abandon();
        }
      }
      return partitions;
    };
    const partitions = abandon(this.#logs);
    const futures = abandon(this.#futures);
    for (const of of futures) {
      const log = this.get(of);
      if (log !== undefined) this.cleaner?.resume(log);
    }
    if (this.#meta !== undefined) {
      this.#logger.error(
        `Log directory ${directory.path} failed and is offline until the broker is started again, with ` +
          `${partitions.length} partitions.`,
        { error },
      );
    }
    this.#settings.onOffline(directory.path, partitions, error, futures);
  }

  // --- shutdown ---

  /** Throws KAFKA_STORAGE_ERROR once the manager shuts down: a directory that is written then may belong to another one. */
  #checkOpen(): void {
    if (this.#stopped) throw storageError('the logs are being closed');
  }

  /**
   * Flushes and closes every log, writes the checkpoints and .kafka_cleanshutdown, gives the locks back. A directory that
   * does not answer for `shutdownPatienceMs` is left as it is. `brokerEpoch` as in ZooKeeper, -1 when there is none.
   * Once: a further call resolves when the first one does.
   */
  shutdown(brokerEpoch = -1): Promise<void> {
    return (this.#shutdown ??= this.#shutdownAll(brokerEpoch));
  }

  async #shutdownAll(brokerEpoch: number): Promise<void> {
    this.#stopped = true;
    for (const timer of this.#timers) {
      timer.cancel();
    }
    await this.unlessStuck(async () => {
      await this.cleaner?.shutdown();
      await Promise.allSettled(this.#creating.values());
      await Promise.allSettled(this.#deleting);
    });
    await Promise.all([...this.#loaded].map((directory) => this.#shutdownUnlessStuck(directory, brokerEpoch)));
    await this.#releaseLocks();
    for (const directory of this.#directories) directory.close();
  }

  async #shutdownUnlessStuck(directory: LogDirectory, brokerEpoch: number): Promise<void> {
    let isGivenUp = false;
    const work = async () => {
      await this.#shutdownDirectory(directory, brokerEpoch, () => isGivenUp);
      await this.#letGo(directory);
    };
    if (await this.unlessStuck(work, [directory])) return;
    isGivenUp = true;
    this.#logger.error(
      `Log directory ${directory.path} does not answer: it is not shut down in order, and its logs will be ` +
        `recovered at the next start.`,
    );
  }

  /**
   * Waits for `work`, but not longer for directories that do not answer than a shutdown may take, in all that is waited
   * for. Those that have failed count, too: what was begun there may hang. Returns whether it is done.
   */
  async unlessStuck(
    work: () => Promise<unknown>,
    directories: readonly LogDirectory[] = this.#directories,
  ): Promise<boolean> {
    let isDone = false;
    const done = work().finally(() => (isDone = true));
    done.catch(() => {});
    // Once at least: one that is stuck does not keep what is done in the others from being done.
    do {
      await atMost(this.#io.clock, patienceCheckMs, done, undefined);
      for (const directory of isDone ? [] : directories) {
        this.#waitedMs.set(directory, directory.hangs ? (this.#waitedMs.get(directory) ?? 0) + patienceCheckMs : 0);
      }
    } while (!isDone && !directories.some((directory) => this.#isStuck(directory)));
    return isDone;
  }

  #isStuck(directory: LogDirectory): boolean {
    return directory.hangs && (this.#waitedMs.get(directory) ?? 0) >= this.#settings.shutdownPatienceMs;
  }

  /** @param isGivenUp whether nobody waits any more, and nothing of what was awaited before may be relied on */
  async #shutdownDirectory(directory: LogDirectory, brokerEpoch: number, isGivenUp: () => boolean): Promise<void> {
    if (directory.failure !== undefined) {
      return;
    }
    try {
      await eachLimited(this.#logsOf(directory), closeConcurrency, (log) => log.close());
      if (isGivenUp()) return;
      await orThrow(this.#checkpointsOf(directory).writeAll());
      directory.checkOnline();
      await directory.files.replaceFile(directory.join(cleanShutdownName), formatCleanShutdown(brokerEpoch));
    } catch (error) {
      this.#logger.error(`${directory.path} is not shut down in order; its logs will be recovered at the next start.`, {
        error: directory.failed(error, 'shutting down'),
      });
    }
  }

  /** From now on the directory may belong to another broker. Until then its checkpoints have to name its logs. */
  async #letGo(directory: LogDirectory): Promise<void> {
    this.#checkpointsOf(directory).close();
    for (const logs of [this.#logs, this.#futures]) {
      for (const [name, log] of logs) if (log.directory === directory) logs.delete(name);
    }
    // Giving the lock back would wait, too, and have all others wait.
    while (directory.hangs) await sleep(this.#io.clock, patienceCheckMs);
    await this.#locks
      .get(directory)
      ?.release()
      .catch(() => {});
    this.#locks.delete(directory);
  }

  async #releaseLocks(): Promise<void> {
    for (const [directory, lock] of this.#locks) {
      // Those that were loaded let go by themselves. Where nobody answers, it goes with the process.
      if (!this.#loaded.has(directory) && !directory.hangs) await lock.release().catch(() => {});
    }
  }
}

async function orThrow(failure: Promise<Error | undefined>): Promise<void> {
  const error = await failure;
  if (error !== undefined) throw error;
}
