import type { Clock, Timer } from '../io/clock';
import { partitionName, type TopicPartition } from '../log/topic-partition';
import type { Logger } from '../logging/logger';
import { ErrorCode, KafkaError } from '../protocol/errors';
import type { KafkaZkClient } from '../zookeeper/kafka-zk-client';
import type { LeaderRecoveryState } from '../zookeeper/znodes/partition-state';
import type { AlterPartitionItem, AlterPartitionManager } from './alter-partition-manager';
import type { LeaderAndIsr } from './isr-state';

/** How often it is looked whether the controller is to be told of changes, milliseconds. */
const checkIntervalMs = 2500;
/** It is told when there were no more changes for this long, … */
const lingerMs = 5000;
/** … or when it was told nothing for this long. */
const maxDelayMs = 60_000;

/**
 * The ISR as leaders changed it before the controller did (inter.broker.protocol.version below 2.7): each writes its
 * partition's znode, and tells the controller from time to time which ones (Kafka's ZkAlterPartitionManager).
 */
export class ZkAlterPartitionManager implements AlterPartitionManager {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #zk: Pick<KafkaZkClient, 'updateLeaderAndIsr' | 'propagateIsrChanges'>;
  /** Changed, and the controller does not know. */
  readonly #changed = new Map<string, TopicPartition>();
  #lastChangeMs: number;
  #lastPropagationMs: number;
  #timer: Timer | undefined;
  #isClosed = false;

  constructor(clock: Clock, logger: Logger, zk: Pick<KafkaZkClient, 'updateLeaderAndIsr' | 'propagateIsrChanges'>) {
    this.#clock = clock;
    this.#logger = logger.child('ZkAlterPartitionManager');
    this.#zk = zk;
    this.#lastChangeMs = this.#lastPropagationMs = clock.monotonicMs();
    this.#checkLater();
  }

  async submit({ topic, partition, leaderAndIsr, controllerEpoch }: AlterPartitionItem): Promise<LeaderAndIsr> {
    const { leader, leaderEpoch, isr, partitionEpoch } = leaderAndIsr;
    const leaderRecoveryState = leaderAndIsr.leaderRecoveryState as LeaderRecoveryState;
    const state = { leader, leaderEpoch, isr, leaderRecoveryState, controllerEpoch };
    const written = await this.#zk.updateLeaderAndIsr({ topic, partition, state, partitionEpoch });
    if (written === undefined) {
      throw new KafkaError(
        ErrorCode.INVALID_UPDATE_VERSION,
        `the state of ${partitionName({ topic, partition })} in ZooKeeper is not of version ${partitionEpoch} any more`,
      );
    }
    this.#changed.set(partitionName({ topic, partition }), { topic, partition });
    this.#lastChangeMs = this.#clock.monotonicMs();
    return { ...leaderAndIsr, partitionEpoch: written };
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  #checkLater(): void {
    if (this.#isClosed) return;
    this.#timer = this.#clock.timer(checkIntervalMs, () => void this.#propagate().finally(() => this.#checkLater()));
  }

  async #propagate(): Promise<void> {
    const nowMs = this.#clock.monotonicMs();
    const isDue = this.#lastChangeMs + lingerMs < nowMs || this.#lastPropagationMs + maxDelayMs < nowMs;
    if (this.#changed.size === 0 || !isDue) return;
    const partitions = new Map(this.#changed);
    this.#changed.clear();
    this.#lastPropagationMs = nowMs;
    try {
      await this.#zk.propagateIsrChanges(partitions.values());
    } catch (error) {
      this.#logger.warn(`The controller could not be told of ${partitions.size} changes of ISRs: tried again.`, {
        error,
      });
      for (const [name, partition] of partitions) this.#changed.set(name, partition);
    }
  }
}
