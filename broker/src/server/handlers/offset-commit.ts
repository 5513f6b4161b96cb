import { clampedMs } from '../../groups/offset-and-metadata';
import { Apis } from '../../protocol/api-keys';
import { ErrorCode, KafkaError } from '../../protocol/errors';
import type { OffsetCommitRequest } from '../../protocol/messages/offset-commit';
import { apiHandler } from '../api-handler';
import type { BrokerContext } from '../broker-context';
import { knownPartitions } from '../known-partitions';

type Committed = OffsetCommitRequest['topics'][number]['partitions'][number];

/** In place of a timestamp or a retention time: the broker's. */
const brokersOwn = -1n;

/** Kafka's handleOffsetCommitRequest. Version 0 keeps offsets in ZooKeeper, later ones with the group coordinator. */
export const offsetCommit = apiHandler(Apis.OffsetCommit, (broker, request, context, respond) => {
  const { known, answered } = knownPartitions(broker, request.topics);
  const answer = (errors: readonly ErrorCode[]): void => respond({ throttleTimeMs: 0, topics: answered(errors) });
  if (known.length === 0) {
    answer([]);
    return;
  }
  if (context.header.apiVersion === 0) return commitToZooKeeper(broker, request.groupId, known, answer);

  const nowMs = broker.io.clock.wallMs();
  const { retentionTimeMs } = request;
  const expireTimestamp = retentionTimeMs === brokersOwn ? undefined : clampedMs(BigInt(nowMs) + retentionTimeMs);
  broker.groups.commitOffsets(
    {
      groupId: request.groupId,
      memberId: request.memberId,
      groupInstanceId: request.groupInstanceId,
      generationId: request.generationIdOrMemberEpoch,
      offsets: known.map(({ topic, committed }) => ({
        topic,
        partition: committed.partitionIndex,
        offset: {
          offset: committed.committedOffset,
          leaderEpoch: committed.committedLeaderEpoch,
          metadata: committed.committedMetadata ?? '',
          commitTimestamp: committed.commitTimestamp === brokersOwn ? nowMs : clampedMs(committed.commitTimestamp),
          expireTimestamp,
        },
      })),
    },
    answer,
  );
});

async function commitToZooKeeper(
  broker: BrokerContext,
  group: string,
  offsets: readonly { readonly topic: string; readonly committed: Committed }[],
  answer: (errors: readonly ErrorCode[]) => void,
): Promise<void> {
  const { legacyOffsets, offsetMetadataMaxBytes } = broker.groups.options;
  const errors: ErrorCode[] = [];
  for (const { topic, committed } of offsets) {
    const { partitionIndex, committedOffset, committedMetadata } = committed;
    if (!legacyOffsets) errors.push(ErrorCode.UNSUPPORTED_VERSION);
    else if ((committedMetadata?.length ?? 0) > offsetMetadataMaxBytes) {
      errors.push(ErrorCode.OFFSET_METADATA_TOO_LARGE);
    } else {
      try {
        await legacyOffsets.set(group, topic, partitionIndex, committedOffset);
        errors.push(ErrorCode.NONE);
      } catch (error) {
        errors.push(error instanceof KafkaError ? error.code : ErrorCode.UNKNOWN_SERVER_ERROR);
      }
    }
  }
  answer(errors);
}
