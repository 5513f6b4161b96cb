import { parseProperties } from '../../broker/src/config/properties';
import { at, listAt, textAt, titleOf, type Manifest } from './manifest';
import { messageOf, ToolError } from './tool-error';

/** A ZooKeeper ensemble of the manifests. */
export interface ZooKeeperManifests {
  readonly title: string;
  readonly replicas: number;
  /** The environment of its container. */
  readonly env: ReadonlyMap<string, string>;
}

/** A Kafka cluster of the manifests. */
export interface KafkaManifests {
  readonly name: string;
  readonly namespace: string;
  readonly replicas: number;
  /** Of the object that holds server.properties. */
  readonly configTitle: string;
  readonly properties: ReadonlyMap<string, string>;
  /** broker.id of the first pod. */
  readonly firstBrokerId: number;
  /** Absent when the manifests use a ZooKeeper that they don't make. */
  readonly zookeeper?: ZooKeeperManifests;
}

function ofNamespace(manifest: Manifest): string {
  return manifest.namespace ?? 'default';
}

function replicasOf({ content }: Manifest): number {
  const replicas = at(content, 'spec', 'replicas');
  return typeof replicas === 'number' ? replicas : 1;
}

/** The ConfigMap with server.properties that the pods of a StatefulSet mount. */
function configMapOf(set: Manifest, manifests: readonly Manifest[]): Manifest | undefined {
  const names = listAt(set.content, 'spec', 'template', 'spec', 'volumes').map((each) =>
    textAt(each, 'configMap', 'name'),
  );
  return manifests.find(
    (each) =>
      each.kind === 'ConfigMap' &&
      ofNamespace(each) === ofNamespace(set) &&
      names.includes(each.name) &&
      textAt(each.content, 'data', 'server.properties') !== undefined,
  );
}

function environment({ content }: Manifest): Map<string, string> {
  const env = new Map<string, string>();
  for (const container of listAt(content, 'spec', 'template', 'spec', 'containers')) {
    for (const entry of listAt(container, 'env')) {
      const name = textAt(entry, 'name');
      const value = textAt(entry, 'value');
      if (name !== undefined && value !== undefined) env.set(name, value);
    }
  }
  return env;
}

/** The StatefulSet whose pods, or whose Service, the connect string names. */
function zooKeeperOf(connect: string, manifests: readonly Manifest[]): ZooKeeperManifests | undefined {
  const hosts = connect.split('/')[0]!.split(',');
  const labels = hosts.map((host) => host.trim().split(/[.:]/)[0]!);
  const set = manifests.find(
    ({ kind, name, content }) =>
      kind === 'StatefulSet' &&
      environment({ kind, name, content }).has('ZOO_SERVERS') &&
      labels.some((label) => label === name || label.replace(/-\d+$/, '') === name),
  );
  return set && { title: titleOf(set), replicas: replicasOf(set), env: environment(set) };
}

/**
 * The Kafka clusters of a set of manifests: StatefulSets that mount a ConfigMap with server.properties.
 * @throws ToolError when a server.properties cannot be read
 */
export function kafkaClustersOf(manifests: readonly Manifest[]): KafkaManifests[] {
  return manifests.flatMap((set) => {
    if (set.kind !== 'StatefulSet') return [];
    const config = configMapOf(set, manifests);
    if (config === undefined) return [];
    let properties: ReadonlyMap<string, string>;
    try {
      properties = parseProperties(textAt(config.content, 'data', 'server.properties')!);
    } catch (error) {
      throw new ToolError(`${titleOf(config)}: server.properties: ${messageOf(error)}`);
    }
    // The start script of the pods counts from there.
    const start = textAt(config.content, 'data', 'start.sh') ?? '';
    const [, first = '0'] = /^broker_id=\$\(\(ordinal \+ (\d+)\)\)$/m.exec(start) ?? [];
    return [
      {
        name: set.name,
        namespace: ofNamespace(set),
        replicas: replicasOf(set),
        configTitle: titleOf(config),
        properties,
        firstBrokerId: Number(first),
        zookeeper: zooKeeperOf(properties.get('zookeeper.connect') ?? '', manifests),
      },
    ];
  });
}
