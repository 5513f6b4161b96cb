import type { Timer } from '../io/clock';
import type { FileLock } from '../io/files';
import type { Io } from '../io/io';
import type { Logger } from '../logging/logger';
import { cleanShutdownName, formatCleanShutdown } from './clean-shutdown-file';
import type { CleanerConfig } from './cleaner-config';
import { HotTail } from './hot-tail';
import { IndexCache } from './index-cache';
import { Log, type LogEnvironment } from './log';
import { LogCleaner } from './log-cleaner';
import type { LogConfig } from './log-config';
import { eachLimited, loadLogDirectory, type LoadedDirectory } from './log-dir-loader';
import { LogDirError, lockDirectory, MetaPropertiesOfDirs } from './log-dirs';
import { isSystemError, LogDirectory, storageError } from './log-directory';
import { OffsetCheckpoint, OffsetCheckpointName, type PartitionOffset } from './offset-checkpoint';
import { deletedDirectoryName } from './partition-directory';
import { formatPartitionMetadata, partitionMetadataName } from './partition-metadata';
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
  /** Operations of the file system at once in one log directory. */
  readonly ioConcurrencyPerDir?: number;
  /** Bytes of appends that may wait for one log. */
  readonly maxWaitingBytes?: number;
  /**
   * Once for each directory that fails; its logs are gone from the manager by then. With `liveLogDirs` empty the broker
   * has to stop.
   */
  readonly onOffline?: (logDir: string, partitions: readonly TopicPartition[], error: Error) => void;
}

const mebibyte = 1024 * 1024;
const closeConcurrency = 16;

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
  ioConcurrencyPerDir: 4,
  maxWaitingBytes: 64 * mebibyte,
  onOffline: () => {},
};

type Settings = typeof defaults & LogManagerOptions;

interface Checkpoints {
  readonly recoveryPoints: OffsetCheckpoint;
  readonly logStartOffsets: OffsetCheckpoint;
  readonly highWatermarks: OffsetCheckpoint;
}

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
  readonly #checkpoints = new Map<LogDirectory, Checkpoints>();
  readonly #loaded = new Set<LogDirectory>();
  readonly #logs = new Map<string, Log>();
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
      checkpointRecoveryPoints: (directory) =>
        this.#write(
          directory,
          'recoveryPoints',
          this.#offsets(directory, (log) => log.recoveryPoint),
        ),
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
    const { logDirs, ioConcurrencyPerDir } = this.#settings;
    for (const [index, path] of logDirs.entries()) {
      if (logDirs.indexOf(path) !== index) {
        throw new LogDirError(`log.dirs has ${path} twice, where every directory may stand once`);
      }
      const directory = new LogDirectory(
        path,
        this.#io.files,
        (failed, error) => this.#onFailure(failed, error),
        ioConcurrencyPerDir,
      );
      this.#directories.push(directory);
      try {
        this.#locks.set(directory, await lockDirectory(this.#io.files, path));
      } catch (error) {
        if (!isSystemError(error)) {
          throw error;
        }
        directory.failed(error, 'opening');
      }
      const checkpoint = (name: string) => new OffsetCheckpoint(directory.files, path, name);
      this.#checkpoints.set(directory, {
        recoveryPoints: checkpoint(OffsetCheckpointName.RECOVERY_POINT),
        logStartOffsets: checkpoint(OffsetCheckpointName.LOG_START_OFFSET),
        highWatermarks: checkpoint(OffsetCheckpointName.REPLICATION_OFFSET),
      });
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
      for (const one of found) {
        if (one !== undefined) {
          this.#take(one.directory, one.loaded);
          // Recovery may have cut logs below their recovery points.
          await this.#environment.checkpointRecoveryPoints(one.directory);
        }
      }
    } catch (error) {
      found.forEach((one) => one?.loaded.logs.forEach((log) => log.abandon()));
      throw error;
    }
  }

  #take(directory: LogDirectory, { logs, highWatermarks, toRemove }: LoadedDirectory): void {
    for (const log of logs) {
      const name = partitionName(log.topicPartition);
      const other = this.#logs.get(name);
      if (other !== undefined) {
        throw new LogDirError(
          `partition ${name} is in two log directories, ${other.logDir} and ${log.logDir}. ` +
            'Find out which is the older one (its segments end earlier), and remove that.',
        );
      }
      this.#logs.set(name, log);
      log.updateHighWatermark(highWatermarks.get(name) ?? log.logStartOffset);
    }
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

  #startPeriodicWork(): void {
    const settings = this.#settings;
    this.#every(settings.retentionCheckMs, 'retention', () => this.deleteOldSegments());
    this.#every(settings.flushCheckMs, 'flushing', () => this.flushDirtyLogs());
    this.#every(settings.flushRecoveryOffsetCheckpointMs, 'checkpointing', () => this.checkpointLogRecoveryOffsets());
    this.#every(settings.flushStartOffsetCheckpointMs, 'checkpointing', () => this.checkpointLogStartOffsets());
    this.#every(settings.producerIdExpirationCheckMs, 'expiring producers', async () => {
      for (const log of this.#logs.values()) {
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

  all(): IterableIterator<Log> {
    return this.#logs.values();
  }

  get size(): number {
    return this.#logs.size;
  }

  /**
   * The log of the partition. When there is none it is made: in the directory with the fewest partitions, and in the
   * next one when that fails. Throws KAFKA_STORAGE_ERROR when all failed, INCONSISTENT_TOPIC_ID when the one that is
   * there belongs to another topic.
   */
  async getOrCreate(of: TopicPartition, topicId?: string, config?: LogConfig): Promise<Log> {
    const name = partitionName(of);
    let log = this.#logs.get(name);
    if (log === undefined) {
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
    let failure: Error = storageError(`no log directory is left for ${partitionName(of)}`);
    for (const directory of this.#byPartitions()) {
      this.#placed.set(directory, (this.#placed.get(directory) ?? 0) + 1);
      try {
        const log = await this.#createIn(directory, of, topicId, config);
        this.#logs.set(partitionName(of), log);
        this.#logger.info(`Created the log of ${partitionName(of)} in ${directory.path}.`);
        return log;
      } catch (error) {
        failure = directory.failed(error, `making the log of ${partitionName(of)}`);
        if (!isSystemError(error)) {
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
    of: TopicPartition,
    topicId: string | undefined,
    config: LogConfig,
  ): Promise<Log> {
    const path = directory.join(partitionName(of));
    await directory.files.makeDirectory(path);
    if (topicId !== undefined) {
      await directory.files.replaceFile(`${path}/${partitionMetadataName}`, formatPartitionMetadata(topicId));
    }
    const fresh = { segments: [], logStartOffset: 0, logEndOffset: 0, recoveryPoint: 0, hasSnapshot: false };
    return Log.open(this.#environment, directory, path, of, topicId, config, fresh);
  }

  /** Live directories, the one with the fewest partitions first. */
  #byPartitions(): LogDirectory[] {
    const counts = new Map(this.#live().map((directory) => [directory, this.#placed.get(directory) ?? 0]));
    for (const { directory } of this.#logs.values()) {
      counts.set(directory, (counts.get(directory) ?? 0) + 1);
    }
    return [...counts].sort(([, a], [, b]) => a - b).map(([directory]) => directory);
  }

  #configOf(topic: string): LogConfig {
    return this.#settings.topicConfig?.(topic) ?? this.#settings.defaultConfig;
  }

  /** A topic's configuration has changed. */
  updateConfig(topic: string, config: LogConfig): void {
    for (const log of this.#logs.values()) {
      if (log.topicPartition.topic === topic) {
        log.config = config;
      }
    }
  }

  /**
   * Takes the partition away at once; its directory gets a name that ends with `-delete`, and is removed after
   * file.delete.delay.ms. Does nothing when there is no such log.
   */
  async delete(of: TopicPartition): Promise<void> {
    const name = partitionName(of);
    await this.#creating.get(name)?.catch(() => {});
    const log = this.#logs.get(name);
    if (log === undefined) {
      return;
    }
    this.#logs.delete(name);
    this.#highWatermarks.delete(name);
    const { directory } = log;
    await this.cleaner?.forget(log);
    const path = directory.join(deletedDirectoryName(of, this.#io.random));
    await log.renameDirectory(path);
    this.#logger.info(`The log of ${name} was renamed to ${path} and is scheduled for deletion.`);
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

  /** Retention of every log; returns how many segments went. */
  async deleteOldSegments(): Promise<number> {
    let deleted = 0;
    for (const log of [...this.#logs.values()]) {
      // In logs that are compacted the cleaner does it, so that both do not meet.
      if (!log.isClosed && log.directory.failure === undefined && this.cleaner?.cares(log) !== true) {
        deleted += await log.deleteOldSegments().catch((error: unknown) => {
          this.#logger.error(`Retention of ${partitionName(log.topicPartition)} failed.`, { error });
          return 0;
        });
      }
    }
    return deleted;
  }

  /** Flushes the logs whose flush.ms has passed. */
  async flushDirtyLogs(): Promise<void> {
    for (const log of [...this.#logs.values()]) {
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
    await this.#eachLive((directory) =>
      this.#write(
        directory,
        'recoveryPoints',
        this.#offsets(directory, (log) => log.recoveryPoint),
      ),
    );
  }

  /** log-start-offset-checkpoint: of the logs that do not start with their first segment. */
  async checkpointLogStartOffsets(): Promise<void> {
    await this.#eachLive((directory) =>
      this.#write(
        directory,
        'logStartOffsets',
        this.#offsets(directory, (log) =>
          log.logStartOffset > log.firstSegmentBaseOffset ? log.logStartOffset : undefined,
        ),
      ),
    );
  }

  /** replication-offset-checkpoint; replica.high.watermark.checkpoint.interval.ms is the caller's to keep. */
  async checkpointHighWatermarks(): Promise<void> {
    await this.#eachLive((directory) =>
      this.#write(
        directory,
        'highWatermarks',
        this.#offsets(directory, (log) => log.highWatermark),
      ),
    );
  }

  /** As replication-offset-checkpoint had it at start. A loaded log has taken it over already. */
  checkpointedHighWatermark(of: TopicPartition): number | undefined {
    return this.#highWatermarks.get(partitionName(of));
  }

  async #checkpoint(directory: LogDirectory): Promise<void> {
    await this.#write(
      directory,
      'recoveryPoints',
      this.#offsets(directory, (log) => log.recoveryPoint),
    );
    await this.#write(
      directory,
      'logStartOffsets',
      this.#offsets(directory, (log) =>
        log.logStartOffset > log.firstSegmentBaseOffset ? log.logStartOffset : undefined,
      ),
    );
  }

  #offsets(directory: LogDirectory, of: (log: Log) => number | undefined): PartitionOffset[] {
    const offsets: PartitionOffset[] = [];
    for (const log of this.#logs.values()) {
      const offset = log.directory === directory ? of(log) : undefined;
      if (offset !== undefined) {
        offsets.push({ topicPartition: log.topicPartition, offset });
      }
    }
    return offsets;
  }

  async #write(directory: LogDirectory, which: keyof Checkpoints, offsets: readonly PartitionOffset[]): Promise<void> {
    try {
      await this.#checkpoints.get(directory)![which].write(offsets);
    } catch (error) {
      this.#logger.error(`A checkpoint of ${directory.path} cannot be written.`, {
        error: directory.failed(error, 'writing a checkpoint'),
      });
    }
  }

  async #eachLive(work: (directory: LogDirectory) => Promise<void>): Promise<void> {
    await Promise.all([...this.#loaded].filter(({ failure }) => failure === undefined).map(work));
  }

  // --- directories ---

  get liveLogDirs(): readonly string[] {
    return this.#live().map(({ path }) => path);
  }

  get offlineLogDirs(): readonly string[] {
    return this.#directories.filter(({ failure }) => failure !== undefined).map(({ path }) => path);
  }

  /** Takes a directory offline by hand: a hang that the broker has noticed. */
  failDirectory(logDir: string, error: NodeJS.ErrnoException): void {
    this.#directories.find(({ path }) => path === logDir)?.failed(error, 'an operation');
  }

  #live(): LogDirectory[] {
    return this.#directories.filter(({ failure }) => failure === undefined);
  }

  #onFailure(directory: LogDirectory, error: Error): void {
    const partitions: TopicPartition[] = [];
    for (const [name, log] of this.#logs) {
      if (log.directory === directory) {
        partitions.push(log.topicPartition);
        this.#logs.delete(name);
        log.abandon();
      }
    }
    if (this.#meta !== undefined) {
      this.#logger.error(
        `Log directory ${directory.path} failed and is offline until the broker is started again, with ` +
          `${partitions.length} partitions.`,
        { error },
      );
    }
    this.#settings.onOffline(directory.path, partitions, error);
  }

  // --- shutdown ---

  /**
   * Flushes and closes every log, writes the checkpoints and .kafka_cleanshutdown, gives the locks back. `brokerEpoch`
   * as in ZooKeeper, -1 when there is none.
   */
  async shutdown(brokerEpoch = -1): Promise<void> {
    this.#stopped = true;
    for (const timer of this.#timers) {
      timer.cancel();
    }
    await this.cleaner?.shutdown();
    await Promise.allSettled(this.#creating.values());
    await Promise.allSettled(this.#deleting);
    await Promise.all([...this.#loaded].map((directory) => this.#shutdownDirectory(directory, brokerEpoch)));
    this.#logs.clear();
    await this.#releaseLocks();
  }

  async #shutdownDirectory(directory: LogDirectory, brokerEpoch: number): Promise<void> {
    if (directory.failure !== undefined) {
      return;
    }
    const logs = [...this.#logs.values()].filter((log) => log.directory === directory);
    try {
      await eachLimited(logs, closeConcurrency, (log) => log.close());
      await this.#checkpoint(directory);
      await this.#write(
        directory,
        'highWatermarks',
        this.#offsets(directory, (log) => log.highWatermark),
      );
      directory.checkOnline();
      await directory.files.replaceFile(directory.join(cleanShutdownName), formatCleanShutdown(brokerEpoch));
    } catch (error) {
      this.#logger.error(`${directory.path} is not shut down in order; its logs will be recovered at the next start.`, {
        error: directory.failed(error, 'shutting down'),
      });
    }
  }

  async #releaseLocks(): Promise<void> {
    for (const lock of this.#locks.values()) {
      await lock.release().catch(() => {});
    }
    this.#locks.clear();
  }
}
