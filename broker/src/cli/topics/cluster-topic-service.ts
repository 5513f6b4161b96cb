import { Apis } from '../../protocol/api-keys';
import { ErrorCode, KafkaError } from '../../protocol/errors';
import type { MetadataResponse } from '../../protocol/messages/metadata';
import { zeroUuid } from '../../protocol/uuid';
import { UnsupportedVersionError } from '../../network/client-connection';
import { throwIfError, type ClusterClient } from '../client/cluster-client';
import { CommandError } from '../cli-error';
import { describeConfigs, ResourceType, isDefaultEntry } from '../configs/describe-configs';
import type { DescribedPartition, DescribedTopic } from './topic-description';
import type { NewTopic, TopicAlteration, TopicService } from './topic-service';

const adminTimeoutMs = 25_000;

type Reassignments = ReadonlyMap<string, NonNullable<DescribedPartition['reassignment']>>;

/** Topics through the brokers' own requests, as Kafka's Admin client sends them. */
export class ClusterTopicService implements TopicService {
  readonly eligibleLeaders = true;
  readonly #cluster: ClusterClient;

  constructor(cluster: ClusterClient) {
    this.#cluster = cluster;
  }

  async names(): Promise<readonly string[]> {
    const { topics } = await this.#cluster.metadata(null);
    return topics.map(({ name }) => name ?? '');
  }

  listed(names: readonly string[]): Promise<readonly string[]> {
    return Promise.resolve(names);
  }

  async create({ name, partitions, replicationFactor, assignment, configs }: NewTopic): Promise<void> {
    const input = {
      topics: [
        {
          name,
          numPartitions: assignment === undefined ? (partitions ?? -1) : -1,
          replicationFactor: assignment === undefined ? (replicationFactor ?? -1) : -1,
          assignments: (assignment ?? []).map((brokerIds, partitionIndex) => ({ partitionIndex, brokerIds })),
          configs: [...configs].map(([key, value]) => ({ name: key, value })),
        },
      ],
      timeoutMs: adminTimeoutMs,
      validateOnly: false,
    };
    await this.#cluster.request('controller', Apis.CreateTopics, input, ({ topics }) => {
      const created = topics.find((topic) => topic.name === name);
      throwIfError(created?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR, created?.errorMessage);
    });
  }

  async describe(names: readonly string[]): Promise<readonly DescribedTopic[]> {
    const metadata = await this.#describable(names);
    const [configs, reassignments] = await Promise.all([
      describeConfigs(
        this.#cluster,
        names.map((name) => ({ type: ResourceType.topic, name })),
      ),
      this.#reassignments(metadata),
    ]);
    return names.flatMap((name, i) => {
      const topic = metadata.topics.find((each) => each.name === name);
      return topic === undefined ? [] : [described(topic, configs[i]!, reassignments)];
    });
  }

  async liveBrokers(): Promise<ReadonlySet<number>> {
    const { brokers } = await this.#cluster.metadata([]);
    return new Set(brokers.map(({ nodeId }) => nodeId));
  }

  async alter(names: readonly string[], { partitions, assignment }: TopicAlteration): Promise<void> {
    if (partitions === undefined) throw new CommandError('Missing required argument "[partitions]"');
    const { topics } = await this.#cluster.metadata(names);
    const counts = new Map(topics.map((topic) => [topic.name, topic.partitions.length]));
    const input = {
      topics: names.map((name) => ({
        name,
        count: partitions,
        assignments: assignment?.slice(counts.get(name) ?? 0).map((brokerIds) => ({ brokerIds })) ?? null,
      })),
      timeoutMs: adminTimeoutMs,
      validateOnly: false,
    };
    await this.#cluster.request('controller', Apis.CreatePartitions, input, ({ results }) => {
      for (const { errorCode, errorMessage } of results) throwIfError(errorCode, errorMessage);
    });
  }

  async delete(names: readonly string[]): Promise<void> {
    const connection = await this.#cluster.retrying('Metadata', () => this.#cluster.connectionTo('controller'));
    const byName = connection.versionOf(Apis.DeleteTopics) >= 6;
    const input = {
      topics: byName ? names.map((name) => ({ name, topicId: zeroUuid })) : [],
      topicNames: byName ? [] : [...names],
      timeoutMs: adminTimeoutMs,
    };
    await this.#cluster.request('controller', Apis.DeleteTopics, input, ({ responses }) => {
      for (const { errorCode, errorMessage } of responses) throwIfError(errorCode, errorMessage);
    });
  }

  close(): Promise<void> {
    this.#cluster.close();
    return Promise.resolve();
  }

  #describable(names: readonly string[]): Promise<MetadataResponse> {
    return this.#cluster.retrying('Metadata', async () => {
      const metadata = await this.#cluster.metadata(names);
      for (const { errorCode } of metadata.topics) throwIfError(errorCode);
      return metadata;
    });
  }

  async #reassignments(metadata: MetadataResponse): Promise<Reassignments> {
    const topics = metadata.topics.map(({ name, partitions }) => ({
      name: name ?? '',
      partitionIndexes: partitions.map(({ partitionIndex }) => partitionIndex),
    }));
    const found = new Map<string, NonNullable<DescribedPartition['reassignment']>>();
    try {
      await this.#cluster.request('controller', Apis.ListPartitionReassignments, { topics }, (response) => {
        throwIfError(response.errorCode, response.errorMessage);
        for (const { name, partitions } of response.topics) {
          for (const { partitionIndex, addingReplicas, removingReplicas } of partitions) {
            found.set(`${name}-${partitionIndex}`, { adding: addingReplicas, removing: removingReplicas });
          }
        }
      });
    } catch (error) {
      // A cluster without the request, or without the right to it, is described without reassignments, as by Kafka.
      const forbidden = error instanceof KafkaError && error.code === ErrorCode.CLUSTER_AUTHORIZATION_FAILED;
      if (!forbidden && !(error instanceof UnsupportedVersionError)) throw error;
    }
    return found;
  }
}

type TopicMetadata = MetadataResponse['topics'][number];
type TopicConfigs = Awaited<ReturnType<typeof describeConfigs>>[number];

function described(topic: TopicMetadata, configs: TopicConfigs, reassignments: Reassignments): DescribedTopic {
  const name = topic.name ?? '';
  const partitions = topic.partitions
    .map((each): DescribedPartition => ({
      partition: each.partitionIndex,
      leader: each.leaderId,
      replicas: each.replicaNodes,
      isr: each.isrNodes,
      reassignment: reassignments.get(`${name}-${each.partitionIndex}`),
    }))
    .sort((left, right) => left.partition - right.partition);
  const first = partitions[0];
  return {
    name,
    topicId: topic.topicId === zeroUuid ? undefined : topic.topicId,
    replicationFactor: (first?.replicas.length ?? 0) - (first?.reassignment?.adding.length ?? 0),
    configs: configs.filter((entry) => !isDefaultEntry(entry)).map((entry) => [entry.name, entry.value]),
    minInsyncReplicas: Number(configs.find((entry) => entry.name === 'min.insync.replicas')?.value ?? 1),
    markedForDeletion: false,
    partitions,
  };
}
