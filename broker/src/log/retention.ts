import type { LogConfig } from './log-config';
import type { LogSegment } from './log-segment';

export interface DoomedSegment {
  readonly segment: LogSegment;
  readonly why: string;
}

interface Offsets {
  readonly highWatermark: number;
  readonly logStartOffset: number;
  readonly logEndOffset: number;
}

/**
 * Which of the segments go, from the oldest on: those before the log start offset, and with cleanup.policy delete those
 * without which the log still has retention.bytes, and those whose newest record is older than retention.ms. A segment
 * that reaches above the high watermark stays, with all behind it; an empty last one too.
 */
export function segmentsToDelete(
  segments: readonly LogSegment[],
  config: LogConfig,
  offsets: Offsets,
  largestTimestamp: (segment: LogSegment) => number | undefined,
  wallMs: number,
): DoomedSegment[] {
  const doomed: DoomedSegment[] = [];
  let excess = segments.reduce((sum, { size }) => sum + size, 0) - config.retentionBytes;
  for (const [index, segment] of segments.entries()) {
    const next = segments[index + 1];
    const end = next?.baseOffset ?? offsets.logEndOffset;
    if (end > offsets.highWatermark || (next === undefined && segment.size === 0)) {
      break;
    }
    let why: string | undefined;
    if (next !== undefined && next.baseOffset <= offsets.logStartOffset) {
      why = `it lies before the log start offset ${offsets.logStartOffset}`;
    } else if (config.cleanupDelete) {
      const age = wallMs - (largestTimestamp(segment) ?? Infinity);
      if (config.retentionBytes >= 0 && excess - segment.size >= 0) {
        why = `the log has ${excess} bytes more than retention.bytes ${config.retentionBytes}`;
      } else if (config.retentionMs >= 0 && age > config.retentionMs) {
        why = `its newest record is ${age} ms old, and retention.ms is ${config.retentionMs}`;
      }
    }
    if (why === undefined) {
      break;
    }
    excess -= segment.size;
    doomed.push({ segment, why });
  }
  return doomed;
}
