import { ConfigError, type ConfigProblem, type ConfigWarning } from '../../config/config-error';
import { nearestKey } from '../../config/nearest-key';
import { parseProperties } from '../../config/properties';
import type { ZooKeeperServerOptions } from './zookeeper-server';

const hourMs = 3_600_000;
const largestInt = 0x7fffffff;

type Options = { -readonly [K in keyof ZooKeeperServerOptions]: ZooKeeperServerOptions[K] };
/** Puts a value into the options, or says what would be accepted. */
type Setter = (options: Options, value: string) => string | void;

function integer(least: number, set: (options: Options, value: number) => void): Setter {
  return (options, value) => {
    const number = Number(value);
    if (!/^[+-]?\d+$/.test(value) || number < least || number > largestInt) {
      return `a whole number from ${least} to ${largestInt} is accepted`;
    }
    set(options, number);
  };
}

function text(set: (options: Options, value: string) => void): Setter {
  return (options, value) => {
    if (value === '') return 'it must not be empty';
    set(options, value);
  };
}

function yesOrNo(set: (options: Options, value: boolean) => void): Setter {
  return (options, value) => {
    if (!/^(yes|no|true|false)$/i.test(value)) return 'yes, no, true or false is accepted';
    set(options, /^(yes|true)$/i.test(value));
  };
}

// Milliseconds; -1 is "as tickTime says".
const sessionTimeout = (name: 'minSessionTimeout' | 'maxSessionTimeout') =>
  integer(-1, (options, value) => {
    if (value !== -1) options[name] = value;
  });

const setters: Readonly<Record<string, Setter>> = {
  dataDir: text((options, value) => (options.dataDir = value)),
  dataLogDir: text((options, value) => (options.dataLogDir = value)),
  clientPort: integer(0, (options, value) => (options.port = value)),
  clientPortAddress: text((options, value) => (options.host = value)),
  tickTime: integer(1, (options, value) => (options.tickTime = value)),
  minSessionTimeout: sessionTimeout('minSessionTimeout'),
  maxSessionTimeout: sessionTimeout('maxSessionTimeout'),
  maxClientCnxns: integer(0, (options, value) => (options.maxClientCnxns = value)),
  snapCount: integer(2, (options, value) => (options.snapCount = value)),
  forceSync: yesOrNo((options, value) => (options.forceSync = value)),
  'jute.maxbuffer': integer(1, (options, value) => (options.juteMaxBuffer = value)),
  'autopurge.snapRetainCount': integer(1, (options, value) => (options.snapRetainCount = value)),
  'autopurge.purgeInterval': integer(0, (options, value) => (options.purgeIntervalMs = value * hourMs)),
  'znode.container.checkIntervalMs': integer(1, (options, value) => (options.containerCheckIntervalMs = value)),
  '4lw.commands.whitelist': (options, value) => {
    options.fourLetterWords = value
      .split(',')
      .map((word) => word.trim())
      .filter((word) => word !== '');
  },
};

// They mean nothing to a single server, or only tune ZooKeeper's own implementation.
const ignored = new Set([
  'sessionRequireClientSASLAuth',
  'enforce.auth.enabled',
  'enforce.auth.schemes',
  'initLimit',
  'syncLimit',
  'connectToLearnerMasterLimit',
  'electionAlg',
  'cnxTimeout',
  'leaderServes',
  'quorumListenOnAllIPs',
  'standaloneEnabled',
  'reconfigEnabled',
  'syncEnabled',
  'localSessionsEnabled',
  'localSessionsUpgradingEnabled',
  'extendedTypesEnabled',
  'emulate353TTLNodes',
  'preAllocSize',
  'globalOutstandingLimit',
  'fsync.warningthresholdms',
  'serverCnxnFactory',
  'admin.serverPort',
  'admin.serverAddress',
  'admin.commandURL',
  'admin.idleTimeout',
  'metricsProvider.httpHost',
  'metricsProvider.httpPort',
  'metricsProvider.exportJvmInfo',
]);

// What is asked for is not there: by key, and the value that asks for nothing.
const withoutEffect: Readonly<Record<string, string>> = {
  'admin.enableServer': 'false',
  'metricsProvider.className': 'org.apache.zookeeper.metrics.impl.DefaultMetricsProvider',
  maxCnxns: '0',
  enforceQuota: 'false',
  skipACL: 'no',
  'DigestAuthenticationProvider.superDigest': '',
};

const toDo =
  'this server is a single one: take the other servers out of the file, or run Apache ZooKeeper for an ensemble';
const noSuchAuthentication =
  'this server authenticates by SASL DIGEST-MD5, digest and address: run Apache ZooKeeper for more, or remove the key';
const saslProvider = 'org.apache.zookeeper.server.auth.SASLAuthenticationProvider';
const enforceable = ['sasl', 'digest', 'ip'];

const refused: readonly (readonly [keys: RegExp, harmless: RegExp, problem: string])[] = [
  [/^(group|weight)\./, /^$/, toDo],
  [/^dynamicConfigFile$/, /^$/, toDo],
  [/^peerType$/, /^participant$/, toDo],
  [/^secureClientPort(Address)?$/, /^$/, noSuchAuthentication],
  [/^requireClientAuthScheme$/, /^$/, 'it has no effect in ZooKeeper: set sessionRequireClientSASLAuth=true instead'],
  [/^authProvider(\.|$)/, new RegExp(`^(${saslProvider})?$`), noSuchAuthentication],
];

/**
 * Reads a zoo.cfg: what it says as options, and warnings about keys that are unknown or without effect. Without
 * `clientPortAddress` the server is to listen on every address, without a whitelist only srvr is answered, and nothing
 * is purged without autopurge.purgeInterval, all as in ZooKeeper.
 * @throws ConfigError naming every key whose value cannot be used, and what an ensemble or an authentication that is not
 * here would need
 */
export function parseZooCfg(content: string): {
  readonly options: ZooKeeperServerOptions;
  readonly warnings: readonly ConfigWarning[];
} {
  const properties = new Map([...parseProperties(content)].map(([key, value]) => [key, value.trim()]));
  const options: Options = { host: '', fourLetterWords: [] };
  const problems: ConfigProblem[] = [];
  const warnings: ConfigWarning[] = [];
  const servers = [...properties.keys()].filter((key) => /^server\.\d+$/.test(key));

  for (const [key, value] of properties) {
    const set = Object.hasOwn(setters, key) ? setters[key] : undefined;
    const refusal = refused.find(([keys, harmless]) => keys.test(key) && !harmless.test(value));
    if (set !== undefined) {
      const problem = set(options, value);
      if (typeof problem === 'string') problems.push({ key, value, problem });
    } else if (refusal !== undefined) {
      problems.push({ key, value, problem: refusal[2] });
    } else if (servers.includes(key)) {
      if (servers.length > 1) problems.push({ key, value, problem: toDo });
      else warnings.push(warning(key, 'without-effect', 'has no effect: an ensemble of one is a single server'));
    } else if (Object.hasOwn(withoutEffect, key)) {
      if (value !== withoutEffect[key]) warnings.push(warning(key, 'without-effect', 'has no effect in this server'));
    } else if (!ignored.has(key) && !refused.some(([keys]) => keys.test(key))) {
      const nearest = nearestKey(key, [...Object.keys(setters), ...ignored, ...Object.keys(withoutEffect)]);
      const hint = nearest === undefined ? '' : ` (did you mean ${nearest}?)`;
      warnings.push(warning(key, 'unknown', `is not known and has no effect${hint}`));
    }
  }
  const { schemes, problem } = enforcedSchemes(properties);
  if (schemes.length > 0) options.enforcedSchemes = schemes;
  if (problem !== undefined) problems.push(problem);
  for (const key of ['dataDir', 'clientPort']) {
    if (!properties.has(key)) problems.push({ key, problem: 'it must be set' });
  }
  const tickTime = options.tickTime ?? 3000;
  const { minSessionTimeout = 2 * tickTime, maxSessionTimeout = 20 * tickTime } = options;
  if (minSessionTimeout > maxSessionTimeout) {
    const value = String(minSessionTimeout);
    problems.push({
      key: 'minSessionTimeout',
      value,
      problem: `it must not be above maxSessionTimeout, ${maxSessionTimeout}`,
    });
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return { options, warnings };
}

// How a client has to have authenticated (AuthenticationHelper).
function enforcedSchemes(properties: ReadonlyMap<string, string>): {
  readonly schemes: readonly string[];
  readonly problem?: ConfigProblem;
} {
  const isOn = (key: string): boolean => properties.get(key)?.toLowerCase() === 'true';
  if (isOn('sessionRequireClientSASLAuth')) return { schemes: ['sasl'] };
  if (!isOn('enforce.auth.enabled')) return { schemes: [] };
  const value = properties.get('enforce.auth.schemes') ?? '';
  const schemes = value
    .split(',')
    .map((scheme) => scheme.trim())
    .filter((scheme) => scheme !== '');
  if (schemes.length > 0 && schemes.every((scheme) => enforceable.includes(scheme))) return { schemes };
  const problem = `one or more of ${enforceable.join(', ')} is accepted, since enforce.auth.enabled is true`;
  return { schemes: [], problem: { key: 'enforce.auth.schemes', value, problem } };
}

function warning(key: string, kind: ConfigWarning['kind'], what: string): ConfigWarning {
  return { key, kind, message: `zoo.cfg: ${key} ${what}.` };
}
