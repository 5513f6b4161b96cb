import { partitionName, type TopicPartition } from '../../log/topic-partition';
import { Apis } from '../../protocol/api-keys';
import { type ErrorCode, errorName, KafkaError, ProtocolError } from '../../protocol/errors';
import { ConsumerProtocolAssignment } from '../../protocol/internal/consumer-protocol';
import { decodeVersioned } from '../../protocol/internal/versioned-record';
import type { DescribeGroupsResponse } from '../../protocol/messages/describe-groups';
import { throwIfError, type ClusterClient } from '../client/cluster-client';
import { byTopic } from '../client/offsets';
import { byCodeUnit } from '../topics/topic-filter';

export interface GroupListing {
  readonly groupId: string;
  /** Empty where the broker does not say. */
  readonly state: string;
  readonly type: string;
}

export interface GroupMember {
  readonly memberId: string;
  readonly groupInstanceId: string;
  readonly clientId: string;
  readonly host: string;
  readonly assignment: readonly TopicPartition[];
}

export interface GroupDescription {
  readonly groupId: string;
  /** Dead: there is no such group. */
  readonly state: string;
  readonly assignor: string;
  readonly coordinator: { readonly id: number; readonly host: string; readonly port: number };
  readonly members: readonly GroupMember[];
}

/** The groups of consumers on all brokers, by their ids. */
export async function listGroups(
  cluster: ClusterClient,
  states: readonly string[] = [],
  types: readonly string[] = [],
): Promise<GroupListing[]> {
  const { brokers } = await cluster.metadata([]);
  const lists = await Promise.all(
    brokers.map(({ nodeId }) =>
      cluster.retrying('ListGroups', async () => {
        const connection = await cluster.connectionTo({ broker: nodeId });
        const version = connection.versionOf(Apis.ListGroups);
        const statesFilter = version >= 4 ? [...states] : [];
        const typesFilter = version >= 5 ? [...types] : [];
        const response = await connection.send(Apis.ListGroups, version, { statesFilter, typesFilter });
        throwIfError(response.errorCode);
        return response.groups;
      }),
    ),
  );
  return lists
    .flat()
    .filter(({ protocolType }) => protocolType === 'consumer' || protocolType === '')
    .map(({ groupId, groupState, groupType }) => ({ groupId, state: groupState, type: groupType }))
    .sort((left, right) => byCodeUnit(left.groupId, right.groupId));
}

export async function describeGroup(cluster: ClusterClient, groupId: string): Promise<GroupDescription> {
  return cluster.retrying('DescribeGroups', async () => {
    const connection = await cluster.connectionTo({ group: groupId });
    const version = connection.versionOf(Apis.DescribeGroups);
    const response = await connection.send(Apis.DescribeGroups, version, { groups: [groupId] });
    const group = response.groups[0]!;
    throwIfError(group.errorCode);
    const { host, port } = connection;
    const { brokers } = await cluster.metadata([]);
    const id = brokers.find((broker) => broker.host === host && broker.port === port)?.nodeId ?? -1;
    return {
      groupId,
      state: group.groupState,
      assignor: group.protocolData,
      coordinator: { id, host, port },
      members: group.members.map((member) => described(group.protocolType, member)),
    };
  });
}

type Member = DescribeGroupsResponse['groups'][number]['members'][number];

function described(protocolType: string, member: Member): GroupMember {
  const { memberId, groupInstanceId, clientId, clientHost: host } = member;
  const assignment = protocolType === 'consumer' ? assignedPartitions(member.memberAssignment) : [];
  return { memberId, groupInstanceId: groupInstanceId ?? '', clientId, host, assignment };
}

function assignedPartitions(bytes: Buffer): TopicPartition[] {
  if (bytes.length === 0) return [];
  try {
    const { assignedPartitions } = decodeVersioned(ConsumerProtocolAssignment, bytes);
    return assignedPartitions.flatMap(({ topic, partitions }) => partitions.map((partition) => ({ topic, partition })));
  } catch (error) {
    // Members may put there what they like: then it is shown as nothing.
    if (error instanceof ProtocolError) return [];
    throw error;
  }
}

/** What became of each group: undefined, or why it is still there. */
export async function deleteGroups(
  cluster: ClusterClient,
  groupIds: readonly string[],
): Promise<Map<string, KafkaError | undefined>> {
  const outcomes = new Map<string, KafkaError | undefined>();
  for (const groupId of groupIds) {
    try {
      await cluster.request({ group: groupId }, Apis.DeleteGroups, { groupsNames: [groupId] }, ({ results }) => {
        for (const { errorCode } of results) throwIfError(errorCode);
      });
      outcomes.set(groupId, undefined);
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error;
      outcomes.set(groupId, error);
    }
  }
  return outcomes;
}

export interface NewOffset extends TopicPartition {
  readonly offset: number;
}

/** Sets a group's offsets, which must have no members. */
export async function alterOffsets(
  cluster: ClusterClient,
  groupId: string,
  offsets: readonly NewOffset[],
): Promise<void> {
  if (offsets.length === 0) return;
  const values = new Map(offsets.map((each) => [partitionName(each), each.offset]));
  const topics = [...byTopic(offsets)].map(([name, numbers]) => ({
    name,
    partitions: numbers.map((partitionIndex) => ({
      partitionIndex,
      committedOffset: values.get(partitionName({ topic: name, partition: partitionIndex }))!,
      committedMetadata: '',
    })),
  }));
  await cluster.request({ group: groupId }, Apis.OffsetCommit, { groupId, memberId: '', topics }, (response) => {
    for (const { name, partitions } of response.topics) {
      for (const { partitionIndex, errorCode } of partitions) {
        throwIfError(
          errorCode,
          `${partitionName({ topic: name, partition: partitionIndex })}: ${errorName(errorCode)}`,
        );
      }
    }
  });
}

/** What became of each partition's offset, by partitionName; rejects with what concerns the whole group. */
export async function deleteOffsets(
  cluster: ClusterClient,
  groupId: string,
  partitions: readonly TopicPartition[],
): Promise<Map<string, ErrorCode>> {
  const topics = [...byTopic(partitions)].map(([name, numbers]) => ({
    name,
    partitions: numbers.map((partitionIndex) => ({ partitionIndex })),
  }));
  return cluster.request({ group: groupId }, Apis.OffsetDelete, { groupId, topics }, (response) => {
    throwIfError(response.errorCode);
    const outcomes = new Map<string, ErrorCode>();
    for (const { name, partitions } of response.topics) {
      for (const { partitionIndex, errorCode } of partitions) {
        outcomes.set(partitionName({ topic: name, partition: partitionIndex }), errorCode as ErrorCode);
      }
    }
    return outcomes;
  });
}
