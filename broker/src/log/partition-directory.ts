import type { Random } from '../io/random';
import { partitionName, type TopicPartition } from './topic-partition';

/** What a directory of a log directory is used for, by its suffix. */
export type PartitionDirectoryKind = 'current' | 'delete' | 'future' | 'stray';

export interface PartitionDirectory {
  readonly topicPartition: TopicPartition;
  readonly kind: PartitionDirectoryKind;
}

/** A file in the directory of a partition that has come from another log directory, until it is gone there. */
export const movedMarkerName = '.moved';

const suffixed = /^(\S+)-(\S+)\.(\S+)-(delete|future|stray)$/;
const longestFilename = 255;

/**
 * Reads the name of a partition's directory: `topic-3`, or with a suffix `topic-3.<id>-delete`. `undefined` for any
 * other name.
 */
export function parsePartitionDirectory(name: string): PartitionDirectory | undefined {
  if (name.length === 0 || !name.includes('-')) {
    return undefined;
  }
  const kind = suffixed.exec(name)?.[4] as PartitionDirectoryKind | undefined;
  if (kind === undefined && /-(delete|future|stray)$/.test(name)) {
    return undefined;
  }
  const plain = kind === undefined ? name : name.slice(0, name.lastIndexOf('.'));
  const dash = plain.lastIndexOf('-');
  const topic = plain.slice(0, dash);
  const digits = plain.slice(dash + 1);
  if (topic.length === 0 || !/^\d{1,10}$/.test(digits) || Number(digits) > 0x7fffffff) {
    return undefined;
  }
  return { topicPartition: { topic, partition: Number(digits) }, kind: kind ?? 'current' };
}

/**
 * The name that a partition's directory gets before it is removed: `topic-3.<32 hex digits>-delete`, the topic cut so
 * that the whole is a legal file name.
 */
export function deletedDirectoryName(of: TopicPartition, random: Random): string {
  return cappedName(of, random, 'delete');
}

/** The name of a directory whose partition this broker no longer has. */
export function strayDirectoryName(of: TopicPartition, random: Random): string {
  return cappedName(of, random, 'stray');
}

/** The name of the second copy that a partition has while it moves to another log directory; never cut. */
export function futureDirectoryName(of: TopicPartition, random: Random): string {
  return `${partitionName(of)}.${random.bytes(16).toString('hex')}-future`;
}

function cappedName(of: TopicPartition, random: Random, kind: 'delete' | 'stray'): string {
  const suffix = `-${of.partition}.${random.bytes(16).toString('hex')}-${kind}`;
  return of.topic.slice(0, longestFilename - suffix.length) + suffix;
}
