import { Apis } from '../../protocol/api-keys';
import { ErrorCode } from '../../protocol/errors';
import { zeroUuid } from '../../protocol/uuid';
import { apiError, noError, type ApiError } from '../api-error';
import { apiHandler } from '../api-handler';

interface Answer {
  readonly name: string | null;
  readonly topicId: string;
  readonly refused: ApiError | undefined;
}

/** Kafka's handleDeleteTopicsRequest. */
export const deleteTopics = apiHandler(Apis.DeleteTopics, async (broker, request, context, respond) => {
  const { apiVersion } = context.header;
  const { metadata } = broker;
  const asked = apiVersion >= 6 ? request.topics : request.topicNames.map((name) => ({ name, topicId: zeroUuid }));

  const refuseAll = (): ApiError | undefined => {
    if (!broker.controller.isActive) return apiError(ErrorCode.NOT_CONTROLLER);
    if (!broker.config.get('delete.topic.enable')) {
      // Clients of older versions do not know the code.
      return apiError(apiVersion < 3 ? ErrorCode.INVALID_REQUEST : ErrorCode.TOPIC_DELETION_DISABLED);
    }
    if (asked.some(({ name, topicId }) => name !== null && topicId !== zeroUuid)) {
      return apiError(ErrorCode.INVALID_REQUEST, 'Topic name and topic ID can not both be specified.');
    }
    if (asked.some(({ name, topicId }) => name === null && topicId === zeroUuid)) {
      return apiError(ErrorCode.INVALID_REQUEST, 'A topic needs a name or an ID.');
    }
    return undefined;
  };
  const refused = refuseAll();
  const answers = asked.map(({ name, topicId }): Answer => {
    if (refused) return { name, topicId, refused };
    const resolved = name ?? metadata.topicName(topicId) ?? null;
    if (resolved === null) return { name: null, topicId, refused: apiError(ErrorCode.UNKNOWN_TOPIC_ID) };
    const known = metadata.topic(resolved) !== undefined;
    return { name: resolved, topicId, refused: known ? undefined : apiError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION) };
  });
  const toDelete = answers.flatMap(({ name, refused: error }) => (name === null || error ? [] : [name]));
  const results =
    toDelete.length === 0 ? new Map<string, ApiError>() : await broker.admin.deleteTopics(toDelete, request.timeoutMs);
  respond({
    responses: answers.map(({ name, topicId, refused: error }) => ({
      // Before version 6 there is always a name.
      name,
      topicId,
      ...(error ?? results.get(name ?? '') ?? noError),
    })),
  });
});
