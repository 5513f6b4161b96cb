import { Apis } from '../../protocol/api-keys';
import { ErrorCode, errorName, KafkaError } from '../../protocol/errors';
import { isTransactional, magicOf, nextBatchSize } from '../../records/batch-header';
import { validateProduceRecords } from '../../records/produce-version';
import {
  type AppendDone,
  type AppendParams,
  failedAppend,
  type PartitionAppend,
  type PartitionAppendResult,
} from '../../replication/append';
import { apiHandler, Disconnect } from '../api-handler';
import { currentLeader, isLeaderError, nodeEndpoints } from '../current-leader';

/** Kafka's handleProduceRequest. The records stay slices of the request until the log has them. */
export const produce = apiHandler(Apis.Produce, (broker, request, context, respond) => {
  const { apiVersion, clientId } = context.header;
  const { acks, transactionalId } = request;
  // A transaction that nobody can end would hold up every read-committed consumer.
  const isUnauthorized =
    transactionalId === null &&
    request.topicData.some(({ partitionData }) => partitionData.some(({ records }) => isTransactionalSet(records)));
  const appends: PartitionAppend[] = [];
  /** Of every partition of the request, in its order; `undefined` where the append will tell. */
  const refused: (PartitionAppendResult | undefined)[] = [];
  const named = new Set<string>();
  for (const { name: topic, partitionData } of request.topicData) {
    for (const { index: partition, records } of partitionData) {
      const error = isUnauthorized
        ? failedAppend(ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED)
        : named.size === named.add(`${topic}-${partition}`).size
          ? failedAppend(ErrorCode.INVALID_REQUEST, `${topic}-${partition} is twice in the request`)
          : refusal(acks, apiVersion, records);
      refused.push(error);
      if (error === undefined && records !== null) appends.push({ topic, partition, records });
    }
  }
  const params: AppendParams = {
    origin: 'client',
    requiredAcks: acks,
    timeoutMs: request.timeoutMs,
    internalTopicsAllowed: clientId === adminClientId,
  };
  const done: AppendDone = (appended, inUse) => {
    let next = 0;
    const results = refused.map((error) => error ?? appended[next++]);
    if (acks === 0) {
      // The client waits for no answer; the closed connection is how it learns that its records were refused.
      const failed = results.find(({ errorCode }) => errorCode !== ErrorCode.NONE);
      respond(
        failed &&
          new Disconnect(`a produce with acks=0 was refused: ${failed.errorMessage ?? errorName(failed.errorCode)}`),
        inUse,
      );
      return;
    }
    let at = 0;
    let leaders: number[] | undefined;
    const responses = request.topicData.map(({ name, partitionData }) => ({
      name,
      partitionResponses: partitionData.map(({ index }) => {
        const result = results[at++];
        const leader = isLeaderError(result.errorCode) ? currentLeader(broker, name, index) : undefined;
        if (leader) (leaders ??= []).push(leader.leaderId);
        return {
          index,
          errorCode: result.errorCode,
          baseOffset: result.baseOffset,
          logAppendTimeMs: result.logAppendTimeMs,
          logStartOffset: result.logStartOffset,
          recordErrors: result.recordErrors.map(({ batchIndex, message }) => ({
            batchIndex,
            batchIndexErrorMessage: message ?? null,
          })),
          errorMessage: result.errorMessage,
          ...(leader && apiVersion >= 10 ? { currentLeader: leader } : {}),
        };
      }),
    }));
    const endpoints =
      leaders && apiVersion >= 10 ? { nodeEndpoints: nodeEndpoints(broker, leaders, context.listenerName) } : {};
    respond({ responses, ...endpoints }, inUse);
  };
  if (transactionalId === null) broker.replicas.append(params, appends, done);
  // TRANSACTION_ABORTABLE is known since version 11 (KIP-890).
  else broker.transactionVerifier.append(params, transactionalId, appends, apiVersion >= 11, done);
});

/** The client that may write to internal topics (AdminUtils.ADMIN_CLIENT_ID): tools that copy or repair them. */
const adminClientId = '__admin_client';

function isTransactionalSet(records: Buffer | null): boolean {
  if (records === null) return false;
  try {
    for (let at = 0, size = 0; (size = nextBatchSize(records, at, records.length)) > 0; at += size) {
      if (magicOf(records, at) >= 2 && isTransactional(records, at)) return true;
    }
  } catch (error) {
    // What is wrong with a batch is for the append to say.
    if (!(error instanceof KafkaError)) throw error;
  }
  return false;
}

function refusal(acks: number, apiVersion: number, records: Buffer | null): PartitionAppendResult | undefined {
  if (acks < -1 || acks > 1) {
    return failedAppend(ErrorCode.INVALID_REQUIRED_ACKS, `acks must be -1, 0 or 1, not ${acks}`);
  }
  if (records === null) return failedAppend(ErrorCode.INVALID_RECORD, 'The partition has no records');
  try {
    validateProduceRecords(apiVersion, records);
  } catch (error) {
    if (error instanceof KafkaError) return failedAppend(error.code, error.message);
    throw error;
  }
  return undefined;
}
