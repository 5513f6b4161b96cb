import type { ApiHandler } from '../api-handler';
import { addOffsetsToTxn } from './add-offsets-to-txn';
import { addPartitionsToTxn } from './add-partitions-to-txn';
import { allocateProducerIds } from './allocate-producer-ids';
import { alterConfigs } from './alter-configs';
import { alterPartition } from './alter-partition';
import { alterPartitionReassignments } from './alter-partition-reassignments';
import { alterReplicaLogDirs } from './alter-replica-log-dirs';
import { apiVersions } from './api-versions';
import { controlledShutdown } from './controlled-shutdown';
import { createPartitions } from './create-partitions';
import { createTopics } from './create-topics';
import { deleteGroups } from './delete-groups';
import { deleteRecords } from './delete-records';
import { deleteTopics } from './delete-topics';
import { describeCluster } from './describe-cluster';
import { describeConfigs } from './describe-configs';
import { describeGroups } from './describe-groups';
import { describeLogDirs } from './describe-log-dirs';
import { describeProducers } from './describe-producers';
import { describeTransactions } from './describe-transactions';
import { electLeaders } from './elect-leaders';
import { endTxn } from './end-txn';
import { envelope } from './envelope';
import { fetch } from './fetch';
import { findCoordinator } from './find-coordinator';
import { heartbeat } from './heartbeat';
import { incrementalAlterConfigs } from './incremental-alter-configs';
import { initProducerId } from './init-producer-id';
import { joinGroup } from './join-group';
import { leaderAndIsr } from './leader-and-isr';
import { leaveGroup } from './leave-group';
import { listGroups } from './list-groups';
import { listOffsets } from './list-offsets';
import { listPartitionReassignments } from './list-partition-reassignments';
import { listTransactions } from './list-transactions';
import { metadata } from './metadata';
import { offsetCommit } from './offset-commit';
import { offsetDelete } from './offset-delete';
import { offsetFetch } from './offset-fetch';
import { offsetForLeaderEpoch } from './offset-for-leader-epoch';
import { produce } from './produce';
import { stopReplica } from './stop-replica';
import { syncGroup } from './sync-group';
import { txnOffsetCommit } from './txn-offset-commit';
import { updateFeatures } from './update-features';
import { updateMetadata } from './update-metadata';
import { writeTxnMarkers } from './write-txn-markers';

/** Everything that this broker answers; ApiVersions tells clients exactly these. */
export const handlers: readonly ApiHandler[] = [
  apiVersions,
  metadata,
  produce,
  fetch,
  listOffsets,
  initProducerId,
  deleteRecords,
  offsetForLeaderEpoch,
  createTopics,
  deleteTopics,
  createPartitions,
  describeConfigs,
  alterConfigs,
  incrementalAlterConfigs,
  describeCluster,
  describeLogDirs,
  alterReplicaLogDirs,
  findCoordinator,
  joinGroup,
  syncGroup,
  heartbeat,
  leaveGroup,
  offsetCommit,
  offsetFetch,
  offsetDelete,
  listGroups,
  describeGroups,
  deleteGroups,
  leaderAndIsr,
  stopReplica,
  updateMetadata,
  controlledShutdown,
  alterPartition,
  allocateProducerIds,
  electLeaders,
  alterPartitionReassignments,
  listPartitionReassignments,
  updateFeatures,
  addPartitionsToTxn,
  addOffsetsToTxn,
  txnOffsetCommit,
  endTxn,
  writeTxnMarkers,
  describeProducers,
  describeTransactions,
  listTransactions,
  envelope,
];
