import type { ProducerStateEntry } from './producer-state-entry';

/** What a producer wrote last. */
export interface LastRecord {
  /** -1: none, the last that it wrote is a marker. */
  readonly lastDataOffset: number;
  readonly producerEpoch: number;
}

const doublesAnEntry = 3;

/** What each of many producers wrote last, in shared memory: jobs look it up there, and nothing is copied for them. */
export class LastRecords {
  readonly #doubles: Float64Array;

  constructor(readonly memory: SharedArrayBuffer) {
    this.#doubles = new Float64Array(memory);
  }

  static of(producers: Iterable<Pick<ProducerStateEntry, 'producerId' | keyof LastRecord>>): LastRecords {
    const sorted = [...producers].sort((a, b) => a.producerId - b.producerId);
    const records = new LastRecords(new SharedArrayBuffer(sorted.length * doublesAnEntry * 8));
    for (const [index, { producerId, lastDataOffset, producerEpoch }] of sorted.entries()) {
      records.#doubles.set([producerId, lastDataOffset, producerEpoch], index * doublesAnEntry);
    }
    return records;
  }

  /** `undefined` for a producer that is not known. */
  get(producerId: number): LastRecord | undefined {
    const doubles = this.#doubles;
    let low = 0;
    let high = doubles.length / doublesAnEntry;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (doubles[middle * doublesAnEntry] < producerId) low = middle + 1;
      else high = middle;
    }
    const at = low * doublesAnEntry;
    return doubles[at] === producerId ? { lastDataOffset: doubles[at + 1], producerEpoch: doubles[at + 2] } : undefined;
  }
}
