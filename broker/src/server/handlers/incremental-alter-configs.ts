import { Apis } from '../../protocol/api-keys';
import { apiHandler } from '../api-handler';

/** Kafka's handleIncrementalAlterConfigsRequest (KIP-339). Any broker takes it for a topic, and for itself. */
export const incrementalAlterConfigs = apiHandler(
  Apis.IncrementalAlterConfigs,
  async (broker, request, _context, respond) => {
    const responses = await broker.admin.incrementalAlterConfigs(request.resources, request.validateOnly);
    respond({ throttleTimeMs: 0, responses });
  },
);
