import type { AbortedTransaction, FetchData, FetchIsolation } from '../log/fetch-data';
import { ErrorCode, KafkaError } from '../protocol/errors';
import { Partition } from './partition';
import { DelayedOperation } from './purgatory';

/** The limits of a whole fetch. Sizes in bytes, times in milliseconds. */
export interface FetchParams {
  /** A follower's broker id, -1: a consumer. */
  readonly replicaId: number;
  readonly maxWaitMs: number;
  readonly minBytes: number;
  readonly maxBytes: number;
  readonly isolation: FetchIsolation;
  /** Versions below 3: `maxBytes` holds even for a first batch that is larger. */
  readonly hardMaxBytes: boolean;
  /** Whether nobody waits for the answer any more. */
  readonly isAbandoned: () => boolean;
}

/** What is wanted of one partition; `partition` is the broker's, or why it has none. */
export interface PartitionFetch {
  readonly partition: Partition | KafkaError;
  readonly fetchOffset: number;
  readonly maxBytes: number;
  readonly currentLeaderEpoch: number;
}

/** What one partition gives. `data` must be released, range by range, exactly once. */
export interface PartitionFetchResult {
  readonly errorCode: ErrorCode;
  readonly highWatermark: number;
  readonly lastStableOffset: number;
  readonly logStartOffset: number;
  readonly data: FetchData | undefined;
  readonly abortedTransactions: readonly AbortedTransaction[] | undefined;
}

export function failedFetch(errorCode: ErrorCode): PartitionFetchResult {
  return {
    errorCode,
    highWatermark: -1,
    lastStableOffset: -1,
    logStartOffset: -1,
    data: undefined,
    abortedTransactions: undefined,
  };
}

export type FetchDone = (results: readonly PartitionFetchResult[]) => void;

/** Hears of a read that failed for no reason that Kafka knows. */
export type ReadFailed = (partition: Partition, error: unknown) => void;

/** Reads the partitions in their order until `maxBytes` are found. Calls back in the same turn unless a disk is asked. */
export function readPartitions(
  params: FetchParams,
  wanted: readonly PartitionFetch[],
  failed: ReadFailed,
  done: FetchDone,
): void {
  const results: PartitionFetchResult[] = [];
  let left = params.maxBytes;
  let isEmpty = true;

  const keep = (partition: Partition, read: FetchData): void => {
    const data = !params.hardMaxBytes && read.firstEntryIncomplete ? withoutRecords(read) : read;
    left -= data.sizeInBytes;
    if (data.sizeInBytes > 0) isEmpty = false;
    const { log } = partition;
    results.push({
      errorCode: ErrorCode.NONE,
      highWatermark: log.highWatermark,
      lastStableOffset: log.lastStableOffset,
      logStartOffset: log.logStartOffset,
      data,
      abortedTransactions: data.abortedTransactions,
    });
  };
  const fail = ({ partition }: PartitionFetch, error: unknown): void => {
    if (!(error instanceof KafkaError) && partition instanceof Partition) failed(partition, error);
    results.push(failedFetch(error instanceof KafkaError ? error.code : ErrorCode.UNKNOWN_SERVER_ERROR));
  };
  const readFrom = (index: number): void => {
    for (let i = index; i < wanted.length; i++) {
      const fetch = wanted[i];
      const { partition } = fetch;
      if (partition instanceof KafkaError) {
        fail(fetch, partition);
        continue;
      }
      try {
        partition.requireLeader(fetch.currentLeaderEpoch);
        const minOneMessage = !params.hardMaxBytes && isEmpty;
        const read = partition.log.read(
          fetch.fetchOffset,
          Math.max(0, Math.min(fetch.maxBytes, left)),
          params.isolation,
          minOneMessage,
        );
        if (read instanceof Promise) {
          read.then(
            (data) => {
              keep(partition, data);
              readFrom(i + 1);
            },
            (error: unknown) => {
              fail(fetch, error);
              readFrom(i + 1);
            },
          );
          return;
        }
        keep(partition, read);
      } catch (error) {
        fail(fetch, error);
      }
    }
    done(results);
  };
  readFrom(0);
}

/** A batch that is cut tells a consumer of version 3 and later that something is broken: it is left for the next fetch. */
function withoutRecords(data: FetchData): FetchData {
  for (const range of data.ranges) range.release();
  return { ...data, ranges: [], sizeInBytes: 0 };
}

export function releaseFetch(results: readonly PartitionFetchResult[]): void {
  for (const { data } of results) {
    if (data) for (const range of data.ranges) range.release();
  }
}

/** A fetch that has found less than min.bytes and waits for more (Kafka's DelayedFetch). */
export class DelayedFetch extends DelayedOperation {
  readonly #params: FetchParams;
  readonly #wanted: readonly PartitionFetch[];
  readonly #foundBytes: number;
  readonly #appendedBefore: readonly number[];
  readonly #epochs: readonly number[];
  readonly #failed: ReadFailed;
  readonly #done: FetchDone;

  /** @param foundBytes what the first look found; it was released again */
  constructor(
    params: FetchParams,
    wanted: readonly PartitionFetch[],
    foundBytes: number,
    failed: ReadFailed,
    done: FetchDone,
  ) {
    super(params.maxWaitMs);
    this.#params = params;
    this.#wanted = wanted;
    this.#foundBytes = foundBytes;
    this.#appendedBefore = wanted.map(({ partition }) =>
      partition instanceof KafkaError ? 0 : partition.appendedBytes,
    );
    this.#epochs = wanted.map(({ partition }) => (partition instanceof KafkaError ? -1 : partition.leaderEpoch));
    this.#failed = failed;
    this.#done = done;
  }

  override get isAbandoned(): boolean {
    return this.#params.isAbandoned();
  }

  /** What is new is counted by the bytes appended, without a look into the logs. */
  override tryComplete(): boolean {
    let available = this.#foundBytes;
    for (let i = 0; i < this.#wanted.length; i++) {
      const { partition, fetchOffset, maxBytes } = this.#wanted[i];
      if (partition instanceof KafkaError) continue;
      const { log } = partition;
      // The answer is an error, or a new leader's: it should not wait.
      if (!partition.isLeader || partition.leaderEpoch !== this.#epochs[i]) return this.complete();
      if (fetchOffset < log.logStartOffset || fetchOffset > log.logEndOffset) return this.complete();
      if (readableEnd(partition, this.#params.isolation) > fetchOffset) {
        available += Math.min(maxBytes, partition.appendedBytes - this.#appendedBefore[i]);
      }
    }
    return available >= this.#params.minBytes ? this.complete() : false;
  }

  protected override onComplete(): void {
    readPartitions(this.#params, this.#wanted, this.#failed, this.#done);
  }
}

/** The offset up to which a reader of that isolation may see. */
export function readableEnd(partition: Partition, isolation: FetchIsolation): number {
  const { log } = partition;
  switch (isolation) {
    case 'logEnd':
      return log.logEndOffset;
    case 'highWatermark':
      return log.highWatermark;
    case 'txnCommitted':
      return log.lastStableOffset;
  }
}
