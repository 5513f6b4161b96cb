import { Construct } from 'constructs';
import { ConfigError, validateTopicConfig } from '../broker/src/config';
import { DeletionPolicy } from './deletion-policy';
import type { KafkaCluster } from './kafka-cluster';
import type { KafkaTopicConfig } from './kafka-config.generated';
import { brokerFor } from './private/broker-properties';
import { readTopicConfig } from './private/kafka-keys';
import { reject, requireInteger } from './private/reject';
import { warn } from './private/warnings';

export interface KafkaTopicProps {
  readonly cluster: KafkaCluster;
  /**
   * @default - the construct's id
   */
  readonly name?: string;
  /**
   * It can be raised later, never lowered; records of a key then go to another partition.
   */
  readonly partitions: number;
  /**
   * @default - the cluster's
   */
  readonly replicationFactor?: number;
  /**
   * @default - the cluster's, or one less than the replication factor if that is given, at least 1
   */
  readonly minInsyncReplicas?: number;
  /**
   * Any other key of a topic, in camelCase.
   *
   * @default - the cluster's
   */
  readonly config?: KafkaTopicConfig;
  /**
   * @default DeletionPolicy.RETAIN
   */
  readonly deletionPolicy?: DeletionPolicy;
}

/** One topic as it is in topics.json. */
export interface TopicDocument {
  readonly name: string;
  readonly partitions: number;
  readonly replicationFactor: number;
  readonly config: { readonly [key: string]: string };
  readonly deletionPolicy: string;
}

/**
 * A topic of a KafkaCluster. All topics of a cluster are in one ConfigMap, CLUSTER-topics, with one key:
 *
 * topics.json: {"topics": [{"name", "partitions", "replicationFactor", "config": {"KEY": "VALUE"}, "deletionPolicy":
 * "retain" | "delete"}]}
 *
 * A Deployment of the same name runs `odradek reconcile --bootstrap-server HOST:PORT --file /etc/odradek/topics.json`,
 * which watches that file: it creates and alters topics, reports what it can't change (fewer partitions, another
 * replication factor), and deletes only what it made itself under the policy "delete".
 *
 * @example
 * new KafkaTopic(chart, 'orders', {
 *   cluster: kafka,
 *   partitions: 6,
 *   config: { cleanupPolicy: ['compact'], compressionType: 'zstd' },
 * });
 */
export class KafkaTopic extends Construct {
  readonly name: string;
  readonly partitions: number;
  readonly replicationFactor: number;
  readonly minInsyncReplicas: number;
  readonly deletionPolicy: DeletionPolicy;
  private readonly config: ReadonlyMap<string, string>;

  constructor(scope: Construct, id: string, props: KafkaTopicProps) {
    super(scope, id);
    const { cluster } = props;
    this.name = props.name ?? id;
    this.partitions = props.partitions;
    this.deletionPolicy = props.deletionPolicy ?? DeletionPolicy.RETAIN;
    if (!/^[A-Za-z0-9._-]{1,249}$/.test(this.name) || this.name === '.' || this.name === '..') {
      reject(this, 'name', this.name, 'up to 249 of A-Z, a-z, 0-9, ., _ and -, not . or ..');
    }
    if (this.name.startsWith('__')) {
      reject(this, 'name', this.name, "a name that does not begin with __, as Kafka's own topics do");
    }
    requireInteger(this, 'partitions', this.partitions, 1, 100_000);
    this.replicationFactor = props.replicationFactor ?? cluster.replicationFactor;
    const { brokers } = cluster;
    requireInteger(this, 'replicationFactor', this.replicationFactor, 1, brokers, ', the number of brokers');
    this.minInsyncReplicas =
      props.minInsyncReplicas ??
      (props.replicationFactor === undefined ? cluster.minInsyncReplicas : Math.max(1, props.replicationFactor - 1));
    const { replicationFactor } = this;
    requireInteger(this, 'minInsyncReplicas', this.minInsyncReplicas, 1, replicationFactor, ', the replication factor');
    if (replicationFactor > 1 && this.minInsyncReplicas === replicationFactor) {
      warn(
        this,
        `minInsyncReplicas is ${replicationFactor}, as the replication factor: acks=all fails while any replica is down`,
      );
    }

    const config = readTopicConfig(this, props.config, cluster.image);
    const own = config.get('min.insync.replicas');
    if (own !== undefined)
      reject(this, 'config (min.insync.replicas)', own, 'the prop minInsyncReplicas, which decides it');
    this.checkTogether(config, cluster);
    this.config = config.set('min.insync.replicas', String(this.minInsyncReplicas));
    cluster._topics().add(this);
  }

  /** @internal */
  _document(): TopicDocument {
    const keys = [...this.config].sort(([one], [other]) => (one < other ? -1 : 1));
    return {
      name: this.name,
      partitions: this.partitions,
      replicationFactor: this.replicationFactor,
      config: Object.fromEntries(keys),
      deletionPolicy: this.deletionPolicy.word,
    };
  }

  /** What the broker would say when it is told all of them at once. */
  private checkTogether(config: ReadonlyMap<string, string>, cluster: KafkaCluster): void {
    if (!cluster.image.isOdradek) return;
    try {
      validateTopicConfig(brokerFor(cluster._properties), config);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      throw new Error(`${this.node.path}: config: ${error.message}`, { cause: error });
    }
  }
}
