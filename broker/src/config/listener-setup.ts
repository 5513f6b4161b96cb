import type { BrokerValues } from './broker-values';
import type { BrokerKey } from './broker-keys';
import type { ConfigProblem } from './config-error';
import {
  EndPointError,
  normalizeListenerName,
  parseCsvList,
  parseEndPoints,
  parseSecurityProtocolMap,
  type EndPoint,
  type SecurityProtocol,
} from './end-point';
import { supportedSecurityProtocols } from './support';

/** What listeners, advertised.listeners and the keys around them come to. */
export interface ListenerSetup {
  readonly listeners: readonly EndPoint[];
  /** Those of `listeners` where advertised.listeners is not set. */
  readonly advertisedListeners: readonly EndPoint[];
  readonly interBrokerListenerName: string;
  readonly interBrokerSecurityProtocol: SecurityProtocol;
  readonly controlPlaneListenerName: string | null;
}

class Refusal extends Error {
  constructor(
    readonly key: BrokerKey,
    readonly problem: string,
  ) {
    super(problem);
  }
}

/** The setup, or what is wrong with it (the first problem found: the later ones mostly follow from it). */
export function resolveListeners(values: BrokerValues): ListenerSetup | ConfigProblem {
  try {
    return resolve(values);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const value = values.text(error.key);
    return { key: error.key, problem: error.problem, ...(value === null ? {} : { value }) };
  }
}

function resolve(values: BrokerValues): ListenerSetup {
  const protocols = read('listener.security.protocol.map', () =>
    parseSecurityProtocolMap(values.get('listener.security.protocol.map')),
  );
  const listeners = read('listeners', () => parseEndPoints(values.get('listeners'), protocols));
  const advertisedText = values.get('advertised.listeners');
  const advertisedKey = advertisedText === null ? 'listeners' : 'advertised.listeners';
  const advertisedListeners =
    advertisedText === null
      ? listeners
      : read(advertisedKey, () => parseEndPoints(advertisedText, protocols, { sharedPorts: true }));

  const names = listeners.map(({ listenerName }) => listenerName);
  const advertisedNames = advertisedListeners.map(({ listenerName }) => listenerName);
  if (advertisedNames.length === 0) {
    throw new Refusal(advertisedKey, 'there is no listener; accepted is a list of NAME://HOST:PORT');
  }
  const foreign = advertisedNames.find((name) => !names.includes(name));
  if (foreign !== undefined) {
    throw new Refusal('advertised.listeners', `${foreign} is no listener; accepted is one of ${names.join(', ')}`);
  }
  if (advertisedListeners.some(({ host }) => host === '0.0.0.0')) {
    throw new Refusal(
      advertisedKey,
      'nobody can connect to the address 0.0.0.0 that is advertised; accepted is an address that clients reach ' +
        '(in advertised.listeners, while listeners keeps 0.0.0.0)',
    );
  }
  for (const { listenerName, securityProtocol } of listeners) {
    if (!supportedSecurityProtocols.includes(securityProtocol)) {
      throw new Refusal(
        'listeners',
        `the listener ${listenerName} is ${securityProtocol}, which is not supported yet by this broker; ` +
          `accepted is ${supportedSecurityProtocols.join(', ')}`,
      );
    }
  }

  const interBroker = interBrokerListener(values, protocols);
  if (!advertisedNames.includes(interBroker.name)) {
    throw new Refusal(
      interBroker.key,
      `brokers would talk over the listener ${interBroker.name}, which is not advertised; ` +
        `set inter.broker.listener.name to one of ${advertisedNames.join(', ')}`,
    );
  }
  const controlPlaneListenerName = controlPlaneListener(values, protocols, advertisedNames, interBroker.name);
  for (const name of parseCsvList(values.get('early.start.listeners') ?? '')) {
    if (!names.includes(name)) {
      throw new Refusal('early.start.listeners', `${name} is no listener; accepted is one of ${names.join(', ')}`);
    }
  }
  return {
    listeners,
    advertisedListeners,
    interBrokerListenerName: interBroker.name,
    interBrokerSecurityProtocol: interBroker.protocol,
    controlPlaneListenerName,
  };
}

function interBrokerListener(
  values: BrokerValues,
  protocols: ReadonlyMap<string, SecurityProtocol>,
): { key: BrokerKey; name: string; protocol: SecurityProtocol } {
  const named = values.get('inter.broker.listener.name');
  if (named === null) {
    const protocol = values.get('security.inter.broker.protocol') as SecurityProtocol;
    return { key: 'security.inter.broker.protocol', name: protocol, protocol };
  }
  const key = 'inter.broker.listener.name';
  if (values.isSet('security.inter.broker.protocol')) {
    throw new Refusal(key, 'security.inter.broker.protocol is set too; accepted is one of the two');
  }
  const name = read(key, () => normalizeListenerName(named));
  const protocol = protocols.get(name);
  if (protocol === undefined) throw new Refusal(key, `${name} is not in listener.security.protocol.map`);
  return { key, name, protocol };
}

function controlPlaneListener(
  values: BrokerValues,
  protocols: ReadonlyMap<string, SecurityProtocol>,
  advertisedNames: readonly string[],
  interBrokerName: string,
): string | null {
  const key = 'control.plane.listener.name';
  const named = values.get(key);
  if (named === null) return null;
  const name = read(key, () => normalizeListenerName(named));
  if (!protocols.has(name)) throw new Refusal(key, `${name} is not in listener.security.protocol.map`);
  if (!advertisedNames.includes(name)) {
    throw new Refusal(key, `${name} is not advertised; accepted is one of ${advertisedNames.join(', ')}`);
  }
  if (name === interBrokerName) throw new Refusal(key, 'it is the listener between brokers; accepted is another one');
  return name;
}

function read<T>(key: BrokerKey, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (error instanceof EndPointError) throw new Refusal(key, error.message);
    throw error;
  }
}
