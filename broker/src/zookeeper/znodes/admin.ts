import { JsonReader } from './json-reader';
import { jsonBytes, JsonObject } from './json-writer';
import type { TopicPartition } from './partition-state';
import { partitionsJson, readPartitions } from './topic-partitions-json';

/** /admin/delete_topics, with a child (without data) for each topic that is to be deleted. */
export const DeleteTopicsZNode = {
  path: '/admin/delete_topics',
  topicPath: (topic: string): string => `/admin/delete_topics/${topic}`,
} as const;

export interface Reassignment extends TopicPartition {
  readonly replicas: readonly number[];
}

/** /admin/reassign_partitions: reassignments of tools before 2.4; version 1 of the JSON. */
export const ReassignPartitionsZNode = {
  path: '/admin/reassign_partitions',

  encode(reassignments: Iterable<Reassignment>): Buffer {
    const partitions = [...reassignments].map(
      ({ topic, partition, replicas }) =>
        new JsonObject([
          ['topic', topic],
          ['partition', partition],
          ['replicas', replicas],
        ]),
    );
    return jsonBytes(
      new JsonObject([
        ['version', 1],
        ['partitions', partitions],
      ]),
    );
  },

  decode(data: Buffer | null): Reassignment[] {
    return JsonReader.parse(ReassignPartitionsZNode.path, data)
      .field('partitions')
      .items()
      .map((item) => ({
        topic: item.field('topic').string(),
        partition: item.field('partition').int(0),
        replicas: item.field('replicas').ints(),
      }));
  },
} as const;

/** /admin/preferred_replica_election: elections asked for by old tools; version 1 of the JSON. */
export const PreferredReplicaElectionZNode = {
  path: '/admin/preferred_replica_election',

  encode(partitions: Iterable<TopicPartition>): Buffer {
    return jsonBytes(
      new JsonObject([
        ['version', 1],
        ['partitions', partitionsJson(partitions)],
      ]),
    );
  },

  decode(data: Buffer | null): TopicPartition[] {
    return readPartitions(JsonReader.parse(PreferredReplicaElectionZNode.path, data));
  },
} as const;
