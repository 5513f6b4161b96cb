/**
 * The controller tells a broker to stop fetching some replicas, and perhaps to delete their logs.
 */
import { array, bool, int16, int32, message, string, struct, wideInt64 } from '../schema';
import type { MessageOf } from '../schema';

export const StopReplicaRequest = message(
  'StopReplicaRequest',
  { versions: '0-4', flexible: '2+' },
  {
    controllerId: int32(),
    isKRaftController: bool({ versions: '4+', default: false }),
    controllerEpoch: int32(),
    brokerEpoch: wideInt64({ versions: '1+', default: -1n, ignorable: true }),
    deletePartitions: bool({ versions: '0-2' }),
    ungroupedPartitions: array(
      struct({
        topicName: string(),
        partitionIndex: int32(),
      }),
      { versions: '0' },
    ),
    topics: array(
      struct({
        name: string(),
        partitionIndexes: array(int32()),
      }),
      { versions: '1-2' },
    ),
    topicStates: array(
      struct({
        topicName: string(),
        partitionStates: array(
          struct({
            partitionIndex: int32(),
            leaderEpoch: int32({ default: -1 }),
            deletePartition: bool(),
          }),
        ),
      }),
      { versions: '3+' },
    ),
  },
);
export type StopReplicaRequest = MessageOf<typeof StopReplicaRequest>;

export const StopReplicaResponse = message(
  'StopReplicaResponse',
  { versions: '0-4', flexible: '2+' },
  {
    errorCode: int16(),
    partitionErrors: array(
      struct({
        topicName: string(),
        partitionIndex: int32(),
        errorCode: int16(),
      }),
    ),
  },
);
export type StopReplicaResponse = MessageOf<typeof StopReplicaResponse>;
