import { readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { apis } from '../../broker/src/protocol/api-keys';
import { decodeMessage, decodedEnd, encodeToBuffer } from '../../broker/src/protocol/codec';
import { ProtocolError } from '../../broker/src/protocol/errors';
import { parseVersions } from '../../broker/src/protocol/schema';
import type { Field, Fields, MessageSchema, VersionRange } from '../../broker/src/protocol/schema';
import { goldenFile, goldenInstances } from '../broker/protocol/golden';
import { apiMessages, otherMessages, versionsOf } from '../broker/protocol/schemas';
import { constant, defaultOf, makeValue, seeded, seedOf, withDefaults } from '../broker/protocol/values';
import type { Choices } from '../broker/protocol/values';
import { askKafka, readDefinitions } from './protocol-peer';
import type { FieldDefinition, MessageDefinition, Question } from './protocol-peer';

const schemas = [...apiMessages, ...otherMessages];

/** What both sides know of a field; versions are those in which it is really on the wire. */
interface FieldFacts {
  readonly path: string;
  readonly type: string;
  readonly versions: string;
  readonly nullable: string;
  readonly default: string;
  readonly tag: number | undefined;
  readonly ignorable: boolean;
  readonly neverCompact: boolean;
}

function both(left: VersionRange, right: VersionRange): VersionRange {
  return { min: Math.max(left.min, right.min), max: Math.min(left.max, right.max) };
}

function show(range: VersionRange): string {
  return range.min > range.max ? 'none' : `${range.min}-${range.max}`;
}

function ourFacts(fields: Fields, parent: VersionRange, path: string): FieldFacts[] {
  return Object.entries(fields).flatMap(([key, field]) => {
    const versions = both(parent, parseVersions(field.versions ?? '0+'));
    const element = field.element ?? field;
    const nullable = field.nullable === true ? '0+' : (field.nullable ?? 'none');
    const facts: FieldFacts = {
      path: `${path}.${key}`,
      type: `${field.element ? '[]' : ''}${element.kind === 'wideInt64' ? 'int64' : element.kind}`,
      versions: show(versions),
      nullable: show(both(versions, parseVersions(nullable))),
      default: ourDefault(field),
      tag: field.tag,
      ignorable: field.ignorable ?? false,
      neverCompact: field.neverCompact ?? false,
    };
    return [facts, ...(element.fields ? ourFacts(element.fields, versions, facts.path) : [])];
  });
}

function ourDefault(field: Field): string {
  const value = defaultOf(field);
  if (value === null) return 'null';
  return typeof value === 'object' ? 'empty' : String(value);
}

function kafkaFacts(
  definition: MessageDefinition,
  fields: readonly FieldDefinition[],
  parent: VersionRange,
  path: string,
): FieldFacts[] {
  return fields.flatMap((field) => {
    const versions = both(parent, parseVersions(field.versions));
    const isArray = field.type.startsWith('[]');
    const base = isArray ? field.type.slice(2) : field.type;
    const common = definition.commonStructs?.find((struct) => struct.name === base);
    const inner = field.fields ?? common?.fields;
    if (field.tag !== undefined) expect(field.taggedVersions).toBe(field.versions);
    const facts: FieldFacts = {
      path: `${path}.${field.name[0].toLowerCase()}${field.name.slice(1)}`,
      type: `${isArray ? '[]' : ''}${inner ? 'struct' : base}`,
      versions: show(versions),
      nullable: show(both(versions, parseVersions(field.nullableVersions ?? 'none'))),
      default: kafkaDefault(field, isArray || inner !== undefined),
      tag: field.tag,
      ignorable: field.ignorable ?? false,
      neverCompact: field.flexibleVersions === 'none',
    };
    return [facts, ...(inner ? kafkaFacts(definition, inner, versions, facts.path) : [])];
  });
}

function kafkaDefault(field: FieldDefinition, composite: boolean): string {
  if (field.default === 'null' || field.type === 'records') return 'null';
  if (composite || field.type === 'bytes') return 'empty';
  if (field.type === 'string') return String(field.default ?? '');
  if (field.type === 'uuid') return 'A'.repeat(22);
  if (field.type === 'bool') return String(field.default ?? false);
  return String(Number(field.default ?? 0));
}

test('the schemas are those of the message definitions in Apache Kafka 3.9', () => {
  const definitions = readDefinitions();
  let fields = 0;
  let differ = 0;
  for (const schema of schemas) {
    const definition = definitions.get(schema.name);
    expect(definition, schema.name).toBeDefined();
    const valid = parseVersions(definition!.validVersions);
    const flexible = parseVersions(definition!.flexibleVersions);
    const theirs = {
      versions: show(valid),
      flexible: flexible.min > flexible.max ? Infinity : flexible.min,
      fields: kafkaFacts(definition!, definition!.fields, valid, schema.name),
    };
    const ours = {
      versions: show({ min: schema.minVersion, max: schema.maxVersion }),
      flexible: schema.firstFlexibleVersion,
      fields: ourFacts(schema.fields, { min: schema.minVersion, max: schema.maxVersion }, schema.name),
    };
    fields += ours.fields.length;
    if (JSON.stringify(ours) !== JSON.stringify(theirs)) differ++;
    expect.soft(ours).toEqual(theirs);
  }
  for (const api of apis.values()) {
    for (const schema of [api.request, api.response]) expect(definitions.get(schema.name)!.apiKey).toBe(api.key);
  }
  console.log(`${schemas.length} schemas compared, ${fields} fields, ${differ} differ`);
});

/** Instances of each (message, version): choices from seeds, and the extremes. */
function instancesOf(schema: MessageSchema, version: number): Choices[] {
  const extremes = [0, 1, 2, 3].map(constant);
  return [...extremes, ...Array.from({ length: 20 }, (_, i) => seeded(seedOf(schema.name, version, i)))];
}

test('the bytes are those of the codecs in Apache Kafka 3.9, both ways', () => {
  const questions: Required<Question>[] = [];
  const pairs = versionsOf(schemas);
  for (const { schema, version } of pairs) {
    for (const choices of instancesOf(schema, version)) {
      const value = makeValue(schema, version, choices, { long: true });
      questions.push({ schema, version, value, bytes: encodeToBuffer(schema, version, value) });
    }
  }
  const answers = askKafka(questions);
  expect(answers.length).toBe(questions.length);
  let differ = 0;
  questions.forEach(({ schema, version, value, bytes }, i) => {
    const [hex, verdict] = answers[i];
    const decoded = decodeMessage(schema, version, Buffer.from(hex, 'hex'));
    const same = hex === bytes.toString('hex') && verdict === 'same' && decodedEnd() === bytes.length;
    if (!same) differ++;
    expect.soft({ of: `${schema.name} ${version}`, hex, verdict }).toEqual({
      of: `${schema.name} ${version}`,
      hex: bytes.toString('hex'),
      verdict: 'same',
    });
    expect.soft(decoded).toEqual(withDefaults(schema.fields, value));
  });
  const apiPairs = versionsOf(apiMessages).length;
  console.log(
    `${apiPairs} pairs and ${pairs.length - apiPairs} others, ${questions.length} instances, ${differ} differ`,
  );
});

test('what Kafka refuses is refused, and what both take means the same', () => {
  const questions: Question[] = [];
  for (const { schema, version } of versionsOf(schemas)) {
    for (let i = 0; i < 12; i++) {
      const choices = seeded(seedOf(schema.name, version, 1000 + i));
      const bytes = encodeToBuffer(schema, version, makeValue(schema, version, choices, { long: false }));
      questions.push({ schema, version, bytes: mutate(bytes, choices) });
    }
  }
  const answers = askKafka(questions);
  const stricter: string[] = [];
  let taken = 0;
  let refused = 0;
  questions.forEach(({ schema, version, bytes }, i) => {
    const [answer, why] = answers[i];
    let again: string;
    try {
      again = reencode(schema, version, bytes);
    } catch (error) {
      expect(error).toBeInstanceOf(ProtocolError);
      if (answer === 'refused') refused++;
      else stricter.push(`${schema.name} ${version}: ${(error as Error).message}`);
      return;
    }
    // Kafka keeps the tagged fields that it does not know and writes them again; we skip them.
    const known = answer === again ? answer : reencode(schema, version, Buffer.from(answer, 'hex'));
    expect.soft(known, `${schema.name} ${version} ${bytes.toString('hex')} ${why}`).toBe(again);
    taken++;
  });
  // Kafka takes any negative length for null, and the whole range of every int64.
  const reasons = /: a length of -\d+$|: -?\d+ is beyond 2\^53$/;
  expect(stricter.filter((each) => !reasons.test(each))).toEqual([]);
  expect(taken).toBeGreaterThan(questions.length / 3);
  expect(refused).toBeGreaterThan(questions.length / 5);
  console.log(
    `${questions.length} damaged messages: ${taken} taken by both, ${refused} refused by both, ` +
      `${stricter.length} by us alone (lengths below -1, numbers beyond 2^53)`,
  );
});

function reencode(schema: MessageSchema, version: number, bytes: Buffer): string {
  return encodeToBuffer(schema, version, decodeMessage(schema, version, bytes)).toString('hex');
}

/** Changes a byte or two, cuts the end off, or adds bytes. */
function mutate(bytes: Buffer, choices: Choices): Buffer {
  const kind = choices.draw(8);
  if (kind === 0 || bytes.length === 0) return Buffer.concat([bytes, Buffer.alloc(3, choices.draw(256))]);
  if (kind === 1) return bytes.subarray(0, choices.draw(bytes.length));
  const changed = Buffer.from(bytes);
  for (let i = 0; i <= choices.draw(2); i++) {
    const values = [0, 1, 2, 127, 128, 255, choices.draw(256)];
    changed[choices.draw(bytes.length)] = values[choices.draw(values.length)];
  }
  return changed;
}

test('the golden bytes are what Kafka encodes', () => {
  const questions = versionsOf(schemas).flatMap(({ schema, version }) =>
    goldenInstances(schema, version).map((value) => ({
      schema,
      version,
      value,
      bytes: encodeToBuffer(schema, version, value),
    })),
  );
  const lines = new Map<string, string[]>();
  askKafka(questions).forEach(([hex], i) => {
    const { schema, version } = questions[i];
    const key = `${schema.name} ${version}`;
    lines.set(key, [...(lines.get(key) ?? []), Buffer.from(hex, 'hex').toString('base64')]);
  });
  const text = [...lines].map(([key, bytes]) => `${key} ${bytes.join(' ')}\n`).join('');
  if (process.env.ODRADEK_SNAPSHOTS === 'write') writeFileSync(goldenFile, text);
  expect(readFileSync(goldenFile, 'utf8')).toBe(text);
});
