import type { Io } from '../io/io';
import type { Logger } from '../logging/logger';
import { ErrorCode, errorName } from '../protocol/errors';
import type { AlterPartitionRequest } from '../protocol/messages/alter-partition';
import type { KafkaZkClient } from '../zookeeper/kafka-zk-client';
import { DeleteTopicsZNode, PreferredReplicaElectionZNode, ReassignPartitionsZNode } from '../zookeeper/znodes/admin';
import { BrokerIdsZNode } from '../zookeeper/znodes/broker-id';
import { IsrChangeNotificationZNode, LogDirEventNotificationZNode } from '../zookeeper/znodes/notifications';
import { TopicsZNode } from '../zookeeper/znodes/topic';
import { alterPartitions, type AlterPartitionResponseInput } from './alter-partition';
import { isBeingReassigned } from './assignment-changes';
import { BrokerAnswers } from './broker-answers';
import { BrokerChanges } from './broker-changes';
import type { ControllerBrokerRequestBatch } from './controller-broker-request-batch';
import type { ControlledPartition, ControlledTopic, ControllerContext } from './controller-context';
import { ControllerTerm, type ControllerEvents, type ControllerTermOptions } from './controller-term';
import { FinalizedFeatures } from './finalized-features';
import { LeaderElections } from './leader-elections';
import { PartitionStateMachine } from './partition-state-machine';
import { PartitionStates } from './partition-states';
import { ReassignmentManager } from './reassignment-manager';
import { ReplicaStateMachine } from './replica-state-machine';
import { type StartedAgain, startedAgainUnnoticed } from './started-again';
import { TopicChanges } from './topic-changes';
import { TopicDeletionManager } from './topic-deletion-manager';

export interface ActiveControllerOptions extends ControllerTermOptions {
  /** delete.topic.enable */
  readonly deleteTopicEnable: boolean;
  /** unclean.leader.election.enable of a topic, now. */
  readonly uncleanLeaderElection: (topic: string) => Promise<boolean>;
}

/** How long what failed waits before it is tried again, milliseconds: a broker may have to be mended first. */
const retryMs = 5_000;
/** auto.leader.rebalance.enable: how long after the failover it is looked at for the first time, milliseconds. */
const firstRebalanceMs = 5_000;

/** A controller's term of office: everything it does, from the failover to the resignation (KafkaController). */
export class ActiveController {
  readonly context: ControllerContext;
  readonly features: FinalizedFeatures;
  readonly elections: LeaderElections;
  readonly reassignments: ReassignmentManager;
  readonly #term: ControllerTerm;
  readonly #options: ActiveControllerOptions;
  readonly #states: PartitionStates;
  readonly #replicas: ReplicaStateMachine;
  readonly #partitions: PartitionStateMachine;
  readonly #deletion: TopicDeletionManager;
  readonly #brokers: BrokerChanges;
  readonly #topics: TopicChanges;
  readonly #answers: BrokerAnswers;
  readonly #topicsToRetry = new Set<ControlledTopic>();

  constructor(
    io: Io,
    logger: Logger,
    zk: KafkaZkClient,
    options: ActiveControllerOptions,
    context: ControllerContext,
    events: ControllerEvents,
  ) {
    this.context = context;
    this.#options = options;
    const term = new ControllerTerm(io, logger, zk, options, context, events, () => this.#answers);
    this.#term = term;
    const newBatch = (): ControllerBrokerRequestBatch => term.newBatch();
    const sendUpdateMetadata = (partitions: readonly ControlledPartition[]): void => term.updateMetadata(partitions);
    this.#states = new PartitionStates(logger, zk, context);
    this.#replicas = new ReplicaStateMachine(logger, context, this.#states, newBatch);
    this.#partitions = new PartitionStateMachine(logger, context, this.#states, {
      newBatch,
      uncleanLeaderElection: options.uncleanLeaderElection,
      leaderRecoverySupported: term.isAtLeast('3.2-IV0'),
      failed: () => term.later('OfflinePartitions', retryMs, () => this.elections.electMissing()),
    });
    this.#deletion = new TopicDeletionManager(logger, context, this.#replicas, this.#partitions, {
      deleteTopicEnable: options.deleteTopicEnable,
      deleteTopic: (topic) => this.#topics.deleteTopic(topic),
      deleteTopicDeletions: (topics) => zk.deleteTopicDeletions(topics, context.epochZkVersion),
      sendUpdateMetadata,
      retryLater: (topics) => this.#retryDeletionsLater(topics),
    });
    this.reassignments = new ReassignmentManager(
      logger,
      zk,
      context,
      this.#states,
      this.#replicas,
      this.#partitions,
      this.#deletion,
      {
        newBatch,
        alterPartitionSupported: term.isAtLeast('2.7-IV2'),
        sendUpdateMetadata,
        isrChanged: (partition) =>
          events.put(`PartitionReassignmentIsrChange ${partition}`, () =>
            this.reassignments.maybeComplete([partition]),
          ),
        zkReassignmentDone: () => this.#putZkReassignment(),
      },
    );
    this.features = new FinalizedFeatures(term);
    this.elections = new LeaderElections(term, this.#partitions);
    this.#brokers = new BrokerChanges(term, this.#replicas, this.#partitions, this.#deletion, this.reassignments);
    this.#topics = new TopicChanges(term, this.#replicas, this.#partitions, this.#deletion);
    this.#answers = new BrokerAnswers(term, this.#brokers, this.#deletion);
  }

  /** Reads everything, tells everybody, and does what was left undone (KafkaController.onControllerFailover). */
  async failover(): Promise<void> {
    const { context } = this;
    const { zk, logger } = this.#term;
    await this.features.setUp();
    this.#registerHandlers();
    // Whatever they tell of is read now.
    await zk.deleteLogDirEventNotifications(await zk.getLogDirEventNotifications(), context.epochZkVersion);
    await zk.deleteIsrChangeNotifications(await zk.getIsrChangeNotifications(), context.epochZkVersion);
    const unnoticed = await this.#initializeContext();
    await this.#topics.initializeDeletions();
    // Before partitions: a replica can follow only a broker that it has heard of.
    this.#term.updateMetadata([]);
    this.#partitions.initialize();
    await this.elections.electAnew(unnoticed.partitions);
    await this.#replicas.startup();
    this.#partitions.initialize();
    await this.#partitions.triggerOnlineStateChange();
    logger.info(
      `The controller of epoch ${context.epoch} is ready: brokers ${context.liveOrShuttingDownBrokerIds.join(',')}, ${context.topics.size} topics, ${[...context.partitions()].length} partitions.`,
    );
    if (unnoticed.brokers.length > 0) {
      for (const broker of unnoticed.brokers) this.#brokers.hasCome(broker);
      await this.#brokers.onStartup(unnoticed.brokers.map(({ id }) => id));
    }
    const resumed = await this.reassignments.processZkReassignment();
    await this.reassignments.resume((partition) => !resumed.has(partition));
    await this.#deletion.tryTopicDeletion();
    await this.elections.preferredElectionAskedFor();
    if (this.#options.autoLeaderRebalanceEnable ?? true) this.elections.scheduleRebalance(firstRebalanceMs);
  }

  /** The term is over: nothing is written, sent or heard of any more. */
  resign(reason: string): void {
    this.reassignments.close();
    this.#term.end(reason);
  }

  /** Resolves when this very broker has handled everything that it was told so far. */
  flushedHere(): Promise<void> {
    return this.#term.channels.flushed(this.#options.brokerId);
  }

  /** Requests that wait for a broker, the one that it has not answered included. */
  queueSize(brokerId: number): number {
    return this.#term.channels.queueSize(brokerId);
  }

  // What brokers ask for

  /** Gives the partitions that the broker still leads. `code` is thrown as a KafkaError's by the caller. */
  async controlledShutdown(
    brokerId: number,
    brokerEpoch: bigint,
  ): Promise<{ readonly code: ErrorCode; readonly remaining: readonly ControlledPartition[] }> {
    const { context } = this;
    const { logger } = this.#term;
    const known = context.brokers.get(brokerId)?.epoch;
    if (known === undefined) {
      logger.info(`Broker ${brokerId} wants to shut down, and is not registered.`);
      return { code: ErrorCode.BROKER_NOT_AVAILABLE, remaining: [] };
    }
    if (brokerEpoch !== -1n && brokerEpoch < known) {
      logger.info(`Broker ${brokerId} of epoch ${brokerEpoch} wants to shut down: it has epoch ${known} by now.`);
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
    logger.info(`Broker ${brokerId} shuts down: it leads ${led.length} partitions and follows ${followed.length}.`);
    await this.#partitions.toOnline(led, { name: 'controlled-shutdown' });
    const batch = this.#term.newBatch();
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
    const { response, concerned, successful } = await alterPartitions(
      this.#term.logger,
      this.context,
      this.#states,
      request,
      version,
    );
    if (concerned.length > 0) this.#term.updateMetadata(concerned);
    answer(response);
    await this.reassignments.maybeComplete(successful);
  }

  async allocateProducerIds(
    brokerId: number,
    brokerEpoch: bigint,
  ): Promise<{ readonly code: ErrorCode; readonly start: number; readonly length: number }> {
    const { zk, logger } = this.#term;
    const known = this.context.brokers.get(brokerId)?.epoch;
    const refused = (code: ErrorCode): { code: ErrorCode; start: number; length: number } => {
      logger.warn(`Broker ${brokerId} of epoch ${brokerEpoch} gets no producer ids: ${errorName(code)}.`);
      return { code, start: 0, length: 0 };
    };
    if (known === undefined) return refused(ErrorCode.BROKER_ID_NOT_REGISTERED);
    if (known !== brokerEpoch) return refused(ErrorCode.STALE_BROKER_EPOCH);
    const { firstProducerId, size } = await zk.allocateProducerIdBlock(brokerId, this.context.epochZkVersion);
    return { code: ErrorCode.NONE, start: firstProducerId, length: size };
  }

  // Failover

  #registerHandlers(): void {
    const term = this.#term;
    const child = (path: string, name: string, run: () => Promise<void>): void =>
      term.registerChildren(path, () => term.events.put(name, run));
    child(BrokerIdsZNode.path, 'BrokerChange', () => this.#brokers.changed());
    child(TopicsZNode.path, 'TopicChange', () => this.#topics.changed());
    term.registerChildren(DeleteTopicsZNode.path, () => this.#topics.putDeletions());
    child(LogDirEventNotificationZNode.parent, 'LogDirEventNotification', () => this.#brokers.logDirsFailed());
    child(IsrChangeNotificationZNode.parent, 'IsrChangeNotification', () => this.#isrsChanged());
    term.registerNode(ReassignPartitionsZNode.path, { handleCreation: () => this.#putZkReassignment() });
    term.registerNode(PreferredReplicaElectionZNode.path, {
      handleCreation: () => this.elections.putPreferredElection(),
    });
  }

  /** The brokers that it gives count as gone for the moment. */
  async #initializeContext(): Promise<StartedAgain> {
    const { context } = this;
    const { zk, logger, channels } = this.#term;
    const registered = await this.#brokers.registered();
    for (const broker of registered) this.#brokers.hasCome(broker);
    await this.#topics.load(await zk.getTopics());
    const partitions = [...context.partitions()];
    for (const partition of partitions) {
      if (isBeingReassigned(partition.assignment)) context.partitionsBeingReassigned.add(partition);
    }
    await this.#states.refresh(partitions);
    const unnoticed = startedAgainUnnoticed(registered, partitions);
    for (const { id } of unnoticed.brokers) {
      logger.info(
        `Broker ${id} was started again while no controller looked, and is in the ISR of partitions of which others were not: it leaves it and joins again.`,
      );
      channels.removeBroker(id);
      context.removeBroker(id);
    }
    return unnoticed;
  }

  // Notifications

  /** Leaders of an inter-broker version below 2.7 have written their ISR themselves. */
  async #isrsChanged(): Promise<void> {
    const { context } = this;
    const { zk } = this.#term;
    const names = await zk.getIsrChangeNotifications();
    if (names.length === 0) return;
    const changed = await this.#term.readableOf(names, (name) => zk.getPartitionsOfIsrChanges([name]));
    const partitions = [...new Set(changed.flatMap((each) => context.partition(each.topic, each.partition) ?? []))];
    await this.#states.refresh(partitions);
    if (partitions.length > 0) this.#term.updateMetadata(partitions);
    await this.reassignments.maybeComplete(partitions);
    await zk.deleteIsrChangeNotifications(names, context.epochZkVersion);
  }

  #putZkReassignment(): void {
    this.#term.events.put('ZkPartitionReassignment', async () => {
      await this.reassignments.processZkReassignment();
    });
  }

  #retryDeletionsLater(topics: readonly ControlledTopic[]): void {
    for (const topic of topics) this.#topicsToRetry.add(topic);
    this.#term.later('TopicDeletionRetry', retryMs, async () => {
      const due = [...this.#topicsToRetry];
      this.#topicsToRetry.clear();
      await this.#deletion.retry(due);
    });
  }
}
