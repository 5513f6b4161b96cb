import { parseVersions } from './schema';
import type { Field, Fields } from './schema';
import { zeroUuid } from './uuid';

/** What the two code generators ask of a field. */

export function inVersion(versions: string | undefined, version: number): boolean {
  if (versions === undefined) return true;
  const { min, max } = parseVersions(versions);
  return version >= min && version <= max;
}

export function isNullable(field: Field, version: number): boolean {
  if (field.nullable === undefined) return false;
  return field.nullable === true || inVersion(field.nullable, version);
}

/** Bytes on the wire of a kind that always has as many; 0 for the others. */
export function fixedSize(field: Field): number {
  switch (field.kind) {
    case 'bool':
    case 'int8':
      return 1;
    case 'int16':
      return 2;
    case 'int32':
      return 4;
    case 'int64':
    case 'wideInt64':
    case 'float64':
      return 8;
    case 'uuid':
      return 16;
    default:
      return 0;
  }
}

/** The fewest bytes that a field can take: what an array's count is held against. */
export function smallestSize(field: Field, version: number, flexible: boolean): number {
  const fixed = fixedSize(field);
  if (fixed > 0) return fixed;
  const compact = flexible && !field.neverCompact;
  switch (field.kind) {
    case 'string':
      return compact ? 1 : 2;
    case 'struct':
      return isNullable(field, version) ? 1 : smallestStruct(field.fields!, version, flexible);
    default:
      return compact ? 1 : 4;
  }
}

export function smallestStruct(fields: Fields, version: number, flexible: boolean): number {
  let size = flexible ? 1 : 0;
  for (const field of Object.values(fields)) {
    if (field.tag === undefined && inVersion(field.versions, version)) size += smallestSize(field, version, flexible);
  }
  return Math.max(size, 1);
}

/** JavaScript source of the value that a field has when it is not set. Arrays and structures are fresh ones. */
export function defaultLiteral(field: Field): string {
  if (field.default === null || field.kind === 'records') return 'null';
  switch (field.kind) {
    case 'bool':
      return String(field.default ?? false);
    case 'wideInt64':
      return `${String(field.default ?? 0n)}n`;
    case 'string':
      return JSON.stringify(field.default ?? '');
    case 'bytes':
      return 'noBytes';
    case 'uuid':
      return JSON.stringify(zeroUuid);
    case 'array':
      return '[]';
    case 'struct':
      return `{ ${Object.entries(field.fields!)
        .map(([key, inner]) => `${key}: ${defaultLiteral(inner)}`)
        .join(', ')} }`;
    default:
      return String(field.default ?? 0);
  }
}
