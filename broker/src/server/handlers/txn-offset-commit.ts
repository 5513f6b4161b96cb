import { offsetCommitError } from '../../groups/group-metadata-manager';
import { partitionName } from '../../log/topic-partition';
import { Apis } from '../../protocol/api-keys';
import { ErrorCode } from '../../protocol/errors';
import { groupMetadataTopic } from '../../replication/internal-topics';
import { apiHandler } from '../api-handler';
import { knownPartitions } from '../known-partitions';

/** Kafka's handleTxnOffsetCommitRequest: offsets that count when the transaction is committed. */
export const txnOffsetCommit = apiHandler(Apis.TxnOffsetCommit, (broker, request, context, respond) => {
  const { apiVersion } = context.header;
  const { transactionalId, producerId, producerEpoch, groupId } = request;
  const { known, answered } = knownPartitions(broker, request.topics);
  const answer = (errors: readonly ErrorCode[]): void =>
    respond({ throttleTimeMs: 0, topics: answered(errors.map((error) => loadingError(error, apiVersion >= 2))) });
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
