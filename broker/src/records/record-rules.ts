import { ErrorCode } from '../protocol/errors';
import { NO_TIMESTAMP, TimestampType } from './batch-header';
import type { CompressionType } from './compression-type';
import { type RecordError, RecordValidationError } from './record-errors';

/** What a topic's configuration asks of the records that clients append to it. */
export interface RecordRules {
  /** cleanup.policy has compact: every record needs a key. */
  readonly compacted: boolean;
  /** message.timestamp.type */
  readonly timestampType: TimestampType;
  /** message.timestamp.before.max.ms and .after.max.ms; Infinity for no bound. Checked under CreateTime. */
  readonly timestampBeforeMaxMs: number;
  readonly timestampAfterMaxMs: number;
  /** max.message.bytes: of a batch, header and all, as sent and as stored. */
  readonly maxMessageBytes: number;
  /** compression.type; 'producer' keeps what came. */
  readonly compression: CompressionType | 'producer';
  /** compression.gzip.level or compression.zstd.level, where `compression` names that codec. */
  readonly compressionLevel?: number;
  /** What one batch may unpack to. */
  readonly maxDecompressedBytes?: number;
}

/** How many failing records of a batch are listed: the list is answered to the client. */
export const MAX_RECORD_ERRORS = 1000;

/** Collects what is wrong with single records and ends in one error for the batch (LogValidator.validateRecord). */
export class RecordChecks {
  private readonly errors: RecordError[] = [];
  private invalidTimestamp = false;

  constructor(
    private readonly rules: RecordRules,
    private readonly now: number,
  ) {}

  get full(): boolean {
    return this.errors.length >= MAX_RECORD_ERRORS;
  }

  /** `sentType`: timestamp type of the batch as the client sent it. */
  check(index: number, hasKey: boolean, timestamp: number, sentType: TimestampType): void {
    if (this.rules.compacted && !hasKey) {
      this.errors.push({ batchIndex: index, message: 'a compacted topic takes no record without a key' });
    } else if (this.rules.timestampType === TimestampType.CREATE_TIME && timestamp !== NO_TIMESTAMP) {
      if (timestampOutOfRange(this.rules, this.now, timestamp, timestamp)) {
        this.invalidTimestamp = true;
        const from = this.now - this.rules.timestampBeforeMaxMs;
        const to = this.now + this.rules.timestampAfterMaxMs;
        this.errors.push({
          batchIndex: index,
          message: `timestamp ${timestamp} is out of range: it should be within [${from}, ${to}]`,
        });
      }
    } else if (sentType === TimestampType.LOG_APPEND_TIME) {
      this.invalidTimestamp = true;
      this.errors.push({ batchIndex: index, message: 'a producer must not set the timestamp type LogAppendTime' });
    }
  }

  /** Throws INVALID_TIMESTAMP where one record had that, otherwise INVALID_RECORD where any was refused. */
  finish(): void {
    if (this.errors.length === 0) return;
    if (this.invalidTimestamp) {
      throw new RecordValidationError(
        ErrorCode.INVALID_TIMESTAMP,
        'One or more records have been rejected due to invalid timestamp',
        this.errors,
      );
    }
    const shown = this.errors.slice(0, 3).map((error) => `record ${error.batchIndex}: ${error.message}`);
    const count = this.full ? `${MAX_RECORD_ERRORS} or more` : `${this.errors.length}`;
    throw new RecordValidationError(
      ErrorCode.INVALID_RECORD,
      `One or more records have been rejected due to ${count} record errors: ${shown.join('; ')}`,
      this.errors,
    );
  }
}

/** Whether one of the timestamps between `smallest` and `largest` may be out of the rules' bounds. */
export function timestampOutOfRange(rules: RecordRules, now: number, smallest: number, largest: number): boolean {
  return now - smallest > rules.timestampBeforeMaxMs || largest - now > rules.timestampAfterMaxMs;
}
