/**
 * One broker passes on a client's request to the controller, with the principal that sent it.
 */
import { bytes, int16, message } from '../schema';
import type { MessageOf } from '../schema';

export const EnvelopeRequest = message(
  'EnvelopeRequest',
  { versions: '0', flexible: '0+' },
  {
    requestData: bytes(),
    requestPrincipal: bytes({ nullable: true }),
    clientHostAddress: bytes(),
  },
);
export type EnvelopeRequest = MessageOf<typeof EnvelopeRequest>;

export const EnvelopeResponse = message(
  'EnvelopeResponse',
  { versions: '0', flexible: '0+' },
  {
    responseData: bytes({ nullable: true, default: null }),
    errorCode: int16(),
  },
);
export type EnvelopeResponse = MessageOf<typeof EnvelopeResponse>;
