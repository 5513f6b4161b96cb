/**
 * A transaction coordinator asks the leaders of a transaction's partitions to write its commit or abort marker.
 */
import { array, bool, int16, int32, int64, message, string, struct } from '../schema';
import type { MessageOf } from '../schema';

export const WriteTxnMarkersRequest = message(
  'WriteTxnMarkersRequest',
  { versions: '0-1', flexible: '1+' },
  {
    markers: array(
      struct({
        producerId: int64(),
        producerEpoch: int16(),
        transactionResult: bool(),
        topics: array(
          struct({
            name: string(),
            partitionIndexes: array(int32()),
          }),
        ),
        coordinatorEpoch: int32(),
      }),
    ),
  },
);
export type WriteTxnMarkersRequest = MessageOf<typeof WriteTxnMarkersRequest>;

export const WriteTxnMarkersResponse = message(
  'WriteTxnMarkersResponse',
  { versions: '0-1', flexible: '1+' },
  {
    markers: array(
      struct({
        producerId: int64(),
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
      }),
    ),
  },
);
export type WriteTxnMarkersResponse = MessageOf<typeof WriteTxnMarkersResponse>;
