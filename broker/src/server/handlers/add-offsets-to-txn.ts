import { Apis } from '../../protocol/api-keys';
import { ErrorCode } from '../../protocol/errors';
import { groupMetadataTopic } from '../../replication/internal-topics';
import { apiHandler } from '../api-handler';
import { fencedError } from '../transaction-errors';

/** Kafka's handleAddOffsetsToTxnRequest: the partition of __consumer_offsets that holds the group joins the transaction. */
export const addOffsetsToTxn = apiHandler(Apis.AddOffsetsToTxn, async (broker, request, context, respond) => {
  const { transactionalId, producerId, producerEpoch, groupId } = request;
  const partition = broker.groups.partitionFor(groupId);
  if (partition === undefined) {
    // The topic is created when somebody looks for the group's coordinator, as who commits offsets is about to do.
    if (!broker.metadata.topic(groupMetadataTopic)) {
      broker.autoTopicCreation
        .create([groupMetadataTopic])
        .catch((error: unknown) =>
          broker.logger.error(`Creating ${groupMetadataTopic} failed unexpectedly.`, { error }),
        );
    }
    respond({ throttleTimeMs: 0, errorCode: ErrorCode.COORDINATOR_NOT_AVAILABLE });
    return;
  }
  const who = { transactionalId, producerId, producerEpoch };
  const error = await broker.transactions.addPartitions(who, [{ topic: groupMetadataTopic, partition }]);
  respond({ throttleTimeMs: 0, errorCode: fencedError(error, context.header.apiVersion >= 2) });
});
