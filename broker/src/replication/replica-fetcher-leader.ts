import { type Api, Apis } from '../protocol/api-keys';
import { ErrorCode } from '../protocol/errors';
import type { BufferPool } from '../network/buffer-pool';
import type { FetchResponse } from '../protocol/messages/fetch';
import type { InputOf, MessageOf } from '../protocol/schema';
import { partitionName, type TopicPartition } from '../log/topic-partition';
import type { SessionRequest } from './fetch-session-handler';
import type { LeaderConnection, LeaderEndpoint, ReplicaFetcherOptions } from './replica-fetcher-options';
import { type FollowerVersions, followerVersions } from './replica-fetcher-versions';

/** What a leader says of one partition: an error, or an offset (-1: it knows none). */
export interface LeaderOffset {
  readonly errorCode: number;
  readonly offset: number;
  /** -1 where it is not known. */
  readonly leaderEpoch: number;
}

export interface LeaderQuestion extends TopicPartition {
  readonly currentLeaderEpoch: number;
}

/** The leader ended up closed: nothing is to be asked any more. */
export class LeaderClosedError extends Error {
  override readonly name = 'LeaderClosedError';
}

/**
 * A leader as a follower asks it (Kafka's RemoteLeaderEndPoint over a BrokerBlockingSender): one connection, made when it
 * is needed, and made anew after any failure.
 */
export class RemoteLeaderEndPoint {
  readonly #options: ReplicaFetcherOptions;
  readonly #versions: FollowerVersions;
  readonly #clientId: string;
  readonly #pool: BufferPool;
  #connection: LeaderConnection | undefined;
  readonly #whenClosed: Promise<undefined>;
  #tellClosed!: () => void;

  constructor(
    readonly endpoint: LeaderEndpoint,
    clientId: string,
    options: ReplicaFetcherOptions,
    pool: BufferPool,
  ) {
    this.#pool = pool;
    this.#options = options;
    this.#clientId = clientId;
    this.#whenClosed = new Promise((resolve) => (this.#tellClosed = () => resolve(undefined)));
    this.#versions = followerVersions(options.interBrokerProtocolVersion ?? '3.9-IV0');
  }

  get isConnected(): boolean {
    return this.#connection !== undefined && !this.#connection.isClosed;
  }

  /** Connects unless it is connected. Rejects with the system's error, or with what is wrong with the versions. */
  async connect(): Promise<void> {
    if (this.isConnected) return;
    const connecting = this.#options.connect(this.endpoint, this.#clientId, this.#pool);
    const connection = await Promise.race([connecting, this.#whenClosed]);
    if (connection === undefined) {
      connecting.then(
        (late) => late.close(),
        () => {},
      );
      throw new LeaderClosedError(`the connection to broker ${this.endpoint.id} is not needed any more`);
    }
    try {
      this.#connection = connection;
      await connection.negotiate();
      this.fetchVersion(true);
    } catch (error) {
      this.disconnect();
      connection.close();
      throw error;
    }
  }

  disconnect(): void {
    const connection = this.#connection;
    this.#connection = undefined;
    connection?.close();
  }

  close(): void {
    this.#tellClosed();
    this.disconnect();
  }

  #connected(): LeaderConnection {
    if (this.#connection === undefined) throw new LeaderClosedError(`broker ${this.endpoint.id} is not connected`);
    return this.#connection;
  }

  /** The version in which Fetch is sent; without topic ids at most 12. */
  fetchVersion(usesTopicIds: boolean): number {
    const atMost = usesTopicIds ? this.#versions.fetch : Math.min(12, this.#versions.fetch);
    return this.#connected().versionOf(Apis.Fetch, atMost);
  }

  /** The answer to a Fetch says where the follower's history parts from the leader's. */
  get truncatesOnFetch(): boolean {
    return this.fetchVersion(true) >= 12;
  }

  get knowsLeaderEpochs(): boolean {
    return this.#versions.offsetForLeaderEpoch !== undefined;
  }

  /** The response is to be released: `release` gives its memory back, whatever has become of the connection. */
  async fetch(session: SessionRequest, version: number): Promise<{ response: FetchResponse; release: () => void }> {
    const { brokerId, brokerEpoch, fetchWaitMaxMs, fetchMinBytes, fetchResponseMaxBytes } = this.#options;
    const { usesTopicIds: _, ...request } = session;
    const replica =
      version >= 15 ? { replicaState: { replicaId: brokerId, replicaEpoch: brokerEpoch() } } : { replicaId: brokerId };
    const connection = this.#connected();
    const response = await this.#send(Apis.Fetch, version, {
      ...request,
      ...replica,
      forgottenTopicsData: version >= 7 ? request.forgottenTopicsData : [],
      topics: version >= 12 ? request.topics : request.topics.map(withoutFetchedEpochs),
      maxWaitMs: fetchWaitMaxMs,
      minBytes: fetchMinBytes,
      maxBytes: fetchResponseMaxBytes,
    });
    return { response, release: () => connection.release(response) };
  }

  /** Where leader epochs end in the leader's log (OffsetForLeaderEpoch), in the order of the questions. */
  async epochEndOffsets(
    questions: readonly (LeaderQuestion & { readonly leaderEpoch: number })[],
  ): Promise<LeaderOffset[]> {
    const { brokerId } = this.#options;
    const version = this.#connected().versionOf(Apis.OffsetForLeaderEpoch, this.#versions.offsetForLeaderEpoch ?? 0);
    const topics = byTopic(questions, ({ partition, currentLeaderEpoch, leaderEpoch }) => ({
      partition,
      currentLeaderEpoch,
      leaderEpoch,
    }));
    const response = await this.#send(Apis.OffsetForLeaderEpoch, version, {
      replicaId: brokerId,
      topics: topics.map(([topic, partitions]) => ({ topic, partitions })),
    });
    const answers = new Map<string, LeaderOffset>();
    for (const { topic, partitions } of response.topics) {
      for (const { partition, errorCode, leaderEpoch, endOffset } of partitions) {
        answers.set(partitionName({ topic, partition }), { errorCode, leaderEpoch, offset: endOffset });
      }
    }
    return questions.map((question) => answers.get(partitionName(question)) ?? unanswered);
  }

  /** The start or the end of the leader's log (ListOffsets), in the order of the questions. */
  async listOffsets(questions: readonly LeaderQuestion[], timestamp: number): Promise<LeaderOffset[]> {
    const { brokerId } = this.#options;
    const version = this.#connected().versionOf(Apis.ListOffsets, this.#versions.listOffsets);
    const topics = byTopic(questions, ({ partition, currentLeaderEpoch }) => ({
      partitionIndex: partition,
      currentLeaderEpoch,
      timestamp: BigInt(timestamp),
    }));
    const response = await this.#send(Apis.ListOffsets, version, {
      replicaId: brokerId,
      isolationLevel: 0,
      topics: topics.map(([name, partitions]) => ({ name, partitions })),
    });
    const answers = new Map<string, LeaderOffset>();
    for (const { name, partitions } of response.topics) {
      for (const { partitionIndex, errorCode, offset, leaderEpoch, oldStyleOffsets } of partitions) {
        const found = version === 0 ? (oldStyleOffsets.at(0) ?? -1) : offset;
        answers.set(`${name}-${partitionIndex}`, { errorCode, leaderEpoch, offset: found });
      }
    }
    return questions.map((question) => answers.get(partitionName(question)) ?? unanswered);
  }

  async #send<A extends Api>(api: A, version: number, input: InputOf<A['request']>): Promise<MessageOf<A['response']>> {
    try {
      return await this.#connected().send(api, version, input, this.#options.socketTimeoutMs);
    } catch (error) {
      this.disconnect();
      throw error;
    }
  }
}

const unanswered: LeaderOffset = { errorCode: ErrorCode.UNKNOWN_SERVER_ERROR, offset: -1, leaderEpoch: -1 };

type FetchTopic = SessionRequest['topics'][number];

/** Before version 12 there is no field for it. */
function withoutFetchedEpochs(topic: FetchTopic): FetchTopic {
  return { ...topic, partitions: topic.partitions.map((partition) => ({ ...partition, lastFetchedEpoch: -1 })) };
}

function byTopic<Q extends TopicPartition, T>(questions: readonly Q[], of: (question: Q) => T): [string, T[]][] {
  const topics = new Map<string, T[]>();
  for (const question of questions) {
    const known = topics.get(question.topic);
    if (known === undefined) topics.set(question.topic, [of(question)]);
    else known.push(of(question));
  }
  return [...topics];
}
