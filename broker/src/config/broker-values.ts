import { brokerKeys, type BrokerKey } from './broker-keys';
import type { KeyDefinition, ValueOf } from './key-definition';
import { parseDefault, type ParsedValue } from './parse-value';

export type BrokerValue<K extends BrokerKey> = ValueOf<(typeof brokerKeys)[K]>;

/** A broker's keys as parsed, with Kafka's defaults for those that are not set. */
export interface BrokerValues {
  get<K extends BrokerKey>(key: K): BrokerValue<K>;
  /** The value as Kafka prints it, exact for every long; null where there is no value. */
  text(key: BrokerKey): string | null;
  /** Whether the key was written down, be it with its default. */
  isSet(key: BrokerKey): boolean;
}

export function isBrokerKey(key: string): key is BrokerKey {
  return Object.hasOwn(brokerKeys, key);
}

export function brokerKeyDefinition(key: BrokerKey): KeyDefinition {
  return brokerKeys[key];
}

export const brokerKeyNames = Object.keys(brokerKeys) as readonly BrokerKey[];

export const brokerDefaults: ReadonlyMap<BrokerKey, ParsedValue> = new Map(
  brokerKeyNames.map((key) => [key, parseDefault(brokerKeys[key])]),
);
