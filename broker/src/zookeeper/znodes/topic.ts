import { JsonReader } from './json-reader';
import { inScalaMapOrder, jsonBytes, JsonObject, type JsonValue } from './json-writer';

/** The brokers of a partition; while it is being reassigned, also those that come and those that go. */
export interface ReplicaAssignment {
  readonly replicas: readonly number[];
  readonly addingReplicas: readonly number[];
  readonly removingReplicas: readonly number[];
}

export interface TopicAssignment {
  /** Kafka's 22 characters; null in topics that Kafka before 2.8 has written. */
  readonly topicId: string | null;
  /** By partition number. */
  readonly partitions: ReadonlyMap<number, ReplicaAssignment>;
}

/** /brokers/topics, with a child for each topic. */
export const TopicsZNode = { path: '/brokers/topics' } as const;

/** /brokers/topics/T: written in version 3 of the JSON, read in every one. */
export const TopicZNode = {
  path: (topic: string): string => `${TopicsZNode.path}/${topic}`,

  encode({ topicId, partitions }: TopicAssignment): Buffer {
    const listed = (select: (assignment: ReplicaAssignment) => readonly number[], all: boolean): JsonObject => {
      const entries = [...partitions]
        .map(([partition, assignment]) => [String(partition), select(assignment)] as const)
        .filter(([, replicas]) => all || replicas.length > 0);
      return new JsonObject(inScalaMapOrder(entries));
    };
    const entries: (readonly [string, JsonValue])[] = [
      ['partitions', listed((assignment) => assignment.replicas, true)],
    ];
    if (topicId !== null) entries.push(['topic_id', topicId]);
    entries.push(
      ['adding_replicas', listed((assignment) => assignment.addingReplicas, false)],
      ['removing_replicas', listed((assignment) => assignment.removingReplicas, false)],
      ['version', 3],
    );
    return jsonBytes(new JsonObject(entries));
  },

  decode(topic: string, data: Buffer | null): TopicAssignment {
    const json = JsonReader.parse(TopicZNode.path(topic), data);
    const topicId = json.optional('topic_id');
    const id = topicId?.string() ?? null;
    if (topicId !== undefined && !/^[0-9A-Za-z_-]{22}$/.test(id!)) {
      topicId.refuse('a topic id of 22 characters (base64url) is accepted');
    }
    const adding = json.optional('adding_replicas');
    const removing = json.optional('removing_replicas');
    const partitions = new Map<number, ReplicaAssignment>();
    for (const [partition, replicas] of json.optional('partitions')?.fields() ?? []) {
      if (!/^(0|[1-9]\d{0,8})$/.test(partition)) replicas.refuse('a partition number is accepted as its name');
      partitions.set(Number(partition), {
        replicas: replicas.ints(),
        addingReplicas: adding?.optional(partition)?.ints() ?? [],
        removingReplicas: removing?.optional(partition)?.ints() ?? [],
      });
    }
    return { topicId: id, partitions };
  },
} as const;
