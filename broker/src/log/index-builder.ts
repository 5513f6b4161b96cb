import type { OpenFile } from '../io/files';
import { lastOffset, maxTimestamp, wideMaxTimestamp } from '../records/batch-header';
import { scanBatches, type BatchScan, type BatchVisitor } from './batch-scanner';
import { offsetEntryBytes, timeEntryBytes, writeTimeEntryTimestamp } from './sparse-index';

/** The largest timestamp of a segment, and the last offset of the (first) batch that has it. */
export interface MaxTimestamp {
  readonly timestamp: number;
  /** Where `timestamp` is rounded. */
  readonly wide?: bigint;
  readonly offset: number;
}

/** Both indexes of a segment, from its batches, as an append would have made them. */
export class IndexBuilder {
  #offsets: Buffer = Buffer.alloc(0);
  #times: Buffer = Buffer.alloc(0);
  #offsetCount = 0;
  #timeCount = 0;
  #lastIndexedPosition = 0;
  #lastIndexedTimestamp = -1;
  #max: MaxTimestamp;

  constructor(
    readonly baseOffset: number,
    readonly indexIntervalBytes: number,
  ) {
    this.#max = { timestamp: -1, offset: baseOffset };
  }

  add(bytes: Buffer, at: number, position: number): void {
    const timestamp = maxTimestamp(bytes, at);
    const last = lastOffset(bytes, at);
    // Where a batch says that it begins has no checksum: what no entry can stand for gets none.
    if (last < this.baseOffset || last - this.baseOffset > 0x7fffffff) return;
    if (timestamp > this.#max.timestamp) {
      this.#max = { timestamp, wide: wideMaxTimestamp(bytes, at), offset: last };
    }
    if (position - this.#lastIndexedPosition > this.indexIntervalBytes) {
      this.#offsets = grown(this.#offsets, this.#offsetCount, offsetEntryBytes);
      this.#offsets.writeUInt32BE(last - this.baseOffset, this.#offsetCount * offsetEntryBytes);
      this.#offsets.writeUInt32BE(position, this.#offsetCount * offsetEntryBytes + 4);
      this.#offsetCount++;
      this.#lastIndexedPosition = position;
      this.#addTime();
    }
  }

  /** Ends with the largest timestamp, which retention by time looks at. */
  finish(): { offsetEntries: Buffer; timeEntries: Buffer; maxTimestamp: MaxTimestamp } {
    this.#addTime();
    return {
      offsetEntries: this.#offsets.subarray(0, this.#offsetCount * offsetEntryBytes),
      timeEntries: this.#times.subarray(0, this.#timeCount * timeEntryBytes),
      maxTimestamp: this.#max,
    };
  }

  #addTime(): void {
    if (this.#max.timestamp > this.#lastIndexedTimestamp) {
      this.#times = grown(this.#times, this.#timeCount, timeEntryBytes);
      writeTimeEntryTimestamp(this.#times, this.#max, this.#timeCount * timeEntryBytes);
      this.#times.writeUInt32BE(this.#max.offset - this.baseOffset, this.#timeCount * timeEntryBytes + 8);
      this.#timeCount++;
      this.#lastIndexedTimestamp = this.#max.timestamp;
    }
  }
}

function grown(bytes: Buffer, count: number, entryBytes: number): Buffer {
  if ((count + 1) * entryBytes <= bytes.length) {
    return bytes;
  }
  const larger = Buffer.alloc(Math.max(64 * entryBytes, bytes.length * 2));
  bytes.copy(larger);
  return larger;
}

/** Goes over a segment's file and makes its indexes. `visit` sees every batch too. */
export async function buildIndexes(
  file: OpenFile,
  size: number,
  baseOffset: number,
  indexIntervalBytes: number,
  checkCrc: boolean,
  visit?: BatchVisitor,
): Promise<ReturnType<IndexBuilder['finish']> & { readonly scan: BatchScan }> {
  const builder = new IndexBuilder(baseOffset, indexIntervalBytes);
  const scan = await scanBatches(
    file,
    0,
    size,
    (bytes, at, batchSize, position) => {
      if (visit?.(bytes, at, batchSize, position) === false) {
        return false;
      }
      builder.add(bytes, at, position);
      return true;
    },
    { checkCrc, bufferBytes: 1024 * 1024 },
  );
  return { ...builder.finish(), scan };
}
