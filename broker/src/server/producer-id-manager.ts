import type { Clock } from '../io/clock';
import { Apis } from '../protocol/api-keys';
import { ErrorCode, KafkaError } from '../protocol/errors';
import type { ControllerChannel } from '../replication/controller-channel';
import type { KafkaZkClient } from '../zookeeper/kafka-zk-client';

/** How long a producer waits for a new block before it is told to try again, milliseconds: well below its own timeout. */
const patienceMs = 2000;

/** Producer ids that this broker alone gives out. */
export interface ProducerIdBlock {
  readonly firstProducerId: number;
  readonly length: number;
}

/** Gives each idempotent producer an id of its own, from blocks that the cluster hands to its brokers. */
export class ProducerIdManager {
  readonly #clock: Clock;
  readonly #allocate: () => Promise<ProducerIdBlock>;
  #next = 0;
  #end = 0;
  #allocating: Promise<void> | undefined;

  /** @param allocate takes the next block for this broker */
  constructor(clock: Clock, allocate: () => Promise<ProducerIdBlock>) {
    this.#clock = clock;
    this.#allocate = allocate;
  }

  /**
   * @throws what the allocation of a block threw; the next call tries again
   * @throws KafkaError COORDINATOR_LOAD_IN_PROGRESS, as Kafka 3.9, when no block comes for long: it is still waited for
   */
  async next(): Promise<number> {
    while (this.#next === this.#end) {
      this.#allocating ??= this.#allocate()
        .then(({ firstProducerId, length }) => {
          this.#next = firstProducerId;
          this.#end = firstProducerId + length;
        })
        .finally(() => {
          this.#allocating = undefined;
        });
      await this.#patiently(this.#allocating);
    }
    return this.#next++;
  }

  #patiently(block: Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = this.#clock.timer(patienceMs, () => {
        reject(new KafkaError(ErrorCode.COORDINATOR_LOAD_IN_PROGRESS, 'no block of producer ids has come yet'));
      });
      block.then(resolve, reject).finally(() => timer.cancel());
    });
  }
}

/** Blocks that the controller hands out (RPCProducerIdManager). */
export function producerIdsOfController(
  controller: ControllerChannel,
  broker: () => { readonly brokerId: number; readonly brokerEpoch: bigint },
): () => Promise<ProducerIdBlock> {
  return async () => {
    try {
      const answer = await controller.send(Apis.AllocateProducerIds, broker());
      if (answer.errorCode !== ErrorCode.NONE) throw new KafkaError(answer.errorCode as ErrorCode);
      return { firstProducerId: answer.producerIdStart, length: answer.producerIdLen };
    } catch (error) {
      // Producers try again at this one; what went wrong between brokers is none of their business.
      const why = error instanceof Error ? error.message : String(error);
      throw new KafkaError(ErrorCode.COORDINATOR_LOAD_IN_PROGRESS, `there are no producer ids now: ${why}`);
    }
  };
}

/** Blocks that a broker takes itself, as before inter.broker.protocol.version 3.0 (ZkProducerIdManager). */
export function producerIdsOfZooKeeper(zk: KafkaZkClient, brokerId: number): () => Promise<ProducerIdBlock> {
  return async () => {
    const { firstProducerId, size } = await zk.allocateProducerIdBlock(brokerId);
    return { firstProducerId, length: size };
  };
}
