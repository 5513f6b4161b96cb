import type { Timer } from '../io/clock';
import type { Io } from '../io/io';
import type { Logger } from '../logging/logger';
import { Limiter } from '../log/limiter';
import { eachLimited } from '../log/log-dir-loader';
import type { LogManager } from '../log/log-manager';
import { futureDirectoryName } from '../log/partition-directory';
import { partitionName, type TopicPartition } from '../log/topic-partition';
import { ErrorCode, errorName, KafkaError } from '../protocol/errors';
import type { LeaderAndIsrRequest } from '../protocol/messages/leader-and-isr';
import type { StopReplicaRequest } from '../protocol/messages/stop-replica';
import { type AlterPartitionManager, noAlterPartitions } from './alter-partition-manager';
import { AppendDeadline } from './append-deadline';
import {
  type AppendDone,
  type AppendParams,
  DelayedProduce,
  failedAppend,
  type PartitionAppend,
  type PartitionAppendResult,
} from './append';
import {
  DelayedDeleteRecords,
  type PendingDeletion,
  type RecordsDeletion,
  type RecordsDeletionResult,
  upToHighWatermark,
} from './delete-records';
import {
  DelayedFetch,
  type FetchDone,
  type FetchParams,
  type FetchSupport,
  type PartitionFetch,
  type PartitionFetchResult,
  readPartitions,
  releaseFetch,
} from './fetch';
import { isInternalTopic } from './internal-topics';
import type { MetadataCache } from './metadata-cache';
import { type LeaderAndIsrPartitionState, Partition, type PartitionEnvironment } from './partition';
import { type FollowedPartition, noFetchers, type PartitionFetchers } from './partition-fetchers';
import { Purgatory } from './purgatory';
import { ReplicaAlterLogDirsManager, type ReplicaAlterLogDirsOptions } from './replica-alter-log-dirs-manager';
import type { LeaderEndpoint } from './replica-fetcher-options';
import type { ClientMetadata, ReplicaSelector, ReplicaView } from './replica-selector';
import { type ReplicationThrottle, unlimitedReplication } from './replication-quota';

export interface ReplicaManagerOptions {
  readonly brokerId: number;
  /** replica.high.watermark.checkpoint.interval.ms */
  readonly highWatermarkCheckpointMs: number;
  /** min.insync.replicas of a topic, now. */
  readonly minInsyncReplicas: (topic: string) => number;
  /** replica.lag.time.max.ms @default 30000 */
  readonly replicaLagTimeMaxMs?: number;
  /** The listener that followers reach their leader on. @default PLAINTEXT */
  readonly interBrokerListenerName?: string;
  /** @default nobody is followed */
  readonly fetchers?: PartitionFetchers;
  /** @default the ISR stays as the controller gave it */
  readonly alterPartitions?: AlterPartitionManager;
  /** Chooses a replica for consumers. @default they read from the leader */
  readonly replicaSelector?: ReplicaSelector;
  /** What leaders give to followers that are throttled. @default no bound */
  readonly leaderQuota?: ReplicationThrottle;
  /** How replicas are moved between log directories. @default one at a time, without a bound */
  readonly alterLogDirs?: Partial<Omit<ReplicaAlterLogDirsOptions, 'progressed'>>;
  /** A log directory has failed while this broker runs: the controller is to be told. */
  readonly logDirFailed?: () => void;
}

/** How often what happened to the ISRs of this broker's partitions, since its start. */
export interface IsrCounts {
  expanded: number;
  shrunk: number;
  failed: number;
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

/** A role on its way to be taken. */
interface Role extends TopicPartition {
  readonly topicId: string;
  readonly state: LeaderAndIsrPartitionState;
  errorCode: ErrorCode;
  replica: Partition | undefined;
}

/** A replica is to be in another log directory of this broker. */
export interface LogDirMove extends TopicPartition {
  readonly logDir: string;
}

interface Stop extends TopicPartition {
  readonly leaderEpoch: number;
  readonly deletePartition: boolean;
  errorCode: ErrorCode;
}

/** Kafka's 16 zero bytes: no topic id. */
const zeroUuid = 'AAAAAAAAAAAAAAAAAAAAAA';
/** Longer than that no directory can be named. */
const longestDirectoryName = 255;
/** How long an append waits for a slow disk at least, milliseconds: Kafka's own has no bound. */
const leastAppendWaitMs = 1000;
/** Logs that are opened or made at once for one request. */
const mostOpenedAtOnce = 16;

/** The partitions that this broker holds, and everything that is done to them (Kafka's ReplicaManager). */
export class ReplicaManager {
  readonly #io: Io;
  readonly #logger: Logger;
  readonly #logManager: LogManager;
  readonly #metadata: MetadataCache;
  readonly #options: ReplicaManagerOptions;
  /** By topic, then by partition index. */
  readonly #partitions = new Map<string, Map<number, Partition>>();
  /** Replicas whose log directory failed before there was a Partition of them. */
  readonly #offline = new Set<string>();
  /** Followers whose leader's address is not known yet, with the epoch of their role. */
  readonly #withoutEndpoint = new Map<Partition, number>();
  readonly #leadership: LeadershipListener[] = [];
  readonly #fetches: Purgatory<Partition>;
  readonly #produces: Purgatory<Partition>;
  readonly #deletions: Purgatory<Partition>;
  readonly #quota: ReplicationThrottle;
  /** Looking for offsets by time reads files: so many partitions at once. */
  readonly offsetLookups = new Limiter(16);
  /** Converting records for old consumers needs memory: so many fetches at once. */
  readonly conversions = new Limiter(2);
  readonly #fetchers: PartitionFetchers;
  readonly #alterLogDirs: ReplicaAlterLogDirsManager;
  readonly #environment: PartitionEnvironment;
  readonly #support: FetchSupport;
  /** ISR changes since the start of the broker. */
  readonly isrCounts: IsrCounts = { expanded: 0, shrunk: 0, failed: 0 };
  #controllerEpoch = 0;
  /** The controller's requests are carried out one after the other. */
  #controlQueue: Promise<unknown> = Promise.resolve();
  /** What waits for directories that hang: by partition, the last of it. */
  readonly #postponed = new Map<string, Promise<void>>();
  readonly #timers = new Set<Timer>();
  #isClosed = false;
  #handsOver = false;

  constructor(io: Io, logger: Logger, logManager: LogManager, metadata: MetadataCache, options: ReplicaManagerOptions) {
    this.#io = io;
    this.#logger = logger.child('ReplicaManager');
    this.#logManager = logManager;
    this.#metadata = metadata;
    this.#options = options;
    this.#fetches = new Purgatory(io.clock);
    this.#produces = new Purgatory(io.clock);
    this.#deletions = new Purgatory(io.clock);
    this.#quota = options.leaderQuota ?? unlimitedReplication;
    this.#fetchers = options.fetchers ?? noFetchers;
    this.#alterLogDirs = new ReplicaAlterLogDirsManager(io, logger, logManager, {
      threads: 1,
      fetchMaxBytes: 1024 * 1024,
      fetchBackoffMs: 1000,
      quota: unlimitedReplication,
      ...options.alterLogDirs,
      progressed: (partition) => this.#deletions.checkAndComplete(partition),
    });
    this.#environment = {
      brokerId: options.brokerId,
      clock: io.clock,
      logger: logger.child('Partition'),
      alterPartitions: options.alterPartitions ?? noAlterPartitions,
      replicaLagTimeMaxMs: options.replicaLagTimeMaxMs ?? 30_000,
      minInsyncReplicas: options.minInsyncReplicas,
      isAlive: (brokerId) => metadata.brokers.has(brokerId),
      changed: (partition) => this.#changed(partition),
      isrChanged: (what) => this.isrCounts[what]++,
    };
    metadata.onUpdate(() => this.#metadataUpdated());
    this.#support = {
      failed: (partition, error) =>
        this.#logger.error(`Reading ${partitionName(partition)} failed unexpectedly.`, { error }),
      unlessHanging: (partition, read) => partition.log.directory.unlessHanging(read),
      // A follower in the ISR is never throttled: that would only make it leave.
      isThrottled: (partition, replicaId) =>
        this.#quota.isThrottled(partition) && this.#quota.isQuotaExceeded() && !partition.isr.includes(replicaId),
      preferredReadReplica: (partition, client, fetchOffset) =>
        this.#preferredReadReplica(partition, client, fetchOffset),
    };
  }

  get logManager(): LogManager {
    return this.#logManager;
  }

  /** Fetches that wait for data, produces and deletions that wait for followers. */
  get waiting(): { readonly fetches: number; readonly produces: number; readonly deletions: number } {
    return { fetches: this.#fetches.size, produces: this.#produces.size, deletions: this.#deletions.size };
  }

  start(): void {
    const { highWatermarkCheckpointMs } = this.#options;
    this.#every(highWatermarkCheckpointMs, () =>
      this.#logManager
        .checkpointHighWatermarks()
        .catch((error: unknown) => this.#logger.error('The high watermarks could not be written.', { error })),
    );
    // So a follower is in the ISR for up to one and a half times replica.lag.time.max.ms after it fell behind.
    this.#every(this.#environment.replicaLagTimeMaxMs / 2, () => {
      for (const partition of this.partitions()) partition.maybeShrinkIsr();
    });
  }

  #every(intervalMs: number, run: () => Promise<void> | void): void {
    if (this.#isClosed) return;
    const timer = this.#io.clock.timer(intervalMs, () => {
      this.#timers.delete(timer);
      const running = run();
      if (running) void running.then(() => this.#every(intervalMs, run));
      else this.#every(intervalMs, run);
    });
    this.#timers.add(timer);
  }

  /**
   * This broker is about to go, and hands its leaderships over: it does not begin to follow where it is not in the ISR.
   * A leader that saw it catch up would ask for it to be let in again, and let every acknowledgement wait for it until
   * the controller refuses that; an Apache leader goes on waiting even then, until it gets another record.
   */
  handOver(): void {
    this.#handsOver = true;
  }

  /** Follows nobody any more, answers everything that waits and writes the high watermarks; the logs stay open. */
  async shutdown(): Promise<void> {
    this.#isClosed = true;
    for (const timer of this.#timers) timer.cancel();
    await this.#logManager.unlessStuck(async () => {
      await this.#controlQueue;
      await Promise.all(this.#postponed.values());
      await this.#fetchers.shutdown();
      await this.#alterLogDirs.shutdown();
    });
    this.#environment.alterPartitions.close();
    this.#fetches.expireAll();
    this.#produces.expireAll();
    this.#deletions.expireAll();
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

  /** Partitions that this broker leads. */
  *leaders(): Iterable<Partition> {
    for (const partition of this.partitions()) if (partition.isLeader) yield partition;
  }

  /** Figures that the metrics of Kafka's ReplicaManager show. */
  get counts() {
    const counts = {
      partitions: 0,
      leaders: 0,
      offlineReplicas: this.#offline.size,
      underReplicated: 0,
      underMinIsr: 0,
      atMinIsr: 0,
      reassigning: 0,
    };
    for (const partition of this.partitions()) {
      counts.partitions++;
      if (partition.isOffline) counts.offlineReplicas++;
      if (!partition.isLeader) continue;
      counts.leaders++;
      if (partition.isUnderReplicated) counts.underReplicated++;
      if (partition.isUnderMinIsr) counts.underMinIsr++;
      if (partition.isAtMinIsr) counts.atMinIsr++;
      if (partition.isReassigning) counts.reassigning++;
    }
    return counts;
  }

  /** Partitions led here with a transaction to which nobody has written for longer than that, milliseconds. */
  partitionsWithLateTransactions(lateAfterMs: number): number {
    const wallMs = this.#io.clock.wallMs();
    let late = 0;
    for (const partition of this.partitions()) {
      if (partition.isLeader && partition.log.hasLateTransaction(wallMs, lateAfterMs)) late++;
    }
    return late;
  }

  /**
   * Their log directory has failed: they answer KAFKA_STORAGE_ERROR until this broker is restarted. The copies of
   * `futures` were on their way into it.
   */
  markOffline(partitions: readonly TopicPartition[], futures: readonly TopicPartition[] = []): void {
    void this.#fetchers.remove(partitions);
    void this.#alterLogDirs.remove([...partitions, ...futures]);
    for (const { topic, partition } of futures) {
      const moved = this.partition(topic, partition);
      if (moved) moved.futureLog = undefined;
    }
    for (const of of partitions) this.#markOffline(of);
    if (!this.#isClosed) this.#options.logDirFailed?.();
  }

  #markOffline(of: TopicPartition): void {
    const partition = this.partition(of.topic, of.partition);
    if (!partition) {
      this.#offline.add(partitionName(of));
      return;
    }
    const { isLeader, leaderEpoch } = partition;
    partition.isOffline = true;
    partition.giveUp();
    if (isLeader) for (const listener of this.#leadership) listener.resigned(partition, leaderEpoch);
    this.#changed(partition);
  }

  /** The partition, or what a client has to know about its absence here. */
  partitionOrError(topic: string, index: number): Partition | KafkaError {
    const partition = this.#partitions.get(topic)?.get(index);
    if (partition) return partition.isOffline ? new KafkaError(ErrorCode.KAFKA_STORAGE_ERROR) : partition;
    if (this.#offline.has(partitionName({ topic, partition: index }))) {
      return new KafkaError(ErrorCode.KAFKA_STORAGE_ERROR);
    }
    return this.#metadata.partition(topic, index)
      ? new KafkaError(ErrorCode.NOT_LEADER_OR_FOLLOWER)
      : new KafkaError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
  }

  /** The topic of that id, if this broker has a replica of it: it may hear of that before it hears of the topic. */
  topicName(topicId: string): string | undefined {
    for (const [topic, partitions] of this.#partitions) {
      for (const partition of partitions.values()) {
        if (partition.topicId === topicId) return topic;
        break;
      }
    }
    return undefined;
  }

  /** @throws KafkaError unless this broker leads the partition */
  leader(topic: string, index: number, currentLeaderEpoch = -1): Partition {
    const partition = this.partitionOrError(topic, index);
    if (partition instanceof KafkaError) throw partition;
    partition.requireLeader(currentLeaderEpoch);
    return partition;
  }

  /**
   * Appends to the leaders' logs; `done` is called once, in the same turn when no disk and no follower is waited for. What
   * a disk has not answered in time is REQUEST_TIMED_OUT; what had not begun by then is not written any more.
   */
  append(params: AppendParams, appends: readonly PartitionAppend[], done: AppendDone): void {
    const results: PartitionAppendResult[] = new Array<PartitionAppendResult>(appends.length);
    const partitions: (Partition | undefined)[] = new Array<Partition | undefined>(appends.length);
    const terms: number[] = new Array<number>(appends.length).fill(0);
    let pending = appends.length;
    let toAdvance: Partition[] = [];
    /** Readers do not wait for those whose disk is slow. */
    const advance = (): void => {
      const appended = toAdvance;
      toAdvance = [];
      for (const partition of appended) {
        if (partition.maybeIncrementHighWatermark()) this.#changed(partition);
        else this.#fetches.checkAndComplete(partition);
      }
    };
    let deadline: AppendDeadline | undefined = undefined;
    const finish = (inUse?: Promise<void>): void => {
      advance();
      const appended = partitions.filter((partition) => partition !== undefined);
      if (params.requiredAcks === -1 && appended.length > 0) {
        const leftMs = deadline?.end(params.timeoutMs) ?? params.timeoutMs;
        const answer = inUse === undefined ? done : (answered: typeof results) => done(answered, inUse);
        const produce = new DelayedProduce(leftMs, partitions, terms, results, answer as AppendDone);
        this.#produces.tryCompleteElseWatch(produce, appended);
      } else {
        deadline?.end(0);
        if (inUse === undefined) done(results);
        else done(results, inUse);
      }
    };
    if (pending === 0) {
      finish();
      return;
    }
    let isSameTurn = true;
    let takeBacks: (() => boolean)[] | undefined;
    for (let i = 0; i < appends.length; i++) {
      const { topic, partition: index, records, verificationGuard } = appends[i];
      try {
        const partition = this.#appendable(params, topic, index);
        terms[i] = partition.term;
        const options = partition.leaderAppend(params.origin, verificationGuard);
        const takeBack = partition.log.append(records, options, (error, info) => {
          if (deadline?.isOver) {
            if (info) {
              toAdvance.push(partition);
              advance();
            }
            deadline.settled();
            return;
          }
          if (info) {
            partitions[i] = partition;
            toAdvance.push(partition);
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
          else if (!isSameTurn) advance();
        });
        if (takeBack !== undefined) (takeBacks ??= []).push(takeBack);
      } catch (error) {
        results[i] = this.#refusal(topic, index, error);
        if (--pending === 0) finish();
      }
    }
    isSameTurn = false;
    advance();
    if (pending === 0) return;
    deadline = new AppendDeadline(this.#io.clock, Math.max(params.timeoutMs, leastAppendWaitMs), () => {
      const timedOut = failedAppend(ErrorCode.REQUEST_TIMED_OUT, 'The log directory has not answered in time');
      for (let i = 0; i < appends.length; i++) results[i] ??= { ...timedOut };
      for (const takeBack of takeBacks ?? []) if (takeBack()) pending--;
      finish(deadline?.unsettled(pending));
    });
  }

  #appendable(params: AppendParams, topic: string, index: number): Partition {
    if (isInternalTopic(topic) && !params.internalTopicsAllowed) {
      throw new KafkaError(ErrorCode.INVALID_TOPIC_EXCEPTION, `Cannot append to internal topic ${topic}`);
    }
    const partition = this.leader(topic, index);
    if (params.requiredAcks === -1) partition.requireEnoughReplicas();
    return partition;
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

  /** A follower's log has grown, was cut, or its high watermark has moved: consumers may wait for it. */
  followerAppended(partition: Partition): void {
    this.#fetches.checkAndComplete(partition);
  }

  #changed(partition: Partition): void {
    this.#produces.checkAndComplete(partition);
    this.#fetches.checkAndComplete(partition);
    this.#deletions.checkAndComplete(partition);
  }

  /** DeleteRecords: moves log start offsets up, and waits up to `timeoutMs` until the followers have, too. */
  deleteRecords(
    timeoutMs: number,
    deletions: readonly RecordsDeletion[],
    done: (results: readonly RecordsDeletionResult[]) => void,
  ): void {
    const pending: PendingDeletion[] = [];
    const results = deletions.map((deletion): RecordsDeletionResult => {
      const result: RecordsDeletionResult = { errorCode: ErrorCode.NONE, lowWatermark: -1 };
      try {
        const { partition, requiredOffset } = this.#deleteBefore(deletion);
        result.lowWatermark = partition.lowWatermark;
        if (partition.lowWatermark < requiredOffset) pending.push({ partition, requiredOffset, result });
      } catch (error) {
        if (!(error instanceof KafkaError)) {
          this.#logger.error(`Deleting records of ${partitionName(deletion)} failed unexpectedly.`, { error });
        }
        result.errorCode = error instanceof KafkaError ? error.code : ErrorCode.UNKNOWN_SERVER_ERROR;
      }
      return result;
    });
    this.#deletions.tryCompleteElseWatch(
      new DelayedDeleteRecords(timeoutMs, pending, () => done(results)),
      pending.map(({ partition }) => partition),
    );
  }

  #deleteBefore({ topic, partition: index, offset }: RecordsDeletion): Omit<PendingDeletion, 'result'> {
    if (isInternalTopic(topic)) throw new KafkaError(ErrorCode.INVALID_TOPIC_EXCEPTION);
    const partition = this.leader(topic, index);
    const { log } = partition;
    if (!log.config.cleanupDelete) {
      throw new KafkaError(
        ErrorCode.POLICY_VIOLATION,
        `Records of ${topic} cannot be deleted: its cleanup.policy has no delete`,
      );
    }
    const requiredOffset = offset === upToHighWatermark ? log.highWatermark : offset;
    if (requiredOffset < 0) throw new KafkaError(ErrorCode.OFFSET_OUT_OF_RANGE);
    log.maybeIncrementLogStartOffset(requiredOffset);
    return { partition, requiredOffset };
  }

  /**
   * Reads; waits up to `maxWaitMs` for `minBytes` unless a partition answers with an error, or with where to go. One
   * that nobody knows is no reason to hurry as long as there are others: it would make its consumer's every fetch
   * return at once.
   */
  fetch(params: FetchParams, wanted: readonly PartitionFetch[], answer: FetchDone): void {
    const done: FetchDone = params.replicaId < 0 ? answer : (results) => answer(this.#counted(wanted, results));
    readPartitions(params, wanted, this.#support, true, (results) => {
      let bytes = 0;
      let isUrgent = false;
      let unknown = 0;
      for (const { errorCode, data, divergingEpoch, preferredReadReplica } of results) {
        if (data) bytes += data.sizeInBytes;
        if (divergingEpoch || preferredReadReplica !== undefined) isUrgent = true;
        if (errorCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION || errorCode === ErrorCode.UNKNOWN_TOPIC_ID) unknown++;
        else if (errorCode !== ErrorCode.NONE) isUrgent = true;
      }
      if (isUrgent || bytes >= params.minBytes || params.maxWaitMs <= 0 || unknown === wanted.length) {
        done(results);
        return;
      }
      releaseFetch(results);
      const watched = wanted.map(({ partition }) => partition).filter((partition) => partition instanceof Partition);
      this.#fetches.tryCompleteElseWatch(new DelayedFetch(params, wanted, results, this.#support, done), watched);
    });
  }

  /** What a follower gets of throttled partitions counts, whether it is in sync or not. */
  #counted(
    wanted: readonly PartitionFetch[],
    results: readonly PartitionFetchResult[],
  ): readonly PartitionFetchResult[] {
    let bytes = 0;
    for (let i = 0; i < results.length; i++) {
      const { partition } = wanted[i];
      if (partition instanceof Partition && this.#quota.isThrottled(partition)) {
        bytes += results[i].data?.sizeInBytes ?? 0;
      }
    }
    this.#quota.record(bytes);
    return results;
  }

  #preferredReadReplica(partition: Partition, client: ClientMetadata, fetchOffset: number): number | undefined {
    const { replicaSelector, brokerId } = this.#options;
    if (!replicaSelector) return undefined;
    const nowMs = this.#io.clock.monotonicMs();
    const view = (id: number, logEndOffset: number, timeSinceLastCaughtUpMs: number): ReplicaView => {
      const live = this.#metadata.brokers.get(id);
      const isReachable = live?.endpoints.has(client.listenerName) ?? false;
      const rack = isReachable ? (live?.rack ?? null) : null;
      return { brokerId: id, isReachable, rack, logEndOffset, timeSinceLastCaughtUpMs };
    };
    const leader = view(brokerId, partition.log.logEndOffset, 0);
    const replicas = [leader];
    const { isr } = partition;
    for (const replica of partition.remoteReplicas) {
      // One that is out of sync may fall ever farther behind, and its readers with it.
      const hasOffset = replica.logEndOffset >= fetchOffset && replica.logStartOffset <= fetchOffset;
      if (!hasOffset || !isr.includes(replica.brokerId)) continue;
      replicas.push(view(replica.brokerId, replica.logEndOffset, nowMs - replica.lastCaughtUpTimeMs));
    }
    const chosen = replicaSelector.select(client, replicas, leader);
    return chosen && chosen !== leader && chosen.isReachable ? chosen.brokerId : undefined;
  }

  // --- the controller's requests ---

  /** LeaderAndIsr: takes on the roles that the controller gives. */
  becomeLeaderOrFollower(request: LeaderAndIsrRequest): Promise<PartitionErrors> {
    return this.#inTurn(async () => {
      if (this.isStaleController(request.controllerEpoch, request.controllerId, 'LeaderAndIsr')) {
        return { errorCode: ErrorCode.STALE_CONTROLLER_EPOCH, partitions: [] };
      }
      const roles: Role[] = request.topicStates.flatMap(({ topicName: topic, topicId, partitionStates }) =>
        partitionStates.map((state) => ({
          ...{ topic, partition: state.partitionIndex, topicId, state },
          ...{ errorCode: ErrorCode.NONE, replica: undefined },
        })),
      );
      await this.#whereDisksAnswer(roles, (answering) => this.#takeOn(answering, request));
      return {
        errorCode: ErrorCode.NONE,
        partitions: roles.map(({ topic, partition, errorCode }) => ({ topic, partition, errorCode })),
      };
    });
  }

  async #takeOn(roles: readonly Role[], { isKRaftController, liveLeaders }: LeaderAndIsrRequest): Promise<void> {
    await eachLimited(roles, mostOpenedAtOnce, async (role) => {
      role.errorCode = await this.#openReplica(role, isKRaftController);
    });
    const accepted = roles.filter(({ errorCode, replica }) => errorCode === ErrorCode.NONE && replica);
    const { brokerId } = this.#options;
    await this.#makeLeaders(accepted.filter(({ state }) => state.leader === brokerId));
    await this.#makeFollowers(
      accepted.filter(({ state }) => state.leader !== brokerId),
      liveLeaders,
    );
    for (const { replica } of accepted) if (replica) await this.#goOnMoving(replica);
  }

  /**
   * Does what the controller wants of these partitions. Where a log directory hangs it is done when that answers, in its
   * order, and the controller is told that it is done: neither its other requests nor other partitions wait for it.
   */
  async #whereDisksAnswer<T extends TopicPartition>(
    wanted: readonly T[],
    work: (part: readonly T[]) => Promise<void>,
  ): Promise<void> {
    // Each directory by itself: one that begins to hang meanwhile has none of the others wait.
    const groups = Map.groupBy(wanted, (each) => this.#logManager.get(each)?.logDir);
    const done = await Promise.allSettled([...groups.values()].map((group) => this.#whereDiskAnswers(group, work)));
    // Not before the last is done: what comes next may be about the same partitions.
    for (const each of done) if (each.status === 'rejected') throw each.reason;
  }

  async #whereDiskAnswers<T extends TopicPartition>(
    wanted: readonly T[],
    work: (part: readonly T[]) => Promise<void>,
  ): Promise<void> {
    const { later = [], now = [] } = Object.groupBy(wanted, (each) => (this.#waitsForDisk(each) ? 'later' : 'now'));
    if (later.length > 0) this.#postpone(later, () => work(later));
    if (now.length === 0) return;
    const working = work(now);
    if (!(await this.#logManager.unlessHanging(working))) this.#postpone(now, () => working);
  }

  #waitsForDisk(of: TopicPartition): boolean {
    const name = partitionName(of);
    // The controller finds out from the answer that the directory has failed; and nothing is done there.
    if (this.partition(of.topic, of.partition)?.isOffline || this.#offline.has(name)) return false;
    return this.#postponed.has(name) || this.#logManager.get(of)?.directory.hangs === true;
  }

  /** `work` begins when what was postponed before for any of the partitions is done. */
  #postpone(partitions: readonly TopicPartition[], work: () => Promise<void>): void {
    const names = partitions.map(partitionName);
    const before = new Set(names.map((name) => this.#postponed.get(name)));
    this.#logger.warn(
      `What is wanted of ${names.length} partitions is done when a log directory answers: ${names.slice(0, 10).join(', ')}.`,
    );
    const done: Promise<void> = Promise.all(before)
      .then(work)
      .catch((error: unknown) => this.#logger.error('What was postponed for a log directory failed.', { error }))
      .finally(() => {
        for (const name of names) if (this.#postponed.get(name) === done) this.#postponed.delete(name);
      });
    for (const name of names) this.#postponed.set(name, done);
  }

  /** Whether the role may be taken; gives it its partition then, with the log, which is made if need be. */
  async #openReplica(role: Role, isKRaftController: boolean): Promise<ErrorCode> {
    const { topic, state } = role;
    const index = state.partitionIndex;
    const name = partitionName({ topic, partition: index });
    const topicId = role.topicId === zeroUuid ? undefined : role.topicId;
    let partition = this.partition(topic, index);
    if (partition?.isOffline || this.#offline.has(name)) return ErrorCode.KAFKA_STORAGE_ERROR;
    if (partition?.topicId !== undefined && topicId !== undefined && partition.topicId !== topicId) {
      this.#logger.error(
        `The controller names ${name} with topic id ${topicId}, but this broker's log has ${partition.topicId}: ignored.`,
      );
      return ErrorCode.INCONSISTENT_TOPIC_ID;
    }
    if (partition && state.leaderEpoch < partition.leaderEpoch) return ErrorCode.STALE_CONTROLLER_EPOCH;
    if (partition && state.leaderEpoch === partition.leaderEpoch && !isKRaftController) {
      // A role that is held already. Only a topic id may be new: the cluster had none before.
      if (partition.topicId !== undefined || topicId === undefined) return ErrorCode.STALE_CONTROLLER_EPOCH;
      try {
        await partition.log.assignTopicId(topicId);
        return ErrorCode.NONE;
      } catch (error) {
        return this.#openFailed(partition, error);
      }
    }
    if (!state.replicas.includes(this.#options.brokerId)) {
      this.#logger.warn(
        `The controller gives a role in ${name}, but its replicas [${state.replicas.join(',')}] are others: ignored.`,
      );
      return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
    }
    try {
      if (!partition) {
        const of = { topic, partition: index };
        // It may lie in a directory that has failed: a new, empty one would be taken for what it was.
        if (!state.isNew && !this.#logManager.get(of) && this.#logManager.offlineLogDirs.length > 0) {
          throw new KafkaError(
            ErrorCode.KAFKA_STORAGE_ERROR,
            `it may be in a log directory that is offline: ${this.#logManager.offlineLogDirs.join(', ')}`,
          );
        }
        const log = await this.#logManager.getOrCreate(of, topicId);
        partition = new Partition(topic, index, log, this.#environment);
        const byIndex = this.#partitions.get(topic);
        if (byIndex) byIndex.set(index, partition);
        else this.#partitions.set(topic, new Map([[index, partition]]));
      } else if (topicId !== undefined) {
        await partition.log.assignTopicId(topicId);
      }
    } catch (error) {
      return this.#openFailed({ topic, partition: index }, error);
    }
    role.replica = partition;
    return ErrorCode.NONE;
  }

  #openFailed(of: TopicPartition, error: unknown): ErrorCode {
    const code = error instanceof KafkaError ? error.code : ErrorCode.KAFKA_STORAGE_ERROR;
    const isOffline = code === ErrorCode.KAFKA_STORAGE_ERROR;
    this.#logger.error(
      `The log of ${partitionName(of)} cannot be used${isOffline ? ': its replica is offline' : ''}.`,
      {
        error,
      },
    );
    if (isOffline) this.#markOffline(of);
    return code;
  }

  async #makeLeaders(roles: readonly Role[]): Promise<void> {
    if (roles.length === 0) return;
    await this.#fetchers.remove(roles.map(({ replica }) => replica!));
    await Promise.all(
      roles.map(async (role) => {
        const partition = role.replica!;
        try {
          const isNewLeader = await partition.log.between(() => partition.makeLeader(role.state));
          if (isNewLeader) for (const listener of this.#leadership) listener.becameLeader(partition);
          this.#changed(partition);
        } catch (error) {
          role.errorCode = this.#openFailed(partition, error);
        }
      }),
    );
  }

  async #makeFollowers(roles: readonly Role[], liveLeaders: LeaderAndIsrRequest['liveLeaders']): Promise<void> {
    const followed: {
      readonly partition: Partition;
      readonly leader: LeaderEndpoint | undefined;
      readonly isLeft: boolean;
    }[] = [];
    for (const { replica: partition, state } of roles) {
      if (!partition) continue;
      const wasLeader = partition.isLeader;
      if (!partition.makeFollower(state)) continue;
      const isLeft = this.#handsOver && !state.isr.includes(this.#options.brokerId);
      followed.push({ partition, leader: this.#endpointOf(state.leader, liveLeaders), isLeft });
      if (wasLeader) for (const listener of this.#leadership) listener.resigned(partition, state.leaderEpoch);
      this.#changed(partition);
    }
    if (followed.length === 0) return;
    await this.#fetchers.remove(followed.map(({ partition }) => partition));
    // Appends of the time as leader that still wait are refused first: the log must not grow under a fetcher.
    await Promise.all(followed.map(({ partition }) => partition.log.between(() => undefined).catch(() => undefined)));
    if (this.#isClosed) return;
    const reachable: FollowedPartition[] = [];
    for (const { partition, leader, isLeft } of followed) {
      if (partition.isGone || isLeft) continue;
      if (leader) {
        reachable.push({ partition, leader });
      } else if (partition.leaderId >= 0) {
        this.#logger.warn(
          `${partitionName(partition)} is to follow broker ${partition.leaderId}, of which nothing is known yet: it begins when the controller tells.`,
        );
        this.#withoutEndpoint.set(partition, partition.leaderEpoch);
      }
    }
    if (reachable.length > 0) this.#fetchers.add(reachable);
  }

  /** The controller may tell of a leader before it tells where that is. */
  #metadataUpdated(): void {
    if (this.#withoutEndpoint.size === 0 || this.#isClosed) return;
    const reachable: FollowedPartition[] = [];
    for (const [partition, leaderEpoch] of this.#withoutEndpoint) {
      const leader = this.#endpointOf(partition.leaderId, []);
      const isCurrent = partition.leaderEpoch === leaderEpoch && !partition.isGone;
      if (isCurrent && !leader) continue;
      this.#withoutEndpoint.delete(partition);
      if (isCurrent && leader) reachable.push({ partition, leader });
    }
    if (reachable.length > 0) this.#fetchers.add(reachable);
  }

  #endpointOf(id: number, liveLeaders: LeaderAndIsrRequest['liveLeaders']): LeaderEndpoint | undefined {
    const listener = this.#options.interBrokerListenerName ?? 'PLAINTEXT';
    const known = this.#metadata.brokers.get(id)?.endpoints.get(listener);
    if (known) return { id, host: known.host, port: known.port };
    const named = liveLeaders.find(({ brokerId }) => brokerId === id);
    return named && { id, host: named.hostName, port: named.port };
  }

  /** What a broker before this start has begun to move. */
  async #goOnMoving(partition: Partition): Promise<void> {
    partition.futureLog ??= this.#logManager.future(partition);
    if (!partition.futureLog || partition.isGone) return;
    await this.#logManager.pauseCleaning(partition);
    this.#alterLogDirs.add(partition);
  }

  /**
   * AlterReplicaLogDirs: begins to move replicas into other log directories of this broker; a move into another one, or
   * back to where the replica is, takes the place of one that is under way. Where there is no replica, the directory is
   * kept in mind for when it is made. Returns the errors in the order of the moves.
   */
  alterReplicaLogDirs(moves: readonly LogDirMove[]): Promise<ErrorCode[]> {
    return this.#inTurn(async () => {
      const errors: ErrorCode[] = [];
      for (const move of moves) {
        try {
          const moving = this.#alterReplicaLogDir(move);
          if (!(await this.#logManager.unlessHanging(moving))) {
            this.#postpone([move], () => moving);
            throw new KafkaError(ErrorCode.KAFKA_STORAGE_ERROR, 'it begins when a log directory answers');
          }
          errors.push(ErrorCode.NONE);
        } catch (error) {
          const { topic, partition, logDir } = move;
          const code = error instanceof KafkaError ? error.code : ErrorCode.UNKNOWN_SERVER_ERROR;
          this.#logger.warn(`${topic}-${partition} is not moved to ${logDir}: ${errorName(code)}.`, { error });
          // As clients of before that name know it.
          errors.push(code === ErrorCode.NOT_LEADER_OR_FOLLOWER ? ErrorCode.REPLICA_NOT_AVAILABLE : code);
        }
      }
      return errors;
    });
  }

  async #alterReplicaLogDir(move: LogDirMove): Promise<void> {
    const { logDir } = move;
    if (futureDirectoryName(move, this.#io.random).length > longestDirectoryName) {
      throw new KafkaError(ErrorCode.INVALID_TOPIC_EXCEPTION, `the name of ${move.topic} is too long to be moved`);
    }
    this.#logManager.requireLogDir(logDir);
    if (this.#waitsForDisk(move)) {
      throw new KafkaError(
        ErrorCode.KAFKA_STORAGE_ERROR,
        `the log directory of ${partitionName(move)} does not answer`,
      );
    }
    const partition = this.partitionOrError(move.topic, move.partition);
    if (partition instanceof KafkaError) {
      if (partition.code !== ErrorCode.KAFKA_STORAGE_ERROR) this.#logManager.preferLogDir(move, logDir);
      throw partition;
    }
    if (partition.futureLog && partition.futureLog.logDir !== logDir) {
      await this.#alterLogDirs.remove([partition]);
      partition.futureLog = undefined;
      await this.#logManager.deleteFuture(partition);
    }
    if (partition.futureLog || partition.log.logDir === logDir) return;
    partition.futureLog = await this.#logManager.createFuture(partition, logDir);
    this.#alterLogDirs.add(partition);
  }

  /** StopReplica: follows nobody in these partitions any more, and deletes their logs where the controller says so. */
  stopReplicas(request: StopReplicaRequest): Promise<PartitionErrors> {
    return this.#inTurn(async () => {
      if (this.isStaleController(request.controllerEpoch, request.controllerId, 'StopReplica')) {
        return { errorCode: ErrorCode.STALE_CONTROLLER_EPOCH, partitions: [] };
      }
      const stops: Stop[] = request.topicStates.flatMap(({ topicName: topic, partitionStates }) =>
        partitionStates.map(({ partitionIndex: partition, leaderEpoch, deletePartition }) => ({
          topic,
          partition,
          leaderEpoch,
          deletePartition,
          errorCode: this.#mayStop(topic, partition, leaderEpoch),
        })),
      );
      const accepted = stops.filter(({ errorCode }) => errorCode === ErrorCode.NONE);
      await this.#whereDisksAnswer(accepted, async (answering) => {
        // Again: a role that was postponed may have been taken meanwhile.
        for (const stop of answering) stop.errorCode = this.#mayStop(stop.topic, stop.partition, stop.leaderEpoch);
        const stopped = answering.filter(({ errorCode }) => errorCode === ErrorCode.NONE);
        await this.#fetchers.remove(stopped);
        await this.#alterLogDirs.remove(stopped.filter(({ deletePartition }) => deletePartition));
        for (const stop of stopped) stop.errorCode = await this.#stop(stop);
      });
      return { errorCode: ErrorCode.NONE, partitions: stops };
    });
  }

  #mayStop(topic: string, index: number, leaderEpoch: number): ErrorCode {
    const partition = this.partition(topic, index);
    if (partition?.isOffline || this.#offline.has(partitionName({ topic, partition: index }))) {
      return ErrorCode.KAFKA_STORAGE_ERROR;
    }
    // -1: an old controller; -2: the topic is being deleted, whatever the epoch.
    const isOld = partition && leaderEpoch >= 0 && leaderEpoch < partition.leaderEpoch;
    return isOld ? ErrorCode.FENCED_LEADER_EPOCH : ErrorCode.NONE;
  }

  async #stop({ topic, partition: index, leaderEpoch, deletePartition }: Stop): Promise<ErrorCode> {
    const partition = this.partition(topic, index);
    // Without a deletion the role stays as it is, until the controller gives another one.
    if (partition && deletePartition) {
      const wasLeader = partition.isLeader;
      const byIndex = this.#partitions.get(topic);
      byIndex?.delete(index);
      if (byIndex?.size === 0) this.#partitions.delete(topic);
      partition.giveUp();
      if (wasLeader) for (const listener of this.#leadership) listener.resigned(partition, leaderEpoch);
      this.#changed(partition);
    }
    if (!deletePartition) return ErrorCode.NONE;
    try {
      await this.#logManager.delete({ topic, partition: index });
      await this.#logManager.deleteFuture({ topic, partition: index });
      return ErrorCode.NONE;
    } catch (error) {
      this.#logger.error(`The log of ${partitionName({ topic, partition: index })} could not be deleted.`, { error });
      return ErrorCode.KAFKA_STORAGE_ERROR;
    }
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
