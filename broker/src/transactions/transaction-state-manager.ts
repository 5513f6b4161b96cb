import type { Timer } from '../io/clock';
import type { Io } from '../io/io';
import type { TopicPartition } from '../log/topic-partition';
import type { Logger } from '../logging/logger';
import { ErrorCode, errorName, ProtocolError } from '../protocol/errors';
import { RECORD_BATCH_OVERHEAD } from '../records/batch-header';
import { buildBatch, type RecordInput } from '../records/build-batch';
import type { PartitionAppendResult } from '../replication/append';
import { transactionStateTopic } from '../replication/internal-topics';
import type { TransactionCoordinatorOptions } from './transaction-coordinator-options';
import { TransactionLoad } from './transaction-loader';
import { type TransactionMetadata, type TxnTransitMetadata } from './transaction-metadata';
import { transactionRecord, transactionTombstone } from './transaction-records';
import { CoordinatorLoader } from '../replication/coordinator-loader';
import type { CoordinatorPartition, CoordinatorReplicas } from '../replication/coordinator-replicas';
import type { InternalTopic } from '../replication/internal-topic';
import { isExpirationAllowed, TransactionState } from './transaction-state';

/** Tombstones in one batch, where the topic takes batches of that size. */
const tombstoneBytesPerBatch = 512 * 1024;
const recordOverhead = 64;
/** Between two looks at whether the replicas have what was loaded. */
const committedCheckMs = 10;
const loading = ErrorCode.COORDINATOR_LOAD_IN_PROGRESS;

/** A partition of __transaction_state that this broker leads, with its transactional ids. */
export class TransactionPartition {
  isLoading = true;
  transactions = new Map<string, TransactionMetadata>();

  readonly index: number;
  /** The leader epoch with which this broker became coordinator; markers carry it. */
  readonly coordinatorEpoch: number;

  constructor(readonly from: CoordinatorPartition) {
    this.index = from.partition;
    this.coordinatorEpoch = from.leaderEpoch;
  }
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
export type ResumeTransaction = (partition: TransactionPartition, metadata: TransactionMetadata) => void;

/**
 * The transactional ids that this broker coordinates, and their records (Kafka's TransactionStateManager): loaded when
 * it becomes leader of a partition of __transaction_state, dropped when it is leader no more. Every change is written,
 * and in all in-sync replicas, before it counts.
 */
export class TransactionStateManager {
  readonly #io: Io;
  readonly #logger: Logger;
  readonly #replicas: CoordinatorReplicas;
  readonly #topic: InternalTopic;
  readonly #loader: CoordinatorLoader<TransactionLoad>;
  readonly #options: TransactionCoordinatorOptions;
  readonly #partitions = new Map<number, TransactionPartition>();
  #expiryTimer: Timer | undefined;
  #isStopped = false;

  constructor(
    io: Io,
    logger: Logger,
    replicas: CoordinatorReplicas,
    topic: InternalTopic,
    options: TransactionCoordinatorOptions,
  ) {
    this.#io = io;
    this.#logger = logger.child('TransactionStateManager');
    this.#replicas = replicas;
    this.#topic = topic;
    this.#options = options;
    this.#loader = new CoordinatorLoader(io.clock, this.#logger, {
      what: 'transactions',
      bufferSize: options.transactionLogLoadBufferSize,
      begin: (from) => new TransactionLoad(this.#logger, `${from.topic}-${from.partition}`),
    });
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
    return this.#loader.settled;
  }

  /** The partition of __transaction_state that holds a transactional id; `undefined` while that is not known (see InternalTopic). */
  partitionFor(transactionalId: string): number | undefined {
    return this.#topic.partitionFor(transactionalId);
  }

  get(transactionalId: string): TransactionLookup {
    const index = this.partitionFor(transactionalId);
    if (index === undefined) {
      // It may be one that is led here.
      return { error: this.#topic.isKnown ? loading : ErrorCode.NOT_COORDINATOR };
    }
    const partition = this.#partitions.get(index);
    if (!partition) return { error: ErrorCode.NOT_COORDINATOR };
    if (partition.isLoading) return { error: loading };
    return { partition, metadata: partition.transactions.get(transactionalId) };
  }

  /** Adds a new transactional id, unless somebody else has meanwhile: that one is given then. */
  putIfNotExists(created: TransactionMetadata): TransactionLookup {
    const { error, partition, metadata } = this.get(created.transactionalId);
    if (error !== undefined) return { error };
    if (!metadata) partition.transactions.set(created.transactionalId, created);
    return { partition, metadata: metadata ?? created };
  }

  /**
   * Whether this broker has coordinated the id since the partition was loaded. What is under way goes by the partition
   * that it began in: where its id belongs may not be known yet.
   */
  isCurrent(partition: TransactionPartition, metadata: TransactionMetadata): boolean {
    return this.#lost(partition, metadata) === undefined;
  }

  #lost(partition: TransactionPartition, metadata: TransactionMetadata): ErrorCode | undefined {
    const now = this.#partitions.get(partition.index);
    if (now === partition && partition.transactions.get(metadata.transactionalId) === metadata) return undefined;
    return now?.isLoading ? loading : ErrorCode.NOT_COORDINATOR;
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
  timedOutTransactions(): { readonly partition: TransactionPartition; readonly metadata: TransactionMetadata }[] {
    const nowMs = this.#io.clock.wallMs();
    const timedOut: { partition: TransactionPartition; metadata: TransactionMetadata }[] = [];
    for (const partition of this.#partitions.values()) {
      if (partition.isLoading) continue;
      for (const metadata of partition.transactions.values()) {
        const { state, pendingState, txnStartTimestamp, txnTimeoutMs } = metadata;
        if (pendingState !== undefined || state !== TransactionState.ONGOING) continue;
        if (txnStartTimestamp + txnTimeoutMs < nowMs) timedOut.push({ partition, metadata });
      }
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
    partition: TransactionPartition,
    metadata: TransactionMetadata,
    to: TxnTransitMetadata,
    done: (error: ErrorCode) => void,
    keepsPending: (error: ErrorCode) => boolean = () => false,
  ): void {
    const lost = this.#lost(partition, metadata);
    if (lost !== undefined) {
      done(lost);
      return;
    }
    const { transactionalId } = metadata;
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
      done(this.#appended(partition, metadata, to, result, keepsPending)),
    );
  }

  #appended(
    partition: TransactionPartition,
    metadata: TransactionMetadata,
    to: TxnTransitMetadata,
    { errorCode, errorMessage }: PartitionAppendResult,
    keepsPending: (error: ErrorCode) => boolean,
  ): ErrorCode {
    const { transactionalId } = metadata;
    const error = coordinatorError(errorCode);
    const lost = this.#lost(partition, metadata);
    if (error === ErrorCode.NONE) {
      if (lost !== undefined) {
        this.#logger.info(
          `Transactional id ${transactionalId} was written as ${to.txnState}, but is coordinated elsewhere, or anew, by now.`,
        );
        return lost;
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
    if (lost === undefined && !keepsPending(error)) metadata.pendingState = undefined;
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
      const { maxMessageBytes } = partition.from.log.config;
      const mostBytes = Math.min(tombstoneBytesPerBatch, maxMessageBytes - RECORD_BATCH_OVERHEAD);
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
        if (bytes + size > mostBytes) flush();
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
    const partition = new TransactionPartition(from);
    this.#partitions.set(from.partition, partition);
    this.#topic.learn();
    const isWanted = (): boolean => !this.#isStopped && this.#partitions.get(partition.index) === partition;
    this.#loader.load(from, isWanted, ({ transactions }, milliseconds) => {
      this.#whenCommitted(from, from.log.logEndOffset, isWanted, () => {
        partition.transactions = transactions;
        partition.isLoading = false;
        this.#logger.info(
          `Loaded ${transactions.size} transactional ids from ${from.topic}-${from.partition} in coordinator epoch ${partition.coordinatorEpoch}.`,
          { milliseconds },
        );
        this.#resume(partition, resume);
      });
    });
  }

  /**
   * The end of the log may be what the leader before wrote and no other replica has: the next leader may be without it.
   * A commit of which only this broker knows must not get markers, or another one aborts the rest of the transaction.
   */
  #whenCommitted(from: CoordinatorPartition, end: number, isWanted: () => boolean, go: () => void): void {
    if (from.log.highWatermark >= end) {
      go();
      return;
    }
    this.#io.clock.timer(committedCheckMs, () => {
      if (isWanted()) this.#whenCommitted(from, end, isWanted, go);
    });
  }

  #resume(partition: TransactionPartition, resume: ResumeTransaction): void {
    const { PREPARE_COMMIT, PREPARE_ABORT } = TransactionState;
    for (const metadata of [...partition.transactions.values()]) {
      if (metadata.state !== PREPARE_COMMIT && metadata.state !== PREPARE_ABORT) continue;
      try {
        resume(partition, metadata);
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
