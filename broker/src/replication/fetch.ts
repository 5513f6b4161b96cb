import type { AbortedTransaction, FetchData, FetchIsolation } from '../log/fetch-data';
import type { Log } from '../log/log';
import type { LogOffsetMetadata } from '../log/log-offset-metadata';
import { ErrorCode, KafkaError } from '../protocol/errors';
import { type DivergingEpoch, type LogReadInfo, Partition } from './partition';
import { DelayedOperation } from './purgatory';
import type { ClientMetadata } from './replica-selector';

/** The limits of a whole fetch. Sizes in bytes, times in milliseconds. */
export interface FetchParams {
  /** A follower's broker id, -1: a consumer, -2: a tool that asks any replica for everything. */
  readonly replicaId: number;
  /** A follower's broker epoch, -1n: it does not say. */
  readonly replicaEpoch: bigint;
  /** Whether only the leader may answer: followers, and consumers that do not know of other replicas. */
  readonly fetchOnlyLeader: boolean;
  /** Of a consumer that can be sent to a replica near to it. */
  readonly clientMetadata: ClientMetadata | undefined;
  readonly maxWaitMs: number;
  readonly minBytes: number;
  readonly maxBytes: number;
  readonly isolation: FetchIsolation;
  /** Versions below 3: what a partition may give holds even for a first batch that is larger, which is cut then. */
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
  /** Epoch of the last record that the reader has, -1: it does not say. Whether it is still this log's is checked. */
  readonly lastFetchedEpoch: number;
  /** A follower's log start offset, -1: it does not say. */
  readonly logStartOffset: number;
}

/** What one partition gives. `data` must be released, range by range, exactly once. */
export interface PartitionFetchResult {
  readonly errorCode: ErrorCode;
  readonly highWatermark: number;
  readonly lastStableOffset: number;
  readonly logStartOffset: number;
  readonly data: FetchData | undefined;
  readonly abortedTransactions: readonly AbortedTransaction[] | undefined;
  /** Where the reader has to cut its log; there is no data then. */
  readonly divergingEpoch: DivergingEpoch | undefined;
  /** The broker that the consumer had better read from; there is no data then. */
  readonly preferredReadReplica: number | undefined;
}

const nothing = {
  highWatermark: -1,
  lastStableOffset: -1,
  logStartOffset: -1,
  data: undefined,
  abortedTransactions: undefined,
  divergingEpoch: undefined,
  preferredReadReplica: undefined,
} as const;

export function failedFetch(errorCode: ErrorCode): PartitionFetchResult {
  return { errorCode, ...nothing };
}

export type FetchDone = (results: readonly PartitionFetchResult[]) => void;

/** What reading asks of the ReplicaManager. */
export interface FetchSupport {
  /** Hears of a read that failed for no reason that Kafka knows. */
  failed(partition: Partition, error: unknown): void;
  /** What was read; `undefined` when its directory hangs: the others of the fetch go on without it. */
  unlessHanging(partition: Partition, read: Promise<LogReadInfo>): Promise<LogReadInfo | undefined>;
  /** Whether a follower has had its share for now (a throttle of replication). */
  isThrottled(partition: Partition, replicaId: number): boolean;
  /** The replica that the consumer should read from instead of this one, which leads. */
  preferredReadReplica(partition: Partition, client: ClientMetadata, fetchOffset: number): number | undefined;
}

/**
 * Reads the partitions in their order until `maxBytes` are found. Calls back in the same turn unless a disk is asked.
 * @param recordsFetch whether what a follower asks for is remembered: for the first look only, not when a wait ends
 */
export function readPartitions(
  params: FetchParams,
  wanted: readonly PartitionFetch[],
  support: FetchSupport,
  recordsFetch: boolean,
  done: FetchDone,
): void {
  const results: PartitionFetchResult[] = [];
  let left = params.maxBytes;
  let isEmpty = true;

  const keep = (partition: Partition, info: LogReadInfo, wantedBytes: number, cutByLimit: boolean): void => {
    let { data } = info;
    if (params.hardMaxBytes && data.sizeInBytes > wantedBytes) data = cutTo(data, wantedBytes);
    const isThrottled =
      data.sizeInBytes > 0 && params.replicaId >= 0 && support.isThrottled(partition, params.replicaId);
    // A batch that is cut tells a reader that its own limit is too small: that must be its own, and not this fetch's.
    if (isThrottled || (data.firstEntryIncomplete && (!params.hardMaxBytes || cutByLimit))) data = withoutRecords(data);
    left -= data.sizeInBytes;
    if (data.sizeInBytes > 0) isEmpty = false;
    results.push({
      errorCode: ErrorCode.NONE,
      highWatermark: info.highWatermark,
      lastStableOffset: info.lastStableOffset,
      logStartOffset: info.logStartOffset,
      data,
      abortedTransactions: data.abortedTransactions,
      divergingEpoch: info.divergingEpoch,
      preferredReadReplica: undefined,
    });
  };
  const fail = ({ partition }: PartitionFetch, error: unknown): void => {
    if (!(error instanceof KafkaError) && partition instanceof Partition) support.failed(partition, error);
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
        const elsewhere = preferred(params, partition, fetch, support);
        if (elsewhere) {
          results.push(elsewhere);
          continue;
        }
        const cutByLimit = left < fetch.maxBytes && !isEmpty;
        const maxBytes = Math.max(0, Math.min(fetch.maxBytes, left));
        const read = partition.read(params, fetch, maxBytes, isEmpty, recordsFetch);
        if (read instanceof Promise) {
          support.unlessHanging(partition, read).then(
            (info) => {
              if (info === undefined) read.then(({ data }) => withoutRecords(data)).catch(() => undefined);
              const found = info ?? partition.nothingRead(params, fetch);
              keep(partition, found, Math.max(0, fetch.maxBytes), cutByLimit);
              readFrom(i + 1);
            },
            (error: unknown) => {
              fail(fetch, error);
              readFrom(i + 1);
            },
          );
          return;
        }
        keep(partition, read, Math.max(0, fetch.maxBytes), cutByLimit);
      } catch (error) {
        fail(fetch, error);
      }
    }
    done(results);
  };
  readFrom(0);
}

/** The answer that sends a consumer to another replica, if there is a better one. */
function preferred(
  { clientMetadata, replicaId }: FetchParams,
  partition: Partition,
  { currentLeaderEpoch, fetchOffset }: PartitionFetch,
  support: FetchSupport,
): PartitionFetchResult | undefined {
  if (clientMetadata === undefined || replicaId >= 0 || !partition.isLeader) return undefined;
  const preferredReadReplica = support.preferredReadReplica(partition, clientMetadata, fetchOffset);
  if (preferredReadReplica === undefined) return undefined;
  partition.requireReplica(currentLeaderEpoch);
  const { highWatermark, lastStableOffset, logStartOffset } = partition.log;
  return {
    ...nothing,
    errorCode: ErrorCode.NONE,
    highWatermark,
    lastStableOffset,
    logStartOffset,
    preferredReadReplica,
  };
}

/** A read of one batch, which is longer than the reader takes: it sees from the rest that it should take more. */
function cutTo(data: FetchData, sizeInBytes: number): FetchData {
  const [range] = data.ranges;
  if (sizeInBytes <= 0) return withoutRecords(data);
  const { file, position, hot } = range;
  const cut = { file, position, length: sizeInBytes, hot, release: () => range.release() };
  return { ...data, ranges: [cut], sizeInBytes, firstEntryIncomplete: true };
}

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
  /** Where the reads began. */
  readonly #begins: readonly (LogOffsetMetadata | undefined)[];
  readonly #epochs: readonly number[];
  readonly #logs: readonly (Log | undefined)[];
  readonly #support: FetchSupport;
  readonly #done: FetchDone;

  /** @param found what the first look found; it was released again */
  constructor(
    params: FetchParams,
    wanted: readonly PartitionFetch[],
    found: readonly PartitionFetchResult[],
    support: FetchSupport,
    done: FetchDone,
  ) {
    super(params.maxWaitMs);
    this.#params = params;
    this.#wanted = wanted;
    this.#begins = found.map(({ data }) => data?.fetchOffset);
    this.#epochs = wanted.map(({ partition }) => (partition instanceof KafkaError ? -1 : partition.leaderEpoch));
    this.#logs = wanted.map(({ partition }) => (partition instanceof KafkaError ? undefined : partition.log));
    this.#support = support;
    this.#done = done;
  }

  override get isAbandoned(): boolean {
    return this.#params.isAbandoned();
  }

  /** What there is to read is counted by positions in the newest segment, without a look into the logs. */
  override tryComplete(): boolean {
    const { fetchOnlyLeader, isolation, minBytes, replicaId } = this.#params;
    let available = 0;
    for (let i = 0; i < this.#wanted.length; i++) {
      const { partition, fetchOffset, maxBytes } = this.#wanted[i];
      const begin = this.#begins[i];
      if (partition instanceof KafkaError || !begin) continue;
      // The answer is an error, or of another leader's epoch: it should not wait.
      if (partition.isOffline || partition.isGone) return this.complete();
      // It has moved to another log directory, where offsets lie elsewhere.
      if (partition.log !== this.#logs[i]) return this.complete();
      if (partition.leaderEpoch !== this.#epochs[i] || (fetchOnlyLeader && !partition.isLeader)) return this.complete();
      if (fetchOffset < partition.log.logStartOffset || partition.divergesFrom(this.#wanted[i])) return this.complete();
      const endOffset = readableEnd(partition, isolation);
      if (endOffset <= fetchOffset) {
        // Beyond the high watermark there may be records that are not committed yet; beyond the end there are none.
        if (fetchOffset > partition.log.logEndOffset) return this.complete();
        continue;
      }
      const end = readableEndMetadata(partition, isolation);
      if (replicaId >= 0 && this.#support.isThrottled(partition, replicaId)) continue;
      if (partition.log.directory.hangs) continue;
      // From an older segment a read gives what that one has; where a place is not known it is looked up by reading.
      if (end.segmentBaseOffset !== begin.segmentBaseOffset || end.segmentBaseOffset < 0) return this.complete();
      available += Math.min(maxBytes, end.relativePositionInSegment - begin.relativePositionInSegment);
    }
    return available >= minBytes ? this.complete() : false;
  }

  protected override onComplete(): void {
    readPartitions(this.#params, this.#wanted, this.#support, false, this.#done);
  }
}

/** The offset up to which a reader of that isolation may see. */
export function readableEnd({ log }: Partition, isolation: FetchIsolation): number {
  switch (isolation) {
    case 'logEnd':
      return log.logEndOffset;
    case 'highWatermark':
      return log.highWatermark;
    case 'txnCommitted':
      return log.lastStableOffset;
  }
}

function readableEndMetadata({ log }: Partition, isolation: FetchIsolation): LogOffsetMetadata {
  switch (isolation) {
    case 'logEnd':
      return log.logEndOffsetMetadata;
    case 'highWatermark':
      return log.highWatermarkMetadata;
    case 'txnCommitted':
      return log.lastStableOffsetMetadata;
  }
}
