import type { Clock } from '../io/clock';
import type { Random } from '../io/random';
import { ErrorCode } from '../protocol/errors';

/** A partition of a fetch, as the client last described it, and what it was last told. */
export interface FetchPartition {
  /** Empty while the topic of an id is unknown. */
  topic: string;
  readonly topicId: string;
  readonly partition: number;
  fetchOffset: number;
  maxBytes: number;
  currentLeaderEpoch: number;
  /** Epoch of the last record that the client has, -1: it does not say. */
  lastFetchedEpoch: number;
  /** A follower's log start offset, -1: it is none. */
  fetcherLogStartOffset: number;
  /** What the last response said; -1: nothing yet. */
  highWatermark: number;
  logStartOffset: number;
}

/** Partitions kept between the requests of one client (KIP-227). */
interface FetchSession {
  readonly id: number;
  readonly createdMs: number;
  readonly isFollower: boolean;
  readonly usesTopicIds: boolean;
  /** In the order in which they are read: what gave data goes to the end. */
  readonly partitions: Map<string, FetchPartition>;
  epoch: number;
  lastUsedMs: number;
}

/** What a request asks for, sessions resolved. */
export interface FetchContext {
  readonly errorCode: ErrorCode;
  /** 0: there is no session. */
  readonly sessionId: number;
  /** Everything to read, in order. */
  readonly partitions: readonly FetchPartition[];
  /** Only what changed is answered. */
  readonly isIncremental: boolean;
  /** Says that the partition gave data. */
  gaveData(partition: FetchPartition): void;
}

export interface FetchSessionRequest {
  readonly sessionId: number;
  readonly sessionEpoch: number;
  readonly isFollower: boolean;
  readonly usesTopicIds: boolean;
  readonly partitions: readonly FetchPartition[];
  readonly forgotten: readonly { readonly topic: string; readonly topicId: string; readonly partition: number }[];
}

/** Epochs that are not a session's number: a first full fetch, and one after which there is no session. */
const initialEpoch = 0;
const finalEpoch = -1;
const lastEpoch = 2_147_483_647;

/** The epoch of the next request: after the last one comes 1, for 0 begins a session. */
export function nextEpoch(epoch: number): number {
  return epoch === lastEpoch ? 1 : epoch + 1;
}

/** How long a session is kept against others that want its place, milliseconds. */
const evictionMs = 120_000;

/** The sessions of a broker, at most `max.incremental.fetch.session.cache.slots` (Kafka's FetchSessionCache). */
export class FetchSessionCache {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #slots: number;
  /** In the order of their last use. */
  readonly #sessions = new Map<number, FetchSession>();

  constructor(clock: Clock, random: Random, slots: number) {
    this.#clock = clock;
    this.#random = random;
    this.#slots = slots;
  }

  get size(): number {
    return this.#sessions.size;
  }

  begin(request: FetchSessionRequest): FetchContext {
    const { sessionId, sessionEpoch } = request;
    if (sessionEpoch === finalEpoch || sessionEpoch === initialEpoch) {
      if (sessionId !== 0) this.#sessions.delete(sessionId);
      const session = sessionEpoch === initialEpoch ? this.#create(request) : undefined;
      return fullFetch(session?.id ?? 0, request.partitions);
    }
    const session = this.#sessions.get(sessionId);
    if (!session) return refused(ErrorCode.FETCH_SESSION_ID_NOT_FOUND);
    if (session.epoch !== sessionEpoch) return refused(ErrorCode.INVALID_FETCH_SESSION_EPOCH);
    if (session.usesTopicIds !== request.usesTopicIds) return refused(ErrorCode.FETCH_SESSION_TOPIC_ID_ERROR);
    this.#update(session, request);
    if (session.partitions.size === 0) {
      // The client has nothing more to read: it hears that the session is over.
      this.#sessions.delete(session.id);
      return fullFetch(0, []);
    }
    return {
      errorCode: ErrorCode.NONE,
      sessionId,
      partitions: [...session.partitions.values()],
      isIncremental: true,
      gaveData: (partition) => {
        const key = keyOf(session.usesTopicIds, partition);
        if (session.partitions.delete(key)) session.partitions.set(key, partition);
      },
    };
  }

  #update(session: FetchSession, request: FetchSessionRequest): void {
    for (const wanted of request.partitions) {
      const key = keyOf(session.usesTopicIds, wanted);
      const known = session.partitions.get(key);
      if (known) {
        known.fetchOffset = wanted.fetchOffset;
        known.maxBytes = wanted.maxBytes;
        known.currentLeaderEpoch = wanted.currentLeaderEpoch;
        known.lastFetchedEpoch = wanted.lastFetchedEpoch;
        known.fetcherLogStartOffset = wanted.fetcherLogStartOffset;
      } else {
        session.partitions.set(key, wanted);
      }
    }
    for (const forgotten of request.forgotten) session.partitions.delete(keyOf(session.usesTopicIds, forgotten));
    session.epoch = nextEpoch(session.epoch);
    session.lastUsedMs = this.#clock.monotonicMs();
    this.#sessions.delete(session.id);
    this.#sessions.set(session.id, session);
  }

  #create(request: FetchSessionRequest): FetchSession | undefined {
    if (request.partitions.length === 0 || !this.#makeRoom(request.isFollower, request.partitions.length))
      return undefined;
    let id: number;
    do id = this.#random.below(lastEpoch - 1) + 1;
    while (this.#sessions.has(id));
    const now = this.#clock.monotonicMs();
    const session: FetchSession = {
      id,
      createdMs: now,
      isFollower: request.isFollower,
      usesTopicIds: request.usesTopicIds,
      partitions: new Map(request.partitions.map((partition) => [keyOf(request.usesTopicIds, partition), partition])),
      epoch: 1,
      lastUsedMs: now,
    };
    this.#sessions.set(id, session);
    return session;
  }

  /**
   * A full cache gives up what was long unused, then the smallest session that had its time and is smaller than the new
   * one. A follower's goes for no consumer, a consumer's for a follower at once.
   */
  #makeRoom(isFollower: boolean, partitions: number): boolean {
    if (this.#slots <= 0) return false;
    if (this.#sessions.size < this.#slots) return true;
    const now = this.#clock.monotonicMs();
    let smallest: FetchSession | undefined;
    for (const session of this.#sessions.values()) {
      if (now - session.lastUsedMs > evictionMs) {
        this.#sessions.delete(session.id);
        return true;
      }
      const hadItsTime = now - session.createdMs > evictionMs;
      if (session.isFollower ? !isFollower || !hadItsTime : !isFollower && !hadItsTime) continue;
      const isEasier =
        !smallest ||
        (smallest.isFollower && !session.isFollower) ||
        (smallest.isFollower === session.isFollower && session.partitions.size < smallest.partitions.size);
      if (isEasier) smallest = session;
    }
    if (!smallest || (smallest.isFollower === isFollower && smallest.partitions.size >= partitions)) return false;
    this.#sessions.delete(smallest.id);
    return true;
  }
}

function fullFetch(sessionId: number, partitions: readonly FetchPartition[]): FetchContext {
  return { errorCode: ErrorCode.NONE, sessionId, partitions, isIncremental: false, gaveData: () => undefined };
}

function refused(errorCode: ErrorCode): FetchContext {
  return { errorCode, sessionId: 0, partitions: [], isIncremental: false, gaveData: () => undefined };
}

function keyOf(
  usesTopicIds: boolean,
  of: { readonly topic: string; readonly topicId: string; readonly partition: number },
): string {
  return `${usesTopicIds ? of.topicId : of.topic}-${of.partition}`;
}
