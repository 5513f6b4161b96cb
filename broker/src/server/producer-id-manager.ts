import type { Clock } from '../io/clock';
import { ErrorCode, KafkaError } from '../protocol/errors';

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
