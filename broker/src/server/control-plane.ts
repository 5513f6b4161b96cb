import type {
  BrokerChannel,
  LeaderAndIsrInput,
  StopReplicaInput,
  UpdateMetadataInput,
} from '../controller/broker-channel';
import type { Logger } from '../logging/logger';
import { decodeMessage, encodeToBuffer } from '../protocol/codec';
import { ErrorCode } from '../protocol/errors';
import { LeaderAndIsrRequest, type LeaderAndIsrResponse } from '../protocol/messages/leader-and-isr';
import { StopReplicaRequest, type StopReplicaResponse } from '../protocol/messages/stop-replica';
import { UpdateMetadataRequest, type UpdateMetadataResponse } from '../protocol/messages/update-metadata';
import type { InputOf, MessageOf, MessageSchema } from '../protocol/schema';
import type { MetadataCache } from '../replication/metadata-cache';
import type { ReplicaManager } from '../replication/replica-manager';
import type { DynamicConfigManager } from './dynamic-config-manager';
import { topicNameProblem } from './topic-name';

export interface ControlPlaneOptions {
  readonly replicas: ReplicaManager;
  readonly metadata: MetadataCache;
  readonly dynamicConfig: Pick<DynamicConfigManager, 'ensureTopics' | 'forgetTopics'>;
  /** The epoch of this broker's registration; undefined before the first one. */
  readonly brokerEpoch: () => bigint | undefined;
  /** Settles when this broker has registered for the first time. */
  readonly registered?: Promise<void>;
  /** The topics that the cluster has, as of now. */
  readonly existingTopics: () => Promise<readonly string[]>;
  /** Told of the partitions that the cluster has no more. */
  readonly partitionsDeleted: (deleted: readonly { readonly topic: string; readonly partition: number }[]) => void;
}

/** What every request of a controller says about it, and about the broker that it is for. */
interface ControlHead {
  readonly controllerId: number;
  readonly controllerEpoch: number;
  readonly brokerEpoch: bigint;
}

/** The broker epoch of controllers that are too old to send one (AbstractControlRequest.UNKNOWN_BROKER_EPOCH). */
const unknownBrokerEpoch = -1n;

/** What a broker does with the requests of its controller. */
export class ControlPlane {
  readonly #logger: Logger;
  readonly #replicas: ReplicaManager;
  readonly #metadata: MetadataCache;
  readonly #options: ControlPlaneOptions;
  /** The controller, and the life of this broker, in which deleted topics have been looked for. */
  #lookedIn = '';

  constructor(logger: Logger, options: ControlPlaneOptions) {
    this.#logger = logger.child('ControlPlane');
    this.#replicas = options.replicas;
    this.#metadata = options.metadata;
    this.#options = options;
  }

  async leaderAndIsr(request: LeaderAndIsrRequest): Promise<LeaderAndIsrResponse> {
    if (await this.#isForEarlierLife(request, 'LeaderAndIsr')) {
      return { errorCode: ErrorCode.STALE_BROKER_EPOCH, partitionErrors: [], topics: [] };
    }
    // A log is made with its topic's configuration, which a new topic's znode has and nobody tells of.
    const names = request.topicStates.map(({ topicName }) => topicName);
    await this.#options.dynamicConfig.ensureTopics(names.filter((name) => topicNameProblem(name) === undefined));
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
    if (await this.#isForEarlierLife(request, 'StopReplica')) {
      return { errorCode: ErrorCode.STALE_BROKER_EPOCH, partitionErrors: [] };
    }
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

  async updateMetadata(request: UpdateMetadataRequest): Promise<UpdateMetadataResponse> {
    if (await this.#isForEarlierLife(request, 'UpdateMetadata')) {
      return { errorCode: ErrorCode.STALE_BROKER_EPOCH };
    }
    if (this.#replicas.isStaleController(request.controllerEpoch, request.controllerId, 'UpdateMetadata')) {
      return { errorCode: ErrorCode.STALE_CONTROLLER_EPOCH };
    }
    this.#deleted(this.#metadata.update(request));
    const now = `${request.controllerEpoch} ${this.#options.brokerEpoch() ?? unknownBrokerEpoch}`;
    if (now !== this.#lookedIn) {
      this.#lookedIn = now;
      this.#forgetDeletedTopics().catch((error: unknown) =>
        this.#logger.warn('Topics that were deleted unnoticed are not looked for: ZooKeeper cannot be asked.', {
          error,
        }),
      );
    }
    return { errorCode: ErrorCode.NONE };
  }

  #deleted(partitions: readonly { readonly topic: string; readonly partition: number }[]): void {
    if (partitions.length === 0) return;
    const topics = new Set(partitions.map(({ topic }) => topic));
    this.#options.dynamicConfig.forgetTopics([...topics].filter((topic) => !this.#metadata.topic(topic)));
    this.#options.partitionsDeleted(partitions);
  }

  /**
   * A controller tells once that a topic is deleted. A broker that it could not reach then (its session was over, or the
   * controller was replaced) would know the topic for ever.
   */
  async #forgetDeletedTopics(): Promise<void> {
    const known = [...this.#metadata.topics.values()].map(({ name, topicId }) => ({ name, topicId }));
    if (known.length === 0) return;
    const existing = new Set(await this.#options.existingTopics());
    const gone = known
      .filter(({ name, topicId }) => !existing.has(name) && this.#metadata.topic(name)?.topicId === topicId)
      .map(({ name }) => name);
    if (gone.length === 0) return;
    this.#logger.info(`Topics were deleted while this broker was not told of it: ${gone.join(', ')}.`);
    this.#deleted(this.#metadata.forget(gone));
  }

  /**
   * A broker that comes back quickly may be sent what was meant for it before it went (KIP-380). A newer epoch than its
   * own is right: the controller may have heard of the registration before this broker has. Before it has heard, nothing
   * can be told apart, and requests wait: a leader that has lost a part of its log with the power must not go on.
   */
  async #isForEarlierLife({ brokerEpoch, controllerId, controllerEpoch }: ControlHead, what: string): Promise<boolean> {
    if (this.#options.brokerEpoch() === undefined) await this.#options.registered;
    const own = this.#options.brokerEpoch() ?? unknownBrokerEpoch;
    if (brokerEpoch === unknownBrokerEpoch || brokerEpoch >= own) return false;
    this.#logger.info(
      `Controller ${controllerId} with epoch ${controllerEpoch} has sent ${what} for broker epoch ${brokerEpoch}, which is over: this broker has ${own}.`,
    );
    return true;
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
