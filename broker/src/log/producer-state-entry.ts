/** How many of a producer's last batches are remembered: a client has at most five requests in flight. */
export const batchesToRetain = 5;

/** One of the last batches of a producer. */
export interface BatchMetadata {
  readonly lastSequence: number;
  readonly lastOffset: number;
  readonly offsetDelta: number;
  readonly timestamp: number;
}

/** What is known of a producer in a partition: Kafka's ProducerStateEntry. -1 stands for "none" everywhere. */
export class ProducerStateEntry {
  producerEpoch = -1;
  coordinatorEpoch = -1;
  lastTimestamp = -1;
  currentTxnFirstOffset = -1;
  /** Oldest first. */
  batches: BatchMetadata[] = [];

  constructor(readonly producerId: number) {}

  get lastBatch(): BatchMetadata | undefined {
    return this.batches[this.batches.length - 1];
  }

  get lastSequence(): number {
    return this.lastBatch?.lastSequence ?? -1;
  }

  get lastDataOffset(): number {
    return this.lastBatch?.lastOffset ?? -1;
  }

  /** The batch among the last five that has exactly these sequences. */
  findDuplicate(producerEpoch: number, firstSequence: number, lastSequence: number): BatchMetadata | undefined {
    if (producerEpoch !== this.producerEpoch) {
      return undefined;
    }
    for (const batch of this.batches) {
      if (batch.lastSequence === lastSequence && firstSequenceOf(batch) === firstSequence) {
        return batch;
      }
    }
    return undefined;
  }

  addBatch(producerEpoch: number, batch: BatchMetadata): void {
    this.updateEpoch(producerEpoch);
    if (this.batches.length === batchesToRetain) {
      this.batches.shift();
    }
    this.batches.push(batch);
    this.lastTimestamp = batch.timestamp;
  }

  /** A new epoch starts without batches. */
  updateEpoch(producerEpoch: number): void {
    if (this.producerEpoch !== producerEpoch) {
      this.batches = [];
      this.producerEpoch = producerEpoch;
    }
  }
}

/** Sequences wrap from 2^31 - 1 to 0. */
export function firstSequenceOf(batch: BatchMetadata): number {
  const first = batch.lastSequence - batch.offsetDelta;
  return first < 0 && batch.lastSequence >= 0 ? first + 0x80000000 : first;
}
