import { isAtLeastVersion } from '../config/metadata-version';
import type { Timer } from '../io/clock';
import type { Io } from '../io/io';
import type { Logger } from '../logging/logger';
import { ErrorCode, errorName } from '../protocol/errors';
import type { AlterPartitionRequest } from '../protocol/messages/alter-partition';
import type { LeaderAndIsrResponse } from '../protocol/messages/leader-and-isr';
import type { StopReplicaResponse } from '../protocol/messages/stop-replica';
import type { UpdateFeaturesRequest, UpdateFeaturesResponse } from '../protocol/messages/update-features';
import type { InputOf } from '../protocol/schema';
import { isKeeperException } from '../zookeeper/keeper-exception';
import type { KafkaZkClient, RegisteredBroker } from '../zookeeper/kafka-zk-client';
import { KeeperCode } from '../zookeeper/requests';
import { DeleteTopicsZNode, PreferredReplicaElectionZNode, ReassignPartitionsZNode } from '../zookeeper/znodes/admin';
import { BrokerIdsZNode, BrokerIdZNode, type EndPoint } from '../zookeeper/znodes/broker-id';
import { FeatureZNodeStatus } from '../zookeeper/znodes/feature';
import { IsrChangeNotificationZNode, LogDirEventNotificationZNode } from '../zookeeper/znodes/notifications';
import type { TopicPartition } from '../zookeeper/znodes/partition-state';
import { TopicsZNode, TopicZNode, type TopicAssignment } from '../zookeeper/znodes/topic';
import { ZnodeError } from '../zookeeper/znodes/znode-error';
import { alterPartitions, type AlterPartitionResponseInput } from './alter-partition';
import { isBeingReassigned } from './assignment-changes';
import type { BrokerChannel } from './broker-channel';
import { controlRequestVersions } from './control-request-versions';
import { ControllerBrokerRequestBatch, type BrokerLife } from './controller-broker-request-batch';
import { ControllerChannelManager, type ControllerChannelOptions } from './controller-channel-manager';
import {
  replicasOf,
  type ControlledPartition,
  type ControlledTopic,
  type ControllerContext,
  type Replica,
} from './controller-context';
import { validateFeatureUpdate } from './feature-updates';
import { canPreferredLead, type ElectionStrategy } from './election';
import { PartitionStateMachine, type Elections } from './partition-state-machine';
import { PartitionStates, StateChangeFailedException } from './partition-states';
import { ReassignmentManager, type ApiError } from './reassignment-manager';
import { ReplicaStateMachine } from './replica-state-machine';
import { TopicDeletionManager } from './topic-deletion-manager';
import { newTopicId } from './topic-id';

export interface ActiveControllerOptions {
  readonly brokerId: number;
  /** inter.broker.listener.name: where brokers reach each other. */
  readonly interBrokerListenerName: string;
  /** control.plane.listener.name: where the controller reaches brokers. @default interBrokerListenerName */
  readonly controlPlaneListenerName?: string;
  /** inter.broker.protocol.version @default 3.9-IV0 */
  readonly interBrokerProtocolVersion?: string;
  /** delete.topic.enable */
  readonly deleteTopicEnable: boolean;
  /** auto.leader.rebalance.enable @default true */
  readonly autoLeaderRebalanceEnable?: boolean;
  /** leader.imbalance.check.interval.seconds @default 300 */
  readonly leaderImbalanceCheckIntervalSeconds?: number;
  /** leader.imbalance.per.broker.percentage @default 10 */
  readonly leaderImbalancePerBrokerPercentage?: number;
  /** unclean.leader.election.enable of a topic, now. */
  readonly uncleanLeaderElection: (topic: string) => Promise<boolean>;
  /** The way to a broker that is in this process: this very one. `undefined`: it is connected to. */
  readonly channel: (brokerId: number) => BrokerChannel | undefined;
  /** Connects to another broker's listener, authenticated where that is needed. */
  readonly connect: ControllerChannelOptions['connect'];
}

/** How a controller in office puts off what it has to do: while it is in office, one after the other. */
export interface ControllerEvents {
  /** One that waits already stands for the new one; one that fails is tried again. */
  put(name: string, run: () => Promise<void>): void;
  add(name: string, run: () => Promise<void>): void;
  /** A broker knows of a newer controller. */
  doubted(): void;
}

export const ElectionType = { PREFERRED: 0, UNCLEAN: 1 } as const;
export type ElectionType = (typeof ElectionType)[keyof typeof ElectionType];

/** How long what failed waits before it is tried again, milliseconds: a broker may have to be mended first. */
const retryMs = 5_000;
/** auto.leader.rebalance.enable: how long after the failover it is looked at for the first time, milliseconds. */
const firstRebalanceMs = 5_000;

/** A controller's term of office: everything it does, from the failover to the resignation (KafkaController). */
export class ActiveController {
  readonly context: ControllerContext;
  readonly #io: Io;
  readonly #logger: Logger;
  readonly #zk: KafkaZkClient;
  readonly #options: ActiveControllerOptions;
  readonly #events: ControllerEvents;
  readonly #interBrokerProtocolVersion: string;
  readonly #channels: ControllerChannelManager;
  readonly #states: PartitionStates;
  readonly #replicas: ReplicaStateMachine;
  readonly #partitions: PartitionStateMachine;
  readonly #deletion: TopicDeletionManager;
  readonly #reassignments: ReassignmentManager;
  readonly #timers = new Map<string, Timer>();
  readonly #topicsToRetry = new Set<ControlledTopic>();
  /** Names of topics that are to be deleted as soon as they are known: they are too new, or cannot be read. */
  readonly #deletionsToCome = new Set<string>();
  /** Brokers whose coming or going has been seen, and what follows from it is not done yet. */
  readonly #brokersUnderway = new Set<number>();
  /** Paths whose handlers this term has registered. */
  readonly #nodes = new Set<string>();

  constructor(
    io: Io,
    logger: Logger,
    zk: KafkaZkClient,
    options: ActiveControllerOptions,
    context: ControllerContext,
    events: ControllerEvents,
  ) {
    this.#io = io;
    this.#logger = logger;
    this.#zk = zk;
    this.#options = options;
    this.context = context;
    this.#events = events;
    this.#interBrokerProtocolVersion = options.interBrokerProtocolVersion ?? '3.9-IV0';
    this.#channels = new ControllerChannelManager(io, logger, {
      listenerName: options.controlPlaneListenerName ?? options.interBrokerListenerName,
      versions: controlRequestVersions(this.#interBrokerProtocolVersion),
      channel: options.channel,
      connect: options.connect,
    });
    const newBatch = (): ControllerBrokerRequestBatch => this.#newBatch();
    const sendUpdateMetadata = (partitions: readonly ControlledPartition[]): void =>
      this.#updateMetadata(context.liveOrShuttingDownBrokerIds, partitions);
    this.#states = new PartitionStates(logger, zk, context);
    this.#replicas = new ReplicaStateMachine(logger, context, this.#states, newBatch);
    this.#partitions = new PartitionStateMachine(logger, context, this.#states, {
      newBatch,
      uncleanLeaderElection: options.uncleanLeaderElection,
      leaderRecoverySupported: this.#isAtLeast('3.2-IV0'),
      failed: () => this.#later('OfflinePartitions', retryMs, () => this.#electMissing()),
    });
    this.#deletion = new TopicDeletionManager(logger, context, this.#replicas, this.#partitions, {
      deleteTopicEnable: options.deleteTopicEnable,
      deleteTopic: (topic) => this.#deleteTopic(topic),
      deleteTopicDeletions: (topics) => zk.deleteTopicDeletions(topics, context.epochZkVersion),
      sendUpdateMetadata,
      retryLater: (topics) => {
        for (const topic of topics) this.#topicsToRetry.add(topic);
        this.#later('TopicDeletionRetry', retryMs, async () => {
          const due = [...this.#topicsToRetry];
          this.#topicsToRetry.clear();
          await this.#deletion.retry(due);
        });
      },
    });
    this.#reassignments = new ReassignmentManager(
      logger,
      zk,
      context,
      this.#states,
      this.#replicas,
      this.#partitions,
      this.#deletion,
      {
        newBatch,
        alterPartitionSupported: this.#isAtLeast('2.7-IV2'),
        sendUpdateMetadata,
        isrChanged: (partition) =>
          events.put(`PartitionReassignmentIsrChange ${partition}`, () =>
            this.#reassignments.maybeComplete([partition]),
          ),
        zkReassignmentDone: () => this.#putZkReassignment(),
      },
    );
  }

  /** Reads everything, tells everybody, and does what was left undone (KafkaController.onControllerFailover). */
  async failover(): Promise<void> {
    const { context } = this;
    await this.#setUpFeatures();
    this.#registerHandlers();
    // Whatever they tell of is read now.
    await this.#zk.deleteLogDirEventNotifications(await this.#zk.getLogDirEventNotifications(), context.epochZkVersion);
    await this.#zk.deleteIsrChangeNotifications(await this.#zk.getIsrChangeNotifications(), context.epochZkVersion);
    const unnoticed = await this.#initializeContext();
    await this.#initializeDeletions();
    // Before partitions: a replica can follow only a broker that it has heard of.
    this.#updateMetadata(context.liveOrShuttingDownBrokerIds, []);
    this.#partitions.initialize();
    await this.#elect(ledBefore(context));
    await this.#replicas.startup();
    this.#partitions.initialize();
    await this.#partitions.triggerOnlineStateChange();
    this.#logger.info(
      `The controller of epoch ${context.epoch} is ready: brokers ${context.liveOrShuttingDownBrokerIds.join(',')}, ${context.topics.size} topics, ${[...context.partitions()].length} partitions.`,
    );
    if (unnoticed.length > 0) {
      for (const broker of unnoticed) this.#brokerHasCome(broker);
      await this.#onBrokerStartup(unnoticed.map(({ id }) => id));
    }
    const resumed = await this.#reassignments.processZkReassignment();
    await this.#reassignments.resume((partition) => !resumed.has(partition));
    await this.#deletion.tryTopicDeletion();
    await this.#preferredElectionAskedFor();
    if (this.#options.autoLeaderRebalanceEnable ?? true) this.#scheduleRebalance(firstRebalanceMs);
  }

  /** The term is over: nothing is written, sent or heard of any more. */
  resign(reason: string): void {
    this.context.end(reason);
    this.#reassignments.close();
    for (const path of this.#nodes) this.#zk.handlers.unregisterNode(path);
    for (const path of this.#childPaths()) this.#zk.handlers.unregisterChildren(path);
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
    this.#channels.close();
  }

  /** Resolves when this very broker has handled everything that it was told so far. */
  flushedHere(): Promise<void> {
    return this.#channels.flushed(this.#options.brokerId);
  }

  get channels(): ControllerChannelManager {
    return this.#channels;
  }

  // What brokers and clients ask for

  /** Gives the partitions that the broker still leads. `code` is thrown as a KafkaError's by the caller. */
  async controlledShutdown(
    brokerId: number,
    brokerEpoch: bigint,
  ): Promise<{ readonly code: ErrorCode; readonly remaining: readonly ControlledPartition[] }> {
    const { context } = this;
    const known = context.brokers.get(brokerId)?.epoch;
    if (known === undefined) {
      this.#logger.info(`Broker ${brokerId} wants to shut down, and is not registered.`);
      return { code: ErrorCode.BROKER_NOT_AVAILABLE, remaining: [] };
    }
    if (brokerEpoch !== -1n && brokerEpoch < known) {
      this.#logger.info(`Broker ${brokerId} of epoch ${brokerEpoch} wants to shut down: it has epoch ${known} by now.`);
      return { code: ErrorCode.STALE_BROKER_EPOCH, remaining: [] };
    }
    context.shuttingDownBrokerIds.add(brokerId);
    const concerned = context
      .partitionsOnBroker(brokerId)
      .filter(
        ({ assignment, leadership, topic }) =>
          assignment.replicas.length > 1 && leadership && !context.isQueuedForDeletion(topic),
      );
    const led = concerned.filter(({ leadership }) => leadership!.leader === brokerId);
    const followed = concerned.filter(({ leadership }) => leadership!.leader !== brokerId);
    this.#logger.info(
      `Broker ${brokerId} shuts down: it leads ${led.length} partitions and follows ${followed.length}.`,
    );
    await this.#partitions.toOnline(led, { name: 'controlled-shutdown' });
    const batch = this.#newBatch();
    for (const partition of followed) batch.addStopReplica([brokerId], partition, false);
    batch.send();
    await this.#replicas.toOffline(followed.map((partition) => ({ partition, brokerId })));
    const remaining = concerned.filter(({ leadership }) => leadership!.leader === brokerId);
    return { code: ErrorCode.NONE, remaining };
  }

  async alterPartition(
    request: AlterPartitionRequest,
    version: number,
    answer: (response: AlterPartitionResponseInput) => void,
  ): Promise<void> {
    const { context } = this;
    const { response, concerned, successful } = await alterPartitions(
      this.#logger,
      context,
      this.#states,
      request,
      version,
    );
    if (concerned.length > 0) this.#updateMetadata(context.liveOrShuttingDownBrokerIds, concerned);
    answer(response);
    await this.#reassignments.maybeComplete(successful);
  }

  async allocateProducerIds(
    brokerId: number,
    brokerEpoch: bigint,
  ): Promise<{ readonly code: ErrorCode; readonly start: number; readonly length: number }> {
    const known = this.context.brokers.get(brokerId)?.epoch;
    const refused = (code: ErrorCode): { code: ErrorCode; start: number; length: number } => {
      this.#logger.warn(`Broker ${brokerId} of epoch ${brokerEpoch} gets no producer ids: ${errorName(code)}.`);
      return { code, start: 0, length: 0 };
    };
    if (known === undefined) return refused(ErrorCode.BROKER_ID_NOT_REGISTERED);
    if (known !== brokerEpoch) return refused(ErrorCode.STALE_BROKER_EPOCH);
    const { firstProducerId, size } = await this.#zk.allocateProducerIdBlock(brokerId, this.context.epochZkVersion);
    return { code: ErrorCode.NONE, start: firstProducerId, length: size };
  }

  /** Elections that an administrator asks for; `null`: of all partitions. */
  async electLeaders(
    requested: readonly TopicPartition[] | null,
    type: ElectionType,
  ): Promise<(TopicPartition & { readonly error: ApiError })[]> {
    const { context } = this;
    const errors = new Map<string, TopicPartition & { readonly error: ApiError }>();
    const answer = ({ topic, partition }: TopicPartition, code: ErrorCode, message: string | null = null): void => {
      errors.set(`${topic}-${partition}`, { topic, partition, error: { code, message } });
    };
    const electable: ControlledPartition[] = [];
    const asked = requested ?? [...context.partitions()].map(nameOf);
    for (const each of asked) {
      const partition = context.partition(each.topic, each.partition);
      if (!partition) {
        answer(each, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, 'The partition does not exist.');
      } else if (context.isQueuedForDeletion(partition.topic)) {
        answer(each, ErrorCode.INVALID_TOPIC_EXCEPTION, 'The topic is being deleted');
      } else if (!errors.has(String(partition))) {
        answer(each, ErrorCode.ELECTION_NOT_NEEDED);
        if (this.#needsElection(partition, type)) electable.push(partition);
      }
    }
    const strategy: ElectionStrategy =
      type === ElectionType.PREFERRED ? { name: 'preferred' } : { name: 'offline', allowUnclean: true };
    if (electable.length > 0) this.#logger.info(`${strategy.name} elections are asked for: ${electable.join(', ')}.`);
    const elections = await this.#partitions.toOnline(electable, strategy);
    const notAvailable =
      type === ElectionType.PREFERRED
        ? ErrorCode.PREFERRED_LEADER_NOT_AVAILABLE
        : ErrorCode.ELIGIBLE_LEADERS_NOT_AVAILABLE;
    for (const partition of electable) {
      const elected = elections.get(partition);
      if (elected instanceof StateChangeFailedException) answer(nameOf(partition), notAvailable, elected.message);
      else if (elected instanceof Error) answer(nameOf(partition), ErrorCode.UNKNOWN_SERVER_ERROR, elected.message);
      else if (elected) answer(nameOf(partition), ErrorCode.NONE);
      else if ((partition.leadership?.leader ?? -1) >= 0) answer(nameOf(partition), ErrorCode.NONE);
      else answer(nameOf(partition), notAvailable, 'The partition has no leader yet.');
    }
    const all = [...errors.values()];
    return requested === null ? all.filter(({ error }) => error.code !== ErrorCode.ELECTION_NOT_NEEDED) : all;
  }

  /** KIP-584. */
  async updateFeatures(
    { featureUpdates, validateOnly }: UpdateFeaturesRequest,
    version: number,
  ): Promise<InputOf<typeof UpdateFeaturesResponse>> {
    if (!this.#isFeatureVersioningSupported) {
      const errorMessage = 'Feature versioning system is disabled.';
      return { throttleTimeMs: 0, errorCode: ErrorCode.INVALID_REQUEST, errorMessage, results: [] };
    }
    const found = await this.#zk.getFeatures();
    const existing = found?.features ?? new Map<string, number>();
    const target = new Map(existing);
    const errors = new Map<string, ApiError>();
    for (const update of featureUpdates) {
      const result = validateFeatureUpdate(update, version, existing.get(update.feature));
      if ('error' in result) {
        errors.set(update.feature, result.error);
      } else {
        target.delete(update.feature);
        errors.set(update.feature, { code: ErrorCode.NONE, message: null });
      }
    }
    if (target.size !== existing.size && !validateOnly) {
      const status = FeatureZNodeStatus.enabled;
      await this.#zk.updateFeatures(
        { status, features: target, version: this.#featureVersion },
        this.context.epochZkVersion,
      );
    }
    const results = [...errors].map(([feature, { code, message }]) => ({
      feature,
      errorCode: code,
      errorMessage: message,
    }));
    return { throttleTimeMs: 0, errorCode: ErrorCode.NONE, errorMessage: null, results };
  }

  get reassignments(): ReassignmentManager {
    return this.#reassignments;
  }

  /** unclean.leader.election.enable has become true: for the whole cluster, or for one topic. */
  async uncleanLeaderElectionEnabled(topicName?: string): Promise<void> {
    if (topicName === undefined) {
      this.#logger.info('Unclean leader elections are allowed by default now.');
      await this.#partitions.triggerOnlineStateChange();
      return;
    }
    const topic = this.context.topics.get(topicName);
    if (!topic) return;
    this.#logger.info(`Unclean leader elections are allowed for topic ${topicName} now.`);
    await this.#partitions.triggerOnlineStateChange(topic.partitions.values());
  }

  // Failover

  #registerHandlers(): void {
    this.context.checkInOffice();
    const { handlers } = this.#zk;
    const child = (path: string, name: string, run: () => Promise<void>): void =>
      handlers.registerChildren({ path, handleChildChange: () => this.#events.put(name, run) });
    child(BrokerIdsZNode.path, 'BrokerChange', () => this.#brokersChanged());
    child(TopicsZNode.path, 'TopicChange', () => this.#topicsChanged());
    handlers.registerChildren({ path: DeleteTopicsZNode.path, handleChildChange: () => this.#putDeletions() });
    child(LogDirEventNotificationZNode.parent, 'LogDirEventNotification', () => this.#logDirsFailed());
    child(IsrChangeNotificationZNode.parent, 'IsrChangeNotification', () => this.#isrsChanged());
    this.#registerNode(ReassignPartitionsZNode.path, { handleCreation: () => this.#putZkReassignment() });
    this.#registerNode(PreferredReplicaElectionZNode.path, {
      handleCreation: () => this.#putPreferredElection(),
    });
  }

  #childPaths(): string[] {
    return [
      BrokerIdsZNode.path,
      TopicsZNode.path,
      DeleteTopicsZNode.path,
      LogDirEventNotificationZNode.parent,
      IsrChangeNotificationZNode.parent,
    ];
  }

  #registerNode(path: string, handler: { handleCreation?(): void; handleDataChange?(): void }): void {
    this.context.checkInOffice();
    this.#nodes.add(path);
    this.#zk.handlers.registerNode({ path, ...handler });
  }

  #unregisterNode(path: string): void {
    this.#nodes.delete(path);
    this.#zk.handlers.unregisterNode(path);
  }

  /** KIP-584: /feature is there, and enabled where the inter-broker version has it. */
  async #setUpFeatures(): Promise<void> {
    const { enabled, disabled } = FeatureZNodeStatus;
    const isSupported = this.#isFeatureVersioningSupported;
    const found = await this.#zk.getFeatures();
    const status = isSupported ? enabled : disabled;
    const keeps = isSupported && found?.status === enabled;
    const wanted = {
      status,
      features: keeps ? found.features : new Map<string, number>(),
      version: this.#featureVersion,
    };
    if (found === undefined) {
      await this.#zk.createFeatures(wanted, this.context.epochZkVersion);
      this.#logger.info('/feature is created: no features are finalized.');
    } else if (found.status !== status || found.features.size !== wanted.features.size) {
      await this.#zk.updateFeatures(wanted, this.context.epochZkVersion);
      this.#logger.info(`/feature is ${isSupported ? 'enabled' : 'disabled'} now.`);
    }
  }

  /** finalizedFeaturesSupported: inter.broker.protocol.version 2.7 and newer. */
  get #isFeatureVersioningSupported(): boolean {
    return this.#isAtLeast('2.7-IV0');
  }

  get #featureVersion(): number {
    return this.#isAtLeast('3.3-IV0') ? 2 : 1;
  }

  /** Gives the brokers that count as gone for the moment. */
  async #initializeContext(): Promise<readonly RegisteredBroker[]> {
    const { context } = this;
    const registered = await this.#registeredBrokers();
    for (const broker of registered) this.#brokerHasCome(broker);
    await this.#loadTopics(await this.#zk.getTopics());
    const partitions = [...context.partitions()];
    for (const partition of partitions) {
      if (isBeingReassigned(partition.assignment)) context.partitionsBeingReassigned.add(partition);
    }
    await this.#states.refresh(partitions);
    const unnoticed = startedAgainUnnoticed(registered, partitions);
    for (const { id } of unnoticed) {
      this.#logger.info(
        `Broker ${id} was started again while no controller looked, and is in the ISR of partitions of which others were not: it leaves it and joins again.`,
      );
      this.#channels.removeBroker(id);
      context.removeBroker(id);
    }
    return unnoticed;
  }

  /** Has partitions led in a new epoch before anybody is told of the old one. */
  async #elect(partitions: readonly ControlledPartition[]): Promise<void> {
    if (partitions.length === 0) return;
    this.#partitions.toOffline(partitions);
    await this.#partitions.toOnline(partitions, { name: 'offline', allowUnclean: false });
  }

  async #initializeDeletions(): Promise<void> {
    const { context } = this;
    const asked = await this.#topicsAskedToBeDeleted();
    const reassigned = new Set([...context.partitionsBeingReassigned].map(({ topic }) => topic));
    const ineligible = asked.filter(
      (topic) =>
        reassigned.has(topic) ||
        replicasOf(topic.partitions.values()).some((each) => !context.isReplicaOnline(each.brokerId, each.partition)),
    );
    await this.#deletion.initialize(asked, new Set(ineligible));
  }

  // Brokers

  /** Those whose registration can be read: one that cannot must not keep the others from being served. */
  async #registeredBrokers(): Promise<RegisteredBroker[]> {
    const ids = await this.#zk.getBrokerIds();
    const brokers = await Promise.all(
      ids.map((id) => {
        // Before it is read: so the read sets the watch.
        const name = `BrokerModifications ${id}`;
        const changed = (): void => this.#events.put(name, () => this.#brokerModified(id));
        this.#registerNode(BrokerIdZNode.path(id), { handleDataChange: changed });
        return this.#readable(this.#zk.getBroker(id));
      }),
    );
    return brokers.filter((broker) => broker !== undefined);
  }

  /** `undefined` for a znode that holds something else than it should; it is left alone. */
  async #readable<T>(read: Promise<T>): Promise<T | undefined> {
    try {
      return await read;
    } catch (error) {
      if (!(error instanceof ZnodeError)) throw error;
      this.#logger.error(`A znode cannot be read, and what it is about is left out: ${error.message}`);
      return undefined;
    }
  }

  #brokerHasCome({ brokerEpoch, ...info }: RegisteredBroker): void {
    this.context.setBroker(info, brokerEpoch);
    this.#channels.addBroker(info);
  }

  async #brokersChanged(): Promise<void> {
    const { context } = this;
    const registered = new Map((await this.#registeredBrokers()).map((broker) => [broker.id, broker]));
    const come = [...registered.values()].filter(({ id }) => !context.brokers.has(id));
    // What an earlier look has left undone is done as if the broker had been away meanwhile.
    const bounced = [...registered.values()].filter(({ id, brokerEpoch }) => {
      const known = context.brokers.get(id);
      return known !== undefined && (known.epoch !== brokerEpoch || this.#brokersUnderway.has(id));
    });
    const gone = [...new Set([...context.brokers.keys(), ...this.#brokersUnderway])].filter(
      (id) => !registered.has(id),
    );
    if (come.length === 0 && bounced.length === 0 && gone.length === 0) return;
    const list = (brokers: readonly RegisteredBroker[]): string => brokers.map(({ id }) => id).join(',');
    this.#logger.info(
      `Brokers that came: [${list(come)}], that were started again: [${list(bounced)}], that went: [${gone.join(',')}]; registered are [${[...registered.keys()].join(',')}].`,
    );
    for (const { id } of come) this.#brokersUnderway.add(id);
    for (const id of [...bounced.map(({ id }) => id), ...gone]) {
      this.#brokersUnderway.add(id);
      this.#channels.removeBroker(id);
    }
    if (come.length > 0) {
      for (const broker of come) this.#brokerHasCome(broker);
      await this.#onBrokerStartup(come.map(({ id }) => id));
    }
    if (bounced.length > 0) {
      const ids = bounced.map(({ id }) => id);
      await this.#onBrokerFailure(ids);
      for (const broker of bounced) this.#brokerHasCome(broker);
      await this.#onBrokerStartup(ids);
    }
    if (gone.length > 0) {
      await this.#onBrokerFailure(gone);
      for (const id of gone) this.#unregisterNode(BrokerIdZNode.path(id));
    }
    this.#brokersUnderway.clear();
  }

  async #onBrokerStartup(ids: readonly number[]): Promise<void> {
    const { context } = this;
    for (const id of ids) context.replicasOnOfflineDirs.delete(id);
    // The others learn who is there; the new ones learn everything: of deletions, too, which they may have missed.
    this.#updateMetadata(
      context.liveOrShuttingDownBrokerIds.filter((id) => !ids.includes(id)),
      [],
    );
    this.#updateMetadata(ids, context.partitionsWithLeadership());
    const held = context.replicasOnBrokers(ids);
    this.#replicas.toOnline(held.filter(({ partition, brokerId }) => canBeOnline(partition, brokerId)));
    await this.#partitions.triggerOnlineStateChange();
    await this.#reassignments.resume(({ assignment: { replicas, removingReplicas } }) =>
      replicas.some((id) => ids.includes(id) && !removingReplicas.includes(id)),
    );
    await this.#deletion.resumeFor(held.map(({ partition }) => partition.topic));
  }

  async #onBrokerFailure(ids: readonly number[]): Promise<void> {
    const { context } = this;
    for (const id of ids) {
      context.removeBroker(id);
      context.replicasOnOfflineDirs.delete(id);
      context.shuttingDownBrokerIds.delete(id);
    }
    await this.#onReplicasBecomeOffline(context.replicasOnBrokers(ids));
  }

  async #onReplicasBecomeOffline(replicas: readonly Replica[]): Promise<void> {
    const { context } = this;
    const isDeleted = ({ partition }: Replica): boolean => context.isBeingDeleted(partition.topic);
    const kept = replicas.filter((replica) => !isDeleted(replica));
    this.#partitions.toOffline(context.partitionsWithOfflineLeader());
    const elections = await this.#partitions.triggerOnlineStateChange();
    await this.#replicas.toOffline(kept);
    await this.#deletion.failReplicaDeletion(replicas.filter(isDeleted));
    const isElected = [...elections.values()].some((outcome) => !(outcome instanceof Error));
    if (kept.length === 0 && !isElected) this.#updateMetadata(context.liveOrShuttingDownBrokerIds, []);
  }

  async #brokerModified(id: number): Promise<void> {
    const known = this.context.brokers.get(id);
    const found = await this.#readable(this.#zk.getBroker(id));
    if (!known || !found || found.brokerEpoch !== known.epoch) return;
    const { brokerEpoch, ...info } = found;
    if (isSameEndPoints(info.endPoints, known.info.endPoints) && info.rack === known.info.rack) return;
    this.#logger.info(`Broker ${id} has other listeners now: ${info.endPoints.map(describeEndPoint).join(', ')}.`);
    this.context.setBroker(info, brokerEpoch);
    this.#channels.updateBroker(info);
    this.#updateMetadata(this.context.liveOrShuttingDownBrokerIds, []);
  }

  // Topics

  async #topicsChanged(): Promise<void> {
    const names = new Set(await this.#zk.getTopics());
    for (const topic of [...this.context.topics.values()]) {
      if (names.has(topic.name)) continue;
      this.#logger.warn(`Topic ${topic.name} is not in ZooKeeper any more: it is forgotten.`);
      this.#forgetTopic(topic);
    }
    const fresh = await this.#loadTopics([...names].filter((name) => !this.context.topics.has(name)));
    if (fresh.length === 0) return;
    const partitions = fresh.flatMap((topic) => [...topic.partitions.values()]);
    this.#logger.info(
      `New topics: ${fresh.map(({ name }) => name).join(', ')}; they have ${partitions.length} partitions.`,
    );
    await this.#onNewPartitions(partitions);
    const areAskedFor = fresh.filter(({ name }) => this.#deletionsToCome.delete(name)).length > 0;
    if (areAskedFor) this.#putDeletions();
  }

  /** Adds topics to the context; gives an id to those that old tools have made. */
  async #loadTopics(names: readonly string[]): Promise<ControlledTopic[]> {
    const assignments = await Promise.all(
      names.map((name) => {
        // Before it is read, so that the read sets the watch: a topic whose znode is put right is read again.
        this.#watchTopic(name);
        return this.#readable(this.#identified(name));
      }),
    );
    const loaded: ControlledTopic[] = [];
    for (const [i, assignment] of assignments.entries()) {
      if (assignment === undefined) continue;
      const topic = this.context.addTopic(names[i], assignment.topicId);
      for (const [index, replicas] of assignment.partitions) this.context.addPartition(topic, index, replicas);
      loaded.push(topic);
    }
    return loaded;
  }

  /** A topic's assignment, with an id where the cluster gives them and it has none. */
  async #identified(name: string): Promise<TopicAssignment | undefined> {
    for (;;) {
      const found = await this.#zk.getVersionedTopicAssignment(name);
      if (!found || found.assignment.topicId !== null || !this.#isAtLeast('2.8-IV0')) return found?.assignment;
      const assignment = { ...found.assignment, topicId: newTopicId(this.#io.random) };
      if (await this.#replaceAssignment(name, assignment, found.zkVersion)) return assignment;
    }
  }

  /** False when it is not the one any more that was read. */
  async #replaceAssignment(name: string, assignment: TopicAssignment, zkVersion: number): Promise<boolean> {
    try {
      await this.#zk.setTopicAssignment(name, assignment, this.context.epochZkVersion, zkVersion);
      return true;
    } catch (error) {
      if (!isKeeperException(error, KeeperCode.BADVERSION)) throw error;
      return false;
    }
  }

  #watchTopic(name: string): void {
    this.#registerNode(TopicZNode.path(name), {
      handleDataChange: () => this.#events.put(`PartitionModifications ${name}`, () => this.#topicModified(name)),
    });
  }

  #forgetTopic(topic: ControlledTopic): void {
    this.#unregisterNode(TopicZNode.path(topic.name));
    this.context.removeTopic(topic);
  }

  async #topicModified(name: string): Promise<void> {
    const read = await this.#readable(this.#zk.getVersionedTopicAssignment(name));
    if (read === undefined) return;
    const found = read.assignment;
    const topic = this.context.topics.get(name);
    if (!topic) {
      // It could not be read until now.
      await this.#topicsChanged();
      return;
    }
    const added = [...found.partitions].filter(([index]) => !topic.partitions.has(index));
    const isDeleted = this.context.isQueuedForDeletion(topic);
    const partitions = new Map([...topic.partitions].map(([index, { assignment }]) => [index, assignment]));
    if (!isDeleted) for (const [index, assignment] of added) partitions.set(index, assignment);
    if (isDeleted && added.length > 0) {
      this.#logger.warn(`Topic ${name} gets no new partitions: it is being deleted.`);
    }
    // KAFKA-14190: kafka-topics of before topic ids writes the topic back without its own.
    const hasLostId = topic.topicId !== null && found.topicId !== topic.topicId;
    if ((isDeleted && added.length > 0) || hasLostId) {
      // Where somebody else has written meanwhile the watch tells, and it is looked at again.
      await this.#replaceAssignment(name, { topicId: topic.topicId, partitions }, read.zkVersion);
    }
    if (isDeleted || added.length === 0) return;
    this.#logger.info(`Topic ${name} has ${added.length} new partitions.`);
    await this.#onNewPartitions(
      added.map(([index, assignment]) => this.context.addPartition(topic, index, assignment)),
    );
  }

  async #onNewPartitions(partitions: readonly ControlledPartition[]): Promise<void> {
    this.#partitions.toNew(partitions);
    this.#replicas.toNew(replicasOf(partitions));
    await this.#partitions.toOnline(partitions, { name: 'offline', allowUnclean: false });
    this.#replicas.toOnline(replicasOf(partitions));
  }

  async #topicsAskedToBeDeleted(): Promise<ControlledTopic[]> {
    const names = await this.#zk.getTopicDeletions();
    const unknown = names.filter((name) => !this.context.topics.has(name));
    if (unknown.length > 0) {
      const there = new Set(await this.#zk.getTopics());
      const missing = unknown.filter((name) => !there.has(name));
      if (missing.length > 0) {
        this.#logger.warn(`Topics that are not there cannot be deleted: ${missing.join(', ')}.`);
        await this.#zk.deleteTopicDeletions(missing, this.context.epochZkVersion);
      }
      for (const name of unknown) if (there.has(name)) this.#deletionsToCome.add(name);
    }
    return names.flatMap((name) => this.context.topics.get(name) ?? []);
  }

  #putDeletions(): void {
    this.#events.put('TopicDeletion', () => this.#deletionsAskedFor());
  }

  async #deletionsAskedFor(): Promise<void> {
    const names = await this.#zk.getTopicDeletions();
    // One that was just created may not be known yet: its notification waits behind this one.
    if (names.some((name) => !this.context.topics.has(name))) await this.#topicsChanged();
    await this.#deletion.enqueue(await this.#topicsAskedToBeDeleted());
  }

  async #deleteTopic(topic: ControlledTopic): Promise<void> {
    const ignoreMissing = (error: unknown): void => {
      if (!isKeeperException(error, KeeperCode.NONODE)) throw error;
    };
    const { epochZkVersion } = this.context;
    // Its own deletion is not a change to be told of: a topic of this name may be created at once.
    this.#unregisterNode(TopicZNode.path(topic.name));
    await this.#zk.deleteTopic(topic.name, epochZkVersion).catch(ignoreMissing);
    await this.#zk.deleteTopicConfigs([topic.name], epochZkVersion).catch(ignoreMissing);
    await this.#zk.deleteTopicDeletions([topic.name], epochZkVersion).catch(ignoreMissing);
  }

  // Notifications

  async #logDirsFailed(): Promise<void> {
    const names = await this.#zk.getLogDirEventNotifications();
    if (names.length === 0) return;
    const brokers = new Set((await this.#readable(this.#zk.getBrokerIdsOfLogDirEvents(names))) ?? []);
    this.#logger.info(`Log directories have failed on brokers ${[...brokers].join(',')}.`);
    // They answer which of their replicas are gone.
    this.#replicas.toOnline(
      this.context
        .replicasOnBrokers([...brokers].sort((a, b) => a - b))
        .filter(({ partition, brokerId }) => canBeOnline(partition, brokerId)),
    );
    await this.#zk.deleteLogDirEventNotifications(names, this.context.epochZkVersion);
  }

  /** Leaders of an inter-broker version below 2.7 have written their ISR themselves. */
  async #isrsChanged(): Promise<void> {
    const names = await this.#zk.getIsrChangeNotifications();
    if (names.length === 0) return;
    const changed = (await this.#readable(this.#zk.getPartitionsOfIsrChanges(names))) ?? [];
    const partitions = [
      ...new Set(changed.flatMap((each) => this.context.partition(each.topic, each.partition) ?? [])),
    ];
    await this.#states.refresh(partitions);
    if (partitions.length > 0) this.#updateMetadata(this.context.liveOrShuttingDownBrokerIds, partitions);
    await this.#reassignments.maybeComplete(partitions);
    await this.#zk.deleteIsrChangeNotifications(names, this.context.epochZkVersion);
  }

  #putZkReassignment(): void {
    this.#events.put('ZkPartitionReassignment', async () => {
      await this.#reassignments.processZkReassignment();
    });
  }

  #putPreferredElection(): void {
    this.#events.put('PreferredReplicaElection', () => this.#preferredElectionAskedFor());
  }

  /** Through /admin/preferred_replica_election, which arms its watch. */
  async #preferredElectionAskedFor(): Promise<void> {
    const { path } = PreferredReplicaElectionZNode;
    if (!(await this.#zk.pathExists(path))) return;
    const asked = (await this.#readable(this.#zk.getPreferredReplicaElection())) ?? [];
    const results = await this.electLeaders(asked, ElectionType.PREFERRED);
    for (const { topic, partition, error } of results) {
      const outcome = error.code === ErrorCode.NONE ? 'is done' : `is not done: ${errorName(error.code)}`;
      this.#logger.info(`The preferred election of ${topic}-${partition} that ${path} asks for ${outcome}.`);
    }
    await this.#zk.deletePreferredReplicaElection(this.context.epochZkVersion);
    this.#putPreferredElection();
  }

  // Leaders

  #needsElection(partition: ControlledPartition, type: ElectionType): boolean {
    const leader = partition.leadership?.leader ?? -1;
    if (type === ElectionType.PREFERRED) return leader !== partition.assignment.replicas[0];
    return leader < 0 || !this.context.isLive(leader);
  }

  async #electMissing(): Promise<void> {
    this.#partitions.toOffline(this.context.partitionsWithOfflineLeader());
    await this.#partitions.triggerOnlineStateChange();
  }

  #scheduleRebalance(delayMs: number): void {
    this.#later('AutoPreferredReplicaLeaderElection', delayMs, async () => {
      try {
        await this.#rebalanceLeaders();
      } finally {
        if (!this.context.isOver) {
          this.#scheduleRebalance((this.#options.leaderImbalanceCheckIntervalSeconds ?? 300) * 1_000);
        }
      }
    });
  }

  /** Of a broker that leads too few of the partitions that prefer it, those that it can lead come to it. */
  async #rebalanceLeaders(): Promise<Elections | undefined> {
    const { context } = this;
    const allowed = (this.#options.leaderImbalancePerBrokerPercentage ?? 10) / 100;
    const partitions = [...context.partitions()].filter(
      ({ topic, assignment }) => !context.isQueuedForDeletion(topic) && assignment.replicas.length > 0,
    );
    const elected: ControlledPartition[] = [];
    for (const [broker, preferring] of Map.groupBy(partitions, ({ assignment }) => assignment.replicas[0])) {
      const elsewhere = preferring.filter(({ leadership }) => leadership && leadership.leader !== broker);
      const imbalance = elsewhere.length / preferring.length;
      if (imbalance <= allowed) continue;
      const candidates = elsewhere.filter((each) => canPreferredLead(context, each, each.leadership!));
      if (candidates.length === 0) continue;
      this.#logger.info(
        `Broker ${broker} does not lead ${elsewhere.length} of ${preferring.length} partitions that prefer it: ${candidates.length} are given to it.`,
      );
      elected.push(...candidates);
    }
    return elected.length === 0 ? undefined : await this.#partitions.toOnline(elected, { name: 'preferred' });
  }

  // Requests to brokers, and their answers

  #newBatch(): ControllerBrokerRequestBatch {
    return new ControllerBrokerRequestBatch(this.#logger, this.context, {
      channels: this.#channels,
      interBrokerListenerName: this.#options.interBrokerListenerName,
      answers: {
        leaderAndIsr: (broker, response) => this.#leaderAndIsrAnswered(broker, response),
        updateMetadata: (broker, { errorCode }) => this.#isRefused('UpdateMetadata', broker.id, errorCode),
        stopReplica: (broker, response, deleted) => this.#stopReplicaAnswered(broker, response, deleted),
      },
    });
  }

  #updateMetadata(brokerIds: readonly number[], partitions: readonly ControlledPartition[]): void {
    const batch = this.#newBatch();
    batch.addUpdateMetadata(brokerIds, partitions);
    batch.send();
  }

  #isRefused(request: string, brokerId: number, errorCode: number): boolean {
    if (errorCode === ErrorCode.NONE) return false;
    this.#logger.error(`Broker ${brokerId} has answered ${request} with ${errorName(errorCode)}.`);
    if (errorCode === ErrorCode.STALE_CONTROLLER_EPOCH) this.#events.doubted();
    return true;
  }

  /** An answer of an earlier life says nothing of the replicas that the broker has now. */
  #isOver({ id, epoch }: BrokerLife): boolean {
    return this.context.brokers.get(id)?.epoch !== epoch;
  }

  #leaderAndIsrAnswered(broker: BrokerLife, response: LeaderAndIsrResponse): void {
    const brokerId = broker.id;
    if (this.#isRefused('LeaderAndIsr', brokerId, response.errorCode)) return;
    this.#events.add('LeaderAndIsrResponseReceived', async () => {
      const { context } = this;
      if (this.#isOver(broker)) return;
      const offline = context.replicasOnOfflineDirs.get(brokerId) ?? new Set();
      const fresh: Replica[] = [];
      const take = (partition: ControlledPartition | undefined, errorCode: number): void => {
        if (!partition) return;
        if (errorCode === ErrorCode.NONE) {
          offline.delete(partition);
        } else if (errorCode === ErrorCode.KAFKA_STORAGE_ERROR) {
          if (!offline.has(partition)) fresh.push({ partition, brokerId });
          offline.add(partition);
        } else if (errorCode !== ErrorCode.STALE_CONTROLLER_EPOCH) {
          // With a controller's epoch that is right it says: the role was held already.
          this.#logger.warn(
            `Broker ${brokerId} has answered LeaderAndIsr for ${partition} with ${errorName(errorCode)}.`,
          );
        }
      };
      for (const { topicName, partitionIndex, errorCode } of response.partitionErrors) {
        take(context.partition(topicName, partitionIndex), errorCode);
      }
      for (const { topicId, partitionErrors } of response.topics) {
        const topic = context.topicsById.get(topicId);
        for (const { partitionIndex, errorCode } of partitionErrors) {
          take(topic?.partitions.get(partitionIndex), errorCode);
        }
      }
      if (offline.size > 0) context.replicasOnOfflineDirs.set(brokerId, offline);
      else context.replicasOnOfflineDirs.delete(brokerId);
      if (fresh.length === 0) return;
      this.#logger.warn(
        `Broker ${brokerId} has lost replicas with a log directory: ${fresh.map(({ partition }) => String(partition)).join(', ')}.`,
      );
      await this.#onReplicasBecomeOffline(fresh);
    });
  }

  #stopReplicaAnswered(
    broker: BrokerLife,
    response: StopReplicaResponse,
    deleted: readonly ControlledPartition[],
  ): void {
    const brokerId = broker.id;
    const isRefused = this.#isRefused('StopReplica', brokerId, response.errorCode);
    const errors = new Map(
      response.partitionErrors.map(({ topicName, partitionIndex, errorCode }) => [
        `${topicName}-${partitionIndex}`,
        errorCode,
      ]),
    );
    const concerned = deleted.filter(({ topic }) => this.context.topicsWithDeletionStarted.has(topic));
    if (concerned.length === 0) return;
    this.#events.add('TopicDeletionStopReplicaResponseReceived', async () => {
      if (this.#isOver(broker)) return;
      const failed: Replica[] = [];
      const done: Replica[] = [];
      for (const partition of concerned) {
        const errorCode = errors.get(String(partition)) ?? ErrorCode.NONE;
        if (errorCode !== ErrorCode.NONE) {
          this.#logger.warn(
            `Broker ${brokerId} could not delete its replica of ${partition}: ${errorName(errorCode)}.`,
          );
        }
        (isRefused || errorCode !== ErrorCode.NONE ? failed : done).push({ partition, brokerId });
      }
      await this.#deletion.failReplicaDeletion(failed);
      if (done.length > 0) await this.#deletion.completeReplicaDeletion(done);
    });
  }

  #later(name: string, delayMs: number, run: () => Promise<void>): void {
    if (this.#timers.has(name) || this.context.isOver) return;
    const timer = this.#io.clock.timer(delayMs, () => {
      this.#timers.delete(name);
      this.#events.put(name, run);
    });
    this.#timers.set(name, timer);
  }

  #isAtLeast(version: string): boolean {
    return isAtLeastVersion(this.#interBrokerProtocolVersion, version);
  }
}

export function nameOf({ topic, index }: ControlledPartition): TopicPartition {
  return { topic: topic.name, partition: index };
}

/** Not one whose deletion is under way or done: it does not come back. */
function canBeOnline(partition: ControlledPartition, brokerId: number): boolean {
  const status = partition.replicaStatus.get(brokerId);
  return status !== 'ReplicaDeletionStarted' && status !== 'ReplicaDeletionSuccessful';
}

function isSameEndPoints(a: readonly EndPoint[], b: readonly EndPoint[]): boolean {
  return a.map(describeEndPoint).join() === b.map(describeEndPoint).join();
}

function describeEndPoint({ listenerName, securityProtocol, host, port }: EndPoint): string {
  return `${listenerName}://${host}:${port} (${securityProtocol})`;
}

/**
 * Brokers that have registered since the ISR that they are in was last written. A controller that sees a broker start
 * again takes it out of the ISR; where there was none to see it, a machine that has lost its power and a part of its
 * log would go on as if it had everything, and might be elected. Where all of an ISR were started again nobody is better.
 */
function startedAgainUnnoticed(
  registered: readonly RegisteredBroker[],
  partitions: readonly ControlledPartition[],
): RegisteredBroker[] {
  const epochs = new Map(registered.map(({ id, brokerEpoch }) => [id, brokerEpoch]));
  const found = new Set<number>();
  for (const { leadership } of partitions) {
    const writtenZxid = leadership?.writtenZxid;
    if (!leadership || writtenZxid === undefined) continue;
    const since = leadership.isr.filter((id) => (epochs.get(id) ?? -1n) > writtenZxid);
    const isBetter = leadership.isr.some((id) => epochs.has(id) && !since.includes(id));
    if (isBetter) for (const id of since) found.add(id);
  }
  return registered.filter(({ id }) => found.has(id));
}

/**
 * Partitions whose leader has registered since their state was written: it may have lost the end of its log with its
 * power, and would write other records at the same offsets in the same epoch, by which no follower sees that it differs.
 */
function ledBefore(context: ControllerContext): ControlledPartition[] {
  return [...context.partitions()].filter(({ leadership }) => {
    if (leadership?.writtenZxid === undefined) return false;
    const leader = context.brokers.get(leadership.leader);
    return leader !== undefined && leader.epoch > leadership.writtenZxid;
  });
}
