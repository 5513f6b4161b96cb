/**
 * Asks a leader for the offset that belongs to a timestamp, or to one of the special timestamps: -1 the end, -2 the
 * start, -3 the record with the largest timestamp, -4 the local start, -5 the last offset in remote storage.
 */
import { array, int16, int32, int64, int8, message, string, struct, wideInt64 } from '../schema';
import type { MessageOf } from '../schema';

export const ListOffsetsRequest = message(
  'ListOffsetsRequest',
  { versions: '0-9', flexible: '6+' },
  {
    replicaId: int32(),
    isolationLevel: int8({ versions: '2+' }),
    topics: array(
      struct({
        name: string(),
        partitions: array(
          struct({
            partitionIndex: int32(),
            currentLeaderEpoch: int32({ versions: '4+', default: -1, ignorable: true }),
            timestamp: wideInt64(),
            maxNumOffsets: int32({ versions: '0', default: 1 }),
          }),
        ),
      }),
    ),
  },
);
export type ListOffsetsRequest = MessageOf<typeof ListOffsetsRequest>;

export const ListOffsetsResponse = message(
  'ListOffsetsResponse',
  { versions: '0-9', flexible: '6+' },
  {
    throttleTimeMs: int32({ versions: '2+', ignorable: true }),
    topics: array(
      struct({
        name: string(),
        partitions: array(
          struct({
            partitionIndex: int32(),
            errorCode: int16(),
            oldStyleOffsets: array(int64(), { versions: '0' }),
            timestamp: wideInt64({ versions: '1+', default: -1n }),
            offset: int64({ versions: '1+', default: -1 }),
            leaderEpoch: int32({ versions: '4+', default: -1 }),
          }),
        ),
      }),
    ),
  },
);
export type ListOffsetsResponse = MessageOf<typeof ListOffsetsResponse>;
