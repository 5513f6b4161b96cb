import { ErrorCode, errorName } from '../../../broker/src/protocol/errors';
import {
  baseOffset,
  isControlBatch,
  isTransactional,
  lastOffset,
  producerId,
} from '../../../broker/src/records/batch-header';
import { ControlRecordType, controlRecordType } from '../../../broker/src/records/control-records';
import { readRecords } from '../../../broker/src/records/read-records';
import { walkBatches } from '../../../broker/src/records/walk-batches';
import { Violation } from '../checks/violation';
import type { KnownLeader } from './cluster-client';
import { PartitionReader } from './partition-reader';

/** Reads all partitions of a topic from the beginning as a read_committed consumer does: up to the last stable offset. */
export class CommittedReader extends PartitionReader {
  /** By partition: the values that are not aborted, by offset. */
  readonly records = this.positions.map(() => new Map<number, string>());

  override rewind(partition: number, offset: number): void {
    super.rewind(partition, offset);
    for (const at of [...this.records[partition].keys()]) if (at >= offset) this.records[partition].delete(at);
  }

  protected async fetch(leader: KnownLeader, partition: number): Promise<boolean> {
    const { topic } = this;
    const fetchOffset = this.positions[partition];
    const answer = await this.ask(leader, partition, 1, 200 + this.client.io.random.below(3000));
    if (answer === undefined) return false;
    const { errorCode, records, abortedTransactions, lastStableOffset } = answer;
    const isUnexpected =
      errorCode === ErrorCode.UNKNOWN_SERVER_ERROR ||
      errorCode === ErrorCode.CORRUPT_MESSAGE ||
      (errorCode === ErrorCode.OFFSET_OUT_OF_RANGE && !this.lossIsAllowed());
    if (isUnexpected) {
      throw new Violation(
        `${topic}-${partition}: ${this.name} asked leader ${leader.id} for offset ${fetchOffset} and got ${errorName(errorCode as ErrorCode)}`,
      );
    }
    if (errorCode !== ErrorCode.NONE) return false;
    // Meanwhile it may have been told to read again.
    if (records === null || this.positions[partition] !== fetchOffset) return true;
    const aborted = [...(abortedTransactions ?? [])].sort((one, other) => one.firstOffset - other.firstOffset);
    const abortedNow = new Set<number>();
    walkBatches(records, (at) => {
      const producer = producerId(records, at);
      if (baseOffset(records, at) >= lastStableOffset) {
        throw new Violation(
          `${topic}-${partition}: ${this.name} got offset ${baseOffset(records, at)}, and the last stable offset is ${lastStableOffset}`,
        );
      }
      while (aborted.length > 0 && aborted[0].firstOffset <= lastOffset(records, at)) {
        abortedNow.add(aborted.shift()!.producerId);
      }
      if (isControlBatch(records, at)) {
        const [marker] = readRecords(records, at);
        if (controlRecordType(marker.key) === ControlRecordType.ABORT) abortedNow.delete(producer);
      } else if (!isTransactional(records, at) || !abortedNow.has(producer)) {
        for (const { offset, value } of readRecords(records, at)) {
          if (offset >= fetchOffset) this.records[partition].set(offset, String(value));
        }
      }
      this.positions[partition] = Math.max(this.positions[partition], lastOffset(records, at) + 1);
    });
    return true;
  }
}
