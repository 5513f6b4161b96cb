import { Chart } from 'cdk8s';
import { describe, expect, it } from 'vitest';
import { type BrokerImage, DeletionPolicy, KafkaCluster, KafkaTopic, type KafkaTopicProps } from '../../lib';
import { apache, disk, odradek, zookeeperRef } from './charts';
import { find, type Manifest, messageOf, ofKind, synth } from './manifests';

function cluster(chart: Chart, image: BrokerImage = odradek, toolsImage?: BrokerImage): KafkaCluster {
  return new KafkaCluster(chart, 'kafka', {
    namespace: 'data',
    image,
    toolsImage,
    zookeeper: zookeeperRef,
    storage: disk,
  });
}

function topics(...all: (Omit<KafkaTopicProps, 'cluster'> & { id: string })[]): Manifest[] {
  return synth((chart) => {
    const kafka = cluster(chart);
    for (const { id, ...props } of all) new KafkaTopic(chart, id, { ...props, cluster: kafka });
  });
}

function document(manifests: readonly Manifest[]): unknown {
  return JSON.parse(find(manifests, 'ConfigMap', 'kafka-topics').data['topics.json']);
}

describe('KafkaTopic', () => {
  it('is collected, with all topics of its cluster, in topics.json', () => {
    const manifests = topics(
      { id: 'orders', partitions: 12, config: { retentionMs: 3_600_000, cleanupPolicy: ['compact', 'delete'] } },
      { id: 'b', name: 'audit.log', partitions: 1, replicationFactor: 2, deletionPolicy: DeletionPolicy.DELETE },
    );
    expect(document(manifests)).toEqual({
      topics: [
        {
          name: 'audit.log',
          partitions: 1,
          replicationFactor: 2,
          config: { 'min.insync.replicas': '1' },
          deletionPolicy: 'delete',
        },
        {
          name: 'orders',
          partitions: 12,
          replicationFactor: 3,
          config: { 'cleanup.policy': 'compact,delete', 'min.insync.replicas': '2', 'retention.ms': '3600000' },
          deletionPolicy: 'retain',
        },
      ],
    });
  });

  it('is reconciled by one Deployment of one replica, which reads a mounted directory', () => {
    const { spec, metadata } = find(topics({ id: 'a', partitions: 1 }, { id: 'b', partitions: 1 }), 'Deployment');
    expect(metadata.name).toBe('kafka-topics');
    expect(spec.replicas).toBe(1);
    expect(spec.strategy).toEqual({ type: 'Recreate' });
    const [container] = spec.template.spec.containers;
    expect(container.command?.join(' ')).toBe(
      'odradek reconcile --bootstrap-server kafka.data.svc.cluster.local:9092 --file /etc/odradek/topics.json',
    );
    expect(container.volumeMounts).toContainEqual({ name: 'topics', mountPath: '/etc/odradek', readOnly: true });
    expect(spec.template.spec.volumes).toContainEqual({
      name: 'topics',
      configMap: { name: 'kafka-topics', defaultMode: 0o444 },
    });
  });

  it('needs nothing where there is no topic', () => {
    const manifests = synth((chart) => cluster(chart));
    expect(ofKind(manifests, 'Deployment')).toEqual([]);
  });

  it('belongs to the cluster’s chart, wherever it is declared', () => {
    const charts: Chart[] = [];
    synth((chart) => {
      const kafka = cluster(chart);
      const elsewhere = new Chart(chart.node.root as never, 'elsewhere');
      new KafkaTopic(elsewhere, 'orders', { cluster: kafka, partitions: 1 });
      charts.push(chart, elsewhere);
    });
    const [first, second] = charts.map((chart) => chart.toJson() as Manifest[]);
    expect(ofKind(first, 'Deployment')).toHaveLength(1);
    expect(second).toEqual([]);
  });

  it('works on Apache’s broker with our tools, and says so without them', () => {
    const build = (toolsImage?: BrokerImage): Manifest[] =>
      synth((chart) => new KafkaTopic(chart, 'orders', { cluster: cluster(chart, apache, toolsImage), partitions: 1 }));
    expect(find(build(odradek), 'Deployment').spec.template.spec.containers[0].image).toBe(odradek.reference);
    expect(messageOf(() => build())).toBe(
      'test/kafka: toolsImage: nothing is refused; accepted: BrokerImage.odradek(): its `odradek reconcile` makes the topics',
    );
  });

  it.each<[string, Omit<KafkaTopicProps, 'cluster'>, string]>([
    [
      'more replicas than brokers',
      { partitions: 1, replicationFactor: 4 },
      'replicationFactor: 4 is refused; accepted: a whole number from 1 to 3, the number of brokers',
    ],
    [
      'more replicas to acknowledge than there are',
      { partitions: 1, replicationFactor: 1, minInsyncReplicas: 2 },
      'minInsyncReplicas: 2 is refused; accepted: a whole number from 1 to 1, the replication factor',
    ],
    ['no partition', { partitions: 0 }, 'partitions: 0 is refused; accepted: a whole number from 1 to 100000'],
    [
      'a name that Kafka refuses',
      { name: 'a/b', partitions: 1 },
      'name: "a/b" is refused; accepted: up to 249 of A-Z, a-z, 0-9, ., _ and -, not . or ..',
    ],
    [
      'a name of Kafka’s own topics',
      { name: '__consumer_offsets', partitions: 1 },
      'name: "__consumer_offsets" is refused; accepted: a name that does not begin with __, as Kafka\'s own topics do',
    ],
    [
      'a value that Kafka refuses',
      { partitions: 1, config: { cleanupPolicy: ['remove'] } },
      'config.cleanupPolicy (cleanup.policy): "remove" is refused; accepted: a list of compact, delete',
    ],
    [
      'a key that a prop decides',
      { partitions: 1, config: { minInsyncReplicas: 1 } },
      'config (min.insync.replicas): "1" is refused; accepted: the prop minInsyncReplicas, which decides it',
    ],
    [
      'keys that do not fit together',
      { partitions: 1, config: { minCompactionLagMs: 10, maxCompactionLagMs: 5 } },
      'config: min.compaction.lag.ms=10: accepted is at most max.compaction.lag.ms, which is 5',
    ],
    [
      'what our broker cannot do yet',
      { partitions: 1, config: { remoteStorageEnable: true } },
      'config.remoteStorageEnable (remote.storage.enable): "true" is refused; accepted: with BrokerImage.odradek(), its default: remote storage is not supported; leave it false; BrokerImage.apache() takes it',
    ],
  ])('refuses %s', (_, props, message) => {
    expect(messageOf(() => topics({ id: 'topic', ...props }))).toBe(`test/topic: ${message}`);
  });

  it('refuses two names that Kafka’s metrics cannot tell apart', () => {
    expect(messageOf(() => topics({ id: 'a.b', partitions: 1 }, { id: 'a_b', partitions: 1 }))).toBe(
      'test/a_b: name: "a_b" is refused; accepted: a name of its own (. and _ count as one): test/a.b is a.b',
    );
  });
});
