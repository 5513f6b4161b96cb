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
  bytes.writeInt16BE(version, 0);
  writeInt64(bytes, txn.producerId, 2);
  writeInt64(bytes, txn.firstOffset, 10);
  writeInt64(bytes, txn.lastOffset, 18);
  writeInt64(bytes, txn.lastStableOffset, 26);
  return bytes;
}

function abortedTxnAt(entries: Buffer, at: number): AbortedTxn {
  return {
    producerId: readInt64(entries, at + 2),
    firstOffset: readInt64(entries, at + 10),
    lastOffset: readInt64(entries, at + 18),
    lastStableOffset: readInt64(entries, at + 26),
  };
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
  for (let at = 0; at + txnEntryBytes <= entries.length; at += txnEntryBytes) {
    const txn = abortedTxnAt(entries, at);
    if (txn.lastOffset >= fetchOffset && txn.firstOffset < upperBound) {
      found.push(txn);
    }
    if (txn.lastStableOffset >= upperBound) {
      return true;
    }
  }
  return false;
}

/** How many of the entries' bytes remain when the log is cut at `offset`. */
export function txnBytesBelow(entries: Buffer, offset: number): number {
  let at = 0;
  while (at + txnEntryBytes <= entries.length && readInt64(entries, at + 18) < offset) {
    at += txnEntryBytes;
  }
  return at;
}
