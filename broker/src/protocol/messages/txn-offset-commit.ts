/**
 * A producer commits consumer offsets as part of its transaction: they count when the transaction commits.
 */
import { array, int16, int32, int64, message, string, struct } from '../schema';
import type { MessageOf } from '../schema';

export const TxnOffsetCommitRequest = message(
  'TxnOffsetCommitRequest',
  { versions: '0-4', flexible: '3+' },
  {
    transactionalId: string(),
    groupId: string(),
    producerId: int64(),
    producerEpoch: int16(),
    generationId: int32({ versions: '3+', default: -1 }),
    memberId: string({ versions: '3+', default: '' }),
    groupInstanceId: string({ versions: '3+', nullable: true, default: null }),
    topics: array(
      struct({
        name: string(),
        partitions: array(
          struct({
            partitionIndex: int32(),
            committedOffset: int64(),
            committedLeaderEpoch: int32({ versions: '2+', default: -1, ignorable: true }),
            committedMetadata: string({ nullable: true }),
          }),
        ),
      }),
    ),
  },
);
export type TxnOffsetCommitRequest = MessageOf<typeof TxnOffsetCommitRequest>;

export const TxnOffsetCommitResponse = message(
  'TxnOffsetCommitResponse',
  { versions: '0-4', flexible: '3+' },
  {
    throttleTimeMs: int32(),
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
export type TxnOffsetCommitResponse = MessageOf<typeof TxnOffsetCommitResponse>;
