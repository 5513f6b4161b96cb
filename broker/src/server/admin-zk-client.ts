import type { BrokerConfig } from '../config/broker-config';
import { validateTopicConfig } from '../config/validate-topic-config';
import { assignReplicas, type BrokerRack } from '../controller/replica-assignment';
import { newTopicId } from '../controller/topic-id';
import type { Random } from '../io/random';
import type { Logger } from '../logging/logger';
import { ErrorCode, KafkaError } from '../protocol/errors';
import { zeroUuid } from '../protocol/uuid';
import { isKeeperException } from '../zookeeper/keeper-exception';
import type { KafkaZkClient } from '../zookeeper/kafka-zk-client';
import { anyVersion, KeeperCode } from '../zookeeper/requests';
import { ConfigType, defaultEntityName } from '../zookeeper/znodes/config-entity';
import { TopicZNode, type ReplicaAssignment, type TopicAssignment } from '../zookeeper/znodes/topic';
import { hasCollisionChars, topicNamesCollide, validateTopicName } from './topic-name';

/** What a topic would be with more partitions, and the version of its znode that this comes from. */
export interface GrownTopic {
  readonly assignment: TopicAssignment;
  readonly zkVersion: number;
}

/** The replicas of each partition, by its number; the preferred leader first. */
export type PartitionAssignment = ReadonlyMap<number, readonly number[]>;

/**
 * Most partitions of a topic: their replicas stand in one znode, and no more fit into it. It is known before anything of
 * that number is allocated.
 */
const maxPartitions = 100_000;
// ZooKeeper closes the connection on a request longer than jute.maxbuffer, 1048575 bytes by default.
const maxTopicZNodeBytes = 1024 * 1024 - 4096;

const noTopics: readonly string[] = [];

/** What an administrator does to topics and configurations, as writes to ZooKeeper (Kafka's AdminZkClient). */
export class AdminZkClient {
  readonly #random: Random;
  readonly #logger: Logger;
  readonly #zk: KafkaZkClient;
  readonly #config: BrokerConfig;

  constructor(random: Random, logger: Logger, zk: KafkaZkClient, config: BrokerConfig) {
    this.#random = random;
    this.#logger = logger;
    this.#zk = zk;
    this.#config = config;
  }

  /** @throws KafkaError INVALID_PARTITIONS, INVALID_REPLICATION_FACTOR */
  assignNewTopic(brokers: readonly BrokerRack[], partitions: number, replicationFactor: number): PartitionAssignment {
    requireFewPartitions(partitions);
    return new Map(assignReplicas(this.#random, brokers, partitions, replicationFactor).entries());
  }

  /** @throws KafkaError, ConfigError: why there cannot be such a topic */
  async validateTopicCreate(
    topic: string,
    assignment: PartitionAssignment,
    config: ReadonlyMap<string, string>,
  ): Promise<void> {
    validateTopicName(topic);
    const [isMarkedForDeletion, exists, all] = await Promise.all([
      this.#zk.isTopicMarkedForDeletion(topic),
      this.topicExists(topic),
      hasCollisionChars(topic) ? this.#zk.getTopics() : noTopics,
    ]);
    if (isMarkedForDeletion) {
      throw new KafkaError(ErrorCode.TOPIC_ALREADY_EXISTS, `Topic '${topic}' is marked for deletion.`);
    }
    if (exists || all.includes(topic)) throw alreadyExists(topic);
    const colliding = all.filter((other) => topicNamesCollide(topic, other));
    if (colliding.length > 0) {
      throw new KafkaError(
        ErrorCode.INVALID_TOPIC_EXCEPTION,
        `Topic '${topic}' collides with existing topics: ${colliding.join(', ')}`,
      );
    }
    validateNewAssignment(assignment);
    requireFittingZNode(topicAssignment(zeroUuid, assignment));
    this.#validateTopicConfig(topic, config);
  }

  /**
   * Writes what was validated: the configuration first, so that it is there when the controller sees the topic.
   * @returns the topic's id
   */
  async createTopic(
    topic: string,
    assignment: PartitionAssignment,
    config: ReadonlyMap<string, string>,
  ): Promise<string> {
    const topicId = newTopicId(this.#random);
    const created = topicAssignment(topicId, assignment);
    this.#logger.info(`Creating topic ${topic} with ${assignment.size} partitions and id ${topicId}.`, {
      config: Object.fromEntries(config),
    });
    await this.#zk.setEntityConfig(ConfigType.topics, topic, config);
    try {
      await this.#zk.createTopicAssignment(topic, created);
    } catch (error) {
      if (!isKeeperException(error, KeeperCode.NODEEXISTS)) throw error;
      // Perhaps it was this very write, whose reply was lost: nobody else has its id.
      const found = await this.#zk.getTopicAssignment(topic);
      if (found?.topicId !== topicId) throw alreadyExists(topic);
    }
    return topicId;
  }

  /** Asks the controller to delete the topic; it is no error when that was asked for already. */
  async deleteTopic(topic: string): Promise<void> {
    if (!(await this.topicExists(topic))) {
      throw new KafkaError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `Topic '${topic}' to delete does not exist`);
    }
    try {
      await this.#zk.createDeleteTopicPath(topic);
    } catch (error) {
      if (!isKeeperException(error, KeeperCode.NODEEXISTS)) throw error;
    }
  }

  /**
   * What a topic would be with `count` partitions.
   * @param manual the replicas of the new partitions, in their order; null: spread over the brokers
   * @throws KafkaError why it cannot grow so
   */
  async growTopic(topic: string, count: number, manual: readonly (readonly number[])[] | null): Promise<GrownTopic> {
    validateTopicName(topic);
    const [found, isMarkedForDeletion, registered] = await Promise.all([
      this.#zk.getVersionedTopicAssignment(topic),
      this.#zk.isTopicMarkedForDeletion(topic),
      this.#zk.getBrokers(),
    ]);
    const existing = found?.assignment;
    if (!existing || existing.partitions.size === 0) {
      throw new KafkaError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `The topic '${topic}' does not exist.`);
    }
    if (isMarkedForDeletion) {
      throw new KafkaError(ErrorCode.INVALID_TOPIC_EXCEPTION, 'The topic is queued for deletion.');
    }
    const { partitions } = existing;
    if ([...partitions.values()].some(isBeingReassigned)) {
      throw new KafkaError(
        ErrorCode.REASSIGNMENT_IN_PROGRESS,
        `A partition reassignment is in progress for the topic '${topic}'.`,
      );
    }
    const old = partitions.size;
    if (count < old) {
      throw new KafkaError(
        ErrorCode.INVALID_PARTITIONS,
        `Topic currently has ${old} partitions, which is higher than the requested ${count}.`,
      );
    }
    if (count === old) throw new KafkaError(ErrorCode.INVALID_PARTITIONS, `Topic already has ${old} partitions.`);
    requireFewPartitions(count);
    const first = partitions.get(0)?.replicas;
    if (first === undefined) {
      throw new Error(`The topic '${topic}' has no partition 0 in ${TopicZNode.path(topic)}: it cannot grow.`);
    }
    const brokers = registered.map(({ id, rack }): BrokerRack => ({ id, rack }));
    if (manual !== null) validateAddedReplicas(manual, old, count, first.length, new Set(brokers.map(({ id }) => id)));
    const added =
      manual ??
      assignReplicas(this.#random, brokers, count - old, first.length, {
        startIndex: Math.max(
          0,
          brokers.findIndex(({ id }) => id >= first[0]),
        ),
        startPartition: old,
      });
    const grown = new Map(partitions);
    added.forEach((replicas, i) => grown.set(old + i, assigned(replicas)));
    const assignment: TopicAssignment = { topicId: existing.topicId, partitions: grown };
    requireFittingZNode(assignment);
    return { assignment, zkVersion: found.zkVersion };
  }

  /**
   * Gives a topic `count` partitions, as `growTopic` says it. The assignment is written only if it is still the one that
   * was looked at: a reassignment that the controller has begun meanwhile must not be undone.
   */
  async addPartitions(topic: string, count: number, manual: readonly (readonly number[])[] | null): Promise<void> {
    for (;;) {
      const { assignment, zkVersion } = await this.growTopic(topic, count, manual);
      try {
        await this.#zk.setTopicAssignment(topic, assignment, anyVersion, zkVersion);
        this.#logger.info(`Topic ${topic} is to have ${assignment.partitions.size} partitions.`);
        return;
      } catch (error) {
        if (!isKeeperException(error, KeeperCode.BADVERSION)) throw error;
      }
      // It may have been this very write, whose reply was lost.
      const written = await this.#zk.getTopicAssignment(topic);
      if (written && isGrownTo(written, assignment)) return;
    }
  }

  topicExists(topic: string): Promise<boolean> {
    return this.#zk.pathExists(TopicZNode.path(topic));
  }

  topicConfig(topic: string): Promise<ReadonlyMap<string, string>> {
    return this.#zk.getEntityConfig(ConfigType.topics, topic);
  }

  /** @throws KafkaError, ConfigError: why the topic cannot have this configuration */
  async validateTopicConfig(topic: string, config: ReadonlyMap<string, string>): Promise<void> {
    validateTopicName(topic);
    if (!(await this.topicExists(topic))) {
      throw new KafkaError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `The topic '${topic}' does not exist.`);
    }
    this.#validateTopicConfig(topic, config);
  }

  /** Writes the whole configuration, and tells all brokers. */
  async changeTopicConfig(topic: string, config: ReadonlyMap<string, string>): Promise<void> {
    await this.#changeEntityConfig(ConfigType.topics, topic, config);
  }

  /** `brokerId` undefined: what holds for all brokers. */
  brokerConfig(brokerId: number | undefined): Promise<ReadonlyMap<string, string>> {
    return this.#zk.getEntityConfig(ConfigType.brokers, brokerEntity(brokerId));
  }

  async changeBrokerConfig(brokerId: number | undefined, config: ReadonlyMap<string, string>): Promise<void> {
    await this.#changeEntityConfig(ConfigType.brokers, brokerEntity(brokerId), config);
  }

  async #changeEntityConfig(type: ConfigType, entity: string, config: ReadonlyMap<string, string>): Promise<void> {
    await this.#zk.setEntityConfig(type, entity, config);
    await this.#zk.createConfigChangeNotification({ type, sanitizedName: entity });
  }

  #validateTopicConfig(topic: string, config: ReadonlyMap<string, string>): void {
    for (const { message } of validateTopicConfig(this.#config, config)) {
      this.#logger.warn(`Configuration of topic ${topic}: ${message}`);
    }
  }
}

function brokerEntity(brokerId: number | undefined): string {
  return brokerId === undefined ? defaultEntityName : String(brokerId);
}

function alreadyExists(topic: string): KafkaError {
  return new KafkaError(ErrorCode.TOPIC_ALREADY_EXISTS, `Topic '${topic}' already exists.`);
}

function assigned(replicas: readonly number[]): ReplicaAssignment {
  return { replicas, addingReplicas: [], removingReplicas: [] };
}

function isBeingReassigned({ addingReplicas, removingReplicas }: ReplicaAssignment): boolean {
  return addingReplicas.length > 0 || removingReplicas.length > 0;
}

function topicAssignment(topicId: string, assignment: PartitionAssignment): TopicAssignment {
  return { topicId, partitions: new Map([...assignment].map(([partition, ids]) => [partition, assigned(ids)])) };
}

/** Whether a topic has the partitions that were written, whatever the controller has written since. */
function isGrownTo({ partitions }: TopicAssignment, wanted: TopicAssignment): boolean {
  return partitions.size === wanted.partitions.size;
}

function requireFewPartitions(partitions: number): void {
  if (partitions > maxPartitions) {
    throw new KafkaError(
      ErrorCode.INVALID_PARTITIONS,
      `Number of partitions ${partitions} is larger than ${maxPartitions}: the assignment of one topic would not fit into its znode.`,
    );
  }
}

function requireFittingZNode(assignment: TopicAssignment): void {
  const bytes = TopicZNode.encode(assignment).length;
  if (bytes > maxTopicZNodeBytes) {
    throw new KafkaError(
      ErrorCode.INVALID_PARTITIONS,
      `The assignment of ${assignment.partitions.size} partitions takes ${bytes} bytes, and no more than ${maxTopicZNodeBytes} fit into the topic's znode.`,
    );
  }
}

function invalidAssignment(message: string): KafkaError {
  return new KafkaError(ErrorCode.INVALID_REPLICA_ASSIGNMENT, message);
}

function validateNewAssignment(assignment: PartitionAssignment): void {
  const replicationFactor = assignment.values().next().value?.length ?? 0;
  for (let partition = 0; partition < assignment.size; partition++) {
    if (!assignment.has(partition)) {
      throw invalidAssignment('partitions should be a consecutive 0-based integer sequence');
    }
  }
  for (const [partition, replicas] of assignment) {
    if (replicas.length === 0) {
      throw invalidAssignment(`Cannot have replication factor of 0 for partition id ${partition}.`);
    }
    if (replicas.length !== replicationFactor) {
      throw invalidAssignment('All partitions should have the same number of replicas');
    }
    if (new Set(replicas).size !== replicas.length) {
      throw invalidAssignment(
        `Duplicate replica assignment found: partition ${partition} has replicas [${replicas.join(', ')}]`,
      );
    }
  }
}

function validateAddedReplicas(
  added: readonly (readonly number[])[],
  old: number,
  count: number,
  replicationFactor: number,
  brokers: ReadonlySet<number>,
): void {
  const unknown = [...new Set(added.flat())].filter((id) => !brokers.has(id));
  if (unknown.length > 0) throw invalidAssignment(`Unknown broker(s) in replica assignment: ${unknown.join(', ')}.`);
  if (added.length !== count - old) {
    throw invalidAssignment(
      `Increasing the number of partitions by ${count - old} but ${added.length} assignments provided.`,
    );
  }
  added.forEach((replicas, i) => {
    if (replicas.length === 0) {
      throw invalidAssignment(`Cannot have replication factor of 0 for partition id ${old + i}.`);
    }
    if (new Set(replicas).size !== replicas.length) {
      throw invalidAssignment(
        `Duplicate brokers not allowed in replica assignment: ${replicas.join(', ')} for partition id ${old + i}.`,
      );
    }
  });
  const bad = added
    .map((replicas, i) => ({ partition: old + i, factor: replicas.length }))
    .filter(({ factor }) => factor !== replicationFactor);
  if (bad.length > 0) {
    throw invalidAssignment(
      `Inconsistent replication factor between partitions, partition 0 has ${replicationFactor} while partitions [${bad.map(({ partition }) => partition).join(', ')}] have replication factors [${bad.map(({ factor }) => factor).join(', ')}], respectively.`,
    );
  }
}
