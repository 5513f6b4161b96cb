import { randomBytes, randomInt } from 'node:crypto';
import type { Random } from '../random';

export class NodeRandom implements Random {
  bytes(length: number): Buffer {
    return randomBytes(length);
  }

  below(bound: number): number {
    // randomInt takes ranges below 2^48 only.
    return bound === 2 ** 48 ? randomBytes(6).readUIntBE(0, 6) : randomInt(bound);
  }
}
