import type { Io } from '../io/io';
import type { Logger } from '../logging/logger';
import type { KafkaZkClient } from '../zookeeper/kafka-zk-client';
import { ConfigChangeZNode, type ConfigChange } from '../zookeeper/znodes/config-entity';

/** How long a notification stays for brokers that have not seen it, milliseconds (changeExpirationMs). */
const expirationMs = 15 * 60 * 1000;

/**
 * Hears of changed configurations, of whom ever they come from: each change is a sequential znode under /config/changes
 * (Kafka's ZkNodeChangeNotificationListener). What it says is only which entity to read again. Every broker takes away
 * notifications that are old.
 */
export class ConfigChangeListener {
  readonly #io: Io;
  readonly #logger: Logger;
  readonly #zk: KafkaZkClient;
  readonly #process: (change: ConfigChange) => Promise<void>;
  /** Notifications that are done with, and when they were made (wall time of ZooKeeper, ms). */
  readonly #seen = new Map<string, number>();
  #running: Promise<void> = Promise.resolve();
  #isWaiting = false;
  #isClosed = false;

  /** @param process carries one change out; what it throws is logged */
  constructor(io: Io, logger: Logger, zk: KafkaZkClient, process: (change: ConfigChange) => Promise<void>) {
    this.#io = io;
    this.#logger = logger;
    this.#zk = zk;
    this.#process = process;
  }

  /**
   * Listens from here on. `readAll` reads every configuration: it is called when no later change can be missed, and so
   * notifications that are there already need not be carried out.
   */
  async start(readAll: () => Promise<void>): Promise<void> {
    this.#zk.handlers.registerState({
      name: `change-notification-${ConfigChangeZNode.parent}`,
      afterInitializingSession: () => this.#put(),
    });
    this.#zk.handlers.registerChildren({
      path: ConfigChangeZNode.parent,
      handleChildChange: () => this.#put(),
    });
    this.#running = this.#start(readAll);
    await this.#running;
  }

  async #start(readAll: () => Promise<void>): Promise<void> {
    for (const name of await this.#zk.getConfigChangeNotifications()) {
      const found = await this.#zk.get(ConfigChangeZNode.path(name));
      if (found) this.#seen.set(name, found.stat.ctime);
    }
    await readAll();
    await this.#purge();
  }

  /** Resolves when what is under way is done. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#zk.handlers.unregisterState(`change-notification-${ConfigChangeZNode.parent}`);
    this.#zk.handlers.unregisterChildren(ConfigChangeZNode.parent);
    await this.#running.catch(() => undefined);
  }

  #put(): void {
    if (this.#isWaiting || this.#isClosed) return;
    this.#isWaiting = true;
    const run = async (): Promise<void> => {
      this.#isWaiting = false;
      if (this.#isClosed) return;
      try {
        await this.#processNotifications();
      } catch (error) {
        if (this.#isClosed) return;
        this.#logger.error('Changes of the configuration could not be read: they come with the next one.', { error });
      }
    };
    this.#running = this.#running.then(run, run);
  }

  async #processNotifications(): Promise<void> {
    const names = await this.#zk.getConfigChangeNotifications();
    for (const name of names) {
      if (this.#isClosed) return;
      if (this.#seen.has(name)) continue;
      const found = await this.#zk.get(ConfigChangeZNode.path(name));
      if (!found) continue;
      try {
        await this.#process(ConfigChangeZNode.decode(name, found.data));
      } catch (error) {
        this.#logger.error(`The change of configuration ${name} is not carried out.`, { error });
      }
      this.#seen.set(name, found.stat.ctime);
    }
    const there = new Set(names);
    for (const name of this.#seen.keys()) if (!there.has(name)) this.#seen.delete(name);
    await this.#purge();
  }

  async #purge(): Promise<void> {
    const now = this.#io.clock.wallMs();
    for (const [name, createdMs] of this.#seen) {
      if (now - createdMs <= expirationMs) continue;
      await this.#zk.deleteConfigChange(name);
      this.#seen.delete(name);
    }
  }
}
