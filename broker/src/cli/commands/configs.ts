import { BrokerConfig } from '../../config/broker-config';
import { AlterOperation } from '../../config/alter-configs';
import { ConfigSource } from '../../config/describe-configs';
import { silentLogger } from '../../logging/logger';
import { Apis } from '../../protocol/api-keys';
import { AdminZkClient } from '../../server/admin-zk-client';
import { ConfigType, defaultEntityName } from '../../zookeeper/znodes/config-entity';
import { CommandError, messageOf, UsageError } from '../cli-error';
import { readPropertiesFile } from '../client/client-properties';
import { throwIfError, type ClusterClient } from '../client/cluster-client';
import { withCluster } from '../client/connect';
import { defineCommand } from '../command';
import { parseAddedConfigs, parseDeletedConfigs, requireKeys } from '../configs/config-arguments';
import { describeConfigs, ResourceType, resourceTarget, type DescribedConfig } from '../configs/describe-configs';
import type { CliContext } from '../context';
import { flag, text, texts, type OptionValues } from '../options';
import { byCodeUnit } from '../topics/topic-filter';
import { connectZooKeeper } from '../zookeeper/connect-zookeeper';

const options = {
  bootstrapServer: text('server', 'Brokers to ask first: host:port,host:port.'),
  commandConfig: text('file', "Properties of the client that asks, in Kafka's names."),
  zookeeper: text('hosts', 'Instead of brokers, as until Kafka 2.8: host:port,host:port/chroot.'),
  describe: flag('Show what is set.'),
  alter: flag('Set and remove.'),
  all: flag('Describe: also what is a default, or set in server.properties.'),
  entityType: texts('type', 'topics, brokers or broker-loggers.'),
  entityName: texts('name', 'The topic, or the id of the broker.'),
  entityDefault: flag('What holds for all brokers.'),
  topic: text('topic', 'Short for --entity-type topics --entity-name.'),
  broker: text('id', 'Short for --entity-type brokers --entity-name.'),
  brokerLogger: text('id', 'Short for --entity-type broker-loggers --entity-name.'),
  brokerDefaults: flag('Short for --entity-type brokers --entity-default.'),
  addConfig: text('configs', 'What to set: k1=v1,k2=[v1,v2].'),
  addConfigFile: text('file', 'What to set, from a properties file.'),
  deleteConfig: texts('keys', 'What to remove: k1,k2.'),
  force: flag('Without effect.', { hidden: true }),
};
type Options = OptionValues<typeof options>;

/** kafka-configs */
export const configs = defineCommand({
  summary: 'Describe and alter the configuration of topics and brokers (kafka-configs).',
  options,
  helpWithoutArguments: true,
  examples: [
    '% --bootstrap-server localhost:9092 --entity-type topics --entity-name orders --describe',
    '% --bootstrap-server localhost:9092 --topic orders --alter --add-config retention.ms=3600000',
    '% --bootstrap-server localhost:9092 --broker 1 --describe --all',
  ],
  async run({ options: given }, context) {
    if (given.describe === given.alter) {
      throw new UsageError('Command must include exactly one action: --describe, --alter');
    }
    const entity = entityOf(given);
    if (given.alter && entity.name === undefined) {
      throw new UsageError(`an entity name must be specified with --alter of ${entity.type}`);
    }
    if ((given.bootstrapServer === undefined) === (given.zookeeper === undefined)) {
      throw new UsageError('One of --bootstrap-server and --zookeeper must be specified');
    }
    const change = given.alter ? await changeOf(given, context) : undefined;
    try {
      if (given.zookeeper !== undefined) await throughZooKeeper(context, given.zookeeper, entity, change);
      else await withCluster(context, given, (cluster) => throughBrokers(context, cluster, entity, change, given.all));
      return 0;
    } catch (error) {
      if (error instanceof UsageError) throw error;
      context.stderr.line(messageOf(error));
      return 1;
    }
  },
});

const entityTypes = ['topics', 'brokers', 'broker-loggers'] as const;
type EntityType = (typeof entityTypes)[number];

interface Entity {
  readonly type: EntityType;
  /** Undefined: all of the type. Empty: what holds for all brokers. */
  readonly name: string | undefined;
}

interface Change {
  readonly added: ReadonlyMap<string, string>;
  readonly deleted: readonly string[];
}

function entityOf(given: Options): Entity {
  const short = (
    [
      ['topics', given.topic],
      ['brokers', given.broker],
      ['broker-loggers', given.brokerLogger],
      ['brokers', given.brokerDefaults ? '' : undefined],
    ] as const
  ).filter(([, name]) => name !== undefined);
  const usesLong = given.entityType.length > 0 || given.entityName.length > 0 || given.entityDefault;
  if (usesLong && short.length > 0) {
    throw new UsageError('--entity-{type,name,default} should not be used in conjunction with specific entity flags');
  }
  if (given.entityType.length + short.length !== 1) {
    throw new UsageError(`Exactly one entity type is accepted, of ${entityTypes.join(', ')}`);
  }
  const [type, name] = short[0] ?? [given.entityType[0]!, given.entityDefault ? '' : given.entityName[0]];
  if (!entityTypes.includes(type as EntityType)) {
    throw new UsageError(`Invalid entity type ${type}, the entity type must be one of ${entityTypes.join(', ')}`);
  }
  if (type !== 'topics' && name !== undefined && name !== '' && !/^\d+$/.test(name)) {
    throw new UsageError(`The entity name for ${type} must be a valid integer broker id, but it is: ${name}`);
  }
  return { type: type as EntityType, name };
}

async function changeOf(given: Options, { io }: CliContext): Promise<Change> {
  const added = new Map([
    ...(await readPropertiesFile(io.files, '--add-config-file', given.addConfigFile)),
    ...(given.addConfig === undefined ? [] : parseAddedConfigs(given.addConfig)),
  ]);
  requireKeys(added.keys());
  const deleted = parseDeletedConfigs(given.deleteConfig);
  if (added.size === 0 && deleted.length === 0) {
    throw new UsageError(
      'At least one of --add-config, --add-config-file, or --delete-config must be specified with --alter',
    );
  }
  return { added, deleted };
}

const resourceTypes = {
  topics: ResourceType.topic,
  brokers: ResourceType.broker,
  'broker-loggers': ResourceType.brokerLogger,
} as const;

const dynamicLoggerConfig = 6;

const sources: Readonly<Record<number, string>> = {
  [ConfigSource.UNKNOWN]: 'UNKNOWN',
  [ConfigSource.TOPIC_CONFIG]: 'DYNAMIC_TOPIC_CONFIG',
  [ConfigSource.DYNAMIC_BROKER_CONFIG]: 'DYNAMIC_BROKER_CONFIG',
  [ConfigSource.DYNAMIC_DEFAULT_BROKER_CONFIG]: 'DYNAMIC_DEFAULT_BROKER_CONFIG',
  [ConfigSource.STATIC_BROKER_CONFIG]: 'STATIC_BROKER_CONFIG',
  [ConfigSource.DEFAULT_CONFIG]: 'DEFAULT_CONFIG',
  [dynamicLoggerConfig]: 'DYNAMIC_BROKER_LOGGER_CONFIG',
};

async function throughBrokers(
  context: CliContext,
  cluster: ClusterClient,
  entity: Entity,
  change: Change | undefined,
  all: boolean,
): Promise<void> {
  const { stdout } = context;
  if (change !== undefined) {
    await alter(cluster, entity, change);
    const { type, name } = entity;
    stdout.line(
      name === ''
        ? `Completed updating default config for ${type} in the cluster.`
        : `Completed updating config for ${type.slice(0, -1)} ${name}.`,
    );
    return;
  }
  for (const name of entity.name === undefined ? await allNames(cluster, entity.type) : [entity.name]) {
    const found = await configsOf(cluster, { type: entity.type, name }, all);
    stdout.line(
      name === ''
        ? `Default configs for ${entity.type} in the cluster are:`
        : `${all ? 'All' : 'Dynamic'} configs for ${entity.type.slice(0, -1)} ${name} are:`,
    );
    for (const entry of found) {
      const synonyms = entry.synonyms.map(
        (synonym) => `${sources[synonym.source] ?? 'UNKNOWN'}:${synonym.name}=${synonym.value}`,
      );
      stdout.line(`  ${entry.name}=${entry.value} sensitive=${entry.isSensitive} synonyms={${synonyms.join(', ')}}`);
    }
  }
}

async function allNames(cluster: ClusterClient, type: EntityType): Promise<string[]> {
  const { topics, brokers } = await cluster.metadata(type === 'topics' ? null : []);
  if (type === 'topics') return topics.map(({ name }) => name ?? '').sort(byCodeUnit);
  return [...brokers.map(({ nodeId }) => String(nodeId)), ...(type === 'brokers' ? [''] : [])];
}

/** By name; without `all` only what is set for this entity itself. */
async function configsOf(
  cluster: ClusterClient,
  { type, name }: { readonly type: EntityType; readonly name: string },
  all: boolean,
): Promise<DescribedConfig[]> {
  const [found = []] = await describeConfigs(cluster, [{ type: resourceTypes[type], name }], true);
  const own =
    type === 'topics'
      ? ConfigSource.TOPIC_CONFIG
      : name === ''
        ? ConfigSource.DYNAMIC_DEFAULT_BROKER_CONFIG
        : ConfigSource.DYNAMIC_BROKER_CONFIG;
  const isShown = (entry: DescribedConfig) => all || type === 'broker-loggers' || entry.configSource === own;
  return found.filter(isShown).sort((left, right) => byCodeUnit(left.name, right.name));
}

async function alter(cluster: ClusterClient, { type, name = '' }: Entity, { added, deleted }: Change): Promise<void> {
  const old = new Set((await configsOf(cluster, { type, name }, false)).map((entry) => entry.name));
  const invalid = deleted.filter((key) => !old.has(key));
  if (invalid.length > 0) throw new CommandError(`Invalid config(s): ${invalid.join(',')}`);
  const resource = { type: resourceTypes[type], name };
  const input = {
    resources: [
      {
        resourceType: resource.type,
        resourceName: name,
        configs: [
          ...[...added].map(([key, value]) => ({ name: key, configOperation: AlterOperation.SET, value })),
          ...deleted.map((key) => ({ name: key, configOperation: AlterOperation.DELETE, value: '' })),
        ],
      },
    ],
    validateOnly: false,
  };
  await cluster.request(resourceTarget(resource), Apis.IncrementalAlterConfigs, input, ({ responses }) => {
    for (const { errorCode, errorMessage } of responses) throwIfError(errorCode, errorMessage);
  });
}

async function throughZooKeeper(
  context: CliContext,
  connectString: string,
  { type, name }: Entity,
  change: Change | undefined,
): Promise<void> {
  if (type === 'broker-loggers') throw new CommandError('broker-loggers are not in ZooKeeper: use --bootstrap-server');
  const { stdout } = context;
  const zk = await connectZooKeeper(context, connectString);
  try {
    const { config } = BrokerConfig.from(new Map([['zookeeper.connect', connectString]]));
    const admin = new AdminZkClient(context.io.random, silentLogger, zk, config);
    const shown = (entity: string) => {
      if (type === 'topics') return `topic '${entity}'`;
      return entity === '' ? 'default brokers' : `brokers '${entity}'`;
    };
    const brokerOf = (entity: string) => (entity === '' ? undefined : Number(entity));
    const read = (entity: string) =>
      type === 'topics' ? admin.topicConfig(entity) : admin.brokerConfig(brokerOf(entity));
    if (change === undefined) {
      const names = name === undefined ? await zk.getEntitiesWithConfig(ConfigType[type]) : [name];
      for (const entity of [...names].sort(byCodeUnit)) {
        const plain = entity === defaultEntityName ? '' : entity;
        const pairs = [...(await read(plain))].map(([key, value]) => `${key}=${value}`);
        stdout.line(`Configs for ${shown(plain)} are ${pairs.join(',')}`);
      }
      return;
    }
    const changed = new Map(await read(name!));
    const invalid = change.deleted.filter((key) => !changed.has(key));
    if (invalid.length > 0) throw new CommandError(`Invalid config(s): ${invalid.join(',')}`);
    for (const [key, value] of change.added) changed.set(key, value);
    for (const key of change.deleted) changed.delete(key);
    if (type === 'topics') {
      await admin.validateTopicConfig(name!, changed);
      await admin.changeTopicConfig(name!, changed);
    } else {
      config.validateDynamic(name === '' ? 'cluster' : 'broker', changed);
      await admin.changeBrokerConfig(brokerOf(name!), changed);
    }
    stdout.line(`Completed Updating config for entity: ${shown(name!)}.`);
  } finally {
    await zk.close();
  }
}
