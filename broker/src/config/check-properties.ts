import type { BrokerKey } from './broker-keys';
import { brokerDefaults, brokerKeyDefinition, brokerKeyNames, isBrokerKey } from './broker-values';
import { classProblem } from './class-names';
import { hiddenValue, type ConfigProblem, type ConfigWarning } from './config-error';
import { isSensitive, type KeyDefinition } from './key-definition';
import { nearestKey } from './nearest-key';
import { acceptedBy, parseValue, type ParsedValue } from './parse-value';
import { removedKeyMessage } from './removed-keys';
import { parseListenerKey, topicSynonyms } from './synonyms';
import { topicKeys } from './topic-keys';

/** Entries of server.properties read one by one; nothing is said yet about how they fit together. */
export interface CheckedProperties {
  /** Only the keys that are set and could be read. */
  readonly parsed: ReadonlyMap<BrokerKey, ParsedValue>;
  readonly problems: readonly ConfigProblem[];
  readonly warnings: readonly ConfigWarning[];
}

/**
 * A value against its key's definition: its type, its validator, its classes, and whether this broker refuses it.
 * The problem names no key.
 */
export function readValue(
  key: string,
  definition: KeyDefinition,
  text: string,
): { readonly parsed?: ParsedValue; readonly problem?: string } {
  const parsed = parseValue(definition, text);
  if (parsed === undefined) return { problem: `accepted is ${acceptedBy(definition)}` };
  const { value } = parsed;
  if (definition.type === 'class' && value === '') return { problem: 'accepted is a class name' };
  const foreign = typeof value === 'string' || Array.isArray(value) ? classProblem(key, value) : undefined;
  if (foreign !== undefined) return { problem: foreign };
  if (definition.support.kind === 'refused' && parsed.text !== definition.default) {
    return { problem: definition.support.instead };
  }
  return { parsed };
}

/** What is worth saying about a key that is set and accepted. */
export function keyWarnings(key: string, definition: KeyDefinition): ConfigWarning[] {
  const warnings: ConfigWarning[] = [];
  if (definition.deprecated !== undefined) {
    warnings.push({ key, kind: 'deprecated', message: `${key} is deprecated: ${definition.deprecated}.` });
  }
  if (definition.support.kind === 'accepted') {
    warnings.push({ key, kind: 'without-effect', message: `${key} has no effect: ${definition.support.note}.` });
  }
  return warnings;
}

export function shownValue(definition: KeyDefinition | undefined, value: string): string {
  return isSensitive(definition) ? hiddenValue : value;
}

// Keys that plugins of Apache Kafka read, each under its own prefix.
const pluginPrefixes = ['rsm.config.', 'rlmm.config.', 'confluent.'] as const;

function unknownKeyWarning(key: string): ConfigWarning {
  const removed = removedKeyMessage(key);
  if (removed !== undefined) return { key, kind: 'removed', message: removed };
  if (Object.hasOwn(topicKeys, key)) {
    const synonyms = topicSynonyms[key as keyof typeof topicKeys];
    const use = synonyms.length === 0 ? '' : `; for a broker it is ${synonyms.join(' or ')}`;
    return { key, kind: 'unknown', message: `${key} is a key of topics and has no effect here${use}.` };
  }
  const nearest = pluginPrefixes.some((prefix) => key.startsWith(prefix)) ? undefined : nearestKey(key, brokerKeyNames);
  const hint = nearest === undefined ? '' : ` Did you mean ${nearest}?`;
  return { key, kind: 'unknown', message: `${key} is no key of Kafka 3.9 and has no effect.${hint}` };
}

/** broker.id and node.id are two names of one thing: where only one is set, it sets the other. */
export function withBrokerIdSynonym(properties: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const brokerId = properties.get('broker.id');
  const nodeId = properties.get('node.id');
  if (brokerId === undefined && nodeId !== undefined) return new Map(properties).set('broker.id', nodeId);
  if (brokerId !== undefined && nodeId === undefined) return new Map(properties).set('node.id', brokerId);
  return properties;
}

/** Reads every entry: known keys, keys of one listener, and keys that nobody knows. */
export function checkProperties(properties: ReadonlyMap<string, string>): CheckedProperties {
  const parsed = new Map<BrokerKey, ParsedValue>();
  const problems: ConfigProblem[] = [];
  const warnings: ConfigWarning[] = [];
  for (const [key, text] of properties) {
    if (isBrokerKey(key)) {
      const definition = brokerKeyDefinition(key);
      const read = readValue(key, definition, text);
      if (read.problem !== undefined) {
        problems.push({ key, value: shownValue(definition, text), problem: read.problem });
      } else if (read.parsed !== undefined) {
        parsed.set(key, read.parsed);
        warnings.push(...keyWarnings(key, definition));
      }
      continue;
    }
    if (key === 'config.providers' || key.startsWith('config.providers.')) {
      if (key === 'config.providers' && text !== '') {
        const problem = 'config providers are not supported, so ${…} stays as it is; write the values themselves';
        problems.push({ key, value: text, problem });
      }
      continue;
    }
    const baseKey = parseListenerKey(key)?.baseKey;
    if (baseKey === undefined || !isBrokerKey(baseKey)) {
      warnings.push(unknownKeyWarning(key));
      continue;
    }
    const definition = brokerKeyDefinition(baseKey);
    const { problem } = readValue(baseKey, definition, text);
    if (problem !== undefined) {
      problems.push({ key, value: shownValue(definition, text), problem });
    } else {
      const message = `${key} has no effect: keys of a single listener are not supported yet.`;
      warnings.push({ key, kind: 'without-effect', message });
    }
  }
  return { parsed, problems, warnings };
}

/** The defaults under what is set. */
export function parsedOrDefault(parsed: ReadonlyMap<BrokerKey, ParsedValue>, key: BrokerKey): ParsedValue {
  const found = parsed.get(key) ?? brokerDefaults.get(key);
  if (found === undefined) throw new Error(`No key of Kafka 3.9: ${key}`);
  return found;
}
