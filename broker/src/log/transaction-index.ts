import { readInt64, writeInt64 } from '../records/int64';

/**
 * `.txnindex`: the aborted transactions whose end marker is in the segment; there is no file when there are none.
 * Entries of 34 bytes: int16 version 0, int64 producerId, int64 firstOffset, int64 lastOffset, int64 lastStableOffset.
 */
export const txnEntryBytes = 34;
const version = 0;

export interface AbortedTxn {
  readonly producerId: number;
  readonly firstOffset: number;
  /** Offset of the marker. */
  readonly lastOffset: number;
  /** The last stable offset once the marker was written. */
  readonly lastStableOffset: number;
}

export function formatAbortedTxn(txn: AbortedTxn): Buffer {
  const bytes = Buffer.alloc(txnEntryBytes);
  writeAbortedTxn(bytes, 0, txn);
  return bytes;
}

function writeAbortedTxn(bytes: Buffer, at: number, txn: AbortedTxn): void {
  bytes.writeInt16BE(version, at);
  writeInt64(bytes, txn.producerId, at + 2);
  writeInt64(bytes, txn.firstOffset, at + 10);
  writeInt64(bytes, txn.lastOffset, at + 18);
  writeInt64(bytes, txn.lastStableOffset, at + 26);
}

/** The entries of a segment that is appended to. What was given out stays as it is. */
export class TxnEntries {
  #bytes: Buffer;
  #length: number;

  constructor(entries: Buffer) {
    this.#bytes = entries;
    this.#length = entries.length;
  }

  get length(): number {
    return this.#length;
  }

  get all(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Returns the bytes of what was added. */
  append(added: readonly AbortedTxn[]): Buffer {
    const from = this.#length;
    const length = from + added.length * txnEntryBytes;
    if (length > this.#bytes.length) {
      const grown = Buffer.alloc(Math.max(length, 2 * this.#bytes.length));
      this.#bytes.copy(grown, 0, 0, from);
      this.#bytes = grown;
    }
    added.forEach((txn, index) => writeAbortedTxn(this.#bytes, from + index * txnEntryBytes, txn));
    this.#length = length;
    return this.#bytes.subarray(from, length);
  }
}

function abortedTxnAt(entries: Buffer, at: number): AbortedTxn {
  return {
    producerId: readInt64(entries, at + 2),
    firstOffset: readInt64(entries, at + 10),
    lastOffset: readInt64(entries, at + 18),
    lastStableOffset: readInt64(entries, at + 26),
  };
}

export function abortedTxnsOf(entries: Buffer): AbortedTxn[] {
  const count = Math.floor(entries.length / txnEntryBytes);
  return Array.from({ length: count }, (_, index) => abortedTxnAt(entries, index * txnEntryBytes));
}

/** Why the content cannot be that of the transaction index of a segment; `undefined`: it can. */
export function txnIndexDefect(entries: Buffer, baseOffset: number): string | undefined {
  if (entries.length % txnEntryBytes !== 0) {
    return `its ${entries.length} bytes are no multiple of ${txnEntryBytes}`;
  }
  let lastOffset = -1;
  for (let at = 0; at < entries.length; at += txnEntryBytes) {
    const txn = abortedTxnAt(entries, at);
    const wrong = txn.lastOffset < baseOffset || txn.lastOffset <= lastOffset || txn.firstOffset > txn.lastOffset;
    if (entries.readInt16BE(at) !== version || wrong || txn.producerId < 0) {
      return `the entry at byte ${at} (${JSON.stringify(txn)}) is not one of this segment`;
    }
    lastOffset = txn.lastOffset;
  }
  return undefined;
}

/**
 * Adds to `found` the aborted transactions that touch [fetchOffset, upperBound). Returns true when later segments can
 * have no more.
 */
export function collectAborted(entries: Buffer, fetchOffset: number, upperBound: number, found: AbortedTxn[]): boolean {
  for (let at = txnBytesBelow(entries, fetchOffset); at + txnEntryBytes <= entries.length; at += txnEntryBytes) {
    const txn = abortedTxnAt(entries, at);
    if (txn.firstOffset < upperBound) {
      found.push(txn);
    }
    // Where a follower wrote it that was given many batches at once, Apache's for one, it may say too much.
    if (Math.min(txn.lastStableOffset, txn.lastOffset + 1) >= upperBound) {
      return true;
    }
  }
  return false;
}

/** How many bytes the entries have whose marker lies below `offset`: they are in the order of their markers. */
export function txnBytesBelow(entries: Buffer, offset: number): number {
  let low = 0;
  let high = Math.floor(entries.length / txnEntryBytes);
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (readInt64(entries, middle * txnEntryBytes + 18) < offset) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low * txnEntryBytes;
}
