/**
 * A producer tells its transaction coordinator that the transaction will commit offsets of a consumer group.
 */
import { int16, int32, int64, message, string } from '../schema';
import type { MessageOf } from '../schema';

export const AddOffsetsToTxnRequest = message(
  'AddOffsetsToTxnRequest',
  { versions: '0-4', flexible: '3+' },
  {
    transactionalId: string(),
    producerId: int64(),
    producerEpoch: int16(),
    groupId: string(),
  },
);
export type AddOffsetsToTxnRequest = MessageOf<typeof AddOffsetsToTxnRequest>;

export const AddOffsetsToTxnResponse = message(
  'AddOffsetsToTxnResponse',
  { versions: '0-4', flexible: '3+' },
  {
    throttleTimeMs: int32(),
    errorCode: int16(),
  },
);
export type AddOffsetsToTxnResponse = MessageOf<typeof AddOffsetsToTxnResponse>;
