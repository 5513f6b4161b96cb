import type { Timer } from '../io/clock';
import type { Io } from '../io/io';
import type { Logger } from '../logging/logger';
import { ErrorCode, errorName } from '../protocol/errors';
import { isKeeperException } from '../zookeeper/keeper-exception';
import type { KafkaZkClient, RegisteredBroker } from '../zookeeper/kafka-zk-client';
import { KeeperCode } from '../zookeeper/requests';
import { ControllerMovedException } from '../zookeeper/zk-operations';
import { DeleteTopicsZNode } from '../zookeeper/znodes/admin';
import { BrokerIdsZNode } from '../zookeeper/znodes/broker-id';
import { ControllerZNode } from '../zookeeper/znodes/controller';
import { LeaderRecoveryState, type PartitionState } from '../zookeeper/znodes/partition-state';
import { TopicsZNode, TopicZNode } from '../zookeeper/znodes/topic';
import { ZnodeError } from '../zookeeper/znodes/znode-error';
import type { BrokerChannel } from './broker-channel';
import { ControllerContext, type ControlledPartition, type ControlledTopic } from './controller-context';
import { ControllerEventQueue } from './controller-event-queue';
import { controlRequests } from './control-requests';
import { electOffline } from './partition-leader-election';
import { newTopicId } from './topic-id';

export interface KafkaControllerOptions {
  readonly brokerId: number;
  /** inter.broker.listener.name: where brokers reach each other. */
  readonly interBrokerListenerName: string;
  /** delete.topic.enable */
  readonly deleteTopicEnable: boolean;
  /** unclean.leader.election.enable of a topic, now. */
  readonly uncleanLeaderElection: (topic: string) => Promise<boolean>;
  /** The way to a broker. */
  readonly channel: (brokerId: number) => BrokerChannel;
  /** Registers this broker in a ZooKeeper session that has just begun. */
  readonly registerBroker: () => Promise<void>;
}

/** How long what failed waits before it is tried again, milliseconds. */
const retryMs = 1_000;
/** The same for a deletion: a broker may have to be mended first. */
const deletionRetryMs = 5_000;

/**
 * One broker of a cluster is its controller: it elects the leaders of partitions, creates and deletes topics, and tells
 * all brokers (Kafka's KafkaController in ZooKeeper mode). Every broker has this object; it acts while the broker holds
 * /controller.
 */
export class KafkaController {
  readonly #io: Io;
  readonly #logger: Logger;
  readonly #zk: KafkaZkClient;
  readonly #options: KafkaControllerOptions;
  readonly #context = new ControllerContext();
  readonly #events: ControllerEventQueue;
  /** Who is the controller, as last read; -1: nobody. */
  #activeControllerId = -1;
  #isActive = false;
  /** Monotonic time before which this broker does not stand for election: it has just failed in office. */
  #standsFromMs = -Infinity;
  readonly #retries = new Map<string, Timer>();
  #unsubscribe: (() => void) | undefined;

  constructor(io: Io, logger: Logger, zk: KafkaZkClient, options: KafkaControllerOptions) {
    this.#io = io;
    this.#logger = logger.child('KafkaController');
    this.#zk = zk;
    this.#options = options;
    this.#events = new ControllerEventQueue(this.#logger);
  }

  get isActive(): boolean {
    return this.#isActive;
  }

  get activeControllerId(): number {
    return this.#activeControllerId;
  }

  /**
   * Takes part in the election from now on. The broker is registered already. Resolves after the first round: if it has
   * made this broker the controller, everybody is told of what there is.
   */
  startup(): Promise<void> {
    const elect = (): void => this.#put('Reelect', () => this.#elect());
    const whileActive = (name: string, run: () => Promise<void>) => (): void => this.#putWhileActive(name, run);
    this.#zk.handlers.registerState({
      name: 'controller-state-change-handler',
      beforeInitializingSession: () => this.#resign('The ZooKeeper session has expired.'),
      afterInitializingSession: () =>
        this.#put('RegisterBrokerAndReelect', async () => {
          await this.#options.registerBroker();
          await this.#elect();
        }),
      onSessionDeadline: () => this.#resign('ZooKeeper was not heard of for a whole session timeout.'),
    });
    // A session may live on though its deadline has passed, and /controller with it: then nothing else would tell.
    this.#unsubscribe = this.#zk.client.onState((state) => {
      if (state === 'connected' && !this.#isActive) elect();
    });
    this.#zk.handlers.registerNode({
      path: ControllerZNode.path,
      handleCreation: elect,
      handleDeletion: elect,
      handleDataChange: elect,
    });
    const child = (path: string, name: string, run: () => Promise<void>): void =>
      this.#zk.handlers.registerChildren({ path, handleChildChange: whileActive(name, run) });
    child(BrokerIdsZNode.path, 'BrokerChange', () => this.#brokersChanged());
    child(TopicsZNode.path, 'TopicChange', () => this.#topicsChanged());
    child(DeleteTopicsZNode.path, 'TopicDeletion', () => this.#deletionsChanged());
    return new Promise((resolve) => this.#put('Startup', () => this.#elect().finally(resolve)));
  }

  /** An event that fails is tried again: what it was told of would not be told twice. */
  #put(name: string, run: () => Promise<void>): void {
    this.#events.put(name, async () => {
      try {
        await run();
      } catch (error) {
        this.#retryLater(name, retryMs, () => this.#put(name, run));
        throw error;
      }
    });
  }

  #putWhileActive(name: string, run: () => Promise<void>): void {
    this.#put(name, async () => {
      if (this.#isActive) await this.#asController(run);
    });
  }

  #retryLater(name: string, delayMs: number, retry: () => void): void {
    if (this.#retries.has(name)) return;
    const timer = this.#io.clock.timer(delayMs, () => {
      this.#retries.delete(name);
      retry();
    });
    this.#retries.set(name, timer);
  }

  /** Gives the office up, so that another broker has it at once. */
  async shutdown(): Promise<void> {
    const { epochZkVersion } = this.#context;
    const wasActive = this.#isActive;
    this.#unsubscribe?.();
    await this.#events.close();
    for (const timer of this.#retries.values()) timer.cancel();
    this.#resign('This broker shuts down.');
    if (wasActive) {
      await this.#zk.deleteController(epochZkVersion).catch((error: unknown) => {
        this.#logger.warn('/controller could not be deleted: it goes with the session.', { error });
      });
    }
  }

  async #elect(): Promise<void> {
    // Arms the watch, also when nothing is there.
    await this.#zk.pathExists(ControllerZNode.path);
    const found = await this.#zk.get(ControllerZNode.path);
    const current = found && ControllerZNode.decode(found.data);
    this.#activeControllerId = current?.brokerId ?? -1;
    if (current && current.brokerId !== this.#options.brokerId) {
      this.#resign(`Broker ${current.brokerId} is the controller.`);
      return;
    }
    if (this.#isActive && current) return;
    if (current && found?.stat.ephemeralOwner !== this.#zk.client.sessionId) {
      this.#logger.info('/controller still has this broker from an earlier session: waiting until it is gone.');
      return;
    }
    const waitMs = this.#standsFromMs - this.#io.clock.monotonicMs();
    if (waitMs > 0) {
      this.#retryLater('Reelect', waitMs, () => this.#put('Reelect', () => this.#elect()));
      return;
    }
    // This broker's own, in this session: it has given the office up when its session seemed to be over.
    if (current) await this.#zk.delete(ControllerZNode.path);
    try {
      const { epoch, zkVersion } = await this.#zk.registerControllerAndIncrementControllerEpoch(this.#options.brokerId);
      this.#context.reset();
      this.#context.epoch = epoch;
      this.#context.epochZkVersion = zkVersion;
      this.#activeControllerId = this.#options.brokerId;
      this.#isActive = true;
      this.#logger.info(`Broker ${this.#options.brokerId} is the controller now, epoch ${epoch}.`);
    } catch (error) {
      if (!(error instanceof ControllerMovedException)) throw error;
      this.#logger.info(error.message);
      this.#put('Reelect', () => this.#elect());
      return;
    }
    try {
      // The watch of /controller was used up by our own registration.
      await this.#zk.pathExists(ControllerZNode.path);
      await this.#asController(() => this.#takeOffice());
    } catch (error) {
      // Half a controller is none: perhaps another broker can, or this one later.
      this.#standsFromMs = this.#io.clock.monotonicMs() + deletionRetryMs;
      this.#resign('It could not take the office on.');
      await this.#zk.deleteController(this.#context.epochZkVersion).catch(() => undefined);
      throw error;
    }
  }

  #resign(reason: string): void {
    if (!this.#isActive) return;
    this.#isActive = false;
    this.#activeControllerId = -1;
    this.#logger.info(`Broker ${this.#options.brokerId} is the controller no more. ${reason}`);
  }

  /** A write that finds another controller's epoch ends this one's office. */
  async #asController(run: () => Promise<void>): Promise<void> {
    try {
      await run();
    } catch (error) {
      if (!(error instanceof ControllerMovedException)) throw error;
      this.#resign(error.message);
      this.#put('Reelect', () => this.#elect());
    }
  }

  /** Reads everything, tells everybody, and does what was left undone (KafkaController.onControllerFailover). */
  async #takeOffice(): Promise<void> {
    const context = this.#context;
    for (const { brokerEpoch, ...info } of await this.#registeredBrokers()) {
      context.liveBrokers.set(info.id, { info, epoch: brokerEpoch });
    }
    await this.#loadTopics(await this.#zk.getTopics());
    await this.#loadStates([...context.partitions()]);
    for (const topic of await this.#zk.getTopicDeletions()) context.topicsToBeDeleted.add(topic);
    // Who there is comes first; of partitions they are told when these have leaders that know of it.
    await this.#updateMetadata([...context.liveBrokers.keys()], []);
    await this.#bringOnline([...context.partitions()]);
    await this.#deleteTopics();
    this.#logger.info(
      `The controller has ${context.liveBrokers.size} brokers, ${context.topics.size} topics, ${[...context.partitions()].length} partitions.`,
    );
  }

  /** Those whose registration can be read: one that cannot must not keep the others from being served. */
  async #registeredBrokers(): Promise<RegisteredBroker[]> {
    const ids = await this.#zk.getBrokerIds();
    const brokers = await Promise.all(ids.map((id) => this.#readable(this.#zk.getBroker(id))));
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

  /** Reads topics that the context lacks, and gives an id to those of old tools (KAFKA-14190). */
  async #loadTopics(names: readonly string[]): Promise<ControlledPartition[]> {
    const added: ControlledPartition[] = [];
    const assignments = await Promise.all(
      names.map((name) => {
        // Registered before it is read: a topic whose znode is put right is read again.
        this.#watchTopic(name);
        return this.#readable(this.#zk.getTopicAssignment(name));
      }),
    );
    for (const [i, assignment] of assignments.entries()) {
      if (assignment === undefined) continue;
      const name = names[i];
      const known = this.#context.topics.get(name);
      let { topicId } = assignment;
      if (topicId === null || (known && known.topicId !== topicId)) {
        topicId = known?.topicId ?? newTopicId(this.#io.random);
        await this.#zk.setTopicAssignment(name, { ...assignment, topicId }, this.#context.epochZkVersion);
      }
      added.push(...this.#context.addTopic(name, topicId, assignment));
    }
    return added;
  }

  #watchTopic(name: string): void {
    if (this.#context.topics.has(name)) return;
    const path = TopicZNode.path(name);
    this.#zk.handlers.registerNode({
      path,
      handleDataChange: () => this.#putWhileActive(`PartitionModifications ${name}`, () => this.#topicGrew(name)),
    });
  }

  async #loadStates(partitions: readonly ControlledPartition[]): Promise<void> {
    const states = await Promise.all(
      partitions.map((partition) => this.#readable(this.#zk.getPartitionState(partition))),
    );
    partitions.forEach((partition, i) => this.#setState(partition, states[i], states[i]?.partitionEpoch ?? -1));
  }

  #setState(partition: ControlledPartition, state: PartitionState | undefined, partitionEpoch: number): void {
    partition.state = state;
    partition.partitionEpoch = partitionEpoch;
  }

  async #brokersChanged(): Promise<void> {
    const { liveBrokers } = this.#context;
    const registered = new Map((await this.#registeredBrokers()).map((broker) => [broker.id, broker]));
    const isNew = (id: number): boolean => liveBrokers.get(id)?.epoch !== registered.get(id)?.brokerEpoch;
    const gone = [...liveBrokers.keys()].filter((id) => !registered.has(id));
    const come = [...registered.keys()].filter(isNew);
    if (gone.length === 0 && come.length === 0) return;
    this.#logger.info(`Brokers that came: [${come.join(',')}], that went: [${gone.join(',')}].`);
    for (const id of gone) liveBrokers.delete(id);
    for (const id of come) {
      const { brokerEpoch, ...info } = registered.get(id)!;
      liveBrokers.set(id, { info, epoch: brokerEpoch });
    }
    // The new ones learn of everything, the others who is there.
    await this.#updateMetadata(come, [...this.#context.topics.values()]);
    await this.#updateMetadata(
      [...liveBrokers.keys()].filter((id) => !come.includes(id)),
      [],
    );
    const concerned = [...this.#context.partitions()].filter(
      ({ assignment, state }) =>
        assignment.replicas.some((id) => come.includes(id)) ||
        !state ||
        gone.includes(state.leader) ||
        state.leader < 0,
    );
    await this.#bringOnline(concerned);
    await this.#deleteTopics();
  }

  async #topicsChanged(): Promise<void> {
    const names = new Set(await this.#zk.getTopics());
    for (const name of [...this.#context.topics.keys()]) if (!names.has(name)) this.#forget(name);
    const added = await this.#loadTopics([...names].filter((name) => !this.#context.topics.has(name)));
    if (added.length === 0) return;
    this.#logger.info(
      `New topics: ${[...new Set(added.map(({ topic }) => topic))].join(', ')}; ${added.length} partitions.`,
    );
    await this.#loadStates(added);
    await this.#bringOnline(added);
  }

  async #topicGrew(name: string): Promise<void> {
    if (this.#context.topicsToBeDeleted.has(name)) return;
    const added = await this.#loadTopics([name]);
    if (added.length === 0) return;
    this.#logger.info(`Topic ${name} has ${added.length} new partitions.`);
    await this.#loadStates(added);
    await this.#bringOnline(added);
  }

  /** Gives partitions without a leader one, and tells their replicas and everybody. */
  async #bringOnline(partitions: readonly ControlledPartition[]): Promise<void> {
    const wanted = partitions.filter(({ topic }) => !this.#context.topicsToBeDeleted.has(topic));
    const created = wanted.filter(({ state }) => state === undefined);
    await this.#createStates(created);
    const leaderless = wanted.filter(({ state }) => state !== undefined && !this.#context.isLive(state.leader));
    await this.#electLeaders(leaderless);
    const decided = wanted.filter(({ state }) => state !== undefined);
    await this.#leaderAndIsr(decided, new Set(created));
    await this.#updateMetadata([...this.#context.liveBrokers.keys()], this.#topicsOf(decided), decided);
  }

  async #createStates(partitions: readonly ControlledPartition[]): Promise<void> {
    const states = partitions.flatMap((partition) => {
      const isr = partition.assignment.replicas.filter((id) => this.#context.isLive(id));
      if (isr.length === 0) {
        this.#logger.warn(
          `${partition.topic}-${partition.partition} stays without a leader: none of its replicas [${partition.assignment.replicas.join(',')}] is alive.`,
        );
        return [];
      }
      const state: PartitionState = {
        leader: isr[0],
        leaderEpoch: 0,
        isr,
        leaderRecoveryState: LeaderRecoveryState.RECOVERED,
        controllerEpoch: this.#context.epoch,
      };
      return [{ partition, state }];
    });
    const outcomes = await this.#zk.createPartitionStates(states, this.#context.epochZkVersion);
    const failed = new Map<ControlledPartition, Error | undefined>();
    outcomes.forEach((outcome, i) => {
      const { partition, state } = states[i];
      if ('partitionEpoch' in outcome) this.#setState(partition, state, outcome.partitionEpoch);
      else failed.set(partition, 'error' in outcome ? outcome.error : undefined);
    });
    // It may have been created by the very request that seemed to fail.
    await this.#loadStates([...failed.keys()]);
    for (const [partition, error] of failed) {
      if (!partition.state) this.#stateFailed(partition, 'created', error);
    }
  }

  #stateFailed({ topic, partition }: ControlledPartition, what: string, error: Error | undefined): void {
    this.#logger.error(`The state of ${topic}-${partition} could not be ${what}: it is tried again.`, { error });
    const offline = (): Promise<void> =>
      this.#bringOnline(
        [...this.#context.partitions()].filter(({ state }) => !state || !this.#context.isLive(state.leader)),
      );
    this.#retryLater('OfflinePartitions', deletionRetryMs, () => this.#putWhileActive('OfflinePartitions', offline));
  }

  async #electLeaders(partitions: readonly ControlledPartition[]): Promise<void> {
    let left = partitions;
    while (left.length > 0) {
      const updates: { readonly partition: ControlledPartition; readonly state: PartitionState }[] = [];
      for (const partition of left) {
        const state = await this.#afterElection(partition);
        if (state) updates.push({ partition, state });
      }
      const outcomes = await this.#zk.setPartitionStates(
        updates.map(({ partition: { topic, partition, partitionEpoch }, state }) => ({
          topic,
          partition,
          state,
          partitionEpoch,
        })),
        this.#context.epochZkVersion,
      );
      const again: ControlledPartition[] = [];
      outcomes.forEach((outcome, i) => {
        const { partition, state } = updates[i];
        if ('partitionEpoch' in outcome) this.#setState(partition, state, outcome.partitionEpoch);
        else if ('retry' in outcome) again.push(partition);
        else this.#stateFailed(partition, 'written', outcome.error);
      });
      // Somebody else has written the state meanwhile: a leader its ISR.
      await this.#loadStates(again);
      left = again;
    }
  }

  async #afterElection({
    topic,
    partition,
    assignment,
    state,
  }: ControlledPartition): Promise<PartitionState | undefined> {
    if (!state) return undefined;
    const isLive = (id: number): boolean => this.#context.isLive(id);
    const unclean = await this.#options.uncleanLeaderElection(topic);
    const elected = electOffline(assignment.replicas, state.isr, isLive, unclean);
    if (!elected) {
      if (state.leader < 0) return undefined;
      this.#logger.warn(
        `${topic}-${partition} has no leader: no replica of its ISR [${state.isr.join(',')}] is alive, and an unclean election is not allowed.`,
      );
      return { ...state, leader: -1, leaderEpoch: state.leaderEpoch + 1, controllerEpoch: this.#context.epoch };
    }
    if (elected.unclean) {
      this.#logger.warn(
        `${topic}-${partition} is led by ${elected.leader}, which was not in the ISR [${state.isr.join(',')}]: records may be lost.`,
      );
    }
    const isr = elected.unclean ? [elected.leader] : state.isr.filter(isLive);
    return {
      leader: elected.leader,
      leaderEpoch: state.leaderEpoch + 1,
      isr,
      leaderRecoveryState: LeaderRecoveryState.RECOVERED,
      controllerEpoch: this.#context.epoch,
    };
  }

  async #deletionsChanged(): Promise<void> {
    const asked = await this.#zk.getTopicDeletions();
    if (!this.#options.deleteTopicEnable) {
      this.#logger.warn(`Topics are not deleted, delete.topic.enable is false: ${asked.join(', ')}.`);
      await this.#zk.deleteTopicDeletions(asked, this.#context.epochZkVersion);
      return;
    }
    for (const topic of asked) this.#context.topicsToBeDeleted.add(topic);
    await this.#deleteTopics();
  }

  /** Deletes what is asked for; a topic with a replica on a broker that is away waits for it. */
  async #deleteTopics(): Promise<void> {
    const context = this.#context;
    const unknown = [...context.topicsToBeDeleted].filter((name) => !context.topics.has(name));
    if (unknown.length > 0) {
      // A topic that was just created may not be known yet.
      await this.#loadTopics(unknown);
      const missing = unknown.filter((name) => !context.topics.has(name));
      await this.#zk.deleteTopicDeletions(missing, context.epochZkVersion);
      for (const name of missing) context.topicsToBeDeleted.delete(name);
    }
    for (const name of [...context.topicsToBeDeleted]) {
      const topic = context.topics.get(name)!;
      const partitions = [...topic.partitions.values()];
      const away = partitions.flatMap(({ assignment }) => assignment.replicas).filter((id) => !context.isLive(id));
      if (away.length > 0) {
        this.#logger.info(`Topic ${name} is deleted when brokers ${[...new Set(away)].join(', ')} are back.`);
        continue;
      }
      if (await this.#deleteOrLog(topic)) {
        context.topicsToBeDeleted.delete(name);
        this.#forget(name);
        this.#logger.info(`Topic ${name} is deleted.`);
      } else {
        this.#retryLater('TopicDeletion', deletionRetryMs, () =>
          this.#putWhileActive('TopicDeletion', () => this.#deletionsChanged()),
        );
      }
    }
  }

  async #deleteOrLog(topic: ControlledTopic): Promise<boolean> {
    try {
      return await this.#deleteTopic(topic);
    } catch (error) {
      if (error instanceof ControllerMovedException) throw error;
      this.#logger.warn(`Topic ${topic.name} could not be deleted: tried again later.`, { error });
      return false;
    }
  }

  async #deleteTopic(topic: ControlledTopic): Promise<boolean> {
    const context = this.#context;
    const partitions = [...topic.partitions.values()];
    await this.#updateMetadata([...context.liveBrokers.keys()], [topic], partitions, true);
    const requests = controlRequests(context, this.#options);
    for (const id of context.liveBrokers.keys()) {
      const held = partitions.filter(({ assignment }) => assignment.replicas.includes(id));
      if (held.length === 0) continue;
      const response = await this.#options.channel(id).stopReplica(requests.stopReplica(id, held, true));
      const failed = response.partitionErrors.find(({ errorCode }) => errorCode !== ErrorCode.NONE);
      if (response.errorCode !== ErrorCode.NONE || failed) {
        const error = errorName(failed?.errorCode ?? response.errorCode);
        this.#logger.warn(`Broker ${id} could not delete its replicas of ${topic.name} (${error}): tried again later.`);
        return false;
      }
    }
    const ignoreMissing = (error: unknown): void => {
      if (!isKeeperException(error, KeeperCode.NONODE)) throw error;
    };
    await this.#zk.deleteTopic(topic.name, context.epochZkVersion).catch(ignoreMissing);
    await this.#zk.deleteTopicConfigs([topic.name], context.epochZkVersion).catch(ignoreMissing);
    await this.#zk.deleteTopicDeletions([topic.name], context.epochZkVersion).catch(ignoreMissing);
    return true;
  }

  #forget(name: string): void {
    this.#zk.handlers.unregisterNode(TopicZNode.path(name));
    this.#context.topics.delete(name);
  }

  #topicsOf(partitions: readonly ControlledPartition[]): ControlledTopic[] {
    return [...new Set(partitions.map(({ topic }) => topic))].map((name) => this.#context.topics.get(name)!);
  }

  async #leaderAndIsr(
    partitions: readonly ControlledPartition[],
    isNew: ReadonlySet<ControlledPartition>,
  ): Promise<void> {
    const requests = controlRequests(this.#context, this.#options);
    await Promise.all(
      [...this.#context.liveBrokers.keys()].map(async (id) => {
        const held = partitions.filter(({ assignment }) => assignment.replicas.includes(id));
        if (held.length === 0) return;
        await this.#tell(id, 'LeaderAndIsr', (channel) =>
          channel.leaderAndIsr(requests.leaderAndIsr(id, this.#topicsOf(held), held, isNew)),
        );
      }),
    );
  }

  /** Without `partitions` all of the topics. */
  async #updateMetadata(
    brokers: readonly number[],
    topics: readonly ControlledTopic[],
    partitions: readonly ControlledPartition[] = topics.flatMap((topic) => [...topic.partitions.values()]),
    isDeleted = false,
  ): Promise<void> {
    const requests = controlRequests(this.#context, this.#options);
    await Promise.all(
      brokers.map((id) =>
        this.#tell(id, 'UpdateMetadata', (channel) =>
          channel.updateMetadata(requests.updateMetadata(id, topics, partitions, isDeleted)),
        ),
      ),
    );
  }

  async #tell(
    id: number,
    what: string,
    send: (channel: BrokerChannel) => Promise<{ readonly errorCode: number }>,
  ): Promise<void> {
    try {
      const { errorCode } = await send(this.#options.channel(id));
      if (errorCode !== ErrorCode.NONE) {
        this.#logger.error(`Broker ${id} has answered ${what} with ${errorName(errorCode)}.`);
      }
    } catch (error) {
      this.#logger.warn(`Broker ${id} could not be told ${what}: it learns it when it is back.`, { error });
    }
  }
}
