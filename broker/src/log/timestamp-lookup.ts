import { partitionLeaderEpoch } from '../records/batch-header';
import { readRecords } from '../records/read-records';
import type { BatchPlace } from './batch-place';
import type { LogSegment } from './log-segment';
import { ListOffsetsTimestamp, type TimestampAndOffset } from './timestamp-and-offset';

/** The first record that has at least this timestamp, from `logStartOffset` on. */
export async function firstOffsetSince(
  segments: readonly LogSegment[],
  logStartOffset: number,
  timestamp: number,
): Promise<TimestampAndOffset | undefined> {
  for (const segment of segments) {
    if ((await segment.largestTimestamp()) < timestamp) {
      continue;
    }
    let from = logStartOffset;
    for (;;) {
      const place = await segment.findBatchByTimestamp(timestamp, from);
      if (place === undefined) {
        break;
      }
      const found = await firstRecordSince(segment, place, timestamp, from);
      if (found !== undefined) {
        return found;
      }
      from = place.lastOffset + 1;
    }
  }
  return undefined;
}

/**
 * The first record that has the largest timestamp of all. It may be below the log's start, as in Kafka: what DeleteRecords
 * has cut off in the first segment still counts.
 */
export async function offsetOfMaxTimestamp(segments: readonly LogSegment[]): Promise<TimestampAndOffset | undefined> {
  let latest: LogSegment | undefined;
  let largest = -1;
  for (const segment of segments) {
    const { timestamp } = await segment.maxTimestamp();
    if (timestamp > largest) {
      largest = timestamp;
      latest = segment;
    }
  }
  const place = await latest?.findBatchByTimestamp(largest, latest.baseOffset);
  return latest && place && firstRecordSince(latest, place, largest, place.baseOffset);
}

/** The first record of a batch that has at least this timestamp and offset. */
async function firstRecordSince(
  segment: LogSegment,
  place: BatchPlace,
  timestamp: number,
  offset: number,
): Promise<TimestampAndOffset | undefined> {
  const bytes = await segment.readBatch(place);
  const epoch = partitionLeaderEpoch(bytes, 0);
  for (const record of readRecords(bytes)) {
    if (record.timestamp >= timestamp && record.offset >= offset) {
      return { timestamp: record.timestamp, offset: record.offset, leaderEpoch: epoch >= 0 ? epoch : undefined };
    }
  }
  return undefined;
}

/**
 * ListOffsets v0: base offsets of the segments that were last written at `timestamp` or before (LATEST: all, and the
 * log's end; EARLIEST: the first alone), the latest `maxOffsets`, latest first.
 */
export function offsetsBefore(
  segments: readonly LogSegment[],
  logStartOffset: number,
  logEndOffset: number,
  timestamp: number,
  maxOffsets: number,
  wallMs: number,
): number[] {
  const entries = segments.map((segment) => ({
    offset: Math.max(segment.baseOffset, logStartOffset),
    time: segment.lastModifiedMs,
  }));
  if (segments[segments.length - 1].size > 0) {
    entries.push({ offset: logEndOffset, time: wallMs });
  }
  let count: number;
  if (timestamp === ListOffsetsTimestamp.LATEST) {
    count = entries.length;
  } else if (timestamp === ListOffsetsTimestamp.EARLIEST) {
    count = 1;
  } else {
    count = entries.findLastIndex(({ time }) => time <= timestamp) + 1;
  }
  const offsets = entries.slice(Math.max(0, count - maxOffsets), count).map(({ offset }) => offset);
  return offsets.sort((a, b) => b - a);
}
