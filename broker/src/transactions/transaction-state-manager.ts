import type { Timer } from '../io/clock';
import type { Io } from '../io/io';
import type { TopicPartition } from '../log/topic-partition';
import type { Logger } from '../logging/logger';
import { ErrorCode, errorName, ProtocolError } from '../protocol/errors';
import { partitionForKey } from '../protocol/java-string-hash';
import { buildBatch, type RecordInput } from '../records/build-batch';
import type { PartitionAppendResult } from '../replication/append';
import { transactionStateTopic } from '../replication/internal-topics';
import type { TransactionCoordinatorOptions } from './transaction-coordinator-options';
import { loadTransactions } from './transaction-loader';
import { type TransactionMetadata, type TxnTransitMetadata } from './transaction-metadata';
import { transactionRecord, transactionTombstone } from './transaction-records';
import type { CoordinatorPartition, CoordinatorReplicas } from '../replication/coordinator-replicas';
import type { ClusterMetadata } from './cluster-metadata';
import { isExpirationAllowed, TransactionState } from './transaction-state';

/** Tombstones in one batch: with the longest ids still below what a topic takes as its largest batch. */
const tombstoneBytesPerBatch = 512 * 1024;
const recordOverhead = 64;
const firstRetryMs = 1_000;
const longestRetryMs = 30_000;

/** A partition of __transaction_state that this broker leads, with its transactional ids. */
export class TransactionPartition {
  isLoading = true;
  transactions = new Map<string, TransactionMetadata>();

  constructor(
    readonly index: number,
    /** The leader epoch with which this broker became coordinator; markers carry it. */
    readonly coordinatorEpoch: number,
  ) {}
}

/** What there is of a transactional id here. */
export type TransactionLookup =
  | { readonly error: ErrorCode; readonly partition?: undefined; readonly metadata?: undefined }
  | {
      readonly error?: undefined;
      readonly partition: TransactionPartition;
      readonly metadata: TransactionMetadata | undefined;
    };

/** Called for what was decided before this broker became coordinator: its markers are still due. */
export type ResumeTransaction = (coordinatorEpoch: number, metadata: TransactionMetadata) => void;

/**
 * The transactional ids that this broker coordinates, and their records (Kafka's TransactionStateManager): loaded when
 * it becomes leader of a partition of __transaction_state, dropped when it is leader no more. Every change is written,
 * and in all in-sync replicas, before it counts.
 */
export class TransactionStateManager {
  readonly #io: Io;
  readonly #logger: Logger;
  readonly #replicas: CoordinatorReplicas;
  readonly #metadata: ClusterMetadata;
  readonly #options: TransactionCoordinatorOptions;
  readonly #partitions = new Map<number, TransactionPartition>();
  #topicPartitions: number | undefined;
  /** Partitions are loaded one after the other: the memory for reading is needed once. */
  #loads: Promise<void> = Promise.resolve();
  #expiryTimer: Timer | undefined;
  #isStopped = false;

  constructor(
    io: Io,
    logger: Logger,
    replicas: CoordinatorReplicas,
    metadata: ClusterMetadata,
    options: TransactionCoordinatorOptions,
  ) {
    this.#io = io;
    this.#logger = logger.child('TransactionStateManager');
    this.#replicas = replicas;
    this.#metadata = metadata;
    this.#options = options;
  }

  /** Looks for expired transactional ids from now on. */
  start(): void {
    this.#expiryTimer = this.#io.clock.timer(this.#options.removeExpiredTransactionalIdsIntervalMs, () => {
      try {
        this.removeExpiredTransactionalIds();
      } catch (error) {
        this.#logger.error('Looking for expired transactional ids failed.', { error });
      }
      if (!this.#isStopped) this.start();
    });
  }

  /** Resolves when nothing reads the log any more. */
  stop(): Promise<void> {
    this.#isStopped = true;
    this.#expiryTimer?.cancel();
    this.#partitions.clear();
    return this.#loads;
  }

  /**
   * The partition of __transaction_state that holds a transactional id. What the topic had when it was first seen counts
   * as long as it exists.
   */
  partitionFor(transactionalId: string): number {
    const topic = this.#metadata.topic(transactionStateTopic);
    if (!topic || topic.partitions.size === 0) this.#topicPartitions = undefined;
    else if (this.#topicPartitions === undefined) {
      let count = 0;
      for (const index of topic.partitions.keys()) count = Math.max(count, index + 1);
      this.#topicPartitions = count;
    }
    return partitionForKey(transactionalId, this.#topicPartitions ?? this.#options.transactionLogNumPartitions);
  }

  get(transactionalId: string): TransactionLookup {
    const partition = this.#partitions.get(this.partitionFor(transactionalId));
    if (!partition) return { error: ErrorCode.NOT_COORDINATOR };
    if (partition.isLoading) return { error: ErrorCode.COORDINATOR_LOAD_IN_PROGRESS };
    return { partition, metadata: partition.transactions.get(transactionalId) };
  }

  /** Adds a new transactional id, unless somebody else has meanwhile: that one is given then. */
  putIfNotExists(created: TransactionMetadata): TransactionLookup {
    const { error, partition, metadata } = this.get(created.transactionalId);
    if (error !== undefined) return { error };
    if (!metadata) partition.transactions.set(created.transactionalId, created);
    return { partition, metadata: metadata ?? created };
  }

  /** What is known under that epoch; `undefined` when this broker is not the coordinator of then any more. */
  current(transactionalId: string, coordinatorEpoch: number): TransactionMetadata | undefined {
    const { partition, metadata } = this.get(transactionalId);
    return partition?.coordinatorEpoch === coordinatorEpoch ? metadata : undefined;
  }

  get isLoading(): boolean {
    for (const { isLoading } of this.#partitions.values()) if (isLoading) return true;
    return false;
  }

  /** All that is loaded. */
  *transactions(): Generator<TransactionMetadata> {
    for (const { isLoading, transactions } of this.#partitions.values()) if (!isLoading) yield* transactions.values();
  }

  validateTransactionTimeoutMs(timeoutMs: number): boolean {
    return timeoutMs > 0 && timeoutMs <= this.#options.transactionMaxTimeoutMs;
  }

  /** Open transactions that have been so for longer than their producers wanted. */
  timedOutTransactions(): TransactionMetadata[] {
    const nowMs = this.#io.clock.wallMs();
    const timedOut: TransactionMetadata[] = [];
    for (const metadata of this.transactions()) {
      const { state, pendingState, txnStartTimestamp, txnTimeoutMs } = metadata;
      if (pendingState !== undefined || state !== TransactionState.ONGOING) continue;
      if (txnStartTimestamp + txnTimeoutMs < nowMs) timedOut.push(metadata);
    }
    return timedOut;
  }

  // --- writing ---

  /**
   * Writes what was prepared. `done` has what to tell a client; NONE: it is written, and `metadata` has changed. It may
   * be called in the same turn.
   *
   * @param keepsPending for which errors the transition stays under way: it is to be written again
   */
  append(
    transactionalId: string,
    coordinatorEpoch: number,
    to: TxnTransitMetadata,
    done: (error: ErrorCode) => void,
    keepsPending: (error: ErrorCode) => boolean = () => false,
  ): void {
    const found = this.get(transactionalId);
    if (found.error !== undefined) {
      done(found.error);
      return;
    }
    if (!found.metadata || found.partition.coordinatorEpoch !== coordinatorEpoch) {
      done(ErrorCode.NOT_COORDINATOR);
      return;
    }
    const { metadata, partition } = found;
    let records: Buffer;
    try {
      records = buildBatch({ records: [transactionRecord(transactionalId, to, this.#io.clock.wallMs())] });
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#logger.error(`The state of transactional id ${transactionalId} cannot be written: ${error.message}.`);
      if (!keepsPending(ErrorCode.UNKNOWN_SERVER_ERROR)) metadata.pendingState = undefined;
      done(ErrorCode.UNKNOWN_SERVER_ERROR);
      return;
    }
    this.#appendBatch(partition.index, records, to.txnTimeoutMs, (result) =>
      done(this.#appended(metadata, coordinatorEpoch, to, result, keepsPending)),
    );
  }

  #appended(
    metadata: TransactionMetadata,
    coordinatorEpoch: number,
    to: TxnTransitMetadata,
    { errorCode, errorMessage }: PartitionAppendResult,
    keepsPending: (error: ErrorCode) => boolean,
  ): ErrorCode {
    const { transactionalId } = metadata;
    const error = coordinatorError(errorCode);
    const now = this.get(transactionalId);
    const isSame = now.metadata === metadata && now.partition?.coordinatorEpoch === coordinatorEpoch;
    if (error === ErrorCode.NONE) {
      if (!isSame) {
        this.#logger.info(
          `Transactional id ${transactionalId} was written as ${to.txnState}, but is coordinated elsewhere, or anew, by now.`,
        );
        return now.error ?? ErrorCode.NOT_COORDINATOR;
      }
      try {
        metadata.completeTransitionTo(to);
      } catch (failure) {
        this.#logger.error(`Transactional id ${transactionalId} was written in a state that it cannot have.`, {
          error: failure,
        });
        return ErrorCode.UNKNOWN_SERVER_ERROR;
      }
      return ErrorCode.NONE;
    }
    this.#logger.info(
      `Transactional id ${transactionalId} could not be written as ${to.txnState} (${errorMessage ?? errorName(errorCode)}).`,
    );
    if (isSame && !keepsPending(error)) metadata.pendingState = undefined;
    return error;
  }

  #appendBatch(
    partition: number,
    records: Buffer,
    timeoutMs: number,
    done: (result: PartitionAppendResult) => void,
  ): void {
    this.#replicas.append(
      { origin: 'coordinator', requiredAcks: -1, timeoutMs, internalTopicsAllowed: true },
      [{ topic: transactionStateTopic, partition, records }],
      ([result]) => done(result),
    );
  }

  /** Writes tombstones for ids that nobody has used for transactional.id.expiration.ms, and forgets them. */
  removeExpiredTransactionalIds(): void {
    const nowMs = this.#io.clock.wallMs();
    const oldest = nowMs - this.#options.transactionalIdExpirationMs;
    for (const partition of this.#partitions.values()) {
      if (partition.isLoading) continue;
      let expired: TransactionMetadata[] = [];
      let tombstones: RecordInput[] = [];
      let bytes = 0;
      const flush = (): void => {
        if (expired.length > 0) this.#writeTombstones(partition, expired, tombstones);
        [expired, tombstones, bytes] = [[], [], 0];
      };
      // A copy: what is written in the same turn is taken out while this goes on.
      for (const metadata of [...partition.transactions.values()]) {
        const { state, pendingState, txnLastUpdateTimestamp, transactionalId } = metadata;
        if (pendingState !== undefined || !isExpirationAllowed(state) || txnLastUpdateTimestamp > oldest) continue;
        const tombstone = transactionTombstone(transactionalId, nowMs);
        const size = recordOverhead + (tombstone.key?.length ?? 0);
        if (bytes + size > tombstoneBytesPerBatch) flush();
        metadata.prepareDead();
        expired.push(metadata);
        tombstones.push(tombstone);
        bytes += size;
      }
      flush();
    }
  }

  #writeTombstones(
    partition: TransactionPartition,
    expired: readonly TransactionMetadata[],
    tombstones: readonly RecordInput[],
  ): void {
    const records = buildBatch({ records: tombstones });
    this.#appendBatch(partition.index, records, this.#options.requestTimeoutMs, ({ errorCode }) => {
      if (this.#partitions.get(partition.index) !== partition) return;
      if (errorCode === ErrorCode.NONE) {
        for (const { transactionalId } of expired) partition.transactions.delete(transactionalId);
        this.#logger.info(
          `${expired.length} transactional ids of ${transactionStateTopic}-${partition.index} have expired and were removed.`,
        );
      } else {
        for (const metadata of expired) metadata.pendingState = undefined;
        this.#logger.warn(
          `${expired.length} expired transactional ids of ${transactionStateTopic}-${partition.index} could not be removed: ${errorName(errorCode)}.`,
        );
      }
    });
  }

  // --- loading ---

  /** This broker leads the partition now: loads its transactional ids. */
  load(from: CoordinatorPartition, resume: ResumeTransaction): void {
    const partition = new TransactionPartition(from.partition, from.leaderEpoch);
    this.#partitions.set(from.partition, partition);
    this.#scheduleLoad(partition, from, resume, firstRetryMs);
  }

  #scheduleLoad(
    partition: TransactionPartition,
    from: CoordinatorPartition,
    resume: ResumeTransaction,
    retryMs: number,
  ): void {
    const isWanted = (): boolean => !this.#isStopped && this.#partitions.get(partition.index) === partition;
    const name = `${from.topic}-${from.partition}`;
    this.#loads = this.#loads.then(async () => {
      if (!isWanted()) return;
      try {
        const startMs = this.#io.clock.monotonicMs();
        const { transactionLogLoadBufferSize: bufferSize } = this.#options;
        const loaded = await loadTransactions(this.#io.clock, this.#logger, from, bufferSize, isWanted);
        if (!isWanted()) return;
        partition.transactions = loaded;
        partition.isLoading = false;
        this.#logger.info(
          `Loaded ${loaded.size} transactional ids from ${name} in coordinator epoch ${partition.coordinatorEpoch}.`,
          { milliseconds: Math.round(this.#io.clock.monotonicMs() - startMs) },
        );
        this.#resume(partition, resume);
      } catch (error) {
        // Without its state a transaction would stay open, or be decided twice: better its producer waits.
        this.#logger.error(`Loading transactions from ${name} failed; it is tried again in ${retryMs} ms.`, { error });
        this.#io.clock.timer(retryMs, () => {
          if (isWanted()) this.#scheduleLoad(partition, from, resume, Math.min(retryMs * 2, longestRetryMs));
        });
      }
    });
  }

  #resume(partition: TransactionPartition, resume: ResumeTransaction): void {
    const { PREPARE_COMMIT, PREPARE_ABORT } = TransactionState;
    for (const metadata of [...partition.transactions.values()]) {
      if (metadata.state !== PREPARE_COMMIT && metadata.state !== PREPARE_ABORT) continue;
      try {
        resume(partition.coordinatorEpoch, metadata);
      } catch (error) {
        this.#logger.error(`The transaction of ${metadata.transactionalId} cannot be completed.`, { error });
      }
    }
  }

  /** This broker leads the partition no more: drops what it knows. */
  unload({ partition: index }: TopicPartition): void {
    const partition = this.#partitions.get(index);
    if (!partition) return;
    this.#partitions.delete(index);
    this.#logger.info(`Dropped ${partition.transactions.size} transactional ids of ${transactionStateTopic}-${index}.`);
  }
}

/** What a client is told when the state could not be written. */
function coordinatorError(errorCode: ErrorCode): ErrorCode {
  switch (errorCode) {
    case ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
    case ErrorCode.NOT_ENOUGH_REPLICAS:
    case ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND:
    case ErrorCode.REQUEST_TIMED_OUT:
      return ErrorCode.COORDINATOR_NOT_AVAILABLE;
    case ErrorCode.NOT_LEADER_OR_FOLLOWER:
    case ErrorCode.KAFKA_STORAGE_ERROR:
      return ErrorCode.NOT_COORDINATOR;
    case ErrorCode.MESSAGE_TOO_LARGE:
    case ErrorCode.RECORD_LIST_TOO_LARGE:
      return ErrorCode.UNKNOWN_SERVER_ERROR;
    default:
      return errorCode;
  }
}
