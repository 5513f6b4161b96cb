import { ConfigSource } from '../../config/describe-configs';
import { Apis } from '../../protocol/api-keys';
import { ErrorCode } from '../../protocol/errors';
import type { DescribeConfigsResponse } from '../../protocol/messages/describe-configs';
import { throwIfError, type ClusterClient, type Target } from '../client/cluster-client';

/** Kinds of resources in the requests for configuration (ConfigResource.Type). */
export const ResourceType = { topic: 2, broker: 4, brokerLogger: 8, clientMetrics: 16 } as const;
export type ResourceType = (typeof ResourceType)[keyof typeof ResourceType];

export interface ConfigResource {
  readonly type: ResourceType;
  /** Empty for a broker: what holds for all of them. */
  readonly name: string;
}

export type DescribedConfig = DescribeConfigsResponse['results'][number]['configs'][number];

/** Broker configurations are asked of the broker itself. */
export function resourceTarget({ type, name }: ConfigResource): Target {
  const isBroker = type === ResourceType.broker || type === ResourceType.brokerLogger;
  return isBroker && name !== '' ? { broker: Number(name) } : 'any';
}

/** The configuration of each resource, in their order. */
export async function describeConfigs(
  cluster: ClusterClient,
  resources: readonly ConfigResource[],
  includeSynonyms = false,
): Promise<readonly (readonly DescribedConfig[])[]> {
  if (resources.length === 0) return [];
  const input = {
    resources: resources.map(({ type, name }) => ({
      resourceType: type,
      resourceName: name,
      configurationKeys: null,
    })),
    includeSynonyms,
  };
  return cluster.request(resourceTarget(resources[0]!), Apis.DescribeConfigs, input, ({ results }) =>
    resources.map(({ type, name }) => {
      const found = results.find((result) => result.resourceType === type && result.resourceName === name);
      throwIfError(found?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR, found?.errorMessage);
      return found!.configs;
    }),
  );
}

/** Whether nobody has set it: not for the resource, and not in server.properties. */
export function isDefaultEntry(entry: DescribedConfig): boolean {
  return entry.configSource === ConfigSource.DEFAULT_CONFIG || entry.isDefault;
}
