import { Apis } from '../../protocol/api-keys';
import { ErrorCode } from '../../protocol/errors';
import { noProducerEpoch, noProducerId } from '../../transactions/transaction-metadata';
import { apiHandler } from '../api-handler';
import { fencedError } from '../transaction-errors';

/** Kafka's handleInitProducerIdRequest: a producer id, for a transactional id with an epoch that fences earlier ones. */
export const initProducerId = apiHandler(Apis.InitProducerId, async (broker, request, context, respond) => {
  const { transactionalId, transactionTimeoutMs, producerId, producerEpoch } = request;
  const hasId = producerId !== noProducerId;
  if (hasId !== (producerEpoch !== noProducerEpoch)) {
    const errorCode = ErrorCode.INVALID_REQUEST;
    respond({ throttleTimeMs: 0, errorCode, producerId: noProducerId, producerEpoch: noProducerEpoch });
    return;
  }
  const expected = hasId ? { producerId, producerEpoch } : undefined;
  const result = await broker.transactions.initProducerId(transactionalId, transactionTimeoutMs, expected);
  const errorCode = fencedError(result.errorCode, context.header.apiVersion >= 4);
  respond({ throttleTimeMs: 0, ...result, errorCode });
});
