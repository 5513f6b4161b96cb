import { Apis } from '../../protocol/api-keys';
import { ErrorCode } from '../../protocol/errors';
import type { MetadataRequest, MetadataResponse } from '../../protocol/messages/metadata';
import { zeroUuid } from '../../protocol/uuid';
import type { PartitionMetadata, TopicMetadata } from '../../replication/metadata-cache';
import { isInternalTopic } from '../../replication/internal-topics';
import { apiHandler } from '../api-handler';
import { allOperations, operationsNotAsked } from '../authorized-operations';
import type { BrokerContext } from '../broker-context';
import { nodeEndpoints } from '../current-leader';
import { topicNameProblem } from '../topic-name';

type TopicAnswer = MetadataResponse['topics'][number];
type PartitionAnswer = TopicAnswer['partitions'][number];

/** Kafka's handleTopicMetadataRequest. */
export const metadata = apiHandler(Apis.Metadata, async (broker, request, context, respond) => {
  const { apiVersion } = context.header;
  const { listenerName } = context;
  const operations =
    apiVersion >= 8 && request.includeTopicAuthorizedOperations ? allOperations.topic : operationsNotAsked;
  const topics = isMisnamed(request, apiVersion)
    ? (request.topics ?? []).map(({ name, topicId }) => absent(name ?? '', topicId, ErrorCode.INVALID_REQUEST))
    : await topicsOf(broker, request, apiVersion, listenerName, operations);
  respond({
    brokers: nodeEndpoints(broker, [...broker.metadata.brokers.keys()], listenerName),
    clusterId: broker.clusterId,
    controllerId: broker.metadata.controllerId ?? -1,
    topics,
    ...(apiVersion >= 8 && apiVersion <= 10 && request.includeClusterAuthorizedOperations
      ? { clusterAuthorizedOperations: allOperations.cluster }
      : {}),
  });
});

/** Topics are named from version 12 on only by name or id, before by name. */
function isMisnamed({ topics }: MetadataRequest, apiVersion: number): boolean {
  return (topics ?? []).some(({ name, topicId }) =>
    apiVersion < 12 ? name === null || topicId !== zeroUuid : name === null && topicId === zeroUuid,
  );
}

async function topicsOf(
  broker: BrokerContext,
  request: MetadataRequest,
  apiVersion: number,
  listenerName: string,
  operations: number,
): Promise<TopicAnswer[]> {
  const cache = broker.metadata;
  const answer = (topic: TopicMetadata): TopicAnswer => ({
    errorCode: ErrorCode.NONE,
    name: topic.name,
    topicId: topic.topicId,
    isInternal: isInternalTopic(topic.name),
    partitions: [...topic.partitions].map(([index, partition]) =>
      partitionOf(broker, listenerName, apiVersion, index, partition),
    ),
    topicAuthorizedOperations: operations,
  });
  // In version 0 no topic stands for every topic; later that is null.
  if (request.topics === null || (apiVersion === 0 && request.topics.length === 0)) {
    return [...cache.topics.values()].map(answer);
  }
  const ids = new Set(request.topics.map(({ topicId }) => topicId).filter((id) => id !== zeroUuid));
  if (ids.size > 0) {
    return [...ids].map((id) => {
      const topic = cache.topic(cache.topicName(id) ?? '');
      return topic ? answer(topic) : absent(null, id, ErrorCode.UNKNOWN_TOPIC_ID);
    });
  }
  const names = [...new Set(request.topics.map(({ name }) => name ?? ''))];
  const errors = await absenceErrors(
    broker,
    names.filter((name) => !cache.topic(name)),
    request.allowAutoTopicCreation,
  );
  return names.map((name) => {
    const error = errors.get(name);
    const topic = error === undefined ? cache.topic(name) : undefined;
    if (topic) return answer(topic);
    return {
      ...absent(name, zeroUuid, error ?? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION),
      topicAuthorizedOperations: operations,
    };
  });
}

/** What to say about topics that are not there; they may be created. */
async function absenceErrors(
  broker: BrokerContext,
  names: readonly string[],
  allowAutoTopicCreation: boolean,
): Promise<ReadonlyMap<string, ErrorCode>> {
  if (names.length === 0) return new Map();
  if (allowAutoTopicCreation && broker.config.get('auto.create.topics.enable')) {
    const created = await broker.autoTopicCreation.create(names);
    return new Map(created.map(({ name, errorCode }) => [name, errorCode]));
  }
  return new Map(
    names.map((name) => [
      name,
      topicNameProblem(name) === undefined ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION : ErrorCode.INVALID_TOPIC_EXCEPTION,
    ]),
  );
}

function absent(name: string | null, topicId: string, errorCode: ErrorCode): TopicAnswer {
  return {
    errorCode,
    name,
    topicId,
    isInternal: name !== null && isInternalTopic(name),
    partitions: [],
    topicAuthorizedOperations: operationsNotAsked,
  };
}

/** A partition as somebody on that listener sees it (ZkMetadataCache.getPartitionMetadata). */
function partitionOf(
  { metadata: cache }: BrokerContext,
  listenerName: string,
  apiVersion: number,
  partitionIndex: number,
  { leader, leaderEpoch, replicas, isr, offlineReplicas }: PartitionMetadata,
): PartitionAnswer {
  const isReachable = (id: number): boolean => cache.brokers.get(id)?.endpoints.has(listenerName) ?? false;
  // Version 0 names only brokers that can be reached, and says that some are missing.
  const shown = (ids: readonly number[]): number[] => (apiVersion === 0 ? ids.filter(isReachable) : [...ids]);
  const replicaNodes = shown(replicas);
  const isrNodes = shown(isr);
  let errorCode: ErrorCode = ErrorCode.NONE;
  if (!isReachable(leader)) {
    // The leader is there and has no such listener: its configuration is wrong. Older clients do not know that code.
    errorCode =
      cache.brokers.has(leader) && apiVersion >= 6 ? ErrorCode.LISTENER_NOT_FOUND : ErrorCode.LEADER_NOT_AVAILABLE;
  } else if (replicaNodes.length < replicas.length || isrNodes.length < isr.length) {
    errorCode = ErrorCode.REPLICA_NOT_AVAILABLE;
  }
  return {
    errorCode,
    partitionIndex,
    leaderId: isReachable(leader) ? leader : -1,
    leaderEpoch,
    replicaNodes,
    isrNodes,
    offlineReplicas: [...offlineReplicas],
  };
}
