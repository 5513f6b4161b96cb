import { Consumer, type ConsumerGroupJoinPayload } from '@platformatic/kafka';
import { partitionName, type TopicPartition } from '../../log/topic-partition';
import { CommandError } from '../cli-error';
import { libraryErrorText } from '../produce/library-error';
import { rangeAssigner } from './range-assignor';

export interface GroupMembershipOptions {
  readonly groupId: string;
  readonly groupInstanceId?: string | undefined;
  readonly clientId: string;
  readonly bootstrapBrokers: readonly string[];
  readonly sessionTimeoutMs: number;
  readonly heartbeatIntervalMs: number;
  readonly rebalanceTimeoutMs: number;
  /** The partitions that are this member's from now on. */
  readonly assigned: (partitions: readonly TopicPartition[]) => void;
  /** A rebalance has begun: what was consumed should be committed. */
  readonly revoking: () => void;
  readonly failed: (error: Error) => void;
}

/** Membership of a consumer group, by the library; it fetches nothing. */
export class GroupMembership {
  readonly #consumer: Consumer<Buffer, Buffer, Buffer, Buffer>;
  readonly #committed = new Map<string, number>();

  constructor(options: GroupMembershipOptions) {
    const { groupId, clientId, bootstrapBrokers, groupInstanceId } = options;
    this.#consumer = new Consumer({
      groupId,
      clientId,
      ...(groupInstanceId === undefined ? {} : { groupInstanceId }),
      bootstrapBrokers: [...bootstrapBrokers],
      autocommit: false,
      sessionTimeout: options.sessionTimeoutMs,
      rebalanceTimeout: Math.max(options.rebalanceTimeoutMs, options.sessionTimeoutMs),
      heartbeatInterval: Math.min(options.heartbeatIntervalMs, options.sessionTimeoutMs),
      // What every Kafka consumer offers, so that members of both kinds can share a group.
      protocols: [{ name: 'range', version: 1 }],
      partitionAssigner: rangeAssigner,
      timeout: 30_000,
      retries: 10,
      retryDelay: 500,
    });
    this.#consumer.on('consumer:group:join', ({ assignments = [] }: ConsumerGroupJoinPayload) => {
      this.#committed.clear();
      options.assigned(
        assignments.flatMap(({ topic, partitions }) => partitions.map((partition) => ({ topic, partition }))),
      );
    });
    this.#consumer.on('consumer:group:rebalance', options.revoking);
    this.#consumer.on('error', (error: unknown) => options.failed(new CommandError(libraryErrorText(error))));
  }

  /** Subscribes to these topics, and joins or rejoins the group if they are new. */
  async subscribe(topics: readonly string[]): Promise<void> {
    const added = this.#consumer.topics.trackAll(...topics.filter((topic) => !this.#consumer.topics.has(topic)));
    if (!added.includes(true)) return;
    try {
      await this.#consumer.joinGroup({});
    } catch (error) {
      throw new CommandError(`Joining group ${this.#consumer.groupId} failed: ${libraryErrorText(error)}`);
    }
  }

  /** Commits the positions that have moved since the last time. */
  async commit(positions: Iterable<TopicPartition & { readonly offset: number }>): Promise<void> {
    const moved = [...positions].filter((each) => this.#committed.get(partitionName(each)) !== each.offset);
    if (moved.length === 0 || this.#consumer.memberId === null) return;
    const snapshot = moved.map(({ topic, partition, offset }) => ({ topic, partition, offset }));
    const offsets = snapshot.map((each) => ({ ...each, offset: BigInt(each.offset), leaderEpoch: -1 }));
    await this.#consumer.commit({ offsets });
    for (const each of snapshot) this.#committed.set(partitionName(each), each.offset);
  }

  /** Leaves the group. */
  async close(): Promise<void> {
    await this.#consumer.close(true);
  }
}
