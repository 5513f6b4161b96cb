import { ErrorCode, KafkaError } from '../protocol/errors';

/** One record of a batch that was refused, as ProduceResponse v8+ lists it. */
export interface RecordError {
  /** Index of the record in the batch, from 0. */
  readonly batchIndex: number;
  readonly message: string;
}

/** A batch refused for some of its records; nothing of it may be appended. */
export class RecordValidationError extends KafkaError {
  override readonly name = 'RecordValidationError';

  constructor(
    code: ErrorCode,
    message: string,
    readonly recordErrors: readonly RecordError[],
  ) {
    super(code, message);
  }
}

export function invalidRecord(message: string): KafkaError {
  return new KafkaError(ErrorCode.INVALID_RECORD, message);
}

export function corruptMessage(message: string): KafkaError {
  return new KafkaError(ErrorCode.CORRUPT_MESSAGE, message);
}
