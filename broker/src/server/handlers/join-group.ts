import { Apis } from '../../protocol/api-keys';
import { apiHandler } from '../api-handler';

/** Kafka's handleJoinGroupRequest. The answer waits until the group's members have gathered. */
export const joinGroup = apiHandler(Apis.JoinGroup, (broker, request, context, respond) => {
  const { apiVersion, clientId } = context.header;
  broker.groups.joinGroup(
    {
      groupId: request.groupId,
      memberId: request.memberId,
      groupInstanceId: request.groupInstanceId,
      requireKnownMemberId: apiVersion >= 4 && request.groupInstanceId === null,
      supportsSkippingAssignment: apiVersion >= 9,
      clientId: clientId ?? '',
      clientHost: `/${context.clientHost}`,
      // Version 0 has one timeout for both.
      rebalanceTimeoutMs: apiVersion === 0 ? request.sessionTimeoutMs : request.rebalanceTimeoutMs,
      sessionTimeoutMs: request.sessionTimeoutMs,
      protocolType: request.protocolType,
      protocols: request.protocols,
      reason: request.reason,
    },
    ({ protocolName, ...result }) =>
      respond({
        throttleTimeMs: 0,
        ...result,
        protocolName: apiVersion >= 7 ? protocolName || null : (protocolName ?? ''),
      }),
  );
});
