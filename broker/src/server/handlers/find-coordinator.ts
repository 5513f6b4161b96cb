import { Apis } from '../../protocol/api-keys';
import { ErrorCode, errorName } from '../../protocol/errors';
import { groupMetadataTopic } from '../../replication/internal-topics';
import { apiHandler } from '../api-handler';
import type { BrokerContext } from '../broker-context';

/** What a key of FindCoordinator is. */
const CoordinatorType = { GROUP: 0, TRANSACTION: 1, SHARE: 2 } as const;

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
  const isGroup = request.keyType === CoordinatorType.GROUP;
  if (isGroup && !broker.metadata.topic(groupMetadataTopic)) createOffsetsTopic(broker);
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
      return groupCoordinatorOf(broker, listenerName, key);
    case CoordinatorType.TRANSACTION:
      // A client that is told to look again later would never hear why there is none.
      return failed(ErrorCode.UNSUPPORTED_VERSION, 'This broker does not support transactions yet');
    case CoordinatorType.SHARE:
      return apiVersion >= 6
        ? failed(ErrorCode.COORDINATOR_NOT_AVAILABLE, 'There are no share groups in ZooKeeper mode')
        : failed(ErrorCode.INVALID_REQUEST, 'Coordinators of share groups are known from version 6');
    default:
      return failed(ErrorCode.INVALID_REQUEST, `Coordinator type ${keyType} is unknown; 0 (group) is known`);
  }
}

function groupCoordinatorOf(broker: BrokerContext, listenerName: string, groupId: string): Coordinator {
  const index = broker.groups.partitionFor(groupId);
  if (index === undefined) {
    return failed(ErrorCode.COORDINATOR_NOT_AVAILABLE, `${groupMetadataTopic} is being created`);
  }
  const partition = broker.metadata.partition(groupMetadataTopic, index);
  const endpoint = partition && broker.metadata.brokers.get(partition.leader)?.endpoints.get(listenerName);
  if (!partition || !endpoint) {
    return failed(ErrorCode.COORDINATOR_NOT_AVAILABLE, `${groupMetadataTopic}-${index} has no leader now`);
  }
  const { host, port } = endpoint;
  return { errorCode: ErrorCode.NONE, errorMessage: '', nodeId: partition.leader, host, port };
}

/** Why the topic could not be created, as it was last said: clients ask again many times a second. */
const saidOf = new WeakMap<BrokerContext, ErrorCode>();

function createOffsetsTopic(broker: BrokerContext): void {
  broker.autoTopicCreation.create([groupMetadataTopic]).then(
    ([{ errorCode }]) => {
      const isUnderWay =
        errorCode === ErrorCode.LEADER_NOT_AVAILABLE || errorCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
      if (isUnderWay || saidOf.get(broker) === errorCode) return;
      saidOf.set(broker, errorCode);
      broker.logger.warn(
        `${groupMetadataTopic} cannot be created (${errorName(errorCode)}): groups have no coordinator until it can. There are ${broker.metadata.brokers.size} brokers, and offsets.topic.replication.factor is ${broker.config.get('offsets.topic.replication.factor')}.`,
      );
    },
    (error: unknown) => broker.logger.error(`Creating ${groupMetadataTopic} failed unexpectedly.`, { error }),
  );
}

function failed(errorCode: ErrorCode, errorMessage: string): Coordinator {
  return { errorCode, errorMessage, nodeId: -1, host: '', port: -1 };
}
