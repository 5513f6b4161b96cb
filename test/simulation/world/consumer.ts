import { Apis } from '../../../broker/src/protocol/api-keys';
import { ErrorCode, errorName } from '../../../broker/src/protocol/errors';
import { readRecords } from '../../../broker/src/records/read-records';
import { walkBatches } from '../../../broker/src/records/walk-batches';
import { Violation } from '../checks/violation';
import type { ClusterClient, KnownLeader } from './cluster-client';
import type { Ledger } from './ledger';

/** Reads all partitions of a topic from the beginning, up to the high watermark, and hands in what it gets. */
export class Consumer {
  readonly positions: number[];
  #stopped = false;

  constructor(
    readonly client: ClusterClient,
    readonly name: string,
    readonly topic: string,
    partitions: number,
    readonly ledger: Ledger,
    readonly lossIsAllowed: () => boolean,
    readonly failed: (error: unknown) => void,
  ) {
    this.positions = new Array<number>(partitions).fill(0);
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
    const currentLeaderEpoch = leader.epoch;
    let answer;
    try {
      const { responses } = await this.client.send(leader.id, Apis.Fetch, 12, {
        maxWaitMs: 500,
        minBytes: 1,
        maxBytes: 1 << 20,
        isolationLevel: 0,
        topics: [{ topic, partitions: [{ partition, currentLeaderEpoch, fetchOffset, partitionMaxBytes: 1 << 18 }] }],
        forgottenTopicsData: [],
      });
      answer = responses[0]?.partitions[0];
    } catch {
      return false;
    }
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
