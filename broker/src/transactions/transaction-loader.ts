import type { Logger } from '../logging/logger';
import { ErrorCode, KafkaError, ProtocolError } from '../protocol/errors';
import { isControlBatch } from '../records/batch-header';
import { readRecords } from '../records/read-records';
import type { LogRecord } from '../records/record';
import type { CoordinatorLoad } from '../replication/coordinator-loader';
import type { TransactionMetadata } from './transaction-metadata';
import { readTransactionKey, readTransactionValue } from './transaction-records';

/** The transactional ids that a partition of __transaction_state holds. Records that cannot be read are passed over with a log line. */
export class TransactionLoad implements CoordinatorLoad {
  readonly transactions = new Map<string, TransactionMetadata>();
  readonly #logger: Logger;
  readonly #name: string;

  constructor(logger: Logger, name: string) {
    this.#logger = logger;
    this.#name = name;
  }

  take(bytes: Buffer, at: number): number {
    // None are written to this topic; a foreign one says nothing of a transactional id.
    if (isControlBatch(bytes, at)) return 1;
    let count = 0;
    for (const record of readRecords(bytes, at)) {
      count++;
      takeRecord(this.transactions, record, this.#name, this.#logger);
    }
    return Math.max(1, count);
  }

  /**
   * What stands behind damage would be lost, and with it transactions whose markers are due: rejecting lets it be tried
   * again, and another replica lead.
   */
  damaged(offset: number, why: string): never {
    throw new KafkaError(ErrorCode.CORRUPT_MESSAGE, `${this.#name} is damaged at offset ${offset}: ${why}`);
  }
}

function takeRecord(
  transactions: Map<string, TransactionMetadata>,
  record: LogRecord,
  name: string,
  logger: Logger,
): void {
  try {
    if (record.key === null) throw new ProtocolError('it has no key');
    const transactionalId = readTransactionKey(record.key);
    if (transactionalId === undefined) {
      logger.warn(
        `The record at offset ${record.offset} of ${name} has a key of a version that is not known here: it is passed over.`,
      );
    } else if (record.value === null) {
      transactions.delete(transactionalId);
    } else {
      transactions.set(transactionalId, readTransactionValue(transactionalId, record.value));
    }
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    logger.error(
      `The record at offset ${record.offset} of ${name} cannot be read, and is passed over: ${error.message}.`,
    );
  }
}
