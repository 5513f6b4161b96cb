import { ConfigError, type ConfigProblem } from './config-error';
import type { KeyDefinition } from './key-definition';

/** AlterConfigOp.OpType, by its code in IncrementalAlterConfigs. */
export const AlterOperation = { SET: 0, DELETE: 1, APPEND: 2, SUBTRACT: 3 } as const;

export interface AlterConfigOp {
  readonly name: string;
  /** One of AlterOperation. */
  readonly operation: number;
  /** Null with DELETE only. */
  readonly value: string | null;
}

function elements(text: string): string[] {
  const list = text.split(',');
  // Scala's split drops the empty elements at the end.
  while (list.at(-1) === '') list.pop();
  return list;
}

function altered(
  { operation, value }: AlterConfigOp,
  current: string | undefined,
  definition: KeyDefinition | undefined,
): { readonly value?: string; readonly problem?: string } {
  if (operation === AlterOperation.DELETE) return {};
  if (value === null) return { problem: 'has no value; only a deletion goes without one' };
  if (operation === AlterOperation.SET) return { value };
  if (operation !== AlterOperation.APPEND && operation !== AlterOperation.SUBTRACT) {
    return { problem: `${operation} is no operation; accepted is 0 set, 1 delete, 2 append or 3 subtract` };
  }
  if (definition === undefined) return { problem: 'is no key of Kafka 3.9' };
  if (definition.type !== 'list') return { problem: 'is no list: it can be set or deleted, nothing appended or taken' };
  const list = elements(current ?? definition.default ?? '');
  if (operation === AlterOperation.APPEND) {
    return { value: [...list, ...elements(value).filter((element) => !list.includes(element))].join(',') };
  }
  for (const element of elements(value)) {
    const index = list.indexOf(element);
    if (index >= 0) list.splice(index, 1);
  }
  return { value: list.join(',') };
}

/**
 * Settings after incremental operations on them (ConfigAdminManager.prepareIncrementalConfigs). Whether the values are
 * any good is for `validateTopicConfig` or `BrokerConfig.validateDynamic` to say, about the result.
 * @param definitionOf what is known about a key; undefined where nothing is
 * @throws ConfigError for a key named twice, a missing value, or a list operation on what is no list
 */
export function applyAlterOps(
  current: ReadonlyMap<string, string>,
  operations: readonly AlterConfigOp[],
  definitionOf: (key: string) => KeyDefinition | undefined,
): Map<string, string> {
  const result = new Map(current);
  const problems: ConfigProblem[] = [];
  const seen = new Set<string>();
  for (const operation of operations) {
    const { name } = operation;
    if (seen.has(name)) problems.push({ key: name, problem: 'is there twice' });
    seen.add(name);
    const { value, problem } = altered(operation, result.get(name), definitionOf(name));
    if (problem !== undefined) problems.push({ key: name, problem });
    else if (value === undefined) result.delete(name);
    else result.set(name, value);
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return result;
}
