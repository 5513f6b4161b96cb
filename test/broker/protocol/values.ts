import { parseVersions } from '../../../broker/src/protocol/schema';
import type { Field, Fields, MessageSchema } from '../../../broker/src/protocol/schema';

/** A message as the tests make it up, without its static type. */
export type Value = Record<string, unknown>;

/**
 * Where a made-up value takes its choices from: `draw(n)` is one of 0 … n-1, and 0 is always the simplest choice, so
 * that a tape of numbers shrinks towards simple messages.
 */
export interface Choices {
  draw(n: number): number;
}

/** Choices from a list of numbers; behind its end everything is 0. */
export function tape(numbers: readonly number[]): Choices {
  let at = 0;
  return { draw: (n) => (at < numbers.length ? numbers[at++] % n : 0) };
}

/** Choices from a seed, for ever the same (xorshift32). */
export function seeded(seed: number): Choices {
  let state = Math.imul(seed + 1, 0x9e3779b1) | 1;
  return {
    draw(n) {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      return (state >>> 0) % n;
    },
  };
}

/** Every choice is the same one, as far as there is room: `constant(1)` has all integers at their largest. */
export function constant(choice: number): Choices {
  return { draw: (n) => choice % n };
}

export function seedOf(name: string, version: number, instance: number): number {
  let hash = 17;
  for (const char of `${name}/${version}/${instance}`) hash = (Math.imul(hash, 31) + char.charCodeAt(0)) | 0;
  return hash >>> 0;
}

export interface ValueOptions {
  /** Also strings and bytes that are long (several bytes of length, chunks of their own). */
  readonly long: boolean;
}

/** A message of made-up values: all the fields that the version has, and no others. */
export function makeValue(schema: MessageSchema, version: number, choices: Choices, options: ValueOptions): Value {
  return makeStruct(schema.fields, version, choices, options);
}

function makeStruct(fields: Fields, version: number, choices: Choices, options: ValueOptions): Value {
  const value: Value = {};
  for (const [key, field] of Object.entries(fields)) {
    if (!within(field.versions, version)) continue;
    if (field.tag !== undefined && choices.draw(2) === 0) continue;
    const nullable = field.kind === 'records' || field.nullable === true || hasVersion(field.nullable, version);
    value[key] = nullable && choices.draw(4) === 0 ? null : makeField(field, version, choices, options);
  }
  return value;
}

function makeField(field: Field, version: number, choices: Choices, options: ValueOptions): unknown {
  switch (field.kind) {
    case 'bool':
      return choices.draw(2) === 1;
    case 'int8':
      return makeInteger(8, choices);
    case 'int16':
      return makeInteger(16, choices);
    case 'int32':
      return makeInteger(32, choices);
    case 'int64':
      switch (choices.draw(8)) {
        case 0:
          return choices.draw(100);
        case 1:
          return Number.MAX_SAFE_INTEGER;
        case 2:
          return Number.MIN_SAFE_INTEGER;
        case 3:
          return -1;
        case 4:
          return choices.draw(2) === 0 ? 2 ** 32 : -(2 ** 32);
        default:
          return (choices.draw(2 ** 22 - 2) - 2 ** 21 + 1) * 2 ** 32 + choices.draw(2 ** 31);
      }
    case 'wideInt64':
      switch (choices.draw(8)) {
        case 0:
          return BigInt(choices.draw(100));
        case 1:
          return 2n ** 63n - 1n;
        case 2:
          return -(2n ** 63n);
        case 3:
          return -1n;
        case 4:
          return 2n ** 53n;
        default:
          return BigInt.asIntN(64, (BigInt(choices.draw(2 ** 32)) << 32n) | BigInt(choices.draw(2 ** 32)));
      }
    case 'float64':
      return [0, Number.MAX_VALUE, Number.MIN_VALUE, -1.5, 1e-7, 1 / 3, 2 ** 60, -(10 ** -10)][choices.draw(8)];
    case 'string':
      return makeText(choices, options);
    case 'bytes':
    case 'records':
      return makeBytes(choices, options);
    case 'uuid':
      return Buffer.from(Array.from({ length: 16 }, () => choices.draw(256))).toString('base64url');
    case 'struct':
      return makeStruct(field.fields!, version, choices, options);
    case 'array': {
      const element = field.element!;
      const size = choices.draw(4);
      const many = options.long && element.kind !== 'struct' && choices.draw(16) === 15;
      return Array.from({ length: many ? 140 : size }, () => makeField(element, version, choices, options));
    }
  }
}

function makeInteger(bits: number, choices: Choices): number {
  const most = 2 ** (bits - 1);
  switch (choices.draw(8)) {
    case 0:
      return choices.draw(100);
    case 1:
      return most - 1;
    case 2:
      return -most;
    case 3:
      return -1;
    default:
      return choices.draw(2 * most) - most;
  }
}

function makeText(choices: Choices, options: ValueOptions): string {
  const kind = choices.draw(options.long ? 10 : 8);
  const characters = kind === 7 ? 'äß漢字🪢' : 'abcdefghijklmnop.-_';
  const points = [...characters];
  const length = kind === 0 ? 0 : kind < 8 ? choices.draw(12) : kind === 8 ? 60 + choices.draw(80) : 400;
  return Array.from({ length }, () => points[choices.draw(points.length)]).join('');
}

function makeBytes(choices: Choices, options: ValueOptions): Buffer {
  const kind = choices.draw(options.long ? 8 : 6);
  const length = kind < 6 ? choices.draw(20) : 900 + choices.draw(600);
  return Buffer.from(Array.from({ length }, () => choices.draw(256)));
}

/** What decoding must give for a made-up value: the same, and the defaults of what it leaves out. */
export function withDefaults(fields: Fields, value: Value): Value {
  const whole: Value = {};
  for (const [key, field] of Object.entries(fields)) {
    const given = value[key];
    whole[key] = given === undefined ? defaultOf(field) : complete(field, given);
  }
  return whole;
}

function complete(field: Field, given: unknown): unknown {
  if (given === null) return null;
  if (field.kind === 'struct') return withDefaults(field.fields!, given as Value);
  if (field.kind === 'array') return (given as unknown[]).map((item) => complete(field.element!, item));
  return given;
}

export function defaultOf(field: Field): unknown {
  if (field.default !== undefined) return field.default;
  switch (field.kind) {
    case 'bool':
      return false;
    case 'string':
      return '';
    case 'bytes':
      return Buffer.alloc(0);
    case 'records':
      return null;
    case 'uuid':
      return 'A'.repeat(22);
    case 'wideInt64':
      return 0n;
    case 'array':
      return [];
    case 'struct':
      return withDefaults(field.fields!, {});
    default:
      return 0;
  }
}

export function within(versions: string | undefined, version: number): boolean {
  return versions === undefined || hasVersion(versions, version);
}

function hasVersion(versions: string | true | undefined, version: number): boolean {
  if (versions === undefined || versions === true) return versions === true;
  const { min, max } = parseVersions(versions);
  return version >= min && version <= max;
}
