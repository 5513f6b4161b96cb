import type { BrokerKey } from './broker-keys';
import { brokerKeyDefinition, isBrokerKey, type BrokerValues } from './broker-values';
import { readValue, shownValue } from './check-properties';
import type { ConfigProblem } from './config-error';
import { dynamicOnlyKeys } from './keys/dynamic-only';
import type { KeyDefinition, UpdateMode } from './key-definition';
import { brokerSynonyms, parseListenerKey } from './synonyms';

// What DynamicBrokerConfig allows to change while a broker runs.

// Of one listener only: they hold its key and trust stores.
const listenerOnly: ReadonlySet<string> = new Set([
  'ssl.key.password',
  'ssl.keystore.certificate.chain',
  'ssl.keystore.key',
  'ssl.keystore.location',
  'ssl.keystore.password',
  'ssl.keystore.type',
  'ssl.truststore.certificates',
  'ssl.truststore.location',
  'ssl.truststore.password',
  'ssl.truststore.type',
]);

// Kafka changes them at runtime; this broker reads them at its start only.
const notYetDynamic: ReadonlySet<string> = new Set<BrokerKey>([
  'listeners',
  'advertised.listeners',
  'listener.security.protocol.map',
]);

// At most doubled and at least halved in one step.
const threadPools: ReadonlySet<string> = new Set<BrokerKey>([
  'num.io.threads',
  'num.network.threads',
  'num.replica.fetchers',
  'num.recovery.threads.per.data.dir',
  'background.threads',
]);

/** The definition of a key as it may stand in dynamic settings, also under a listener's prefix; undefined: unknown. */
export function dynamicDefinition(key: string): KeyDefinition | undefined {
  if (Object.hasOwn(dynamicOnlyKeys, key)) return dynamicOnlyKeys[key as keyof typeof dynamicOnlyKeys];
  const base = parseListenerKey(key)?.baseKey ?? key;
  return isBrokerKey(base) ? brokerKeyDefinition(base) : undefined;
}

/** Absent for read-only keys. */
export function updateMode(key: string): UpdateMode | undefined {
  return dynamicDefinition(key)?.mode;
}

/** What is wrong with each of these settings by itself; unknown keys pass, as plugins' own. */
export function dynamicProblems(
  values: BrokerValues,
  scope: 'cluster' | 'broker',
  properties: ReadonlyMap<string, string>,
): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  for (const [key, text] of properties) {
    const definition = dynamicDefinition(key);
    if (definition === undefined) continue;
    const problem = dynamicProblem(values, scope, key, definition, text);
    if (problem !== undefined) problems.push({ key, value: shownValue(definition, text), problem });
  }
  return problems;
}

function dynamicProblem(
  values: BrokerValues,
  scope: 'cluster' | 'broker',
  key: string,
  definition: KeyDefinition,
  text: string,
): string | undefined {
  const ofListener = parseListenerKey(key) !== undefined;
  if (definition.mode === undefined && !ofListener) {
    return 'cannot change while the broker runs; set it in server.properties';
  }
  if (listenerOnly.has(key)) return `can change for one listener only, as listener.name.NAME.${key}`;
  const clusterWide = definition.mode === 'cluster-wide';
  if (scope === 'cluster' && !clusterWide) return 'is a setting of one broker; name the broker';
  const { parsed, problem } = readValue(key, definition, text);
  if (problem !== undefined || parsed === undefined) return problem;
  if (!isBrokerKey(key)) return undefined;
  if (notYetDynamic.has(key) && parsed.text !== values.text(key)) {
    return 'cannot change while this broker runs yet; set it in server.properties and restart';
  }
  if (threadPools.has(key)) {
    const current = Number(values.text(key));
    const wanted = Number(parsed.text);
    if (wanted < 1 || wanted < Math.trunc(current / 2) || wanted > current * 2) {
      return `accepted is from ${Math.max(1, Math.trunc(current / 2))} to ${current * 2}: at most half or double at a time`;
    }
  }
  return undefined;
}

/** Entries over others; one that is set removes its synonyms below, so that its own precedence cannot lose to theirs. */
export function overrideProperties(
  properties: ReadonlyMap<string, string>,
  overrides: ReadonlyMap<string, string>,
): ReadonlyMap<string, string> {
  if (overrides.size === 0) return properties;
  const merged = new Map(properties);
  for (const [key, value] of overrides) {
    for (const synonym of brokerSynonyms(key, { withBase: false })) merged.delete(synonym);
    merged.set(key, value);
  }
  return merged;
}
