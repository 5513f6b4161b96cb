import { inVersion, isNullable } from '../../protocol/fields';
import type { Field, Fields, MessageSchema } from '../../protocol/schema';

/**
 * A decoded message as Kafka's JSON converters write it: the fields of its version, bytes in Base64, whole numbers as
 * they are, however large. `replace` may give other JSON text for a field, by its name.
 */
export function messageJson(
  schema: MessageSchema,
  version: number,
  value: object,
  replace: (name: string, value: unknown) => string | undefined = () => undefined,
): string {
  return structJson(schema.fields, version, value as Readonly<Record<string, unknown>>, replace);
}

function structJson(
  fields: Fields,
  version: number,
  value: Readonly<Record<string, unknown>>,
  replace: (name: string, value: unknown) => string | undefined,
): string {
  const entries = Object.entries(fields)
    .filter(([, field]) => inVersion(field.versions, version))
    .map(([name, field]) => {
      const text = replace(name, value[name]) ?? fieldJson(field, version, value[name], replace);
      return `${JSON.stringify(name)}:${text}`;
    });
  return `{${entries.join(',')}}`;
}

function fieldJson(
  field: Field,
  version: number,
  value: unknown,
  replace: (name: string, value: unknown) => string | undefined,
): string {
  if (value === null && isNullable(field, version)) return 'null';
  switch (field.kind) {
    case 'struct':
      return structJson(field.fields!, version, value as Readonly<Record<string, unknown>>, replace);
    case 'array':
      return `[${(value as readonly unknown[]).map((each) => fieldJson(field.element!, version, each, replace)).join(',')}]`;
    case 'bytes':
      return JSON.stringify((value as Buffer).toString('base64'));
    case 'wideInt64':
      return String(value);
    default:
      return JSON.stringify(value);
  }
}
