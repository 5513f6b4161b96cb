import { Apis } from '../../protocol/api-keys';
import { ErrorCode } from '../../protocol/errors';
import { apiError, noError, type ApiError } from '../api-error';
import { apiHandler } from '../api-handler';
import { countNames } from '../count-names';

/** Kafka's handleCreatePartitionsRequest. */
export const createPartitions = apiHandler(Apis.CreatePartitions, async (broker, request, _context, respond) => {
  const count = countNames(request.topics);
  const refusal = (name: string): ApiError | undefined => {
    if (!broker.controller.isActive) return apiError(ErrorCode.NOT_CONTROLLER);
    if (count.get(name) !== 1) return apiError(ErrorCode.INVALID_REQUEST, 'Duplicate topic in request.');
    return undefined;
  };
  const { timeoutMs, validateOnly } = request;
  const refused = new Map([...count.keys()].map((name) => [name, refusal(name)]));
  const toGrow = request.topics.filter(({ name }) => refused.get(name) === undefined);
  const results = await broker.admin.createPartitions(toGrow, { timeoutMs, validateOnly });
  respond({
    throttleTimeMs: 0,
    results: [...refused].map(([name, error]) => ({ name, ...(error ?? results.get(name) ?? noError) })),
  });
});
