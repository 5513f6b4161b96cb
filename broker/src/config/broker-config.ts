import type { BrokerKey } from './broker-keys';
import {
  crossKeyProblems,
  logDirs,
  logRetentionMs,
  logRollJitterMs,
  logRollMs,
  maxConnectionsPerIpOverrides,
} from './broker-rules';
import type { BrokerValue, BrokerValues } from './broker-values';
import { checkProperties, parsedOrDefault, withBrokerIdSynonym } from './check-properties';
import { ConfigError, type ConfigProblem, type ConfigWarning } from './config-error';
import { dynamicProblems, overrideProperties } from './dynamic-update';
import type { EndPoint, SecurityProtocol } from './end-point';
import { resolveListeners, type ListenerSetup } from './listener-setup';
import type { ParsedValue } from './parse-value';

type Properties = ReadonlyMap<string, string>;

/** Where dynamic settings lie: /config/brokers/<default> for the whole cluster, /config/brokers/ID for this broker. */
export type DynamicScope = 'cluster' | 'broker';

/** Everything that follows from one set of properties. */
interface Snapshot extends ListenerSetup {
  readonly properties: Properties;
  readonly parsed: ReadonlyMap<BrokerKey, ParsedValue>;
  readonly logDirs: readonly string[];
  readonly maxConnectionsPerIpOverrides: ReadonlyMap<string, number>;
}

interface Checked {
  readonly snapshot?: Snapshot;
  readonly problems: readonly ConfigProblem[];
  readonly warnings: readonly ConfigWarning[];
}

const nothing: Properties = new Map();

function valuesOf(parsed: ReadonlyMap<BrokerKey, ParsedValue>, properties: Properties): BrokerValues {
  return {
    get: <K extends BrokerKey>(key: K) => parsedOrDefault(parsed, key).value as BrokerValue<K>,
    text: (key) => parsedOrDefault(parsed, key).text,
    isSet: (key) => properties.has(key),
  };
}

function check(given: Properties): Checked {
  const properties = withBrokerIdSynonym(given);
  const checked = checkProperties(properties);
  const { parsed } = checked;
  const values = valuesOf(parsed, properties);
  const crossed = crossKeyProblems(values, new Set(checked.problems.map(({ key }) => key)));
  // Nothing is said twice about a broker's id that was written once.
  const written = ({ key }: { readonly key: string }): boolean => given.has(key) || !properties.has(key);
  const problems = [...checked.problems, ...crossed].filter(written);
  const warnings = checked.warnings.filter(written);
  if (problems.length > 0) return { problems, warnings };
  const setup = resolveListeners(values);
  if ('problem' in setup) return { problems: [setup], warnings };
  return {
    snapshot: {
      ...setup,
      properties,
      parsed,
      logDirs: logDirs(values),
      maxConnectionsPerIpOverrides: maxConnectionsPerIpOverrides(values),
    },
    problems,
    warnings,
  };
}

/**
 * A broker's configuration, as KafkaConfig: server.properties, and over it what was set dynamically. The object stays
 * the same when dynamic settings change; what reads a value when it needs it always has the current one, and what
 * keeps a copy subscribes.
 */
export class BrokerConfig implements BrokerValues {
  #snapshot: Snapshot;
  #clusterProperties: Properties = nothing;
  #brokerProperties: Properties = nothing;
  readonly #subscribers = new Set<(changed: ReadonlySet<string>) => void>();

  private constructor(
    readonly staticProperties: Properties,
    snapshot: Snapshot,
  ) {
    this.#snapshot = snapshot;
  }

  /**
   * @param properties the entries of server.properties
   * @param overrides entries that win over them (environment, `--override`)
   * @throws ConfigError that lists every bad key
   */
  static from(
    properties: Properties,
    overrides: Properties = nothing,
  ): { readonly config: BrokerConfig; readonly warnings: readonly ConfigWarning[] } {
    const { snapshot, problems, warnings } = check(new Map([...properties, ...overrides]));
    if (snapshot === undefined) throw new ConfigError(problems);
    return { config: new BrokerConfig(snapshot.properties, snapshot), warnings };
  }

  /** What `from` would say, without throwing: for who writes server.properties rather than runs on it. */
  static check(
    properties: Properties,
    overrides: Properties = nothing,
  ): { readonly problems: readonly ConfigProblem[]; readonly warnings: readonly ConfigWarning[] } {
    const { problems, warnings } = check(new Map([...properties, ...overrides]));
    return { problems, warnings };
  }

  get<K extends BrokerKey>(key: K): BrokerValue<K> {
    return parsedOrDefault(this.#snapshot.parsed, key).value as BrokerValue<K>;
  }

  text(key: BrokerKey): string | null {
    return parsedOrDefault(this.#snapshot.parsed, key).text;
  }

  isSet(key: BrokerKey): boolean {
    return this.#snapshot.properties.has(key);
  }

  /** Every entry that counts, known or not, as it was written. */
  get properties(): Properties {
    return this.#snapshot.properties;
  }

  get listeners(): readonly EndPoint[] {
    return this.#snapshot.listeners;
  }

  /** Those of `listeners` where advertised.listeners is not set: a null host and port 0 are then still to be resolved. */
  get advertisedListeners(): readonly EndPoint[] {
    return this.#snapshot.advertisedListeners;
  }

  get interBrokerListenerName(): string {
    return this.#snapshot.interBrokerListenerName;
  }

  get interBrokerSecurityProtocol(): SecurityProtocol {
    return this.#snapshot.interBrokerSecurityProtocol;
  }

  get controlPlaneListenerName(): string | null {
    return this.#snapshot.controlPlaneListenerName;
  }

  get maxConnectionsPerIpOverrides(): ReadonlyMap<string, number> {
    return this.#snapshot.maxConnectionsPerIpOverrides;
  }

  get logDirs(): readonly string[] {
    return this.#snapshot.logDirs;
  }

  get zookeeperConnectionTimeoutMs(): number {
    return this.get('zookeeper.connection.timeout.ms') ?? this.get('zookeeper.session.timeout.ms');
  }

  get logRollMs(): number {
    return logRollMs(this);
  }

  get logRollJitterMs(): number {
    return logRollJitterMs(this);
  }

  /** -1: for ever. */
  get logRetentionMs(): number {
    return logRetentionMs(this);
  }

  get logFlushIntervalMs(): number {
    return this.get('log.flush.interval.ms') ?? this.get('log.flush.scheduler.interval.ms');
  }

  /** The dynamic settings that hold now. */
  dynamicProperties(scope: DynamicScope): Properties {
    return scope === 'cluster' ? this.#clusterProperties : this.#brokerProperties;
  }

  /**
   * Checks dynamic settings before they are stored: `properties` is the whole set that `scope` would have.
   * @throws ConfigError that lists every bad key
   */
  validateDynamic(scope: DynamicScope, properties: Properties): void {
    const single = dynamicProblems(this, scope, properties);
    if (single.length > 0) throw new ConfigError(single);
    const { problems } = check(this.#merged({ ...this.#dynamic(), [scope]: properties }));
    if (problems.length > 0) throw new ConfigError(problems);
  }

  /**
   * Takes over dynamic settings that were stored. Entries that this broker cannot use are left out with a warning, and
   * where what is left does not fit together nothing changes: a broker does not stop for what another one stored.
   */
  updateDynamic(scope: DynamicScope, properties: Properties): readonly ConfigWarning[] {
    const problems = dynamicProblems(this, scope, properties);
    const bad = new Set(problems.map(({ key }) => key));
    const usable = new Map([...properties].filter(([key]) => !bad.has(key)));
    const layers = { ...this.#dynamic(), [scope]: usable };
    const next = check(this.#merged(layers));
    const dropped = [...problems, ...next.problems].map(({ key, problem }): ConfigWarning => ({
      key,
      kind: 'without-effect',
      message: `The dynamic setting of ${key} is not used: ${problem}.`,
    }));
    if (next.snapshot === undefined) return dropped;
    const before = this.#snapshot.properties;
    this.#snapshot = next.snapshot;
    this.#clusterProperties = layers.cluster;
    this.#brokerProperties = layers.broker;
    const after = this.#snapshot.properties;
    const changed = new Set([...before.keys(), ...after.keys()].filter((key) => before.get(key) !== after.get(key)));
    if (changed.size > 0) for (const subscriber of [...this.#subscribers]) subscriber(changed);
    return dropped;
  }

  /** Calls back with the changed keys after each dynamic change, until the returned function is called. */
  subscribe(subscriber: (changed: ReadonlySet<string>) => void): () => void {
    this.#subscribers.add(subscriber);
    return () => void this.#subscribers.delete(subscriber);
  }

  #dynamic(): Record<DynamicScope, Properties> {
    return { cluster: this.#clusterProperties, broker: this.#brokerProperties };
  }

  #merged({ cluster, broker }: Record<DynamicScope, Properties>): Properties {
    return overrideProperties(overrideProperties(this.staticProperties, cluster), broker);
  }
}
