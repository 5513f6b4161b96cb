/**
 * A broker's log directories with their space, and the size of the replicas in them.
 */
import { array, bool, int16, int32, int64, message, string, struct, wideInt64 } from '../schema';
import type { MessageOf } from '../schema';

export const DescribeLogDirsRequest = message(
  'DescribeLogDirsRequest',
  { versions: '0-4', flexible: '2+' },
  {
    topics: array(
      struct({
        topic: string(),
        partitions: array(int32()),
      }),
      { nullable: true },
    ),
  },
);
export type DescribeLogDirsRequest = MessageOf<typeof DescribeLogDirsRequest>;

export const DescribeLogDirsResponse = message(
  'DescribeLogDirsResponse',
  { versions: '0-4', flexible: '2+' },
  {
    throttleTimeMs: int32(),
    errorCode: int16({ versions: '3+', ignorable: true }),
    results: array(
      struct({
        errorCode: int16(),
        logDir: string(),
        topics: array(
          struct({
            name: string(),
            partitions: array(
              struct({
                partitionIndex: int32(),
                partitionSize: int64(),
                offsetLag: int64(),
                isFutureKey: bool(),
              }),
            ),
          }),
        ),
        totalBytes: wideInt64({ versions: '4+', default: -1n, ignorable: true }),
        usableBytes: wideInt64({ versions: '4+', default: -1n, ignorable: true }),
      }),
    ),
  },
);
export type DescribeLogDirsResponse = MessageOf<typeof DescribeLogDirsResponse>;
