import type { CommittedOffset, OffsetAndMetadata } from './offset-and-metadata';
import { TopicPartitionMap } from './topic-partition-map';

/** A transactional commit: its batch is known once it is in the log. */
interface TransactionalCommit {
  readonly offset: OffsetAndMetadata;
  readonly batchOffset: number | undefined;
}

export interface GroupTopicPartition {
  readonly topic: string;
  readonly partition: number;
}

/**
 * The offsets of one group: what is committed, what is on its way to the log, and what waits for the end of a
 * transaction.
 */
export class GroupOffsets {
  readonly #committed = new TopicPartitionMap<CommittedOffset>();
  readonly #pending = new TopicPartitionMap<OffsetAndMetadata>();
  /** By producer id. */
  readonly #transactional = new Map<number, TopicPartitionMap<TransactionalCommit>>();

  /** Committed ones. */
  get size(): number {
    return this.#committed.size;
  }

  get isEmpty(): boolean {
    return this.#committed.size === 0 && this.#pending.size === 0 && this.#transactional.size === 0;
  }

  get committed(): TopicPartitionMap<CommittedOffset> {
    return this.#committed;
  }

  get producers(): Iterable<number> {
    return this.#transactional.keys();
  }

  hasProducer(producerId: number): boolean {
    return this.#transactional.has(producerId);
  }

  /** Whether a commit is under way, so that the committed offset may be about to change. */
  isUnstable(topic: string, partition: number): boolean {
    if (this.#pending.has(topic, partition)) return true;
    for (const commits of this.#transactional.values()) if (commits.has(topic, partition)) return true;
    return false;
  }

  /** Takes over what the log has, before the group is seen by anybody. */
  load(topic: string, partition: number, offset: CommittedOffset): void {
    this.#committed.set(topic, partition, offset);
  }

  loadTransactional(producerId: number, topic: string, partition: number, offset: CommittedOffset): void {
    this.#commitsOf(producerId).set(topic, partition, { offset, batchOffset: offset.batchOffset });
  }

  prepare(topic: string, partition: number, offset: OffsetAndMetadata): void {
    this.#pending.set(topic, partition, offset);
  }

  /** The log has it. Where the offset was removed meanwhile (its topic was deleted), it stays removed. */
  appended(topic: string, partition: number, offset: OffsetAndMetadata, batchOffset: number): void {
    const pending = this.#pending.get(topic, partition);
    if (!pending) return;
    this.#setIfNewer(topic, partition, { ...offset, batchOffset });
    if (pending === offset) this.#pending.delete(topic, partition);
  }

  failed(topic: string, partition: number, offset: OffsetAndMetadata): void {
    if (this.#pending.get(topic, partition) === offset) this.#pending.delete(topic, partition);
  }

  prepareTransactional(producerId: number, topic: string, partition: number, offset: OffsetAndMetadata): void {
    this.#commitsOf(producerId).set(topic, partition, { offset, batchOffset: undefined });
  }

  appendedTransactional(
    producerId: number,
    topic: string,
    partition: number,
    offset: OffsetAndMetadata,
    batchOffset: number,
  ): void {
    const commits = this.#transactional.get(producerId);
    if (commits?.get(topic, partition)?.offset === offset) commits.set(topic, partition, { offset, batchOffset });
  }

  failedTransactional(producerId: number, topic: string, partition: number, offset: OffsetAndMetadata): void {
    const commits = this.#transactional.get(producerId);
    if (commits?.get(topic, partition)?.offset !== offset) return;
    commits.delete(topic, partition);
    if (commits.size === 0) this.#transactional.delete(producerId);
  }

  /** The transaction's marker is in the log: its commits count, or never were. */
  completeTransaction(producerId: number, isCommit: boolean): void {
    const commits = this.#transactional.get(producerId);
    this.#transactional.delete(producerId);
    if (!commits || !isCommit) return;
    for (const { topic, partition, value } of commits.entries()) {
      // Without a place in the log it was not part of what the marker ended.
      if (value.batchOffset !== undefined) {
        this.#setIfNewer(topic, partition, { ...value.offset, batchOffset: value.batchOffset });
      }
    }
  }

  /** Forgets everything about the partition; returns whether the log may hold something to be deleted. */
  remove(topic: string, partition: number): boolean {
    const wasPending = this.#pending.delete(topic, partition);
    for (const [producerId, commits] of this.#transactional) {
      if (commits.delete(topic, partition) && commits.size === 0) this.#transactional.delete(producerId);
    }
    return this.#committed.delete(topic, partition) || wasPending;
  }

  /** Forgets every committed and pending offset; returns their partitions. */
  removeAll(): GroupTopicPartition[] {
    const all = [...this.#committed.entries(), ...this.#pending.entries()];
    return all.filter(({ topic, partition }) => this.remove(topic, partition));
  }

  /**
   * Forgets committed offsets for which `isExpired` holds and that no commit is under way for; returns their partitions.
   */
  removeExpired(isExpired: (topic: string, offset: CommittedOffset) => boolean): GroupTopicPartition[] {
    const expired: GroupTopicPartition[] = [];
    for (const { topic, partition, value } of this.#committed.entries()) {
      if (!this.#pending.has(topic, partition) && isExpired(topic, value)) expired.push({ topic, partition });
    }
    for (const { topic, partition } of expired) this.#committed.delete(topic, partition);
    return expired;
  }

  #setIfNewer(topic: string, partition: number, offset: CommittedOffset): void {
    const known = this.#committed.get(topic, partition);
    if (!known || known.batchOffset < offset.batchOffset) this.#committed.set(topic, partition, offset);
  }

  #commitsOf(producerId: number): TopicPartitionMap<TransactionalCommit> {
    let commits = this.#transactional.get(producerId);
    if (!commits) {
      commits = new TopicPartitionMap();
      this.#transactional.set(producerId, commits);
    }
    return commits;
  }
}
