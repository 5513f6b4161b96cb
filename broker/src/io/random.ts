/** Randomness: cryptographic in production, a seeded sequence in the simulator. */
export interface Random {
  bytes(length: number): Buffer;
  /** An integer from 0 up to and without `bound` (at most 2^48). */
  below(bound: number): number;
}
