import { zooKeeperKeys } from './keys/zookeeper';
import { serverKeys } from './keys/server';
import { networkKeys } from './keys/network';
import { replicationKeys } from './keys/replication';
import { logKeys } from './keys/log';
import { cleanerKeys } from './keys/cleaner';
import { groupsKeys } from './keys/groups';
import { shareGroupsKeys } from './keys/share-groups';
import { transactionsKeys } from './keys/transactions';
import { kraftKeys } from './keys/kraft';
import { remoteStorageKeys } from './keys/remote-storage';
import { metricsKeys } from './keys/metrics';
import { quotasKeys } from './keys/quotas';
import { securityKeys } from './keys/security';

/** Every key of server.properties of Kafka 3.9 (KafkaConfig), judged against its ConfigDef. */
export const brokerKeys = {
  ...zooKeeperKeys,
  ...serverKeys,
  ...networkKeys,
  ...replicationKeys,
  ...logKeys,
  ...cleanerKeys,
  ...groupsKeys,
  ...shareGroupsKeys,
  ...transactionsKeys,
  ...kraftKeys,
  ...remoteStorageKeys,
  ...metricsKeys,
  ...quotasKeys,
  ...securityKeys,
} as const;

export type BrokerKey = keyof typeof brokerKeys;
