import type { BrokerKey } from './broker-keys';
import type { BrokerValue, BrokerValues } from './broker-values';
import type { ConfigProblem } from './config-error';
import { EndPointError, parseCsvList, parseCsvMap } from './end-point';
import { parseJavaInteger } from './java-number';
import { resolveListeners } from './listener-setup';
import { isAtLeastVersion } from './metadata-version';

// What KafkaConfig checks across keys, and KafkaServer before it opens its logs.

/** One rule: what is wrong, or undefined. It may read only what it judges: a key that did not parse skips the rule. */
type Rule = (values: BrokerValues) => ConfigProblem | undefined;

const minute = 60_000;
const hour = 60 * minute;

export function logRollMs(values: BrokerValues): number {
  return values.get('log.roll.ms') ?? values.get('log.roll.hours') * hour;
}

export function logRollJitterMs(values: BrokerValues): number {
  return values.get('log.roll.jitter.ms') ?? values.get('log.roll.jitter.hours') * hour;
}

/** -1: for ever. */
export function logRetentionMs(values: BrokerValues): number {
  const minutes = values.get('log.retention.minutes');
  const ms =
    values.get('log.retention.ms') ?? (minutes === null ? values.get('log.retention.hours') * hour : minutes * minute);
  return Math.max(ms, -1);
}

/** log.dirs, or the one of log.dir. */
export function logDirs(values: BrokerValues): readonly string[] {
  return parseCsvList(values.get('log.dirs') ?? values.get('log.dir'));
}

const hostCharacters = /^[0-9a-zA-Z\-%._:]*$/;

/** max.connections.per.ip.overrides: the limit of each host name or address. */
export function maxConnectionsPerIpOverrides(values: BrokerValues): ReadonlyMap<string, number> {
  const limits = new Map<string, number>();
  for (const [host, text] of parseCsvMap(values.get('max.connections.per.ip.overrides'))) {
    const limit = parseJavaInteger(text, 32);
    if (limit === undefined) throw new EndPointError(`${text} is no number of connections; accepted is HOST:NUMBER`);
    if (!hostCharacters.test(host)) throw new EndPointError(`${host} is no host; accepted is HOST:NUMBER`);
    limits.set(host, limit.value);
  }
  return limits;
}

function problem(values: BrokerValues, key: BrokerKey, text: string): ConfigProblem {
  const value = values.text(key);
  return { key, problem: text, ...(value === null || !values.isSet(key) ? {} : { value }) };
}

type NumberKey = { [K in BrokerKey]: BrokerValue<K> extends number ? K : never }[BrokerKey];

/** The first key may not be more than the second. */
function atMost(lesser: NumberKey, greater: NumberKey): Rule {
  return (values) =>
    values.get(lesser) > values.get(greater)
      ? problem(values, lesser, `accepted is at most ${greater}, which is ${values.text(greater)}`)
      : undefined;
}

const rules: readonly Rule[] = [
  (values) =>
    values.get('zookeeper.connect') === null
      ? problem(values, 'zookeeper.connect', 'missing; accepted is a list of HOST:PORT, with an optional chroot path')
      : undefined,
  (values) =>
    values.get('node.id') === values.get('broker.id')
      ? undefined
      : problem(values, 'node.id', `differs from broker.id, which is ${values.text('broker.id')}; remove one of them`),
  (values) => {
    const id = values.get('broker.id');
    if (!values.get('broker.id.generation.enable')) {
      return id < 0 ? problem(values, 'broker.id', 'accepted is 0 or more: none is generated') : undefined;
    }
    const most = values.get('reserved.broker.max.id');
    return id < -1 || id > most
      ? problem(values, 'broker.id', `accepted is -1, or from 0 to reserved.broker.max.id, which is ${most}`)
      : undefined;
  },
  (values) => (logRollMs(values) < 1 ? problem(values, 'log.roll.ms', 'accepted is 1 or more') : undefined),
  (values) =>
    logRollJitterMs(values) < 0 ? problem(values, 'log.roll.jitter.ms', 'accepted is 0 or more') : undefined,
  (values) => {
    if (logRetentionMs(values) !== 0) return undefined;
    const keys = ['log.retention.ms', 'log.retention.minutes', 'log.retention.hours'] as const;
    const key = keys.find((one) => values.get(one) !== null) ?? 'log.retention.hours';
    return problem(values, key, 'accepted is 1 or more, or -1 for ever');
  },
  (values) =>
    logDirs(values).length === 0
      ? problem(values, 'log.dirs', 'names no directory; accepted is a list of directories')
      : undefined,
  (values) => {
    const threads = values.get('log.cleaner.threads');
    const each = threads === 0 ? 0 : Math.trunc(values.get('log.cleaner.dedupe.buffer.size') / threads);
    const key = 'log.cleaner.dedupe.buffer.size';
    return each > 1024 * 1024
      ? undefined
      : problem(values, key, `accepted is more than 1048576 for each of the ${threads} log.cleaner.threads`);
  },
  atMost('log.cleaner.min.compaction.lag.ms', 'log.cleaner.max.compaction.lag.ms'),
  atMost('replica.fetch.wait.max.ms', 'replica.socket.timeout.ms'),
  atMost('replica.fetch.wait.max.ms', 'replica.lag.time.max.ms'),
  (values) => {
    const acks = values.get('offsets.commit.required.acks');
    const most = values.get('offsets.topic.replication.factor');
    return acks < -1 || acks > most
      ? problem(
          values,
          'offsets.commit.required.acks',
          `accepted is from -1 to offsets.topic.replication.factor, ${most}`,
        )
      : undefined;
  },
  (values) => {
    const codec = values.get('offsets.topic.compression.codec');
    return codec < 0 || codec > 4
      ? problem(values, 'offsets.topic.compression.codec', 'accepted is 0 none, 1 gzip, 2 snappy, 3 lz4 or 4 zstd')
      : undefined;
  },
  atMost('group.consumer.min.heartbeat.interval.ms', 'group.consumer.heartbeat.interval.ms'),
  atMost('group.consumer.heartbeat.interval.ms', 'group.consumer.max.heartbeat.interval.ms'),
  atMost('group.consumer.min.session.timeout.ms', 'group.consumer.session.timeout.ms'),
  atMost('group.consumer.session.timeout.ms', 'group.consumer.max.session.timeout.ms'),
  atMost('group.share.min.heartbeat.interval.ms', 'group.share.heartbeat.interval.ms'),
  atMost('group.share.heartbeat.interval.ms', 'group.share.max.heartbeat.interval.ms'),
  atMost('group.share.min.session.timeout.ms', 'group.share.session.timeout.ms'),
  atMost('group.share.session.timeout.ms', 'group.share.max.session.timeout.ms'),
  atMost('group.share.min.record.lock.duration.ms', 'group.share.record.lock.duration.ms'),
  atMost('group.share.record.lock.duration.ms', 'group.share.max.record.lock.duration.ms'),
  (values) => {
    const queued = values.get('queued.max.request.bytes');
    return queued > 0 && queued < values.get('socket.request.max.bytes')
      ? problem(
          values,
          'queued.max.request.bytes',
          `accepted is -1, or at least socket.request.max.bytes, which is ${values.text('socket.request.max.bytes')}`,
        )
      : undefined;
  },
  (values) => {
    const key = 'max.connections.per.ip.overrides';
    try {
      const overrides = maxConnectionsPerIpOverrides(values);
      return values.get('max.connections.per.ip') === 0 && overrides.size === 0
        ? problem(values, 'max.connections.per.ip', `would let nobody in; accepted is 0 only together with ${key}`)
        : undefined;
    } catch (error) {
      if (error instanceof EndPointError) return problem(values, key, error.message);
      throw error;
    }
  },
  (values) => {
    const idle = values.get('connections.max.idle.ms');
    const delay = 'connection.failed.authentication.delay.ms';
    return idle >= 0 && values.get(delay) >= idle
      ? problem(values, 'connections.max.idle.ms', `accepted is more than ${delay}, which is ${values.text(delay)}`)
      : undefined;
  },
  (values) => {
    const spoken = values.get('inter.broker.protocol.version');
    const stored = values.get('log.message.format.version');
    // From 3.0 on the record format's key is ignored; before, brokers must speak what they store.
    if (isAtLeastVersion(spoken, '3.0-IV1') || recordVersion(spoken) >= recordVersion(stored)) return undefined;
    return problem(values, 'log.message.format.version', `inter.broker.protocol.version is older: ${spoken}`);
  },
  (values) =>
    values.get('offsets.topic.compression.codec') === 4 &&
    recordVersion(values.get('inter.broker.protocol.version')) < 2
      ? problem(
          values,
          'offsets.topic.compression.codec',
          'zstd needs an inter.broker.protocol.version of 2.1 or newer',
        )
      : undefined,
  (values) => {
    const setup = resolveListeners(values);
    return 'problem' in setup ? setup : undefined;
  },
];

function recordVersion(version: string): number {
  return isAtLeastVersion(version, '0.11.0-IV0') ? 2 : isAtLeastVersion(version, '0.10.0-IV0') ? 1 : 0;
}

class Unparsed extends Error {}

/** What is wrong across keys. Rules about the keys in `unparsed`, whose problem is known already, are left out. */
export function crossKeyProblems(values: BrokerValues, unparsed: ReadonlySet<string>): ConfigProblem[] {
  const parsed = (key: BrokerKey): void => {
    if (unparsed.has(key)) throw new Unparsed();
  };
  const guarded: BrokerValues = {
    get: (key) => (parsed(key), values.get(key)),
    text: (key) => (parsed(key), values.text(key)),
    isSet: (key) => values.isSet(key),
  };
  return rules.flatMap((rule) => {
    try {
      return rule(guarded) ?? [];
    } catch (error) {
      if (error instanceof Unparsed) return [];
      throw error;
    }
  });
}
