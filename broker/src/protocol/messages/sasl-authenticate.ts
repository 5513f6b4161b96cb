/**
 * Carries the tokens of a SASL exchange, after SaslHandshake version 1.
 */
import { bytes, int16, int64, message, string } from '../schema';
import type { MessageOf } from '../schema';

export const SaslAuthenticateRequest = message(
  'SaslAuthenticateRequest',
  { versions: '0-2', flexible: '2+' },
  {
    authBytes: bytes(),
  },
);
export type SaslAuthenticateRequest = MessageOf<typeof SaslAuthenticateRequest>;

export const SaslAuthenticateResponse = message(
  'SaslAuthenticateResponse',
  { versions: '0-2', flexible: '2+' },
  {
    errorCode: int16(),
    errorMessage: string({ nullable: true }),
    authBytes: bytes(),
    sessionLifetimeMs: int64({ versions: '1+', default: 0, ignorable: true }),
  },
);
export type SaslAuthenticateResponse = MessageOf<typeof SaslAuthenticateResponse>;
