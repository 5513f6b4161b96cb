import { Apis } from '../../protocol/api-keys';
import { apiHandler } from '../api-handler';

/** Kafka's handleHeartbeatRequest. */
export const heartbeat = apiHandler(Apis.Heartbeat, (broker, request, _context, respond) => {
  const { groupId, memberId, groupInstanceId, generationId } = request;
  respond({
    throttleTimeMs: 0,
    errorCode: broker.groups.heartbeat(groupId, memberId, groupInstanceId, generationId),
  });
});
