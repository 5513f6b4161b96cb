import type { BrokerConfig } from '../config/broker-config';
import {
  describeBrokerConfigs,
  describeBrokerDefaults,
  describeTopicConfigs,
  type ConfigEntry,
  type DescribeOptions,
} from '../config/describe-configs';
import type { Logger } from '../logging/logger';
import { ErrorCode, KafkaError } from '../protocol/errors';
import type { MetadataCache } from '../replication/metadata-cache';
import type { AdminZkClient } from './admin-zk-client';
import { apiErrorOf, isUnexpected, noError, type ApiError } from './api-error';
import { ConfigResourceType, formatConfigResource, requireThisBroker, type ConfigResource } from './config-resource';
import { validateTopicName } from './topic-name';

/** A resource with the keys that are asked for; null or none: all. */
export interface DescribedResource extends ConfigResource {
  readonly configurationKeys: readonly string[] | null;
}

export interface DescribeConfigsResult extends ApiError, ConfigResource {
  readonly configs: readonly ConfigEntry[];
}

/** Shows the configuration of topics and of this broker (Kafka's ConfigHelper). */
export class ConfigHelper {
  readonly #logger: Logger;
  readonly #brokerId: number;
  readonly #config: BrokerConfig;
  readonly #metadata: MetadataCache;
  readonly #adminZk: AdminZkClient;

  constructor(logger: Logger, brokerId: number, config: BrokerConfig, metadata: MetadataCache, adminZk: AdminZkClient) {
    this.#logger = logger;
    this.#brokerId = brokerId;
    this.#config = config;
    this.#metadata = metadata;
    this.#adminZk = adminZk;
  }

  /** In the order of the resources. */
  describeConfigs(
    resources: readonly DescribedResource[],
    include: { readonly includeSynonyms: boolean; readonly includeDocumentation: boolean },
  ): Promise<DescribeConfigsResult[]> {
    return Promise.all(
      resources.map(async (resource): Promise<DescribeConfigsResult> => {
        const { resourceType, resourceName, configurationKeys } = resource;
        try {
          const configs = await this.#describe(resource, { ...include, names: configurationKeys });
          return { ...noError, resourceType, resourceName, configs };
        } catch (error) {
          if (isUnexpected(error)) {
            this.#logger.error(`The configuration of ${formatConfigResource(resource)} could not be described.`, {
              error,
            });
          }
          return { ...apiErrorOf(error), resourceType, resourceName, configs: [] };
        }
      }),
    );
  }

  async #describe({ resourceType, resourceName }: ConfigResource, options: DescribeOptions): Promise<ConfigEntry[]> {
    switch (resourceType) {
      case ConfigResourceType.TOPIC:
        validateTopicName(resourceName);
        if (!this.#metadata.topic(resourceName)) throw new KafkaError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
        return describeTopicConfigs(this.#config, await this.#adminZk.topicConfig(resourceName), options);
      case ConfigResourceType.BROKER:
        if (resourceName === '') return describeBrokerDefaults(this.#config, options);
        requireThisBroker(resourceName, this.#brokerId, 'Broker id', `${this.#brokerId} or empty string`);
        return describeBrokerConfigs(this.#config, options);
      case ConfigResourceType.BROKER_LOGGER:
        if (resourceName === '') throw new KafkaError(ErrorCode.INVALID_REQUEST, 'Broker id must not be empty');
        requireThisBroker(resourceName, this.#brokerId, 'Broker id');
        // The loggers of this broker have no levels of their own.
        return [];
      default:
        throw new KafkaError(
          ErrorCode.INVALID_REQUEST,
          `Unexpected resource type ${resourceType} for resource ${resourceName}`,
        );
    }
  }
}
