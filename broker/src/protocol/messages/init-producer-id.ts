/**
 * An idempotent or transactional producer asks for its producer id and epoch; for a transactional id that fences every
 * earlier producer of the same name.
 */
import { int16, int32, int64, message, string } from '../schema';
import type { MessageOf } from '../schema';

export const InitProducerIdRequest = message(
  'InitProducerIdRequest',
  { versions: '0-5', flexible: '2+' },
  {
    transactionalId: string({ nullable: true }),
    transactionTimeoutMs: int32(),
    producerId: int64({ versions: '3+', default: -1 }),
    producerEpoch: int16({ versions: '3+', default: -1 }),
  },
);
export type InitProducerIdRequest = MessageOf<typeof InitProducerIdRequest>;

export const InitProducerIdResponse = message(
  'InitProducerIdResponse',
  { versions: '0-5', flexible: '2+' },
  {
    throttleTimeMs: int32({ ignorable: true }),
    errorCode: int16(),
    producerId: int64({ default: -1 }),
    producerEpoch: int16(),
  },
);
export type InitProducerIdResponse = MessageOf<typeof InitProducerIdResponse>;
