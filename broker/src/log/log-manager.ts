import type { Io } from '../io/io';
import type { Logger } from '../logging/logger';
import type { Log } from './log';
import type { LogConfig } from './log-config';
import type { TopicPartition } from './topic-partition';

export interface LogManagerOptions {
  /** log.dirs. */
  readonly logDirs: readonly string[];
  readonly defaultConfig: LogConfig;
  /** Configuration of a topic whose logs are found at start. */
  readonly topicConfig?: (topic: string) => LogConfig;
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
  /** producer.id.expiration.check.interval.ms */
  readonly producerIdExpirationCheckIntervalMs?: number;
  /** transaction.max.timeout.ms */
  readonly maxTransactionTimeoutMs?: number;
  /** Once for a directory that failed; its logs are gone from the manager. */
  readonly onOffline?: (logDir: string, partitions: readonly TopicPartition[], error: Error) => void;
}

/** Owner of all logs of a broker. (Signatures; the body follows.) */
export declare class LogManager {
  /** Makes and locks the directories. Throws when all failed, or one is locked by another process. */
  static open(io: Io, logger: Logger, options: LogManagerOptions): Promise<LogManager>;
  /** broker.id and cluster.id found in meta.properties; `undefined` in new directories. Throws when they contradict. */
  readonly brokerId: number | undefined;
  readonly clusterId: string | undefined;
  /** Writes meta.properties into directories that have none. */
  writeMetaProperties(brokerId: number, clusterId: string): Promise<void>;
  /** Loads every log, recovering after an unclean shutdown, and starts the periodic work. */
  load(): Promise<void>;

  get(of: TopicPartition): Log | undefined;
  all(): Iterable<Log>;
  /** The log of the partition, made in the directory with the fewest partitions when there is none. */
  getOrCreate(of: TopicPartition, topicId?: string, config?: LogConfig): Promise<Log>;
  /** Renames the directory to `…-delete` and removes it after file.delete.delay.ms. */
  delete(of: TopicPartition): Promise<void>;
  updateConfig(topic: string, config: LogConfig): void;

  /** From replication-offset-checkpoint, as of load. */
  checkpointedHighWatermark(of: TopicPartition): number | undefined;
  checkpointHighWatermarks(): Promise<void>;
  checkpointLogRecoveryOffsets(): Promise<void>;
  checkpointLogStartOffsets(): Promise<void>;

  readonly liveLogDirs: readonly string[];
  readonly offlineLogDirs: readonly string[];
  /** Flushes and closes everything, writes checkpoints and .kafka_cleanshutdown. */
  shutdown(brokerEpoch?: number): Promise<void>;
}
