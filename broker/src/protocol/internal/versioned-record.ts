import { decodeMessage, encodeToBuffer } from '../codec';
import { ProtocolError } from '../errors';
import type { InputOf, MessageOf, MessageSchema } from '../schema';

/**
 * Keys and values of the internal topics, and the consumers' metadata, stand behind their version in 2 bytes. In keys of
 * __consumer_offsets the version also tells what kind of record it is: 0 and 1 an offset, 2 a group.
 */
export function encodeVersioned<S extends MessageSchema>(schema: S, version: number, value: InputOf<S>): Buffer {
  const body = encodeToBuffer(schema, version, value);
  const whole = Buffer.allocUnsafe(2 + body.length);
  whole.writeInt16BE(version, 0);
  whole.set(body, 2);
  return whole;
}

/** The version that stands before a record. */
export function versionOf(bytes: Buffer): number {
  if (bytes.length < 2) throw new ProtocolError(`a versioned record of ${bytes.length} bytes`);
  return bytes.readInt16BE(0);
}

/** Throws a ProtocolError also for a version that the schema does not have. */
export function decodeVersioned<S extends MessageSchema>(schema: S, bytes: Buffer): MessageOf<S> {
  return decodeMessage(schema, versionOf(bytes), bytes, 2);
}
