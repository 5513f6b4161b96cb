import { execFileSync } from 'node:child_process';
import { homedir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  BrokerConfig,
  brokerKeyDefinition,
  brokerKeyNames,
  brokerKeys,
  ConfigError,
  describeBrokerConfigs,
  describeBrokerDefaults,
  describeTopicConfigs,
  formatEndPoint,
  formatProperties,
  LogConfig,
  parseProperties,
  topicKeyNames,
  topicKeys,
  topicSynonyms,
  validateTopicConfig,
  type BrokerKey,
  type ConfigEntry,
  type KeyDefinition,
  type KeyTable,
} from '../../broker/src/config';
import { readValue } from '../../broker/src/config/check-properties';
import { dynamicOnlyKeys } from '../../broker/src/config/keys/dynamic-only';
import { parseValue } from '../../broker/src/config/parse-value';

type Json = Record<string, unknown>;
type Answer<T> = { accepted: T; refused?: undefined } | { accepted?: undefined; refused: string };

const lib = join(process.env.PEERS_LIB ?? join(homedir(), '.cache', 'odradek-peers'), '3.9');

/** The answers of Apache Kafka's own classes, in order, from one Java process. */
function askKafka<T>(questions: readonly Json[]): T[] {
  const output = execFileSync(
    'java',
    ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-cp', `${lib}/*`, join(__dirname, 'ConfigHarness.java')],
    {
      input: questions.map((question) => `${JSON.stringify(question)}\n`).join(''),
      encoding: 'utf8',
      maxBuffer: 256 * 1024 * 1024,
      stdio: ['pipe', 'pipe', 'ignore'],
    },
  );
  return output
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as T);
}

interface Row {
  readonly name: string;
  readonly type: string;
  readonly default: string | null;
  readonly validator: string | null;
  /** A validator that prints a sentence of Kafka's documentation rather than a notation: probed, not compared. */
  readonly lambda: boolean;
  readonly importance: string;
  readonly internal: boolean;
  readonly documentation: string;
}

const tables = { broker: brokerKeys as KeyTable, topic: topicKeys as KeyTable };

function differences(rows: readonly Row[], table: KeyTable): string[] {
  const different: string[] = [];
  for (const row of rows) {
    const ours = table[row.name];
    if (ours === undefined) {
      different.push(`${row.name} is missing`);
      continue;
    }
    const compared = { type: ours.type, default: ours.default, importance: ours.importance };
    const internal = ours.internal === true;
    const theirs = { type: row.type, default: row.default, importance: row.importance };
    const notation = ours.valid?.notation ?? null;
    if (JSON.stringify(compared) !== JSON.stringify(theirs) || internal !== row.internal) different.push(row.name);
    else if (!row.lambda && notation !== row.validator) different.push(`${row.name}: ${notation} / ${row.validator}`);
    else if (ours.doc === row.documentation) different.push(`${row.name}: Kafka's own words`);
  }
  const known = new Set(rows.map(({ name }) => name));
  return [...different, ...Object.keys(table).filter((key) => !known.has(key))];
}

describe('the tables of keys', () => {
  const [broker, topic, dynamic, synonyms] = askKafka<never>([
    { ask: 'table', table: 'broker' },
    { ask: 'table', table: 'topic' },
    { ask: 'dynamic' },
    { ask: 'synonyms' },
  ]) as unknown as [
    Row[],
    Row[],
    { modes: Record<string, string>; listenerOnly: string[]; only: Row[] },
    Record<string, string[]>,
  ];

  it('hold every key of Kafka 3.9 as its ConfigDef has it', () => {
    const brokerDifferences = differences(broker, tables.broker);
    const topicDifferences = differences(topic, tables.topic);
    console.log(
      `${broker.length} broker keys compared, ${brokerDifferences.length} differ; ` +
        `${topic.length} topic keys compared, ${topicDifferences.length} differ`,
    );
    expect(broker.length).toBeGreaterThan(300);
    expect(brokerDifferences).toEqual([]);
    expect(topicDifferences).toEqual([]);
    expect(differences(dynamic.only, dynamicOnlyKeys)).toEqual([]);
  });

  it('say how each key can change at runtime', () => {
    const modes = brokerKeyNames.flatMap((key): [string, string][] => {
      const { mode } = brokerKeyDefinition(key);
      return mode === undefined ? [] : [[key, mode]];
    });
    expect(Object.fromEntries(modes)).toEqual(dynamic.modes);
  });

  it('know which broker keys stand for a topic key', () => {
    const ours = Object.entries(topicSynonyms).filter(([, names]) => names.length > 0);
    expect(Object.fromEntries(ours)).toEqual(synonyms);
  });
});

function numbersAround(definition: KeyDefinition): string[] {
  const bounds = definition.valid?.notation.match(/-?\d+(\.\d+)?/g) ?? [];
  return bounds.flatMap((bound) => [-1, -0.5, 0, 0.5, 1].map((step) => String(Number(bound) + step)));
}

const integers = [
  ...[
    '',
    '0',
    '-0',
    '+7',
    '007',
    ' 5 ',
    '\t5\r\n',
    '\u00a05',
    '1.0',
    '1e3',
    '0x10',
    '5L',
    '- 5',
    '+-5',
    'five',
    '1 2',
    '1_000',
  ],
  ...['32767', '32768', '-32768', '-32769', '2147483647', '2147483648', '-2147483648', '-2147483649'],
  ...['9223372036854775807', '9223372036854775808', '-9223372036854775808', '-9223372036854775809'],
  ...['9007199254740993', '00000000000000000000000000001', '-1', '-2', '1', '2'],
];
const doubles = [
  ...['', '0', '-0', '0.5', '.5', '5.', '.', '1e3', '1E-3', '1e', '1.5d', '2F', '1L', 'NaN', '-NaN', 'nan', 'Infinity'],
  ...[
    '-Infinity',
    'inf',
    '0x1p3',
    '0x.8p0',
    '0x1.8p-1',
    '0x1',
    ' 1 ',
    '1,5',
    '123456789',
    '0.0001',
    '9999999',
    '10000000',
  ],
  ...['1e400', '-1e-400', '1.7976931348623157E308', '4.9E-324', '0.001', '1.1', '-0.1'],
];
const texts = ['', ' ', 'x', ' x ', 'a,b', 'é', 'Producer', 'PLAINTEXT', 'plaintext', 'none', 'null', '\u0001x\u0001'];
const lists = [
  '',
  ' ',
  ',',
  'a',
  'a,b',
  ' a , b ',
  ',a',
  'a,',
  'a,,b',
  'a b',
  '\u00a0a',
  '*',
  '0:1',
  '0:1, 2:3',
  '0:1,*',
  '*,*',
];
const versions = [
  ...[
    '3.9',
    '3.9.2',
    '3.9-IV0',
    '3.9-IV1',
    '4.0',
    '4.0-IV1',
    '4.1',
    '3',
    '0.8',
    '0.8.0',
    '0.8.0.1',
    '0.10.0',
    '0.10.0-IV1',
  ],
  ...[
    '0.10.0-IV2',
    '0.10',
    '2.0-IV1',
    '2.0-IV2',
    '2.0-IV1.3',
    '2.8.x',
    '1',
    '0.',
    '.',
    '3.10',
    '3.9-',
    '-IV0',
    '3.9-iv0',
  ],
];
const quorum = [
  ...[
    '1@a:1',
    '1@a:1,2@b:2',
    '1@a',
    '@a:1',
    'x@a:1',
    '1@a:x',
    '1@a:70000',
    '1@:1',
    '1@[::1]:9',
    '1@a:1@',
    '1@a b:1',
    '1@a:1,',
  ],
  ...['a:1', 'a:1,b:2', 'a', ':1', 'x://a:1', '[::1]:1', 'a:-1', 'a:65535'],
];

function probes(definition: KeyDefinition): string[] {
  const fallback = definition.default === null ? [] : [definition.default];
  const named = [...(definition.valid?.notation ?? '').matchAll(/[a-zA-Z_]\w+/g)].map(([word]) => word);
  const words =
    named.length > 40 ? [] : named.flatMap((word) => [word, word.toUpperCase(), word.toLowerCase(), ` ${word} `]);
  switch (definition.type) {
    case 'boolean':
      return ['true', 'false', 'TRUE', ' False ', 'yes', 'no', '1', '0', '', 'truee', 't'];
    case 'int':
    case 'short':
    case 'long':
      return [...integers, ...numbersAround(definition), ...fallback];
    case 'double':
      return [...doubles, ...numbersAround(definition), ...fallback];
    case 'list':
      return [...lists, ...words, `${words[0] ?? 'a'},${words[4] ?? 'b'}`, ...quorum, ...fallback];
    case 'class':
      return ['', 'no.such.Class', ' ', ...fallback];
    default:
      return [...texts, ...versions, ...words, ...fallback];
  }
}

describe('values', () => {
  it('are accepted, refused and printed as Kafka does', () => {
    const questions = (['broker', 'topic'] as const).flatMap((table) =>
      Object.entries(tables[table]).flatMap(([key, definition]) =>
        [...new Set(probes(definition))].map((value) => ({ ask: 'value', table, key, value })),
      ),
    );
    const answers = askKafka<Answer<string | null>>(questions);
    const different = questions.filter(({ table, key, value }, index) => {
      const definition = tables[table][key] as KeyDefinition;
      // A class is first of all a name; that Kafka cannot load it is for the second step to say.
      const parsed =
        definition.type === 'class' ? readValue(key, definition, value).parsed : parseValue(definition, value);
      const answer = answers[index];
      if (parsed === undefined || answer?.refused !== undefined)
        return (parsed === undefined) !== (answer?.refused !== undefined);
      return definition.type !== 'password' && parsed.text !== answer?.accepted;
    });
    console.log(`${questions.length} values probed, ${different.length} differ`);
    expect(answers).toHaveLength(questions.length);
    expect(different).toEqual([]);
  });
});

const minimal = { 'zookeeper.connect': 'localhost:2181', 'broker.id': '1' };

interface Derived {
  readonly listeners: string[];
  readonly advertisedListeners: string[];
  readonly interBrokerListenerName: string;
  readonly logDirs: string[];
  readonly topicDefaults: Record<string, string>;
}

function derived(config: BrokerConfig): Derived {
  const logConfig = LogConfig.from(config);
  return {
    listeners: config.listeners.map((one) => `${formatEndPoint(one)} ${one.securityProtocol}`),
    advertisedListeners: config.advertisedListeners.map((one) => `${formatEndPoint(one)} ${one.securityProtocol}`),
    interBrokerListenerName: config.interBrokerListenerName,
    logDirs: [...config.logDirs],
    topicDefaults: Object.fromEntries(topicKeyNames.map((key) => [key, logConfig.text(key) ?? ''])),
  };
}

/** Compares what both sides make of whole configurations: refused, or what follows from them. */
function compareConfigs(cases: readonly Record<string, string>[]): { accepted: number; different: unknown[] } {
  const answers = askKafka<Answer<Derived>>(cases.map((properties) => ({ ask: 'config', properties })));
  let accepted = 0;
  const different = cases.flatMap((properties, index): unknown[] => {
    const answer = answers[index];
    let ours: Derived | undefined;
    let message = '';
    try {
      ours = derived(BrokerConfig.from(new Map(Object.entries(properties))).config);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      message = error.message;
    }
    if (ours !== undefined && answer?.accepted !== undefined) {
      accepted++;
      return JSON.stringify(sorted(ours)) === JSON.stringify(sorted(answer.accepted))
        ? []
        : [{ properties, ours, kafka: answer.accepted }];
    }
    return (ours === undefined) === (answer?.refused !== undefined) ? [] : [{ properties, message, kafka: answer }];
  });
  return { accepted, different };
}

function sorted(value: Derived): unknown {
  return { ...value, topicDefaults: Object.entries(value.topicDefaults).sort(([a], [b]) => (a < b ? -1 : 1)) };
}

const handMade: readonly Record<string, string>[] = [
  {},
  { 'zookeeper.connect': 'a:1' },
  { ...minimal, 'broker.id': '1000' },
  { ...minimal, 'broker.id': '1001' },
  { ...minimal, 'broker.id': '-1' },
  { ...minimal, 'broker.id': '-2' },
  { ...minimal, 'broker.id': '1001', 'broker.id.generation.enable': 'false' },
  { ...minimal, 'broker.id': '-1', 'broker.id.generation.enable': 'false' },
  { ...minimal, 'broker.id': '2000', 'reserved.broker.max.id': '3000' },
  { ...minimal, 'node.id': '1' },
  { ...minimal, 'node.id': '2' },
  { 'zookeeper.connect': 'a', 'node.id': '7' },
  { ...minimal, 'log.dirs': '' },
  { ...minimal, 'log.dirs': ' , ,' },
  { ...minimal, 'log.dirs': ' /a , /b,,/c ' },
  { ...minimal, 'log.dir': '/x', 'log.dirs': '/y' },
  { ...minimal, 'log.dir': '/x, /z' },
  { ...minimal, 'log.retention.ms': '0' },
  { ...minimal, 'log.retention.ms': '-5' },
  { ...minimal, 'log.retention.minutes': '0' },
  { ...minimal, 'log.retention.minutes': '10', 'log.retention.hours': '0' },
  { ...minimal, 'log.retention.hours': '-1' },
  { ...minimal, 'log.retention.hours': '2147483647' },
  { ...minimal, 'log.roll.ms': '0' },
  { ...minimal, 'log.roll.ms': '1', 'log.roll.hours': '5' },
  { ...minimal, 'log.roll.jitter.ms': '-1' },
  { ...minimal, 'log.flush.interval.ms': '9', 'log.flush.scheduler.interval.ms': '8' },
  { ...minimal, 'log.flush.scheduler.interval.ms': '8' },
  { ...minimal, 'log.message.timestamp.difference.max.ms': '5' },
  { ...minimal, 'log.message.timestamp.difference.max.ms': '5', 'log.message.timestamp.before.max.ms': '9' },
  { ...minimal, 'log.message.timestamp.difference.max.ms': '5', 'log.message.timestamp.after.max.ms': '0' },
  { ...minimal, 'inter.broker.protocol.version': '2.8', 'log.message.format.version': '2.4' },
  { ...minimal, 'inter.broker.protocol.version': '0.10.0', 'log.message.format.version': '2.4' },
  {
    ...minimal,
    'inter.broker.protocol.version': '0.10.0',
    'log.message.format.version': '0.10.0',
    'offsets.topic.compression.codec': '4',
  },
  { ...minimal, 'inter.broker.protocol.version': '0.9.0', 'log.message.format.version': '0.10.1' },
  { ...minimal, 'inter.broker.protocol.version': '3.4', 'log.message.format.version': '2.4' },
  { ...minimal, listeners: '' },
  { ...minimal, listeners: ' , ' },
  { ...minimal, listeners: 'PLAINTEXT://0.0.0.0:9092' },
  { ...minimal, listeners: 'PLAINTEXT://0.0.0.0:9092', 'advertised.listeners': 'PLAINTEXT://h:1' },
  { ...minimal, listeners: 'plaintext://[::1]:9092' },
  { ...minimal, listeners: 'PLAINTEXT://::1:9092' },
  { ...minimal, listeners: 'PLAINTEXT://h:9092,PLAINTEXT://h:9093' },
  { ...minimal, listeners: 'PLAINTEXT://h:9092,PLAINTEXT://h' },
  { ...minimal, listeners: 'h:9092' },
  { ...minimal, listeners: 'PLAINTEXT://h_1:9092' },
  { ...minimal, listeners: 'PLAINTEXT://h/x:9092' },
  { ...minimal, listeners: '://h:9092' },
  { ...minimal, listeners: 'A://h:9092' },
  { ...minimal, listeners: 'A://h:9092', 'listener.security.protocol.map': 'A:PLAINTEXT' },
  {
    ...minimal,
    listeners: 'A://h:9092',
    'listener.security.protocol.map': 'a:plaintext',
    'inter.broker.listener.name': 'a',
  },
  { ...minimal, listeners: 'A://h:9092', 'listener.security.protocol.map': 'A:PLAIN' },
  { ...minimal, listeners: 'A://h:9092', 'listener.security.protocol.map': 'A' },
  { ...minimal, listeners: 'A://h:9092', 'listener.security.protocol.map': ':PLAINTEXT,A:PLAINTEXT' },
  ...['INTERNAL://:9092,EXTERNAL://:9093', 'INTERNAL://:9092,EXTERNAL://:9092', 'INTERNAL://:0,EXTERNAL://:0'].map(
    (listeners) => ({
      ...minimal,
      listeners,
      'listener.security.protocol.map': 'INTERNAL:PLAINTEXT,EXTERNAL:PLAINTEXT',
      'inter.broker.listener.name': 'INTERNAL',
    }),
  ),
  ...[
    'I://127.0.0.1:9092,E://[::1]:9092',
    'I://127.0.0.1:9092,E://127.0.0.2:9092',
    'I://[::1]:9092,E://[fe80::1%eth0]:9092',
    'I://[1:2:3:4:5:6:7:8]:9092,E://1.2.3.4:9092',
    'I://[1:2:3:4:5:6:7]:9092,E://1.2.3.4:9092',
    'I://[::ffff:1.2.3.4]:9092,E://1.2.3.4:9092',
    'I://[1::2::3]:9092,E://1.2.3.4:9092',
    'I://h:9092,E://[::1]:9092',
    'I://256.0.0.1:9092,E://[::1]:9092',
    'I://127.0.0.1:9092,E://[::1]:9092,X://:9092',
    'I://127.0.0.1:9092,E://[::1]:9092,X://[::2]:9092',
  ].map((listeners) => ({
    ...minimal,
    listeners,
    'listener.security.protocol.map': 'I:PLAINTEXT,E:PLAINTEXT,X:PLAINTEXT',
    'inter.broker.listener.name': 'i',
  })),
  { ...minimal, listeners: 'PLAINTEXT://:1', 'advertised.listeners': 'PLAINTEXT://h:1,SSL://h:2' },
  { ...minimal, 'advertised.listeners': '' },
  { ...minimal, 'advertised.listeners': 'PLAINTEXT://:9092' },
  { ...minimal, 'inter.broker.listener.name': 'PLAINTEXT' },
  { ...minimal, 'inter.broker.listener.name': 'PLAINTEXT', 'security.inter.broker.protocol': 'PLAINTEXT' },
  { ...minimal, 'inter.broker.listener.name': 'OTHER' },
  { ...minimal, 'inter.broker.listener.name': '' },
  { ...minimal, 'security.inter.broker.protocol': 'SSL' },
  { ...minimal, 'control.plane.listener.name': 'PLAINTEXT' },
  { ...minimal, 'control.plane.listener.name': 'OTHER' },
  {
    ...minimal,
    listeners: 'PLAINTEXT://:1,C://:2',
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,C:PLAINTEXT',
    'control.plane.listener.name': 'c',
  },
  { ...minimal, 'zookeeper.set.acl': 'true' },
  { ...minimal, 'zookeeper.ssl.client.enable': 'true' },
  { ...minimal, 'early.start.listeners': 'PLAINTEXT' },
  { ...minimal, 'early.start.listeners': 'OTHER' },
  { ...minimal, 'early.start.listeners': ' PLAINTEXT , ' },
  { ...minimal, 'max.connections.per.ip': '0' },
  { ...minimal, 'max.connections.per.ip': '0', 'max.connections.per.ip.overrides': 'h:1' },
  ...[
    'h:1,127.0.0.1:2',
    '::1:5',
    'h',
    'h:',
    'h:x',
    ',h:1',
    'h:1,,',
    ',',
    'h!:1',
    ' h : 1 , i:2',
    'h:-1',
    'h:99999999999',
  ].map((text) => ({
    ...minimal,
    'max.connections.per.ip.overrides': text,
  })),
  { ...minimal, 'unknown.key': 'x' },
  { ...minimal, port: '9093', 'host.name': 'h' },
  { ...minimal, 'controller.listener.names': 'CONTROLLER' },
  { ...minimal, 'group.coordinator.rebalance.protocols': 'consumer' },
  { ...minimal, 'group.coordinator.rebalance.protocols': '' },
  { ...minimal, 'offsets.topic.compression.codec': '5' },
  { ...minimal, 'offsets.topic.compression.codec': '-1' },
];

// Keys that Kafka holds against each other, and values on both sides of each line that it draws.
const crossing: Readonly<Record<string, readonly string[]>> = {
  'broker.id': ['-1', '0', '5', '1001'],
  'broker.id.generation.enable': ['true', 'false'],
  'reserved.broker.max.id': ['0', '4', '5000'],
  'log.roll.ms': ['0', '1', '-1'],
  'log.retention.ms': ['0', '-1', '5'],
  'log.retention.minutes': ['0', '-1', '3'],
  'log.retention.hours': ['0', '-1', '2'],
  'log.cleaner.threads': ['0', '1', '2', '127', '128'],
  'log.cleaner.dedupe.buffer.size': ['1048576', '1048577', '2097153', '2097154', '134217728', '-1'],
  'log.cleaner.min.compaction.lag.ms': ['0', '10', '11'],
  'log.cleaner.max.compaction.lag.ms': ['1', '10', '9223372036854775807'],
  'replica.fetch.wait.max.ms': ['500', '30000', '30001'],
  'replica.socket.timeout.ms': ['499', '500', '60000'],
  'replica.lag.time.max.ms': ['499', '500', '60000'],
  'offsets.commit.required.acks': ['-2', '-1', '1', '3', '4'],
  'offsets.topic.replication.factor': ['1', '3'],
  'offsets.topic.compression.codec': ['0', '4', '5', '-1'],
  'group.consumer.session.timeout.ms': ['44999', '45000', '60001'],
  'group.consumer.min.session.timeout.ms': ['1', '45000', '60001'],
  'group.consumer.max.session.timeout.ms': ['1', '45000', '70000'],
  'group.consumer.heartbeat.interval.ms': ['4999', '5000', '15001'],
  'group.consumer.min.heartbeat.interval.ms': ['1', '5000', '5001'],
  'group.consumer.max.heartbeat.interval.ms': ['4999', '5000', '20000'],
  'group.share.session.timeout.ms': ['44999', '60001'],
  'group.share.heartbeat.interval.ms': ['4999', '15001'],
  'group.share.record.lock.duration.ms': ['14999', '60000', '60001'],
  'group.share.min.record.lock.duration.ms': ['1000', '30000'],
  'group.share.max.record.lock.duration.ms': ['30000', '3600000'],
  'queued.max.request.bytes': ['-1', '0', '104857599', '104857600'],
  'socket.request.max.bytes': ['1', '104857600', '104857601'],
  'max.connections.per.ip': ['0', '1'],
  'max.connections.per.ip.overrides': ['', 'h:1'],
  'connections.max.idle.ms': ['-1', '0', '99', '100', '101'],
  'connection.failed.authentication.delay.ms': ['0', '99', '100'],
  'log.message.timestamp.difference.max.ms': ['1', '9223372036854775807'],
  'log.message.timestamp.before.max.ms': ['2', '9223372036854775807'],
  'inter.broker.protocol.version': ['0.9.0', '0.10.2', '0.11.0', '2.8', '3.0-IV0', '3.0', '3.9'],
  'log.message.format.version': ['0.8.2', '0.10.0', '0.11.0', '3.0', '3.9'],
};

describe('whole configurations', () => {
  it('are accepted, refused and read as KafkaConfig does', () => {
    const keys = Object.keys(crossing);
    const chosen = fc
      .subarray(keys, { minLength: 1, maxLength: 8 })
      .chain((names) =>
        fc.record(Object.fromEntries(names.map((name) => [name, fc.constantFrom(...(crossing[name] ?? []))]))),
      );
    const drawn = fc.sample(chosen, { seed: 39, numRuns: 3000 }).map((properties) => ({ ...minimal, ...properties }));
    const single = keys.flatMap((key) => (crossing[key] ?? []).map((value) => ({ ...minimal, [key]: value })));
    const cases = [...handMade, ...single, ...drawn] as Record<string, string>[];
    const { accepted, different } = compareConfigs(cases);
    console.log(`${cases.length} configurations compared, ${accepted} accepted, ${different.length} differ`);
    expect(different).toEqual([]);
    expect(accepted).toBeGreaterThan(500);
  });

  it('that this broker alone refuses are those that it says so of', () => {
    const refused: readonly Record<string, string>[] = [
      { 'authorizer.class.name': 'kafka.security.authorizer.AclAuthorizer' },
      { listeners: 'PLAINTEXT://:1,SSL://:2' },
      { 'controller.quorum.voters': '1@a:1' },
      { 'create.topic.policy.class.name': 'java.lang.Object' },
      { 'metric.reporters': 'a.Reporter' },
    ];
    const answers = askKafka<Answer<Derived>>(
      refused.map((one) => ({ ask: 'config', properties: { ...minimal, ...one } })),
    );
    for (const [index, properties] of refused.entries()) {
      expect(answers[index]?.refused, JSON.stringify(properties)).toBeUndefined();
      expect(() => BrokerConfig.from(new Map(Object.entries({ ...minimal, ...properties })))).toThrow(ConfigError);
    }
  });
});

describe('topic configurations', () => {
  it('are accepted, refused and read as LogConfig does', () => {
    const overrides: readonly Record<string, string>[] = [
      {},
      { 'cleanup.policy': 'compact' },
      { 'cleanup.policy': 'compact,delete' },
      { 'cleanup.policy': 'delete, compact' },
      { 'cleanup.policy': '' },
      { 'cleanup.policy': 'Compact' },
      { 'retention.ms': '-2' },
      { 'retention.ms': '-1' },
      { 'retention.bytes': '-7' },
      { 'min.compaction.lag.ms': '10', 'max.compaction.lag.ms': '9' },
      { 'min.compaction.lag.ms': '10', 'max.compaction.lag.ms': '10' },
      { 'max.compaction.lag.ms': '0' },
      { 'message.timestamp.difference.max.ms': '5' },
      { 'message.timestamp.difference.max.ms': '5', 'message.timestamp.before.max.ms': '7' },
      {
        'message.timestamp.before.max.ms': '9223372036854775807',
        'message.timestamp.difference.max.ms': '9007199254740993',
      },
      { 'message.timestamp.after.max.ms': '0' },
      { 'no.such.key': '1' },
      { 'log.retention.ms': '1' },
      { 'compression.type': 'none' },
      { 'compression.type': 'zstd', 'compression.zstd.level': '23' },
      { 'min.insync.replicas': '0' },
      { 'leader.replication.throttled.replicas': '*' },
      { 'leader.replication.throttled.replicas': '0:1,1:2' },
      { 'follower.replication.throttled.replicas': '0' },
      { 'remote.storage.enable': 'true' },
      { 'remote.log.copy.disable': 'true' },
      { 'remote.log.delete.on.disable': 'true' },
      { 'local.retention.ms': '-3' },
      { 'segment.bytes': '13' },
      { 'segment.bytes': '14' },
    ];
    const brokers = [
      minimal,
      { ...minimal, 'log.message.timestamp.difference.max.ms': '3', 'log.cleaner.max.compaction.lag.ms': '5' },
    ];
    const cases = brokers.flatMap((properties) => overrides.map((one) => ({ properties, overrides: one })));
    const answers = askKafka<Answer<{ compact: boolean; delete: boolean; before: string; after: string }>>(
      cases.map((one) => ({ ask: 'topic', ...one })),
    );
    const different = cases.filter(({ properties, overrides: one }, index) => {
      const answer = answers[index];
      const { config } = BrokerConfig.from(new Map(Object.entries(properties)));
      const settings = new Map(Object.entries(one));
      try {
        validateTopicConfig(config, settings);
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error;
        return answer?.refused === undefined;
      }
      const ours = LogConfig.from(config, settings);
      const { accepted } = answer ?? {};
      return (
        accepted === undefined ||
        accepted.compact !== ours.cleanupCompact ||
        accepted.delete !== ours.cleanupDelete ||
        Number(accepted.before) !== ours.messageTimestampBeforeMaxMs ||
        Number(accepted.after) !== ours.messageTimestampAfterMaxMs
      );
    });
    console.log(`${cases.length} topic configurations compared, ${different.length} differ`);
    expect(different).toEqual([]);
  });
});

type Described = Omit<ConfigEntry, 'documentation'>;

function byName(entries: readonly (ConfigEntry | Described)[]): Described[] {
  return entries
    .map(({ name, value, source, readOnly, isSensitive, synonyms, configType }) => ({
      ...{ name, value, source, readOnly, isSensitive },
      synonyms: synonyms.map((one) => ({ name: one.name, value: one.value, source: one.source })),
      configType,
    }))
    .sort((left, right) => (left.name < right.name ? -1 : 1));
}

describe('descriptions', () => {
  it('name value, source, synonyms and type of every key as Kafka does', () => {
    const cases: readonly Record<'properties' | 'cluster' | 'broker' | 'overrides', Record<string, string>>[] = [
      { properties: minimal, cluster: {}, broker: {}, overrides: {} },
      {
        properties: {
          ...minimal,
          'log.retention.minutes': ' 5 ',
          'log.roll.hours': '3',
          'ssl.key.password': 'secret',
          'some.plugin.key': 'x',
          'listener.name.plaintext.max.connections': '7',
          'log.cleaner.io.max.bytes.per.second': '1e7',
        },
        cluster: { 'log.retention.ms': '1000', 'log.cleanup.policy': 'compact', 'max.connections': '77' },
        broker: {
          'log.retention.ms': '2000',
          'log.segment.bytes': '2000000',
          'listener.name.plaintext.max.connections': '9',
        },
        overrides: { 'retention.ms': '7', 'cleanup.policy': ' delete , compact ', 'min.cleanable.dirty.ratio': '1' },
      },
      {
        properties: {
          ...minimal,
          'log.retention.hours': '5',
          'log.retention.ms': '60000',
          'log.flush.scheduler.interval.ms': '9',
        },
        cluster: { 'log.flush.interval.ms': '5000', 'leader.replication.throttled.rate': '100' },
        broker: {},
        overrides: { 'max.message.bytes': '+100', 'flush.ms': '9223372036854775806' },
      },
    ];
    const answers = askKafka<Answer<Record<'broker' | 'defaults' | 'topic', Described[]>>>(
      cases.map((one) => ({ ask: 'describe', ...one })),
    );
    let entries = 0;
    for (const [index, { properties, cluster, broker, overrides }] of cases.entries()) {
      const { config } = BrokerConfig.from(new Map(Object.entries(properties)));
      config.updateDynamic('cluster', new Map(Object.entries(cluster)));
      config.updateDynamic('broker', new Map(Object.entries(broker)));
      const options = { includeSynonyms: true };
      const kafka = answers[index];
      expect(kafka?.refused).toBeUndefined();
      expect(byName(describeBrokerConfigs(config, options))).toEqual(byName(kafka?.accepted?.broker ?? []));
      expect(byName(describeBrokerDefaults(config, options))).toEqual(byName(kafka?.accepted?.defaults ?? []));
      const described = describeTopicConfigs(config, new Map(Object.entries(overrides)), options);
      expect(byName(described)).toEqual(byName(kafka?.accepted?.topic ?? []));
      entries += Object.values(kafka?.accepted ?? {}).flat().length;
    }
    console.log(`${entries} described entries compared, 0 differ`);
  });
});

describe('dynamic settings', () => {
  it('are accepted and refused as DynamicBrokerConfig does', () => {
    const probe: Partial<Record<KeyDefinition['type'], string>> = {
      boolean: 'true',
      double: '0.5',
      string: 'x',
      list: 'x',
    };
    const skipped = new Set<string>([
      // Changing these needs a restart here.
      ...(['listeners', 'advertised.listeners', 'listener.security.protocol.map'] satisfies BrokerKey[]),
      // Kafka checks the step that a pool of threads takes only once it runs.
      ...['num.io.threads', 'num.network.threads', 'num.replica.fetchers', 'num.recovery.threads.per.data.dir'],
      'background.threads',
    ]);
    const cases = (['cluster', 'broker'] as const).flatMap((scope) =>
      [
        ...brokerKeyNames,
        ...Object.keys(dynamicOnlyKeys),
        'some.plugin.key',
        'listener.name.x.max.connections',
      ].flatMap((key) => {
        const definition: KeyDefinition | undefined = { ...tables.broker, ...dynamicOnlyKeys }[key];
        if (skipped.has(key) || definition?.type === 'class' || definition?.support.kind === 'refused') return [];
        const values = new Set([definition?.default ?? '5', probe[definition?.type ?? 'int'] ?? '7', '-9']);
        return [...values].map((value) => ({ scope, settings: { [key]: value } }));
      }),
    );
    const answers = askKafka<Answer<boolean>>(
      cases.map((one) => ({ ask: 'validateDynamic', properties: minimal, cluster: {}, broker: {}, ...one })),
    );
    const { config } = BrokerConfig.from(new Map(Object.entries(minimal)));
    const foreignClass = /Java class, which this broker cannot load/;
    const different = cases.flatMap(({ scope, settings }, index): unknown[] => {
      const kafka = answers[index]?.refused;
      try {
        config.validateDynamic(scope, new Map(Object.entries(settings)));
        return kafka === undefined ? [] : [{ scope, settings, kafka }];
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error;
        return kafka !== undefined || foreignClass.test(error.message)
          ? []
          : [{ scope, settings, ours: error.message }];
      }
    });
    console.log(`${cases.length} dynamic settings compared, ${different.length} differ`);
    expect(different).toEqual([]);
  });
});

describe('properties files', () => {
  const tricky = [
    ...[
      '',
      '\n',
      'a',
      'a=',
      '=b',
      ':',
      ' a = b ',
      'a b',
      'a\tb',
      'a\fb',
      'a:b',
      'a = = b',
      'a : = b',
      'a  :b=c',
      'a==b',
    ],
    ...[
      '#a=b',
      '!a=b',
      '  # c\na=b',
      'a=b#c',
      'a=#',
      'a\\ b=c',
      'a\\=b=c',
      'a\\:b:c',
      'a\\\\=b',
      'a\\\\\\=b=c',
      '\\#a=b',
    ],
    ...[
      'a=\\\nb',
      'a=\\\n   b',
      'a=b\\\n\nc=d',
      'a=b\\\n#c',
      'a=b\\\\\nc=d',
      'a=b\\\\\\\nc',
      'a\\\n b=c',
      'a=b\\',
      'a=b\\\r\n c',
    ],
    ...[
      '# c\\\na=b',
      '\\\n#a\nb=c',
      '\\',
      '\\\n',
      '\\\n\n',
      'a=b\r\nc=d\re=f',
      '\r\n\r\na=b',
      'a=b\\\r\n\r\nc=d',
      'a=1\na=2',
    ],
    ...[
      'a=\\u0041\\u00e9\\uD83D\\uDE00',
      'a=\\u004',
      'a=\\u004g',
      'a=\\U0041',
      '\\u0061=b',
      'a=\\u003d\\u0020',
      'a=\\t\\n\\r\\f\\b\\q',
    ],
    ...[
      'a=é',
      '\ufeffa=b',
      'a=\u00a0b',
      'a\u00a0b=c',
      'a=b\u2028c',
      'a=\\',
      ' \\\n\\\na=b',
      'a=b  \\\n  \t c  ',
      'a\\\n=b',
      'a=\\\n=b',
    ],
  ];
  const pieces = [
    'a',
    'b',
    '=',
    ':',
    ' ',
    '\t',
    '\\',
    '\\\\',
    '\n',
    '\r\n',
    '\r',
    '#',
    '!',
    '\\u0041',
    '\\u00',
    'é',
    '\f',
  ];
  const drawn = fc.sample(fc.array(fc.constantFrom(...pieces), { maxLength: 14 }), { seed: 39, numRuns: 5000 });
  const inputs = [...tricky, ...drawn.map((parts) => parts.join(''))];

  it('are read as java.util.Properties reads them', () => {
    const answers = askKafka<Answer<Record<string, string>>>(inputs.map((text) => ({ ask: 'properties', text })));
    const different = inputs.flatMap((text, index) => {
      let ours: Record<string, string> | undefined;
      try {
        ours = Object.fromEntries(parseProperties(text));
      } catch {
        ours = undefined;
      }
      const theirs = answers[index]?.accepted;
      const same =
        JSON.stringify(Object.entries(ours ?? {}).sort()) === JSON.stringify(Object.entries(theirs ?? {}).sort());
      return same && (ours === undefined) === (theirs === undefined) ? [] : [{ text, ours, theirs }];
    });
    console.log(`${inputs.length} properties files compared, ${different.length} differ`);
    expect(different).toEqual([]);
  });

  it('that we write are read back by Java', () => {
    const text = fc.string({
      unit: fc.constantFrom('a', ' ', '=', ':', '#', '!', '\\', '\n', '\r', '\t', '\f', 'é', '😀', '"', '~'),
    });
    const maps = fc.sample(fc.dictionary(text, text), { seed: 39, numRuns: 500 });
    const written = maps.map((map) => formatProperties(Object.entries(map)));
    const answers = askKafka<Answer<Record<string, string>>>(written.map((one) => ({ ask: 'properties', text: one })));
    for (const [index, map] of maps.entries()) {
      expect(answers[index]?.accepted).toEqual({ ...map });
      expect(Object.fromEntries(parseProperties(written[index] ?? ''))).toEqual({ ...map });
    }
  });
});
