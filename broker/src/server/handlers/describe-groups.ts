import { Apis } from '../../protocol/api-keys';
import { ErrorCode } from '../../protocol/errors';
import { apiHandler } from '../api-handler';
import { allOperations, operationsNotAsked } from '../authorized-operations';

/** Kafka's handleDescribeGroupsRequest. */
export const describeGroups = apiHandler(Apis.DescribeGroups, (broker, request, _context, respond) => {
  respond({
    throttleTimeMs: 0,
    groups: request.groups.map((groupId) => {
      const group = broker.groups.describeGroup(groupId);
      const isTold = request.includeAuthorizedOperations && group.errorCode === ErrorCode.NONE;
      return { ...group, authorizedOperations: isTold ? allOperations.group : operationsNotAsked };
    }),
  });
});
