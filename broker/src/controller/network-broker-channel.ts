import type { ClientConnection } from '../network/client-connection';
import { Apis } from '../protocol/api-keys';
import type { LeaderAndIsrResponse } from '../protocol/messages/leader-and-isr';
import type { StopReplicaResponse } from '../protocol/messages/stop-replica';
import type { UpdateMetadataResponse } from '../protocol/messages/update-metadata';
import type { BrokerChannel, LeaderAndIsrInput, StopReplicaInput, UpdateMetadataInput } from './broker-channel';
import type { ControlRequestVersions } from './control-request-versions';

/**
 * Another broker, over a connection whose versions have been negotiated. Requests are sent in the newest version that
 * both ends and the cluster's inter.broker.protocol.version have.
 */
export class NetworkBrokerChannel implements BrokerChannel {
  constructor(
    private readonly connection: ClientConnection,
    private readonly versions: ControlRequestVersions,
  ) {}

  async leaderAndIsr(request: LeaderAndIsrInput): Promise<LeaderAndIsrResponse> {
    const version = this.connection.versionOf(Apis.LeaderAndIsr, this.versions.leaderAndIsr);
    return await this.connection.send(Apis.LeaderAndIsr, version, leaderAndIsrAt(version, request));
  }

  async updateMetadata(request: UpdateMetadataInput): Promise<UpdateMetadataResponse> {
    const version = this.connection.versionOf(Apis.UpdateMetadata, this.versions.updateMetadata);
    return await this.connection.send(Apis.UpdateMetadata, version, updateMetadataAt(version, request));
  }

  async stopReplica(request: StopReplicaInput): Promise<StopReplicaResponse> {
    const version = this.connection.versionOf(Apis.StopReplica, this.versions.stopReplica);
    let answer: StopReplicaResponse = { errorCode: 0, partitionErrors: [] };
    for (const each of stopReplicaAt(version, request)) {
      const { errorCode, partitionErrors } = await this.connection.send(Apis.StopReplica, version, each);
      answer = {
        errorCode: answer.errorCode === 0 ? errorCode : answer.errorCode,
        partitionErrors: [...answer.partitionErrors, ...partitionErrors],
      };
    }
    return answer;
  }
}

/** Before version 2 partitions are not grouped by topic; before 6 there is no recovery state. */
export function leaderAndIsrAt(version: number, request: LeaderAndIsrInput): LeaderAndIsrInput {
  if (version >= 6) return request;
  const { topicStates = [], ...rest } = request;
  const grouped = topicStates.map((topic) => ({
    ...topic,
    partitionStates: (topic.partitionStates ?? []).map((state) => ({ ...state, leaderRecoveryState: 0 })),
  }));
  if (version >= 2) return { ...rest, topicStates: grouped };
  return {
    ...rest,
    ungroupedPartitionStates: grouped.flatMap(({ topicName, partitionStates }) =>
      partitionStates.map((state) => ({ ...state, topicName })),
    ),
  };
}

/** Before version 5 partitions are not grouped by topic; before 1 a broker has one plaintext endpoint. */
export function updateMetadataAt(version: number, request: UpdateMetadataInput): UpdateMetadataInput {
  if (version >= 5) return request;
  const { topicStates = [], liveBrokers = [], ...rest } = request;
  return {
    ...rest,
    ungroupedPartitionStates: topicStates.flatMap(({ topicName, partitionStates = [] }) =>
      partitionStates.map((state) => ({ ...state, topicName })),
    ),
    liveBrokers:
      version >= 1
        ? liveBrokers
        : liveBrokers.map(({ id, endpoints = [] }) => {
            const plaintext = endpoints.find(({ securityProtocol }) => securityProtocol === 0);
            return { id, v0Host: plaintext?.host ?? '', v0Port: plaintext?.port ?? -1 };
          }),
  };
}

/** Before version 3 a request either deletes all its partitions or none, and has no epochs: one becomes two. */
export function stopReplicaAt(version: number, request: StopReplicaInput): StopReplicaInput[] {
  if (version >= 3) return [request];
  const { topicStates = [], ...rest } = request;
  return [true, false].flatMap((deletePartitions): StopReplicaInput[] => {
    const topics = topicStates.flatMap(({ topicName, partitionStates = [] }) => {
      const partitionIndexes = partitionStates
        .filter(({ deletePartition }) => deletePartition === deletePartitions)
        .map(({ partitionIndex }) => partitionIndex);
      return partitionIndexes.length > 0 ? [{ name: topicName, partitionIndexes }] : [];
    });
    if (topics.length === 0) return [];
    if (version >= 1) return [{ ...rest, deletePartitions, topics }];
    const ungroupedPartitions = topics.flatMap(({ name, partitionIndexes }) =>
      partitionIndexes.map((partitionIndex) => ({ topicName: name, partitionIndex })),
    );
    return [{ ...rest, deletePartitions, ungroupedPartitions }];
  });
}
