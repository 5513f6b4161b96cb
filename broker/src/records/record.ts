/** What tools, coordinators and the cleaner read and write: one record, whatever format it is stored in. */
export interface RecordHeader {
  readonly key: string;
  readonly value: Buffer | null;
}

export interface LogRecord {
  readonly offset: number;
  /** Milliseconds; -1: none (format 0). The batch's append time under LogAppendTime. */
  readonly timestamp: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly RecordHeader[];
}

export const noHeaders: readonly RecordHeader[] = [];
