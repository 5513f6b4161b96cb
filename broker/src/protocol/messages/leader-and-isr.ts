/**
 * The controller tells a broker which partitions it holds now, who leads them, with which epoch and ISR. A controller
 * sends it to every broker that has a replica of a partition whose state changed.
 */
import { array, bool, int16, int32, int8, message, string, struct, uuid, wideInt64 } from '../schema';
import type { MessageOf } from '../schema';

const leaderAndIsrPartitionState = {
  topicName: string({ versions: '0-1', ignorable: true }),
  partitionIndex: int32(),
  controllerEpoch: int32(),
  leader: int32(),
  leaderEpoch: int32(),
  isr: array(int32()),
  partitionEpoch: int32(),
  replicas: array(int32()),
  addingReplicas: array(int32(), { versions: '3+', ignorable: true }),
  removingReplicas: array(int32(), { versions: '3+', ignorable: true }),
  isNew: bool({ versions: '1+', default: false, ignorable: true }),
  leaderRecoveryState: int8({ versions: '6+', default: 0 }),
};

export const LeaderAndIsrRequest = message(
  'LeaderAndIsrRequest',
  { versions: '0-7', flexible: '4+' },
  {
    controllerId: int32(),
    isKRaftController: bool({ versions: '7+', default: false }),
    controllerEpoch: int32(),
    brokerEpoch: wideInt64({ versions: '2+', default: -1n, ignorable: true }),
    type: int8({ versions: '5+' }),
    ungroupedPartitionStates: array(struct(leaderAndIsrPartitionState), { versions: '0-1' }),
    topicStates: array(
      struct({
        topicName: string(),
        topicId: uuid({ versions: '5+', ignorable: true }),
        partitionStates: array(struct(leaderAndIsrPartitionState)),
      }),
      { versions: '2+' },
    ),
    liveLeaders: array(
      struct({
        brokerId: int32(),
        hostName: string(),
        port: int32(),
      }),
    ),
  },
);
export type LeaderAndIsrRequest = MessageOf<typeof LeaderAndIsrRequest>;

const leaderAndIsrPartitionError = {
  topicName: string({ versions: '0-4', ignorable: true }),
  partitionIndex: int32(),
  errorCode: int16(),
};

export const LeaderAndIsrResponse = message(
  'LeaderAndIsrResponse',
  { versions: '0-7', flexible: '4+' },
  {
    errorCode: int16(),
    partitionErrors: array(struct(leaderAndIsrPartitionError), { versions: '0-4' }),
    topics: array(
      struct({
        topicId: uuid(),
        partitionErrors: array(struct(leaderAndIsrPartitionError)),
      }),
      { versions: '5+' },
    ),
  },
);
export type LeaderAndIsrResponse = MessageOf<typeof LeaderAndIsrResponse>;
