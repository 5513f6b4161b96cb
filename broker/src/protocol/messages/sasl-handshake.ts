/**
 * A client names the SASL mechanism that it wants. After version 0 raw tokens follow; from version 1 SaslAuthenticate
 * requests carry them.
 */
import { array, int16, message, string } from '../schema';
import type { MessageOf } from '../schema';

export const SaslHandshakeRequest = message(
  'SaslHandshakeRequest',
  { versions: '0-1', flexible: 'none' },
  {
    mechanism: string(),
  },
);
export type SaslHandshakeRequest = MessageOf<typeof SaslHandshakeRequest>;

export const SaslHandshakeResponse = message(
  'SaslHandshakeResponse',
  { versions: '0-1', flexible: 'none' },
  {
    errorCode: int16(),
    mechanisms: array(string()),
  },
);
export type SaslHandshakeResponse = MessageOf<typeof SaslHandshakeResponse>;
