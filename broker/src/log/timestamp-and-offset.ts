/** Timestamps of ListOffsets that ask for a place instead of a time. */
export const ListOffsetsTimestamp = {
  LATEST: -1,
  EARLIEST: -2,
  MAX_TIMESTAMP: -3,
  EARLIEST_LOCAL: -4,
  LATEST_TIERED: -5,
} as const;

/** An answer to ListOffsets: -1 where there is no timestamp, `undefined` where no epoch is known. */
export interface TimestampAndOffset {
  readonly timestamp: number;
  readonly offset: number;
  readonly leaderEpoch: number | undefined;
}
