import type { Random } from '../../../broker/src/io/random';

/**
 * A reproducible sequence (sfc32, seeded through splitmix32). Everything that a simulation leaves to chance is drawn from
 * one of these, and each user gets a fork of its own: what one draws does not shift what another gets.
 */
export class SeededRandom implements Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(seed: number, stream = 0) {
    let state = (seed ^ Math.imul(stream + 1, 0x9e3779b1)) | 0;
    const next = (): number => {
      state = (state + 0x9e3779b9) | 0;
      let t = state ^ (state >>> 16);
      t = Math.imul(t, 0x21f0aaad);
      t ^= t >>> 15;
      t = Math.imul(t, 0x735a2d97);
      return t ^ (t >>> 15);
    };
    this.#a = next();
    this.#b = next();
    this.#c = next() ^ Math.floor(seed / 2 ** 32);
    for (let i = 0; i < 12; i++) this.uint32();
  }

  uint32(): number {
    const t = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (this.#c << 21) | (this.#c >>> 11);
    this.#c = (this.#c + t) | 0;
    return t >>> 0;
  }

  /** From 0 up to and without 1. */
  real(): number {
    return this.uint32() / 2 ** 32;
  }

  below(bound: number): number {
    return bound <= 2 ** 32
      ? Math.floor(this.real() * bound)
      : Math.floor(((this.uint32() & 0xffff) * 2 ** 32 + this.uint32()) % bound);
  }

  /** An integer from `low` to `high`, both included. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }

  chance(probability: number): boolean {
    return this.real() < probability;
  }

  /** Mostly around the mean, now and then several times as much: how long things take. */
  exponential(mean: number): number {
    return -Math.log(1 - this.real()) * mean;
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)];
  }

  bytes(length: number): Buffer {
    const bytes = Buffer.alloc(length);
    for (let at = 0; at < length; at++) bytes[at] = this.uint32() & 0xff;
    return bytes;
  }

  fork(): SeededRandom {
    return new SeededRandom(this.uint32(), this.uint32());
  }
}
