import { ErrorCode, KafkaError } from '../../protocol/errors';
import { CommandError, messageOf, UsageError } from '../cli-error';
import { connectCluster } from '../client/connect';
import { defineCommand } from '../command';
import type { CliContext } from '../context';
import { flag, int, required, text, texts, type OptionValues } from '../options';
import { ClusterTopicService } from '../topics/cluster-topic-service';
import { parseReplicaAssignment, parseTopicConfigs } from '../topics/topic-arguments';
import { describeLines } from '../topics/topic-description';
import { selectTopics } from '../topics/topic-filter';
import type { TopicService } from '../topics/topic-service';
import { ZooKeeperTopicService } from '../topics/zookeeper-topic-service';
import { connectZooKeeper } from '../zookeeper/connect-zookeeper';

const options = {
  bootstrapServer: text('server', 'Brokers to ask first: host:port,host:port.'),
  commandConfig: text('file', "Properties of the client that asks, in Kafka's names."),
  zookeeper: text('hosts', 'Instead of brokers, as until Kafka 2.8: host:port,host:port/chroot.'),
  list: flag('List the topics.'),
  create: flag('Create a topic.'),
  describe: flag('Show topics, their partitions and configuration.'),
  alter: flag('Raise the number of partitions.'),
  delete: flag('Delete topics.'),
  topic: text('topic', 'The topic; a regular expression except with --create.'),
  topicId: text('id', 'The topic to describe, by its id.'),
  partitions: int('count', 'Number of partitions. The cluster has a default for new topics.'),
  replicationFactor: int('count', 'Number of replicas of each partition. The cluster has a default.'),
  replicaAssignment: text('assignment', 'Brokers of each partition, the preferred leader first: 1:2,2:3,3:1.'),
  config: texts('name=value', 'A configuration that differs from the default; may be given several times.'),
  deleteConfig: texts('name', 'A configuration to remove; with --zookeeper only (else use kafka-configs).'),
  ifExists: flag('Do nothing where there is no such topic.'),
  ifNotExists: flag('Do nothing where the topic is there already.'),
  excludeInternal: flag('Leave out the topics of Kafka itself.'),
  topicsWithOverrides: flag('Describe: only topics with a configuration of their own.'),
  underReplicatedPartitions: flag('Describe: only partitions with replicas that are not in sync.'),
  unavailablePartitions: flag('Describe: only partitions without a live leader.'),
  underMinIsrPartitions: flag('Describe: only partitions with fewer in-sync replicas than min.insync.replicas.'),
  atMinIsrPartitions: flag('Describe: only partitions with just as many in-sync replicas.'),
  partitionSizeLimitPerResponse: int('count', 'Without effect.', { hidden: true }),
  disableRackAware: flag('Without effect.', { hidden: true }),
  force: flag('Without effect.', { hidden: true }),
};
type Options = OptionValues<typeof options>;

/** kafka-topics */
export const topics = defineCommand({
  summary: 'Create, list, describe, alter and delete topics (kafka-topics).',
  options,
  helpWithoutArguments: true,
  examples: [
    '% --bootstrap-server localhost:9092 --create --topic orders --partitions 3 --replication-factor 1',
    '% --bootstrap-server localhost:9092 --describe --topic orders',
    '% --zookeeper localhost:2181 --list',
  ],
  async run({ options: given }, context) {
    const action = actionOf(given);
    checkTogether(given, action);
    const service = await serviceOf(given, context);
    try {
      await actions[action](service, given, context);
      return 0;
    } catch (error) {
      if (error instanceof UsageError) throw error;
      context.stdout.line(`Error while executing topic command : ${messageOf(error)}`);
      return 1;
    } finally {
      await service.close();
    }
  },
});

const actions = { create, alter, list, describe, delete: deleteTopics };
type Action = keyof typeof actions;

function actionOf(given: Options): Action {
  const asked = (['create', 'list', 'alter', 'describe', 'delete'] as const).filter((action) => given[action]);
  if (asked.length !== 1) {
    throw new UsageError('Command must include exactly one action: --list, --describe, --create, --alter or --delete');
  }
  return asked[0]!;
}

function checkTogether(given: Options, action: Action): void {
  if (given.bootstrapServer === undefined && given.zookeeper === undefined) {
    throw new UsageError('--bootstrap-server must be specified');
  }
  if (given.bootstrapServer !== undefined && given.zookeeper !== undefined) {
    throw new UsageError('Only one of --bootstrap-server or --zookeeper must be specified');
  }
  if (action !== 'list' && action !== 'describe') required('topic', given.topic);
  const only = (option: string, isGiven: boolean, ...accepted: readonly Action[]) => {
    if (isGiven && !accepted.includes(action)) {
      throw new UsageError(
        `--${option} is for ${accepted.map((each) => `--${each}`).join(' and ')}, not for --${action}`,
      );
    }
  };
  only('partitions', given.partitions !== undefined, 'create', 'alter');
  only('replication-factor', given.replicationFactor !== undefined, 'create');
  only('replica-assignment', given.replicaAssignment !== undefined, 'create', 'alter');
  only('config', given.config.length > 0, 'create', 'alter');
  only('delete-config', given.deleteConfig.length > 0, 'alter');
  only('if-not-exists', given.ifNotExists, 'create');
  only('if-exists', given.ifExists, 'alter', 'delete', 'describe');
  only('topic-id', given.topicId !== undefined, 'describe');
  const reports = [
    given.underReplicatedPartitions,
    given.unavailablePartitions,
    given.underMinIsrPartitions,
    given.atMinIsrPartitions,
    given.topicsWithOverrides,
  ];
  only('…-partitions and --topics-with-overrides', reports.includes(true), 'describe');
  if (action === 'alter' && given.zookeeper === undefined) {
    if (given.config.length > 0 || given.deleteConfig.length > 0) {
      throw new UsageError('--config and --delete-config: configurations of a topic are altered by kafka-configs');
    }
    required('partitions', given.partitions);
  }
  if (action === 'create' && given.replicaAssignment !== undefined) {
    if (given.partitions !== undefined || given.replicationFactor !== undefined) {
      throw new UsageError(
        '--replica-assignment says how many partitions and replicas there are: leave out the numbers',
      );
    }
  }
}

async function serviceOf(given: Options, context: CliContext): Promise<TopicService> {
  if (given.zookeeper === undefined) return new ClusterTopicService(await connectCluster(context, given));
  return new ZooKeeperTopicService(context, await connectZooKeeper(context, given.zookeeper), given.zookeeper);
}

async function selected(service: TopicService, given: Options): Promise<string[]> {
  const found = selectTopics(await service.names(), given.topic, given.excludeInternal);
  if (found.length === 0 && given.topic !== undefined && given.topic !== '' && !given.ifExists && !given.list) {
    throw new CommandError(`Topic '${given.topic}' does not exist as expected`);
  }
  return found;
}

async function create(service: TopicService, given: Options, { stdout }: CliContext): Promise<void> {
  const name = required('topic', given.topic);
  const { partitions, replicationFactor, replicaAssignment } = given;
  if (/[._]/.test(name)) {
    stdout.line(
      "WARNING: Due to limitations in metric names, topics with a period ('.') or underscore ('_') could collide. To avoid issues it is best to use either, but not both.",
    );
  }
  if (replicationFactor !== undefined && (replicationFactor < 1 || replicationFactor > 32767)) {
    throw new CommandError('The replication factor must be between 1 and 32767 inclusive');
  }
  if (partitions !== undefined && partitions < 1) throw new CommandError('The partitions must be greater than 0');
  const assignment = replicaAssignment === undefined ? undefined : parseReplicaAssignment(replicaAssignment);
  try {
    await service.create({
      name,
      partitions,
      replicationFactor,
      assignment,
      configs: parseTopicConfigs(given.config),
    });
    stdout.line(`Created topic ${name}.`);
  } catch (error) {
    const exists = error instanceof KafkaError && error.code === ErrorCode.TOPIC_ALREADY_EXISTS;
    if (!exists || !given.ifNotExists) throw error;
  }
}

async function list(service: TopicService, given: Options, { stdout }: CliContext): Promise<void> {
  const lines = await service.listed(await selected(service, given));
  // Through brokers, no topics at all are one empty line, as Kafka has it.
  if (lines.length > 0 || service.eligibleLeaders) stdout.line(lines.join('\n'));
}

async function describe(service: TopicService, given: Options, { stdout }: CliContext): Promise<void> {
  let described = await service.describe(await selected(service, given));
  if (given.topicId !== undefined) {
    described = described.filter(({ topicId }) => topicId === given.topicId);
    if (described.length === 0 && !given.ifExists) {
      throw new CommandError(`TopicId '${given.topicId}' does not exist as expected`);
    }
  }
  const liveBrokers = await service.liveBrokers();
  for (const topic of described) {
    for (const line of describeLines(topic, given, liveBrokers, service)) stdout.line(line);
  }
}

async function alter(service: TopicService, given: Options, { stdout }: CliContext): Promise<void> {
  const found = await selected(service, given);
  if (found.length === 0) return;
  const { partitions, replicaAssignment, deleteConfig } = given;
  const assignment = replicaAssignment === undefined ? undefined : parseReplicaAssignment(replicaAssignment);
  const alteration = { partitions, assignment, configs: parseTopicConfigs(given.config), deleteConfigs: deleteConfig };
  await service.alter(found, alteration, (line) => stdout.line(line));
}

async function deleteTopics(service: TopicService, given: Options, { stdout }: CliContext): Promise<void> {
  const found = await selected(service, given);
  if (found.length > 0) await service.delete(found, (line) => stdout.line(line));
}
