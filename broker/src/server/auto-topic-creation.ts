import type { BrokerConfig } from '../config/broker-config';
import { ErrorCode } from '../protocol/errors';
import { groupMetadataTopic, transactionStateTopic } from '../replication/internal-topics';
import type { AdminManager, CreatableTopic } from './admin-manager';
import { topicNameProblem } from './topic-name';

/** What Metadata says about a topic whose creation was begun, or could not be. */
export interface AutoCreatedTopic {
  readonly name: string;
  /** LEADER_NOT_AVAILABLE: it is created, and the client may ask again. */
  readonly errorCode: ErrorCode;
}

/**
 * Creates topics because somebody uses them (Kafka's AutoTopicCreationManager). A broker that is not the controller
 * writes them to ZooKeeper itself, as Kafka's does without forwarding: the controller finds them there.
 */
export class AutoTopicCreation {
  readonly #config: BrokerConfig;
  readonly #admin: AdminManager;
  readonly #inflight = new Set<string>();

  constructor(config: BrokerConfig, admin: AdminManager) {
    this.#config = config;
    this.#admin = admin;
  }

  /**
   * Creates topics without waiting for their leaders. In the order given, each name once; it never rejects. A topic
   * that is just being created for another request is UNKNOWN_TOPIC_OR_PARTITION.
   */
  async create(topics: readonly string[]): Promise<AutoCreatedTopic[]> {
    const errors = new Map<string, ErrorCode>();
    const creatable: string[] = [];
    for (const name of new Set(topics)) {
      if (topicNameProblem(name) !== undefined) errors.set(name, ErrorCode.INVALID_TOPIC_EXCEPTION);
      else if (this.#inflight.has(name)) errors.set(name, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
      else {
        errors.set(name, ErrorCode.LEADER_NOT_AVAILABLE);
        this.#inflight.add(name);
        creatable.push(name);
      }
    }
    try {
      const options = { timeoutMs: 0, validateOnly: false };
      for (const { name, errorCode } of await this.#admin.createTopics(
        creatable.map((name) => this.#topic(name)),
        options,
      )) {
        // Created without waiting is what a timeout of 0 is answered with.
        const isThere = errorCode === ErrorCode.REQUEST_TIMED_OUT || errorCode === ErrorCode.TOPIC_ALREADY_EXISTS;
        if (!isThere) errors.set(name, errorCode);
      }
    } finally {
      for (const name of creatable) this.#inflight.delete(name);
    }
    return [...errors].map(([name, errorCode]) => ({ name, errorCode }));
  }

  #topic(name: string): CreatableTopic {
    const config = this.#config;
    switch (name) {
      case groupMetadataTopic:
        return creatable(
          name,
          config.get('offsets.topic.num.partitions'),
          config.get('offsets.topic.replication.factor'),
          {
            'cleanup.policy': 'compact',
            'segment.bytes': String(config.get('offsets.topic.segment.bytes')),
            'compression.type': 'producer',
          },
        );
      case transactionStateTopic:
        return creatable(
          name,
          config.get('transaction.state.log.num.partitions'),
          config.get('transaction.state.log.replication.factor'),
          {
            'unclean.leader.election.enable': 'false',
            'compression.type': 'uncompressed',
            'cleanup.policy': 'compact',
            'min.insync.replicas': String(config.get('transaction.state.log.min.isr')),
            'segment.bytes': String(config.get('transaction.state.log.segment.bytes')),
          },
        );
      default:
        return creatable(name, config.get('num.partitions'), config.get('default.replication.factor'), {});
    }
  }
}

function creatable(
  name: string,
  numPartitions: number,
  replicationFactor: number,
  configs: Readonly<Record<string, string>>,
): CreatableTopic {
  return {
    name,
    numPartitions,
    replicationFactor,
    assignments: [],
    configs: Object.entries(configs).map(([key, value]) => ({ name: key, value })),
  };
}
