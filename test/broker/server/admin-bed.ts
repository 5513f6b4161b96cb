import { BrokerConfig } from '../../../broker/src/config/broker-config';
import { KafkaController } from '../../../broker/src/controller/kafka-controller';
import type { Io } from '../../../broker/src/io/io';
import { nodeIo } from '../../../broker/src/io/node/index';
import type { LogConfig } from '../../../broker/src/log/log-config';
import type { TopicPartition } from '../../../broker/src/log/topic-partition';
import { silentLogger, type LogFields, type Logger } from '../../../broker/src/logging/logger';
import { ErrorCode } from '../../../broker/src/protocol/errors';
import type { LeaderAndIsrRequest } from '../../../broker/src/protocol/messages/leader-and-isr';
import type { StopReplicaRequest } from '../../../broker/src/protocol/messages/stop-replica';
import { MetadataCache } from '../../../broker/src/replication/metadata-cache';
import type { ReplicaManager } from '../../../broker/src/replication/replica-manager';
import { AdminManager } from '../../../broker/src/server/admin-manager';
import { AutoTopicCreation } from '../../../broker/src/server/auto-topic-creation';
import type { BrokerContext } from '../../../broker/src/server/broker-context';
import { ControlPlane, localBrokerChannel } from '../../../broker/src/server/control-plane';
import { DynamicConfigManager, type ConfiguredLogs } from '../../../broker/src/server/dynamic-config-manager';
import { KafkaZkClient } from '../../../broker/src/zookeeper/kafka-zk-client';
import { ZooKeeperServer } from '../../../broker/src/zookeeper/server/zookeeper-server';

export interface AdminBedOptions {
  /** server.properties beside what every broker has. */
  readonly properties?: Readonly<Record<string, string>>;
  /** Live brokers with their racks; the first one is the broker under test. @default broker 0 without a rack */
  readonly brokers?: readonly { readonly id: number; readonly rack?: string }[];
  /** `idle`: a controller holds the office and does nothing. @default the real one */
  readonly controller?: 'real' | 'idle';
  readonly logger?: Logger;
}

/** The logs of the broker under test, as far as their configuration goes. */
export class FakeLogs implements ConfiguredLogs {
  readonly byName = new Map<string, { readonly topicPartition: TopicPartition; config: LogConfig }>();

  all(): Iterable<{ readonly topicPartition: TopicPartition; config: LogConfig }> {
    return this.byName.values();
  }

  updateConfig(topic: string, config: LogConfig): void {
    for (const log of this.byName.values()) if (log.topicPartition.topic === topic) log.config = config;
  }

  config(name: string): LogConfig {
    return this.byName.get(name)!.config;
  }
}

/** A broker's administration on an embedded ZooKeeper: all of it is real but the replicas. */
export class AdminBed implements AsyncDisposable {
  private constructor(
    readonly zookeeper: ZooKeeperServer,
    readonly zk: KafkaZkClient,
    readonly config: BrokerConfig,
    readonly metadata: MetadataCache,
    readonly logs: FakeLogs,
    readonly dynamicConfig: DynamicConfigManager,
    readonly admin: AdminManager,
    readonly autoTopicCreation: AutoTopicCreation,
    readonly broker: BrokerContext,
    private readonly stop: () => Promise<void>,
  ) {}

  static async start(options: AdminBedOptions = {}): Promise<AdminBed> {
    const { brokers = [{ id: 0 }], logger = silentLogger } = options;
    const brokerId = brokers[0].id;
    const io = nodeIo();
    const zookeeper = await ZooKeeperServer.start(io, silentLogger);
    const zk = connectTo(io, zookeeper);
    await zk.connect();
    await zk.createTopLevelPaths();
    const { config } = BrokerConfig.from(
      new Map(Object.entries({ 'broker.id': String(brokerId), 'zookeeper.connect': 'here', ...options.properties })),
    );
    const metadata = new MetadataCache();
    const logs = new FakeLogs();
    const dynamicConfig = new DynamicConfigManager(io, logger, { brokerId, config, zk, logManager: logs });
    await dynamicConfig.start();
    const controlPlane = new ControlPlane(logger, {
      replicas: fakeReplicas(logs, dynamicConfig),
      metadata,
      dynamicConfig,
      brokerEpoch: () => undefined,
      existingTopics: () => zk.getTopicsNow(),
      partitionsDeleted: () => undefined,
    });
    for (const { id, rack = null } of brokers) {
      const endPoint = { listenerName: 'PLAINTEXT', securityProtocol: 'PLAINTEXT', host: `broker-${id}`, port: 9092 };
      await zk.registerBroker({
        id,
        endPoints: [endPoint],
        rack,
        features: new Map(),
        jmxPort: -1,
        timestampMs: io.clock.wallMs(),
      });
    }
    const ownChannel = localBrokerChannel(controlPlane);
    const otherChannel: typeof ownChannel = {
      leaderAndIsr: () => Promise.resolve({ errorCode: 0, partitionErrors: [], topics: [] }),
      stopReplica: () => Promise.resolve({ errorCode: 0, partitionErrors: [] }),
      updateMetadata: () => Promise.resolve({ errorCode: 0 }),
    };
    const controller = new KafkaController(io, logger, zk, {
      brokerId,
      interBrokerListenerName: 'PLAINTEXT',
      deleteTopicEnable: config.get('delete.topic.enable'),
      uncleanLeaderElection: (topic) => dynamicConfig.uncleanLeaderElection(topic),
      channel: (id) => (id === brokerId ? ownChannel : otherChannel),
      connect: () => Promise.reject(new Error('nobody is there')),
      registerBroker: () => Promise.resolve(),
    });
    const isIdle = options.controller === 'idle';
    if (isIdle) {
      await zk.registerControllerAndIncrementControllerEpoch(brokerId);
      await ownChannel.updateMetadata({
        controllerId: brokerId,
        controllerEpoch: 1,
        brokerEpoch: -1n,
        topicStates: [],
        liveBrokers: brokers.map(({ id, rack = null }) => ({
          id,
          rack,
          endpoints: [{ listener: 'PLAINTEXT', host: `broker-${id}`, port: 9092, securityProtocol: 0 }],
        })),
      });
    } else {
      const joined = new Promise<void>((resolve) => {
        metadata.onUpdate(() => {
          if (metadata.brokers.size === brokers.length) resolve();
        });
      });
      void controller.startup();
      await joined;
    }
    const admin = new AdminManager(io, logger, { config, zk, metadata, dynamicConfig });
    const autoTopicCreation = new AutoTopicCreation(config, admin);
    const context = {
      io,
      logger,
      config,
      brokerId,
      clusterId: 'the-cluster',
      metadata,
      controller: isIdle ? { isActive: true } : controller,
      admin,
      autoTopicCreation,
    } as Partial<BrokerContext> as BrokerContext;
    return new AdminBed(
      zookeeper,
      zk,
      config,
      metadata,
      logs,
      dynamicConfig,
      admin,
      autoTopicCreation,
      context,
      async () => {
        admin.shutdown();
        await controller.shutdown();
        await dynamicConfig.shutdown();
        await zk.close();
        await zookeeper.close();
      },
    );
  }

  /** Another client, as a tool that writes to ZooKeeper by itself. */
  async connect(): Promise<KafkaZkClient> {
    const zk = connectTo(nodeIo(), this.zookeeper);
    await zk.connect();
    return zk;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

function connectTo(io: Io, zookeeper: ZooKeeperServer): KafkaZkClient {
  return new KafkaZkClient(io, silentLogger, {
    connectString: `127.0.0.1:${zookeeper.port}`,
    sessionTimeoutMs: 6000,
    connectionTimeoutMs: 6000,
  });
}

/** Replicas that take every role at once; their logs are nothing but a configuration. */
function fakeReplicas(logs: FakeLogs, dynamicConfig: DynamicConfigManager): ReplicaManager {
  const fake = {
    isStaleController: () => false,
    becomeLeaderOrFollower(request: LeaderAndIsrRequest) {
      for (const { topicName: topic, partitionStates } of request.topicStates) {
        for (const { partitionIndex: partition } of partitionStates) {
          logs.byName.set(`${topic}-${partition}`, {
            topicPartition: { topic, partition },
            config: dynamicConfig.logConfig(topic),
          });
        }
      }
      return Promise.resolve({ errorCode: ErrorCode.NONE, partitions: [] });
    },
    stopReplicas(request: StopReplicaRequest) {
      for (const { topicName, partitionStates } of request.topicStates) {
        for (const { partitionIndex } of partitionStates) logs.byName.delete(`${topicName}-${partitionIndex}`);
      }
      return Promise.resolve({ errorCode: ErrorCode.NONE, partitions: [] });
    },
  };
  return fake as unknown as ReplicaManager;
}

/** Goes on when the condition holds; the test's own timeout is the bound. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setImmediate(resolve));
}

/** Keeps what is logged. */
export class LoggedLines implements Logger {
  readonly lines: string[] = [];

  debug(): void {}

  info(message: string, fields?: LogFields): void {
    this.#keep(message, fields);
  }

  warn(message: string, fields?: LogFields): void {
    this.#keep(message, fields);
  }

  error(message: string, fields?: LogFields): void {
    this.#keep(message, fields);
  }

  child(): Logger {
    return this;
  }

  #keep(message: string, fields?: LogFields): void {
    this.lines.push(fields === undefined ? message : `${message} ${JSON.stringify(fields)}`);
  }
}
