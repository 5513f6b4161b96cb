import type { MessageSchema } from './schema';
import { ProduceRequest, ProduceResponse } from './messages/produce';
import { FetchRequest, FetchResponse } from './messages/fetch';
import { ListOffsetsRequest, ListOffsetsResponse } from './messages/list-offsets';
import { MetadataRequest, MetadataResponse } from './messages/metadata';
import { LeaderAndIsrRequest, LeaderAndIsrResponse } from './messages/leader-and-isr';
import { StopReplicaRequest, StopReplicaResponse } from './messages/stop-replica';
import { UpdateMetadataRequest, UpdateMetadataResponse } from './messages/update-metadata';
import { ControlledShutdownRequest, ControlledShutdownResponse } from './messages/controlled-shutdown';
import { OffsetCommitRequest, OffsetCommitResponse } from './messages/offset-commit';
import { OffsetFetchRequest, OffsetFetchResponse } from './messages/offset-fetch';
import { FindCoordinatorRequest, FindCoordinatorResponse } from './messages/find-coordinator';
import { JoinGroupRequest, JoinGroupResponse } from './messages/join-group';
import { HeartbeatRequest, HeartbeatResponse } from './messages/heartbeat';
import { LeaveGroupRequest, LeaveGroupResponse } from './messages/leave-group';
import { SyncGroupRequest, SyncGroupResponse } from './messages/sync-group';
import { DescribeGroupsRequest, DescribeGroupsResponse } from './messages/describe-groups';
import { ListGroupsRequest, ListGroupsResponse } from './messages/list-groups';
import { SaslHandshakeRequest, SaslHandshakeResponse } from './messages/sasl-handshake';
import { ApiVersionsRequest, ApiVersionsResponse } from './messages/api-versions';
import { CreateTopicsRequest, CreateTopicsResponse } from './messages/create-topics';
import { DeleteTopicsRequest, DeleteTopicsResponse } from './messages/delete-topics';
import { DeleteRecordsRequest, DeleteRecordsResponse } from './messages/delete-records';
import { InitProducerIdRequest, InitProducerIdResponse } from './messages/init-producer-id';
import { OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse } from './messages/offset-for-leader-epoch';
import { AddPartitionsToTxnRequest, AddPartitionsToTxnResponse } from './messages/add-partitions-to-txn';
import { AddOffsetsToTxnRequest, AddOffsetsToTxnResponse } from './messages/add-offsets-to-txn';
import { EndTxnRequest, EndTxnResponse } from './messages/end-txn';
import { WriteTxnMarkersRequest, WriteTxnMarkersResponse } from './messages/write-txn-markers';
import { TxnOffsetCommitRequest, TxnOffsetCommitResponse } from './messages/txn-offset-commit';
import { DescribeAclsRequest, DescribeAclsResponse } from './messages/describe-acls';
import { CreateAclsRequest, CreateAclsResponse } from './messages/create-acls';
import { DeleteAclsRequest, DeleteAclsResponse } from './messages/delete-acls';
import { DescribeConfigsRequest, DescribeConfigsResponse } from './messages/describe-configs';
import { AlterConfigsRequest, AlterConfigsResponse } from './messages/alter-configs';
import { AlterReplicaLogDirsRequest, AlterReplicaLogDirsResponse } from './messages/alter-replica-log-dirs';
import { DescribeLogDirsRequest, DescribeLogDirsResponse } from './messages/describe-log-dirs';
import { SaslAuthenticateRequest, SaslAuthenticateResponse } from './messages/sasl-authenticate';
import { CreatePartitionsRequest, CreatePartitionsResponse } from './messages/create-partitions';
import { CreateDelegationTokenRequest, CreateDelegationTokenResponse } from './messages/create-delegation-token';
import { RenewDelegationTokenRequest, RenewDelegationTokenResponse } from './messages/renew-delegation-token';
import { ExpireDelegationTokenRequest, ExpireDelegationTokenResponse } from './messages/expire-delegation-token';
import { DescribeDelegationTokenRequest, DescribeDelegationTokenResponse } from './messages/describe-delegation-token';
import { DeleteGroupsRequest, DeleteGroupsResponse } from './messages/delete-groups';
import { ElectLeadersRequest, ElectLeadersResponse } from './messages/elect-leaders';
import { IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse } from './messages/incremental-alter-configs';
import {
  AlterPartitionReassignmentsRequest,
  AlterPartitionReassignmentsResponse,
} from './messages/alter-partition-reassignments';
import {
  ListPartitionReassignmentsRequest,
  ListPartitionReassignmentsResponse,
} from './messages/list-partition-reassignments';
import { OffsetDeleteRequest, OffsetDeleteResponse } from './messages/offset-delete';
import { DescribeClientQuotasRequest, DescribeClientQuotasResponse } from './messages/describe-client-quotas';
import { AlterClientQuotasRequest, AlterClientQuotasResponse } from './messages/alter-client-quotas';
import {
  DescribeUserScramCredentialsRequest,
  DescribeUserScramCredentialsResponse,
} from './messages/describe-user-scram-credentials';
import {
  AlterUserScramCredentialsRequest,
  AlterUserScramCredentialsResponse,
} from './messages/alter-user-scram-credentials';
import { AlterPartitionRequest, AlterPartitionResponse } from './messages/alter-partition';
import { UpdateFeaturesRequest, UpdateFeaturesResponse } from './messages/update-features';
import { EnvelopeRequest, EnvelopeResponse } from './messages/envelope';
import { DescribeClusterRequest, DescribeClusterResponse } from './messages/describe-cluster';
import { DescribeProducersRequest, DescribeProducersResponse } from './messages/describe-producers';
import { DescribeTransactionsRequest, DescribeTransactionsResponse } from './messages/describe-transactions';
import { ListTransactionsRequest, ListTransactionsResponse } from './messages/list-transactions';
import { AllocateProducerIdsRequest, AllocateProducerIdsResponse } from './messages/allocate-producer-ids';
import { ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse } from './messages/consumer-group-heartbeat';
import { ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse } from './messages/consumer-group-describe';

/** The API keys that a broker of a ZooKeeper cluster serves, by Kafka's names. */
export const ApiKey = {
  Produce: 0,
  Fetch: 1,
  ListOffsets: 2,
  Metadata: 3,
  LeaderAndIsr: 4,
  StopReplica: 5,
  UpdateMetadata: 6,
  ControlledShutdown: 7,
  OffsetCommit: 8,
  OffsetFetch: 9,
  FindCoordinator: 10,
  JoinGroup: 11,
  Heartbeat: 12,
  LeaveGroup: 13,
  SyncGroup: 14,
  DescribeGroups: 15,
  ListGroups: 16,
  SaslHandshake: 17,
  ApiVersions: 18,
  CreateTopics: 19,
  DeleteTopics: 20,
  DeleteRecords: 21,
  InitProducerId: 22,
  OffsetForLeaderEpoch: 23,
  AddPartitionsToTxn: 24,
  AddOffsetsToTxn: 25,
  EndTxn: 26,
  WriteTxnMarkers: 27,
  TxnOffsetCommit: 28,
  DescribeAcls: 29,
  CreateAcls: 30,
  DeleteAcls: 31,
  DescribeConfigs: 32,
  AlterConfigs: 33,
  AlterReplicaLogDirs: 34,
  DescribeLogDirs: 35,
  SaslAuthenticate: 36,
  CreatePartitions: 37,
  CreateDelegationToken: 38,
  RenewDelegationToken: 39,
  ExpireDelegationToken: 40,
  DescribeDelegationToken: 41,
  DeleteGroups: 42,
  ElectLeaders: 43,
  IncrementalAlterConfigs: 44,
  AlterPartitionReassignments: 45,
  ListPartitionReassignments: 46,
  OffsetDelete: 47,
  DescribeClientQuotas: 48,
  AlterClientQuotas: 49,
  DescribeUserScramCredentials: 50,
  AlterUserScramCredentials: 51,
  AlterPartition: 56,
  UpdateFeatures: 57,
  Envelope: 58,
  DescribeCluster: 60,
  DescribeProducers: 61,
  DescribeTransactions: 65,
  ListTransactions: 66,
  AllocateProducerIds: 67,
  ConsumerGroupHeartbeat: 68,
  ConsumerGroupDescribe: 69,
} as const;
export type ApiKeyName = keyof typeof ApiKey;
export type ApiKey = (typeof ApiKey)[ApiKeyName];

/** A request and its response. Both have the same versions, and turn flexible in the same one. */
export interface Api<Q extends MessageSchema = MessageSchema, R extends MessageSchema = MessageSchema> {
  readonly key: ApiKey;
  readonly name: ApiKeyName;
  readonly request: Q;
  readonly response: R;
  readonly minVersion: number;
  readonly maxVersion: number;
  /** Infinity if no version is flexible. */
  readonly firstFlexibleVersion: number;
}

function api<Q extends MessageSchema, R extends MessageSchema>(name: ApiKeyName, request: Q, response: R): Api<Q, R> {
  const { minVersion, maxVersion, firstFlexibleVersion } = request;
  return { key: ApiKey[name], name, request, response, minVersion, maxVersion, firstFlexibleVersion };
}

/** By name, with their schemas' types: `Apis.Fetch` is what a client sends a Fetch with. */
export const Apis = {
  Produce: api('Produce', ProduceRequest, ProduceResponse),
  Fetch: api('Fetch', FetchRequest, FetchResponse),
  ListOffsets: api('ListOffsets', ListOffsetsRequest, ListOffsetsResponse),
  Metadata: api('Metadata', MetadataRequest, MetadataResponse),
  LeaderAndIsr: api('LeaderAndIsr', LeaderAndIsrRequest, LeaderAndIsrResponse),
  StopReplica: api('StopReplica', StopReplicaRequest, StopReplicaResponse),
  UpdateMetadata: api('UpdateMetadata', UpdateMetadataRequest, UpdateMetadataResponse),
  ControlledShutdown: api('ControlledShutdown', ControlledShutdownRequest, ControlledShutdownResponse),
  OffsetCommit: api('OffsetCommit', OffsetCommitRequest, OffsetCommitResponse),
  OffsetFetch: api('OffsetFetch', OffsetFetchRequest, OffsetFetchResponse),
  FindCoordinator: api('FindCoordinator', FindCoordinatorRequest, FindCoordinatorResponse),
  JoinGroup: api('JoinGroup', JoinGroupRequest, JoinGroupResponse),
  Heartbeat: api('Heartbeat', HeartbeatRequest, HeartbeatResponse),
  LeaveGroup: api('LeaveGroup', LeaveGroupRequest, LeaveGroupResponse),
  SyncGroup: api('SyncGroup', SyncGroupRequest, SyncGroupResponse),
  DescribeGroups: api('DescribeGroups', DescribeGroupsRequest, DescribeGroupsResponse),
  ListGroups: api('ListGroups', ListGroupsRequest, ListGroupsResponse),
  SaslHandshake: api('SaslHandshake', SaslHandshakeRequest, SaslHandshakeResponse),
  ApiVersions: api('ApiVersions', ApiVersionsRequest, ApiVersionsResponse),
  CreateTopics: api('CreateTopics', CreateTopicsRequest, CreateTopicsResponse),
  DeleteTopics: api('DeleteTopics', DeleteTopicsRequest, DeleteTopicsResponse),
  DeleteRecords: api('DeleteRecords', DeleteRecordsRequest, DeleteRecordsResponse),
  InitProducerId: api('InitProducerId', InitProducerIdRequest, InitProducerIdResponse),
  OffsetForLeaderEpoch: api('OffsetForLeaderEpoch', OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse),
  AddPartitionsToTxn: api('AddPartitionsToTxn', AddPartitionsToTxnRequest, AddPartitionsToTxnResponse),
  AddOffsetsToTxn: api('AddOffsetsToTxn', AddOffsetsToTxnRequest, AddOffsetsToTxnResponse),
  EndTxn: api('EndTxn', EndTxnRequest, EndTxnResponse),
  WriteTxnMarkers: api('WriteTxnMarkers', WriteTxnMarkersRequest, WriteTxnMarkersResponse),
  TxnOffsetCommit: api('TxnOffsetCommit', TxnOffsetCommitRequest, TxnOffsetCommitResponse),
  DescribeAcls: api('DescribeAcls', DescribeAclsRequest, DescribeAclsResponse),
  CreateAcls: api('CreateAcls', CreateAclsRequest, CreateAclsResponse),
  DeleteAcls: api('DeleteAcls', DeleteAclsRequest, DeleteAclsResponse),
  DescribeConfigs: api('DescribeConfigs', DescribeConfigsRequest, DescribeConfigsResponse),
  AlterConfigs: api('AlterConfigs', AlterConfigsRequest, AlterConfigsResponse),
  AlterReplicaLogDirs: api('AlterReplicaLogDirs', AlterReplicaLogDirsRequest, AlterReplicaLogDirsResponse),
  DescribeLogDirs: api('DescribeLogDirs', DescribeLogDirsRequest, DescribeLogDirsResponse),
  SaslAuthenticate: api('SaslAuthenticate', SaslAuthenticateRequest, SaslAuthenticateResponse),
  CreatePartitions: api('CreatePartitions', CreatePartitionsRequest, CreatePartitionsResponse),
  CreateDelegationToken: api('CreateDelegationToken', CreateDelegationTokenRequest, CreateDelegationTokenResponse),
  RenewDelegationToken: api('RenewDelegationToken', RenewDelegationTokenRequest, RenewDelegationTokenResponse),
  ExpireDelegationToken: api('ExpireDelegationToken', ExpireDelegationTokenRequest, ExpireDelegationTokenResponse),
  DescribeDelegationToken: api(
    'DescribeDelegationToken',
    DescribeDelegationTokenRequest,
    DescribeDelegationTokenResponse,
  ),
  DeleteGroups: api('DeleteGroups', DeleteGroupsRequest, DeleteGroupsResponse),
  ElectLeaders: api('ElectLeaders', ElectLeadersRequest, ElectLeadersResponse),
  IncrementalAlterConfigs: api(
    'IncrementalAlterConfigs',
    IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse,
  ),
  AlterPartitionReassignments: api(
    'AlterPartitionReassignments',
    AlterPartitionReassignmentsRequest,
    AlterPartitionReassignmentsResponse,
  ),
  ListPartitionReassignments: api(
    'ListPartitionReassignments',
    ListPartitionReassignmentsRequest,
    ListPartitionReassignmentsResponse,
  ),
  OffsetDelete: api('OffsetDelete', OffsetDeleteRequest, OffsetDeleteResponse),
  DescribeClientQuotas: api('DescribeClientQuotas', DescribeClientQuotasRequest, DescribeClientQuotasResponse),
  AlterClientQuotas: api('AlterClientQuotas', AlterClientQuotasRequest, AlterClientQuotasResponse),
  DescribeUserScramCredentials: api(
    'DescribeUserScramCredentials',
    DescribeUserScramCredentialsRequest,
    DescribeUserScramCredentialsResponse,
  ),
  AlterUserScramCredentials: api(
    'AlterUserScramCredentials',
    AlterUserScramCredentialsRequest,
    AlterUserScramCredentialsResponse,
  ),
  AlterPartition: api('AlterPartition', AlterPartitionRequest, AlterPartitionResponse),
  UpdateFeatures: api('UpdateFeatures', UpdateFeaturesRequest, UpdateFeaturesResponse),
  Envelope: api('Envelope', EnvelopeRequest, EnvelopeResponse),
  DescribeCluster: api('DescribeCluster', DescribeClusterRequest, DescribeClusterResponse),
  DescribeProducers: api('DescribeProducers', DescribeProducersRequest, DescribeProducersResponse),
  DescribeTransactions: api('DescribeTransactions', DescribeTransactionsRequest, DescribeTransactionsResponse),
  ListTransactions: api('ListTransactions', ListTransactionsRequest, ListTransactionsResponse),
  AllocateProducerIds: api('AllocateProducerIds', AllocateProducerIdsRequest, AllocateProducerIdsResponse),
  ConsumerGroupHeartbeat: api('ConsumerGroupHeartbeat', ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse),
  ConsumerGroupDescribe: api('ConsumerGroupDescribe', ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse),
} as const satisfies Record<ApiKeyName, Api>;

/** By key. An unknown key is not in it. */
export const apis: ReadonlyMap<number, Api> = new Map(Object.values(Apis).map((each: Api) => [each.key, each]));
