/**
 * A member, or from version 3 a tool for several members, leaves a group without waiting for a session timeout.
 */
import { array, int16, int32, message, string, struct } from '../schema';
import type { MessageOf } from '../schema';

export const LeaveGroupRequest = message(
  'LeaveGroupRequest',
  { versions: '0-5', flexible: '4+' },
  {
    groupId: string(),
    memberId: string({ versions: '0-2' }),
    members: array(
      struct({
        memberId: string(),
        groupInstanceId: string({ nullable: true, default: null }),
        reason: string({ versions: '5+', nullable: true, default: null, ignorable: true }),
      }),
      { versions: '3+' },
    ),
  },
);
export type LeaveGroupRequest = MessageOf<typeof LeaveGroupRequest>;

export const LeaveGroupResponse = message(
  'LeaveGroupResponse',
  { versions: '0-5', flexible: '4+' },
  {
    throttleTimeMs: int32({ versions: '1+', ignorable: true }),
    errorCode: int16(),
    members: array(
      struct({
        memberId: string(),
        groupInstanceId: string({ nullable: true }),
        errorCode: int16(),
      }),
      { versions: '3+' },
    ),
  },
);
export type LeaveGroupResponse = MessageOf<typeof LeaveGroupResponse>;
