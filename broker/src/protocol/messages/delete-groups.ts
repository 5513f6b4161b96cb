/**
 * An admin client deletes groups that have no members, with their offsets.
 */
import { array, int16, int32, message, string, struct } from '../schema';
import type { MessageOf } from '../schema';

export const DeleteGroupsRequest = message(
  'DeleteGroupsRequest',
  { versions: '0-2', flexible: '2+' },
  {
    groupsNames: array(string()),
  },
);
export type DeleteGroupsRequest = MessageOf<typeof DeleteGroupsRequest>;

export const DeleteGroupsResponse = message(
  'DeleteGroupsResponse',
  { versions: '0-2', flexible: '2+' },
  {
    throttleTimeMs: int32(),
    results: array(
      struct({
        groupId: string(),
        errorCode: int16(),
      }),
    ),
  },
);
export type DeleteGroupsResponse = MessageOf<typeof DeleteGroupsResponse>;
