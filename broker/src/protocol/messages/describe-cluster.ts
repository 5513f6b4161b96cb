/**
 * The cluster's id, controller and brokers, without any topics.
 */
import { array, bool, int16, int32, int8, message, string, struct } from '../schema';
import type { MessageOf } from '../schema';

export const DescribeClusterRequest = message(
  'DescribeClusterRequest',
  { versions: '0-1', flexible: '0+' },
  {
    includeClusterAuthorizedOperations: bool(),
    endpointType: int8({ versions: '1+', default: 1 }),
  },
);
export type DescribeClusterRequest = MessageOf<typeof DescribeClusterRequest>;

export const DescribeClusterResponse = message(
  'DescribeClusterResponse',
  { versions: '0-1', flexible: '0+' },
  {
    throttleTimeMs: int32(),
    errorCode: int16(),
    errorMessage: string({ nullable: true, default: null }),
    endpointType: int8({ versions: '1+', default: 1 }),
    clusterId: string(),
    controllerId: int32({ default: -1 }),
    brokers: array(
      struct({
        brokerId: int32(),
        host: string(),
        port: int32(),
        rack: string({ nullable: true, default: null }),
      }),
    ),
    clusterAuthorizedOperations: int32({ default: -2147483648 }),
  },
);
export type DescribeClusterResponse = MessageOf<typeof DescribeClusterResponse>;
