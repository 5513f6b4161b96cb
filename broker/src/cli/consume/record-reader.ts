import { partitionName } from '../../log/topic-partition';
import type { FetchResponse } from '../../protocol/messages/fetch';
import {
  baseOffset,
  batchSize,
  isControlBatch,
  isTransactional,
  isValidBatch,
  lastOffset,
  producerId,
  timestampTypeOf,
} from '../../records/batch-header';
import { ControlRecordType, controlRecordType } from '../../records/control-records';
import { readRecords } from '../../records/read-records';
import { walkBatches } from '../../records/walk-batches';
import { CommandError } from '../cli-error';
import type { ConsumedRecord } from './message-formatter';

export type FetchedPartition = FetchResponse['responses'][number]['partitions'][number];

/**
 * The records of what was fetched from `position` on, control batches and (of a read_committed fetch) aborted
 * transactions left out. `passed` is told where to go on after each record, and after what is left out.
 * @throws CommandError for a batch whose CRC does not agree
 */
export function* readFetched(
  topic: string,
  fetched: FetchedPartition,
  position: number,
  passed: (nextOffset: number) => void,
): Generator<ConsumedRecord> {
  const bytes = toOneBuffer(fetched.records);
  const partition = fetched.partitionIndex;
  const aborted = abortedProducers(fetched);
  const batches: number[] = [];
  walkBatches(bytes, (at) => batches.push(at));
  for (const at of batches) {
    if (!isValidBatch(bytes, at, batchSize(bytes, at))) {
      const where = `${partitionName({ topic, partition })} at offset ${baseOffset(bytes, at)}`;
      throw new CommandError(`The record batch of partition ${where} is corrupt: its CRC does not agree`);
    }
    if (!aborted(bytes, at)) {
      const timestampType = timestampTypeOf(bytes, at);
      for (const record of readRecords(bytes, at)) {
        if (record.offset < position) continue;
        yield { ...record, topic, partition, timestampType };
        passed(record.offset + 1);
      }
    }
    passed(lastOffset(bytes, at) + 1);
  }
}

/** Tells of each batch, in order, whether its records are not for the reader. */
function abortedProducers({ abortedTransactions }: FetchedPartition): (bytes: Buffer, at: number) => boolean {
  const upcoming = [...(abortedTransactions ?? [])].sort((left, right) => left.firstOffset - right.firstOffset);
  const aborting = new Set<number>();
  return (bytes, at) => {
    const last = lastOffset(bytes, at);
    while (upcoming.length > 0 && upcoming[0]!.firstOffset <= last) aborting.add(upcoming.shift()!.producerId);
    if (isControlBatch(bytes, at)) {
      const [marker] = readRecords(bytes, at);
      if (marker !== undefined && controlRecordType(marker.key) === ControlRecordType.ABORT) {
        aborting.delete(producerId(bytes, at));
      }
      return true;
    }
    return isTransactional(bytes, at) && aborting.has(producerId(bytes, at));
  };
}

const nothing = Buffer.alloc(0);

/** What is decoded of a response is always one slice of it. */
function toOneBuffer(records: FetchedPartition['records']): Buffer {
  return Buffer.isBuffer(records) ? records : nothing;
}
