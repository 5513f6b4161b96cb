import { Apis } from '../../protocol/api-keys';
import { apiHandler } from '../api-handler';

/** Kafka's handleListGroupsRequest: the groups that this broker coordinates. */
export const listGroups = apiHandler(Apis.ListGroups, (broker, request, _context, respond) => {
  respond({ throttleTimeMs: 0, ...broker.groups.listGroups(request.statesFilter, request.typesFilter) });
});
