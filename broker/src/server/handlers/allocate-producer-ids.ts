import { Apis } from '../../protocol/api-keys';
import { ErrorCode } from '../../protocol/errors';
import { apiHandler } from '../api-handler';

/** Kafka's handleAllocateProducerIdsRequest: a broker asks for a block of producer ids. */
export const allocateProducerIds = apiHandler(Apis.AllocateProducerIds, async (broker, request, _context, respond) => {
  if (!broker.controller.isActive) {
    const errorCode = ErrorCode.NOT_CONTROLLER;
    respond({ throttleTimeMs: 0, errorCode, producerIdStart: 0, producerIdLen: 0 });
    return;
  }
  respond(await broker.controller.allocateProducerIds(request));
});
