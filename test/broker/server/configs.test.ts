import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BrokerConfig } from '../../../broker/src/config/broker-config';
import { LogConfig as TopicConfig } from '../../../broker/src/config/log-config';
import { nodeIo } from '../../../broker/src/io/node/index';
import { defaultLogConfig } from '../../../broker/src/log/log-config';
import { silentLogger } from '../../../broker/src/logging/logger';
import { ErrorCode } from '../../../broker/src/protocol/errors';
import { ConfigResourceType } from '../../../broker/src/server/config-resource';
import { DynamicConfigManager } from '../../../broker/src/server/dynamic-config-manager';
import { alterConfigs } from '../../../broker/src/server/handlers/alter-configs';
import { describeConfigs } from '../../../broker/src/server/handlers/describe-configs';
import { incrementalAlterConfigs } from '../../../broker/src/server/handlers/incremental-alter-configs';
import { logConfigOf } from '../../../broker/src/server/log-config-of';
import type { ConfigType } from '../../../broker/src/zookeeper/znodes/config-entity';
import { AdminBed, FakeLogs, LoggedLines, until } from './admin-bed';
import { callHandler, versionsOf } from './call-handler';

const { TOPIC, BROKER, BROKER_LOGGER, CLIENT_METRICS, UNKNOWN } = ConfigResourceType;
const SET = 0;
const DELETE = 1;
const APPEND = 2;
const SUBTRACT = 3;

type Op = readonly [name: string, operation: number, value: string | null];

async function describeOne(
  bed: AdminBed,
  resourceType: number,
  resourceName: string,
  { version = 4, keys = null as readonly string[] | null, includeSynonyms = false, includeDocumentation = false } = {},
) {
  const { results } = await callHandler(describeConfigs, bed.broker, version, {
    resources: [{ resourceType, resourceName, configurationKeys: keys }],
    ...(version >= 1 ? { includeSynonyms } : {}),
    ...(version >= 3 ? { includeDocumentation } : {}),
  });
  expect(results).toHaveLength(1);
  expect(results[0]).toMatchObject({ resourceType, resourceName });
  return results[0];
}

async function entries(bed: AdminBed, type: number, name: string, options: Parameters<typeof describeOne>[3] = {}) {
  const result = await describeOne(bed, type, name, options);
  expect(result).toMatchObject({ errorCode: 0, errorMessage: null });
  return new Map(result.configs.map((entry) => [entry.name, entry]));
}

async function replace(
  bed: AdminBed,
  resourceType: number,
  resourceName: string,
  settings: Readonly<Record<string, string | null>>,
  { version = 2, validateOnly = false } = {},
) {
  const configs = Object.entries(settings).map(([name, value]) => ({ name, value }));
  const { responses } = await callHandler(alterConfigs, bed.broker, version, {
    resources: [{ resourceType, resourceName, configs }],
    validateOnly,
  });
  expect(responses).toHaveLength(1);
  expect(responses[0]).toMatchObject({ resourceType, resourceName });
  const [{ errorCode, errorMessage }] = responses;
  return { errorCode, errorMessage };
}

async function alter(
  bed: AdminBed,
  resourceType: number,
  resourceName: string,
  ops: readonly Op[],
  { version = 1, validateOnly = false } = {},
) {
  const configs = ops.map(([name, configOperation, value]) => ({ name, configOperation, value }));
  const { responses } = await callHandler(incrementalAlterConfigs, bed.broker, version, {
    resources: [{ resourceType, resourceName, configs }],
    validateOnly,
  });
  expect(responses).toHaveLength(1);
  expect(responses[0]).toMatchObject({ resourceType, resourceName });
  const [{ errorCode, errorMessage }] = responses;
  return { errorCode, errorMessage };
}

const done = { errorCode: 0, errorMessage: null };

async function createTopic(bed: AdminBed, name: string, configs: Readonly<Record<string, string>> = {}) {
  const [created] = await bed.admin.createTopics(
    [
      {
        name,
        numPartitions: 1,
        replicationFactor: 1,
        assignments: [],
        configs: Object.entries(configs).map(([key, value]) => ({ name: key, value })),
      },
    ],
    { timeoutMs: 10_000, validateOnly: false },
  );
  expect(created).toMatchObject({ errorCode: 0 });
}

async function stored(bed: AdminBed, type: ConfigType, name: string): Promise<Record<string, string>> {
  return Object.fromEntries(await bed.zk.getEntityConfig(type, name));
}

describe('DescribeConfigs', () => {
  let bed: AdminBed;
  beforeAll(async () => {
    bed = await AdminBed.start({
      brokers: [{ id: 7 }],
      properties: { 'log.retention.hours': '2', 'log.segment.bytes': '5000000' },
    });
    await createTopic(bed, 'plain');
    await createTopic(bed, 'special', { 'retention.ms': '1234', 'cleanup.policy': 'compact' });
  });
  afterAll(() => bed[Symbol.asyncDispose]());

  it.each(versionsOf(describeConfigs))('of a topic, in version %i', async (version) => {
    const found = await entries(bed, TOPIC, 'special', { version });
    expect(found.get('retention.ms')).toMatchObject({ value: '1234', readOnly: false, isSensitive: false });
    expect(found.get('retention.ms')!.configSource).toBe(version >= 1 ? 1 : -1);
    expect(found.get('segment.bytes')).toMatchObject({ value: '5000000' });
    expect(found.get('flush.ms')!.isDefault).toBe(version === 0);
    expect(found.get('retention.ms')!.isDefault).toBe(false);
    expect(found.get('retention.ms')!.configType).toBe(version >= 3 ? 5 : 0);
    expect(found.get('retention.ms')!.documentation).toBe(version >= 3 ? null : '');
  });

  it('tells where a value comes from', async () => {
    const found = await entries(bed, TOPIC, 'special', { includeSynonyms: true, includeDocumentation: true });
    expect(found.get('cleanup.policy')).toMatchObject({
      configSource: 1,
      synonyms: [
        { name: 'cleanup.policy', value: 'compact', source: 1 },
        { name: 'log.cleanup.policy', value: 'delete', source: 5 },
      ],
    });
    expect(found.get('segment.bytes')!.synonyms).toEqual([
      { name: 'log.segment.bytes', value: '5000000', source: 4 },
      { name: 'log.segment.bytes', value: '1073741824', source: 5 },
    ]);
    expect(found.get('segment.bytes')!.documentation).toMatch(/segment/);
    expect((await entries(bed, TOPIC, 'plain')).get('retention.ms')).toMatchObject({ value: '7200000' });
  });

  it('of some keys; none stands for all', async () => {
    const some = await entries(bed, TOPIC, 'special', { keys: ['retention.ms', 'no.such.key'] });
    expect([...some.keys()]).toEqual(['retention.ms']);
    expect((await entries(bed, TOPIC, 'special', { keys: [] })).size).toBeGreaterThan(30);
  });

  it('of this broker', async () => {
    const found = await entries(bed, BROKER, '7', { includeSynonyms: true });
    expect(found.get('broker.id')).toMatchObject({ value: '7', configSource: 4, readOnly: true });
    expect(found.get('log.retention.ms')).toMatchObject({ value: null, readOnly: false });
    expect(found.get('ssl.key.password')).toMatchObject({ value: null, isSensitive: true });
    expect(found.size).toBeGreaterThan(200);
  });

  it('of the loggers, which have no levels', async () => {
    expect(await describeOne(bed, BROKER_LOGGER, '7')).toMatchObject({ errorCode: 0, configs: [] });
  });

  it.each([
    ['a topic that is not there', TOPIC, 'nobody', ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, null],
    [
      'a topic that cannot be',
      TOPIC,
      'a/b',
      ErrorCode.INVALID_TOPIC_EXCEPTION,
      "Topic name is invalid: 'a/b' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'",
    ],
    [
      'another broker',
      BROKER,
      '8',
      ErrorCode.INVALID_REQUEST,
      'Unexpected broker id, expected 7 or empty string, but received 8',
    ],
    [
      'a broker without a number',
      BROKER,
      'seven',
      ErrorCode.INVALID_REQUEST,
      'Broker id must be an integer, but it is: seven',
    ],
    ['loggers of all brokers', BROKER_LOGGER, '', ErrorCode.INVALID_REQUEST, 'Broker id must not be empty'],
    [
      'loggers of another broker',
      BROKER_LOGGER,
      '8',
      ErrorCode.INVALID_REQUEST,
      'Unexpected broker id, expected 7, but received 8',
    ],
    [
      'metrics of clients',
      CLIENT_METRICS,
      'x',
      ErrorCode.INVALID_REQUEST,
      'Unexpected resource type 16 for resource x',
    ],
    ['nothing that is known', UNKNOWN, 'x', ErrorCode.INVALID_REQUEST, 'Unexpected resource type 0 for resource x'],
  ])('refuses %s', async (_what, type, name, errorCode, errorMessage) => {
    expect(await describeOne(bed, type, name)).toMatchObject({ errorCode, errorMessage, configs: [] });
  });
});

describe('AlterConfigs and IncrementalAlterConfigs', () => {
  let bed: AdminBed;
  const log = new LoggedLines();
  beforeAll(async () => {
    bed = await AdminBed.start({ brokers: [{ id: 7 }], logger: log });
    await createTopic(bed, 'topic');
  });
  afterAll(() => bed[Symbol.asyncDispose]());

  it('replace the whole configuration of a topic, in every version', async () => {
    for (const version of versionsOf(alterConfigs)) {
      const settings = { 'retention.ms': '1', 'segment.ms': `${10 + version}` };
      expect(await replace(bed, TOPIC, 'topic', settings, { version })).toEqual(done);
      expect(await stored(bed, 'topics', 'topic')).toEqual(settings);
    }
    expect(await replace(bed, TOPIC, 'topic', { 'retention.bytes': '5' })).toEqual(done);
    expect(await stored(bed, 'topics', 'topic')).toEqual({ 'retention.bytes': '5' });
    expect((await entries(bed, TOPIC, 'topic')).get('retention.bytes')).toMatchObject({ value: '5' });
    // The log follows, told by the notification.
    await until(() => bed.logs.config('topic-0').retentionBytes === 5);
    expect(bed.logs.config('topic-0').segmentMs).toBe(604800000);
    expect(await replace(bed, TOPIC, 'topic', {})).toEqual(done);
    await until(() => bed.logs.config('topic-0').retentionBytes === -1);
  });

  it('change single keys of a topic, in every version', async () => {
    await replace(bed, TOPIC, 'topic', { 'retention.ms': '1', 'segment.ms': '2' });
    for (const version of versionsOf(incrementalAlterConfigs)) {
      const ops: Op[] = [
        ['retention.ms', DELETE, null],
        ['flush.ms', SET, `${5 + version}`],
      ];
      expect(await alter(bed, TOPIC, 'topic', ops, { version })).toEqual(done);
      expect(await stored(bed, 'topics', 'topic')).toEqual({ 'segment.ms': '2', 'flush.ms': `${5 + version}` });
    }
    await until(() => bed.logs.config('topic-0').flushMs === 6);
  });

  it('append to lists and take from them', async () => {
    await replace(bed, TOPIC, 'topic', {});
    expect(await alter(bed, TOPIC, 'topic', [['cleanup.policy', APPEND, 'compact']])).toEqual(done);
    expect(await stored(bed, 'topics', 'topic')).toEqual({ 'cleanup.policy': 'delete,compact' });
    expect(await alter(bed, TOPIC, 'topic', [['cleanup.policy', SUBTRACT, 'delete']])).toEqual(done);
    expect(await stored(bed, 'topics', 'topic')).toEqual({ 'cleanup.policy': 'compact' });
    await until(() => bed.logs.config('topic-0').cleanupCompact && !bed.logs.config('topic-0').cleanupDelete);
  });

  it('write nothing with validateOnly', async () => {
    await replace(bed, TOPIC, 'topic', { 'segment.ms': '3' });
    const notifications = await bed.zk.getConfigChangeNotifications();
    expect(await replace(bed, TOPIC, 'topic', { 'segment.ms': '4' }, { validateOnly: true })).toEqual(done);
    expect(await alter(bed, TOPIC, 'topic', [['segment.ms', SET, '4']], { validateOnly: true })).toEqual(done);
    expect(await alter(bed, BROKER, '7', [['log.cleaner.threads', SET, '2']], { validateOnly: true })).toEqual(done);
    expect(await stored(bed, 'topics', 'topic')).toEqual({ 'segment.ms': '3' });
    expect(await stored(bed, 'brokers', '7')).toEqual({});
    expect(await bed.zk.getConfigChangeNotifications()).toEqual(notifications);
  });

  it('write the configuration, then the notification', async () => {
    const before = await bed.zk.getConfigChangeNotifications();
    await replace(bed, TOPIC, 'topic', { 'segment.ms': '8' });
    await alter(bed, BROKER, '', [['log.roll.ms', SET, '1000000']]);
    const added = (await bed.zk.getConfigChangeNotifications()).filter((name) => !before.includes(name));
    const data = await Promise.all(added.map((name) => bed.zk.get(`/config/changes/${name}`)));
    expect(data.map((found) => found!.data!.toString())).toEqual([
      '{"version":2,"entity_path":"topics/topic"}',
      '{"version":2,"entity_path":"brokers/<default>"}',
    ]);
    await alter(bed, BROKER, '', [['log.roll.ms', DELETE, null]]);
  });

  it('change all brokers, and this one over them', async () => {
    await replace(bed, TOPIC, 'topic', { 'flush.ms': '77' });
    await until(() => bed.logs.config('topic-0').flushMs === 77);
    expect(await alter(bed, BROKER, '', [['log.retention.ms', SET, '111']])).toEqual(done);
    await until(() => bed.config.logRetentionMs === 111);
    expect(bed.logs.config('topic-0').retentionMs).toBe(111);
    expect(await alter(bed, BROKER, '7', [['log.retention.ms', SET, '222']])).toEqual(done);
    await until(() => bed.config.logRetentionMs === 222);
    expect(bed.logs.config('topic-0')).toMatchObject({ retentionMs: 222, flushMs: 77 });

    const ofBroker = (await entries(bed, BROKER, '7', { includeSynonyms: true })).get('log.retention.ms')!;
    expect(ofBroker).toMatchObject({ value: '222', configSource: 2 });
    expect(ofBroker.synonyms.slice(0, 2)).toEqual([
      { name: 'log.retention.ms', value: '222', source: 2 },
      { name: 'log.retention.ms', value: '111', source: 3 },
    ]);
    const ofAll = await entries(bed, BROKER, '');
    expect([...ofAll.keys()]).toEqual(['log.retention.ms']);
    expect(ofAll.get('log.retention.ms')).toMatchObject({ value: '111', configSource: 3 });

    // A topic's own value stands before both.
    await replace(bed, TOPIC, 'topic', { 'retention.ms': '333' });
    await until(() => bed.logs.config('topic-0').retentionMs === 333);
    await alter(bed, BROKER, '7', [['log.retention.ms', DELETE, null]]);
    await alter(bed, BROKER, '', [['log.retention.ms', DELETE, null]]);
    await until(() => bed.config.logRetentionMs === 604800000);
    expect(bed.logs.config('topic-0').retentionMs).toBe(333);
    await replace(bed, TOPIC, 'topic', {});
    await until(() => bed.logs.config('topic-0').retentionMs === 604800000);
  });

  it('leave alone what is stored already and has no effect here', async () => {
    // As another broker may have stored it: a password, encoded, and a key that is no dynamic one.
    const password = 'listener.name.external.ssl.key.password';
    const before = new Map([
      [password, 'keyLength:128,encryptedPassword:x'],
      ['broker.rack', 'north'],
    ]);
    await bed.zk.setEntityConfig('brokers', '7', before);
    expect(await alter(bed, BROKER, '7', [['log.cleaner.threads', SET, '2']])).toEqual(done);
    expect(await stored(bed, 'brokers', '7')).toEqual({ ...Object.fromEntries(before), 'log.cleaner.threads': '2' });
    expect(log.lines.join('\n')).not.toContain('encryptedPassword');
    expect(await replace(bed, BROKER, '7', {})).toEqual(done);
    expect(await stored(bed, 'brokers', '7')).toEqual({});
  });

  const invalid = (name: string, why: string) =>
    `Invalid config value for resource ConfigResource(type=TOPIC, name='${name}'): ${why}`;
  it.each([
    [
      'a value that cannot be read',
      TOPIC,
      'topic',
      ['retention.ms', SET, 'for ever'],
      ErrorCode.INVALID_CONFIG,
      invalid('topic', 'retention.ms=for ever: accepted is a 64-bit integer, -1 or more'),
    ],
    [
      'an unknown key',
      TOPIC,
      'topic',
      ['retention.msec', SET, '1'],
      ErrorCode.INVALID_CONFIG,
      invalid('topic', 'retention.msec: is no topic key of Kafka 3.9; did you mean retention.ms?'),
    ],
    [
      'an unknown topic',
      TOPIC,
      'nobody',
      ['retention.ms', SET, '1'],
      ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
      "The topic 'nobody' does not exist.",
    ],
    [
      'all topics at once',
      TOPIC,
      '',
      ['retention.ms', SET, '1'],
      ErrorCode.INVALID_REQUEST,
      'Default topic resources are not allowed.',
    ],
    [
      'no value',
      TOPIC,
      'topic',
      ['retention.ms', SET, null],
      ErrorCode.INVALID_REQUEST,
      'Null value not supported for : retention.ms',
    ],
    [
      'another broker',
      BROKER,
      '8',
      ['log.cleaner.threads', SET, '2'],
      ErrorCode.INVALID_REQUEST,
      'Unexpected broker id, expected 7, but received 8',
    ],
    [
      'a broker without a number',
      BROKER,
      'seven',
      ['log.cleaner.threads', SET, '2'],
      ErrorCode.INVALID_REQUEST,
      'Node id must be an integer, but it is: seven',
    ],
    [
      'a key that a running broker keeps',
      BROKER,
      '7',
      ['zookeeper.connect', SET, 'there'],
      ErrorCode.INVALID_REQUEST,
      'zookeeper.connect=there: cannot change while the broker runs; set it in server.properties',
    ],
    [
      'a key of one broker for all',
      BROKER,
      '',
      ['advertised.listeners', SET, 'PLAINTEXT://a:1'],
      ErrorCode.INVALID_REQUEST,
      'advertised.listeners=PLAINTEXT://a:1: is a setting of one broker; name the broker',
    ],
    [
      'a value of a broker that cannot be read',
      BROKER,
      '7',
      ['log.cleaner.threads', SET, 'many'],
      ErrorCode.INVALID_REQUEST,
      'log.cleaner.threads=many: accepted is a 32-bit integer, 0 or more',
    ],
    [
      'a password',
      BROKER,
      '7',
      ['listener.name.external.ssl.key.password', SET, 'secret'],
      ErrorCode.INVALID_REQUEST,
      'listener.name.external.ssl.key.password: this broker does not store passwords in ZooKeeper yet; set it in server.properties',
    ],
    ['metrics of clients', CLIENT_METRICS, 'x', ['a', SET, '1'], ErrorCode.INVALID_REQUEST, 'Unknown resource type 16'],
    ['nothing that is known', 3, 'x', ['a', SET, '1'], ErrorCode.INVALID_REQUEST, 'Unknown resource type 3'],
  ] as const)('refuse %s', async (_what, type, name, op, errorCode, errorMessage) => {
    await replace(bed, TOPIC, 'topic', {});
    const notifications = await bed.zk.getConfigChangeNotifications();
    const [key, , value] = op;
    for (const validateOnly of [true, false]) {
      expect(await alter(bed, type, name, [op], { validateOnly })).toEqual({ errorCode, errorMessage });
      expect(await replace(bed, type, name, { [key]: value }, { validateOnly })).toEqual({ errorCode, errorMessage });
    }
    expect(await stored(bed, 'topics', 'topic')).toEqual({});
    expect(await stored(bed, 'brokers', '7')).toEqual({});
    expect(await bed.zk.getConfigChangeNotifications()).toEqual(notifications);
    expect(log.lines.join('\n')).not.toContain('secret');
  });

  it.each([
    ['an operation that is none', [['retention.ms', 9, '1']], ErrorCode.INVALID_REQUEST, 'Unknown operations type 9'],
    [
      'a key twice',
      [
        ['retention.ms', SET, '1'],
        ['retention.ms', DELETE, null],
      ],
      ErrorCode.INVALID_REQUEST,
      'Error due to duplicate config keys',
    ],
    [
      'an addition to what is no list',
      [['retention.ms', APPEND, '1']],
      ErrorCode.INVALID_CONFIG,
      invalid('topic', 'retention.ms: is no list: it can be set or deleted, nothing appended or taken'),
    ],
  ] as const)('refuse %s', async (_what, ops, errorCode, errorMessage) => {
    expect(await alter(bed, TOPIC, 'topic', ops)).toEqual({ errorCode, errorMessage });
  });

  it('refuse to change loggers', async () => {
    expect(await alter(bed, BROKER_LOGGER, '7', [['kafka', SET, 'DEBUG']])).toEqual({
      errorCode: ErrorCode.INVALID_REQUEST,
      errorMessage: 'The loggers of this broker have no levels of their own: nothing can be changed',
    });
    expect(await replace(bed, BROKER_LOGGER, '7', { kafka: 'DEBUG' })).toEqual({
      errorCode: ErrorCode.INVALID_REQUEST,
      errorMessage: 'Unknown resource type 8',
    });
  });

  it('refuse a resource that is there twice, and change the others', async () => {
    await createTopic(bed, 'other');
    const config = { name: 'segment.ms', configOperation: SET, value: '6' };
    const resource = (resourceName: string) => ({ resourceType: TOPIC, resourceName, configs: [config] });
    const { responses } = await callHandler(incrementalAlterConfigs, bed.broker, 1, {
      resources: [resource('topic'), resource('other'), resource('topic')],
      validateOnly: false,
    });
    const twice = { errorCode: ErrorCode.INVALID_REQUEST, errorMessage: 'Each resource must appear at most once.' };
    expect(responses).toMatchObject([twice, done, twice]);
    expect(await stored(bed, 'topics', 'topic')).toEqual({});
    expect(await stored(bed, 'topics', 'other')).toEqual({ 'segment.ms': '6' });
  });

  it('lose no change of those that come at the same time', async () => {
    await createTopic(bed, 'busy');
    const keys = ['segment.ms', 'flush.ms', 'retention.ms', 'retention.bytes', 'flush.messages'];
    await Promise.all(keys.map((key) => alter(bed, TOPIC, 'busy', [[key, SET, '11']])));
    expect(await stored(bed, 'topics', 'busy')).toEqual(Object.fromEntries(keys.map((key) => [key, '11'])));
  });
});

describe('DynamicConfigManager', () => {
  it('begins with what is in ZooKeeper', async () => {
    await using bed = await AdminBed.start();
    await bed.zk.setEntityConfig('topics', 'early', new Map([['min.insync.replicas', '2']]));
    await bed.zk.setEntityConfig('brokers', '<default>', new Map([['log.retention.ms', '10']]));
    await bed.zk.setEntityConfig('brokers', '5', new Map([['log.cleaner.threads', '2']]));
    await bed.zk.setEntityConfig('brokers', '6', new Map([['log.roll.ms', '99']]));
    const { config } = BrokerConfig.from(new Map([['zookeeper.connect', 'here']]));
    await using zk = disposable(await bed.connect(), (client) => client.close());
    const logManager = new FakeLogs();
    const manager = new DynamicConfigManager(nodeIo(), silentLogger, { brokerId: 5, config, zk: zk.value, logManager });
    await manager.start();
    expect(manager.topicConfig('early').minInsyncReplicas).toBe(2);
    expect(manager.topicConfig('another')).toMatchObject({ minInsyncReplicas: 1, retentionMs: 10 });
    expect(manager.topicOverrides('another').size).toBe(0);
    expect(config.get('log.cleaner.threads')).toBe(2);
    expect(config.logRollMs).toBe(604800000);
    await manager.shutdown();
  });

  it('hears of changes that old tools make', async () => {
    await using bed = await AdminBed.start();
    await using tool = disposable(await bed.connect(), (client) => client.close());
    await createTopic(bed, 'old');
    const set = (value: string) =>
      tool.value.setEntityConfig('topics', 'old', new Map([['segment.ms', value]]), { requireController: false });
    const notify = (data: string) =>
      tool.value.createSequentialPersistentPath('/config/changes/config_change_', Buffer.from(data));
    await set('11');
    await notify('{"version":2,"entity_path":"topics/old"}');
    await until(() => bed.logs.config('old-0').segmentMs === 11);
    await set('12');
    await notify('{"version":1,"entity_type":"topics","entity_name":"old"}');
    await until(() => bed.logs.config('old-0').segmentMs === 12);
  });

  it('goes on after notifications that it cannot read, and those of others', async () => {
    const log = new LoggedLines();
    await using bed = await AdminBed.start({ logger: log });
    await createTopic(bed, 'after');
    for (const data of [
      'no JSON',
      '[]',
      '{"version":3,"entity_path":"topics/after"}',
      '{"version":2,"entity_path":"nothing"}',
      '{"version":2,"entity_path":"users/alice"}',
      '{"version":2,"entity_path":"clients/<default>"}',
      '{"version":2,"entity_path":"brokers/99"}',
    ]) {
      await bed.zk.createSequentialPersistentPath('/config/changes/config_change_', Buffer.from(data));
    }
    await replace(bed, TOPIC, 'after', { 'segment.ms': '13' });
    await until(() => bed.logs.config('after-0').segmentMs === 13);
    expect(log.lines.filter((line) => line.includes('is not carried out'))).toHaveLength(4);
  });

  it('uses what it can of settings that another broker took', async () => {
    const log = new LoggedLines();
    await using bed = await AdminBed.start({ logger: log });
    await bed.zk.setEntityConfig(
      'brokers',
      '<default>',
      new Map([
        ['log.cleaner.threads', 'many'],
        ['log.roll.ms', '5000'],
      ]),
    );
    await bed.zk.createConfigChangeNotification({ type: 'brokers', sanitizedName: '<default>' });
    await until(() => bed.config.logRollMs === 5000);
    expect(bed.config.get('log.cleaner.threads')).toBe(1);
    expect(log.lines.some((line) => line.includes('log.cleaner.threads'))).toBe(true);
  });

  it('takes away notifications after 15 minutes', async () => {
    await using bed = await AdminBed.start();
    await createTopic(bed, 'topic');
    await replace(bed, TOPIC, 'topic', { 'segment.ms': '1' });
    await until(() => bed.logs.config('topic-0').segmentMs === 1);
    const [old] = await bed.zk.getConfigChangeNotifications();

    const io = nodeIo();
    let laterMs = 14 * 60_000;
    const clock = Object.assign(Object.create(io.clock) as typeof io.clock, {
      wallMs: () => io.clock.wallMs() + laterMs,
    });
    await using zk = disposable(await bed.connect(), (client) => client.close());
    const { config } = BrokerConfig.from(new Map([['zookeeper.connect', 'here']]));
    const logManager = new FakeLogs();
    const options = { brokerId: 1, config, zk: zk.value, logManager };
    const manager = new DynamicConfigManager({ ...io, clock }, silentLogger, options);
    await manager.start();
    expect(await bed.zk.getConfigChangeNotifications()).toEqual([old]);
    laterMs = 16 * 60_000;
    await replace(bed, TOPIC, 'topic', { 'segment.ms': '2' });
    await until(async () => (await bed.zk.getConfigChangeNotifications()).length === 0);
    expect(manager.topicConfig('topic').segmentMs).toBe(2);
    await manager.shutdown();
  });

  it('reads the configuration of new topics when asked, and forgets that of deleted ones', async () => {
    await using bed = await AdminBed.start({ controller: 'idle' });
    const { dynamicConfig, zk } = bed;
    await zk.setEntityConfig('topics', 'new', new Map([['segment.ms', '3']]));
    expect(dynamicConfig.topicConfig('new').segmentMs).toBe(604800000);
    await dynamicConfig.ensureTopics(['new', 'bare', 'new']);
    expect(dynamicConfig.logConfig('new').segmentMs).toBe(3);
    await zk.setEntityConfig('topics', 'new', new Map());
    dynamicConfig.forgetTopics(['new']);
    expect(dynamicConfig.topicConfig('new').segmentMs).toBe(604800000);
    await dynamicConfig.ensureTopics(['new']);
    expect(dynamicConfig.topicConfig('new').segmentMs).toBe(604800000);
  });

  it('leaves out what it cannot read: a number, written by hand', async () => {
    const lines = new LoggedLines();
    await using bed = await AdminBed.start({ controller: 'idle', logger: lines });
    const { dynamicConfig, zk } = bed;
    await zk.setEntityConfig('topics', 'fine', new Map([['segment.ms', '7']]));
    await zk.createRecursive('/config/topics/broken', Buffer.from('{"version":1,"config":{"segment.ms":7}}'));
    await dynamicConfig.ensureTopics(['broken', 'fine']);
    expect(dynamicConfig.logConfig('fine').segmentMs).toBe(7);
    expect(dynamicConfig.logConfig('broken').segmentMs).toBe(604800000);
    expect(lines.lines.join('\n')).toContain('/config/topics/broken');
    const again = new DynamicConfigManager(nodeIo(), lines, {
      brokerId: 0,
      config: bed.config,
      zk,
      logManager: new FakeLogs(),
    });
    await again.start();
    expect(again.logConfig('fine').segmentMs).toBe(7);
    await again.shutdown();
  });

  it('tells the controller whether an election may be unclean, also of topics without a replica here', async () => {
    await using bed = await AdminBed.start({ controller: 'idle' });
    const { dynamicConfig, zk } = bed;
    const unclean = (value: string) => new Map([['unclean.leader.election.enable', value]]);
    await zk.setEntityConfig('topics', 'elsewhere', unclean('true'));
    expect(await dynamicConfig.uncleanLeaderElection('elsewhere')).toBe(true);
    expect(await dynamicConfig.uncleanLeaderElection('another')).toBe(false);
    await zk.setEntityConfig('topics', 'elsewhere', unclean('false'));
    // Nobody has been notified yet.
    expect(await dynamicConfig.uncleanLeaderElection('elsewhere')).toBe(false);
  });

  it('gives loaded logs what came meanwhile', async () => {
    await using bed = await AdminBed.start({ controller: 'idle' });
    await bed.zk.setEntityConfig('topics', 'loaded', new Map([['segment.ms', '21']]));
    await bed.dynamicConfig.ensureTopics(['loaded']);
    bed.logs.byName.set('loaded-0', {
      topicPartition: { topic: 'loaded', partition: 0 },
      config: defaultLogConfig,
    });
    bed.dynamicConfig.applyToLogs();
    expect(bed.logs.config('loaded-0').segmentMs).toBe(21);
  });
});

describe('logConfigOf', () => {
  const { config } = BrokerConfig.from(new Map([['zookeeper.connect', 'here']]));

  it("has Kafka's defaults, without numbers that are none", () => {
    expect(logConfigOf(config)).toEqual(defaultLogConfig);
    for (const value of Object.values(logConfigOf(config))) {
      const isRounded = typeof value === 'number' && value !== Infinity && Math.abs(value) > Number.MAX_SAFE_INTEGER;
      expect(isRounded).toBe(false);
    }
  });

  it('has what a topic sets, over what the broker sets', () => {
    const broker = BrokerConfig.from(
      new Map([
        ['zookeeper.connect', 'here'],
        ['log.segment.bytes', '2000'],
        ['log.retention.minutes', '3'],
      ]),
    ).config;
    const overrides = new Map([
      ['segment.bytes', '3000'],
      ['compression.type', 'zstd'],
      ['compression.zstd.level', '5'],
      ['message.timestamp.type', 'LogAppendTime'],
      ['cleanup.policy', 'compact,delete'],
      ['no.such.key', 'x'],
    ]);
    expect(logConfigOf(broker, overrides)).toEqual({
      ...defaultLogConfig,
      segmentBytes: 3000,
      retentionMs: 180_000,
      compressionType: 'zstd',
      compressionZstdLevel: 5,
      messageTimestampType: 'LogAppendTime',
      cleanupCompact: true,
      cleanupDelete: true,
    });
    expect(TopicConfig.from(broker, overrides).segmentBytes).toBe(3000);
  });
});

function disposable<T>(value: T, close: (value: T) => Promise<void>) {
  return { value, [Symbol.asyncDispose]: () => close(value) };
}
