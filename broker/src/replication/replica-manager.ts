import type { Timer } from '../io/clock';
import type { Io } from '../io/io';
import type { Logger } from '../logging/logger';
import type { LogManager } from '../log/log-manager';
import { partitionName, type TopicPartition } from '../log/topic-partition';
import { ErrorCode, KafkaError } from '../protocol/errors';
import type { LeaderAndIsrRequest } from '../protocol/messages/leader-and-isr';
import type { StopReplicaRequest } from '../protocol/messages/stop-replica';
import {
  type AppendDone,
  type AppendParams,
  DelayedProduce,
  failedAppend,
  type PartitionAppend,
  type PartitionAppendResult,
} from './append';
import {
  DelayedFetch,
  type FetchDone,
  type FetchParams,
  type PartitionFetch,
  type ReadFailed,
  readPartitions,
  releaseFetch,
} from './fetch';
import { isInternalTopic } from './internal-topics';
import type { MetadataCache } from './metadata-cache';
import { Partition, type PartitionState } from './partition';
import { Purgatory } from './purgatory';

export interface ReplicaManagerOptions {
  readonly brokerId: number;
  /** replica.high.watermark.checkpoint.interval.ms */
  readonly highWatermarkCheckpointMs: number;
  /** min.insync.replicas of a topic, now. */
  readonly minInsyncReplicas: (topic: string) => number;
}

/** Hears when this broker begins and ends to lead a partition: the coordinators load and unload by it. */
export interface LeadershipListener {
  becameLeader(partition: Partition): void;
  resigned(of: TopicPartition, leaderEpoch: number): void;
}

/** What a request of the controller came to, partition by partition. */
export interface PartitionErrors {
  readonly errorCode: ErrorCode;
  readonly partitions: readonly { readonly topic: string; readonly partition: number; readonly errorCode: ErrorCode }[];
}

/** The partitions that this broker holds, and everything that is done to them (Kafka's ReplicaManager). */
export class ReplicaManager {
  readonly #io: Io;
  readonly #logger: Logger;
  readonly #logManager: LogManager;
  readonly #metadata: MetadataCache;
  readonly #options: ReplicaManagerOptions;
  /** By topic, then by partition index. */
  readonly #partitions = new Map<string, Map<number, Partition>>();
  readonly #leadership: LeadershipListener[] = [];
  readonly #fetches: Purgatory<Partition>;
  readonly #produces: Purgatory<Partition>;
  #controllerEpoch = 0;
  /** The controller's requests are carried out one after the other. */
  #controlQueue: Promise<unknown> = Promise.resolve();
  #checkpointTimer: Timer | undefined;
  #isClosed = false;

  constructor(io: Io, logger: Logger, logManager: LogManager, metadata: MetadataCache, options: ReplicaManagerOptions) {
    this.#io = io;
    this.#logger = logger.child('ReplicaManager');
    this.#logManager = logManager;
    this.#metadata = metadata;
    this.#options = options;
    this.#fetches = new Purgatory(io.clock);
    this.#produces = new Purgatory(io.clock);
  }

  get logManager(): LogManager {
    return this.#logManager;
  }

  /** Fetches that wait for data, produces that wait for the ISR. */
  get waiting(): { readonly fetches: number; readonly produces: number } {
    return { fetches: this.#fetches.size, produces: this.#produces.size };
  }

  start(): void {
    const checkpoint = (): void => {
      if (this.#isClosed) return;
      this.#checkpointTimer = this.#io.clock.timer(this.#options.highWatermarkCheckpointMs, () => {
        this.#logManager
          .checkpointHighWatermarks()
          .catch((error: unknown) => this.#logger.error('The high watermarks could not be written.', { error }))
          .finally(checkpoint);
      });
    };
    checkpoint();
  }

  /** Answers everything that waits and writes the high watermarks; the logs stay open. */
  async shutdown(): Promise<void> {
    this.#isClosed = true;
    this.#checkpointTimer?.cancel();
    await this.#controlQueue;
    this.#fetches.expireAll();
    this.#produces.expireAll();
    await this.#logManager.checkpointHighWatermarks();
  }

  onLeadership(listener: LeadershipListener): void {
    this.#leadership.push(listener);
  }

  partition(topic: string, index: number): Partition | undefined {
    return this.#partitions.get(topic)?.get(index);
  }

  *partitions(): Iterable<Partition> {
    for (const byIndex of this.#partitions.values()) yield* byIndex.values();
  }

  /** Their log directory has failed: they answer KAFKA_STORAGE_ERROR until this broker is restarted. */
  markOffline(partitions: readonly TopicPartition[]): void {
    for (const { topic, partition: index } of partitions) {
      const partition = this.partition(topic, index);
      if (!partition) continue;
      partition.isOffline = true;
      this.#highWatermarkMoved(partition);
    }
  }

  /** The partition, or what a client has to know about its absence here. */
  partitionOrError(topic: string, index: number): Partition | KafkaError {
    const partition = this.#partitions.get(topic)?.get(index);
    if (partition) return partition.isOffline ? new KafkaError(ErrorCode.KAFKA_STORAGE_ERROR) : partition;
    return this.#metadata.partition(topic, index)
      ? new KafkaError(ErrorCode.NOT_LEADER_OR_FOLLOWER)
      : new KafkaError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
  }

  /** @throws KafkaError unless this broker leads the partition */
  leader(topic: string, index: number, currentLeaderEpoch = -1): Partition {
    const partition = this.partitionOrError(topic, index);
    if (partition instanceof KafkaError) throw partition;
    partition.requireLeader(currentLeaderEpoch);
    return partition;
  }

  /** Appends to the leaders' logs; `done` is called once, in the same turn when no disk and no follower is waited for. */
  append(params: AppendParams, appends: readonly PartitionAppend[], done: AppendDone): void {
    const results: PartitionAppendResult[] = new Array<PartitionAppendResult>(appends.length);
    const partitions: (Partition | undefined)[] = new Array<Partition | undefined>(appends.length);
    let pending = appends.length;
    const finish = (): void => {
      const appended = partitions.filter((partition) => partition !== undefined);
      for (const partition of appended) {
        if (partition.maybeAdvanceHighWatermark()) this.#highWatermarkMoved(partition);
        else this.#fetches.checkAndComplete(partition);
      }
      if (params.requiredAcks === -1 && appended.length > 0) {
        const hasEnoughReplicas = (partition: Partition) => partition.isr.length >= this.#minInsyncReplicas(partition);
        this.#produces.tryCompleteElseWatch(
          new DelayedProduce(params.timeoutMs, partitions, results, hasEnoughReplicas, done),
          appended,
        );
      } else {
        done(results);
      }
    };
    if (pending === 0) {
      finish();
      return;
    }
    for (let i = 0; i < appends.length; i++) {
      const { topic, partition: index, records } = appends[i];
      try {
        const partition = this.#appendable(params, topic, index);
        partition.log.append(records, { origin: params.origin, leaderEpoch: partition.leaderEpoch }, (error, info) => {
          if (info) {
            partitions[i] = partition;
            partition.appendedBytes += info.bytes;
            results[i] = {
              errorCode: ErrorCode.NONE,
              errorMessage: null,
              baseOffset: info.firstOffset,
              lastOffset: info.lastOffset,
              logAppendTimeMs: info.logAppendTimeMs,
              logStartOffset: info.logStartOffset,
              recordErrors: [],
            };
          } else {
            results[i] = this.#refusal(topic, index, error);
          }
          if (--pending === 0) finish();
        });
      } catch (error) {
        results[i] = this.#refusal(topic, index, error);
        if (--pending === 0) finish();
      }
    }
  }

  #appendable(params: AppendParams, topic: string, index: number): Partition {
    if (isInternalTopic(topic) && !params.internalTopicsAllowed) {
      throw new KafkaError(ErrorCode.INVALID_TOPIC_EXCEPTION, `Cannot append to internal topic ${topic}`);
    }
    const partition = this.leader(topic, index);
    if (params.requiredAcks === -1) {
      const wanted = this.#minInsyncReplicas(partition);
      if (partition.isr.length < wanted) {
        throw new KafkaError(
          ErrorCode.NOT_ENOUGH_REPLICAS,
          `The size of the current ISR [${partition.isr.join(',')}] is insufficient to satisfy the min.isr requirement of ${wanted} for partition ${topic}-${index}`,
        );
      }
    }
    return partition;
  }

  #minInsyncReplicas({ topic, replicas }: Partition): number {
    return Math.min(this.#options.minInsyncReplicas(topic), replicas.length);
  }

  #refusal(topic: string, index: number, error: unknown): PartitionAppendResult {
    const logStartOffset = this.partition(topic, index)?.log.logStartOffset ?? -1;
    if (error instanceof KafkaError) {
      const recordErrors = 'recordErrors' in error ? (error.recordErrors as PartitionAppendResult['recordErrors']) : [];
      return { ...failedAppend(error.code, error.message, recordErrors), logStartOffset };
    }
    this.#logger.error(`Appending to ${topic}-${index} failed unexpectedly.`, { error });
    return { ...failedAppend(ErrorCode.UNKNOWN_SERVER_ERROR), logStartOffset };
  }

  #highWatermarkMoved(partition: Partition): void {
    this.#produces.checkAndComplete(partition);
    this.#fetches.checkAndComplete(partition);
  }

  /**
   * Reads; waits up to `maxWaitMs` for `minBytes` unless a partition answers with an error. One that nobody knows is no
   * reason to hurry as long as there are others: it would make its consumer's every fetch return at once.
   */
  fetch(params: FetchParams, wanted: readonly PartitionFetch[], done: FetchDone): void {
    const readFailed: ReadFailed = (partition, error) =>
      this.#logger.error(`Reading ${partitionName(partition)} failed unexpectedly.`, { error });
    readPartitions(params, wanted, readFailed, (results) => {
      let bytes = 0;
      let failed = false;
      let unknown = 0;
      for (const { errorCode, data } of results) {
        if (data) bytes += data.sizeInBytes;
        else if (errorCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION || errorCode === ErrorCode.UNKNOWN_TOPIC_ID)
          unknown++;
        else failed = true;
      }
      if (failed || bytes >= params.minBytes || params.maxWaitMs <= 0 || unknown === wanted.length) {
        done(results);
        return;
      }
      releaseFetch(results);
      const watched = wanted.map(({ partition }) => partition).filter((partition) => partition instanceof Partition);
      this.#fetches.tryCompleteElseWatch(new DelayedFetch(params, wanted, bytes, readFailed, done), watched);
    });
  }

  /** LeaderAndIsr: takes on the roles that the controller gives. */
  becomeLeaderOrFollower(request: LeaderAndIsrRequest): Promise<PartitionErrors> {
    return this.#inTurn(async () => {
      if (this.isStaleController(request.controllerEpoch, request.controllerId, 'LeaderAndIsr')) {
        return { errorCode: ErrorCode.STALE_CONTROLLER_EPOCH, partitions: [] };
      }
      const partitions: { topic: string; partition: number; errorCode: ErrorCode }[] = [];
      for (const { topicName, topicId, partitionStates } of request.topicStates) {
        for (const state of partitionStates) {
          const errorCode = await this.#takeRole(topicName, topicId, state);
          partitions.push({ topic: topicName, partition: state.partitionIndex, errorCode });
        }
      }
      return { errorCode: ErrorCode.NONE, partitions };
    });
  }

  async #takeRole(topic: string, topicId: string, state: PartitionState): Promise<ErrorCode> {
    const index = state.partitionIndex;
    let partition = this.partition(topic, index);
    if (partition && partition.topicId !== undefined && partition.topicId !== topicId) {
      this.#logger.error(
        `The controller names ${topic}-${index} with topic id ${topicId}, but this broker's log has ${partition.topicId}: ignored.`,
      );
      return ErrorCode.INCONSISTENT_TOPIC_ID;
    }
    if (partition?.isOffline) return ErrorCode.KAFKA_STORAGE_ERROR;
    if (partition && state.leaderEpoch < partition.leaderEpoch) return ErrorCode.STALE_CONTROLLER_EPOCH;
    if (!state.replicas.includes(this.#options.brokerId)) return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
    if (!partition) {
      try {
        const log = await this.#logManager.getOrCreate({ topic, partition: index }, topicId);
        if (log.topicId !== undefined && log.topicId !== topicId) return ErrorCode.INCONSISTENT_TOPIC_ID;
        partition = new Partition(topic, index, topicId, this.#options.brokerId, log);
        const checkpointed = this.#logManager.checkpointedHighWatermark({ topic, partition: index });
        log.updateHighWatermark(Math.min(checkpointed ?? log.logStartOffset, log.logEndOffset));
      } catch (error) {
        this.#logger.error(`The log of ${topic}-${index} could not be opened: its replica is offline.`, { error });
        return error instanceof KafkaError ? error.code : ErrorCode.KAFKA_STORAGE_ERROR;
      }
      const byIndex = this.#partitions.get(topic);
      if (byIndex) byIndex.set(index, partition);
      else this.#partitions.set(topic, new Map([[index, partition]]));
    }
    const wasLeader = partition.isLeader;
    const isNewEpoch = partition.setState(state);
    if (partition.isLeader) {
      partition.maybeAdvanceHighWatermark();
      if (isNewEpoch) for (const listener of this.#leadership) listener.becameLeader(partition);
    } else if (wasLeader) {
      for (const listener of this.#leadership) listener.resigned(partition, state.leaderEpoch);
    }
    this.#highWatermarkMoved(partition);
    return ErrorCode.NONE;
  }

  /** StopReplica: gives partitions up, and deletes their logs where the controller says so. */
  stopReplicas(request: StopReplicaRequest): Promise<PartitionErrors> {
    return this.#inTurn(async () => {
      if (this.isStaleController(request.controllerEpoch, request.controllerId, 'StopReplica')) {
        return { errorCode: ErrorCode.STALE_CONTROLLER_EPOCH, partitions: [] };
      }
      const partitions: { topic: string; partition: number; errorCode: ErrorCode }[] = [];
      for (const { topicName: topic, partitionStates } of request.topicStates) {
        for (const { partitionIndex, leaderEpoch, deletePartition } of partitionStates) {
          const errorCode = await this.#stop(topic, partitionIndex, leaderEpoch, deletePartition);
          partitions.push({ topic, partition: partitionIndex, errorCode });
        }
      }
      return { errorCode: ErrorCode.NONE, partitions };
    });
  }

  async #stop(topic: string, index: number, leaderEpoch: number, deletePartition: boolean): Promise<ErrorCode> {
    const partition = this.partition(topic, index);
    if (partition?.isOffline) return ErrorCode.KAFKA_STORAGE_ERROR;
    // -1: an old controller; -2: the topic is being deleted, whatever the epoch.
    if (partition && leaderEpoch >= 0 && leaderEpoch < partition.leaderEpoch) return ErrorCode.FENCED_LEADER_EPOCH;
    if (partition) {
      const byIndex = this.#partitions.get(topic);
      byIndex?.delete(index);
      if (byIndex?.size === 0) this.#partitions.delete(topic);
      const wasLeader = partition.isLeader;
      partition.leaderId = -1;
      if (wasLeader) for (const listener of this.#leadership) listener.resigned(partition, leaderEpoch);
      this.#highWatermarkMoved(partition);
    }
    if (deletePartition) {
      try {
        await this.#logManager.delete({ topic, partition: index });
      } catch (error) {
        this.#logger.error(`The log of ${partitionName({ topic, partition: index })} could not be deleted.`, { error });
        return ErrorCode.KAFKA_STORAGE_ERROR;
      }
    }
    return ErrorCode.NONE;
  }

  /** Whether a newer controller has spoken already; if not, this one is the newest now. */
  isStaleController(controllerEpoch: number, controllerId: number, what: string): boolean {
    if (controllerEpoch < this.#controllerEpoch) {
      this.#logger.warn(
        `${what} from controller ${controllerId} is refused: its epoch ${controllerEpoch} is older than ${this.#controllerEpoch}, the last one seen.`,
      );
      return true;
    }
    this.#controllerEpoch = controllerEpoch;
    return false;
  }

  #inTurn<T>(run: () => Promise<T>): Promise<T> {
    const turn = this.#controlQueue.then(run, run);
    this.#controlQueue = turn.catch(() => undefined);
    return turn;
  }
}
