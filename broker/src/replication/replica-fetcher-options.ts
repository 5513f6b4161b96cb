import type { Log } from '../log/log';
import type { TopicPartition } from '../log/topic-partition';
import type { BufferPool } from '../network/buffer-pool';
import type { ClientConnection } from '../network/client-connection';

/** The broker that leads partitions, and where it listens for other brokers. */
export interface LeaderEndpoint {
  readonly id: number;
  readonly host: string;
  readonly port: number;
}

/** What a fetcher has to know of a partition that this broker follows: a Partition is one. */
export interface FollowerPartition extends TopicPartition {
  /** `undefined` where the topic has no id, or none yet. */
  readonly topicId: string | undefined;
  /** As the controller said last. An answer to a request of another epoch is dropped. */
  readonly leaderEpoch: number;
  readonly isLeader: boolean;
  /** Its log directory has failed. */
  readonly isOffline: boolean;
  readonly log: Log;
}

export type LeaderConnection = Pick<
  ClientConnection,
  'negotiate' | 'versionOf' | 'send' | 'release' | 'close' | 'isClosed'
>;

/** follower.replication.throttled.rate: what is throttled is not asked for while the quota is exceeded. */
export interface FollowerQuota {
  isThrottled(of: TopicPartition): boolean;
  isQuotaExceeded(): boolean;
  /** Bytes of a throttled partition that came. */
  record(bytes: number): void;
}

export interface ReplicaFetcherOptions<P extends FollowerPartition = FollowerPartition> {
  readonly brokerId: number;
  /** Of this broker's registration, now; -1 for none. */
  readonly brokerEpoch: () => bigint;
  /** num.replica.fetchers */
  readonly numFetchers: number;
  /** replica.fetch.wait.max.ms */
  readonly fetchWaitMaxMs: number;
  /** replica.fetch.min.bytes */
  readonly fetchMinBytes: number;
  /** replica.fetch.max.bytes: of one partition. */
  readonly fetchMaxBytes: number;
  /** replica.fetch.response.max.bytes: of one answer. */
  readonly fetchResponseMaxBytes: number;
  /** replica.fetch.backoff.ms */
  readonly fetchBackoffMs: number;
  /** replica.socket.timeout.ms: how long an answer may take. */
  readonly socketTimeoutMs: number;
  /** inter.broker.protocol.version @default 3.9-IV0 */
  readonly interBrokerProtocolVersion?: string;
  /** A new connection; requests on it carry the client id, and responses lie in the pool's memory. */
  readonly connect: (leader: LeaderEndpoint, clientId: string, pool: BufferPool) => Promise<LeaderConnection>;
  /** A partition's log end or its high watermark moved: what waits for that is to be looked at. */
  readonly followerAppended: (partition: P) => void;
  readonly quota?: FollowerQuota;
}
