/**
 * What consumers put into the metadata and assignment bytes of JoinGroup and SyncGroup (protocol type "consumer"), each
 * behind its 2-byte version. Brokers store the bytes; tools look inside. A reader takes a version that it does not know
 * for the newest that it knows.
 */
import { array, bytes, int32, message, string, struct } from '../schema';
import type { MessageOf } from '../schema';

export const ConsumerProtocolSubscription = message(
  'ConsumerProtocolSubscription',
  { versions: '0-3', flexible: 'none' },
  {
    topics: array(string()),
    userData: bytes({ nullable: true, default: null }),
    ownedPartitions: array(
      struct({
        topic: string(),
        partitions: array(int32()),
      }),
      { versions: '1+', ignorable: true },
    ),
    generationId: int32({ versions: '2+', default: -1, ignorable: true }),
    rackId: string({ versions: '3+', nullable: true, default: null, ignorable: true }),
  },
);
export type ConsumerProtocolSubscription = MessageOf<typeof ConsumerProtocolSubscription>;

export const ConsumerProtocolAssignment = message(
  'ConsumerProtocolAssignment',
  { versions: '0-3', flexible: 'none' },
  {
    assignedPartitions: array(
      struct({
        topic: string(),
        partitions: array(int32()),
      }),
    ),
    userData: bytes({ nullable: true, default: null }),
  },
);
export type ConsumerProtocolAssignment = MessageOf<typeof ConsumerProtocolAssignment>;
