import type { Clock } from '../io/clock';
import type { AbortedTransaction, FetchData } from '../log/fetch-data';
import type { Log } from '../log/log';
import type { AppendOptions } from '../log/log-append';
import { messageOffsetOnly, type LogOffsetMetadata } from '../log/log-offset-metadata';
import type { MaybePromise } from '../log/maybe-promise';
import { partitionName, type TopicPartition } from '../log/topic-partition';
import type { VerificationGuard } from '../log/verification-state-entry';
import type { Logger } from '../logging/logger';
import { ErrorCode, errorName, KafkaError } from '../protocol/errors';
import type { LeaderAndIsrRequest } from '../protocol/messages/leader-and-isr';
import type { AlterPartitionManager } from './alter-partition-manager';
import type { FetchParams, PartitionFetch } from './fetch';
import {
  committed,
  type CommittedIsr,
  isrOf,
  type IsrState,
  type LeaderAndIsr,
  maximalIsrOf,
  type PendingIsr,
} from './isr-state';
import { Replica } from './replica';

/** A role, as a LeaderAndIsr request gives it. */
export type LeaderAndIsrPartitionState = LeaderAndIsrRequest['topicStates'][number]['partitionStates'][number];

/** What all partitions of a broker share. */
export interface PartitionEnvironment {
  readonly brokerId: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly alterPartitions: AlterPartitionManager;
  /** replica.lag.time.max.ms */
  readonly replicaLagTimeMaxMs: number;
  /** min.insync.replicas of a topic, now. */
  minInsyncReplicas(topic: string): number;
  /** Whether the controller counts the broker among the living. */
  isAlive(brokerId: number): boolean;
  /** The high watermark, the role or the low watermark changed: who waits for that may go on. */
  changed(partition: Partition): void;
  /** What became of a change of the ISR. */
  isrChanged(what: 'expanded' | 'shrunk' | 'failed'): void;
}

/** Where the follower's history parts from this log's: the end of the largest epoch that both may have (KIP-595). */
export interface DivergingEpoch {
  readonly epoch: number;
  readonly endOffset: number;
}

/** What a read found, and where the log was when it began. */
export interface LogReadInfo {
  readonly data: FetchData;
  readonly divergingEpoch: DivergingEpoch | undefined;
  readonly highWatermark: number;
  readonly logStartOffset: number;
  readonly lastStableOffset: number;
}

const noIsr = committed([], 0);
const notAborted: readonly AbortedTransaction[] = [];
/** Pause before a proposal is made again that failed for no reason that is known, milliseconds. */
const retryMs = 50;

/**
 * A partition that this broker holds a replica of (Kafka's Partition): its role, as the controller gave it, over its
 * log; as leader also what it knows of its followers, the ISR and the high watermark.
 */
export class Partition implements TopicPartition {
  /** -1: none. */
  leaderId = -1;
  leaderEpoch = -1;
  /** Version of the partition's state in ZooKeeper. */
  partitionEpoch = -1;
  /** The controller that gave the role. */
  controllerEpoch = -1;
  replicas: readonly number[] = [];
  addingReplicas: readonly number[] = [];
  removingReplicas: readonly number[] = [];
  /** Its log directory has failed. */
  isOffline = false;
  /** The replica was taken away from this broker: this object stands for nothing any more. */
  isGone = false;
  /** Where this broker's leadership began in the log; -1 while it does not lead. */
  leaderEpochStartOffset = -1;
  /** How often this broker has become the leader: epochs in which it stays that are of one term. */
  term = 0;
  /** The copy that is being made in another log directory; later it is the log. */
  futureLog: Log | undefined;
  #log: Log;
  readonly #environment: PartitionEnvironment;
  readonly #logger: Logger;
  #isr: IsrState = noIsr;
  /** The followers, while this broker leads. */
  #remotes: readonly Replica[] = [];
  /** An append that waited takes the epoch of the time at which it is done. */
  readonly #leaderAppends: Readonly<Record<'client' | 'coordinator', AppendOptions>>;

  constructor(
    readonly topic: string,
    readonly partition: number,
    log: Log,
    environment: PartitionEnvironment,
  ) {
    this.#log = log;
    this.#environment = environment;
    this.#logger = environment.logger;
    const epoch = (): number => {
      if (!this.isLeader) throw new KafkaError(ErrorCode.NOT_LEADER_OR_FOLLOWER);
      return this.leaderEpoch;
    };
    const options = (origin: AppendOptions['origin']): AppendOptions => ({
      origin,
      get leaderEpoch() {
        return epoch();
      },
    });
    this.#leaderAppends = { client: options('client'), coordinator: options('coordinator') };
  }

  /** Changes when the partition moves to another log directory: not to be kept beyond a turn. */
  get log(): Log {
    return this.#log;
  }

  /** The copy has taken the log's place. Where offsets lie in the old one's segments means nothing in the new one. */
  movedTo(log: Log): void {
    this.#log = log;
    this.futureLog = undefined;
    for (const replica of this.#remotes) replica.endOffset = messageOffsetOnly(replica.logEndOffset);
    this.#environment.changed(this);
  }

  get topicId(): string | undefined {
    return this.log.topicId;
  }

  get isLeader(): boolean {
    return this.leaderId === this.#environment.brokerId && !this.isOffline;
  }

  /** Those that are written down as in sync; empty while this broker does not lead. */
  get isr(): readonly number[] {
    return isrOf(this.#isr);
  }

  /** Those that may be in sync, whatever becomes of a proposal that is under way. */
  get maximalIsr(): readonly number[] {
    return maximalIsrOf(this.#isr);
  }

  get isrState(): IsrState {
    return this.#isr;
  }

  get remoteReplicas(): readonly Replica[] {
    return this.#remotes;
  }

  replica(brokerId: number): Replica | undefined {
    for (const replica of this.#remotes) if (replica.brokerId === brokerId) return replica;
    return undefined;
  }

  get isReassigning(): boolean {
    return this.addingReplicas.length > 0 || this.removingReplicas.length > 0;
  }

  get isUnderReplicated(): boolean {
    if (!this.isLeader) return false;
    const wanted = this.replicas.filter((id) => !this.addingReplicas.includes(id)).length;
    return this.isr.length < wanted;
  }

  /** min.insync.replicas, but no more than there are replicas. */
  get effectiveMinIsr(): number {
    const replicas = this.#remotes.length + 1;
    return replicas === 1 ? 1 : Math.min(this.#environment.minInsyncReplicas(this.topic), replicas);
  }

  get isUnderMinIsr(): boolean {
    return this.isLeader && this.isr.length < this.effectiveMinIsr;
  }

  get isAtMinIsr(): boolean {
    return this.isLeader && this.isr.length === this.effectiveMinIsr;
  }

  // --- roles ---

  /**
   * This broker leads from now on, in the epoch of `state`. Nothing else may be changing the log meanwhile.
   * @returns whether it did not lead before
   */
  makeLeader(state: LeaderAndIsrPartitionState): boolean {
    if (state.partitionEpoch < this.partitionEpoch) {
      this.#logger.info(
        `The role of ${partitionName(this)} with partition epoch ${state.partitionEpoch} is passed over: ${this.partitionEpoch} is known.`,
      );
      return false;
    }
    const { log } = this;
    const nowMs = this.#environment.clock.monotonicMs();
    const isNewLeader = !this.isLeader;
    const isNewEpoch = state.leaderEpoch > this.leaderEpoch;
    this.controllerEpoch = state.controllerEpoch;
    this.#assign(state);
    this.#setRemotes(state.replicas);
    // A leader that was elected out of sync has nothing to recover: its log is what there is.
    this.#isr = committed(state.isr, 0);
    if (isNewEpoch) {
      this.leaderEpochStartOffset = log.logEndOffset;
      // Followers may have records of later epochs than any record here: they must find out where to cut.
      log.assignEpochStartOffset(state.leaderEpoch, log.logEndOffset);
      for (const replica of this.#remotes) {
        replica.reset(nowMs, log.logEndOffset, isNewLeader, state.isr.includes(replica.brokerId));
      }
      this.leaderEpoch = state.leaderEpoch;
      this.#logger.info(
        `Leader of ${partitionName(this)} in epoch ${state.leaderEpoch} from offset ${log.logEndOffset} on, high watermark ${log.highWatermark}, ISR [${state.isr.join(',')}] of [${state.replicas.join(',')}].`,
      );
    }
    this.partitionEpoch = state.partitionEpoch;
    this.leaderId = this.#environment.brokerId;
    if (isNewLeader) this.term++;
    // The ISR may have become this broker alone.
    this.maybeIncrementHighWatermark();
    return isNewLeader;
  }

  /**
   * This broker follows `state.leader` from now on (-1: nobody).
   * @returns whether the leader epoch is a new one: then fetching begins anew
   */
  makeFollower(state: LeaderAndIsrPartitionState): boolean {
    if (state.partitionEpoch < this.partitionEpoch) {
      this.#logger.info(
        `The role of ${partitionName(this)} with partition epoch ${state.partitionEpoch} is passed over: ${this.partitionEpoch} is known.`,
      );
      return false;
    }
    const isNewEpoch = state.leaderEpoch > this.leaderEpoch;
    this.controllerEpoch = state.controllerEpoch;
    this.leaderId = state.leader;
    this.leaderEpoch = state.leaderEpoch;
    this.leaderEpochStartOffset = -1;
    this.partitionEpoch = state.partitionEpoch;
    this.#assign(state);
    this.#remotes = [];
    this.#isr = committed([], state.leaderRecoveryState);
    if (isNewEpoch) {
      this.#logger.info(
        `Follower of ${partitionName(this)} in epoch ${state.leaderEpoch}, of broker ${state.leader}; the log ends at ${this.log.logEndOffset}, high watermark ${this.log.highWatermark}.`,
      );
    }
    return isNewEpoch;
  }

  /** The replica is taken away from this broker, or its directory has failed (`isOffline`): it has no role any more. */
  giveUp(): void {
    this.isGone = true;
    this.futureLog = undefined;
    this.leaderId = -1;
    this.leaderEpochStartOffset = -1;
    this.#remotes = [];
    this.#isr = noIsr;
    this.addingReplicas = [];
    this.removingReplicas = [];
  }

  #assign({ replicas, addingReplicas, removingReplicas }: LeaderAndIsrPartitionState): void {
    this.replicas = replicas;
    this.addingReplicas = addingReplicas;
    this.removingReplicas = removingReplicas;
  }

  #setRemotes(replicas: readonly number[]): void {
    this.#remotes = replicas
      .filter((id) => id !== this.#environment.brokerId)
      .map((id) => this.replica(id) ?? new Replica(id));
  }

  /** @throws KafkaError unless this broker leads the partition in the epoch that the client believes in (-1: any) */
  requireLeader(currentLeaderEpoch: number): void {
    this.requireReplica(currentLeaderEpoch);
    if (!this.isLeader) throw new KafkaError(ErrorCode.NOT_LEADER_OR_FOLLOWER);
  }

  /** The same for any replica, be it the leader or not. */
  requireReplica(currentLeaderEpoch: number): void {
    if (this.isOffline) throw new KafkaError(ErrorCode.KAFKA_STORAGE_ERROR);
    if (this.isGone || this.leaderEpoch < 0) throw new KafkaError(ErrorCode.NOT_LEADER_OR_FOLLOWER);
    if (currentLeaderEpoch === -1 || currentLeaderEpoch === this.leaderEpoch) return;
    throw new KafkaError(
      currentLeaderEpoch < this.leaderEpoch ? ErrorCode.FENCED_LEADER_EPOCH : ErrorCode.UNKNOWN_LEADER_EPOCH,
    );
  }

  // --- append ---

  /** How a leader appends; refuses with NOT_LEADER_OR_FOLLOWER what waited until this broker led no more. */
  leaderAppend(origin: 'client' | 'coordinator', verificationGuard?: VerificationGuard): AppendOptions {
    const options = this.#leaderAppends[origin];
    if (verificationGuard === undefined) return options;
    return {
      origin,
      verificationGuard,
      get leaderEpoch() {
        return options.leaderEpoch;
      },
    };
  }

  /** @throws KafkaError NOT_ENOUGH_REPLICAS: what all in-sync replicas are to have would not be safe */
  requireEnoughReplicas(): void {
    const { isr, effectiveMinIsr } = this;
    if (isr.length >= effectiveMinIsr) return;
    throw new KafkaError(
      ErrorCode.NOT_ENOUGH_REPLICAS,
      `The size of the current ISR [${isr.join(',')}] is insufficient to satisfy the min.isr requirement of ${effectiveMinIsr} for partition ${partitionName(this)}`,
    );
  }

  /** Whether what was appended is safe enough now that the high watermark has passed it. */
  get hasEnoughReplicas(): boolean {
    return this.maximalIsr.length >= this.effectiveMinIsr;
  }

  // --- high watermark ---

  /**
   * Moves the high watermark up to what every replica has that may be in sync, or that is caught up and may join: else
   * a follower could chase it for ever. Below min.insync.replicas it stays. Returns whether it moved.
   */
  maybeIncrementHighWatermark(): boolean {
    if (!this.isLeader) return false;
    const { log } = this;
    let end = log.logEndOffsetMetadata;
    const remotes = this.#remotes;
    if (remotes.length > 0) {
      if (this.isUnderMinIsr) return false;
      const leaderEnd = end.messageOffset;
      const isr = this.maximalIsr;
      for (const replica of remotes) {
        if (
          replica.logEndOffset < end.messageOffset &&
          (isr.includes(replica.brokerId) || this.#mayJoin(replica, leaderEnd))
        ) {
          end = replica.endOffset;
        }
      }
    }
    return log.maybeIncrementHighWatermark(end) !== undefined;
  }

  #mayJoin(replica: Replica, leaderEnd: number): boolean {
    const { clock, replicaLagTimeMaxMs } = this.#environment;
    return (
      replica.isCaughtUp(leaderEnd, clock.monotonicMs(), replicaLagTimeMaxMs) &&
      this.#environment.isAlive(replica.brokerId)
    );
  }

  /** The smallest log start offset of the replicas that live, and of a copy: what DeleteRecords waits for. */
  get lowWatermark(): number {
    let low = Math.min(this.log.logStartOffset, this.futureLog?.logStartOffset ?? Infinity);
    for (const { brokerId, logStartOffset } of this.#remotes) {
      if (logStartOffset < low && this.#environment.isAlive(brokerId)) low = logStartOffset;
    }
    return low;
  }

  // --- fetch ---

  /**
   * Reads for a follower or a consumer. What a follower asks for is remembered with `recordsFetch` (which may move the
   * high watermark and the ISR); `changed` of the environment is told then.
   * @throws KafkaError, or rejects with one
   */
  read(
    params: FetchParams,
    wanted: PartitionFetch,
    maxBytes: number,
    minOneMessage: boolean,
    recordsFetch: boolean,
  ): MaybePromise<LogReadInfo> {
    const isFollower = params.replicaId >= 0;
    if (params.fetchOnlyLeader) this.requireLeader(wanted.currentLeaderEpoch);
    else this.requireReplica(wanted.currentLeaderEpoch);
    const replica = isFollower ? this.#followerOrThrow(params, wanted) : undefined;
    const { log } = this;
    const timeMs = replica && recordsFetch ? this.#environment.clock.monotonicMs() : 0;
    const { highWatermark, logStartOffset, logEndOffset, lastStableOffset } = log;
    const divergingEpoch = wanted.lastFetchedEpoch >= 0 ? this.#divergingEpoch(wanted) : undefined;
    if (divergingEpoch) {
      const data = nothingAt(wanted.fetchOffset, params);
      return { data, divergingEpoch, highWatermark, logStartOffset, lastStableOffset };
    }
    const { fetchOffset } = wanted;
    // A reader of the log's end is answered from memory. Any other would wait for who knows how long.
    if (log.directory.hangs && fetchOffset >= logStartOffset && fetchOffset < logEndOffset) {
      // What a follower has counts all the same: acknowledgements wait for it.
      if (replica && recordsFetch && this.isLeader) {
        const follower = { fetchOffset: messageOffsetOnly(fetchOffset), logStartOffset: wanted.logStartOffset, timeMs };
        this.#fetchedBy(replica, { ...follower, leaderEndOffset: logEndOffset, brokerEpoch: params.replicaEpoch });
      }
      return this.nothingRead(params, wanted);
    }
    const read = log.read(fetchOffset, maxBytes, params.isolation, minOneMessage);
    const leaderEpoch = this.leaderEpoch;
    const info = (data: FetchData): LogReadInfo => {
      if (replica && recordsFetch && this.isLeader && this.leaderEpoch === leaderEpoch) {
        const fetchOffset = this.log === log ? data.fetchOffset : messageOffsetOnly(data.fetchOffset.messageOffset);
        const follower = { fetchOffset, logStartOffset: wanted.logStartOffset, timeMs, leaderEndOffset: logEndOffset };
        this.#fetchedBy(replica, { ...follower, brokerEpoch: params.replicaEpoch });
      }
      return { data, divergingEpoch, highWatermark, logStartOffset, lastStableOffset };
    };
    return read instanceof Promise ? read.then(info) : info(read);
  }

  /** In place of what a read would find whose disk does not answer. */
  nothingRead(params: FetchParams, { fetchOffset }: PartitionFetch): LogReadInfo {
    const { highWatermark, logStartOffset, lastStableOffset } = this.log;
    const data = nothingAt(fetchOffset, params);
    return { data, divergingEpoch: undefined, highWatermark, logStartOffset, lastStableOffset };
  }

  #followerOrThrow({ replicaId, replicaEpoch }: FetchParams, { currentLeaderEpoch }: PartitionFetch): Replica {
    const replica = this.replica(replicaId);
    // A request with an epoch that is ours, from a broker that is no replica: one of us is about to hear of it.
    if (!replica) {
      throw new KafkaError(
        currentLeaderEpoch >= 0 ? ErrorCode.UNKNOWN_LEADER_EPOCH : ErrorCode.NOT_LEADER_OR_FOLLOWER,
        `broker ${replicaId} is no replica of ${partitionName(this)} in leader epoch ${this.leaderEpoch}`,
      );
    }
    // What an earlier life of the broker sent, and arrives only now, must not count for the present one.
    if (replicaEpoch >= 0n && replicaEpoch < replica.brokerEpoch) {
      throw new KafkaError(
        ErrorCode.NOT_LEADER_OR_FOLLOWER,
        `broker ${replicaId} has fetched ${partitionName(this)} with broker epoch ${replica.brokerEpoch}, and ${replicaEpoch} is older`,
      );
    }
    return replica;
  }

  /** `undefined` when the reader's history is part of this log's. */
  #divergingEpoch({ lastFetchedEpoch, fetchOffset }: PartitionFetch): DivergingEpoch | undefined {
    const { log } = this;
    const end = log.endOffsetForEpoch(lastFetchedEpoch);
    if (!end) {
      throw new KafkaError(
        ErrorCode.OFFSET_OUT_OF_RANGE,
        `the end of leader epoch ${lastFetchedEpoch} in ${partitionName(this)} is not known`,
      );
    }
    if (fetchOffset < log.logStartOffset) {
      throw new KafkaError(
        ErrorCode.OFFSET_OUT_OF_RANGE,
        `offset ${fetchOffset} of ${partitionName(this)} was asked for, which starts at ${log.logStartOffset}`,
      );
    }
    return end.leaderEpoch < lastFetchedEpoch || end.endOffset < fetchOffset
      ? { epoch: end.leaderEpoch, endOffset: end.endOffset }
      : undefined;
  }

  /** Whether what a reader waits for cannot come any more, because its history is not this log's. */
  divergesFrom(wanted: PartitionFetch): boolean {
    if (wanted.lastFetchedEpoch < 0) return false;
    const end = this.log.endOffsetForEpoch(wanted.lastFetchedEpoch);
    return !end || end.leaderEpoch < wanted.lastFetchedEpoch || end.endOffset < wanted.fetchOffset;
  }

  #fetchedBy(replica: Replica, fetched: Parameters<Replica['fetched']>[0]): void {
    const { logEndOffset: endBefore, logStartOffset: startBefore } = replica;
    if (this.replica(replica.brokerId) !== replica || !replica.fetched(fetched)) return;
    this.#maybeExpandIsr(replica);
    // Also when it has nothing new: somebody else that the high watermark waited for may have gone meanwhile.
    const mayMove = replica.logEndOffset !== endBefore || replica.logEndOffset > this.log.highWatermark;
    const moved = mayMove && this.maybeIncrementHighWatermark();
    if (moved || replica.logStartOffset > startBefore) this.#environment.changed(this);
  }

  // --- ISR ---

  /**
   * A follower joins when it has everything that is committed and has reached the records of this leader's epoch:
   * before that it could be elected without what was committed between.
   */
  #maybeExpandIsr(replica: Replica): void {
    const state = this.#isr;
    if (state.kind !== 'committed' || !this.isLeader || state.isr.includes(replica.brokerId)) return;
    const { logEndOffset } = replica;
    if (logEndOffset < this.log.highWatermark || logEndOffset < this.leaderEpochStartOffset) return;
    if (!this.#environment.isAlive(replica.brokerId)) return;
    const isr = [...state.isr, replica.brokerId];
    this.#propose({ kind: 'expand', added: replica.brokerId, ...this.#proposal(isr), lastCommitted: state });
  }

  /** Followers that have not caught up for replica.lag.time.max.ms leave. Called from time to time. */
  maybeShrinkIsr(): void {
    const state = this.#isr;
    if (!this.isLeader || state.kind !== 'committed') return;
    const removed = this.#outOfSync(state);
    if (removed.length === 0) return;
    const { log } = this;
    const isr = state.isr.filter((id) => !removed.includes(id));
    const nowMs = this.#environment.clock.monotonicMs();
    const why = removed.map((id) => {
      const replica = this.replica(id);
      if (!replica) return `${id} is no replica`;
      return `${id} has up to ${replica.logEndOffset}, caught up ${Math.round(nowMs - replica.lastCaughtUpTimeMs)} ms ago`;
    });
    this.#logger.info(
      `The ISR of ${partitionName(this)} is to shrink from [${state.isr.join(',')}] to [${isr.join(',')}]; log end offset ${log.logEndOffset}, high watermark ${log.highWatermark}: ${why.join('; ')}.`,
    );
    this.#propose({ kind: 'shrink', removed, ...this.#proposal(isr), lastCommitted: state });
  }

  #outOfSync({ isr }: CommittedIsr): number[] {
    const { brokerId, clock, replicaLagTimeMaxMs } = this.#environment;
    const nowMs = clock.monotonicMs();
    const { logEndOffset } = this.log;
    return isr.filter(
      (id) => id !== brokerId && !this.replica(id)?.isCaughtUp(logEndOffset, nowMs, replicaLagTimeMaxMs),
    );
  }

  #proposal(isr: readonly number[]): Pick<PendingIsr, 'sent' | 'brokerEpochs'> {
    const { leaderEpoch, partitionEpoch } = this;
    return {
      sent: { leader: this.#environment.brokerId, leaderEpoch, isr, leaderRecoveryState: 0, partitionEpoch },
      brokerEpochs: isr.map((id) => this.replica(id)?.brokerEpoch ?? -1n),
    };
  }

  #propose(pending: PendingIsr): void {
    this.#isr = pending;
    this.#submit(pending);
  }

  #submit(pending: PendingIsr): void {
    const { topic, partition, topicId, controllerEpoch } = this;
    const { sent: leaderAndIsr, brokerEpochs } = pending;
    const item = { topic, partition, topicId, leaderAndIsr, brokerEpochs, controllerEpoch };
    this.#environment.alterPartitions.submit(item).then(
      (leaderAndIsr) => this.#altered(pending, leaderAndIsr),
      (error: unknown) => this.#notAltered(pending, error),
    );
  }

  #altered(pending: PendingIsr, { leaderEpoch, partitionEpoch, isr, leaderRecoveryState }: LeaderAndIsr): void {
    // The controller has given another role meanwhile: the answer is out of date.
    if (this.#isr !== pending) return;
    if (leaderEpoch !== this.leaderEpoch || partitionEpoch < this.partitionEpoch) {
      this.#environment.isrChanged('failed');
      return;
    }
    this.#isr = committed(isr, leaderRecoveryState);
    this.partitionEpoch = partitionEpoch;
    this.#environment.isrChanged(pending.kind === 'expand' ? 'expanded' : 'shrunk');
    this.#logger.info(
      `The ISR of ${partitionName(this)} is [${isr.join(',')}] now, partition epoch ${partitionEpoch}${this.isUnderMinIsr ? ', less than min.insync.replicas' : ''}.`,
    );
    // It may have become this broker alone; and who waits with acks=all hears of an ISR that is too small.
    this.maybeIncrementHighWatermark();
    this.#environment.changed(this);
  }

  #notAltered(pending: PendingIsr, error: unknown): void {
    if (this.#isr !== pending) return;
    this.#environment.isrChanged('failed');
    const code = error instanceof KafkaError ? error.code : ErrorCode.UNKNOWN_SERVER_ERROR;
    const proposal = `[${pending.sent.isr.join(',')}] as ISR of ${partitionName(this)}`;
    switch (code) {
      case ErrorCode.OPERATION_NOT_ATTEMPTED:
      case ErrorCode.INELIGIBLE_REPLICA:
        // Both say that the partition epoch is right and that nothing was written, by this or any other controller.
        this.#isr = pending.lastCommitted;
        this.#logger.info(`The controller refuses ${proposal} (${errorName(code)}): it stays as it was.`);
        // Whoever was to join counts no more: all others may have what they fetch already.
        if (this.maybeIncrementHighWatermark()) this.#environment.changed(this);
        return;
      case ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
      case ErrorCode.UNKNOWN_TOPIC_ID:
      case ErrorCode.FENCED_LEADER_EPOCH:
      case ErrorCode.INVALID_UPDATE_VERSION:
      case ErrorCode.INVALID_REQUEST:
      case ErrorCode.NEW_LEADER_ELECTED:
        // Whether an earlier try was written is not known: the next LeaderAndIsr tells, until then both count.
        this.#logger.info(`The controller refuses ${proposal} (${errorName(code)}): its next word is awaited.`);
        return;
      default:
        this.#logger.warn(`The controller has not taken ${proposal}: tried again.`, { error });
        this.#environment.clock.timer(retryMs, () => {
          if (this.#isr === pending) this.#submit(pending);
        });
    }
  }
}

function nothingAt(offset: number, { isolation }: FetchParams): FetchData {
  return {
    fetchOffset: messageOffsetOnly(offset) satisfies LogOffsetMetadata,
    ranges: [],
    sizeInBytes: 0,
    firstEntryIncomplete: false,
    abortedTransactions: isolation === 'txnCommitted' ? notAborted : undefined,
  };
}
