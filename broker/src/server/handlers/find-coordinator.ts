import { Apis } from '../../protocol/api-keys';
import { ErrorCode, errorName } from '../../protocol/errors';
import { groupMetadataTopic, transactionStateTopic } from '../../replication/internal-topics';
import { apiHandler } from '../api-handler';
import type { BrokerContext } from '../broker-context';

/** What a key of FindCoordinator is. */
const CoordinatorType = { GROUP: 0, TRANSACTION: 1, SHARE: 2 } as const;

type CoordinatorTopic = typeof groupMetadataTopic | typeof transactionStateTopic;

const topics = {
  [groupMetadataTopic]: { what: 'groups', replicationFactor: 'offsets.topic.replication.factor' },
  [transactionStateTopic]: { what: 'transactions', replicationFactor: 'transaction.state.log.replication.factor' },
} as const;

interface Coordinator {
  readonly errorCode: ErrorCode;
  readonly errorMessage: string;
  readonly nodeId: number;
  readonly host: string;
  readonly port: number;
}

/** Kafka's handleFindCoordinatorRequest: which broker leads the key's partition. From version 4 for several keys. */
export const findCoordinator = apiHandler(Apis.FindCoordinator, (broker, request, context, respond) => {
  const { apiVersion } = context.header;
  const topic = topicOf(request.keyType);
  if (topic !== undefined && !broker.metadata.topic(topic)) createTopic(broker, topic);
  const find = (key: string): Coordinator =>
    coordinatorOf(broker, context.listenerName, apiVersion, request.keyType, key);
  if (apiVersion < 4) {
    const { errorCode, errorMessage, ...node } = find(request.key);
    respond({ throttleTimeMs: 0, errorCode, errorMessage: errorMessage || errorName(errorCode), ...node });
    return;
  }
  respond({ throttleTimeMs: 0, coordinators: request.coordinatorKeys.map((key) => ({ key, ...find(key) })) });
});

function coordinatorOf(
  broker: BrokerContext,
  listenerName: string,
  apiVersion: number,
  keyType: number,
  key: string,
): Coordinator {
  switch (keyType) {
    case CoordinatorType.GROUP:
      return leaderOf(broker, listenerName, groupMetadataTopic, broker.groups.partitionFor(key));
    case CoordinatorType.TRANSACTION:
      return leaderOf(broker, listenerName, transactionStateTopic, broker.transactions.partitionFor(key));
    case CoordinatorType.SHARE:
      return apiVersion >= 6
        ? failed(ErrorCode.COORDINATOR_NOT_AVAILABLE, 'There are no share groups in ZooKeeper mode')
        : failed(ErrorCode.INVALID_REQUEST, 'Coordinators of share groups are known from version 6');
    default:
      return failed(
        ErrorCode.INVALID_REQUEST,
        `Coordinator type ${keyType} is unknown; 0 (group) and 1 (transaction) are known`,
      );
  }
}

function topicOf(keyType: number): CoordinatorTopic | undefined {
  if (keyType === CoordinatorType.GROUP) return groupMetadataTopic;
  return keyType === CoordinatorType.TRANSACTION ? transactionStateTopic : undefined;
}

/** @param index undefined while the topic does not exist, or how many partitions it has is not known */
function leaderOf(
  broker: BrokerContext,
  listenerName: string,
  topic: CoordinatorTopic,
  index: number | undefined,
): Coordinator {
  if (index === undefined) {
    const what = broker.metadata.topic(topic) ? 'is being looked up' : 'is being created';
    return failed(ErrorCode.COORDINATOR_NOT_AVAILABLE, `${topic} ${what}`);
  }
  const partition = broker.metadata.partition(topic, index);
  const endpoint = partition && broker.metadata.brokers.get(partition.leader)?.endpoints.get(listenerName);
  if (!partition || !endpoint) {
    return failed(ErrorCode.COORDINATOR_NOT_AVAILABLE, `${topic}-${index} has no leader now`);
  }
  const { host, port } = endpoint;
  return { errorCode: ErrorCode.NONE, errorMessage: '', nodeId: partition.leader, host, port };
}

/** Why a topic could not be created, as it was last said: clients ask again many times a second. */
const saidOf = new WeakMap<BrokerContext, Map<string, ErrorCode>>();

function createTopic(broker: BrokerContext, topic: CoordinatorTopic): void {
  broker.autoTopicCreation.create([topic]).then(
    ([{ errorCode }]) => {
      const isUnderWay =
        errorCode === ErrorCode.LEADER_NOT_AVAILABLE || errorCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
      const said = saidOf.get(broker) ?? new Map<string, ErrorCode>();
      if (isUnderWay || said.get(topic) === errorCode) return;
      saidOf.set(broker, said.set(topic, errorCode));
      const { what, replicationFactor } = topics[topic];
      broker.logger.warn(
        `${topic} cannot be created (${errorName(errorCode)}): ${what} have no coordinator until it can. There are ${broker.metadata.brokers.size} brokers, and ${replicationFactor} is ${broker.config.get(replicationFactor)}.`,
      );
    },
    (error: unknown) => broker.logger.error(`Creating ${topic} failed unexpectedly.`, { error }),
  );
}

function failed(errorCode: ErrorCode, errorMessage: string): Coordinator {
  return { errorCode, errorMessage, nodeId: -1, host: '', port: -1 };
}
