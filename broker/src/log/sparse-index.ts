import { readInt64, writeInt64 } from '../records/int64';

/**
 * Searches in index entries as they lie in the file, oldest first.
 *
 * `.index`, 8 bytes: int32 offset relative to the segment's base, int32 position of the batch whose last offset it is.
 * `.timeindex`, 12 bytes: int64 largest timestamp so far, int32 relative last offset of the batch that has it.
 */
export const offsetEntryBytes = 8;
export const timeEntryBytes = 12;

export function offsetEntryOffset(entries: Buffer, index: number): number {
  return entries.readUInt32BE(index * offsetEntryBytes);
}

export function offsetEntryPosition(entries: Buffer, index: number): number {
  return entries.readUInt32BE(index * offsetEntryBytes + 4);
}

export function timeEntryTimestamp(entries: Buffer, index: number): number {
  return readInt64(entries, index * timeEntryBytes);
}

export function timeEntryOffset(entries: Buffer, index: number): number {
  return entries.readUInt32BE(index * timeEntryBytes + 8);
}

/** Index of the last of `count` entries whose relative offset is not above `relativeOffset`, or -1. */
export function findOffsetEntry(entries: Buffer, count: number, relativeOffset: number): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (offsetEntryOffset(entries, middle) <= relativeOffset) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low - 1;
}

/** Index of the first of `count` entries whose position is not below `position`, or -1. */
export function findPositionEntry(entries: Buffer, count: number, position: number): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (offsetEntryPosition(entries, middle) >= position) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low < count ? low : -1;
}

/** `max.wide` where there is one. */
export function writeTimeEntryTimestamp(
  bytes: Buffer,
  max: { readonly timestamp: number; readonly wide?: bigint },
  at: number,
): void {
  if (max.wide === undefined) writeInt64(bytes, max.timestamp, at);
  else bytes.writeBigInt64BE(max.wide, at);
}

/** Than the entry before it: all 64 bits count. */
function isLater(entries: Buffer, index: number): boolean {
  const at = index * timeEntryBytes;
  return index === 0 || entries.compare(entries, at - timeEntryBytes, at - timeEntryBytes + 8, at, at + 8) > 0;
}

/** Index of the last of `count` entries whose timestamp is not above `timestamp`, or -1. */
export function findTimeEntry(entries: Buffer, count: number, timestamp: number): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (timeEntryTimestamp(entries, middle) <= timestamp) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low - 1;
}

/** Why the content of a `.index` cannot be that of a segment of `segmentBytes`; `undefined`: it can. */
export function offsetIndexDefect(entries: Buffer, segmentBytes: number): string | undefined {
  if (entries.length % offsetEntryBytes !== 0) {
    return `its ${entries.length} bytes are no multiple of ${offsetEntryBytes}`;
  }
  let lastOffset = -1;
  let lastPosition = -1;
  for (let index = 0; index < entries.length / offsetEntryBytes; index++) {
    const offset = offsetEntryOffset(entries, index);
    const position = offsetEntryPosition(entries, index);
    if (offset <= lastOffset || position <= lastPosition || position >= segmentBytes || offset > 0x7fffffff) {
      return `entry ${index} (relative offset ${offset}, position ${position}) does not follow the one before it`;
    }
    lastOffset = offset;
    lastPosition = position;
  }
  return undefined;
}

/** Why the content of a `.timeindex` cannot be one; `undefined`: it can. */
export function timeIndexDefect(entries: Buffer): string | undefined {
  if (entries.length % timeEntryBytes !== 0) {
    return `its ${entries.length} bytes are no multiple of ${timeEntryBytes}`;
  }
  let lastTimestamp = -Infinity;
  let lastOffset = -1;
  for (let index = 0; index < entries.length / timeEntryBytes; index++) {
    const timestamp = timeEntryTimestamp(entries, index);
    const offset = timeEntryOffset(entries, index);
    if (timestamp < lastTimestamp || offset < lastOffset || offset > 0x7fffffff || !isLater(entries, index)) {
      return `entry ${index} (timestamp ${timestamp}, relative offset ${offset}) does not follow the one before it`;
    }
    lastTimestamp = timestamp;
    lastOffset = offset;
  }
  return undefined;
}

/**
 * Without the zeros at the end: Apache Kafka preallocates its indexes, and after a crash the rest of the file is zeros.
 * (An entry of zeros can stand at the front alone, and there it says what no entry would.)
 */
export function withoutZeroTail(entries: Buffer, entryBytes: number): Buffer {
  let end = entries.length;
  while (end > 0 && entries[end - 1] === 0) {
    end--;
  }
  if (entries.length === entryBytes) {
    return entries; // one record at offset 0 with timestamp 0
  }
  return end === entries.length ? entries : entries.subarray(0, Math.ceil(end / entryBytes) * entryBytes);
}
