/**
 * Sets the expiry of a delegation token, or ends it at once.
 */
import { bytes, int16, int32, message, wideInt64 } from '../schema';
import type { MessageOf } from '../schema';

export const ExpireDelegationTokenRequest = message(
  'ExpireDelegationTokenRequest',
  { versions: '0-2', flexible: '2+' },
  {
    hmac: bytes(),
    expiryTimePeriodMs: wideInt64(),
  },
);
export type ExpireDelegationTokenRequest = MessageOf<typeof ExpireDelegationTokenRequest>;

export const ExpireDelegationTokenResponse = message(
  'ExpireDelegationTokenResponse',
  { versions: '0-2', flexible: '2+' },
  {
    errorCode: int16(),
    expiryTimestampMs: wideInt64(),
    throttleTimeMs: int32(),
  },
);
export type ExpireDelegationTokenResponse = MessageOf<typeof ExpireDelegationTokenResponse>;
