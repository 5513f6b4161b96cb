import type { Clock } from '../io/clock';
import { readRanges } from '../log/read-ranges';
import type { Logger } from '../logging/logger';
import { KafkaError, ProtocolError } from '../protocol/errors';
import { isControlBatch, lastOffset, nextBatchSize } from '../records/batch-header';
import { readRecords } from '../records/read-records';
import type { LogRecord } from '../records/record';
import type { TransactionMetadata } from './transaction-metadata';
import { readTransactionKey, readTransactionValue } from './transaction-records';
import type { CoordinatorPartition } from '../replication/coordinator-replicas';

/** Records that are read before others get their turn: a few milliseconds of work. */
const recordsPerTurn = 2_000;

/**
 * Reads a partition of __transaction_state from its start to its end, in pieces and in turns: the transactional ids
 * that it holds. Records that cannot be read are passed over with a log line; an error of the log itself rejects.
 *
 * @param isWanted asked after every pause; once it is false the result does not matter, and reading stops
 */
export async function loadTransactions(
  clock: Clock,
  logger: Logger,
  partition: CoordinatorPartition,
  bufferSize: number,
  isWanted: () => boolean,
): Promise<Map<string, TransactionMetadata>> {
  const name = `${partition.topic}-${partition.partition}`;
  const transactions = new Map<string, TransactionMetadata>();
  // Not kept: the partition may move to another log directory meanwhile.
  let offset = partition.log.logStartOffset;
  let readSinceTurn = 0;
  while (offset < partition.log.logEndOffset && isWanted()) {
    const data = await partition.log.read(offset, bufferSize, 'logEnd', true);
    const bytes = await readRanges(data.ranges, data.sizeInBytes);
    const before = offset;
    for (let at = 0, size = 0; isWanted() && (size = sizeOfBatch(bytes, at, name, offset)) > 0; at += size) {
      readSinceTurn += takeBatch(transactions, bytes, at, name, logger);
      offset = Math.max(offset, lastOffset(bytes, at) + 1);
      if (readSinceTurn >= recordsPerTurn) {
        readSinceTurn = 0;
        await new Promise<void>((resolve) => clock.defer(resolve));
      }
    }
    if (offset === before) break;
  }
  return transactions;
}

/**
 * 0 at the end. What stands behind damage would be lost, and with it transactions whose markers are due: rejecting lets
 * it be tried again, and another replica lead.
 */
function sizeOfBatch(bytes: Buffer, at: number, name: string, offset: number): number {
  try {
    return nextBatchSize(bytes, at, bytes.length);
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error;
    throw new KafkaError(error.code, `${name} is damaged at offset ${offset}: ${error.message}`);
  }
}

/** Returns how many records the batch has. */
function takeBatch(
  transactions: Map<string, TransactionMetadata>,
  bytes: Buffer,
  at: number,
  name: string,
  logger: Logger,
): number {
  // None are written to this topic; a foreign one says nothing of a transactional id.
  if (isControlBatch(bytes, at)) return 1;
  let count = 0;
  for (const record of readRecords(bytes, at)) {
    count++;
    takeRecord(transactions, record, name, logger);
  }
  return Math.max(1, count);
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
