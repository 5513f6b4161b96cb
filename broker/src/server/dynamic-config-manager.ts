import type { BrokerConfig } from '../config/broker-config';
import { LogConfig as TopicConfig } from '../config/log-config';
import type { Io } from '../io/io';
import type { LogConfig } from '../log/log-config';
import type { TopicPartition } from '../log/topic-partition';
import type { Logger } from '../logging/logger';
import type { KafkaZkClient } from '../zookeeper/kafka-zk-client';
import { ConfigType, defaultEntityName, type ConfigChange } from '../zookeeper/znodes/config-entity';
import { ZnodeError } from '../zookeeper/znodes/znode-error';
import { ConfigChangeListener } from './config-change-listener';
import { logConfigOfTopic } from './log-config-of';
import type { ReplicationThrottles } from './replication-throttles';

/** The logs that follow their topics' configuration. */
export interface ConfiguredLogs {
  all(): Iterable<{ readonly topicPartition: TopicPartition; config: LogConfig }>;
  updateConfig(topic: string, config: LogConfig): void;
}

export interface DynamicConfigManagerOptions {
  readonly brokerId: number;
  readonly config: BrokerConfig;
  readonly zk: KafkaZkClient;
  readonly logManager: ConfiguredLogs;
  /** Hears what topics throttle. */
  readonly throttles?: Pick<ReplicationThrottles, 'topicConfigured' | 'topicForgotten'>;
  /** Hears that leaders may be elected uncleanly from now on: of a topic, or by default. */
  readonly uncleanLeaderElectionEnabled?: (topic?: string) => void;
}

const nothing: ReadonlyMap<string, string> = new Map();

/**
 * The configuration that lies in ZooKeeper, of topics and of brokers, as it is now (Kafka's ZkConfigManager with its
 * TopicConfigHandler and BrokerConfigHandler). Changes reach the logs and BrokerConfig by themselves; configuration of
 * users, clients and addresses is left alone.
 */
export class DynamicConfigManager {
  readonly brokerId: number;
  readonly #logger: Logger;
  readonly #config: BrokerConfig;
  readonly #zk: KafkaZkClient;
  readonly #logs: ConfiguredLogs;
  readonly #throttles: DynamicConfigManagerOptions['throttles'];
  readonly #uncleanLeaderElectionEnabled: (topic?: string) => void;
  readonly #listener: ConfigChangeListener;
  /** What topics set themselves; also those that are known to set nothing. */
  readonly #overrides = new Map<string, ReadonlyMap<string, string>>();
  /** Put together when first asked for. */
  readonly #effective = new Map<string, TopicConfig>();
  #default: TopicConfig;
  /** The last read of an entity that is under way: an older one never overtakes a newer one. */
  readonly #reads = new Map<string, Promise<void>>();
  #unsubscribe: (() => void) | undefined;

  constructor(io: Io, logger: Logger, options: DynamicConfigManagerOptions) {
    const { brokerId, config, zk, logManager, throttles } = options;
    this.brokerId = brokerId;
    this.#logger = logger.child('DynamicConfigManager');
    this.#config = config;
    this.#zk = zk;
    this.#logs = logManager;
    this.#throttles = throttles;
    this.#uncleanLeaderElectionEnabled = options.uncleanLeaderElectionEnabled ?? (() => undefined);
    this.#default = TopicConfig.from(config);
    this.#listener = new ConfigChangeListener(io, this.#logger, zk, (change) => this.#read(change));
  }

  /** Reads every configuration, and hears of changes from then on. Before the logs are loaded. */
  async start(): Promise<void> {
    this.#unsubscribe = this.#config.subscribe(() => this.#brokerConfigChanged());
    await this.#listener.start(async () => {
      const { topics, brokers } = ConfigType;
      const reads = (await this.#zk.getEntitiesWithConfig(topics)).map((topic) =>
        this.#read({ type: topics, sanitizedName: topic }),
      );
      reads.push(this.#read({ type: brokers, sanitizedName: defaultEntityName }));
      reads.push(this.#read({ type: brokers, sanitizedName: String(this.brokerId) }));
      await Promise.all(reads);
    });
  }

  async shutdown(): Promise<void> {
    this.#unsubscribe?.();
    await this.#listener.close();
    await Promise.all(this.#reads.values());
  }

  /** A topic's configuration: what it sets, over what this broker has. */
  topicConfig(topic: string): TopicConfig {
    const overrides = this.#overrides.get(topic);
    if (overrides === undefined || overrides.size === 0) return this.#default;
    let config = this.#effective.get(topic);
    if (!config) {
      config = TopicConfig.from(this.#config, overrides);
      this.#effective.set(topic, config);
    }
    return config;
  }

  /** The same, for a log. */
  logConfig(topic: string): LogConfig {
    return logConfigOfTopic(this.topicConfig(topic));
  }

  /** What a topic sets itself. */
  topicOverrides(topic: string): ReadonlyMap<string, string> {
    return this.#overrides.get(topic) ?? nothing;
  }

  /**
   * Reads the configuration of topics that are not known yet. A new topic's comes without a notification: this is to be
   * awaited before its first log is made.
   */
  async ensureTopics(topics: Iterable<string>): Promise<void> {
    const unknown = [...new Set(topics)].filter((topic) => !this.#overrides.has(topic));
    await Promise.all(unknown.map((topic) => this.#read({ type: ConfigType.topics, sanitizedName: topic })));
  }

  /** Gives every log its configuration: once they are loaded, for it may have changed meanwhile. */
  applyToLogs(): void {
    const configs = new Map<string, LogConfig>();
    for (const log of this.#logs.all()) {
      const { topic } = log.topicPartition;
      let config = configs.get(topic);
      if (!config) {
        config = this.logConfig(topic);
        configs.set(topic, config);
      }
      log.config = config;
    }
  }

  /** Topics that are deleted: another one of the same name begins without their configuration. */
  forgetTopics(topics: Iterable<string>): void {
    for (const topic of topics) {
      this.#overrides.delete(topic);
      this.#effective.delete(topic);
      this.#throttles?.topicForgotten(topic);
    }
  }

  /**
   * unclean.leader.election.enable of a topic, which may have no replica here: the controller's question. As ZooKeeper
   * has it now: records are lost where it was forbidden a moment ago, and the notification is still on its way.
   */
  async uncleanLeaderElection(topic: string): Promise<boolean> {
    await this.#read({ type: ConfigType.topics, sanitizedName: topic });
    return this.topicConfig(topic).uncleanLeaderElectionEnable;
  }

  #read(change: ConfigChange): Promise<void> {
    const entity = `${change.type}/${change.sanitizedName}`;
    const read = (this.#reads.get(entity) ?? Promise.resolve()).then(() => this.#readNow(change));
    const settled = read
      .catch(() => undefined)
      .then(() => {
        if (this.#reads.get(entity) === settled) this.#reads.delete(entity);
      });
    this.#reads.set(entity, settled);
    return read;
  }

  async #readNow(change: ConfigChange): Promise<void> {
    try {
      await this.#apply(change);
    } catch (error) {
      if (!(error instanceof ZnodeError)) throw error;
      // One that cannot be read must not keep a broker from starting, nor from the replicas of all other topics.
      this.#logger.error(`A configuration is left as it was: ${error.message}`);
      const { type, sanitizedName } = change;
      if (type === ConfigType.topics && !this.#overrides.has(sanitizedName))
        this.#overrides.set(sanitizedName, nothing);
    }
  }

  async #apply({ type, sanitizedName }: ConfigChange): Promise<void> {
    if (type === ConfigType.topics) {
      this.#topicConfigChanged(sanitizedName, await this.#zk.getEntityConfig(type, sanitizedName));
    } else if (type === ConfigType.brokers) {
      const scope = sanitizedName === defaultEntityName ? 'cluster' : 'broker';
      if (scope === 'broker' && sanitizedName.trim() !== String(this.brokerId)) return;
      const settings = await this.#zk.getEntityConfig(type, sanitizedName);
      for (const { message } of this.#config.updateDynamic(scope, settings)) this.#logger.warn(message);
    }
  }

  #topicConfigChanged(topic: string, overrides: ReadonlyMap<string, string>): void {
    const before = this.#overrides.get(topic) ?? nothing;
    this.#overrides.set(topic, overrides);
    this.#effective.delete(topic);
    if (isSame(before, overrides)) return;
    this.#logger.info(`Topic ${topic} has a new configuration.`, { config: Object.fromEntries(overrides) });
    this.#throttles?.topicConfigured(topic, this.topicConfig(topic));
    this.#logs.updateConfig(topic, this.logConfig(topic));
    if (overrides.get('unclean.leader.election.enable') === 'true') this.#uncleanLeaderElectionEnabled(topic);
  }

  /** Topics take from the broker what they do not set themselves. */
  #brokerConfigChanged(): void {
    const wasUnclean = this.#default.uncleanLeaderElectionEnable;
    this.#default = TopicConfig.from(this.#config);
    this.#effective.clear();
    if (this.#default.uncleanLeaderElectionEnable && !wasUnclean) this.#uncleanLeaderElectionEnabled();
    this.applyToLogs();
  }
}

function isSame(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  return a.size === b.size && [...a].every(([key, value]) => b.get(key) === value);
}
