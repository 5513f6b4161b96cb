import type { Construct } from 'constructs';
import { brokerKeys } from '../../broker/src/config/broker-keys';
import { classProblem } from '../../broker/src/config/class-names';
import type { KeyDefinition, KeyTable } from '../../broker/src/config/key-definition';
import { nearestKey } from '../../broker/src/config/nearest-key';
import { acceptedBy, formatValue, parseDefault, parseValue } from '../../broker/src/config/parse-value';
import { removedKeyMessage } from '../../broker/src/config/removed-keys';
import { parseListenerKey } from '../../broker/src/config/synonyms';
import { topicKeys } from '../../broker/src/config/topic-keys';
import type { BrokerImage } from '../broker-image';
import { kafkaBrokerConfigKeys, kafkaTopicConfigKeys } from '../kafka-config.generated';
import { reject } from './reject';
import { warn } from './warnings';

/** What a prop of the generated interfaces may hold. */
export type ConfigValue = boolean | number | string | readonly string[];

interface KeySet {
  /** What the prop is called, for messages. */
  readonly prop: string;
  readonly names: Readonly<Record<string, string>>;
  readonly table: KeyTable;
}

const brokerSet: KeySet = { prop: 'config', names: kafkaBrokerConfigKeys, table: brokerKeys };
const topicSet: KeySet = { prop: 'config', names: kafkaTopicConfigKeys, table: topicKeys };

export function brokerKey(name: string): KeyDefinition | undefined {
  return Object.hasOwn(brokerKeys, name) ? (brokerKeys as KeyTable)[name] : undefined;
}

/** Kafka's default of a broker key, as text. */
export function defaultOf(name: keyof typeof brokerKeys): string {
  return String(brokerKeys[name].default);
}

export function readBrokerConfig(
  construct: Construct,
  config: object | undefined,
  image: BrokerImage,
): Map<string, string> {
  return readConfig(construct, brokerSet, config, image);
}

export function readTopicConfig(
  construct: Construct,
  config: object | undefined,
  image: BrokerImage,
): Map<string, string> {
  return readConfig(construct, topicSet, config, image);
}

/** camelCase props to Kafka's keys and texts, each checked as the broker would check it at its start. */
function readConfig(
  construct: Construct,
  { prop, names, table }: KeySet,
  config: object | undefined,
  image: BrokerImage,
): Map<string, string> {
  const result = new Map<string, string>();
  for (const [name, value] of Object.entries(config ?? {}) as [string, ConfigValue | undefined][]) {
    if (value === undefined) continue;
    const key = Object.hasOwn(names, name) ? names[name] : undefined;
    if (key === undefined) {
      const near = nearestKey(name, Object.keys(names));
      // The value stays out of the message: it may be a secret.
      reject(construct, prop, name, near ? `a known key; ${near} is one` : 'a key of Kafka in camelCase');
    }
    const definition = table[key];
    const text = formatValue(definition.type, value);
    checkValue(construct, `${prop}.${name} (${key})`, key, definition, text, image);
    result.set(key, text);
  }
  return result;
}

/** One value: as Kafka checks it, and, for our own broker, whether it can do what the value asks for. */
function checkValue(
  construct: Construct,
  what: string,
  key: string,
  definition: KeyDefinition,
  text: string,
  image: BrokerImage,
): void {
  if (definition.type === 'password' && !/^\$\{[^}]+\}$/.test(text)) {
    reject(
      construct,
      what,
      '[hidden]',
      "${PROVIDER:PATH:KEY} of one of Kafka's config.providers, on a file that `secrets` mounts (a manifest holds no secret)",
    );
  }
  if (/[\r\n]/.test(text)) reject(construct, what, text, 'one line');
  const parsed = parseValue(definition, text);
  if (parsed === undefined) reject(construct, what, text, acceptedBy(definition));
  if (!image.isOdradek) return;
  const { support } = definition;
  if (parsed.text === parseDefault(definition).text) return;
  if (support.kind === 'refused') {
    reject(
      construct,
      what,
      text,
      `with BrokerImage.odradek(), its default: ${support.instead}; BrokerImage.apache() takes it`,
    );
  }
  const foreign =
    typeof parsed.value === 'object' || typeof parsed.value === 'string' ? classOf(key, parsed.value) : undefined;
  if (foreign !== undefined)
    reject(construct, what, text, `with BrokerImage.odradek(): ${foreign}; BrokerImage.apache() takes it`);
  if (support.kind === 'accepted') warn(construct, `${what}: no effect with BrokerImage.odradek(): ${support.note}`);
}

function classOf(key: string, value: string | readonly string[] | null): string | undefined {
  return value === null ? undefined : classProblem(key, value);
}

/** Read by what Kafka's own keys name as a class; they are not in its table. */
const pluginKeys = ['super.users', 'allow.everyone.if.no.acl.found'];

/**
 * Keys that have no prop: those of one listener (listener.name.NAME.KEY), plugins' and config.providers. A key that
 * has a prop is checked like it.
 */
export function readExtraProperties(
  construct: Construct,
  extra: Readonly<Record<string, string>> | undefined,
  image: BrokerImage,
): Map<string, string> {
  const result = new Map<string, string>();
  for (const [key, text] of Object.entries(extra ?? {})) {
    const what = `extraProperties[${JSON.stringify(key)}]`;
    if (!/^[A-Za-z0-9._-]+$/.test(key)) reject(construct, what, text, 'a key of letters, digits, ., _ and -');
    const base = parseListenerKey(key)?.baseKey ?? key;
    const definition = brokerKey(base);
    if (definition !== undefined) {
      checkValue(construct, what, base, definition, text, image);
    } else if (!key.startsWith('config.providers') && !pluginKeys.includes(key)) {
      const removed = removedKeyMessage(key);
      const near = nearestKey(key, Object.keys(brokerKeys));
      warn(construct, `${what}: ${removed ?? `not a key of Kafka 3.9${near ? `; ${near} is one` : ''}`}`);
    } else if (image.isOdradek) {
      reject(
        construct,
        what,
        text,
        'with BrokerImage.odradek(), nothing: it has no config providers and no authorizer yet',
      );
    }
    result.set(key, text);
  }
  return result;
}
