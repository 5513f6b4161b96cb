import { expect } from 'vitest';
import type { BrokerChannel, LeaderAndIsrInput, StopReplicaInput } from '../../../broker/src/controller/broker-channel';
import { KafkaController, type KafkaControllerOptions } from '../../../broker/src/controller/kafka-controller';
import type { Io } from '../../../broker/src/io/io';
import { nodeIo } from '../../../broker/src/io/node';
import { ErrorCode } from '../../../broker/src/protocol/errors';
import type { UpdateMetadataRequest } from '../../../broker/src/protocol/messages/update-metadata';
import { decodeMessage, encodeToBuffer } from '../../../broker/src/protocol/codec';
import { UpdateMetadataRequest as UpdateMetadataSchema } from '../../../broker/src/protocol/messages/update-metadata';
import { MetadataCache } from '../../../broker/src/replication/metadata-cache';
import { KafkaZkClient } from '../../../broker/src/zookeeper/kafka-zk-client';
import { ZooKeeperServer } from '../../../broker/src/zookeeper/server/zookeeper-server';
import type { EndPoint } from '../../../broker/src/zookeeper/znodes/broker-id';
import type { LeaderRecoveryState } from '../../../broker/src/zookeeper/znodes/partition-state';
import { type VersionedPartitionState } from '../../../broker/src/zookeeper/znodes/partition-state';
import { recordingLogger } from '../server/recording-logger';
import { endSession } from '../zookeeper/end-session';

type LeaderAndIsrPartition = NonNullable<
  NonNullable<LeaderAndIsrInput['topicStates']>[number]['partitionStates']
>[number];

/** What a fake broker was sent, in short: `LeaderAndIsr t-0:leader 1`, `StopReplica t-0:delete`, `UpdateMetadata`. */
export interface Sent {
  readonly api: 'LeaderAndIsr' | 'UpdateMetadata' | 'StopReplica';
  readonly partitions: readonly string[];
  readonly controllerEpoch: number;
  readonly brokerEpoch: bigint;
}

interface ControlHead {
  readonly controllerEpoch: number;
  readonly brokerEpoch?: bigint;
}

/** A broker that is registered, takes what the controller sends, and answers as a test wants. */
export class FakeBroker implements BrokerChannel {
  readonly sent: Sent[] = [];
  metadata = new MetadataCache();
  /** What LeaderAndIsr has said last, by `topic-partition`. */
  readonly replicas = new Map<string, LeaderAndIsrPartition>();
  /** Partitions that it was told to delete. */
  readonly deleted: string[] = [];
  /** Errors that it answers with, by `topic-partition`. */
  readonly leaderAndIsrErrors = new Map<string, ErrorCode>();
  readonly stopReplicaErrors = new Map<string, ErrorCode>();
  epoch = -1n;
  zk!: KafkaZkClient;
  #hanging: Promise<void> | undefined;
  #refusals = 0;
  #controllerEpoch = 0;

  constructor(readonly id: number) {}

  /** Answers nothing until the function that this returns is called. */
  hang(): () => void {
    let resume!: () => void;
    this.#hanging = new Promise((resolve) => {
      resume = () => {
        this.#hanging = undefined;
        resolve();
      };
    });
    return resume;
  }

  /** As when connections break: the next requests are lost. */
  loseNext(count: number): void {
    this.#refusals = count;
  }

  apis(): string[] {
    return this.sent.map(({ api }) => api);
  }

  async leaderAndIsr(request: LeaderAndIsrInput) {
    const states = (request.topicStates ?? []).flatMap(({ topicName, topicId, partitionStates = [] }) =>
      partitionStates.map((state) => ({ name: `${topicName}-${state.partitionIndex}`, topicId, state })),
    );
    await this.#received(
      'LeaderAndIsr',
      request,
      states.map(({ name, state }) => `${name}:leader ${state.leader}`),
    );
    const refused = this.#refusal(request);
    if (refused) return { errorCode: refused, partitionErrors: [], topics: [] };
    for (const { name, state } of states) {
      const known = this.replicas.get(name)?.leaderEpoch ?? -1;
      if ((state.leaderEpoch ?? 0) >= known) this.replicas.set(name, state);
    }
    const topics = (request.topicStates ?? []).map(({ topicName, topicId = '', partitionStates = [] }) => ({
      topicId,
      partitionErrors: partitionStates.map(({ partitionIndex }) => ({
        topicName: '',
        partitionIndex,
        errorCode: this.leaderAndIsrErrors.get(`${topicName}-${partitionIndex}`) ?? ErrorCode.NONE,
      })),
    }));
    return { errorCode: ErrorCode.NONE, partitionErrors: [], topics };
  }

  async updateMetadata(request: Parameters<BrokerChannel['updateMetadata']>[0]) {
    const decoded: UpdateMetadataRequest = decodeMessage(
      UpdateMetadataSchema,
      8,
      encodeToBuffer(UpdateMetadataSchema, 8, request),
    );
    await this.#received(
      'UpdateMetadata',
      request,
      decoded.topicStates.flatMap(({ topicName, partitionStates }) =>
        partitionStates.map(({ partitionIndex, leader }) => `${topicName}-${partitionIndex}:leader ${leader}`),
      ),
    );
    const refused = this.#refusal(request);
    if (refused) return { errorCode: refused };
    this.metadata.update(decoded);
    return { errorCode: ErrorCode.NONE };
  }

  async stopReplica(request: StopReplicaInput) {
    const states = (request.topicStates ?? []).flatMap(({ topicName, partitionStates = [] }) =>
      partitionStates.map((state) => ({ topicName, state, name: `${topicName}-${state.partitionIndex}` })),
    );
    await this.#received(
      'StopReplica',
      request,
      states.map(
        ({ name, state }) => `${name}:${state.deletePartition ? 'delete' : 'stop'} ${state.leaderEpoch ?? 'none'}`,
      ),
    );
    const refused = this.#refusal(request);
    if (refused) return { errorCode: refused, partitionErrors: [] };
    for (const { name, state } of states) {
      if (!state.deletePartition || this.stopReplicaErrors.has(name)) continue;
      this.replicas.delete(name);
      this.deleted.push(name);
    }
    const partitionErrors = states.map(({ topicName, state, name }) => ({
      topicName,
      partitionIndex: state.partitionIndex,
      errorCode: this.stopReplicaErrors.get(name) ?? ErrorCode.NONE,
    }));
    return { errorCode: ErrorCode.NONE, partitionErrors };
  }

  /** As a broker does: what is of a former controller, or for a former life of its own, is refused. */
  #refusal({ controllerEpoch, brokerEpoch = -1n }: ControlHead): ErrorCode | undefined {
    if (controllerEpoch < this.#controllerEpoch) return ErrorCode.STALE_CONTROLLER_EPOCH;
    this.#controllerEpoch = controllerEpoch;
    return brokerEpoch !== -1n && brokerEpoch < this.epoch ? ErrorCode.STALE_BROKER_EPOCH : undefined;
  }

  async #received(
    api: Sent['api'],
    { controllerEpoch, brokerEpoch = -1n }: ControlHead,
    partitions: readonly string[],
  ): Promise<void> {
    if (this.#refusals > 0) {
      this.#refusals--;
      throw new Error('the connection was lost');
    }
    while (this.#hanging) await this.#hanging;
    this.sent.push({ api, partitions, controllerEpoch, brokerEpoch });
  }
}

/** A ZooKeeper, fake brokers, and controllers on some of them. */
export class ControllerBed implements AsyncDisposable {
  readonly io: Io = nodeIo();
  readonly logger = recordingLogger('info', 'warn', 'error');
  readonly brokers = new Map<number, FakeBroker>();
  readonly controllers = new Map<number, KafkaController>();
  readonly uncleanTopics = new Set<string>();
  zk!: KafkaZkClient;
  #server!: ZooKeeperServer;
  readonly #clients: KafkaZkClient[] = [];

  static async start(
    brokers: readonly number[],
    options: Partial<KafkaControllerOptions> = {},
  ): Promise<ControllerBed> {
    const bed = new ControllerBed();
    bed.#server = await ZooKeeperServer.start(bed.io, bed.logger, {
      tickTime: 100,
      maxSessionTimeout: 60_000,
      port: 0,
    });
    bed.zk = await bed.client();
    await bed.zk.createTopLevelPaths();
    for (const id of brokers) await bed.startBroker(id);
    await bed.startController(brokers[0], options);
    return bed;
  }

  get connectString(): string {
    return `127.0.0.1:${this.#server.port}`;
  }

  async client(): Promise<KafkaZkClient> {
    const zk = new KafkaZkClient(this.io, this.logger, {
      connectString: this.connectString,
      sessionTimeoutMs: 30_000,
      connectionTimeoutMs: 30_000,
    });
    this.#clients.push(zk);
    await zk.connect();
    return zk;
  }

  broker(id: number): FakeBroker {
    return this.brokers.get(id)!;
  }

  /** The one in office; for a moment there may be none: then one that says so. */
  get controller(): KafkaController {
    const all = [...this.controllers.values()];
    return all.find(({ isActive }) => isActive) ?? all[0];
  }

  /** Registers a broker, in a session of its own; its past life's replicas are its new one's, what it knew is not. */
  async startBroker(id: number): Promise<FakeBroker> {
    const broker = this.brokers.get(id) ?? new FakeBroker(id);
    broker.metadata = new MetadataCache();
    broker.zk = await this.client();
    this.brokers.set(id, broker);
    await this.#register(broker);
    return broker;
  }

  /** ZooKeeper ends the session of a broker, which registers anew. */
  async expireSession(id: number): Promise<void> {
    await endSession(this.io, this.connectString, this.broker(id).zk.client);
  }

  async #register(broker: FakeBroker): Promise<void> {
    broker.epoch = await broker.zk.registerBroker({
      id: broker.id,
      endPoints: [endPoint(broker.id)],
      rack: null,
      features: new Map(),
      jmxPort: -1,
      timestampMs: this.io.clock.wallMs(),
    });
  }

  /** It is gone, and its controller with it. */
  async stopBroker(id: number): Promise<void> {
    const controller = this.controllers.get(id);
    this.controllers.delete(id);
    await this.broker(id).zk.close();
    await controller?.shutdown();
  }

  /** A controller beside a broker, in its session. */
  async startController(id: number, options: Partial<KafkaControllerOptions> = {}): Promise<KafkaController> {
    const controller = new KafkaController(this.io, this.logger, this.broker(id).zk, {
      brokerId: id,
      interBrokerListenerName: 'PLAINTEXT',
      deleteTopicEnable: true,
      autoLeaderRebalanceEnable: false,
      uncleanLeaderElection: (topic) => Promise.resolve(this.uncleanTopics.has(topic)),
      channel: (broker) => this.brokers.get(broker),
      connect: () => Promise.reject(new Error('nobody is there')),
      registerBroker: () => this.#register(this.broker(id)),
      ...options,
    });
    this.controllers.set(id, controller);
    await controller.startup();
    return controller;
  }

  /** Creates a topic as an administrator does, and waits for its leaders. */
  async createTopic(name: string, ...assignment: readonly (readonly number[])[]): Promise<void> {
    const partitions = new Map(
      assignment.map((replicas, i) => [i, { replicas, addingReplicas: [], removingReplicas: [] }]),
    );
    const topicId = this.io.random.bytes(16).toString('base64url');
    await this.zk.createTopicAssignment(name, { topicId, partitions });
    await expect
      .poll(async () => (await Promise.all(assignment.map((_, i) => this.state(name, i)))).every((state) => state))
      .toBe(true);
  }

  async state(topic: string, partition = 0): Promise<VersionedPartitionState | undefined> {
    return await this.zk.getPartitionState({ topic, partition });
  }

  /** `leader/ISR` */
  async leadership(topic: string, partition = 0): Promise<string> {
    const state = await this.state(topic, partition);
    return state ? `${state.leader}/${state.isr.join(',')}` : 'none';
  }

  async untilLeadership(topic: string, expected: string, partition = 0): Promise<void> {
    await expect.poll(() => this.leadership(topic, partition), { timeout: 10_000 }).toBe(expected);
  }

  /** What the controller was told so far has been done. */
  async settled(): Promise<void> {
    for (let i = 0; i < 3; i++) await this.controller.listPartitionReassignments({ timeoutMs: 0, topics: null });
  }

  /** A leader changes its ISR. */
  async alterIsr(topic: string, isr: readonly number[], partition = 0, leaderRecoveryState = 0) {
    const state = (await this.state(topic, partition))!;
    return await this.alterPartition(topic, {
      ...state,
      isr,
      leaderRecoveryState: leaderRecoveryState as LeaderRecoveryState,
      partition,
    });
  }

  async alterPartition(
    topic: string,
    wanted: VersionedPartitionState & { readonly partition: number; readonly brokerEpoch?: bigint },
    version = 3,
  ) {
    const topicId = (await this.zk.getTopicAssignment(topic))?.topicId;
    const response = await this.controller.alterPartition(
      {
        brokerId: wanted.leader,
        brokerEpoch: wanted.brokerEpoch ?? this.broker(wanted.leader).epoch,
        topics: [
          {
            topicName: topic,
            topicId: topicId ?? 'AAAAAAAAAAAAAAAAAAAAAA',
            partitions: [
              {
                partitionIndex: wanted.partition,
                leaderEpoch: wanted.leaderEpoch,
                newIsr: [...wanted.isr],
                newIsrWithEpochs: wanted.isr.map((brokerId) => ({
                  brokerId,
                  brokerEpoch: this.brokers.get(brokerId)?.epoch ?? -1n,
                })),
                leaderRecoveryState: wanted.leaderRecoveryState,
                partitionEpoch: wanted.partitionEpoch,
              },
            ],
          },
        ],
      },
      version,
    );
    const answered = response.topics[0]?.partitions[0];
    return answered ?? { errorCode: response.errorCode };
  }

  async reassign(topic: string, replicas: readonly number[] | null, partition = 0) {
    const response = await this.controller.alterPartitionReassignments({
      timeoutMs: 1000,
      topics: [{ name: topic, partitions: [{ partitionIndex: partition, replicas: replicas && [...replicas] }] }],
    });
    return response.responses[0]?.partitions[0]?.errorCode ?? response.errorCode;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const controller of this.controllers.values()) await controller.shutdown();
    for (const zk of this.#clients.reverse()) await zk.close();
    await this.#server.close();
  }
}

export function endPoint(id: number, port = 9092): EndPoint {
  return { listenerName: 'PLAINTEXT', securityProtocol: 'PLAINTEXT', host: `broker-${id}`, port };
}
