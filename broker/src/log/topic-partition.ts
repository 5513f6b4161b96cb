/** A partition of a topic. */
export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

/** `topic-partition`: the name of its directory, and its key in maps. */
export function partitionName(of: TopicPartition): string {
  return `${of.topic}-${of.partition}`;
}
