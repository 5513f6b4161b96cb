import type { Timer } from '../io/clock';
import type { Io } from '../io/io';
import type { LogManager } from '../log/log-manager';
import { partitionName, type TopicPartition } from '../log/topic-partition';
import type { Logger } from '../logging/logger';
import { ErrorCode, errorName, KafkaError } from '../protocol/errors';
import { FutureReplicaCopy } from './future-replica-copy';
import type { Partition } from './partition';
import type { ReplicationThrottle } from './replication-quota';

export interface ReplicaAlterLogDirsOptions {
  /** num.replica.alter.log.dirs.threads: partitions that are copied at once. */
  readonly threads: number;
  /** replica.fetch.max.bytes: what is read at a time. */
  readonly fetchMaxBytes: number;
  /** replica.fetch.backoff.ms: pause after a failure, and while the quota is exceeded. */
  readonly fetchBackoffMs: number;
  /** replica.alter.log.dirs.io.max.bytes.per.second; every move counts. */
  readonly quota: Pick<ReplicationThrottle, 'isQuotaExceeded' | 'record'>;
  /** The log start offset of the partition's copy may have moved. */
  readonly progressed: (partition: Partition) => void;
}

/** A partition on its way to another log directory. */
interface Move {
  readonly name: string;
  readonly partition: Partition;
  readonly copy: FutureReplicaCopy;
  isRemoved: boolean;
  /** Settles when nothing is being done for it any more. */
  running: Promise<void> | undefined;
  /** Until when it is left alone after a failure. */
  delay: Timer | undefined;
  /** The error that was told last. */
  told: string;
}

/**
 * Moves partitions between the log directories of this broker (Kafka's ReplicaAlterLogDirsManager, KIP-113): each is
 * copied from its log until the copy has everything, and takes the log's place. So many at once as there are threads,
 * the first ones by name, and each to its end: half copies help nobody.
 */
export class ReplicaAlterLogDirsManager {
  readonly #io: Io;
  readonly #logger: Logger;
  readonly #logManager: LogManager;
  readonly #options: ReplicaAlterLogDirsOptions;
  readonly #moves = new Map<string, Move>();
  #running = 0;
  #isClosed = false;
  readonly #pauses = new Set<() => void>();

  constructor(io: Io, logger: Logger, logManager: LogManager, options: ReplicaAlterLogDirsOptions) {
    this.#io = io;
    this.#logger = logger.child('ReplicaAlterLogDirsManager');
    this.#logManager = logManager;
    this.#options = options;
  }

  /** Partitions that are being moved, or wait for it. */
  get size(): number {
    return this.#moves.size;
  }

  /** The partition has a future log; one that is being moved already goes on. */
  add(partition: Partition): void {
    const name = partitionName(partition);
    const old = this.#moves.get(name);
    if (this.#isClosed || (old?.partition === partition && !old.isRemoved)) return;
    const copy = new FutureReplicaCopy(partition, this.#logger, this.#options.fetchMaxBytes);
    const running = old?.running;
    const move: Move = { name, partition, copy, isRemoved: false, running: undefined, delay: undefined, told: '' };
    this.#moves.set(name, move);
    if (running) void running.then(() => this.#begin());
    else this.#begin();
  }

  /** Moves them no more; resolves when nothing is being done for them. Their copies are the caller's to delete. */
  async remove(partitions: Iterable<TopicPartition>): Promise<void> {
    const running: (Promise<void> | undefined)[] = [];
    for (const partition of partitions) {
      const move = this.#moves.get(partitionName(partition));
      if (move === undefined) continue;
      this.#takeOut(move);
      running.push(move.running);
    }
    for (const wake of [...this.#pauses]) wake();
    await Promise.all(running);
  }

  async shutdown(): Promise<void> {
    this.#isClosed = true;
    await this.remove([...this.#moves.values()].map(({ partition }) => partition));
  }

  #takeOut(move: Move): void {
    move.isRemoved = true;
    move.delay?.cancel();
    if (this.#moves.get(move.name) === move) this.#moves.delete(move.name);
  }

  #begin(): void {
    while (!this.#isClosed && this.#running < this.#options.threads) {
      let next: Move | undefined;
      for (const move of this.#moves.values()) {
        if (move.running || move.delay) continue;
        if (next === undefined || isBefore(move.partition, next.partition)) next = move;
      }
      if (next === undefined) return;
      const move = next;
      this.#running++;
      move.running = this.#run(move).finally(() => {
        move.running = undefined;
        this.#running--;
        this.#begin();
      });
    }
  }

  async #run(move: Move): Promise<void> {
    const { partition, copy } = move;
    try {
      const { futureLog } = partition;
      if (futureLog) {
        this.#logger.info(
          `Copying ${move.name} to ${futureLog.logDir} from offset ${futureLog.logEndOffset} on; ${this.#moves.size} partitions are to be moved.`,
        );
      }
      while (!move.isRemoved && partition.futureLog !== undefined) {
        if (this.#options.quota.isQuotaExceeded()) {
          await this.#pause();
          continue;
        }
        const bytes = await copy.step();
        this.#options.quota.record(bytes);
        this.#options.progressed(partition);
        // What came since is copied while appends wait: there is always something new in a busy log.
        const isWaiting = copy.hasReachedEnd ? !(await this.#replace(move)) : bytes === 0;
        if (isWaiting && !move.isRemoved) await this.#pause();
      }
      if (!move.isRemoved) this.#takeOut(move);
    } catch (error) {
      this.#failed(move, error);
    }
  }

  /** Returns whether the copy is the log now. */
  async #replace({ partition, copy }: Move): Promise<boolean> {
    // Most is on the disk before appends have to wait for the rest.
    await partition.futureLog?.flush();
    const lastCopy = async (isWanted: () => boolean): Promise<boolean> => {
      while (isWanted() && (await copy.step()) > 0);
      return copy.isComplete && !partition.isGone;
    };
    return this.#logManager.replaceCurrentWithFuture(partition, lastCopy, (log) => partition.movedTo(log));
  }

  /** A directory that has failed takes its moves with it; for anything else it is tried again. */
  #failed(move: Move, error: unknown): void {
    if (move.isRemoved || this.#isClosed) return;
    const { message } = error instanceof Error ? error : { message: String(error) };
    if (message !== move.told) {
      move.told = message;
      const code = errorName(error instanceof KafkaError ? error.code : ErrorCode.UNKNOWN_SERVER_ERROR);
      this.#logger.error(`Moving ${move.name} to another log directory failed; it is tried again.`, { code, error });
    }
    move.delay = this.#io.clock.timer(this.#options.fetchBackoffMs, () => {
      move.delay = undefined;
      this.#begin();
    });
  }

  async #pause(): Promise<void> {
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        this.#pauses.delete(wake);
        timer.cancel();
        resolve();
      };
      const timer = this.#io.clock.timer(this.#options.fetchBackoffMs, wake);
      this.#pauses.add(wake);
    });
  }
}

/** Kafka's order: by topic, then by partition. */
function isBefore(one: TopicPartition, other: TopicPartition): boolean {
  return one.topic === other.topic ? one.partition < other.partition : one.topic < other.topic;
}
