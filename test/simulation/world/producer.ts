import { Apis } from '../../../broker/src/protocol/api-keys';
import { ErrorCode, errorName } from '../../../broker/src/protocol/errors';
import { buildBatch } from '../../../broker/src/records/build-batch';
import { simulationEpochMs } from '../io/simulated-host';
import { Violation } from '../checks/violation';
import type { ClusterClient } from './cluster-client';
import type { Ledger } from './ledger';

export interface ProducerOptions {
  readonly name: string;
  readonly topic: string;
  readonly partitions: number;
  readonly acks: -1 | 1;
  readonly idempotent: boolean;
  /** Batches of one partition on their way at once. */
  readonly maxInFlight: number;
  /** Between two batches of a partition, in the mean. */
  readonly pauseMs: number;
}

interface Batch {
  readonly values: readonly string[];
  /** As it is sent, and sent again: byte by byte the same. */
  readonly records: Buffer;
  refusals: number;
}

/** What an answer means for the batch. */
type Outcome = 'acknowledged' | 'again' | 'forgotten';

/**
 * Writes to all partitions of a topic and never gives a record up: what was not acknowledged is sent again, the same
 * bytes with the same sequence numbers, in the same order, wherever the leader is now.
 */
export class Producer {
  #producerId = -1;
  #producerEpoch = -1;
  #stopped = false;
  #running = 0;
  /** Times that the cluster had forgotten this idempotent producer: only after losses. */
  forgotten = 0;

  constructor(
    readonly client: ClusterClient,
    readonly options: ProducerOptions,
    readonly ledger: Ledger,
    readonly nowMs: () => number,
    /** Whether the cluster may have lost what it knew of this producer, which then begins anew. */
    readonly mayBeForgotten: boolean,
    readonly failed: (error: unknown) => void,
  ) {}

  /** Whether everything that was sent is acknowledged, after `stop`. */
  get isDone(): boolean {
    return this.#stopped && this.#running === 0;
  }

  start(): void {
    for (let partition = 0; partition < this.options.partitions; partition++) {
      this.#running++;
      this.#produce(partition)
        .catch(this.failed)
        .finally(() => this.#running--);
    }
  }

  /** No new records; those that are on their way go on. */
  stop(): void {
    this.#stopped = true;
  }

  async #produce(partition: number): Promise<void> {
    const { client, options } = this;
    const { random } = client.io;
    if (options.idempotent) await this.#initialize();
    let queue: Batch[] = [];
    let sequence = 0;
    let count = 0;
    for (;;) {
      while (!this.#stopped && queue.length < options.maxInFlight) {
        const size = 1 + random.below(5);
        const values: string[] = [];
        for (let i = 0; i < size; i++)
          values.push(`${options.name}:${partition}:${count++}:${'x'.repeat(random.below(60))}`);
        queue.push(this.#batch(values, sequence));
        this.ledger.sent += size;
        sequence += size;
        if (random.below(2) === 0) break;
      }
      if (queue.length === 0) {
        if (this.#stopped) return;
        continue;
      }
      const outcomes = await this.#send(partition, queue);
      const until = outcomes.findIndex((outcome) => outcome !== 'acknowledged');
      if (until < 0) {
        queue = [];
      } else {
        const isForgotten = outcomes[until] === 'forgotten';
        queue = queue.slice(until);
        await client.sleep(20 + random.below(100));
        await client.refresh([options.topic]);
        if (isForgotten) {
          // As a client does whose producer state is lost: a new id, and sequences from 0 on.
          this.forgotten++;
          await this.#initialize();
          sequence = 0;
          queue = queue.map(({ values }) => {
            const batch = this.#batch(values, sequence);
            sequence += values.length;
            return batch;
          });
        }
      }
      await client.sleep(random.below(2 * options.pauseMs));
    }
  }

  #batch(values: readonly string[], sequence: number): Batch {
    const producer = this.options.idempotent
      ? { producerId: this.#producerId, producerEpoch: this.#producerEpoch, baseSequence: sequence }
      : {};
    const timestamp = simulationEpochMs + Math.floor(this.nowMs());
    const records = buildBatch({ records: values.map((value) => ({ value, timestamp })), ...producer });
    return { values, records, refusals: 0 };
  }

  /** One outcome a batch, in order. */
  async #send(partition: number, queue: readonly Batch[]): Promise<Outcome[]> {
    const leader = this.client.leaderOf(this.options.topic, partition)?.id;
    if (leader === undefined) return queue.map(() => 'again');
    return Promise.all(queue.map((batch, index) => this.#sendOne(leader, partition, batch, index === 0)));
  }

  async #sendOne(leader: number, partition: number, batch: Batch, isFirst: boolean): Promise<Outcome> {
    const { topic, acks } = this.options;
    const sentMs = this.nowMs();
    let answer;
    try {
      const { responses } = await this.client.send(leader, Apis.Produce, 9, {
        acks,
        timeoutMs: 2000,
        topicData: [{ name: topic, partitionData: [{ index: partition, records: Buffer.from(batch.records) }] }],
      });
      answer = responses[0].partitionResponses[0];
    } catch {
      return 'again';
    }
    const { errorCode, baseOffset } = answer;
    switch (errorCode as ErrorCode) {
      case ErrorCode.NONE:
        if (acks === -1 && baseOffset >= 0) {
          batch.values.forEach((value, index) =>
            this.ledger.acknowledge(`${topic}-${partition}`, baseOffset + index, value, sentMs, this.nowMs()),
          );
        }
        return 'acknowledged';
      case ErrorCode.DUPLICATE_SEQUENCE_NUMBER:
        return 'acknowledged';
      case ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER:
      case ErrorCode.UNKNOWN_PRODUCER_ID:
        // Behind a batch that was refused it is to be expected, and from a leader that does not know yet that it is none.
        // Who keeps being refused never gets done, and that is found in the end.
        return isFirst && this.mayBeForgotten && ++batch.refusals > 20 ? 'forgotten' : 'again';
      case ErrorCode.NOT_LEADER_OR_FOLLOWER:
      case ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
      case ErrorCode.LEADER_NOT_AVAILABLE:
      case ErrorCode.NOT_ENOUGH_REPLICAS:
      case ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND:
      case ErrorCode.REQUEST_TIMED_OUT:
      case ErrorCode.KAFKA_STORAGE_ERROR:
      case ErrorCode.NETWORK_EXCEPTION:
      case ErrorCode.UNKNOWN_LEADER_EPOCH:
      case ErrorCode.FENCED_LEADER_EPOCH:
        return 'again';
      default:
        throw new Violation(
          `${topic}-${partition}: ${this.options.name} was refused with ${errorName(errorCode as ErrorCode)} by broker ${leader}: no reason to expect that`,
        );
    }
  }

  #initializing: Promise<void> | undefined;

  #initialize(): Promise<void> {
    this.#initializing ??= this.#initializeNow().finally(() => (this.#initializing = undefined));
    return this.#initializing;
  }

  async #initializeNow(): Promise<void> {
    const { client } = this;
    for (;;) {
      try {
        await client.refresh([this.options.topic]);
        const broker = client.controllerId;
        const { errorCode, producerId, producerEpoch } = await client.send(broker, Apis.InitProducerId, 4, {
          transactionalId: null,
          transactionTimeoutMs: 60_000,
        });
        if (errorCode === ErrorCode.NONE) {
          this.#producerId = Number(producerId);
          this.#producerEpoch = producerEpoch;
          return;
        }
      } catch {
        // Another broker may do it.
      }
      await client.sleep(100);
    }
  }
}
