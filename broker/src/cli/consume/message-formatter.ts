import { formatJavaDouble } from '../../config/java-number';
import { TimestampType } from '../../records/batch-header';
import type { LogRecord } from '../../records/record';
import { CommandError } from '../cli-error';

/** A record and where it was read. */
export interface ConsumedRecord extends LogRecord {
  readonly topic: string;
  readonly partition: number;
  readonly timestampType: TimestampType;
}

/** Writes records for a person or a pipe. */
export interface MessageFormatter {
  write(record: ConsumedRecord, out: (bytes: Uint8Array | string) => void): void;
}

type Decoder = (bytes: Buffer) => Buffer | string;

function fixedSize(size: number, decode: (bytes: Buffer) => string): Decoder {
  return (bytes) => {
    if (bytes.length !== size) throw new CommandError(`Size of data received is not ${size}, but ${bytes.length}`);
    return decode(bytes);
  };
}

const text: Decoder = (bytes) => bytes;

/** Kafka's own deserializers, by the last part of their class names. */
const decoders: Readonly<Record<string, Decoder>> = {
  StringDeserializer: text,
  ByteArrayDeserializer: text,
  ByteBufferDeserializer: text,
  BytesDeserializer: text,
  LongDeserializer: fixedSize(8, (bytes) => String(bytes.readBigInt64BE(0))),
  IntegerDeserializer: fixedSize(4, (bytes) => String(bytes.readInt32BE(0))),
  ShortDeserializer: fixedSize(2, (bytes) => String(bytes.readInt16BE(0))),
  DoubleDeserializer: fixedSize(8, (bytes) => formatJavaDouble(bytes.readDoubleBE(0))),
  BooleanDeserializer: fixedSize(1, (bytes) => String(bytes[0] === 1)),
  UUIDDeserializer: text,
};

/** @throws CommandError for a class that is not one of Kafka's */
export function decoderOf(property: string, className: string | undefined): Decoder {
  if (className === undefined) return text;
  const decoder = decoders[className.slice(className.lastIndexOf('.') + 1)];
  if (decoder !== undefined) return decoder;
  const accepted = Object.keys(decoders).join(', ');
  throw new CommandError(`${property}=${className}: of Kafka's own deserializers these are accepted: ${accepted}`);
}

const timestampTypes: Readonly<Record<TimestampType, string>> = {
  [TimestampType.NO_TIMESTAMP_TYPE]: 'NoTimestampType',
  [TimestampType.CREATE_TIME]: 'CreateTime',
  [TimestampType.LOG_APPEND_TIME]: 'LogAppendTime',
};

/** The value, and what the properties ask for in front of it (Kafka's DefaultMessageFormatter, and its properties). */
export function defaultMessageFormatter(properties: ReadonlyMap<string, string>): MessageFormatter {
  const isTrue = (key: string, fallback: boolean) =>
    properties.has(key) ? properties.get(key)!.trim().toLowerCase() === 'true' : fallback;
  const timestamp = isTrue('print.timestamp', false);
  const partition = isTrue('print.partition', false);
  const offset = isTrue('print.offset', false);
  const headers = isTrue('print.headers', false);
  const key = isTrue('print.key', false);
  const value = isTrue('print.value', true);
  const column = Buffer.from(properties.get('key.separator') ?? '\t');
  const lineEnd = Buffer.from(properties.get('line.separator') ?? '\n');
  const betweenHeaders = Buffer.from(properties.get('headers.separator') ?? ',');
  const nullLiteral = Buffer.from(properties.get('null.literal') ?? 'null');
  const decoder = (property: string) => decoderOf(property, properties.get(property));
  const decodeKey = decoder('key.deserializer');
  const decodeValue = decoder('value.deserializer');
  const decodeHeader = decoder('headers.deserializer');
  const shown = (bytes: Buffer | null, decode: Decoder) => (bytes === null ? nullLiteral : decode(bytes));

  return {
    write(record, out) {
      if (timestamp) {
        const type = record.timestampType;
        const hasNone = type === TimestampType.NO_TIMESTAMP_TYPE;
        out(hasNone ? 'NO_TIMESTAMP' : `${timestampTypes[type]}:${record.timestamp}`);
        out(partition || offset || headers || key || value ? column : lineEnd);
      }
      if (partition) {
        out(`Partition:${record.partition}`);
        out(offset || headers || key || value ? column : lineEnd);
      }
      if (offset) {
        out(`Offset:${record.offset}`);
        out(headers || key || value ? column : lineEnd);
      }
      if (headers) {
        if (record.headers.length === 0) out('NO_HEADERS');
        record.headers.forEach((header, i) => {
          if (i > 0) out(betweenHeaders);
          out(`${header.key}:`);
          out(shown(header.value, decodeHeader));
        });
        out(key || value ? column : lineEnd);
      }
      if (key) {
        out(shown(record.key, decodeKey));
        out(value ? column : lineEnd);
      }
      if (value) {
        out(shown(record.value, decodeValue));
        out(lineEnd);
      }
    },
  };
}

/** @throws CommandError for a class that is not there */
export function messageFormatter(
  className: string | undefined,
  properties: ReadonlyMap<string, string>,
): MessageFormatter {
  const name = className?.slice(className.lastIndexOf('.') + 1) ?? 'DefaultMessageFormatter';
  if (name === 'DefaultMessageFormatter') return defaultMessageFormatter(properties);
  if (name === 'NoOpMessageFormatter') return { write() {} };
  throw new CommandError(`--formatter ${className}: DefaultMessageFormatter and NoOpMessageFormatter are accepted`);
}
