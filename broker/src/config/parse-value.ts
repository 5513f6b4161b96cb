import { formatJavaDouble, formatJavaLong, javaTrim, parseJavaDouble, parseJavaInteger } from './java-number';
import type { KeyDefinition, KeyType, Value } from './key-definition';

/** A value beside its text as Kafka prints it, which alone is exact for a long beyond 2^53. */
export interface ParsedValue {
  readonly value: Value;
  readonly text: string | null;
}

/** ConfigDef.parseType and its validator. Undefined: refused; see `acceptedBy`. */
export function parseValue(definition: KeyDefinition, text: string): ParsedValue | undefined {
  const parsed = parseType(definition.type, javaTrim(text));
  if (parsed === undefined) return undefined;
  return definition.valid?.isValid(parsed.value) === false ? undefined : parsed;
}

/** The default, parsed. */
export function parseDefault(definition: KeyDefinition): ParsedValue {
  if (definition.default === null) return { value: null, text: null };
  const parsed = parseType(definition.type, definition.default);
  if (parsed === undefined) throw new Error(`The default ${definition.default} is no ${definition.type}.`);
  return parsed;
}

function parseType(type: KeyType, text: string): ParsedValue | undefined {
  switch (type) {
    case 'boolean': {
      const lower = text.toLowerCase();
      return lower === 'true' || lower === 'false' ? { value: lower === 'true', text: lower } : undefined;
    }
    case 'short':
      return parseJavaInteger(text, 16);
    case 'int':
      return parseJavaInteger(text, 32);
    case 'long':
      return parseJavaInteger(text, 64);
    case 'double': {
      const value = parseJavaDouble(text);
      return value === undefined ? undefined : { value, text: formatJavaDouble(value) };
    }
    case 'list': {
      const value = splitList(text);
      return { value, text: value.join(',') };
    }
    default:
      return { value: text, text };
  }
}

/** The elements of a list's trimmed text; an empty text is an empty list, and empty elements stay. */
export function splitList(text: string): string[] {
  return text === '' ? [] : text.split(/[ \t\n\v\f\r]*,[ \t\n\v\f\r]*/);
}

const typeNames: Readonly<Record<KeyType, string>> = {
  boolean: 'true or false',
  short: 'a 16-bit integer',
  int: 'a 32-bit integer',
  long: 'a 64-bit integer',
  double: 'a number',
  string: 'text',
  list: 'a list separated by commas',
  class: 'a class name',
  password: 'text',
};

/** What a key accepts, in words: "a 32-bit integer, 1 or more". */
export function acceptedBy({ type, valid }: KeyDefinition): string {
  if (valid === undefined) return typeNames[type];
  const isText = type === 'string' || type === 'list' || type === 'password';
  return isText ? valid.accepts : `${typeNames[type]}, ${valid.accepts}`;
}

/** The text of a value for a properties file or a request. */
export function formatValue(type: KeyType, value: boolean | number | string | readonly string[]): string {
  if (typeof value === 'number') return type === 'double' ? formatJavaDouble(value) : formatJavaLong(value);
  return typeof value === 'object' ? value.join(',') : String(value);
}
