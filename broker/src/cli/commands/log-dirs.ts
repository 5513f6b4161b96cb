import { Apis } from '../../protocol/api-keys';
import { ErrorCode, errorName } from '../../protocol/errors';
import type { DescribeLogDirsResponse } from '../../protocol/messages/describe-log-dirs';
import { UsageError } from '../cli-error';
import { throwIfError } from '../client/cluster-client';
import { withCluster } from '../client/connect';
import { byTopic } from '../client/offsets';
import { defineCommand } from '../command';
import { flag, required, text } from '../options';

/** kafka-log-dirs */
export const logDirs = defineCommand({
  summary: 'Show the log directories of brokers, and the partitions in them (kafka-log-dirs).',
  options: {
    bootstrapServer: text('server', 'Brokers to ask first: host:port,host:port.'),
    commandConfig: text('file', "Properties of the client that asks, in Kafka's names."),
    describe: flag('Show the directories.'),
    topicList: text('topics', 'Only these topics: a,b.'),
    brokerList: text('ids', 'Only these brokers: 1,2.'),
  },
  helpWithoutArguments: true,
  examples: [
    '% --bootstrap-server localhost:9092 --describe',
    '% --bootstrap-server localhost:9092 --describe --topic-list orders',
  ],
  async run({ options: given }, context) {
    required('bootstrap-server', given.bootstrapServer);
    required('describe', given.describe || undefined);
    const wanted = names(given.brokerList).map((id) => {
      if (!/^\d+$/.test(id))
        throw new UsageError(`--broker-list ${given.brokerList}: broker ids with commas are accepted`);
      return Number(id);
    });
    const topicNames = names(given.topicList);
    return withCluster(context, given, async (cluster) => {
      const { brokers, topics } = await cluster.metadata(topicNames.length === 0 ? [] : topicNames);
      const live = brokers.map(({ nodeId }) => nodeId);
      const unknown = wanted.filter((id) => !live.includes(id));
      if (unknown.length > 0) {
        context.stdout.line(
          `ERROR: The given brokers do not exist from --broker-list: ${unknown.join(', ')}. Current existent brokers: ${live.join(', ')}`,
        );
        return 1;
      }
      const partitions = topics.flatMap(({ name, partitions }) =>
        partitions.map(({ partitionIndex }) => ({ topic: name ?? '', partition: partitionIndex })),
      );
      const asked = [...byTopic(partitions)].map(([topic, numbers]) => ({ topic, partitions: numbers }));
      const ids = wanted.length === 0 ? live : wanted;
      context.stdout.line('Querying brokers for log directories information');
      const described = await Promise.all(
        ids.map((broker) =>
          cluster.request(
            { broker },
            Apis.DescribeLogDirs,
            { topics: topicNames.length === 0 ? null : asked },
            ({ errorCode, results }) => {
              throwIfError(errorCode);
              return { broker, logDirs: results.map(shownLogDir) };
            },
          ),
        ),
      );
      context.stdout.line(`Received log directory information from brokers ${ids.join(',')}`);
      context.stdout.line(JSON.stringify({ brokers: described, version: 1 }));
      return 0;
    });
  },
});

function names(list: string | undefined): string[] {
  return (list ?? '')
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '');
}

function shownLogDir({ errorCode, logDir, topics }: DescribeLogDirsResponse['results'][number]): object {
  const partitions = topics.flatMap(({ name, partitions }) =>
    partitions.map(({ partitionIndex, partitionSize, offsetLag, isFutureKey }) => ({
      partition: `${name}-${partitionIndex}`,
      size: partitionSize,
      offsetLag,
      isFuture: isFutureKey,
    })),
  );
  return { partitions, error: errorCode === ErrorCode.NONE ? null : errorName(errorCode), logDir };
}
