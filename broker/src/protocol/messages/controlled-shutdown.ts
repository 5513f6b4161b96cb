/**
 * A broker that is going down asks the controller to move its leaderships away first. Version 0 has a request header
 * without a client id.
 */
import { array, int16, int32, message, string, struct, wideInt64 } from '../schema';
import type { MessageOf } from '../schema';

export const ControlledShutdownRequest = message(
  'ControlledShutdownRequest',
  { versions: '0-3', flexible: '3+' },
  {
    brokerId: int32(),
    brokerEpoch: wideInt64({ versions: '2+', default: -1n, ignorable: true }),
  },
);
export type ControlledShutdownRequest = MessageOf<typeof ControlledShutdownRequest>;

export const ControlledShutdownResponse = message(
  'ControlledShutdownResponse',
  { versions: '0-3', flexible: '3+' },
  {
    errorCode: int16(),
    remainingPartitions: array(
      struct({
        topicName: string(),
        partitionIndex: int32(),
      }),
    ),
  },
);
export type ControlledShutdownResponse = MessageOf<typeof ControlledShutdownResponse>;
