import type { FileRange } from '../../../broker/src/io/files';
import type { FetchData, FetchIsolation } from '../../../broker/src/log/fetch-data';
import type { Log } from '../../../broker/src/log/log';
import { readRanges } from '../../../broker/src/log/read-ranges';
import { ErrorCode, KafkaError } from '../../../broker/src/protocol/errors';
import {
  batchSize,
  isControlBatch,
  isTransactional,
  lastOffset,
  nextBatchSize,
  producerId,
} from '../../../broker/src/records/batch-header';
import { ControlRecordType, controlRecordType } from '../../../broker/src/records/control-records';
import { readRecords } from '../../../broker/src/records/read-records';
import type { LogRecord } from '../../../broker/src/records/record';
import type { ModelRecord } from './log-model';

export async function bytesOf(ranges: readonly FileRange[]): Promise<Buffer> {
  const size = ranges.reduce((sum, { length }) => sum + length, 0);
  const bytes = await readRanges(ranges, size);
  if (bytes.length < size) throw new Error(`${ranges.at(-1)?.file.path} ends ${size - bytes.length} bytes early`);
  return bytes;
}

/** Reads at `offset`, or where the log starts when retention takes that away meanwhile; returns where. */
export async function readAt(
  log: Log,
  offset: number,
  maxBytes: number,
  isolation: FetchIsolation,
): Promise<{ readonly offset: number; readonly data: FetchData }> {
  for (;;) {
    const at = Math.max(offset, log.logStartOffset);
    try {
      return { offset: at, data: await log.read(at, maxBytes, isolation, true) };
    } catch (error) {
      const isGone = error instanceof KafkaError && error.code === ErrorCode.OFFSET_OUT_OF_RANGE;
      if (!isGone || log.logStartOffset <= at) throw error;
    }
  }
}

/** The records of a log from `from` on, as a consumer gets them fetch by fetch: none of aborted transactions with `txnCommitted`. */
export async function contentOf(log: Log, from: number, isolation: FetchIsolation): Promise<ModelRecord[]> {
  const found: ModelRecord[] = [];
  const end = isolation === 'txnCommitted' ? log.lastStableOffset : log.logEndOffset;
  for (let next = Math.max(from, log.logStartOffset); next < end;) {
    const { offset, data } = await readAt(log, next, 700, isolation);
    next = offset;
    const { ranges, abortedTransactions = [] } = data;
    const bytes = await bytesOf(ranges);
    const upcoming = [...abortedTransactions].sort((a, b) => a.firstOffset - b.firstOffset);
    const aborted = new Set<number>();
    let behind = next;
    for (let at = 0; nextBatchSize(bytes, at, bytes.length) > 0; at += batchSize(bytes, at)) {
      const last = lastOffset(bytes, at);
      while (upcoming.length > 0 && upcoming[0].firstOffset <= last) aborted.add(upcoming.shift()!.producerId);
      behind = last + 1;
      if (isControlBatch(bytes, at)) {
        const marker = readRecords(bytes, at).next().value as LogRecord | undefined;
        if (marker !== undefined && controlRecordType(marker.key) === ControlRecordType.ABORT) {
          aborted.delete(producerId(bytes, at));
        }
      } else if (!isTransactional(bytes, at) || !aborted.has(producerId(bytes, at))) {
        for (const record of readRecords(bytes, at)) if (record.offset >= next) found.push(asModel(record));
      }
    }
    // What is missing at the end of the log was compacted away.
    if (behind === next) break;
    next = behind;
  }
  return found;
}

function asModel({ offset, key, value, headers, timestamp }: LogRecord): ModelRecord {
  return {
    offset,
    key: key === null ? null : key.toString(),
    value: value === null ? null : value.toString(),
    headers: headers.map((header) => `${header.key}=${header.value?.toString()}`).join(),
    timestamp,
  };
}
