/**
 * A group member shows that it is alive, and hears whether a rebalance is under way.
 */
import { int16, int32, message, string } from '../schema';
import type { MessageOf } from '../schema';

export const HeartbeatRequest = message(
  'HeartbeatRequest',
  { versions: '0-4', flexible: '4+' },
  {
    groupId: string(),
    generationId: int32(),
    memberId: string(),
    groupInstanceId: string({ versions: '3+', nullable: true, default: null }),
  },
);
export type HeartbeatRequest = MessageOf<typeof HeartbeatRequest>;

export const HeartbeatResponse = message(
  'HeartbeatResponse',
  { versions: '0-4', flexible: '4+' },
  {
    throttleTimeMs: int32({ versions: '1+', ignorable: true }),
    errorCode: int16(),
  },
);
export type HeartbeatResponse = MessageOf<typeof HeartbeatResponse>;
