import { ErrorCode, KafkaError, ProtocolError } from '../../protocol/errors';
import { ConsumerProtocolAssignment, ConsumerProtocolSubscription } from '../../protocol/internal/consumer-protocol';
import { GroupMetadataKey, GroupMetadataValue } from '../../protocol/internal/group-metadata';
import { OffsetCommitKey, OffsetCommitValue } from '../../protocol/internal/offset-commit';
import { TransactionLogKey, TransactionLogValue } from '../../protocol/internal/transaction-log';
import { decodeVersioned, versionOf } from '../../protocol/internal/versioned-record';
import type { MessageSchema } from '../../protocol/schema';
import type { LogRecord } from '../../records/record';
import { CommandError, messageOf } from '../cli-error';
import { messageJson } from './message-json';

/** Key and value of a record as text; undefined where nothing is shown. */
export interface ParsedMessage {
  readonly key: string | undefined;
  readonly value: string | undefined;
}

export type MessageParser = (record: LogRecord) => ParsedMessage;

/** What is shown for a value that deletes its key. */
const deleted = '<DELETE>';

const decoders: Readonly<Record<string, (bytes: Buffer) => string>> = {
  StringDecoder: (bytes) => bytes.toString(),
  DefaultDecoder: (bytes) => bytes.toString('hex'),
  LongDecoder: (bytes) => String(sized('LongDecoder', bytes, 8).readBigInt64BE(0)),
  IntegerDecoder: (bytes) => String(sized('IntegerDecoder', bytes, 4).readInt32BE(0)),
};

function sized(decoder: string, bytes: Buffer, size: number): Buffer {
  if (bytes.length !== size) throw new CommandError(`${decoder}: ${bytes.length} bytes, where it takes ${size}`);
  return bytes;
}

/** @throws CommandError for a class that is not one of Kafka's */
export function decoderParser(keyClass: string | undefined, valueClass: string | undefined): MessageParser {
  const key = decoderOf('--key-decoder-class', keyClass);
  const value = decoderOf('--value-decoder-class', valueClass);
  return (record) => ({
    key: record.key === null ? undefined : key(record.key),
    value: record.value === null ? undefined : value(record.value),
  });
}

function decoderOf(option: string, className = 'StringDecoder'): (bytes: Buffer) => string {
  const decoder = decoders[className.slice(className.lastIndexOf('.') + 1)];
  if (decoder !== undefined) return decoder;
  throw new CommandError(`${option} ${className}: ${Object.keys(decoders).join(', ')} are accepted`);
}

/** Records of __consumer_offsets. */
export const offsetsParser: MessageParser = ({ offset, key, value }) => {
  if (key === null) {
    throw new CommandError(
      `Failed to decode message at offset ${offset} using offset topic decoder (message had a missing key)`,
    );
  }
  try {
    const type = versionOf(key);
    if (type > 2 || type < 0) {
      return { key: `Unknown record type ${type} at offset ${offset}, skipping.`, value: undefined };
    }
    const [keySchema, valueSchema] =
      type === 2 ? ([GroupMetadataKey, GroupMetadataValue] as const) : ([OffsetCommitKey, OffsetCommitValue] as const);
    return {
      key: `{"type":"${type}","data":${versionedJson(keySchema, key)}}`,
      value: value === null ? deleted : `{"version":"${versionOf(value)}","data":${versionedJson(valueSchema, value)}}`,
    };
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return { key: `Error at offset ${offset}, skipping. ${messageOf(error)}`, value: undefined };
  }
};

/** What members of consumer groups put into their bytes is shown too, if it is what consumers put there. */
function versionedJson(schema: MessageSchema, bytes: Buffer): string {
  const decoded = decodeVersioned(schema, bytes);
  const isConsumers = (decoded as { readonly protocolType?: unknown }).protocolType === 'consumer';
  const inside: Readonly<Record<string, MessageSchema>> = isConsumers
    ? { subscription: ConsumerProtocolSubscription, assignment: ConsumerProtocolAssignment }
    : {};
  return messageJson(schema, versionOf(bytes), decoded as object, (name, value) => {
    const inner = inside[name];
    if (inner === undefined || !Buffer.isBuffer(value)) return undefined;
    try {
      return messageJson(inner, versionOf(value), decodeVersioned(inner, value) as object);
    } catch (error) {
      if (error instanceof ProtocolError) return undefined;
      throw error;
    }
  });
}

const transactionStates = [
  'Empty',
  'Ongoing',
  'PrepareCommit',
  'PrepareAbort',
  'CompleteCommit',
  'CompleteAbort',
  'Dead',
  'PrepareEpochFence',
];

/** Records of __transaction_state. */
export const transactionsParser: MessageParser = ({ key, value }) => {
  if (key === null) throw new KafkaError(ErrorCode.INVALID_RECORD, 'a record of __transaction_state without a key');
  try {
    const { transactionalId } = decodeVersioned(TransactionLogKey, key);
    const shownKey = `transaction_metadata::transactionalId=${transactionalId}`;
    if (value === null) return { key: shownKey, value: deleted };
    const state = decodeVersioned(TransactionLogValue, value);
    const partitions = (state.transactionPartitions ?? []).flatMap(({ topic, partitionIds }) =>
      partitionIds.map((partition) => `${topic}-${partition}`),
    );
    return {
      key: shownKey,
      value: [
        `producerId:${state.producerId}`,
        `producerEpoch:${state.producerEpoch}`,
        `state=${transactionStates[state.transactionStatus] ?? state.transactionStatus}`,
        `partitions=[${partitions.join(',')}]`,
        `txnLastUpdateTimestamp=${state.transactionLastUpdateTimestampMs}`,
        `txnTimeoutMs=${state.transactionTimeoutMs}`,
      ].join(','),
    };
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return { key: `unknown::version=${key.length < 2 ? '?' : versionOf(key)}`, value: undefined };
  }
};
