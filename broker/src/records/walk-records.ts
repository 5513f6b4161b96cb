/**
 * The walk over the (unpacked) records of a format-2 batch that every produced batch passes once: no object and no
 * call for an ordinary record, every length checked, nothing read outside [at, end).
 */
import { invalidRecord } from './record-errors';
import { VarintReader } from './varint';

/** Filled by walkRecords(); reused from batch to batch. */
export interface RecordWalk {
  /** Smallest and largest timestamp delta. */
  minTimestampDelta: number;
  maxTimestampDelta: number;
  /** Whether a record has no key. */
  hasNullKey: boolean;
  /** Whether the offset deltas are 0, 1, 2 … */
  sequential: boolean;
}

export function newRecordWalk(): RecordWalk {
  return { minTimestampDelta: 0, maxTimestampDelta: 0, hasNullKey: false, sequential: true };
}

const slow = new VarintReader(Buffer.alloc(0), 0, 0);

/**
 * Throws INVALID_RECORD unless [at, end) holds exactly `count` records whose lengths agree.
 *
 * Varints of one and two bytes are decoded in line (a third byte shows as a value above 16383); longer ones by a
 * reader that is set onto the spot.
 */
export function walkRecords(bytes: Buffer, at: number, end: number, count: number, walk: RecordWalk): void {
  slow.bytes = bytes;
  slow.end = end;
  slow.failed = false;
  let minDelta = Infinity;
  let maxDelta = -Infinity;
  let hasNullKey = false;
  let sequential = true;
  let position = at;

  for (let index = 0; index < count; index++) {
    // The shortest record is a length and 6 bytes; so nothing below looks past the buffer by more than a few bytes,
    // and what it then reads (0) cannot make the record end where it should.
    if (end - position < 7) throw truncated(index, count);

    let raw = bytes[position++];
    if (raw > 127) {
      raw = (raw & 127) | (bytes[position++] << 7);
      if (raw > 16383) {
        slow.at = position - 2;
        const long = slow.varint();
        raw = long < 0 ? 1 : long * 2;
        position = slow.at;
      }
    }
    const length = raw / 2;
    if ((raw & 1) === 1 || length < 6) throw invalidRecord(`record ${index} has an impossible length`);
    if (length > end - position) throw truncated(index, count);
    const recordEnd = position + length;

    position++; // attributes: none are used

    raw = bytes[position++];
    let timestampDelta: number;
    if (raw < 128) {
      timestampDelta = (raw >>> 1) ^ -(raw & 1);
    } else {
      raw = (raw & 127) | (bytes[position++] << 7);
      if (raw < 16384) {
        timestampDelta = (raw >>> 1) ^ -(raw & 1);
      } else {
        slow.at = position - 2;
        timestampDelta = slow.varlong();
        position = slow.at;
      }
    }
    if (timestampDelta < minDelta) minDelta = timestampDelta;
    if (timestampDelta > maxDelta) maxDelta = timestampDelta;

    raw = bytes[position++];
    if (raw > 127) {
      raw = (raw & 127) | (bytes[position++] << 7);
      if (raw > 16383) {
        raw = (raw & 16383) | (bytes[position++] << 14);
        if (raw > 2097151) {
          slow.at = position - 3;
          const long = slow.varint();
          raw = long < 0 ? 1 : long * 2;
          position = slow.at;
        }
      }
    }
    if (raw !== index * 2) sequential = false;

    raw = bytes[position++];
    if (raw > 127) {
      slow.at = position - 1;
      const size = slow.varint();
      position = slow.at;
      if (size < 0) hasNullKey = true;
      else position += size;
    } else if ((raw & 1) === 1) {
      hasNullKey = true;
    } else {
      position += raw >>> 1;
    }

    if (position > recordEnd) throw malformed(index);
    raw = bytes[position++];
    if (raw > 127) {
      raw = (raw & 127) | (bytes[position++] << 7);
      if (raw > 16383) {
        slow.at = position - 2;
        const size = slow.varint();
        position = size < 0 ? slow.at : slow.at + size;
      } else if ((raw & 1) === 0) {
        position += raw >>> 1;
      }
    } else if ((raw & 1) === 0) {
      position += raw >>> 1;
    }

    if (position >= recordEnd) throw malformed(index);
    raw = bytes[position++];
    if (raw !== 0) position = skipHeaders(bytes, position - 1, recordEnd, index);
    if (position !== recordEnd || slow.failed) throw malformed(index);
  }

  if (position !== end) {
    throw invalidRecord(`${end - position} bytes are left over behind the ${count} records that the batch says it has`);
  }
  walk.minTimestampDelta = minDelta;
  walk.maxTimestampDelta = maxDelta;
  walk.hasNullKey = hasNullKey;
  walk.sequential = sequential;
}

/** Position after the headers; throws INVALID_RECORD unless they lie within the record. */
function skipHeaders(bytes: Buffer, at: number, recordEnd: number, index: number): number {
  const reader = new VarintReader(bytes, at, recordEnd);
  const count = reader.varint();
  if (reader.failed || count < 0 || count > recordEnd - reader.at) {
    throw invalidRecord(`record ${index} has an impossible number of headers`);
  }
  for (let header = 0; header < count; header++) {
    const keySize = reader.varint();
    if (keySize < 0) throw invalidRecord(`record ${index} has a header without a key`);
    reader.at += keySize;
    const valueSize = reader.varint();
    if (valueSize > 0) reader.at += valueSize;
    if (reader.failed || reader.at > recordEnd) throw malformed(index);
  }
  return reader.at;
}

function malformed(index: number): Error {
  return invalidRecord(`record ${index}: its fields do not fill the length that it has`);
}

function truncated(index: number, count: number): Error {
  return invalidRecord(`the records end within record ${index}, where the batch says that it has ${count}`);
}
