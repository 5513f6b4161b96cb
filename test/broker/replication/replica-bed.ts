import type { Files } from '../../../broker/src/io/files';
import type { TopicPartition } from '../../../broker/src/log/topic-partition';
import type { Log } from '../../../broker/src/log/log';
import type { LogManager } from '../../../broker/src/log/log-manager';
import { silentLogger } from '../../../broker/src/logging/logger';
import { ErrorCode, errorName, KafkaError } from '../../../broker/src/protocol/errors';
import { decodeMessage, encodeToBuffer } from '../../../broker/src/protocol/codec';
import { LeaderAndIsrRequest } from '../../../broker/src/protocol/messages/leader-and-isr';
import { StopReplicaRequest } from '../../../broker/src/protocol/messages/stop-replica';
import { UpdateMetadataRequest } from '../../../broker/src/protocol/messages/update-metadata';
import type {
  AlterPartitionItem,
  AlterPartitionManager,
} from '../../../broker/src/replication/alter-partition-manager';
import type { PartitionAppendResult } from '../../../broker/src/replication/append';
import {
  type FetchParams,
  type PartitionFetch,
  type PartitionFetchResult,
  releaseFetch,
} from '../../../broker/src/replication/fetch';
import type { LeaderAndIsr } from '../../../broker/src/replication/isr-state';
import { MetadataCache } from '../../../broker/src/replication/metadata-cache';
import type { Partition } from '../../../broker/src/replication/partition';
import type { FollowedPartition, PartitionFetchers } from '../../../broker/src/replication/partition-fetchers';
import { ReplicaManager, type ReplicaManagerOptions } from '../../../broker/src/replication/replica-manager';
import { batchOf, ioWith, ManualClock, openManager, type TestDirectory } from '../log/support';

export const topicId = 'abcdefghijklmnopqrstuA';

export interface Role {
  readonly leader?: number;
  readonly leaderEpoch?: number;
  readonly partitionEpoch?: number;
  readonly isr?: readonly number[];
  readonly replicas?: readonly number[];
  readonly addingReplicas?: readonly number[];
  readonly controllerEpoch?: number;
  readonly topicId?: string;
  readonly partition?: number;
  readonly isNew?: boolean;
  readonly liveLeaders?: readonly { readonly brokerId: number; readonly hostName: string; readonly port: number }[];
}

/** Proposals of ISRs, which the test answers. */
export class FakeAlterPartitions implements AlterPartitionManager {
  readonly items: AlterPartitionItem[] = [];
  readonly #answers: { resolve(state: LeaderAndIsr): void; reject(error: Error): void }[] = [];
  isClosed = false;

  submit(item: AlterPartitionItem): Promise<LeaderAndIsr> {
    this.items.push(item);
    return new Promise((resolve, reject) => this.#answers.push({ resolve, reject }));
  }

  close(): void {
    this.isClosed = true;
  }

  /** The ISRs proposed so far. */
  get proposed(): (readonly number[])[] {
    return this.items.map(({ leaderAndIsr }) => leaderAndIsr.isr);
  }

  /** As the controller writes the oldest proposal that has no answer, one partition epoch on. */
  async accept(changes: Partial<LeaderAndIsr> = {}): Promise<void> {
    const { leaderAndIsr } = this.items[this.items.length - this.#answers.length];
    this.#answers.shift()!.resolve({ ...leaderAndIsr, partitionEpoch: leaderAndIsr.partitionEpoch + 1, ...changes });
    await settle();
  }

  async refuse(error: keyof typeof ErrorCode): Promise<void> {
    this.#answers.shift()!.reject(new KafkaError(ErrorCode[error]));
    await settle();
  }
}

/** Keeps the order of what is asked. */
export class FakeFetchers implements PartitionFetchers {
  readonly calls: string[] = [];
  /** What `remove` waits for. */
  removing: Promise<void> = Promise.resolve();

  add(partitions: readonly FollowedPartition[]): void {
    for (const { partition, leader } of partitions) {
      const { topic, partition: index, leaderEpoch } = partition;
      this.calls.push(`add ${topic}-${index} of ${leader.id}@${leader.host}:${leader.port} in ${leaderEpoch}`);
    }
  }

  remove(partitions: Iterable<TopicPartition>): Promise<void> {
    for (const { topic, partition } of partitions) this.calls.push(`remove ${topic}-${partition}`);
    return this.removing;
  }

  shutdown(): Promise<void> {
    this.calls.push('shutdown');
    return Promise.resolve();
  }
}

export interface BedLogs {
  /** @default the test's directory */
  readonly logDirs?: readonly string[];
  readonly files?: Files;
  /** How the logs are opened besides. */
  readonly logs?: Parameters<typeof openManager>[1];
}

/** Lets promises that are done run on. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
}

/** A ReplicaManager of broker 0 over real logs; time, the controller and the fetchers are the test's. */
export class ReplicaBed {
  #closing: Promise<void> | undefined;

  private constructor(
    readonly replicas: ReplicaManager,
    readonly logManager: LogManager,
    readonly metadata: MetadataCache,
    readonly clock: ManualClock,
    readonly alterPartitions: FakeAlterPartitions,
    readonly fetchers: FakeFetchers,
  ) {}

  static async open(
    directory: TestDirectory,
    minInsyncReplicas = 1,
    options: Partial<ReplicaManagerOptions> & BedLogs = {},
  ): Promise<ReplicaBed> {
    const { logDirs = [directory.path], files, logs, ...others } = options;
    const clock = new ManualClock();
    const io = { ...ioWith(clock), ...(files && { files }) };
    const alterPartitions = new FakeAlterPartitions();
    const fetchers = new FakeFetchers();
    const metadata = new MetadataCache();
    let replicas: ReplicaManager | undefined = undefined;
    const logManager = await openManager(directory.path, {
      // Nothing by itself: a file that is being written would seem to take as long as the test's clock jumps.
      flushRecoveryOffsetCheckpointMs: 1e9,
      flushStartOffsetCheckpointMs: 1e9,
      retentionCheckMs: 1e9,
      ...logs,
      io,
      logDirs,
      onOffline: (_, partitions, _error, futures) => replicas?.markOffline(partitions, futures),
    });
    replicas = new ReplicaManager(io, silentLogger, logManager, metadata, {
      brokerId: 0,
      highWatermarkCheckpointMs: 1e9,
      minInsyncReplicas: () => minInsyncReplicas,
      replicaLagTimeMaxMs: 30_000,
      alterPartitions,
      fetchers,
      ...others,
    });
    const bed = new ReplicaBed(replicas, logManager, metadata, clock, alterPartitions, fetchers);
    bed.live(0, 1, 2);
    return bed;
  }

  /** The controller says who lives; broker N is at host bN:9092, in rack rN. */
  live(...ids: readonly number[]): void {
    const request = {
      controllerId: 0,
      controllerEpoch: 1,
      brokerEpoch: -1n,
      topicStates: [],
      liveBrokers: ids.map((id) => ({
        id,
        endpoints: [{ host: `b${id}`, port: 9092, listener: 'PLAINTEXT', securityProtocol: 0 }],
        rack: `r${id}`,
      })),
    };
    this.metadata.update(decodeMessage(UpdateMetadataRequest, 8, encodeToBuffer(UpdateMetadataRequest, 8, request)));
  }

  /** The error of the request or of its one partition. */
  async role(role: Role = {}): Promise<string> {
    const [error] = await this.roles(role);
    await this.replicas
      .partition('t', role.partition ?? 0)
      ?.log.flush()
      .catch(() => undefined);
    return error;
  }

  /** The errors for the partitions of one request, what is said of the request being that of the first. */
  async roles(...roles: readonly Role[]): Promise<string[]> {
    const [{ controllerEpoch = 1, liveLeaders = [], topicId: id = topicId }] = roles;
    const request = {
      controllerId: 0,
      controllerEpoch,
      brokerEpoch: -1n,
      type: 1,
      topicStates: [
        {
          topicName: 't',
          topicId: id,
          partitionStates: roles.map(({ leader = 0, leaderEpoch = 0, isr = [0], replicas = [0], ...role }) => ({
            partitionIndex: role.partition ?? 0,
            controllerEpoch,
            leader,
            leaderEpoch,
            isr,
            partitionEpoch: role.partitionEpoch ?? leaderEpoch,
            replicas,
            addingReplicas: role.addingReplicas ?? [],
            removingReplicas: [],
            isNew: role.isNew ?? false,
            leaderRecoveryState: 0,
          })),
        },
      ],
      liveLeaders,
    };
    const sent = decodeMessage(LeaderAndIsrRequest, 7, encodeToBuffer(LeaderAndIsrRequest, 7, request));
    const { errorCode, partitions } = await this.replicas.becomeLeaderOrFollower(sent);
    return roles.map((_, i) => errorName(errorCode || (partitions[i]?.errorCode ?? 0)));
  }

  async stop(leaderEpoch: number, deletePartition: boolean, controllerEpoch = 1): Promise<string> {
    const request = {
      controllerId: 0,
      controllerEpoch,
      brokerEpoch: -1n,
      topicStates: [{ topicName: 't', partitionStates: [{ partitionIndex: 0, leaderEpoch, deletePartition }] }],
    };
    const sent = decodeMessage(StopReplicaRequest, 4, encodeToBuffer(StopReplicaRequest, 4, request));
    const { errorCode, partitions } = await this.replicas.stopReplicas(sent);
    return errorName(errorCode || (partitions[0]?.errorCode ?? 0));
  }

  appendTo(partitions: readonly number[], requiredAcks = 1): Promise<readonly PartitionAppendResult[]> {
    return new Promise((resolve) =>
      this.replicas.append(
        { origin: 'client', requiredAcks, timeoutMs: 30_000, internalTopicsAllowed: false },
        partitions.map((partition) => ({ topic: 't', partition, records: batchOf(['value']) })),
        resolve,
      ),
    );
  }

  append(value: string, requiredAcks = 1, timeoutMs = 30_000): Promise<PartitionAppendResult> {
    return new Promise((resolve) =>
      this.replicas.append(
        { origin: 'client', requiredAcks, timeoutMs, internalTopicsAllowed: false },
        [{ topic: 't', partition: 0, records: batchOf([value]) }],
        ([result]) => resolve(result),
      ),
    );
  }

  fetch(
    params: Partial<FetchParams> = {},
    fetchOffset = 0,
    copies = 1,
    wanted: Partial<PartitionFetch> = {},
  ): Promise<readonly PartitionFetchResult[]> {
    return new Promise((resolve) =>
      this.replicas.fetch(
        {
          replicaId: -1,
          replicaEpoch: -1n,
          fetchOnlyLeader: true,
          clientMetadata: undefined,
          maxWaitMs: 0,
          minBytes: 0,
          maxBytes: 1 << 20,
          isolation: 'highWatermark',
          hardMaxBytes: false,
          isAbandoned: () => false,
          ...params,
        },
        Array.from({ length: copies }, () => ({
          partition: this.replicas.partitionOrError('t', 0),
          fetchOffset,
          maxBytes: 1 << 20,
          currentLeaderEpoch: -1,
          lastFetchedEpoch: -1,
          logStartOffset: -1,
          ...wanted,
        })),
        resolve,
      ),
    );
  }

  /** A Fetch of a follower that has everything below the offset; what it is answered, without the records. */
  async follow(
    replicaId: number,
    fetchOffset: number,
    params: Partial<FetchParams> = {},
    wanted: Partial<PartitionFetch> = {},
  ): Promise<PartitionFetchResult & { readonly error: string }> {
    const follower = { replicaId, isolation: 'logEnd', ...params } as const;
    const results = await this.fetch(follower, fetchOffset, 1, { logStartOffset: 0, ...wanted });
    releaseFetch(results);
    await settle();
    return { ...results[0], error: errorName(results[0].errorCode) };
  }

  get partition(): Partition {
    return this.replicas.partition('t', 0)!;
  }

  get log(): Log {
    return this.partition.log;
  }

  /** May be called again. */
  close(): Promise<void> {
    this.#closing ??= this.replicas.shutdown().then(() => this.logManager.shutdown());
    return this.#closing;
  }
}
