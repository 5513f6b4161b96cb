import type { Logger } from '../logging/logger';
import type { KafkaZkClient } from '../zookeeper/kafka-zk-client';
import { DeleteTopicsZNode } from '../zookeeper/znodes/admin';

/**
 * Deletions that somebody waits for. Brokers forget a topic before its logs and znodes are gone; only when the
 * controller has taken the topic's entry out of /admin/delete_topics can a topic of the same name be created.
 */
export class TopicDeletions {
  readonly #zk: KafkaZkClient;
  readonly #logger: Logger;
  readonly #changed: () => void;
  /** How many wait for a topic; those that are deleted are not in here. */
  readonly #pending = new Map<string, { waiting: number }>();

  /** @param changed told when a topic is not pending any more */
  constructor(zk: KafkaZkClient, logger: Logger, changed: () => void) {
    this.#zk = zk;
    this.#logger = logger;
    this.#changed = changed;
    // Watches do not outlive a session.
    zk.handlers.registerState({
      name: 'topic-deletions',
      afterInitializingSession: () => {
        for (const topic of this.#pending.keys()) this.#look(topic).catch(() => undefined);
      },
    });
  }

  isPending(topic: string): boolean {
    return this.#pending.has(topic);
  }

  /** Watches a topic whose deletion was asked for, until the returned function is called. */
  async watch(topic: string): Promise<() => void> {
    let entry = this.#pending.get(topic);
    if (entry) {
      entry.waiting++;
    } else {
      entry = { waiting: 1 };
      this.#pending.set(topic, entry);
      this.#zk.handlers.registerNode({
        path: DeleteTopicsZNode.topicPath(topic),
        handleDeletion: () => this.#done(topic),
      });
    }
    const stop = (): void => {
      if (--entry.waiting === 0 && this.#pending.get(topic) === entry) this.#forget(topic);
    };
    try {
      await this.#look(topic);
      return stop;
    } catch (error) {
      stop();
      throw error;
    }
  }

  close(): void {
    this.#zk.handlers.unregisterState('topic-deletions');
    for (const topic of [...this.#pending.keys()]) this.#forget(topic);
  }

  async #look(topic: string): Promise<void> {
    if (!(await this.#zk.isTopicMarkedForDeletion(topic))) this.#done(topic);
  }

  #done(topic: string): void {
    if (!this.#pending.has(topic)) return;
    this.#logger.debug(`Topic ${topic} is gone.`);
    this.#forget(topic);
    this.#changed();
  }

  #forget(topic: string): void {
    this.#pending.delete(topic);
    this.#zk.handlers.unregisterNode(DeleteTopicsZNode.topicPath(topic));
  }
}
