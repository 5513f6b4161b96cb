import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { brokerKeys, topicKeys, topicSynonyms, type BrokerValue, type KeyTable } from '../../../broker/src/config';
import { dynamicOnlyKeys } from '../../../broker/src/config/keys/dynamic-only';
import { parseDefault } from '../../../broker/src/config/parse-value';
import { isMetadataVersion, resolveMetadataVersion } from '../../../broker/src/config/metadata-version';

describe.each<[string, KeyTable, number]>([
  ['broker', brokerKeys, 329],
  ['topic', topicKeys, 36],
  ['dynamic', dynamicOnlyKeys, 3],
])('the table of %s keys', (_, table, size) => {
  it('is complete', () => {
    expect(Object.keys(table)).toHaveLength(size);
  });

  it.each(Object.entries(table))('%s has a default that it accepts and a line of documentation', (_key, definition) => {
    const { value, text } = parseDefault(definition);
    expect(text).toBe(definition.default);
    if (value !== null && definition.valid !== undefined) expect(definition.valid.isValid(value)).toBe(true);
    expect(definition.doc).toMatch(/^[A-Z][^\n]{10,150}\.$/);
    if (definition.support.kind === 'accepted') expect(definition.support.note).toMatch(/^\S.*[^.]$/);
    if (definition.support.kind === 'refused') expect(definition.support.instead).toMatch(/^\S.*[^.]$/);
  });
});

it('a topic key and the broker keys behind it are of one kind', () => {
  for (const [key, synonyms] of Object.entries(topicSynonyms)) {
    const { type } = topicKeys[key as keyof typeof topicKeys];
    const [first] = synonyms;
    if (first !== undefined) expect(brokerKeys[first].type, key).toBe(type);
  }
});

it('types follow the table', () => {
  expectTypeOf<BrokerValue<'num.io.threads'>>().toEqualTypeOf<number>();
  expectTypeOf<BrokerValue<'log.retention.ms'>>().toEqualTypeOf<number | null>();
  expectTypeOf<BrokerValue<'delete.topic.enable'>>().toEqualTypeOf<boolean>();
  expectTypeOf<BrokerValue<'broker.rack'>>().toEqualTypeOf<string | null>();
  expectTypeOf<BrokerValue<'log.cleanup.policy'>>().toEqualTypeOf<readonly string[]>();
});

it('the props of the constructs are those of the table: if not, run `npm run generate`', () => {
  const script = join(__dirname, '../../../scripts/generate-kafka-config.js');
  execFileSync(process.execPath, [script, '--check'], { stdio: ['ignore', 'ignore', 'pipe'] });
});

it('versions of inter.broker.protocol.version', () => {
  expect(resolveMetadataVersion('3.9.2')).toBe('3.9-IV0');
  expect(resolveMetadataVersion('0.11.0.3')).toBe('0.11.0-IV2');
  expect(resolveMetadataVersion('2.3-IV0')).toBe('2.3-IV0');
  expect(resolveMetadataVersion('4.0-IV1')).toBe('4.0-IV1');
  expect(isMetadataVersion('4.0')).toBe(false);
  expect(isMetadataVersion('3')).toBe(false);
});
