import { ErrorCode, errorName } from '../../../broker/src/protocol/errors';
import { readRecords } from '../../../broker/src/records/read-records';
import { walkBatches } from '../../../broker/src/records/walk-batches';
import { Violation } from '../checks/violation';
import type { ClusterClient, KnownLeader } from './cluster-client';
import type { Ledger } from './ledger';
import { PartitionReader } from './partition-reader';

/** Reads all partitions of a topic from the beginning, up to the high watermark, and hands in what it gets. */
export class Consumer extends PartitionReader {
  constructor(
    client: ClusterClient,
    name: string,
    topic: string,
    partitions: number,
    readonly ledger: Ledger,
    lossIsAllowed: () => boolean,
    failed: (error: unknown) => void,
  ) {
    super(client, name, topic, partitions, lossIsAllowed, failed);
  }

  protected async fetch(leader: KnownLeader, partition: number): Promise<boolean> {
    const { topic } = this;
    const fetchOffset = this.positions[partition];
    const answer = await this.ask(leader, partition, 0, 1 << 18);
    if (answer === undefined) return false;
    const { errorCode, records } = answer;
    if (errorCode === ErrorCode.OFFSET_OUT_OF_RANGE && !this.lossIsAllowed()) {
      throw new Violation(
        `${topic}-${partition}: ${this.name} has read up to ${fetchOffset}, and broker ${leader.id}, its leader of epoch ${leader.epoch}, does not have that any more`,
      );
    }
    if (errorCode !== ErrorCode.NONE) {
      if (errorCode === ErrorCode.UNKNOWN_SERVER_ERROR || errorCode === ErrorCode.CORRUPT_MESSAGE) {
        throw new Violation(`${topic}-${partition}: a fetch was answered with ${errorName(errorCode as ErrorCode)}`);
      }
      return false;
    }
    // Meanwhile it may have been told to read again.
    if (records === null || this.positions[partition] !== fetchOffset) return true;
    walkBatches(records, (at) => {
      for (const { offset, value } of readRecords(records, at)) {
        if (offset < this.positions[partition]) continue;
        if (offset !== this.positions[partition]) {
          throw new Violation(
            `${topic}-${partition}: ${this.name} got offset ${offset} after ${this.positions[partition] - 1}`,
          );
        }
        this.ledger.read(this.name, `${topic}-${partition}`, offset, String(value));
        this.positions[partition] = offset + 1;
      }
    });
    return true;
  }
}
