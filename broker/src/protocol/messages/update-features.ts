/**
 * An admin client changes the finalized versions of the cluster's features.
 */
import { array, bool, int16, int32, int8, message, string, struct } from '../schema';
import type { MessageOf } from '../schema';

export const UpdateFeaturesRequest = message(
  'UpdateFeaturesRequest',
  { versions: '0-1', flexible: '0+' },
  {
    timeoutMs: int32({ default: 60000 }),
    featureUpdates: array(
      struct({
        feature: string(),
        maxVersionLevel: int16(),
        allowDowngrade: bool({ versions: '0' }),
        upgradeType: int8({ versions: '1+', default: 1 }),
      }),
    ),
    validateOnly: bool({ versions: '1+', default: false }),
  },
);
export type UpdateFeaturesRequest = MessageOf<typeof UpdateFeaturesRequest>;

export const UpdateFeaturesResponse = message(
  'UpdateFeaturesResponse',
  { versions: '0-1', flexible: '0+' },
  {
    throttleTimeMs: int32(),
    errorCode: int16(),
    errorMessage: string({ nullable: true }),
    results: array(
      struct({
        feature: string(),
        errorCode: int16(),
        errorMessage: string({ nullable: true }),
      }),
    ),
  },
);
export type UpdateFeaturesResponse = MessageOf<typeof UpdateFeaturesResponse>;
