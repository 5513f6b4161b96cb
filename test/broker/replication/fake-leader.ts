import type { Clock } from '../../../broker/src/io/clock';
import type { Log } from '../../../broker/src/log/log';
import { ListOffsetsTimestamp } from '../../../broker/src/log/timestamp-and-offset';
import { type Api, Apis, apis } from '../../../broker/src/protocol/api-keys';
import { toBuffer } from '../../../broker/src/protocol/codec';
import { ErrorCode, KafkaError } from '../../../broker/src/protocol/errors';
import {
  decodeRequest,
  decodeResponse,
  encodeRequest,
  encodeResponse,
  parseRequestHeader,
} from '../../../broker/src/protocol/headers';
import type { FetchRequest, FetchResponse } from '../../../broker/src/protocol/messages/fetch';
import type { ListOffsetsRequest, ListOffsetsResponse } from '../../../broker/src/protocol/messages/list-offsets';
import type {
  OffsetForLeaderEpochRequest,
  OffsetForLeaderEpochResponse,
} from '../../../broker/src/protocol/messages/offset-for-leader-epoch';
import type { InputOf, MessageOf } from '../../../broker/src/protocol/schema';
import { DisconnectedError, UnsupportedVersionError } from '../../../broker/src/network/client-connection';
import type { LeaderConnection, LeaderEndpoint } from '../../../broker/src/replication/replica-fetcher-manager';
import { readBytes } from '../log/support';

type FetchedPartition = InputOf<typeof FetchResponse>['responses'][number]['partitions'][number];

interface SessionPartition {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  fetch: FetchRequest['topics'][number]['partitions'][number];
  highWatermark: number;
  logStartOffset: number;
}

/** What a fake leader leads: a real log, in an epoch. */
export interface LedPartition {
  readonly topicId: string;
  readonly log: Log;
  leaderEpoch: number;
  /** Answered instead of records, as often as it says. */
  fail?: ErrorCode | undefined;
}

/** A request as the leader got it. */
export interface SeenRequest {
  readonly api: string;
  readonly version: number;
  readonly clientId: string | null;
  readonly request: unknown;
}

/**
 * A leader in the test's own hands: it answers ListOffsets, OffsetForLeaderEpoch and Fetch, with incremental sessions and
 * long polls, from real logs. Each request and response goes through its bytes. A test may answer in its place.
 */
export class FakeLeader {
  readonly endpoint: LeaderEndpoint;
  readonly partitions = new Map<string, LedPartition>();
  readonly seen: SeenRequest[] = [];
  connections: FakeConnection[] = [];
  connectAttempts = 0;
  /** Responses to Fetch that were released. */
  releases = 0;
  /** Set: there is nobody to connect to. */
  down: Error | undefined;
  newestFetch = 17;
  /** How long requests and responses are on their way. */
  latency: (() => Promise<void>) | undefined;
  /** The answer to the next request of an API, instead of its own. */
  readonly answers = new Map<string, ((request: never, version: number) => unknown)[]>();
  /** Changes each partition's answer to Fetch. */
  alter: ((key: string, answer: FetchedPartition) => FetchedPartition) | undefined;
  #nextSession = 100;
  readonly sessions = new Map<number, { epoch: number; partitions: Map<string, SessionPartition> }>();
  #waiting: (() => void)[] = [];
  #changes = 0;

  constructor(
    readonly clock: Clock,
    readonly id = 1,
    port = 9092,
  ) {
    this.endpoint = { id, host: `leader-${id}`, port };
  }

  readonly connect = async (_: LeaderEndpoint, clientId: string): Promise<LeaderConnection> => {
    this.connectAttempts++;
    await Promise.resolve();
    if (this.down !== undefined) throw this.down;
    const connection = new FakeConnection(this, clientId);
    this.connections.push(connection);
    return connection;
  };

  /** The next answers to an API; `undefined` is the usual one. */
  answerNext<A extends Api>(
    api: A,
    ...answers: ((request: MessageOf<A['request']>, version: number) => InputOf<A['response']> | undefined)[]
  ): void {
    this.answers.set(api.name, [...(this.answers.get(api.name) ?? []), ...answers]);
  }

  requests<A extends Api>(api: A): MessageOf<A['request']>[] {
    return this.seen.filter((each) => each.api === api.name).map((each) => each.request as MessageOf<A['request']>);
  }

  disconnectAll(): void {
    for (const connection of this.connections.splice(0)) connection.close();
  }

  /** Something has been appended, or has changed: fetches that wait look again. */
  changed(): void {
    this.#changes++;
    for (const look of this.#waiting.splice(0)) look();
  }

  async answer(api: Api, version: number, request: unknown): Promise<unknown> {
    const scripted = this.answers.get(api.name)?.shift()?.(request as never, version);
    if (scripted !== undefined) return scripted;
    switch (api.key) {
      case Apis.Fetch.key:
        return this.#fetch(request as FetchRequest, version);
      case Apis.ListOffsets.key:
        return this.#listOffsets(request as ListOffsetsRequest, version);
      case Apis.OffsetForLeaderEpoch.key:
        return this.#endOffsets(request as OffsetForLeaderEpochRequest);
      default:
        throw new Error(`not answered here: ${api.name}`);
    }
  }

  #led(topic: string, partition: number, currentLeaderEpoch: number): LedPartition | ErrorCode {
    const led = this.partitions.get(`${topic}-${partition}`);
    if (led === undefined) return ErrorCode.NOT_LEADER_OR_FOLLOWER;
    if (currentLeaderEpoch === -1 || currentLeaderEpoch === led.leaderEpoch) return led;
    return currentLeaderEpoch < led.leaderEpoch ? ErrorCode.FENCED_LEADER_EPOCH : ErrorCode.UNKNOWN_LEADER_EPOCH;
  }

  #topicName(topic: string, topicId: string, version: number): string {
    if (version < 13) return topic;
    const found = [...this.partitions].find(([, led]) => led.topicId === topicId);
    return found === undefined ? '' : found[0].slice(0, found[0].lastIndexOf('-'));
  }

  async #fetch(request: FetchRequest, version: number): Promise<InputOf<typeof FetchResponse>> {
    const failed = (errorCode: number) => ({ errorCode, sessionId: 0, responses: [] });
    let session = this.sessions.get(request.sessionId);
    let { sessionId } = request;
    const isFull = version < 7 || request.sessionEpoch <= 0;
    if (isFull) {
      this.sessions.delete(sessionId);
      sessionId = version < 7 || request.sessionEpoch === -1 ? 0 : this.#nextSession++;
      session = { epoch: 1, partitions: new Map() };
      if (sessionId > 0) this.sessions.set(sessionId, session);
    } else if (session === undefined) {
      return failed(ErrorCode.FETCH_SESSION_ID_NOT_FOUND);
    } else if (session.epoch !== request.sessionEpoch) {
      return failed(ErrorCode.INVALID_FETCH_SESSION_EPOCH);
    } else {
      session.epoch++;
    }
    const { partitions } = session!;
    for (const { topic, topicId, partitions: forgotten } of request.forgottenTopicsData) {
      for (const partition of forgotten) partitions.delete(`${topic}${topicId}-${partition}`);
    }
    for (const { topic, topicId, partitions: wanted } of request.topics) {
      for (const fetch of wanted) {
        const key = `${topic}${topicId}-${fetch.partition}`;
        const known = partitions.get(key);
        if (known === undefined) {
          const { partition } = fetch;
          partitions.set(key, { topic, topicId, partition, fetch, highWatermark: -1, logStartOffset: -1 });
        } else {
          known.fetch = fetch;
        }
      }
    }
    let expired = partitions.size === 0;
    const timer = this.clock.timer(request.maxWaitMs, () => {
      expired = true;
      this.changed();
    });
    for (;;) {
      const changes = this.#changes;
      const responses: { topic: string; topicId: string; partitions: FetchedPartition[] }[] = [];
      let isWorthIt = false;
      for (const wanted of partitions.values()) {
        const answer = await this.#read(wanted, version);
        const { length } = answer.records as Buffer;
        if (answer.errorCode !== ErrorCode.NONE || length >= request.minBytes || answer.divergingEpoch !== undefined) {
          isWorthIt = true;
        }
        const isNews =
          isFull ||
          answer.errorCode !== ErrorCode.NONE ||
          length > 0 ||
          answer.divergingEpoch !== undefined ||
          answer.highWatermark !== wanted.highWatermark ||
          answer.logStartOffset !== wanted.logStartOffset;
        if (isNews) responses.push({ topic: wanted.topic, topicId: wanted.topicId, partitions: [answer] });
      }
      if (isWorthIt || expired || request.maxWaitMs === 0) {
        timer.cancel();
        for (const { topic, topicId, partitions: answered } of responses) {
          const wanted = partitions.get(`${topic}${topicId}-${answered[0].partitionIndex}`)!;
          wanted.highWatermark = answered[0].highWatermark;
          wanted.logStartOffset = answered[0].logStartOffset ?? -1;
        }
        return { errorCode: ErrorCode.NONE, sessionId, responses };
      }
      if (changes === this.#changes) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  async #read({ topic, topicId, partition, fetch }: SessionPartition, version: number): Promise<FetchedPartition> {
    const name = this.#topicName(topic, topicId, version);
    const key = `${name}-${partition}`;
    const nothing = { partitionIndex: partition, highWatermark: -1, records: Buffer.alloc(0) };
    const led = name === '' ? ErrorCode.UNKNOWN_TOPIC_ID : this.#led(name, partition, fetch.currentLeaderEpoch);
    if (typeof led === 'number') return { ...nothing, errorCode: led };
    if (led.fail !== undefined) return { ...nothing, errorCode: led.fail };
    const { log } = led;
    const { highWatermark, logStartOffset } = log;
    const { fetchOffset, lastFetchedEpoch, partitionMaxBytes } = fetch;
    const answer = { ...nothing, errorCode: ErrorCode.NONE, highWatermark, logStartOffset };
    if (lastFetchedEpoch >= 0) {
      const end = log.endOffsetForEpoch(lastFetchedEpoch);
      if (end === undefined) return { ...nothing, errorCode: ErrorCode.OFFSET_OUT_OF_RANGE };
      if (end.leaderEpoch < lastFetchedEpoch || end.endOffset < fetchOffset) {
        return { ...answer, divergingEpoch: { epoch: end.leaderEpoch, endOffset: end.endOffset } };
      }
    }
    try {
      const records = await readBytes(log, fetchOffset, partitionMaxBytes);
      const read = { ...answer, records };
      return this.alter?.(key, read) ?? read;
    } catch (error) {
      if (error instanceof KafkaError) return { ...nothing, errorCode: error.code };
      throw error;
    }
  }

  async #listOffsets(request: ListOffsetsRequest, version: number): Promise<InputOf<typeof ListOffsetsResponse>> {
    const topics = request.topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex, currentLeaderEpoch, timestamp }) => {
        const led = this.#led(name, partitionIndex, currentLeaderEpoch);
        if (typeof led === 'number') return { partitionIndex, errorCode: led };
        const isEnd = Number(timestamp) === ListOffsetsTimestamp.LATEST;
        const offset = isEnd ? led.log.logEndOffset : led.log.logStartOffset;
        return { partitionIndex, errorCode: 0, ...(version === 0 ? { oldStyleOffsets: [offset] } : { offset }) };
      }),
    }));
    return { topics };
  }

  #endOffsets(request: OffsetForLeaderEpochRequest): InputOf<typeof OffsetForLeaderEpochResponse> {
    return {
      topics: request.topics.map(({ topic, partitions }) => ({
        topic,
        partitions: partitions.map(({ partition, currentLeaderEpoch, leaderEpoch }) => {
          const led = this.#led(topic, partition, currentLeaderEpoch);
          if (typeof led === 'number') return { partition, errorCode: led };
          const end = led.log.endOffsetForEpoch(leaderEpoch);
          if (end === undefined) return { partition, errorCode: 0 };
          return { partition, errorCode: 0, ...end };
        }),
      })),
    };
  }
}

/** A connection to a fake leader. */
export class FakeConnection implements LeaderConnection {
  isClosed = false;
  #tellClosed!: (error: Error) => void;
  readonly #closed = new Promise<never>((_, reject) => (this.#tellClosed = reject));

  constructor(
    readonly leader: FakeLeader,
    readonly clientId: string,
  ) {
    this.#closed.catch(() => {});
  }

  async negotiate() {
    if (this.leader.down !== undefined) throw this.leader.down;
    return new Map<number, { minVersion: number; maxVersion: number }>();
  }

  versionOf(api: Api, atMost = Infinity): number {
    const newest = Math.min(api.maxVersion, atMost, api.key === Apis.Fetch.key ? this.leader.newestFetch : Infinity);
    if (newest < api.minVersion) throw new UnsupportedVersionError(`nothing of ${api.name}`);
    return newest;
  }

  async send<A extends Api>(api: A, version: number, input: InputOf<A['request']>): Promise<MessageOf<A['response']>> {
    const sent = toBuffer(api.name, encodeRequest(api, version, 7, this.clientId, input)).subarray(4);
    const header = parseRequestHeader(sent);
    if (apis.get(header.apiKey) !== api) throw new Error('another API');
    const request = decodeRequest(api, header, sent);
    if (this.isClosed) throw new DisconnectedError('The connection is closed.');
    this.leader.seen.push({ api: api.name, version, clientId: this.clientId, request });
    const answering = (async () => {
      await this.leader.latency?.();
      const answer = await this.leader.answer(api, version, request);
      await this.leader.latency?.();
      return answer;
    })();
    const response = await Promise.race([answering, this.#closed]);
    const frame = toBuffer(api.name, encodeResponse(api, version, 7, response as InputOf<A['response']>)).subarray(4);
    return decodeResponse(api, version, frame);
  }

  /** Records must not be looked at any more: they are spoilt. */
  release(response: object): void {
    this.leader.releases++;
    for (const { partitions } of (response as { responses: { partitions: { records: Buffer | null }[] }[] })
      .responses) {
      for (const { records } of partitions) records?.fill(0xee);
    }
  }

  close(): void {
    this.isClosed = true;
    this.#tellClosed(new DisconnectedError('The connection is closed.'));
  }
}
