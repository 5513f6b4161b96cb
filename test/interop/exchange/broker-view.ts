import { createHash } from 'node:crypto';
import { Apis } from '../../../broker/src/protocol/api-keys';
import { ErrorCode, errorName } from '../../../broker/src/protocol/errors';
import { lastOffset } from '../../../broker/src/records/batch-header';
import { walkBatches } from '../../../broker/src/records/walk-batches';
import { BrokerClient } from '../../broker/server/broker-client';
import { partitionOf } from './book';

/** What a broker tells, question by question. Two brokers on the same files have to tell the same. */
export type View = ReadonlyMap<string, string>;

export interface ViewOptions {
  /** Nobody writes to them while they are looked at. */
  readonly topics: readonly string[];
  readonly groups: readonly string[];
  /** Their states do not change. */
  readonly isTransactionStable: (transactionalId: string) => boolean;
  /** What ListOffsets is asked for, beside the special ones. */
  readonly timestamps: readonly number[];
  /** Topics that are not asked for them: of a cleaned log in which a segment is left empty, Apache's broker finds nothing. */
  readonly compacted: ReadonlySet<string>;
}

export interface PartitionId {
  readonly topic: string;
  readonly partition: number;
}

const EARLIEST = -2n;
const LATEST = -1n;
const MAX_TIMESTAMP = -3n;

function check(errorCode: number, what: string): void {
  if (errorCode !== ErrorCode.NONE) throw new Error(`${what}: ${errorName(errorCode)}`);
}

/** Asks one broker everything that its log directories answer. Fails where it does not lead all of it yet. */
export class Questions {
  readonly #view = new Map<string, string>();

  private constructor(
    private readonly client: BrokerClient,
    private readonly options: ViewOptions,
    private readonly partitions: readonly PartitionId[],
    private readonly leaderEpoch: ReadonlyMap<string, number>,
  ) {}

  static async ask(bootstrap: string, options: ViewOptions): Promise<View> {
    using client = await BrokerClient.connect(bootstrap);
    const { topics } = await client.send(Apis.Metadata, 12, {
      topics: options.topics.map((name) => ({ name })),
      allowAutoTopicCreation: false,
    });
    const partitions: PartitionId[] = [];
    const leaderEpochs = new Map<string, number>();
    const ids: [string, string][] = [];
    for (const { errorCode, name, topicId, partitions: found } of topics) {
      check(errorCode, String(name));
      ids.push([`id of ${name}`, topicId]);
      for (const { errorCode: ofPartition, partitionIndex, leaderEpoch } of found) {
        check(ofPartition, `${name}-${partitionIndex}`);
        partitions.push({ topic: name!, partition: partitionIndex });
        leaderEpochs.set(`${name}-${partitionIndex}`, leaderEpoch);
      }
    }
    partitions.sort((a, b) => (partitionOf(a) < partitionOf(b) ? -1 : 1));
    const questions = new Questions(client, options, partitions, leaderEpochs);
    for (const [what, id] of ids) questions.#tell(what, id);
    await questions.#all();
    return questions.#view;
  }

  #tell(what: string, answer: unknown): void {
    const text = JSON.stringify(answer, (_, value: unknown) =>
      typeof value === 'bigint' ? String(value) : Buffer.isBuffer(value) ? value.toString('hex') : value,
    );
    this.#view.set(what, text);
  }

  async #all(): Promise<void> {
    for (const isolation of [0, 1] as const) {
      await this.#offsets('start', EARLIEST, isolation);
      await this.#offsets('end', LATEST, isolation);
    }
    await this.#offsets('largest timestamp', MAX_TIMESTAMP, 0);
    for (const timestamp of this.options.timestamps) await this.#offsets(`time ${timestamp}`, BigInt(timestamp), 0);
    await this.#leaderEpochs();
    await this.#producers();
    for (const partition of this.partitions) {
      for (const isolation of [0, 1] as const) await this.#records(partition, isolation);
    }
    await this.#logDirs();
    await this.#groups();
    await this.#transactions();
  }

  /** The partitions by topic, as requests have them. */
  #byTopic<T>(of: (partition: number, topic: string) => T): { name: string; partitions: T[] }[] {
    return this.options.topics.map((name) => ({
      name,
      partitions: this.partitions.filter(({ topic }) => topic === name).map(({ partition }) => of(partition, name)),
    }));
  }

  async #offsets(what: string, timestamp: bigint, isolationLevel: 0 | 1): Promise<void> {
    const { topics } = await this.client.send(Apis.ListOffsets, 7, {
      replicaId: -1,
      isolationLevel,
      topics: this.#byTopic((partitionIndex) => ({ partitionIndex, timestamp })),
    });
    for (const { name, partitions } of topics) {
      for (const { errorCode, partitionIndex, timestamp: found, offset, leaderEpoch } of partitions) {
        check(errorCode, `${what} of ${name}-${partitionIndex}`);
        if (timestamp >= 0n && this.options.compacted.has(name)) continue;
        // The end is told with the epoch of now, which is another one for each broker.
        const answer = [found, offset, ...(timestamp === LATEST ? [] : [leaderEpoch])];
        this.#tell(`${what}, isolation ${isolationLevel}, ${name}-${partitionIndex}`, answer);
      }
    }
  }

  async #leaderEpochs(): Promise<void> {
    const newest = Math.max(...this.leaderEpoch.values());
    for (let leaderEpoch = 0; leaderEpoch <= newest; leaderEpoch++) {
      const { topics } = await this.client.send(Apis.OffsetForLeaderEpoch, 4, {
        replicaId: -1,
        topics: this.#byTopic((partition) => ({ partition, leaderEpoch })).map(({ name, partitions }) => ({
          topic: name,
          partitions,
        })),
      });
      for (const { topic, partitions } of topics) {
        for (const { errorCode, partition, leaderEpoch: found, endOffset } of partitions) {
          if (leaderEpoch > this.leaderEpoch.get(`${topic}-${partition}`)!) continue;
          check(errorCode, `epoch ${leaderEpoch} of ${topic}-${partition}`);
          this.#tell(`epoch ${leaderEpoch} of ${topic}-${partition}`, [found, endOffset]);
        }
      }
    }
  }

  async #producers(): Promise<void> {
    const { topics } = await this.client.send(Apis.DescribeProducers, 0, {
      topics: this.#byTopic((partition) => partition).map(({ name, partitions }) => ({
        name,
        partitionIndexes: partitions,
      })),
    });
    for (const { name, partitions } of topics) {
      for (const { errorCode, partitionIndex, activeProducers } of partitions) {
        check(errorCode, `producers of ${name}-${partitionIndex}`);
        activeProducers.sort((a, b) => a.producerId - b.producerId);
        this.#tell(`producers of ${name}-${partitionIndex}`, activeProducers);
      }
    }
  }

  /** All bytes of a partition, and the aborted transactions that a reader of what is committed is told of. */
  async #records({ topic, partition }: PartitionId, isolationLevel: 0 | 1): Promise<void> {
    const what = `isolation ${isolationLevel}, ${topic}-${partition}`;
    const digest = createHash('sha256');
    const aborted: string[][] = [];
    const [, start] = JSON.parse(this.#view.get(`start, ${what}`)!) as [string, number];
    let bytes = 0;
    for (let fetchOffset = start; ;) {
      const { responses } = await this.client.send(Apis.Fetch, 11, {
        maxWaitMs: 0,
        minBytes: 0,
        maxBytes: 1 << 24,
        isolationLevel,
        topics: [{ topic, partitions: [{ partition, fetchOffset, partitionMaxBytes: 1 << 16 }] }],
        forgottenTopicsData: [],
      });
      const { errorCode, records, abortedTransactions, logStartOffset } = responses[0].partitions[0];
      check(errorCode, `records of ${what}`);
      aborted.push(
        (abortedTransactions ?? []).map(({ producerId, firstOffset }) => `${firstOffset} of ${producerId}`).sort(),
      );
      if (logStartOffset !== start) throw new Error(`${what} starts at ${logStartOffset} now, and not at ${start}`);
      const buffer = records as Buffer | null;
      if (!buffer || buffer.length === 0) break;
      walkBatches(buffer, (at, size) => {
        const end = lastOffset(buffer, at) + 1;
        // A fetch gives whole batches, the last of which may be cut, and the first of which may begin before.
        fetchOffset = end;
        digest.update(buffer.subarray(at, at + size));
        bytes += size;
      });
    }
    this.#tell(`records, ${what}`, [bytes, digest.digest('hex').slice(0, 16)]);
    this.#tell(`aborted transactions, fetch by fetch, ${what}`, aborted);
  }

  async #logDirs(): Promise<void> {
    const { results } = await this.client.send(Apis.DescribeLogDirs, 4, {
      topics: this.#byTopic((partition) => partition).map(({ name, partitions }) => ({ topic: name, partitions })),
    });
    for (const { errorCode, logDir, topics } of results) {
      check(errorCode, logDir);
      for (const { name, partitions } of topics) {
        for (const { partitionIndex, partitionSize, offsetLag, isFutureKey } of partitions) {
          const where = `place of ${name}-${partitionIndex}${isFutureKey ? ' to be' : ''}`;
          this.#tell(where, [logDir, partitionSize, offsetLag]);
        }
      }
    }
  }

  async #groups(): Promise<void> {
    const { groups } = this.options;
    const described = await this.client.send(Apis.DescribeGroups, 5, { groups: [...groups] });
    for (const group of described.groups) {
      check(group.errorCode, `group ${group.groupId}`);
      group.members.sort((a, b) => (a.memberId < b.memberId ? -1 : 1));
      this.#tell(`group ${group.groupId}`, group);
    }
    for (const requireStable of [false, true]) {
      const offsets = await this.client.send(Apis.OffsetFetch, 8, {
        groups: groups.map((groupId) => ({ groupId, topics: null })),
        requireStable,
      });
      for (const { errorCode, groupId, topics } of offsets.groups) {
        check(errorCode, `offsets of ${groupId}`);
        for (const { name, partitions } of topics) {
          for (const { partitionIndex, ...answer } of partitions) {
            this.#tell(`${requireStable ? 'stable ' : ''}offset of ${groupId} in ${name}-${partitionIndex}`, answer);
          }
        }
      }
    }
  }

  async #transactions(): Promise<void> {
    const listed = await this.client.send(Apis.ListTransactions, 1, { stateFilters: [], producerIdFilters: [] });
    check(listed.errorCode, 'transactions');
    const stable = listed.transactionStates.filter(({ transactionalId }) =>
      this.options.isTransactionStable(transactionalId),
    );
    for (const listing of stable) this.#tell(`listed transaction ${listing.transactionalId}`, listing);
    const transactionalIds = stable.map(({ transactionalId }) => transactionalId);
    const { transactionStates } = await this.client.send(Apis.DescribeTransactions, 0, { transactionalIds });
    for (const { errorCode, topics, ...state } of transactionStates) {
      check(errorCode, state.transactionalId);
      const partitions = topics.flatMap(({ topic, partitions: found }) => found.map((each) => `${topic}-${each}`));
      this.#tell(`transaction ${state.transactionalId}`, { ...state, partitions: partitions.sort() });
    }
  }
}

/** Questions that were answered otherwise, or by one alone. */
export function differences(before: View, now: View): string[] {
  const found: string[] = [];
  for (const what of new Set([...before.keys(), ...now.keys()])) {
    const [was, is] = [before.get(what), now.get(what)];
    // Another leader has another epoch.
    if (was === undefined && what.startsWith('epoch ')) continue;
    if (was !== is) found.push(`${what}: was ${was ?? 'not told'}, is ${is ?? 'not told'}`);
  }
  return found;
}
