import type { BrokerConfig } from './broker-config';
import { brokerDefaults, brokerKeyDefinition, brokerKeyNames, isBrokerKey } from './broker-values';
import { dynamicDefinition } from './dynamic-update';
import { isSensitive, type KeyDefinition, type KeyType } from './key-definition';
import { isTopicKey, LogConfig, topicKeyNames } from './log-config';
import { brokerSynonyms, topicSynonyms } from './synonyms';
import { topicKeys } from './topic-keys';

/** DescribeConfigsResponse.ConfigSource. */
export const ConfigSource = {
  UNKNOWN: 0,
  TOPIC_CONFIG: 1,
  DYNAMIC_BROKER_CONFIG: 2,
  DYNAMIC_DEFAULT_BROKER_CONFIG: 3,
  STATIC_BROKER_CONFIG: 4,
  DEFAULT_CONFIG: 5,
} as const;

export type ConfigSourceCode = (typeof ConfigSource)[keyof typeof ConfigSource];

/** DescribeConfigsResponse.ConfigType; 0 is unknown. */
const configTypes: Readonly<Record<KeyType, number>> = {
  boolean: 1,
  string: 2,
  int: 3,
  short: 4,
  long: 5,
  double: 6,
  list: 7,
  class: 8,
  password: 9,
};

export interface ConfigSynonym {
  readonly name: string;
  readonly value: string | null;
  readonly source: ConfigSourceCode;
}

/** One key in a DescribeConfigs response, in its newest version's fields. */
export interface ConfigEntry extends ConfigSynonym {
  readonly readOnly: boolean;
  readonly isSensitive: boolean;
  /** The one that counts first; empty unless asked for. */
  readonly synonyms: readonly ConfigSynonym[];
  readonly configType: number;
  /** Null unless asked for. */
  readonly documentation: string | null;
}

export interface DescribeOptions {
  /** Null or empty: every key. */
  readonly names?: readonly string[] | null;
  readonly includeSynonyms?: boolean;
  readonly includeDocumentation?: boolean;
}

function selected(keys: Iterable<string>, { names }: DescribeOptions): string[] {
  const all = [...new Set(keys)];
  return names === undefined || names === null || names.length === 0 ? all : all.filter((key) => names.includes(key));
}

function entry(
  name: string,
  value: string | null,
  definition: KeyDefinition | undefined,
  synonyms: readonly ConfigSynonym[],
  readOnly: boolean,
  { includeSynonyms = false, includeDocumentation = false }: DescribeOptions,
): ConfigEntry {
  const sensitive = isSensitive(definition);
  return {
    name,
    value: sensitive ? null : value,
    source: synonyms[0]?.source ?? ConfigSource.DEFAULT_CONFIG,
    readOnly,
    isSensitive: sensitive,
    synonyms: includeSynonyms ? synonyms : [],
    configType: definition === undefined ? 0 : configTypes[definition.type],
    documentation: includeDocumentation ? (definition?.doc ?? null) : null,
  };
}

/** Everywhere that one of `names` has a value, the place that counts first; what overrides `name` itself is left out. */
function synonymsOf(config: BrokerConfig, name: string, names: readonly string[], sensitive: boolean): ConfigSynonym[] {
  const places = [
    [ConfigSource.DYNAMIC_BROKER_CONFIG, (key: string) => config.dynamicProperties('broker').get(key)],
    [ConfigSource.DYNAMIC_DEFAULT_BROKER_CONFIG, (key: string) => config.dynamicProperties('cluster').get(key)],
    [ConfigSource.STATIC_BROKER_CONFIG, (key: string) => config.staticProperties.get(key)],
    [ConfigSource.DEFAULT_CONFIG, (key: string) => (isBrokerKey(key) ? brokerDefaults.get(key)?.text : undefined)],
  ] as const;
  const found = places.flatMap(([source, valueOf]) =>
    names.flatMap((key): ConfigSynonym[] => {
      const value = valueOf(key);
      return value === undefined || value === null ? [] : [{ name: key, value: sensitive ? null : value, source }];
    }),
  );
  const first = found.findIndex((synonym) => synonym.name === name);
  return first < 0 ? [] : found.slice(first);
}

/** The configuration of this broker (DescribeConfigs of a broker by its id). */
export function describeBrokerConfigs(config: BrokerConfig, options: DescribeOptions = {}): ConfigEntry[] {
  const shown = brokerKeyNames.filter((key) => brokerKeyDefinition(key).internal !== true);
  return selected([...shown, ...config.properties.keys()], options).map((name) => {
    const definition = dynamicDefinition(name);
    const value = isBrokerKey(name) ? config.text(name) : (config.properties.get(name) ?? null);
    const synonyms = synonymsOf(config, name, brokerSynonyms(name), isSensitive(definition));
    return entry(name, value, definition, synonyms, !isReconfigurable(name), options);
  });
}

/** The dynamic settings of all brokers (DescribeConfigs of the broker with an empty name). */
export function describeBrokerDefaults(config: BrokerConfig, options: DescribeOptions = {}): ConfigEntry[] {
  const settings = config.dynamicProperties('cluster');
  return selected(settings.keys(), options).map((name) => {
    const definition = dynamicDefinition(name);
    const synonyms = synonymsOf(config, name, brokerSynonyms(name), isSensitive(definition)).filter(
      ({ source }) => source === ConfigSource.DYNAMIC_DEFAULT_BROKER_CONFIG,
    );
    return entry(name, settings.get(name) ?? null, definition, synonyms, !isReconfigurable(name), options);
  });
}

function isReconfigurable(name: string): boolean {
  return isBrokerKey(name) && brokerKeyDefinition(name).mode !== undefined;
}

/** The configuration of a topic: `overrides` is what it sets itself. */
export function describeTopicConfigs(
  config: BrokerConfig,
  overrides: ReadonlyMap<string, string>,
  options: DescribeOptions = {},
): ConfigEntry[] {
  const logConfig = LogConfig.from(config, overrides);
  return selected([...topicKeyNames, ...overrides.keys()], options).map((name) => {
    const known = isTopicKey(name);
    const definition = known ? topicKeys[name] : undefined;
    const value = known ? logConfig.text(name) : null;
    // The broker's keys by the name of the first of them, as Kafka lists them.
    const [brokerKey] = known ? topicSynonyms[name] : [];
    const inherited =
      brokerKey === undefined ? [] : synonymsOf(config, brokerKey, brokerSynonyms(brokerKey), isSensitive(definition));
    const own: ConfigSynonym[] = overrides.has(name) ? [{ name, value, source: ConfigSource.TOPIC_CONFIG }] : [];
    return entry(name, value, definition, [...own, ...inherited], false, options);
  });
}
