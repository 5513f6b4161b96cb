/**
 * What stands before every request and response. Which version of it depends on the API key and version: headers.ts.
 */
import { int16, int32, message, string } from '../schema';
import type { MessageOf } from '../schema';

export const RequestHeader = message(
  'RequestHeader',
  { versions: '0-2', flexible: '2+' },
  {
    requestApiKey: int16(),
    requestApiVersion: int16(),
    correlationId: int32(),
    clientId: string({ versions: '1+', nullable: true, ignorable: true, neverCompact: true }),
  },
);
export type RequestHeader = MessageOf<typeof RequestHeader>;

export const ResponseHeader = message(
  'ResponseHeader',
  { versions: '0-1', flexible: '1+' },
  {
    correlationId: int32(),
  },
);
export type ResponseHeader = MessageOf<typeof ResponseHeader>;
