import type { Timer } from '../io/clock';
import type { Logger } from '../logging/logger';
import { decodeMessage } from '../protocol/codec';
import { ErrorCode, ProtocolError } from '../protocol/errors';
import { ConsumerProtocolSubscription } from '../protocol/internal/consumer-protocol';
import { versionOf } from '../protocol/internal/versioned-record';
import { GroupOffsets, type GroupTopicPartition } from './group-offsets';
import {
  failedJoin,
  failedSync,
  type GroupOverview,
  type DescribedGroup,
  type JoinCallback,
  type JoinGroupMember,
  type JoinGroupResult,
  noBytes,
  type SyncCallback,
  type SyncGroupResult,
  unknownMemberId,
} from './group-results';
import { canTransition, GroupState } from './group-state';
import type { MemberMetadata, MemberProtocol } from './member-metadata';

/** What consumers call themselves in JoinGroup. Other protocol types are not looked into. */
export const consumerProtocolType = 'consumer';

/** A rebalance that gathers its members: until the timer fires, or everybody is there (unless it is the initial delay). */
export interface DelayedJoin {
  readonly timer: Timer;
  readonly isInitial: boolean;
}

/**
 * One group: its members, generation, chosen protocol and offsets (Kafka's GroupMetadata). The coordinator decides what
 * happens; this keeps what it decided consistent.
 */
export class GroupMetadata {
  readonly offsets = new GroupOffsets();
  readonly #logger: Logger;
  readonly #wallMs: () => number;
  #state: GroupState;
  /** Wall time of the last change of state; `undefined`: loaded from a record that had none. */
  currentStateTimestamp: number | undefined;
  protocolType: string | undefined;
  protocolName: string | undefined;
  generationId = 0;
  leaderId: string | undefined;
  /** More members came while the first rebalance waited: it may wait once more. */
  newMemberAdded = false;
  delayedJoin: DelayedJoin | undefined;
  /** Ends the wait for members that have their generation and do not ask for their assignment. */
  delayedSync: Timer | undefined;

  readonly #members = new Map<string, MemberMetadata>();
  /** Member id by group instance id. */
  readonly #staticMembers = new Map<string, string>();
  /** Member ids that were given out and not used yet, with the timers that forget them (KIP-394). */
  readonly #pendingMembers = new Map<string, Timer>();
  readonly #pendingSyncMembers = new Set<string>();
  #awaitingJoin = 0;
  /** How many members support a protocol. */
  readonly #supportedProtocols = new Map<string, number>();
  #subscribedTopics: ReadonlySet<string> | undefined;

  /** @param offsetsPartition the partition of __consumer_offsets that holds it */
  constructor(
    readonly groupId: string,
    readonly offsetsPartition: number,
    initialState: GroupState,
    wallMs: () => number,
    logger: Logger,
  ) {
    this.#state = initialState;
    this.#wallMs = wallMs;
    this.#logger = logger;
    this.currentStateTimestamp = wallMs();
  }

  get state(): GroupState {
    return this.#state;
  }

  is(state: GroupState): boolean {
    return this.#state === state;
  }

  get canRebalance(): boolean {
    return canTransition(this.#state, GroupState.PREPARING_REBALANCE);
  }

  transitionTo(state: GroupState): void {
    if (!canTransition(this.#state, state)) {
      throw new Error(`Group ${this.groupId} cannot go from ${this.#state} to ${state}.`);
    }
    this.#state = state;
    this.currentStateTimestamp = this.#wallMs();
  }

  get size(): number {
    return this.#members.size;
  }

  has(memberId: string): boolean {
    return this.#members.has(memberId);
  }

  get(memberId: string): MemberMetadata | undefined {
    return this.#members.get(memberId);
  }

  /** A copy: what is done to a member may take it out of the group. */
  get members(): MemberMetadata[] {
    return [...this.#members.values()];
  }

  isLeader(memberId: string): boolean {
    return this.leaderId === memberId;
  }

  currentStaticMemberId(groupInstanceId: string): string | undefined {
    return this.#staticMembers.get(groupInstanceId);
  }

  get staticMemberCount(): number {
    return this.#staticMembers.size;
  }

  add(member: MemberMetadata, callback?: JoinCallback): void {
    if (this.#members.size === 0) this.protocolType = member.protocolType;
    if (member.groupInstanceId !== null) this.#staticMembers.set(member.groupInstanceId, member.memberId);
    this.leaderId ??= member.memberId;
    this.#members.set(member.memberId, member);
    this.#countProtocols(member.protocols, 1);
    member.awaitingJoin = callback;
    if (callback) this.#awaitingJoin++;
    this.removePendingMember(member.memberId);
  }

  /** Takes a member out. What it still waits for is answered with UNKNOWN_MEMBER_ID. */
  remove(memberId: string): void {
    const member = this.#members.get(memberId);
    if (member) {
      this.answerJoin(member, failedJoin(unknownMemberId, ErrorCode.UNKNOWN_MEMBER_ID));
      this.answerSync(member, failedSync(ErrorCode.UNKNOWN_MEMBER_ID));
      this.#members.delete(memberId);
      this.#countProtocols(member.protocols, -1);
      member.stopSessionTimer();
      const { groupInstanceId } = member;
      if (groupInstanceId !== null && this.#staticMembers.get(groupInstanceId) === memberId) {
        this.#staticMembers.delete(groupInstanceId);
      }
    }
    if (this.isLeader(memberId)) this.leaderId = firstKey(this.#members);
    this.removePendingMember(memberId);
    this.#pendingSyncMembers.delete(memberId);
  }

  isPendingMember(memberId: string): boolean {
    return this.#pendingMembers.has(memberId);
  }

  get pendingMemberCount(): number {
    return this.#pendingMembers.size;
  }

  addPendingMember(memberId: string, expiry: Timer): void {
    this.#pendingMembers.set(memberId, expiry);
  }

  removePendingMember(memberId: string): void {
    this.#pendingMembers.get(memberId)?.cancel();
    this.#pendingMembers.delete(memberId);
  }

  /** New words of a member; with a callback it waits for the rebalance from now on, without it does not wait any more. */
  updateMember(
    member: MemberMetadata,
    protocols: readonly MemberProtocol[],
    rebalanceTimeoutMs: number,
    sessionTimeoutMs: number,
    callback: JoinCallback | undefined,
  ): void {
    this.#countProtocols(member.protocols, -1);
    member.protocols = protocols;
    this.#countProtocols(protocols, 1);
    member.rebalanceTimeoutMs = rebalanceTimeoutMs;
    member.sessionTimeoutMs = sessionTimeoutMs;
    // The client has asked again without waiting for the first answer; each of its requests gets one.
    this.answerJoin(member, failedJoin(member.memberId, ErrorCode.REBALANCE_IN_PROGRESS));
    member.awaitingJoin = callback;
    if (callback) this.#awaitingJoin++;
  }

  /** A static member comes back under a new member id. Who still waits under the old one is fenced. */
  replaceStaticMember(member: MemberMetadata, groupInstanceId: string, newMemberId: string): void {
    const oldMemberId = member.memberId;
    this.answerJoin(member, failedJoin(oldMemberId, ErrorCode.FENCED_INSTANCE_ID));
    this.answerSync(member, failedSync(ErrorCode.FENCED_INSTANCE_ID));
    this.#members.delete(oldMemberId);
    member.memberId = newMemberId;
    this.#members.set(newMemberId, member);
    if (this.isLeader(oldMemberId)) this.leaderId = newMemberId;
    this.#staticMembers.set(groupInstanceId, newMemberId);
    if (this.#pendingSyncMembers.delete(oldMemberId)) this.#pendingSyncMembers.add(newMemberId);
  }

  /** How many members wait in a JoinGroup. */
  get awaitingJoinCount(): number {
    return this.#awaitingJoin;
  }

  get hasAllMembersJoined(): boolean {
    return this.#members.size === this.#awaitingJoin && this.#pendingMembers.size === 0;
  }

  /** Answers a member's JoinGroup if it waits in one; returns whether it did. */
  answerJoin(member: MemberMetadata, result: JoinGroupResult): boolean {
    const callback = member.awaitingJoin;
    if (!callback) return false;
    member.awaitingJoin = undefined;
    this.#awaitingJoin--;
    this.#answer('JoinGroup', member, () => callback(result));
    return true;
  }

  awaitSync(member: MemberMetadata, callback: SyncCallback): void {
    this.answerSync(member, failedSync(ErrorCode.REBALANCE_IN_PROGRESS));
    member.awaitingSync = callback;
  }

  answerSync(member: MemberMetadata, result: SyncGroupResult): boolean {
    const callback = member.awaitingSync;
    if (!callback) return false;
    member.awaitingSync = undefined;
    this.#answer('SyncGroup', member, () => callback(result));
    return true;
  }

  /** A connection that cannot take its answer does not stop the group's. */
  #answer(what: string, member: MemberMetadata, answer: () => void): void {
    try {
      answer();
    } catch (error) {
      this.#logger.error(`The ${what} of member ${member.memberId} of group ${this.groupId} could not be answered.`, {
        error,
      });
    }
  }

  addPendingSyncMember(memberId: string): void {
    this.#pendingSyncMembers.add(memberId);
  }

  removePendingSyncMember(memberId: string): void {
    this.#pendingSyncMembers.delete(memberId);
  }

  /** Members that have their generation and have not asked for their assignment. */
  get pendingSyncMembers(): ReadonlySet<string> {
    return this.#pendingSyncMembers;
  }

  clearPendingSyncMembers(): void {
    this.#pendingSyncMembers.clear();
  }

  /**
   * Whether the leader is among those who joined; if it is not, one of them becomes leader. False when nobody joined, or
   * nobody is there.
   */
  maybeElectNewJoinedLeader(): boolean {
    if (this.leaderId === undefined) return false;
    if (this.#members.get(this.leaderId)?.awaitingJoin) return true;
    for (const member of this.#members.values()) {
      if (!member.awaitingJoin) continue;
      this.#logger.info(
        `The leader ${this.leaderId} of group ${this.groupId} did not rejoin in time: ${member.memberId} leads from now on.`,
      );
      this.leaderId = member.memberId;
      return true;
    }
    return false;
  }

  /** The longest of its members: how long a rebalance waits for them. */
  get rebalanceTimeoutMs(): number {
    let longest = 0;
    for (const { rebalanceTimeoutMs } of this.#members.values()) longest = Math.max(longest, rebalanceTimeoutMs);
    return longest;
  }

  /** Whether a member with these protocols fits in: there is one that all of the others have too. */
  supportsProtocols(protocolType: string, protocols: readonly MemberProtocol[]): boolean {
    if (this.is(GroupState.EMPTY)) return protocolType !== '' && protocols.length > 0;
    return protocolType === this.protocolType && protocols.some(({ name }) => this.#isSupportedByAll(name));
  }

  /** The protocol that most members like best among those that all of them have. There must be members. */
  selectProtocol(): string {
    const candidates = new Set([...this.#supportedProtocols.keys()].filter((name) => this.#isSupportedByAll(name)));
    const votes = new Map<string, number>();
    let chosen: string | undefined;
    for (const member of this.#members.values()) {
      const choice = member.vote(candidates);
      votes.set(choice, (votes.get(choice) ?? 0) + 1);
      chosen ??= choice;
    }
    if (chosen === undefined) throw new Error(`Group ${this.groupId} has no members to choose a protocol.`);
    for (const [name, count] of votes) if (count > votes.get(chosen)!) chosen = name;
    return chosen;
  }

  /** Everybody who will has joined: a new generation, with members or without. */
  initNextGeneration(): void {
    this.generationId++;
    if (this.#members.size > 0) {
      this.protocolName = this.selectProtocol();
      this.computeSubscribedTopics();
      this.transitionTo(GroupState.COMPLETING_REBALANCE);
    } else {
      this.protocolName = undefined;
      this.computeSubscribedTopics();
      this.transitionTo(GroupState.EMPTY);
    }
    this.clearPendingSyncMembers();
  }

  /** Of all members, for the leader. */
  get memberSubscriptions(): JoinGroupMember[] {
    const protocol = this.protocolName ?? '';
    return [...this.#members.values()].map((member) => ({
      memberId: member.memberId,
      groupInstanceId: member.groupInstanceId,
      metadata: member.metadata(protocol),
    }));
  }

  /** Reads the topics that consumers subscribe to; after a new generation or loading. */
  computeSubscribedTopics(): void {
    this.#subscribedTopics = this.#readSubscribedTopics();
  }

  /** `undefined`: not a consumer group, or its subscriptions cannot be read. */
  get subscribedTopics(): ReadonlySet<string> | undefined {
    return this.#subscribedTopics;
  }

  #readSubscribedTopics(): ReadonlySet<string> | undefined {
    if (this.protocolType !== consumerProtocolType) return undefined;
    const topics = new Set<string>();
    if (this.#members.size === 0) return topics;
    if (this.protocolName === undefined) return undefined;
    try {
      for (const member of this.#members.values()) {
        const metadata = member.metadata(this.protocolName);
        if (versionOf(metadata) < 0) throw new ProtocolError(`version ${versionOf(metadata)}`);
        // Every version begins as version 0 does.
        for (const topic of decodeMessage(ConsumerProtocolSubscription, 0, metadata, 2).topics) topics.add(topic);
      }
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#logger.warn(
        `A subscription in group ${this.groupId} cannot be read, so its offsets do not expire while it has members: ${error.message}.`,
      );
      return undefined;
    }
    return topics;
  }

  /** True also where it is not known. */
  isSubscribedTo(topic: string): boolean {
    return this.#subscribedTopics?.has(topic) ?? true;
  }

  /**
   * Forgets the offsets whose time is over (KIP-211): those of an empty group from when it became empty, those of a
   * topic that nobody in it reads any more, and those of a group that only ever committed, from their last commit.
   */
  removeExpiredOffsets(nowMs: number, retentionMs: number): GroupTopicPartition[] {
    const { protocolType } = this;
    if (protocolType === undefined) {
      return this.offsets.removeExpired((_topic, { expireTimestamp, commitTimestamp }) =>
        isOver(nowMs, expireTimestamp, commitTimestamp, retentionMs),
      );
    }
    if (this.is(GroupState.EMPTY)) {
      const emptySince = this.currentStateTimestamp;
      return this.offsets.removeExpired((_topic, { expireTimestamp, commitTimestamp }) =>
        isOver(nowMs, expireTimestamp, emptySince ?? commitTimestamp, retentionMs),
      );
    }
    const subscribed = this.#subscribedTopics;
    if (!this.is(GroupState.STABLE) || subscribed === undefined) return [];
    return this.offsets.removeExpired(
      (topic, { expireTimestamp, commitTimestamp }) =>
        !subscribed.has(topic) && isOver(nowMs, expireTimestamp, commitTimestamp, retentionMs),
    );
  }

  /** Nobody is or was here: neither members, nor member ids given out, nor offsets. */
  get isVacant(): boolean {
    return (
      this.is(GroupState.EMPTY) &&
      this.generationId === 0 &&
      this.#members.size === 0 &&
      this.#pendingMembers.size === 0 &&
      this.offsets.isEmpty
    );
  }

  overview(): GroupOverview {
    return {
      groupId: this.groupId,
      protocolType: this.protocolType ?? '',
      groupState: this.#state,
      groupType: 'classic',
    };
  }

  /** Subscriptions and assignments are told of a stable group alone: in others they are about to change. */
  describe(): DescribedGroup {
    const protocol = this.is(GroupState.STABLE) ? this.protocolName : undefined;
    return {
      errorCode: ErrorCode.NONE,
      groupId: this.groupId,
      groupState: this.#state,
      protocolType: this.protocolType ?? '',
      protocolData: protocol ?? '',
      members: [...this.#members.values()].map((member) => ({
        memberId: member.memberId,
        groupInstanceId: member.groupInstanceId,
        clientId: member.clientId,
        clientHost: member.clientHost,
        memberMetadata: protocol === undefined ? noBytes : member.metadata(protocol),
        memberAssignment: protocol === undefined ? noBytes : member.assignment,
      })),
    };
  }

  /** Nothing fires any more for this group. */
  stopTimers(): void {
    this.delayedJoin?.timer.cancel();
    this.delayedJoin = undefined;
    this.delayedSync?.cancel();
    this.delayedSync = undefined;
    for (const memberId of [...this.#pendingMembers.keys()]) this.removePendingMember(memberId);
    for (const member of this.#members.values()) member.stopSessionTimer();
  }

  #isSupportedByAll(protocol: string): boolean {
    return (this.#supportedProtocols.get(protocol) ?? 0) === this.#members.size;
  }

  #countProtocols(protocols: readonly MemberProtocol[], by: 1 | -1): void {
    for (const { name } of protocols) {
      const count = (this.#supportedProtocols.get(name) ?? 0) + by;
      if (count === 0) this.#supportedProtocols.delete(name);
      else this.#supportedProtocols.set(name, count);
    }
  }
}

function isOver(nowMs: number, expireTimestamp: number | undefined, sinceMs: number, retentionMs: number): boolean {
  return expireTimestamp === undefined ? nowMs - sinceMs >= retentionMs : nowMs >= expireTimestamp;
}

function firstKey(map: ReadonlyMap<string, unknown>): string | undefined {
  for (const key of map.keys()) return key;
  return undefined;
}
