/**
 * State, protocol and members of groups, for tools.
 */
import { array, bool, bytes, int16, int32, message, string, struct } from '../schema';
import type { MessageOf } from '../schema';

export const DescribeGroupsRequest = message(
  'DescribeGroupsRequest',
  { versions: '0-5', flexible: '5+' },
  {
    groups: array(string()),
    includeAuthorizedOperations: bool({ versions: '3+' }),
  },
);
export type DescribeGroupsRequest = MessageOf<typeof DescribeGroupsRequest>;

export const DescribeGroupsResponse = message(
  'DescribeGroupsResponse',
  { versions: '0-5', flexible: '5+' },
  {
    throttleTimeMs: int32({ versions: '1+', ignorable: true }),
    groups: array(
      struct({
        errorCode: int16(),
        groupId: string(),
        groupState: string(),
        protocolType: string(),
        protocolData: string(),
        members: array(
          struct({
            memberId: string(),
            groupInstanceId: string({ versions: '4+', nullable: true, default: null, ignorable: true }),
            clientId: string(),
            clientHost: string(),
            memberMetadata: bytes(),
            memberAssignment: bytes(),
          }),
        ),
        authorizedOperations: int32({ versions: '3+', default: -2147483648 }),
      }),
    ),
  },
);
export type DescribeGroupsResponse = MessageOf<typeof DescribeGroupsResponse>;
