import type { Files } from '../io/files';
import {
  baseOffset,
  isControlBatch,
  isTransactional,
  isValidBatch,
  lastOffset,
  magicOf,
  producerId,
  recordCount,
} from '../records/batch-header';
import { ControlRecordType, controlRecordType } from '../records/control-records';
import { readRecords } from '../records/read-records';
import { scanBatches } from './batch-scanner';
import { Suffix } from './log-file-names';
import { segmentPath, type SegmentFile } from './segment-files';
import { findOffsetEntry, offsetEntryBytes, offsetEntryPosition, withoutZeroTail } from './sparse-index';
import { abortedTxnsOf, txnIndexDefect, type AbortedTxn } from './transaction-index';

/** What stands where an offset is: nothing that can be relied on where the log is damaged itself. */
const unreadable = 'unreadable';

/** Of an index with more entries that many are looked at, spread over all of it. */
const mostChecked = 1000;
const searchBytes = 16 * 1024;

interface FoundBatch {
  readonly baseOffset: number;
  readonly producerId: number;
  readonly isTransactional: boolean;
  readonly isControl: boolean;
  /** It holds a marker, and that is of a commit. */
  readonly isCommit: boolean;
}

/**
 * Looks whether transaction indexes agree with their log. The file has no checksum, and one that is wrong would show
 * aborted records to read-committed consumers; but what it says can be compared with the markers and the batches that it
 * points to. What was cut off between two entries cannot be noticed so.
 */
export class TransactionIndexCheck {
  readonly #files: Files;
  readonly #directory: string;
  readonly #segments: readonly SegmentFile[];
  readonly #indexes = new Map<SegmentFile, Buffer>();

  /** `segments`: all of the log, by base offset. */
  constructor(files: Files, directory: string, segments: readonly SegmentFile[]) {
    this.#files = files;
    this.#directory = directory;
    this.#segments = segments;
  }

  /** Why the content cannot be that of this segment's transaction index; `undefined`: nothing speaks against it. */
  async defect(entries: Buffer, segment: SegmentFile): Promise<string | undefined> {
    const malformed = txnIndexDefect(entries, segment.baseOffset);
    if (malformed !== undefined) return malformed;
    const all = abortedTxnsOf(entries);
    const step = Math.ceil(all.length / mostChecked);
    for (let i = all.length - 1; i >= 0; i -= step) {
      const wrong = await this.#contradiction(all[i], segment);
      if (wrong !== undefined) return `${JSON.stringify(all[i])} does not agree with the log: ${wrong}`;
    }
    return undefined;
  }

  async #contradiction(txn: AbortedTxn, segment: SegmentFile): Promise<string | undefined> {
    const marker = await this.#find(txn.lastOffset);
    if (marker === unreadable) return undefined;
    if (!marker?.isControl || marker.isCommit || marker.producerId !== txn.producerId) {
      return `there is no abort marker of this producer at offset ${txn.lastOffset}`;
    }
    if (this.#segmentOf(txn.lastOffset) !== segment) return `offset ${txn.lastOffset} is in another segment`;
    // Batches may have been compacted away, or lie before the log's start.
    const first = await this.#find(txn.firstOffset);
    if (first !== undefined && first !== unreadable && !begins(first, txn.firstOffset, txn.producerId)) {
      return `no transaction of this producer begins at offset ${txn.firstOffset}`;
    }
    if (txn.lastStableOffset === txn.lastOffset + 1) return undefined;
    if (txn.lastStableOffset > txn.lastOffset) return `offset ${txn.lastStableOffset} was not stable with it`;
    const open = await this.#find(txn.lastStableOffset);
    if (open === undefined || open === unreadable) return undefined;
    return open.producerId !== txn.producerId && begins(open, txn.lastStableOffset, open.producerId)
      ? undefined
      : `no transaction of another producer begins at offset ${txn.lastStableOffset}`;
  }

  #segmentOf(offset: number): SegmentFile | undefined {
    return this.#segments.findLast((segment) => segment.baseOffset <= offset);
  }

  /** The batch that holds the offset; `undefined` when there is none. */
  async #find(offset: number): Promise<FoundBatch | typeof unreadable | undefined> {
    const segment = this.#segmentOf(offset);
    if (segment === undefined) return undefined;
    const position = await this.#positionFloor(segment, offset);
    const found = await this.#search(segment, position, offset);
    // The index may be wrong, too.
    return position === 0 || (found !== undefined && found !== unreadable) ? found : this.#search(segment, 0, offset);
  }

  async #search(
    segment: SegmentFile,
    from: number,
    offset: number,
  ): Promise<FoundBatch | typeof unreadable | undefined> {
    const path = segmentPath(this.#directory, segment.baseOffset, Suffix.LOG);
    const file = await this.#files.open(path, 'read');
    let found: FoundBatch | typeof unreadable | undefined;
    try {
      const visit = (bytes: Buffer, at: number, size: number) => {
        if (lastOffset(bytes, at) < offset) return true;
        if (baseOffset(bytes, at) <= offset) found = isValidBatch(bytes, at, size) ? describe(bytes, at) : unreadable;
        return false;
      };
      const options = { bufferBytes: searchBytes, wholeBatches: true };
      const { defect } = await scanBatches(file, from, segment.size, visit, options);
      if (defect !== undefined) return unreadable;
    } finally {
      await file.close();
    }
    return found;
  }

  async #positionFloor(segment: SegmentFile, offset: number): Promise<number> {
    let entries = this.#indexes.get(segment);
    if (entries === undefined) {
      const path = segmentPath(this.#directory, segment.baseOffset, Suffix.OFFSET_INDEX);
      const there = await this.#files.stat(path);
      const read = there?.kind === 'file' ? await this.#files.readFile(path) : Buffer.alloc(0);
      entries = withoutZeroTail(read, offsetEntryBytes);
      this.#indexes.set(segment, entries);
    }
    const count = Math.floor(entries.length / offsetEntryBytes);
    const entry = findOffsetEntry(entries, count, offset - segment.baseOffset);
    return entry < 0 ? 0 : offsetEntryPosition(entries, entry);
  }
}

function begins(batch: FoundBatch, offset: number, producer: number): boolean {
  return batch.baseOffset === offset && batch.producerId === producer && batch.isTransactional && !batch.isControl;
}

function describe(bytes: Buffer, at: number): FoundBatch {
  const isNew = magicOf(bytes, at) === 2;
  const isControl = isNew && isControlBatch(bytes, at);
  return {
    baseOffset: baseOffset(bytes, at),
    producerId: isNew ? producerId(bytes, at) : -1,
    isTransactional: isNew && isTransactional(bytes, at),
    isControl,
    isCommit: isControl && recordCount(bytes, at) > 0 && markerOf(bytes, at) !== ControlRecordType.ABORT,
  };
}

function markerOf(bytes: Buffer, at: number): ControlRecordType | undefined {
  try {
    for (const { key } of readRecords(bytes, at)) return controlRecordType(key);
  } catch {
    // A batch that cannot be read holds no marker.
  }
  return undefined;
}
