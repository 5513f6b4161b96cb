import type { Construct } from 'constructs';
import type { Listener, ListenerSpec } from '../listener';
import { reject, requireInteger } from './reject';

/** HOST:PORT for each broker of an external listener, or nothing where the pod finds it out itself. */
export type AdvertisedAddresses = readonly string[] | undefined;

export function externalSpecs(listeners: readonly Listener[]): ListenerSpec[] {
  return listeners.map((listener) => listener._spec).filter((spec) => spec.kind !== 'internal');
}

export function withOrdinal(text: string, ordinal: number): string {
  return text.replaceAll('{ordinal}', String(ordinal));
}

/** The node port of one broker, if it was given. */
export function nodePortOf(spec: ListenerSpec, ordinal: number): number | undefined {
  const { firstNodePort, nodePorts } = spec.external;
  return nodePorts?.[ordinal] ?? (firstNodePort === undefined ? undefined : firstNodePort + ordinal);
}

/** Refuses everything about the listeners that would keep a client from reaching the broker that it means. */
export function checkListeners(construct: Construct, listeners: readonly Listener[], brokers: number): void {
  if (listeners[0]?._spec.kind !== 'internal') {
    reject(
      construct,
      'listeners',
      listeners.map((listener) => listener.name),
      'Listener.internal() first: the brokers use it among themselves',
    );
  }
  // The port of /live has a name, too.
  const names = new Set<string>(['HTTP']);
  const ports = new Set<number>([httpPort]);
  for (const [index, { name, port }] of listeners.entries()) {
    const what = `listeners[${index}]`;
    // Kubernetes allows 15 characters in a port's name.
    if (!/^[A-Z][A-Z0-9]{0,14}$/.test(name) || names.has(name)) {
      reject(
        construct,
        `${what}.name`,
        name,
        'up to 15 of A-Z and 0-9, a letter first, not HTTP, and no two listeners of one name',
      );
    }
    requireInteger(construct, `${what}.port`, port, 1, 65535);
    if (ports.has(port)) {
      reject(construct, `${what}.port`, port, `a port of its own, other than ${[...ports].join(', ')}`);
    }
    names.add(name);
    ports.add(port);
  }
  for (const [index, listener] of listeners.entries()) {
    if (listener._spec.kind !== 'internal') checkExternal(construct, `listeners[${index}]`, listener._spec, brokers);
  }
  refuseSharedAddresses(construct, listeners, brokers);
}

/** The port of /live, /ready and /metrics. */
export const httpPort = 9404;

function checkExternal(construct: Construct, what: string, spec: ListenerSpec, brokers: number): void {
  const { host, hosts, discover, firstNodePort, nodePorts } = spec.external;
  const given = [host !== undefined && 'host', hosts !== undefined && 'hosts', discover && 'discover'].filter(Boolean);
  if (given.length !== 1) {
    reject(
      construct,
      what,
      given,
      "one of host (with '{ordinal}' for the pod's), hosts (one a broker) or discover: true",
    );
  }
  if (hosts && hosts.length !== brokers) {
    reject(construct, `${what}.hosts`, hosts, `one for each of the ${brokers} brokers`);
  }
  for (const name of hosts ?? (host === undefined ? [] : [withOrdinal(host, 0)])) {
    if (!/^[A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?$|^\[[0-9a-fA-F:]+\]$/.test(name) || unreachable(name)) {
      reject(
        construct,
        `${what}.host`,
        name,
        'a name or address that clients reach: no port, not localhost, not 0.0.0.0',
      );
    }
  }
  if (spec.kind !== 'nodePort') return;
  if (firstNodePort !== undefined && nodePorts !== undefined) {
    reject(construct, what, ['firstNodePort', 'nodePorts'], 'one of them');
  }
  if (firstNodePort === undefined && nodePorts === undefined && !discover) {
    reject(
      construct,
      what,
      undefined,
      'firstNodePort (broker N gets it plus N), nodePorts (one a broker) or discover: true',
    );
  }
  if (nodePorts && nodePorts.length !== brokers) {
    reject(construct, `${what}.nodePorts`, nodePorts, `one for each of the ${brokers} brokers`);
  }
  for (let ordinal = 0; ordinal < brokers; ordinal++) {
    const port = nodePortOf(spec, ordinal);
    if (port !== undefined) requireInteger(construct, `${what}: node port of broker ${ordinal}`, port, 1, 65535);
  }
}

function unreachable(host: string): boolean {
  return /^(localhost|127\.\d+\.\d+\.\d+|0\.0\.0\.0|\[::1?\])$/.test(host);
}

function refuseSharedAddresses(construct: Construct, listeners: readonly Listener[], brokers: number): void {
  const owner = new Map<string, string>();
  const nodePorts = new Map<number, string>();
  for (const spec of externalSpecs(listeners)) {
    addressesOf(spec, brokers)?.forEach((address, ordinal) => {
      const me = `broker ${ordinal} (${spec.name})`;
      const other = owner.get(address);
      if (other !== undefined) {
        reject(
          construct,
          `listener ${spec.name}: advertised address`,
          address,
          `another one than ${other} has: ${hint(spec)}`,
        );
      }
      owner.set(address, me);
    });
    for (let ordinal = 0; spec.kind === 'nodePort' && ordinal < brokers; ordinal++) {
      const port = nodePortOf(spec, ordinal);
      if (port === undefined) continue;
      const other = nodePorts.get(port);
      if (other !== undefined)
        reject(construct, `listener ${spec.name}: node port`, port, `another one than ${other} has`);
      nodePorts.set(port, `broker ${ordinal} (${spec.name})`);
    }
  }
}

function hint(spec: ListenerSpec): string {
  return spec.kind === 'loadBalancer'
    ? "'{ordinal}' in host, or hosts"
    : "'{ordinal}' in host, hosts, or firstNodePort";
}

/** What each broker advertises for an external listener. */
export function addressesOf(spec: ListenerSpec, brokers: number): AdvertisedAddresses {
  const { host, hosts, discover } = spec.external;
  if (discover) return undefined;
  return Array.from({ length: brokers }, (_, ordinal) => {
    const name = hosts?.[ordinal] ?? withOrdinal(host ?? '', ordinal);
    return `${name}:${spec.kind === 'nodePort' ? nodePortOf(spec, ordinal) : spec.port}`;
  });
}
