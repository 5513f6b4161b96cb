import type { Disk } from '../io/disk';
import { storedBatches, type StoredBatch } from './replica-files';
import { Violation } from './violation';

export interface CommittedBatch {
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly leaderEpoch: number;
  readonly crc: number;
  /** When its producer made it, or earlier, simulated milliseconds. */
  readonly createdMs: number;
  /** The leader epoch that the replica was in whose high watermark showed it. */
  readonly committedEpoch: number;
  readonly bytes: Buffer;
}

/** A batch that a replica does not have, or another one in its place. */
export interface Difference {
  readonly committed: CommittedBatch;
  readonly found?: StoredBatch;
}

/** A stretch of a replica's log that is to be compared. */
export interface Comparison {
  readonly disk: Disk;
  readonly directory: string;
  readonly from: number;
  readonly to: number;
  readonly mayExtend: boolean;
  readonly leaderEpoch: number;
  /** When a batch was made, or earlier, simulated milliseconds. */
  readonly createdMs: (batch: StoredBatch) => number;
}

/**
 * What was ever seen below a high watermark of a partition: from then on every leader has it, and every replica below
 * its own high watermark, byte by byte.
 */
export class CommittedLog {
  readonly batches: CommittedBatch[] = [];
  /** The leader epoch that began with the last loss that was allowed. */
  lossEpoch = -1;

  constructor(readonly name: string) {}

  get end(): number {
    const last = this.batches.at(-1);
    return last === undefined ? 0 : last.lastOffset + 1;
  }

  /**
   * Compares what a replica has in [from, to) with it, and takes over what is new, if it `mayExtend` it. Returns the
   * first batch that the replica lacks, or has differently, if there is one.
   */
  compare({ disk, directory, from, to, mayExtend, leaderEpoch, createdMs }: Comparison): Difference | undefined {
    let index = this.#indexOf(from);
    for (const found of storedBatches(disk, directory, from, to)) {
      const known = this.batches.at(index);
      if (index < this.batches.length && known !== undefined) {
        if (!isSame(known, found)) return { committed: known, found };
      } else {
        if (!mayExtend) return undefined;
        if (found.baseOffset < this.end) {
          throw new Violation(`${this.name}: a replica has ${describe(found)}, and ${this.end} comes next`);
        }
        this.batches.push({
          ...found,
          bytes: Buffer.from(found.bytes),
          createdMs: createdMs(found),
          committedEpoch: leaderEpoch,
        });
      }
      index++;
    }
    const next = this.batches.at(index);
    return index < this.batches.length && next !== undefined && next.lastOffset < to ? { committed: next } : undefined;
  }

  /** Up to where the leader of an epoch must have it: what was committed by then, and not what later leaders did. */
  endBefore(leaderEpoch: number): number {
    const later = this.batches.find(({ committedEpoch }) => committedEpoch > leaderEpoch);
    return later?.baseOffset ?? this.end;
  }

  /** From here on it was lost, in a way that is allowed, and a new epoch begins. Returns how many records. */
  lose(fromOffset: number, leaderEpoch: number): number {
    this.lossEpoch = leaderEpoch;
    const index = this.#indexOf(fromOffset);
    const lost = this.batches.splice(index);
    return lost.reduce((count, { baseOffset, lastOffset }) => count + lastOffset - baseOffset + 1, 0);
  }

  /** The first batch that ends at `offset` or later. */
  #indexOf(offset: number): number {
    let low = 0;
    let high = this.batches.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.batches[middle].lastOffset < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function isSame(one: CommittedBatch, other: StoredBatch): boolean {
  return (
    one.baseOffset === other.baseOffset &&
    one.lastOffset === other.lastOffset &&
    one.leaderEpoch === other.leaderEpoch &&
    one.crc === other.crc
  );
}

/** `lacks …`, or what it has instead. */
export function describeDifference({ committed, found }: Difference): string {
  const lacks = `lacks ${describe(committed)}`;
  return found === undefined ? lacks : `${lacks}, and has ${describe(found)} in its place`;
}

function describe({
  baseOffset,
  lastOffset,
  leaderEpoch,
  crc,
}: Omit<StoredBatch, 'bytes' | 'maxTimestamp' | 'isByBroker'>): string {
  return `offsets ${baseOffset} to ${lastOffset} of leader epoch ${leaderEpoch} (crc ${crc.toString(16)})`;
}
