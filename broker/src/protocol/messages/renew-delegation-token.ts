/**
 * Puts off the expiry of a delegation token.
 */
import { bytes, int16, int32, message, wideInt64 } from '../schema';
import type { MessageOf } from '../schema';

export const RenewDelegationTokenRequest = message(
  'RenewDelegationTokenRequest',
  { versions: '0-2', flexible: '2+' },
  {
    hmac: bytes(),
    renewPeriodMs: wideInt64(),
  },
);
export type RenewDelegationTokenRequest = MessageOf<typeof RenewDelegationTokenRequest>;

export const RenewDelegationTokenResponse = message(
  'RenewDelegationTokenResponse',
  { versions: '0-2', flexible: '2+' },
  {
    errorCode: int16(),
    expiryTimestampMs: wideInt64(),
    throttleTimeMs: int32(),
  },
);
export type RenewDelegationTokenResponse = MessageOf<typeof RenewDelegationTokenResponse>;
