/**
 * Records of __transaction_state: the state of one transactional id. A null value deletes it.
 */
import { array, int16, int32, int64, int8, message, string, struct } from '../schema';
import type { MessageOf } from '../schema';

export const TransactionLogKey = message(
  'TransactionLogKey',
  { versions: '0', flexible: 'none' },
  {
    transactionalId: string(),
  },
);
export type TransactionLogKey = MessageOf<typeof TransactionLogKey>;

export const TransactionLogValue = message(
  'TransactionLogValue',
  { versions: '0-1', flexible: '1+' },
  {
    producerId: int64(),
    producerEpoch: int16(),
    transactionTimeoutMs: int32(),
    transactionStatus: int8(),
    transactionPartitions: array(
      struct({
        topic: string(),
        partitionIds: array(int32()),
      }),
      { nullable: true },
    ),
    transactionLastUpdateTimestampMs: int64(),
    transactionStartTimestampMs: int64(),
  },
);
export type TransactionLogValue = MessageOf<typeof TransactionLogValue>;
