import { Apis } from '../../protocol/api-keys';
import { ErrorCode } from '../../protocol/errors';
import { apiHandler } from '../api-handler';

/** Kafka's handleAlterPartitionRequest: a leader asks for another ISR. */
export const alterPartition = apiHandler(Apis.AlterPartition, async (broker, request, { header }, respond) => {
  if (!broker.controller.isActive) {
    respond({ throttleTimeMs: 0, errorCode: ErrorCode.NOT_CONTROLLER, topics: [] });
    return;
  }
  respond(await broker.controller.alterPartition(request, header.apiVersion));
});
