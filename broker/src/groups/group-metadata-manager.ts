import { type Timer } from '../io/clock';
import type { Io } from '../io/io';
import type { Logger } from '../logging/logger';
import type { TopicPartition } from '../log/topic-partition';
import type { VerificationGuard } from '../log/verification-state-entry';
import { ErrorCode, errorName, ProtocolError } from '../protocol/errors';
import type { GroupMetadataValue } from '../protocol/internal/group-metadata';
import { buildBatch, type BatchInput, type RecordInput } from '../records/build-batch';
import type { PartitionAppendResult } from '../replication/append';
import { groupMetadataTopic } from '../replication/internal-topics';
import type { GroupCoordinatorOptions } from './group-coordinator-options';
import { GroupLoad } from './group-loader';
import { GroupMetadata } from './group-metadata';
import type { GroupTopicPartition } from './group-offsets';
import { groupRecord, groupTombstone, offsetRecord, offsetTombstone } from './group-records';
import { CoordinatorLoader } from '../replication/coordinator-loader';
import type { CoordinatorPartition, CoordinatorReplicas } from '../replication/coordinator-replicas';
import type { InternalTopic } from '../replication/internal-topic';
import { GroupState } from './group-state';
import { MemberMetadata } from './member-metadata';
import type { OffsetAndMetadata } from './offset-and-metadata';

/** Tombstones in one batch: far below what a topic takes as its largest batch. */
const tombstonesPerBatch = 1_000;
/** Offsets that are looked through before others get their turn. */
const offsetsPerTurn = 5_000;
const loading = ErrorCode.COORDINATOR_LOAD_IN_PROGRESS;

/** An offset that a client commits. */
export interface OffsetToCommit {
  readonly topic: string;
  readonly partition: number;
  readonly offset: OffsetAndMetadata;
}

/** The producer of a transactional commit. */
export interface CommittingProducer {
  readonly producerId: number;
  readonly producerEpoch: number;
  /** What the commit was let through with, where the transaction had to be asked about (KIP-890). */
  readonly verificationGuard?: VerificationGuard;
}

/** A partition of __consumer_offsets that this broker leads, with its groups. */
export class CoordinatedPartition {
  isLoading = true;
  readonly groups = new Map<string, GroupMetadata>();
  /** Ids of groups that wait for the end of a producer's transaction. */
  readonly groupsOfProducers = new Map<number, Set<string>>();

  constructor(
    readonly index: number,
    public leaderEpoch: number,
  ) {}
}

/**
 * The groups that this broker coordinates, and their records (Kafka's GroupMetadataManager): loaded when it becomes
 * leader of a partition of __consumer_offsets, dropped when it is leader no more.
 */
export class GroupMetadataManager {
  readonly #io: Io;
  readonly #logger: Logger;
  readonly #replicas: CoordinatorReplicas;
  readonly #topic: InternalTopic;
  readonly #loader: CoordinatorLoader<GroupLoad>;
  readonly #options: GroupCoordinatorOptions;
  readonly #partitions = new Map<number, CoordinatedPartition>();
  readonly #wallMs: () => number;
  #expiryTimer: Timer | undefined;
  #isStopped = false;
  committedOffsets = 0;
  expiredOffsets = 0;

  constructor(
    io: Io,
    logger: Logger,
    replicas: CoordinatorReplicas,
    topic: InternalTopic,
    options: GroupCoordinatorOptions,
  ) {
    this.#io = io;
    this.#logger = logger.child('GroupMetadataManager');
    this.#replicas = replicas;
    this.#topic = topic;
    this.#options = options;
    this.#loader = new CoordinatorLoader(io.clock, this.#logger, {
      what: 'groups',
      bufferSize: options.offsetsLoadBufferSize,
      begin: (from) => new GroupLoad(this.#logger, `${from.topic}-${from.partition}`),
    });
    this.#wallMs = () => io.clock.wallMs();
  }

  /** Looks for expired offsets from now on. */
  start(): void {
    this.#expiryTimer = this.#io.clock.timer(this.#options.offsetsRetentionCheckIntervalMs, () => {
      this.cleanupExpired()
        .catch((error: unknown) => this.#logger.error('Looking for expired offsets failed.', { error }))
        .finally(() => {
          if (!this.#isStopped) this.start();
        });
    });
  }

  /** Resolves when nothing reads the log any more. */
  stop(): Promise<void> {
    this.#isStopped = true;
    this.#expiryTimer?.cancel();
    return this.#loader.settled;
  }

  /** The partition of __consumer_offsets that holds a group; `undefined` while that is not known (see InternalTopic). */
  partitionFor(groupId: string): number | undefined {
    return this.#topic.partitionFor(groupId);
  }

  /** The partition of a group, when this broker coordinates it; otherwise what to tell who asks. */
  lookUp(groupId: string): CoordinatedPartition | ErrorCode {
    const index = this.partitionFor(groupId);
    // It may be one that is led here.
    if (index === undefined) return this.#topic.isKnown ? loading : ErrorCode.NOT_COORDINATOR;
    const partition = this.#partitions.get(index);
    if (!partition) return ErrorCode.NOT_COORDINATOR;
    return partition.isLoading ? loading : partition;
  }

  get partitions(): Iterable<CoordinatedPartition> {
    return this.#partitions.values();
  }

  get isLoading(): boolean {
    for (const { isLoading } of this.#partitions.values()) if (isLoading) return true;
    return false;
  }

  *groups(): Generator<GroupMetadata> {
    for (const { groups } of this.#partitions.values()) yield* groups.values();
  }

  createGroup(partition: CoordinatedPartition, groupId: string): GroupMetadata {
    const group = new GroupMetadata(groupId, partition.index, GroupState.EMPTY, this.#wallMs, this.#logger);
    partition.groups.set(groupId, group);
    return group;
  }

  /** Takes a group out of the cache. */
  dropGroup(group: GroupMetadata): void {
    group.stopTimers();
    const partition = this.#partitions.get(group.offsetsPartition);
    if (partition?.groups.get(group.groupId) !== group) return;
    partition.groups.delete(group.groupId);
    for (const producerId of group.offsets.producers) forgetProducer(partition, producerId, group.groupId);
  }

  /**
   * Writes the group with these assignments. `done` has what to tell a client, and may be called in the same turn.
   */
  storeGroup(
    group: GroupMetadata,
    assignments: ReadonlyMap<string, Buffer>,
    done: (errorCode: ErrorCode) => void,
  ): void {
    const generation = group.generationId;
    const batch = this.#build(() => [groupRecord(group, assignments, this.#wallMs())]);
    if (!batch) {
      done(ErrorCode.UNKNOWN_SERVER_ERROR);
      return;
    }
    this.#append(group.offsetsPartition, batch, -1, ({ errorCode, errorMessage }) => {
      const converted = storeGroupError(errorCode);
      if (converted === ErrorCode.UNKNOWN_SERVER_ERROR) {
        this.#logger.error(
          `Group ${group.groupId} in generation ${generation} could not be written (${errorMessage ?? errorName(errorCode)}).`,
        );
      } else if (converted !== ErrorCode.NONE) {
        this.#logger.debug(
          `Group ${group.groupId} in generation ${generation} could not be written: ${errorName(errorCode)}.`,
        );
      }
      done(converted);
    });
  }

  /** Whether an offset's metadata is within offset.metadata.max.bytes (which counts characters, as in Kafka). */
  isMetadataAcceptable(metadata: string): boolean {
    return metadata.length <= this.#options.offsetMetadataMaxBytes;
  }

  /** Writes the offsets and, once the replicas have them, lets them count. `done` has what to tell a client. */
  storeOffsets(
    group: GroupMetadata,
    offsets: readonly OffsetToCommit[],
    producer: CommittingProducer | undefined,
    done: (errorCode: ErrorCode) => void,
  ): void {
    const timestamp = this.#wallMs();
    const batch = this.#build(
      () =>
        offsets.map(({ topic, partition, offset }) => offsetRecord(group.groupId, topic, partition, offset, timestamp)),
      producer
        ? {
            producerId: producer.producerId,
            producerEpoch: producer.producerEpoch,
            baseSequence: 0,
            transactional: true,
          }
        : { baseSequence: 0 },
    );
    if (!batch) {
      done(ErrorCode.INVALID_COMMIT_OFFSET_SIZE);
      return;
    }
    for (const { topic, partition, offset } of offsets) {
      if (producer) group.offsets.prepareTransactional(producer.producerId, topic, partition, offset);
      else group.offsets.prepare(topic, partition, offset);
    }
    if (producer) this.#rememberProducer(group, producer.producerId);
    const stored = ({ errorCode, baseOffset }: PartitionAppendResult): void => {
      if (!group.is(GroupState.DEAD)) {
        for (const { topic, partition, offset } of offsets) {
          if (errorCode === ErrorCode.NONE) {
            if (producer) {
              group.offsets.appendedTransactional(producer.producerId, topic, partition, offset, baseOffset);
            } else {
              group.offsets.appended(topic, partition, offset, baseOffset);
            }
          } else if (producer) {
            group.offsets.failedTransactional(producer.producerId, topic, partition, offset);
          } else {
            group.offsets.failed(topic, partition, offset);
          }
        }
        if (producer && !group.offsets.hasProducer(producer.producerId))
          this.#forgetProducer(group, producer.producerId);
      }
      if (errorCode === ErrorCode.NONE) this.committedOffsets += offsets.length;
      done(offsetCommitError(errorCode));
    };
    this.#append(group.offsetsPartition, batch, -1, stored, producer?.verificationGuard);
  }

  /**
   * Writes tombstones for offsets that were taken out of the group, and drops the group when nothing is left of it, or
   * it is dead already.
   */
  writeTombstones(group: GroupMetadata, removed: readonly GroupTopicPartition[]): void {
    if (group.is(GroupState.EMPTY) && group.offsets.isEmpty && group.pendingMemberCount === 0) {
      group.transitionTo(GroupState.DEAD);
      this.#logger.info(
        `Group ${group.groupId} has neither members nor offsets any more and is removed in generation ${group.generationId}.`,
      );
    }
    const timestamp = this.#wallMs();
    const tombstones = removed.map(({ topic, partition }) =>
      offsetTombstone(group.groupId, topic, partition, timestamp),
    );
    if (group.is(GroupState.DEAD)) {
      this.dropGroup(group);
      // In generation 0 the group was never written: it only committed offsets.
      if (group.generationId > 0) tombstones.push(groupTombstone(group.groupId, timestamp));
    }
    for (let from = 0; from < tombstones.length; from += tombstonesPerBatch) {
      const batch = this.#build(() => tombstones.slice(from, from + tombstonesPerBatch));
      if (!batch) return;
      // Nobody waits for the replicas: what is lost is written again when it expires again.
      this.#append(group.offsetsPartition, batch, 0, ({ errorCode }) => {
        if (errorCode === ErrorCode.NONE) return;
        this.#logger.error(
          `The removal of offsets of group ${group.groupId} could not be written: ${errorName(errorCode)}.`,
        );
      });
    }
  }

  /** Removes what has expired from all groups, in turns; returns how many offsets. */
  async cleanupExpired(): Promise<number> {
    let removedOffsets = 0;
    let seen = 0;
    for (const group of [...this.groups()]) {
      if (this.#isStopped) break;
      const isHere = this.#partitions.get(group.offsetsPartition)?.groups.get(group.groupId) === group;
      if (!isHere || group.is(GroupState.DEAD)) continue;
      seen += group.offsets.size + 1;
      const removed = group.removeExpiredOffsets(this.#wallMs(), this.#options.offsetsRetentionMs);
      removedOffsets += removed.length;
      this.writeTombstones(group, removed);
      if (seen >= offsetsPerTurn) {
        seen = 0;
        await new Promise<void>((resolve) => this.#io.clock.defer(resolve));
      }
    }
    this.expiredOffsets += removedOffsets;
    if (removedOffsets > 0) this.#logger.info(`${removedOffsets} offsets have expired and were removed.`);
    return removedOffsets;
  }

  /** A transaction's marker is in these partitions of __consumer_offsets: its offset commits count, or never were. */
  completeTransaction(producerId: number, partitions: Iterable<number>, isCommit: boolean): void {
    for (const index of partitions) {
      const partition = this.#partitions.get(index);
      const groupIds = partition?.groupsOfProducers.get(producerId);
      if (!partition || !groupIds) continue;
      partition.groupsOfProducers.delete(producerId);
      for (const groupId of groupIds) partition.groups.get(groupId)?.offsets.completeTransaction(producerId, isCommit);
    }
  }

  /** This broker leads the partition now: loads its groups. `onLoaded` is called for each before it is seen by anybody. */
  load(from: CoordinatorPartition, onLoaded: (group: GroupMetadata) => void): void {
    const known = this.#partitions.get(from.partition);
    if (known) {
      known.leaderEpoch = Math.max(known.leaderEpoch, from.leaderEpoch);
      return;
    }
    const partition = new CoordinatedPartition(from.partition, from.leaderEpoch);
    this.#partitions.set(from.partition, partition);
    this.#topic.learn();
    const isWanted = (): boolean => !this.#isStopped && this.#partitions.get(partition.index) === partition;
    this.#loader.load(from, isWanted, (loaded, milliseconds) => {
      this.#publish(partition, loaded, onLoaded);
      partition.isLoading = false;
      this.#logger.info(
        `Loaded ${partition.groups.size} groups from ${from.topic}-${from.partition} in leader epoch ${partition.leaderEpoch}.`,
        { milliseconds },
      );
    });
  }

  #publish(partition: CoordinatedPartition, loaded: GroupLoad, onLoaded: (group: GroupMetadata) => void): void {
    partition.groups.clear();
    partition.groupsOfProducers.clear();
    for (const [groupId, value] of loaded.groups) {
      partition.groups.set(groupId, this.#loadedGroup(partition.index, groupId, value));
    }
    // Groups without a record of their own only ever committed offsets.
    const groupOf = (groupId: string): GroupMetadata =>
      partition.groups.get(groupId) ?? this.createGroup(partition, groupId);
    for (const [groupId, offsets] of loaded.offsets) {
      if (offsets.size === 0) continue;
      const group = groupOf(groupId);
      for (const { topic, partition: index, value } of offsets.entries()) group.offsets.load(topic, index, value);
    }
    for (const [producerId, byGroup] of loaded.pendingOffsets) {
      for (const [groupId, offsets] of byGroup) {
        if (offsets.size === 0) continue;
        const group = groupOf(groupId);
        for (const { topic, partition: index, value } of offsets.entries()) {
          group.offsets.loadTransactional(producerId, topic, index, value);
        }
        this.#rememberProducer(group, producerId);
      }
    }
    for (const group of partition.groups.values()) onLoaded(group);
  }

  #loadedGroup(partition: number, groupId: string, value: GroupMetadataValue): GroupMetadata {
    const hasMembers = value.members.length > 0;
    const state = hasMembers ? GroupState.STABLE : GroupState.EMPTY;
    const group = new GroupMetadata(groupId, partition, state, this.#wallMs, this.#logger);
    const protocolName = value.protocol ?? '';
    for (const { subscription, assignment, rebalanceTimeout, sessionTimeout, ...member } of value.members) {
      group.add(
        new MemberMetadata({
          ...member,
          rebalanceTimeoutMs: rebalanceTimeout,
          sessionTimeoutMs: sessionTimeout,
          protocolType: value.protocolType,
          protocols: [{ name: protocolName, metadata: subscription }],
          assignment,
        }),
      );
    }
    group.generationId = value.generation;
    group.protocolType = value.protocolType === '' ? undefined : value.protocolType;
    group.protocolName = hasMembers ? protocolName : (value.protocol ?? undefined);
    group.leaderId = value.leader ?? undefined;
    group.currentStateTimestamp = value.currentStateTimestamp === -1 ? undefined : value.currentStateTimestamp;
    group.computeSubscribedTopics();
    return group;
  }

  /** This broker leads the partition no more: drops its groups, `onUnloaded` being called for each. */
  unload({ partition: index }: TopicPartition, leaderEpoch: number, onUnloaded: (group: GroupMetadata) => void): void {
    const partition = this.#partitions.get(index);
    if (!partition || (leaderEpoch >= 0 && leaderEpoch < partition.leaderEpoch)) return;
    this.#partitions.delete(index);
    for (const group of partition.groups.values()) onUnloaded(group);
    this.#logger.info(`Dropped ${partition.groups.size} groups of ${groupMetadataTopic}-${index}.`);
  }

  #build(records: () => readonly RecordInput[], batch?: Partial<BatchInput>): Buffer | undefined {
    try {
      return buildBatch({ ...batch, records: records(), compression: this.#options.offsetsTopicCompression });
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#logger.error(`A record of ${groupMetadataTopic} cannot be written: ${error.message}.`);
      return undefined;
    }
  }

  #append(
    partition: number,
    records: Buffer,
    requiredAcks: 0 | -1,
    done: (result: PartitionAppendResult) => void,
    verificationGuard?: VerificationGuard,
  ): void {
    this.#replicas.append(
      {
        origin: 'coordinator',
        requiredAcks,
        timeoutMs: this.#options.offsetsCommitTimeoutMs,
        internalTopicsAllowed: true,
      },
      [{ topic: groupMetadataTopic, partition, records, verificationGuard }],
      ([result]) => done(result),
    );
  }

  #rememberProducer(group: GroupMetadata, producerId: number): void {
    const producers = this.#partitions.get(group.offsetsPartition)?.groupsOfProducers;
    const groups = producers?.get(producerId);
    if (groups) groups.add(group.groupId);
    else producers?.set(producerId, new Set([group.groupId]));
  }

  #forgetProducer(group: GroupMetadata, producerId: number): void {
    const partition = this.#partitions.get(group.offsetsPartition);
    if (partition) forgetProducer(partition, producerId, group.groupId);
  }
}

function forgetProducer(partition: CoordinatedPartition, producerId: number, groupId: string): void {
  const groups = partition.groupsOfProducers.get(producerId);
  groups?.delete(groupId);
  if (groups?.size === 0) partition.groupsOfProducers.delete(producerId);
}

/** What a member is told when its group could not be written. */
function storeGroupError(errorCode: ErrorCode): ErrorCode {
  switch (errorCode) {
    case ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
    case ErrorCode.NOT_ENOUGH_REPLICAS:
    case ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND:
      return ErrorCode.COORDINATOR_NOT_AVAILABLE;
    case ErrorCode.NOT_LEADER_OR_FOLLOWER:
    case ErrorCode.KAFKA_STORAGE_ERROR:
      return ErrorCode.NOT_COORDINATOR;
    case ErrorCode.REQUEST_TIMED_OUT:
      return ErrorCode.REBALANCE_IN_PROGRESS;
    case ErrorCode.MESSAGE_TOO_LARGE:
    case ErrorCode.RECORD_LIST_TOO_LARGE:
    case ErrorCode.INVALID_FETCH_SIZE:
      return ErrorCode.UNKNOWN_SERVER_ERROR;
    default:
      return errorCode;
  }
}

/** What a client is told when its offsets could not be written. */
export function offsetCommitError(errorCode: ErrorCode): ErrorCode {
  switch (errorCode) {
    case ErrorCode.NETWORK_EXCEPTION:
      return ErrorCode.COORDINATOR_LOAD_IN_PROGRESS;
    case ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
    case ErrorCode.NOT_ENOUGH_REPLICAS:
    case ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND:
      return ErrorCode.COORDINATOR_NOT_AVAILABLE;
    case ErrorCode.NOT_LEADER_OR_FOLLOWER:
    case ErrorCode.KAFKA_STORAGE_ERROR:
      return ErrorCode.NOT_COORDINATOR;
    case ErrorCode.MESSAGE_TOO_LARGE:
    case ErrorCode.RECORD_LIST_TOO_LARGE:
    case ErrorCode.INVALID_FETCH_SIZE:
      return ErrorCode.INVALID_COMMIT_OFFSET_SIZE;
    default:
      return errorCode;
  }
}
