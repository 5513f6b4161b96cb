import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { MessageSchema } from '../../../broker/src/protocol/schema';
import { makeValue, seeded, seedOf } from './values';
import type { Value } from './values';

/**
 * What the codecs of Apache Kafka 3.9 made of values that come from seeds: a line for each message and version with its
 * instances in base64. test/interop/protocol.test.ts compares it with Kafka's codecs, and writes it when
 * ODRADEK_SNAPSHOTS=write is set.
 */
export const goldenFile = join(__dirname, '..', '..', 'fixtures', 'protocol-golden.txt');

export function goldenInstances(schema: MessageSchema, version: number): Value[] {
  return [0, 1, 2].map((i) => makeValue(schema, version, seeded(seedOf(schema.name, version, i)), { long: false }));
}

/** By 'Name version'. */
export function readGolden(): Map<string, Buffer[]> {
  const lines = readFileSync(goldenFile, 'utf8').split('\n').slice(0, -1);
  return new Map(
    lines.map((line) => {
      const [name, version, ...instances] = line.split(' ');
      return [`${name} ${version}`, instances.map((text) => Buffer.from(text, 'base64'))];
    }),
  );
}
