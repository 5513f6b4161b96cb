import { Apis } from '../../protocol/api-keys';
import { apiHandler } from '../api-handler';

/** Kafka's handleLeaveGroupRequest. Before version 3 one member leaves, and its error is the whole answer's. */
export const leaveGroup = apiHandler(Apis.LeaveGroup, (broker, request, context, respond) => {
  const isBatch = context.header.apiVersion >= 3;
  const leaving = isBatch ? request.members : [{ memberId: request.memberId, groupInstanceId: null, reason: null }];
  const { errorCode, members } = broker.groups.leaveGroup(request.groupId, leaving);
  respond(
    isBatch
      ? { throttleTimeMs: 0, errorCode, members }
      : { throttleTimeMs: 0, errorCode: errorCode || (members.at(0)?.errorCode ?? 0) },
  );
});
