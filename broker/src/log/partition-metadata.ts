import { join } from 'node:path';
import type { Files } from '../io/files';
import { ErrorCode, KafkaError } from '../protocol/errors';
import { readTextIfThere } from './checkpoint-file';

export const partitionMetadataName = 'partition.metadata';

/** `partition.metadata`: which topic the directory belongs to, so that a topic of the same name made later is told apart. */
export function formatPartitionMetadata(topicId: string): Buffer {
  return Buffer.from(`version: 0\ntopic_id: ${topicId}`);
}

/** The topic id in Kafka's 22-character form; `undefined` when there is no file. */
export async function readPartitionMetadata(files: Files, directory: string): Promise<string | undefined> {
  const path = join(directory, partitionMetadataName);
  const text = await readTextIfThere(files, path);
  if (text === undefined) {
    return undefined;
  }
  const match = /^version: ?(\d+)\s*\ntopic_id: ?([A-Za-z0-9_-]{22})\s*$/.exec(text);
  if (match === null || match[1] !== '0') {
    throw new KafkaError(
      ErrorCode.KAFKA_STORAGE_ERROR,
      `partition metadata file ${path} holds ${JSON.stringify(text.slice(0, 80))}, where ` +
        '"version: 0" and "topic_id: " with 22 characters of base64url are expected',
    );
  }
  return match[2];
}
