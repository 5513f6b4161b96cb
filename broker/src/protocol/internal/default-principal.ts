/**
 * The principal inside an Envelope request, behind its 2-byte version.
 */
import { bool, message, string } from '../schema';
import type { MessageOf } from '../schema';

export const DefaultPrincipalData = message(
  'DefaultPrincipalData',
  { versions: '0', flexible: '0+' },
  {
    type: string(),
    name: string(),
    tokenAuthenticated: bool(),
  },
);
export type DefaultPrincipalData = MessageOf<typeof DefaultPrincipalData>;
