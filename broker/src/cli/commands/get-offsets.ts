import type { TopicPartition } from '../../log/topic-partition';
import { isInternalTopic } from '../../replication/internal-topics';
import { CommandError, messageOf, UsageError } from '../cli-error';
import { withCluster } from '../client/connect';
import { listOffsets, OffsetSpec } from '../client/offsets';
import { defineCommand } from '../command';
import { flag, required, text } from '../options';
import { byCodeUnit, topicPattern } from '../topics/topic-filter';

/** kafka-get-offsets */
export const getOffsets = defineCommand({
  summary: 'Show the offsets that partitions begin and end with (kafka-get-offsets).',
  options: {
    bootstrapServer: text('server', 'Brokers to ask first: host:port,host:port.'),
    brokerList: text('server', 'The older name of --bootstrap-server.'),
    commandConfig: text('file', "Properties of the client that asks, in Kafka's names."),
    topic: text('regex', 'Topics whose whole name matches; all if absent.'),
    partitions: text('numbers', 'Only these partitions: 0,1.'),
    topicPartitions: text('list', 'Instead of both: topic1:1,topic2:0-3,topic3,topic4:5-,topic5:-3.'),
    time: text('time', 'latest (-1), earliest (-2), max-timestamp (-3), or milliseconds.', { fallback: 'latest' }),
    excludeInternalTopics: flag('Leave out the topics of Kafka itself.'),
  },
  helpWithoutArguments: true,
  examples: [
    '% --bootstrap-server localhost:9092 --topic orders',
    '% --bootstrap-server localhost:9092 --time earliest',
  ],
  async run({ options: given }, context) {
    const bootstrapServer = required('bootstrap-server', given.bootstrapServer ?? given.brokerList);
    const { topic, partitions, topicPartitions } = given;
    if (topicPartitions !== undefined && (topic !== undefined || partitions !== undefined)) {
      throw new UsageError('--topic-partitions cannot be used with --topic or --partitions');
    }
    const isWanted =
      topicPartitions === undefined ? topicFilter(topic, partitions) : anyOf(topicPartitions.split(',').map(ruleOf));
    const timestamp = timestampOf(given.time);
    try {
      return await withCluster(context, { bootstrapServer, commandConfig: given.commandConfig }, async (cluster) => {
        const { topics } = await cluster.metadata(null);
        const all = topics.flatMap(({ name, partitions }) =>
          partitions.map(({ partitionIndex }) => ({ topic: name ?? '', partition: partitionIndex })),
        );
        const wanted = all
          .filter((each) => isWanted(each) && !(given.excludeInternalTopics && isInternalTopic(each.topic)))
          .sort((left, right) => byCodeUnit(left.topic, right.topic) || left.partition - right.partition);
        if (wanted.length === 0)
          throw new CommandError('Could not match any topic-partitions with the specified filters');
        for (const { topic, partition, offset } of await listOffsets(cluster, wanted, timestamp)) {
          if (offset >= 0) context.stdout.line(`${topic}:${partition}:${offset}`);
        }
        return 0;
      });
    } catch (error) {
      if (error instanceof UsageError) throw error;
      throw new CommandError(`Error occurred: ${messageOf(error)}`);
    }
  },
});

type Filter = (partition: TopicPartition) => boolean;

function anyOf(filters: readonly Filter[]): Filter {
  return (partition) => filters.some((filter) => filter(partition));
}

function topicFilter(topic: string | undefined, partitions: string | undefined): Filter {
  const pattern = topic === undefined ? undefined : topicPattern('--topic', topic);
  const numbers = partitions?.split(',').map((each) => {
    if (!/^\d+$/.test(each.trim()))
      throw new UsageError(`--partitions ${partitions}: numbers with commas are accepted`);
    return Number(each);
  });
  return (each) => (pattern?.test(each.topic) ?? true) && (numbers?.includes(each.partition) ?? true);
}

/** `topic:partitions`: either may be absent; partitions are N, N-M (without M), N- or -M. */
function ruleOf(rule: string): Filter {
  const [, topic = '', one, from, to] = /^([^:,]*)(?::(?:(\d+)|(\d*)-(\d*))?)?$/.exec(rule) ?? [];
  if (!/^([^:,]*)(?::(?:(\d+)|(\d*)-(\d*))?)?$/.test(rule)) {
    throw new UsageError(`--topic-partitions: '${rule}' is none of topic, topic:1, topic:0-3, topic:5-, topic:-3`);
  }
  const pattern = topic === '' ? undefined : topicPattern('--topic-partitions', topic);
  const least = one !== undefined ? Number(one) : Number(from || 0);
  const end = one !== undefined ? Number(one) + 1 : to ? Number(to) : Infinity;
  return (each) => (pattern?.test(each.topic) ?? true) && each.partition >= least && each.partition < end;
}

function timestampOf(time: string): bigint {
  const named = { latest: OffsetSpec.latest, earliest: OffsetSpec.earliest, 'max-timestamp': OffsetSpec.maxTimestamp };
  const spec = (named as Readonly<Record<string, bigint>>)[time];
  if (spec !== undefined) return spec;
  if (/^-?\d+$/.test(time)) return BigInt(time);
  throw new UsageError(
    `Malformed time argument ${time}: -1 or latest, -2 or earliest, -3 or max-timestamp, or milliseconds`,
  );
}
