/**
 * An authenticated client asks for a token that others can log in with in its name.
 */
import { array, bytes, int16, int32, message, string, struct, wideInt64 } from '../schema';
import type { MessageOf } from '../schema';

export const CreateDelegationTokenRequest = message(
  'CreateDelegationTokenRequest',
  { versions: '0-3', flexible: '2+' },
  {
    ownerPrincipalType: string({ versions: '3+', nullable: true }),
    ownerPrincipalName: string({ versions: '3+', nullable: true }),
    renewers: array(
      struct({
        principalType: string(),
        principalName: string(),
      }),
    ),
    maxLifetimeMs: wideInt64(),
  },
);
export type CreateDelegationTokenRequest = MessageOf<typeof CreateDelegationTokenRequest>;

export const CreateDelegationTokenResponse = message(
  'CreateDelegationTokenResponse',
  { versions: '0-3', flexible: '2+' },
  {
    errorCode: int16(),
    principalType: string(),
    principalName: string(),
    tokenRequesterPrincipalType: string({ versions: '3+' }),
    tokenRequesterPrincipalName: string({ versions: '3+' }),
    issueTimestampMs: wideInt64(),
    expiryTimestampMs: wideInt64(),
    maxTimestampMs: wideInt64(),
    tokenId: string(),
    hmac: bytes(),
    throttleTimeMs: int32(),
  },
);
export type CreateDelegationTokenResponse = MessageOf<typeof CreateDelegationTokenResponse>;
