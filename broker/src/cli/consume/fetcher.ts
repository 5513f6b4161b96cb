import type { Io } from '../../io/io';
import { partitionName, type TopicPartition } from '../../log/topic-partition';
import { Apis } from '../../protocol/api-keys';
import { ErrorCode, errorName } from '../../protocol/errors';
import { CommandError, messageOf } from '../cli-error';
import { isRetriable, throwIfError, type ClusterClient } from '../client/cluster-client';
import { listOffsets, OffsetSpec, partitionsByLeader } from '../client/offsets';
import type { FetchedPartition } from './record-reader';

export interface FetcherOptions {
  /** 0: also what transactions have not committed (yet); 1: not. */
  readonly isolationLevel: 0 | 1;
  readonly maxWaitMs: number;
  readonly minBytes: number;
  readonly maxBytes: number;
  readonly maxPartitionBytes: number;
  /** What to do where an offset is not in the log (any more). */
  readonly offsetReset: 'earliest' | 'latest' | 'none';
  readonly warn: (message: string) => void;
}

/** A partition that is read, and the offset to read next. */
export interface Position extends TopicPartition {
  offset: number;
}

/** What one fetch brought of a partition: bytes from `position.offset` on. */
export interface Fetched {
  readonly position: Position;
  readonly data: FetchedPartition;
}

// Newer versions name topics by their ids alone.
const newestWithNames = 12;
const retryMs = 500;

/** Reads partitions from their leaders: one fetch at a time from each, all leaders at once, without sessions. */
export class Fetcher {
  readonly #io: Io;
  readonly #cluster: ClusterClient;
  readonly #options: FetcherOptions;
  #positions = new Map<string, Position>();
  /** By leader; undefined until it is asked, and again when a leader turned out to be wrong. */
  #led: Map<number, Position[]> | undefined;
  readonly #underWay = new Map<number, Promise<void>>();
  #arrived: Fetched[] = [];
  #failure: unknown;
  #wake: () => void = () => {};
  #isClosed = false;

  constructor(io: Io, cluster: ClusterClient, options: FetcherOptions) {
    this.#io = io;
    this.#cluster = cluster;
    this.#options = options;
  }

  get positions(): Iterable<Position> {
    return this.#positions.values();
  }

  /** Reads these partitions from now on, and no others. */
  assign(positions: Iterable<Position>): void {
    this.#positions = new Map([...positions].map((position) => [partitionName(position), position]));
    this.#led = undefined;
    this.#arrived = [];
    this.#wake();
  }

  /** Nothing more is fetched; what fails from now on is of no interest. */
  close(): void {
    this.#isClosed = true;
    this.assign([]);
  }

  /** What has arrived, as soon as there is anything; nothing after `waitMs`, or when the assignment changes. */
  async poll(waitMs: number): Promise<readonly Fetched[]> {
    if (this.#arrived.length === 0) {
      await this.#startFetches();
      const woken = new Promise<void>((resolve) => (this.#wake = resolve));
      const timer = this.#io.clock.timer(waitMs, () => this.#wake());
      if (this.#arrived.length === 0 && this.#failure === undefined) await woken;
      timer.cancel();
    }
    if (this.#failure !== undefined) throw this.#failure;
    return this.#arrived.splice(0).filter(({ position }) => this.#positions.get(partitionName(position)) === position);
  }

  async #startFetches(): Promise<void> {
    this.#led ??= await this.#cluster.retrying('Fetch', () =>
      partitionsByLeader(this.#cluster, [...this.#positions.values()]),
    );
    for (const [leader, led] of this.#led) {
      if (this.#underWay.has(leader)) continue;
      const fetch = this.#fetch(leader, led)
        .catch((error: unknown) => (this.#failure = error))
        .then(() => {
          this.#underWay.delete(leader);
          this.#wake();
        });
      this.#underWay.set(leader, fetch);
    }
  }

  async #fetch(leader: number, led: readonly Position[]): Promise<void> {
    const { maxWaitMs, minBytes, maxBytes, maxPartitionBytes, isolationLevel } = this.#options;
    const asked = led.filter((position) => this.#positions.get(partitionName(position)) === position);
    if (asked.length === 0) return;
    const offsets = new Map(asked.map((position) => [partitionName(position), position.offset]));
    const byTopic = new Map<string, Position[]>();
    for (const position of asked) byTopic.set(position.topic, [...(byTopic.get(position.topic) ?? []), position]);
    const topics = [...byTopic].map(([topic, positions]) => ({
      topic,
      topicId: 'AAAAAAAAAAAAAAAAAAAAAA',
      partitions: positions.map(({ partition, offset }) => ({
        partition,
        fetchOffset: offset,
        partitionMaxBytes: maxPartitionBytes,
        replicaDirectoryId: 'AAAAAAAAAAAAAAAAAAAAAA',
      })),
    }));
    try {
      const connection = await this.#cluster.connectionTo({ broker: leader });
      const version = connection.versionOf(Apis.Fetch, newestWithNames);
      const request = { maxWaitMs, minBytes, maxBytes, isolationLevel, topics, forgottenTopicsData: [] };
      const response = await connection.send(Apis.Fetch, version, request, maxWaitMs + 30_000);
      throwIfError(response.errorCode);
      for (const { topic, partitions } of response.responses) {
        for (const data of partitions) {
          const name = partitionName({ topic, partition: data.partitionIndex });
          const position = this.#positions.get(name);
          // It was moved, or taken away, while its bytes were on their way.
          if (position === undefined || position.offset !== offsets.get(name)) continue;
          await this.#take(position, data);
        }
      }
    } catch (error) {
      if (this.#isClosed) return;
      if (!isRetriable(error)) throw error;
      await this.#lookAgain(messageOf(error));
    }
  }

  async #take(position: Position, data: FetchedPartition): Promise<void> {
    const name = partitionName(position);
    switch (data.errorCode) {
      case ErrorCode.NONE:
        if (data.records !== null) this.#arrived.push({ position, data });
        return;
      case ErrorCode.OFFSET_OUT_OF_RANGE:
        return this.#reset(position);
      case ErrorCode.TOPIC_AUTHORIZATION_FAILED:
        throw new CommandError(`Not authorized to read topic ${position.topic}`);
      default:
        return this.#lookAgain(`${name}: ${errorName(data.errorCode)}`);
    }
  }

  async #reset(position: Position): Promise<void> {
    const { offsetReset, isolationLevel, warn } = this.#options;
    const name = partitionName(position);
    if (offsetReset === 'none') {
      throw new CommandError(
        `Offset ${position.offset} of partition ${name} is out of range, and there is no reset policy`,
      );
    }
    const [listed] = await listOffsets(this.#cluster, [position], OffsetSpec[offsetReset], isolationLevel);
    warn(`Offset ${position.offset} of partition ${name} is out of range; going on at ${listed!.offset}.`);
    position.offset = listed!.offset;
  }

  /** The leader is another one, or none: asks who it is, after a pause. */
  #lookAgain(why: string): Promise<void> {
    this.#options.warn(`${why.replace(/\.$/, '')}; looking for the leader again.`);
    this.#led = undefined;
    this.#cluster.refresh();
    return new Promise((resolve) => this.#io.clock.timer(retryMs, resolve));
  }
}
