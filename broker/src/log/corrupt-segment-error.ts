import { ErrorCode, KafkaError } from '../protocol/errors';

/** What a segment holds at some place is no batch, or not the one that belongs there: CORRUPT_MESSAGE. */
export class CorruptSegmentError extends KafkaError {
  override readonly name = 'CorruptSegmentError';

  constructor(
    /** Of the `.log` file. */
    readonly path: string,
    why: string,
  ) {
    super(ErrorCode.CORRUPT_MESSAGE, `${path}: ${why}`);
  }
}
