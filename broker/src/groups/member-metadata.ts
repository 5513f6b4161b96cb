import type { Timer } from '../io/clock';
import { type JoinCallback, noBytes, type SyncCallback } from './group-results';

/** A protocol (assignor) that a member can work with, and what it tells the leader under it. */
export interface MemberProtocol {
  readonly name: string;
  readonly metadata: Buffer;
}

/** What a member said about itself when it joined. */
export interface MemberDescription {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly clientId: string;
  /** As Java prints an address: `/10.0.0.7`. */
  readonly clientHost: string;
  readonly rebalanceTimeoutMs: number;
  readonly sessionTimeoutMs: number;
  readonly protocolType: string;
  /** In the order of its preference, no name twice. */
  readonly protocols: readonly MemberProtocol[];
  readonly assignment?: Buffer;
}

/** A member of a group (Kafka's MemberMetadata). */
export class MemberMetadata {
  memberId: string;
  readonly groupInstanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  readonly protocolType: string;
  rebalanceTimeoutMs: number;
  sessionTimeoutMs: number;
  protocols: readonly MemberProtocol[];
  assignment: Buffer;
  /** Its JoinGroup, waiting for the rebalance. */
  awaitingJoin: JoinCallback | undefined;
  /** Its SyncGroup, waiting for the leader's assignment. */
  awaitingSync: SyncCallback | undefined;
  /** Has not got through its first rebalance yet: nothing but its JoinGroup shows that it lives. */
  isNew = false;
  /** When its session ends, monotonic time. A heartbeat moves this alone; the timer finds out when it fires. */
  sessionDeadlineMs = Infinity;
  sessionTimer: Timer | undefined;
  sessionTimerDueMs = Infinity;

  constructor(description: MemberDescription) {
    this.memberId = description.memberId;
    this.groupInstanceId = description.groupInstanceId;
    this.clientId = description.clientId;
    this.clientHost = description.clientHost;
    this.protocolType = description.protocolType;
    this.rebalanceTimeoutMs = description.rebalanceTimeoutMs;
    this.sessionTimeoutMs = description.sessionTimeoutMs;
    this.protocols = description.protocols;
    this.assignment = description.assignment ?? noBytes;
  }

  get isStatic(): boolean {
    return this.groupInstanceId !== null;
  }

  /** Who waits in a rebalance need not send heartbeats, unless it has just come: its client may have gone since. */
  get mayExpire(): boolean {
    return this.isNew || (this.awaitingJoin === undefined && this.awaitingSync === undefined);
  }

  /** What it said under that protocol; it must support it. */
  metadata(protocol: string): Buffer {
    const found = this.protocols.find(({ name }) => name === protocol);
    if (!found) throw new Error(`Member ${this.memberId} does not support the protocol ${protocol}.`);
    return found.metadata;
  }

  /** Whether it says the same again. */
  matches(protocols: readonly MemberProtocol[]): boolean {
    return (
      protocols.length === this.protocols.length &&
      protocols.every(
        ({ name, metadata }, i) => name === this.protocols[i].name && metadata.equals(this.protocols[i].metadata),
      )
    );
  }

  /** The candidate that it likes best. */
  vote(candidates: ReadonlySet<string>): string {
    const choice = this.protocols.find(({ name }) => candidates.has(name));
    if (!choice) throw new Error(`Member ${this.memberId} supports none of the group's protocols.`);
    return choice.name;
  }

  stopSessionTimer(): void {
    this.sessionTimer?.cancel();
    this.sessionTimer = undefined;
    this.sessionTimerDueMs = Infinity;
    this.sessionDeadlineMs = Infinity;
  }
}
