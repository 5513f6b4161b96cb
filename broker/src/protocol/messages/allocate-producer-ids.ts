/**
 * A broker asks the controller for a block of producer ids.
 */
import { int16, int32, int64, message, wideInt64 } from '../schema';
import type { MessageOf } from '../schema';

export const AllocateProducerIdsRequest = message(
  'AllocateProducerIdsRequest',
  { versions: '0', flexible: '0+' },
  {
    brokerId: int32(),
    brokerEpoch: wideInt64({ default: -1n }),
  },
);
export type AllocateProducerIdsRequest = MessageOf<typeof AllocateProducerIdsRequest>;

export const AllocateProducerIdsResponse = message(
  'AllocateProducerIdsResponse',
  { versions: '0', flexible: '0+' },
  {
    throttleTimeMs: int32(),
    errorCode: int16(),
    producerIdStart: int64(),
    producerIdLen: int32(),
  },
);
export type AllocateProducerIdsResponse = MessageOf<typeof AllocateProducerIdsResponse>;
