import type { DescribedTopic } from './topic-description';

export interface NewTopic {
  readonly name: string;
  /** Both absent: the cluster's default, where the service knows one. */
  readonly partitions?: number | undefined;
  readonly replicationFactor?: number | undefined;
  /** Instead of the two numbers: the replicas of each partition. */
  readonly assignment?: readonly (readonly number[])[] | undefined;
  readonly configs: ReadonlyMap<string, string>;
}

export interface TopicAlteration {
  readonly partitions?: number | undefined;
  /** The replicas of every partition, also of those that are there. */
  readonly assignment?: readonly (readonly number[])[] | undefined;
  readonly configs: ReadonlyMap<string, string>;
  readonly deleteConfigs: readonly string[];
}

/** What kafka-topics does, through brokers (`--bootstrap-server`) or straight on ZooKeeper (`--zookeeper`). */
export interface TopicService {
  /** All topics, internal ones too. */
  names(): Promise<readonly string[]>;
  /** One line a topic for `--list`. */
  listed(names: readonly string[]): Promise<readonly string[]>;
  /** Rejects with TOPIC_ALREADY_EXISTS when it is there. */
  create(topic: NewTopic): Promise<void>;
  /** In the order of the names, those that are there. */
  describe(names: readonly string[]): Promise<readonly DescribedTopic[]>;
  liveBrokers(): Promise<ReadonlySet<number>>;
  alter(names: readonly string[], alteration: TopicAlteration, say: (line: string) => void): Promise<void>;
  delete(names: readonly string[], say: (line: string) => void): Promise<void>;
  close(): Promise<void>;
  readonly eligibleLeaders: boolean;
}
