/**
 * A consumer group's member, or a tool, stores the offsets that the group has got to with the group's coordinator.
 */
import { array, int16, int32, int64, message, string, struct, wideInt64 } from '../schema';
import type { MessageOf } from '../schema';

export const OffsetCommitRequest = message(
  'OffsetCommitRequest',
  { versions: '0-9', flexible: '8+' },
  {
    groupId: string(),
    generationIdOrMemberEpoch: int32({ versions: '1+', default: -1, ignorable: true }),
    memberId: string({ versions: '1+', ignorable: true }),
    groupInstanceId: string({ versions: '7+', nullable: true, default: null }),
    retentionTimeMs: wideInt64({ versions: '2-4', default: -1n, ignorable: true }),
    topics: array(
      struct({
        name: string(),
        partitions: array(
          struct({
            partitionIndex: int32(),
            committedOffset: int64(),
            committedLeaderEpoch: int32({ versions: '6+', default: -1, ignorable: true }),
            commitTimestamp: wideInt64({ versions: '1', default: -1n }),
            committedMetadata: string({ nullable: true }),
          }),
        ),
      }),
    ),
  },
);
export type OffsetCommitRequest = MessageOf<typeof OffsetCommitRequest>;

export const OffsetCommitResponse = message(
  'OffsetCommitResponse',
  { versions: '0-9', flexible: '8+' },
  {
    throttleTimeMs: int32({ versions: '3+', ignorable: true }),
    topics: array(
      struct({
        name: string(),
        partitions: array(
          struct({
            partitionIndex: int32(),
            errorCode: int16(),
          }),
        ),
      }),
    ),
  },
);
export type OffsetCommitResponse = MessageOf<typeof OffsetCommitResponse>;
