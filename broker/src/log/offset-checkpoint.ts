import { join } from 'node:path';
import type { Files } from '../io/files';
import { formatCheckpoint, malformed, parseCheckpoint, readTextIfThere, wholeNumber } from './checkpoint-file';
import { partitionName, type TopicPartition } from './topic-partition';

/** Names of the files at the top of a log directory that map partitions to offsets. */
export const OffsetCheckpointName = {
  RECOVERY_POINT: 'recovery-point-offset-checkpoint',
  LOG_START_OFFSET: 'log-start-offset-checkpoint',
  REPLICATION_OFFSET: 'replication-offset-checkpoint',
  CLEANER_OFFSET: 'cleaner-offset-checkpoint',
} as const;

export interface PartitionOffset {
  readonly topicPartition: TopicPartition;
  readonly offset: number;
}

/** A file of lines `topic partition offset`. */
export class OffsetCheckpoint {
  readonly path: string;
  readonly #files: Files;
  #written: Buffer | undefined;

  constructor(files: Files, logDir: string, name: string) {
    this.#files = files;
    this.path = join(logDir, name);
  }

  /** By partition name; `undefined` when the file is missing or empty. Throws KAFKA_STORAGE_ERROR for one that is not one. */
  async read(): Promise<Map<string, number> | undefined> {
    const offsets = new Map<string, number>();
    const text = await readTextIfThere(this.#files, this.path);
    if (text === undefined || text === '') return undefined;
    const lines = parseCheckpoint(text, this.path);
    for (const [index, line] of lines.entries()) {
      const [topic, partition, offset, ...more] = line.trim().split(/\s+/);
      const numbers = [wholeNumber(partition), wholeNumber(offset)];
      if (topic === undefined || more.length > 0 || numbers[0] === undefined || numbers[1] === undefined) {
        throw malformed(this.path, index + 3, line, 'topic, partition and offset');
      }
      offsets.set(partitionName({ topic, partition: numbers[0] }), numbers[1]);
    }
    return offsets;
  }

  /** Replaces the file, unless it would hold what was last written. */
  async write(offsets: Iterable<PartitionOffset>): Promise<void> {
    const lines: string[] = [];
    for (const { topicPartition, offset } of offsets) {
      lines.push(`${topicPartition.topic} ${topicPartition.partition} ${offset}`);
    }
    const data = formatCheckpoint(lines);
    if (this.#written?.equals(data) !== true) {
      this.#written = undefined;
      await this.#files.replaceFile(this.path, data);
      this.#written = data;
    }
  }
}
