import type { Log } from './log';
import type { LogSegment } from './log-segment';

/** A compacted log, and which part of it may be cleaned now. */
export interface LogToClean {
  readonly log: Log;
  /** The log's count when this was found out: later, other records may be in the segments of the same names. */
  readonly truncations: number;
  /** Records before it were cleaned already. */
  readonly firstDirtyOffset: number;
  /** Base offset of the first segment that stays as it is. */
  readonly firstUncleanableOffset: number;
  /** What the checkpoint says is not an offset of this log. */
  readonly isCheckpointWrong: boolean;
  /** Something is older than max.compaction.lag.ms. */
  readonly needsCompactionNow: boolean;
  readonly cleanableBytes: number;
  /** Of what is clean and what is cleanable, the cleanable share; 0 for an empty log. */
  readonly cleanableRatio: number;
}

/**
 * As Kafka's LogCleanerManager.cleanableOffsets and LogToClean. `checkpointed`: up to where the log was cleaned, as far
 * as that is known.
 */
export function logToClean(log: Log, checkpointed: number | undefined, wallMs: number): Promise<LogToClean> {
  return log.inspect((segments) => inspected(log, segments, checkpointed, wallMs));
}

async function inspected(
  log: Log,
  segments: readonly LogSegment[],
  checkpointed: number | undefined,
  wallMs: number,
): Promise<LogToClean> {
  const { logStartOffset, logEndOffset, config, truncations } = log;
  const isCheckpointWrong =
    checkpointed !== undefined && (checkpointed < logStartOffset || checkpointed > logEndOffset);
  const firstDirtyOffset = checkpointed === undefined || isCheckpointWrong ? logStartOffset : checkpointed;
  const active = segments[segments.length - 1].baseOffset;
  const inactiveFrom = (offset: number) => (offset >= active ? [] : segmentsFrom(segments.slice(0, -1), offset));
  const dirty = inactiveFrom(firstDirtyOffset);
  // What is not decided (an open transaction) or not replicated must stay; so must the segment that is appended to.
  let bound = Math.min(log.lastStableOffset, active);
  if (config.minCompactionLagMs > 0) {
    for (const segment of dirty) {
      if ((await segment.largestTimestamp()) > wallMs - config.minCompactionLagMs) {
        bound = Math.min(bound, segment.baseOffset);
        break;
      }
    }
  }
  bound = Math.max(bound, firstDirtyOffset);
  const firstUncleanableOffset = inactiveFrom(bound).at(0)?.baseOffset ?? active;
  const cleanableFrom = Math.min(firstDirtyOffset, firstUncleanableOffset);
  const cleanableBytes = sizeOf(segmentsFrom(segments, cleanableFrom), (base) => base < firstUncleanableOffset);
  const cleanBytes = sizeOf(segments, (base) => base < firstDirtyOffset);
  const totalBytes = cleanBytes + cleanableBytes;
  return {
    log,
    truncations,
    firstDirtyOffset,
    firstUncleanableOffset,
    isCheckpointWrong,
    needsCompactionNow: await isOverdue(dirty, wallMs - config.maxCompactionLagMs),
    cleanableBytes,
    cleanableRatio: totalBytes === 0 ? 0 : cleanableBytes / totalBytes,
  };
}

/** From the one that `offset` belongs to. */
function segmentsFrom(segments: readonly LogSegment[], offset: number): readonly LogSegment[] {
  return segments.slice(
    Math.max(
      0,
      segments.findLastIndex(({ baseOffset }) => baseOffset <= offset),
    ),
  );
}

function sizeOf(segments: readonly LogSegment[], which: (baseOffset: number) => boolean): number {
  return segments.reduce((sum, { baseOffset, size }) => (which(baseOffset) ? sum + size : sum), 0);
}

async function isOverdue(dirty: readonly LogSegment[], sinceMs: number): Promise<boolean> {
  if (sinceMs <= 0) {
    return false;
  }
  for (const segment of dirty) {
    const first = await segment.loadFirstBatchTimestamp();
    if (first > 0 && first < sinceMs) {
      return true;
    }
  }
  return false;
}

/** What a segment takes, for grouping. */
export interface SegmentSizes {
  readonly segment: LogSegment;
  readonly offsetIndexBytes: number;
  readonly timeIndexBytes: number;
}

/**
 * Segments that become one, so that they do not shrink to nothing with repeated cleaning (Kafka's
 * Cleaner.groupSegmentsBySize): together within segment.bytes and segment.index.bytes, and their offsets within an int32.
 */
export function groupSegments(
  segments: readonly SegmentSizes[],
  mostBytes: number,
  mostIndexBytes: number,
  firstUncleanableOffset: number,
): LogSegment[][] {
  const groups: LogSegment[][] = [];
  let bytes = 0;
  let offsetIndexBytes = 0;
  let timeIndexBytes = 0;
  for (const [index, next] of segments.entries()) {
    const group = groups.at(-1);
    const lastOffset = (segments.at(index + 1)?.segment.baseOffset ?? firstUncleanableOffset) - 1;
    const fits =
      group !== undefined &&
      bytes + next.segment.size <= mostBytes &&
      offsetIndexBytes + next.offsetIndexBytes <= mostIndexBytes &&
      timeIndexBytes + next.timeIndexBytes <= mostIndexBytes &&
      (next.segment.size === 0 || lastOffset - group[0].baseOffset <= 0x7fffffff);
    if (fits) {
      group.push(next.segment);
    } else {
      groups.push([next.segment]);
      bytes = 0;
      offsetIndexBytes = 0;
      timeIndexBytes = 0;
    }
    bytes += next.segment.size;
    offsetIndexBytes += next.offsetIndexBytes;
    timeIndexBytes += next.timeIndexBytes;
  }
  return groups;
}
