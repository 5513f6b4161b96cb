/**
 * Replaces the whole configuration of resources: a key that is not named goes back to its default.
 * IncrementalAlterConfigs has taken its place.
 */
import { array, bool, int16, int32, int8, message, string, struct } from '../schema';
import type { MessageOf } from '../schema';

export const AlterConfigsRequest = message(
  'AlterConfigsRequest',
  { versions: '0-2', flexible: '2+' },
  {
    resources: array(
      struct({
        resourceType: int8(),
        resourceName: string(),
        configs: array(
          struct({
            name: string(),
            value: string({ nullable: true }),
          }),
        ),
      }),
    ),
    validateOnly: bool(),
  },
);
export type AlterConfigsRequest = MessageOf<typeof AlterConfigsRequest>;

export const AlterConfigsResponse = message(
  'AlterConfigsResponse',
  { versions: '0-2', flexible: '2+' },
  {
    throttleTimeMs: int32(),
    responses: array(
      struct({
        errorCode: int16(),
        errorMessage: string({ nullable: true }),
        resourceType: int8(),
        resourceName: string(),
      }),
    ),
  },
);
export type AlterConfigsResponse = MessageOf<typeof AlterConfigsResponse>;
