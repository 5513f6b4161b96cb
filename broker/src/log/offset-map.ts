import { hash128, hashed } from './hash128';

/** As in Kafka's SkimpyOffsetMap, so that log.cleaner.dedupe.buffer.size holds as many keys: 16 bytes of hash, 8 of offset. */
export const offsetMapEntryBytes = 24;
const intsAnEntry = offsetMapEntryBytes / 4;
const doublesAnEntry = offsetMapEntryBytes / 8;

/** Where an offset map lies. */
export interface OffsetMapPlace {
  /** Has room for so many slots, and one. */
  readonly memory: SharedArrayBuffer;
  /** How many entries there is room for. */
  readonly slots: number;
  /** 32 bits that nobody who writes keys can know. */
  readonly seed: number;
}

/**
 * The last offset of each key of a part of a log. Keys are kept as hashes of 128 bits: memory does not depend on their
 * size. It lies in shared memory, where a job fills it and later ones look keys up; so do its counters (the first entry:
 * how many keys, the last offset that was looked at).
 */
export class OffsetMap {
  readonly #ints: Int32Array;
  readonly #doubles: Float64Array;
  readonly slots: number;
  readonly #seed: number;

  constructor({ memory, slots, seed }: OffsetMapPlace) {
    const bytes = (slots + 1) * offsetMapEntryBytes;
    this.#ints = new Int32Array(memory, 0, bytes / 4);
    this.#doubles = new Float64Array(memory, 0, bytes / 8);
    this.slots = slots;
    this.#seed = seed;
  }

  /** Forgets what was in this memory. */
  clear(): void {
    this.#doubles.fill(0);
    this.latestOffset = -1;
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
