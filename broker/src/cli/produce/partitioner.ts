import { murmur2 } from '@platformatic/kafka';
import type { Random } from '../../io/random';
import { UsageError } from '../cli-error';

/** Gives each record its partition; `newBatch` tells that those so far go out together. */
export interface Partitioner {
  partition(key: Buffer | null): number;
  newBatch(): void;
}

/** `hash`: by key, records without one stay together for a batch, as Kafka's own; the others look at no key. */
export const partitionerNames = ['hash', 'round-robin', 'sticky'] as const;
export type PartitionerName = (typeof partitionerNames)[number];

// What partitioner.class may say in files that Kafka's own tools read too.
const byClass: Readonly<Record<string, PartitionerName>> = {
  DefaultPartitioner: 'hash',
  UniformStickyPartitioner: 'sticky',
  RoundRobinPartitioner: 'round-robin',
};

/** @throws UsageError */
export function partitionerName(option: string, text: string): PartitionerName {
  const name = partitionerNames.find((each) => each === text) ?? byClass[text.slice(text.lastIndexOf('.') + 1)];
  if (name === undefined) throw new UsageError(`${option} ${text}: ${partitionerNames.join(', ')} is accepted`);
  return name;
}

export function fixedPartition(partition: number): Partitioner {
  return { partition: () => partition, newBatch() {} };
}

export function partitioner(name: PartitionerName, random: Random, partitions: number): Partitioner {
  let next = random.below(partitions);
  const moveOn = (): void => {
    // Another one than before, as long as there is one.
    next = partitions === 1 ? 0 : (next + 1 + random.below(partitions - 1)) % partitions;
  };
  switch (name) {
    case 'round-robin':
      return { partition: () => (next = (next + 1) % partitions), newBatch() {} };
    case 'sticky':
      return { partition: () => next, newBatch: moveOn };
    case 'hash':
      // As the Java client does it: the library's own default takes another partition for half of all keys.
      return {
        partition: (key) => (key === null ? next : (murmur2(key) & 0x7fffffff) % partitions),
        newBatch: moveOn,
      };
  }
}
