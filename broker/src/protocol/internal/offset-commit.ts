/**
 * Records of __consumer_offsets that hold a committed offset: key versions 0 and 1. A null value deletes the offset.
 */
import { int32, int64, message, string, wideInt64 } from '../schema';
import type { MessageOf } from '../schema';

export const OffsetCommitKey = message(
  'OffsetCommitKey',
  { versions: '0-1', flexible: 'none' },
  {
    group: string(),
    topic: string(),
    partition: int32(),
  },
);
export type OffsetCommitKey = MessageOf<typeof OffsetCommitKey>;

export const OffsetCommitValue = message(
  'OffsetCommitValue',
  { versions: '0-4', flexible: '4+' },
  {
    offset: int64(),
    leaderEpoch: int32({ versions: '3+', default: -1, ignorable: true }),
    metadata: string(),
    commitTimestamp: wideInt64(),
    expireTimestamp: wideInt64({ versions: '1', default: -1n, ignorable: true }),
  },
);
export type OffsetCommitValue = MessageOf<typeof OffsetCommitValue>;
