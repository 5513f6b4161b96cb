import { partitionName, type TopicPartition } from '../log/topic-partition';
import type { Logger } from '../logging/logger';
import { UnsupportedVersionError } from '../network/client-connection';
import { Apis } from '../protocol/api-keys';
import { ErrorCode, errorName } from '../protocol/errors';
import type { AddPartitionsToTxnResponse } from '../protocol/messages/add-partitions-to-txn';
import { transactionStateTopic } from '../replication/internal-topics';
import type { BrokerRequests } from './broker-requests';
import type { TransactionalProducer } from './transaction-coordinator';
import { byTopic } from './transaction-records';
import type { ClusterMetadata } from './cluster-metadata';

/** The version since which leaders may ask (KIP-890). */
const firstVersionOfLeaders = 4;

/** Partitions, by name, that the coordinator does not let through. */
export type VerificationErrors = ReadonlyMap<string, ErrorCode>;

interface Question {
  readonly producer: TransactionalProducer;
  readonly partitions: readonly TopicPartition[];
  /** Whether the client understands TRANSACTION_ABORTABLE. */
  readonly knowsAbortable: boolean;
  done(errors: VerificationErrors): void;
}

interface CoordinatorQueue {
  isAsking: boolean;
  /** One a transactional id. */
  questions: Map<string, Question>;
}

const noErrors: VerificationErrors = new Map();

/**
 * Asks coordinators whether partitions belong to open transactions (Kafka's AddPartitionsToTxnManager): one request to a
 * broker at a time, with everything that has come together meanwhile.
 */
export class AddPartitionsToTxnManager {
  readonly #logger: Logger;
  readonly #metadata: ClusterMetadata;
  readonly #requests: BrokerRequests;
  readonly #partitionFor: (transactionalId: string) => number | undefined;
  readonly #queues = new Map<number, CoordinatorQueue>();

  constructor(
    logger: Logger,
    metadata: ClusterMetadata,
    requests: BrokerRequests,
    partitionFor: (transactionalId: string) => number | undefined,
  ) {
    this.#logger = logger.child('AddPartitionsToTxnManager');
    this.#metadata = metadata;
    this.#requests = requests;
    this.#partitionFor = partitionFor;
  }

  /** `done` is called once, with what is wrong; nothing: all belong to the producer's open transaction. */
  verify(
    producer: TransactionalProducer,
    partitions: readonly TopicPartition[],
    knowsAbortable: boolean,
    done: (errors: VerificationErrors) => void,
  ): void {
    const question: Question = { producer, partitions, knowsAbortable, done };
    const { transactionalId, producerEpoch } = producer;
    const index = this.#partitionFor(transactionalId);
    const coordinator =
      index === undefined ? undefined : this.#metadata.partition(transactionStateTopic, index)?.leader;
    if (coordinator === undefined || !this.#metadata.brokers.has(coordinator)) {
      answerAll(question, ErrorCode.COORDINATOR_NOT_AVAILABLE);
      return;
    }
    let queue = this.#queues.get(coordinator);
    if (!queue) {
      queue = { isAsking: false, questions: new Map() };
      this.#queues.set(coordinator, queue);
    }
    const before = queue.questions.get(transactionalId);
    if (before && before.producer.producerEpoch > producerEpoch) {
      answerAll(question, ErrorCode.INVALID_PRODUCER_EPOCH);
      return;
    }
    queue.questions.set(transactionalId, question);
    if (before) {
      // Of the same epoch it is one that the client has given up, and that it may try again.
      const isOlder = before.producer.producerEpoch < producerEpoch;
      answerAll(before, isOlder ? ErrorCode.INVALID_PRODUCER_EPOCH : ErrorCode.NETWORK_EXCEPTION);
    }
    this.#askNext(coordinator, queue);
  }

  #askNext(coordinator: number, queue: CoordinatorQueue): void {
    if (queue.isAsking || queue.questions.size === 0) return;
    queue.isAsking = true;
    const questions = queue.questions;
    queue.questions = new Map();
    this.#ask(coordinator, questions)
      .catch((error: unknown) => this.#logger.error('Asking about transactions failed unexpectedly.', { error }))
      .finally(() => {
        queue.isAsking = false;
        this.#askNext(coordinator, queue);
      });
  }

  async #ask(coordinator: number, questions: ReadonlyMap<string, Question>): Promise<void> {
    const all = [...questions.values()];
    let response: AddPartitionsToTxnResponse;
    try {
      const transactions = all.map(({ producer, partitions }) => ({
        ...producer,
        verifyOnly: true,
        topics: byTopic(partitions).map(([name, indexes]) => ({ name, partitions: indexes })),
      }));
      const versions = { atLeast: firstVersionOfLeaders };
      response = await this.#requests.send(coordinator, Apis.AddPartitionsToTxn, { transactions }, versions);
    } catch (error) {
      if (error instanceof UnsupportedVersionError) {
        this.#logger.warn(`Broker ${coordinator} cannot be asked about transactions: writes go on unverified.`, {
          error,
        });
        for (const { done } of all) done(noErrors);
      } else {
        this.#logger.warn(`Broker ${coordinator} could not be asked about transactions.`, { error });
        for (const question of all) answerAll(question, ErrorCode.NETWORK_EXCEPTION);
      }
      return;
    }
    const { errorCode } = response;
    if (errorCode !== ErrorCode.NONE) {
      this.#logger.error(
        `Broker ${coordinator} does not answer what it is asked about transactions: ${errorName(errorCode)}.`,
      );
      // A client has nothing to do with what brokers may ask each other.
      const isRefused = errorCode === ErrorCode.CLUSTER_AUTHORIZATION_FAILED;
      for (const each of all) answerAll(each, isRefused ? ErrorCode.INVALID_TXN_STATE : (errorCode as ErrorCode));
      return;
    }
    const results = new Map(
      response.resultsByTransaction.map((result) => [result.transactionalId, result.topicResults]),
    );
    for (const [transactionalId, question] of questions) {
      const topics = results.get(transactionalId);
      if (topics) question.done(errorsOf(topics, question.knowsAbortable));
      else answerAll(question, ErrorCode.UNKNOWN_SERVER_ERROR);
    }
  }
}

function errorsOf(
  topics: AddPartitionsToTxnResponse['resultsByTransaction'][number]['topicResults'],
  knowsAbortable: boolean,
): VerificationErrors {
  const errors = new Map<string, ErrorCode>();
  for (const { name: topic, resultsByPartition } of topics) {
    for (const { partitionIndex: partition, partitionErrorCode: code } of resultsByPartition) {
      if (code === ErrorCode.NONE) continue;
      errors.set(partitionName({ topic, partition }), producerError(code as ErrorCode, knowsAbortable));
    }
  }
  return errors;
}

/** As producers know it. */
function producerError(code: ErrorCode, knowsAbortable: boolean): ErrorCode {
  if (code === ErrorCode.PRODUCER_FENCED) return ErrorCode.INVALID_PRODUCER_EPOCH;
  if (code === ErrorCode.TRANSACTION_ABORTABLE && !knowsAbortable) return ErrorCode.INVALID_TXN_STATE;
  return code;
}

function answerAll({ partitions, done }: Question, error: ErrorCode): void {
  done(new Map(partitions.map((partition) => [partitionName(partition), error])));
}
