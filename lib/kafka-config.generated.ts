// Written by scripts/generate-kafka-config.js from broker/src/config; do not edit.

/** The keys of server.properties of Kafka 3.9. */
export interface KafkaBrokerConfig {
  /**
   * Where ZooKeeper is: host:port pairs separated by commas, with an optional chroot path at the end; required.
   * Key: `zookeeper.connect`.
   *
   * @default - none
   */
  readonly zookeeperConnect?: string;

  /**
   * How long ZooKeeper waits without a heartbeat before it drops this broker's registration.
   * Key: `zookeeper.session.timeout.ms`.
   *
   * @default 18000
   */
  readonly zookeeperSessionTimeoutMs?: number;

  /**
   * How long to wait for the first connection to ZooKeeper; unset, the session timeout is taken.
   * Key: `zookeeper.connection.timeout.ms`.
   *
   * @default - none
   */
  readonly zookeeperConnectionTimeoutMs?: number;

  /**
   * Whether znodes are created with ACLs that let only authenticated brokers change them.
   * Key: `zookeeper.set.acl`.
   *
   * @default false
   */
  readonly zookeeperSetAcl?: boolean;

  /**
   * How many requests may be unanswered on the ZooKeeper connection before the next one waits.
   * Key: `zookeeper.max.in.flight.requests` (1 or more).
   *
   * @default 10
   */
  readonly zookeeperMaxInFlightRequests?: number;

  /**
   * Whether the connection to ZooKeeper uses TLS.
   * Key: `zookeeper.ssl.client.enable`.
   *
   * @default false
   */
  readonly zookeeperSslClientEnable?: boolean;

  /**
   * Class of the ZooKeeper client's socket; Kafka needs the Netty one for TLS.
   * Key: `zookeeper.clientCnxnSocket`.
   *
   * @default - none
   */
  readonly zookeeperClientCnxnSocket?: string;

  /**
   * Key store file for a client certificate towards ZooKeeper.
   * Key: `zookeeper.ssl.keystore.location`.
   *
   * @default - none
   */
  readonly zookeeperSslKeystoreLocation?: string;

  /**
   * Format of the key store used towards ZooKeeper; unset, its file name decides.
   * Key: `zookeeper.ssl.keystore.type`.
   *
   * @default - none
   */
  readonly zookeeperSslKeystoreType?: string;

  /**
   * Trust store file that holds the authorities of ZooKeeper's certificate.
   * Key: `zookeeper.ssl.truststore.location`.
   *
   * @default - none
   */
  readonly zookeeperSslTruststoreLocation?: string;

  /**
   * Format of the trust store used towards ZooKeeper; unset, its file name decides.
   * Key: `zookeeper.ssl.truststore.type`.
   *
   * @default - none
   */
  readonly zookeeperSslTruststoreType?: string;

  /**
   * TLS version that is proposed to ZooKeeper.
   * Key: `zookeeper.ssl.protocol`.
   *
   * @default TLSv1.2
   */
  readonly zookeeperSslProtocol?: string;

  /**
   * TLS versions allowed towards ZooKeeper; unset, the one of zookeeper.ssl.protocol.
   * Key: `zookeeper.ssl.enabled.protocols`.
   *
   * @default - none
   */
  readonly zookeeperSslEnabledProtocols?: string[];

  /**
   * Cipher suites allowed towards ZooKeeper; unset, the runtime's own list.
   * Key: `zookeeper.ssl.cipher.suites`.
   *
   * @default - none
   */
  readonly zookeeperSslCipherSuites?: string[];

  /**
   * How ZooKeeper's host name is checked against its certificate: https, or empty for no check.
   * Key: `zookeeper.ssl.endpoint.identification.algorithm`.
   *
   * @default HTTPS
   */
  readonly zookeeperSslEndpointIdentificationAlgorithm?: string;

  /**
   * Whether certificate revocation lists are consulted for ZooKeeper's certificate.
   * Key: `zookeeper.ssl.crl.enable`.
   *
   * @default false
   */
  readonly zookeeperSslCrlEnable?: boolean;

  /**
   * Whether OCSP is asked about ZooKeeper's certificate.
   * Key: `zookeeper.ssl.ocsp.enable`.
   *
   * @default false
   */
  readonly zookeeperSslOcspEnable?: boolean;

  /**
   * This broker's number in the cluster; -1 lets one be generated above reserved.broker.max.id.
   * Key: `broker.id`.
   *
   * @default -1
   */
  readonly brokerId?: number;

  /**
   * Whether a broker without an id of its own gets one from ZooKeeper.
   * Key: `broker.id.generation.enable`.
   *
   * @default true
   */
  readonly brokerIdGenerationEnable?: boolean;

  /**
   * Largest id that may be written into broker.id; generated ids start after it.
   * Key: `reserved.broker.max.id` (0 or more).
   *
   * @default 1000
   */
  readonly reservedBrokerMaxId?: number;

  /**
   * Name of the rack or zone this broker stands in; replicas are spread over racks and clients may read from the nearest.
   * Key: `broker.rack`.
   *
   * @default - none
   */
  readonly brokerRack?: string;

  /**
   * Largest record batch, after compression, that a topic takes unless it sets max.message.bytes.
   * Key: `message.max.bytes` (0 or more).
   *
   * @default 1048588
   */
  readonly messageMaxBytes?: number;

  /**
   * Number of threads that work on requests in Apache Kafka.
   * Key: `num.io.threads` (1 or more).
   *
   * @default 8
   */
  readonly numIoThreads?: number;

  /**
   * Number of threads that move replicas between log directories; unset, one a directory.
   * Key: `num.replica.alter.log.dirs.threads`.
   *
   * @default - none
   */
  readonly numReplicaAlterLogDirsThreads?: number;

  /**
   * Number of threads for housekeeping tasks in Apache Kafka.
   * Key: `background.threads` (1 or more).
   *
   * @default 10
   */
  readonly backgroundThreads?: number;

  /**
   * How long this broker waits for an answer when it is the client of another broker.
   * Key: `request.timeout.ms`.
   *
   * @default 30000
   */
  readonly requestTimeoutMs?: number;

  /**
   * How long a connection to another broker may take to be established, the first time.
   * Key: `socket.connection.setup.timeout.ms`.
   *
   * @default 10000
   */
  readonly socketConnectionSetupTimeoutMs?: number;

  /**
   * Upper bound of the connection time limit, which grows with each failure.
   * Key: `socket.connection.setup.timeout.max.ms`.
   *
   * @default 30000
   */
  readonly socketConnectionSetupTimeoutMaxMs?: number;

  /**
   * Class that decides what an authenticated client may do; empty means that everyone may do everything.
   * Key: `authorizer.class.name` (any text, also none).
   *
   * @default - empty
   */
  readonly authorizerClassName?: string;

  /**
   * Listeners that accept connections before the authorizer is ready.
   * Key: `early.start.listeners`.
   *
   * @default - none
   */
  readonly earlyStartListeners?: string;

  /**
   * Whether leadership is handed over before this broker stops.
   * Key: `controlled.shutdown.enable`.
   *
   * @default true
   */
  readonly controlledShutdownEnable?: boolean;

  /**
   * How often handing over leadership is tried again before the broker stops anyway.
   * Key: `controlled.shutdown.max.retries`.
   *
   * @default 3
   */
  readonly controlledShutdownMaxRetries?: number;

  /**
   * Pause between two attempts to hand over leadership.
   * Key: `controlled.shutdown.retry.backoff.ms`.
   *
   * @default 5000
   */
  readonly controlledShutdownRetryBackoffMs?: number;

  /**
   * Whether DeleteTopics deletes; false refuses it.
   * Key: `delete.topic.enable`.
   *
   * @default true
   */
  readonly deleteTopicEnable?: boolean;

  /**
   * Codec that stored batches get: producer keeps what was sent, the others recompress.
   * Key: `compression.type` (one of uncompressed, zstd, lz4, snappy, gzip, producer).
   *
   * @default producer
   */
  readonly compressionType?: string;

  /**
   * Effort of gzip, 1 to 9, or -1 for its default, when this broker compresses.
   * Key: `compression.gzip.level` (from 1 to 9, or -1).
   *
   * @default -1
   */
  readonly compressionGzipLevel?: number;

  /**
   * Effort of lz4, 1 to 17, when this broker compresses.
   * Key: `compression.lz4.level` (from 1 to 17).
   *
   * @default 9
   */
  readonly compressionLz4Level?: number;

  /**
   * Effort of zstd, -131072 to 22, when this broker compresses.
   * Key: `compression.zstd.level` (from -131072 to 22).
   *
   * @default 3
   */
  readonly compressionZstdLevel?: number;

  /**
   * How many incremental fetch sessions are remembered at once.
   * Key: `max.incremental.fetch.session.cache.slots` (0 or more).
   *
   * @default 1000
   */
  readonly maxIncrementalFetchSessionCacheSlots?: number;

  /**
   * Most bytes that one Fetch response carries, whatever the client asks for.
   * Key: `fetch.max.bytes` (1024 or more).
   *
   * @default 57671680
   */
  readonly fetchMaxBytes?: number;

  /**
   * Most partitions in one DescribeTopicPartitions response.
   * Key: `max.request.partition.size.limit` (1 or more).
   *
   * @default 2000
   */
  readonly maxRequestPartitionSizeLimit?: number;

  /**
   * Where this broker listens: NAME://host:port, separated by commas; an empty host means every address.
   * Key: `listeners`.
   *
   * @default PLAINTEXT://:9092
   */
  readonly listeners?: string;

  /**
   * Addresses that clients and other brokers are told, in the form of listeners; unset, those of listeners.
   * Key: `advertised.listeners`.
   *
   * @default - none
   */
  readonly advertisedListeners?: string;

  /**
   * Security protocol of each listener name, as NAME:PROTOCOL pairs.
   * Key: `listener.security.protocol.map`.
   *
   * @default SASL_SSL:SASL_SSL,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT
   */
  readonly listenerSecurityProtocolMap?: string;

  /**
   * Listener that carries only the controller's requests to this broker.
   * Key: `control.plane.listener.name`.
   *
   * @default - none
   */
  readonly controlPlaneListenerName?: string;

  /**
   * Size of a connection's send buffer in the kernel; -1 leaves it to the operating system.
   * Key: `socket.send.buffer.bytes`.
   *
   * @default 102400
   */
  readonly socketSendBufferBytes?: number;

  /**
   * Size of a connection's receive buffer in the kernel; -1 leaves it to the operating system.
   * Key: `socket.receive.buffer.bytes`.
   *
   * @default 102400
   */
  readonly socketReceiveBufferBytes?: number;

  /**
   * Largest request; a larger one closes its connection.
   * Key: `socket.request.max.bytes` (1 or more).
   *
   * @default 104857600
   */
  readonly socketRequestMaxBytes?: number;

  /**
   * How many connections may wait to be accepted.
   * Key: `socket.listen.backlog.size` (1 or more).
   *
   * @default 50
   */
  readonly socketListenBacklogSize?: number;

  /**
   * Most connections from one address; 0 only together with max.connections.per.ip.overrides.
   * Key: `max.connections.per.ip` (0 or more).
   *
   * @default 2147483647
   */
  readonly maxConnectionsPerIp?: number;

  /**
   * Limits for single hosts or addresses, as host:number pairs.
   * Key: `max.connections.per.ip.overrides`.
   *
   * @default - empty
   */
  readonly maxConnectionsPerIpOverrides?: string;

  /**
   * Most connections to this broker, all listeners together.
   * Key: `max.connections` (0 or more).
   *
   * @default 2147483647
   */
  readonly maxConnections?: number;

  /**
   * Most new connections a second to this broker.
   * Key: `max.connection.creation.rate` (0 or more).
   *
   * @default 2147483647
   */
  readonly maxConnectionCreationRate?: number;

  /**
   * A connection on which nothing happens for this long is closed; negative never closes one.
   * Key: `connections.max.idle.ms`.
   *
   * @default 600000
   */
  readonly connectionsMaxIdleMs?: number;

  /**
   * How long the answer to a failed authentication is held back.
   * Key: `connection.failed.authentication.delay.ms` (0 or more).
   *
   * @default 100
   */
  readonly connectionFailedAuthenticationDelayMs?: number;

  /**
   * How many requests may wait to be handled before no more are read from the sockets.
   * Key: `queued.max.requests` (1 or more).
   *
   * @default 500
   */
  readonly queuedMaxRequests?: number;

  /**
   * How many bytes of requests may wait before no more are read; -1 sets no bound.
   * Key: `queued.max.request.bytes`.
   *
   * @default -1
   */
  readonly queuedMaxRequestBytes?: number;

  /**
   * Number of threads that read from and write to sockets in Apache Kafka.
   * Key: `num.network.threads` (1 or more).
   *
   * @default 3
   */
  readonly numNetworkThreads?: number;

  /**
   * How long the controller waits for a broker's answer.
   * Key: `controller.socket.timeout.ms`.
   *
   * @default 30000
   */
  readonly controllerSocketTimeoutMs?: number;

  /**
   * Replicas of a topic that is created without saying how many.
   * Key: `default.replication.factor`.
   *
   * @default 1
   */
  readonly defaultReplicationFactor?: number;

  /**
   * A follower that has not caught up for this long leaves the in-sync set.
   * Key: `replica.lag.time.max.ms`.
   *
   * @default 30000
   */
  readonly replicaLagTimeMaxMs?: number;

  /**
   * How long a follower waits for the leader's answer; at least replica.fetch.wait.max.ms.
   * Key: `replica.socket.timeout.ms`.
   *
   * @default 30000
   */
  readonly replicaSocketTimeoutMs?: number;

  /**
   * Kernel receive buffer of a follower's connection to its leader.
   * Key: `replica.socket.receive.buffer.bytes`.
   *
   * @default 65536
   */
  readonly replicaSocketReceiveBufferBytes?: number;

  /**
   * Bytes a follower asks for of one partition in one Fetch; a larger first batch still comes whole.
   * Key: `replica.fetch.max.bytes` (0 or more).
   *
   * @default 1048576
   */
  readonly replicaFetchMaxBytes?: number;

  /**
   * How long a leader may hold a follower's Fetch while there is nothing new.
   * Key: `replica.fetch.wait.max.ms`.
   *
   * @default 500
   */
  readonly replicaFetchWaitMaxMs?: number;

  /**
   * Pause of a follower after a failed Fetch of a partition.
   * Key: `replica.fetch.backoff.ms` (0 or more).
   *
   * @default 1000
   */
  readonly replicaFetchBackoffMs?: number;

  /**
   * Fewest bytes for which a follower's Fetch is answered before its wait ends.
   * Key: `replica.fetch.min.bytes`.
   *
   * @default 1
   */
  readonly replicaFetchMinBytes?: number;

  /**
   * Bytes a follower asks for in one Fetch of all its partitions.
   * Key: `replica.fetch.response.max.bytes` (0 or more).
   *
   * @default 10485760
   */
  readonly replicaFetchResponseMaxBytes?: number;

  /**
   * How many connections a follower fetches over from each leader.
   * Key: `num.replica.fetchers`.
   *
   * @default 1
   */
  readonly numReplicaFetchers?: number;

  /**
   * How often the high watermarks are written to disk.
   * Key: `replica.high.watermark.checkpoint.interval.ms`.
   *
   * @default 5000
   */
  readonly replicaHighWatermarkCheckpointIntervalMs?: number;

  /**
   * After how many waiting Fetch requests Apache Kafka sweeps the finished ones out.
   * Key: `fetch.purgatory.purge.interval.requests`.
   *
   * @default 1000
   */
  readonly fetchPurgatoryPurgeIntervalRequests?: number;

  /**
   * After how many waiting Produce requests Apache Kafka sweeps the finished ones out.
   * Key: `producer.purgatory.purge.interval.requests`.
   *
   * @default 1000
   */
  readonly producerPurgatoryPurgeIntervalRequests?: number;

  /**
   * After how many waiting DeleteRecords requests Apache Kafka sweeps the finished ones out.
   * Key: `delete.records.purgatory.purge.interval.requests`.
   *
   * @default 1
   */
  readonly deleteRecordsPurgatoryPurgeIntervalRequests?: number;

  /**
   * Whether the controller moves leadership back to preferred replicas by itself.
   * Key: `auto.leader.rebalance.enable`.
   *
   * @default true
   */
  readonly autoLeaderRebalanceEnable?: boolean;

  /**
   * Share of partitions led by a replica that is not preferred above which leadership is moved back.
   * Key: `leader.imbalance.per.broker.percentage`.
   *
   * @default 10
   */
  readonly leaderImbalancePerBrokerPercentage?: number;

  /**
   * How often the controller looks at the balance of leaders.
   * Key: `leader.imbalance.check.interval.seconds` (1 or more).
   *
   * @default 300
   */
  readonly leaderImbalanceCheckIntervalSeconds?: number;

  /**
   * Whether a replica that is not in sync may become leader when no other is left, which loses records.
   * Key: `unclean.leader.election.enable`.
   *
   * @default false
   */
  readonly uncleanLeaderElectionEnable?: boolean;

  /**
   * Security protocol between brokers; exclusive with inter.broker.listener.name.
   * Key: `security.inter.broker.protocol` (one of PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL).
   *
   * @default PLAINTEXT
   */
  readonly securityInterBrokerProtocol?: string;

  /**
   * Version that the requests between brokers keep to.
   * Key: `inter.broker.protocol.version` (a version of Kafka from 0.8.0 to 3.9).
   *
   * @default 3.9-IV0
   */
  readonly interBrokerProtocolVersion?: string;

  /**
   * Listener that brokers use among themselves; unset, security.inter.broker.protocol decides.
   * Key: `inter.broker.listener.name`.
   *
   * @default - none
   */
  readonly interBrokerListenerName?: string;

  /**
   * Class that chooses the replica a consumer reads from; unset, the leader.
   * Key: `replica.selector.class`.
   *
   * @default - none
   */
  readonly replicaSelectorClass?: string;

  /**
   * Partitions of a topic that is created without saying how many.
   * Key: `num.partitions` (1 or more).
   *
   * @default 1
   */
  readonly numPartitions?: number;

  /**
   * Directory of the logs, where log.dirs is unset.
   * Key: `log.dir`.
   *
   * @default /tmp/kafka-logs
   */
  readonly logDir?: string;

  /**
   * Directories of the logs, separated by commas; a new partition goes to the one that holds the fewest.
   * Key: `log.dirs`.
   *
   * @default - none
   */
  readonly logDirs?: string;

  /**
   * Size at which a log starts a new segment file.
   * Key: `log.segment.bytes` (14 or more).
   *
   * @default 1073741824
   */
  readonly logSegmentBytes?: number;

  /**
   * Age at which a log starts a new segment even if it is not full; overrides log.roll.hours.
   * Key: `log.roll.ms`.
   *
   * @default - none
   */
  readonly logRollMs?: number;

  /**
   * Age in hours at which a log starts a new segment, where log.roll.ms is unset.
   * Key: `log.roll.hours` (1 or more).
   *
   * @default 168
   */
  readonly logRollHours?: number;

  /**
   * Most that is taken at random off the age at which segments roll, so that they do not all roll at once.
   * Key: `log.roll.jitter.ms`.
   *
   * @default - none
   */
  readonly logRollJitterMs?: number;

  /**
   * The jitter in hours, where log.roll.jitter.ms is unset.
   * Key: `log.roll.jitter.hours` (0 or more).
   *
   * @default 0
   */
  readonly logRollJitterHours?: number;

  /**
   * How long records are kept, -1 for ever; overrides log.retention.minutes and log.retention.hours.
   * Key: `log.retention.ms`.
   *
   * @default - none
   */
  readonly logRetentionMs?: number;

  /**
   * How many minutes records are kept, where log.retention.ms is unset.
   * Key: `log.retention.minutes`.
   *
   * @default - none
   */
  readonly logRetentionMinutes?: number;

  /**
   * How many hours records are kept, where neither milliseconds nor minutes are set.
   * Key: `log.retention.hours`.
   *
   * @default 168
   */
  readonly logRetentionHours?: number;

  /**
   * Size of a partition above which its oldest segments are deleted; -1 sets no bound.
   * Key: `log.retention.bytes`.
   *
   * @default -1
   */
  readonly logRetentionBytes?: number;

  /**
   * How often logs are looked at for segments to delete.
   * Key: `log.retention.check.interval.ms` (1 or more).
   *
   * @default 300000
   */
  readonly logRetentionCheckIntervalMs?: number;

  /**
   * What happens to old records: delete drops them by age and size, compact keeps the last one of each key.
   * Key: `log.cleanup.policy` (a list of compact, delete).
   *
   * @default delete
   */
  readonly logCleanupPolicy?: string[];

  /**
   * Largest size of an offset or time index; a full index starts a new segment.
   * Key: `log.index.size.max.bytes` (4 or more).
   *
   * @default 10485760
   */
  readonly logIndexSizeMaxBytes?: number;

  /**
   * How many bytes of log lie between two index entries.
   * Key: `log.index.interval.bytes` (0 or more).
   *
   * @default 4096
   */
  readonly logIndexIntervalBytes?: number;

  /**
   * After how many records a partition is forced to disk.
   * Key: `log.flush.interval.messages` (1 or more).
   *
   * @default 9223372036854775807
   */
  readonly logFlushIntervalMessages?: number;

  /**
   * How long the files of a deleted segment stay on disk.
   * Key: `log.segment.delete.delay.ms` (0 or more).
   *
   * @default 60000
   */
  readonly logSegmentDeleteDelayMs?: number;

  /**
   * How often logs are looked at for data to force to disk.
   * Key: `log.flush.scheduler.interval.ms`.
   *
   * @default 9223372036854775807
   */
  readonly logFlushSchedulerIntervalMs?: number;

  /**
   * Longest that a record stays unforced to disk; unset, log.flush.scheduler.interval.ms.
   * Key: `log.flush.interval.ms`.
   *
   * @default - none
   */
  readonly logFlushIntervalMs?: number;

  /**
   * How often the recovery points are written.
   * Key: `log.flush.offset.checkpoint.interval.ms` (0 or more).
   *
   * @default 60000
   */
  readonly logFlushOffsetCheckpointIntervalMs?: number;

  /**
   * How often the log start offsets are written.
   * Key: `log.flush.start.offset.checkpoint.interval.ms` (0 or more).
   *
   * @default 60000
   */
  readonly logFlushStartOffsetCheckpointIntervalMs?: number;

  /**
   * Whether a new segment file gets its full size at once.
   * Key: `log.preallocate`.
   *
   * @default false
   */
  readonly logPreallocate?: boolean;

  /**
   * How many logs of a directory are recovered at the same time at start and flushed at stop.
   * Key: `num.recovery.threads.per.data.dir` (1 or more).
   *
   * @default 1
   */
  readonly numRecoveryThreadsPerDataDir?: number;

  /**
   * Whether a topic is created when a client asks for one that does not exist.
   * Key: `auto.create.topics.enable`.
   *
   * @default true
   */
  readonly autoCreateTopicsEnable?: boolean;

  /**
   * Fewest in-sync replicas with which a write with acks=all succeeds.
   * Key: `min.insync.replicas` (1 or more).
   *
   * @default 1
   */
  readonly minInsyncReplicas?: number;

  /**
   * Record format on disk; without effect since Kafka 3.0, the format is always v2.
   * Key: `log.message.format.version` (a version of Kafka from 0.8.0 to 3.9).
   *
   * @default 3.0-IV1
   * @deprecated without effect: the format is v2
   */
  readonly logMessageFormatVersion?: string;

  /**
   * Whether a record keeps its producer's timestamp (CreateTime) or gets the broker's (LogAppendTime).
   * Key: `log.message.timestamp.type` (one of CreateTime, LogAppendTime).
   *
   * @default CreateTime
   */
  readonly logMessageTimestampType?: string;

  /**
   * Farthest that a producer's timestamp may be from the broker's clock.
   * Key: `log.message.timestamp.difference.max.ms` (0 or more).
   *
   * @default 9223372036854775807
   * @deprecated use log.message.timestamp.before.max.ms and log.message.timestamp.after.max.ms
   */
  readonly logMessageTimestampDifferenceMaxMs?: number;

  /**
   * Farthest that a producer's timestamp may lie before the broker's clock.
   * Key: `log.message.timestamp.before.max.ms` (0 or more).
   *
   * @default 9223372036854775807
   */
  readonly logMessageTimestampBeforeMaxMs?: number;

  /**
   * Farthest that a producer's timestamp may lie after the broker's clock.
   * Key: `log.message.timestamp.after.max.ms` (0 or more).
   *
   * @default 9223372036854775807
   */
  readonly logMessageTimestampAfterMaxMs?: number;

  /**
   * Class that may veto the creation of a topic.
   * Key: `create.topic.policy.class.name`.
   *
   * @default - none
   */
  readonly createTopicPolicyClassName?: string;

  /**
   * Class that may veto a change of configuration.
   * Key: `alter.config.policy.class.name`.
   *
   * @default - none
   */
  readonly alterConfigPolicyClassName?: string;

  /**
   * Whether the policy sees cluster-wide broker changes in ZooKeeper mode as KRaft would show them.
   * Key: `alter.config.policy.kraft.compatibility.enable`.
   *
   * @default false
   */
  readonly alterConfigPolicyKraftCompatibilityEnable?: boolean;

  /**
   * Whether batches are converted for consumers that know only old record formats; false refuses them.
   * Key: `log.message.downconversion.enable`.
   *
   * @default true
   */
  readonly logMessageDownconversionEnable?: boolean;

  /**
   * How long a KRaft broker waits to report a failed log directory before it stops.
   * Key: `log.dir.failure.timeout.ms` (1 or more).
   *
   * @default 30000
   */
  readonly logDirFailureTimeoutMs?: number;

  /**
   * Number of threads that compact logs.
   * Key: `log.cleaner.threads` (0 or more).
   *
   * @default 1
   */
  readonly logCleanerThreads?: number;

  /**
   * Most bytes a second that compaction reads and writes.
   * Key: `log.cleaner.io.max.bytes.per.second`.
   *
   * @default 1.7976931348623157E308
   */
  readonly logCleanerIoMaxBytesPerSecond?: number;

  /**
   * Memory for the offset maps of all cleaner threads; more than 1 MiB for each.
   * Key: `log.cleaner.dedupe.buffer.size`.
   *
   * @default 134217728
   */
  readonly logCleanerDedupeBufferSize?: number;

  /**
   * Memory for the read and write buffers of all cleaner threads.
   * Key: `log.cleaner.io.buffer.size` (0 or more).
   *
   * @default 524288
   */
  readonly logCleanerIoBufferSize?: number;

  /**
   * How full the offset map may become: more keys at once, and more collisions.
   * Key: `log.cleaner.io.buffer.load.factor`.
   *
   * @default 0.9
   */
  readonly logCleanerIoBufferLoadFactor?: number;

  /**
   * How long the cleaner rests when no log needs it.
   * Key: `log.cleaner.backoff.ms` (0 or more).
   *
   * @default 15000
   */
  readonly logCleanerBackoffMs?: number;

  /**
   * Share of a log that must be uncompacted before it is compacted again.
   * Key: `log.cleaner.min.cleanable.ratio` (from 0 to 1).
   *
   * @default 0.5
   */
  readonly logCleanerMinCleanableRatio?: number;

  /**
   * Whether compaction runs at all; __consumer_offsets grows without it.
   * Key: `log.cleaner.enable`.
   *
   * @default true
   */
  readonly logCleanerEnable?: boolean;

  /**
   * How long tombstones of a compacted log stay readable.
   * Key: `log.cleaner.delete.retention.ms` (0 or more).
   *
   * @default 86400000
   */
  readonly logCleanerDeleteRetentionMs?: number;

  /**
   * How long a record stays uncompacted at least.
   * Key: `log.cleaner.min.compaction.lag.ms` (0 or more).
   *
   * @default 0
   */
  readonly logCleanerMinCompactionLagMs?: number;

  /**
   * After how long a record is subject to compaction at the latest.
   * Key: `log.cleaner.max.compaction.lag.ms` (1 or more).
   *
   * @default 9223372036854775807
   */
  readonly logCleanerMaxCompactionLagMs?: number;

  /**
   * Shortest session timeout that a group member may ask for.
   * Key: `group.min.session.timeout.ms`.
   *
   * @default 6000
   */
  readonly groupMinSessionTimeoutMs?: number;

  /**
   * Longest session timeout that a group member may ask for.
   * Key: `group.max.session.timeout.ms`.
   *
   * @default 1800000
   */
  readonly groupMaxSessionTimeoutMs?: number;

  /**
   * How long a new group waits for more members before its first rebalance.
   * Key: `group.initial.rebalance.delay.ms`.
   *
   * @default 3000
   */
  readonly groupInitialRebalanceDelayMs?: number;

  /**
   * Most members of a group.
   * Key: `group.max.size` (1 or more).
   *
   * @default 2147483647
   */
  readonly groupMaxSize?: number;

  /**
   * Group protocols that are offered; in ZooKeeper mode only classic exists.
   * Key: `group.coordinator.rebalance.protocols` (a list of consumer, classic, share, unknown).
   *
   * @default classic
   */
  readonly groupCoordinatorRebalanceProtocols?: string[];

  /**
   * Number of threads of KRaft's group coordinator.
   * Key: `group.coordinator.threads` (1 or more).
   *
   * @default 1
   */
  readonly groupCoordinatorThreads?: number;

  /**
   * How long KRaft's group coordinator gathers records before it writes them.
   * Key: `group.coordinator.append.linger.ms` (0 or more).
   *
   * @default 10
   */
  readonly groupCoordinatorAppendLingerMs?: number;

  /**
   * Longest metadata string that may be committed with an offset.
   * Key: `offset.metadata.max.bytes`.
   *
   * @default 4096
   */
  readonly offsetMetadataMaxBytes?: number;

  /**
   * How many bytes of __consumer_offsets are read at a time when groups are loaded.
   * Key: `offsets.load.buffer.size` (1 or more).
   *
   * @default 5242880
   */
  readonly offsetsLoadBufferSize?: number;

  /**
   * Replicas of __consumer_offsets; its creation waits until there are as many brokers.
   * Key: `offsets.topic.replication.factor` (1 or more).
   *
   * @default 3
   */
  readonly offsetsTopicReplicationFactor?: number;

  /**
   * Partitions of __consumer_offsets; not to be changed after its creation.
   * Key: `offsets.topic.num.partitions` (1 or more).
   *
   * @default 50
   */
  readonly offsetsTopicNumPartitions?: number;

  /**
   * Segment size of __consumer_offsets, small so that groups load fast.
   * Key: `offsets.topic.segment.bytes` (1 or more).
   *
   * @default 104857600
   */
  readonly offsetsTopicSegmentBytes?: number;

  /**
   * Codec of batches in __consumer_offsets: 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd.
   * Key: `offsets.topic.compression.codec`.
   *
   * @default 0
   */
  readonly offsetsTopicCompressionCodec?: number;

  /**
   * How long the offsets of an empty group, or of a topic it no longer reads, are kept.
   * Key: `offsets.retention.minutes` (1 or more).
   *
   * @default 10080
   */
  readonly offsetsRetentionMinutes?: number;

  /**
   * How often expired offsets are looked for.
   * Key: `offsets.retention.check.interval.ms` (1 or more).
   *
   * @default 600000
   */
  readonly offsetsRetentionCheckIntervalMs?: number;

  /**
   * How long an offset commit waits for its replicas.
   * Key: `offsets.commit.timeout.ms` (1 or more).
   *
   * @default 5000
   */
  readonly offsetsCommitTimeoutMs?: number;

  /**
   * Acknowledgements that an offset commit waits for; -1, all in-sync replicas, is the only sensible one.
   * Key: `offsets.commit.required.acks`.
   *
   * @default -1
   * @deprecated without effect: -1 always applies
   */
  readonly offsetsCommitRequiredAcks?: number;

  /**
   * Session timeout of the KIP-848 consumer protocol.
   * Key: `group.consumer.session.timeout.ms` (1 or more).
   *
   * @default 45000
   */
  readonly groupConsumerSessionTimeoutMs?: number;

  /**
   * Shortest session timeout of the KIP-848 consumer protocol.
   * Key: `group.consumer.min.session.timeout.ms` (1 or more).
   *
   * @default 45000
   */
  readonly groupConsumerMinSessionTimeoutMs?: number;

  /**
   * Longest session timeout of the KIP-848 consumer protocol.
   * Key: `group.consumer.max.session.timeout.ms` (1 or more).
   *
   * @default 60000
   */
  readonly groupConsumerMaxSessionTimeoutMs?: number;

  /**
   * Heartbeat interval of the KIP-848 consumer protocol.
   * Key: `group.consumer.heartbeat.interval.ms` (1 or more).
   *
   * @default 5000
   */
  readonly groupConsumerHeartbeatIntervalMs?: number;

  /**
   * Shortest heartbeat interval of the KIP-848 consumer protocol.
   * Key: `group.consumer.min.heartbeat.interval.ms` (1 or more).
   *
   * @default 5000
   */
  readonly groupConsumerMinHeartbeatIntervalMs?: number;

  /**
   * Longest heartbeat interval of the KIP-848 consumer protocol.
   * Key: `group.consumer.max.heartbeat.interval.ms` (1 or more).
   *
   * @default 15000
   */
  readonly groupConsumerMaxHeartbeatIntervalMs?: number;

  /**
   * Most members of a group of the KIP-848 consumer protocol.
   * Key: `group.consumer.max.size` (1 or more).
   *
   * @default 2147483647
   */
  readonly groupConsumerMaxSize?: number;

  /**
   * Assignors of the KIP-848 consumer protocol, the first being the default.
   * Key: `group.consumer.assignors`.
   *
   * @default org.apache.kafka.coordinator.group.assignor.UniformAssignor,org.apache.kafka.coordinator.group.assignor.RangeAssignor
   */
  readonly groupConsumerAssignors?: string[];

  /**
   * Session timeout of a share group.
   * Key: `group.share.session.timeout.ms` (1 or more).
   *
   * @default 45000
   */
  readonly groupShareSessionTimeoutMs?: number;

  /**
   * Shortest session timeout of a share group.
   * Key: `group.share.min.session.timeout.ms` (1 or more).
   *
   * @default 45000
   */
  readonly groupShareMinSessionTimeoutMs?: number;

  /**
   * Longest session timeout of a share group.
   * Key: `group.share.max.session.timeout.ms` (1 or more).
   *
   * @default 60000
   */
  readonly groupShareMaxSessionTimeoutMs?: number;

  /**
   * Heartbeat interval of a share group.
   * Key: `group.share.heartbeat.interval.ms` (1 or more).
   *
   * @default 5000
   */
  readonly groupShareHeartbeatIntervalMs?: number;

  /**
   * Shortest heartbeat interval of a share group.
   * Key: `group.share.min.heartbeat.interval.ms` (1 or more).
   *
   * @default 5000
   */
  readonly groupShareMinHeartbeatIntervalMs?: number;

  /**
   * Longest heartbeat interval of a share group.
   * Key: `group.share.max.heartbeat.interval.ms` (1 or more).
   *
   * @default 15000
   */
  readonly groupShareMaxHeartbeatIntervalMs?: number;

  /**
   * Most members of a share group.
   * Key: `group.share.max.size` (from 10 to 1000).
   *
   * @default 200
   */
  readonly groupShareMaxSize?: number;

  /**
   * How often a record of a share group is delivered before it is given up.
   * Key: `group.share.delivery.count.limit` (from 2 to 10).
   *
   * @default 5
   */
  readonly groupShareDeliveryCountLimit?: number;

  /**
   * How long a record is reserved for the share group member that took it.
   * Key: `group.share.record.lock.duration.ms` (from 1000 to 60000).
   *
   * @default 30000
   */
  readonly groupShareRecordLockDurationMs?: number;

  /**
   * Shortest reservation of a record in a share group.
   * Key: `group.share.min.record.lock.duration.ms` (from 1000 to 30000).
   *
   * @default 15000
   */
  readonly groupShareMinRecordLockDurationMs?: number;

  /**
   * Longest reservation of a record in a share group.
   * Key: `group.share.max.record.lock.duration.ms` (from 30000 to 3600000).
   *
   * @default 60000
   */
  readonly groupShareMaxRecordLockDurationMs?: number;

  /**
   * Most share groups of a cluster.
   * Key: `group.share.max.groups` (from 1 to 100).
   *
   * @default 10
   */
  readonly groupShareMaxGroups?: number;

  /**
   * Most reserved records of one partition in a share group.
   * Key: `group.share.partition.max.record.locks` (from 100 to 10000).
   *
   * @default 200
   */
  readonly groupSharePartitionMaxRecordLocks?: number;

  /**
   * Fewest in-sync replicas of __transaction_state.
   * Key: `transaction.state.log.min.isr` (1 or more).
   *
   * @default 2
   */
  readonly transactionStateLogMinIsr?: number;

  /**
   * How many bytes of __transaction_state are read at a time when transactions are loaded.
   * Key: `transaction.state.log.load.buffer.size` (1 or more).
   *
   * @default 5242880
   */
  readonly transactionStateLogLoadBufferSize?: number;

  /**
   * Replicas of __transaction_state; its creation waits until there are as many brokers.
   * Key: `transaction.state.log.replication.factor` (1 or more).
   *
   * @default 3
   */
  readonly transactionStateLogReplicationFactor?: number;

  /**
   * Partitions of __transaction_state; not to be changed after its creation.
   * Key: `transaction.state.log.num.partitions` (1 or more).
   *
   * @default 50
   */
  readonly transactionStateLogNumPartitions?: number;

  /**
   * Segment size of __transaction_state, small so that transactions load fast.
   * Key: `transaction.state.log.segment.bytes` (1 or more).
   *
   * @default 104857600
   */
  readonly transactionStateLogSegmentBytes?: number;

  /**
   * Whether a transactional write is checked against the coordinator's list of partitions.
   * Key: `transaction.partition.verification.enable`.
   *
   * @default true
   */
  readonly transactionPartitionVerificationEnable?: boolean;

  /**
   * How long the sequence numbers of a producer that is silent are remembered.
   * Key: `producer.id.expiration.ms` (1 or more).
   *
   * @default 86400000
   */
  readonly producerIdExpirationMs?: number;

  /**
   * How long an unused transactional id is remembered.
   * Key: `transactional.id.expiration.ms` (1 or more).
   *
   * @default 604800000
   */
  readonly transactionalIdExpirationMs?: number;

  /**
   * Longest transaction timeout that a producer may ask for.
   * Key: `transaction.max.timeout.ms` (1 or more).
   *
   * @default 900000
   */
  readonly transactionMaxTimeoutMs?: number;

  /**
   * How often transactions that ran out of time are looked for and aborted.
   * Key: `transaction.abort.timed.out.transaction.cleanup.interval.ms` (1 or more).
   *
   * @default 10000
   */
  readonly transactionAbortTimedOutTransactionCleanupIntervalMs?: number;

  /**
   * How often expired transactional ids are looked for.
   * Key: `transaction.remove.expired.transaction.cleanup.interval.ms` (1 or more).
   *
   * @default 3600000
   */
  readonly transactionRemoveExpiredTransactionCleanupIntervalMs?: number;

  /**
   * Roles of a KRaft process; empty means ZooKeeper mode.
   * Key: `process.roles` (a list of broker, controller).
   *
   * @default - empty
   */
  readonly processRoles?: string[];

  /**
   * KRaft's name for broker.id; where both are set they must agree.
   * Key: `node.id`.
   *
   * @default -1
   */
  readonly nodeId?: number;

  /**
   * Listener names of KRaft controllers.
   * Key: `controller.listener.names`.
   *
   * @default - none
   */
  readonly controllerListenerNames?: string;

  /**
   * Voters of the KRaft quorum as id@host:port.
   * Key: `controller.quorum.voters` (a list of ID@HOST:PORT).
   *
   * @default - empty
   */
  readonly controllerQuorumVoters?: string[];

  /**
   * Addresses through which the KRaft quorum is found.
   * Key: `controller.quorum.bootstrap.servers` (a list of HOST:PORT).
   *
   * @default - empty
   */
  readonly controllerQuorumBootstrapServers?: string[];

  /**
   * How long a KRaft voter waits for the leader before it starts an election.
   * Key: `controller.quorum.election.timeout.ms`.
   *
   * @default 1000
   */
  readonly controllerQuorumElectionTimeoutMs?: number;

  /**
   * How long a KRaft voter may go without a successful fetch before it stands for election.
   * Key: `controller.quorum.fetch.timeout.ms`.
   *
   * @default 2000
   */
  readonly controllerQuorumFetchTimeoutMs?: number;

  /**
   * Longest random pause before another KRaft election.
   * Key: `controller.quorum.election.backoff.max.ms`.
   *
   * @default 1000
   */
  readonly controllerQuorumElectionBackoffMaxMs?: number;

  /**
   * How long the KRaft leader gathers writes before it flushes them.
   * Key: `controller.quorum.append.linger.ms`.
   *
   * @default 25
   */
  readonly controllerQuorumAppendLingerMs?: number;

  /**
   * How long KRaft waits for an answer of the quorum.
   * Key: `controller.quorum.request.timeout.ms`.
   *
   * @default 2000
   */
  readonly controllerQuorumRequestTimeoutMs?: number;

  /**
   * Pause before a request to the KRaft quorum is tried again.
   * Key: `controller.quorum.retry.backoff.ms`.
   *
   * @default 20
   */
  readonly controllerQuorumRetryBackoffMs?: number;

  /**
   * SASL mechanism towards KRaft controllers.
   * Key: `sasl.mechanism.controller.protocol`.
   *
   * @default GSSAPI
   */
  readonly saslMechanismControllerProtocol?: string;

  /**
   * How long a KRaft broker tries to register at its start.
   * Key: `initial.broker.registration.timeout.ms`.
   *
   * @default 60000
   */
  readonly initialBrokerRegistrationTimeoutMs?: number;

  /**
   * How often a KRaft broker sends a heartbeat to the controller.
   * Key: `broker.heartbeat.interval.ms`.
   *
   * @default 2000
   */
  readonly brokerHeartbeatIntervalMs?: number;

  /**
   * How long a KRaft controller keeps a broker that sends no heartbeat.
   * Key: `broker.session.timeout.ms`.
   *
   * @default 9000
   */
  readonly brokerSessionTimeoutMs?: number;

  /**
   * Directory of KRaft's metadata log.
   * Key: `metadata.log.dir`.
   *
   * @default - none
   */
  readonly metadataLogDir?: string;

  /**
   * Segment size of KRaft's metadata log.
   * Key: `metadata.log.segment.bytes` (12 or more).
   *
   * @default 1073741824
   */
  readonly metadataLogSegmentBytes?: number;

  /**
   * Age at which KRaft's metadata log starts a new segment.
   * Key: `metadata.log.segment.ms`.
   *
   * @default 604800000
   */
  readonly metadataLogSegmentMs?: number;

  /**
   * How many bytes of KRaft's metadata log lie between two snapshots at most.
   * Key: `metadata.log.max.record.bytes.between.snapshots` (1 or more).
   *
   * @default 20971520
   */
  readonly metadataLogMaxRecordBytesBetweenSnapshots?: number;

  /**
   * How long KRaft goes without a snapshot at most.
   * Key: `metadata.log.max.snapshot.interval.ms` (0 or more).
   *
   * @default 3600000
   */
  readonly metadataLogMaxSnapshotIntervalMs?: number;

  /**
   * Size of KRaft's metadata log and snapshots above which old ones go.
   * Key: `metadata.max.retention.bytes`.
   *
   * @default 104857600
   */
  readonly metadataMaxRetentionBytes?: number;

  /**
   * How long KRaft's old metadata segments and snapshots are kept.
   * Key: `metadata.max.retention.ms`.
   *
   * @default 604800000
   */
  readonly metadataMaxRetentionMs?: number;

  /**
   * How often an idle KRaft controller writes an empty record.
   * Key: `metadata.max.idle.interval.ms` (0 or more).
   *
   * @default 500
   */
  readonly metadataMaxIdleIntervalMs?: number;

  /**
   * Whether a cluster moves from ZooKeeper to KRaft.
   * Key: `zookeeper.metadata.migration.enable`.
   *
   * @default false
   */
  readonly zookeeperMetadataMigrationEnable?: boolean;

  /**
   * Whether KRaft keeps a list of replicas that are safe to elect (KIP-966).
   * Key: `eligible.leader.replicas.enable`.
   *
   * @default false
   */
  readonly eligibleLeaderReplicasEnable?: boolean;

  /**
   * Whether segments may be moved to remote storage (KIP-405).
   * Key: `remote.log.storage.system.enable`.
   *
   * @default false
   */
  readonly remoteLogStorageSystemEnable?: boolean;

  /**
   * Prefix of the keys that are handed to the remote storage plugin.
   * Key: `remote.log.storage.manager.impl.prefix` (not empty).
   *
   * @default rsm.config.
   */
  readonly remoteLogStorageManagerImplPrefix?: string;

  /**
   * Prefix of the keys that are handed to the remote metadata plugin.
   * Key: `remote.log.metadata.manager.impl.prefix` (not empty).
   *
   * @default rlmm.config.
   */
  readonly remoteLogMetadataManagerImplPrefix?: string;

  /**
   * Class of the remote storage plugin.
   * Key: `remote.log.storage.manager.class.name` (not empty).
   *
   * @default - none
   */
  readonly remoteLogStorageManagerClassName?: string;

  /**
   * Where the remote storage plugin's classes are.
   * Key: `remote.log.storage.manager.class.path`.
   *
   * @default - none
   */
  readonly remoteLogStorageManagerClassPath?: string;

  /**
   * Class of the remote metadata plugin.
   * Key: `remote.log.metadata.manager.class.name` (not empty).
   *
   * @default org.apache.kafka.server.log.remote.metadata.storage.TopicBasedRemoteLogMetadataManager
   */
  readonly remoteLogMetadataManagerClassName?: string;

  /**
   * Where the remote metadata plugin's classes are.
   * Key: `remote.log.metadata.manager.class.path`.
   *
   * @default - none
   */
  readonly remoteLogMetadataManagerClassPath?: string;

  /**
   * Listener that the remote metadata plugin uses to reach this broker.
   * Key: `remote.log.metadata.manager.listener.name` (not empty).
   *
   * @default - none
   */
  readonly remoteLogMetadataManagerListenerName?: string;

  /**
   * Most bytes of its own that a remote storage plugin may keep about a segment.
   * Key: `remote.log.metadata.custom.metadata.max.bytes` (0 or more).
   *
   * @default 128
   */
  readonly remoteLogMetadataCustomMetadataMaxBytes?: number;

  /**
   * Disk space for indexes fetched from remote storage.
   * Key: `remote.log.index.file.cache.total.size.bytes` (1 or more).
   *
   * @default 1073741824
   */
  readonly remoteLogIndexFileCacheTotalSizeBytes?: number;

  /**
   * Number of threads that work on remote segments.
   * Key: `remote.log.manager.thread.pool.size` (1 or more).
   *
   * @default 10
   */
  readonly remoteLogManagerThreadPoolSize?: number;

  /**
   * Number of threads that copy segments to remote storage; -1 takes remote.log.manager.thread.pool.size.
   * Key: `remote.log.manager.copier.thread.pool.size` (1 or more, or -1).
   *
   * @default -1
   */
  readonly remoteLogManagerCopierThreadPoolSize?: number;

  /**
   * Number of threads that delete remote segments; -1 takes remote.log.manager.thread.pool.size.
   * Key: `remote.log.manager.expiration.thread.pool.size` (1 or more, or -1).
   *
   * @default -1
   */
  readonly remoteLogManagerExpirationThreadPoolSize?: number;

  /**
   * How often segments are looked for to copy to remote storage.
   * Key: `remote.log.manager.task.interval.ms` (1 or more).
   *
   * @default 30000
   */
  readonly remoteLogManagerTaskIntervalMs?: number;

  /**
   * Number of threads that read from remote storage.
   * Key: `remote.log.reader.threads` (1 or more).
   *
   * @default 10
   */
  readonly remoteLogReaderThreads?: number;

  /**
   * How many remote reads may wait before more are refused.
   * Key: `remote.log.reader.max.pending.tasks` (1 or more).
   *
   * @default 100
   */
  readonly remoteLogReaderMaxPendingTasks?: number;

  /**
   * How long a segment stays on local disk once it is in remote storage; -2 takes the retention time.
   * Key: `log.local.retention.ms` (-2 or more).
   *
   * @default -2
   */
  readonly logLocalRetentionMs?: number;

  /**
   * Size of a partition's local part once it is in remote storage; -2 takes the retention size.
   * Key: `log.local.retention.bytes` (-2 or more).
   *
   * @default -2
   */
  readonly logLocalRetentionBytes?: number;

  /**
   * Most bytes a second copied to remote storage.
   * Key: `remote.log.manager.copy.max.bytes.per.second` (1 or more).
   *
   * @default 9223372036854775807
   */
  readonly remoteLogManagerCopyMaxBytesPerSecond?: number;

  /**
   * How many samples the remote copy quota keeps.
   * Key: `remote.log.manager.copy.quota.window.num` (1 or more).
   *
   * @default 11
   */
  readonly remoteLogManagerCopyQuotaWindowNum?: number;

  /**
   * Length of a sample of the remote copy quota.
   * Key: `remote.log.manager.copy.quota.window.size.seconds` (1 or more).
   *
   * @default 1
   */
  readonly remoteLogManagerCopyQuotaWindowSizeSeconds?: number;

  /**
   * Most bytes a second read from remote storage.
   * Key: `remote.log.manager.fetch.max.bytes.per.second` (1 or more).
   *
   * @default 9223372036854775807
   */
  readonly remoteLogManagerFetchMaxBytesPerSecond?: number;

  /**
   * How many samples the remote read quota keeps.
   * Key: `remote.log.manager.fetch.quota.window.num` (1 or more).
   *
   * @default 11
   */
  readonly remoteLogManagerFetchQuotaWindowNum?: number;

  /**
   * Length of a sample of the remote read quota.
   * Key: `remote.log.manager.fetch.quota.window.size.seconds` (1 or more).
   *
   * @default 1
   */
  readonly remoteLogManagerFetchQuotaWindowSizeSeconds?: number;

  /**
   * How long a Fetch waits for remote storage.
   * Key: `remote.fetch.max.wait.ms` (1 or more).
   *
   * @default 500
   */
  readonly remoteFetchMaxWaitMs?: number;

  /**
   * How many samples Apache Kafka's metrics keep.
   * Key: `metrics.num.samples` (1 or more).
   *
   * @default 2
   */
  readonly metricsNumSamples?: number;

  /**
   * Length of a sample of Apache Kafka's metrics.
   * Key: `metrics.sample.window.ms` (1 or more).
   *
   * @default 30000
   */
  readonly metricsSampleWindowMs?: number;

  /**
   * Classes that report Apache Kafka's metrics.
   * Key: `metric.reporters`.
   *
   * @default - empty
   */
  readonly metricReporters?: string[];

  /**
   * How detailed Apache Kafka's metrics are: INFO, DEBUG or TRACE.
   * Key: `metrics.recording.level`.
   *
   * @default INFO
   */
  readonly metricsRecordingLevel?: string;

  /**
   * Whether JmxReporter is added to metric.reporters.
   * Key: `auto.include.jmx.reporter`.
   *
   * @default true
   * @deprecated use metric.reporters
   */
  readonly autoIncludeJmxReporter?: boolean;

  /**
   * Classes that report Apache Kafka's Yammer metrics.
   * Key: `kafka.metrics.reporters`.
   *
   * @default - empty
   */
  readonly kafkaMetricsReporters?: string[];

  /**
   * How often Apache Kafka's Yammer reporters poll.
   * Key: `kafka.metrics.polling.interval.secs` (1 or more).
   *
   * @default 10
   */
  readonly kafkaMetricsPollingIntervalSecs?: number;

  /**
   * Largest client metrics push (KIP-714).
   * Key: `telemetry.max.bytes` (1 or more).
   *
   * @default 1048576
   */
  readonly telemetryMaxBytes?: number;

  /**
   * How many samples client quotas keep.
   * Key: `quota.window.num` (1 or more).
   *
   * @default 11
   */
  readonly quotaWindowNum?: number;

  /**
   * Length of a sample of client quotas.
   * Key: `quota.window.size.seconds` (1 or more).
   *
   * @default 1
   */
  readonly quotaWindowSizeSeconds?: number;

  /**
   * How many samples replication quotas keep.
   * Key: `replication.quota.window.num` (1 or more).
   *
   * @default 11
   */
  readonly replicationQuotaWindowNum?: number;

  /**
   * Length of a sample of replication quotas.
   * Key: `replication.quota.window.size.seconds` (1 or more).
   *
   * @default 1
   */
  readonly replicationQuotaWindowSizeSeconds?: number;

  /**
   * How many samples the quota for moves between log directories keeps.
   * Key: `alter.log.dirs.replication.quota.window.num` (1 or more).
   *
   * @default 11
   */
  readonly alterLogDirsReplicationQuotaWindowNum?: number;

  /**
   * Length of a sample of the quota for moves between log directories.
   * Key: `alter.log.dirs.replication.quota.window.size.seconds` (1 or more).
   *
   * @default 1
   */
  readonly alterLogDirsReplicationQuotaWindowSizeSeconds?: number;

  /**
   * How many samples quotas on changes of topics keep.
   * Key: `controller.quota.window.num` (1 or more).
   *
   * @default 11
   */
  readonly controllerQuotaWindowNum?: number;

  /**
   * Length of a sample of quotas on changes of topics.
   * Key: `controller.quota.window.size.seconds` (1 or more).
   *
   * @default 1
   */
  readonly controllerQuotaWindowSizeSeconds?: number;

  /**
   * Class that decides which quota a client falls under.
   * Key: `client.quota.callback.class`.
   *
   * @default - none
   */
  readonly clientQuotaCallbackClass?: string;

  /**
   * Longest that a SASL session lives before the client must authenticate again; 0 sets no bound.
   * Key: `connections.max.reauth.ms`.
   *
   * @default 0
   */
  readonly connectionsMaxReauthMs?: number;

  /**
   * Largest message of a client during SASL.
   * Key: `sasl.server.max.receive.size`.
   *
   * @default 524288
   */
  readonly saslServerMaxReceiveSize?: number;

  /**
   * Java security providers to register.
   * Key: `security.providers`.
   *
   * @default - none
   */
  readonly securityProviders?: string;

  /**
   * Class that turns an authenticated connection into a principal.
   * Key: `principal.builder.class`.
   *
   * @default org.apache.kafka.common.security.authenticator.DefaultKafkaPrincipalBuilder
   */
  readonly principalBuilderClass?: string;

  /**
   * Whether TLS clients must show a certificate: required, requested or none.
   * Key: `ssl.client.auth` (one of required, requested, none).
   *
   * @default none
   */
  readonly sslClientAuth?: string;

  /**
   * Rules that shorten a certificate's distinguished name to a user name.
   * Key: `ssl.principal.mapping.rules`.
   *
   * @default DEFAULT
   */
  readonly sslPrincipalMappingRules?: string;

  /**
   * Whether a reloaded key store may have another distinguished name.
   * Key: `ssl.allow.dn.changes`.
   *
   * @default false
   */
  readonly sslAllowDnChanges?: boolean;

  /**
   * Whether a reloaded key store may drop alternative names.
   * Key: `ssl.allow.san.changes`.
   *
   * @default false
   */
  readonly sslAllowSanChanges?: boolean;

  /**
   * TLS version preferred by this broker.
   * Key: `ssl.protocol`.
   *
   * @default TLSv1.3
   */
  readonly sslProtocol?: string;

  /**
   * Java security provider for TLS.
   * Key: `ssl.provider`.
   *
   * @default - none
   */
  readonly sslProvider?: string;

  /**
   * TLS versions that this broker accepts.
   * Key: `ssl.enabled.protocols`.
   *
   * @default TLSv1.2,TLSv1.3
   */
  readonly sslEnabledProtocols?: string[];

  /**
   * Format of the key store: JKS, PKCS12 or PEM.
   * Key: `ssl.keystore.type`.
   *
   * @default JKS
   */
  readonly sslKeystoreType?: string;

  /**
   * Key store file of this broker's certificate.
   * Key: `ssl.keystore.location`.
   *
   * @default - none
   */
  readonly sslKeystoreLocation?: string;

  /**
   * Format of the trust store: JKS, PKCS12 or PEM.
   * Key: `ssl.truststore.type`.
   *
   * @default JKS
   */
  readonly sslTruststoreType?: string;

  /**
   * Trust store file with the authorities whose certificates are accepted.
   * Key: `ssl.truststore.location`.
   *
   * @default - none
   */
  readonly sslTruststoreLocation?: string;

  /**
   * Java's key manager algorithm.
   * Key: `ssl.keymanager.algorithm`.
   *
   * @default SunX509
   */
  readonly sslKeymanagerAlgorithm?: string;

  /**
   * Java's trust manager algorithm.
   * Key: `ssl.trustmanager.algorithm`.
   *
   * @default PKIX
   */
  readonly sslTrustmanagerAlgorithm?: string;

  /**
   * How a server's host name is checked against its certificate: https, or empty for no check.
   * Key: `ssl.endpoint.identification.algorithm`.
   *
   * @default https
   */
  readonly sslEndpointIdentificationAlgorithm?: string;

  /**
   * Java's random number generator for TLS.
   * Key: `ssl.secure.random.implementation`.
   *
   * @default - none
   */
  readonly sslSecureRandomImplementation?: string;

  /**
   * Cipher suites that are accepted; empty, the runtime's own list.
   * Key: `ssl.cipher.suites`.
   *
   * @default - empty
   */
  readonly sslCipherSuites?: string[];

  /**
   * Class that makes Java's TLS engines.
   * Key: `ssl.engine.factory.class`.
   *
   * @default - none
   */
  readonly sslEngineFactoryClass?: string;

  /**
   * SASL mechanism between brokers.
   * Key: `sasl.mechanism.inter.broker.protocol`.
   *
   * @default GSSAPI
   */
  readonly saslMechanismInterBrokerProtocol?: string;

  /**
   * SASL mechanisms that this broker offers.
   * Key: `sasl.enabled.mechanisms`.
   *
   * @default GSSAPI
   */
  readonly saslEnabledMechanisms?: string[];

  /**
   * Class that checks what a SASL client presents.
   * Key: `sasl.server.callback.handler.class`.
   *
   * @default - none
   */
  readonly saslServerCallbackHandlerClass?: string;

  /**
   * Rules that shorten a Kerberos principal to a user name, the first that fits winning.
   * Key: `sasl.kerberos.principal.to.local.rules`.
   *
   * @default DEFAULT
   */
  readonly saslKerberosPrincipalToLocalRules?: string[];

  /**
   * Class that supplies credentials when this broker is the SASL client.
   * Key: `sasl.client.callback.handler.class`.
   *
   * @default - none
   */
  readonly saslClientCallbackHandlerClass?: string;

  /**
   * Class that performs the login.
   * Key: `sasl.login.class`.
   *
   * @default - none
   */
  readonly saslLoginClass?: string;

  /**
   * Class that supplies credentials to the login.
   * Key: `sasl.login.callback.handler.class`.
   *
   * @default - none
   */
  readonly saslLoginCallbackHandlerClass?: string;

  /**
   * Name of the Kerberos service that brokers run as.
   * Key: `sasl.kerberos.service.name`.
   *
   * @default - none
   */
  readonly saslKerberosServiceName?: string;

  /**
   * Path of kinit.
   * Key: `sasl.kerberos.kinit.cmd`.
   *
   * @default /usr/bin/kinit
   */
  readonly saslKerberosKinitCmd?: string;

  /**
   * Share of a ticket's life after which it is renewed.
   * Key: `sasl.kerberos.ticket.renew.window.factor`.
   *
   * @default 0.8
   */
  readonly saslKerberosTicketRenewWindowFactor?: number;

  /**
   * Random share added to the time of renewal.
   * Key: `sasl.kerberos.ticket.renew.jitter`.
   *
   * @default 0.05
   */
  readonly saslKerberosTicketRenewJitter?: number;

  /**
   * Shortest pause between two Kerberos logins, in milliseconds.
   * Key: `sasl.kerberos.min.time.before.relogin`.
   *
   * @default 60000
   */
  readonly saslKerberosMinTimeBeforeRelogin?: number;

  /**
   * Share of a token's life after which it is refreshed.
   * Key: `sasl.login.refresh.window.factor`.
   *
   * @default 0.8
   */
  readonly saslLoginRefreshWindowFactor?: number;

  /**
   * Random share of the life added to the time of refresh.
   * Key: `sasl.login.refresh.window.jitter`.
   *
   * @default 0.05
   */
  readonly saslLoginRefreshWindowJitter?: number;

  /**
   * Shortest pause before a token is refreshed.
   * Key: `sasl.login.refresh.min.period.seconds`.
   *
   * @default 60
   */
  readonly saslLoginRefreshMinPeriodSeconds?: number;

  /**
   * How long before its end a token is refreshed at the latest.
   * Key: `sasl.login.refresh.buffer.seconds`.
   *
   * @default 300
   */
  readonly saslLoginRefreshBufferSeconds?: number;

  /**
   * How long a connection to the token provider may take.
   * Key: `sasl.login.connect.timeout.ms`.
   *
   * @default - none
   */
  readonly saslLoginConnectTimeoutMs?: number;

  /**
   * How long the token provider's answer may take.
   * Key: `sasl.login.read.timeout.ms`.
   *
   * @default - none
   */
  readonly saslLoginReadTimeoutMs?: number;

  /**
   * First pause before the token provider is asked again.
   * Key: `sasl.login.retry.backoff.ms`.
   *
   * @default 100
   */
  readonly saslLoginRetryBackoffMs?: number;

  /**
   * Longest pause before the token provider is asked again.
   * Key: `sasl.login.retry.backoff.max.ms`.
   *
   * @default 10000
   */
  readonly saslLoginRetryBackoffMaxMs?: number;

  /**
   * Name of the claim that holds a token's scope.
   * Key: `sasl.oauthbearer.scope.claim.name`.
   *
   * @default scope
   */
  readonly saslOauthbearerScopeClaimName?: string;

  /**
   * Name of the claim that holds a token's subject.
   * Key: `sasl.oauthbearer.sub.claim.name`.
   *
   * @default sub
   */
  readonly saslOauthbearerSubClaimName?: string;

  /**
   * Where tokens are obtained.
   * Key: `sasl.oauthbearer.token.endpoint.url`.
   *
   * @default - none
   */
  readonly saslOauthbearerTokenEndpointUrl?: string;

  /**
   * Where the provider's public keys are.
   * Key: `sasl.oauthbearer.jwks.endpoint.url`.
   *
   * @default - none
   */
  readonly saslOauthbearerJwksEndpointUrl?: string;

  /**
   * How often the provider's public keys are fetched anew.
   * Key: `sasl.oauthbearer.jwks.endpoint.refresh.ms`.
   *
   * @default 3600000
   */
  readonly saslOauthbearerJwksEndpointRefreshMs?: number;

  /**
   * First pause before the keys are asked for again.
   * Key: `sasl.oauthbearer.jwks.endpoint.retry.backoff.ms`.
   *
   * @default 100
   */
  readonly saslOauthbearerJwksEndpointRetryBackoffMs?: number;

  /**
   * Longest pause before the keys are asked for again.
   * Key: `sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms`.
   *
   * @default 10000
   */
  readonly saslOauthbearerJwksEndpointRetryBackoffMaxMs?: number;

  /**
   * How far the provider's clock may be off.
   * Key: `sasl.oauthbearer.clock.skew.seconds`.
   *
   * @default 30
   */
  readonly saslOauthbearerClockSkewSeconds?: number;

  /**
   * Audiences of which a token must name one.
   * Key: `sasl.oauthbearer.expected.audience`.
   *
   * @default - none
   */
  readonly saslOauthbearerExpectedAudience?: string[];

  /**
   * Issuer that a token must name.
   * Key: `sasl.oauthbearer.expected.issuer`.
   *
   * @default - none
   */
  readonly saslOauthbearerExpectedIssuer?: string;

  /**
   * How long a delegation token can be renewed at most.
   * Key: `delegation.token.max.lifetime.ms` (1 or more).
   *
   * @default 604800000
   */
  readonly delegationTokenMaxLifetimeMs?: number;

  /**
   * How long a delegation token is valid between renewals.
   * Key: `delegation.token.expiry.time.ms` (1 or more).
   *
   * @default 86400000
   */
  readonly delegationTokenExpiryTimeMs?: number;

  /**
   * How often expired delegation tokens are removed.
   * Key: `delegation.token.expiry.check.interval.ms` (1 or more).
   *
   * @default 3600000
   */
  readonly delegationTokenExpiryCheckIntervalMs?: number;

  /**
   * Key derivation for stored passwords; unset, the runtime's best.
   * Key: `password.encoder.keyfactory.algorithm`.
   *
   * @default - none
   */
  readonly passwordEncoderKeyfactoryAlgorithm?: string;

  /**
   * Cipher for stored passwords.
   * Key: `password.encoder.cipher.algorithm`.
   *
   * @default AES/CBC/PKCS5Padding
   */
  readonly passwordEncoderCipherAlgorithm?: string;

  /**
   * Key length for stored passwords, in bits.
   * Key: `password.encoder.key.length` (8 or more).
   *
   * @default 128
   */
  readonly passwordEncoderKeyLength?: number;

  /**
   * Rounds of key derivation for stored passwords.
   * Key: `password.encoder.iterations` (1024 or more).
   *
   * @default 4096
   */
  readonly passwordEncoderIterations?: number;
}

/** The topic keys of Kafka 3.9. */
export interface KafkaTopicConfig {
  /**
   * Size at which a partition starts a new segment file.
   * Key: `segment.bytes` (14 or more).
   *
   * @default 1073741824
   */
  readonly segmentBytes?: number;

  /**
   * Age at which a partition starts a new segment even if it is not full.
   * Key: `segment.ms` (1 or more).
   *
   * @default 604800000
   */
  readonly segmentMs?: number;

  /**
   * Most that is taken at random off segment.ms, so that partitions do not all roll at once.
   * Key: `segment.jitter.ms` (0 or more).
   *
   * @default 0
   */
  readonly segmentJitterMs?: number;

  /**
   * Largest size of an offset or time index; a full index starts a new segment.
   * Key: `segment.index.bytes` (4 or more).
   *
   * @default 10485760
   */
  readonly segmentIndexBytes?: number;

  /**
   * After how many records a partition is forced to disk.
   * Key: `flush.messages` (1 or more).
   *
   * @default 9223372036854775807
   */
  readonly flushMessages?: number;

  /**
   * Longest that a record stays unforced to disk.
   * Key: `flush.ms` (0 or more).
   *
   * @default 9223372036854775807
   */
  readonly flushMs?: number;

  /**
   * Size of a partition above which its oldest segments are deleted; -1 sets no bound.
   * Key: `retention.bytes`.
   *
   * @default -1
   */
  readonly retentionBytes?: number;

  /**
   * How long records are kept; -1 keeps them for ever.
   * Key: `retention.ms` (-1 or more).
   *
   * @default 604800000
   */
  readonly retentionMs?: number;

  /**
   * Largest record batch, after compression, that the topic takes.
   * Key: `max.message.bytes` (0 or more).
   *
   * @default 1048588
   */
  readonly maxMessageBytes?: number;

  /**
   * How many bytes of log lie between two index entries.
   * Key: `index.interval.bytes` (0 or more).
   *
   * @default 4096
   */
  readonly indexIntervalBytes?: number;

  /**
   * How long tombstones of a compacted topic stay readable.
   * Key: `delete.retention.ms` (0 or more).
   *
   * @default 86400000
   */
  readonly deleteRetentionMs?: number;

  /**
   * How long a record stays uncompacted at least.
   * Key: `min.compaction.lag.ms` (0 or more).
   *
   * @default 0
   */
  readonly minCompactionLagMs?: number;

  /**
   * After how long a record is subject to compaction at the latest.
   * Key: `max.compaction.lag.ms` (1 or more).
   *
   * @default 9223372036854775807
   */
  readonly maxCompactionLagMs?: number;

  /**
   * How long the files of a deleted segment stay on disk.
   * Key: `file.delete.delay.ms` (0 or more).
   *
   * @default 60000
   */
  readonly fileDeleteDelayMs?: number;

  /**
   * Share of a partition that must be uncompacted before it is compacted again.
   * Key: `min.cleanable.dirty.ratio` (from 0 to 1).
   *
   * @default 0.5
   */
  readonly minCleanableDirtyRatio?: number;

  /**
   * What happens to old records: delete drops them by age and size, compact keeps the last one of each key.
   * Key: `cleanup.policy` (a list of compact, delete).
   *
   * @default delete
   */
  readonly cleanupPolicy?: string[];

  /**
   * Whether a replica that is not in sync may become leader when no other is left, which loses records.
   * Key: `unclean.leader.election.enable`.
   *
   * @default false
   */
  readonly uncleanLeaderElectionEnable?: boolean;

  /**
   * Fewest in-sync replicas with which a write with acks=all succeeds.
   * Key: `min.insync.replicas` (1 or more).
   *
   * @default 1
   */
  readonly minInsyncReplicas?: number;

  /**
   * Codec that stored batches get: producer keeps what was sent, the others recompress.
   * Key: `compression.type` (one of uncompressed, zstd, lz4, snappy, gzip, producer).
   *
   * @default producer
   */
  readonly compressionType?: string;

  /**
   * Effort of gzip, 1 to 9, or -1 for its default, when the broker compresses.
   * Key: `compression.gzip.level` (from 1 to 9, or -1).
   *
   * @default -1
   */
  readonly compressionGzipLevel?: number;

  /**
   * Effort of lz4, 1 to 17, when the broker compresses.
   * Key: `compression.lz4.level` (from 1 to 17).
   *
   * @default 9
   */
  readonly compressionLz4Level?: number;

  /**
   * Effort of zstd, -131072 to 22, when the broker compresses.
   * Key: `compression.zstd.level` (from -131072 to 22).
   *
   * @default 3
   */
  readonly compressionZstdLevel?: number;

  /**
   * Whether a new segment file gets its full size at once.
   * Key: `preallocate`.
   *
   * @default false
   */
  readonly preallocate?: boolean;

  /**
   * Record format on disk; without effect since Kafka 3.0, the format is always v2.
   * Key: `message.format.version` (a version of Kafka from 0.8.0 to 3.9).
   *
   * @default 3.0-IV1
   * @deprecated without effect: the format is v2
   */
  readonly messageFormatVersion?: string;

  /**
   * Whether a record keeps its producer's timestamp (CreateTime) or gets the broker's (LogAppendTime).
   * Key: `message.timestamp.type` (one of CreateTime, LogAppendTime).
   *
   * @default CreateTime
   */
  readonly messageTimestampType?: string;

  /**
   * Farthest that a producer's timestamp may be from the broker's clock.
   * Key: `message.timestamp.difference.max.ms` (0 or more).
   *
   * @default 9223372036854775807
   * @deprecated use message.timestamp.before.max.ms and message.timestamp.after.max.ms
   */
  readonly messageTimestampDifferenceMaxMs?: number;

  /**
   * Farthest that a producer's timestamp may lie before the broker's clock.
   * Key: `message.timestamp.before.max.ms` (0 or more).
   *
   * @default 9223372036854775807
   */
  readonly messageTimestampBeforeMaxMs?: number;

  /**
   * Farthest that a producer's timestamp may lie after the broker's clock.
   * Key: `message.timestamp.after.max.ms` (0 or more).
   *
   * @default 9223372036854775807
   */
  readonly messageTimestampAfterMaxMs?: number;

  /**
   * Replicas throttled on the leader's side, as partition:broker pairs, or * for all.
   * Key: `leader.replication.throttled.replicas` (* or a list of PARTITION:BROKER).
   *
   * @default - empty
   */
  readonly leaderReplicationThrottledReplicas?: string[];

  /**
   * Replicas throttled on the follower's side, as partition:broker pairs, or * for all.
   * Key: `follower.replication.throttled.replicas` (* or a list of PARTITION:BROKER).
   *
   * @default - empty
   */
  readonly followerReplicationThrottledReplicas?: string[];

  /**
   * Whether batches are converted for consumers that know only old record formats; false refuses them.
   * Key: `message.downconversion.enable`.
   *
   * @default true
   */
  readonly messageDownconversionEnable?: boolean;

  /**
   * Whether the topic's segments are moved to remote storage (KIP-405).
   * Key: `remote.storage.enable`.
   *
   * @default false
   */
  readonly remoteStorageEnable?: boolean;

  /**
   * How long a segment stays on local disk once it is in remote storage; -2 takes retention.ms.
   * Key: `local.retention.ms` (-2 or more).
   *
   * @default -2
   */
  readonly localRetentionMs?: number;

  /**
   * Size of a partition's local part once it is in remote storage; -2 takes retention.bytes.
   * Key: `local.retention.bytes` (-2 or more).
   *
   * @default -2
   */
  readonly localRetentionBytes?: number;

  /**
   * Whether no more segments are copied to remote storage, which then is read only.
   * Key: `remote.log.copy.disable`.
   *
   * @default false
   */
  readonly remoteLogCopyDisable?: boolean;

  /**
   * Whether remote data is deleted when remote storage is turned off for the topic.
   * Key: `remote.log.delete.on.disable`.
   *
   * @default false
   */
  readonly remoteLogDeleteOnDisable?: boolean;
}

/**
 * The keys behind the props of KafkaBrokerConfig.
 *
 * @internal
 */
export const kafkaBrokerConfigKeys: Readonly<Record<keyof KafkaBrokerConfig, string>> = {
  zookeeperConnect: 'zookeeper.connect',
  zookeeperSessionTimeoutMs: 'zookeeper.session.timeout.ms',
  zookeeperConnectionTimeoutMs: 'zookeeper.connection.timeout.ms',
  zookeeperSetAcl: 'zookeeper.set.acl',
  zookeeperMaxInFlightRequests: 'zookeeper.max.in.flight.requests',
  zookeeperSslClientEnable: 'zookeeper.ssl.client.enable',
  zookeeperClientCnxnSocket: 'zookeeper.clientCnxnSocket',
  zookeeperSslKeystoreLocation: 'zookeeper.ssl.keystore.location',
  zookeeperSslKeystoreType: 'zookeeper.ssl.keystore.type',
  zookeeperSslTruststoreLocation: 'zookeeper.ssl.truststore.location',
  zookeeperSslTruststoreType: 'zookeeper.ssl.truststore.type',
  zookeeperSslProtocol: 'zookeeper.ssl.protocol',
  zookeeperSslEnabledProtocols: 'zookeeper.ssl.enabled.protocols',
  zookeeperSslCipherSuites: 'zookeeper.ssl.cipher.suites',
  zookeeperSslEndpointIdentificationAlgorithm: 'zookeeper.ssl.endpoint.identification.algorithm',
  zookeeperSslCrlEnable: 'zookeeper.ssl.crl.enable',
  zookeeperSslOcspEnable: 'zookeeper.ssl.ocsp.enable',
  brokerId: 'broker.id',
  brokerIdGenerationEnable: 'broker.id.generation.enable',
  reservedBrokerMaxId: 'reserved.broker.max.id',
  brokerRack: 'broker.rack',
  messageMaxBytes: 'message.max.bytes',
  numIoThreads: 'num.io.threads',
  numReplicaAlterLogDirsThreads: 'num.replica.alter.log.dirs.threads',
  backgroundThreads: 'background.threads',
  requestTimeoutMs: 'request.timeout.ms',
  socketConnectionSetupTimeoutMs: 'socket.connection.setup.timeout.ms',
  socketConnectionSetupTimeoutMaxMs: 'socket.connection.setup.timeout.max.ms',
  authorizerClassName: 'authorizer.class.name',
  earlyStartListeners: 'early.start.listeners',
  controlledShutdownEnable: 'controlled.shutdown.enable',
  controlledShutdownMaxRetries: 'controlled.shutdown.max.retries',
  controlledShutdownRetryBackoffMs: 'controlled.shutdown.retry.backoff.ms',
  deleteTopicEnable: 'delete.topic.enable',
  compressionType: 'compression.type',
  compressionGzipLevel: 'compression.gzip.level',
  compressionLz4Level: 'compression.lz4.level',
  compressionZstdLevel: 'compression.zstd.level',
  maxIncrementalFetchSessionCacheSlots: 'max.incremental.fetch.session.cache.slots',
  fetchMaxBytes: 'fetch.max.bytes',
  maxRequestPartitionSizeLimit: 'max.request.partition.size.limit',
  listeners: 'listeners',
  advertisedListeners: 'advertised.listeners',
  listenerSecurityProtocolMap: 'listener.security.protocol.map',
  controlPlaneListenerName: 'control.plane.listener.name',
  socketSendBufferBytes: 'socket.send.buffer.bytes',
  socketReceiveBufferBytes: 'socket.receive.buffer.bytes',
  socketRequestMaxBytes: 'socket.request.max.bytes',
  socketListenBacklogSize: 'socket.listen.backlog.size',
  maxConnectionsPerIp: 'max.connections.per.ip',
  maxConnectionsPerIpOverrides: 'max.connections.per.ip.overrides',
  maxConnections: 'max.connections',
  maxConnectionCreationRate: 'max.connection.creation.rate',
  connectionsMaxIdleMs: 'connections.max.idle.ms',
  connectionFailedAuthenticationDelayMs: 'connection.failed.authentication.delay.ms',
  queuedMaxRequests: 'queued.max.requests',
  queuedMaxRequestBytes: 'queued.max.request.bytes',
  numNetworkThreads: 'num.network.threads',
  controllerSocketTimeoutMs: 'controller.socket.timeout.ms',
  defaultReplicationFactor: 'default.replication.factor',
  replicaLagTimeMaxMs: 'replica.lag.time.max.ms',
  replicaSocketTimeoutMs: 'replica.socket.timeout.ms',
  replicaSocketReceiveBufferBytes: 'replica.socket.receive.buffer.bytes',
  replicaFetchMaxBytes: 'replica.fetch.max.bytes',
  replicaFetchWaitMaxMs: 'replica.fetch.wait.max.ms',
  replicaFetchBackoffMs: 'replica.fetch.backoff.ms',
  replicaFetchMinBytes: 'replica.fetch.min.bytes',
  replicaFetchResponseMaxBytes: 'replica.fetch.response.max.bytes',
  numReplicaFetchers: 'num.replica.fetchers',
  replicaHighWatermarkCheckpointIntervalMs: 'replica.high.watermark.checkpoint.interval.ms',
  fetchPurgatoryPurgeIntervalRequests: 'fetch.purgatory.purge.interval.requests',
  producerPurgatoryPurgeIntervalRequests: 'producer.purgatory.purge.interval.requests',
  deleteRecordsPurgatoryPurgeIntervalRequests: 'delete.records.purgatory.purge.interval.requests',
  autoLeaderRebalanceEnable: 'auto.leader.rebalance.enable',
  leaderImbalancePerBrokerPercentage: 'leader.imbalance.per.broker.percentage',
  leaderImbalanceCheckIntervalSeconds: 'leader.imbalance.check.interval.seconds',
  uncleanLeaderElectionEnable: 'unclean.leader.election.enable',
  securityInterBrokerProtocol: 'security.inter.broker.protocol',
  interBrokerProtocolVersion: 'inter.broker.protocol.version',
  interBrokerListenerName: 'inter.broker.listener.name',
  replicaSelectorClass: 'replica.selector.class',
  numPartitions: 'num.partitions',
  logDir: 'log.dir',
  logDirs: 'log.dirs',
  logSegmentBytes: 'log.segment.bytes',
  logRollMs: 'log.roll.ms',
  logRollHours: 'log.roll.hours',
  logRollJitterMs: 'log.roll.jitter.ms',
  logRollJitterHours: 'log.roll.jitter.hours',
  logRetentionMs: 'log.retention.ms',
  logRetentionMinutes: 'log.retention.minutes',
  logRetentionHours: 'log.retention.hours',
  logRetentionBytes: 'log.retention.bytes',
  logRetentionCheckIntervalMs: 'log.retention.check.interval.ms',
  logCleanupPolicy: 'log.cleanup.policy',
  logIndexSizeMaxBytes: 'log.index.size.max.bytes',
  logIndexIntervalBytes: 'log.index.interval.bytes',
  logFlushIntervalMessages: 'log.flush.interval.messages',
  logSegmentDeleteDelayMs: 'log.segment.delete.delay.ms',
  logFlushSchedulerIntervalMs: 'log.flush.scheduler.interval.ms',
  logFlushIntervalMs: 'log.flush.interval.ms',
  logFlushOffsetCheckpointIntervalMs: 'log.flush.offset.checkpoint.interval.ms',
  logFlushStartOffsetCheckpointIntervalMs: 'log.flush.start.offset.checkpoint.interval.ms',
  logPreallocate: 'log.preallocate',
  numRecoveryThreadsPerDataDir: 'num.recovery.threads.per.data.dir',
  autoCreateTopicsEnable: 'auto.create.topics.enable',
  minInsyncReplicas: 'min.insync.replicas',
  logMessageFormatVersion: 'log.message.format.version',
  logMessageTimestampType: 'log.message.timestamp.type',
  logMessageTimestampDifferenceMaxMs: 'log.message.timestamp.difference.max.ms',
  logMessageTimestampBeforeMaxMs: 'log.message.timestamp.before.max.ms',
  logMessageTimestampAfterMaxMs: 'log.message.timestamp.after.max.ms',
  createTopicPolicyClassName: 'create.topic.policy.class.name',
  alterConfigPolicyClassName: 'alter.config.policy.class.name',
  alterConfigPolicyKraftCompatibilityEnable: 'alter.config.policy.kraft.compatibility.enable',
  logMessageDownconversionEnable: 'log.message.downconversion.enable',
  logDirFailureTimeoutMs: 'log.dir.failure.timeout.ms',
  logCleanerThreads: 'log.cleaner.threads',
  logCleanerIoMaxBytesPerSecond: 'log.cleaner.io.max.bytes.per.second',
  logCleanerDedupeBufferSize: 'log.cleaner.dedupe.buffer.size',
  logCleanerIoBufferSize: 'log.cleaner.io.buffer.size',
  logCleanerIoBufferLoadFactor: 'log.cleaner.io.buffer.load.factor',
  logCleanerBackoffMs: 'log.cleaner.backoff.ms',
  logCleanerMinCleanableRatio: 'log.cleaner.min.cleanable.ratio',
  logCleanerEnable: 'log.cleaner.enable',
  logCleanerDeleteRetentionMs: 'log.cleaner.delete.retention.ms',
  logCleanerMinCompactionLagMs: 'log.cleaner.min.compaction.lag.ms',
  logCleanerMaxCompactionLagMs: 'log.cleaner.max.compaction.lag.ms',
  groupMinSessionTimeoutMs: 'group.min.session.timeout.ms',
  groupMaxSessionTimeoutMs: 'group.max.session.timeout.ms',
  groupInitialRebalanceDelayMs: 'group.initial.rebalance.delay.ms',
  groupMaxSize: 'group.max.size',
  groupCoordinatorRebalanceProtocols: 'group.coordinator.rebalance.protocols',
  groupCoordinatorThreads: 'group.coordinator.threads',
  groupCoordinatorAppendLingerMs: 'group.coordinator.append.linger.ms',
  offsetMetadataMaxBytes: 'offset.metadata.max.bytes',
  offsetsLoadBufferSize: 'offsets.load.buffer.size',
  offsetsTopicReplicationFactor: 'offsets.topic.replication.factor',
  offsetsTopicNumPartitions: 'offsets.topic.num.partitions',
  offsetsTopicSegmentBytes: 'offsets.topic.segment.bytes',
  offsetsTopicCompressionCodec: 'offsets.topic.compression.codec',
  offsetsRetentionMinutes: 'offsets.retention.minutes',
  offsetsRetentionCheckIntervalMs: 'offsets.retention.check.interval.ms',
  offsetsCommitTimeoutMs: 'offsets.commit.timeout.ms',
  offsetsCommitRequiredAcks: 'offsets.commit.required.acks',
  groupConsumerSessionTimeoutMs: 'group.consumer.session.timeout.ms',
  groupConsumerMinSessionTimeoutMs: 'group.consumer.min.session.timeout.ms',
  groupConsumerMaxSessionTimeoutMs: 'group.consumer.max.session.timeout.ms',
  groupConsumerHeartbeatIntervalMs: 'group.consumer.heartbeat.interval.ms',
  groupConsumerMinHeartbeatIntervalMs: 'group.consumer.min.heartbeat.interval.ms',
  groupConsumerMaxHeartbeatIntervalMs: 'group.consumer.max.heartbeat.interval.ms',
  groupConsumerMaxSize: 'group.consumer.max.size',
  groupConsumerAssignors: 'group.consumer.assignors',
  groupShareSessionTimeoutMs: 'group.share.session.timeout.ms',
  groupShareMinSessionTimeoutMs: 'group.share.min.session.timeout.ms',
  groupShareMaxSessionTimeoutMs: 'group.share.max.session.timeout.ms',
  groupShareHeartbeatIntervalMs: 'group.share.heartbeat.interval.ms',
  groupShareMinHeartbeatIntervalMs: 'group.share.min.heartbeat.interval.ms',
  groupShareMaxHeartbeatIntervalMs: 'group.share.max.heartbeat.interval.ms',
  groupShareMaxSize: 'group.share.max.size',
  groupShareDeliveryCountLimit: 'group.share.delivery.count.limit',
  groupShareRecordLockDurationMs: 'group.share.record.lock.duration.ms',
  groupShareMinRecordLockDurationMs: 'group.share.min.record.lock.duration.ms',
  groupShareMaxRecordLockDurationMs: 'group.share.max.record.lock.duration.ms',
  groupShareMaxGroups: 'group.share.max.groups',
  groupSharePartitionMaxRecordLocks: 'group.share.partition.max.record.locks',
  transactionStateLogMinIsr: 'transaction.state.log.min.isr',
  transactionStateLogLoadBufferSize: 'transaction.state.log.load.buffer.size',
  transactionStateLogReplicationFactor: 'transaction.state.log.replication.factor',
  transactionStateLogNumPartitions: 'transaction.state.log.num.partitions',
  transactionStateLogSegmentBytes: 'transaction.state.log.segment.bytes',
  transactionPartitionVerificationEnable: 'transaction.partition.verification.enable',
  producerIdExpirationMs: 'producer.id.expiration.ms',
  transactionalIdExpirationMs: 'transactional.id.expiration.ms',
  transactionMaxTimeoutMs: 'transaction.max.timeout.ms',
  transactionAbortTimedOutTransactionCleanupIntervalMs: 'transaction.abort.timed.out.transaction.cleanup.interval.ms',
  transactionRemoveExpiredTransactionCleanupIntervalMs: 'transaction.remove.expired.transaction.cleanup.interval.ms',
  processRoles: 'process.roles',
  nodeId: 'node.id',
  controllerListenerNames: 'controller.listener.names',
  controllerQuorumVoters: 'controller.quorum.voters',
  controllerQuorumBootstrapServers: 'controller.quorum.bootstrap.servers',
  controllerQuorumElectionTimeoutMs: 'controller.quorum.election.timeout.ms',
  controllerQuorumFetchTimeoutMs: 'controller.quorum.fetch.timeout.ms',
  controllerQuorumElectionBackoffMaxMs: 'controller.quorum.election.backoff.max.ms',
  controllerQuorumAppendLingerMs: 'controller.quorum.append.linger.ms',
  controllerQuorumRequestTimeoutMs: 'controller.quorum.request.timeout.ms',
  controllerQuorumRetryBackoffMs: 'controller.quorum.retry.backoff.ms',
  saslMechanismControllerProtocol: 'sasl.mechanism.controller.protocol',
  initialBrokerRegistrationTimeoutMs: 'initial.broker.registration.timeout.ms',
  brokerHeartbeatIntervalMs: 'broker.heartbeat.interval.ms',
  brokerSessionTimeoutMs: 'broker.session.timeout.ms',
  metadataLogDir: 'metadata.log.dir',
  metadataLogSegmentBytes: 'metadata.log.segment.bytes',
  metadataLogSegmentMs: 'metadata.log.segment.ms',
  metadataLogMaxRecordBytesBetweenSnapshots: 'metadata.log.max.record.bytes.between.snapshots',
  metadataLogMaxSnapshotIntervalMs: 'metadata.log.max.snapshot.interval.ms',
  metadataMaxRetentionBytes: 'metadata.max.retention.bytes',
  metadataMaxRetentionMs: 'metadata.max.retention.ms',
  metadataMaxIdleIntervalMs: 'metadata.max.idle.interval.ms',
  zookeeperMetadataMigrationEnable: 'zookeeper.metadata.migration.enable',
  eligibleLeaderReplicasEnable: 'eligible.leader.replicas.enable',
  remoteLogStorageSystemEnable: 'remote.log.storage.system.enable',
  remoteLogStorageManagerImplPrefix: 'remote.log.storage.manager.impl.prefix',
  remoteLogMetadataManagerImplPrefix: 'remote.log.metadata.manager.impl.prefix',
  remoteLogStorageManagerClassName: 'remote.log.storage.manager.class.name',
  remoteLogStorageManagerClassPath: 'remote.log.storage.manager.class.path',
  remoteLogMetadataManagerClassName: 'remote.log.metadata.manager.class.name',
  remoteLogMetadataManagerClassPath: 'remote.log.metadata.manager.class.path',
  remoteLogMetadataManagerListenerName: 'remote.log.metadata.manager.listener.name',
  remoteLogMetadataCustomMetadataMaxBytes: 'remote.log.metadata.custom.metadata.max.bytes',
  remoteLogIndexFileCacheTotalSizeBytes: 'remote.log.index.file.cache.total.size.bytes',
  remoteLogManagerThreadPoolSize: 'remote.log.manager.thread.pool.size',
  remoteLogManagerCopierThreadPoolSize: 'remote.log.manager.copier.thread.pool.size',
  remoteLogManagerExpirationThreadPoolSize: 'remote.log.manager.expiration.thread.pool.size',
  remoteLogManagerTaskIntervalMs: 'remote.log.manager.task.interval.ms',
  remoteLogReaderThreads: 'remote.log.reader.threads',
  remoteLogReaderMaxPendingTasks: 'remote.log.reader.max.pending.tasks',
  logLocalRetentionMs: 'log.local.retention.ms',
  logLocalRetentionBytes: 'log.local.retention.bytes',
  remoteLogManagerCopyMaxBytesPerSecond: 'remote.log.manager.copy.max.bytes.per.second',
  remoteLogManagerCopyQuotaWindowNum: 'remote.log.manager.copy.quota.window.num',
  remoteLogManagerCopyQuotaWindowSizeSeconds: 'remote.log.manager.copy.quota.window.size.seconds',
  remoteLogManagerFetchMaxBytesPerSecond: 'remote.log.manager.fetch.max.bytes.per.second',
  remoteLogManagerFetchQuotaWindowNum: 'remote.log.manager.fetch.quota.window.num',
  remoteLogManagerFetchQuotaWindowSizeSeconds: 'remote.log.manager.fetch.quota.window.size.seconds',
  remoteFetchMaxWaitMs: 'remote.fetch.max.wait.ms',
  metricsNumSamples: 'metrics.num.samples',
  metricsSampleWindowMs: 'metrics.sample.window.ms',
  metricReporters: 'metric.reporters',
  metricsRecordingLevel: 'metrics.recording.level',
  autoIncludeJmxReporter: 'auto.include.jmx.reporter',
  kafkaMetricsReporters: 'kafka.metrics.reporters',
  kafkaMetricsPollingIntervalSecs: 'kafka.metrics.polling.interval.secs',
  telemetryMaxBytes: 'telemetry.max.bytes',
  quotaWindowNum: 'quota.window.num',
  quotaWindowSizeSeconds: 'quota.window.size.seconds',
  replicationQuotaWindowNum: 'replication.quota.window.num',
  replicationQuotaWindowSizeSeconds: 'replication.quota.window.size.seconds',
  alterLogDirsReplicationQuotaWindowNum: 'alter.log.dirs.replication.quota.window.num',
  alterLogDirsReplicationQuotaWindowSizeSeconds: 'alter.log.dirs.replication.quota.window.size.seconds',
  controllerQuotaWindowNum: 'controller.quota.window.num',
  controllerQuotaWindowSizeSeconds: 'controller.quota.window.size.seconds',
  clientQuotaCallbackClass: 'client.quota.callback.class',
  connectionsMaxReauthMs: 'connections.max.reauth.ms',
  saslServerMaxReceiveSize: 'sasl.server.max.receive.size',
  securityProviders: 'security.providers',
  principalBuilderClass: 'principal.builder.class',
  sslClientAuth: 'ssl.client.auth',
  sslPrincipalMappingRules: 'ssl.principal.mapping.rules',
  sslAllowDnChanges: 'ssl.allow.dn.changes',
  sslAllowSanChanges: 'ssl.allow.san.changes',
  sslProtocol: 'ssl.protocol',
  sslProvider: 'ssl.provider',
  sslEnabledProtocols: 'ssl.enabled.protocols',
  sslKeystoreType: 'ssl.keystore.type',
  sslKeystoreLocation: 'ssl.keystore.location',
  sslTruststoreType: 'ssl.truststore.type',
  sslTruststoreLocation: 'ssl.truststore.location',
  sslKeymanagerAlgorithm: 'ssl.keymanager.algorithm',
  sslTrustmanagerAlgorithm: 'ssl.trustmanager.algorithm',
  sslEndpointIdentificationAlgorithm: 'ssl.endpoint.identification.algorithm',
  sslSecureRandomImplementation: 'ssl.secure.random.implementation',
  sslCipherSuites: 'ssl.cipher.suites',
  sslEngineFactoryClass: 'ssl.engine.factory.class',
  saslMechanismInterBrokerProtocol: 'sasl.mechanism.inter.broker.protocol',
  saslEnabledMechanisms: 'sasl.enabled.mechanisms',
  saslServerCallbackHandlerClass: 'sasl.server.callback.handler.class',
  saslKerberosPrincipalToLocalRules: 'sasl.kerberos.principal.to.local.rules',
  saslClientCallbackHandlerClass: 'sasl.client.callback.handler.class',
  saslLoginClass: 'sasl.login.class',
  saslLoginCallbackHandlerClass: 'sasl.login.callback.handler.class',
  saslKerberosServiceName: 'sasl.kerberos.service.name',
  saslKerberosKinitCmd: 'sasl.kerberos.kinit.cmd',
  saslKerberosTicketRenewWindowFactor: 'sasl.kerberos.ticket.renew.window.factor',
  saslKerberosTicketRenewJitter: 'sasl.kerberos.ticket.renew.jitter',
  saslKerberosMinTimeBeforeRelogin: 'sasl.kerberos.min.time.before.relogin',
  saslLoginRefreshWindowFactor: 'sasl.login.refresh.window.factor',
  saslLoginRefreshWindowJitter: 'sasl.login.refresh.window.jitter',
  saslLoginRefreshMinPeriodSeconds: 'sasl.login.refresh.min.period.seconds',
  saslLoginRefreshBufferSeconds: 'sasl.login.refresh.buffer.seconds',
  saslLoginConnectTimeoutMs: 'sasl.login.connect.timeout.ms',
  saslLoginReadTimeoutMs: 'sasl.login.read.timeout.ms',
  saslLoginRetryBackoffMs: 'sasl.login.retry.backoff.ms',
  saslLoginRetryBackoffMaxMs: 'sasl.login.retry.backoff.max.ms',
  saslOauthbearerScopeClaimName: 'sasl.oauthbearer.scope.claim.name',
  saslOauthbearerSubClaimName: 'sasl.oauthbearer.sub.claim.name',
  saslOauthbearerTokenEndpointUrl: 'sasl.oauthbearer.token.endpoint.url',
  saslOauthbearerJwksEndpointUrl: 'sasl.oauthbearer.jwks.endpoint.url',
  saslOauthbearerJwksEndpointRefreshMs: 'sasl.oauthbearer.jwks.endpoint.refresh.ms',
  saslOauthbearerJwksEndpointRetryBackoffMs: 'sasl.oauthbearer.jwks.endpoint.retry.backoff.ms',
  saslOauthbearerJwksEndpointRetryBackoffMaxMs: 'sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms',
  saslOauthbearerClockSkewSeconds: 'sasl.oauthbearer.clock.skew.seconds',
  saslOauthbearerExpectedAudience: 'sasl.oauthbearer.expected.audience',
  saslOauthbearerExpectedIssuer: 'sasl.oauthbearer.expected.issuer',
  delegationTokenMaxLifetimeMs: 'delegation.token.max.lifetime.ms',
  delegationTokenExpiryTimeMs: 'delegation.token.expiry.time.ms',
  delegationTokenExpiryCheckIntervalMs: 'delegation.token.expiry.check.interval.ms',
  passwordEncoderKeyfactoryAlgorithm: 'password.encoder.keyfactory.algorithm',
  passwordEncoderCipherAlgorithm: 'password.encoder.cipher.algorithm',
  passwordEncoderKeyLength: 'password.encoder.key.length',
  passwordEncoderIterations: 'password.encoder.iterations',
};

/**
 * The keys behind the props of KafkaTopicConfig.
 *
 * @internal
 */
export const kafkaTopicConfigKeys: Readonly<Record<keyof KafkaTopicConfig, string>> = {
  segmentBytes: 'segment.bytes',
  segmentMs: 'segment.ms',
  segmentJitterMs: 'segment.jitter.ms',
  segmentIndexBytes: 'segment.index.bytes',
  flushMessages: 'flush.messages',
  flushMs: 'flush.ms',
  retentionBytes: 'retention.bytes',
  retentionMs: 'retention.ms',
  maxMessageBytes: 'max.message.bytes',
  indexIntervalBytes: 'index.interval.bytes',
  deleteRetentionMs: 'delete.retention.ms',
  minCompactionLagMs: 'min.compaction.lag.ms',
  maxCompactionLagMs: 'max.compaction.lag.ms',
  fileDeleteDelayMs: 'file.delete.delay.ms',
  minCleanableDirtyRatio: 'min.cleanable.dirty.ratio',
  cleanupPolicy: 'cleanup.policy',
  uncleanLeaderElectionEnable: 'unclean.leader.election.enable',
  minInsyncReplicas: 'min.insync.replicas',
  compressionType: 'compression.type',
  compressionGzipLevel: 'compression.gzip.level',
  compressionLz4Level: 'compression.lz4.level',
  compressionZstdLevel: 'compression.zstd.level',
  preallocate: 'preallocate',
  messageFormatVersion: 'message.format.version',
  messageTimestampType: 'message.timestamp.type',
  messageTimestampDifferenceMaxMs: 'message.timestamp.difference.max.ms',
  messageTimestampBeforeMaxMs: 'message.timestamp.before.max.ms',
  messageTimestampAfterMaxMs: 'message.timestamp.after.max.ms',
  leaderReplicationThrottledReplicas: 'leader.replication.throttled.replicas',
  followerReplicationThrottledReplicas: 'follower.replication.throttled.replicas',
  messageDownconversionEnable: 'message.downconversion.enable',
  remoteStorageEnable: 'remote.storage.enable',
  localRetentionMs: 'local.retention.ms',
  localRetentionBytes: 'local.retention.bytes',
  remoteLogCopyDisable: 'remote.log.copy.disable',
  remoteLogDeleteOnDisable: 'remote.log.delete.on.disable',
};
