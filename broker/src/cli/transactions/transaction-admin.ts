import { partitionName, type TopicPartition } from '../../log/topic-partition';
import { Apis } from '../../protocol/api-keys';
import { ErrorCode, errorName, KafkaError } from '../../protocol/errors';
import type { DescribeProducersResponse } from '../../protocol/messages/describe-producers';
import type { DescribeTransactionsResponse } from '../../protocol/messages/describe-transactions';
import type { ListTransactionsResponse } from '../../protocol/messages/list-transactions';
import { throwIfError, type ClusterClient } from '../client/cluster-client';
import { byTopic, partitionsByLeader } from '../client/offsets';

export type ListedTransaction = ListTransactionsResponse['transactionStates'][number] & {
  readonly coordinatorId: number;
};

/**
 * Transactional ids, as each broker knows those that it coordinates.
 * @param durationMs only transactions that have been there for longer; negative: all
 */
export async function listTransactions(
  cluster: ClusterClient,
  durationMs: bigint,
  producerIdFilters: readonly number[] = [],
): Promise<ListedTransaction[]> {
  const { brokers } = await cluster.metadata([]);
  const ids = brokers.map(({ nodeId }) => nodeId).sort((a, b) => a - b);
  const input = { producerIdFilters: [...producerIdFilters], stateFilters: [], durationFilter: durationMs };
  const listed = await Promise.all(
    ids.map((coordinatorId) =>
      cluster.request({ broker: coordinatorId }, Apis.ListTransactions, input, ({ errorCode, transactionStates }) => {
        throwIfError(errorCode);
        return transactionStates.map((state) => ({ ...state, coordinatorId }));
      }),
    ),
  );
  return listed.flat();
}

export type TransactionDescription = DescribeTransactionsResponse['transactionStates'][number] & {
  readonly coordinatorId: number;
};

/** @throws KafkaError TRANSACTIONAL_ID_NOT_FOUND */
export function describeTransaction(cluster: ClusterClient, transactionalId: string): Promise<TransactionDescription> {
  return cluster.retrying('DescribeTransactions', async () => {
    const coordinatorId = await coordinatorOf(cluster, transactionalId);
    const connection = await cluster.connectionTo({ broker: coordinatorId });
    const version = connection.versionOf(Apis.DescribeTransactions);
    const input = { transactionalIds: [transactionalId] };
    const { transactionStates } = await connection.send(Apis.DescribeTransactions, version, input);
    const [state] = transactionStates;
    if (state === undefined) throw new KafkaError(ErrorCode.UNKNOWN_SERVER_ERROR, 'its coordinator says nothing of it');
    throwIfError(state.errorCode);
    return { ...state, coordinatorId };
  });
}

async function coordinatorOf(cluster: ClusterClient, transactionalId: string): Promise<number> {
  const connection = await cluster.connectionTo('any');
  const version = connection.versionOf(Apis.FindCoordinator);
  const keys = version >= 4 ? { coordinatorKeys: [transactionalId] } : { key: transactionalId };
  const response = await connection.send(Apis.FindCoordinator, version, { keyType: 1, ...keys });
  const found = version >= 4 ? response.coordinators[0]! : response;
  throwIfError(found.errorCode, found.errorMessage);
  return found.nodeId;
}

export type ProducerState =
  DescribeProducersResponse['topics'][number]['partitions'][number]['activeProducers'][number];

export interface PartitionProducer {
  readonly partition: TopicPartition;
  readonly producer: ProducerState;
}

/** More partitions are not asked about in one request. */
const partitionsPerRequest = 500;

/** Who writes to the partitions, as their leaders know it, or that broker's replicas. */
export async function describeProducers(
  cluster: ClusterClient,
  partitions: readonly TopicPartition[],
  brokerId?: number,
): Promise<PartitionProducer[]> {
  const found: PartitionProducer[] = [];
  for (let from = 0; from < partitions.length; from += partitionsPerRequest) {
    const some = partitions.slice(from, from + partitionsPerRequest);
    found.push(...(await cluster.retrying('DescribeProducers', () => describeSome(cluster, some, brokerId))));
  }
  return found;
}

async function describeSome(
  cluster: ClusterClient,
  partitions: readonly TopicPartition[],
  brokerId: number | undefined,
): Promise<PartitionProducer[]> {
  const byBroker =
    brokerId === undefined ? await partitionsByLeader(cluster, partitions) : new Map([[brokerId, partitions]]);
  const described = await Promise.all(
    [...byBroker].map(async ([broker, asked]) => {
      const connection = await cluster.connectionTo({ broker });
      const topics = [...byTopic(asked)].map(([name, partitionIndexes]) => ({ name, partitionIndexes }));
      return connection.send(Apis.DescribeProducers, connection.versionOf(Apis.DescribeProducers), { topics });
    }),
  );
  return described.flatMap(({ topics }) =>
    topics.flatMap(({ name: topic, partitions: answers }) =>
      answers.flatMap(({ partitionIndex, errorCode, errorMessage, activeProducers }) => {
        const partition = { topic, partition: partitionIndex };
        throwIfError(errorCode, `${partitionName(partition)}: ${errorMessage ?? errorName(errorCode)}`);
        return activeProducers.map((producer) => ({ partition, producer }));
      }),
    ),
  );
}

/** Which transaction is to be ended in a partition. */
export interface AbortedTransaction {
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly coordinatorEpoch: number;
}

/** Has the partition's leader write the marker that no coordinator writes. */
export function abortTransaction(
  cluster: ClusterClient,
  { topic, partition }: TopicPartition,
  transaction: AbortedTransaction,
): Promise<void> {
  const topics = [{ name: topic, partitionIndexes: [partition] }];
  const input = { markers: [{ ...transaction, transactionResult: false, topics }] };
  return cluster.request({ leaderOf: { topic, partition } }, Apis.WriteTxnMarkers, input, ({ markers }) => {
    const errorCode = markers[0]?.topics[0]?.partitions[0]?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR;
    throwIfError(errorCode);
  });
}
