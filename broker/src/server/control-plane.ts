import type {
  BrokerChannel,
  LeaderAndIsrInput,
  StopReplicaInput,
  UpdateMetadataInput,
} from '../controller/broker-channel';
import { decodeMessage, encodeToBuffer } from '../protocol/codec';
import { ErrorCode } from '../protocol/errors';
import { LeaderAndIsrRequest, type LeaderAndIsrResponse } from '../protocol/messages/leader-and-isr';
import { StopReplicaRequest, type StopReplicaResponse } from '../protocol/messages/stop-replica';
import { UpdateMetadataRequest, type UpdateMetadataResponse } from '../protocol/messages/update-metadata';
import type { InputOf, MessageOf, MessageSchema } from '../protocol/schema';
import type { MetadataCache } from '../replication/metadata-cache';
import type { ReplicaManager } from '../replication/replica-manager';
import type { DynamicConfigManager } from './dynamic-config-manager';

/** What a broker does with the requests of its controller. */
export class ControlPlane {
  readonly #replicas: ReplicaManager;
  readonly #metadata: MetadataCache;
  readonly #dynamicConfig: Pick<DynamicConfigManager, 'ensureTopics' | 'forgetTopics'>;
  readonly #partitionsDeleted: (deleted: readonly { readonly topic: string; readonly partition: number }[]) => void;

  /** @param partitionsDeleted told of the partitions that the cluster has no more */
  constructor(
    replicas: ReplicaManager,
    metadata: MetadataCache,
    dynamicConfig: Pick<DynamicConfigManager, 'ensureTopics' | 'forgetTopics'>,
    partitionsDeleted: (deleted: readonly { readonly topic: string; readonly partition: number }[]) => void,
  ) {
    this.#replicas = replicas;
    this.#metadata = metadata;
    this.#dynamicConfig = dynamicConfig;
    this.#partitionsDeleted = partitionsDeleted;
  }

  async leaderAndIsr(request: LeaderAndIsrRequest): Promise<LeaderAndIsrResponse> {
    // A log is made with its topic's configuration, which a new topic's znode has and nobody tells of.
    await this.#dynamicConfig.ensureTopics(request.topicStates.map(({ topicName }) => topicName));
    const { errorCode, partitions } = await this.#replicas.becomeLeaderOrFollower(request);
    const errorsOf = new Map<string, { topicName: string; partitionIndex: number; errorCode: number }[]>();
    for (const { topic, partition, errorCode: error } of partitions) {
      const errors = errorsOf.get(topic) ?? [];
      errorsOf.set(topic, errors);
      errors.push({ topicName: topic, partitionIndex: partition, errorCode: error });
    }
    return {
      errorCode,
      partitionErrors: [...errorsOf.values()].flat(),
      topics: request.topicStates.map(({ topicName, topicId }) => ({
        topicId,
        partitionErrors: errorsOf.get(topicName) ?? [],
      })),
    };
  }

  async stopReplica(request: StopReplicaRequest): Promise<StopReplicaResponse> {
    const { errorCode, partitions } = await this.#replicas.stopReplicas(request);
    return {
      errorCode,
      partitionErrors: partitions.map(({ topic, partition, errorCode: error }) => ({
        topicName: topic,
        partitionIndex: partition,
        errorCode: error,
      })),
    };
  }

  updateMetadata(request: UpdateMetadataRequest): Promise<UpdateMetadataResponse> {
    if (this.#replicas.isStaleController(request.controllerEpoch, request.controllerId, 'UpdateMetadata')) {
      return Promise.resolve({ errorCode: ErrorCode.STALE_CONTROLLER_EPOCH });
    }
    const deleted = this.#metadata.update(request);
    if (deleted.length > 0) {
      this.#dynamicConfig.forgetTopics(
        deleted.map(({ topic }) => topic).filter((topic) => !this.#metadata.topic(topic)),
      );
      this.#partitionsDeleted(deleted);
    }
    return Promise.resolve({ errorCode: ErrorCode.NONE });
  }
}

/**
 * A controller's way to its own broker. What it sends goes through the codec, so that it arrives as it would over a
 * connection: nothing is shared, and every field has its default.
 */
export function localBrokerChannel(controlPlane: ControlPlane): BrokerChannel {
  return {
    leaderAndIsr: (request: LeaderAndIsrInput) => controlPlane.leaderAndIsr(received(LeaderAndIsrRequest, request)),
    stopReplica: (request: StopReplicaInput) => controlPlane.stopReplica(received(StopReplicaRequest, request)),
    updateMetadata: (request: UpdateMetadataInput) =>
      controlPlane.updateMetadata(received(UpdateMetadataRequest, request)),
  };
}

function received<S extends MessageSchema>(schema: S, message: InputOf<S>): MessageOf<S> {
  return decodeMessage(schema, schema.maxVersion, encodeToBuffer(schema, schema.maxVersion, message));
}
