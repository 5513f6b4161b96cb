import { Apis } from '../../protocol/api-keys';
import { apiHandler } from '../api-handler';

/** Kafka's handleDescribeTransactionsRequest: transactional ids that this broker coordinates. */
export const describeTransactions = apiHandler(
  Apis.DescribeTransactions,
  (broker, { transactionalIds }, _context, respond) => {
    const transactionStates = transactionalIds.map((id) => broker.transactions.describeTransaction(id));
    respond({ throttleTimeMs: 0, transactionStates });
  },
);
