import { ErrorCode, errorName } from '../protocol/errors';
import type { FetchRequest, FetchResponse } from '../protocol/messages/fetch';
import type { InputOf } from '../protocol/schema';
import { zeroUuid } from '../protocol/uuid';

/** What a Fetch says of one partition. */
export interface FetchPartition {
  readonly topic: string;
  readonly partition: number;
  /** The zero uuid where the topic has none. */
  readonly topicId: string;
  readonly currentLeaderEpoch: number;
  readonly fetchOffset: number;
  /** Of the last record before `fetchOffset`; -1: unknown, or the version cannot say. */
  readonly lastFetchedEpoch: number;
  readonly logStartOffset: number;
  readonly maxBytes: number;
}

type RequestInput = InputOf<typeof FetchRequest>;

/** The part of a Fetch that the session decides. */
export type SessionRequest = Required<
  Pick<RequestInput, 'sessionId' | 'sessionEpoch' | 'topics' | 'forgottenTopicsData'>
> & {
  /** Whether all topics have ids: otherwise version 13 and newer cannot be used. */
  readonly usesTopicIds: boolean;
};

const noSession = 0;
const initialEpoch = 0;
const largestEpoch = 0x7fffffff;

/**
 * The client's side of incremental fetch sessions (KIP-227; Kafka's FetchSessionHandler), with one request on the way at
 * most. It is told what is wanted of each partition as that changes, and a request then costs what has changed, not how
 * many partitions there are. A partition that changes goes to the end of the next full request.
 */
export class FetchSessionHandler {
  readonly #wanted = new Map<string, FetchPartition>();
  /** What the leader knows, once it has the last request. */
  readonly #session = new Map<string, FetchPartition>();
  /** Where `#wanted` and `#session` may differ. */
  readonly #changed = new Set<string>();
  /** Names of the topics in the session, by id, and how many of their partitions are in it. */
  readonly #topicNames = new Map<string, { readonly name: string; partitions: number }>();
  #withoutTopicId = 0;
  #usesTopicIds = true;
  #sessionId = noSession;
  #sessionEpoch = initialEpoch;

  get sessionId(): number {
    return this.#sessionId;
  }

  /** How many partitions are wanted. */
  get size(): number {
    return this.#wanted.size;
  }

  want(key: string, partition: FetchPartition): void {
    this.#unwant(key);
    this.#wanted.set(key, partition);
    if (partition.topicId === zeroUuid) this.#withoutTopicId++;
    this.#changed.add(key);
  }

  forget(key: string): void {
    if (this.#unwant(key)) this.#changed.add(key);
  }

  #unwant(key: string): boolean {
    const old = this.#wanted.get(key);
    if (old === undefined) return false;
    if (old.topicId === zeroUuid) this.#withoutTopicId--;
    return this.#wanted.delete(key);
  }

  wanted(key: string): FetchPartition | undefined {
    return this.#wanted.get(key);
  }

  /** What the last request said of a partition, there or in an earlier one of the session. */
  requested(key: string): FetchPartition | undefined {
    return this.#session.get(key);
  }

  /** The topic that a response of `version` names. */
  topicName(response: { readonly topic: string; readonly topicId: string }, version: number): string | undefined {
    return version >= 13 ? this.#topicNames.get(response.topicId)?.name : response.topic;
  }

  /** The next request; `undefined` while nothing is wanted and nothing is to be forgotten. */
  next(): SessionRequest | undefined {
    const usesTopicIds = this.#withoutTopicId === 0;
    if (usesTopicIds !== this.#usesTopicIds) {
      // A session holds either names or ids.
      this.#usesTopicIds = usesTopicIds;
      this.#sessionEpoch = initialEpoch;
    }
    const request = this.#sessionEpoch === initialEpoch ? this.#full() : this.#incremental();
    if (this.#session.size === 0 && request.forgottenTopicsData.length === 0) return undefined;
    return request;
  }

  #full(): SessionRequest {
    const { sessionId, sessionEpoch } = this.#position();
    this.#session.clear();
    this.#topicNames.clear();
    this.#changed.clear();
    const send: FetchPartition[] = [];
    for (const [key, partition] of this.#wanted) {
      this.#enter(key, partition);
      send.push(partition);
    }
    return {
      sessionId,
      sessionEpoch,
      topics: topicsOf(send),
      forgottenTopicsData: [],
      usesTopicIds: this.#usesTopicIds,
    };
  }

  #incremental(): SessionRequest {
    const send: FetchPartition[] = [];
    const forget: FetchPartition[] = [];
    for (const key of this.#changed) {
      const old = this.#session.get(key);
      const partition = this.#wanted.get(key);
      if (old !== undefined && (partition === undefined || partition.topicId !== old.topicId)) {
        forget.push(old);
        this.#leave(key, old);
      }
      if (partition !== undefined && (old === undefined || differs(old, partition))) {
        send.push(partition);
        if (this.#session.has(key)) this.#session.set(key, partition);
        else this.#enter(key, partition);
      }
    }
    this.#changed.clear();
    return {
      ...this.#position(),
      topics: topicsOf(send),
      forgottenTopicsData: forgottenTopicsOf(forget),
      usesTopicIds: this.#usesTopicIds,
    };
  }

  #position(): { readonly sessionId: number; readonly sessionEpoch: number } {
    return { sessionId: this.#sessionId, sessionEpoch: this.#sessionEpoch };
  }

  #enter(key: string, partition: FetchPartition): void {
    this.#session.set(key, partition);
    const known = this.#topicNames.get(partition.topicId);
    if (known !== undefined) known.partitions++;
    else this.#topicNames.set(partition.topicId, { name: partition.topic, partitions: 1 });
  }

  #leave(key: string, partition: FetchPartition): void {
    this.#session.delete(key);
    const known = this.#topicNames.get(partition.topicId);
    if (known !== undefined && --known.partitions === 0) this.#topicNames.delete(partition.topicId);
  }

  /**
   * Takes note of the response to the last request. Returns what is wrong with it, and then its partitions are not to be
   * looked at: the next request begins a new session.
   */
  handleResponse(response: FetchResponse, version: number): string | undefined {
    if (response.errorCode !== ErrorCode.NONE) {
      if (response.errorCode === ErrorCode.FETCH_SESSION_ID_NOT_FOUND) this.#sessionId = noSession;
      this.#sessionEpoch = initialEpoch;
      return errorName(response.errorCode);
    }
    const wasFull = this.#sessionEpoch === initialEpoch;
    if (wasFull && response.throttleTimeMs > 0 && response.responses.every((topic) => topic.partitions.length === 0)) {
      this.#reset();
      return 'it throttles this broker';
    }
    const problem = this.#check(response, version, wasFull);
    if (problem !== undefined) {
      if (wasFull) this.#sessionId = noSession;
      this.#sessionEpoch = initialEpoch;
      return problem;
    }
    if (response.sessionId === noSession) {
      this.#reset();
    } else if (wasFull) {
      this.#sessionId = response.sessionId;
      this.#sessionEpoch = initialEpoch + 1;
    } else {
      this.#sessionEpoch = this.#sessionEpoch === largestEpoch ? initialEpoch + 1 : this.#sessionEpoch + 1;
    }
    return undefined;
  }

  #check(response: FetchResponse, version: number, wasFull: boolean): string | undefined {
    const seen = wasFull ? new Set<string>() : undefined;
    for (const topic of response.responses) {
      const name = this.topicName(topic, version);
      if (name === undefined) return `it answered for topic id ${topic.topicId}, which it was not asked for`;
      for (const { partitionIndex } of topic.partitions) {
        const key = `${name}-${partitionIndex}`;
        if (!this.#session.has(key)) return `it answered for ${key}, which it was not asked for`;
        seen?.add(key);
      }
    }
    if (seen !== undefined && seen.size < this.#session.size) {
      return `it answered for ${seen.size} of ${this.#session.size} partitions`;
    }
    return undefined;
  }

  #reset(): void {
    this.#sessionId = noSession;
    this.#sessionEpoch = initialEpoch;
  }

  /**
   * The next request begins a new session: the last one was not answered, and what the leader knows is open; or news in
   * the answer could not be used, and the leader would not tell them again.
   */
  beginAnew(): void {
    this.#sessionEpoch = initialEpoch;
  }
}

function differs(a: FetchPartition, b: FetchPartition): boolean {
  return (
    a.fetchOffset !== b.fetchOffset ||
    a.logStartOffset !== b.logStartOffset ||
    a.lastFetchedEpoch !== b.lastFetchedEpoch ||
    a.currentLeaderEpoch !== b.currentLeaderEpoch ||
    a.maxBytes !== b.maxBytes ||
    a.topicId !== b.topicId
  );
}

type RequestTopic = RequestInput['topics'][number];
type ForgottenTopic = NonNullable<RequestInput['forgottenTopicsData']>[number];

/** Neighbours of one topic together; the order, by which a leader fills its answer, stays. */
function topicsOf(send: readonly FetchPartition[]): RequestTopic[] {
  const topics: (RequestTopic & { readonly partitions: RequestTopic['partitions'][number][] })[] = [];
  for (const each of send) {
    const { topic, topicId, partition, currentLeaderEpoch, fetchOffset, lastFetchedEpoch, logStartOffset } = each;
    let last = topics.at(-1);
    if (last === undefined || last.topic !== topic || last.topicId !== topicId) {
      last = { topic, topicId, partitions: [] };
      topics.push(last);
    }
    last.partitions.push({
      partition,
      currentLeaderEpoch,
      fetchOffset,
      lastFetchedEpoch,
      logStartOffset,
      partitionMaxBytes: each.maxBytes,
    });
  }
  return topics;
}

function forgottenTopicsOf(forget: readonly FetchPartition[]): ForgottenTopic[] {
  const topics = new Map<string, { readonly topic: string; readonly topicId: string; readonly partitions: number[] }>();
  for (const { topic, topicId, partition } of forget) {
    const key = `${topic} ${topicId}`;
    let known = topics.get(key);
    if (known === undefined) topics.set(key, (known = { topic, topicId, partitions: [] }));
    known.partitions.push(partition);
  }
  return [...topics.values()];
}
