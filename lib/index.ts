export { type ApacheImageProps, BrokerImage, type OdradekImageProps } from './broker-image';
export { DeletionPolicy } from './deletion-policy';
export { KafkaCluster, type KafkaClusterProps, type SecretMount } from './kafka-cluster';
export type { KafkaBrokerConfig, KafkaTopicConfig } from './kafka-config.generated';
export { KafkaTopic, type KafkaTopicProps } from './kafka-topic';
export {
  type ExternalListenerProps,
  type InternalListenerProps,
  Listener,
  type LoadBalancerListenerProps,
  type NodePortListenerProps,
} from './listener';
export { NfsProvisioner, type NfsProvisionerProps } from './nfs-provisioner';
export { Rack } from './rack';
export { SecurityProtocol } from './security-protocol';
export { type EphemeralStorageProps, type PersistentStorageProps, Storage } from './storage';
export { StorageClassRef } from './storage-class-ref';
export { TestClient, type TestClientProps } from './test-client';
export { type SaslCredentials, ZooKeeperAuthentication } from './zookeeper-authentication';
export { ZooKeeperEnsemble, type ZooKeeperEnsembleProps } from './zookeeper-ensemble';
export { type IZooKeeper, ZooKeeperRef } from './zookeeper-ref';
