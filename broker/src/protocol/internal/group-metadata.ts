/**
 * Records of __consumer_offsets that hold a group with its members: key version 2. A null value deletes the group.
 */
import { array, bytes, int32, int64, message, string, struct } from '../schema';
import type { MessageOf } from '../schema';

export const GroupMetadataKey = message(
  'GroupMetadataKey',
  { versions: '2', flexible: 'none' },
  {
    group: string(),
  },
);
export type GroupMetadataKey = MessageOf<typeof GroupMetadataKey>;

const memberMetadata = {
  memberId: string(),
  groupInstanceId: string({ versions: '3+', nullable: true, default: null, ignorable: true }),
  clientId: string(),
  clientHost: string(),
  rebalanceTimeout: int32({ versions: '1+', default: -1, ignorable: true }),
  sessionTimeout: int32(),
  subscription: bytes(),
  assignment: bytes(),
};

export const GroupMetadataValue = message(
  'GroupMetadataValue',
  { versions: '0-4', flexible: '4+' },
  {
    protocolType: string(),
    generation: int32(),
    protocol: string({ nullable: true }),
    leader: string({ nullable: true }),
    currentStateTimestamp: int64({ versions: '2+', default: -1, ignorable: true }),
    members: array(struct(memberMetadata)),
  },
);
export type GroupMetadataValue = MessageOf<typeof GroupMetadataValue>;
