import { join } from 'node:path';
import {
  brokerKeys,
  isBrokerKey,
  parseEndPoints,
  parseSecurityProtocolMap,
  type EndPoint,
} from '../../broker/src/config';
import type { KafkaManifests, ZooKeeperManifests } from './kafka-manifests';
import { messageOf, ToolError } from './tool-error';

/** Where a broker of the local cluster is. */
export interface LocalPlaces {
  /** What the pods' file systems are replaced by. */
  readonly directory: string;
  readonly zookeeperPort: number;
  /** The port of each listener, by its name. */
  readonly ports: ReadonlyMap<string, number>;
}

/** One key whose value is another one here; absent: not set. */
export interface Replacement {
  readonly key: string;
  readonly old?: string;
  readonly new?: string;
}

export const localAddress = '127.0.0.1';

// No more replicas than there are brokers.
const countedInBrokers = [
  'default.replication.factor',
  'min.insync.replicas',
  'offsets.topic.replication.factor',
  'transaction.state.log.min.isr',
  'transaction.state.log.replication.factor',
] as const;

// Keys, certificates and logins are Secrets of the cluster, which are not on this machine.
const secured =
  /^(ssl|sasl|listener\.name|zookeeper\.ssl|security\.providers|principal\.builder|delegation\.token|password\.encoder)\.|^(zookeeper\.clientCnxnSocket|zookeeper\.set\.acl|authorizer\.class\.name|super\.users)$|^allow\.everyone\./;

/**
 * The listeners of a server.properties.
 * @throws ToolError for a value that no broker takes
 */
export function listenersOf(properties: ReadonlyMap<string, string>): EndPoint[] {
  const valueOf = (key: 'listeners' | 'listener.security.protocol.map') =>
    properties.get(key) ?? brokerKeys[key].default ?? '';
  try {
    return parseEndPoints(valueOf('listeners'), parseSecurityProtocolMap(valueOf('listener.security.protocol.map')));
  } catch (error) {
    throw new ToolError(`listeners=${valueOf('listeners')}: ${messageOf(error)}`);
  }
}

/**
 * The cluster's server.properties for a broker on this machine, and what in it is another value than in the manifests.
 * All listeners stay, by their names, on the loopback address and without encryption or login.
 * @param ordinal of the broker's pod
 */
export function localProperties(
  { properties, firstBrokerId, replicas }: Pick<KafkaManifests, 'properties' | 'firstBrokerId' | 'replicas'>,
  { directory, zookeeperPort, ports }: LocalPlaces,
  ordinal = 0,
): { readonly properties: ReadonlyMap<string, string>; readonly replacements: readonly Replacement[] } {
  const local = new Map(properties);
  const replacements: Replacement[] = [];
  const replace = (key: string, value: string | undefined): void => {
    const old = local.get(key);
    if (old === value) return;
    if (value === undefined) local.delete(key);
    else local.set(key, value);
    const isDefault = old === undefined && isBrokerKey(key) && brokerKeys[key].default !== null;
    replacements.push({ key, old: isDefault ? `${brokerKeys[key].default} (the default)` : old, new: value });
  };

  const connect = properties.get('zookeeper.connect') ?? '';
  const chroot = connect.includes('/') ? connect.slice(connect.indexOf('/')) : '';
  replace('zookeeper.connect', `${localAddress}:${zookeeperPort}${chroot}`);
  replace('broker.id', String(firstBrokerId + ordinal));

  const listeners = listenersOf(properties);
  const where = listeners
    .map(({ listenerName }) => `${listenerName}://${localAddress}:${ports.get(listenerName)}`)
    .join(',');
  replace('listeners', where);
  replace('advertised.listeners', where);
  if (listeners.some(({ securityProtocol }) => securityProtocol !== 'PLAINTEXT')) {
    replace(
      'listener.security.protocol.map',
      listeners.map(({ listenerName }) => `${listenerName}:PLAINTEXT`).join(','),
    );
    const between = properties.get('security.inter.broker.protocol');
    if (between !== undefined) {
      const { listenerName } = listeners.find(({ securityProtocol }) => securityProtocol === between) ?? listeners[0]!;
      replace('security.inter.broker.protocol', undefined);
      replace('inter.broker.listener.name', listenerName);
    }
  }

  const logKey = ['log.dirs', 'log.dir'].find((key) => properties.has(key)) ?? 'log.dirs';
  const logDirs = (properties.get(logKey) ?? brokerKeys['log.dir'].default ?? '').split(',');
  replace(logKey, logDirs.map((each) => join(directory, each.trim())).join(','));

  for (const key of countedInBrokers) {
    if (Number(properties.get(key) ?? brokerKeys[key].default) > replicas) replace(key, String(replicas));
  }
  for (const [key, value] of properties) {
    // A value in ${} is looked up where the cluster keeps its secrets.
    if (secured.test(key) || value.startsWith('${')) replace(key, undefined);
  }
  return { properties: local, replacements };
}

// The official image's variables for what is a setting of a single server, too.
const zooKeeperVariables: Readonly<Record<string, string>> = {
  ZOO_TICK_TIME: 'tickTime',
  ZOO_MAX_CLIENT_CNXNS: 'maxClientCnxns',
  ZOO_AUTOPURGE_PURGEINTERVAL: 'autopurge.purgeInterval',
  ZOO_AUTOPURGE_SNAPRETAINCOUNT: 'autopurge.snapRetainCount',
  ZOO_4LW_COMMANDS_WHITELIST: '4lw.commands.whitelist',
};

/** The zoo.cfg of the one server that takes the ensemble's place. */
export function localZooCfg(
  zookeeper: ZooKeeperManifests | undefined,
  { directory, zookeeperPort }: Pick<LocalPlaces, 'directory' | 'zookeeperPort'>,
): ReadonlyMap<string, string> {
  const settings = new Map([
    ['clientPort', String(zookeeperPort)],
    ['clientPortAddress', localAddress],
    ['dataDir', directory],
  ]);
  for (const [variable, key] of Object.entries(zooKeeperVariables)) {
    const value = zookeeper?.env.get(variable);
    if (value !== undefined) settings.set(key, value);
  }
  return settings;
}
