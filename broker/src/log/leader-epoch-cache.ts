import type { Logger } from '../logging/logger';
import type { EpochEntry } from './leader-epoch-checkpoint';

/**
 * Which leader epoch began at which offset: Kafka's LeaderEpochFileCache. Memory only; `version` counts changes, and
 * the log writes the checkpoint when it has changed.
 */
export class LeaderEpochCache {
  #entries: EpochEntry[] = [];
  #version = 0;

  constructor(
    readonly partition: string,
    readonly logger: Logger,
    entries: readonly EpochEntry[] = [],
  ) {
    for (const { epoch, startOffset } of entries) {
      this.assign(epoch, startOffset);
    }
    this.#version = 0;
  }

  get version(): number {
    return this.#version;
  }

  get entries(): readonly EpochEntry[] {
    return this.#entries;
  }

  get latestEpoch(): number | undefined {
    return this.#entries.at(-1)?.epoch;
  }

  get earliestEntry(): EpochEntry | undefined {
    return this.#entries[0];
  }

  /**
   * An epoch begins, or has begun earlier and goes on here; entries that contradict it (a later epoch, or one that begins
   * later) go.
   */
  assign(epoch: number, startOffset: number): void {
    const latest = this.#entries.at(-1);
    if (epoch < 0 || startOffset < 0) {
      return;
    }
    if (latest !== undefined && latest.epoch === epoch && latest.startOffset <= startOffset) {
      return;
    }
    const removed: EpochEntry[] = [];
    let goesOn = false;
    for (let last = latest; last !== undefined; last = this.#entries.at(-1)) {
      goesOn = last.epoch === epoch && last.startOffset < startOffset;
      if (goesOn || (last.epoch < epoch && last.startOffset < startOffset)) {
        break;
      }
      removed.push(last);
      this.#entries.pop();
    }
    if (removed.length > 1 || (removed.length === 1 && removed[0].startOffset !== startOffset)) {
      this.logger.warn(
        `Leader epoch ${epoch} of ${this.partition} begins at offset ${startOffset}; entries that contradict it go.`,
        { removed },
      );
    }
    if (!goesOn) this.#entries.push({ epoch, startOffset });
    this.#version++;
  }

  /**
   * The largest known epoch that is not above the asked one, and where it ended; `undefined` when nothing is known. An
   * epoch older than all known ones ends where the first of those begins.
   */
  endOffsetFor(leaderEpoch: number, logEndOffset: number): { leaderEpoch: number; endOffset: number } | undefined {
    if (leaderEpoch < 0) {
      return undefined;
    }
    if (leaderEpoch === this.latestEpoch) {
      return { leaderEpoch, endOffset: logEndOffset };
    }
    const higher = this.#entries.findIndex(({ epoch }) => epoch > leaderEpoch);
    if (higher < 0) {
      return undefined;
    }
    const endOffset = this.#entries[higher].startOffset;
    return { leaderEpoch: higher === 0 ? leaderEpoch : this.#entries[higher - 1].epoch, endOffset };
  }

  epochForOffset(offset: number): number | undefined {
    return this.#entries.findLast(({ startOffset }) => startOffset <= offset)?.epoch;
  }

  /** The log was cut: epochs that begin at `endOffset` or later go. */
  truncateFromEnd(endOffset: number): void {
    while (this.#entries.length > 0 && this.#entries[this.#entries.length - 1].startOffset >= endOffset) {
      this.#entries.pop();
      this.#version++;
    }
  }

  /** The log's start moved: the epoch that `startOffset` lies in begins there, older ones go. */
  truncateFromStart(startOffset: number): void {
    const current = this.#entries.findLastIndex((entry) => entry.startOffset <= startOffset);
    if (current < 0 || (current === 0 && this.#entries[0].startOffset === startOffset)) {
      return;
    }
    const { epoch } = this.#entries[current];
    this.#entries.splice(0, current + 1, { epoch, startOffset });
    this.#version++;
  }

  clear(): void {
    if (this.#entries.length > 0) {
      this.#entries = [];
      this.#version++;
    }
  }
}
