import { isBeingReassigned } from './assignment-changes';
import { replicasOf, type ControlledPartition, type ControllerContext } from './controller-context';

/** What Kafka's controller measures, by the names of its metrics (KafkaController). */
export interface ControllerFigures {
  readonly offlinePartitionsCount: number;
  readonly preferredReplicaImbalanceCount: number;
  readonly globalTopicCount: number;
  readonly globalPartitionCount: number;
  readonly topicsToDeleteCount: number;
  readonly replicasToDeleteCount: number;
  readonly topicsIneligibleToDeleteCount: number;
  readonly replicasIneligibleToDeleteCount: number;
  readonly activeBrokerCount: number;
}

const none: ControllerFigures = {
  offlinePartitionsCount: 0,
  preferredReplicaImbalanceCount: 0,
  globalTopicCount: 0,
  globalPartitionCount: 0,
  topicsToDeleteCount: 0,
  replicasToDeleteCount: 0,
  topicsIneligibleToDeleteCount: 0,
  replicasIneligibleToDeleteCount: 0,
  activeBrokerCount: 0,
};

/** Of a controller in office, or all 0. */
export function controllerFigures(context: ControllerContext | undefined): ControllerFigures {
  if (!context) return none;
  let offline = 0;
  let imbalanced = 0;
  let led = 0;
  for (const partition of context.partitions()) {
    if (partition.leadership) led++;
    if (partition.status === 'OfflinePartition') offline++;
    if (!context.isQueuedForDeletion(partition.topic) && !hasPreferredLeader(partition)) imbalanced++;
  }
  const deleted = replicasOf([...context.topicsToBeDeleted].flatMap((topic) => [...topic.partitions.values()]));
  const statuses = deleted.map(({ partition, brokerId }) => partition.replicaStatus.get(brokerId));
  return {
    offlinePartitionsCount: offline,
    preferredReplicaImbalanceCount: imbalanced,
    globalTopicCount: context.topics.size,
    globalPartitionCount: led,
    topicsToDeleteCount: context.topicsToBeDeleted.size,
    replicasToDeleteCount: statuses.filter((status) => status !== 'ReplicaDeletionSuccessful').length,
    topicsIneligibleToDeleteCount: context.topicsIneligibleForDeletion.size,
    replicasIneligibleToDeleteCount: statuses.filter((status) => status === 'ReplicaDeletionIneligible').length,
    activeBrokerCount: context.brokers.size,
  };
}

/** While it is reassigned to a new preferred replica, that one need only be in the ISR. */
function hasPreferredLeader({ assignment, leadership }: ControlledPartition): boolean {
  const preferred = assignment.replicas[0];
  if (!leadership || preferred === undefined) return true;
  if (isBeingReassigned(assignment) && assignment.addingReplicas.includes(preferred)) {
    return leadership.isr.includes(preferred);
  }
  return leadership.leader === preferred;
}
