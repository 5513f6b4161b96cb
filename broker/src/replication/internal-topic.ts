import type { Logger } from '../logging/logger';
import { partitionForKey } from '../protocol/java-string-hash';

/** What the cluster's topics are, whatever the controller has told of them so far. */
export interface ClusterTopics {
  /**
   * How many partitions a topic has, as of now; `undefined` when there is none, or it is being deleted. Rejects when
   * that cannot be found out.
   */
  partitionCount(topic: string): Promise<number | undefined>;
}

/** What the controller has told of the topics; of a topic that may be a part of its partitions only. */
export interface ToldTopics {
  topic(name: string): { readonly topicId?: string; readonly partitions: ReadonlyMap<number, unknown> } | undefined;
}

/**
 * The topic of a coordinator: which of its partitions holds what. How many partitions it had when it was first seen
 * counts as long as it exists: what is kept under a key would be lost if the key belonged elsewhere from one moment to
 * the next.
 */
export class InternalTopic {
  readonly name: string;
  readonly #logger: Logger;
  readonly #told: ToldTopics;
  readonly #topics: ClusterTopics;
  /** The topic that the count is of; `undefined`: nobody has told of it. */
  #topicId: string | undefined;
  #count: number | undefined;
  #isAsking = false;

  constructor(name: string, logger: Logger, told: ToldTopics, topics: ClusterTopics) {
    this.name = name;
    this.#logger = logger;
    this.#told = told;
    this.#topics = topics;
  }

  /** Whether the topic is there, for all that this broker was told. */
  get isKnown(): boolean {
    return (this.#told.topic(this.name)?.partitions.size ?? 0) > 0;
  }

  /** The partition of a key; `undefined` while the topic, or the number of its partitions, is not known. */
  partitionFor(key: string): number | undefined {
    const topicId = this.#toldId();
    if (topicId !== this.#topicId) {
      // What was found out before anybody told of the topic is its count.
      if (this.#topicId !== undefined) this.#count = undefined;
      this.#topicId = topicId;
    }
    if (topicId === undefined) return undefined;
    if (this.#count === undefined) this.learn();
    return this.#count === undefined ? undefined : partitionForKey(key, this.#count);
  }

  /** Finds out how many partitions there are, unless that is known. */
  learn(): void {
    if (this.#isAsking || this.#count !== undefined) return;
    this.#isAsking = true;
    const asked = this.#toldId();
    this.#topics
      .partitionCount(this.name)
      .then(
        (count) => {
          const told = this.#toldId();
          if (asked === undefined || asked === told) this.#count = count;
        },
        (error: unknown) => this.#logger.warn(`How many partitions ${this.name} has cannot be found out.`, { error }),
      )
      .finally(() => {
        this.#isAsking = false;
      });
  }

  #toldId(): string | undefined {
    return this.isKnown ? (this.#told.topic(this.name)?.topicId ?? '') : undefined;
  }
}
