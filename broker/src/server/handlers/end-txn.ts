import { Apis } from '../../protocol/api-keys';
import { apiHandler } from '../api-handler';
import { fencedError } from '../transaction-errors';

/** Kafka's handleEndTxnRequest: answered when the decision is written; its markers follow. */
export const endTxn = apiHandler(Apis.EndTxn, async (broker, request, context, respond) => {
  const { transactionalId, producerId, producerEpoch, committed } = request;
  const who = { transactionalId, producerId, producerEpoch };
  const error = await broker.transactions.endTransaction(who, committed);
  respond({ throttleTimeMs: 0, errorCode: fencedError(error, context.header.apiVersion >= 2) });
});
