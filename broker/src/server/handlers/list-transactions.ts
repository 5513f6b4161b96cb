import { Apis } from '../../protocol/api-keys';
import { apiHandler } from '../api-handler';

/** Kafka's handleListTransactionsRequest: what this broker coordinates, from version 1 on also by duration. */
export const listTransactions = apiHandler(Apis.ListTransactions, (broker, request, _context, respond) => {
  const { producerIdFilters, stateFilters, durationFilter } = request;
  respond({
    throttleTimeMs: 0,
    ...broker.transactions.listTransactions(producerIdFilters, stateFilters, durationFilter),
  });
});
