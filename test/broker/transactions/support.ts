import { nodeIo } from '../../../broker/src/io/node';
import { partitionName, type TopicPartition } from '../../../broker/src/log/topic-partition';
import { silentLogger } from '../../../broker/src/logging/logger';
import { type Api, Apis } from '../../../broker/src/protocol/api-keys';
import { ErrorCode, errorName, KafkaError } from '../../../broker/src/protocol/errors';
import type { InputOf, MessageOf } from '../../../broker/src/protocol/schema';
import { readRecords } from '../../../broker/src/records/read-records';
import {
  type AppendDone,
  type AppendParams,
  failedAppend,
  type PartitionAppend,
} from '../../../broker/src/replication/append';
import { type ClusterTopics, InternalTopic } from '../../../broker/src/replication/internal-topic';
import { transactionStateTopic } from '../../../broker/src/replication/internal-topics';
import type { BrokerRequests } from '../../../broker/src/transactions/broker-requests';
import { TransactionCoordinator } from '../../../broker/src/transactions/transaction-coordinator';
import type { TransactionCoordinatorOptions } from '../../../broker/src/transactions/transaction-coordinator-options';
import type { ProducerIdAndEpoch } from '../../../broker/src/transactions/transaction-metadata';
import { readTransactionKey, readTransactionValue } from '../../../broker/src/transactions/transaction-records';
import type {
  CoordinatorLeadership,
  CoordinatorPartition,
  CoordinatorReplicas,
} from '../../../broker/src/replication/coordinator-replicas';
import { FakeLog } from '../groups/support';
import { FakeClock } from '../network/fake-io';

/** Partitions of __transaction_state in memory, whose appends may fail or wait. */
export class FakeReplicas implements CoordinatorReplicas {
  readonly logs = new Map<number, FakeLog>();
  readonly listeners: CoordinatorLeadership[] = [];
  readonly params: AppendParams[] = [];
  /** Appends are refused with this. */
  refusal: ErrorCode | undefined;
  /** Appends wait in the log for their replicas until `replicate`. */
  isSlow = false;
  #waiting: ((errorCode: ErrorCode) => void)[] = [];

  log(index: number): FakeLog {
    let log = this.logs.get(index);
    if (!log) this.logs.set(index, (log = new FakeLog()));
    return log;
  }

  append(params: AppendParams, appends: readonly PartitionAppend[], done: AppendDone): void {
    this.params.push(params);
    const results = appends.map(({ topic, partition, records }) => {
      if (topic !== transactionStateTopic) throw new Error(`an append to ${topic}`);
      if (this.refusal !== undefined) return failedAppend(this.refusal);
      return { ...failedAppend(ErrorCode.NONE), baseOffset: this.log(partition).append(records) };
    });
    if (this.isSlow) this.#waiting.push((errorCode) => done(results.map((result) => ({ ...result, errorCode }))));
    else done(results);
  }

  /** The replicas have what waited, or it failed after all. */
  replicate(errorCode: ErrorCode = ErrorCode.NONE): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const done of waiting) done(errorCode);
  }

  onLeadership(listener: CoordinatorLeadership): void {
    this.listeners.push(listener);
  }

  elect(index: number, leaderEpoch = 0, topic = transactionStateTopic): void {
    const partition: CoordinatorPartition = { topic, partition: index, leaderEpoch, log: this.log(index) };
    for (const listener of this.listeners) listener.becameLeader(partition);
  }

  resign(index: number, leaderEpoch = 1, topic = transactionStateTopic): void {
    for (const listener of this.listeners) listener.resigned({ topic, partition: index }, leaderEpoch);
  }

  /** What the log says, record by record: `ID STATE EPOCH PARTITIONS`, or `ID gone`. */
  states(index = 0): string[] {
    const states: string[] = [];
    for (const batch of this.log(index).batches) {
      for (const { key, value } of readRecords(batch)) {
        const id = readTransactionKey(key!)!;
        if (value === null) states.push(`${id} gone`);
        else {
          const { state, producerEpoch, topicPartitions } = readTransactionValue(id, value);
          states.push([id, state, producerEpoch, ...topicPartitions.keys()].join(' '));
        }
      }
    }
    return states;
  }
}

/** A WriteTxnMarkers that was sent. */
export interface SentMarkers {
  readonly brokerId: number;
  readonly version: number;
  /** `PRODUCER EPOCH commit|abort COORDINATOR_EPOCH PARTITIONS` each. */
  readonly markers: readonly string[];
  /** Answers with this error for each partition. */
  answer(error?: (partition: string) => ErrorCode): void;
  fail(error?: Error): void;
}

/** The other brokers: what they are sent waits until the test answers, or is answered at once. */
export class FakeBrokers implements BrokerRequests {
  isImmediate = true;
  readonly sent: SentMarkers[] = [];

  send<A extends Api>(
    brokerId: number,
    api: A,
    input: InputOf<A['request']>,
    versions: { readonly atMost?: number } = {},
  ): Promise<MessageOf<A['response']>> {
    if (api.key !== Apis.WriteTxnMarkers.key) throw new Error(`${api.name} is sent`);
    const { markers = [] } = input as InputOf<typeof Apis.WriteTxnMarkers.request>;
    return new Promise((resolve, reject) => {
      const request: SentMarkers = {
        brokerId,
        version: versions.atMost ?? -1,
        markers: markers.map(({ producerId, producerEpoch, transactionResult, coordinatorEpoch, topics = [] }) =>
          [
            producerId,
            producerEpoch,
            transactionResult ? 'commit' : 'abort',
            coordinatorEpoch,
            ...topics.flatMap(({ name, partitionIndexes = [] }) => partitionIndexes.map((index) => `${name}-${index}`)),
          ].join(' '),
        ),
        answer: (error = () => ErrorCode.NONE) =>
          resolve({
            markers: markers.map(({ producerId, topics = [] }) => ({
              producerId,
              topics: topics.map(({ name = '', partitionIndexes = [] }) => ({
                name,
                partitions: partitionIndexes.map((partitionIndex) => ({
                  partitionIndex,
                  errorCode: error(`${name}-${partitionIndex}`),
                })),
              })),
            })),
          } as unknown as MessageOf<A['response']>),
        fail: (error = new Error('the connection is lost')) => reject(error),
      };
      this.sent.push(request);
      if (this.isImmediate) request.answer();
    });
  }

  /** All markers that were sent, in their order, with the broker that they were sent to. */
  get markers(): string[] {
    return this.sent.flatMap(({ brokerId, markers }) => markers.map((marker) => `to ${brokerId}: ${marker}`));
  }
}

export const defaultOptions: TransactionCoordinatorOptions = {
  transactionalIdExpirationMs: 7 * 24 * 60 * 60 * 1000,
  transactionMaxTimeoutMs: 900_000,
  transactionLogLoadBufferSize: 4096,
  abortTimedOutTransactionsIntervalMs: 10_000,
  removeExpiredTransactionalIdsIntervalMs: 3_600_000,
  requestTimeoutMs: 30_000,
  interBrokerProtocolVersion: '3.9-IV0',
};

export const timeoutMs = 60_000;

/** A coordinator over fakes: brokers 1 and 2, which lead the even and the odd partitions of `data`. */
export class TestBed {
  readonly clock = new FakeClock();
  readonly replicas = new FakeReplicas();
  readonly others = new FakeBrokers();
  readonly coordinator: TransactionCoordinator;
  readonly brokers = new Map<number, unknown>([
    [1, {}],
    [2, {}],
  ]);
  /** How many partitions topics have, by name. */
  readonly topics = new Map<string, number>([
    ['data', 10],
    [transactionStateTopic, 1],
  ]);
  /** The partitions of __transaction_state that the controller has told of. */
  readonly told = new Map([[0, {}]]);
  /** How many partitions topics have cannot be found out while it is set. */
  topicsError: Error | undefined;
  /** Who leads, by partition. */
  readonly leaders = new Map<string, number>();
  /** There is no producer id while it is set. */
  producerIdError: ErrorCode | undefined;
  nextProducerId = 100;

  private constructor(options: Partial<TransactionCoordinatorOptions>) {
    this.clock.now = 1_700_000_000_000;
    for (let index = 0; index < 10; index++) this.leaders.set(`data-${index}`, 1 + (index % 2));
    this.leaders.set(`${transactionStateTopic}-0`, 1);
    const topics: ClusterTopics = {
      partitionCount: (name) =>
        this.topicsError ? Promise.reject(this.topicsError) : Promise.resolve(this.topics.get(name)),
    };
    const told = { topic: () => ({ partitions: this.told }) };
    this.coordinator = new TransactionCoordinator({ ...nodeIo(), clock: this.clock }, silentLogger, {
      replicas: this.replicas,
      metadata: {
        brokers: this.brokers,
        partition: (topic, partition) => {
          const leader = this.leaders.get(partitionName({ topic, partition }));
          return leader === undefined ? undefined : { leader };
        },
      },
      topic: new InternalTopic(transactionStateTopic, silentLogger, told, topics),
      topics,
      requests: this.others,
      retries: this.others,
      nextProducerId: () =>
        this.producerIdError === undefined
          ? Promise.resolve(this.nextProducerId++)
          : Promise.reject(new KafkaError(this.producerIdError)),
      options: { ...defaultOptions, ...options },
    });
  }

  /** Leading nothing. */
  static async bare(options: Partial<TransactionCoordinatorOptions> = {}): Promise<TestBed> {
    const bed = new TestBed(options);
    bed.coordinator.start();
    bed.coordinator.partitionFor('');
    await bed.settle();
    return bed;
  }

  static async start(options: Partial<TransactionCoordinatorOptions> = {}): Promise<TestBed> {
    const bed = await TestBed.bare(options);
    bed.replicas.elect(0);
    await bed.settle();
    return bed;
  }

  /** Nobody has told of __transaction_state yet, and how many partitions it has is to be found out anew. */
  forgetTopic(): void {
    this.told.clear();
    this.coordinator.partitionFor('');
    this.told.set(0, {});
  }

  /** Lets loads and answers run to their end. */
  async settle(): Promise<void> {
    for (let quiet = 0; quiet < 20; quiet++) {
      await Promise.resolve();
      await new Promise<void>((resolve) => setImmediate(resolve));
      if (this.clock.turn()) quiet = 0;
    }
  }

  /** The producer, or the error. */
  async init(
    id = 'tx',
    expected?: ProducerIdAndEpoch,
    timeout = timeoutMs,
  ): Promise<{ readonly error: string } & ProducerIdAndEpoch> {
    const { errorCode, ...producer } = await this.coordinator.initProducerId(id, timeout, expected);
    return { error: errorName(errorCode), ...producer };
  }

  /** The producer of a new id; it begins a transaction in these partitions. */
  async begin(id = 'tx', ...partitions: readonly number[]): Promise<ProducerIdAndEpoch> {
    const { producerId, producerEpoch } = await this.init(id);
    const producer = { producerId, producerEpoch };
    if (partitions.length > 0) await this.add(id, producer, ...partitions);
    return producer;
  }

  async add(id: string, producer: ProducerIdAndEpoch, ...partitions: readonly number[]): Promise<string> {
    const error = await this.coordinator.addPartitions(
      { transactionalId: id, ...producer },
      dataPartitions(partitions),
    );
    return errorName(error);
  }

  verify(id: string, producer: ProducerIdAndEpoch, ...partitions: readonly number[]): string[] {
    const errors = this.coordinator.verifyPartitions({ transactionalId: id, ...producer }, dataPartitions(partitions));
    return errors.map(errorName);
  }

  async end(id: string, producer: ProducerIdAndEpoch, isCommit = true): Promise<string> {
    return errorName(await this.coordinator.endTransaction({ transactionalId: id, ...producer }, isCommit));
  }

  state(id = 'tx'): string {
    const { errorCode, transactionState } = this.coordinator.describeTransaction(id);
    return errorCode === ErrorCode.NONE ? transactionState : errorName(errorCode);
  }
}

function dataPartitions(indexes: readonly number[]): TopicPartition[] {
  return indexes.map((partition) => ({ topic: 'data', partition }));
}
