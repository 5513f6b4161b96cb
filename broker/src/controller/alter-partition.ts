import type { Logger } from '../logging/logger';
import { ErrorCode } from '../protocol/errors';
import type { AlterPartitionRequest, AlterPartitionResponse } from '../protocol/messages/alter-partition';
import type { InputOf } from '../protocol/schema';
import {
  LeaderRecoveryState,
  type PartitionState,
  type VersionedPartitionState,
} from '../zookeeper/znodes/partition-state';
import type { ControlledPartition, ControlledTopic, ControllerContext } from './controller-context';
import type { PartitionStates, StateUpdate } from './partition-states';

export type AlterPartitionResponseInput = InputOf<typeof AlterPartitionResponse>;
type TopicRequest = AlterPartitionRequest['topics'][number];
type PartitionRequest = TopicRequest['partitions'][number];
type TopicResponse = NonNullable<AlterPartitionResponseInput['topics']>[number];
type PartitionResponse = NonNullable<TopicResponse['partitions']>[number];

/** Of a partition: the error, or its state now. */
type Outcome = ErrorCode | VersionedPartitionState;

export interface AlteredPartitions {
  readonly response: AlterPartitionResponseInput;
  /** Partitions that were asked about: everybody is told of them. */
  readonly concerned: readonly ControlledPartition[];
  /** Partitions whose state is what the leader wants, written now or before. */
  readonly successful: readonly ControlledPartition[];
}

/** A leader's new ISRs (KafkaController.tryProcessAlterPartition): checked, written, and answered. */
export async function alterPartitions(
  logger: Logger,
  context: ControllerContext,
  states: PartitionStates,
  request: AlterPartitionRequest,
  version: number,
): Promise<AlteredPartitions> {
  const refused = staleBroker(logger, context, request);
  if (refused)
    return { response: { throttleTimeMs: 0, errorCode: refused, topics: [] }, concerned: [], successful: [] };

  const outcomes = new Map<PartitionRequest, Outcome>();
  const partitions = new Map<PartitionRequest, ControlledPartition>();
  const updates = new Map<ControlledPartition, PartitionRequest>();
  const toWrite: StateUpdate[] = [];
  const topicOf = (topic: TopicRequest): ControlledTopic | undefined =>
    version > 1 ? context.topicsById.get(topic.topicId) : context.topics.get(topic.topicName);
  for (const topicRequest of request.topics) {
    const topic = topicOf(topicRequest);
    for (const each of topicRequest.partitions) {
      const partition = topic?.partitions.get(each.partitionIndex);
      if (!partition?.leadership) {
        const isUnknownId = version > 1 && !topic;
        outcomes.set(each, isUnknownId ? ErrorCode.UNKNOWN_TOPIC_ID : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
        continue;
      }
      if (updates.has(partition)) {
        outcomes.set(each, ErrorCode.INVALID_REQUEST);
        continue;
      }
      partitions.set(each, partition);
      const wanted = wantedState(request.brokerId, each, version);
      const outcome = check(logger, context, partition, partition.leadership, wanted, each, version);
      if (outcome !== undefined) {
        outcomes.set(each, outcome);
      } else {
        updates.set(partition, each);
        toWrite.push({ partition, state: wanted, partitionEpoch: each.partitionEpoch });
      }
    }
  }

  const { finished, failed, retry } = await states.update(toWrite);
  for (const { partition, leadership } of finished) {
    logger.debug(
      `The ISR of ${partition} is [${leadership.isr.join(',')}], partition epoch ${leadership.partitionEpoch}.`,
    );
    outcomes.set(updates.get(partition)!, leadership);
  }
  for (const { partition, error } of failed) {
    logger.error(`The ISR of ${partition} could not be written.`, { error });
    outcomes.set(updates.get(partition)!, ErrorCode.UNKNOWN_SERVER_ERROR);
  }
  // What was written meanwhile (by a leader of an older inter-broker version) is not known yet.
  await states.refresh(retry);
  for (const partition of retry) {
    const each = updates.get(partition)!;
    const current = partition.leadership!;
    // It may have been this very write, whose reply was lost. A leader that is refused does not ask again.
    if (isSameState(wantedState(request.brokerId, each, version), current)) {
      outcomes.set(each, current);
      continue;
    }
    logger.info(`The ISR of ${partition} is not written: its state in ZooKeeper has another version.`);
    outcomes.set(each, ErrorCode.INVALID_UPDATE_VERSION);
  }

  const successful = [...partitions].filter(([each]) => typeof outcomes.get(each) === 'object');
  return {
    response: {
      throttleTimeMs: 0,
      errorCode: ErrorCode.NONE,
      topics: request.topics.map((topic): TopicResponse => {
        const answered = topic.partitions.map((each) => partitionResponse(each.partitionIndex, outcomes.get(each)!));
        return version > 1
          ? { topicId: topic.topicId, partitions: answered }
          : { topicName: topic.topicName, partitions: answered };
      }),
    },
    concerned: [...new Set(partitions.values())],
    successful: successful.map(([, partition]) => partition),
  };
}

function staleBroker(
  logger: Logger,
  context: ControllerContext,
  { brokerId, brokerEpoch }: AlterPartitionRequest,
): ErrorCode | undefined {
  const epoch = context.brokers.get(brokerId)?.epoch;
  if (epoch === brokerEpoch) return undefined;
  const known = epoch === undefined ? 'it is not registered' : `its epoch is ${epoch}`;
  logger.info(`AlterPartition of broker ${brokerId} with epoch ${brokerEpoch} is refused: ${known}.`);
  return ErrorCode.STALE_BROKER_EPOCH;
}

function wantedState(leader: number, request: PartitionRequest, version: number): PartitionState {
  return {
    leader,
    leaderEpoch: request.leaderEpoch,
    isr: version >= 3 ? request.newIsrWithEpochs.map(({ brokerId }) => brokerId) : request.newIsr,
    leaderRecoveryState: request.leaderRecoveryState as LeaderRecoveryState,
    controllerEpoch: 0,
  };
}

/** The outcome without a write, or undefined: it is to be written. */
function check(
  logger: Logger,
  context: ControllerContext,
  partition: ControlledPartition,
  current: VersionedPartitionState,
  wanted: PartitionState,
  request: PartitionRequest,
  version: number,
): Outcome | undefined {
  const { partitionEpoch } = request;
  // A leader that knows more than this controller: there may be a newer one.
  if (partitionEpoch > current.partitionEpoch || wanted.leaderEpoch > current.leaderEpoch) {
    return ErrorCode.NOT_CONTROLLER;
  }
  if (wanted.leaderEpoch < current.leaderEpoch) return ErrorCode.FENCED_LEADER_EPOCH;
  // Before the partition epoch is looked at: a request that is sent again has the same answer.
  if (isSameState(wanted, current)) return current;
  if (partitionEpoch < current.partitionEpoch) return ErrorCode.INVALID_UPDATE_VERSION;
  const refused = (why: string): void =>
    logger.info(`AlterPartition of broker ${wanted.leader} for ${partition} is refused: ${why}.`);
  const { RECOVERED, RECOVERING } = LeaderRecoveryState;
  if (wanted.leaderRecoveryState !== RECOVERED && wanted.leaderRecoveryState !== RECOVERING) {
    refused(`${wanted.leaderRecoveryState} is no leader recovery state, 0 and 1 are accepted`);
    return ErrorCode.INVALID_REQUEST;
  }
  if (wanted.leader !== current.leader) {
    refused(`broker ${current.leader} leads it in this epoch`);
    return ErrorCode.INVALID_REQUEST;
  }
  if (wanted.isr.length === 0 || !wanted.isr.every((id) => partition.assignment.replicas.includes(id))) {
    refused(`the ISR [${wanted.isr.join(',')}] is empty, or not of its replicas`);
    return ErrorCode.INVALID_REQUEST;
  }
  if (wanted.leaderRecoveryState === RECOVERING && wanted.isr.length > 1) {
    refused('the leader is recovering, and the ISR is more than the leader');
    return ErrorCode.INVALID_REQUEST;
  }
  if (current.leaderRecoveryState === RECOVERED && wanted.leaderRecoveryState === RECOVERING) {
    refused('a leader that has recovered does not go back to recovering');
    return ErrorCode.INVALID_REQUEST;
  }
  const epochs = new Map(request.newIsrWithEpochs.map(({ brokerId, brokerEpoch }) => [brokerId, brokerEpoch]));
  const ineligible = wanted.isr.filter((id) => {
    if (!context.isLive(id)) return true;
    // -1: the leader does not know. Another one: it has caught up in an earlier life.
    const epoch = epochs.get(id) ?? -1n;
    return epoch !== -1n && epoch !== context.brokers.get(id)!.epoch;
  });
  if (ineligible.length > 0) {
    refused(`replicas ${ineligible.join(',')} of the ISR [${wanted.isr.join(',')}] are not alive (any more)`);
    return version > 1 ? ErrorCode.INELIGIBLE_REPLICA : ErrorCode.OPERATION_NOT_ATTEMPTED;
  }
  return undefined;
}

function isSameState(wanted: PartitionState, current: PartitionState): boolean {
  return (
    wanted.leader === current.leader &&
    wanted.leaderEpoch === current.leaderEpoch &&
    wanted.leaderRecoveryState === current.leaderRecoveryState &&
    wanted.isr.length === current.isr.length &&
    wanted.isr.every((id, i) => id === current.isr[i])
  );
}

function partitionResponse(partitionIndex: number, outcome: Outcome): PartitionResponse {
  if (typeof outcome === 'number') {
    return { partitionIndex, errorCode: outcome, leaderId: 0, leaderEpoch: 0, isr: [], partitionEpoch: 0 };
  }
  const { leader, leaderEpoch, isr, leaderRecoveryState, partitionEpoch } = outcome;
  return {
    partitionIndex,
    errorCode: ErrorCode.NONE,
    leaderId: leader,
    leaderEpoch,
    isr,
    leaderRecoveryState,
    partitionEpoch,
  };
}
