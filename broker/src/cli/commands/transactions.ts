import { partitionName, type TopicPartition } from '../../log/topic-partition';
import { ErrorCode, KafkaError } from '../../protocol/errors';
import { CommandError, messageOf, UsageError } from '../cli-error';
import type { ClusterClient } from '../client/cluster-client';
import { throwIfError } from '../client/cluster-client';
import { withCluster } from '../client/connect';
import { defineCommand } from '../command';
import type { CliContext } from '../context';
import { int, required, text, type OptionValues } from '../options';
import { byPartition } from '../groups/group-tables';
import {
  abortTransaction,
  describeProducers,
  describeTransaction,
  listTransactions,
  type PartitionProducer,
} from '../transactions/transaction-admin';

const options = {
  bootstrapServer: text('server', 'Brokers to ask first: host:port,host:port.'),
  commandConfig: text('file', "Properties of the client that asks, in Kafka's names."),
  durationFilter: int('ms', 'list: only transactions that have been there for longer.'),
  transactionalId: text('id', 'describe: whose transaction.'),
  topic: text('topic', 'describe-producers, abort, find-hanging: the topic.'),
  partition: int('number', 'describe-producers, abort, find-hanging: the partition.'),
  brokerId: int('id', "describe-producers, find-hanging: as this broker's replicas know it."),
  maxTransactionTimeout: int('minutes', 'find-hanging: what has been written to since is not looked at.', {
    fallback: 15,
  }),
  startOffset: int('offset', 'abort: where the transaction begins.'),
  producerId: int('id', 'abort, instead of --start-offset: whose transaction.'),
  producerEpoch: int('epoch', 'abort, with --producer-id.'),
  coordinatorEpoch: int('epoch', 'abort, with --producer-id.'),
};
type Options = OptionValues<typeof options>;

/** kafka-transactions */
export const transactions = defineCommand({
  summary: 'List and describe transactions, find those that hang, and end them (kafka-transactions).',
  positional: '<action>',
  options,
  helpWithoutArguments: true,
  examples: [
    '% --bootstrap-server localhost:9092 list',
    '% --bootstrap-server localhost:9092 describe --transactional-id copier',
    '% --bootstrap-server localhost:9092 describe-producers --topic orders --partition 0',
    '% --bootstrap-server localhost:9092 find-hanging --broker-id 1',
    '% --bootstrap-server localhost:9092 abort --topic orders --partition 0 --start-offset 100',
  ],
  async run({ options: given, positional: [action = ''] }, context) {
    required('bootstrap-server', given.bootstrapServer);
    if (!isAction(action)) {
      throw new UsageError(`${action} is none of ${Object.keys(actions).join(', ')}`);
    }
    return withCluster(context, given, async (cluster) => {
      try {
        await actions[action](cluster, given, context);
      } catch (error) {
        if (error instanceof KafkaError) throw new CommandError(`Failed to ${action}: ${messageOf(error)}`);
        throw error;
      }
    });
  },
});

const actions = {
  list,
  describe,
  'describe-producers': describeThem,
  'find-hanging': findHanging,
  abort,
} as const;

function isAction(action: string): action is keyof typeof actions {
  return Object.hasOwn(actions, action);
}

async function list(cluster: ClusterClient, given: Options, { stdout }: CliContext): Promise<void> {
  const listed = await listTransactions(cluster, BigInt(given.durationFilter ?? -1));
  const rows = listed.map(({ transactionalId, coordinatorId, producerId, transactionState }) => [
    transactionalId,
    coordinatorId,
    producerId,
    transactionState,
  ]);
  for (const line of tableLines(['TransactionalId', 'Coordinator', 'ProducerId', 'TransactionState'], rows)) {
    stdout.line(line);
  }
}

async function describe(cluster: ClusterClient, given: Options, { stdout, io }: CliContext): Promise<void> {
  const transactionalId = required('transactional-id', given.transactionalId);
  const described = await describeTransaction(cluster, transactionalId);
  const startMs = described.transactionStartTimeMs;
  const row = [
    described.coordinatorId,
    transactionalId,
    described.producerId,
    described.producerEpoch,
    described.transactionState,
    described.transactionTimeoutMs,
    startMs < 0 ? 'None' : startMs,
    startMs < 0 ? 'None' : io.clock.wallMs() - startMs,
    described.topics
      .flatMap(({ topic, partitions }) => partitions.map((partition) => partitionName({ topic, partition })))
      .join(','),
  ];
  const headers = [
    ...['CoordinatorId', 'TransactionalId', 'ProducerId', 'ProducerEpoch', 'TransactionState', 'TransactionTimeoutMs'],
    ...['CurrentTransactionStartTimeMs', 'TransactionDurationMs', 'TopicPartitions'],
  ];
  for (const line of tableLines(headers, [row])) stdout.line(line);
}

async function describeThem(cluster: ClusterClient, given: Options, { stdout }: CliContext): Promise<void> {
  const described = await describeProducers(cluster, [onePartition(given)], given.brokerId);
  const rows = described.map(({ producer }) => [
    producer.producerId,
    producer.producerEpoch,
    producer.coordinatorEpoch,
    producer.lastSequence,
    producer.lastTimestamp,
    producer.currentTxnStartOffset < 0 ? 'None' : producer.currentTxnStartOffset,
  ]);
  const headers = [
    ...['ProducerId', 'ProducerEpoch', 'LatestCoordinatorEpoch', 'LastSequence', 'LastTimestamp'],
    'CurrentTransactionStartOffset',
  ];
  for (const line of tableLines(headers, rows)) stdout.line(line);
}

async function findHanging(cluster: ClusterClient, given: Options, { stdout, io }: CliContext): Promise<void> {
  const { topic, partition, brokerId } = given;
  if (topic === undefined && brokerId === undefined) {
    throw new UsageError('find-hanging needs --topic or --broker-id: where to look');
  }
  if (partition !== undefined && topic === undefined) throw new UsageError('--partition needs --topic');
  const searched =
    topic !== undefined && partition !== undefined
      ? [{ topic, partition }]
      : await partitionsOf(cluster, topic, brokerId);
  const nowMs = io.clock.wallMs();
  const ageMs = ({ producer }: PartitionProducer): number => nowMs - Number(producer.lastTimestamp);
  const open = (await describeProducers(cluster, searched, brokerId)).filter(
    (each) => each.producer.currentTxnStartOffset >= 0 && ageMs(each) > given.maxTransactionTimeout * 60_000,
  );
  const rows = (await withoutCoordinator(cluster, open)).map((each) => [
    each.partition.topic,
    each.partition.partition,
    each.producer.producerId,
    each.producer.producerEpoch,
    each.producer.coordinatorEpoch,
    each.producer.currentTxnStartOffset,
    each.producer.lastTimestamp,
    Math.floor(ageMs(each) / 60_000),
  ]);
  const headers = [
    ...['Topic', 'Partition', 'ProducerId', 'ProducerEpoch', 'CoordinatorEpoch', 'StartOffset', 'LastTimestamp'],
    'Duration(min)',
  ];
  for (const line of tableLines(headers, rows)) stdout.line(line);
}

/** Partitions of the topic, or of all, that have a replica on the broker, if one is named. */
async function partitionsOf(
  cluster: ClusterClient,
  topic: string | undefined,
  brokerId: number | undefined,
): Promise<TopicPartition[]> {
  const { topics } = await cluster.metadata(topic === undefined ? null : [topic]);
  const all = topics.flatMap(({ name, errorCode, partitions }) => {
    throwIfError(errorCode);
    return partitions
      .filter(({ replicaNodes }) => brokerId === undefined || replicaNodes.includes(brokerId))
      .map(({ partitionIndex }) => ({ topic: name ?? '', partition: partitionIndex }));
  });
  return all.sort(byPartition);
}

/** The transactions that no coordinator is going to end there. */
async function withoutCoordinator(
  cluster: ClusterClient,
  open: readonly PartitionProducer[],
): Promise<PartitionProducer[]> {
  if (open.length === 0) return [];
  const producers = [...new Set(open.map(({ producer }) => producer.producerId))];
  const ending = new Set<string>();
  for (const { producerId, transactionalId } of await listTransactions(cluster, -1n, producers)) {
    for (const { topic, partitions } of await topicsOf(cluster, transactionalId)) {
      for (const partition of partitions) ending.add(`${producerId} ${partitionName({ topic, partition })}`);
    }
  }
  return open.filter(({ partition, producer }) => !ending.has(`${producer.producerId} ${partitionName(partition)}`));
}

/** None of an id that has expired meanwhile. */
async function topicsOf(cluster: ClusterClient, transactionalId: string) {
  try {
    return (await describeTransaction(cluster, transactionalId)).topics;
  } catch (error) {
    if (error instanceof KafkaError && error.code === ErrorCode.TRANSACTIONAL_ID_NOT_FOUND) return [];
    throw error;
  }
}

async function abort(cluster: ClusterClient, given: Options): Promise<void> {
  const partition = onePartition(given);
  const { startOffset, producerId } = given;
  if (startOffset === undefined) {
    if (producerId === undefined) {
      throw new UsageError('abort needs --start-offset, or --producer-id, --producer-epoch and --coordinator-epoch');
    }
    const producerEpoch = required('producer-epoch', given.producerEpoch);
    const coordinatorEpoch = Math.max(0, required('coordinator-epoch', given.coordinatorEpoch));
    return abortTransaction(cluster, partition, { producerId, producerEpoch, coordinatorEpoch });
  }
  const found = (await describeProducers(cluster, [partition])).find(
    ({ producer }) => producer.currentTxnStartOffset === startOffset,
  );
  if (found === undefined) {
    throw new CommandError(
      `Could not find any open transactions starting at offset ${startOffset} on partition ${partitionName(partition)}`,
    );
  }
  const { producer } = found;
  return abortTransaction(cluster, partition, {
    producerId: producer.producerId,
    producerEpoch: producer.producerEpoch,
    // -1: no transaction of the producer has ended there yet.
    coordinatorEpoch: Math.max(0, producer.coordinatorEpoch),
  });
}

function onePartition({ topic, partition }: Options): TopicPartition {
  return { topic: required('topic', topic), partition: required('partition', partition) };
}

/** Columns as wide as their longest cell, each with a tab behind it. */
function* tableLines(headers: readonly string[], rows: readonly (readonly unknown[])[]): Generator<string> {
  const cells = [headers, ...rows.map((row) => row.map(String))];
  const widths = headers.map((_, column) => Math.max(...cells.map((row) => row[column]!.length)));
  for (const row of cells) yield row.map((cell, column) => `${cell.padEnd(widths[column]!)}\t`).join('');
}
