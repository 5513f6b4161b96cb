import { creatorAllAcl, openAcl, readAcl, type Acl } from '../requests';
import { DeleteTopicsZNode } from './admin';
import { BrokerIdsZNode } from './broker-id';
import { BrokerSequenceIdZNode } from './cluster-id';
import { ConfigChangeZNode, ConfigEntityTypeZNode, ConfigType } from './config-entity';
import { IsrChangeNotificationZNode, LogDirEventNotificationZNode } from './notifications';
import { ProducerIdBlockZNode } from './producer-id-block';
import { TopicsZNode } from './topic';

// Of consumers before 0.9, which write here themselves: it stays open to all.
const consumersPath = '/consumers';

/** Paths that a broker creates at its start when they are missing (ZkData.PersistentZkPaths). */
export const persistentZkPaths: readonly string[] = [
  consumersPath,
  BrokerIdsZNode.path,
  TopicsZNode.path,
  ConfigChangeZNode.parent,
  DeleteTopicsZNode.path,
  BrokerSequenceIdZNode.path,
  IsrChangeNotificationZNode.parent,
  ProducerIdBlockZNode.path,
  LogDirEventNotificationZNode.parent,
  ...Object.values(ConfigType).map(ConfigEntityTypeZNode.path),
];

// They hold credentials or may: with zookeeper.set.acl only brokers read them.
const sensitivePaths = [
  ConfigEntityTypeZNode.path(ConfigType.users),
  ConfigEntityTypeZNode.path(ConfigType.brokers),
  '/delegation_token/tokens',
];

/** The ACL that a znode is created with; `secure`: zookeeper.set.acl (ZkData.defaultAcls). */
export function defaultAcls(secure: boolean, path: string): readonly Acl[] {
  if (!secure || path === consumersPath) return openAcl;
  return sensitivePaths.some((sensitive) => path.startsWith(sensitive))
    ? creatorAllAcl
    : [...creatorAllAcl, ...readAcl];
}
