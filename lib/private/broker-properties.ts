import type { Construct } from 'constructs';
import { BrokerConfig } from '../../broker/src/config';
import { brokerKey } from './kafka-keys';

/**
 * What a file of these properties would be on a broker that can do everything Kafka can: listeners in plain text, and
 * without what only Apache's broker does. The rules that hold for both brokers can be tried on it.
 */
function forAnyBroker(properties: ReadonlyMap<string, string>): Map<string, string> {
  const result = new Map<string, string>();
  for (const [key, text] of properties) {
    const definition = brokerKey(key);
    if (definition === undefined || definition.support.kind === 'refused' || text.startsWith('${')) continue;
    if (/(^|\.)(class|reporters|assignors)(\.|$)/.test(key)) continue;
    result.set(key, key === 'listener.security.protocol.map' ? text.replace(/:[A-Z_]+/g, ':PLAINTEXT') : text);
  }
  return result;
}

/** What each pod adds to server.properties, for a check of the whole. */
const ofOnePod: ReadonlyMap<string, string> = new Map([['broker.id', '0']]);

/** Throws with every problem that the broker would have with this file at its start. */
export function checkServerProperties(
  construct: Construct,
  properties: ReadonlyMap<string, string>,
  odradek: boolean,
): void {
  const { problems } = BrokerConfig.check(odradek ? properties : forAnyBroker(properties), ofOnePod);
  if (problems.length === 0) return;
  throw new Error(
    problems
      .map(({ key, value, problem }) => `${construct.node.path}: server.properties: ${key}=${value ?? ''}: ${problem}`)
      .join('\n'),
  );
}

/** The broker under which a topic's own settings are checked. */
export function brokerFor(properties: ReadonlyMap<string, string>): BrokerConfig {
  return BrokerConfig.from(forAnyBroker(properties), ofOnePod).config;
}
