/** Values by topic and partition. */
export class TopicPartitionMap<V> {
  readonly #topics = new Map<string, Map<number, V>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(topic: string, partition: number): V | undefined {
    return this.#topics.get(topic)?.get(partition);
  }

  has(topic: string, partition: number): boolean {
    return this.#topics.get(topic)?.has(partition) ?? false;
  }

  set(topic: string, partition: number, value: V): void {
    let partitions = this.#topics.get(topic);
    if (!partitions) {
      partitions = new Map();
      this.#topics.set(topic, partitions);
    }
    if (!partitions.has(partition)) this.#size++;
    partitions.set(partition, value);
  }

  delete(topic: string, partition: number): boolean {
    const partitions = this.#topics.get(topic);
    if (!partitions?.delete(partition)) return false;
    this.#size--;
    if (partitions.size === 0) this.#topics.delete(topic);
    return true;
  }

  /** By topic; not to be changed. */
  get topics(): ReadonlyMap<string, ReadonlyMap<number, V>> {
    return this.#topics;
  }

  *entries(): Generator<{ readonly topic: string; readonly partition: number; readonly value: V }> {
    for (const [topic, partitions] of this.#topics) {
      for (const [partition, value] of partitions) yield { topic, partition, value };
    }
  }
}
