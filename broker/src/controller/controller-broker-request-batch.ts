import type { Logger } from '../logging/logger';
import type { LeaderAndIsrResponse } from '../protocol/messages/leader-and-isr';
import type { StopReplicaResponse } from '../protocol/messages/stop-replica';
import type { UpdateMetadataResponse } from '../protocol/messages/update-metadata';
import { leaderDuringDelete } from '../replication/metadata-cache';
import type { ReplicaAssignment } from '../zookeeper/znodes/topic';
import {
  LeaderAndIsrToBroker,
  StopReplicaToBroker,
  UpdateMetadataToBroker,
  type ControlRequestHead,
  type LeaderAndIsrState,
  type LiveBrokerInput,
  type StopReplicaState,
  type UpdateMetadataState,
} from './control-request';
import type { ControllerChannelManager } from './controller-channel-manager';
import type { ControlledPartition, ControllerContext } from './controller-context';

/** Kafka's SecurityProtocol ids. */
const securityProtocolIds = new Map([
  ['PLAINTEXT', 0],
  ['SSL', 1],
  ['SASL_PLAINTEXT', 2],
  ['SASL_SSL', 3],
]);

/** A broker from one registration to the next. */
export interface BrokerLife {
  readonly id: number;
  /** The broker epoch. */
  readonly epoch: bigint;
}

/** What brokers answer, in the life in which they were told: it may be over by now. */
export interface ControlAnswers {
  leaderAndIsr(broker: BrokerLife, response: LeaderAndIsrResponse): void;
  updateMetadata(broker: BrokerLife, response: UpdateMetadataResponse): void;
  /** `deleted`: the partitions that the request wanted deleted. */
  stopReplica(broker: BrokerLife, response: StopReplicaResponse, deleted: readonly ControlledPartition[]): void;
}

export interface RequestBatchOptions {
  readonly channels: ControllerChannelManager;
  /** inter.broker.listener.name: where brokers reach a leader. */
  readonly interBrokerListenerName: string;
  readonly answers: ControlAnswers;
}

/**
 * What one step of the controller tells the brokers (ControllerBrokerRequestBatch): collected per broker, and then sent
 * as at most one LeaderAndIsr, one UpdateMetadata and one StopReplica each.
 */
export class ControllerBrokerRequestBatch {
  readonly #leaderAndIsr = new Map<number, Map<ControlledPartition, LeaderAndIsrState>>();
  readonly #stopReplica = new Map<number, Map<ControlledPartition, StopReplicaState>>();
  readonly #metadataBrokers = new Set<number>();
  readonly #metadataPartitions = new Set<ControlledPartition>();
  /** A change of leadership is told to all. */
  #metadataToAll = false;

  constructor(
    private readonly logger: Logger,
    private readonly context: ControllerContext,
    private readonly options: RequestBatchOptions,
  ) {}

  /** The partition's leadership as it stands now; everybody hears of it through UpdateMetadata. */
  addLeaderAndIsr(
    brokerIds: readonly number[],
    partition: ControlledPartition,
    isNew: boolean,
    assignment: ReplicaAssignment = partition.assignment,
  ): void {
    const { leadership } = partition;
    if (!leadership) return;
    for (const brokerId of brokerIds) {
      if (brokerId < 0) continue;
      const states = entry(this.#leaderAndIsr, brokerId);
      const alreadyNew = states.get(partition)?.isNew ?? false;
      states.set(partition, { leadership, assignment, isNew: isNew || alreadyNew });
    }
    this.#metadataToAll = true;
    this.#metadataPartitions.add(partition);
  }

  addStopReplica(brokerIds: readonly number[], partition: ControlledPartition, deletePartition: boolean): void {
    const leaderEpoch = this.context.leaderEpoch(partition);
    for (const brokerId of brokerIds) {
      if (brokerId < 0) continue;
      const states = entry(this.#stopReplica, brokerId);
      const alreadyDelete = states.get(partition)?.deletePartition ?? false;
      states.set(partition, { leaderEpoch, deletePartition: alreadyDelete || deletePartition });
    }
  }

  /** Live brokers, and these partitions as they stand when the batch is sent; those without a leadership are left out. */
  addUpdateMetadata(brokerIds: readonly number[], partitions: Iterable<ControlledPartition>): void {
    for (const brokerId of brokerIds) this.#metadataBrokers.add(brokerId);
    for (const partition of partitions) this.#metadataPartitions.add(partition);
  }

  send(): void {
    if (this.context.isOver) return;
    this.#sendLeaderAndIsr();
    this.#sendUpdateMetadata();
    this.#sendStopReplica();
  }

  #sendLeaderAndIsr(): void {
    const { channels, interBrokerListenerName, answers } = this.options;
    const { brokersVersion, brokers } = this.context;
    const leaders = new Map<number, { readonly host: string; readonly port: number }>();
    for (const [id, { info }] of brokers) {
      const endPoint = info.endPoints.find(({ listenerName }) => listenerName === interBrokerListenerName);
      if (endPoint) leaders.set(id, endPoint);
    }
    for (const brokerId of brokers.keys()) {
      const states = this.#leaderAndIsr.get(brokerId);
      if (!states) continue;
      let leading = 0;
      for (const { leadership } of states.values()) if (leadership.leader === brokerId) leading++;
      this.logger.info(
        `LeaderAndIsr to broker ${brokerId}: it leads ${leading} partitions and follows ${states.size - leading}.`,
      );
      const head = this.#head(brokerId);
      channels.send(
        brokerId,
        new LeaderAndIsrToBroker(
          head,
          brokersVersion,
          states,
          (id) => leaders.get(id),
          (response) => answers.leaderAndIsr({ id: brokerId, epoch: head.brokerEpoch }, response),
        ),
      );
    }
  }

  #sendUpdateMetadata(): void {
    const { channels, answers } = this.options;
    const { brokersVersion, brokers } = this.context;
    const recipients = [...brokers.keys()].filter((id) => this.#metadataToAll || this.#metadataBrokers.has(id));
    if (recipients.length === 0) return;
    const states = new Map<ControlledPartition, UpdateMetadataState>();
    for (const partition of this.#metadataPartitions) {
      const state = this.#metadataState(partition);
      if (state) states.set(partition, state);
    }
    const liveBrokers: LiveBrokerInput[] = [...brokers.values()].map(({ info }) => ({
      id: info.id,
      endpoints: info.endPoints.map(({ host, port, listenerName, securityProtocol }) => ({
        host,
        port,
        listener: listenerName,
        securityProtocol: securityProtocolIds.get(securityProtocol) ?? 0,
      })),
      rack: info.rack,
    }));
    this.logger.debug(`UpdateMetadata to brokers ${recipients.join(',')}: ${states.size} partitions.`);
    for (const brokerId of recipients) {
      const head = this.#head(brokerId);
      channels.send(
        brokerId,
        new UpdateMetadataToBroker(head, brokersVersion, states, liveBrokers, (response) =>
          answers.updateMetadata({ id: brokerId, epoch: head.brokerEpoch }, response),
        ),
      );
    }
  }

  #metadataState(partition: ControlledPartition): UpdateMetadataState | undefined {
    const { leadership, assignment, topic } = partition;
    if (!leadership) return undefined;
    const isDeleted = this.context.isQueuedForDeletion(topic);
    return {
      leader: isDeleted ? leaderDuringDelete : leadership.leader,
      leaderEpoch: isDeleted ? 0 : leadership.leaderEpoch,
      isr: leadership.isr,
      partitionEpoch: isDeleted ? 0 : leadership.partitionEpoch,
      controllerEpoch: leadership.controllerEpoch,
      replicas: assignment.replicas,
      offlineReplicas: assignment.replicas.filter((id) => !this.context.isReplicaOnline(id, partition)),
    };
  }

  #sendStopReplica(): void {
    const { channels, answers } = this.options;
    const { brokersVersion, brokers } = this.context;
    for (const brokerId of brokers.keys()) {
      const states = this.#stopReplica.get(brokerId);
      if (!states) continue;
      const deleted = [...states].flatMap(([partition, { deletePartition }]) => (deletePartition ? [partition] : []));
      this.logger.info(
        `StopReplica to broker ${brokerId}: ${states.size} replicas, of which ${deleted.length} are deleted.`,
      );
      const head = this.#head(brokerId);
      channels.send(
        brokerId,
        new StopReplicaToBroker(head, brokersVersion, states, (response) =>
          answers.stopReplica({ id: brokerId, epoch: head.brokerEpoch }, response, deleted),
        ),
      );
    }
  }

  #head(brokerId: number): ControlRequestHead {
    const { controllerId, epoch, brokers } = this.context;
    return { controllerId, controllerEpoch: epoch, brokerEpoch: brokers.get(brokerId)!.epoch };
  }
}

function entry<T>(map: Map<number, Map<ControlledPartition, T>>, brokerId: number): Map<ControlledPartition, T> {
  let states = map.get(brokerId);
  if (!states) {
    states = new Map();
    map.set(brokerId, states);
  }
  return states;
}
