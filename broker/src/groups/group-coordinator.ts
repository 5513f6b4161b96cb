import type { BrokerConfig } from '../config/broker-config';
import type { Io } from '../io/io';
import type { Logger } from '../logging/logger';
import { partitionName, type TopicPartition } from '../log/topic-partition';
import { ErrorCode, errorName } from '../protocol/errors';
import { groupMetadataTopic } from '../replication/internal-topics';
import { type GroupCoordinatorOptions, groupCoordinatorOptions, type LegacyOffsets } from './group-coordinator-options';
import { consumerProtocolType, type GroupMetadata } from './group-metadata';
import {
  type CommittingProducer,
  type CoordinatedPartition,
  GroupMetadataManager,
  type OffsetToCommit,
} from './group-metadata-manager';
import type { GroupTopicPartition } from './group-offsets';
import type { CoordinatorPartition, CoordinatorReplicas } from '../replication/coordinator-replicas';
import type { InternalTopic } from '../replication/internal-topic';
import {
  type DescribedGroup,
  failedJoin,
  failedSync,
  type FetchedOffset,
  type FetchOffsetsResult,
  type GroupOverview,
  type JoinCallback,
  type JoinGroupResult,
  type LeaveGroupResult,
  noBytes,
  type SyncCallback,
  unknownMemberId,
} from './group-results';
import { GroupState } from './group-state';
import { MemberMetadata, type MemberProtocol } from './member-metadata';

/**
 * How long a new member may wait for its first rebalance. It cannot send heartbeats, having no member id, and nobody
 * would notice that its client has gone.
 */
const newMemberJoinTimeoutMs = 5 * 60 * 1000;

export interface JoinGroupInput {
  readonly groupId: string;
  /** '' for a client that has none yet. */
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  /** Versions from 4: a client without a member id gets one and has to come again with it (KIP-394). */
  readonly requireKnownMemberId: boolean;
  /** Versions from 9: a static leader that comes back may be told to leave the assignment alone. */
  readonly supportsSkippingAssignment: boolean;
  readonly clientId: string;
  /** As Java prints an address: `/10.0.0.7`. */
  readonly clientHost: string;
  readonly rebalanceTimeoutMs: number;
  readonly sessionTimeoutMs: number;
  readonly protocolType: string;
  readonly protocols: readonly MemberProtocol[];
  readonly reason: string | null;
}

export interface SyncGroupInput {
  readonly groupId: string;
  readonly generationId: number;
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  /** null: the version has none, nothing is checked. */
  readonly protocolType: string | null;
  readonly protocolName: string | null;
  readonly assignments: readonly { readonly memberId: string; readonly assignment: Buffer }[];
}

export interface LeavingMember {
  /** '' with a group instance id: a tool removes a static member. */
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly reason: string | null;
}

/** Who commits. */
export interface CommitOffsetsInput {
  readonly groupId: string;
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  /** -1: not a member. */
  readonly generationId: number;
  readonly offsets: readonly OffsetToCommit[];
}

/** Errors in the order of the offsets that were given. */
export type CommitOffsetsDone = (errors: readonly ErrorCode[]) => void;

/** Topics with partitions, as OffsetFetch asks for them. */
export interface TopicPartitions {
  readonly name: string;
  readonly partitionIndexes: readonly number[];
}

/** What an operation on one group may begin with. */
type Lookup =
  | { readonly error: ErrorCode; readonly partition?: undefined }
  | { readonly error?: undefined; readonly partition: CoordinatedPartition };

/**
 * Coordinates the groups whose partition of __consumer_offsets this broker leads: membership, rebalances and offsets, as
 * Kafka's GroupCoordinator with the classic protocol. Everything happens in the turn of the call except what waits for
 * other members (JoinGroup, SyncGroup) or for replicas (OffsetCommit, the leader's SyncGroup), which is answered by
 * callback, exactly once.
 */
export class GroupCoordinator {
  readonly options: GroupCoordinatorOptions;
  readonly #io: Io;
  readonly #logger: Logger;
  readonly #manager: GroupMetadataManager;
  #isActive = false;
  #completedRebalances = 0;
  #deletedOffsets = 0;

  constructor(
    io: Io,
    logger: Logger,
    replicas: CoordinatorReplicas,
    topic: InternalTopic,
    options: GroupCoordinatorOptions,
  ) {
    this.options = options;
    this.#io = io;
    this.#logger = logger.child('GroupCoordinator');
    this.#manager = new GroupMetadataManager(io, logger, replicas, topic, options);
    replicas.onLeadership({
      becameLeader: (partition) => {
        if (partition.topic === groupMetadataTopic) this.onElection(partition);
      },
      resigned: (of, leaderEpoch) => {
        if (of.topic === groupMetadataTopic) this.onResignation(of, leaderEpoch);
      },
    });
  }

  static fromConfig(
    io: Io,
    logger: Logger,
    replicas: CoordinatorReplicas,
    topic: InternalTopic,
    config: BrokerConfig,
    legacyOffsets?: LegacyOffsets,
  ): GroupCoordinator {
    return new GroupCoordinator(io, logger, replicas, topic, groupCoordinatorOptions(config, legacyOffsets));
  }

  /** Answers requests from now on; groups are loaded from the moment that this object exists. */
  start(): void {
    this.#isActive = true;
    this.#manager.start();
  }

  /** Answers whoever waits, and stops every timer. */
  async shutdown(): Promise<void> {
    this.#isActive = false;
    const stopped = this.#manager.stop();
    for (const { index, leaderEpoch } of [...this.#manager.partitions]) {
      this.onResignation({ topic: groupMetadataTopic, partition: index }, leaderEpoch);
    }
    await stopped;
  }

  /** For metrics: what there is, and counts since the start. */
  stats(): {
    readonly groups: Readonly<Record<GroupState, number>>;
    readonly offsets: number;
    readonly committedOffsets: number;
    readonly expiredOffsets: number;
    readonly deletedOffsets: number;
    readonly completedRebalances: number;
  } {
    const groups = { Empty: 0, PreparingRebalance: 0, CompletingRebalance: 0, Stable: 0, Dead: 0 };
    let offsets = 0;
    for (const group of this.#manager.groups()) {
      groups[group.state]++;
      offsets += group.offsets.size;
    }
    return {
      groups,
      offsets,
      committedOffsets: this.#manager.committedOffsets,
      expiredOffsets: this.#manager.expiredOffsets,
      deletedOffsets: this.#deletedOffsets,
      completedRebalances: this.#completedRebalances,
    };
  }

  /** The partition of __consumer_offsets that a group belongs to; `undefined` while that is not known. */
  partitionFor(groupId: string): number | undefined {
    return this.#manager.partitionFor(groupId);
  }

  // Membership

  joinGroup(input: JoinGroupInput, done: JoinCallback): void {
    const { groupId, memberId } = input;
    const { error, partition } = this.#lookUp(groupId);
    if (!partition) {
      done(failedJoin(memberId, error));
      return;
    }
    if (
      input.sessionTimeoutMs < this.options.minSessionTimeoutMs ||
      input.sessionTimeoutMs > this.options.maxSessionTimeoutMs
    ) {
      done(failedJoin(memberId, ErrorCode.INVALID_SESSION_TIMEOUT));
      return;
    }
    const isUnknownMember = memberId === unknownMemberId;
    let group = partition.groups.get(groupId);
    if (!group) {
      if (!isUnknownMember) {
        done(failedJoin(memberId, ErrorCode.UNKNOWN_MEMBER_ID));
        return;
      }
      group = this.#manager.createGroup(partition, groupId);
    }
    const protocols = distinctProtocols(input.protocols);
    if (!this.#acceptsJoiningMember(group, memberId)) {
      group.remove(memberId);
      done(failedJoin(unknownMemberId, ErrorCode.GROUP_MAX_SIZE_REACHED));
    } else if (group.is(GroupState.DEAD)) {
      // It was removed, or moves to another coordinator: the client finds out where, and joins anew.
      done(failedJoin(memberId, ErrorCode.COORDINATOR_NOT_AVAILABLE));
    } else if (!group.supportsProtocols(input.protocolType, protocols)) {
      done(failedJoin(memberId, ErrorCode.INCONSISTENT_GROUP_PROTOCOL));
    } else if (isUnknownMember) {
      this.#joinNewMember(group, input, protocols, done);
    } else {
      this.#joinCurrentMember(group, input, protocols, done);
    }
    this.#maybeCompleteJoin(group);
    // A refused client leaves nothing behind.
    if (group.isVacant) this.#manager.dropGroup(group);
  }

  /**
   * In a rebalance those who wait count, so that of too many members the last to come is turned away; otherwise the
   * members do.
   */
  #acceptsJoiningMember(group: GroupMetadata, memberId: string): boolean {
    switch (group.state) {
      case GroupState.EMPTY:
      case GroupState.DEAD:
        return true;
      case GroupState.PREPARING_REBALANCE:
        return group.get(memberId)?.awaitingJoin !== undefined || group.awaitingJoinCount < this.options.maxSize;
      case GroupState.COMPLETING_REBALANCE:
      case GroupState.STABLE:
        return group.has(memberId) || group.size < this.options.maxSize;
    }
  }

  #joinNewMember(
    group: GroupMetadata,
    input: JoinGroupInput,
    protocols: readonly MemberProtocol[],
    done: JoinCallback,
  ): void {
    const { groupInstanceId } = input;
    const memberId = `${groupInstanceId ?? input.clientId}-${this.#randomUuid()}`;
    if (groupInstanceId === null) {
      if (input.requireKnownMemberId) {
        this.#logger.info(
          `A client without a member id joins group ${group.groupId} (${group.state}): it is to come again as ${memberId}.`,
        );
        const expiry = this.#io.clock.timer(input.sessionTimeoutMs, () => this.#expirePendingMember(group, memberId));
        group.addPendingMember(memberId, expiry);
        done(failedJoin(memberId, ErrorCode.MEMBER_ID_REQUIRED));
      } else {
        this.#addMemberAndRebalance(group, memberId, input, protocols, done);
      }
      return;
    }
    const oldMemberId = group.currentStaticMemberId(groupInstanceId);
    const member = oldMemberId === undefined ? undefined : group.get(oldMemberId);
    if (member) this.#replaceStaticMember(group, member, memberId, groupInstanceId, input, protocols, done);
    else this.#addMemberAndRebalance(group, memberId, input, protocols, done);
  }

  #joinCurrentMember(
    group: GroupMetadata,
    input: JoinGroupInput,
    protocols: readonly MemberProtocol[],
    done: JoinCallback,
  ): void {
    const { memberId, groupInstanceId } = input;
    if (group.isPendingMember(memberId)) {
      // Static members get their id with their membership: this is no client that we know.
      if (groupInstanceId !== null) done(failedJoin(memberId, ErrorCode.UNKNOWN_SERVER_ERROR));
      else this.#addMemberAndRebalance(group, memberId, input, protocols, done);
      return;
    }
    const error = this.#memberError(group, memberId, groupInstanceId, 'join-group');
    const member = group.get(memberId);
    if (error !== undefined || !member) {
      done(failedJoin(memberId, error ?? ErrorCode.UNKNOWN_MEMBER_ID));
      return;
    }
    const rejoin = (why: string): void => {
      group.updateMember(member, protocols, input.rebalanceTimeoutMs, input.sessionTimeoutMs, done);
      this.#maybePrepareRebalance(group, `${why} (client: ${input.reason ?? 'no reason given'})`);
    };
    switch (group.state) {
      case GroupState.PREPARING_REBALANCE:
        rejoin(`member ${memberId} joins`);
        return;
      case GroupState.COMPLETING_REBALANCE:
        // The same again: it may not have got the first answer.
        if (member.matches(protocols)) done(joined(group, member, true));
        else rejoin(`member ${memberId} has changed its subscription`);
        return;
      case GroupState.STABLE:
        // A leader may have seen topics change, which is in nobody's subscription.
        if (group.isLeader(memberId)) rejoin(`leader ${memberId} rejoins`);
        else if (!member.matches(protocols)) rejoin(`member ${memberId} has changed its subscription`);
        else done(joined(group, member, false));
        return;
      default:
        done(failedJoin(memberId, ErrorCode.UNKNOWN_MEMBER_ID));
    }
  }

  #addMemberAndRebalance(
    group: GroupMetadata,
    memberId: string,
    input: JoinGroupInput,
    protocols: readonly MemberProtocol[],
    done: JoinCallback,
  ): void {
    const { groupInstanceId, clientId, clientHost, rebalanceTimeoutMs, sessionTimeoutMs, protocolType } = input;
    const member = new MemberMetadata({
      memberId,
      groupInstanceId,
      clientId,
      clientHost,
      rebalanceTimeoutMs,
      sessionTimeoutMs,
      protocolType,
      protocols,
    });
    member.isNew = true;
    if (group.is(GroupState.PREPARING_REBALANCE) && group.generationId === 0) group.newMemberAdded = true;
    group.add(member, done);
    this.#startSession(group, member, newMemberJoinTimeoutMs);
    this.#maybePrepareRebalance(group, `member ${memberId} is new (client: ${input.reason ?? 'no reason given'})`);
  }

  /** A static member that lost its member id, having been started again, takes its place back (KIP-345). */
  #replaceStaticMember(
    group: GroupMetadata,
    member: MemberMetadata,
    newMemberId: string,
    groupInstanceId: string,
    input: JoinGroupInput,
    protocols: readonly MemberProtocol[],
    done: JoinCallback,
  ): void {
    const oldMemberId = member.memberId;
    const oldLeader = group.leaderId;
    const old = {
      protocols: member.protocols,
      rebalanceTimeoutMs: member.rebalanceTimeoutMs,
      sessionTimeoutMs: member.sessionTimeoutMs,
    };
    this.#logger.info(
      `Static member ${groupInstanceId} of group ${group.groupId} (${group.state}) is back: ${newMemberId} replaces ${oldMemberId}.`,
    );
    group.replaceStaticMember(member, groupInstanceId, newMemberId);
    group.updateMember(member, protocols, input.rebalanceTimeoutMs, input.sessionTimeoutMs, done);
    this.#startSession(group, member);
    const why = `static member ${groupInstanceId} came back as ${newMemberId} (client: ${input.reason ?? 'no reason given'})`;
    if (group.is(GroupState.COMPLETING_REBALANCE)) {
      // The leader may be working on an assignment for the old member id, which would reach nobody.
      this.#prepareRebalance(group, why);
      return;
    }
    if (!group.is(GroupState.STABLE)) return;
    if (group.selectProtocol() !== group.protocolName) {
      this.#maybePrepareRebalance(group, `${why}, and the group's protocol changes`);
      return;
    }
    // Nothing changes for the others; the new member id has to be known to the next coordinator, too.
    const generationId = group.generationId;
    const assignments = new Map(group.members.map(({ memberId, assignment }) => [memberId, assignment]));
    this.#manager.storeGroup(group, assignments, (error) => {
      const isAsBefore = group.is(GroupState.STABLE) && group.generationId === generationId;
      // What happened meanwhile answers, or has answered, in its own way.
      if (!isAsBefore || group.get(newMemberId) !== member || member.awaitingJoin !== done) return;
      if (error !== ErrorCode.NONE) {
        this.#logger.warn(
          `Group ${group.groupId} could not be written (${errorName(error)}): static member ${groupInstanceId} stays ${oldMemberId}.`,
        );
        group.answerJoin(member, {
          ...failedJoin(unknownMemberId, error),
          generationId,
          protocolType: group.protocolType ?? null,
          protocolName: group.protocolName ?? null,
          leader: oldLeader ?? '',
        });
        group.updateMember(member, old.protocols, old.rebalanceTimeoutMs, old.sessionTimeoutMs, undefined);
        group.replaceStaticMember(member, groupInstanceId, oldMemberId);
        this.#startSession(group, member);
        return;
      }
      // Who cannot skip the assignment is told that the leader is who it was: it must not begin to assign in a stable
      // group.
      const result = input.supportsSkippingAssignment
        ? { ...joined(group, member, true), skipAssignment: group.isLeader(newMemberId) }
        : { ...joined(group, member, false), leader: oldLeader ?? '' };
      group.answerJoin(member, result);
      this.#startSession(group, member);
    });
  }

  syncGroup(input: SyncGroupInput, done: SyncCallback): void {
    const { error, partition } = this.#lookUp(input.groupId);
    if (!partition) {
      // The rebalance that the client is in is forgotten; older clients know no "load in progress" here.
      done(failedSync(error === ErrorCode.COORDINATOR_LOAD_IN_PROGRESS ? ErrorCode.REBALANCE_IN_PROGRESS : error));
      return;
    }
    const group = partition.groups.get(input.groupId);
    if (!group) {
      done(failedSync(ErrorCode.UNKNOWN_MEMBER_ID));
      return;
    }
    const syncError = this.#syncError(group, input);
    const member = group.get(input.memberId);
    if (syncError !== undefined || !member) {
      done(failedSync(syncError ?? ErrorCode.UNKNOWN_MEMBER_ID));
      return;
    }
    switch (group.state) {
      case GroupState.PREPARING_REBALANCE:
        done(failedSync(ErrorCode.REBALANCE_IN_PROGRESS));
        return;
      case GroupState.COMPLETING_REBALANCE:
        group.awaitSync(member, done);
        this.#removePendingSyncMember(group, member.memberId);
        if (group.isLeader(member.memberId)) this.#assign(group, input);
        return;
      case GroupState.STABLE:
        this.#removePendingSyncMember(group, member.memberId);
        done({
          errorCode: ErrorCode.NONE,
          protocolType: group.protocolType ?? null,
          protocolName: group.protocolName ?? null,
          assignment: member.assignment,
        });
        this.#startSession(group, member);
        return;
      default:
        done(failedSync(ErrorCode.UNKNOWN_MEMBER_ID));
    }
  }

  #syncError(group: GroupMetadata, input: SyncGroupInput): ErrorCode | undefined {
    if (group.is(GroupState.DEAD)) return ErrorCode.COORDINATOR_NOT_AVAILABLE;
    const error = this.#memberError(group, input.memberId, input.groupInstanceId, 'sync-group');
    if (error !== undefined) return error;
    if (input.generationId !== group.generationId) return ErrorCode.ILLEGAL_GENERATION;
    const { protocolType, protocolName } = input;
    if (protocolType !== null && protocolType !== group.protocolType) return ErrorCode.INCONSISTENT_GROUP_PROTOCOL;
    if (protocolName !== null && protocolName !== group.protocolName) return ErrorCode.INCONSISTENT_GROUP_PROTOCOL;
    return undefined;
  }

  /** The leader has brought everybody's assignment: it is written, then given out. */
  #assign(group: GroupMetadata, { assignments: given, generationId, memberId: leader }: SyncGroupInput): void {
    const assignments = new Map<string, Buffer>();
    for (const { memberId } of group.members) assignments.set(memberId, noBytes);
    for (const { memberId, assignment } of given) {
      if (assignments.has(memberId)) assignments.set(memberId, Buffer.from(assignment));
    }
    this.#logger.info(
      `Leader ${leader} of group ${group.groupId} has brought the assignment for generation ${generationId}: ${group.size} members, ${group.staticMemberCount} of them static.`,
    );
    this.#manager.storeGroup(group, assignments, (error) => {
      // A rebalance may have begun while it was written.
      if (!group.is(GroupState.COMPLETING_REBALANCE) || generationId !== group.generationId) return;
      if (error === ErrorCode.NONE) {
        for (const member of group.members) member.assignment = assignments.get(member.memberId) ?? noBytes;
        this.#propagateAssignment(group, ErrorCode.NONE);
        group.transitionTo(GroupState.STABLE);
        this.#completedRebalances++;
      } else {
        this.#resetAndPropagateAssignmentError(group, error);
        this.#maybePrepareRebalance(group, `the assignment could not be written (${errorName(error)})`);
      }
    });
  }

  #resetAndPropagateAssignmentError(group: GroupMetadata, error: ErrorCode): void {
    for (const member of group.members) member.assignment = noBytes;
    this.#propagateAssignment(group, error);
  }

  #propagateAssignment(group: GroupMetadata, errorCode: ErrorCode): void {
    const isGood = errorCode === ErrorCode.NONE;
    const protocolType = isGood ? (group.protocolType ?? null) : null;
    const protocolName = isGood ? (group.protocolName ?? null) : null;
    for (const member of group.members) {
      const { assignment } = member;
      // While it waited its session could not end; now it counts again.
      if (group.answerSync(member, { errorCode, protocolType, protocolName, assignment })) {
        this.#startSession(group, member);
      }
    }
  }

  /** A whole answer in one turn; the session is moved by one assignment, no timer is touched. */
  heartbeat(groupId: string, memberId: string, groupInstanceId: string | null, generationId: number): ErrorCode {
    const { error, partition } = this.#lookUp(groupId);
    // While groups are loaded nobody knows better.
    if (!partition) return error === ErrorCode.COORDINATOR_LOAD_IN_PROGRESS ? ErrorCode.NONE : error;
    const group = partition.groups.get(groupId);
    if (!group) return ErrorCode.UNKNOWN_MEMBER_ID;
    if (group.is(GroupState.DEAD)) return ErrorCode.COORDINATOR_NOT_AVAILABLE;
    const memberError = this.#memberError(group, memberId, groupInstanceId, 'heartbeat');
    if (memberError !== undefined) return memberError;
    if (generationId !== group.generationId) return ErrorCode.ILLEGAL_GENERATION;
    const member = group.get(memberId);
    if (!member || group.is(GroupState.EMPTY)) return ErrorCode.UNKNOWN_MEMBER_ID;
    this.#startSession(group, member);
    return group.is(GroupState.PREPARING_REBALANCE) ? ErrorCode.REBALANCE_IN_PROGRESS : ErrorCode.NONE;
  }

  leaveGroup(groupId: string, leaving: readonly LeavingMember[]): LeaveGroupResult {
    const { error, partition } = this.#lookUp(groupId);
    if (!partition) return { errorCode: error, members: [] };
    const group = partition.groups.get(groupId);
    if (group?.is(GroupState.DEAD)) return { errorCode: ErrorCode.COORDINATOR_NOT_AVAILABLE, members: [] };
    return {
      errorCode: ErrorCode.NONE,
      members: leaving.map((member) => ({
        memberId: member.memberId,
        groupInstanceId: member.groupInstanceId,
        errorCode: group ? this.#leave(group, member) : ErrorCode.UNKNOWN_MEMBER_ID,
      })),
    };
  }

  #leave(group: GroupMetadata, { memberId, groupInstanceId, reason }: LeavingMember): ErrorCode {
    let leaving = memberId;
    if (memberId === unknownMemberId) {
      const current = groupInstanceId === null ? undefined : group.currentStaticMemberId(groupInstanceId);
      if (current === undefined) return ErrorCode.UNKNOWN_MEMBER_ID;
      leaving = current;
    } else if (group.isPendingMember(memberId)) {
      group.remove(memberId);
      this.#maybeCompleteJoin(group);
      return ErrorCode.NONE;
    } else {
      const error = this.#memberError(group, memberId, groupInstanceId, 'leave-group');
      if (error !== undefined) return error;
    }
    const member = group.get(leaving);
    if (!member) return ErrorCode.UNKNOWN_MEMBER_ID;
    this.#removeMember(group, member, `member ${leaving} leaves (client: ${reason ?? 'no reason given'})`);
    return ErrorCode.NONE;
  }

  // Offsets

  commitOffsets(input: CommitOffsetsInput, done: CommitOffsetsDone): void {
    const { groupId, generationId, offsets } = input;
    const fail = (error: ErrorCode): void => done(offsets.map(() => error));
    const { error, partition } = this.#lookUp(groupId, true);
    if (!partition) {
      fail(error);
      return;
    }
    let group = partition.groups.get(groupId);
    if (!group) {
      if (generationId >= 0) {
        // A member of a group that is not here any more.
        fail(ErrorCode.ILLEGAL_GENERATION);
        return;
      }
      group = this.#manager.createGroup(partition, groupId);
    }
    const commitError = this.#commitError(group, input, false);
    if (commitError !== undefined) fail(commitError);
    else if (group.is(GroupState.COMPLETING_REBALANCE)) {
      // A member of the new generation; it is about to get its assignment.
      fail(ErrorCode.REBALANCE_IN_PROGRESS);
    } else {
      const member = group.get(input.memberId);
      if (member) this.#startSession(group, member);
      this.#storeOffsets(group, offsets, undefined, done);
    }
    if (group.isVacant) this.#manager.dropGroup(group);
  }

  /** TxnOffsetCommit: the offsets count when the transaction's marker is written (`onTransactionCompleted`). */
  commitTransactionalOffsets(input: CommitOffsetsInput & CommittingProducer, done: CommitOffsetsDone): void {
    const { groupId, offsets } = input;
    const { error, partition } = this.#lookUp(groupId);
    if (!partition) {
      done(offsets.map(() => error));
      return;
    }
    const group = partition.groups.get(groupId) ?? this.#manager.createGroup(partition, groupId);
    const commitError = this.#commitError(group, input, true);
    if (commitError !== undefined) done(offsets.map(() => commitError));
    else this.#storeOffsets(group, offsets, input, done);
    if (group.isVacant) this.#manager.dropGroup(group);
  }

  #storeOffsets(
    group: GroupMetadata,
    offsets: readonly OffsetToCommit[],
    producer: CommittingProducer | undefined,
    done: CommitOffsetsDone,
  ): void {
    const acceptable = offsets.filter(({ offset }) => this.#manager.isMetadataAcceptable(offset.metadata));
    const answer = (error: ErrorCode): void => {
      if (acceptable.length === offsets.length) done(offsets.map(() => error));
      else {
        const stored = new Set(acceptable);
        done(offsets.map((offset) => (stored.has(offset) ? error : ErrorCode.OFFSET_METADATA_TOO_LARGE)));
      }
    };
    if (acceptable.length === 0) answer(ErrorCode.NONE);
    else this.#manager.storeOffsets(group, acceptable, producer, answer);
  }

  #commitError(group: GroupMetadata, input: CommitOffsetsInput, isTransactional: boolean): ErrorCode | undefined {
    const { memberId, groupInstanceId, generationId } = input;
    if (group.is(GroupState.DEAD)) return ErrorCode.COORDINATOR_NOT_AVAILABLE;
    const isEmpty = group.is(GroupState.EMPTY);
    // A tool, or a consumer that assigns itself.
    if (generationId < 0 && isEmpty) return undefined;
    if (generationId >= 0 || memberId !== unknownMemberId || groupInstanceId !== null) {
      const what = isTransactional ? 'txn-offset-commit' : 'offset-commit';
      const error = this.#memberError(group, memberId, groupInstanceId, what);
      if (error !== undefined) return error;
      return generationId === group.generationId ? undefined : ErrorCode.ILLEGAL_GENERATION;
    }
    // Old transactional producers say nothing of the member they commit for.
    return isTransactional || isEmpty ? undefined : ErrorCode.UNKNOWN_MEMBER_ID;
  }

  /**
   * @param topics null: everything that the group has committed
   * @param requireStable offsets that are about to change are answered with UNSTABLE_OFFSET_COMMIT
   */
  fetchOffsets(groupId: string, requireStable: boolean, topics: readonly TopicPartitions[] | null): FetchOffsetsResult {
    const { error, partition } = this.#lookUp(groupId, true);
    if (!partition) return { errorCode: error, topics: [] };
    const known = partition.groups.get(groupId);
    const group = known?.is(GroupState.DEAD) ? undefined : known;
    if (topics === null) {
      const all = group ? [...group.offsets.committed.topics] : [];
      return {
        errorCode: ErrorCode.NONE,
        topics: all.map(([name, partitions]) => ({
          name,
          partitions: [...partitions.keys()].map((index) => fetchedOffset(group, name, index, requireStable)),
        })),
      };
    }
    return {
      errorCode: ErrorCode.NONE,
      topics: topics.map(({ name, partitionIndexes }) => ({
        name,
        partitions: partitionIndexes.map((index) => fetchedOffset(group, name, index, requireStable)),
      })),
    };
  }

  /** Errors in the order of `partitions`; none when the whole group is refused. */
  deleteOffsets(
    groupId: string,
    partitions: readonly GroupTopicPartition[],
  ): { readonly errorCode: ErrorCode; readonly errors: readonly ErrorCode[] } {
    const refuse = (errorCode: ErrorCode): { errorCode: ErrorCode; errors: ErrorCode[] } => ({ errorCode, errors: [] });
    const { error, partition } = this.#lookUp(groupId);
    if (!partition) return refuse(error);
    const group = partition.groups.get(groupId);
    if (!group || group.is(GroupState.DEAD)) return refuse(ErrorCode.GROUP_ID_NOT_FOUND);
    const isEmpty = group.is(GroupState.EMPTY);
    if (!isEmpty && group.protocolType !== consumerProtocolType) return refuse(ErrorCode.NON_EMPTY_GROUP);
    const errors = partitions.map(({ topic }) =>
      isEmpty || !group.isSubscribedTo(topic) ? ErrorCode.NONE : ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC,
    );
    const removed = partitions.filter(
      ({ topic, partition: index }, i) => errors[i] === ErrorCode.NONE && group.offsets.remove(topic, index),
    );
    if (errors.includes(ErrorCode.NONE)) this.#manager.writeTombstones(group, removed);
    this.#deletedOffsets += removed.length;
    return { errorCode: ErrorCode.NONE, errors };
  }

  // Administration

  listGroups(
    states: readonly string[],
    types: readonly string[],
  ): { readonly errorCode: ErrorCode; readonly groups: readonly GroupOverview[] } {
    if (!this.#isActive) return { errorCode: ErrorCode.COORDINATOR_NOT_AVAILABLE, groups: [] };
    const wanted = new Set(states.map((state) => state.toLowerCase()));
    const groups: GroupOverview[] = [];
    // All groups here are classic ones.
    if (types.length === 0 || types.some((type) => type.toLowerCase() === 'classic')) {
      for (const group of this.#manager.groups()) {
        if (wanted.size === 0 || wanted.has(group.state.toLowerCase())) groups.push(group.overview());
      }
    }
    return {
      errorCode: this.#manager.isLoading ? ErrorCode.COORDINATOR_LOAD_IN_PROGRESS : ErrorCode.NONE,
      groups,
    };
  }

  /** A group that does not exist is described as dead. */
  describeGroup(groupId: string): DescribedGroup {
    const { error, partition } = this.#lookUp(groupId, true);
    const none = { groupId, protocolType: '', protocolData: '', members: [] };
    if (!partition) return { ...none, errorCode: error, groupState: '' };
    const group = partition.groups.get(groupId);
    return group?.describe() ?? { ...none, errorCode: ErrorCode.NONE, groupState: GroupState.DEAD };
  }

  deleteGroup(groupId: string): ErrorCode {
    const { error, partition } = this.#lookUp(groupId, true);
    if (!partition) return error;
    const group = partition.groups.get(groupId);
    if (!group || group.is(GroupState.DEAD)) return ErrorCode.GROUP_ID_NOT_FOUND;
    if (!group.is(GroupState.EMPTY)) return ErrorCode.NON_EMPTY_GROUP;
    group.transitionTo(GroupState.DEAD);
    const removed = group.offsets.removeAll();
    this.#manager.writeTombstones(group, removed);
    this.#deletedOffsets += removed.length;
    this.#logger.info(`Group ${groupId} was deleted, with ${removed.length} offsets.`);
    return ErrorCode.NONE;
  }

  // What happens to the broker

  /** This broker leads a partition of __consumer_offsets from now on. */
  onElection(partition: CoordinatorPartition): void {
    this.#logger.info(
      `Elected as group coordinator of ${partitionName(partition)} in leader epoch ${partition.leaderEpoch}.`,
    );
    this.#manager.load(partition, (group) => this.#groupLoaded(group));
  }

  onResignation(of: TopicPartition, leaderEpoch: number): void {
    this.#logger.info(`Resigned as group coordinator of ${partitionName(of)} in leader epoch ${leaderEpoch}.`);
    this.#manager.unload(of, leaderEpoch, (group) => this.#groupUnloaded(group));
  }

  /** What happens every offsets.retention.check.interval.ms, now; resolves to how many offsets were removed. */
  cleanupExpiredOffsets(): Promise<number> {
    return this.#manager.cleanupExpired();
  }

  /** Topics were deleted: no group needs their offsets any more. */
  partitionsDeleted(partitions: readonly GroupTopicPartition[]): void {
    for (const group of [...this.#manager.groups()]) {
      const removed = partitions.filter(({ topic, partition }) => group.offsets.remove(topic, partition));
      if (removed.length > 0) this.#manager.writeTombstones(group, removed);
    }
  }

  /** A transaction's marker was written to these partitions of __consumer_offsets. */
  onTransactionCompleted(producerId: number, partitions: Iterable<number>, isCommit: boolean): void {
    this.#manager.completeTransaction(producerId, partitions, isCommit);
  }

  #groupLoaded(group: GroupMetadata): void {
    if (group.size > this.options.maxSize) {
      this.#prepareRebalance(group, `it has more than group.max.size=${this.options.maxSize} members`);
    }
    for (const member of group.members) this.#startSession(group, member);
  }

  #groupUnloaded(group: GroupMetadata): void {
    group.transitionTo(GroupState.DEAD);
    group.stopTimers();
    for (const member of group.members) {
      group.answerJoin(member, failedJoin(member.memberId, ErrorCode.NOT_COORDINATOR));
      group.answerSync(member, failedSync(ErrorCode.NOT_COORDINATOR));
    }
  }

  // Rebalances

  #maybePrepareRebalance(group: GroupMetadata, why: string): void {
    if (group.canRebalance) this.#prepareRebalance(group, why);
  }

  #prepareRebalance(group: GroupMetadata, why: string): void {
    // Who waits for an assignment has to join again.
    if (group.is(GroupState.COMPLETING_REBALANCE)) {
      this.#resetAndPropagateAssignmentError(group, ErrorCode.REBALANCE_IN_PROGRESS);
    }
    this.#stopPendingSync(group);
    this.#logger.info(
      `Group ${group.groupId} (${group.state}, generation ${group.generationId}) prepares to rebalance: ${why}.`,
    );
    const wasEmpty = group.is(GroupState.EMPTY);
    group.transitionTo(GroupState.PREPARING_REBALANCE);
    if (wasEmpty) {
      const delayMs = this.options.initialRebalanceDelayMs;
      this.#delayInitialJoin(group, delayMs, Math.max(group.rebalanceTimeoutMs - delayMs, 0));
    } else {
      this.#delayJoin(group);
    }
  }

  #delayJoin(group: GroupMetadata): void {
    const timer = this.#io.clock.timer(group.rebalanceTimeoutMs, () => this.#completeJoin(group));
    group.delayedJoin = { timer, isInitial: false };
    this.#maybeCompleteJoin(group);
  }

  /** The first members of a group are usually started together: their rebalance waits, and again while more come. */
  #delayInitialJoin(group: GroupMetadata, delayMs: number, remainingMs: number): void {
    const timer = this.#io.clock.timer(delayMs, () => {
      if (!group.newMemberAdded || remainingMs === 0) {
        this.#completeJoin(group);
        return;
      }
      group.newMemberAdded = false;
      const nextMs = Math.min(this.options.initialRebalanceDelayMs, remainingMs);
      this.#delayInitialJoin(group, nextMs, Math.max(remainingMs - delayMs, 0));
    });
    group.delayedJoin = { timer, isInitial: true };
  }

  #maybeCompleteJoin(group: GroupMetadata): void {
    if (!group.delayedJoin || group.delayedJoin.isInitial || !group.hasAllMembersJoined) return;
    this.#completeJoin(group);
  }

  /** Everybody has joined, or the time for it is over. */
  #completeJoin(group: GroupMetadata): void {
    group.delayedJoin?.timer.cancel();
    group.delayedJoin = undefined;
    if (!group.is(GroupState.PREPARING_REBALANCE)) return;
    for (const member of group.members) {
      if (member.awaitingJoin || member.isStatic) continue;
      this.#logger.info(`Member ${member.memberId} has not rejoined group ${group.groupId} in time and is removed.`);
      group.remove(member.memberId);
    }
    if (!group.maybeElectNewJoinedLeader() && group.size > 0) {
      // Static members alone are left, and none has joined: their sessions decide.
      this.#logger.warn(`No member of group ${group.groupId} has rejoined: its rebalance waits once more.`);
      this.#delayJoin(group);
      return;
    }
    group.initNextGeneration();
    if (group.is(GroupState.EMPTY)) {
      this.#logger.info(`Group ${group.groupId} is empty from generation ${group.generationId} on.`);
      this.#manager.storeGroup(group, new Map(), (error) => {
        if (error === ErrorCode.NONE) return;
        // After a failover the members of the last generation are expected once more, and time out.
        this.#logger.warn(`That group ${group.groupId} is empty could not be written: ${errorName(error)}.`);
      });
      return;
    }
    this.#logger.info(`Group ${group.groupId} is in generation ${group.generationId} with ${group.size} members.`);
    for (const member of group.members) {
      member.isNew = false;
      group.answerJoin(member, joined(group, member, true));
      this.#startSession(group, member);
      group.addPendingSyncMember(member.memberId);
    }
    const { generationId } = group;
    group.delayedSync = this.#io.clock.timer(group.rebalanceTimeoutMs, () =>
      this.#expirePendingSync(group, generationId),
    );
  }

  #removePendingSyncMember(group: GroupMetadata, memberId: string): void {
    group.removePendingSyncMember(memberId);
    if (group.pendingSyncMembers.size === 0) this.#stopPendingSync(group);
  }

  #stopPendingSync(group: GroupMetadata): void {
    group.clearPendingSyncMembers();
    group.delayedSync?.cancel();
    group.delayedSync = undefined;
  }

  /** Members took their generation and never asked for their assignment: without them, then. */
  #expirePendingSync(group: GroupMetadata, generationId: number): void {
    group.delayedSync = undefined;
    const isInGeneration = group.is(GroupState.COMPLETING_REBALANCE) || group.is(GroupState.STABLE);
    if (!isInGeneration || generationId !== group.generationId || group.pendingSyncMembers.size === 0) return;
    const missing = [...group.pendingSyncMembers];
    for (const memberId of missing) group.remove(memberId);
    this.#prepareRebalance(group, `members ${missing.join(', ')} did not ask for their assignment in time`);
  }

  #removeMember(group: GroupMetadata, member: MemberMetadata, why: string): void {
    group.remove(member.memberId);
    if (group.is(GroupState.STABLE) || group.is(GroupState.COMPLETING_REBALANCE)) {
      this.#maybePrepareRebalance(group, why);
    } else {
      this.#maybeCompleteJoin(group);
    }
  }

  // Sessions

  /** The member is alive: its session lasts from now on. Without need no timer is touched. */
  #startSession(group: GroupMetadata, member: MemberMetadata, timeoutMs = member.sessionTimeoutMs): void {
    const dueMs = this.#io.clock.monotonicMs() + timeoutMs;
    member.sessionDeadlineMs = dueMs;
    if (member.sessionTimer && member.sessionTimerDueMs <= dueMs) return;
    member.sessionTimer?.cancel();
    this.#watchSession(group, member, timeoutMs);
  }

  #watchSession(group: GroupMetadata, member: MemberMetadata, delayMs: number): void {
    member.sessionTimerDueMs = this.#io.clock.monotonicMs() + delayMs;
    member.sessionTimer = this.#io.clock.timer(delayMs, () => {
      member.sessionTimer = undefined;
      if (group.is(GroupState.DEAD) || group.get(member.memberId) !== member) return;
      const leftMs = member.sessionDeadlineMs - this.#io.clock.monotonicMs();
      if (leftMs > 0) {
        this.#watchSession(group, member, leftMs);
      } else if (member.mayExpire) {
        this.#logger.info(`Member ${member.memberId} of group ${group.groupId} has not been heard of in time.`);
        this.#removeMember(group, member, `the session of member ${member.memberId} has expired`);
      }
    });
  }

  #expirePendingMember(group: GroupMetadata, memberId: string): void {
    if (group.is(GroupState.DEAD) || !group.isPendingMember(memberId)) return;
    this.#logger.info(`Member ${memberId} of group ${group.groupId} has not come back with its member id in time.`);
    group.remove(memberId);
    this.#maybeCompleteJoin(group);
    if (group.isVacant) this.#manager.dropGroup(group);
  }

  // Checks

  /** Whether this broker coordinates the group, now. Offsets and tools may use the empty group id, for old clients. */
  #lookUp(groupId: string, isEmptyIdValid = false): Lookup {
    if (groupId === '' && !isEmptyIdValid) return { error: ErrorCode.INVALID_GROUP_ID };
    if (!this.#isActive) return { error: ErrorCode.COORDINATOR_NOT_AVAILABLE };
    const partition = this.#manager.lookUp(groupId);
    return typeof partition === 'object' ? { partition } : { error: partition };
  }

  #memberError(
    group: GroupMetadata,
    memberId: string,
    groupInstanceId: string | null,
    what: string,
  ): ErrorCode | undefined {
    if (groupInstanceId !== null) {
      const current = group.currentStaticMemberId(groupInstanceId);
      if (current === undefined) return ErrorCode.UNKNOWN_MEMBER_ID;
      if (current !== memberId) {
        this.#logger.info(
          `The ${what} of ${memberId}, static member ${groupInstanceId} of group ${group.groupId}, is fenced: that is ${current} now.`,
        );
        return ErrorCode.FENCED_INSTANCE_ID;
      }
    }
    return group.has(memberId) ? undefined : ErrorCode.UNKNOWN_MEMBER_ID;
  }

  #randomUuid(): string {
    const bytes = this.#io.random.bytes(16);
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    const hex = bytes.toString('hex');
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  }
}

/** The answer to a JoinGroup that worked out; the leader gets everybody's subscription if `tellLeader`. */
function joined(group: GroupMetadata, member: MemberMetadata, tellLeader: boolean): JoinGroupResult {
  return {
    errorCode: ErrorCode.NONE,
    generationId: group.generationId,
    protocolType: group.protocolType ?? null,
    protocolName: group.protocolName ?? null,
    leader: group.leaderId ?? '',
    skipAssignment: false,
    memberId: member.memberId,
    members: tellLeader && group.isLeader(member.memberId) ? group.memberSubscriptions : [],
  };
}

/** Copies: the request's buffer goes its own way. A name that comes twice counts once. */
function distinctProtocols(protocols: readonly MemberProtocol[]): MemberProtocol[] {
  const distinct = new Map<string, MemberProtocol>();
  for (const { name, metadata } of protocols) {
    if (!distinct.has(name)) distinct.set(name, { name, metadata: Buffer.from(metadata) });
  }
  return [...distinct.values()];
}

function fetchedOffset(
  group: GroupMetadata | undefined,
  topic: string,
  partitionIndex: number,
  requireStable: boolean,
): FetchedOffset {
  if (requireStable && group?.offsets.isUnstable(topic, partitionIndex)) {
    return noOffset(partitionIndex, ErrorCode.UNSTABLE_OFFSET_COMMIT);
  }
  const committed = group?.offsets.committed.get(topic, partitionIndex);
  if (!committed) return noOffset(partitionIndex, ErrorCode.NONE);
  return {
    partitionIndex,
    committedOffset: committed.offset,
    committedLeaderEpoch: committed.leaderEpoch,
    metadata: committed.metadata,
    errorCode: ErrorCode.NONE,
  };
}

function noOffset(partitionIndex: number, errorCode: ErrorCode): FetchedOffset {
  return { partitionIndex, committedOffset: -1, committedLeaderEpoch: -1, metadata: '', errorCode };
}
