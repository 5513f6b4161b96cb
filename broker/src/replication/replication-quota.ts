import type { Clock } from '../io/clock';
import type { TopicPartition } from '../log/topic-partition';
import type { FollowerQuota } from './replica-fetcher-options';

export interface ReplicationQuotaOptions {
  /** replication.quota.window.num */
  readonly samples: number;
  /** replication.quota.window.size.seconds, in milliseconds */
  readonly windowMs: number;
}

interface Sample {
  beginMs: number;
  bytes: number;
}

/**
 * The throttle of replication, as leader or as follower (Kafka's ReplicationQuotaManager, KIP-73): which partitions are
 * throttled, and whether together they have had more than the rate allows.
 */
export class ReplicationQuota implements ReplicationThrottle {
  readonly #clock: Clock;
  readonly #options: ReplicationQuotaOptions;
  readonly #throttled = new Map<string, 'all' | ReadonlySet<number>>();
  /** In the order of time, at most `samples` and one. */
  readonly #samples: Sample[] = [];
  #bytesPerSecond = Infinity;

  constructor(clock: Clock, options: ReplicationQuotaOptions) {
    this.#clock = clock;
    this.#options = options;
  }

  /** The rate for all throttled partitions together; Infinity is no bound. */
  get bytesPerSecond(): number {
    return this.#bytesPerSecond;
  }

  set bytesPerSecond(rate: number) {
    this.#bytesPerSecond = rate;
  }

  /** Which partitions of the topic are throttled; takes the place of what was said before. */
  markThrottled(topic: string, partitions: 'all' | readonly number[]): void {
    this.#throttled.set(topic, partitions === 'all' ? 'all' : new Set(partitions));
  }

  removeThrottle(topic: string): void {
    this.#throttled.delete(topic);
  }

  isThrottled({ topic, partition }: TopicPartition): boolean {
    if (this.#throttled.size === 0) return false;
    const partitions = this.#throttled.get(topic);
    return partitions !== undefined && (partitions === 'all' || partitions.has(partition));
  }

  /** Whether the bytes of the last windows are more than the rate allows. */
  isQuotaExceeded(): boolean {
    if (this.#bytesPerSecond === Infinity) return false;
    const { windowMs } = this.#options;
    const nowMs = this.#clock.monotonicMs();
    this.#purge(nowMs);
    if (this.#samples.length === 0) return false;
    let bytes = 0;
    for (const sample of this.#samples) bytes += sample.bytes;
    const elapsedMs = Math.max(nowMs - this.#samples[0].beginMs, windowMs);
    return (bytes * 1000) / elapsedMs > this.#bytesPerSecond;
  }

  /** Counts bytes of throttled partitions. */
  record(bytes: number): void {
    if (bytes <= 0) return;
    const nowMs = this.#clock.monotonicMs();
    this.#purge(nowMs);
    const last = this.#samples.at(-1);
    if (last && nowMs - last.beginMs < this.#options.windowMs) last.bytes += bytes;
    else this.#samples.push({ beginMs: nowMs, bytes });
  }

  #purge(nowMs: number): void {
    const oldestMs = nowMs - this.#options.samples * this.#options.windowMs;
    while (this.#samples.length > 0 && this.#samples[0].beginMs < oldestMs) this.#samples.shift();
  }
}

/** What fetching asks of a throttle, on either side. */
export type ReplicationThrottle = FollowerQuota;

export const unlimitedReplication: ReplicationThrottle = {
  isThrottled: () => false,
  isQuotaExceeded: () => false,
  record: () => undefined,
};

/**
 * The partitions that a topic throttles on a broker: leader.replication.throttled.replicas or the follower's, where
 * every entry is `partition:broker`, and `*` stands for all.
 */
export function throttledPartitions(entries: readonly string[], brokerId: number): 'all' | readonly number[] {
  const partitions: number[] = [];
  for (const entry of entries.map((each) => each.trim())) {
    if (entry === '*') return 'all';
    const [partition, broker] = entry.split(':');
    if (Number(broker) === brokerId) partitions.push(Number(partition));
  }
  return partitions;
}
