/**
 * All transactions that a broker coordinates, by filters.
 */
import { array, int16, int32, int64, message, string, struct, wideInt64 } from '../schema';
import type { MessageOf } from '../schema';

export const ListTransactionsRequest = message(
  'ListTransactionsRequest',
  { versions: '0-1', flexible: '0+' },
  {
    stateFilters: array(string()),
    producerIdFilters: array(int64()),
    durationFilter: wideInt64({ versions: '1+', default: -1n }),
  },
);
export type ListTransactionsRequest = MessageOf<typeof ListTransactionsRequest>;

export const ListTransactionsResponse = message(
  'ListTransactionsResponse',
  { versions: '0-1', flexible: '0+' },
  {
    throttleTimeMs: int32(),
    errorCode: int16(),
    unknownStateFilters: array(string()),
    transactionStates: array(
      struct({
        transactionalId: string(),
        producerId: int64(),
        transactionState: string(),
      }),
    ),
  },
);
export type ListTransactionsResponse = MessageOf<typeof ListTransactionsResponse>;
