import { readInt64, writeInt64 } from '../records/int64';
import { crc32c } from '../records/crc32c';
import { ProducerStateEntry } from './producer-state-entry';

/**
 * `<offset>.snapshot`: the producers of a partition as they were before that offset.
 *
 *    0  int16   version = 1
 *    2  uint32  crc              CRC-32C of everything after it
 *    6  int32   number of entries
 *   10          entries of 46 bytes: int64 producerId, int16 producerEpoch, int32 lastSequence, int64 lastOffset,
 *               int32 offsetDelta, int64 timestamp, int32 coordinatorEpoch, int64 currentTxnFirstOffset
 *
 * -1 stands for none.
 */
const version = 1;
const headerBytes = 10;
const entryBytes = 46;

/** A snapshot that cannot be used; the log goes back to an older one. */
export class CorruptSnapshotError extends Error {
  override readonly name = 'CorruptSnapshotError';
}

export function formatProducerSnapshot(entries: Iterable<ProducerStateEntry>, count: number): Buffer {
  const bytes = Buffer.alloc(headerBytes + count * entryBytes);
  bytes.writeInt16BE(version, 0);
  bytes.writeInt32BE(count, 6);
  let at = headerBytes;
  for (const entry of entries) {
    const last = entry.lastBatch;
    writeInt64(bytes, entry.producerId, at);
    bytes.writeInt16BE(entry.producerEpoch, at + 8);
    bytes.writeInt32BE(last?.lastSequence ?? -1, at + 10);
    writeInt64(bytes, last?.lastOffset ?? -1, at + 14);
    bytes.writeInt32BE(last?.offsetDelta ?? 0, at + 22);
    writeInt64(bytes, entry.lastTimestamp, at + 26);
    bytes.writeInt32BE(entry.coordinatorEpoch, at + 34);
    writeInt64(bytes, entry.currentTxnFirstOffset, at + 38);
    at += entryBytes;
  }
  bytes.writeUInt32BE(crc32c(bytes, 6), 2);
  return bytes;
}

export function parseProducerSnapshot(bytes: Buffer): ProducerStateEntry[] {
  if (bytes.length < headerBytes) {
    throw new CorruptSnapshotError(`it has ${bytes.length} bytes, where the header alone has ${headerBytes}`);
  }
  if (bytes.readInt16BE(0) !== version) {
    throw new CorruptSnapshotError(`it has version ${bytes.readInt16BE(0)}, where ${version} is known`);
  }
  const stored = bytes.readUInt32BE(2);
  const computed = crc32c(bytes, 6);
  if (stored !== computed) {
    throw new CorruptSnapshotError(`its stored CRC is ${stored}, the computed one ${computed}`);
  }
  const count = bytes.readInt32BE(6);
  if (count < 0 || bytes.length < headerBytes + count * entryBytes) {
    throw new CorruptSnapshotError(`it says ${count} entries and has ${bytes.length} bytes`);
  }
  const entries: ProducerStateEntry[] = [];
  for (let at = headerBytes; entries.length < count; at += entryBytes) {
    const entry = new ProducerStateEntry(readInt64(bytes, at));
    entry.producerEpoch = bytes.readInt16BE(at + 8);
    entry.lastTimestamp = readInt64(bytes, at + 26);
    entry.coordinatorEpoch = bytes.readInt32BE(at + 34);
    entry.currentTxnFirstOffset = readInt64(bytes, at + 38);
    const lastOffset = readInt64(bytes, at + 14);
    if (lastOffset >= 0) {
      const lastSequence = bytes.readInt32BE(at + 10);
      const offsetDelta = bytes.readInt32BE(at + 22);
      entry.batches.push({ lastSequence, lastOffset, offsetDelta, timestamp: entry.lastTimestamp });
    }
    entries.push(entry);
  }
  return entries;
}
