import { failedSync } from '../../groups/group-results';
import { Apis } from '../../protocol/api-keys';
import { ErrorCode } from '../../protocol/errors';
import { apiHandler } from '../api-handler';

/** Kafka's handleSyncGroupRequest. The answer waits for the leader's assignment. */
export const syncGroup = apiHandler(Apis.SyncGroup, (broker, request, context, respond) => {
  const namesProtocol = request.protocolType !== null && request.protocolName !== null;
  if (context.header.apiVersion >= 5 && !namesProtocol) {
    respond({ throttleTimeMs: 0, ...failedSync(ErrorCode.INCONSISTENT_GROUP_PROTOCOL) });
    return;
  }
  broker.groups.syncGroup(request, (result) => respond({ throttleTimeMs: 0, ...result }));
});
