/**
 * Configuration of topics, brokers and broker loggers, each value with where it comes from.
 */
import { array, bool, int16, int32, int8, message, string, struct } from '../schema';
import type { MessageOf } from '../schema';

export const DescribeConfigsRequest = message(
  'DescribeConfigsRequest',
  { versions: '0-4', flexible: '4+' },
  {
    resources: array(
      struct({
        resourceType: int8(),
        resourceName: string(),
        configurationKeys: array(string(), { nullable: true }),
      }),
    ),
    includeSynonyms: bool({ versions: '1+', default: false }),
    includeDocumentation: bool({ versions: '3+', default: false }),
  },
);
export type DescribeConfigsRequest = MessageOf<typeof DescribeConfigsRequest>;

export const DescribeConfigsResponse = message(
  'DescribeConfigsResponse',
  { versions: '0-4', flexible: '4+' },
  {
    throttleTimeMs: int32(),
    results: array(
      struct({
        errorCode: int16(),
        errorMessage: string({ nullable: true }),
        resourceType: int8(),
        resourceName: string(),
        configs: array(
          struct({
            name: string(),
            value: string({ nullable: true }),
            readOnly: bool(),
            isDefault: bool({ versions: '0' }),
            configSource: int8({ versions: '1+', default: -1, ignorable: true }),
            isSensitive: bool(),
            synonyms: array(
              struct({
                name: string(),
                value: string({ nullable: true }),
                source: int8(),
              }),
              { versions: '1+', ignorable: true },
            ),
            configType: int8({ versions: '3+', default: 0, ignorable: true }),
            documentation: string({ versions: '3+', nullable: true, ignorable: true }),
          }),
        ),
      }),
    ),
  },
);
export type DescribeConfigsResponse = MessageOf<typeof DescribeConfigsResponse>;
