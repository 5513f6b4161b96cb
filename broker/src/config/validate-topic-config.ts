import type { BrokerValues } from './broker-values';
import { isBrokerKey } from './broker-values';
import { keyWarnings, readValue } from './check-properties';
import { ConfigError, type ConfigProblem, type ConfigWarning } from './config-error';
import type { KeyDefinition } from './key-definition';
import { isTopicKey, LogConfig, topicKeyNames } from './log-config';
import { nearestKey } from './nearest-key';
import { topicSynonyms } from './synonyms';
import { topicKeys } from './topic-keys';

function unknownKeyProblem(key: string): string {
  const own = isBrokerKey(key)
    ? topicKeyNames.find((topicKey) => (topicSynonyms[topicKey] as readonly string[]).includes(key))
    : undefined;
  if (own !== undefined) return `is a key of brokers; for a topic it is ${own}`;
  const nearest = nearestKey(key, topicKeyNames);
  return `is no topic key of Kafka 3.9${nearest === undefined ? '' : `; did you mean ${nearest}?`}`;
}

/**
 * Checks what a topic is to set, all of it together with its broker's configuration (LogConfig.validate).
 * @returns what is accepted and has no effect
 * @throws ConfigError that lists every bad key; its message is what INVALID_CONFIG carries
 */
export function validateTopicConfig(
  broker: BrokerValues,
  overrides: ReadonlyMap<string, string>,
): readonly ConfigWarning[] {
  const problems: ConfigProblem[] = [];
  const warnings: ConfigWarning[] = [];
  for (const [key, value] of overrides) {
    if (!isTopicKey(key)) {
      problems.push({ key, problem: unknownKeyProblem(key) });
      continue;
    }
    const definition: KeyDefinition = topicKeys[key];
    const { problem } = readValue(key, definition, value);
    if (problem === undefined) warnings.push(...keyWarnings(key, definition));
    else problems.push({ key, value, problem });
  }
  if (problems.length === 0) {
    const config = LogConfig.from(broker, overrides);
    if (config.minCompactionLagMs > config.maxCompactionLagMs) {
      const value = config.text('min.compaction.lag.ms') ?? '';
      const problem = `accepted is at most max.compaction.lag.ms, which is ${config.text('max.compaction.lag.ms')}`;
      problems.push({ key: 'min.compaction.lag.ms', value, problem });
    }
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return warnings;
}
