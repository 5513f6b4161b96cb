import type { Timer } from '../io/clock';
import type { Io } from '../io/io';
import type { TopicPartition } from '../log/topic-partition';
import type { Logger } from '../logging/logger';
import { ErrorCode, errorName, KafkaError } from '../protocol/errors';
import { transactionStateTopic } from '../replication/internal-topics';
import type { BrokerRequests } from './broker-requests';
import type { TransactionCoordinatorOptions } from './transaction-coordinator-options';
import { TransactionMarkerChannelManager } from './transaction-marker-channel-manager';
import {
  containsAll,
  isEpochExhausted,
  noProducerEpoch,
  noProducerId,
  partitionsOf,
  type ProducerIdAndEpoch,
  TransactionMetadata,
  type TxnTransitMetadata,
} from './transaction-metadata';
import { byTopic } from './transaction-records';
import type { CoordinatorPartition, CoordinatorReplicas } from '../replication/coordinator-replicas';
import type { ClusterTopics, InternalTopic } from '../replication/internal-topic';
import type { ClusterMetadata } from './cluster-metadata';
import {
  type TransactionLookup,
  type TransactionPartition,
  TransactionStateManager,
} from './transaction-state-manager';
import { stateOfName, TransactionState } from './transaction-state';

export interface InitProducerIdResult {
  readonly errorCode: ErrorCode;
  readonly producerId: number;
  readonly producerEpoch: number;
}

/** Who asks for something within a transaction. */
export interface TransactionalProducer extends ProducerIdAndEpoch {
  readonly transactionalId: string;
}

/** One transactional id, as DescribeTransactions shows it. */
export interface DescribedTransaction {
  readonly errorCode: ErrorCode;
  readonly transactionalId: string;
  readonly transactionState: string;
  readonly transactionTimeoutMs: number;
  readonly transactionStartTimeMs: number;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly topics: readonly { readonly topic: string; readonly partitions: readonly number[] }[];
}

export interface ListedTransactions {
  readonly errorCode: ErrorCode;
  readonly unknownStateFilters: readonly string[];
  readonly transactionStates: readonly {
    readonly transactionalId: string;
    readonly producerId: number;
    readonly transactionState: string;
  }[];
}

export interface TransactionCoordinatorParts {
  readonly replicas: CoordinatorReplicas;
  readonly metadata: ClusterMetadata;
  /** __transaction_state */
  readonly topic: InternalTopic;
  readonly topics: ClusterTopics;
  /** Of markers; and of those that have failed before, by connections of their own. */
  readonly requests: BrokerRequests;
  readonly retries: BrokerRequests;
  /** A producer id that nobody has had. Rejects with a KafkaError while there is none. */
  readonly nextProducerId: () => Promise<number>;
  readonly options: TransactionCoordinatorOptions;
}

type Decision = typeof TransactionState.PREPARE_COMMIT | typeof TransactionState.PREPARE_ABORT;

/** A producer id is needed, which may take a while: everything may be different then. */
const needsProducerId = Symbol('needsProducerId');

/**
 * Coordinates the transactions whose id belongs to a partition of __transaction_state that this broker leads (Kafka's
 * TransactionCoordinator). A request is decided in the turn in which it comes, or in which its producer id is there; it
 * is answered when what was decided is written.
 */
export class TransactionCoordinator {
  readonly #io: Io;
  readonly #logger: Logger;
  readonly #states: TransactionStateManager;
  readonly #markers: TransactionMarkerChannelManager;
  readonly #nextProducerId: () => Promise<number>;
  readonly #options: TransactionCoordinatorOptions;
  #abortTimer: Timer | undefined;
  #isActive = false;

  constructor(io: Io, logger: Logger, parts: TransactionCoordinatorParts) {
    const { replicas, metadata, topic, topics, requests, retries, nextProducerId, options } = parts;
    this.#io = io;
    this.#logger = logger.child('TransactionCoordinator');
    this.#states = new TransactionStateManager(io, logger, replicas, topic, options);
    const cluster = { metadata, topics, requests, retries };
    this.#markers = new TransactionMarkerChannelManager(io, logger, this.#states, cluster, options);
    this.#nextProducerId = nextProducerId;
    this.#options = options;
    replicas.onLeadership({
      becameLeader: (partition) => {
        if (partition.topic === transactionStateTopic) this.onElection(partition);
      },
      resigned: (of) => {
        if (of.topic === transactionStateTopic) this.onResignation(of);
      },
    });
  }

  /** Looks after transactions that nobody ends from now on; ids are loaded from the moment that this object exists. */
  start(): void {
    this.#isActive = true;
    this.#states.start();
    this.#scheduleAborts();
  }

  async shutdown(): Promise<void> {
    this.#isActive = false;
    this.#abortTimer?.cancel();
    this.#markers.shutdown();
    await this.#states.stop();
  }

  /** For metrics: transactional ids by state, and transactions whose markers are on their way. */
  stats(): { readonly transactionalIds: ReadonlyMap<TransactionState, number>; readonly pendingMarkers: number } {
    const transactionalIds = new Map<TransactionState, number>();
    for (const { state } of this.#states.transactions()) {
      transactionalIds.set(state, (transactionalIds.get(state) ?? 0) + 1);
    }
    return { transactionalIds, pendingMarkers: this.#markers.pendingTransactions };
  }

  /** The partition of __transaction_state that a transactional id belongs to; `undefined` while that is not known. */
  partitionFor(transactionalId: string): number | undefined {
    return this.#states.partitionFor(transactionalId);
  }

  onElection(partition: CoordinatorPartition): void {
    this.#markers.removeMarkersForTxnTopicPartition(partition.partition);
    this.#states.load(partition, (loaded, metadata) => {
      const isCommit = metadata.state === TransactionState.PREPARE_COMMIT;
      const completed = metadata.prepareComplete(this.#io.clock.wallMs());
      this.#markers.addTxnMarkersToSend(loaded, isCommit, metadata, completed);
    });
  }

  onResignation(of: TopicPartition): void {
    this.#states.unload(of);
    this.#markers.removeMarkersForTxnTopicPartition(of.partition);
  }

  // --- InitProducerId ---

  /**
   * @param transactionalId null: a producer id without transactions
   * @param expected what the producer had before, when it goes on after an error (KIP-360)
   */
  async initProducerId(
    transactionalId: string | null,
    transactionTimeoutMs: number,
    expected?: ProducerIdAndEpoch,
  ): Promise<InitProducerIdResult> {
    try {
      if (transactionalId === null) {
        return { errorCode: ErrorCode.NONE, producerId: await this.#nextProducerId(), producerEpoch: 0 };
      }
      if (transactionalId === '') return failedInit(ErrorCode.INVALID_REQUEST);
      if (!this.#states.validateTransactionTimeoutMs(transactionTimeoutMs)) {
        return failedInit(ErrorCode.INVALID_TRANSACTION_TIMEOUT);
      }
      return await this.#initTransactionalId(transactionalId, transactionTimeoutMs, expected);
    } catch (error) {
      if (error instanceof KafkaError) return failedInit(error.code);
      throw error;
    }
  }

  async #initTransactionalId(
    transactionalId: string,
    timeoutMs: number,
    expected: ProducerIdAndEpoch | undefined,
  ): Promise<InitProducerIdResult> {
    let found = this.#states.get(transactionalId);
    if (found.error === undefined && !found.metadata) {
      const producerId = await this.#nextProducerId();
      const created = new TransactionMetadata(transactionalId, producerId, timeoutMs, this.#io.clock.wallMs());
      found = this.#states.putIfNotExists(created);
    }
    let prepared = this.#prepareInit(found, timeoutMs, expected, undefined);
    if (prepared === needsProducerId) {
      const producerId = await this.#nextProducerId();
      found = this.#states.get(transactionalId);
      prepared = this.#prepareInit(found, timeoutMs, expected, producerId);
      if (prepared === needsProducerId) return failedInit(ErrorCode.CONCURRENT_TRANSACTIONS);
    }
    if (typeof prepared === 'number') return failedInit(prepared);
    const { partition, metadata } = found;
    if (!partition || !metadata) return failedInit(found.error ?? ErrorCode.CONCURRENT_TRANSACTIONS);
    const { producerId, producerEpoch } = prepared;
    if (prepared.txnState === TransactionState.PREPARE_EPOCH_FENCE) {
      // This epoch is for the coordinator alone; the client comes again when the transaction is aborted.
      const error = await this.#endTransaction(partition, metadata, prepared, TransactionState.PREPARE_ABORT);
      return failedInit(error === ErrorCode.NONE ? ErrorCode.CONCURRENT_TRANSACTIONS : error);
    }
    const error = await this.#append(partition, metadata, prepared);
    if (error !== ErrorCode.NONE) return failedInit(error);
    this.#logger.info(
      `Transactional id ${transactionalId} has producer ${producerId} in epoch ${producerEpoch} (${transactionStateTopic}-${partition.index}).`,
    );
    return { errorCode: ErrorCode.NONE, producerId, producerEpoch };
  }

  #prepareInit(
    { error, metadata }: TransactionLookup,
    timeoutMs: number,
    expected: ProducerIdAndEpoch | undefined,
    newProducerId: number | undefined,
  ): TxnTransitMetadata | ErrorCode | typeof needsProducerId {
    if (error !== undefined) return error;
    // It has expired while a producer id was waited for.
    if (!metadata) return ErrorCode.CONCURRENT_TRANSACTIONS;
    if (metadata.pendingState !== undefined) return ErrorCode.CONCURRENT_TRANSACTIONS;
    if (expected && !isKnownProducer(metadata, expected)) return ErrorCode.PRODUCER_FENCED;
    switch (metadata.state) {
      case TransactionState.PREPARE_ABORT:
      case TransactionState.PREPARE_COMMIT:
        return ErrorCode.CONCURRENT_TRANSACTIONS;
      case TransactionState.COMPLETE_ABORT:
      case TransactionState.COMPLETE_COMMIT:
      case TransactionState.EMPTY: {
        const nowMs = this.#io.clock.wallMs();
        const isItsEpoch = expected === undefined || expected.producerEpoch === metadata.producerEpoch;
        if (metadata.isProducerEpochExhausted && isItsEpoch) {
          if (newProducerId === undefined) return needsProducerId;
          return metadata.prepareProducerIdRotation(newProducerId, timeoutMs, nowMs, expected !== undefined);
        }
        return metadata.prepareIncrementProducerEpoch(timeoutMs, expected?.producerEpoch, nowMs);
      }
      case TransactionState.ONGOING:
        return metadata.prepareFenceProducerEpoch();
      case TransactionState.DEAD:
      case TransactionState.PREPARE_EPOCH_FENCE:
        return this.#impossible(metadata);
    }
  }

  // --- partitions ---

  /** AddPartitionsToTxn from a client, and AddOffsetsToTxn: the partitions belong to the transaction from now on. */
  async addPartitions(producer: TransactionalProducer, added: Iterable<TopicPartition>): Promise<ErrorCode> {
    const { transactionalId } = producer;
    if (transactionalId === '') return ErrorCode.INVALID_REQUEST;
    const found = this.#states.get(transactionalId);
    if (found.error !== undefined) return found.error;
    const { metadata, partition } = found;
    const refusal = producerError(metadata, producer);
    if (!metadata || refusal !== undefined) return refusal ?? ErrorCode.INVALID_PRODUCER_ID_MAPPING;
    if (metadata.pendingState !== undefined || isEnding(metadata)) return ErrorCode.CONCURRENT_TRANSACTIONS;
    const partitions = partitionsOf(added);
    if (metadata.state === TransactionState.ONGOING && containsAll(metadata.topicPartitions, partitions)) {
      return ErrorCode.NONE;
    }
    const prepared = metadata.prepareAddPartitions(partitions, this.#io.clock.wallMs());
    return this.#append(partition, metadata, prepared);
  }

  /**
   * AddPartitionsToTxn of a leader that asks whether what a producer writes belongs to an open transaction (KIP-890).
   * Errors in the order of the partitions.
   */
  verifyPartitions(producer: TransactionalProducer, partitions: readonly TopicPartition[]): ErrorCode[] {
    const all = (error: ErrorCode): ErrorCode[] => partitions.map(() => error);
    if (producer.transactionalId === '') return all(ErrorCode.INVALID_REQUEST);
    const { error, metadata } = this.#states.get(producer.transactionalId);
    if (error !== undefined) return all(error);
    const refusal = producerError(metadata, producer);
    if (!metadata || refusal !== undefined) return all(refusal ?? ErrorCode.INVALID_PRODUCER_ID_MAPPING);
    if (isEnding(metadata)) return all(ErrorCode.CONCURRENT_TRANSACTIONS);
    return partitions.map((of) =>
      containsAll(metadata.topicPartitions, partitionsOf([of])) ? ErrorCode.NONE : ErrorCode.TRANSACTION_ABORTABLE,
    );
  }

  // --- EndTxn ---

  /** Answered when the decision is written; the markers follow. */
  async endTransaction(producer: TransactionalProducer, isCommit: boolean): Promise<ErrorCode> {
    const { transactionalId, producerId, producerEpoch } = producer;
    if (transactionalId === '') return ErrorCode.INVALID_REQUEST;
    const found = this.#states.get(transactionalId);
    if (found.error !== undefined) return found.error;
    const { metadata, partition } = found;
    if (metadata?.producerId !== producerId) return ErrorCode.INVALID_PRODUCER_ID_MAPPING;
    // A client has no newer epoch than it was given; the coordinator fences with one.
    if (producerEpoch !== metadata.producerEpoch) return ErrorCode.PRODUCER_FENCED;
    const decision = isCommit ? TransactionState.PREPARE_COMMIT : TransactionState.PREPARE_ABORT;
    return this.#endTransaction(partition, metadata, producer, decision);
  }

  /** From the coordinator itself: with the epoch of `prepareFenceProducerEpoch`, which fences the producer. */
  async #endTransaction(
    partition: TransactionPartition,
    metadata: TransactionMetadata,
    { producerId, producerEpoch }: ProducerIdAndEpoch,
    decision: Decision,
  ): Promise<ErrorCode> {
    const { transactionalId } = metadata;
    const isFence = metadata.pendingState === TransactionState.PREPARE_EPOCH_FENCE;
    if (metadata.pendingState !== undefined && !isFence) return ErrorCode.CONCURRENT_TRANSACTIONS;
    const refusal = this.#endError(metadata, decision);
    if (refusal !== undefined) return refusal;
    const isAbortByFence = isFence && decision === TransactionState.PREPARE_ABORT;
    if (isAbortByFence) {
      metadata.pendingState = undefined;
      metadata.producerEpoch = producerEpoch;
      metadata.lastProducerEpoch = noProducerEpoch;
    }
    const prepared = metadata.prepareAbortOrCommit(decision, this.#io.clock.wallMs());
    // In the turn in which it is written, or is not: nothing else may come between.
    return this.#append(partition, metadata, prepared, (error) => {
      if (error === ErrorCode.NONE) {
        const completed = metadata.prepareComplete(this.#io.clock.wallMs());
        const isCommit = decision === TransactionState.PREPARE_COMMIT;
        this.#markers.addTxnMarkersToSend(partition, isCommit, metadata, completed);
        return;
      }
      this.#logger.info(
        `The transaction of ${transactionalId} could not be ended as ${decision}: ${errorName(error)}.`,
      );
      if (isAbortByFence && this.#states.isCurrent(partition, metadata)) {
        metadata.hasFailedEpochFence = true;
        this.#logger.warn(
          `The epoch ${producerEpoch} that fences producer ${producerId} of ${transactionalId} could not be written (${errorName(error)}); it was given to nobody.`,
        );
      }
    });
  }

  /** NONE: it has ended so already. `undefined`: it may end. */
  #endError(metadata: TransactionMetadata, decision: Decision): ErrorCode | undefined {
    const isCommit = decision === TransactionState.PREPARE_COMMIT;
    switch (metadata.state) {
      case TransactionState.ONGOING:
        return undefined;
      case TransactionState.COMPLETE_COMMIT:
        return isCommit ? ErrorCode.NONE : ErrorCode.INVALID_TXN_STATE;
      case TransactionState.COMPLETE_ABORT:
        return isCommit ? ErrorCode.INVALID_TXN_STATE : ErrorCode.NONE;
      case TransactionState.PREPARE_COMMIT:
        return isCommit ? ErrorCode.CONCURRENT_TRANSACTIONS : ErrorCode.INVALID_TXN_STATE;
      case TransactionState.PREPARE_ABORT:
        return isCommit ? ErrorCode.INVALID_TXN_STATE : ErrorCode.CONCURRENT_TRANSACTIONS;
      case TransactionState.EMPTY:
        return ErrorCode.INVALID_TXN_STATE;
      case TransactionState.DEAD:
      case TransactionState.PREPARE_EPOCH_FENCE:
        return this.#impossible(metadata);
    }
  }

  // --- timeouts ---

  #scheduleAborts(): void {
    this.#abortTimer = this.#io.clock.timer(this.#options.abortTimedOutTransactionsIntervalMs, () => {
      this.abortTimedOutTransactions();
      if (this.#isActive) this.#scheduleAborts();
    });
  }

  abortTimedOutTransactions(): void {
    for (const { partition, metadata } of this.#states.timedOutTransactions()) {
      const { transactionalId } = metadata;
      try {
        // The producer that has let the time run out is fenced by it.
        const fence = metadata.prepareFenceProducerEpoch();
        this.#endTransaction(partition, metadata, fence, TransactionState.PREPARE_ABORT).then(
          (error) => this.#abortedTimedOut(transactionalId, error),
          (error: unknown) => this.#abortFailed(transactionalId, error),
        );
      } catch (error) {
        this.#abortFailed(transactionalId, error);
      }
    }
  }

  #abortedTimedOut(transactionalId: string, error: ErrorCode): void {
    switch (error) {
      case ErrorCode.NONE:
        this.#logger.info(`The transaction of ${transactionalId} has run out of time and is aborted.`);
        return;
      case ErrorCode.INVALID_PRODUCER_ID_MAPPING:
      case ErrorCode.PRODUCER_FENCED:
      case ErrorCode.CONCURRENT_TRANSACTIONS:
        this.#logger.debug(`The transaction of ${transactionalId} has ended otherwise: ${errorName(error)}.`);
        return;
      default:
        this.#logger.warn(
          `The transaction of ${transactionalId} has run out of time and could not be aborted (${errorName(error)}): it is tried again.`,
        );
    }
  }

  #abortFailed(transactionalId: string, error: unknown): void {
    this.#logger.error(`The transaction of ${transactionalId} has run out of time and cannot be aborted.`, { error });
  }

  // --- for tools ---

  describeTransaction(transactionalId: string): DescribedTransaction {
    if (!this.#isActive) return failedDescription(transactionalId, ErrorCode.COORDINATOR_NOT_AVAILABLE);
    if (transactionalId === '') return failedDescription(transactionalId, ErrorCode.INVALID_REQUEST);
    const { error, metadata } = this.#states.get(transactionalId);
    if (!metadata) return failedDescription(transactionalId, error ?? ErrorCode.TRANSACTIONAL_ID_NOT_FOUND);
    return {
      errorCode: ErrorCode.NONE,
      transactionalId,
      transactionState: metadata.state,
      transactionTimeoutMs: metadata.txnTimeoutMs,
      transactionStartTimeMs: metadata.txnStartTimestamp,
      producerId: metadata.producerId,
      producerEpoch: metadata.producerEpoch,
      topics: byTopic(metadata.topicPartitions.values()).map(([topic, partitions]) => ({ topic, partitions })),
    };
  }

  /**
   * @param producerIds none: of all producers
   * @param stateNames none: in all states
   * @param durationMs only what has begun longer ago than that; negative: whenever
   */
  listTransactions(
    producerIds: readonly number[],
    stateNames: readonly string[],
    durationMs: bigint,
  ): ListedTransactions {
    const failed = (errorCode: ErrorCode): ListedTransactions => ({
      errorCode,
      unknownStateFilters: [],
      transactionStates: [],
    });
    if (!this.#isActive) return failed(ErrorCode.COORDINATOR_NOT_AVAILABLE);
    if (this.#states.isLoading) return failed(ErrorCode.COORDINATOR_LOAD_IN_PROGRESS);
    const producers = new Set(producerIds);
    const states = new Set(stateNames);
    const nowMs = this.#io.clock.wallMs();
    const transactionStates: { transactionalId: string; producerId: number; transactionState: string }[] = [];
    for (const { transactionalId, producerId, state, txnStartTimestamp } of this.#states.transactions()) {
      if (producers.size > 0 && !producers.has(producerId)) continue;
      if (states.size > 0 && !states.has(state)) continue;
      if (durationMs >= 0n && BigInt(nowMs - txnStartTimestamp) <= durationMs) continue;
      transactionStates.push({ transactionalId, producerId, transactionState: state });
    }
    const unknownStateFilters = [...states].filter((name) => stateOfName(name) === undefined);
    return { errorCode: ErrorCode.NONE, unknownStateFilters, transactionStates };
  }

  #append(
    partition: TransactionPartition,
    metadata: TransactionMetadata,
    prepared: TxnTransitMetadata,
    done?: (error: ErrorCode) => void,
  ): Promise<ErrorCode> {
    return new Promise((resolve) => {
      this.#states.append(partition, metadata, prepared, (error) => {
        done?.(error);
        resolve(error);
      });
    });
  }

  #impossible({ transactionalId, state }: TransactionMetadata): ErrorCode {
    this.#logger.error(`Transactional id ${transactionalId} is ${state}, which no id ever stays in.`);
    return ErrorCode.UNKNOWN_SERVER_ERROR;
  }
}

/**
 * Whether a producer that goes on after an error may be the one that the id has: it is new here (the producer has lost
 * what was known of it), it has the same producer id, or the one before, whose epochs it has used up: then it may have
 * missed the answer with the new one.
 */
function isKnownProducer(metadata: TransactionMetadata, { producerId, producerEpoch }: ProducerIdAndEpoch): boolean {
  if (metadata.producerEpoch === noProducerEpoch || producerId === metadata.producerId) return true;
  return producerId === metadata.lastProducerId && isEpochExhausted(producerEpoch);
}

function producerError(
  metadata: TransactionMetadata | undefined,
  { producerId, producerEpoch }: ProducerIdAndEpoch,
): ErrorCode | undefined {
  if (metadata?.producerId !== producerId) return ErrorCode.INVALID_PRODUCER_ID_MAPPING;
  return metadata.producerEpoch === producerEpoch ? undefined : ErrorCode.PRODUCER_FENCED;
}

function isEnding({ state }: TransactionMetadata): boolean {
  return state === TransactionState.PREPARE_COMMIT || state === TransactionState.PREPARE_ABORT;
}

function failedInit(errorCode: ErrorCode): InitProducerIdResult {
  return { errorCode, producerId: noProducerId, producerEpoch: noProducerEpoch };
}

function failedDescription(transactionalId: string, errorCode: ErrorCode): DescribedTransaction {
  return {
    errorCode,
    transactionalId,
    transactionState: '',
    transactionTimeoutMs: 0,
    transactionStartTimeMs: 0,
    producerId: 0,
    producerEpoch: 0,
    topics: [],
  };
}
