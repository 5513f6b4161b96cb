import type { BrokerConfig } from '../config/broker-config';
import { describeTopicConfigs, type ConfigEntry } from '../config/describe-configs';
import type { Io } from '../io/io';
import type { Logger } from '../logging/logger';
import { ErrorCode, KafkaError } from '../protocol/errors';
import { noLeader, type MetadataCache } from '../replication/metadata-cache';
import { Purgatory } from '../replication/purgatory';
import type { KafkaZkClient } from '../zookeeper/kafka-zk-client';
import { AdminZkClient, type PartitionAssignment } from './admin-zk-client';
import { apiError, apiErrorOf, isUnexpected, noError, type ApiError } from './api-error';
import {
  ConfigAdminManager,
  type AlterConfigsResult,
  type AlteredResource,
  type ReplacedResource,
} from './config-admin-manager';
import { ConfigHelper, type DescribeConfigsResult, type DescribedResource } from './config-helper';
import { DelayedTopicOperation } from './delayed-topic-operation';
import { TopicDeletions } from './topic-deletions';

export interface AdminManagerOptions {
  readonly config: BrokerConfig;
  readonly zk: KafkaZkClient;
  readonly metadata: MetadataCache;
  readonly dynamicConfig: { readonly brokerId: number };
}

/** A topic that is to be created, as CreateTopics names it. */
export interface CreatableTopic {
  readonly name: string;
  /** -1: num.partitions, or `assignments` says it. */
  readonly numPartitions: number;
  /** -1: default.replication.factor, or `assignments` says it. */
  readonly replicationFactor: number;
  /** Replicas of each partition; empty: spread over the brokers. */
  readonly assignments: readonly { readonly partitionIndex: number; readonly brokerIds: readonly number[] }[];
  readonly configs: readonly { readonly name: string; readonly value: string | null }[];
}

/** A topic that was (or, with validateOnly, would be) created, or why not. */
export interface CreatedTopic extends ApiError {
  readonly name: string;
  /** Undefined when it was not created. */
  readonly topicId: string | undefined;
  /** -1 when it was not created. */
  readonly numPartitions: number;
  readonly replicationFactor: number;
  readonly configs: readonly ConfigEntry[];
}

/** A topic that is to have more partitions, as CreatePartitions names it. */
export interface GrowingTopic {
  readonly name: string;
  /** Of all partitions, old and new. */
  readonly count: number;
  /** Replicas of the new partitions; null: spread over the brokers. */
  readonly assignments: readonly { readonly brokerIds: readonly number[] }[] | null;
}

export interface TopicOperationOptions {
  /** How long to wait until all of the cluster has it, milliseconds; 0 and less: not at all, which is a timeout. */
  readonly timeoutMs: number;
  readonly validateOnly: boolean;
}

/** Carries out what administrators ask of a cluster in ZooKeeper mode (Kafka's ZkAdminManager). */
export class AdminManager {
  readonly #logger: Logger;
  readonly #config: BrokerConfig;
  readonly #metadata: MetadataCache;
  readonly #adminZk: AdminZkClient;
  readonly #configHelper: ConfigHelper;
  readonly #configAdmin: ConfigAdminManager;
  readonly #deletions: TopicDeletions;
  /** Answers that wait. An update of the metadata does not say what it changed, so that there is one key for all. */
  readonly #waiting: Purgatory<'topics'>;
  /** Topics grow one after the other: each growth begins with what the last one wrote. */
  #growth: Promise<unknown> = Promise.resolve();

  constructor(io: Io, logger: Logger, { config, zk, metadata, dynamicConfig }: AdminManagerOptions) {
    this.#logger = logger.child('AdminManager');
    this.#config = config;
    this.#metadata = metadata;
    this.#adminZk = new AdminZkClient(io.random, this.#logger, zk, config);
    this.#configHelper = new ConfigHelper(this.#logger, dynamicConfig.brokerId, config, metadata, this.#adminZk);
    this.#configAdmin = new ConfigAdminManager(this.#logger, dynamicConfig.brokerId, config, metadata, this.#adminZk);
    this.#waiting = new Purgatory(io.clock);
    const check = (): void => void this.#waiting.checkAndComplete('topics');
    this.#deletions = new TopicDeletions(zk, this.#logger, check);
    metadata.onUpdate(check);
  }

  /** Answers that wait for the cluster. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Answers everything that waits, as if its time were over. */
  shutdown(): void {
    this.#waiting.expireAll();
    this.#deletions.close();
  }

  /**
   * Creates topics, and waits until this broker knows a leader of every partition. In the order given; the names are
   * different from each other.
   */
  async createTopics(
    topics: readonly CreatableTopic[],
    { timeoutMs, validateOnly }: TopicOperationOptions,
  ): Promise<CreatedTopic[]> {
    const results: CreatedTopic[] = [];
    for (const topic of topics) results.push(await this.#createTopic(topic, validateOnly));
    const created = results.filter(isSuccess);
    if (validateOnly || created.length === 0) return results;
    const isReady = ({ name, numPartitions }: CreatedTopic): boolean => this.#hasLeaders(name, numPartitions);
    await this.#wait(timeoutMs, () => created.every(isReady));
    return results.map((result) =>
      isSuccess(result) && (timeoutMs <= 0 || !isReady(result))
        ? notCreated(result.name, apiError(ErrorCode.REQUEST_TIMED_OUT))
        : result,
    );
  }

  async #createTopic(topic: CreatableTopic, validateOnly: boolean): Promise<CreatedTopic> {
    const { name } = topic;
    try {
      if (this.#metadata.topic(name)) {
        throw new KafkaError(ErrorCode.TOPIC_ALREADY_EXISTS, `Topic '${name}' already exists.`);
      }
      const configs = configsOf(topic);
      const assignment = this.#assignmentOf(topic);
      await this.#adminZk.validateTopicCreate(name, assignment, configs);
      return {
        ...noError,
        name,
        topicId: validateOnly ? undefined : await this.#adminZk.createTopic(name, assignment, configs),
        numPartitions: assignment.size,
        replicationFactor: assignment.get(0)!.length,
        configs: describeTopicConfigs(this.#config, configs),
      };
    } catch (error) {
      const result = notCreated(name, apiErrorOf(error));
      if (isUnexpected(error)) this.#logger.error(`Topic ${name} could not be created.`, { error });
      else if (result.errorCode !== ErrorCode.TOPIC_ALREADY_EXISTS) {
        this.#logger.info(`Topic ${name} is not created.`, { reason: result.errorMessage });
      }
      return result;
    }
  }

  #assignmentOf({ numPartitions, replicationFactor, assignments }: CreatableTopic): PartitionAssignment {
    if (assignments.length === 0) {
      return this.#adminZk.assignNewTopic(
        [...this.#metadata.brokers.values()],
        numPartitions === -1 ? this.#config.get('num.partitions') : numPartitions,
        replicationFactor === -1 ? this.#config.get('default.replication.factor') : replicationFactor,
      );
    }
    if (numPartitions !== -1 || replicationFactor !== -1) {
      throw new KafkaError(
        ErrorCode.INVALID_REQUEST,
        'Both numPartitions or replicationFactor and replicasAssignments were set. Both cannot be used at the same time.',
      );
    }
    // Brokers that nobody knows are let in, as Kafka does: the partition waits for them.
    const assignment = new Map<number, readonly number[]>();
    for (const { partitionIndex, brokerIds } of assignments) {
      if (assignment.has(partitionIndex)) {
        throw new KafkaError(
          ErrorCode.INVALID_REPLICA_ASSIGNMENT,
          `Duplicate replica assignment found: partition ${partitionIndex} is there twice`,
        );
      }
      assignment.set(partitionIndex, brokerIds);
    }
    return assignment;
  }

  /** Deletes topics, and waits until they are gone: a topic of the same name can be created then. */
  async deleteTopics(topics: readonly string[], timeoutMs: number): Promise<Map<string, ApiError>> {
    const results = new Map<string, ApiError>();
    const stopWaiting: (() => void)[] = [];
    await Promise.all(
      [...new Set(topics)].map(async (topic) => {
        try {
          await this.#adminZk.deleteTopic(topic);
          if (timeoutMs > 0) stopWaiting.push(await this.#deletions.watch(topic));
          results.set(topic, noError);
        } catch (error) {
          if (isUnexpected(error)) this.#logger.error(`Topic ${topic} could not be deleted.`, { error });
          results.set(topic, apiErrorOf(error));
        }
      }),
    );
    const deleted = [...results].filter(([, result]) => isSuccess(result)).map(([topic]) => topic);
    const isGone = (topic: string): boolean => !this.#metadata.topic(topic) && !this.#deletions.isPending(topic);
    await this.#wait(timeoutMs, () => deleted.every(isGone));
    for (const topic of deleted) {
      if (timeoutMs <= 0 || !isGone(topic)) results.set(topic, apiError(ErrorCode.REQUEST_TIMED_OUT));
    }
    for (const stop of stopWaiting) stop();
    return results;
  }

  /** Adds partitions to topics, and waits until this broker knows a leader of every one. The names are different. */
  async createPartitions(
    topics: readonly GrowingTopic[],
    { timeoutMs, validateOnly }: TopicOperationOptions,
  ): Promise<Map<string, ApiError>> {
    const results = new Map<string, ApiError>();
    for (const topic of topics) results.set(topic.name, await this.#inTurn(() => this.#grow(topic, validateOnly)));
    const grown = topics.filter(({ name }) => isSuccess(results.get(name)!));
    if (validateOnly || grown.length === 0) return results;
    const isReady = ({ name, count }: GrowingTopic): boolean => this.#hasLeaders(name, count);
    await this.#wait(timeoutMs, () => grown.every(isReady));
    for (const topic of grown) {
      if (timeoutMs <= 0 || !isReady(topic)) results.set(topic.name, apiError(ErrorCode.REQUEST_TIMED_OUT));
    }
    return results;
  }

  async #grow({ name, count, assignments }: GrowingTopic, validateOnly: boolean): Promise<ApiError> {
    try {
      const manual = assignments && assignments.map(({ brokerIds }) => brokerIds);
      if (validateOnly) await this.#adminZk.growTopic(name, count, manual);
      else await this.#adminZk.addPartitions(name, count, manual);
      return noError;
    } catch (error) {
      if (isUnexpected(error)) this.#logger.error(`Partitions of topic ${name} could not be added.`, { error });
      return apiErrorOf(error);
    }
  }

  #inTurn<T>(run: () => Promise<T>): Promise<T> {
    const turn = this.#growth.then(run);
    this.#growth = turn.catch(() => undefined);
    return turn;
  }

  /** The configuration of topics and of this broker. In the order of the resources. */
  describeConfigs(
    resources: readonly DescribedResource[],
    include: { readonly includeSynonyms: boolean; readonly includeDocumentation: boolean },
  ): Promise<DescribeConfigsResult[]> {
    return this.#configHelper.describeConfigs(resources, include);
  }

  /** Replaces whole configurations. In the order of the resources. */
  alterConfigs(resources: readonly ReplacedResource[], validateOnly: boolean): Promise<AlterConfigsResult[]> {
    return this.#configAdmin.alterConfigs(resources, validateOnly);
  }

  /** Changes single keys. In the order of the resources. */
  incrementalAlterConfigs(resources: readonly AlteredResource[], validateOnly: boolean): Promise<AlterConfigsResult[]> {
    return this.#configAdmin.incrementalAlterConfigs(resources, validateOnly);
  }

  #hasLeaders(topic: string, partitions: number): boolean {
    for (let partition = 0; partition < partitions; partition++) {
      if ((this.#metadata.partition(topic, partition)?.leader ?? noLeader) === noLeader) return false;
    }
    return true;
  }

  /** Resolves when `isDone` says so or the time is over. */
  #wait(timeoutMs: number, isDone: () => boolean): Promise<void> {
    if (timeoutMs <= 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiting.tryCompleteElseWatch(new DelayedTopicOperation(timeoutMs, isDone, resolve), ['topics']);
    });
  }
}

function isSuccess({ errorCode }: ApiError): boolean {
  return errorCode === ErrorCode.NONE;
}

function notCreated(name: string, error: ApiError): CreatedTopic {
  return { ...error, name, topicId: undefined, numPartitions: -1, replicationFactor: -1, configs: [] };
}

function configsOf({ configs }: CreatableTopic): Map<string, string> {
  const result = new Map<string, string>();
  const withoutValue: string[] = [];
  for (const { name, value } of configs) {
    if (value === null) withoutValue.push(name);
    else result.set(name, value);
  }
  if (withoutValue.length > 0) {
    throw new KafkaError(
      ErrorCode.INVALID_CONFIG,
      `Null value not supported for topic configs: ${withoutValue.join(',')}`,
    );
  }
  return result;
}
