/**
 * Lists the quotas whose entities (user, client id, address) match a filter.
 */
import { array, bool, float64, int16, int32, int8, message, string, struct } from '../schema';
import type { MessageOf } from '../schema';

export const DescribeClientQuotasRequest = message(
  'DescribeClientQuotasRequest',
  { versions: '0-1', flexible: '1+' },
  {
    components: array(
      struct({
        entityType: string(),
        matchType: int8(),
        match: string({ nullable: true }),
      }),
    ),
    strict: bool(),
  },
);
export type DescribeClientQuotasRequest = MessageOf<typeof DescribeClientQuotasRequest>;

export const DescribeClientQuotasResponse = message(
  'DescribeClientQuotasResponse',
  { versions: '0-1', flexible: '1+' },
  {
    throttleTimeMs: int32(),
    errorCode: int16(),
    errorMessage: string({ nullable: true }),
    entries: array(
      struct({
        entity: array(
          struct({
            entityType: string(),
            entityName: string({ nullable: true }),
          }),
        ),
        values: array(
          struct({
            key: string(),
            value: float64(),
          }),
        ),
      }),
      { nullable: true },
    ),
  },
);
export type DescribeClientQuotasResponse = MessageOf<typeof DescribeClientQuotasResponse>;
