/**
 * A partition's leader proposes a new ISR to the controller, which alone writes it down.
 */
import { array, int16, int32, int8, message, string, struct, uuid, wideInt64 } from '../schema';
import type { MessageOf } from '../schema';

export const AlterPartitionRequest = message(
  'AlterPartitionRequest',
  { versions: '0-3', flexible: '0+' },
  {
    brokerId: int32(),
    brokerEpoch: wideInt64({ default: -1n }),
    topics: array(
      struct({
        topicName: string({ versions: '0-1', ignorable: true }),
        topicId: uuid({ versions: '2+', ignorable: true }),
        partitions: array(
          struct({
            partitionIndex: int32(),
            leaderEpoch: int32(),
            newIsr: array(int32(), { versions: '0-2' }),
            newIsrWithEpochs: array(
              struct({
                brokerId: int32(),
                brokerEpoch: wideInt64({ default: -1n }),
              }),
              { versions: '3+' },
            ),
            leaderRecoveryState: int8({ versions: '1+', default: 0 }),
            partitionEpoch: int32(),
          }),
        ),
      }),
    ),
  },
);
export type AlterPartitionRequest = MessageOf<typeof AlterPartitionRequest>;

export const AlterPartitionResponse = message(
  'AlterPartitionResponse',
  { versions: '0-3', flexible: '0+' },
  {
    throttleTimeMs: int32(),
    errorCode: int16(),
    topics: array(
      struct({
        topicName: string({ versions: '0-1', ignorable: true }),
        topicId: uuid({ versions: '2+', ignorable: true }),
        partitions: array(
          struct({
            partitionIndex: int32(),
            errorCode: int16(),
            leaderId: int32(),
            leaderEpoch: int32(),
            isr: array(int32()),
            leaderRecoveryState: int8({ versions: '1+', default: 0, ignorable: true }),
            partitionEpoch: int32(),
          }),
        ),
      }),
    ),
  },
);
export type AlterPartitionResponse = MessageOf<typeof AlterPartitionResponse>;
