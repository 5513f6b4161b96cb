import type { LeaderAndIsrResponse } from '../protocol/messages/leader-and-isr';
import type { StopReplicaResponse } from '../protocol/messages/stop-replica';
import type { UpdateMetadataResponse } from '../protocol/messages/update-metadata';
import { leaderDuringDelete } from '../replication/metadata-cache';
import type { VersionedPartitionState } from '../zookeeper/znodes/partition-state';
import type { ReplicaAssignment } from '../zookeeper/znodes/topic';
import type { BrokerChannel, LeaderAndIsrInput, StopReplicaInput, UpdateMetadataInput } from './broker-channel';
import type { ControlledPartition } from './controller-context';

/** Of the protocol: a topic without an id. */
const zeroUuid = 'AAAAAAAAAAAAAAAAAAAAAA';

/** Who says it, in which epoch, and to which life of the broker. */
export interface ControlRequestHead {
  readonly controllerId: number;
  readonly controllerEpoch: number;
  readonly brokerEpoch: bigint;
}

export interface LeaderAndIsrState {
  readonly leadership: VersionedPartitionState;
  readonly assignment: ReplicaAssignment;
  readonly isNew: boolean;
}

export interface UpdateMetadataState {
  readonly leader: number;
  readonly leaderEpoch: number;
  readonly isr: readonly number[];
  readonly partitionEpoch: number;
  readonly controllerEpoch: number;
  readonly replicas: readonly number[];
  readonly offlineReplicas: readonly number[];
}

export interface StopReplicaState {
  readonly leaderEpoch: number;
  readonly deletePartition: boolean;
}

/** A broker's answer, or why there is none. */
export type ControlAnswer<T> = (response: T) => void;

/**
 * A request to one broker. It is written down when its turn comes: while it waits, a newer one of the same kind may be
 * merged into it, so that a broker that hangs costs no more memory than the cluster has partitions.
 */
export interface ControlRequest {
  readonly name: string;
  /** ControllerContext.brokersVersion when it was made. */
  readonly brokersVersion: number;
  send(channel: BrokerChannel): Promise<void>;
  /** Takes a newer request in, if nothing that a broker has to see is lost. Returns whether it did. */
  merge(newer: ControlRequest): boolean;
}

function byTopic<T>(
  states: ReadonlyMap<ControlledPartition, T>,
): Map<ControlledPartition['topic'], (readonly [ControlledPartition, T])[]> {
  return Map.groupBy(states, ([partition]) => partition.topic);
}

export class LeaderAndIsrToBroker implements ControlRequest {
  readonly name = 'LeaderAndIsr';

  constructor(
    private readonly head: ControlRequestHead,
    readonly brokersVersion: number,
    readonly states: Map<ControlledPartition, LeaderAndIsrState>,
    /** Where a leader is reached, undefined when it is not alive. */
    private readonly endpoint: (brokerId: number) => { readonly host: string; readonly port: number } | undefined,
    private readonly answered: ControlAnswer<LeaderAndIsrResponse>,
  ) {}

  async send(channel: BrokerChannel): Promise<void> {
    this.answered(await channel.leaderAndIsr(this.input()));
  }

  merge(newer: ControlRequest): boolean {
    if (!(newer instanceof LeaderAndIsrToBroker) || newer.brokersVersion !== this.brokersVersion) return false;
    for (const [partition, state] of newer.states) {
      const isNew = state.isNew || (this.states.get(partition)?.isNew ?? false);
      this.states.set(partition, { ...state, isNew });
    }
    return true;
  }

  /** In the newest version's form. */
  input(): LeaderAndIsrInput {
    const leaders = new Set([...this.states.values()].map(({ leadership }) => leadership.leader));
    return {
      ...this.head,
      // Of the migration to KRaft: Kafka's controllers in ZooKeeper mode send 0 (UNKNOWN).
      type: 0,
      topicStates: [...byTopic(this.states)].map(([{ name, topicId }, states]) => ({
        topicName: name,
        topicId: topicId ?? zeroUuid,
        partitionStates: states.map(([{ index }, { leadership, assignment, isNew }]) => ({
          partitionIndex: index,
          controllerEpoch: leadership.controllerEpoch,
          leader: leadership.leader,
          leaderEpoch: leadership.leaderEpoch,
          isr: leadership.isr,
          partitionEpoch: leadership.partitionEpoch,
          replicas: assignment.replicas,
          addingReplicas: assignment.addingReplicas,
          removingReplicas: assignment.removingReplicas,
          isNew,
          leaderRecoveryState: leadership.leaderRecoveryState,
        })),
      })),
      liveLeaders: [...leaders].flatMap((brokerId) => {
        const endpoint = this.endpoint(brokerId);
        return endpoint ? [{ brokerId, hostName: endpoint.host, port: endpoint.port }] : [];
      }),
    };
  }
}

export type LiveBrokerInput = NonNullable<UpdateMetadataInput['liveBrokers']>[number];

export class UpdateMetadataToBroker implements ControlRequest {
  readonly name = 'UpdateMetadata';
  #own = false;

  constructor(
    private readonly head: ControlRequestHead,
    public brokersVersion: number,
    /** One for all brokers that are told the same. */
    public states: ReadonlyMap<ControlledPartition, UpdateMetadataState>,
    private liveBrokers: readonly LiveBrokerInput[],
    private readonly answered: ControlAnswer<UpdateMetadataResponse>,
  ) {}

  async send(channel: BrokerChannel): Promise<void> {
    this.answered(await channel.updateMetadata(this.input()));
  }

  merge(newer: ControlRequest): boolean {
    if (!(newer instanceof UpdateMetadataToBroker)) return false;
    // A partition that is gone must be seen to go before one of its name comes.
    if (this.#deletes() && newer.states.size > 0) return false;
    if (newer.states.size > 0) {
      const states = this.#own ? (this.states as Map<ControlledPartition, UpdateMetadataState>) : new Map(this.states);
      this.#own = true;
      for (const [partition, state] of newer.states) states.set(partition, state);
      this.states = states;
    }
    this.liveBrokers = newer.liveBrokers;
    this.brokersVersion = newer.brokersVersion;
    return true;
  }

  input(): UpdateMetadataInput {
    return {
      ...this.head,
      topicStates: [...byTopic(this.states)].map(([{ name, topicId }, states]) => ({
        topicName: name,
        topicId: topicId ?? zeroUuid,
        partitionStates: states.map(([{ index }, state]) => ({
          partitionIndex: index,
          controllerEpoch: state.controllerEpoch,
          leader: state.leader,
          leaderEpoch: state.leaderEpoch,
          isr: state.isr,
          zkVersion: state.partitionEpoch,
          replicas: state.replicas,
          offlineReplicas: state.offlineReplicas,
        })),
      })),
      liveBrokers: this.liveBrokers,
    };
  }

  #deletes(): boolean {
    for (const { leader } of this.states.values()) if (leader === leaderDuringDelete) return true;
    return false;
  }
}

export class StopReplicaToBroker implements ControlRequest {
  readonly name = 'StopReplica';

  constructor(
    private readonly head: ControlRequestHead,
    readonly brokersVersion: number,
    readonly states: ReadonlyMap<ControlledPartition, StopReplicaState>,
    private readonly answered: ControlAnswer<StopReplicaResponse>,
  ) {}

  async send(channel: BrokerChannel): Promise<void> {
    this.answered(await channel.stopReplica(this.input()));
  }

  merge(): boolean {
    return false;
  }

  input(): StopReplicaInput {
    return {
      ...this.head,
      topicStates: [...byTopic(this.states)].map(([{ name }, states]) => ({
        topicName: name,
        partitionStates: states.map(([{ index }, { leaderEpoch, deletePartition }]) => ({
          partitionIndex: index,
          leaderEpoch,
          deletePartition,
        })),
      })),
    };
  }
}
