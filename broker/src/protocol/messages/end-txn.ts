/**
 * A producer commits or aborts its transaction.
 */
import { bool, int16, int32, int64, message, string } from '../schema';
import type { MessageOf } from '../schema';

export const EndTxnRequest = message(
  'EndTxnRequest',
  { versions: '0-4', flexible: '3+' },
  {
    transactionalId: string(),
    producerId: int64(),
    producerEpoch: int16(),
    committed: bool(),
  },
);
export type EndTxnRequest = MessageOf<typeof EndTxnRequest>;

export const EndTxnResponse = message(
  'EndTxnResponse',
  { versions: '0-4', flexible: '3+' },
  {
    throttleTimeMs: int32(),
    errorCode: int16(),
  },
);
export type EndTxnResponse = MessageOf<typeof EndTxnResponse>;
