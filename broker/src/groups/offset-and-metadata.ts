/** A committed offset. Times are wall time in milliseconds. */
export interface OffsetAndMetadata {
  readonly offset: number;
  /** -1: unknown. */
  readonly leaderEpoch: number;
  readonly metadata: string;
  readonly commitTimestamp: number;
  /** Only what was committed with a retention time of its own (versions 2 to 4) has one: it expires then. */
  readonly expireTimestamp: number | undefined;
}

/** With the base offset of the batch in __consumer_offsets that holds it: the later batch wins, whatever completes first. */
export interface CommittedOffset extends OffsetAndMetadata {
  readonly batchOffset: number;
}

/** The wide timestamps of requests and records as a number: nobody needs the exact value beyond 2^53 milliseconds. */
export function clampedMs(timestamp: bigint): number {
  return Math.max(Number.MIN_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, Number(timestamp)));
}
