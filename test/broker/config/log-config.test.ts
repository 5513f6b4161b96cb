import { describe, expect, it } from 'vitest';
import { BrokerConfig, ConfigError, LogConfig, validateTopicConfig } from '../../../broker/src/config';
import { defaultLogConfig, type LogConfig as LogsView } from '../../../broker/src/log/log-config';

function broker(properties: Record<string, string> = {}): BrokerConfig {
  return BrokerConfig.from(new Map(Object.entries({ 'zookeeper.connect': 'h', 'broker.id': '1', ...properties })))
    .config;
}

function settings(values: Record<string, string>): Map<string, string> {
  return new Map(Object.entries(values));
}

describe('LogConfig', () => {
  it('is what the log asks for, with the same defaults where they are bounds', () => {
    const config: LogsView = LogConfig.from(broker());
    for (const [key, value] of Object.entries(defaultLogConfig)) {
      const ours = config[key as keyof LogsView];
      const isNoBound = typeof value === 'number' && value >= Number.MAX_SAFE_INTEGER;
      if (isNoBound) expect(ours, key).toBeGreaterThanOrEqual(Number.MAX_SAFE_INTEGER);
      else expect(ours, key).toEqual(value);
    }
  });

  it('takes a topic’s settings over its broker’s, and those over Kafka’s', () => {
    const own = broker({ 'log.segment.bytes': '1000', 'log.roll.hours': '1', 'log.retention.minutes': '2' });
    const config = LogConfig.from(own, settings({ 'segment.bytes': '2000', 'cleanup.policy': 'compact' }));
    expect(config.segmentBytes).toBe(2000);
    expect(config.segmentMs).toBe(3_600_000);
    expect(config.retentionMs).toBe(120_000);
    expect([config.cleanupCompact, config.cleanupDelete]).toEqual([true, false]);
    expect(config.minInsyncReplicas).toBe(1);
    expect(config.text('retention.ms')).toBe('120000');
    expect(config.get('cleanup.policy')).toEqual(['compact']);
  });

  it('follows the broker’s dynamic settings when it is made anew', () => {
    const own = broker();
    own.updateDynamic('cluster', settings({ 'min.insync.replicas': '2' }));
    expect(LogConfig.from(own).minInsyncReplicas).toBe(2);
  });

  it('bounds timestamps by the deprecated key where the newer ones are not set', () => {
    const config = LogConfig.from(
      broker(),
      settings({ 'message.timestamp.difference.max.ms': '5', 'message.timestamp.after.max.ms': '9' }),
    );
    expect([config.messageTimestampBeforeMaxMs, config.messageTimestampAfterMaxMs]).toEqual([5, 9]);
    const inherited = LogConfig.from(broker({ 'log.message.timestamp.difference.max.ms': '7' }));
    expect([inherited.messageTimestampBeforeMaxMs, inherited.messageTimestampAfterMaxMs]).toEqual([7, 7]);
  });

  it('leaves out what it cannot read', () => {
    const config = LogConfig.from(
      broker({ 'log.segment.bytes': '1000' }),
      settings({ 'segment.bytes': 'x', other: '1' }),
    );
    expect(config.segmentBytes).toBe(1000);
    expect([...config.overrides.keys()]).toEqual(['segment.bytes', 'other']);
  });
});

describe('validateTopicConfig', () => {
  it.each<[Record<string, string>, RegExp]>([
    [{ 'retention.ms': 'x' }, /^retention\.ms=x: accepted is a 64-bit integer, -1 or more$/],
    [{ 'retention.mss': '1' }, /^retention\.mss: is no topic key of Kafka 3\.9; did you mean retention\.ms\?$/],
    [{ 'log.retention.hours': '1' }, /is a key of brokers; for a topic it is retention\.ms$/],
    [{ 'cleanup.policy': 'shrink' }, /accepted is a list of compact, delete/],
    [{ 'min.compaction.lag.ms': '5', 'max.compaction.lag.ms': '4' }, /at most max\.compaction\.lag\.ms, which is 4/],
    [{ 'remote.storage.enable': 'true' }, /remote storage is not supported/],
    [
      { 'segment.bytes': '1', 'segment.ms': '0' },
      /^2 problems in the configuration:\n {2}segment\.bytes=1.*\n {2}segment\.ms=0/,
    ],
  ])('refuses %o', (overrides, message) => {
    expect(() => validateTopicConfig(broker(), settings(overrides))).toThrow(ConfigError);
    expect(() => validateTopicConfig(broker(), settings(overrides))).toThrow(message);
  });

  it('checks a topic’s settings against those of its broker', () => {
    const own = broker({ 'log.cleaner.max.compaction.lag.ms': '4' });
    expect(() => validateTopicConfig(own, settings({ 'min.compaction.lag.ms': '5' }))).toThrow(/which is 4/);
  });

  it('says what has no effect', () => {
    const warnings = validateTopicConfig(broker(), settings({ 'message.format.version': '2.8', 'retention.ms': '5' }));
    expect(warnings.map(({ key, kind }) => [key, kind])).toEqual([
      ['message.format.version', 'deprecated'],
      ['message.format.version', 'without-effect'],
    ]);
  });
});
