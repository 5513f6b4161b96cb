import type { ControllerFigures } from '../controller/controller-figures';
import type { KafkaController } from '../controller/kafka-controller';
import type { MetricsRegistry } from '../metrics/metrics-registry';
import type { ReplicaFetcherManager } from '../replication/replica-fetcher-manager';
import type { ReplicaManager } from '../replication/replica-manager';
import type { TransactionCoordinator } from '../transactions/transaction-coordinator';

export interface MeasuredParts {
  readonly replicas: ReplicaManager;
  readonly fetchers: Pick<ReplicaFetcherManager, 'maxLag' | 'partitionCount' | 'failedPartitions'>;
  readonly controller: KafkaController;
  readonly transactions: TransactionCoordinator;
  /** transaction.max.timeout.ms */
  readonly transactionMaxTimeoutMs: number;
}

/** A transaction that nobody has written to for so much longer than it may last is not just slow (KIP-664). */
const lateTransactionBufferMs = 5 * 60 * 1000;

/** What there is to watch of the parts of a broker, under the names that Kafka's have by the usual rules. */
export function addBrokerMetrics(registry: MetricsRegistry, parts: MeasuredParts): void {
  const { replicas, fetchers, controller } = parts;
  const replicaGauge = (name: string, help: string, value: (counts: ReplicaManager['counts']) => number): void =>
    registry.addValue('gauge', `kafka_server_replicamanager_${name}`, help, () => value(replicas.counts));
  replicaGauge('partitioncount', 'Replicas on this broker.', ({ partitions }) => partitions);
  replicaGauge('leadercount', 'Partitions that this broker leads.', ({ leaders }) => leaders);
  replicaGauge('offlinereplicacount', 'Replicas in failed log directories.', ({ offlineReplicas }) => offlineReplicas);
  replicaGauge(
    'underreplicatedpartitions',
    'Partitions led here of which not all replicas are in sync.',
    ({ underReplicated }) => underReplicated,
  );
  replicaGauge(
    'underminisrpartitioncount',
    'Partitions led here with fewer replicas in sync than min.insync.replicas.',
    ({ underMinIsr }) => underMinIsr,
  );
  replicaGauge(
    'atminisrpartitioncount',
    'Partitions led here with just as many replicas in sync as min.insync.replicas.',
    ({ atMinIsr }) => atMinIsr,
  );
  replicaGauge('reassigningpartitions', 'Partitions led here that are being moved.', ({ reassigning }) => reassigning);
  const isrCounter = (name: string, help: string, value: () => number): void =>
    registry.addValue('counter', `kafka_server_replicamanager_${name}_total`, help, value);
  isrCounter(
    'isrshrinks',
    'Times that the ISR of a partition led here became smaller.',
    () => replicas.isrCounts.shrunk,
  );
  isrCounter('isrexpands', 'Times that the ISR of a partition led here grew.', () => replicas.isrCounts.expanded);
  isrCounter('failedisrupdates', 'Changes of an ISR that were refused.', () => replicas.isrCounts.failed);
  registry.add({
    name: 'kafka_server_replicafetchermanager_maxlag',
    help: 'Records that the slowest replica here is behind its leader.',
    type: 'gauge',
    collect: () => [{ value: fetchers.maxLag, labels: { clientid: 'Replica' } }],
  });
  registry.add({
    name: 'kafka_server_replicafetchermanager_failedpartitionscount',
    help: 'Partitions that cannot be followed until the controller gives them a new role.',
    type: 'gauge',
    collect: () => [{ value: fetchers.failedPartitions.length, labels: { clientid: 'Replica' } }],
  });
  registry.add({
    name: 'kafka_server_delayedoperationpurgatory_purgatorysize',
    help: 'Requests that wait.',
    type: 'gauge',
    *collect() {
      const { fetches, produces } = replicas.waiting;
      yield { value: produces, labels: { delayedoperation: 'Produce' } };
      yield { value: fetches, labels: { delayedoperation: 'Fetch' } };
    },
  });
  registry.addValue(
    'gauge',
    'kafka_controller_kafkacontroller_activecontrollercount',
    'Whether this broker is the controller; their sum over a cluster is 1.',
    () => (controller.isActive ? 1 : 0),
  );
  const controllerGauge = (name: string, help: string, value: (figures: ControllerFigures) => number): void =>
    registry.addValue('gauge', `kafka_controller_kafkacontroller_${name}`, help, () => value(controller.figures));
  controllerGauge(
    'offlinepartitionscount',
    'Partitions without a leader, at the controller.',
    ({ offlinePartitionsCount }) => offlinePartitionsCount,
  );
  controllerGauge(
    'preferredreplicaimbalancecount',
    'Partitions that are not led by their preferred replica, at the controller.',
    ({ preferredReplicaImbalanceCount }) => preferredReplicaImbalanceCount,
  );
  controllerGauge('globaltopiccount', 'Topics, at the controller.', ({ globalTopicCount }) => globalTopicCount);
  controllerGauge(
    'globalpartitioncount',
    'Partitions with a leader or that had one, at the controller.',
    ({ globalPartitionCount }) => globalPartitionCount,
  );
  controllerGauge(
    'topicstodeletecount',
    'Topics that are being deleted, at the controller.',
    ({ topicsToDeleteCount }) => topicsToDeleteCount,
  );
  controllerGauge(
    'replicastodeletecount',
    'Replicas of these topics that are not deleted yet.',
    ({ replicasToDeleteCount }) => replicasToDeleteCount,
  );
  controllerGauge(
    'topicsineligibletodeletecount',
    'Topics that cannot be deleted now: a broker is away, or a reassignment under way.',
    ({ topicsIneligibleToDeleteCount }) => topicsIneligibleToDeleteCount,
  );
  controllerGauge(
    'replicasineligibletodeletecount',
    'Replicas that could not be deleted.',
    ({ replicasIneligibleToDeleteCount }) => replicasIneligibleToDeleteCount,
  );
  controllerGauge('activebrokercount', 'Brokers, at the controller.', ({ activeBrokerCount }) => activeBrokerCount);
  addTransactionMetrics(registry, parts);
  addCleanerMetrics(registry, replicas);
}

function addCleanerMetrics(registry: MetricsRegistry, { logManager }: ReplicaManager): void {
  const { cleaner } = logManager;
  if (cleaner === undefined) return;
  registry.add({
    name: 'kafka_log_logcleanermanager_uncleanable_partitions_count',
    help: 'Partitions that cannot be compacted until the next start: the log says why.',
    type: 'gauge',
    *collect() {
      const uncleanable = cleaner.uncleanableLogs;
      for (const logdirectory of logManager.liveLogDirs) {
        const value = uncleanable.filter(({ logDir }) => logDir === logdirectory).length;
        yield { value, labels: { logdirectory } };
      }
    },
  });
  registry.addValue(
    'gauge',
    'kafka_log_logcleanermanager_max_dirty_percent',
    'Of the compacted log that needs it most, how much is not compacted.',
    () => Math.floor(cleaner.maxDirtyRatio * 100),
  );
  registry.addValue(
    'gauge',
    'kafka_log_logcleanermanager_time_since_last_run_ms',
    'Since when no log was looked for that needs to be compacted.',
    () => Math.round(cleaner.msSinceLastRun),
  );
}

function addTransactionMetrics(
  registry: MetricsRegistry,
  { replicas, transactions, transactionMaxTimeoutMs }: MeasuredParts,
): void {
  registry.addValue(
    'gauge',
    'kafka_server_replicamanager_partitionswithlatetransactionscount',
    'Partitions led here with a transaction that nobody ends: kafka-transactions find-hanging tells which.',
    () => replicas.partitionsWithLateTransactions(transactionMaxTimeoutMs + lateTransactionBufferMs),
  );
  registry.addValue(
    'gauge',
    'kafka_coordinator_transaction_transactionmarkerchannelmanager_pendingtransactions',
    'Transactions that are decided here and have not ended in all their partitions.',
    () => transactions.stats().pendingMarkers,
  );
  registry.add({
    name: 'kafka_coordinator_transaction_transactionstatemanager_transactionalids',
    help: 'Transactional ids that this broker coordinates.',
    type: 'gauge',
    *collect() {
      for (const [state, value] of transactions.stats().transactionalIds) yield { value, labels: { state } };
    },
  });
}
