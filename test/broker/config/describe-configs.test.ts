import { describe, expect, it } from 'vitest';
import {
  BrokerConfig,
  ConfigSource,
  describeBrokerConfigs,
  describeBrokerDefaults,
  describeTopicConfigs,
} from '../../../broker/src/config';

function broker(properties: Record<string, string> = {}): BrokerConfig {
  return BrokerConfig.from(new Map(Object.entries({ 'zookeeper.connect': 'h', 'broker.id': '1', ...properties })))
    .config;
}

const { TOPIC_CONFIG, DYNAMIC_BROKER_CONFIG, DYNAMIC_DEFAULT_BROKER_CONFIG, STATIC_BROKER_CONFIG, DEFAULT_CONFIG } =
  ConfigSource;

describe('describeBrokerConfigs', () => {
  it('names the source, and the synonyms in the order in which they count', () => {
    const config = broker({ 'log.segment.bytes': '100' });
    config.updateDynamic('cluster', new Map([['log.segment.bytes', '200']]));
    config.updateDynamic('broker', new Map([['log.segment.bytes', '300']]));
    const [entry] = describeBrokerConfigs(config, { names: ['log.segment.bytes'], includeSynonyms: true });
    expect(entry).toEqual({
      name: 'log.segment.bytes',
      value: '300',
      source: DYNAMIC_BROKER_CONFIG,
      readOnly: false,
      isSensitive: false,
      synonyms: [
        { name: 'log.segment.bytes', value: '300', source: DYNAMIC_BROKER_CONFIG },
        { name: 'log.segment.bytes', value: '200', source: DYNAMIC_DEFAULT_BROKER_CONFIG },
        { name: 'log.segment.bytes', value: '100', source: STATIC_BROKER_CONFIG },
        { name: 'log.segment.bytes', value: '1073741824', source: DEFAULT_CONFIG },
      ],
      configType: 3,
      documentation: null,
    });
  });

  it('shows neither a password nor the value of a key that nobody knows', () => {
    const entries = describeBrokerConfigs(broker({ 'ssl.key.password': 'hush-hush', 'my.plugin.key': 'hush-hush' }), {
      includeSynonyms: true,
    });
    expect(JSON.stringify(entries)).not.toContain('hush-hush');
    const unknown = entries.find(({ name }) => name === 'my.plugin.key');
    expect(unknown).toMatchObject({ value: null, isSensitive: true, configType: 0, source: STATIC_BROKER_CONFIG });
  });

  it('leaves internal keys out unless they are set, and documents when asked', () => {
    const names = ['group.share.enable', 'num.partitions'];
    expect(describeBrokerConfigs(broker(), { names }).map(({ name }) => name)).toEqual(['num.partitions']);
    const [entry] = describeBrokerConfigs(broker(), { names, includeDocumentation: true });
    expect(entry?.documentation).toMatch(/^Partitions of a topic/);
    expect(entry?.readOnly).toBe(true);
  });
});

it('describeBrokerDefaults has the dynamic settings of all brokers only', () => {
  const config = broker({ 'log.segment.bytes': '100' });
  config.updateDynamic('cluster', new Map([['log.segment.bytes', '200']]));
  const entries = describeBrokerDefaults(config, { includeSynonyms: true });
  expect(entries.map(({ name, value, source }) => [name, value, source])).toEqual([
    ['log.segment.bytes', '200', DYNAMIC_DEFAULT_BROKER_CONFIG],
  ]);
  expect(entries[0]?.synonyms).toHaveLength(1);
});

describe('describeTopicConfigs', () => {
  it('goes from the topic to the broker to the default', () => {
    const config = broker({ 'log.segment.bytes': '100' });
    const describeKey = (overrides: [string, string][], name: string) =>
      describeTopicConfigs(config, new Map(overrides), { names: [name], includeSynonyms: true })[0];
    expect(describeKey([['segment.bytes', '50']], 'segment.bytes')).toMatchObject({
      value: '50',
      source: TOPIC_CONFIG,
      synonyms: [
        { name: 'segment.bytes', value: '50', source: TOPIC_CONFIG },
        { name: 'log.segment.bytes', value: '100', source: STATIC_BROKER_CONFIG },
        { name: 'log.segment.bytes', value: '1073741824', source: DEFAULT_CONFIG },
      ],
    });
    expect(describeKey([], 'segment.bytes')).toMatchObject({ value: '100', source: STATIC_BROKER_CONFIG });
    expect(describeKey([], 'remote.storage.enable')).toMatchObject({
      value: 'false',
      source: DEFAULT_CONFIG,
      synonyms: [],
    });
  });

  it('has every key, and those that a topic sets though nobody knows them', () => {
    const entries = describeTopicConfigs(broker(), new Map([['strange', 'x']]));
    expect(entries).toHaveLength(37);
    expect(entries.at(-1)).toMatchObject({ name: 'strange', value: null, isSensitive: true, source: TOPIC_CONFIG });
    expect(entries.every(({ readOnly }) => !readOnly)).toBe(true);
  });
});
