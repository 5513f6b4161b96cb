import { Apis } from '../../protocol/api-keys';
import { ErrorCode } from '../../protocol/errors';
import { zeroUuid } from '../../protocol/uuid';
import type { CreatedTopic } from '../admin-manager';
import { apiError, type ApiError } from '../api-error';
import { apiHandler } from '../api-handler';
import { countNames } from '../count-names';
import { clusterMetadataTopic } from '../topic-name';

/** Kafka's handleCreateTopicsRequest. */
export const createTopics = apiHandler(Apis.CreateTopics, async (broker, request, _context, respond) => {
  const count = countNames(request.topics);
  const refusal = (name: string): ApiError | undefined => {
    if (!broker.controller.isActive) return apiError(ErrorCode.NOT_CONTROLLER);
    if (name === clusterMetadataTopic) {
      return apiError(ErrorCode.INVALID_REQUEST, `Creation of internal topic ${name} is prohibited.`);
    }
    if (count.get(name) !== 1) return apiError(ErrorCode.INVALID_REQUEST, 'Found multiple entries for this topic.');
    return undefined;
  };
  const { timeoutMs, validateOnly } = request;
  const toCreate = request.topics.filter(({ name }) => refusal(name) === undefined);
  const results = new Map<string, CreatedTopic>();
  for (const result of await broker.admin.createTopics(toCreate, { timeoutMs, validateOnly })) {
    results.set(result.name, result);
  }
  respond({
    topics: request.topics.map(({ name }) => {
      const result = results.get(name);
      if (!result) return { name, ...(refusal(name) ?? apiError(ErrorCode.NOT_CONTROLLER)), configs: [] };
      return {
        name,
        topicId: result.topicId ?? zeroUuid,
        errorCode: result.errorCode,
        errorMessage: result.errorMessage,
        numPartitions: result.numPartitions,
        replicationFactor: result.replicationFactor,
        configs: result.configs.map((entry) => ({
          name: entry.name,
          value: entry.value,
          readOnly: entry.readOnly,
          configSource: entry.source,
          isSensitive: entry.isSensitive,
        })),
      };
    }),
  });
});
