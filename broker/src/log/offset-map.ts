import { hash128, hashed } from './hash128';

/** As in Kafka's SkimpyOffsetMap, so that log.cleaner.dedupe.buffer.size holds as many keys: 16 bytes of hash, 8 of offset. */
export const offsetMapEntryBytes = 24;
const intsAnEntry = offsetMapEntryBytes / 4;
const doublesAnEntry = offsetMapEntryBytes / 8;

/**
 * The last offset of each key of a part of a log. Keys are kept as hashes of 128 bits: memory does not depend on their
 * size. It lies in shared memory, where a job fills it and later ones look keys up; so do its counters (the first entry:
 * how many keys, the last offset that was looked at, the seed of the hashes).
 */
export class OffsetMap {
  readonly #ints: Int32Array;
  readonly #doubles: Float64Array;
  /** How many entries there is room for. */
  readonly slots: number;
  readonly #seed: number;

  constructor(readonly memory: SharedArrayBuffer) {
    this.#ints = new Int32Array(memory);
    this.#doubles = new Float64Array(memory);
    this.slots = Math.floor(memory.byteLength / offsetMapEntryBytes) - 1;
    this.#seed = this.#doubles[2];
  }

  /** `seed`: 32 bits that nobody who writes keys can know. */
  static create(slots: number, seed: number): OffsetMap {
    const memory = new SharedArrayBuffer((slots + 1) * offsetMapEntryBytes);
    const counters = new Float64Array(memory);
    counters[1] = -1;
    counters[2] = seed;
    return new OffsetMap(memory);
  }

  get size(): number {
    return this.#doubles[0];
  }

  /** The last offset that is accounted for; -1 while there is none. */
  get latestOffset(): number {
    return this.#doubles[1];
  }

  set latestOffset(offset: number) {
    this.#doubles[1] = offset;
  }

  /** The key in [start, end) of `bytes`. There must be a free slot. */
  put(bytes: Buffer, start: number, end: number, offset: number): void {
    const slot = this.#slotOf(bytes, start, end);
    const at = slot * intsAnEntry;
    const doubleAt = slot * doublesAnEntry + 2;
    if (this.#doubles[doubleAt] === 0) {
      if (this.size >= this.slots - 1) {
        throw new RangeError(`an offset map of ${this.slots} slots is full`);
      }
      for (let i = 0; i < 4; i++) {
        this.#ints[at + i] = hashed[i];
      }
      this.#doubles[0]++;
    }
    this.#doubles[doubleAt] = offset + 1;
    this.latestOffset = offset;
  }

  /** -1 for a key that is not there. */
  get(bytes: Buffer, start: number, end: number): number {
    return this.#doubles[this.#slotOf(bytes, start, end) * doublesAnEntry + 2] - 1;
  }

  /** Where the key is, or the free slot where it would be. One slot is always free. */
  #slotOf(bytes: Buffer, start: number, end: number): number {
    hash128(bytes, start, end, this.#seed);
    const ints = this.#ints;
    const doubles = this.#doubles;
    const [h0, h1, h2, h3] = [hashed[0], hashed[1], hashed[2], hashed[3]];
    let slot = ((h0 >>> 0) % this.slots) + 1;
    for (;;) {
      if (doubles[slot * doublesAnEntry + 2] === 0) {
        return slot;
      }
      const at = slot * intsAnEntry;
      if (ints[at] === h0 && ints[at + 1] === h1 && ints[at + 2] === h2 && ints[at + 3] === h3) {
        return slot;
      }
      slot = slot === this.slots ? 1 : slot + 1;
    }
  }
}
