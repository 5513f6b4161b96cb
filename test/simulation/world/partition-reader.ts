import { Apis } from '../../../broker/src/protocol/api-keys';
import type { ClusterClient, KnownLeader } from './cluster-client';

/** Reads all partitions of a topic from the beginning, each by itself. */
export abstract class PartitionReader {
  readonly positions: number[];
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

  /** Reads once where the partition's position is; false when the leader has to be asked for again. */
  protected abstract fetch(leader: KnownLeader, partition: number): Promise<boolean>;

  /** What the leader says of the partition from its position on; `undefined` when it does not. */
  protected async ask(leader: KnownLeader, partition: number, isolationLevel: number, partitionMaxBytes: number) {
    const { topic } = this;
    const fetchOffset = this.positions[partition];
    try {
      const { responses } = await this.client.send(leader.id, Apis.Fetch, 12, {
        maxWaitMs: 500,
        minBytes: 1,
        maxBytes: 1 << 20,
        isolationLevel,
        topics: [
          { topic, partitions: [{ partition, currentLeaderEpoch: leader.epoch, fetchOffset, partitionMaxBytes }] },
        ],
        forgottenTopicsData: [],
      });
      return responses[0]?.partitions[0];
    } catch {
      return undefined;
    }
  }

  async #consume(partition: number): Promise<void> {
    const { client, topic } = this;
    while (!this.#stopped) {
      const leader = client.leaderOf(topic, partition);
      const isGood = leader !== undefined && (await this.fetch(leader, partition));
      if (!isGood) {
        await client.sleep(50 + client.io.random.below(100));
        await client.refresh([topic]);
      }
    }
  }
}
