import {
  maxTimestamp,
  baseOffset,
  batchSize,
  isControlBatch,
  lastOffset,
  nextBatchSize,
  partitionLeaderEpoch,
  storedCrc,
} from '../../../broker/src/records/batch-header';
import type { Disk, FileNode } from '../io/disk';

/** A batch as it lies in a replica's log. */
export interface StoredBatch {
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly leaderEpoch: number;
  readonly crc: number;
  readonly maxTimestamp: number;
  /** Its timestamp is of the clock of a broker. */
  readonly isByBroker: boolean;
  /** A slice of the simulated disk: valid until the next event. */
  readonly bytes: Buffer;
}

const segmentNameLength = '00000000000000000000.log'.length;

/** Segments of a partition's directory, by base offset; the checkers read them past the broker. */
function segmentsOf(disk: Disk, directory: string): { readonly base: number; readonly file: FileNode }[] {
  const node = disk.find(directory);
  if (node?.kind !== 'directory') return [];
  const segments: { base: number; file: FileNode }[] = [];
  for (const [name, file] of node.entries) {
    if (name.length === segmentNameLength && name.endsWith('.log') && file.kind === 'file')
      segments.push({ base: Number(name.slice(0, 20)), file });
  }
  return segments.sort((a, b) => a.base - b.base);
}

/** The batches of a replica that lie in [from, to), in order, as the page cache of its host has them. */
export function* storedBatches(disk: Disk, directory: string, from: number, to: number): Generator<StoredBatch> {
  const segments = segmentsOf(disk, directory);
  for (let i = 0; i < segments.length; i++) {
    const { base, file } = segments[i];
    if (base >= to) return;
    if (i + 1 < segments.length && segments[i + 1].base <= from) continue;
    const bytes = file.cached.view();
    for (let at = 0; nextBatchSize(bytes, at, bytes.length) > 0; at += batchSize(bytes, at)) {
      const last = lastOffset(bytes, at);
      const first = baseOffset(bytes, at);
      if (first >= to || last >= to) return;
      if (last < from) continue;
      yield {
        baseOffset: first,
        lastOffset: last,
        leaderEpoch: partitionLeaderEpoch(bytes, at),
        crc: storedCrc(bytes, at),
        maxTimestamp: maxTimestamp(bytes, at),
        isByBroker: isControlBatch(bytes, at),
        bytes: bytes.subarray(at, at + batchSize(bytes, at)),
      };
    }
  }
}
