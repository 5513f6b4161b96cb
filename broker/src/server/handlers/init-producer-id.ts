import { Apis } from '../../protocol/api-keys';
import { ErrorCode, KafkaError } from '../../protocol/errors';
import { apiHandler } from '../api-handler';

/** Kafka's handleInitProducerIdRequest: a fresh producer id for an idempotent producer. */
export const initProducerId = apiHandler(Apis.InitProducerId, async (broker, request, _context, respond) => {
  const fail = (errorCode: ErrorCode): void =>
    respond({ throttleTimeMs: 0, errorCode, producerId: -1, producerEpoch: -1 });
  if (request.transactionalId !== null) {
    // Transactions have no coordinator in this broker yet: COORDINATOR_NOT_AVAILABLE would be tried again for ever.
    fail(request.transactionalId === '' ? ErrorCode.INVALID_REQUEST : ErrorCode.UNSUPPORTED_VERSION);
    return;
  }
  // Both or none; an idempotent producer without transactions has nothing to fence (KIP-360).
  if ((request.producerId === -1) !== (request.producerEpoch === -1)) {
    fail(ErrorCode.INVALID_REQUEST);
    return;
  }
  try {
    const producerId = await broker.producerIds.next();
    respond({ throttleTimeMs: 0, errorCode: ErrorCode.NONE, producerId, producerEpoch: 0 });
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error;
    fail(error.code);
  }
});
