import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Field, Fields, MessageSchema } from '../../broker/src/protocol/schema';
import { within } from '../broker/protocol/values';
import type { Value } from '../broker/protocol/values';

/** The jars of Apache Kafka 3.9 that test/peers/install lays out. */
const jars = join(process.env.PEERS_LIB ?? join(homedir(), '.cache', 'odradek-peers'), '3.9');
const harness = join(__dirname, 'java', 'ProtocolPeer.java');

function java(...args: string[]): string {
  return execFileSync('java', ['-Xmx512M', '-XX:TieredStopAtLevel=1', '-cp', join(jars, '*'), harness, ...args], {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

function jarNamed(name: string): string {
  const found = readdirSync(jars).find((file) => new RegExp(`^${name}-\\d[^-]*\\.jar$`).test(file));
  if (found === undefined) throw new Error(`no ${name} jar in ${jars}`);
  return join(jars, found);
}

/** A field of Kafka's message definitions, as the JSON in its jars has it. */
export interface FieldDefinition {
  readonly name: string;
  readonly type: string;
  readonly versions: string;
  readonly nullableVersions?: string;
  readonly default?: string | number | boolean;
  readonly tag?: number;
  readonly taggedVersions?: string;
  readonly ignorable?: boolean;
  readonly flexibleVersions?: string;
  readonly fields?: readonly FieldDefinition[];
}

export interface MessageDefinition {
  readonly name: string;
  readonly apiKey?: number;
  readonly type: string;
  readonly validVersions: string;
  readonly flexibleVersions: string;
  readonly fields: readonly FieldDefinition[];
  readonly commonStructs?: readonly {
    readonly name: string;
    readonly versions: string;
    readonly fields: readonly FieldDefinition[];
  }[];
}

export function readDefinitions(): Map<string, MessageDefinition> {
  const of = ['kafka-clients', 'kafka-group-coordinator', 'kafka-transaction-coordinator'].map(jarNamed);
  const lines = java('definitions', ...of).split('\n');
  const all = lines.filter((line) => line !== '').map((line) => JSON.parse(line) as MessageDefinition);
  return new Map(all.map((definition) => [definition.name, definition]));
}

export interface Question {
  readonly schema: MessageSchema;
  readonly version: number;
  readonly bytes: Buffer;
  /** Without it Kafka is asked to decode the bytes and to encode them again. */
  readonly value?: Value;
}

/** Kafka's answers, a list of columns for each question (see ProtocolPeer.java). */
export function askKafka(questions: readonly Question[]): string[][] {
  const directory = mkdtempSync(join(tmpdir(), 'odradek-protocol-'));
  try {
    const input = join(directory, 'in');
    const output = join(directory, 'out');
    writeFileSync(
      input,
      questions
        .map(({ schema, version, bytes, value }) => {
          const columns = [className(schema.name), String(version), bytes.toString('hex')];
          if (value !== undefined) columns.push(kafkaJson(schema.fields, version, value));
          return `${columns.join('\t')}\n`;
        })
        .join(''),
    );
    java('codec', input, output);
    const lines = readFileSync(output, 'utf8').split('\n').slice(0, -1);
    return lines.map((line) => line.split('\t'));
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function className(name: string): string {
  if (/^(OffsetCommit|GroupMetadata)(Key|Value)$/.test(name))
    return `org.apache.kafka.coordinator.group.generated.${name}`;
  if (/^TransactionLog/.test(name)) return `org.apache.kafka.coordinator.transaction.generated.${name}`;
  const plain = `org.apache.kafka.common.message.${name}`;
  return /(Request|Response|Header)$/.test(name) ? `${plain}Data` : plain;
}

/** A made-up value in the JSON of Kafka's converters: bytes in base64, 64-bit integers in full. */
function kafkaJson(fields: Fields, version: number, value: Value): string {
  const parts: string[] = [];
  for (const [key, field] of Object.entries(fields)) {
    if (value[key] === undefined || !within(field.versions, version)) continue;
    parts.push(`"${key}":${fieldJson(field, version, value[key])}`);
  }
  return `{${parts.join(',')}}`;
}

function fieldJson(field: Field, version: number, value: unknown): string {
  if (value === null) return 'null';
  switch (field.kind) {
    case 'struct':
      return kafkaJson(field.fields!, version, value as Value);
    case 'array':
      return `[${(value as unknown[]).map((item) => fieldJson(field.element!, version, item)).join(',')}]`;
    case 'bytes':
    case 'records':
      return JSON.stringify((value as Buffer).toString('base64'));
    case 'float64':
      return (value as number).toExponential();
    case 'string':
    case 'uuid':
      return JSON.stringify(value);
    default:
      return String(value);
  }
}
