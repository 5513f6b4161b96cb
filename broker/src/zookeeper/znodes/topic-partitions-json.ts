import type { JsonReader } from './json-reader';
import { JsonObject, type JsonValue } from './json-writer';
import type { TopicPartition } from './partition-state';

/** A list of partitions, as several znodes have it. */
export function partitionsJson(partitions: Iterable<TopicPartition>): JsonValue {
  return [...partitions].map(
    ({ topic, partition }) =>
      new JsonObject([
        ['topic', topic],
        ['partition', partition],
      ]),
  );
}

export function readPartitions(json: JsonReader): TopicPartition[] {
  return json
    .field('partitions')
    .items()
    .map((item) => ({ topic: item.field('topic').string(), partition: item.field('partition').int(0) }));
}
