import type { BrokerConfig } from '../config/broker-config';
import type { LogConfig } from '../config/log-config';
import type { KafkaController } from '../controller/kafka-controller';
import type { GroupCoordinator } from '../groups/group-coordinator';
import type { Io } from '../io/io';
import type { Logger } from '../logging/logger';
import type { MetadataCache } from '../replication/metadata-cache';
import type { ReplicaManager } from '../replication/replica-manager';
import type { TransactionCoordinator } from '../transactions/transaction-coordinator';
import type { TransactionVerifier } from '../transactions/transaction-verifier';
import type { AdminManager } from './admin-manager';
import type { AutoTopicCreation } from './auto-topic-creation';
import type { ControlPlane } from './control-plane';
import type { FetchSessionCache } from './fetch-session';

/** An API key with the versions that this broker takes. */
export interface SupportedApi {
  readonly apiKey: number;
  readonly minVersion: number;
  readonly maxVersion: number;
}

/** What request handlers work with: the parts of one broker. */
export interface BrokerContext {
  readonly io: Io;
  readonly logger: Logger;
  readonly config: BrokerConfig;
  readonly brokerId: number;
  readonly clusterId: string;
  readonly metadata: MetadataCache;
  readonly replicas: ReplicaManager;
  readonly groups: GroupCoordinator;
  readonly transactions: TransactionCoordinator;
  readonly transactionVerifier: TransactionVerifier;
  readonly controller: KafkaController;
  readonly controlPlane: ControlPlane;
  readonly admin: AdminManager;
  readonly autoTopicCreation: AutoTopicCreation;
  readonly fetchSessions: FetchSessionCache;
  /** What a topic is configured to now. */
  readonly topicConfig: (topic: string) => LogConfig;
  /** What ApiVersions answers. */
  readonly supportedApis: readonly SupportedApi[];
}
