import type { Timer } from '../io/clock';
import type { Io } from '../io/io';
import type { Logger } from '../logging/logger';
import { ErrorCode, errorName } from '../protocol/errors';
import type {
  AllocateProducerIdsRequest,
  AllocateProducerIdsResponse,
} from '../protocol/messages/allocate-producer-ids';
import type { AlterPartitionRequest } from '../protocol/messages/alter-partition';
import type {
  AlterPartitionReassignmentsRequest,
  AlterPartitionReassignmentsResponse,
} from '../protocol/messages/alter-partition-reassignments';
import type { ControlledShutdownRequest, ControlledShutdownResponse } from '../protocol/messages/controlled-shutdown';
import type { ElectLeadersRequest, ElectLeadersResponse } from '../protocol/messages/elect-leaders';
import type {
  ListPartitionReassignmentsRequest,
  ListPartitionReassignmentsResponse,
} from '../protocol/messages/list-partition-reassignments';
import type { UpdateFeaturesRequest, UpdateFeaturesResponse } from '../protocol/messages/update-features';
import type { InputOf } from '../protocol/schema';
import { isKeeperException } from '../zookeeper/keeper-exception';
import type { KafkaZkClient } from '../zookeeper/kafka-zk-client';
import { KeeperCode } from '../zookeeper/requests';
import { ControllerMovedException } from '../zookeeper/zk-operations';
import { ControllerZNode } from '../zookeeper/znodes/controller';
import type { TopicPartition } from '../zookeeper/znodes/partition-state';
import { ActiveController, type ActiveControllerOptions } from './active-controller';
import type { AlterPartitionResponseInput } from './alter-partition';
import { isBeingReassigned } from './assignment-changes';
import { ControllerContext } from './controller-context';
import { ControllerEventQueue } from './controller-event-queue';
import { controllerFigures, type ControllerFigures } from './controller-figures';
import { ElectionType } from './leader-elections';
import type { ApiError, RequestedReassignment } from './reassignment-manager';

export interface KafkaControllerOptions extends ActiveControllerOptions {
  /** Registers this broker in a ZooKeeper session that has just begun. */
  readonly registerBroker: () => Promise<void>;
}

/** How long what failed waits before it is tried again, milliseconds. */
const retryMs = 1_000;
/** The same for taking office: perhaps another broker can. */
const standAgainMs = 5_000;

/**
 * One broker of a cluster is its controller: it elects the leaders of partitions, creates and deletes topics, and tells
 * all brokers (Kafka's KafkaController in ZooKeeper mode). Every broker has this object; it acts while the broker holds
 * /controller. What is asked of a broker that is not the controller is answered with NOT_CONTROLLER.
 */
export class KafkaController {
  readonly #io: Io;
  readonly #logger: Logger;
  readonly #zk: KafkaZkClient;
  readonly #options: KafkaControllerOptions;
  readonly #events: ControllerEventQueue;
  /** Who is the controller, as last read; -1: nobody. */
  #activeControllerId = -1;
  /** While this broker is in office. */
  #active: ActiveController | undefined;
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
    return this.#active !== undefined;
  }

  /** Who is the controller, as this broker last read in ZooKeeper; -1: nobody. */
  get activeControllerId(): number {
    return this.#activeControllerId;
  }

  /** The controller epoch of this broker's term; 0 when it is not in office. */
  get epoch(): number {
    return this.#active?.context.epoch ?? 0;
  }

  /** Requests that wait for a broker, the one that it has not answered included; 0 when this broker is not in office. */
  queueSize(brokerId: number): number {
    return this.#active?.queueSize(brokerId) ?? 0;
  }

  /** What Kafka's controller measures; all 0 when this broker is not in office. Counted when it is asked for. */
  get figures(): ControllerFigures {
    return controllerFigures(this.#active?.context);
  }

  /**
   * Takes part in the election from now on. The broker is registered already. Resolves after the first round: if it has
   * made this broker the controller, it has told itself of what there is, and is telling the others.
   */
  async startup(): Promise<void> {
    const elect = (): void => this.#put('Reelect', () => this.#elect());
    this.#zk.handlers.registerState({
      name: 'controller-state-change-handler',
      beforeInitializingSession: () => this.#resign('The ZooKeeper session has expired.'),
      afterInitializingSession: () =>
        this.#put('RegisterBrokerAndReelect', async () => {
          await this.#options.registerBroker();
          await this.#elect();
        }),
      onSessionDeadline: () => {
        this.#resign('ZooKeeper was not heard of for a whole session timeout.');
        // The answers may be on their way, and the connection as good as ever.
        elect();
      },
    });
    // A session may live on though its deadline has passed, and /controller with it: then nothing else would tell.
    this.#unsubscribe = this.#zk.client.onState((state) => {
      if (state === 'connected' && !this.#active) elect();
    });
    this.#zk.handlers.registerNode({
      path: ControllerZNode.path,
      handleCreation: elect,
      handleDeletion: elect,
      handleDataChange: elect,
    });
    await new Promise<void>((resolve) => this.#put('Startup', () => this.#elect().finally(resolve)));
    await this.#active?.flushedHere();
  }

  /** Gives the office up, so that another broker has it at once. */
  async shutdown(): Promise<void> {
    this.#unsubscribe?.();
    const epochZkVersion = this.#active?.context.epochZkVersion;
    this.#resign('This broker shuts down.');
    await this.#events.close();
    for (const timer of this.#retries.values()) timer.cancel();
    // It may have been elected just now.
    this.#resign('This broker shuts down.');
    if (epochZkVersion !== undefined) {
      await this.#zk.deleteController(epochZkVersion).catch((error: unknown) => {
        this.#logger.warn('/controller could not be deleted: it goes with the session.', { error });
      });
    }
  }

  // What brokers ask for

  /** Moves leaderships off a broker that is about to shut down; the partitions that it still leads are in the answer. */
  controlledShutdown({
    brokerId,
    brokerEpoch,
  }: ControlledShutdownRequest): Promise<InputOf<typeof ControlledShutdownResponse>> {
    const failed = (errorCode: ErrorCode) => ({ errorCode, remainingPartitions: [] });
    return this.#ask(
      'ControlledShutdown',
      async (active) => {
        const { code, remaining } = await active.controlledShutdown(brokerId, brokerEpoch);
        const remainingPartitions = remaining.map(({ topic, index }) => ({
          topicName: topic.name,
          partitionIndex: index,
        }));
        return { errorCode: code, remainingPartitions };
      },
      // ControllerMovedException's code.
      (code) => failed(code === ErrorCode.NOT_CONTROLLER ? ErrorCode.STALE_CONTROLLER_EPOCH : code),
    );
  }

  /** A leader's new ISRs. */
  alterPartition(request: AlterPartitionRequest, version: number): Promise<AlterPartitionResponseInput> {
    return new Promise((resolve) => {
      const refused = (errorCode: ErrorCode): void => resolve({ throttleTimeMs: 0, errorCode, topics: [] });
      // The leader need not wait for a reassignment that it has completed.
      void this.#ask<void>('AlterPartition', (active) => active.alterPartition(request, version, resolve), refused);
    });
  }

  allocateProducerIds({
    brokerId,
    brokerEpoch,
  }: AllocateProducerIdsRequest): Promise<InputOf<typeof AllocateProducerIdsResponse>> {
    return this.#ask(
      'AllocateProducerIds',
      async (active) => {
        const { code, start, length } = await active.allocateProducerIds(brokerId, brokerEpoch);
        return { throttleTimeMs: 0, errorCode: code, producerIdStart: start, producerIdLen: length };
      },
      (errorCode) => ({ throttleTimeMs: 0, errorCode, producerIdStart: 0, producerIdLen: 0 }),
    );
  }

  // What administrators ask for

  /**
   * The answer comes when this broker's own metadata have the new leaders, or with REQUEST_TIMED_OUT for them when that
   * takes too long.
   */
  async electLeaders(
    { electionType, topicPartitions, timeoutMs }: ElectLeadersRequest,
    version: number,
  ): Promise<InputOf<typeof ElectLeadersResponse>> {
    const endMs = this.#io.clock.monotonicMs() + timeoutMs;
    const type = version === 0 ? ElectionType.PREFERRED : electionType;
    const requested = topicPartitions?.flatMap(({ topic, partitions }) =>
      partitions.map((partition) => ({ topic, partition })),
    );
    const all = (code: ErrorCode, message: string | null = null): (TopicPartition & { error: ApiError })[] =>
      (requested ?? []).map((each) => ({ ...each, error: { code, message } }));
    if (type !== ElectionType.PREFERRED && type !== ElectionType.UNCLEAN) {
      const message = `Election type ${type} is not known, 0 (preferred) and 1 (unclean) are.`;
      return electLeadersResponse(ErrorCode.INVALID_REQUEST, all(ErrorCode.INVALID_REQUEST, message));
    }
    let active: ActiveController | undefined;
    const results = await this.#ask(
      'ReplicaLeaderElection',
      (controller) => {
        active = controller;
        return controller.elections.electLeaders(requested ?? null, type);
      },
      (code) => all(code),
    );
    const isKnownHere = !active || (await this.#isDoneBy(endMs, active.flushedHere()));
    return electLeadersResponse(ErrorCode.NONE, isKnownHere ? results : results.map(timedOut));
  }

  /** KIP-455. */
  alterPartitionReassignments({
    topics,
  }: AlterPartitionReassignmentsRequest): Promise<InputOf<typeof AlterPartitionReassignmentsResponse>> {
    // Of a partition that is named twice the last one counts.
    const requested = new Map<string, RequestedReassignment>();
    for (const { name, partitions } of topics) {
      for (const { partitionIndex, replicas } of partitions) {
        requested.set(`${name}-${partitionIndex}`, { topic: name, partition: partitionIndex, replicas });
      }
    }
    return this.#ask(
      'ApiPartitionReassignment',
      async (active) => {
        const results = await active.reassignments.alter([...requested.values()]);
        return {
          throttleTimeMs: 0,
          errorCode: ErrorCode.NONE as ErrorCode,
          errorMessage: null,
          responses: [...Map.groupBy(results, ({ topic }) => topic)].map(([name, partitions]) => ({
            name,
            partitions: partitions.map(({ partition, error }) => ({
              partitionIndex: partition,
              errorCode: error.code,
              errorMessage: error.message,
            })),
          })),
        };
      },
      (errorCode) => ({ throttleTimeMs: 0, errorCode, errorMessage: null, responses: [] }),
    );
  }

  listPartitionReassignments({
    topics,
  }: ListPartitionReassignmentsRequest): Promise<InputOf<typeof ListPartitionReassignmentsResponse>> {
    return this.#ask(
      'ListPartitionReassignments',
      ({ context }) => {
        const listed = topics
          ? topics.flatMap(({ name, partitionIndexes }) =>
              [...new Set(partitionIndexes)].flatMap((index) => context.partition(name, index) ?? []),
            )
          : [...context.partitionsBeingReassigned];
        const moving = listed.filter(({ assignment }) => isBeingReassigned(assignment));
        return Promise.resolve({
          throttleTimeMs: 0,
          errorCode: ErrorCode.NONE as ErrorCode,
          errorMessage: null,
          topics: [...Map.groupBy(moving, ({ topic }) => topic.name)].map(([name, partitions]) => ({
            name,
            partitions: partitions.map(({ index, assignment }) => ({ partitionIndex: index, ...assignment })),
          })),
        });
      },
      (errorCode) => ({ throttleTimeMs: 0, errorCode, errorMessage: null, topics: [] }),
    );
  }

  updateFeatures(request: UpdateFeaturesRequest, version: number): Promise<InputOf<typeof UpdateFeaturesResponse>> {
    return this.#ask(
      'UpdateFeatures',
      (active) => active.features.update(request, version),
      (errorCode) => ({ throttleTimeMs: 0, errorCode, errorMessage: null, results: [] }),
    );
  }

  /** unclean.leader.election.enable has become true: of a topic, or by default. */
  uncleanLeaderElectionEnabled(topic?: string): void {
    const name = topic === undefined ? 'UncleanLeaderElectionEnable' : `TopicUncleanLeaderElectionEnable ${topic}`;
    this.#put(name, async () => {
      const active = this.#active;
      if (active) await this.#inOffice(active, () => active.elections.uncleanLeaderElectionEnabled(topic));
    });
  }

  #isDoneBy(endMs: number, done: Promise<void>): Promise<boolean> {
    const { clock } = this.#io;
    return new Promise((resolve) => {
      const timer = clock.timer(Math.max(0, endMs - clock.monotonicMs()), () => resolve(false));
      void done.then(() => {
        timer.cancel();
        resolve(true);
      });
    });
  }

  async #ask<T>(
    name: string,
    run: (active: ActiveController) => Promise<T>,
    refused: (code: ErrorCode) => T,
  ): Promise<T> {
    return await this.#events.ask(
      name,
      async () => {
        const active = this.#active;
        if (!active) return refused(ErrorCode.NOT_CONTROLLER);
        let answer: { readonly value: T } | undefined;
        try {
          await this.#inOffice(active, async () => {
            answer = { value: await run(active) };
          });
        } catch (error) {
          this.#logger.error(`The controller could not handle ${name}.`, { error });
          return refused(ErrorCode.UNKNOWN_SERVER_ERROR);
        }
        return answer ? answer.value : refused(ErrorCode.NOT_CONTROLLER);
      },
      () => refused(ErrorCode.NOT_CONTROLLER),
    );
  }

  /** An event that fails is tried again: what it was told of would not be told twice. */
  #put(name: string, run: () => Promise<void>): void {
    this.#events.put(name, async () => {
      try {
        await run();
      } catch (error) {
        // This broker stops, and there is nothing to be done any more.
        if (this.#zk.client.state === 'closed') return;
        this.#retryLater(name, retryMs, () => this.#put(name, run));
        throw error;
      }
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

  async #elect(): Promise<void> {
    // Arms the watch, also when nothing is there.
    await this.#zk.pathExists(ControllerZNode.path);
    const found = await this.#zk.get(ControllerZNode.path);
    const current = found && ControllerZNode.decode(found.data);
    const before = this.#activeControllerId;
    this.#activeControllerId = current?.brokerId ?? -1;
    const { brokerId } = this.#options;
    if (current && current.brokerId !== brokerId) {
      if (!this.#active && before !== current.brokerId)
        this.#logger.info(`Broker ${current.brokerId} is the controller.`);
      this.#resign(`Broker ${current.brokerId} is the controller.`);
      this.#activeControllerId = current.brokerId;
      return;
    }
    if (this.#active && current) return;
    if (current && found?.stat.ephemeralOwner !== this.#zk.client.sessionId) {
      this.#logger.info('/controller still has this broker from an earlier session: waiting until it is gone.');
      return;
    }
    this.#resign('/controller was deleted.');
    const waitMs = this.#standsFromMs - this.#io.clock.monotonicMs();
    if (waitMs > 0) {
      this.#retryLater('Reelect', waitMs, () => this.#put('Reelect', () => this.#elect()));
      return;
    }
    if (current && !(await this.#putAway(found!.stat.czxid))) {
      this.#put('Reelect', () => this.#elect());
      return;
    }
    const active = await this.#register();
    if (active) await this.#takeOffice(active);
  }

  /**
   * Deletes the /controller that this broker has made in this session: it has given the office up when the session
   * seemed to be over. False when it is another one by now, which is left alone.
   */
  async #putAway(czxid: bigint): Promise<boolean> {
    // In this order: whoever is elected after the second look raises the epoch after the first one.
    const epoch = await this.#zk.getControllerEpoch();
    const found = await this.#zk.get(ControllerZNode.path);
    if (!epoch || found?.stat.czxid !== czxid) return false;
    try {
      await this.#zk.deleteController(epoch.zkVersion);
      return true;
    } catch (error) {
      if (!(error instanceof ControllerMovedException)) throw error;
      this.#logger.info(error.message);
      return false;
    }
  }

  /** `undefined` when another broker was first. */
  async #register(): Promise<ActiveController | undefined> {
    const { brokerId } = this.#options;
    try {
      const { epoch, zkVersion } = await this.#zk.registerControllerAndIncrementControllerEpoch(brokerId);
      const context = new ControllerContext(brokerId, epoch, zkVersion);
      this.#logger.info(
        `Broker ${brokerId} is elected as the controller, epoch ${epoch} (version ${zkVersion} of /controller_epoch).`,
      );
      return this.#newTerm(context);
    } catch (error) {
      if (!(error instanceof ControllerMovedException)) throw error;
      this.#logger.info(error.message);
      this.#put('Reelect', () => this.#elect());
      return undefined;
    }
  }

  #newTerm(context: ControllerContext): ActiveController {
    const inOffice = async (run: () => Promise<void>): Promise<void> => {
      if (this.#active === active) await this.#inOffice(active, run);
    };
    const active: ActiveController = new ActiveController(this.#io, this.#logger, this.#zk, this.#options, context, {
      // By epoch: what an earlier term has left in the queue does not stand for this one's.
      put: (name, run) => this.#put(`${name} (epoch ${context.epoch})`, () => inOffice(run)),
      add: (name, run) => this.#events.add(name, () => inOffice(run)),
      doubted: () => this.#put('Reelect', () => this.#elect()),
    });
    return active;
  }

  async #takeOffice(active: ActiveController): Promise<void> {
    this.#active = active;
    this.#activeControllerId = this.#options.brokerId;
    try {
      // The watch of /controller was used up by our own registration.
      await this.#zk.pathExists(ControllerZNode.path);
      await this.#inOffice(active, () => active.failover());
    } catch (error) {
      if (active.context.isOver) throw error;
      // Half a controller is none: perhaps another broker can, or this one later.
      this.#standsFromMs = this.#io.clock.monotonicMs() + standAgainMs;
      const { epochZkVersion } = active.context;
      this.#resign('It could not take the office on.');
      await this.#zk.deleteController(epochZkVersion).catch(() => undefined);
      throw error;
    }
  }

  #resign(reason: string): void {
    const active = this.#active;
    if (!active) return;
    this.#active = undefined;
    this.#activeControllerId = -1;
    active.resign(reason);
    this.#logger.info(
      `Broker ${this.#options.brokerId} is the controller no more (epoch ${active.context.epoch}). ${reason}`,
    );
  }

  /** A write that finds another controller's epoch ends this one's office, and so does the end of its session. */
  async #inOffice(active: ActiveController, run: () => Promise<void>): Promise<void> {
    try {
      await run();
    } catch (error) {
      if (error instanceof ControllerMovedException) {
        if (this.#active === active) this.#resign(error.message);
        this.#put('Reelect', () => this.#elect());
        return;
      }
      if (active.context.isOver && isKeeperException(error, KeeperCode.SESSIONEXPIRED)) {
        this.#logger.info(
          `What the controller did is broken off (${errorName(ErrorCode.NOT_CONTROLLER)}): its session is over.`,
        );
        return;
      }
      throw error;
    }
  }
}

/** An election that was held, and of which this broker has not heard in time. */
function timedOut<T extends { readonly error: ApiError }>(result: T): T {
  if (result.error.code !== ErrorCode.NONE) return result;
  return { ...result, error: { code: ErrorCode.REQUEST_TIMED_OUT, message: null } };
}

function electLeadersResponse(
  errorCode: ErrorCode,
  results: readonly (TopicPartition & { readonly error: ApiError })[],
): InputOf<typeof ElectLeadersResponse> {
  return {
    throttleTimeMs: 0,
    errorCode,
    replicaElectionResults: [...Map.groupBy(results, ({ topic }) => topic)].map(([topic, partitions]) => ({
      topic,
      partitionResult: partitions.map(({ partition, error }) => ({
        partitionId: partition,
        errorCode: error.code,
        errorMessage: error.message,
      })),
    })),
  };
}
