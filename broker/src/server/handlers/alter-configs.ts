import { Apis } from '../../protocol/api-keys';
import { apiHandler } from '../api-handler';

/** Kafka's handleAlterConfigsRequest. Any broker takes it for a topic, and for itself. */
export const alterConfigs = apiHandler(Apis.AlterConfigs, async (broker, request, _context, respond) => {
  const responses = await broker.admin.alterConfigs(request.resources, request.validateOnly);
  respond({ throttleTimeMs: 0, responses });
});
