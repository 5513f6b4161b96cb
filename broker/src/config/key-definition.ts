import type { Support } from './support';
import type { Validator } from './validators';

/** The types of Kafka's ConfigDef. */
export type KeyType = 'boolean' | 'int' | 'short' | 'long' | 'double' | 'string' | 'list' | 'class' | 'password';

export type Importance = 'high' | 'medium' | 'low';

/** How a key can change while the broker runs, in the words of Kafka's documentation; absent means read-only. */
export type UpdateMode = 'per-broker' | 'cluster-wide';

/** One key of server.properties or of a topic. */
export interface KeyDefinition {
  readonly type: KeyType;
  /** The default as Kafka prints it; null where there is none. */
  readonly default: string | null;
  readonly valid?: Validator;
  readonly importance: Importance;
  readonly doc: string;
  readonly support: Support;
  readonly mode?: UpdateMode;
  /** Kafka keeps it out of its documentation and out of DescribeConfigs. */
  readonly internal?: true;
  /** Deprecated by Kafka 3.9: what to use instead, or that it does nothing. */
  readonly deprecated?: string;
}

export type KeyTable = Readonly<Record<string, KeyDefinition>>;

/** A parsed value. A long beyond 2^53 is the nearest double; its exact text is kept beside it. */
export type Value = boolean | number | string | readonly string[] | null;

interface ValueTypes {
  readonly boolean: boolean;
  readonly int: number;
  readonly short: number;
  readonly long: number;
  readonly double: number;
  readonly string: string;
  readonly list: readonly string[];
  readonly class: string;
  readonly password: string;
}

/** The TypeScript type of a key's value, read off its definition. */
export type ValueOf<D extends KeyDefinition> = ValueTypes[D['type']] | (D['default'] extends null ? null : never);

/** True for what must never be shown. A key that nobody knows may be a plugin's secret, so it counts as sensitive. */
export function isSensitive(definition: KeyDefinition | undefined): boolean {
  return definition === undefined || definition.type === 'password';
}
