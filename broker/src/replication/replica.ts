import { messageOffsetOnly, type LogOffsetMetadata } from '../log/log-offset-metadata';

/** What the leader learns from one Fetch of a follower. */
export interface FollowerFetch {
  /** The offset asked for: the follower has everything below. */
  readonly fetchOffset: LogOffsetMetadata;
  /** The follower's log start offset. */
  readonly logStartOffset: number;
  /** When the Fetch was read, monotonic milliseconds. */
  readonly timeMs: number;
  /** The leader's log end offset then. */
  readonly leaderEndOffset: number;
  /** The follower's broker epoch, -1n when it does not say. */
  readonly brokerEpoch: bigint;
}

const unknownOffset = messageOffsetOnly(-1);
const never = -Infinity;

/** What a leader knows of one follower (Kafka's Replica and ReplicaState). Times are monotonic milliseconds. */
export class Replica {
  /** What the follower has, and where that lies in the leader's log; -1: not known yet. */
  endOffset: LogOffsetMetadata = unknownOffset;
  logStartOffset = -1;
  /** When the follower last had everything that the leader had. */
  lastCaughtUpTimeMs = never;
  brokerEpoch = -1n;
  #lastFetchTimeMs = never;
  #lastFetchLeaderEndOffset = 0;

  constructor(readonly brokerId: number) {}

  get logEndOffset(): number {
    return this.endOffset.messageOffset;
  }

  /** Whether it has everything, or had everything within the last `maxLagMs`. */
  isCaughtUp(leaderEndOffset: number, nowMs: number, maxLagMs: number): boolean {
    return leaderEndOffset === this.logEndOffset || nowMs - this.lastCaughtUpTimeMs <= maxLagMs;
  }

  /**
   * A follower that asks for the leader's end is caught up now. One that asks for what was the end at its Fetch before
   * was caught up then: so a follower stays in sync that is never at the very end of a busy log.
   * @returns false when a newer Fetch has told more already
   */
  fetched({ fetchOffset, logStartOffset, timeMs, leaderEndOffset, brokerEpoch }: FollowerFetch): boolean {
    if (timeMs < this.#lastFetchTimeMs) return false;
    if (fetchOffset.messageOffset >= leaderEndOffset) {
      this.lastCaughtUpTimeMs = Math.max(this.lastCaughtUpTimeMs, timeMs);
    } else if (fetchOffset.messageOffset >= this.#lastFetchLeaderEndOffset) {
      this.lastCaughtUpTimeMs = Math.max(this.lastCaughtUpTimeMs, this.#lastFetchTimeMs);
    }
    this.endOffset = fetchOffset;
    this.logStartOffset = logStartOffset;
    this.#lastFetchLeaderEndOffset = Math.max(leaderEndOffset, this.#lastFetchLeaderEndOffset);
    this.#lastFetchTimeMs = timeMs;
    this.brokerEpoch = brokerEpoch;
    return true;
  }

  /** A leader epoch begins. Who is in sync counts as caught up now; a new leader knows nothing else of its followers. */
  reset(nowMs: number, leaderEndOffset: number, isNewLeader: boolean, isInSync: boolean): void {
    this.lastCaughtUpTimeMs = isInSync ? nowMs : never;
    this.#lastFetchTimeMs = isInSync && !isNewLeader ? nowMs : never;
    this.#lastFetchLeaderEndOffset = isNewLeader ? -1 : leaderEndOffset;
    if (isNewLeader) {
      this.endOffset = unknownOffset;
      this.logStartOffset = -1;
      this.brokerEpoch = -1n;
    }
  }
}
