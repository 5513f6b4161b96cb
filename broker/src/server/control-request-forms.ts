import type { LeaderAndIsrRequest, LeaderAndIsrResponse } from '../protocol/messages/leader-and-isr';
import type { StopReplicaRequest } from '../protocol/messages/stop-replica';
import type { UpdateMetadataRequest } from '../protocol/messages/update-metadata';
import type { InputOf } from '../protocol/schema';
import { zeroUuid } from '../protocol/uuid';

// A controller of an older inter.broker.protocol.version sends older forms of its requests. Here they become the newest
// form, which is the only one that the rest of the broker knows.

/** Kafka's SecurityProtocol names by their ids: what a listener was called before listeners had names. */
const securityProtocolNames = ['PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL'];

/** Before version 2 every partition names its topic. */
export function newestLeaderAndIsr(request: LeaderAndIsrRequest, version: number): LeaderAndIsrRequest {
  if (version >= 2) return request;
  return { ...request, topicStates: grouped(request.ungroupedPartitionStates), ungroupedPartitionStates: [] };
}

/** Before version 5 every partition names its topic; before 3 listeners have no names, before 1 there is only one. */
export function newestUpdateMetadata(request: UpdateMetadataRequest, version: number): UpdateMetadataRequest {
  const topicStates = version >= 5 ? request.topicStates : grouped(request.ungroupedPartitionStates);
  if (version >= 3) return { ...request, topicStates, ungroupedPartitionStates: [] };
  const liveBrokers = request.liveBrokers.map((broker) => {
    const { v0Host: host, v0Port: port } = broker;
    const endpoints = version === 0 ? [{ host, port, listener: '', securityProtocol: 0 }] : broker.endpoints;
    return {
      ...broker,
      endpoints: endpoints.map((each) => ({ ...each, listener: securityProtocolNames[each.securityProtocol] ?? '' })),
    };
  });
  return { ...request, topicStates, liveBrokers, ungroupedPartitionStates: [] };
}

/** Before version 3 there is one decision about deletion for all, and no leader epoch (-1). */
export function newestStopReplica(request: StopReplicaRequest, version: number): StopReplicaRequest {
  if (version >= 3) return request;
  const { deletePartitions: deletePartition } = request;
  const named =
    version === 0
      ? grouped(request.ungroupedPartitions).map(({ topicName, partitionStates }) => ({
          topicName,
          indexes: partitionStates.map(({ partitionIndex }) => partitionIndex),
        }))
      : request.topics.map(({ name, partitionIndexes }) => ({ topicName: name, indexes: partitionIndexes }));
  const topicStates = named.map(({ topicName, indexes }) => ({
    topicName,
    partitionStates: indexes.map((partitionIndex) => ({ partitionIndex, leaderEpoch: -1, deletePartition })),
  }));
  return { ...request, topicStates };
}

/** The answer as the version has it: from version 5 on by topic id. */
export function leaderAndIsrAnswer(
  { errorCode, partitionErrors, topics }: LeaderAndIsrResponse,
  version: number,
): InputOf<typeof LeaderAndIsrResponse> {
  return version >= 5 ? { errorCode, topics } : { errorCode, partitionErrors };
}

function grouped<P extends { readonly topicName: string }>(
  states: readonly P[],
): { topicName: string; topicId: string; partitionStates: P[] }[] {
  const byTopic = Map.groupBy(states, ({ topicName }) => topicName);
  return [...byTopic].map(([topicName, partitionStates]) => ({ topicName, topicId: zeroUuid, partitionStates }));
}
