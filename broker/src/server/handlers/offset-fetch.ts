import type { FetchedOffset } from '../../groups/group-results';
import { Apis } from '../../protocol/api-keys';
import { ErrorCode, KafkaError } from '../../protocol/errors';
import type { OffsetFetchRequest } from '../../protocol/messages/offset-fetch';
import { apiHandler } from '../api-handler';
import type { BrokerContext } from '../broker-context';

type WantedTopic = OffsetFetchRequest['groups'][number]['topics'];

/**
 * Kafka's handleOffsetFetchRequest. Version 0 reads from ZooKeeper, later ones from the group coordinator; from version
 * 8 of several groups.
 */
export const offsetFetch = apiHandler(Apis.OffsetFetch, (broker, request, context, respond) => {
  const { apiVersion } = context.header;
  if (apiVersion === 0) {
    return fetchFromZooKeeper(broker, request.groupId, request.topics ?? []).then((topics) => respond({ topics }));
  }
  if (apiVersion >= 8) {
    respond({
      throttleTimeMs: 0,
      groups: request.groups.map(({ groupId, topics }) => ({
        groupId,
        ...broker.groups.fetchOffsets(groupId, request.requireStable, topics),
      })),
    });
    return;
  }
  const { errorCode, topics } = broker.groups.fetchOffsets(request.groupId, request.requireStable, request.topics);
  if (apiVersion < 2 && errorCode !== ErrorCode.NONE) {
    // Version 1 has errors of partitions alone.
    respond({ topics: (request.topics ?? []).map((topic) => failedTopic(topic, errorCode)) });
    return;
  }
  respond({ throttleTimeMs: 0, errorCode, topics });
});

function failedTopic(
  { name, partitionIndexes }: NonNullable<WantedTopic>[number],
  errorCode: ErrorCode,
): { readonly name: string; readonly partitions: FetchedOffset[] } {
  return { name, partitions: partitionIndexes.map((index) => failedPartition(index, errorCode)) };
}

function failedPartition(partitionIndex: number, errorCode: ErrorCode): FetchedOffset {
  return { partitionIndex, committedOffset: -1, committedLeaderEpoch: -1, metadata: '', errorCode };
}

async function fetchFromZooKeeper(
  broker: BrokerContext,
  group: string,
  topics: NonNullable<WantedTopic>,
): Promise<{ name: string; partitions: FetchedOffset[] }[]> {
  const { legacyOffsets } = broker.groups.options;
  const fetched: { name: string; partitions: FetchedOffset[] }[] = [];
  for (const { name, partitionIndexes } of topics) {
    const partitions: FetchedOffset[] = [];
    for (const index of partitionIndexes) {
      if (!broker.metadata.partition(name, index)) {
        partitions.push(failedPartition(index, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION));
      } else if (!legacyOffsets) {
        partitions.push(failedPartition(index, ErrorCode.UNSUPPORTED_VERSION));
      } else {
        try {
          const offset = await legacyOffsets.get(group, name, index);
          // In this version a partition without an offset is an unknown one.
          partitions.push(
            offset === undefined
              ? failedPartition(index, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
              : { ...failedPartition(index, ErrorCode.NONE), committedOffset: offset },
          );
        } catch (error) {
          const code = error instanceof KafkaError ? error.code : ErrorCode.UNKNOWN_SERVER_ERROR;
          partitions.push(failedPartition(index, code));
        }
      }
    }
    fetched.push({ name, partitions });
  }
  return fetched;
}
