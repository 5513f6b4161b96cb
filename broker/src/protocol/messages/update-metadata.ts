/**
 * The controller spreads the state of all partitions and the live brokers' endpoints to every broker; they answer
 * Metadata requests from it.
 */
import { array, bool, int16, int32, int8, message, string, struct, uuid, wideInt64 } from '../schema';
import type { MessageOf } from '../schema';

const updateMetadataPartitionState = {
  topicName: string({ versions: '0-4', ignorable: true }),
  partitionIndex: int32(),
  controllerEpoch: int32(),
  leader: int32(),
  leaderEpoch: int32(),
  isr: array(int32()),
  zkVersion: int32(),
  replicas: array(int32()),
  offlineReplicas: array(int32(), { versions: '4+', ignorable: true }),
};

export const UpdateMetadataRequest = message(
  'UpdateMetadataRequest',
  { versions: '0-8', flexible: '6+' },
  {
    controllerId: int32(),
    isKRaftController: bool({ versions: '8+', default: false }),
    type: int8({ versions: '8+', default: 0, tag: 0 }),
    controllerEpoch: int32(),
    brokerEpoch: wideInt64({ versions: '5+', default: -1n, ignorable: true }),
    ungroupedPartitionStates: array(struct(updateMetadataPartitionState), { versions: '0-4' }),
    topicStates: array(
      struct({
        topicName: string(),
        topicId: uuid({ versions: '7+', ignorable: true }),
        partitionStates: array(struct(updateMetadataPartitionState)),
      }),
      { versions: '5+' },
    ),
    liveBrokers: array(
      struct({
        id: int32(),
        v0Host: string({ versions: '0', ignorable: true }),
        v0Port: int32({ versions: '0', ignorable: true }),
        endpoints: array(
          struct({
            port: int32(),
            host: string(),
            listener: string({ versions: '3+', ignorable: true }),
            securityProtocol: int16(),
          }),
          { versions: '1+', ignorable: true },
        ),
        rack: string({ versions: '2+', nullable: true, ignorable: true }),
      }),
    ),
  },
);
export type UpdateMetadataRequest = MessageOf<typeof UpdateMetadataRequest>;

export const UpdateMetadataResponse = message(
  'UpdateMetadataResponse',
  { versions: '0-8', flexible: '6+' },
  {
    errorCode: int16(),
  },
);
export type UpdateMetadataResponse = MessageOf<typeof UpdateMetadataResponse>;
