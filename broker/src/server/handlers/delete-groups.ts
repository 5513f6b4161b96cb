import { Apis } from '../../protocol/api-keys';
import { apiHandler } from '../api-handler';

/** Kafka's handleDeleteGroupsRequest. */
export const deleteGroups = apiHandler(Apis.DeleteGroups, (broker, request, _context, respond) => {
  const groupIds = [...new Set(request.groupsNames)];
  respond({
    throttleTimeMs: 0,
    results: groupIds.map((groupId) => ({ groupId, errorCode: broker.groups.deleteGroup(groupId) })),
  });
});
