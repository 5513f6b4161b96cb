/**
 * Sets or removes quotas of entities (user, client id, address).
 */
import { array, bool, float64, int16, int32, message, string, struct } from '../schema';
import type { MessageOf } from '../schema';

export const AlterClientQuotasRequest = message(
  'AlterClientQuotasRequest',
  { versions: '0-1', flexible: '1+' },
  {
    entries: array(
      struct({
        entity: array(
          struct({
            entityType: string(),
            entityName: string({ nullable: true }),
          }),
        ),
        ops: array(
          struct({
            key: string(),
            value: float64(),
            remove: bool(),
          }),
        ),
      }),
    ),
    validateOnly: bool(),
  },
);
export type AlterClientQuotasRequest = MessageOf<typeof AlterClientQuotasRequest>;

export const AlterClientQuotasResponse = message(
  'AlterClientQuotasResponse',
  { versions: '0-1', flexible: '1+' },
  {
    throttleTimeMs: int32(),
    entries: array(
      struct({
        errorCode: int16(),
        errorMessage: string({ nullable: true }),
        entity: array(
          struct({
            entityType: string(),
            entityName: string({ nullable: true }),
          }),
        ),
      }),
    ),
  },
);
export type AlterClientQuotasResponse = MessageOf<typeof AlterClientQuotasResponse>;
