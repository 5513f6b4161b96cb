import { leaderDuringDelete, noLeader } from '../replication/metadata-cache';
import type { BrokerInfo } from '../zookeeper/znodes/broker-id';
import type { LeaderAndIsrInput, StopReplicaInput, UpdateMetadataInput } from './broker-channel';
import type { ControllerContext, ControlledPartition, ControlledTopic } from './controller-context';

/** Kafka's SecurityProtocol ids. */
const securityProtocolIds = new Map([
  ['PLAINTEXT', 0],
  ['SSL', 1],
  ['SASL_PLAINTEXT', 2],
  ['SASL_SSL', 3],
]);

interface Sender {
  readonly brokerId: number;
  readonly interBrokerListenerName: string;
}

/** LeaderAndIsr and UpdateMetadata: whether a request tells everything or what changed (AbstractControlRequest.Type). */
const incremental = 1;
/** StopReplica: the leader epoch of a topic that is being deleted (LeaderAndIsr.EpochDuringDelete). */
const epochDuringDelete = -2;

/** The controller's requests to one broker, made from what the controller knows now. */
export function controlRequests(context: ControllerContext, sender: Sender) {
  const head = (to: number) => ({
    controllerId: sender.brokerId,
    controllerEpoch: context.epoch,
    brokerEpoch: context.liveBrokers.get(to)?.epoch ?? -1n,
  });

  return {
    leaderAndIsr(
      to: number,
      topics: readonly ControlledTopic[],
      partitions: readonly ControlledPartition[],
      isNew: ReadonlySet<ControlledPartition>,
    ): LeaderAndIsrInput {
      const leaders = new Set(partitions.map(({ state }) => state?.leader ?? noLeader));
      return {
        ...head(to),
        type: incremental,
        topicStates: topics.map(({ name, topicId }) => ({
          topicName: name,
          topicId,
          partitionStates: partitions.flatMap((each) => {
            if (each.topic !== name || !each.state) return [];
            const { replicas, addingReplicas, removingReplicas } = each.assignment;
            return {
              partitionIndex: each.partition,
              controllerEpoch: each.state.controllerEpoch,
              leader: each.state.leader,
              leaderEpoch: each.state.leaderEpoch,
              isr: each.state.isr,
              partitionEpoch: each.partitionEpoch,
              replicas,
              addingReplicas,
              removingReplicas,
              isNew: isNew.has(each),
              leaderRecoveryState: each.state.leaderRecoveryState,
            };
          }),
        })),
        liveLeaders: [...leaders].flatMap((brokerId) => {
          const broker = context.liveBrokers.get(brokerId);
          if (!broker) return [];
          const { host, port } = endpointOf(broker.info, sender.interBrokerListenerName);
          return { brokerId, hostName: host, port };
        }),
      };
    },

    /** `isDeleted`: the partitions are about to go, brokers forget them. */
    updateMetadata(
      to: number,
      topics: readonly ControlledTopic[],
      partitions: readonly ControlledPartition[],
      isDeleted: boolean,
    ): UpdateMetadataInput {
      return {
        ...head(to),
        topicStates: topics.map(({ name, topicId }) => ({
          topicName: name,
          topicId,
          partitionStates: partitions.flatMap((each) => {
            if (each.topic !== name) return [];
            const { state, assignment } = each;
            if (!state && !isDeleted) return [];
            return {
              partitionIndex: each.partition,
              controllerEpoch: context.epoch,
              leader: isDeleted ? leaderDuringDelete : (state?.leader ?? noLeader),
              leaderEpoch: isDeleted ? epochDuringDelete : (state?.leaderEpoch ?? -1),
              isr: state?.isr ?? [],
              zkVersion: each.partitionEpoch,
              replicas: assignment.replicas,
              offlineReplicas: assignment.replicas.filter((id) => !context.isLive(id)),
            };
          }),
        })),
        liveBrokers: [...context.liveBrokers.values()].map(({ info }) => ({
          id: info.id,
          endpoints: info.endPoints.map(({ host, port, listenerName, securityProtocol }) => ({
            host,
            port,
            listener: listenerName,
            securityProtocol: securityProtocolIds.get(securityProtocol) ?? 0,
          })),
          rack: info.rack,
        })),
      };
    },

    stopReplica(to: number, partitions: readonly ControlledPartition[], deletePartition: boolean): StopReplicaInput {
      const byTopic = Map.groupBy(partitions, ({ topic }) => topic);
      return {
        ...head(to),
        topicStates: [...byTopic].map(([topicName, held]) => ({
          topicName,
          partitionStates: held.map(({ partition }) => ({
            partitionIndex: partition,
            leaderEpoch: epochDuringDelete,
            deletePartition,
          })),
        })),
      };
    },
  };
}

function endpointOf(broker: BrokerInfo, listenerName: string): { readonly host: string; readonly port: number } {
  return broker.endPoints.find((end) => end.listenerName === listenerName) ?? broker.endPoints[0];
}
