import { offsetCommitError } from '../../groups/group-metadata-manager';
import { partitionName } from '../../log/topic-partition';
import { Apis } from '../../protocol/api-keys';
import { ErrorCode } from '../../protocol/errors';
import type { TxnOffsetCommitRequest } from '../../protocol/messages/txn-offset-commit';
import { groupMetadataTopic } from '../../replication/internal-topics';
import { apiHandler } from '../api-handler';

type Committed = TxnOffsetCommitRequest['topics'][number]['partitions'][number];

/** Kafka's handleTxnOffsetCommitRequest: offsets that count when the transaction is committed. */
export const txnOffsetCommit = apiHandler(Apis.TxnOffsetCommit, (broker, request, context, respond) => {
  const { apiVersion } = context.header;
  const { transactionalId, producerId, producerEpoch, groupId } = request;
  // As the topics are now: one may be deleted before the answer.
  const known: { readonly topic: string; readonly committed: Committed }[] = [];
  const isKnown: boolean[] = [];
  for (const { name: topic, partitions } of request.topics) {
    for (const committed of partitions) {
      const exists = broker.metadata.partition(topic, committed.partitionIndex) !== undefined;
      isKnown.push(exists);
      if (exists) known.push({ topic, committed });
    }
  }
  /** Takes the errors of the partitions that exist. */
  const answer = (errors: readonly ErrorCode[]): void => {
    let at = 0;
    let next = 0;
    respond({
      throttleTimeMs: 0,
      topics: request.topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map(({ partitionIndex }) => ({
          partitionIndex,
          errorCode: isKnown[at++]
            ? loadingError(errors[next++], apiVersion >= 2)
            : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
        })),
      })),
    });
  };
  const fail = (error: ErrorCode): void => answer(known.map(() => error));
  if (known.length === 0) {
    answer([]);
    return;
  }
  const partition = broker.groups.partitionFor(groupId);
  if (partition === undefined) {
    fail(ErrorCode.COORDINATOR_NOT_AVAILABLE);
    return;
  }
  const nowMs = broker.io.clock.wallMs();
  const who = { transactionalId, producerId, producerEpoch };
  const of = { topic: groupMetadataTopic, partition, sequence: noSequence };
  broker.transactionVerifier.verify(who, [of], apiVersion >= 4, (results) => {
    const { errorCode = ErrorCode.NONE, guard } = results.get(partitionName(of)) ?? {};
    if (errorCode !== ErrorCode.NONE) {
      fail(offsetCommitError(errorCode));
      return;
    }
    broker.groups.commitTransactionalOffsets(
      {
        groupId,
        producerId,
        producerEpoch,
        verificationGuard: guard,
        memberId: request.memberId,
        groupInstanceId: request.groupInstanceId,
        generationId: request.generationId,
        offsets: known.map(({ topic, committed }) => ({
          topic,
          partition: committed.partitionIndex,
          offset: {
            offset: committed.committedOffset,
            leaderEpoch: committed.committedLeaderEpoch,
            metadata: committed.committedMetadata ?? '',
            commitTimestamp: nowMs,
            expireTimestamp: undefined,
          },
        })),
      },
      answer,
    );
  });
});

/** Offsets have no sequence. */
const noSequence = -1;

/** Producers of before Kafka 2.3 do not expect that a coordinator loads. */
function loadingError(errorCode: ErrorCode, knowsLoading: boolean): ErrorCode {
  const isUnknown = errorCode === ErrorCode.COORDINATOR_LOAD_IN_PROGRESS && !knowsLoading;
  return isUnknown ? ErrorCode.COORDINATOR_NOT_AVAILABLE : errorCode;
}
