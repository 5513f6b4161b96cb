/**
 * Messages as data: a message is its versions and its fields, and from that come both its codec (codec.ts) and its
 * TypeScript types (`MessageOf`, `InputOf`). The names and numbers are Kafka's message definitions of 3.9.
 *
 * A field without `versions` is in every version of what holds it. A version range is '3+', '0-2', or '4'.
 */

/** Wire types. `wideInt64` is an int64 that JavaScript sees as a bigint. */
export type FieldKind =
  | 'bool'
  | 'int8'
  | 'int16'
  | 'int32'
  | 'int64'
  | 'wideInt64'
  | 'float64'
  | 'string'
  | 'bytes'
  | 'uuid'
  | 'records'
  | 'array'
  | 'struct';

interface FieldTypes<Out, In, Optional extends boolean> {
  readonly out: Out;
  readonly in: In;
  readonly optional: Optional;
}

/** A field of a message. `types` is there for the compiler only, it has no value at run time. */
export interface Field<Out = unknown, In = unknown, Optional extends boolean = boolean> extends FieldOptions {
  readonly kind: FieldKind;
  readonly element?: Field;
  readonly fields?: Fields;
  readonly types: FieldTypes<Out, In, Optional>;
}

/** Fields in the order of the wire. */
export type Fields = Readonly<Record<string, Field>>;

export interface FieldOptions {
  /** Where the field exists; elsewhere decoding gives its default. */
  readonly versions?: string;
  /** Where it may be null; `true` is everywhere. */
  readonly nullable?: string | true;
  /** Otherwise 0, false, '', no bytes, the zero uuid, an empty array, a structure of defaults; null for records. */
  readonly default?: boolean | number | bigint | string | null;
  /** The tag number of a field that is written only if it differs from its default. */
  readonly tag?: number;
  /** A value other than the default may be dropped silently in a version that has no such field. */
  readonly ignorable?: true;
  /** The string keeps its 2-byte length in flexible versions (the client id of request headers). */
  readonly neverCompact?: true;
}

type NullOf<O> = O extends { readonly nullable: string | true } ? null : never;
/** A value that is left out gets the default; it may be, if the schema says what the default is or not every version has it. */
type OptionalOf<O> = O extends { readonly default: unknown } | { readonly versions: string } | { readonly tag: number }
  ? true
  : false;
type Of<T, O> = Field<T | NullOf<O>, T | NullOf<O>, OptionalOf<O>>;

type NoOptions = Record<never, never>;

function field<F>(kind: FieldKind, options: FieldOptions | undefined, inner?: object): F {
  return { ...options, kind, ...inner } as F;
}

export const bool = <const O extends FieldOptions = NoOptions>(options?: O): Of<boolean, O> => field('bool', options);
export const int8 = <const O extends FieldOptions = NoOptions>(options?: O): Of<number, O> => field('int8', options);
export const int16 = <const O extends FieldOptions = NoOptions>(options?: O): Of<number, O> => field('int16', options);
export const int32 = <const O extends FieldOptions = NoOptions>(options?: O): Of<number, O> => field('int32', options);
/** An int64 that never passes 2^53 in a legal message (offsets, producer ids, sizes): a number, and others are refused. */
export const int64 = <const O extends FieldOptions = NoOptions>(options?: O): Of<number, O> => field('int64', options);
/** An int64 that a legal message may fill with any value. */
export const wideInt64 = <const O extends FieldOptions = NoOptions>(options?: O): Of<bigint, O> =>
  field('wideInt64', options);
export const float64 = <const O extends FieldOptions = NoOptions>(options?: O): Of<number, O> =>
  field('float64', options);
export const string = <const O extends FieldOptions = NoOptions>(options?: O): Of<string, O> =>
  field('string', options);
/** Decoded as a slice of the frame. */
export const bytes = <const O extends FieldOptions = NoOptions>(options?: O): Of<Buffer, O> => field('bytes', options);
/** Kafka's text form of a uuid: 22 characters of base64url. */
export const uuid = <const O extends FieldOptions = NoOptions>(options?: O): Of<string, O> => field('uuid', options);
/** Record batches: decoded as a slice of the frame; encoded from memory, or from files when the response is sent. */
export const records = <const O extends FieldOptions = NoOptions>(
  options?: O,
): Field<Buffer | null, Records | null, OptionalOf<O>> => field('records', { nullable: true, ...options });

/** `element` is a field without options of its own: `array(int32())`, `array(struct({ … }))`. */
export const array = <E extends Field, const O extends FieldOptions = NoOptions>(
  element: E,
  options?: O,
): Field<E['types']['out'][] | NullOf<O>, readonly E['types']['in'][] | NullOf<O>, OptionalOf<O>> =>
  field('array', options, { element });

export const struct = <F extends Fields, const O extends FieldOptions = NoOptions>(
  fields: F,
  options?: O,
): Field<OutOf<F> | NullOf<O>, InOf<F> | NullOf<O>, OptionalOf<O>> => field('struct', options, { fields });

type OutOf<F extends Fields> = { -readonly [K in keyof F]: F[K]['types']['out'] };
type OptionalKeys<F extends Fields> = {
  [K in keyof F]: F[K]['types']['optional'] extends true ? K : never;
}[keyof F];
type InOf<F extends Fields> = {
  readonly [K in Exclude<keyof F, OptionalKeys<F>>]: F[K]['types']['in'];
} & {
  readonly [K in OptionalKeys<F>]?: F[K]['types']['in'];
};

/** A message of Kafka's protocol, or a record that Kafka keeps in one of its internal topics. */
export interface MessageSchema<F extends Fields = Fields> {
  readonly name: string;
  readonly minVersion: number;
  readonly maxVersion: number;
  /** The first version with compact lengths and tagged fields; Infinity if none has them. */
  readonly firstFlexibleVersion: number;
  readonly fields: F;
  /** Compiled codecs by version: codec.ts fills it. */
  readonly codecs: unknown[];
}

/** What decoding gives: every field is there, with its default where the version lacks it. */
export type MessageOf<S extends MessageSchema> = OutOf<S['fields']>;
/** What encoding takes: fields with a default, and fields that not every version has, may be left out. */
export type InputOf<S extends MessageSchema> = InOf<S['fields']>;

export interface MessageOptions {
  readonly versions: string;
  /** 'none' if no version is flexible. */
  readonly flexible: string;
}

export function message<const F extends Fields>(name: string, options: MessageOptions, fields: F): MessageSchema<F> {
  const versions = parseVersions(options.versions);
  const flexible = parseVersions(options.flexible);
  return {
    name,
    minVersion: versions.min,
    maxVersion: versions.max,
    firstFlexibleVersion: flexible.min > flexible.max ? Infinity : flexible.min,
    fields,
    codecs: [],
  };
}

/** An inclusive range; empty if `min` is above `max`. */
export interface VersionRange {
  readonly min: number;
  readonly max: number;
}

/** '3+', '0-2', '4', or 'none'. */
export function parseVersions(text: string): VersionRange {
  if (text === 'none') return { min: 0, max: -1 };
  const match = /^(\d+)(?:(\+)|-(\d+))?$/.exec(text);
  if (!match) throw new Error(`not a version range: ${text}`);
  const min = Number(match[1]);
  if (match[2]) return { min, max: 32767 };
  return { min, max: match[3] === undefined ? min : Number(match[3]) };
}

/** Bytes of a file that are read when the response is sent, not before: `FileRange` of io/files.ts is one. */
export type Records = Buffer | FileRange | readonly (Buffer | FileRange)[];

import type { FileRange } from '../io/files';
