/** An offset, and where its record lies when that is known: Kafka's LogOffsetMetadata. */
export interface LogOffsetMetadata {
  readonly messageOffset: number;
  /** Base offset of the segment, -1: unknown. */
  readonly segmentBaseOffset: number;
  /** Position in the segment's file, -1: unknown. */
  readonly relativePositionInSegment: number;
}

export function messageOffsetOnly(messageOffset: number): LogOffsetMetadata {
  return { messageOffset, segmentBaseOffset: -1, relativePositionInSegment: -1 };
}
