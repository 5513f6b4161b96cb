import { isAtLeastVersion } from '../config/metadata-version';
import type { Io } from '../io/io';
import { partitionName, type TopicPartition } from '../log/topic-partition';
import { limitedLogger } from '../logging/limited-logger';
import type { Logger } from '../logging/logger';
import { Apis } from '../protocol/api-keys';
import { ErrorCode, errorName } from '../protocol/errors';
import type { WriteTxnMarkersResponse } from '../protocol/messages/write-txn-markers';
import type { ClusterTopics } from '../replication/internal-topic';
import type { BrokerRequests } from './broker-requests';
import type { TransactionCoordinatorOptions } from './transaction-coordinator-options';
import type { TransactionMetadata, TxnTransitMetadata } from './transaction-metadata';
import { byTopic } from './transaction-records';
import type { ClusterMetadata } from './cluster-metadata';
import type { TransactionPartition, TransactionStateManager } from './transaction-state-manager';

/** Pause before what could not be sent or written is tried again, milliseconds. */
const retryMs = 50;
/** The same, while the controller has not told of a partition: ZooKeeper is asked each time. */
const untoldRetryMs = 200;
/** Markers in one request: far more than come together, far below what a frame may be. */
const mostMarkersPerRequest = 1_000;

/** A transaction that is decided, and complete once its partitions have their markers. */
interface PendingCompleteTxn {
  readonly transactionalId: string;
  /** Where the id is coordinated. */
  readonly partition: TransactionPartition;
  readonly isCommit: boolean;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly metadata: TransactionMetadata;
  readonly completed: TxnTransitMetadata;
}

interface PendingMarker {
  readonly transaction: PendingCompleteTxn;
  readonly partitions: readonly TopicPartition[];
}

interface MarkerQueue {
  readonly brokerId: number;
  readonly requests: BrokerRequests;
  /** One request at a time: what comes meanwhile goes together with the next. */
  isSending: boolean;
  markers: PendingMarker[];
}

/** Where markers go. */
export interface MarkedCluster {
  readonly metadata: ClusterMetadata;
  readonly topics: ClusterTopics;
  readonly requests: BrokerRequests;
  /** By connections of its own: markers that have failed before. A broker takes one request of a connection at a time. */
  readonly retries: BrokerRequests;
}

/**
 * Has the end of transactions written into all their partitions (Kafka's TransactionMarkerChannelManager): a queue for
 * every broker, emptied into one WriteTxnMarkers after the other. Whatever is refused is tried again, with the leader
 * that there is then, until it is written or this broker is no longer the coordinator. Then the transaction is complete.
 * A request is answered when its slowest marker is written. So what has failed once goes by a second queue: a partition
 * whose disk does not answer does not hold up the transactions of others.
 */
export class TransactionMarkerChannelManager {
  readonly #io: Io;
  readonly #logger: Logger;
  readonly #states: TransactionStateManager;
  readonly #cluster: MarkedCluster;
  readonly #writeTxnMarkersVersion: number;
  /** By broker. */
  readonly #queues = new Map<number, MarkerQueue>();
  /** The same for what has failed before. */
  readonly #retryQueues = new Map<number, MarkerQueue>();
  readonly #pending = new Map<string, PendingCompleteTxn>();
  /** What is being found out about topics. */
  readonly #counts = new Map<string, Promise<number | undefined>>();
  #isStopped = false;

  constructor(
    io: Io,
    logger: Logger,
    states: TransactionStateManager,
    cluster: MarkedCluster,
    options: Pick<TransactionCoordinatorOptions, 'interBrokerProtocolVersion'>,
  ) {
    this.#io = io;
    const monotonicMs = (): number => io.clock.monotonicMs();
    // A partition without a leader is asked about many times a second.
    const limit = { lines: 50, windowMs: 10_000, monotonicMs };
    this.#logger = limitedLogger(logger.child('TransactionMarkerChannelManager'), limit);
    this.#states = states;
    this.#cluster = cluster;
    this.#writeTxnMarkersVersion = isAtLeastVersion(options.interBrokerProtocolVersion, '2.8-IV0') ? 1 : 0;
  }

  /** Transactions that are decided and not complete. */
  get pendingTransactions(): number {
    return this.#pending.size;
  }

  shutdown(): void {
    this.#isStopped = true;
    this.#queues.clear();
    this.#retryQueues.clear();
    this.#pending.clear();
  }

  /** The transaction is decided, and that is written. */
  addTxnMarkersToSend(
    partition: TransactionPartition,
    isCommit: boolean,
    metadata: TransactionMetadata,
    completed: TxnTransitMetadata,
  ): void {
    if (this.#isStopped) return;
    const { transactionalId, producerId, producerEpoch } = metadata;
    const transaction: PendingCompleteTxn = {
      transactionalId,
      partition,
      isCommit,
      producerId,
      producerEpoch,
      metadata,
      completed,
    };
    this.#pending.set(transactionalId, transaction);
    this.#enqueue(transaction, [...metadata.topicPartitions.values()]);
    this.#maybeWriteCompletion(transaction);
  }

  /** This broker begins or ends to coordinate what the partition of __transaction_state holds. */
  removeMarkersForTxnTopicPartition(stateTopicPartition: number): void {
    const isOthers = (transaction: PendingCompleteTxn): boolean => transaction.partition.index !== stateTopicPartition;
    for (const queue of [...this.#queues.values(), ...this.#retryQueues.values()]) {
      queue.markers = queue.markers.filter(({ transaction }) => isOthers(transaction));
    }
    for (const [transactionalId, transaction] of this.#pending) {
      if (!isOthers(transaction)) this.#pending.delete(transactionalId);
    }
  }

  /** Whether the transaction is still to be completed by what was begun here. */
  #isCurrent(transaction: PendingCompleteTxn): boolean {
    const { transactionalId, partition, metadata } = transaction;
    if (this.#isStopped || this.#pending.get(transactionalId) !== transaction) return false;
    if (this.#states.isCurrent(partition, metadata)) return true;
    this.#logger.info(
      `This broker is not the coordinator of ${transactionalId} any more: its markers are sent by the one that is.`,
    );
    this.#pending.delete(transactionalId);
    return false;
  }

  #enqueue(transaction: PendingCompleteTxn, partitions: readonly TopicPartition[], hasFailed = false): void {
    const { metadata } = this.#cluster;
    const byLeader = new Map<number, TopicPartition[]>();
    const unreachable: TopicPartition[] = [];
    const unknown: TopicPartition[] = [];
    for (const of of partitions) {
      const leader = metadata.partition(of.topic, of.partition)?.leader;
      if (leader === undefined) {
        unknown.push(of);
      } else if (!metadata.brokers.has(leader)) {
        unreachable.push(of);
      } else {
        const led = byLeader.get(leader);
        if (led) led.push(of);
        else byLeader.set(leader, [of]);
      }
    }
    if (unreachable.length > 0) this.#retryLater(transaction, unreachable, { hasFailed });
    for (const [topic, indexes] of byTopic(unknown)) this.#lookFor(transaction, topic, indexes);
    for (const [brokerId, led] of byLeader) {
      const queues = hasFailed ? this.#retryQueues : this.#queues;
      let queue = queues.get(brokerId);
      if (!queue) {
        const { requests, retries } = this.#cluster;
        queue = { brokerId, requests: hasFailed ? retries : requests, isSending: false, markers: [] };
        queues.set(brokerId, queue);
      }
      queue.markers.push({ transaction, partitions: led });
      this.#sendNext(queue);
    }
  }

  /**
   * The controller has not told of these partitions: they are deleted, and nobody waits for a marker, or it has not told
   * of them yet.
   */
  #lookFor(transaction: PendingCompleteTxn, topic: string, partitions: readonly number[]): void {
    this.#partitionCount(topic).then(
      (count = 0) => {
        if (!this.#isCurrent(transaction)) return;
        const there: TopicPartition[] = [];
        for (const partition of partitions) {
          if (partition < count) {
            there.push({ topic, partition });
            continue;
          }
          this.#logger.info(
            `${topic}-${partition} does not exist and needs no marker of the transaction of ${transaction.transactionalId}.`,
          );
          transaction.metadata.removePartition({ topic, partition });
        }
        if (there.length > 0) this.#retryLater(transaction, there, { afterMs: untoldRetryMs });
        this.#maybeWriteCompletion(transaction);
      },
      (error: unknown) => {
        this.#logger.warn(`Whether ${topic} exists cannot be found out: markers for it wait.`, { error });
        this.#retryLater(
          transaction,
          partitions.map((partition) => ({ topic, partition })),
          { afterMs: untoldRetryMs },
        );
      },
    );
  }

  /** One question at a time for each topic, whatever waits for the answer. */
  #partitionCount(topic: string): Promise<number | undefined> {
    let count = this.#counts.get(topic);
    if (!count) {
      count = this.#cluster.topics.partitionCount(topic).finally(() => this.#counts.delete(topic));
      this.#counts.set(topic, count);
    }
    return count;
  }

  #retryLater(
    transaction: PendingCompleteTxn,
    partitions: readonly TopicPartition[],
    { afterMs = retryMs, hasFailed = false }: { readonly afterMs?: number; readonly hasFailed?: boolean } = {},
  ): void {
    this.#io.clock.timer(afterMs, () => {
      if (!this.#isCurrent(transaction)) return;
      this.#enqueue(transaction, partitions, hasFailed);
      this.#maybeWriteCompletion(transaction);
    });
  }

  #sendNext(queue: MarkerQueue): void {
    if (queue.isSending || queue.markers.length === 0 || this.#isStopped) return;
    queue.isSending = true;
    const markers = queue.markers.splice(0, mostMarkersPerRequest);
    this.#send(queue, markers)
      .catch((error: unknown) => this.#logger.error('Sending markers failed unexpectedly.', { error }))
      .finally(() => {
        queue.isSending = false;
        this.#sendNext(queue);
      });
  }

  async #send({ brokerId, requests }: MarkerQueue, markers: readonly PendingMarker[]): Promise<void> {
    let response: WriteTxnMarkersResponse;
    try {
      const request = {
        markers: markers.map(({ transaction, partitions }) => ({
          producerId: transaction.producerId,
          producerEpoch: transaction.producerEpoch,
          transactionResult: transaction.isCommit,
          coordinatorEpoch: transaction.partition.coordinatorEpoch,
          topics: byTopic(partitions).map(([name, partitionIndexes]) => ({ name, partitionIndexes })),
        })),
      };
      const versions = { atMost: this.#writeTxnMarkersVersion };
      response = await requests.send(brokerId, Apis.WriteTxnMarkers, request, versions);
    } catch (error) {
      this.#logger.info(`Markers could not be sent to broker ${brokerId}: they are sent again.`, { error });
      for (const { transaction, partitions } of markers) {
        if (this.#isCurrent(transaction)) this.#retryLater(transaction, partitions, { hasFailed: true });
      }
      return;
    }
    const errors = errorsByProducer(response);
    for (const marker of markers) this.#answered(brokerId, marker, errors.get(marker.transaction.producerId));
  }

  #answered(
    brokerId: number,
    { transaction, partitions }: PendingMarker,
    errors: ReadonlyMap<string, ErrorCode> | undefined,
  ): void {
    if (!this.#isCurrent(transaction)) return;
    const { transactionalId, metadata } = transaction;
    const again: TopicPartition[] = [];
    let isFenced = false;
    for (const of of partitions) {
      const name = partitionName(of);
      const error = errors?.get(name) ?? ErrorCode.UNKNOWN_SERVER_ERROR;
      switch (error) {
        case ErrorCode.NONE:
          metadata.removePartition(of);
          break;
        case ErrorCode.UNSUPPORTED_FOR_MESSAGE_FORMAT:
        case ErrorCode.UNSUPPORTED_VERSION:
          // Nothing of a transaction can have been written there.
          this.#logger.info(`${name} takes no marker of ${transactionalId} (${errorName(error)}): it needs none.`);
          metadata.removePartition(of);
          break;
        case ErrorCode.INVALID_PRODUCER_EPOCH:
        case ErrorCode.TRANSACTION_COORDINATOR_FENCED:
          // A newer coordinator, or a newer producer under it, has been there.
          this.#logger.warn(
            `${name} refuses the marker of ${transactionalId} with producer ${transaction.producerId} in epoch ${transaction.producerEpoch} and coordinator epoch ${transaction.partition.coordinatorEpoch} (${errorName(error)}): no more are sent.`,
          );
          isFenced = true;
          break;
        default:
          this.#logUnwritten(brokerId, name, transactionalId, error);
          again.push(of);
      }
    }
    if (isFenced) this.#pending.delete(transactionalId);
    else if (again.length > 0) this.#retryLater(transaction, again, { hasFailed: true });
    else this.#maybeWriteCompletion(transaction);
  }

  #logUnwritten(brokerId: number, partition: string, transactionalId: string, error: ErrorCode): void {
    const message = `Broker ${brokerId} has not written the marker of ${transactionalId} into ${partition} (${errorName(error)}): it is sent again.`;
    switch (error) {
      case ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
      case ErrorCode.NOT_LEADER_OR_FOLLOWER:
      case ErrorCode.NOT_ENOUGH_REPLICAS:
      case ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND:
      case ErrorCode.REQUEST_TIMED_OUT:
      case ErrorCode.KAFKA_STORAGE_ERROR:
        this.#logger.info(message);
        return;
      default:
        this.#logger.error(message);
    }
  }

  #maybeWriteCompletion(transaction: PendingCompleteTxn): void {
    if (transaction.metadata.topicPartitions.size > 0 || !this.#isCurrent(transaction)) return;
    this.#pending.delete(transaction.transactionalId);
    this.#writeCompletion(transaction);
  }

  /** As long as this broker is the coordinator: without it the id could not be used any more. */
  #writeCompletion(transaction: PendingCompleteTxn): void {
    const { partition, metadata, completed } = transaction;
    const isLost = (error: ErrorCode): boolean =>
      error === ErrorCode.NOT_COORDINATOR || error === ErrorCode.COORDINATOR_LOAD_IN_PROGRESS;
    this.#states.append(
      partition,
      metadata,
      completed,
      (error) => {
        if (error === ErrorCode.NONE || isLost(error) || this.#isStopped) return;
        this.#io.clock.timer(retryMs, () => {
          if (this.#isStopped || !this.#states.isCurrent(partition, metadata)) return;
          this.#writeCompletion(transaction);
        });
      },
      (error) => !isLost(error),
    );
  }
}

function errorsByProducer({ markers }: WriteTxnMarkersResponse): Map<number, Map<string, ErrorCode>> {
  const producers = new Map<number, Map<string, ErrorCode>>();
  for (const { producerId, topics } of markers) {
    const errors = producers.get(producerId) ?? new Map<string, ErrorCode>();
    producers.set(producerId, errors);
    for (const { name: topic, partitions } of topics) {
      for (const { partitionIndex: partition, errorCode } of partitions) {
        errors.set(partitionName({ topic, partition }), errorCode as ErrorCode);
      }
    }
  }
  return producers;
}
