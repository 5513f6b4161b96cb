import { JsonReader } from './json-reader';
import { jsonBytes, JsonObject } from './json-writer';
import type { TopicPartition } from './partition-state';
import { partitionsJson, readPartitions } from './topic-partitions-json';

/** /isr_change_notification/isr_change_NNNNNNNNNN, sequential: partitions whose ISR their leader has written. */
export const IsrChangeNotificationZNode = {
  parent: '/isr_change_notification',
  prefix: 'isr_change_',
  createPath: '/isr_change_notification/isr_change_',
  path: (name: string): string => `/isr_change_notification/${name}`,

  encode(partitions: Iterable<TopicPartition>): Buffer {
    return jsonBytes(
      new JsonObject([
        ['version', 1],
        ['partitions', partitionsJson(partitions)],
      ]),
    );
  },

  decode: (name: string, data: Buffer | null): TopicPartition[] =>
    readPartitions(JsonReader.parse(IsrChangeNotificationZNode.path(name), data)),
} as const;

const logDirFailure = 1;

/** /log_dir_event_notification/log_dir_event_NNNNNNNNNN, sequential: a broker whose log directory has failed. */
export const LogDirEventNotificationZNode = {
  parent: '/log_dir_event_notification',
  prefix: 'log_dir_event_',
  createPath: '/log_dir_event_notification/log_dir_event_',
  path: (name: string): string => `/log_dir_event_notification/${name}`,

  encode(brokerId: number): Buffer {
    return jsonBytes(
      new JsonObject([
        ['version', 1],
        ['broker', brokerId],
        ['event', logDirFailure],
      ]),
    );
  },

  /** The broker's id. */
  decode: (name: string, data: Buffer | null): number =>
    JsonReader.parse(LogDirEventNotificationZNode.path(name), data).field('broker').int(),
} as const;
