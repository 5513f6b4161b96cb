import { Apis, type Api } from '../../../broker/src/protocol/api-keys';
import { ErrorCode, errorName } from '../../../broker/src/protocol/errors';
import type { InputOf, MessageOf } from '../../../broker/src/protocol/schema';
import { buildBatch } from '../../../broker/src/records/build-batch';
import { Violation } from '../checks/violation';
import { simulationEpochMs } from '../io/simulated-host';
import type { ClusterClient } from './cluster-client';
import type { Ledger } from './ledger';
import type { Transaction, TransactionLedger } from './transaction-ledger';

export interface TransactionalProducerOptions {
  readonly transactionalId: string;
  readonly topic: string;
  readonly partitions: number;
  /** The group whose offsets it commits, now and then. */
  readonly groupId: string;
  readonly timeoutMs: number;
  /** Between two transactions, in the mean. */
  readonly pauseMs: number;
}

/** The coordinator does not know this producer any more, or has another in its place. */
class Fenced extends Error {
  override readonly name = 'Fenced';
}

/** It has ended in the middle of what it did. */
class Died extends Error {
  override readonly name = 'Died';
}

const group = 0;
const transaction = 1;

/**
 * A transactional id: one producer after the other, now and then two at once. Each writes transactions into several
 * partitions, with offsets of a group, and commits them, aborts them, or ends in the middle. What was not answered is
 * asked again until it is; where a request may still come late, the producer gets a new epoch before it begins again.
 */
export class TransactionalProducer {
  readonly #names = new Set<number>();
  #transactions = 0;
  #instances = 0;
  #stopped = false;
  #isDone = false;

  constructor(
    readonly client: ClusterClient,
    readonly options: TransactionalProducerOptions,
    readonly ledger: Ledger,
    readonly transactions: TransactionLedger,
    readonly nowMs: () => number,
    /** Whether the cluster may have lost what it was told. */
    readonly lossIsAllowed: () => boolean,
    readonly failed: (error: unknown) => void,
    readonly note: (line: string) => void,
  ) {}

  get isDone(): boolean {
    return this.#isDone;
  }

  start(): void {
    this.#run().catch(this.failed);
  }

  /** What is open is ended, and one last transaction committed. */
  stop(): void {
    this.#stopped = true;
  }

  get isStopped(): boolean {
    return this.#stopped;
  }

  nextTransaction(): Transaction {
    return this.transactions.begin(this.options.transactionalId, this.#transactions++);
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      await this.#live();
      await this.client.sleep(this.client.io.random.below(300));
    }
    // Those that were replaced find out that they were.
    while (this.#names.size > 0) await this.client.sleep(50);
    for (;;) {
      const last = new Instance(this, ++this.#instances);
      if (await last.lastTransaction()) break;
    }
    this.#isDone = true;
  }

  /** Until it is fenced, dies, or has a rival. */
  async #live(): Promise<void> {
    const instance = new Instance(this, ++this.#instances);
    const name = this.#instances;
    this.#names.add(name);
    const rival = Promise.withResolvers<void>();
    const life = instance
      .live(() => rival.resolve())
      .catch(this.failed)
      .finally(() => this.#names.delete(name));
    await Promise.race([life, rival.promise]);
  }
}

/** One process of the producer. */
class Instance {
  #producerId = -1;
  #producerEpoch = -1;
  /** A request was not answered: it may still be carried out, whenever that is. */
  #isInDoubt = false;
  readonly #sequences = new Map<number, number>();
  readonly #coordinators = new Map<string, number>();

  constructor(
    readonly of: TransactionalProducer,
    readonly name: number,
  ) {}

  get #client(): ClusterClient {
    return this.of.client;
  }

  get #who() {
    const { transactionalId } = this.of.options;
    return { transactionalId, producerId: this.#producerId, producerEpoch: this.#producerEpoch };
  }

  /** @param replaced called when another one is to begin while this one goes on */
  async live(replaced: () => void): Promise<void> {
    const { random } = this.#client.io;
    try {
      await this.#initialize();
      while (!this.of.isStopped) {
        const fate = random.below(20);
        if (fate === 0) replaced();
        await this.#transact(random.below(10) < 7, fate === 1);
        if (this.#isInDoubt) await this.#initialize();
        await this.#client.sleep(random.below(2 * this.of.options.pauseMs));
      }
    } catch (error) {
      this.#ended(error);
    }
  }

  /** Returns whether it was committed; another producer may have come late. */
  async lastTransaction(): Promise<boolean> {
    try {
      await this.#initialize();
      await this.#transact(true, false);
      return true;
    } catch (error) {
      this.#ended(error);
      return false;
    }
  }

  #ended(error: unknown): void {
    const { transactionalId } = this.of.options;
    if (error instanceof Fenced) this.of.transactions.fenced++;
    else if (!(error instanceof Died)) throw error;
    this.of.note(`${transactionalId} ${this.name}: ${(error as Error).name.toLowerCase()} ${(error as Error).message}`);
  }

  async #initialize(): Promise<void> {
    const { transactionalId, timeoutMs } = this.of.options;
    this.#isInDoubt = false;
    const response = await this.#ask(
      transaction,
      transactionalId,
      Apis.InitProducerId,
      4,
      { transactionalId, transactionTimeoutMs: timeoutMs },
      ({ errorCode }) => errorCode,
    );
    this.#producerId = response.producerId;
    this.#producerEpoch = response.producerEpoch;
    this.#sequences.clear();
    this.of.transactions.initialized(transactionalId, this.#producerId, this.#producerEpoch, this.of.nowMs());
    this.of.note(`${transactionalId} ${this.name}: producer ${this.#producerId} epoch ${this.#producerEpoch}`);
  }

  async #transact(isCommit: boolean, dies: boolean): Promise<void> {
    const { random } = this.#client.io;
    const txn = this.of.nextTransaction();
    try {
      const parts = 1 + random.below(3);
      for (let part = 0; part < parts; part++) {
        await this.#write(txn, random.below(this.of.options.partitions));
        if (dies && random.below(2) === 0) throw new Died(`in transaction ${txn.number}`);
        if (random.below(10) < 3) await this.#client.sleep(random.below(400));
      }
      if (random.below(2) === 0) await this.#commitOffset(txn);
      if (dies) throw new Died(`in transaction ${txn.number}`);
    } catch (error) {
      txn.outcome = 'aborted';
      throw error;
    }
    await this.#end(txn, isCommit);
  }

  async #end(txn: Transaction, isCommit: boolean): Promise<void> {
    // Once the commit is asked for, nobody but the coordinator knows.
    txn.outcome = isCommit ? 'in doubt' : 'aborted';
    const { transactionalId } = this.of.options;
    const request = { ...this.#who, committed: isCommit };
    await this.#ask(transaction, transactionalId, Apis.EndTxn, 3, request, ({ errorCode }) => errorCode);
    if (isCommit) txn.outcome = 'committed';
  }

  async #write(txn: Transaction, partition: number): Promise<void> {
    const { topic, transactionalId } = this.of.options;
    const { random } = this.#client.io;
    await this.#ask(
      transaction,
      transactionalId,
      Apis.AddPartitionsToTxn,
      3,
      {
        v3AndBelowTransactionalId: transactionalId,
        v3AndBelowProducerId: this.#producerId,
        v3AndBelowProducerEpoch: this.#producerEpoch,
        v3AndBelowTopics: [{ name: topic, partitions: [partition] }],
      },
      ({ resultsByTopicV3AndBelow: [result] }) => result.resultsByPartition[0].partitionErrorCode,
    );
    const size = 1 + random.below(4);
    const sent = txn.values.get(partition) ?? [];
    txn.values.set(partition, sent);
    const values = Array.from(
      { length: size },
      (_, index) => `${transactionalId}:${txn.number}:${sent.length + index}:${'y'.repeat(random.below(50))}`,
    );
    sent.push(...values);
    this.of.ledger.sent += size;
    await this.#produce(partition, values);
  }

  async #produce(partition: number, values: readonly string[]): Promise<void> {
    const { topic } = this.of.options;
    const baseSequence = this.#sequences.get(partition) ?? 0;
    this.#sequences.set(partition, baseSequence + values.length);
    const timestamp = simulationEpochMs + Math.floor(this.of.nowMs());
    const records = buildBatch({
      records: values.map((value) => ({ value, timestamp })),
      producerId: this.#producerId,
      producerEpoch: this.#producerEpoch,
      baseSequence,
      transactional: true,
    });
    for (;;) {
      const leader = this.#client.leaderOf(topic, partition)?.id;
      const sentMs = this.of.nowMs();
      const answer = leader === undefined ? undefined : await this.#produceOnce(leader, partition, records);
      if (answer !== undefined) {
        const errorCode = answer.errorCode as ErrorCode;
        if (errorCode === ErrorCode.NONE) {
          this.#accepted('a write', sentMs);
          values.forEach((value, index) =>
            this.of.ledger.acknowledge(
              `${topic}-${partition}`,
              answer.baseOffset + index,
              value,
              sentMs,
              this.of.nowMs(),
            ),
          );
          return;
        }
        if (errorCode === ErrorCode.INVALID_TXN_STATE) await this.#giveUp();
        this.#checkRefusal('a write', errorCode);
      }
      await this.#client.sleep(20 + this.#client.io.random.below(100));
      await this.#client.refresh([topic]);
    }
  }

  /**
   * A broker does not know its transaction, which is fatal for a producer. Either the coordinator has aborted it, and
   * must not know its epoch any more; or who answered has not heard yet that it neither leads the partition nor is the
   * coordinator, and asked itself: then the abort is taken.
   */
  async #giveUp(): Promise<never> {
    const { transactionalId } = this.of.options;
    const abort = { ...this.#who, committed: false };
    await this.#ask(transaction, transactionalId, Apis.EndTxn, 3, abort, ({ errorCode }) => errorCode);
    throw new Died('its transaction is not known');
  }

  async #produceOnce(leader: number, index: number, records: Buffer) {
    const { topic, transactionalId } = this.of.options;
    try {
      const { responses } = await this.#client.send(leader, Apis.Produce, 9, {
        transactionalId,
        acks: -1,
        timeoutMs: 2000,
        topicData: [{ name: topic, partitionData: [{ index, records: Buffer.from(records) }] }],
      });
      return responses[0].partitionResponses[0];
    } catch {
      this.#isInDoubt = true;
      return undefined;
    }
  }

  async #commitOffset(txn: Transaction): Promise<void> {
    const { groupId, topic, transactionalId } = this.of.options;
    const added = { ...this.#who, groupId };
    await this.#ask(transaction, transactionalId, Apis.AddOffsetsToTxn, 3, added, ({ errorCode }) => errorCode);
    const partitions = [{ partitionIndex: 0, committedOffset: txn.number, committedMetadata: '' }];
    txn.hasOffset = true;
    await this.#ask(
      group,
      groupId,
      Apis.TxnOffsetCommit,
      3,
      { ...this.#who, groupId, topics: [{ name: topic, partitions }] },
      ({ topics }) => topics[0].partitions[0].errorCode,
    );
  }

  /** The answer of a coordinator, when it is one. */
  async #ask<A extends Api>(
    keyType: number,
    key: string,
    api: A,
    version: number,
    input: InputOf<A['request']>,
    errorOf: (response: MessageOf<A['response']>) => number,
  ): Promise<MessageOf<A['response']>> {
    for (;;) {
      const sentMs = this.of.nowMs();
      const coordinator = await this.#coordinator(keyType, key);
      let response;
      try {
        response = coordinator === undefined ? undefined : await this.#client.send(coordinator, api, version, input);
      } catch {
        this.#isInDoubt = true;
      }
      if (response !== undefined) {
        const errorCode = errorOf(response) as ErrorCode;
        if (errorCode === ErrorCode.NONE) {
          if (api.key !== Apis.InitProducerId.key) {
            this.#accepted(api.name, sentMs);
          }
          return response;
        }
        // The offsets are a write, too.
        const isWrite = api.key === Apis.TxnOffsetCommit.key;
        if (isWrite && errorCode === ErrorCode.INVALID_TXN_STATE) await this.#giveUp();
        this.#checkRefusal(api.name, errorCode);
        const isThere =
          errorCode === ErrorCode.COORDINATOR_LOAD_IN_PROGRESS || errorCode === ErrorCode.CONCURRENT_TRANSACTIONS;
        if (!isThere) this.#coordinators.delete(`${keyType} ${key}`);
      } else {
        this.#coordinators.delete(`${keyType} ${key}`);
      }
      await this.#client.sleep(20 + this.#client.io.random.below(100));
    }
  }

  async #coordinator(keyType: number, key: string): Promise<number | undefined> {
    const known = this.#coordinators.get(`${keyType} ${key}`);
    if (known !== undefined) return known;
    await this.#client.refresh([this.of.options.topic]);
    const brokers = this.#client.brokers;
    try {
      const broker = brokers[this.#client.io.random.below(brokers.length)];
      const { errorCode, nodeId } = await this.#client.send(broker, Apis.FindCoordinator, 3, { key, keyType });
      if (errorCode !== 0) return undefined;
      this.#coordinators.set(`${keyType} ${key}`, nodeId);
      return nodeId;
    } catch {
      return undefined;
    }
  }

  #accepted(what: string, sentMs: number): void {
    // Who has lost the newer epoch knows the older one.
    if (!this.of.lossIsAllowed())
      this.of.transactions.accepted(what, this.of.options.transactionalId, this.#who, sentMs);
  }

  /** @throws Fenced, or a Violation where there is no reason for the error; otherwise it is to be tried again */
  #checkRefusal(what: string, errorCode: ErrorCode): void {
    switch (errorCode) {
      case ErrorCode.COORDINATOR_LOAD_IN_PROGRESS:
      case ErrorCode.COORDINATOR_NOT_AVAILABLE:
      case ErrorCode.NOT_COORDINATOR:
      case ErrorCode.CONCURRENT_TRANSACTIONS:
      case ErrorCode.NOT_LEADER_OR_FOLLOWER:
      case ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
      case ErrorCode.LEADER_NOT_AVAILABLE:
      case ErrorCode.NOT_ENOUGH_REPLICAS:
      case ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND:
      case ErrorCode.REQUEST_TIMED_OUT:
      case ErrorCode.KAFKA_STORAGE_ERROR:
      case ErrorCode.NETWORK_EXCEPTION:
        return;
      case ErrorCode.INVALID_PRODUCER_EPOCH:
      case ErrorCode.PRODUCER_FENCED:
        throw new Fenced(`${what}: ${errorName(errorCode)}`);
      default: {
        const message = `${what} of ${this.of.options.transactionalId} (producer ${this.#producerId}, epoch ${this.#producerEpoch}) was refused with ${errorName(errorCode)}`;
        // Who has lost what it knew of a producer refuses it, whatever the error.
        if (this.of.lossIsAllowed()) throw new Fenced(message);
        throw new Violation(`${message}: no reason to expect that`);
      }
    }
  }
}
