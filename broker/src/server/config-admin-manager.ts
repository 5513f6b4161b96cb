import { AlterOperation, applyAlterOps, type AlterConfigOp } from '../config/alter-configs';
import type { BrokerConfig, DynamicScope } from '../config/broker-config';
import { ConfigError, hiddenValue } from '../config/config-error';
import { dynamicDefinition, dynamicProblems } from '../config/dynamic-update';
import { isSensitive, type KeyDefinition } from '../config/key-definition';
import { isTopicKey } from '../config/log-config';
import { topicKeys } from '../config/topic-keys';
import type { Logger } from '../logging/logger';
import { ErrorCode, KafkaError } from '../protocol/errors';
import type { MetadataCache } from '../replication/metadata-cache';
import type { AdminZkClient } from './admin-zk-client';
import { apiErrorOf, isUnexpected, noError, type ApiError } from './api-error';
import { ConfigResourceType, formatConfigResource, requireThisBroker, type ConfigResource } from './config-resource';

type Settings = ReadonlyMap<string, string>;

/** The whole configuration that a resource is to have (AlterConfigs). */
export interface ReplacedResource extends ConfigResource {
  readonly configs: readonly { readonly name: string; readonly value: string | null }[];
}

/** What is to change in a resource's configuration (IncrementalAlterConfigs). */
export interface AlteredResource extends ConfigResource {
  readonly configs: readonly {
    readonly name: string;
    readonly configOperation: number;
    readonly value: string | null;
  }[];
}

export interface AlterConfigsResult extends ApiError, ConfigResource {}

/** Changes the configuration of topics and brokers (Kafka's ConfigAdminManager and ZkAdminManager). */
export class ConfigAdminManager {
  readonly #logger: Logger;
  readonly #brokerId: number;
  readonly #config: BrokerConfig;
  readonly #metadata: MetadataCache;
  readonly #adminZk: AdminZkClient;
  /** One change after the other: each reads what it changes. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(logger: Logger, brokerId: number, config: BrokerConfig, metadata: MetadataCache, adminZk: AdminZkClient) {
    this.#logger = logger;
    this.#brokerId = brokerId;
    this.#config = config;
    this.#metadata = metadata;
    this.#adminZk = adminZk;
  }

  /** Replaces whole configurations. In the order of the resources. */
  alterConfigs(resources: readonly ReplacedResource[], validateOnly: boolean): Promise<AlterConfigsResult[]> {
    return this.#each(resources, async (resource) => {
      const settings = new Map<string, string>();
      const withoutValue: string[] = [];
      for (const { name, value } of resource.configs) {
        if (value === null) withoutValue.push(name);
        else settings.set(name, value);
      }
      requireValues(withoutValue);
      await this.#alter(resource, validateOnly, () => settings);
    });
  }

  /** Changes single keys. In the order of the resources. */
  incrementalAlterConfigs(resources: readonly AlteredResource[], validateOnly: boolean): Promise<AlterConfigsResult[]> {
    return this.#each(resources, async (resource) => {
      const operations = resource.configs.map(({ name, configOperation, value }): AlterConfigOp => ({
        name,
        operation: configOperation,
        value,
      }));
      const unknown = operations.find(({ operation }) => !knownOperations.has(operation));
      if (unknown) {
        throw new KafkaError(ErrorCode.INVALID_REQUEST, `Unknown operations type ${unknown.operation}`);
      }
      requireValues(
        operations
          .filter(({ operation, value }) => operation !== AlterOperation.DELETE && value === null)
          .map(({ name }) => name),
      );
      if (resource.resourceType === ConfigResourceType.BROKER_LOGGER) {
        throw new KafkaError(
          ErrorCode.INVALID_REQUEST,
          'The loggers of this broker have no levels of their own: nothing can be changed',
        );
      }
      await this.#alter(resource, validateOnly, (current, definitionOf) =>
        applyAlterOps(current, operations, definitionOf),
      );
    });
  }

  async #each<R extends ReplacedResource>(
    resources: readonly R[],
    alter: (resource: R) => Promise<void>,
  ): Promise<AlterConfigsResult[]> {
    const count = new Map<string, number>();
    const keyOf = ({ resourceType, resourceName }: R): string => `${resourceType}/${resourceName}`;
    for (const resource of resources) count.set(keyOf(resource), (count.get(keyOf(resource)) ?? 0) + 1);
    const results: AlterConfigsResult[] = [];
    for (const resource of resources) {
      const { resourceType, resourceName } = resource;
      let result = noError;
      try {
        if (count.get(keyOf(resource)) !== 1) {
          throw new KafkaError(ErrorCode.INVALID_REQUEST, 'Each resource must appear at most once.');
        }
        if (new Set(resource.configs.map(({ name }) => name)).size !== resource.configs.length) {
          throw new KafkaError(ErrorCode.INVALID_REQUEST, 'Error due to duplicate config keys');
        }
        await this.#inTurn(() => alter(resource));
      } catch (error) {
        result = errorOf(resource, error);
        const message = `The configuration of ${formatConfigResource(resource)} is left as it was.`;
        if (isUnexpected(error)) this.#logger.error(message, { error });
        else this.#logger.info(message, { reason: result.errorMessage });
      }
      results.push({ ...result, resourceType, resourceName });
    }
    return results;
  }

  #inTurn<T>(run: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(run);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  async #alter(
    { resourceType, resourceName }: ConfigResource,
    validateOnly: boolean,
    altered: (current: Settings, definitionOf: (key: string) => KeyDefinition | undefined) => Settings,
  ): Promise<void> {
    switch (resourceType) {
      case ConfigResourceType.TOPIC: {
        if (resourceName === '') {
          throw new KafkaError(ErrorCode.INVALID_REQUEST, 'Default topic resources are not allowed.');
        }
        if (!this.#metadata.topic(resourceName)) {
          throw new KafkaError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `The topic '${resourceName}' does not exist.`);
        }
        const settings = altered(await this.#adminZk.topicConfig(resourceName), topicDefinition);
        await this.#adminZk.validateTopicConfig(resourceName, settings);
        if (validateOnly) return;
        this.#logger.info(`Topic ${resourceName} gets a new configuration.`, { config: Object.fromEntries(settings) });
        await this.#adminZk.changeTopicConfig(resourceName, settings);
        return;
      }
      case ConfigResourceType.BROKER: {
        if (resourceName !== '') requireThisBroker(resourceName, this.#brokerId, 'Node id');
        const [scope, brokerId]: [DynamicScope, number | undefined] =
          resourceName === '' ? ['cluster', undefined] : ['broker', this.#brokerId];
        const current = await this.#adminZk.brokerConfig(brokerId);
        const settings = altered(current, dynamicDefinition);
        this.#validateBrokerConfig(scope, current, settings);
        if (validateOnly) return;
        this.#logger.info(`${brokerId === undefined ? 'All brokers get' : 'This broker gets'} new dynamic settings.`, {
          config: loggable(settings),
        });
        await this.#adminZk.changeBrokerConfig(brokerId, settings);
        return;
      }
      default:
        throw new KafkaError(ErrorCode.INVALID_REQUEST, `Unknown resource type ${resourceType}`);
    }
  }

  #validateBrokerConfig(scope: DynamicScope, current: Settings, settings: Settings): void {
    // What is stored already and has no effect here is not for this request to answer for.
    const useless = new Set(dynamicProblems(this.#config, scope, current).map(({ key }) => key));
    const checked = new Map<string, string>();
    for (const [key, value] of settings) {
      const isChanged = current.get(key) !== value;
      if (isChanged && dynamicDefinition(key)?.type === 'password') {
        throw new KafkaError(
          ErrorCode.INVALID_REQUEST,
          `${key}: this broker does not store passwords in ZooKeeper yet; set it in server.properties`,
        );
      }
      if (isChanged || !useless.has(key)) checked.set(key, value);
    }
    try {
      this.#config.validateDynamic(scope, checked);
    } catch (error) {
      // Not INVALID_CONFIG, as Kafka has it (KAFKA-13609).
      if (error instanceof ConfigError) throw new KafkaError(ErrorCode.INVALID_REQUEST, error.message);
      throw error;
    }
  }
}

const knownOperations: ReadonlySet<number> = new Set(Object.values(AlterOperation));

function requireValues(withoutValue: readonly string[]): void {
  if (withoutValue.length > 0) {
    throw new KafkaError(ErrorCode.INVALID_REQUEST, `Null value not supported for : ${withoutValue.join(', ')}`);
  }
}

function topicDefinition(key: string): KeyDefinition | undefined {
  return isTopicKey(key) ? topicKeys[key] : undefined;
}

function errorOf(resource: ConfigResource, error: unknown): ApiError {
  const { errorCode, errorMessage } = apiErrorOf(error);
  if (!(error instanceof ConfigError)) return { errorCode, errorMessage };
  return {
    errorCode,
    errorMessage: `Invalid config value for resource ${formatConfigResource(resource)}: ${errorMessage}`,
  };
}

function loggable(settings: Settings): Readonly<Record<string, string>> {
  return Object.fromEntries(
    [...settings].map(([key, value]) => [key, isSensitive(dynamicDefinition(key)) ? hiddenValue : value]),
  );
}
