import { nextBatchSize } from './batch-header';

export interface BatchWalk {
  /** Complete batches. */
  readonly batches: number;
  /** Bytes that they take from the start of the walk. */
  readonly validBytes: number;
  /** Whether bytes are left that make no whole batch. */
  readonly truncated: boolean;
}

/**
 * Visits each complete batch in [at, end) with its position and size and stops at a tail that is cut short. Throws
 * CORRUPT_MESSAGE for a header that cannot be. Looks at no CRC.
 */
export function walkBatches(
  bytes: Buffer,
  visit?: (at: number, size: number) => void,
  at = 0,
  end = bytes.length,
): BatchWalk {
  let batches = 0;
  let position = at;
  for (let size = 0; (size = nextBatchSize(bytes, position, end)) > 0; position += size) {
    visit?.(position, size);
    batches++;
  }
  return { batches, validBytes: position - at, truncated: position < end };
}
