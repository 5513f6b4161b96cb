import type { Io } from '../io/io';
import type { Logger } from '../logging/logger';
import { KafkaError } from '../protocol/errors';
import { cleanShutdownName } from './clean-shutdown-file';
import { Log, type LogEnvironment } from './log';
import type { LogConfig } from './log-config';
import type { LogDirectory } from './log-directory';
import { recoverLog, recoverLogJob, type RecoverLogInput } from './log-recovery';
import { OffsetCheckpoint, OffsetCheckpointName } from './offset-checkpoint';
import { parsePartitionDirectory, type PartitionDirectory } from './partition-directory';
import { readPartitionMetadata } from './partition-metadata';
import { partitionName } from './topic-partition';

export interface LoadedDirectory {
  readonly logs: readonly Log[];
  /** Copies on their way from another log directory. */
  readonly futures: readonly Log[];
  /** By partition name, from replication-offset-checkpoint. */
  readonly highWatermarks: ReadonlyMap<string, number>;
  /** Directories that a deletion has renamed, and that are still to be removed. */
  readonly toRemove: readonly string[];
}

export interface LoadOptions {
  readonly topicConfig: (topic: string) => LogConfig;
  readonly recoveryThreads: number;
  readonly producerIdExpirationMs: number;
}

/** Logs of a directory that was shut down in order are only opened: that many at once. */
const cleanConcurrency = 16;
/** How often a long load says how far it is. */
const progressEveryMs = 5_000;

/** Loads all logs of one log directory, recovering them when the last broker did not end in order. */
export async function loadLogDirectory(
  environment: LogEnvironment,
  directory: LogDirectory,
  options: LoadOptions,
): Promise<LoadedDirectory> {
  return new LogDirLoader(environment, directory, options).load();
}

interface FoundPartition extends PartitionDirectory {
  /** Of its directory. */
  readonly name: string;
}

class LogDirLoader {
  readonly #environment: LogEnvironment;
  readonly #io: Io;
  readonly #logger: Logger;
  readonly #directory: LogDirectory;
  readonly #options: LoadOptions;
  readonly #toRemove: string[] = [];
  #cleaned: ReadonlyMap<string, number> = new Map();

  constructor(environment: LogEnvironment, directory: LogDirectory, options: LoadOptions) {
    this.#environment = environment;
    this.#io = environment.io;
    this.#logger = environment.logger;
    this.#directory = directory;
    this.#options = options;
  }

  async load(): Promise<LoadedDirectory> {
    const { files, path } = this.#directory;
    const began = this.#io.clock.monotonicMs();
    const cleanShutdown = this.#directory.join(cleanShutdownName);
    const names = await files.list(path);
    const clean = names.includes(cleanShutdownName);
    const found = await this.#findPartitions(names);
    const read = (name: string) => this.#read(name, names, found);
    const recoveryPoints = await read(OffsetCheckpointName.RECOVERY_POINT);
    const logStartOffsets = await read(OffsetCheckpointName.LOG_START_OFFSET);
    const highWatermarks = await read(OffsetCheckpointName.REPLICATION_OFFSET);
    this.#cleaned = await read(OffsetCheckpointName.CLEANER_OFFSET);
    if (clean) {
      // From here on a crash is one again, also when the power goes.
      await files.remove(cleanShutdown);
      await files.syncDirectory(path);
    } else if (found.length > 0) {
      this.#logger.info(
        `Recovering ${found.length} logs in ${path}: the broker was not shut down in order (there is no ` +
          `${cleanShutdownName}).`,
      );
    }
    const logs: Log[] = [];
    const futures: Log[] = [];
    const concurrency = clean
      ? Math.max(cleanConcurrency, this.#options.recoveryThreads)
      : this.#options.recoveryThreads;
    let saidMs = began;
    let hasFailed = false;
    const load = async (each: FoundPartition): Promise<void> => {
      const name = partitionName(each.topicPartition);
      const kind = each.kind === 'future' ? futures : logs;
      const log = await this.#loadLog(each, clean, recoveryPoints.get(name) ?? 0, logStartOffsets.get(name) ?? 0);
      if (hasFailed) log.abandon();
      kind.push(log);
      if (this.#io.clock.monotonicMs() - saidMs > progressEveryMs) {
        saidMs = this.#io.clock.monotonicMs();
        this.#logger.info(`Loaded ${logs.length} of ${found.length} logs in ${path}.`);
      }
    };
    try {
      await eachLimited(found, concurrency, load);
    } catch (error) {
      hasFailed = true;
      for (const log of [...logs, ...futures]) log.abandon();
      throw error;
    }
    const took = Math.round(this.#io.clock.monotonicMs() - began);
    this.#logger.info(`Loaded ${logs.length} logs in ${path} in ${took} ms.`, { clean });
    return { logs, futures, highWatermarks, toRemove: this.#toRemove };
  }

  async #loadLog(
    { topicPartition, name }: FoundPartition,
    hadCleanShutdown: boolean,
    recoveryPoint: number,
    logStartOffset: number,
  ): Promise<Log> {
    const partition = partitionName(topicPartition);
    const directory = this.#directory.join(name);
    const config = this.#options.topicConfig(topicPartition.topic);
    const input: RecoverLogInput = {
      directory,
      partition,
      hadCleanShutdown,
      recoveryPoint,
      logStartOffset,
      // Also where it was compacted and is not any more.
      mayHaveGaps: config.cleanupCompact || this.#cleaned.has(partition),
      indexIntervalBytes: config.indexIntervalBytes,
      producerIdExpirationMs: this.#options.producerIdExpirationMs,
      wallMs: this.#io.clock.wallMs(),
    };
    const progress = (message: string) => this.#logger.info(message);
    const recovered = hadCleanShutdown
      ? await recoverLog(this.#directory.files, input, progress)
      : await this.#io.jobs.run(recoverLogJob, input, progress);
    const topicId = await this.#topicId(directory);
    return Log.open(this.#environment, this.#directory, directory, topicPartition, topicId, config, recovered);
  }

  async #topicId(directory: string): Promise<string | undefined> {
    try {
      return await readPartitionMetadata(this.#directory.files, directory);
    } catch (error) {
      if (!(error instanceof KafkaError)) {
        throw error;
      }
      this.#logger.warn(`The topic id of a partition is taken from ZooKeeper: ${error.message}.`);
      return undefined;
    }
  }

  /** Partitions by the names of directories; what has another name is left alone. */
  async #findPartitions(names: readonly string[]): Promise<FoundPartition[]> {
    const { files, path } = this.#directory;
    const partitions: FoundPartition[] = [];
    for (const name of names) {
      if (name === 'lost+found' || (await files.stat(this.#directory.join(name)))?.kind !== 'directory') {
        continue;
      }
      const parsed = parsePartitionDirectory(name);
      if (parsed?.kind === 'current' || parsed?.kind === 'future') {
        partitions.push({ ...parsed, name });
      } else if (parsed?.kind === 'delete') {
        this.#toRemove.push(this.#directory.join(name));
      } else {
        this.#logger.warn(
          `Directory ${name} in ${path} is left alone: ` +
            (parsed === undefined
              ? 'its name is not that of a partition (topic-number).'
              : `it is a ${parsed.kind} partition, which is not handled.`),
        );
      }
    }
    return partitions;
  }

  /** A checkpoint that cannot be read is one that says nothing: recovery then begins at the start. */
  async #read(
    name: string,
    names: readonly string[],
    found: readonly FoundPartition[],
  ): Promise<ReadonlyMap<string, number>> {
    const checkpoint = new OffsetCheckpoint(this.#directory.files, this.#directory.path, name);
    const isAlwaysThere = name !== OffsetCheckpointName.CLEANER_OFFSET && found.length > 0;
    let offsets: ReadonlyMap<string, number> | undefined;
    try {
      offsets = names.includes(name) ? await checkpoint.read() : undefined;
    } catch (error) {
      if (!(error instanceof KafkaError)) {
        throw error;
      }
      this.#logger.warn(`A checkpoint is taken to be empty: ${error.message}.`);
      return new Map();
    }
    if (offsets === undefined && isAlwaysThere) {
      this.#logger.info(`There is no ${checkpoint.path}, or it is empty: nothing of what it says is known.`);
    }
    this.#compare(checkpoint.path, name, offsets, found);
    return offsets ?? new Map();
  }

  /** Says of which partitions a checkpoint should not, or should speak: it may be another one's, or damaged. */
  #compare(
    path: string,
    name: string,
    offsets: ReadonlyMap<string, number> | undefined,
    found: readonly FoundPartition[],
  ): void {
    if (offsets === undefined) return;
    const current = found.filter(({ kind }) => kind === 'current');
    const known = new Set(found.map(({ topicPartition }) => partitionName(topicPartition)));
    const unknown = [...offsets.keys()].filter((partition) => !known.has(partition));
    if (unknown.length > 0) {
      this.#logger.info(`${path} has offsets of partitions that are not there: ${listed(unknown)}.`);
    }
    // The others have only logs of which there is something to say.
    const isOfAll = name === OffsetCheckpointName.RECOVERY_POINT || name === OffsetCheckpointName.REPLICATION_OFFSET;
    const without = current
      .map(({ topicPartition }) => partitionName(topicPartition))
      .filter((one) => !offsets.has(one));
    if (isOfAll && without.length > 0) {
      this.#logger.info(`${path} says nothing of ${listed(without)}.`);
    }
  }
}

const mostListed = 5;

function listed(names: readonly string[]): string {
  const shown = names
    .slice(0, mostListed)
    .map((name) => JSON.stringify(name))
    .join(', ');
  return names.length > mostListed ? `${shown} and ${names.length - mostListed} others` : shown;
}

/** Runs `work` for every item, so many at once; the first failure ends it. */
export async function eachLimited<T>(
  items: readonly T[],
  concurrency: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < items.length) {
      await work(items[next++]);
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, items.length) }, worker));
}
