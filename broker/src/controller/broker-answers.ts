import { ErrorCode, errorName } from '../protocol/errors';
import type { LeaderAndIsrResponse } from '../protocol/messages/leader-and-isr';
import type { StopReplicaResponse } from '../protocol/messages/stop-replica';
import type { UpdateMetadataResponse } from '../protocol/messages/update-metadata';
import type { BrokerChanges } from './broker-changes';
import type { BrokerLife, ControlAnswers } from './controller-broker-request-batch';
import { ReplicaStatus, type ControlledPartition, type Replica } from './controller-context';
import type { ControllerTerm } from './controller-term';
import type { TopicDeletionManager } from './topic-deletion-manager';

/** What follows from the answers of brokers. */
export class BrokerAnswers implements ControlAnswers {
  constructor(
    private readonly term: ControllerTerm,
    private readonly brokers: BrokerChanges,
    private readonly deletion: TopicDeletionManager,
  ) {}

  updateMetadata({ id }: BrokerLife, { errorCode }: UpdateMetadataResponse): void {
    this.#isRefused('UpdateMetadata', id, errorCode);
  }

  leaderAndIsr(broker: BrokerLife, response: LeaderAndIsrResponse): void {
    const brokerId = broker.id;
    if (this.#isRefused('LeaderAndIsr', brokerId, response.errorCode)) return;
    this.term.events.add('LeaderAndIsrResponseReceived', async () => {
      const { context } = this.term;
      if (this.#isOver(broker)) return;
      const offline = context.replicasOnOfflineDirs.get(brokerId) ?? new Set();
      const fresh: Replica[] = [];
      const take = (partition: ControlledPartition | undefined, errorCode: number): void => {
        if (!partition) return;
        if (errorCode === ErrorCode.NONE) {
          offline.delete(partition);
        } else if (errorCode === ErrorCode.KAFKA_STORAGE_ERROR) {
          if (!offline.has(partition)) fresh.push({ partition, brokerId });
          offline.add(partition);
        } else if (errorCode !== ErrorCode.STALE_CONTROLLER_EPOCH) {
          // With a controller's epoch that is right it says: the role was held already.
          this.term.logger.warn(
            `Broker ${brokerId} has answered LeaderAndIsr for ${partition} with ${errorName(errorCode)}.`,
          );
        }
      };
      for (const { topicName, partitionIndex, errorCode } of response.partitionErrors) {
        take(context.partition(topicName, partitionIndex), errorCode);
      }
      for (const { topicId, partitionErrors } of response.topics) {
        const topic = context.topicsById.get(topicId);
        for (const { partitionIndex, errorCode } of partitionErrors) {
          take(topic?.partitions.get(partitionIndex), errorCode);
        }
      }
      if (offline.size > 0) context.replicasOnOfflineDirs.set(brokerId, offline);
      else context.replicasOnOfflineDirs.delete(brokerId);
      if (fresh.length === 0) return;
      this.term.logger.warn(
        `Broker ${brokerId} has lost replicas with a log directory: ${fresh.map(({ partition }) => String(partition)).join(', ')}.`,
      );
      await this.brokers.onReplicasBecomeOffline(fresh);
    });
  }

  stopReplica(broker: BrokerLife, response: StopReplicaResponse, deleted: readonly ControlledPartition[]): void {
    const brokerId = broker.id;
    const isRefused = this.#isRefused('StopReplica', brokerId, response.errorCode);
    const errors = new Map(
      response.partitionErrors.map(({ topicName, partitionIndex, errorCode }) => [
        `${topicName}-${partitionIndex}`,
        errorCode,
      ]),
    );
    const concerned = deleted.filter(({ topic }) => this.term.context.topicsWithDeletionStarted.has(topic));
    if (concerned.length === 0) return;
    this.term.events.add('TopicDeletionStopReplicaResponseReceived', async () => {
      if (this.#isOver(broker)) return;
      const failed: Replica[] = [];
      const done: Replica[] = [];
      for (const partition of concerned) {
        // One that a reassignment has taken away is none of the topic's replicas.
        if (partition.replicaStatus.get(brokerId) !== ReplicaStatus.ReplicaDeletionStarted) continue;
        const errorCode = errors.get(String(partition)) ?? ErrorCode.NONE;
        if (errorCode !== ErrorCode.NONE) {
          this.term.logger.warn(
            `Broker ${brokerId} could not delete its replica of ${partition}: ${errorName(errorCode)}.`,
          );
        }
        (isRefused || errorCode !== ErrorCode.NONE ? failed : done).push({ partition, brokerId });
      }
      await this.deletion.failReplicaDeletion(failed);
      if (done.length > 0) await this.deletion.completeReplicaDeletion(done);
    });
  }

  #isRefused(request: string, brokerId: number, errorCode: number): boolean {
    if (errorCode === ErrorCode.NONE) return false;
    this.term.logger.error(`Broker ${brokerId} has answered ${request} with ${errorName(errorCode)}.`);
    if (errorCode === ErrorCode.STALE_CONTROLLER_EPOCH) this.term.events.doubted();
    return true;
  }

  /** An answer of an earlier life says nothing of the replicas that the broker has now. */
  #isOver({ id, epoch }: BrokerLife): boolean {
    return this.term.context.brokers.get(id)?.epoch !== epoch;
  }
}
