/**
 * Lists delegation tokens, of some owners or of all.
 */
import { array, bytes, int16, int32, message, string, struct, wideInt64 } from '../schema';
import type { MessageOf } from '../schema';

export const DescribeDelegationTokenRequest = message(
  'DescribeDelegationTokenRequest',
  { versions: '0-3', flexible: '2+' },
  {
    owners: array(
      struct({
        principalType: string(),
        principalName: string(),
      }),
      { nullable: true },
    ),
  },
);
export type DescribeDelegationTokenRequest = MessageOf<typeof DescribeDelegationTokenRequest>;

export const DescribeDelegationTokenResponse = message(
  'DescribeDelegationTokenResponse',
  { versions: '0-3', flexible: '2+' },
  {
    errorCode: int16(),
    tokens: array(
      struct({
        principalType: string(),
        principalName: string(),
        tokenRequesterPrincipalType: string({ versions: '3+' }),
        tokenRequesterPrincipalName: string({ versions: '3+' }),
        issueTimestamp: wideInt64(),
        expiryTimestamp: wideInt64(),
        maxTimestamp: wideInt64(),
        tokenId: string(),
        hmac: bytes(),
        renewers: array(
          struct({
            principalType: string(),
            principalName: string(),
          }),
        ),
      }),
    ),
    throttleTimeMs: int32(),
  },
);
export type DescribeDelegationTokenResponse = MessageOf<typeof DescribeDelegationTokenResponse>;
