import { Apis } from '../../protocol/api-keys';
import { ErrorCode } from '../../protocol/errors';
import { apiHandler } from '../api-handler';

/** Kafka's handleUpdateFeatures (KIP-584). */
export const updateFeatures = apiHandler(Apis.UpdateFeatures, async (broker, request, { header }, respond) => {
  if (!broker.controller.isActive) {
    respond({ throttleTimeMs: 0, errorCode: ErrorCode.NOT_CONTROLLER, errorMessage: null, results: [] });
    return;
  }
  respond(await broker.controller.updateFeatures(request, header.apiVersion));
});
