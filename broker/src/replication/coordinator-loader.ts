import type { Clock } from '../io/clock';
import { readRanges } from '../log/read-ranges';
import type { Logger } from '../logging/logger';
import { KafkaError } from '../protocol/errors';
import { lastOffset, nextBatchSize } from '../records/batch-header';
import type { CoordinatorPartition } from './coordinator-replicas';

/** Records that are read before others get their turn: a few milliseconds of work. */
const recordsPerTurn = 2_000;
const firstRetryMs = 1_000;
const longestRetryMs = 30_000;

/** What the records of one partition add up to. */
export interface CoordinatorLoad {
  /** Applies the batch at `at`; returns how many records it has. */
  take(bytes: Buffer, at: number): number;
  /** No batch can be made out at `offset`: what stands from there on is lost, unless this throws. */
  damaged(offset: number, why: string): void;
}

export interface CoordinatorLoaderOptions<L extends CoordinatorLoad> {
  /** For messages: `groups`. */
  readonly what: string;
  readonly bufferSize: number;
  begin(from: CoordinatorPartition): L;
}

/**
 * Loads what a coordinator keeps in partitions, one after the other in each log directory: the memory for reading is
 * needed once there, and a disk that does not answer has those on others wait for nothing. What cannot be read is tried
 * again, later and later: without its state a coordinator would answer wrongly.
 */
export class CoordinatorLoader<L extends CoordinatorLoad> {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #options: CoordinatorLoaderOptions<L>;
  /** By log directory. */
  readonly #loads = new Map<string, Promise<void>>();

  constructor(clock: Clock, logger: Logger, options: CoordinatorLoaderOptions<L>) {
    this.#clock = clock;
    this.#logger = logger;
    this.#options = options;
  }

  /** Resolves when nothing is read any more, given that nothing is wanted. */
  get settled(): Promise<void> {
    return Promise.all(this.#loads.values()).then(() => undefined);
  }

  /**
   * @param isWanted asked after every pause; once it is false the result does not matter, and reading stops
   * @param done called in the turn in which the log's end was read: what is appended afterwards meets the result
   */
  load(
    from: CoordinatorPartition,
    isWanted: () => boolean,
    done: (load: L, milliseconds: number) => void,
    retryMs = firstRetryMs,
  ): void {
    const { logDir } = from.log;
    const loading = (this.#loads.get(logDir) ?? Promise.resolve()).then(async () => {
      if (!isWanted()) return;
      try {
        const startMs = this.#clock.monotonicMs();
        await this.#read(from, isWanted, (load) => done(load, Math.round(this.#clock.monotonicMs() - startMs)));
      } catch (error) {
        const { what } = this.#options;
        this.#logger.error(
          `Loading ${what} from ${from.topic}-${from.partition} failed; it is tried again in ${retryMs} ms.`,
          { error },
        );
        this.#clock.timer(retryMs, () => {
          if (isWanted()) this.load(from, isWanted, done, Math.min(retryMs * 2, longestRetryMs));
        });
      }
    });
    this.#loads.set(logDir, loading);
  }

  async #read(from: CoordinatorPartition, isWanted: () => boolean, done: (load: L) => void): Promise<void> {
    const load = this.#options.begin(from);
    // Not kept: the partition may move to another log directory meanwhile.
    let offset = from.log.logStartOffset;
    let readSinceTurn = 0;
    while (offset < from.log.logEndOffset && isWanted()) {
      const data = await from.log.read(offset, this.#options.bufferSize, 'logEnd', true);
      const bytes = await readRanges(data.ranges, data.sizeInBytes);
      // What was last before the end has been compacted away.
      if (bytes.length === 0) break;
      const before = offset;
      for (let at = 0, size = 0; isWanted() && (size = sizeOfBatch(bytes, at)) > 0; at += size) {
        readSinceTurn += load.take(bytes, at);
        offset = Math.max(offset, lastOffset(bytes, at) + 1);
        if (readSinceTurn >= recordsPerTurn) {
          readSinceTurn = 0;
          await new Promise<void>((resolve) => this.#clock.defer(resolve));
        }
      }
      if (offset === before && isWanted()) {
        load.damaged(offset, defectOf(bytes));
        break;
      }
    }
    if (isWanted()) done(load);
  }
}

/** 0 where no whole batch stands. */
function sizeOfBatch(bytes: Buffer, at: number): number {
  try {
    return nextBatchSize(bytes, at, bytes.length);
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error;
    return 0;
  }
}

/** Of bytes that do not begin with a whole batch. */
function defectOf(bytes: Buffer): string {
  try {
    nextBatchSize(bytes, 0, bytes.length);
    return `its ${bytes.length} bytes are no whole batch`;
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error;
    return error.message;
  }
}
