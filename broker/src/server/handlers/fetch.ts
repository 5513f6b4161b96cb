import type { FetchIsolation } from '../../log/fetch-data';
import { readRanges } from '../../log/read-ranges';
import { Apis } from '../../protocol/api-keys';
import { ErrorCode, KafkaError } from '../../protocol/errors';
import type { FetchRequest, FetchResponse } from '../../protocol/messages/fetch';
import type { InputOf, Records } from '../../protocol/schema';
import { downConvert, fetchTakesZstd, magicForFetch, overflowMessage } from '../../records/down-convert';
import { failedFetch, type PartitionFetch, type PartitionFetchResult, releaseFetch } from '../../replication/fetch';
import { apiHandler, type Respond } from '../api-handler';
import type { BrokerContext } from '../broker-context';
import { currentLeader, isLeaderError, nodeEndpoints } from '../current-leader';
import type { FetchPartition } from '../fetch-session';

/** How much is read to be converted to an older format for one answer, and how much that may unpack to, bytes. */
const mostConvertedBytes = 8 * 1024 * 1024;

/** Since when consumers know of replicas other than the leader (KIP-392). */
const sinceClientMetadata = 11;
const sinceTopicIds = 13;

const noRecords = Buffer.alloc(0);
const zeroUuid = 'AAAAAAAAAAAAAAAAAAAAAA';

/** Kafka's handleFetchRequest. Record bytes are not read here: the response holds ranges of files. */
export const fetch = apiHandler(Apis.Fetch, (broker, request, context, respond, channel) => {
  const { apiVersion } = context.header;
  const usesTopicIds = apiVersion >= sinceTopicIds;
  const { replicaId, replicaEpoch } =
    apiVersion >= 15 ? request.replicaState : { replicaId: request.replicaId, replicaEpoch: -1n };
  const isFollower = replicaId >= 0;
  const session = broker.fetchSessions.begin({
    sessionId: request.sessionId,
    sessionEpoch: request.sessionEpoch,
    isFollower,
    usesTopicIds,
    partitions: requestedPartitions(request),
    forgotten: request.forgottenTopicsData.flatMap(({ topic, topicId, partitions }) =>
      partitions.map((partition) => ({ topic, topicId, partition })),
    ),
  });
  if (session.errorCode !== ErrorCode.NONE) {
    respond({ errorCode: session.errorCode, sessionId: 0, responses: [] });
    return;
  }
  const isolation: FetchIsolation = isFollower
    ? 'logEnd'
    : request.isolationLevel === 1
      ? 'txnCommitted'
      : 'highWatermark';
  const magic = magicForFetch(apiVersion);
  const maxBytes = Math.min(
    request.maxBytes,
    broker.config.get('fetch.max.bytes'),
    // What is converted is in memory as a whole.
    magic === 2 ? Infinity : mostConvertedBytes,
  );
  const clientMetadata =
    apiVersion >= sinceClientMetadata
      ? { rackId: request.rackId, clientId: context.header.clientId, listenerName: context.listenerName }
      : undefined;
  const params = {
    replicaId,
    replicaEpoch,
    fetchOnlyLeader: isFollower || clientMetadata === undefined,
    clientMetadata,
    maxWaitMs: request.maxWaitMs,
    minBytes: Math.min(request.minBytes, maxBytes),
    maxBytes,
    isolation,
    hardMaxBytes: apiVersion <= 2,
    isAbandoned: () => channel?.disconnected ?? false,
  };
  const wanted = session.partitions.map((partition) => fetchOf(broker, partition, isFollower, apiVersion));
  broker.replicas.fetch(params, wanted, (results) => {
    const answer = (answered: readonly Answer[]): void => {
      const kept: Answer[] = [];
      for (const each of answered) {
        const { partition, result } = each;
        const hasNews =
          result.errorCode !== ErrorCode.NONE ||
          lengthOf(each.records) > 0 ||
          result.divergingEpoch !== undefined ||
          result.preferredReadReplica !== undefined ||
          partition.highWatermark !== result.highWatermark ||
          partition.logStartOffset !== result.logStartOffset;
        // An error leaves -1 behind: the partition is in the first response after it.
        partition.highWatermark = result.highWatermark;
        partition.logStartOffset = result.logStartOffset;
        if (lengthOf(each.records) > 0) session.gaveData(partition);
        // An empty read holds ranges of no bytes or none; those that are not sent are released here.
        if (session.isIncremental && !hasNews) release(each.records);
        else kept.push(each);
      }
      respondWith(broker, apiVersion, context.listenerName, session.sessionId, kept, respond);
    };
    if (magic === 2) {
      answer(
        session.partitions.map((partition, i) => ({ partition, result: results[i], records: rangesOf(results[i]) })),
      );
      return;
    }
    const convert = () => downConverted(broker, session.partitions, wanted, results, magic);
    void broker.replicas.conversions.run(convert).then(answer);
  });
});

type PartitionAnswer = InputOf<typeof FetchResponse>['responses'][number]['partitions'][number];

interface Answer {
  readonly partition: FetchPartition;
  readonly result: PartitionFetchResult;
  readonly records: Records;
}

function requestedPartitions(request: FetchRequest): FetchPartition[] {
  const partitions: FetchPartition[] = [];
  for (const { topic, topicId, partitions: wanted } of request.topics) {
    for (const each of wanted) {
      partitions.push({
        topic,
        topicId,
        partition: each.partition,
        fetchOffset: each.fetchOffset,
        maxBytes: each.partitionMaxBytes,
        currentLeaderEpoch: each.currentLeaderEpoch,
        lastFetchedEpoch: each.lastFetchedEpoch,
        fetcherLogStartOffset: each.logStartOffset,
        highWatermark: -1,
        logStartOffset: -1,
      });
    }
  }
  return partitions;
}

function fetchOf(
  broker: BrokerContext,
  wanted: FetchPartition,
  isFollower: boolean,
  apiVersion: number,
): PartitionFetch {
  const usesTopicIds = apiVersion >= sinceTopicIds;
  if (usesTopicIds) {
    const name = wanted.topicId === zeroUuid ? undefined : topicNameOf(broker, wanted.topicId, isFollower);
    if (name === undefined) return unreadable(wanted, ErrorCode.UNKNOWN_TOPIC_ID);
    wanted.topic = name;
  }
  const partition = broker.replicas.partitionOrError(wanted.topic, wanted.partition);
  if (!(partition instanceof KafkaError)) {
    if (usesTopicIds && partition.topicId !== wanted.topicId) {
      return unreadable(wanted, ErrorCode.INCONSISTENT_TOPIC_ID);
    }
    if (!fetchTakesZstd(apiVersion) && partition.log.config.compressionType === 'zstd') {
      return unreadable(wanted, ErrorCode.UNSUPPORTED_COMPRESSION_TYPE);
    }
  }
  return fetchFrom(partition, wanted);
}

/** A follower may hear of a new topic before this broker knows more of it than that it leads one of its partitions. */
function topicNameOf(broker: BrokerContext, topicId: string, isFollower: boolean): string | undefined {
  return broker.metadata.topicName(topicId) ?? (isFollower ? broker.replicas.topicName(topicId) : undefined);
}

function unreadable(wanted: FetchPartition, code: ErrorCode): PartitionFetch {
  return fetchFrom(new KafkaError(code), wanted);
}

function fetchFrom(partition: PartitionFetch['partition'], wanted: FetchPartition): PartitionFetch {
  const { fetchOffset, maxBytes, currentLeaderEpoch, lastFetchedEpoch, fetcherLogStartOffset } = wanted;
  return {
    partition,
    fetchOffset,
    maxBytes,
    currentLeaderEpoch,
    lastFetchedEpoch,
    logStartOffset: fetcherLogStartOffset,
  };
}

function rangesOf({ data }: PartitionFetchResult): Records {
  return data && data.ranges.length > 0 ? data.ranges : noRecords;
}

function lengthOf(records: Records): number {
  if (Buffer.isBuffer(records)) return records.length;
  if (!Array.isArray(records)) return (records as { readonly length: number }).length;
  let length = 0;
  for (const part of records as readonly { readonly length: number }[]) length += part.length;
  return length;
}

function release(records: Records): void {
  if (Buffer.isBuffer(records) || !Array.isArray(records)) return;
  for (const part of records) if (!Buffer.isBuffer(part)) part.release();
}

/** Reads what was found into memory and converts it; the ranges are released. It never rejects. */
async function downConverted(
  broker: BrokerContext,
  partitions: readonly FetchPartition[],
  wanted: readonly PartitionFetch[],
  results: readonly PartitionFetchResult[],
  magic: 0 | 1,
): Promise<Answer[]> {
  const answers: Answer[] = [];
  const budget = { bytes: mostConvertedBytes };
  for (let i = 0; i < results.length; i++) {
    const result = results[i];
    const partition = partitions[i];
    if (budget.bytes <= 0) releaseFetch([result]);
    if (!result.data || budget.bytes <= 0) {
      answers.push({ partition, result, records: noRecords });
      continue;
    }
    if (!broker.topicConfig(partition.topic).messageDownconversionEnable) {
      releaseFetch([result]);
      answers.push({ partition, result: failedFetch(ErrorCode.UNSUPPORTED_VERSION), records: noRecords });
      continue;
    }
    try {
      const from = wanted[i].partition;
      const { ranges, sizeInBytes } = result.data;
      const reading = readRanges(ranges, sizeInBytes);
      const bytes = from instanceof KafkaError ? await reading : await from.log.directory.unlessHanging(reading);
      if (bytes === undefined) {
        // Its disk hangs: there is nothing now. The ranges are released when it answers.
        answers.push({ partition, result, records: noRecords });
        continue;
      }
      if (bytes.length < sizeInBytes) throw new KafkaError(ErrorCode.KAFKA_STORAGE_ERROR, 'a segment ends early');
      const { records } = downConvert(bytes, magic, wanted[i].fetchOffset, budget);
      answers.push({
        partition,
        result,
        records: records.length > 0 || bytes.length === 0 ? records : overflowMessage(),
      });
    } catch (error) {
      if (!(error instanceof KafkaError)) {
        broker.logger.error(
          `Records of ${partition.topic}-${partition.partition} could not be converted to the format of an old consumer.`,
          { error },
        );
      }
      const errorCode = error instanceof KafkaError ? error.code : ErrorCode.UNKNOWN_SERVER_ERROR;
      answers.push({ partition, result: failedFetch(errorCode), records: noRecords });
    }
  }
  return answers;
}

function respondWith(
  broker: BrokerContext,
  apiVersion: number,
  listenerName: string,
  sessionId: number,
  answers: readonly Answer[],
  respond: Respond<typeof Apis.Fetch>,
): void {
  // Partitions of a topic that follow each other share an entry; a session may interleave topics.
  const responses: { topic: string; topicId: string; partitions: PartitionAnswer[] }[] = [];
  const leaders: number[] = [];
  for (const { partition, result, records } of answers) {
    let topic = responses.at(-1);
    if (!topic || topic.topicId !== partition.topicId || topic.topic !== partition.topic) {
      topic = { topic: partition.topic, topicId: partition.topicId, partitions: [] };
      responses.push(topic);
    }
    const leader =
      apiVersion >= 16 && isLeaderError(result.errorCode)
        ? currentLeader(broker, partition.topic, partition.partition)
        : undefined;
    if (leader) leaders.push(leader.leaderId);
    topic.partitions.push({
      partitionIndex: partition.partition,
      // Version 5 and older do not know KAFKA_STORAGE_ERROR, and would not try again.
      errorCode:
        apiVersion <= 5 && result.errorCode === ErrorCode.KAFKA_STORAGE_ERROR
          ? ErrorCode.NOT_LEADER_OR_FOLLOWER
          : result.errorCode,
      highWatermark: result.highWatermark,
      lastStableOffset: result.lastStableOffset,
      logStartOffset: result.logStartOffset,
      abortedTransactions: result.abortedTransactions ?? null,
      records,
      ...(result.divergingEpoch ? { divergingEpoch: result.divergingEpoch } : {}),
      ...(result.preferredReadReplica === undefined ? {} : { preferredReadReplica: result.preferredReadReplica }),
      ...(leader ? { currentLeader: leader } : {}),
    });
  }
  respond({
    errorCode: ErrorCode.NONE,
    sessionId,
    responses,
    ...(leaders.length > 0 ? { nodeEndpoints: nodeEndpoints(broker, leaders, listenerName) } : {}),
  });
}
