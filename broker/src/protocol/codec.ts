import { decoderSource } from './decoder-source';
import { encoderSource } from './encoder-source';
import { ProtocolError } from './errors';
import type { InputOf, MessageOf, MessageSchema } from './schema';
import { readText } from './text';
import { readUuid, writeUuid } from './uuid';
import { unencodable, Writer } from './writer';
import type { Chunk } from './writer';

export type { Chunk } from './writer';

/**
 * The most elements (strings and structures, over all its arrays) that a message may have: 200,000 partitions with
 * their replicas are far below, and what a hostile frame can make of the heap stays bounded.
 */
const mostElements = 2_000_000;

/** Where a decoder is, and how many elements it may still make. */
interface Cursor {
  position: number;
  elements: number;
}

type Encode = (writer: Writer, message: unknown, position: number) => number;
type Decode = (bytes: Buffer, position: number, end: number, cursor: Cursor) => unknown;

/** Of one version of one message. */
interface Codec {
  encode: Encode | undefined;
  decode: Decode | undefined;
}

const writer = new Writer();
const cursor: Cursor = { position: 0, elements: 0 };

function codecOf(schema: MessageSchema, version: number): Codec {
  const known = schema.codecs[version] as Codec | undefined;
  if (known !== undefined) return known;
  if (!(version >= schema.minVersion && version <= schema.maxVersion && Number.isInteger(version))) {
    throw new ProtocolError(
      `${schema.name}: no version ${version}, versions are ${schema.minVersion} to ${schema.maxVersion}`,
    );
  }
  const made: Codec = { encode: undefined, decode: undefined };
  schema.codecs[version] = made;
  return made;
}

/** What the generated encoders call. */
const encoderScope = {
  noBytes: Buffer.alloc(0),
  bad: unencodable,
  unsupported: (field: string, version: number) =>
    new ProtocolError(`${field}: version ${version} has no such field, and it is not its default`),
  writeUuid,
};

/** What the generated decoders call: readers, and the makers of errors. */
const decoderScope = {
  noBytes: Buffer.alloc(0),
  readText,
  readUuid,
  varint: readLongVarint,
  short(fields: readonly (readonly [path: string, size: number])[], left: number): ProtocolError {
    let rest = left;
    for (const [path, size] of fields) {
      if (rest < size) return new ProtocolError(`${path}: needs ${size} bytes, and ${rest} are left`);
      rest -= size;
    }
    return new ProtocolError(`${fields[0][0]}: the message ends`);
  },
  lying: (field: string, what: string, claimed: number, left: number) =>
    new ProtocolError(`${field}: ${what} of ${claimed}, and ${left} bytes are left`),
  negative: (field: string, count: number) =>
    new ProtocolError(count === -1 ? `${field}: must not be null` : `${field}: a length of ${count}`),
  long: (field: string, length: number) => new ProtocolError(`${field}: a string of ${length} bytes; 32767 at most`),
  unsafe: (field: string, value: bigint) => new ProtocolError(`${field}: ${value} is beyond 2^53`),
  misfit: (field: string, claimed: number, read: number) =>
    new ProtocolError(`${field}: a tagged field of ${claimed} bytes holds a value of ${read}`),
  crowded: (field: string, count: number) =>
    new ProtocolError(`${field}: with these ${count} the message has more than ${mostElements} elements`),
};

function readLongVarint(bytes: Buffer, position: number, end: number, field: string, at: Cursor): number {
  let value = 0;
  for (let shift = 0; shift <= 28; shift += 7) {
    if (position >= end) throw new ProtocolError(`${field}: the message ends within a varint`);
    const byte = bytes[position++];
    value += (byte & 127) * 2 ** shift;
    if (byte < 128) {
      at.position = position;
      return value;
    }
  }
  throw new ProtocolError(`${field}: a varint of more than 5 bytes`);
}

function compile<F>(parameters: string, body: string, scope: object, label: string): F {
  const names = Object.keys(scope).join(', ');
  const source = `'use strict';\nconst { ${names} } = scope;\nreturn (${parameters}) => {\n${body}\n};\n//# sourceURL=${label}`;
  return new Function('scope', source)(scope) as F;
}

function encoder(schema: MessageSchema, version: number): Encode {
  const codec = codecOf(schema, version);
  return (codec.encode ??= compile<Encode>(
    'writer, message, p',
    encoderSource(schema, version),
    encoderScope,
    `encode-${schema.name}-${version}`,
  ));
}

function decoder(schema: MessageSchema, version: number): Decode {
  const codec = codecOf(schema, version);
  return (codec.decode ??= compile<Decode>(
    'b, p, end, cursor',
    decoderSource(schema, version),
    decoderScope,
    `decode-${schema.name}-${version}`,
  ));
}

/**
 * The bytes of a message. Large byte fields and records are chunks of their own, the very buffers and file ranges that
 * were given: they must not change until they are sent. A value that the version cannot carry is a ProtocolError; file
 * ranges are then still the caller's to release.
 */
export function encodeMessage<S extends MessageSchema>(schema: S, version: number, value: InputOf<S>): Chunk[] {
  const encode = encoder(schema, version);
  return writer.finish(encode(writer, value, writer.begin()));
}

/** As `encodeMessage`, in one buffer. File ranges are a ProtocolError. */
export function encodeToBuffer<S extends MessageSchema>(schema: S, version: number, value: InputOf<S>): Buffer {
  return toBuffer(schema.name, encodeMessage(schema, version, value));
}

/** A frame: the length in 4 bytes, then a header, then a body. */
export function encodeFrame<H extends MessageSchema, S extends MessageSchema>(
  headerSchema: H,
  headerVersion: number,
  header: InputOf<H>,
  schema: S,
  version: number,
  value: InputOf<S>,
): Chunk[] {
  const encodeHeader = encoder(headerSchema, headerVersion);
  const encode = encoder(schema, version);
  const start = writer.begin();
  if (start + 4 > writer.buffer.length) writer.grow(start, 4);
  let position = encodeHeader(writer, header, start + 4);
  position = encode(writer, value, position);
  writer.buffer.writeInt32BE(writer.lengthFrom(start + 4, position), start);
  return writer.finish(position);
}

/**
 * A message that starts at `offset`. Byte fields and records are slices of `bytes`, not copies. Bytes behind the
 * message are left alone, as Kafka leaves them; `decodedEnd` says where they start. Throws a ProtocolError for anything
 * that is not such a message.
 */
export function decodeMessage<S extends MessageSchema>(
  schema: S,
  version: number,
  bytes: Buffer,
  offset = 0,
): MessageOf<S> {
  const decode = decoder(schema, version);
  cursor.elements = mostElements;
  return decode(bytes, offset, bytes.length, cursor) as MessageOf<S>;
}

/** Where the last decoded message ended. */
export function decodedEnd(): number {
  return cursor.position;
}

/** Chunks that are all in memory, as one buffer. */
export function toBuffer(name: string, chunks: readonly Chunk[]): Buffer {
  if (chunks.length === 1 && Buffer.isBuffer(chunks[0])) return chunks[0];
  let length = 0;
  for (const chunk of chunks) length += chunk.length;
  const whole = Buffer.allocUnsafe(length);
  let position = 0;
  for (const chunk of chunks) {
    if (!Buffer.isBuffer(chunk)) throw new ProtocolError(`${name}: records in a file are not bytes in memory`);
    whole.set(chunk, position);
    position += chunk.length;
  }
  return whole;
}
