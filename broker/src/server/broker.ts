import type { BrokerConfig } from '../config/broker-config';
import { isAtLeastVersion } from '../config/metadata-version';
import { LogConfig } from '../config/log-config';
import { KafkaController } from '../controller/kafka-controller';
import { GroupCoordinator } from '../groups/group-coordinator';
import type { Io } from '../io/io';
import type { Listening } from '../io/network';
import type { Logger } from '../logging/logger';
import { LogManager } from '../log/log-manager';
import { httpEndpoints } from '../metrics/http-endpoints';
import { MetricsRegistry } from '../metrics/metrics-registry';
import { addNetworkMetrics } from '../metrics/network-collector';
import { NetworkMetrics } from '../metrics/network-metrics';
import { SocketServer } from '../network/socket-server';
import { DefaultAlterPartitionManager } from '../replication/alter-partition-manager';
import { type ClusterTopics, InternalTopic } from '../replication/internal-topic';
import { groupMetadataTopic, transactionStateTopic } from '../replication/internal-topics';
import { MetadataCache } from '../replication/metadata-cache';
import type { Partition } from '../replication/partition';
import { ReplicaFetcherManager } from '../replication/replica-fetcher-manager';
import { ReplicaManager } from '../replication/replica-manager';
import { replicaSelectorOf } from '../replication/replica-selector';
import { ZkAlterPartitionManager } from '../replication/zk-alter-partition-manager';
import { AddPartitionsToTxnManager } from '../transactions/add-partitions-to-txn-manager';
import { TransactionCoordinator } from '../transactions/transaction-coordinator';
import { transactionCoordinatorOptions } from '../transactions/transaction-coordinator-options';
import { TransactionVerifier } from '../transactions/transaction-verifier';
import { ZooKeeperClientTimeoutException } from '../zookeeper/client';
import type { SaslCredentials } from '../zookeeper/digest-md5';
import { KafkaZkClient } from '../zookeeper/kafka-zk-client';
import { zooKeeperSecurity } from '../zookeeper/zookeeper-security';
import type { BrokerInfo, EndPoint as RegisteredEndPoint } from '../zookeeper/znodes/broker-id';
import { AdminManager } from './admin-manager';
import { AutoTopicCreation } from './auto-topic-creation';
import { brokerConnections } from './broker-connections';
import type { BrokerContext } from './broker-context';
import { addBrokerMetrics } from './broker-metrics';
import { BrokerToControllerChannel } from './broker-to-controller-channel';
import { cleanerConfigOf } from './cleaner-config-of';
import { controlledShutdown } from './controlled-shutdown';
import { ControlPlane, localBrokerChannel } from './control-plane';
import { DynamicConfigManager } from './dynamic-config-manager';
import { FetchSessionCache } from './fetch-session';
import { handlers } from './handlers';
import { InterBrokerRequests } from './inter-broker-requests';
import { ProducerIdManager, producerIdsOfController, producerIdsOfZooKeeper } from './producer-id-manager';
import { Readiness } from './readiness';
import { ReplicationThrottles } from './replication-throttles';
import { RequestDispatcher } from './request-dispatcher';
import { zooKeeperOffsets } from './zookeeper-offsets';

export interface BrokerOptions {
  readonly config: BrokerConfig;
  /** Wait for ZooKeeper as long as it takes, instead of zookeeper.connection.timeout.ms. @default false */
  readonly waitForZooKeeper?: boolean;
  /** Who the broker logs in to ZooKeeper as (SASL DIGEST-MD5). @default nobody */
  readonly zooKeeperLogin?: SaslCredentials;
  /** Serves /live, /ready and /metrics. @default nowhere */
  readonly http?: { readonly host: string; readonly port: number };
  /** Whether process-wide figures (CPU, memory, event loop lag) are among the metrics. @default true */
  readonly processMetrics?: boolean;
}

/** Something that a person has to mend before this broker can start. The message says what. */
export class BrokerStartError extends Error {
  override readonly name = 'BrokerStartError';
}

/** One broker of a cluster, with everything that it consists of (Kafka's KafkaServer). */
export class Broker {
  /** Settles when the broker cannot go on, its last log directory being gone for instance: the process should end. */
  readonly failed: Promise<Error>;
  readonly #logger: Logger;
  readonly #parts: Parts;
  #closing: Promise<void> | undefined;

  private constructor(logger: Logger, parts: Parts) {
    this.#logger = logger;
    this.#parts = parts;
    this.failed = parts.failed;
  }

  /**
   * Starts a broker; resolves when clients are served.
   * @throws BrokerStartError, or what the machine said (a port that is taken, a directory that cannot be written)
   */
  static async start(io: Io, logger: Logger, options: BrokerOptions): Promise<Broker> {
    const starting = new Starting();
    try {
      const parts = await startParts(io, logger, options, starting);
      return new Broker(logger.child('KafkaServer'), parts);
    } catch (error) {
      await starting.undo(logger);
      throw error;
    }
  }

  get brokerId(): number {
    return this.#parts.brokerId;
  }

  get clusterId(): string {
    return this.#parts.clusterId;
  }

  /** `host:port` of the advertised listeners, comma-separated: what a client takes as bootstrap.servers. */
  get bootstrapServers(): string {
    const { endPoints } = this.#parts.info;
    return endPoints.map(({ host, port }) => `${host.includes(':') ? `[${host}]` : host}:${port}`).join(',');
  }

  /** What this broker holds, for who runs it in a process of his own and watches it. */
  get replicas(): ReplicaManager {
    return this.#parts.replicas;
  }

  /** Of the session that this broker has, or had last. */
  get zooKeeperSessionId(): bigint {
    return this.#parts.zk.client.sessionId;
  }

  /** Where /live, /ready and /metrics are, if anywhere. */
  get http(): { readonly host: string; readonly port: number } | undefined {
    return this.#parts.http;
  }

  /**
   * A clean shutdown: other brokers take the leaderships over (controlled.shutdown.enable), clients are disconnected, the
   * logs are flushed and closed, the registration and the office are given up. It goes through without ZooKeeper, too.
   * May be called again.
   * @param options `controlled: false`: leaderships are left as they are, whatever the configuration says
   */
  close({ controlled = true }: { readonly controlled?: boolean } = {}): Promise<void> {
    this.#closing ??= this.#parts.stop(this.#logger, controlled);
    return this.#closing;
  }

  /** Resolves when this broker has heard of so many live brokers, itself included. */
  knowsBrokers(count: number): Promise<void> {
    const { metadata } = this.#parts;
    return new Promise((resolve) => {
      const check = (): void => {
        if (metadata.brokers.size >= count) resolve();
      };
      metadata.onUpdate(check);
      check();
    });
  }
}

interface Parts {
  readonly brokerId: number;
  readonly clusterId: string;
  readonly info: BrokerInfo;
  readonly zk: KafkaZkClient;
  readonly metadata: MetadataCache;
  readonly replicas: ReplicaManager;
  readonly http: { readonly host: string; readonly port: number } | undefined;
  readonly failed: Promise<Error>;
  stop(logger: Logger, controlled: boolean): Promise<void>;
}

/** What has been started, so that it can be stopped in the opposite order. */
class Starting {
  readonly #undo: { readonly what: string; readonly stop: () => Promise<unknown> }[] = [];
  /** Runs before anything is stopped. */
  beforeUndo: (() => void) | undefined;

  started(what: string, stop: () => Promise<unknown>): void {
    this.#undo.push({ what, stop });
  }

  async undo(logger: Logger): Promise<void> {
    this.beforeUndo?.();
    for (const { what, stop } of this.#undo.splice(0).reverse()) {
      try {
        await stop();
      } catch (error) {
        logger.error(`${what} could not be stopped cleanly.`, { error });
      }
    }
  }
}

async function startParts(io: Io, logger: Logger, options: BrokerOptions, starting: Starting): Promise<Parts> {
  const { config } = options;
  const log = logger.child('KafkaServer');
  let fail!: (error: Error) => void;
  const failed = new Promise<Error>((resolve) => (fail = resolve));

  // Probes ask from the first moment on: recovery and ZooKeeper may take their time.
  const networkMetrics = new NetworkMetrics();
  const readiness = new Readiness();
  const metrics = new MetricsRegistry({ processMetrics: options.processMetrics ?? true });
  addNetworkMetrics(metrics, networkMetrics);
  const http = options.http && (await serveHttp(io, options.http, metrics, readiness));
  if (http) starting.started('The http listener', () => http.close());

  const zk = new KafkaZkClient(io, logger, {
    connectString: config.get('zookeeper.connect') ?? '',
    sessionTimeoutMs: config.get('zookeeper.session.timeout.ms'),
    connectionTimeoutMs: config.zookeeperConnectionTimeoutMs,
    maxInFlightRequests: config.get('zookeeper.max.in.flight.requests'),
    ...(await zooKeeperSecurity(io.files, config, options.zooKeeperLogin)),
  });
  starting.started('The ZooKeeper client', () => zk.close());
  starting.beforeUndo = () => closeWithoutConnection(zk);
  readiness.waitsFor('ZooKeeper cannot be reached');
  log.info(`Connecting to ZooKeeper at ${config.get('zookeeper.connect')}.`);
  await connectToZooKeeper(zk, options.waitForZooKeeper ?? false);
  await zk.createTopLevelPaths();

  readiness.waitsFor('the logs are not loaded');
  const logConfigOf = (overrides: ReadonlyMap<string, string>): LogConfig => LogConfig.from(config, overrides);
  let dynamicConfig: DynamicConfigManager | undefined = undefined;
  let replicas: ReplicaManager | undefined = undefined;
  let office: KafkaController | undefined = undefined;
  const failedLogDirs = new Set<string>();
  const logManager = await LogManager.open(io, logger, {
    logDirs: config.logDirs,
    defaultConfig: logConfigOf(new Map()),
    topicConfig: (topic) => logConfigOf(dynamicConfig?.topicOverrides(topic) ?? new Map()),
    recoveryThreadsPerDataDir: config.get('num.recovery.threads.per.data.dir'),
    flushCheckMs: config.get('log.flush.scheduler.interval.ms'),
    flushRecoveryOffsetCheckpointMs: config.get('log.flush.offset.checkpoint.interval.ms'),
    flushStartOffsetCheckpointMs: config.get('log.flush.start.offset.checkpoint.interval.ms'),
    retentionCheckMs: config.get('log.retention.check.interval.ms'),
    cleaner: config.get('log.cleaner.enable') ? cleanerConfigOf(config) : undefined,
    producerIdExpirationMs: config.get('producer.id.expiration.ms'),
    producerIdExpirationCheckMs: config.get('producer.id.expiration.check.interval.ms'),
    transactionVerificationEnabled: () => config.get('transaction.partition.verification.enable'),
    onOffline: (logDir, partitions, error, futures) => {
      replicas?.markOffline(partitions, futures);
      failedLogDirs.add(logDir);
      if (failedLogDirs.size === config.logDirs.length) {
        fail(new Error(`all log directories have failed, the last one is ${logDir}: ${error.message}`));
      }
    },
  });
  config.subscribe((changed) => {
    if ([...changed].some((key) => key.startsWith('log.cleaner.'))) {
      logManager.cleaner?.reconfigure(cleanerConfigOf(config));
    }
  });
  let brokerEpoch: bigint | undefined;
  starting.started('The logs', () => logManager.shutdown(brokerEpoch === undefined ? undefined : Number(brokerEpoch)));

  const clusterId = await zk.createOrGetClusterId(newClusterId(io));
  if (logManager.clusterId !== undefined && logManager.clusterId !== clusterId) {
    throw new BrokerStartError(
      `The log directories (${config.logDirs.join(', ')}) belong to the cluster ${logManager.clusterId}, but ZooKeeper at ${config.get('zookeeper.connect')} has the cluster ${clusterId}. Point zookeeper.connect to the cluster's own ZooKeeper (and chroot), or log.dirs to empty directories.`,
    );
  }
  const brokerId = await resolveBrokerId(config, logManager, zk);
  if (logManager.directoriesWithoutLock.length > 0) {
    log.warn(
      `The file system of ${logManager.directoriesWithoutLock.join(', ')} has no locks: they are opened once no other session has registered broker ${brokerId}. See to it that no two brokers have them.`,
    );
    await zk.awaitDeregistration(brokerId);
  }
  await logManager.writeMetaProperties(brokerId, clusterId);
  log.info(`This is broker ${brokerId} of the cluster ${clusterId}.`);

  const throttles = new ReplicationThrottles(io.clock, brokerId, config);
  dynamicConfig = new DynamicConfigManager(io, logger, {
    brokerId,
    config,
    zk,
    logManager,
    throttles,
    uncleanLeaderElectionEnabled: (topic) => office?.uncleanLeaderElectionEnabled(topic),
  });
  starting.started('The watch on configuration changes', () => dynamicConfig.shutdown());
  await dynamicConfig.start();
  await logManager.load();
  dynamicConfig.applyToLogs();

  readiness.waitsFor('this broker is not registered');
  const metadata = new MetadataCache();
  const connect = brokerConnections(io, config);
  const { interBrokerListenerName } = config;
  const controllerTimeoutMs = Math.min(config.get('controller.socket.timeout.ms'), config.get('request.timeout.ms'));
  const registered = Promise.withResolvers<void>();
  const epochOrNone = (): bigint => brokerEpoch ?? -1n;
  const toController = new BrokerToControllerChannel(io, logger, {
    brokerId,
    controller: () => {
      const id = metadata.controllerId;
      const endpoint = id === undefined ? undefined : metadata.brokers.get(id)?.endpoints.get(interBrokerListenerName);
      return id === undefined || !endpoint ? undefined : { id, host: endpoint.host, port: endpoint.port };
    },
    connect: (node) => connect(node, String(brokerId), controllerTimeoutMs),
    handleLocally: (api, version, input) => dispatcher.handleLocally(context, api, version, input),
  });
  metadata.onUpdate(() => toController.controllerChanged());
  starting.started('The way to the controller', () => Promise.resolve(toController.close()));
  const interBrokerProtocolVersion = config.get('inter.broker.protocol.version');
  const fetchers = new ReplicaFetcherManager<Partition>(io, logger, {
    brokerId,
    brokerEpoch: epochOrNone,
    numFetchers: config.get('num.replica.fetchers'),
    fetchWaitMaxMs: config.get('replica.fetch.wait.max.ms'),
    fetchMinBytes: config.get('replica.fetch.min.bytes'),
    fetchMaxBytes: config.get('replica.fetch.max.bytes'),
    fetchResponseMaxBytes: config.get('replica.fetch.response.max.bytes'),
    fetchBackoffMs: config.get('replica.fetch.backoff.ms'),
    socketTimeoutMs: config.get('replica.socket.timeout.ms'),
    interBrokerProtocolVersion,
    connect: (leader, clientId, pool) => connect(leader, clientId, config.get('replica.socket.timeout.ms'), pool),
    followerAppended: (partition) => replicas?.followerAppended(partition),
    quota: throttles.follower,
  });
  config.subscribe((changed) => {
    if (changed.has('num.replica.fetchers')) fetchers.resize(config.get('num.replica.fetchers'));
  });
  replicas = new ReplicaManager(io, logger, logManager, metadata, {
    brokerId,
    highWatermarkCheckpointMs: config.get('replica.high.watermark.checkpoint.interval.ms'),
    minInsyncReplicas: (topic) => dynamicConfig.topicConfig(topic).minInsyncReplicas,
    replicaLagTimeMaxMs: config.get('replica.lag.time.max.ms'),
    interBrokerListenerName,
    fetchers,
    alterPartitions: isAtLeastVersion(interBrokerProtocolVersion, '2.7-IV2')
      ? new DefaultAlterPartitionManager(io.clock, logger, toController, {
          brokerId,
          brokerEpoch: epochOrNone,
          topicIdsSupported: isAtLeastVersion(interBrokerProtocolVersion, '2.8-IV0'),
        })
      : new ZkAlterPartitionManager(io.clock, logger, zk),
    replicaSelector: replicaSelectorOf(config.get('replica.selector.class')),
    leaderQuota: throttles.leader,
    alterLogDirs: {
      threads: Math.max(1, config.get('num.replica.alter.log.dirs.threads') ?? config.logDirs.length),
      fetchMaxBytes: config.get('replica.fetch.max.bytes'),
      fetchBackoffMs: config.get('replica.fetch.backoff.ms'),
      quota: throttles.alterLogDirs,
    },
    logDirFailed: () => {
      zk.propagateLogDirEvent(brokerId).catch((error: unknown) =>
        log.error('The controller could not be told that a log directory has failed.', { error }),
      );
    },
  });
  starting.started('The replicas', () => replicas.shutdown());
  const deleteTopicEnable = config.get('delete.topic.enable');
  const topics: ClusterTopics = {
    partitionCount: async (topic) =>
      // A deletion may wait for a broker that is down.
      deleteTopicEnable && (await zk.isTopicMarkedForDeletion(topic))
        ? undefined
        : await zk.getTopicPartitionCountNow(topic),
  };
  const offsetsTopic = new InternalTopic(groupMetadataTopic, logger, metadata, topics);
  const groups = GroupCoordinator.fromConfig(io, logger, replicas, offsetsTopic, config, zooKeeperOffsets(zk));
  starting.started('The group coordinator', () => logManager.unlessStuck(() => groups.shutdown()));
  const producerIds = new ProducerIdManager(
    io.clock,
    isAtLeastVersion(interBrokerProtocolVersion, '3.0-IV0')
      ? producerIdsOfController(toController, () => ({ brokerId, brokerEpoch: epochOrNone() }))
      : producerIdsOfZooKeeper(zk, brokerId),
  );
  // Markers wait for replicas, and whoever writes waits for what a coordinator says: neither holds the other up.
  const requestsOf = (sender: string): InterBrokerRequests => {
    const requests = new InterBrokerRequests({
      brokerId,
      clientId: `broker-${brokerId}-${sender}`,
      interBrokerListenerName,
      requestTimeoutMs: config.get('request.timeout.ms'),
      metadata,
      connect,
      handleLocally: (api, version, input) => dispatcher.handleLocally(context, api, version, input),
    });
    starting.started(`The connections of ${sender}`, () => Promise.resolve(requests.close()));
    return requests;
  };
  const transactions = new TransactionCoordinator(io, logger, {
    replicas,
    metadata,
    topic: new InternalTopic(transactionStateTopic, logger, metadata, topics),
    topics,
    requests: requestsOf('txn-marker-sender'),
    retries: requestsOf('txn-marker-retry-sender'),
    nextProducerId: () => producerIds.next(),
    options: transactionCoordinatorOptions(config),
  });
  starting.started('The transaction coordinator', () => logManager.unlessStuck(() => transactions.shutdown()));
  const askers = requestsOf('add-partitions-to-txn-sender');
  const verifications = new AddPartitionsToTxnManager(logger, metadata, askers, (id) => transactions.partitionFor(id));
  const controlPlane = new ControlPlane(logger, {
    replicas,
    metadata,
    dynamicConfig,
    brokerEpoch: () => brokerEpoch,
    registered: registered.promise,
    existingTopics: () => zk.getTopicsNow(),
    partitionsDeleted: (deleted) => groups.partitionsDeleted(deleted),
  });
  const ownChannel = localBrokerChannel(controlPlane);
  const controller = new KafkaController(io, logger, zk, {
    brokerId,
    interBrokerListenerName,
    deleteTopicEnable,
    uncleanLeaderElection: (topic) => dynamicConfig.uncleanLeaderElection(topic),
    ...(config.controlPlaneListenerName === null ? {} : { controlPlaneListenerName: config.controlPlaneListenerName }),
    channel: (id) => (id === brokerId ? ownChannel : undefined),
    connect: (endPoint) => connect(endPoint, String(brokerId), config.get('controller.socket.timeout.ms')),
    interBrokerProtocolVersion,
    autoLeaderRebalanceEnable: config.get('auto.leader.rebalance.enable'),
    leaderImbalanceCheckIntervalSeconds: config.get('leader.imbalance.check.interval.seconds'),
    leaderImbalancePerBrokerPercentage: config.get('leader.imbalance.per.broker.percentage'),
    registerBroker: () => register(),
  });
  office = controller;
  starting.started('The controller', () => controller.shutdown());
  const transactionMaxTimeoutMs = config.get('transaction.max.timeout.ms');
  addBrokerMetrics(metrics, { replicas, fetchers, controller, transactions, transactionMaxTimeoutMs });
  const admin = new AdminManager(io, logger, { config, zk, metadata, dynamicConfig });
  starting.started('What administrators wait for', () => Promise.resolve(admin.shutdown()));
  const dispatcher = new RequestDispatcher(logger, handlers);
  const context: BrokerContext = {
    io,
    logger: logger.child('KafkaApis'),
    config,
    brokerId,
    clusterId,
    metadata,
    replicas,
    groups,
    transactions,
    transactionVerifier: new TransactionVerifier(replicas, verifications, () =>
      config.get('transaction.partition.verification.enable'),
    ),
    controller,
    controlPlane,
    admin,
    autoTopicCreation: new AutoTopicCreation(config, admin),
    fetchSessions: new FetchSessionCache(io.clock, io.random, config.get('max.incremental.fetch.session.cache.slots')),
    topicConfig: (topic) => dynamicConfig.topicConfig(topic),
    supportedApis: dispatcher.supportedApis,
  };
  const sockets = new SocketServer(io, logger, {
    endPoints: config.listeners,
    interBrokerListenerName,
    socketRequestMaxBytes: config.get('socket.request.max.bytes'),
    socketListenBacklogSize: config.get('socket.listen.backlog.size'),
    queuedMaxRequestBytes: config.get('queued.max.request.bytes'),
    connectionsMaxIdleMs: config.get('connections.max.idle.ms'),
    maxConnections: config.get('max.connections'),
    maxConnectionsPerIp: config.get('max.connections.per.ip'),
    maxConnectionsPerIpOverrides: config.maxConnectionsPerIpOverrides,
    metrics: networkMetrics,
    supports: (apiKey, version) => dispatcher.supports(apiKey, version),
    handle: (request) => dispatcher.dispatch(context, request),
  });
  starting.started('The listeners', () => sockets.close());
  // The ports are needed for the registration; requests wait until there is something to tell.
  await sockets.listen();

  replicas.start();
  groups.start();
  transactions.start();
  const info = registration(io, config, brokerId, sockets);
  const register = async (): Promise<void> => {
    brokerEpoch = await zk.registerBroker({ ...info, timestampMs: io.clock.wallMs() });
    registered.resolve();
  };
  await register();
  readiness.waitsFor('the controller has not told this broker of the cluster');
  const joined = new Promise<void>((resolve) => {
    const check = (): void => {
      if (metadata.brokers.has(brokerId)) resolve();
    };
    metadata.onUpdate(check);
    // The controller may have been quicker than ZooKeeper's answer to the registration.
    check();
  });
  const failure = await Promise.race([controller.startup().then(() => joined), failed]);
  if (failure) throw failure;
  readiness.replicasOf(metadata, brokerId);
  dispatcher.start();
  log.info(`Broker ${brokerId} serves clients.`);
  return {
    brokerId,
    clusterId,
    info,
    zk,
    metadata,
    replicas,
    http,
    failed,
    stop: async (stopLog, controlled) => {
      stopLog.info(`Broker ${brokerId} shuts down.`);
      readiness.waitsFor('this broker shuts down', true);
      if (controlled && config.get('controlled.shutdown.enable')) {
        replicas.handOver();
        await controlledShutdown(io, stopLog, {
          brokerId,
          brokerEpoch: epochOrNone(),
          metadata,
          controller: toController,
          hasZooKeeper: () => zk.client.state === 'connected',
          maxRetries: config.get('controlled.shutdown.max.retries'),
          retryBackoffMs: config.get('controlled.shutdown.retry.backoff.ms'),
          attemptMs: controllerTimeoutMs,
          interBrokerProtocolVersion,
        });
      }
      await starting.undo(stopLog);
      stopLog.info(`Broker ${brokerId} is shut down.`);
    },
  };
}

async function connectToZooKeeper(zk: KafkaZkClient, wait: boolean): Promise<void> {
  try {
    await zk.connect({ wait });
  } catch (error) {
    if (!(error instanceof ZooKeeperClientTimeoutException)) throw error;
    throw new BrokerStartError(
      `${error.message}, or have the broker wait for it (--wait-for-zookeeper, or a longer zookeeper.connection.timeout.ms).`,
    );
  }
}

/** While this broker stops, whoever still waits for a ZooKeeper that is away gives up: it must not hold the stop up. */
function closeWithoutConnection(zk: KafkaZkClient): void {
  const check = (): void => {
    if (zk.client.state !== 'connected') void zk.close();
  };
  zk.client.onState(check);
  check();
}

/** From server.properties, from an earlier start (meta.properties), or a new one (broker.id.generation.enable). */
async function resolveBrokerId(config: BrokerConfig, logManager: LogManager, zk: KafkaZkClient): Promise<number> {
  const configured = config.get('broker.id');
  const stored = logManager.brokerId;
  if (configured >= 0) {
    if (stored !== undefined && stored !== configured) {
      throw new BrokerStartError(
        `broker.id=${configured}, but the log directories (${config.logDirs.join(', ')}) are those of broker ${stored}. Set broker.id=${stored}, or point log.dirs to the directories of broker ${configured}.`,
      );
    }
    return configured;
  }
  if (stored !== undefined) return stored;
  if (!config.get('broker.id.generation.enable')) {
    throw new BrokerStartError('broker.id is not set, and broker.id.generation.enable is false: set one of them.');
  }
  return config.get('reserved.broker.max.id') + (await zk.generateBrokerSequenceId());
}

/** A cluster id as Kafka makes them: 16 random bytes in base64url. */
function newClusterId(io: Io): string {
  return io.random.bytes(16).toString('base64url');
}

/** What this broker tells the others about itself; a port that was left to the system is known by now. */
function registration(io: Io, config: BrokerConfig, id: number, sockets: SocketServer): BrokerInfo {
  const endPoints = config.advertisedListeners.map((advertised): RegisteredEndPoint => {
    const { listenerName, securityProtocol } = advertised;
    const port = advertised.port === 0 ? (sockets.listening(listenerName)?.port ?? 0) : advertised.port;
    return { listenerName, securityProtocol, port, host: advertised.host ?? io.network.hostname() };
  });
  return {
    id,
    endPoints,
    rack: config.get('broker.rack'),
    features: new Map(),
    jmxPort: -1,
    timestampMs: io.clock.wallMs(),
  };
}

/** @throws BrokerStartError when the address cannot be listened on */
async function serveHttp(
  io: Io,
  where: { readonly host: string; readonly port: number },
  metrics: MetricsRegistry,
  readiness: Readiness,
): Promise<Listening> {
  try {
    return await io.network.serveHttp(where, httpEndpoints({ metrics, ready: () => readiness.get() }));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new BrokerStartError(`Probes and metrics cannot be served on ${where.host}:${where.port}: ${why}`);
  }
}
