/** Producer ids that this broker alone gives out. */
export interface ProducerIdBlock {
  readonly firstProducerId: number;
  readonly length: number;
}

/** Gives each idempotent producer an id of its own, from blocks that the cluster hands to its brokers. */
export class ProducerIdManager {
  readonly #allocate: () => Promise<ProducerIdBlock>;
  #next = 0;
  #end = 0;
  #allocating: Promise<void> | undefined;

  /** @param allocate takes the next block for this broker */
  constructor(allocate: () => Promise<ProducerIdBlock>) {
    this.#allocate = allocate;
  }

  /** @throws what the allocation of a block threw; the next call tries again */
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
      await this.#allocating;
    }
    return this.#next++;
  }
}
