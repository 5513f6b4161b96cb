import { Apis } from '../../../broker/src/protocol/api-keys';
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
import type { ClusterClient, KnownLeader } from './cluster-client';

/** Reads all partitions of a topic from the beginning as a read_committed consumer does: up to the last stable offset. */
export class CommittedReader {
  readonly positions: number[];
  /** By partition: the values that are not aborted, by offset. */
  readonly records: Map<number, string>[];
  #stopped = false;

  constructor(
    readonly client: ClusterClient,
    readonly name: string,
    readonly topic: string,
    partitions: number,
    readonly lossIsAllowed: () => boolean,
    readonly failed: (error: unknown) => void,
  ) {
    this.positions = new Array<number>(partitions).fill(0);
    this.records = this.positions.map(() => new Map<number, string>());
  }

  start(): void {
    for (const partition of this.positions.keys()) this.#consume(partition).catch(this.failed);
  }

  stop(): void {
    this.#stopped = true;
  }

  /** The partition has lost what lies from here on: it is read again. */
  rewind(partition: number, offset: number): void {
    this.positions[partition] = Math.min(this.positions[partition], offset);
    for (const at of [...this.records[partition].keys()]) if (at >= offset) this.records[partition].delete(at);
  }

  async #consume(partition: number): Promise<void> {
    const { client, topic } = this;
    while (!this.#stopped) {
      const leader = client.leaderOf(topic, partition);
      const isGood = leader !== undefined && (await this.#fetch(leader, partition));
      if (!isGood) {
        await client.sleep(50 + client.io.random.below(100));
        await client.refresh([topic]);
      }
    }
  }

  async #fetch(leader: KnownLeader, partition: number): Promise<boolean> {
    const { topic } = this;
    const fetchOffset = this.positions[partition];
    let answer;
    try {
      const { responses } = await this.client.send(leader.id, Apis.Fetch, 12, {
        maxWaitMs: 500,
        minBytes: 1,
        maxBytes: 1 << 20,
        isolationLevel: 1,
        topics: [
          {
            topic,
            partitions: [
              { partition, currentLeaderEpoch: leader.epoch, fetchOffset, partitionMaxBytes: 200 + this.#below(3000) },
            ],
          },
        ],
        forgottenTopicsData: [],
      });
      answer = responses[0]?.partitions[0];
    } catch {
      return false;
    }
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

  #below(bound: number): number {
    return this.client.io.random.below(bound);
  }
}
