import type { Clock, Timer } from '../io/clock';
import type { Logger } from '../logging/logger';
import { partitionName, type TopicPartition } from '../log/topic-partition';
import { Apis } from '../protocol/api-keys';
import { ErrorCode, errorName, KafkaError } from '../protocol/errors';
import type { AlterPartitionResponse } from '../protocol/messages/alter-partition';
import type { ControllerChannel } from './controller-channel';
import type { LeaderAndIsr } from './isr-state';

/** A leader's proposal of a new ISR. */
export interface AlterPartitionItem extends TopicPartition {
  readonly topicId: string | undefined;
  readonly leaderAndIsr: LeaderAndIsr;
  /** Of the brokers in the ISR, in its order, the broker epochs that they fetched with; -1n: it is not known. */
  readonly brokerEpochs: readonly bigint[];
  /** The controller that made this broker the leader. */
  readonly controllerEpoch: number;
}

/** How leaders change the ISR (Kafka's AlterPartitionManager). */
export interface AlterPartitionManager {
  /**
   * Resolves with the state as it is written down now; rejects with a KafkaError that says why it is not the proposed
   * one. It may never settle: when the controller does not answer, or after `close`.
   */
  submit(item: AlterPartitionItem): Promise<LeaderAndIsr>;
  close(): void;
}

export interface AlterPartitionOptions {
  readonly brokerId: number;
  readonly brokerEpoch: () => bigint;
  /** inter.broker.protocol.version 2.8 or newer. @default true */
  readonly topicIdsSupported?: boolean;
}

interface Unsent {
  readonly item: AlterPartitionItem;
  resolve(leaderAndIsr: LeaderAndIsr): void;
  reject(error: KafkaError): void;
}

/** Pause after an answer that is an error as a whole, milliseconds. */
const retryMs = 50;
/** The newest version that names topics. */
const lastVersionWithTopicNames = 1;

/** Through the controller (KIP-497): all that has come together goes in one request, one request at a time. */
export class DefaultAlterPartitionManager implements AlterPartitionManager {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #controller: ControllerChannel;
  readonly #options: AlterPartitionOptions;
  /** What has no answer yet, whether sent or not: one of each partition. */
  readonly #unsent = new Map<string, Unsent>();
  #isInFlight = false;
  #isClosed = false;
  #retry: Timer | undefined;

  constructor(clock: Clock, logger: Logger, controller: ControllerChannel, options: AlterPartitionOptions) {
    this.#clock = clock;
    this.#logger = logger.child('AlterPartitionManager');
    this.#controller = controller;
    this.#options = options;
  }

  submit(item: AlterPartitionItem): Promise<LeaderAndIsr> {
    return new Promise((resolve, reject) => {
      const name = partitionName(item);
      if (this.#unsent.has(name)) {
        reject(new KafkaError(ErrorCode.OPERATION_NOT_ATTEMPTED, `another change of the ISR of ${name} is under way`));
        return;
      }
      this.#unsent.set(name, { item, resolve, reject });
      this.#send();
    });
  }

  close(): void {
    this.#isClosed = true;
    this.#retry?.cancel();
    this.#unsent.clear();
  }

  #send(): void {
    if (this.#isClosed || this.#isInFlight || this.#retry || this.#unsent.size === 0) return;
    this.#isInFlight = true;
    const sent = [...this.#unsent.values()];
    void this.#ask(sent).then((isAnswered) => {
      this.#isInFlight = false;
      if (isAnswered) {
        this.#send();
      } else if (!this.#isClosed) {
        this.#retry = this.#clock.timer(retryMs, () => {
          this.#retry = undefined;
          this.#send();
        });
      }
    });
  }

  /** Returns whether every item has its answer; the others are to be sent again. */
  async #ask(sent: readonly Unsent[]): Promise<boolean> {
    const usesTopicIds =
      this.#options.topicIdsSupported !== false && sent.every(({ item }) => item.topicId !== undefined);
    try {
      const response = await this.#controller.send(
        Apis.AlterPartition,
        (version) => this.#request(sent, version),
        usesTopicIds ? {} : { maxVersion: lastVersionWithTopicNames },
      );
      return this.#answered(sent, response);
    } catch (error) {
      if (!this.#isClosed) this.#logger.warn('AlterPartition could not be sent to the controller.', { error });
      return false;
    }
  }

  #request(sent: readonly Unsent[], version: number) {
    const byTopic = Map.groupBy(sent, ({ item }) => item.topic);
    return {
      brokerId: this.#options.brokerId,
      brokerEpoch: this.#options.brokerEpoch(),
      topics: [...byTopic].map(([topicName, items]) => ({
        topicName,
        ...(items[0].item.topicId === undefined ? {} : { topicId: items[0].item.topicId }),
        partitions: items.map(({ item: { partition, leaderAndIsr, brokerEpochs } }) => ({
          partitionIndex: partition,
          leaderEpoch: leaderAndIsr.leaderEpoch,
          partitionEpoch: leaderAndIsr.partitionEpoch,
          ...(version >= 1 ? { leaderRecoveryState: leaderAndIsr.leaderRecoveryState } : {}),
          // A replica that caught up in an earlier life of its broker must not join (KIP-903).
          ...(version >= 3
            ? { newIsrWithEpochs: leaderAndIsr.isr.map((brokerId, i) => ({ brokerId, brokerEpoch: brokerEpochs[i] })) }
            : { newIsr: leaderAndIsr.isr }),
        })),
      })),
    };
  }

  #answered(sent: readonly Unsent[], response: AlterPartitionResponse): boolean {
    if (response.errorCode !== ErrorCode.NONE) {
      this.#logger.warn(`The controller answers AlterPartition with ${errorName(response.errorCode)}: tried again.`);
      return false;
    }
    const namesById = new Map(sent.map(({ item }) => [item.topicId, item.topic]));
    const answers = new Map<string, AlterPartitionResponse['topics'][number]['partitions'][number]>();
    for (const { topicName, topicId, partitions } of response.topics) {
      const topic = topicName === '' ? namesById.get(topicId) : topicName;
      if (topic === undefined) continue;
      for (const answer of partitions) answers.set(partitionName({ topic, partition: answer.partitionIndex }), answer);
    }
    let isComplete = true;
    for (const unsent of sent) {
      const name = partitionName(unsent.item);
      const answer = answers.get(name);
      if (!answer) {
        this.#logger.warn(`The controller's answer to AlterPartition has nothing of ${name}: tried again.`);
        isComplete = false;
        continue;
      }
      // The callback may submit the next change.
      if (this.#unsent.get(name) === unsent) this.#unsent.delete(name);
      if (answer.errorCode !== ErrorCode.NONE) {
        unsent.reject(new KafkaError(answer.errorCode as ErrorCode));
      } else {
        const { leaderId: leader, leaderEpoch, isr, leaderRecoveryState, partitionEpoch } = answer;
        unsent.resolve({ leader, leaderEpoch, isr, leaderRecoveryState, partitionEpoch });
      }
    }
    return isComplete;
  }
}

/** For a broker that leads no partition with followers: nothing ever happens to a proposal. */
export const noAlterPartitions: AlterPartitionManager = {
  submit: () => new Promise(() => undefined),
  close: () => undefined,
};
