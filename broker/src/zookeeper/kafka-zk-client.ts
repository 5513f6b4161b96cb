import type { Io } from '../io/io';
import type { Logger } from '../logging/logger';
import { awaitEphemeralGone, createCheckedEphemeral, type EphemeralWait } from './checked-ephemeral';
import { ZooKeeperClient, type ZooKeeperClientOptions } from './client';
import { isKeeperException, KeeperException } from './keeper-exception';
import { checkOp, createOp, setDataOp } from './multi-ops';
import { anyVersion, CreateMode, KeeperCode, type Stat } from './requests';
import { ControllerMovedException, ZkOperations } from './zk-operations';
import {
  DeleteTopicsZNode,
  PreferredReplicaElectionZNode,
  ReassignPartitionsZNode,
  type Reassignment,
} from './znodes/admin';
import { BrokerIdsZNode, BrokerIdZNode, type BrokerInfo } from './znodes/broker-id';
import { BrokerSequenceIdZNode, ClusterIdZNode } from './znodes/cluster-id';
import {
  ConfigChangeZNode,
  ConfigEntityTypeZNode,
  ConfigEntityZNode,
  ConfigType,
  type ConfigChange,
} from './znodes/config-entity';
import { ControllerEpochZNode, ControllerZNode, type ControllerRegistration } from './znodes/controller';
import { FeatureZNode, type FinalizedFeatures } from './znodes/feature';
import { persistentZkPaths } from './znodes/kafka-paths';
import { IsrChangeNotificationZNode, LogDirEventNotificationZNode } from './znodes/notifications';
import {
  TopicPartitionStateZNode,
  TopicPartitionsZNode,
  TopicPartitionZNode,
  type PartitionState,
  type TopicPartition,
  type VersionedPartitionState,
} from './znodes/partition-state';
import { producerIdBlockSize, ProducerIdBlockZNode, type ProducerIdsBlock } from './znodes/producer-id-block';
import { TopicsZNode, TopicZNode, type TopicAssignment } from './znodes/topic';

export interface KafkaZkClientOptions extends ZooKeeperClientOptions {
  /** zookeeper.set.acl: znodes are created for this client's identity alone, readable by all where that is harmless. */
  readonly secure?: boolean;
}

/** A broker and its epoch: the zxid that its registration was created with. */
export interface RegisteredBroker extends BrokerInfo {
  readonly brokerEpoch: bigint;
}

/** The controller's epoch, and the version of /controller_epoch that its writes give. */
export interface ControllerEpoch {
  readonly epoch: number;
  readonly zkVersion: number;
}

/** A state to be written where the znode has this version (the partition epoch). */
export interface PartitionStateUpdate extends TopicPartition {
  readonly state: PartitionState;
  readonly partitionEpoch: number;
}

/**
 * What became of one state: the new partition epoch; `retry` when the znode has another version (it is to be read
 * again); or why it failed.
 */
export type PartitionStateOutcome =
  | { readonly partition: TopicPartition; readonly partitionEpoch: number }
  | { readonly partition: TopicPartition; readonly retry: true }
  | { readonly partition: TopicPartition; readonly error: Error };

/**
 * Kafka's operations on ZooKeeper (kafka.zk.KafkaZkClient). All wait for a connection. `controllerEpochZkVersion` on
 * writes of the controller: they are done only while /controller_epoch has that version, and reject with
 * ControllerMovedException when it has not.
 */
export class KafkaZkClient extends ZkOperations {
  // Of the session that the broker was registered with: its node may outlive it (KAFKA-7165).
  private registeredSessionId: bigint | undefined;

  constructor(io: Io, logger: Logger, options: KafkaZkClientOptions) {
    super(io, logger, new ZooKeeperClient(io, logger, options), options.secure ?? false);
  }

  /**
   * Connects; creates the chroot when it is missing. Rejects with ZooKeeperClientTimeoutException when no server takes
   * a session within connectionTimeoutMs, or never with `wait`.
   */
  async connect({ wait = false }: { readonly wait?: boolean } = {}): Promise<void> {
    if (wait) {
      this.client.start();
      await this.client.waitUntilConnected();
    } else {
      await this.client.connect();
    }
    await this.retry(() => this.client.createChroot((path) => this.acl(path)));
  }

  async close(): Promise<void> {
    this.handlers.clear();
    await this.client.close();
  }

  /** Creates what every broker expects to find. */
  async createTopLevelPaths(): Promise<void> {
    await Promise.all(persistentZkPaths.map((path) => this.makeSurePersistentPathExists(path)));
  }

  // Cluster

  async getClusterId(): Promise<string | undefined> {
    const found = await this.get(ClusterIdZNode.path);
    return found && ClusterIdZNode.decode(found.data);
  }

  /** The cluster's id, which is `proposed` if it had none. */
  async createOrGetClusterId(proposed: string): Promise<string> {
    try {
      await this.createRecursive(ClusterIdZNode.path, ClusterIdZNode.encode(proposed));
      return proposed;
    } catch (error) {
      if (!isKeeperException(error, KeeperCode.NODEEXISTS)) throw error;
    }
    const id = await this.getClusterId();
    if (id === undefined) throw new Error(`${ClusterIdZNode.path} was there and has gone: was it deleted just now?`);
    return id;
  }

  /** 1 and up: with reserved.broker.max.id added, a broker id that no other broker has. */
  async generateBrokerSequenceId(): Promise<number> {
    for (;;) {
      try {
        const stat = await this.set(BrokerSequenceIdZNode.path, Buffer.alloc(0));
        return stat.version;
      } catch (error) {
        if (!isKeeperException(error, KeeperCode.NONODE)) throw error;
      }
      await this.makeSurePersistentPathExists(BrokerSequenceIdZNode.path);
    }
  }

  /** The next block of producer ids, for this broker. */
  async allocateProducerIdBlock(
    brokerId: number,
    controllerEpochZkVersion: number = anyVersion,
  ): Promise<ProducerIdsBlock> {
    const path = ProducerIdBlockZNode.path;
    for (;;) {
      const found = await this.get(path);
      if (found === undefined) {
        await this.makeSurePersistentPathExists(path);
        continue;
      }
      // The path is created without data.
      const last = found.data === null || found.data.length === 0 ? undefined : ProducerIdBlockZNode.decode(found.data);
      const firstProducerId = last === undefined ? 0 : last.firstProducerId + last.size;
      if (firstProducerId > Number.MAX_SAFE_INTEGER - producerIdBlockSize) {
        throw new Error(`producer ids are used up: ${path} gives out ${firstProducerId} next, 2^53 is the end`);
      }
      const block = { brokerId, firstProducerId, size: producerIdBlockSize };
      try {
        await this.set(path, ProducerIdBlockZNode.encode(block), found.stat.version, controllerEpochZkVersion);
        return block;
      } catch (error) {
        // Another took it, or this very write was done and its reply lost: then the block is left unused. Ids are
        // plenty, and one given out twice is worse.
        if (!isKeeperException(error, KeeperCode.BADVERSION)) throw error;
      }
    }
  }

  async getFeatures(): Promise<(FinalizedFeatures & { readonly zkVersion: number }) | undefined> {
    const found = await this.get(FeatureZNode.path);
    return found && { ...FeatureZNode.decode(found.data), zkVersion: found.stat.version };
  }

  async createFeatures(features: FinalizedFeatures, controllerEpochZkVersion: number = anyVersion): Promise<void> {
    await this.create(FeatureZNode.path, FeatureZNode.encode(features), controllerEpochZkVersion);
  }

  /** Returns the znode's new version. */
  async updateFeatures(features: FinalizedFeatures, controllerEpochZkVersion: number = anyVersion): Promise<number> {
    const data = FeatureZNode.encode(features);
    return (await this.set(FeatureZNode.path, data, anyVersion, controllerEpochZkVersion)).version;
  }

  // Brokers

  /**
   * Registers the broker for this session and returns its broker epoch. When another session has the id it waits for
   * that one to end (half again the session timeout, servers being slow to end one), then rejects with
   * EphemeralHeldException.
   */
  async registerBroker(broker: BrokerInfo): Promise<bigint> {
    const path = BrokerIdZNode.path(broker.id);
    const stat = await createCheckedEphemeral(this.io, this.logger, this.client, {
      data: BrokerIdZNode.encode(broker),
      acl: this.acl(path),
      previousSessionId: this.registeredSessionId,
      ...this.registrationWait(broker.id),
    });
    this.registeredSessionId = stat.ephemeralOwner;
    this.logger.info(`Broker ${broker.id} is registered at ${path} with broker epoch ${stat.czxid}.`);
    return stat.czxid;
  }

  /** Waits until no other session has registered the broker, as long as `registerBroker` does. */
  awaitDeregistration(id: number): Promise<void> {
    return awaitEphemeralGone(this.io, this.logger, this.client, this.registrationWait(id));
  }

  private registrationWait(id: number): EphemeralWait {
    return {
      path: BrokerIdZNode.path(id),
      waitMs: this.client.negotiatedTimeoutMs * 1.5 + 1000,
      what: `broker ${id}`,
      advice: `another broker with broker.id=${id} is running; stop it, or give this one another broker.id`,
    };
  }

  async updateBroker(broker: BrokerInfo): Promise<void> {
    await this.set(BrokerIdZNode.path(broker.id), BrokerIdZNode.encode(broker));
  }

  async getBroker(id: number): Promise<RegisteredBroker | undefined> {
    const found = await this.get(BrokerIdZNode.path(id));
    return found && { ...BrokerIdZNode.decode(id, found.data), brokerEpoch: found.stat.czxid };
  }

  /** In ascending order. Watched by the handler of BrokerIdsZNode.path. */
  async getBrokerIds(): Promise<number[]> {
    const names = await this.children(BrokerIdsZNode.path);
    return names.map(Number).sort((a, b) => a - b);
  }

  /** By ascending id. */
  async getBrokers(): Promise<RegisteredBroker[]> {
    const ids = await this.getBrokerIds();
    const brokers = await Promise.all(ids.map((id) => this.getBroker(id)));
    return brokers.filter((broker) => broker !== undefined);
  }

  // Controller

  /** Watched by the handler of ControllerZNode.path. */
  async getController(): Promise<(ControllerRegistration & { readonly zkVersion: number }) | undefined> {
    const found = await this.get(ControllerZNode.path);
    return found && { ...ControllerZNode.decode(found.data), zkVersion: found.stat.version };
  }

  async getControllerEpoch(): Promise<ControllerEpoch | undefined> {
    const found = await this.get(ControllerEpochZNode.path);
    return found && { epoch: ControllerEpochZNode.decode(found.data), zkVersion: found.stat.version };
  }

  /**
   * Makes this broker the controller and raises the controller epoch, both or neither. Rejects with
   * ControllerMovedException when another broker was first.
   */
  async registerControllerAndIncrementControllerEpoch(brokerId: number): Promise<ControllerEpoch> {
    const current = (await this.getControllerEpoch()) ?? (await this.createControllerEpoch());
    const epoch = current.epoch + 1;
    const registration = ControllerZNode.encode(brokerId, this.io.clock.wallMs());
    try {
      const [, set] = await this.retry(() =>
        this.client.multi([
          createOp(ControllerZNode.path, registration, {
            mode: CreateMode.ephemeral,
            acl: this.acl(ControllerZNode.path),
          }),
          setDataOp(ControllerEpochZNode.path, ControllerEpochZNode.encode(epoch), current.zkVersion),
        ]),
      );
      return { epoch, zkVersion: set.stat.version };
    } catch (error) {
      if (!isKeeperException(error, KeeperCode.NODEEXISTS, KeeperCode.BADVERSION)) throw error;
    }
    // It may have been this very multi, whose reply was lost: then both nodes are as it would have left them.
    const found = await this.get(ControllerZNode.path);
    const controller = found && ControllerZNode.decode(found.data);
    // That of an earlier session, of this broker even, goes with it.
    if (controller?.brokerId === brokerId && found?.stat.ephemeralOwner === this.client.sessionId) {
      const raised = await this.getControllerEpoch();
      if (raised?.epoch === epoch) return raised;
    }
    throw new ControllerMovedException(
      controller === undefined
        ? `another broker was the controller for a moment, while broker ${brokerId} tried to become it`
        : `broker ${controller.brokerId} has become the controller before broker ${brokerId}`,
    );
  }

  async deleteController(controllerEpochZkVersion: number): Promise<void> {
    await this.delete(ControllerZNode.path, controllerEpochZkVersion);
  }

  // Topics

  /** Watched by the handler of TopicsZNode.path. */
  async getTopics(): Promise<string[]> {
    return [...(await this.children(TopicsZNode.path))];
  }

  /** The topics as of now, even where the server that this client is connected to is behind the others. */
  async getTopicsNow(): Promise<string[]> {
    await this.retry(() => this.client.sync(TopicsZNode.path));
    return await this.getTopics();
  }

  /** Watched by the handler of TopicZNode.path(topic). */
  async getTopicAssignment(topic: string): Promise<TopicAssignment | undefined> {
    const found = await this.get(TopicZNode.path(topic));
    return found && TopicZNode.decode(topic, found.data);
  }

  /**
   * As of now, even where the server that this client is connected to is behind the others; `undefined` for a topic that
   * is not there.
   */
  async getTopicPartitionCountNow(topic: string): Promise<number | undefined> {
    await this.retry(() => this.client.sync(TopicsZNode.path));
    return (await this.getTopicAssignment(topic))?.partitions.size;
  }

  /** With the version for a write that is done only if nobody else has written meanwhile. */
  async getVersionedTopicAssignment(
    topic: string,
  ): Promise<{ readonly assignment: TopicAssignment; readonly zkVersion: number } | undefined> {
    const found = await this.get(TopicZNode.path(topic));
    return found && { assignment: TopicZNode.decode(topic, found.data), zkVersion: found.stat.version };
  }

  /** Those that are there. */
  async getTopicAssignments(topics: Iterable<string>): Promise<Map<string, TopicAssignment>> {
    const found = new Map<string, TopicAssignment>();
    await Promise.all(
      [...topics].map(async (topic) => {
        const assignment = await this.getTopicAssignment(topic);
        if (assignment !== undefined) found.set(topic, assignment);
      }),
    );
    return found;
  }

  /** Rejects with NODEEXISTS when the topic is there. */
  async createTopicAssignment(topic: string, assignment: TopicAssignment): Promise<void> {
    await this.createRecursive(TopicZNode.path(topic), TopicZNode.encode(assignment));
  }

  async setTopicAssignment(
    topic: string,
    assignment: TopicAssignment,
    controllerEpochZkVersion: number = anyVersion,
    zkVersion: number = anyVersion,
  ): Promise<void> {
    await this.set(TopicZNode.path(topic), TopicZNode.encode(assignment), zkVersion, controllerEpochZkVersion);
  }

  async deleteTopic(topic: string, controllerEpochZkVersion: number): Promise<void> {
    await this.deleteRecursive(TopicZNode.path(topic), controllerEpochZkVersion);
  }

  // Partition states

  async getPartitionState(partition: TopicPartition): Promise<VersionedPartitionState | undefined> {
    const found = await this.get(TopicPartitionStateZNode.path(partition));
    if (!found) return undefined;
    const state = TopicPartitionStateZNode.decode(partition, found.data, found.stat.version);
    return { ...state, writtenZxid: found.stat.mzxid };
  }

  /** In the order given; undefined for those without a state. */
  getPartitionStates(partitions: Iterable<TopicPartition>): Promise<(VersionedPartitionState | undefined)[]> {
    return Promise.all([...partitions].map((partition) => this.getPartitionState(partition)));
  }

  /**
   * Writes the first states of partitions, at version 0, and the nodes above them. A partition whose topic is gone, or
   * which has a state, has an error; the others are written all the same.
   */
  async createPartitionStates(
    states: readonly { readonly partition: TopicPartition; readonly state: PartitionState }[],
    controllerEpochZkVersion: number,
  ): Promise<PartitionStateOutcome[]> {
    const topics = new Set(states.map(({ partition }) => partition.topic));
    const made = new Map(
      [...topics].map((topic) => [
        topic,
        this.createMissing(TopicPartitionsZNode.path(topic), controllerEpochZkVersion),
      ]),
    );
    return await Promise.all(
      states.map(({ partition, state }) =>
        outcome(partition, async () => {
          await made.get(partition.topic);
          await this.createPartitionState(partition, TopicPartitionStateZNode.encode(state), controllerEpochZkVersion);
          return 0;
        }),
      ),
    );
  }

  /** Writes states, each where its version is the expected one. */
  setPartitionStates(
    updates: readonly PartitionStateUpdate[],
    controllerEpochZkVersion: number,
  ): Promise<PartitionStateOutcome[]> {
    return Promise.all(
      updates.map(({ topic, partition, state, partitionEpoch }) =>
        outcome({ topic, partition }, async () => {
          const path = TopicPartitionStateZNode.path({ topic, partition });
          const data = TopicPartitionStateZNode.encode(state);
          return (await this.set(path, data, partitionEpoch, controllerEpochZkVersion)).version;
        }),
      ),
    );
  }

  /**
   * A leader's own change of its partition's state, where that has the expected version (ReplicationUtils of Kafka).
   * Returns the new partition epoch; `undefined` when somebody else has written it, or it is gone.
   */
  async updateLeaderAndIsr({
    topic,
    partition,
    state,
    partitionEpoch,
  }: PartitionStateUpdate): Promise<number | undefined> {
    const path = TopicPartitionStateZNode.path({ topic, partition });
    const data = TopicPartitionStateZNode.encode(state);
    try {
      return (await this.set(path, data, partitionEpoch)).version;
    } catch (error) {
      if (!isKeeperException(error, KeeperCode.BADVERSION, KeeperCode.NONODE)) throw error;
    }
    // It may have been this very write, whose reply was lost.
    const found = await this.get(path);
    return found?.data?.equals(data) && found.stat.version === partitionEpoch + 1 ? found.stat.version : undefined;
  }

  // Configuration

  /** Empty when there is none. */
  async getEntityConfig(type: string, sanitizedName: string): Promise<Map<string, string>> {
    const path = ConfigEntityZNode.path(type, sanitizedName);
    const found = await this.get(path);
    return found === undefined ? new Map() : ConfigEntityZNode.decode(path, found.data);
  }

  getEntitiesWithConfig(type: string): Promise<readonly string[]> {
    return this.children(ConfigEntityTypeZNode.path(type));
  }

  /**
   * Writes an entity's whole configuration. With `requireController` (as brokers do; tools that set up a cluster that
   * has not started do not) it is done only while the controller stays the same, a broker and not a KRaft one;
   * otherwise it rejects with ControllerMovedException. It does not notify.
   */
  async setEntityConfig(
    type: string,
    sanitizedName: string,
    config: ReadonlyMap<string, string>,
    { requireController = true }: { readonly requireController?: boolean } = {},
  ): Promise<void> {
    const path = ConfigEntityZNode.path(type, sanitizedName);
    const data = ConfigEntityZNode.encode(config);
    const set = requireController ? await this.setterUnderController(path, data) : () => this.set(path, data);
    try {
      await set();
    } catch (error) {
      if (!isKeeperException(error, KeeperCode.NONODE) || error.path !== path) throw error;
      try {
        await this.createRecursive(path, data);
      } catch (error) {
        if (!isKeeperException(error, KeeperCode.NODEEXISTS)) throw error;
        await set();
      }
    }
  }

  async deleteTopicConfigs(topics: Iterable<string>, controllerEpochZkVersion: number): Promise<void> {
    const paths = [...topics].map((topic) => ConfigEntityZNode.path(ConfigType.topics, topic));
    await Promise.all(paths.map((path) => this.delete(path, controllerEpochZkVersion)));
  }

  async createConfigChangeNotification(change: ConfigChange): Promise<void> {
    await this.makeSurePersistentPathExists(ConfigChangeZNode.parent);
    await this.createSequentialPersistentPath(ConfigChangeZNode.createPath, ConfigChangeZNode.encode(change));
  }

  /** Names of the notifications, oldest first. Watched by the handler of ConfigChangeZNode.parent. */
  async getConfigChangeNotifications(): Promise<string[]> {
    return (await this.children(ConfigChangeZNode.parent)).toSorted();
  }

  /** What a notification says, and when it was made (wall time of ZooKeeper, ms). */
  async getConfigChange(name: string): Promise<(ConfigChange & { readonly createdMs: number }) | undefined> {
    const found = await this.get(ConfigChangeZNode.path(name));
    return found && { ...ConfigChangeZNode.decode(name, found.data), createdMs: found.stat.ctime };
  }

  async deleteConfigChange(name: string): Promise<void> {
    await this.delete(ConfigChangeZNode.path(name));
  }

  // Administration

  /** Asks the controller to delete a topic. Rejects with NODEEXISTS when that was asked for already. */
  async createDeleteTopicPath(topic: string): Promise<void> {
    await this.createRecursive(DeleteTopicsZNode.topicPath(topic));
  }

  isTopicMarkedForDeletion(topic: string): Promise<boolean> {
    return this.pathExists(DeleteTopicsZNode.topicPath(topic));
  }

  /** Topics that are to be deleted. Watched by the handler of DeleteTopicsZNode.path. */
  getTopicDeletions(): Promise<readonly string[]> {
    return this.children(DeleteTopicsZNode.path);
  }

  async deleteTopicDeletions(topics: Iterable<string>, controllerEpochZkVersion: number): Promise<void> {
    const paths = [...topics].map(DeleteTopicsZNode.topicPath);
    await Promise.all(paths.map((path) => this.delete(path, controllerEpochZkVersion)));
  }

  /** Reassignments that an old tool has asked for. Watched by the handler of ReassignPartitionsZNode.path. */
  async getPartitionReassignments(): Promise<Reassignment[]> {
    const found = await this.get(ReassignPartitionsZNode.path);
    return found === undefined ? [] : ReassignPartitionsZNode.decode(found.data);
  }

  async setOrCreatePartitionReassignments(
    reassignments: Iterable<Reassignment>,
    controllerEpochZkVersion: number,
  ): Promise<void> {
    const data = ReassignPartitionsZNode.encode(reassignments);
    try {
      await this.set(ReassignPartitionsZNode.path, data, anyVersion, controllerEpochZkVersion);
    } catch (error) {
      if (!isKeeperException(error, KeeperCode.NONODE)) throw error;
      await this.create(ReassignPartitionsZNode.path, data, controllerEpochZkVersion);
    }
  }

  async deletePartitionReassignments(controllerEpochZkVersion: number): Promise<void> {
    await this.delete(ReassignPartitionsZNode.path, controllerEpochZkVersion);
  }

  /** Elections that an old tool has asked for. Watched by the handler of PreferredReplicaElectionZNode.path. */
  async getPreferredReplicaElection(): Promise<TopicPartition[]> {
    const found = await this.get(PreferredReplicaElectionZNode.path);
    return found === undefined ? [] : PreferredReplicaElectionZNode.decode(found.data);
  }

  async deletePreferredReplicaElection(controllerEpochZkVersion: number): Promise<void> {
    await this.delete(PreferredReplicaElectionZNode.path, controllerEpochZkVersion);
  }

  // Notifications

  async propagateIsrChanges(partitions: Iterable<TopicPartition>): Promise<void> {
    const data = IsrChangeNotificationZNode.encode(partitions);
    await this.createSequentialPersistentPath(IsrChangeNotificationZNode.createPath, data);
  }

  /** Names of the notifications. Watched by the handler of IsrChangeNotificationZNode.parent. */
  getIsrChangeNotifications(): Promise<readonly string[]> {
    return this.children(IsrChangeNotificationZNode.parent);
  }

  async getPartitionsOfIsrChanges(names: readonly string[]): Promise<TopicPartition[]> {
    const found = await Promise.all(names.map((name) => this.get(IsrChangeNotificationZNode.path(name))));
    return found.flatMap((node, i) =>
      node === undefined ? [] : IsrChangeNotificationZNode.decode(names[i]!, node.data),
    );
  }

  async deleteIsrChangeNotifications(names: readonly string[], controllerEpochZkVersion: number): Promise<void> {
    const paths = names.map(IsrChangeNotificationZNode.path);
    await Promise.all(paths.map((path) => this.delete(path, controllerEpochZkVersion)));
  }

  async propagateLogDirEvent(brokerId: number): Promise<void> {
    const data = LogDirEventNotificationZNode.encode(brokerId);
    await this.createSequentialPersistentPath(LogDirEventNotificationZNode.createPath, data);
  }

  /** Names of the notifications. Watched by the handler of LogDirEventNotificationZNode.parent. */
  getLogDirEventNotifications(): Promise<readonly string[]> {
    return this.children(LogDirEventNotificationZNode.parent);
  }

  async getBrokerIdsOfLogDirEvents(names: readonly string[]): Promise<number[]> {
    const found = await Promise.all(names.map((name) => this.get(LogDirEventNotificationZNode.path(name))));
    return found.flatMap((node, i) =>
      node === undefined ? [] : [LogDirEventNotificationZNode.decode(names[i]!, node.data)],
    );
  }

  async deleteLogDirEventNotifications(names: readonly string[], controllerEpochZkVersion: number): Promise<void> {
    const paths = names.map(LogDirEventNotificationZNode.path);
    await Promise.all(paths.map((path) => this.delete(path, controllerEpochZkVersion)));
  }

  private async createControllerEpoch(): Promise<ControllerEpoch> {
    const { path, initialEpoch } = ControllerEpochZNode;
    try {
      await this.create(path, ControllerEpochZNode.encode(initialEpoch));
      return { epoch: initialEpoch, zkVersion: 0 };
    } catch (error) {
      if (!isKeeperException(error, KeeperCode.NODEEXISTS)) throw error;
    }
    const epoch = await this.getControllerEpoch();
    if (epoch === undefined) throw new Error(`${path} was there and has gone: was it deleted just now?`);
    return epoch;
  }

  private async createMissing(path: string, controllerEpochZkVersion: number): Promise<void> {
    try {
      await this.create(path, null, controllerEpochZkVersion);
    } catch (error) {
      if (!isKeeperException(error, KeeperCode.NODEEXISTS)) throw error;
    }
  }

  /** The partition's node and its state's, in one go. */
  private async createPartitionState(
    partition: TopicPartition,
    data: Buffer,
    controllerEpochZkVersion: number,
  ): Promise<void> {
    const path = TopicPartitionZNode.path(partition);
    const statePath = TopicPartitionStateZNode.path(partition);
    const createState = createOp(statePath, data, { acl: this.acl(statePath) });
    try {
      await this.checkedAll([createOp(path, null, { acl: this.acl(path) }), createState], controllerEpochZkVersion);
    } catch (error) {
      if (!isKeeperException(error, KeeperCode.NODEEXISTS) || error.path !== path) throw error;
      await this.checked(createState, controllerEpochZkVersion);
    }
  }

  private async setterUnderController(path: string, data: Buffer): Promise<() => Promise<Stat>> {
    const controller = await this.getController();
    if (controller === undefined) {
      throw new ControllerMovedException(`${path} is not written: there is no controller`);
    }
    if (controller.kraftControllerEpoch > 0) {
      throw new ControllerMovedException(`${path} is not written: a KRaft controller has taken over`);
    }
    return async () => {
      const check = checkOp(ControllerZNode.path, controller.zkVersion);
      try {
        const [, set] = await this.retry(() => this.client.multi([check, setDataOp(path, data)]));
        return set.stat;
      } catch (error) {
        if (error instanceof KeeperException && error.path === ControllerZNode.path) {
          throw new ControllerMovedException(`${path} is not written: the controller has changed meanwhile`);
        }
        throw error;
      }
    };
  }
}

async function outcome(partition: TopicPartition, write: () => Promise<number>): Promise<PartitionStateOutcome> {
  try {
    return { partition, partitionEpoch: await write() };
  } catch (error) {
    if (error instanceof ControllerMovedException) throw error;
    if (isKeeperException(error, KeeperCode.BADVERSION)) return { partition, retry: true };
    return { partition, error: error instanceof Error ? error : new Error(String(error)) };
  }
}
